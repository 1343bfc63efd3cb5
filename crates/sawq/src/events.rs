//! The view `events`: all logs in one schema, for questions that are about what happened, not about a log.

use sawlog_formats::{Table, cloudtrail, s3_access, vpc_flow};

/// The view's name.
pub(crate) const NAME: &str = "events";

/// The columns of the view, and what they mean.
pub(crate) const COLUMNS: &[(&str, &str, &str)] = &[
    (
        "time",
        "Timestamp(µs, \"UTC\")",
        "When it happened, UTC; of a flow when its window began, or ended if that is all that is known, or the time in its file's name",
    ),
    ("log", "Utf8", "The table that the record is in"),
    ("actor", "Utf8", "Who: an ARN where there is one, else a service or an id; null if anonymous, and for flows"),
    ("actor_type", "Utf8", "IAMUser, AssumedRole, AWSService, Root, Anonymous and more"),
    ("access_key", "Utf8", "The access key that signed"),
    ("src_ip", "Utf8", "From where: an address, or the AWS service that called"),
    ("operation", "Utf8", "What: an S3 operation, an API action, or FLOW"),
    ("target", "Utf8", "On what: bucket/key, the first resource or else the service, or address:port"),
    ("outcome", "Utf8", "success or failure; null for windows without data"),
    ("error", "Utf8", "The error code; of a rejected flow REJECT"),
    ("changes", "Boolean", "Whether it is an action that changes something"),
    ("user_agent", "Utf8", "With what"),
    ("bytes", "Int64", "Bytes sent; of a flow all bytes"),
    ("bytes_received", "Int64", "Size of what was stored"),
    ("bucket", "Utf8", "The bucket"),
    ("key", "Utf8", "The object's key"),
    ("service", "Utf8", "The AWS service; null for flows"),
    ("region", "Utf8", "The region that was called; in S3 logs that of the caller"),
    ("account", "Utf8", "The account that got the record; in S3 logs the bucket owner's canonical id"),
    ("source_file", "Utf8", "The file that the record is from"),
    ("source_line", "Int64", "The number of the line or record in it"),
];

/// What the S3 operations begin with that change something.
const S3_CHANGES: [&str; 6] = ["REST.PUT.", "REST.POST.", "REST.DELETE.", "REST.COPY.", "BATCH.", "S3."];

/// Whether an S3 operation changes something.
pub(crate) fn is_s3_change(operation: &str) -> bool {
    S3_CHANGES.iter().any(|prefix| operation.starts_with(prefix))
}

/// The view as a query over tables of records.
pub(crate) fn query(tables: &[&Table]) -> String {
    query_with(tables, |_| String::new())
}

/// The same with more columns, which `more` says of each table: `, a AS b`.
pub(crate) fn query_with(tables: &[&Table], more: impl Fn(&Table) -> String) -> String {
    let selects = tables.iter().filter_map(|table| select(table, &more(table)));
    selects.collect::<Vec<_>>().join(" UNION ALL ")
}

fn select(table: &Table, more: &str) -> Option<String> {
    let changes = S3_CHANGES.map(|prefix| format!("operation LIKE '{prefix}%'")).join(" OR ");
    // Text columns of every log are made the same type.
    let columns = if table.name == s3_access::TABLE.name {
        [
            "time",
            "requester",
            "CASE WHEN requester IS NULL THEN 'Anonymous' WHEN requester LIKE 'arn:%:assumed-role/%' THEN 'AssumedRole' \
             WHEN requester LIKE 'arn:%:user/%' THEN 'IAMUser' WHEN requester LIKE 'svc:%' THEN 'AWSService' \
             WHEN requester LIKE 'arn:%:root' THEN 'Root' ELSE 'CanonicalUser' END",
            "s3_access_key(request_uri)",
            "remote_ip",
            "operation",
            "CASE WHEN key IS NULL THEN bucket ELSE concat(bucket, '/', key) END",
            "CASE WHEN error_code IS NOT NULL OR http_status >= 400 THEN 'failure' ELSE 'success' END",
            "error_code",
            &changes,
            "user_agent",
            "bytes_sent",
            "CASE WHEN operation IN ('REST.PUT.OBJECT', 'REST.POST.OBJECT', 'REST.PUT.PART', 'REST.POST.PART') \
             THEN object_size END",
            "bucket",
            "key",
            "'s3.amazonaws.com'",
            "source_region",
            "bucket_owner",
        ]
    } else if table.name == cloudtrail::TABLE.name {
        [
            "event_time",
            "coalesce(user_identity.arn, user_identity.invoked_by, user_identity.principal_id)",
            "user_identity.type",
            "user_identity.access_key_id",
            "source_ip_address",
            "event_name",
            "coalesce(resources[1]['arn'], event_source)",
            "CASE WHEN error_code IS NOT NULL THEN 'failure' ELSE 'success' END",
            "error_code",
            "NOT read_only",
            "user_agent",
            "NULL",
            "NULL",
            "NULL",
            "NULL",
            "event_source",
            "aws_region",
            "recipient_account_id",
        ]
    } else if table.name == vpc_flow::TABLE.name {
        [
            "coalesce(start, \"end\", file_time)",
            "NULL",
            "NULL",
            "NULL",
            "srcaddr",
            "'FLOW'",
            "CASE WHEN dstport IS NULL THEN dstaddr ELSE concat(dstaddr, ':', dstport) END",
            "CASE action WHEN 'REJECT' THEN 'failure' WHEN 'ACCEPT' THEN 'success' END",
            "CASE action WHEN 'REJECT' THEN 'REJECT' END",
            "FALSE",
            "NULL",
            "bytes",
            "NULL",
            "NULL",
            "NULL",
            "NULL",
            "region",
            "account_id",
        ]
    } else {
        return None;
    };
    let name = table.name;
    let log = format!("'{name}'");
    let [time, rest @ ..] = columns;
    let all = [time, &log].into_iter().chain(rest).chain(["source_file", "source_line"]);
    let selected = all.zip(COLUMNS).map(|(expression, (column, data_type, _))| match *data_type {
        "Utf8" => format!("CAST({expression} AS VARCHAR) AS {column}"),
        "Int64" => format!("CAST({expression} AS BIGINT) AS {column}"),
        _ => format!("{expression} AS {column}"),
    });
    Some(format!("SELECT {}{more} FROM {name}", selected.collect::<Vec<_>>().join(", ")))
}
