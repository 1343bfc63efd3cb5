//! Amazon S3 server access logs: one request per line, fields separated by blanks.
//!
//! The grammar is that of the Amazon S3 user guide, "Amazon S3 server access log format", and what real logs add.

mod decode;
mod line;
mod named;
mod print;
mod salvage;
mod strict;
mod time;

use std::borrow::Cow;

use decode::Decoder;
use print::LinePrinter;

use crate::entity::{Bytes, Entity, EntityKind, Failed, Measures, Part, Received, Source, Standing};
use crate::format::{Format, Framing};
use crate::reject::RejectReason;
use crate::role::{Changes, Role, Value};
use crate::table::{Column, Table};

/// The format.
pub const FORMAT: Format = Format {
    table: &TABLE,
    record: "line of an S3 access log",
    framing: Framing::Lines,
    detect,
    decoder: |columns| Box::new(Decoder::new(columns)),
    printed: || TABLE.printed_columns(),
    printer: |batch| Ok(Box::new(LinePrinter::new(batch)?)),
    skim: |_, _| {},
    ends_block: |_| true,
    delivered_as: &[],
    inside: named::INSIDE,
    roles: ROLES,
    entities: &[
        Entity::new(EntityKind::Account, "bucket_owner"),
        Entity::new(EntityKind::Bucket, "bucket"),
        Entity::new(EntityKind::Ip, "remote_ip"),
        Entity { part: Part::First(ACTOR), ..Entity::new(EntityKind::Principal, "actor") },
        Entity::new(EntityKind::Principal, "requester"),
        Entity::new(EntityKind::Operation, "operation"),
        Entity {
            part: Part::Joined("bucket", "key"),
            unbounded: true,
            ..Entity::new(EntityKind::Object, "bucket/key")
        },
        Entity { part: Part::Within(access_key), ..Entity::new(EntityKind::AccessKey, "request_uri") },
        Entity::new(EntityKind::Error, "error_code"),
        Entity::new(EntityKind::Status, "http_status"),
        Entity::new(EntityKind::UserAgent, "user_agent"),
        Entity::new(EntityKind::Region, "source_region"),
    ],
    index_version: 1,
    measures: Measures {
        bytes: Some(Bytes::Sent("bytes_sent")),
        // The operations that upload the object whose size the record gives.
        received: Some(Received {
            column: "object_size",
            by: Some(("operation", &["REST.PUT.OBJECT", "REST.POST.OBJECT", "REST.PUT.PART", "REST.POST.PART"])),
        }),
        failed: &[Failed::Present("error_code"), Failed::AtLeast("http_status", 400)],
        succeeded: None,
        // A copy has two records: for the object that is read, and for the one that is written. See the Amazon S3
        // user guide, "Amazon S3 server access log format", "Additional logging for copy operations".
        changes: Changes::Begins(
            "operation",
            &["REST.PUT.", "REST.POST.", "REST.DELETE.", "REST.COPY.", "BATCH.", "S3."],
            &["REST.COPY.OBJECT_GET", "REST.COPY.PART_GET"],
        ),
        standing: &[
            Standing { field: "remote_ip", only: None },
            Standing { field: "remote_ip", only: Some(("request_uri", "GET")) },
            Standing { field: "remote_ip", only: Some(("request_uri", "POST")) },
        ],
    },
    subject: None,
    event_id: None,
    issuing: None,
};

/// What the fields mean.
const ROLES: &[(Role, Value)] = &[
    (Role::Address, Value::Field("remote_ip")),
    (Role::Source, Value::Field("remote_ip")),
    (Role::Actor, Value::Field("actor")),
    (
        Role::ActorType,
        Value::First(&[
            Value::Made("requester", |requester| Some(Cow::Borrowed(actor_type(requester)))),
            Value::Constant("Anonymous"),
        ]),
    ),
    (Role::ActorArn, Value::Field("requester")),
    (Role::AccountInArn, Value::Field("requester")),
    (Role::AccessKey, Value::Field("request_uri")),
    (Role::UserAgent, Value::Field("user_agent")),
    (Role::Operation, Value::Field("operation")),
    (Role::Target, Value::Joined("bucket", "/", "key")),
    (Role::Bucket, Value::Field("bucket")),
    (Role::Key, Value::Field("key")),
    (Role::Error, Value::Field("error_code")),
    (Role::Status, Value::Field("http_status")),
    (Role::Service, Value::Constant("s3.amazonaws.com")),
    (Role::Region, Value::Field("source_region")),
    (Role::Account, Value::Field("bucket_owner")),
];

