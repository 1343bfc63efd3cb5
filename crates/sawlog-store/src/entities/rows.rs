//! Sorted rows of the index: rows with equal keys are added up, and the result becomes a row group.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{Field, Schema};
use sawlog_formats::{EvidencePlace, Interner};

use super::collect::Sums;
use super::field::FieldId;
use super::positions::united;
use super::row::{DataFileId, Row};
use super::standing::{self, Said};
use super::{ENTITIES, INDEX_FILE_ROWS};

/// A row group is also full when its texts, posting lists and packed sums exceed this many bytes.
const MAX_BYTES: usize = 32 << 20;
/// Marks a null value, a missing first record, or no data file.
const NULL: u32 = u32::MAX;

/// The rows of one row group. They are appended in order.
#[derive(Debug, Default)]
pub(super) struct Rows {
    values: Interner,
    sources: Interner,
    all: Vec<Kept>,
    /// The encoded posting lists of all rows, one after the other.
    positions: Vec<u8>,
    /// The packed sums of all rows, one after the other.
    standing: Vec<u8>,
}

/// A row whose texts are numbers in the interners, and whose bytes are ranges in the buffers.
#[derive(Clone, Copy, Debug)]
struct Kept {
    field: FieldId,
    value: u32,
    /// [`NULL`] in totals.
    data_file: u32,
    sums: Sums,
    source: u32,
    line: i64,
    /// The start and end of its posting list; `None` if it has too many records.
    positions: Option<(usize, usize)>,
    /// The start and end of its packed sums; `None` if it has none.
    standing: Option<(usize, usize)>,
    version: i32,
    scope: Scope,
}

/// Which records a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Those of its data file.
    DataFile,
    /// A total over data files of a run. A total without a value names the data file that it counts.
    Run { covers: Option<DataFileId> },
}

impl Kept {
    fn is_like(&self, other: &Self) -> bool {
        (self.field, self.value, self.data_file, self.scope) == (other.field, other.value, other.data_file, other.scope)
    }

    fn covers(&self) -> u32 {
        match self.scope {
            Scope::Run { covers } => covers.map_or(NULL, |file| file.0),
            Scope::DataFile => NULL,
        }
    }
}

impl Rows {
    /// Appends a row whose key is not less than the last one's. A row with the same key is added to the last one.
    pub(super) fn append(&mut self, row: &Row<'_>) {
        self.append_of(row, Scope::DataFile);
    }

    /// Appends a row to the totals of its run. A row without a value stays separate, to mark its data file as covered.
    pub(super) fn append_total(&mut self, row: &Row<'_>) {
        let covers = row.value.is_none().then_some(row.data_file);
        self.append_of(&Row { positions: None, ..*row }, Scope::Run { covers });
    }

    /// Removes the last row.
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
            data_file: if scope == Scope::DataFile { row.data_file.0 } else { NULL },
            sums: row.sums,
            source: row.first.map_or(NULL, |first| self.sources.intern(first.file)),
            line: row.first.map_or(0, |first| first.line),
            positions: kept(row.positions, &mut self.positions),
            standing: kept(row.standing, &mut self.standing),
            version: row.version,
            scope,
        };
        let last = self.all.last().copied().filter(|last| last.is_like(&row));
        // If a sum does not fit into 64 bits, both rows stay. Queries add up bytes in 128 bits.
        match last.and_then(|last| self.sum(&last, &row)) {
            Some(sum) => *self.all.last_mut().expect("there is a last row") = sum,
            None => self.all.push(row),
        }
    }

    /// Whether the row group is large enough to be written before the next row is appended.
    pub(super) fn is_full(&self) -> bool {
        let texts = self.values.memory() + self.sources.memory() + self.positions.len() + self.standing.len();
        self.all.len() as u64 >= INDEX_FILE_ROWS || texts >= MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The place of a row's first record.
    fn first(&self, row: &Kept) -> Option<EvidencePlace<&[u8]>> {
        (row.source != NULL).then(|| EvidencePlace { file: self.sources.get(row.source), line: row.line })
    }

    /// What a row's packed sums can refer to.
    fn said(&self, row: &Kept) -> Said<'_> {
        let first = (row.source != NULL).then(|| text(&self.sources, row.source));
        Said { sent: row.sums.sent, first: first.map(|file| EvidencePlace { file, line: row.line }) }
    }

    /// The sum of two rows with the same key; `None` if it does not fit into 64 bits.
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

    /// The rows as a row group of the table. `data_files` has the data files' names; `run` is the run of the totals.
    pub(super) fn row_group(&self, data_files: &Interner, run: &str) -> RecordBatch {
        let rows = &self.all;
        let texts = |get: &dyn Fn(&Kept) -> u32, values: &Interner| text_array(rows.iter().map(get), values);
        let field_text = |get: fn(FieldId) -> &'static str| {
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
            field_text(|field| field.entity().kind.name()),
            texts(&|row| row.value, &self.values),
            field_text(|field| field.format().table.name),
            field_text(|field| field.entity().field),
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

/// A text column of the values with these numbers: a dictionary of the values in use, or plain text if over half of the
/// rows have distinct values.
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
