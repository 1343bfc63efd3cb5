//! The indexed fields.

use std::sync::LazyLock;

use sawlog_formats::{Entity, Format, formats};

/// An indexed field of a log. Fields sort by kind, log and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(u32);

/// What an identifier stands for: the log, and the field.
static FIELDS: LazyLock<Vec<(&Format, &Entity)>> = LazyLock::new(|| {
    let all = formats().iter().copied();
    let all = all.flat_map(|format| format.entities.iter().map(move |entity| (format, entity)));
    let mut fields: Vec<(&Format, &Entity)> = all.collect();
    fields.sort_by_key(|(format, entity)| (entity.kind.name(), format.table.name, entity.field));
    fields
});

impl FieldId {
    /// A log's field by its name; `None` if it is not indexed.
    #[must_use]
    pub fn of(log: &str, name: &str) -> Option<Self> {
        Self::all().find(|field| field.format().table.name == log && field.entity().field == name)
    }

    /// All of them, in order.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..).map_while(Self::from_number)
    }

    /// The field with a number that [`FieldId::number`] gave.
    pub(super) fn from_number(number: u32) -> Option<Self> {
        ((number as usize) < FIELDS.len()).then_some(Self(number))
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// The log that has the field.
    #[must_use]
    pub fn format(self) -> &'static Format {
        FIELDS[self.0 as usize].0
    }

    /// What the field is.
    #[must_use]
    pub fn entity(self) -> &'static Entity {
        FIELDS[self.0 as usize].1
    }
}
