//! The logs as questions see them: which column of each log a name means, and what counts as failure, bytes or address.

use anyhow::{Context, Result};
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::{coalesce, get_field};
use datafusion::logical_expr::{Expr, ident, in_list, lit, when};
use sawlog_formats::{Column, Failed, Kind, Received, Table, cloudtrail, s3_access, vpc_flow};

use crate::usage::BadValue;

/// Names that mean a column in each log that has one for it: the name, and the columns in S3 access logs, in CloudTrail,
/// and in VPC flow logs.
const NAMES: &[(&str, [Option<&str>; 3])] = &[
    ("time", [Some("time"), Some("event_time"), Some("start")]),
    ("ip", [Some("remote_ip"), Some("source_ip_address"), Some("srcaddr")]),
    ("user", [Some("requester"), Some("user_identity.arn"), None]),
    ("access_key", [None, Some("user_identity.access_key_id"), None]),
    ("agent", [Some("user_agent"), Some("user_agent"), None]),
    ("useragent", [Some("user_agent"), Some("user_agent"), None]),
    ("operation", [Some("operation"), Some("event_name"), None]),
    ("error", [Some("error_code"), Some("error_code"), None]),
    ("status", [Some("http_status"), None, None]),
    ("region", [Some("source_region"), Some("aws_region"), Some("region")]),
    ("account", [Some("bucket_owner"), Some("recipient_account_id"), Some("account_id")]),
];

fn is(table: &Table, log: &Table) -> bool {
    table.name == log.name
}

/// The place of the table's column in [`NAMES`].
fn place(table: &Table) -> usize {
    [&s3_access::TABLE, &cloudtrail::TABLE, &vpc_flow::TABLE].iter().position(|log| is(table, log)).unwrap_or_default()
}

/// The column's own name, for a general one: `source_ip_address` for `ip`; one in a group with dots.
pub(crate) fn path<'a>(table: &Table, name: &'a str) -> &'a str {
    let general = NAMES.iter().find(|(general, _)| *general == name).and_then(|(_, columns)| columns[place(table)]);
    general.unwrap_or(name)
}

/// The column, by its own name or a general one: `source_ip_address` or `ip`; one in a group with dots.
pub(crate) fn resolve(table: &Table, name: &str) -> Option<Expr> {
    if name == "time" {
        return time(table);
    }
    let path = path(table, name);
    if path == "date" {
        return Some(ident("date"));
    }
    if path == "log" {
        return Some(lit(table.name));
    }
    let mut parts = path.split('.');
    let mut column = table.columns.iter().find(|column| Some(column.name) == parts.clone().next())?;
    let mut expr = ident(parts.next()?);
    for part in parts {
        let Kind::Struct(columns) = column.kind else { return None };
        column = columns.iter().find(|column| column.name == part)?;
        expr = get_field(expr, part);
    }
    Some(expr)
}

/// The time of a log's records.
pub(crate) fn time(table: &Table) -> Option<Expr> {
    first_of(table.times)
}

/// The first of some columns that is not null.
pub(crate) fn first_of(columns: &[&str]) -> Option<Expr> {
    let columns: Vec<Expr> = columns.iter().map(|name| ident(*name)).collect();
    if columns.len() > 1 { Some(coalesce(columns)) } else { columns.into_iter().next() }
}

/// All names of columns of a table, those in groups with dots.
pub(crate) fn columns(table: &Table) -> Vec<(String, &'static Column)> {
    fn below(prefix: &str, columns: &'static [Column], found: &mut Vec<(String, &'static Column)>) {
        for column in columns {
            let name = format!("{prefix}{}", column.name);
            if let Kind::Struct(columns) = column.kind {
                below(&format!("{name}."), columns, found);
            } else {
                found.push((name, column));
            }
        }
    }
    let mut found = Vec::new();
    below("", table.columns, &mut found);
    found
}

/// Says that no log has the column, and which ones may have been meant.
pub(crate) fn no_column<T>(tables: &[&Table], name: &str) -> Result<T> {
    let mut names: Vec<String> = tables.iter().flat_map(|table| columns(table)).map(|(name, _)| name).collect();
    names.extend(NAMES.iter().map(|(name, _)| (*name).to_owned()));
    names.push("date".to_owned());
    names.sort();
    names.dedup();
    Err(BadValue::unknown("COLUMN", "column", name, names.iter().map(String::as_str)).into())
}

/// What is added up of a log's records.
pub(crate) struct Roles {
    /// Bytes that left for the caller; of flows all bytes.
    pub(crate) bytes_sent: Expr,
    /// Size of what was stored.
    pub(crate) bytes_received: Expr,
    /// Whether the request failed, or the flow was rejected.
    pub(crate) failed: Expr,
    pub(crate) ip: Expr,
}

impl Roles {
    pub(crate) fn of(table: &Table) -> Result<Self> {
        let none = || lit(ScalarValue::Int64(None));
        let general = |name: &str| resolve(table, name).unwrap_or_else(none);
        let measures = sawlog_formats::format(table.name).context("not a log")?.measures;
        let bytes_received = match measures.received {
            Some(Received { column, by, values }) => {
                let counts = in_list(ident(by), values.iter().map(|value| lit(*value)).collect(), false);
                when(counts, ident(column)).otherwise(none())?
            }
            None => none(),
        };
        let failed = measures.failed.iter().map(|failed| match *failed {
            Failed::Present(column) => ident(column).is_not_null(),
            Failed::AtLeast(column, least) => ident(column).gt_eq(lit(least)),
            Failed::Is(column, value) => ident(column).eq(lit(value)),
        });
        let failed = failed.reduce(Expr::or).unwrap_or_else(|| lit(false));
        let bytes_sent = measures.sent.map_or_else(none, ident);
        Ok(Self { bytes_sent, bytes_received, failed, ip: general("ip") })
    }
}
