//! VPC flow logs: one flow per line, fields separated by blanks, in the order that a header line gives.
//!
//! The fields are from the Amazon VPC user guide, "Flow log records", and from the guide to AWS Transit Gateway,
//! "Transit Gateway Flow Log records". A file without a header line has the fields of version 2 in the order of that
//! page, or the fields of transit gateways, unless the reader gives others.

mod decode;
mod layout;
mod named;
mod plausible;
mod print;

use decode::Decoder;
pub use layout::{DEFAULT_FIELDS, TRANSIT_FIELDS, is_header};
use layout::{header_fields, is_default_record, is_transit_record};
pub(crate) use plausible::fits;
use print::LinePrinter;

use crate::decoder::Carry;
use crate::encoding::{MARK, without_mark};
use crate::entity::{Bytes, Entity, EntityKind, Failed, Measures, Part};
use crate::format::{Format, Framing};
use crate::role::{Changes, Role, Value};
use crate::table::{Column, Table};

/// The format.
pub const FORMAT: Format = Format {
    table: &TABLE,
    record: "line of a VPC flow log",
    framing: Framing::Lines,
    detect,
    decoder: |columns| Box::new(Decoder::new(columns)),
    printed: || TABLE.printed_columns(),
    printer: |batch| Ok(Box::new(LinePrinter::new(batch)?)),
    skim,
    ends_block: |line| !line.is_empty() && !is_header(without_mark(line)),
    delivered_as: &["vpcflowlogs"],
    inside: named::INSIDE,
    roles: ROLES,
    entities: &[
        Entity { part: Part::Addresses(ADDRESSES), ..Entity::new(EntityKind::Ip, "ip") },
        Entity::new(EntityKind::Ip, "srcaddr"),
        Entity::new(EntityKind::Ip, "dstaddr"),
        Entity::new(EntityKind::Ip, "pkt_srcaddr"),
        Entity::new(EntityKind::Ip, "pkt_dstaddr"),
        Entity { unbounded: true, ..Entity::new(EntityKind::Port, "srcport") },
        Entity { unbounded: true, ..Entity::new(EntityKind::Port, "dstport") },
        Entity::new(EntityKind::Interface, "interface_id"),
        Entity::new(EntityKind::Action, "action"),
        Entity::new(EntityKind::Account, "account_id"),
        Entity::new(EntityKind::Region, "region"),
    ],
    index_version: 1,
    measures: Measures {
        bytes: Some(Bytes::Flow("bytes")),
        received: None,
        failed: &[Failed::Is("action", "REJECT")],
        succeeded: Some(("action", "ACCEPT")),
        changes: Changes::Never,
        standing: &[],
    },
    subject: None,
    event_id: None,
    issuing: None,
};

/// What the fields mean.
const ROLES: &[(Role, Value)] = &[
    (Role::Address, Value::Field("ip")),
    (Role::Source, Value::Any(&["srcaddr", "pkt_srcaddr"])),
    (Role::Destination, Value::Any(&["dstaddr", "pkt_dstaddr"])),
    (Role::SourcePort, Value::Field("srcport")),
    (Role::DestinationPort, Value::Field("dstport")),
    (Role::Operation, Value::Constant("FLOW")),
    (Role::Target, Value::Endpoint("dstaddr", "dstport")),
    (Role::Action, Value::Field("action")),
    (Role::Region, Value::Field("region")),
    (Role::Account, Value::Field("account_id")),
    (Role::Interface, Value::Field("interface_id")),
];

/// The columns of a flow's addresses: its own ends, and the ends of its packets behind a gateway.
pub const ADDRESSES: &[&str] = &["srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr"];

/// The table of network flows.
pub const TABLE: Table = Table {
    name: "vpc_flow",
    doc: "VPC and transit gateway flow logs: a row for each flow in a capture window",
    columns: COLUMNS,
    times: &["start", "end", "file_time"],
};

