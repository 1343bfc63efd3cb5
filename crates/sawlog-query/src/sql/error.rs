//! What is wrong with a query, said once, with the nearest names.

use std::collections::BTreeSet;

use anyhow::{Error, anyhow};
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use sawlog_store::Unnamed;

use crate::error::{OutOfMemory, UnknownFunction};
use crate::nearest::nearest;

/// The names that a query could have meant.
pub(crate) struct Names {
    pub(crate) tables: Vec<String>,
    pub(crate) functions: Vec<String>,
}

/// The error of the engine, without what led to it.
pub(crate) fn plain(error: &DataFusionError, names: &Names) -> Error {
    if let Some(unnamed) = Unnamed::of(error) {
        return unnamed.into();
    }
    let root = match error.find_root() {
        DataFusionError::Collection(errors) => errors.first().map_or(error, DataFusionError::find_root),
        root => root,
    };
    match root {
        _ if root.to_string().contains("Cannot access field at argument") => {
            anyhow!("only groups have fields; write a value within JSON text as request_parameters->>'userName'")
        }
        DataFusionError::SchemaError(error, _) => schema(error),
        DataFusionError::SQL(error, _) => {
            let text = error.to_string();
            anyhow!("this is not SQL: {}", text.trim_start_matches("sql parser error: "))
        }
        DataFusionError::Plan(text) | DataFusionError::NotImplemented(text) => plan(text, names),
        DataFusionError::Execution(text) => anyhow!("{text}"),
        DataFusionError::ArrowError(error, _) => arrow(&error.to_string()),
        DataFusionError::ResourcesExhausted(_) => OutOfMemory.into(),
        DataFusionError::External(error) => anyhow!("{error:#}"),
        DataFusionError::Internal(text) => {
            anyhow!("the engine can't do this: {}", text.lines().next().unwrap_or_default())
        }
        root => anyhow!("{root}"),
    }
}

fn schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => no_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => {
            anyhow!(
                "column {} is in several tables; name the one that is meant, as in TABLE.{}",
                field.name,
                field.name
            )
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            anyhow!("two results are called {name}; name one otherwise, by AS")
        }
    }
}

fn no_column(field: &Column, valid: &[Column]) -> Error {
    let of_table = |column: &&Column| field.relation.is_none() || column.relation == field.relation;
    let known: BTreeSet<&str> = valid.iter().filter(of_table).map(|column| column.name.as_str()).collect();
    let tables: BTreeSet<&str> =
        valid.iter().filter(of_table).filter_map(|column| Some(column.relation.as_ref()?.table())).collect();
    let tables: Vec<&str> = tables.into_iter().collect();
    let within = match (&field.relation, tables.as_slice()) {
        (Some(table), []) => {
            return anyhow!("there is no table {table} in this query that has a column {}", field.name);
        }
        (_, []) => String::new(),
        (_, tables) => format!(" in {}", tables.join(" or ")),
    };
    let what = format!("there is no column {}{within}", field.name);
    match near(&field.name, &known.into_iter().collect::<Vec<_>>()) {
        Some(name) => anyhow!("{what}; did you mean {name}?"),
        None if within.is_empty() => anyhow!("{what}"),
        None => anyhow!("{what}; DESCRIBE {}; shows its columns", tables.first().unwrap_or(&"")),
    }
}

/// A name like the one that was written, or one that it is a part of.
fn near<'a>(wanted: &str, names: &[&'a str]) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let by_letters = nearest(&wanted, names.iter().copied());
    let part = |name: &&str| name.split('_').any(|part| part == wanted) && wanted.len() > 2;
    by_letters.or_else(|| names.iter().copied().find(part))
}

fn plan(text: &str, names: &Names) -> Error {
    let quoted = |before: &str| {
        let (_, rest) = text.split_once(before)?;
        Some(rest.split_once('\'')?.0.rsplit('.').next().unwrap_or_default().to_owned())
    };
    if let Some(table) = quoted("table '") {
        let what = format!("there is no table {table}");
        return match near(&table, &names.tables.iter().map(String::as_str).collect::<Vec<_>>()) {
            Some(name) => anyhow!("{what}; did you mean {name}?"),
            None => anyhow!("{what}; the tables are {}", names.tables.join(", ")),
        };
    }
    if let Some(function) = quoted("Invalid function '") {
        return match nearest(&function, names.functions.iter().map(String::as_str)) {
            Some(name) => anyhow!("there is no function {function}; did you mean {name}?"),
            None => UnknownFunction(function).into(),
        };
    }
    anyhow!("{}", text.lines().next().unwrap_or_default())
}

/// An error of a cast or the like.
fn arrow(text: &str) -> Error {
    let text = ["Parser error: ", "Cast error: ", "Compute error: ", "Invalid argument error: "]
        .iter()
        .fold(text, |text, prefix| text.strip_prefix(prefix).unwrap_or(text));
    match text.split_once("Error parsing timestamp from '").and_then(|(_, rest)| rest.split_once('\'')) {
        Some((time, _)) => anyhow!("'{time}' is not a time; write one as '2021-07-29' or '2021-07-29T13:10:00Z'"),
        None => anyhow!("{text}"),
    }
}
