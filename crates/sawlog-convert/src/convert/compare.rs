//! Compares the files that were found with the ledger, and decides what to do with each.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use sawlog_formats::is_read_now;
use sawlog_store::{Source, SourceState};

use super::options::{Options, copy_read_otherwise, is_older, member_read_otherwise, place, read_otherwise};
use super::plan::{Plan, ToldCopy, hash_file};
use super::replace::is_stale;
use super::{Changed, Settings};
use crate::found::{Found, Problem};

/// What to do with a file.
enum Next<'a> {
    /// Read it, in place of what the ledger has for it.
    Read(Option<&'a Source>),
    /// Leave it as it is in the ledger.
    Keep(&'a Source),
    /// The same, but say how it was read.
    Tell(&'a Source, String),
    /// The same, but say how the file was read that it is a copy of.
    TellOfFirst(&'a Source, &'a Source, String),
    /// It has changed, and `--replace` is not given, or not with the options that it was read with.
    Refuse(&'a Source),
}

/// How a file compares with the ledger.
enum Fate<'a> {
    New,
    Same(&'a Source),
    Changed(&'a Source),
}

impl Plan {
    /// Leaves out what is in the ledger. `taken` has the labels of files that were left out before.
    pub(super) fn compare(
        &mut self,
        mut files: Vec<Found>,
        taken: HashSet<Arc<str>>,
        ledger: &[Source],
        settings: &Settings,
    ) -> Result<Vec<Found>> {
        let mut comparison = Comparison::new(ledger, taken, settings);
        files.retain_mut(|file| match comparison.next(file) {
            Ok(next) => self.note(file, next, &mut comparison),
            Err(error) => {
                self.problems.push(Problem { path: file.label.to_string(), what: format!("{error:#}") });
                false
            }
        });
        comparison.refuse_changed()?;
        Ok(files)
    }

    /// Notes what to do with a file. Returns whether it is read.
    fn note<'a>(&mut self, file: &Found, next: Next<'a>, comparison: &mut Comparison<'a>) -> bool {
        match next {
            Next::Read(old) => {
                self.replaced.extend(old.cloned());
                // What it held goes with it.
                self.replaced.extend(comparison.members_of(&file.label).iter().copied().cloned());
                comparison.taken.insert(Arc::clone(&file.label));
                return true;
            }
            Next::Keep(source) => self.keep(source, comparison.members_of(&source.path)),
            Next::Tell(source, how) => self.read_otherwise.push((source.path.clone(), how)),
            Next::TellOfFirst(source, first, how) => {
                self.copies_read_otherwise.push(ToldCopy { path: source.path.clone(), first: first.path.clone(), how });
            }
            Next::Refuse(source) => comparison.refuse(source, file),
        }
        false
    }

    /// Counts an unchanged file, or the members of an unchanged archive.
    fn keep(&mut self, source: &Source, members: &[&Source]) {
        let is_archive = source.state == SourceState::Archive && !members.is_empty();
        let kept = members.iter().copied().chain((!is_archive).then_some(source));
        for source in kept {
            match source.state {
                SourceState::Unknown => self.still_unknown.push(source.clone()),
                SourceState::Archive if is_archive => {}
                _ => self.unchanged += 1,
            }
        }
    }
}

/// The ledger, and what was found out about the files that were compared with it.
struct Comparison<'a> {
    settings: &'a Settings,
    known: HashMap<&'a str, &'a Source>,
    /// The members of each archive.
    members: HashMap<&'a str, Vec<&'a Source>>,
    /// The files that were removed, and the archives of members that were.
    removed: HashSet<&'a str>,
    /// The labels of files that are read, and of those that were left out before.
    taken: HashSet<Arc<str>>,
    /// The files that have changed.
    changed: Changed,
}

impl<'a> Comparison<'a> {
    fn new(ledger: &'a [Source], taken: HashSet<Arc<str>>, settings: &'a Settings) -> Self {
        let mut members: HashMap<&str, Vec<&Source>> = HashMap::new();
        for source in ledger {
            if let Some(archive) = source.archive.as_deref() {
                members.entry(archive).or_default().push(source);
            }
        }
        let removed = ledger.iter().filter(|source| source.state == SourceState::Removed);
        Self {
            settings,
            known: ledger.iter().map(|source| (source.path.as_str(), source)).collect(),
            members,
            removed: removed.map(|source| source.archive.as_deref().unwrap_or(&source.path)).collect(),
            taken,
            changed: Changed::default(),
        }
    }

    fn find(&self, path: &str) -> Option<&'a Source> {
        self.known.get(path).copied()
    }

    fn members_of(&self, archive: &str) -> &[&'a Source] {
        self.members.get(archive).map(Vec::as_slice).unwrap_or_default()
    }

    /// The file that has the records of a duplicate.
    fn first_of(&self, source: &Source) -> Option<&'a Source> {
        source.duplicate_of.as_deref().and_then(|first| self.find(first))
    }

    /// The options that decided what became of a file, or of an archive's members.
    fn options(&self, source: &Source) -> BTreeSet<String> {
        let sources = [source].into_iter().chain(self.members_of(&source.path).iter().copied());
        sources.filter_map(|source| Options::parse(source.options.as_deref()).without_limit().text()).collect()
    }

    /// What to do with a file. If it is from another folder and its label is taken, it gets a longer one.
    fn next(&self, file: &mut Found) -> Result<Next<'a>> {
        let source = match self.fate(file)? {
            Fate::New => return Ok(Next::Read(None)),
            Fate::Changed(source) => {
                // Without the options that it was read with, a file could become other records unnoticed.
                let is_asked =
                    self.settings.replace && (self.settings.names_options() || self.options(source).is_empty());
                // Removed files count as new.
                let is_read = is_asked || source.state == SourceState::Removed;
                return Ok(if is_read { Next::Read(Some(source)) } else { Next::Refuse(source) });
            }
            Fate::Same(source) => source,
        };
        match source.state {
            // Its records are not in the store.
            _ if is_stale(source, |path| self.find(path)) => Ok(Next::Read(Some(source))),
            SourceState::Archive => Ok(self.again_archive(source)),
            SourceState::Duplicate => self.again_copy(source, file),
            _ => again(source, file, self.settings),
        }
    }

    /// Compares a file with the ledger: by size and time, then by content.
    fn fate(&self, file: &mut Found) -> Result<Fate<'a>> {
        if let Some(source) = self.of_place(file) {
            file.rename(source.path.clone(), Arc::clone(&source.root));
        }
        loop {
            if !self.taken.contains(&file.label) {
                let Some(source) = self.find(&file.label) else { return Ok(Fate::New) };
                // A member of an archive may have the same path as a file.
                let is_file = source.archive.is_none();
                let same_root = *source.root == *file.root;
                if is_file && self.is_same(source, file, same_root)? {
                    return Ok(Fate::Same(source));
                }
                if is_file && same_root {
                    return Ok(Fate::Changed(source));
                }
            }
            let Some((parent, folder)) = file.root.rsplit_once('/').filter(|(_, folder)| !folder.is_empty()) else {
                bail!("the store has another file with this name");
            };
            let label = format!("{folder}/{}", file.label);
            let root = if parent.is_empty() { "/" } else { parent }.into();
            file.rename(label, root);
        }
    }

    /// The row of a file that was given by another of its folders then.
    fn of_place(&self, file: &Found) -> Option<&'a Source> {
        let of = |root: &str, label: &str| {
            let root = if root.is_empty() { "/" } else { root };
            self.find(label).filter(|source| source.archive.is_none() && *source.root == *root)
        };
        let place = place(&file.root, &file.label);
        let given = of(&file.root, &file.label);
        let others = || place.match_indices('/').find_map(|(end, _)| of(&place[..end], &place[end + 1..]));
        given.or_else(others).filter(|source| !self.taken.contains(source.path.as_str()))
    }

    /// Whether a file is the one of a row, or what became of it in another folder. A copy needs a row of its own, since
    /// the other file may be replaced.
    fn is_same(&self, source: &Source, file: &Found, same_root: bool) -> Result<bool> {
        let same_size = i64::try_from(file.size).is_ok_and(|size| size == source.size);
        if !same_size || same_root && source.mtime == file.mtime {
            return Ok(same_size);
        }
        // The row says when and why another file was removed.
        let is_other =
            || self.removed.contains(source.path.as_str()) || Path::new(&place(&source.root, &source.path)).exists();
        let may_be = same_root || !is_other();
        Ok(may_be && source.sha256 == hash_file(&file.path())?)
    }

    /// What to do with an archive that is unchanged: it is read again if one of its members must be.
    fn again_archive(&self, source: &'a Source) -> Next<'a> {
        let settings = self.settings;
        let members = self.members_of(&source.path);
        let read_again = |source: &Source| {
            let may_be_known = source.state == SourceState::Unknown && may_be_known(source, settings);
            limit_is_wider(source, settings)
                || may_be_known
                || source.state == SourceState::Removed
                || is_stale(source, |path| self.find(path))
        };
        let all = settings.replace && settings.names_options();
        if all || read_again(source) || members.iter().any(|source| read_again(source)) {
            return Next::Read(Some(source));
        }
        if members.iter().any(|source| member_read_otherwise(source, settings)) {
            return Next::Tell(source, "partly without these options".to_owned());
        }
        let mut firsts = members.iter().filter_map(|source| self.first_of(source));
        match firsts.find(|first| limit_is_wider(first, settings)) {
            Some(first) => {
                let place = place(&first.root, &first.path);
                Next::TellOfFirst(source, first, format!("partly up to a smaller --max-inflate, as a copy of {place}"))
            }
            None => Next::Keep(source),
        }
    }

    /// What to do with an unchanged copy of another file.
    fn again_copy(&self, source: &'a Source, file: &Found) -> Result<Next<'a>> {
        let Some(first) = self.first_of(source) else { return Ok(Next::Keep(source)) };
        let how = copy_read_otherwise(first, file, self.settings)?;
        Ok(how.map_or(Next::Keep(source), |how| Next::TellOfFirst(source, first, how)))
    }

    fn refuse(&mut self, source: &Source, file: &Found) {
        let (path, then, now) = (file.path(), source.size, file.size);
        let options = self.options(source).into_iter().collect::<Vec<_>>().join(", ");
        self.changed.with_options |= !options.is_empty();
        let options = if options.is_empty() { options } else { format!("; read with {options}") };
        self.changed.files.push(format!("  {}: {then} bytes then, {now} now{options}", path.display()));
    }

    fn refuse_changed(&mut self) -> Result<()> {
        if !self.changed.files.is_empty() {
            bail!(std::mem::take(&mut self.changed));
        }
        Ok(())
    }
}

/// Whether more of a file would be read now, since it ended at a limit.
pub(super) fn limit_is_wider(source: &Source, settings: &Settings) -> bool {
    Options::parse(source.options.as_deref()).limit_is_wider(settings)
}

/// Whether an unread file may be readable now.
pub(super) fn may_be_known(source: &Source, settings: &Settings) -> bool {
    let is_read_now = || source.looks_like.as_deref().is_some_and(is_read_now);
    settings.names_options() || is_older(source.read_by.as_deref()) || is_read_now()
}

/// What to do with a file that is unchanged: it is read again if that may give more records.
fn again<'a>(source: &'a Source, file: &Found, settings: &Settings) -> Result<Next<'a>> {
    Ok(match source.state {
        SourceState::Removed => Next::Read(Some(source)),
        SourceState::Unknown | SourceState::Converted if limit_is_wider(source, settings) => Next::Read(Some(source)),
        SourceState::Unknown if may_be_known(source, settings) => Next::Read(Some(source)),
        SourceState::Converted => match read_otherwise(source, file, settings)? {
            None => Next::Keep(source),
            Some(_) if settings.replace => Next::Read(Some(source)),
            Some(how) => Next::Tell(source, how),
        },
        _ => Next::Keep(source),
    })
}
