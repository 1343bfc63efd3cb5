//! The columns of one table for one date, as they are filled: rows go in, an Arrow record batch comes out.
//!
//! Text columns come out as dictionary arrays or as plain ones, whichever pays for the values seen, so that whoever
//! writes them need not hash a value again.

use std::sync::Arc;

use arrow_array::types::UInt32Type;
use arrow_array::{
    ArrayRef, BinaryArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{Field, Schema};

use crate::interner::Interner;
use crate::table::{Column, Kind, Layout, Table};

/// Stands in the keys of a dictionary column for a null.
const NULL_KEY: u32 = u32::MAX;

/// What a column's few allocations take beside their content, about.
const COLUMN_OVERHEAD: usize = 128;

/// After how many rows a dictionary column first asks itself whether its dictionary pays.
const FIRST_REVIEW: usize = 4096;

/// The columns of one table for one date.
#[derive(Debug)]
pub struct ColumnSet {
    table: &'static Table,
    columns: Vec<ColumnBuilder>,
    rows: usize,
}

impl ColumnSet {
    /// Columns without a row.
    #[must_use]
    pub fn new(table: &'static Table) -> Self {
        Self { table, columns: table.columns.iter().map(ColumnBuilder::new).collect(), rows: 0 }
    }

    /// Columns without a row, with room for about as many as in `like`, so that they need not grow step by step.
    #[must_use]
    pub fn sized_like(table: &'static Table, like: &Sizes) -> Self {
        let mut columns = Self::new(table);
        for (column, (rows, bytes)) in columns.columns.iter_mut().zip(&like.0) {
            column.reserve(*rows, *bytes);
        }
        columns
    }

    /// How large the columns have become.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes(self.columns.iter().map(|column| (column.len(), column.bytes())).collect())
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The memory that the columns hold, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.columns.iter().map(|column| size_of::<ColumnBuilder>() + COLUMN_OVERHEAD + column.memory()).sum()
    }

    /// Appends to text or bytes column `column`. The bytes of a text column must be UTF-8.
    pub(crate) fn texts<'a>(&mut self, column: usize, values: impl Iterator<Item = Option<&'a [u8]>>) {
        self.columns[column].texts(values);
    }

    /// Appends the same value `count` times to text column `column`.
    pub(crate) fn repeat_text(&mut self, column: usize, value: &[u8], count: usize) {
        match &mut self.columns[column] {
            ColumnBuilder::Dictionary { keys, values, .. } => {
                let key = values.intern(value);
                keys.resize(keys.len() + count, key);
            }
            plain => plain.texts(std::iter::repeat_n(Some(value), count)),
        }
    }

    /// Appends to a column of numbers or times.
    pub(crate) fn numbers(&mut self, column: usize, new: impl Iterator<Item = Option<i64>>) {
        let ColumnBuilder::Numbers { values, valid, .. } = &mut self.columns[column] else {
            panic!("column {} does not hold numbers", self.table.columns[column].name)
        };
        for value in new {
            values.push(value.unwrap_or_default());
            valid.append(value.is_some());
        }
    }

    /// Says that `count` values have been appended to every column.
    pub(crate) fn rows_appended(&mut self, count: usize) {
        self.rows += count;
        debug_assert!(self.columns.iter().all(|column| column.len() == self.rows), "columns differ in length");
    }

    /// The rows as a record batch. A text column is a dictionary array (keys `u32`) where that pays, else plain.
    ///
    /// # Panics
    ///
    /// If a decoder broke its word that text is UTF-8 or that every column got every row.
    #[must_use]
    pub fn finish(self) -> RecordBatch {
        let columns: Vec<ArrayRef> = self.columns.into_iter().map(ColumnBuilder::finish).collect();
        let fields: Vec<Field> = self
            .table
            .columns
            .iter()
            .zip(&columns)
            .map(|(column, array)| Field::new(column.name, array.data_type().clone(), true))
            .collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("all columns have the same length")
    }
}

/// Rows and bytes of each column of a [`ColumnSet`].
#[derive(Clone, Debug, Default)]
pub struct Sizes(Vec<(usize, usize)>);

/// The name of a date partition, `2021-07-29`, for a day counted from 1970-01-01.
///
/// ```
/// assert_eq!(sawlog_formats::date_name(18_837), "2021-07-29");
/// ```
#[must_use]
pub fn date_name(day: i32) -> String {
    let (year, month, day) = crate::s3_access::civil_from_days(i64::from(day));
    format!("{year:04}-{month:02}-{day:02}")
}

#[derive(Debug)]
enum ColumnBuilder {
    Dictionary { keys: Vec<u32>, values: Interner, nulls: bool, next_review: usize },
    Plain { kind: Kind, offsets: Vec<i32>, bytes: Vec<u8>, valid: NullBufferBuilder },
    Numbers { kind: Kind, values: Vec<i64>, valid: NullBufferBuilder },
}

