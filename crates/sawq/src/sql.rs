//! `sawq sql`: any question, over the tables as they are.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use arrow::datatypes::{DataType, Field};
use datafusion::common::Column;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use datafusion_functions_json::udfs::json_union_to_text_udf;
use futures::StreamExt;
use sawlog_store::TABLES;

use crate::cli::SqlArgs;
use crate::events;
use crate::output::{Output, Target};
use crate::prompt;
use crate::query::{BATCH_ROWS, Query, execute, new_session};
use crate::scan::{ReadAs, StoreTable};

/// The tables and the view that `text` names, as far as the filters leave them.
pub(crate) fn context(queries: &[Query], text: &str) -> Result<SessionContext> {
    let Some(Query { store, .. }) = queries.first() else { bail!("there is no log to ask") };
    if queries.iter().any(|query| query.filters.text.is_some()) {
        bail!("--match is only for records as they are: use it with find, top, who or s3logparse");
    }
    let mut context = new_session(BATCH_ROWS);
    crate::functions::register(&mut context)?;
    let names = |name: &str| text.to_lowercase().contains(name);
    for table in TABLES() {
        // Only what the query names is opened.
        let of_events = names(events::NAME) && queries.iter().any(|query| query.format.table.name == table.name);
        if !of_events && !names(table.name) {
            continue;
        }
        if let Some(query) = queries.iter().find(|query| query.format.table.name == table.name) {
            context.register_table(table.name, query.frame()?.into_view())?;
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

/// Runs a query, or those that the prompt or standard input gives, and prints the results. The filters hold for the tables
/// of records.
pub(crate) fn sql(queries: &[Query], args: &SqlArgs, target: &Target) -> Result<()> {
    match &args.query {
        Some(text) => run(queries, text, args.time, target),
        None => prompt::queries(|text| run(queries, text, args.time, target)),
    }
}

fn run(queries: &[Query], text: &str, timed: bool, target: &Target) -> Result<()> {
    let started = Instant::now();
    let context = context(queries, text)?;
    let Some(Query { store, explain, .. }) = queries.first() else { bail!("there is no log to ask") };
    let rows = store.block_on(async {
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
        let mut stream = execute(json_as_text(frame)?, "the tables", explain).await?;
        let mut output = Output::new(target)?;
        let mut rows = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            rows += batch.num_rows();
            output.batch(&batch)?;
        }
        output.finish()?;
        anyhow::Ok(rows)
    })?;
    if timed {
        eprintln!("sawq: {rows} rows in {:.3} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The query with JSON values of any type as text, which every form of output has.
fn json_as_text(frame: DataFrame) -> Result<DataFrame> {
    let is_union = |field: &Field| matches!(field.data_type(), DataType::Union(..));
    if !frame.schema().fields().iter().any(|field| is_union(field)) {
        return Ok(frame);
    }
    let columns = frame.schema().iter().map(|(table, field)| {
        let column = Expr::Column(Column::new(table.cloned(), field.name()));
        if is_union(field) { json_union_to_text_udf().call(vec![column]).alias(field.name()) } else { column }
    });
    let columns: Vec<Expr> = columns.collect();
    Ok(frame.select(columns)?)
}
