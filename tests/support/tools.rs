//! Other programs that tests need, and what becomes of a test where they are missing.

use std::io::Write;

/// Whether this is a full run: all cases of the long tests, and no test left out for want of a program.
#[must_use]
pub fn is_full() -> bool {
    std::env::var_os("SAWLOG_TESTS").is_some_and(|value| value == "full")
}

/// Whether all of these programs are there. If not, the test is to be left out: standard error says so; in a full run
/// that is an error. Each is named with the Debian package that it is in.
///
/// ```
/// assert!(sawlog_tests::has_tools(&[("sh", "dash")]));
/// ```
///
/// # Panics
///
/// If one is missing and `SAWLOG_TESTS` is `full`.
#[must_use]
pub fn has_tools(tools: &[(&str, &str)]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing = tools.iter().find(|(tool, _)| !is_there(tool));
    let Some((tool, package)) = missing else { return true };
    let why = format!("there is no {tool}, which Debian has in its package {package}");
    assert!(!is_full(), "{why}; with SAWLOG_TESTS=full no test is left out");
    skipped(&why);
    false
}

/// Says on standard error that a test, or a part of it, is left out, and why.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // What is written to it directly is shown at once; what is printed is kept for tests that fail.
    let _ = writeln!(std::io::stderr(), "{test}: skipped, since {why}");
}

/// Whether there is a browser that a test can drive, as [`has_tools`] says.
///
/// # Panics
///
/// If there is none and `SAWLOG_TESTS` is `full`.
#[must_use]
pub fn has_browser() -> bool {
    has_tools(&[("chromedriver", "chromium-driver"), ("curl", "curl"), ("pdftotext", "poppler-utils")])
}

/// Whether a test can run commands on a terminal, as [`has_tools`] says.
///
/// # Panics
///
/// If it can't and `SAWLOG_TESTS` is `full`.
#[must_use]
pub fn has_terminal() -> bool {
    has_tools(&[("script", "bsdutils"), ("bash", "bash")])
}
