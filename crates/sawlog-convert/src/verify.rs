//! Rebuilds every input from the store and compares its SHA-256 with the ledger.

use std::iter::Peekable;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{AsArray, BinaryArray, RecordBatch};
use sawlog_formats::{
    Printer, REJECTS, Rebuilder, Remainder, RowText, Table, TextColumn, WrappedColumns, counted, formats,
};
use sawlog_store::{
    DataFileEntry, Doubtful, ENTITIES, SOURCES, Snapshot, SortedSources, Source, SourceState, Store, TABLES,
    check_file, doubtful, index_differences,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::convert::{hex, stale_among};
use crate::digests::Validation;
use crate::merge::{Merge, Reading};

/// What a verification found.
#[derive(Debug, Default, Serialize)]
pub struct Verification {
    /// When it was made.
    pub made_at: String,
    /// SHA-256 of the sources' lines ([`Source::sum_line`]), sorted by path. It identifies the sources that
    /// were verified.
    pub ledger_sha256: String,
    /// Inputs that were rebuilt and match.
    pub verified: usize,
    /// Their bytes.
    pub bytes: i64,
    /// Inputs that need no rebuilding: empty ones, duplicates, files of no known format.
    pub without_records: usize,
    /// Data files that differ from what was written, and how.
    pub damaged: Vec<String>,
    /// Inputs that can't be rebuilt, and why.
    pub failed: Vec<(String, String)>,
    /// Fields of data files for which the index and the records differ.
    pub index_differs: Vec<String>,
    /// The differences from the manifest, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_differences: Option<Vec<String>>,
    /// What CloudTrail's digests say, if they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloudtrail_digests: Option<Validation>,
}

impl Verification {
    /// Whether everything was verified.
    pub fn is_good(&self) -> bool {
        let no_difference = self.manifest_differences.as_ref().is_none_or(Vec::is_empty);
        let good_digests = self.cloudtrail_digests.as_ref().is_none_or(Validation::is_good);
        let all_there = self.damaged.is_empty() && self.failed.is_empty();
        all_there && self.index_differs.is_empty() && no_difference && good_digests
    }
}

/// About how many bytes of memory it takes to compare a record with the index.
const INDEX_RECORD: u64 = 96;
/// About how many bytes a row of the index takes. Rows are made again to be compared.
const INDEX_ROW: u64 = 768;
/// The most records that are compared with the index at a time.
const INDEX_RECORDS: u64 = 4 << 20;

/// Verifies the whole store, in about this many bytes of memory.
///
/// # Errors
///
/// If the store can't be read at all. All other faults are in the result.
pub fn verify(store: &Store, memory: u64) -> Result<Verification> {
    let mut snapshots = store.snapshots(&TABLES())?;
    let mut result = Verification::default();
    let mut is_damaged = |table: &Table| {
        let Some(snapshot) = snapshots.iter_mut().find(|snapshot| snapshot.table.name == table.name) else {
            return false;
        };
        let damaged = take_damaged(snapshot);
        result.damaged.extend_from_slice(&damaged);
        !damaged.is_empty()
    };
    if is_damaged(&SOURCES) {
        bail!("{}", result.damaged.join("\n"));
    }
    let no_index = is_damaged(&ENTITIES);
    for table in records_and_rejects() {
        is_damaged(table);
    }
    result.made_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut walk = Walk::new(SortedSources::open(store)?, result);
    let printed = |snapshot: &&Snapshot| records_and_rejects().any(|table| table.name == snapshot.table.name);
    let files = snapshots.iter().filter(printed).flat_map(|of| of.files.iter().map(move |file| (of, file)));
    let batches = usize::try_from(memory / 4).unwrap_or(usize::MAX);
    let mut rows = Merge::new(files, &Reading { columns: Some(printed_columns), prepare: Texts::of, memory: batches });
    while let Some(found) = rows.next()? {
        for row in found.range {
            walk.row(found.places.file(row), found.places.line(row), found.prepared, row)?;
        }
    }
    let (mut result, duplicates) = walk.finish()?;
    let stale = stale(store, duplicates)?;
    result.without_records -= stale.len();
    result.failed.extend(stale);
    if !no_index {
        let at_once = (memory / index_record(&snapshots)).clamp(1, INDEX_RECORDS);
        result.index_differs = verify_index(store, &snapshots, at_once)?;
    }
    Ok(result)
}

/// About how much memory it takes to compare one record with the index. It takes most if nearly every record has
/// values of its own.
fn index_record(snapshots: &[Snapshot]) -> u64 {
    let rows = |is_index: bool| {
        let of_kind = snapshots.iter().filter(|snapshot| (snapshot.table.name == ENTITIES.name) == is_index);
        of_kind.map(Snapshot::rows).sum::<u64>()
    };
    INDEX_RECORD + INDEX_ROW.saturating_mul(rows(true)) / rows(false).max(1)
}

/// The duplicates whose records are not in the store, and why.
fn stale(store: &Store, duplicates: Vec<Source>) -> Result<Vec<(String, String)>> {
    let stale = stale_among(store, duplicates.iter())?;
    let stale = duplicates.into_iter().filter(|source| stale.contains(&source.path)).map(|source| {
        let first = source.duplicate_of.unwrap_or_default();
        let what = format!(
            "is not in the store: the ledger calls it a duplicate of {first}, which is not the same file; convert it again"
        );
        (source.path, what)
    });
    Ok(stale.collect())
}

fn records_and_rejects() -> impl Iterator<Item = &'static Table> {
    formats().iter().map(|format| format.table).chain([&REJECTS])
}

