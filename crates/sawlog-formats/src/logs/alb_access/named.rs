//! ALB access logs as named values: JSON objects, and rows of CSV as Athena writes them.

use super::LOG;
use crate::line_log;
use crate::named_values::Inside;

/// How to find the log inside other documents. The other names are from the Amazon Athena user guide, "Create the
/// table for ALB access logs", and from fields in the user guide for Application Load Balancers.
pub(super) const INSIDE: Inside = Inside {
    is_record: |line| line_log::detect(&LOG, line),
    is_own: |_| false,
    aliases: &[
        ("client", "client_ip"),
        ("client:port", "client_ip"),
        ("target:port", "target_ip"),
        ("target", "target_ip"),
        ("timestamp", "time"),
        ("lambda_error_reason", "error_reason"),
        ("new_field", "target_port_list"),
        ("http_method", "request_verb"),
        ("tid", "conn_trace_id"),
    ],
    required: &["time", "elb", "elb_status_code"],
    write: |values| line_log::write_named(&LOG, values),
};
