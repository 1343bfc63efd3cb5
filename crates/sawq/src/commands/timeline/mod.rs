//! `sawq timeline`: what happened, by time, over all logs; bursts of the same kind as one line.

mod lines;
mod rows;

use anyhow::Result;
use clap::Args;
use sawlog_query::timeline::Folds;

use super::Context;
use lines::Lines;
use rows::Rows;

pub(super) const HELP: &str = "\
Examples:
  sawq timeline --user jmerckle
  sawq timeline --ip 3.238.12.183 --expand
  sawq timeline --error '*' -o failures.csv     one row for each burst, with its first file and line

! marks failures, + what changed something; a failed call changed nothing.";

/// What `timeline` prints.
#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// Print a line for each record, not for each burst
    #[arg(long)]
    expand: bool,
    /// Print the first N lines by time; 0 for all
    #[arg(short = 'n', long, default_value_t = 0, value_name = "N")]
    number: usize,
}

impl Timeline {
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        let target = context.target()?;
        let records = context.records()?;
        let folds = Folds { expand: self.expand, most: Some(self.number).filter(|most| *most > 0) };
        let any = if target.format.is_none() {
            let mut lines = Lines::new(target.open()?, target.layout());
            let any = records.timeline(folds, |burst| lines.burst(burst))?;
            lines.finish()?;
            any
        } else {
            let mut rows = Rows::new(&target)?;
            let any = records.timeline(folds, |burst| rows.burst(burst))?;
            rows.finish()?;
            any
        };
        context.finish(&target, &records, any)
    }
}
