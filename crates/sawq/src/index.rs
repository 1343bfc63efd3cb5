//! Answers from the entity index: which data files can hold what is asked for, and what is added up of a field's values.
//!
//! The index is asked where its answer is that of a scan. Of data files whose field is not indexed it says nothing; these
//! are scanned.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use datafusion::catalog::TableProvider;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions::string::expr_fn::concat;
use datafusion::functions_aggregate::count::count_all;
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf, ident, in_list, lit};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::cast;
use foldhash::quality::RandomState;
use futures::StreamExt;
use sawlog_formats::{Entity, Format, Part, TextColumn};
use sawlog_store::{DataFileEntry, ENTITIES, Snapshot, positions};

use crate::filter::Probe;
use crate::functions::within;
use crate::groups::Groups;
use crate::logs::{path, resolve};
use crate::numbers::{self, NULL, Numbers, Translated};
use crate::query::{Query, session};
use crate::scan::{Filtering, ReadAs, StoreTable};
use crate::tally::{Details, Measures};

/// The part of a day, in microseconds.
const DAY: i64 = 86_400_000_000;

/// The rows of the index that are about some fields of one log.
fn rows(format: &Format, fields: &[&str], condition: Option<Expr>) -> Expr {
    let kinds: HashSet<&str> =
        format.entities.iter().filter(|entity| fields.contains(&entity.field)).map(|entity| entity.kind).collect();
    // By kind the rows are sorted.
    let about = is_one_of("kind", kinds)
        .and(ident("log").eq(lit(format.table.name)))
        .and(is_one_of("field", fields.iter().copied()));
    condition.into_iter().fold(about, Expr::and)
}

/// Whether a column is one of few texts: without a planner nobody else makes equalities of a list.
fn is_one_of<'a>(column: &str, texts: impl IntoIterator<Item = &'a str>) -> Expr {
    let equalities = texts.into_iter().map(|text| ident(column).eq(lit(text)));
    equalities.reduce(Expr::or).unwrap_or_else(|| lit(false))
}

/// The index's batches under a condition.
fn read(query: &Query, condition: Expr, columns: &[&str]) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    read_each(query, condition, columns, |batch| {
        batches.push(batch);
        Ok(())
    })?;
    Ok(batches)
}

/// Gives `take` the index's batches under a condition, in no order, while others are read. They are read without a planner,
/// which would take as long as the reading.
fn read_each(
    query: &Query,
    condition: Expr,
    columns: &[&str],
    mut take: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    if query.index.files.is_empty() {
        return Ok(());
    }
    // They have few values, which are compared once each.
    let dictionaries = ["kind", "log", "field", "data_file", "first_file"].map(str::to_owned).to_vec();
    let read_as = ReadAs { dictionaries, filtering: Filtering::InScan, ..ReadAs::default() };
    let table = StoreTable::new(&query.index, &read_as)?;
    let schema = table.schema();
    let places = columns.iter().map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>()?;
    let context = session(8192);
    query.store.block_on(async {
        let plan = table.scan(&context.state(), Some(&places), &[condition], None).await?;
        query.explain.plan(ENTITIES.name, &plan);
        let mut batches = execute_stream(plan, context.task_ctx())?;
        while let Some(batch) = batches.next().await {
            take(batch?)?;
        }
        Ok(())
    })
}

fn text(batch: &RecordBatch, name: &str) -> Result<TextColumn> {
    let array = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    TextColumn::new(array).map_err(|found| anyhow::anyhow!("{name} is {found}"))
}

/// The data files that can hold what is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    pub(crate) files: Vec<DataFileEntry>,
    /// Of some of them, by path, the rows among which all are that are asked for.
    pub(crate) positions: Positions,
    /// How many records the index has for the rarest thing asked for, at most.
    pub(crate) records: u64,
    /// Columns in which there is nothing to be found: fields that are entities in part, where no record has one.
    pub(crate) in_vain: Vec<&'static str>,
}

/// Row numbers by data file.
pub(crate) type Positions = HashMap<String, Vec<u64>>;

