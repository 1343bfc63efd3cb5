//! A run: stages data files, then makes them a new version of the store, all of them or none.

use std::fs::File;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::statistics::Statistics;
use arrow::array::RecordBatch;
use sawlog_formats::{Interner, Kind, TIMES, Table};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::commit::carry_out;
use crate::data_file::{DataFileEntry, is_day};
use crate::entities::{ENTITIES, FileIndex, IndexBuilder, IndexRow, RowGroupEntities, Rows};
use crate::error::{Result, StoreError};
use crate::folders::{make_folder, remove_folder, sync_folder};
use crate::intent::{Change, Intent};
use crate::lacking::columns_checksum;
use crate::parquet::{Codec, DataFile, EncodedRowGroup, Encoder};
use crate::read::read_file;
use crate::recovery::{UndoneRun, lock};
use crate::snapshot;
use crate::source::{NO_LEDGER, SOURCES, SharedTexts, Source};
use crate::store::Store;
use crate::tables::{TABLES, table};

/// The folder name of the partition for records without a time, as Hive named it.
const NO_DATE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The compression of the index. With zstd it would be an eighth smaller, and some questions would take 5 ms longer.
const INDEX_CODEC: Codec = Codec::Lz4;

/// A run that has the store to itself. Dropping it without [`Run::commit`] removes what it staged.
#[derive(Debug)]
pub struct Run<'a> {
    store: &'a Store,
    id: String,
    staging: PathBuf,
    codec: Codec,
    /// Numbers the data files, so that their names differ.
    files: u32,
    changes: Vec<Change>,
    index: IndexBuilder,
    undone: Vec<UndoneRun>,
    _lock: File,
}

/// A data file that a run is writing.
#[derive(Debug)]
pub struct StagedFile {
    table: &'static Table,
    date: Option<String>,
    /// Relative to the table's folder.
    path: String,
    file: DataFile,
    index: FileIndex,
}

impl StagedFile {
    /// The bytes of its row groups.
    #[must_use]
    pub fn size(&self) -> usize {
        self.file.size()
    }
}

impl<'a> Run<'a> {
    /// Begins a run once no other one has the store; `waiting` is called if it has to wait.
    ///
    /// # Errors
    ///
    /// If the store can't be written to, or an earlier run's work can't be finished.
    pub fn begin(store: &'a Store, codec: Codec, waiting: impl FnOnce()) -> Result<Self> {
        let (lock, undone) = lock(store, waiting)?;
        let id = Uuid::now_v7().simple().to_string();
        let staging = store.staging().join(&id);
        make_folder(&staging).map_err(StoreError::io(&staging))?;
        Ok(Self {
            store,
            id,
            staging,
            codec,
            files: 0,
            changes: Vec::new(),
            index: IndexBuilder::default(),
            undone,
            _lock: lock,
        })
    }

    /// The run's id, which the ledger names.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The store, which the run has to itself.
    #[must_use]
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// The earlier runs that were interrupted and could not be finished. The files that they had read are new again.
    #[must_use]
    pub fn undone(&self) -> &[UndoneRun] {
        &self.undone
    }

    /// How the run's data files are compressed.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Lets the rows of the index take this much memory, in bytes, before they are spilled to disk. The default is 32
    /// MiB.
    pub fn give_index_memory(&mut self, memory: usize) {
        self.index.give_memory(memory);
    }

    /// Opens a data file of `table`, in the partition `date` (`2021-07-29`), or in the one for records without a time
    /// if the table has partitions.
    ///
    /// # Errors
    ///
    /// If it can't be created.
    pub fn create_file(&mut self, table: &'static Table, date: Option<String>) -> Result<StagedFile> {
        let name = format!("part-{}-{:05}.parquet", self.id, self.files);
        self.files += 1;
        let path = match &date {
            Some(date) => format!("date={date}/{name}"),
            None if table.times.is_empty() => name,
            None => format!("date={NO_DATE}/{name}"),
        };
        let full = self.staging.join(table.name).join(&path);
        let file = DataFile::create(full.clone(), table).map_err(StoreError::parquet(&full))?;
        let index = IndexBuilder::open(table.name, &path);
        Ok(StagedFile { table, date, path, file, index })
    }

