//! The sources of a case: every file with its hash, and its lines that are not records.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use sawlog_formats::{REJECTS, TextColumn};
use sawlog_store::{SortedSources, Source, Store, read_file};
use sha2::{Digest, Sha256};

/// Up to this many sources are kept with their hashes, to be listed.
pub const MAX_LISTED: usize = 20_000;
/// Rejects are shown so far.
const MAX_REJECTS: usize = 50;

/// What the store was made of.
pub struct Sources {
    /// The first sources by path, up to [`MAX_LISTED`].
    pub listed: Vec<Source>,
    /// How many there are in all.
    pub count: u64,
    /// Their sums by folder, state and format.
    pub sums: BTreeMap<(String, &'static str, String), SourceSums>,
    /// SHA-256 over the ledger: of the lines `sha256␣␣path`, sorted by path, as [`Source::sum_line`] makes them.
    pub ledger_sha256: String,
    /// The first lines that are not records.
    pub rejects: Vec<Reject>,
    /// How many there are in all.
    pub rejects_in_all: u64,
}

/// The sums of some sources.
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceSums {
    /// How many sources they are.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u128,
    /// Their records.
    pub records: u64,
    /// Their lines that are not records.
    pub rejects: u64,
}

/// A line that is not a record.
pub struct Reject {
    /// The source.
    pub file: String,
    /// The line's number.
    pub line: i64,
    /// Why it is not a record.
    pub reason: String,
    /// How it begins.
    pub raw: String,
}

impl Sources {
    /// The sources of a store.
    pub(super) fn of(store: &Store) -> Result<Self> {
        let (mut listed, mut hasher) = (Vec::new(), Sha256::new());
        let mut sums: BTreeMap<_, SourceSums> = BTreeMap::new();
        for source in SortedSources::open(store)? {
            let source = source?;
            hasher.update(source.sum_line());
            let format = source.format.as_deref().unwrap_or_default();
            sums.entry((source.root.to_string(), source.state.name(), format.to_owned())).or_default().add(&source);
            if listed.len() < MAX_LISTED {
                listed.push(source);
            }
        }
        Ok(Self {
            listed,
            count: sums.values().map(|sums| sums.files).sum(),
            rejects_in_all: sums.values().fold(0, |all, sums| all.saturating_add(sums.rejects)),
            sums,
            ledger_sha256: hex(&hasher.finalize()),
            rejects: rejects(store)?,
        })
    }
}

impl SourceSums {
    fn add(&mut self, source: &Source) {
        self.files += 1;
        self.bytes += u128::from(source.size.unsigned_abs());
        self.records = self.records.saturating_add(source.records.unsigned_abs());
        self.rejects = self.rejects.saturating_add(source.rejects.unsigned_abs());
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first rejects of a store.
fn rejects(store: &Store) -> Result<Vec<Reject>> {
    let mut rejects = Vec::new();
    let snapshot = store.snapshot(&REJECTS)?;
    for entry in &snapshot.files {
        for batch in read_file(&REJECTS, &snapshot.folder, entry, None)? {
            let batch = batch?;
            let text = |name: &str| {
                TextColumn::new(&batch[name]).map_err(|found| anyhow::anyhow!("{name} has the type {found}"))
            };
            let (files, reasons) = (text("source_file")?, text("reason")?);
            let lines =
                batch["source_line"].as_primitive_opt::<Int64Type>().context("a column does not hold numbers")?;
            let raws = batch["raw"].as_binary_opt::<i32>().context("a column does not hold bytes")?;
            for row in 0..batch.num_rows().min(MAX_REJECTS - rejects.len()) {
                let raw = String::from_utf8_lossy(raws.value(row));
                rejects.push(Reject {
                    file: files.get(row).unwrap_or_default().to_owned(),
                    line: lines.value(row),
                    reason: reasons.get(row).unwrap_or_default().to_owned(),
                    raw: raw.chars().take(200).collect(),
                });
            }
            if rejects.len() == MAX_REJECTS {
                return Ok(rejects);
            }
        }
    }
    Ok(rejects)
}
