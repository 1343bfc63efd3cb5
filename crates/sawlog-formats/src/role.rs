//! Roles: what the fields of a record mean, whatever their log calls them. Questions are about roles, so that every
//! log that states what its fields mean can be queried like the others.

use std::borrow::Cow;

/// What a field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// An address of the record: the caller's, or one at either end of a flow.
    Address,
    /// Where it came from.
    Source,
    /// Where it went to.
    Destination,
    /// The port at the source.
    SourcePort,
    /// The port at the destination.
    DestinationPort,
    /// Who acted.
    Actor,
    /// What kind of identity the actor is.
    ActorType,
    /// ARNs of the actor, or of the role behind a session.
    ActorArn,
    /// Other names and ids of the actor, and of the role behind a session.
    ActorName,
    /// The access key that signed.
    AccessKey,
    /// The program that called.
    UserAgent,
    /// What was done.
    Operation,
    /// What it was done to.
    Target,
    /// The host that was asked for.
    Host,
    /// The URL that was asked for.
    Url,
    /// The affected bucket, or the bucket that holds the object.
    Bucket,
    /// The object's key.
    Key,
    /// The parameters of the call, as JSON.
    Parameters,
    /// The response of the call, as JSON text.
    Response,
    /// ARNs of the affected resources.
    Resource,
    /// Whether it was let through.
    Action,
    /// Why it failed.
    Error,
    /// The status of the response.
    Status,
    /// The AWS service.
    Service,
    /// The region.
    Region,
    /// The account that the record belongs to, or the caller's.
    Account,
    /// The ARN that has the caller's account, if nothing else does.
    AccountInArn,
    /// The network interface.
    Interface,
}

/// Where a record has the value of a role.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// A column, with dots for groups and lists; or an entity, by the name of its field.
    Field(&'static str),
    /// Any of some columns, since a record can have several values; the first one is shown.
    Any(&'static [&'static str]),
    /// A field of each group in a list: the list, and the field.
    Each(&'static str, &'static str),
    /// Two columns with a text between them; only the first one if the second is null.
    Joined(&'static str, &'static str, &'static str),
    /// An address and a port, as [`with_port`](crate::with_port) writes them; only the address if the port is null.
    Endpoint(&'static str, &'static str),
    /// What a function makes of the text in a column.
    Made(&'static str, fn(&str) -> Option<Cow<'static, str>>),
    /// The same in all records.
    Constant(&'static str),
    /// The first of some values that is not null.
    First(&'static [Value]),
}

/// Which records are about an action that changes something, unless it fails.
#[derive(Clone, Copy, Debug)]
pub enum Changes {
    /// None.
    Never,
    /// Records in which the text of a column begins with one of some prefixes, except for some texts.
    Begins(&'static str, &'static [&'static str], &'static [&'static str]),
    /// Records in which a column is false, except those in which another column has one of its values.
    Not {
        /// The column.
        column: &'static str,
        /// If it is null: records in which the text of another column begins with none of some prefixes.
        unknown: (&'static str, &'static [&'static str]),
        /// The columns and values.
        but: &'static [(&'static str, &'static [&'static str])],
    },
}

impl Changes {
    /// Whether a text in the column of [`Changes::Begins`] means a change.
    #[must_use]
    pub fn begins(&self, text: &str) -> bool {
        let Self::Begins(_, prefixes, but) = self else { return false };
        prefixes.iter().any(|prefix| text.starts_with(prefix)) && !but.contains(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Kind, Table};
    use crate::{Entity, EntityKind, Format, Part, formats};

    /// The column at a path; for a list, the fields of one of its groups.
    fn column(table: &Table, path: &str) -> Option<&'static Column> {
        let mut parts = path.split('.');
        let mut columns = table.columns;
        loop {
            let part = parts.next()?;
            let column = columns.iter().find(|column| column.name == part)?;
            match column.kind {
                Kind::Struct(inner) => columns = inner,
                Kind::List(inner) => {
                    parts.next()?.parse::<usize>().ok()?;
                    columns = inner;
                }
                _ => return parts.next().is_none().then_some(column),
            }
        }
    }

    /// The columns that a value names.
    fn columns(format: &Format, value: Value) -> Vec<&'static str> {
        match value {
            Value::Field(name) => match format.entities.iter().find(|entity| entity.field == name) {
                Some(entity) => entity.columns(),
                None => vec![name],
            },
            Value::Any(names) => names.to_vec(),
            Value::Joined(first, _, second) | Value::Endpoint(first, second) => vec![first, second],
            Value::Made(name, _) => vec![name],
            Value::Constant(_) | Value::Each(..) => Vec::new(),
            Value::First(values) => values.iter().flat_map(|value| columns(format, *value)).collect(),
        }
    }

    #[test]
    fn what_a_format_says_of_its_fields_is_about_columns_that_it_has() {
        for format in formats() {
            let table = format.table;
            let has = |path: &str, what: &str| assert!(column(table, path).is_some(), "{}: {what}: {path}", table.name);
            for (place, (role, value)) in format.roles.iter().enumerate() {
                let again = format.roles[..place].iter().any(|(other, _)| other == role);
                assert!(!again, "{}: {role:?} twice", table.name);
                if let Value::Each(list, field) = value {
                    has(&format!("{list}.0.{field}"), &format!("{role:?}"));
                }
                columns(format, *value).iter().for_each(|path| has(path, &format!("{role:?}")));
            }
            format.entities.iter().flat_map(Entity::columns).for_each(|path| has(path, "entities"));
            format.measures.columns().iter().for_each(|path| has(path, "measures"));
            format.measures.succeeded.iter().for_each(|(path, _)| has(path, "succeeded"));
            table.times.iter().for_each(|path| has(path, "times"));
            match format.measures.changes {
                Changes::Never => {}
                Changes::Begins(path, ..) => has(path, "changes"),
                Changes::Not { column, unknown, but } => {
                    has(column, "changes");
                    has(unknown.0, "changes");
                    but.iter().for_each(|(path, _)| has(path, "changes"));
                }
            }
        }
    }

    #[test]
    fn every_log_says_where_from_what_and_on_what() {
        for format in formats() {
            for role in [Role::Address, Role::Source, Role::Operation, Role::Target, Role::Account, Role::Region] {
                assert!(format.role(role).is_some(), "{} has no {role:?}", format.table.name);
            }
            assert!(!format.measures.failed.is_empty(), "{} does not say what failed", format.table.name);
        }
    }

    #[test]
    fn addresses_are_indexed_as_such() {
        for format in formats() {
            let Some(Value::Field(name)) = format.role(Role::Address) else { panic!("{}", format.table.name) };
            let entity = format.entities.iter().find(|entity| entity.field == name).unwrap();
            assert_eq!(entity.kind, EntityKind::Ip, "{}", format.table.name);
            assert!(matches!(entity.part, Part::Whole | Part::Addresses(_)), "{}", format.table.name);
        }
    }
}
