//! Takes sources out of the store: data files that hold their records are rewritten without them.
//!
//! A source may have duplicates: other files with the same content. The ledger lists these, but the records have the
//! source's path. Duplicates are evidence as well, so when a source is removed, its first duplicate takes over its
//! records.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Int64Type, Schema};
use sawlog_formats::{REJECTS, Seen, Table, TextColumn, formats};
use sawlog_store::parquet::Encoder;
use sawlog_store::{Batches, DataFileEntry, Run, SOURCES, Snapshot, Source, SourceState, StagedFile, Store, read_file};

use super::order::{content_of, from_hex};
use crate::row_groups::{Gathered, Known};

/// Bytes of a batch that is read.
const BATCH: usize = 4 << 20;
/// The most batches with moving records that wait to be sorted.
const MOVED_BATCHES: usize = 16;

/// The paths of sources that are removed, and of the duplicates that take over their records.
pub(crate) type Heirs = BTreeMap<String, String>;

/// The heirs of the sources `gone`: for each, the first of its duplicates that stays. Sources in `again` are read
/// again from the same content, so their duplicates stay as they are. `ledger` is sorted by path.
pub(crate) fn heirs(ledger: &[Source], gone: &[Source], again: &HashSet<&str>) -> Heirs {
    let gone: HashMap<&str, &Source> = gone.iter().map(|source| (source.path.as_str(), source)).collect();
    let mut heirs = Heirs::new();
    for source in ledger.iter().filter(|source| !gone.contains_key(source.path.as_str())) {
        let Some(first) = source.duplicate_of.as_deref().and_then(|first| gone.get(first)) else { continue };
        // A false row of the ledger must not take records of other files.
        if has_content_of(first, source) && !again.contains(first.path.as_str()) {
            heirs.entry(first.path.clone()).or_insert_with(|| source.path.clone());
        }
    }
    heirs
}

/// Whether the ledger's row of a duplicate is false: its records are not in the store. `find` returns the row of a
/// path.
pub(crate) fn is_stale<'a>(source: &Source, find: impl Fn(&str) -> Option<&'a Source>) -> bool {
    source.state == SourceState::Duplicate
        && !source
            .duplicate_of
            .as_deref()
            .and_then(find)
            .is_some_and(|first| first.state != SourceState::Duplicate && has_content_of(first, source))
}

/// The paths of those duplicates whose rows in the ledger are false.
pub(crate) fn stale_among<'a>(
    store: &Store,
    duplicates: impl Iterator<Item = &'a Source> + Clone,
) -> Result<HashSet<String>> {
    let firsts = firsts_of(store, duplicates.clone())?;
    let stale = duplicates.filter(|source| is_stale(source, |path| firsts.get(path)));
    Ok(stale.map(|source| source.path.clone()).collect())
}

/// The rows of the files that these are duplicates of, by path.
pub(super) fn firsts_of<'a>(
    store: &Store,
    duplicates: impl Iterator<Item = &'a Source>,
) -> Result<HashMap<String, Source>> {
    let paths: HashSet<&str> = duplicates.filter_map(|source| source.duplicate_of.as_deref()).collect();
    let mut firsts = HashMap::new();
    if !paths.is_empty() {
        Source::for_each(store, |source| {
            if paths.contains(source.path.as_str()) {
                firsts.insert(source.path.clone(), source);
            }
        })?;
    }
    Ok(firsts)
}

/// Whether two files are the same, so that the records of one are those of the other.
pub(super) fn has_content_of(first: &Source, source: &Source) -> bool {
    let content = |source: &Source| from_hex(&source.sha256).map(|sha256| content_of(sha256, source.name()));
    first.sha256 == source.sha256 && content(first) == content(source)
}

/// Removes the sources `gone` from the store, including their rows in the ledger, and gives their records to their
/// [`heirs`]. The rows of `followers` go, too: they are written again later.
pub(crate) fn take_out(
    run: &mut Run<'_>,
    ledger: &[Source],
    gone: &[Source],
    heirs: &Heirs,
    followers: &[Source],
) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let with_records = gone.iter().filter(|source| source.state == SourceState::Converted);
    let names: Names<'_> =
        with_records.map(|source| (source.path.as_str(), heirs.get(&source.path).map(String::as_str))).collect();
    if !names.is_empty() {
        for table in formats().iter().map(|format| format.table).chain([&REJECTS]) {
            rewrite(run, table, &names)?;
        }
    }
    let changed = changed_rows(ledger, gone, heirs);
    let paths = gone.iter().chain(&changed).chain(followers).map(|source| source.path.as_str()).collect();
    rewrite_ledger(run, &paths)?;
    if !changed.is_empty() {
        run.add_batch(&SOURCES, None, &Source::batch(&changed))?;
    }
    Ok(())
}

