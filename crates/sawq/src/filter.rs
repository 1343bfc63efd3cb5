//! Filters: what the command line asks for, as expressions over the columns of a table.
//!
//! An option that is given several times leaves what any of its values leaves; values that begin with `!` leave nothing of what
//! they name; and a record must be left by all options.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ident, in_list, lit};
use datafusion::prelude::{regexp_like, strpos, substr};
use datafusion::scalar::ScalarValue;
use foldhash::quality::RandomState;
use globset::{GlobBuilder, GlobMatcher};
use ipnet::IpNet;
use regex::bytes::{Regex, RegexBuilder};
use sawlog_formats::{Kind, Role, Source, Table, Value, canonical_address, cloudtrail, parse_address, s3_access};

use crate::cli::FilterArgs;
use crate::logs::{self, Roles, path, resolve};
use crate::texts::test;
use crate::times::{self, Clock};
use crate::usage::BadValue;

/// Says that a value of an option is wrong.
pub(crate) fn bad(option: &str, value: &str, error: &anyhow::Error) -> anyhow::Error {
    // A name that is wrong says so itself.
    let reason = error.downcast_ref::<BadValue>().map_or_else(|| format!("{error:#}"), |wrong| wrong.reason.clone());
    BadValue::new(option, value, reason).into()
}

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
#[derive(Clone)]
struct Condition {
    expr: Expr,
    probe: Option<Probe>,
}

impl Condition {
    /// What is asked for if any of some conditions holds.
    fn any(conditions: Vec<Self>) -> Option<Self> {
        let probes: Option<Vec<Probe>> = conditions.iter().map(|condition| condition.probe.clone()).collect();
        let probe = probes.and_then(|probes| {
            let mut fields: Vec<&str> = probes.iter().flat_map(|probe| probe.fields.clone()).collect();
            fields.sort_unstable();
            fields.dedup();
            Some(Probe { fields, test: either(probes.into_iter().map(|probe| probe.test).collect())? })
        });
        let expr = either(conditions.into_iter().map(|condition| condition.expr).collect())?;
        Some(Self { expr, probe })
    }
}

/// Expressions joined by OR, halved again and again: the engine goes down into them, and thousands of values are not too deep.
fn either(mut exprs: Vec<Expr>) -> Option<Expr> {
    while exprs.len() > 1 {
        let mut halves = exprs.into_iter();
        let mut joined = Vec::with_capacity(halves.len().div_ceil(2));
        while let Some(first) = halves.next() {
            joined.push(match halves.next() {
                Some(second) => first.or(second),
                None => first,
            });
        }
        exprs = joined;
    }
    exprs.pop()
}

/// Which texts of records `--match` leaves.
#[derive(Clone, Debug, Default)]
pub struct TextFilter {
    any: Vec<Regex>,
    none: Vec<Regex>,
}

impl TextFilter {
    fn new(args: &FilterArgs) -> Result<Option<Self>> {
        let mut filter = Self::default();
        for given in &args.pattern {
            let (pattern, negate) = given.strip_prefix('!').map_or((given.as_str(), false), |rest| (rest, true));
            let source = if args.fixed { regex::escape(pattern) } else { pattern.to_owned() };
            let regex = RegexBuilder::new(&source).case_insensitive(args.ignore_case).build();
            let regex = regex.map_err(|error| bad("--match", given, &error.into()))?;
            if negate { filter.none.push(regex) } else { filter.any.push(regex) }
        }
        Ok(if filter.any.is_empty() && filter.none.is_empty() { None } else { Some(filter) })
    }

    /// Whether a record's text is left.
    #[must_use]
    pub fn is_match(&self, text: &[u8]) -> bool {
        let matches = |regex: &Regex| regex.is_match(text);
        (self.any.is_empty() || self.any.iter().any(matches)) && !self.none.iter().any(matches)
    }
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
    /// Over the record's own text.
    pub text: Option<TextFilter>,
    /// Leaves the first of records that were delivered more than once.
    pub first_only: Option<Expr>,
}

