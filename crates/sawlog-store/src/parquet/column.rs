//! Encodes record batches as row groups, column by column.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryArray, BooleanArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt32Type};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{BoundaryOrder, Encoding, Type};
use parquet::bloom_filter::Sbbf;
use parquet::errors::{ParquetError, Result};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr};
use sawlog_formats::{Column, Format, Layout, Table};

use crate::entities::RowGroupEntities;

use super::compress::{Codec, Compressor};
use super::leaf::{Leaf, leaves};
use super::page::{ChunkBuilder, EncodedColumn, PAGE_BYTES, PAGE_ROWS, PageRange};
use super::range::{byte_statistics, lower_bound, range_of, range_of_bytes, upper_bound};
use super::{hybrid, integers};

/// How often a Bloom filter says "maybe" for a value that it does not hold.
const FALSE_POSITIVES: f64 = 0.01;

/// A row group in memory, ready to be appended to a data file.
#[derive(Debug)]
pub struct EncodedRowGroup {
    pub(super) rows: usize,
    pub(super) columns: Vec<EncodedColumn>,
    pub(crate) entities: Option<Box<RowGroupEntities>>,
}

impl EncodedRowGroup {
    /// The size of all column chunks in bytes.
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

/// Encodes the record batches of one table, and collects the entities in them for the index.
#[derive(Debug)]
pub struct Encoder {
    table: &'static Table,
    /// For a table of records.
    format: Option<&'static Format>,
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
        Ok(Self { table, format: sawlog_formats::format(table.name), schema, compressor: Compressor::new(codec)? })
    }

    /// Encodes `batch`, whose columns must be those of the table, as one row group.
    ///
    /// # Errors
    ///
    /// If a column has another type than the table says.
    pub fn encode(&mut self, batch: &RecordBatch) -> Result<EncodedRowGroup> {
        let mut columns = Vec::with_capacity(self.schema.num_columns());
        for (column, array) in self.table.columns.iter().zip(batch.columns()) {
            for leaf in leaves(column, array)? {
                let descr = self.schema.column(columns.len());
                columns.push(encode_leaf(&leaf, &descr, &mut self.compressor)?);
            }
        }
        let entities = self.format.map(|format| RowGroupEntities::collect(format, batch)).transpose()?.map(Box::new);
        Ok(EncodedRowGroup { rows: batch.num_rows(), columns, entities })
    }
}

fn encode_leaf(leaf: &Leaf<'_>, descr: &ColumnDescPtr, to: &mut Compressor) -> Result<EncodedColumn> {
    if leaf.is_empty() {
        return encode_nulls(leaf, descr, to);
    }
    match leaf.array.data_type() {
        DataType::Dictionary(..) => {
            let array = leaf.array.as_dictionary::<UInt32Type>();
            encode_dictionary(leaf, array.keys(), array.values().as_string(), descr, to)
        }
        DataType::Utf8 => encode_plain(leaf, PlainBytes::Text(leaf.array.as_string()), descr, to),
        DataType::Binary => encode_plain(leaf, PlainBytes::Bytes(leaf.array.as_binary()), descr, to),
        DataType::Boolean => encode_bools(leaf, leaf.array.as_boolean(), descr, to),
        DataType::Int32 | DataType::Int64 | DataType::Timestamp(..) => {
            let values = cast(&leaf.array, &DataType::Int64)?;
            let values = values.as_primitive::<Int64Type>();
            encode_numbers(leaf, values.values(), descr, to)
        }
        DataType::Float64 => {
            let values = leaf.array.as_primitive::<Float64Type>().values();
            let bits: Vec<i64> = values.iter().map(|value| value.to_bits().cast_signed()).collect();
            encode_numbers(leaf, &bits, descr, to)
        }
        other => Err(ParquetError::NYI(format!("a column of type {other}"))),
    }
}

