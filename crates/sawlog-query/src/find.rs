//! The records themselves, in the order asked for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_empty_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::functions_aggregate::count::count_all;
use datafusion::logical_expr::{Expr, ident, lit};
use futures::StreamExt;
use sawlog_formats::{Printer, TextColumn};

use crate::events;
use crate::lines::in_evidence_order;
use crate::logs::{self, resolve};
use crate::printed;
use crate::query::{EVIDENCE_ORDER, Query, with_columns};
use crate::records::Records;

/// The order of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By file, then by line.
    #[default]
    Evidence,
    /// By time.
    Time,
}

impl Records {
    /// Passes `take` the text of each record as it is in its log, byte for byte, followed by a line feed; up to
    /// `limit` records, or all if it is 0. Returns whether there were any.
    ///
    /// # Errors
    ///
    /// If data files can't be read, or `take` fails.
    pub fn lines(&self, order: Order, limit: usize, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<bool> {
        if let Order::Evidence = order {
            return in_evidence_order(self.queries(), Some(limit).filter(|limit| *limit > 0), take);
        }
        let mut lines = Lines::default();
        let printed = self.queries().iter().map(|query| {
            let names = (query.format.printed)().into_iter().filter(|name| !EVIDENCE_ORDER.contains(name));
            Wanted { query, columns: names.map(ident).collect() }
        });
        merged(printed.collect(), order, limit, &mut |query, batch, rows| lines.print(query, batch, rows, &mut take))
    }

    /// Passes `take` batches of some columns of the records, all of one schema; an empty one if there are no records. A
    /// column is one of a table, a general name such as `ip` or `user`, or one of the view `events`; it is null where a
    /// log does not have it. Without columns: all columns if there is only one log, else those of `events`. Up to
    /// `limit` records, or all if it is 0. Returns whether there were any. Logs that [`Records::left_out`] returns are
    /// not read.
    ///
    /// # Errors
    ///
    /// A [`WrongValue`](crate::WrongValue) if there is no such column. Also if data files can't be read, or `take`
    /// fails.
    pub fn rows(
        &self,
        names: &[String],
        order: Order,
        limit: usize,
        mut take: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<bool> {
        let Columns { names, mut logs, types, .. } = columns(self.queries(), names)?;
        for log in &mut logs {
            let named = log.columns.drain(..).enumerate().map(|(place, column)| column.alias(selected(place)));
            log.columns = named.collect();
        }
        let any = merged(logs, order, limit, &mut |_, batch, rows| {
            let places = (0..names.len()).map(|place| batch.schema().index_of(&selected(place)));
            let batch = batch.slice(rows.start, rows.len()).project(&places.collect::<Result<Vec<_>, _>>()?)?;
            take(&table(&names, &types, |place| batch.column(place).clone())?)
        })?;
        if !any {
            take(&table(&names, &types, |place| new_empty_array(&types[place]))?)?;
        }
        Ok(any)
    }

    /// The logs that have records, but none of these columns: [`Records::rows`] leaves them out if other logs have a
    /// column of their own among these.
    ///
    /// # Errors
    ///
    /// A [`WrongValue`](crate::WrongValue) if there is no such column. Also if data files can't be read.
    pub fn left_out(&self, names: &[String]) -> Result<Vec<&'static str>> {
        with_records(columns(self.queries(), names)?.left_out)
    }

    /// How many records there are.
    ///
    /// # Errors
    ///
    /// If data files can't be read.
    pub fn count(&self) -> Result<u64> {
        let mut all: u64 = 0;
        for query in self.queries().iter().filter(|query| !query.is_ruled_out()) {
            let frame = query.frame(&[])?;
            if query.filters.text.is_none() {
                query.for_each(query.execute(frame.aggregate(Vec::new(), vec![count_all()])?)?, |batch| {
                    all += u64::try_from(batch.column(0).as_primitive::<Int64Type>().value(0))?;
                    Ok(true)
                })?;
            } else {
                query.for_each(query.execute(frame)?, |batch| {
                    all += batch.num_rows() as u64;
                    Ok(true)
                })?;
            }
        }
        Ok(all)
    }
}

/// The tables of those queries that any record matches.
pub(crate) fn with_records<'a>(queries: impl IntoIterator<Item = &'a Query>) -> Result<Vec<&'static str>> {
    let mut tables = Vec::new();
    for query in queries {
        if !query.is_ruled_out() && query.leaves_any()? {
            tables.push(query.format.table.name);
        }
    }
    Ok(tables)
}

