//! Times as people write them on the command line.

use std::ops::Range;

use anyhow::{Context, Result, bail};
use jiff::civil::{Date, DateTime, Time, date};
use jiff::{Span, ToSpan};

/// A second, a minute, an hour and a day, in microseconds.
pub(crate) const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The UTC time of a number of microseconds since 1970, such as `2021-07-29T13:10:06Z`; `None` outside the years
/// -9999 to 9999. (A timestamp of the library ends some hours before the year 9999 does.)
pub(crate) fn in_utc(micros: i64) -> Option<String> {
    let days = Span::new().try_days(micros.div_euclid(DAY)).ok()?;
    let midnight = date(1970, 1, 1).at(0, 0, 0, 0).checked_add(days).ok()?;
    let time = midnight.checked_add(micros.rem_euclid(DAY).microseconds()).ok()?;
    Some(format!("{time}Z"))
}

/// The microseconds since 1970 of such a time.
pub(crate) fn of_utc(text: &str) -> Option<i64> {
    let time: DateTime = text.strip_suffix('Z')?.parse().ok()?;
    Some(from(time, 0, 0).0)
}

/// The reference for times without a date, and for durations that count back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// The time of the last record, in microseconds since 1970.
    pub last: Option<i64>,
    /// The first and the last day that have records.
    pub days: Option<(String, String)>,
}

/// The first microsecond of a time, and the one after its last: of a month, a day, an hour, a minute, a second, or a
/// moment before the last record. The whole text counts: what is not understood is an error.
pub(crate) fn time(text: &str, clock: &Clock) -> Result<(i64, i64)> {
    let wrong = || {
        "is not a time; write 2021-07-29, 2021-07, 2021-07-29T13:10, 2021-07-29T13:10:05Z, 13:10, \
         29/Jul/2021:13:10:05 +0000, seconds since 1970, or 2h for two hours before the last record"
    };
    if let Some(found) =
        as_in_s3(text).or_else(|| as_in_console(text)).or_else(|| of_calendar(text)).or_else(|| of_month(text))
    {
        return Ok(found);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return since_1970(text).context(wrong());
    }
    if let (true, Some((at, length, offset))) = (text.contains(':'), time_of_day(text)) {
        return Ok(from(day(text, clock)?.to_datetime(at), length, offset));
    }
    let length = length(text).map_err(|_| anyhow::anyhow!(wrong()))?;
    let last = clock.last.context("counts back from the last record, but there is no record")?;
    let at = last.checked_sub(length).context(wrong())?;
    Ok((at, at))
}

/// A day, or a time of a day: `2021-07-29`, `20210729`, `2021-07-29T13`, `20210729T131005Z`,
/// `2021-07-29 13:10:05.5+02:00`.
fn of_calendar(text: &str) -> Option<(i64, i64)> {
    let Some((day, clock)) = text.split_once(['T', 't', ' ']) else {
        return Some(from(date_of(text)?.at(0, 0, 0, 0), DAY, 0));
    };
    let (at, length, offset) = time_of_day(clock)?;
    Some(from(date_of(day)?.to_datetime(at), length, offset))
}

/// A month: `2021-07`.
fn of_month(text: &str) -> Option<(i64, i64)> {
    let first = date_of(&format!("{text}-01"))?;
    let next = first.checked_add(1.month()).ok()?;
    let (start, end) = (from(first.at(0, 0, 0, 0), 0, 0).0, from(next.at(0, 0, 0, 0), 0, 0).0);
    Some((start, end))
}

/// A date with or without hyphens.
fn date_of(text: &str) -> Option<Date> {
    let has_form = |form: &str| {
        let is_like = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
        text.len() == form.len() && text.bytes().zip(form.bytes()).all(is_like)
    };
    (has_form("0000-00-00") || has_form("00000000")).then(|| text.parse().ok()).flatten()
}

