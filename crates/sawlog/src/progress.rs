//! Shows how far a conversion is, on standard error, if that is a terminal.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use sawlog_formats::visible;
use sawlog_store::parquet::Codec;
use sawlog_store::{Run, Store};

use crate::convert::{Piece, Plan};

/// The progress of a conversion.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    shown: bool,
    files: AtomicUsize,
    records: AtomicI64,
    started: Instant,
}

impl Progress {
    /// Shows nothing if `quiet`, or if standard error is no terminal.
    pub(crate) fn new(quiet: bool) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        let bar = if shown { ProgressBar::new(0) } else { ProgressBar::hidden() };
        Self { bar, quiet, shown, files: AtomicUsize::new(0), records: AtomicI64::new(0), started: Instant::now() }
    }

    /// Says something that the user should know now.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| eprintln!("sawlog: {text}"));
        }
    }

    /// Begins a run, once no other one has the store, and says what came of those before it.
    pub(crate) fn begin_run<'s>(&self, store: &'s Store, codec: Codec) -> Result<Run<'s>> {
        let run = Run::begin(store, codec, || self.note("another sawlog writes to this store; waiting for it"))?;
        for undone in run.undone() {
            let tables = if undone.tables.is_empty() { "its tables".to_owned() } else { undone.tables.join(", ") };
            // Evidence that was taken for converted is not: that is said even where little else is.
            self.bar.suspend(|| {
                eprintln!(
                    "sawlog: a run that was cut off was undone, since what it added to {tables} can't be read: {}\n\
                     sawlog: the store is as it was before that run; its files are new again, and are converted when they are given",
                    undone.cause
                );
            });
        }
        Ok(run)
    }

    /// Says how much there is to do.
    pub(crate) fn begin(&self, plan: &Plan) {
        let style =
            "{bar:30.cyan/blue} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {msg}  ETA {eta}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.bar.set_style(style);
        }
        if !self.shown {
            return;
        }
        self.bar.set_length(plan.inputs.iter().map(|input| input.size).sum());
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    /// An archive is taken apart.
    pub(crate) fn unpacking(&self, label: &str) {
        if self.shown {
            self.bar.set_message(format!("taking {} apart", visible(label)));
        }
    }

    /// There is more to do than it seemed: what came out of archives.
    pub(crate) fn more(&self, plan: &Plan) {
        if self.shown {
            self.bar.inc_length(plan.inputs.iter().map(|input| input.size).sum());
        }
    }

    /// So many bytes more were read.
    pub(crate) fn bytes(&self, bytes: usize) {
        // Even a hidden bar takes a lock, for which the threads would queue.
        if self.shown {
            self.bar.inc(bytes as u64);
        }
    }

    /// So many records more were decoded.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate to look at"
    )]
    pub(crate) fn records(&self, records: i64) {
        let all = self.records.fetch_add(records, Ordering::Relaxed) + records;
        if self.shown {
            let rate = all as f64 / self.started.elapsed().as_secs_f64().max(0.1);
            let files = HumanCount(self.files.load(Ordering::Relaxed) as u64);
            self.bar.set_message(format!("{files} files  {} records/s", HumanCount(rate as u64)));
        }
    }

    /// An input, or the last part of one, was read.
    pub(crate) fn file(&self, piece: &Piece) {
        if piece.part + 1 == piece.parts {
            self.files.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All is read; the store is written to.
    pub(crate) fn committing(&self) {
        self.bar.finish_and_clear();
    }
}
