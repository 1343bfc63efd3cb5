//! What rows of the index add up to over the data files of a run, for the fields of which standing summaries are made.

use super::row::Row;
use super::rows::Rows;
use super::{FIELDS, standing};

/// Adds up rows that come in order.
#[derive(Debug, Default)]
pub(super) struct Totals {
    rows: Rows,
    /// The field whose rows come, and whether it is added up.
    field: Option<(usize, bool)>,
    /// The data files that are covered, in order.
    covered: Vec<u32>,
    /// Whether rows with a value have come.
    has_values: bool,
}

impl Totals {
    /// Adds a row about one data file, if its field is added up. Of a field the rows without a value come first.
    pub(super) fn add(&mut self, row: &Row<'_>) {
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
        } else if row.version >= FIELDS[row.field].format.index_version && row.standing.is_some() {
            if self.covered.last() != Some(&row.data_file) {
                self.covered.push(row.data_file);
            }
            self.rows.append_total(row);
        }
    }

    fn begin(&mut self, field: usize) -> bool {
        let is_added_up = standing::count(field) > 0;
        (self.field, self.has_values) = (Some((field, is_added_up)), false);
        self.covered.clear();
        is_added_up
    }

    fn begin_values(&mut self) {
        if !self.has_values && self.covered.len() == 1 {
            // The rows of a single data file say as much themselves.
            self.covered.clear();
            self.rows.pop();
        }
        self.has_values = true;
    }

    /// The rows, if there are so many that they should be written before another one comes.
    pub(super) fn take_full(&mut self) -> Option<Rows> {
        (self.has_values && self.rows.is_full()).then(|| std::mem::take(&mut self.rows))
    }

    /// The rows that are left.
    pub(super) fn into_rows(self) -> Rows {
        self.rows
    }
}
