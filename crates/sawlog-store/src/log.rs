//! Reads a table's Delta log: which data files the table has at a version.
//!
//! A log is a list of commits: files of actions, one in each line, as JSON. A checkpoint is a Parquet file with the
//! actions of all commits up to a version that still count. See "Delta Transaction Log Protocol".
//!
//! Every command begins with reading some logs, and a library that can read any Delta table takes 8 ms longer.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::{Array, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{Int32Type, Int64Type};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::confine;
use crate::data_file::{DataFileEntry, is_day};
use crate::error::{Result, StoreError};
use crate::panics::reading;
use crate::tail_checksum::Tail;

/// The application named in the tables' `txn` actions; its version is the number of the run.
pub(crate) const APP_ID: &str = "sawlog";
/// The tag of a data file that holds its [`Tail`].
pub(crate) const TAIL: &str = "sawlog.tail";
/// The tag of a data file that holds the checksum of its columns, in hexadecimal digits.
pub(crate) const COLUMNS: &str = "sawlog.columns";

/// The newest version of the protocol that this reader knows. The tables need no newer one.
const READER_VERSION: i32 = 1;

/// What a log says of a version of its table.
#[derive(Debug)]
pub(crate) struct LogState {
    /// The data files, sorted by partition and path.
    pub(crate) files: Vec<DataFileEntry>,
    /// The number of the last run that changed the table; 0 before the first.
    pub(crate) last_run: i64,
    /// What the version's commit says about itself.
    pub(crate) commit: Value,
}

/// An action, a line of a commit. Others do not change which data files there are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    add: Option<Add>,
    remove: Option<Remove>,
    txn: Option<Txn>,
    protocol: Option<Protocol>,
    commit_info: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Add {
    path: String,
    partition_values: HashMap<String, Option<String>>,
    size: i64,
    modification_time: i64,
    stats: Option<String>,
    tags: Option<HashMap<String, Option<String>>>,
    deletion_vector: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Remove {
    path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Txn {
    app_id: String,
    version: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Protocol {
    min_reader_version: i32,
}

/// Delta's statistics of a data file, of which only this counts here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    num_records: Option<u64>,
}

/// Reads the log in the table's folder up to a version.
///
/// # Errors
///
/// If a commit is missing or can't be read.
pub(crate) fn read(folder: &Path, version: u64) -> Result<LogState> {
    let mut replay = Replay { folder, files: HashMap::new(), last_run: 0 };
    let checkpoint = checkpoints(folder)?.range(..=version).next_back().copied();
    if let Some(version) = checkpoint {
        replay.checkpoint(&checkpoint_path(folder, version))?;
    }
    // The commit of a checkpoint's own version changes nothing more, but says what the table holds.
    let mut commit = Value::Null;
    for version in checkpoint.unwrap_or_default()..=version {
        let changes = Some(version) != checkpoint;
        commit = replay.commit(&commit_path(folder, version), changes)?;
    }
    let mut files: Vec<_> = replay.files.into_values().collect();
    sort(&mut files);
    Ok(LogState { files, last_run: replay.last_run, commit })
}

/// Sorts data files by partition and path.
pub(crate) fn sort(files: &mut [DataFileEntry]) {
    files.sort_by(|a, b| (&a.date, &a.path).cmp(&(&b.date, &b.path)));
}

pub(crate) fn commit_path(folder: &Path, version: u64) -> PathBuf {
    folder.join(format!("_delta_log/{version:020}{COMMIT}"))
}

pub(crate) fn checkpoint_path(folder: &Path, version: u64) -> PathBuf {
    folder.join(format!("_delta_log/{version:020}{CHECKPOINT}"))
}

/// How the name of a commit ends, after its version.
const COMMIT: &str = ".json";
/// How the name of a checkpoint ends.
const CHECKPOINT: &str = ".checkpoint.parquet";

/// The versions that have a commit in the folder's Delta log.
pub(crate) fn commits(folder: &Path) -> Result<BTreeSet<u64>> {
    versions(folder, COMMIT)
}

fn checkpoints(folder: &Path) -> Result<BTreeSet<u64>> {
    versions(folder, CHECKPOINT)
}

/// The versions that have a file in the log whose name ends like this.
fn versions(folder: &Path, end: &str) -> Result<BTreeSet<u64>> {
    let log = folder.join("_delta_log");
    let entries = match fs::read_dir(&log) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(StoreError::io(&log))?,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(StoreError::io(&log)(error)),
    };
    let files = entries.iter().filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()));
    let version = |name: &str| name.strip_suffix(end).filter(|digits| digits.len() == 20)?.parse().ok();
    Ok(files.filter_map(|entry| version(entry.file_name().to_str()?)).collect())
}

