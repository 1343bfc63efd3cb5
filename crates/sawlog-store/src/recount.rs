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
    /// The last total, and the run that wrote it and the one that it names.
    total: Option<(String, String, IndexRow)>,
    /// The hashes of all totals, for each run that wrote them, the run that they name, and each field.
    totals: HashMap<(String, String, FieldId), u64>,
}

impl<'h> Recount<'h> {
    pub(crate) fn new(hasher: &'h RandomState) -> Self {
        let (covered, sums, totals) = (HashSet::new(), HashMap::new(), HashMap::new());
        Self { hasher, last: None, covered, has_values: false, sum: None, sums, total: None, totals }
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
        if let Some(sum) = self.sum.as_ref().and_then(|sum| together(sum, &row)) {
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

    /// Takes a row of the totals of `run`, which the run `writer` wrote. Earlier versions wrote the total of a value in
    /// two rows if it was the last one of a row group.
    pub(crate) fn total(&mut self, writer: &str, run: String, total: IndexRow) {
        // Totals with another meaning are not wrong, only not used.
        if !total.is_current() {
            return;
        }
        if let Some((last_writer, last_run, last)) = &mut self.total
            && (last_writer.as_str(), last_run.as_str()) == (writer, run.as_str())
            && let Some(sum) = together(last, &total)
        {
            *last = sum;
            return;
        }
        self.end_total();
        self.total = Some((writer.to_owned(), run, total));
    }

    fn end_total(&mut self) {
        if let Some((writer, run, total)) = self.total.take() {
            let totals = self.totals.entry((writer, run, total.field)).or_default();
            *totals = totals.wrapping_add(self.hasher.hash_one(&total));
        }
    }

    /// The totals that differ from the rows, one line for each field of a run.
    pub(crate) fn finish(mut self) -> Vec<String> {
        self.end_field();
        self.end_total();
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

/// The sum of two rows of the same value; `None` if they are not, or if it does not fit into 64 bits.
fn together(last: &IndexRow, row: &IndexRow) -> Option<IndexRow> {
    let is_like = last.field == row.field && last.value == row.value && last.data_file == row.data_file;
    if is_like { last.add(row) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entities::ValueSums;

    fn row(value: Option<&str>, data_file: &str) -> IndexRow {
        let field = FieldId::of("s3_access", "remote_ip").unwrap();
        IndexRow {
            field,
            value: value.map(str::to_owned),
            data_file: data_file.to_owned(),
            sums: ValueSums { records: 1, ..ValueSums::default() },
            first: None,
            positions: None,
            standing: Some(vec![1, 0, 1, 0, 0]),
            version: field.format().index_version,
        }
    }

    /// What is wrong if the run wrote the total of an address in these rows.
    fn wrong(of_address: &[IndexRow]) -> Vec<String> {
        let hasher = RandomState::new();
        let mut recount = Recount::new(&hasher);
        let null = ["a", "b"].map(|file| row(None, file));
        let values = ["a", "b"].map(|file| row(Some("192.0.2.1"), file));
        null.iter().chain(&values).for_each(|row| recount.row("r", row));
        null.iter().chain(of_address).for_each(|total| recount.total("r", "r".to_owned(), total.clone()));
        recount.finish()
    }

    #[test]
    fn a_total_may_be_in_two_rows() {
        let part = row(Some("192.0.2.1"), "");
        let whole = part.add(&part).unwrap();
        assert_eq!(whole.sums.records, 2);
        assert_eq!(wrong(&[whole]), Vec::<String>::new());
        assert_eq!(wrong(&[part.clone(), part.clone()]), Vec::<String>::new());
        assert_eq!(wrong(&[part]), ["remote_ip in the totals of run r"]);
    }
}
