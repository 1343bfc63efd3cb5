//! The command line as a whole.

use clap::Parser;

use crate::commands::Command;
use crate::options::{FilterArgs, Global};

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
