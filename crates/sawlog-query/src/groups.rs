//! A hash aggregation: groups of records and their sums. Values stay numbers until the largest groups are known.

use std::borrow::Cow;

use foldhash::quality::RandomState;
use sawlog_formats::{Bytes, EvidencePlace};

use crate::numbers::{NULL, Numbers};

/// A map with a fast hash for millions of short keys. The hash is seeded, so no log can make its values collide.
type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
type HashSet<K> = std::collections::HashSet<K, RandomState>;

/// The first record of a group in evidence order; `None` if it has no such record.
pub(crate) type First<'a> = Option<EvidencePlace<&'a str>>;

/// Sums over the records of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sums {
    /// The number of records.
    pub count: u64,
    /// The number of records that are failures.
    pub errors: u64,
    /// Total bytes that the service sent; `None` if no record has a number.
    pub bytes_sent: Option<u128>,
    /// Total bytes stored.
    pub bytes_received: u128,
    /// Total bytes of flows, in both directions; `None` if no record has a number.
    pub flow_bytes: Option<u128>,
    /// The earliest and the latest time, in microseconds since 1970; the first is greater if no times were added.
    pub(crate) times: (i64, i64),
}

impl Default for Sums {
    fn default() -> Self {
        Self { count: 0, errors: 0, bytes_sent: None, bytes_received: 0, flow_bytes: None, times: (i64::MAX, i64::MIN) }
    }
}

impl Sums {
    /// The earliest and the latest time, in microseconds since 1970; `None` if no record has a time or times were not
    /// asked for.
    #[must_use]
    pub fn times(&self) -> Option<(i64, i64)> {
        Some(self.times).filter(|(first, last)| first <= last)
    }

    /// Adds bytes to the sum for bytes sent or for flows, depending on `are`.
    pub(crate) fn add_bytes(&mut self, are: Option<Bytes>, bytes: u128) {
        let sum = match are {
            Some(Bytes::Flow(_)) => &mut self.flow_bytes,
            _ => &mut self.bytes_sent,
        };
        *sum = Some(sum.unwrap_or_default() + bytes);
    }

    /// Extends the time span to include another one.
    pub(crate) fn add_times(&mut self, (first, last): (i64, i64)) {
        self.times = (self.times.0.min(first), self.times.1.max(last));
    }

    /// Adds the sums of other records.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.errors += other.errors;
        let both = |a: Option<u128>, b: Option<u128>| a.zip(b).map(|(a, b)| a + b).or(a).or(b);
        self.bytes_sent = both(self.bytes_sent, other.bytes_sent);
        self.flow_bytes = both(self.flow_bytes, other.flow_bytes);
        self.bytes_received += other.bytes_received;
        self.add_times(other.times);
    }
}

/// A group of records that have the same values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The group's values, one for each column; `None` where the field is null (`-` in the log).
    pub values: Vec<Option<String>>,
    /// The sums over its records.
    pub sums: Sums,
    /// The number of distinct addresses; 0 if they were not counted.
    pub ips: usize,
}

/// The groups so far. A group's place is its index in these arrays.
#[derive(Default)]
pub(crate) struct Groups {
    /// For each column, its distinct values.
    pub(crate) columns: Vec<Numbers>,
    /// The numbers of each group's values, one group after the other.
    keys: Vec<u32>,
    pub(crate) sums: Vec<Sums>,
    /// The first record of each group, with the number of its source file.
    firsts: Vec<Option<EvidencePlace<u32>>>,
    pub(crate) files: Numbers,
    pub(crate) ips: Numbers,
    /// Pairs of a group's place and the number of an address that was seen in it.
    seen: HashSet<(u32, u32)>,
    /// With one column: the place of each number's group, null's first; [`NULL`] if it has no group yet.
    of_number: Vec<u32>,
    /// With several columns: the place of each key's group.
    of_key: HashMap<Box<[u32]>, u32>,
}

