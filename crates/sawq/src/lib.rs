//! `sawq`: answers an investigator's questions from a sawlog store.
//!
//! [`main`] is the whole binary, as a library, so that a program with log formats of its own can use it, too. The
//! answers come from [`sawlog_query`]; this crate has the command line and shows the answers.
#![forbid(unsafe_code)]
// `eprintln!` panics if it can't write.
#![deny(clippy::print_stderr)]

mod cli;
mod commands;
mod geo;
mod help;
mod moment;
mod options;
mod output;
mod report;
mod sql;
mod usage;

use std::process::ExitCode;

use anyhow::Result;
use sawlog_store::damaged_file;

use cli::Cli;
use commands::Context;
use options::Global;

/// Runs the command line that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match help::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    output::choose_colors(cli.global.color);
    // A merge of many data files has them all open. If the limit can't be raised, it was high enough or opening
    // reports it.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let result = sawlog_store::caught(|| run(&cli)).unwrap_or_else(|panic| Err(panic.into()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has seen enough: sawq find | head.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => tell(&error, &cli.global),
    }
}

fn run(cli: &Cli) -> Result<()> {
    if let Some(memory) = cli.global.memory {
        // It is set once.
        let _ = sawlog_query::limit_memory(memory.as_u64());
    }
    let filters = cli.filters.filters()?;
    cli.command.run(&Context { global: &cli.global, filters: &filters, command_line: help::command })
}

/// Prints what went wrong. Returns the exit status, which distinguishes errors of the command line.
fn tell(error: &anyhow::Error, global: &Global) -> ExitCode {
    if let Some(wrong) = usage::wrong_usage(error) {
        // As clap says it.
        output::error("error:", &wrong);
        output::say("\nFor more information, try '--help'.");
        return ExitCode::from(2);
    }
    // The query engine does not name the file that an error is about.
    let text = usage::said_once(error);
    let damaged: String = damaged_file(&global.store, error.as_ref())
        .iter()
        .map(|path| format!("{} is damaged: ", path.display()))
        .collect();
    // The text of the error may come from an attacker.
    output::error("sawq:", &format!("{damaged}{text}"));
    ExitCode::FAILURE
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &(dyn std::error::Error + 'static)| {
        let io = error.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    output::reader_is_gone() || error.chain().any(broken)
}
