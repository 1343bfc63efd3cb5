//! Makes sure that nothing in a store leads out of it: a store from someone else may contain links, or paths in its
//! logs that point elsewhere.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::data_file::DataFileEntry;
use crate::error::{Result, StoreError};

/// A path from a log, which must stay inside the table's folder.
///
/// # Errors
///
/// If it is absolute or empty, contains `.` or `..`, or has more slashes than it needs.
pub fn checked_path(folder: &Path, path: &str) -> Result<String> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    // Nor `a//b`, `a/./b` or `a/`, which would be other names of the same file.
    let is_plain = Path::new(path).components().collect::<PathBuf>().as_os_str() == path;
    if inside && is_plain && !path.is_empty() {
        Ok(path.to_owned())
    } else {
        Err(StoreError::damaged(folder, format!("the table log names {path:?}, which is outside the table's folder")))
    }
}

/// Fails if `path` exists, and is or is behind a link that leads out of `folder`.
pub(crate) fn check(folder: &Path, path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let real = |path: &Path| fs::canonicalize(path).map_err(StoreError::io(path));
    if real(path)?.starts_with(real(folder)?) { Ok(()) } else { Err(leads_out(path)) }
}

/// The same for the files of a table's log.
pub(crate) fn check_log(folder: &Path) -> Result<()> {
    let log = folder.join("_delta_log");
    for entry in fs::read_dir(&log).map_err(StoreError::io(&log))? {
        let entry = entry.map_err(StoreError::io(&log))?;
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            check(folder, &entry.path())?;
        }
    }
    Ok(())
}

/// The same for the data files of a table.
pub(crate) fn check_files(folder: &Path, files: &[DataFileEntry]) -> Result<()> {
    let mut seen = HashSet::new();
    for file in files {
        let parts = Path::new(&file.path).ancestors().filter(|part| *part != Path::new(""));
        for part in parts.filter(|part| seen.insert(*part)) {
            let path = folder.join(part);
            if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) {
                check(folder, &path)?;
            }
        }
    }
    Ok(())
}

fn leads_out(path: &Path) -> StoreError {
    StoreError::damaged(path, "is a link that leads out of the store")
}
