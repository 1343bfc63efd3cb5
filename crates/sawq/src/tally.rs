//! Groups records by columns and adds up, for each group, what an investigator asks for.
//!
//! Columns come as dictionaries, so a group is looked up by its text once for each row group and distinct value; every
//! row after that costs an addition. Several threads tally apart, then their tallies are merged.

use std::cmp::Reverse;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType, UInt32Type};
use datafusion::logical_expr::ident;
use foldhash::quality::RandomState;

use crate::index;
use crate::logs::{Roles, resolve};
use crate::numbers::{NULL, Numbers, Translated, WHOLE, is_same};
use crate::query::Query;

/// Maps over millions of short keys; their hash is seeded, so no log can make its values collide.
type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
type HashSet<K> = std::collections::HashSet<K, RandomState>;

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

/// What was added up for a group of records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    /// The group's values, one for each column; null where the field is `-`.
    pub(crate) values: Arc<[Option<String>]>,
    pub(crate) count: u64,
    /// `None` if no record has a number.
    pub(crate) bytes_sent: Option<u128>,
    pub(crate) bytes_received: u128,
    pub(crate) errors: u64,
    pub(crate) ips: HashSet<String>,
    pub(crate) times: Option<(i64, i64)>,
    /// Where the first record stands that counts for [`Measures::first_number`]: file and line.
    pub(crate) first: Option<(Arc<str>, i64)>,
}

impl Group {
    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.bytes_sent = match (self.bytes_sent, other.bytes_sent) {
            (Some(a), Some(b)) => Some(a + b),
            (sum, None) | (None, sum) => sum,
        };
        self.bytes_received += other.bytes_received;
        self.errors += other.errors;
        self.ips.extend(other.ips);
        self.times = match (self.times, other.times) {
            (Some((first, last)), Some((begin, end))) => Some((first.min(begin), last.max(end))),
            (times, None) | (None, times) => times,
        };
        self.first = match (self.first.take(), other.first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (first, None) | (None, first) => first,
        };
    }
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

/// Groups the queries' records by `columns`, each of which every query's log has. Groups come in no order.
pub(crate) fn tally(queries: &[&Query], columns: &[String], measures: Measures) -> Result<Vec<Group>> {
    let of_logs = crate::query::each(queries, |query| {
        let Some((indexed, rest)) = index::tally(query, columns, measures)? else {
            return tally_log(query, columns, measures);
        };
        let mut groups = vec![indexed];
        if !rest.files.is_empty() {
            let rest = Query { snapshot: rest, ..(*query).clone() };
            groups.extend(tally_log(&rest, columns, measures)?);
        }
        Ok(groups)
    })?;
    let groups = of_logs.into_iter().flatten().collect();
    Ok(merge(groups))
}

/// The largest groups, or all of them if `number` is 0, the largest first; ties in the order of their first records, as
/// evidence stands.
pub(crate) fn largest(mut groups: Vec<Group>, number: usize, size: impl Fn(&Group) -> u128) -> Vec<Group> {
    let order = |a: &Group, b: &Group| Reverse(size(a)).cmp(&Reverse(size(b))).then_with(|| a.first.cmp(&b.first));
    if number > 0 && number < groups.len() {
        groups.select_nth_unstable_by(number, order);
        groups.truncate(number);
    }
    groups.sort_by(order);
    groups
}

/// The groups of one log, of each of its streams.
fn tally_log(query: &Query, columns: &[String], measures: Measures) -> Result<Vec<Vec<Group>>> {
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
        wanted.push(roles.time.alias(TIME));
    }
    wanted.extend(measures.only.map(|(column, _)| ident(column)));
    let new = || Tally::new(columns.len(), measures);
    let tallies = query.fold(wanted, new, Tally::add)?;
    Ok(tallies.into_iter().map(Tally::finish).collect())
}

fn merge(tallies: Vec<Vec<Group>>) -> Vec<Group> {
    let mut tallies = tallies.into_iter();
    let mut merged: Vec<Group> = tallies.next().unwrap_or_default();
    let mut places: HashMap<Arc<[Option<String>]>, usize> = HashMap::default();
    for (number, tally) in tallies.enumerate() {
        if number == 0 {
            places = merged.iter().enumerate().map(|(place, group)| (Arc::clone(&group.values), place)).collect();
        }
        for group in tally {
            if let Some(place) = places.get(&group.values) {
                merged[*place].merge(group);
            } else {
                places.insert(Arc::clone(&group.values), merged.len());
                merged.push(group);
            }
        }
    }
    merged
}

/// The groups of one stream.
struct Tally {
    only: Option<Begins>,
    columns: Vec<Dimension>,
    measures: Measures,
    groups: Vec<Group>,
    /// Which group the values' numbers stand for.
    places: HashMap<Box<[u32]>, usize>,
    ips: Dimension,
    /// Pairs of group and address that were seen.
    seen: HashSet<(u32, u32)>,
    /// In which batch a group was last seen.
    last_batch: Vec<u32>,
    batch: u32,
}

/// A column of the stream, and the distinct values of it over all row groups.
struct Dimension {
    name: String,
    numbers: Numbers,
    last: Translated,
}

