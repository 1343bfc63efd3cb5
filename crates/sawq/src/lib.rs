//! `sawq`: answers an investigator's questions from a store that sawlog made.
//!
//! [`main`] is all of the binary. Filters are public so that what must hold for any of them can be tested from outside.
#![forbid(unsafe_code)]

mod checked_readers;
mod cli;
mod ctsummarize;
mod distinct;
mod events;
mod explain;
mod filter;
mod find;
mod functions;
mod groups;
mod help;
mod index;
mod logs;
mod memory;
mod moment;
mod near;
mod numbers;
mod output;
mod printed;
mod prompt;
mod query;
mod render;
mod report;
mod s3logparse;
mod scan;
mod sql;
mod tables;
mod tally;
mod texts;
mod timeline;
mod times;
mod top;
mod usage;
mod who;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use arrow::array::RecordBatch;
use sawlog_formats::{Table, cloudtrail, s3_access};
use sawlog_store::{Store, damaged_file};

pub use cli::FilterArgs;
use cli::{Cli, Command, Global, TablesArgs};
pub use filter::{Filter, Filters, Probe, TextFilter};
use output::{Output, Target};
use query::Query;
use render::form::Form;
use render::style;
pub use times::Clock;
use usage::BadCommand;
pub use usage::BadValue;

/// Runs the command line that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match help::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    style::choose(cli.global.color);
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

/// Prints what went wrong; gives the exit status that says whether the command line was.
fn tell(error: &anyhow::Error, global: &Global) -> ExitCode {
    if let Some(wrong) = usage::wrong_usage(error) {
        // As clap says it.
        style::error("error:", &wrong);
        style::say("\nFor more information, try '--help'.");
        return ExitCode::from(2);
    }
    // The query engine does not say in which file an error is.
    let text = if memory::is_exhausted(error) { memory::exhausted().to_string() } else { said_once(error) };
    let damaged: String = damaged_file(&global.store, error.as_ref())
        .iter()
        .map(|path| format!("{} is damaged: ", path.display()))
        .collect();
    // What is wrong may have been written by those whom the logs are about.
    style::error("sawq:", &format!("{damaged}{text}"));
    ExitCode::FAILURE
}

