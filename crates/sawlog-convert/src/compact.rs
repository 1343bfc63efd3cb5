//! `sawlog compact`: merges the small data files of many runs, and deletes files that no version needs any more.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;
use arrow::array::RecordBatch;
use sawlog_formats::formats;
use sawlog_store::parquet::{Codec, Encoder};
use sawlog_store::{
    DataFileEntry, ENTITIES, INDEX_FILE_ROWS, Run, SOURCES, Snapshot, SortedSources, Source, Store, TABLES,
    each_index_row, vacuum,
};
use serde::Serialize;

use crate::merge::{Merge, Reading};
use crate::row_groups::{Gathered, Known};
use crate::watch::{Interrupted, Watch, begin_run};

/// A data file smaller than this is merged with others of its partition.
const SMALL: u64 = 64 << 20;
/// The batches of all data files that are merged at the same time take about this many bytes.
const MERGE_MEMORY: usize = 64 << 20;
/// A data file is closed, and the next one begun, when its row groups have this many bytes.
const MAX_FILE: usize = 512 << 20;
/// The rows of the ledger in a row group.
const LEDGER_ROWS: usize = 32 << 10;
/// `convert` suggests a compaction when it would make at least this many files fewer.
const WORTH_IT: usize = 50;

/// What a compaction did.
#[derive(Debug, Default, Serialize)]
pub struct Compaction {
    /// The tables that had small data files.
    pub tables: Vec<CompactedTable>,
    /// Data files that no version needed any more and that were deleted.
    pub vacuumed_files: usize,
    /// The bytes of these.
    pub vacuumed_bytes: u64,
    /// Files of the tables' logs that were deleted: versions before the last checkpoint.
    pub vacuumed_log_files: usize,
}

/// What happened to a table.
#[derive(Debug, Serialize)]
pub struct CompactedTable {
    /// Its name.
    pub table: &'static str,
    /// Data files before it.
    pub files_before: usize,
    /// Data files after it.
    pub files_after: usize,
    /// Bytes of its data files before.
    pub bytes_before: u64,
    /// Bytes of its data files after.
    pub bytes_after: u64,
}

/// Merges the small data files of each partition, then deletes files that have been unused for longer than `retain`.
///
/// # Errors
///
/// If the store can't be read or written, or the command is stopped. The store is then as it was before.
pub fn compact(store: &Store, codec: Codec, retain: Duration, watch: &dyn Watch) -> Result<Compaction> {
    let mut run = begin_run(store, codec, watch)?;
    let mut before = Vec::new();
    let mut merged = HashSet::new();
    for table in TABLES() {
        let snapshot = store.snapshot(table)?;
        for small in small_files(&snapshot) {
            if table.name == SOURCES.name {
                run.add_batches(table, None, ledger(store)?)?;
                snapshot.files.iter().for_each(|file| run.remove_file(table, file.clone()));
            } else {
                merge(&mut run, &snapshot, &small, watch)?;
                merged.extend(small.iter().map(|file| file.path.clone()));
                small.into_iter().for_each(|file| run.remove_file(table, file));
            }
        }
        if table.name == ENTITIES.name && (!merged.is_empty() || has_many_files(&snapshot)) {
            keep_index(&mut run, &snapshot, &merged)?;
        }
        before.push((table, snapshot.files.len(), snapshot.size()));
    }
    run.commit()?;
    let vacuumed = vacuum(&begin_run(store, codec, watch)?, retain)?;
    let mut compaction = Compaction {
        vacuumed_files: vacuumed.files,
        vacuumed_bytes: vacuumed.bytes,
        vacuumed_log_files: vacuumed.log_files,
        ..Compaction::default()
    };
    for (table, files_before, bytes_before) in before {
        let after = store.snapshot(table)?;
        let (files_after, bytes_after) = (after.files.len(), after.size());
        if files_after != files_before {
            let table = table.name;
            compaction.tables.push(CompactedTable { table, files_before, files_after, bytes_before, bytes_after });
        }
    }
    Ok(compaction)
}

