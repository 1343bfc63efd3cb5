//! What happened, by time, over all logs; a burst of similar records is one line.

mod burst;
mod records;

use anyhow::Result;
use futures::StreamExt;
use sawlog_formats::counted;

use crate::engine::execute;
use crate::events;
use crate::records::Records;

pub use burst::{Burst, Kind as BurstKind};
use burst::{Folding, Take};
pub(crate) use records::frame;

/// How records become lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Folds {
    /// A line for each record.
    pub expand: bool,
    /// Up to this many lines, the first ones by time.
    pub most: Option<usize>,
}

impl Records {
    /// Passes `take` the bursts of all logs, by time. Returns whether there were any.
    ///
    /// # Errors
    ///
    /// If data files can't be read, or `take` fails.
    pub fn timeline(&self, folds: Folds, mut take: impl FnMut(Burst) -> Result<()>) -> Result<bool> {
        self.fold(folds, &mut take)
    }

    fn fold(&self, folds: Folds, take: &mut Take<'_>) -> Result<bool> {
        let queries = self.queries();
        let Some(query) = queries.first() else { return Ok(false) };
        let (mut folding, mut records) = (Folding::new(folds), records::Reader::default());
        // If nothing is folded, each line is a record: this many of the first ones are enough.
        let frame = records::by_time(queries, folds.most.filter(|_| folds.expand))?;
        query.store.block_on(async {
            let mut stream = execute(frame, events::NAME, &query.explain).await?;
            while let Some(batch) = stream.next().await {
                for record in records.of(&batch?)? {
                    folding.add(record, take)?;
                }
                if folding.has_enough() {
                    break;
                }
            }
            anyhow::Ok(())
        })?;
        let any = folding.any;
        for (log, late) in folding.finish(take)? {
            let log = queries.iter().map(|query| query.format.table.name).find(|name| *name == log);
            let come = if late == 1 { "comes" } else { "come" };
            let note = format!(
                "{} {come} after a later record in the evidence; 'find' keeps the order of the evidence",
                counted(late, "record")
            );
            query.explain.note(log.unwrap_or(events::NAME), note);
        }
        Ok(any)
    }
}
