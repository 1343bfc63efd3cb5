//! The logs from the view of a question: which column of each log a name means, and what counts as failure, bytes or
//! address.

mod paths;
mod view;

use std::borrow::Cow;

use anyhow::{Context, Result};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::{coalesce, nullif};
use datafusion::functions::string::expr_fn::concat;
use datafusion::logical_expr::{Expr, ident, in_list, lit, when};
use datafusion::prelude::cast;
use sawlog_formats::{
    Bytes, Changes, Column, Entity, EntityKind, Failed, Format, Kind, Part, Received, Role, Source, Table, Value,
    formats,
};

use crate::error::{Parameter, WrongValue};
use crate::numbers;
use crate::printed;
use crate::texts;
use paths::is_named;

pub(crate) use paths::{any_in_lists, column, json_column, not_one_value, plain_path};
pub(crate) use view::{COLUMNS, of_table as of_view};

/// Names that mean a role, whatever the field is called in a log; the first one is the preferred one.
const NAMES: &[(&[&str], Role)] = &[
    (&["ip", "address"], Role::Address),
    (&["user", "actor", "principal"], Role::Actor),
    (&["access_key"], Role::AccessKey),
    (&["agent", "useragent"], Role::UserAgent),
    (&["operation"], Role::Operation),
    (&["error"], Role::Error),
    (&["status"], Role::Status),
    (&["region"], Role::Region),
    (&["account"], Role::Account),
    (&["src", "src_ip"], Role::Source),
    (&["dst"], Role::Destination),
    (&["sport"], Role::SourcePort),
    (&["dport"], Role::DestinationPort),
    (&["service"], Role::Service),
    (&["interface"], Role::Interface),
    (&["action"], Role::Action),
    (&["host", "domain"], Role::Host),
    (&["url"], Role::Url),
];

/// Columns of the view `events` that are also columns of a log.
const OF_EVENTS: &[&str] = &["actor_type", "target", "outcome", "changes", "service"];

/// Selects the sources in which something can be found.
pub(crate) trait Useful: Fn(&'static [Source]) -> Vec<&'static Source> {}

impl<F: Fn(&'static [Source]) -> Vec<&'static Source>> Useful for F {}

/// The format of a log by name; the first part of the name is enough.
///
/// # Errors
///
/// A [`WrongValue`] if there is none.
pub fn named(name: &str) -> Result<&'static Format> {
    let name = name.replace('-', "_").to_lowercase();
    let found = formats().iter().copied().find(|format| {
        let table = format.table.name;
        table == name || table.split('_').next() == Some(name.as_str())
    });
    Ok(found.ok_or_else(|| {
        let known: Vec<&str> = formats().iter().map(|format| format.table.name).collect();
        let reason = format!("there is no log '{name}'; the logs are {}", known.join(", "));
        WrongValue::new(Parameter::Filter("log"), &name, reason)
    })?)
}

/// Where a log has the value of a role.
pub(crate) fn role(table: &Table, role: Role) -> Option<Value> {
    sawlog_formats::format(table.name)?.role(role)
}

/// The field that has the value of a role in a log, if it is a single field.
pub(crate) fn field(table: &Table, of: Role) -> Option<&'static str> {
    match role(table, of)? {
        Value::Field(name) => Some(name),
        Value::Any(names) => names.first().copied(),
        _ => None,
    }
}

/// All fields in which a record can have the value of a role; empty if the log has no such role.
pub(crate) fn fields(table: &Table, of: Role) -> Vec<&'static str> {
    match role(table, of) {
        Some(Value::Field(name)) => match entity_of(table, name).map(|entity| entity.part) {
            Some(Part::Addresses(columns)) => columns.to_vec(),
            _ => vec![name],
        },
        Some(Value::Any(names)) => names.to_vec(),
        _ => Vec::new(),
    }
}

/// The role that a general name means, if no log has a column of that name.
pub(crate) fn role_named(table: &Table, name: &str) -> Option<Role> {
    let is_own = table.columns.iter().any(|column| column.name == name);
    NAMES.iter().find(|(names, _)| !is_own && names.contains(&name)).map(|(_, role)| *role)
}

/// Whether a name means something in every log, whatever its log calls it.
pub(crate) fn is_general(name: &str) -> bool {
    NAMES.iter().any(|(names, _)| names.contains(&name)) || OF_EVENTS.contains(&name)
}

