//! Paths to columns: with dots into groups and JSON, and with positions into lists, `resources[0].arn`.

use std::borrow::Cow;

use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_nested::expr_fn::array_element;
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion_functions_json::udfs::json_as_text_udf;
use sawlog_formats::{Column, Kind, Table};
use serde_json::Value;

use super::listed;
use crate::texts;

/// The steps of a path. `items[1].id` has the same ones as `items.1.id`; `items[*].id` and `items[].id` the same as
/// `items.id`.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    let pieces = |part| str::split(part, '[').map(|piece| piece.trim_end_matches(']'));
    path.trim().split('.').flat_map(pieces).filter(|piece| !piece.is_empty() && *piece != "*")
}

/// A path with all its steps behind dots.
pub(crate) fn plain_path(path: &str) -> String {
    steps(path).collect::<Vec<_>>().join(".")
}

/// Whether a column has the name, or AWS's own name for it: `eventName`, `sourceIPAddress`.
pub(super) fn is_named(column: &Column, name: &str) -> bool {
    column.name == name || name.contains(|char: char| char.is_ascii_uppercase()) && column.name == in_snake_case(name)
}

/// `source_ip_address` for `sourceIPAddress`.
fn in_snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, char) in chars.iter().enumerate() {
        let begins_word =
            |before: &char| !before.is_ascii_uppercase() || chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if char.is_ascii_uppercase() && at.checked_sub(1).map(|before| &chars[before]).is_some_and(begins_word) {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}

/// A column by its own name or AWS's, with steps into a group or a list (`resources[0].arn`), and further ones into its
/// JSON text. Where these lead through a list without a position, it is the first value in the list.
pub(crate) fn column(table: &Table, path: &str) -> Option<Expr> {
    let (expr, steps) = json_column(table, path)?;
    if steps.is_empty() {
        return Some(expr);
    }
    let step = |name: &&str| name.parse::<i64>().map_or_else(|_| lit(*name), lit);
    let value = json_as_text_udf().call([expr.clone()].into_iter().chain(steps.iter().map(step)).collect());
    let steps: Vec<String> = steps.into_iter().map(str::to_owned).collect();
    Some(texts::or_found(value, expr, &format!("first_in_{path}"), move |json| {
        let mut first = None;
        any_in_lists(json, &steps, |text| {
            first = Some(text.to_owned());
            true
        });
        first.map(Cow::Owned)
    }))
}

/// The column at the end of a path, or the column of JSON that it leads through, and the steps into the JSON.
pub(crate) fn json_column<'p>(table: &Table, path: &'p str) -> Option<(Expr, Vec<&'p str>)> {
    let mut parts = steps(path);
    let first = parts.next()?;
    let mut column = table.columns.iter().find(|column| is_named(column, first))?;
    let mut expr = ident(column.name);
    while let Some(part) = parts.next() {
        if column.json {
            return Some((expr, [part].into_iter().chain(parts).collect()));
        }
        let (columns, name) = match column.kind {
            Kind::Struct(columns) => (columns, part),
            // Lists are counted from 0, as in JSON.
            Kind::List(columns) => {
                let place: u32 = part.parse().ok()?;
                expr = array_element(expr, lit(i64::from(place) + 1));
                (columns, parts.next()?)
            }
            _ => return None,
        };
        column = columns.iter().find(|column| is_named(column, name))?;
        expr = get_field(expr, column.name);
    }
    Some((expr, Vec::new()))
}

/// Whether some steps into a text of JSON lead through a list without a position for it, to a value that passes
/// `is_it`. Values that are null are none.
pub(crate) fn any_in_lists(json: &str, steps: &[String], mut is_it: impl FnMut(&str) -> bool) -> bool {
    let is_position = |step: &str| step.bytes().all(|byte| byte.is_ascii_digit());
    // Most texts need no parser.
    json.contains('[')
        && steps.iter().all(|step| is_position(step) || json.contains(step.as_str()))
        && serde_json::from_str(json).is_ok_and(|json| is_in_lists(&json, steps, false, &mut is_it))
}

/// The same; `passed` tells whether the path led through a list.
fn is_in_lists(json: &Value, steps: &[String], passed: bool, is_it: &mut impl FnMut(&str) -> bool) -> bool {
    match (json, steps) {
        (Value::Array(values), [step, rest @ ..]) if step.bytes().all(|byte| byte.is_ascii_digit()) => {
            let value = step.parse::<usize>().ok().and_then(|place| values.get(place));
            value.is_some_and(|value| is_in_lists(value, rest, passed, is_it))
        }
        (Value::Array(values), _) => values.iter().any(|value| is_in_lists(value, steps, true, is_it)),
        (Value::Object(fields), [step, rest @ ..]) => {
            fields.get(step).is_some_and(|value| is_in_lists(value, rest, passed, is_it))
        }
        (Value::Null, []) => false,
        (Value::String(text), []) => passed && is_it(text),
        (value, []) => passed && is_it(&value.to_string()),
        _ => false,
    }
}

/// What is within a column that is a group or a list, as the message that the column can't be taken whole.
pub(crate) fn not_one_value(table: &Table, name: &str) -> Option<String> {
    let mut parts = steps(name);
    let first = parts.next()?;
    let mut column = table.columns.iter().find(|column| is_named(column, first))?;
    for part in parts {
        match column.kind {
            Kind::Struct(columns) => column = columns.iter().find(|column| is_named(column, part))?,
            // Without a position, the field of every element is meant.
            Kind::List(columns) if columns.iter().any(|column| is_named(column, part)) => {
                return Some(format!(
                    "{first} is a list; name one element: {first}[0].{part} is the {part} of the first"
                ));
            }
            _ => return None,
        }
    }
    let names = |columns: &[Column], infix: &str| {
        let names: Vec<String> = columns.iter().map(|column| format!("{name}{infix}.{}", column.name)).collect();
        listed(&names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    match column.kind {
        Kind::Struct(columns) => Some(format!("it is a group; name one of its columns: {}", names(columns, ""))),
        Kind::List(columns) => {
            Some(format!("it is a list; name a column of one element, such as the first: {}", names(columns, "[0]")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_in_lists_are_steps() {
        for (path, plain) in [
            ("a.b", "a.b"),
            (" items[1].id", "items.1.id"),
            ("items[*].id ", "items.id"),
            ("items[].id", "items.id"),
            ("items.*.id", "items.id"),
            ("a[0][1]", "a.0.1"),
        ] {
            assert_eq!(plain_path(path), plain);
        }
    }
}
