//! Entities: the values by which an investigator looks for records, and what is summed over the records that have
//! one. Both are data, so that the index, which is made during conversion, and the query that scans mean the same.

use crate::role::Changes;

/// What the values of an entity are, in every log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntityKind {
    /// An access key.
    AccessKey,
    /// An account number or canonical id.
    Account,
    /// What a firewall did with a flow.
    Action,
    /// A bucket.
    Bucket,
    /// An error code.
    Error,
    /// A service, such as `iam.amazonaws.com`.
    EventSource,
    /// The host that a request names.
    Host,
    /// A network interface.
    Interface,
    /// An address.
    Ip,
    /// An object: bucket and key.
    Object,
    /// An operation of S3, or an API action.
    Operation,
    /// A port.
    Port,
    /// A user, role or service.
    Principal,
    /// A region.
    Region,
    /// The status of an HTTP response.
    Status,
    /// A URL.
    Url,
    /// A user agent.
    UserAgent,
}

impl EntityKind {
    /// Its name in the index.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessKey => "access_key",
            Self::Account => "account",
            Self::Action => "action",
            Self::Bucket => "bucket",
            Self::Error => "error",
            Self::EventSource => "event_source",
            Self::Host => "host",
            Self::Interface => "interface",
            Self::Ip => "ip",
            Self::Object => "object",
            Self::Operation => "operation",
            Self::Port => "port",
            Self::Principal => "principal",
            Self::Region => "region",
            Self::Status => "status",
            Self::Url => "url",
            Self::UserAgent => "user_agent",
        }
    }
}

/// A field whose values are looked up.
#[derive(Clone, Copy, Debug)]
pub struct Entity {
    /// What the values are.
    pub kind: EntityKind,
    /// The column, in a group with dots; two columns are joined by `/`.
    pub field: &'static str,
    /// Which part of the field is the value.
    pub part: Part,
    /// Whether nearly every record can have a value of its own, as with objects, URLs and ports. The index may then
    /// leave out such a field. Every other field is always in the index.
    pub unbounded: bool,
}

/// What a function finds in a text.
pub type Find = fn(&str) -> Option<&str>;

/// Which part of its field an entity is.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// The field is the entity; a number in decimal.
    Whole,
    /// The values of two columns joined by `/`; a null is `-` in the first one, empty in the second.
    Joined(&'static str, &'static str),
    /// The part that a function finds in the text.
    Within(Find),
    /// The first source that is not empty.
    First(&'static [Source]),
    /// Each address in some columns, in its canonical spelling. A record can have several, and each counts once.
    Addresses(&'static [&'static str]),
}

/// Where a value can be found.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The column, in a group with dots.
    pub column: &'static str,
    /// What to look for in its text; the whole text if `None` (unless it is empty).
    pub find: Option<Find>,
    /// Texts that count as none, as the empty one does.
    pub but: &'static [&'static str],
    /// Used only in records where one of these columns has one of its values; in all records if empty.
    pub only: &'static [(&'static str, &'static [&'static str])],
}

impl Source {
    /// The text of a column, unless it is empty.
    #[must_use]
    pub const fn text(column: &'static str) -> Self {
        Self { column, find: None, but: &[], only: &[] }
    }

    /// What a function finds in the text of a column.
    #[must_use]
    pub const fn within(column: &'static str, find: Find) -> Self {
        Self { column, find: Some(find), but: &[], only: &[] }
    }

    /// The same, where these texts count as none.
    #[must_use]
    pub const fn but(self, but: &'static [&'static str]) -> Self {
        Self { but, ..self }
    }

    /// The same, only of some records.
    #[must_use]
    pub const fn only(self, only: &'static [(&'static str, &'static [&'static str])]) -> Self {
        Self { only, ..self }
    }

    /// The value in a text.
    #[must_use]
    pub fn value<'a>(&self, text: &'a str) -> Option<&'a str> {
        self.find.map_or(Some(text), |find| find(text)).filter(|text| self.none().all(|none| none != *text))
    }

    /// The texts that count as none.
    pub fn none(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once("").chain(self.but.iter().copied())
    }

    /// The columns that it is made of.
    fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.only.iter().map(|(column, _)| *column).chain([self.column])
    }
}

