//! Collects the entities of one row group from the dictionaries of its columns.

use std::collections::HashMap;
use std::fmt::Write;

use super::positions::MAX_POSITIONS;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, StringBuilder};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type};
use arrow::error::ArrowError;
use sawlog_formats::{
    Bytes, Entity, EvidencePlace, Failed, Format, Interner, Measures, Part, Source, Standing, TextColumn,
    canonical_address,
};

/// An unbounded field is not indexed in a row group with fewer rows per distinct value than this: a row of the index
/// costs twice the CPU time of a record.
const ROWS_PER_VALUE: usize = 8;
/// An unbounded field with at most this many distinct values in a row group is always indexed.
const ALWAYS: usize = 4096;
/// A field with a value of more bytes than this is not indexed: no service accepts such a long header, name or URL.
const MAX_LEN: usize = 64 << 10;

/// Sums over the records that have one value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums {
    pub(crate) records: i64,
    pub(crate) sent: Option<i64>,
    pub(crate) received: i64,
    pub(crate) errors: i64,
    /// The earliest and the latest time, in microseconds since 1970; `first > last` if no record has a time.
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Sums {
    pub(crate) const NONE: Self =
        Self { records: 0, sent: None, received: 0, errors: 0, first: i64::MAX, last: i64::MIN };

    /// The earliest and the latest time, if any record has one.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        (self.first <= self.last).then_some((self.first, self.last))
    }

    /// Adds other sums; `None` if one does not fit into 64 bits.
    pub(crate) fn add(&self, other: &Self) -> Option<Self> {
        Some(Self {
            records: self.records.checked_add(other.records)?,
            sent: match (self.sent, other.sent) {
                (Some(a), Some(b)) => Some(a.checked_add(b)?),
                (sum, None) | (None, sum) => sum,
            },
            received: self.received.checked_add(other.received)?,
            errors: self.errors.checked_add(other.errors)?,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        })
    }
}

/// The entities of a row group.
#[derive(Debug)]
pub(crate) struct RowGroupEntities {
    /// The format of the log.
    pub(crate) format: &'static Format,
    /// One for each of the format's entities; `None` if the field is not indexed in this row group.
    pub(crate) fields: Vec<Option<FieldEntities>>,
    files: TextColumn,
    lines: Int64Array,
}

/// The values of one field, with their sums and posting lists.
#[derive(Debug)]
pub(crate) struct FieldEntities {
    /// The distinct values.
    values: StringArray,
    /// The sums and the first row of each value; those of null come last.
    sums: Vec<(Sums, usize)>,
    /// The sums for standing summaries, the same number of them for each value; those of null come last.
    standing: Vec<StandingBytes>,
    /// The posting lists of rare values, one after the other.
    rows: Vec<u32>,
    /// The end of each value's posting list in `rows`.
    ends: Vec<u32>,
}

/// The bytes of the records that count for a standing summary, [`NOTHING`] until a record has a number; and the first
/// row that has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StandingBytes {
    pub(crate) bytes: i64,
    pub(crate) first_row: u32,
}

impl StandingBytes {
    const NONE: Self = Self { bytes: NOTHING, first_row: u32::MAX };

    #[inline]
    fn add(&mut self, row: u32, bytes: i64) {
        self.bytes = self.bytes.max(0) + bytes;
        self.first_row = self.first_row.min(row);
    }

    /// Whether no record has a number.
    pub(crate) fn is_nothing(self) -> bool {
        self.bytes == NOTHING
    }
}

/// One value of a field.
#[derive(Clone, Copy)]
pub(crate) struct FoundValue<'a> {
    /// `None` for null.
    pub(crate) value: Option<&'a str>,
    pub(crate) sums: &'a Sums,
    pub(crate) first_row: usize,
    /// The posting list, if the value is rare; else empty.
    pub(crate) rows: &'a [u32],
    pub(crate) standing: &'a [StandingBytes],
}

