//! VPC flow logs: one flow a line, fields separated by blanks, in the order that a header line gives.
//!
//! The fields are those of the Amazon VPC user guide, "Flow log records". A file without a header line has the fields of
//! version 2, in that page's order, unless its reader knows better.

mod decode;
mod layout;
mod print;

use decode::Decoder;
pub use layout::{DEFAULT_FIELDS, is_header};
use print::LinePrinter;

use crate::decoder::{Carry, Format, Framing};
use crate::entity::{Entity, Failed, Measures};
use crate::table::{Column, Kind, Table};

/// The format.
pub const FORMAT: Format = Format {
    table: &TABLE,
    framing: Framing::Lines,
    detect,
    decoder: || Box::<Decoder>::default(),
    printed: || TABLE.columns.iter().map(|column| column.name).collect(),
    printer: |batch| Ok(Box::new(LinePrinter::new(batch)?)),
    skim,
    ends_block: |line| !line.is_empty() && !is_header(line),
    entities: &[
        Entity::new("ip", "srcaddr"),
        Entity::new("ip", "dstaddr"),
        Entity::new("ip", "pkt_srcaddr"),
        Entity::new("ip", "pkt_dstaddr"),
        Entity::new("port", "srcport"),
        Entity::new("port", "dstport"),
        Entity::new("interface", "interface_id"),
        Entity::new("account", "account_id"),
        Entity::new("region", "region"),
    ],
    measures: Measures { sent: Some("bytes"), received: None, failed: &[Failed::Is("action", "REJECT")] },
};

/// The table of network flows.
pub const TABLE: Table = Table {
    name: "vpc_flow",
    doc: "VPC flow logs: a row for each flow in a capture window",
    columns: COLUMNS,
    times: &["start", "end"],
};

const COLUMNS: &[Column] = &[
    Column::text("version", "The highest version of a field in the record").kind(Kind::Int32),
    Column::text("account_id", "The account of the interface's owner, or unknown"),
    Column::text("interface_id", "The network interface"),
    Column::text("srcaddr", "The source address").lookup(),
    Column::text("dstaddr", "The destination address").lookup(),
    Column::text("srcport", "The source port").kind(Kind::Int32),
    Column::text("dstport", "The destination port").kind(Kind::Int32),
    Column::text("protocol", "IANA's number of the protocol: 6 is TCP, 17 UDP, 1 ICMP").kind(Kind::Int32),
    Column::int64("packets", "Packets in the capture window"),
    Column::int64("bytes", "Bytes in the capture window"),
    Column::text("start", "When the first packet of the capture window was seen, UTC").kind(Kind::Time).skip_files(),
    Column::text("end", "When the last packet of the capture window was seen, UTC").kind(Kind::Time),
    Column::text("action", "ACCEPT or REJECT"),
    Column::text("log_status", "OK; NODATA: no traffic in the window; SKIPDATA: records were skipped"),
    Column::text("vpc_id", "The VPC"),
    Column::text("subnet_id", "The subnet"),
    Column::text("instance_id", "The instance of the interface"),
    Column::text("tcp_flags", "The TCP flags seen, as a bit mask: 1 FIN, 2 SYN, 4 RST, 18 SYN-ACK").kind(Kind::Int32),
    Column::text("type", "IPv4, IPv6 or EFA"),
    Column::text("pkt_srcaddr", "The packet's own source address, behind a NAT gateway or load balancer").lookup(),
    Column::text("pkt_dstaddr", "The packet's own destination address").lookup(),
    Column::text("region", "The region of the interface"),
    Column::text("az_id", "The availability zone's id"),
    Column::text("sublocation_type", "wavelength, outpost or localzone"),
    Column::text("sublocation_id", "The sublocation's id"),
    Column::text("pkt_src_aws_service", "The AWS service that the source address belongs to"),
    Column::text("pkt_dst_aws_service", "The AWS service that the destination address belongs to"),
    Column::text("flow_direction", "ingress or egress, as the interface sees it"),
    Column::text("traffic_path", "The number of the path that egress traffic takes").kind(Kind::Int32),
    Column::text("ecs_cluster_arn", "ARN of the ECS cluster"),
    Column::text("ecs_cluster_name", "Name of the ECS cluster"),
    Column::text("ecs_container_instance_arn", "ARN of the ECS container instance"),
    Column::text("ecs_container_instance_id", "Id of the ECS container instance"),
    Column::text("ecs_container_id", "Docker's id of the first container"),
    Column::text("ecs_second_container_id", "Docker's id of the second container"),
    Column::text("ecs_service_name", "Name of the ECS service"),
    Column::text("ecs_task_definition_arn", "ARN of the ECS task definition"),
    Column::text("ecs_task_arn", "ARN of the ECS task"),
    Column::text("ecs_task_id", "Id of the ECS task"),
    Column::text("reject_reason", "Why traffic was rejected: BPA or EC"),
    Column::text("resource_id", "The regional NAT gateway that the traffic belongs to"),
    Column::text("encryption_status", "Whether the flow is encrypted, as a number").kind(Kind::Int32),
    Column::text("extra", "The values of fields that have no column, as they stand in the line"),
    Column::text("fields", "The names of the line's fields, in order, as the header line gives them"),
    Column::text("gap", "Header lines that stand before the line"),
    Column::RAW_LINE,
    Column::SOURCE_FILE,
    Column::SOURCE_LINE,
];

/// Positions of columns.
mod column {
    pub(super) const START: usize = 10;
    pub(super) const END: usize = 11;
    /// How many fields have a column of their own.
    pub(super) const FIELDS: usize = 42;
    pub(super) const EXTRA: usize = 42;
    pub(super) const NAMES: usize = 43;
    pub(super) const GAP: usize = 44;
    pub(super) const RAW: usize = 45;
    pub(super) const SOURCE_FILE: usize = 46;
    pub(super) const SOURCE_LINE: usize = 47;
}

/// Whether `head`, the beginning of a file, looks like a flow log: one of its first lines is a header, or a record of
/// version 2.
///
/// ```
/// use sawlog_formats::vpc_flow::FORMAT;
/// assert!((FORMAT.detect)(b"version account-id interface-id srcaddr dstaddr\n"));
/// assert!(!(FORMAT.detect)(b"start of a text\n"));
/// ```
fn detect(head: &[u8]) -> bool {
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty()).take(32).any(|line| is_header(line) || is_default_record(line))
}

fn is_default_record(line: &[u8]) -> bool {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let number = |place: usize| fields[place].iter().all(u8::is_ascii_digit);
    fields.len() == 14
        && fields[0] == b"2"
        && number(10)
        && number(11)
        && matches!(fields[13], b"OK" | b"NODATA" | b"SKIPDATA")
}

fn skim(content: &[u8], carry: &mut Carry) {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', content).chain([content.len()]) {
        // Records begin with a number or an id; a look at the first letter leaves few lines to be looked at closely.
        if content.get(start).is_some_and(u8::is_ascii_lowercase) {
            let line = &content[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let (true, Ok(text)) = (is_header(line), std::str::from_utf8(line)) {
                carry.fields = Some(text.into());
            }
        }
        start = end + 1;
    }
}

#[cfg(test)]
mod tests;
