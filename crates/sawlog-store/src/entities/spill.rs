//! Sorted rows of the index that wait on disk, and the merge of these: so a run of any size sorts all of its rows within
//! the same memory.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryDictionaryBuilder, Int32Array, Int64Array, ListArray, ListBuilder,
    RecordBatch, UInt32Array, UInt64Array, UInt64Builder,
};
use arrow::datatypes::{Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use super::collect::Sums;
use super::rows::{RowRef, Rows};
use crate::error::{Result, StoreError};

/// Rows to a batch: so many are in memory of each spill that is merged.
const BATCH_ROWS: usize = 1024;
/// Or fewer, once their values take so many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// What the index is sorted by: field, which is kind, log and column, then value, null first, and the number of the data file.
type Key<'a> = (usize, Option<&'a [u8]>, u32);

/// Sorted rows in a file without a name, which is gone when it is closed, whatever becomes of the run.
#[derive(Debug)]
pub(super) struct Spill(File);

impl Spill {
    /// Writes sorted rows to a file that lies in a folder.
    pub(super) fn of(rows: &Rows, folder: &Path) -> io::Result<Self> {
        let mut writer = SpillWriter::new(folder)?;
        writer.write(rows)?;
        writer.finish()
    }

    /// Merges some that lie in a folder: calls `take` with the rows of use in order, as often as there are so many that they
    /// should be written, and for the rest.
    pub(super) fn merge(
        spills: Vec<Self>,
        folder: &Path,
        is_of_use: impl Fn(usize, u32) -> bool,
        mut take: impl FnMut(&Rows) -> Result<()>,
    ) -> Result<()> {
        let mut cursors = BinaryHeap::new();
        for spill in spills {
            cursors.extend(Cursor::open(spill).map_err(StoreError::io(folder))?.map(Reverse));
        }
        let mut rows = Rows::default();
        while let Some(mut least) = cursors.peek_mut() {
            let row = least.0.row();
            if is_of_use(row.field, row.data_file) {
                rows.append(&row);
            }
            if !least.0.advance().map_err(StoreError::io(folder))? {
                PeekMut::pop(least);
            }
            if rows.is_full() {
                take(&rows)?;
                rows = Rows::default();
            }
        }
        if rows.is_empty() { Ok(()) } else { take(&rows) }
    }
}

/// Writes a spill.
pub(super) struct SpillWriter(StreamWriter<BufWriter<File>>);

impl SpillWriter {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        let schema = batch(std::iter::empty()).map_err(io_error)?.schema();
        StreamWriter::try_new(BufWriter::with_capacity(1 << 20, file), &schema).map(Self).map_err(io_error)
    }

    /// Writes rows that come after all others.
    pub(super) fn write(&mut self, rows: &Rows) -> io::Result<()> {
        let mut rows = rows.iter();
        while rows.len() > 0 {
            let mut bytes = 0;
            let next = std::iter::from_fn(|| {
                let row = if bytes < BATCH_BYTES { rows.next() } else { None }?;
                bytes += row.value.map_or(0, <[u8]>::len);
                Some(row)
            });
            let batch = batch(next.take(BATCH_ROWS)).map_err(io_error)?;
            self.0.write(&batch).map_err(io_error)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Spill> {
        self.0.finish().map_err(io_error)?;
        let buffered = self.0.into_inner().map_err(io_error)?;
        let mut file = buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Spill(file))
    }
}