impl FieldEntities {
    fn new(keys: Keys, sums: Vec<(Sums, usize)>, standing: Vec<StandingBytes>) -> Self {
        let count = |sums: &Sums| usize::try_from(sums.records).unwrap_or(usize::MAX);
        // Null has no posting list.
        let few = sums.iter().take(keys.values.len());
        let few = few.map(|(sums, _)| if count(sums) <= MAX_POSITIONS { count(sums) } else { 0 });
        let mut end = 0;
        let ends: Vec<u32> = few
            .map(|rows| {
                end += rows;
                u32::try_from(end).expect("a row group has fewer than 2^32 rows")
            })
            .collect();
        let mut rows = vec![0; end];
        if end > 0 {
            const NOWHERE: u32 = u32::MAX;
            let starts = [0].into_iter().chain(ends.iter().copied());
            let mut next: Vec<u32> =
                starts.zip(&ends).map(|(start, end)| if start < *end { start } else { NOWHERE }).collect();
            next.push(NOWHERE);
            for (row, key) in (0..).zip(keys.of_rows.iter()).chain(keys.more.iter().map(|(row, key)| (*row, key))) {
                let place = &mut next[*key as usize];
                if *place != NOWHERE {
                    rows[*place as usize] = row;
                    *place += 1;
                }
            }
            if !keys.more.is_empty() {
                let starts = [0].into_iter().chain(ends.iter().copied());
                starts.zip(&ends).for_each(|(start, end)| rows[start as usize..*end as usize].sort_unstable());
            }
        }
        Self { values: keys.values, sums, standing, rows, ends }
    }

    /// The values that have records; null comes last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = FoundValue<'_>> {
        let of_value = self.standing.len() / self.sums.len();
        let values = self.values.iter().chain([None]).zip(&self.sums).enumerate();
        let all = values.map(move |(place, (value, (sums, first_row)))| {
            let end = |place: usize| self.ends.get(place).map_or(self.rows.len(), |end| *end as usize);
            let start = if place == 0 { 0 } else { end(place - 1) };
            let rows = &self.rows[start..end(place)];
            let standing = &self.standing[place * of_value..][..of_value];
            FoundValue { value, sums, first_row: *first_row, rows, standing }
        });
        all.filter(|found| found.sums.records > 0)
    }
}

impl RowGroupEntities {
    /// Collects the entities of `batch`, whose rows are in evidence order. It needs all of [`columns`].
    ///
    /// # Errors
    ///
    /// If a column is missing, or has another type than in the table.
    pub(crate) fn collect(format: &'static Format, batch: &RecordBatch) -> Result<Self, ArrowError> {
        let rows = RowMeasures::new(format, batch)?;
        let fields = format.entities.iter().map(|entity| {
            let Some(keys) = Keys::of(entity, batch)? else { return Ok(None) };
            Ok(rows.add_up(entity, keys))
        });
        let wrong = |found: DataType| ArrowError::SchemaError(format!("source_file has the type {found}"));
        Ok(Self {
            format,
            fields: fields.collect::<Result<_, ArrowError>>()?,
            files: TextColumn::new(&column(batch, "source_file")?.0).map_err(wrong)?,
            lines: number(batch, "source_line")?,
        })
    }

    /// The number of rows in the row group.
    pub(crate) fn rows(&self) -> usize {
        self.lines.len()
    }

    /// Where a row's record is in the evidence.
    pub(crate) fn place(&self, row: usize) -> EvidencePlace<&str> {
        EvidencePlace { file: self.files.get(row).unwrap_or_default(), line: self.lines.value(row) }
    }
}

/// The top-level columns of a format's table that [`RowGroupEntities::collect`] reads, sorted.
pub(crate) fn columns(format: &Format) -> Vec<&'static str> {
    let all = format.entities.iter().flat_map(Entity::columns).chain(format.measures.columns());
    let all = all.chain(format.table.times.iter().copied()).chain(["source_file", "source_line"]);
    let mut names: Vec<&str> = all.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The column at a path, such as `user_identity.arn`, and the validity of its rows, which includes that of its groups.
fn column(batch: &RecordBatch, path: &str) -> Result<(ArrayRef, Option<NullBuffer>), ArrowError> {
    let missing = || ArrowError::SchemaError(format!("the column {path} is missing"));
    let mut parts = path.split('.');
    let mut array = parts.next().and_then(|name| batch.column_by_name(name)).ok_or_else(missing)?;
    let mut valid = array.nulls().cloned();
    for part in parts {
        array = array.as_struct_opt().and_then(|group| group.column_by_name(part)).ok_or_else(missing)?;
        valid = NullBuffer::union(valid.as_ref(), array.nulls());
    }
    Ok((array.clone(), valid))
}

