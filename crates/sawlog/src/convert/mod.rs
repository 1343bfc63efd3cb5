//! The conversion: finds what is new, shares the work among threads, and makes the result a new version of the store.

mod archives;
mod content;
mod flow_parquet;
mod ledger_rows;
mod options;
mod order;
mod plan;
mod reading;
mod replace;
mod scraps;
mod tell;
mod worker;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::Result;
use sawlog_formats::{Format, remedy};
use sawlog_store::parquet::Codec;
use sawlog_store::{Run, Source, SourceState, Store};
use serde::Serialize;

use crate::discover::{Problem, discover};
use crate::interrupt::{Interrupt, Interrupted};
use crate::progress::Progress;
use order::{Abort, Contents, FirstFiles, Running, Turns};
use plan::converted;
use worker::Worker;
use writer::{Writer, Written};

pub(crate) use content::FileBytes;
pub(crate) use options::past_limit;
pub(crate) use plan::{Piece, Plan, hash_file, hex, row};
pub(crate) use replace::{heirs, is_stale, take_out};
pub(crate) use tell::{HEAD, MAX_DIGEST};

/// What the process needs beside what the threads use: most of it is its own code.
const BASE_MEMORY: u64 = 90 << 20;

/// What a conversion is to do: complete when it is made.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Settings {
    pub(crate) inputs: Vec<PathBuf>,
    /// All inputs are of this format; `None`: tell by content.
    pub(crate) format: Option<&'static Format>,
    /// Whether that was said, be it that the content tells.
    pub(crate) format_named: bool,
    /// The fields of VPC flow logs without a header line.
    pub(crate) vpc_fields: Option<Arc<str>>,
    pub(crate) threads: usize,
    /// Bytes that a thread's columns may take before they are encoded.
    pub(crate) columns_memory: usize,
    /// The largest unit of work, in bytes of input.
    pub(crate) unit_size: u64,
    pub(crate) codec: Codec,
    /// The most that may come out of one input file, in bytes.
    pub(crate) max_inflate: u64,
    pub(crate) strict: bool,
    pub(crate) replace: bool,
    /// Whether links in folders that lead out of these are followed.
    pub(crate) follow_links: bool,
}

impl Settings {
    /// Whether options are given that decide how a file is read.
    fn names_options(&self) -> bool {
        self.format_named || self.vpc_fields.is_some()
    }

    /// Shares `memory` bytes among the threads: how much a thread's columns may take, and the largest unit of work.
    /// Beside its columns a thread holds what they are encoded to, and the mapped pages of its unit.
    pub(crate) fn share_memory(memory: u64, threads: usize) -> (usize, u64) {
        let share = memory.saturating_sub(BASE_MEMORY) / threads as u64;
        let columns = usize::try_from(share / 4).unwrap_or(usize::MAX).max(1 << 20);
        (columns, (share / 4).max(1 << 20))
    }
}

/// What a conversion did.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    /// Files whose records were added.
    pub(crate) converted: usize,
    /// Files that the ledger had already.
    pub(crate) unchanged: usize,
    /// Files whose records were replaced; they count as converted, too.
    pub(crate) replaced: usize,
    /// Files with the content of another, and that other.
    pub(crate) duplicates: Vec<(String, String)>,
    /// Files without content.
    pub(crate) empty: Vec<String>,
    /// CloudTrail digests.
    pub(crate) digests: usize,
    /// Archives whose members were read; each of these counts for itself.
    pub(crate) archives: usize,
    /// Links in archives, which are not followed.
    pub(crate) links: Vec<String>,
    /// Files that are not read, of whatever kind.
    pub(crate) unknown: Vec<String>,
    /// Those of them that look like something, by what they look like.
    pub(crate) looks_like: BTreeMap<String, Unread>,
    /// Files that `--format` was given for, and in which there is no record of it.
    pub(crate) misfits: Vec<Misfit>,
    /// Files that were read otherwise than the options given now say, and how they were.
    pub(crate) read_otherwise: Vec<(String, String)>,
    /// Files that could not be read, or not to their end.
    pub(crate) unreadable: Vec<(String, String)>,
    pub(crate) records: i64,
    pub(crate) rejects: i64,
    pub(crate) blank_lines: i64,
    /// Bytes of the files that were converted.
    pub(crate) bytes_in: i64,
    /// Bytes of the data files that were added.
    pub(crate) bytes_out: u64,
    pub(crate) seconds: f64,
    /// Whether the store was changed.
    pub(crate) committed: bool,
}

/// A file that is not what it was said to be.
#[derive(Debug, Serialize)]
pub(crate) struct Misfit {
    pub(crate) path: String,
    /// What its content looks like, if that is known.
    pub(crate) looks_like: Option<String>,
}

/// Files of a kind that is not read.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Unread {
    /// What to do so that they can be.
    pub(crate) remedy: String,
    pub(crate) files: Vec<String>,
}

impl Summary {
    /// Whether something of the input did not become a record.
    pub(crate) fn has_losses(&self) -> bool {
        let unread = !self.unreadable.is_empty() || !self.unknown.is_empty() || !self.read_otherwise.is_empty();
        self.rejects > 0 || unread
    }

    fn problem(&mut self, problem: Problem) {
        self.unreadable.push((problem.path, problem.what));
    }

