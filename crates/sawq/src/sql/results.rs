//! Queries, and how their results are printed.

use std::time::Instant;

use anyhow::{Result, ensure};
use arrow::array::RecordBatch;
use sawlog_query::Records;
use sawlog_query::sql::{Rows, Session, Statement};

use super::interrupts::Interrupts;
use crate::options::Format;
use crate::output::{Output, Target};

/// How results are printed.
#[derive(Clone, Debug)]
pub(crate) struct Show {
    pub(crate) target: Target,
    /// Whether to say how long each query took.
    pub(crate) timed: bool,
}

impl Show {
    /// Whether the form needs a name of its own for each column.
    fn needs_own_names(&self) -> bool {
        !matches!(self.target.format, None | Some(Format::Table | Format::Line | Format::Csv | Format::Tsv))
    }
}

/// Runs the statements of a text, one after the other, and prints their results.
pub(crate) fn run(
    records: &Records,
    session: &mut Session<'_>,
    text: &str,
    show: &Show,
    mut interrupts: Option<&mut Interrupts>,
) -> Result<()> {
    let statements = session.statements(text)?;
    let results = statements.iter().filter(|statement| statement.has_rows()).count();
    ensure!(results <= 1 || !show.target.is_file(), "a file takes the results of one query, not of {results}");
    ensure!(!statements.is_empty(), "there is no query");
    for statement in statements {
        let started = Instant::now();
        let rows = records.block_on(answer(session, statement, show, interrupts.as_deref_mut()))??;
        if let Some(rows) = rows.filter(|_| show.timed) {
            eprintln!("sawq: {rows} rows in {:.3} s", started.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// Runs a statement, and prints its result; how many rows that has, if it is one that has any.
async fn answer(
    session: &mut Session<'_>,
    statement: Statement,
    show: &Show,
    mut interrupts: Option<&mut Interrupts>,
) -> Result<Option<usize>> {
    let Some(rows) = session.ask(statement).await? else { return Ok(None) };
    let mut rows = if show.needs_own_names() { rows } else { rows.as_written() };
    let mut output = Output::new(&show.target)?;
    let mut count = 0;
    while let Some(batch) = next(&mut rows, interrupts.as_deref_mut()).await? {
        count += batch.num_rows();
        output.batch(&batch)?;
    }
    output.finish()?;
    Ok(Some(count))
}

/// The next batch, unless the query is interrupted.
async fn next(rows: &mut Rows<'_>, interrupts: Option<&mut Interrupts>) -> Result<Option<RecordBatch>> {
    match interrupts {
        Some(interrupts) => interrupts.unless(Box::pin(rows.next())).await?,
        None => rows.next().await,
    }
}
