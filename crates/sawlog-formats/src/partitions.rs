//! Records and rejects of one table that wait to be written: a set of columns for each date, and one without a date.

use std::collections::HashMap;

use arrow_array::RecordBatch;

use crate::builder::{ColumnSet, Sizes};
use crate::reject::{Recognise, RejectBuilder};
use crate::table::Table;

/// The columns of each date, and the rejects.
#[derive(Debug)]
pub struct Partitions {
    table: &'static Table,
    days: HashMap<Option<i32>, ColumnSet>,
    /// The day whose columns were used last.
    last: Option<i32>,
    pub(crate) rejects: RejectBuilder,
    /// The average sizes of the columns before these: the next ones will be similar. They are not those of the largest,
    /// since then many small days beside a large one would take all memory.
    sizes: Sizes,
}

impl Partitions {
    /// The columns of a log's table, without a row.
    pub(crate) fn new(table: &'static Table, recognise: Recognise) -> Self {
        Self {
            table,
            days: HashMap::new(),
            last: None,
            rejects: RejectBuilder::new(table, recognise),
            sizes: Sizes::default(),
        }
    }

    /// The columns of a day, counted from 1970-01-01, or of the records without a time.
    pub(crate) fn day(&mut self, day: Option<i32>) -> &mut ColumnSet {
        let (table, sizes) = (self.table, &self.sizes);
        self.last = day;
        self.days.entry(day).or_insert_with(|| ColumnSet::sized_like(table, sizes))
    }

    /// The columns that [`Partitions::day`] gave last.
    pub(crate) fn last(&mut self) -> Option<&mut ColumnSet> {
        self.days.get_mut(&self.last)
    }

    /// Makes values null that were not set, in every column. See [`ColumnSet::settle`].
    pub(crate) fn settle(&mut self) {
        self.days.values_mut().for_each(ColumnSet::settle);
    }

    /// The number of rows, including rejects.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.days.values().map(ColumnSet::rows).sum::<usize>() + self.rejects.rows()
    }

    /// The memory that they hold, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.days.values().map(ColumnSet::memory).sum::<usize>() + self.rejects.memory()
    }

    /// How many dates there are.
    #[must_use]
    pub fn days(&self) -> usize {
        self.days.len()
    }

    /// Takes out the records by date (in days since 1970, ascending; those without a time first), and the rejects.
    pub fn finish(&mut self) -> (Vec<(Option<i32>, RecordBatch)>, Option<RecordBatch>) {
        let batches = self.take().into_iter().map(|(day, columns)| (day, columns.finish())).collect();
        (batches, self.take_rejects())
    }

    /// Takes out the columns of all dates in ascending order, the one without a time first.
    pub fn take(&mut self) -> Vec<(Option<i32>, ColumnSet)> {
        if !self.days.is_empty() {
            self.sizes = Sizes::average(self.days.values());
        }
        let mut days: Vec<(Option<i32>, ColumnSet)> = self.days.drain().collect();
        days.sort_unstable_by_key(|(day, _)| *day);
        days
    }

    /// Takes out the columns that hold the most memory, until no more than half of it is left.
    pub fn take_largest(&mut self) -> Vec<(Option<i32>, ColumnSet)> {
        let mut days = self.take();
        days.sort_by_key(|(_, columns)| columns.memory());
        let mut room = days.iter().map(|(_, columns)| columns.memory()).sum::<usize>() / 2;
        let stay = days.iter().take_while(|(_, columns)| {
            let fits = columns.memory() <= room;
            room = room.saturating_sub(columns.memory());
            fits
        });
        let taken = days.split_off(stay.count());
        self.days.extend(days);
        taken
    }

    /// Takes out the rejects.
    pub fn take_rejects(&mut self) -> Option<RecordBatch> {
        self.rejects.finish()
    }
}
