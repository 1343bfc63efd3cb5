//! Reads the entity index: which data files can match the filters, and the sums of a field's values.
//!
//! The index is used only for questions that it answers exactly as a scan does. Data files in which a field is not
//! indexed are scanned.

mod candidates;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::catalog::TableProvider;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream};
use futures::StreamExt;
use sawlog_formats::{Format, TextColumn};
use sawlog_store::{DataFileEntry, ENTITIES, Snapshot, Store};

use crate::engine::session;
use crate::explain::Explain;
use crate::filter::Probe;
use crate::scan::{Filtering, ReadAs, StoreTable};

pub(crate) use candidates::{Candidates, candidates};

/// The index of one log, with what is needed to read it.
#[derive(Clone, Copy)]
pub(crate) struct Index<'a> {
    pub(crate) store: &'a Store,
    /// The index's own data files; none if the store has no index.
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) format: &'static Format,
    /// The log's data files that the query is about.
    pub(crate) files: &'a [DataFileEntry],
    pub(crate) explain: &'a Explain,
}

/// A condition for the index's rows about single data files and some fields of a log; `condition` narrows it.
pub(crate) fn rows(format: &Format, fields: &[&str], condition: Option<Expr>) -> Expr {
    let about = about(format, fields).and(ident("run").is_null());
    condition.into_iter().fold(about, Expr::and)
}

/// A condition for the totals of runs for a field of a log.
pub(crate) fn totals_of_runs(format: &Format, field: &str) -> Expr {
    about(format, &[field]).and(ident("run").is_not_null())
}

/// A condition for all current rows of some fields of a log.
fn about(format: &Format, fields: &[&str]) -> Expr {
    let kinds: HashSet<&str> = format
        .entities
        .iter()
        .filter(|entity| fields.contains(&entity.field))
        .map(|entity| entity.kind.name())
        .collect();
    // Rows are sorted by kind first, so this condition prunes pages.
    let about = is_one_of("kind", kinds)
        .and(ident("log").eq(lit(format.table.name)))
        .and(is_one_of("field", fields.iter().copied()));
    // Rows with an older meaning are ignored: their data files are scanned instead.
    let is_current = (format.index_version > 1).then(|| ident("version").gt_eq(lit(format.index_version)));
    is_current.into_iter().fold(about, Expr::and)
}

/// A condition that a column is one of a few texts, as equalities: there is no planner that would rewrite `IN`.
pub(crate) fn is_one_of<'a>(column: &str, texts: impl IntoIterator<Item = &'a str>) -> Expr {
    let equalities = texts.into_iter().map(|text| ident(column).eq(lit(text)));
    equalities.reduce(Expr::or).unwrap_or_else(|| lit(false))
}

/// All batches of the index's rows that match a condition.
pub(crate) fn read(index: Index<'_>, condition: Expr, columns: &[&str]) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    read_each(index, condition, columns, |batch| {
        batches.push(batch);
        Ok(())
    })?;
    Ok(batches)
}

/// Calls `take` with each batch of matching rows, in no order, while further ones are read.
fn read_each(
    index: Index<'_>,
    condition: Expr,
    columns: &[&str],
    mut take: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    index.store.block_on(async {
        let Some((plan, context)) = scan(index, condition, columns, false).await? else { return Ok(()) };
        let mut batches = execute_stream(plan, context)?;
        while let Some(batch) = batches.next().await {
            take(batch?)?;
        }
        Ok(())
    })
}

/// A stream of matching batches for each index file; each reads one batch ahead. Its rows are sorted by kind and value,
/// null first, if the condition selects either rows about single data files or totals, not both.
pub(crate) fn sorted_streams(
    index: Index<'_>,
    condition: Expr,
    columns: &[&str],
) -> Result<Vec<SendableRecordBatchStream>> {
    index.store.block_on(async {
        let Some((plan, context)) = scan(index, condition, columns, true).await? else { return Ok(Vec::new()) };
        let partitions = 0..plan.output_partitioning().partition_count();
        partitions.map(|file| Ok(spawn_buffered(plan.execute(file, Arc::clone(&context))?, 1))).collect()
    })
}

