//! `sawq find`: the records themselves.

use std::io::{IsTerminal, Write};

use anyhow::Result;
use arrow::array::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::prelude::col;
use sawlog_formats::s3_access::LinePrinter;

use crate::cli::{FindArgs, Format, Order};
use crate::output::{Output, visible};
use crate::query::{Query, column};
use crate::scan::ReadAs;

/// Prints the records, and says whether there were any.
pub(crate) fn find(query: &Query, args: &FindArgs, format: Option<Format>) -> Result<bool> {
    if args.count {
        return count(query);
    }
    let columns: Vec<String> = args.columns.iter().map(|name| column(name)).collect::<Result<_>>()?;
    let read_as = ReadAs { in_order: args.sort == Order::Evidence, ..ReadAs::default() };
    let frame = sorted(query.frame(&read_as)?, args.sort)?;
    // With --match it is only known later how many rows are left.
    let frame = match args.number {
        Some(number) if query.filters.text.is_none() => frame.limit(0, Some(number))?,
        _ => frame,
    };
    let mut left = args.number.unwrap_or(usize::MAX);
    let mut any = false;
    let mut take = |query: &Query, frame: DataFrame, print: &mut dyn FnMut(&RecordBatch) -> Result<()>| {
        query.for_each(frame, |batch| {
            let batch = batch.slice(0, batch.num_rows().min(left));
            left -= batch.num_rows();
            any |= batch.num_rows() > 0;
            print(&batch)?;
            Ok(left > 0)
        })
    };
    if columns.is_empty() && format.is_none() {
        let mut lines = Lines::new();
        take(query, frame, &mut |batch| lines.print(batch))?;
        lines.flush()?;
    } else {
        let names = if columns.is_empty() { all_columns() } else { columns };
        let frame = if query.filters.text.is_some() { frame } else { frame.select_columns(&strs(&names))? };
        let mut output = Output::new(format)?;
        take(query, frame, &mut |batch| {
            let places = names.iter().map(|name| batch.schema().index_of(name)).collect::<Result<Vec<_>, _>>()?;
            output.batch(&batch.project(&places)?)
        })?;
        output.finish()?;
    }
    Ok(any)
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// All columns but those that only serve to print lines.
fn all_columns() -> Vec<String> {
    let columns = sawlog_formats::s3_access::TABLE.columns.iter().map(|column| column.name);
    columns.filter(|name| !["raw", "field_count"].contains(name)).map(str::to_owned).collect()
}

fn sorted(frame: DataFrame, order: Order) -> Result<DataFrame> {
    let ascending = |name: &str| col(name).sort(true, false);
    let keys = match order {
        Order::Evidence => vec![ascending("source_file"), ascending("source_line")],
        Order::Time => vec![ascending("time"), ascending("source_file"), ascending("source_line")],
    };
    Ok(frame.sort(keys)?)
}

fn count(query: &Query) -> Result<bool> {
    let frame = query.frame(&ReadAs::default())?;
    let rows = if query.filters.text.is_none() {
        query.store.block_on(frame.count())?
    } else {
        let mut rows = 0;
        query.for_each(frame, |batch| {
            rows += batch.num_rows();
            Ok(true)
        })?;
        rows
    };
    println!("{rows}");
    Ok(rows > 0)
}

/// Prints lines: byte for byte into a pipe or file, without control characters on a terminal.
struct Lines {
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
    terminal: bool,
    line: Vec<u8>,
}

impl Lines {
    fn new() -> Self {
        let out = std::io::stdout();
        let terminal = out.is_terminal();
        Self { out: std::io::BufWriter::with_capacity(256 << 10, out.lock()), terminal, line: Vec::new() }
    }

    fn print(&mut self, batch: &RecordBatch) -> Result<()> {
        let printer = LinePrinter::new(batch)?;
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
