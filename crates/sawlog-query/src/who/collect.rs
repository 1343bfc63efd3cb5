//! Sums an entity's records by the values of each facet, which are numbers until the end.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::logical_expr::{Expr, ident};
use foldhash::quality::RandomState;
use sawlog_formats::Part::Within;
use sawlog_formats::{Bytes, Changes, Failed, Received, Role, Value, parse_address};

use super::facet::{Facet, PerFacet};
use super::profile::{Change, FacetValue, HOUR, LogProfile, Profile};
use crate::groups::Sums;
use crate::logs::{self, Values};
use crate::numbers::{NULL, Numbers, Part, Translated};
use crate::query::{Query, Rows};

/// Where a log has the values of a facet.
enum Source {
    /// Nowhere.
    Nothing,
    /// Every record has this one.
    Always(&'static str),
    /// In the first text that has such a part.
    First(Vec<(Expr, Part)>),
    /// Bucket and key; the key is in this column.
    Object(&'static str),
    /// At each end of a flow, once per record.
    Ends(Vec<Expr>),
    /// The other end of a flow. These columns have the ends.
    Peer([&'static str; PEER.len()]),
    /// This column of numbers.
    Number(&'static str),
}

impl Source {
    /// The columns to read for it, by their names in the streams.
    fn columns(&self, facet: Facet) -> Vec<(String, Expr)> {
        match self {
            Self::Nothing | Self::Always(_) => Vec::new(),
            Self::First(texts) => {
                texts.iter().enumerate().map(|(at, (expr, _))| (column(facet, at), expr.clone())).collect()
            }
            Self::Object(key) => vec![(KEY.to_owned(), ident(*key))],
            Self::Ends(ends) => ends.iter().enumerate().map(|(at, expr)| (column(facet, at), expr.clone())).collect(),
            Self::Number(name) => vec![(column(facet, 0), ident(*name))],
            Self::Peer(columns) => {
                PEER.iter().zip(columns).map(|((_, name), column)| ((*name).to_owned(), ident(*column))).collect()
            }
        }
    }

    /// The values that a name means in a log.
    fn named(query: &Query, name: &str) -> Self {
        let part_of = logs::entity(query.format.table, name).filter(|entity| matches!(entity.part, Within(_)));
        if part_of.is_some_and(|entity| query.is_in_vain(entity.field)) {
            return Self::Nothing;
        }
        match query.values(name) {
            Some(Values::First(texts)) => Self::First(texts),
            Some(Values::Of(expr)) => Self::First(vec![(expr, Part::Whole)]),
            Some(Values::Addresses(ends)) => Self::Ends(ends),
            None => Self::Nothing,
        }
    }
}

/// The name that a text of a facet has in the streams.
fn column(facet: Facet, at: usize) -> String {
    format!("q_{facet:?}_{at}")
}

/// The names of other columns in the streams: of an object's key, and of the ends of a flow.
const KEY: &str = "q_key";
const PEER: [(Role, &str); 2] = [(Role::Source, "q_source"), (Role::Destination, "q_destination")];

/// Where the values of each facet are, as in the view `events`. `address` is the entity, if it is an address.
fn sources(query: &Query, address: Option<&str>) -> PerFacet<Source> {
    let mut all = PerFacet::of(|facet| facet.column().map_or(Source::Nothing, |name| Source::named(query, name)));
    let table = query.format.table;
    let field = |role: Role| logs::field(table, role);
    if let Some(Value::Constant(service)) = logs::role(table, Role::Service) {
        all[Facet::Services] = Source::Always(service);
    }
    // Of a log with one operation, its name says nothing.
    if matches!(logs::role(table, Role::Operation), Some(Value::Constant(_))) {
        all[Facet::Operations] = Source::Nothing;
    }
    if let Some(key) = field(Role::Bucket).and(field(Role::Key)) {
        all[Facet::Objects] = Source::Object(key);
    }
    let is_address = address.is_some_and(|address| parse_address(address).is_some());
    if let ([Some(from), Some(to)], true) = (PEER.map(|(role, _)| field(role)), is_address) {
        // Both ends of an address's flows are the address itself and its peers.
        all[Facet::Addresses] = Source::Nothing;
        all[Facet::Peers] = Source::Peer([from, to]);
        all[Facet::Ports] = field(Role::DestinationPort).map_or(Source::Nothing, Source::Number);
    }
    if field(Role::Error).is_none() {
        let failed = query.format.measures.failed.iter().find_map(|failed| match *failed {
            Failed::Is(column, value) => Some(vec![(ident(column), Part::Only(value))]),
            _ => None,
        });
        all[Facet::Errors] = failed.map_or(Source::Nothing, Source::First);
    }
    all
}

/// The facet that says what an operation changed: the bucket, or the URL for requests.
fn changed_in(sources: &PerFacet<Source>) -> Facet {
    if matches!(sources[Facet::Buckets], Source::Nothing) { Facet::Urls } else { Facet::Buckets }
}

type Map<K, V> = HashMap<K, V, RandomState>;

/// The sums.
#[derive(Default)]
pub(super) struct Collected {
    logs: Vec<LogProfile>,
    facets: PerFacet<Tally>,
    pub(super) changes: Vec<Change>,
}

impl Collected {
    /// The records of a log.
    pub(super) fn of(query: &Query, address: Option<&str>) -> Result<Self> {
        let table = query.format.table;
        let sources = sources(query, address);
        let roles = query.roles()?;
        // The numbers of operations tell which sizes were received, sooner than their texts.
        let received = query.format.measures.received.as_ref();
        let measures = [
            (TIME, query.time()?),
            (FAILED, roles.failed),
            (BYTES, roles.bytes),
            (BYTES_RECEIVED, received.map_or(roles.bytes_received, |received| ident(received.column))),
        ];
        let changes_by = match query.format.measures.changes {
            changes @ Changes::Begins(column, ..) if logs::field(table, Role::Operation) == Some(column) => changes,
            _ => Changes::Never,
        };
        let is_flow = matches!(roles.bytes_are, Some(Bytes::Flow(_)));
        let mut wanted: Vec<Expr> = measures.map(|(name, expr)| expr.alias(name)).to_vec();
        let columns = sources.iter().flat_map(|(facet, source)| source.columns(facet));
        wanted.extend(columns.map(|(name, expr)| expr.alias(name)));
        let mut collected = Self::default();
        let mut of_log = LogProfile { log: table.name.to_owned(), ..LogProfile::default() };
        let mut changes: Map<(String, String), Sums> = Map::default();
        for stream in
            query.fold(wanted, || Stream::new(&sources, address, received, changes_by, is_flow), Stream::add_rows)?
        {
            of_log.sums.add(&stream.all);
            stream.hours.iter().for_each(|(hour, records)| *of_log.hours.entry(*hour).or_default() += records);
            for ((operation, place), sums) in &stream.changes {
                let text = |facet: Facet, number: u32| stream.facets[facet].values.text(number).unwrap_or_default();
                let key =
                    (text(Facet::Operations, *operation).to_owned(), text(changed_in(&sources), *place).to_owned());
                changes.entry(key).or_default().add(sums);
            }
            stream.facets.into_iter().for_each(|(facet, tally)| collected.facets[facet].merge(tally));
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
        other.facets.into_iter().for_each(|(facet, tally)| self.facets[facet].merge(tally));
    }

    pub(super) fn into_profile(self, profile: &mut Profile) {
        profile.records = self.logs.iter().map(|log| log.sums.count).sum();
        profile.logs = self.logs;
        for (facet, values) in self.facets.into_iter() {
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
            profile.facets[facet] = found.into_iter().map(value).collect();
        }
        profile.changes = self.changes;
    }
}

/// The names that the measures have in the streams.
const TIME: &str = "q_time";
const FAILED: &str = "q_failed";
const BYTES: &str = "q_bytes";
const BYTES_RECEIVED: &str = "q_bytes_received";

/// The sums of one stream of a log's records.
struct Stream<'a> {
    sources: &'a PerFacet<Source>,
    address: Option<&'a str>,
    /// Whether bytes are bytes of flows.
    is_flow: bool,
    all: Sums,
    /// Records by hour: hours since 1970.
    hours: BTreeMap<i64, u64>,
    facets: PerFacet<Tally>,
    /// The dictionaries of columns, by the facet whose values their values are numbered among; columns of second
    /// halves have no facet.
    last: Map<(Option<Facet>, usize), Translated>,
    /// The second half of a value that is made from two columns, and which value the two numbers stand for.
    second: Numbers,
    pairs: Map<(u32, u32), u32>,
    /// The number of each port's text.
    ports: Map<i32, u32>,
    /// The operations that change something, if their names tell it.
    changes_by: Changes,
    is_change: Vec<bool>,
    /// The operations whose size of stored data counts; without any, it always counts.
    received: Option<&'static Received>,
    is_received: Vec<bool>,
    /// By operation, and by the bucket or URL.
    changes: Map<(u32, u32), Sums>,
}

/// The values of a facet, and their sums.
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
    pub(super) bytes: u64,
    pub(super) is_flow: bool,
    pub(super) received: u64,
    pub(super) failed: bool,
}

impl Sums {
    pub(super) fn add_record(&mut self, record: &Record) {
        self.count += 1;
        self.errors += u64::from(record.failed);
        let sum = if record.is_flow { &mut self.flow_bytes } else { &mut self.bytes_sent };
        *sum = Some(sum.unwrap_or_default() + u128::from(record.bytes));
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
        // Dictionaries may have values that no matching record has.
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
    fn new(
        sources: &'a PerFacet<Source>,
        address: Option<&'a str>,
        received: Option<&'static Received>,
        changes_by: Changes,
        is_flow: bool,
    ) -> Self {
        Self {
            sources,
            address,
            is_flow,
            all: Sums::default(),
            hours: BTreeMap::new(),
            facets: PerFacet::default(),
            last: Map::default(),
            second: Numbers::default(),
            pairs: Map::default(),
            ports: Map::default(),
            changes_by,
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
        let mut numbers: PerFacet<Vec<u32>> = PerFacet::default();
        let mut other_ends: Vec<(Facet, Vec<u32>)> = Vec::new();
        let sources = self.sources;
        // Buckets come before the objects in them.
        for (facet, source) in sources.iter() {
            numbers[facet] = match source {
                Source::Nothing | Source::Always(_) => Vec::new(),
                Source::First(texts) => self.first(facet, batch, texts)?,
                Source::Object(_) => self.objects(facet, batch, &numbers[Facet::Buckets])?,
                Source::Ends(ends) => {
                    let mut ends = self.ends(facet, batch, ends.len())?.into_iter();
                    let first = ends.next().unwrap_or_default();
                    other_ends.extend(ends.map(|end| (facet, end)));
                    first
                }
                Source::Peer(_) => self.peers(facet, batch)?,
                Source::Number(_) => self.numbers(facet, batch)?,
            };
        }
        self.learn_operations();
        let records = self.records(batch, &numbers[Facet::Operations])?;
        let mut of_batch = Sums::default();
        // Neighbouring records are mostly of the same hour.
        let hour = |record: &Record| record.time.map(|time| time.div_euclid(HOUR));
        for same in records.chunk_by(|a, b| hour(a) == hour(b)) {
            if let Some(hour) = hour(&same[0]) {
                *self.hours.entry(hour).or_default() += same.len() as u64;
            }
            same.iter().for_each(|record| of_batch.add_record(record));
        }
        self.all.add(&of_batch);
        for (facet, tally) in self.facets.iter_mut() {
            if let Source::Always(value) = sources[facet] {
                let number = tally.values.number(value);
                tally.add_all(number, &of_batch);
            } else {
                tally.add(&numbers[facet], &records, &of_batch);
            }
        }
        for (facet, numbers) in &other_ends {
            self.facets[*facet].add(numbers, &records, &of_batch);
        }
        self.add_changes(&records, &numbers[Facet::Operations], &numbers[changed_in(self.sources)]);
        Ok(())
    }

    /// The numbers of the first texts that are not empty, among the numbers of a facet.
    fn first(&mut self, facet: Facet, batch: &Batch, texts: &[(Expr, Part)]) -> Result<Vec<u32>> {
        let mut found: Vec<u32> = Vec::new();
        for (at, (_, part)) in texts.iter().enumerate() {
            if at > 0 && !found.contains(&NULL) {
                break;
            }
            let last = self.last.entry((Some(facet), at)).or_default();
            let numbers = batch.numbers(&column(facet, at), &mut self.facets[facet].values, last, *part)?;
            if at == 0 {
                found = numbers;
                continue;
            }
            let missing = found.iter_mut().zip(numbers).filter(|(found, _)| **found == NULL);
            missing.for_each(|(found, number)| *found = number);
        }
        Ok(found)
    }

    /// The objects: a bucket, `-` if there is none, and a key.
    fn objects(&mut self, facet: Facet, batch: &Batch, buckets: &[u32]) -> Result<Vec<u32>> {
        let last = self.last.entry((None, 0)).or_default();
        let keys = batch.numbers(KEY, &mut self.second, last, Part::Whole)?;
        let mut values = std::mem::take(&mut self.facets[facet].values);
        let names = &self.facets[Facet::Buckets].values;
        let number = |(bucket, key): (&u32, u32)| {
            if key == NULL {
                return NULL;
            }
            *self.pairs.entry((*bucket, key)).or_insert_with(|| {
                let (bucket, key) = (names.text(*bucket).unwrap_or("-"), self.second.text(key).unwrap_or_default());
                values.number(&format!("{bucket}/{key}"))
            })
        };
        let objects = buckets.iter().zip(keys).map(number).collect();
        self.facets[facet].values = values;
        Ok(objects)
    }

    /// The numbers of the addresses in each of some columns, among the numbers of a facet. Of a record's equal
    /// addresses, only the first counts.
    fn ends(&mut self, facet: Facet, batch: &Batch, columns: usize) -> Result<Vec<Vec<u32>>> {
        let mut ends: Vec<Vec<u32>> = Vec::with_capacity(columns);
        for at in 0..columns {
            let last = self.last.entry((Some(facet), at)).or_default();
            let mut end = batch.numbers(&column(facet, at), &mut self.facets[facet].values, last, Part::Address)?;
            for (row, number) in end.iter_mut().enumerate() {
                if ends.iter().any(|before| before[row] == *number) {
                    *number = NULL;
                }
            }
            ends.push(end);
        }
        Ok(ends)
    }

    /// The other ends of flows.
    fn peers(&mut self, facet: Facet, batch: &Batch) -> Result<Vec<u32>> {
        let values = &mut self.facets[facet].values;
        let sources =
            batch.numbers(PEER[0].1, values, self.last.entry((Some(facet), 0)).or_default(), Part::Address)?;
        let targets =
            batch.numbers(PEER[1].1, values, self.last.entry((Some(facet), 1)).or_default(), Part::Address)?;
        let own = self.address.map(|address| values.number(address));
        let peer = |(source, target)| if Some(source) == own { target } else { source };
        Ok(sources.into_iter().zip(targets).map(peer).collect())
    }

    /// The numbers of the records' values in a column of numbers, among the numbers of a facet.
    fn numbers(&mut self, facet: Facet, batch: &Batch) -> Result<Vec<u32>> {
        let array = batch.rows.column(&column(facet, 0))?;
        let array =
            array.as_primitive_opt::<arrow::datatypes::Int32Type>().context("a column does not hold numbers")?;
        let (ports, values) = (&mut self.ports, &mut self.facets[facet].values);
        let mut number = |value: i32| *ports.entry(value).or_insert_with(|| values.number(&value.to_string()));
        Ok(batch.left.iter().map(|row| if array.is_valid(*row) { number(array.value(*row)) } else { NULL }).collect())
    }

    /// Learns which new operations change something.
    fn learn_operations(&mut self) {
        let values = &self.facets[Facet::Operations].values;
        let received_by = self.received.and_then(|received| received.by);
        for number in self.is_change.len()..values.len() {
            let operation = u32::try_from(number).ok().and_then(|number| values.text(number));
            let is = |test: &dyn Fn(&str) -> bool| operation.is_some_and(test);
            self.is_change.push(is(&|text| self.changes_by.begins(text)));
            self.is_received.push(is(&|text| received_by.is_some_and(|(_, values)| values.contains(&text))));
        }
    }

    /// Adds the rows of a batch.
    fn records(&self, batch: &Batch, operations: &[u32]) -> Result<Vec<Record>> {
        let number = |name: &str| {
            batch.rows.column(name)?.as_primitive_opt::<Int64Type>().context("a column does not hold numbers")
        };
        let times = batch
            .rows
            .column(TIME)?
            .as_primitive_opt::<TimestampMicrosecondType>()
            .context("a column does not hold times")?;
        let failed = batch.rows.column(FAILED)?.as_boolean_opt().context("a column does not hold booleans")?;
        let (bytes, received) = (number(BYTES)?, number(BYTES_RECEIVED)?);
        let value =
            |array: &Int64Array, row: usize| if array.is_valid(row) { array.value(row).unsigned_abs() } else { 0 };
        let is_received = |place: usize| {
            self.received.is_none_or(|received| received.by.is_none())
                || operations[place] != NULL && self.is_received[operations[place] as usize]
        };
        let record = |(place, row): (usize, &usize)| Record {
            time: times.is_valid(*row).then(|| times.value(*row)),
            bytes: value(bytes, *row),
            is_flow: self.is_flow,
            received: if is_received(place) { value(received, *row) } else { 0 },
            failed: failed.is_valid(*row) && failed.value(*row),
        };
        Ok(batch.left.iter().enumerate().map(record).collect())
    }

    /// What was changed, if the name of the operation tells it. Changes by API calls have names of their own.
    fn add_changes(&mut self, records: &[Record], operations: &[u32], places: &[u32]) {
        for ((record, operation), place) in records.iter().zip(operations).zip(places) {
            if !record.failed && *operation != NULL && self.is_change[*operation as usize] {
                self.changes.entry((*operation, *place)).or_default().add_record(record);
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
