//! An external merge sort: sorted rows of the index are spilled to disk and merged, so a run of any size is sorted
//! within the same memory.
//!
//! A spill is a sequence of blocks, each prefixed by its size in bytes. A block is a sequence of rows. A row is its
//! field, value and data file; the name of its source file, if it is the first row of the block with that one; and the
//! rest as [`BorrowedRow::pack`] writes it.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::ops::Range;
use std::path::Path;

use sawlog_formats::Interner;

use super::field::FieldId;
use super::packed::{put_text, take_text};
use super::row::{BorrowedRow, DataFileId, Key};
use super::varint::{put, take};
use crate::error::{Result, StoreError};

/// A block is written when it reaches this size, in bytes. A merge keeps one block of each spill in memory.
const BLOCK_BYTES: usize = 128 << 10;

/// Sorted rows in an unnamed file: the system deletes it when it is closed, even if the process is killed.
#[derive(Debug)]
pub(super) struct Spill(File);

impl Spill {
    /// Merges spills: calls `take` with the rows of use, in order of their keys. Errors name `folder`.
    pub(super) fn merge(
        spills: Vec<Self>,
        folder: &Path,
        is_of_use: impl Fn(FieldId, DataFileId) -> bool,
        mut take: impl FnMut(&BorrowedRow<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut cursors = BinaryHeap::new();
        for spill in spills {
            cursors.extend(Cursor::open(spill).map_err(StoreError::io(folder))?.map(Reverse));
        }
        while let Some(mut least) = cursors.peek_mut() {
            let row = least.0.row();
            if is_of_use(row.field, row.data_file) {
                take(&row)?;
            }
            if !least.0.advance().map_err(StoreError::io(folder))? {
                PeekMut::pop(least);
            }
        }
        Ok(())
    }
}

/// Writes a spill.
pub(super) struct SpillWriter {
    file: BufWriter<File>,
    /// The next block, and the names of the source files in it.
    block: Vec<u8>,
    sources: Interner,
}

impl SpillWriter {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, tempfile::tempfile_in(folder)?);
        Ok(Self { file, block: Vec::new(), sources: Interner::default() })
    }

    /// Writes a row whose key is not less than the last one's.
    pub(super) fn write(&mut self, row: &BorrowedRow<'_>) -> io::Result<()> {
        let block = &mut self.block;
        put(row.field.number().into(), block);
        put_text(row.value, block);
        put(row.data_file.0.into(), block);
        let known = self.sources.len();
        let source = row.first.map_or(0, |first| self.sources.intern(first.file));
        put_text(row.first.map(|first| first.file).filter(|_| self.sources.len() > known), block);
        row.pack(source, block);
        if block.len() >= BLOCK_BYTES { self.write_block() } else { Ok(()) }
    }

    fn write_block(&mut self) -> io::Result<()> {
        self.file.write_all(&(self.block.len() as u64).to_le_bytes())?;
        self.file.write_all(&self.block)?;
        self.block.clear();
        self.sources = Interner::default();
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Spill> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Spill(file))
    }
}

/// Reads a spill row by row. Cursors are ordered by the key of their next row.
struct Cursor {
    file: BufReader<File>,
    block: Vec<u8>,
    /// The rows of the block.
    rows: Vec<Place>,
    /// The index of the next row.
    row: usize,
    /// The ranges in the block with the names of its source files.
    sources: Vec<Range<usize>>,
}

/// The key of a row, and where the row is in its block.
struct Place {
    field: FieldId,
    value: Option<Range<usize>>,
    data_file: DataFileId,
    /// The offset of its packed part.
    packed: usize,
}

impl Cursor {
    /// Opens a spill; `None` if it has no rows.
    fn open(Spill(file): Spill) -> io::Result<Option<Box<Self>>> {
        let file = BufReader::new(file);
        let mut cursor = Box::new(Self { file, block: Vec::new(), rows: Vec::new(), row: 0, sources: Vec::new() });
        Ok(cursor.read_block()?.then_some(cursor))
    }

    fn key(&self) -> Key<'_> {
        let Place { field, value, data_file, .. } = &self.rows[self.row];
        (*field, value.as_ref().map(|value| &self.block[value.clone()]), *data_file)
    }

    fn row(&self) -> BorrowedRow<'_> {
        let source = |source: u32| Some(&self.block[self.sources.get(source as usize)?.clone()]);
        let row = BorrowedRow::unpack(self.key(), source, &mut &self.block[self.rows[self.row].packed..]);
        row.expect("all rows of a block are unpacked when it is read")
    }

    /// Moves to the next row; returns whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        self.row += 1;
        Ok(self.row < self.rows.len() || self.read_block()?)
    }

    /// Reads the next block; returns whether there is one.
    fn read_block(&mut self) -> io::Result<bool> {
        if self.file.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let mut size = [0; 8];
        self.file.read_exact(&mut size)?;
        self.block.clear();
        self.file.by_ref().take(u64::from_le_bytes(size)).read_to_end(&mut self.block)?;
        self.rows.clear();
        self.sources.clear();
        self.row = 0;
        let is_whole = find_rows(&self.block, &mut self.rows, &mut self.sources).is_some();
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "another process changed a temporary file");
        if is_whole && !self.rows.is_empty() { Ok(true) } else { Err(changed()) }
    }
}

/// Finds the rows of a block and the names of its source files; `None` if a row is truncated.
fn find_rows(block: &[u8], rows: &mut Vec<Place>, sources: &mut Vec<Range<usize>>) -> Option<()> {
    let end_of = |rest: &[u8]| block.len() - rest.len();
    let text = |rest: &mut &[u8]| {
        let text = take_text(rest).ok()?;
        Some(text.map(|text| end_of(rest) - text.len()..end_of(rest)))
    };
    let mut rest = block;
    while !rest.is_empty() {
        let field = FieldId::from_number(u32::try_from(take(&mut rest)?).ok()?)?;
        let value = text(&mut rest)?;
        let data_file = DataFileId(u32::try_from(take(&mut rest)?).ok()?);
        sources.extend(text(&mut rest)?);
        let packed = end_of(rest);
        let is_known = |source: u32| (source as usize) < sources.len();
        BorrowedRow::unpack((field, None, data_file), |source| is_known(source).then_some(&[][..]), &mut rest)?;
        rows.push(Place { field, value, data_file, packed });
    }
    Some(())
}

impl PartialEq for Cursor {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Cursor {}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cursor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
