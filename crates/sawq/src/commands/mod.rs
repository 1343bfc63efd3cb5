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
    /// Write the five files that ctsummarize writes: what one caller did, from CloudTrail
    #[command(after_help = ctsummarize::HELP)]
    Ctsummarize(ctsummarize::Ctsummarize),
    /// Group records by columns, and show the largest groups
    #[command(after_help = top::HELP)]
    Top(top::Top),
    /// Show what the logs know about an address, user, access key, agent or object, on one screen
    #[command(after_help = who::HELP)]
    Who(who::Who),
    /// Write a self-contained HTML page for a case file: summary, timeline, top talkers, entities, sources
    #[command(after_help = report::HELP)]
    Report(report::Report),
    /// Print what happened in all logs, in order of time; a burst of similar records is one line
    #[command(after_help = timeline::HELP)]
    Timeline(timeline::Timeline),
    /// Print the records themselves: their original lines, or columns
    #[command(after_help = find::HELP)]
    Find(find::Find),
    /// Run SQL over the tables; without a query, open a prompt
    #[command(after_help = format!("{}\n\n{}", sql::EXAMPLES, crate::sql::FUNCTIONS))]
    Sql(sql::Sql),
    /// Show the tables: their rows, days and columns
    #[command(after_help = tables::HELP)]
    Tables(tables::Tables),
    /// Print a completion script for a shell
    #[command(after_help = completions::HELP)]
    Completions(completions::Completions),
    /// Print the manual page of sawq or of a command, in roff
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
