//! The command line of sawq.
#![expect(clippy::doc_markdown, reason = "help is shown as it is written")]

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::who::Kind;

const AFTER_HELP: &str = "\
Examples:
  sawq tables                                    the tables, their columns, rows and days
  sawq s3logparse toptalkers                     what s3logparse prints
  sawq ctsummarize 3.238.12.183 --out case       the five files of ctsummarize
  sawq who 3.238.12.183                          all that is known of an address, a key, a user, an object
  sawq top user_agent --ip 3.238.12.183          who used what, how much, when
  sawq top bucket/key --by bytes-sent -n 50
  sawq find --key '*.gpg' --since 2021-07-29     the log lines themselves, like grep -h
  sawq find --log cloudtrail --operation 'Put*'  the events' own JSON, for jq
  sawq timeline --user jmerckle                  what happened: ! failed, + changed something
  sawq report --out case.html --entity 3.238.12.183
  sawq find --ip 10.0.0.0/8 '--operation=!REST.GET.*' -c
  sawq sql \"SELECT operation, count(*) FROM s3_access GROUP BY 1 ORDER BY 2 DESC\"

Filters take globs (* ? [..]); a leading ! turns them round. Times are UTC: 2021-07-29, 2021-07-29T13:10,
or 2h, 3d: so long before the last record.

Exit status: 0 all good, with or without results; 1 could not do it; 2 the command line is wrong.";

/// Answers an investigator's questions from a store that sawlog made.
#[derive(Debug, Parser)]
#[command(name = "sawq", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
}

/// Options of every command.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Global {
    /// The store's folder
    #[arg(long, global = true, env = "SAWLOG_STORE", default_value = "./sawlog-store", value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// How results are printed [default: table on a terminal, else lines of text]
    #[arg(long, global = true, value_enum)]
    pub(crate) format: Option<Format>,
    /// The same as --format json
    #[arg(long, global = true, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Write results to this file, in the form that its name ends with unless --format says another
    #[arg(long, short, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// In CSV and TSV put ' before text that a spreadsheet would take for a formula: it begins with = + - @
    #[arg(long, global = true)]
    pub(crate) no_formulas: bool,
    /// Print no hints
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// How much memory sorting and grouping may take before they go to disk, at least 64MiB [default: half of the machine's]
    #[arg(long, global = true, value_name = "SIZE", value_parser = crate::memory::parse)]
    pub(crate) memory: Option<ByteSize>,
    /// Say on standard error how the answer came about: by the index or by a scan, and what was read
    #[arg(long, global = true)]
    pub(crate) explain: bool,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Csv,
    Tsv,
    Json,
    Ndjson,
    Parquet,
    Arrow,
}

/// Which records a command is about.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct FilterArgs {
    /// The caller's address, or a network such as 10.0.0.0/8; of flows either end's
    #[arg(long, global = true, value_name = "IP|CIDR")]
    pub ip: Vec<String>,
    /// The caller: an ARN, the name of a user or role, or an id
    #[arg(long, global = true, value_name = "NAME|ARN")]
    pub user: Vec<String>,
    /// The access key that signed; in S3 logs only presigned URLs tell
    #[arg(long, global = true, value_name = "KEY")]
    pub access_key: Vec<String>,
    /// The bucket
    #[arg(long, global = true, value_name = "GLOB")]
    pub bucket: Vec<String>,
    /// The object's key, as in the log
    #[arg(long, global = true, value_name = "GLOB")]
    pub key: Vec<String>,
    /// The operation, such as REST.GET.OBJECT or PutUserPolicy
    #[arg(long, global = true, value_name = "GLOB")]
    pub operation: Vec<String>,
    /// The user agent
    #[arg(long, global = true, value_name = "GLOB")]
    pub agent: Vec<String>,
    /// The error code; * for any error; of flows REJECT
    #[arg(long, global = true, value_name = "GLOB")]
    pub error: Vec<String>,
    /// The region that was called; in S3 logs that of the caller
    #[arg(long, global = true, value_name = "GLOB")]
    pub region: Vec<String>,
    /// An account number, or the bucket owner's canonical id
    #[arg(long, global = true, value_name = "ID")]
    pub account: Vec<String>,
    /// The service that was called, such as iam.amazonaws.com
    #[arg(long, global = true, value_name = "GLOB")]
    pub service: Vec<String>,
    /// The network interface
    #[arg(long, global = true, value_name = "GLOB")]
    pub interface: Vec<String>,
    /// The port at either end of a flow
    #[arg(long, global = true, value_name = "PORT")]
    pub port: Vec<String>,
    /// Not before this time
    #[arg(long, global = true, value_name = "TIME")]
    pub since: Option<String>,
    /// Before this time; a day or minute is included whole
    #[arg(long, global = true, value_name = "TIME")]
    pub until: Option<String>,
    /// Only this log: s3_access, cloudtrail or vpc_flow; s3 and vpc will do [default: all that the store has]
    #[arg(long, global = true, value_name = "LOG")]
    pub log: Option<String>,
    /// Count an event once that CloudTrail delivered more than once
    #[arg(long, global = true)]
    pub distinct: bool,
    /// A regular expression over the record's own text
    #[arg(long = "match", global = true, value_name = "REGEX")]
    pub pattern: Option<String>,
    /// --match is a fixed text
    #[arg(short = 'F', long, global = true, requires = "pattern")]
    pub fixed: bool,
    /// --match ignores case
    #[arg(short = 'i', long, global = true, requires = "pattern")]
    pub ignore_case: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print what s3logparse prints
    S3logparse {
        /// The summary
        #[arg(value_enum)]
        function: S3logparse,
    },
    /// Write the five files of ctsummarize: what one caller did, by CloudTrail
    Ctsummarize(CtsummarizeArgs),
    /// Group records by a column, and show the largest groups
    Top(TopArgs),
    /// Show what is known of an address, a principal, a key, an agent, an object: all of it on one screen
    Who(WhoArgs),
    /// Write one self-contained page for a case file: summary, timeline, top talkers, entities, sources
    Report(ReportArgs),
    /// Print what happened, by time, over all logs; bursts of the same kind as one line
    Timeline(TimelineArgs),
    /// Print the records themselves: the original lines, or columns of them
    Find(FindArgs),
    /// Run a query over the tables, or ask for queries
    #[command(after_help = crate::functions::HELP)]
    Sql(SqlArgs),
    /// Show the tables: their columns, rows and days
    Tables,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, in roff
    Man,
}

