//! What threads must do in order: registering content that may repeat, and hashing the parts of one file.
//!
//! Units are begun in order, and each passes here before it does its main work, so whoever waits waits for one that is
//! already under way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Error;
use sawlog_formats::{Carry, LineEnding};
use sha2::Sha256;

use super::content::Cutter;
use super::tell::Told;

/// The first error of a thread, at which the others stop instead of waiting for it.
#[derive(Debug, Default)]
pub(crate) struct Abort {
    is_set: AtomicBool,
    first: Mutex<Option<Error>>,
}

impl Abort {
    /// Keeps the error, if it is the first: those that come after it come of it.
    pub(crate) fn fail(&self, error: Error) {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.is_set.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    /// The first error, if there was any.
    pub(crate) fn take(&self) -> Option<Error> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A value that threads change in turns: turn 0, turn 1, and so on.
#[derive(Debug, Default)]
pub(crate) struct Turns<T> {
    state: Mutex<(usize, T)>,
    changed: Condvar,
}

impl<T> Turns<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { state: Mutex::new((0, value)), changed: Condvar::new() }
    }

    /// Waits for its turn and changes the value; `None` if the work was aborted meanwhile.
    pub(crate) fn take<R>(&self, turn: usize, abort: &Abort, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.0 != turn {
            if abort.is_set() {
                return None;
            }
            let waited = self.changed.wait_timeout(state, Duration::from_millis(20));
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let result = change(&mut state.1);
        state.0 += 1;
        self.changed.notify_all();
        Some(result)
    }
}

/// The labels of files by the SHA-256 of their content: one turn for each unit.
pub(crate) type Contents = Turns<HashMap<String, String>>;

/// What the parts of one large file hand on: one turn for each part.
#[derive(Debug, Default)]
pub(crate) struct Running {
    pub(crate) hasher: Sha256,
    /// Where the next part begins: a part ends with a whole record.
    pub(crate) at: usize,
    /// Lines or JSON objects before it.
    pub(crate) lines: i64,
    /// Told from the first part.
    pub(crate) told: Option<Told>,
    pub(crate) ending: LineEnding,
    pub(crate) carry: Carry,
    /// Stands where the next part begins.
    pub(crate) cutter: Option<Cutter>,
}
