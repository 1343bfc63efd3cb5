//! The records that a command is about: the tables of the store, the filters, and the engine that reads them.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{SortOptions, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::expr_fn::SimpleScalarUDF;
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable, ScalarUDF, Signature, Volatility, ident, lit};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream, execute_stream_partitioned};
use futures::StreamExt;
use sawlog_formats::{Format, Kind, Source, TIMES, Table, formats};
use sawlog_store::{DataFileEntry, ENTITIES, Snapshot, Store};

use crate::distinct::Events;
use crate::engine::{self, BATCH_ROWS, execute, session};
use crate::error::{Parameter, WrongValue};
use crate::explain::Explain;
use crate::filter::{CHANGES, FAILED, FieldFilter, Filters, LogFilters};
use crate::index::{self, Candidates, Index};
use crate::logs::{self, Roles, Values, first_of, no_column, resolve};
use crate::parallel::each;
use crate::printed;
use crate::scan::{Filtering, Footers, KEEP, ReadAs, StoreTable, first_source_files};
use crate::texts;
use crate::times::{Clock, of_utc};

/// If data files have this many rows on average, it pays to read their footers first.
const LARGE: u64 = 64 << 10;
/// Rows in a batch if records are read in order: the text of whole records comes along, and a merge holds many
/// batches.
const BATCH_ROWS_IN_ORDER: usize = 2048;

/// The columns that define evidence order.
pub(crate) const EVIDENCE_ORDER: [&str; 2] = ["source_file", "source_line"];

/// The records of one log that match the filters.
#[derive(Clone)]
pub(crate) struct Query {
    pub(crate) store: Arc<Store>,
    pub(crate) format: &'static Format,
    pub(crate) snapshot: Snapshot,
    /// The columns of the records' times; the first that is not null counts.
    pub(crate) times: &'static [&'static str],
    pub(crate) filters: LogFilters,
    /// The data files that the index left, if it was asked.
    pub(crate) candidates: Option<Candidates>,
    /// The snapshot of the index; without data files if there is none.
    index: Arc<Snapshot>,
    pub(crate) explain: Explain,
    /// Whether the data files that can hold the records have failures that only the response of a sign-in shows; set
    /// once it was looked up.
    silent: Arc<OnceLock<bool>>,
}

impl Query {
    /// Opens the logs that hold records, or the one asked for; all of them if none holds any.
    pub(crate) fn open(store: Store, args: &Filters) -> Result<Vec<Self>> {
        let asked = asked_logs(&args.log)?;
        let formats: Vec<&'static Format> =
            formats().iter().copied().filter(|format| asked.contains(format.table)).collect();
        let tables: Vec<&'static Table> = formats.iter().map(|format| format.table).chain([&ENTITIES]).collect();
        let mut snapshots = std::thread::scope(|scope| {
            // The engine is set up while the logs of the tables are read.
            scope.spawn(engine::prepare);
            store.snapshots(&tables)
        })?;
        let index = snapshots.pop().context("a snapshot for each table")?;
        let clock = clock(snapshots.iter());
        let store = Arc::new(store);
        let holds_any = snapshots.iter().any(|snapshot| !snapshot.files.is_empty());
        let logs = formats.into_iter().zip(snapshots);
        let (index, explain) = (Arc::new(index), Explain::default());
        let logs = logs.filter(|(_, snapshot)| !holds_any || !snapshot.files.is_empty());
        each(logs, |(format, snapshot)| {
            let times = times(&snapshot);
            let filters = LogFilters { times, ..LogFilters::new(format.table, args, &clock)? };
            let query = Self {
                store: Arc::clone(&store),
                format,
                snapshot,
                times,
                filters,
                candidates: None,
                index: Arc::clone(&index),
                explain: explain.clone(),
                silent: Arc::default(),
            };
            query.prepared(args)
        })
    }

