//! What is known of an entity: collected in one pass over its records.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::logical_expr::ident;
use foldhash::quality::RandomState;
use futures::StreamExt;
use sawlog_formats::{TextColumn, cloudtrail};

use super::geo::Geo;
use super::kind::{Guess, Kind};
use crate::events;
use crate::query::Query;
use crate::scan::ReadAs;

/// An hour and a day, in microseconds.
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// A sparkline has so many bars at most.
const MAX_BARS: i64 = 48;
/// So many changes of an API are told apart; further ones are counted as one.
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
    pub(crate) facets: Vec<Facet>,
    /// What was created or changed, by time.
    pub(crate) changes: Vec<Change>,
}

/// The entity's records in one log.
#[derive(Default)]
pub(crate) struct LogProfile {
    pub(crate) log: String,
    pub(crate) sums: Sums,
    /// Records by hour: hours since 1970.
    pub(crate) hours: BTreeMap<i64, u64>,
}

/// What is added up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) records: u64,
    pub(crate) failed: u64,
    pub(crate) bytes_sent: u128,
    pub(crate) bytes_received: u128,
    /// Microseconds since 1970.
    pub(crate) times: Option<(i64, i64)>,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.failed += other.failed;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.times = match (self.times, other.times) {
            (Some((first, last)), Some((begin, end))) => Some((first.min(begin), last.max(end))),
            (times, None) | (None, times) => times,
        };
    }
}

