//! What kind of thing an entity is: guessed from its form, else from the index.

use anyhow::Result;
use ipnet::IpNet;
use sawlog_formats::{canonical_address, parse_address, split_port, with_port};

use crate::filter::{Filters, place_in_s3};
use crate::parallel::each;
use crate::query::Query;

/// A kind of entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An address or network.
    Ip,
    /// A user, role or service: its ARN, name or id.
    Principal,
    /// An access key.
    AccessKey,
    /// A user agent.
    UserAgent,
    /// An S3 operation or API action.
    Operation,
    /// A bucket.
    Bucket,
    /// An object: bucket/key.
    Object,
    /// The host that a request names.
    Host,
    /// A URL.
    Url,
    /// An account number or canonical id.
    Account,
    /// A region.
    Region,
    /// A service, such as iam.amazonaws.com.
    EventSource,
    /// An error code.
    Error,
    /// A network interface.
    Interface,
    /// A port.
    Port,
    /// A resource that API calls name in their parameters.
    Resource,
}

/// An entity's kind, the value to look for, and what else it could be.
#[derive(Clone, Debug)]
pub(crate) struct Guess {
    pub(crate) kind: Kind,
    pub(crate) value: String,
    /// The port that stands beside an address.
    pub(crate) port: Option<u16>,
    pub(crate) also: Vec<Kind>,
}

impl Guess {
    /// An entity of a kind that is certain.
    pub(crate) fn of(kind: Kind, entity: &str) -> Self {
        let (entity, port) = match split_port(entity).filter(|_| kind == Kind::Ip) {
            Some((address, port)) => (address, Some(port)),
            None => (entity, None),
        };
        Self { kind, value: kind.value(entity), port, also: Vec::new() }
    }

    /// Filters that select the records with the entity, among those that other filters select.
    pub(crate) fn filters(&self, others: &Filters) -> Filters {
        let value = self.port.map(|port| with_port(&self.value, port.into()));
        self.kind.filters(value.as_ref().unwrap_or(&self.value), others)
    }
}

impl Kind {
    /// Its name, as in the index.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Principal => "principal",
            Self::AccessKey => "access_key",
            Self::UserAgent => "user_agent",
            Self::Operation => "operation",
            Self::Bucket => "bucket",
            Self::Object => "object",
            Self::Host => "host",
            Self::Url => "url",
            Self::Account => "account",
            Self::Region => "region",
            Self::EventSource => "event_source",
            Self::Error => "error",
            Self::Interface => "interface",
            Self::Port => "port",
            Self::Resource => "resource",
        }
    }

    /// The entity as logs write it; buckets and objects without the beginning of an ARN or URL.
    pub(crate) fn value(self, entity: &str) -> String {
        match self {
            Self::Bucket | Self::Object => match place_in_s3(entity) {
                Some((bucket, key)) if key.is_empty() => bucket,
                Some((bucket, key)) => format!("{bucket}/{key}"),
                None => entity.to_owned(),
            },
            Self::Ip => canonical_address(entity).into_owned(),
            _ => entity.to_owned(),
        }
    }

    /// Filters that select the records with the entity, among those that other filters select.
    pub(crate) fn filters(self, value: &str, others: &Filters) -> Filters {
        let mut filters = others.clone();
        let value = value.to_owned();
        let list = match self {
            Self::Ip => &mut filters.end,
            Self::Principal => &mut filters.user,
            Self::AccessKey => &mut filters.access_key,
            Self::UserAgent => &mut filters.agent,
            Self::Operation => &mut filters.operation,
            Self::Bucket => &mut filters.bucket,
            Self::Object => {
                let (bucket, key) = value.split_once('/').unwrap_or((&value, "*"));
                filters.bucket.push(bucket.to_owned());
                filters.key.push(key.to_owned());
                return filters;
            }
            Self::Host | Self::Url => {
                filters.condition.push(format!("{}={value}", self.name()));
                return filters;
            }
            Self::Account => &mut filters.account,
            Self::Region => &mut filters.region,
            Self::EventSource => &mut filters.service,
            Self::Error => &mut filters.error,
            Self::Interface => &mut filters.interface,
            Self::Port => &mut filters.port,
            Self::Resource => &mut filters.resource,
        };
        list.push(value);
        filters
    }
}

