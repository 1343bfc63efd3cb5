//! A session of queries: the tables that they name, and the views that they create.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use arrow::array::{RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, ident, lit};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{self, ExplainStatement};
use datafusion::sql::sqlparser::ast::{
    self, CreateView, ObjectName, ObjectType, ShowStatementFilter, ShowStatementFilterPosition,
};
use datafusion_functions_json::udfs::json_union_to_text_udf;
use futures::StreamExt;
use futures::future::BoxFuture;
use sawlog_store::{Store, TABLES};

use super::aliases::{is_about_columns, known};
use super::columns::{is_about_patterns, spread};
use super::dialect::{parse, summary_of};
use super::error::{Names, plain};
use super::expand::{expand, is_about_names};
use super::rewrite::{SEPARATOR, normal, rewrite};
use super::selects::{Change, each_select};
use super::summary::summary;
use super::types;
use super::{functions, instead};
use crate::engine::{BATCH_ROWS, SCHEMA, new_session, planned};
use crate::events;
use crate::explain::Explain;
use crate::query::{Query, row_bytes};
use crate::records::Records;
use crate::scan::{ReadAs, StoreTable};

/// A parsed statement of SQL.
#[derive(Clone, Debug)]
pub struct Statement(parser::Statement);

impl Statement {
    /// Whether it has a result; otherwise it creates or drops a view.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        let parser::Statement::Statement(inner) = &self.0 else { return true };
        !matches!(**inner, ast::Statement::CreateView(_) | ast::Statement::Drop { .. })
    }
}

/// Whether an error is of a kind.
type IsAbout = fn(&DataFusionError) -> bool;

/// What helps with a query that the engine refuses: for which errors, and how a `SELECT` changes.
const REMEDIES: [(IsAbout, Change); 3] =
    [(is_about_patterns, spread), (is_about_columns, known), (is_about_names, expand)];

/// Queries over the tables of a store, and over views that last as long as the session. The tables of records, and
/// the view `events` over all of them, contain the records that match the filters.
///
/// A session answers inside the caller's tokio runtime. Callers without one use [`Records::block_on`].
pub struct Session<'a> {
    queries: &'a [Query],
    store: Arc<Store>,
    explain: Explain,
    context: SessionContext,
    /// The tables that are open.
    open: HashSet<String>,
    views: Vec<String>,
    can_stop: bool,
}

impl Records {
    /// A session of SQL over the records.
    ///
    /// # Errors
    ///
    /// If there is no log.
    pub fn sql(&self) -> Result<Session<'_>> {
        let Some(Query { store, explain, .. }) = self.queries().first() else { bail!("there are no logs to query") };
        let mut context = new_session(BATCH_ROWS, row_bytes(self.queries()));
        functions::register(&mut context)?;
        Ok(Session {
            queries: self.queries(),
            store: Arc::clone(store),
            explain: explain.clone(),
            context,
            open: HashSet::new(),
            views: Vec::new(),
            can_stop: false,
        })
    }
}

