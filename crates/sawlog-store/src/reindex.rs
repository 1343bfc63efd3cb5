//! Collects the entities of data files again: to rebuild the index, and to check it.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema};
use sawlog_formats::{Column, Format, formats};

use crate::data_file::DataFileEntry;
use crate::entities::{ENTITIES, FieldId, IndexBuilder, IndexRow, RowGroupEntities, indexed_columns};
use crate::error::{Result, StoreError};
use crate::lacking::{stored_fields, with_fields};
use crate::panics::reading;
use crate::read::read_file;
use crate::recount::Recount;
use crate::run::Run;
use crate::store::Store;

/// This many rows of the index are looked at together.
const BATCH_ROWS: usize = 8192;

/// Calls `take` for the entities of each row group of a data file, with the number of rows before it.
fn each_row_group(
    format: &'static Format,
    path: &Path,
    mut take: impl FnMut(usize, &RowGroupEntities) -> Result<()>,
) -> Result<()> {
    let mut before = 0;
    let (wrong, undecoded) = (|| StoreError::parquet(path), || StoreError::decode(path));
    let file = File::open(path).map_err(StoreError::io(path))?;
    // Text comes with the dictionaries that it is stored with.
    let field = |column: &Column| Field::new(column.name, column.dictionary_type(), true);
    let all = Schema::new(format.table.columns.iter().map(field).collect::<Vec<_>>());
    let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(wrong())?;
    let stored = stored_fields(&all, plain.parquet_schema());
    let stored = stored.map_err(|unknown| StoreError::damaged(path, format!("has an unknown column {unknown}")))?;
    let options = ArrowReaderOptions::new().with_schema(Arc::new(stored));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options).map_err(wrong())?;
    // The path leads into a group whose other columns are then null.
    let read = indexed_columns(format);
    let is_read = |column: &&Column| read.iter().any(|path| path.split('.').next() == Some(column.name));
    let needed: Vec<Field> = format.table.columns.iter().filter(is_read).map(field).collect();
    let needed = Arc::new(Schema::new(needed));
    for (number, row_group) in metadata.metadata().row_groups().iter().enumerate() {
        let file = file.try_clone().map_err(StoreError::io(path))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
        let mask = ProjectionMask::columns(builder.parquet_schema(), read.iter().copied());
        let rows = usize::try_from(row_group.num_rows()).unwrap_or(usize::MAX);
        let builder = builder.with_projection(mask).with_row_groups(vec![number]).with_batch_size(rows.max(1));
        let reader = builder.build().map_err(wrong())?;
        let batches: Result<Vec<_>, _> = reading(path, || reader.collect())?;
        let batches = batches.map_err(undecoded())?;
        let Some(first) = batches.first() else { continue };
        let batch = concat_batches(&first.schema(), &batches).and_then(|batch| with_fields(&batch, &needed));
        let batch = batch.map_err(undecoded())?;
        take(before, &RowGroupEntities::collect(format, &batch).map_err(undecoded())?)?;
        before += batch.num_rows();
    }
    Ok(())
}

/// Rebuilds the index from the data files. Returns how many rows it had before, and how many data files were read.
///
/// # Errors
///
/// If a data file can't be read, or the index can't be written.
pub fn reindex(run: &mut Run<'_>) -> Result<(u64, usize)> {
    let mut files = 0;
    for format in formats() {
        let snapshot = run.store().snapshot(format.table)?;
        for entry in &snapshot.files {
            let mut index = IndexBuilder::open(format.table.name, &entry.path);
            each_row_group(format, &snapshot.folder.join(&entry.path), |before, entities| {
                run.index_row_group(&mut index, &entry.path, before, entities)
            })?;
            run.close_index(index);
            files += 1;
        }
    }
    let before = run.store().snapshot(&ENTITIES)?;
    before.files.iter().for_each(|file| run.remove_file(&ENTITIES, file.clone()));
    Ok((before.rows(), files))
}

