//! Filters: what the command line asks for, as expressions over the columns of a table.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf, ident, lit};
use datafusion::prelude::{regexp_like, strpos, substr};
use datafusion::scalar::ScalarValue;
use foldhash::quality::RandomState;
use globset::GlobBuilder;
use ipnet::IpNet;
use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp, ToSpan};
use regex::bytes::{Regex, RegexBuilder};
use sawlog_formats::{Table, s3_access};

use crate::cli::FilterArgs;
use crate::functions::s3_access_key;
use crate::logs::{path, resolve};
use crate::usage::BadValue;

/// A filter on one field: what was asked for, and the expression.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The option, `--bucket`.
    pub option: &'static str,
    /// What was given for it.
    pub value: String,
    /// The column in which near misses can be looked for, if the value is a plain one.
    pub column: Option<Expr>,
    /// Which records it leaves.
    pub expr: Expr,
    /// How the index can rule out data files.
    pub probe: Option<Probe>,
}

/// A question to the entity index: a record that the filter leaves has in one of the fields a value that passes the test.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The fields, as the index names them.
    pub fields: Vec<&'static str>,
    /// Over the index's column `value`.
    pub test: Expr,
}

/// What a filter asks of a record, and of the index.
struct Condition {
    expr: Expr,
    probe: Option<Probe>,
}

/// All filters of a command, on one log.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// The filters on fields, all of which must leave a record.
    pub fields: Vec<Filter>,
    /// The columns that `since` and `until` are about, of which the first counts that is not null.
    pub times: &'static [&'static str],
    /// Not before: microseconds since 1970.
    pub since: Option<i64>,
    /// Before: microseconds since 1970.
    pub until: Option<i64>,
    /// Over the record's own text, and whether it must not match.
    pub text: Option<(Regex, bool)>,
    /// Leaves the first of records that were delivered more than once.
    pub first_only: Option<Expr>,
}

