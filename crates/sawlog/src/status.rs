//! What a store holds: tables, days, sizes, sources, and why lines were rejected.

use std::collections::BTreeMap;

use anyhow::Result;
use arrow::array::AsArray;
use bytesize::ByteSize;
use comfy_table::{CellAlignment, Table as Grid, presets};
use indicatif::HumanCount;
use sawlog_formats::REJECTS;
use sawlog_store::{Source, SourceState, Store, TABLES, read_file};
use serde::Serialize;

/// So many reasons are shown.
const REASONS: usize = 10;

/// What a store holds.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    store: String,
    tables: Vec<TableStatus>,
    sources: SourceStatus,
    /// Bytes of all files that were converted, and of all data files.
    bytes_in: i64,
    bytes_out: u64,
    /// How many times smaller the store is.
    ratio: f64,
    /// Why lines were rejected: the reason, and how many lines; the commonest first.
    reject_reasons: Vec<(String, usize)>,
}

#[derive(Debug, Serialize)]
struct TableStatus {
    table: &'static str,
    rows: u64,
    files: usize,
    bytes: u64,
    first_day: Option<String>,
    last_day: Option<String>,
    days: usize,
    version: u64,
}

#[derive(Debug, Default, Serialize)]
struct SourceStatus {
    converted: usize,
    duplicate: usize,
    empty: usize,
    unknown: usize,
    records: i64,
    rejects: i64,
    blank_lines: i64,
}

/// Reads what a store holds.
pub(crate) fn status(store: &Store) -> Result<Status> {
    let mut tables = Vec::new();
    for table in TABLES() {
        let snapshot = store.snapshot(table)?;
        let days: std::collections::BTreeSet<&str> =
            snapshot.files.iter().filter_map(|file| file.date.as_deref()).collect();
        tables.push(TableStatus {
            table: table.name,
            rows: snapshot.rows(),
            files: snapshot.files.len(),
            bytes: snapshot.size(),
            first_day: days.first().map(ToString::to_string),
            last_day: days.last().map(ToString::to_string),
            days: days.len(),
            version: snapshot.version,
        });
    }
    let mut sources = SourceStatus::default();
    let mut bytes_in = 0;
    for source in Source::load_all(store)? {
        match source.state {
            SourceState::Converted => {
                sources.converted += 1;
                bytes_in += source.size;
            }
            SourceState::Duplicate => sources.duplicate += 1,
            SourceState::Empty => sources.empty += 1,
            SourceState::Unknown => sources.unknown += 1,
        }
        sources.records += source.records;
        sources.rejects += source.rejects;
        sources.blank_lines += source.blank_lines;
    }
    let bytes_out = tables.iter().map(|table| table.bytes).sum();
    Ok(Status {
        store: store.root().display().to_string(),
        tables,
        sources,
        bytes_in,
        bytes_out,
        ratio: ratio(bytes_in, bytes_out),
        reject_reasons: reject_reasons(store)?,
    })
}

/// How many times smaller the output is.
#[expect(clippy::cast_precision_loss, reason = "a ratio to look at")]
pub(crate) fn ratio(bytes_in: i64, bytes_out: u64) -> f64 {
    if bytes_out == 0 { 0.0 } else { (bytes_in as f64 / bytes_out as f64 * 100.0).round() / 100.0 }
}

fn reject_reasons(store: &Store) -> Result<Vec<(String, usize)>> {
    let snapshot = store.snapshot(&REJECTS)?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &snapshot.files {
        for batch in read_file(&REJECTS, &snapshot.folder.join(&entry.path), Some(&["reason"]))? {
            for reason in batch?["reason"].as_string::<i32>().iter().flatten() {
                *counts.entry(reason.to_owned()).or_default() += 1;
            }
        }
    }
    let mut reasons: Vec<(String, usize)> = counts.into_iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    reasons.truncate(REASONS);
    Ok(reasons)
}

impl Status {
    /// The status for people.
    pub(crate) fn print(&self) {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        grid.set_header(["table", "rows", "files", "size", "days", "from", "to"]);
        for table in &self.tables {
            grid.add_row([
                table.table.to_owned(),
                HumanCount(table.rows).to_string(),
                HumanCount(table.files as u64).to_string(),
                ByteSize(table.bytes).display().si().to_string(),
                if table.days == 0 { String::new() } else { table.days.to_string() },
                table.first_day.clone().unwrap_or_default(),
                table.last_day.clone().unwrap_or_default(),
            ]);
        }
        for column in 1..=4 {
            if let Some(column) = grid.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        println!("{}\n\n{grid}\n", self.store);
        let sources = &self.sources;
        println!(
            "sources   {} converted, {} duplicate, {} empty, {} of unknown format",
            sources.converted, sources.duplicate, sources.empty, sources.unknown
        );
        println!(
            "lines     {} records, {} rejects, {} blank",
            HumanCount(sources.records.unsigned_abs()),
            HumanCount(sources.rejects.unsigned_abs()),
            HumanCount(sources.blank_lines.unsigned_abs())
        );
        println!(
            "bytes     {} in, {} out, ratio {}",
            ByteSize(self.bytes_in.unsigned_abs()).display().si(),
            ByteSize(self.bytes_out).display().si(),
            self.ratio
        );
        for (place, (reason, count)) in self.reject_reasons.iter().enumerate() {
            println!("{:<9} {count} × {reason}", if place == 0 { "rejects" } else { "" });
        }
    }
}
