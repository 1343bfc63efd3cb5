//! What is wrong with a query, said once, with the nearest names.

use std::collections::BTreeSet;

use anyhow::{Error, anyhow};
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use sawlog_store::Unnamed;

use super::dialect::NOT_HERE;
use super::instead;
use crate::engine::SCHEMA;
use crate::error::{OutOfMemory, UnknownFunction};
use crate::nearest::nearest;

/// The names that a query could have meant.
pub(crate) struct Names {
    pub(crate) tables: Vec<String>,
    pub(crate) functions: Vec<String>,
}

/// The error of the engine, without its context.
pub(crate) fn plain(error: &DataFusionError, names: &Names) -> Error {
    if let Some(unnamed) = Unnamed::of(error) {
        return unnamed.into();
    }
    let root = match error.find_root() {
        DataFusionError::Collection(errors) => errors.first().map_or(error, DataFusionError::find_root),
        root => root,
    };
    let text = root.to_string();
    if text.contains("Cannot access field at argument") {
        return anyhow!("only groups have fields; read a value from JSON text with request_parameters->>'userName'");
    }
    if let Some(known) = not_taken(&text).or_else(|| unsupported(&text)) {
        return anyhow!(known);
    }
    match root {
        DataFusionError::SchemaError(error, _) => schema(error),
        DataFusionError::SQL(error, _) => {
            let text = error.to_string();
            let text = text.trim_start_matches("sql parser error: ");
            match text.strip_prefix(NOT_HERE) {
                Some(word) => anyhow!("{word} is not supported{}", instead::of_part(word)),
                None => anyhow!("this is not SQL: {text}"),
            }
        }
        DataFusionError::NotImplemented(text) if !text.contains("upport") => anyhow!("{text}: this is not supported"),
        DataFusionError::Plan(text) | DataFusionError::NotImplemented(text) => plan(text, names),
        DataFusionError::Execution(text) => short(text),
        DataFusionError::ArrowError(error, _) => arrow(&error.to_string()),
        DataFusionError::ResourcesExhausted(_) => OutOfMemory.into(),
        DataFusionError::External(error) => anyhow!("{error:#}"),
        DataFusionError::Internal(text) => anyhow!("the SQL engine can't do this: {}", short(text)),
        root => short(&root.to_string()),
    }
}

/// The longest text of an error of the engine.
const LONGEST: usize = 300;

/// The message of an engine's error, without its category, and without trees and values that nobody would read.
fn short(text: &str) -> Error {
    let prefixes = ["Internal error: ", "Execution error: ", "Error during planning: "];
    let text = prefixes.iter().fold(text, |text, prefix| text.strip_prefix(prefix).unwrap_or(text));
    let text = text.split("\nbacktrace").next().unwrap_or(text).trim_end();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => anyhow!("{}…", &text[..end]),
        None => anyhow!("{text}"),
    }
}

/// The message for a call with arguments that the function does not take.
fn not_taken(text: &str) -> Option<String> {
    let quoted = |before: &str| Some(text.split_once(before)?.1.split_once('\'')?.0);
    let number = |what: &str| text.split_once(what)?.1.split([' ', '.', ',']).next()?.parse::<usize>().ok();
    let call = quoted("the given name and argument types '");
    let has_several = text.contains("failed to match any signature");
    let counts = number(" arguments but received ").zip(number("expects ").or_else(|| number("expected ")));
    let counts = counts.filter(|_| !has_several);
    match (call, quoted("Function '").filter(|_| has_several)) {
        (Some(call), _) => Some(match (call.split_once('('), counts) {
            (Some((name, _)), Some((given, wanted))) if given != wanted => {
                let plural = if wanted == 1 { "" } else { "s" };
                format!("the function {name} takes {wanted} argument{plural}, not {given}")
            }
            (Some((name, ")")), _) => format!("the function {name} needs arguments"),
            (Some(("array_slice" | "array_element", types)), _) if types.starts_with("Utf8") => {
                "[…] is for lists; substr(text, start, length) cuts a text".to_owned()
            }
            (Some((name, types)), _) => {
                format!("the function {name} does not take ({types}; CAST(… AS type) converts a value")
            }
            _ => return None,
        }),
        (None, Some(name)) => {
            let given =
                text.split_once("(DataType: ").and_then(|(_, rest)| rest.split_once(").")).map(|(given, _)| given);
            let given = given.map_or_else(|| " these types".to_owned(), |given| format!(" {given}"));
            Some(format!("the function {name} does not take{given}; CAST(… AS type) converts a value"))
        }
        _ => None,
    }
}

