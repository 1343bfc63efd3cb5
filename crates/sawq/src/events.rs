//! The view `events`: all logs in one schema, for questions that are about what happened, not about a log.

use std::borrow::Cow;

use anyhow::{Context, Result};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::functions::core::expr_fn::{coalesce, get_field};
use datafusion::functions::string::expr_fn::concat;
use datafusion::functions_nested::expr_fn::array_element;
use datafusion::logical_expr::{Expr, ident, lit, when};
use datafusion::prelude::cast;
use sawlog_formats::{Table, cloudtrail, s3_access, vpc_flow};

use crate::logs::{Roles, S3, first, resolve, time};
use crate::query::Query;
use crate::texts;

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
    ("operation", "Utf8", "What: an S3 operation, an API action, or FLOW"),
    (
        "target",
        "Utf8",
        "On what: bucket/key, the first resource or else the service, or address:port; of an Insights event what it is",
    ),
    ("outcome", "Utf8", "success or failure; null for windows without data"),
    ("error", "Utf8", "The error code, or what else says that it failed; of a rejected flow REJECT"),
    ("changes", "Boolean", "Whether it is an action that changes something; a sign-in is none"),
    ("user_agent", "Utf8", "With what"),
    ("bytes", "Int64", "Bytes sent; of a flow all bytes"),
    ("bytes_received", "Int64", "Size of what was stored"),
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
    view_with(queries, |_| Vec::new())
}

/// The same with more columns, which `more` gives of each log: the same ones, by name and type.
pub(crate) fn view_with(queries: &[Query], more: impl Fn(&Query) -> Vec<Expr>) -> Result<DataFrame> {
    let mut view: Option<DataFrame> = None;
    for query in queries {
        let mut all = columns(query)?;
        all.extend(more(query));
        let of_log = query.matched()?.select(all)?;
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
    let error = match query.format.table.name {
        name if name == cloudtrail::TABLE.name => first(query.format.table, query.useful(cloudtrail::ERROR)),
        _ => None,
    };
    let columns = COLUMNS.iter().map(|(name, data_type, _)| {
        let expr = match (*name, &error) {
            ("error", Some(error)) => error.clone(),
            ("time", _) => query.time()?,
            _ => of_table(query.format.table, name, &roles)?.unwrap_or_else(|| lit(ScalarValue::Null)),
        };
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
    let success = |known: Option<Expr>| {
        let outcome = when(roles.failed.clone(), lit("failure"));
        match known {
            None => outcome.clone().otherwise(lit("success")),
            Some(known) => outcome.clone().when(known, lit("success")).end(),
        }
    };
    let (is_s3, is_flow) = (table.name == s3_access::TABLE.name, table.name == vpc_flow::TABLE.name);
    Ok(match name {
        "time" => time(table),
        "log" => Some(lit(table.name)),
        "outcome" if is_flow => Some(success(Some(ident("action").eq(lit("ACCEPT"))))?),
        "outcome" => Some(success(None)?),
        "changes" => Some(roles.changes.clone()),
        "bytes" => Some(roles.bytes.clone()),
        "bytes_received" => Some(roles.bytes_received.clone()),
        "src_ip" if is_flow => Some(ident("srcaddr")),
        "src_ip" => resolve(table, "ip"),
        "operation" if is_flow => Some(lit("FLOW")),
        "error" if is_flow => Some(when(ident("action").eq(lit("REJECT")), lit("REJECT")).end()?),
        "actor_type" if is_s3 => Some(s3_actor_type()?),
        "actor_type" if is_flow => None,
        "actor_type" => resolve(table, "user_identity.type"),
        "target" if is_s3 => {
            Some(when(ident("key").is_null(), ident("bucket")).otherwise(joined("bucket", "/", "key"))?)
        }
        "target" if is_flow => {
            Some(when(ident("dstport").is_null(), ident("dstaddr")).otherwise(joined("dstaddr", ":", "dstport"))?)
        }
        "target" => {
            let resource = get_field(array_element(ident("resources"), lit(1_i64)), "arn");
            let kind = texts::found(ident("insight_details"), "insight_kind", |details| {
                cloudtrail::insight_kind(details).map(Cow::Owned)
            });
            let parts = [kind, resource, ident("event_source")];
            Some(coalesce(parts.map(|part| cast(part, DataType::Utf8View)).to_vec()))
        }
        "service" if is_s3 => Some(lit(S3)),
        "service" if is_flow => None,
        _ => resolve(table, name),
    })
}

fn joined(first: &str, by: &str, second: &str) -> Expr {
    concat(vec![ident(first), lit(by), cast(ident(second), DataType::Utf8View)])
}

fn s3_actor_type() -> Result<Expr> {
    let like = |pattern: &str| ident("requester").like(lit(pattern));
    Ok(when(ident("requester").is_null(), lit("Anonymous"))
        .when(like("arn:%:assumed-role/%"), lit("AssumedRole"))
        .when(like("arn:%:user/%"), lit("IAMUser"))
        .when(like("svc:%"), lit("AWSService"))
        .when(like("arn:%:root"), lit("Root"))
        .otherwise(lit("CanonicalUser"))?)
}
