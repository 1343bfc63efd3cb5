//! Groups of records by an indexed field, in the order of its values: each file of the index is sorted, so when they are
//! merged a group is complete before the next one begins, and none has to be kept.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow::array::{
    Array, AsArray, BinaryViewArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use futures::StreamExt;
use sawlog_formats::{Entity, EntityKind, Format, Part, canonical_address};
use sawlog_store::{DataFileEntry, PackedFirst, PackedSum, packed_sums};

use super::{Details, Measures};
use crate::error::DamagedIndex;
use crate::groups::{First, Sums};
use crate::index::{rows, sorted_streams, totals_of_runs};
use crate::logs::{entity, path};
use crate::numbers::{self, Numbers, Translated};
use crate::parallel::each;
use crate::query::Query;

/// The part of a day, in microseconds.
const DAY: i64 = 86_400_000_000;

/// Groups of some logs' records by the same columns, as far as the index has them.
pub(crate) struct Indexed<'a> {
    logs: Vec<Log<'a>>,
    /// The files of the index, once for each log: the one whose next value is the least comes first. Boxed, since a heap
    /// moves what it holds.
    files: BinaryHeap<Reverse<Box<File>>>,
}

/// A log whose records are grouped.
struct Log<'a> {
    query: &'a Query,
    /// The data files that are there come first; rows can be about others, which are gone.
    data_files: Numbers,
    /// The source files in which first records stand.
    sources: Numbers,
    /// The runs whose data files are added up.
    runs: Numbers,
    asked: Asked,
    /// Of those that are there, where the index has what is asked for.
    indexed: Vec<Has>,
    /// The records without a value.
    without: Group,
}

/// Where the index has what is asked for of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    /// Nowhere.
    Nothing,
    /// In rows about this data file, since there is the one without a value.
    Rows,
    /// In rows that add up several data files, all of which are there.
    Totals,
}

/// Records of the same group.
#[derive(Default)]
pub(crate) struct Group {
    /// A row that has the value.
    row: Option<Row>,
    /// What parts of the value the columns are.
    parts: &'static [numbers::Part],
    /// Whether no others are of the same group; those without a value are put together by whoever asks.
    pub(crate) is_whole: bool,
    pub(crate) sums: Sums,
    /// The first record in evidence order.
    first: Option<Place>,
}

/// One of some rows.
type Row = (Arc<Rows>, usize);

/// Where a record stands: its log, the number of its source file there, and its line.
#[derive(Clone, Copy)]
struct Place {
    log: usize,
    source: u32,
    line: i64,
}