/// The message for parts of SQL that the engine lacks, and reports as the tree that it made of them.
fn unsupported(text: &str) -> Option<String> {
    if let Some(rest) = text.split_once("Physical plan does not support logical expression ").map(|(_, rest)| rest) {
        let what = if rest.starts_with("OuterReferenceColumn") {
            "a subquery, or LATERAL, that uses columns of the outer query in this way"
        } else {
            "a subquery in this place"
        };
        return Some(format!("{what} is not supported; write it as a join"));
    }
    if text.contains("Unsupported logical plan: CreateMemoryTable") {
        return Some(
            "SELECT INTO would change the store; CREATE VIEW name AS … makes a view for this session".to_owned(),
        );
    }
    if text.contains("Substring without for/from") {
        return Some("the function substr needs a start: substr(text, 2)".to_owned());
    }
    // The tree of a query contains places in the text, or names and members of nodes.
    let is_tree = text.contains("Span(") || text.contains("Ident {") || text.contains(": None, ");
    let (before, _) = text.split_once(['{', '(']).filter(|_| is_tree)?;
    let node = before.split_whitespace().next_back().unwrap_or_default();
    let name = sql_name(node);
    let join = if text.contains("JOIN operator") && !name.ends_with("JOIN") { " JOIN" } else { "" };
    let name = format!("{name}{join}");
    let advice = instead::of_part(&name);
    Some(if name.is_empty() { "this is not supported".to_owned() } else { format!("{name} is not supported{advice}") })
}

/// The SQL name of a node of the parser's tree: `MatchRecognize` is `MATCH_RECOGNIZE`.
fn sql_name(node: &str) -> String {
    let name = match node {
        "AsOf" => "ASOF JOIN",
        "TableFunction" | "Function" => "this table function",
        "MatchRecognize" => "MATCH_RECOGNIZE",
        "JsonTable" => "JSON_TABLE",
        "OpenJsonTable" => "OPENJSON",
        "XmlTable" => "XMLTABLE",
        "SemanticView" => "SEMANTIC_VIEW",
        _ => {
            let mut name = String::new();
            for char in node.chars().filter(|char| char.is_alphanumeric()) {
                if char.is_uppercase() && !name.is_empty() {
                    name.push(' ');
                }
                name.extend(char.to_uppercase());
            }
            return name;
        }
    };
    name.to_owned()
}

fn schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => no_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => {
            anyhow!("several tables have a column {}; say which table you mean: TABLE.{}", field.name, field.name)
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            anyhow!("two columns of the result are called {name}; rename one with AS")
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
            return anyhow!("this query has no table {table} with a column {}", field.name);
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
    let table = text.split_once("table function '").or_else(|| text.split_once(&format!("{SCHEMA}.")));
    if let Some(advice) = table.and_then(|(_, rest)| instead::of_file(rest.split_once('\'')?.0)) {
        return anyhow!(advice);
    }
    if let Some(table) = quoted("table '") {
        let what = format!("there is no table {table}");
        return match near(&table, &names.tables.iter().map(String::as_str).collect::<Vec<_>>()) {
            Some(name) => anyhow!("{what}; did you mean {name}?"),
            None => anyhow!("{what}; the tables are {}", names.tables.join(", ")),
        };
    }
    if let Some(function) = quoted("Invalid function '") {
        if names.functions.contains(&function) {
            return anyhow!("the function {function} needs OVER (…) after it");
        }
        if let Some(advice) = instead::of_function(&function) {
            return anyhow!("there is no function {function}; {advice}");
        }
        return match nearest(&function, names.functions.iter().map(String::as_str)) {
            Some(name) => anyhow!("there is no function {function}; did you mean {name}?"),
            None => UnknownFunction(function).into(),
        };
    }
    if text.contains("SQL type INET") {
        return anyhow!("there is no type INET; {}", instead::OF_ADDRESSES);
    }
    if text.contains("for bitwise operation Utf8") {
        return anyhow!("<< and the like are for numbers; {}", instead::OF_ADDRESSES);
    }
    short(text.lines().next().unwrap_or_default())
}