    /// Appends a row group to a data file, and its entities to the index.
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn append(&mut self, staged: &mut StagedFile, row_group: EncodedRowGroup) -> Result<()> {
        if let Some(entities) = &row_group.entities {
            self.index_row_group(&mut staged.index, &staged.path, staged.file.rows(), entities)?;
        }
        let path = staged.file.path().to_owned();
        staged.file.append(row_group).map_err(StoreError::parquet(&path))
    }

    /// Adds the entities of a row group of an existing data file, with `before` rows before the row group.
    pub(crate) fn index_row_group(
        &mut self,
        index: &mut FileIndex,
        data_file: &str,
        before: usize,
        entities: &RowGroupEntities,
    ) -> Result<()> {
        self.index.add(index, data_file, before, entities);
        self.index.spill_if_full(&self.staging)
    }

    /// Marks the fields of an existing data file as indexed.
    pub(crate) fn close_index(&mut self, index: FileIndex) {
        self.index.close(index);
    }

    /// Adds a row of the index that an earlier run made, for a data file that stays.
    ///
    /// # Errors
    ///
    /// If waiting rows can't be written.
    pub fn keep_index_row(&mut self, row: &IndexRow) -> Result<()> {
        self.index.add_row(row);
        self.index.spill_if_full(&self.staging)
    }

    /// Writes the waiting rows of the index: one thread sorts the next rows while this one writes.
    fn write_index(&mut self) -> Result<()> {
        let staging = self.staging.clone();
        let (rows, data_files) = std::mem::take(&mut self.index).finish(&staging)?;
        let (sender, files) = sync_channel(0);
        thread::scope(|scope| {
            let sorting = scope.spawn(move || {
                rows.each_file(&staging, |row_groups| {
                    // Nobody takes them any more after an error in writing.
                    let _ = sender.send(row_groups);
                    Ok(())
                })
            });
            let written = files.into_iter().try_for_each(|rows| self.write_index_file(rows, &data_files));
            let sorted = sorting.join().unwrap_or_else(|panic| resume_unwind(panic));
            written.and(sorted)
        })
    }

    /// Writes a file of the index. Its row groups are large, so that the names of source files are in them once.
    fn write_index_file(&mut self, row_groups: Vec<Rows>, data_files: &Interner) -> Result<()> {
        let mut staged = self.create_file(&ENTITIES, None)?;
        let path = staged.file.path().to_owned();
        let mut encoder = Encoder::new(&ENTITIES, INDEX_CODEC).map_err(StoreError::parquet(&path))?;
        for rows in row_groups {
            let batch = rows.row_group(data_files, &self.id);
            drop(rows);
            let row_group = encoder.encode(&batch).map_err(StoreError::parquet(&path))?;
            staged.file.append(row_group).map_err(StoreError::parquet(&path))?;
        }
        self.close_file(staged)
    }

    /// Closes a data file, to be added by [`Run::commit`].
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn close_file(&mut self, staged: StagedFile) -> Result<()> {
        let full = staged.file.path().to_owned();
        let rows = staged.file.rows();
        let (metadata, size, tail) = staged.file.close().map_err(StoreError::parquet(&full))?;
        full.parent().map_or(Ok(()), sync_folder)?;
        self.index.close(staged.index);
        let stats = stats(staged.table, &metadata, rows);
        let written = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let entry = DataFileEntry {
            path: staged.path,
            size,
            rows: rows as u64,
            date: staged.date,
            stats: stats.to_string(),
            written: i64::try_from(written.as_millis()).unwrap_or(i64::MAX),
            tail: Some(tail),
            columns: Some(columns_checksum(staged.table)),
        };
        self.change(staged.table).adds.push(entry);
        Ok(())
    }

    /// Removes a data file from the next version.
    pub fn remove_file(&mut self, table: &'static Table, file: DataFileEntry) {
        self.change(table).removes.push(file);
    }

