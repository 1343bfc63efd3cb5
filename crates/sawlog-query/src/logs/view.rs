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
        "When it happened, UTC; of a flow when its window began, or ended if that is all that is known, or the time in its file's name",
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
        "On what: bucket/key, the first resource or else the service, a URL, or address:port; of an Insights event what it is",
    ),
    ("outcome", "Utf8", "success or failure; null for windows without data"),
    (
        "error",
        "Utf8",
        "The error code, an HTTP status from 400 on, or what else says that it failed; of a rejected flow REJECT",
    ),
    ("changes", "Boolean", "Whether it is an action that changes something; a sign-in is none"),
    ("user_agent", "Utf8", "With what"),
    ("bytes", "Int64", "Bytes sent; of a flow all bytes"),
    ("bytes_received", "Int64", "Size of what was stored; of a request to a load balancer all bytes"),
    ("bucket", "Utf8", "The bucket"),
    ("key", "Utf8", "The object's key"),
    ("service", "Utf8", "The AWS service; null for flows"),
    ("region", "Utf8", "The region that was called; in S3 logs that of the caller"),
    ("account", "Utf8", "The account that got the record; in S3 logs the bucket owner's canonical id"),
    ("source_file", "Utf8", "The file that the record is from"),
    ("source_line", "Int64", "The number of the line or record in it"),
];

/// A column of the view, as an expression over a log; `None` if the log has nothing for it.
pub(super) fn column(table: &Table, name: &str) -> Option<Expr> {
    of_table(table, name, &Roles::of_table(table).ok()?).ok().flatten()
}

/// The same, by what is known of the log's records.
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
