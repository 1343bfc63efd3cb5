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
#[command(
    next_help_heading = "Filters (the same one again means either, different ones mean both; ! excludes; @FILE is a list)"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct FilterArgs {
    /// The caller's address, or a network such as 10.0.0.0/8; for flow logs, source or destination
    #[arg(long, global = true, value_name = "IP|CIDR")]
    pub ip: Vec<String>,
    /// The source address: like --ip, but for flow logs only where they came from
    #[arg(long, global = true, value_name = "IP|CIDR")]
    pub src: Vec<String>,
    /// The destination address of flows
    #[arg(long, global = true, value_name = "IP|CIDR")]
    pub dst: Vec<String>,
    /// The other end of flows with --ip; without --ip, either end
    #[arg(long, global = true, value_name = "IP|CIDR")]
    pub peer: Vec<String>,
    /// The port at either end of a flow
    #[arg(long, global = true, value_name = "PORT")]
    pub port: Vec<String>,
    /// The source port of flows
    #[arg(long, global = true, value_name = "PORT")]
    pub sport: Vec<String>,
    /// The destination port of flows
    #[arg(long, global = true, value_name = "PORT")]
    pub dport: Vec<String>,
    /// What became of a flow: ACCEPT or REJECT
    #[arg(long, global = true, value_name = "ACTION")]
    pub action: Vec<String>,
    /// The caller: the name of a user or role, an ARN, an AWS service, an id; globs work
    #[arg(long, global = true, value_name = "NAME|ARN", visible_aliases = ["actor", "principal"])]
    pub user: Vec<String>,
    /// The access key that signed; in S3 logs only presigned URLs tell
    #[arg(long, global = true, value_name = "KEY")]
    pub access_key: Vec<String>,
    /// The bucket
    #[arg(long, global = true, value_name = "GLOB")]
    pub bucket: Vec<String>,
    /// The object's key, encoded as in the log or not, or its s3:// or https:// URL
    #[arg(long, global = true, value_name = "GLOB|URL")]
    pub key: Vec<String>,
    /// A resource that a CloudTrail event names in its parameters: its name or ARN
    #[arg(long, global = true, value_name = "GLOB")]
    pub resource: Vec<String>,
    /// The operation, such as REST.GET.OBJECT or PutUserPolicy
    #[arg(long, global = true, value_name = "GLOB")]
    pub operation: Vec<String>,
    /// The user agent
    #[arg(long, global = true, value_name = "GLOB", visible_alias = "user-agent")]
    pub agent: Vec<String>,
    /// The error code, or what else says that it failed; '*' for any; for flow logs REJECT
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
    /// The file that the record is from, as in source_file
    #[arg(long, global = true, value_name = "GLOB")]
    pub source_file: Vec<String>,
    /// Any field, in groups and JSON with dots: request_parameters.userName=ann, http_status!=200; globs work
    #[arg(long = "where", global = true, value_name = "FIELD=VALUE")]
    pub condition: Vec<String>,
    /// Only what failed: errors, failed sign-ins, rejected flows
    #[arg(long, global = true)]
    pub failed: bool,
    /// Only actions that change something
    #[arg(long, global = true)]
    pub changes: bool,
    /// Not before this time: 2021-07-29, 2021-07-29T13:10, 13:10, 29/Jul/2021:13:10:05 +0000, epoch seconds, 2h
    #[arg(long, global = true, value_name = "TIME")]
    pub since: Option<String>,
    /// Before this time; a day or minute is included whole
    #[arg(long, global = true, value_name = "TIME")]
    pub until: Option<String>,
    /// No longer before or after this time than that: --around 13:06:49 5m
    #[arg(long, global = true, num_args = 2, value_names = ["TIME", "DURATION"])]
    pub around: Vec<String>,
    /// Only this log: s3_access, cloudtrail or vpc_flow; s3 and vpc will do [default: all that the store has]
    #[arg(long, global = true, value_name = "LOG", value_delimiter = ',')]
    pub log: Vec<String>,
    /// Count an event once that CloudTrail delivered more than once, or to several accounts
    #[arg(long, global = true)]
    pub distinct: bool,
    /// A regular expression over the record's own text
    #[arg(long = "match", global = true, value_name = "REGEX")]
    pub pattern: Vec<String>,
    /// Treat --match as literal text (like grep -F)
    #[arg(short = 'F', long, global = true, requires = "pattern")]
    pub fixed: bool,
    /// Ignore case in --match
    #[arg(short = 'i', long, global = true, requires = "pattern")]
    pub ignore_case: bool,
}

impl FilterArgs {
    /// The options that take several values, and these.
    pub(crate) fn lists(&mut self) -> [(&'static str, &mut Vec<String>); 23] {
        [
            ("--ip", &mut self.ip),
            ("--src", &mut self.src),
            ("--dst", &mut self.dst),
            ("--peer", &mut self.peer),
            ("--port", &mut self.port),
            ("--sport", &mut self.sport),
            ("--dport", &mut self.dport),
            ("--action", &mut self.action),
            ("--user", &mut self.user),
            ("--access-key", &mut self.access_key),
            ("--bucket", &mut self.bucket),
            ("--key", &mut self.key),
            ("--resource", &mut self.resource),
            ("--operation", &mut self.operation),
            ("--agent", &mut self.agent),
            ("--error", &mut self.error),
            ("--region", &mut self.region),
            ("--account", &mut self.account),
            ("--service", &mut self.service),
            ("--interface", &mut self.interface),
            ("--source-file", &mut self.source_file),
            ("--where", &mut self.condition),
            ("--match", &mut self.pattern),
        ]
    }
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
    /// A column, or several joined by / (bucket/key); ip, user, access_key, operation, agent, error, service, region and
    /// account mean the field of each log; fields in JSON have dots (request_parameters.userName)
    pub(crate) dimension: String,
    /// Sort groups by
    #[arg(long, value_enum, default_value_t)]
    pub(crate) by: Measure,
    /// How many groups to show; 0 for all
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    pub(crate) number: usize,
    /// Also count distinct addresses (slower: reads the records)
    #[arg(long)]
    pub(crate) ips: bool,
}

/// By what groups are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Records
    #[default]
    Count,
    /// Bytes that the service sent; if there are only flow logs, bytes of flows
    BytesSent,
    /// Bytes of flows
    FlowBytes,
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
    /// The page
    #[arg(long, value_name = "FILE.html")]
    pub(crate) out: PathBuf,
    /// An entity to be told of, as by who; can be given several times
    #[arg(long, value_name = "ENTITY")]
    pub(crate) entity: Vec<String>,
    /// The title
    #[arg(long, default_value = "AWS log report", value_name = "TEXT")]
    pub(crate) title: String,
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
    /// A line for each record, not for each burst
    #[arg(long)]
    pub(crate) expand: bool,
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
