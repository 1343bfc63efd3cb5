//! The Delta logs of the tables: creating them, reading what they hold now, adding to them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deltalake::checkpoints::create_checkpoint;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{
    Action, Add, ArrayType, DataType, LogicalFileView, PrimitiveType, Remove, StructField, Transaction,
};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::table::config::TablePropertiesExt;
use deltalake::table::state::DeltaTableState;
use deltalake::{DeltaTable, DeltaTableBuilder};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use sawlog_formats::{Column, Kind, Table};
use serde_json::json;
use url::Url;

use crate::confine;
use crate::data_file::DataFileEntry;
use crate::durable::DurableFiles;
use crate::error::{Result, StoreError};
use crate::folders::{make_folder, remove_file, sync_folder};
use crate::tail_checksum::Tail;
use crate::version::FORMAT_VERSION;

/// The application named in the tables' `txn` actions; its version is the number of the run.
const APP_ID: &str = "sawlog";

/// Under this key a commit describes the table after it: see [`files_checksum`].
const FILES: &str = "sawlog.files";

/// Under this key a commit of the ledger names the versions of the other tables that belong to it.
const VERSIONS: &str = "sawlog.versions";

/// Under this key a commit of the ledger has the version of the store's format: see [`crate::FORMAT_VERSION`].
const FORMAT: &str = "sawlog.format";

/// The tag of a data file that holds its [`Tail`].
const TAIL: &str = "sawlog.tail";

/// The tag of a data file that holds the checksum of its columns, in hexadecimal digits.
const COLUMNS: &str = "sawlog.columns";

/// A checkpoint is written after this many commits; opening a table starts from it.
const CHECKPOINT_INTERVAL: u64 = 10;

/// What a table holds at one version.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The table.
    pub table: &'static Table,
    /// The table's folder.
    pub folder: PathBuf,
    /// The version of the table's log.
    pub version: u64,
    /// Its data files, sorted by partition and path.
    pub files: Vec<DataFileEntry>,
}

impl Snapshot {
    /// How many rows the table has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// The size of its data files in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The first and the last day that have rows.
    #[must_use]
    pub fn days(&self) -> Option<(&str, &str)> {
        let days = || self.files.iter().filter_map(|file| file.date.as_deref());
        days().min().zip(days().max())
    }
}

/// Where the table's log is, and how its files are written. The library sees the table's folder as the root of all
/// files, so that it need not accept the names of the folders above.
fn log(table: &'static Table, folder: &Path) -> Result<DeltaTableBuilder> {
    let root = Url::parse("file:///").map_err(|error| StoreError::damaged(folder, error))?;
    let files = DurableFiles::below(folder).map_err(StoreError::io(folder))?;
    let builder = DeltaTableBuilder::from_url(root.clone()).map_err(StoreError::delta(table.name))?;
    Ok(builder.with_storage_backend(Arc::new(files), root))
}

/// The versions that have a commit in the folder's Delta log.
fn commits(folder: &Path) -> Result<impl Iterator<Item = u64>> {
    let log = folder.join("_delta_log");
    let entries = match std::fs::read_dir(&log) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(StoreError::io(&log))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(StoreError::io(&log)(error)),
    };
    let version = |name: &str| name.strip_suffix(".json").filter(|digits| digits.len() == 20)?.parse().ok();
    Ok(entries.into_iter().filter_map(move |entry| version(entry.file_name().to_str()?)))
}

/// Whether the folder has a Delta log with a commit in it: a process that makes a table may be killed before the
/// commit.
pub(crate) fn exists(folder: &Path) -> bool {
    commits(folder).is_ok_and(|mut versions| versions.next().is_some())
}

/// The newest commit of a table's log.
#[derive(Debug)]
pub(crate) struct NewestCommit {
    pub(crate) version: u64,
    /// The run that made it, if a run did.
    pub(crate) run: Option<String>,
    /// In the ledger: the versions of the other tables that belong to it.
    pub(crate) versions: Option<BTreeMap<String, u64>>,
    /// In the ledger: the version of the store's format. The first version did not write one.
    pub(crate) format: u64,
}