/// A time of day with the length that it names (an hour for `13`, a minute for `13:10`, a second for `13:10:05`, a
/// microsecond for `13:10:05.5`), and how many microseconds its zone is ahead of UTC.
fn time_of_day(text: &str) -> Option<(Time, i64, i64)> {
    let (clock, offset) = match (text.strip_suffix("UTC"), text.find(['Z', 'z', '+', '-'])) {
        // Athena writes `13:10:05.000 UTC`.
        (Some(clock), _) => (clock, 0),
        (None, Some(end)) => (&text[..end], offset_of(&text[end..])?),
        (None, None) => (text, 0),
    };
    let clock = clock.strip_suffix(' ').unwrap_or(clock);
    let (whole, fraction) = match clock.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (clock, None),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let length = match whole.len() {
        2 => HOUR,
        4 | 5 => MINUTE,
        6 | 8 if fraction.is_some() => 1,
        6 | 8 => SECOND,
        _ => return None,
    };
    let is_right = is_number(&whole.replace(':', "")) && fraction.is_none_or(|digits| length == 1 && is_number(digits));
    // Without the letter, `131005` could be May 1310.
    Some((is_right.then(|| format!("T{clock}").parse().ok()).flatten()?, length, offset))
}

/// How many microseconds a zone is ahead of UTC: `Z`, `+02`, `+0200`, `+02:00`.
fn offset_of(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let digits = text[1..].replace(':', "");
    let number = |range: Range<usize>| digits.get(range)?.parse::<u8>().ok().map(i64::from);
    let has_form = matches!((text.len(), digits.len()), (3, 2) | (5 | 6, 4)) && text.find(':').is_none_or(|at| at == 3);
    let (hours, minutes) = (number(0..2)?, if digits.len() == 4 { number(2..4)? } else { 0 });
    let ahead = (hours * 60 + minutes) * MINUTE;
    let is_right = has_form && hours < 24 && minutes < 60;
    is_right.then_some(if text.starts_with('-') { -ahead } else { ahead })
}

/// The day for a time without one: the day of the records, if they are all of one day.
fn day(text: &str, clock: &Clock) -> Result<Date> {
    match &clock.days {
        Some((first, last)) if first == last => first.parse().context("the records' day is not a date"),
        Some((first, last)) => {
            bail!("needs a day, since the records are from {first} to {last}; write {first}T{text}")
        }
        None => bail!("needs a day, since there is no record to take it from; write 2021-07-29T13:10"),
    }
}

/// Seconds, milliseconds or microseconds since 1970, distinguished by their number of digits.
fn since_1970(text: &str) -> Option<(i64, i64)> {
    let number: i64 = text.parse().ok()?;
    let (unit, length) = match text.len() {
        9..=11 => (SECOND, SECOND),
        12..=14 => (1000, 1000),
        15..=17 => (1, 1),
        _ => return None,
    };
    let start = number.checked_mul(unit)?;
    Some((start, start.checked_add(length)?))
}

/// A time as S3 writes it: `[29/Jul/2021:13:06:49 +0000]`, with or without brackets and zone, a second or a day.
fn as_in_s3(text: &str) -> Option<(i64, i64)> {
    let text = text.strip_prefix('[').unwrap_or(text);
    let text = text.strip_suffix(']').unwrap_or(text);
    if let Ok(zoned) = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", text) {
        let ahead = i64::from(zoned.offset()?.seconds()) * SECOND;
        return Some(from(zoned.to_datetime().ok()?, SECOND, ahead));
    }
    for (form, length) in [("%d/%b/%Y:%H:%M:%S", SECOND), ("%d/%b/%Y:%H:%M", MINUTE), ("%d/%b/%Y", DAY)] {
        if let Ok(found) = jiff::fmt::strtime::parse(form, text) {
            let time = found.to_time().unwrap_or(Time::midnight());
            return Some(from(found.to_date().ok()?.to_datetime(time), length, 0));
        }
    }
    None
}

