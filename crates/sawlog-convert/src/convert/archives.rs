//! Archives among the inputs. They are unpacked after all other files are read, and their members are read as inputs
//! of their own.
//!
//! Threads leave every archive that they find to this module, so that other files cost nothing more. Only some
//! archives are unpacked at a time before their members are read, so that temporary files stay small. Each round
//! makes data files of its own, in order.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow};
use sawlog_store::{Run, Source, SourceState};

use super::archive::{MAX_MEMBERS, Spool, Unpacked, unpack};
use super::copies::Firsts;
use super::order::{FirstFiles, Hash, content_of, from_hex};
use super::plan::{Plan, converted};
use super::writer::{FoundArchive, Written};
use super::{Job, Settings, Summary, read_all};
use crate::found::Found;

/// No more archives are unpacked before their members are read once this many bytes have come out. Each member counts
/// for some bytes of its own, since members are listed in memory.
const MAX_SPOOLED: u64 = 2 << 30;
const MEMBER: u64 = 16 << 10;
/// About how much memory a member takes, until its row is in the ledger.
const MEMBER_MEMORY: usize = 1 << 10;
const MIN_MEMBERS: usize = 50_000;

/// Reads the archives that were found. Returns how many rows the ledger gets.
pub(super) fn read(
    first: &Written,
    job: &Job<'_>,
    firsts: &Firsts,
    run: &mut Run<'_>,
    summary: &mut Summary,
) -> Result<usize> {
    if first.archives.is_empty() {
        return Ok(0);
    }
    let mut known = Known::new(job, run)?;
    let (mut archives, mut rows) = (first.archives.as_slice(), 0);
    while !archives.is_empty() {
        let (unpacked, done) = unpack_some(archives, job, run)?;
        archives = &archives[done..];
        let (members, unread) = known.name(unpacked, summary);
        let plan = Plan::of_members(members, unread, &known.contents, job.settings);
        job.watch.more(plan.inputs.iter().map(|input| input.size).sum());
        let inner = Job::new(job.settings, &plan, FirstFiles::default(), job.watch);
        let duplicates = summary.duplicates.len();
        let written = read_all(&inner, run, summary)?;
        firsts.tell(&plan, duplicates, job.settings, summary);
        rows += written.rows;
        known.add_staged(run)?;
    }
    Ok(rows)
}

/// How many members of an archive fit into the memory.
fn max_members(settings: &Settings) -> usize {
    // A unit has a fourth of a thread's.
    let memory = usize::try_from(settings.unit_size).unwrap_or(usize::MAX).saturating_mul(4 * settings.threads);
    (memory / MEMBER_MEMORY).clamp(MIN_MEMBERS, MAX_MEMBERS)
}

/// Unpacks archives until enough bytes have come out, each thread one after the other. Returns the results, and how
/// many archives they are from.
fn unpack_some(archives: &[FoundArchive], job: &Job<'_>, run: &Run<'_>) -> Result<(Vec<Unpacked>, usize)> {
    let (next, spooled) = (AtomicUsize::new(0), Mutex::new(0));
    let results: Mutex<Vec<(usize, Result<Unpacked>)>> = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        let mut spool = Spool::new(run.store().root())?;
        loop {
            let is_enough = *spooled.lock().unwrap_or_else(PoisonError::into_inner) >= MAX_SPOOLED;
            let place = if is_enough { archives.len() } else { next.fetch_add(1, Ordering::Relaxed) };
            let Some(archive) = archives.get(place) else { return Ok(()) };
            let found = &job.plan.inputs[archive.input];
            job.watch.unpacking(&found.label);
            let before = spool.len();
            let max = (job.settings.max_inflate, max_members(job.settings));
            let unpacked = unpack(found, &archive.packing, &archive.sha256, max, &mut spool, job.watch);
            let members = unpacked.as_ref().map_or(0, |unpacked| unpacked.members.len() + unpacked.rows.len());
            *spooled.lock().unwrap_or_else(PoisonError::into_inner) += spool.len() - before + members as u64 * MEMBER;
            results.lock().unwrap_or_else(PoisonError::into_inner).push((place, unpacked));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..job.settings.threads.min(archives.len())).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread failed"))?)
    })?;
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    let done = results.len();
    let unpacked = results.into_iter().map(|(_, unpacked)| unpacked).collect::<Result<_>>()?;
    Ok((unpacked, done))
}

/// What the store will hold apart from the archives.
struct Known {
    /// Each content that was converted, and the path of the file that has it.
    contents: HashMap<Hash, Arc<str>>,
    /// All paths.
    paths: HashSet<Arc<str>>,
}

impl Known {
    /// The content of the store, without what this run replaces, and of the inputs of this run.
    fn new(job: &Job<'_>, run: &Run<'_>) -> Result<Self> {
        let (plan, ledger) = (job.plan, Source::load_all(run.store())?);
        let stored = converted(&ledger, &plan.replaced, &plan.heirs);
        let mut contents: HashMap<Hash, Arc<str>> = HashMap::new();
        for (content, path) in stored {
            contents.entry(content).or_insert_with(|| path.into());
        }
        let replaced: HashSet<&str> = plan.replaced.iter().map(|source| source.path.as_str()).collect();
        let kept = ledger.iter().map(|source| source.path.as_str()).filter(|path| !replaced.contains(path));
        let settled = plan.settled.iter().map(|source| source.path.as_str());
        let inputs = plan.inputs.iter().map(|found| Arc::clone(&found.label));
        let paths = kept.chain(settled).map(Into::into).chain(inputs).collect();
        let mut known = Self { contents, paths };
        known.add_staged(run)?;
        Ok(known)
    }

    /// Adds what this run has converted so far.
    fn add_staged(&mut self, run: &Run<'_>) -> Result<()> {
        run.staged_sources(|source| {
            if let (SourceState::Converted, Some(hash)) = (source.state, from_hex(&source.sha256)) {
                self.contents.entry(content_of(hash, source.name())).or_insert_with(|| source.path.into());
            }
        })?;
        Ok(())
    }

    /// Makes sure that no member has the path of another source, and passes on what to report about the archives.
    fn name(&mut self, unpacked: Vec<Unpacked>, summary: &mut Summary) -> (Vec<Found>, Vec<Source>) {
        let (mut members, mut rows) = (Vec::new(), Vec::new());
        for mut of_archive in unpacked {
            of_archive.problems.drain(..).for_each(|problem| summary.problem(problem));
            summary.links.append(&mut of_archive.links);
            for mut found in of_archive.members {
                found.label = self.own(&found.label);
                members.push(found);
            }
            for mut source in of_archive.rows {
                if source.archive.is_some() {
                    source.path = self.own(&source.path).to_string();
                }
                rows.push(source);
            }
        }
        (members, rows)
    }

    /// A path that nothing else has.
    fn own(&mut self, label: &str) -> Arc<str> {
        let mut own: Arc<str> = label.into();
        let mut number = 1;
        while !self.paths.insert(Arc::clone(&own)) {
            number += 1;
            own = format!("{label}#{number}").into();
        }
        own
    }
}