fn number(batch: &RecordBatch, name: &str) -> Result<Int64Array, ArrowError> {
    let array = column(batch, name)?.0;
    let wrong = || ArrowError::SchemaError(format!("the column {name} has the type {}", array.data_type()));
    array.as_primitive_opt::<Int64Type>().cloned().ok_or_else(wrong)
}

/// The numbers of each row that are added up. They are kept small, since every field iterates over them.
struct RowMeasures {
    /// The time, and the bytes sent or [`NOTHING`].
    rows: Vec<(i64, i64)>,
    /// The rows that have a time; `None` if all do.
    timed: Option<Vec<u32>>,
    /// The rows that stored something, and the number of bytes.
    received: Vec<(usize, i64)>,
    /// The rows that are failures.
    failed: Vec<usize>,
    /// For each standing summary, its field and which rows count; `None` if all do.
    standing: Vec<(&'static str, Option<Vec<bool>>)>,
    /// The sums over all rows.
    all: Common,
    /// Whether all sums fit into 64 bits and no number is negative: a sum of negative sizes would mean nothing.
    all_fit: bool,
}

/// Marks a missing number of bytes.
const NOTHING: i64 = -1;

/// The sums that nearly every row adds to.
#[derive(Clone, Copy)]
struct Common {
    records: u32,
    first_row: u32,
    /// [`NOTHING`] until a row has a number.
    sent: i64,
    first: i64,
    last: i64,
}

impl Common {
    const NONE: Self = Self { records: 0, first_row: u32::MAX, sent: NOTHING, first: i64::MAX, last: i64::MIN };

    #[inline]
    fn add(&mut self, row: u32, (time, sent): (i64, i64)) {
        self.first_row = self.first_row.min(row);
        self.records += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        if sent != NOTHING {
            self.sent = self.sent.max(0) + sent;
        }
    }

    /// Resets the times, so that only rows that have one are added again.
    fn forget_times(&mut self) {
        (self.first, self.last) = (Self::NONE.first, Self::NONE.last);
    }

    fn add_time(&mut self, time: i64) {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }
}

impl RowMeasures {
    fn new(format: &Format, batch: &RecordBatch) -> Result<Self, ArrowError> {
        let Measures { bytes, received, failed, standing, .. } = format.measures;
        let (times, timed) = times(format, batch)?;
        let mut all_fit = true;
        let rows: Vec<(i64, i64)> = if let Some(name) = bytes.map(Bytes::column) {
            let bytes = number(batch, name)?;
            all_fit &= fits(bytes.iter().flatten());
            let bytes = bytes.iter().map(|bytes| bytes.unwrap_or(NOTHING));
            times.into_iter().zip(bytes).collect()
        } else {
            times.into_iter().map(|time| (time, NOTHING)).collect()
        };
        let mut stored = Vec::new();
        if let Some(received) = received {
            let sizes = number(batch, received.column)?;
            let counts = received.by.map(|(by, values)| is_one_of(batch, by, values)).transpose()?;
            let counted = sizes.iter().enumerate().filter(|(row, _)| counts.as_ref().is_none_or(|counts| counts[*row]));
            stored.extend(counted.filter_map(|(row, size)| Some((row, size?))));
            all_fit &= fits(stored.iter().map(|(_, size)| *size));
        }
        let mut all = Common::NONE;
        if all_fit {
            (0..).zip(&rows).for_each(|(row, measures)| all.add(row, *measures));
            if let Some(timed) = &timed {
                all.forget_times();
                timed.iter().for_each(|row| all.add_time(rows[*row as usize].0));
            }
        }
        let counts = |standing: &Standing| {
            let counts = standing.only.map(|(name, prefix)| begins(batch, name, prefix)).transpose()?;
            Ok((standing.field, counts))
        };
        let standing = standing.iter().map(counts).collect::<Result<_, ArrowError>>()?;
        Ok(Self { rows, timed, received: stored, failed: failures(failed, batch)?, standing, all, all_fit })
    }