/// Calls `take` with each row of the index about one data file. The rows that a run wrote come in its order.
///
/// # Errors
///
/// If `take` fails, or the index can't be read.
pub fn each_index_row(store: &Store, mut take: impl FnMut(IndexRow) -> Result<()>) -> Result<()> {
    each_index_batch(store, |_, path, batch| {
        whole(path, IndexRow::from_batch(batch))?.into_iter().try_for_each(&mut take)
    })
}

/// Calls `take` with each batch of the index, the run that wrote it, and its file's path, in the order of each run.
fn each_index_batch(store: &Store, mut take: impl FnMut(&str, &Path, &RecordBatch) -> Result<()>) -> Result<()> {
    let mut snapshot = store.snapshot(&ENTITIES)?;
    snapshot.files.sort_by(|a, b| writer(a).cmp(&writer(b)));
    for entry in &snapshot.files {
        let path = snapshot.folder.join(&entry.path);
        for batch in read_file(&ENTITIES, &snapshot.folder, entry, None)? {
            take(writer(entry).0, &path, &batch?)?;
        }
    }
    Ok(())
}

/// The run that wrote a file of the index, and the number of the file in it.
fn writer(entry: &DataFileEntry) -> (&str, usize) {
    let name = entry.path.trim_start_matches("part-").trim_end_matches(".parquet");
    let (run, number) = name.rsplit_once('-').unwrap_or((name, ""));
    (run, number.parse().unwrap_or_default())
}

/// The rows of a batch of the index, if it is one.
fn whole<T>(path: &Path, rows: Option<T>) -> Result<T> {
    rows.ok_or_else(|| StoreError::damaged(path, "a column has another type"))
}

/// The rows of an index by field and data file, sorted by value.
type Rows = HashMap<(FieldId, String), HashMap<Option<String>, IndexRow>>;

fn add(rows: &mut Rows, row: IndexRow) {
    let of_field = rows.entry((row.field, row.data_file.clone())).or_default();
    if let Some(sum) = of_field.get_mut(&row.value) {
        // Values that no longer fit into 64 bits can't be compared; they count as different.
        *sum = sum.add(&row).unwrap_or(row);
    } else {
        of_field.insert(row.value.clone(), row);
    }
}

/// Whether the values of a field differ. Sums that an earlier version did not make are not wrong, only not used.
fn differ(stored: &HashMap<Option<String>, IndexRow>, found: &HashMap<Option<String>, IndexRow>) -> bool {
    let is_same = |(value, row): (&Option<String>, &IndexRow)| {
        found.get(value).is_some_and(|found| {
            let standing = row.standing.is_some().then(|| found.standing.clone()).flatten();
            *row == IndexRow { standing, ..found.clone() }
        })
    };
    stored.len() != found.len() || !stored.iter().all(is_same)
}

/// The rows of a field and data file as one number, in whatever order they are.
#[derive(Clone, Copy, Debug, Default)]
struct Digest {
    whole: u64,
    /// Without standing sums.
    plain: u64,
    has_standing: bool,
    /// Whether there is a row for null, without which the field is not indexed.
    has_null: bool,
}

impl Digest {
    fn add(&mut self, mut row: IndexRow, hasher: &RandomState) {
        self.whole = self.whole.wrapping_add(hasher.hash_one(&row));
        self.has_standing |= row.standing.take().is_some();
        self.plain = self.plain.wrapping_add(hasher.hash_one(&row));
        self.has_null |= row.value.is_none();
    }

    /// Whether stored rows are certainly those that were found.
    fn is_same(&self, found: &Self) -> bool {
        self.whole == found.whole || !self.has_standing && self.plain == found.plain
    }
}

/// Where the index may differ from the records of a table.
#[derive(Debug)]
pub struct Doubtful {
    /// The data files for which it may; [`index_differences`] looks closer.
    pub files: Vec<DataFileEntry>,
    /// The totals of runs that differ from the index's own rows, one line for each field of a run.
    pub totals: Vec<String>,
}

