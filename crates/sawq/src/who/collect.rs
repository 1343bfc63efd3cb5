//! Adds up an entity's records by the values of each facet, which are numbers until the end.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::logical_expr::{Expr, ident};
use foldhash::quality::RandomState;
use sawlog_formats::{Received, Table, cloudtrail, s3_access};

use super::profile::{Change, FACETS, Facet, FacetValue, HOUR, LogProfile, Profile};
use crate::events;
use crate::groups::Sums;
use crate::logs::{Roles, resolve};
use crate::numbers::{NULL, Numbers, Part, Translated, WHOLE};
use crate::query::{Query, Rows};

/// Where the values of a facet are in a log.
#[derive(Clone, Copy)]
enum Source {
    /// Nowhere.
    Nothing,
    /// Every record has this one.
    Always(&'static str),
    /// In a column.
    Column(&'static str),
    /// In the first of some columns that is not null.
    First([&'static str; 3]),
    /// In a part of a column.
    Within(&'static str, Part),
    /// Bucket and key.
    Object,
    /// The other end of a flow: an address as a source, address and port as a destination.
    Peer,
}

impl Source {
    /// The columns that it is made of.
    fn columns(self) -> Vec<&'static str> {
        match self {
            Self::Nothing | Self::Always(_) => Vec::new(),
            Self::Column(column) | Self::Within(column, _) => vec![column],
            Self::First(columns) => columns.to_vec(),
            Self::Object => vec!["bucket", "key"],
            Self::Peer => vec!["srcaddr", "dstaddr", "dstport"],
        }
    }
}

/// The places of two facets.
const OPERATION: usize = 5;
const BUCKET: usize = 8;

/// Where the values of each facet are: as the view of events has them. `address` is the entity, if it is an address.
fn sources(table: &Table, address: Option<&str>) -> [Source; FACETS.len()] {
    use Source::{Always, Column, First, Nothing, Object, Peer, Within};
    if table.name == s3_access::TABLE.name {
        [
            Column("remote_ip"),
            Nothing,
            Column("requester"),
            Within("request_uri", s3_access::access_key),
            Column("user_agent"),
            Column("operation"),
            Column("error_code"),
            Always("s3.amazonaws.com"),
            Column("bucket"),
            Object,
            Column("source_region"),
            Column("bucket_owner"),
        ]
    } else if table.name == cloudtrail::TABLE.name {
        [
            Column("source_ip_address"),
            Nothing,
            First(["user_identity.arn", "user_identity.invoked_by", "user_identity.principal_id"]),
            Column("user_identity.access_key_id"),
            Column("user_agent"),
            Column("event_name"),
            Column("error_code"),
            Column("event_source"),
            Nothing,
            Nothing,
            Column("aws_region"),
            Column("recipient_account_id"),
        ]
    } else {
        let mut flows = [Nothing; FACETS.len()];
        // All sources of an address's flows are itself or its peers.
        flows[0] = if address.is_some() { Nothing } else { Column("srcaddr") };
        flows[1] = Peer;
        flows[6] = Within("action", |action| Some(action).filter(|action| *action == "REJECT"));
        (flows[10], flows[11]) = (Column("region"), Column("account_id"));
        flows
    }
}

type Map<K, V> = HashMap<K, V, RandomState>;

/// What was added up.
#[derive(Default)]
pub(super) struct Collected {
    logs: Vec<LogProfile>,
    facets: [Tally; FACETS.len()],
    pub(super) changes: Vec<Change>,
}

impl Collected {
    /// The records of a log.
    pub(super) fn of(query: &Query, address: Option<&str>) -> Result<Self> {
        let table = query.format.table;
        let sources = sources(table, address).map(|source| match source {
            Source::Within(column, _) if query.is_in_vain(column) => Source::Nothing,
            source => source,
        });
        let roles = Roles::of(table)?;
        // Which sizes were received is told by the numbers of operations, sooner than by their text.
        let received = query.format.measures.received.as_ref();
        let measures = [
            (TIME, query.time()?),
            (FAILED, roles.failed),
            (BYTES_SENT, roles.bytes_sent),
            (BYTES_RECEIVED, received.map_or(roles.bytes_received, |received| ident(received.column))),
        ];
        let mut wanted: Vec<Expr> = measures.map(|(name, expr)| expr.alias(name)).to_vec();
        let mut columns: Vec<&str> = sources.iter().flat_map(|source| source.columns()).collect();
        columns.sort_unstable();
        columns.dedup();
        for name in columns {
            let column = resolve(table, name).with_context(|| format!("no column {name}"))?;
            wanted.push(if name.contains('.') { column.alias(name) } else { column });
        }
        let mut collected = Self::default();
        let mut of_log = LogProfile { log: table.name.to_owned(), ..LogProfile::default() };
        let mut changes: Map<(String, String), Sums> = Map::default();
        for stream in query.fold(wanted, || Stream::new(&sources, address, received), Stream::add_rows)? {
            of_log.sums.add(&stream.all);
            stream.hours.iter().for_each(|(hour, records)| *of_log.hours.entry(*hour).or_default() += records);
            for ((operation, bucket), sums) in &stream.changes {
                let text = |facet: usize, number: u32| stream.facets[facet].values.text(number).unwrap_or_default();
                let key = (text(OPERATION, *operation).to_owned(), text(BUCKET, *bucket).to_owned());
                changes.entry(key).or_default().add(sums);
            }
            collected.facets.iter_mut().zip(stream.facets).for_each(|(facet, tally)| facet.merge(tally));
        }
        let change = |((operation, target), sums)| Change { log: table.name.to_owned(), operation, target, sums };
        collected.changes = changes.into_iter().map(change).collect();
        collected.logs.extend(Some(of_log).filter(|of_log| of_log.sums.count > 0));
        Ok(collected)
    }

    /// Adds another log's.
    pub(super) fn merge(&mut self, other: Self) {
        self.logs.extend(other.logs);
        self.changes.extend(other.changes);
        self.facets.iter_mut().zip(other.facets).for_each(|(facet, tally)| facet.merge(tally));
    }

    pub(super) fn into_profile(self, profile: &mut Profile) {
        profile.records = self.logs.iter().map(|log| log.sums.count).sum();
        profile.logs = self.logs;
        for ((name, kind, is_pivot), values) in FACETS.into_iter().zip(self.facets) {
            let found = values.values.iter().zip(&values.sums).filter(|(_, sums)| sums.count > 0);
            let mut found: Vec<(&str, &Sums)> = found.collect();
            found.sort_unstable_by_key(|(value, sums)| (Reverse(sums.count), *value));
            let value = |(value, sums): (&str, &Sums)| FacetValue {
                value: value.to_owned(),
                records: sums.count,
                sums: *sums,
                only_here: false,
                place: None,
            };
            profile.facets.push(Facet { name, kind, is_pivot, values: found.into_iter().map(value).collect() });
        }
        profile.changes = self.changes;
    }
}

/// The names that the measures have in the streams.
const TIME: &str = "q_time";
const FAILED: &str = "q_failed";
const BYTES_SENT: &str = "q_bytes_sent";
const BYTES_RECEIVED: &str = "q_bytes_received";

/// Stands for no facet.
const SECOND: usize = FACETS.len();

/// What one stream of a log's records adds up to.
struct Stream<'a> {
    sources: &'a [Source; FACETS.len()],
    address: Option<&'a str>,
    all: Sums,
    /// Records by hour: hours since 1970.
    hours: BTreeMap<i64, u64>,
    facets: [Tally; FACETS.len()],
    /// The dictionaries of columns, by the facet among whose values theirs are numbered; [`SECOND`] for second halves.
    last: Map<(usize, &'static str), Translated>,
    /// The second half of a value that is made of two columns, and which value the two numbers stand for.
    second: Numbers,
    pairs: Map<(u32, u32), u32>,
    /// Whether an operation changes something.
    is_change: Vec<bool>,
    /// By what operations the size of what was stored counts; with none, it always does.
    received: Option<&'static Received>,
    is_received: Vec<bool>,
    /// By operation and bucket.
    changes: Map<(u32, u32), Sums>,
}

/// The values of a facet, and what is added up of each.
#[derive(Default)]
struct Tally {
    values: Numbers,
    sums: Vec<Sums>,
}

/// What a record adds.
#[derive(Default)]
pub(super) struct Record {
    /// Microseconds since 1970.
    pub(super) time: Option<i64>,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) failed: bool,
}

impl Sums {
    pub(super) fn add_record(&mut self, record: &Record) {
        self.count += 1;
        self.errors += u64::from(record.failed);
        self.add_sent(record.sent.into());
        self.bytes_received += u128::from(record.received);
        if let Some(time) = record.time {
            self.add_times((time, time));
        }
    }
}

impl Tally {
    /// Adds what another one added up.
    fn merge(&mut self, other: Self) {
        if self.values.len() == 0 {
            *self = other;
            return;
        }
        // Dictionaries have values that no record has that was asked for.
        for (text, sums) in other.values.iter().zip(&other.sums).filter(|(_, sums)| sums.count > 0) {
            let number = self.values.number(text) as usize;
            self.sums.resize(self.values.len(), Sums::default());
            self.sums[number].add(sums);
        }
    }

    /// Adds records that all have the same value.
    fn add_all(&mut self, number: u32, of_batch: &Sums) {
        self.sums.resize(self.values.len(), Sums::default());
        if number != NULL {
            self.sums[number as usize].add(of_batch);
        }
    }

    /// Adds records, whose sums are `of_batch`, by the numbers of their values; there may be no values at all.
    fn add(&mut self, numbers: &[u32], records: &[Record], of_batch: &Sums) {
        let Some(first) = numbers.first() else { return };
        if numbers.iter().all(|number| number == first) {
            return self.add_all(*first, of_batch);
        }
        self.sums.resize(self.values.len(), Sums::default());
        for (number, record) in numbers.iter().zip(records).filter(|(number, _)| **number != NULL) {
            self.sums[*number as usize].add_record(record);
        }
    }
}

impl<'a> Stream<'a> {
    fn new(sources: &'a [Source; FACETS.len()], address: Option<&'a str>, received: Option<&'static Received>) -> Self {
        Self {
            sources,
            address,
            all: Sums::default(),
            hours: BTreeMap::new(),
            facets: std::array::from_fn(|_| Tally::default()),
            last: Map::default(),
            second: Numbers::default(),
            pairs: Map::default(),
            is_change: Vec::new(),
            received,
            is_received: Vec::new(),
            changes: Map::default(),
        }
    }

    fn add_rows(&mut self, rows: Rows) -> Result<()> {
        let left = rows.left();
        self.add(&Batch { rows, left })
    }

    fn add(&mut self, batch: &Batch) -> Result<()> {
        let mut numbers: Vec<Vec<u32>> = Vec::with_capacity(FACETS.len());
        for (place, source) in self.sources.iter().copied().enumerate() {
            numbers.push(match source {
                Source::Nothing | Source::Always(_) => Vec::new(),
                Source::Column(name) => self.numbers(place, batch, name, WHOLE)?,
                Source::Within(name, part) => self.numbers(place, batch, name, part)?,
                Source::First(names) => self.first(place, batch, names)?,
                Source::Object => self.objects(place, batch, &numbers[BUCKET])?,
                Source::Peer => self.peers(place, batch)?,
            });
        }
        self.learn_operations();
        let records = self.records(batch, &numbers[OPERATION])?;
        let mut of_batch = Sums::default();
        // Neighbours are mostly of the same hour.
        let hour = |record: &Record| record.time.map(|time| time.div_euclid(HOUR));
        for same in records.chunk_by(|a, b| hour(a) == hour(b)) {
            if let Some(hour) = hour(&same[0]) {
                *self.hours.entry(hour).or_default() += same.len() as u64;
            }
            same.iter().for_each(|record| of_batch.add_record(record));
        }
        self.all.add(&of_batch);
        for ((tally, source), numbers) in self.facets.iter_mut().zip(self.sources).zip(&numbers) {
            if let Source::Always(value) = source {
                let number = tally.values.number(value);
                tally.add_all(number, &of_batch);
            } else {
                tally.add(numbers, &records, &of_batch);
            }
        }
        self.add_changes(&records, &numbers[OPERATION], &numbers[BUCKET]);
        Ok(())
    }

    /// The numbers of a column's values, among those of a facet.
    fn numbers(&mut self, facet: usize, batch: &Batch, name: &'static str, part: Part) -> Result<Vec<u32>> {
        batch.numbers(name, &mut self.facets[facet].values, self.last.entry((facet, name)).or_default(), part)
    }

    fn first(&mut self, facet: usize, batch: &Batch, names: [&'static str; 3]) -> Result<Vec<u32>> {
        let mut found = vec![NULL; batch.left.len()];
        for name in names {
            let numbers = self.numbers(facet, batch, name, WHOLE)?;
            found
                .iter_mut()
                .zip(numbers)
                .filter(|(found, _)| **found == NULL)
                .for_each(|(found, number)| *found = number);
        }
        Ok(found)
    }

    /// The objects: a bucket, `-` if there is none, and a key.
    fn objects(&mut self, facet: usize, batch: &Batch, buckets: &[u32]) -> Result<Vec<u32>> {
        let last = self.last.entry((SECOND, "key")).or_default();
        let keys = batch.numbers("key", &mut self.second, last, WHOLE)?;
        let (before, facets) = self.facets.split_at_mut(facet);
        let (names, values) = (&before[BUCKET].values, &mut facets[0].values);
        let number = |(bucket, key): (&u32, u32)| {
            if key == NULL {
                return NULL;
            }
            *self.pairs.entry((*bucket, key)).or_insert_with(|| {
                let (bucket, key) = (names.text(*bucket).unwrap_or("-"), self.second.text(key).unwrap_or_default());
                values.number(&format!("{bucket}/{key}"))
            })
        };
        Ok(buckets.iter().zip(keys).map(number).collect())
    }

    /// The other ends of flows.
    fn peers(&mut self, facet: usize, batch: &Batch) -> Result<Vec<u32>> {
        let sources = self.numbers(facet, batch, "srcaddr", WHOLE)?;
        let last = self.last.entry((SECOND, "dstaddr")).or_default();
        let targets = batch.numbers("dstaddr", &mut self.second, last, WHOLE)?;
        let ports =
            batch.rows.column("dstport")?.as_primitive_opt::<arrow::datatypes::Int32Type>().context("no ports")?;
        let values = &mut self.facets[facet].values;
        let own = self.address.map(|address| values.number(address));
        let mut peers = Vec::with_capacity(sources.len());
        for ((row, source), target) in batch.left.iter().copied().zip(sources).zip(targets) {
            let port = ports.is_valid(row).then(|| ports.value(row));
            peers.push(match target {
                _ if Some(source) != own => source,
                NULL => NULL,
                // No port is -1, which as a number is none either.
                target => *self.pairs.entry((target, port.unwrap_or(-1).cast_unsigned())).or_insert_with(|| {
                    let address = self.second.text(target).unwrap_or_default();
                    values.number(&port.map_or_else(|| address.to_owned(), |port| format!("{address}:{port}")))
                }),
            });
        }
        Ok(peers)
    }

    /// Learns of new operations what they do.
    fn learn_operations(&mut self) {
        let values = &self.facets[OPERATION].values;
        for number in self.is_change.len()..values.len() {
            let operation = u32::try_from(number).ok().and_then(|number| values.text(number));
            let is = |test: &dyn Fn(&str) -> bool| operation.is_some_and(test);
            self.is_change.push(is(&events::is_s3_change));
            self.is_received.push(is(&|text| self.received.is_some_and(|received| received.values.contains(&text))));
        }
    }

    /// What the rows of a batch add.
    fn records(&self, batch: &Batch, operations: &[u32]) -> Result<Vec<Record>> {
        let number = |name: &str| batch.rows.column(name)?.as_primitive_opt::<Int64Type>().context("no numbers");
        let times = batch.rows.column(TIME)?.as_primitive_opt::<TimestampMicrosecondType>().context("no times")?;
        let failed = batch.rows.column(FAILED)?.as_boolean_opt().context("no failures")?;
        let (sent, received) = (number(BYTES_SENT)?, number(BYTES_RECEIVED)?);
        let value =
            |array: &Int64Array, row: usize| if array.is_valid(row) { array.value(row).unsigned_abs() } else { 0 };
        let is_received = |place: usize| {
            self.received.is_none() || operations[place] != NULL && self.is_received[operations[place] as usize]
        };
        let record = |(place, row): (usize, &usize)| Record {
            time: times.is_valid(*row).then(|| times.value(*row)),
            sent: value(sent, *row),
            received: if is_received(place) { value(received, *row) } else { 0 },
            failed: failed.is_valid(*row) && failed.value(*row),
        };
        Ok(batch.left.iter().enumerate().map(record).collect())
    }

    /// What S3 records changed. Changes by API calls have names of their own.
    fn add_changes(&mut self, records: &[Record], operations: &[u32], buckets: &[u32]) {
        for ((record, operation), bucket) in records.iter().zip(operations).zip(buckets) {
            if !record.failed && *operation != NULL && self.is_change[*operation as usize] {
                self.changes.entry((*operation, *bucket)).or_default().add_record(record);
            }
        }
    }
}

/// Rows that were read, and which of them are the entity's records.
struct Batch {
    rows: Rows,
    left: Vec<usize>,
}

impl Batch {
    /// The numbers of the records' values in a column, among `values`.
    fn numbers(&self, name: &str, values: &mut Numbers, last: &mut Translated, part: Part) -> Result<Vec<u32>> {
        values.of_rows(self.rows.column(name)?, self.left.iter().copied(), last, part)
    }
}