    /// Adds up each value for the standing summaries of a field.
    fn standing(&self, field: &str, keys: &Keys) -> Vec<StandingBytes> {
        let of_field = || self.standing.iter().filter(|(name, _)| *name == field);
        let count = of_field().count();
        let mut sums = vec![StandingBytes::NONE; count * (keys.values.len() + 1)];
        for (place, (_, counts)) in of_field().enumerate() {
            let mut add = |row: u32, key: u32| {
                let bytes = self.rows[row as usize].1;
                if bytes != NOTHING && counts.as_ref().is_none_or(|counts| counts[row as usize]) {
                    sums[key as usize * count + place].add(row, bytes);
                }
            };
            (0..).zip(keys.of_rows.iter()).for_each(|(row, key)| add(row, *key));
            keys.more.iter().for_each(|(row, key)| add(*row, *key));
        }
        sums
    }

    /// Adds up each value of a field; `None` if a sum may not fit into 64 bits.
    fn add_up(&self, entity: &Entity, keys: Keys) -> Option<FieldEntities> {
        if !self.all_fit {
            return None;
        }
        let mut common = vec![Common::NONE; keys.values.len() + 1];
        let is_in_all = |first: &&u32| keys.of_rows.iter().all(|key| key == *first);
        if let Some(only) = keys.of_rows.first().filter(is_in_all) {
            // Columns with one value are common: a log may lack the column, or repeat the same value.
            common[*only as usize] = self.all;
        } else {
            for ((row, measures), key) in (0..).zip(&self.rows).zip(keys.of_rows.iter()) {
                common[*key as usize].add(row, *measures);
            }
            if let Some(timed) = &self.timed {
                common.iter_mut().for_each(Common::forget_times);
                let keys = timed.iter().map(|row| keys.of_rows[*row as usize] as usize);
                keys.zip(timed).for_each(|(key, row)| common[key].add_time(self.rows[*row as usize].0));
            }
        }
        for (row, key) in &keys.more {
            let common = &mut common[*key as usize];
            let times = (common.first, common.last);
            common.add(*row, self.rows[*row as usize]);
            if self.timed.as_ref().is_some_and(|timed| timed.binary_search(row).is_err()) {
                (common.first, common.last) = times;
            }
        }
        let sums = |common: &Common| Sums {
            records: common.records.into(),
            sent: Some(common.sent).filter(|sent| *sent != NOTHING),
            first: common.first,
            last: common.last,
            ..Sums::NONE
        };
        let mut sums: Vec<(Sums, usize)> =
            common.iter().map(|common| (sums(common), common.first_row as usize)).collect();
        for (row, size) in &self.received {
            keys.of_row(*row).for_each(|key| sums[key as usize].0.received += size);
        }
        for row in &self.failed {
            keys.of_row(*row).for_each(|key| sums[key as usize].0.errors += 1);
        }
        let standing = self.standing(entity.field, &keys);
        Some(FieldEntities::new(keys, sums, standing))
    }
}

/// Whether no number is negative and the sum of all fits into 64 bits. Then the sum of any subset fits, too.
fn fits(mut bytes: impl Iterator<Item = i64>) -> bool {
    bytes.try_fold(0_i64, |sum, bytes| sum.checked_add(bytes).filter(|_| bytes >= 0)).is_some()
}

/// The rows that are failures, in ascending order.
fn failures(failed: &[Failed], batch: &RecordBatch) -> Result<Vec<usize>, ArrowError> {
    let mut is_failed = vec![false; batch.num_rows()];
    for failed in failed {
        match *failed {
            Failed::Present(name) => {
                let valid = column(batch, name)?.1;
                let present = |row| valid.as_ref().is_none_or(|valid| valid.is_valid(row));
                is_failed.iter_mut().enumerate().for_each(|(row, failed)| *failed |= present(row));
            }
            Failed::AtLeast(name, least) => {
                let (array, _) = column(batch, name)?;
                let wrong = || ArrowError::SchemaError(format!("{name} has the type {}", array.data_type()));
                let numbers = array.as_primitive_opt::<Int32Type>().ok_or_else(wrong)?;
                let reached = numbers.iter().map(|number| number.is_some_and(|number| number >= least));
                is_failed.iter_mut().zip(reached).for_each(|(failed, reached)| *failed |= reached);
            }
            Failed::Is(name, value) => {
                let is = is_one_of(batch, name, &[value])?;
                is_failed.iter_mut().zip(is).for_each(|(failed, is)| *failed |= is);
            }
            Failed::Any(sources) => {
                let found = Keys::first(batch, sources)?;
                let null = count(found.values.len());
                is_failed.iter_mut().zip(found.of_rows.iter()).for_each(|(failed, key)| *failed |= *key != null);
            }
        }
    }
    Ok(is_failed.iter().enumerate().filter(|(_, failed)| **failed).map(|(row, _)| row).collect())
}

/// The time of each row, in microseconds since 1970, from the first time column that has one; and the rows that have a
/// time, `None` if all do.
fn times(format: &Format, batch: &RecordBatch) -> Result<(Vec<i64>, Option<Vec<u32>>), ArrowError> {
    let mut times: Vec<i64> = Vec::new();
    let mut missing: Vec<usize> = Vec::new();
    for (place, name) in format.table.times.iter().enumerate() {
        let array = column(batch, name)?.0;
        let array = array.as_primitive_opt::<TimestampMicrosecondType>();
        let array = array.ok_or_else(|| ArrowError::SchemaError(format!("{name} does not hold times")))?;
        if place == 0 {
            times = array.values().to_vec();
            missing.extend((0..array.len()).filter(|row| array.is_null(*row)));
        }
        missing.retain(|row| {
            times[*row] = array.value(*row);
            array.is_null(*row)
        });
        if missing.is_empty() {
            return Ok((times, None));
        }
    }
    let mut missing = missing.into_iter().peekable();
    let timed = (0..times.len()).filter(|row| missing.next_if_eq(row).is_none()).map(count);
    let timed = timed.collect();
    Ok((times, Some(timed)))
}

/// For each row, whether a text column has one of some values.
fn is_one_of(batch: &RecordBatch, name: &str, values: &[&str]) -> Result<Vec<bool>, ArrowError> {
    test_of_rows(batch, name, |text| values.contains(&text))
}

/// For each row, whether a text column begins with a prefix.
fn begins(batch: &RecordBatch, name: &str, prefix: &str) -> Result<Vec<bool>, ArrowError> {
    test_of_rows(batch, name, |text| text.starts_with(prefix))
}

/// For each row, whether the text of a column passes a test.
fn test_of_rows(batch: &RecordBatch, name: &str, test: impl Fn(&str) -> bool) -> Result<Vec<bool>, ArrowError> {
    let (array, valid) = column(batch, name)?;
    let is = |text: Option<&str>| text.is_some_and(&test);
    if let Some(dictionary) = array.as_dictionary_opt::<UInt32Type>() {
        let mut of_value: Vec<bool> = dictionary.values().as_string::<i32>().iter().map(is).collect();
        let keys = or_null(dictionary.keys().values().clone(), valid.as_ref(), of_value.len());
        of_value.push(false);
        return Ok(keys.iter().map(|key| of_value[*key as usize]).collect());
    }
    let wrong = |found: DataType| ArrowError::SchemaError(format!("{name} has the type {found}"));
    let text = TextColumn::new(&array).map_err(wrong)?;
    Ok((0..array.len()).map(|row| is(text.get(row))).collect())
}

/// For each row, whether any of some columns has one of its values; `None` if no row does.
fn in_any(batch: &RecordBatch, any: &[(&str, &[&str])]) -> Result<Option<Vec<bool>>, ArrowError> {
    let mut found: Option<Vec<bool>> = None;
    for (name, values) in any {
        let (array, _) = column(batch, name)?;
        let dictionary =
            array.as_dictionary_opt::<UInt32Type>().map(|dictionary| dictionary.values().as_string::<i32>());
        let is_there = |texts: &StringArray| texts.iter().flatten().any(|text| values.contains(&text));
        if dictionary.is_some_and(|texts| !is_there(texts)) {
            continue;
        }
        let is = is_one_of(batch, name, values)?;
        match &mut found {
            None => found = Some(is),
            Some(found) => found.iter_mut().zip(is).for_each(|(found, is)| *found |= is),
        }
    }
    Ok(found.filter(|found| found.contains(&true)))
}

/// The distinct values of a field, and for each row the number of its value. The number of null is `values.len()`.
struct Keys {
    values: StringArray,
    of_rows: ScalarBuffer<u32>,
    /// The further values of rows with several, as pairs of row and number, sorted by row.
    more: Vec<(u32, u32)>,
}

impl Keys {
    /// `None` if a value is too long, or the cardinality of an unbounded field is too high.
    fn of(entity: &Entity, batch: &RecordBatch) -> Result<Option<Self>, ArrowError> {
        let limit = entity.unbounded.then(|| ALWAYS.max(batch.num_rows() / ROWS_PER_VALUE));
        let are_few = |keys: &Self| limit.is_none_or(|limit| keys.values.len() <= limit);
        if limit.is_some_and(|limit| batch.num_rows() > limit) {
            // Without a dictionary, more than half of the values are distinct.
            let columns = entity.columns().into_iter().map(|name| Ok(column(batch, name)?.0));
            let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
            if columns.iter().any(|array| *array.data_type() == DataType::Utf8) {
                return Ok(None);
            }
        }
        let keys = match entity.part {
            Part::Joined(first, second) => {
                let (first, second) = (Self::of_text(batch, first)?, Self::of_text(batch, second)?);
                let joined = if are_few(&first) && are_few(&second) { Self::joined(&first, &second) } else { None };
                let Some(keys) = joined else { return Ok(None) };
                keys
            }
            Part::Within(find) => Self::within(batch, entity.field, find)?,
            Part::First(sources) => Self::first(batch, sources)?,
            Part::Addresses(columns) => Self::addresses(batch, columns)?,
            Part::Whole => match column(batch, entity.field)? {
                (array, _) if *array.data_type() == DataType::Int32 => match Self::of_numbers(&array, limit) {
                    Some(keys) => keys,
                    None => return Ok(None),
                },
                _ => Self::of_text(batch, entity.field)?,
            },
        };
        let longest = keys.values.offsets().lengths().max();
        Ok(Some(keys).filter(|keys| are_few(keys) && longest.is_none_or(|longest| longest <= MAX_LEN)))
    }

