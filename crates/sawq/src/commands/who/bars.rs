//! Records by time as a line of bars.

use std::collections::BTreeMap;

/// An hour and a day, in microseconds.
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// The most bars, and the fewest that say something.
pub(super) const MAX_BARS: usize = 48;
pub(super) const MIN_BARS: usize = 8;

/// Records by time as some `most` bars: one per hour or per several hours for up to two days, else one per day or per
/// several days. Also returns what a bar stands for.
pub(super) fn sparkline(hours: &BTreeMap<i64, u64>, times: (i64, i64), most: usize) -> (String, String) {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let span = times.1 - times.0;
    let most = i64::try_from(most.clamp(MIN_BARS, MAX_BARS)).unwrap_or(i64::MAX);
    let named = |count: i64, unit: &str| if count == 1 { unit.to_owned() } else { format!("{count} {unit}s") };
    let (step, unit) = if span < 2 * DAY {
        let hours = (span / HOUR).div_euclid(most) + 1;
        (hours, named(hours, "hour"))
    } else {
        let days = (span / DAY + 1).div_euclid(most) + 1;
        (24 * days, named(days, "day"))
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
        assert_eq!(sparkline(&hours, (0, 3 * HOUR), MAX_BARS), ("▁█ ▄".to_owned(), "hour".to_owned()));
        let days = BTreeMap::from([(0, 1), (30, 1), (72, 2)]);
        assert_eq!(sparkline(&days, (0, 3 * DAY), MAX_BARS), ("▄▄ █".to_owned(), "day".to_owned()));
        let (bars, unit) = sparkline(&days, (0, 400 * DAY), MAX_BARS);
        assert_eq!((bars.chars().count(), unit.as_str()), (45, "9 days"));
        let (bars, unit) = sparkline(&days, (0, 400 * DAY), 10);
        assert_eq!((bars.chars().count(), unit.as_str()), (10, "41 days"));
        let (bars, unit) = sparkline(&hours, (0, 2 * DAY - 1), 12);
        assert_eq!((bars.chars().count(), unit.as_str()), (12, "4 hours"));
    }
}