/// A time as the console shows events of CloudTrail: `July 29, 2021, 13:06:49 (UTC+02:00)`, also with a short month.
fn as_in_console(text: &str) -> Option<(i64, i64)> {
    let forms = ["%B %d, %Y, %H:%M:%S (UTC%:z)", "%b %d, %Y, %H:%M:%S (UTC%:z)"];
    let zoned = forms.into_iter().find_map(|form| jiff::fmt::strtime::parse(form, text).ok())?;
    let ahead = i64::from(zoned.offset()?.seconds()) * SECOND;
    Some(from(zoned.to_datetime().ok()?, SECOND, ahead))
}

/// A duration in microseconds: `90s`, `5m`, `2h`, `3d`, `1w`.
pub(crate) fn length(text: &str) -> Result<i64> {
    let wrong = || "is not a duration such as 90s, 5m, 2h or 3d";
    let number = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit: i64 = match &text[number.len()..] {
        "s" | "sec" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => bail!(wrong()),
    };
    let length: i64 = number.parse().ok().context(wrong())?;
    length.checked_mul(unit * SECOND).context(wrong())
}

/// The span that has this length and begins at a time whose zone is so many microseconds ahead of UTC. (The last years
/// of a calendar are beyond a timestamp of the library.)
fn from(start: DateTime, length: i64, ahead: i64) -> (i64, i64) {
    let start = start.duration_since(date(1970, 1, 1).at(0, 0, 0, 0));
    let start = start.as_secs().saturating_mul(SECOND).saturating_add(i64::from(start.subsec_micros()));
    let start = start.saturating_sub(ahead);
    (start, start.saturating_add(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They could be a month and a day, or a year and a month.
    #[test]
    fn times_without_colons_are_read_whatever_their_digits() {
        for (minute, second) in (0..24 * 60).flat_map(|minute| [(minute, 0), (minute, 5), (minute, 12), (minute, 59)]) {
            let (hour, minute) = (minute / 60, minute % 60);
            let start = (1_627_516_800 + hour * 3600 + minute * 60) * SECOND;
            let text = format!("20210729T{hour:02}{minute:02}Z");
            assert_eq!(time(&text, &Clock::default()).unwrap(), (start, start + MINUTE), "{text}");
            let text = format!("20210729T{hour:02}{minute:02}{second:02}");
            assert_eq!(time(&text, &Clock::default()).unwrap().0, start + second * SECOND, "{text}");
        }
    }

    #[test]
    fn a_month_is_a_time() {
        // 2021-07-01 and 2021-08-01.
        assert_eq!(time("2021-07", &Clock::default()).unwrap(), (1_625_097_600 * SECOND, 1_627_776_000 * SECOND));
        assert_eq!(time("2020-02", &Clock::default()).unwrap(), (1_580_515_200 * SECOND, 1_583_020_800 * SECOND));
        for text in ["2021-13", "2021-00", "2021-7", "2021-07-", "21-07", "2021"] {
            assert!(time(text, &Clock::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_taken_as_people_write_them() {
        let one_day = Clock { last: Some(0), days: Some(("2021-07-29".to_owned(), "2021-07-29".to_owned())) };
        // 2021-07-29T13:06:49Z, by `date -u -d … +%s`.
        let at = 1_627_564_009 * SECOND;
        for (text, length) in [
            ("2021-07-29T13:06:49Z", SECOND),
            ("2021-07-29T15:06:49+02:00", SECOND),
            ("2021-07-29 13:06:49Z", SECOND),
            ("2021-07-29 15:06:49 +02:00", SECOND),
            ("2021-07-29 13:06:49 UTC", SECOND),
            ("2021-07-29 13:06:49.000 UTC", 1),
            ("13:06:49 UTC", SECOND),
            ("July 29, 2021, 15:06:49 (UTC+02:00)", SECOND),
            ("Jul 29, 2021, 08:06:49 (UTC-05:00)", SECOND),
            ("2021-07-29T13:06:49.000", 1),
            ("2021-07-29T13:06:49.000Z", 1),
            ("2021-07-29T13:06:49", SECOND),
            ("2021-07-29 13:06:49", SECOND),
            ("13:06:49", SECOND),
            ("1627564009", SECOND),
            ("1627564009000", 1000),
            ("29/Jul/2021:13:06:49 +0000", SECOND),
            ("[29/Jul/2021:15:06:49 +0200]", SECOND),
            ("29/Jul/2021:13:06:49", SECOND),
            ("20210729T130649", SECOND),
            ("20210729T130649Z", SECOND),
            ("2021-07-29t130649z", SECOND),
            ("2021-07-29T130649", SECOND),
            ("2021-07-29T18:36:49+0530", SECOND),
            ("2021-07-29T05:06:49-08", SECOND),
            ("15:06:49+02:00", SECOND),
            ("05:06:49-08:00", SECOND),
        ] {
            assert_eq!(time(text, &one_day).unwrap(), (at, at + length), "{text}");
        }
        let minute = at - 49 * SECOND;
        for text in
            ["2021-07-29T13:06", "2021-07-29T13:06Z", "2021-07-29T15:06+02:00", "13:06", "13:06Z", "29/Jul/2021:13:06"]
        {
            assert_eq!(time(text, &one_day).unwrap(), (minute, minute + 60 * SECOND), "{text}");
        }
        let hour = 1_627_563_600 * SECOND;
        for text in ["2021-07-29T13", "2021-07-29 13", "20210729T13", "2021-07-29T13Z", "2021-07-29T15+02"] {
            assert_eq!(time(text, &one_day).unwrap(), (hour, hour + 3600 * SECOND), "{text}");
        }
        let day = 1_627_516_800 * SECOND;
        for text in ["2021-07-29", "20210729", "29/Jul/2021"] {
            assert_eq!(time(text, &one_day).unwrap(), (day, day + 86_400 * SECOND), "{text}");
        }
        let two_days = Clock { days: Some(("2021-07-28".to_owned(), "2021-07-29".to_owned())), ..one_day.clone() };
        let error = time("13:06", &two_days).unwrap_err().to_string();
        assert!(error.contains("2021-07-28 to 2021-07-29"), "{error}");
        assert_eq!(time("2h", &one_day).unwrap().0, -7200 * SECOND);
        // 10000-01-01, by `date -u -d 9999-12-31 +%s` and a day more.
        let end = 253_402_300_800 * SECOND;
        for (text, length) in [
            ("9999-12-31", DAY),
            ("9999-12-31T23:59:59Z", SECOND),
            ("31/Dec/9999", DAY),
            ("31/Dec/9999:23:59:59 +0000", SECOND),
        ] {
            assert_eq!(time(text, &one_day).unwrap(), (end - length, end), "{text}");
        }
        assert_eq!(time("0001-01-01", &one_day).unwrap().0, -62_135_596_800 * SECOND);
        for wrong in [
            "yesterday",
            "",
            "13",
            "25:00",
            "2021-13-45",
            "99999999999999999999",
            "5x",
            "2021-07-29T",
            "2021-07-29T1",
            "2021-07-29T25",
            "2021-07-29T13:1",
            "2021-07-29T13:06x",
            "2021-07-29T13:06:49 or so",
            "2021-07-29T13:06.5",
            "2021-07-29T13:06:49.",
            "2021-07-29T13:06+2",
            "2021-07-29T13:06+02:0",
            "2021-07-29T13:06+25:00",
            "2021-07-29T13:06ZZ",
            "2021-07-29T13:06[Europe/Berlin]",
            "2021-07-29x",
            "2021-07-29[Europe/Berlin]",
            "20210729T",
            "2021-7-29",
            "13:06Zulu",
            "13:06Z UTC",
            "13:06  UTC",
            "15:06+02:00 UTC",
            "Jul 29, 2021, 13:06:49",
            "13:06 2021",
            "29/Jul/2021:13:06:49 or so",
        ] {
            assert!(time(wrong, &one_day).is_err(), "{wrong}");
        }
    }
}