/// The field that a general name means in a log; `None` for other names, and if the log has no such field.
fn general(table: &Table, name: &str) -> Option<&'static str> {
    if name == "time" {
        return table.times.first().copied();
    }
    field(table, NAMES.iter().find(|(names, _)| names.contains(&name))?.1)
}

/// The field's own name for a general one: `source_ip_address` for `ip`; with dots for groups.
pub(crate) fn path<'a>(table: &Table, name: &'a str) -> &'a str {
    general(table, name).unwrap_or(name)
}

/// The entity that a name means in a log.
pub(crate) fn entity(table: &Table, name: &str) -> Option<&'static Entity> {
    if let Some(path) = general(table, name) {
        return entity_of(table, path);
    }
    // A column that contains an entity somewhere is not that entity.
    entity_of(table, name).filter(|entity| !matches!(entity.part, Part::Within(_)))
}

/// The columns whose addresses a name means in a log; empty if it means something else.
pub(crate) fn addresses(table: &Table, name: &str) -> Vec<&'static str> {
    let own = table.columns.iter().find(|column| is_named(column, name)).map_or(name, |column| column.name);
    match entity(table, own).filter(|entity| entity.kind == EntityKind::Ip) {
        Some(Entity { part: Part::Addresses(columns), .. }) => columns.to_vec(),
        Some(Entity { part: Part::Whole, field, .. }) => vec![field],
        _ => Vec::new(),
    }
}

/// The entity whose field has this name.
fn entity_of(table: &Table, field: &str) -> Option<&'static Entity> {
    sawlog_formats::format(table.name)?.entities.iter().find(|entity| entity.field == field)
}

/// The value of a role in a record, for people to read; `None` if the log has none.
pub(crate) fn shown(table: &Table, of: Role) -> Option<Expr> {
    value_of(table, role(table, of)?)
}

fn value_of(table: &Table, value: Value) -> Option<Expr> {
    let view = |expr| cast(expr, DataType::Utf8View);
    match value {
        Value::Field(name) => match entity_of(table, name) {
            Some(entity) => self::value(table, entity),
            None => column(table, name),
        },
        Value::Any(names) => column(table, names.first()?),
        Value::Each(list, field) => column(table, &format!("{list}.0.{field}")),
        Value::Joined(first, by, second) => {
            let both = concat(vec![ident(first), lit(by), view(ident(second))]);
            when(ident(second).is_null(), ident(first)).otherwise(both).ok()
        }
        Value::Endpoint(address, port) => {
            // An IPv6 address with a port is in brackets, as `with_port` writes it.
            let all =
                |before: &str, after: &str| concat(vec![lit(before), ident(address), lit(after), view(ident(port))]);
            let is_long = ident(address).like(lit("%:%"));
            let mut value = when(ident(port).is_null(), ident(address));
            value.when(is_long, all("[", "]:")).otherwise(all("", ":")).ok()
        }
        Value::Made(name, make) => {
            // The function's address distinguishes functions of one column.
            Some(texts::found(column(table, name)?, &format!("made_of_{name}_{make:p}"), move |text| make(text)))
        }
        Value::Constant(text) => Some(lit(text)),
        Value::First(values) => {
            let values = values.iter().map(|value| value_of(table, *value).map(view)).collect::<Option<Vec<_>>>()?;
            Some(coalesce(values))
        }
    }
}

/// The column by its own name or a general one: `source_ip_address` or `ip`; with dots, one in a group or a field of
/// its JSON.
pub(crate) fn resolve(table: &Table, name: &str) -> Option<Expr> {
    match name {
        "time" => return time(table),
        "date" => return Some(ident("date")),
        "log" => return Some(lit(table.name)),
        printed::RAW => {
            if let Some(text) = printed::text(table) {
                return Some(text);
            }
        }
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
    // What no column has: the same for all records, or another sign of failure.
    match role_named(table, name).map(|role| (role, self::role(table, role))) {
        Some((Role::Error, None)) => error(table, |sources| sources.iter().collect()),
        Some((_, Some(Value::Constant(text)))) => Some(lit(text)),
        _ if OF_EVENTS.contains(&name) => view::column(table, name),
        _ => None,
    }
}

/// An entity's value in a record; for a flow, which has several addresses, its source.
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

/// The first source that is not empty.
pub(crate) fn first<'a>(table: &Table, sources: impl IntoIterator<Item = &'a Source>) -> Option<Expr> {
    let values: Option<Vec<Expr>> = sources.into_iter().map(|source| source_value(table, source)).collect();
    let mut values = values?;
    if values.len() > 1 { Some(coalesce(values)) } else { values.pop() }
}

