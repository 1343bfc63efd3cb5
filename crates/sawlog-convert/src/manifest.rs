//! The manifest of a store: the SHA-256 of every input and every data file, to be signed and checked later.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sawlog_store::{SortedSources, Source, Store, TABLES};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::convert::{hash_file, hex};

/// The layout of the manifest that this version writes and reads.
const LAYOUT: u32 = 1;

/// What a store holds at one moment.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The manifest's own layout.
    layout: u32,
    /// The version of sawlog that made it.
    sawlog: String,
    /// When it was made, and by which command line.
    made_at: String,
    command_line: Vec<String>,
    /// SHA-256 of the list of data files: one line for each, sorted by path, as `sha256sum` writes it.
    store_sha256: String,
    tables: Vec<TableEntry>,
    sources: Vec<SourceEntry>,
    data_files: Vec<FileEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TableEntry {
    table: String,
    version: u64,
    rows: u64,
    data_files: usize,
}

/// An input file, as the ledger has it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SourceEntry {
    path: String,
    root: String,
    size: i64,
    sha256: String,
    content_sha256: Option<String>,
    state: String,
    format: Option<String>,
    records: i64,
    rejects: i64,
    /// When and why its records were taken out of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removed_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remove_reason: Option<String>,
}

impl SourceEntry {
    /// How its records were taken out of the store, if they were.
    fn removal(&self) -> Option<String> {
        let at = self.removed_at.as_ref()?;
        let reason = self.remove_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        Some(format!("was removed at {at}{reason}"))
    }
}

/// A data file; its path is relative to the store.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileEntry {
    path: String,
    size: u64,
    rows: u64,
    sha256: String,
}

impl Manifest {
    /// The manifest of what the store holds now. Reads all data files.
    ///
    /// # Errors
    ///
    /// If the store can't be read.
    pub fn of(store: &Store) -> Result<Self> {
        let (mut tables, mut data_files) = (Vec::new(), Vec::new());
        for table in TABLES() {
            let snapshot = store.snapshot(table)?;
            for file in &snapshot.files {
                let whole = snapshot.folder.join(&file.path);
                let size = whole.metadata().with_context(|| format!("can't read {}", whole.display()))?.len();
                let path = format!("{}/{}", table.name, file.path);
                data_files.push(FileEntry { path, size, rows: file.rows, sha256: hash_file(&whole)? });
            }
            let (version, rows) = (snapshot.version, snapshot.rows());
            tables.push(TableEntry { table: table.name.to_owned(), version, rows, data_files: snapshot.files.len() });
        }
        data_files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self {
            layout: LAYOUT,
            sawlog: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            command_line: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            store_sha256: list_hash(&data_files),
            tables,
            sources: SortedSources::open(store)?.map(|source| Ok(entry(source?))).collect::<Result<_>>()?,
            data_files,
        })
    }

    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// If it can't be read, or is not a manifest.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("can't read the manifest {}", path.display()))?;
        let wrong = || format!("{} is not a manifest", path.display());
        let manifest: Self = serde_json::from_slice(&text).with_context(wrong)?;
        if manifest.layout != LAYOUT {
            bail!("{} has layout {}; this version reads layout {LAYOUT}", path.display(), manifest.layout);
        }
        Ok(manifest)
    }

    /// The differences between this manifest and `now`: a sentence for each, none if they are the same.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if list_hash(&self.data_files) != self.store_sha256 {
            found.push("the manifest's list of data files does not match the SHA-256 that it states".to_owned());
        }
        fn by_path<T>(entries: &[T], path: fn(&T) -> &str) -> BTreeMap<&str, &T> {
            entries.iter().map(|entry| (path(entry), entry)).collect()
        }
        let files = |manifest| by_path(manifest, |file: &FileEntry| &file.path);
        let altered = |_: &FileEntry, _: &FileEntry| "was altered".to_owned();
        compare("data file", &files(&self.data_files), &files(&now.data_files), altered, &mut found);
        let sources = |manifest| by_path(manifest, |source: &SourceEntry| &source.path);
        let changed = |then: &SourceEntry, now: &SourceEntry| {
            let is_same_file = (&then.sha256, then.size, &then.root) == (&now.sha256, now.size, &now.root);
            let removal = now.removal().filter(|_| is_same_file && then.removed_at.is_none());
            removal.unwrap_or_else(|| "was altered".to_owned())
        };
        compare("source", &sources(&self.sources), &sources(&now.sources), changed, &mut found);
        found
    }
}

/// Says which entries are missing, changed in which way, and unexpected.
fn compare<T: PartialEq>(
    what: &str,
    then: &BTreeMap<&str, &T>,
    now: &BTreeMap<&str, &T>,
    changed: impl Fn(&T, &T) -> String,
    found: &mut Vec<String>,
) {
    for (path, entry) in then {
        match now.get(path) {
            None => found.push(format!("the {what} {path} is missing")),
            Some(other) if other != entry => found.push(format!("the {what} {path} {}", changed(entry, other))),
            Some(_) => {}
        }
    }
    let unexpected = now.keys().filter(|path| !then.contains_key(*path));
    found.extend(unexpected.map(|path| format!("the {what} {path} is not in the manifest")));
}

fn entry(source: Source) -> SourceEntry {
    SourceEntry {
        path: source.path,
        root: source.root.as_ref().to_owned(),
        size: source.size,
        sha256: source.sha256,
        content_sha256: source.content_sha256,
        state: source.state.name().to_owned(),
        format: source.format.as_deref().map(str::to_owned),
        records: source.records,
        rejects: source.rejects,
        removed_at: source.removed_at.map(time_name),
        remove_reason: source.remove_reason.as_deref().map(str::to_owned),
    }
}

/// A time in microseconds since 1970, in UTC.
fn time_name(micros: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn list_hash(files: &[FileEntry]) -> String {
    let lines: String = files.iter().map(|file| format!("{}  {}\n", file.sha256, file.path)).collect();
    hex(&Sha256::digest(lines))
}
