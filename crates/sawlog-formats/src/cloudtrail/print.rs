//! Prints records as they were read.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::columns::text_column;
use crate::text::TextColumn;

/// Prints rows of the table as the JSON text they were read from.
#[derive(Debug)]
pub(super) struct RecordPrinter {
    gap: TextColumn,
    raw: TextColumn,
}

impl RecordPrinter {
    pub(super) fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        Ok(Self { gap: text_column(batch, "gap")?, raw: text_column(batch, "raw")? })
    }
}

impl crate::Printer for RecordPrinter {
    fn print(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.raw.get(row).unwrap_or_default().as_bytes());
    }

    fn as_it_was(&self, _row: usize) -> bool {
        true
    }

    fn gap(&self, row: usize) -> Option<&str> {
        self.gap.get(row)
    }
}
