//! Takes the records of input files out of the store; the ledger keeps the files' rows, and says when and why.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use glob::Pattern;
use sawlog_formats::label;
use sawlog_store::parquet::Codec;
use sawlog_store::{SOURCES, Source, SourceState, Store};
use serde::Serialize;

use crate::convert::{heirs, take_out};
use crate::watch::{Watch, begin_run};

/// What a removal did, or would do.
#[derive(Debug, Serialize)]
pub struct Removal {
    /// The files, sorted by path.
    pub removed: Vec<RemovedFile>,
    /// How many records are gone.
    pub records: i64,
    /// How many rejects are gone.
    pub rejects: i64,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// A file whose records are gone.
#[derive(Debug, Serialize)]
pub struct RemovedFile {
    /// The file.
    pub path: String,
    /// What it was in the ledger.
    pub state: &'static str,
    /// Records that are gone.
    pub records: i64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// Removes the files that `patterns` name, or lists them for a dry run.
///
/// # Errors
///
/// If a pattern is wrong or matches nothing, or the store can't be read or written. The store is then as it was
/// before.
pub fn remove(
    store: &Store,
    patterns: &[String],
    reason: Option<&str>,
    dry_run: bool,
    watch: &dyn Watch,
) -> Result<Removal> {
    if dry_run {
        return Ok(removal(&matching(&Source::load_all(store)?, patterns)?, true));
    }
    let mut run = begin_run(store, Codec::default(), watch)?;
    let ledger = Source::load_all(store)?;
    let removed = matching(&ledger, patterns)?;
    let done = removal(&removed, false);
    // Another file with the same content takes over the records.
    let heirs = heirs(&ledger, &removed, &HashSet::new());
    take_out(&mut run, &ledger, &removed, &heirs, &[])?;
    let now = jiff::Timestamp::now().as_microsecond();
    let rows: Vec<Source> = removed.into_iter().map(|source| gone(source, now, reason, run.id())).collect();
    run.add_batch(&SOURCES, None, &Source::batch(&rows))?;
    run.commit()?;
    Ok(done)
}

/// The ledger's row of a file whose records are gone: as before, but with no content.
fn gone(source: Source, now: i64, reason: Option<&str>, run: &str) -> Source {
    Source {
        path: source.path,
        root: source.root,
        size: source.size,
        mtime: source.mtime,
        sha256: source.sha256,
        state: SourceState::Removed,
        format: source.format,
        compression: source.compression,
        content_size: source.content_size,
        content_sha256: source.content_sha256,
        line_ending: source.line_ending,
        account_id: source.account_id,
        region: source.region,
        file_time: source.file_time,
        run_id: run.into(),
        read_by: source.read_by,
        encoding: source.encoding,
        options: source.options,
        archive: source.archive,
        removed_at: Some(now),
        remove_reason: reason.map(Into::into),
        ..Source::default()
    }
}

fn removal(sources: &[Source], dry_run: bool) -> Removal {
    let file = |source: &Source| RemovedFile {
        path: source.path.clone(),
        state: source.state.name(),
        records: source.records,
        sha256: source.sha256.clone(),
    };
    Removal {
        removed: sources.iter().map(file).collect(),
        records: sources.iter().map(|source| source.records).sum(),
        rejects: sources.iter().map(|source| source.rejects).sum(),
        dry_run,
    }
}

/// The files of the ledger that the patterns name. Each pattern must match at least one.
fn matching(ledger: &[Source], patterns: &[String]) -> Result<Vec<Source>> {
    let mut found = HashSet::new();
    for pattern in patterns {
        let named = Named::new(pattern)?;
        let before = found.len();
        let there = ledger.iter().filter(|source| source.state != SourceState::Removed);
        // What the store calls one file can be the name of another one on disk: a\xff for the byte FF.
        let is_escaped = pattern.contains('\\') && there.clone().any(|source| source.path == named.path);
        let is_named = |source: &&Source| {
            if is_escaped { named.is_in_store(source) } else { named.matches(source) }
        };
        let names: Vec<&str> = there.filter(is_named).map(|source| source.path.as_str()).collect();
        found.extend(names.iter().copied());
        if names.is_empty() && found.len() == before {
            let removed = ledger.iter().any(|source| source.state == SourceState::Removed && named.matches(source));
            bail!(
                "{pattern} {}; nothing was done. 'sawq sql \"SELECT path, state FROM sources\"' lists what the store holds",
                if removed { "has already been removed" } else { "matches no file in the store" }
            );
        }
    }
    // Removing an archive removes its members.
    let archives: HashSet<&str> = ledger
        .iter()
        .filter(|source| source.state == SourceState::Archive)
        .map(|source| source.path.as_str())
        .collect();
    let goes = |source: &Source| {
        let outer = || source.path.match_indices('!').map(|(end, _)| &source.path[..end]);
        let with_archive = || outer().any(|path| archives.contains(path) && found.contains(path));
        found.contains(source.path.as_str())
            || source.archive.is_some() && source.state != SourceState::Removed && with_archive()
    };
    Ok(ledger.iter().filter(|source| goes(source)).cloned().collect())
}

/// A pattern or path that names files on the command line.
struct Named {
    /// A path, or a folder.
    path: String,
    /// The same, as a path on disk.
    on_disk: String,
    /// Patterns for paths in the store, and for paths on disk.
    patterns: Option<(Pattern, Pattern)>,
}

impl Named {
    fn new(text: &str) -> Result<Self> {
        let path = text.trim_end_matches('/').trim_start_matches("./").to_owned();
        let on_disk = std::path::absolute(Path::new(text)).map(|path| label(&path)).unwrap_or_default();
        let on_disk = without_parents(&on_disk).into_owned();
        let patterns = if text.contains(['*', '?', '[']) {
            let wrong = || format!("the pattern {text} is not valid");
            // The part that leads to the current folder is not a pattern.
            let here = std::path::absolute(".").map(|here| label(&here)).unwrap_or_default();
            let here = if path.starts_with('/') { String::new() } else { format!("{}/", Pattern::escape(&here)) };
            let of_disk = format!("{here}{path}");
            let of_disk = Pattern::new(&without_parents(&of_disk)).with_context(wrong)?;
            Some((Pattern::new(&path).with_context(wrong)?, of_disk))
        } else {
            None
        };
        Ok(Self { path, on_disk, patterns })
    }

