//! Functions of text, and functions that make intervals from numbers, which DuckDB has and the engine lacks.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray, ListBuilder, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, IntervalMonthDayNano, IntervalUnit};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::ScalarUDF;
use regex::Regex;

use super::json::OfAny;
use crate::filter::unescaped;

/// The functions of this file.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let text = |_: &DataType| Ok(DataType::Utf8);
    let texts = |_: &DataType| Ok(DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))));
    let span = |_: &DataType| Ok(DataType::Interval(IntervalUnit::MonthDayNano));
    vec![
        OfAny::udf("url_decode", 1, text, |arguments| each_text(&arguments[0], url_decoded)),
        OfAny::udf("url_encode", 1, text, |arguments| each_text(&arguments[0], url_encoded)),
        OfAny::udf("regexp_extract_all", 3, texts, extracted),
        OfAny::udf("to_years", 1, span, |numbers| spans(&numbers[0], |number| months(number, 12))),
        OfAny::udf("to_months", 1, span, |numbers| spans(&numbers[0], |number| months(number, 1))),
        OfAny::udf("to_weeks", 1, span, |numbers| spans(&numbers[0], |number| days(number, 7))),
        OfAny::udf("to_days", 1, span, |numbers| spans(&numbers[0], |number| days(number, 1))),
        OfAny::udf("to_hours", 1, span, |numbers| spans(&numbers[0], |number| nanos(number, 3_600_000_000_000))),
        OfAny::udf("to_minutes", 1, span, |numbers| spans(&numbers[0], |number| nanos(number, 60_000_000_000))),
        OfAny::udf("to_seconds", 1, span, |numbers| spans(&numbers[0], |number| nanos(number, 1_000_000_000))),
        OfAny::udf("to_milliseconds", 1, span, |numbers| spans(&numbers[0], |number| nanos(number, 1_000_000))),
        OfAny::udf("to_microseconds", 1, span, |numbers| spans(&numbers[0], |number| nanos(number, 1000))),
    ]
}

fn each_text(texts: &ArrayRef, make: fn(&str) -> String) -> Result<ArrayRef> {
    let texts = cast(texts, &DataType::Utf8View)?;
    Ok(Arc::new(texts.as_string_view().iter().map(|text| text.map(make)).collect::<StringArray>()))
}

/// Text with `%2F` and the like decoded to bytes; a `%` that begins no sequence stays.
fn url_decoded(text: &str) -> String {
    String::from_utf8_lossy(&unescaped(text)).into_owned()
}

fn url_encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let encoded = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encoded).collect()
}

/// `regexp_extract_all`: every match of a pattern's group in a text.
fn extracted(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, patterns) = (cast(&arguments[0], &DataType::Utf8View)?, cast(&arguments[1], &DataType::Utf8View)?);
    let groups = cast(&arguments[2], &DataType::Int64)?;
    let rows = texts.as_string_view().iter().zip(patterns.as_string_view().iter());
    let mut known: Option<(&str, Regex)> = None;
    let mut found = ListBuilder::new(StringBuilder::new());
    for ((text, pattern), group) in rows.zip(groups.as_primitive::<Int64Type>()) {
        let (Some(text), Some(pattern), Some(group)) = (text, pattern, group) else {
            found.append_null();
            continue;
        };
        if known.as_ref().is_none_or(|(before, _)| *before != pattern) {
            let regex = Regex::new(pattern).map_err(|error| exec_datafusion_err!("{error}"))?;
            known = Some((pattern, regex));
        }
        let group = usize::try_from(group).unwrap_or(usize::MAX);
        for captures in known.iter().flat_map(|(_, regex)| regex.captures_iter(text)) {
            found.values().append_value(captures.get(group).map_or("", |found| found.as_str()));
        }
        found.append(true);
    }
    Ok(Arc::new(found.finish()))
}

/// Intervals of a number of units; null if that is more than an interval can hold.
fn spans(numbers: &ArrayRef, span: fn(i64) -> Option<IntervalMonthDayNano>) -> Result<ArrayRef> {
    let numbers = cast(numbers, &DataType::Int64)?;
    let spans = numbers.as_primitive::<Int64Type>().iter().map(|number| span(number?));
    Ok(Arc::new(spans.collect::<IntervalMonthDayNanoArray>()))
}

fn months(number: i64, each: i64) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano::new(i32::try_from(number.checked_mul(each)?).ok()?, 0, 0))
}

fn days(number: i64, each: i64) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano::new(0, i32::try_from(number.checked_mul(each)?).ok()?, 0))
}

fn nanos(number: i64, each: i64) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano::new(0, 0, number.checked_mul(each)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_decoded_and_encoded() {
        for (encoded, plain) in [("a%20b%2fc", "a b/c"), ("%C3%A4+%", "ä+%"), ("%zz%2", "%zz%2"), ("100%25", "100%")] {
            assert_eq!(url_decoded(encoded), plain);
            assert_eq!(url_decoded(&url_encoded(plain)), plain);
        }
    }
}
