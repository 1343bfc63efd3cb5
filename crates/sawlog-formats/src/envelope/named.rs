//! Tells by its names whether an object or row is a record of a log, and writes it as the log would have it.

use crate::format::Format;
use crate::named_values::{Inside, NamedValues, plain};

/// Whether names are those of a log's columns: all that a record must have, and half of them at least.
pub(super) fn name_record<'n>(names: impl Iterator<Item = &'n [u8]>, format: &Format) -> bool {
    let Inside { aliases, required, .. } = format.inside;
    if required.is_empty() {
        return false;
    }
    let names: Vec<Vec<u8>> = names.map(plain).collect();
    let is_there = |name: &str| names.contains(&plain(name.as_bytes()));
    let has = |column: &str| is_there(column) || aliases.iter().any(|(name, of)| *of == column && is_there(name));
    if !required.iter().all(|column| has(column)) {
        return false;
    }
    let known: Vec<Vec<u8>> = format.table.columns.iter().map(|column| plain(column.name.as_bytes())).collect();
    let aliases: Vec<Vec<u8>> = aliases.iter().map(|(name, _)| plain(name.as_bytes())).collect();
    let count = names.iter().filter(|name| known.contains(name) || aliases.contains(name)).count();
    count > 2 && count * 2 >= names.len()
}

/// A JSON object of named values as the log would have it.
pub(super) fn object_as_record(object: &[u8], format: &Format) -> Option<Vec<u8>> {
    as_record(&NamedValues::of_object(object, &format.inside), format)
}

/// The same for named values of any kind.
pub(super) fn as_record(values: &NamedValues<'_>, format: &Format) -> Option<Vec<u8>> {
    (format.inside.write)(values)
}
