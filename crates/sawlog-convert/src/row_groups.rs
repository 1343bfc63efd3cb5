//! Rows read from data files, gathered into the row groups of another data file.

use std::ops::Range;

use anyhow::Result;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, UInt32Type};
use sawlog_formats::{ColumnSet, Seen, Table};

/// A row group is closed when it has this many rows, or this many bytes in memory.
const ROWS: usize = 256 << 10;
const BYTES: usize = 96 << 20;
/// About this many bytes are added at a time, however long the texts are that rows share.
const STEP: usize = 8 << 20;

/// Rows that wait to become a row group.
#[derive(Debug)]
pub(crate) struct Gathered {
    table: &'static Table,
    columns: ColumnSet,
}

/// What is known about a batch whose rows are gathered.
#[derive(Debug)]
pub(crate) struct Known {
    seen: Seen,
    /// How many rows may be added at a time.
    at_once: usize,
}

impl Known {
    pub(crate) fn of(batch: &RecordBatch) -> Self {
        let longest: usize = batch.columns().iter().map(longest_text).sum();
        Self { seen: Seen::default(), at_once: (STEP / longest.max(1)).max(1) }
    }
}

impl Gathered {
    pub(crate) fn new(table: &'static Table) -> Self {
        Self { table, columns: ColumnSet::new(table) }
    }

    /// Adds rows of a batch until the group is full. Returns how many it took.
    pub(crate) fn add(&mut self, batch: &RecordBatch, rows: Range<usize>, known: &mut Known) -> Result<usize> {
        let mut at = rows.start;
        while at < rows.end && !self.is_full() {
            let end = rows.end.min(at + known.at_once).min(at + ROWS - self.columns.rows());
            self.columns.append(batch, at..end, &mut known.seen)?;
            at = end;
        }
        Ok(at - rows.start)
    }

    pub(crate) fn table(&self) -> &'static Table {
        self.table
    }

    pub(crate) fn is_full(&self) -> bool {
        self.columns.rows() >= ROWS || self.columns.memory() >= BYTES
    }

    /// Takes the rows, if there are any.
    pub(crate) fn take(&mut self) -> Option<RecordBatch> {
        if self.columns.rows() == 0 {
            return None;
        }
        let next = ColumnSet::sized_like(self.table, &self.columns.sizes());
        Some(std::mem::replace(&mut self.columns, next).finish())
    }
}

/// The length of the longest text in the dictionaries, since rows may repeat it.
fn longest_text(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let texts = array.as_dictionary_opt::<UInt32Type>().and_then(|array| array.values().as_string_opt::<i32>());
            let lengths = texts.iter().flat_map(|texts| texts.offsets().windows(2)).map(|ends| ends[1] - ends[0]);
            lengths.max().and_then(|longest| usize::try_from(longest).ok()).unwrap_or_default()
        }
        DataType::Struct(_) => array.as_struct().columns().iter().map(longest_text).sum(),
        DataType::List(_) => longest_text(array.as_list::<i32>().values()),
        _ => 0,
    }
}