const COLUMNS: &[Column] = &[
    Column::int32("version", "The highest version of a field in the record"),
    Column::text("account_id", "The account of the interface's owner, or unknown"),
    Column::text("interface_id", "The network interface"),
    Column::text("srcaddr", "The source address").lookup(),
    Column::text("dstaddr", "The destination address").lookup(),
    Column::int32("srcport", "The source port"),
    Column::int32("dstport", "The destination port"),
    Column::int32("protocol", "IANA's number of the protocol: 6 is TCP, 17 UDP, 1 ICMP"),
    Column::int64("packets", "Packets in the capture window"),
    Column::int64("bytes", "Bytes in the capture window"),
    Column::time("start", "When the first packet of the capture window was seen, UTC").skip_files(),
    Column::time("end", "When the last packet of the capture window was seen, UTC"),
    Column::text("action", "ACCEPT or REJECT"),
    Column::text("log_status", "OK; NODATA: no traffic in the window; SKIPDATA: records were skipped"),
    Column::text("vpc_id", "The VPC"),
    Column::text("subnet_id", "The subnet"),
    Column::text("instance_id", "The instance of the interface"),
    Column::int32("tcp_flags", "The TCP flags seen, as a bit mask: 1 FIN, 2 SYN, 4 RST, 18 SYN-ACK"),
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
    Column::int32("traffic_path", "The number of the path that egress traffic takes"),
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
    Column::int32("encryption_status", "Whether the flow is encrypted, as a number"),
    Column::text("instance_tag", "The value of the instance's tag that the flow log names"),
    Column::text("instance_tag_2", "The value of a second tag"),
    Column::text("interface_tag", "The value of the interface's tag that the flow log names"),
    Column::text("interface_tag_2", "The value of a second tag"),
    Column::text("asg_tag", "The value of the Auto Scaling group's tag that the flow log names"),
    Column::text("asg_tag_2", "The value of a second tag"),
    Column::text("interface_type", "nat_gateway, network_load_balancer, transit_gateway, vpc_endpoint and more"),
    Column::text("next_hop_interface_id", "The next hop's network interface"),
    Column::text("next_hop_subnet_id", "Its subnet"),
    Column::text("next_hop_az_id", "Its availability zone's id"),
    Column::text("next_hop_vpc_id", "Its VPC"),
    Column::text("next_hop_interface_type", "Its type"),
    Column::text("resource_type", "TransitGateway or TransitGatewayAttachment; null in VPC flow logs"),
    Column::text("tgw_id", "The transit gateway"),
    Column::text("tgw_attachment_id", "The transit gateway's attachment"),
    Column::text("tgw_src_vpc_account_id", "The account of the source VPC"),
    Column::text("tgw_dst_vpc_account_id", "The account of the destination VPC"),
    Column::text("tgw_src_vpc_id", "The source VPC"),
    Column::text("tgw_dst_vpc_id", "The destination VPC"),
    Column::text("tgw_src_subnet_id", "The subnet of the source"),
    Column::text("tgw_dst_subnet_id", "The subnet of the destination"),
    Column::text("tgw_src_eni", "The network interface of the source's attachment"),
    Column::text("tgw_dst_eni", "The network interface of the destination's attachment"),
    Column::text("tgw_src_az_id", "The availability zone's id of the source's attachment"),
    Column::text("tgw_dst_az_id", "The availability zone's id of the destination's attachment"),
    Column::text("tgw_pair_attachment_id", "The attachment by which the flow leaves, or by which it came"),
    Column::int64("packets_lost_no_route", "Packets lost because there was no route"),
    Column::int64("packets_lost_blackhole", "Packets lost to a blackhole route"),
    Column::int64("packets_lost_mtu_exceeded", "Packets lost because they were larger than the MTU"),
    Column::int64("packets_lost_ttl_expired", "Packets lost because their time to live had expired"),
    Column::time("file_time", "The time in the file's name, UTC, if the record has neither start nor end").skip_files(),
    Column::text("extra", "The values of fields without a column, as they are in the line"),
    Column::text("fields", "The names of the line's fields, in order, as the header line gives them"),
    Column::text("gap", "The text before the line in its file: header lines, or parts of a document of another kind"),
    Column::RAW_LINE,
    Column::SOURCE_FILE,
    Column::SOURCE_LINE,
    Column::WRAPPING,
    Column::WRAPPED,
];

/// Positions of columns.
mod column {
    pub(super) const START: usize = 10;
    pub(super) const END: usize = 11;
    /// The number of fields that have a column of their own.
    pub(super) const FIELDS: usize = 72;
    pub(super) const FILE_TIME: usize = FIELDS;
    pub(super) const EXTRA: usize = FIELDS + 1;
    pub(super) const NAMES: usize = FIELDS + 2;
    pub(super) const GAP: usize = FIELDS + 3;
    pub(super) const RAW: usize = FIELDS + 4;
    pub(super) const SOURCE_FILE: usize = FIELDS + 5;
    pub(super) const SOURCE_LINE: usize = FIELDS + 6;
}

/// Whether the beginning of a file looks like a flow log: a line is a header, or a record in a default format.
///
/// ```
/// use sawlog_formats::vpc_flow::FORMAT;
/// assert!((FORMAT.detect)(b"version account-id interface-id srcaddr dstaddr\n"));
/// assert!(!(FORMAT.detect)(b"start of a text\n"));
/// ```
fn detect(head: &[u8]) -> bool {
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let is_flow = |line: &[u8]| is_header(line) || is_default_record(line) || is_transit_record(line);
    lines.map(without_mark).filter(|line| !line.is_empty()).take(32).any(is_flow)
}

fn skim(content: &[u8], carry: &mut Carry) {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', content).chain([content.len()]) {
        // Records begin with a number or an id. The first letter rules out most other lines quickly.
        if content.get(start).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == MARK[0]) {
            let line = without_mark(&content[start..end]);
            let fields = header_fields(line.strip_suffix(b"\r").unwrap_or(line));
            carry.fields = fields.or(carry.fields.take());
        }
        start = end + 1;
    }
}

#[cfg(test)]
mod tests;
