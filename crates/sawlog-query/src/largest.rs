//! Top-k selection: the largest of many groups. They are stored as columns, so millions of groups need few allocations.

use std::cmp::{Ordering, Reverse};
use std::ops::Range;

use sawlog_formats::EvidencePlace;

use crate::groups::{First, Group, Sums};
use crate::numbers::Numbers;

/// Selects the largest of the groups that are offered, by the `size` of their sums. Ties are in evidence order of their
/// first records.
pub(crate) struct Largest<S> {
    number: usize,
    size: S,
    /// The largest groups so far and some others, unsorted.
    kept: Kept,
    /// Whether the group at place `number - 1` is a lower bound, below which groups are dropped. It is so once the kept
    /// groups were cut down to the `number` largest.
    is_bounded: bool,
}

/// Groups, as columns. A group's place is its index in these arrays.
#[derive(Default)]
struct Kept {
    columns: usize,
    sizes: Vec<u128>,
    sums: Vec<Sums>,
    ips: Vec<usize>,
    /// First records, with the numbers of their source files.
    firsts: Vec<Option<EvidencePlace<u32>>>,
    files: Numbers,
    /// The ranges in `texts` of each group's values, one group after the other; `None` for null.
    values: Vec<Option<Range<usize>>>,
    texts: String,
}

/// The largest groups, the largest first.
#[derive(Default)]
pub(crate) struct Ranked {
    kept: Kept,
    order: Vec<usize>,
}

/// One of the largest groups.
#[derive(Clone, Copy)]
pub(crate) struct RankedGroup<'a> {
    kept: &'a Kept,
    place: usize,
}

impl<S: Fn(&Sums) -> u128> Largest<S> {
    /// Selects the `number` largest groups, or all if it is 0, which have this number of columns.
    pub(crate) fn new(number: usize, columns: usize, size: S) -> Self {
        let number = if number == 0 { usize::MAX } else { number };
        Self { number, size, kept: Kept { columns, ..Kept::default() }, is_bounded: false }
    }

    /// Offers a group. Its first record and values are evaluated only if it can be one of the largest.
    pub(crate) fn offer<'a, V: AsRef<str>>(
        &mut self,
        (sums, ips): (&Sums, usize),
        first: impl Fn() -> First<'a>,
        values: impl Iterator<Item = Option<V>>,
    ) {
        let size = (self.size)(sums);
        if self.is_bounded {
            let bound = self.number - 1;
            let order = Reverse(size).cmp(&Reverse(self.kept.sizes[bound]));
            if order.then_with(|| first().cmp(&self.kept.first(bound))).is_gt() {
                return;
            }
        }
        self.kept.push(size, (sums, ips), first(), values);
        if self.kept.len() >= self.number.saturating_mul(2).max(64) {
            self.leave_largest();
        }
    }

    /// If there are more than `number` groups, drops all but the largest of them.
    fn leave_largest(&mut self) {
        if self.kept.len() > self.number {
            let order = self.kept.order();
            self.kept = self.kept.only(&order[..self.number]);
            self.is_bounded = true;
        }
    }

    pub(crate) fn into_ranked(mut self) -> Ranked {
        self.leave_largest();
        let order = self.kept.order();
        Ranked { kept: self.kept, order }
    }
}

impl Kept {
    fn len(&self) -> usize {
        self.sizes.len()
    }

    fn push<V: AsRef<str>>(
        &mut self,
        size: u128,
        (sums, ips): (&Sums, usize),
        first: First<'_>,
        values: impl Iterator<Item = Option<V>>,
    ) {
        self.sizes.push(size);
        self.sums.push(*sums);
        self.ips.push(ips);
        self.firsts.push(first.map(|first| first.map(|file| self.files.number(file))));
        for value in values {
            let start = self.texts.len();
            self.values.push(value.map(|value| {
                self.texts.push_str(value.as_ref());
                start..self.texts.len()
            }));
        }
    }

