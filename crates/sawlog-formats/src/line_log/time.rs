//! Times as load balancers write them, `2018-07-02T22:23:00.186641Z`.

use crate::calendar::{LastDay, MICROS_A_DAY, civil_from_days, day_number, read_any_iso8601, second_of_day, two};

/// The length of a time in this form.
const LEN: usize = 27;
/// The length of its day.
const DAY_LEN: usize = 10;

/// Reads times, remembering the last day: most lines have the day of the line before.
#[derive(Debug)]
pub(super) struct TimeReader(LastDay<DAY_LEN>);

impl Default for TimeReader {
    fn default() -> Self {
        Self(LastDay::new(*b"1970-01-01"))
    }
}

impl TimeReader {
    /// Reads a time in any form of ISO 8601: microseconds since 1970 in UTC, and whether printing it gives the same
    /// text.
    #[inline]
    pub(super) fn read(&mut self, text: &[u8]) -> Option<(i64, bool)> {
        let plain = text.first_chunk::<LEN>().filter(|_| text.len() == LEN).and_then(|text| self.read_plain(text));
        plain.map(|micros| (micros, true)).or_else(|| Some((read_any_iso8601(text)?, false)))
    }

    fn read_plain(&mut self, text: &[u8; LEN]) -> Option<i64> {
        let (day_text, clock) = text.split_first_chunk::<DAY_LEN>()?;
        let [b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3, f4, f5, f6, b'Z'] = clock else { return None };
        let day = self.0.number(day_text, read_day)?;
        let seconds = second_of_day([*h1, *h2], [*m1, *m2], [*s1, *s2])?;
        let fraction = two(*f1, *f2)? * 10_000 + two(*f3, *f4)? * 100 + two(*f5, *f6)?;
        Some((day * 86_400 + seconds) * 1_000_000 + fraction)
    }
}

/// `2018-07-02` as days since 1970.
fn read_day(text: &[u8; DAY_LEN]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    day_number(two(*y1, *y2)? * 100 + two(*y3, *y4)?, two(*m1, *m2)?, two(*d1, *d2)?)
}

/// Prints a time of the years 1 to 9999.
pub(super) fn print(micros: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(micros.div_euclid(MICROS_A_DAY));
    let clock = micros.rem_euclid(MICROS_A_DAY);
    let (seconds, fraction) = (clock / 1_000_000, clock % 1_000_000);
    put(year, 4, out);
    for (before, number) in [(b'-', month), (b'-', day), (b'T', seconds / 3600)] {
        out.push(before);
        put(number, 2, out);
    }
    for number in [seconds / 60 % 60, seconds % 60] {
        out.push(b':');
        put(number, 2, out);
    }
    out.push(b'.');
    put(fraction, 6, out);
    out.push(b'Z');
}

/// Prints a non-negative number with this many digits.
pub(super) fn put(number: i64, digits: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + digits, b'0');
    let mut left = number;
    for place in out[start..].iter_mut().rev() {
        *place = b'0' + u8::try_from(left.rem_euclid(10)).unwrap_or_default();
        left /= 10;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::TIMES;

    fn printed(micros: i64) -> Vec<u8> {
        let mut out = Vec::new();
        print(micros, &mut out);
        out
    }

    #[test]
    fn a_time_is_read_and_printed() {
        let text = b"2018-07-02T22:23:00.186641Z";
        assert_eq!(TimeReader::default().read(text), Some((1_530_570_180_186_641, true)));
        assert_eq!(printed(1_530_570_180_186_641), text);
        assert_eq!(TimeReader::default().read(b"2018-07-02T22:23:00Z"), Some((1_530_570_180_000_000, false)));
        for other in ["2018-02-29T00:00:00.000000Z", "2018-07-02T24:00:00.000000Z", "2018-07-02", "-", ""] {
            assert_eq!(TimeReader::default().read(other.as_bytes()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_time_comes_back(times in prop::collection::vec(TIMES, 1..10)) {
            let mut reader = TimeReader::default();
            for micros in times {
                prop_assert_eq!(reader.read(&printed(micros)), Some((micros, true)));
            }
        }

        /// What a reader remembers changes nothing.
        #[test]
        fn what_was_read_before_changes_nothing(texts in prop::collection::vec(prop_oneof![
            "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:00\\.000000Z",
            "(1970-01-01|2024-02-29)T00:00:0[0-9]\\.[0-9]{6}[Zz]",
            "\\PC{27}",
        ], 1..20)) {
            let mut reader = TimeReader::default();
            for text in &texts {
                prop_assert_eq!(reader.read(text.as_bytes()), TimeReader::default().read(text.as_bytes()));
            }
        }
    }
}