/// The actions of a log, applied one after another.
struct Replay<'a> {
    folder: &'a Path,
    files: HashMap<String, DataFileEntry>,
    last_run: i64,
}

impl Replay<'_> {
    /// Applies the actions of a commit. Returns what it says about itself.
    fn commit(&mut self, path: &Path, changes: bool) -> Result<Value> {
        let lines = read_commit(path)?;
        let mut said = Value::Null;
        for (line, text) in (1..).zip(lines.split(|byte| *byte == b'\n')) {
            if text.trim_ascii().is_empty() {
                continue;
            }
            let mut action: Action = serde_json::from_slice(text).map_err(|error| {
                StoreError::damaged(path, format!("line {line} is damaged at byte {}", error.column()))
            })?;
            said = action.commit_info.take().unwrap_or(said);
            if changes {
                self.apply(action, path)?;
            }
        }
        Ok(said)
    }

    fn apply(&mut self, action: Action, path: &Path) -> Result<()> {
        let Action { add, remove, txn, protocol, .. } = action;
        if let Some(remove) = remove {
            self.files.remove(&decoded(&remove.path));
        }
        if let Some(add) = add {
            self.add(add)?;
        }
        if let Some(txn) = txn.filter(|txn| txn.app_id == APP_ID) {
            self.last_run = txn.version;
        }
        let needed = protocol.map_or(READER_VERSION, |protocol| protocol.min_reader_version);
        if needed <= READER_VERSION {
            Ok(())
        } else {
            Err(StoreError::damaged(
                path,
                format!("needs reader version {needed} of Delta: another program wrote to it"),
            ))
        }
    }

    fn add(&mut self, add: Add) -> Result<()> {
        let path = confine::checked_path(self.folder, &decoded(&add.path))?;
        let damaged = |what: String| StoreError::damaged(&self.folder.join(&path), what);
        if add.deletion_vector.is_some() {
            return Err(damaged("has a deletion vector: another program wrote to the table".to_owned()));
        }
        let number =
            |value: Option<u64>, name: &str| value.ok_or_else(|| damaged(format!("the table log lacks its {name}")));
        let size = number(u64::try_from(add.size).ok(), "size")?;
        let stats = add.stats.unwrap_or_default();
        let known: Stats = serde_json::from_str(&stats).unwrap_or_default();
        let rows = number(known.num_records, "number of rows")?;
        if rows > max_rows(size) {
            return Err(damaged(format!("the table log gives it {rows} rows, which is impossible for {size} bytes")));
        }
        let value = |values: &HashMap<String, Option<String>>, name: &str| values.get(name).cloned().flatten();
        // The protocol writes null as an empty text, too.
        let date = value(&add.partition_values, "date").filter(|date| !date.is_empty());
        if let Some(date) = date.as_ref().filter(|date| !is_day(date)) {
            return Err(damaged(format!("the table log puts it in the partition {date:?}, which is not a day")));
        }
        let tag = |name: &str| add.tags.as_ref().and_then(|tags| value(tags, name));
        let file = DataFileEntry {
            size,
            rows,
            date,
            stats,
            written: add.modification_time,
            // A checksum that can't be read counts as wrong.
            tail: tag(TAIL).map(|text| text.parse().unwrap_or(Tail::WRONG)),
            columns: tag(COLUMNS).and_then(|text| u32::from_str_radix(&text, 16).ok()),
            path,
        };
        self.files.insert(file.path.clone(), file);
        Ok(())
    }

    /// Takes the actions of a checkpoint.
    fn checkpoint(&mut self, path: &Path) -> Result<()> {
        let file = File::open(path).map_err(|error| missing(path, error))?;
        let size = file.metadata().map_err(StoreError::io(path))?.len();
        let builder = reading(path, || ParquetRecordBatchReaderBuilder::try_new(file))?;
        let builder = builder.map_err(StoreError::parquet(path))?;
        let wanted = ["path", "partitionValues", "size", "modificationTime", "stats", "tags", "deletionVector"];
        let wanted = wanted.map(|name| format!("add.{name}"));
        let others = ["txn.appId", "txn.version", "protocol.minReaderVersion"];
        let names = wanted.iter().map(String::as_str).chain(others);
        let mask = ProjectionMask::columns(builder.parquet_schema(), names);
        // Each action takes some bytes. Without this limit, a forged checkpoint could make a reader count for ever.
        if u64::try_from(builder.metadata().file_metadata().num_rows()).is_ok_and(|rows| rows > size) {
            return Err(StoreError::damaged(path, "has more rows than bytes"));
        }
        let reader = reading(path, || builder.with_projection(mask).build())?;
        let mut reader = reader.map_err(StoreError::parquet(path))?;
        while let Some(batch) = reading(path, || reader.next())? {
            let batch = batch.map_err(StoreError::decode(path))?;
            let actions = reading(path, || actions(&batch))?;
            let actions = actions.ok_or_else(|| StoreError::damaged(path, "is not a checkpoint of a Delta log"))?;
            actions.into_iter().try_for_each(|action| self.apply(action, path))?;
        }
        Ok(())
    }
}

