//! Deletes data files that are no longer part of the store, and logs of versions that no longer matter.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::delta;
use crate::error::{Result, StoreError};
use crate::run::Run;
use crate::source::SOURCES;
use crate::store::Store;
use crate::tables::TABLES;

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// How many files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The number of files of the tables' logs.
    pub log_files: usize,
}

/// Deletes the data files that no table's current version has and that were last changed longer than `retain` ago. (A
/// commit that takes them out of use changes their time.) Readers of an older version need them until then. The run
/// has the store to itself, so no file is deleted that another run is about to add. The tables' logs forget removed
/// files after the same time. Long logs are left with a checkpoint, so that deleted parts of them are not needed
/// either.
///
/// # Errors
///
/// If a folder can't be read, or a file can't be deleted.
pub fn vacuum(run: &Run<'_>, retain: Duration) -> Result<Vacuumed> {
    let mut vacuumed = Vacuumed::default();
    for table in TABLES() {
        let snapshot = run.store().snapshot(table)?;
        let current: HashSet<PathBuf> = snapshot.files.iter().map(|file| snapshot.folder.join(&file.path)).collect();
        let mut folders = vec![snapshot.folder.clone()];
        while let Some(folder) = folders.pop() {
            for path in paths(&folder)? {
                let metadata = fs::symlink_metadata(&path).map_err(StoreError::io(&path))?;
                if metadata.is_dir() && is_partition(&path) {
                    folders.push(path);
                    continue;
                }
                let is_out_of_use = metadata.is_file() && is_data_file(&path) && !current.contains(&path);
                if is_out_of_use && is_old(&path, retain)? {
                    fs::remove_file(&path).map_err(StoreError::io(&path))?;
                    vacuumed.files += 1;
                    vacuumed.bytes += metadata.len();
                }
            }
        }
    }
    let store = run.store();
    set_retention(store, retain)?;
    for table in TABLES() {
        store.block_on(delta::checkpoint(table, &store.folder(table)))?;
        vacuumed.log_files += vacuum_log(&store.folder(table).join("_delta_log"), retain)?;
    }
    Ok(vacuumed)
}

/// Makes the tables' logs forget removed files after `retain`. The ledger comes last: it names the new versions of
/// the others.
fn set_retention(store: &Store, retain: Duration) -> Result<()> {
    let mut any = false;
    for table in TABLES().into_iter().filter(|table| table.name != SOURCES.name) {
        any |= store.block_on(delta::set_retention(table, &store.folder(table), retain, None))?;
    }
    let (ledger, versions) = (store.folder(&SOURCES), store.newest_versions()?);
    let named = store.block_on(delta::set_retention(&SOURCES, &ledger, retain, Some(&versions)))?;
    if any && !named { store.block_on(delta::name_versions(&SOURCES, &ledger, &versions)) } else { Ok(()) }
}

/// Deletes from a table's log the versions before the last checkpoint that is older than `retain`: since then, every
/// reader starts from that checkpoint or a later one. Returns the number of files.
fn vacuum_log(log: &Path, retain: Duration) -> Result<usize> {
    let mut files: Vec<(u64, PathBuf)> =
        paths(log)?.into_iter().filter_map(|path| Some((version(&path)?, path))).collect();
    files.sort();
    let is_checkpoint = |path: &Path| path.to_string_lossy().ends_with(".checkpoint.parquet");
    let mut last = None;
    for (version, path) in files.iter().filter(|(_, path)| is_checkpoint(path)) {
        if is_old(path, retain)? {
            last = Some(*version);
        }
    }
    let superseded = files.iter().take_while(|(version, _)| last.is_some_and(|last| *version < last));
    let mut removed = 0;
    for (_, path) in superseded {
        fs::remove_file(path).map_err(StoreError::io(path))?;
        removed += 1;
    }
    Ok(removed)
}

/// The version in the name of a log's file: `00000000000000000010.json`, or a checkpoint.
fn version(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let (version, kind) = name.split_once('.')?;
    let is_of_log = version.len() == 20 && matches!(kind, "json" | "checkpoint.parquet");
    if is_of_log { version.parse().ok() } else { None }
}

fn paths(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(StoreError::io(folder))?;
    entries.map(|entry| Ok(entry.map_err(StoreError::io(folder))?.path())).collect()
}

/// Whether a file was last changed longer than `retain` ago.
fn is_old(path: &Path, retain: Duration) -> Result<bool> {
    let changed = fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).map_err(StoreError::io(path))?;
    Ok(SystemTime::now().duration_since(changed).is_ok_and(|age| age >= retain))
}

/// Whether a run may have made a folder of that name in a table: `date=2021-07-29`.
fn is_partition(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("date="))
}

/// Whether a run may have made a file of that name: `part-….parquet`.
fn is_data_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("part-") && name.ends_with(".parquet")
}