/// A column that no row has, without a look at each row.
fn encode_nulls(leaf: &Leaf<'_>, descr: &ColumnDescPtr, to: &mut Compressor) -> Result<EncodedColumn> {
    let mut chunk = ChunkBuilder::new(descr.clone(), Encoding::PLAIN, to);
    for page in pages(leaf.rows()) {
        chunk.data(page.len(), &leaf.levels(&page), None, |_| {})?;
    }
    let statistics = match descr.physical_type() {
        number @ (Type::INT32 | Type::INT64 | Type::DOUBLE) => number_statistics(None, None, leaf.rows(), number),
        Type::BOOLEAN => Statistics::Boolean(ValueStatistics::new(None, None, None, Some(leaf.rows() as u64), false)),
        _ => byte_statistics(None, None, leaf.rows() as u64),
    };
    chunk.finish(statistics, BoundaryOrder::UNORDERED, None)
}

/// Splits rows into pages of [`PAGE_ROWS`].
fn pages(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(PAGE_ROWS).map(move |start| start..rows.min(start + PAGE_ROWS))
}

fn encode_dictionary(
    leaf: &Leaf<'_>,
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
    chunk.dictionary(plain, values.len())?;
    let width = hybrid::bit_width(u32::try_from(values.len().saturating_sub(1))?);
    // The page that last used a value: a page's range comes from its distinct values, which are far fewer than its
    // rows.
    let mut used_by = vec![usize::MAX; values.len()];
    let (mut present_keys, mut present) = (Vec::new(), 0);
    for (number, page) in pages(leaf.rows()).enumerate() {
        let places = leaf.values(&page);
        let all = &keys.values()[places.clone()];
        let page_keys = match &leaf.valid {
            None => all,
            Some(valid) => {
                let there = valid.inner().slice(places.start, places.len());
                present_keys.clear();
                present_keys.extend(there.set_indices().map(|place| all[place]));
                &present_keys
            }
        };
        present += page_keys.len();
        let distinct = page_keys.iter().filter_map(|key| {
            let first = std::mem::replace(&mut used_by[*key as usize], number) != number;
            first.then(|| values.value(*key as usize).as_bytes())
        });
        let range = page_range(range_of_bytes(distinct));
        chunk.data(page.len(), &leaf.levels(&page), range, |out| {
            out.push(width.to_le_bytes()[0]);
            hybrid::encode(page_keys, width, out);
        })?;
    }
    let range = range_of_bytes(values.iter().flatten().map(str::as_bytes));
    let statistics = byte_statistics(range, Some(values.len() as u64), (chunk.levels() - present) as u64);
    let bloom_filter = bloom_filter(leaf.column, values.len(), values.iter().flatten().map(str::as_bytes))?;
    chunk.finish(statistics, BoundaryOrder::UNORDERED, bloom_filter)
}

fn page_range(range: Option<(&[u8], &[u8])>) -> Option<PageRange> {
    // The page index must have an upper bound. Text without a short enough bound is its own bound.
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

/// Text or bytes, one value after another.
#[derive(Clone, Copy)]
enum PlainBytes<'a> {
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
}

impl<'a> PlainBytes<'a> {
    fn get(self, place: usize) -> &'a [u8] {
        match self {
            Self::Text(array) => array.value(place).as_bytes(),
            Self::Bytes(array) => array.value(place),
        }
    }

    /// The offsets of all values, and their bytes one after another.
    fn parts(self) -> (&'a [i32], &'a [u8]) {
        match self {
            Self::Text(array) => (array.value_offsets(), array.value_data()),
            Self::Bytes(array) => (array.value_offsets(), array.value_data()),
        }
    }

    /// Some values, one after another as the array has them.
    fn joined(self, places: Range<usize>) -> &'a [u8] {
        let (offsets, bytes) = self.parts();
        let [start, end] = [places.start, places.end].map(|place| usize::try_from(offsets[place]).unwrap_or_default());
        &bytes[start..end]
    }

    /// The length of each of some values.
    fn lengths(self, places: Range<usize>) -> impl Iterator<Item = i64> {
        self.parts().0[places.start..=places.end].windows(2).map(|ends| i64::from(ends[1] - ends[0]))
    }

    /// Splits a leaf's rows into pages. No page is larger than the limit, except one with a single large row.
    fn pages(self, leaf: &Leaf<'_>) -> Vec<Range<usize>> {
        let fits = |rows: Range<usize>| {
            let places = leaf.values(&rows);
            self.joined(places.clone()).len() + places.len() * 4 <= PAGE_BYTES
        };
        let (mut pages, mut start) = (Vec::new(), 0);
        while start < leaf.rows() {
            let (mut end, mut most) = (start + 1, leaf.rows().min(start + PAGE_ROWS));
            while end < most {
                let middle = (end + most).div_ceil(2);
                if fits(start..middle) { end = middle } else { most = middle - 1 }
            }
            pages.push(start..end);
            start = end;
        }
        pages
    }
}

