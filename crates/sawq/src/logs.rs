//! The logs as questions see them: which column of each log a name means, and what counts as failure, bytes or address.

use std::borrow::Cow;

use anyhow::{Context, Result};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::{coalesce, get_field, nullif};
use datafusion::functions_nested::expr_fn::array_element;
use datafusion::logical_expr::{Expr, ident, in_list, lit, when};
use datafusion::prelude::cast;
use datafusion_functions_json::udfs::json_as_text_udf;
use sawlog_formats::{
    Bytes, Column, Entity, FORMATS, Failed, Kind, Part, Received, Source, Table, cloudtrail, s3_access, vpc_flow,
};

use crate::events;
use crate::numbers;
use crate::query::Query;
use crate::texts;
use crate::usage::BadValue;

/// Names that mean a field in each log that has one for it: the names, the first of which is the usual one, and the fields in
/// S3 access logs, in CloudTrail, and in VPC flow logs: a column, or an entity as the index names it.
const NAMES: &[(&[&str], [Option<&str>; 3])] = &[
    (&["time"], [Some("time"), Some("event_time"), Some("start")]),
    (&["ip", "src_ip", "address"], [Some("remote_ip"), Some("source_ip_address"), Some("ip")]),
    (&["user", "actor", "principal"], [Some("actor"), Some("actor"), None]),
    (&["access_key"], [Some("request_uri"), Some("user_identity.access_key_id"), None]),
    (&["agent", "useragent"], [Some("user_agent"), Some("user_agent"), None]),
    (&["operation"], [Some("operation"), Some("event_name"), None]),
    (&["error"], [Some("error_code"), Some("error"), None]),
    (&["status"], [Some("http_status"), None, None]),
    (&["region"], [Some("source_region"), Some("aws_region"), Some("region")]),
    (&["account"], [Some("bucket_owner"), Some("recipient_account_id"), Some("account_id")]),
    (&["src"], [Some("remote_ip"), Some("source_ip_address"), Some("srcaddr")]),
    (&["dst"], [None, None, Some("dstaddr")]),
    (&["sport"], [None, None, Some("srcport")]),
    (&["dport"], [None, None, Some("dstport")]),
    (&["service"], [None, Some("event_source"), None]),
    (&["interface"], [None, None, Some("interface_id")]),
];

/// The service of S3 logs, as CloudTrail names it.
pub(crate) const S3: &str = "s3.amazonaws.com";

/// Columns of the view of events that are columns of a log, too.
pub(crate) const OF_EVENTS: &[&str] = &["actor_type", "target", "outcome", "changes", "service"];

fn is(table: &Table, log: &Table) -> bool {
    table.name == log.name
}

/// The place of the table's column in [`NAMES`].
fn place(table: &Table) -> usize {
    [&s3_access::TABLE, &cloudtrail::TABLE, &vpc_flow::TABLE].iter().position(|log| is(table, log)).unwrap_or_default()
}

/// The field that a general name means in a log; `None` for other names, and if the log has none for it.
fn general(table: &Table, name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(names, _)| names.contains(&name)).and_then(|(_, fields)| fields[place(table)])
}

/// The field's own name, for a general one: `source_ip_address` for `ip`; one in a group with dots.
pub(crate) fn path<'a>(table: &Table, name: &'a str) -> &'a str {
    general(table, name).unwrap_or(name)
}

/// The entity that a name means in a log.
pub(crate) fn entity(table: &Table, name: &str) -> Option<&'static Entity> {
    let is_general = general(table, name).is_some();
    let path = path(table, name);
    let entities = sawlog_formats::format(table.name)?.entities;
    // A column in which an entity stands somewhere is not that entity.
    let may_be = |entity: &&Entity| is_general || !matches!(entity.part, Part::Within(_));
    entities.iter().filter(may_be).find(|entity| entity.field == path)
}

/// A column by its own name, with dots in a group or a list (`resources.0.arn`), and with further ones into its JSON text.
fn column(table: &Table, path: &str) -> Option<Expr> {
    let mut parts = path.split('.');
    let mut column = table.columns.iter().find(|column| Some(column.name) == parts.clone().next())?;
    let mut expr = ident(parts.next()?);
    while let Some(part) = parts.next() {
        if column.json {
            let names = [part].into_iter().chain(parts);
            let step = |name: &str| name.parse::<i64>().map_or_else(|_| lit(name), lit);
            return Some(json_as_text_udf().call([expr].into_iter().chain(names.map(step)).collect()));
        }
        let (columns, name) = match column.kind {
            Kind::Struct(columns) => (columns, part),
            // Lists are counted from 0, as those in JSON are.
            Kind::List(columns) => {
                let place: u32 = part.parse().ok()?;
                expr = array_element(expr, lit(i64::from(place) + 1));
                (columns, parts.next()?)
            }
            _ => return None,
        };
        column = columns.iter().find(|column| column.name == name)?;
        expr = get_field(expr, name);
    }
    Some(expr)
}

