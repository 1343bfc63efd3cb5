//! Locks the store for one process, and finishes or undoes what an earlier run left.

use std::fs::{self, File, TryLockError};

use crate::commit::carry_out;
use crate::error::{Result, StoreError};
use crate::folders::remove_folder;
use crate::intent::Intent;
use crate::source::SOURCES;
use crate::store::{LOCK, Store};
use crate::tables::TABLES;
use crate::{confine, delta, snapshot};

/// A run that was interrupted, could not be finished, and was undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoneRun {
    /// Its id.
    pub run: String,
    /// The tables to which it had added.
    pub tables: Vec<String>,
    /// Why it could not be finished.
    pub cause: String,
}

/// Waits until no other process writes to the store, makes missing tables, and finishes or undoes what an earlier run
/// left. `waiting` is called if it has to wait.
pub(crate) fn lock(store: &Store, waiting: impl FnOnce()) -> Result<(File, Vec<UndoneRun>)> {
    let path = store.root().join(LOCK);
    let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(StoreError::io(&path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            waiting();
            lock.lock().map_err(StoreError::io(&path))?;
        }
        Err(TryLockError::Error(error)) => return Err(StoreError::io(&path)(error)),
    }
    store.see_newest();
    store.know(store.format()?)?;
    // The ledger comes last: if it exists, the others do.
    for table in TABLES() {
        if !snapshot::exists(&store.folder(table)) {
            store.block_on(delta::create(table, &store.folder(table)))?;
        }
    }
    let undone = recover(store)?;
    Ok((lock, undone))
}

/// Finishes or undoes what earlier runs left. Returns the runs that were undone.
fn recover(store: &Store) -> Result<Vec<UndoneRun>> {
    let (staging, mut undone) = (store.staging(), Vec::new());
    if !staging.exists() {
        return Ok(undone);
    }
    for entry in fs::read_dir(&staging).map_err(StoreError::io(&staging))? {
        let entry = entry.map_err(StoreError::io(&staging))?;
        confine::check(&staging, &entry.path())?;
        match Intent::read(&entry.path())? {
            // An intent that can't be carried out is undone, and its files are read again: the store must not stay as
            // it is.
            Some(intent) => match carry_out(&intent, store, &entry.path()) {
                Err(StoreError::Undone { cause }) => {
                    let tables = intent.changes.into_iter().filter(|change| !change.adds.is_empty());
                    let tables = tables.map(|change| change.table).filter(|table| table != SOURCES.name).collect();
                    undone.push(UndoneRun { run: intent.run, tables, cause: cause.to_string() });
                }
                done => done?,
            },
            None => remove_folder(&entry.path())?,
        }
    }
    Ok(undone)
}