fn encode_plain(
    leaf: &Leaf<'_>,
    values: PlainBytes<'_>,
    descr: &ColumnDescPtr,
    to: &mut Compressor,
) -> Result<EncodedColumn> {
    // Lengths are stored apart from the bytes, which compress better then: most texts of this kind are random and of
    // one length.
    let mut chunk = ChunkBuilder::new(descr.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY, to);
    let mut whole: Option<(&[u8], &[u8])> = None;
    let mut count = 0;
    for page in values.pages(leaf) {
        let present = || leaf.values(&page).filter(|place| leaf.is_there(*place)).map(|place| values.get(place));
        let range = range_of_bytes(present());
        whole = range_of([whole, range].into_iter().flatten().flat_map(|(min, max)| [min, max]));
        let levels = leaf.levels(&page);
        count += levels.values;
        chunk.data(page.len(), &levels, page_range(range), |out| {
            let places = leaf.values(&page);
            let lengths = values.lengths(places.clone()).zip(places.clone()).filter(|(_, place)| leaf.is_there(*place));
            let lengths: Vec<i64> = lengths.map(|(len, _)| len).collect();
            integers::encode_deltas(&lengths, out);
            if leaf.valid.is_none() {
                out.extend_from_slice(values.joined(places));
            } else {
                present().for_each(|value| out.extend_from_slice(value));
            }
        })?;
    }
    let statistics = byte_statistics(whole, None, (chunk.levels() - count) as u64);
    let all = leaf.values(&(0..leaf.rows())).filter(|place| leaf.is_there(*place)).map(|place| values.get(place));
    let bloom_filter = bloom_filter(leaf.column, count, all)?;
    chunk.finish(statistics, BoundaryOrder::UNORDERED, bloom_filter)
}

fn encode_bools(
    leaf: &Leaf<'_>,
    values: &BooleanArray,
    descr: &ColumnDescPtr,
    to: &mut Compressor,
) -> Result<EncodedColumn> {
    let mut chunk = ChunkBuilder::new(descr.clone(), Encoding::PLAIN, to);
    let (mut whole, mut count) = (None, 0);
    for page in pages(leaf.rows()) {
        let present: Vec<bool> =
            leaf.values(&page).filter(|place| leaf.is_there(*place)).map(|place| values.value(place)).collect();
        let range = range_of(present.iter().copied());
        whole = range_of([whole, range].into_iter().flatten().flat_map(|(min, max)| [min, max]));
        count += present.len();
        let range = range.map(|(min, max)| PageRange { min: vec![u8::from(min)], max: vec![u8::from(max)] });
        chunk.data(page.len(), &leaf.levels(&page), range, |out| {
            let bits = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
            out.extend(present.chunks(8).map(bits));
        })?;
    }
    let (min, max) = whole.unzip();
    let nulls = Some((chunk.levels() - count) as u64);
    let statistics = Statistics::Boolean(ValueStatistics::new(min, max, None, nulls, false));
    chunk.finish(statistics, BoundaryOrder::UNORDERED, None)
}

/// How the numbers of a column chunk are written.
enum NumberPages {
    Dictionary { keys: Vec<u32>, width: u32 },
    Delta,
    Plain,
}

