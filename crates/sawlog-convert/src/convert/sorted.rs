//! Rows in evidence order, as every data file holds them.
//!
//! A worker reads files by the day of their delivery. So the rows of one day come from files of that day and, some of
//! them, from files of the next, and not in the order of the files' names. Rejects of several logs wait apart, too.

use anyhow::{Context, Result, anyhow};
use arrow::array::{AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Int64Type;
use sawlog_formats::{EvidencePlace, TextColumn};
use sawlog_store::parquet::{EncodedRowGroup, Encoder};

/// Rows of one table in evidence order: at least one.
#[derive(Debug)]
pub(super) struct Sorted(RecordBatch);

/// A row group in evidence order.
#[derive(Debug)]
pub(crate) struct SortedRowGroup {
    pub(super) row_group: EncodedRowGroup,
    /// The places of its first and last rows.
    pub(super) first: EvidencePlace,
    pub(super) last: EvidencePlace,
}

impl Sorted {
    /// Sorts rows. The parts of a line that is too long share a place; they stay as they are.
    pub(super) fn new(rows: RecordBatch) -> Result<Self> {
        let places = Places::of(&rows)?;
        let all = 0..rows.num_rows();
        if all.clone().is_sorted_by_key(|row| places.get(row)) {
            return Ok(Self(rows));
        }
        let mut order: Vec<usize> = all.collect();
        order.sort_by_key(|row| places.get(*row));
        let order = order.into_iter().map(u32::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(take_record_batch(&rows, &UInt32Array::from(order))?))
    }

    pub(super) fn rows(&self) -> &RecordBatch {
        &self.0
    }

    pub(super) fn encode(self, encoder: &mut Encoder) -> Result<SortedRowGroup> {
        let places = Places::of(&self.0)?;
        let place = |row: usize| places.get(row).map(str::to_owned);
        let (first, last) = (place(0), place(self.0.num_rows().saturating_sub(1)));
        Ok(SortedRowGroup { row_group: encoder.encode(&self.0)?, first, last })
    }
}

/// Where the rows of a table come from.
struct Places {
    files: TextColumn,
    lines: Int64Array,
}

impl Places {
    fn of(rows: &RecordBatch) -> Result<Self> {
        let files =
            TextColumn::new(&rows["source_file"]).map_err(|found| anyhow!("source_file has the type {found}"))?;
        let lines = rows["source_line"].as_primitive_opt::<Int64Type>().context("source_line does not hold numbers")?;
        Ok(Self { files, lines: lines.clone() })
    }

    fn get(&self, row: usize) -> EvidencePlace<&str> {
        EvidencePlace { file: self.files.get(row).unwrap_or_default(), line: self.lines.value(row) }
    }
}