/// The column, by its own name or a general one: `source_ip_address` or `ip`; one in a group, or a field of its JSON, with dots.
pub(crate) fn resolve(table: &Table, name: &str) -> Option<Expr> {
    match name {
        "time" => return time(table),
        "date" => return Some(ident("date")),
        "log" => return Some(lit(table.name)),
        _ => {}
    }
    if general(table, name).is_some()
        && let Some(entity) = entity(table, name)
    {
        return value(table, entity);
    }
    if let Some(column) = column(table, path(table, name)) {
        return Some(column);
    }
    if OF_EVENTS.contains(&name) { events::column(table, name) } else { None }
}

/// An entity's value in a record; of a flow, which has several addresses, where it came from.
fn value(table: &Table, entity: &Entity) -> Option<Expr> {
    match entity.part {
        Part::Whole | Part::Joined(..) => column(table, entity.field),
        Part::Within(find) => {
            let name = format!("within_{}", entity.field);
            Some(texts::found(column(table, entity.field)?, &name, move |text| find(text).map(Cow::Borrowed)))
        }
        Part::First(sources) => first(table, sources),
        Part::Addresses(columns) => column(table, columns.first()?),
    }
}

/// The first of some sources that has something.
pub(crate) fn first<'a>(table: &Table, sources: impl IntoIterator<Item = &'a Source>) -> Option<Expr> {
    let values: Option<Vec<Expr>> = sources.into_iter().map(|source| source_value(table, source)).collect();
    let mut values = values?;
    if values.len() > 1 { Some(coalesce(values)) } else { values.pop() }
}

/// The text in which a source looks, null in records that it does not look at.
fn source_text(table: &Table, source: &Source) -> Option<Expr> {
    let text = column(table, source.column)?;
    match in_any(source.only) {
        None => Some(text),
        Some(only) => when(only, text).end().ok(),
    }
}

/// Whether any of some columns has one of its values.
fn in_any(only: &[(&str, &[&str])]) -> Option<Expr> {
    let tests = only.iter().map(|(column, values)| {
        in_list(ident(*column), values.iter().map(|value| lit(*value)).collect(), false).is_true()
    });
    tests.reduce(Expr::or)
}

/// The value of a source.
fn source_value(table: &Table, source: &Source) -> Option<Expr> {
    let text = source_text(table, source)?;
    let view = |expr| cast(expr, DataType::Utf8View);
    Some(match source.find {
        None => nullif(view(text), view(lit(""))),
        Some(find) => {
            // The function's address tells functions of one column apart.
            let name = format!("in_{}_{find:p}", source.column);
            texts::found(text, &name, move |text| find(text).filter(|text| !text.is_empty()).map(Cow::Borrowed))
        }
    })
}

