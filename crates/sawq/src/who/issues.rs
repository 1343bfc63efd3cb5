//! Where an access key comes from: the events that issued it, and the key that signed those.

use anyhow::{Context, Result};
use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::logical_expr::{Expr, ident};
use sawlog_formats::{TextColumn, cloudtrail};

use crate::cli::FilterArgs;
use crate::logs::resolve;
use crate::query::Query;
use crate::texts;

/// The actions that issue access keys.
const ISSUING: &[&str] = &[
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "CreateAccessKey",
    "GetFederationToken",
    "GetSessionToken",
    "GetCredentialsForIdentity",
    "GetRoleCredentials",
    "CreateToken",
];
/// So many issuers are followed back.
const MAX_STEPS: usize = 8;

/// An event that issued an access key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Issue {
    /// In microseconds since 1970.
    pub(crate) time: i64,
    /// The key that was issued.
    pub(crate) key: String,
    pub(crate) operation: String,
    pub(crate) actor: String,
    pub(crate) src_ip: String,
    /// The key that signed it; empty if there was none.
    pub(crate) signed_by: String,
    /// What for: the role, or the user.
    pub(crate) target: String,
    pub(crate) source_file: String,
    pub(crate) source_line: i64,
}

/// The events that issued a key, and those that issued the keys that signed them. `queries` are all records.
pub(super) fn of_key(queries: &[Query], key: &str) -> Result<Vec<Issue>> {
    let args = FilterArgs {
        operation: ISSUING.iter().map(|name| (*name).to_owned()).collect(),
        log: vec![cloudtrail::TABLE.name.to_owned()],
        ..FilterArgs::default()
    };
    let narrowed = Query::narrowed(queries, &args)?;
    let Some(query) = narrowed.first() else { return Ok(Vec::new()) };
    let mut issues: Vec<Issue> = Vec::new();
    let mut next = Some(key.to_owned());
    while let Some(key) = next.filter(|key| !key.is_empty() && issues.iter().all(|issue| issue.key != *key)) {
        if issues.len() >= MAX_STEPS {
            break;
        }
        let mut found = issues_of(query, &key)?;
        found.sort();
        // Accounts that share an event have it each.
        found.dedup_by(|a, b| (a.time, &a.operation, &a.actor) == (b.time, &b.operation, &b.actor));
        next = found.first().map(|issue| issue.signed_by.clone());
        issues.extend(found);
    }
    Ok(issues)
}

fn issues_of(query: &Query, key: &str) -> Result<Vec<Issue>> {
    const NAMES: [&str; 5] = ["operation", "user", "ip", "access_key", "request_parameters"];
    let quoted = format!("\"{key}\"");
    let name = format!("issued_{key}");
    let issued = texts::test(&ident("response_elements"), &name, move |json| json.contains(&quoted));
    let mut wanted: Vec<Expr> = ["event_time", "source_file", "source_line"].map(ident).to_vec();
    for name in NAMES {
        let column = resolve(query.format.table, name).with_context(|| format!("no column {name}"))?;
        wanted.push(column.alias(format!("q_{name}")));
    }
    let mut issues = Vec::new();
    query.for_each(query.in_order(Some(issued), wanted, None)?, |batch| {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("no column {name}"));
        let text = |name: &str| -> Result<TextColumn> {
            TextColumn::new(column(name)?).map_err(|found| anyhow::anyhow!("{name} is {found}"))
        };
        let times = column("event_time")?.as_primitive_opt::<TimestampMicrosecondType>().context("no times")?;
        let lines = column("source_line")?.as_primitive_opt::<Int64Type>().context("no lines")?;
        let files = text("source_file")?;
        let [operations, actors, ips, keys, parameters] = NAMES.map(|name| text(&format!("q_{name}")));
        let (operations, actors, ips, keys, parameters) = (operations?, actors?, ips?, keys?, parameters?);
        let get = |column: &TextColumn, row: usize| column.get(row).unwrap_or_default().to_owned();
        issues.extend((0..batch.num_rows()).map(|row| Issue {
            time: times.value(row),
            key: key.to_owned(),
            operation: get(&operations, row),
            actor: get(&actors, row),
            src_ip: get(&ips, row),
            signed_by: get(&keys, row),
            target: parameters.get(row).and_then(target).unwrap_or_default(),
            source_file: get(&files, row),
            source_line: lines.value(row),
        }));
        Ok(true)
    })?;
    Ok(issues)
}

/// What a key was issued for.
fn target(parameters: &str) -> Option<String> {
    let parameters: serde_json::Value = serde_json::from_str(parameters).ok()?;
    let named = ["roleArn", "userName", "name", "roleName"].iter().find_map(|name| parameters[*name].as_str());
    named.map(str::to_owned)
}
