//! Groups records by columns and adds up, for each group, what an investigator asks for.
//!
//! Columns come as dictionaries, so a group is looked up by its text once for each row group and distinct value; every
//! row after that costs an addition. Several threads tally apart, then their tallies are merged.

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType, UInt32Type};
use datafusion::logical_expr::ident;

use crate::groups::{Group, Groups, Largest, Sums};
use crate::index;
use crate::logs::{Roles, resolve};
use crate::numbers::{NULL, Numbers, Translated, WHOLE, is_same};
use crate::query::Query;

/// What is added up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measures {
    /// Bytes sent.
    pub(crate) bytes_sent: bool,
    /// Groups come in the order of their first records with a number of bytes sent, not of their first records.
    pub(crate) first_number: bool,
    pub(crate) details: Details,
    /// Only of records in which this column begins with this text.
    pub(crate) only: Option<(&'static str, &'static str)>,
}

/// What is added up beside bytes sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub(crate) enum Details {
    #[default]
    Nothing,
    /// Bytes received, errors and times.
    Sums,
    /// These, and the addresses.
    WithIps,
}

/// The names that a dimension and the measures have in the streams that are tallied.
fn dimension(place: usize) -> String {
    format!("q_dimension_{place}")
}
const BYTES_SENT: &str = "q_bytes_sent";
const BYTES_RECEIVED: &str = "q_bytes_received";
const FAILED: &str = "q_failed";
const IP: &str = "q_ip";
const TIME: &str = "q_time";

/// The largest groups of the queries' records by `columns`, each of which every query's log has, or all of them if `number`
/// is 0, the largest first by what `size` says of their sums; ties in the order of their first records, as evidence stands.
pub(crate) fn largest(
    queries: &[&Query],
    columns: &[String],
    measures: Measures,
    number: usize,
    size: impl Fn(&Sums) -> u128,
) -> Result<Vec<Group>> {
    let possible = queries.iter().copied().filter(|query| !query.is_ruled_out());
    let (indexed, scanned): (Vec<&Query>, Vec<&Query>) =
        possible.partition(|query| index::answers(query, columns, measures));
    let indexed = index::Tally::new(&indexed, columns)?;
    let others = scanned.into_iter().cloned().chain(indexed.others());
    let of_logs = crate::query::each(others, |query| tally_log(&query, columns, measures))?;
    let merged = of_logs.into_iter().flatten().reduce(|mut merged, groups| {
        merged.merge(&groups);
        merged
    });
    let mut groups = merged.unwrap_or_else(|| Groups::new(columns.len()));
    let mut largest = Largest::new(number, size);
    indexed.each(|group| {
        if group.is_whole && (groups.is_empty() || !groups.has(group.values())) {
            largest.offer(
                &group.sums,
                || group.first(),
                || {
                    let values = group.values().map(|value| value.map(str::to_owned)).collect();
                    Group { values, sums: group.sums, ips: 0 }
                },
            );
        } else {
            groups.add_records(group.values(), &group.sums, group.first());
        }
    })?;
    groups.offer_to(&mut largest);
    Ok(largest.into_groups())
}

/// The groups of one log, of each of its streams.
fn tally_log(query: &Query, columns: &[String], measures: Measures) -> Result<Vec<Groups>> {
    let table = query.format.table;
    let mut wanted = vec![ident("source_file"), ident("source_line")];
    for (place, name) in columns.iter().enumerate() {
        let column = resolve(table, name).with_context(|| format!("no column {name}"))?;
        wanted.push(column.alias(dimension(place)));
    }
    let roles = Roles::of(table)?;
    if measures.bytes_sent {
        wanted.push(roles.bytes_sent.alias(BYTES_SENT));
    }
    if measures.details >= Details::Sums {
        wanted.push(roles.bytes_received.alias(BYTES_RECEIVED));
        wanted.push(roles.failed.alias(FAILED));
        if measures.details == Details::WithIps {
            wanted.push(roles.ip.alias(IP));
        }
        wanted.push(query.time()?.alias(TIME));
    }
    wanted.extend(measures.only.map(|(column, _)| ident(column)));
    let new = || Tally::new(columns.len(), measures);
    let tallies = query.fold(wanted, new, |tally, rows| tally.add(&rows.kept()?))?;
    Ok(tallies.into_iter().map(|tally| tally.groups).collect())
}

/// The groups of one stream.
struct Tally {
    only: Option<Begins>,
    measures: Measures,
    groups: Groups,
    /// The last dictionary of each dimension, of the addresses and of the files.
    columns: Vec<Translated>,
    ips: Translated,
    files: Translated,
    /// In which batch a group was last seen.
    last_batch: Vec<u32>,
    batch: u32,
}

/// The numbers of a column's rows among those of `numbers`.
fn dimension_numbers(
    batch: &RecordBatch,
    name: &str,
    numbers: &mut Numbers,
    last: &mut Translated,
) -> Result<Vec<u32>> {
    let array = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    match array.data_type() {
        DataType::Utf8View | DataType::Dictionary(..) => numbers.of(array, last, WHOLE),
        // A number or a time.
        _ => numbers.of(&cast(array, &DataType::Utf8)?, last, WHOLE),
    }
}

fn as_dictionary(array: &ArrayRef) -> Result<ArrayRef> {
    let wanted = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    if *array.data_type() == wanted {
        return Ok(array.clone());
    }
    let text = cast(array, &DataType::Utf8)?;
    Ok(cast(&text, &wanted)?)
}