/// Whether any of some sources has something.
fn any(table: &Table, sources: &[&Source]) -> Option<Expr> {
    let has = |source: &&Source| match (source.find, source.only.is_empty()) {
        (None, true) => Some(column(table, source.column)?.not_eq(lit("")).is_true()),
        _ => Some(source_value(table, source)?.is_not_null()),
    };
    sources.iter().map(has).collect::<Option<Vec<_>>>()?.into_iter().reduce(Expr::or)
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

/// Where the values are by which records are grouped.
pub(crate) enum Values {
    /// What an expression gives.
    Of(Expr),
    /// A part of the first text that has one.
    First(Vec<(Expr, numbers::Part)>),
    /// Each address in some columns, each once for a record.
    Addresses(Vec<Expr>),
}

impl Values {
    /// Those that a name means in a query's log.
    pub(crate) fn of(query: &Query, name: &str) -> Option<Self> {
        let table = query.format.table;
        let Some(entity) = entity(table, name) else { return Some(Self::Of(resolve(table, name)?)) };
        Some(match entity.part {
            Part::Whole if entity.kind == "ip" => {
                Self::First(vec![(column(table, entity.field)?, numbers::Part::Address)])
            }
            Part::Whole | Part::Joined(..) => Self::Of(resolve(table, name)?),
            Part::Within(find) => Self::First(vec![(column(table, entity.field)?, numbers::Part::Found(find))]),
            Part::First(sources) => Self::First(first_texts(query, sources)?),
            Part::Addresses(columns) => {
                Self::Addresses(columns.iter().map(|name| column(table, name)).collect::<Option<_>>()?)
            }
        })
    }
}

/// The texts of some sources, and the part of each that counts; without those in which nothing is to be found.
pub(crate) fn first_texts(query: &Query, sources: &'static [Source]) -> Option<Vec<(Expr, numbers::Part)>> {
    let part = |source: &Source| source.find.map_or(numbers::Part::Filled, numbers::Part::Found);
    let text = |source: &Source| Some((source_text(query.format.table, source)?, part(source)));
    query.useful(sources).into_iter().map(text).collect()
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
    let others = FORMATS.iter().map(|format| format.table);
    let others = others.filter(|other| tables.iter().all(|table| !is(table, other)) && resolve(other, name).is_some());
    let others: Vec<&str> = others.map(|table| table.name).collect();
    if !others.is_empty() {
        let asked: Vec<&str> = tables.iter().map(|table| table.name).collect();
        let have = |names: &[&str]| if names.len() == 1 { "has" } else { "have" };
        let reason = format!(
            "{} {} no column '{name}'; {} {}",
            asked.join(" and "),
            have(&asked),
            others.join(" and "),
            have(&others)
        );
        return Err(BadValue::new("COLUMN", name, reason).into());
    }
    let mut names: Vec<String> = tables.iter().flat_map(|table| columns(table)).map(|(name, _)| name).collect();
    let general = NAMES.iter().filter(|(names, _)| tables.iter().any(|table| resolve(table, names[0]).is_some()));
    names.extend(general.flat_map(|(names, _)| *names).map(|name| (*name).to_owned()));
    names.extend(OF_EVENTS.iter().map(|name| (*name).to_owned()));
    names.push("date".to_owned());
    names.sort();
    names.dedup();
    // Only S3 logs have requesters by that name.
    if name == "requester" {
        return Err(BadValue::new("COLUMN", name, "there is no column 'requester'; did you mean 'user'?").into());
    }
    Err(BadValue::unknown("COLUMN", "column", name, names.iter().map(String::as_str)).into())
}

/// What is added up of a log's records, and what their fields mean.
pub(crate) struct Roles {
    /// What the bytes are, of which [`Roles::bytes`] has the number.
    pub(crate) bytes_are: Option<Bytes>,
    pub(crate) bytes: Expr,
    /// Size of what was stored.
    pub(crate) bytes_received: Expr,
    /// Whether the request failed, or the flow was rejected.
    pub(crate) failed: Expr,
    /// Whether it is an action that changes something.
    pub(crate) changes: Expr,
    pub(crate) ip: Expr,
}

/// What the S3 operations begin with that change something.
const S3_CHANGES: [&str; 6] = ["REST.PUT.", "REST.POST.", "REST.DELETE.", "REST.COPY.", "BATCH.", "S3."];

/// Whether an S3 operation changes something.
pub(crate) fn is_s3_change(operation: &str) -> bool {
    S3_CHANGES.iter().any(|prefix| operation.starts_with(prefix))
}

impl Roles {
    /// Those of a query's log.
    pub(crate) fn of(query: &Query) -> Result<Self> {
        Self::with(query.format.table, |sources| query.useful(sources))
    }

    /// Those of a log, whatever is known of its records.
    pub(crate) fn of_table(table: &Table) -> Result<Self> {
        Self::with(table, |sources| sources.iter().collect())
    }

    fn with(table: &Table, useful: impl Fn(&'static [Source]) -> Vec<&'static Source>) -> Result<Self> {
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
        let failed = measures.failed.iter().map(|failed| {
            Ok(match *failed {
                Failed::Present(column) => ident(column).is_not_null(),
                Failed::AtLeast(column, least) => ident(column).gt_eq(lit(least)),
                Failed::Is(column, value) => ident(column).eq(lit(value)),
                Failed::Any(sources) => any(table, &useful(sources)).context("no column of a failure")?,
            })
        });
        let failed = failed.collect::<Result<Vec<_>>>()?.into_iter().reduce(Expr::or).unwrap_or_else(|| lit(false));
        let changes = if is(table, &s3_access::TABLE) {
            let begins = S3_CHANGES.iter().map(|prefix| ident("operation").like(lit(format!("{prefix}%"))));
            begins.reduce(Expr::or).unwrap_or_else(|| lit(false))
        } else if is(table, &cloudtrail::TABLE) {
            let is_sign_in = in_any(cloudtrail::SIGN_IN).unwrap_or_else(|| lit(false));
            ident("read_only").is_false().and(is_sign_in.is_not_true())
        } else {
            lit(false)
        };
        let bytes = measures.bytes.map_or_else(none, |bytes| ident(bytes.column()));
        Ok(Self { bytes_are: measures.bytes, bytes, bytes_received, failed, changes, ip: general("ip") })
    }
}
