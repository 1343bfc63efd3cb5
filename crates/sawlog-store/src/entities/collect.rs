//! Collects the entities of one row group from the dictionaries of its columns.

use arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use sawlog_formats::{Entity, EvidencePlace, Format, TextColumn};

use super::keys::{Keys, column, number, texts};
use super::measures::{FieldSums, RowMeasures, StandingBytes};
use super::order::sorted;
use super::positions::MAX_POSITIONS;
use super::row::ValueSums;

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
    /// The numbers of the values in order.
    order: Vec<u32>,
    sums: FieldSums,
    /// The posting lists of rare values, one after the other.
    rows: Vec<u32>,
    /// The end of each value's posting list in `rows`.
    ends: Vec<u32>,
}

/// One value of a field.
#[derive(Clone, Copy)]
pub(crate) struct FoundValue<'a> {
    /// `None` for null.
    pub(crate) value: Option<&'a str>,
    pub(crate) sums: &'a ValueSums,
    pub(crate) first_row: usize,
    /// The posting list, if the value is rare; else empty.
    pub(crate) rows: &'a [u32],
    pub(crate) standing: &'a [StandingBytes],
}

impl FieldEntities {
    fn new(keys: Keys, sums: FieldSums) -> Self {
        let count = |sums: &ValueSums| usize::try_from(sums.records).unwrap_or(usize::MAX);
        // Null has no posting list.
        let few = sums.values.iter().take(keys.values.len());
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
        Self { order: sorted(&keys.values), values: keys.values, sums, rows, ends }
    }

    /// The values that have records, in order; null comes last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = FoundValue<'_>> {
        let of_value = self.sums.standing.len() / self.sums.values.len();
        let values =
            self.order.iter().map(|number| *number as usize).map(|place| (place, Some(self.values.value(place))));
        let all = values.chain([(self.values.len(), None)]).map(move |(place, value)| {
            let end = |place: usize| self.ends.get(place).map_or(self.rows.len(), |end| *end as usize);
            let start = if place == 0 { 0 } else { end(place - 1) };
            let rows = &self.rows[start..end(place)];
            let standing = &self.sums.standing[place * of_value..][..of_value];
            let (sums, first_row) = &self.sums.values[place];
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
            Ok(rows.add_up(entity, &keys).map(|sums| FieldEntities::new(keys, sums)))
        });
        Ok(Self {
            format,
            fields: fields.collect::<Result<_, ArrowError>>()?,
            files: texts(&column(batch, "source_file")?.0, "source_file")?,
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
