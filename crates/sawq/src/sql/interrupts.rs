//! Ctrl-C while a query runs, or its result is printed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::future::{Either, select};
use futures::{FutureExt, StreamExt};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::output::{Stopped, leave_interrupts, pager_runs, remove_unfinished};

/// What is said of a query that Ctrl-C has stopped.
pub(super) const STOPPED: &str = "the query was stopped";

/// What Ctrl-C does while a query runs.
pub(crate) struct Interrupts {
    signals: UnboundedReceiver<()>,
    waiting: Arc<AtomicUsize>,
    /// Stops the printing of a result.
    stopped: Stopped,
}

impl Interrupts {
    /// Takes over Ctrl-C. Three presses during one query end the program.
    pub(super) fn new() -> Result<Self> {
        const ENOUGH: usize = 3;
        leave_interrupts();
        let mut signals = Signals::new([SIGINT])?;
        let (sender, receiver) = unbounded();
        let waiting = Arc::new(AtomicUsize::new(0));
        let stopped = Stopped::default();
        let (counter, stop) = (Arc::clone(&waiting), stopped.clone());
        std::thread::spawn(move || {
            for _ in signals.forever() {
                stop.set(true);
                // What reads the screen would lose the terminal to the shell.
                if pager_runs() {
                    continue;
                }
                if counter.fetch_add(1, Ordering::Relaxed) + 1 >= ENOUGH || sender.unbounded_send(()).is_err() {
                    remove_unfinished();
                    std::process::exit(130);
                }
            }
        });
        Ok(Self { signals: receiver, waiting, stopped })
    }

    /// What Ctrl-C sets.
    pub(super) fn stopped(&self) -> &Stopped {
        &self.stopped
    }

    /// Forgets what came before.
    pub(super) fn clear(&mut self) {
        while self.signals.next().now_or_never().is_some() {}
        self.waiting.store(0, Ordering::Relaxed);
        self.stopped.set(false);
    }

    /// Waits for a future, unless Ctrl-C comes first.
    pub(super) async fn unless<T>(&mut self, future: impl Future<Output = T> + Unpin) -> Result<T> {
        match select(self.signals.next(), future).await {
            Either::Left(_) => bail!(STOPPED),
            Either::Right((value, _)) => Ok(value),
        }
    }
}
