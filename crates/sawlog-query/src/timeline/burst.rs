//! Records that belong together as one line of the timeline.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anyhow::Result;
use foldhash::quality::RandomState;
use sawlog_formats::EvidencePlace;

use super::Folds;

/// Records of the same kind that follow within this many seconds belong to one burst.
const BURST_SECONDS: i64 = 60;
/// This many bursts may wait for an earlier one to end.
const MAX_WAITING: usize = 10_000;

/// Records of one kind in a burst.
#[derive(Clone, Debug)]
pub struct Burst {
    /// When the first and the last one happened; `None` if no record says it.
    pub times: Option<(i64, i64)>,
    /// How many records there are.
    pub count: u64,
    /// What they have in common.
    pub kind: Kind,
    /// The name of what was created, changed, deleted or read; empty if the log does not say it, or if there are
    /// several.
    pub subject: Arc<str>,
    /// What the first record is about; if there are several, what they have in common.
    pub target: Arc<str>,
    /// Whether they changed something; what failed did not.
    pub changes: bool,
    /// The sum of their bytes.
    pub bytes: i128,
    /// The file of the first one.
    pub source_file: Arc<str>,
    /// Its line there.
    pub source_line: i64,
}

/// What records of a burst have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// The log's table.
    pub log: Arc<str>,
    /// Who acted.
    pub actor: Arc<str>,
    /// From where.
    pub src_ip: Arc<str>,
    /// What was done.
    pub operation: Arc<str>,
    /// The bucket, the resource, or the address.
    pub place: Arc<str>,
    /// What a change is about, even one that failed: changes of different things are different kinds.
    pub changed: Arc<str>,
    /// A number for what else distinguishes changes; 0 if nothing does.
    pub differ: i64,
    /// `success` or `failure`; empty if that is not known.
    pub outcome: Arc<str>,
    /// Why it failed.
    pub error: Arc<str>,
}

impl Burst {
    /// Whether it failed.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        &*self.kind.outcome == "failure"
    }

    /// Whether the records are about several things in one place.
    #[must_use]
    pub fn is_of_several(&self) -> bool {
        self.count > 1 && self.subject.is_empty() && self.target == self.kind.place
    }

    /// What it was about, in words.
    #[must_use]
    pub fn about(&self) -> String {
        match &*self.subject {
            "" if self.is_of_several() && !self.target.is_empty() => format!("in {}", self.target),
            "" => self.target.to_string(),
            subject => subject.to_owned(),
        }
    }

    /// Whether another record of the kind that comes later belongs to it.
    fn takes(&self, later: &Self) -> bool {
        // A subject that was cut may really be another one.
        let is_whole = !self.kind.changed.ends_with('…');
        is_whole && !later.begins_after(self)
    }

    /// Whether it begins so long after the end of another burst that the other is over.
    fn begins_after(&self, earlier: &Self) -> bool {
        match (self.times, earlier.times) {
            (Some((first, _)), Some((_, last))) => first.saturating_sub(last) > BURST_SECONDS * 1_000_000,
            (now, before) => now.is_some() != before.is_some(),
        }
    }

    fn add(&mut self, record: &Self) {
        if let (Some((_, last)), Some((_, now))) = (&mut self.times, record.times) {
            *last = now;
        }
        self.count += record.count;
        self.bytes += record.bytes;
        if self.target != record.target {
            self.target.clone_from(&self.kind.place);
        }
        if self.subject != record.subject {
            self.subject = Arc::default();
            self.target.clone_from(&self.kind.place);
        }
    }
}

/// The function that takes bursts.
pub(super) type Take<'a> = dyn FnMut(Burst) -> Result<()> + 'a;

/// Folds records into bursts, and passes these on in the order of their first records.
#[derive(Default)]
pub(super) struct Folding {
    folds: Folds,
    pub(super) any: bool,
    waiting: VecDeque<Burst>,
    /// How many bursts were passed on: the number of the first one that waits.
    given: usize,
    /// The numbers of the bursts that may continue, by kind.
    open: HashMap<Kind, usize, RandomState>,
    orders: Vec<Order>,
}

/// The order of a log's records in the evidence, as they come by time.
struct Order {
    log: Arc<str>,
    /// The place of the last record so far.
    furthest: EvidencePlace<Arc<str>>,
    /// How many records come before an earlier one in the evidence.
    late: u64,
}

