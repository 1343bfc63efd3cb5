//! The records' own text in evidence order: the threads that read data files print it, and the texts are merged.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context, Result, anyhow};
use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::ident;
use futures::StreamExt;
use sawlog_formats::{EvidencePlace, Format, TextColumn};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::filter::TextFilter;
use crate::printed;
use crate::query::{EVIDENCE_ORDER, Query};

/// About this many bytes of text are printed at a time, however long the texts are that rows share.
const CHUNK: usize = 256 << 10;

/// Up to this many chunks are read ahead.
const AHEAD: usize = 64;

/// Passes `take` the text of each record that matches some queries, with a line feed, sorted by source file and line;
/// up to `limit` records, if there is a limit. Returns whether there were any.
pub(crate) fn in_evidence_order(
    queries: &[Query],
    limit: Option<usize>,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<bool> {
    let mut cursors = Vec::new();
    for query in queries.iter().filter(|query| !query.is_ruled_out()) {
        cursors.extend(cursors_of(query, limit)?);
    }
    // The next record of each data file that has one, or a place before it, and the number of the file.
    let mut waiting: BTreeSet<_> =
        cursors.iter().enumerate().map(|(number, cursor)| (cursor.first.clone(), number)).collect();
    // One processor is busy with the data file whose records are taken, the others can read those that come next.
    let idle = available_parallelism().map_or(1, NonZero::get) - 1;
    let (mut left, mut any, mut ahead) = (limit.unwrap_or(usize::MAX), false, 0);
    while let Some((_, number)) = waiting.pop_first().filter(|_| left > 0) {
        // Once for each chunk: turns may change with every record.
        if cursors[number].row == 0 {
            let bounds = waiting.iter().skip(1).map(|(place, _)| Some(place)).chain([None]);
            for ((_, next), bound) in waiting.iter().zip(bounds).take(idle) {
                cursors[*next].read_ahead(bound, &mut ahead);
            }
        }
        let cursor = &mut cursors[number];
        if cursor.is_placed {
            left -= cursor.take_until(waiting.first().map(|(place, _)| place), left, &mut take)?;
            any = true;
        }
        waiting.extend(cursor.next_place(&mut ahead)?.map(|place| (place, number)));
    }
    Ok(any)
}

/// A cursor for each data file of a log.
fn cursors_of(query: &Query, limit: Option<usize>) -> Result<Vec<Cursor<'_>>> {
    // With a pattern, it is only known later how many rows match.
    let limit = limit.filter(|_| query.filters.text.is_none());
    let printed = (query.format.printed)().into_iter().filter(|name| !EVIDENCE_ORDER.contains(name));
    let wanted = EVIDENCE_ORDER.into_iter().chain(printed).map(ident).collect();
    let streams = query.in_order_by_file(wanted, limit)?;
    let cursor = |(first, stream)| {
        let (sender, chunks) = unbounded_channel();
        let wanted = Arc::new(Semaphore::new(1));
        let unread = Some((stream, sender));
        let first = EvidencePlace { file: first, line: i64::MIN };
        Cursor {
            query,
            first,
            is_placed: false,
            unread,
            chunks,
            wanted,
            missing: 1,
            task: None,
            printed: VecDeque::new(),
            row: 0,
        }
    };
    Ok(streams.into_iter().map(cursor).collect())
}

/// The texts of those rows of a batch that match the pattern.
struct Chunk {
    files: TextColumn,
    lines: Int64Array,
    /// The rows, and where the text of each ends.
    rows: Vec<(usize, usize)>,
    text: Vec<u8>,
}

impl Chunk {
    fn place(&self, row: usize) -> EvidencePlace<&str> {
        let (row, _) = self.rows[row];
        EvidencePlace { file: self.files.get(row).unwrap_or_default(), line: self.lines.value(row) }
    }

    fn text(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.rows[before].1);
        &self.text[start..self.rows[row].1]
    }
}

/// Prints the records of a data file, chunk by chunk, as many as are wanted.
async fn print(
    format: &'static Format,
    pattern: Option<TextFilter>,
    mut stream: SendableRecordBatchStream,
    chunks: UnboundedSender<Chunk>,
    wanted: Arc<Semaphore>,
) -> Result<()> {
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let mut row = 0;
        while row < batch.num_rows() {
            let one = wanted.acquire().await?;
            let (chunk, rows) = print_some(format, pattern.as_ref(), &batch, row)?;
            row = rows.end;
            if !chunk.rows.is_empty() {
                one.forget();
                chunks.send(chunk)?;
            }
        }
    }
    Ok(())
}

