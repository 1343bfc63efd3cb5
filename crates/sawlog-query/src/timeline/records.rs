//! The records of all logs, by time, as the timeline shows them.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, Volatility, create_udf, ident, lit};
use datafusion::prelude::cast as to_type;
use foldhash::quality::RandomState;
use sawlog_formats::{Role, Subject, TextColumn, Value};

use super::burst::{Burst, Kind};
use crate::engine::{BATCH_ROWS, new_session};
use crate::events;
use crate::logs;
use crate::query::{Query, row_bytes};

/// The columns to read, of the view `events` and in addition to it.
const FIELDS: &str = "time, log, actor, src_ip, operation, subject, apart, differ, place, target, outcome, error, attempts, changes, \
                      bytes, source_file, source_line";
/// All records by time, those without one last; up to `most`.
pub(super) fn by_time(queries: &[Query], most: Option<usize>) -> Result<DataFrame> {
    let limit = most.map(|most| format!(" LIMIT {most}")).unwrap_or_default();
    let sorted = format!("SELECT {FIELDS} FROM lines ORDER BY time NULLS LAST, source_file, source_line{limit}");
    frame(queries, &sorted)
}

/// A query over `lines`: the view `events` with five more columns: `subject`; `apart`, whether records with different
/// subjects are of different kinds; `differ`, what distinguishes such records besides their subjects; `place`, what
/// the records of a burst share of their target; and `attempts`, whether it is an action that changes something unless
/// it fails.
pub(crate) fn frame(queries: &[Query], text: &str) -> Result<DataFrame> {
    let subjects = queries.iter().filter_map(|query| query.format.subject);
    let told_by = subjects.flat_map(|subject| subject.columns.iter().chain(subject.differ));
    let view = events::view_with(queries, &told_by.copied().collect::<Vec<_>>(), more)?.into_view();
    let context = new_session(BATCH_ROWS, row_bytes(queries));
    context.register_table("lines", view)?;
    let query = queries.first().context("there are no logs to query")?;
    Ok(query.store.block_on(context.sql(text))?)
}

fn more(query: &Query) -> Result<Vec<Expr>> {
    let place = match logs::role(query.format.table, Role::Target) {
        _ if logs::role(query.format.table, Role::Host).is_some() => logs::shown(query.format.table, Role::Host),
        Some(Value::Joined(first, ..) | Value::Endpoint(first, _)) => Some(ident(first)),
        _ => logs::shown(query.format.table, Role::Target),
    };
    let place = place.unwrap_or_else(|| lit(ScalarValue::Utf8View(None)));
    let column = |name: &str| logs::column(query.format.table, name).unwrap_or_else(|| ident(name));
    let texts = |names: &[&str]| names.iter().map(|name| to_type(column(name), DataType::Utf8View)).collect();
    let (subject_of, apart, differ) = match query.format.subject {
        Some(subject) => {
            let differ = difference(subject.differ.len()).call(texts(subject.differ));
            (function(subject).call(texts(subject.columns)), column(subject.alike).is_not_true(), differ)
        }
        None => (lit(ScalarValue::Utf8View(None)), lit(false), lit(ScalarValue::Int64(None))),
    };
    let place = to_type(place, DataType::Utf8View);
    let attempts = query.roles()?.attempts.alias("attempts");
    Ok(vec![subject_of.alias("subject"), apart.alias("apart"), differ.alias("differ"), place.alias("place"), attempts])
}

/// The arguments of a function as text columns.
fn views(arguments: &[ColumnarValue]) -> datafusion::error::Result<Vec<StringViewArray>> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    arrays.iter().map(|array| Ok(cast(array, &DataType::Utf8View)?.as_string_view().clone())).collect()
}

/// The function that returns a number for some texts, which other texts do not share.
fn difference(texts: usize) -> ScalarUDF {
    let hasher = foldhash::quality::FixedState::default();
    let function = move |arguments: &[ColumnarValue]| {
        let columns = views(arguments)?;
        let of_row = |row: usize| {
            let texts: Vec<Option<&str>> =
                columns.iter().map(|column| column.is_valid(row).then(|| column.value(row))).collect();
            hasher.hash_one(texts).cast_signed()
        };
        let numbers: Int64Array = (0..columns.first().map_or(0, Array::len)).map(|row| Some(of_row(row))).collect();
        Ok(ColumnarValue::Array(Arc::new(numbers)))
    };
    let types = vec![DataType::Utf8View; texts];
    create_udf("difference_of", types, DataType::Int64, Volatility::Immutable, Arc::new(function))
}