/// The values of one field of the entity's records, the most frequent ones first.
pub(crate) struct Facet {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether a value leads on to other records.
    pub(crate) is_pivot: bool,
    pub(crate) values: Vec<FacetValue>,
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

/// A facet's column in the view of events, its name and kind, and whether its values are pivots.
const FACETS: [(&str, &str, Kind, bool); 12] = [
    ("src_ip", "addresses", Kind::Ip, true),
    ("peer", "peers on the network", Kind::Ip, false),
    ("actor", "principals", Kind::Principal, true),
    ("access_key", "access keys", Kind::AccessKey, true),
    ("user_agent", "user agents", Kind::UserAgent, true),
    ("operation", "operations", Kind::Operation, false),
    ("error", "errors", Kind::Error, false),
    ("service", "services", Kind::EventSource, false),
    ("bucket", "buckets", Kind::Bucket, true),
    ("object", "objects", Kind::Object, true),
    ("region", "regions", Kind::Region, false),
    ("account", "accounts", Kind::Account, false),
];

/// The columns that are read.
const COLUMNS: &str = "time, log, actor, access_key, src_ip, operation, target, outcome, error, changes, user_agent, \
                       bytes, bytes_received, bucket, service, region, account";

type Map<K, V> = HashMap<K, V, RandomState>;

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
            facets: Vec::new(),
            changes: Vec::new(),
        };
        let queries: Vec<Query> = queries.iter().filter(|query| !query.is_ruled_out()).cloned().collect();
        let Some(query) = queries.first() else { return Ok(profile) };
        let context = crate::sql::context(&queries, events::NAME)?;
        let entity = (profile.kind == Kind::Ip).then_some(profile.entity.as_str());
        let collected = query.store.block_on(async {
            let frame = context.sql(&format!("SELECT {COLUMNS} FROM {}", events::NAME)).await?;
            let streams = crate::query::execute_partitioned(frame, events::NAME, &query.explain).await?;
            let mut tasks = Vec::new();
            for mut stream in streams {
                let entity = entity.map(str::to_owned);
                tasks.push(tokio::spawn(async move {
                    let mut collected = Collected::default();
                    while let Some(batch) = stream.next().await {
                        collected.add(&batch?, entity.as_deref())?;
                    }
                    anyhow::Ok(collected)
                }));
            }
            let mut all = Collected::default();
            for task in tasks {
                all.merge(task.await??);
            }
            anyhow::Ok(all)
        })?;
        collected.into_profile(&mut profile);
        for query in queries.iter().filter(|query| query.format.table.name == cloudtrail::TABLE.name) {
            profile.changes.extend(api_changes(query)?);
        }
        profile
            .changes
            .sort_by(|a, b| (a.sums.times, &a.operation, &a.target).cmp(&(b.sums.times, &b.operation, &b.target)));
        Ok(profile)
    }

    /// The first and the last record's time.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let times = self.logs.iter().filter_map(|log| log.sums.times);
        times.reduce(|(first, last), (begin, end)| (first.min(begin), last.max(end)))
    }

    /// With the places of addresses.
    pub(crate) fn located(mut self, geo: &Geo) -> Self {
        if self.kind == Kind::Ip {
            self.place = geo.place(&self.entity);
        }
        for facet in self.facets.iter_mut().filter(|facet| facet.kind == Kind::Ip) {
            // A peer is named with its port.
            for value in &mut facet.values {
                value.place = geo.place(&value.value).or_else(|| geo.place(value.value.rsplit_once(':')?.0));
            }
        }
        self
    }

    /// The facets as one table.
    pub(crate) fn table(&self) -> Result<RecordBatch> {
        let rows: Vec<(&Facet, &FacetValue)> =
            self.facets.iter().flat_map(|facet| facet.values.iter().map(move |value| (facet, value))).collect();
        let text = |get: &dyn Fn(&(&Facet, &FacetValue)) -> Option<String>| -> ArrayRef {
            Arc::new(rows.iter().map(get).collect::<StringArray>())
        };
        let number = |get: &dyn Fn(&Sums) -> u128| -> Result<ArrayRef> {
            let numbers =
                rows.iter().map(|(_, value)| u64::try_from(get(&value.sums)).context("a sum is larger than 2^64"));
            Ok(Arc::new(UInt64Array::from(numbers.collect::<Result<Vec<_>>>()?)))
        };
        let time = |get: fn((i64, i64)) -> i64| -> ArrayRef {
            let times: TimestampMicrosecondArray = rows.iter().map(|(_, value)| value.sums.times.map(get)).collect();
            Arc::new(times.with_timezone("UTC"))
        };
        Ok(RecordBatch::try_from_iter_with_nullable([
            ("facet", text(&|(facet, _)| Some(facet.kind.name().to_owned())), false),
            ("value", text(&|(_, value)| Some(value.value.clone())), false),
            ("records", number(&|sums| u128::from(sums.records))?, false),
            ("errors", number(&|sums| u128::from(sums.failed))?, false),
            ("bytes_sent", number(&|sums| sums.bytes_sent)?, false),
            ("bytes_received", number(&|sums| sums.bytes_received)?, false),
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

/// What one stream of records holds.
#[derive(Default)]
struct Collected {
    logs: Map<String, LogProfile>,
    facets: [Map<String, Sums>; FACETS.len()],
    changes: Map<(String, String, String), Sums>,
}

impl Collected {
    fn add(&mut self, batch: &RecordBatch, address: Option<&str>) -> Result<()> {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("no column {name}"));
        let text = |name: &str| -> Result<TextColumn> {
            TextColumn::new(column(name)?).map_err(|found| anyhow::anyhow!("{name} is {found}"))
        };
        let number = |name: &str| column(name)?.as_primitive_opt::<Int64Type>().context("no numbers");
        let times = column("time")?.as_primitive_opt::<TimestampMicrosecondType>().context("no times")?;
        let changes = column("changes")?.as_boolean_opt().context("no truth")?;
        let (sent, received, logs, outcomes) =
            (number("bytes")?, number("bytes_received")?, text("log")?, text("outcome")?);
        let (targets, sources) = (text("target")?, text("src_ip")?);
        let mut plain: Vec<Option<TextColumn>> = Vec::new();
        for (column, ..) in FACETS {
            plain.push(if matches!(column, "peer" | "object") { None } else { Some(text(column)?) });
        }
        for row in 0..batch.num_rows() {
            let value = |array: &arrow::array::Int64Array| {
                if array.is_valid(row) { u128::from(array.value(row).unsigned_abs()) } else { 0 }
            };
            let time = times.value(row);
            let sums = Sums {
                records: 1,
                failed: u64::from(outcomes.get(row) == Some("failure")),
                bytes_sent: value(sent),
                bytes_received: value(received),
                times: Some((time, time)),
            };
            let log = logs.get(row).unwrap_or_default();
            let target = targets.get(row).unwrap_or_default();
            let of_log = entry(&mut self.logs, log);
            of_log.sums.add(&sums);
            *of_log.hours.entry(time.div_euclid(HOUR)).or_default() += 1;
            let is_flow = log == "vpc_flow";
            for (place, (name, ..)) in FACETS.iter().enumerate() {
                let found = match (*name, &plain[place]) {
                    // The other end of a flow.
                    ("peer", _) if is_flow => {
                        let source = sources.get(row);
                        if source == address { Some(target) } else { source }
                    }
                    ("object", _) if log == "s3_access" && target.contains('/') => Some(target),
                    ("operation", _) if is_flow => None,
                    ("src_ip", _) if is_flow && address.is_some() => None,
                    (_, Some(column)) => column.get(row),
                    _ => None,
                };
                if let Some(found) = found {
                    entry(&mut self.facets[place], found).add(&sums);
                }
            }
            let changed = changes.is_valid(row) && changes.value(row) && sums.failed == 0;
            if changed && log == "s3_access" {
                let operation = plain[5].as_ref().and_then(|column| column.get(row)).unwrap_or_default();
                let bucket = target.split('/').next().unwrap_or_default();
                let key = (log.to_owned(), operation.to_owned(), bucket.to_owned());
                self.changes.entry(key).or_default().add(&sums);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        for (log, profile) in other.logs {
            let of_log = entry(&mut self.logs, &log);
            of_log.sums.add(&profile.sums);
            profile.hours.into_iter().for_each(|(hour, records)| *of_log.hours.entry(hour).or_default() += records);
        }
        for (facet, others) in self.facets.iter_mut().zip(other.facets) {
            others.into_iter().for_each(|(value, sums)| facet.entry(value).or_default().add(&sums));
        }
        other.changes.into_iter().for_each(|(change, sums)| self.changes.entry(change).or_default().add(&sums));
    }

    fn into_profile(self, profile: &mut Profile) {
        let logs = self.logs.into_iter().map(|(log, of_log)| LogProfile { log, ..of_log });
        profile.logs = logs.collect();
        profile.logs.sort_by_key(|log| sawlog_formats::FORMATS.iter().position(|format| format.table.name == log.log));
        profile.records = profile.logs.iter().map(|log| log.sums.records).sum();
        for ((_, name, kind, is_pivot), values) in FACETS.into_iter().zip(self.facets) {
            let values = values.into_iter().map(|(value, sums)| FacetValue {
                value,
                records: sums.records,
                sums,
                only_here: false,
                place: None,
            });
            let mut values: Vec<FacetValue> = values.collect();
            values.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.value.cmp(&b.value)));
            profile.facets.push(Facet { name, kind, is_pivot, values });
        }
        profile.changes.extend(self.changes.into_iter().map(|((log, operation, target), sums)| Change {
            log,
            operation,
            target,
            sums,
        }));
    }
}

fn entry<'a, V: Default>(map: &'a mut Map<String, V>, key: &str) -> &'a mut V {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), V::default());
    }
    map.get_mut(key).expect("inserted above")
}

