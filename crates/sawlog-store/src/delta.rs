//! Writes the Delta logs of the tables: makes them, adds to them. [`crate::log`] reads them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deltalake::checkpoints::create_checkpoint;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, ArrayType, DataType, PrimitiveType, Remove, StructField, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::table::config::TablePropertiesExt;
use deltalake::{DeltaTable, DeltaTableBuilder};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use sawlog_formats::{Column, Kind, Table};
use serde_json::json;
use url::Url;

use crate::data_file::DataFileEntry;
use crate::durable::DurableFiles;
use crate::error::{Result, StoreError};
use crate::folders::{make_folder, remove_file, sync_folder};
use crate::log::{APP_ID, COLUMNS, TAIL, checkpoint_path, commit_path, read, sort};
use crate::snapshot::{FILES, FORMAT, VERSIONS, files_checksum};
use crate::version::FORMAT_VERSION;

/// A checkpoint is written after this many commits; opening a table starts from it.
const CHECKPOINT_INTERVAL: u64 = 10;

/// Where the table's log is, and how its files are written. The library sees the table's folder as the root of all
/// files, so that it need not accept the names of the folders above.
fn log(table: &'static Table, folder: &Path) -> Result<DeltaTableBuilder> {
    let root = Url::parse("file:///").map_err(|error| StoreError::damaged(folder, error))?;
    let files = DurableFiles::below(folder).map_err(StoreError::io(folder))?;
    let builder = DeltaTableBuilder::from_url(root.clone()).map_err(StoreError::delta(table.name))?;
    Ok(builder.with_storage_backend(Arc::new(files), root))
}

/// Undoes the newest commit of a table, with everything that the log has for it. Only for a commit that can't be
/// read.
pub(crate) fn take_back(folder: &Path, version: u64) -> Result<()> {
    let log = folder.join("_delta_log");
    let checkpoint = checkpoint_path(folder, version);
    if checkpoint.exists() {
        // This file says where the last checkpoint is; without it the log is searched.
        remove_file(&log.join("_last_checkpoint"))?;
        remove_file(&checkpoint)?;
        sync_folder(&log)?;
    }
    // Last, since a run is taken back only as long as its commit is there.
    remove_file(&commit_path(folder, version))?;
    sync_folder(&log)
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

/// What a commit says about the data files after it.
fn files_after(files: &[DataFileEntry]) -> (String, serde_json::Value) {
    (FILES.to_owned(), json!(files_checksum(files)))
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
    let commit = CommitProperties::default().with_metadata([files_after(&read(folder, state.version())?.files)]);
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
    let after = read(folder, state.version())?.files;
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
    let metadata = [files_after(&read(folder, state.version())?.files)].into_iter().chain(named);
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
    let metadata = [files_after(&read(folder, state.version())?.files)].into_iter().chain(versions_named(versions));
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
    let is_there = checkpoint_path(folder, version).exists();
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
