//! The columns of the view `events`, as expressions over one log.

use anyhow::Result;
use datafusion::logical_expr::{Expr, lit};
use sawlog_formats::{Role, Table};

use super::{Roles, time};

/// The columns of the view, and what they mean.
pub(crate) const COLUMNS: &[(&str, &str, &str)] = &[
    (
        "time",
        "Timestamp(µs, \"UTC\")",
        "When it happened, UTC; for a flow the start of its window, else its end, else the time in the file's name",
    ),
    ("log", "Utf8", "The table that the record is in"),
    (
        "actor",
        "Utf8",
        "Who: a user by name, else an ARN, an AWS service, an id or an account; null if anonymous, and for flows",
    ),
    ("actor_type", "Utf8", "IAMUser, AssumedRole, AWSService, Root, Anonymous and more"),
    ("access_key", "Utf8", "The access key that signed"),
    ("src_ip", "Utf8", "From where: an address, or the AWS service that called"),
    ("operation", "Utf8", "What: an S3 operation, an API action, an HTTP method, or FLOW"),
    (
        "target",
        "Utf8",
        "On what: bucket/key, the first resource or else the service, a URL, or address:port; for an Insights event its type",
    ),
    ("outcome", "Utf8", "success or failure; null for windows without data"),
    (
        "error",
        "Utf8",
        "The error code, an HTTP status from 400 on, or another sign of failure; for a rejected flow REJECT",
    ),
    ("changes", "Boolean", "Whether it changed something; what failed did not, nor does a sign-in"),
    ("user_agent", "Utf8", "With what"),
    ("bytes", "Int64", "Bytes sent; for a flow all its bytes"),
    ("bytes_received", "Int64", "Size of what was stored; for a request to a load balancer all its bytes"),
    ("bucket", "Utf8", "The bucket"),
    ("key", "Utf8", "The object's key"),
    ("service", "Utf8", "The AWS service; null for flows"),
    ("region", "Utf8", "The region that was called; in S3 logs the caller's region"),
    ("account", "Utf8", "The account that received the record; in S3 logs the bucket owner's canonical id"),
    ("source_file", "Utf8", "The file that holds the record"),
    ("source_line", "Int64", "The number of the line or record in it"),
];

/// A column of the view, as an expression over a log; `None` if the log has nothing for it.
pub(super) fn column(table: &Table, name: &str) -> Option<Expr> {
    of_table(table, name, &Roles::of_table(table).ok()?).ok().flatten()
}

/// The same, using what is known about the log's records.
pub(crate) fn of_table(table: &Table, name: &str, roles: &Roles) -> Result<Option<Expr>> {
    let role = match name {
        "actor" => Role::Actor,
        "actor_type" => Role::ActorType,
        "access_key" => Role::AccessKey,
        "src_ip" => Role::Source,
        "operation" => Role::Operation,
        "target" => Role::Target,
        "user_agent" => Role::UserAgent,
        "bucket" => Role::Bucket,
        "key" => Role::Key,
        "service" => Role::Service,
        "region" => Role::Region,
        "account" => Role::Account,
        _ => {
            return Ok(match name {
                "time" => time(table),
                "log" => Some(lit(table.name)),
                "outcome" => Some(roles.outcome()?),
                "error" => super::error(table, |sources| sources.iter().collect()),
                "changes" => Some(roles.changes.clone()),
                "bytes" => Some(roles.bytes.clone()),
                "bytes_received" => Some(roles.bytes_received.clone()),
                _ => super::resolve(table, name),
            });
        }
    };
    Ok(super::shown(table, role))
}
