//! The rows that a run adds to the ledger, written as they come. Each data file has them in order of path: so the
//! ledger can be read in that order without holding all of it.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use sawlog_store::parquet::Encoder;
use sawlog_store::{Run, SOURCES, Source, SourceState, StagedFile};

use super::Summary;
use super::replace::as_read;

/// This many rows of the ledger wait to be written. With hundreds of thousands of files, all rows would fill the
/// memory.
const LEDGER_ROWS: usize = 8192;
/// If they do not come in order, more of them wait, so that there are fewer data files to merge.
const UNSORTED_ROWS: usize = 4 * LEDGER_ROWS;

/// The ledger's rows of a run.
#[derive(Debug)]
pub(super) struct LedgerRows<'p> {
    /// Rows that were known before anything was read.
    settled: &'p [Source],
    /// The originals that these rows are duplicates of.
    repeated: HashSet<&'p str>,
    /// The rows of files that are not read, whose content another file may have.
    unread: HashMap<String, Source>,
    waiting: Vec<Source>,
    /// Whether those come in order of path, after the rows of the data file that is being written.
    is_sorted: bool,
    encoder: Option<Encoder>,
    /// The data file that is being written, and the path of its last row.
    staged: Option<(StagedFile, String)>,
    rows: usize,
}

impl<'p> LedgerRows<'p> {
    pub(super) fn new(settled: &'p [Source]) -> Self {
        let repeated = settled.iter().filter_map(|source| source.duplicate_of.as_deref()).collect();
        Self {
            settled,
            repeated,
            unread: HashMap::new(),
            waiting: Vec::new(),
            is_sorted: true,
            encoder: None,
            staged: None,
            rows: 0,
        }
    }

    /// Adds the row of the next input. `may_repeat` says whether a later input may have the same content.
    pub(super) fn push(
        &mut self,
        source: Source,
        may_repeat: bool,
        run: &mut Run<'_>,
        summary: &mut Summary,
    ) -> Result<()> {
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
        let before = self.waiting.last().map(|last| &last.path).or(self.staged.as_ref().map(|(_, last)| last));
        self.is_sorted &= before.is_none_or(|before| *before <= source.path);
        self.waiting.push(source);
        self.rows += 1;
        let most = if self.is_sorted { LEDGER_ROWS } else { UNSORTED_ROWS };
        if self.waiting.len() >= most { self.write(run) } else { Ok(()) }
    }

    fn write(&mut self, run: &mut Run<'_>) -> Result<()> {
        if !self.is_sorted {
            self.waiting.sort_by(|a, b| a.path.cmp(&b.path));
            self.is_sorted = true;
        }
        let (Some(first), Some(last)) = (self.waiting.first(), self.waiting.last()) else { return Ok(()) };
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder::new(&SOURCES, run.codec())?),
        };
        let row_group = encoder.encode(&Source::batch(&self.waiting))?;
        let mut staged = match self.staged.take() {
            Some((staged, before)) if before <= first.path => staged,
            before => {
                before.map_or(Ok(()), |(staged, _)| run.close_file(staged))?;
                run.create_file(&SOURCES, None)?
            }
        };
        run.append(&mut staged, row_group)?;
        self.staged = Some((staged, last.path.clone()));
        self.waiting.clear();
        Ok(())
    }

    /// Writes the remaining rows. Returns how many rows there were.
    pub(super) fn finish(mut self, run: &mut Run<'_>, summary: &mut Summary) -> Result<usize> {
        for settled in self.settled {
            self.add(settled.clone(), run, summary)?;
        }
        self.write(run)?;
        if let Some((staged, _)) = self.staged.take() {
            run.close_file(staged)?;
        }
        Ok(self.rows)
    }
}
