//! `sawq`: answers an investigator's questions from a store that sawlog made.
//!
//! [`main`] is all of the binary: a library of its own, so that a program that knows more formats of logs can have it, too. The answers
//! are those of [`sawlog_query`]; here are the command line and how they are shown.
#![forbid(unsafe_code)]

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
    // A merge of many data files has them all open. Where the limit can't be raised, it was high enough or will say so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let result = sawlog_store::caught(|| run(&cli)).unwrap_or_else(|panic| Err(panic.into()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads from us has seen enough: sawq find | head.
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

/// Prints what went wrong; gives the exit status that says whether the command line was.
fn tell(error: &anyhow::Error, global: &Global) -> ExitCode {
    if let Some(wrong) = usage::wrong_usage(error) {
        // As clap says it.
        output::error("error:", &wrong);
        output::say("\nFor more information, try '--help'.");
        return ExitCode::from(2);
    }
    // The query engine does not say in which file an error is.
    let text = usage::said_once(error);
    let damaged: String = damaged_file(&global.store, error.as_ref())
        .iter()
        .map(|path| format!("{} is damaged: ", path.display()))
        .collect();
    // What is wrong may have been written by those whom the logs are about.
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