/// The ledger's rows of all duplicates of sources with an heir. The heir's row gets what was read from the content;
/// the others name the heir.
fn changed_rows(ledger: &[Source], gone: &[Source], heirs: &Heirs) -> Vec<Source> {
    let gone: HashMap<&str, &Source> = gone.iter().map(|source| (source.path.as_str(), source)).collect();
    let mut changed = Vec::new();
    for source in ledger.iter().filter(|source| !gone.contains_key(source.path.as_str())) {
        let Some(first) = source.duplicate_of.as_deref() else { continue };
        let (Some(heir), Some(first)) = (heirs.get(first), gone.get(first)) else { continue };
        if !has_content_of(first, source) {
            continue;
        }
        changed.push(if *heir == source.path {
            as_read(source, first)
        } else {
            Source { duplicate_of: Some(heir.clone()), ..source.clone() }
        });
    }
    changed
}

/// The row of a file that has the content of another one: how that was read, with what belongs to the file itself.
pub(super) fn as_read(own: &Source, first: &Source) -> Source {
    Source {
        path: own.path.clone(),
        root: own.root.clone(),
        size: own.size,
        mtime: own.mtime,
        account_id: own.account_id.clone(),
        region: own.region.clone(),
        file_time: own.file_time,
        run_id: own.run_id.clone(),
        archive: own.archive.clone(),
        problem: own.problem.clone().or_else(|| first.problem.clone()),
        ..first.clone()
    }
}

/// The sources whose rows are removed, and the new names of those that move.
type Names<'a> = BTreeMap<&'a str, Option<&'a str>>;

/// Rewrites the data files of a table that hold rows of sources that are removed or moved.
fn rewrite(run: &mut Run<'_>, table: &'static Table, names: &Names<'_>) -> Result<()> {
    let snapshot = run.store().snapshot(table)?;
    // A snapshot's files are sorted by partition.
    for partition in snapshot.files.chunk_by(|a, b| a.date == b.date) {
        let mut moved = Moved::new(table, partition[0].date.clone(), Encoder::new(table, run.codec())?);
        for entry in partition {
            if may_hold(entry, names) && holds(&snapshot, entry, names)? {
                rewrite_file(run, &snapshot, entry, names, &mut moved)?;
                run.remove_file(table, entry.clone());
            }
        }
        moved.write(run)?;
        moved.close(run)?;
    }
    Ok(())
}

/// Whether a source of `names` is within the bounds that the log has for a data file.
fn may_hold(entry: &DataFileEntry, names: &Names<'_>) -> bool {
    let stats: serde_json::Value = serde_json::from_str(&entry.stats).unwrap_or_default();
    let bound = |of: &str| stats[of]["source_file"].as_str();
    let (Some(least), Some(greatest)) = (bound("minValues"), bound("maxValues")) else { return true };
    least > greatest || names.range(least..=greatest).next().is_some()
}

