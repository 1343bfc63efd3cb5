//! The rows that a run adds to the ledger, written as they come.

use std::iter::Peekable;
use std::vec::IntoIter;

use anyhow::Result;
use sawlog_store::parquet::Encoder;
use sawlog_store::{Run, SOURCES, Source, StagedFile};

use super::Summary;

/// So many rows of the ledger wait to be written: a row for each of hundreds of thousands of files would fill the memory.
const LEDGER_ROWS: usize = 8192;

/// The ledger's rows of a run, in order of path.
#[derive(Debug)]
pub(super) struct LedgerRows<'p> {
    /// Those that were known before anything was read.
    settled: Peekable<IntoIter<&'p Source>>,
    waiting: Vec<Source>,
    encoder: Option<Encoder>,
    staged: Option<StagedFile>,
    rows: usize,
}

impl<'p> LedgerRows<'p> {
    pub(super) fn new(settled: &'p [Source]) -> Self {
        let mut settled: Vec<&Source> = settled.iter().collect();
        settled.sort_by(|a, b| a.path.cmp(&b.path));
        let settled = settled.into_iter().peekable();
        Self { settled, waiting: Vec::new(), encoder: None, staged: None, rows: 0 }
    }

    /// Adds the row of the next input, after those settled that come before it.
    pub(super) fn push(&mut self, source: Source, run: &mut Run<'_>, summary: &mut Summary) -> Result<()> {
        while let Some(settled) = self.settled.next_if(|settled| settled.path < source.path) {
            self.add(settled.clone(), run, summary)?;
        }
        self.add(source, run, summary)
    }

    fn add(&mut self, mut source: Source, run: &mut Run<'_>, summary: &mut Summary) -> Result<()> {
        summary.count(&source);
        run.id().clone_into(&mut source.run_id);
        self.waiting.push(source);
        self.rows += 1;
        if self.waiting.len() >= LEDGER_ROWS { self.write(run) } else { Ok(()) }
    }

    fn write(&mut self, run: &mut Run<'_>) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder::new(&SOURCES, run.codec())?),
        };
        let row_group = encoder.encode(&Source::batch(&self.waiting))?;
        self.waiting.clear();
        let staged = match &mut self.staged {
            Some(staged) => staged,
            none => none.insert(run.create_file(&SOURCES, None)?),
        };
        Ok(run.append(staged, row_group)?)
    }

    /// Writes what is left; gives how many rows there were.
    pub(super) fn finish(mut self, run: &mut Run<'_>, summary: &mut Summary) -> Result<usize> {
        while let Some(settled) = self.settled.next() {
            self.add(settled.clone(), run, summary)?;
        }
        self.write(run)?;
        if let Some(staged) = self.staged.take() {
            run.close_file(staged)?;
        }
        Ok(self.rows)
    }
}
