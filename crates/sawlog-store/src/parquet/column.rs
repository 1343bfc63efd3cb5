//! Encodes record batches as row groups, column by column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, UInt32Type};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{BoundaryOrder, Encoding, Type};
use parquet::bloom_filter::Sbbf;
use parquet::errors::{ParquetError, Result};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr};
use sawlog_formats::{Column, Layout, Table};

use super::compress::{Codec, Compressor};
use super::page::{ChunkBuilder, EncodedColumn, PAGE_BYTES, PAGE_ROWS, PageRange};
use super::range::{byte_statistics, lower_bound, range_of, upper_bound};
use super::{hybrid, integers};

/// How often a Bloom filter says "maybe" of a value that it does not hold.
const FALSE_POSITIVES: f64 = 0.01;

/// A row group in memory, ready to be appended to a data file.
#[derive(Debug)]
pub struct EncodedRowGroup {
    pub(super) rows: usize,
    pub(super) columns: Vec<EncodedColumn>,
}

impl EncodedRowGroup {
    /// The size of the column chunks in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.columns.iter().map(|column| column.bytes.len()).sum()
    }

    /// How many rows it holds.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// Encodes the record batches of one table.
#[derive(Debug)]
pub struct Encoder {
    table: &'static Table,
    schema: SchemaDescPtr,
    compressor: Compressor,
}

impl Encoder {
    /// An encoder for `table`.
    ///
    /// # Errors
    ///
    /// If the compressor can't be set up.
    pub fn new(table: &'static Table, codec: Codec) -> Result<Self> {
        let schema = Arc::new(ArrowSchemaConverter::new().convert(&table.schema())?);
        Ok(Self { table, schema, compressor: Compressor::new(codec)? })
    }

    /// Encodes `batch`, whose columns must be those of the table, as one row group.
    ///
    /// # Errors
    ///
    /// If a column has another type than the table says.
    pub fn encode(&mut self, batch: &RecordBatch) -> Result<EncodedRowGroup> {
        let columns = self.table.columns.iter().zip(batch.columns()).enumerate();
        let columns = columns.map(|(place, (column, array))| {
            encode_column(column, array, &self.schema.column(place), &mut self.compressor)
        });
        Ok(EncodedRowGroup { rows: batch.num_rows(), columns: columns.collect::<Result<_>>()? })
    }
}

fn encode_column(
    column: &Column,
    array: &ArrayRef,
    descr: &ColumnDescPtr,
    to: &mut Compressor,
) -> Result<EncodedColumn> {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let array = array.as_dictionary::<UInt32Type>();
            encode_dictionary(column, array.keys(), array.values().as_string(), descr, to)
        }
        DataType::Utf8 => encode_plain(column, PlainBytes::Text(array.as_string()), descr, to),
        DataType::Binary => encode_plain(column, PlainBytes::Bytes(array.as_binary()), descr, to),
        DataType::Int32 | DataType::Int64 | DataType::Timestamp(..) => {
            let values = cast(array, &DataType::Int64)?;
            let values = values.as_primitive::<Int64Type>();
            encode_numbers(column, values.values(), array.nulls(), descr, to)
        }
        other => Err(ParquetError::NYI(format!("a column of type {other}"))),
    }
}

/// Splits rows into pages of [`PAGE_ROWS`].
fn pages(rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..rows).step_by(PAGE_ROWS).map(move |start| start..rows.min(start + PAGE_ROWS))
}

/// A 1 for each value and a 0 for each null of the page, unless there are no nulls.
fn levels<'a>(
    nulls: Option<&NullBuffer>,
    page: &std::ops::Range<usize>,
    levels: &'a mut Vec<u32>,
) -> Option<&'a [u32]> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0)?;
    levels.clear();
    levels.extend(page.clone().map(|row| u32::from(nulls.is_valid(row))));
    Some(levels)
}

