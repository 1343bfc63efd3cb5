//! Reads data files in evidence order: merges them, since each of them is in that order.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use sawlog_formats::{REJECTS, Table, TextColumn};
use sawlog_store::{Batches, DataFileEntry, Snapshot};

/// The place of a row: its file, its line there, and the byte offset of the part if the line is too long for one row.
type Place = (String, i64, i64);

/// The least memory of a batch.
const MIN_BATCH: usize = 64 << 10;
/// Nor more: it should stay in the processor's cache from one step to the next.
const MAX_BATCH: usize = 8 << 20;

/// The rows of data files in evidence order. `P` is what the caller makes of each batch.
pub(crate) struct Merge<P> {
    reading: Reading<P>,
    /// Files that are not opened yet, the last one first.
    unopened: Vec<Part>,
    open: HashMap<usize, Cursor<P>>,
    /// The next row of each open file that waits, and its number in `open`.
    waiting: BinaryHeap<Reverse<(Place, usize)>>,
    opened: usize,
    /// The file whose rows were given out last.
    current: Option<usize>,
}

/// How data files are read.
pub(crate) struct Reading<P> {
    /// The columns to read, if not all. Source file, line and byte offset must be among them.
    pub(crate) columns: Option<fn(&'static Table) -> Vec<&'static str>>,
    /// What the caller made of a batch.
    pub(crate) prepare: fn(&'static Table, &RecordBatch) -> Result<P>,
    /// How much memory all batches together may take.
    pub(crate) memory: usize,
}

/// A data file, with the first and the last source file that it may hold.
struct Part {
    least: String,
    greatest: Option<String>,
    table: &'static Table,
    folder: PathBuf,
    entry: DataFileEntry,
}

/// Rows of one batch that come before all rows returned later.
pub(crate) struct Rows<'a, P> {
    pub(crate) batch: &'a RecordBatch,
    pub(crate) prepared: &'a mut P,
    /// The source file and the line of each row of the batch.
    pub(crate) places: &'a Places,
    pub(crate) range: Range<usize>,
}

/// A data file that is being read. It always has a row.
struct Cursor<P> {
    table: &'static Table,
    path: PathBuf,
    batches: Batches,
    batch: RecordBatch,
    prepared: P,
    places: Places,
    row: usize,
}

/// The places of the rows of a batch.
pub(crate) struct Places {
    files: TextColumn,
    lines: Int64Array,
    /// Only in rejects, where a row may be a part of a line.
    offsets: Option<Int64Array>,
}

impl Places {
    fn of(table: &Table, batch: &RecordBatch) -> Result<Self> {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("{name} is missing"));
        let number = |name: &str| {
            column(name)?.as_primitive_opt::<Int64Type>().cloned().with_context(|| format!("{name} is not a number"))
        };
        let files =
            TextColumn::new(column("source_file")?).map_err(|found| anyhow!("source_file has the type {found}"))?;
        let offsets = (table.name == REJECTS.name).then(|| number("byte_offset")).transpose()?;
        Ok(Self { files, lines: number("source_line")?, offsets })
    }

    /// The source file of a row.
    pub(crate) fn file(&self, row: usize) -> &str {
        self.files.get(row).unwrap_or_default()
    }

    /// Its line there.
    pub(crate) fn line(&self, row: usize) -> i64 {
        self.lines.value(row)
    }

    fn get(&self, row: usize) -> (&str, i64, i64) {
        (self.file(row), self.line(row), self.offsets.as_ref().map_or(0, |offsets| offsets.value(row)))
    }
}