/// The next rows as a batch, as spills have them.
fn batch<'a>(rows: impl Iterator<Item = RowRef<'a>>) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<RowRef<'_>> = rows.collect();
    let number =
        |get: fn(&RowRef<'_>) -> Option<i64>| -> ArrayRef { Arc::new(rows.iter().map(get).collect::<Int64Array>()) };
    let small =
        |get: fn(&RowRef<'_>) -> u32| -> ArrayRef { Arc::new(rows.iter().map(get).map(Some).collect::<UInt32Array>()) };
    let mut sources = BinaryDictionaryBuilder::<UInt32Type>::new();
    let mut positions = ListBuilder::new(UInt64Builder::new());
    for row in &rows {
        sources.append_option(row.first.map(|(source, _)| source));
        row.positions.iter().for_each(|rows| positions.values().append_slice(rows));
        positions.append(row.positions.is_some());
    }
    RecordBatch::try_from_iter_with_nullable([
        ("field", small(|row| u32::try_from(row.field).unwrap_or(u32::MAX)), true),
        ("value", Arc::new(rows.iter().map(|row| row.value).collect::<BinaryArray>()), true),
        ("data_file", small(|row| row.data_file), true),
        ("records", number(|row| Some(row.sums.records)), true),
        ("sent", number(|row| row.sums.sent), true),
        ("received", number(|row| Some(row.sums.received)), true),
        ("errors", number(|row| Some(row.sums.errors)), true),
        ("first", number(|row| Some(row.sums.first)), true),
        ("last", number(|row| Some(row.sums.last)), true),
        ("source", Arc::new(sources.finish()), true),
        ("line", number(|row| row.first.map(|(_, line)| line)), true),
        ("positions", Arc::new(positions.finish()), true),
        ("version", Arc::new(rows.iter().map(|row| Some(row.version)).collect::<Int32Array>()), true),
        ("standing", Arc::new(rows.iter().map(|row| row.standing).collect::<BinaryArray>()), true),
    ])
}

/// The next row of a spill.
struct Cursor {
    reader: StreamReader<BufReader<File>>,
    batch: Batch,
    row: usize,
}

/// A batch, by its columns.
struct Batch {
    fields: UInt32Array,
    values: BinaryArray,
    data_files: UInt32Array,
    records: Int64Array,
    sent: Int64Array,
    received: Int64Array,
    errors: Int64Array,
    firsts: Int64Array,
    lasts: Int64Array,
    source_keys: UInt32Array,
    sources: BinaryArray,
    lines: Int64Array,
    positions: ListArray,
    position_values: UInt64Array,
    versions: Int32Array,
    standing: BinaryArray,
}

impl Batch {
    /// A batch that was written by [`batch`].
    fn of(batch: &RecordBatch) -> Self {
        let number = |name: &str| batch[name].as_primitive::<Int64Type>().clone();
        let small = |name: &str| batch[name].as_primitive::<UInt32Type>().clone();
        let sources = batch["source"].as_dictionary::<UInt32Type>();
        let positions = batch["positions"].as_list::<i32>();
        Self {
            fields: small("field"),
            values: batch["value"].as_binary().clone(),
            data_files: small("data_file"),
            records: number("records"),
            sent: number("sent"),
            received: number("received"),
            errors: number("errors"),
            firsts: number("first"),
            lasts: number("last"),
            source_keys: sources.keys().clone(),
            sources: sources.values().as_binary().clone(),
            lines: number("line"),
            positions: positions.clone(),
            position_values: positions.values().as_primitive::<UInt64Type>().clone(),
            versions: batch["version"].as_primitive::<Int32Type>().clone(),
            standing: batch["standing"].as_binary().clone(),
        }
    }

    fn key(&self, row: usize) -> Key<'_> {
        (self.fields.value(row) as usize, self.value(row), self.data_files.value(row))
    }

    fn value(&self, row: usize) -> Option<&[u8]> {
        self.values.is_valid(row).then(|| self.values.value(row))
    }

    fn row(&self, row: usize) -> RowRef<'_> {
        let source = |row: usize| self.sources.value(self.source_keys.value(row) as usize);
        let positions = |row: usize| {
            let ends = self.positions.value_offsets();
            let (start, end) = (ends[row].unsigned_abs() as usize, ends[row + 1].unsigned_abs() as usize);
            &self.position_values.values()[start..end]
        };
        RowRef {
            field: self.fields.value(row) as usize,
            value: self.value(row),
            data_file: self.data_files.value(row),
            sums: Sums {
                records: self.records.value(row),
                sent: self.sent.is_valid(row).then(|| self.sent.value(row)),
                received: self.received.value(row),
                errors: self.errors.value(row),
                first: self.firsts.value(row),
                last: self.lasts.value(row),
            },
            first: self.source_keys.is_valid(row).then(|| (source(row), self.lines.value(row))),
            positions: self.positions.is_valid(row).then(|| positions(row)),
            standing: self.standing.is_valid(row).then(|| self.standing.value(row)),
            version: self.versions.value(row),
        }
    }
}

impl Cursor {
    /// Opens a spill; `None` if it has no rows.
    fn open(spill: Spill) -> io::Result<Option<Box<Self>>> {
        let mut reader = StreamReader::try_new(BufReader::new(spill.0), None).map_err(io_error)?;
        let batch = next(&mut reader)?;
        Ok(batch.map(|batch| Box::new(Self { reader, batch, row: 0 })))
    }

    fn row(&self) -> RowRef<'_> {
        self.batch.row(self.row)
    }

    fn key(&self) -> Key<'_> {
        self.batch.key(self.row)
    }

    /// Goes to the next row; says whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        self.row += 1;
        if self.row < self.batch.fields.len() {
            return Ok(true);
        }
        let next = next(&mut self.reader)?;
        let is_there = next.is_some();
        if let Some(batch) = next {
            (self.batch, self.row) = (batch, 0);
        }
        Ok(is_there)
    }
}

/// The next batch that has rows.
fn next(reader: &mut StreamReader<BufReader<File>>) -> io::Result<Option<Batch>> {
    let batch = reader.find(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0));
    Ok(batch.transpose().map_err(io_error)?.map(|batch| Batch::of(&batch)))
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

fn io_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}
