//! Which data files, and which rows of them, can hold what filters ask for.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use datafusion::logical_expr::ident;
use sawlog_formats::{Format, Part};
use sawlog_store::{DataFileEntry, positions};

use super::{Index, read, rows, text};
use crate::filter::Probe;
use crate::scan::Positions;

/// The data files that can hold what is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    pub(crate) files: Vec<DataFileEntry>,
    /// Of some of them, by path, the rows among which all are that are asked for.
    pub(crate) positions: Positions,
    /// How many records the index has for the rarest thing asked for, at most.
    pub(crate) records: u64,
    /// Columns in which there is nothing to be found: fields that are entities in part, where no record has one.
    pub(crate) in_vain: Vec<&'static str>,
}

/// A scan of so few rows is worth a list of them.
const MAX_POSITIONS: usize = 4096;

/// What the index says to one probe.
#[derive(Default)]
struct Answer {
    /// The fields that are indexed, by data file.
    indexed: HashMap<String, HashSet<String>>,
    /// The data files that hold a value, and the rows, if all are known.
    holds: HashMap<String, Option<Vec<u64>>>,
    records: u64,
    /// How many records have nothing to be found in a field that is an entity in part, by data file and field.
    without: HashMap<(String, String), u64>,
}

/// The fields of a log that are entities in part.
fn looked_into(format: &Format) -> Vec<&'static str> {
    let within = format.entities.iter().filter(|entity| matches!(entity.part, Part::Within(_)));
    within.map(|entity| entity.field).collect()
}

impl Answer {
    fn of(index: Index<'_>, probe: &Probe) -> Result<Self> {
        let none = || ident("value").is_null();
        let mut condition = rows(index.format, &probe.fields, Some(none().or(probe.test.clone())));
        let within = looked_into(index.format);
        if !within.is_empty() {
            condition = condition.or(rows(index.format, &within, Some(none())));
        }
        let mut answer = Self::default();
        for batch in read(index, condition, &["data_file", "field", "value", "records", "positions"])? {
            let (files, fields, values) = (text(&batch, "data_file")?, text(&batch, "field")?, text(&batch, "value")?);
            let known = batch["positions"].as_binary_view_opt().context("no bytes in positions")?;
            let records = batch["records"].as_primitive_opt::<Int64Type>().context("no numbers in records")?;
            for row in 0..batch.num_rows() {
                let file = files.get(row).unwrap_or_default().to_owned();
                if values.get(row).is_none() {
                    let field = fields.get(row).unwrap_or_default();
                    if within.contains(&field) {
                        answer.without.insert((file.clone(), field.to_owned()), records.value(row).unsigned_abs());
                    }
                    if probe.fields.contains(&field) {
                        answer.indexed.entry(file).or_default().insert(field.to_owned());
                    }
                    continue;
                }
                answer.records += records.value(row).unsigned_abs();
                let rows = known.is_valid(row).then(|| positions(known.value(row))).flatten();
                let all = answer.holds.entry(file).or_insert_with(|| Some(Vec::new()));
                *all = all.take().zip(rows).map(|(all, rows)| [all, rows].concat());
                *all = all.take().filter(|all| all.len() <= MAX_POSITIONS);
            }
        }
        Ok(answer)
    }
}

/// The data files, of those in the snapshot, that the index does not rule out, and the rows that it knows.
pub(crate) fn candidates(index: Index<'_>, probes: &[&Probe]) -> Result<Candidates> {
    let mut files = index.files.to_vec();
    let mut known: Positions = HashMap::new();
    let mut records = u64::MAX;
    let mut without = HashMap::new();
    for probe in probes {
        let mut answer = Answer::of(index, probe)?;
        records = records.min(answer.records);
        let all_indexed =
            |path: &str| answer.indexed.get(path).is_some_and(|fields| fields.len() == probe.fields.len());
        files.retain(|file| answer.holds.contains_key(&file.path) || !all_indexed(&file.path));
        for file in files.iter().filter(|file| all_indexed(&file.path)) {
            let Some(Some(mut rows)) = answer.holds.remove(&file.path) else { continue };
            rows.sort_unstable();
            rows.dedup();
            // The rows of each probe hold all that are asked for; the fewest will do.
            if known.get(&file.path).is_none_or(|known| rows.len() < known.len()) {
                known.insert(file.path.clone(), rows);
            }
        }
        without = answer.without;
    }
    known.retain(|path, _| files.iter().any(|file| file.path == *path));
    let mut in_vain = looked_into(index.format);
    in_vain.retain(|field| {
        let nothing = |file: &DataFileEntry| without.get(&(file.path.clone(), (*field).to_owned())) == Some(&file.rows);
        files.iter().all(nothing)
    });
    let of_rows = if known.is_empty() { String::new() } else { format!("; of {} the rows are known", known.len()) };
    let (left, all) = (files.len(), index.files.len());
    let note = format!("by the index {left} of {all} data files can hold what is asked for{of_rows}");
    index.explain.note(index.format.table.name, note);
    Ok(Candidates { files, positions: known, records, in_vain })
}
