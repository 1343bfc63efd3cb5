//! Access logs of Application Load Balancers: one request per line, fields separated by blanks.
//!
//! The fields are from the user guide for Application Load Balancers, "Access logs for your Application Load
//! Balancer", and the names of columns from the Amazon Athena user guide, "Create the table for ALB access logs".
//! Lines of 2016 have 18 fields; more were added at the end over the years.

mod named;

use crate::entity::{Bytes, Entity, EntityKind, Failed, Measures, Part, Received, Source};
use crate::format::{Format, Framing};
use crate::line_log::{self, Decoder, Field, LineLog, LinePrinter};
use crate::role::{Changes, Role, Value};
use crate::table::{Column, Table};

/// The format.
pub const FORMAT: Format = Format {
    table: &TABLE,
    record: "line of an ALB access log",
    framing: Framing::Lines,
    detect,
    decoder: |columns| Box::new(Decoder::new(&LOG, columns)),
    printed: || TABLE.printed_columns(),
    printer: |batch| Ok(Box::new(LinePrinter::new(&LOG, batch)?)),
    skim: |_, _| {},
    ends_block: |_| true,
    delivered_as: &["elasticloadbalancing"],
    inside: named::INSIDE,
    roles: ROLES,
    entities: &[
        Entity::new(EntityKind::Ip, "client_ip"),
        Entity::new(EntityKind::Ip, "target_ip"),
        Entity { unbounded: true, ..Entity::new(EntityKind::Port, "client_port") },
        Entity { unbounded: true, ..Entity::new(EntityKind::Port, "target_port") },
        Entity::new(EntityKind::Operation, "request_verb"),
        Entity { unbounded: true, ..Entity::new(EntityKind::Url, "request_url") },
        Entity { part: Part::First(HOST), ..Entity::new(EntityKind::Host, "host") },
        Entity { part: Part::First(ERROR), ..Entity::new(EntityKind::Error, "error") },
        Entity::new(EntityKind::Status, "elb_status_code"),
        Entity::new(EntityKind::Status, "target_status_code"),
        Entity::new(EntityKind::UserAgent, "user_agent"),
        Entity { part: Part::First(REGION), ..Entity::new(EntityKind::Region, "region") },
        Entity { part: Part::First(ACCOUNT), ..Entity::new(EntityKind::Account, "account") },
    ],
    index_version: 1,
    measures: Measures {
        bytes: Some(Bytes::Sent("sent_bytes")),
        received: Some(Received { column: "received_bytes", by: None }),
        failed: &[Failed::Present("error_reason"), Failed::AtLeast("elb_status_code", 400)],
        succeeded: None,
        changes: Changes::Begins("request_verb", &["POST", "PUT", "PATCH", "DELETE"], &[]),
        standing: &[],
    },
    subject: None,
    event_id: None,
    issuing: None,
};

/// The log, for the engine of line logs.
static LOG: LineLog = LineLog { table: &TABLE, fields: FIELDS, least: 17 };

/// What the fields mean. The method is the operation: password guessing shows as `POST` with 401.
const ROLES: &[(Role, Value)] = &[
    (Role::Address, Value::Field("client_ip")),
    (Role::Source, Value::Field("client_ip")),
    (Role::Destination, Value::Field("target_ip")),
    (Role::SourcePort, Value::Field("client_port")),
    (Role::DestinationPort, Value::Field("target_port")),
    (Role::UserAgent, Value::Field("user_agent")),
    (Role::Operation, Value::Field("request_verb")),
    (Role::Target, Value::Field("request_url")),
    (Role::Host, Value::Field("host")),
    (Role::Url, Value::Field("request_url")),
    (Role::Error, Value::Field("error")),
    (Role::Status, Value::Field("elb_status_code")),
    (Role::Service, Value::Constant("elasticloadbalancing.amazonaws.com")),
    (Role::Region, Value::Field("region")),
    (Role::Account, Value::Field("account")),
];

/// Why a request failed: the reason that the load balancer gives, else the status.
const ERROR: &[Source] = &[Source::text("error_reason"), Source::within("elb_status_code", failed_status)];

/// The host that was asked for, without its port: from the URL of the request, else from the TLS handshake.
const HOST: &[Source] = &[Source::within("request_url", host), Source::text("domain_name")];

/// The region and account of the load balancer, from the ARNs of its target group and its certificate.
const REGION: &[Source] = &[Source::within("target_group_arn", region), Source::within("chosen_cert_arn", region)];
const ACCOUNT: &[Source] = &[Source::within("target_group_arn", account), Source::within("chosen_cert_arn", account)];

/// A status that says that the request failed.
fn failed_status(status: &str) -> Option<&str> {
    Some(status).filter(|status| status.parse::<i32>().is_ok_and(|status| status >= 400))
}

/// The host in a URL, without its port.
///
/// ```
/// use sawlog_formats::alb_access::host;
/// assert_eq!(host("https://www.example.com:443/login?a=b"), Some("www.example.com"));
/// assert_eq!(host("http://[2001:db8::1]:80/"), Some("2001:db8::1"));
/// assert_eq!(host("/login"), None);
/// ```
#[must_use]
pub fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    Some(host).filter(|host| !host.is_empty())
}