impl Filters {
    /// The filters on a log. `last` is the time of the last record, to which `2h` refers.
    ///
    /// # Errors
    ///
    /// If a value is not what its option takes, naming both.
    pub fn new(table: &'static Table, args: &FilterArgs, last: Option<i64>) -> Result<Self> {
        let mut fields = Vec::new();
        let mut add = |option, near: &str, values: &[String], make: &dyn Fn(&str) -> Result<Option<Condition>>| {
            for given in values {
                let (value, negate) = given.strip_prefix('!').map_or((given.as_str(), false), |rest| (rest, true));
                // A record without the field is not one that has the value.
                let none = || Condition { expr: lit(false), probe: None };
                let Condition { expr, probe } = make(value)
                    .map_err(|error| BadValue::new(option, given, format!("{error:#}")))?
                    .unwrap_or_else(none);
                let expr = if negate { expr.is_not_true() } else { expr };
                let column = if negate || is_glob(value) { None } else { resolve(table, near) };
                let probe = probe.filter(|_| !negate);
                fields.push(Filter { option, value: given.clone(), column, expr, probe });
            }
            anyhow::Ok(())
        };
        let on = |names: &'static [&'static str]| move |value: &str| any(table, names, |column| glob(column, value));
        add("--ip", "ip", &args.ip, &|value| ip(table, value))?;
        add("--user", "", &args.user, &|value| user(table, value))?;
        add("--access-key", "access_key", &args.access_key, &|value| access_key(table, value))?;
        add("--bucket", "bucket", &args.bucket, &|value| object(table, "bucket", "bucketName", value))?;
        add("--key", "key", &args.key, &|value| object(table, "key", "key", value))?;
        add("--operation", "operation", &args.operation, &on(&["operation"]))?;
        add("--agent", "user_agent", &args.agent, &on(&["user_agent"]))?;
        add("--error", "error", &args.error, &|value| error(table, value))?;
        add("--region", "region", &args.region, &on(&["region"]))?;
        add("--account", "account", &args.account, &|value| account(table, value))?;
        add("--service", "event_source", &args.service, &on(&["event_source"]))?;
        add("--interface", "interface_id", &args.interface, &on(&["interface_id"]))?;
        add("--port", "", &args.port, &|value| port(table, value))?;
        Ok(Self {
            fields,
            times: table.times,
            since: args.since.as_deref().map(|text| bound("--since", text, last)).transpose()?.map(|(from, _)| from),
            until: args.until.as_deref().map(|text| bound("--until", text, last)).transpose()?.map(|(_, end)| end),
            text: args.pattern.as_deref().map(|pattern| text_filter(pattern, args)).transpose()?,
            first_only: None,
        })
    }

    /// Whether any filter is set.
    pub(crate) fn any(&self) -> bool {
        !self.fields.is_empty() || self.since.is_some() || self.until.is_some() || self.text.is_some()
    }

    /// The filters on columns, as one expression.
    #[must_use]
    pub fn expr(&self) -> Option<Expr> {
        self.expr_without_time().into_iter().chain(self.time_bounds()).reduce(Expr::and)
    }

    fn time_bounds(&self) -> impl Iterator<Item = Expr> {
        let bound = |micros| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())));
        // Written so that row groups can be passed over by the range of the first column.
        let any = |test: &dyn Fn(Expr) -> Expr| {
            let (last, others) = self.times.split_last()?;
            let either = |later: Expr, name: &&str| test(ident(*name)).or(ident(*name).is_null().and(later));
            Some(others.iter().rev().fold(test(ident(*last)), either))
        };
        let since = self.since.and_then(|since| any(&|column| column.gt_eq(bound(since))));
        let until = self.until.and_then(|until| any(&|column| column.lt(bound(until))));
        since.into_iter().chain(until)
    }

    /// The filters on columns but for the time.
    pub(crate) fn expr_without_time(&self) -> Option<Expr> {
        let fields = self.fields.iter().map(|filter| filter.expr.clone());
        fields.chain(self.first_only.clone()).reduce(Expr::and)
    }
}