/// Tells the kind by the form.
fn by_form(entity: &str) -> Option<Kind> {
    let all = |text: &str, of: fn(&char) -> bool| !text.is_empty() && text.chars().all(|char| of(&char));
    let key_like = entity.len() >= 16 && all(entity, |char| char.is_ascii_uppercase() || char.is_ascii_digit());
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| entity.starts_with(prefix));
    let is_address = parse_address(entity).is_some() || split_port(entity).is_some();
    if is_address || entity.parse::<IpNet>().is_ok() || is_glob_of_addresses(entity) {
        return Some(Kind::Ip);
    }
    if let Some((_, key)) = place_in_s3(entity) {
        return Some(if key.is_empty() { Kind::Bucket } else { Kind::Object });
    }
    if begins(&["http://", "https://"]) {
        return Some(Kind::Url);
    }
    // The prefixes of unique ids: IAM user guide, "IAM identifiers".
    match entity {
        _ if begins(&["arn:"]) => Some(Kind::Principal),
        _ if key_like && begins(&["AKIA", "ASIA", "ABIA", "ACCA"]) => Some(Kind::AccessKey),
        _ if key_like && begins(&["AIDA", "AROA", "AGPA", "ANPA"]) => Some(Kind::Principal),
        _ if all(entity, char::is_ascii_digit) && entity.len() == 12 => Some(Kind::Account),
        _ if all(entity, char::is_ascii_digit) && entity.parse::<u16>().is_ok() => Some(Kind::Port),
        _ if all(entity, char::is_ascii_hexdigit) && entity.len() == 64 => Some(Kind::Account),
        _ if begins(&["eni-"]) => Some(Kind::Interface),
        _ if begins(&["REST.", "SOAP.", "BATCH.", "WEBSITE.", "S3."]) => Some(Kind::Operation),
        _ => None,
    }
}

/// Whether a text is a pattern such as `198.51.100.*`: parts of an address and nothing else.
fn is_glob_of_addresses(text: &str) -> bool {
    let (dots, colons) = (text.matches('.').count(), text.matches(':').count());
    let is_part = |char: char| if colons > 0 { char.is_ascii_hexdigit() } else { char.is_ascii_digit() };
    let is_wild = |char: char| matches!(char, '*' | '?');
    // A name with one colon, such as ec2:*, is an action.
    let is_long = colons != 1 || text.starts_with(|char: char| char.is_ascii_digit());
    is_long
        && text.contains(is_wild)
        && text.contains(is_part)
        && (1..=3).contains(&dots) != (1..=7).contains(&colons)
        && text.chars().all(|char| is_part(char) || is_wild(char) || matches!(char, '.' | ':'))
}

/// Tells what an entity is.
pub(crate) fn guess(queries: &[Query], entity: &str) -> Result<Guess> {
    let Some(kind) = by_form(entity) else { return by_records(queries, entity) };
    let mut guess = Guess::of(kind, entity);
    // A status of HTTP looks like a port.
    if kind == Kind::Port && count_known(queries, Kind::Error, entity)?.0 > 0 {
        guess.also.push(Kind::Error);
    }
    Ok(guess)
}

/// What else an entity is that is not seen as what its form says; `None` if it is nothing else.
pub(crate) fn guess_again(queries: &[Query], guess: &Guess, entity: &str) -> Result<Option<Guess>> {
    // Other forms are certain. A key that never signed can still have been issued.
    let is_doubtful = matches!(guess.kind, Kind::Port | Kind::Account | Kind::Interface | Kind::Operation);
    if !is_doubtful || by_form(entity).is_none() {
        return Ok(None);
    }
    let other = by_records(queries, entity)?;
    let is_seen = count_any(&Query::narrowed(queries, &other.filters(&Filters::default()))?)? > 0;
    Ok(Some(other).filter(|_| is_seen))
}

/// How many records have an entity of a kind, by the index; and the logs whose records have to be looked at to know.
fn count_known(queries: &[Query], kind: Kind, entity: &str) -> Result<(u64, Vec<Query>)> {
    let (mut records, mut unknown) = (0, Vec::new());
    for query in Query::with_filters(queries, &kind.filters(entity, &Filters::default()))? {
        match query.known_records()? {
            Some(known) => records += known,
            None => unknown.push(query),
        }
    }
    Ok((records, unknown))
}

