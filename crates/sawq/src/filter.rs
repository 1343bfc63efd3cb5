//! Filters: what the command line asks for, as expressions over the columns of a table.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf, lit};
use datafusion::prelude::{col, regexp_like};
use datafusion::scalar::ScalarValue;
use globset::GlobBuilder;
use ipnet::IpNet;
use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp, ToSpan};
use regex::bytes::{Regex, RegexBuilder};

use crate::cli::FilterArgs;

/// A filter on one field: what was asked for, and the expression.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// The option, `--bucket`.
    pub(crate) option: &'static str,
    /// What was given for it.
    pub(crate) value: String,
    /// The column in which near misses can be looked for, if the value is a plain one.
    pub(crate) column: Option<&'static str>,
    pub(crate) expr: Expr,
}

/// All filters of a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filters {
    pub(crate) fields: Vec<Filter>,
    /// Not before, and before: microseconds since 1970.
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
    /// Over the record's own text, and whether it must not match.
    pub(crate) text: Option<(Regex, bool)>,
}

impl Filters {
    /// The filters on the table of S3 requests. `last` is the time of the last record, to which `2h` refers.
    pub(crate) fn new(args: &FilterArgs, last: Option<i64>) -> Result<Self> {
        if let Some(log) = args.log.as_ref().filter(|log| sawlog_formats::log(log).is_none()) {
            let known: Vec<&str> = sawlog_formats::LOGS.iter().map(|table| table.name).collect();
            bail!("there is no log '{log}'; the logs are {}", known.join(", "));
        }
        let mut fields = Vec::new();
        let mut add = |option, column: &'static str, values: &[String], make: &dyn Fn(&str) -> Result<Expr>| {
            for given in values {
                let (value, negate) = given.strip_prefix('!').map_or((given.as_str(), false), |rest| (rest, true));
                let expr = make(value).with_context(|| format!("{option} {given}"))?;
                // A record without the field is not one that has the value.
                let expr = if negate { expr.is_not_true() } else { expr };
                let near = !negate && !is_glob(value) && !column.is_empty();
                fields.push(Filter { option, value: given.clone(), column: near.then_some(column), expr });
            }
            anyhow::Ok(())
        };
        add("--ip", "remote_ip", &args.ip, &ip)?;
        add("--user", "", &args.user, &user)?;
        add("--access-key", "", &args.access_key, &|value| Ok(access_key(value)))?;
        add("--bucket", "bucket", &args.bucket, &|value| glob("bucket", value))?;
        add("--key", "key", &args.key, &|value| glob("key", value))?;
        add("--operation", "operation", &args.operation, &|value| glob("operation", value))?;
        add("--agent", "user_agent", &args.agent, &|value| glob("user_agent", value))?;
        add("--error", "error_code", &args.error, &|value| glob("error_code", value))?;
        add("--region", "source_region", &args.region, &|value| glob("source_region", value))?;
        add("--account", "", &args.account, &account)?;
        Ok(Self {
            fields,
            since: args.since.as_deref().map(|text| time(text, last).map(|(from, _)| from)).transpose()?,
            until: args.until.as_deref().map(|text| time(text, last).map(|(_, end)| end)).transpose()?,
            text: args.pattern.as_deref().map(|pattern| text_filter(pattern, args)).transpose()?,
        })
    }

    /// Whether any filter is set.
    pub(crate) fn any(&self) -> bool {
        !self.fields.is_empty() || self.since.is_some() || self.until.is_some() || self.text.is_some()
    }

    /// The filters on columns, as one expression.
    pub(crate) fn expr(&self) -> Option<Expr> {
        let time = |micros| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())));
        let since = self.since.map(|since| col("time").gt_eq(time(since)));
        let until = self.until.map(|until| col("time").lt(time(until)));
        let fields = self.fields.iter().map(|filter| filter.expr.clone());
        fields.chain(since).chain(until).reduce(Expr::and)
    }
}

fn is_glob(value: &str) -> bool {
    value.contains(['*', '?', '['])
}

/// A column is the value, or matches it as a glob. Values may hold what looks like a glob, so both are tried.
fn glob(column: &str, value: &str) -> Result<Expr> {
    let equal = col(column).eq(lit(value));
    if !is_glob(value) {
        return Ok(equal);
    }
    let pattern = if value.contains('[') {
        let glob = GlobBuilder::new(value).build()?;
        // The pattern is one over bytes; text is matched by the query engine.
        let regex = glob.regex().strip_prefix("(?-u)").unwrap_or(glob.regex()).to_owned();
        regexp_like(col(column), lit(regex), Some(lit("s")))
    } else {
        col(column).like(lit(like(value)))
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

fn ip(value: &str) -> Result<Expr> {
    if value.contains('/') {
        let network: IpNet = value.parse().context("is not a network such as 10.0.0.0/8")?;
        return Ok(in_network(network.trunc()));
    }
    if is_glob(value) {
        return glob("remote_ip", value);
    }
    let address: IpAddr = value.parse().context("is not an address, nor a network such as 10.0.0.0/8")?;
    let canonical = address.to_string();
    let equal = col("remote_ip").eq(lit(value));
    Ok(if canonical == value { equal } else { equal.or(col("remote_ip").eq(lit(canonical))) })
}

/// Whether the remote address is in a network.
fn in_network(network: IpNet) -> Expr {
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
    function.call(vec![datafusion::prelude::cast(col("remote_ip"), DataType::Utf8View)])
}

/// The requester is the value or matches it; or it is an ARN that names it after a `/` or `:`.
fn user(value: &str) -> Result<Expr> {
    let whole = glob("requester", value)?;
    if value.contains(':') {
        return Ok(whole);
    }
    let name = if is_glob(value) && !value.contains('[') { like(value) } else { like(&value.replace(['*', '?'], "_")) };
    let ends = |separator: &str| col("requester").like(lit(format!("arn:%{separator}{name}")));
    // An assumed role is named before its session: arn:aws:sts::1:assumed-role/ROLE/SESSION.
    let role = col("requester").like(lit(format!("arn:%:assumed-role/{name}/%")));
    Ok(whole.or(ends("/")).or(ends(":")).or(role))
}

/// The access key in the query of a presigned URL (signature versions 4 and 2).
fn access_key(value: &str) -> Expr {
    let key = regex::escape(value).replace(r"\*", "[A-Z0-9]*").replace(r"\?", "[A-Z0-9]");
    let pattern = format!("(X-Amz-Credential|AWSAccessKeyId)={key}([^A-Z0-9]|$)");
    regexp_like(col("request_uri"), lit(pattern), None)
}

fn account(value: &str) -> Result<Expr> {
    let number = col("requester").like(lit(format!("arn:%:{}:%", like(value))));
    Ok(glob("bucket_owner", value)?.or(number))
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
