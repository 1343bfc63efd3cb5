//! `sawq who`: what the logs know about one entity, on one screen.
#![expect(clippy::doc_markdown, reason = "help is shown as it is written")]

mod bars;
mod json;
mod screen;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use sawlog_query::who::Kind;

use super::Context;
use super::context::print;
use crate::geo::Geo;
use crate::options::Format;
use crate::options::choices::{self, Choice};

pub(super) const HELP: &str = "\
Examples:
  sawq who 3.238.12.183
  sawq who jmerckle -n 0                        whole lists
  sawq who 10.20.4.17:22                        an address with a port; [2001:db8::a]:22
  sawq who falsimentis-eng/README-RANSOM.txt
  sawq who '198.51.100.*' --since 2021-07-29
  sawq who AKIAIOSFODNN7EXAMPLE --json

The entity may be a network or a glob (* ? [..]).
An address's records are those of --ip. Requests that a load balancer sent to it are counted by
themselves; 'sawq find --dst ADDRESS' shows them.
--json has everything; CSV and the like have all lists in one table.";

/// The kinds of entities.
const KINDS: &[Choice<Kind>] = &[
    (&["ip"], Kind::Ip, "An address or network"),
    (&["principal"], Kind::Principal, "A user, role or service: its ARN, name or id"),
    (&["access-key"], Kind::AccessKey, "An access key"),
    (&["user-agent", "agent"], Kind::UserAgent, "A user agent"),
    (&["operation"], Kind::Operation, "An S3 operation or API action"),
    (&["bucket"], Kind::Bucket, "A bucket"),
    (&["object"], Kind::Object, "An object: bucket/key"),
    (&["host"], Kind::Host, "The host that a request names"),
    (&["url"], Kind::Url, "A URL"),
    (&["account"], Kind::Account, "An account number or canonical id"),
    (&["region"], Kind::Region, "A region"),
    (&["event-source", "service"], Kind::EventSource, "A service, such as iam.amazonaws.com"),
    (&["error"], Kind::Error, "An error code"),
    (&["interface"], Kind::Interface, "A network interface"),
    (&["port"], Kind::Port, "A port"),
    (&["resource"], Kind::Resource, "A resource that API calls name in their parameters"),
];

/// An entity as it is given: any text that is not empty.
pub(super) fn entity(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("is empty") } else { Ok(text.to_owned()) }
}

/// Who `who` is about.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// The entity: 3.238.12.183, AKIA…, jmerckle, arn:…, 'Boto3/*', bucket/key
    #[arg(value_parser = entity)]
    entity: String,
    /// The kind of entity [default: guessed from its form and the index]
    #[arg(long, value_parser = choices::parser(KINDS))]
    kind: Option<Kind>,
    /// Show up to N values in each list; 0 for all
    #[arg(short = 'n', long, default_value_t = 5, value_name = "N")]
    number: usize,
    /// Add the country and network of addresses, from the MaxMind databases (*.mmdb) in this folder
    #[arg(long, value_name = "DIR")]
    geoip: Option<PathBuf>,
}

impl Who {
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        let target = context.target()?;
        // The index is asked about the entity itself, without the filters.
        let all = context.all()?;
        let geo = self.geoip.as_deref().map(Geo::open).transpose()?;
        let (records, profile) = all.who(context.filters, &self.entity, self.kind)?;
        let profile = if let Some(geo) = &geo { profile.located(|address| geo.place(address)) } else { profile };
        match target.format {
            None => screen::print(&profile, self.number, target.layout(), &mut target.open()?)?,
            Some(Format::Json) => json::print(&profile, &mut target.open()?)?,
            Some(_) => print(&profile.table()?, &target)?,
        }
        context.finish(&target, &records, profile.records > 0 || !profile.as_target.is_empty())
    }
}