fn encode_dictionary(
    column: &Column,
    keys: &UInt32Array,
    values: &StringArray,
    descr: &ColumnDescPtr,
    to: &mut Compressor,
) -> Result<EncodedColumn> {
    let mut chunk = ChunkBuilder::new(descr.clone(), Encoding::RLE_DICTIONARY, to);
    let mut plain = Vec::with_capacity(values.value_data().len() + 4 * values.len());
    for value in values {
        put_bytes(value.unwrap_or_default().as_bytes(), &mut plain);
    }
    chunk.dictionary(&plain, values.len())?;
    let width = hybrid::bit_width(u32::try_from(values.len().saturating_sub(1))?);
    // Which page last used a value: a page's range is that of its distinct values, which are far fewer than its rows.
    let mut used_by = vec![usize::MAX; values.len()];
    let (mut level_buffer, mut present_keys) = (Vec::new(), Vec::new());
    for (number, page) in pages(keys.len()).enumerate() {
        let present = levels(keys.nulls(), &page, &mut level_buffer);
        let all = &keys.values()[page.clone()];
        let page_keys = match present {
            None => all,
            Some(levels) => {
                present_keys.clear();
                present_keys.extend(all.iter().zip(levels).filter(|(_, level)| **level == 1).map(|(key, _)| *key));
                &present_keys
            }
        };
        let distinct = page_keys.iter().filter_map(|key| {
            let first = std::mem::replace(&mut used_by[*key as usize], number) != number;
            first.then(|| values.value(*key as usize).as_bytes())
        });
        let range = page_range(range_of(distinct));
        chunk.data(page.len(), present, range, |out| {
            out.push(width.to_le_bytes()[0]);
            hybrid::encode(page_keys, width, out);
        })?;
    }
    let range = range_of(values.iter().flatten().map(str::as_bytes));
    let statistics = byte_statistics(range, Some(values.len() as u64), keys.null_count() as u64);
    let bloom_filter = bloom_filter(column, values.len(), values.iter().flatten().map(str::as_bytes))?;
    chunk.finish(statistics, BoundaryOrder::UNORDERED, bloom_filter)
}

fn page_range(range: Option<(&[u8], &[u8])>) -> Option<PageRange> {
    // The page index must name an upper bound; text that has none that is short enough gets itself as bound.
    range.map(|(min, max)| PageRange {
        min: lower_bound(min).0,
        max: upper_bound(max).map_or_else(|| max.to_vec(), |(bound, _)| bound),
    })
}

fn put_bytes(value: &[u8], out: &mut Vec<u8>) {
    let len = u32::try_from(value.len()).expect("an Arrow value is shorter than 2 GiB");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(value);
}

fn bloom_filter<'a>(column: &Column, distinct: usize, values: impl Iterator<Item = &'a [u8]>) -> Result<Option<Sbbf>> {
    if !column.lookup || distinct == 0 {
        return Ok(None);
    }
    let mut filter = Sbbf::new_with_ndv_fpp(distinct as u64, FALSE_POSITIVES)?;
    values.for_each(|value| filter.insert(value));
    Ok(Some(filter))
}

/// Text or bytes, one value after the other.
#[derive(Clone, Copy)]
enum PlainBytes<'a> {
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
}