/// The summaries of s3logparse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum S3logparse {
    /// Records by user agent
    Useragent,
    /// Bytes sent by remote address
    Toptalkers,
    /// Bytes sent in answer to POST requests, by remote address
    Topuploaders,
    /// Bytes sent in answer to GET requests, by remote address
    Topdownloaders,
    /// Records by key
    Topfiles,
}

/// What `ctsummarize` writes.
#[derive(Debug, Args)]
pub(crate) struct CtsummarizeArgs {
    /// The caller's address; any filter can stand in for it
    pub(crate) address: Option<String>,
    /// The folder for the files
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Overwrite files that are there
    #[arg(long)]
    pub(crate) force: bool,
    /// Write events are all that are not read-only, not just Put… and Create…
    #[arg(long)]
    pub(crate) all_write: bool,
}

/// What `top` shows.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// A column, or several joined by / (bucket/key); ip, user, operation, agent, error, region and account mean the
    /// column of each log
    pub(crate) dimension: String,
    /// What the largest is
    #[arg(long, value_enum, default_value_t)]
    pub(crate) by: Measure,
    /// How many groups to show; 0 for all
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    pub(crate) number: usize,
    /// Count the addresses of each group, too; for that the records are read, whatever the index knows
    #[arg(long)]
    pub(crate) ips: bool,
}

/// By what groups are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Records
    #[default]
    Count,
    /// Bytes of responses; of flows all bytes
    BytesSent,
    /// Size of objects and parts that were put or posted
    BytesReceived,
    /// Records with an error, and flows that were rejected
    Errors,
}

/// Who `who` is about.
#[derive(Debug, Args)]
pub(crate) struct WhoArgs {
    /// The entity: 3.238.12.183, AKIA…, jmerckle, arn:…, 'Boto3/*', bucket/key
    pub(crate) entity: String,
    /// What the entity is [default: told by its form, and by the index]
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    /// How many values of each list to show; 0 for all
    #[arg(short = 'n', long, default_value_t = 5, value_name = "N")]
    pub(crate) number: usize,
    /// Say where addresses are, by the MaxMind databases (*.mmdb) in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) geoip: Option<PathBuf>,
}

/// What `report` writes.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The page. If there are more than 300 sources, their list is in a file beside it: NAME.sources.csv
    #[arg(long, value_name = "FILE.html")]
    pub(crate) out: PathBuf,
    /// Add a section on this entity (see sawq who); repeatable
    #[arg(long, value_name = "ENTITY")]
    pub(crate) entity: Vec<String>,
    /// The title
    #[arg(long, default_value = "AWS log report", value_name = "TEXT")]
    pub(crate) title: String,
    /// The number of the case, in the head of the page and on each sheet of paper
    #[arg(long, value_name = "TEXT")]
    pub(crate) case_number: Option<String>,
    /// Who examined the logs, in the head of the page
    #[arg(long, value_name = "NAME")]
    pub(crate) examiner: Option<String>,
    /// What the logs are and where they are from, in the head of the page
    #[arg(long, value_name = "TEXT")]
    pub(crate) evidence: Option<String>,
    /// Quote the result of a verification: a file that 'sawlog verify --json' wrote
    #[arg(long, value_name = "FILE.json")]
    pub(crate) verified: Option<PathBuf>,
    /// Show up to this many lines of the timeline: failures and changes before others
    #[arg(short = 'n', long, default_value_t = 4000, value_name = "N")]
    pub(crate) number: usize,
    /// Overwrite the page if it is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Say where addresses are, by the MaxMind databases (*.mmdb) in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) geoip: Option<PathBuf>,
}

/// What `sql` runs.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// The query; the filters apply to the tables that it names [default: ask for queries, or read them from a pipe]
    pub(crate) query: Option<String>,
    /// Run the queries in this file
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    pub(crate) file: Option<PathBuf>,
    /// Say on standard error how long each query took
    #[arg(long)]
    pub(crate) time: bool,
}

/// What `timeline` prints.
#[derive(Debug, Args)]
pub(crate) struct TimelineArgs {
    /// Print a line for each record, not for each burst
    #[arg(long)]
    pub(crate) expand: bool,
    /// Print up to N lines, the first ones by time; 0 for all
    #[arg(short = 'n', long, default_value_t = 0, value_name = "N")]
    pub(crate) number: usize,
}

/// What `find` prints.
#[derive(Debug, Args)]
pub(crate) struct FindArgs {
    /// Print these columns, joined by commas, instead of lines
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    pub(crate) columns: Vec<String>,
    /// Print how many records there are
    #[arg(short, long)]
    pub(crate) count: bool,
    /// The order [default: evidence, as grep -h would print them]
    #[arg(long, value_enum, default_value_t)]
    pub(crate) sort: Order,
    /// Print so many records at most
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) number: Option<usize>,
}

/// The order of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// By file, then by line
    #[default]
    Evidence,
    /// By time
    Time,
}