fn holds(snapshot: &Snapshot, entry: &DataFileEntry, names: &Names<'_>) -> Result<bool> {
    for batch in Batches::open(snapshot.table, &snapshot.folder, entry, Some(&["source_file"]), BATCH)? {
        let files = source_files(&batch?)?;
        if files.iter().any(|(file, _)| names.contains_key(file.as_str())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes the rows of a data file that stay, and hands over those that move.
fn rewrite_file(
    run: &mut Run<'_>,
    snapshot: &Snapshot,
    entry: &DataFileEntry,
    names: &Names<'_>,
    moved: &mut Moved,
) -> Result<()> {
    let table = snapshot.table;
    let mut encoder = Encoder::new(table, run.codec())?;
    let (mut stay, mut staged) = (Gathered::new(table), None);
    for batch in Batches::open(table, &snapshot.folder, entry, None, BATCH)? {
        let batch = batch?;
        let mut known = Known::of(&batch);
        for (file, mut rows) in source_files(&batch)? {
            match names.get(file.as_str()) {
                Some(None) => {}
                Some(Some(heir)) => moved.add(run, heir, &batch.slice(rows.start, rows.len()))?,
                None => {
                    while !rows.is_empty() {
                        rows.start += stay.add(&batch, rows.clone(), &mut known)?;
                        if stay.is_full() {
                            write(run, &mut stay, &mut encoder, &mut staged, entry.date.as_ref())?;
                        }
                    }
                }
            }
        }
    }
    write(run, &mut stay, &mut encoder, &mut staged, entry.date.as_ref())?;
    staged.map_or(Ok(()), |staged| Ok(run.close_file(staged)?))
}

/// Writes the waiting rows, if there are any.
fn write(
    run: &mut Run<'_>,
    waiting: &mut Gathered,
    encoder: &mut Encoder,
    staged: &mut Option<StagedFile>,
    date: Option<&String>,
) -> Result<()> {
    let Some(batch) = waiting.take() else { return Ok(()) };
    let mut file = match staged.take() {
        Some(file) => file,
        None => run.create_file(waiting.table(), date.cloned())?,
    };
    run.append(&mut file, encoder.encode(&batch)?)?;
    *staged = Some(file);
    Ok(())
}

/// The source files of a batch, each with its range of rows.
fn source_files(batch: &RecordBatch) -> Result<Vec<(String, Range<usize>)>> {
    let files =
        TextColumn::new(&batch["source_file"]).map_err(|found| anyhow::anyhow!("source_file has the type {found}"))?;
    let mut found: Vec<(String, Range<usize>)> = Vec::new();
    for row in 0..batch.num_rows() {
        let file = files.get(row).unwrap_or_default();
        match found.last_mut() {
            Some((last, rows)) if last == file => rows.end = row + 1,
            _ => found.push((file.to_owned(), row..row + 1)),
        }
    }
    Ok(found)
}

/// Rows of one partition that get another source file, and so another place in evidence order.
struct Moved {
    date: Option<String>,
    encoder: Encoder,
    /// They wait to be sorted.
    waiting: Vec<MovedRows>,
    gathered: Gathered,
    /// The data file that the rows go to, and the place of the last row gathered for it.
    staged: Option<StagedFile>,
    end: (String, i64),
}

/// Rows of one batch that come from one source.
struct MovedRows {
    /// The new name of the source.
    file: String,
    first: i64,
    last: i64,
    batch: RecordBatch,
}

impl Moved {
    fn new(table: &'static Table, date: Option<String>, encoder: Encoder) -> Self {
        let gathered = Gathered::new(table);
        Self { date, encoder, waiting: Vec::new(), gathered, staged: None, end: (String::new(), i64::MIN) }
    }

    fn add(&mut self, run: &mut Run<'_>, heir: &str, rows: &RecordBatch) -> Result<()> {
        let lines = rows["source_line"].as_primitive_opt::<Int64Type>().context("source_line does not hold numbers")?;
        let (first, last) = (lines.value(0), lines.value(lines.len() - 1));
        self.waiting.push(MovedRows { file: heir.to_owned(), first, last, batch: renamed(rows, heir)? });
        if self.waiting.len() >= MOVED_BATCHES { self.write(run) } else { Ok(()) }
    }

    /// Writes the waiting rows in order. If they do not come after everything in the data file, the next one is
    /// begun.
    fn write(&mut self, run: &mut Run<'_>) -> Result<()> {
        // A stable sort: the parts of a line that is too long share a number, and are already in order.
        self.waiting.sort_by(|a, b| (&a.file, a.first).cmp(&(&b.file, b.first)));
        for rows in std::mem::take(&mut self.waiting) {
            if (&rows.file, rows.first) < (&self.end.0, self.end.1) {
                self.close(run)?;
            }
            let (mut known, mut left) = (Known::of(&rows.batch), 0..rows.batch.num_rows());
            while !left.is_empty() {
                left.start += self.gathered.add(&rows.batch, left.clone(), &mut known)?;
                if self.gathered.is_full() {
                    self.flush(run)?;
                }
            }
            self.end = (rows.file, rows.last);
        }
        Ok(())
    }

    fn flush(&mut self, run: &mut Run<'_>) -> Result<()> {
        write(run, &mut self.gathered, &mut self.encoder, &mut self.staged, self.date.as_ref())
    }

    fn close(&mut self, run: &mut Run<'_>) -> Result<()> {
        self.flush(run)?;
        self.end = (String::new(), i64::MIN);
        self.staged.take().map_or(Ok(()), |file| Ok(run.close_file(file)?))
    }
}

/// The rows with another source file.
fn renamed(rows: &RecordBatch, source_file: &str) -> Result<RecordBatch> {
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns()).map(|(field, array)| -> (Arc<Field>, ArrayRef) {
        if field.name() != "source_file" {
            return (Arc::clone(field), Arc::clone(array));
        }
        let new: ArrayRef = Arc::new(std::iter::repeat_n(Some(source_file), rows.num_rows()).collect::<StringArray>());
        (Arc::new(Field::new("source_file", new.data_type().clone(), true)), new)
    });
    let (fields, columns): (Vec<_>, Vec<_>) = columns.unzip();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// Rewrites the data files of the ledger that have rows of `paths`, without these rows.
fn rewrite_ledger(run: &mut Run<'_>, paths: &HashSet<&str>) -> Result<()> {
    let snapshot = run.store().snapshot(&SOURCES)?;
    for entry in &snapshot.files {
        let (mut stay, mut seen, mut any_goes) = (sawlog_formats::ColumnSet::new(&SOURCES), Seen::default(), false);
        for batch in read_file(&SOURCES, &snapshot.folder, entry, None)? {
            let batch = batch?;
            let stays = batch["path"]
                .as_string::<i32>()
                .iter()
                .map(|path| Some(!path.is_some_and(|path| paths.contains(path))));
            let kept = filter_record_batch(&batch, &stays.collect())?;
            any_goes |= kept.num_rows() < batch.num_rows();
            stay.append(&kept, 0..kept.num_rows(), &mut seen)?;
        }
        if any_goes {
            if stay.rows() > 0 {
                run.add_batch(&SOURCES, None, &stay.finish())?;
            }
            run.remove_file(&SOURCES, entry.clone());
        }
    }
    Ok(())
}