impl Dimension {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), numbers: Numbers::default(), last: Translated::default() }
    }

    /// The rows' numbers.
    fn numbers(&mut self, batch: &RecordBatch) -> Result<Vec<u32>> {
        let array = batch.column_by_name(&self.name).with_context(|| format!("no column {}", self.name))?;
        match array.data_type() {
            DataType::Utf8View | DataType::Dictionary(..) => self.numbers.of(array, &mut self.last, WHOLE),
            // A number or a time.
            _ => self.numbers.of(&cast(array, &DataType::Utf8)?, &mut self.last, WHOLE),
        }
    }

    fn value(&self, number: u32) -> Option<String> {
        self.numbers.text(number).map(str::to_owned)
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
            columns: (0..dimensions).map(|place| Dimension::new(&dimension(place))).collect(),
            measures,
            groups: Vec::new(),
            places: HashMap::default(),
            ips: Dimension::new(IP),
            seen: HashSet::default(),
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
        let (mut files, mut file_numbers) = (Dimension::new("source_file"), None);
        let lines = numbers(batch, "source_line")?;
        let number = self.measures.first_number.then(|| numbers(batch, BYTES_SENT)).transpose()?;
        for (row, &place) in places.iter().enumerate() {
            self.groups[place].count += 1;
            // Rows of a batch are in evidence order, so only a group's first one can be its first of all.
            if self.last_batch[place] != self.batch && number.is_none_or(|number| number.is_valid(row)) {
                self.last_batch[place] = self.batch;
                if file_numbers.is_none() {
                    file_numbers = Some(files.numbers(batch)?);
                }
                let number = file_numbers.as_ref().map_or(NULL, |numbers| numbers[row]);
                let group = &mut self.groups[place];
                let file = files.numbers.text(number).unwrap_or_default();
                let here = (file, lines.value(row));
                if group.first.as_ref().is_none_or(|(file, line)| here < (file, *line)) {
                    group.first = Some((file.into(), lines.value(row)));
                }
            }
        }
        if self.measures.bytes_sent {
            let bytes = numbers(batch, BYTES_SENT)?;
            for (row, &place) in places.iter().enumerate().filter(|(row, _)| bytes.is_valid(*row)) {
                *self.groups[place].bytes_sent.get_or_insert(0) += u128::from(bytes.value(row).unsigned_abs());
            }
        }
        if self.measures.details >= Details::Sums { self.add_details(batch, &places) } else { Ok(()) }
    }

    fn add_details(&mut self, batch: &RecordBatch, places: &[usize]) -> Result<()> {
        let received = numbers(batch, BYTES_RECEIVED)?;
        let failed = batch.column_by_name(FAILED).and_then(|array| array.as_boolean_opt()).context("no failures")?;
        let times = batch.column_by_name(TIME).and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
        let times = times.context("no times")?;
        let ips = (self.measures.details == Details::WithIps).then(|| self.ips.numbers(batch)).transpose()?;
        for (row, &place) in places.iter().enumerate() {
            let group = &mut self.groups[place];
            if received.is_valid(row) {
                group.bytes_received += u128::from(received.value(row).unsigned_abs());
            }
            group.errors += u64::from(failed.is_valid(row) && failed.value(row));
            let time = times.value(row);
            group.times = Some(group.times.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
            if let Some(ip) = ips.as_ref().map(|ips| ips[row]).filter(|ip| *ip != NULL) {
                let number = u32::try_from(place).unwrap_or(u32::MAX);
                if self.seen.insert((number, ip)) {
                    group.ips.extend(self.ips.value(ip));
                }
            }
        }
        Ok(())
    }

    /// The rows' groups.
    fn places(&mut self, batch: &RecordBatch) -> Result<Vec<usize>> {
        let numbers: Vec<Vec<u32>> =
            self.columns.iter_mut().map(|column| column.numbers(batch)).collect::<Result<_>>()?;
        let mut places = Vec::with_capacity(batch.num_rows());
        // Where one column was looked up before, by its number; null is the first.
        let mut known: Vec<usize> = vec![usize::MAX; self.columns[0].numbers.len() + 1];
        let mut key: Vec<u32> = Vec::with_capacity(numbers.len());
        for row in 0..batch.num_rows() {
            let first = numbers[0][row].wrapping_add(1) as usize;
            if numbers.len() == 1 && known[first] != usize::MAX {
                places.push(known[first]);
                continue;
            }
            key.clear();
            key.extend(numbers.iter().map(|column| column[row]));
            let place = match self.places.get(key.as_slice()) {
                Some(place) => *place,
                None => self.new_group(&key),
            };
            known[first] = place;
            places.push(place);
        }
        Ok(places)
    }

    fn new_group(&mut self, key: &[u32]) -> usize {
        let place = self.groups.len();
        let values = self.columns.iter().zip(key).map(|(column, number)| column.value(*number)).collect();
        self.groups.push(Group { values, ..Group::default() });
        self.last_batch.push(0);
        self.places.insert(key.into(), place);
        place
    }

    fn finish(self) -> Vec<Group> {
        self.groups
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
