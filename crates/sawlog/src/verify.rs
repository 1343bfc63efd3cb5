//! Rebuilds every input from the store and compares its SHA-256 with the ledger.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::path::PathBuf;

use anyhow::{Context, Result};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use sawlog_formats::{FORMATS, Format, Framing, Printer, REJECTS, Table, TextColumn};
use sawlog_store::{DataFileEntry, Source, SourceState, Store, TableReader, index_differences, read_file};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::convert::hex;
use crate::digests::Validation;

/// What a verification found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verification {
    /// Inputs that were rebuilt and are what they were.
    pub(crate) verified: usize,
    /// Their bytes.
    pub(crate) bytes: i64,
    /// Inputs that need no rebuilding: empty ones, duplicates, files of no known format.
    pub(crate) without_records: usize,
    /// Inputs that can't be rebuilt, and why.
    pub(crate) failed: Vec<(String, String)>,
    /// Fields of data files of which the index says something else than the records.
    pub(crate) index_differs: Vec<String>,
    /// What differs from the manifest, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manifest_differences: Option<Vec<String>>,
    /// What CloudTrail's digests say, if they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cloudtrail_digests: Option<Validation>,
}

impl Verification {
    /// Whether everything is as it was.
    pub(crate) fn is_good(&self) -> bool {
        let no_difference = self.manifest_differences.as_ref().is_none_or(Vec::is_empty);
        let good_digests = self.cloudtrail_digests.as_ref().is_none_or(Validation::is_good);
        self.failed.is_empty() && self.index_differs.is_empty() && no_difference && good_digests
    }
}

/// So many records are compared with the index at a time, which bounds the memory that it takes.
const INDEX_RECORDS: u64 = 4 << 20;

/// Compares the index with the records.
fn verify_index(store: &Store) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for format in FORMATS {
        let mut files = store.snapshot(format.table)?.files;
        while !files.is_empty() {
            let mut records = 0;
            let fits = files.iter().take_while(|file| {
                records += file.rows;
                records <= INDEX_RECORDS
            });
            let next = fits.count().max(1);
            let some: Vec<_> = files.drain(..next).collect();
            wrong.extend(index_differences(store, format, &some)?);
        }
    }
    Ok(wrong)
}

/// Verifies the whole store.
pub(crate) fn verify(store: &Store) -> Result<Verification> {
    let ledger = Source::load_all(store)?;
    let mut result = Verification::default();
    let mut rows = Rows::open(store)?;
    let mut next = rows.next()?;
    for source in &ledger {
        while let Some(row) = next.as_ref().filter(|row| row.file < source.path) {
            result.failed.push((row.file.clone(), "has rows, but is not in the ledger".to_owned()));
            let file = row.file.clone();
            while next.as_ref().is_some_and(|row| row.file == file) {
                next = rows.next()?;
            }
        }
        if source.state == SourceState::Digest {
            match digest_difference(source) {
                None => result.verified += 1,
                Some(difference) => result.failed.push((source.path.clone(), difference)),
            }
            continue;
        }
        if source.state != SourceState::Converted {
            result.without_records += 1;
            continue;
        }
        let mut rebuilt = Rebuilt::new(source);
        while let Some(row) = next.as_ref().filter(|row| row.file == source.path) {
            rebuilt.add(row);
            next = rows.next()?;
        }
        match rebuilt.finish() {
            None => {
                result.verified += 1;
                result.bytes += source.content_size;
            }
            Some(difference) => result.failed.push((source.path.clone(), difference)),
        }
    }
    if let Some(row) = next {
        result.failed.push((row.file, "has rows, but is not in the ledger".to_owned()));
    }
    result.index_differs = verify_index(store)?;
    Ok(result)
}

/// What differs from the ledger in a digest, which is kept whole.
fn digest_difference(source: &Source) -> Option<String> {
    let sha256 = hex(&Sha256::digest(source.content.as_deref().unwrap_or_default()));
    let expected = source.content_sha256.as_ref().unwrap_or(&source.sha256);
    (sha256 != *expected).then(|| format!("has the SHA-256 {sha256}; the ledger says {expected}"))
}

/// One input, as it is put together again.
struct Rebuilt<'a> {
    source: &'a Source,
    /// Whether it has lines; else it has JSON objects.
    lines: bool,
    hasher: Sha256,
    size: i64,
    /// The number of the last line.
    line: i64,
    /// What ends the last line, if something follows.
    ending: &'static [u8],
    last_was_reject: bool,
    records: i64,
    rejects: i64,
}

