//! The command line of sawq.
#![expect(clippy::doc_markdown, reason = "help is shown as it is written")]

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::who::Kind;

const AFTER_HELP: &str = "\
Examples:
  sawq tables                                    the tables: rows, files, days
  sawq s3logparse toptalkers                     S3 summaries in s3logparse's format
  sawq ctsummarize 3.238.12.183 -o case          the five files of ctsummarize
  sawq who 3.238.12.183                          what is known of an address, a key, a user, an object
  sawq top user_agent --ip 3.238.12.183          who used what, how much, when
  sawq top bucket/key --by bytes-sent -n 50
  sawq find --key '*.gpg' --since 2021-07-29     the log lines themselves, like grep -h
  sawq find --log cloudtrail --operation 'Put*'  the events' own JSON, for jq
  sawq find --ip 3.238.12.183 -o case.csv        the same columns for all logs, in a file
  sawq timeline --user jmerckle                  what happened: ! failed, + changed something
  sawq report -o case.html --entity 3.238.12.183
  sawq find --ip 10.0.0.0/8 '--operation=!REST.GET.*' -c
  sawq sql \"SELECT operation, count(*) FROM s3_access GROUP BY 1 ORDER BY 2 DESC\"

Filters:
  A filter takes a value or a glob (* ? [..]); --ip also takes a network. A leading ! excludes: '--ip=!10.0.0.0/8'.
  The same filter given twice means either value; different filters must all match.
  Times are UTC: 2021-07-29, 2021-07-29T13:10; or 2h, 3d: relative to the last record in the store, not to now.