    /// Whether it is this path of the store, or within it.
    fn is_in_store(&self, source: &Source) -> bool {
        is_within(source, &source.path, &self.path)
    }

    fn matches(&self, source: &Source) -> bool {
        // As in sawq's filters, a star matches across folders, too.
        let whole = format!("{}/{}", source.root.trim_end_matches('/'), source.path);
        let whole = without_parents(&whole);
        let by_pattern =
            self.patterns.as_ref().is_some_and(|(path, on_disk)| path.matches(&source.path) || on_disk.matches(&whole));
        by_pattern || self.is_in_store(source) || is_within(source, &whole, &self.on_disk)
    }
}

/// Whether the path of a source is a folder or in it. An archive is a folder of its members.
fn is_within(source: &Source, path: &str, folder: &str) -> bool {
    let is_member = source.archive.is_some();
    let ends = |rest: &str| rest.is_empty() || rest.starts_with('/') || is_member && rest.starts_with('!');
    path.strip_prefix(folder).is_some_and(ends)
}

/// A path with `..` resolved as text; links are not followed.
fn without_parents(path: &str) -> Cow<'_, str> {
    if !path.split('/').any(|part| part == "..") {
        return path.into();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            // There is nothing above the root, whose name is empty.
            ".." => parts.truncate(parts.len().saturating_sub(1).max(1)),
            part => parts.push(part),
        }
    }
    parts.join("/").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_path_folder_and_pattern() {
        let source = |path: &str| Source { path: path.to_owned(), root: "/evidence".into(), ..Source::default() };
        let ledger = [source("a/b/c.log"), source("a/b.log"), source("a[1].log"), source("ab/x")];
        let named = |pattern: &str| -> Vec<String> {
            let found = matching(&ledger, &[pattern.to_owned()]).unwrap_or_default();
            found.into_iter().map(|source| source.path).collect()
        };
        assert_eq!(named("a"), ["a/b/c.log", "a/b.log"]);
        assert_eq!(named("a/"), ["a/b/c.log", "a/b.log"]);
        assert_eq!(named("a/b.log"), ["a/b.log"]);
        assert_eq!(named("a/*.log"), ["a/b/c.log", "a/b.log"]);
        assert_eq!(named("**/*.log"), ["a/b/c.log", "a/b.log", "a[1].log"]);
        assert_eq!(named("a[1].log"), ["a[1].log"]);
        assert_eq!(named("/evidence/ab"), ["ab/x"]);
        assert_eq!(named("/other/../evidence/./ab"), ["ab/x"]);
        assert_eq!(named("/../evidence/ab/y/.."), ["ab/x"]);
        assert_eq!(named("/evidence/*.log"), ["a/b/c.log", "a/b.log", "a[1].log"]);
        assert_eq!(named("/other/../evidence/*.log"), ["a/b/c.log", "a/b.log", "a[1].log"]);
        let above = "../".repeat(30);
        assert_eq!(named(&format!("{above}evidence/a*/*.log")), ["a/b/c.log", "a/b.log"]);
        assert_eq!(named("b"), Vec::<String>::new());
    }

    /// Paths of sources begin in the folder that was converted. Patterns match the paths that users see and type.
    #[test]
    fn a_pattern_is_of_paths_from_where_one_is() {
        let here = std::env::current_dir().unwrap();
        let source = |folder: &str| {
            let root = here.join(folder).display().to_string();
            Source { path: format!("{folder}.log"), root: root.into(), ..Source::default() }
        };
        let ledger = [source("old"), source("new")];
        let named = |pattern: &str| -> Vec<String> {
            let found = matching(&ledger, &[pattern.to_owned()]).unwrap_or_default();
            found.into_iter().map(|source| source.path).collect()
        };
        assert_eq!(named("old/*"), ["old.log"]);
        assert_eq!(named("./n*/*"), ["new.log"]);
        assert_eq!(named("x/../old/*.log"), ["old.log"]);
        assert_eq!(named("other/*"), Vec::<String>::new());
    }
}