/// Who made the request, as in other logs: an IAM user by name, a service by its name; others as the log has them.
pub const ACTOR: &[Source] = &[Source::within("requester", actor)];

/// What kind of identity a requester is, by its form.
fn actor_type(requester: &str) -> &'static str {
    match requester.strip_prefix("arn:") {
        Some(arn) if arn.contains(":assumed-role/") => "AssumedRole",
        Some(arn) if arn.contains(":user/") => "IAMUser",
        Some(arn) if arn.ends_with(":root") => "Root",
        None if requester.starts_with("svc:") => "AWSService",
        _ => "CanonicalUser",
    }
}

/// The caller that a requester names: a user or service by its name, another caller as the log has it.
///
/// ```
/// use sawlog_formats::s3_access::actor;
/// assert_eq!(actor("arn:aws:iam::111122223333:user/dev/ann"), Some("ann"));
/// assert_eq!(actor("svc:delivery.logs.amazonaws.com"), Some("delivery.logs.amazonaws.com"));
/// let session = "arn:aws:sts::111122223333:assumed-role/admin/ann";
/// assert_eq!(actor(session), Some(session));
/// ```
#[must_use]
pub fn actor(requester: &str) -> Option<&str> {
    if let Some(service) = requester.strip_prefix("svc:") {
        return Some(service);
    }
    let is_user = requester.starts_with("arn:") && requester.contains(":user/");
    let name = requester.rsplit('/').next().filter(|_| is_user);
    Some(name.unwrap_or(requester))
}

/// The access key that signed, which a request line names if its URL is presigned. See the Amazon S3 API reference,
/// "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", and, of version 2, "Signing and
/// authenticating REST requests".
///
/// ```
/// use sawlog_formats::s3_access::access_key;
/// let line = "GET /b/k?X-Amz-Credential=AKIAEXAMPLE/20210729/us-east-1/s3/aws4_request HTTP/1.1";
/// assert_eq!(access_key(line), Some("AKIAEXAMPLE"));
/// assert_eq!(access_key("GET /b/k HTTP/1.1"), None);
/// ```
#[must_use]
pub fn access_key(request_uri: &str) -> Option<&str> {
    // Most lines have no parameters, which is quick to see.
    memchr::memchr(b'=', request_uri.as_bytes())?;
    let after = |name: &str| {
        let at = memchr::memmem::find(request_uri.as_bytes(), name.as_bytes())?;
        request_uri.get(at + name.len()..)
    };
    let text = after("X-Amz-Credential=").or_else(|| after("AWSAccessKeyId="))?;
    let end = text.bytes().position(|byte| !byte.is_ascii_uppercase() && !byte.is_ascii_digit()).unwrap_or(text.len());
    Some(&text[..end]).filter(|key| !key.is_empty())
}

/// The table of S3 requests.
pub const TABLE: Table = Table {
    name: "s3_access",
    doc: "S3 server access logs: a row for each request",
    columns: COLUMNS,
    times: &["time"],
};

