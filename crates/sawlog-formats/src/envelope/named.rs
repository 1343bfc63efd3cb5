//! Recognises by its names whether an object or row is a record of a log, and writes it as the log would.

use super::cells::Pair;
use crate::format::Format;
use crate::formats;
use crate::named_values::{Inside, NamedValues, is_same_name, plain};
use crate::reject::RejectReason;

/// Whether names belong to a log's columns: all required ones are there, and at least half of the names are known.
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

/// The reason to reject an object with a record's values in a file of whole records; `None` if it has no such values.
/// Most other objects are recognised fast.
pub(super) fn only_values(members: &[Pair<'_>]) -> Option<RejectReason<'static>> {
    let is_one = |format: &&Format| {
        let Inside { aliases, required, .. } = format.inside;
        required.first().is_some_and(|first| {
            let mut names = aliases.iter().filter(|(_, of)| of == first).map(|(name, _)| *name).chain([*first]);
            names.any(|name| members.iter().any(|(of, _)| is_same_name(of, name.as_bytes())))
        }) && name_record(members.iter().map(|(name, _)| *name), format)
    };
    formats().iter().copied().any(|format| is_one(&format)).then_some(RejectReason::OnlyValues)
}

/// The reason to reject named values that are not a record.
pub(super) fn no_record(values: &NamedValues<'_>, format: &Format) -> RejectReason<'static> {
    let has_time = format.table.times.iter().any(|column| values.get(column).is_some());
    if has_time { RejectReason::NoTime } else { RejectReason::LacksValues }
}

/// A JSON object of named values, written as the log would.
pub(super) fn object_as_record(object: &[u8], format: &Format) -> Option<Vec<u8>> {
    as_record(&NamedValues::of_object(object, &format.inside), format)
}

/// The same for named values of any kind.
pub(super) fn as_record(values: &NamedValues<'_>, format: &Format) -> Option<Vec<u8>> {
    (format.inside.write)(values)
}