/// The text that a source looks at; null in records that it does not look at.
fn source_text(table: &Table, source: &Source) -> Option<Expr> {
    let text = column(table, source.column)?;
    let is_number =
        table.columns.iter().any(|column| column.name == source.column && matches!(column.kind, Kind::Int32));
    let text = if is_number { cast(text, DataType::Utf8View) } else { text };
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
        None => source.none().fold(view(text), |text, none| nullif(text, view(lit(none)))),
        Some(find) => {
            // The function's address tells functions of one column apart.
            let name = format!("in_{}_{find:p}", source.column);
            let source = *source;
            texts::found(text, &name, move |text| source.value(text).map(Cow::Borrowed))
        }
    })
}

/// Whether the text of a column begins with one of some prefixes.
fn begins(column: &str, prefixes: &[&str]) -> Expr {
    let begins = prefixes.iter().map(|prefix| ident(column).like(lit(format!("{prefix}%"))));
    begins.reduce(Expr::or).unwrap_or_else(|| lit(false))
}

/// Whether a column is false or, if that is not known, the text of another column begins with none of some prefixes.
pub(crate) fn is_not(column: &str, (other, prefixes): (&str, &[&str])) -> Expr {
    let by_name = ident(column).is_null().and(begins(other, prefixes).is_false());
    ident(column).is_false().or(by_name)
}

/// Whether the column of a source that is a whole text says something; null if it is null.
pub(crate) fn is_something(source: &Source, column: &Expr) -> Expr {
    let is_not = |none: &str| column.clone().not_eq(lit(none));
    source.none().map(is_not).reduce(Expr::and).unwrap_or_else(|| lit(true))
}

/// Whether the column of a source that is a whole text says nothing.
pub(crate) fn is_nothing(source: &Source, column: &Expr) -> Expr {
    source.none().fold(column.clone().is_null(), |is_none, none| is_none.or(column.clone().eq(lit(none))))
}