const COLUMNS: &[Column] = &[
    Column::text("bucket_owner", "Canonical user id of the bucket's owner"),
    Column::text("bucket", "The bucket"),
    Column::time("time", "When the request was received, UTC").skip_files(),
    Column::text("remote_ip", "The requester's address as S3 saw it").lookup(),
    Column::text("requester", "Canonical user id, ARN or service of the requester; null if anonymous").lookup(),
    Column::text("request_id", "S3's own id of the request").plain().lookup(),
    Column::text("operation", "SOAP.operation, REST.method.resource, WEBSITE.…, BATCH.… or S3.action.resource"),
    Column::text("key", "The object's key, URL-encoded as in the log").lookup(),
    Column::text("request_uri", "The request line of HTTP"),
    Column::int32("http_status", "The response's HTTP status"),
    Column::text("error_code", "S3's error code"),
    Column::int64("bytes_sent", "Bytes of the response without HTTP overhead"),
    Column::int64("object_size", "The object's total size in bytes"),
    Column::int64("total_time", "Milliseconds from receiving the request to sending the last byte"),
    Column::int64("turn_around_time", "Milliseconds that S3 spent on the request itself"),
    Column::text("referer", "The HTTP Referer header"),
    Column::text("user_agent", "The HTTP User-Agent header"),
    Column::text("version_id", "The version in the request"),
    Column::text("host_id", "S3's extended request id").plain(),
    Column::text("signature_version", "SigV2 or SigV4; null if unauthenticated"),
    Column::text("cipher_suite", "The TLS cipher; null for plain HTTP"),
    Column::text("authentication_type", "AuthHeader or QueryString; null if unauthenticated"),
    Column::text("host_header", "The endpoint that was addressed"),
    Column::text("tls_version", "The TLS version"),
    Column::text("access_point_arn", "ARN of the access point"),
    Column::text("acl_required", "Yes if an ACL decided the request"),
    Column::text("source_region", "The region that the request came from"),
    Column::int32("field_count", "How many fields the line has"),
    Column::text("extra", "Fields after source_region, as they are in the line"),
    Column::RAW_LINE,
    Column::SOURCE_FILE,
    Column::SOURCE_LINE,
    Column::GAP,
    Column::WRAPPING,
    Column::WRAPPED,
];

/// Positions of columns; the first 27 are also the positions of the fields in the line.
mod column {
    pub(super) const BUCKET_OWNER: usize = 0;
    pub(super) const BUCKET: usize = 1;
    pub(super) const TIME: usize = 2;
    pub(super) const REMOTE_IP: usize = 3;
    pub(super) const REQUESTER: usize = 4;
    pub(super) const REQUEST_ID: usize = 5;
    pub(super) const OPERATION: usize = 6;
    pub(super) const KEY: usize = 7;
    pub(super) const REQUEST_URI: usize = 8;
    pub(super) const ERROR_CODE: usize = 10;
    pub(super) const REFERER: usize = 15;
    pub(super) const USER_AGENT: usize = 16;
    pub(super) const VERSION_ID: usize = 17;
    pub(super) const HOST_ID: usize = 18;
    pub(super) const SIGNATURE_VERSION: usize = 19;
    /// The number of fields that have a column of their own.
    pub(super) const FIELDS: usize = 27;
    pub(super) const FIELD_COUNT: usize = 27;
    pub(super) const EXTRA: usize = 28;
    pub(super) const RAW: usize = 29;
    pub(super) const SOURCE_FILE: usize = 30;
    pub(super) const SOURCE_LINE: usize = 31;
    /// The fields that hold numbers, in the order of [`super::line::Line::numbers`].
    pub(super) const NUMBERS: [usize; 5] = [9, 11, 12, 13, 14];
}

/// Whether `head`, the beginning of a file, looks like an S3 access log: one of its first lines is a record.
///
/// ```
/// assert!(!sawlog_formats::s3_access::detect(b"{\"Records\":[]}"));
/// ```
#[must_use]
pub fn detect(head: &[u8]) -> bool {
    let mut times = time::TimeReader::default();
    let lines = head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(32);
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).any(|line| {
        strict::read(line, &mut times, &mut line::Line::EMPTY.clone()).is_some()
            || salvage::read(line, &mut times).map_or_else(|reason| reason == RejectReason::Never, |_| true)
            || with_another_time(line).is_some_and(|line| salvage::read(&line, &mut times).is_ok())
    })
}

/// The line with a valid time in place of its third field: if only the time is damaged, it is still a line of this
/// log.
fn with_another_time(line: &[u8]) -> Option<Vec<u8>> {
    let mut blanks = memchr::memchr_iter(b' ', line);
    let start = blanks.nth(1)? + 1;
    let mut line = line.to_vec();
    line.get_mut(start..start + time::TIME_LEN)?.copy_from_slice(b"[01/Jan/1970:00:00:00 +0000]");
    Some(line)
}

/// A record has at least this many fields: lines of 2006 to 2018 end with the version id.
const MIN_FIELDS: usize = 18;

#[cfg(test)]
mod tests;
