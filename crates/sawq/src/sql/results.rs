//! Queries, and how their results are printed.

use std::time::Instant;

use anyhow::{Result, anyhow, bail, ensure};
use arrow::array::RecordBatch;
use sawlog_formats::counted;
use sawlog_query::Records;
use sawlog_query::sql::{Rows, Session, Statement};

use super::interrupts::{Interrupts, STOPPED};
use crate::options::Format;
use crate::output::{Output, Target, say};
use crate::usage::BadCommand;

/// How results are printed.
#[derive(Clone, Debug)]
pub(crate) struct Show {
    pub(crate) target: Target,
    /// Whether to say how long each query took.
    pub(crate) timed: bool,
}

impl Show {
    /// Whether the form needs distinct names for columns.
    fn needs_own_names(&self) -> bool {
        !matches!(self.target.format, None | Some(Format::Table | Format::Line | Format::Csv | Format::Tsv))
    }

    /// Refuses more results than the output can hold, before any is written.
    pub(super) fn takes(&self, results: usize) -> Result<()> {
        ensure!(results <= 1 || !self.target.is_file(), "a file can hold the results of one query, not of {results}");
        let form = match self.target.format {
            Some(Format::Json) => "JSON",
            Some(Format::Parquet) => "Parquet",
            Some(Format::Arrow | Format::Arrows) => "Arrow",
            _ => return Ok(()),
        };
        if results > 1 {
            bail!(BadCommand(format!(
                "{form} can hold the results of one query, not of {results}; run one at a time, or choose --format ndjson or csv"
            )));
        }
        Ok(())
    }
}

/// How many results the statements of a text have.
pub(super) fn results(session: &Session<'_>, text: &str) -> Result<usize> {
    Ok(session.statements(text)?.iter().filter(|statement| statement.has_rows()).count())
}

/// Runs the statements of a text, one after another, and prints their results.
pub(crate) fn run(
    records: &Records,
    session: &mut Session<'_>,
    text: &str,
    show: &Show,
    mut interrupts: Option<&mut Interrupts>,
) -> Result<()> {
    let statements = session.statements(text)?;
    if interrupts.is_none() {
        show.takes(statements.iter().filter(|statement| statement.has_rows()).count())?;
    }
    ensure!(!statements.is_empty(), "there is no query to run");
    for statement in statements {
        let started = Instant::now();
        let has_another = show.target.is_full();
        let answered = records.block_on(answer(session, statement, show, interrupts.as_deref_mut()))?;
        // At the prompt, what follows would be written into the pager's page.
        let has_seen_enough = interrupts.is_some() && show.target.leave_pager()?;
        let rows = answered.or_else(|error| if has_seen_enough { Ok(None) } else { Err(error) }).map_err(|error| {
            if !has_another {
                show.target.abandon();
            }
            let is_stopped = interrupts.as_ref().is_some_and(|interrupts| interrupts.stopped().is_set());
            if is_stopped { anyhow!(STOPPED) } else { error }
        })?;
        if let Some(rows) = rows.filter(|_| show.timed) {
            say(&format!("sawq: {} in {:.3} s", counted(rows, "row"), started.elapsed().as_secs_f64()));
        }
    }
    Ok(())
}

/// Runs a statement, and prints its result. Returns the number of rows, if it has a result.
async fn answer(
    session: &mut Session<'_>,
    statement: Statement,
    show: &Show,
    mut interrupts: Option<&mut Interrupts>,
) -> Result<Option<usize>> {
    let Some(rows) = session.ask(statement).await? else { return Ok(None) };
    let mut rows = if show.needs_own_names() { rows } else { rows.as_written() };
    let mut output = Output::new(&show.target)?;
    let (mut count, mut any) = (0, false);
    while let Some(batch) = next(&mut rows, interrupts.as_deref_mut()).await? {
        count += batch.num_rows();
        any = true;
        output.batch(&batch)?;
    }
    if !any {
        output.batch(&rows.none()?)?;
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