    fn of_text(batch: &RecordBatch, name: &str) -> Result<Self, ArrowError> {
        let (array, valid) = column(batch, name)?;
        if let Some(dictionary) = array.as_dictionary_opt::<UInt32Type>() {
            let values = dictionary.values().as_string::<i32>().clone();
            let of_rows = or_null(dictionary.keys().values().clone(), valid.as_ref(), values.len());
            return Ok(Self { values, of_rows, more: Vec::new() });
        }
        let wrong = |found: DataType| ArrowError::SchemaError(format!("{name} has the type {found}"));
        let text = TextColumn::new(&array).map_err(wrong)?;
        let is_there = |row: usize| valid.as_ref().is_none_or(|valid| valid.is_valid(row));
        let rows = (0..array.len()).map(|row| text.get(row).filter(|_| is_there(row)));
        Ok(Self::numbered(rows))
    }

    /// Interns the values of rows.
    fn numbered<'a>(rows: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut values = Interner::default();
        let of_rows: Vec<u32> =
            rows.map(|value| value.map_or(u32::MAX, |value| values.intern(value.as_bytes()))).collect();
        Self::with_null(strings(&values), of_rows)
    }

    /// Makes keys from numbers of which `u32::MAX` marks null.
    fn with_null(values: StringArray, mut of_rows: Vec<u32>) -> Self {
        let null = count(values.len());
        of_rows.iter_mut().filter(|key| **key == u32::MAX).for_each(|key| *key = null);
        Self { values, of_rows: of_rows.into(), more: Vec::new() }
    }