    /// Keeps the data files that can hold matching records.
    fn prepared(mut self, args: &Filters) -> Result<Self> {
        // Whole days outside the time asked for need no opening.
        let day = |micros: i64| i32::try_from(micros.div_euclid(86_400_000_000)).map(sawlog_formats::date_name).ok();
        let since = self.filters.since.and_then(day);
        let until = self.filters.until.and_then(|until| day(until.saturating_sub(1)));
        // The names of days after the year 9999 would come before others.
        let is_possible = self.filters.since.is_none_or(|since| since <= *TIMES.end());
        // Records without a date have no time, so none of them is within the time asked for.
        self.snapshot.files.retain(|file| {
            let date = file.date.as_ref();
            let late_enough = since.as_ref().is_none_or(|since| date.is_some_and(|date| date >= since));
            is_possible && late_enough && until.as_ref().is_none_or(|until| date.is_some_and(|date| date <= until))
        });
        let probes: Vec<_> = self.filters.fields.iter().filter_map(|filter| filter.probe.as_ref()).collect();
        if !probes.is_empty() && !self.snapshot.files.is_empty() {
            self.candidates = Some(index::candidates(self.index(), &probes)?);
        }
        // Fewer columns tell what failed, if the index knows that they are enough.
        if args.failed || args.changes {
            let roles = self.roles()?;
            for filter in &mut self.filters.fields {
                match filter.name {
                    FAILED => filter.expr = roles.failed.clone().is_true(),
                    CHANGES => filter.expr = roles.changes.clone().is_true(),
                    _ => {}
                }
            }
        }
        // An event counts once among the records that all other filters leave.
        if let Some(event_id) = self.format.event_id.as_ref().filter(|_| args.distinct) {
            let mut events = Events::new(event_id);
            let records = self.in_order(None, events.columns(), None)?;
            self.for_each(records, |batch| events.add(batch).map(|()| true))?;
            self.filters.first_only = Some(events.first_only());
        }
        Ok(self)
    }

    /// The same logs, or the one that is asked for, with other filters, before the index is asked.
    pub(crate) fn with_filters(queries: &[Self], args: &Filters) -> Result<Vec<Self>> {
        let clock = clock(queries.iter().map(|query| &query.snapshot));
        let asked = asked_logs(&args.log)?;
        let with = |query: &Self| {
            let filters = LogFilters { times: query.times, ..LogFilters::new(query.format.table, args, &clock)? };
            Ok(Self { filters, candidates: None, silent: Arc::default(), ..query.clone() })
        };
        queries.iter().filter(|query| asked.contains(query.format.table)).map(with).collect()
    }

    /// The same logs, with other filters.
    pub(crate) fn narrowed(queries: &[Self], args: &Filters) -> Result<Vec<Self>> {
        each(Self::with_filters(queries, args)?, |query| query.prepared(args))
    }

    /// The time of a record.
    pub(crate) fn time(&self) -> Result<Expr> {
        first_of(self.times).context("a log has times")
    }

    /// Whether the index rules all data files out.
    pub(crate) fn is_ruled_out(&self) -> bool {
        self.candidates.as_ref().is_some_and(|candidates| candidates.files.is_empty())
    }

    /// Whether the index says that a column has nothing to find, if the column is only a part of an entity.
    pub(crate) fn is_in_vain(&self, column: &str) -> bool {
        self.candidates.as_ref().is_some_and(|candidates| candidates.in_vain.contains(&column))
    }

    /// The sources in which something can be found. The response of a sign-in is large to read, and the index mostly
    /// knows that it holds nothing.
    pub(crate) fn useful(&self, sources: &'static [Source]) -> Vec<&'static Source> {
        let can_be_silent = || *self.silent.get_or_init(|| self.has_silent_failures().unwrap_or(true));
        sources.iter().filter(|source| source.only.is_empty() || can_be_silent()).collect()
    }

    /// The index of the log's data files.
    pub(crate) fn index(&self) -> Index<'_> {
        self.index_of(&self.snapshot.files)
    }

    /// The index of some data files of the log.
    fn index_of<'a>(&'a self, files: &'a [DataFileEntry]) -> Index<'a> {
        Index { store: &self.store, snapshot: &self.index, format: self.format, files, explain: &self.explain }
    }

    fn has_silent_failures(&self) -> Result<bool> {
        let files = self.candidates.as_ref().map_or(&self.snapshot.files, |candidates| &candidates.files);
        index::has_silent_failures(self.index_of(files))
    }

    /// About how many records match the filters, by the index; 0 only if there are none. If the index can't answer, 1
    /// if there are any records.
    pub(crate) fn records(&self) -> Result<u64> {
        self.known_records()?.map_or_else(|| self.leaves_any().map(u64::from), Ok)
    }

