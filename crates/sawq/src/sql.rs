//! `sawq sql`: any question, over the tables as they are.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use sawlog_formats::s3_access;
use sawlog_store::TABLES;

use crate::cli::Format;
use crate::output::Output;
use crate::query::{Query, session};
use crate::scan::{ReadAs, StoreTable};

/// Runs a query and prints its result. The filters hold for the table of records.
pub(crate) fn sql(query: &Query, text: &str, format: Option<Format>) -> Result<()> {
    if query.filters.text.is_some() {
        bail!("--match is not for sql; use a condition in the query instead");
    }
    let context = session();
    for table in TABLES() {
        if table.name == s3_access::TABLE.name {
            context.register_table(table.name, query.frame(&ReadAs::default())?.into_view())?;
        } else if text.to_lowercase().contains(table.name) {
            let snapshot = query.store.snapshot(table)?;
            context.register_table(table.name, Arc::new(StoreTable::new(&snapshot, &ReadAs::default())?))?;
        }
    }
    query.store.block_on(async {
        // Only questions: nothing that would change tables or settings.
        let options = datafusion::execution::context::SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let planned = context.sql_with_options(text, options).await;
        let frame = planned.with_context(|| {
            let names: Vec<&str> = TABLES().iter().map(|table| table.name).collect();
            format!("this query is wrong (the tables are {}; 'sawq tables' shows their columns)", names.join(", "))
        })?;
        let mut stream = frame.execute_stream().await?;
        let mut output = Output::new(format)?;
        while let Some(batch) = stream.next().await {
            output.batch(&batch?)?;
        }
        output.finish()
    })
}
