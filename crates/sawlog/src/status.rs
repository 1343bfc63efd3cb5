//! What a store holds: tables, days, sizes, sources, and why lines were rejected.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use anyhow::{Result, anyhow};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use comfy_table::{CellAlignment, Table as Grid, presets};
use indicatif::HumanCount;
use sawlog_formats::{REJECTS, TextColumn, counted, formats, remedy, size, visible};
use sawlog_store::{Source, SourceState, Store, TABLES, read_file};
use serde::Serialize;

/// The most reasons shown.
const REASONS: usize = 10;

/// How often each thing occurs, the most frequent first.
type Counts = Vec<(String, i64)>;

/// What a store holds.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    store: String,
    tables: Vec<TableStatus>,
    sources: SourceStatus,
    /// Bytes of all files that were converted, and of all data files.
    bytes_in: i64,
    bytes_out: u64,
    /// How many times smaller than the files the store is.
    ratio: f64,
    /// Documents that hold records of a log: what they are, and how many there are.
    envelopes: Counts,
    /// What files of unknown format look like, and how many of them there are.
    not_read: Counts,
    /// Why lines were rejected: the reason, and how many lines.
    reject_reasons: Counts,
    /// Fields without a column, with the number of records that have them; and fields whose value has another type
    /// than their column.
    unknown_fields: Counts,
    other_types: Counts,
    /// CloudTrail events that were delivered more than once.
    repeated_events: usize,
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
    /// CloudTrail digests.
    digests: usize,
    unknown: usize,
    removed: usize,
    /// Archives, whose members are sources of their own.
    archives: usize,
    records: i64,
    rejects: i64,
    blank_lines: i64,
}

