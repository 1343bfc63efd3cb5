//! The command line as a whole.

use clap::Parser;

use crate::commands::Command;
use crate::options::{FilterArgs, Global};

const AFTER_HELP: &str = "\
Examples:
  sawq tables                                    the tables: rows, files, days
  sawq s3logparse toptalkers                     S3 summaries in s3logparse's format
  sawq ctsummarize 3.238.12.183 -o case          the five files that ctsummarize writes
  sawq who 3.238.12.183                          what the logs know about an address
  sawq top user_agent --ip 3.238.12.183          who used what, how much, when
  sawq top bucket/key --by bytes-sent -n 50
  sawq find --key '*.gpg' --since 2021-07-29     the log lines themselves, like grep -h
  sawq find --log cloudtrail --operation 'Put*'  the original JSON of events, for jq
  sawq find --ip 3.238.12.183 -o case.csv        all logs with the same columns, in a file
  sawq timeline --user jmerckle                  what happened: ! failed, + changed something
  sawq report -o case.html --entity 3.238.12.183
  sawq find --ip 10.0.0.0/8 '--operation=!REST.GET.*' -c
  sawq sql \"SELECT operation, count(*) FROM s3_access GROUP BY 1 ORDER BY 2 DESC\"

Filters:
  A filter takes a value or a glob (* ? [..]); --ip also takes a network.
  A leading ! excludes: '--ip=!10.0.0.0/8'.
  Repeat a filter to match either value; different filters must all match.
  Times are UTC: 2021-07-29, 2021-07-29T13:10.
  2h or 3d count back from the last record in the store, not from now.

Output:
  On a terminal: a table, or records (--format line) where a table would be too wide.
  In a pipe: tab-separated values.
  find, who, timeline and s3logparse print text for people instead (--format text).
  --format line: each record as one line per value. ndjson: one JSON object per line.
  arrow: Arrow IPC, in its file format to a file, in its stream format to a pipe. arrows: always
  in its stream format.
  -o FILE: the extension sets the format: .csv .tsv .json .jsonl .ndjson .parquet .arrow .arrows
  .txt .log, each also with .gz.
  TSV escapes tabs, line breaks and backslashes with a backslash, and quotes nothing.
  CSV is quoted as in RFC 4180.
  SAWLOG_PAGER or PAGER names the pager; cat means none.
  NO_COLOR turns colours off, CLICOLOR_FORCE on.

Exit status: 0 success, even without results; 1 failure; 2 wrong command line.";

/// Answers an investigator's questions from a sawlog store.
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