/// The same filters, with what the lists have that are given as `@FILE`: a value a line, without blank lines and those that begin
/// with `#`.
///
/// # Errors
///
/// If a list can't be read.
pub(crate) fn with_lists(args: &FilterArgs) -> Result<FilterArgs> {
    let mut args = args.clone();
    for (option, values) in args.lists() {
        if !values.iter().any(|value| value.trim_start_matches('!').starts_with('@')) {
            continue;
        }
        let mut all = Vec::new();
        for value in values.drain(..) {
            let (list, not) = value.strip_prefix('!').map_or((value.as_str(), ""), |rest| (rest, "!"));
            let Some(path) = list.strip_prefix('@') else {
                all.push(value);
                continue;
            };
            let text = std::fs::read_to_string(path).context("can't read this list");
            let text = text.map_err(|error| bad(option, &value, &error))?;
            let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            let before = all.len();
            all.extend(lines.map(|line| format!("{not}{line}")));
            if all.len() == before {
                return Err(bad(option, &value, &anyhow::anyhow!("this list is empty")));
            }
        }
        *values = all;
    }
    Ok(args)
}

type Make<'a> = &'a dyn Fn(&str) -> Result<Option<Condition>>;

/// Adds up the filters of a log.
struct Builder {
    table: &'static Table,
    fields: Vec<Filter>,
}

impl Builder {
    /// Adds the filters of one option, which `make` makes of one value each.
    fn add(&mut self, option: &'static str, near: &str, given: &[String], make: Make<'_>) -> Result<()> {
        self.add_all(option, near, given, &|values| {
            let made = values.iter().map(|value| make(value).map_err(|error| bad(option, value, &error)));
            Ok(Condition::any(made.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect()))
        })
    }

    /// The same, where `make` makes one of all values.
    fn add_all(
        &mut self,
        option: &'static str,
        near: &str,
        given: &[String],
        make: &dyn Fn(&[&str]) -> Result<Option<Condition>>,
    ) -> Result<()> {
        // A record without the field is not one that has the value.
        let none = || Condition { expr: lit(false), probe: None };
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
                [first, ..] => format!("{first} (or one of {} others)", any.len() - 1),
                [] => String::new(),
            };
            self.fields.push(Filter { option, value, column, expr, probe });
        }
        for value in not {
            let expr = make(&[&value[1..]])?.unwrap_or_else(none).expr.is_not_true();
            self.fields.push(Filter { option, value: value.to_owned(), column: None, expr, probe: None });
        }
        Ok(())
    }
}

