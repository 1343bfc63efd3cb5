//! Records whose meaning is known, and the questions that tests ask of all commands alike.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};

use crate::Case;

/// A CloudTrail event of a minute of 1 May 2024, with fields of its own.
///
/// # Panics
///
/// Never: an event is an object.
#[must_use]
pub fn event(minute: usize, more: Value) -> Value {
    let mut event = json!({
        "eventVersion": "1.09",
        "eventTime": format!("2024-05-01T{:02}:{:02}:00Z", 12 + minute / 60, minute % 60),
        "eventSource": "iam.amazonaws.com",
        "eventName": "ListUsers",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.66",
        "userAgent": "test/1",
        "userIdentity": { "type": "IAMUser", "userName": "ann", "arn": "arn:aws:iam::111122223333:user/ann",
            "principalId": "AIDAEXAMPLE1", "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE" },
        "eventID": format!("id-{minute}"),
        "readOnly": true,
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    });
    let Value::Object(more) = more else { return event };
    for (name, value) in more {
        if value.is_null() {
            event.as_object_mut().expect("an event is an object").remove(&name);
        } else {
            event[name.as_str()] = value;
        }
    }
    event
}

/// A file of CloudTrail events.
#[must_use]
pub fn trail(events: &[Value]) -> String {
    json!({ "Records": events }).to_string()
}

/// A line of an S3 log.
#[must_use]
pub fn request(ip: &str, requester: &str, key: &str, sent: &str) -> String {
    format!(
        "aaaa bucket-a [01/May/2024:12:00:00 +0000] {ip} {requester} R1 REST.GET.OBJECT {key} \"GET /k HTTP/1.1\" 200 - {sent} 1 1 1 \"-\" \"c\" - H SigV4 C A h TLSv1.2 -\n"
    )
}

/// How many records `find` finds.
///
/// # Panics
///
/// If the command fails.
#[must_use]
pub fn count(case: &Case, arguments: &[&str]) -> usize {
    let ran = case.sawq(&[&["find", "-c", "-q"], arguments].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    ran.text().trim().parse().expect("a count")
}

/// The groups of `top` by one column, and a number of each.
///
/// # Panics
///
/// If the command fails.
#[must_use]
pub fn top(case: &Case, dimension: &str, measure: &str, more: &[&str]) -> BTreeMap<String, u64> {
    let ran = case.sawq(&[&["top", dimension, "--json", "-n", "0", "-q"], more].concat());
    assert_eq!(ran.code, 0, "{dimension} {more:?}: {}", ran.err);
    let rows = ran.json();
    let row = |row: &Value| {
        (row[dimension].as_str().unwrap_or_default().to_owned(), row[measure].as_u64().unwrap_or_default())
    };
    rows.as_array().expect("rows").iter().map(row).collect()
}

/// The rows of a query.
///
/// # Panics
///
/// If the command fails.
#[must_use]
pub fn sql(case: &Case, query: &str, more: &[&str]) -> Value {
    let ran = case.sawq(&[&["sql", query, "--json"], more].concat());
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.json()
}

/// The same store without an index, so that every answer is a scan's.
///
/// # Panics
///
/// If there is none.
pub fn without_index(case: &Case) {
    fs::remove_dir_all(case.path("sawlog-store/entities")).expect("there is an index");
}

/// Events of which six failed, each in a way of its own, and two did not.
///
/// # Panics
///
/// Never: an event is an object.
#[must_use]
pub fn failures() -> Vec<Value> {
    let sign_in = |minute: usize, name: &str, more: Value| {
        let mut event = event(
            minute,
            json!({ "eventName": name, "eventSource": "signin.amazonaws.com",
            "eventType": "AwsConsoleSignIn", "readOnly": false,
            "userIdentity": { "type": "IAMUser", "userName": "bob", "accountId": "111122223333", "accessKeyId": "" } }),
        );
        more.as_object()
            .expect("fields of an event")
            .iter()
            .for_each(|(name, value)| event[name.as_str()] = value.clone());
        event
    };
    vec![
        sign_in(
            0,
            "ConsoleLogin",
            json!({ "errorMessage": "Failed authentication", "responseElements": { "ConsoleLogin": "Failure" } }),
        ),
        sign_in(1, "ConsoleLogin", json!({ "responseElements": { "ConsoleLogin": "Failure" } })),
        sign_in(2, "CheckMfa", json!({ "responseElements": { "CheckMfa": "Failure" } })),
        sign_in(
            3,
            "CredentialVerification",
            json!({ "eventType": "AwsServiceEvent", "serviceEventDetails": { "CredentialVerification": "Failure" } }),
        ),
        event(4, json!({ "errorMessage": "no code", "readOnly": false, "eventName": "PutUserPolicy" })),
        event(5, json!({ "errorCode": "AccessDenied", "errorMessage": "no" })),
        sign_in(6, "ConsoleLogin", json!({ "responseElements": { "ConsoleLogin": "Success" } })),
        // Not a sign-in: what it got is its own affair.
        event(7, json!({ "eventName": "CreateThing", "readOnly": false, "responseElements": { "state": "Failure" } })),
        event(8, json!({ "errorCode": "", "errorMessage": "" })),
    ]
}

/// The header line of these flow logs.
pub const FLOW_FIELDS: &str =
    "interface-id srcaddr dstaddr srcport dstport bytes start action pkt-srcaddr pkt-dstaddr flow-direction\n";

/// Flows with 203.0.113.5 at one end, at both, in its packets only, and not at all.
///
/// # Panics
///
/// Never: a string takes every write.
#[must_use]
pub fn flows() -> String {
    let rows = [
        ("eni-1", "203.0.113.5", "10.0.0.1", 40000, 443, 100, "ACCEPT", "203.0.113.5", "10.0.0.1"),
        ("eni-1", "10.0.0.1", "203.0.113.5", 443, 40000, 2000, "ACCEPT", "-", "-"),
        ("eni-1", "203.0.113.5", "203.0.113.5", 1, 2, 30, "REJECT", "-", "-"),
        ("eni-2", "10.0.0.9", "10.0.0.1", 5, 22, 4, "REJECT", "203.0.113.5", "10.0.0.1"),
        ("eni-2", "10.0.0.9", "10.0.0.1", 5, 22, 7, "ACCEPT", "-", "-"),
        ("eni-2", "198.51.100.7", "10.0.0.1", 6, 22, 7, "ACCEPT", "-", "-"),
    ];
    let mut log = FLOW_FIELDS.to_owned();
    for (number, (interface, from, to, port, to_port, bytes, action, packet_from, packet_to)) in
        rows.into_iter().enumerate()
    {
        let start = 1_714_564_800 + number;
        writeln!(
            log,
            "{interface} {from} {to} {port} {to_port} {bytes} {start} {action} {packet_from} {packet_to} ingress"
        )
        .expect("a string takes every write");
    }
    log
}