/// A scan of so few rows is worth a list of them.
const MAX_POSITIONS: usize = 4096;

/// What the index says to one probe.
#[derive(Default)]
struct Answer {
    /// The fields that are indexed, by data file.
    indexed: HashMap<String, HashSet<String>>,
    /// The data files that hold a value, and the rows, if all are known.
    holds: HashMap<String, Option<Vec<u64>>>,
    records: u64,
    /// How many records have nothing to be found in a field that is an entity in part, by data file and field.
    without: HashMap<(String, String), u64>,
}

/// The fields of a log that are entities in part.
fn looked_into(format: &Format) -> Vec<&'static str> {
    let within = format.entities.iter().filter(|entity| matches!(entity.part, Part::Within(_)));
    within.map(|entity| entity.field).collect()
}

impl Answer {
    fn of(query: &Query, probe: &Probe) -> Result<Self> {
        let none = || ident("value").is_null();
        let mut condition = rows(query.format, &probe.fields, Some(none().or(probe.test.clone())));
        let within = looked_into(query.format);
        if !within.is_empty() {
            condition = condition.or(rows(query.format, &within, Some(none())));
        }
        let mut answer = Self::default();
        for batch in read(query, condition, &["data_file", "field", "value", "records", "positions"])? {
            let (files, fields, values) = (text(&batch, "data_file")?, text(&batch, "field")?, text(&batch, "value")?);
            let known = batch["positions"].as_binary_view_opt().context("no bytes in positions")?;
            let records = batch["records"].as_primitive_opt::<Int64Type>().context("no numbers in records")?;
            for row in 0..batch.num_rows() {
                let file = files.get(row).unwrap_or_default().to_owned();
                if values.get(row).is_none() {
                    let field = fields.get(row).unwrap_or_default();
                    if within.contains(&field) {
                        answer.without.insert((file.clone(), field.to_owned()), records.value(row).unsigned_abs());
                    }
                    if probe.fields.contains(&field) {
                        answer.indexed.entry(file).or_default().insert(field.to_owned());
                    }
                    continue;
                }
                answer.records += records.value(row).unsigned_abs();
                let rows = known.is_valid(row).then(|| positions(known.value(row))).flatten();
                let all = answer.holds.entry(file).or_insert_with(|| Some(Vec::new()));
                *all = all.take().zip(rows).map(|(all, rows)| [all, rows].concat());
                *all = all.take().filter(|all| all.len() <= MAX_POSITIONS);
            }
        }
        Ok(answer)
    }
}

/// The data files, of those in the snapshot, that the index does not rule out, and the rows that it knows.
pub(crate) fn candidates(query: &Query, probes: &[&Probe]) -> Result<Candidates> {
    let mut files = query.snapshot.files.clone();
    let mut known: Positions = HashMap::new();
    let mut records = u64::MAX;
    let mut without = HashMap::new();
    for probe in probes {
        let mut answer = Answer::of(query, probe)?;
        records = records.min(answer.records);
        let all_indexed =
            |path: &str| answer.indexed.get(path).is_some_and(|fields| fields.len() == probe.fields.len());
        files.retain(|file| answer.holds.contains_key(&file.path) || !all_indexed(&file.path));
        for file in files.iter().filter(|file| all_indexed(&file.path)) {
            let Some(Some(mut rows)) = answer.holds.remove(&file.path) else { continue };
            rows.sort_unstable();
            rows.dedup();
            // The rows of each probe hold all that are asked for; the fewest will do.
            if known.get(&file.path).is_none_or(|known| rows.len() < known.len()) {
                known.insert(file.path.clone(), rows);
            }
        }
        without = answer.without;
    }
    known.retain(|path, _| files.iter().any(|file| file.path == *path));
    let mut in_vain = looked_into(query.format);
    in_vain.retain(|field| {
        let nothing = |file: &DataFileEntry| without.get(&(file.path.clone(), (*field).to_owned())) == Some(&file.rows);
        files.iter().all(nothing)
    });
    let of_rows = if known.is_empty() { String::new() } else { format!("; of {} the rows are known", known.len()) };
    let (left, all) = (files.len(), query.snapshot.files.len());
    let note = format!("by the index {left} of {all} data files can hold what is asked for{of_rows}");
    query.explain.note(query.format.table.name, note);
    Ok(Candidates { files, positions: known, records, in_vain })
}

