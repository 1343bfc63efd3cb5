//! The list of all sources, in a file beside the page.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sawlog_formats::visible;
use sawlog_query::report::Sources;
use sawlog_store::{SortedSources, Store};
use sha2::{Digest, Sha256};

use crate::output::{Existing, NewFile, without_formula};
use crate::report::List;

/// If there are more sources than this, a file beside the page lists them all.
const MAX_ON_PAGE_ALONE: u64 = 300;

/// Whether the page alone can't list this many sources.
pub(super) fn is_needed(sources: u64) -> bool {
    sources > MAX_ON_PAGE_ALONE
}

/// Writes the list of a store's sources, which the page says `told` about. The file gets its name when it is finished.
pub(super) fn write(
    store: &Store,
    told: &Sources,
    page: &Path,
    existing: Existing,
    no_formulas: bool,
) -> Result<(List, NewFile)> {
    let path = beside(page);
    let mut file = Hashed { file: new_file(&path, existing)?, hasher: Sha256::new() };
    let ledger = write_csv(store, no_formulas, &mut file).with_context(|| format!("can't write {}", path.display()))?;
    ensure!(hex(ledger) == told.ledger_sha256, "a run changed the store meanwhile; try again");
    let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
    Ok((List { name, sha256: hex(file.hasher) }, file.file))
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file whose content is hashed as it is written.
struct Hashed {
    file: NewFile,
    hasher: Sha256,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes the list, and hashes the ledger. With `no_formulas`, texts are no formulas and keep the reading direction.
fn write_csv(store: &Store, no_formulas: bool, to: &mut Hashed) -> Result<Sha256> {
    let mut ledger = Sha256::new();
    let shown = |text: &str| {
        if no_formulas { without_formula(&visible(text)).into_owned() } else { text.to_owned() }
    };
    let mut csv = csv::Writer::from_writer(BufWriter::new(to));
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
    for (place, source) in SortedSources::open(store)?.enumerate() {
        let source = source?;
        ledger.update(source.sum_line());
        csv.write_record([
            &(place + 1).to_string(),
            &shown(&source.path),
            &shown(&source.root),
            &source.state.name().to_owned(),
            &shown(source.duplicate_of.as_deref().unwrap_or_default()),
            &source.size.to_string(),
            &source.records.to_string(),
            &source.rejects.to_string(),
            &source.sha256,
            &source.content_sha256.clone().unwrap_or_default(),
        ])?;
    }
    csv.flush()?;
    Ok(ledger)
}

/// Begins a file. With --force, it may exist already.
pub(super) fn new_file(path: &Path, existing: Existing) -> Result<NewFile> {
    if existing == Existing::Keep && path.symlink_metadata().is_ok() {
        bail!("{} exists; nothing was written. Use --force to overwrite it", path.display());
    }
    NewFile::create(path, false, existing)
}

/// Where the list of sources is, beside a page: `case.sources.csv` for `case.html`.
fn beside(page: &Path) -> PathBuf {
    page.with_extension("sources.csv")
}
