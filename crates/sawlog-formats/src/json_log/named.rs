//! Writes named values as the JSON object that the log would have. Objects and lists in them may be JSON, or in
//! Athena's text form.

use super::athena::{as_json, is_json};
use super::{Content, Field, JsonLog};
use crate::calendar::{MICROS_A_DAY, civil_from_days, days_from_civil, days_in_month, read_any_iso8601};
use crate::members::{ValueEnd, members, value, value_end};
use crate::named_values::{NamedValue, NamedValues, micros, plain};
use crate::wrapping::wrap_json;

/// The record as the log would write it; `None` if there is no time.
#[must_use]
pub fn write_named(log: &JsonLog, values: &NamedValues<'_>) -> Option<Vec<u8>> {
    log.table.times.iter().find_map(|time| values.get(time))?;
    let mut out = Vec::new();
    write_fields(log.fields, values, "", &mut out);
    Some(out)
}

/// Writes an object of the fields below `prefix` that have a value. Returns whether there are any.
fn write_fields(fields: &[Field], values: &NamedValues<'_>, prefix: &str, out: &mut Vec<u8>) -> bool {
    let mut any = false;
    let start = out.len();
    out.push(b'{');
    for field in fields {
        let name = format!("{prefix}{}", field.column.name);
        let before = out.len();
        key(field.key.as_bytes(), any, out);
        let written = match (values.get(&name), field.content) {
            (Some(value), content) => {
                write_value(content, value, out);
                true
            }
            // Some tools name each field of an object separately: useridentity.arn.
            (None, Content::Object(fields)) => write_fields(fields, values, &format!("{name}."), out),
            (None, _) => false,
        };
        if !written {
            out.truncate(before);
        }
        any |= written;
    }
    out.push(b'}');
    if !any {
        out.truncate(start);
    }
    any
}

fn key(name: &[u8], follows: bool, out: &mut Vec<u8>) {
    if follows {
        out.push(b',');
    }
    string(name, out);
    out.push(b':');
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(&wrap_json(text));
    out.push(b'"');
}

/// Writes a value as what it must be.
fn write_value(content: Content, value: &NamedValue<'_>, out: &mut Vec<u8>) {
    let text = value.text();
    match content {
        Content::Object(fields) | Content::Array(fields) => match as_json(text) {
            Some(json) => renamed(&json, fields, out),
            None => string(text, out),
        },
        Content::Json => match value {
            NamedValue::Json(json) => out.extend_from_slice(json),
            // A list in brackets without quotes may as well be text.
            NamedValue::Text(_) => match as_json(text).filter(|_| text[0] != b'[' || is_json(text)) {
                Some(json) => out.extend_from_slice(&json),
                None => string(text, out),
            },
        },
        Content::Bool if text.eq_ignore_ascii_case(b"true") => out.extend_from_slice(b"true"),
        Content::Bool if text.eq_ignore_ascii_case(b"false") => out.extend_from_slice(b"false"),
        Content::Number if is_number(text) => out.extend_from_slice(text),
        Content::Time => match time(text) {
            Some(time) => string(time.as_bytes(), out),
            None => string(text, out),
        },
        Content::Text | Content::Bool | Content::Number => string(text, out),
    }
}

/// Whether a text is a whole number.
fn is_number(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<i64>().is_ok_and(|number| number.to_string() == text))
}

/// Writes JSON whose keys are field names in lower case, with the names as the log spells them.
fn renamed(json: &[u8], fields: &[Field], out: &mut Vec<u8>) {
    match json.first() {
        Some(b'{') => {
            out.push(b'{');
            for (place, (name, text)) in members(json).enumerate() {
                let value = value(text);
                let same = |field: &&Field| plain(field.key.as_bytes()) == plain(name);
                match fields.iter().find(same) {
                    None => {
                        key(name, place > 0, out);
                        out.extend_from_slice(value);
                    }
                    Some(field) => {
                        key(field.key.as_bytes(), place > 0, out);
                        match field.content {
                            Content::Object(below) | Content::Array(below) => renamed(value, below, out),
                            _ => out.extend_from_slice(value),
                        }
                    }
                }
            }
            out.push(b'}');
        }
        Some(b'[') => {
            out.push(b'[');
            let (mut at, mut follows) = (1, false);
            while let Some(run) = json[at..].iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b',')
                && let ValueEnd::At(end) = value_end(json, at + run)
            {
                if follows {
                    out.push(b',');
                }
                renamed(&json[at + run..end], fields, out);
                (at, follows) = (end, true);
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(json),
    }
}

/// A time as CloudTrail writes it, from one that is not ISO 8601: a number, or `May 01, 2024, 14:00:01 (UTC+02:00)`.
fn time(text: &[u8]) -> Option<String> {
    if read_any_iso8601(text).is_some() {
        return None;
    }
    let micros = console_time(text).or_else(|| micros(text))?;
    let (year, month, day) = civil_from_days(micros.div_euclid(MICROS_A_DAY));
    let clock = micros.rem_euclid(MICROS_A_DAY) / 1_000_000;
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// The console's time as microseconds since 1970.
fn console_time(text: &[u8]) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = std::str::from_utf8(text).ok()?.replace(',', " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let [month, day, year, clock, rest @ ..] = words.as_slice() else { return None };
    let month = 1 + i64::try_from(MONTHS.iter().position(|name| month.starts_with(name))?).ok()?;
    let (year, day) = (year.parse::<i64>().ok()?, day.parse::<i64>().ok()?);
    let mut clock = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    let is_time = (1..=9999).contains(&year)
        && (1..=days_in_month(year, month)).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    let (hour, rest) = match rest {
        ["AM", rest @ ..] => (hour % 12, rest),
        ["PM", rest @ ..] => (hour % 12 + 12, rest),
        rest => (hour, rest),
    };
    let offset = match rest {
        [] => 0,
        [zone, ..] => offset(zone.trim_matches(['(', ')']))?,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    is_time.then_some(seconds * 1_000_000)
}

/// `UTC+02:00` in seconds.
fn offset(zone: &str) -> Option<i64> {
    let zone = zone.strip_prefix("UTC").or_else(|| zone.strip_prefix("GMT"))?;
    if zone.is_empty() {
        return Some(0);
    }
    let (sign, clock) = match zone.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = clock.split_once(':').unwrap_or((clock, "0"));
    let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
    ((0..24).contains(&hours) && (0..60).contains(&minutes)).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_console_are_read() {
        let time = |text: &str| time(text.as_bytes());
        assert_eq!(time("May 01, 2024, 14:00:01 (UTC+02:00)").as_deref(), Some("2024-05-01T12:00:01Z"));
        assert_eq!(time("December 31, 2023, 11:59:59 PM (UTC-05:30)").as_deref(), Some("2024-01-01T05:29:59Z"));
        assert_eq!(time("1714564801").as_deref(), Some("2024-05-01T12:00:01Z"));
        assert_eq!(time("2024-05-01T12:00:01Z"), None);
        assert_eq!(time("May 41, 2024, 14:00:01"), None);
    }
}
