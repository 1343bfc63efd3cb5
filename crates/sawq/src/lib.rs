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
mod index;
mod logs;
mod memory;
mod moment;
mod near;
mod numbers;
mod output;
mod prompt;
mod query;
mod report;
mod s3logparse;
mod scan;
mod sql;
mod subject;
mod tables;
mod tally;
mod timeline;
mod top;
mod who;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use arrow::array::RecordBatch;
use clap::{CommandFactory, Parser};
use sawlog_formats::{Table, cloudtrail, s3_access, visible};
use sawlog_store::{Store, damaged_file};

pub use cli::FilterArgs;
use cli::{Cli, Command};
pub use filter::{Filter, Filters, Probe};
use output::{Output, Target};
use query::Query;

/// Runs the command line that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // A merge of many data files has them all open. Where the limit can't be raised, it was high enough or will say so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let result = sawlog_store::caught(|| run(&cli)).unwrap_or_else(|panic| Err(anyhow!("internal error: {panic}")));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads from us has seen enough: sawq find | head.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // The query engine does not say in which file an error is.
            let damaged = damaged_file(&cli.global.store, &format!("{error:#}"));
            let error =
                damaged.iter().fold(error, |error, path| error.context(format!("{} is damaged", path.display())));
            // What is wrong may have been written by those whom the logs are about.
            for line in format!("sawq: {error:#}").lines() {
                eprintln!("{}", visible(line));
            }
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &(dyn std::error::Error + 'static)| {
        let io = error.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    // Arrow's errors keep the I/O error only as text.
    error.chain().any(broken) || format!("{error:#}").contains("Broken pipe")
}

fn run(cli: &Cli) -> Result<()> {
    memory::limit(cli.global.memory);
    let target = Target::new(&cli.global);
    let open = || -> Result<Vec<Query>> { Query::open(Store::open(&cli.global.store)?, &cli.filters) };
    // A summary of one log opens no other.
    let open_only = |log: &Table, filters: &FilterArgs| -> Result<Vec<Query>> {
        let only = FilterArgs { log: Some(log.name.to_owned()), ..filters.clone() };
        let queries = Query::open(Store::open(&cli.global.store)?, &only)?;
        if let Some(other) =
            filters.log.as_deref().map(query::log).transpose()?.filter(|other| other.table.name != log.name)
        {
            bail!("this summary is of {}; --log {} leaves nothing of it", log.name, other.table.name);
        }
        Ok(queries)
    };
    let explain = |query: &[Query], any: bool| -> Result<()> {
        if let Some(query) = query.first().filter(|_| cli.global.explain) {
            query.explain.print();
        }
        if any || cli.global.quiet { Ok(()) } else { near::explain_nothing(query) }
    };
    match &cli.command {
        Command::S3logparse { function } => {
            let query = open_only(&s3_access::TABLE, &cli.filters)?;
            let mut out = target.open()?;
            let any = s3logparse::print(&query, *function, target.is_terminal(), &mut out)?;
            out.flush()?;
            explain(&query, any)
        }
        Command::Ctsummarize(args) => {
            let mut filters = cli.filters.clone();
            filters.ip.extend(args.address.clone());
            let query = open_only(&cloudtrail::TABLE, &filters)?;
            let any = ctsummarize::write(&query[0], args, cli.global.quiet)?;
            explain(&query, any)
        }
        Command::Top(args) => {
            let query = open()?;
            let table = top::top(&query, args)?;
            print(&table, &target)?;
            explain(&query, table.num_rows() > 0)
        }
        Command::Who(args) => {
            // The index is asked about the entity, not about what filters leave of it.
            let all = Query::open(Store::open(&cli.global.store)?, &FilterArgs::default())?;
            let (query, any) = who::who(&all, &cli.filters, args, &target)?;
            explain(&query, any)
        }
        Command::Report(args) => {
            let all = Query::open(Store::open(&cli.global.store)?, &FilterArgs::default())?;
            report::write(&all, &cli.filters, args, cli.global.quiet)
        }
        Command::Timeline(args) => {
            let query = open()?;
            let any = timeline::print(&query, args, &target)?;
            explain(&query, any)
        }
        Command::Find(args) => {
            let query = open()?;
            let any = find::find(&query, args, &target)?;
            explain(&query, any)
        }
        Command::Sql(args) => {
            let query = open()?;
            sql::sql(&query, args, &target)?;
            explain(&query, true)
        }
        Command::Tables => run_tables(&Store::open(&cli.global.store)?, &target),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "sawq", &mut std::io::stdout());
            Ok(())
        }
        Command::Man => Ok(clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?),
    }
}

fn run_tables(store: &Store, target: &Target) -> Result<()> {
    print(&tables::tables(store)?, target)?;
    // A file or another tool gets one table.
    if target.format.is_none() && !target.is_file() {
        println!();
        print(&tables::columns()?, target)?;
    }
    Ok(())
}

fn print(table: &RecordBatch, target: &Target) -> Result<()> {
    let mut output = Output::new(target)?;
    output.batch(table)?;
    output.finish()
}