/// Whether any of some sources is not empty.
fn any(table: &Table, sources: &[&Source]) -> Option<Expr> {
    let has = |source: &&Source| match (source.find, source.only.is_empty()) {
        (None, true) => Some(is_something(source, &column(table, source.column)?).is_true()),
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

/// Where a log has the values that records are grouped by.
pub(crate) enum Values {
    /// What an expression gives.
    Of(Expr),
    /// A part of the first text that has one.
    First(Vec<(Expr, numbers::Part)>),
    /// Each address in some columns, once per record.
    Addresses(Vec<Expr>),
}

impl Values {
    /// The values that a name means in a log, with those sources that `useful` selects.
    pub(crate) fn of(table: &Table, name: &str, useful: impl Useful) -> Option<Self> {
        let Some(entity) = entity(table, name) else { return Some(Self::Of(resolve(table, name)?)) };
        Some(match entity.part {
            Part::Whole if entity.kind == EntityKind::Ip => {
                Self::First(vec![(column(table, entity.field)?, numbers::Part::Address)])
            }
            Part::Whole | Part::Joined(..) => Self::Of(resolve(table, name)?),
            Part::Within(find) => Self::First(vec![(column(table, entity.field)?, numbers::Part::Found(find))]),
            Part::First(sources) => Self::First(first_texts(table, useful(sources))?),
            Part::Addresses(columns) => {
                Self::Addresses(columns.iter().map(|name| column(table, name)).collect::<Option<_>>()?)
            }
        })
    }
}

/// The texts of some sources, and the part of each that counts.
fn first_texts(table: &Table, sources: Vec<&'static Source>) -> Option<Vec<(Expr, numbers::Part)>> {
    let text = |source| Some((source_text(table, source)?, numbers::Part::Source(source)));
    sources.into_iter().map(text).collect()
}

/// All column names of a table; columns in groups have dots.
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

/// Names in a sentence: `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// The error that no log has the column, and which columns may have been meant.
pub(crate) fn no_column<T>(tables: &[&Table], name: &str) -> Result<T> {
    if let Some(reason) = tables.iter().find_map(|table| not_one_value(table, name)) {
        return Err(WrongValue::new(Parameter::Column, name, reason).into());
    }
    let others = formats().iter().map(|format| format.table);
    let others =
        others.filter(|other| tables.iter().all(|table| table.name != other.name) && resolve(other, name).is_some());
    let others: Vec<&str> = others.map(|table| table.name).collect();
    if !others.is_empty() {
        let asked: Vec<&str> = tables.iter().map(|table| table.name).collect();
        let have = |names: &[&str]| if names.len() == 1 { "has" } else { "have" };
        let reason =
            format!("{} {} no column '{name}'; {} {}", listed(&asked), have(&asked), listed(&others), have(&others));
        return Err(WrongValue::new(Parameter::Column, name, reason).into());
    }
    let mut names: Vec<String> = tables.iter().flat_map(|table| columns(table)).map(|(name, _)| name).collect();
    let is_in = |tables: &[&Table], name: &str| tables.iter().any(|table| resolve(table, name).is_some());
    let general = NAMES.iter().flat_map(|(names, _)| *names).chain(OF_EVENTS).filter(|name| is_in(tables, name));
    names.extend(general.map(|name| (*name).to_owned()));
    names.push("date".to_owned());
    names.sort();
    names.dedup();
    // Only S3 logs have requesters of that name.
    if name == "requester" {
        let reason = "there is no column 'requester'; did you mean 'user'?";
        return Err(WrongValue::new(Parameter::Column, name, reason).into());
    }
    Err(WrongValue::unknown(Parameter::Column, "column", name, names.iter().map(String::as_str)).into())
}

/// What is summed over a log's records, and what their fields mean.
pub(crate) struct Roles {
    /// What the bytes are whose number [`Roles::bytes`] has.
    pub(crate) bytes_are: Option<Bytes>,
    pub(crate) bytes: Expr,
    /// The size of what was stored.
    pub(crate) bytes_received: Expr,
    /// Whether the request failed, or the flow was rejected.
    pub(crate) failed: Expr,
    /// Whether it is an action that changes something, unless it fails.
    pub(crate) attempts: Expr,
    /// Whether it changed something: an action that failed changed nothing.
    pub(crate) changes: Expr,
    pub(crate) ip: Expr,
    /// Whether it is known to have succeeded, if not all records that did not fail have.
    succeeded: Option<Expr>,
}

/// Why a record failed: the first source that says it (of some sources, those that `useful` selects). If the log has
/// no text for it, another sign of failure.
pub(crate) fn error(table: &Table, useful: impl Useful) -> Option<Expr> {
    if let Some(name) = field(table, Role::Error) {
        return match entity_of(table, name)?.part {
            Part::First(sources) => first(table, useful(sources)),
            _ => column(table, name),
        };
    }
    let failed = sawlog_formats::format(table.name)?.measures.failed;
    failed.iter().find_map(|failed| match *failed {
        Failed::Is(column, value) => when(ident(column).eq(lit(value)), lit(value)).end().ok(),
        _ => None,
    })
}

impl Roles {
    /// `success` or `failure`.
    pub(crate) fn outcome(&self) -> Result<Expr> {
        let mut outcome = when(self.failed.clone(), lit("failure"));
        Ok(match &self.succeeded {
            None => outcome.otherwise(lit("success"))?,
            Some(succeeded) => outcome.when(succeeded.clone(), lit("success")).end()?,
        })
    }

    /// The roles of a log, whatever is known about its records.
    pub(crate) fn of_table(table: &Table) -> Result<Self> {
        Self::of(table, |sources| sources.iter().collect())
    }

    /// The roles of a log, with those sources that `useful` selects.
    pub(crate) fn of(table: &Table, useful: impl Useful) -> Result<Self> {
        let none = || lit(ScalarValue::Int64(None));
        let general = |name: &str| resolve(table, name).unwrap_or_else(none);
        let measures = sawlog_formats::format(table.name).context("not a log")?.measures;
        let bytes_received = match measures.received {
            Some(Received { column, by: None }) => ident(column),
            Some(Received { column, by: Some((by, values)) }) => {
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
        let attempts = match measures.changes {
            Changes::Never => lit(false),
            Changes::Begins(column, prefixes, but) => {
                let but = but.iter().map(|text| ident(column).not_eq(lit(*text)));
                but.fold(begins(column, prefixes), Expr::and)
            }
            Changes::Not { column, unknown, but } => {
                let but = in_any(but).unwrap_or_else(|| lit(false));
                is_not(column, unknown).and(but.is_not_true())
            }
        };
        let changes = attempts.clone().and(failed.clone().is_not_true());
        let succeeded = measures.succeeded.map(|(column, value)| ident(column).eq(lit(value)));
        let bytes = measures.bytes.map_or_else(none, |bytes| ident(bytes.column()));
        let (bytes_are, ip) = (measures.bytes, general("ip"));
        Ok(Self { bytes_are, bytes, bytes_received, failed, attempts, changes, ip, succeeded })
    }
}