/// Undoes the newest commit of a table, with everything that the log has for it. Only for a commit that can't be
/// read.
pub(crate) fn take_back(folder: &Path, version: u64) -> Result<()> {
    let log = folder.join("_delta_log");
    remove_file(&commit_path(folder, version))?;
    let checkpoint = log.join(format!("{version:020}.checkpoint.parquet"));
    if checkpoint.exists() {
        remove_file(&checkpoint)?;
        // This file says where the last checkpoint is; without it the log is searched.
        remove_file(&log.join("_last_checkpoint"))?;
    }
    sync_folder(&log)
}

/// What a commit says about itself.
fn commit_info(folder: &Path, version: u64) -> Result<Option<serde_json::Value>> {
    let path = commit_path(folder, version);
    let text = std::fs::read_to_string(&path).map_err(StoreError::io(&path))?;
    Ok(text.lines().find_map(|line| {
        let action: serde_json::Value = serde_json::from_str(line).ok()?;
        action.get("commitInfo").cloned()
    }))
}

pub(crate) fn commit_path(folder: &Path, version: u64) -> PathBuf {
    folder.join(format!("_delta_log/{version:020}.json"))
}

/// The newest version in the folder's Delta log, if there is one.
pub(crate) fn newest_version(folder: &Path) -> Result<Option<u64>> {
    Ok(commits(folder)?.max())
}

/// The newest commit in the folder's Delta log, if there is one.
pub(crate) fn newest_commit(folder: &Path) -> Result<Option<NewestCommit>> {
    let Some(version) = newest_version(folder)? else { return Ok(None) };
    let info = commit_info(folder, version)?.unwrap_or_default();
    let run = info.get("run").and_then(|run| run.as_str()).map(str::to_owned);
    let versions = info.get(VERSIONS).cloned().and_then(|versions| serde_json::from_value(versions).ok());
    let format = info.get(FORMAT).and_then(serde_json::Value::as_u64).unwrap_or(1);
    Ok(Some(NewestCommit { version, run, versions, format }))
}

/// Creates the table, empty.
pub(crate) async fn create(table: &'static Table, folder: &Path) -> Result<()> {
    make_folder(folder).map_err(StoreError::io(folder))?;
    let skipping: Vec<&str> =
        table.columns.iter().filter(|column| column.skip_files).map(|column| column.name).collect();
    let mut builder = CreateBuilder::new()
        .with_log_store(log(table, folder)?.build_storage().map_err(StoreError::delta(table.name))?)
        .with_table_name(table.name)
        .with_comment(table.doc)
        .with_columns(table.columns.iter().map(|column| StructField::new(column.name, delta_type(column), true)))
        .with_configuration([
            ("delta.checkpointInterval".to_owned(), Some(CHECKPOINT_INTERVAL.to_string())),
            ("delta.dataSkippingStatsColumns".to_owned(), Some(skipping.join(","))),
        ]);
    if !table.times.is_empty() {
        builder =
            builder.with_columns([StructField::new("date", DataType::DATE, true)]).with_partition_columns(["date"]);
    }
    builder.await.map_err(StoreError::delta(table.name))?;
    Ok(())
}

fn delta_type(column: &Column) -> DataType {
    let group = |columns: &[Column]| {
        DataType::try_struct_type(columns.iter().map(|column| StructField::new(column.name, delta_type(column), true)))
            .expect("columns of a group have different names")
    };
    DataType::Primitive(match column.kind {
        Kind::Text => PrimitiveType::String,
        Kind::Int32 => PrimitiveType::Integer,
        Kind::Int64 => PrimitiveType::Long,
        Kind::Float64 => PrimitiveType::Double,
        Kind::Time => PrimitiveType::Timestamp,
        Kind::Bytes => PrimitiveType::Binary,
        Kind::Bool => PrimitiveType::Boolean,
        Kind::Struct(columns) => return group(columns),
        Kind::List(columns) => return ArrayType::new(group(columns), true).into(),
    })
}

async fn load(table: &'static Table, folder: &Path) -> Result<DeltaTable> {
    log(table, folder)?.load().await.map_err(StoreError::delta(table.name))
}

