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
pub(super) struct Rows {
    values: Interner,
    sources: Interner,
    all: Vec<Kept>,
    /// The encoded posting lists and the packed sums of all rows, one after the other.
    packed: Vec<u8>,
}

/// A row whose texts are numbers in the interners, and whose bytes are ranges, with start and end, of the packed ones.
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
            value: row.value.map(|value| self.values.intern(value)),
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

    /// Whether the row group is large enough to be written before the next row is appended.
    pub(super) fn is_full(&self) -> bool {
        let texts = self.values.memory() + self.sources.memory() + self.packed.len();
        self.all.len() as u64 >= INDEX_FILE_ROWS || texts >= MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The rows as a row group of the table. `data_files` has the data files' names; `run` is the run of the totals.
    pub(super) fn row_group(&self, data_files: &Interner, run: &str) -> RecordBatch {
        let rows = &self.all;
        let texts = |get: &dyn Fn(&Kept) -> Option<u32>, values| text_array(rows.iter().map(get), values);
        let field_text = |get: fn(FieldId) -> &'static str| {
            let mut names = Interner::default();
            let keys: Vec<_> = rows.iter().map(|row| Some(names.intern(get(row.field).as_bytes()))).collect();
            text_array(keys.into_iter(), &names)
        };
        let number =
            |get: fn(&Kept) -> Option<i64>| -> ArrayRef { Arc::new(rows.iter().map(get).collect::<Int64Array>()) };
        let time = |get: fn(TimeSpan) -> i64| -> ArrayRef {
            let times = rows.iter().map(|row| row.sums.times.map(get));
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        let packed = |get: fn(&Kept) -> Option<(usize, usize)>| -> ArrayRef {
            Arc::new(rows.iter().map(|row| get(row).map(|range| self.bytes(range))).collect::<BinaryArray>())
        };
        let mut runs = Interner::default();
        runs.intern(run.as_bytes());
        let columns: Vec<ArrayRef> = vec![
            field_text(|field| field.entity().kind.name()),
            texts(&|row| row.value, &self.values),
            field_text(|field| field.format().table.name),
            field_text(|field| field.entity().field),
            texts(&|row| row.data_file.numbers()[0], data_files),
            number(|row| Some(row.sums.records)),
            number(|row| row.sums.sent),
            number(|row| Some(row.sums.received)),
            number(|row| Some(row.sums.errors)),
            time(|times| times.first),
            time(|times| times.last),
            texts(&|row| row.first.map(|first| first.file), &self.sources),
            number(|row| row.first.map(|first| first.line)),
            packed(|row| row.positions),
            Arc::new(rows.iter().map(|row| Some(row.version)).collect::<Int32Array>()),
            packed(|row| row.standing),
            texts(&|row| row.data_file.numbers()[1], &runs),
            texts(&|row| row.data_file.numbers()[2], data_files),
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

/// A text column of the values with these numbers: a dictionary of the values in use, or plain text if over half of the
/// rows have distinct values.
fn text_array(numbers: impl Iterator<Item = Option<u32>>, values: &Interner) -> ArrayRef {
    const UNUSED: u32 = u32::MAX;
    let mut places = vec![UNUSED; values.len()];
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
    let distinct: Vec<&str> = used.iter().map(|number| text(values, *number)).collect();
    if distinct.len() * 2 > keys.len() {
        return Arc::new(keys.iter().map(|key| key.map(|key| distinct[key as usize])).collect::<StringArray>());
    }
    Arc::new(DictionaryArray::new(keys, Arc::new(StringArray::from(distinct))))
}
