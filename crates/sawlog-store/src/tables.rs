//! The tables that a store has.

use sawlog_formats::{REJECTS, Table, formats};

use crate::entities::ENTITIES;
use crate::source::SOURCES;

/// The tables of a store other than the tables of records.
const OTHERS: [&Table; 3] = [&REJECTS, &ENTITIES, &SOURCES];

/// All tables, the tables of records first.
pub const TABLES: fn() -> Vec<&'static Table> = || formats().iter().map(|format| format.table).chain(OTHERS).collect();

/// The table named `name`.
#[must_use]
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES().into_iter().find(|table| table.name == name)
}
