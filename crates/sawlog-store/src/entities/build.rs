//! Builds the index of a run: gathers the entities of row groups, and gives them out in order.

use std::collections::HashSet;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use sawlog_formats::{Interner, TextColumn};

use super::FIELDS;
use super::collect::{FieldEntities, RowGroupEntities, Sums};
use super::positions::positions;
use super::rows::{RowRef, Rows, united};
use super::spill::{Spill, SpillWriter};
use crate::error::{Result, StoreError};

/// So many rows are in memory until they are sorted, and in a file of the index.
pub const INDEX_FILE_ROWS: u64 = 256 << 10;
/// So many spills are merged at once, each of which is an open file.
const MAX_SPILLS: usize = 64;

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
    /// The earliest and the latest of the records, in microseconds since 1970; `None` if there is none that has a time.
    pub times: Option<(i64, i64)>,
    /// The first record in evidence order: source file and line.
    pub first: Option<(String, i64)>,
    /// The rows of the records in the data file, from 0, if these are few.
    pub positions: Option<Vec<u64>>,
    /// The version of the meaning with which it was added up.
    pub version: i32,
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
        // Rows of earlier builds have none.
        let versions = match batch.column_by_name("version") {
            Some(versions) => Some(versions.as_primitive_opt::<Int32Type>()?),
            None => None,
        };
        let version = |row: usize| versions.filter(|versions| versions.is_valid(row)).map_or(1, |all| all.value(row));
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
                version: version(row),
            })
        });
        Some(rows.collect())
    }

    /// Whether it was added up with what its log's fields mean now.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.version >= FIELDS[self.field].format.index_version
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
            times: sums.times(),
            first,
            positions: match (&self.positions, &other.positions) {
                (Some(a), Some(b)) => united(a, b),
                _ => None,
            },
            version: self.version.min(other.version),
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

