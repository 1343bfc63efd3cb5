//! Roles: what the fields of a record mean, whatever their log calls them. Questions are about roles, so that a log that says
//! what its fields mean is asked like all others.

use std::borrow::Cow;

/// What a field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// An address that has to do with the record: the caller's, or that of either end of a flow.
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
    /// The access key that signed.
    AccessKey,
    /// The program that called.
    UserAgent,
    /// What was done.
    Operation,
    /// What it was done to.
    Target,
    /// The host that was asked, by its name.
    Host,
    /// The URL that was asked for.
    Url,
    /// The bucket that it was done to, or that holds the object.
    Bucket,
    /// The object's key.
    Key,
    /// Why it failed.
    Error,
    /// The status of the response.
    Status,
    /// The AWS service.
    Service,
    /// The region.
    Region,
    /// The account that the record belongs to.
    Account,
    /// The network interface.
    Interface,
}

/// Where the value of a role is in a record.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// A column, in a group or a list with dots; or an entity, by the name of its field.
    Field(&'static str),
    /// Any of some columns, of which a record can have several; the first one is shown.
    Any(&'static [&'static str]),
    /// Two columns with a text between them; the first one alone where the second one is null.
    Joined(&'static str, &'static str, &'static str),
    /// What a function makes of the text in a column.
    Made(&'static str, fn(&str) -> Option<Cow<'static, str>>),
    /// The same in all records.
    Constant(&'static str),
    /// The first of some values that there is.
    First(&'static [Value]),
}

/// Which records tell of an action that changes something.
#[derive(Clone, Copy, Debug)]
pub enum Changes {
    /// None.
    Never,
    /// Those in which the text of a column begins in one of some ways.
    Begins(&'static str, &'static [&'static str]),
    /// Those in which a column is false, but for those in which one of some columns has one of its values.
    Not(&'static str, &'static [(&'static str, &'static [&'static str])]),
}