/// The groups of a query's records by some columns, as far as the index has them, and the data files that it says nothing
/// of. Nothing if the index can't answer.
pub(crate) fn tally(query: &Query, columns: &[String], measures: Measures) -> Result<Option<(Groups, Snapshot)>> {
    let asks_more = measures.details == Details::WithIps || measures.first_number || measures.only.is_some();
    let whole_days = [query.filters.since, query.filters.until].into_iter().flatten().all(|at| at % DAY == 0);
    let filtered = query.filters.expr_without_time().is_some() || query.filters.text.is_some();
    let Some((entity, parts)) = entity(query.format, columns) else { return Ok(None) };
    if asks_more || filtered || !whole_days {
        return Ok(None);
    }
    const COLUMNS: [&str; 10] = [
        "value",
        "data_file",
        "records",
        "bytes_sent",
        "bytes_received",
        "errors",
        "first_time",
        "last_time",
        "first_file",
        "first_line",
    ];
    let condition = rows(query.format, &[entity.field], None);
    // All rows of the index are many more than the field's, but what is not used of this costs nothing.
    let most = usize::try_from(query.index.rows().min(1 << 20))?;
    let mut data_files = DataFiles::new(&query.snapshot);
    let groups = loop {
        let mut groups = Groups::with_capacity(parts.len(), most);
        read_each(query, condition.clone(), &COLUMNS, |batch| {
            Rows::of(&batch, &mut data_files)?.add_to(&mut groups, &parts, &mut data_files)
        })?;
        if !data_files.leave_out_unindexed() {
            break groups;
        }
    };
    let mut rest = query.snapshot.files.clone();
    rest.retain(|file| !data_files.is_indexed(file));
    let all = query.snapshot.files.len();
    let known = all - rest.len();
    let note = format!("{} by the index for {known} of {all} data files", columns.join("/"));
    query.explain.note(query.format.table.name, note);
    Ok(Some((groups, Snapshot { files: rest, ..query.snapshot.clone() })))
}

/// Whether a row of the index is of one of some values. Of few values the engine looks for the pages that can have them;
/// planning with many takes longer than reading the pages between the first and the last one.
fn one_of(values: &[&str]) -> Expr {
    const FEW: usize = 16;
    if values.len() <= FEW {
        return is_one_of("value", values.iter().copied());
    }
    let bounds = values.iter().min().zip(values.iter().max());
    let (first, last) = bounds.map_or(("", ""), |(first, last)| (*first, *last));
    let set: HashSet<String, RandomState> = values.iter().map(|value| (*value).to_owned()).collect();
    let is_wanted = move |arguments: &[ColumnarValue]| {
        let array = ColumnarValue::values_to_arrays(arguments)?.swap_remove(0);
        let found: BooleanArray = array.as_string_view().iter().map(|value| Some(set.contains(value?))).collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    };
    let (text, truth) = (vec![DataType::Utf8View], DataType::Boolean);
    let is_wanted = create_udf("is_wanted", text, truth, Volatility::Immutable, Arc::new(is_wanted));
    let between = ident("value").gt_eq(lit(first)).and(ident("value").lt_eq(lit(last)));
    between.and(is_wanted.call(vec![ident("value")]))
}

/// An indexed field of a log, and values of it.
pub(crate) struct Wanted<'a> {
    pub(crate) query: &'a Query,
    pub(crate) entity: &'static Entity,
    pub(crate) values: Vec<&'a str>,
}

/// What the index has of a field.
#[derive(Default)]
struct Found {
    /// The numbers of the values wanted, and how many records of each data file have one.
    values: Numbers,
    records: Vec<(u32, u32, u64)>,
    /// The numbers of the data files, and those in which the field is indexed.
    files: Numbers,
    indexed: HashSet<u32>,
}