/// Removes from a snapshot the data files that are not what was written, checking every column to the last bit,
/// whether it is read later or not. Returns what is wrong with them.
fn take_damaged(snapshot: &mut Snapshot) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(snapshot.files.len()) {
            scope.spawn(|| {
                while let Some(file) = snapshot.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = check_file(snapshot.table, &snapshot.folder, file) {
                        let found = (file.path.clone(), error.to_string());
                        wrong.lock().unwrap_or_else(PoisonError::into_inner).push(found);
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    wrong.sort();
    snapshot.files.retain(|file: &DataFileEntry| wrong.binary_search_by(|(path, _)| path.cmp(&file.path)).is_err());
    wrong.into_iter().map(|(_, what)| what).collect()
}

/// Compares the index with the records. Where they may differ, this looks at a limited number at a time to bound the
/// memory.
fn verify_index(store: &Store, snapshots: &[Snapshot], at_once: u64) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for format in formats() {
        let snapshot = snapshots.iter().find(|snapshot| snapshot.table.name == format.table.name);
        let files = snapshot.context("all tables were opened")?.files.clone();
        let Doubtful { mut files, totals } = doubtful(store, format, files)?;
        wrong.extend(totals);
        while !files.is_empty() {
            let mut records = 0;
            let fits = files.iter().take_while(|file| {
                records += file.rows;
                records <= at_once
            });
            let next = fits.count().max(1);
            let some: Vec<_> = files.drain(..next).collect();
            wrong.extend(index_differences(store, format, &some)?);
        }
    }
    Ok(wrong)
}

/// The rows of the ledger, compared with the rows of the store; both are sorted by path.
struct Walk {
    ledger: Peekable<SortedSources>,
    /// Of the lines of all sources.
    hasher: Sha256,
    current: Option<Rebuilt>,
    /// Sources whose records are those of others.
    duplicates: Vec<Source>,
    /// The current source file, if the ledger does not say that it has rows.
    unknown: Option<String>,
    /// The text of a row.
    text: Vec<u8>,
    result: Verification,
}

impl Walk {
    fn new(ledger: SortedSources, result: Verification) -> Self {
        let (ledger, hasher) = (ledger.peekable(), Sha256::new());
        Self { ledger, hasher, current: None, duplicates: Vec::new(), unknown: None, text: Vec::new(), result }
    }

    /// Takes the next row in evidence order.
    fn row(&mut self, file: &str, line: i64, texts: &Texts, row: usize) -> Result<()> {
        if self.current.as_ref().is_none_or(|rebuilt| rebuilt.source.path != file) {
            if self.unknown.as_deref() == Some(file) {
                return Ok(());
            }
            self.begin(file)?;
        }
        let Some(rebuilt) = &mut self.current else { return Ok(()) };
        match texts {
            Texts::Records(printer, wrapped) => {
                self.text.clear();
                printer.print(row, &mut self.text);
                if let (true, Some(wrapped)) = (rebuilt.source.envelope.is_some(), wrapped) {
                    let (gap, text) = wrapped.wrap(row, &self.text);
                    rebuilt.add(&RowText { line, gap, text: &text, as_it_was: true, is_reject: false });
                    return Ok(());
                }
                let (gap, as_it_was) = (printer.gap(row), printer.as_it_was(row));
                rebuilt.add(&RowText { line, gap, text: &self.text, as_it_was, is_reject: false });
            }
            Texts::Rejects(columns) => {
                let (gap, raw) = columns.as_ref();
                let (gap, text) = (gap.get(row), raw.value(row));
                rebuilt.add(&RowText { line, gap, text, as_it_was: true, is_reject: true });
            }
        }
        Ok(())
    }

    /// Called when the rows of another source file begin.
    fn begin(&mut self, file: &str) -> Result<()> {
        self.end();
        self.unknown = None;
        let is_next = |source: &Result<Source, _>| source.as_ref().map_or(true, |source| source.path.as_str() <= file);
        while let Some(source) = self.ledger.next_if(is_next) {
            let source = self.hashed(source?);
            if source.path == file && source.state == SourceState::Converted {
                self.current = Some(Rebuilt::new(source));
                return Ok(());
            }
            self.without_rows(source);
        }
        self.result.failed.push((file.to_owned(), "has rows in the store, but is not in the ledger".to_owned()));
        self.unknown = Some(file.to_owned());
        Ok(())
    }

    fn hashed(&mut self, source: Source) -> Source {
        self.hasher.update(source.sum_line());
        source
    }

    /// Called when the rows of a source file end.
    fn end(&mut self) {
        let Some(rebuilt) = self.current.take() else { return };
        let (source, difference) = rebuilt.finish();
        match difference {
            None => {
                self.result.verified += 1;
                self.result.bytes += source.content_size;
            }
            Some(difference) => self.result.failed.push((source.path, difference)),
        }
    }

    /// Called for a source that has no rows.
    fn without_rows(&mut self, source: Source) {
        match source.state {
            SourceState::Converted => {
                self.current = Some(Rebuilt::new(source));
                self.end();
            }
            SourceState::Digest => match digest_difference(&source) {
                None => self.result.verified += 1,
                Some(difference) => self.result.failed.push((source.path, difference)),
            },
            _ => {
                self.result.without_records += 1;
                if source.state == SourceState::Duplicate {
                    self.duplicates.push(source);
                }
            }
        }
    }

    /// No rows are left. Also returns the duplicates.
    fn finish(mut self) -> Result<(Verification, Vec<Source>)> {
        self.end();
        while let Some(source) = self.ledger.next() {
            let source = self.hashed(source?);
            self.without_rows(source);
        }
        self.result.ledger_sha256 = hex(&self.hasher.finalize());
        Ok((self.result, self.duplicates))
    }
}

/// How a digest, which is kept whole, differs from the ledger.
fn digest_difference(source: &Source) -> Option<String> {
    let sha256 = hex(&Sha256::digest(source.content.as_deref().unwrap_or_default()));
    let expected = source.content_sha256.as_ref().unwrap_or(&source.sha256);
    (sha256 != *expected).then(|| format!("has the SHA-256 {sha256}; the ledger says {expected}"))
}

/// One input while it is rebuilt.
struct Rebuilt {
    source: Source,
    remainder: Remainder,
    rebuilder: Rebuilder,
    hasher: Sha256,
    records: i64,
    rejects: i64,
}

impl Rebuilt {
    fn new(source: Source) -> Self {
        let format = source.format.as_deref().and_then(sawlog_formats::format);
        // A document that holds records is rebuilt from what it says about their places.
        let in_lines = source.envelope.is_none() && format.is_none_or(|format| !format.framing.is_json());
        let remainder = Remainder {
            in_lines,
            ending: source.line_ending,
            lines: source.lines,
            after: source.after.clone().unwrap_or_default(),
            size: source.content_size,
        };
        let rebuilder = Rebuilder::new(in_lines, source.line_ending);
        Self { source, remainder, rebuilder, hasher: Sha256::new(), records: 0, rejects: 0 }
    }

    fn add(&mut self, row: &RowText<'_>) {
        let begins = self.rebuilder.add(row, &mut |bytes| self.hasher.update(bytes));
        let counted = if row.is_reject { &mut self.rejects } else { &mut self.records };
        *counted += i64::from(begins);
    }

    /// The source, and how it differs from the ledger, if it does.
    fn finish(self) -> (Source, Option<String>) {
        let Self { source, remainder, rebuilder, mut hasher, records, rejects } = self;
        let size = rebuilder.finish(&remainder, &mut |bytes| hasher.update(bytes));
        let difference = if (records, rejects) != (source.records, source.rejects) {
            Some(format!(
                "has {} and {}; the ledger says {} and {}",
                counted(records, "record"),
                counted(rejects, "reject"),
                source.records,
                source.rejects
            ))
        } else if size != source.content_size {
            Some(format!("is rebuilt with {size} bytes; the ledger says {}", source.content_size))
        } else {
            let sha256 = hex(&hasher.finalize());
            let expected = source.content_sha256.as_ref().unwrap_or(&source.sha256);
            (sha256 != *expected).then(|| format!("is rebuilt with SHA-256 {sha256}; the ledger says {expected}"))
        };
        (source, difference)
    }
}

/// The texts of a batch's rows.
enum Texts {
    /// For tables that say how records are wrapped in their files, the wrapping, too.
    Records(Box<dyn Printer>, Option<Box<WrappedColumns>>),
    /// The text before each row, and the row itself.
    Rejects(Box<(TextColumn, BinaryArray)>),
}

impl Texts {
    fn of(table: &'static Table, batch: &RecordBatch) -> Result<Self> {
        if let Some(format) = sawlog_formats::format(table.name) {
            return Ok(Self::Records((format.printer)(batch)?, WrappedColumns::of(batch)?.map(Box::new)));
        }
        let gap = TextColumn::new(&batch["gap"]).map_err(|found| anyhow!("gap has the type {found}"))?;
        let raw = batch["raw"].as_binary_opt::<i32>().context("raw is not bytes")?;
        Ok(Self::Rejects(Box::new((gap, raw.clone()))))
    }
}

/// The columns that rebuilding needs.
fn printed_columns(table: &'static Table) -> Vec<&'static str> {
    let mut printed = match sawlog_formats::format(table.name) {
        Some(format) => (format.printed)(),
        None => vec!["gap", "raw", "byte_offset"],
    };
    let others = ["gap", "wrapping", "wrapped", "source_file", "source_line"];
    for name in others.into_iter().filter(|name| table.position(name).is_some()) {
        if !printed.contains(&name) {
            printed.push(name);
        }
    }
    printed
}
