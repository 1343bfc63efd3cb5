//! Log formats that nobody has. Each is one file here, and nothing else in the repository knows of it: if all commands
//! work on their records, a log is described once.

mod doors;
mod gates;

use sawlog_formats::Format;

/// The formats.
pub const FORMATS: &[&Format] = &[&doors::FORMAT, &gates::FORMAT];

/// Adds them to those of sawlog, for the rest of the process.
///
/// # Panics
///
/// If formats are in use already.
pub fn add() {
    sawlog_formats::register(FORMATS).expect("nobody has asked for formats yet");
}