/// How many records have each of the values wanted, for each field. All of the index that this takes is read at once; data
/// files whose field is not indexed are scanned.
pub(crate) fn totals(wanted: &[Wanted<'_>]) -> Result<Vec<Vec<u64>>> {
    let about = |wanted: &Wanted<'_>| {
        let any = one_of(&wanted.values);
        rows(wanted.query.format, &[wanted.entity.field], Some(ident("value").is_null().or(any)))
    };
    let Some(condition) = wanted.iter().map(about).reduce(Expr::or) else { return Ok(Vec::new()) };
    let mut fields: HashMap<(&str, &str), usize> = HashMap::new();
    let mut found: Vec<Found> = Vec::new();
    for Wanted { query, entity, values } in wanted {
        fields.insert((query.format.table.name, entity.field), found.len());
        let mut numbers = Numbers::default();
        for value in values {
            numbers.number(value);
        }
        found.push(Found { values: numbers, ..Found::default() });
    }
    for batch in read(wanted[0].query, condition, &["log", "field", "value", "data_file", "records"])? {
        let (values, files) = (text(&batch, "value")?, text(&batch, "data_file")?);
        let (logs, names) = (text(&batch, "log")?, text(&batch, "field")?);
        let records = batch["records"].as_primitive_opt::<Int64Type>().context("no numbers in records")?;
        for row in 0..batch.num_rows() {
            let field = (logs.get(row).unwrap_or_default(), names.get(row).unwrap_or_default());
            let Some(found) = fields.get(&field).map(|place| &mut found[*place]) else { continue };
            let file = found.files.number(files.get(row).unwrap_or_default());
            match values.get(row) {
                Some(value) => {
                    let value = found.values.find(value);
                    found.records.extend(value.map(|value| (file, value, records.value(row).unsigned_abs())));
                }
                None => drop(found.indexed.insert(file)),
            }
        }
    }
    wanted.iter().zip(&found).map(|(wanted, found)| wanted.total(found)).collect()
}

impl Wanted<'_> {
    /// Adds up what the index has of the data files in which the field is indexed, and counts records in the others.
    fn total(&self, found: &Found) -> Result<Vec<u64>> {
        let number = |file: &DataFileEntry| found.files.find(&file.path).filter(|file| found.indexed.contains(file));
        let here: HashSet<u32> = self.query.snapshot.files.iter().filter_map(number).collect();
        let mut totals = vec![0; found.values.len()];
        for (_, value, records) in found.records.iter().filter(|(file, ..)| here.contains(file)) {
            totals[*value as usize] += records;
        }
        let rest: Vec<DataFileEntry> =
            self.query.snapshot.files.iter().filter(|file| number(file).is_none()).cloned().collect();
        if rest.is_empty() {
            return Ok(totals);
        }
        let rest = Query { snapshot: Snapshot { files: rest, ..self.query.snapshot.clone() }, ..self.query.clone() };
        let value = value_of(rest.format, self.entity)?;
        let listed = in_list(value.clone(), self.values.iter().map(|value| lit(*value)).collect(), false);
        let counted = rest.frame(&ReadAs::default())?.filter(listed)?.aggregate(vec![value], vec![count_all()])?;
        rest.for_each(counted, |batch| {
            let values = TextColumn::new(batch.column(0)).map_err(|found| anyhow::anyhow!("a value is {found}"))?;
            let counts = batch.column(1).as_primitive_opt::<Int64Type>().context("no counts")?;
            for row in 0..batch.num_rows() {
                if let Some(value) = values.get(row).and_then(|value| found.values.find(value)) {
                    totals[value as usize] += counts.value(row).unsigned_abs();
                }
            }
            Ok(true)
        })?;
        Ok(totals)
    }
}

