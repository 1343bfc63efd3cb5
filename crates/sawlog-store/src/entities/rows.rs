//! Rows of the index in memory: sorted, and given out as record batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{Field, Schema};
use sawlog_formats::Interner;

use super::collect::Sums;
use super::positions::{MAX_POSITIONS, encode};
use super::standing::{self, Said};
use super::{ENTITIES, FIELDS, INDEX_FILE_ROWS};

/// There are enough rows as soon as they take so many bytes, too.
const MAX_BYTES: usize = 32 << 20;
/// What a row takes beside its value: itself, once more when it is sorted, its key, and its value's.
const ROW_BYTES: usize = 2 * size_of::<Row>() + 2 * size_of::<(u128, usize)>();
/// Stands for a value that is null, or a first record that there is not.
const NULL: u32 = u32::MAX;

/// A row whose texts are borrowed, as bytes: they are not looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowRef<'a> {
    /// The position of the field in [`FIELDS`].
    pub(super) field: usize,
    pub(super) value: Option<&'a [u8]>,
    /// The number of the data file among those of the run.
    pub(super) data_file: u32,
    pub(super) sums: Sums,
    pub(super) first: Option<(&'a [u8], i64)>,
    /// The row numbers, in ascending order, if these are few.
    pub(super) positions: Option<&'a [u64]>,
    /// What standing summaries add up, packed, if the field has any.
    pub(super) standing: Option<&'a [u8]>,
    pub(super) version: i32,
}

/// Rows that are not yet written.
#[derive(Debug, Default)]
pub(super) struct Rows {
    values: Interner,
    sources: Interner,
    all: Vec<Row>,
    /// The row numbers of all rows' values, one row after the other.
    positions: Vec<u64>,
    /// The packed sums of all rows, one row after the other.
    standing: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    field: usize,
    value: u32,
    data_file: u32,
    sums: Sums,
    source: u32,
    line: i64,
    /// Where its row numbers begin and end; `None` if it has too many.
    positions: Option<(usize, usize)>,
    /// The same of its packed sums; `None` if it has none.
    standing: Option<(usize, usize)>,
    version: i32,
}

impl Row {
    fn is_like(&self, other: &Self) -> bool {
        (self.field, self.value, self.data_file) == (other.field, other.value, other.data_file)
    }
}

/// The positions of two rows together, if these are few.
pub(super) fn united(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let mut both = [a, b].concat();
    both.sort_unstable();
    (both.len() <= MAX_POSITIONS).then_some(both)
}

impl Rows {
    /// Adds a row.
    pub(super) fn push(&mut self, row: &RowRef<'_>) {
        let row = self.kept(row);
        self.all.push(row);
    }

    /// Adds a row that comes after all others by its key; it is added up with the last one if that is alike.
    pub(super) fn append(&mut self, row: &RowRef<'_>) {
        let row = self.kept(row);
        let mut rows = std::mem::take(&mut self.all);
        self.add_up(&mut rows, row);
        self.all = rows;
    }

    /// Keeps a row's texts and row numbers.
    fn kept(&mut self, row: &RowRef<'_>) -> Row {
        let positions = row.positions.map(|rows| {
            let start = self.positions.len();
            self.positions.extend_from_slice(rows);
            (start, self.positions.len())
        });
        let standing = row.standing.map(|packed| {
            let start = self.standing.len();
            self.standing.extend_from_slice(packed);
            (start, self.standing.len())
        });
        Row {
            field: row.field,
            value: row.value.map_or(NULL, |value| self.values.intern(value)),
            data_file: row.data_file,
            sums: row.sums,
            source: row.first.map_or(NULL, |(source, _)| self.sources.intern(source)),
            line: row.first.map_or(0, |(_, line)| line),
            positions,
            standing,
            version: row.version,
        }
    }