/// A log, and the columns to read from it.
struct Wanted<'a> {
    query: &'a Query,
    columns: Vec<Expr>,
}

/// The columns to show, by name, and what they are in each log.
struct Columns<'a> {
    names: Vec<String>,
    /// Their types: the one that all logs have; else a number for whole numbers, and text.
    types: Vec<DataType>,
    logs: Vec<Wanted<'a>>,
    /// The logs that have none of them.
    left_out: Vec<&'a Query>,
}

/// Columns that say where a record stands and when it was, but nothing of what it says: every log has them.
const OF_EVERY_LOG: [&str; 5] = ["time", "date", "log", "source_file", "source_line"];

/// The columns of these names. Without names: if there is one log, all its columns except those that only serve to
/// print records; if there are several, the columns of the view `events`.
///
/// Names that mean something in every log leave no log out. But if a column of one log is among the names, other logs
/// are left out that have nothing for any of them.
fn columns<'a>(queries: &'a [Query], names: &[String]) -> Result<Columns<'a>> {
    let names = all_names(queries, names);
    let is_known = |name: &String| {
        event_type(name).is_some() || queries.iter().any(|query| resolve(query.format.table, name).is_some())
    };
    if !names.iter().all(is_known) {
        let unknown: Vec<String> = names.iter().filter(|name| !is_known(name)).cloned().collect();
        with_columns(queries, &unknown)?;
    }
    let is_of_every_log = |name: &String| OF_EVERY_LOG.contains(&name.as_str());
    let is_general = |name: &String| is_of_every_log(name) || event_type(name).is_some() || logs::is_general(name);
    let are_general = names.iter().all(is_general);
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for query in queries {
        let columns = of_log(query, &names, queries.len() > 1)?;
        let has_any = names.iter().zip(&columns).any(|(name, column)| column.is_some() && !is_of_every_log(name));
        if are_general || has_any {
            found.push((query, columns));
        } else {
            left_out.push(query);
        }
    }
    let types = types(&found, names.len())?;
    let or_null = |column: Option<Expr>| column.unwrap_or_else(|| lit(ScalarValue::Null));
    let wanted = |(query, columns): (&'a Query, Vec<Option<Expr>>)| Wanted {
        query,
        columns: columns.into_iter().map(or_null).collect(),
    };
    Ok(Columns { names, types, logs: found.into_iter().map(wanted).collect(), left_out })
}

/// The names of the columns to show, if these were asked for.
fn all_names(queries: &[Query], asked: &[String]) -> Vec<String> {
    let names: Vec<String> = asked.iter().map(|name| name.trim().to_owned()).collect();
    if !names.is_empty() && names != ["*"] {
        return names;
    }
    let [query] = queries else { return events::COLUMNS.iter().map(|(name, ..)| (*name).to_owned()).collect() };
    let columns = query.format.table.columns.iter().map(|column| column.name);
    let columns = columns.filter(|name| !["raw", "field_count", "fields", "gap", "skeleton"].contains(name));
    columns.map(str::to_owned).collect()
}

/// What the columns are in a log; `None` where it has nothing for one. What a name means in the view `events` goes
/// first if there are several logs, so that it means the same in all of them.
fn of_log(query: &Query, names: &[String], is_one_of_several: bool) -> Result<Vec<Option<Expr>>> {
    let roles = query.roles()?;
    let column = |name: &String| {
        let of_view =
            || if event_type(name).is_some() { events::column(query, event_name(name), &roles) } else { Ok(None) };
        let own = || resolve(query.format.table, name);
        if is_one_of_several { Ok(of_view()?.or_else(own)) } else { own().map_or_else(of_view, |own| Ok(Some(own))) }
    };
    names.iter().map(column).collect()
}

