//! Where the store's tables are, and what they hold now.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use sawlog_formats::{FIRST_FORMATS, Format, Table, formats};

use crate::confine;
use crate::entities::ENTITIES;
use crate::error::{Result, StoreError};
use crate::folders::make_folder;
use crate::intent::Intent;
use crate::snapshot::{self, Snapshot};
use crate::source::SOURCES;
use crate::tables::{TABLES, table};
use crate::version::FORMAT_VERSION;
use crate::waiting::{self, Threads};

/// A folder of tables. Readers see all tables as they were after one run, however many runs take place meanwhile. The
/// process that has locked it sees them as they are.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    runtime: Threads,
    view: Mutex<View>,
}

/// Which version of each table is read.
#[derive(Clone, Debug, Default)]
enum View {
    /// None was yet.
    #[default]
    Unknown,
    /// These versions, including the ledger's. Tables that are not named are empty.
    Named(BTreeMap<String, u64>),
    /// The newest version of each table, except these: for stores whose ledger names no versions, which earlier
    /// versions made.
    NewestBut(BTreeMap<String, u64>),
}

/// The version of a table that is read.
#[derive(Clone, Copy)]
enum At {
    Version(u64),
    Newest,
    /// The table does not exist.
    Nowhere,
}

impl View {
    fn of(&self, table: &Table) -> At {
        let (named, others) = match self {
            Self::Unknown => return At::Newest,
            Self::Named(versions) => (versions.get(table.name), At::Nowhere),
            Self::NewestBut(versions) => (versions.get(table.name), At::Newest),
        };
        named.map_or(others, |version| At::Version(*version))
    }
}

/// Refuses paths that can't be a folder: a file, or a path inside one.
fn not_a_file(root: &Path) -> Result<()> {
    match root.ancestors().filter(|path| !path.as_os_str().is_empty()).find(|path| path.exists()) {
        Some(there) if !there.is_dir() => Err(StoreError::NotAFolder(there.to_owned())),
        _ => Ok(()),
    }
}

impl Store {
    /// Opens the store at `root`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn open(root: &Path) -> Result<Self> {
        not_a_file(root)?;
        if !root.is_dir() {
            return Err(StoreError::Missing(root.to_owned()));
        }
        let store = Self::at(root)?;
        if !snapshot::exists(&store.folder(&SOURCES)) {
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
        not_a_file(root)?;
        make_folder(root).map_err(StoreError::io(root))?;
        let store = Self::at(root)?;
        if !snapshot::exists(&store.folder(&SOURCES)) {
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
        let store = Self { root: root.to_owned(), runtime: Threads::new(runtime), view: Mutex::default() };
        for place in TABLES().into_iter().map(|table| store.folder(table)).chain([store.staging(), root.join(LOCK)]) {
            confine::check(root, &place)?;
            confine::check(root, &place.join("_delta_log"))?;
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

    /// Runs a future of the query engine on the store's threads, even if one of them waits for the answer.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        waiting::block_on(&self.runtime, future)
    }

    /// What a table holds now.
    ///
    /// # Errors
    ///
    /// If its log can't be read.
    pub fn snapshot(&self, table: &'static Table) -> Result<Snapshot> {
        let mut snapshots = self.snapshots(&[table])?;
        Ok(snapshots.remove(0))
    }

    /// The versions that a reader of the store sees, according to the disk now.
    ///
    /// A run commits one table after another and the ledger last, which names the versions of all of them. Later
    /// versions belong to a run that is not complete.
    fn look(&self) -> Result<View> {
        let ledger = self.folder(&SOURCES);
        let Some(newest) = snapshot::newest_commit(&ledger)? else { return Ok(View::NewestBut(BTreeMap::new())) };
        self.know(newest.format)?;
        if let Some(mut versions) = newest.versions.or_else(|| (newest.version == 0).then(|| self.first_versions())) {
            versions.insert(SOURCES.name.to_owned(), newest.version);
            return Ok(View::Named(versions));
        }
        // The ledger names no versions: only a run whose intent still exists can be incomplete.
        let mut before = BTreeMap::new();
        for intent in self.intents()?.into_iter().filter(|intent| Some(&intent.run) != newest.run.as_ref()) {
            for table in intent.changes.iter().filter_map(|change| table(&change.table)) {
                if let Some(newest) = snapshot::newest_commit(&self.folder(table))?
                    && newest.run.as_ref() == Some(&intent.run)
                {
                    before.insert(table.name.to_owned(), newest.version.saturating_sub(1));
                }
            }
        }
        Ok(View::NewestBut(before))
    }

    /// The version of the store's format, as its newest run wrote it.
    ///
    /// # Errors
    ///
    /// If the ledger's log can't be read.
    pub fn format(&self) -> Result<u64> {
        Ok(snapshot::newest_commit(&self.folder(&SOURCES))?.map_or(FORMAT_VERSION, |newest| newest.format))
    }

    /// Makes sure that the format is one that this version of sawlog knows.
    pub(crate) fn know(&self, format: u64) -> Result<()> {
        if format > FORMAT_VERSION { Err(StoreError::Newer { store: self.root.clone(), format }) } else { Ok(()) }
    }

    /// The versions of the tables of a store before its first run.
    fn first_versions(&self) -> BTreeMap<String, u64> {
        let tables = TABLES().into_iter().filter(|table| snapshot::exists(&self.folder(table)));
        tables.map(|table| (table.name.to_owned(), 0)).collect()
    }

    /// The intents of runs that are not carried out yet.
    fn intents(&self) -> Result<Vec<Intent>> {
        let staging = self.staging();
        let Ok(entries) = fs::read_dir(&staging) else { return Ok(Vec::new()) };
        let mut intents = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::io(&staging))?;
            intents.extend(Intent::read(&entry.path())?);
        }
        Ok(intents)
    }

