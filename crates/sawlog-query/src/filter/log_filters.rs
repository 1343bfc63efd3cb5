//! All filters of a command, on one log.

use anyhow::Result;
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::scalar::ScalarValue;
use sawlog_formats::{Role, TIMES, Table, counted};

use super::address::{Wanted, end, ip, peer};
use super::caller::{access_key, account, user};
use super::condition::{Condition, Probe, field};
use super::failure::error;
use super::flow::{action, port};
use super::glob::is_glob;
use super::object::{bucket, key, resource};
use super::text::TextFilter;
use super::values::Filters;
use super::wheres::{condition, wheres};
use crate::error::WrongValue;
use crate::logs::{self, Roles, resolve};
use crate::times::{self, Clock};

/// The filter that leaves what failed.
pub(crate) const FAILED: &str = "failed";
/// The filter that leaves what changed something.
pub(crate) const CHANGES: &str = "changes";

/// The error for a wrong value of a filter.
pub(super) fn bad(filter: &'static str, value: &str, error: &anyhow::Error) -> anyhow::Error {
    WrongValue::of_filter(filter, value, error).into()
}

/// A filter on one field: its name and value, and the expression.
#[derive(Clone, Debug)]
pub struct FieldFilter {
    /// The filter's name, `bucket`.
    pub name: &'static str,
    /// The value that was given.
    pub value: String,
    /// The column in which similar values can be looked for, if the value is a plain one.
    pub column: Option<Expr>,
    /// Which records it leaves.
    pub expr: Expr,
    /// How the index can rule out data files.
    pub probe: Option<Probe>,
}

/// All filters of a command, on one log.
#[derive(Clone, Debug, Default)]
pub struct LogFilters {
    /// The filters on fields. A record must match all of them.
    pub fields: Vec<FieldFilter>,
    /// The columns for `since` and `until`; the first that is not null counts.
    pub times: &'static [&'static str],
    /// Not before: microseconds since 1970.
    pub since: Option<i64>,
    /// Before: microseconds since 1970.
    pub until: Option<i64>,
    /// Over the record's own text.
    pub text: Option<TextFilter>,
    /// Keeps only the first of the records of an event, among those that all other filters leave.
    pub first_only: Option<Expr>,
}

type Make<'a> = &'a dyn Fn(&str) -> Result<Option<Condition>>;

/// Collects the filters of a log.
pub(super) struct Builder {
    pub(super) table: &'static Table,
    pub(super) fields: Vec<FieldFilter>,
}

impl Builder {
    /// Adds the filters of one option; `make` makes one filter from each value.
    fn add(&mut self, name: &'static str, near: &str, given: &[String], make: Make<'_>) -> Result<()> {
        self.add_all(name, near, given, &|values| {
            let made = values.iter().map(|value| make(value).map_err(|error| bad(name, value, &error)));
            Ok(Condition::any(made.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect()))
        })
    }

    /// The same, where `make` makes one filter of all values.
    pub(super) fn add_all(
        &mut self,
        name: &'static str,
        near: &str,
        given: &[String],
        make: &dyn Fn(&[&str]) -> Result<Option<Condition>>,
    ) -> Result<()> {
        // A record without the field does not have the value.
        let none = || Condition { expr: lit(false), probe: None };
        if let Some(empty) = given.iter().find(|value| name != "where" && matches!(value.as_str(), "" | "!")) {
            let error = anyhow::anyhow!("is empty; --where FIELD= finds records without a value");
            return Err(bad(name, empty, &error));
        }
        let (not, any): (Vec<&str>, Vec<&str>) =
            given.iter().map(String::as_str).partition(|value| value.starts_with('!'));
        if !any.is_empty() {
            let Condition { expr, probe } = make(&any)?.unwrap_or_else(none);
            let column = match any[..] {
                [value] if !is_glob(value) => resolve(self.table, near),
                _ => None,
            };
            let value = match any[..] {
                [value] => value.to_owned(),
                [first, ..] => format!("{first} (or one of {})", counted(any.len() - 1, "other")),
                [] => String::new(),
            };
            self.fields.push(FieldFilter { name, value, column, expr, probe });
        }
        for value in not {
            let expr = make(&[&value[1..]])?.unwrap_or_else(none).expr.is_not_true();
            self.fields.push(FieldFilter { name, value: value.to_owned(), column: None, expr, probe: None });
        }
        Ok(())
    }

