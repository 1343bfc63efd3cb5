//! Sorted rows of the index: rows with equal keys are added up, and the result becomes a row group.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{Field, Schema};
use sawlog_formats::{Interner, TimeSpan};

use super::field::FieldId;
use super::row::{BorrowedRow, DataFileId, IndexRow};
use super::{ENTITIES, INDEX_FILE_ROWS};

/// A row group is also full when its texts, posting lists and packed sums exceed this many bytes.
const MAX_BYTES: usize = 32 << 20;

/// The rows of one row group. They are appended in order.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    values: Texts,
    sources: Interner,
    all: Vec<Kept>,
    /// The encoded posting lists and the packed sums of all rows, one after the other.
    packed: Vec<u8>,
}

/// A row whose texts are numbers, and whose bytes are ranges, with start and end, of the packed ones.
type Kept = IndexRow<u32, (usize, usize), Scope>;

/// Which records a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Those of a data file.
    DataFile(DataFileId),
    /// A total over data files of a run. A total without a value names the data file that it counts.
    Run { covers: Option<DataFileId> },
}

impl Scope {
    /// The numbers of its data file, of its run, and of the data file that the total counts.
    fn numbers(self) -> [Option<u32>; 3] {
        match self {
            Self::DataFile(file) => [Some(file.0), None, None],
            Self::Run { covers } => [None, Some(0), covers.map(|file| file.0)],
        }
    }
}

impl Rows {
    /// Appends a row whose key is not less than the last one's. A row with the same key is added to the last one.
    pub(super) fn append(&mut self, row: &BorrowedRow<'_>) {
        self.append_of(row, Scope::DataFile(row.data_file));
    }

    /// Appends a row to the totals of its run. A row without a value stays separate, to mark its data file as covered.
    pub(super) fn append_total(&mut self, row: &BorrowedRow<'_>) {
        let covers = row.value.is_none().then_some(row.data_file);
        self.append_of(&IndexRow { positions: None, ..*row }, Scope::Run { covers });
    }

    /// Removes the last row.
    pub(super) fn pop(&mut self) {
        self.all.pop();
    }

    fn append_of(&mut self, row: &BorrowedRow<'_>, scope: Scope) {
        let row = Kept {
            field: row.field,
            value: row.value.map(|value| self.values.number(value)),
            data_file: scope,
            sums: row.sums,
            first: row.first.map(|first| first.map(|file| self.sources.intern(file))),
            positions: row.positions.map(|bytes| self.pack(bytes)),
            standing: row.standing.map(|bytes| self.pack(bytes)),
            version: row.version,
        };
        let key = |row: &Kept| (row.field, row.value, row.data_file);
        let last = self.all.last().filter(|last| key(last) == key(&row));
        let text = |number: &u32| text(&self.sources, *number);
        let sum = last.and_then(|last| last.sum(&row, text, |range| self.bytes(*range)));
        // If a sum does not fit into 64 bits, both rows stay. Queries add up bytes in 128 bits.
        let Some(sum) = sum else { return self.all.push(row) };
        self.all.pop();
        let IndexRow { field, value, data_file, sums, first, version, .. } = sum;
        let [positions, standing] = [sum.positions, sum.standing].map(|bytes| bytes.map(|bytes| self.pack(&bytes)));
        self.all.push(Kept { field, value, data_file, sums, first, positions, standing, version });
    }

    /// Keeps packed bytes; returns their start and end.
    fn pack(&mut self, bytes: &[u8]) -> (usize, usize) {
        self.packed.extend_from_slice(bytes);
        (self.packed.len() - bytes.len(), self.packed.len())
    }

    fn bytes(&self, (start, end): (usize, usize)) -> &[u8] {
        &self.packed[start..end]
    }

    /// Removes and returns all rows if they fill a row group. The last one waits if `next` may be added to it.
    pub(super) fn take_full(&mut self, next: &BorrowedRow<'_>) -> Option<Self> {
        let texts = self.values.memory() + self.sources.memory() + self.packed.len();
        let is_full = self.all.len() as u64 >= INDEX_FILE_ROWS || texts >= MAX_BYTES;
        if !is_full || self.ends_like(next) {
            return None;
        }
        let next = Self::with_room_of(self);
        Some(std::mem::replace(self, next))
    }

    /// No rows, with room for about as many as these, so that it need not grow step by step.
    fn with_room_of(rows: &Self) -> Self {
        let values = Texts {
            ends: Vec::with_capacity(rows.values.ends.len()),
            bytes: Vec::with_capacity(rows.values.bytes.len()),
        };
        let (all, packed) = (Vec::with_capacity(rows.all.len()), Vec::with_capacity(rows.packed.len()));
        Self { values, sources: Interner::default(), all, packed }
    }