/// The lines of a commit.
pub(crate) fn read_commit(path: &Path) -> Result<Vec<u8>> {
    // A pipe would be waited for.
    if fs::metadata(path).map_err(|error| missing(path, error))?.is_file() {
        fs::read(path).map_err(|error| missing(path, error))
    } else {
        Err(StoreError::damaged(path, "is not a file"))
    }
}

/// An action's path is percent-encoded.
fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

fn missing(path: &Path, error: std::io::Error) -> StoreError {
    if error.kind() == ErrorKind::NotFound {
        StoreError::damaged(path, "the table log has no such version: it is damaged, or was deleted")
    } else {
        StoreError::io(path)(error)
    }
}

/// No data file of `size` bytes has more rows than this: each row group takes some bytes of the footer. Without this
/// limit, a forged log could make a reader count for ever.
fn max_rows(size: u64) -> u64 {
    const ROW_GROUP_BYTES: u64 = 64;
    const ROW_GROUP_ROWS: u64 = 1 << 24;
    (size / ROW_GROUP_BYTES + 1).saturating_mul(ROW_GROUP_ROWS)
}

/// The actions in rows of a checkpoint; `None` if columns are missing or have other types.
fn actions(batch: &RecordBatch) -> Option<Vec<Action>> {
    let group = |name: &str| batch.column_by_name(name).and_then(|column| column.as_struct_opt());
    let (add, txn, protocol) = (group("add")?, group("txn"), group("protocol"));
    let action = |row: usize| {
        let of = |group: Option<&StructArray>| group.is_some_and(|group| group.is_valid(row));
        Some(Action {
            add: if add.is_valid(row) { Some(add_of(add, row)?) } else { None },
            remove: None,
            txn: if of(txn) {
                Some(Txn { app_id: text(txn?, "appId", row)?, version: long(txn?, "version", row)? })
            } else {
                None
            },
            protocol: if of(protocol) { Some(protocol_of(protocol?, row)?) } else { None },
            commit_info: None,
        })
    };
    (0..batch.num_rows()).map(action).collect()
}

fn add_of(add: &StructArray, row: usize) -> Option<Add> {
    Some(Add {
        path: text(add, "path", row)?,
        partition_values: texts(add, "partitionValues", row)?,
        size: long(add, "size", row)?,
        modification_time: long(add, "modificationTime", row)?,
        stats: text(add, "stats", row),
        tags: texts(add, "tags", row),
        deletion_vector: add
            .column_by_name("deletionVector")
            .is_some_and(|vector| vector.is_valid(row))
            .then_some(IgnoredAny),
    })
}

fn protocol_of(protocol: &StructArray, row: usize) -> Option<Protocol> {
    let versions = protocol.column_by_name("minReaderVersion")?.as_primitive_opt::<Int32Type>()?;
    Some(Protocol { min_reader_version: versions.value(row) })
}

fn text(group: &StructArray, name: &str, row: usize) -> Option<String> {
    let column = group.column_by_name(name)?.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row).to_owned())
}

