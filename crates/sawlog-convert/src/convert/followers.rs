//! Duplicates of files that are read again. The file may get another path by that, or become a duplicate itself.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, bail};
use sawlog_store::{Run, SOURCES, Source, SourceState};

use super::order::{Hash, content_of, from_hex};
use super::replace::{as_read, has_content_of};

/// The duplicates that stay of the sources `again`, which are read again from the same content.
pub(super) fn followers(ledger: &[Source], gone: &[Source], again: &HashSet<&str>) -> Vec<Source> {
    if again.is_empty() {
        return Vec::new();
    }
    let gone: HashMap<&str, &Source> = gone.iter().map(|source| (source.path.as_str(), source)).collect();
    let follows = |source: &&Source| {
        let first =
            source.duplicate_of.as_deref().filter(|first| again.contains(first)).and_then(|first| gone.get(first));
        first.is_some_and(|first| has_content_of(first, source)) && !gone.contains_key(source.path.as_str())
    };
    ledger.iter().filter(follows).cloned().collect()
}

/// Writes the rows of duplicates, whose old rows were taken out, once their first files were read.
pub(super) fn follow(run: &mut Run<'_>, followers: &[Source]) -> Result<()> {
    if followers.is_empty() {
        return Ok(());
    }
    let mut firsts: HashMap<&str, Option<Source>> =
        followers.iter().filter_map(|follower| Some((follower.duplicate_of.as_deref()?, None))).collect();
    let mut contents: HashMap<Hash, Option<String>> =
        followers.iter().filter_map(|follower| Some((content(follower)?, None))).collect();
    run.staged_sources(|source| {
        if source.state == SourceState::Converted
            && let Some(path) = content(&source).and_then(|content| contents.get_mut(&content))
        {
            path.get_or_insert_with(|| source.path.clone());
        }
        if let Some(first) = firsts.get_mut(source.path.as_str()) {
            *first = Some(source);
        }
    })?;
    let mut rows = Vec::with_capacity(followers.len());
    for follower in followers {
        let path = follower.duplicate_of.as_deref().unwrap_or_default();
        let first = firsts.get(path).and_then(Option::as_ref);
        let holder = content(follower).and_then(|content| contents.get(&content)?.clone());
        let Some(row) = following(follower, first, holder) else {
            bail!(
                "{} has the content that the store has as {path}, which would not be read any more; nothing was done. To give \
                 its records up, use 'sawlog remove' first",
                follower.path
            );
        };
        rows.push(row);
    }
    Ok(run.add_batch(&SOURCES, None, &Source::batch(&rows))?)
}

/// The new row of a duplicate. `first` is the row of its first file, `holder` the path that now has the content.
fn following(follower: &Source, first: Option<&Source>, holder: Option<String>) -> Option<Source> {
    let first = first.filter(|first| has_content_of(first, follower));
    // The records may be those of a file that the run did not read.
    if let Some(holder) = holder.or_else(|| first?.duplicate_of.clone()) {
        return Some(Source { duplicate_of: Some(holder), ..follower.clone() });
    }
    first.filter(|first| first.state == SourceState::Unknown).map(|first| as_read(follower, first))
}

fn content(source: &Source) -> Option<Hash> {
    Some(content_of(from_hex(&source.sha256)?, source.name()))
}