    /// Counts an input, by its row in the ledger.
    fn count(&mut self, source: &Source) {
        // The threads tell of what they read.
        if let (SourceState::Duplicate | SourceState::Empty, Some(what)) = (source.state, &source.problem) {
            self.unreadable.push((source.path.clone(), what.clone()));
        }
        match source.state {
            SourceState::Converted => {
                self.converted += 1;
                self.bytes_in += source.size;
            }
            SourceState::Empty => self.empty.push(source.path.clone()),
            SourceState::Digest => self.digests += 1,
            SourceState::Unknown => {
                self.unknown.push(source.path.clone());
                if let Some(name) = &source.looks_like {
                    let unread = self.looks_like.entry(name.to_string()).or_default();
                    unread.remedy = remedy(name).unwrap_or_default().into_owned();
                    unread.files.push(source.path.clone());
                }
            }
            SourceState::Removed => {}
            SourceState::Archive => self.archives += 1,
            SourceState::Duplicate => {
                self.duplicates.push((source.path.clone(), source.duplicate_of.clone().unwrap_or_default()));
            }
        }
        self.records += source.records;
        self.rejects += source.rejects;
        self.blank_lines += source.blank_lines;
    }
}

/// What the threads share.
pub(crate) struct Job<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) plan: &'a Plan,
    pub(crate) contents: Contents,
    /// For each input of several parts.
    pub(crate) running: HashMap<usize, Turns<Running>>,
    pub(crate) abort: Abort,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) progress: &'a Progress,
}

impl<'a> Job<'a> {
    fn new(
        settings: &'a Settings,
        plan: &'a Plan,
        contents: FirstFiles,
        interrupt: &'a Interrupt,
        progress: &'a Progress,
    ) -> Self {
        let pieces = plan.units.iter().flat_map(|unit| &unit.pieces);
        let running = pieces.filter(|piece| piece.parts > 1 && piece.part == 0);
        let running = running.map(|piece| (piece.input, Turns::default())).collect();
        Self { settings, plan, contents: Turns::new(contents), running, abort: Abort::default(), interrupt, progress }
    }
}

/// Converts the inputs into the store.
pub(crate) fn convert(
    store: &Store,
    settings: &Settings,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Summary> {
    let started = Instant::now();
    let discovery = discover(&settings.inputs, store.root(), settings.follow_links)?;
    let mut run = progress.begin_run(store, settings.codec)?;
    let ledger = Source::load_all(store)?;
    let plan = Plan::new(discovery, &ledger, settings)?;
    progress.begin(&plan);
    let had_records = plan.replaced.iter().filter(|source| source.state == SourceState::Converted);
    let mut summary = Summary { unchanged: plan.unchanged, replaced: had_records.count(), ..Summary::default() };
    summary.read_otherwise.clone_from(&plan.read_otherwise);
    plan.still_unknown.iter().for_each(|source| summary.count(source));
    plan.problems.iter().cloned().for_each(|problem| summary.problem(problem));
    let repeating = plan.inputs.iter().filter(|input| input.may_repeat).count();
    let contents = match repeating {
        0 => FirstFiles::default(),
        inputs => FirstFiles::of(converted(&ledger, &plan.replaced, &plan.heirs), inputs),
    };
    let job = Job::new(settings, &plan, contents, interrupt, progress);
    replace::take_out(&mut run, &ledger, &plan.replaced, &plan.heirs)?;
    drop(ledger);
    let written = read_all(&job, &mut run, &mut summary)?;
    let rows = written.rows + archives::read(written, &job, &mut run, &mut summary)?;
    if interrupt.requested() {
        return Err(Interrupted.into());
    }
    progress.committing();
    if rows > 0 && (!settings.strict || !summary.has_losses()) {
        summary.bytes_out = run.commit()?;
        summary.committed = true;
    }
    summary.seconds = started.elapsed().max(Duration::from_millis(1)).as_secs_f64();
    Ok(summary)
}

/// Lets the threads do all units, and writes what they hand over in the order of the units.
fn read_all(job: &Job<'_>, run: &mut Run<'_>, summary: &mut Summary) -> Result<Written> {
    let units = &job.plan.units;
    let next = AtomicUsize::new(0);
    // A unit's output waits in its own channel until the writer comes to it: a few row groups, then its thread waits.
    let (senders, receivers): (Vec<_>, Vec<_>) = units.iter().map(|_| sync_channel(2)).unzip();
    let senders: Vec<_> = senders.into_iter().map(|sender| std::sync::Mutex::new(Some(sender))).collect();
    let mut writer = Writer::new(job.plan, run, summary);
    std::thread::scope(|scope| {
        for _ in 0..job.settings.threads.min(units.len()) {
            scope.spawn(|| {
                let mut worker = Worker::new(job);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(unit) = units.get(number) else { break };
                    let sender = senders[number].lock().ok().and_then(|mut sender| sender.take());
                    let Some(sender) = sender else { break };
                    match &mut worker {
                        Ok(worker) => worker.run(number, unit, sender),
                        Err(error) => {
                            job.abort.fail(anyhow::anyhow!("{error:#}"));
                            drop(sender);
                        }
                    }
                }
            });
        }
        if let Err(error) = writer.write_all(receivers, job) {
            job.abort.fail(error);
        }
    });
    match job.abort.take() {
        Some(error) => Err(error),
        None => writer.finish(job.settings),
    }
}
