//! What every command is given, and what several do.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use sawlog_formats::Table;
use sawlog_query::{Filters, Nothing, Records, log_named};
use sawlog_store::Store;

use crate::options::{Format, Global};
use crate::output::{Form, Output, Target, hint, say};
use crate::usage::{BadCommand, BadValue, option};

/// What every command is given.
pub(crate) struct Context<'a> {
    pub(crate) global: &'a Global,
    pub(crate) filters: &'a Filters,
    /// The command line as clap sees it.
    pub(crate) command_line: fn() -> clap::Command,
}

impl Context<'_> {
    /// The store.
    pub(super) fn store(&self) -> Result<Store> {
        Ok(Store::open(&self.global.store)?)
    }

    /// The records that the filters leave.
    pub(super) fn records(&self) -> Result<Records> {
        Records::open(self.store()?, self.filters)
    }

    /// All records, for commands that filter them later.
    pub(super) fn all(&self) -> Result<Records> {
        Records::open(self.store()?, &Filters::default())
    }

    /// The records of one log; a summary of one log opens no other.
    pub(super) fn only(&self, log: &Table, filters: &Filters) -> Result<Records> {
        let asked = filters.log.iter().map(|name| log_named(name)).collect::<Result<Vec<_>>>()?;
        if let Some(other) = asked.first().filter(|_| asked.iter().all(|asked| asked.table.name != log.name)) {
            let why = format!("this summary is about {} only", log.name);
            return Err(BadValue::new("--log", other.table.name, why).into());
        }
        let only = Filters { log: vec![log.name.to_owned()], ..filters.clone() };
        Records::open(self.store()?, &only)
    }

    /// The output that the command line asks for.
    pub(super) fn target(&self) -> Result<Target> {
        Ok(Target::new(self.global)?)
    }

    /// Finishes a target. Hints come after the results, even in a pager.
    pub(super) fn finish(&self, target: &Target, records: &Records, any: bool) -> Result<()> {
        target.finish()?;
        self.explain(records, any)
    }

    /// Says how an answer was found, and why it is empty, if it is.
    pub(super) fn explain(&self, records: &Records, any: bool) -> Result<()> {
        if self.global.explain {
            records.explanation().iter().for_each(|line| say(&format!("sawq: {line}")));
        }
        if any || self.global.quiet { Ok(()) } else { explain_nothing(records) }
    }

    /// Refuses `--format` and `--json` for a command that writes its own files.
    pub(super) fn takes_no_form(&self, command: &str) -> Result<(), BadCommand> {
        if self.global.format.is_none() && !self.global.json {
            return Ok(());
        }
        let option = if self.global.json { "--json" } else { "--format" };
        Err(BadCommand(format!("the argument '{option}' cannot be used with '{command}': its output format is fixed")))
    }

    /// Prints text that is not a table: to standard output, or to a file whose ending means text or nothing.
    pub(super) fn print_bytes(&self, bytes: &[u8]) -> Result<()> {
        let global = self.global;
        let is_text = |path: &std::path::PathBuf| Form::of(path).format.is_none_or(|format| format == Format::Text);
        if global.format.is_some() || global.json || !global.output.as_ref().is_none_or(is_text) {
            return Err(BadCommand("this command prints text only; it takes no --format".to_owned()).into());
        }
        let format = Some(Format::Text);
        let target = Target::new(&Global { format, ..global.clone() })?.without_pager();
        let mut out = target.open()?;
        out.write_all(bytes)?;
        out.flush()?;
        drop(out);
        target.finish()
    }
}

/// Prints a table.
pub(super) fn print(table: &RecordBatch, target: &Target) -> Result<()> {
    let mut output = Output::new(target)?;
    output.batch(table)?;
    output.finish()
}

/// Says which logs are not in the output, since they have none or not all of the columns.
pub(super) fn note_left_out(logs: &[&str], lacking: &str) {
    let (have, they) = if logs.len() == 1 { ("has", "its") } else { ("have", "their") };
    if !logs.is_empty() {
        hint(&format!("{} {have} {lacking}; {they} records are left out", logs.join(" and ")));
    }
}

/// Says on standard error why there is no record, and what may have been meant.
pub(super) fn explain_nothing(records: &Records) -> Result<()> {
    hint(&match records.why_none()? {
        Nothing::InThatTime => "no record is from this time".to_owned(),
        Nothing::InNoTime => "--until is before --since".to_owned(),
        Nothing::OfTheseLogs => "the store has no records of this log".to_owned(),
        Nothing::Filter { name, value, near } => {
            let asked = format!("{} {value}", option(name));
            let near = match near {
                Some(near) => format!("; did you mean '{near}'?"),
                None if value.contains(',') => format!("; for several values, repeat {}", option(name)),
                None => String::new(),
            };
            format!("{} matches no record{near}", asked.trim_end())
        }
        Nothing::OfAllFilters => "no record matches all filters".to_owned(),
        Nothing::InTheStore => "the store has no records".to_owned(),
        Nothing::WithThat => "no record has this value".to_owned(),
    });
    Ok(())
}
