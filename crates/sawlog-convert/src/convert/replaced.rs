//! What the records of replaced files are replaced with: they must not be lost without a word.
//!
//! A file that can't be read whole does not replace one with more records. A file that is read again because more of it
//! may be readable now does not lose records, either: the options may be missing that it was read with.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Result, bail};
use sawlog_store::{Source, SourceState};

/// The files and members of archives that a run replaces, by path. An archive counts with its members.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    changes: BTreeMap<String, Change>,
    /// The files that can't be read whole, as the ledger knew before, and why.
    broken: HashMap<String, String>,
}

#[derive(Debug, Default)]
struct Change {
    /// What the store had.
    before: Content,
    now: Content,
    /// Whether the records are those of an archive's members. They may be those of another file now.
    is_archive: bool,
    /// Why it can't be read whole now.
    problem: Option<String>,
    /// The options that it was read with before.
    options: Option<String>,
    /// Whether it could not be read whole then.
    was_broken: bool,
    /// The file that has its records now, if they are the same.
    same_as: Option<String>,
}

#[derive(Debug, Default)]
struct Content {
    records: i64,
    sha256: String,
}

impl Replaced {
    /// The files whose rows in the ledger are replaced.
    pub(super) fn new(rows: &[Source], ledger: &[Source]) -> Self {
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        for row in rows {
            let change = changes.entry(row.path.clone()).or_default();
            change.before.records += row.records;
            change.before.sha256.clone_from(&row.sha256);
            change.options = row.options.as_deref().map(str::to_owned);
            change.was_broken = row.problem.is_some();
            if let Some(archive) = row.archive.as_deref() {
                let of_archive = changes.entry(archive.to_owned()).or_default();
                (of_archive.is_archive, of_archive.before.records) = (true, of_archive.before.records + row.records);
            }
        }
        let broken = ledger.iter().filter(|_| !changes.is_empty());
        let broken = broken.filter_map(|source| Some((source.path.clone(), source.problem.clone()?)));
        let broken = broken.collect();
        Self { changes, broken }
    }

    /// Notes a row of the new ledger.
    pub(super) fn count(&mut self, row: &Source) {
        if let Some(of_archive) = row.archive.as_deref().and_then(|archive| self.changes.get_mut(archive)) {
            of_archive.now.records += row.records;
        }
        let Some(change) = self.changes.get_mut(&row.path) else { return };
        change.now.records += row.records;
        change.now.sha256.clone_from(&row.sha256);
        change.same_as.clone_from(&row.duplicate_of);
        if let SourceState::Unknown = row.state {
            change.problem.get_or_insert_with(|| "it is not a log that sawlog reads".to_owned());
        }
    }

    /// Notes a problem with a file, or with a member of an archive.
    pub(super) fn problem(&mut self, path: &str, what: &str) {
        if let Some(change) = self.changes.get_mut(path) {
            change.problem = Some(what.to_owned());
        }
        if !self.changes.is_empty() {
            self.broken.insert(path.to_owned(), what.to_owned());
        }
    }

    /// Refuses to lose records. `is_asked` says whether the user asked for files to be replaced.
    pub(super) fn check(&self, is_asked: bool) -> Result<()> {
        for (path, change) in &self.changes {
            let (before, now) = (change.before.records, change.now.records);
            let of_other = change.same_as.as_ref().map(|first| self.broken.get(first));
            let problem = change.problem.as_ref().or(of_other.flatten());
            let is_same = change.before.sha256 == change.now.sha256;
            let was = change.options.as_deref().map(|options| format!(" It was read with {options}."));
            let was = was.unwrap_or_default();
            // What became of an archive's members is seen by each of them.
            let is_worse = !is_same || change.same_as.is_none() && !change.was_broken && !change.is_archive;
            match problem {
                _ if now >= before => {}
                _ if is_same && !is_asked && of_other.is_none() && !change.is_archive => bail!(
                    "{path} is read again, and would have {now} records instead of {before}; nothing was done.{was} Give \
                     the options that it was read with, or --replace"
                ),
                Some(problem) if is_worse => bail!(
                    "{path} can't be read whole, so it can't be replaced: {problem}. It would have {now} records instead of \
                     {before}; nothing was done.{was} To give these up, use 'sawlog remove' first"
                ),
                _ => {}
            }
        }
        Ok(())
    }
}