/// An entity's value, as the index has it, as an expression over its log.
fn value_of(format: &Format, entity: &Entity) -> Result<Expr> {
    let column = |name: &str| resolve(format.table, name).with_context(|| format!("no column {name}"));
    Ok(match entity.part {
        Part::Whole => cast(column(entity.field)?, DataType::Utf8View),
        Part::Within(find) => within(find).call(vec![cast(column(entity.field)?, DataType::Utf8View)]),
        Part::Joined(first, second) => {
            let or = |name: &str, null: &str| anyhow::Ok(coalesce(vec![column(name)?, lit(null)]));
            cast(concat(vec![or(first, "-")?, lit("/"), or(second, "")?]), DataType::Utf8View)
        }
    })
}

/// About how many records a query's filters leave by the index, 0 only if there are none; where it can't answer, 1 if there
/// are any.
pub(crate) fn records(query: &Query) -> Result<u64> {
    let mut least: Option<u64> = None;
    for filter in &query.filters.fields {
        let values = filter.probe.as_ref().map(|probe| values(query, probe)).transpose()?.flatten();
        let Some(values) = values else { return has_any(query).map(u64::from) };
        let sum = values.values().sum();
        least = Some(least.map_or(sum, |least| least.min(sum)));
    }
    least.map_or_else(|| has_any(query).map(u64::from), Ok)
}

/// The values that pass a probe's test, and how many records the index has for each; `None` if it does not have all.
pub(crate) fn values(query: &Query, probe: &Probe) -> Result<Option<HashMap<String, u64>>> {
    let live: HashSet<&str> = query.snapshot.files.iter().map(|file| file.path.as_str()).collect();
    let condition = rows(query.format, &probe.fields, Some(ident("value").is_null().or(probe.test.clone())));
    let (mut found, mut indexed) = (HashMap::new(), HashSet::new());
    for batch in read(query, condition, &["value", "field", "data_file", "records"])? {
        let (values, files, fields) = (text(&batch, "value")?, text(&batch, "data_file")?, text(&batch, "field")?);
        let records = batch["records"].as_primitive_opt::<Int64Type>().context("no numbers in records")?;
        for row in (0..batch.num_rows()).filter(|row| files.get(*row).is_some_and(|file| live.contains(file))) {
            if let Some(value) = values.get(row) {
                *found.entry(value.to_owned()).or_default() += records.value(row).unsigned_abs();
            } else {
                indexed.insert((files.get(row).map(str::to_owned), fields.get(row).map(str::to_owned)));
            }
        }
    }
    Ok((indexed.len() >= live.len() * probe.fields.len()).then_some(found))
}

fn has_any(query: &Query) -> Result<bool> {
    let mut found = false;
    query.for_each(query.frame(&ReadAs::default())?.limit(0, Some(1))?, |_| {
        found = true;
        Ok(false)
    })?;
    Ok(found)
}

/// The first one of two columns joined, null as `-`; and the second one, null as nothing.
const FIRST: numbers::Part = |value| value.split_once('/').map(|(first, _)| first).filter(|first| *first != "-");
const SECOND: numbers::Part = |value| value.split_once('/').map(|(_, second)| second).filter(|text| !text.is_empty());

/// The indexed field that some columns are, and what part of its values each of them is.
fn entity(format: &Format, columns: &[String]) -> Option<(&'static Entity, Vec<numbers::Part>)> {
    let names: Vec<&str> = columns.iter().map(|name| path(format.table, name)).collect();
    let whole = format.entities.iter().find(|entity| matches!(entity.part, Part::Whole) && names == [entity.field]);
    let joined = || {
        format.entities.iter().find_map(|entity| match entity.part {
            Part::Joined(first, second) if names == [first, second] => Some((entity, vec![FIRST, SECOND])),
            Part::Joined(_, second) if names == [second] => Some((entity, vec![SECOND])),
            _ => None,
        })
    };
    whole.map(|entity| (entity, vec![numbers::WHOLE])).or_else(joined)
}

/// The data files of a log, as rows of the index about one field turn up.
struct DataFiles {
    /// Those that are there come first; rows can be about others, which are gone.
    numbers: Numbers,
    /// What is known of those that are there.
    known: Vec<Known>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    has_rows: bool,
    /// Whether there is the row without a value.
    is_indexed: bool,
    is_left_out: bool,
}

