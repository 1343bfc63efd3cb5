//! Any field: `where`.

use anyhow::{Result, bail};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{ident, lit};
use sawlog_formats::{Kind, Table};

use super::address::ip;
use super::condition::Condition;
use super::glob::{glob, matcher};
use super::log_filters::bad;
use crate::logs::{self, any_in_lists, json_column, plain_path, resolve};
use crate::texts::{test, test_each};

/// The conditions of `where`: for each field its values; `!` marks values that it must not have.
pub(super) fn wheres(given: &[String]) -> Result<Vec<(String, Vec<String>)>> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for text in given {
        let wrong = |reason: String| bad("where", text, &anyhow::anyhow!(reason));
        let (rest, turned) = text.strip_prefix('!').map_or((text.as_str(), false), |rest| (rest, true));
        if rest.split('=').next().is_some_and(|path| path.contains(['<', '>'])) {
            return Err(wrong("compares with = and != only; 'sawq sql' takes any condition".to_owned()));
        }
        let Some((path, mut value)) = rest.split_once('=') else {
            return Err(wrong("write FIELD=VALUE or FIELD!=VALUE, such as request_parameters.userName=ann".to_owned()));
        };
        if path.ends_with(' ') {
            // Blanks around the sign belong to neither side.
            value = value.trim_start();
        }
        let path = path.trim_end();
        let (path, not) = path.strip_suffix('!').map_or((path, false), |path| (path, true));
        let (path, not) = (plain_path(path), not != turned);
        let tables: Vec<&Table> = sawlog_formats::formats().iter().map(|format| format.table).collect();
        let is_in = |table: &&Table| resolve(table, &path).is_some() || of_each(table, &path).is_some();
        if !tables.iter().any(is_in) {
            logs::no_column::<()>(&tables, &path).map_err(|error| bad("where", text, &error))?;
        }
        let value = format!("{}{value}", if not { "!" } else { "" });
        match all.iter_mut().find(|(known, _)| *known == path) {
            Some((_, values)) => values.push(value),
            None => all.push((path, vec![value])),
        }
    }
    Ok(all)
}

/// A list of groups, and the field of its groups that a path names without a position: `resources.arn`.
fn of_each(table: &Table, path: &str) -> Option<(&'static str, &'static str)> {
    let (list, field) = path.split_once('.')?;
    let column = table.columns.iter().find(|column| column.name == list)?;
    let Kind::List(columns) = column.kind else { return None };
    columns.iter().find(|column| column.name == field).map(|field| (column.name, field.name))
}

/// Whether a field is a value, as text, or matches it; for an empty value, whether a record lacks the field. An address
/// is compared as an address.
pub(super) fn condition(table: &Table, path: &str, value: &str) -> Result<Option<Condition>> {
    let (wanted, matcher) = (value.to_owned(), matcher(value));
    let is_it = move |text: &str| text == wanted || matcher.as_ref().is_some_and(|glob| glob.is_match(text));
    if let Some((list, field)) = of_each(table, path) {
        let expr = test_each(&ident(list), field, &format!("any_{path}_{value}"), is_it);
        return Ok(Some(Condition { expr, probe: None }));
    }
    let Some(column) = resolve(table, path) else {
        // A log without the field has no record that matches.
        return Ok(value.is_empty().then(|| Condition { expr: lit(true), probe: None }));
    };
    let own = table.columns.iter().find(|column| column.name == logs::path(table, path));
    let column = match own.map(|column| column.kind) {
        Some(Kind::List(_)) => {
            bail!("{path} is a list; name a field of its elements, such as {path}[0].arn")
        }
        Some(Kind::Struct(_)) => bail!("{path} is a group; name one of its fields"),
        Some(Kind::Text) => column,
        _ => datafusion::prelude::cast(column, DataType::Utf8View),
    };
    if value.is_empty() {
        return Ok(Some(Condition { expr: column.clone().is_null().or(column.eq(lit(""))), probe: None }));
    }
    let addresses = logs::addresses(table, path);
    // Some columns of addresses have other texts, too.
    if let (false, Ok(Some(found))) = (addresses.is_empty(), ip(table, &addresses, &[value])) {
        return Ok(Some(found));
    }
    let mut expr = glob(&column, value);
    if let Some((json, steps)) = json_column(table, path).filter(|(_, steps)| !steps.is_empty()) {
        // In a list without a position, any value may match.
        let steps: Vec<String> = steps.into_iter().map(str::to_owned).collect();
        let has = move |text: &str| any_in_lists(text, &steps, &is_it);
        expr = expr.is_true().or(test(&json, &format!("in_lists_{path}_{value}"), has));
    }
    Ok(Some(Condition { expr, probe: None }))
}
