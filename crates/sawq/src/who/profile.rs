//! What is known of an entity: collected in one pass over its records.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::logical_expr::ident;
use foldhash::quality::RandomState;
use futures::StreamExt;
use sawlog_formats::{TextColumn, cloudtrail, s3_access, vpc_flow};

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

/// The places of two of them.
const OPERATION: usize = 5;
const BUCKET: usize = 8;

/// The columns that are read.
const COLUMNS: &str = "time, log, actor, access_key, src_ip, operation, outcome, error, changes, user_agent, \
                       bytes, bytes_received, bucket, key, service, region, account";

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
            // Only of flows the target is a part of what is told.
            let has_flows = queries.iter().any(|query| query.format.table.name == vpc_flow::TABLE.name);
            let target = if has_flows { ", target" } else { "" };
            let frame = context.sql(&format!("SELECT {COLUMNS}{target} FROM {}", events::NAME)).await?;
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
    facets: [Distinct; FACETS.len()],
    /// The keys of objects, which with their buckets make a facet's values.
    keys: Distinct,
    /// Which object a bucket's and a key's number stand for.
    objects: Map<(u32, u32), u32>,
    /// By log, operation and bucket.
    changes: Map<(String, String, String), Sums>,
}

/// Distinct values, numbered, and what is added up of each.
#[derive(Default)]
struct Distinct {
    numbers: Map<String, u32>,
    sums: Vec<Sums>,
}

/// The number of null.
const NULL: u32 = u32::MAX;

impl Distinct {
    fn number(&mut self, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.sums.len()).expect("fewer than 2^32 values");
        self.numbers.insert(value.to_owned(), number);
        self.sums.push(Sums::default());
        number
    }

    /// The numbers of a column's rows. A value is looked up by its text once for each dictionary entry or view that
    /// stands for it.
    fn numbers(&mut self, column: &TextColumn, rows: usize) -> Vec<u32> {
        match column {
            TextColumn::View(array) => {
                let mut known: Map<u128, u32> = Map::default();
                let mut last = (0, NULL);
                let number = |row: usize| {
                    if array.is_null(row) {
                        return NULL;
                    }
                    let view = array.views()[row];
                    if last.0 != view || last.1 == NULL {
                        last = (view, *known.entry(view).or_insert_with(|| self.number(array.value(row))));
                    }
                    last.1
                };
                (0..rows).map(number).collect()
            }
            column => (0..rows).map(|row| column.get(row).map_or(NULL, |value| self.number(value))).collect(),
        }
    }

    fn values(&self) -> Vec<&str> {
        let mut values = vec![""; self.sums.len()];
        self.numbers.iter().for_each(|(value, number)| values[*number as usize] = value);
        values
    }

    fn merge(&mut self, other: Self) {
        for (value, number) in other.numbers {
            let place = self.number(&value) as usize;
            self.sums[place].add(&other.sums[number as usize]);
        }
    }
}

impl Collected {
    /// Adds a batch of the view, in which the records of one log come after those of another.
    fn add(&mut self, batch: &RecordBatch, address: Option<&str>) -> Result<()> {
        let logs = text(batch, "log")?;
        let mut start = 0;
        while start < batch.num_rows() {
            let log = logs.get(start).unwrap_or_default();
            let len = (start..batch.num_rows()).take_while(|row| logs.get(*row) == Some(log)).count().max(1);
            self.add_log(&batch.slice(start, len), log, address)?;
            start += len;
        }
        Ok(())
    }

    /// Adds records of one log.
    fn add_log(&mut self, batch: &RecordBatch, log: &str, address: Option<&str>) -> Result<()> {
        let rows = batch.num_rows();
        let sums = row_sums(batch)?;
        let of_log = entry(&mut self.logs, log);
        for sums in &sums {
            of_log.sums.add(sums);
            let (time, _) = sums.times.unwrap_or_default();
            *of_log.hours.entry(time.div_euclid(HOUR)).or_default() += 1;
        }
        let is_flow = log == vpc_flow::TABLE.name;
        let mut numbers: Vec<Vec<u32>> = Vec::with_capacity(FACETS.len());
        for (place, (name, ..)) in FACETS.iter().enumerate() {
            numbers.push(match *name {
                "peer" if is_flow => self.peers(place, batch, address)?,
                "object" if log == s3_access::TABLE.name => self.objects(place, batch, numbers.get(BUCKET))?,
                "peer" | "object" => Vec::new(),
                "operation" if is_flow => Vec::new(),
                "src_ip" if is_flow && address.is_some() => Vec::new(),
                name => self.facets[place].numbers(&text(batch, name)?, rows),
            });
        }
        for (facet, numbers) in self.facets.iter_mut().zip(&numbers) {
            for (sums, number) in sums.iter().zip(numbers).filter(|(_, number)| **number != NULL) {
                facet.sums[*number as usize].add(sums);
            }
        }
        if log == s3_access::TABLE.name {
            self.add_changes(batch, log, &sums, [&numbers[OPERATION], &numbers[BUCKET]])?;
        }
        Ok(())
    }