impl<'a> Rebuilt<'a> {
    fn new(source: &'a Source) -> Self {
        let ending: &[u8] = b"";
        let format = source.format.as_deref().and_then(sawlog_formats::format);
        let lines = format.is_none_or(|format| format.framing == Framing::Lines);
        let hasher = Sha256::new();
        Self { source, lines, hasher, size: 0, line: 0, ending, last_was_reject: false, records: 0, rejects: 0 }
    }

    fn add(&mut self, row: &Row) {
        // The parts of a line that is too long for a record come one after the other.
        let continues = row.line == self.line && row.reject && self.last_was_reject;
        if continues {
            self.put(&row.text);
            return;
        }
        let gap = row.gap.as_deref();
        if self.lines {
            let in_gap = gap.unwrap_or_default().bytes().filter(|byte| *byte == b'\n').count();
            self.blank_lines_until(row.line - i64::try_from(in_gap).unwrap_or(i64::MAX));
            self.end_line();
            self.put(gap.unwrap_or_default().as_bytes());
        } else {
            self.put(gap.unwrap_or(",").as_bytes());
        }
        self.put(&row.text);
        self.line = row.line;
        self.ending = match (self.lines, row.as_it_was) {
            (false, _) => b"",
            (true, true) => b"\n",
            (true, false) => self.source.line_ending.bytes(),
        };
        self.last_was_reject = row.reject;
        if row.reject { self.rejects += 1 } else { self.records += 1 }
    }

    fn blank_lines_until(&mut self, line: i64) {
        while self.line + 1 < line {
            self.end_line();
            self.line += 1;
            self.ending = self.source.line_ending.bytes();
        }
    }

    fn end_line(&mut self) {
        let ending = std::mem::take(&mut self.ending);
        self.put(ending);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    }

    /// What differs from the ledger, if anything does.
    fn finish(mut self) -> Option<String> {
        let source = self.source;
        let after = source.after.as_deref().unwrap_or_default();
        if self.lines {
            let in_after = after.lines().count();
            self.blank_lines_until(source.lines + 1 - i64::try_from(in_after).unwrap_or(i64::MAX));
            // Only the size tells whether the last line was ended.
            if self.size < source.content_size {
                self.end_line();
            }
        }
        self.put(after.as_bytes());
        if (self.records, self.rejects) != (source.records, source.rejects) {
            return Some(format!(
                "has {} records and {} rejects; the ledger says {} and {}",
                self.records, self.rejects, source.records, source.rejects
            ));
        }
        if self.size != source.content_size {
            return Some(format!("is rebuilt with {} bytes; the ledger says {}", self.size, source.content_size));
        }
        let sha256 = hex(&self.hasher.finalize());
        let expected = source.content_sha256.as_ref().unwrap_or(&source.sha256);
        (sha256 != *expected).then(|| format!("is rebuilt with SHA-256 {sha256}; the ledger says {expected}"))
    }
}

/// A line of an input.
struct Row {
    file: String,
    line: i64,
    /// What stands before it, where that is not the usual separator.
    gap: Option<String>,
    text: Vec<u8>,
    /// Whether `text` has its carriage return, if there was one.
    as_it_was: bool,
    reject: bool,
}

/// All records and rejects of the store in evidence order: a merge of its data files, each of which is in that order.
struct Rows {
    /// Data files not opened yet, the last one first, with the least source file in each.
    unopened: Vec<(String, Holds, PathBuf, DataFileEntry)>,
    open: HashMap<usize, DataFile>,
    /// The next line of each open file: source file, line, place in `open`.
    next: BinaryHeap<Reverse<(String, i64, usize)>>,
    opened: usize,
}

/// What a data file holds.
#[derive(Clone, Copy)]
enum Holds {
    Records(&'static Format),
    Rejects,
}

impl Holds {
    fn table(self) -> &'static Table {
        match self {
            Self::Records(format) => format.table,
            Self::Rejects => &REJECTS,
        }
    }

    /// The columns that rebuilding needs.
    fn columns(self) -> Vec<&'static str> {
        let printed = match self {
            Self::Records(format) => (format.printed)(),
            Self::Rejects => vec!["gap", "raw"],
        };
        printed.into_iter().chain(["source_file", "source_line"]).collect()
    }
}

struct DataFile {
    holds: Holds,
    path: PathBuf,
    reader: TableReader,
    batch: Option<Batch>,
    row: usize,
}