/// What an error and those behind it say, without what was said before.
fn said_once(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for part in error.chain().map(ToString::to_string) {
        if !said.contains(&part) {
            said += if said.is_empty() { "" } else { ": " };
            said += &part;
        }
    }
    said
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &(dyn std::error::Error + 'static)| {
        let io = error.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    output::reader_is_gone() || error.chain().any(broken)
}

fn run(cli: &Cli) -> Result<()> {
    let Cli { global, .. } = cli;
    memory::limit(global.memory);
    let filters = &filter::with_lists(&cli.filters)?;
    match &cli.command {
        Command::Ctsummarize(args) => {
            takes_no_form(global, "ctsummarize")?;
            ctsummarize::check_folder(&args.out)?;
            let mut filters = filters.clone();
            filters.ip.extend(args.address.clone());
            let query = open_only(&cloudtrail::TABLE, global, &filters)?;
            let any = ctsummarize::write(&query[0], args, global)?;
            explain(&query, any, global)
        }
        Command::Report(args) => {
            takes_no_form(global, "report")?;
            if !args
                .out
                .extension()
                .is_some_and(|ending| ending.eq_ignore_ascii_case("html") || ending.eq_ignore_ascii_case("htm"))
            {
                return Err(
                    BadValue::new("--output", &args.out.display().to_string(), "the page is HTML: FILE.html").into()
                );
            }
            let all = Query::open(Store::open(&global.store)?, &FilterArgs::default())?;
            report::write(&all, filters, args, global.quiet)
        }
        Command::Completions { shell } => print_bytes(&help::completions(*shell), global),
        Command::Man { command } => print_bytes(&help::manual(command.as_deref())?, global),
        _ => {
            let target = Target::new(global)?;
            answer(cli, filters, &target)?;
            target.finish()
        }
    }
}

/// Runs a command whose results go to a target.
fn answer(cli: &Cli, filters: &FilterArgs, target: &Target) -> Result<()> {
    let Cli { global, .. } = cli;
    let open = || Query::open(Store::open(&global.store)?, filters);
    let (query, any) = match &cli.command {
        Command::S3logparse(args) => {
            let query = open_only(&s3_access::TABLE, global, filters)?;
            let any = s3logparse::print(&query, args, target)?;
            (query, any)
        }
        Command::Top(args) => {
            let query = open()?;
            let table = top::top(&query, args, global.quiet)?;
            print(&table, target)?;
            (query, table.num_rows() > 0)
        }
        Command::Who(args) => {
            // The index is asked about the entity, not about what filters leave of it.
            let all = Query::open(Store::open(&global.store)?, &FilterArgs::default())?;
            who::who(&all, filters, args, target)?
        }
        Command::Timeline(args) => {
            let query = open()?;
            let any = timeline::print(&query, args, target)?;
            (query, any)
        }
        Command::Find(args) => {
            let query = open()?;
            let any = find::find(&query, args, target)?;
            (query, any)
        }
        Command::Sql(args) => {
            let query = open()?;
            // Between two questions nobody wants a pager.
            let is_asked = args.query.is_none() && args.file.is_none();
            sql::sql(&query, args, &if is_asked { target.clone().without_pager() } else { target.clone() })?;
            (query, true)
        }
        Command::Tables(args) => return run_tables(&Store::open(&global.store)?, args, filters, target),
        Command::Ctsummarize(_) | Command::Report(_) | Command::Completions { .. } | Command::Man { .. } => {
            return Ok(());
        }
    };
    // Hints follow what they are about, also where that is in a pager.
    target.finish()?;
    explain(&query, any, global)
}

/// Opens one log; a summary of one log opens no other.
fn open_only(log: &Table, global: &Global, filters: &FilterArgs) -> Result<Vec<Query>> {
    let asked = filters.log.iter().map(|name| query::log(name)).collect::<Result<Vec<_>>>()?;
    if let Some(other) = asked.first().filter(|_| asked.iter().all(|asked| asked.table.name != log.name)) {
        let why = format!("this summary is of {}", log.name);
        return Err(BadValue::new("--log", other.table.name, why).into());
    }
    let only = FilterArgs { log: vec![log.name.to_owned()], ..filters.clone() };
    Query::open(Store::open(&global.store)?, &only)
}

/// Says how an answer came about, and why it is empty, if it is.
fn explain(query: &[Query], any: bool, global: &Global) -> Result<()> {
    if let Some(query) = query.first().filter(|_| global.explain) {
        query.explain.print();
    }
    if any || global.quiet { Ok(()) } else { near::explain_nothing(query) }
}

/// Refuses a form for a command that writes files of its own.
fn takes_no_form(global: &Global, command: &str) -> Result<(), BadCommand> {
    if global.format.is_none() && !global.json {
        return Ok(());
    }
    let option = if global.json { "--json" } else { "--format" };
    Err(BadCommand(format!("the argument '{option}' cannot be used with '{command}': it has a form of its own")))
}

/// Prints what is no table: on standard output, or into a file whose ending says text or nothing.
fn print_bytes(bytes: &[u8], global: &Global) -> Result<()> {
    let is_text = |path: &std::path::PathBuf| Form::of(path).format.is_none_or(|format| format == cli::Format::Text);
    if global.format.is_some() || global.json || !global.output.as_ref().is_none_or(is_text) {
        return Err(BadCommand("this command prints text only; it takes no --format".to_owned()).into());
    }
    let format = Some(cli::Format::Text);
    let target = Target::new(&Global { format, ..global.clone() })?.without_pager();
    let mut out = target.open()?;
    out.write_all(bytes)?;
    out.flush()?;
    drop(out);
    target.finish()
}

fn run_tables(store: &Store, args: &TablesArgs, filters: &FilterArgs, target: &Target) -> Result<()> {
    if let Some(name) = &args.table {
        return print(&tables::columns(Some(tables::named(name)?))?, target);
    }
    let log = filters.log.iter().map(|name| anyhow::Ok(query::log(name)?.table.name)).next().transpose()?;
    print(&tables::tables(store, log)?, target)?;
    // A file or another tool gets one table.
    if target.format.is_some() || target.is_file() {
        return Ok(());
    }
    if target.is_terminal() && log.is_none() {
        // Columns of all tables are more than a screen: the tables would scroll away.
        target.hint_after(
            "'sawq tables TABLE' shows the columns of a table; 'sawq tables events' those of all logs as one",
        );
        return Ok(());
    }
    let mut out = target.open()?;
    writeln!(out)?;
    out.flush()?;
    print(&tables::columns(log)?, target)
}

fn print(table: &RecordBatch, target: &Target) -> Result<()> {
    let mut output = Output::new(target)?;
    output.batch(table)?;
    output.finish()
}
