//! `sawq top`: the largest groups of records by any column.
#![expect(clippy::doc_markdown, reason = "help is shown as it is written")]

use anyhow::Result;
use clap::Args;
use sawlog_query::{Grouping, Measure};

use super::Context;
use super::context::{note_left_out, print};
use crate::options::choices::{self, Choice};
use crate::output::hint;

pub(super) const HELP: &str = "\
Examples:
  sawq top ip                                   addresses with the most records
  sawq top user/operation --error '*'           what failed, by caller
  sawq top bucket/key --by bytes-sent -n 0 -o objects.csv
  sawq top ip --ip '!10.0.0.0/8' --since 2021-07-29T13:00

'sawq tables TABLE' lists the columns of a table. Columns in groups have dots: user_identity.type.
Positions in lists count from 0: resources[0].arn. In JSON a list without a position means its
first value: request_parameters.items.id is request_parameters.items[0].id if that has a value.
ip counts a flow for both of its ends, src_ip only for its source.";

/// What groups can be ordered by.
const MEASURES: &[Choice<Measure>] = &[
    (&["count"], Measure::Count, "Records"),
    (&["bytes-sent"], Measure::BytesSent, "Bytes that the service sent; bytes of flows if there are only flow logs"),
    (&["flow-bytes"], Measure::FlowBytes, "Bytes of flows"),
    (&["bytes-received"], Measure::BytesReceived, "Size of uploaded objects and parts"),
    (&["errors"], Measure::Errors, "Failed records, including rejected flows"),
];

/// What `top` shows.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// A column, or several joined by / or commas (bucket/key). ip, user, access_key, operation, agent, error, service,
    /// region and account mean the same in every log that has them; logs without a column are left out. Fields in JSON
    /// have dots (request_parameters.userName)
    dimension: String,
    /// Sort groups by
    #[arg(long, value_parser = choices::parser(MEASURES), default_value = "count")]
    by: Measure,
    /// How many groups to show; 0 for all
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    number: usize,
    /// Also count distinct addresses (slower: reads the records)
    #[arg(long)]
    ips: bool,
}

impl Top {
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        let target = context.target()?;
        let records = context.records()?;
        let columns: Vec<String> = self.dimension.split(['/', ',']).map(str::to_owned).collect();
        let grouping = Grouping { columns: columns.clone(), by: self.by, number: self.number, ips: self.ips };
        let top = records.top(&grouping)?;
        if !context.global.quiet && top.has_flows {
            hint("a flow that the interfaces at both ends logged counts twice in count and flow_bytes");
        }
        print(&top.table, &target)?;
        context.finish(&target, &records, top.table.num_rows() > 0)?;
        if !context.global.quiet {
            let lacking = if columns.len() == 1 { "no such column" } else { "not all of these columns" };
            note_left_out(&records.without_columns(&columns)?, lacking);
        }
        Ok(())
    }
}
