//! What is known of an entity.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ident, lit};
use sawlog_formats::{Subject, TextColumn};

use super::collect::{Collected, Record};
use super::facet::{Facet, PerFacet};
use super::geo::Geo;
use super::issues::Issue;
use super::kind::{Guess, Kind};
use crate::groups::Sums;
use crate::logs::{Roles, column, resolve};
use crate::query::{Query, each};
use crate::top::numbers;

/// An hour and a day, in microseconds.
pub(super) const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// A sparkline has so many bars at most.
const MAX_BARS: i64 = 48;
/// So many changes of an API are told apart, the first ones by evidence order; further ones are counted as one.
const MAX_CHANGES: usize = 10_000;

/// What is known of an entity.
pub(crate) struct Profile {
    pub(crate) entity: String,
    pub(crate) kind: Kind,
    /// What else the entity could be.
    pub(crate) also: Vec<Kind>,
    /// Where an address is.
    pub(crate) place: Option<String>,
    pub(crate) records: u64,
    pub(crate) logs: Vec<LogProfile>,
    /// Their values by facet, the most frequent ones first.
    pub(crate) facets: PerFacet<Vec<FacetValue>>,
    /// What was created or changed, by time.
    pub(crate) changes: Vec<Change>,
    /// Who issued an access key, the last issuer first.
    pub(crate) issues: Vec<Issue>,
}

/// The entity's records in one log.
#[derive(Default)]
pub(crate) struct LogProfile {
    pub(crate) log: String,
    pub(crate) sums: Sums,
    /// Records by hour: hours since 1970.
    pub(crate) hours: BTreeMap<i64, u64>,
}

/// A value and its records among the entity's.
pub(crate) struct FacetValue {
    pub(crate) value: String,
    pub(crate) records: u64,
    pub(crate) sums: Sums,
    /// Whether no other record of the store has it.
    pub(crate) only_here: bool,
    pub(crate) place: Option<String>,
}

/// Something that was created or changed.
pub(crate) struct Change {
    pub(crate) log: String,
    pub(crate) operation: String,
    pub(crate) target: String,
    pub(crate) sums: Sums,
}

impl Profile {
    /// Collects what the records of the queries say.
    pub(crate) fn collect(queries: &[Query], guess: Guess) -> Result<Self> {
        let mut profile = Self {
            entity: guess.value,
            kind: guess.kind,
            also: guess.also,
            place: None,
            records: 0,
            logs: Vec::new(),
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

    /// The first and the last record's time.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let times = self.logs.iter().filter_map(|log| log.sums.times());
        times.reduce(|(first, last), (begin, end)| (first.min(begin), last.max(end)))
    }

    /// With the places of addresses.
    pub(crate) fn located(mut self, geo: &Geo) -> Self {
        if self.kind == Kind::Ip {
            self.place = geo.place(&self.entity);
        }
        for (_, values) in self.facets.iter_mut().filter(|(facet, _)| facet.kind() == Kind::Ip) {
            // A peer is named with its port.
            for value in values {
                value.place = geo.place(&value.value).or_else(|| geo.place(value.value.rsplit_once(':')?.0));
            }
        }
        self
    }

    /// The facets as one table.
    pub(crate) fn table(&self) -> Result<RecordBatch> {
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

/// What the records of a log that says what each is about created or changed.
fn changes(query: &Query, subject: Subject) -> Result<Vec<Change>> {
    let table = query.format.table;
    let Roles { changes, failed, .. } = Roles::of(query)?;
    let succeeded = changes.and(failed.is_not_true());
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
    query.for_each(query.in_order(Some(succeeded), wanted, None)?, |batch| {
        let text = |name: &str| {
            let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
            TextColumn::new(column).map_err(|found| anyhow::anyhow!("{name} is {found}"))
        };
        let times = batch.column(0).as_primitive_opt::<TimestampMicrosecondType>().context("no times")?;
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

/// Records by time as bars, one for each hour of up to two days, else for each day or some days; and what a bar is.
pub(crate) fn sparkline(hours: &BTreeMap<i64, u64>, times: (i64, i64)) -> (String, String) {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let span = times.1 - times.0;
    let (step, unit) = if span < 2 * DAY {
        (1, "hour".to_owned())
    } else {
        let days = (span / DAY + 1).div_euclid(MAX_BARS) + 1;
        (24 * days, if days == 1 { "day".to_owned() } else { format!("{days} days") })
    };
    let first = times.0.div_euclid(HOUR).div_euclid(step);
    let last = times.1.div_euclid(HOUR).div_euclid(step);
    let mut bars = vec![0_u64; usize::try_from(last - first + 1).unwrap_or(1)];
    for (hour, records) in hours {
        if let Some(bar) = usize::try_from(hour.div_euclid(step) - first).ok().and_then(|place| bars.get_mut(place)) {
            *bar += records;
        }
    }
    let most = bars.iter().max().copied().unwrap_or_default().max(1);
    let bar = |records: &u64| match records {
        0 => ' ',
        records => BARS[usize::try_from((records * 8).div_ceil(most) - 1).unwrap_or_default().min(7)],
    };
    (bars.iter().map(bar).collect(), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_hours_or_days() {
        let hours = BTreeMap::from([(0, 1), (1, 8), (3, 4)]);
        assert_eq!(sparkline(&hours, (0, 3 * HOUR)), ("▁█ ▄".to_owned(), "hour".to_owned()));
        let days = BTreeMap::from([(0, 1), (30, 1), (72, 2)]);
        assert_eq!(sparkline(&days, (0, 3 * DAY)), ("▄▄ █".to_owned(), "day".to_owned()));
        let (bars, unit) = sparkline(&days, (0, 400 * DAY));
        assert_eq!((bars.chars().count(), unit.as_str()), (45, "9 days"));
    }
}
