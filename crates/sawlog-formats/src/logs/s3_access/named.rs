//! S3 access logs as named values: JSON objects, as `CloudWatch` Logs has them, and rows of CSV, as Athena writes them.

use super::column::{FIELDS, OPERATION, REFERER, REQUEST_URI, TIME, USER_AGENT};
use super::line::has_bare_dashes;
use super::{COLUMNS, detect, time};
use crate::named_values::{Inside, NamedValues, micros, quoted, whole, word};
use crate::table::Kind;

/// How to find S3 access logs inside other documents. The other names are from the Amazon S3 user guide, "Logging
/// requests with server access logging", for `CloudWatch` Logs, and from the Amazon Athena user guide's table of S3
/// access logs.
pub(super) const INSIDE: Inside = Inside {
    is_record: detect,
    is_own: |_| false,
    aliases: &[
        ("bucket_owner_id", "bucket_owner"),
        ("bucket_name", "bucket"),
        ("request_time", "time"),
        ("request_date_time", "time"),
        ("requester_id", "requester"),
        ("object_key", "key"),
        ("key_name", "key"),
        ("status", "http_status"),
        ("referrer", "referer"),
        ("object_version_id", "version_id"),
        ("sigv", "signature_version"),
        ("auth_type", "authentication_type"),
        ("endpoint", "host_header"),
        ("access_point", "access_point_arn"),
    ],
    required: &["bucket", "time", "operation"],
    write,
};

/// The line that the log would have.
fn write(values: &NamedValues<'_>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let bare = has_bare_dashes(values.text(COLUMNS[OPERATION].name));
    for (place, column) in COLUMNS[..FIELDS].iter().enumerate() {
        if place > 0 {
            line.push(b' ');
        }
        let value = values.text(column.name);
        match place {
            TIME => write_time(value?, &mut line)?,
            REQUEST_URI | REFERER | USER_AGENT => match quoted(value.filter(|value| *value != b"-")) {
                dash if bare && *dash == *b"-" => line.push(b'-'),
                text => {
                    line.push(b'"');
                    line.extend_from_slice(&text);
                    line.push(b'"');
                }
            },
            _ if matches!(column.kind, Kind::Int32 | Kind::Int64) => {
                line.extend_from_slice(&word(value.map(whole).as_deref()));
            }
            _ => line.extend_from_slice(&word(value)),
        }
    }
    Some(line)
}

/// A time as the log has it: `[06/Feb/2019:00:00:38 +0000]`.
fn write_time(value: &[u8], line: &mut Vec<u8>) -> Option<()> {
    if let Some(micros) = micros(value) {
        time::print(micros, line);
        return Some(());
    }
    let value = value.strip_prefix(b"[").unwrap_or(value);
    let value = value.strip_suffix(b"]").unwrap_or(value);
    let text: [u8; time::TIME_LEN] = [b"[", value, b"]"].concat().try_into().ok()?;
    time::TimeReader::default().read(&text)?;
    line.extend_from_slice(&text);
    Some(())
}
