//! `sawq tables`: what can be asked.

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::UInt64Type;
use clap::Args;
use sawlog_query::{log_named, tables};

use super::Context;
use super::context::print;
use crate::options::Format;
use crate::output::units;

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
        let found = tables::tables(&store, log)?;
        let is_for_people = target.is_terminal() && matches!(target.format, None | Some(Format::Table));
        print(&if is_for_people { with_sizes(&found)? } else { found }, &target)?;
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

/// The tables with sizes in the units that `sawlog status` has, for people.
fn with_sizes(tables: &RecordBatch) -> Result<RecordBatch> {
    let schema = tables.schema();
    let columns = schema.fields().iter().zip(tables.columns()).map(|(field, array)| {
        match array.as_primitive_opt::<UInt64Type>().filter(|_| field.name() == "bytes") {
            Some(bytes) => {
                let sizes = bytes.iter().map(|bytes| units::size(bytes.unwrap_or_default().into()));
                // Numbers stand at the right of their column.
                let sizes = sizes.map(|size| format!("{size:>11}"));
                ("size", Arc::new(sizes.map(Some).collect::<StringArray>()) as ArrayRef, false)
            }
            None => (field.name().as_str(), Arc::clone(array), true),
        }
    });
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