    /// The filters on addresses and ports.
    fn add_addresses(&mut self, args: &Filters) -> Result<()> {
        let table = self.table;
        // Each value is checked by itself, so that an error names it.
        for (name, values) in [("ip", &args.ip), ("src", &args.src), ("dst", &args.dst), ("peer", &args.peer)] {
            for given in values {
                let value = given.strip_prefix('!').unwrap_or(given);
                Wanted::of(&[value]).map_err(|error| bad(name, given, &error))?;
            }
        }
        let ends = |role: Role| move |values: &[&str]| ip(table, &logs::fields(table, role), values);
        self.add_all("ip", "ip", &args.ip, &ends(Role::Address))?;
        self.add("ip", "ip", &args.end, &|value| end(table, value))?;
        self.add_all("src", "src", &args.src, &ends(Role::Source))?;
        self.add_all("dst", "dst", &args.dst, &ends(Role::Destination))?;
        if !args.peer.is_empty() {
            self.fields.extend(peer(table, &args.peer, &args.ip)?);
        }
        self.add("sport", "", &args.sport, &|value| port(table, &[Role::SourcePort], value))?;
        self.add("dport", "", &args.dport, &|value| port(table, &[Role::DestinationPort], value))?;
        self.add("port", "", &args.port, &|value| port(table, &[Role::SourcePort, Role::DestinationPort], value))
    }

    /// The filters on other fields.
    fn add_fields(&mut self, args: &Filters) -> Result<()> {
        let table = self.table;
        let on = |name: &'static str| move |values: &[&str]| Ok(field(table, name, values));
        self.add("action", "action", &args.action, &|value| Ok(action(table, value)))?;
        self.add("user", "", &args.user, &|value| Ok(user(table, value)))?;
        self.add("access_key", "access_key", &args.access_key, &|value| Ok(access_key(table, value)))?;
        self.add("bucket", "bucket", &args.bucket, &|value| Ok(bucket(table, value)))?;
        self.add("key", "key", &args.key, &|value| Ok(key(table, value)))?;
        self.add("resource", "", &args.resource, &|value| Ok(resource(table, value)))?;
        self.add_all("operation", "operation", &args.operation, &on("operation"))?;
        self.add_all("agent", "agent", &args.agent, &on("agent"))?;
        self.add("error", "error", &args.error, &|value| error(table, value))?;
        self.add_all("region", "region", &args.region, &on("region"))?;
        self.add("account", "account", &args.account, &|value| Ok(account(table, value)))?;
        self.add_all("service", "service", &args.service, &on("service"))?;
        self.add_all("interface", "interface", &args.interface, &on("interface"))?;
        self.add_all("source_file", "source_file", &args.source_file, &on("source_file"))?;
        for (path, values) in wheres(&args.condition)? {
            let before = self.fields.len();
            self.add("where", "", &values, &|value| condition(table, &path, value))?;
            self.fields[before..].iter_mut().for_each(|field| field.value = format!("{path}={}", field.value));
        }
        Ok(())
    }

    /// `around` given several times: any of them may match. [`window`] excludes what is before the first and after
    /// the last.
    fn add_around(&mut self, args: &Filters, clock: &Clock) -> Result<()> {
        let around = around(args, clock)?;
        if around.len() < 2 {
            return Ok(());
        }
        let any = around
            .into_iter()
            .filter_map(|(from, end)| time_bounds(self.table.times, Some(from), Some(end)).reduce(Expr::and));
        // Every log has the same filters. A log whose records have no times is not asked for any.
        let expr = any.reduce(Expr::or).unwrap_or_else(|| lit(true));
        let (name, value) = ("around", args.around.join(" "));
        self.fields.push(FieldFilter { name, value, column: None, expr: expr.is_true(), probe: None });
        Ok(())
    }

    /// `failed` and `changes`.
    fn add_flags(&mut self, args: &Filters) -> Result<()> {
        if !args.failed && !args.changes {
            return Ok(());
        }
        let roles = Roles::of_table(self.table)?;
        let flags = [(FAILED, args.failed, roles.failed), (CHANGES, args.changes, roles.changes)];
        let given = flags.into_iter().filter(|(_, is_given, _)| *is_given);
        self.fields.extend(given.map(|(name, _, expr)| {
            let value = String::new();
            FieldFilter { name, value, column: None, expr: expr.is_true(), probe: None }
        }));
        Ok(())
    }
}

/// The first microsecond that is asked for, and the one after the last.
fn window(args: &Filters, clock: &Clock) -> Result<(Option<i64>, Option<i64>)> {
    let bound = |name: &'static str, given: Option<&str>| {
        given.map(|text| times::time(text, clock).map_err(|error| bad(name, text, &error))).transpose()
    };
    let mut since = bound("since", args.since.as_deref())?.map(|(from, _)| from);
    let mut until = bound("until", args.until.as_deref())?.map(|(_, end)| end);
    let around = around(args, clock)?;
    if let Some((first, last)) =
        around.iter().map(|(from, _)| *from).min().zip(around.iter().map(|(_, end)| *end).max())
    {
        since = since.max(Some(first));
        until = Some(until.map_or(last, |until| until.min(last)));
    }
    // The days after the last possible time would not sort with others by their names.
    Ok((since, until.map(|until| until.min(*TIMES.end() + 1))))
}