/// An error of a cast or the like.
fn arrow(text: &str) -> Error {
    let text = ["Parser error: ", "Cast error: ", "Compute error: ", "Invalid argument error: "]
        .iter()
        .fold(text, |text, prefix| text.strip_prefix(prefix).unwrap_or(text));
    if text == "Divide by zero error" {
        return anyhow!("a number is divided by zero; nullif(x, 0) makes it null instead");
    }
    match text.split_once("Error parsing timestamp from '").and_then(|(_, rest)| rest.split_once('\'')) {
        Some((time, _)) => anyhow!("'{time}' is not a time; write one as '2021-07-29' or '2021-07-29T13:10:00Z'"),
        None => short(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(error: &DataFusionError) -> String {
        plain(error, &Names { tables: vec!["events".to_owned()], functions: vec!["lag".to_owned()] }).to_string()
    }

    #[test]
    fn trees_are_not_printed() {
        let tree = "{ table: Table { name: ObjectName([Identifier(Ident { value: \"events\", span: Span(Location(1,15)..Location(1,21)) })])";
        let join = "(Using([ObjectName([Identifier(Ident { value: \"time\", quote_style: None })])]))";
        for (text, expected) in [
            (
                format!("Unsupported ast node Pivot {tree}"),
                "PIVOT is not supported; write a column for each value: count(*) FILTER (outcome = 'failure') AS failures",
            ),
            (format!("Unsupported ast node MatchRecognize {tree}"), "MATCH_RECOGNIZE is not supported"),
            (format!("Unsupported ast node in sqltorel: Collate {tree}"), "COLLATE is not supported"),
            (format!("Unsupported JOIN operator AsOf {tree}"), "ASOF JOIN is not supported"),
            (format!("Unsupported JOIN operator StraightJoin{join}"), "STRAIGHT JOIN is not supported"),
            (format!("Unsupported JOIN operator Semi{join}"), "SEMI JOIN is not supported"),
            ("TOP".to_owned(), "TOP: this is not supported"),
        ] {
            assert_eq!(said(&DataFusionError::NotImplemented(text.clone())), expected, "{text}");
        }
    }

    #[test]
    fn no_error_says_that_it_is_internal_or_goes_on_and_on() {
        let signatures = "Function 'date_part' failed to match any signature, errors: Error during planning: Function 'date_part' \
                          requires Timestamp, but received Int64 (DataType: Int64).,Error during planning: and so on";
        for (error, expected) in [
            (
                DataFusionError::Plan(format!("Internal error: {signatures}")),
                "the function date_part does not take Int64; CAST(… AS type) converts a value",
            ),
            (
                DataFusionError::Plan(
                    "Function 'upper' expects 1 arguments but received 2. No function matches the given name \
                                       and argument types 'upper(Int64, Int64)'. You might"
                        .to_owned(),
                ),
                "the function upper takes 1 argument, not 2",
            ),
            (DataFusionError::Plan("Invalid function 'lag'".to_owned()), "the function lag needs OVER (…) after it"),
            (DataFusionError::Internal("Internal error: odd".to_owned()), "the SQL engine can't do this: odd"),
        ] {
            assert_eq!(said(&error), expected);
        }
        assert_eq!(said(&DataFusionError::Execution("ä".repeat(1000))).chars().count(), LONGEST + 1);
    }
}
