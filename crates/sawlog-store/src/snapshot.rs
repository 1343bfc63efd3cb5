//! What a table holds at a version, checked against what the version's commit says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sawlog_formats::Table;
use serde_json::Value;

use crate::confine;
use crate::data_file::DataFileEntry;
use crate::error::{Result, StoreError};
use crate::log::{self, LogState, commit_path};

/// Under this key a commit describes the table after it: see [`files_checksum`].
pub(crate) const FILES: &str = "sawlog.files";
/// Under this key a commit of the ledger names the versions of the other tables that belong to it.
pub(crate) const VERSIONS: &str = "sawlog.versions";
/// Under this key a commit of the ledger has the version of the store's format: see [`crate::FORMAT_VERSION`].
pub(crate) const FORMAT: &str = "sawlog.format";

/// What a table holds at one version.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The table.
    pub table: &'static Table,
    /// The table's folder.
    pub folder: PathBuf,
    /// The version of the table's log.
    pub version: u64,
    /// Its data files, sorted by partition and path.
    pub files: Vec<DataFileEntry>,
}

impl Snapshot {
    /// How many rows the table has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// The size of its data files in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The first and the last day that have rows.
    #[must_use]
    pub fn days(&self) -> Option<(&str, &str)> {
        let days = || self.files.iter().filter_map(|file| file.date.as_deref());
        days().min().zip(days().max())
    }
}

/// Reads what the table holds at a version, or now.
pub(crate) fn snapshot(table: &'static Table, folder: &Path, version: Option<u64>) -> Result<Snapshot> {
    let log = folder.join("_delta_log");
    let newest = || newest_version(folder)?.ok_or_else(|| StoreError::damaged(&log, "the table log is empty"));
    let version = version.map_or_else(newest, Ok)?;
    if !commit_path(folder, version).exists() {
        let what = format!("has no version {version}, which the ledger names: it is damaged, or was deleted");
        return Err(StoreError::damaged(&log, what));
    }
    confine::check_log(folder)?;
    let state = log::read(folder, version)?;
    confine::check_files(folder, &state.files)?;
    check_files(folder, version, &state)?;
    Ok(Snapshot { table, folder: folder.to_owned(), version, files: state.files })
}

/// The number of data files of a table, and a checksum over what its log says about them. Each commit says what the
/// table holds after it, so that a changed log is never another answer.
pub(crate) fn files_checksum(files: &[DataFileEntry]) -> String {
    let mut hasher = crc32fast::Hasher::new();
    for file in files {
        let DataFileEntry { path, size, rows, date, stats, tail, columns, .. } = file;
        // A checkpoint may write statistics differently.
        let stats: Value = serde_json::from_str(stats).unwrap_or_default();
        hasher.update(format!("{path}\t{size}\t{rows}\t{date:?}\t{stats}\t{tail:?}\n").as_bytes());
        // Commits from before there were checksums of columns have none here.
        columns.iter().for_each(|columns| hasher.update(format!("{columns}\n").as_bytes()));
    }
    format!("{}:{:08x}", files.len(), hasher.finalize())
}

/// Makes sure that a version of a table holds what its commit says.
fn check_files(folder: &Path, version: u64, state: &LogState) -> Result<()> {
    let said = state.commit.get(FILES).and_then(Value::as_str);
    // The first version is the empty table.
    let holds = match version {
        0 => state.files.is_empty(),
        _ => said == Some(&files_checksum(&state.files)),
    };
    if holds {
        return Ok(());
    }
    Err(StoreError::damaged(
        &commit_path(folder, version),
        "the table does not hold what this commit says: the table log is damaged, or another program wrote to it",
    ))
}

/// Whether the folder has a Delta log with a commit in it: a process that makes a table may be killed before the
/// commit.
pub(crate) fn exists(folder: &Path) -> bool {
    log::commits(folder).is_ok_and(|versions| !versions.is_empty())
}

/// The newest commit of a table's log.
#[derive(Debug)]
pub(crate) struct NewestCommit {
    pub(crate) version: u64,
    /// The run that made it, if a run did.
    pub(crate) run: Option<String>,
    /// In the ledger: the versions of the other tables that belong to it.
    pub(crate) versions: Option<BTreeMap<String, u64>>,
    /// In the ledger: the version of the store's format. The first version did not write one.
    pub(crate) format: u64,
}

/// The newest version in the folder's Delta log, if there is one.
pub(crate) fn newest_version(folder: &Path) -> Result<Option<u64>> {
    Ok(log::commits(folder)?.last().copied())
}

/// The newest commit in the folder's Delta log, if there is one.
pub(crate) fn newest_commit(folder: &Path) -> Result<Option<NewestCommit>> {
    let Some(version) = newest_version(folder)? else { return Ok(None) };
    let info = commit_info(folder, version)?.unwrap_or_default();
    let run = info.get("run").and_then(|run| run.as_str()).map(str::to_owned);
    let versions = info.get(VERSIONS).cloned().and_then(|versions| serde_json::from_value(versions).ok());
    let format = info.get(FORMAT).and_then(Value::as_u64).unwrap_or(1);
    Ok(Some(NewestCommit { version, run, versions, format }))
}

/// The number of the last run in the table's log.
pub(crate) fn last_run(folder: &Path) -> Result<i64> {
    newest_version(folder)?.map_or(Ok(0), |version| Ok(log::read(folder, version)?.last_run))
}

/// What a commit says about itself. What else it says need not be readable.
fn commit_info(folder: &Path, version: u64) -> Result<Option<Value>> {
    let lines = log::read_commit(&commit_path(folder, version))?;
    Ok(lines.split(|byte| *byte == b'\n').find_map(|line| {
        let action: Value = serde_json::from_slice(line).ok()?;
        action.get("commitInfo").cloned()
    }))
}
