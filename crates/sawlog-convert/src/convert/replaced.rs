//! What the records of replaced files are replaced with: a file that can't be read whole must not cost records.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use sawlog_store::{Source, SourceState};

/// The files that a run replaces, by path. The members of an archive count as the archive.
#[derive(Debug, Default)]
pub(super) struct Replaced(BTreeMap<String, Change>);

#[derive(Debug, Default)]
struct Change {
    /// How many records the store had, and of what content.
    records_before: i64,
    sha256_before: String,
    records: i64,
    sha256: String,
    /// Why it can't be read whole now.
    problem: Option<String>,
}

impl Replaced {
    /// The files whose rows in the ledger are replaced.
    pub(super) fn new(rows: &[Source]) -> Self {
        let mut files: BTreeMap<String, Change> = BTreeMap::new();
        for row in rows {
            let file = files.entry(file_of(row).to_owned()).or_default();
            file.records_before += row.records;
            if row.archive.is_none() {
                file.sha256_before.clone_from(&row.sha256);
            }
        }
        Self(files)
    }

    /// Notes a row of the new ledger.
    pub(super) fn count(&mut self, row: &Source) {
        let Some(file) = self.0.get_mut(file_of(row)) else { return };
        file.records += row.records;
        if row.archive.is_none() {
            file.sha256.clone_from(&row.sha256);
        }
        // A member that is no log does not make its archive unreadable.
        if let (SourceState::Unknown, None) = (row.state, &row.archive) {
            file.problem.get_or_insert_with(|| "it is not a log that sawlog reads".to_owned());
        }
    }

    /// Notes a problem with a file, or with a member of an archive.
    pub(super) fn problem(&mut self, path: &str, what: &str) {
        let archives = path.match_indices('!').map(|(end, _)| &path[..end]);
        if let Some(path) = archives.chain([path]).find(|path| self.0.contains_key(*path))
            && let Some(file) = self.0.get_mut(path)
        {
            file.problem = Some(what.to_owned());
        }
    }

    /// Refuses to replace a file by fewer records if it can't be read whole. The same content may be read again.
    pub(super) fn check(&self) -> Result<()> {
        for (path, file) in &self.0 {
            if let Some(problem) = &file.problem
                && file.records < file.records_before
                && file.sha256 != file.sha256_before
            {
                bail!(
                    "{path} can't be read whole, so it can't be replaced: {problem}. It would have {} records instead of \
                     {}; nothing was done. To give these up, use 'sawlog remove' first",
                    file.records,
                    file.records_before
                );
            }
        }
        Ok(())
    }
}

/// The file that a row is about.
fn file_of(row: &Source) -> &str {
    row.archive.as_deref().unwrap_or(&row.path)
}
