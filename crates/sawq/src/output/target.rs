//! Where results go: a file, a terminal, its pager, a pipe.

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use terminal_size::{Height, Width, terminal_size};

use super::column::Layout;
use super::delimited;
use super::escaped::Escaped;
use super::file::{Existing, NewFile};
use super::form::{Form, KNOWN};
use super::pager::{self, After, Paged};
use super::style;
use crate::options::{Format, Global};
use crate::usage::BadValue;

/// Where results are written to.
pub(crate) type Out = BufWriter<Box<dyn Write + Send>>;

/// Where results go, and in what form. Copies share the same output.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Target {
    /// The form that was asked for, or that the file's name sets; `None` for the command's own text.
    pub(crate) format: Option<Format>,
    /// Whether text was asked for. Without `--format`, a command that has no text of its own prints a table on
    /// terminals only.
    is_text: bool,
    file: Option<PathBuf>,
    is_gzip: bool,
    no_formulas: bool,
    header: bool,
    quiet: bool,
    /// The pager for a terminal, if one is wanted.
    pager: Option<String>,
    /// What comes after the pager.
    after: After,
    place: Arc<Mutex<Option<Place>>>,
    /// Whether Ctrl-C has stopped what is printed.
    stopped: Stopped,
    /// The hint to show after all results.
    hints: Arc<Mutex<Vec<&'static str>>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, file, .. } = self;
        formatter.debug_struct("Target").field("format", format).field("file", file).finish_non_exhaustive()
    }
}

/// Whether somebody wants no more of the output. Copies share the answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopped(Arc<AtomicBool>);

impl Stopped {
    /// Stops the output, or lets it begin again.
    pub(crate) fn set(&self, is_stopped: bool) {
        self.0.store(is_stopped, Ordering::Relaxed);
    }

    /// Whether it is stopped.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error if it is stopped. Its kind is not `Interrupted`: that would mean to try again.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_set() { Err(io::Error::other("the output was stopped")) } else { Ok(()) }
    }
}

/// The output that was opened.
enum Place {
    Stdout(io::Stdout),
    Pager(Paged),
    File(Box<NewFile>),
}

impl Target {
    /// The target that the command line asks for.
    pub(crate) fn new(global: &Global) -> Result<Self, BadValue> {
        // As in other programs, this means standard output.
        let output = global.output.as_ref().filter(|path| path.as_os_str() != "-");
        let form = output.map(|path| Form::of(path));
        let asked = global.format.or(global.json.then_some(Format::Json));
        let format = asked.or(form.and_then(|form| form.format));
        if let (None, Some(path)) = (format, output) {
            return Err(BadValue::new(
                "--output",
                &path.display().to_string(),
                format!("its extension names no format; {KNOWN}"),
            ));
        }
        // Nobody can seek in a pipe.
        let format = if output.is_none() && format == Some(Format::Arrow) { Some(Format::Arrows) } else { format };
        let is_text = format == Some(Format::Text);
        Ok(Self {
            format: format.filter(|_| !is_text),
            is_text,
            file: output.cloned(),
            is_gzip: form.is_some_and(|form| form.is_gzip),
            no_formulas: global.no_formulas,
            header: !global.no_header,
            quiet: global.quiet,
            pager: if global.no_pager { None } else { pager::wanted() },
            after: After::End,
            place: Arc::default(),
            stopped: Stopped::default(),
            hints: Arc::default(),
        })
    }

    /// Without a pager, since the same terminal asks for input.
    pub(crate) fn without_pager(self) -> Self {
        Self { pager: None, ..self }
    }

    /// For a prompt, which comes again after each result.
    pub(crate) fn for_a_prompt(self) -> Self {
        Self { after: After::Prompt, ..self }
    }

    /// Until somebody stops it.
    pub(crate) fn until(self, stopped: Stopped) -> Self {
        Self { stopped, ..self }
    }

    /// Whether it is stopped.
    pub(super) fn stopped(&self) -> &Stopped {
        &self.stopped
    }

    /// Whether it is a file.
    pub(crate) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// Whether people will read the output as it comes.
    pub(crate) fn is_terminal(&self) -> bool {
        self.file.is_none() && io::stdout().is_terminal()
    }

    /// Whether text for people is coloured.
    pub(crate) fn is_coloured(&self) -> bool {
        self.file.is_none() && style::on_stdout()
    }

