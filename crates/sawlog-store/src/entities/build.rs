//! Builds the index of a run: gathers the entities of row groups, sorts them, and gives them out as record batches.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, DictionaryArray, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{Field, Int64Type, Schema, TimestampMicrosecondType};
use sawlog_formats::{Interner, TextColumn};

use super::collect::{FieldEntities, RowGroupEntities, Sums};
use super::positions::{MAX_POSITIONS, encode, positions};
use super::{ENTITIES, FIELDS};

/// So many rows are sorted and written at a time, which bounds the memory of a run.
pub const INDEX_FILE_ROWS: u64 = 256 << 10;
/// Or as soon as the values take so many bytes.
const MAX_BYTES: usize = 48 << 20;
/// Rows to a row group: few, so that looking up a value reads little.
const ROW_GROUP_ROWS: usize = 8 << 10;
/// Stands for a value that is null.
const NULL: u32 = u32::MAX;

/// A row of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// The position of the field in [`FIELDS`].
    pub field: usize,
    /// The value; `None` for the records without.
    pub value: Option<String>,
    /// The data file, relative to its table's folder.
    pub data_file: String,
    /// How many records have the value.
    pub records: i64,
    /// Bytes sent, if any record says.
    pub bytes_sent: Option<i64>,
    /// Bytes stored.
    pub bytes_received: i64,
    /// How many of the records are failures.
    pub errors: i64,
    /// The earliest and the latest of the records, in microseconds since 1970; `None` if there are no records.
    pub times: Option<(i64, i64)>,
    /// The first record in evidence order: source file and line.
    pub first: Option<(String, i64)>,
    /// The rows of the records in the data file, from 0, if these are few.
    pub positions: Option<Vec<u64>>,
}

impl IndexRow {
    /// The rows of a batch of the table; `None` if a column is not what it should be. Rows of fields that this version
    /// does not index are left out.
    #[must_use]
    pub fn from_batch(batch: &RecordBatch) -> Option<Vec<Self>> {
        let text = |name: &str| TextColumn::new(batch.column_by_name(name)?).ok();
        let number = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
        let time = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>();
        let (logs, fields, values, files) = (text("log")?, text("field")?, text("value")?, text("data_file")?);
        let (records, sent, received) = (number("records")?, number("bytes_sent")?, number("bytes_received")?);
        let (errors, lines, sources) = (number("errors")?, number("first_line")?, text("first_file")?);
        let (first, last) = (time("first_time")?, time("last_time")?);
        let kinds = text("kind")?;
        let rows_of_value = batch.column_by_name("positions")?.as_binary_opt::<i32>()?;
        let rows = (0..batch.num_rows()).filter_map(|row| {
            let field = super::field(logs.get(row)?, fields.get(row)?)?;
            (FIELDS[field].entity.kind == kinds.get(row)?).then(|| Self {
                field,
                value: values.get(row).map(str::to_owned),
                data_file: files.get(row).unwrap_or_default().to_owned(),
                records: records.value(row),
                bytes_sent: sent.is_valid(row).then(|| sent.value(row)),
                bytes_received: received.value(row),
                errors: errors.value(row),
                times: first.is_valid(row).then(|| (first.value(row), last.value(row))),
                first: sources.get(row).map(|file| (file.to_owned(), lines.value(row))),
                positions: rows_of_value.is_valid(row).then(|| positions(rows_of_value.value(row))).flatten(),
            })
        });
        Some(rows.collect())
    }

    /// Adds another row of the same data file, field and value; `None` if a sum is too large for 64 bits.
    #[must_use]
    pub fn add(&self, other: &Self) -> Option<Self> {
        let sums = self.sums().add(&other.sums())?;
        let first = match (self.first.clone(), other.first.clone()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (first, None) | (None, first) => first,
        };
        Some(Self {
            records: sums.records,
            bytes_sent: sums.sent,
            bytes_received: sums.received,
            errors: sums.errors,
            times: (sums.records > 0).then_some((sums.first, sums.last)),
            first,
            positions: match (&self.positions, &other.positions) {
                (Some(a), Some(b)) => united(a, b),
                _ => None,
            },
            ..self.clone()
        })
    }

    fn sums(&self) -> Sums {
        let (first, last) = self.times.unwrap_or((i64::MAX, i64::MIN));
        let (records, errors) = (self.records, self.errors);
        Sums { records, sent: self.bytes_sent, received: self.bytes_received, errors, first, last }
    }
}

/// The records of an open data file that have no value in a field; `None` for a field that is not indexed there.
pub(crate) type FileIndex = Vec<Option<IndexRow>>;

