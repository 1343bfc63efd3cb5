//! The sources of a case: every file with its hash, and the lines of them that are no records.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use sawlog_formats::{REJECTS, TextColumn};
use sawlog_store::{Source, Store, read_file};
use sha2::{Digest, Sha256};

use crate::render::file::{Existing, NewFile};

/// If there are more sources, they are in a file beside the page as well.
const MAX_ON_PAGE_ALONE: usize = 300;
/// Rejects are shown so far.
const MAX_REJECTS: usize = 50;

/// What the store was made of.
pub(crate) struct Sources {
    pub(crate) all: Vec<Source>,
    /// SHA-256 over the ledger: of the lines `sha256␣␣path`, sorted by path, as `sha256sum` prints them.
    pub(crate) ledger_sha256: String,
    /// The file beside the page: its name and SHA-256.
    pub(crate) list: Option<(String, String)>,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) rejects_in_all: i64,
}

/// A line that is no record.
pub(crate) struct Reject {
    pub(crate) file: String,
    pub(crate) line: i64,
    pub(crate) reason: String,
    pub(crate) raw: String,
}

impl Sources {
    /// The sources of a store.
    pub(crate) fn of(store: &Store) -> Result<Self> {
        let all = Source::load_all(store)?;
        let mut hasher = Sha256::new();
        all.iter().for_each(|source| hasher.update(source.sum_line()));
        let ledger_sha256 = hex(&hasher.finalize());
        let rejects_in_all = all.iter().map(|source| source.rejects).sum();
        Ok(Self { all, ledger_sha256, list: None, rejects: rejects(store)?, rejects_in_all })
    }

    /// Writes the list beside the page, if there are so many sources; it gets its name when it is finished.
    pub(crate) fn write_list(&mut self, page: &Path, existing: Existing) -> Result<Option<NewFile>> {
        if self.all.len() <= MAX_ON_PAGE_ALONE {
            return Ok(None);
        }
        let path = list_beside(page);
        let mut file = new_file(&path, existing)?;
        let list = self.as_csv()?;
        file.write_all(&list).with_context(|| format!("can't write {}", path.display()))?;
        let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
        self.list = Some((name, hex(&Sha256::digest(&list))));
        Ok(Some(file))
    }

    fn as_csv(&self) -> Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record([
            "number",
            "path",
            "root",
            "state",
            "duplicate_of",
            "size",
            "records",
            "rejects",
            "sha256",
            "content_sha256",
        ])?;
        for (place, source) in self.all.iter().enumerate() {
            csv.write_record([
                &(place + 1).to_string(),
                &source.path,
                &*source.root,
                source.state.name(),
                source.duplicate_of.as_deref().unwrap_or_default(),
                &source.size.to_string(),
                &source.records.to_string(),
                &source.rejects.to_string(),
                &source.sha256,
                source.content_sha256.as_deref().unwrap_or_default(),
            ])?;
        }
        csv.into_inner().context("the list of sources")
    }
}

/// Begins a file that is named by --force where it may not be there yet.
pub(super) fn new_file(path: &Path, existing: Existing) -> Result<NewFile> {
    if existing == Existing::Keep && path.symlink_metadata().is_ok() {
        bail!("{} exists; nothing was written. Use --force to overwrite it", path.display());
    }
    NewFile::create(path, false, existing)
}

/// Where the list of sources is, beside a page: `case.sources.csv` for `case.html`.
pub(crate) fn list_beside(page: &Path) -> PathBuf {
    page.with_extension("sources.csv")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first rejects of a store.
fn rejects(store: &Store) -> Result<Vec<Reject>> {
    let mut rejects = Vec::new();
    let snapshot = store.snapshot(&REJECTS)?;
    for entry in &snapshot.files {
        for batch in read_file(&REJECTS, &snapshot.folder, entry, None)? {
            let batch = batch?;
            let text = |name: &str| TextColumn::new(&batch[name]).map_err(|found| anyhow::anyhow!("{name} is {found}"));
            let (files, reasons) = (text("source_file")?, text("reason")?);
            let lines = batch["source_line"].as_primitive_opt::<Int64Type>().context("no lines")?;
            let raws = batch["raw"].as_binary_opt::<i32>().context("no bytes")?;
            for row in 0..batch.num_rows().min(MAX_REJECTS - rejects.len()) {
                let raw = String::from_utf8_lossy(raws.value(row));
                rejects.push(Reject {
                    file: files.get(row).unwrap_or_default().to_owned(),
                    line: lines.value(row),
                    reason: reasons.get(row).unwrap_or_default().to_owned(),
                    raw: raw.chars().take(200).collect(),
                });
            }
            if rejects.len() == MAX_REJECTS {
                return Ok(rejects);
            }
        }
    }
    Ok(rejects)
}
