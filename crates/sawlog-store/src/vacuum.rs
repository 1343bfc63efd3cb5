//! Deletes data files that are no longer part of the store.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Result, StoreError};
use crate::run::Run;
use crate::store::TABLES;

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// How many files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Deletes the data files that the current version of no table has, and that were last changed longer than `retain` ago.
/// Whoever still reads an older version needs them until then. The run has the store for itself, so that no file is
/// deleted which another run is about to add.
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
            for entry in fs::read_dir(&folder).map_err(StoreError::io(&folder))? {
                let path = entry.map_err(StoreError::io(&folder))?.path();
                let metadata = fs::symlink_metadata(&path).map_err(StoreError::io(&path))?;
                if metadata.is_dir() && is_partition(&path) {
                    folders.push(path);
                } else if metadata.is_file() && is_data_file(&path) && !current.contains(&path) {
                    let changed = metadata.modified().map_err(StoreError::io(&path))?;
                    if SystemTime::now().duration_since(changed).is_ok_and(|age| age >= retain) {
                        fs::remove_file(&path).map_err(StoreError::io(&path))?;
                        vacuumed.files += 1;
                        vacuumed.bytes += metadata.len();
                    }
                }
            }
        }
    }
    Ok(vacuumed)
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
