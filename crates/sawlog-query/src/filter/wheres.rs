//! Any field: `where`.

use anyhow::{Result, bail};
use arrow::datatypes::DataType;
use sawlog_formats::{Kind, Table};

use super::condition::Condition;
use super::glob::glob;
use super::log_filters::bad;
use crate::logs::{self, resolve};

/// What `where` asks for: of each field the values, with `!` before those that it must not have.
pub(super) fn wheres(given: &[String]) -> Result<Vec<(String, Vec<String>)>> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for text in given {
        let wrong = |reason: String| bad("where", text, &anyhow::anyhow!(reason));
        let (rest, turned) = text.strip_prefix('!').map_or((text.as_str(), false), |rest| (rest, true));
        let Some((path, value)) = rest.split_once('=') else {
            return Err(wrong("write FIELD=VALUE or FIELD!=VALUE, such as request_parameters.userName=ann".to_owned()));
        };
        let (path, not) = path.strip_suffix('!').map_or((path, false), |path| (path, true));
        let (path, not) = (path.trim(), not != turned);
        let tables: Vec<&Table> = sawlog_formats::formats().iter().map(|format| format.table).collect();
        if tables.iter().all(|table| resolve(table, path).is_none()) {
            logs::no_column::<()>(&tables, path).map_err(|error| bad("where", text, &error))?;
        }
        let value = format!("{}{value}", if not { "!" } else { "" });
        match all.iter_mut().find(|(known, _)| known == path) {
            Some((_, values)) => values.push(value),
            None => all.push((path.to_owned(), vec![value])),
        }
    }
    Ok(all)
}

/// Whether a field is a value, as text, or matches it.
pub(super) fn condition(table: &Table, path: &str, value: &str) -> Result<Option<Condition>> {
    let Some(column) = resolve(table, path) else { return Ok(None) };
    let own = table.columns.iter().find(|column| column.name == logs::path(table, path));
    let column = match own.map(|column| column.kind) {
        Some(Kind::List(_)) => bail!("is a list, which has no one value"),
        Some(Kind::Struct(_)) => bail!("is a group of fields: name one of them"),
        Some(Kind::Text) => column,
        _ => datafusion::prelude::cast(column, DataType::Utf8View),
    };
    Ok(Some(Condition { expr: glob(&column, value), probe: None }))
}
