//! Rows of the index in memory, packed, until they are sorted and written.
//!
//! Rows mostly come in order: those of one field in a row group, or those of an existing index. Sorting merges such
//! sequences, so it reads memory in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;

use sawlog_formats::Interner;

use super::field::FieldId;
use super::order::beginning;
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
    sequences: Vec<Sequence>,
}

/// Rows of one field in ascending order of their keys.
#[derive(Debug)]
struct Sequence {
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
        if !self.sequences.last().is_some_and(|sequence| self.continues(sequence, row)) {
            self.sequences.push(Sequence { field: row.field, rows: start..start, last: start });
        }
        put_text(row.value, &mut self.packed);
        put(row.data_file.0.into(), &mut self.packed);
        let source = row.first.map_or(0, |first| self.sources.intern(first.file));
        row.pack(source, &mut self.packed);
        if let Some(sequence) = self.sequences.last_mut() {
            (sequence.last, sequence.rows.end) = (start, self.packed.len());
        }
    }

    /// Whether a row may follow the last one of a sequence.
    fn continues(&self, sequence: &Sequence, row: &BorrowedRow<'_>) -> bool {
        let last = take_key(&mut &self.packed[sequence.last..]);
        sequence.field == row.field && last.is_some_and(|last| last <= (row.value, row.data_file))
    }

    /// The memory that the rows take while they are sorted, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.sources.memory()
            + self.packed.len()
            + self.sequences.len() * (size_of::<Sequence>() + size_of::<Cursor<'_>>())
    }

    /// Calls `take` with the rows of use, in order of their keys. Rows with equal keys keep the order in which they
    /// were added.
    pub(super) fn each_sorted(
        mut self,
        is_of_use: impl Fn(FieldId, DataFileId) -> bool,
        mut take: impl FnMut(&BorrowedRow<'_>) -> Result<()>,
    ) -> Result<()> {
        self.sequences.sort_by_key(|sequence| sequence.field);
        for sequences in self.sequences.chunk_by(|a, b| a.field == b.field) {
            self.merge(sequences, |row| if is_of_use(row.field, row.data_file) { take(row) } else { Ok(()) })?;
        }
        Ok(())
    }

    /// Calls `take` with the rows of some sequences of a field, in order of their keys.
    fn merge(&self, sequences: &[Sequence], mut take: impl FnMut(&BorrowedRow<'_>) -> Result<()>) -> Result<()> {
        let cursors = (0..)
            .zip(sequences)
            .filter_map(|(sequence, Sequence { rows, .. })| Cursor::next(sequence, &self.packed[rows.clone()]));
        let mut cursors: BinaryHeap<Reverse<Cursor<'_>>> = cursors.map(Reverse).collect();
        while let Some(mut least) = cursors.peek_mut() {
            let Reverse(Cursor { value, data_file, sequence, mut rest, .. }) = *least;
            let source = |source| Some(self.sources.get(source));
            let row = BorrowedRow::unpack((sequences[sequence].field, value, data_file), source, &mut rest);
            take(&row.expect("what was packed can be unpacked"))?;
            match Cursor::next(sequence, rest) {
                Some(next) => *least = Reverse(next),
                None => drop(PeekMut::pop(least)),
            }
        }
        Ok(())
    }
}

/// The next row of a sequence. Cursors are ordered by value and data file, and last by their sequences.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor<'a> {
    /// The first bytes of the value as a number, which decides most comparisons.
    begin: u64,
    value: Option<&'a [u8]>,
    data_file: DataFileId,
    sequence: usize,
    /// The row after its key, and those after it.
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// The first of some rows of a sequence; `None` if there are none.
    fn next(sequence: usize, mut rest: &'a [u8]) -> Option<Self> {
        let (value, data_file) = take_key(&mut rest)?;
        Some(Self { begin: value.map_or(0, beginning), value, data_file, sequence, rest })
    }
}

/// Takes the value and the data file of the first row.
fn take_key<'a>(bytes: &mut &'a [u8]) -> Option<(Option<&'a [u8]>, DataFileId)> {
    Some((take_text(bytes).ok()?, DataFileId(u32::try_from(take(bytes)?).ok()?)))
}
