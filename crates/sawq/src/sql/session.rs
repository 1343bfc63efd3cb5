//! A session of queries: the tables that they name, the views that they make, and how results are printed.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, anyhow, bail, ensure};
use arrow::array::{RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{ExplainStatement, Statement};
use datafusion::sql::sqlparser::ast::{self, CreateView, ObjectName, ObjectType};
use datafusion_functions_json::udfs::json_union_to_text_udf;
use futures::StreamExt;
use sawlog_formats::visible;
use sawlog_store::{Store, TABLES};

use super::dialect::parse;
use super::error::{Names, plain};
use super::expand::{expand, is_about_names};
use super::rewrite::{SEPARATOR, rewrite};
use crate::cli::Format;
use crate::events;
use crate::output::{Output, Target};
use crate::prompt::Interrupts;
use crate::query::{BATCH_ROWS, Query, new_session};
use crate::scan::{ReadAs, StoreTable};

/// How results are printed.
#[derive(Clone, Debug)]
pub(crate) struct Show {
    pub(crate) target: Target,
    /// Whether to say how long each query took.
    pub(crate) timed: bool,
    /// Whether a row is printed as lines, one for each column.
    pub(crate) as_lines: bool,
}

/// Queries over the tables of a store, and over views that last as long as the session.
pub(crate) struct Session<'a> {
    queries: &'a [Query],
    store: Arc<Store>,
    context: SessionContext,
    /// The tables that are open.
    open: HashSet<String>,
    views: Vec<String>,
}

impl<'a> Session<'a> {
    /// A session over logs, as far as the filters leave their records.
    pub(crate) fn new(queries: &'a [Query]) -> Result<Self> {
        let Some(Query { store, .. }) = queries.first() else { bail!("there is no log to ask") };
        let mut context = new_session(BATCH_ROWS);
        crate::functions::register(&mut context)?;
        Ok(Self { queries, store: Arc::clone(store), context, open: HashSet::new(), views: Vec::new() })
    }

    /// Runs the statements of a text, one after the other.
    pub(crate) fn run(&mut self, text: &str, show: &Show, mut interrupts: Option<&mut Interrupts>) -> Result<()> {
        let statements = parse(text).map_err(|error: DataFusionError| plain(&error, &self.names()))?;
        let results = statements.iter().filter(|statement| !makes_view(statement)).count();
        ensure!(results <= 1 || !show.target.is_file(), "a file takes the results of one query, not of {results}");
        ensure!(!statements.is_empty(), "there is no query");
        statements.into_iter().try_for_each(|statement| self.statement(statement, show, interrupts.as_deref_mut()))
    }

