//! The conversion: finds what is new, shares the work among threads, and makes the result a new version of the store.

mod archive;
mod archives;
mod columns;
mod compare;
mod content;
mod copies;
mod flow_parquet;
mod followers;
mod known;
mod ledger_rows;
mod options;
mod order;
mod plan;
mod reading;
mod replace;
mod replaced;
mod scraps;
mod sorted;
mod stream;
mod tell;
mod worker;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use sawlog_formats::{Format, remedy};
use sawlog_store::parquet::Codec;
use sawlog_store::{Run, Source, SourceState, Store};
use serde::Serialize;

use crate::discover::discover;
use crate::found::Problem;
use crate::watch::{Interrupted, Watch, begin_run};
use columns::Output;
use copies::Firsts;
use followers::follow;
use known::take_known;
use order::{Abort, Contents, FirstFiles, Running, Turns};
use plan::converted;
use replaced::Replaced;
use worker::Worker;
use writer::{Writer, Written};

pub use archive::{ArchiveMember, OpenedArchive, open_archive};
pub(crate) use content::FileBytes;
pub(crate) use options::past_limit;
pub(crate) use plan::{Plan, hash_file, hex, row};
pub(crate) use replace::{heirs, stale_among, take_out};
pub(crate) use tell::{HEAD, MAX_DIGEST};

/// The memory that the process needs apart from its threads: mostly its own code.
const BASE_MEMORY: u64 = 90 << 20;
/// What a thread needs apart from columns and index: encoded row groups, the content of a large file.
const CONTENT_MEMORY: u64 = 64 << 20;

/// What a conversion should do. All fields are set when it is made.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Settings {
    /// Files, folders, patterns, `@FILE` for a list of them, or `-`.
    pub inputs: Vec<PathBuf>,
    /// The format of all inputs; `None` to recognise it by content.
    pub format: Option<&'static Format>,
    /// Whether `--format` was given, even as `auto`.
    pub format_named: bool,
    /// The fields of VPC flow logs without a header line.
    pub vpc_fields: Option<Arc<str>>,
    /// How many threads read and decode.
    pub threads: usize,
    /// The bytes that a thread's columns may take before they are encoded, and the index before it is spilled to
    /// disk.
    pub columns_memory: usize,
    /// The largest unit of work, in bytes of input.
    pub unit_size: u64,
    /// How data files are compressed.
    pub codec: Codec,
    /// The most bytes that one input file may expand to.
    pub max_inflate: u64,
    /// Whether to commit nothing unless all input became records.
    pub strict: bool,
    /// Whether to convert changed files again.
    pub replace: bool,
    /// Whether to follow links that lead out of the given folders.
    pub follow_links: bool,
}

impl Settings {
    /// Settings with one thread per processor and a gibibyte of memory, as `sawlog convert` uses without options.
    #[must_use]
    pub fn new(inputs: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (columns_memory, unit_size) = Self::share_memory(1 << 30, threads);
        Self {
            inputs: inputs.into_iter().map(Into::into).collect(),
            format: None,
            format_named: false,
            vpc_fields: None,
            threads,
            columns_memory,
            unit_size,
            codec: Codec::default(),
            max_inflate: 4 << 30,
            strict: false,
            replace: false,
            follow_links: false,
        }
    }

    /// Whether options were given that decide how a file is read.
    fn names_options(&self) -> bool {
        self.format_named || self.vpc_fields.is_some()
    }

    /// Shares `memory` bytes among the threads: how much a thread's columns may take, and the largest unit of work.
    /// The index may take as much as the columns of all threads. Besides its columns, a thread holds their encoded form
    /// and the mapped pages or the inflated content of its unit.
    #[must_use]
    pub fn share_memory(memory: u64, threads: usize) -> (usize, u64) {
        let share = memory.saturating_sub(BASE_MEMORY) / threads as u64;
        let columns = (share.saturating_sub(CONTENT_MEMORY) / 2).max(share / 4).max(1 << 20);
        (usize::try_from(columns).unwrap_or(usize::MAX), (share / 4).max(1 << 20))
    }
}