/// What API calls created or changed: with the names in their parameters, and keys that they issued.
fn api_changes(query: &Query) -> Result<Vec<Change>> {
    let frame = query.frame(&ReadAs::default())?;
    let frame = frame.filter(ident("read_only").is_false().and(ident("error_code").is_null()))?;
    let names = ["event_time", "event_name", "event_source", "request_parameters", "response_elements"];
    let mut changes: Map<(String, String), Sums> = Map::default();
    query.for_each(query.select(frame, names.map(ident).to_vec())?, |batch| {
        let text = |place: usize| TextColumn::new(batch.column(place)).map_err(|found| anyhow::anyhow!("{found}"));
        let times = batch.column(0).as_primitive_opt::<TimestampMicrosecondType>().context("no times")?;
        let (names, services, parameters, responses) = (text(1)?, text(2)?, text(3)?, text(4)?);
        for row in 0..batch.num_rows() {
            let mut target = parameters.get(row).map(main_parameters).unwrap_or_default();
            for key in responses.get(row).map(crate::ctsummarize::new_keys).unwrap_or_default() {
                target += &format!(" → {key}");
            }
            if target.is_empty() {
                services.get(row).unwrap_or_default().clone_into(&mut target);
            }
            let time = times.value(row);
            let sums = Sums { records: 1, times: Some((time, time)), ..Sums::default() };
            let key = (names.get(row).unwrap_or_default().to_owned(), target.trim().to_owned());
            let is_new = changes.len() >= MAX_CHANGES && !changes.contains_key(&key);
            let key = if is_new { ("(others)".to_owned(), String::new()) } else { key };
            changes.entry(key).or_default().add(&sums);
        }
        Ok(true)
    })?;
    let log = cloudtrail::TABLE.name;
    Ok(changes
        .into_iter()
        .map(|((operation, target), sums)| Change { log: log.to_owned(), operation, target, sums })
        .collect())
}

/// The short texts among a request's parameters, which name what it is about: `userName=ann policyName=p`.
fn main_parameters(json: &str) -> String {
    const MAX: usize = 64;
    let Ok(serde_json::Value::Object(parameters)) = serde_json::from_str(json) else { return String::new() };
    let named =
        parameters.iter().filter_map(|(name, value)| Some((name, value.as_str().filter(|text| text.len() <= MAX)?)));
    named.take(4).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
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

    #[test]
    fn parameters_name_what_a_call_is_about() {
        assert_eq!(main_parameters(r#"{"userName":"ann","n":1,"policyName":"p"}"#), "policyName=p userName=ann");
        assert_eq!(main_parameters("null"), "");
    }
}
