//! Groups records by an indexed field with a k-way merge of the sorted index files. Each group is complete before the
//! next one begins, so only one is in memory.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow::array::Array;
use datafusion::logical_expr::Expr;
use futures::StreamExt;
use sawlog_formats::{EvidencePlace, canonical_address};
use sawlog_store::DataFileEntry;

use super::Measures;
use super::asked::Asked;
use super::index_rows::{Batches, IndexedSums, Names, Rows};
use crate::error::DamagedIndex;
use crate::groups::{First, Sums};
use crate::index::{rows, sorted_streams, totals_of_runs};
use crate::numbers;
use crate::parallel::each;
use crate::query::Query;

/// Groups the records of some logs by the same columns, for the data files in which the index has the field.
pub(crate) struct Indexed<'a> {
    logs: Vec<Log<'a>>,
    /// A heap of the index files, once per log, by their next value. They are boxed, since a heap moves its items.
    files: BinaryHeap<Reverse<Box<File>>>,
}

/// A log whose records are grouped.
struct Log<'a> {
    query: &'a Query,
    names: Names,
    asked: Asked,
    /// For each data file of the snapshot, which rows of the index count its records.
    indexed: Vec<Has>,
    /// The group of the records without a value.
    without: Group,
}

/// Which rows of the index count the records of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    /// None: the field is not indexed in the data file, which must be scanned.
    Nothing,
    /// The rows about this data file: there is one without a value.
    Rows,
    /// The totals of its run, all of whose data files are still part of the store.
    Totals,
}

/// Records of the same group.
#[derive(Default)]
pub(crate) struct Group {
    /// A row with the group's value; `None` for the records without a value.
    row: Option<Row>,
    /// For each column, which part of the value it is.
    parts: &'static [numbers::Part],
    /// Whether no other group has the same columns, apart from other spellings of an address. The caller must merge
    /// groups that are not whole; those without a value come once per log.
    pub(crate) is_whole: bool,
    pub(crate) sums: Sums,
    /// The first record in evidence order.
    first: Option<Place>,
}

/// A row: its batch, and its position there.
type Row = (Arc<Rows>, usize);

/// The place of a record in evidence: its log, and its place by the number of its source file in that log's [`Names`].
#[derive(Clone, Copy)]
struct Place {
    log: usize,
    at: EvidencePlace<u32>,
}