/// The plan for reading matching rows; `None` if there is no index. Built by hand: the planner takes as long as the
/// read.
async fn scan(
    index: Index<'_>,
    condition: Expr,
    columns: &[&str],
    in_order: bool,
) -> Result<Option<(Arc<dyn ExecutionPlan>, Arc<TaskContext>)>> {
    if index.snapshot.files.is_empty() {
        return Ok(None);
    }
    // These columns have few values, so dictionaries save comparisons. For other columns, building them costs more.
    let dictionaries = ["kind", "log", "field", "data_file", "first_file", "run", "covers"].map(str::to_owned).to_vec();
    let read_as = ReadAs { dictionaries, in_order, filtering: Filtering::Rows, ..ReadAs::default() };
    let table = StoreTable::new(index.snapshot, &read_as)?;
    let schema = table.schema();
    let places = columns.iter().map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>()?;
    let context = session(8192, 0);
    let plan = table.scan(&context.state(), Some(&places), &[condition], None).await?;
    index.explain.plan(ENTITIES.name, &plan);
    Ok(Some((plan, context.task_ctx())))
}

pub(crate) fn text(batch: &RecordBatch, name: &str) -> Result<TextColumn> {
    let array = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    TextColumn::new(array).map_err(|found| anyhow::anyhow!("{name} has the type {found}"))
}

/// The values that pass a probe's test, and the number of records with each; `None` if the probe's fields are not
/// indexed in every data file.
pub(crate) fn values(index: Index<'_>, probe: &Probe) -> Result<Option<HashMap<String, u64>>> {
    let live: HashSet<&str> = index.files.iter().map(|file| file.path.as_str()).collect();
    let condition = rows(index.format, &probe.fields, Some(ident("value").is_null().or(probe.test.clone())));
    let (mut found, mut indexed) = (HashMap::new(), HashSet::new());
    for batch in read(index, condition, &["value", "field", "data_file", "records"])? {
        let (values, files, fields) = (text(&batch, "value")?, text(&batch, "data_file")?, text(&batch, "field")?);
        let records = batch["records"].as_primitive_opt::<Int64Type>().context("records does not hold numbers")?;
        for row in (0..batch.num_rows()).filter(|row| files.get(*row).is_some_and(|file| live.contains(file))) {
            if let Some(value) = values.get(row) {
                *found.entry(value.to_owned()).or_default() += records.value(row).unsigned_abs();
            } else {
                indexed.insert((files.get(row).map(str::to_owned), fields.get(row).map(str::to_owned)));
            }
        }
    }
    Ok((indexed.len() >= live.len() * probe.fields.len()).then_some(found))
}

/// Whether records can exist whose only sign of failure is the response to a sign-in. With few records it is always
/// true: scanning them takes less time than reading the index.
pub(crate) fn has_silent_failures(index: Index<'_>) -> Result<bool> {
    const FEW: u64 = 50_000;
    if index.files.iter().map(|file| file.rows).sum::<u64>() < FEW {
        return Ok(true);
    }
    let is_silent = ident("value").is_null().or(ident("value").eq(lit("Failure")));
    let condition = rows(index.format, &["error"], Some(is_silent));
    let live: HashSet<&str> = index.files.iter().map(|file| file.path.as_str()).collect();
    let mut indexed: HashSet<String> = HashSet::new();
    for batch in read(index, condition, &["value", "data_file"])? {
        let (values, files) = (text(&batch, "value")?, text(&batch, "data_file")?);
        for row in 0..batch.num_rows() {
            let Some(file) = files.get(row).filter(|file| live.contains(file)) else { continue };
            if values.get(row).is_some() {
                return Ok(true);
            }
            indexed.insert(file.to_owned());
        }
    }
    Ok(indexed.len() < live.len())
}