impl Groups {
    /// An empty set of groups by this number of columns.
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns: (0..columns).map(|_| Numbers::default()).collect(), ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// The approximate memory that all groups take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        const OF_A_HASH: usize = 2;
        let texts = self.columns.iter().chain([&self.files, &self.ips]).map(Numbers::bytes).sum::<usize>();
        let of_groups = self.sums.capacity() * (size_of::<Sums>() + size_of::<Option<EvidencePlace<u32>>>());
        let numbers = (self.keys.capacity() + self.of_number.capacity()) * size_of::<u32>();
        // With several columns, keys are stored twice, the second time in allocations of their own.
        let of_key = size_of::<(Box<[u32]>, u32)>() + OF_A_HASH + 16 * self.columns.len();
        let seen = size_of::<(u32, u32)>() + OF_A_HASH;
        texts + of_groups + numbers + self.of_key.capacity() * of_key + self.seen.capacity() * seen
    }

    /// Whether there is a group with these values.
    pub(crate) fn has<'a>(&self, values: impl Iterator<Item = Option<Cow<'a, str>>>) -> bool {
        let number =
            |(column, value): (&Numbers, Option<Cow<'_, str>>)| value.map_or(Some(NULL), |value| column.find(&value));
        let key: Option<Vec<u32>> = self.columns.iter().zip(values).map(number).collect();
        key.is_some_and(|key| match key[..] {
            [number] => self.of_number.get(number.wrapping_add(1) as usize).is_some_and(|place| *place != NULL),
            _ => self.of_key.contains_key(&key[..]),
        })
    }

    /// Adds records with these values to their group.
    pub(crate) fn add_records<'a>(
        &mut self,
        values: impl Iterator<Item = Option<Cow<'a, str>>>,
        sums: &Sums,
        first: First<'_>,
    ) {
        let number =
            |(column, value): (&mut Numbers, Option<Cow<'_, str>>)| value.map_or(NULL, |value| column.number(&value));
        let key: Vec<u32> = self.columns.iter_mut().zip(values).map(number).collect();
        let place = self.place(&key);
        self.sums[place].add(sums);
        if let Some(first) = first {
            let first = first.map(|file| self.files.number(file));
            self.note_first(place, first);
        }
    }

    /// The place of the group whose values have these numbers, one for each column. A new group is added if there is
    /// none.
    pub(crate) fn place(&mut self, key: &[u32]) -> usize {
        let [number] = key else {
            let known = self.of_key.get(key).copied();
            let place = known.unwrap_or_else(|| {
                let place = self.add(key);
                self.of_key.insert(key.into(), place);
                place
            });
            return place as usize;
        };
        let slot = number.wrapping_add(1) as usize;
        if self.of_number.len() <= slot {
            // Grow once for all numbers so far.
            self.of_number.resize(self.columns[0].len() + 1, NULL);
        }
        if self.of_number[slot] == NULL {
            self.of_number[slot] = self.add(key);
        }
        self.of_number[slot] as usize
    }

    fn add(&mut self, key: &[u32]) -> u32 {
        let place = u32::try_from(self.sums.len()).expect("fewer than 2^32 groups fit into memory");
        self.keys.extend_from_slice(key);
        self.sums.push(Sums::default());
        self.firsts.push(None);
        place
    }

    /// Notes a record, by the number of its source file. It becomes the group's first record if it is earlier.
    pub(crate) fn note_first(&mut self, place: usize, at: EvidencePlace<u32>) {
        let is_earlier = |known: EvidencePlace<u32>| {
            if at.file == known.file {
                at.line < known.line
            } else {
                self.files.text(at.file) < self.files.text(known.file)
            }
        };
        if self.firsts[place].is_none_or(is_earlier) {
            self.firsts[place] = Some(at);
        }
    }

    /// Notes that an address, given by its number, was seen in a group.
    pub(crate) fn note_ip(&mut self, place: usize, ip: u32) {
        let place = u32::try_from(place).expect("fewer than 2^32 groups fit into memory");
        self.seen.insert((place, ip));
    }

    /// Merges other groups by the same columns into these.
    pub(crate) fn merge(&mut self, other: &Self) {
        let columns: Vec<Vec<u32>> =
            self.columns.iter_mut().zip(&other.columns).map(|(columns, others)| columns.of_others(others)).collect();
        let files = self.files.of_others(&other.files);
        let ips = self.ips.of_others(&other.ips);
        let mut key = Vec::with_capacity(columns.len());
        let mut places = Vec::with_capacity(other.sums.len());
        for (place, sums) in other.sums.iter().enumerate() {
            let numbers = &other.keys[place * columns.len()..][..columns.len()];
            key.clear();
            key.extend(columns.iter().zip(numbers).map(|(column, number)| translated(column, *number)));
            let here = self.place(&key);
            self.sums[here].add(sums);
            if let Some(first) = other.firsts[place] {
                self.note_first(here, first.map(|file| translated(&files, file)));
            }
            places.push(here);
        }
        for (place, ip) in &other.seen {
            self.note_ip(places[*place as usize], ips[*ip as usize]);
        }
    }

    /// All groups with records: their sums, number of distinct addresses, first record and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Sums, usize, First<'_>, impl Iterator<Item = Option<&str>>)> {
        let mut ips = vec![0; if self.seen.is_empty() { 0 } else { self.sums.len() }];
        self.seen.iter().for_each(|(place, _)| ips[*place as usize] += 1);
        let all = self.sums.iter().enumerate();
        // A group can be added before its records, and none may follow.
        all.filter(|(_, sums)| sums.count > 0).map(move |(place, sums)| {
            (sums, ips.get(place).copied().unwrap_or_default(), self.first(place), self.values(place))
        })
    }

    /// The values of a group.
    pub(crate) fn values(&self, place: usize) -> impl Iterator<Item = Option<&str>> {
        let key = &self.keys[place * self.columns.len()..][..self.columns.len()];
        self.columns.iter().zip(key).map(|(column, number)| column.text(*number))
    }

    /// The first record of a group.
    pub(crate) fn first(&self, place: usize) -> First<'_> {
        self.firsts[place].map(|first| first.map(|file| self.files.text(file).unwrap_or_default()))
    }

    /// The groups with records, ordered by their values: the place of each, first alone, then with each address that
    /// was seen in it.
    pub(crate) fn in_order(&self) -> Vec<(usize, Option<&str>)> {
        let alone = (0..self.sums.len()).filter(|place| self.sums[*place].count > 0).map(|place| (place, None));
        let seen = self.seen.iter().map(|(place, ip)| (*place as usize, self.ips.text(*ip)));
        let mut all: Vec<(usize, Option<&str>)> = alone.chain(seen).collect();
        all.sort_unstable_by(|a, b| self.values(a.0).cmp(self.values(b.0)).then_with(|| a.1.cmp(&b.1)));
        all
    }
}

/// Translates a number of another set to this one's; [`NULL`] stays the same.
fn translated(numbers: &[u32], number: u32) -> u32 {
    numbers.get(number as usize).copied().unwrap_or(NULL)
}