/// The times around those that are asked for: the first microsecond, and the one after the last.
fn around(args: &Filters, clock: &Clock) -> Result<Vec<(i64, i64)>> {
    let one = |pair: &[String]| {
        let wrong = |error: anyhow::Error| bad("around", &pair.join(" "), &error);
        let [time, length] = pair else { return Err(wrong(anyhow::anyhow!("takes a time and a duration"))) };
        let (at, _) = times::time(time, clock).map_err(wrong)?;
        let length = times::length(length).map_err(wrong)?;
        // Records have whole seconds.
        Ok((at.saturating_sub(length), at.saturating_add(length).saturating_add(times::SECOND)))
    };
    args.around.chunks(2).map(one).collect()
}

impl LogFilters {
    /// The filters on a log.
    ///
    /// # Errors
    ///
    /// A [`WrongValue`] if a value is not what its filter takes.
    pub fn new(table: &'static Table, args: &Filters, clock: &Clock) -> Result<Self> {
        let mut all = Builder { table, fields: Vec::new() };
        all.add_addresses(args)?;
        all.add_fields(args)?;
        all.add_flags(args)?;
        all.add_around(args, clock)?;
        let (since, until) = window(args, clock)?;
        let text = TextFilter::new(args)?;
        Ok(Self { fields: all.fields, times: table.times, since, until, text, first_only: None })
    }

    /// Whether any filter is set.
    pub(crate) fn any(&self) -> bool {
        !self.fields.is_empty() || self.since.is_some() || self.until.is_some() || self.text.is_some()
    }

    /// The filters on columns, as one expression.
    #[must_use]
    pub fn expr(&self) -> Option<Expr> {
        let bounds = time_bounds(self.times, self.since, self.until);
        self.expr_without_time().into_iter().chain(bounds).reduce(Expr::and)
    }

    /// The filters on columns, except the time.
    pub(crate) fn expr_without_time(&self) -> Option<Expr> {
        let fields = self.fields.iter().map(|filter| filter.expr.clone());
        fields.chain(self.first_only.clone()).reduce(Expr::and)
    }
}

/// Whether the first of some columns that has a time is within bounds, a condition for each.
fn time_bounds(times: &[&str], since: Option<i64>, until: Option<i64>) -> impl Iterator<Item = Expr> {
    let bound = |micros| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())));
    // Written so that row groups can be skipped by the range of the first column.
    let any = |test: &dyn Fn(Expr) -> Expr| {
        let (last, others) = times.split_last()?;
        let either = |later: Expr, name: &&str| test(ident(*name)).or(ident(*name).is_null().and(later));
        Some(others.iter().rev().fold(test(ident(*last)), either))
    };
    let since = since.and_then(|since| any(&|column| column.gt_eq(bound(since))));
    let until = until.and_then(|until| any(&|column| column.lt(bound(until))));
    since.into_iter().chain(until)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
    use arrow::datatypes::{DataType, Field, Schema};
    use proptest::prelude::*;
    use sawlog_formats::s3_access;

    use super::*;

    /// A record of the table with `text` in every text column.
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

    /// Whether `filters` select a record of S3 whose requester and owner are `text`; `by_like` says the same in SQL.
    fn both_leave(args: &Filters, by_like: Expr, text: &str) -> [usize; 2] {
        let filter = LogFilters::new(&s3_access::TABLE, args, &Clock::default()).unwrap().expr().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        [filter, by_like].map(|expr| {
            let frame = crate::engine::session(10, 0).read_batch(record(&s3_access::TABLE, text)).unwrap();
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
            let user = Filters { user: vec![name.to_owned()], ..Filters::default() };
            let names = [format!("arn:%/{name}"), format!("arn:%:{name}"), format!("arn:%:assumed-role/{name}/%")];
            let [found, by_like] = both_leave(&user, names.map(like).into_iter().fold(is("requester"), Expr::or), &text);
            prop_assert_eq!(found, by_like, "user {} in {}", name, text);
            let account = Filters { account: vec![name.to_owned()], ..Filters::default() };
            let [found, by_like] = both_leave(&account, is("bucket_owner").or(like(format!("arn:%:{name}:%"))), &text);
            prop_assert_eq!(found, by_like, "account {} in {}", name, text);
        }
    }
}
