//! `sawq find`: the records themselves.

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use clap::Args;
use sawlog_formats::visible;
use sawlog_query::{Order, Records};

use super::Context;
use super::context::{note_left_out, print};
use crate::options::choices::{self, Choice};
use crate::output::{Output, Target};

pub(super) const HELP: &str = "\
Examples:
  sawq find --ip 3.238.12.183                         the lines as they are in the log
  sawq find --ip 3.238.12.183 --ip 198.51.100.7 -c    how many, for either address
  sawq find --ip 3.238.12.183 --columns time,operation,target,outcome
  sawq find --operation 'Delete*' -o deletes.csv      all columns, in a file
  sawq find --log cloudtrail --operation PutUserPolicy | jq .requestParameters

--columns takes
  names that mean the same in every log: time, ip, user, access_key, agent, operation, error, region,
    account, host, url, log;
  columns of the view events: actor, src_ip, target, outcome, changes, bytes and more;
  a table's own columns, with dots into groups and JSON, and positions in lists: user_identity.type,
    resources[0].arn ('sawq tables TABLE' lists them); in JSON a list without a position means its
    first value.
A column is empty where a log does not have it. If a table's own column is among them, logs that
have none of the columns are left out, and a note says so.
Without --columns, tables, CSV and the like have all columns of the log, or the columns of events
if there are several logs.";

/// The orders.
const ORDERS: &[Choice<Order>] =
    &[(&["evidence"], Order::Evidence, "By file, then by line, as grep -h does"), (&["time"], Order::Time, "By time")];

/// What `find` prints.
#[derive(Debug, Args)]
pub(crate) struct Find {
    /// Print these columns, separated by commas, instead of the original lines; see below for their names
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    columns: Vec<String>,
    /// Print only the number of records; with -n, up to N
    #[arg(short, long)]
    count: bool,
    /// The order of the records
    #[arg(long, value_parser = choices::parser(ORDERS), default_value = "evidence")]
    sort: Order,
    /// Print up to N records
    #[arg(short = 'n', long, value_name = "N")]
    number: Option<usize>,
}

impl Find {
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        let target = context.target()?;
        let records = context.records()?;
        let any = if self.count {
            self.count(&records, &target)?
        } else if self.columns.is_empty() && target.format.is_none() {
            self.lines(&records, &target)?
        } else {
            self.rows(&records, &target)?
        };
        context.finish(&target, &records, any)?;
        if context.global.quiet || self.count { Ok(()) } else { self.note_left_out(&records) }
    }

    /// Prints the records' own text: byte for byte into a pipe or file, without control characters on a terminal.
    fn lines(&self, records: &Records, target: &Target) -> Result<bool> {
        let mut out = target.open()?;
        let is_terminal = target.is_terminal();
        let any = records.lines(self.sort, self.number.unwrap_or_default(), |line| {
            if is_terminal {
                let text = String::from_utf8_lossy(&line[..line.len() - 1]);
                writeln!(out, "{}", visible(&text))?;
            } else {
                out.write_all(line)?;
            }
            Ok(())
        })?;
        out.flush()?;
        Ok(any)
    }

    /// Prints columns of the records.
    fn rows(&self, records: &Records, target: &Target) -> Result<bool> {
        let mut output = Output::new(target)?;
        let number = self.number.unwrap_or_default();
        let any = records.rows(&self.columns, self.sort, number, |batch| output.batch(batch))?;
        output.finish()?;
        Ok(any)
    }

    /// Says which logs are not in the output, since they have none of the columns.
    fn note_left_out(&self, records: &Records) -> Result<()> {
        if !self.columns.is_empty() {
            note_left_out(&records.left_out(&self.columns)?, "none of these columns");
        }
        Ok(())
    }

    /// Prints how many records there are.
    fn count(&self, records: &Records, target: &Target) -> Result<bool> {
        let most = self.number.filter(|most| *most > 0).map_or(u64::MAX, |most| most as u64);
        let count = records.count()?.min(most);
        if target.format.is_some() {
            let counted: ArrayRef = Arc::new(UInt64Array::from(vec![count]));
            print(&RecordBatch::try_from_iter([("count", counted)])?, target)?;
        } else {
            let mut out = target.open()?;
            writeln!(out, "{count}")?;
            out.flush()?;
        }
        Ok(count > 0)
    }
}
