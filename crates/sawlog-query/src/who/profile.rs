//! What the records say about an entity.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ident, lit};
use sawlog_formats::{Subject, TextColumn, with_port};

use super::collect::{Collected, Record};
use super::facet::{Facet, PerFacet};
use super::issues::Issue;
use super::kind::{Guess, Kind};
use super::targets::AsTarget;
use crate::groups::Sums;
use crate::logs::{Roles, column, resolve};
use crate::parallel::each;
use crate::query::Query;
use crate::top::numbers;

/// An hour, in microseconds.
pub(super) const HOUR: i64 = 3_600_000_000;
/// The most changes of an API that are distinguished, in evidence order; further ones count as one.
const MAX_CHANGES: usize = 10_000;

/// What the records say about an entity.
pub struct Profile {
    /// The entity, as logs write it.
    pub entity: String,
    /// The port that was looked up with an address: only records with both are in the profile.
    pub port: Option<u16>,
    /// What it is.
    pub kind: Kind,
    /// What else the entity could be.
    pub also: Vec<Kind>,
    /// Where an address is.
    pub place: Option<String>,
    /// How many records it has.
    pub records: u64,
    /// These by log.
    pub logs: Vec<LogProfile>,
    /// Other records, which others sent to an address.
    pub as_target: Vec<AsTarget>,
    /// Their values by facet, the most frequent first.
    pub facets: PerFacet<Vec<FacetValue>>,
    /// What was created or changed, by time.
    pub changes: Vec<Change>,
    /// Who issued an access key, the last issuer first.
    pub issues: Vec<Issue>,
}

/// The entity's records in one log.
#[derive(Default)]
pub struct LogProfile {
    /// The log's table.
    pub log: String,
    /// Their sums.
    pub sums: Sums,
    /// Records by hour: hours since 1970.
    pub hours: BTreeMap<i64, u64>,
}

/// A value and its records among the entity's.
pub struct FacetValue {
    /// The value.
    pub value: String,
    /// How many records have it.
    pub records: u64,
    /// Their sums.
    pub sums: Sums,
    /// Whether no other record of the store has it.
    pub only_here: bool,
    /// Where it is, of an address.
    pub place: Option<String>,
}

/// Something that was created or changed.
pub struct Change {
    /// The log's table.
    pub log: String,
    /// What was done.
    pub operation: String,
    /// On what.
    pub target: String,
    /// The sums over the records.
    pub sums: Sums,
}

impl Profile {
    /// Collects what the records of the queries say.
    pub(super) fn collect(queries: &[Query], guess: Guess) -> Result<Self> {
        let mut profile = Self {
            entity: guess.value,
            port: guess.port,
            kind: guess.kind,
            also: guess.also,
            place: None,
            records: 0,
            logs: Vec::new(),
            as_target: Vec::new(),
            facets: PerFacet::default(),
            changes: Vec::new(),
            issues: Vec::new(),
        };
        let entity = (profile.kind == Kind::Ip).then(|| profile.entity.clone());
        let queries = queries.iter().filter(|query| !query.is_ruled_out());
        let of_logs = each(queries, |query| {
            let mut of_log = Collected::of(query, entity.as_deref())?;
            if let Some(subject) = query.format.subject {
                of_log.changes.extend(changes(query, subject)?);
            }
            anyhow::Ok(of_log)
        })?;
        let mut collected = Collected::default();
        of_logs.into_iter().for_each(|of_log| collected.merge(of_log));
        collected.into_profile(&mut profile);
        profile
            .changes
            .sort_by(|a, b| (a.sums.times(), &a.operation, &a.target).cmp(&(b.sums.times(), &b.operation, &b.target)));
        Ok(profile)
    }

