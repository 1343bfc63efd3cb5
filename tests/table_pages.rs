//! docs/TABLES.md describes the tables as the code declares them; `SAWLOG_WRITE_DOCS=1` writes it anew.

use std::fmt::Write;
use std::fs;

use sawlog_formats::{Bytes, Column, Entity, Failed, Format, Kind, Part, Source, Table, Value, formats};
use sawlog_store::TABLES;
use sawlog_tests::repository;

/// What stands before this line is written by hand.
const MARK: &str =
    "<!-- What follows is generated: SAWLOG_WRITE_DOCS=1 cargo test --release --workspace --test table_pages -->\n";

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn list(texts: &[&str]) -> String {
    texts.iter().map(|text| code(text)).collect::<Vec<_>>().join(", ")
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float64 => "float64",
        Kind::Time => "timestamp",
        Kind::Bytes => "bytes",
        Kind::Bool => "bool",
        Kind::Struct(_) => "struct",
        Kind::List(_) => "list of structs",
    }
}

fn rows(columns: &[Column], before: &str, page: &mut String) {
    for column in columns {
        let name = format!("{before}{}", column.name);
        let kind = if column.json { "text, JSON" } else { type_of(column.kind) };
        writeln!(page, "| `{name}` | {kind} | {} |", column.doc.replace('|', "\\|")).unwrap();
        match column.kind {
            Kind::Struct(inner) => rows(inner, &format!("{name}."), page),
            Kind::List(inner) => rows(inner, &format!("{name}[]."), page),
            _ => {}
        }
    }
}

fn sources(sources: &[Source]) -> String {
    let places = sources.iter().map(|source| {
        let place = if source.find.is_some() { format!("within `{}`", source.column) } else { code(source.column) };
        if source.only.is_empty() { place } else { format!("{place} (of some records)") }
    });
    places.collect::<Vec<_>>().join(", else ")
}

fn entity(entity: &Entity) -> String {
    match entity.part {
        Part::Whole => code(entity.field),
        Part::Joined(first, second) => format!("`{first}`/`{second}`"),
        Part::Within(_) => format!("within `{}`", entity.field),
        Part::First(all) => sources(all),
        Part::Addresses(columns) => format!("each address in {}", list(columns)),
    }
}

fn value(format: &Format, at: Value) -> String {
    match at {
        Value::Field(name) => format.entities.iter().find(|of| of.field == name).map_or_else(|| code(name), entity),
        Value::Any(names) => list(names),
        Value::Each(all, field) => format!("`{field}` of each of `{all}`"),
        Value::Joined(first, between, second) => format!("`{first}`, `{between}` and `{second}` together"),
        Value::Endpoint(address, port) => format!("`{address}` and `{port}`, an IPv6 address in brackets"),
        Value::Made(name, _) => format!("made from `{name}`"),
        Value::Constant(text) => format!("always `{text}`"),
        Value::First(values) => values.iter().map(|at| value(format, *at)).collect::<Vec<_>>().join(", else "),
    }
}

/// `SourcePort` as people write it.
fn words(name: &str) -> String {
    let mut words = String::new();
    for (at, char) in name.char_indices() {
        if at > 0 && char.is_uppercase() {
            words.push(' ');
        }
        words.push(if at > 0 { char.to_ascii_lowercase() } else { char });
    }
    words.replace("Actor arn", "Actor's ARN").replace(" arn", " ARN")
}

fn failed(failed: &Failed) -> String {
    match failed {
        Failed::Present(column) => format!("`{column}` is there"),
        Failed::AtLeast(column, least) => format!("`{column}` is {least} or more"),
        Failed::Is(column, text) => format!("`{column}` is `{text}`"),
        Failed::Any(all) => format!("there is any of {}", sources(all).replace(", else ", ", ")),
    }
}

fn roles(format: &Format, page: &mut String) {
    writeln!(page, "\nWhat its fields mean, for the filters, `top`, `who`, the view `events` and the report:\n")
        .unwrap();
    writeln!(page, "| role | where |\n|---|---|").unwrap();
    for (role, at) in format.roles {
        writeln!(page, "| {} | {} |", words(&format!("{role:?}")), value(format, *at)).unwrap();
    }
    let reasons: Vec<String> = format.measures.failed.iter().map(failed).collect();
    write!(page, "\nA record failed if {}.", reasons.join(", or ")).unwrap();
    if let Some(bytes) = format.measures.bytes {
        let what = if matches!(bytes, Bytes::Sent(_)) { "Bytes sent" } else { "Bytes of a flow" };
        write!(page, " {what}: `{}`.", bytes.column()).unwrap();
    }
    if let Some(received) = format.measures.received {
        write!(page, " Bytes received: `{}`.", received.column).unwrap();
    }
    let indexed: Vec<String> =
        format.entities.iter().map(|of| format!("{} ({})", code(of.field), of.kind.name().replace('_', " "))).collect();
    writeln!(page, " Indexed: {}.", indexed.join(", ")).unwrap();
}

fn section(table: &Table) -> String {
    let mut page = format!("\n## {}\n\n{}.", table.name, table.doc);
    match table.times {
        [] => page.push_str(" It has no partitions."),
        times => {
            let day = times.iter().map(|time| code(time)).collect::<Vec<_>>().join(", else ");
            write!(page, " Partitioned by `date`, the day (UTC) of {day}; null without a time.").unwrap();
        }
    }
    page.push_str("\n\n| column | type | meaning |\n|---|---|---|\n");
    rows(table.columns, "", &mut page);
    if let Some(format) = formats().iter().find(|format| format.table.name == table.name) {
        roles(format, &mut page);
    }
    page
}

#[test]
fn the_page_of_tables_is_as_the_code_is() {
    let path = repository().join("docs/TABLES.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, body) = page.split_once(MARK).expect("the page has the mark");
    let generated: String = TABLES().into_iter().map(section).collect();
    if std::env::var_os("SAWLOG_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{head}{MARK}{generated}")).unwrap();
        return;
    }
    assert!(body == generated, "docs/TABLES.md is not as the tables are: run this test with SAWLOG_WRITE_DOCS=1");
}