    fn first(&self, place: usize) -> First<'_> {
        self.firsts[place].map(|first| first.map(|file| self.files.text(file).unwrap_or_default()))
    }

    fn values(&self, place: usize) -> impl Iterator<Item = Option<&str>> {
        let values = &self.values[place * self.columns..][..self.columns];
        values.iter().map(|value| value.clone().map(|value| &self.texts[value]))
    }

    /// The places of all groups, the largest first.
    fn order(&self) -> Vec<usize> {
        // Rank the file names once, so that groups compare numbers instead of texts.
        let mut files: Vec<(&str, usize)> = self.files.iter().zip(0..).collect();
        files.sort_unstable();
        let mut ranks = vec![0; files.len()];
        files.iter().zip(0_usize..).for_each(|((_, number), rank)| ranks[*number] = rank);
        let first = |place: usize| self.firsts[place].map(|first| first.map(|file| ranks[file as usize]));
        let mut order: Vec<_> =
            (0..self.len()).map(|place| (Reverse(self.sizes[place]), first(place), place)).collect();
        order.sort_unstable_by(|a, b| {
            let by_values = || -> Ordering { self.values(a.2).cmp(self.values(b.2)) };
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(by_values)
        });
        order.into_iter().map(|(.., place)| place).collect()
    }

    /// A copy of the groups at some places, in this order.
    fn only(&self, places: &[usize]) -> Self {
        let mut kept = Self { columns: self.columns, ..Self::default() };
        for place in places {
            let sums = (&self.sums[*place], self.ips[*place]);
            kept.push(self.sizes[*place], sums, self.first(*place), self.values(*place));
        }
        kept
    }
}

impl Ranked {
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = RankedGroup<'_>> + Clone {
        self.order.iter().map(|place| RankedGroup { kept: &self.kept, place: *place })
    }
}

impl<'a> RankedGroup<'a> {
    pub(crate) fn sums(&self) -> &'a Sums {
        &self.kept.sums[self.place]
    }

    /// The number of distinct addresses; 0 if they were not counted.
    pub(crate) fn ips(&self) -> usize {
        self.kept.ips[self.place]
    }

    /// The value of a column; `None` if it is null.
    pub(crate) fn value(&self, column: usize) -> Option<&'a str> {
        self.kept.values(self.place).nth(column).flatten()
    }

    /// An owned copy of the group.
    pub(crate) fn to_group(self) -> Group {
        let values = self.kept.values(self.place).map(|value| value.map(str::to_owned)).collect();
        Group { values, sums: *self.sums(), ips: self.ips() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_largest_are_those_that_sorting_puts_first(
            offered in prop::collection::vec(
                (0_u64..4, prop::option::of(("[a-c]", 0_i64..3)), prop::option::of("[xy]?")),
                0..300,
            ),
            number in 0_usize..10,
        ) {
            let mut largest = Largest::new(number, 2, |sums| sums.count.into());
            for (place, (count, first, value)) in offered.iter().enumerate() {
                let sums = Sums { count: *count, ..Sums::default() };
                let first = || first.as_ref().map(|(file, line)| EvidencePlace { file: file.as_str(), line: *line });
                let values = [value.clone(), Some(place.to_string())];
                largest.offer((&sums, place), first, values.into_iter());
            }
            let key = |(count, first, value): &(u64, Option<(String, i64)>, Option<String>)| {
                (Reverse(*count), first.clone(), value.clone())
            };
            let ranked = largest.into_ranked();
            for group in ranked.iter() {
                let (_, _, value) = &offered[group.ips()];
                let owned = group.to_group();
                prop_assert_eq!(&owned.values, &[value.clone(), Some(group.ips().to_string())]);
                prop_assert_eq!(group.value(0), value.as_deref());
            }
            // Groups with equal size and first record may be cut off in any order.
            let of_kept = |(count, first, _): (Reverse<u64>, _, _)| (count, first);
            let found: Vec<_> = ranked.iter().map(|group| of_kept(key(&offered[group.ips()]))).collect();
            let mut sorted: Vec<_> = offered.iter().map(key).map(of_kept).collect();
            sorted.sort();
            sorted.truncate(if number == 0 { usize::MAX } else { number });
            prop_assert_eq!(found, sorted);
        }
    }
}