/// The types of columns.
fn types(logs: &[(&Query, Vec<Option<Expr>>)], number: usize) -> Result<Vec<DataType>> {
    let mut types: Vec<Option<DataType>> = vec![None; number];
    for (query, columns) in logs {
        let of_log = query.types(columns.iter().flatten())?;
        let has_it = types.iter_mut().zip(columns).filter(|(_, column)| column.is_some());
        for ((known, _), of_log) in has_it.zip(of_log) {
            *known = Some(known.take().map_or_else(|| of_log.clone(), |known| common(known, &of_log)));
        }
    }
    Ok(types.into_iter().map(|known| known.unwrap_or(DataType::Utf8)).collect())
}

/// A type for the values of both.
fn common(one: DataType, other: &DataType) -> DataType {
    match (&one, other) {
        _ if one == *other => one,
        (one, other) if one.is_integer() && other.is_integer() => DataType::Int64,
        // Bytes that are no UTF-8 have no text.
        (DataType::BinaryView, _) | (_, DataType::BinaryView) => DataType::BinaryView,
        _ => DataType::Utf8,
    }
}

/// A batch of columns of these types.
fn table(names: &[String], types: &[DataType], column: impl Fn(usize) -> ArrayRef) -> Result<RecordBatch> {
    let columns = names.iter().zip(types).enumerate().map(|(place, (name, data_type))| {
        let array = column(place);
        let array = if array.data_type() == data_type { array } else { cast(&array, data_type)? };
        anyhow::Ok((name.as_str(), array, true))
    });
    Ok(RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>>>()?)?)
}

/// The view's name for a column that has another general name.
fn event_name(name: &str) -> &str {
    match name {
        "user" => "actor",
        "ip" => "src_ip",
        "agent" | "useragent" => "user_agent",
        _ => name,
    }
}

/// The type of a column of the view of events.
fn event_type(name: &str) -> Option<&'static str> {
    let column = events::COLUMNS.iter().find(|(column, ..)| *column == event_name(name));
    column.map(|(_, data_type, _)| *data_type)
}

/// The name of the record's time in the engine's batches.
const TIME: &str = "q_time";

/// The name of a selected column in the engine's batches.
fn selected(place: usize) -> String {
    format!("q_{place}")
}

/// A function that is called with records of a log: some rows of a batch.
type Take<'a> = dyn FnMut(&Query, &RecordBatch, Range<usize>) -> Result<()> + 'a;

/// Passes the records of all logs to `take` in the order asked for, a batch at a time. Returns whether there were
/// any.
fn merged(logs: Vec<Wanted<'_>>, sort: Order, limit: usize, take: &mut Take<'_>) -> Result<bool> {
    let mut cursors = Vec::new();
    let number = Some(limit).filter(|limit| *limit > 0);
    for Wanted { query, columns } in logs.into_iter().filter(|log| !log.query.is_ruled_out()) {
        // With a pattern, it is only known later how many rows match.
        let limit = number.filter(|_| query.filters.text.is_none());
        let wanted = with_order(query, columns)?;
        let stream = match sort {
            Order::Evidence => query.in_order(None, wanted, limit)?,
            Order::Time => query.by_time(TIME, wanted, limit)?,
        };
        let mut cursor = Cursor { query, stream, batch: None, row: 0, sort };
        cursor.fill()?;
        cursors.push(cursor);
    }
    let mut left = number.unwrap_or(usize::MAX);
    let mut any = false;
    while left > 0 {
        let keys = cursors.iter().map(Cursor::key).collect::<Result<Vec<_>>>()?;
        let next = keys.iter().enumerate().filter_map(|(place, key)| Some((key.as_ref()?, place))).min();
        let Some((_, place)) = next else { break };
        let bound =
            keys.iter().enumerate().filter(|(other, _)| *other != place).filter_map(|(_, key)| key.as_ref()).min();
        let rows = cursors[place].rows_until(bound)?.min(left);
        let cursor = &mut cursors[place];
        let batch = cursor.batch.as_ref().context("a key comes from a batch")?;
        take(cursor.query, batch, cursor.row..cursor.row + rows)?;
        any = true;
        left -= rows;
        cursor.row += rows;
        cursor.fill()?;
    }
    Ok(any)
}

