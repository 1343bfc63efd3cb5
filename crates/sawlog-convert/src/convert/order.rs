//! What threads must do in order: register content that may repeat, and hash the parts of one file.
//!
//! Units begin in order, and each passes here before it does its main work. So a thread only ever waits for a unit
//! that is already under way.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Error;
use sawlog_formats::{Carry, LineEnding};
use sha2::{Digest, Sha256};

use super::content::Cutter;
use super::tell::{FileName, Told};

/// The first error of a thread; the others stop instead of waiting for that thread.
#[derive(Debug, Default)]
pub(crate) struct Abort {
    is_set: AtomicBool,
    first: Mutex<Option<Error>>,
}

impl Abort {
    /// Keeps the error if it is the first: later ones are its consequences.
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

/// The files by their content: one turn for each unit.
pub(crate) type Contents = Turns<FirstFiles>;

/// A SHA-256.
pub(crate) type Hash = [u8; 32];

/// What makes two files the same, if it is equal: their SHA-256; where the name of a file says when its records were,
/// together with that time.
pub(crate) fn content_of(sha256: Hash, name: &str) -> Hash {
    let name = FileName::of(name);
    let time = name.time.filter(|_| name.dates_records);
    time.map_or(sha256, |time| Sha256::new().chain_update(sha256).chain_update(time.to_le_bytes()).finalize().into())
}

/// The first file with each content, as [`content_of`] has it. There may be hundreds of thousands.
#[derive(Debug, Default)]
pub(crate) struct FirstFiles {
    /// The place of the file: among the files of the store, or after these among the inputs.
    places: HashMap<Hash, usize>,
    /// The labels of files that the store has.
    stored: Vec<Box<str>>,
}

impl FirstFiles {
    /// The files of the store: content and label. Up to `inputs` more may be added.
    pub(crate) fn of<'s>(stored: impl Iterator<Item = (Hash, &'s str)>, inputs: usize) -> Self {
        let mut files = Self { places: HashMap::with_capacity(inputs), stored: Vec::new() };
        for (content, label) in stored {
            files.places.entry(content).or_insert(files.stored.len());
            files.stored.push(label.into());
        }
        files
    }

    /// The label of the first file with this content, if it is not this input. This input is registered from now on.
    /// `label` returns the label of an input.
    pub(crate) fn before<'a>(
        &'a mut self,
        content: Hash,
        input: usize,
        label: impl Fn(usize) -> &'a str,
    ) -> Option<&'a str> {
        match self.places.entry(content) {
            Entry::Vacant(place) => {
                place.insert(self.stored.len() + input);
                None
            }
            Entry::Occupied(place) => match self.stored.get(*place.get()) {
                Some(stored) => Some(stored),
                None => Some(label(place.get() - self.stored.len())),
            },
        }
    }
}

/// The hash with these hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    let (digits, rest) = text.as_bytes().as_chunks::<2>();
    if digits.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    for (byte, [high, low]) in hash.iter_mut().zip(digits) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(hash)
}

/// What the parts of one large file pass on: one turn for each part.
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
    /// The place where the next part begins.
    pub(crate) cutter: Option<Cutter>,
}