impl Session<'_> {
    /// From now on, queries yield after some batches, wherever the batches come from, so that dropping the future of
    /// the next batch takes effect soon. The engine does that only where it reads.
    pub fn let_stop(&mut self) {
        self.can_stop = true;
    }

    /// The statements of a text, separated by semicolons.
    ///
    /// # Errors
    ///
    /// If it is not SQL.
    pub fn statements(&self, text: &str) -> Result<Vec<Statement>> {
        let statements = parse(text)
            .map_err(|error| instead::of_text(text).map_or_else(|| self.told(&error), |advice| anyhow!(advice)))?;
        Ok(statements.into_iter().map(Statement).collect())
    }

    /// Runs a statement. Returns the rows of its result, unless it makes or drops a view.
    ///
    /// # Errors
    ///
    /// If there is no such table, column or function, or the statement would change something.
    ///
    /// The future is boxed so that the engine's planner, which is as large as all else here, is compiled once with
    /// this crate rather than again with each caller that awaits it.
    pub fn ask(&mut self, statement: Statement) -> BoxFuture<'_, Result<Option<Rows<'_>>>> {
        Box::pin(self.answer(statement))
    }

    async fn answer(&mut self, statement: Statement) -> Result<Option<Rows<'_>>> {
        use ast::Statement as Sql;
        let mut filter = None;
        let statement = match statement.0 {
            parser::Statement::Statement(inner) => match *inner {
                Sql::ShowTables { show_options, .. } | Sql::ShowViews { show_options, .. } => {
                    let frame = self.context.read_batch(self.tables()?)?;
                    let frame = self.filtered(frame, "name", show_options.filter_position)?;
                    return self.rows(frame).await.map(Some);
                }
                Sql::ShowColumns { show_options, .. } => {
                    filter = show_options.filter_position;
                    match show_options.show_in.and_then(|from| from.parent_name) {
                        Some(name) => parse(&format!("DESCRIBE {name}"))?.pop_front(),
                        None => bail!("SHOW COLUMNS needs a table: SHOW COLUMNS FROM events"),
                    }
                }
                // DuckDB's way to say DESCRIBE.
                Sql::ShowVariable { variable } if matches!(&*variable, [name] if self.has_table(&normal(name))) => {
                    parse(&format!("DESCRIBE {}", variable[0]))?.pop_front()
                }
                Sql::CreateView(view) => return self.create_view(view).await.map(|()| None),
                Sql::Drop { object_type: ObjectType::View, names, if_exists, .. } => {
                    names.iter().try_for_each(|name| self.drop_view(name, if_exists))?;
                    return Ok(None);
                }
                Sql::Query(_)
                | Sql::Explain { .. }
                | Sql::ExplainTable { .. }
                | Sql::ShowVariable { .. }
                | Sql::ShowFunctions { .. } => Some(parser::Statement::Statement(inner)),
                other => match summary_of(&other).cloned() {
                    Some(query) => return self.summarize(query).await.map(Some),
                    None => return Err(refused(&other.to_string())),
                },
            },
            parser::Statement::Explain(explain) if is_query(&explain.statement) => {
                Some(parser::Statement::Explain(explain))
            }
            other => return Err(refused(&other.to_string())),
        };
        let Some(statement) = statement else { return Ok(None) };
        let plan = self.plan(statement, false).await?;
        let frame = match &plan {
            LogicalPlan::DescribeTable(of) => self.context.read_batch(types::described(&of.schema)?)?,
            _ => DataFrame::new(self.context.state(), plan),
        };
        let frame = self.filtered(frame, "column_name", filter)?;
        self.rows(frame).await.map(Some)
    }

    /// The rows that a query gives.
    async fn rows(&self, frame: DataFrame) -> Result<Rows<'_>> {
        let frame = json_as_text(frame)?;
        let told = |error: DataFusionError| self.told(&error);
        let context = Arc::new(frame.task_ctx());
        let plan = planned(frame).await.map_err(told)?;
        self.explain.plan("the tables", &plan);
        let plan = if self.can_stop { that_stops(plan).map_err(told)? } else { plan };
        let stream = execute_stream(plan, context).map_err(told)?;
        Ok(Rows { session: self, stream, own_names: true })
    }

    /// What `SUMMARIZE` says about the columns of a query: one row each.
    async fn summarize(&mut self, query: ast::Statement) -> Result<Rows<'_>> {
        let plan = self.plan(parser::Statement::Statement(Box::new(query)), true).await?;
        let stream = summary(DataFrame::new(self.context.state(), plan)).map_err(|error| self.told(&error))?;
        Ok(Rows { session: self, stream, own_names: true })
    }

    /// The rows whose `column` matches the filter of a `SHOW`.
    fn filtered(
        &self,
        frame: DataFrame,
        column: &str,
        filter: Option<ShowStatementFilterPosition>,
    ) -> Result<DataFrame> {
        use ShowStatementFilter::{ILike, Like, NoKeyword, Where};
        let Some(ShowStatementFilterPosition::Infix(filter) | ShowStatementFilterPosition::Suffix(filter)) = filter
        else {
            return Ok(frame);
        };
        let condition = match filter {
            Like(pattern) | NoKeyword(pattern) => ident(column).like(lit(pattern)),
            ILike(pattern) => ident(column).ilike(lit(pattern)),
            Where(condition) => {
                let condition = frame.parse_sql_expr(&condition.to_string());
                condition.map_err(|error| self.told(&error))?
            }
        };
        frame.filter(condition).map_err(|error| self.told(&error))
    }

    /// What is wrong with a query, from an error of the engine.
    fn told(&self, error: &DataFusionError) -> anyhow::Error {
        plain(error, &self.names())
    }

    /// The plan of a query, whose tables are opened; whether it is for other queries.
    async fn plan(&mut self, mut statement: parser::Statement, is_within: bool) -> Result<LogicalPlan> {
        let state = self.context.state();
        if let Some(inner) = inner(&mut statement) {
            rewrite(inner, &|name| state.aggregate_functions().contains_key(name), is_within)?;
        }
        for reference in state.resolve_table_references(&statement)? {
            match reference.schema() {
                Some("information_schema") => self.open_all()?,
                Some(schema) if schema != SCHEMA => bail!("there is no schema {schema}; the tables are in {SCHEMA}"),
                _ => self.open(reference.table())?,
            }
        }
        let state = self.context.state();
        let columns = |query| {
            let query = parser::Statement::Statement(Box::new(ast::Statement::Query(Box::new(query))));
            let plan = self.store.block_on(state.statement_to_plan(query)).map_err(|error| self.told(&error))?;
            Ok(Arc::clone(plan.schema()))
        };
        let mut planned = state.statement_to_plan(statement.clone()).await;
        for (helps, change) in REMEDIES {
            if let Err(error) = &planned
                && helps(error)
                && let Some(query) = inner(&mut statement).and_then(query_of)
            {
                each_select(query, &columns, change)?;
                planned = state.statement_to_plan(statement.clone()).await;
            }
        }
        planned.map_err(|error| self.told(&error))
    }

    fn open_all(&mut self) -> Result<()> {
        TABLES().iter().map(|table| table.name).chain([events::NAME]).try_for_each(|name| self.open(name))
    }

    /// Opens the table or view of the store with this name, if there is one.
    fn open(&mut self, name: &str) -> Result<()> {
        if !self.open.insert(name.to_owned()) {
            return Ok(());
        }
        if name == events::NAME {
            self.context.register_table(events::NAME, events::view(self.queries)?.into_view())?;
        } else if let Some(query) = self.queries.iter().find(|query| query.format.table.name == name) {
            self.context.register_table(name, query.as_asked()?.into_view())?;
        } else if let Some(table) = TABLES().into_iter().find(|table| table.name == name) {
            let snapshot = self.store.snapshot(table)?;
            self.context.register_table(name, Arc::new(StoreTable::new(&snapshot, &ReadAs::default())?))?;
        }
        Ok(())
    }

    async fn create_view(&mut self, view: CreateView) -> Result<()> {
        let name = plain_name(&view.name)?;
        if names_of_store().any(|table| table == name) {
            bail!("there is already a table {name}; give the view another name");
        }
        if self.views.contains(&name) && !view.or_replace {
            ensure!(view.if_not_exists, "there is already a view {name}; CREATE OR REPLACE VIEW replaces it");
            return Ok(());
        }
        if view.materialized || view.to.is_some() {
            bail!("a view lasts for this session only and can't be materialized");
        }
        let query = parser::Statement::Statement(Box::new(ast::Statement::Query(view.query)));
        let frame = DataFrame::new(self.context.state(), self.plan(query, true).await?);
        let names: Vec<String> = view.columns.iter().map(|column| normal(&column.name)).collect();
        let frame = if names.is_empty() { frame } else { named(frame, &names)? };
        self.context.deregister_table(&*name)?;
        self.context.register_table(&*name, frame.into_view())?;
        if !self.views.contains(&name) {
            self.views.push(name);
        }
        Ok(())
    }

    fn drop_view(&mut self, name: &ObjectName, if_exists: bool) -> Result<()> {
        let name = plain_name(name)?;
        ensure!(if_exists || self.views.contains(&name), "this session has no view {name}");
        if self.views.contains(&name) {
            self.context.deregister_table(&*name)?;
            self.views.retain(|view| *view != name);
        }
        Ok(())
    }

    /// The tables and views: a row for each.
    fn tables(&self) -> Result<RecordBatch> {
        let snapshots = self.store.snapshots(&TABLES())?;
        let view = (events::NAME, None, "All logs in one schema: who did what, when, from where");
        let of_store =
            snapshots.iter().map(|snapshot| (snapshot.table.name, Some(snapshot.rows()), snapshot.table.doc));
        let of_session = self.views.iter().map(|name| (name.as_str(), None, "A view of this session"));
        let all: Vec<(&str, Option<u64>, &str)> = of_store.chain([view]).chain(of_session).collect();
        let names: StringArray = all.iter().map(|(name, ..)| Some(*name)).collect();
        let rows: UInt64Array = all.iter().map(|(_, rows, _)| *rows).collect();
        let meanings: StringArray = all.iter().map(|(.., meaning)| Some(*meaning)).collect();
        let fields = [("name", DataType::Utf8), ("rows", DataType::UInt64), ("meaning", DataType::Utf8)];
        let schema = Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec());
        Ok(RecordBatch::try_new(Arc::new(schema), vec![Arc::new(names), Arc::new(rows), Arc::new(meanings)])?)
    }

    fn has_table(&self, name: &str) -> bool {
        names_of_store().any(|table| table == name) || self.views.iter().any(|view| view == name)
    }

    fn names(&self) -> Names {
        let tables = names_of_store().map(str::to_owned).chain(self.views.iter().cloned()).collect();
        let state = self.context.state();
        let scalar = state.scalar_functions().keys();
        let functions = scalar.chain(state.aggregate_functions().keys()).chain(state.window_functions().keys());
        Names { tables, functions: functions.cloned().collect() }
    }
}

