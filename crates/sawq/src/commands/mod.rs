//! The commands: each is a type that clap fills, with a `run`.

mod completions;
mod context;
mod ctsummarize;
mod find;
mod man;
mod report;
mod s3logparse;
mod sql;
mod tables;
mod timeline;
mod top;
mod who;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use context::Context;
pub(crate) use s3logparse::SUMMARIES;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print S3 summaries in s3logparse's format
    #[command(after_help = s3logparse::HELP)]
    S3logparse(s3logparse::S3logparse),
    /// Write the five files of ctsummarize: what one caller did, by CloudTrail
    #[command(after_help = ctsummarize::HELP)]
    Ctsummarize(ctsummarize::Ctsummarize),
    /// Group records by columns, and show the largest groups
    #[command(after_help = top::HELP)]
    Top(top::Top),
    /// Show what is known of an address, a principal, a key, an agent, an object: all of it on one screen
    #[command(after_help = who::HELP)]
    Who(who::Who),
    /// Write one self-contained page for a case file: summary, timeline, top talkers, entities, sources
    #[command(after_help = report::HELP)]
    Report(report::Report),
    /// Print what happened, by time, over all logs; bursts of the same kind as one line
    #[command(after_help = timeline::HELP)]
    Timeline(timeline::Timeline),
    /// Print the records themselves: the original lines, or columns of them
    #[command(after_help = find::HELP)]
    Find(find::Find),
    /// Run a query over the tables, or ask for queries
    #[command(after_help = crate::sql::FUNCTIONS)]
    Sql(sql::Sql),
    /// Show the tables: their rows, days and columns
    #[command(after_help = tables::HELP)]
    Tables(tables::Tables),
    /// Print a completion script for a shell
    #[command(after_help = completions::HELP)]
    Completions(completions::Completions),
    /// Print the manual page of sawq, or of one of its commands, in roff
    #[command(after_help = man::HELP)]
    Man(man::Man),
}

impl Command {
    /// Runs the command.
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<()> {
        match self {
            Self::S3logparse(command) => command.run(context),
            Self::Ctsummarize(command) => command.run(context),
            Self::Top(command) => command.run(context),
            Self::Who(command) => command.run(context),
            Self::Report(command) => command.run(context),
            Self::Timeline(command) => command.run(context),
            Self::Find(command) => command.run(context),
            Self::Sql(command) => command.run(context),
            Self::Tables(command) => command.run(context),
            Self::Completions(command) => command.run(context),
            Self::Man(command) => command.run(context),
        }
    }
}
