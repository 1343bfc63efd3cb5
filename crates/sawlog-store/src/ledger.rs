//! The ledger: a row for each input file that was ever read. It makes conversion incremental and verification
//! possible.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::path::PathBuf;

use arrow::array::AsArray;

use crate::data_file::DataFileEntry;
use crate::error::{Result, StoreError};
use crate::read::{TableReader, read_file, read_file_by};
use crate::snapshot::Snapshot;
use crate::source::{NO_LEDGER, SOURCES, SharedTexts, Source};
use crate::store::Store;

/// Memory is reserved for at most this many rows before they are read.
const MOST_RESERVED: u64 = 1 << 20;
/// At most this many data files are merged: each is an open file.
const MOST_MERGED: usize = 256;
/// About this many rows of all of them are read ahead, and at least so many of each.
const MOST_WAITING: usize = 8192;
const LEAST_WAITING: usize = 128;

impl Source {
    /// Calls `take` with each row of the ledger, in any order.
    ///
    /// # Errors
    ///
    /// If the table can't be read.
    pub fn for_each(store: &Store, mut take: impl FnMut(Self)) -> Result<()> {
        let snapshot = store.snapshot(&SOURCES)?;
        let mut shared = SharedTexts::default();
        for file in &snapshot.files {
            for batch in read_file(&SOURCES, &snapshot.folder, file, None)? {
                let wrong = || StoreError::damaged(&snapshot.folder.join(&file.path), NO_LEDGER);
                Self::read_each(&batch?, &mut shared, &mut take).ok_or_else(wrong)?;
            }
        }
        Ok(())
    }

    /// The whole ledger, sorted by path.
    ///
    /// # Errors
    ///
    /// If the table can't be read.
    pub fn load_all(store: &Store) -> Result<Vec<Self>> {
        // The count from the log only decides how often the memory grows.
        let rows = store.snapshot(&SOURCES)?.rows().min(MOST_RESERVED);
        let mut sources = Vec::with_capacity(usize::try_from(rows).unwrap_or_default());
        Self::for_each(store, |source| sources.push(source))?;
        // The rows of one run are sorted already. A stable sort would take half as much memory again.
        if !sources.is_sorted_by(|a, b| a.path <= b.path) {
            sources.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        }
        Ok(sources)
    }
}

/// The ledger's rows sorted by path, read as they are asked for: memory does not grow with the ledger, unless it has
/// very many data files. Then all rows are read first, as [`Source::load_all`] does.
#[derive(Debug)]
pub struct SortedSources(Rows);

#[derive(Debug)]
enum Rows {
    /// The data files, which are merged.
    Merged { files: Vec<LedgerFile>, waiting: BinaryHeap<Reverse<(String, usize)>>, shared: SharedTexts },
    /// All rows: there are too many data files, or an early version wrote one that is not sorted.
    All(std::vec::IntoIter<Source>),
}

/// A data file of the ledger that is being read.
#[derive(Debug)]
struct LedgerFile {
    path: PathBuf,
    batches: TableReader,
    rows: VecDeque<Source>,
}

impl SortedSources {
    /// Opens the ledger.
    ///
    /// # Errors
    ///
    /// If it can't be read.
    pub fn open(store: &Store) -> Result<Self> {
        let snapshot = store.snapshot(&SOURCES)?;
        let mut can_merge = snapshot.files.len() <= MOST_MERGED;
        for file in &snapshot.files {
            can_merge = can_merge && is_sorted(&snapshot, file)?;
        }
        if !can_merge {
            return Ok(Self(Rows::All(Source::load_all(store)?.into_iter())));
        }
        let (mut shared, mut waiting) = (SharedTexts::default(), BinaryHeap::new());
        let mut files = Vec::with_capacity(snapshot.files.len());
        for entry in &snapshot.files {
            let rows = (MOST_WAITING / snapshot.files.len()).max(LEAST_WAITING);
            let batches = read_file_by(&SOURCES, &snapshot.folder, entry, None, rows)?;
            let mut file = LedgerFile { path: snapshot.folder.join(&entry.path), batches, rows: VecDeque::new() };
            let path = file.next_path(&mut shared)?;
            waiting.extend(path.map(|path| Reverse((path, files.len()))));
            files.push(file);
        }
        Ok(Self(Rows::Merged { files, waiting, shared }))
    }
}

impl Iterator for SortedSources {
    type Item = Result<Source>;

    fn next(&mut self) -> Option<Self::Item> {
        let (files, waiting, shared) = match &mut self.0 {
            Rows::All(rows) => return rows.next().map(Ok),
            Rows::Merged { files, waiting, shared } => (files, waiting, shared),
        };
        let Reverse((_, number)) = waiting.pop()?;
        let source = files[number].rows.pop_front()?;
        match files[number].next_path(shared) {
            Ok(path) => waiting.extend(path.map(|path| Reverse((path, number)))),
            Err(error) => return Some(Err(error)),
        }
        Some(Ok(source))
    }
}

impl LedgerFile {
    /// The path of its next row; `None` at the end.
    fn next_path(&mut self, shared: &mut SharedTexts) -> Result<Option<String>> {
        while self.rows.is_empty() {
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let rows = &mut self.rows;
            let read = Source::read_each(&batch?, shared, |source| rows.push_back(source));
            read.ok_or_else(|| StoreError::damaged(&self.path, NO_LEDGER))?;
        }
        Ok(self.rows.front().map(|source| source.path.clone()))
    }
}

/// Whether the rows of a data file are sorted by path.
fn is_sorted(snapshot: &Snapshot, entry: &DataFileEntry) -> Result<bool> {
    let mut last = String::new();
    for batch in read_file(&SOURCES, &snapshot.folder, entry, Some(&["path"]))? {
        let batch = batch?;
        let paths = batch["path"].as_string_opt::<i32>();
        let paths = paths.ok_or_else(|| StoreError::damaged(&snapshot.folder.join(&entry.path), NO_LEDGER))?;
        for path in paths.iter().flatten() {
            if path < last.as_str() {
                return Ok(false);
            }
            path.clone_into(&mut last);
        }
    }
    Ok(true)
}