/// Whether any of the table's columns, of those named, is as `test` says; `None` if it has none of them. Where all of them
/// are indexed the index is asked the same.
fn any(table: &Table, names: &[&'static str], test: impl Fn(&Expr) -> Result<Expr>) -> Result<Option<Condition>> {
    let columns = names.iter().filter_map(|name| Some((path(table, name), resolve(table, name)?)));
    let (fields, columns): (Vec<&'static str>, Vec<Expr>) = columns.unzip();
    let exprs = columns.iter().map(&test).collect::<Result<Vec<_>>>()?;
    let Some(expr) = exprs.into_iter().reduce(Expr::or) else { return Ok(None) };
    let probe = probe(table, fields, &ident("value"), test)?;
    Ok(Some(Condition { expr, probe }))
}

/// A probe of some fields, if all of them are indexed. `value` is made of the index's column.
fn probe(
    table: &Table,
    fields: Vec<&'static str>,
    value: &Expr,
    test: impl Fn(&Expr) -> Result<Expr>,
) -> Result<Option<Probe>> {
    let entities = sawlog_formats::format(table.name).map_or(&[][..], |format| format.entities);
    let indexed = |field: &&str| entities.iter().any(|entity| entity.field == *field);
    Ok(if fields.iter().all(indexed) { Some(Probe { fields, test: test(value)? }) } else { None })
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
fn ip(table: &Table, value: &str) -> Result<Option<Condition>> {
    const AT: &[&str] = &["remote_ip", "source_ip_address", "srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr"];
    if value.contains('/') {
        let network: IpNet = value.parse().context("is not a network such as 10.0.0.0/8")?;
        return any(table, AT, |column| Ok(in_network(column, network.trunc())));
    }
    if is_glob(value) {
        return any(table, AT, |column| glob(column, value));
    }
    let address: IpAddr = value.parse().context("is not an address, nor a network such as 10.0.0.0/8")?;
    let canonical = address.to_string();
    any(table, AT, |column| {
        let equal = column.clone().eq(lit(value));
        Ok(if canonical == value { equal } else { equal.or(column.clone().eq(lit(canonical.as_str()))) })
    })
}

/// Whether the address in a column is in a network.
fn in_network(column: &Expr, network: IpNet) -> Expr {
    let is_in = move |address: &str| address.parse::<IpAddr>().is_ok_and(|address| network.contains(&address));
    test(column, &format!("in_{network}"), is_in)
}

/// Whether an ARN has a name after its last `/` or `:`, or names a role so whose session it is:
/// `arn:aws:sts::1:assumed-role/ROLE/SESSION`.
fn is_named(column: &Expr, name: &str) -> Expr {
    let (ends, role) = ([format!("/{name}"), format!(":{name}")], format!(":assumed-role/{name}/"));
    let is_named = move |arn: &str| {
        let Some(rest) = arn.strip_prefix("arn:") else { return false };
        ends.iter().any(|end| rest.ends_with(end)) || rest.contains(&role)
    };
    test(column, &format!("is_named_{name}"), is_named)
}

/// Tests the texts in a column. The engine takes tests of one name for the same.
fn test(column: &Expr, name: &str, test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Expr {
    let test = move |arguments: &[ColumnarValue]| {
        let array = ColumnarValue::values_to_arrays(arguments)?.swap_remove(0);
        let array: ArrayRef = cast(&array, &DataType::Utf8View)?;
        let texts = array.as_string_view();
        // Rows that share a text of a dictionary have the same view of it: it is tested once.
        let mut tested: HashMap<u128, bool, RandomState> = HashMap::default();
        let mut passes = |row: usize| *tested.entry(texts.views()[row]).or_insert_with(|| test(texts.value(row)));
        let found: BooleanArray = (0..texts.len()).map(|row| texts.is_valid(row).then(|| passes(row))).collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    };
    let (text, truth) = (vec![DataType::Utf8View], DataType::Boolean);
    let function = create_udf(name, text, truth, Volatility::Immutable, Arc::new(test));
    function.call(vec![cast_to_view(column.clone())])
}

/// The caller is the value or matches it; or an ARN of the caller or of the role behind it names it after a `/` or `:`.
fn user(table: &Table, value: &str) -> Result<Option<Condition>> {
    const ARNS: &[&str] = &["requester", "user_identity.arn", "user_identity.session_context.session_issuer.arn"];
    const NAMES: &[&str] = &[
        "user_identity.user_name",
        "user_identity.principal_id",
        "user_identity.session_context.session_issuer.user_name",
    ];
    let name = if is_glob(value) && !value.contains('[') { like(value) } else { like(&value.replace(['*', '?'], "_")) };
    // An assumed role is named before its session: arn:aws:sts::1:assumed-role/ROLE/SESSION.
    let patterns = [format!("arn:%/{name}"), format!("arn:%:{name}"), format!("arn:%:assumed-role/{name}/%")];
    let arn = |column: &Expr| {
        let whole = glob(column, value)?;
        if value.contains(':') {
            return Ok(whole);
        }
        if !value.contains(['*', '?']) {
            return Ok(whole.or(is_named(column, value)));
        }
        Ok(patterns.iter().map(|pattern| column.clone().like(lit(pattern.as_str()))).fold(whole, Expr::or))
    };
    let found = [any(table, ARNS, arn)?, any(table, NAMES, |column| glob(column, value))?];
    // The index has both in one kind; its test of ARNs leaves all that the one of names does.
    let fields = found.iter().flatten().filter_map(|condition| condition.probe.as_ref());
    let fields = fields.flat_map(|probe| probe.fields.clone()).collect();
    let probe = probe(table, fields, &ident("value"), arn)?;
    let expr = found.into_iter().flatten().map(|condition| condition.expr).reduce(Expr::or);
    Ok(expr.map(|expr| Condition { expr, probe }))
}

/// The access key that signed; in S3 logs it is known of presigned URLs (signature versions 4 and 2).
fn access_key(table: &Table, value: &str) -> Result<Option<Condition>> {
    if table.name != s3_access::TABLE.name {
        return any(table, &["access_key"], |column| glob(column, value));
    }
    let expr = glob(&s3_access_key().call(vec![cast_to_view(ident("request_uri"))]), value)?;
    let probe = probe(table, vec!["request_uri"], &ident("value"), |value_column| glob(value_column, value))?;
    Ok(Some(Condition { expr, probe }))
}

fn cast_to_view(column: Expr) -> Expr {
    datafusion::prelude::cast(column, DataType::Utf8View)
}

/// A bucket or key: a column of S3 logs, a parameter of requests in CloudTrail.
fn object(table: &Table, column: &'static str, parameter: &str, value: &str) -> Result<Option<Condition>> {
    if let Some(found) = any(table, &[column], |column| glob(column, value))? {
        // A key is indexed with its bucket, whose name has no slash.
        let key = substr(ident("value"), strpos(ident("value"), lit("/")) + lit(1));
        let of_key = || probe(table, vec!["bucket/key"], &key, |key| glob(key, value));
        let probe = if column == "key" { of_key()? } else { found.probe };
        return Ok(Some(Condition { probe, ..found }));
    }
    let text = serde_json::to_string(value)?;
    let text = regex::escape(text.trim_matches('"')).replace(r"\*", "[^\"]*").replace(r"\?", "[^\"]");
    let pattern = format!("\"{parameter}\"\\s*:\\s*\"{text}\"");
    let expr = resolve(table, "request_parameters").map(|column| regexp_like(column, lit(pattern), None));
    Ok(expr.map(|expr| Condition { expr, probe: None }))
}

/// The error code; a rejected flow has the error REJECT.
fn error(table: &Table, value: &str) -> Result<Option<Condition>> {
    if let Some(found) = any(table, &["error_code"], |column| glob(column, value))? {
        return Ok(Some(found));
    }
    let Some(action) = resolve(table, "action") else { return Ok(None) };
    let expr = action.clone().eq(lit("REJECT")).and(glob(&action, value)?);
    Ok(Some(Condition { expr, probe: None }))
}

/// The caller's account or the one that got the record; of S3 logs the requester's, or the owner's canonical id.
fn account(table: &Table, value: &str) -> Result<Option<Condition>> {
    const AT: &[&str] = &["bucket_owner", "user_identity.account_id", "recipient_account_id", "account_id"];
    let found = any(table, AT, |column| glob(column, value))?;
    let Some(requester) = resolve(table, "requester") else { return Ok(found) };
    let pattern = format!("arn:%:{}:%", like(value));
    let part = format!(":{value}:");
    let number = |column: &Expr| {
        if is_glob(value) {
            return column.clone().like(lit(pattern.as_str()));
        }
        let part = part.clone();
        let is_of = move |arn: &str| arn.strip_prefix("arn:").is_some_and(|rest| rest.contains(&part));
        test(column, &format!("is_of_{value}"), is_of)
    };
    let expr = found.into_iter().map(|condition| condition.expr).chain([number(&requester)]).reduce(Expr::or);
    let both = |value_column: &Expr| Ok(glob(value_column, value)?.or(number(value_column)));
    let probe = probe(table, vec!["bucket_owner", "requester"], &ident("value"), both)?;
    Ok(expr.map(|expr| Condition { expr, probe }))
}

/// The port at either end of a flow.
fn port(table: &Table, value: &str) -> Result<Option<Condition>> {
    let number: u16 = value.parse().context("is not a port: a number up to 65535")?;
    let found = any(table, &["srcport", "dstport"], |column| Ok(column.clone().eq(lit(i32::from(number)))))?;
    let Some(found) = found else { return Ok(None) };
    let is = |value: &Expr| Ok(value.clone().eq(lit(number.to_string())));
    let probe = probe(table, vec!["srcport", "dstport"], &ident("value"), is)?;
    Ok(Some(Condition { probe, ..found }))
}

fn text_filter(pattern: &str, args: &FilterArgs) -> Result<(Regex, bool)> {
    let (pattern, negate) = pattern.strip_prefix('!').map_or((pattern, false), |rest| (rest, true));
    let source = if args.fixed { regex::escape(pattern) } else { pattern.to_owned() };
    let regex = RegexBuilder::new(&source).case_insensitive(args.ignore_case).build();
    Ok((regex.map_err(|error| BadValue::new("--match", pattern, error))?, negate))
}

/// What a time names that an option is given.
fn bound(option: &str, text: &str, last: Option<i64>) -> Result<(i64, i64)> {
    Ok(time(text, last).map_err(|error| BadValue::new(option, text, error))?)
}

/// The first microsecond of what a time names, and the one after its last: a day, a minute, a second, or so long before
/// the last record.
fn time(text: &str, last: Option<i64>) -> Result<(i64, i64)> {
    let wrong = || "this is no time; write 2021-07-29, 2021-07-29T13:10, 2021-07-29T13:10:05Z or 2h";
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

#[cfg(test)]
mod tests {
    use arrow::array::{RecordBatch, StringArray, new_null_array};
    use arrow::datatypes::{Field, Schema};
    use proptest::prelude::*;

    use super::*;

    /// A record of the table all of whose text is `text`.
    fn record(table: &Table, text: &str) -> RecordBatch {
        let schema = table.schema();
        let columns = schema.fields().iter().map(|field| {
            let is_text = *field.data_type() == DataType::Utf8;
            let array: ArrayRef =
                if is_text { Arc::new(StringArray::from(vec![text])) } else { new_null_array(field.data_type(), 1) };
            (Field::new(field.name(), field.data_type().clone(), true), array)
        });
        let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns.unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    /// Whether `filters` leave a record of S3 whose requester and owner are `text`; `by_like` says it in SQL.
    fn both_leave(args: &FilterArgs, by_like: Expr, text: &str) -> [usize; 2] {
        let filter = Filters::new(&s3_access::TABLE, args, None).unwrap().expr().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        [filter, by_like].map(|expr| {
            let frame = crate::query::session(10).read_batch(record(&s3_access::TABLE, text)).unwrap();
            runtime.block_on(frame.filter(expr).unwrap().count()).unwrap()
        })
    }

    proptest! {
        #[test]
        fn names_are_in_arns_where_patterns_find_them(
            parts in prop::collection::vec(prop::sample::select(vec!["arn", ":", "/", "ann", "1", ":assumed-role/", ""]), 0..9),
            name in prop::sample::select(vec!["ann", "1", "nn", "a", "arn", "ann/1", "assumed-role"]),
        ) {
            let (text, is) = (parts.concat(), |column: &str| ident(column).eq(lit(name)));
            let like = |pattern: String| ident("requester").like(lit(pattern));
            let user = FilterArgs { user: vec![name.to_owned()], ..FilterArgs::default() };
            let names = [format!("arn:%/{name}"), format!("arn:%:{name}"), format!("arn:%:assumed-role/{name}/%")];
            let [found, by_like] = both_leave(&user, names.map(like).into_iter().fold(is("requester"), Expr::or), &text);
            prop_assert_eq!(found, by_like, "user {} in {}", name, text);
            let account = FilterArgs { account: vec![name.to_owned()], ..FilterArgs::default() };
            let [found, by_like] = both_leave(&account, is("bucket_owner").or(like(format!("arn:%:{name}:%"))), &text);
            prop_assert_eq!(found, by_like, "account {} in {}", name, text);
        }
    }
}