    /// Opens it. An existing file is not overwritten; a new one gets its name in [`Target::finish`].
    pub(crate) fn open(&self) -> Result<Out> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        match (&self.file, &*place) {
            (Some(path), Some(_)) => bail!("{} can hold only one result", path.display()),
            (None, Some(_)) => {}
            (Some(path), None) => {
                *place = Some(Place::File(Box::new(NewFile::create(path, self.is_gzip, Existing::Keep)?)));
            }
            (None, None) => *place = Some(self.screen()),
        }
        let out = Handle { place: Arc::clone(&self.place), stopped: self.stopped.clone() };
        let is_json = matches!(self.format, Some(Format::Json | Format::Ndjson));
        let out: Box<dyn Write + Send> =
            if is_json && self.is_terminal() { Box::new(Escaped::new(out)) } else { Box::new(out) };
        Ok(BufWriter::with_capacity(256 << 10, out))
    }

    /// Standard output, or the pager for it.
    fn screen(&self) -> Place {
        let pager = self.pager.clone().filter(|_| self.is_terminal());
        match pager.zip(terminal_size()) {
            Some((command, (Width(columns), Height(rows)))) => {
                let rows = usize::from(rows).saturating_sub(1).max(1);
                Place::Pager(Paged::new(command, rows, columns.into(), self.after))
            }
            None => Place::Stdout(io::stdout()),
        }
    }

    /// Finishes the output: a file gets its name; a pager is waited for.
    pub(crate) fn finish(&self) -> Result<()> {
        // Nobody else may write: waiting for the pager holds nothing up.
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        match place {
            None => {}
            Some(Place::Stdout(mut out)) => noted(out.flush())?,
            Some(Place::Pager(mut pager)) => noted(pager.finish())?,
            Some(Place::File(file)) => file.finish()?,
        }
        let hints = std::mem::take(&mut *self.hints.lock().unwrap_or_else(PoisonError::into_inner));
        hints.into_iter().filter(|_| !self.quiet).for_each(style::hint);
        Ok(())
    }

    /// Shows what a pager was to show, and waits until the user leaves it. Returns whether that was before the end.
    pub(crate) fn leave_pager(&self) -> Result<bool> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        match place.take() {
            // Nobody else writes meanwhile.
            Some(Place::Pager(mut pager)) => {
                noted(pager.finish())?;
                Ok(READER_IS_GONE.swap(false, Ordering::Relaxed))
            }
            other => {
                *place = other;
                Ok(false)
            }
        }
    }

    /// Whether it is a file that has a result.
    pub(crate) fn is_full(&self) -> bool {
        self.is_file() && self.place.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Gives up a result: a file with half of it does not get its name, and a line that was cut ends.
    pub(crate) fn abandon(&self) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *place {
            Some(Place::File(_)) => *place = None,
            Some(Place::Stdout(out)) if self.stopped.is_set() && self.is_terminal() => {
                // What follows says why it ends, whether or not this can be written.
                let _ = out.write_all(b"\n").and_then(|()| out.flush());
            }
            _ => {}
        }
    }

    /// Prints a hint to standard error, after the pager has ended if there is one.
    pub(crate) fn hint_after(&self, hint: &'static str) {
        match &self.pager {
            Some(_) => self.hints.lock().unwrap_or_else(PoisonError::into_inner).push(hint),
            None if self.quiet => {}
            None => style::hint(hint),
        }
    }

    /// The form of tables. Without one: a table on a terminal or as text, lines of tab-separated values in a pipe.
    pub(super) fn form(&self) -> Format {
        let is_for_people = self.is_terminal() || self.is_text;
        self.format.unwrap_or(if is_for_people { Format::Table } else { Format::Tsv })
    }

    /// How values separated by commas or tabs are changed.
    pub(super) fn delimited(&self, delimiter: delimited::Delimiter) -> delimited::Options {
        let Self { header, no_formulas, .. } = *self;
        delimited::Options { delimiter, header, no_formulas, is_terminal: self.is_terminal() }
    }

    /// How tables and records are shown on it.
    pub(crate) fn layout(&self) -> Layout {
        let is_terminal = self.is_terminal();
        let of_environment = || std::env::var("COLUMNS").ok()?.parse().ok();
        let width = || terminal_size().map(|(Width(columns), _)| usize::from(columns)).or_else(of_environment);
        Layout {
            width: if is_terminal { width() } else { None },
            header: self.header,
            coloured: self.is_coloured(),
            commas: is_terminal,
        }
    }
}

/// The writer for everything that opens a target.
struct Handle {
    place: Arc<Mutex<Option<Place>>>,
    stopped: Stopped,
}

impl Handle {
    fn with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<usize>) -> io::Result<usize> {
        self.stopped.check()?;
        match &mut *self.place.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Place::Stdout(out)) => noted(write(out)),
            Some(Place::Pager(pager)) => noted(write(pager)),
            Some(Place::File(file)) => write(file),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Write for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(|out| out.flush().map(|()| 0)).map(drop)
    }
}

/// Whether the reader of standard output has stopped. Libraries in between may keep only the text of an error.
static READER_IS_GONE: AtomicBool = AtomicBool::new(false);

/// A result of writing to standard output. Notes it if nobody reads it any more.
fn noted<T>(result: io::Result<T>) -> io::Result<T> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("can't write to standard output: {error}"));
    let result = result.map_err(named);
    if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        READER_IS_GONE.store(true, Ordering::Relaxed);
    }
    result
}

/// Whether the reader of standard output has stopped.
pub(crate) fn reader_is_gone() -> bool {
    READER_IS_GONE.load(Ordering::Relaxed)
}