impl Place {
    fn named<'a>(&self, logs: &'a [Log<'_>]) -> Option<EvidencePlace<&'a str>> {
        let file = logs[self.log].names.sources.text(self.at.file)?;
        Some(EvidencePlace { file, line: self.at.line })
    }

    fn is_before(&self, other: &Self, logs: &[Log<'_>]) -> bool {
        if (self.log, self.at.file) == (other.log, other.at.file) {
            return self.at.line < other.at.line;
        }
        self.named(logs) < other.named(logs)
    }
}

impl<'a> Indexed<'a> {
    /// Opens the index files for the queries' logs and columns, and reads their rows without a value.
    pub(crate) fn new(queries: &[&'a Query], columns: &[String], measures: Measures) -> Result<Self> {
        let opened = each(queries.iter().enumerate(), |(place, query)| Log::open(query, place, columns, measures))?;
        let (mut logs, files): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
        for (place, log) in logs.iter_mut().enumerate() {
            // They were added up for each log by itself.
            log.without.first.iter_mut().for_each(|first| first.log = place);
        }
        Ok(Self { logs, files: files.into_iter().flatten().map(|file| Reverse(Box::new(file))).collect() })
    }

    /// Queries over the data files in which the field is not indexed. They must be scanned.
    pub(crate) fn others(&self) -> Vec<Query> {
        let others = |log: &Log<'a>| {
            let is_other = |file: &&DataFileEntry| {
                log.names.data_files.find(&file.path).is_none_or(|file| log.has(file) == Has::Nothing)
            };
            log.query.with_files(log.query.snapshot.files.iter().filter(is_other).cloned().collect())
        };
        self.logs.iter().map(others).filter(|query| !query.snapshot.files.is_empty()).collect()
    }

    /// Merges the files, and calls `take` with each group and its first record.
    ///
    /// # Errors
    ///
    /// If a file is not sorted or can't be read, or `take` fails.
    pub(crate) fn each(mut self, mut take: impl FnMut(&Group, First<'_>) -> Result<()>) -> Result<()> {
        let mut give = |group: &Group, logs: &[Log<'_>]| {
            let first = group.first.and_then(|first| first.named(logs));
            if group.sums.count > 0 { take(group, first) } else { Ok(()) }
        };
        self.logs.iter().try_for_each(|log| give(&log.without, &self.logs))?;
        let mut group = Group::default();
        while let Some(Reverse(file)) = self.files.peek() {
            let order = file.cmp_to(&group);
            ensure!(order != Ordering::Less, DamagedIndex::NotInOrder);
            if order != Ordering::Equal {
                give(&group, &self.logs)?;
                group = file.group();
            }
            let Some(mut least) = self.files.peek_mut() else { break };
            let file = &mut least.0;
            // The rows of a value are adjacent in a file, so the heap is reordered once per value, not once per row.
            let is_over = loop {
                if file.run.is_some() || self.logs[file.log].has(file.rows.data_files[file.row]) == Has::Rows {
                    group.add(&file.rows, file.row, file.log, &self.logs);
                }
                if !file.advance(&mut self.logs[file.log])? {
                    break true;
                }
                if file.cmp_to(&group) != Ordering::Equal {
                    break false;
                }
            };
            if is_over {
                PeekMut::pop(least);
            }
        }
        give(&group, &self.logs)
    }
}

impl Group {
    /// The value; `None` if it is null.
    fn value(&self) -> Option<&str> {
        let (rows, row) = self.row.as_ref()?;
        rows.values.is_valid(*row).then(|| rows.values.value(*row))
    }

    /// The values of the columns.
    pub(crate) fn values(&self) -> impl Iterator<Item = Option<Cow<'_, str>>> {
        let value = self.value();
        self.parts.iter().map(move |part| value.and_then(|value| part.of(value)))
    }

    /// For an address that is not in its canonical spelling: the value, and its canonical spelling.
    pub(crate) fn other_spelling(&self) -> Option<(&str, String)> {
        let value = self.value().filter(|_| matches!(self.parts, [numbers::Part::Address]))?;
        match canonical_address(value) {
            Cow::Borrowed(_) => None,
            Cow::Owned(usual) => Some((value, usual)),
        }
    }

    /// Adds the records that a row counts.
    fn add(&mut self, rows: &Rows, row: usize, log: usize, logs: &[Log<'_>]) {
        let bytes_are = logs[log].query.format.measures.bytes;
        let first = rows.firsts[row].map(|at| Place { log, at });
        let records = match &rows.sums {
            IndexedSums::Standing(sums) => {
                let Some(bytes) = sums[row] else { return };
                self.sums.add_bytes(bytes_are, bytes.unsigned_abs().into());
                1
            }
            IndexedSums::Nothing(records) => records.value(row).unsigned_abs(),
            IndexedSums::All(all) => all.records.value(row).unsigned_abs(),
        };
        if records == 0 {
            return;
        }
        self.sums.count += records;
        if let IndexedSums::All(all) = &rows.sums {
            self.sums.errors += all.errors.value(row).unsigned_abs();
            if all.sent.is_valid(row) {
                self.sums.add_bytes(bytes_are, all.sent.value(row).unsigned_abs().into());
            }
            self.sums.bytes_received += u128::from(all.received.value(row).unsigned_abs());
            if all.first_times.is_valid(row) {
                self.sums.add_times((all.first_times.value(row), all.last_times.value(row)));
            }
        }
        let is_earlier = |first: &Place| self.first.is_none_or(|known| first.is_before(&known, logs));
        self.first = first.filter(is_earlier).or(self.first);
    }
}

impl<'a> Log<'a> {
    /// Opens the index files of a log, and reads their rows without a value, which come first.
    fn open(query: &'a Query, place: usize, columns: &[String], measures: Measures) -> Result<(Self, Vec<File>)> {
        let asked = Asked::of(query.format, columns, measures).context("the index does not have these columns")?;
        let Asked { entity, parts, .. } = asked;
        let mut names = Names::default();
        for file in &query.snapshot.files {
            names.data_files.number(&file.path);
        }
        let indexed = vec![Has::Nothing; names.data_files.len()];
        let without = Group { parts, ..Group::default() };
        let mut log = Self { query, names, asked, indexed, without };
        let mut files = log.open_totals(place)?;
        if log.indexed.contains(&Has::Nothing) {
            for mut file in log.open_files(place, rows(query.format, &[entity.field], None), &[])? {
                if file.past_nulls(&mut log, Log::note_rows)? {
                    files.push(file);
                }
            }
        }
        let count = |what: Has| log.indexed.iter().filter(|has| **has == what).count();
        let (known, all) = (log.indexed.len() - count(Has::Nothing), log.indexed.len());
        let of_runs = match count(Has::Totals) {
            0 => String::new(),
            totals => format!(", {totals} of them in totals of runs"),
        };
        let note = format!("{} from the index for {known} of {all} data files{of_runs}", columns.join("/"));
        query.explain.note(query.format.table.name, note);
        Ok((log, files))
    }

    /// Opens the index files that have rows matching a condition, each at its first such row.
    fn open_files(&mut self, place: usize, condition: Expr, columns: &[&str]) -> Result<Vec<File>> {
        let Asked { parts, is_whole, sums, .. } = self.asked;
        let mut files = Vec::new();
        for stream in sorted_streams(self.query.index(), condition, &[&sums.columns(), columns].concat())? {
            let mut batches = Batches::of(stream);
            if let Some(rows) = self.next_rows(&mut batches)? {
                let run = rows.runs.as_ref().map(|runs| runs.runs[0]);
                files.push(File { batches, log: place, parts, is_whole, run, rows, row: 0 });
            }
        }
        Ok(files)
    }

    /// Opens the totals of runs whose data files are all part of the snapshot, since they have fewer rows.
    fn open_totals(&mut self, place: usize) -> Result<Vec<File>> {
        let Query { format, .. } = self.query;
        let field = self.asked.entity.field;
        if format.measures.standing_of(field).next().is_none() {
            return Ok(Vec::new());
        }
        let mut covers: Vec<(u32, Row)> = Vec::new();
        let mut files = Vec::new();
        for mut file in self.open_files(place, totals_of_runs(format, field), &["run", "covers"])? {
            let cover = |_: &mut Self, rows: &Arc<Rows>, row: usize| {
                covers.extend(rows.runs.as_ref().map(|runs| (runs.runs[row], (Arc::clone(rows), row))));
            };
            if file.past_nulls(self, cover)? {
                files.push(file);
            }
        }
        let whole = self.whole_runs(&covers);
        for (_, (rows, row)) in covers.iter().filter(|(run, _)| whole.contains(run)) {
            self.indexed[rows.covers(*row) as usize] = Has::Totals;
            self.add_without(rows, *row);
        }
        files.retain(|file| file.run.is_some_and(|run| whole.contains(&run)));
        Ok(files)
    }

    /// The runs whose covered data files are all in the snapshot, and are covered by no other run.
    fn whole_runs(&self, covers: &[(u32, Row)]) -> HashSet<u32> {
        let mut whole: HashSet<u32> = covers.iter().map(|(run, _)| *run).collect();
        let mut run_of: HashMap<u32, u32> = HashMap::new();
        for (run, (rows, row)) in covers {
            let file = rows.covers(*row);
            let is_there = (file as usize) < self.indexed.len() && rows.has_sums(*row);
            let other = run_of.insert(file, *run).filter(|other| other != run);
            if !is_there || other.is_some() {
                whole.remove(run);
                other.map(|other| whole.remove(&other));
            }
        }
        whole
    }

    /// Notes a row without a value about one data file: it marks the field as indexed there.
    fn note_rows(&mut self, rows: &Arc<Rows>, row: usize) {
        let has = self.indexed.get_mut(rows.data_files[row] as usize);
        if let Some(has) = has.filter(|has| rows.has_sums(row) && **has != Has::Totals) {
            *has = Has::Rows;
            self.add_without(rows, row);
        }
    }

    fn add_without(&mut self, rows: &Arc<Rows>, row: usize) {
        let mut without = std::mem::take(&mut self.without);
        without.add(rows, row, 0, std::slice::from_ref(self));
        self.without = without;
    }

    /// Decodes the next batch of a file that is not empty; `None` at its end.
    fn next_rows(&mut self, batches: &mut Batches) -> Result<Option<Arc<Rows>>> {
        while let Some(batch) = self.query.store.block_on(batches.stream.next()) {
            let rows = self.names.rows(&batch?, batches, self.asked.sums)?;
            if !rows.values.is_empty() {
                return Ok(Some(Arc::new(rows)));
            }
        }
        Ok(None)
    }

    /// Which rows of the index count the records of a data file.
    fn has(&self, data_file: u32) -> Has {
        self.indexed.get(data_file as usize).copied().unwrap_or(Has::Nothing)
    }
}

/// A cursor over the rows of one index file that are about a log's field. Cursors are ordered by value.
struct File {
    batches: Batches,
    log: usize,
    parts: &'static [numbers::Part],
    is_whole: bool,
    /// The number of the run, if the rows are its totals.
    run: Option<u32>,
    /// The current batch.
    rows: Arc<Rows>,
    /// The position of the next row in the batch.
    row: usize,
}

impl File {
    /// Calls `take` with the rows without a value, which come first; returns whether other rows follow.
    fn past_nulls<'a>(
        &mut self,
        log: &mut Log<'a>,
        mut take: impl FnMut(&mut Log<'a>, &Arc<Rows>, usize),
    ) -> Result<bool> {
        while self.rows.values.is_null(self.row) {
            take(log, &self.rows, self.row);
            if !self.advance(log)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Moves to the next row; returns whether there is one.
    fn advance(&mut self, log: &mut Log<'_>) -> Result<bool> {
        self.row += 1;
        if self.row == self.rows.values.len() {
            let Some(rows) = log.next_rows(&mut self.batches)? else { return Ok(false) };
            (self.rows, self.row) = (rows, 0);
        }
        Ok(true)
    }

    /// The sort key of the row's group.
    fn key(&self) -> (&str, bool) {
        (self.rows.values.value(self.row), self.is_whole)
    }

    /// Compares the row's group with another one.
    fn cmp_to(&self, group: &Group) -> Ordering {
        group.value().map_or(Ordering::Greater, |value| self.key().cmp(&(value, group.is_whole)))
    }

    /// The row's group, without any records.
    fn group(&self) -> Group {
        let row = Some((Arc::clone(&self.rows), self.row));
        Group { row, parts: self.parts, is_whole: self.is_whole, ..Group::default() }
    }
}

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for File {}

impl PartialOrd for File {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for File {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray};
    use datafusion::execution::SendableRecordBatchStream;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use sawlog_store::parquet::Codec;
    use sawlog_store::{Run, Store};

    use super::*;
    use crate::filter::Filters;
    use crate::tally::Details;
    use crate::tally::asked::AskedSums;

    /// An index file that counts one record for each of these values.
    fn file(values: &[&str], log: &mut Log<'_>) -> File {
        let same = |number: i64| Arc::new(Int64Array::from(vec![number; values.len()])) as ArrayRef;
        let text = |text: &str| Arc::new(StringArray::from(vec![text; values.len()])) as ArrayRef;
        let time = || Arc::new(TimestampMicrosecondArray::from(vec![0; values.len()])) as ArrayRef;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringViewArray::from(values.to_vec())),
            text("data"),
            text("log"),
            same(1),
            same(1),
            same(2),
            same(3),
            same(0),
            time(),
            time(),
        ];
        let batch = RecordBatch::try_from_iter(AskedSums::All.columns().into_iter().zip(columns)).unwrap();
        // One row per batch, so that each step reads the next batch.
        let rows: Vec<_> = (0..values.len()).map(|row| Ok(batch.slice(row, 1))).collect();
        let stream = RecordBatchStreamAdapter::new(batch.schema(), futures::stream::iter(rows));
        let stream: SendableRecordBatchStream = Box::pin(stream);
        let mut batches = Batches::of(stream);
        let rows = log.next_rows(&mut batches).unwrap().unwrap();
        File { batches, log: 0, parts: &[numbers::Part::Whole], is_whole: true, run: None, rows, row: 0 }
    }

    /// The groups of some index files.
    fn groups(files: &[&[&str]]) -> Result<Vec<(String, u64)>> {
        let folder = tempfile::tempdir()?;
        let store = Store::open_or_create(folder.path())?;
        Run::begin(&store, Codec::default(), || {})?.commit()?;
        let queries = Query::open(store, &Filters::default())?;
        let mut names = Names::default();
        names.data_files.number("data");
        let measures = Measures { details: Details::Sums, ..Measures::default() };
        let asked = Asked::of(queries[0].format, &["ip".to_owned()], measures).unwrap();
        let without = Group::default();
        let indexed = vec![Has::Rows];
        let mut log = Log { query: &queries[0], names, asked, indexed, without };
        let files = files.iter().map(|values| Reverse(Box::new(file(values, &mut log)))).collect();
        let mut found = Vec::new();
        let tally = Indexed { logs: vec![log], files };
        tally.each(|group, _| {
            found.push((group.value().unwrap().to_owned(), group.sums.count));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn files_in_order_are_merged_and_others_are_an_error() {
        let expected = [("a", 1), ("b", 2), ("c", 3), ("d", 1)].map(|(value, count)| (value.to_owned(), count));
        assert_eq!(groups(&[&["a", "c", "d"], &["b", "c"], &["b", "c"]]).unwrap(), expected);
        for wrong in [&[&["b", "a"][..]][..], &[&["a", "d"], &["c", "b"]]] {
            let error = groups(wrong).unwrap_err().to_string();
            assert!(error.contains("not in order"), "{error}");
        }
    }
}