/// Reads what the table holds at a version, or now.
pub(crate) async fn snapshot(table: &'static Table, folder: &Path, version: Option<u64>) -> Result<Snapshot> {
    let mut log = log(table, folder)?;
    if let Some(version) = version {
        if !commit_path(folder, version).exists() {
            let what =
                format!("the log has no version {version}, which the ledger names: it is damaged, or was deleted");
            return Err(StoreError::damaged(&folder.join("_delta_log"), what));
        }
        log = log.with_version(version);
    }
    let loaded = log.load().await.map_err(StoreError::delta(table.name))?;
    let state = loaded.snapshot().map_err(StoreError::delta(table.name))?;
    let files = entries(state, folder)?;
    confine::check_table(folder, &files)?;
    check_files(folder, state.version(), &files)?;
    Ok(Snapshot { table, folder: folder.to_owned(), version: state.version(), files })
}

/// The data files of a table, sorted by partition and path.
fn entries(state: &DeltaTableState, folder: &Path) -> Result<Vec<DataFileEntry>> {
    let mut files = Vec::new();
    for file in state.log_data() {
        let date = file.partition_values_map().remove("date").flatten();
        let path = confine::checked_path(folder, &file.path())?;
        let number = |value: Option<u64>, name: &str| {
            value.ok_or_else(|| StoreError::damaged(&folder.join(&path), format!("the log does not say its {name}")))
        };
        let size = number(u64::try_from(file.size()).ok(), "size")?;
        let rows = number(file.num_records().map(|rows| rows as u64), "number of rows")?;
        if rows > max_rows(size) {
            let what = format!("the log says that it has {rows} rows, which is impossible for {size} bytes");
            return Err(StoreError::damaged(&folder.join(&path), what));
        }
        files.push(DataFileEntry {
            size,
            rows,
            date,
            stats: file.stats().unwrap_or_default(),
            written: file.modification_time(),
            tail: tail(&file),
            columns: tag(&file, COLUMNS).and_then(|text| u32::from_str_radix(&text, 16).ok()),
            path,
        });
    }
    sort(&mut files);
    Ok(files)
}

/// No data file of `size` bytes has more rows than this: each row group takes some bytes of the footer. Without this
/// limit, a forged log could make a reader count for ever.
fn max_rows(size: u64) -> u64 {
    const ROW_GROUP_BYTES: u64 = 64;
    const ROW_GROUP_ROWS: u64 = 1 << 24;
    (size / ROW_GROUP_BYTES + 1).saturating_mul(ROW_GROUP_ROWS)
}

fn sort(files: &mut [DataFileEntry]) {
    files.sort_by(|a, b| (&a.date, &a.path).cmp(&(&b.date, &b.path)));
}

/// The number of data files of a table, and a checksum over what its log says about them. Readers of a log skip lines
/// that they can't read, and the data files in them; so each commit says what the table holds after it.
fn files_checksum(files: &[DataFileEntry]) -> String {
    let mut hasher = crc32fast::Hasher::new();
    for file in files {
        let DataFileEntry { path, size, rows, date, stats, tail, columns, .. } = file;
        // A checkpoint may write statistics differently.
        let stats: serde_json::Value = serde_json::from_str(stats).unwrap_or_default();
        hasher.update(format!("{path}\t{size}\t{rows}\t{date:?}\t{stats}\t{tail:?}\n").as_bytes());
        // Commits from before there were checksums of columns have none here.
        columns.iter().for_each(|columns| hasher.update(format!("{columns}\n").as_bytes()));
    }
    format!("{}:{:08x}", files.len(), hasher.finalize())
}

/// What a commit says about the data files after it.
fn files_after(files: &[DataFileEntry]) -> (String, serde_json::Value) {
    (FILES.to_owned(), json!(files_checksum(files)))
}

/// Makes sure that a version of a table holds what its commit says.
fn check_files(folder: &Path, version: u64, files: &[DataFileEntry]) -> Result<()> {
    let path = commit_path(folder, version);
    let commit = commit_info(folder, version)?;
    let said = commit.as_ref().and_then(|commit| commit.get(FILES)).and_then(|said| said.as_str());
    // The first version is the empty table.
    let holds = match (version, said) {
        (0, _) => files.is_empty(),
        (_, said) => said == Some(&files_checksum(files)),
    };
    if holds {
        return Ok(());
    }
    Err(StoreError::damaged(
        &path,
        "the table does not hold what this commit says: the log is damaged, or another program wrote to it",
    ))
}

/// The checksum in the tags of a file. A checksum that can't be read counts as wrong.
fn tail(file: &LogicalFileView) -> Option<Tail> {
    tag(file, TAIL).map(|text| text.parse().unwrap_or(Tail::WRONG))
}

