//! A profile as JSON.

use std::io::Write;

use anyhow::Result;
use sawlog_query::Sums;
use sawlog_query::who::{Change, FacetValue, Issue, LogProfile, Profile};
use serde_json::{Value, json};

use crate::moment::in_utc as time;

/// Prints a profile as JSON.
pub(super) fn print(profile: &Profile, out: &mut impl Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, &json(profile))?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// A number of any size as JSON: as text if it does not fit into 64 bits, since few readers would accept such a
/// number.
fn number(number: u128) -> Value {
    u64::try_from(number).map_or_else(|_| json!(number.to_string()), |number| json!(number))
}

/// The whole profile as JSON.
fn json(profile: &Profile) -> Value {
    let sums = |sums: &Sums| {
        json!({
            "records": sums.count,
            "errors": sums.errors,
            "bytes_sent": number(sums.bytes_sent.unwrap_or_default()),
            "bytes_received": number(sums.bytes_received),
            "flow_bytes": number(sums.flow_bytes.unwrap_or_default()),
            "first_seen": sums.times().map(|(first, _)| time(first)),
            "last_seen": sums.times().map(|(_, last)| time(last)),
        })
    };
    let with = |mut object: Value, more: Value| {
        if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
            object.extend(more);
        }
        object
    };
    let log = |log: &LogProfile| {
        let mut days = std::collections::BTreeMap::new();
        for (hour, records) in &log.hours {
            let day = i32::try_from(hour.div_euclid(24)).map(sawlog_formats::date_name).unwrap_or_default();
            *days.entry(day).or_insert(0) += records;
        }
        with(json!({ "log": log.log, "records_by_day": days }), sums(&log.sums))
    };
    let value = |value: &FacetValue| {
        let own = json!({ "value": value.value, "only_here": value.only_here, "place": value.place });
        with(own, sums(&value.sums))
    };
    let facets: serde_json::Map<String, Value> = profile
        .facets
        .iter()
        .map(|(facet, values)| (facet.name().replace(' ', "_").to_lowercase(), values.iter().map(value).collect()))
        .collect();
    let change = |change: &Change| {
        let own = json!({ "log": change.log, "operation": change.operation, "target": change.target });
        with(own, sums(&change.sums))
    };
    let issue = |issue: &Issue| {
        json!({
            "time": time(issue.time),
            "access_key": issue.key,
            "operation": issue.operation,
            "actor": issue.actor,
            "src_ip": issue.src_ip,
            "signed_by": issue.signed_by,
            "target": issue.target,
            "source_file": issue.source_file,
            "source_line": issue.source_line,
        })
    };
    let times = profile.times();
    json!({
        "entity": profile.entity,
        "port": profile.port,
        "kind": profile.kind.name(),
        "also": profile.also.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
        "place": profile.place,
        "records": profile.records,
        "first_seen": times.map(|(first, _)| time(first)),
        "last_seen": times.map(|(_, last)| time(last)),
        "logs": profile.logs.iter().map(log).collect::<Vec<_>>(),
        "facets": facets,
        "changes": profile.changes.iter().map(change).collect::<Vec<_>>(),
        "issued": profile.issues.iter().map(issue).collect::<Vec<_>>(),
    })
}
