//! Filters: what the command line asks for, as expressions over the columns of a table.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf, ident, lit};
use datafusion::prelude::regexp_like;
use datafusion::scalar::ScalarValue;
use globset::GlobBuilder;
use ipnet::IpNet;
use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp, ToSpan};
use regex::bytes::{Regex, RegexBuilder};
use sawlog_formats::Table;

use crate::cli::FilterArgs;
use crate::logs::resolve;

/// A filter on one field: what was asked for, and the expression.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// The option, `--bucket`.
    pub(crate) option: &'static str,
    /// What was given for it.
    pub(crate) value: String,
    /// The column in which near misses can be looked for, if the value is a plain one.
    pub(crate) column: Option<Expr>,
    pub(crate) expr: Expr,
}

/// All filters of a command, on one log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filters {
    pub(crate) fields: Vec<Filter>,
    /// The column that `since` and `until` are about.
    pub(crate) time: Option<&'static str>,
    /// Not before, and before: microseconds since 1970.
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
    /// Over the record's own text, and whether it must not match.
    pub(crate) text: Option<(Regex, bool)>,
    /// Leaves the first of records that were delivered more than once.
    pub(crate) first_only: Option<Expr>,
}

impl Filters {
    /// The filters on a log. `last` is the time of the last record, to which `2h` refers.
    pub(crate) fn new(table: &'static Table, args: &FilterArgs, last: Option<i64>) -> Result<Self> {
        let mut fields = Vec::new();
        let mut add = |option, near: &str, values: &[String], make: &dyn Fn(&str) -> Result<Option<Expr>>| {
            for given in values {
                let (value, negate) = given.strip_prefix('!').map_or((given.as_str(), false), |rest| (rest, true));
                // A record without the field is not one that has the value.
                let expr = make(value).with_context(|| format!("{option} {given}"))?.unwrap_or_else(|| lit(false));
                let expr = if negate { expr.is_not_true() } else { expr };
                let column = if negate || is_glob(value) { None } else { resolve(table, near) };
                fields.push(Filter { option, value: given.clone(), column, expr });
            }
            anyhow::Ok(())
        };
        let on = |name: &'static str| move |value: &str| resolve(table, name).map(|at| glob(&at, value)).transpose();
        add("--ip", "ip", &args.ip, &|value| ip(table, value))?;
        add("--user", "", &args.user, &|value| user(table, value))?;
        add("--access-key", "access_key", &args.access_key, &|value| access_key(table, value))?;
        add("--bucket", "bucket", &args.bucket, &|value| object(table, "bucket", "bucketName", value))?;
        add("--key", "key", &args.key, &|value| object(table, "key", "key", value))?;
        add("--operation", "operation", &args.operation, &on("operation"))?;
        add("--agent", "user_agent", &args.agent, &on("user_agent"))?;
        add("--error", "error", &args.error, &|value| error(table, value))?;
        add("--region", "region", &args.region, &on("region"))?;
        add("--account", "account", &args.account, &|value| account(table, value))?;
        Ok(Self {
            fields,
            time: table.time,
            since: args.since.as_deref().map(|text| time(text, last).map(|(from, _)| from)).transpose()?,
            until: args.until.as_deref().map(|text| time(text, last).map(|(_, end)| end)).transpose()?,
            text: args.pattern.as_deref().map(|pattern| text_filter(pattern, args)).transpose()?,
            first_only: None,
        })
    }

    /// Whether any filter is set.
    pub(crate) fn any(&self) -> bool {
        !self.fields.is_empty() || self.since.is_some() || self.until.is_some() || self.text.is_some()
    }

    /// The filters on columns, as one expression.
    pub(crate) fn expr(&self) -> Option<Expr> {
        let bound = |micros| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())));
        let column = || ident(self.time.unwrap_or_default());
        let since = self.since.map(|since| column().gt_eq(bound(since)));
        let until = self.until.map(|until| column().lt(bound(until)));
        let fields = self.fields.iter().map(|filter| filter.expr.clone());
        fields.chain(since).chain(until).chain(self.first_only.clone()).reduce(Expr::and)
    }
}

/// The table's columns, of those named.
fn columns(table: &Table, names: &[&str]) -> Vec<Expr> {
    names.iter().filter_map(|name| resolve(table, name)).collect()
}

