//! Where the store's tables are, and what they hold now.

use std::fs::{self, File, TryLockError};
use std::future::Future;
use std::path::{Path, PathBuf};

use sawlog_formats::{FORMATS, REJECTS, Table};
use tokio::runtime::Runtime;

use crate::delta::{self, Snapshot};
use crate::durable::make_folder;
use crate::entities::ENTITIES;
use crate::error::{Result, StoreError};
use crate::inside;
use crate::intent::{Intent, remove_folder};
use crate::ledger::SOURCES;

/// The tables of a store beside those of records.
const OTHERS: [&Table; 3] = [&REJECTS, &ENTITIES, &SOURCES];

/// All tables, those of records first.
pub const TABLES: fn() -> Vec<&'static Table> = || FORMATS.iter().map(|format| format.table).chain(OTHERS).collect();

/// The table named `name`.
#[must_use]
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES().into_iter().find(|table| table.name == name)
}

/// A folder of tables.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    runtime: Runtime,
}

impl Store {
    /// Opens the store at `root`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn open(root: &Path) -> Result<Self> {
        if !root.is_dir() {
            return Err(StoreError::Missing(root.to_owned()));
        }
        let store = Self::at(root)?;
        if !delta::exists(&store.folder(&SOURCES)) {
            return Err(StoreError::NotAStore(root.to_owned()));
        }
        Ok(store)
    }

    /// Opens the store at `root`, or makes one in a new or empty folder.
    ///
    /// # Errors
    ///
    /// If the folder holds other things, or can't be written to.
    pub fn open_or_create(root: &Path) -> Result<Self> {
        make_folder(root).map_err(StoreError::io(root))?;
        let store = Self::at(root)?;
        if !delta::exists(&store.folder(&SOURCES)) {
            let foreign = fs::read_dir(root).map_err(StoreError::io(root))?.flatten().any(|entry| {
                let name = entry.file_name();
                name != LOCK && name != STAGING && TABLES().iter().all(|table| name != table.name)
            });
            if foreign {
                return Err(StoreError::NotAStore(root.to_owned()));
            }
        }
        Ok(store)
    }

    fn at(root: &Path) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(StoreError::io(root))?;
        let store = Self { root: root.to_owned(), runtime };
        for place in TABLES().into_iter().map(|table| store.folder(table)).chain([store.staging(), root.join(LOCK)]) {
            inside::check(root, &place)?;
            inside::check(root, &place.join("_delta_log"))?;
        }
        Ok(store)
    }

    /// The store's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a table.
    #[must_use]
    pub fn folder(&self, table: &Table) -> PathBuf {
        self.root.join(table.name)
    }

    /// The folder in which runs stage their files.
    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join(STAGING)
    }

    /// Runs a future of the query engine on the store's threads.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// What a table holds now.
    ///
    /// # Errors
    ///
    /// If its log can't be read.
    pub fn snapshot(&self, table: &'static Table) -> Result<Snapshot> {
        self.block_on(snapshot(table, self.folder(table)))
    }

    /// What some tables hold now; their logs are read at the same time.
    ///
    /// # Errors
    ///
    /// If a log can't be read.
    pub fn snapshots(&self, tables: &[&'static Table]) -> Result<Vec<Snapshot>> {
        let begun: Vec<_> = tables
            .iter()
            .map(|&table| {
                let folder = self.folder(table);
                self.runtime.spawn(async move { snapshot(table, folder).await })
            })
            .collect();
        self.block_on(async {
            let mut snapshots = Vec::with_capacity(begun.len());
            for task in begun {
                snapshots.push(task.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?);
            }
            Ok(snapshots)
        })
    }

    /// Waits until no other process writes to the store, makes tables that are missing, and finishes or undoes what a
    /// run before left behind. `waiting` is called if there is something to wait for.
    pub(crate) fn lock(&self, waiting: impl FnOnce()) -> Result<File> {
        let path = self.root.join(LOCK);
        let lock =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(StoreError::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                lock.lock().map_err(StoreError::io(&path))?;
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::io(&path)(error)),
        }
        // The ledger comes last: where it is, the others are.
        for table in TABLES() {
            if !delta::exists(&self.folder(table)) {
                self.block_on(delta::create(table, &self.folder(table)))?;
            }
        }
        self.recover()?;
        Ok(lock)
    }

    fn recover(&self) -> Result<()> {
        let staging = self.staging();
        if !staging.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&staging).map_err(StoreError::io(&staging))? {
            let entry = entry.map_err(StoreError::io(&staging))?;
            inside::check(&staging, &entry.path())?;
            match Intent::read(&entry.path())? {
                Some(intent) => intent.carry_out(self, &entry.path())?,
                None => remove_folder(&entry.path())?,
            }
        }
        Ok(())
    }
}

async fn snapshot(table: &'static Table, folder: PathBuf) -> Result<Snapshot> {
    // A store that was made before there was an index answers without.
    if table.name == ENTITIES.name && !delta::exists(&folder) {
        return Ok(Snapshot { table, folder, version: 0, files: Vec::new() });
    }
    delta::snapshot(table, &folder).await
}

const LOCK: &str = "_lock";
const STAGING: &str = "_staging";