/// The function that returns what a record is about.
fn function(subject: Subject) -> ScalarUDF {
    let function = move |arguments: &[ColumnarValue]| {
        let columns = views(arguments)?;
        // Rows that share texts of dictionaries have the same views of them: they are read once.
        let mut known: HashMap<Vec<u128>, Option<String>, RandomState> = HashMap::default();
        let mut views = Vec::with_capacity(columns.len());
        let mut tell = |row: usize| {
            views.clear();
            views.extend(columns.iter().map(|column| if column.is_valid(row) { column.views()[row] } else { 0 }));
            if let Some(told) = known.get(&views) {
                return told.clone();
            }
            let texts: Vec<Option<&str>> =
                columns.iter().map(|column| column.is_valid(row).then(|| column.value(row))).collect();
            let told = Some((subject.tell)(&texts)).filter(|subject| !subject.is_empty());
            known.insert(views.clone(), told.clone());
            told
        };
        let subjects: StringViewArray = (0..columns.first().map_or(0, Array::len)).map(&mut tell).collect();
        Ok(ColumnarValue::Array(Arc::new(subjects)))
    };
    let text = DataType::Utf8View;
    let types = vec![text.clone(); subject.columns.len()];
    create_udf("subject_of", types, text, Volatility::Immutable, Arc::new(function))
}

/// Reads the records of batches, each as a burst of one. Repeated texts are kept once.
#[derive(Debug, Default)]
pub(super) struct Reader {
    texts: HashSet<Arc<str>, RandomState>,
}

/// The most texts remembered at a time: in a log that keeps naming new things, few come again.
const MAX_TEXTS: usize = 1 << 16;

impl Reader {
    /// The records of a batch.
    pub(super) fn of(&mut self, batch: &RecordBatch) -> Result<Vec<Burst>> {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("no column {name}"));
        let number = |name: &str| {
            column(name)?.as_primitive_opt::<Int64Type>().cloned().context("a column does not hold numbers")
        };
        let truth = |name: &str| column(name)?.as_boolean_opt().cloned().context("a column does not hold booleans");
        let times =
            column("time")?.as_primitive_opt::<TimestampMicrosecondType>().context("a column does not hold times")?;
        let (attempts, changes, apart) = (truth("attempts")?, truth("changes")?, truth("apart")?);
        let holds = |column: &BooleanArray, row: usize| column.is_valid(row) && column.value(row);
        let (bytes, lines, differ) = (number("bytes")?, number("source_line")?, number("differ")?);
        let mut texts = |name: &str| self.column(column(name)?, name);
        let (files, targets, places, subjects) =
            (texts("source_file")?, texts("target")?, texts("place")?, texts("subject")?);
        let (log, actor, src_ip) = (texts("log")?, texts("actor")?, texts("src_ip")?);
        let (operation, outcome, error) = (texts("operation")?, texts("outcome")?, texts("error")?);
        let records = (0..batch.num_rows()).map(|row| {
            let text = |column: &[Arc<str>]| column[row].clone();
            let (target, subject) = (text(&targets), text(&subjects));
            // A record that does not name its subject is about its target.
            let changed = if subject.is_empty() { &target } else { &subject };
            let is_apart = holds(&apart, row);
            let changed = if holds(&attempts, row) || is_apart { changed.clone() } else { Arc::default() };
            Burst {
                times: times.is_valid(row).then(|| (times.value(row), times.value(row))),
                count: 1,
                kind: Kind {
                    log: text(&log),
                    actor: text(&actor),
                    src_ip: text(&src_ip),
                    operation: text(&operation),
                    place: text(&places),
                    changed,
                    differ: if is_apart { differ.value(row) } else { 0 },
                    outcome: text(&outcome),
                    error: text(&error),
                },
                subject,
                target,
                changes: holds(&changes, row),
                bytes: if bytes.is_valid(row) { bytes.value(row).into() } else { 0 },
                source_file: text(&files),
                source_line: lines.value(row),
            }
        });
        Ok(records.collect())
    }

    /// The texts of a column, row by row; null counts as empty.
    fn column(&mut self, array: &ArrayRef, name: &str) -> Result<Vec<Arc<str>>> {
        let column = TextColumn::new(array).map_err(|found| anyhow::anyhow!("{name} has the type {found}"))?;
        let mut last = <Arc<str>>::default();
        let texts = (0..array.len()).map(|row| {
            let text = column.get(row).unwrap_or_default();
            if *last != *text {
                last = self.shared(text);
            }
            last.clone()
        });
        Ok(texts.collect())
    }

    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        if self.texts.len() == MAX_TEXTS {
            self.texts.clear();
        }
        let text: Arc<str> = text.into();
        self.texts.insert(text.clone());
        text
    }
}
