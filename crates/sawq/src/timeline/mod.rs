//! `sawq timeline`: what happened, by time, over all logs; bursts of the same kind as one line.

mod burst;
mod lines;
mod records;
mod rows;

use anyhow::Result;
use futures::StreamExt;

use crate::cli::TimelineArgs;
use crate::events;
use crate::output::Target;
use crate::query::Query;

use burst::Folding;
pub(crate) use burst::{Burst, Printer};
use lines::Lines;
use records::Records;
pub(crate) use records::frame as records;
use rows::Rows;

/// How records become lines.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Folds {
    /// A line for each record.
    pub(crate) expand: bool,
    /// Up to this many lines, the first ones by time.
    pub(crate) most: Option<usize>,
}

/// Prints the timeline; says whether there was anything on it.
pub(crate) fn print(queries: &[Query], args: &TimelineArgs, target: &Target) -> Result<bool> {
    let mut printer: Box<dyn Printer> = match target.format {
        None => Box::new(Lines::new(Box::new(target.open()?), target.is_coloured())),
        Some(_) => Box::new(Rows::new(target)?),
    };
    let folds = Folds { expand: args.expand, most: Some(args.number).filter(|most| *most > 0) };
    let any = fold(queries, folds, printer.as_mut())?;
    printer.finish()?;
    Ok(any)
}

/// Gives the bursts of all logs to a printer, by time; says whether there were any.
pub(crate) fn fold(queries: &[Query], folds: Folds, printer: &mut dyn Printer) -> Result<bool> {
    let Some(query) = queries.first() else { return Ok(false) };
    let (mut folding, mut records) = (Folding::new(folds), Records::default());
    // Each line is a record if nothing is folded: so many of the first ones are enough.
    let frame = records::by_time(queries, folds.most.filter(|_| folds.expand))?;
    query.store.block_on(async {
        let mut stream = crate::query::execute(frame, events::NAME, &query.explain).await?;
        while let Some(batch) = stream.next().await {
            for record in records.of(&batch?)? {
                folding.add(record, printer)?;
            }
            if folding.has_enough() {
                break;
            }
        }
        anyhow::Ok(())
    })?;
    let any = folding.any;
    for (log, late) in folding.finish(printer)? {
        let log = queries.iter().map(|query| query.format.table.name).find(|name| *name == log);
        let note = format!("{late} records stand in the evidence after one that is later by time; find has that order");
        query.explain.note(log.unwrap_or(events::NAME), note);
    }
    Ok(any)
}
