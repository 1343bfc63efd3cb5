//! The view `events`: all logs in one schema, for questions that are about what happened, not about a log.

use anyhow::{Context, Result};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::cast;
use sawlog_formats::{Role, Table};

use crate::logs::{self, Roles, time};
use crate::query::Query;

/// The view's name.
pub(crate) const NAME: &str = "events";

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

/// The view over the records of some queries.
pub(crate) fn view(queries: &[Query]) -> Result<DataFrame> {
    view_with(queries, &[], |_| Vec::new())
}

/// The same with more columns, which `more` gives of each log: the same ones, by name and type. Of the logs' columns those that
/// `dictionaries` names are read as such.
pub(crate) fn view_with(
    queries: &[Query],
    dictionaries: &[&str],
    more: impl Fn(&Query) -> Vec<Expr>,
) -> Result<DataFrame> {
    let mut view: Option<DataFrame> = None;
    for query in queries {
        let mut all = columns(query)?;
        all.extend(more(query));
        let of_log = query.matched(dictionaries)?.select(all)?;
        view = Some(match view {
            None => of_log,
            Some(view) => view.union(of_log)?,
        });
    }
    view.context("there is no log to ask")
}

/// The columns of the view, as expressions over a log.
pub(crate) fn columns(query: &Query) -> Result<Vec<Expr>> {
    let roles = Roles::of(query)?;
    let columns = COLUMNS.iter().map(|(name, data_type, _)| {
        let expr = match *name {
            "time" => Some(query.time()?),
            "error" => logs::error(query.format.table, |sources| query.useful(sources)),
            name => of_table(query.format.table, name, &roles)?,
        };
        let expr = expr.unwrap_or_else(|| lit(ScalarValue::Null));
        let expr = match *data_type {
            "Utf8" => cast(expr, DataType::Utf8View),
            "Int64" => cast(expr, DataType::Int64),
            "Boolean" => cast(expr, DataType::Boolean),
            _ => expr,
        };
        Ok(expr.alias(*name))
    });
    columns.collect()
}

/// A column of the view, as an expression over a log; `None` if the log has nothing for it.
pub(crate) fn column(table: &Table, name: &str) -> Option<Expr> {
    of_table(table, name, &Roles::of_table(table).ok()?).ok().flatten()
}

fn of_table(table: &Table, name: &str, roles: &Roles) -> Result<Option<Expr>> {
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
                "error" => logs::error(table, |sources| sources.iter().collect()),
                "changes" => Some(roles.changes.clone()),
                "bytes" => Some(roles.bytes.clone()),
                "bytes_received" => Some(roles.bytes_received.clone()),
                _ => logs::resolve(table, name),
            });
        }
    };
    Ok(logs::shown(table, role))
}
