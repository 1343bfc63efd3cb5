//! The list of all sources, in a file beside the page.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sawlog_formats::visible;
use sawlog_query::report::Sources;
use sha2::{Digest, Sha256};

use crate::output::{Existing, NewFile, without_formula};
use crate::report::List;

/// If there are more sources than this, a file beside the page lists them all.
const MAX_ON_PAGE_ALONE: usize = 300;

/// Writes the list if there are more sources than the page shows. The file gets its name when it is finished.
pub(super) fn write(
    sources: &Sources,
    page: &Path,
    existing: Existing,
    no_formulas: bool,
) -> Result<Option<(List, NewFile)>> {
    if sources.all.len() <= MAX_ON_PAGE_ALONE {
        return Ok(None);
    }
    let path = beside(page);
    let mut file = new_file(&path, existing)?;
    let list = as_csv(sources, no_formulas)?;
    file.write_all(&list).with_context(|| format!("can't write {}", path.display()))?;
    let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
    let sha256 = Sha256::digest(&list).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some((List { name, sha256 }, file)))
}

/// The list. For a spreadsheet (`no_formulas`), texts are neither formulas nor do they turn the reading direction.
fn as_csv(sources: &Sources, no_formulas: bool) -> Result<Vec<u8>> {
    let shown = |text: &str| {
        if no_formulas { without_formula(&visible(text)).into_owned() } else { text.to_owned() }
    };
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
    for (place, source) in sources.all.iter().enumerate() {
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
    csv.into_inner().context("the list of sources")
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
