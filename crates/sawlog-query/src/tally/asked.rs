//! Maps a query to the index: the field that has its groups, and the sums to read.

use sawlog_formats::{Entity, EntityKind, Format, Part};

use super::{Details, Measures};
use crate::logs::{entity, path};
use crate::numbers;
use crate::query::Query;

/// The length of a day, in microseconds.
const DAY: i64 = 86_400_000_000;

/// Whether the index can answer a query: it has no filters but whole days, and groups by an indexed field.
pub(super) fn answers(query: &Query, columns: &[String], measures: Measures) -> bool {
    let whole_days = [query.filters.since, query.filters.until].into_iter().flatten().all(|at| at % DAY == 0);
    let filtered = query.filters.expr_without_time().is_some() || query.filters.text.is_some();
    !filtered && whole_days && Asked::of(query.format, columns, measures).is_some()
}

/// The two columns of a joined value such as `bucket/key`: a null bucket is written as `-`, a null key as nothing.
const FIRST: numbers::Part =
    numbers::Part::Found(|value| value.split_once('/').map(|(first, _)| first).filter(|first| *first != "-"));
const SECOND: numbers::Part = numbers::Part::Found(|value| value.split_once('/').map(|(_, second)| second));

/// The field and the sums that a query needs from the index.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) entity: &'static Entity,
    /// For each column of the query, which part of the field's values it is.
    pub(super) parts: &'static [numbers::Part],
    /// Whether the parts determine the value. If not, several values of the index belong to one group.
    pub(super) is_whole: bool,
    pub(super) sums: AskedSums,
}

/// The sums to read, beside the number of records.
#[derive(Clone, Copy)]
pub(super) enum AskedSums {
    Nothing,
    /// Bytes, failures and times.
    All,
    /// A single sum for a standing summary, instead of all others: its position, and how many the field has.
    Standing {
        place: usize,
        of: usize,
    },
}

impl Asked {
    /// `None` if the index does not have these columns and measures.
    pub(super) fn of(format: &Format, columns: &[String], measures: Measures) -> Option<Self> {
        let (entity, parts, is_whole) = field(format, columns)?;
        let asked = Self { entity, parts, is_whole, sums: AskedSums::Nothing };
        if measures.first_number {
            let of_field = || format.measures.standing_of(entity.field);
            let place = of_field().position(|standing| standing.only == measures.only);
            let place = place.filter(|_| is_whole && measures.details == Details::Nothing)?;
            // Standing summaries group addresses as the log spells them.
            let parts = if matches!(parts, [numbers::Part::Address]) { &[numbers::Part::Whole] } else { parts };
            return Some(Self { parts, sums: AskedSums::Standing { place, of: of_field().count() }, ..asked });
        }
        if measures.only.is_some() || measures.details == Details::WithIps {
            return None;
        }
        let all = measures.bytes_sent || measures.details == Details::Sums;
        Some(if all { Self { sums: AskedSums::All, ..asked } } else { asked })
    }
}

/// The indexed field for some columns, the part of its values that is each column, and whether they determine the
/// value.
fn field(format: &Format, columns: &[String]) -> Option<(&'static Entity, &'static [numbers::Part], bool)> {
    let names: Vec<&str> = columns.iter().map(|name| path(format.table, name)).collect();
    let whole = || {
        let [name] = columns else { return None };
        let entity = entity(format.table, name).filter(|entity| !matches!(entity.part, Part::Joined(..)))?;
        let is_address = matches!(entity.part, Part::Whole) && entity.kind == EntityKind::Ip;
        let parts = if is_address { &[numbers::Part::Address][..] } else { &[numbers::Part::Whole] };
        Some((entity, parts, true))
    };
    let joined = || {
        format.entities.iter().find_map(|entity| match entity.part {
            Part::Joined(first, second) if names == [first, second] => Some((entity, &[FIRST, SECOND][..], true)),
            Part::Joined(_, second) if names == [second] => Some((entity, &[SECOND][..], false)),
            _ => None,
        })
    };
    whole().or_else(joined)
}

impl AskedSums {
    /// The columns of the index to read.
    pub(super) fn columns(self) -> Vec<&'static str> {
        const ALL: [&str; 6] = ["records", "bytes_sent", "bytes_received", "errors", "first_time", "last_time"];
        let sums = match self {
            Self::Nothing => &ALL[..1],
            Self::All => &ALL[..],
            Self::Standing { .. } => &["bytes_sent", "standing"][..],
        };
        [&["value", "data_file", "first_file", "first_line"], sums].concat()
    }
}
