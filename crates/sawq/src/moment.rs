//! Times as text, whatever a log says, even years outside the calendar.

use jiff::civil::{Date, DateTime, date};
use jiff::{Span, ToSpan};

const DAY: i64 = 86_400_000_000;

/// The UTC time of a number of microseconds since 1970; `None` outside the years -9999 to 9999.
fn civil(micros: i64) -> Option<DateTime> {
    // A timestamp ends a few hours before the year 9999 does.
    let days = Span::new().try_days(micros.div_euclid(DAY)).ok()?;
    let midnight = date(1970, 1, 1).at(0, 0, 0, 0).checked_add(days).ok()?;
    midnight.checked_add(micros.rem_euclid(DAY).microseconds()).ok()
}

/// A time as day and clock, `2021-07-29 13:10:06`; outside the calendar, as seconds since 1970.
pub(crate) fn moment(micros: i64) -> String {
    match civil(micros) {
        Some(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => format!("{} s after 1970", micros.div_euclid(1_000_000)),
    }
}

/// A time as in JSON, `2021-07-29T13:10:06Z`, with the fraction of a second if there is one.
pub(crate) fn in_utc(micros: i64) -> String {
    civil(micros).map_or_else(|| moment(micros), |time| format!("{time}Z"))
}

/// The day and the time of day, `2021-07-29` and `13:10:06`.
pub(crate) fn day_and_clock(micros: i64) -> (String, String) {
    let moment = moment(micros);
    let split = civil(micros).and_then(|_| moment.rsplit_once(' '));
    split.map_or_else(|| (moment.clone(), "--:--:--".to_owned()), |(day, clock)| (day.to_owned(), clock.to_owned()))
}

/// The day of the week; empty outside the calendar.
pub(crate) fn weekday(micros: i64) -> String {
    civil(micros).map(DateTime::date).map(|day: Date| day.strftime("%A").to_string()).unwrap_or_default()
}

/// A duration in its two largest units: `2036 d 12 h`, `5 h 54 min`, `54 min`.
pub(crate) fn length(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_text() {
        for (micros, text) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (253_402_300_799_999_999, "9999-12-31 23:59:59"),
            (-14_831_769_600_000_000, "1500-01-01 00:00:00"),
            (-62_135_596_800_000_000, "0001-01-01 00:00:00"),
            (253_402_300_800_000_000, "253402300800 s after 1970"),
            (i64::MAX, "9223372036854 s after 1970"),
            (i64::MIN, "-9223372036855 s after 1970"),
        ] {
            assert_eq!(moment(micros), text);
        }
        for (micros, text) in [
            (1_500_000, "1970-01-01T00:00:01.5Z"),
            (253_402_300_799_000_000, "9999-12-31T23:59:59Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
            (253_402_300_800_000_000, "253402300800 s after 1970"),
        ] {
            assert_eq!(in_utc(micros), text);
        }
        assert_eq!(day_and_clock(0), ("1970-01-01".to_owned(), "00:00:00".to_owned()));
        assert_eq!((weekday(0).as_str(), weekday(i64::MAX).as_str()), ("Thursday", ""));
    }

    #[test]
    fn lengths_have_two_units() {
        for (seconds, text) in
            [(3599, "59 min"), (21_240, "5 h 54 min"), (86_400, "1 d 0 h"), (175_953_600, "2036 d 12 h")]
        {
            assert_eq!(length(seconds), text);
        }
    }
}