/// What a conversion did.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Files whose records were added.
    pub converted: usize,
    /// Files that the ledger had already.
    pub unchanged: usize,
    /// Files whose records were replaced; they count as converted, too.
    pub replaced: usize,
    /// Duplicates: files with the same content as another file, and that file.
    pub duplicates: Vec<(String, String)>,
    /// Files without content.
    pub empty: Vec<String>,
    /// CloudTrail digests.
    pub digests: usize,
    /// Archives whose members were read; the members count as files.
    pub archives: usize,
    /// Links in archives, which are not followed.
    pub links: Vec<String>,
    /// Files that are not read, of any kind.
    pub unknown: Vec<String>,
    /// Files whose kind was recognised but is not read, by kind.
    pub looks_like: BTreeMap<String, Unread>,
    /// Files that `--format` was given for, but that hold no record of it.
    pub misfits: Vec<Misfit>,
    /// Files that were read differently from what the options say now, and how.
    pub read_otherwise: Vec<(String, String)>,
    /// Copies of files that were read differently from what the options say now, and how.
    pub copies_read_otherwise: Vec<(String, String)>,
    /// Files that could not be read, or not to their end.
    pub unreadable: Vec<(String, String)>,
    /// Records that were added.
    pub records: i64,
    /// Rejects: what is not a record, kept as it is.
    pub rejects: i64,
    /// Blank lines, which were skipped.
    pub blank_lines: i64,
    /// Bytes of the files that were converted.
    pub bytes_in: i64,
    /// Bytes of the data files that were added.
    pub bytes_out: u64,
    /// How long it took.
    pub seconds: f64,
    /// Whether the store was changed.
    pub committed: bool,
    #[serde(skip)]
    replacing: Replaced,
}

/// Inputs have changed since they were converted, and `replace` is not set, or not with the options that they were read
/// with. Names them, one per line.
#[derive(Debug, Default, thiserror::Error)]
#[error("files have changed since they were converted:\n{}\nNothing was done.", files.join("\n"))]
pub struct Changed {
    files: Vec<String>,
    /// Whether options decided how one of them was read.
    pub with_options: bool,
}

/// A file that is not what `--format` says.
#[derive(Debug, Serialize)]
pub struct Misfit {
    /// The file.
    pub path: String,
    /// What its content looks like, if that is known.
    pub looks_like: Option<String>,
}

/// Files of a kind that sawlog does not read.
#[derive(Debug, Default, Serialize)]
pub struct Unread {
    /// What to do to make them readable.
    pub remedy: String,
    /// The files.
    pub files: Vec<String>,
}

impl Summary {
    /// Whether any part of the input did not become a record.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        let unread = !self.unreadable.is_empty() || !self.unknown.is_empty();
        let otherwise = !self.read_otherwise.is_empty() || !self.copies_read_otherwise.is_empty();
        self.rejects > 0 || unread || otherwise
    }

    /// Sorts the names of files, which came in the order in which the files were read.
    fn sort(&mut self) {
        for names in [&mut self.empty, &mut self.unknown] {
            names.sort_unstable();
        }
        self.duplicates.sort_unstable();
        self.looks_like.values_mut().for_each(|unread| unread.files.sort_unstable());
    }

    fn problem(&mut self, problem: Problem) {
        self.replacing.problem(&problem.path, &problem.what);
        self.unreadable.push((problem.path, problem.what));
    }

    /// Counts an input by its row in the ledger.
    fn count(&mut self, source: &Source) {
        self.replacing.count(source);
        // The threads report what they read.
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
    /// One for each input of several parts.
    pub(crate) running: HashMap<usize, Turns<Running>>,
    pub(crate) abort: Abort,
    pub(crate) watch: &'a dyn Watch,
}

impl<'a> Job<'a> {
    fn new(settings: &'a Settings, plan: &'a Plan, contents: FirstFiles, watch: &'a dyn Watch) -> Self {
        let pieces = plan.units.iter().flat_map(|unit| &unit.pieces);
        let running = pieces.filter(|piece| piece.parts > 1 && piece.part == 0);
        let running = running.map(|piece| (piece.input, Turns::default())).collect();
        Self { settings, plan, contents: Turns::new(contents), running, abort: Abort::default(), watch }
    }
}

