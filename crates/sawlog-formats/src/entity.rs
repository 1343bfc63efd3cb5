//! Entities: the values by which an investigator looks for records, and what is added up of the records that have one.
//! Both are data, so that the index that is made as logs are converted and the query that scans mean the same.

/// A field whose values are looked up.
#[derive(Clone, Copy, Debug)]
pub struct Entity {
    /// What the values are: `ip`, `principal`, `access_key`, and so on; the same in every log.
    pub kind: &'static str,
    /// The column, in a group with dots; two columns are joined by `/`.
    pub field: &'static str,
    /// Where the value stands in the field.
    pub part: Part,
}

/// Where an entity stands in its field.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// The field is the entity; a number in decimal.
    Whole,
    /// Of two columns the values joined by `/`; a null is `-` in the first one, nothing in the second one.
    Joined(&'static str, &'static str),
    /// What a function finds in the text.
    Within(fn(&str) -> Option<&str>),
}

impl Entity {
    /// A field that is an entity of a kind.
    #[must_use]
    pub const fn new(kind: &'static str, field: &'static str) -> Self {
        Self { kind, field, part: Part::Whole }
    }

    /// The columns that the entity is made of, in groups with dots.
    #[must_use]
    pub fn columns(&self) -> Vec<&'static str> {
        match self.part {
            Part::Joined(first, second) => vec![first, second],
            Part::Whole | Part::Within(_) => vec![self.field],
        }
    }
}

/// What is added up of a log's records.
#[derive(Clone, Copy, Debug)]
pub struct Measures {
    /// The column of bytes that left for the caller; of flows all bytes.
    pub sent: Option<&'static str>,
    /// The size of what was stored.
    pub received: Option<Received>,
    /// A record has failed if any of these is true.
    pub failed: &'static [Failed],
}

/// The column of sizes, which counts where another column has one of some values.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// The sizes.
    pub column: &'static str,
    /// The other column.
    pub by: &'static str,
    /// Its values.
    pub values: &'static [&'static str],
}

/// How a failure shows.
#[derive(Clone, Copy, Debug)]
pub enum Failed {
    /// The column is not null.
    Present(&'static str),
    /// The column, of 32-bit numbers, is not less.
    AtLeast(&'static str, i32),
    /// The column is this text.
    Is(&'static str, &'static str),
}

impl Measures {
    /// The columns that the measures read.
    #[must_use]
    pub fn columns(&self) -> Vec<&'static str> {
        let received = self.received.iter().flat_map(|received| [received.column, received.by]);
        let failed = self.failed.iter().map(|failed| match failed {
            Failed::Present(column) | Failed::AtLeast(column, _) | Failed::Is(column, _) => *column,
        });
        self.sent.into_iter().chain(received).chain(failed).collect()
    }
}
