//! The lines of the timeline that a report shows if there are too many.
//!
//! Failures and changes come before others. For each kind of line (who did what, with which outcome), the first line
//! comes first, then lines further and further apart. So a kind with thousands of lines leaves room for a kind with
//! few, and the chosen lines are spread over the whole case.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use crate::timeline::Burst;

/// Up to this many lines are marked for paper.
const ON_PAPER: usize = 300;
/// This many kinds of lines are distinguished; all others count as one.
const MAX_KINDS: usize = 100_000;
/// A share of the lines is kept for lines that neither fail nor change anything.
const SHARE_OF_OTHERS: usize = 4;

/// A line of a report.
pub struct Line {
    /// What it tells.
    pub burst: Burst,
    /// Whether it is printed on paper, too.
    pub on_paper: bool,
}

/// The lines chosen, and how many there are.
#[derive(Default)]
pub struct Chosen {
    /// The lines, by time.
    pub lines: Vec<Line>,
    /// How many lines the timeline has in all.
    pub all: usize,
    /// How many of these fail or change something.
    pub marked: usize,
}

/// Chooses lines as they come, and keeps no more than were asked for of each class.
pub(super) struct Chooser {
    most: usize,
    marked: Class,
    others: Class,
    hasher: RandomState,
    kinds: HashMap<u64, u64>,
}

/// The lines kept of one class, the least important last.
#[derive(Default)]
struct Class {
    kept: BTreeMap<Importance, Burst>,
    seen: usize,
}

/// How unimportant a line is: its rank, then its place with the bits reversed, so that the lines left out are spread
/// over the whole case.
type Importance = (u32, usize);

impl Chooser {
    /// Chooses up to `most` lines; 0 is all.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: if most == 0 { usize::MAX } else { most },
            marked: Class::default(),
            others: Class::default(),
            hasher: RandomState::new(),
            kinds: HashMap::new(),
        }
    }

    /// How many lines of its kind there were before.
    fn before(&mut self, burst: &Burst) -> u64 {
        let kind = &burst.kind;
        let hash = self.hasher.hash_one((&kind.log, &kind.actor, &kind.operation, &kind.outcome, &kind.error));
        let key = if self.kinds.len() < MAX_KINDS || self.kinds.contains_key(&hash) { hash } else { 0 };
        let seen = self.kinds.entry(key).or_default();
        *seen += 1;
        *seen - 1
    }

    /// Chooses among the lines so far and one more.
    pub(super) fn add(&mut self, burst: Burst) {
        let rank = rank(self.before(&burst));
        let place = self.marked.seen + self.others.seen;
        let class = if burst.changes || burst.is_failure() { &mut self.marked } else { &mut self.others };
        class.seen += 1;
        class.kept.insert((rank, place.reverse_bits()), burst);
        if class.kept.len() > self.most {
            class.kept.pop_last();
        }
    }

    /// The lines chosen, in their order.
    pub(super) fn finish(self) -> Chosen {
        let (marked, all) = (self.marked.seen, self.marked.seen + self.others.seen);
        let least = self.most / SHARE_OF_OTHERS;
        let others = self.others.kept.len().min(self.most.saturating_sub(self.marked.kept.len()).max(least));
        let kept = self.marked.kept.into_iter().take(self.most - others).enumerate();
        let kept = kept.map(|(nth, ((_, place), burst))| (place, Line { burst, on_paper: nth < ON_PAPER }));
        let rest = self.others.kept.into_iter().take(others);
        let rest = rest.map(|((_, place), burst)| (place, Line { burst, on_paper: false }));
        let mut lines: Vec<(usize, Line)> = kept.chain(rest).collect();
        lines.sort_by_key(|(place, _)| place.reverse_bits());
        Chosen { lines: lines.into_iter().map(|(_, line)| line).collect(), all, marked }
    }
}

/// How unimportant a line is that has this many lines of its kind before it: 0 for the first, 1 for those at powers
/// of two, more the further it is from one.
fn rank(before: u64) -> u32 {
    if before == 0 { 0 } else { u64::BITS - before.leading_zeros() - before.trailing_zeros() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_thin_out() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 8].map(rank), [0, 1, 1, 2, 1, 3, 2, 3, 1]);
    }
}
