//! Answers from the entity index: which data files can hold what is asked for, and what is added up of a field's values.
//!
//! The index is asked where its answer is that of a scan. Of data files whose field is not indexed it says nothing; these
//! are scanned.

mod candidates;
mod tally;
mod totals;

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
use sawlog_store::ENTITIES;

use crate::filter::Probe;
use crate::query::{Query, session};
use crate::scan::{Filtering, ReadAs, StoreTable};

pub(crate) use candidates::{Candidates, Positions, candidates};
pub(crate) use tally::{Tally, answers};
pub(crate) use totals::{Wanted, totals};

/// The rows of the index that are about some fields of one log.
fn rows(format: &Format, fields: &[&str], condition: Option<Expr>) -> Expr {
    let kinds: HashSet<&str> = format
        .entities
        .iter()
        .filter(|entity| fields.contains(&entity.field))
        .map(|entity| entity.kind.name())
        .collect();
    // By kind the rows are sorted.
    let about = is_one_of("kind", kinds)
        .and(ident("log").eq(lit(format.table.name)))
        .and(is_one_of("field", fields.iter().copied()));
    // What was added up with another meaning is not believed: the data file is looked at instead.
    let is_current = (format.index_version > 1).then(|| ident("version").gt_eq(lit(format.index_version)));
    is_current.into_iter().chain(condition).fold(about, Expr::and)
}

/// Whether a column is one of few texts: without a planner nobody else makes equalities of a list.
fn is_one_of<'a>(column: &str, texts: impl IntoIterator<Item = &'a str>) -> Expr {
    let equalities = texts.into_iter().map(|text| ident(column).eq(lit(text)));
    equalities.reduce(Expr::or).unwrap_or_else(|| lit(false))
}

/// The index's batches under a condition.
fn read(query: &Query, condition: Expr, columns: &[&str]) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    read_each(query, condition, columns, |batch| {
        batches.push(batch);
        Ok(())
    })?;
    Ok(batches)
}

/// Gives `take` the index's batches under a condition, in no order, while others are read.
fn read_each(
    query: &Query,
    condition: Expr,
    columns: &[&str],
    mut take: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    query.store.block_on(async {
        let Some((plan, context)) = scan(query, condition, columns, false).await? else { return Ok(()) };
        let mut batches = execute_stream(plan, context)?;
        while let Some(batch) = batches.next().await {
            take(batch?)?;
        }
        Ok(())
    })
}

/// The index's batches under a condition, which are read ahead: each file's as a stream of its own, by kind and value, null
/// before all others.
fn sorted_streams(query: &Query, condition: Expr, columns: &[&str]) -> Result<Vec<SendableRecordBatchStream>> {
    query.store.block_on(async {
        let Some((plan, context)) = scan(query, condition, columns, true).await? else { return Ok(Vec::new()) };
        let partitions = 0..plan.output_partitioning().partition_count();
        partitions.map(|file| Ok(spawn_buffered(plan.execute(file, Arc::clone(&context))?, 1))).collect()
    })
}

/// How the index is read under a condition, if there is one: without a planner, which would take as long as the reading.
async fn scan(
    query: &Query,
    condition: Expr,
    columns: &[&str],
    in_order: bool,
) -> Result<Option<(Arc<dyn ExecutionPlan>, Arc<TaskContext>)>> {
    if query.index.files.is_empty() {
        return Ok(None);
    }
    // They have few values, which are compared once each. (Of others the engine would make dictionaries, row by row.)
    let dictionaries = ["kind", "log", "field", "data_file"].map(str::to_owned).to_vec();
    let read_as = ReadAs { dictionaries, in_order, filtering: Filtering::Rows, ..ReadAs::default() };
    let table = StoreTable::new(&query.index, &read_as)?;
    let schema = table.schema();
    let places = columns.iter().map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>()?;
    let context = session(8192);
    let plan = table.scan(&context.state(), Some(&places), &[condition], None).await?;
    query.explain.plan(ENTITIES.name, &plan);
    Ok(Some((plan, context.task_ctx())))
}

fn text(batch: &RecordBatch, name: &str) -> Result<TextColumn> {
    let array = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    TextColumn::new(array).map_err(|found| anyhow::anyhow!("{name} is {found}"))
}

/// About how many records a query's filters leave by the index, 0 only if there are none; where it can't answer, 1 if there
/// are any.
pub(crate) fn records(query: &Query) -> Result<u64> {
    known_records(query)?.map_or_else(|| query.leaves_any().map(u64::from), Ok)
}

/// The same; `None` where the index can't answer.
pub(crate) fn known_records(query: &Query) -> Result<Option<u64>> {
    let mut least: Option<u64> = None;
    for filter in &query.filters.fields {
        let values = filter.probe.as_ref().map(|probe| values(query, probe)).transpose()?.flatten();
        let Some(values) = values else { return Ok(None) };
        let sum = values.values().sum();
        least = Some(least.map_or(sum, |least| least.min(sum)));
    }
    Ok(least)
}