    /// Numbers the values of an integer column; `None` if there are more than `limit`. Most are ports, so values below
    /// 2^16 are looked up in an array, without a hash.
    fn of_numbers(array: &ArrayRef, limit: Option<usize>) -> Option<Self> {
        let mut values: Vec<i32> = Vec::new();
        let mut ports = vec![u32::MAX; 1 << 16];
        let mut others: HashMap<i32, u32> = HashMap::new();
        let limit = limit.unwrap_or(usize::MAX);
        let mut place = |number: i32| {
            let port = u16::try_from(number).ok().map(|port| &mut ports[usize::from(port)]);
            let place = port.unwrap_or_else(|| others.entry(number).or_insert(u32::MAX));
            if *place == u32::MAX {
                *place = count(values.len());
                values.push(number);
            }
            (values.len() <= limit).then_some(*place)
        };
        // The buffer has some number for null rows, too; `or_null` corrects these afterwards.
        let numbers = array.as_primitive::<Int32Type>().values().iter();
        let of_rows = numbers.map(|number| place(*number)).collect::<Option<Vec<u32>>>()?;
        let of_rows = or_null(of_rows.into(), array.nulls(), values.len());
        let values = values.iter().map(|number| Some(number.to_string())).collect();
        Some(Self { values, of_rows, more: Vec::new() })
    }