    /// The entity, with the port if there is one.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        self.port.map_or(Cow::Borrowed(&self.entity), |port| with_port(&self.entity, port.into()).into())
    }

    /// The first and the last record's time.
    #[must_use]
    pub fn times(&self) -> Option<(i64, i64)> {
        let times = self.logs.iter().filter_map(|log| log.sums.times());
        times.reduce(|(first, last), (begin, end)| (first.min(begin), last.max(end)))
    }

    /// With the places of addresses, which `place` returns.
    #[must_use]
    pub fn located(mut self, place: impl Fn(&str) -> Option<String>) -> Self {
        if self.kind == Kind::Ip {
            self.place = place(&self.entity);
        }
        for (_, values) in self.facets.iter_mut().filter(|(facet, _)| facet.kind() == Kind::Ip) {
            values.iter_mut().for_each(|value| value.place = place(&value.value));
        }
        self
    }

    /// The facets as one table.
    ///
    /// # Errors
    ///
    /// If a sum has more than 38 digits.
    pub fn table(&self) -> Result<RecordBatch> {
        let rows: Vec<(Facet, &FacetValue)> =
            self.facets.iter().flat_map(|(facet, values)| values.iter().map(move |value| (facet, value))).collect();
        let text = |get: &dyn Fn(&(Facet, &FacetValue)) -> Option<String>| -> ArrayRef {
            Arc::new(rows.iter().map(get).collect::<StringArray>())
        };
        let number = |get: &dyn Fn(&Sums) -> u128| -> Result<ArrayRef> {
            numbers(&rows.iter().map(|(_, value)| get(&value.sums)).collect::<Vec<_>>())
        };
        let time = |get: fn((i64, i64)) -> i64| -> ArrayRef {
            let times: TimestampMicrosecondArray = rows.iter().map(|(_, value)| value.sums.times().map(get)).collect();
            Arc::new(times.with_timezone("UTC"))
        };
        Ok(RecordBatch::try_from_iter_with_nullable([
            ("facet", text(&|(facet, _)| Some(facet.kind().name().to_owned())), false),
            ("value", text(&|(_, value)| Some(value.value.clone())), false),
            ("records", number(&|sums| u128::from(sums.count))?, false),
            ("errors", number(&|sums| u128::from(sums.errors))?, false),
            ("bytes_sent", number(&|sums| sums.bytes_sent.unwrap_or_default())?, false),
            ("bytes_received", number(&|sums| sums.bytes_received)?, false),
            ("flow_bytes", number(&|sums| sums.flow_bytes.unwrap_or_default())?, false),
            ("first_seen", time(|(first, _)| first), true),
            ("last_seen", time(|(_, last)| last), true),
            (
                "only_here",
                Arc::new(BooleanArray::from(rows.iter().map(|row| row.1.only_here).collect::<Vec<_>>())),
                false,
            ),
            ("place", text(&|(_, value)| value.place.clone()), true),
        ])?)
    }
}

/// What the records of a log created or changed; for a log that names the subject of each record.
fn changes(query: &Query, subject: Subject) -> Result<Vec<Change>> {
    let table = query.format.table;
    let Roles { changes: changed, .. } = query.roles()?;
    let named = |name: &str| resolve(table, name).unwrap_or_else(|| lit(ScalarValue::Utf8(None)));
    let mut wanted = vec![
        query.time()?.alias("q_time"),
        named("operation").alias("q_operation"),
        named("service").alias("q_service"),
        ident("source_file"),
        ident("source_line"),
    ];
    let parts = subject.columns.iter().enumerate();
    wanted.extend(parts.filter_map(|(place, name)| Some(column(table, name)?.alias(format!("q_{place}")))));
    let mut changes: HashMap<(String, String), Sums> = HashMap::new();
    query.for_each(query.in_order(Some(changed), wanted, None)?, |batch| {
        let text = |name: &str| {
            let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
            TextColumn::new(column).map_err(|found| anyhow::anyhow!("{name} has the type {found}"))
        };
        let times =
            batch.column(0).as_primitive_opt::<TimestampMicrosecondType>().context("a column does not hold times")?;
        let (names, services) = (text("q_operation")?, text("q_service")?);
        let parts = (0..subject.columns.len()).map(|place| text(&format!("q_{place}"))).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let texts: Vec<Option<&str>> = parts.iter().map(|part| part.get(row)).collect();
            let mut target = (subject.tell)(&texts);
            if target.is_empty() {
                services.get(row).unwrap_or_default().clone_into(&mut target);
            }
            let key = (names.get(row).unwrap_or_default().to_owned(), target);
            let is_new = changes.len() >= MAX_CHANGES && !changes.contains_key(&key);
            let key = if is_new { ("(others)".to_owned(), String::new()) } else { key };
            let time = times.is_valid(row).then(|| times.value(row));
            changes.entry(key).or_default().add_record(&Record { time, ..Record::default() });
        }
        Ok(true)
    })?;
    let change = |((operation, target), sums)| Change { log: table.name.to_owned(), operation, target, sums };
    Ok(changes.into_iter().map(change).collect())
}