/// Compares the index with the data files of a table by hashes. This takes memory for one data file at a time.
///
/// # Errors
///
/// If a data file or the index can't be read.
pub fn doubtful(store: &Store, format: &'static Format, files: Vec<DataFileEntry>) -> Result<Doubtful> {
    // Nobody can foresee the hashes.
    let hasher = RandomState::new();
    let mut stored: HashMap<&str, HashMap<FieldId, Digest>> =
        files.iter().map(|file| (file.path.as_str(), HashMap::new())).collect();
    let mut recount = Recount::new(&hasher);
    let is_of_table = |row: &IndexRow| row.field.format().table.name == format.table.name;
    each_index_batch(store, |writer, path, batch| {
        for (run, total) in whole(path, IndexRow::totals_from_batch(batch))? {
            if is_of_table(&total) {
                recount.total(writer, run, total);
            }
        }
        for row in whole(path, IndexRow::from_batch(batch))?.into_iter().filter(is_of_table) {
            recount.row(writer, &row);
            if let Some(of_file) = stored.get_mut(row.data_file.as_str()).filter(|_| row.is_current()) {
                of_file.entry(row.field).or_default().add(row, &hasher);
            }
        }
        Ok(())
    })?;
    let totals = recount.finish();
    let mut doubtful = Vec::new();
    for entry in &files {
        let found = digests(store, format, entry, &hasher)?;
        let is_same = |(field, stored): (&FieldId, &Digest)| {
            !stored.has_null || found.get(field).is_some_and(|found| stored.is_same(found))
        };
        doubtful.push(!stored[entry.path.as_str()].iter().all(is_same));
    }
    let mut doubtful = doubtful.into_iter();
    let files = files.into_iter().filter(|_| doubtful.next() == Some(true)).collect();
    Ok(Doubtful { files, totals })
}

/// What the index should have for a data file, by field.
fn digests(
    store: &Store,
    format: &'static Format,
    entry: &DataFileEntry,
    hasher: &RandomState,
) -> Result<HashMap<FieldId, Digest>> {
    let mut digests: HashMap<FieldId, Digest> = HashMap::new();
    let mut rows = IndexBuilder::default();
    fill(&mut rows, store, format, entry)?;
    let Some(batch) = rows.take()? else { return Ok(digests) };
    for start in (0..batch.num_rows()).step_by(BATCH_ROWS) {
        let some = batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start));
        for row in IndexRow::from_batch(&some).unwrap_or_default() {
            digests.entry(row.field).or_default().add(row, hasher);
        }
    }
    Ok(digests)
}

/// Adds the rows that the index should have for a data file, whatever the number of values.
fn fill(rows: &mut IndexBuilder, store: &Store, format: &'static Format, entry: &DataFileEntry) -> Result<()> {
    let mut index = IndexBuilder::open_for_all(format.table.name, &entry.path);
    each_row_group(format, &store.folder(format.table).join(&entry.path), |before, entities| {
        rows.add(&mut index, &entry.path, before, entities);
        Ok(())
    })?;
    rows.close(index);
    Ok(())
}

