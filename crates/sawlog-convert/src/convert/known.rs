//! Files that the store has as they are: most of a folder that is converted again. They are told in one pass over the
//! ledger, so that memory does not grow with what the store has.

use std::sync::Arc;

use anyhow::Result;
use sawlog_store::{SortedSources, Source, SourceState, Store};

use super::Settings;
use super::compare::{limit_is_wider, may_be_known};
use super::replace::{firsts_of, is_stale};
use crate::found::Found;

/// What was told about such files.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Their labels.
    pub(super) labels: Vec<Arc<str>>,
    /// How many are in the ledger unchanged.
    pub(super) unchanged: usize,
    /// The rows of those whose format is still unknown.
    pub(super) still_unknown: Vec<Source>,
}

/// Takes out the files that are in the ledger with the same place, size and time, and need no other look.
pub(super) fn take_known(store: &Store, files: &mut Vec<Found>, settings: &Settings) -> Result<Known> {
    let mut known = Known::default();
    // Options may say that a file is to be read differently.
    if files.is_empty() || settings.names_options() {
        return Ok(known);
    }
    let mut by_label: Vec<usize> = (0..files.len()).collect();
    by_label.sort_by(|a, b| files[*a].label.cmp(&files[*b].label));
    let mut is_known = vec![false; files.len()];
    let (mut duplicates, mut next) = (Vec::new(), 0);
    for source in SortedSources::open(store)? {
        let source = source?;
        next += by_label[next..].iter().take_while(|place| *files[**place].label < *source.path).count();
        let Some(&place) = by_label.get(next) else { break };
        let is_alone = by_label.get(next + 1).is_none_or(|after| files[*after].label != files[place].label);
        if !is_alone || !is_unchanged(&source, &files[place], settings) {
            continue;
        }
        match source.state {
            SourceState::Duplicate => {
                duplicates.push((place, source));
                continue;
            }
            SourceState::Unknown => known.still_unknown.push(source),
            _ => known.unchanged += 1,
        }
        is_known[place] = true;
    }
    let firsts = firsts_of(store, duplicates.iter().map(|(_, source)| source))?;
    for (place, source) in duplicates {
        let first = source.duplicate_of.as_ref().and_then(|first| firsts.get(first));
        is_known[place] = !is_stale(&source, |_| first) && !first.is_some_and(|first| limit_is_wider(first, settings));
        known.unchanged += usize::from(is_known[place]);
    }
    let mut place = 0;
    files.retain(|file| {
        place += 1;
        if is_known[place - 1] {
            known.labels.push(Arc::clone(&file.label));
        }
        !is_known[place - 1]
    });
    Ok(known)
}

/// Whether a row of the ledger says all about a file. Archives are told by their members.
fn is_unchanged(source: &Source, file: &Found, settings: &Settings) -> bool {
    let is_same = *source.path == *file.label
        && source.archive.is_none()
        && *source.root == *file.root
        && i64::try_from(file.size) == Ok(source.size)
        && source.mtime == file.mtime;
    is_same
        && match source.state {
            SourceState::Empty | SourceState::Digest | SourceState::Duplicate => true,
            SourceState::Converted => !limit_is_wider(source, settings),
            SourceState::Unknown => !limit_is_wider(source, settings) && !may_be_known(source, settings),
            SourceState::Archive | SourceState::Removed => false,
        }
}