    /// Whether the last row has the field and the value of another one.
    fn ends_like(&self, row: &BorrowedRow<'_>) -> bool {
        let value = |last: &Kept| last.value.map(|number| self.values.bytes(number));
        self.all.last().is_some_and(|last| last.field == row.field && value(last) == row.value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The rows as a row group of the table. `data_files` has the data files' names; `run` is the run of the totals.
    pub(crate) fn row_group(&self, data_files: &Interner, run: &str) -> RecordBatch {
        let rows = &self.all;
        let packed = |range: Option<(usize, usize)>| range.map(|range| self.bytes(range));
        let mut runs = Interner::default();
        runs.intern(run.as_bytes());
        let columns: Vec<ArrayRef> = vec![
            names(rows, |field| field.entity().kind.name()),
            text_array(rows.iter().map(|row| row.value), self.values.ends.len(), |number| self.values.get(number)),
            names(rows, |field| field.format().table.name),
            names(rows, |field| field.entity().field),
            texts(rows, data_files, |row| row.data_file.numbers()[0]),
            numbers(rows, |row| Some(row.sums.records)),
            numbers(rows, |row| row.sums.sent),
            numbers(rows, |row| Some(row.sums.received)),
            numbers(rows, |row| Some(row.sums.errors)),
            times(rows, |times| times.first),
            times(rows, |times| times.last),
            texts(rows, &self.sources, |row| row.first.map(|first| first.file)),
            numbers(rows, |row| row.first.map(|first| first.line)),
            Arc::new(rows.iter().map(|row| packed(row.positions)).collect::<BinaryArray>()),
            Arc::new(rows.iter().map(|row| Some(row.version)).collect::<Int32Array>()),
            Arc::new(rows.iter().map(|row| packed(row.standing)).collect::<BinaryArray>()),
            texts(rows, &runs, |row| row.data_file.numbers()[1]),
            texts(rows, data_files, |row| row.data_file.numbers()[2]),
        ];
        let fields = ENTITIES.columns.iter().zip(&columns);
        let fields: Vec<Field> =
            fields.map(|(column, array)| Field::new(column.name, array.data_type().clone(), true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("all columns have the same length")
    }
}

fn numbers(rows: &[Kept], get: impl Fn(&Kept) -> Option<i64>) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<Int64Array>())
}

fn times(rows: &[Kept], get: impl Fn(TimeSpan) -> i64) -> ArrayRef {
    let times = rows.iter().map(|row| row.sums.times.map(&get));
    Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

/// A text column of the texts of an interner that `get` gives the numbers of.
fn texts(rows: &[Kept], values: &Interner, get: impl Fn(&Kept) -> Option<u32>) -> ArrayRef {
    text_array(rows.iter().map(get), values.len(), |number| text(values, number))
}

/// A text column of a name of each row's field. Rows are sorted by field, so most have that of the row before.
fn names(rows: &[Kept], get: fn(FieldId) -> &'static str) -> ArrayRef {
    let mut all: Vec<&str> = Vec::new();
    let of_fields = rows.chunk_by(|a, b| a.field == b.field).flat_map(|rows| {
        let name = get(rows[0].field);
        let number = all.iter().position(|known| *known == name).unwrap_or_else(|| {
            all.push(name);
            all.len() - 1
        });
        std::iter::repeat_n(u32::try_from(number).ok(), rows.len())
    });
    let of_fields: Vec<Option<u32>> = of_fields.collect();
    text_array(of_fields.into_iter(), all.len(), |number| all[number as usize])
}

fn text(values: &Interner, number: u32) -> &str {
    std::str::from_utf8(values.get(number)).unwrap_or_default()
}

/// Texts that come in order. Equal ones that follow each other have the same number.
#[derive(Debug, Default)]
struct Texts {
    /// The end of each text in `bytes`.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Texts {
    /// The number of the next text.
    fn number(&mut self, text: &[u8]) -> u32 {
        let is_last = self.last().is_some_and(|number| self.bytes(number) == text);
        if !is_last {
            self.bytes.extend_from_slice(text);
            self.ends.push(self.bytes.len());
        }
        self.last().unwrap_or_default()
    }

    fn last(&self) -> Option<u32> {
        u32::try_from(self.ends.len()).ok()?.checked_sub(1)
    }

    fn bytes(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[number]]
    }

    fn get(&self, number: u32) -> &str {
        std::str::from_utf8(self.bytes(number)).unwrap_or_default()
    }

    fn memory(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<usize>()
    }
}

/// A text column of the texts with these numbers, of `count` texts: a dictionary of those in use, or plain text if over
/// half of the rows have distinct ones.
fn text_array<'a>(numbers: impl Iterator<Item = Option<u32>>, count: usize, text: impl Fn(u32) -> &'a str) -> ArrayRef {
    const UNUSED: u32 = u32::MAX;
    let mut places = vec![UNUSED; count];
    let mut used: Vec<u32> = Vec::new();
    let keys = numbers.map(|number| {
        number.map(|number| {
            let place = &mut places[number as usize];
            if *place == UNUSED {
                *place = u32::try_from(used.len()).unwrap_or(UNUSED);
                used.push(number);
            }
            *place
        })
    });
    let keys: UInt32Array = keys.collect();
    let distinct: Vec<&str> = used.iter().map(|number| text(*number)).collect();
    if distinct.len() * 2 > keys.len() {
        return Arc::new(keys.iter().map(|key| key.map(|key| distinct[key as usize])).collect::<StringArray>());
    }
    Arc::new(DictionaryArray::new(keys, Arc::new(StringArray::from(distinct))))
}
