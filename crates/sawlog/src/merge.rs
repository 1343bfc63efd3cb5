//! Reads data files of one table in evidence order: a merge, for each of them is in that order.

use std::path::PathBuf;

use anyhow::{Context, Result};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use sawlog_formats::Table;
use sawlog_store::{DataFileEntry, Snapshot, TableReader, read_file};

/// Where a row stands: its file, and its line there.
type Place = (String, i64);

/// The rows of data files, in batches that are slices of theirs.
pub(crate) struct Merge {
    table: &'static Table,
    /// Files not opened yet, the last one first, with the least source file in each.
    unopened: Vec<(String, DataFileEntry)>,
    folder: PathBuf,
    open: Vec<Cursor>,
}

/// A data file that is being read. It always has a row.
struct Cursor {
    path: PathBuf,
    reader: TableReader,
    batch: RecordBatch,
    row: usize,
}

impl Merge {
    /// A merge of some of a snapshot's files.
    pub(crate) fn new(snapshot: &Snapshot, files: &[DataFileEntry]) -> Self {
        let least = |file: &DataFileEntry| {
            let stats: serde_json::Value = serde_json::from_str(&file.stats).unwrap_or_default();
            stats["minValues"]["source_file"].as_str().unwrap_or_default().to_owned()
        };
        let mut unopened: Vec<(String, DataFileEntry)> = files.iter().map(|file| (least(file), file.clone())).collect();
        unopened.sort_by(|a, b| (&b.0, &b.1.path).cmp(&(&a.0, &a.1.path)));
        Self { table: snapshot.table, unopened, folder: snapshot.folder.clone(), open: Vec::new() }
    }

    /// The next rows, of one data file, up to where another one's come in between.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let places = self.open.iter().map(Cursor::place).collect::<Result<Vec<_>>>()?;
            let first = places.iter().enumerate().min_by(|a, b| a.1.cmp(b.1));
            // A file must be open before the least that it may hold is passed.
            if let Some((least, _)) = self.unopened.last()
                && first.is_none_or(|(_, place)| place.0 >= *least)
            {
                self.open_next()?;
                continue;
            }
            let Some((number, _)) = first else { return Ok(None) };
            let others =
                places.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, place)| place.clone());
            let bound = others.chain(self.unopened.last().map(|(least, _)| (least.clone(), i64::MIN))).min();
            let cursor = &mut self.open[number];
            let rows = cursor.rows_until(bound.as_ref())?;
            let found = cursor.batch.slice(cursor.row, rows);
            cursor.row += rows;
            if !cursor.fill()? {
                self.open.swap_remove(number);
            }
            return Ok(Some(found));
        }
    }

    fn open_next(&mut self) -> Result<()> {
        let Some((_, entry)) = self.unopened.pop() else { return Ok(()) };
        let reader = read_file(self.table, &self.folder, &entry, None)?;
        let path = self.folder.join(&entry.path);
        let mut cursor = Cursor { path, reader, batch: RecordBatch::new_empty(self.table.schema()), row: 0 };
        if cursor.fill()? {
            self.open.push(cursor);
        }
        Ok(())
    }
}

impl Cursor {
    /// Reads on until there is a row; whether there is one.
    fn fill(&mut self) -> Result<bool> {
        while self.row == self.batch.num_rows() {
            let Some(batch) = self.reader.next() else { return Ok(false) };
            self.batch = batch.with_context(|| self.path.display().to_string())?;
            self.row = 0;
        }
        Ok(true)
    }

    fn place(&self) -> Result<Place> {
        self.place_of(self.row)
    }

    fn place_of(&self, row: usize) -> Result<Place> {
        let files = self.batch["source_file"].as_string_opt::<i32>().context("source_file is no text")?;
        let lines = self.batch["source_line"].as_primitive_opt::<Int64Type>().context("source_line is no number")?;
        Ok((files.value(row).to_owned(), lines.value(row)))
    }

    /// How many rows come before `bound`: at least one.
    fn rows_until(&self, bound: Option<&Place>) -> Result<usize> {
        let left = self.batch.num_rows() - self.row;
        let Some(bound) = bound else { return Ok(left) };
        // The rows are in order, so the bound is found by halving.
        let (mut low, mut high) = (1, left);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.place_of(self.row + middle)? < *bound { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }
}
