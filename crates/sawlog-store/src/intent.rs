//! The intent of a run: what each table will add and remove, written down before any of it is done.
//!
//! Delta commits one table at a time, the ledger last, which names the versions of the others: readers go by it, so they see
//! all of a run or nothing. Once the intent is on the disk, whoever comes next carries it out, as often as it takes. Each
//! table is read back before the ledger is committed; a run that can't be read is undone.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use sawlog_formats::Table;
use serde::{Deserialize, Serialize};

use crate::delta::{self, DataFileEntry};
use crate::durable::{make_folder, sync};
use crate::error::{Result, StoreError};
use crate::inside;
use crate::ledger::SOURCES;
use crate::store::{Store, table};

/// The file's name in a run's staging folder.
const NAME: &str = "intent.json";

/// What a run will change.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The run's id.
    pub(crate) run: String,
    /// The run's number: one more than that of the run before.
    pub(crate) number: i64,
    /// The changes, in the order in which they are committed.
    pub(crate) changes: Vec<Change>,
}

/// What will change in one table.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) table: String,
    pub(crate) adds: Vec<DataFileEntry>,
    pub(crate) removes: Vec<DataFileEntry>,
}

impl Intent {
    /// Writes the intent into the run's staging folder, whole or not at all.
    pub(crate) fn write(&self, staging: &Path) -> Result<()> {
        let (draft, path) = (staging.join("intent.draft"), staging.join(NAME));
        let text = serde_json::to_vec(self).map_err(|error| StoreError::damaged(&path, error))?;
        let mut file = File::create(&draft).map_err(StoreError::io(&draft))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(StoreError::io(&draft))?;
        fs::rename(&draft, &path).map_err(StoreError::io(&path))?;
        sync_folder(staging)
    }

    /// The intent in a staging folder, if the run got so far.
    pub(crate) fn read(staging: &Path) -> Result<Option<Self>> {
        let path = staging.join(NAME);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| StoreError::damaged(&path, error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(&path)(error)),
        }
    }

    /// Carries the intent out: moves the staged files to their tables, commits each table, removes the staging folder.
    ///
    /// # Errors
    ///
    /// [`StoreError::Undone`] if a table can't be read back; the store is then as it was before the run, and nothing is left
    /// of it. After any other error the intent stands.
    pub(crate) fn carry_out(&self, store: &Store, staging: &Path) -> Result<()> {
        for change in &self.changes {
            let table = table(&change.table)
                .ok_or_else(|| StoreError::damaged(&staging.join(NAME), format!("no table {}", change.table)))?;
            match self.change(store, staging, table, change) {
                Err(error) if table.name != SOURCES.name && !error.is_of_disk() => {
                    self.undo(store)?;
                    remove_folder(staging)?;
                    return Err(StoreError::Undone { cause: Box::new(error) });
                }
                changed => changed?,
            }
        }
        remove_folder(staging)
    }

    /// Changes one table, and reads back what it holds then.
    fn change(&self, store: &Store, staging: &Path, table: &'static Table, change: &Change) -> Result<()> {
        let folder = store.folder(table);
        for file in &change.adds {
            let path = inside::checked_path(&folder, &file.path)?;
            move_file(&staging.join(table.name).join(&path), &folder.join(&path), &folder)?;
        }
        let run = (self.run.as_str(), self.number);
        if table.name == SOURCES.name {
            let versions = store.newest_versions()?;
            return store.block_on(delta::commit(table, &folder, run, &change.adds, &change.removes, Some(&versions)));
        }
        store.block_on(delta::commit(table, &folder, run, &change.adds, &change.removes, None))?;
        let after = store.block_on(delta::snapshot(table, &folder, None))?;
        let held: HashSet<&str> = after.files.iter().map(|file| file.path.as_str()).collect();
        let lost = change.adds.iter().find(|file| !held.contains(file.path.as_str()));
        let kept = change.removes.iter().find(|file| held.contains(file.path.as_str()));
        match lost.or(kept) {
            None => Ok(()),
            Some(file) => {
                Err(StoreError::damaged(&folder.join(&file.path), "the commit of the run does not say what it should"))
            }
        }
    }

    /// Takes back what was done: the newest commit of each table if this run made it, and the run's data files.
    fn undo(&self, store: &Store) -> Result<()> {
        for change in self.changes.iter().rev() {
            let Some(table) = table(&change.table) else { continue };
            let folder = store.folder(table);
            if let Some(newest) = delta::newest_commit(&folder)?
                && newest.run.as_ref() == Some(&self.run)
            {
                delta::take_back(&folder, newest.version)?;
            }
            for file in &change.adds {
                remove_file(&folder.join(inside::checked_path(&folder, &file.path)?))?;
            }
        }
        Ok(())
    }
}

/// Moves a file into a table's folder, if it was not moved before, so that the move outlasts a power cut.
fn move_file(from: &Path, to: &Path, folder: &Path) -> Result<()> {
    let parent = to.parent().unwrap_or(to);
    make_folder(parent).map_err(StoreError::io(parent))?;
    inside::check(folder, parent)?;
    match fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && to.exists() => {}
        moved => moved.map_err(StoreError::io(to))?,
    }
    sync_folder(parent)
}

/// Waits until a folder's entries are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    sync(folder).map_err(StoreError::io(folder))
}

/// Removes a file, if it is there.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io(path)(error)),
        _ => Ok(()),
    }
}

/// Removes a folder with all that is in it, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io(folder)(error)),
        _ => Ok(()),
    }
}