    /// The column of the rows' values, as text.
    fn into_texts(self) -> TextColumn {
        let null = count(self.values.len());
        let keys = self.of_rows.iter().map(|key| Some(*key).filter(|key| *key != null));
        TextColumn::Dictionary(keys.collect(), self.values)
    }

    /// What `find` finds in the text of a column. It is called once for each value of the column's dictionary.
    fn within(batch: &RecordBatch, name: &str, find: fn(&str) -> Option<&str>) -> Result<Self, ArrowError> {
        let (array, valid) = column(batch, name)?;
        let is_there = |row: usize| valid.as_ref().is_none_or(|valid| valid.is_valid(row));
        let wrong = |found: DataType| ArrowError::SchemaError(format!("{name} has the type {found}"));
        let mut found = Interner::default();
        let mut number = |text: &str| find(text).map_or(u32::MAX, |text| found.intern(text.as_bytes()));
        let of_rows: Vec<u32> = match TextColumn::new(&array).map_err(wrong)? {
            TextColumn::Dictionary(keys, values) => {
                let of_value: Vec<u32> = values.iter().map(|value| value.map_or(u32::MAX, &mut number)).collect();
                let keys = keys.values().iter().enumerate();
                keys.map(|(row, key)| if is_there(row) { of_value[*key as usize] } else { u32::MAX }).collect()
            }
            text => {
                let rows = (0..array.len()).map(|row| text.get(row).filter(|_| is_there(row)));
                rows.map(|text| text.map_or(u32::MAX, &mut number)).collect()
            }
        };
        Ok(Self::with_null(strings(&found), of_rows))
    }

    /// For each row, the value of the first source that has one. A dictionary's text is read when the first row needs
    /// it.
    fn first(batch: &RecordBatch, sources: &[Source]) -> Result<Self, ArrowError> {
        const UNKNOWN: u32 = u32::MAX - 1;
        let mut found = Interner::default();
        let mut of_rows = vec![u32::MAX; batch.num_rows()];
        let mut left = batch.num_rows();
        for source in sources {
            let only = in_any(batch, source.only)?;
            let (array, valid) = column(batch, source.column)?;
            let is_empty = valid.as_ref().is_some_and(|valid| valid.null_count() == valid.len());
            if left == 0 || is_empty || only.is_none() && !source.only.is_empty() {
                continue;
            }
            let is_asked = |row: usize| {
                valid.as_ref().is_none_or(|valid| valid.is_valid(row)) && only.as_ref().is_none_or(|only| only[row])
            };
            let wrong = |found: DataType| ArrowError::SchemaError(format!("{} has the type {found}", source.column));
            let texts = match array.data_type() {
                DataType::Int32 => Self::of_numbers(&array, None).expect("no limit was given").into_texts(),
                _ => TextColumn::new(&array).map_err(wrong)?,
            };
            let mut number = |text: Option<&str>| {
                text.and_then(|text| source.value(text)).map_or(u32::MAX, |text| found.intern(text.as_bytes()))
            };
            let mut of_values = match &texts {
                TextColumn::Dictionary(_, values) => vec![UNKNOWN; values.len()],
                _ => Vec::new(),
            };
            let waiting = of_rows.iter_mut().enumerate().filter(|(_, found)| **found == u32::MAX);
            for (row, found) in waiting.filter(|(row, _)| is_asked(*row)) {
                *found = match &texts {
                    TextColumn::Dictionary(keys, values) => {
                        let key = keys.value(row) as usize;
                        if of_values[key] == UNKNOWN {
                            of_values[key] = number(values.is_valid(key).then(|| values.value(key)));
                        }
                        of_values[key]
                    }
                    texts => number(texts.get(row)),
                };
                left -= usize::from(*found != u32::MAX);
            }
        }
        Ok(Self::with_null(strings(&found), of_rows))
    }

