//! Adds up the records of a row group for each value of a field.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use sawlog_formats::{Bytes, Entity, Failed, Format, Measures, Standing, TimeSpan};

use super::keys::{Keys, begins, column, count, is_one_of, number};
use super::row::ValueSums;

/// The numbers of each row that are added up. They are kept small, since every field iterates over them.
pub(super) struct RowMeasures {
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

/// The sums of a field's values; those of null come last.
#[derive(Debug)]
pub(super) struct FieldSums {
    /// The sums and the first row of each value.
    pub(super) values: Vec<(ValueSums, usize)>,
    /// The sums for standing summaries, the same number of them for each value.
    pub(super) standing: Vec<StandingBytes>,
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
    pub(super) fn new(format: &Format, batch: &RecordBatch) -> Result<Self, ArrowError> {
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
    pub(super) fn add_up(&self, entity: &Entity, keys: &Keys) -> Option<FieldSums> {
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
        let sums = |common: &Common| ValueSums {
            records: common.records.into(),
            sent: Some(common.sent).filter(|sent| *sent != NOTHING),
            times: (common.first <= common.last).then_some(TimeSpan { first: common.first, last: common.last }),
            ..ValueSums::default()
        };
        let mut sums: Vec<(ValueSums, usize)> =
            common.iter().map(|common| (sums(common), common.first_row as usize)).collect();
        for (row, size) in &self.received {
            keys.of_row(*row).for_each(|key| sums[key as usize].0.received += size);
        }
        for row in &self.failed {
            keys.of_row(*row).for_each(|key| sums[key as usize].0.errors += 1);
        }
        Some(FieldSums { values: sums, standing: self.standing(entity.field, keys) })
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
