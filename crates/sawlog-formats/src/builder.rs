//! The columns of one table for one date while they are filled: rows go in, an Arrow record batch comes out.
//!
//! Text columns come out as dictionary arrays or as plain ones, whichever is cheaper for the values seen, so that
//! writers need not hash a value again.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Field, Schema};

use crate::column::{ColumnBuilder, Numbers, Size};
use crate::table::Table;

/// The columns of one table for one date.
#[derive(Debug)]
pub struct ColumnSet {
    /// No other columns have the same.
    id: u64,
    table: &'static Table,
    columns: Vec<ColumnBuilder>,
    rows: usize,
}

/// What [`ColumnSet::append`] has seen of a source's dictionaries.
#[derive(Debug, Default)]
pub struct Seen {
    /// The columns that the dictionaries were appended to.
    id: Option<u64>,
    numbers: Numbers,
}

impl ColumnSet {
    /// Columns without a row.
    #[must_use]
    pub fn new(table: &'static Table) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, table, columns: table.columns.iter().map(ColumnBuilder::new).collect(), rows: 0 }
    }

    /// Columns without a row, with room for about as much as in `like`, so that they need not grow step by step.
    #[must_use]
    pub fn sized_like(table: &'static Table, like: &Sizes) -> Self {
        let mut columns = Self::new(table);
        let mut sizes = like.columns.iter().copied();
        columns.columns.iter_mut().for_each(|column| column.reserve(&mut sizes));
        columns
    }

    /// How large the columns have become.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        let mut columns = Vec::new();
        self.columns.iter().for_each(|column| column.sizes(&mut columns));
        Sizes { columns }
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The memory that the columns hold, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.columns.iter().map(ColumnBuilder::memory).sum()
    }

    /// Appends to text or bytes column `column`, after nulls for the rows in which it was not set. The bytes of a text
    /// column must be UTF-8.
    pub(crate) fn texts<'a>(&mut self, column: usize, values: impl Iterator<Item = Option<&'a [u8]>>) {
        self.column(column).texts(values);
    }

    /// Appends the same value `count` times to text column `column`, after nulls for the rows in which it was not set.
    pub(crate) fn repeat_text(&mut self, column: usize, value: &[u8], count: usize) {
        self.column(column).repeat_text(value, count);
    }

    /// Appends to a column of numbers or times, after nulls for the rows in which it was not set.
    pub(crate) fn numbers(&mut self, column: usize, new: impl Iterator<Item = Option<i64>> + Clone) {
        self.column(column).numbers(new);
    }

    /// A column that has a value for every row so far.
    fn column(&mut self, column: usize) -> &mut ColumnBuilder {
        self.columns[column].settle(self.rows);
        &mut self.columns[column]
    }

    /// The columns, to be filled one value at a time with [`ColumnBuilder::set_text`] and its like.
    pub(crate) fn columns(&mut self) -> &mut [ColumnBuilder] {
        &mut self.columns
    }

    /// Declares that `count` rows have been set in the columns that have a value; the others are null.
    pub(crate) fn rows_set(&mut self, count: usize) {
        self.rows += count;
    }

    /// Makes values null that were not set.
    pub(crate) fn settle(&mut self) {
        for column in &mut self.columns {
            column.settle(self.rows);
            column.review();
        }
    }

    /// Declares that `count` values have been appended to every column.
    pub(crate) fn rows_appended(&mut self, count: usize) {
        self.rows += count;
        debug_assert!(self.columns.iter().all(|column| column.len() == self.rows), "columns differ in length");
    }

    /// Appends rows of a record batch of the same table. Its text columns may be dictionaries (keys `u32`) or plain.
    /// `seen` must be used for the batches of one source, one after another.
    ///
    /// # Errors
    ///
    /// If a column is missing or has another type.
    pub fn append(&mut self, batch: &RecordBatch, rows: Range<usize>, seen: &mut Seen) -> Result<(), ArrowError> {
        if seen.id != Some(self.id) {
            *seen = Seen { id: Some(self.id), numbers: Numbers::default() };
        }
        if batch.num_columns() != self.columns.len() {
            return Err(ArrowError::SchemaError(format!("the rows are not those of {}", self.table.name)));
        }
        let mut memo = seen.numbers.memo();
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.append(array, rows.clone(), &mut memo)?;
            column.review();
        }
        self.rows += rows.len();
        Ok(())
    }

    /// The rows as a record batch. A text column is a dictionary array (keys `u32`) if that is cheaper, else plain.
    ///
    /// # Panics
    ///
    /// If a decoder broke its promise that text is UTF-8, or that every column gets every row.
    #[must_use]
    pub fn finish(self) -> RecordBatch {
        let columns: Vec<ArrayRef> = self.columns.into_iter().map(|column| column.finish(self.rows)).collect();
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

/// The size of each column of a [`ColumnSet`], followed by those of the columns in it.
#[derive(Clone, Debug, Default)]
pub struct Sizes {
    columns: Vec<Size>,
}

impl Sizes {
    /// Those of the average of some columns.
    pub(crate) fn average<'a>(all: impl ExactSizeIterator<Item = &'a ColumnSet>) -> Self {
        let count = all.len().max(1);
        let mut sum: Vec<Size> = Vec::new();
        for Sizes { columns } in all.map(ColumnSet::sizes) {
            sum.resize(columns.len(), Size::default());
            sum.iter_mut().zip(columns).for_each(|(sum, size)| *sum = sum.add(size));
        }
        Self { columns: sum.into_iter().map(|sum| sum.part(count)).collect() }
    }
}

/// The name of a date partition, `2021-07-29`, for a day counted from 1970-01-01.
///
/// ```
/// assert_eq!(sawlog_formats::date_name(18_837), "2021-07-29");
/// ```
#[must_use]
pub fn date_name(day: i32) -> String {
    let (year, month, day) = crate::calendar::civil_from_days(i64::from(day));
    format!("{year:04}-{month:02}-{day:02}")
}
