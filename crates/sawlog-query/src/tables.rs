//! The tables and their columns.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use sawlog_formats::Kind;
use sawlog_store::{Store, TABLES};

use crate::error::{Parameter, WrongValue};
use crate::{events, logs, printed};

/// The table or view of a name; for a log's table, the first part of its name is enough.
///
/// # Errors
///
/// A [`WrongValue`] if there is none.
pub fn table_named(name: &str) -> Result<&'static str> {
    if let Ok(log) = logs::named(name) {
        return Ok(log.table.name);
    }
    let names: Vec<&'static str> = TABLES().iter().map(|table| table.name).chain([events::NAME]).collect();
    let lower = name.to_lowercase();
    let found = names.iter().find(|table| **table == lower).copied();
    Ok(found.ok_or_else(|| {
        let reason = format!("there is no such table; the tables are {}", names.join(", "));
        WrongValue::new(Parameter::Table, name, reason)
    })?)
}

/// The tables and the view `events`, with the names of their columns; columns in groups have dots.
#[must_use]
pub fn names() -> Vec<(&'static str, Vec<String>)> {
    let of_table = |table| logs::columns(table).into_iter().map(|(name, _)| name).collect();
    let tables = TABLES().into_iter().map(|table| (table.name, of_table(table)));
    let of_view = events::COLUMNS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    tables.chain([(events::NAME, of_view)]).collect()
}

/// A row for each column of each table, or of one table.
///
/// # Errors
///
/// Only if there is a bug.
pub fn columns(only: Option<&str>) -> Result<RecordBatch> {
    let mut rows: Vec<[String; 4]> = Vec::new();
    for table in TABLES() {
        let has_text = printed::text(table).is_some();
        for (name, column) in logs::columns(table) {
            let doc = match name.as_str() {
                printed::SKELETON if has_text => continue,
                printed::RAW if has_text => "The record's own text, byte for byte",
                _ => column.doc,
            };
            let data_type = match column.kind {
                Kind::List(columns) => {
                    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
                    format!("List({})", names.join(", "))
                }
                _ => column.data_type().to_string(),
            };
            rows.push([table.name.to_owned(), name, data_type, doc.to_owned()]);
        }
        if !table.times.is_empty() {
            rows.push(
                [table.name, "date", "Date32", "The UTC day of the record; null if it has no time"].map(str::to_owned),
            );
        }
    }
    let view = events::COLUMNS.iter();
    rows.extend(view.map(|(name, data_type, doc)| [events::NAME, name, data_type, doc].map(str::to_owned)));
    rows.retain(|[table, ..]| only.is_none_or(|only| table == only));
    let text =
        |place: usize| -> ArrayRef { Arc::new(rows.iter().map(|row| Some(&row[place])).collect::<StringArray>()) };
    let names = ["table", "column", "type", "meaning"];
    Ok(RecordBatch::try_from_iter(names.into_iter().enumerate().map(|(place, name)| (name, text(place))))?)
}

/// A row for each table, or for one: rows, data files, days.
///
/// # Errors
///
/// If the store can't be read.
pub fn tables(store: &Store, only: Option<&str>) -> Result<RecordBatch> {
    let mut tables = TABLES();
    tables.retain(|table| only.is_none_or(|only| table.name == only));
    let snapshots = store.snapshots(&tables)?;
    let number = |values: Vec<u64>| -> ArrayRef { Arc::new(UInt64Array::from(values)) };
    let text = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("table", text(snapshots.iter().map(|snapshot| Some(snapshot.table.name)).collect()), false),
        ("rows", number(snapshots.iter().map(sawlog_store::Snapshot::rows).collect()), false),
        ("files", number(snapshots.iter().map(|snapshot| snapshot.files.len() as u64).collect()), false),
        ("bytes", number(snapshots.iter().map(sawlog_store::Snapshot::size).collect()), false),
        ("first_day", text(snapshots.iter().map(|snapshot| Some(snapshot.days()?.0)).collect()), true),
        ("last_day", text(snapshots.iter().map(|snapshot| Some(snapshot.days()?.1)).collect()), true),
        ("meaning", text(snapshots.iter().map(|snapshot| Some(snapshot.table.doc)).collect()), false),
    ])?)
}