fn tag(file: &LogicalFileView, name: &str) -> Option<String> {
    #[expect(deprecated, reason = "there is no other way to a file's tags")]
    let tags = file.add_action().tags;
    tags?.remove(name).flatten()
}

/// What a commit of the ledger says about the other tables, and about the store.
fn versions_named(versions: &BTreeMap<String, u64>) -> [(String, serde_json::Value); 2] {
    [(VERSIONS.to_owned(), json!(versions)), (FORMAT.to_owned(), json!(FORMAT_VERSION))]
}

/// Adds the columns to a table's log that it lacks: columns of a newer version of sawlog.
async fn add_columns(table: &'static Table, folder: &Path) -> Result<DeltaTable> {
    let wrong = StoreError::delta;
    let loaded = load(table, folder).await?;
    let state = loaded.snapshot().map_err(wrong(table.name))?;
    let known = state.schema();
    let fields = table.columns.iter().map(|column| StructField::new(column.name, delta_type(column), true));
    let new: Vec<StructField> = fields
        .filter(|field| known.field(field.name()).is_none_or(|known| known.data_type() != field.data_type()))
        .collect();
    if new.is_empty() {
        return Ok(loaded);
    }
    let commit = CommitProperties::default().with_metadata([files_after(&entries(state, folder)?)]);
    let added = loaded.add_columns().with_fields(new).with_commit_properties(commit).await;
    added.map_err(wrong(table.name))?;
    load(table, folder).await
}

/// Adds and removes data files in one commit, unless the run's commit exists already. A commit of the ledger names
/// the versions of the other tables.
pub(crate) async fn commit(
    table: &'static Table,
    folder: &Path,
    run: (&str, i64),
    adds: &[DataFileEntry],
    removes: &[DataFileEntry],
    versions: Option<&BTreeMap<String, u64>>,
) -> Result<()> {
    let wrong = StoreError::delta;
    let loaded = add_columns(table, folder).await?;
    let state = loaded.snapshot().map_err(wrong(table.name))?;
    let log_store = loaded.log_store();
    let done = state.transaction_version(log_store.as_ref(), APP_ID).await.map_err(wrong(table.name))?;
    if done.is_some_and(|done| done >= run.1) {
        return Ok(());
    }
    let after = entries(state, folder)?;
    let paths: HashSet<&str> = removes.iter().map(|file| file.path.as_str()).collect();
    let (gone, left): (Vec<_>, Vec<_>) = after.into_iter().partition(|file| paths.contains(file.path.as_str()));
    let mut after = left;
    for file in &gone {
        mark_out_of_use(&folder.join(&file.path))?;
    }
    after.extend_from_slice(adds);
    sort(&mut after);
    let actions = removes.iter().map(|file| Action::Remove(remove(table, file)));
    let actions = actions.chain(adds.iter().map(|file| Action::Add(add(table, file)))).collect();
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: (!table.times.is_empty()).then(|| vec!["date".to_owned()]),
        predicate: None,
    };
    let properties =
        CommitProperties::default().with_application_transaction(Transaction::new(APP_ID, run.1)).with_metadata(
            [("run".to_owned(), json!(run.0)), files_after(&after)]
                .into_iter()
                .chain(versions.into_iter().flat_map(versions_named)),
        );
    CommitBuilder::from(properties)
        .with_actions(actions)
        .build(Some(state), log_store, operation)
        .await
        .map_err(wrong(table.name))?;
    Ok(())
}

/// Makes the table's log forget files that were removed longer than `retain` ago, from its next checkpoint on. A
/// commit of the ledger names the versions of the other tables. Returns whether there was anything to change.
pub(crate) async fn set_retention(
    table: &'static Table,
    folder: &Path,
    retain: Duration,
    versions: Option<&BTreeMap<String, u64>>,
) -> Result<bool> {
    let wrong = StoreError::delta;
    let loaded = load(table, folder).await?;
    let state = loaded.snapshot().map_err(wrong(table.name))?;
    let retain = Duration::from_secs(retain.as_secs());
    if state.table_config().deleted_file_retention_duration() == retain {
        return Ok(false);
    }
    let named = versions.into_iter().flat_map(versions_named);
    let metadata = [files_after(&entries(state, folder)?)].into_iter().chain(named);
    let commit = CommitProperties::default().with_metadata(metadata);
    let interval = format!("interval {} seconds", retain.as_secs());
    let properties = HashMap::from([("delta.deletedFileRetentionDuration".to_owned(), interval)]);
    loaded
        .set_tbl_properties()
        .with_properties(properties)
        .with_commit_properties(commit)
        .await
        .map_err(wrong(table.name))?;
    Ok(true)
}

