//! Checks the totals of runs: adds up the index's rows about data files again.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use crate::entities::{FieldId, IndexRow, standing_count};

/// Adds up the rows about data files, and compares the sums with the totals by hashes.
///
/// A run writes its rows in order: those of one field and value follow each other, and those without a value come
/// first. So there is one sum in memory at a time. Rows and totals must come in the order in which each run wrote them.
#[derive(Debug)]
pub(crate) struct Recount<'h> {
    hasher: &'h RandomState,
    /// The run that wrote the last row, and the row's field.
    last: Option<(String, FieldId)>,
    /// The data files that the field's totals cover.
    covered: HashSet<String>,
    /// Whether a row of the field with a value has come.
    has_values: bool,
    /// The sum of the last rows.
    sum: Option<IndexRow>,
    /// The hashes of all sums, for each run that wrote rows, and each field.
    sums: HashMap<(String, FieldId), u64>,
    /// The hashes of all totals, for each run that wrote them, the run that they name, and each field.
    totals: HashMap<(String, String, FieldId), u64>,
}

impl<'h> Recount<'h> {
    pub(crate) fn new(hasher: &'h RandomState) -> Self {
        let (covered, sums, totals) = (HashSet::new(), HashMap::new(), HashMap::new());
        Self { hasher, last: None, covered, has_values: false, sum: None, sums, totals }
    }

    /// Takes a row about one data file, which the run `writer` wrote.
    pub(crate) fn row(&mut self, writer: &str, row: &IndexRow) {
        if standing_count(row.field) == 0 {
            return;
        }
        if self.last.as_ref().is_none_or(|(last, field)| (last.as_str(), *field) != (writer, row.field)) {
            self.end_field();
            self.last = Some((writer.to_owned(), row.field));
        }
        if row.value.is_none() {
            if !row.is_current() || row.standing.is_none() {
                return;
            }
            self.covered.insert(row.data_file.clone());
        } else {
            self.begin_values();
            if !self.covered.contains(&row.data_file) {
                return;
            }
        }
        self.add(row);
    }

    fn begin_values(&mut self) {
        if !self.has_values && self.covered.len() == 1 {
            // A single data file has no totals.
            self.covered.clear();
            self.sum = None;
        }
        self.has_values = true;
    }

    /// Adds a row to the last sum, or begins the next one.
    fn add(&mut self, row: &IndexRow) {
        // Totals without a value stay separate.
        let data_file = if row.value.is_none() { row.data_file.clone() } else { String::new() };
        let row = IndexRow { data_file, positions: None, ..row.clone() };
        let is_like = |sum: &IndexRow| sum.value == row.value && sum.data_file == row.data_file;
        if let Some(sum) = self.sum.as_ref().filter(|sum| is_like(sum)).and_then(|sum| sum.add(&row)) {
            self.sum = Some(sum);
            return;
        }
        // If a sum does not fit into 64 bits, there are several.
        self.end_sum();
        self.sum = Some(row);
    }

    fn end_sum(&mut self) {
        if let (Some(sum), Some(last)) = (self.sum.take(), &self.last) {
            let sums = self.sums.entry(last.clone()).or_default();
            *sums = sums.wrapping_add(self.hasher.hash_one(&sum));
        }
    }

    fn end_field(&mut self) {
        self.end_sum();
        self.covered.clear();
        self.has_values = false;
    }

    /// Takes a row of the totals of `run`, which the run `writer` wrote.
    pub(crate) fn total(&mut self, writer: &str, run: String, total: &IndexRow) {
        // Totals with another meaning are not wrong, only not used.
        if total.is_current() {
            let totals = self.totals.entry((writer.to_owned(), run, total.field)).or_default();
            *totals = totals.wrapping_add(self.hasher.hash_one(total));
        }
    }

    /// The totals that differ from the rows, one line for each field of a run.
    pub(crate) fn finish(mut self) -> Vec<String> {
        self.end_field();
        let is_wrong = |(writer, _, field): &(String, String, FieldId), totals: u64| {
            self.sums.get(&(writer.clone(), *field)) != Some(&totals)
        };
        let wrong = self.totals.iter().filter(|(place, totals)| is_wrong(place, **totals));
        let wrong = wrong.map(|((_, run, field), _)| format!("{} in the totals of run {run}", field.entity().field));
        let mut wrong: Vec<String> = wrong.collect();
        wrong.sort();
        wrong
    }
}