    /// Adds one record batch to `table` as a data file of its own.
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn add_batch(&mut self, table: &'static Table, date: Option<String>, batch: &RecordBatch) -> Result<()> {
        self.add_batches(table, date, [Ok(batch.clone())])
    }

    /// Adds a data file with a row group for each of some batches. See [`Run::add_batch`].
    ///
    /// # Errors
    ///
    /// If a batch can't be had, or the file can't be written.
    pub fn add_batches(
        &mut self,
        table: &'static Table,
        date: Option<String>,
        batches: impl IntoIterator<Item = Result<RecordBatch>>,
    ) -> Result<()> {
        let mut staged = self.create_file(table, date)?;
        let path = staged.file.path().to_owned();
        let mut encoder = Encoder::new(table, self.codec).map_err(StoreError::parquet(&path))?;
        for batch in batches {
            let encoded = encoder.encode(&batch?).map_err(StoreError::parquet(&path))?;
            self.append(&mut staged, encoded)?;
        }
        self.close_file(staged)
    }

    /// Calls `take` with each row of the ledger that this run has staged.
    ///
    /// # Errors
    ///
    /// If the staged rows can't be read.
    pub fn staged_sources(&self, mut take: impl FnMut(Source)) -> Result<()> {
        let folder = self.staging.join(SOURCES.name);
        let mut shared = SharedTexts::default();
        let of_ledger = self.changes.iter().filter(|change| change.table == SOURCES.name);
        for file in of_ledger.flat_map(|change| &change.adds) {
            for batch in read_file(&SOURCES, &folder, file, None)? {
                let wrong = || StoreError::damaged(&folder.join(&file.path), NO_LEDGER);
                Source::read_each(&batch?, &mut shared, &mut take).ok_or_else(wrong)?;
            }
        }
        Ok(())
    }

    /// Lets the commit upgrade all tables to this version of sawlog: missing columns, and the store's format.
    pub fn upgrade(&mut self) {
        for table in TABLES() {
            self.change(table);
        }
    }

    fn change(&mut self, table: &'static Table) -> &mut Change {
        let place = self.changes.iter().position(|change| change.table == table.name).unwrap_or_else(|| {
            self.changes.push(Change { table: table.name.to_owned(), adds: Vec::new(), removes: Vec::new() });
            self.changes.len() - 1
        });
        &mut self.changes[place]
    }

    /// Makes all closed files part of the store. If nothing was staged, nothing happens. Returns the size of the
    /// added data files, in bytes.
    ///
    /// # Errors
    ///
    /// If the store can't be written to. The next run then finishes this one, if its intent was written.
    pub fn commit(mut self) -> Result<u64> {
        self.write_index()?;
        if self.changes.is_empty() {
            return Ok(0);
        }
        let bytes = self.changes.iter().flat_map(|change| &change.adds).map(|file| file.size).sum();
        self.read_back()?;
        // Every run commits the ledger, and last: it names the tables' versions, and everything that it lists exists
        // by then.
        self.change(&SOURCES);
        self.changes.sort_by_key(|change| change.table == SOURCES.name);
        // A table that will change skips a number that it has seen.
        let mut number = 0;
        for name in self.changes.iter().map(|change| change.table.as_str()).chain([SOURCES.name]) {
            let Some(table) = table(name) else { continue };
            let folder = self.store.folder(table);
            let next = snapshot::last_run(&folder)?.checked_add(1);
            number = number.max(next.ok_or_else(|| StoreError::damaged(&folder, "its log has an impossible run"))?);
        }
        let intent = Intent { run: self.id.clone(), number, changes: std::mem::take(&mut self.changes) };
        intent.write(&self.staging)?;
        sync_folder(&self.store.staging())?;
        let carried_out = carry_out(&intent, self.store, &self.staging);
        if carried_out.is_err() {
            // The intent remains: leave what is staged to the next run.
            self.staging = PathBuf::new();
        }
        carried_out.map(|()| bytes)
    }
}