impl Tally {
    fn new(dimensions: usize, measures: Measures) -> Self {
        let begins = |(column, prefix)| Begins { column, prefix, dictionary: None, of_value: Vec::new() };
        Self {
            only: measures.only.map(begins),
            measures,
            groups: Groups::new(dimensions),
            columns: (0..dimensions).map(|_| Translated::default()).collect(),
            ips: Translated::default(),
            files: Translated::default(),
            last_batch: Vec::new(),
            batch: 0,
        }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        match &mut self.only {
            // Filtering keeps the dictionaries as they are.
            Some(only) => {
                let rows = only.rows(batch)?;
                let columns = batch.schema().index_of(only.column).map(|place| {
                    let mut batch = batch.clone();
                    batch.remove_column(place);
                    batch
                })?;
                self.add_all(&filter_record_batch(&columns, &rows)?)
            }
            None => self.add_all(batch),
        }
    }

    fn add_all(&mut self, batch: &RecordBatch) -> Result<()> {
        self.batch += 1;
        let places = self.places(batch)?;
        self.last_batch.resize(self.groups.sums.len(), 0);
        let mut files = None;
        let lines = numbers(batch, "source_line")?;
        let number = self.measures.first_number.then(|| numbers(batch, BYTES_SENT)).transpose()?;
        for (row, &place) in places.iter().enumerate() {
            self.groups.sums[place].count += 1;
            // Rows of a batch are in evidence order, so only a group's first one can be its first of all.
            if self.last_batch[place] != self.batch && number.is_none_or(|number| number.is_valid(row)) {
                self.last_batch[place] = self.batch;
                if files.is_none() {
                    files = Some(dimension_numbers(batch, "source_file", &mut self.groups.files, &mut self.files)?);
                }
                let file = files.as_ref().map_or(NULL, |files| files[row]);
                self.groups.note_first(place, (file, lines.value(row)));
            }
        }
        if self.measures.bytes_sent {
            let bytes = numbers(batch, BYTES_SENT)?;
            for (row, &place) in places.iter().enumerate().filter(|(row, _)| bytes.is_valid(*row)) {
                self.groups.sums[place].add_sent(bytes.value(row).unsigned_abs().into());
            }
        }
        if self.measures.details >= Details::Sums { self.add_details(batch, &places) } else { Ok(()) }
    }

    fn add_details(&mut self, batch: &RecordBatch, places: &[usize]) -> Result<()> {
        let received = numbers(batch, BYTES_RECEIVED)?;
        let failed = batch.column_by_name(FAILED).and_then(|array| array.as_boolean_opt()).context("no failures")?;
        let times = batch.column_by_name(TIME).and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
        let times = times.context("no times")?;
        for (row, &place) in places.iter().enumerate() {
            let sums = &mut self.groups.sums[place];
            if received.is_valid(row) {
                sums.bytes_received += u128::from(received.value(row).unsigned_abs());
            }
            sums.errors += u64::from(failed.is_valid(row) && failed.value(row));
            if times.is_valid(row) {
                sums.add_times((times.value(row), times.value(row)));
            }
        }
        if self.measures.details == Details::WithIps {
            let ips = dimension_numbers(batch, IP, &mut self.groups.ips, &mut self.ips)?;
            let seen = places.iter().zip(ips).filter(|(_, ip)| *ip != NULL);
            seen.for_each(|(place, ip)| self.groups.note_ip(*place, ip));
        }
        Ok(())
    }

    /// The rows' groups.
    fn places(&mut self, batch: &RecordBatch) -> Result<Vec<usize>> {
        let mut numbers = Vec::with_capacity(self.columns.len());
        for (place, last) in self.columns.iter_mut().enumerate() {
            numbers.push(dimension_numbers(batch, &dimension(place), &mut self.groups.columns[place], last)?);
        }
        let mut key: Vec<u32> = Vec::with_capacity(numbers.len());
        let place = |row: usize| {
            key.clear();
            key.extend(numbers.iter().map(|column| column[row]));
            self.groups.place(&key)
        };
        Ok((0..batch.num_rows()).map(place).collect())
    }
}

/// In which rows a column begins with a text: found once for each distinct value of a row group.
struct Begins {
    column: &'static str,
    prefix: &'static str,
    /// The dictionary that `of_value` is for.
    dictionary: Option<StringArray>,
    of_value: Vec<bool>,
}

impl Begins {
    fn rows(&mut self, batch: &RecordBatch) -> Result<BooleanArray> {
        let array = batch.column_by_name(self.column).with_context(|| format!("no column {}", self.column))?;
        let array = as_dictionary(array)?;
        let dictionary = array.as_dictionary::<UInt32Type>();
        let (keys, values): (&UInt32Array, &StringArray) = (dictionary.keys(), dictionary.values().as_string());
        if !is_same(self.dictionary.as_ref(), values) {
            let begins = |value: Option<&str>| value.is_some_and(|value| value.starts_with(self.prefix));
            self.of_value = values.iter().map(begins).collect();
            self.dictionary = Some(values.clone());
        }
        let begins = |row: usize| keys.is_valid(row) && self.of_value[keys.value(row) as usize];
        Ok(BooleanArray::new(BooleanBuffer::collect_bool(keys.len(), begins), None))
    }
}

fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Int64Array> {
    let array = batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<Int64Type>());
    array.with_context(|| format!("no numbers in {name}"))
}