impl Folding {
    pub(super) fn new(folds: Folds) -> Self {
        Self { folds, ..Self::default() }
    }

    /// Whether all lines that were asked for were passed on.
    pub(super) fn has_enough(&self) -> bool {
        self.folds.most.is_some_and(|most| self.given >= most)
    }

    pub(super) fn add(&mut self, record: Burst, take: &mut Take<'_>) -> Result<()> {
        self.any = true;
        self.note_order(&record);
        while let Some(burst) = self.waiting.front() {
            let is_over = self.folds.expand || record.begins_after(burst);
            if !is_over && self.waiting.len() < MAX_WAITING {
                break;
            }
            self.give(take)?;
        }
        let number = self.open.get(&record.kind).copied().filter(|_| !self.folds.expand);
        let burst = number.and_then(|number| self.waiting.get_mut(number.checked_sub(self.given)?));
        if let Some(burst) = burst.filter(|burst| burst.takes(&record)) {
            burst.add(&record);
        } else {
            self.open.insert(record.kind.clone(), self.given + self.waiting.len());
            self.waiting.push_back(record);
        }
        Ok(())
    }

    fn note_order(&mut self, record: &Burst) {
        let (file, line) = (&record.source_file, record.source_line);
        let Some(order) = self.orders.iter_mut().find(|order| order.log == record.kind.log) else {
            let furthest = EvidencePlace { file: file.clone(), line };
            return self.orders.push(Order { log: record.kind.log.clone(), furthest, late: 0 });
        };
        let furthest = &mut order.furthest;
        if (file, line) < (&furthest.file, furthest.line) {
            order.late += 1;
        } else {
            furthest.line = line;
            if furthest.file != *file {
                furthest.file.clone_from(file);
            }
        }
    }

    fn give(&mut self, take: &mut Take<'_>) -> Result<()> {
        let Some(burst) = self.waiting.pop_front() else { return Ok(()) };
        if self.open.get(&burst.kind) == Some(&self.given) {
            self.open.remove(&burst.kind);
        }
        if !self.has_enough() {
            take(burst)?;
        }
        self.given += 1;
        Ok(())
    }

    /// Passes on the waiting bursts. Returns for each log how many records are out of time order in the evidence.
    pub(super) fn finish(mut self, take: &mut Take<'_>) -> Result<Vec<(String, u64)>> {
        while !self.waiting.is_empty() {
            self.give(take)?;
        }
        let late = self.orders.into_iter().filter(|order| order.late > 0);
        Ok(late.map(|order| (order.log.to_string(), order.late)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seconds: Option<i64>, operation: &str) -> Burst {
        let text = Arc::default;
        let operation = operation.into();
        let kind = Kind {
            log: text(),
            actor: text(),
            src_ip: text(),
            operation,
            place: text(),
            changed: text(),
            differ: 0,
            outcome: text(),
            error: text(),
        };
        Burst {
            times: seconds.map(|seconds| (seconds * 1_000_000, seconds * 1_000_000)),
            count: 1,
            kind,
            subject: text(),
            target: text(),
            changes: false,
            bytes: i64::MAX.into(),
            source_file: text(),
            source_line: 1,
        }
    }

    fn folded(folds: Folds, records: &[Burst]) -> Vec<(Option<i64>, u64)> {
        let (mut folding, mut kept) = (Folding::new(folds), Vec::new());
        let mut take = |burst| {
            kept.push(burst);
            Ok(())
        };
        records.iter().for_each(|record| folding.add(record.clone(), &mut take).unwrap());
        folding.finish(&mut take).unwrap();
        kept.iter().map(|burst| (burst.times.map(|(first, _)| first / 1_000_000), burst.count)).collect()
    }

    #[test]
    fn records_without_a_time_are_a_burst_of_their_own() {
        let (far, none) = (i64::MAX / 1_000_000, None);
        let records = [Some(-far), Some(0), Some(60), Some(121), Some(far), none, none].map(|time| record(time, "a"));
        let all = folded(Folds::default(), &records);
        assert_eq!(all, [(Some(-far), 1), (Some(0), 2), (Some(121), 1), (Some(far), 1), (None, 2)]);
        assert_eq!(folded(Folds { most: Some(2), ..Folds::default() }, &records), all[..2]);
        assert_eq!(folded(Folds { expand: true, most: None }, &records).len(), records.len());
    }
}