/// Reads what a store holds.
pub(crate) fn status(store: &Store) -> Result<Status> {
    let mut tables = Vec::new();
    for snapshot in store.snapshots(&TABLES())? {
        let days: std::collections::BTreeSet<&str> =
            snapshot.files.iter().filter_map(|file| file.date.as_deref()).collect();
        tables.push(TableStatus {
            table: snapshot.table.name,
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
    let (mut unknown_fields, mut other_types) = (BTreeMap::new(), BTreeMap::new());
    let (mut not_read, mut envelopes) = (BTreeMap::new(), BTreeMap::new());
    Source::for_each(store, |source| {
        add_counts(&mut unknown_fields, &source.unknown_fields);
        add_counts(&mut other_types, &source.other_types);
        match source.state {
            SourceState::Converted => {
                sources.converted += 1;
                bytes_in += source.size;
            }
            SourceState::Duplicate => sources.duplicate += 1,
            SourceState::Empty => sources.empty += 1,
            SourceState::Digest => sources.digests += 1,
            SourceState::Unknown => sources.unknown += 1,
            SourceState::Removed => sources.removed += 1,
            SourceState::Archive => sources.archives += 1,
        }
        if let Some(name) = source.looks_like {
            *not_read.entry(name.to_string()).or_default() += 1;
        }
        if let Some(name) = source.envelope {
            *envelopes.entry(name.to_string()).or_default() += 1;
        }
        sources.records += source.records;
        sources.rejects += source.rejects;
        sources.blank_lines += source.blank_lines;
    })?;
    let bytes_out = tables.iter().map(|table| table.bytes).sum();
    Ok(Status {
        store: store.root().display().to_string(),
        tables,
        sources,
        bytes_in,
        bytes_out,
        ratio: ratio(bytes_in, bytes_out),
        envelopes: commonest_first(envelopes),
        not_read: commonest_first(not_read),
        reject_reasons: reject_reasons(store)?,
        unknown_fields: commonest_first(unknown_fields),
        other_types: commonest_first(other_types),
        repeated_events: repeated_events(store)?,
    })
}

fn add_counts(sums: &mut BTreeMap<String, i64>, counts: &BTreeMap<String, i64>) {
    for (name, count) in counts {
        *sums.entry(name.clone()).or_default() += count;
    }
}

fn commonest_first(counts: BTreeMap<String, i64>) -> Counts {
    let mut counts: Counts = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts
}

/// The number of events that the store has more than once, in logs whose events have ids.
fn repeated_events(store: &Store) -> Result<usize> {
    // Eight-byte hashes: among a thousand million ids, the chance that two share a hash is 3 %.
    let hasher = RandomState::new();
    let mut repeated = 0;
    for format in formats() {
        let Some(event_id) = format.event_id else { continue };
        let snapshot = store.snapshot(format.table)?;
        let mut hashes: Vec<u64> = Vec::new();
        for entry in &snapshot.files {
            for batch in read_file(format.table, &snapshot.folder, entry, Some(event_id.columns))? {
                let batch = batch?;
                let parts = event_id.columns.iter().map(|name| TextColumn::new(&batch[*name]));
                let parts = parts
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|found| anyhow!("a column of an id has the type {found}"))?;
                let mut texts = Vec::with_capacity(parts.len());
                for row in 0..batch.num_rows() {
                    texts.clear();
                    texts.extend(parts.iter().map(|part| part.get(row)));
                    hashes.extend((event_id.tell)(&texts).map(|id| hasher.hash_one(id)));
                }
            }
        }
        hashes.sort_unstable();
        repeated += hashes.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).count();
    }
    Ok(repeated)
}

/// How many times smaller the output is.
#[expect(clippy::cast_precision_loss, reason = "a ratio to look at")]
pub(crate) fn ratio(bytes_in: i64, bytes_out: u64) -> f64 {
    if bytes_out == 0 { 0.0 } else { (bytes_in as f64 / bytes_out as f64 * 100.0).round() / 100.0 }
}

/// The most bytes listed of a reject's text.
const TEXT: usize = 4096;

/// What was rejected.
#[derive(Debug, Serialize)]
pub(crate) struct Rejects {
    /// How many there are.
    pub(crate) total: usize,
    /// The first of them, by file and line.
    pub(crate) rejects: Vec<Reject>,
}

/// A line or JSON object that is not a record.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Reject {
    pub(crate) source_file: String,
    /// The number of the line, or of the object.
    pub(crate) source_line: i64,
    pub(crate) byte_offset: i64,
    pub(crate) log: String,
    pub(crate) reason: String,
    /// The text, or its beginning; bytes that are not UTF-8 as `\xNN`.
    pub(crate) text: String,
    /// Whether there is more of it.
    pub(crate) is_cut: bool,
}

/// The first `limit` rejects of a store, by file and line; all if it is 0.
pub(crate) fn rejects(store: &Store, limit: usize) -> Result<Rejects> {
    let snapshot = store.snapshot(&REJECTS)?;
    let mut rejects: Vec<Reject> = Vec::new();
    let (mut total, mut last) = (0, None);
    for entry in &snapshot.files {
        for batch in read_file(&REJECTS, &snapshot.folder, entry, None)? {
            let batch = batch?;
            let text =
                |name: &str| TextColumn::new(&batch[name]).map_err(|found| anyhow!("{name} has the type {found}"));
            let (files, logs, reasons) = (text("source_file")?, text("log")?, text("reason")?);
            let lines = batch["source_line"].as_primitive::<Int64Type>();
            let offsets = batch["byte_offset"].as_primitive::<Int64Type>();
            let raw = batch["raw"].as_binary::<i32>();
            for row in 0..batch.num_rows() {
                let own = |column: &TextColumn| column.get(row).unwrap_or_default().to_owned();
                let place = (own(&files), lines.value(row));
                // A line that is too long is in several rows; the first has its beginning.
                if last.as_ref() == Some(&place) {
                    continue;
                }
                total += 1;
                let raw = raw.value(row);
                rejects.push(Reject {
                    source_file: place.0.clone(),
                    source_line: place.1,
                    byte_offset: offsets.value(row),
                    log: own(&logs),
                    reason: own(&reasons),
                    text: escaped(beginning(raw)),
                    is_cut: raw.len() > TEXT,
                });
                last = Some(place);
            }
            // Rejects beyond the limit need not be kept.
            if limit > 0 && rejects.len() > limit.saturating_mul(2) {
                rejects.sort_unstable();
                rejects.truncate(limit);
            }
        }
    }
    rejects.sort_unstable();
    if limit > 0 {
        rejects.truncate(limit);
    }
    Ok(Rejects { total, rejects })
}

