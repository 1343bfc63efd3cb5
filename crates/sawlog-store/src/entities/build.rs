//! Builds the index of a run: gathers the entities of row groups, and returns them as sorted row groups of the index.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::RecordBatch;
use sawlog_formats::Interner;

use super::collect::{FieldEntities, FoundValue, RowGroupEntities};
use super::distinct::Distinct;
use super::field::FieldId;
use super::measures::StandingBytes;
use super::positions::encode;
use super::row::{BorrowedRow, DataFileId, IndexRow, ValueSums};
use super::rows::Rows;
use super::spill::{Spill, SpillWriter};
use super::standing::{self, Said, StandingSum, StandingSums};
use super::totals::Totals;
use super::waiting::{LEAST_MEMORY, MOST_MEMORY, Waiting};
use crate::error::{Result, StoreError};

/// Rows in a file of the index. A file of long values has fewer.
pub const INDEX_FILE_ROWS: u64 = 64 << 10;
/// The cardinality of an unbounded field is checked once a data file has this many rows.
const MANY_ROWS: u64 = 64 << 10;
/// An unbounded field is not indexed in a data file with at most this many rows per distinct value.
const ROWS_PER_VALUE: u64 = 2;
/// Spills are merged into one when there are this many, since each is an open file.
const MAX_SPILLS: usize = 64;

/// The fields that are indexed in an open data file, and their state.
pub(crate) type FileIndex = BTreeMap<FieldId, OpenField>;

/// A field of a data file that is still being written.
#[derive(Debug)]
pub(crate) struct OpenField {
    /// The row for the records without a value.
    nulls: IndexRow,
    /// Rows of the data file so far.
    rows: u64,
    /// Estimates the cardinality so far; only for an unbounded field.
    distinct: Option<Distinct>,
}

impl OpenField {
    /// Whether the cardinality is too high: an index with nearly a row per record costs more than it saves.
    fn is_too_much(&self) -> bool {
        let are_many = |distinct: &Distinct| distinct.estimate() * ROWS_PER_VALUE >= self.rows;
        self.rows >= MANY_ROWS && self.distinct.as_ref().is_some_and(are_many)
    }
}

/// Collects the index rows of a run, sorts them within a bounded amount of memory, and returns them in order.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    waiting: Waiting,
    /// Bytes of memory for the rows before they are spilled; clamped to [`LEAST_MEMORY`] and [`MOST_MEMORY`].
    memory: usize,
    /// Sorted rows on disk.
    spills: Vec<Spill>,
    data_files: Interner,
    /// Pairs of a field and a data file in which it turned out not to be indexed: their rows are dropped.
    given_up: BTreeSet<(FieldId, DataFileId)>,
}

impl IndexBuilder {
    /// Sets how many bytes of memory rows may take before they are spilled to disk.
    pub(crate) fn give_memory(&mut self, memory: usize) {
        self.memory = memory;
    }

    /// Opens a data file that has no row group yet.
    pub(crate) fn open(table: &str, data_file: &str) -> FileIndex {
        let row = |field: FieldId| IndexRow {
            field,
            value: None,
            data_file: data_file.to_owned(),
            sums: ValueSums::default(),
            first: None,
            positions: None,
            standing: (standing::count(field) > 0).then(|| packed(field, &[None; _], Said { sent: None, first: None })),
            version: field.format().index_version,
        };
        let distinct = |field: FieldId| field.entity().unbounded.then(Distinct::default);
        let open = |field: FieldId| OpenField { nulls: row(field), rows: 0, distinct: distinct(field) };
        FieldId::all().filter(|field| field.format().table.name == table).map(|field| (field, open(field))).collect()
    }

    /// Opens a data file in which every field is indexed, whatever its cardinality.
    pub(crate) fn open_for_all(table: &str, data_file: &str) -> FileIndex {
        let mut file = Self::open(table, data_file);
        file.values_mut().for_each(|field| field.distinct = None);
        file
    }

