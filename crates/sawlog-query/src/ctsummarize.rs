//! What the tool ctsummarize reports about a caller's events in CloudTrail.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::logical_expr::{ident, lit};
use sawlog_formats::{Changes, TextColumn};

use crate::logs::{is_not, resolve};
use crate::printed;
use crate::query::EVIDENCE_ORDER;
use crate::records::Records;
use crate::times::in_utc;

/// An event of CloudTrail, as ctsummarize shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened, by RFC 3339.
    pub time: String,
    /// The user's name.
    pub user_name: Option<String>,
    /// The key that signed it; a sign-in has an empty one.
    pub access_key_id: Option<String>,
    /// The API action.
    pub name: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
    /// What went wrong, if anything did.
    pub error_message: Option<String>,
    /// Access keys in the response: created, or issued for a session.
    pub new_keys: Vec<String>,
}

impl Records {
    /// The records as events of CloudTrail, in no order. They must be records of that log only.
    ///
    /// # Errors
    ///
    /// If they are not, or data files can't be read.
    pub fn events(&self) -> Result<Vec<Event>> {
        const FIELDS: [&str; 7] = [
            "event_time",
            "user_identity.user_name",
            "user_identity.access_key_id",
            "event_name",
            "user_agent",
            "error_message",
            "response_elements",
        ];
        let query = self.queries().first().context("there are no logs to query")?;
        let mut wanted = Vec::new();
        for (place, name) in FIELDS.iter().enumerate() {
            wanted.push(
                resolve(query.format.table, name).with_context(|| format!("no column {name}"))?.alias(field(place)),
            );
        }
        let events = query.fold(wanted, Vec::new, |events, rows| add_events(&rows.kept()?, events))?;
        Ok(events.into_iter().flatten().collect())
    }

    /// Passes `take` the texts of write events, one line each, in evidence order: events whose action begins with Put
    /// or Create, or all that are not read-only. Returns how many there are.
    ///
    /// # Errors
    ///
    /// If the records are not of CloudTrail, data files can't be read, or `take` fails.
    pub fn write_events(&self, all: bool, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<usize> {
        let query = self.queries().first().context("there are no logs to query")?;
        let is_write = if all {
            let Changes::Not { column, unknown, .. } = query.format.measures.changes else { return Ok(0) };
            is_not(column, unknown)
        } else {
            ident("event_name").like(lit("Put%")).or(ident("event_name").like(lit("Create%")))
        };
        let wanted = (query.format.printed)().into_iter().chain(EVIDENCE_ORDER).map(ident).collect();
        let mut written = 0;
        query.for_each(query.in_order(Some(is_write), wanted, None)?, |batch| {
            let printer = (query.format.printer)(batch)?;
            let mut text = Vec::new();
            for row in 0..batch.num_rows() {
                printed::add(printer.as_ref(), row, &mut text);
                text.push(b'\n');
            }
            written += batch.num_rows();
            take(&text)?;
            Ok(true)
        })?;
        Ok(written)
    }
}

/// The name of a selected field in the engine's batches.
fn field(place: usize) -> String {
    format!("q_{place}")
}

fn add_events(batch: &RecordBatch, events: &mut Vec<Event>) -> Result<()> {
    let array = |place: usize| batch.column_by_name(&field(place)).context("a selected column is missing");
    // Where no event has a text, the column is null.
    let text = |place: usize| -> Result<TextColumn> {
        let array = array(place)?;
        let array = if array.data_type().is_null() { cast(array, &DataType::Utf8)? } else { Arc::clone(array) };
        TextColumn::new(&array).map_err(|found| anyhow::anyhow!("text has the type {found}"))
    };
    let times = array(0)?.as_primitive_opt::<TimestampMicrosecondType>().context("a column does not hold times")?;
    let [user_names, keys, names, agents, errors] = [text(1)?, text(2)?, text(3)?, text(4)?, text(5)?];
    let responses = text(6)?;
    for row in 0..batch.num_rows() {
        let get = |column: &TextColumn| column.get(row).map(str::to_owned);
        events.push(Event {
            time: in_utc(times.value(row)).context("a time is outside the calendar")?,
            user_name: get(&user_names),
            access_key_id: get(&keys),
            name: get(&names),
            user_agent: get(&agents),
            error_message: get(&errors),
            new_keys: responses.get(row).map(new_keys).unwrap_or_default(),
        });
    }
    Ok(())
}

/// The access keys that a response names: the responses of `CreateAccessKey`, `AssumeRole` and the like.
fn new_keys(response: &str) -> Vec<String> {
    // Few responses name a key, and a search takes less time than parsing.
    if !response.contains("accessKeyId") {
        return Vec::new();
    }
    let response: serde_json::Value = serde_json::from_str(response).unwrap_or_default();
    let keys = ["accessKey", "credentials"].iter().map(|name| &response[*name]["accessKeyId"]);
    keys.filter_map(|key| key.as_str().map(str::to_owned)).collect()
}
