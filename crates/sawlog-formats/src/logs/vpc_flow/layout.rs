//! The order of a line's fields.

use std::sync::Arc;

use super::TABLE;
use super::column::FIELDS;
use crate::table::Kind;

/// The fields of version 2, for lines without other information.
pub const DEFAULT_FIELDS: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets \
                                  bytes start end action log-status";

/// The fields of AWS's default format of transit gateways.
pub const TRANSIT_FIELDS: &str = "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id \
                                  tgw-dst-vpc-account-id tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id \
                                  tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id \
                                  tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start \
                                  end log-status type packets-lost-no-route packets-lost-blackhole \
                                  packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags region flow-direction \
                                  pkt-src-aws-service pkt-dst-aws-service";

/// No header line is longer.
const MAX_HEADER: usize = 8192;

/// Where the fields of a line go.
#[derive(Debug)]
pub(super) struct Layout {
    /// The names of the fields, as in the header, separated by one blank.
    pub(super) text: Arc<str>,
    pub(super) slots: Vec<Slot>,
    /// How many fields are text, numbers, and without a column.
    pub(super) texts: usize,
    pub(super) numbers: usize,
    pub(super) extras: usize,
}

/// Where a field goes: its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Text(usize),
    /// The column, and whether it has 32 bits.
    Number(usize, bool),
    Time(usize),
    /// A field without a column, or one that the header names twice.
    Extra,
}

impl Layout {
    pub(super) fn new(text: Arc<str>) -> Self {
        let mut slots: Vec<Slot> = Vec::new();
        for name in text.split(' ') {
            let slot = position(name.as_bytes()).map_or(Slot::Extra, |column| match TABLE.columns[column].kind {
                Kind::Int32 => Slot::Number(column, true),
                Kind::Int64 => Slot::Number(column, false),
                Kind::Time => Slot::Time(column),
                _ => Slot::Text(column),
            });
            let repeated = slot != Slot::Extra && slots.contains(&slot);
            slots.push(if repeated { Slot::Extra } else { slot });
        }
        let count = |of: fn(&Slot) -> bool| slots.iter().filter(|slot| of(slot)).count();
        Self {
            texts: count(|slot| matches!(slot, Slot::Text(_))),
            numbers: count(|slot| matches!(slot, Slot::Number(..) | Slot::Time(_))),
            extras: count(|slot| *slot == Slot::Extra),
            slots,
            text,
        }
    }
}

/// The column of the field named `name`. AWS writes names with `-` in logs and with `_` in Parquet files; others use
/// capitals.
fn position(name: &[u8]) -> Option<usize> {
    let alike = |(a, b): (u8, &u8)| a == if *b == b'-' { b'_' } else { b.to_ascii_lowercase() };
    let same = |column: &str| column.len() == name.len() && column.bytes().zip(name).all(alike);
    TABLE.columns[..FIELDS].iter().position(|column| same(column.name))
}

/// The words of a line, separated by blanks or tabs.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty())
}

/// Whether a line names fields: all its words could be names, and most of them are known.
#[must_use]
pub fn is_header(line: &[u8]) -> bool {
    if line.len() > MAX_HEADER || !line.first().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let is_name = |word: &[u8]| {
        let letters = word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        letters && word.first().is_some_and(u8::is_ascii_alphabetic)
    };
    // Most lines that begin with a letter contain a word with a dot, so this is checked first.
    if !words(line).all(is_name) {
        return false;
    }
    let known = words(line).filter(|word| position(word).is_some()).count();
    known >= 2 && known * 2 > words(line).count()
}

/// The fields that a header line names, separated by one blank; `None` if it is not one.
pub(super) fn header_fields(line: &[u8]) -> Option<Arc<str>> {
    if !is_header(line) {
        return None;
    }
    let names: Vec<&str> = words(line).filter_map(|word| std::str::from_utf8(word).ok()).collect();
    Some(names.join(" ").into())
}

/// Whether a line is a record of version 2 in AWS's default format.
pub(super) fn is_default_record(line: &[u8]) -> bool {
    let [b"2", _, _, _, _, _, _, _, _, _, start, end, _, status] = words_of(line) else { return false };
    is_number(start) && is_number(end) && is_status(status)
}

/// Whether a line is a record in AWS's default format of transit gateways.
pub(super) fn is_transit_record(line: &[u8]) -> bool {
    const RESOURCES: [&[u8]; 2] = [b"TransitGateway", b"TransitGatewayAttachment"];
    const STARTS: usize = 23;
    let fields: [&[u8]; 36] = words_of(line);
    let [version, resource, ..] = fields;
    let times = &fields[STARTS..STARTS + 2];
    is_number(version)
        && RESOURCES.contains(&resource)
        && times.iter().all(|time| is_number(time))
        && is_status(fields[STARTS + 2])
}

/// The words of a line that has exactly this many; otherwise only empty ones.
fn words_of<const N: usize>(line: &[u8]) -> [&[u8]; N] {
    let mut found = [&line[..0]; N];
    let mut all = words(line);
    for place in &mut found {
        let Some(word) = all.next() else { return [&line[..0]; N] };
        *place = word;
    }
    if all.next().is_some() { [&line[..0]; N] } else { found }
}

/// Whether a word is of digits.
pub(super) fn is_number(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

fn is_status(word: &[u8]) -> bool {
    matches!(word, b"OK" | b"NODATA" | b"SKIPDATA")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_of_aws_have_a_column_for_each_field() {
        for (fields, count) in [(DEFAULT_FIELDS, 14), (TRANSIT_FIELDS, 36)] {
            let layout = Layout::new(fields.into());
            assert_eq!((layout.slots.len(), layout.extras), (count, 0), "{fields}");
        }
    }
}
