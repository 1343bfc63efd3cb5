//! Why a record failed: `error`.

use anyhow::Result;
use datafusion::logical_expr::{Expr, ident};
use sawlog_formats::{Part, Role, Source, Table};

use super::condition::{Condition, any, either, probe};
use super::glob::{glob, matcher};
use crate::logs::{self, Roles, resolve};

/// Why a record failed: its error code, or another sign of failure; a rejected flow has the error REJECT. `*` selects
/// all failures, like `failed`: a request to S3 can fail without an error code.
pub(super) fn error(table: &Table, value: &str) -> Result<Option<Condition>> {
    let field = logs::field(table, Role::Error);
    if let Some(Part::First(sources)) = logs::entity(table, "error").map(|entity| entity.part) {
        return Ok(field.and_then(|field| of_sources(table, field, sources, value)));
    }
    if is_any(value) {
        return Ok(Some(Condition { expr: Roles::of_table(table)?.failed.is_true(), probe: None }));
    }
    if let Some(field) = field {
        return Ok(any(table, &[field], |column| glob(column, value)));
    }
    let error = logs::error(table, |sources| sources.iter().collect());
    Ok(error.map(|error| Condition { expr: glob(&error, value), probe: None }))
}

fn is_any(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte == b'*')
}

/// The first source that is not empty is the value or matches it.
fn of_sources(table: &Table, field: &'static str, sources: &'static [Source], value: &str) -> Option<Condition> {
    /// What sign-ins say that failed.
    const FAILURE: &str = "Failure";
    // Columns that are large, and so looked at in few records, are read only if necessary.
    let (told, silent): (Vec<&Source>, Vec<&Source>) = sources.iter().partition(|source| source.only.is_empty());
    let test = |column: &Expr| glob(column, value);
    let (first, others) = told.split_first()?;
    let code = resolve(table, first.column)?;
    let mut exprs = vec![test(&code).and(logs::is_something(first, &code))];
    if let Some(other) = logs::first(table, others.iter().copied()) {
        exprs.push(logs::is_nothing(first, &code).and(test(&other)));
    }
    let can_be = value == FAILURE || matcher(value).is_some_and(|glob| glob.is_match(FAILURE));
    if can_be {
        // Only what no other source tells.
        let untold = logs::first(table, told)?.is_null();
        let said = silent.iter().filter_map(|source| logs::first(table, [*source]));
        exprs.extend(said.map(|said| untold.clone().and(said.is_not_null())));
    }
    // The index has the first of them, whichever it is.
    let probe = probe(table, vec![field], &ident("value"), test);
    either(exprs).map(|expr| Condition { expr, probe })
}