/// Rows that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    values: Interner,
    data_files: Interner,
    sources: Interner,
    rows: Vec<Row>,
    /// The row numbers of all rows' values, one row after the other.
    positions: Vec<u64>,
    /// The fields, each with the data file, that turned out not to be indexed: their rows are of no use.
    given_up: HashSet<(usize, u32)>,
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
}

/// The positions of two rows together, if these are few.
fn united(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let mut both = [a, b].concat();
    both.sort_unstable();
    (both.len() <= MAX_POSITIONS).then_some(both)
}

impl IndexBuilder {
    /// The state of a data file without a row group.
    pub(crate) fn open(table: &str, data_file: &str) -> FileIndex {
        let of_table = FIELDS.iter().map(|field| field.format.table.name == table);
        let row = |field| IndexRow {
            field,
            value: None,
            data_file: data_file.to_owned(),
            records: 0,
            bytes_sent: None,
            bytes_received: 0,
            errors: 0,
            times: None,
            first: None,
            positions: None,
        };
        of_table.enumerate().map(|(field, is)| is.then(|| row(field))).collect()
    }

    /// Adds the entities of a data file's next row group, before which so many rows stand.
    pub(crate) fn add(&mut self, file: &mut FileIndex, data_file: &str, before: usize, entities: &RowGroupEntities) {
        for (entity, found) in entities.format.entities.iter().zip(&entities.fields) {
            let Some(field) = super::field(entities.format.table.name, entity.field) else { continue };
            let Some(nulls) = &mut file[field] else { continue };
            let mut all_fit = found.is_some();
            for (value, sums, row, rows) in found.iter().flat_map(FieldEntities::iter) {
                let (source, line) = entities.place(row);
                if let Some(value) = value {
                    let rows = rows.iter().map(|row| before as u64 + u64::from(*row));
                    let positions = (rows.len() > 0).then(|| self.keep(rows));
                    self.push(field, Some(value), data_file, *sums, Some((source, line)), positions);
                    continue;
                }
                let row = IndexRow {
                    records: sums.records,
                    bytes_sent: sums.sent,
                    bytes_received: sums.received,
                    errors: sums.errors,
                    times: Some((sums.first, sums.last)),
                    first: Some((source.to_owned(), line)),
                    positions: None,
                    ..nulls.clone()
                };
                match nulls.add(&row) {
                    Some(sum) => *nulls = sum,
                    None => all_fit = false,
                }
            }
            if !all_fit {
                file[field] = None;
                self.given_up.insert((field, self.data_files.intern(data_file.as_bytes())));
            }
        }
    }

    /// Adds what makes a data file's fields indexed.
    pub(crate) fn close(&mut self, file: FileIndex) {
        file.into_iter().flatten().for_each(|row| self.add_row(&row));
    }

    /// Adds a row that is complete.
    pub(crate) fn add_row(&mut self, row: &IndexRow) {
        let first = row.first.as_ref().map(|(file, line)| (file.as_str(), *line));
        let positions = row.positions.as_ref().map(|rows| self.keep(rows.iter().copied()));
        self.push(row.field, row.value.as_deref(), &row.data_file, row.sums(), first, positions);
    }

    /// Keeps row numbers; says where.
    fn keep(&mut self, rows: impl Iterator<Item = u64>) -> (usize, usize) {
        let start = self.positions.len();
        self.positions.extend(rows);
        (start, self.positions.len())
    }

    fn push(
        &mut self,
        field: usize,
        value: Option<&str>,
        data_file: &str,
        sums: Sums,
        first: Option<(&str, i64)>,
        positions: Option<(usize, usize)>,
    ) {
        self.rows.push(Row {
            field,
            value: value.map_or(NULL, |value| self.values.intern(value.as_bytes())),
            data_file: self.data_files.intern(data_file.as_bytes()),
            sums,
            source: first.map_or(NULL, |(source, _)| self.sources.intern(source.as_bytes())),
            line: first.map_or(0, |(_, line)| line),
            positions,
        });
    }

    /// Whether there are so many rows that they should be written.
    pub(crate) fn is_full(&self) -> bool {
        let memory = self.values.memory() + self.sources.memory() + self.positions.len() * size_of::<u64>();
        self.rows.len() as u64 >= INDEX_FILE_ROWS || memory >= MAX_BYTES
    }

    /// The rows so far, sorted, as row groups; none if there are none.
    pub(crate) fn take(&mut self) -> Vec<RecordBatch> {
        let mut taken = std::mem::take(self);
        taken.sort();
        taken.rows.chunks(ROW_GROUP_ROWS).map(|rows| taken.batch(rows)).collect()
    }

