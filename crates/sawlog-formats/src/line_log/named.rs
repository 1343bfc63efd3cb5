//! Writes named values as the line that the log would have.

use super::{LineLog, Shape};
use crate::named_values::{NamedValues, micros, quoted, whole, word};

/// The line; `None` if there is no valid time.
#[must_use]
pub fn write_named(log: &LineLog, values: &NamedValues<'_>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    for (place, field) in log.fields.iter().enumerate() {
        if place > 0 {
            line.push(b' ');
        }
        let value = |of: usize| values.text(field.columns()[of].name);
        let text = match field.shape {
            Shape::Text if field.is_quoted => quoted(value(0)).into_owned(),
            Shape::Number { .. } => word(value(0).map(whole).as_deref()).into_owned(),
            Shape::Text | Shape::Label => word(value(0)).into_owned(),
            Shape::Seconds { .. } => value(0).map_or(b"-1".to_vec(), |value| word(Some(value)).into_owned()),
            Shape::Time => {
                let is_record_time = log.table.times.contains(&field.columns()[0].name);
                match value(0).map(|value| (micros(value), value)) {
                    Some((Some(micros), _)) => {
                        let mut text = Vec::new();
                        super::time::print(micros, &mut text);
                        text
                    }
                    _ if is_record_time => return None,
                    other => word(other.map(|(_, value)| value)).into_owned(),
                }
            }
            Shape::Endpoint => match (value(0), value(1).map(whole)) {
                (Some(address), Some(port)) if !address.ends_with(&[b":", &*port].concat()) => {
                    [&word(Some(address)), b":".as_slice(), &word(Some(&port))].concat()
                }
                (address, _) => word(address).into_owned(),
            },
            Shape::Request => match (value(0), value(1)) {
                // Some tables have the request line as one field.
                (None, None) => quoted(values.text("request")).into_owned(),
                (method, url) => [&word(method), b" ".as_slice(), &quoted(url), b" ", &word(value(2))].concat(),
            },
        };
        let quotes: &[u8] = if field.is_quoted { b"\"" } else { b"" };
        line.extend_from_slice(quotes);
        line.extend_from_slice(&text);
        line.extend_from_slice(quotes);
    }
    Some(line)
}