/// The rows of a run, which wait to be written.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    rows: Rows,
    /// Those that were more than memory is for.
    spills: Vec<Spill>,
    data_files: Interner,
    /// The fields, each with the number of a data file, that turned out not to be indexed: their rows are of no use.
    given_up: HashSet<(usize, u32)>,
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
            version: FIELDS[field].format.index_version,
        };
        of_table.enumerate().map(|(field, is)| is.then(|| row(field))).collect()
    }

    /// Adds the entities of a data file's next row group, before which so many rows stand.
    pub(crate) fn add(&mut self, file: &mut FileIndex, data_file: &str, before: usize, entities: &RowGroupEntities) {
        let number = self.data_files.intern(data_file.as_bytes());
        let mut positions = Vec::new();
        for (entity, found) in entities.format.entities.iter().zip(&entities.fields) {
            let Some(field) = super::field(entities.format.table.name, entity.field) else { continue };
            let Some(nulls) = &mut file[field] else { continue };
            let mut all_fit = found.is_some();
            for (value, sums, row, rows) in found.iter().flat_map(FieldEntities::iter) {
                let (source, line) = entities.place(row);
                if value.is_some() {
                    positions.clear();
                    positions.extend(rows.iter().map(|row| before as u64 + u64::from(*row)));
                    let (first, positions) = (Some((source, line)), (!positions.is_empty()).then_some(&positions[..]));
                    let version = entities.format.index_version;
                    self.rows.push(&RowRef { field, value, data_file: number, sums: *sums, first, positions, version });
                    continue;
                }
                let row = IndexRow {
                    records: sums.records,
                    bytes_sent: sums.sent,
                    bytes_received: sums.received,
                    errors: sums.errors,
                    times: sums.times(),
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
                self.given_up.insert((field, number));
            }
        }
    }

    /// Adds what makes a data file's fields indexed.
    pub(crate) fn close(&mut self, file: FileIndex) {
        file.into_iter().flatten().for_each(|row| self.add_row(&row));
    }

    /// Adds a row that is complete.
    pub(crate) fn add_row(&mut self, row: &IndexRow) {
        self.rows.push(&RowRef {
            field: row.field,
            value: row.value.as_deref(),
            data_file: self.data_files.intern(row.data_file.as_bytes()),
            sums: row.sums(),
            first: row.first.as_ref().map(|(file, line)| (file.as_str(), *line)),
            positions: row.positions.as_deref(),
            version: row.version,
        });
    }

    /// Writes the rows in memory to a file without a name in a folder, if they are many.
    pub(crate) fn spill_if_full(&mut self, folder: &Path) -> Result<()> {
        if self.rows.is_full() { self.spill(folder) } else { Ok(()) }
    }

    fn spill(&mut self, folder: &Path) -> Result<()> {
        let in_folder = || StoreError::io(folder);
        let spill = Spill::of(&self.sorted(), folder).map_err(in_folder())?;
        self.spills.push(spill);
        if self.spills.len() == MAX_SPILLS {
            let mut merged = SpillWriter::new(folder).map_err(in_folder())?;
            let spills = std::mem::take(&mut self.spills);
            self.merge(spills, folder, |rows| merged.write(rows).map_err(in_folder()))?;
            self.spills.push(merged.finish().map_err(in_folder())?);
        }
        Ok(())
    }

    fn merge(&self, spills: Vec<Spill>, folder: &Path, take: impl FnMut(&Rows) -> Result<()>) -> Result<()> {
        Spill::merge(spills, folder, |field, data_file| self.is_of_use(field, data_file), take)
    }

    fn is_of_use(&self, field: usize, data_file: u32) -> bool {
        !self.given_up.contains(&(field, data_file))
    }

    /// The rows in memory, sorted.
    fn sorted(&mut self) -> Rows {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort(|field, data_file| self.is_of_use(field, data_file));
        rows
    }

    /// Gives `take` all rows, as row groups of a file each time. The files are in order as well: a value's rows are in one of
    /// them, or in some that follow each other. What is too much for memory waits in a folder.
    pub(crate) fn finish(mut self, folder: &Path, mut take: impl FnMut(Vec<RecordBatch>) -> Result<()>) -> Result<()> {
        if self.spills.is_empty() {
            let row_groups = self.take();
            return if row_groups.is_empty() { Ok(()) } else { take(row_groups) };
        }
        self.spill(folder)?;
        let spills = std::mem::take(&mut self.spills);
        self.merge(spills, folder, |rows| take(rows.row_groups(&self.data_files)))
    }

    /// The rows in memory as sorted row groups; none if there are none.
    pub(crate) fn take(&mut self) -> Vec<RecordBatch> {
        self.sorted().row_groups(&self.data_files)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A row of a record or several: of which field, value, data file and source, and where.
    type Given = (usize, Option<u8>, u8, (i64, u8, i64), Option<Vec<u64>>);

    fn row((field, value, data_file, (records, source, line), positions): Given) -> IndexRow {
        IndexRow {
            field,
            value: value.map(|value| format!("value {value}")),
            data_file: format!("part-{data_file}"),
            records,
            bytes_sent: (records > 1).then_some(records * 10),
            bytes_received: records * 100,
            errors: records - 1,
            times: Some((line, line + records)),
            first: Some((format!("source {source}"), line)),
            positions: positions.map(|mut rows| {
                rows.sort_unstable();
                rows
            }),
            // Rows of the same data file are of the same version.
            version: 1 + i32::from(data_file),
        }
    }

    fn given() -> impl Strategy<Value = Given> {
        let positions = prop::option::of(prop::collection::vec(0_u64..1000, 1..20));
        (0..FIELDS.len(), prop::option::of(0_u8..3), 0_u8..3, (1_i64..4, 0_u8..12, 0_i64..9), positions)
    }

    /// The rows that a builder gives, which wrote those in memory to disk after each `spill_after` of them.
    fn built(rows: &[IndexRow], spill_after: usize, given_up: &IndexRow) -> Vec<IndexRow> {
        let folder = tempfile::tempdir().unwrap();
        let mut builder = IndexBuilder::default();
        for rows in rows.chunks(spill_after) {
            rows.iter().for_each(|row| builder.add_row(row));
            builder.spill(folder.path()).unwrap();
        }
        let data_file = builder.data_files.intern(given_up.data_file.as_bytes());
        builder.given_up.insert((given_up.field, data_file));
        let mut found = Vec::new();
        let take = |row_groups: Vec<RecordBatch>| {
            found.extend(row_groups.iter().flat_map(|batch| IndexRow::from_batch(batch).unwrap()));
            Ok(())
        };
        builder.finish(folder.path(), take).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Also where there are more spills than are merged at once.
        #[test]
        fn rows_that_waited_on_disk_come_in_order_and_added_up(
            given in prop::collection::vec(given(), 1..300),
            spill_after in 1_usize..100,
        ) {
            let rows: Vec<IndexRow> = given.into_iter().map(row).collect();
            let given_up = &rows[0];
            let mut expected: BTreeMap<_, Vec<&IndexRow>> = BTreeMap::new();
            for row in rows.iter().filter(|row| (row.field, &row.data_file) != (given_up.field, &given_up.data_file)) {
                let key = (row.field, row.value.clone(), row.data_file.clone());
                expected.entry(key).or_default().push(row);
            }
            let mut found = built(&rows, spill_after, given_up);
            let order = |row: &IndexRow| (row.field, row.value.clone());
            prop_assert!(found.is_sorted_by_key(order));
            found.sort_by_key(|row| (order(row), row.data_file.clone()));
            prop_assert_eq!(found.len(), expected.len());
            for (row, ((field, value, data_file), rows)) in found.iter().zip(&expected) {
                let sum = |get: fn(&IndexRow) -> i64| rows.iter().map(|row| get(row)).sum::<i64>();
                let sent: Vec<i64> = rows.iter().filter_map(|row| row.bytes_sent).collect();
                let times = || rows.iter().filter_map(|row| row.times);
                let positions: Option<Vec<&[u64]>> = rows.iter().map(|row| row.positions.as_deref()).collect();
                let mut positions = positions.map(|positions| positions.concat());
                positions.iter_mut().for_each(|rows| rows.sort_unstable());
                prop_assert_eq!(row, &IndexRow {
                    field: *field,
                    value: value.clone(),
                    data_file: data_file.clone(),
                    records: sum(|row| row.records),
                    bytes_sent: (!sent.is_empty()).then(|| sent.iter().sum()),
                    bytes_received: sum(|row| row.bytes_received),
                    errors: sum(|row| row.errors),
                    times: times().map(|(first, _)| first).min().zip(times().map(|(_, last)| last).max()),
                    first: rows.iter().filter_map(|row| row.first.clone()).min(),
                    positions: positions.filter(|rows| rows.len() <= super::super::positions::MAX_POSITIONS),
                    version: rows[0].version,
                });
            }
        }
    }
}