/// The beginning of a text, cut between characters.
fn beginning(raw: &[u8]) -> &[u8] {
    let is_start = |at: &usize| raw.get(*at).is_none_or(|byte| byte & 0b1100_0000 != 0b1000_0000);
    let end = raw.len().min(TEXT);
    &raw[..(0..=end).rev().take(4).find(is_start).unwrap_or(end)]
}

/// Bytes as text; bytes that are not UTF-8 as `\xNN`.
fn escaped(bytes: &[u8]) -> String {
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let invalid: String = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("{}{invalid}", chunk.valid())
    };
    bytes.utf8_chunks().map(chunk).collect()
}

fn reject_reasons(store: &Store) -> Result<Counts> {
    let snapshot = store.snapshot(&REJECTS)?;
    let mut counts = BTreeMap::new();
    for entry in &snapshot.files {
        let mut last = None;
        for batch in read_file(&REJECTS, &snapshot.folder, entry, Some(&["source_file", "source_line", "reason"]))? {
            let batch = batch?;
            let reasons = batch["reason"].as_string::<i32>();
            let files = batch["source_file"].as_string::<i32>();
            let lines = batch["source_line"].as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                // A line that is too long is in several rows.
                let line = lines.value(row);
                if last.as_ref().is_none_or(|(file, last)| file != files.value(row) || *last != line) {
                    *counts.entry(reasons.value(row).to_owned()).or_default() += 1;
                }
                last = Some((files.value(row).to_owned(), line));
            }
        }
    }
    Ok(commonest_first(counts))
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
                size(table.bytes.into()),
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
            "sources   {} converted, {} duplicate, {} empty, {}, {} of unknown format, {} removed{}",
            sources.converted,
            sources.duplicate,
            sources.empty,
            counted(sources.digests, "digest"),
            sources.unknown,
            sources.removed,
            match sources.archives {
                0 => String::new(),
                archives => format!("; from {}", counted(archives, "archive")),
            }
        );
        println!(
            "records   {}, {}, {}",
            HumanCount(sources.records.unsigned_abs()),
            counted(HumanCount(sources.rejects.unsigned_abs()), "reject"),
            counted(HumanCount(sources.blank_lines.unsigned_abs()), "blank line")
        );
        println!(
            "bytes     {} in, {} out, ratio {}",
            size(self.bytes_in.unsigned_abs().into()),
            size(self.bytes_out.into()),
            self.ratio
        );
        if self.repeated_events > 0 {
            let events = counted(HumanCount(self.repeated_events as u64), "event");
            let were = if self.repeated_events == 1 { "was" } else { "were" };
            println!("repeated  {events} {were} delivered more than once (see sawq --distinct)");
        }
        let with_remedy = |(name, count): &(String, i64)| {
            let remedy = remedy(name).map(|remedy| format!("; {remedy}")).unwrap_or_default();
            (format!("{name}{remedy}"), *count)
        };
        let not_read: Counts = self.not_read.iter().map(with_remedy).collect();
        print_counts("envelopes", &self.envelopes);
        print_counts("not read", &not_read);
        print_counts("rejects", &self.reject_reasons);
        print_counts("no column", &self.unknown_fields);
        print_counts("odd type", &self.other_types);
    }
}

/// Prints how often each thing occurs, under a title.
fn print_counts(title: &str, counts: &[(String, i64)]) {
    let left = counts.len().saturating_sub(REASONS);
    for (place, (name, count)) in counts.iter().take(REASONS).enumerate() {
        // Names of fields come from the logs.
        let name = visible(name);
        println!("{:<9} {} × {name}", if place == 0 { title } else { "" }, HumanCount(count.unsigned_abs()));
    }
    if left > 0 {
        println!("{:<9} … and {left} more", "");
    }
}
