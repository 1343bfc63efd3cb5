//! Lists of values, `@FILE`.

use anyhow::{Context, Result};
use sawlog_query::Filters;

use crate::usage::BadValue;

/// The options that take several values, with their values.
fn lists(filters: &mut Filters) -> [(&'static str, &mut Vec<String>); 23] {
    [
        ("--ip", &mut filters.ip),
        ("--src", &mut filters.src),
        ("--dst", &mut filters.dst),
        ("--peer", &mut filters.peer),
        ("--port", &mut filters.port),
        ("--sport", &mut filters.sport),
        ("--dport", &mut filters.dport),
        ("--action", &mut filters.action),
        ("--user", &mut filters.user),
        ("--access-key", &mut filters.access_key),
        ("--bucket", &mut filters.bucket),
        ("--key", &mut filters.key),
        ("--resource", &mut filters.resource),
        ("--operation", &mut filters.operation),
        ("--agent", &mut filters.agent),
        ("--error", &mut filters.error),
        ("--region", &mut filters.region),
        ("--account", &mut filters.account),
        ("--service", &mut filters.service),
        ("--interface", &mut filters.interface),
        ("--source-file", &mut filters.source_file),
        ("--where", &mut filters.condition),
        ("--match", &mut filters.pattern),
    ]
}

/// The same filters, with the values of lists given as `@FILE`: one value per line. Blank lines and lines that begin
/// with `#` are skipped.
///
/// # Errors
///
/// If a list can't be read.
pub(super) fn with_lists(mut filters: Filters) -> Result<Filters> {
    for (option, values) in lists(&mut filters) {
        expand(option, values)?;
    }
    Ok(filters)
}

/// Puts the values of lists in the place of `@FILE`.
///
/// # Errors
///
/// If a list can't be read.
pub(crate) fn expand(option: &'static str, values: &mut Vec<String>) -> Result<()> {
    if !values.iter().any(|value| value.trim_start_matches('!').starts_with('@')) {
        return Ok(());
    }
    let mut all = Vec::new();
    for value in values.drain(..) {
        let (list, not) = value.strip_prefix('!').map_or((value.as_str(), ""), |rest| (rest, "!"));
        let Some(path) = list.strip_prefix('@') else {
            all.push(value);
            continue;
        };
        let text = std::fs::read_to_string(path).context("can't read this list");
        let text = text.map_err(|error| BadValue::new(option, &value, format!("{error:#}")))?;
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let before = all.len();
        all.extend(lines.map(|line| format!("{not}{line}")));
        if all.len() == before {
            return Err(BadValue::new(option, &value, "this list is empty").into());
        }
    }
    *values = all;
    Ok(())
}
