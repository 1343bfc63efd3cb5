//! The civil calendar, the times that a store can hold, and times in ISO 8601 forms.

use std::ops::RangeInclusive;

/// Microseconds of a day.
pub(crate) const MICROS_A_DAY: i64 = 86_400_000_000;

/// The times that a store can hold, in microseconds since 1970: the years 1 to 9999, in UTC. Dates outside these
/// years have no four-digit name, and Delta, `DataFusion` or other readers of a store refuse them.
pub const TIMES: RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Two digits as a number.
#[inline]
pub(crate) fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// A time in microseconds, if a store can hold it.
#[inline]
pub(crate) fn within_times(micros: i64) -> Option<i64> {
    TIMES.contains(&micros).then_some(micros)
}

/// A day as text and as a number, counted from 1970-01-01. It remembers the day of the last time, which most lines
/// share.
#[derive(Debug)]
pub(crate) struct LastDay<const LEN: usize> {
    text: [u8; LEN],
    day: i64,
}

impl<const LEN: usize> LastDay<LEN> {
    /// Starts with the first day of 1970 in this form. A text that was never read must not count as a day, whatever
    /// bytes a line has.
    pub(crate) const fn new(first: [u8; LEN]) -> Self {
        Self { text: first, day: 0 }
    }

    /// The number of a day; `read` computes it for a text that is not remembered.
    #[inline]
    pub(crate) fn number(&mut self, text: &[u8; LEN], read: impl FnOnce(&[u8; LEN]) -> Option<i64>) -> Option<i64> {
        if *text != self.text {
            self.day = read(text)?;
            self.text = *text;
        }
        Some(self.day)
    }
}

/// A time of a day in seconds, by the digits of its hour, minute and second.
#[inline]
pub(crate) fn second_of_day(hour: [u8; 2], minute: [u8; 2], second: [u8; 2]) -> Option<i64> {
    let [hour, minute, second] = [two(hour[0], hour[1])?, two(minute[0], minute[1])?, two(second[0], second[1])?];
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// A day of the calendar, counted from 1970-01-01.
pub(crate) fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_there = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    is_there.then(|| days_from_civil(year, month, day))
}

/// The day of a time in microseconds, counted from 1970-01-01; `None` without a time, or if no store can hold it.
#[inline]
pub(crate) fn day_of(micros: Option<i64>) -> Option<i32> {
    i32::try_from(within_times(micros?)?.div_euclid(MICROS_A_DAY)).ok()
}

/// A time of ISO 8601 as microseconds since 1970, if a store can hold it: see [`read_any_iso8601`].
pub(crate) fn read_iso8601(text: &[u8]) -> Option<i64> {
    read_any_iso8601(text).and_then(within_times)
}

/// `2021-07-29T13:06:49Z` as microseconds since 1970; further digits of a fraction are dropped. Also accepted are a
/// blank for the `T`, lower-case letters, `20210729T130649Z`, no seconds, any offset from UTC, and blanks around the
/// time and before its offset. A time without an offset is in UTC, as in AWS's logs and exports.
pub(crate) fn read_any_iso8601(text: &[u8]) -> Option<i64> {
    // Nearly no time has blanks around it.
    read_plain_iso8601(text).or_else(|| {
        let plain = text.trim_ascii();
        if plain.len() < text.len() { read_plain_iso8601(plain) } else { None }
    })
}

fn read_plain_iso8601(text: &[u8]) -> Option<i64> {
    let (date, is_compact, clock) = match text {
        [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', clock @ ..] => {
            ([*y1, *y2, *y3, *y4, *m1, *m2, *d1, *d2], false, clock)
        }
        [y1, y2, y3, y4, m1, m2, d1, d2, b'T' | b't', clock @ ..] => {
            ([*y1, *y2, *y3, *y4, *m1, *m2, *d1, *d2], true, clock)
        }
        _ => return None,
    };
    let [y1, y2, y3, y4, m1, m2, d1, d2] = date;
    let (year, month, day) = (two(y1, y2)? * 100 + two(y3, y4)?, two(m1, m2)?, two(d1, d2)?);
    let ([h1, h2, i1, i2], [s1, s2], rest) = match clock {
        [h1, h2, b':', i1, i2, b':', s1, s2, rest @ ..] if !is_compact => ([*h1, *h2, *i1, *i2], [*s1, *s2], rest),
        [h1, h2, b':', i1, i2, rest @ ..] if !is_compact => ([*h1, *h2, *i1, *i2], *b"00", rest),
        [h1, h2, i1, i2, s1, s2, rest @ ..] if is_compact && s1.is_ascii_digit() => {
            ([*h1, *h2, *i1, *i2], [*s1, *s2], rest)
        }
        [h1, h2, i1, i2, rest @ ..] if is_compact => ([*h1, *h2, *i1, *i2], *b"00", rest),
        _ => return None,
    };
    let (hour, minute, second) = (two(h1, h2)?, two(i1, i2)?, two(s1, s2)?);
    let on_calendar = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    if !on_calendar || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, rest) = read_fraction(rest)?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - read_offset(rest)?;
    Some(seconds * 1_000_000 + fraction)
}

/// The microseconds of a fraction of a second, if there is one, and the rest of the text.
fn read_fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.' | b',', rest @ ..] = text else { return Some((0, text)) };
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at(len);
    let micros = digits.iter().chain(b"000000").take(6).fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    (len > 0).then_some((micros, rest))
}