/// The region in an ARN.
fn region(arn: &str) -> Option<&str> {
    arn_part(arn, 3)
}

/// The account in an ARN.
fn account(arn: &str) -> Option<&str> {
    arn_part(arn, 4)
}

fn arn_part(arn: &str, place: usize) -> Option<&str> {
    let mut parts = arn.split(':');
    parts.next().filter(|first| *first == "arn")?;
    parts.nth(place - 1).filter(|part| !part.is_empty())
}

/// The table of requests.
pub const TABLE: Table = Table {
    name: "alb_access",
    doc: "Application Load Balancer access logs: a row for each request",
    columns: &COLUMNS,
    times: &["time"],
};

const COLUMNS: [Column; line_log::count(FIELDS)] = line_log::columns(FIELDS);

const FIELDS: &[Field] = &[
    Field::label(Column::text("type", "http, https, h2, grpcs, ws or wss")),
    Field::new(Column::time("time", "When the response was made, or a WebSocket was closed, UTC").skip_files()),
    Field::new(Column::text("elb", "The load balancer: app/name/id")),
    Field::endpoint(
        Column::text("client_ip", "The address of the client, or of a proxy in front of the load balancer").lookup(),
        Column::int32("client_port", "The client's port"),
    ),
    Field::endpoint(
        Column::text("target_ip", "The target's address; null if no target was chosen, and for Lambda functions")
            .lookup(),
        Column::int32("target_port", "The target's port"),
    ),
    Field::seconds(3, "request_processing_time", "Seconds until the request was sent to a target; null for -1"),
    Field::seconds(3, "target_processing_time", "Seconds until the target began to answer; null for -1"),
    Field::seconds(3, "response_processing_time", "Seconds until the response was sent to the client; null for -1"),
    Field::new(Column::int32("elb_status_code", "The status of the load balancer's response")),
    Field::new(Column::int32("target_status_code", "The status of the target's response")),
    Field::new(Column::int64("received_bytes", "Bytes of the request, with its headers")),
    Field::new(Column::int64("sent_bytes", "Bytes of the response, with its headers")),
    Field::request(
        Column::text("request_verb", "The HTTP method; null if the request was malformed"),
        Column::text("request_url", "The URL: protocol://host:port/path?query").lookup(),
        Column::text("request_proto", "The HTTP version"),
    ),
    Field::new(Column::text("user_agent", "The User-Agent header; the log has up to 8 KB of it")).quoted(),
    Field::new(Column::text("ssl_cipher", "The TLS cipher; null for plain HTTP")),
    Field::new(Column::text("ssl_protocol", "The TLS version; null for plain HTTP")),
    Field::new(Column::text("target_group_arn", "ARN of the target group")),
    Field::new(Column::text("trace_id", "The X-Amzn-Trace-Id header").plain().lookup()).quoted(),
    Field::new(Column::text("domain_name", "The host that the client named in the TLS handshake (SNI)")).quoted(),
    Field::new(Column::text("chosen_cert_arn", "ARN of the certificate, or session-reused")).quoted(),
    Field::signed(Column::int32("matched_rule_priority", "The rule that matched; 0 is the default one, -1 an error")),
    Field::new(Column::time("request_creation_time", "When the request was received, UTC")),
    Field::new(Column::text(
        "actions_executed",
        "What was done, in order: waf, authenticate, forward, redirect and more",
    ))
    .quoted(),
    Field::new(Column::text("redirect_url", "Where the client was sent")).quoted(),
    Field::new(Column::text("error_reason", "Why authentication or a Lambda function failed, as a code")).quoted(),
    Field::new(Column::text("target_port_list", "Addresses and ports of the targets, separated by spaces")).quoted(),
    Field::new(Column::text("target_status_code_list", "The statuses of their responses, separated by spaces"))
        .quoted(),
    Field::new(Column::text("classification", "What the request is by RFC 7230: Acceptable, Ambiguous or Severe"))
        .quoted(),
    Field::new(Column::text("classification_reason", "Why, as a code")).quoted(),
    Field::new(Column::text("conn_trace_id", "The connection's id, as in connection logs").lookup()),
    Field::new(Column::text("transformed_host", "The Host header as it was rewritten")).quoted(),
    Field::new(Column::text("transformed_uri", "The URI as it was rewritten")).quoted(),
    Field::new(Column::text("request_transform_status", "TransformSuccess, or why the request was not rewritten"))
        .quoted(),
    Field::new(Column::text("ip_address", "The address of the load balancer's node")),
];

/// Whether `head`, the beginning of a file, looks like an access log of an Application Load Balancer.
///
/// ```
/// assert!(!(sawlog_formats::alb_access::FORMAT.detect)(b"http 2018-07-02T22:23:00.186641Z app/a/b 192.0.2.1:1"));
/// ```
fn detect(head: &[u8]) -> bool {
    line_log::detect(&LOG, head)
}

#[cfg(test)]
mod tests;