/// The ledger, sorted by path, a row group at a time.
fn ledger(store: &Store) -> Result<impl Iterator<Item = sawlog_store::Result<RecordBatch>>> {
    let mut sources = SortedSources::open(store)?;
    Ok(std::iter::from_fn(move || {
        let rows = sources.by_ref().take(LEDGER_ROWS).collect::<sawlog_store::Result<Vec<Source>>>();
        rows.map(|rows| (!rows.is_empty()).then(|| Source::batch(&rows))).transpose()
    }))
}

/// How many fewer data files a compaction would leave, if it is worth it.
///
/// # Errors
///
/// If the store can't be read.
pub fn worth_it(store: &Store) -> Result<Option<usize>> {
    let mut fewer = 0;
    for table in TABLES() {
        let snapshot = store.snapshot(table)?;
        fewer += small_files(&snapshot).iter().map(|files| files.len() - 1).sum::<usize>();
        if table.name == ENTITIES.name && has_many_files(&snapshot) {
            fewer += snapshot.files.len() - 1;
        }
    }
    Ok((fewer >= WORTH_IT).then_some(fewer))
}

/// Whether the index is in more files than a run would write.
fn has_many_files(index: &Snapshot) -> bool {
    index.files.len() as u64 > 2 * index.rows() / INDEX_FILE_ROWS + 1
}

/// Rewrites the index's rows of data files that stay, in few files.
fn keep_index(run: &mut Run<'_>, index: &Snapshot, merged: &HashSet<String>) -> Result<()> {
    let store = run.store();
    let mut current = HashSet::new();
    for format in formats() {
        current.extend(store.snapshot(format.table)?.files.into_iter().map(|file| file.path));
    }
    each_index_row(store, |row| {
        let stays = current.contains(&row.data_file) && !merged.contains(&row.data_file);
        if stays { run.keep_index_row(&row) } else { Ok(()) }
    })?;
    index.files.iter().for_each(|file| run.remove_file(&ENTITIES, file.clone()));
    Ok(())
}

/// The small files of each partition that has several. The index is rewritten in another way.
fn small_files(snapshot: &Snapshot) -> Vec<Vec<DataFileEntry>> {
    if snapshot.table.name == ENTITIES.name {
        return Vec::new();
    }
    // A snapshot's files are in order of their partitions.
    let partitions = snapshot.files.chunk_by(|a, b| a.date == b.date);
    let small = partitions.map(|files| files.iter().filter(|file| file.size < SMALL).cloned().collect::<Vec<_>>());
    small.filter(|files| files.len() > 1).collect()
}

/// Writes the rows of some files of one partition as few files, in evidence order.
fn merge(run: &mut Run<'_>, snapshot: &Snapshot, files: &[DataFileEntry], watch: &dyn Watch) -> Result<()> {
    let table = snapshot.table;
    let date = files.first().and_then(|file| file.date.clone());
    let mut encoder = Encoder::new(table, run.codec())?;
    let reading = Reading { columns: None, prepare: |_, batch| Ok(Known::of(batch)), memory: MERGE_MEMORY };
    let mut merged = Merge::new(files.iter().map(|file| (snapshot, file)), &reading);
    let mut staged = run.create_file(table, date.clone())?;
    let mut waiting = Gathered::new(table);
    while let Some(mut found) = merged.next()? {
        while !found.range.is_empty() {
            if watch.wants_to_stop() {
                return Err(Interrupted.into());
            }
            found.range.start += waiting.add(found.batch, found.range.clone(), found.prepared)?;
            if !waiting.is_full() {
                continue;
            }
            if let Some(batch) = waiting.take() {
                run.append(&mut staged, encoder.encode(&batch)?)?;
            }
            if staged.size() >= MAX_FILE {
                let next = run.create_file(table, date.clone())?;
                run.close_file(std::mem::replace(&mut staged, next))?;
            }
        }
    }
    if let Some(batch) = waiting.take() {
        run.append(&mut staged, encoder.encode(&batch)?)?;
    }
    Ok(run.close_file(staged)?)
}
