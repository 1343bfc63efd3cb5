//! A pager for output that is longer than the screen.

use std::io::{self, ErrorKind, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use super::style;

/// Which pager is wanted: none, or a command for the shell. As in git, `SAWLOG_PAGER` takes precedence over `PAGER`.
pub(crate) fn wanted() -> Option<String> {
    if std::env::var_os("TERM").is_none_or(|term| term == "dumb") {
        return None;
    }
    let named = |name: &str| std::env::var(name).ok();
    let command =
        named("SAWLOG_PAGER").or_else(|| named("PAGER")).or_else(|| is_installed("less").then(|| "less".to_owned()));
    command.filter(|command| !matches!(command.trim(), "" | "cat"))
}

fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

/// Lines for a screen. They are kept back until they are more than it can show, and then go to a pager.
pub(crate) struct Paged {
    command: String,
    rows: usize,
    columns: usize,
    /// The text kept back, how many rows of the screen it fills, and the length of its last line.
    held: Vec<u8>,
    filled: usize,
    column: usize,
    after: After,
    to: To,
}

/// What comes after the pager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum After {
    /// The end of the program.
    #[default]
    End,
    /// The prompt, which takes care of Ctrl-C itself.
    Prompt,
}

/// Whether a pager has the terminal.
static RUNS: AtomicBool = AtomicBool::new(false);

/// Whether a pager has the terminal: then Ctrl-C is meant for it.
pub(crate) fn runs() -> bool {
    RUNS.load(Ordering::Relaxed)
}

/// Where lines go.
enum To {
    /// They are kept back.
    Nowhere,
    Pager(Running),
    /// The pager does not exist.
    Screen,
}

/// A pager that runs.
struct Running {
    input: Option<std::process::ChildStdin>,
    child: Arc<Mutex<Child>>,
    interrupted: Arc<AtomicBool>,
}

impl Paged {
    /// The rows of the screen, without the one for the prompt, and its columns.
    pub(crate) fn new(command: String, rows: usize, columns: usize, after: After) -> Self {
        let columns = columns.max(1);
        Self { command, rows, columns, held: Vec::new(), filled: 0, column: 0, after, to: To::Nowhere }
    }

    /// Shows the text kept back, or waits until the user leaves the pager.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Nowhere => {
                let mut screen = io::stdout();
                screen.write_all(&std::mem::take(&mut self.held))?;
                screen.flush()
            }
            To::Pager(pager) => {
                pager.wait();
                Ok(())
            }
            To::Screen => io::stdout().flush(),
        }
    }

    /// Counts the rows of the screen that a text fills.
    fn count(&mut self, text: &[u8]) {
        for byte in text {
            match byte {
                b'\n' => (self.filled, self.column) = (self.filled + 1, 0),
                // A continuation byte of UTF-8 is part of the character before it.
                0x80..=0xbf => {}
                _ if self.column >= self.columns => (self.filled, self.column) = (self.filled + 1, 1),
                _ => self.column += 1,
            }
        }
    }
}

impl Write for Paged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Nowhere => {
                self.held.extend_from_slice(bytes);
                self.count(bytes);
                if self.filled > self.rows {
                    self.to = Running::start(&self.command, self.after).map_or(To::Screen, To::Pager);
                    let held = std::mem::take(&mut self.held);
                    self.write_all(&held)?;
                }
                Ok(bytes.len())
            }
            To::Pager(pager) => pager.write(bytes),
            To::Screen => io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Nowhere => Ok(()),
            To::Pager(pager) => pager.input.as_mut().map_or(Ok(()), Write::flush),
            To::Screen => io::stdout().flush(),
        }
    }
}

impl Drop for Paged {
    fn drop(&mut self) {
        // If something else failed, the results so far are still shown.
        let _ = self.finish();
    }
}

impl Running {
    /// Starts it; `None` if it does not exist.
    fn start(command: &str, after: After) -> Option<Self> {
        if !exists(command) {
            style::hint(&format!(
                "the pager '{command}' is not installed; use --no-pager, or set PAGER to another one"
            ));
            return None;
        }
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(command).stdin(Stdio::piped());
        // As in git: show colours, and leave the screen as it is.
        for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
            if std::env::var_os(name).is_none() {
                shell.env(name, value);
            }
        }
        let mut child = shell.spawn().ok()?;
        let input = child.stdin.take();
        let (child, interrupted) = (Arc::new(Mutex::new(child)), Arc::new(AtomicBool::new(false)));
        RUNS.store(true, Ordering::Relaxed);
        // Ctrl-C belongs to the pager, which would otherwise outlive us and fight with the shell for the terminal. It
        // ends our work.
        if after == After::End
            && let Ok(mut signals) = Signals::new([SIGINT])
        {
            let (child, interrupted) = (Arc::clone(&child), Arc::clone(&interrupted));
            std::thread::spawn(move || {
                if signals.forever().next().is_some() {
                    interrupted.store(true, Ordering::Relaxed);
                    wait(&child);
                    std::process::exit(130);
                }
            });
        }
        Some(Self { input, child, interrupted })
    }

    fn wait(&mut self) {
        self.input = None;
        wait(&self.child);
        RUNS.store(false, Ordering::Relaxed);
    }
}

/// Whether the shell knows the program of a command. Where it is not a plain word, the shell decides.
fn exists(command: &str) -> bool {
    let is_plain = |word: &&str| word.chars().all(|char| char.is_ascii_alphanumeric() || "-_./+".contains(char));
    let program = command.split_whitespace().find(|word| !word.contains('=')).filter(is_plain);
    program.is_none_or(|program| {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "command -v \"$1\"", "sh", program]).stdin(Stdio::null()).stdout(Stdio::null());
        shell.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    })
}

impl Write for Running {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.input {
            Some(input) if !self.interrupted.load(Ordering::Relaxed) => input.write(bytes),
            _ => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.wait();
    }
}

/// Waits until a pager is left.
fn wait(child: &Mutex<Child>) {
    // Its exit status says nothing about our work.
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_screen_are_counted() {
        let mut paged = Paged::new("cat".to_owned(), 100, 10, After::End);
        paged.count("12345678901\n1234567890\nä\n".as_bytes());
        assert_eq!(paged.filled, 4);
    }
}