fn long(group: &StructArray, name: &str, row: usize) -> Option<i64> {
    let column = group.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
    column.is_valid(row).then(|| column.value(row))
}

fn texts(group: &StructArray, name: &str, row: usize) -> Option<HashMap<String, Option<String>>> {
    let map = group.column_by_name(name)?.as_map_opt()?;
    let entries = map.is_valid(row).then(|| map.value(row))?;
    let (names, values) = (entries.column(0).as_string_opt::<i32>()?, entries.column(1).as_string_opt::<i32>()?);
    let value = |place: usize| values.is_valid(place).then(|| values.value(place).to_owned());
    Some((0..entries.len()).map(|place| (names.value(place).to_owned(), value(place))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table's log with these commits.
    fn log(commits: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("_delta_log")).unwrap();
        for (version, commit) in (0..).zip(commits) {
            fs::write(commit_path(folder.path(), version), commit).unwrap();
        }
        folder
    }

    fn add(path: &str, date: &str) -> String {
        format!(
            r#"{{"add":{{"path":"{path}","partitionValues":{{"date":{date}}},"size":900,"modificationTime":7,"dataChange":true,"stats":"{{\"numRecords\":3}}","tags":{{"sawlog.tail":"1f:0000000a"}}}}}}"#
        )
    }

    #[test]
    fn commits_are_applied_one_after_another() {
        let first = [add("b", "null"), add("date=2021-07-29/a%20b", "\"2021-07-29\"")].join("\n");
        let second = [r#"{"remove":{"path":"b"}}"#, "", r#"{"txn":{"appId":"sawlog","version":4}}"#].join("\n");
        let third =
            [r#"{"commitInfo":{"x":1}}"#, &add("b", "\"\""), r#"{"txn":{"appId":"other","version":9}}"#].join("\n");
        let folder = log(&[&first, &second, &third]);
        let paths = |version| {
            let state = read(folder.path(), version).unwrap();
            state.files.into_iter().map(|file| (file.path, file.date, file.rows)).collect::<Vec<_>>()
        };
        let dated = ("date=2021-07-29/a b".to_owned(), Some("2021-07-29".to_owned()), 3);
        assert_eq!(paths(0), [("b".to_owned(), None, 3), dated.clone()]);
        assert_eq!(paths(1), std::slice::from_ref(&dated));
        assert_eq!(paths(2), [("b".to_owned(), None, 3), dated]);
        let state = read(folder.path(), 2).unwrap();
        assert_eq!((state.last_run, state.commit), (4, serde_json::json!({"x": 1})));
    }

    #[test]
    fn what_is_wrong_with_a_log_is_told() {
        let sound = add("a", "null");
        for (commit, said) in [
            (sound.replace("900", "-1"), "lacks its size"),
            (sound.replace("numRecords", "numRecorde"), "lacks its number of rows"),
            (sound.replace(":3}", ":99999999999999}"), "which is impossible for 900 bytes"),
            (add("a", "\"x/../../y\""), "which is not a day"),
            (add("../a", "null"), "outside the table's folder"),
            (add("%2e%2e/a", "null"), "outside the table's folder"),
            (add("d/", "null"), "outside the table's folder"),
            (add("d//a", "null"), "outside the table's folder"),
            (add("d/./a", "null"), "outside the table's folder"),
            (sound.replace("\"tags\"", "\"deletionVector\":{\"storageType\":\"u\"},\"tags\""), "deletion vector"),
            (r#"{"protocol":{"minReaderVersion":3}}"#.to_owned(), "needs reader version 3"),
            (sound[..sound.len() - 1].to_owned(), "line 1 is damaged"),
        ] {
            let error = read(log(&[&commit]).path(), 0).unwrap_err().to_string();
            assert!(error.contains(said), "{commit}: {error}");
        }
        let folder = log(&[&sound]);
        assert!(read(folder.path(), 1).unwrap_err().to_string().contains("no such version"));
        fs::create_dir(commit_path(folder.path(), 1)).unwrap();
        assert!(read(folder.path(), 1).unwrap_err().to_string().contains("is not a file"));
        fs::write(checkpoint_path(folder.path(), 0), "no Parquet").unwrap();
        assert!(read(folder.path(), 0).unwrap_err().to_string().contains("checkpoint.parquet"));
    }
}
