//! Rows of the index in order, added up where they are alike, and given out as record batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{Field, Schema};
use sawlog_formats::Interner;

use super::collect::Sums;
use super::positions::united;
use super::row::Row;
use super::standing::{self, Said};
use super::{ENTITIES, FIELDS, INDEX_FILE_ROWS};

/// There are enough rows as soon as their texts take so many bytes, too.
const MAX_BYTES: usize = 32 << 20;
/// Stands for a value that is null, or a first record that there is not, or no data file.
const NULL: u32 = u32::MAX;

/// Rows that come in order, and will be a row group of the table.
#[derive(Debug, Default)]
pub(super) struct Rows {
    values: Interner,
    sources: Interner,
    all: Vec<Kept>,
    /// The encoded row numbers of all rows' values, one row after the other.
    positions: Vec<u8>,
    /// The packed sums of all rows, one row after the other.
    standing: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
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
    scope: Scope,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Records of its data file.
    DataFile,
    /// Records of several data files of a run, of which this may be one.
    Run { covers: Option<u32> },
}

impl Kept {
    fn is_like(&self, other: &Self) -> bool {
        (self.field, self.value, self.data_file, self.scope) == (other.field, other.value, other.data_file, other.scope)
    }

    fn covers(&self) -> u32 {
        match self.scope {
            Scope::Run { covers } => covers.unwrap_or(NULL),
            Scope::DataFile => NULL,
        }
    }
}

impl Rows {
    /// Adds a row that comes after all others by its key; it is added up with the last one if that is alike.
    pub(super) fn append(&mut self, row: &Row<'_>) {
        self.append_of(row, Scope::DataFile);
    }

    /// Adds a row in order to what is added up over data files. One without a value stays by itself: it says that its data
    /// file is covered.
    pub(super) fn append_total(&mut self, row: &Row<'_>) {
        let covers = row.value.is_none().then_some(row.data_file);
        self.append_of(&Row { data_file: NULL, positions: None, ..*row }, Scope::Run { covers });
    }

    /// Takes away the last row.
    pub(super) fn pop(&mut self) {
        self.all.pop();
    }

    fn append_of(&mut self, row: &Row<'_>, scope: Scope) {
        let kept = |bytes: Option<&[u8]>, all: &mut Vec<u8>| {
            bytes.map(|bytes| {
                all.extend_from_slice(bytes);
                (all.len() - bytes.len(), all.len())
            })
        };
        let row = Kept {
            field: row.field,
            value: row.value.map_or(NULL, |value| self.values.intern(value)),
            data_file: row.data_file,
            sums: row.sums,
            source: row.first.map_or(NULL, |(source, _)| self.sources.intern(source)),
            line: row.first.map_or(0, |(_, line)| line),
            positions: kept(row.positions, &mut self.positions),
            standing: kept(row.standing, &mut self.standing),
            version: row.version,
            scope,
        };
        let last = self.all.last().copied().filter(|last| last.is_like(&row));
        // Sums that do not fit stay apart; whoever adds them up has room for more.
        match last.and_then(|last| self.sum(&last, &row)) {
            Some(sum) => *self.all.last_mut().expect("it is the last one") = sum,
            None => self.all.push(row),
        }
    }

    /// Whether there are so many rows that they should be written before another one comes.
    pub(super) fn is_full(&self) -> bool {
        let texts = self.values.memory() + self.sources.memory() + self.positions.len() + self.standing.len();
        self.all.len() as u64 >= INDEX_FILE_ROWS || texts >= MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Where a row's first record stands.
    fn first(&self, row: &Kept) -> Option<(&[u8], i64)> {
        (row.source != NULL).then(|| (self.sources.get(row.source), row.line))
    }

    /// What a row says without its packed sums.
    fn said(&self, row: &Kept) -> Said<'_> {
        let first = (row.source != NULL).then(|| (text(&self.sources, row.source), row.line));
        Said { sent: row.sums.sent, first }
    }

    /// Two rows that are alike added up; `None` if a sum is too large.
    fn sum(&mut self, a: &Kept, b: &Kept) -> Option<Kept> {
        let mut sum = Kept { sums: a.sums.add(&b.sums)?, version: a.version.min(b.version), ..*a };
        let first = |row: &Kept| (row.source == NULL, self.first(row));
        if first(b) < first(a) {
            (sum.source, sum.line) = (b.source, b.line);
        }
        let packed = |(start, end): (usize, usize), row: &Kept| (&self.standing[start..end], self.said(row));
        let standing = a
            .standing
            .zip(b.standing)
            .and_then(|(of_a, of_b)| standing::united(sum.field, packed(of_a, a), packed(of_b, b), self.said(&sum)));
        let both = a.positions.zip(b.positions);
        let both = both.and_then(|((a, b), (c, d))| united(&self.positions[a..b], &self.positions[c..d]));
        let kept = |bytes: Option<Vec<u8>>, all: &mut Vec<u8>| {
            bytes.map(|bytes| {
                let start = all.len();
                all.extend(bytes);
                (start, all.len())
            })
        };
        (sum.standing, sum.positions) = (kept(standing, &mut self.standing), kept(both, &mut self.positions));
        Some(sum)
    }

    /// The rows as a row group of the table, where data files have these names. Whoever looks up a value reads its pages only.
    pub(super) fn row_group(&self, data_files: &Interner, run: &str) -> RecordBatch {
        let rows = &self.all;
        let texts = |get: &dyn Fn(&Kept) -> u32, values: &Interner| text_array(rows.iter().map(get), values);
        let field_text = |get: fn(usize) -> &'static str| {
            let mut names = Interner::default();
            let keys: Vec<u32> = rows.iter().map(|row| names.intern(get(row.field).as_bytes())).collect();
            text_array(keys.into_iter(), &names)
        };
        let number =
            |get: fn(&Kept) -> Option<i64>| -> ArrayRef { Arc::new(rows.iter().map(get).collect::<Int64Array>()) };
        let time = |get: fn((i64, i64)) -> i64| -> ArrayRef {
            let times = rows.iter().map(|row| row.sums.times().map(get));
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        let positions = |row: &Kept| row.positions.map(|(start, end)| &self.positions[start..end]);
        let standing = |row: &Kept| row.standing.map(|(start, end)| &self.standing[start..end]);
        let mut runs = Interner::default();
        runs.intern(run.as_bytes());
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
            texts(&|row| if row.scope == Scope::DataFile { NULL } else { 0 }, &runs),
            texts(&|row| row.covers(), data_files),
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
