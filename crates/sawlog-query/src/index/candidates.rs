//! Prunes data files, and rows of them, that can't match the filters.

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

/// What is left to read after pruning by the index.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    /// The data files that can have matching records.
    pub(crate) files: Vec<DataFileEntry>,
    /// For some of these, by path, row numbers that include all matching records.
    pub(crate) positions: Positions,
    /// An upper bound for the matching records: the number of records that the index has for the most selective probe.
    pub(crate) records: u64,
    /// Columns that need no search: an entity is part of their text, and the index says that no record has one.
    pub(crate) in_vain: Vec<&'static str>,
}

/// The most row numbers that are kept for a data file. With more, its row groups are scanned.
const MAX_POSITIONS: usize = 4096;

/// What the index has for one probe.
#[derive(Default)]
struct Answer {
    /// The probe's fields that are indexed, by data file.
    indexed: HashMap<String, HashSet<String>>,
    /// The data files with a matching value, and the union of their posting lists; `None` if a value has none.
    holds: HashMap<String, Option<Vec<u64>>>,
    /// The number of records with a matching value.
    records: u64,
    /// For fields of which an entity is a part: how many records have no entity, by data file and field.
    without: HashMap<(String, String), u64>,
}

/// The fields of a log whose text contains an entity, such as an access key in a URL.
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
            let known = batch["positions"].as_binary_view_opt().context("positions does not hold bytes")?;
            let records = batch["records"].as_primitive_opt::<Int64Type>().context("records does not hold numbers")?;
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

/// Prunes the data files of the snapshot with the index: only those that can match all probes are left, with row
/// numbers where posting lists have all of them.
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
            // The rows of any one probe include all matches, so the shortest list is enough.
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
    let of_rows = if known.is_empty() { String::new() } else { format!("; row numbers known for {}", known.len()) };
    let (left, all) = (files.len(), index.files.len());
    let note = format!("the index leaves {left} of {all} data files to read{of_rows}");
    index.explain.note(index.format.table.name, note);
    Ok(Candidates { files, positions: known, records, in_vain })
}