fn names_of_store() -> impl Iterator<Item = &'static str> {
    TABLES().into_iter().map(|table| table.name).chain([events::NAME])
}

/// The error for a statement that a session does not run.
fn refused(statement: &str) -> anyhow::Error {
    let word = statement.split_whitespace().next().unwrap_or_default();
    anyhow!(
        "{word} is not allowed: a query can't change the store; use SELECT, WITH, FROM, VALUES, EXPLAIN, DESCRIBE, \
         SHOW, or CREATE VIEW, which lasts for this session{}",
        instead::of_statement(word)
    )
}

fn is_query(statement: &parser::Statement) -> bool {
    matches!(statement, parser::Statement::Statement(inner) if matches!(**inner, ast::Statement::Query(_)))
}

/// The statement of SQL within one of the engine's.
fn inner(statement: &mut parser::Statement) -> Option<&mut ast::Statement> {
    match statement {
        parser::Statement::Statement(statement) => Some(statement),
        parser::Statement::Explain(ExplainStatement { statement, .. }) => inner(statement),
        _ => None,
    }
}

fn query_of(statement: &mut ast::Statement) -> Option<&mut ast::Query> {
    match statement {
        ast::Statement::Query(query) => Some(query),
        ast::Statement::Explain { statement, .. } => query_of(statement),
        _ => None,
    }
}