/// Tells what an entity is by the records that have it.
fn by_records(queries: &[Query], entity: &str) -> Result<Guess> {
    // A service calls, too.
    const SERVICE: &[Kind] = &[Kind::EventSource, Kind::Principal];
    const MAYBE: &[Kind] = &[
        Kind::Principal,
        Kind::Bucket,
        Kind::Object,
        Kind::Operation,
        Kind::UserAgent,
        Kind::Error,
        Kind::Region,
        Kind::Host,
    ];
    let is_service = entity.ends_with(".amazonaws.com") && !entity.contains('/');
    let maybe = if is_service { SERVICE } else { MAYBE };
    let maybe = maybe.iter().copied().filter(|kind| *kind != Kind::Object || entity.contains('/'));
    let mut found = each(maybe, |kind| {
        let (records, unknown) = count_known(queries, kind, entity)?;
        Ok((records, kind, unknown))
    })?;
    // Logs are scanned only for values that the index does not know.
    if found.iter().all(|(records, ..)| *records == 0) {
        found = each(found, |(_, kind, unknown)| Ok((count_any(&unknown)?, kind, Vec::new())))?;
    }
    if found.iter().all(|(records, ..)| *records == 0)
        && !is_service
        && let Some(guess) = elsewhere(queries, entity)?
    {
        return Ok(guess);
    }
    found.retain(|(records, ..)| *records > 0);
    found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut kinds = found.into_iter().map(|(_, kind, _)| kind);
    let by_looks = if is_service {
        Kind::EventSource
    } else if entity.contains(' ') {
        Kind::UserAgent
    } else if entity.contains('/') {
        Kind::Object
    } else {
        Kind::Principal
    };
    let kind = kinds.next().unwrap_or(by_looks);
    Ok(Guess { also: kinds.collect(), ..Guess::of(kind, entity) })
}

/// How many of some queries match any record.
fn count_any(queries: &[Query]) -> Result<u64> {
    queries.iter().map(|query| query.leaves_any().map(u64::from)).sum()
}

/// What an entity is that no indexed field has: a key in any bucket, or a resource in the parameters of API calls.
fn elsewhere(queries: &[Query], entity: &str) -> Result<Option<Guess>> {
    for (kind, value) in [(Kind::Object, format!("*/{entity}")), (Kind::Resource, entity.to_owned())] {
        if count_any(&Query::narrowed(queries, &kind.filters(&value, &Filters::default()))?)? > 0 {
            return Ok(Some(Guess::of(kind, &value)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_tell_kinds() {
        for (entity, kind) in [
            ("3.238.12.183", Some(Kind::Ip)),
            ("10.0.0.0/8", Some(Kind::Ip)),
            ("2001:db8::1", Some(Kind::Ip)),
            ("192.0.2.1:22", Some(Kind::Ip)),
            ("[2001:db8::1]:22", Some(Kind::Ip)),
            ("AKIA2XZJOZFGY5YQZCZ4", Some(Kind::AccessKey)),
            ("AIDACKCEVSQ6C2EXAMPLE", Some(Kind::Principal)),
            ("arn:aws:iam::1:user/ann", Some(Kind::Principal)),
            ("arn:aws:s3:::b", Some(Kind::Bucket)),
            ("s3://b/k", Some(Kind::Object)),
            ("123456789012", Some(Kind::Account)),
            ("443", Some(Kind::Port)),
            ("eni-0123", Some(Kind::Interface)),
            ("iam.amazonaws.com", None),
            ("https://b.s3.amazonaws.com/k%20l", Some(Kind::Object)),
            ("https://www.example.com:443/login", Some(Kind::Url)),
            ("FE80::1%eth0", Some(Kind::Ip)),
            ("REST.GET.OBJECT", Some(Kind::Operation)),
            ("jmerckle", None),
            ("Boto3/*", None),
            ("198.51.100.*", Some(Kind::Ip)),
            ("10.*", Some(Kind::Ip)),
            ("192.0.2.1?", Some(Kind::Ip)),
            ("2001:db8:*", Some(Kind::Ip)),
            ("*.amazonaws.com", None),
            ("*:*", None),
            ("1*", None),
            ("ec2:*", None),
            ("2001:*", Some(Kind::Ip)),
            ("v1.2.*", None),
        ] {
            assert_eq!(by_form(entity), kind, "{entity}");
        }
        for (entity, value) in [
            ("arn:aws:s3:::b/k", "b/k"),
            ("s3://b/k/l", "b/k/l"),
            ("https://b.s3.us-east-1.amazonaws.com/k%20l?x=1", "b/k l"),
            ("https://s3-us-west-2.amazonaws.com/b/k", "b/k"),
            ("https://a.b.s3.amazonaws.com/k", "a.b/k"),
        ] {
            assert_eq!(Kind::Object.value(entity), value);
        }
        assert_eq!(Kind::Ip.value("2001:DB8:0::1"), "2001:db8::1");
    }
}