impl Entity {
    /// A field that is an entity of a kind.
    #[must_use]
    pub const fn new(kind: EntityKind, field: &'static str) -> Self {
        Self { kind, field, part: Part::Whole, unbounded: false }
    }

    /// The columns that the entity is made of, in groups with dots.
    #[must_use]
    pub fn columns(&self) -> Vec<&'static str> {
        match self.part {
            Part::Joined(first, second) => vec![first, second],
            Part::Whole | Part::Within(_) => vec![self.field],
            Part::First(sources) => sources.iter().flat_map(Source::columns).collect(),
            Part::Addresses(columns) => columns.to_vec(),
        }
    }
}

/// What is summed over a log's records.
#[derive(Clone, Copy, Debug)]
pub struct Measures {
    /// The bytes of a record.
    pub bytes: Option<Bytes>,
    /// The bytes that the service received: the size of what was stored, or the whole request.
    pub received: Option<Received>,
    /// A record has failed if any of these is true.
    pub failed: &'static [Failed],
    /// A record that did not fail has succeeded if a column is this text; always, if `None`.
    pub succeeded: Option<(&'static str, &'static str)>,
    /// Which records are about a change.
    pub changes: Changes,
    /// What the index sums for standing summaries.
    pub standing: &'static [Standing],
}

/// The bytes that a standing summary sums for each value of an entity, and the first record that has a number of
/// them. The summary is then an answer from the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The field of the entity.
    pub field: &'static str,
    /// Count only records in which this column begins with this text; all records if `None`.
    pub only: Option<(&'static str, &'static str)>,
}

impl Standing {
    /// The most sums for one field.
    pub const MOST: usize = 4;
}

/// A column of bytes, and what they are. Bytes of different kinds must not be added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// Bytes that the service sent to the caller.
    Sent(&'static str),
    /// Bytes that went over the network, in one direction.
    Flow(&'static str),
}

impl Bytes {
    /// The column.
    #[must_use]
    pub const fn column(self) -> &'static str {
        match self {
            Self::Sent(column) | Self::Flow(column) => column,
        }
    }
}

/// A column of sizes, which may count in some records only.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// The sizes.
    pub column: &'static str,
    /// It counts where this column has one of these values; everywhere if there is no column.
    pub by: Option<(&'static str, &'static [&'static str])>,
}

/// How a failure shows.
#[derive(Clone, Copy, Debug)]
pub enum Failed {
    /// The column is not null.
    Present(&'static str),
    /// The column, of 32-bit numbers, is at least this.
    AtLeast(&'static str, i32),
    /// The column is this text.
    Is(&'static str, &'static str),
    /// Any of some sources has something.
    Any(&'static [Source]),
}

impl Measures {
    /// The columns that the measures read.
    #[must_use]
    pub fn columns(&self) -> Vec<&'static str> {
        let received = self
            .received
            .iter()
            .flat_map(|received| [Some(received.column), received.by.map(|(column, _)| column)].into_iter().flatten());
        let failed = self.failed.iter().flat_map(|failed| match failed {
            Failed::Present(column) | Failed::AtLeast(column, _) | Failed::Is(column, _) => vec![*column],
            Failed::Any(sources) => sources.iter().flat_map(Source::columns).collect(),
        });
        let standing = self.standing.iter().filter_map(|standing| standing.only).map(|(column, _)| column);
        self.bytes.map(Bytes::column).into_iter().chain(received).chain(failed).chain(standing).collect()
    }

    /// What is summed over a field for standing summaries, in order.
    pub fn standing_of(&self, field: &str) -> impl Iterator<Item = &'static Standing> {
        self.standing.iter().filter(move |standing| standing.field == field)
    }
}