/// Converts the inputs into the store.
///
/// # Errors
///
/// If an input or the store can't be read or written, or the command is stopped. The store is then as it was before.
/// [`Changed`] if inputs changed since they were converted. All other input that can't be read is listed in the
/// summary.
pub fn convert(store: &Store, settings: &Settings, watch: &dyn Watch) -> Result<Summary> {
    let started = Instant::now();
    let mut discovery = discover(&settings.inputs, store.root(), settings.follow_links)?;
    let mut run = begin_run(store, settings.codec, watch)?;
    run.give_index_memory(settings.columns_memory.saturating_mul(settings.threads));
    let known = take_known(store, &mut discovery.files, settings)?;
    let ledger = if discovery.files.is_empty() { Vec::new() } else { Source::load_all(store)? };
    let plan = Plan::new(discovery, known, &ledger, settings)?;
    watch.begin(plan.inputs.iter().map(|input| input.size).sum());
    let had_records = plan.replaced.iter().filter(|source| source.state == SourceState::Converted);
    let mut summary = Summary { unchanged: plan.unchanged, replaced: had_records.count(), ..Summary::default() };
    summary.replacing = Replaced::new(&plan.replaced, &ledger);
    summary.read_otherwise.clone_from(&plan.read_otherwise);
    let copies = plan.copies_read_otherwise.iter().map(|copy| (copy.path.clone(), copy.how.clone()));
    summary.copies_read_otherwise.extend(copies);
    plan.still_unknown.iter().for_each(|source| summary.count(source));
    plan.problems.iter().cloned().for_each(|problem| summary.problem(problem));
    let repeating = plan.inputs.iter().filter(|input| input.may_repeat).count();
    let contents = match repeating {
        0 => FirstFiles::default(),
        inputs => FirstFiles::of(converted(&ledger, &plan.replaced, &plan.heirs), inputs),
    };
    let job = Job::new(settings, &plan, contents, watch);
    replace::take_out(&mut run, &ledger, &plan.replaced, &plan.heirs, &plan.followers)?;
    let firsts = Firsts::new(ledger, &plan.replaced, settings);
    let written = read_all(&job, &mut run, &mut summary)?;
    firsts.tell(&plan, 0, settings, &mut summary);
    let rows = written.rows + archives::read(&written, &job, &firsts, &mut run, &mut summary)?;
    summary.replacing.check(settings.replace)?;
    follow(&mut run, &plan.followers)?;
    if watch.wants_to_stop() {
        return Err(Interrupted.into());
    }
    watch.committing();
    if rows > 0 && (!settings.strict || !summary.has_losses()) {
        summary.bytes_out = run.commit()?;
        summary.committed = true;
    }
    summary.sort();
    summary.seconds = started.elapsed().max(Duration::from_millis(1)).as_secs_f64();
    Ok(summary)
}

/// Each thread may be this many units ahead of a unit that takes long: their reports wait for it.
const AHEAD: usize = 4;

/// Lets the threads do all units, and writes what they hand over: the reports of inputs in the order of the units,
/// and rows as they come.
fn read_all(job: &Job<'_>, run: &mut Run<'_>, summary: &mut Summary) -> Result<Written> {
    let units = &job.plan.units;
    let threads = job.settings.threads.min(units.len());
    let (output, outputs) = sync_channel(2 * threads);
    // A unit is begun for each token.
    let (more, tokens) = channel();
    (0..threads * AHEAD).try_for_each(|_| more.send(()))?;
    let next = Mutex::new(units.iter().enumerate());
    let tokens = Mutex::new(tokens);
    let next_unit = || {
        tokens.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()?;
        next.lock().unwrap_or_else(PoisonError::into_inner).next().filter(|_| !job.abort.is_set())
    };
    let mut writer = Writer::new(job.plan, run, summary);
    std::thread::scope(|scope| {
        for number in 0..threads {
            let (output, next_unit) = (output.clone(), &next_unit);
            scope.spawn(move || {
                let leaving = Leaving { abort: &job.abort, output };
                let work = || {
                    let mut worker = Worker::new(job, number, leaving.output.clone())?;
                    while let Some((number, unit)) = next_unit() {
                        worker.unit(number, unit)?;
                    }
                    worker.finish()
                };
                work().unwrap_or_else(|error| job.abort.fail(error));
            });
        }
        drop(output);
        if let Err(error) = writer.write_all(&outputs, &more, job) {
            job.abort.fail(error);
        }
        // Threads that wait to hand something over, or for a token, stop waiting.
        drop((outputs, more));
    });
    match job.abort.take() {
        Some(error) => Err(error),
        None => writer.finish(job.settings),
    }
}

/// Tells the writer when a thread ends because of an error or a panic: other threads may wait for it.
struct Leaving<'a> {
    abort: &'a Abort,
    output: SyncSender<Output>,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.abort.fail(anyhow!("a thread stopped unexpectedly: this is a bug in sawlog"));
        }
        if self.abort.is_set() {
            let _ = self.output.send(Output::Aborted);
        }
    }
}