/// Whether any of the columns is as `make` says; `None` if there are none.
fn any(columns: &[Expr], make: impl Fn(&Expr) -> Result<Expr>) -> Result<Option<Expr>> {
    let exprs = columns.iter().map(make).collect::<Result<Vec<_>>>()?;
    Ok(exprs.into_iter().reduce(Expr::or))
}

fn is_glob(value: &str) -> bool {
    value.contains(['*', '?', '['])
}

/// A column is the value, or matches it as a glob. Values may hold what looks like a glob, so both are tried.
fn glob(column: &Expr, value: &str) -> Result<Expr> {
    let equal = column.clone().eq(lit(value));
    if !is_glob(value) {
        return Ok(equal);
    }
    let pattern = if value.contains('[') {
        let glob = GlobBuilder::new(value).build()?;
        // The pattern is one over bytes; text is matched by the query engine.
        let regex = glob.regex().strip_prefix("(?-u)").unwrap_or(glob.regex()).to_owned();
        regexp_like(column.clone(), lit(regex), Some(lit("s")))
    } else {
        column.clone().like(lit(like(value)))
    };
    Ok(equal.or(pattern))
}

/// A glob of `*` and `?` as a pattern of SQL's LIKE.
fn like(glob: &str) -> String {
    let mut pattern = String::new();
    for char in glob.chars() {
        match char {
            '*' => pattern.push('%'),
            '?' => pattern.push('_'),
            '%' | '_' | '\\' => pattern.extend(['\\', char]),
            _ => pattern.push(char),
        }
    }
    pattern
}

/// The address of the caller; of a flow its source or destination, or that of its packets.
fn ip(table: &Table, value: &str) -> Result<Option<Expr>> {
    let at = columns(table, &["remote_ip", "source_ip_address", "srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr"]);
    if value.contains('/') {
        let network: IpNet = value.parse().context("is not a network such as 10.0.0.0/8")?;
        return any(&at, |column| Ok(in_network(column, network.trunc())));
    }
    if is_glob(value) {
        return any(&at, |column| glob(column, value));
    }
    let address: IpAddr = value.parse().context("is not an address, nor a network such as 10.0.0.0/8")?;
    let canonical = address.to_string();
    any(&at, |column| {
        let equal = column.clone().eq(lit(value));
        Ok(if canonical == value { equal } else { equal.or(column.clone().eq(lit(canonical.as_str()))) })
    })
}

/// Whether the address in a column is in a network.
fn in_network(column: &Expr, network: IpNet) -> Expr {
    let contains = move |arguments: &[ColumnarValue]| {
        let array = ColumnarValue::values_to_arrays(arguments)?.swap_remove(0);
        let array: ArrayRef = cast(&array, &DataType::Utf8View)?;
        let addresses = array.as_string_view();
        let found: BooleanArray = addresses
            .iter()
            .map(|address| Some(address?.parse::<IpAddr>().is_ok_and(|address| network.contains(&address))))
            .collect();
        debug_assert_eq!(found.len(), addresses.len());
        Ok(ColumnarValue::Array(Arc::new(found)))
    };
    let name = format!("in_{network}");
    let function =
        create_udf(&name, vec![DataType::Utf8View], DataType::Boolean, Volatility::Immutable, Arc::new(contains));
    function.call(vec![datafusion::prelude::cast(column.clone(), DataType::Utf8View)])
}

/// The caller is the value or matches it; or an ARN of the caller or of the role behind it names it after a `/` or `:`.
fn user(table: &Table, value: &str) -> Result<Option<Expr>> {
    const ISSUER: &str = "user_identity.session_context.session_issuer";
    let arns = || columns(table, &["requester", "user_identity.arn", &format!("{ISSUER}.arn")]);
    let names =
        columns(table, &["user_identity.user_name", "user_identity.principal_id", &format!("{ISSUER}.user_name")]);
    let whole = any(&arns().into_iter().chain(names).collect::<Vec<_>>(), |column| glob(column, value))?;
    if value.contains(':') {
        return Ok(whole);
    }
    let name = if is_glob(value) && !value.contains('[') { like(value) } else { like(&value.replace(['*', '?'], "_")) };
    // An assumed role is named before its session: arn:aws:sts::1:assumed-role/ROLE/SESSION.
    let patterns = [format!("arn:%/{name}"), format!("arn:%:{name}"), format!("arn:%:assumed-role/{name}/%")];
    let named = any(&arns(), |column| {
        let patterns = patterns.iter().map(|pattern| column.clone().like(lit(pattern.as_str())));
        patterns.reduce(Expr::or).context("there are patterns")
    })?;
    Ok(whole.into_iter().chain(named).reduce(Expr::or))
}

