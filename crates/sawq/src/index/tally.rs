//! Groups of records by an indexed field, added up from its rows.

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use sawlog_formats::{Entity, Format, Part};
use sawlog_store::{DataFileEntry, Snapshot};

use super::{read_each, rows};
use crate::groups::Groups;
use crate::logs::path;
use crate::numbers::{self, NULL, Numbers, Translated};
use crate::query::Query;
use crate::tally::{Details, Measures};

/// The part of a day, in microseconds.
const DAY: i64 = 86_400_000_000;

/// The groups of a query's records by some columns, as far as the index has them, and the data files that it says nothing
/// of. Nothing if the index can't answer.
pub(crate) fn tally(query: &Query, columns: &[String], measures: Measures) -> Result<Option<(Groups, Snapshot)>> {
    let asks_more = measures.details == Details::WithIps || measures.first_number || measures.only.is_some();
    let whole_days = [query.filters.since, query.filters.until].into_iter().flatten().all(|at| at % DAY == 0);
    let filtered = query.filters.expr_without_time().is_some() || query.filters.text.is_some();
    let Some((entity, parts)) = entity(query.format, columns) else { return Ok(None) };
    if asks_more || filtered || !whole_days {
        return Ok(None);
    }
    const COLUMNS: [&str; 10] = [
        "value",
        "data_file",
        "records",
        "bytes_sent",
        "bytes_received",
        "errors",
        "first_time",
        "last_time",
        "first_file",
        "first_line",
    ];
    let condition = rows(query.format, &[entity.field], None);
    // All rows of the index are many more than the field's, but what is not used of this costs nothing.
    let most = usize::try_from(query.index.rows().min(1 << 20))?;
    let mut data_files = DataFiles::new(&query.snapshot);
    let groups = loop {
        let mut groups = Groups::with_capacity(parts.len(), most);
        read_each(query, condition.clone(), &COLUMNS, |batch| {
            Rows::of(&batch, &mut data_files)?.add_to(&mut groups, &parts, &mut data_files)
        })?;
        if !data_files.leave_out_unindexed() {
            break groups;
        }
    };
    let mut rest = query.snapshot.files.clone();
    rest.retain(|file| !data_files.is_indexed(file));
    let all = query.snapshot.files.len();
    let known = all - rest.len();
    let note = format!("{} by the index for {known} of {all} data files", columns.join("/"));
    query.explain.note(query.format.table.name, note);
    Ok(Some((groups, Snapshot { files: rest, ..query.snapshot.clone() })))
}

/// The first one of two columns joined, null as `-`; and the second one, null as nothing.
const FIRST: numbers::Part = |value| value.split_once('/').map(|(first, _)| first).filter(|first| *first != "-");
const SECOND: numbers::Part = |value| value.split_once('/').map(|(_, second)| second).filter(|text| !text.is_empty());

/// The indexed field that some columns are, and what part of its values each of them is.
fn entity(format: &Format, columns: &[String]) -> Option<(&'static Entity, Vec<numbers::Part>)> {
    let names: Vec<&str> = columns.iter().map(|name| path(format.table, name)).collect();
    let whole = format.entities.iter().find(|entity| matches!(entity.part, Part::Whole) && names == [entity.field]);
    let joined = || {
        format.entities.iter().find_map(|entity| match entity.part {
            Part::Joined(first, second) if names == [first, second] => Some((entity, vec![FIRST, SECOND])),
            Part::Joined(_, second) if names == [second] => Some((entity, vec![SECOND])),
            _ => None,
        })
    };
    whole.map(|entity| (entity, vec![numbers::WHOLE])).or_else(joined)
}

/// The data files of a log, as rows of the index about one field turn up.
struct DataFiles {
    /// Those that are there come first; rows can be about others, which are gone.
    numbers: Numbers,
    /// What is known of those that are there.
    known: Vec<Known>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    has_rows: bool,
    /// Whether there is the row without a value.
    is_indexed: bool,
    is_left_out: bool,
}

