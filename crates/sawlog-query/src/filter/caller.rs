//! Who called: `user`, `access_key` and `account`.

use datafusion::logical_expr::{Expr, ident, lit};
use sawlog_formats::{Part, Role, Source, Table};

use super::condition::{Condition, any, either, probe};
use super::glob::{glob, is_glob, like};
use crate::logs::{self, path, resolve};
use crate::texts::test;

/// Whether an ARN has a name after its last `/` or `:`, or names the role of that name in a session:
/// `arn:aws:sts::1:assumed-role/ROLE/SESSION`.
fn is_named(column: &Expr, name: &str) -> Expr {
    let (ends, role) = ([format!("/{name}"), format!(":{name}")], format!(":assumed-role/{name}/"));
    let is_named = move |arn: &str| {
        let Some(rest) = arn.strip_prefix("arn:") else { return false };
        ends.iter().any(|end| rest.ends_with(end)) || rest.contains(&role)
    };
    test(column, &format!("is_named_{name}"), is_named)
}

/// How S3 logs write that a request was anonymous.
const NOBODY: &str = "-";

/// The caller is the value or matches it; or an ARN of the caller or of its role has the name after a `/` or `:`.
pub(super) fn user(table: &Table, value: &str) -> Option<Condition> {
    if value == NOBODY {
        let expr = resolve(table, "user")?.is_null();
        return Some(Condition { expr, probe: None });
    }
    let name = if is_glob(value) && !value.contains('[') { like(value) } else { like(&value.replace(['*', '?'], "_")) };
    // An assumed role is named before its session: arn:aws:sts::1:assumed-role/ROLE/SESSION.
    let patterns = [format!("arn:%/{name}"), format!("arn:%:{name}"), format!("arn:%:assumed-role/{name}/%")];
    let arn = |column: &Expr| {
        let whole = glob(column, value);
        if value.contains(':') {
            return whole;
        }
        if !value.contains(['*', '?']) {
            return whole.or(is_named(column, value));
        }
        patterns.iter().map(|pattern| column.clone().like(lit(pattern.as_str()))).fold(whole, Expr::or)
    };
    let fields = |role: Role| logs::fields(table, role);
    let mut found = vec![
        any(table, &fields(Role::ActorArn), arn),
        any(table, &fields(Role::ActorName), |column| glob(column, value)),
    ];
    if let Some(actor) = last_actor(table, &[fields(Role::ActorArn), fields(Role::ActorName)].concat(), value) {
        let probe = probe(table, vec![path(table, "user")], &ident("value"), |column| glob(column, value));
        found.push(Some(Condition { expr: actor, probe }));
    }
    // The index has all of them in one kind. Its test of ARNs selects everything that the test of names does.
    let found: Vec<Condition> = found.into_iter().flatten().collect();
    let fields = found.iter().filter_map(|condition| condition.probe.as_ref());
    let fields = fields.flat_map(|probe| probe.fields.clone()).collect();
    let probe = probe(table, fields, &ident("value"), arn);
    either(found.into_iter().map(|condition| condition.expr).collect()).map(|expr| Condition { expr, probe })
}

/// Whether the actor is the value or matches it in records where none of some fields says who it is: then it is a
/// service, an id, an account.
fn last_actor(table: &Table, fields: &[&str], value: &str) -> Option<Expr> {
    let Some(Part::First(sources)) = logs::entity(table, "user").map(|entity| entity.part) else {
        return Some(glob(&resolve(table, "user")?, value));
    };
    let is_asked =
        |source: &&Source| source.find.is_none() && source.only.is_empty() && fields.contains(&source.column);
    let asked = sources.iter().take_while(is_asked).count();
    // The engine looks at the rest only in the few records where the first ones are empty.
    let is_empty = |source: &Source| resolve(table, source.column).map(|column| logs::is_nothing(source, &column));
    let empty = sources[..asked].iter().map(is_empty).collect::<Option<Vec<_>>>()?.into_iter().reduce(Expr::and);
    let rest = glob(&logs::first(table, &sources[asked..])?, value);
    Some(empty.into_iter().fold(rest, |rest, empty| empty.and(rest)))
}

/// The access key that signed the request; S3 logs have it for presigned URLs only (signature versions 4 and 2).
pub(super) fn access_key(table: &Table, value: &str) -> Option<Condition> {
    let column = resolve(table, "access_key")?;
    let field = path(table, "access_key");
    // An empty key is no key. Looking up the column itself is faster.
    let is_whole = logs::entity(table, "access_key").is_none_or(|entity| !matches!(entity.part, Part::Within(_)));
    let plain = resolve(table, field).filter(|_| is_whole && !is_glob(value) && !value.is_empty());
    let expr = glob(&plain.unwrap_or(column), value);
    let probe = probe(table, vec![field], &ident("value"), |value_column| glob(value_column, value));
    Some(Condition { expr, probe })
}

/// The caller's account, or the account that the record belongs to.
pub(super) fn account(table: &Table, value: &str) -> Option<Condition> {
    let mut fields = logs::fields(table, Role::Account);
    let found = any(table, &fields, |column| glob(column, value));
    let Some(in_arn) = logs::field(table, Role::AccountInArn) else { return found };
    let caller = resolve(table, in_arn)?;
    let pattern = format!("arn:%:{}:%", like(value));
    let part = format!(":{value}:");
    let number = |column: &Expr| {
        if is_glob(value) {
            return column.clone().like(lit(pattern.as_str()));
        }
        let part = part.clone();
        let is_of = move |arn: &str| arn.strip_prefix("arn:").is_some_and(|rest| rest.contains(&part));
        test(column, &format!("is_of_{value}"), is_of)
    };
    let expr = found.into_iter().map(|condition| condition.expr).chain([number(&caller)]).reduce(Expr::or);
    let both = |value_column: &Expr| glob(value_column, value).or(number(value_column));
    fields.push(in_arn);
    let probe = probe(table, fields, &ident("value"), both);
    expr.map(|expr| Condition { expr, probe })
}