Output:
  On a terminal a table, or records (--format line) where a table would be too wide; in a pipe tab-separated values.
  --format line: records, a line for each value; text: what the command prints for people; ndjson: a JSON object a line;
  arrow: Arrow IPC, the file format in a file and the stream format in a pipe; arrows: always the stream format.
  -o FILE: the ending says the form: .csv .tsv .json .jsonl .ndjson .parquet .arrow .arrows .txt .log, each also with .gz.
  TSV escapes tabs, line ends and backslashes by a backslash and quotes nothing; CSV quotes as RFC 4180 says.
  SAWLOG_PAGER or PAGER names the pager (cat: none). NO_COLOR turns colours off, CLICOLOR_FORCE on.

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
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Global {
    /// The store's folder
    #[arg(long, global = true, env = "SAWLOG_STORE", default_value = "./sawlog-store", value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// The form of the results [default: a table or text on a terminal, else lines of text]
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    pub(crate) format: Option<Format>,
    /// The same as --format json
    #[arg(long, global = true, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Write results to a new file in the form that its ending says; --format, if given, wins over the ending
    #[arg(long, short, global = true, alias = "out", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Leave out the line of column names in CSV, TSV and tables
    #[arg(long, global = true)]
    pub(crate) no_header: bool,
    /// Put ' before text in CSV and TSV that a spreadsheet would take for a formula (it begins with = + - @)
    #[arg(long, global = true)]
    pub(crate) no_formulas: bool,
    /// Use colours: on a terminal, always or never
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Do not show long output in a pager
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,
    /// Print no hints
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// How much memory sorting and grouping may take before they go to disk, at least 64MiB [default: half of the machine's]
    #[arg(long, global = true, value_name = "SIZE", value_parser = crate::memory::parse)]
    pub(crate) memory: Option<ByteSize>,
    /// Explain on standard error which index or scan was used, and what was read
    #[arg(long, global = true)]
    pub(crate) explain: bool,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // A table; on a terminal that is too narrow for it, records
    Table,
    // Records: a line for each value
    Line,
    // The text that the command prints for people
    Text,
    // Comma-separated values, as RFC 4180 has them
    Csv,
    // Tab-separated values, never quoted
    Tsv,
    // An array of objects
    Json,
    // An object a line
    #[value(alias = "jsonl")]
    Ndjson,
    // Parquet, with zstd
    Parquet,
    // Arrow IPC: its file format in a file, its stream format in a pipe
    Arrow,
    // Arrow IPC, its stream format
    Arrows,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    // On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    // Always
    Always,
    // Never
    Never,
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
    /// The destination address of flows; for load balancers, the target's
    #[arg(long, global = true, value_name = "IP|CIDR")]
    pub dst: Vec<String>,
    /// The other end of flows with --ip; without --ip, either end
    #[arg(long, global = true, value_name = "IP|CIDR")]
    pub peer: Vec<String>,
    /// The port at either end
    #[arg(long, global = true, value_name = "PORT")]
    pub port: Vec<String>,
    /// The source port
    #[arg(long, global = true, value_name = "PORT")]
    pub sport: Vec<String>,
    /// The destination port
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
    /// The operation, such as REST.GET.OBJECT, PutUserPolicy or POST
    #[arg(long, global = true, value_name = "GLOB")]
    pub operation: Vec<String>,
    /// The user agent
    #[arg(long, global = true, value_name = "GLOB", visible_alias = "user-agent")]
    pub agent: Vec<String>,
    /// The error code, or what else says that it failed: for flow logs REJECT, for load balancers also the status; '*' for all that
    /// failed, like --failed
    #[arg(long, global = true, value_name = "GLOB")]
    pub error: Vec<String>,
    /// The region that was called; in S3 logs that of the caller
    #[arg(long, global = true, value_name = "GLOB")]
    pub region: Vec<String>,
    /// An account number, or the bucket owner's canonical id
    #[arg(long, global = true, value_name = "ID")]
    pub account: Vec<String>,
    /// The service that was called, such as iam.amazonaws.com; of S3 logs it is s3.amazonaws.com
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
    /// Up to this time; a day, a minute or a second is included whole
    #[arg(long, global = true, value_name = "TIME")]
    pub until: Option<String>,
    /// Only what happened within a duration before or after a time: --around 13:06:49 5m
    #[arg(long, global = true, num_args = 2, value_names = ["TIME", "DURATION"])]
    pub around: Vec<String>,
    /// Only this log, by its name or the first part of it: s3_access or s3 [default: all that the store has]
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
    /// Print S3 summaries in s3logparse's format
    #[command(after_help = S3LOGPARSE_HELP)]
    S3logparse(S3logparseArgs),
    /// Write the five files of ctsummarize: what one caller did, by CloudTrail
    #[command(after_help = CTSUMMARIZE_HELP)]
    Ctsummarize(CtsummarizeArgs),
    /// Group records by columns, and show the largest groups
    #[command(after_help = TOP_HELP)]
    Top(TopArgs),
    /// Show what is known of an address, a principal, a key, an agent, an object: all of it on one screen
    #[command(after_help = WHO_HELP)]
    Who(WhoArgs),
    /// Write one self-contained page for a case file: summary, timeline, top talkers, entities, sources
    #[command(after_help = REPORT_HELP)]
    Report(ReportArgs),
    /// Print what happened, by time, over all logs; bursts of the same kind as one line
    #[command(after_help = TIMELINE_HELP)]
    Timeline(TimelineArgs),
    /// Print the records themselves: the original lines, or columns of them
    #[command(after_help = FIND_HELP)]
    Find(FindArgs),
    /// Run a query over the tables, or ask for queries
    #[command(after_help = crate::functions::HELP)]
    Sql(SqlArgs),
    /// Show the tables: their rows, days and columns
    #[command(after_help = TABLES_HELP)]
    Tables(TablesArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page of sawq, or of one of its commands, in roff
    #[command(after_help = MAN_HELP)]
    Man {
        /// The command whose page to print, such as find
        command: Option<String>,
    },
}

const S3LOGPARSE_HELP: &str = "\
Examples:
  sawq s3logparse useragent --bucket falsimentis-eng
  sawq s3logparse toptalkers -n 10
  sawq s3logparse topfiles --ip 3.238.12.183 -o files.csv   rows of a table instead of the tool's own text";

const CTSUMMARIZE_HELP: &str = "\
Examples:
  sawq ctsummarize 3.238.12.183 -o case
  sawq ctsummarize --user jmerckle --since 2021-07-29 -o case --force
  sawq ctsummarize --access-key AKIAIOSFODNN7EXAMPLE --all-write --no-formulas -o case";

const TOP_HELP: &str = "\
Examples:
  sawq top ip                                   addresses with the most records
  sawq top user/operation --error '*'           what failed, by caller
  sawq top bucket/key --by bytes-sent -n 0 -o objects.csv
  sawq top ip --ip '!10.0.0.0/8' --since 2021-07-29T13:00

'sawq tables TABLE' lists the columns of a table; those in groups are written with dots: user_identity.type.";

const WHO_HELP: &str = "\
Examples:
  sawq who 3.238.12.183
  sawq who jmerckle -n 0                        whole lists
  sawq who falsimentis-eng/README-RANSOM.txt
  sawq who '198.51.100.*' --since 2021-07-29
  sawq who AKIAIOSFODNN7EXAMPLE --json

The entity may be a network or a glob (* ? [..]). JSON has all of it; CSV and the like have the lists as one table.";

const REPORT_HELP: &str = "\
Examples:
  sawq report -o case.html
  sawq report -o case.html --entity 3.238.12.183 --entity jmerckle --title 'Case 7' --force
  sawq report -o day.html --since 2021-07-29 --until 2021-07-29
  sawlog verify --json > verified.json; sawq report -o case.html --verified verified.json";

const TIMELINE_HELP: &str = "\
Examples:
  sawq timeline --user jmerckle
  sawq timeline --ip 3.238.12.183 --expand
  sawq timeline --error '*' -o failures.csv     in a file: a row for each burst, with its first file and line

! marks what failed, + what changed something.";

const FIND_HELP: &str = "\
Examples:
  sawq find --ip 3.238.12.183                         the lines, as in the log
  sawq find --ip 3.238.12.183 --ip 198.51.100.7 -c    of either address: how many
  sawq find --ip 3.238.12.183 --columns time,operation,target,outcome
  sawq find --operation 'Delete*' -o deletes.csv      all columns, in a file
  sawq find --log cloudtrail --operation PutUserPolicy | jq .requestParameters

--columns takes
  names that mean the column of each log: time, ip, user, access_key, agent, operation, error, region, account,
  host, url, log;
  columns of the view events: actor, src_ip, target, outcome, changes, bytes and more, for every log;
  a table's own columns, those in groups with dots: user_identity.type ('sawq tables TABLE' lists them).
Without --columns a table, CSV and the like have all columns of one log, or those of events for several.";

const TABLES_HELP: &str = "\
Examples:
  sawq tables                                   tables with rows, files, days
  sawq tables cloudtrail                        the columns of a table
  sawq tables events --format csv
  sawq tables --log s3                          one table, and its columns";

const COMPLETIONS_HELP: &str = "\
Examples:
  sawq completions bash > ~/.local/share/bash-completion/completions/sawq
  sawq completions zsh > ~/.zfunc/_sawq";

const MAN_HELP: &str = "\
Examples:
  sawq man | man -l -
  sawq man find | man -l -";

/// What `s3logparse` prints.
#[derive(Debug, Args)]
pub(crate) struct S3logparseArgs {
    /// The summary
    #[arg(value_enum)]
    pub(crate) function: S3logparse,
    /// Print up to N lines; 0 for all
    #[arg(short = 'n', long, default_value_t = 0, value_name = "N")]
    pub(crate) number: usize,
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

/// What `tables` shows.
#[derive(Debug, Args)]
pub(crate) struct TablesArgs {
    /// Show the columns of this table, or of the view events
    pub(crate) table: Option<String>,
}

/// What `ctsummarize` writes.
#[derive(Debug, Args)]
pub(crate) struct CtsummarizeArgs {
    /// The caller's address; or give any filter instead
    pub(crate) address: Option<String>,
    /// The folder for the files
    #[arg(id = "output", long = "output", short = 'o', alias = "out", default_value = ".", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Overwrite existing files
    #[arg(long)]
    pub(crate) force: bool,
    /// Count every event that is not read-only as a write event, not only Put… and Create…
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
    /// The kind of entity [default: guessed from its form and the index]
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    /// How many values of each list to show; 0 for all
    #[arg(short = 'n', long, default_value_t = 5, value_name = "N")]
    pub(crate) number: usize,
    /// Add country and network of addresses from the MaxMind databases (*.mmdb) in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) geoip: Option<PathBuf>,
}

/// What `report` writes.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The page. If there are more than 300 sources, their list is in a file beside it: NAME.sources.csv
    #[arg(id = "output", long = "output", short = 'o', alias = "out", value_name = "FILE.html")]
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
    /// Quote the result of a verification: the file that 'sawlog verify --json > FILE.json' wrote
    #[arg(long, value_name = "FILE.json")]
    pub(crate) verified: Option<PathBuf>,
    /// Show up to this many lines of the timeline, failures and changes before others; 0 for all
    #[arg(short = 'n', long, default_value_t = 4000, value_name = "N")]
    pub(crate) number: usize,
    /// Overwrite an existing page and its list of sources
    #[arg(long)]
    pub(crate) force: bool,
    /// Add country and network of addresses from the MaxMind databases (*.mmdb) in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) geoip: Option<PathBuf>,
}

/// What `sql` runs.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// The query; filters apply to the tables that it names [default: ask for queries, or read them from a pipe]
    pub(crate) query: Option<String>,
    /// Run the queries in this file
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    pub(crate) file: Option<PathBuf>,
    /// Print on standard error how long each query took
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
    /// Print these columns, joined by commas, instead of lines; see below for their names
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    pub(crate) columns: Vec<String>,
    /// Print the number of records
    #[arg(short, long)]
    pub(crate) count: bool,
    /// The order [default: evidence, as grep -h would print them]
    #[arg(long, value_enum, default_value_t)]
    pub(crate) sort: Order,
    /// Print up to N records
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