/// Commits to the ledger only the versions of the other tables.
pub(crate) async fn name_versions(
    table: &'static Table,
    folder: &Path,
    versions: &BTreeMap<String, u64>,
) -> Result<()> {
    let wrong = StoreError::delta;
    let loaded = load(table, folder).await?;
    let state = loaded.snapshot().map_err(wrong(table.name))?;
    let metadata = [files_after(&entries(state, folder)?)].into_iter().chain(versions_named(versions));
    let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
    let commit = CommitBuilder::from(CommitProperties::default().with_metadata(metadata));
    commit.build(Some(state), loaded.log_store(), operation).await.map_err(wrong(table.name))?;
    Ok(())
}

/// Writes a checkpoint of the table as it is now, so that opening it reads nothing older. Does nothing if there is
/// one already, or if the log is too short to have one.
pub(crate) async fn checkpoint(table: &'static Table, folder: &Path) -> Result<()> {
    let loaded = load(table, folder).await?;
    let version = loaded.snapshot().map_err(StoreError::delta(table.name))?.version();
    let is_there = folder.join(format!("_delta_log/{version:020}.checkpoint.parquet")).exists();
    if is_there || version < CHECKPOINT_INTERVAL {
        return Ok(());
    }
    create_checkpoint(&loaded, None).await.map_err(StoreError::delta(table.name))
}

/// Sets a data file's time, from which a vacuum keeps it for readers of a version that has it. A file that no longer
/// exists needs no mark. Both times are set to now, which needs only the permission to write: the file may be another
/// user's.
fn mark_out_of_use(path: &Path) -> Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let open = std::fs::File::options().append(true).open(path);
    let times = Timestamps { last_access: now, last_modification: now };
    match open.and_then(|file| Ok(futimens(&file, &times)?)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        marked => marked.map_err(StoreError::io(path)),
    }
}

fn partition_values(table: &Table, file: &DataFileEntry) -> HashMap<String, Option<String>> {
    let is_partitioned = !table.times.is_empty();
    is_partitioned.then(|| ("date".to_owned(), file.date.clone())).into_iter().collect()
}

fn tags(file: &DataFileEntry) -> HashMap<String, Option<String>> {
    let tail = file.tail.map(|tail| (TAIL.to_owned(), Some(tail.to_string())));
    let columns = file.columns.map(|columns| (COLUMNS.to_owned(), Some(format!("{columns:08x}"))));
    tail.into_iter().chain(columns).collect()
}

#[expect(clippy::cast_possible_wrap, reason = "no file is that large")]
fn add(table: &Table, file: &DataFileEntry) -> Add {
    Add {
        path: file.path.clone(),
        partition_values: partition_values(table, file),
        size: file.size as i64,
        modification_time: file.written,
        data_change: true,
        stats: Some(file.stats.clone()),
        tags: Some(tags(file)),
        ..Add::default()
    }
}

#[expect(clippy::cast_possible_wrap, reason = "no file is that large")]
fn remove(table: &Table, file: &DataFileEntry) -> Remove {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|age| i64::try_from(age.as_millis()).ok());
    Remove {
        path: file.path.clone(),
        data_change: true,
        deletion_timestamp: now,
        extended_file_metadata: Some(true),
        partition_values: Some(partition_values(table, file)),
        size: Some(file.size as i64),
        ..Remove::default()
    }
}

/// The number of the last run in the table's log.
pub(crate) async fn last_run(table: &'static Table, folder: &Path) -> Result<i64> {
    let loaded = load(table, folder).await?;
    let state = loaded.snapshot().map_err(StoreError::delta(table.name))?;
    let done = state.transaction_version(loaded.log_store().as_ref(), APP_ID).await;
    Ok(done.map_err(StoreError::delta(table.name))?.unwrap_or_default())
}
