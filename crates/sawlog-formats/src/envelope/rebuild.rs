//! Puts records back into the documents that they come from.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::columns::{BytesColumn, text_column};
use crate::text::TextColumn;
use crate::wrapping::Wrapping;

/// How the records of a batch are wrapped in documents of another kind.
#[derive(Debug)]
pub struct WrappedColumns {
    gap: TextColumn,
    wrapping: TextColumn,
    wrapped: BytesColumn,
}

impl WrappedColumns {
    /// The columns of a batch; `None` if none of its records comes from such a document.
    ///
    /// # Errors
    ///
    /// If a column is missing or has another type.
    pub fn of(batch: &RecordBatch) -> Result<Option<Self>, ArrowError> {
        let wrapping = batch.column_by_name("wrapping");
        if wrapping.is_none_or(|column| column.logical_null_count() == column.len()) {
            return Ok(None);
        }
        Ok(Some(Self {
            gap: text_column(batch, "gap")?,
            wrapping: text_column(batch, "wrapping")?,
            wrapped: BytesColumn::new(batch, "wrapped")?,
        }))
    }

    /// The text before a row's record, if it is not a comma, and the record as its file has it, made from `printed`.
    #[must_use]
    pub fn wrap<'a>(&'a self, row: usize, printed: &'a [u8]) -> (Option<&'a str>, Cow<'a, [u8]>) {
        let wrapping = self.wrapping.get(row).and_then(Wrapping::named).unwrap_or_default();
        let text = self.wrapped.get(row).map_or_else(|| wrapping.wrap(printed), Cow::Borrowed);
        (self.gap.get(row), text)
    }
}
