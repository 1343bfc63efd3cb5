//! The records' own text in evidence order: the threads that read data files print their records, and the texts are merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use anyhow::{Context, Result, anyhow};
use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::ident;
use futures::StreamExt;
use sawlog_formats::{Format, TextColumn};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::filter::TextFilter;
use crate::query::{EVIDENCE_ORDER, Query};

/// About this many bytes of text are printed at a time, however long the texts are that rows share.
const CHUNK: usize = 256 << 10;

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
    // The next record of each data file that has one, and its number.
    let mut waiting = BinaryHeap::new();
    for (number, cursor) in cursors.iter_mut().enumerate() {
        waiting.extend(cursor.next_place()?.map(|place| Reverse((place, number))));
    }
    let mut left = limit.unwrap_or(usize::MAX);
    let any = left > 0 && !waiting.is_empty();
    while let Some(Reverse((_, number))) = waiting.pop().filter(|_| left > 0) {
        let cursor = &mut cursors[number];
        let bound = waiting.peek().map(|Reverse((place, _))| place);
        left -= cursor.take_until(bound, left, &mut take)?;
        waiting.extend(cursor.next_place()?.map(|place| Reverse((place, number))));
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
    let (format, pattern) = (query.format, &query.filters.text);
    let spawned = query.store.block_on(async {
        let spawn = |stream| {
            let (sender, chunks) = channel(1);
            (chunks, tokio::spawn(print(format, pattern.clone(), stream, sender)))
        };
        streams.into_iter().map(spawn).collect::<Vec<_>>()
    });
    Ok(spawned.into_iter().map(|(chunks, task)| Cursor { query, chunks, task, chunk: None, row: 0 }).collect())
}

/// The place of a record: source file and line.
type Place = (String, i64);

/// The texts of those rows of a batch that match the pattern.
struct Chunk {
    files: TextColumn,
    lines: Int64Array,
    /// The rows, and where the text of each ends.
    rows: Vec<(usize, usize)>,
    text: Vec<u8>,
}

impl Chunk {
    fn place(&self, row: usize) -> (&str, i64) {
        let (row, _) = self.rows[row];
        (self.files.get(row).unwrap_or_default(), self.lines.value(row))
    }

    fn text(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.rows[before].1);
        &self.text[start..self.rows[row].1]
    }
}

/// Prints the records of a data file, chunk by chunk, as long as somebody takes them.
async fn print(
    format: &'static Format,
    pattern: Option<TextFilter>,
    mut stream: SendableRecordBatchStream,
    chunks: Sender<Chunk>,
) -> Result<()> {
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let mut row = 0;
        while row < batch.num_rows() {
            let (chunk, rows) = print_some(format, pattern.as_ref(), &batch, row)?;
            row = rows.end;
            if !chunk.rows.is_empty() && chunks.send(chunk).await.is_err() {
                return Ok(());
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
        printer.print(row, &mut text);
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
    chunks: Receiver<Chunk>,
    task: JoinHandle<Result<()>>,
    chunk: Option<Chunk>,
    row: usize,
}

impl Cursor<'_> {
    /// The place of its next record, if there is one.
    fn next_place(&mut self) -> Result<Option<Place>> {
        if self.chunk.as_ref().is_none_or(|chunk| self.row == chunk.rows.len()) {
            let (chunks, task) = (&mut self.chunks, &mut self.task);
            self.chunk = self.query.store.block_on(async {
                match chunks.recv().await {
                    Some(chunk) => anyhow::Ok(Some(chunk)),
                    // It was all, or there was an error.
                    None => task.await?.map(|()| None),
                }
            })?;
            self.row = 0;
        }
        let Some(chunk) = &self.chunk else { return Ok(None) };
        let (file, line) = chunk.place(self.row);
        Ok(Some((file.to_owned(), line)))
    }

    /// Returns the records before `bound`: at least one, and up to `most`. Also returns how many.
    fn take_until(
        &mut self,
        bound: Option<&Place>,
        most: usize,
        take: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<usize> {
        let chunk = self.chunk.as_ref().context("a cursor that waits has a record")?;
        let mut end = chunk.rows.len();
        if let Some((file, line)) = bound {
            // The rows are sorted, so the bound is found by binary search.
            let mut low = self.row + 1;
            while low < end {
                let middle = low + (end - low) / 2;
                if chunk.place(middle) < (file.as_str(), *line) { low = middle + 1 } else { end = middle }
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
        self.task.abort();
    }
}