/// Compares the index with some data files of one table. Returns what is wrong with it, one line for each field of a
/// file.
///
/// # Errors
///
/// If a data file or the index can't be read.
pub fn index_differences(store: &Store, format: &'static Format, files: &[DataFileEntry]) -> Result<Vec<String>> {
    let paths: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut stored = Rows::new();
    each_index_row(store, |row| {
        let is_of_table = row.field.format().table.name == format.table.name;
        // Entries with another meaning are not wrong, only not used.
        if is_of_table && row.is_current() && paths.contains(row.data_file.as_str()) {
            add(&mut stored, row);
        }
        Ok(())
    })?;
    // Without a row for null, the field is not indexed there.
    stored.retain(|_, values| values.contains_key(&None));
    let mut found = Rows::new();
    for entry in files {
        // The entries of a field are right even if today's index would leave them out.
        let mut rows = IndexBuilder::default();
        fill(&mut rows, store, format, entry)?;
        if let Some(batch) = rows.take()? {
            IndexRow::from_batch(&batch).unwrap_or_default().into_iter().for_each(|row| add(&mut found, row));
        }
    }
    let mut wrong: Vec<String> = stored
        .iter()
        .filter(|(place, values)| found.get(*place).is_none_or(|found| differ(values, found)))
        .map(|((field, file), _)| format!("{} of {file}", field.entity().field))
        .collect();
    wrong.sort();
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use sawlog_formats::{Block, Carry, LineEnding, Origin, s3_access};

    use super::*;
    use crate::parquet::Codec;

    /// A store of one S3 record.
    fn store(root: &std::path::Path) -> Store {
        let line = b"owner bucket [29/Jul/2021:13:09:55 +0000] 192.0.2.3 - ID REST.GET.OBJECT k \"GET /k\" 200 - 1 - 7 - \"-\" \"-\" -\n";
        let origin =
            Origin { source_file: "log", first_line: 1, byte_offset: 0, ending: LineEnding::Lf, file_time: None };
        let mut decoder = s3_access::FORMAT.new_decoder();
        decoder.decode(Block::Lines(line), &origin, &mut Carry::default());
        let (days, _) = decoder.waiting_mut().finish();
        let store = Store::open_or_create(root).unwrap();
        let mut run = Run::begin(&store, Codec::default(), || {}).unwrap();
        run.add_batch(&s3_access::TABLE, Some("2021-07-29".to_owned()), &days[0].1).unwrap();
        run.commit().unwrap();
        store
    }

    #[test]
    fn a_row_that_no_record_has_is_a_difference() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder.path().join("store"));
        let files = store.snapshot(&s3_access::TABLE).unwrap().files;
        assert_eq!(index_differences(&store, &s3_access::FORMAT, &files).unwrap(), Vec::<String>::new());
        let mut rows = Vec::new();
        each_index_row(&store, |row| {
            rows.push(row);
            Ok(())
        })
        .unwrap();
        let right = rows.into_iter().find(|row| row.value.as_deref() == Some("192.0.2.3")).unwrap();
        let mut run = Run::begin(&store, Codec::default(), || {}).unwrap();
        run.keep_index_row(&IndexRow { value: Some("192.0.2.99".to_owned()), ..right }).unwrap();
        run.commit().unwrap();
        let differences = index_differences(&store, &s3_access::FORMAT, &files).unwrap();
        assert!(
            differences.len() == 1 && differences[0].starts_with("remote_ip of date=2021-07-29/part-"),
            "{differences:?}"
        );
        let mut run = Run::begin(&store, Codec::default(), || {}).unwrap();
        reindex(&mut run).unwrap();
        run.commit().unwrap();
        assert_eq!(index_differences(&store, &s3_access::FORMAT, &files).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn standing_sums_that_are_wrong_are_a_difference_and_those_that_are_missing_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder.path().join("store"));
        let files = store.snapshot(&s3_access::TABLE).unwrap().files;
        for (changed, differ) in [(Some(vec![1, 0, 0, 0]), true), (None, false)] {
            let mut run = Run::begin(&store, Codec::default(), || {}).unwrap();
            let mut changes = 0;
            each_index_row(&store, |row| {
                let is_changed = row.standing.is_some() && (row.value.is_some() || changed.is_none());
                changes += usize::from(is_changed);
                let standing = if is_changed { changed.clone() } else { row.standing.clone() };
                run.keep_index_row(&IndexRow { standing, ..row })
            })
            .unwrap();
            let before = store.snapshot(&ENTITIES).unwrap().files;
            before.into_iter().for_each(|file| run.remove_file(&ENTITIES, file));
            run.commit().unwrap();
            assert_eq!(changes, if changed.is_some() { 1 } else { 2 });
            assert_eq!(index_differences(&store, &s3_access::FORMAT, &files).unwrap().is_empty(), !differ);
        }
    }
}