/// The sort key of a record: its time, if records are sorted by it, its file and line. A record without a time comes
/// last.
type Key = (i64, String, i64);

/// The records of one log, while they are merged with records of others.
struct Cursor<'a> {
    query: &'a Query,
    stream: SendableRecordBatchStream,
    batch: Option<RecordBatch>,
    row: usize,
    sort: Order,
}

impl Cursor<'_> {
    /// Reads on until there is a row, or the end.
    fn fill(&mut self) -> Result<()> {
        while self.batch.as_ref().is_none_or(|batch| self.row >= batch.num_rows()) {
            let Some(batch) = self.query.store.block_on(self.stream.next()) else {
                self.batch = None;
                return Ok(());
            };
            self.batch = Some(self.query.match_text(batch?)?);
            self.row = 0;
        }
        Ok(())
    }

    fn key(&self) -> Result<Option<Key>> {
        self.batch.as_ref().map(|batch| key_of(batch, self.row, self.sort)).transpose()
    }

    /// How many rows come before `bound`: at least one.
    fn rows_until(&self, bound: Option<&Key>) -> Result<usize> {
        let batch = self.batch.as_ref().context("a cursor with a row has a batch")?;
        let left = batch.num_rows() - self.row;
        let Some(bound) = bound else { return Ok(left) };
        // The rows are sorted, so the bound is found by binary search.
        let (mut low, mut high) = (1, left);
        while low < high {
            let middle = low + (high - low) / 2;
            if key_of(batch, self.row + middle, self.sort)? < *bound {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

fn key_of(batch: &RecordBatch, row: usize, sort: Order) -> Result<Key> {
    let files =
        TextColumn::new(&batch["source_file"]).map_err(|found| anyhow::anyhow!("source_file has the type {found}"))?;
    let lines = batch["source_line"].as_primitive_opt::<Int64Type>().context("source_line does not hold numbers")?;
    let time = match sort {
        Order::Time => {
            let times =
                batch[TIME].as_primitive_opt::<TimestampMicrosecondType>().context("a column does not hold times")?;
            if times.is_valid(row) { times.value(row) } else { i64::MAX }
        }
        Order::Evidence => 0,
    };
    Ok((time, files.get(row).unwrap_or_default().to_owned(), lines.value(row)))
}

/// The columns, and the keys of the order.
fn with_order(query: &Query, columns: Vec<Expr>) -> Result<Vec<Expr>> {
    let order = EVIDENCE_ORDER.map(ident).into_iter();
    Ok(order.chain([query.time()?.alias(TIME)]).chain(columns).collect())
}

/// The texts of records.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    /// For each log, by its table: the printer of the batch whose rows were printed last, and the first column of
    /// that batch.
    printers: HashMap<&'static str, (ArrayRef, Box<dyn Printer>)>,
}

impl Lines {
    fn print(
        &mut self,
        query: &Query,
        batch: &RecordBatch,
        rows: Range<usize>,
        take: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let (table, first) = (query.format.table.name, batch.column(0));
        if !self.printers.get(table).is_some_and(|(of, _)| Arc::ptr_eq(of, first)) {
            self.printers.insert(table, (Arc::clone(first), (query.format.printer)(batch)?));
        }
        let (_, printer) = self.printers.get(table).context("a printer for the batch")?;
        for row in rows {
            self.line.clear();
            printed::add(printer.as_ref(), row, &mut self.line);
            self.line.push(b'\n');
            take(&self.line)?;
        }
        Ok(())
    }
}
