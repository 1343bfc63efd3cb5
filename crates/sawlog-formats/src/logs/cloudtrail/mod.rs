//! AWS CloudTrail logs: JSON records of API calls.
//!
//! Records come in `{"Records":[…]}`, as CloudTrail delivers them, in a bare array, one per line, or alone. See
//! `json_log` for how they are found, decoded and printed.

mod fields;
mod meaning;
mod subject;

pub use meaning::{ACTOR, ERROR, SIGN_IN, insight_kind};

use crate::encoding::without_mark;
use crate::entity::{Entity, EntityKind, Failed, Measures, Part};
use crate::format::{Format, Framing};
use crate::json_log::{self, JsonLog};
use crate::members::{ValueEnd, members, value_end};
use crate::named_values::{Inside, NamedValues};
use crate::role::Changes;
use crate::table::Table;
use crate::wrapping::wrap_json;

/// The format.
pub const FORMAT: Format = Format {
    table: &TABLE,
    record: "CloudTrail event",
    framing: Framing::Json(&LOG),
    detect,
    decoder: |columns| json_log::decoder(&LOG, columns),
    printed: || json_log::printed(&LOG),
    printer: json_log::printer,
    skim: |_, _| {},
    ends_block: |_| true,
    delivered_as: &["CloudTrail"],
    inside: INSIDE,
    roles: meaning::ROLES,
    entities: &[
        Entity::new(EntityKind::Ip, "source_ip_address"),
        Entity { part: Part::First(ACTOR), ..Entity::new(EntityKind::Principal, "actor") },
        Entity::new(EntityKind::Principal, "user_identity.arn"),
        Entity::new(EntityKind::Principal, "user_identity.user_name"),
        Entity::new(EntityKind::Principal, "user_identity.principal_id"),
        Entity::new(EntityKind::Principal, "user_identity.session_context.session_issuer.arn"),
        Entity::new(EntityKind::Principal, "user_identity.session_context.session_issuer.user_name"),
        Entity {
            part: Part::First(meaning::ACCESS_KEY),
            ..Entity::new(EntityKind::AccessKey, "user_identity.access_key_id")
        },
        Entity::new(EntityKind::Account, "user_identity.account_id"),
        Entity::new(EntityKind::Account, "recipient_account_id"),
        Entity { part: Part::First(meaning::SERVICE), ..Entity::new(EntityKind::EventSource, "event_source") },
        Entity { part: Part::First(meaning::OPERATION), ..Entity::new(EntityKind::Operation, "event_name") },
        Entity::new(EntityKind::Region, "aws_region"),
        Entity::new(EntityKind::UserAgent, "user_agent"),
        Entity { part: Part::First(ERROR), ..Entity::new(EntityKind::Error, "error") },
    ],
    // Version 1 counted a record as failed only if it had an error code, version 2 also if that was false, and not if a
    // response said failure in other letters or as text. In both a blank could be an actor.
    index_version: 3,
    measures: Measures {
        bytes: None,
        received: None,
        failed: &[Failed::Any(ERROR)],
        succeeded: None,
        changes: Changes::Not { column: "read_only", unknown: ("event_name", meaning::READS), but: SIGN_IN },
        standing: &[],
    },
    subject: Some(subject::SUBJECT),
    event_id: Some(meaning::EVENT_ID),
    issuing: Some(meaning::ISSUING),
};

/// How to find records inside other documents: also in results of Athena and CloudTrail Lake, and in the console's
/// Event history.
const INSIDE: Inside = Inside {
    is_record,
    is_own: |name| json_log::has_field(&LOG, name) && name.iter().any(u8::is_ascii_uppercase),
    aliases: &[
        ("user_name", "user_identity.user_name"),
        ("aws_access_key", "user_identity.access_key_id"),
        ("access_key_id", "user_identity.access_key_id"),
    ],
    required: &["event_time", "event_name"],
    write: |values| {
        let record = json_log::write_named(&LOG, values)?;
        Some(with_resource(record, values))
    },
};

/// The Event history has columns of its own for the resource that an event is about.
fn with_resource(mut record: Vec<u8>, values: &NamedValues<'_>) -> Vec<u8> {
    let members = [("type", "resource_type"), ("ARN", "resource_name")];
    let mut text = String::new();
    for (key, column) in members {
        if let Some(value) = values.text(column).and_then(|value| std::str::from_utf8(value).ok()) {
            let separator = if text.is_empty() { "" } else { "," };
            let value = String::from_utf8_lossy(&wrap_json(value.as_bytes())).into_owned();
            text.push_str(&format!("{separator}\"{key}\":\"{value}\""));
        }
    }
    if !text.is_empty() && values.get("resources").is_none() && record.pop() == Some(b'}') {
        record.extend_from_slice(format!(",\"resources\":[{{{text}}}]}}").as_bytes());
    }
    record
}

