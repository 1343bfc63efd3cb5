//! Output: results on standard output, progress and problems on standard error.
//!
//! `println!` and `eprintln!` panic if they can't write. The macros of the same names in this crate don't. If the
//! reader hangs up (`sawlog status | head -1`), the command ends as usual. If output can't be written for another
//! reason (a full disk), [`finish`] returns the error. No line contains characters that could control a terminal.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use sawlog_formats::{steers, visible};
use serde::Serialize;

/// Prints lines on standard output.
macro_rules! println {
    ($($text:tt)*) => { $crate::print::result(&format!($($text)*)) };
}

/// Prints lines on standard error.
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::print::note(&format!($($text)*)) };
}

/// Why standard output accepts no more, after an error.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints lines of a result.
pub(crate) fn result(text: &str) {
    let lines: String = text.split('\n').flat_map(|line| [visible(line).into_owned(), "\n".to_owned()]).collect();
    bytes(lines.as_bytes());
}

/// Prints a result as it is.
pub(crate) fn bytes(text: &[u8]) {
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    if failed.is_none() {
        let mut out = io::stdout().lock();
        *failed = out.write_all(text).and_then(|()| out.flush()).err();
    }
}

/// Prints a value as JSON. Characters that could control a terminal are printed as `\uXXXX`, which means the same in
/// JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let mut out = BufWriter::new(StandardOutput);
    serde_json::to_writer_pretty(HarmlessJson(&mut out), value)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Prints what is written to it, with [`bytes`].
struct StandardOutput;

impl Write for StandardOutput {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        bytes(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes characters that could control a terminal in the JSON that is written to it, in pieces of whole characters.
struct HarmlessJson<W>(W);

impl<W: Write> Write for HarmlessJson<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        // All of them are in the first plane, and inside strings: everything around them is ASCII.
        let is_escaped = |char: char| steers(char) && char != '\n';
        for piece in std::str::from_utf8(json).map_err(io::Error::other)?.split_inclusive(is_escaped) {
            let harmless = piece.trim_end_matches(is_escaped);
            self.0.write_all(harmless.as_bytes())?;
            if let Some(char) = piece[harmless.len()..].chars().next() {
                write!(self.0, "\\u{:04x}", u32::from(char))?;
            }
        }
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Prints a line to standard error. If that fails, there is nobody left to tell.
pub(crate) fn note(text: &str) {
    let mut err = io::stderr().lock();
    for line in text.split('\n') {
        let _ = writeln!(err, "{}", visible(line));
    }
}

/// Whether everything was written that a reader wanted.
pub(crate) fn finish() -> Result<()> {
    match FAILED.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("can't write to standard output"),
        _ => Ok(()),
    }
}