impl<P> Merge<P> {
    /// A merge of data files of some tables.
    pub(crate) fn new<'a>(
        files: impl Iterator<Item = (&'a Snapshot, &'a DataFileEntry)>,
        reading: &Reading<P>,
    ) -> Self {
        let part = |(snapshot, entry): (&Snapshot, &DataFileEntry)| {
            let stats: serde_json::Value = serde_json::from_str(&entry.stats).unwrap_or_default();
            let bound = |of: &str| stats[of]["source_file"].as_str().map(str::to_owned);
            let (least, greatest) = (bound("minValues").unwrap_or_default(), bound("maxValues"));
            Part { least, greatest, table: snapshot.table, folder: snapshot.folder.clone(), entry: entry.clone() }
        };
        let mut unopened: Vec<Part> = files.map(part).collect();
        unopened.sort_by(|a, b| (&b.least, &b.entry.path).cmp(&(&a.least, &a.entry.path)));
        let batch = (reading.memory / most_open(&unopened).max(1)).clamp(MIN_BATCH, MAX_BATCH);
        let reading = Reading { memory: batch, ..*reading };
        Self { reading, unopened, open: HashMap::new(), waiting: BinaryHeap::new(), opened: 0, current: None }
    }

    /// The next rows of one data file, up to where another file's rows come in between.
    pub(crate) fn next(&mut self) -> Result<Option<Rows<'_, P>>> {
        if let Some(number) = self.current.take() {
            self.go_on(number)?;
        }
        // A file must be opened before the merge passes the first source file that it may hold.
        while let Some(part) =
            self.unopened.pop_if(|part| self.waiting.peek().is_none_or(|Reverse(((file, ..), _))| *file >= part.least))
        {
            if let Some(cursor) = Cursor::open(&part, &self.reading)? {
                self.waiting.push(Reverse((cursor.place(), self.opened)));
                self.open.insert(self.opened, cursor);
            }
            self.opened += 1;
        }
        let Some(Reverse((_, number))) = self.waiting.pop() else { return Ok(None) };
        self.current = Some(number);
        let cursor = self.open.get_mut(&number).context("the merge lost a file")?;
        let waiting = self.waiting.peek().map(|Reverse(((file, line, offset), _))| (file.as_str(), *line, *offset));
        let unopened = self.unopened.last().map(|part| (part.least.as_str(), i64::MIN, i64::MIN));
        let rows = cursor.rows_until(waiting.into_iter().chain(unopened).min());
        cursor.row = rows.end;
        Ok(Some(Rows { batch: &cursor.batch, prepared: &mut cursor.prepared, places: &cursor.places, range: rows }))
    }

    /// Lets a file wait with its next row, or closes it.
    fn go_on(&mut self, number: usize) -> Result<()> {
        let cursor = self.open.get_mut(&number).context("the merge lost a file")?;
        if cursor.fill(&self.reading)? {
            self.waiting.push(Reverse((cursor.place(), number)));
        } else {
            self.open.remove(&number);
        }
        Ok(())
    }
}

/// The most files open at a time.
fn most_open(parts: &[Part]) -> usize {
    // In the order in which they will be opened.
    let mut ends: BinaryHeap<Reverse<&str>> = BinaryHeap::new();
    let (mut endless, mut most) = (0, 0);
    for part in parts.iter().rev() {
        while ends.peek().is_some_and(|Reverse(end)| *end < part.least.as_str()) {
            ends.pop();
        }
        match &part.greatest {
            Some(end) => ends.push(Reverse(end)),
            None => endless += 1,
        }
        most = most.max(ends.len() + endless);
    }
    most
}

impl<P> Cursor<P> {
    /// Opens a data file that has a row.
    fn open(part: &Part, reading: &Reading<P>) -> Result<Option<Self>> {
        let path = part.folder.join(&part.entry.path);
        let columns = reading.columns.map(|of| of(part.table));
        let mut batches = Batches::open(part.table, &part.folder, &part.entry, columns.as_deref(), reading.memory)?;
        let Some((batch, prepared, places)) = next_batch(&mut batches, part.table, &path, reading)? else {
            return Ok(None);
        };
        Ok(Some(Self { table: part.table, path, batches, batch, prepared, places, row: 0 }))
    }

    /// Reads on if no row is left. Returns whether there is one.
    fn fill(&mut self, reading: &Reading<P>) -> Result<bool> {
        if self.row < self.batch.num_rows() {
            return Ok(true);
        }
        let Some(next) = next_batch(&mut self.batches, self.table, &self.path, reading)? else { return Ok(false) };
        (self.batch, self.prepared, self.places) = next;
        self.row = 0;
        Ok(true)
    }

    fn place(&self) -> Place {
        let (file, line, offset) = self.places.get(self.row);
        (file.to_owned(), line, offset)
    }

    /// The rows that come before `bound`: at least one.
    fn rows_until(&self, bound: Option<(&str, i64, i64)>) -> Range<usize> {
        let end = self.batch.num_rows();
        let Some(bound) = bound else { return self.row..end };
        // The rows are sorted, so the bound is found by binary search.
        let (mut low, mut high) = (self.row + 1, end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.places.get(middle) < bound { low = middle + 1 } else { high = middle }
        }
        self.row..low
    }
}

/// The next batch that has rows, with what the caller made of it.
fn next_batch<P>(
    batches: &mut Batches,
    table: &'static Table,
    path: &std::path::Path,
    reading: &Reading<P>,
) -> Result<Option<(RecordBatch, P, Places)>> {
    loop {
        let Some(batch) = batches.next().transpose()? else { return Ok(None) };
        if batch.num_rows() > 0 {
            let at = || path.display().to_string();
            let prepared = (reading.prepare)(table, &batch).with_context(at)?;
            let places = Places::of(table, &batch).with_context(at)?;
            return Ok(Some((batch, prepared, places)));
        }
    }
}