    /// Whether there are so many rows that they should be written.
    pub(super) fn is_full(&self) -> bool {
        let positions = self.positions.len() * size_of::<u64>();
        let values = self.values.memory() + self.sources.memory() + positions + self.standing.len();
        let memory = values + self.all.len() * ROW_BYTES;
        self.all.len() as u64 >= INDEX_FILE_ROWS || memory >= MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The rows, as they stand.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = RowRef<'_>> {
        self.all.iter().map(|row| RowRef {
            field: row.field,
            value: (row.value != NULL).then(|| self.values.get(row.value)),
            data_file: row.data_file,
            sums: row.sums,
            first: self.first(row),
            positions: row.positions.map(|(start, end)| &self.positions[start..end]),
            standing: row.standing.map(|(start, end)| &self.standing[start..end]),
            version: row.version,
        })
    }

    /// Leaves the rows of use, in the order of their keys, those that are alike added up.
    pub(super) fn sort(&mut self, is_of_use: impl Fn(usize, u32) -> bool) {
        let values = ranks(&self.values);
        // One number for all of a key, which takes the place of a row, is sorted faster.
        let key = |row: &Row| {
            let value = values.get(row.value as usize).map_or(0, |rank| u128::from(*rank) + 1);
            (row.field as u128) << 96 | value << 32 | u128::from(row.data_file)
        };
        let rows = self.all.iter().zip(0..).filter(|(row, _)| is_of_use(row.field, row.data_file));
        let mut order: Vec<(u128, usize)> = rows.map(|(row, place)| (key(row), place)).collect();
        order.sort_unstable();
        let mut sorted: Vec<Row> = Vec::with_capacity(order.len());
        for (_, place) in order {
            self.add_up(&mut sorted, self.all[place]);
        }
        self.all = sorted;
    }

    /// Where a row's first record stands.
    fn first(&self, row: &Row) -> Option<(&[u8], i64)> {
        (row.source != NULL).then(|| (self.sources.get(row.source), row.line))
    }

