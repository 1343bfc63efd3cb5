//! Totals over the data files of a run, for fields with standing summaries.

use super::field::FieldId;
use super::row::{BorrowedRow, DataFileId};
use super::rows::Rows;
use super::standing;

/// Adds up sorted rows over their data files.
#[derive(Debug, Default)]
pub(super) struct Totals {
    rows: Rows,
    /// The current field, and whether it has totals.
    field: Option<(FieldId, bool)>,
    /// The data files that the field's totals cover, sorted.
    covered: Vec<DataFileId>,
    /// Whether a row of the field with a value was added.
    has_values: bool,
}

impl Totals {
    /// Adds a row about one data file to the totals, if its field has any. The rows of a field without a value come
    /// first, so the covered data files are known when its values come.
    pub(super) fn add(&mut self, row: &BorrowedRow<'_>) {
        let is_added_up = match self.field {
            Some((field, is_added_up)) if field == row.field => is_added_up,
            _ => self.begin(row.field),
        };
        if !is_added_up {
            return;
        }
        if row.value.is_some() {
            self.begin_values();
            if self.covered.binary_search(&row.data_file).is_ok() {
                self.rows.append_total(row);
            }
        } else if row.is_current() && row.standing.is_some() {
            if self.covered.last() != Some(&row.data_file) {
                self.covered.push(row.data_file);
            }
            self.rows.append_total(row);
        }
    }

    fn begin(&mut self, field: FieldId) -> bool {
        let is_added_up = standing::count(field) > 0;
        (self.field, self.has_values) = (Some((field, is_added_up)), false);
        self.covered.clear();
        is_added_up
    }

    fn begin_values(&mut self) {
        if !self.has_values && self.covered.len() == 1 {
            // Totals over a single data file would only repeat its rows.
            self.covered.clear();
            self.rows.pop();
        }
        self.has_values = true;
    }

    /// Like [`Rows::take_full`]. Rows without a value wait for the first value, since [`Self::begin_values`] may remove
    /// one.
    pub(super) fn take_full(&mut self, next: &BorrowedRow<'_>) -> Option<Rows> {
        if self.has_values { self.rows.take_full(next) } else { None }
    }

    /// The remaining rows.
    pub(super) fn into_rows(self) -> Rows {
        self.rows
    }
}