impl Filters {
    /// The filters on a log.
    ///
    /// # Errors
    ///
    /// A [`BadValue`] if a value is not what its option takes.
    pub fn new(table: &'static Table, args: &FilterArgs, clock: &Clock) -> Result<Self> {
        let mut all = Builder { table, fields: Vec::new() };
        let on = |option: &'static str, name: &'static str| {
            move |values: &[&str]| {
                let first = values.first().copied().unwrap_or_default();
                field(table, name, values).map_err(|error| bad(option, first, &error))
            }
        };
        let ends = |role: Role| move |values: &[&str]| ip(table, &logs::columns_of(table, role), values);
        // Each value is looked at by itself, so that an error names it.
        for (option, values) in [("--ip", &args.ip), ("--src", &args.src), ("--dst", &args.dst), ("--peer", &args.peer)]
        {
            for given in values {
                let value = given.strip_prefix('!').unwrap_or(given);
                Wanted::of(&[value]).map_err(|error| bad(option, given, &error))?;
            }
        }
        all.add_all("--ip", "ip", &args.ip, &ends(Role::Address))?;
        all.add_all("--src", "src", &args.src, &ends(Role::Source))?;
        all.add_all("--dst", "dst", &args.dst, &ends(Role::Destination))?;
        if !args.peer.is_empty() {
            all.fields.extend(peer(table, &args.peer, &args.ip)?);
        }
        all.add("--sport", "", &args.sport, &|value| port(table, &[Role::SourcePort], value))?;
        all.add("--dport", "", &args.dport, &|value| port(table, &[Role::DestinationPort], value))?;
        all.add("--port", "", &args.port, &|value| port(table, &[Role::SourcePort, Role::DestinationPort], value))?;
        all.add("--action", "action", &args.action, &|value| action(table, value))?;
        all.add("--user", "", &args.user, &|value| user(table, value))?;
        all.add("--access-key", "access_key", &args.access_key, &|value| access_key(table, value))?;
        all.add("--bucket", "bucket", &args.bucket, &|value| bucket(table, value))?;
        all.add("--key", "key", &args.key, &|value| key(table, value))?;
        all.add("--resource", "", &args.resource, &|value| resource(table, value))?;
        all.add_all("--operation", "operation", &args.operation, &on("--operation", "operation"))?;
        all.add_all("--agent", "user_agent", &args.agent, &on("--agent", "user_agent"))?;
        all.add("--error", "error", &args.error, &|value| error(table, value))?;
        all.add_all("--region", "region", &args.region, &on("--region", "region"))?;
        all.add("--account", "account", &args.account, &|value| account(table, value))?;
        all.add_all("--service", "event_source", &args.service, &on("--service", "service"))?;
        all.add_all("--interface", "interface_id", &args.interface, &on("--interface", "interface_id"))?;
        all.add_all("--source-file", "source_file", &args.source_file, &on("--source-file", "source_file"))?;
        for (path, values) in wheres(&args.condition)? {
            all.add("--where", "", &values, &|value| condition(table, &path, value))?;
        }
        if args.failed || args.changes {
            let roles = Roles::of_table(table)?;
            let flags = [(FAILED, args.failed, roles.failed), ("--changes", args.changes, roles.changes)];
            for (option, _, expr) in flags.into_iter().filter(|(_, is_given, _)| *is_given) {
                let value = String::new();
                all.fields.push(Filter { option, value, column: None, expr: expr.is_true(), probe: None });
            }
        }
        let bound = |option: &str, given: Option<&str>| {
            given.map(|text| times::time(text, clock).map_err(|error| bad(option, text, &error))).transpose()
        };
        let mut since = bound("--since", args.since.as_deref())?.map(|(from, _)| from);
        let mut until = bound("--until", args.until.as_deref())?.map(|(_, end)| end);
        if let [time, length] = &args.around[..] {
            let wrong = |error: anyhow::Error| bad("--around", &format!("{time} {length}"), &error);
            let (at, _) = times::time(time, clock).map_err(wrong)?;
            let length = times::length(length).map_err(wrong)?;
            since = since.max(Some(at.saturating_sub(length)));
            // Records have whole seconds.
            let end = at.saturating_add(length).saturating_add(times::SECOND);
            until = Some(until.map_or(end, |until| until.min(end)));
        }
        Ok(Self {
            fields: all.fields,
            times: table.times,
            since,
            until,
            text: TextFilter::new(args)?,
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
    let Some(expr) = either(exprs) else { return Ok(None) };
    let probe = probe(table, fields, &ident("value"), test)?;
    Ok(Some(Condition { expr, probe }))
}

/// Whether a field, by its general name, is one of some values or matches it.
fn field(table: &Table, name: &'static str, values: &[&str]) -> Result<Option<Condition>> {
    let test = |column: &Expr| globs(column, values);
    let own = path(table, name);
    // What all records have in common is in no column.
    if let Some(Value::Constant(text)) = logs::role_named(table, name).and_then(|role| logs::role(table, role)) {
        let globs = values.iter().map(|value| matcher(value)).collect::<Result<Vec<_>>>()?;
        let is_it = values.contains(&text) || globs.iter().flatten().any(|glob| glob.is_match(text));
        return Ok(Some(Condition { expr: lit(is_it), probe: None }));
    }
    // Where a field is the first of several, the first one is compared without a look at others.
    let entity = logs::entity(table, name);
    let Some(sawlog_formats::Part::First(sources)) = entity.map(|entity| entity.part) else {
        return any(table, &[name], test);
    };
    let Some((first, others)) = sources.split_first() else { return Ok(None) };
    let Some(column) = resolve(table, first.column) else { return Ok(None) };
    if first.find.is_some() {
        let Some(value) = logs::first(table, sources) else { return Ok(None) };
        let probe = probe(table, vec![own], &ident("value"), test)?;
        return Ok(Some(Condition { expr: test(&value)?, probe }));
    }
    // What is empty is nothing.
    let mut expr = test(&column)?.and(column.clone().not_eq(lit("")));
    if let Some(other) = logs::first(table, others) {
        let is_missing = column.clone().is_null().or(column.eq(lit("")));
        expr = expr.or(is_missing.and(test(&other)?));
    }
    let probe = probe(table, vec![own], &ident("value"), test)?;
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

/// A column is one of some values, or matches one as a glob.
fn globs(column: &Expr, values: &[&str]) -> Result<Expr> {
    const FEW: usize = 3;
    let (plain, other): (Vec<&str>, Vec<&str>) = values.iter().partition(|value| values.len() > FEW && !is_glob(value));
    let listed = plain.iter().map(|value| lit(*value)).collect::<Vec<_>>();
    let listed = (!listed.is_empty()).then(|| in_list(column.clone(), listed, false));
    let globs = other.into_iter().map(|value| glob(column, value)).collect::<Result<Vec<_>>>()?;
    Ok(either(listed.into_iter().chain(globs).collect()).unwrap_or_else(|| lit(false)))
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

/// A glob for texts that the engine does not have: `None` if the value is no glob.
fn matcher(value: &str) -> Result<Option<GlobMatcher>> {
    if !is_glob(value) {
        return Ok(None);
    }
    // Only `*`, `?` and `[` mean something.
    let escaped = value.replace('{', "[{]").replace('}', "[}]");
    Ok(Some(GlobBuilder::new(&escaped).backslash_escape(false).build()?.compile_matcher()))
}

/// The option that leaves what failed.
pub(crate) const FAILED: &str = "--failed";

/// Addresses that are asked for.
#[derive(Clone, Debug, Default)]
struct Wanted {
    /// By their canonical spelling.
    addresses: HashSet<String, RandomState>,
    networks: Vec<IpNet>,
    /// Names of AWS services, which stand in the place of addresses.
    services: Vec<String>,
    globs: Vec<(String, Option<GlobMatcher>)>,
}

impl Wanted {
    fn of(values: &[&str]) -> Result<Self> {
        let mut wanted = Self::default();
        for value in values {
            if value.contains('/') {
                let network: IpNet = value.parse().context("is not a network such as 10.0.0.0/8")?;
                wanted.networks.push(plain(network).trunc());
            } else if is_glob(value) {
                wanted.globs.push(((*value).to_owned(), matcher(value)?));
            } else if parse_address(value).is_some() {
                wanted.addresses.insert(canonical_address(value).into_owned());
            } else {
                ensure!(
                    value.ends_with(".amazonaws.com") || *value == "AWS Internal",
                    "is not an address, nor a network such as 10.0.0.0/8"
                );
                wanted.services.push((*value).to_owned());
            }
        }
        Ok(wanted)
    }

    /// Whether an address is one of them, however it is spelled.
    fn has(&self, text: &str) -> bool {
        let canonical = canonical_address(text);
        let matches = |(_, glob): &(String, Option<GlobMatcher>)| {
            glob.as_ref().is_some_and(|glob| glob.is_match(&*canonical) || glob.is_match(text))
        };
        self.addresses.contains(&*canonical)
            || self.globs.iter().any(matches)
            || self.services.iter().any(|service| service == text)
            || !self.networks.is_empty()
                && parse_address(text).is_some_and(|address| self.networks.iter().any(|net| net.contains(&address)))
    }

    /// A name for the engine, which takes tests of one name for the same.
    fn name(&self) -> String {
        let mut all: Vec<String> = self.addresses.iter().chain(&self.services).cloned().collect();
        all.extend(
            self.networks.iter().map(ToString::to_string).chain(self.globs.iter().map(|(glob, _)| glob.clone())),
        );
        all.sort();
        let (first, all_hash) = (all.first().cloned().unwrap_or_default(), RandomState::default().hash_one(&all));
        format!("is_at_{first}_{all_hash:x}")
    }

    /// Whether the address in a column is one of them.
    fn test(self: &Arc<Self>, column: &Expr) -> Expr {
        let wanted = Arc::clone(self);
        test(column, &self.name(), move |text| wanted.has(text))
    }

    /// The same over a column that is sorted: written so that the pages can be told that hold what is asked for.
    fn test_sorted(self: &Arc<Self>, column: &Expr) -> Expr {
        const FEW: usize = 16;
        if !self.networks.is_empty() || !self.globs.is_empty() {
            return self.test(column);
        }
        let texts: Vec<&String> = self.addresses.iter().chain(&self.services).collect();
        let exact = if texts.len() <= FEW {
            either(texts.iter().map(|text| column.clone().eq(lit(text.as_str()))).collect())
        } else {
            let bounds = texts.iter().min().zip(texts.iter().max());
            let between = |(first, last): (&&String, &&String)| {
                column.clone().gt_eq(lit(first.as_str())).and(column.clone().lt_eq(lit(last.as_str())))
            };
            bounds.map(|bounds| between(bounds).and(self.test(column)))
        };
        let mut begins: Vec<u8> = self.addresses.iter().flat_map(|address| other_beginnings(address)).collect();
        begins.sort_unstable();
        begins.dedup();
        let text = |byte: u8| lit(char::from(byte).to_string());
        let begin = |byte: u8| column.clone().gt_eq(text(byte)).and(column.clone().lt(text(byte + 1)));
        let other = either(begins.into_iter().map(begin).collect()).map(|begins| begins.and(self.test(column)));
        either(exact.into_iter().chain(other).collect()).unwrap_or_else(|| lit(false))
    }
}

/// Whether a column has one of some addresses, however it is spelled; these are as [`canonical_address`] spells them. Of the
/// index's column, which is sorted, pages can be passed over.
pub(crate) fn is_at(column: &Expr, addresses: &[&str], is_sorted: bool) -> Expr {
    let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
    let wanted = Arc::new(Wanted { addresses, ..Wanted::default() });
    if is_sorted { wanted.test_sorted(column) } else { wanted.test(column) }
}

/// With what spellings of a canonical address begin, but for its own.
fn other_beginnings(address: &str) -> Vec<u8> {
    match parse_address(address) {
        Some(IpAddr::V6(address)) if address.segments()[0] != 0 => {
            let first = format!("{:x}", address.segments()[0]);
            let letter = first.as_bytes()[0];
            // A group can have zeros before its digits.
            let zero = (first.len() < 4).then_some(b'0');
            [letter, letter.to_ascii_uppercase()].into_iter().chain(zero).collect()
        }
        Some(_) => vec![b':', b'0'],
        None => Vec::new(),
    }
}

/// A network of IPv4 addresses as such, where IPv6 only wraps it.
fn plain(network: IpNet) -> IpNet {
    let IpNet::V6(wrapped) = network else { return network };
    let length = wrapped.prefix_len().checked_sub(96);
    let address = wrapped.addr().to_ipv4_mapped();
    let plain = address.zip(length).and_then(|(address, length)| IpNet::new(IpAddr::V4(address), length).ok());
    plain.unwrap_or(network)
}

/// Whether the address in any of some columns is one of those given.
fn ip(table: &Table, columns: &[&'static str], values: &[&str]) -> Result<Option<Condition>> {
    let wanted = Arc::new(Wanted::of(values)?);
    let Some(found) = any(table, columns, |column| Ok(wanted.test(column)))? else { return Ok(None) };
    let fields = found.probe.map(|probe| probe.fields);
    let probe = fields.map(|fields| Probe { fields, test: wanted.test_sorted(&ident("value")) });
    Ok(Some(Condition { probe, ..found }))
}

/// The other end: of a flow of which one end is as `--ip` says, the other one is as `--peer` says; with no `--ip`, either end is.
fn peer(table: &'static Table, peers: &[String], ips: &[String]) -> Result<Option<Filter>> {
    let option = "--peer";
    let value = peers.join(", ");
    let (from, to) = (logs::columns_of(table, Role::Source), logs::columns_of(table, Role::Destination));
    let ends: Vec<&'static str> = if to.is_empty() { Vec::new() } else { from.iter().chain(&to).copied().collect() };
    if ips.is_empty() || to.is_empty() {
        let mut all = Builder { table, fields: Vec::new() };
        all.add_all(option, "", peers, &|values| ip(table, &ends, values))?;
        let probe = all.fields.iter().find_map(|filter| filter.probe.clone());
        let expr = all.fields.into_iter().map(|filter| filter.expr).reduce(Expr::and);
        return Ok(expr.map(|expr| Filter { option, value, column: None, expr, probe }));
    }
    // Whether an end, by its address or that of the packets, is as some values say.
    let is = |columns: &[&'static str], values: &[String]| -> Result<Expr> {
        let (not, any): (Vec<&str>, Vec<&str>) =
            values.iter().map(String::as_str).partition(|value| value.starts_with('!'));
        let not: Vec<&str> = not.into_iter().map(|value| &value[1..]).collect();
        let at =
            |values: &[&str]| anyhow::Ok(ip(table, columns, values)?.map_or_else(|| lit(false), |found| found.expr));
        let mut tests: Vec<Expr> = Vec::new();
        if !any.is_empty() {
            tests.push(at(&any)?);
        }
        if !not.is_empty() {
            tests.push(at(&not)?.is_not_true());
        }
        Ok(tests.into_iter().reduce(Expr::and).unwrap_or_else(|| lit(true)))
    };
    let there = is(&from, ips)?.and(is(&to, peers)?);
    let back = is(&to, ips)?.and(is(&from, peers)?);
    let any: Vec<&str> = peers.iter().map(String::as_str).filter(|value| !value.starts_with('!')).collect();
    let probe = if any.is_empty() { None } else { ip(table, &ends, &any)?.and_then(|found| found.probe) };
    Ok(Some(Filter { option, value, column: None, expr: there.or(back), probe }))
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
    let mut found = vec![any(table, ARNS, arn)?, any(table, NAMES, |column| glob(column, value))?];
    // Whom nothing else names is the service that called, or the account: these are fields of others' records, too.
    let is_last = is_glob(value) || value.contains(".amazonaws.com") || value == "AWS Internal" || is_account(value);
    if is_last && let Some(actor) = resolve(table, "user") {
        let probe = probe(table, vec!["actor"], &ident("value"), |column| glob(column, value))?;
        found.push(Some(Condition { expr: glob(&actor, value)?, probe }));
    }
    // The index has all of them in one kind; its test of ARNs leaves all that the one of names does.
    let found: Vec<Condition> = found.into_iter().flatten().collect();
    let fields = found.iter().filter_map(|condition| condition.probe.as_ref());
    let fields = fields.flat_map(|probe| probe.fields.clone()).collect();
    let probe = probe(table, fields, &ident("value"), arn)?;
    Ok(either(found.into_iter().map(|condition| condition.expr).collect()).map(|expr| Condition { expr, probe }))
}

fn is_account(value: &str) -> bool {
    value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// The access key that signed; in S3 logs it is known of presigned URLs (signature versions 4 and 2).
fn access_key(table: &Table, value: &str) -> Result<Option<Condition>> {
    let Some(column) = resolve(table, "access_key") else { return Ok(None) };
    let field = path(table, "access_key");
    // No key is an empty one; the column itself is looked up faster.
    let plain =
        resolve(table, field).filter(|_| table.name != s3_access::TABLE.name && !is_glob(value) && !value.is_empty());
    let expr = glob(&plain.unwrap_or(column), value)?;
    let probe = probe(table, vec![field], &ident("value"), |value_column| glob(value_column, value))?;
    Ok(Some(Condition { expr, probe }))
}

/// The bucket: a column of S3 logs, a parameter of requests in CloudTrail.
fn bucket(table: &Table, value: &str) -> Result<Option<Condition>> {
    match any(table, &["bucket"], |column| glob(column, value))? {
        Some(found) => Ok(Some(found)),
        None => parameter(table, "bucketName", &[value]),
    }
}

/// What an address of an object names: its bucket and its key.
pub(crate) fn place_in_s3(text: &str) -> Option<(String, String)> {
    let of_arn = || text.strip_prefix("arn:").and_then(|rest| rest.split_once(":s3:::")).map(|(_, place)| place);
    if let Some(place) = text.strip_prefix("s3://").or_else(of_arn) {
        let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
        return Some((bucket.to_owned(), key.to_owned()));
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.split(':').next().unwrap_or_default();
    let name = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let path = decoded(path.split(['?', '#']).next().unwrap_or_default());
    // Of a host the part before `s3` is the bucket: b.s3, b.s3.us-east-1, b.s3-us-west-2, b.s3-website-us-east-1.
    let labels: Vec<&str> = name.split('.').collect();
    let service = labels.iter().rposition(|label| *label == "s3" || label.starts_with("s3-"))?;
    if service > 0 {
        return Some((labels[..service].join("."), path));
    }
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    Some((bucket.to_owned(), key.to_owned()))
}

/// A text with its percent sequences decoded, where they are text.
fn decoded(text: &str) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    let mut found = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1).zip(bytes.get(at + 2)).filter(|_| bytes[at] == b'%');
        if let Some((high, low)) = pair.and_then(|(high, low)| hex(*high).zip(hex(*low))) {
            found.push(high * 16 + low);
            at += 3;
        } else {
            found.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(found).unwrap_or_else(|_| text.to_owned())
}

/// A key as it is, and what it is when it is decoded once and twice: logs encode keys, and encode what was encoded.
fn spellings(key: &str) -> Vec<String> {
    let mut all = vec![key.to_owned()];
    for _ in 0..2 {
        let Some(next) = all.last().filter(|key| key.contains('%')).map(|key| decoded(key)) else { break };
        all.push(next);
    }
    all
}

/// The object's key, in any encoding, or its URL. A column of S3 logs, a parameter of requests in CloudTrail.
fn key(table: &Table, value: &str) -> Result<Option<Condition>> {
    if let Some((bucket, key)) = place_in_s3(value).filter(|(_, key)| !key.is_empty()) {
        let [bucket, key] = [self::bucket(table, &bucket)?, self::key(table, &key)?];
        // Both must hold; the index is asked for the key.
        return Ok(bucket.zip(key).map(|(bucket, key)| Condition { expr: bucket.expr.and(key.expr), ..key }));
    }
    if resolve(table, "key").is_none() {
        let spellings = spellings(value);
        return parameter(table, "key", &spellings.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let glob_matcher = matcher(value)?;
    let test = |column: &Expr| {
        let plain = glob(column, value)?;
        // Of such a key there is one spelling.
        if !is_glob(value) && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./~!()".contains(&byte)) {
            return Ok(plain);
        }
        let (wanted, glob) = (value.to_owned(), glob_matcher.clone());
        let is_it = move |key: &str| {
            let is_it = |key: &String| *key == wanted || glob.as_ref().is_some_and(|glob| glob.is_match(key));
            key.contains('%') && spellings(key)[1..].iter().any(is_it)
        };
        Ok(plain.or(self::test(column, &format!("is_key_{value}"), is_it)))
    };
    let Some(found) = any(table, &["key"], test)? else { return Ok(None) };
    // A key is indexed with its bucket, whose name has no slash.
    let key = substr(ident("value"), strpos(ident("value"), lit("/")) + lit(1));
    let probe = probe(table, vec!["bucket/key"], &key, test)?;
    Ok(Some(Condition { probe, ..found }))
}

/// A parameter of requests in CloudTrail is one of some values.
fn parameter(table: &Table, name: &str, values: &[&str]) -> Result<Option<Condition>> {
    let Some(column) = resolve(table, "request_parameters") else { return Ok(None) };
    let mut exprs = Vec::new();
    for value in values {
        let text = serde_json::to_string(value)?;
        let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&text);
        let text = regex::escape(text).replace(r"\*", "[^\"]*").replace(r"\?", "[^\"]");
        exprs.push(regexp_like(column.clone(), lit(format!("\"{name}\"\\s*:\\s*\"{text}\"")), None));
    }
    Ok(either(exprs).map(|expr| Condition { expr, probe: None }))
}

/// A resource that a record of CloudTrail names, in its parameters or among its resources: by its name or its ARN.
fn resource(table: &Table, value: &str) -> Result<Option<Condition>> {
    let Some(parameters) = resolve(table, "request_parameters") else { return Ok(None) };
    let (wanted, glob) = (value.to_owned(), matcher(value)?);
    let is_it = move |text: &str| {
        let is_it = |text: &str| text == wanted || glob.as_ref().is_some_and(|glob| glob.is_match(text));
        let of_arn = || text.starts_with("arn:") && text.rsplit([':', '/']).next().is_some_and(is_it);
        is_it(text) || of_arn()
    };
    // Only what could name it is parsed.
    let is_plain = !is_glob(value) && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\/".contains(&byte));
    let (part, is_named) = (if is_plain { value.to_owned() } else { String::new() }, is_it.clone());
    let names =
        move |json: &str| json.contains(&part) && serde_json::from_str(json).is_ok_and(|json| names(&json, &is_named));
    let mut exprs = vec![test(&parameters, &format!("names_{value}"), names)];
    for place in 1..=3_i64 {
        let of_place = datafusion::functions_nested::expr_fn::array_element(ident("resources"), lit(place));
        let arn = datafusion::functions::core::expr_fn::get_field(of_place, "arn");
        exprs.push(test(&arn, &format!("is_resource_{value}"), is_it.clone()));
    }
    Ok(either(exprs).map(|expr| Condition { expr, probe: None }))
}

/// Whether a text in a JSON value is as `is_it` says.
fn names(json: &serde_json::Value, is_it: &impl Fn(&str) -> bool) -> bool {
    match json {
        serde_json::Value::String(text) => is_it(text),
        serde_json::Value::Array(values) => values.iter().any(|value| names(value, is_it)),
        serde_json::Value::Object(fields) => fields.values().any(|value| names(value, is_it)),
        _ => false,
    }
}

/// Why a record failed: its error code, or what else says that it did; a rejected flow has the error REJECT.
fn error(table: &Table, value: &str) -> Result<Option<Condition>> {
    let Some(action) = resolve(table, "action") else { return cloudtrail_error(table, value) };
    let expr = action.clone().eq(lit("REJECT")).and(glob(&action, value)?);
    Ok(Some(Condition { expr, probe: None }))
}

fn cloudtrail_error(table: &Table, value: &str) -> Result<Option<Condition>> {
    if table.name != cloudtrail::TABLE.name {
        return field(table, "error", &[value]);
    }
    const FAILURE: &str = "Failure";
    // What only the response tells is read only if that is asked for.
    let (told, silent): (Vec<&Source>, Vec<&Source>) =
        cloudtrail::ERROR.iter().partition(|source| source.only.is_empty());
    let test = |column: &Expr| glob(column, value);
    let Some((code, others)) = told.split_first() else { return Ok(None) };
    let Some(code) = resolve(table, code.column) else { return Ok(None) };
    let mut exprs = vec![test(&code)?.and(code.clone().not_eq(lit("")))];
    if let Some(other) = logs::first(table, others.iter().copied()) {
        exprs.push(code.clone().is_null().or(code.eq(lit(""))).and(test(&other)?));
    }
    let is_failure = value == FAILURE || matcher(value)?.is_some_and(|glob| glob.is_match(FAILURE));
    if is_failure {
        let said = silent.iter().filter_map(|source| logs::first(table, [*source]));
        exprs.extend(said.map(Expr::is_not_null));
    }
    // The index has the first of them, whatever it is.
    let is_any = value.bytes().all(|byte| byte == b'*') && !value.is_empty();
    let probe = if is_failure && !is_any { None } else { probe(table, vec!["error"], &ident("value"), test)? };
    Ok(either(exprs).map(|expr| Condition { expr, probe }))
}

/// What became of a flow.
fn action(table: &Table, value: &str) -> Result<Option<Condition>> {
    any(table, &["action"], |column| glob(column, &value.to_uppercase()))
}

/// The caller's account or the one that got the record; of S3 logs the requester's, or the owner's canonical id.
fn account(table: &Table, value: &str) -> Result<Option<Condition>> {
    const AT: &[&str] = &["account", "user_identity.account_id"];
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

/// The port at an end.
fn port(table: &Table, ends: &[Role], value: &str) -> Result<Option<Condition>> {
    let ends: Vec<&'static str> = ends.iter().flat_map(|end| logs::columns_of(table, *end)).collect();
    let number: u16 = value.parse().ok().context("is not a port: a number up to 65535")?;
    let found = any(table, &ends, |column| Ok(column.clone().eq(lit(i32::from(number)))))?;
    let Some(found) = found else { return Ok(None) };
    let is = |value: &Expr| Ok(value.clone().eq(lit(number.to_string())));
    let probe = probe(table, ends, &ident("value"), is)?;
    Ok(Some(Condition { probe, ..found }))
}

/// What `--where` asks for: of each field the values, with `!` before those that it must not have.
fn wheres(given: &[String]) -> Result<Vec<(String, Vec<String>)>> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for text in given {
        let wrong = |reason: String| bad("--where", text, &anyhow::anyhow!(reason));
        let (rest, turned) = text.strip_prefix('!').map_or((text.as_str(), false), |rest| (rest, true));
        let Some((path, value)) = rest.split_once('=') else {
            return Err(wrong("write FIELD=VALUE or FIELD!=VALUE, such as request_parameters.userName=ann".to_owned()));
        };
        let (path, not) = path.strip_suffix('!').map_or((path, false), |path| (path, true));
        let (path, not) = (path.trim(), not != turned);
        let tables: Vec<&Table> = sawlog_formats::FORMATS.iter().map(|format| format.table).collect();
        if tables.iter().all(|table| resolve(table, path).is_none()) {
            let error = logs::no_column::<()>(&tables, path).err().map(|error| error.to_string());
            return Err(wrong(error.unwrap_or_default()));
        }
        let value = format!("{}{value}", if not { "!" } else { "" });
        match all.iter_mut().find(|(known, _)| known == path) {
            Some((_, values)) => values.push(value),
            None => all.push((path.to_owned(), vec![value])),
        }
    }
    Ok(all)
}

/// Whether a field is a value, as text, or matches it.
fn condition(table: &Table, path: &str, value: &str) -> Result<Option<Condition>> {
    let Some(column) = resolve(table, path) else { return Ok(None) };
    let own = table.columns.iter().find(|column| column.name == logs::path(table, path));
    let column = match own.map(|column| column.kind) {
        Some(Kind::List(_)) => bail!("is a list, which has no one value"),
        Some(Kind::Struct(_)) => bail!("is a group of fields: name one of them"),
        Some(Kind::Text) => column,
        _ => datafusion::prelude::cast(column, DataType::Utf8View),
    };
    Ok(Some(Condition { expr: glob(&column, value)?, probe: None }))
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
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
        let filter = Filters::new(&s3_access::TABLE, args, &Clock::default()).unwrap().expr().unwrap();
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