/// Prints rows of a batch from `start` on, until there is enough text. Also returns which rows it looked at.
fn print_some(
    format: &Format,
    pattern: Option<&TextFilter>,
    batch: &RecordBatch,
    start: usize,
) -> Result<(Chunk, Range<usize>)> {
    let files = TextColumn::new(&batch["source_file"]).map_err(|found| anyhow!("source_file has the type {found}"))?;
    let lines =
        batch["source_line"].as_primitive_opt::<Int64Type>().context("source_line does not hold numbers")?.clone();
    let printer = (format.printer)(batch)?;
    let (mut text, mut rows, mut row) = (Vec::with_capacity(CHUNK + CHUNK / 8), Vec::new(), start);
    while row < batch.num_rows() && text.len() < CHUNK {
        let before = text.len();
        printed::add(printer.as_ref(), row, &mut text);
        if pattern.is_none_or(|pattern| pattern.is_match(&text[before..])) {
            text.push(b'\n');
            rows.push((row, text.len()));
        } else {
            text.truncate(before);
        }
        row += 1;
    }
    Ok((Chunk { files, lines, rows, text }, start..row))
}

/// The printed records of a data file.
struct Cursor<'a> {
    query: &'a Query,
    /// No record comes before this place.
    first: EvidencePlace,
    /// Whether its next record's place is known.
    is_placed: bool,
    /// What its task begins with. A data file is only opened when its records are next: it takes memory.
    unread: Option<(SendableRecordBatchStream, UnboundedSender<Chunk>)>,
    chunks: UnboundedReceiver<Chunk>,
    /// How many chunks its task may still print.
    wanted: Arc<Semaphore>,
    /// How many chunks are wanted that have not come yet.
    missing: usize,
    task: Option<JoinHandle<Result<()>>>,
    printed: VecDeque<Chunk>,
    /// The next row of the first chunk.
    row: usize,
}

impl Cursor<'_> {
    /// Starts its task, if that has not been done.
    fn start(&mut self) {
        let Some((stream, sender)) = self.unread.take() else { return };
        let (format, pattern) = (self.query.format, self.query.filters.text.clone());
        let print = print(format, pattern, stream, sender, Arc::clone(&self.wanted));
        self.task = self.query.store.block_on(async { Some(tokio::spawn(print)) });
    }

    /// The place of its next record, if there is one.
    fn next_place(&mut self, ahead: &mut usize) -> Result<Option<EvidencePlace>> {
        self.is_placed = true;
        self.start();
        if self.printed.front().is_none_or(|chunk| self.row == chunk.rows.len()) {
            self.row = 0;
            if self.printed.len() > 1 {
                *ahead -= 1;
            }
            self.printed.pop_front();
            self.want_one();
            if self.printed.is_empty() {
                self.wait()?;
            }
        }
        let Some(chunk) = self.printed.front() else { return Ok(None) };
        Ok(Some(chunk.place(self.row).map(str::to_owned)))
    }

    /// Waits for a chunk; none comes if it was all.
    fn wait(&mut self) -> Result<()> {
        let (chunks, task) = (&mut self.chunks, &mut self.task);
        let chunk = self.query.store.block_on(async {
            match chunks.recv().await {
                Some(chunk) => anyhow::Ok(Some(chunk)),
                // It was all, or there was an error.
                None => match task.take() {
                    Some(task) => task.await?.map(|()| None),
                    None => Ok(None),
                },
            }
        })?;
        self.missing -= 1;
        self.printed.extend(chunk);
        self.want_one();
        Ok(())
    }

    /// Has its task print a chunk, if it has nothing to do.
    fn want_one(&mut self) {
        if self.missing == 0 {
            self.missing = 1;
            self.wanted.add_permits(1);
        }
    }

    /// Has its task print while records of another data file are taken: those before `bound`, but not too many.
    fn read_ahead(&mut self, bound: Option<&EvidencePlace>, ahead: &mut usize) {
        self.start();
        while let Ok(chunk) = self.chunks.try_recv() {
            self.missing -= 1;
            *ahead += usize::from(!self.printed.is_empty());
            self.printed.push_back(chunk);
        }
        let is_before = |chunk: &Chunk| bound.is_none_or(|bound| chunk.place(chunk.rows.len() - 1) < bound.as_ref());
        if *ahead < AHEAD && self.printed.back().is_some_and(is_before) {
            self.want_one();
        }
    }

    /// Returns the records before `bound`: at least one, and up to `most`. Also returns how many.
    fn take_until(
        &mut self,
        bound: Option<&EvidencePlace>,
        most: usize,
        take: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<usize> {
        let chunk = self.printed.front().context("a cursor that waits has a record")?;
        let mut end = chunk.rows.len();
        if let Some(bound) = bound {
            // The rows are sorted, so the bound is found by binary search.
            let mut low = self.row + 1;
            while low < end {
                let middle = low + (end - low) / 2;
                if chunk.place(middle) < bound.as_ref() { low = middle + 1 } else { end = middle }
            }
        }
        let rows = self.row..end.min(self.row.saturating_add(most));
        self.row = rows.end;
        for row in rows.clone() {
            take(chunk.text(row))?;
        }
        Ok(rows.len())
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