    /// What a row says without its packed sums.
    fn said(&self, row: &Row) -> Said<'_> {
        let first = (row.source != NULL).then(|| (text(&self.sources, row.source), row.line));
        Said { sent: row.sums.sent, first }
    }

    /// Adds a row to sorted ones.
    fn add_up(&mut self, sorted: &mut Vec<Row>, row: Row) {
        let alike = sorted.last_mut().filter(|last| last.is_like(&row));
        // Sums that do not fit stay apart; whoever adds them up has room for more.
        let sums = alike.as_ref().and_then(|alike| alike.sums.add(&row.sums));
        let Some((alike, sums)) = alike.zip(sums) else {
            sorted.push(row);
            return;
        };
        let before = *alike;
        alike.sums = sums;
        alike.version = alike.version.min(row.version);
        let first = |row: &Row| (row.source == NULL, self.first(row));
        if first(&row) < first(alike) {
            (alike.source, alike.line) = (row.source, row.line);
        }
        if before.standing.is_some() || row.standing.is_some() {
            let packed = |row: &Row| (row.standing.map(|(start, end)| &self.standing[start..end]), self.said(row));
            let both = standing::united(row.field, packed(&before), packed(&row), self.said(alike));
            alike.standing = both.map(|both| {
                let start = self.standing.len();
                self.standing.extend(both);
                (start, self.standing.len())
            });
        }
        let both = alike.positions.zip(row.positions);
        let both = both.and_then(|((a, b), (c, d))| united(&self.positions[a..b], &self.positions[c..d]));
        alike.positions = both.map(|both| {
            let start = self.positions.len();
            self.positions.extend(both);
            (start, self.positions.len())
        });
    }

    /// The rows as a row group of the table, where data files have these names. Whoever looks up a value reads its pages only.
    pub(super) fn row_group(&self, data_files: &Interner) -> RecordBatch {
        let rows = &self.all;
        let texts = |get: &dyn Fn(&Row) -> u32, values: &Interner| text_array(rows.iter().map(get), values);
        let field_text = |get: fn(usize) -> &'static str| {
            let mut names = Interner::default();
            let keys: Vec<u32> = rows.iter().map(|row| names.intern(get(row.field).as_bytes())).collect();
            text_array(keys.into_iter(), &names)
        };
        let number =
            |get: fn(&Row) -> Option<i64>| -> ArrayRef { Arc::new(rows.iter().map(get).collect::<Int64Array>()) };
        let time = |get: fn((i64, i64)) -> i64| -> ArrayRef {
            let times = rows.iter().map(|row| row.sums.times().map(get));
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        let positions = |row: &Row| row.positions.map(|(start, end)| encode(&self.positions[start..end]));
        let standing = |row: &Row| row.standing.map(|(start, end)| &self.standing[start..end]);
        let columns: Vec<ArrayRef> = vec![
            field_text(|field| FIELDS[field].entity.kind.name()),
            texts(&|row| row.value, &self.values),
            field_text(|field| FIELDS[field].format.table.name),
            field_text(|field| FIELDS[field].entity.field),
            texts(&|row| row.data_file, data_files),
            number(|row| Some(row.sums.records)),
            number(|row| row.sums.sent),
            number(|row| Some(row.sums.received)),
            number(|row| Some(row.sums.errors)),
            time(|(first, _)| first),
            time(|(_, last)| last),
            texts(&|row| row.source, &self.sources),
            number(|row| (row.source != NULL).then_some(row.line)),
            Arc::new(rows.iter().map(positions).collect::<BinaryArray>()),
            Arc::new(rows.iter().map(|row| Some(row.version)).collect::<Int32Array>()),
            Arc::new(rows.iter().map(standing).collect::<BinaryArray>()),
        ];
        let fields = ENTITIES.columns.iter().zip(&columns);
        let fields: Vec<Field> =
            fields.map(|(column, array)| Field::new(column.name, array.data_type().clone(), true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("all columns have the same length")
    }
}

fn text(values: &Interner, number: u32) -> &str {
    std::str::from_utf8(values.get(number)).unwrap_or_default()
}

/// For each value its place in bytewise order.
fn ranks(values: &Interner) -> Vec<u32> {
    // Most values are told apart by how they begin, as a number.
    let begins = |number: u32| {
        let mut first = [0; 16];
        let value = values.get(number);
        let len = value.len().min(first.len());
        first[..len].copy_from_slice(&value[..len]);
        (u128::from_be_bytes(first), number)
    };
    let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let mut order: Vec<(u128, u32)> = (0..count).map(begins).collect();
    order
        .sort_unstable_by(|(a, first), (b, second)| a.cmp(b).then_with(|| values.get(*first).cmp(values.get(*second))));
    let mut ranks = vec![0; order.len()];
    for (rank, (_, number)) in (0..count).zip(order) {
        ranks[number as usize] = rank;
    }
    ranks
}

/// Text by number, with a dictionary of the values in use, where that pays.
fn text_array(numbers: impl Iterator<Item = u32>, values: &Interner) -> ArrayRef {
    let mut places = vec![NULL; values.len()];
    let mut used: Vec<u32> = Vec::new();
    let keys = numbers.map(|number| {
        (number != NULL).then(|| {
            let place = &mut places[number as usize];
            if *place == NULL {
                *place = u32::try_from(used.len()).unwrap_or(NULL);
                used.push(number);
            }
            *place
        })
    });
    let keys: UInt32Array = keys.collect();
    let distinct: Vec<&str> = used.iter().map(|number| text(values, *number)).collect();
    if distinct.len() * 2 > keys.len() {
        return Arc::new(keys.iter().map(|key| key.map(|key| distinct[key as usize])).collect::<StringArray>());
    }
    Arc::new(DictionaryArray::new(keys, Arc::new(StringArray::from(distinct))))
}
