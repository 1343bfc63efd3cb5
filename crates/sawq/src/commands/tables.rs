//! `sawq tables`: what can be asked.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use sawlog_query::{log_named, tables};

use super::Context;
use super::context::print;

pub(super) const HELP: &str = "\
Examples:
  sawq tables                                   tables with rows, files, days
  sawq tables cloudtrail                        the columns of a table
  sawq tables events --format csv
  sawq tables --log s3                          one table, and its columns";

/// What `tables` shows.
#[derive(Debug, Args)]
pub(crate) struct Tables {
    /// Show the columns of this table, or of the view events
    table: Option<String>,
}

impl Tables {
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        let target = context.target()?;
        let store = context.store()?;
        if let Some(name) = &self.table {
            print(&tables::columns(Some(tables::table_named(name)?))?, &target)?;
            return target.finish();
        }
        let log = context.filters.log.iter().map(|name| anyhow::Ok(log_named(name)?.table.name)).next().transpose()?;
        print(&tables::tables(&store, log)?, &target)?;
        // Files and other tools get one table.
        if target.format.is_some() || target.is_file() {
            return target.finish();
        }
        if target.is_terminal() && log.is_none() {
            // Columns of all tables are more than a screen: the tables would scroll away.
            target.hint_after(
                "'sawq tables TABLE' shows the columns of a table; 'sawq tables events' shows those that all logs share",
            );
            return target.finish();
        }
        let mut out = target.open()?;
        writeln!(out)?;
        out.flush()?;
        print(&tables::columns(log)?, &target)?;
        target.finish()
    }
}