    /// Adds the entities of a data file's next row group; `before` is the number of rows in its earlier row groups.
    pub(crate) fn add(&mut self, file: &mut FileIndex, data_file: &str, before: usize, entities: &RowGroupEntities) {
        let data_file = self.data_file(data_file);
        for (entity, found) in entities.format.entities.iter().zip(&entities.fields) {
            let Some(field) = FieldId::of(entities.format.table.name, entity.field) else { continue };
            let Some(open) = file.get_mut(&field) else { continue };
            open.rows += entities.rows() as u64;
            let all_fit = found.as_ref().is_some_and(|found| {
                let mut values = AddedValues { waiting: &mut self.waiting, field, data_file, before, entities };
                values.add(found, open)
            });
            if !all_fit || open.is_too_much() {
                file.remove(&field);
                self.given_up.insert((field, data_file));
            }
        }
    }

    /// Adds the rows without a value, which mark the fields of a complete data file as indexed.
    pub(crate) fn close(&mut self, file: FileIndex) {
        file.into_values().for_each(|field| self.add_row(&field.nulls));
    }

    fn data_file(&mut self, path: &str) -> DataFileId {
        DataFileId(self.data_files.intern(path.as_bytes()))
    }

    /// Adds a finished row, such as one of an existing index.
    pub(crate) fn add_row(&mut self, row: &IndexRow) {
        let data_file = self.data_file(&row.data_file);
        self.waiting.push(&row.borrowed(data_file));
    }

    /// Spills the rows in memory to an unnamed file in `folder` once they exceed their limit.
    pub(crate) fn spill_if_full(&mut self, folder: &Path) -> Result<()> {
        if self.waiting.memory() >= self.memory.clamp(LEAST_MEMORY, MOST_MEMORY) { self.spill(folder) } else { Ok(()) }
    }

    fn spill(&mut self, folder: &Path) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let spill = written(folder, |take| waiting.each_sorted(self.of_use(), take))?;
        self.spills.push(spill);
        if self.spills.len() == MAX_SPILLS {
            let spills = std::mem::take(&mut self.spills);
            let merged = written(folder, |take| Spill::merge(spills, folder, self.of_use(), take))?;
            self.spills.push(merged);
        }
        Ok(())
    }

    /// Whether rows of a field and data file are kept: the field has not been given up there.
    fn of_use(&self) -> impl Fn(FieldId, DataFileId) -> bool {
        |field, data_file| self.given_up.is_empty() || !self.given_up.contains(&(field, data_file))
    }

    /// Ends the index of a run: returns its rows, to be sorted, and the names of their data files. Spills are kept in
    /// `folder`.
    pub(crate) fn finish(mut self, folder: &Path) -> Result<(Unsorted, Interner)> {
        if !self.spills.is_empty() {
            self.spill(folder)?;
        }
        let data_files = std::mem::take(&mut self.data_files);
        Ok((Unsorted(self), data_files))
    }

    /// Removes the rows in memory and returns them, sorted; `None` if there are none.
    pub(crate) fn take(&mut self) -> Result<Option<RecordBatch>> {
        let mut rows = Rows::default();
        let waiting = std::mem::take(&mut self.waiting);
        waiting.each_sorted(self.of_use(), |row| {
            rows.append(row);
            Ok(())
        })?;
        Ok((!rows.is_empty()).then(|| rows.row_group(&self.data_files, "")))
    }
}

/// All rows of a run, which are sorted as they are taken.
#[derive(Debug)]
pub(crate) struct Unsorted(IndexBuilder);

impl Unsorted {
    /// Sorts the rows and passes them to `take`, file by file: each call gets the row groups of one index file. Spills
    /// are in `folder`.
    pub(crate) fn each_file(mut self, folder: &Path, mut take: impl FnMut(Vec<Rows>) -> Result<()>) -> Result<()> {
        let spills = std::mem::take(&mut self.0.spills);
        let (mut rows, mut totals) = (Rows::default(), Totals::default());
        let mut add = |row: &BorrowedRow<'_>| {
            let full = rows.take_full(row).into_iter().chain(totals.take_full(row));
            full.into_iter().try_for_each(|full| take(vec![full]))?;
            rows.append(row);
            totals.add(row);
            Ok(())
        };
        if spills.is_empty() {
            let waiting = std::mem::take(&mut self.0.waiting);
            waiting.each_sorted(self.0.of_use(), &mut add)?;
        } else {
            Spill::merge(spills, folder, self.0.of_use(), &mut add)?;
        }
        let left: Vec<Rows> = [rows, totals.into_rows()].into_iter().filter(|rows| !rows.is_empty()).collect();
        if left.is_empty() { Ok(()) } else { take(left) }
    }
}