/// Encodes numbers; for floating-point numbers `values` are the bits.
fn encode_numbers(
    leaf: &Leaf<'_>,
    values: &[i64],
    descr: &ColumnDescPtr,
    to: &mut Compressor,
) -> Result<EncodedColumn> {
    let number = descr.physical_type();
    let narrow = number == Type::INT32;
    // Only values that are there are encoded.
    let present: Cow<'_, [i64]> = match &leaf.valid {
        None => Cow::Borrowed(values),
        Some(valid) => valid.valid_indices().map(|place| values[place]).collect(),
    };
    let dictionary = if leaf.column.layout == Layout::Delta { None } else { integers::dictionary(&present) };
    let (how, encoding, dictionary) = match dictionary {
        Some((distinct, keys)) if !distinct.is_empty() => {
            let width = hybrid::bit_width(u32::try_from(distinct.len() - 1)?);
            (NumberPages::Dictionary { keys, width }, Encoding::RLE_DICTIONARY, Some(distinct))
        }
        _ if leaf.column.layout == Layout::Delta => (NumberPages::Delta, Encoding::DELTA_BINARY_PACKED, None),
        _ => (NumberPages::Plain, Encoding::PLAIN, None),
    };
    let mut chunk = ChunkBuilder::new(descr.clone(), encoding, to);
    if let Some(distinct) = &dictionary {
        let mut plain = Vec::new();
        put_numbers(distinct, narrow, &mut plain);
        chunk.dictionary(plain, distinct.len())?;
    }
    let (mut start, mut ascending) = (0, true);
    let (mut before, mut whole): (Option<(i64, i64)>, _) = (None, None);
    for page in pages(leaf.rows()) {
        let levels = leaf.levels(&page);
        let count = levels.values;
        let here = &present[start..start + count];
        let ranks = range_of(here.iter().map(|value| rank(*value, number)));
        if let Some((min, max)) = ranks {
            ascending &= before.is_none_or(|(low, high)| low <= min && high <= max);
            before = ranks;
            whole = range_of([whole, ranks].into_iter().flatten().flat_map(|(min, max)| [min, max]));
        }
        let bytes = |value: i64| {
            let mut bytes = Vec::new();
            put_numbers(&[value], narrow, &mut bytes);
            bytes
        };
        let range = ranks.map(|(min, max)| PageRange { min: bytes(rank(min, number)), max: bytes(rank(max, number)) });
        chunk.data(page.len(), &levels, range, |out| match &how {
            NumberPages::Dictionary { keys, width } => {
                out.push(width.to_le_bytes()[0]);
                hybrid::encode(&keys[start..start + count], *width, out);
            }
            NumberPages::Delta => integers::encode_deltas(here, out),
            NumberPages::Plain => put_numbers(here, narrow, out),
        })?;
        start += count;
    }
    let distinct = dictionary.map(|distinct| distinct.len() as u64);
    let range = whole.map(|(min, max)| (rank(min, number), rank(max, number)));
    let statistics = number_statistics(range, distinct, chunk.levels() - present.len(), number);
    let order = if ascending { BoundaryOrder::ASCENDING } else { BoundaryOrder::UNORDERED };
    chunk.finish(statistics, order, None)
}

/// The place of a number among others of its type; the place of the place is the number. The bits of a floating-point
/// number sort as they are if the sign bit is not set, and in reverse if it is.
fn rank(value: i64, number: Type) -> i64 {
    if number == Type::DOUBLE && value < 0 { value ^ i64::MAX } else { value }
}

#[expect(clippy::cast_possible_truncation, reason = "a narrow column's values fit")]
fn number_statistics(range: Option<(i64, i64)>, distinct: Option<u64>, nulls: usize, number: Type) -> Statistics {
    let nulls = Some(nulls as u64);
    let (min, max) = range.unzip();
    match number {
        Type::INT32 => {
            let [min, max] = [min, max].map(|bound| bound.map(|value| value as i32));
            Statistics::Int32(ValueStatistics::new(min, max, distinct, nulls, false))
        }
        Type::DOUBLE => {
            let [min, max] = [min, max].map(|bound| bound.map(|bits| f64::from_bits(bits.cast_unsigned())));
            Statistics::Double(ValueStatistics::new(min, max, distinct, nulls, false))
        }
        _ => Statistics::Int64(ValueStatistics::new(min, max, distinct, nulls, false)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a narrow column's values fit")]
fn put_numbers(values: &[i64], narrow: bool, out: &mut Vec<u8>) {
    let start = out.len();
    if narrow {
        out.resize(start + values.len() * 4, 0);
        let (places, _) = out[start..].as_chunks_mut();
        places.iter_mut().zip(values).for_each(|(place, value)| *place = (*value as i32).to_le_bytes());
    } else {
        out.resize(start + values.len() * 8, 0);
        let (places, _) = out[start..].as_chunks_mut();
        places.iter_mut().zip(values).for_each(|(place, value)| *place = value.to_le_bytes());
    }
}