/// An offset from UTC in seconds: `Z`, `UTC`, `+02:00`, `+0200`, `+02`, or nothing.
fn read_offset(text: &[u8]) -> Option<i64> {
    let (sign, [h1, h2, m1, m2]) = match text.trim_ascii_start() {
        b"" | b"Z" | b"z" | b"UTC" => return Some(0),
        [sign, h1, h2, b':', m1, m2] | [sign, h1, h2, m1, m2] => (sign, [*h1, *h2, *m1, *m2]),
        [sign, h1, h2] => (sign, [*h1, *h2, b'0', b'0']),
        _ => return None,
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    let seconds = hours * 3600 + minutes * 60;
    match sign {
        b'+' if hours < 24 && minutes < 60 => Some(seconds),
        b'-' if hours < 24 && minutes < 60 => Some(-seconds),
        _ => None,
    }
}

pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that leap days come last.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a day counted from 1970-01-01.
#[must_use]
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Whether a word is a time such as `2024-05-01T12:00:00.000Z`.
pub(crate) fn is_time(word: &[u8]) -> bool {
    let pattern = b"0000-00-00T00:00:00";
    let alike = |(byte, like): (&u8, &u8)| if *like == b'0' { byte.is_ascii_digit() } else { byte == like };
    (pattern.len()..40).contains(&word.len()) && word.iter().zip(pattern).all(alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_ten_thousand_years_comes_back() {
        for day in days_from_civil(0, 1, 1)..=days_from_civil(9999, 12, 31) {
            let (year, month, of_month) = civil_from_days(day);
            assert_eq!(days_from_civil(year, month, of_month), day);
        }
    }

    #[test]
    fn reads_times_and_refuses_what_no_calendar_has() {
        assert_eq!(read_iso8601(b"1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(read_iso8601(b"2021-07-29T13:06:49Z"), Some(1_627_564_009_000_000));
        assert_eq!(read_iso8601(b"2021-07-29T13:06:49.5Z"), Some(1_627_564_009_500_000));
        assert_eq!(read_iso8601(b"2021-07-29T13:06:49.1234567Z"), Some(1_627_564_009_123_456));
        for text in [
            "",
            "2021-07-29",
            "2021-02-29T00:00:00Z",
            "2021-13-01T00:00:00Z",
            "2021-07-29T24:00:00Z",
            "2021-07-29T13:06:60Z",
            "2021-07-29T13:06:49.Z",
            "2021-07-29T13:06:49+24:00",
            "2021-07-29T13:06:49+0:00",
            "2021-07-29T13:06:49 + 00:00",
            "2021-07-29T13:06:49 0000",
            "2021-07-29T 13:06:49",
            "   ",
            "2021-07-29T13:06:49ZZ",
            "2021-07-29T13:06:49 PST",
            "2021-07-29T1306:49Z",
            "20210729T13:06:49Z",
            "20210729 130649Z",
            "20210729T13064Z",
            "29/07/2021 13:06:49",
            "1627564009",
        ] {
            assert_eq!(read_iso8601(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_form_of_one_time_is_that_time() {
        for text in [
            "2021-07-29T13:06:49Z",
            "2021-07-29t13:06:49z",
            "2021-07-29T13:06:49.000+00:00",
            "2021-07-29 13:06:49.000",
            "2021-07-29 13:06:49 UTC",
            "2021-07-29 13:06:49 +00:00",
            "2021-07-29 15:06:49.000 +0200",
            "2021-07-29 13:06:49 Z",
            " 2021-07-29T13:06:49Z ",
            "\t2021-07-29 13:06:49 \n",
            "2021-07-29T13:06:49,0-00:00",
            "2021-07-29T15:06:49+0200",
            "2021-07-29T15:06:49+02",
            "2021-07-30T00:36:49+11:30",
            "2021-07-28T23:06:49-14:00",
            "20210729T130649Z",
            "20210729T150649+0200",
        ] {
            assert_eq!(read_iso8601(text.as_bytes()), Some(1_627_564_009_000_000), "{text}");
        }
        assert_eq!(read_iso8601(b"2021-07-29T13:06Z"), Some(1_627_563_960_000_000));
        assert_eq!(read_iso8601(b"20210729T1306Z"), Some(1_627_563_960_000_000));
        assert_eq!(read_iso8601(b"2021-07-29 13:06:49.1234567"), Some(1_627_564_009_123_456));
    }

    #[test]
    fn no_time_outside_of_four_digits_gets_through() {
        for (text, micros) in [
            ("0001-01-01T00:00:00Z", Some(*TIMES.start())),
            ("0001-01-01T00:00:00+00:01", None),
            ("0000-12-31T23:59:59Z", None),
            ("0000-12-31T23:59:59-00:01", Some(*TIMES.start() + 59_000_000)),
            ("9999-12-31T23:59:59.999999Z", Some(*TIMES.end())),
            ("9999-12-31T23:59:59-00:01", None),
        ] {
            assert_eq!(read_iso8601(text.as_bytes()), micros, "{text}");
            let day = day_of(read_any_iso8601(text.as_bytes()));
            assert_eq!(day.is_some(), micros.is_some(), "{text}");
        }
        for micros in [i64::MIN, *TIMES.start() - 1, *TIMES.end() + 1, i64::MAX] {
            assert_eq!(day_of(Some(micros)), None);
        }
        let names = [*TIMES.start(), *TIMES.end()].map(|time| day_of(Some(time)).map(crate::date_name));
        assert_eq!(names, [Some("0001-01-01".to_owned()), Some("9999-12-31".to_owned())]);
    }
}
