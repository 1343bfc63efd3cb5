//! Distinguishes a record from other text with as many words, if its numbers or times don't.

use std::net::IpAddr;

use super::TABLE;
use super::layout::{Layout, Slot, is_number, words};

/// How the ids of AWS resources in fields begin.
const PREFIXES: [(&str, &str); 15] = [
    ("interface_id", "eni-"),
    ("vpc_id", "vpc-"),
    ("subnet_id", "subnet-"),
    ("instance_id", "i-"),
    ("next_hop_interface_id", "eni-"),
    ("next_hop_subnet_id", "subnet-"),
    ("next_hop_vpc_id", "vpc-"),
    ("resource_type", "TransitGateway"),
    ("tgw_id", "tgw-"),
    ("tgw_src_vpc_id", "vpc-"),
    ("tgw_dst_vpc_id", "vpc-"),
    ("tgw_src_subnet_id", "subnet-"),
    ("tgw_dst_subnet_id", "subnet-"),
    ("tgw_src_eni", "eni-"),
    ("tgw_dst_eni", "eni-"),
];

/// Whether more than half of the fields that can be checked fit their names. A line without such fields is accepted.
pub(super) fn is_plausible<'a>(fields: impl Iterator<Item = (&'a Slot, &'a [u8])>) -> bool {
    let (mut told, mut sound) = (0, 0);
    for is_sound in fields.filter_map(|(slot, value)| is_sound(*slot, value)) {
        told += 1;
        sound += usize::from(is_sound);
    }
    told == 0 || sound * 2 > told
}

/// Whether the first field of a line has other text before it, such as the name of a file: it can't be what it is
/// named, but could without that text.
pub(super) fn has_text_before(slot: Slot, value: &[u8]) -> bool {
    // Ids have dashes.
    let separators: &[u8] = if matches!(slot, Slot::Text(_)) { b":,;\"|" } else { b":-,;\"|" };
    let is_separator = |byte: &u8| separators.contains(byte);
    let ends_sound = |at: usize| at + 1 < value.len() && is_sound(slot, &value[at + 1..]) == Some(true);
    // Nearly all fields that come first have no such byte.
    value.iter().any(is_separator)
        && is_sound(slot, value) == Some(false)
        && (0..value.len()).any(|at| is_separator(&value[at]) && ends_sound(at))
}

/// Whether each field of a line can be what `fields` calls it, and some of them can't be anything else.
pub(crate) fn fits(fields: &str, line: &[u8]) -> bool {
    let layout = Layout::new(fields.into());
    let told = layout.slots.iter().zip(words(line)).filter_map(|(slot, value)| Some((value, is_sound(*slot, value)?)));
    let (mut any, mut all) = (false, true);
    for (value, is_sound) in told {
        any |= !is_nothing(value);
        all &= is_sound;
    }
    any && all
}

/// Whether a field's value is one that it can have; `None` if it can have any.
fn is_sound(slot: Slot, value: &[u8]) -> Option<bool> {
    let column = match slot {
        // A number that is too large is still a number.
        Slot::Number(..) | Slot::Time(_) => return Some(is_nothing(value) || is_number(value)),
        Slot::Text(column) => TABLE.columns[column].name,
        Slot::Extra => return None,
    };
    let text = std::str::from_utf8(value).unwrap_or_default();
    let is = match column {
        "srcaddr" | "dstaddr" | "pkt_srcaddr" | "pkt_dstaddr" => text.parse::<IpAddr>().is_ok(),
        "account_id" | "tgw_src_vpc_account_id" | "tgw_dst_vpc_account_id" => {
            text == "unknown" || text.len() == 12 && is_number(value)
        }
        "action" => matches!(text, "ACCEPT" | "REJECT"),
        "log_status" => matches!(text, "OK" | "NODATA" | "SKIPDATA"),
        "flow_direction" => matches!(text, "ingress" | "egress"),
        "type" => matches!(text, "IPv4" | "IPv6" | "EFA"),
        _ => {
            let (_, prefix) = PREFIXES.iter().find(|(name, _)| *name == column)?;
            text.starts_with(prefix)
        }
    };
    Some(is || is_nothing(value))
}

fn is_nothing(value: &[u8]) -> bool {
    value == b"-"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plausible(fields: &str, line: &str) -> bool {
        let layout = Layout::new(fields.into());
        is_plausible(layout.slots.iter().zip(words(line.as_bytes())))
    }

    #[test]
    fn records_are_told_from_text() {
        let custom = "bytes az-id flow-direction srcaddr dstaddr log-status";
        assert!(plausible(custom, "100 use1-az1 egress 192.0.2.1 2001:db8::1 OK"));
        assert!(plausible(custom, "99999999999999999999999 use1-az1 egress 192.0.2.1 - OK"));
        assert!(!plausible(custom, "the quick brown fox jumps over"));
        assert!(!plausible("srcaddr dstaddr action", "10 20 ACCEPT"));
        assert!(plausible("srcaddr dstaddr action", "192.0.2.1 x ACCEPT"));
        // These fields may have any value.
        assert!(plausible("region ecs-task-id", "anything whatever"));
    }

    #[test]
    fn short_lines_are_records_only_if_all_of_them_fits() {
        let fields = "srcaddr dstaddr bytes action";
        assert!(fits(fields, b"192.0.2.1 2001:db8::1 5 ACCEPT") && fits(fields, b"- - - REJECT"));
        assert!(!fits(fields, b"192.0.2.1 192.0.2.2 five ACCEPT") && !fits(fields, b"to be or not"));
        // These fields may have any value.
        assert!(!fits("region ecs-task-id", b"anything whatever"));
    }

    #[test]
    fn text_before_a_field_is_told_from_odd_values() {
        let has = |field: &str, value: &str| has_text_before(Layout::new(field.into()).slots[0], value.as_bytes());
        for (field, value) in [
            ("version", "12:2"),
            ("version", "web-1.log-2"),
            ("srcaddr", "a.log:10.0.0.1"),
            ("srcaddr", "a.log:7:2001:db8::1"),
            ("account-id", "1714564800,111122223333"),
            ("interface-id", "a.log:eni-1"),
        ] {
            assert!(has(field, value), "{field} {value}");
        }
        for (field, value) in [
            ("version", "2"),
            ("version", "v-x"),
            ("srcaddr", "2001:db8::1"),
            ("interface-id", "eni-1"),
            ("region", "a:b"),
        ] {
            assert!(!has(field, value), "{field} {value}");
        }
    }

    #[test]
    fn every_prefix_is_of_a_column() {
        assert!(PREFIXES.iter().all(|(name, _)| TABLE.position(name).is_some()));
    }
}