    /// The same; `None` where the index can't answer.
    pub(crate) fn known_records(&self) -> Result<Option<u64>> {
        let mut least: Option<u64> = None;
        for filter in &self.filters.fields {
            let values = filter.probe.as_ref().map(|probe| index::values(self.index(), probe)).transpose()?.flatten();
            let Some(values) = values else { return Ok(None) };
            let sum = values.values().sum();
            least = Some(least.map_or(sum, |least| least.min(sum)));
        }
        Ok(least)
    }

    /// What is summed over the records, and what their fields mean.
    pub(crate) fn roles(&self) -> Result<Roles> {
        Roles::of(self.format.table, |sources| self.useful(sources))
    }

    /// Where the log has the values that a name means.
    pub(crate) fn values(&self, name: &str) -> Option<Values> {
        Values::of(self.format.table, name, |sources| self.useful(sources))
    }

    /// The records of some data files only.
    pub(crate) fn with_files(&self, files: Vec<DataFileEntry>) -> Self {
        Self { snapshot: Snapshot { files, ..self.snapshot.clone() }, ..self.clone() }
    }

    /// The records that match one filter alone.
    pub(crate) fn only(&self, filter: FieldFilter) -> Self {
        let filters = LogFilters { fields: vec![filter], ..LogFilters::default() };
        Self { filters, ..self.unfiltered() }
    }

    /// The same records without filters on fields.
    pub(crate) fn unfiltered(&self) -> Self {
        Self { filters: LogFilters::default(), candidates: None, silent: Arc::default(), ..self.clone() }
    }

    /// The data files that can hold the records, as a table.
    fn table(&self, read_as: &ReadAs) -> Result<StoreTable> {
        let Some(Candidates { files, positions, .. }) = &self.candidates else {
            return StoreTable::new(&self.snapshot, read_as);
        };
        let snapshot = Snapshot { files: files.clone(), ..self.snapshot.clone() };
        Ok(StoreTable::new(&snapshot, read_as)?.at(positions))
    }

    /// A session of the engine whose batches have up to this many rows; fewer if they are wide.
    fn session(&self, batch_rows: usize) -> SessionContext {
        session(batch_rows, row_bytes(std::slice::from_ref(self)))
    }

    /// The records with their columns, for the planner, before `pattern` is applied. The named columns come as
    /// dictionaries.
    pub(crate) fn frame(&self, dictionaries: &[&str]) -> Result<DataFrame> {
        let dictionaries = dictionaries.iter().map(|name| (*name).to_owned()).collect();
        let table = self.table(&ReadAs { dictionaries, ..ReadAs::default() })?;
        let frame = self.session(BATCH_ROWS).read_table(Arc::new(table))?;
        Ok(match self.filters.expr() {
            Some(expr) => frame.filter(expr)?,
            None => frame,
        })
    }

    /// The records with their columns, for the planner, after `pattern` is applied.
    pub(crate) fn matched(&self, dictionaries: &[&str]) -> Result<DataFrame> {
        let frame = self.frame(dictionaries)?;
        let Some(text) = self.filters.text.clone() else { return Ok(frame) };
        let format = self.format;
        let columns: Vec<Expr> = (format.printed)().into_iter().map(ident).collect();
        let is_left = move |arguments: &[ColumnarValue]| {
            let (printer, rows) = printed::printer(format, arguments)?;
            let mut line = Vec::new();
            let left = |row| {
                line.clear();
                printed::add(printer.as_ref(), row, &mut line);
                Some(text.is_match(&line))
            };
            let left: BooleanArray = (0..rows).map(left).collect();
            Ok(ColumnarValue::Array(Arc::new(left)))
        };
        let signature = Signature::any(columns.len(), Volatility::Immutable);
        let function = SimpleScalarUDF::new_with_signature("match", signature, DataType::Boolean, Arc::new(is_left));
        Ok(frame.filter(ScalarUDF::new_from_impl(function).call(columns))?)
    }