impl<'a> PlainBytes<'a> {
    fn get(self, row: usize) -> Option<&'a [u8]> {
        match self {
            Self::Text(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Self::Bytes(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }

    fn array(self) -> &'a dyn Array {
        match self {
            Self::Text(array) => array,
            Self::Bytes(array) => array,
        }
    }

    /// Splits rows into pages, none of which is larger than fits but for one value that is.
    fn pages(self) -> Vec<std::ops::Range<usize>> {
        let (mut pages, mut start, mut bytes) = (Vec::new(), 0, 0);
        for row in 0..self.array().len() {
            let len = self.get(row).map_or(0, |value| value.len() + 4);
            if row > start && (row - start == PAGE_ROWS || bytes + len > PAGE_BYTES) {
                pages.push(start..row);
                (start, bytes) = (row, 0);
            }
            bytes += len;
        }
        if self.array().len() > start {
            pages.push(start..self.array().len());
        }
        pages
    }
}

fn encode_plain(
    column: &Column,
    values: PlainBytes<'_>,
    descr: &ColumnDescPtr,
    to: &mut Compressor,
) -> Result<EncodedColumn> {
    let array = values.array();
    let mut chunk = ChunkBuilder::new(descr.clone(), Encoding::PLAIN, to);
    let mut level_buffer = Vec::new();
    let mut whole: Option<(&[u8], &[u8])> = None;
    for page in values.pages() {
        let present = levels(array.nulls(), &page, &mut level_buffer);
        let range = range_of(page.clone().filter_map(|row| values.get(row)));
        whole = range_of([whole, range].into_iter().flatten().flat_map(|(min, max)| [min, max]));
        chunk.data(page.len(), present, page_range(range), |out| {
            for value in page.filter_map(|row| values.get(row)) {
                put_bytes(value, out);
            }
        })?;
    }
    let present = array.len() - array.null_count();
    let statistics = byte_statistics(whole, None, array.null_count() as u64);
    let bloom_filter = bloom_filter(column, present, (0..array.len()).filter_map(|row| values.get(row)))?;
    chunk.finish(statistics, BoundaryOrder::UNORDERED, bloom_filter)
}

/// How the numbers of a column chunk are written.
enum NumberPages {
    Dictionary { keys: Vec<u32>, width: u32 },
    Delta,
    Plain,
}

fn encode_numbers(
    column: &Column,
    values: &[i64],
    nulls: Option<&NullBuffer>,
    descr: &ColumnDescPtr,
    to: &mut Compressor,
) -> Result<EncodedColumn> {
    let narrow = descr.physical_type() == Type::INT32;
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    // Only values that are there are encoded.
    let present: Vec<i64> = match nulls {
        None => values.to_vec(),
        Some(nulls) => nulls.valid_indices().map(|row| values[row]).collect(),
    };
    let dictionary = if column.layout == Layout::Delta { None } else { integers::dictionary(&present) };
    let (how, encoding, dictionary) = match dictionary {
        Some((distinct, keys)) if !distinct.is_empty() => {
            let width = hybrid::bit_width(u32::try_from(distinct.len() - 1)?);
            (NumberPages::Dictionary { keys, width }, Encoding::RLE_DICTIONARY, Some(distinct))
        }
        _ if column.layout == Layout::Delta => (NumberPages::Delta, Encoding::DELTA_BINARY_PACKED, None),
        _ => (NumberPages::Plain, Encoding::PLAIN, None),
    };
    let mut chunk = ChunkBuilder::new(descr.clone(), encoding, to);
    if let Some(distinct) = &dictionary {
        let mut plain = Vec::with_capacity(distinct.len() * 8);
        distinct.iter().for_each(|value| put_number(*value, narrow, &mut plain));
        chunk.dictionary(&plain, distinct.len())?;
    }
    let (mut level_buffer, mut start, mut ascending, mut before) = (Vec::new(), 0, true, None);
    for page in pages(values.len()) {
        let levels = levels(nulls, &page, &mut level_buffer);
        let count = levels.map_or(page.len(), |levels| levels.iter().map(|level| *level as usize).sum());
        let here = &present[start..start + count];
        let range = range_of(here.iter().copied());
        if let Some((min, max)) = range {
            ascending &= before.is_none_or(|(low, high)| low <= min && high <= max);
            before = range;
        }
        let bytes = |value: i64| {
            let mut bytes = Vec::with_capacity(8);
            put_number(value, narrow, &mut bytes);
            bytes
        };
        let range = range.map(|(min, max)| PageRange { min: bytes(min), max: bytes(max) });
        chunk.data(page.len(), levels, range, |out| match &how {
            NumberPages::Dictionary { keys, width } => {
                out.push(width.to_le_bytes()[0]);
                hybrid::encode(&keys[start..start + count], *width, out);
            }
            NumberPages::Delta => integers::encode_deltas(here, out),
            NumberPages::Plain => here.iter().for_each(|value| put_number(*value, narrow, out)),
        })?;
        start += count;
    }
    let distinct = dictionary.map(|distinct| distinct.len() as u64);
    let statistics =
        number_statistics(range_of(present.iter().copied()), distinct, values.len() - present.len(), narrow);
    let order = if ascending { BoundaryOrder::ASCENDING } else { BoundaryOrder::UNORDERED };
    chunk.finish(statistics, order, None)
}

#[expect(clippy::cast_possible_truncation, reason = "a narrow column's values fit")]
fn number_statistics(range: Option<(i64, i64)>, distinct: Option<u64>, nulls: usize, narrow: bool) -> Statistics {
    let nulls = Some(nulls as u64);
    let (min, max) = range.unzip();
    if narrow {
        let [min, max] = [min, max].map(|bound| bound.map(|value| value as i32));
        Statistics::Int32(ValueStatistics::new(min, max, distinct, nulls, false))
    } else {
        Statistics::Int64(ValueStatistics::new(min, max, distinct, nulls, false))
    }
}

fn put_number(value: i64, narrow: bool, out: &mut Vec<u8>) {
    // The lower half of a number in little-endian order is its first four bytes.
    out.extend_from_slice(&value.to_le_bytes()[..if narrow { 4 } else { 8 }]);
}
