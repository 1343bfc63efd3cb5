//! `sawq sql`: SQL over the tables.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use super::Context;
use crate::sql::{Show, prompt, run, script};

pub(super) const EXAMPLES: &str = "\
Examples:
  sawq sql                                      a prompt
  sawq sql 'SELECT operation, count(*) FROM events GROUP BY 1 ORDER BY 2 DESC'
  sawq sql --failed 'SELECT time, actor, operation FROM events ORDER BY time' -o failed.csv
  sawq sql -f queries.sql --format json";

/// What `sql` runs.
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The query; filters apply to the tables that it names [default: open a prompt, or read queries from a pipe]
    query: Option<String>,
    /// Run the queries in this file
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// Print the time that each query took to standard error
    #[arg(long)]
    time: bool,
}

impl Sql {
    /// Runs queries from the command line, a file, the prompt or standard input, and prints the results. The filters
    /// apply to the tables of records.
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        let target = context.target()?;
        let records = context.records()?;
        let mut session = records.sql()?;
        let show = Show { target: target.clone(), timed: self.time };
        match (&self.query, &self.file) {
            (Some(text), _) => run(&records, &mut session, text, &show, None)?,
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
                script(&records, &mut session, &text, show)?;
            }
            (None, None) => prompt(&records, session, show)?,
        }
        context.finish(&target, &records, true)
    }
}