impl Run<'_> {
    /// Makes sure that what was staged can be read: each file's day, statistics, footer and columns, and the whole
    /// ledger.
    fn read_back(&self) -> Result<()> {
        let mut shared = SharedTexts::default();
        for change in &self.changes {
            let Some(table) = table(&change.table) else { continue };
            let folder = self.staging.join(table.name);
            for file in &change.adds {
                let wrong = |what: String| StoreError::damaged(&folder.join(&file.path), what);
                if let Some(date) = file.date.as_ref().filter(|date| !is_day(date)) {
                    return Err(wrong(format!("holds records of the day {date}, outside the years 1 to 9999")));
                }
                let rows = read_file(table, &folder, file, None)?;
                if table.name != SOURCES.name {
                    continue;
                }
                // One batch after another: the ledger of a run may have hundreds of thousands of rows.
                for batch in rows {
                    Source::read_each(&batch?, &mut shared, drop).ok_or_else(|| wrong(NO_LEDGER.to_owned()))?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if self.staging != Path::new("") {
            // The next run removes what can't be removed now.
            let _ = remove_folder(&self.staging);
        }
    }
}

/// Delta's statistics of a data file: its rows, and the range of each column that files are skipped by.
fn stats(table: &Table, metadata: &ParquetMetaData, rows: usize) -> Value {
    let (mut mins, mut maxs, mut nulls) = (Map::new(), Map::new(), Map::new());
    let leaves = metadata.file_metadata().schema_descr().columns();
    for column in table.columns.iter().filter(|column| column.skip_files) {
        let Some(place) = leaves.iter().position(|leaf| leaf.path().parts() == [column.name]) else { continue };
        let chunks = || metadata.row_groups().iter().filter_map(|group| group.column(place).statistics());
        let count: u64 = chunks().filter_map(Statistics::null_count_opt).sum();
        nulls.insert(column.name.to_owned(), json!(count));
        let all_known = metadata.row_groups().iter().all(|group| {
            group.column(place).statistics().is_some_and(|chunk| {
                chunk.max_bytes_opt().is_some() || chunk.null_count_opt() == Some(group.num_rows().cast_unsigned())
            })
        });
        if !all_known {
            continue;
        }
        let (min, max) = match column.kind {
            Kind::Time => (
                chunks()
                    .filter_map(Statistics::min_bytes_opt)
                    .filter_map(micros)
                    .min()
                    .map(|at| json!(timestamp(at, false))),
                chunks()
                    .filter_map(Statistics::max_bytes_opt)
                    .filter_map(micros)
                    .max()
                    .map(|at| json!(timestamp(at, true))),
            ),
            _ => (
                chunks().filter_map(Statistics::min_bytes_opt).min().map(|min| json!(String::from_utf8_lossy(min))),
                chunks().filter_map(Statistics::max_bytes_opt).max().map(|max| json!(String::from_utf8_lossy(max))),
            ),
        };
        min.map(|min| mins.insert(column.name.to_owned(), min));
        max.map(|max| maxs.insert(column.name.to_owned(), max));
    }
    json!({ "numRecords": rows, "minValues": mins, "maxValues": maxs, "nullCount": nulls })
}

fn micros(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_le_bytes(bytes.try_into().ok()?))
}

/// A bound as Delta writes times, in milliseconds, rounded outwards but kept within the years that exist.
fn timestamp(micros: i64, up: bool) -> String {
    let millis = if up { -((-micros).div_euclid(1000)) } else { micros.div_euclid(1000) };
    let millis = millis.min(TIMES.end().div_euclid(1000));
    let day = i32::try_from(millis.div_euclid(86_400_000)).unwrap_or_default();
    let clock = millis.rem_euclid(86_400_000);
    format!(
        "{}T{:02}:{:02}:{:02}.{:03}Z",
        sawlog_formats::date_name(day),
        clock / 3_600_000,
        clock / 60_000 % 60,
        clock / 1000 % 60,
        clock % 1000
    )
}