    /// The other ends of flows.
    fn peers(&mut self, place: usize, batch: &RecordBatch, address: Option<&str>) -> Result<Vec<u32>> {
        let facet = &mut self.facets[place];
        let sources = facet.numbers(&text(batch, "src_ip")?, batch.num_rows());
        let targets = facet.numbers(&text(batch, "target")?, batch.num_rows());
        let own = address.map(|address| facet.number(address));
        let ends = sources.into_iter().zip(targets);
        Ok(ends.map(|(source, target)| if Some(source) == own { target } else { source }).collect())
    }

    /// The objects: bucket and key.
    fn objects(&mut self, place: usize, batch: &RecordBatch, buckets: Option<&Vec<u32>>) -> Result<Vec<u32>> {
        let names = (text(batch, "bucket")?, text(batch, "key")?);
        let keys = self.keys.numbers(&names.1, batch.num_rows());
        let buckets = buckets.context("buckets come before objects")?;
        let (facet, objects) = (&mut self.facets[place], &mut self.objects);
        let pairs = buckets.iter().zip(keys).enumerate();
        let number = pairs.map(|(row, (bucket, key))| match key {
            NULL => NULL,
            key => *objects.entry((*bucket, key)).or_insert_with(|| {
                let (bucket, key) = (names.0.get(row).unwrap_or_default(), names.1.get(row).unwrap_or_default());
                facet.number(&format!("{bucket}/{key}"))
            }),
        });
        Ok(number.collect())
    }

    /// What S3 records changed, by operation and bucket.
    fn add_changes(&mut self, batch: &RecordBatch, log: &str, sums: &[Sums], by: [&Vec<u32>; 2]) -> Result<()> {
        let changes = column(batch, "changes")?.as_boolean_opt().context("no truth")?;
        let mut added: Map<(u32, u32), Sums> = Map::default();
        for (row, sums) in sums.iter().enumerate() {
            if changes.is_valid(row) && changes.value(row) && sums.failed == 0 {
                added.entry((by[0][row], by[1][row])).or_default().add(sums);
            }
        }
        let (operations, buckets) = (self.facets[OPERATION].values(), self.facets[BUCKET].values());
        let name = |values: &[&str], number: u32| values.get(number as usize).copied().unwrap_or_default().to_owned();
        for ((operation, bucket), sums) in added {
            let key = (log.to_owned(), name(&operations, operation), name(&buckets, bucket));
            self.changes.entry(key).or_default().add(&sums);
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        for (log, profile) in other.logs {
            let of_log = entry(&mut self.logs, &log);
            of_log.sums.add(&profile.sums);
            profile.hours.into_iter().for_each(|(hour, records)| *of_log.hours.entry(hour).or_default() += records);
        }
        self.facets.iter_mut().zip(other.facets).for_each(|(facet, other)| facet.merge(other));
        other.changes.into_iter().for_each(|(change, sums)| self.changes.entry(change).or_default().add(&sums));
    }

    fn into_profile(self, profile: &mut Profile) {
        let logs = self.logs.into_iter().map(|(log, of_log)| LogProfile { log, ..of_log });
        profile.logs = logs.collect();
        profile.logs.sort_by_key(|log| sawlog_formats::FORMATS.iter().position(|format| format.table.name == log.log));
        profile.records = profile.logs.iter().map(|log| log.sums.records).sum();
        for ((_, name, kind, is_pivot), facet) in FACETS.into_iter().zip(self.facets) {
            let values = facet.numbers.into_iter().map(|(value, number)| {
                let sums = facet.sums[number as usize];
                FacetValue { value, records: sums.records, sums, only_here: false, place: None }
            });
            // An end of a flow that is no peer was given a number as well.
            let mut values: Vec<FacetValue> = values.filter(|value| value.records > 0).collect();
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

/// What each row of the view adds.
fn row_sums(batch: &RecordBatch) -> Result<Vec<Sums>> {
    let number = |name: &str| column(batch, name)?.as_primitive_opt::<Int64Type>().context("no numbers");
    let times = column(batch, "time")?.as_primitive_opt::<TimestampMicrosecondType>().context("no times")?;
    let (sent, received, outcomes) = (number("bytes")?, number("bytes_received")?, text(batch, "outcome")?);
    let value = |array: &Int64Array, row: usize| {
        if array.is_valid(row) { u128::from(array.value(row).unsigned_abs()) } else { 0 }
    };
    let sums = |row: usize| Sums {
        records: 1,
        failed: u64::from(outcomes.get(row) == Some("failure")),
        bytes_sent: value(sent, row),
        bytes_received: value(received, row),
        times: Some((times.value(row), times.value(row))),
    };
    Ok((0..batch.num_rows()).map(sums).collect())
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).with_context(|| format!("no column {name}"))
}

fn text(batch: &RecordBatch, name: &str) -> Result<TextColumn> {
    TextColumn::new(column(batch, name)?).map_err(|found| anyhow::anyhow!("{name} is {found}"))
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
