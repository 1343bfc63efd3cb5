//! A profile as JSON.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use sawlog_query::Sums;
use sawlog_query::who::{AsTarget, Change, FacetValue, Issue, LogProfile, Profile};
use serde::Serialize;

use crate::moment::in_utc as time;

/// Prints a profile as JSON.
pub(super) fn print(profile: &Profile, out: &mut impl Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Whole::of(profile))?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// The whole profile.
#[derive(Serialize)]
struct Whole<'a> {
    entity: &'a str,
    port: Option<u16>,
    kind: &'a str,
    also: Vec<&'a str>,
    place: Option<&'a str>,
    records: u64,
    first_seen: Option<String>,
    last_seen: Option<String>,
    logs: Vec<OfLog<'a>>,
    as_target: Vec<Target<'a>>,
    facets: BTreeMap<String, Vec<OfValue<'a>>>,
    changes: Vec<Changed<'a>>,
    issued: Vec<Issued<'a>>,
}

/// Sums of any size are numbers.
#[derive(Serialize)]
struct Added {
    records: u64,
    errors: u64,
    bytes_sent: u128,
    bytes_received: u128,
    flow_bytes: u128,
    first_seen: Option<String>,
    last_seen: Option<String>,
}

#[derive(Serialize)]
struct OfLog<'a> {
    log: &'a str,
    records_by_day: BTreeMap<String, u64>,
    #[serde(flatten)]
    sums: Added,
}

#[derive(Serialize)]
struct Target<'a> {
    log: &'a str,
    records: u64,
}

#[derive(Serialize)]
struct OfValue<'a> {
    value: &'a str,
    only_here: bool,
    place: Option<&'a str>,
    #[serde(flatten)]
    sums: Added,
}

#[derive(Serialize)]
struct Changed<'a> {
    log: &'a str,
    operation: &'a str,
    target: &'a str,
    #[serde(flatten)]
    sums: Added,
}

#[derive(Serialize)]
struct Issued<'a> {
    time: String,
    access_key: &'a str,
    operation: &'a str,
    actor: &'a str,
    src_ip: &'a str,
    signed_by: &'a str,
    target: &'a str,
    source_file: &'a str,
    source_line: i64,
}

impl<'a> Whole<'a> {
    fn of(profile: &'a Profile) -> Self {
        let times = profile.times();
        let facets = profile.facets.iter().map(|(facet, values)| {
            (facet.name().replace(' ', "_").to_lowercase(), values.iter().map(OfValue::of).collect())
        });
        Self {
            entity: &profile.entity,
            port: profile.port,
            kind: profile.kind.name(),
            also: profile.also.iter().map(|kind| kind.name()).collect(),
            place: profile.place.as_deref(),
            records: profile.records,
            first_seen: times.map(|(first, _)| time(first)),
            last_seen: times.map(|(_, last)| time(last)),
            logs: profile.logs.iter().map(OfLog::of).collect(),
            as_target: profile
                .as_target
                .iter()
                .map(|AsTarget { log, records }| Target { log, records: *records })
                .collect(),
            facets: facets.collect(),
            changes: profile.changes.iter().map(Changed::of).collect(),
            issued: profile.issues.iter().map(Issued::of).collect(),
        }
    }
}

impl Added {
    fn of(sums: &Sums) -> Self {
        Self {
            records: sums.count,
            errors: sums.errors,
            bytes_sent: sums.bytes_sent.unwrap_or_default(),
            bytes_received: sums.bytes_received,
            flow_bytes: sums.flow_bytes.unwrap_or_default(),
            first_seen: sums.times().map(|(first, _)| time(first)),
            last_seen: sums.times().map(|(_, last)| time(last)),
        }
    }
}

impl<'a> OfLog<'a> {
    fn of(log: &'a LogProfile) -> Self {
        let mut records_by_day = BTreeMap::new();
        for (hour, records) in &log.hours {
            let day = i32::try_from(hour.div_euclid(24)).map(sawlog_formats::date_name).unwrap_or_default();
            *records_by_day.entry(day).or_insert(0) += records;
        }
        Self { log: &log.log, records_by_day, sums: Added::of(&log.sums) }
    }
}

impl<'a> OfValue<'a> {
    fn of(FacetValue { value, only_here, place, sums, .. }: &'a FacetValue) -> Self {
        Self { value, only_here: *only_here, place: place.as_deref(), sums: Added::of(sums) }
    }
}

impl<'a> Changed<'a> {
    fn of(Change { log, operation, target, sums }: &'a Change) -> Self {
        Self { log, operation, target, sums: Added::of(sums) }
    }
}

impl<'a> Issued<'a> {
    fn of(issue: &'a Issue) -> Self {
        Self {
            time: time(issue.time),
            access_key: &issue.key,
            operation: &issue.operation,
            actor: &issue.actor,
            src_ip: &issue.src_ip,
            signed_by: &issue.signed_by,
            target: &issue.target,
            source_file: &issue.source_file,
            source_line: issue.source_line,
        }
    }
}
