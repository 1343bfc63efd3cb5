//! The rows that a run adds to the ledger, written as they come.

use std::collections::{HashMap, HashSet};
use std::iter::Peekable;
use std::vec::IntoIter;

use anyhow::Result;
use sawlog_store::parquet::Encoder;
use sawlog_store::{Run, SOURCES, Source, SourceState, StagedFile};

use super::Summary;
use super::replace::as_read;

/// This many rows of the ledger wait to be written. With hundreds of thousands of files, all rows would fill the
/// memory.
const LEDGER_ROWS: usize = 8192;

/// The ledger's rows of a run, in order of path.
#[derive(Debug)]
pub(super) struct LedgerRows<'p> {
    /// Rows that were known before anything was read.
    settled: Peekable<IntoIter<&'p Source>>,
    /// The originals that these rows are duplicates of.
    repeated: HashSet<&'p str>,
    /// The rows of files that are not read, whose content another file may have.
    unread: HashMap<String, Source>,
    waiting: Vec<Source>,
    encoder: Option<Encoder>,
    staged: Option<StagedFile>,
    rows: usize,
}

impl<'p> LedgerRows<'p> {
    pub(super) fn new(settled: &'p [Source]) -> Self {
        let mut settled: Vec<&Source> = settled.iter().collect();
        settled.sort_by(|a, b| a.path.cmp(&b.path));
        let repeated = settled.iter().filter_map(|source| source.duplicate_of.as_deref()).collect();
        let settled = settled.into_iter().peekable();
        Self { settled, repeated, unread: HashMap::new(), waiting: Vec::new(), encoder: None, staged: None, rows: 0 }
    }

    /// Adds the row of the next input, after settled ones that come before it. `may_repeat` says whether a later
    /// input may have the same content.
    pub(super) fn push(
        &mut self,
        source: Source,
        may_repeat: bool,
        run: &mut Run<'_>,
        summary: &mut Summary,
    ) -> Result<()> {
        while let Some(settled) = self.settled.next_if(|settled| settled.path < source.path) {
            self.add(settled.clone(), run, summary)?;
        }
        if source.state == SourceState::Unknown && (may_repeat || self.repeated.contains(source.path.as_str())) {
            self.unread.insert(source.path.clone(), source.clone());
        }
        self.add(source, run, summary)
    }

    /// Adds a row. A file with the same content as an unread file is an unread file, too, not its duplicate.
    fn add(&mut self, own: Source, run: &mut Run<'_>, summary: &mut Summary) -> Result<()> {
        let mut source = match own.duplicate_of.as_ref().and_then(|first| self.unread.get(first)) {
            None => own,
            Some(first) => as_read(&own, first),
        };
        summary.count(&source);
        source.run_id = run.id().into();
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

    /// Writes the remaining rows. Returns how many rows there were.
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
