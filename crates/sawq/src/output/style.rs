//! Colours on a terminal: when to use them, and which.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use sawlog_formats::visible;

use crate::options::Color;

/// What is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Names of columns, titles.
    Heading,
    /// Requests that failed, flows that were rejected, errors.
    Failure,
    /// What changed something.
    Change,
    /// What could be done next.
    Hint,
}

impl Style {
    /// Text in this style.
    pub(crate) fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Heading => "1",
            Self::Failure => "31",
            Self::Change => "32",
            Self::Hint => "33",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Text in this style if `coloured`, else as it is.
    pub(crate) fn paint_if(self, coloured: bool, text: &str) -> String {
        if coloured { self.paint(text) } else { text.to_owned() }
    }
}

/// What `--color` said.
static CHOICE: OnceLock<Color> = OnceLock::new();

/// Sets `--color` for everything that is printed from now on.
pub(crate) fn choose(color: Color) {
    // It is said once.
    let _ = CHOICE.set(color);
}

/// Whether standard output, or standard error, is coloured.
fn is_coloured(is_terminal: bool) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match CHOICE.get().copied().unwrap_or_default() {
        Color::Always => true,
        Color::Never => false,
        // See no-color.org and bixense.com/clicolors.
        Color::Auto if is_set("NO_COLOR") => false,
        Color::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0") => {
            true
        }
        Color::Auto => is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Whether results on standard output are coloured.
pub(crate) fn on_stdout() -> bool {
    is_coloured(std::io::stdout().is_terminal())
}

/// Whether messages on standard error are coloured.
fn on_stderr() -> bool {
    is_coloured(std::io::stderr().is_terminal())
}

/// Prints a hint to standard error. It may contain text from a log or a command line, so characters that could
/// control a terminal are escaped.
pub(crate) fn hint(text: &str) {
    say(&format!("sawq: {}", Style::Hint.paint_if(on_stderr(), &visible(text))));
}

/// Prints a line to standard error. If that fails, there is nobody left to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints an error to standard error, with each line safe for a terminal.
pub(crate) fn error(prefix: &str, text: &str) {
    let prefix = Style::Failure.paint_if(on_stderr(), prefix);
    for (place, line) in text.lines().enumerate() {
        let prefix = if place == 0 { format!("{prefix} ") } else { String::new() };
        say(&format!("{prefix}{}", visible(line)));
    }
}