impl DataFiles {
    fn new(snapshot: &Snapshot) -> Self {
        let mut numbers = Numbers::default();
        for file in &snapshot.files {
            numbers.number(&file.path);
        }
        let known = vec![Known::default(); numbers.len()];
        Self { numbers, known }
    }

    fn is_indexed(&self, file: &DataFileEntry) -> bool {
        self.numbers.find(&file.path).is_some_and(|number| self.known[number as usize].is_indexed)
    }

    /// Leaves data files that are not indexed, of which the index has rows nevertheless, out of another try; says whether
    /// there are any. It is rare: the field was given up late in a large data file.
    fn leave_out_unindexed(&mut self) -> bool {
        let is_wrong = |known: &Known| known.has_rows && !known.is_indexed;
        if !self.known.iter().any(is_wrong) {
            return false;
        }
        for known in &mut self.known {
            *known = Known { is_left_out: known.is_left_out || is_wrong(known), ..Known::default() };
        }
        true
    }
}

/// Rows of the index.
struct Rows {
    values: ArrayRef,
    /// The numbers of their data files.
    data_files: Vec<u32>,
    records: Int64Array,
    sent: Int64Array,
    received: Int64Array,
    errors: Int64Array,
    first_times: TimestampMicrosecondArray,
    last_times: TimestampMicrosecondArray,
    first_files: ArrayRef,
    first_lines: Int64Array,
}

impl Rows {
    fn of(batch: &RecordBatch, data_files: &mut DataFiles) -> Result<Self> {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("no column {name}"));
        let number = |name: &str| {
            let array = column(name)?.as_primitive_opt::<Int64Type>();
            array.cloned().with_context(|| format!("no numbers in {name}"))
        };
        let time = |name: &str| {
            let array = column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
            array.cloned().with_context(|| format!("no times in {name}"))
        };
        Ok(Self {
            values: column("value")?.clone(),
            data_files: data_files.numbers.of(column("data_file")?, &mut Translated::default(), numbers::WHOLE)?,
            records: number("records")?,
            sent: number("bytes_sent")?,
            received: number("bytes_received")?,
            errors: number("errors")?,
            first_times: time("first_time")?,
            last_times: time("last_time")?,
            first_files: column("first_file")?.clone(),
            first_lines: number("first_line")?,
        })
    }

    /// Adds the rows to groups by parts of the values.
    fn add_to(&self, groups: &mut Groups, parts: &[numbers::Part], data_files: &mut DataFiles) -> Result<()> {
        let mut keys = Vec::with_capacity(parts.len());
        for (column, part) in groups.columns.iter_mut().zip(parts) {
            keys.push(column.of(&self.values, &mut Translated::default(), *part)?);
        }
        let first_files = groups.files.of(&self.first_files, &mut Translated::default(), numbers::WHOLE)?;
        let mut key = Vec::with_capacity(parts.len());
        for (row, first_file) in first_files.into_iter().enumerate() {
            let known = data_files.known.get_mut(self.data_files[row] as usize);
            let Some(known) = known.filter(|known| !known.is_left_out) else { continue };
            known.is_indexed |= self.values.is_null(row);
            if self.records.value(row) <= 0 {
                continue;
            }
            known.has_rows = true;
            key.clear();
            key.extend(keys.iter().map(|numbers| numbers[row]));
            let place = groups.place(&key);
            let unsigned = |array: &Int64Array| array.value(row).unsigned_abs();
            let sums = &mut groups.sums[place];
            sums.count += unsigned(&self.records);
            sums.errors += unsigned(&self.errors);
            if self.sent.is_valid(row) {
                sums.add_sent(unsigned(&self.sent).into());
            }
            sums.bytes_received += u128::from(unsigned(&self.received));
            sums.add_times((self.first_times.value(row), self.last_times.value(row)));
            if first_file != NULL {
                groups.note_first(place, (first_file, self.first_lines.value(row)));
            }
        }
        Ok(())
    }
}
