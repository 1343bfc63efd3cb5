//! Times as S3 writes them, `[29/Jul/2021:13:09:55 +0000]`.

use crate::calendar::{LastDay, civil_from_days, day_number, second_of_day, two};

/// The length of a time with its brackets.
pub(super) const TIME_LEN: usize = 28;

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Reads times, remembering the last day: most lines have the day of the line before.
#[derive(Debug)]
pub(super) struct TimeReader(LastDay<12>);

impl Default for TimeReader {
    fn default() -> Self {
        Self(LastDay::new(*b"[01/Jan/1970"))
    }
}

impl TimeReader {
    /// Reads a time with its brackets: microseconds since 1970 in UTC, and whether it was written with offset `+0000`.
    #[inline]
    pub(super) fn read(&mut self, text: &[u8; TIME_LEN]) -> Option<(i64, bool)> {
        let (day_text, clock) = text.split_first_chunk::<12>()?;
        let [_, h1, h2, b':', m1, m2, b':', s1, s2, b' ', offset @ .., b']'] = clock else {
            return None;
        };
        if clock[0] != b':' {
            return None;
        }
        let day = self.0.number(day_text, read_day)?;
        let seconds = second_of_day([*h1, *h2], [*m1, *m2], [*s1, *s2])?;
        let utc = offset == b"+0000";
        let shift = if utc { 0 } else { read_offset(offset)? };
        Some(((day * 86_400 + seconds - shift) * 1_000_000, utc))
    }
}

/// `[29/Jul/2021` as days since 1970.
fn read_day(text: &[u8; 12]) -> Option<i64> {
    let [b'[', d1, d2, b'/', month @ .., b'/', y1, y2, y3, y4] = text else { return None };
    let month = 1 + MONTHS.iter().position(|name| name.as_slice() == month)?;
    let year = two(*y1, *y2)? * 100 + two(*y3, *y4)?;
    day_number(year, i64::try_from(month).ok()?, two(*d1, *d2)?)
}

/// `+0130` as seconds.
fn read_offset(text: &[u8]) -> Option<i64> {
    let [sign, h1, h2, m1, m2] = text else { return None };
    let (hours, minutes) = (two(*h1, *h2)?, two(*m1, *m2)?);
    let seconds = hours * 3600 + minutes * 60;
    match sign {
        b'+' if hours < 24 && minutes < 60 => Some(seconds),
        b'-' if hours < 24 && minutes < 60 => Some(-seconds),
        _ => None,
    }
}

/// Prints a time with its brackets, in UTC.
pub(super) fn print(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros.div_euclid(1_000_000);
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let clock = seconds.rem_euclid(86_400);
    out.push(b'[');
    push_two(day, out);
    out.push(b'/');
    out.extend_from_slice(
        usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).map_or(b"???", |name| *name),
    );
    out.push(b'/');
    push_two(year / 100, out);
    push_two(year % 100, out);
    for part in [clock / 3600, clock / 60 % 60, clock % 60] {
        out.push(b':');
        push_two(part, out);
    }
    out.extend_from_slice(b" +0000]");
}

fn push_two(value: i64, out: &mut Vec<u8>) {
    let digit = |value: i64| b'0' + u8::try_from(value.rem_euclid(10)).unwrap_or_default();
    out.extend_from_slice(&[digit(value / 10), digit(value)]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(i64, bool)> {
        TimeReader::default().read(text.as_bytes().try_into().ok()?)
    }

    #[test]
    fn reads_offsets_and_refuses_what_no_calendar_has() {
        assert_eq!(read("[01/Jan/1970:00:00:01 +0000]"), Some((1_000_000, true)));
        assert_eq!(read("[01/Jan/1970:02:00:01 +0200]"), Some((1_000_000, false)));
        assert_eq!(read("[29/Feb/2024:00:00:00 +0000]"), Some((1_709_164_800_000_000, true)));
        for text in [
            "[29/Feb/2023:00:00:00 +0000]",
            "[00/Jan/2023:00:00:00 +0000]",
            "[01/Jab/2023:00:00:00 +0000]",
            "[01/Jan/2023:24:00:00 +0000]",
            "[01/Jan/2023:00:00:00 *0000]",
            "[01/Jan/2023 00:00:00 +0000]",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        /// A reader's memory changes nothing: a used one, and one that failed, read like a new one does by the
        /// calendar.
        #[test]
        fn what_was_read_before_changes_nothing(texts in prop::collection::vec(prop_oneof![
            Just([0; TIME_LEN]),
            any::<[u8; TIME_LEN]>(),
            "\\[[0-3][0-9]/(Jan|Feb|Jux)/(0000|1970|2024):[0-2][0-9]:00:00 [+-]0[0-9]00\\]".prop_map(|text| {
                text.into_bytes().try_into().expect("as long as a time")
            }),
            "\\[[0-3][0-9]/Jan/1970:00:00:00 \\+0000\\]".prop_map(|text| {
                let mut bytes: [u8; TIME_LEN] = text.into_bytes().try_into().expect("as long as a time");
                bytes[..12].fill(0);
                bytes
            }),
        ], 1..20)) {
            let mut reader = TimeReader::default();
            for text in &texts {
                let day = read_day(text.first_chunk().expect("12 of 28 bytes"));
                let read = reader.read(text);
                prop_assert!(day.is_some() || read.is_none(), "{:?} was read as {:?}", text, read);
                prop_assert_eq!(read, TimeReader::default().read(text));
            }
        }
    }

    #[test]
    fn times_are_printed_as_they_were_read() {
        let mut out = Vec::new();
        print(1_627_564_195_000_000, &mut out);
        assert_eq!(out, b"[29/Jul/2021:13:09:55 +0000]");
    }
}