    /// The records that match `pattern`, with the columns of SQL: `raw` is a record's text, whether a column has it
    /// or not.
    pub(crate) fn as_asked(&self) -> Result<DataFrame> {
        let frame = self.matched(&[])?;
        let Some(text) = printed::text(self.format.table) else { return Ok(frame) };
        let names: Vec<String> = frame.schema().fields().iter().map(|field| field.name().clone()).collect();
        let names = names.iter().filter(|name| *name != printed::SKELETON);
        let column = |name: &String| if name == printed::RAW { text.clone().alias(name) } else { ident(name) };
        Ok(frame.select(names.map(column).collect::<Vec<_>>())?)
    }

    /// The types of some expressions over the records.
    pub(crate) fn types<'a>(&self, exprs: impl Iterator<Item = &'a Expr>) -> Result<Vec<DataType>> {
        let none = Snapshot { files: Vec::new(), ..self.snapshot.clone() };
        let schema = DFSchema::try_from(StoreTable::new(&none, &ReadAs::default())?.schema())?;
        exprs.map(|expr| Ok(expr.get_type(&schema)?)).collect()
    }

    /// Folds the records, as `wanted`, in streams that are read in parallel, each on its own thread: `add` takes the
    /// batches of a stream into what `new` makes. Text columns come as dictionaries, as they are stored, unless the
    /// filters or an expression need plain text, which the engine compares faster. If none of many records has any
    /// text, the column is null.
    pub(crate) fn fold<T: Send>(
        &self,
        mut wanted: Vec<Expr>,
        new: impl Fn() -> T + Sync,
        add: impl Fn(&mut T, Rows) -> Result<()> + Sync,
    ) -> Result<Vec<T>> {
        let reckoned = wanted.iter().filter(|expr| plain_column(expr).is_none()).flat_map(Expr::column_refs);
        let (filter, leaves_many) = (self.filters.expr(), self.leaves_many());
        // If every row of a page is looked at, comparing a dictionary is faster than comparing its texts.
        let picked = filter.iter().filter(|_| !leaves_many).flat_map(Expr::column_refs);
        let plain: HashSet<&str> = reckoned.chain(picked).map(|column| column.name.as_str()).collect();
        let mut dictionaries: Vec<String> = wanted.iter().filter_map(plain_column).map(str::to_owned).collect();
        dictionaries.retain(|name| !plain.contains(name.as_str()));
        let filtering = if leaves_many { Filtering::Pages } else { Filtering::InPlan };
        let mut read_as = ReadAs { dictionaries, filtering, ..ReadAs::default() };
        let files = self.candidates.as_ref().map_or(&self.snapshot.files, |candidates| &candidates.files);
        let are_large = files.iter().map(|file| file.rows).sum::<u64>() >= files.len() as u64 * LARGE;
        if are_large && (leaves_many || self.candidates.is_none()) {
            let footers = Footers::read(&self.snapshot.folder, files)?;
            // Numbers stay numbers, and printing a record for a pattern uses its columns as they are.
            let columns = self.format.table.columns.iter().filter(|column| matches!(column.kind, Kind::Text));
            let texts: HashSet<&str> = columns.map(|column| column.name).collect();
            let is_empty = |name: &str| {
                let is_dictionary = read_as.dictionaries.iter().any(|text| text == name);
                let is_printed = self.filters.text.is_some();
                is_dictionary && !is_printed && texts.contains(name) && footers.empty.contains(name)
            };
            for expr in wanted.iter_mut().filter(|expr| plain_column(expr).is_some_and(is_empty)) {
                let name = expr.schema_name().to_string();
                *expr = lit(ScalarValue::Null).alias(name);
            }
            read_as.row_groups = footers.row_groups;
        }
        let wanted = self.with_printed(wanted);
        self.store.block_on(async {
            let context = self.session(BATCH_ROWS);
            let plan = self.table(&read_as)?.plan(&context.state(), wanted, filter).await?;
            self.explain.plan(self.format.table.name, &plan);
            let streams = execute_stream_partitioned(plan, context.task_ctx())?;
            let handle = tokio::runtime::Handle::current();
            let fold = |mut stream: SendableRecordBatchStream| {
                handle.block_on(async {
                    let mut folded = new();
                    while let Some(batch) = stream.next().await {
                        let rows = Rows::of(batch?)?;
                        let rows = match &self.filters.text {
                            Some(_) => Rows { batch: self.match_text(rows.kept()?)?, keep: None },
                            None => rows,
                        };
                        add(&mut folded, rows)?;
                    }
                    Ok(folded)
                })
            };
            each(streams, fold)
        })
    }

    /// Whether so many records match, by the index, that it doesn't pay to pick them out of the pages.
    fn leaves_many(&self) -> bool {
        const SHARE: u64 = 16;
        self.candidates.as_ref().is_some_and(|Candidates { files, records, .. }| {
            *records > files.iter().map(|file| file.rows).sum::<u64>() / SHARE
        })
    }

    /// Adds the columns that printing the record needs, if `pattern` looks at its text.
    fn with_printed(&self, mut wanted: Vec<Expr>) -> Vec<Expr> {
        if self.filters.text.is_some() {
            let names: HashSet<String> = wanted.iter().map(|expr| expr.schema_name().to_string()).collect();
            let printed = (self.format.printed)().into_iter().filter(|name| !names.contains(*name));
            wanted.extend(printed.map(ident));
        }
        wanted
    }

    /// The first columns `wanted` of the records that match the filters and a condition, in evidence order, up to a
    /// limit that counts before `pattern` is applied. `wanted` has the columns `source_file` and `source_line`. This
    /// does not use the engine's planner (`DataFusion` 55.2): with a limit, it lets a stream take over the files of
    /// others, out of order.
    pub(crate) fn in_order(
        &self,
        condition: Option<Expr>,
        wanted: Vec<Expr>,
        limit: Option<usize>,
    ) -> Result<SendableRecordBatchStream> {
        self.store.block_on(async {
            let (context, plan) = self.ordered(condition, wanted, limit).await?;
            let schema = plan.schema();
            let key = |key| Ok(PhysicalSortExpr::new(col(key, &schema)?, SortOptions::new(false, false)));
            let order = LexOrdering::new(EVIDENCE_ORDER.map(key).into_iter().collect::<Result<Vec<_>>>()?);
            let merge = SortPreservingMergeExec::new(order.context("keys to merge by")?, plan);
            let plan: Arc<dyn ExecutionPlan> = Arc::new(merge.with_fetch(limit));
            self.explain.plan(self.format.table.name, &plan);
            Ok(execute_stream(plan, context.task_ctx())?)
        })
    }

    /// The same for all records that match the filters, in one stream per data file. The caller merges them; beside
    /// each is the first source file that it can have.
    pub(crate) fn in_order_by_file(
        &self,
        wanted: Vec<Expr>,
        limit: Option<usize>,
    ) -> Result<Vec<(String, SendableRecordBatchStream)>> {
        self.store.block_on(async {
            let (context, plan) = self.ordered(None, wanted, limit).await?;
            self.explain.plan(self.format.table.name, &plan);
            let firsts = first_source_files(&plan)?;
            let streams = execute_stream_partitioned(plan, context.task_ctx())?;
            ensure!(
                firsts.len() == streams.len(),
                "a plan has {} streams of {} data files",
                streams.len(),
                firsts.len()
            );
            Ok(firsts.into_iter().zip(streams).collect())
        })
    }

    /// A plan with a partition in evidence order for each data file.
    async fn ordered(
        &self,
        condition: Option<Expr>,
        wanted: Vec<Expr>,
        limit: Option<usize>,
    ) -> Result<(SessionContext, Arc<dyn ExecutionPlan>)> {
        let context = self.session(BATCH_ROWS_IN_ORDER);
        // Printing a record needs all its columns.
        let views = wanted.iter().any(|expr| plain_column(expr) == Some(printed::SKELETON));
        let table = self.table(&ReadAs { in_order: true, views, ..ReadAs::default() })?;
        let condition = self.filters.expr().into_iter().chain(condition).reduce(Expr::and);
        let mut plan = table.plan(&context.state(), self.with_printed(wanted), condition).await?;
        if let Ok(keep) = col(KEEP, &plan.schema()) {
            plan = Arc::new(FilterExec::try_new(keep, plan)?);
        }
        // This many records of each data file are enough.
        let plan = plan.with_fetch(limit).unwrap_or(plan);
        Ok((context, plan))
    }

    /// Whether any record matches the filters; this looks into the log.
    pub(crate) fn leaves_any(&self) -> Result<bool> {
        let condition = self.filters.expr();
        let wanted = self.with_printed(vec![ident("source_line")]);
        let mut dictionaries = texts::looked_at(&condition);
        // A record is printed from its columns as they are.
        dictionaries.retain(|name| wanted.iter().all(|expr| plain_column(expr) != Some(name)));
        let table = self.table(&ReadAs { dictionaries, ..ReadAs::default() })?;
        let context = self.session(BATCH_ROWS);
        let stream = self.store.block_on(async {
            let mut plan = table.plan(&context.state(), wanted, condition).await?;
            if let Ok(keep) = col(KEEP, &plan.schema()) {
                plan = Arc::new(FilterExec::try_new(keep, plan)?);
            }
            self.explain.plan(self.format.table.name, &plan);
            anyhow::Ok(execute_stream(plan, context.task_ctx())?)
        })?;
        let mut any = false;
        self.for_each(stream, |_| {
            any = true;
            Ok(false)
        })?;
        Ok(any)
    }

    /// The columns `wanted` of the records, by time, up to a limit that counts before `pattern` is applied; `wanted`
    /// has the columns that define evidence order. The engine skips data that is later than the first records it has
    /// found.
    pub(crate) fn by_time(
        &self,
        time: &str,
        wanted: Vec<Expr>,
        limit: Option<usize>,
    ) -> Result<SendableRecordBatchStream> {
        let keys = [time].into_iter().chain(EVIDENCE_ORDER).map(|key| ident(key).sort(true, false));
        let frame = self.frame(&[])?.select(self.with_printed(wanted))?.sort(keys.collect())?;
        self.execute(frame.limit(0, limit)?)
    }

    /// Executes a query over the records.
    pub(crate) fn execute(&self, frame: DataFrame) -> Result<SendableRecordBatchStream> {
        self.store.block_on(execute(frame, self.format.table.name, &self.explain))
    }

    /// Keeps the rows whose line matches `pattern`.
    pub(crate) fn match_text(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let Some(text) = &self.filters.text else { return Ok(batch) };
        let printer = (self.format.printer)(&batch)?;
        let mut line = Vec::new();
        let mask: BooleanArray = (0..batch.num_rows())
            .map(|row| {
                line.clear();
                printed::add(printer.as_ref(), row, &mut line);
                Some(text.is_match(&line))
            })
            .collect();
        Ok(filter_record_batch(&batch, &mask)?)
    }

    /// Calls `take` for each batch of the records, until it returns that it has enough.
    pub(crate) fn for_each(
        &self,
        mut stream: SendableRecordBatchStream,
        mut take: impl FnMut(&RecordBatch) -> Result<bool>,
    ) -> Result<()> {
        self.store.block_on(async {
            while let Some(batch) = stream.next().await {
                let batch = self.match_text(batch?)?;
                if batch.num_rows() > 0 && !take(&batch)? {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// Rows that were read. All or some of them match the filters.
pub(crate) struct Rows {
    batch: RecordBatch,
    keep: Option<BooleanArray>,
}

impl Rows {
    fn of(batch: RecordBatch) -> Result<Self> {
        let Some(keep) = batch.column_by_name(KEEP) else { return Ok(Self { batch, keep: None }) };
        let keep = keep.as_boolean_opt().context("a column does not hold booleans")?;
        // A row whose condition is neither true nor false does not match.
        let keep = if keep.null_count() > 0 { prep_null_mask_filter(keep) } else { keep.clone() };
        let keep = Some(keep).filter(|keep| keep.true_count() < keep.len());
        Ok(Self { batch, keep })
    }

    /// A column of all rows that were read.
    pub(crate) fn column(&self, name: &str) -> Result<&ArrayRef> {
        self.batch.column_by_name(name).with_context(|| format!("no column {name}"))
    }

    /// Which rows the filters leave.
    pub(crate) fn left(&self) -> Vec<usize> {
        self.keep
            .as_ref()
            .map_or_else(|| (0..self.batch.num_rows()).collect(), |keep| keep.values().set_indices().collect())
    }

    /// The rows that the filters leave.
    pub(crate) fn kept(self) -> Result<RecordBatch> {
        Ok(match &self.keep {
            Some(keep) => filter_record_batch(&self.batch, keep)?,
            None => self.batch,
        })
    }
}

/// The column that an expression passes on unchanged, or the group that it is in.
fn plain_column(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Alias(alias) => plain_column(&alias.expr),
        Expr::ScalarFunction(function) if function.name() == "get_field" => plain_column(function.args.first()?),
        _ => expr.try_as_col().map(|column| column.name.as_str()),
    }
}

/// The columns of a record's time, as far as they matter (the first that is not null counts): by the statistics of
/// the data files, a column may have a value in all records, so that those after it don't matter, or in none.
fn times(snapshot: &Snapshot) -> &'static [&'static str] {
    let all = snapshot.table.times;
    if all.len() == 1 {
        return all;
    }
    let nulls: Vec<serde_json::Value> = snapshot
        .files
        .iter()
        .map(|file| serde_json::from_str::<serde_json::Value>(&file.stats).unwrap_or_default()["nullCount"].take())
        .collect();
    let has_range = |name: &str| snapshot.table.columns.iter().any(|column| column.name == name && column.skip_files);
    let is_full = |name: &&str| has_range(name) && nulls.iter().all(|nulls| nulls[*name] == 0);
    let needed = all.iter().position(is_full).map_or(all, |place| &all[..=place]);
    // A data file without statistics for the column was written before the column existed.
    let is_empty = |name: &str| {
        let mut files = snapshot.files.iter().zip(&nulls);
        has_range(name) && files.all(|(file, nulls)| nulls[name].as_u64().is_none_or(|nulls| nulls == file.rows))
    };
    let mut needed = needed;
    while let [rest @ .., last] = needed
        && !rest.is_empty()
        && is_empty(last)
    {
        needed = rest;
    }
    needed
}

/// The time of the last record, by the statistics of the data files, or up to a millisecond before it. The statistics
/// are in milliseconds, rounded up: a bound made of them would exclude the record.
fn last_time(snapshot: &Snapshot) -> Option<i64> {
    const ROUNDED: i64 = 999;
    let times = snapshot.files.iter().filter_map(|file| {
        let stats: serde_json::Value = serde_json::from_str(&file.stats).ok()?;
        let last = snapshot.table.times.iter().filter_map(|column| of_utc(stats["maxValues"][column].as_str()?));
        last.max()
    });
    times.max().map(|last| last.saturating_sub(ROUNDED))
}

/// How many bytes a row takes on disk, in the data file whose rows are the largest. Most of a small file is its footer,
/// and its rows are no trouble.
pub(crate) fn row_bytes(queries: &[Query]) -> u64 {
    const SMALL: u64 = 1 << 20;
    let files = queries.iter().flat_map(|query| &query.snapshot.files).filter(|file| file.size > SMALL);
    files.map(|file| file.size / file.rows.max(1)).max().unwrap_or_default()
}

/// The queries whose logs have all the columns.
pub(crate) fn with_columns<'a>(queries: &'a [Query], columns: &[String]) -> Result<Vec<&'a Query>> {
    let tables: Vec<&Table> = queries.iter().map(|query| query.format.table).collect();
    for name in columns {
        if tables.iter().all(|table| resolve(table, name).is_none()) {
            return no_column(&tables, name);
        }
    }
    let has_all = |query: &&Query| columns.iter().all(|name| resolve(query.format.table, name).is_some());
    let found: Vec<&Query> = queries.iter().filter(has_all).collect();
    if found.is_empty() {
        return Err(WrongValue::new(Parameter::Column, &columns.join(","), "no log has all of these columns").into());
    }
    Ok(found)
}

/// The reference for times on the command line, from the records of some logs.
fn clock<'a>(snapshots: impl Iterator<Item = &'a Snapshot> + Clone) -> Clock {
    let last = snapshots.clone().filter_map(last_time).max();
    let days = snapshots.filter_map(Snapshot::days);
    let days = days.reduce(|(first, last), (begin, end)| (first.min(begin), last.max(end)));
    Clock { last, days: days.map(|(first, last)| (first.to_owned(), last.to_owned())) }
}

/// The logs that are asked for; all, if none is named.
struct Logs(Vec<&'static str>);

impl Logs {
    fn contains(&self, table: &Table) -> bool {
        self.0.is_empty() || self.0.contains(&table.name)
    }
}

fn asked_logs(names: &[String]) -> Result<Logs> {
    let named = names.iter().map(|name| {
        let found = logs::named(name).map_err(|error| WrongValue::of_filter("log", name, &error))?;
        Ok(found.table.name)
    });
    named.collect::<Result<_>>().map(Logs)
}