fn plain_name(name: &ObjectName) -> Result<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(normal),
        _ => None,
    }
    .ok_or_else(|| anyhow!("{name} can't be the name of a view: write one name without dots"))
}

/// The query with other names for its columns.
fn named(frame: DataFrame, names: &[String]) -> Result<DataFrame> {
    let columns: Vec<Expr> = frame.schema().columns().into_iter().map(Expr::Column).collect();
    ensure!(columns.len() >= names.len(), "the view's query has {} columns, not {}", columns.len(), names.len());
    let renamed = columns.into_iter().enumerate().map(|(place, column)| match names.get(place) {
        Some(name) => column.alias(name),
        None => column,
    });
    Ok(frame.select(renamed.collect::<Vec<_>>())?)
}

/// The query with JSON values of any type as text, which every output form can hold.
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

/// A plan that yields after some batches, wherever they come from, so that it can be stopped. The engine does that
/// only where it reads.
fn that_stops(plan: Arc<dyn ExecutionPlan>) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_up(|node| {
        let reads = node.children().is_empty();
        Ok(if reads { Transformed::no(node) } else { Transformed::yes(Arc::new(CooperativeExec::new(node)) as _) })
    })?;
    Ok(plan.data)
}

/// The rows of a result, a batch at a time.
pub struct Rows<'a> {
    session: &'a Session<'a>,
    stream: SendableRecordBatchStream,
    own_names: bool,
}

impl Rows<'_> {
    /// The same, with the names of columns as they are written in the query: two may be equal. Otherwise all names
    /// are distinct.
    #[must_use]
    pub fn as_written(self) -> Self {
        Self { own_names: false, ..self }
    }

    /// The next batch; `None` after the last one.
    ///
    /// # Errors
    ///
    /// If data files can't be read, or a value can't be computed.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let batch = self.stream.next().await.transpose().map_err(|error| self.session.told(&error))?;
        batch.map(|batch| named_plainly(&batch, self.own_names)).transpose()
    }

    /// A batch without rows: the columns of a result that has none.
    ///
    /// # Errors
    ///
    /// Never, unless the engine's columns don't fit together.
    pub fn none(&self) -> Result<RecordBatch> {
        named_plainly(&RecordBatch::new_empty(self.stream.schema()), self.own_names)
    }
}

/// A batch whose columns have the names to print. Two may be equal, unless all names must be distinct.
fn named_plainly(batch: &RecordBatch, own_names: bool) -> Result<RecordBatch> {
    let schema = batch.schema();
    let mut seen: HashSet<String> = HashSet::new();
    let fields = schema.fields().iter().map(|field| {
        let name = field.name().split(SEPARATOR).next().unwrap_or_default();
        let other = (1..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(other);
        let name = if own_names { names.find(|name| !seen.contains(name)) } else { names.next() };
        let name = name.unwrap_or_default();
        seen.insert(name.clone());
        field.as_ref().clone().with_name(name)
    });
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone());
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(schema), batch.columns().to_vec(), &options)?)
}