impl Place {
    fn source<'a>(&self, logs: &'a [Log<'_>]) -> Option<&'a str> {
        logs[self.log].sources.text(self.source)
    }

    fn is_before(&self, other: &Self, logs: &[Log<'_>]) -> bool {
        if (self.log, self.source) == (other.log, other.source) {
            return self.line < other.line;
        }
        (self.source(logs), self.line) < (other.source(logs), other.line)
    }
}

/// Whether the index can have what is asked for of a log's records.
pub(crate) fn answers(query: &Query, columns: &[String], measures: Measures) -> bool {
    let whole_days = [query.filters.since, query.filters.until].into_iter().flatten().all(|at| at % DAY == 0);
    let filtered = query.filters.expr_without_time().is_some() || query.filters.text.is_some();
    !filtered && whole_days && Asked::of(query.format, columns, measures).is_some()
}

/// The first one of two columns joined, null as `-`; and the second one, null as nothing.
const FIRST: numbers::Part =
    numbers::Part::Found(|value| value.split_once('/').map(|(first, _)| first).filter(|first| *first != "-"));
const SECOND: numbers::Part = numbers::Part::Found(|value| value.split_once('/').map(|(_, second)| second));

/// What is asked for of an indexed field.
#[derive(Clone, Copy)]
struct Asked {
    entity: &'static Entity,
    /// What parts of its values the columns are.
    parts: &'static [numbers::Part],
    /// Whether these tell values apart.
    is_whole: bool,
    sums: AskedSums,
}

/// What is added up beside the number of records.
#[derive(Clone, Copy)]
enum AskedSums {
    Nothing,
    /// Bytes, failures and times.
    All,
    /// One of the sums that the field has for standing summaries, in place of all others: which, and of how many.
    Standing {
        place: usize,
        of: usize,
    },
}

impl Asked {
    /// `None` if the index does not have it.
    fn of(format: &Format, columns: &[String], measures: Measures) -> Option<Self> {
        let (entity, parts, is_whole) = field(format, columns)?;
        let asked = Self { entity, parts, is_whole, sums: AskedSums::Nothing };
        if measures.first_number {
            let of_field = || format.measures.standing_of(entity.field);
            let place = of_field().position(|standing| standing.only == measures.only);
            let place = place.filter(|_| is_whole && measures.details == Details::Nothing)?;
            // Values are as logs spell them.
            let parts = if matches!(parts, [numbers::Part::Address]) { &[numbers::Part::Whole] } else { parts };
            return Some(Self { parts, sums: AskedSums::Standing { place, of: of_field().count() }, ..asked });
        }
        if measures.only.is_some() || measures.details == Details::WithIps {
            return None;
        }
        let all = measures.bytes_sent || measures.details == Details::Sums;
        Some(if all { Self { sums: AskedSums::All, ..asked } } else { asked })
    }
}

/// The indexed field that some columns are, what part of its values each of them is, and whether these tell values apart.
fn field(format: &Format, columns: &[String]) -> Option<(&'static Entity, &'static [numbers::Part], bool)> {
    let names: Vec<&str> = columns.iter().map(|name| path(format.table, name)).collect();
    let whole = || {
        let [name] = columns else { return None };
        let entity = entity(format.table, name).filter(|entity| !matches!(entity.part, Part::Joined(..)))?;
        let is_address = matches!(entity.part, Part::Whole) && entity.kind == EntityKind::Ip;
        let parts = if is_address { &[numbers::Part::Address][..] } else { &[numbers::Part::Whole] };
        Some((entity, parts, true))
    };
    let joined = || {
        format.entities.iter().find_map(|entity| match entity.part {
            Part::Joined(first, second) if names == [first, second] => Some((entity, &[FIRST, SECOND][..], true)),
            Part::Joined(_, second) if names == [second] => Some((entity, &[SECOND][..], false)),
            _ => None,
        })
    };
    whole().or_else(joined)
}

impl<'a> Indexed<'a> {
    /// Begins to read what the index has of the queries' records by some columns.
    pub(crate) fn new(queries: &[&'a Query], columns: &[String], measures: Measures) -> Result<Self> {
        let opened = each(queries.iter().enumerate(), |(place, query)| Log::open(query, place, columns, measures))?;
        let (logs, files): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
        Ok(Self { logs, files: files.into_iter().flatten().map(|file| Reverse(Box::new(file))).collect() })
    }

    /// The records of the data files that the index says nothing of.
    pub(crate) fn others(&self) -> Vec<Query> {
        let others = |log: &Log<'a>| {
            let is_other = |file: &&DataFileEntry| {
                log.data_files.find(&file.path).is_none_or(|file| log.has(file) == Has::Nothing)
            };
            log.query.with_files(log.query.snapshot.files.iter().filter(is_other).cloned().collect())
        };
        self.logs.iter().map(others).filter(|query| !query.snapshot.files.is_empty()).collect()
    }

    /// Gives `take` each group, and its first record.
    pub(crate) fn each(mut self, mut take: impl FnMut(&Group, First<'_>)) -> Result<()> {
        let mut give = |group: &Group, logs: &[Log<'_>]| {
            if group.sums.count > 0 {
                let first = group.first.and_then(|first| Some((first.source(logs)?, first.line)));
                take(group, first);
            }
        };
        self.logs.iter().for_each(|log| give(&log.without, &self.logs));
        let mut group = Group::default();
        while let Some(Reverse(file)) = self.files.peek() {
            let order = file.cmp_to(&group);
            ensure!(order != Ordering::Less, DamagedIndex::NotInOrder);
            if order != Ordering::Equal {
                give(&group, &self.logs);
                group = file.group();
            }
            let Some(mut least) = self.files.peek_mut() else { break };
            let file = &mut least.0;
            // A value's rows stand together: what comes next is looked for once they are over.
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
        give(&group, &self.logs);
        Ok(())
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

    /// The value as it would come if it were not spelled in another way than usual: `None` if it is not.
    pub(crate) fn other_spelling(&self) -> Option<(&str, String)> {
        let value = self.value().filter(|_| matches!(self.parts, [numbers::Part::Address]))?;
        match canonical_address(value) {
            Cow::Borrowed(_) => None,
            Cow::Owned(usual) => Some((value, usual)),
        }
    }

    /// Adds the records of a row of a log.
    fn add(&mut self, rows: &Rows, row: usize, log: usize, logs: &[Log<'_>]) {
        let bytes_are = logs[log].query.format.measures.bytes;
        let first = rows.firsts[row].map(|(source, line)| Place { log, source, line });
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
    /// Begins to read what the index says of a log: the rows without a value, which come first, are read.
    fn open(query: &'a Query, place: usize, columns: &[String], measures: Measures) -> Result<(Self, Vec<File>)> {
        let asked = Asked::of(query.format, columns, measures).context("not in the index")?;
        let Asked { entity, parts, .. } = asked;
        let mut data_files = Numbers::default();
        for file in &query.snapshot.files {
            data_files.number(&file.path);
        }
        let indexed = vec![Has::Nothing; data_files.len()];
        let without = Group { parts, ..Group::default() };
        let [sources, runs] = Default::default();
        let mut log = Self { query, data_files, sources, runs, asked, indexed, without };
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
            totals => format!(", {totals} of them added up by run"),
        };
        let note = format!("{} by the index for {known} of {all} data files{of_runs}", columns.join("/"));
        query.explain.note(query.format.table.name, note);
        Ok((log, files))
    }

    /// Begins to read the files of the index that have rows under a condition, at the first of these.
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

    /// Begins to read what is added up over the data files of runs, where these are all there: it has fewer rows.
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

    /// The runs whose data files are all there, and are in no other run.
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

    /// Notes a row without a value that is about one data file.
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

    /// Reads the next rows of a file.
    fn next_rows(&mut self, batches: &mut Batches) -> Result<Option<Arc<Rows>>> {
        while let Some(batch) = self.query.store.block_on(batches.stream.next()) {
            let rows = self.rows(&batch?, batches)?;
            if !rows.values.is_empty() {
                return Ok(Some(Arc::new(rows)));
            }
        }
        Ok(None)
    }

    /// Where the index has what is asked for of a data file.
    fn has(&self, data_file: u32) -> Has {
        self.indexed.get(data_file as usize).copied().unwrap_or(Has::Nothing)
    }
}

/// The batches of one file of the index, and which numbers the texts of their dictionaries have.
struct Batches {
    stream: SendableRecordBatchStream,
    data_files: Translated,
    covers: Translated,
    runs: Translated,
    sources: Translated,
}

impl Batches {
    fn of(stream: SendableRecordBatchStream) -> Self {
        let [data_files, covers, runs, sources] = Default::default();
        Self { stream, data_files, covers, runs, sources }
    }
}

/// The rows of one file of the index that are about a log's field.
struct File {
    batches: Batches,
    log: usize,
    parts: &'static [numbers::Part],
    is_whole: bool,
    /// The number of the run, if they are about several data files of it.
    run: Option<u32>,
    rows: Arc<Rows>,
    /// The next one of them.
    row: usize,
}

impl File {
    /// Gives `take` the rows without a value, which come first; says whether others follow.
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

    /// Goes to the next row; says whether there is one.
    fn advance(&mut self, log: &mut Log<'_>) -> Result<bool> {
        self.row += 1;
        if self.row == self.rows.values.len() {
            let Some(rows) = log.next_rows(&mut self.batches)? else { return Ok(false) };
            (self.rows, self.row) = (rows, 0);
        }
        Ok(true)
    }

    /// What stands for the row's group.
    fn key(&self) -> (&str, bool) {
        (self.rows.values.value(self.row), self.is_whole)
    }

    /// Whether the row's group comes before another one, is the same, or comes after it.
    fn cmp_to(&self, group: &Group) -> Ordering {
        group.value().map_or(Ordering::Greater, |value| self.key().cmp(&(value, group.is_whole)))
    }

    /// The row's group, without its records.
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

/// Rows of the index.
struct Rows {
    values: StringViewArray,
    /// The numbers of their data files.
    data_files: Vec<u32>,
    /// What they are about, if it is several data files.
    runs: Option<OfRuns>,
    /// The first record in evidence order, of those that count: the number of its source file, and its line.
    firsts: Vec<Option<(u32, i64)>>,
    sums: IndexedSums,
    /// Those that have what is asked for, if not all do: what an earlier version wrote has no sums for standing summaries.
    known: Option<NullBuffer>,
}

/// What rows about several data files are about.
struct OfRuns {
    /// The numbers of the runs.
    runs: Vec<u32>,
    /// The number of a data file that is covered, in rows without a value.
    covers: Vec<u32>,
}

/// What rows of the index add up.
enum IndexedSums {
    /// The number of records.
    Nothing(Int64Array),
    All(Box<AllSums>),
    /// The bytes of a standing summary, if any record gives a number.
    Standing(Vec<Option<i64>>),
}

/// All that is added up of records.
struct AllSums {
    records: Int64Array,
    sent: Int64Array,
    received: Int64Array,
    errors: Int64Array,
    first_times: TimestampMicrosecondArray,
    last_times: TimestampMicrosecondArray,
}

impl AskedSums {
    /// The columns that are read.
    fn columns(self) -> Vec<&'static str> {
        const ALL: [&str; 6] = ["records", "bytes_sent", "bytes_received", "errors", "first_time", "last_time"];
        let sums = match self {
            Self::Nothing => &ALL[..1],
            Self::All => &ALL[..],
            Self::Standing { .. } => &["bytes_sent", "standing"][..],
        };
        [&["value", "data_file", "first_file", "first_line"], sums].concat()
    }
}

impl Log<'_> {
    /// The rows of a batch.
    fn rows(&mut self, batch: &RecordBatch, batches: &mut Batches) -> Result<Rows> {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("no column {name}"));
        let number = |name: &str| {
            let array = column(name)?.as_primitive_opt::<Int64Type>();
            array.cloned().with_context(|| format!("no numbers in {name}"))
        };
        let time = |name: &str| {
            let array = column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
            array.cloned().with_context(|| format!("no times in {name}"))
        };
        let values = column("value")?.as_string_view_opt().cloned().context("no texts in value")?;
        let data_files = self.data_files.of(column("data_file")?, &mut batches.data_files, numbers::Part::Whole)?;
        let sources = self.sources.of(column("first_file")?, &mut batches.sources, numbers::Part::Whole)?;
        let lines = number("first_line")?;
        let firsts = sources.iter().zip(lines.values());
        let firsts = firsts.map(|(source, line)| (*source != numbers::NULL).then_some((*source, *line))).collect();
        let runs = batch.column_by_name("run").map(|runs| -> Result<OfRuns> {
            let runs = self.runs.of(runs, &mut batches.runs, numbers::Part::Whole)?;
            let covers = self.data_files.of(column("covers")?, &mut batches.covers, numbers::Part::Whole)?;
            Ok(OfRuns { runs, covers })
        });
        let sums = IndexedSums::Standing(Vec::new());
        let mut rows = Rows { values, data_files, runs: runs.transpose()?, firsts, sums, known: None };
        rows.sums = match self.asked.sums {
            AskedSums::Nothing => IndexedSums::Nothing(number("records")?),
            AskedSums::All => IndexedSums::All(Box::new(AllSums {
                records: number("records")?,
                sent: number("bytes_sent")?,
                received: number("bytes_received")?,
                errors: number("errors")?,
                first_times: time("first_time")?,
                last_times: time("last_time")?,
            })),
            AskedSums::Standing { place, of } => {
                let packed = column("standing")?.as_binary_view_opt().cloned().context("no bytes in standing")?;
                rows.known = packed.nulls().cloned();
                IndexedSums::Standing(self.unpack(&mut rows.firsts, &packed, &number("bytes_sent")?, (place, of))?)
            }
        };
        Ok(rows)
    }

    /// Unpacks the sums at a place, of so many, and puts the first records that they are of in place of the rows' own; an error
    /// if the bytes of a row are no sums.
    fn unpack(
        &mut self,
        firsts: &mut [Option<(u32, i64)>],
        packed: &BinaryViewArray,
        sent: &Int64Array,
        (place, of): (usize, usize),
    ) -> Result<Vec<Option<i64>>> {
        let mut bytes = vec![None; packed.len()];
        for row in (0..packed.len()).filter(|row| packed.is_valid(*row)) {
            let sums = packed_sums(packed.value(row), of).ok_or(DamagedIndex::Sums)?;
            let Some(PackedSum { bytes: number, first }) = sums[place] else { continue };
            let all = sent.is_valid(row).then(|| sent.value(row));
            bytes[row] = Some(number.or(all).ok_or(DamagedIndex::Sums)?);
            if let PackedFirst::Elsewhere(file, line) = first {
                firsts[row] = Some((self.sources.number(file), line));
            } else if let PackedFirst::Line(line) = first {
                firsts[row].as_mut().ok_or(DamagedIndex::Sums)?.1 = line;
            }
        }
        Ok(bytes)
    }
}

impl Rows {
    /// The number of the data file that a row about several covers.
    fn covers(&self, row: usize) -> u32 {
        self.runs.as_ref().map_or(numbers::NULL, |runs| runs.covers[row])
    }

    /// Whether a row has what is asked for.
    fn has_sums(&self, row: usize) -> bool {
        self.known.as_ref().is_none_or(|known| known.is_valid(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, StringArray};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use sawlog_store::parquet::Codec;
    use sawlog_store::{Run, Store};

    use crate::filter::Filters;

    /// A file of the index that has one record of each of these values.
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
        // A row to a batch: what comes next is known only when it was read.
        let rows: Vec<_> = (0..values.len()).map(|row| Ok(batch.slice(row, 1))).collect();
        let stream = RecordBatchStreamAdapter::new(batch.schema(), futures::stream::iter(rows));
        let stream: SendableRecordBatchStream = Box::pin(stream);
        let mut batches = Batches::of(stream);
        let rows = log.next_rows(&mut batches).unwrap().unwrap();
        File { batches, log: 0, parts: &[numbers::Part::Whole], is_whole: true, run: None, rows, row: 0 }
    }

    /// The groups of some files of the index.
    fn groups(files: &[&[&str]]) -> Result<Vec<(String, u64)>> {
        let folder = tempfile::tempdir()?;
        let store = Store::open_or_create(folder.path())?;
        Run::begin(&store, Codec::default(), || {})?.commit()?;
        let queries = Query::open(store, &Filters::default())?;
        let mut data_files = Numbers::default();
        data_files.number("data");
        let measures = Measures { details: Details::Sums, ..Measures::default() };
        let asked = Asked::of(queries[0].format, &["ip".to_owned()], measures).unwrap();
        let without = Group::default();
        let ([sources, runs], indexed) = (Default::default(), vec![Has::Rows]);
        let mut log = Log { query: &queries[0], data_files, sources, runs, asked, indexed, without };
        let files = files.iter().map(|values| Reverse(Box::new(file(values, &mut log)))).collect();
        let mut found = Vec::new();
        let tally = Indexed { logs: vec![log], files };
        tally.each(|group, _| found.push((group.value().unwrap().to_owned(), group.sums.count)))?;
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