    /// The distinct addresses of each row, in their canonical spelling.
    fn addresses(batch: &RecordBatch, names: &[&str]) -> Result<Self, ArrowError> {
        const NONE: u32 = u32::MAX;
        let mut found = Interner::default();
        let mut columns: Vec<(ScalarBuffer<u32>, Vec<u32>)> = Vec::new();
        for name in names {
            let keys = Self::of_text(batch, name)?;
            let number = |value: Option<&str>| {
                let value = value.filter(|value| !value.is_empty());
                value.map_or(NONE, |value| found.intern(canonical_address(value).as_bytes()))
            };
            // The last number is for null.
            let numbers: Vec<u32> = keys.values.iter().map(number).chain([NONE]).collect();
            if numbers.iter().any(|number| *number != NONE) {
                columns.push((keys.of_rows, numbers));
            }
        }
        let mut of_rows = vec![NONE; batch.num_rows()];
        let mut more: Vec<(u32, u32)> = Vec::new();
        for (row, first) in of_rows.iter_mut().enumerate() {
            let start = more.len();
            for (keys, numbers) in &columns {
                let number = numbers[keys[row] as usize];
                if number == NONE || number == *first {
                    continue;
                }
                if *first == NONE {
                    *first = number;
                } else if !more[start..].iter().any(|(_, known)| *known == number) {
                    more.push((count(row), number));
                }
            }
        }
        Ok(Self { more, ..Self::with_null(strings(&found), of_rows) })
    }

    /// The numbers of a row's values; null's number if it has none.
    fn of_row(&self, row: usize) -> impl Iterator<Item = u32> {
        let number = count(row);
        let start = self.more.partition_point(|(row, _)| *row < number);
        let more = self.more[start..].iter().take_while(move |(row, _)| *row == number);
        [self.of_rows[row]].into_iter().chain(more.map(|(_, key)| *key))
    }

    /// The value of a number; `None` for the number of null.
    fn text(&self, number: u32) -> Option<&str> {
        let number = number as usize;
        (number < self.values.len()).then(|| self.values.value(number))
    }

    /// The pairs of values of two columns, joined by `/`; `None` if a pair is too long.
    fn joined(first: &Self, second: &Self) -> Option<Self> {
        const NONE: u32 = u32::MAX;
        let mut values = StringBuilder::new();
        let mut numbers = 0..;
        let mut fits = true;
        let mut number = |a: u32, b: u32| {
            let (a, b) = (first.text(a).unwrap_or("-"), second.text(b).unwrap_or_default());
            fits &= a.len() + b.len() < MAX_LEN;
            if fits {
                let written = write!(values, "{a}/{b}");
                written.expect("writing to a string builder can't fail");
            }
            values.append_value("");
            numbers.next().unwrap_or(NONE)
        };
        // Most keys are in one bucket only: for each key, the first bucket that has it, and the number of their pair.
        let mut firsts: Vec<(u32, u32)> = vec![(NONE, NONE); second.values.len() + 1];
        let mut others: HashMap<(u32, u32), u32> = HashMap::new();
        let rows = first.of_rows.iter().zip(second.of_rows.iter());
        let of_rows = rows.map(|(&a, &b)| {
            let known = &mut firsts[b as usize];
            if known.1 == NONE {
                *known = (a, number(a, b));
            }
            if known.0 == a { known.1 } else { *others.entry((a, b)).or_insert_with(|| number(a, b)) }
        });
        let of_rows = of_rows.collect();
        fits.then(|| Self { values: values.finish(), of_rows, more: Vec::new() })
    }
}

fn strings(values: &Interner) -> StringArray {
    let text = |number: usize| std::str::from_utf8(values.get(count(number))).unwrap_or_default();
    StringArray::from_iter_values((0..values.len()).map(text))
}

/// Replaces the number of each null row by the number of null, which is `values`.
fn or_null(numbers: ScalarBuffer<u32>, valid: Option<&NullBuffer>, values: usize) -> ScalarBuffer<u32> {
    let Some(valid) = valid.filter(|valid| valid.null_count() > 0) else { return numbers };
    let mut numbers = numbers.to_vec();
    let null = count(values);
    (!valid.inner()).set_indices().for_each(|row| numbers[row] = null);
    numbers.into()
}

fn count(count: usize) -> u32 {
    u32::try_from(count).expect("a row group has fewer than 2^32 values")
}
