//! Carries out the intent of a run: moves its files to their tables and commits them.
//!
//! Delta commits one table at a time. The ledger is committed last and names the versions of the other tables.
//! Readers start from the ledger, so they see all of a run or nothing. Each table is read back before the ledger is
//! committed; a run that can't be read is undone.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use sawlog_formats::Table;

use crate::error::{Result, StoreError};
use crate::folders::{make_folder, remove_file, remove_folder, sync_folder};
use crate::intent::{self, Change, Intent};
use crate::source::SOURCES;
use crate::store::Store;
use crate::tables::table;
use crate::{confine, delta, snapshot};

/// Carries out the intent: moves the staged files to their tables, commits each table, removes the staging folder.
///
/// # Errors
///
/// [`StoreError::Undone`] if a table can't be read back. The store is then as it was before the run, and nothing is
/// left of the run. After any other error the intent remains.
pub(crate) fn carry_out(intent: &Intent, store: &Store, staging: &Path) -> Result<()> {
    for change in &intent.changes {
        let table = table(&change.table)
            .ok_or_else(|| StoreError::damaged(&staging.join(intent::NAME), format!("no table {}", change.table)))?;
        match change_table(intent, store, staging, table, change) {
            Err(error) if table.name != SOURCES.name && !error.is_of_disk() => {
                undo(intent, store)?;
                remove_folder(staging)?;
                return Err(StoreError::Undone { cause: Box::new(error) });
            }
            changed => changed?,
        }
    }
    remove_folder(staging)
}

/// Changes one table, and reads it back.
fn change_table(intent: &Intent, store: &Store, staging: &Path, table: &'static Table, change: &Change) -> Result<()> {
    let folder = store.folder(table);
    for file in &change.adds {
        let path = confine::checked_path(&folder, &file.path)?;
        move_file(&staging.join(table.name).join(&path), &folder.join(&path), &folder)?;
    }
    let run = (intent.run.as_str(), intent.number);
    if table.name == SOURCES.name {
        let versions = store.newest_versions()?;
        return store.block_on(delta::commit(table, &folder, run, &change.adds, &change.removes, Some(&versions)));
    }
    store.block_on(delta::commit(table, &folder, run, &change.adds, &change.removes, None))?;
    let after = snapshot::snapshot(table, &folder, None)?;
    let held: HashSet<&str> = after.files.iter().map(|file| file.path.as_str()).collect();
    let lost = change.adds.iter().find(|file| !held.contains(file.path.as_str()));
    let kept = change.removes.iter().find(|file| held.contains(file.path.as_str()));
    match lost.or(kept) {
        None => Ok(()),
        Some(file) => {
            Err(StoreError::damaged(&folder.join(&file.path), "the table log does not have the changes of the run"))
        }
    }
}

/// Undoes what was done: the newest commit of each table, if this run made it, and the run's data files.
fn undo(intent: &Intent, store: &Store) -> Result<()> {
    for change in intent.changes.iter().rev() {
        let Some(table) = table(&change.table) else { continue };
        let folder = store.folder(table);
        if let Some(newest) = snapshot::newest_commit(&folder)?
            && newest.run.as_ref() == Some(&intent.run)
        {
            delta::take_back(&folder, newest.version)?;
        }
        for file in &change.adds {
            remove_file(&folder.join(confine::checked_path(&folder, &file.path)?))?;
        }
    }
    Ok(())
}

/// Moves a file into a table's folder, if it was not moved before, so that the move survives a power cut.
fn move_file(from: &Path, to: &Path, folder: &Path) -> Result<()> {
    let parent = to.parent().unwrap_or(to);
    make_folder(parent).map_err(StoreError::io(parent))?;
    confine::check(folder, parent)?;
    match fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && to.exists() => {}
        moved => moved.map_err(StoreError::io(to))?,
    }
    sync_folder(parent)
}