/// The table of API calls.
pub const TABLE: Table = Table {
    name: "cloudtrail",
    doc: "CloudTrail logs: a row for each event",
    columns: &fields::COLUMNS,
    times: &["event_time"],
};

/// Its fields.
pub(crate) const LOG: JsonLog = JsonLog {
    table: &TABLE,
    fields: fields::RECORD,
    time: "eventTime",
    // S3's notifications, whose other fields are named as a record's.
    others: &[("s3", "S3 event notification")],
    beginning: b"{\"eventVersion\"",
};

/// Whether the beginning of a file, `head`, looks like CloudTrail records: JSON with the wrapper, or with names of
/// fields that only records have.
fn detect(head: &[u8]) -> bool {
    let text = trimmed(head);
    let names = |name: &[u8]| memchr::memmem::find(text, name).is_some();
    match text.first() {
        Some(b'{') if text.starts_with(b"{\"Records\"") => true,
        Some(b'{') => names(b"eventSource") && names(b"eventName") || has_records(text),
        Some(b'[') => trimmed(&text[1..]).starts_with(b"]") || names(b"eventSource") && names(b"eventName"),
        _ => false,
    }
}

/// Whether a JSON object has an array of records.
fn has_records(text: &[u8]) -> bool {
    members(text).any(|(key, value)| key == b"Records" && value.starts_with(b"["))
}

/// Whether `object`, the beginning of a JSON object, is a record, or an object that has records.
pub(crate) fn is_record(object: &[u8]) -> bool {
    let (mut version, mut known) = (false, 0);
    for (key, value) in members(object) {
        if key == b"Records" && value.starts_with(b"[") {
            return true;
        }
        version |= key == b"eventVersion";
        known += usize::from(json_log::has_field(&LOG, key));
        // Other events of AWS also have a name, a source and a time, but fewer of the other fields.
        if version && known > 1 || known > 3 {
            return !is_s3_event(object);
        }
    }
    false
}

/// Whether an object is S3's notification of an event, whose fields have the names of a record's fields.
fn is_s3_event(object: &[u8]) -> bool {
    members(object).any(|(key, value)| key == b"eventSource" && value.starts_with(b"\"aws:s3\""))
}

/// Whether `head`, the beginning of a file, begins with an object that looks like a CloudTrail digest. A digest lists
/// log files and their hashes. See the AWS CloudTrail user guide, "CloudTrail digest file structure".
///
/// ```
/// use sawlog_formats::cloudtrail::is_digest;
/// assert!(is_digest(br#"{"awsAccountId":"1","digestStartTime":"2021","digestS3Bucket":"b""#));
/// // The content of a record does not make it a digest.
/// assert!(!is_digest(br#"{"requestParameters":{"digestStartTime":"2021","digestS3Bucket":"b"}}"#));
/// ```
#[must_use]
pub fn is_digest(head: &[u8]) -> bool {
    let (mut time, mut bucket) = (false, false);
    for (name, value) in members(trimmed(head)) {
        match name {
            b"digestStartTime" => time = true,
            b"digestS3Bucket" => bucket = true,
            b"eventVersion" | b"eventName" => return false,
            b"Records" if value.starts_with(b"[") => return false,
            _ => {}
        }
    }
    time && bucket
}

/// Whether a file's content is a digest and nothing else, even if cut off, unless it has the names of an event.
///
/// ```
/// use sawlog_formats::cloudtrail::is_only_digest;
/// let digest = r#"{"awsAccountId":"1","digestStartTime":"2021","digestS3Bucket":"b","logFiles":[]}"#;
/// assert!(is_only_digest(digest.as_bytes()));
/// assert!(!is_only_digest(format!("{digest}\n{{\"Records\":[]}}").as_bytes()));
/// ```
#[must_use]
pub fn is_only_digest(content: &[u8]) -> bool {
    let text = trimmed(content);
    let has_event = || memchr::memmem::find(text, b"\"eventName\"").is_some();
    is_digest(content)
        && match value_end(text, 0) {
            ValueEnd::At(end) => text[end..].trim_ascii().is_empty(),
            ValueEnd::Short | ValueEnd::Broken => !has_event(),
        }
}

/// Skips a byte order mark and white space at the beginning.
fn trimmed(head: &[u8]) -> &[u8] {
    without_mark(head).trim_ascii_start()
}

#[cfg(test)]
mod tests;
