//! `sawlog`: converts AWS logs into a Parquet store, and maintains the store.
//!
//! [`main`] is the whole binary, so that a program with log formats of its own can be a sawlog, too.
#![deny(clippy::print_stderr)]

#[macro_use]
mod print;

mod cli;
mod interrupt;
mod progress;
mod report;
mod status;

use std::io::ErrorKind;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::FromArgMatches;
use sawlog_convert::{Changed, Interrupted, Manifest, Settings, begin_run};
use sawlog_formats::{counted, steers};
use sawlog_store::parquet::Codec;
use sawlog_store::{ENTITIES, Store, reindex};
use serde_json::json;

use cli::{Cli, Command, CompactArgs, ConvertArgs, Format, Global, RemoveArgs, StatusArgs, VerifyArgs};
use interrupt::Interrupt;
use progress::Progress;

/// Done, but some of the input is not in the store as records.
const DONE_WITH_LOSSES: u8 = 3;

/// Runs the command line that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match cli::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    // A merge of many data files has them all open. If the limit can't be raised, it was high enough or opening
    // reports it.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let result = sawlog_store::caught(|| run(&cli)).unwrap_or_else(|panic| Err(panic.into()));
    match result.and_then(|code| print::finish().map(|()| code)) {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("sawlog: {error}");
            std::process::exit(interrupt::EXIT_STATUS)
        }
        Err(error) => {
            eprintln!("sawlog: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints help, or what is wrong with the command line.
fn usage(said: &clap::Error) -> ExitCode {
    let text = said.render().to_string();
    let wanted = !said.use_stderr();
    // The command line's own text is shown only if it can't control the terminal.
    if text.contains(|char| steers(char) && char != '\n') {
        if wanted { println!("{}", text.trim_end()) } else { eprintln!("{}", text.trim_end()) }
    } else if let Err(error) = said.print()
        && wanted
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("sawlog: can't write to standard output: {error}");
        return ExitCode::FAILURE;
    }
    u8::try_from(said.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn run(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Command::Convert(args) => run_convert(args, &cli.global),
        Command::Status(args) => run_status(args, &cli.global),
        Command::Remove(args) => run_remove(args, &cli.global),
        Command::Verify(args) => run_verify(args, &cli.global),
        Command::Manifest => run_manifest(&cli.global),
        Command::Compact(args) => run_compact(args, &cli.global),
        Command::Reindex => run_reindex(&cli.global),
        Command::Upgrade => run_upgrade(&cli.global),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut cli::command(), "sawlog", &mut script);
            print::bytes(&script);
            Ok(ExitCode::SUCCESS)
        }
        Command::Man { command } => {
            let mut cli = cli::command();
            cli.build();
            let page = command.as_ref().and_then(|name| cli.find_subcommand(name)).unwrap_or(&cli);
            let mut text = Vec::new();
            clap_mangen::Man::new(page.clone()).render(&mut text)?;
            print::bytes(&text);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run_convert(args: &ConvertArgs, global: &Global) -> Result<ExitCode> {
    let threads = args
        .threads
        .map_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get), usize::from);
    let (columns_memory, unit_size) = Settings::share_memory(args.memory.as_u64(), threads);
    let settings = Settings {
        inputs: args.inputs.clone(),
        format: args.format.and_then(Format::log),
        format_named: args.format.is_some(),
        vpc_fields: args.vpc_fields.as_deref().map(Into::into),
        threads,
        columns_memory,
        unit_size,
        codec: args.compression,
        max_inflate: args.max_inflate.as_u64(),
        strict: args.strict,
        replace: args.replace,
        follow_links: args.follow_links,
    };
    let progress = Progress::new(global.quiet, Some(Interrupt::listen()?));
    let store = Store::open_or_create(&global.store)?;
    let summary =
        sawlog_convert::convert(&store, &settings, &progress).inspect_err(|_| progress.clear()).map_err(advised)?;
    report::print(&summary, global)?;
    if summary.committed
        && !global.quiet
        && !global.json
        && let Some(fewer) = sawlog_convert::worth_it(&store)?
    {
        eprintln!("sawlog: 'sawlog compact' would reduce the number of data files by {fewer}");
    }
    Ok(match (summary.has_losses(), args.strict) {
        (false, _) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(DONE_WITH_LOSSES),
        (true, true) => ExitCode::FAILURE,
    })
}

/// An error of a conversion, with what to do.
fn advised(error: anyhow::Error) -> anyhow::Error {
    let Some(changed) = error.downcast_ref::<Changed>() else { return error };
    let options = if changed.with_options {
        " Convert each that was read with options by itself, with the same options; or with --format auto, to let its content \
         decide."
    } else {
        ""
    };
    anyhow!("{error} Use --replace to convert them again.{options}")
}

fn run_compact(args: &CompactArgs, global: &Global) -> Result<ExitCode> {
    let store = Store::open(&global.store)?;
    let progress = Progress::new(global.quiet, Some(Interrupt::listen()?));
    let compaction = sawlog_convert::compact(&store, args.compression, args.retain, &progress)?;
    report::print_compaction(&compaction, global)?;
    Ok(ExitCode::SUCCESS)
}

fn run_reindex(global: &Global) -> Result<ExitCode> {
    let store = Store::open(&global.store)?;
    let progress = Progress::new(global.quiet, None);
    let mut run = begin_run(&store, Codec::default(), &progress)?;
    let (rows_before, data_files) = reindex(&mut run)?;
    run.commit()?;
    let rows = store.snapshot(&ENTITIES)?.rows();
    if global.json {
        print::bytes(
            format!("{}\n", json!({ "data_files": data_files, "rows": rows, "rows_before": rows_before })).as_bytes(),
        );
    } else if !global.quiet {
        let (files, rows) = (counted(data_files, "data file"), counted(rows, "row"));
        eprintln!("sawlog: {files} indexed; the index has {rows} (before: {rows_before})");
    }
    Ok(ExitCode::SUCCESS)
}

fn run_upgrade(global: &Global) -> Result<ExitCode> {
    let store = Store::open(&global.store)?;
    let upgrade = sawlog_convert::upgrade(&store, &Progress::new(global.quiet, None))?;
    if global.json {
        print::json(&upgrade)?;
    } else if !global.quiet {
        match (upgrade.from, upgrade.to) {
            (from, to) if from == to => eprintln!("sawlog: the store has format {to}, the newest; nothing to do"),
            (from, to) => {
                eprintln!(
                    "sawlog: upgraded from format {from} to {to}; {} indexed again",
                    counted(upgrade.data_files, "data file")
                );
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn run_status(args: &StatusArgs, global: &Global) -> Result<ExitCode> {
    let store = Store::open(&global.store)?;
    if args.rejects {
        let rejects = status::rejects(&store, args.limit)?;
        report::print_rejects(&rejects, global)?;
        return Ok(ExitCode::SUCCESS);
    }
    let status = status::status(&store)?;
    if global.json {
        print::json(&status)?;
    } else {
        status.print();
    }
    Ok(ExitCode::SUCCESS)
}

fn run_remove(args: &RemoveArgs, global: &Global) -> Result<ExitCode> {
    let store = Store::open(&global.store)?;
    let progress = Progress::new(global.quiet, None);
    let removal = sawlog_convert::remove(&store, &args.sources, args.reason.as_deref(), args.dry_run, &progress)?;
    report::print_removal(&removal, global)?;
    Ok(ExitCode::SUCCESS)
}

fn run_verify(args: &VerifyArgs, global: &Global) -> Result<ExitCode> {
    let store = Store::open(&global.store)?;
    let manifest = args.manifest.as_deref().map(Manifest::read).transpose()?;
    let mut result = sawlog_convert::verify(&store, args.memory.as_u64()).context("the store can't be read")?;
    if let Some(manifest) = manifest {
        result.manifest_differences = Some(manifest.differences(&Manifest::of(&store)?));
    }
    if let (Some(path), Some(key)) = (&args.cloudtrail_digests, &args.public_key) {
        result.cloudtrail_digests = Some(sawlog_convert::validate(&store, path, key)?);
    }
    if global.json {
        print::json(&result)?;
    } else {
        report::print_verification(&result, global.quiet);
    }
    Ok(if result.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_manifest(global: &Global) -> Result<ExitCode> {
    let manifest = Manifest::of(&Store::open(&global.store)?)?;
    print::json(&manifest)?;
    Ok(ExitCode::SUCCESS)
}
