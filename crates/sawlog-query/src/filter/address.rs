//! Addresses: `ip`, `src`, `dst` and `peer`.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use datafusion::logical_expr::{Expr, ident, lit};
use foldhash::quality::RandomState;
use globset::GlobMatcher;
use ipnet::IpNet;
use sawlog_formats::{Role, Table, canonical_address, parse_address, split_port};

use super::condition::{Condition, Probe, any, either};
use super::glob::{is_glob, matcher};
use super::log_filters::{Builder, FieldFilter};
use crate::logs;
use crate::texts::test;

/// Addresses that are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// By their canonical spelling.
    addresses: HashSet<String, RandomState>,
    networks: Vec<IpNet>,
    /// Names of AWS services and other texts that logs have in place of addresses.
    services: Vec<String>,
    globs: Vec<(String, Option<GlobMatcher>)>,
}

impl Wanted {
    pub(super) fn of(values: &[&str]) -> Result<Self> {
        let mut wanted = Self::default();
        for value in values {
            if value.contains('/') {
                let network: IpNet = value.parse().context("is not a network such as 10.0.0.0/8")?;
                wanted.networks.push(plain(network).trunc());
            } else if value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(is_address) {
                // Some logs have such an address in brackets, which is not an address then.
                wanted.services.push((*value).to_owned());
            } else if is_glob(value) {
                wanted.globs.push(((*value).to_owned(), matcher(value)));
            } else if parse_address(value).is_some() {
                wanted.addresses.insert(canonical_address(value).into_owned());
            } else {
                ensure!(!value.contains(','), "has a comma: give each address by itself");
                ensure!(
                    value.ends_with(".amazonaws.com") || *value == "AWS Internal",
                    "is neither an address nor a network such as 10.0.0.0/8; use a glob such as *.amazonaws.com to match other text"
                );
                wanted.services.push((*value).to_owned());
            }
        }
        Ok(wanted)
    }

    /// Whether an address is one of them, in any spelling.
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

    /// A name for the engine, which treats tests of one name as equal.
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

    /// The same over a sorted column, written so that pages can be skipped.
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

fn is_address(text: &str) -> bool {
    parse_address(text).is_some()
}

/// Whether a column has one of some addresses, in any spelling; the addresses are as [`canonical_address`] spells
/// them. In the index's column, which is sorted, pages can be skipped.
pub(crate) fn is_at(column: &Expr, addresses: &[&str], is_sorted: bool) -> Expr {
    let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
    let wanted = Arc::new(Wanted { addresses, ..Wanted::default() });
    if is_sorted { wanted.test_sorted(column) } else { wanted.test(column) }
}

/// Prefixes of the other spellings of a canonical address.
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

/// A network of IPv4 addresses, if an IPv6 network only wraps one.
fn plain(network: IpNet) -> IpNet {
    let IpNet::V6(wrapped) = network else { return network };
    let length = wrapped.prefix_len().checked_sub(96);
    let address = wrapped.addr().to_ipv4_mapped();
    let plain = address.zip(length).and_then(|(address, length)| IpNet::new(IpAddr::V4(address), length).ok());
    plain.unwrap_or(network)
}

/// Whether the address in any of some columns is one of those given.
pub(super) fn ip(table: &Table, columns: &[&'static str], values: &[&str]) -> Result<Option<Condition>> {
    let wanted = Arc::new(Wanted::of(values)?);
    let Some(found) = any(table, columns, |column| wanted.test(column)) else { return Ok(None) };
    let fields = found.probe.map(|probe| probe.fields);
    let probe = fields.map(|fields| Probe { fields, test: wanted.test_sorted(&ident("value")) });
    Ok(Some(Condition { probe, ..found }))
}

/// Whether an address is in a record as `ip` says; with a port, whether it is there with this port.
pub(super) fn end(table: &Table, value: &str) -> Result<Option<Condition>> {
    let columns = logs::fields(table, Role::Address);
    if let Some((address, port)) = split_port(value) {
        let at = |end: Role, port_of: Role| -> Result<Option<Condition>> {
            let Some(number) = logs::field(table, port_of).map(ident) else { return Ok(None) };
            let ends: Vec<&str> = logs::fields(table, end).into_iter().filter(|end| columns.contains(end)).collect();
            let found = ip(table, &ends, &[address])?;
            Ok(found.map(|found| Condition { expr: found.expr.and(number.eq(lit(i32::from(port)))), ..found }))
        };
        let ends = [at(Role::Source, Role::SourcePort)?, at(Role::Destination, Role::DestinationPort)?];
        return Ok(Condition::any(ends.into_iter().flatten().collect()));
    }
    ip(table, &columns, &[value])
}

/// The other end: flows with one end that matches `ip`, and the other that matches `peer`; without `ip`, either end
/// matches.
pub(super) fn peer(table: &'static Table, peers: &[String], ips: &[String]) -> Result<Option<FieldFilter>> {
    let name = "peer";
    let value = peers.join(", ");
    let (from, to) = (logs::fields(table, Role::Source), logs::fields(table, Role::Destination));
    let ends: Vec<&str> = if to.is_empty() { Vec::new() } else { from.iter().chain(&to).copied().collect() };
    if ips.is_empty() || to.is_empty() {
        let mut all = Builder { table, fields: Vec::new() };
        all.add_all(name, "", peers, &|values| ip(table, &ends, values))?;
        let probe = all.fields.iter().find_map(|filter| filter.probe.clone());
        let expr = all.fields.into_iter().map(|filter| filter.expr).reduce(Expr::and);
        return Ok(expr.map(|expr| FieldFilter { name, value, column: None, expr, probe }));
    }
    // Whether an end matches some values, by its own address or the packets'.
    let is = |end: &[&'static str], values: &[String]| -> Result<Expr> {
        let (not, any): (Vec<&str>, Vec<&str>) =
            values.iter().map(String::as_str).partition(|value| value.starts_with('!'));
        let not: Vec<&str> = not.into_iter().map(|value| &value[1..]).collect();
        let at = |values: &[&str]| anyhow::Ok(ip(table, end, values)?.map_or_else(|| lit(false), |found| found.expr));
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
    Ok(Some(FieldFilter { name, value, column: None, expr: there.or(back), probe }))
}
