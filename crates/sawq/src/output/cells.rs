//! The values of a batch as text.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::json::LineDelimitedWriter;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Times in UTC as AWS's own tools print them, with the fraction of a second if there is one.
const UTC_TIME: &str = "%Y-%m-%dT%H:%M:%S%.fZ";
/// Times in another zone, with their offset from UTC.
const ZONED_TIME: &str = "%Y-%m-%dT%H:%M:%S%.f%:z";
/// Times without a zone.
const ZONELESS_TIME: &str = "%Y-%m-%dT%H:%M:%S%.f";

/// The batch with bytes as text, for forms without bytes: what is no UTF-8 as `\xff`.
pub(crate) fn with_texts(batch: &RecordBatch) -> Result<Cow<'_, RecordBatch>> {
    let is_bytes = |array: &ArrayRef| matches!(array.data_type(), DataType::Binary | DataType::BinaryView);
    if !batch.columns().iter().any(is_bytes) {
        return Ok(Cow::Borrowed(batch));
    }
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
        let array = if is_bytes(array) { texts_of(array)? } else { array.clone() };
        anyhow::Ok((field.name().clone(), array, true))
    });
    Ok(Cow::Owned(RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>>>()?)?))
}

fn texts_of(bytes: &ArrayRef) -> Result<ArrayRef> {
    let bytes = cast(bytes, &DataType::BinaryView)?;
    let text = |bytes: &[u8]| {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                // Writing to a text does not fail.
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        text
    };
    Ok(Arc::new(bytes.as_binary_view().iter().map(|bytes| bytes.map(text)).collect::<StringArray>()))
}

/// A batch with groups and lists as JSON text, for forms without these types.
pub(crate) struct Flat {
    batch: RecordBatch,
    /// Whether a column is text, including JSON text.
    texts: Vec<bool>,
}

impl Flat {
    /// The batch, flat.
    pub(crate) fn of(batch: &RecordBatch) -> Result<Self> {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
            let array = if array.data_type().is_nested() { json_text(array)? } else { array.clone() };
            anyhow::Ok((field.name().clone(), array, true))
        });
        let batch = RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>>>()?)?;
        let texts = batch.columns().iter().map(|array| is_text(array.data_type())).collect();
        Ok(Self { batch, texts })
    }

    /// The columns.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    /// Whether a column is text.
    pub(crate) fn is_text(&self, column: usize) -> bool {
        self.texts[column]
    }

    /// The values; absent ones are shown as `absent`.
    pub(crate) fn cells<'a>(&'a self, absent: &'a str) -> Result<Cells<'a>> {
        let options = FormatOptions::default().with_null(absent).with_timestamp_format(Some(ZONELESS_TIME));
        let columns = self.batch.columns().iter().map(|array| {
            let zoned = if is_utc(array.data_type()) { UTC_TIME } else { ZONED_TIME };
            ArrayFormatter::try_new(array, &options.clone().with_timestamp_tz_format(Some(zoned)))
        });
        Ok(Cells { columns: columns.collect::<Result<_, _>>()?, rows: self.batch.num_rows() })
    }
}

/// The values of a batch, as text.
pub(crate) struct Cells<'a> {
    columns: Vec<ArrayFormatter<'a>>,
    rows: usize,
}

impl Cells<'_> {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// A value's text.
    pub(crate) fn text(&self, row: usize, column: usize) -> String {
        self.columns[column].value(row).to_string()
    }

    /// Puts a value's text in the place of another one.
    pub(crate) fn put(&self, row: usize, column: usize, text: &mut String) -> Result<()> {
        text.clear();
        Ok(write!(text, "{}", self.columns[column].value(row))?)
    }
}

/// Whether values of a type are times in UTC.
fn is_utc(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(zone)) if ["UTC", "Z", "+00:00"].contains(&zone.as_ref()))
}

/// Whether values of a type are text.
fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn json_text(array: &ArrayRef) -> Result<ArrayRef> {
    let one = RecordBatch::try_from_iter([("v", array.clone())])?;
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer.write(&one)?;
    writer.finish()?;
    let lines = String::from_utf8(writer.into_inner())?;
    let texts = lines.lines().map(|line| line.strip_prefix("{\"v\":").and_then(|line| line.strip_suffix('}')));
    Ok(Arc::new(texts.collect::<StringArray>()))
}