impl DataFiles {
    fn new(snapshot: &Snapshot) -> Self {
        let mut numbers = Numbers::default();
        for file in &snapshot.files {
            numbers.number(&file.path);
        }
        let known = vec![Known::default(); numbers.len()];
        Self { numbers, known }
    }

    fn is_indexed(&self, file: &DataFileEntry) -> bool {
        self.numbers.find(&file.path).is_some_and(|number| self.known[number as usize].is_indexed)
    }

    /// Leaves data files that are not indexed, of which the index has rows nevertheless, out of another try; says whether
    /// there are any. It is rare: the field was given up late in a large data file.
    fn leave_out_unindexed(&mut self) -> bool {
        let is_wrong = |known: &Known| known.has_rows && !known.is_indexed;
        if !self.known.iter().any(is_wrong) {
            return false;
        }
        for known in &mut self.known {
            *known = Known { is_left_out: known.is_left_out || is_wrong(known), ..Known::default() };
        }
        true
    }
}

/// Rows of the index.
struct Rows {
    values: ArrayRef,
    /// The numbers of their data files.
    data_files: Vec<u32>,
    records: Int64Array,
    sent: Int64Array,
    received: Int64Array,
    errors: Int64Array,
    first_times: TimestampMicrosecondArray,
    last_times: TimestampMicrosecondArray,
    first_files: ArrayRef,
    first_lines: Int64Array,
}

impl Rows {
    fn of(batch: &RecordBatch, data_files: &mut DataFiles) -> Result<Self> {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("no column {name}"));
        let number = |name: &str| {
            let array = column(name)?.as_primitive_opt::<Int64Type>();
            array.cloned().with_context(|| format!("no numbers in {name}"))
        };
        let time = |name: &str| {
            let array = column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
            array.cloned().with_context(|| format!("no times in {name}"))
        };
        Ok(Self {
            values: column("value")?.clone(),
            data_files: data_files.numbers.of(column("data_file")?, &mut Translated::default(), numbers::WHOLE)?,
            records: number("records")?,
            sent: number("bytes_sent")?,
            received: number("bytes_received")?,
            errors: number("errors")?,
            first_times: time("first_time")?,
            last_times: time("last_time")?,
            first_files: column("first_file")?.clone(),
            first_lines: number("first_line")?,
        })
    }

    /// Adds the rows to groups by parts of the values.
    fn add_to(&self, groups: &mut Groups, parts: &[numbers::Part], data_files: &mut DataFiles) -> Result<()> {
        let mut keys = Vec::with_capacity(parts.len());
        for (column, part) in groups.columns.iter_mut().zip(parts) {
            keys.push(column.of(&self.values, &mut Translated::default(), *part)?);
        }
        let first_files = groups.files.of(&self.first_files, &mut Translated::default(), numbers::WHOLE)?;
        let mut key = Vec::with_capacity(parts.len());
        for (row, first_file) in first_files.into_iter().enumerate() {
            let known = data_files.known.get_mut(self.data_files[row] as usize);
            let Some(known) = known.filter(|known| !known.is_left_out) else { continue };
            known.is_indexed |= self.values.is_null(row);
            if self.records.value(row) <= 0 {
                continue;
            }
            known.has_rows = true;
            key.clear();
            key.extend(keys.iter().map(|numbers| numbers[row]));
            let place = groups.place(&key);
            let unsigned = |array: &Int64Array| array.value(row).unsigned_abs();
            let sums = &mut groups.sums[place];
            sums.count += unsigned(&self.records);
            sums.errors += unsigned(&self.errors);
            if self.sent.is_valid(row) {
                sums.add_sent(unsigned(&self.sent).into());
            }
            sums.bytes_received += u128::from(unsigned(&self.received));
            sums.add_times((self.first_times.value(row), self.last_times.value(row)));
            if first_file != NULL {
                groups.note_first(place, (first_file, self.first_lines.value(row)));
            }
        }
        Ok(())
    }
}
