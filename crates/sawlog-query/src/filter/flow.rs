//! Flows: `action` and ports.

use anyhow::{Context, Result};
use datafusion::logical_expr::{Expr, ident, lit};
use sawlog_formats::{Role, Table};

use super::condition::{Condition, any, probe};
use super::glob::glob;
use crate::logs;

/// Whether a flow was accepted or rejected.
pub(super) fn action(table: &Table, value: &str) -> Option<Condition> {
    any(table, &logs::fields(table, Role::Action), |column| glob(column, &value.to_uppercase()))
}

/// The port at an end of a flow.
pub(super) fn port(table: &Table, ends: &[Role], value: &str) -> Result<Option<Condition>> {
    let number: u16 = value.parse().ok().context("is not a port; ports are numbers up to 65535")?;
    let ends: Vec<&str> = ends.iter().flat_map(|end| logs::fields(table, *end)).collect();
    let Some(found) = any(table, &ends, |column| column.clone().eq(lit(i32::from(number)))) else { return Ok(None) };
    let is = |value: &Expr| value.clone().eq(lit(number.to_string()));
    let probe = probe(table, ends, &ident("value"), is);
    Ok(Some(Condition { probe, ..found }))
}