/// The access key that signed; in S3 logs it is known of presigned URLs (signature versions 4 and 2).
fn access_key(table: &Table, value: &str) -> Result<Option<Expr>> {
    if let Some(column) = resolve(table, "access_key") {
        return glob(&column, value).map(Some);
    }
    let key = regex::escape(value).replace(r"\*", "[A-Z0-9]*").replace(r"\?", "[A-Z0-9]");
    let pattern = format!("(X-Amz-Credential|AWSAccessKeyId)={key}([^A-Z0-9]|$)");
    Ok(resolve(table, "request_uri").map(|column| regexp_like(column, lit(pattern), None)))
}

/// A bucket or key: a column of S3 logs, a parameter of requests in CloudTrail.
fn object(table: &Table, column: &str, parameter: &str, value: &str) -> Result<Option<Expr>> {
    if let Some(column) = resolve(table, column) {
        return glob(&column, value).map(Some);
    }
    let text = serde_json::to_string(value)?;
    let text = regex::escape(text.trim_matches('"')).replace(r"\*", "[^\"]*").replace(r"\?", "[^\"]");
    let pattern = format!("\"{parameter}\"\\s*:\\s*\"{text}\"");
    Ok(resolve(table, "request_parameters").map(|column| regexp_like(column, lit(pattern), None)))
}

/// The error code; a rejected flow has the error REJECT.
fn error(table: &Table, value: &str) -> Result<Option<Expr>> {
    if let Some(column) = resolve(table, "error_code") {
        return glob(&column, value).map(Some);
    }
    let Some(action) = resolve(table, "action") else { return Ok(None) };
    Ok(Some(action.clone().eq(lit("REJECT")).and(glob(&action, value)?)))
}

/// The caller's account or the one that got the record; of S3 logs the requester's, or the owner's canonical id.
fn account(table: &Table, value: &str) -> Result<Option<Expr>> {
    let at = columns(table, &["bucket_owner", "user_identity.account_id", "recipient_account_id", "account_id"]);
    let number = resolve(table, "requester").map(|column| column.like(lit(format!("arn:%:{}:%", like(value)))));
    Ok(any(&at, |column| glob(column, value))?.into_iter().chain(number).reduce(Expr::or))
}

fn text_filter(pattern: &str, args: &FilterArgs) -> Result<(Regex, bool)> {
    let (pattern, negate) = pattern.strip_prefix('!').map_or((pattern, false), |rest| (rest, true));
    let source = if args.fixed { regex::escape(pattern) } else { pattern.to_owned() };
    let regex = RegexBuilder::new(&source).case_insensitive(args.ignore_case).build();
    Ok((regex.with_context(|| format!("--match {pattern}"))?, negate))
}

/// The first microsecond of what a time names, and the one after its last: a day, a minute, a second, or so long before
/// the last record.
fn time(text: &str, last: Option<i64>) -> Result<(i64, i64)> {
    let wrong = || format!("'{text}' is no time; write 2021-07-29, 2021-07-29T13:10, 2021-07-29T13:10:05Z or 2h");
    // A date's parser takes a time behind it, and leaves it out.
    if let (false, Ok(date)) = (text.contains(':'), text.parse::<Date>()) {
        let start = date.at(0, 0, 0, 0);
        return between(start, 1.day()).with_context(wrong);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok((timestamp.as_microsecond(), timestamp.as_microsecond()));
    }
    if let Ok(start) = text.parse::<DateTime>() {
        let clock = text.split(['T', ' ', 't']).nth(1).unwrap_or_default();
        let length = if clock.matches(':').count() < 2 { 1.minute() } else { 1.second() };
        return between(start, length).with_context(wrong);
    }
    let number = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit = match &text[number.len()..] {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => bail!(wrong()),
    };
    let length: i64 = number.parse().with_context(wrong)?;
    let last = last.context("there is no record whose time it could be before")?;
    let at = length.checked_mul(unit * 1_000_000).and_then(|length| last.checked_sub(length)).with_context(wrong)?;
    Ok((at, at))
}

fn between(start: DateTime, length: Span) -> Result<(i64, i64)> {
    let micros = |at: DateTime| anyhow::Ok(jiff::tz::TimeZone::UTC.to_timestamp(at)?.as_microsecond());
    Ok((micros(start)?, micros(start.checked_add(length)?)?))
}
