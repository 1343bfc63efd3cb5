//! Result columns with the same name, such as in `SELECT time AS timestamp, *`, and `* RENAME`: the engine wants
//! distinct names, and renames no columns.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, bail};
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{Expr, RenameSelectItem, Select, SelectItem, WildcardAdditionalOptions};

use super::rewrite::{SEPARATOR, normal, quoted};
use super::selects::Tables;

/// Whether the engine refused a query because results have the same name, or are to be renamed.
pub(crate) fn is_about_names(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::SchemaError(error, _) => !matches!(**error, SchemaError::FieldNotFound { .. }),
        DataFusionError::Plan(text) => text.contains("unique expression names"),
        DataFusionError::NotImplemented(text) => text.contains("with RENAME"),
        _ => false,
    }
}

/// Expands the wildcards of a query, and gives each result column a name of its own.
pub(crate) fn expand(select: &mut Select, tables: &Tables<'_>) -> Result<()> {
    let mut results: Vec<Named> = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                let name = parts.last().map_or_else(String::new, |part| part.value.clone());
                results.push(Named { expr: Expr::CompoundIdentifier(parts.clone()), name, is_written: true });
            }
            SelectItem::UnnamedExpr(expr) => {
                let name = match expr {
                    Expr::Identifier(name) => name.value.clone(),
                    other => other.to_string(),
                };
                results.push(Named { expr: expr.clone(), name, is_written: true });
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                results.push(Named { expr: expr.clone(), name: alias.value.clone(), is_written: true });
            }
            SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) if is_plain(options) => {
                let mut renamed = renamed(options);
                let columns = tables.columns(without_names(item.clone()), &select.from)?;
                results.extend(columns.into_iter().map(|(name, expr)| match renamed.remove(&name) {
                    Some(other) => Named { expr, name: other, is_written: true },
                    None => Named { expr, name, is_written: false },
                }));
                if let Some(unknown) = renamed.keys().min() {
                    bail!("RENAME: no column is called {unknown}");
                }
            }
            // Wildcards that replace columns are left to the engine.
            _ => return Ok(()),
        }
    }
    select.projection = with_own_names(results);
    Ok(())
}

fn is_plain(options: &WildcardAdditionalOptions) -> bool {
    options.opt_replace.is_none()
}

/// The names that a wildcard gives to columns.
fn renamed(options: &WildcardAdditionalOptions) -> HashMap<String, String> {
    let pairs = match &options.opt_rename {
        Some(RenameSelectItem::Single(pair)) => std::slice::from_ref(pair),
        Some(RenameSelectItem::Multiple(pairs)) => pairs,
        None => &[],
    };
    pairs.iter().map(|pair| (normal(&pair.ident), pair.alias.value.clone())).collect()
}

fn without_names(mut wildcard: SelectItem) -> SelectItem {
    if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) = &mut wildcard {
        options.opt_rename = None;
    }
    wildcard
}

/// A result and its name.
struct Named {
    expr: Expr,
    name: String,
    /// Whether it is written in the query rather than from a wildcard: it keeps the name if two have it.
    is_written: bool,
}

fn with_own_names(results: Vec<Named>) -> Vec<SelectItem> {
    let written: HashSet<String> =
        results.iter().filter(|result| result.is_written).map(|result| result.name.clone()).collect();
    let mut taken = HashSet::new();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let named = results.into_iter().map(|Named { expr, name, is_written }| {
        let own = if (is_written || !written.contains(&name)) && taken.insert(name.clone()) {
            name
        } else {
            let count = counts.entry(name.clone()).or_default();
            *count += 1;
            format!("{name}{SEPARATOR}{count}")
        };
        SelectItem::ExprWithAlias { expr, alias: quoted(&own) }
    });
    named.collect()
}
