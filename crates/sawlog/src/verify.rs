//! Rebuilds every input from the store and compares its SHA-256 with the ledger.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::path::PathBuf;

use anyhow::{Context, Result};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use sawlog_formats::s3_access::LinePrinter;
use sawlog_formats::{REJECTS, Table, TextColumn, s3_access};
use sawlog_store::{Source, SourceState, Store, read_file};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::convert::hex;

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
    Ok(result)
}

/// One input, as it is put together again.
struct Rebuilt<'a> {
    source: &'a Source,
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
        Self { source, hasher: Sha256::new(), size: 0, line: 0, ending, last_was_reject: false, records: 0, rejects: 0 }
    }

    fn add(&mut self, row: &Row) {
        // The parts of a line that is too long for a record come one after the other.
        let continues = row.line == self.line && row.reject && self.last_was_reject;
        if continues {
            self.put(&row.text);
            return;
        }
        self.blank_lines_until(row.line);
        self.end_line();
        self.put(&row.text);
        self.line = row.line;
        self.ending = if row.as_it_was { b"\n" } else { self.source.line_ending.bytes() };
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
        self.blank_lines_until(self.source.lines + 1);
        // Only the size tells whether the last line was ended.
        if self.size < self.source.content_size {
            self.end_line();
        }
        let source = self.source;
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
    text: Vec<u8>,
    /// Whether `text` has its carriage return, if there was one.
    as_it_was: bool,
    reject: bool,
}

/// All records and rejects of the store in evidence order: a merge of its data files, each of which is in that order.
struct Rows {
    /// Data files not opened yet, the last one first, with the least source file in each.
    unopened: Vec<(String, &'static Table, PathBuf)>,
    open: HashMap<usize, DataFile>,
    /// The next line of each open file: source file, line, place in `open`.
    next: BinaryHeap<Reverse<(String, i64, usize)>>,
    opened: usize,
}

struct DataFile {
    table: &'static Table,
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    batch: Option<Batch>,
    row: usize,
}

struct Batch {
    rows: usize,
    files: TextColumn,
    lines: arrow::array::Int64Array,
    text: LineText,
}

enum LineText {
    Records(Box<LinePrinter>),
    Rejects(arrow::array::BinaryArray),
}

impl Rows {
    fn open(store: &Store) -> Result<Self> {
        let mut unopened = Vec::new();
        for table in [&s3_access::TABLE, &REJECTS] {
            let snapshot = store.snapshot(table)?;
            for entry in &snapshot.files {
                let stats: serde_json::Value = serde_json::from_str(&entry.stats).unwrap_or_default();
                let least = stats["minValues"]["source_file"].as_str().unwrap_or_default().to_owned();
                unopened.push((least, table, snapshot.folder.join(&entry.path)));
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
            let Some((_, table, path)) = self.unopened.pop() else { break };
            let reader = read_file(table, &path, None)?;
            let mut file = DataFile { table, path, reader, batch: None, row: 0 };
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
            self.batch = Some(Batch::new(self.table, &batch).with_context(|| self.path.display().to_string())?);
            self.row = 0;
        }
        let batch = self.batch.as_ref().context("read above")?;
        Ok(Some((batch.files.get(self.row).unwrap_or_default().to_owned(), batch.lines.value(self.row))))
    }

    fn take(&mut self, file: String, line: i64) -> Row {
        let mut row = Row { file, line, text: Vec::new(), as_it_was: true, reject: true };
        match self.batch.as_ref().map(|batch| &batch.text) {
            Some(LineText::Records(printer)) => {
                printer.print(self.row, &mut row.text);
                row.as_it_was = printer.raw(self.row).is_some();
                row.reject = false;
            }
            Some(LineText::Rejects(raw)) => row.text.extend_from_slice(raw.value(self.row)),
            None => {}
        }
        self.row += 1;
        row
    }
}

impl Batch {
    fn new(table: &Table, batch: &RecordBatch) -> Result<Self> {
        let files = TextColumn::new(&batch["source_file"]);
        Ok(Self {
            rows: batch.num_rows(),
            files: files.map_err(|found| anyhow::anyhow!("source_file has the type {found}"))?,
            lines: batch["source_line"].as_primitive_opt::<Int64Type>().context("source_line is no number")?.clone(),
            text: if table.name == REJECTS.name {
                LineText::Rejects(batch["raw"].as_binary_opt::<i32>().context("raw is not bytes")?.clone())
            } else {
                LineText::Records(Box::new(LinePrinter::new(batch)?))
            },
        })
    }
}
