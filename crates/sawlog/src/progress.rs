//! Shows the progress of a conversion on standard error, if that is a terminal.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use sawlog_convert::Watch;
use sawlog_formats::visible;
use sawlog_store::UndoneRun;

use crate::interrupt::Interrupt;

/// The progress of a command, and whether it should stop.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    shown: bool,
    files: AtomicUsize,
    records: AtomicI64,
    started: Instant,
    interrupt: Option<Interrupt>,
}

impl Progress {
    /// Shows nothing if `quiet` is set or standard error is not a terminal. Stops when `interrupt` says so.
    pub(crate) fn new(quiet: bool, interrupt: Option<Interrupt>) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        let bar = if shown { ProgressBar::new(0) } else { ProgressBar::hidden() };
        Self {
            bar,
            quiet,
            shown,
            files: AtomicUsize::new(0),
            records: AtomicI64::new(0),
            started: Instant::now(),
            interrupt,
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Progress {
    fn waiting(&self) {
        if !self.quiet {
            self.bar.suspend(|| eprintln!("sawlog: another sawlog is writing to this store; waiting for it"));
        }
    }

    fn undone(&self, undone: &UndoneRun) {
        let tables = if undone.tables.is_empty() { "its tables".to_owned() } else { undone.tables.join(", ") };
        // Evidence that counted as converted no longer does. That is reported even with --quiet.
        self.bar.suspend(|| {
            eprintln!(
                "sawlog: an interrupted run was undone, because what it added to {tables} can't be read: {}\n\
                 sawlog: the store is as it was before that run; convert the files of that run again",
                undone.cause
            );
        });
    }

    fn begin(&self, bytes: u64) {
        let style =
            "{bar:30.cyan/blue} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {msg}  ETA {eta}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.bar.set_style(style);
        }
        if !self.shown {
            return;
        }
        self.bar.set_length(bytes);
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    fn unpacking(&self, label: &str) {
        if self.shown {
            self.bar.set_message(format!("unpacking {}", visible(label)));
        }
    }

    fn more(&self, bytes: u64) {
        if self.shown {
            self.bar.inc_length(bytes);
        }
    }

    fn bytes(&self, bytes: usize) {
        // Even a hidden bar takes a lock, for which the threads would queue.
        if self.shown {
            self.bar.inc(bytes as u64);
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate to look at"
    )]
    fn records(&self, records: i64) {
        let all = self.records.fetch_add(records, Ordering::Relaxed) + records;
        if self.shown {
            let rate = all as f64 / self.started.elapsed().as_secs_f64().max(0.1);
            let files = HumanCount(self.files.load(Ordering::Relaxed) as u64);
            self.bar.set_message(format!("{files} files  {} records/s", HumanCount(rate as u64)));
        }
    }

    fn file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    fn committing(&self) {
        self.clear();
    }

    fn wants_to_stop(&self) -> bool {
        self.interrupt.as_ref().is_some_and(Interrupt::requested)
    }
}