struct Batch {
    rows: usize,
    files: TextColumn,
    lines: arrow::array::Int64Array,
    text: RowText,
}

enum RowText {
    Records(Box<dyn Printer>),
    Rejects(Box<(TextColumn, arrow::array::BinaryArray)>),
}

impl Rows {
    fn open(store: &Store) -> Result<Self> {
        let mut unopened = Vec::new();
        for holds in FORMATS.iter().map(|format| Holds::Records(format)).chain([Holds::Rejects]) {
            let snapshot = store.snapshot(holds.table())?;
            for entry in &snapshot.files {
                let stats: serde_json::Value = serde_json::from_str(&entry.stats).unwrap_or_default();
                let least = stats["minValues"]["source_file"].as_str().unwrap_or_default().to_owned();
                unopened.push((least, holds, snapshot.folder.clone(), entry.clone()));
            }
        }
        unopened.sort_by(|a, b| b.0.cmp(&a.0));
        Ok(Self { unopened, open: HashMap::new(), next: BinaryHeap::new(), opened: 0 })
    }

    fn next(&mut self) -> Result<Option<Row>> {
        // A file must be open before the least that it may hold is passed.
        while let Some((least, ..)) = self.unopened.last() {
            if self.next.peek().is_some_and(|Reverse((file, ..))| file < least) {
                break;
            }
            let Some((_, holds, folder, entry)) = self.unopened.pop() else { break };
            let reader = read_file(holds.table(), &folder, &entry, Some(&holds.columns()))?;
            let path = folder.join(&entry.path);
            let mut file = DataFile { holds, path, reader, batch: None, row: 0 };
            if let Some((source, line)) = file.peek()? {
                self.next.push(Reverse((source, line, self.opened)));
                self.open.insert(self.opened, file);
            }
            self.opened += 1;
        }
        let Some(Reverse((file, line, place))) = self.next.pop() else { return Ok(None) };
        let data = self.open.get_mut(&place).context("the merge lost a file")?;
        let row = data.take(file, line);
        match data.peek()? {
            Some((source, line)) => self.next.push(Reverse((source, line, place))),
            None => {
                self.open.remove(&place);
            }
        }
        Ok(Some(row))
    }
}

impl DataFile {
    /// Source file and line of the next row.
    fn peek(&mut self) -> Result<Option<(String, i64)>> {
        while self.batch.as_ref().is_none_or(|batch| self.row == batch.rows) {
            let Some(batch) = self.reader.next() else { return Ok(None) };
            let batch = batch.with_context(|| self.path.display().to_string())?;
            self.batch = Some(Batch::new(self.holds, &batch).with_context(|| self.path.display().to_string())?);
            self.row = 0;
        }
        let batch = self.batch.as_ref().context("read above")?;
        Ok(Some((batch.files.get(self.row).unwrap_or_default().to_owned(), batch.lines.value(self.row))))
    }

    fn take(&mut self, file: String, line: i64) -> Row {
        let mut row = Row { file, line, gap: None, text: Vec::new(), as_it_was: true, reject: true };
        match self.batch.as_ref().map(|batch| &batch.text) {
            Some(RowText::Records(printer)) => {
                printer.print(self.row, &mut row.text);
                row.gap = printer.gap(self.row).map(str::to_owned);
                row.as_it_was = printer.as_it_was(self.row);
                row.reject = false;
            }
            Some(RowText::Rejects(columns)) => {
                let (gap, raw) = columns.as_ref();
                row.gap = gap.get(self.row).map(str::to_owned);
                row.text.extend_from_slice(raw.value(self.row));
            }
            None => {}
        }
        self.row += 1;
        row
    }
}

impl Batch {
    fn new(holds: Holds, batch: &RecordBatch) -> Result<Self> {
        let text =
            |name: &str| TextColumn::new(&batch[name]).map_err(|found| anyhow::anyhow!("{name} has the type {found}"));
        Ok(Self {
            rows: batch.num_rows(),
            files: text("source_file")?,
            lines: batch["source_line"].as_primitive_opt::<Int64Type>().context("source_line is no number")?.clone(),
            text: match holds {
                Holds::Records(format) => RowText::Records((format.printer)(batch)?),
                Holds::Rejects => {
                    let raw = batch["raw"].as_binary_opt::<i32>().context("raw is not bytes")?;
                    RowText::Rejects(Box::new((text("gap")?, raw.clone())))
                }
            },
        })
    }
}
