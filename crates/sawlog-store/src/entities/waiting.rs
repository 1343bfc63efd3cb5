//! Rows of the index in memory, packed, until they are sorted and written.
//!
//! Rows mostly come in order: those of one field in a row group, or those of an existing index. Sorting merges such runs
//! of rows, so it reads memory in order and looks at few values more than once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;

use sawlog_formats::Interner;

use super::field::FieldId;
use super::packed::{put_text, take_text};
use super::row::{BorrowedRow, DataFileId};
use super::varint::{put, take};
use crate::error::Result;

/// The least memory for rows before they are spilled, in bytes.
pub(super) const LEAST_MEMORY: usize = 32 << 20;
/// The most memory for rows before they are spilled, in bytes.
pub(super) const MOST_MEMORY: usize = 512 << 20;

/// The rows.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    sources: Interner,
    /// One row after another: its value, its data file, and the rest as [`BorrowedRow::pack`] writes it.
    packed: Vec<u8>,
    runs: Vec<Run>,
}

/// Rows of one field in ascending order of their keys.
#[derive(Debug)]
struct Run {
    field: FieldId,
    /// Where they are.
    rows: Range<usize>,
    /// Where the last one begins.
    last: usize,
}

impl Waiting {
    /// Adds a row.
    pub(super) fn push(&mut self, row: &BorrowedRow<'_>) {
        let start = self.packed.len();
        if !self.runs.last().is_some_and(|run| self.continues(run, row)) {
            self.runs.push(Run { field: row.field, rows: start..start, last: start });
        }
        put_text(row.value, &mut self.packed);
        put(row.data_file.0.into(), &mut self.packed);
        let source = row.first.map_or(0, |first| self.sources.intern(first.file));
        row.pack(source, &mut self.packed);
        if let Some(run) = self.runs.last_mut() {
            (run.last, run.rows.end) = (start, self.packed.len());
        }
    }

    /// Whether a row may follow the last one of a run.
    fn continues(&self, run: &Run, row: &BorrowedRow<'_>) -> bool {
        let last = take_key(&mut &self.packed[run.last..]);
        run.field == row.field && last.is_some_and(|last| last <= (row.value, row.data_file))
    }

    /// The memory that the rows take while they are sorted, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.sources.memory() + self.packed.len() + self.runs.len() * (size_of::<Run>() + size_of::<Cursor<'_>>())
    }

    /// Calls `take` with the rows of use, in order of their keys. Rows with equal keys keep the order in which they
    /// were added.
    pub(super) fn each_sorted(
        mut self,
        is_of_use: impl Fn(FieldId, DataFileId) -> bool,
        mut take: impl FnMut(&BorrowedRow<'_>) -> Result<()>,
    ) -> Result<()> {
        self.runs.sort_by_key(|run| run.field);
        for runs in self.runs.chunk_by(|a, b| a.field == b.field) {
            self.merge(runs, |row| if is_of_use(row.field, row.data_file) { take(row) } else { Ok(()) })?;
        }
        Ok(())
    }

    /// Calls `take` with the rows of some runs of a field, in order of their keys.
    fn merge(&self, runs: &[Run], mut take: impl FnMut(&BorrowedRow<'_>) -> Result<()>) -> Result<()> {
        let cursors =
            (0..).zip(runs).filter_map(|(run, Run { rows, .. })| Cursor::next(run, &self.packed[rows.clone()]));
        let mut cursors: BinaryHeap<Reverse<Cursor<'_>>> = cursors.map(Reverse).collect();
        while let Some(mut least) = cursors.peek_mut() {
            let Reverse(Cursor { value, data_file, run, mut rest, .. }) = *least;
            let source = |source| Some(self.sources.get(source));
            let row = BorrowedRow::unpack((runs[run].field, value, data_file), source, &mut rest);
            take(&row.expect("what was packed can be unpacked"))?;
            match Cursor::next(run, rest) {
                Some(next) => *least = Reverse(next),
                None => drop(PeekMut::pop(least)),
            }
        }
        Ok(())
    }
}

/// The next row of a run. Cursors are ordered by value and data file, and last by their runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor<'a> {
    /// The first bytes of the value as a number, which decides most comparisons.
    begin: u64,
    value: Option<&'a [u8]>,
    data_file: DataFileId,
    run: usize,
    /// The row after its key, and those after it.
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// The first of some rows of a run; `None` if there are none.
    fn next(run: usize, mut rest: &'a [u8]) -> Option<Self> {
        let (value, data_file) = take_key(&mut rest)?;
        Some(Self { begin: value.map_or(0, begin), value, data_file, run, rest })
    }
}

/// Takes the value and the data file of the first row.
fn take_key<'a>(bytes: &mut &'a [u8]) -> Option<(Option<&'a [u8]>, DataFileId)> {
    Some((take_text(bytes)?, DataFileId(u32::try_from(take(bytes)?).ok()?)))
}

/// The first eight bytes of a value as a number that sorts like them.
fn begin(value: &[u8]) -> u64 {
    value.first_chunk().map_or_else(
        || value.iter().chain(&[0; 8]).take(8).fold(0, |begin, byte| begin << 8 | u64::from(*byte)),
        |first| u64::from_be_bytes(*first),
    )
}
