//! `sawq find`: the records themselves.

use std::io::Write;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::functions_aggregate::count::count_all;
use datafusion::logical_expr::{Expr, ident};
use futures::StreamExt;
use sawlog_formats::{TextColumn, visible};

use crate::cli::{FindArgs, Order};
use crate::logs::resolve;
use crate::output::{Output, Target};
use crate::query::{EVIDENCE_ORDER, Query, with_columns};

/// Prints the records, and says whether there were any.
pub(crate) fn find(queries: &[Query], args: &FindArgs, target: &Target) -> Result<bool> {
    if args.count {
        return count(queries);
    }
    if args.columns.is_empty() && target.format.is_none() {
        return lines(queries, args, target);
    }
    let columns = if args.columns.is_empty() { all_columns(queries) } else { args.columns.clone() };
    let queries = with_columns(queries, &columns)?;
    rows(&queries, &columns, args, target)
}

/// All columns of the only log but those that only serve to print records; of several logs what they have in common.
fn all_columns(queries: &[Query]) -> Vec<String> {
    if let [query] = queries {
        let columns = query.format.table.columns.iter().map(|column| column.name);
        return columns
            .filter(|name| !["raw", "field_count", "fields", "gap"].contains(name))
            .map(str::to_owned)
            .collect();
    }
    let common = ["time", "log", "ip", "region", "account", "source_file", "source_line"];
    let callers = ["user", "operation", "error", "agent"];
    let flows = queries.iter().any(|query| resolve(query.format.table, "operation").is_none());
    let callers = callers.into_iter().filter(|_| !flows);
    common[..3].iter().copied().chain(callers).chain(common[3..].iter().copied()).map(str::to_owned).collect()
}

/// Prints the records themselves.
fn lines(queries: &[Query], args: &FindArgs, target: &Target) -> Result<bool> {
    let mut lines = Lines::new(target)?;
    let any = merged(queries.iter(), args, &[], &mut |query, batch| lines.print(query, batch))?;
    lines.flush()?;
    Ok(any)
}

/// Prints columns of the records, which have the same types whichever log they come from.
fn rows(queries: &[&Query], columns: &[String], args: &FindArgs, target: &Target) -> Result<bool> {
    let mut output = Output::new(target)?;
    let one_log = queries.len() == 1;
    let any = merged(queries.iter().copied(), args, columns, &mut |_, batch| {
        let places = (0..columns.len()).map(|place| batch.schema().index_of(&selected(place)));
        let batch = batch.project(&places.collect::<Result<Vec<_>, _>>()?)?;
        let arrays = columns.iter().zip(batch.columns()).map(|(name, array)| {
            // Text, whatever the log has, but for times and numbers of lines.
            let alike = one_log || array.data_type().is_temporal() || name == "source_line";
            let array = if alike { array.clone() } else { cast(array, &DataType::Utf8)? };
            anyhow::Ok((name.as_str(), array, true))
        });
        output.batch(&RecordBatch::try_from_iter_with_nullable(arrays.collect::<Result<Vec<_>>>()?)?)
    })?;
    output.finish()?;
    Ok(any)
}

/// The name of the record's time in the engine's batches.
const TIME: &str = "q_time";

/// The name of a selected column in the engine's batches.
fn selected(place: usize) -> String {
    format!("q_{place}")
}

/// What is done with records of a log.
type Take<'a> = dyn FnMut(&Query, &RecordBatch) -> Result<()> + 'a;

/// Gives the records of all logs to `take` in the order asked for, a batch at a time; says whether there were any.
fn merged<'a>(
    queries: impl Iterator<Item = &'a Query>,
    args: &FindArgs,
    columns: &[String],
    take: &mut Take<'_>,
) -> Result<bool> {
    let mut cursors = Vec::new();
    for query in queries.filter(|query| !query.is_ruled_out()) {
        // With --match it is only known later how many rows are left.
        let limit = args.number.filter(|_| query.filters.text.is_none());
        let stream = match args.sort {
            Order::Evidence => query.in_order(None, wanted(query, columns)?, limit)?,
            Order::Time => query.by_time(TIME, wanted(query, columns)?, limit)?,
        };
        let mut cursor = Cursor { query, stream, batch: None, row: 0, sort: args.sort };
        cursor.fill()?;
        cursors.push(cursor);
    }
    let mut left = args.number.unwrap_or(usize::MAX);
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
        take(cursor.query, &batch.slice(cursor.row, rows))?;
        any = true;
        left -= rows;
        cursor.row += rows;
        cursor.fill()?;
    }
    Ok(any)
}

/// Where a record stands in the order asked for: its time, if that counts, its file and line. Without a time it comes last.
type Key = (i64, String, i64);

/// The records of one log, as they are merged with those of others.
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
        // The rows are sorted, so the bound is found by halving.
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
    let files = TextColumn::new(&batch["source_file"]).map_err(|found| anyhow::anyhow!("source_file is {found}"))?;
    let lines = batch["source_line"].as_primitive_opt::<Int64Type>().context("source_line is no number")?;
    let time = match sort {
        Order::Time => {
            let times = batch[TIME].as_primitive_opt::<TimestampMicrosecondType>().context("no times")?;
            if times.is_valid(row) { times.value(row) } else { i64::MAX }
        }
        Order::Evidence => 0,
    };
    Ok((time, files.get(row).unwrap_or_default().to_owned(), lines.value(row)))
}

/// The columns by the names that were given, or those that printing needs; and what the order is told by.
fn wanted(query: &Query, columns: &[String]) -> Result<Vec<Expr>> {
    let mut wanted: Vec<Expr> = EVIDENCE_ORDER.map(ident).to_vec();
    wanted.push(query.time()?.alias(TIME));
    if columns.is_empty() {
        let printed = (query.format.printed)().into_iter().filter(|name| !EVIDENCE_ORDER.contains(name));
        wanted.extend(printed.map(ident));
    }
    for (place, name) in columns.iter().enumerate() {
        let column = resolve(query.format.table, name).with_context(|| format!("no column {name}"))?;
        wanted.push(column.alias(selected(place)));
    }
    Ok(wanted)
}

fn count(queries: &[Query]) -> Result<bool> {
    let mut all = 0;
    for query in queries.iter().filter(|query| !query.is_ruled_out()) {
        let frame = query.frame()?;
        if query.filters.text.is_none() {
            query.for_each(query.execute(frame.aggregate(Vec::new(), vec![count_all()])?)?, |batch| {
                all += usize::try_from(batch.column(0).as_primitive::<Int64Type>().value(0))?;
                Ok(true)
            })?;
        } else {
            query.for_each(query.execute(frame)?, |batch| {
                all += batch.num_rows();
                Ok(true)
            })?;
        }
    }
    println!("{all}");
    Ok(all > 0)
}

/// Prints lines: byte for byte into a pipe or file, without control characters on a terminal.
struct Lines {
    out: Box<dyn Write>,
    terminal: bool,
    line: Vec<u8>,
}

impl Lines {
    fn new(target: &Target) -> Result<Self> {
        Ok(Self { out: Box::new(target.open()?), terminal: target.is_terminal(), line: Vec::new() })
    }

    fn print(&mut self, query: &Query, batch: &RecordBatch) -> Result<()> {
        let printer = (query.format.printer)(batch)?;
        for row in 0..batch.num_rows() {
            self.line.clear();
            printer.print(row, &mut self.line);
            if self.terminal {
                let text = visible(&String::from_utf8_lossy(&self.line)).into_owned();
                self.line = text.into_bytes();
            }
            self.line.push(b'\n');
            self.out.write_all(&self.line)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}