/// The values that pass a probe's test, and how many records the index has for each; `None` if it does not have all.
pub(crate) fn values(query: &Query, probe: &Probe) -> Result<Option<HashMap<String, u64>>> {
    let live: HashSet<&str> = query.snapshot.files.iter().map(|file| file.path.as_str()).collect();
    let condition = rows(query.format, &probe.fields, Some(ident("value").is_null().or(probe.test.clone())));
    let (mut found, mut indexed) = (HashMap::new(), HashSet::new());
    for batch in read(query, condition, &["value", "field", "data_file", "records"])? {
        let (values, files, fields) = (text(&batch, "value")?, text(&batch, "data_file")?, text(&batch, "field")?);
        let records = batch["records"].as_primitive_opt::<Int64Type>().context("no numbers in records")?;
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

/// Whether there can be records whose failure only the response of a sign-in tells. Few records are sooner looked at than the
/// index is asked.
pub(crate) fn has_silent_failures(query: &Query) -> Result<bool> {
    const FEW: u64 = 50_000;
    let files = query.candidates.as_ref().map_or(&query.snapshot.files, |candidates| &candidates.files);
    if files.iter().map(|file| file.rows).sum::<u64>() < FEW {
        return Ok(true);
    }
    let is_silent = ident("value").is_null().or(ident("value").eq(lit("Failure")));
    let condition = rows(query.format, &["error"], Some(is_silent));
    let live: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut indexed: HashSet<String> = HashSet::new();
    for batch in read(query, condition, &["value", "data_file"])? {
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

#[cfg(test)]
mod tests {
    use sawlog_formats::Item;
    use sawlog_formats::{Block, Carry, LineEnding, Origin, cloudtrail};
    use sawlog_store::parquet::Codec;
    use sawlog_store::{IndexRow, Run, Store, each_index_row};

    use super::*;
    use crate::cli::FilterArgs;
    use crate::tally::{Details, Measures, largest};

    /// A failed sign-in, whose rows of the index were added up when it was taken for a success.
    fn store(root: &std::path::Path) -> Result<Store> {
        let record = br#"{"eventTime":"2021-07-29T13:00:00Z","eventName":"ConsoleLogin","errorMessage":"Failed authentication"}"#;
        let item = Item { gap: 0, start: 0, end: record.len(), problem: None, continues: false, wrapped: None };
        let origin =
            Origin { source_file: "log", first_line: 1, byte_offset: 0, ending: LineEnding::Lf, file_time: None };
        let mut decoder = cloudtrail::FORMAT.new_decoder();
        decoder.decode(Block::Json(record, &[item]), &origin, &mut Carry::default());
        let (days, _) = decoder.waiting_mut().finish();
        let store = Store::open_or_create(root)?;
        let mut run = Run::begin(&store, Codec::default(), || {})?;
        run.add_batch(&cloudtrail::TABLE, Some("2021-07-29".to_owned()), &days[0].1)?;
        run.commit()?;
        let mut rows = Vec::new();
        each_index_row(&store, |row| {
            rows.push(row);
            Ok(())
        })?;
        let mut run = Run::begin(&store, Codec::default(), || {})?;
        for row in rows {
            assert!(row.is_current());
            run.keep_index_row(&IndexRow { errors: 0, version: 1, ..row })?;
        }
        for file in store.snapshot(&ENTITIES)?.files {
            run.remove_file(&ENTITIES, file);
        }
        run.commit()?;
        Ok(store)
    }

    /// How many records there are by `top`, and how many of them failed.
    fn sums(store: Store) -> Result<(u64, u64)> {
        let queries = Query::open(store, &FilterArgs { log: vec!["cloudtrail".to_owned()], ..FilterArgs::default() })?;
        let measures = Measures { details: Details::Sums, ..Measures::default() };
        let queries: Vec<&Query> = queries.iter().collect();
        let groups = largest(&queries, &["operation".to_owned()], measures, 0, |sums| sums.count.into())?;
        Ok(groups.iter().fold((0, 0), |(count, errors), group| (count + group.sums.count, errors + group.sums.errors)))
    }

    #[test]
    fn rows_of_an_older_meaning_are_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("store");
        assert_eq!(sums(store(&root).unwrap()).unwrap(), (1, 1));
        let store = Store::open(&root).unwrap();
        let files = store.snapshot(&cloudtrail::TABLE).unwrap().files;
        let differences = sawlog_store::index_differences(&store, &cloudtrail::FORMAT, &files).unwrap();
        assert_eq!(differences, Vec::<String>::new());
        // Filters look at the data file as well.
        let args =
            FilterArgs { error: vec!["*".to_owned()], log: vec!["cloudtrail".to_owned()], ..FilterArgs::default() };
        let queries = Query::open(Store::open(&root).unwrap(), &args).unwrap();
        assert!(queries[0].leaves_any().unwrap());
        // Made anew, they are believed.
        let mut run = Run::begin(&store, Codec::default(), || {}).unwrap();
        sawlog_store::reindex(&mut run).unwrap();
        run.commit().unwrap();
        let mut current = 0;
        each_index_row(&store, |row| {
            current += i32::from(row.is_current());
            Ok(())
        })
        .unwrap();
        assert!(current > 10);
        assert_eq!(sums(store).unwrap(), (1, 1));
    }
}
