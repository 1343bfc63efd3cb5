//! Groups within the memory limit: those that no longer fit go to disk, and are merged when all records were read.

use std::borrow::Cow;

use anyhow::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use sawlog_store::Store;

use super::runs::Runs;
use crate::groups::{Groups, Sums};
use crate::largest::Largest;
use crate::memory;

/// Groups in memory and on disk. A group can be in both, with some of its records in each.
pub(super) struct BoundedGroups {
    /// The groups of the records that were added last.
    pub(super) in_memory: Groups,
    memory: MemoryReservation,
    on_disk: Runs,
}

impl BoundedGroups {
    pub(super) fn new(columns: usize) -> Self {
        Self { in_memory: Groups::new(columns), memory: memory::for_groups(), on_disk: Runs::new(columns) }
    }

    /// The groups of several streams as one.
    pub(super) fn merged(streams: impl Iterator<Item = Self>, columns: usize) -> Result<Self> {
        // Their share of the memory is free for the groups that they become.
        let parts: Vec<(Groups, Runs)> = streams.map(|groups| (groups.in_memory, groups.on_disk)).collect();
        let mut merged = Self::new(columns);
        for (groups, runs) in parts {
            merged.on_disk.take(runs);
            if merged.in_memory.is_empty() {
                merged.in_memory = groups;
            } else {
                merged.in_memory.merge(&groups);
            }
            merged.fit()?;
        }
        Ok(merged)
    }

    /// Writes the groups to disk, and forgets them, if they take more memory than there is. Returns whether it did.
    pub(super) fn fit(&mut self) -> Result<bool> {
        if self.memory.try_resize(self.in_memory.bytes()).is_ok() {
            return Ok(false);
        }
        self.write()?;
        Ok(true)
    }

    fn write(&mut self) -> Result<()> {
        self.on_disk.write(&self.in_memory)?;
        self.in_memory = Groups::new(self.in_memory.columns.len());
        self.memory.free();
        Ok(())
    }

    /// Whether there may be a group with these values: what is on disk is not looked up.
    pub(super) fn may_have<'a, V: Iterator<Item = Option<Cow<'a, str>>>>(&self, values: impl Fn() -> V) -> bool {
        !self.on_disk.is_empty() || (!self.in_memory.is_empty() && self.in_memory.has(values()))
    }

    /// Offers all groups to `largest`.
    pub(super) fn offer_to<S: Fn(&Sums) -> u128>(mut self, store: &Store, largest: &mut Largest<S>) -> Result<()> {
        if self.on_disk.is_empty() {
            for (sums, ips, first, values) in self.in_memory.iter() {
                largest.offer((sums, ips), || first, values);
            }
            return Ok(());
        }
        self.write()?;
        store.block_on(self.on_disk.offer_to(largest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use sawlog_formats::EvidencePlace;

    use super::*;
    use crate::groups::Group;
    use crate::largest::RankedGroup;
    use crate::numbers::NULL;

    /// A record: the values of its group, its bytes, its address, its source file and line.
    type Record = (Option<String>, Option<String>, Option<u64>, Option<String>, (String, i64));

    fn add(groups: &mut Groups, (first, second, bytes, ip, (file, line)): &Record) {
        let number = |column: usize, value: &Option<String>, groups: &mut Groups| {
            value.as_ref().map_or(NULL, |value| groups.columns[column].number(value))
        };
        let key = [number(0, first, groups), number(1, second, groups)];
        let place = groups.place(&key);
        groups.sums[place].count += 1;
        if let Some(bytes) = bytes {
            groups.sums[place].add_bytes(None, u128::from(*bytes));
        }
        groups.sums[place].add_times((*line, *line));
        let file = groups.files.number(file);
        groups.note_first(place, EvidencePlace { file, line: *line });
        if let Some(ip) = ip {
            let ip = groups.ips.number(ip);
            groups.note_ip(place, ip);
        }
    }

    /// The groups of the records, in two streams that write what they have to disk after every so many records.
    fn ranked(store: &Store, records: &[Record], every: usize) -> Vec<Group> {
        let (one, other) = records.split_at(records.len() / 2);
        let stream = |records: &[Record]| {
            let mut groups = BoundedGroups::new(2);
            for some in records.chunks(every) {
                some.iter().for_each(|record| add(&mut groups.in_memory, record));
                if some.len() == every {
                    groups.write().unwrap();
                }
            }
            groups
        };
        let merged = BoundedGroups::merged([stream(one), stream(other)].into_iter(), 2).unwrap();
        let mut largest = Largest::new(0, 2, |sums| sums.count.into());
        merged.offer_to(store, &mut largest).unwrap();
        largest.into_ranked().iter().map(RankedGroup::to_group).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn groups_are_the_same_in_memory_and_on_disk(
            records in prop::collection::vec(
                (
                    prop::option::of("[ab]?"),
                    prop::option::of("[a-cä]"),
                    prop::option::of(any::<u64>()),
                    prop::option::of("[1-4]"),
                    ("[xyz]", 0_i64..9),
                ),
                0..60,
            ),
            every in 1_usize..9,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open_or_create(folder.path()).unwrap();
            prop_assert_eq!(ranked(&store, &records, every), ranked(&store, &records, usize::MAX));
        }
    }
}
