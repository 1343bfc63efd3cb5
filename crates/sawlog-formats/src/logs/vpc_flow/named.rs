//! Flow logs as named values: JSON objects, and rows of CSV as Athena writes them.

use super::TABLE;
use super::layout::{is_default_record, is_number, is_transit_record};
use crate::named_values::{Inside, NamedValues, micros, whole, word};
use crate::table::Kind;

/// How to find flow logs inside other documents. The other names are from the Amazon Athena user guide, "Create a
/// table for Amazon VPC flow logs", in its earlier versions.
pub(super) const INSIDE: Inside = Inside {
    is_record: |line| is_default_record(line) || is_transit_record(line) || super::is_header(line),
    is_own: |_| false,
    aliases: &[
        ("account", "account_id"),
        ("sourceaddress", "srcaddr"),
        ("destinationaddress", "dstaddr"),
        ("sourceport", "srcport"),
        ("destinationport", "dstport"),
        ("numpackets", "packets"),
        ("numbytes", "bytes"),
        ("starttime", "start"),
        ("endtime", "end"),
    ],
    required: &["srcaddr", "dstaddr"],
    write,
};

/// A header line and the line of a flow, with the fields that have a value. Flows without data have no addresses, but
/// their names are in the header.
fn write(values: &NamedValues<'_>) -> Option<Vec<u8>> {
    let (mut header, mut line) = (Vec::new(), Vec::new());
    for column in &TABLE.columns[..super::column::FIELDS] {
        let Some(value) = values.text(column.name) else { continue };
        if !header.is_empty() {
            header.push(b' ');
            line.push(b' ');
        }
        header.extend(column.name.bytes().map(|byte| if byte == b'_' { b'-' } else { byte }));
        match micros(value) {
            Some(time) if matches!(column.kind, Kind::Time) && !is_number(value) => {
                line.extend_from_slice((time / 1_000_000).to_string().as_bytes());
            }
            _ if matches!(column.kind, Kind::Int32 | Kind::Int64 | Kind::Time) => {
                line.extend_from_slice(&word(Some(&whole(value))));
            }
            _ => line.extend_from_slice(&word(Some(value))),
        }
    }
    header.push(b'\n');
    header.extend_from_slice(&line);
    // A line of two fields says nothing.
    memchr::memchr_iter(b' ', &line).nth(1).is_some().then_some(header)
}
