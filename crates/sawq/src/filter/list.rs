//! Lists of values, `@FILE`.

use anyhow::{Context, Result};

use super::filters::bad;
use crate::cli::FilterArgs;

/// The same filters, with what the lists have that are given as `@FILE`: a value a line, without blank lines and those that begin
/// with `#`.
///
/// # Errors
///
/// If a list can't be read.
pub(crate) fn with_lists(args: &FilterArgs) -> Result<FilterArgs> {
    let mut args = args.clone();
    for (option, values) in args.lists() {
        if !values.iter().any(|value| value.trim_start_matches('!').starts_with('@')) {
            continue;
        }
        let mut all = Vec::new();
        for value in values.drain(..) {
            let (list, not) = value.strip_prefix('!').map_or((value.as_str(), ""), |rest| (rest, "!"));
            let Some(path) = list.strip_prefix('@') else {
                all.push(value);
                continue;
            };
            let text = std::fs::read_to_string(path).context("can't read this list");
            let text = text.map_err(|error| bad(option, &value, &error))?;
            let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            let before = all.len();
            all.extend(lines.map(|line| format!("{not}{line}")));
            if all.len() == before {
                return Err(bad(option, &value, &anyhow::anyhow!("this list is empty")));
            }
        }
        *values = all;
    }
    Ok(args)
}