    fn statement(&mut self, statement: Statement, show: &Show, interrupts: Option<&mut Interrupts>) -> Result<()> {
        use ast::Statement as Sql;
        let started = Instant::now();
        let rows = match statement {
            Statement::Statement(inner) => match *inner {
                Sql::ShowTables { .. } | Sql::ShowViews { .. } => print_all(show, &self.tables()?)?,
                Sql::ShowColumns { show_options, .. } => match show_options.show_in.and_then(|from| from.parent_name) {
                    Some(name) => self.describe(&name, show, interrupts)?,
                    None => bail!("of which table? SHOW COLUMNS FROM events"),
                },
                Sql::CreateView(view) => return self.create_view(view),
                Sql::Drop { object_type: ObjectType::View, names, if_exists, .. } => {
                    return names.iter().try_for_each(|name| self.drop_view(name, if_exists));
                }
                Sql::Query(_)
                | Sql::Explain { .. }
                | Sql::ExplainTable { .. }
                | Sql::ShowVariable { .. }
                | Sql::ShowFunctions { .. } => self.ask(Statement::Statement(inner), show, interrupts)?,
                other => return refuse(&other.to_string()),
            },
            Statement::Explain(explain) if is_query(&explain.statement) => {
                self.ask(Statement::Explain(explain), show, interrupts)?
            }
            other => return refuse(&other.to_string()),
        };
        if show.timed {
            eprintln!("sawq: {rows} rows in {:.3} s", started.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Runs a query, and prints its result; how many rows it has.
    fn ask(&mut self, statement: Statement, show: &Show, mut interrupts: Option<&mut Interrupts>) -> Result<usize> {
        let plan = self.plan(statement, false)?;
        let Some(Query { explain, .. }) = self.queries.first() else { bail!("there is no log to ask") };
        let frame = json_as_text(DataFrame::new(self.context.state(), plan))?;
        let engine = |error: DataFusionError| plain(&error, &self.names());
        self.store.block_on(async {
            let context = Arc::new(frame.task_ctx());
            let plan = frame.create_physical_plan().await.map_err(engine)?;
            explain.plan("the tables", &plan);
            let plan = if interrupts.is_some() { that_stops(plan).map_err(engine)? } else { plan };
            let mut stream = execute_stream(plan, context).map_err(engine)?;
            let mut printer = Printer::new(show)?;
            let mut rows = 0;
            while let Some(batch) = next(&mut stream, interrupts.as_deref_mut()).await? {
                let batch = batch.map_err(engine)?;
                rows += batch.num_rows();
                printer.batch(&batch)?;
            }
            printer.finish()?;
            Ok(rows)
        })
    }

    /// The plan of a query, whose tables are opened; whether it is for other queries.
    fn plan(&mut self, mut statement: Statement, is_within: bool) -> Result<LogicalPlan> {
        let state = self.context.state();
        if let Some(inner) = inner(&mut statement) {
            rewrite(inner, |name| state.aggregate_functions().contains_key(name), is_within);
        }
        for reference in state.resolve_table_references(&statement)? {
            match reference.schema() {
                Some("information_schema") => self.open_all()?,
                _ => self.open(reference.table())?,
            }
        }
        let state = self.context.state();
        let error = match self.store.block_on(state.statement_to_plan(statement.clone())) {
            Ok(plan) => return Ok(plan),
            Err(error) => error,
        };
        let engine = |error: DataFusionError| plain(&error, &self.names());
        let Some(query) = inner(&mut statement).and_then(query_of).filter(|_| is_about_names(&error)) else {
            return Err(engine(error));
        };
        let columns = |query| {
            let query = Statement::Statement(Box::new(ast::Statement::Query(Box::new(query))));
            let plan = self.store.block_on(state.statement_to_plan(query)).map_err(engine)?;
            Ok(Arc::clone(plan.schema()))
        };
        expand(query, &columns)?;
        self.store.block_on(state.statement_to_plan(statement)).map_err(engine)
    }

    fn open_all(&mut self) -> Result<()> {
        TABLES().iter().map(|table| table.name).chain([events::NAME]).try_for_each(|name| self.open(name))
    }

    /// Opens the table or view of the store that is named so, if there is one.
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

    fn create_view(&mut self, view: CreateView) -> Result<()> {
        let name = plain_name(&view.name)?;
        if names_of_store().any(|table| table == name) {
            bail!("there is a table {name} already; give the view another name");
        }
        if self.views.contains(&name) && !view.or_replace {
            ensure!(view.if_not_exists, "there is a view {name} already; CREATE OR REPLACE VIEW replaces it");
            return Ok(());
        }
        if view.materialized || view.to.is_some() {
            bail!("a view lasts for this session only, and is not written");
        }
        let query = Statement::Statement(Box::new(ast::Statement::Query(view.query)));
        let frame = DataFrame::new(self.context.state(), self.plan(query, true)?);
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

    fn describe(&mut self, name: &ObjectName, show: &Show, interrupts: Option<&mut Interrupts>) -> Result<usize> {
        let mut described = parse(&format!("DESCRIBE {name}"))?;
        described.pop_front().map_or(Ok(0), |statement| self.ask(statement, show, interrupts))
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

/// Says that a statement is none that `sawq sql` runs.
fn refuse(statement: &str) -> Result<()> {
    let word = statement.split_whitespace().next().unwrap_or_default();
    Err(anyhow!(
        "{word} would change something, or is none of what can be asked: SELECT, WITH, FROM, VALUES, EXPLAIN, DESCRIBE, SHOW, \
         and CREATE VIEW, which lasts for this session"
    ))
}

fn makes_view(statement: &Statement) -> bool {
    let Statement::Statement(inner) = statement else { return false };
    matches!(**inner, ast::Statement::CreateView(_) | ast::Statement::Drop { .. })
}

fn is_query(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(inner) if matches!(**inner, ast::Statement::Query(_)))
}

/// The statement of SQL within one of the engine's.
fn inner(statement: &mut Statement) -> Option<&mut ast::Statement> {
    match statement {
        Statement::Statement(statement) => Some(statement),
        Statement::Explain(ExplainStatement { statement, .. }) => inner(statement),
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

fn normal(name: &ast::Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

fn plain_name(name: &ObjectName) -> Result<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(normal),
        _ => None,
    }
    .ok_or_else(|| anyhow!("{name} is not a plain name"))
}

/// The query with its columns called otherwise.
fn named(frame: DataFrame, names: &[String]) -> Result<DataFrame> {
    let columns: Vec<Expr> = frame.schema().columns().into_iter().map(Expr::Column).collect();
    ensure!(columns.len() >= names.len(), "the view has {} columns, not {}", columns.len(), names.len());
    let renamed = columns.into_iter().enumerate().map(|(place, column)| match names.get(place) {
        Some(name) => column.alias(name),
        None => column,
    });
    Ok(frame.select(renamed.collect::<Vec<_>>())?)
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

/// A plan that looks up from its work after some batches, wherever they come from: so it can be stopped. The engine sees to
/// that only where it reads.
fn that_stops(plan: Arc<dyn ExecutionPlan>) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_up(|node| {
        let reads = node.children().is_empty();
        Ok(if reads { Transformed::no(node) } else { Transformed::yes(Arc::new(CooperativeExec::new(node)) as _) })
    })?;
    Ok(plan.data)
}

/// The next batch, unless the query is interrupted.
async fn next(
    stream: &mut SendableRecordBatchStream,
    interrupts: Option<&mut Interrupts>,
) -> Result<Option<datafusion::error::Result<RecordBatch>>> {
    match interrupts {
        Some(interrupts) => interrupts.unless(stream.next()).await,
        None => Ok(stream.next().await),
    }
}

fn print_all(show: &Show, batch: &RecordBatch) -> Result<usize> {
    let mut printer = Printer::new(show)?;
    printer.batch(batch)?;
    printer.finish()?;
    Ok(batch.num_rows())
}

/// Prints results with their names as they are written in the query.
struct Printer {
    output: Option<Output>,
    /// Whether the form of output needs a name of its own for each column.
    own_names: bool,
    rows: usize,
}

impl Printer {
    fn new(show: &Show) -> Result<Self> {
        let own_names = !matches!(show.target.format, None | Some(Format::Table | Format::Csv | Format::Tsv));
        let output = if show.as_lines { None } else { Some(Output::new(&show.target)?) };
        Ok(Self { output, own_names, rows: 0 })
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = named_plainly(batch, self.own_names)?;
        match &mut self.output {
            Some(output) => output.batch(&batch),
            None => self.lines(&batch),
        }
    }

    /// Prints rows as lines, one for each column.
    fn lines(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = FormatOptions::default().with_null("-");
        let schema = batch.schema();
        let width = schema.fields().iter().map(|field| field.name().chars().count()).max().unwrap_or_default();
        let columns = batch.columns().iter().map(|array| ArrayFormatter::try_new(array, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut out = std::io::stdout().lock();
        for row in 0..batch.num_rows() {
            if self.rows > 0 {
                writeln!(out)?;
            }
            self.rows += 1;
            for (field, column) in schema.fields().iter().zip(&columns) {
                writeln!(out, "{:>width$} = {}", field.name(), visible(&column.value(row).to_string()))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        self.output.map_or(Ok(()), Output::finish)
    }
}

/// A batch whose columns have the names that are printed: two may have the same, unless each needs its own.
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
