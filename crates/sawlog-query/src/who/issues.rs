//! Where an access key comes from: the events that issued it, and the key that signed those.

use anyhow::{Context, Result};
use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::logical_expr::ident;
use sawlog_formats::{Issuing, Role, TextColumn};

use crate::filter::Filters;
use crate::logs::{field, resolve};
use crate::query::Query;
use crate::texts;

/// The most issuers that are followed back.
const MAX_STEPS: usize = 8;

/// An event that issued an access key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Issue {
    /// In microseconds since 1970.
    pub time: i64,
    /// The key that was issued.
    pub key: String,
    /// By which operation.
    pub operation: String,
    /// By whom.
    pub actor: String,
    /// From where.
    pub src_ip: String,
    /// The key that signed it; empty if there was none.
    pub signed_by: String,
    /// What the key is for: the role, or the user.
    pub target: String,
    /// The file of the record.
    pub source_file: String,
    /// Its line there.
    pub source_line: i64,
}

/// The events that issued a key, and those that issued the keys that signed them. `queries` are all records.
pub(super) fn of_key(queries: &[Query], key: &str) -> Result<Vec<Issue>> {
    let mut issuing = Vec::new();
    for query in queries {
        let Some(of_log) = query.format.issuing else { continue };
        let operation = of_log.operations.iter().map(|name| (*name).to_owned()).collect();
        let args = Filters { operation, ..Filters::default() };
        let narrowed = Query::narrowed(std::slice::from_ref(query), &args)?;
        issuing.extend(narrowed.into_iter().map(|query| (query, of_log)));
    }
    let mut issues: Vec<Issue> = Vec::new();
    let mut keys = vec![key.to_owned()];
    let mut next = 0;
    while let Some(key) = keys.get(next).cloned().filter(|_| next < MAX_STEPS) {
        next += 1;
        let mut found: Vec<Issue> = Vec::new();
        for (query, of_log) in &issuing {
            found.extend(issues_of(query, of_log, &key)?);
        }
        // Accounts that share an event each have a record of it. The caller's own says more: by which name, and with
        // which key.
        found.sort_by(|a, b| {
            (a.time, &a.operation, a.signed_by.is_empty(), a).cmp(&(b.time, &b.operation, b.signed_by.is_empty(), b))
        });
        found.dedup_by(|later, first| (later.time, &later.operation) == (first.time, &first.operation));
        for signed_by in found.iter().map(|issue| &issue.signed_by).filter(|key| !key.is_empty()) {
            if !keys.contains(signed_by) {
                keys.push(signed_by.clone());
            }
        }
        issues.extend(found);
    }
    Ok(issues)
}

fn issues_of(query: &Query, issuing: &Issuing, key: &str) -> Result<Vec<Issue>> {
    const NAMES: [&str; 4] = ["operation", "user", "ip", "access_key"];
    let quoted = format!("\"{key}\"");
    let name = format!("issued_{key}");
    let issued = texts::test(&ident(issuing.response), &name, move |json| json.contains(&quoted));
    let mut wanted = vec![query.time()?.alias("q_time"), ident("source_file"), ident("source_line")];
    for name in NAMES {
        let column = resolve(query.format.table, name).with_context(|| format!("no column {name}"))?;
        wanted.push(column.alias(format!("q_{name}")));
    }
    let parameters = field(query.format.table, Role::Parameters).context("the log has no parameters of calls")?;
    wanted.push(ident(parameters).alias("q_parameters"));
    let mut issues = Vec::new();
    query.for_each(query.in_order(Some(issued), wanted, None)?, |batch| {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("no column {name}"));
        let text = |name: &str| -> Result<TextColumn> {
            TextColumn::new(column(name)?).map_err(|found| anyhow::anyhow!("{name} has the type {found}"))
        };
        let times =
            column("q_time")?.as_primitive_opt::<TimestampMicrosecondType>().context("a column does not hold times")?;
        let lines = column("source_line")?.as_primitive_opt::<Int64Type>().context("a column does not hold numbers")?;
        let files = text("source_file")?;
        let [operations, actors, ips, keys] = NAMES.map(|name| text(&format!("q_{name}")));
        let (operations, actors, ips, keys) = (operations?, actors?, ips?, keys?);
        let parameters = text("q_parameters")?;
        let get = |column: &TextColumn, row: usize| column.get(row).unwrap_or_default().to_owned();
        issues.extend((0..batch.num_rows()).map(|row| Issue {
            time: times.value(row),
            key: key.to_owned(),
            operation: get(&operations, row),
            actor: get(&actors, row),
            src_ip: get(&ips, row),
            signed_by: get(&keys, row),
            target: parameters.get(row).and_then(issuing.holder).unwrap_or_default(),
            source_file: get(&files, row),
            source_line: lines.value(row),
        }));
        Ok(true)
    })?;
    Ok(issues)
}
