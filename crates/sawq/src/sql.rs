//! `sawq sql`: any question, over the tables as they are.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use sawlog_store::TABLES;

use crate::events;
use crate::filter::s3_access_key;
use crate::output::{Output, Target};
use crate::query::{BATCH_ROWS, Query, session};
use crate::scan::{ReadAs, StoreTable};

/// The tables and the view that `text` names, as far as the filters leave them.
pub(crate) fn context(queries: &[Query], text: &str) -> Result<SessionContext> {
    let Some(Query { store, .. }) = queries.first() else { bail!("there is no log to ask") };
    if queries.iter().any(|query| query.filters.text.is_some()) {
        bail!("--match is only for records as they are: use it with find, top or s3logparse");
    }
    let context = session(BATCH_ROWS);
    context.register_udf(s3_access_key());
    let names = |name: &str| text.to_lowercase().contains(name);
    for table in TABLES() {
        // Only what the query names is opened.
        let of_events = names(events::NAME) && queries.iter().any(|query| query.format.table.name == table.name);
        if !of_events && !names(table.name) {
            continue;
        }
        if let Some(query) = queries.iter().find(|query| query.format.table.name == table.name) {
            context.register_table(table.name, query.frame(&ReadAs::default())?.into_view())?;
        } else {
            let snapshot = store.snapshot(table)?;
            context.register_table(table.name, Arc::new(StoreTable::new(&snapshot, &ReadAs::default())?))?;
        }
    }
    if names(events::NAME) {
        let tables: Vec<_> = queries.iter().map(|query| query.format.table).collect();
        let frame = store.block_on(context.sql(&events::query(&tables)))?;
        context.register_table(events::NAME, frame.into_view())?;
    }
    Ok(context)
}

/// Runs a query and prints its result. The filters hold for the tables of records.
pub(crate) fn sql(queries: &[Query], text: &str, target: &Target) -> Result<()> {
    let context = context(queries, text)?;
    let Some(Query { store, .. }) = queries.first() else { bail!("there is no log to ask") };
    store.block_on(async {
        // Only questions: nothing that would change tables or settings.
        let options = datafusion::execution::context::SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let planned = context.sql_with_options(text, options).await;
        let frame = planned.with_context(|| {
            let names: Vec<&str> = TABLES().iter().map(|table| table.name).chain([events::NAME]).collect();
            format!("this query is wrong (the tables are {}; 'sawq tables' shows their columns)", names.join(", "))
        })?;
        let mut stream = frame.execute_stream().await?;
        let mut output = Output::new(target)?;
        while let Some(batch) = stream.next().await {
            output.batch(&batch?)?;
        }
        output.finish()
    })
}