    /// The newest versions of all tables but the ledger.
    pub(crate) fn newest_versions(&self) -> Result<BTreeMap<String, u64>> {
        let mut versions = BTreeMap::new();
        for table in TABLES().into_iter().filter(|table| table.name != SOURCES.name) {
            if let Some(newest) = snapshot::newest_version(&self.folder(table))? {
                versions.insert(table.name.to_owned(), newest);
            }
        }
        Ok(versions)
    }

    /// Notes that the store is locked, so that the newest version of each table counts.
    pub(crate) fn see_newest(&self) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = View::NewestBut(BTreeMap::new());
    }

    /// What some tables hold now; their logs are read in parallel.
    ///
    /// # Errors
    ///
    /// If a log can't be read.
    pub fn snapshots(&self, tables: &[&'static Table]) -> Result<Vec<Snapshot>> {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*view, View::Unknown) {
            return self.snapshots_of(&view, tables);
        }
        // A compaction may delete an old version from the log while it is read; then there is a newer version.
        let mut tries = 0;
        loop {
            let seen = self.look()?;
            let read = self.snapshots_of(&seen, tables);
            tries += 1;
            if read.is_ok() || tries == TRIES {
                *view = seen;
                return read;
            }
        }
    }

    fn snapshots_of(&self, view: &View, tables: &[&'static Table]) -> Result<Vec<Snapshot>> {
        let read = |table: &&'static Table| snapshot(table, self.folder(table), view.of(table));
        thread::scope(|scope| {
            // The first one is read meanwhile.
            let (first, others) = tables.split_first().unzip();
            let others: Vec<_> =
                others.unwrap_or_default().iter().map(|table| scope.spawn(move || read(table))).collect();
            let others = others.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            first.map(read).into_iter().chain(others).collect()
        })
    }
}

fn snapshot(table: &'static Table, folder: PathBuf, at: At) -> Result<Snapshot> {
    let version = match at {
        At::Version(version) => Some(version),
        At::Newest => None,
        At::Nowhere => return Ok(Snapshot { table, folder, version: 0, files: Vec::new() }),
    };
    // A store from before there was an index, or a log, answers without it. Tables that every store has must exist.
    let is_log = |formats: &[&Format]| formats.iter().any(|format| format.table.name == table.name);
    let is_later_log = is_log(formats()) && !is_log(FIRST_FORMATS);
    let is_newer = table.name == ENTITIES.name || version.is_none() && is_later_log;
    if is_newer && !snapshot::exists(&folder) {
        return Ok(Snapshot { table, folder, version: 0, files: Vec::new() });
    }
    snapshot::snapshot(table, &folder, version)
}

/// A reader looks again this often at a store that changes meanwhile.
const TRIES: usize = 5;

/// The file that the writing process has locked.
pub(crate) const LOCK: &str = "_lock";
/// The folder for what runs stage.
const STAGING: &str = "_staging";
