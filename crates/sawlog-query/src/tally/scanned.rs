//! Groups records with a scan of the data files.
//!
//! Columns come as dictionaries, so a text is looked up once per row group and distinct value. Every further row costs
//! an addition. Each thread tallies its own partition; then the tallies are merged. Groups that don't fit into memory
//! go to disk.

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType, UInt32Type};
use datafusion::logical_expr::{Expr, ident};
use sawlog_formats::{Bytes, EvidencePlace};

use super::bounded::BoundedGroups;
use super::{Details, Measures};
use crate::logs::{Values, resolve};
use crate::numbers::{NULL, Numbers, Part, Translated, is_same};
use crate::query::Query;

/// The name of a dimension's column in the streams; `part` counts the columns of a dimension that has several.
fn dimension(place: usize, part: usize) -> String {
    format!("q_dimension_{place}_{part}")
}
const BYTES_SENT: &str = "q_bytes_sent";
const BYTES_RECEIVED: &str = "q_bytes_received";
const FAILED: &str = "q_failed";
const IP: &str = "q_ip";
const TIME: &str = "q_time";

/// Groups the records of one log: one set of groups for each of its streams.
pub(super) fn of_log(query: &Query, columns: &[String], measures: Measures) -> Result<Vec<BoundedGroups>> {
    let mut wanted = vec![ident("source_file"), ident("source_line")];
    let mut dimensions = Vec::with_capacity(columns.len());
    for (place, name) in columns.iter().enumerate() {
        // Summaries that break ties by the first number group texts as the log spells them.
        let as_logged = || resolve(query.format.table, name).map(Values::Of);
        let values = if measures.first_number { as_logged() } else { query.values(name) };
        let values = values.with_context(|| format!("no column {name}"))?;
        let mut add = |part: usize, expr: Expr| {
            let name = dimension(place, part);
            wanted.push(expr.alias(name.clone()));
            name
        };
        dimensions.push(match values {
            Values::Of(expr) => Dimension::Of(add(0, expr), Translated::default()),
            Values::First(texts) => {
                let texts = texts.into_iter().enumerate();
                Dimension::First(texts.map(|(at, (expr, part))| (add(at, expr), part, Translated::default())).collect())
            }
            Values::Addresses(columns) => {
                let columns = columns.into_iter().enumerate();
                Dimension::Addresses(columns.map(|(at, expr)| (add(at, expr), Translated::default())).collect())
            }
        });
    }
    let roles = query.roles()?;
    if measures.bytes_sent {
        wanted.push(roles.bytes.alias(BYTES_SENT));
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
    let new = || Stream::new(dimensions.clone(), measures, roles.bytes_are);
    let tallies = query.fold(wanted, new, |tally, rows| tally.add(&rows.kept()?))?;
    Ok(tallies.into_iter().map(|tally| tally.groups).collect())
}

/// The columns of a stream that have a dimension's values, each with the translation of its last dictionary.
#[derive(Clone)]
enum Dimension {
    /// One column.
    Of(String, Translated),
    /// The first of several columns whose part is not null.
    First(Vec<(String, Part, Translated)>),
    /// All distinct addresses of several columns: a row can have several values.
    Addresses(Vec<(String, Translated)>),
}

/// Adds up the groups of one stream.
struct Stream {
    only: Option<Begins>,
    measures: Measures,
    bytes_are: Option<Bytes>,
    groups: BoundedGroups,
    dimensions: Vec<Dimension>,
    /// The translations of the last dictionaries of addresses and of source files.
    ips: Translated,
    files: Translated,
    /// For each group, the last batch that had it.
    last_batch: Vec<u32>,
    batch: u32,
}

/// The number in `numbers` of each row's text.
fn dimension_numbers(
    batch: &RecordBatch,
    name: &str,
    numbers: &mut Numbers,
    last: &mut Translated,
    part: Part,
) -> Result<Vec<u32>> {
    let array = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    match array.data_type() {
        DataType::Utf8View | DataType::Dictionary(..) => numbers.of(array, last, part),
        // A number or a time.
        _ => numbers.of(&cast(array, &DataType::Utf8)?, last, part),
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

impl Stream {
    fn new(dimensions: Vec<Dimension>, measures: Measures, bytes_are: Option<Bytes>) -> Self {
        let begins = |(column, prefix)| Begins { column, prefix, dictionary: None, of_value: Vec::new() };
        Self {
            only: measures.only.map(begins),
            measures,
            bytes_are,
            groups: BoundedGroups::new(dimensions.len()),
            dimensions,
            ips: Translated::default(),
            files: Translated::default(),
            last_batch: Vec::new(),
            batch: 0,
        }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        match &mut self.only {
            // Filtering keeps the dictionaries, so `Translated` stays valid.
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
        let Places { places, rows } = self.places(batch)?;
        let groups = &mut self.groups.in_memory;
        self.last_batch.resize(groups.sums.len(), 0);
        let row_of = |at: usize| rows.as_ref().map_or(at, |rows| rows[at]);
        let mut files = None;
        let lines = numbers(batch, "source_line")?;
        let number = self.measures.first_number.then(|| numbers(batch, BYTES_SENT)).transpose()?;
        for (at, &place) in places.iter().enumerate() {
            let row = row_of(at);
            groups.sums[place].count += 1;
            // The rows of a batch are in evidence order, so only the first row of a group can be its first record.
            if self.last_batch[place] != self.batch && number.is_none_or(|number| number.is_valid(row)) {
                self.last_batch[place] = self.batch;
                if files.is_none() {
                    let (names, last) = (&mut groups.files, &mut self.files);
                    files = Some(dimension_numbers(batch, "source_file", names, last, Part::Whole)?);
                }
                let file = files.as_ref().map_or(NULL, |files| files[row]);
                groups.note_first(place, EvidencePlace { file, line: lines.value(row) });
            }
        }
        let rows = places.iter().enumerate().map(|(at, place)| (row_of(at), *place));
        if self.measures.bytes_sent {
            let bytes = numbers(batch, BYTES_SENT)?;
            for (row, place) in rows.clone().filter(|(row, _)| bytes.is_valid(*row)) {
                groups.sums[place].add_bytes(self.bytes_are, bytes.value(row).unsigned_abs().into());
            }
        }
        if self.measures.details >= Details::Sums {
            self.add_details(batch, rows)?;
        }
        if self.groups.fit()? {
            self.forget();
        }
        Ok(())
    }

    /// Forgets the numbers of groups and texts, which went to disk.
    fn forget(&mut self) {
        (self.ips, self.files) = (Translated::default(), Translated::default());
        self.last_batch.clear();
        for dimension in &mut self.dimensions {
            match dimension {
                Dimension::Of(_, last) => *last = Translated::default(),
                Dimension::First(texts) => texts.iter_mut().for_each(|(.., last)| *last = Translated::default()),
                Dimension::Addresses(texts) => texts.iter_mut().for_each(|(_, last)| *last = Translated::default()),
            }
        }
    }

    /// Adds the sums of [`Details`]; `rows` are pairs of a row and the place of its group.
    fn add_details(&mut self, batch: &RecordBatch, rows: impl Iterator<Item = (usize, usize)> + Clone) -> Result<()> {
        let received = numbers(batch, BYTES_RECEIVED)?;
        let failed = batch
            .column_by_name(FAILED)
            .and_then(|array| array.as_boolean_opt())
            .context("a column does not hold booleans")?;
        let times = batch.column_by_name(TIME).and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
        let times = times.context("a column does not hold times")?;
        for (row, place) in rows.clone() {
            let sums = &mut self.groups.in_memory.sums[place];
            if received.is_valid(row) {
                sums.bytes_received += u128::from(received.value(row).unsigned_abs());
            }
            sums.errors += u64::from(failed.is_valid(row) && failed.value(row));
            if times.is_valid(row) {
                sums.add_times((times.value(row), times.value(row)));
            }
        }
        if self.measures.details == Details::WithIps {
            let ips = dimension_numbers(batch, IP, &mut self.groups.in_memory.ips, &mut self.ips, Part::Address)?;
            let seen = rows.filter(|(row, _)| ips[*row] != NULL);
            seen.for_each(|(row, place)| self.groups.in_memory.note_ip(place, ips[row]));
        }
        Ok(())
    }

    /// The groups of the rows: one per row, unless a dimension has several values for a row.
    fn places(&mut self, batch: &RecordBatch) -> Result<Places> {
        let mut columns: Vec<Vec<u32>> = Vec::with_capacity(self.dimensions.len());
        let mut rows: Option<Vec<usize>> = None;
        for (dimension, numbers) in self.dimensions.iter_mut().zip(&mut self.groups.in_memory.columns) {
            let of_rows = match dimension {
                Dimension::Of(name, last) => dimension_numbers(batch, name, numbers, last, Part::Whole)?,
                Dimension::First(texts) => first_numbers(batch, texts, numbers)?,
                Dimension::Addresses(texts) => {
                    let (of_rows, places) = address_numbers(batch, texts, numbers)?;
                    // A row with several values is repeated for each of them, also in the columns before this one.
                    let known = rows.take().unwrap_or_else(|| (0..batch.num_rows()).collect());
                    let start = |row: usize| places.partition_point(|place| *place < row);
                    let all = known.iter().enumerate().flat_map(|(at, row)| {
                        let values = (start(*row)..).take_while(|place| places.get(*place) == Some(row));
                        values.map(move |place| (at, place))
                    });
                    let all: Vec<(usize, usize)> = all.collect();
                    for column in &mut columns {
                        *column = all.iter().map(|(at, _)| column[*at]).collect();
                    }
                    columns.push(all.iter().map(|(_, place)| of_rows[*place]).collect());
                    rows = Some(all.iter().map(|(at, _)| known[*at]).collect());
                    continue;
                }
            };
            columns.push(match &rows {
                None => of_rows,
                Some(rows) => rows.iter().map(|row| of_rows[*row]).collect(),
            });
        }
        let all = rows.as_ref().map_or(batch.num_rows(), Vec::len);
        let mut key: Vec<u32> = Vec::with_capacity(columns.len());
        let place = |at: usize| {
            key.clear();
            key.extend(columns.iter().map(|column| column[at]));
            self.groups.in_memory.place(&key)
        };
        Ok(Places { places: (0..all).map(place).collect(), rows })
    }
}

/// Pairs of a group and a row of it.
struct Places {
    /// The places of the groups.
    places: Vec<usize>,
    /// The row for each place; `None` if each row of the batch has one, in order.
    rows: Option<Vec<usize>>,
}

/// For each row, the number of the first text whose part is not null.
fn first_numbers(
    batch: &RecordBatch,
    texts: &mut [(String, Part, Translated)],
    numbers: &mut Numbers,
) -> Result<Vec<u32>> {
    let mut found: Option<Vec<u32>> = None;
    for (name, part, last) in texts {
        let of_rows = match &mut found {
            Some(found) if !found.contains(&NULL) => break,
            _ => dimension_numbers(batch, name, numbers, last, *part)?,
        };
        match &mut found {
            None => found = Some(of_rows),
            Some(found) => found
                .iter_mut()
                .zip(of_rows)
                .filter(|(found, _)| **found == NULL)
                .for_each(|(found, number)| *found = number),
        }
    }
    Ok(found.unwrap_or_else(|| vec![NULL; batch.num_rows()]))
}

/// The numbers of the distinct addresses of all rows, and the row of each. A row without an address has one [`NULL`].
fn address_numbers(
    batch: &RecordBatch,
    texts: &mut [(String, Translated)],
    numbers: &mut Numbers,
) -> Result<(Vec<u32>, Vec<usize>)> {
    let columns = texts.iter_mut().map(|(name, last)| dimension_numbers(batch, name, numbers, last, Part::Address));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let (mut found, mut rows) = (Vec::with_capacity(batch.num_rows() * 2), Vec::with_capacity(batch.num_rows() * 2));
    for row in 0..batch.num_rows() {
        let start = found.len();
        for column in &columns {
            if column[row] != NULL && !found[start..].contains(&column[row]) {
                found.push(column[row]);
            }
        }
        if found.len() == start {
            found.push(NULL);
        }
        rows.resize(found.len(), row);
    }
    Ok((found, rows))
}

/// Finds the rows in which a column begins with a prefix. Each distinct value of a row group is tested once.
struct Begins {
    column: &'static str,
    prefix: &'static str,
    /// The last dictionary.
    dictionary: Option<StringArray>,
    /// For each value of the dictionary, whether it begins with the prefix.
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
    array.with_context(|| format!("{name} does not hold numbers"))
}