/// Writes a spill in `folder` with the rows that `each` produces.
fn written(
    folder: &Path,
    each: impl FnOnce(&mut dyn FnMut(&BorrowedRow<'_>) -> Result<()>) -> Result<()>,
) -> Result<Spill> {
    let failed = || StoreError::io(folder);
    let mut writer = SpillWriter::new(folder).map_err(failed())?;
    each(&mut |row| writer.write(row).map_err(failed()))?;
    writer.finish().map_err(failed())
}

/// Packs a row's sums for the standing summaries of its field.
fn packed(field: FieldId, sums: &StandingSums<'_>, said: Said<'_>) -> Vec<u8> {
    let mut packed = Vec::new();
    standing::pack(sums, standing::count(field), said, &mut packed);
    packed
}

/// Adds the values of one field of a row group to the waiting rows.
struct AddedValues<'a> {
    waiting: &'a mut Waiting,
    field: FieldId,
    data_file: DataFileId,
    /// Rows of the data file before those of the row group.
    before: usize,
    entities: &'a RowGroupEntities,
}

impl AddedValues<'_> {
    /// Adds a row for each value, and adds the records without one to the field's row without a value. Returns whether
    /// all sums fit into 64 bits.
    fn add(&mut self, found: &FieldEntities, open: &mut OpenField) -> bool {
        let version = self.entities.format.index_version;
        let (mut encoded, mut packed) = (Vec::new(), Vec::new());
        for FoundValue { value, sums, first_row, rows, standing } in found.iter() {
            let first = self.entities.place(first_row);
            packed.clear();
            let said = Said { sent: sums.sent, first: Some(first) };
            standing::pack(&self.standing_sums(standing), standing.len(), said, &mut packed);
            let packed = (!standing.is_empty()).then_some(&packed[..]);
            if let Some(text) = value {
                open.distinct.iter_mut().for_each(|distinct| distinct.add(text));
                let rows = rows.iter().map(|row| self.before as u64 + u64::from(*row));
                let positions = Some(encode(rows, &mut encoded)).filter(|rows| !rows.is_empty());
                let (field, data_file, value) = (self.field, self.data_file, Some(text.as_bytes()));
                let (sums, first) = (*sums, Some(first.map(str::as_bytes)));
                self.waiting.push(&IndexRow {
                    field,
                    value,
                    data_file,
                    sums,
                    first,
                    positions,
                    standing: packed,
                    version,
                });
                continue;
            }
            let row = IndexRow {
                sums: *sums,
                first: Some(first.map(str::to_owned)),
                standing: packed.map(<[u8]>::to_vec),
                ..open.nulls.clone()
            };
            match open.nulls.add(&row) {
                Some(sum) => open.nulls = sum,
                None => return false,
            }
        }
        true
    }

    /// The sums for standing summaries, with the place of each first record.
    fn standing_sums(&self, found: &[StandingBytes]) -> StandingSums<'_> {
        let mut sums = [None; _];
        for (sum, found) in sums.iter_mut().zip(found).filter(|(_, found)| !found.is_nothing()) {
            *sum = Some(StandingSum { bytes: found.bytes, first: self.entities.place(found.first_row as usize) });
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sawlog_formats::{EvidencePlace, TimeSpan};

    use super::super::positions::{MAX_POSITIONS, positions};
    use super::*;

    /// The inputs of a row: field, value, data file; records, source file and line; posting list.
    type Given = (FieldId, Option<u8>, u8, (i64, u8, i64), Option<Vec<u64>>);

    fn row((field, value, data_file, (records, source, line), positions): Given) -> IndexRow {
        let (file, sent) = (format!("source {source}"), (records > 1).then_some(records * 10));
        let first = EvidencePlace { file: file.as_str(), line };
        let said = Said { sent, first: Some(first) };
        let mut sums: StandingSums<'_> = [None; _];
        sums[0] = sent.map(|bytes| StandingSum { bytes, first: EvidencePlace { line: line + 1, ..first } });
        sums[2] = Some(StandingSum { bytes: records, first });
        IndexRow {
            field,
            value: value.map(|value| format!("value {value}")),
            data_file: format!("part-{data_file}"),
            sums: ValueSums {
                records,
                sent,
                received: records * 100,
                errors: records - 1,
                times: Some(TimeSpan { first: line, last: line + records }),
            },
            standing: (standing::count(field) == 3).then(|| packed(field, &sums, said)),
            first: Some(first.map(str::to_owned)),
            positions: positions.map(|mut rows| {
                rows.sort_unstable();
                encoded(&rows)
            }),
            // All rows of a data file have the same version.
            version: 1 + i32::from(data_file),
        }
    }

    fn encoded(rows: &[u64]) -> Vec<u8> {
        encode(rows.iter().copied(), &mut Vec::new()).to_vec()
    }

    fn given() -> impl Strategy<Value = Given> {
        let positions = prop::option::of(prop::collection::vec(0_u64..1000, 1..20));
        let fields: Vec<FieldId> = FieldId::all().collect();
        (prop::sample::select(fields), prop::option::of(0_u8..3), 0_u8..3, (1_i64..4, 0_u8..12, 0_i64..9), positions)
    }

    /// What a row's packed sums can refer to.
    fn said(row: &IndexRow) -> Said<'_> {
        Said { sent: row.sums.sent, first: row.first.as_ref().map(EvidencePlace::as_ref) }
    }

    /// The rows that a builder returns if it spills after each `spill_after` rows.
    fn built(rows: &[IndexRow], spill_after: usize, given_up: &IndexRow) -> Vec<IndexRow> {
        let folder = tempfile::tempdir().unwrap();
        let mut builder = IndexBuilder::default();
        for rows in rows.chunks(spill_after) {
            rows.iter().for_each(|row| builder.add_row(row));
            builder.spill(folder.path()).unwrap();
        }
        let data_file = builder.data_file(&given_up.data_file);
        builder.given_up.insert((given_up.field, data_file));
        let mut found = Vec::new();
        let (rows, data_files) = builder.finish(folder.path()).unwrap();
        let take = |row_groups: Vec<Rows>| {
            let batches = row_groups.iter().map(|rows| rows.row_group(&data_files, "run"));
            found.extend(batches.flat_map(|batch| IndexRow::from_batch(&batch).unwrap()));
            Ok(())
        };
        rows.each_file(folder.path(), take).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// This includes runs with more spills than are merged at once.
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
                let sum = |get: fn(&ValueSums) -> i64| rows.iter().map(|row| get(&row.sums)).sum::<i64>();
                let sent: Vec<i64> = rows.iter().filter_map(|row| row.sums.sent).collect();
                let times = || rows.iter().filter_map(|row| row.sums.times);
                let positions: Option<Vec<Vec<u64>>> =
                    rows.iter().map(|row| row.positions.as_deref().and_then(positions)).collect();
                let standing = row.standing.as_deref().map(|packed| standing::standing_sums(packed, 3, said(row)));
                let firsts = |rows: &mut dyn Iterator<Item = &&IndexRow>, after: i64| {
                    let firsts = rows.filter_map(|row| row.first.clone());
                    firsts.map(|first| EvidencePlace { line: first.line + after, ..first }).min()
                };
                let in_all = firsts(&mut rows.iter().filter(|row| row.sums.records > 1), 1);
                let third = firsts(&mut rows.iter(), 0);
                let mut sums: StandingSums<'_> = [None; _];
                sums[0] =
                    in_all.as_ref().map(|first| StandingSum { bytes: sent.iter().sum(), first: first.as_ref() });
                sums[2] =
                    third.as_ref().map(|first| StandingSum { bytes: sum(|sums| sums.records), first: first.as_ref() });
                prop_assert_eq!(standing, (standing::count(*field) == 3).then_some(Some(sums)));
                let mut positions = positions.map(|positions| positions.concat());
                positions.iter_mut().for_each(|rows| rows.sort_unstable());
                prop_assert_eq!(row, &IndexRow {
                    field: *field,
                    value: value.clone(),
                    data_file: data_file.clone(),
                    sums: ValueSums {
                        records: sum(|sums| sums.records),
                        sent: (!sent.is_empty()).then(|| sent.iter().sum()),
                        received: sum(|sums| sums.received),
                        errors: sum(|sums| sums.errors),
                        times: times().reduce(|a, b| TimeSpan { first: a.first.min(b.first), last: a.last.max(b.last) }),
                    },
                    first: rows.iter().filter_map(|row| row.first.clone()).min(),
                    positions: positions.filter(|rows| rows.len() <= MAX_POSITIONS).map(|rows| encoded(&rows)),
                    standing: row.standing.clone(),
                    version: rows[0].version,
                });
            }
        }
    }
}