impl ColumnBuilder {
    fn new(column: &Column) -> Self {
        match (column.kind, column.layout) {
            (Kind::Text, Layout::Dictionary) => Self::Dictionary {
                keys: Vec::new(),
                values: Interner::default(),
                nulls: false,
                next_review: FIRST_REVIEW,
            },
            (kind @ (Kind::Text | Kind::Bytes), _) => Self::plain(kind),
            (kind, _) => Self::Numbers { kind, values: Vec::new(), valid: NullBufferBuilder::new(0) },
        }
    }

    fn plain(kind: Kind) -> Self {
        Self::Plain { kind, offsets: vec![0], bytes: Vec::new(), valid: NullBufferBuilder::new(0) }
    }

    fn len(&self) -> usize {
        match self {
            Self::Dictionary { keys, .. } => keys.len(),
            Self::Plain { offsets, .. } => offsets.len() - 1,
            Self::Numbers { values, .. } => values.len(),
        }
    }

    /// The bytes of plain text; a dictionary's are few.
    fn bytes(&self) -> usize {
        if let Self::Plain { bytes, .. } = self { bytes.len() } else { 0 }
    }

    fn reserve(&mut self, rows: usize, text: usize) {
        match self {
            Self::Dictionary { keys, .. } => keys.reserve(rows),
            Self::Plain { offsets, bytes, .. } => {
                offsets.reserve(rows);
                bytes.reserve(text);
            }
            Self::Numbers { values, .. } => values.reserve(rows),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Dictionary { keys, values, .. } => keys.capacity() * 4 + values.memory(),
            Self::Plain { offsets, bytes, valid, .. } => {
                offsets.capacity() * 4 + bytes.capacity() + valid.allocated_size()
            }
            Self::Numbers { values, valid, .. } => values.capacity() * 8 + valid.allocated_size(),
        }
    }

    fn texts<'a>(&mut self, new: impl Iterator<Item = Option<&'a [u8]>>) {
        match self {
            Self::Dictionary { keys, values, nulls, next_review } => {
                for value in new {
                    if let Some(value) = value {
                        keys.push(values.intern(value));
                    } else {
                        keys.push(NULL_KEY);
                        *nulls = true;
                    }
                }
                if keys.len() >= *next_review {
                    *next_review = keys.len() * 4;
                    if values.len() * 2 > keys.len() {
                        self.give_up_dictionary();
                    }
                }
            }
            Self::Plain { offsets, bytes, valid, .. } => {
                for value in new {
                    bytes.extend_from_slice(value.unwrap_or_default());
                    offsets.push(offset(bytes.len()));
                    valid.append(value.is_some());
                }
            }
            Self::Numbers { .. } => panic!("numbers are not text"),
        }
    }

    /// Turns into a plain column, because more than half of the values were new ones.
    fn give_up_dictionary(&mut self) {
        let Self::Dictionary { keys, values, .. } = std::mem::replace(self, Self::plain(Kind::Text)) else { return };
        self.texts(keys.iter().map(|&key| (key != NULL_KEY).then(|| values.get(key))));
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Dictionary { keys, values, nulls, .. } => {
                let valid = nulls
                    .then(|| NullBuffer::new(BooleanBuffer::collect_bool(keys.len(), |row| keys[row] != NULL_KEY)));
                let (offsets, bytes) = values.into_parts();
                let offsets = offsets.into_iter().map(|at| offset(at as usize)).collect();
                let values = strings(offsets, bytes, None);
                let keys = UInt32Array::new(ScalarBuffer::from(keys), valid);
                let array = DictionaryArray::<UInt32Type>::try_new(keys, Arc::new(values));
                Arc::new(array.expect("keys come from the interner"))
            }
            Self::Plain { kind: Kind::Text, offsets, bytes, mut valid } => {
                Arc::new(strings(offsets, bytes, valid.finish()))
            }
            Self::Plain { offsets, bytes, mut valid, .. } => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                Arc::new(BinaryArray::new(offsets, Buffer::from_vec(bytes), valid.finish()))
            }
            Self::Numbers { kind, values, mut valid } => numbers(kind, values, valid.finish()),
        }
    }
}

fn strings(offsets: Vec<i32>, bytes: Vec<u8>, valid: Option<NullBuffer>) -> StringArray {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    StringArray::try_new(offsets, Buffer::from_vec(bytes), valid).expect("decoders append UTF-8 only")
}

#[expect(clippy::cast_possible_truncation, reason = "a decoder checks the range of what it appends")]
fn numbers(kind: Kind, values: Vec<i64>, valid: Option<NullBuffer>) -> ArrayRef {
    match kind {
        Kind::Time => Arc::new(TimestampMicrosecondArray::new(ScalarBuffer::from(values), valid).with_timezone("UTC")),
        Kind::Int32 => Arc::new(Int32Array::new(values.into_iter().map(|value| value as i32).collect(), valid)),
        _ => Arc::new(Int64Array::new(ScalarBuffer::from(values), valid)),
    }
}

fn offset(len: usize) -> i32 {
    i32::try_from(len).expect("row groups are flushed long before 2 GiB")
}