    /// Sorts by kind, value, field and data file, and adds up rows that are alike in all.
    fn sort(&mut self) {
        let values = ranks(&self.values);
        // Fields are in the order of their kinds.
        let kind = |field: usize| FIELDS.partition_point(|other| other.entity.kind < FIELDS[field].entity.kind);
        let kinds: Vec<usize> = (0..FIELDS.len()).map(kind).collect();
        // One number for all four, which takes the place of a row, is sorted faster.
        let key = |row: &Row| {
            let value = values.get(row.value as usize).map_or(0, |rank| u128::from(*rank) + 1);
            let (kind, field) = (kinds[row.field] as u128, row.field as u128);
            kind << 96 | value << 48 | field << 32 | u128::from(row.data_file)
        };
        let rows = self.rows.iter().zip(0..);
        let rows = rows.filter(|(row, _)| !self.given_up.contains(&(row.field, row.data_file)));
        let mut order: Vec<(u128, usize)> = rows.map(|(row, place)| (key(row), place)).collect();
        order.sort_unstable();
        let sources = ranks(&self.sources);
        let rank = |row: &Row| (sources.get(row.source as usize).copied().unwrap_or(u32::MAX), row.line);
        let mut sorted: Vec<Row> = Vec::with_capacity(order.len());
        let mut before = None;
        for (key, place) in order {
            let row = self.rows[place];
            let alike = sorted.last_mut().filter(|_| before == Some(key));
            before = Some(key);
            // Sums that do not fit stay apart; whoever adds them up has room for more.
            let sums = alike.as_ref().and_then(|alike| alike.sums.add(&row.sums));
            let Some((alike, sums)) = alike.zip(sums) else {
                sorted.push(row);
                continue;
            };
            alike.sums = sums;
            if rank(&row) < rank(alike) {
                (alike.source, alike.line) = (row.source, row.line);
            }
            let both = alike.positions.zip(row.positions);
            let both = both.and_then(|((a, b), (c, d))| united(&self.positions[a..b], &self.positions[c..d]));
            alike.positions = both.map(|both| self.keep(both.into_iter()));
        }
        self.rows = sorted;
    }

    fn batch(&self, rows: &[Row]) -> RecordBatch {
        let text = |get: &dyn Fn(&Row) -> u32, values: &Interner| text_array(rows.iter().map(get), values);
        let field_text = |get: fn(usize) -> &'static str| {
            let mut names = Interner::default();
            let keys: Vec<u32> = rows.iter().map(|row| names.intern(get(row.field).as_bytes())).collect();
            text_array(keys.into_iter(), &names)
        };
        let number =
            |get: fn(&Row) -> Option<i64>| -> ArrayRef { Arc::new(rows.iter().map(get).collect::<Int64Array>()) };
        let time = |get: fn(&Row) -> i64| -> ArrayRef {
            let times = rows.iter().map(|row| (row.sums.records > 0).then(|| get(row)));
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        let positions = |row: &Row| row.positions.map(|(start, end)| encode(&self.positions[start..end]));
        let columns: Vec<ArrayRef> = vec![
            field_text(|field| FIELDS[field].entity.kind),
            text(&|row| row.value, &self.values),
            field_text(|field| FIELDS[field].format.table.name),
            field_text(|field| FIELDS[field].entity.field),
            text(&|row| row.data_file, &self.data_files),
            number(|row| Some(row.sums.records)),
            number(|row| row.sums.sent),
            number(|row| Some(row.sums.received)),
            number(|row| Some(row.sums.errors)),
            time(|row| row.sums.first),
            time(|row| row.sums.last),
            text(&|row| row.source, &self.sources),
            number(|row| (row.source != NULL).then_some(row.line)),
            Arc::new(rows.iter().map(positions).collect::<BinaryArray>()),
        ];
        let fields = ENTITIES.columns.iter().zip(&columns);
        let fields: Vec<Field> =
            fields.map(|(column, array)| Field::new(column.name, array.data_type().clone(), true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("all columns have the same length")
    }
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
    let text = |number: u32| std::str::from_utf8(values.get(number)).unwrap_or_default();
    let mut used: HashMap<u32, u32> = HashMap::new();
    let mut distinct: Vec<&str> = Vec::new();
    let keys = numbers.map(|number| {
        let next = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
        (number != NULL).then(|| {
            *used.entry(number).or_insert_with(|| {
                distinct.push(text(number));
                next
            })
        })
    });
    let keys: UInt32Array = keys.collect();
    if distinct.len() * 2 > keys.len() {
        return Arc::new(keys.iter().map(|key| key.map(|key| distinct[key as usize])).collect::<StringArray>());
    }
    Arc::new(DictionaryArray::new(keys, Arc::new(StringArray::from(distinct))))
}
