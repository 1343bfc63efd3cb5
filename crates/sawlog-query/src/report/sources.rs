//! The sources of a case: every file with its hash, and its lines that are not records.

use anyhow::{Context, Result};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use sawlog_formats::{REJECTS, TextColumn};
use sawlog_store::{Source, Store, read_file};
use sha2::{Digest, Sha256};

/// Rejects are shown so far.
const MAX_REJECTS: usize = 50;

/// What the store was made of.
pub struct Sources {
    /// The sources, by path.
    pub all: Vec<Source>,
    /// SHA-256 over the ledger: of the lines `sha256␣␣path`, sorted by path, as [`Source::sum_line`] makes them.
    pub ledger_sha256: String,
    /// The first lines that are not records.
    pub rejects: Vec<Reject>,
    /// How many there are in all.
    pub rejects_in_all: i64,
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
        let all = Source::load_all(store)?;
        let mut hasher = Sha256::new();
        all.iter().for_each(|source| hasher.update(source.sum_line()));
        let ledger_sha256 = hex(&hasher.finalize());
        let rejects_in_all = all.iter().map(|source| source.rejects).sum();
        Ok(Self { all, ledger_sha256, rejects: rejects(store)?, rejects_in_all })
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
