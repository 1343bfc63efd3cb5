//! What records mean: which failed, who acted, which addresses are the same, what filters leave. Every command says the same.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use sawlog_tests::{Case, stored};
use serde_json::{Value, json};

/// A CloudTrail event of a minute of 1 May 2024, with fields of its own.
fn event(minute: usize, more: Value) -> Value {
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
            event.as_object_mut().unwrap().remove(&name);
        } else {
            event[name.as_str()] = value;
        }
    }
    event
}

fn trail(events: &[Value]) -> String {
    json!({ "Records": events }).to_string()
}

/// A line of an S3 log.
fn request(ip: &str, requester: &str, key: &str, sent: &str) -> String {
    format!(
        "aaaa bucket-a [01/May/2024:12:00:00 +0000] {ip} {requester} R1 REST.GET.OBJECT {key} \"GET /k HTTP/1.1\" 200 - {sent} 1 1 1 \"-\" \"c\" - H SigV4 C A h TLSv1.2 -\n"
    )
}

fn count(case: &Case, arguments: &[&str]) -> usize {
    let ran = case.sawq(&[&["find", "-c", "-q"], arguments].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    ran.text().trim().parse().unwrap()
}

/// The groups of `top` by one column, and a number of each.
fn top(case: &Case, dimension: &str, measure: &str, more: &[&str]) -> BTreeMap<String, u64> {
    let ran = case.sawq(&[&["top", dimension, "--json", "-n", "0", "-q"], more].concat());
    assert_eq!(ran.code, 0, "{dimension} {more:?}: {}", ran.err);
    let rows = ran.json();
    let row = |row: &Value| {
        (row[dimension].as_str().unwrap_or_default().to_owned(), row[measure].as_u64().unwrap_or_default())
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

fn sql(case: &Case, query: &str, more: &[&str]) -> Value {
    let ran = case.sawq(&[&["sql", query, "--json"], more].concat());
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.json()
}

/// The same store without an index, so that every answer is a scan's.
fn without_index(case: &Case) {
    fs::remove_dir_all(case.path("sawlog-store/entities")).unwrap();
}

/// Events of which six failed, each in a way of its own, and two did not.
fn failures() -> Vec<Value> {
    let sign_in = |minute: usize, name: &str, more: Value| {
        let mut event = event(
            minute,
            json!({ "eventName": name, "eventSource": "signin.amazonaws.com",
            "eventType": "AwsConsoleSignIn", "readOnly": false,
            "userIdentity": { "type": "IAMUser", "userName": "bob", "accountId": "111122223333", "accessKeyId": "" } }),
        );
        more.as_object().unwrap().iter().for_each(|(name, value)| event[name.as_str()] = value.clone());
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

#[test]
fn what_failed_has_failed_everywhere() {
    let case = stored(&[("a.json", trail(&failures()))]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        assert_eq!(count(&case, &["--error", "*"]), 6);
        assert_eq!(count(&case, &["--failed"]), 6);
        assert_eq!(count(&case, &["--error=!*"]), 3);
        assert_eq!(count(&case, &["--error", "Failure"]), 3);
        assert_eq!(count(&case, &["--error", "Failed auth*"]), 1);
        assert_eq!(count(&case, &["--error", "AccessDenied"]), 1);
        let errors = top(&case, "operation", "errors", &[]);
        assert_eq!((errors["ConsoleLogin"], errors["CheckMfa"], errors["CreateThing"]), (2, 1, 0), "{errors:?}");
        let errors = top(&case, "error", "count", &[]);
        let expected = [("", 3), ("AccessDenied", 1), ("Failed authentication", 1), ("Failure", 3), ("no code", 1)];
        assert_eq!(errors, expected.map(|(error, count)| (error.to_owned(), count)).into());
        // With a filter on half a day the records are looked at.
        assert_eq!(top(&case, "operation", "errors", &["--since", "2024-05-01T12:01"])["ConsoleLogin"], 1);
        let bob = case.sawq(&["who", "bob", "--json"]).json();
        assert_eq!((&bob["records"], &bob["logs"][0]["errors"]), (&json!(5), &json!(4)));
        assert_eq!(bob["changes"], json!([]));
        let outcomes =
            sql(&case, "SELECT outcome, count(*) AS n, count(error) AS e FROM events GROUP BY 1 ORDER BY 1", &[]);
        assert_eq!(
            outcomes,
            json!([{ "outcome": "failure", "n": 6, "e": 6 }, { "outcome": "success", "n": 3, "e": 0 }])
        );
        let timeline = case.sawq(&["timeline", "--expand", "--json"]).json();
        let failed = |row: &&Value| row["outcome"] == "failure";
        assert_eq!(timeline.as_array().unwrap().iter().filter(failed).count(), 6);
    }
    // Sign-ins change nothing, whether they succeed or not.
    assert_eq!(count(&case, &["--changes"]), 1);
    assert_eq!(count(&case, &["--changes", "--failed"]), 0);
    let nothing = case.sawq(&["find", "--failed", "--operation", "CreateThing"]);
    assert!(nothing.err.contains("no record matches all filters"), "{}", nothing.err);
}

/// What other tools write in place of AWS's values means the same.
#[test]
fn failures_and_actors_in_other_spellings() {
    let sign_in = |minute: usize, response: Value| {
        event(
            minute,
            json!({ "eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com", "responseElements": response }),
        )
    };
    let blank = json!({ "type": "IAMUser", "userName": " ", "arn": "arn:aws:iam::111122223333:user/blank" });
    let events = [
        sign_in(0, json!({ "ConsoleLogin": "failure" })),
        sign_in(1, json!("{\"ConsoleLogin\":\"Failure\"}")),
        sign_in(2, json!("{\"ConsoleLogin\":\"Success\"}")),
        event(3, json!({ "errorCode": 403 })),
        event(4, json!({ "errorCode": false, "userIdentity": blank })),
        event(5, json!({ "errorCode": "false", "errorMessage": "but this" })),
        event(6, json!({ "errorCode": "" })),
    ];
    let case = stored(&[("a.json", trail(&events))]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        assert_eq!(count(&case, &["--failed"]), 4);
        assert_eq!(count(&case, &["--error", "*"]), 4);
        assert_eq!(count(&case, &["--error", "false"]), 0);
        assert_eq!(count(&case, &["--error", "Failure"]), 2);
        let expected = [("", 3), ("403", 1), ("Failure", 2), ("but this", 1)];
        assert_eq!(top(&case, "error", "count", &[]), expected.map(|(error, count)| (error.to_owned(), count)).into());
        assert_eq!(top(&case, "operation", "errors", &[])["ConsoleLogin"], 2);
        let users = top(&case, "user", "count", &[]);
        assert_eq!(
            users,
            [("ann", 6), ("arn:aws:iam::111122223333:user/blank", 1)]
                .map(|(user, count)| (user.to_owned(), count))
                .into()
        );
        let outcomes =
            sql(&case, "SELECT outcome, count(*) AS n, count(error) AS e FROM events GROUP BY 1 ORDER BY 1", &[]);
        assert_eq!(
            outcomes,
            json!([{ "outcome": "failure", "n": 4, "e": 4 }, { "outcome": "success", "n": 3, "e": 0 }])
        );
        let actors = sql(&case, "SELECT actor, count(*) AS n FROM events GROUP BY 1 ORDER BY 1", &[]);
        assert_eq!(actors[1], json!({ "actor": "arn:aws:iam::111122223333:user/blank", "n": 1 }));
        let timeline = case.sawq(&["timeline", "--expand", "--json"]).json();
        let failed = |row: &&Value| row["outcome"] == "failure";
        assert_eq!(timeline.as_array().unwrap().iter().filter(failed).count(), 4);
    }
    assert_eq!(case.sawlog(&["verify"]).code, 0);
}

/// Of many records those that failed in silence are found, though the responses of others are not read.
#[test]
fn silent_failures_are_found_among_many_records() {
    let mut events: Vec<Value> =
        (0..60_000).map(|number| event(number % 600, json!({ "eventID": number.to_string() }))).collect();
    let case = stored(&[("a.json", trail(&events))]);
    assert_eq!(top(&case, "user_identity.type", "errors", &[])["IAMUser"], 0);
    events.truncate(100);
    events.extend(failures());
    case.write("logs/b.json", trail(&events));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    assert_eq!(top(&case, "user_identity.type", "errors", &[])["IAMUser"], 6);
    assert_eq!(case.sawq(&["who", "203.0.113.66", "--json"]).json()["logs"][0]["errors"], 6);
    assert_eq!(count(&case, &["--failed"]), 6);
}

#[test]
fn insights_are_about_an_action() {
    let insight = |minute: usize, state: &str| {
        event(
            minute,
            json!({ "eventName": null, "eventSource": null, "userIdentity": null, "sourceIPAddress": null, "userAgent": null,
            "readOnly": null, "eventType": "AwsCloudTrailInsight", "eventCategory": "Insight", "sharedEventID": "shared",
            "insightDetails": { "insightContext": { "errorCode": "no" }, "state": state, "eventSource": "ec2.amazonaws.com",
                "eventName": "DescribeRegions", "insightType": "ApiErrorRateInsight", "errorCode": "Client.RequestLimitExceeded" } }),
        )
    };
    let case = stored(&[("a.json", trail(&[insight(0, "Start"), insight(5, "End"), event(6, json!({}))]))]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        assert_eq!(count(&case, &["--operation", "DescribeRegions"]), 2);
        assert_eq!(count(&case, &["--operation", "Describe*", "--service", "ec2.amazonaws.com"]), 2);
        assert_eq!(count(&case, &["--error", "Client.*"]), 2);
        assert_eq!(top(&case, "operation", "count", &[])["DescribeRegions"], 2);
        // Start and end have one shared id, and are two events.
        assert_eq!(count(&case, &["--distinct"]), 3);
    }
    let timeline = case.sawq(&["timeline", "--expand"]);
    for part in
        ["DescribeRegions", "ApiErrorRateInsight Start", "ApiErrorRateInsight End", "Client.RequestLimitExceeded"]
    {
        assert!(timeline.text().contains(part), "{part} is not in {}", timeline.text());
    }
}

/// Callers, and how each is called.
fn callers() -> (Vec<Value>, &'static [&'static str]) {
    let caller = |minute: usize, identity: Value, more: Value| {
        let mut event = event(minute, more);
        event["userIdentity"] = identity;
        event
    };
    let session = json!({ "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/admin/ann", "principalId": "AROA1:ann",
        "accountId": "111122223333", "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::111122223333:role/admin", "userName": "admin" } } });
    let issuer = json!({ "type": "AssumedRole", "principalId": "AROA2:x", "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::111122223333:role/ops", "userName": "ops" } } });
    let events = vec![
        event(0, json!({})),
        caller(1, session, json!({})),
        caller(2, issuer, json!({})),
        caller(
            3,
            json!({ "type": "AWSService", "invokedBy": "delivery.logs.amazonaws.com", "accountId": "" }),
            json!({ "sourceIPAddress": "delivery.logs.amazonaws.com" }),
        ),
        caller(4, json!({ "type": "AWSAccount", "accountId": "444455556666", "principalId": "AIDAOTHER" }), json!({})),
        caller(5, json!({ "type": "AWSAccount", "accountId": "444455556666" }), json!({})),
        caller(
            6,
            json!({ "type": "Unknown", "userName": "", "principalId": "", "accountId": "" }),
            json!({ "sourceIPAddress": "AWS Internal" }),
        ),
        caller(7, Value::Null, json!({ "userIdentity": null })),
    ];
    const NAMES: &[&str] = &[
        "ann",
        "arn:aws:sts::111122223333:assumed-role/admin/ann",
        "arn:aws:iam::111122223333:role/ops",
        "delivery.logs.amazonaws.com",
        "AIDAOTHER",
        "444455556666",
        "AWS Internal",
        "111122223333",
    ];
    (events, NAMES)
}

#[test]
fn every_record_has_an_actor_and_every_command_the_same() {
    let (events, names) = callers();
    let lines = request("203.0.113.1", "arn:aws:iam::111122223333:user/dev/carl", "k", "1")
        + &request("203.0.113.1", "svc:delivery.logs.amazonaws.com", "k", "1")
        + &request("203.0.113.1", "-", "k", "1");
    let case = stored(&[("a.json", trail(&events)), ("s3", lines)]);
    let mut expected: BTreeMap<String, u64> = names.iter().map(|name| ((*name).to_owned(), 1)).collect();
    expected.extend([(String::new(), 1), ("carl".to_owned(), 1), ("delivery.logs.amazonaws.com".to_owned(), 2)]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        for name in ["user", "actor", "principal"] {
            assert_eq!(top(&case, name, "count", &[]), expected, "{name}");
        }
        assert_eq!(top(&case, "user", "count", &["--since", "2024-05-01T11:59"]), expected);
        let actors = sql(&case, "SELECT coalesce(actor, '') AS actor, count(*) AS n FROM events GROUP BY 1", &[]);
        let actors = actors
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["actor"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap()));
        assert_eq!(actors.collect::<BTreeMap<_, _>>(), expected);
        for (name, records) in expected.iter().filter(|(name, _)| !name.is_empty()) {
            // By a name, sessions of the same name are found, too.
            let records = if name == "ann" { 2 } else { *records };
            assert_eq!(count(&case, &["--user", name]) as u64, records, "{name}");
            let profile = case.sawq(&["who", name, "--kind", "principal", "--json"]).json();
            assert_eq!(profile["records"], records, "{name}");
            let principals = profile["facets"]["principals"].as_array().unwrap().iter();
            assert!(
                principals.map(|value| value["value"].as_str().unwrap()).any(|value| value == name),
                "{name}: {profile}"
            );
        }
        for (name, records) in [
            ("admin", 1),
            ("ops", 1),
            ("AIDAEXAMPLE1", 1),
            ("delivery.*", 2),
            ("arn:aws:sts::*", 1),
            ("*", 10),
            ("4444*", 1),
        ] {
            assert_eq!(count(&case, &["--user", name]), records, "{name}");
        }
    }
    for service in ["delivery.logs.amazonaws.com", "iam.amazonaws.com"] {
        let profile = case.sawq(&["who", service, "--json"]).json();
        let kind = if service.starts_with("iam") { "event_source" } else { "principal" };
        assert_eq!(profile["kind"], kind, "{service}");
        assert!(profile["records"].as_u64() > Some(0), "{service}");
    }
    // The address of a service is its name.
    assert_eq!(count(&case, &["--ip", "delivery.logs.amazonaws.com"]), 1);
    assert_eq!(count(&case, &["--ip", "AWS Internal"]), 1);
}

#[test]
fn no_access_key_is_an_empty_one() {
    let case = stored(&[("a.json", trail(&failures()))]);
    let expected: BTreeMap<String, u64> = [(String::new(), 5), ("AKIAIOSFODNN7EXAMPLE".to_owned(), 4)].into();
    for more in [&[][..], &["--since", "2024-05-01T11:59"]] {
        let rows = case.sawq(&[&["top", "access_key", "--json"], more].concat()).json();
        assert_eq!(top(&case, "access_key", "count", more), expected);
        assert!(rows.as_array().unwrap().iter().all(|row| row["access_key"] != ""), "{rows}");
    }
    let profile = case.sawq(&["who", "bob", "--json"]).json();
    assert_eq!(profile["facets"]["access_keys"], json!([]));
    assert_eq!(sql(&case, "SELECT count(access_key) AS n FROM events", &[]), json!([{ "n": 4 }]));
    assert_eq!(case.sawq(&["ctsummarize", "203.0.113.66", "--out", "summary"]).code, 0);
    assert_eq!(fs::read_to_string(case.path("summary/accesskeys.txt")).unwrap(), "      4 AKIAIOSFODNN7EXAMPLE\n");
    // S3 logs tell of keys in presigned URLs.
    let signed = request("203.0.113.1", "-", "k", "1")
        .replace("GET /k", "GET /k?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE/20240501");
    let case = stored(&[("a.json", trail(&failures())), ("s3", signed)]);
    assert_eq!(top(&case, "access_key", "count", &[])["AKIAIOSFODNN7EXAMPLE"], 5);
}

const FLOW_FIELDS: &str =
    "interface-id srcaddr dstaddr srcport dstport bytes start action pkt-srcaddr pkt-dstaddr flow-direction\n";

/// Flows with 203.0.113.5 at one end, at both, in its packets only, and not at all.
fn flows() -> String {
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
        .unwrap();
    }
    log
}

/// An address has as many records in each command, and what it sent and what was sent to it are not added up.
#[test]
fn an_address_counts_the_same_everywhere() {
    let lines = request("203.0.113.5", "-", "k", "5000").repeat(3);
    let case = stored(&[
        ("a.json", trail(&[event(0, json!({ "sourceIPAddress": "203.0.113.5" }))])),
        ("s3", lines),
        ("flows", flows()),
    ]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        for address in ["203.0.113.5", "10.0.0.1", "10.0.0.9", "198.51.100.7"] {
            let records = count(&case, &["--ip", address]);
            assert_eq!(top(&case, "ip", "count", &[])[address], records as u64, "{address}");
            assert_eq!(
                top(&case, "ip", "count", &["--since", "2024-05-01T11:59"])[address],
                records as u64,
                "{address}"
            );
            assert_eq!(case.sawq(&["who", address, "--json"]).json()["records"], records, "{address}");
        }
        assert_eq!(count(&case, &["--ip", "203.0.113.5"]), 3 + 1 + 4);
        for (measure, expected) in [("bytes_sent", 15_000), ("flow_bytes", 2134), ("errors", 2)] {
            assert_eq!(top(&case, "ip", measure, &[])["203.0.113.5"], expected, "{measure}");
            assert_eq!(top(&case, "ip", measure, &["--ip", "203.0.113.5"])["203.0.113.5"], expected, "{measure}");
        }
        let of_pairs = case.sawq(&["top", "ip/action", "--json", "-n", "0", "-q"]).json();
        let pair =
            of_pairs.as_array().unwrap().iter().find(|row| row["ip"] == "203.0.113.5" && row["action"] == "REJECT");
        assert_eq!(pair.map(|row| &row["count"]), Some(&json!(2)), "{of_pairs}");
        assert_eq!(top(&case, "srcaddr", "flow_bytes", &[])["203.0.113.5"], 130);
    }
    let profile = case.sawq(&["who", "203.0.113.5", "--json"]).json();
    let of_log =
        |log: &str| profile["logs"].as_array().unwrap().iter().find(|of_log| of_log["log"] == log).unwrap().clone();
    assert_eq!(
        (of_log("vpc_flow")["bytes_sent"].clone(), of_log("vpc_flow")["flow_bytes"].clone()),
        (json!(0), json!(2134))
    );
    assert_eq!(of_log("s3_access")["bytes_sent"], 15_000);
}

/// A flow that the interfaces at both ends logged is two records; whoever reads sums of bytes is told.
#[test]
fn flows_logged_at_both_ends_are_no_secret() {
    let flow = |interface: &str, way: &str| {
        format!("{interface} 10.0.0.10 10.0.0.11 40000 443 1000 1714564800 ACCEPT - - {way}\n")
    };
    let case = stored(&[("flows", FLOW_FIELDS.to_owned() + &flow("eni-a", "egress") + &flow("eni-b", "ingress"))]);
    for by in ["bytes-sent", "flow-bytes"] {
        let ran = case.sawq(&["top", "srcaddr", "--by", by, "--json"]);
        assert_eq!(ran.json()[0]["flow_bytes"], 2000);
        assert!(ran.err.contains("both ends"), "{}", ran.err);
    }
    assert!(case.sawq(&["top", "srcaddr", "-q"]).err.is_empty());
}

/// Records whose sums do not fit into 64 bits stop nobody, and are added up without a loss.
#[test]
fn sums_of_any_size_are_exact() {
    let many = request("203.0.113.5", "-", "k", "9223372036854775807").repeat(5);
    let case = stored(&[("s3", many)]);
    let exact = "46116860184273879035";
    for question in [&["top", "ip", "--format", "csv"][..], &["top", "ip", "--json"], &["who", "203.0.113.5", "--json"]]
    {
        let ran = case.sawq(question);
        assert_eq!(ran.code, 0, "{question:?}: {}", ran.err);
        assert!(ran.text().contains(exact), "{question:?}: {}", ran.text());
    }
    let table = case.sawq(&["who", "203.0.113.5", "--format", "csv"]);
    assert!(table.text().contains(exact), "{}{}", table.text(), table.err);
    assert_eq!(case.sawq(&["who", "203.0.113.5"]).code, 0);
}

/// One address in spellings of all kinds, in every log.
#[test]
fn an_address_is_one_however_it_is_spelled() {
    const SPELLINGS: [&str; 5] = [
        "2001:db8::1",
        "2001:DB8::1",
        "2001:db8:0:0:0:0:0:1",
        "2001:0db8:0000:0000:0000:0000:0000:0001",
        "2001:0DB8::0001",
    ];
    const WRAPPED: [&str; 4] = ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1"];
    let all = || SPELLINGS.iter().chain(&WRAPPED).chain(&["fe80::1%eth0", "192.0.2.77", "-"]);
    let lines: String = all().map(|ip| request(ip, "-", "k", "1")).collect();
    let events: Vec<Value> = all().map(|ip| event(0, json!({ "sourceIPAddress": ip }))).collect();
    let flow = |ip: &&str| format!("eni-1 {ip} 10.0.0.1 1 2 3 1714564800 ACCEPT {ip} - ingress\n");
    let flows: String = FLOW_FIELDS.to_owned() + &all().map(flow).collect::<String>();
    let case = stored(&[("a.json", trail(&events)), ("s3", lines), ("flows", flows)]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        let groups = top(&case, "ip", "count", &[]);
        for (canonical, spellings) in [("2001:db8::1", &SPELLINGS[..]), ("192.0.2.1", &WRAPPED[..])] {
            let records = spellings.len() * 3;
            assert_eq!(groups[canonical], records as u64);
            for spelling in spellings {
                assert_eq!(count(&case, &["--ip", spelling]), records, "{spelling}");
                assert_eq!(count(&case, &["--src", spelling]), records, "{spelling}");
                let not = format!("--ip=!{spelling}");
                assert_eq!(count(&case, &[&not]), 12 * 3 - records, "{spelling}");
                let profile = case.sawq(&["who", spelling, "--json"]).json();
                assert_eq!(
                    (&profile["entity"], &profile["records"]),
                    (&json!(canonical), &json!(records)),
                    "{spelling}"
                );
                assert!(spelling == &canonical || !groups.contains_key(*spelling), "{spelling}");
            }
        }
        assert_eq!(count(&case, &["--ip", "2001:db8::/32"]), 15);
        assert_eq!(count(&case, &["--ip", "192.0.2.0/24"]), 15);
        assert_eq!(count(&case, &["--ip", "::ffff:192.0.2.0/120"]), 15);
        assert_eq!(count(&case, &["--ip", "fe80::1%eth0"]), 3);
        assert_eq!(count(&case, &["--ip", "fe80::/10"]), 3);
        let in_network = "SELECT count(*) AS n FROM events WHERE in_cidr(src_ip, '192.0.2.0/24')";
        assert_eq!(sql(&case, in_network, &[]), json!([{ "n": 15 }]));
    }
}

#[test]
fn the_same_filter_again_means_either() {
    let names = ["DeleteUser", "PutUserPolicy", "ListUsers", "BatchDelete", "GetUser"];
    let agents = ["curl/8", "aws-cli/2"];
    let record = |number: usize| {
        event(
            number,
            json!({ "eventName": names[number % 5], "userAgent": agents[number % 2], "sourceIPAddress": format!("192.0.2.{number}") }),
        )
    };
    let case = stored(&[("a.json", trail(&(0..10).map(record).collect::<Vec<_>>()))]);
    case.write("iocs.txt", "# bad\n192.0.2.1\n\n  192.0.2.2  \r\n198.51.100.0/24\n");
    case.write("none.txt", "# nothing\n");
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        assert_eq!(count(&case, &["--operation", "Delete*", "--operation", "*Delete"]), 4);
        assert_eq!(count(&case, &["--operation", "DeleteUser", "--operation", "GetUser", "--agent", "curl/8"]), 2);
        assert_eq!(count(&case, &["--ip", "192.0.2.1", "--ip", "192.0.2.2", "--ip", "192.0.2.99"]), 2);
        assert_eq!(count(&case, &["--ip", "192.0.2.0/30", "--ip", "192.0.2.9"]), 5);
        assert_eq!(count(&case, &["--operation=!Delete*", "--operation=!*Delete"]), 6);
        assert_eq!(count(&case, &["--operation", "*User*", "--operation=!Get*"]), 6);
        assert_eq!(count(&case, &["--ip", "@iocs.txt"]), 2);
        assert_eq!(count(&case, &["--ip", "@iocs.txt", "--ip", "192.0.2.7"]), 3);
        assert_eq!(count(&case, &["--ip=!@iocs.txt"]), 8);
        assert_eq!(count(&case, &["--match", "DeleteUser", "--match", "curl"]), 6);
        assert_eq!(count(&case, &["--match", "curl", "--match", "!GetUser"]), 4);
    }
    // Thousands of values are not too many.
    let many: String = (0..5000).map(|number| format!("10.0.{}.{}\n", number / 256, number % 256)).collect();
    case.write("many.txt", many.clone() + "192.0.2.3\n");
    assert_eq!(count(&case, &["--ip", "@many.txt"]), 1);
    case.write("names.txt", (0..3000).map(|number| format!("Name{number}\n")).collect::<String>() + "GetUser\nPut*\n");
    assert_eq!(count(&case, &["--operation", "@names.txt"]), 4);
    for list in ["@none.txt", "@nowhere.txt"] {
        let ran = case.sawq(&["find", "--ip", list]);
        assert!(ran.code == 2 && ran.err.contains("--ip") && ran.err.contains(list), "{}", ran.err);
    }
}

#[test]
fn flows_are_filtered_by_either_end() {
    let case = stored(&[("flows", flows()), ("s3", request("203.0.113.5", "-", "k", "1"))]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        for (filters, expected) in [
            (&["--src", "203.0.113.5", "--log", "vpc"][..], 3),
            (&["--src", "203.0.113.5"], 4),
            (&["--dst", "203.0.113.5"], 2),
            (&["--src", "10.0.0.1", "--dst", "203.0.113.5"], 1),
            (&["--dport", "22"], 3),
            (&["--sport", "443"], 1),
            (&["--port", "443"], 2),
            (&["--dport", "22", "--action", "ACCEPT"], 2),
            (&["--action", "reject"], 2),
            (&["--src", "!10.0.0.0/8", "--dport", "22", "--action", "ACCEPT"], 1),
            (&["--ip", "10.0.0.0/8", "--peer", "203.0.113.5"], 3),
            (&["--ip", "203.0.113.5", "--peer", "203.0.113.5"], 1),
            (&["--ip", "10.0.0.1", "--peer", "!10.0.0.0/8"], 3),
            (&["--peer", "198.51.100.7"], 1),
            (&["--peer", "10.0.0.0/8", "--ip", "10.0.0.0/8"], 2),
            (&["--failed"], 2),
            (&["--changes"], 0),
        ] {
            assert_eq!(count(&case, filters), expected, "{filters:?}");
        }
    }
}

#[test]
fn fields_inside_of_json_are_columns() {
    let record = |number: usize| {
        event(
            number,
            json!({ "eventName": "CreateAccessKey", "readOnly": false,
            "requestParameters": { "userName": (["ann", "bob"][number % 2]), "deep": { "list": [{ "id": number }], "flag": true } },
            "responseElements": { "accessKey": { "userName": "x", "status": (["Active", "Inactive"][number % 3 % 2]) } } }),
        )
    };
    let resources = json!([{ "ARN": "arn:aws:s3:::bucket-a" }, { "ARN": "arn:aws:s3:::bucket-b" }]);
    let events: Vec<Value> = (0..6).map(record).chain([event(9, json!({ "resources": resources }))]).collect();
    let case = stored(&[("a.json", trail(&events)), ("s3", request("203.0.113.5", "-", "k", "1"))]);
    for (condition, expected) in [
        ("request_parameters.userName=ann", 3),
        ("request_parameters.userName=[ab]*", 6),
        ("request_parameters.userName!=ann", 5),
        ("response_elements.accessKey.status=Inactive", 2),
        ("request_parameters.deep.list.0.id=4", 1),
        ("request_parameters.deep.flag=true", 6),
        ("user_identity.type=IAMUser", 7),
        ("read_only=false", 6),
        ("http_status=200", 1),
        ("user=ann", 7),
        ("resources.0.arn=arn:aws:s3:::bucket-a", 1),
        ("resources.1.arn=*bucket-b", 1),
        ("resources.1.arn!=*", 7),
        // Without a place in a list, any value of it will do.
        ("request_parameters.deep.list.id=4", 1),
        ("request_parameters.deep.list[*].id=4", 1),
        ("request_parameters.deep.list[].id=4", 1),
        ("request_parameters.deep.list[0].id=4", 1),
        ("request_parameters.deep.list[1].id=4", 0),
        ("request_parameters.deep.list.id!=4", 7),
        ("resources.arn=*bucket-b", 1),
        ("resources[1].arn=*bucket-b", 1),
        ("resources.arn!=*", 7),
        // Names as AWS writes them, and blanks around the sign.
        ("requestParameters.userName=ann", 3),
        ("userIdentity.type = IAMUser", 7),
        ("sourceIPAddress=203.0.113.66", 7),
    ] {
        assert_eq!(count(&case, &["--where", condition]), expected, "{condition}");
    }
    let either = ["--where", "request_parameters.userName=ann", "--where", "request_parameters.userName=bob"];
    assert_eq!(count(&case, &either), 6);
    let both = ["--where", "request_parameters.userName=ann", "--where", "response_elements.accessKey.status=Inactive"];
    assert_eq!(count(&case, &both), 1);
    assert_eq!(top(&case, "request_parameters.userName", "count", &["--failed"]), BTreeMap::new());
    let expected = [("", 1), ("ann", 3), ("bob", 3)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(top(&case, "request_parameters.userName", "count", &["--log", "cloudtrail"]), expected.into());
    let rows = case.sawq(&[
        "find",
        "--columns",
        "event_name,request_parameters.userName,target,outcome",
        "-n",
        "1",
        "--format",
        "ndjson",
        "--log",
        "cloudtrail",
    ]);
    assert_eq!(
        rows.json(),
        json!({ "event_name": "CreateAccessKey", "request_parameters.userName": "ann", "target": "iam.amazonaws.com", "outcome": "success" })
    );
    assert_eq!(top(&case, "resources.1.arn", "count", &["--log", "cloudtrail"])["arn:aws:s3:::bucket-b"], 1);
    for wrong in ["request_parameters.userName", "nonsense=1", "resources=x", "resources.0=x", "resources.x.arn=y"] {
        let ran = case.sawq(&["find", "-c", "--where", wrong]);
        assert!(ran.code == 2 && ran.err.contains("--where"), "{wrong}: {}", ran.err);
    }
}

#[test]
fn times_are_taken_in_every_form() {
    let case = stored(&[("a.json", trail(&(0..30).map(|minute| event(minute, json!({}))).collect::<Vec<_>>()))]);
    for (filter, expected) in [
        (&["--since", "12:20"][..], 10),
        (&["--until", "12:05:00"], 6),
        (&["--since", "01/May/2024:12:20:00 +0000"], 10),
        (&["--since", "[01/May/2024:14:20:00 +0200]"], 10),
        (&["--since", "1714566000"], 10),
        (&["--since", "1714566000000"], 10),
        (&["--around", "12:10", "3m"], 7),
        (&["--around", "2024-05-01T12:10:00Z", "180s", "--since", "12:09"], 5),
        (&["--around", "12:00", "1h"], 30),
    ] {
        assert_eq!(count(&case, filter), expected, "{filter:?}");
    }
    case.write("logs/b.json", trail(&[event(30, json!({ "eventTime": "2024-05-02T00:00:00Z" }))]));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let ran = case.sawq(&["find", "--since", "12:20"]);
    assert!(ran.code == 2 && ran.err.contains("2024-05-01 to 2024-05-02"), "{}", ran.err);
}

/// What the last year that a calendar has says, and what a second, a minute and a day include.
#[test]
fn the_time_that_is_named_is_included_whole() {
    let case = stored(&[("a.json", trail(&(0..30).map(|minute| event(minute, json!({}))).collect::<Vec<_>>()))]);
    for (filter, expected) in [
        (&["--since", "2024-05-01T12:05:00Z", "--until", "2024-05-01T12:05:00Z"][..], 1),
        (&["--since", "2024-05-01T12:05:00", "--until", "2024-05-01T12:05:00"], 1),
        (&["--since", "2024-05-01T14:05:00+02:00", "--until", "2024-05-01T14:06:00+02:00"], 2),
        (&["--since", "2024-05-01T12:05Z", "--until", "2024-05-01T12:07Z"], 3),
        (&["--until", "2024-05-01T12:05:00.5Z"], 6),
        (&["--until", "2024-05-01T12:04:59.999999Z"], 5),
        (&["--until", "9999-12-31"], 30),
        (&["--until", "9999-12-31T23:59:59Z"], 30),
        (&["--until", "31/Dec/9999"], 30),
        (&["--since", "9999-12-31"], 0),
        (&["--since", "0001-01-01", "--until", "2024-05-01"], 30),
    ] {
        assert_eq!(count(&case, filter), expected, "{filter:?}");
    }
}

/// Requests that failed without an error code, and with one though the status is good.
#[test]
fn any_error_is_what_failed() {
    let s3 = |key: &str, status: &str, code: &str| {
        request("203.0.113.5", "-", key, "1").replace(" 200 - 1 ", &format!(" {status} {code} 1 "))
    };
    let log =
        [s3("a", "200", "-"), s3("b", "404", "-"), s3("c", "403", "AccessDenied"), s3("d", "200", "InternalError")];
    let case = stored(&[("s3", log.concat()), ("a.json", trail(&failures())), ("flows", flows())]);
    let failed = count(&case, &["--failed"]);
    assert_eq!(count(&case, &["--failed", "--log", "s3"]), 3);
    assert_eq!(count(&case, &["--error", "*", "--log", "s3"]), 3);
    assert_eq!(count(&case, &["--error", "*"]), failed);
    assert_eq!(count(&case, &["--error", "!*"]), count(&case, &[]) - failed);
    assert_eq!(count(&case, &["--error", "!*", "--failed"]), 0);
    assert_eq!(count(&case, &["--error", "Access*", "--log", "s3"]), 1);
    let of_events = sql(&case, "SELECT count(*) AS n FROM events WHERE outcome = 'failure'", &["--error", "*"]);
    assert_eq!(of_events[0]["n"].as_u64(), Some(failed as u64));
}

#[test]
fn the_service_of_s3_logs_is_s3() {
    let of_s3 = event(1, json!({ "eventSource": "s3.amazonaws.com", "eventName": "ListBuckets" }));
    let case = stored(&[
        ("s3", request("203.0.113.5", "-", "k", "1").repeat(2)),
        ("a.json", trail(&[event(0, json!({})), of_s3])),
        ("flows", flows()),
    ]);
    for (value, expected) in
        [("s3.amazonaws.com", 3), ("s3*", 3), ("s[3].amazonaws.com", 3), ("iam.amazonaws.com", 1), ("*", 4)]
    {
        assert_eq!(count(&case, &["--service", value]), expected, "{value}");
        let not = format!("!{value}");
        assert_eq!(count(&case, &["--service", &not]), count(&case, &[]) - expected, "{not}");
    }
    assert_eq!(count(&case, &["--service", "iam.amazonaws.com", "--service", "s3.amazonaws.com"]), 4);
    let services = top(&case, "service", "count", &["--service", "*"]);
    assert_eq!((services["s3.amazonaws.com"], services["iam.amazonaws.com"]), (3, 1));
    let profile = case.sawq(&["who", "s3.amazonaws.com", "--json"]).json();
    assert_eq!((&profile["kind"], &profile["records"]), (&json!("event_source"), &json!(3)));
}

/// User agents of AWS's services stand in brackets, in which a glob would see a range of characters, and no good one.
#[test]
fn values_that_only_look_like_globs_are_found() {
    let agents = ["[aws-sdk-java/1.11]", "[S3Console/0.4, aws-internal/3]", "a[b", "{x}[y]", "[ab]c"];
    let events = agents.iter().enumerate().map(|(at, agent)| {
        event(at, json!({ "userAgent": agent, "requestParameters": { "bucketName": agent, "key": agent } }))
    });
    let case = stored(&[("a.json", trail(&events.collect::<Vec<_>>()))]);
    for agent in agents {
        for option in ["--agent", "--bucket", "--key", "--resource"] {
            assert_eq!(count(&case, &[option, agent]), 1, "{option} {agent}");
        }
        assert_eq!(count(&case, &["--where", &format!("user_agent={agent}")]), 1, "{agent}");
        assert_eq!(count(&case, &["--agent", &format!("!{agent}")]), agents.len() - 1, "{agent}");
        assert_eq!(case.sawq(&["who", agent, "--kind", "agent", "--json"]).json()["records"], 1, "{agent}");
    }
    for (glob, expected) in [("{x}*", 1), ("[{]x}*", 1), ("[{}]x[{}]*", 1), ("[[]*", 3), ("?x}[[]y]", 1)] {
        assert_eq!(count(&case, &["--agent", glob]), expected, "{glob}");
        assert_eq!(count(&case, &["--bucket", glob]), expected, "{glob}");
    }
}

/// A tag's key, or what is within something else, is no object's key.
#[test]
fn only_a_call_s_own_parameters_name_its_object() {
    let parameters = [
        json!({ "bucketName": "bucket-a", "key": "photos/My Photo+1.jpg" }),
        json!({ "tagSet": { "items": [{ "key": "photos/My Photo+1.jpg" }] } }),
        json!({ "policy": "{\"bucketName\":\"bucket-a\"}" }),
        json!({ "bucketName": "bucket-b", "key": "x\"y" }),
    ];
    let events =
        parameters.iter().enumerate().map(|(at, parameters)| event(at, json!({ "requestParameters": parameters })));
    let case = stored(&[("a.json", trail(&events.collect::<Vec<_>>()))]);
    for (filter, expected) in [
        (["--key", "photos/My Photo+1.jpg"], 1),
        (["--key", "photos/My%20Photo%2B1.jpg"], 1),
        (["--key", "photos/*"], 1),
        (["--key", "x\"y"], 1),
        (["--key", "s3://bucket-a/photos/My Photo+1.jpg"], 1),
        (["--key", "s3://bucket-b/photos/My Photo+1.jpg"], 0),
        (["--bucket", "bucket-a"], 1),
        (["--bucket", "bucket-[ab]"], 2),
    ] {
        assert_eq!(count(&case, &filter), expected, "{filter:?}");
    }
}

/// Both ends of the flows that an interface logged are its addresses, each once for a flow, as `top ip` counts them.
#[test]
fn the_addresses_of_an_interface_are_both_ends_of_its_flows() {
    let case = stored(&[("flows", flows()), ("s3", request("203.0.113.5", "-", "k", "1"))]);
    let interfaces = top(&case, "interface", "count", &["--log", "vpc"]);
    let interface = interfaces.keys().find(|name| !name.is_empty()).unwrap();
    for (entity, filter) in [(interface.as_str(), "--interface"), ("10.0.0.0/8", "--ip"), ("22", "--port")] {
        let mut expected = top(&case, "ip", "count", &["--log", "vpc", filter, entity]);
        expected.remove("");
        let profile = case.sawq(&["who", entity, "--log", "vpc", "--json"]).json();
        let values = profile["facets"]["addresses"].as_array().unwrap();
        let found: BTreeMap<String, u64> = values
            .iter()
            .map(|value| (value["value"].as_str().unwrap().to_owned(), value["records"].as_u64().unwrap()))
            .collect();
        assert_eq!(found, expected, "{entity}");
        assert!(!found.is_empty());
    }
}

/// A column of a log that the store has no records of.
#[test]
fn a_column_of_another_log_is_named_as_such() {
    let case = stored(&[("flows", flows())]);
    for (arguments, said) in [
        (&["top", "user_agent"][..], "vpc_flow has no column 'user_agent'; s3_access, cloudtrail and alb_access have"),
        (&["top", "bucket"], "vpc_flow has no column 'bucket'; s3_access has"),
        (&["top", "srcprt"], "did you mean 'srcport'?"),
    ] {
        let ran = case.sawq(arguments);
        assert!(ran.code == 2 && ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    let ran = case.sawq(&["find", "--where", "nonsense=1"]);
    assert_eq!(ran.err.matches("invalid value").count(), 1, "{}", ran.err);
}

#[test]
fn wrong_values_are_wrong_command_lines() {
    let case = stored(&[("a.json", trail(&[event(0, json!({}))])), ("flows", flows())]);
    for (arguments, hint) in [
        (&["--port", "abc"][..], "is not a port"),
        (&["--dport", "70000"], "is not a port"),
        (&["--ip", "999.1.1.1"], "is neither an address"),
        (&["--dst", "10.0.0.0/40"], "is not a network"),
        (&["--peer", "x"], "is neither an address"),
        (&["--since", "2021-13-45"], "write 2021-07-29"),
        (&["--around", "12:00", "long"], "is not a duration"),
        (&["--log", "cloud9"], "the logs are"),
        (&["--match", "("], "unclosed group"),
    ] {
        for command in [&["find"][..], &["top", "ip"], &["timeline"], &["sql", "SELECT 1"]] {
            let ran = case.sawq(&[command, arguments].concat());
            assert!(
                ran.code == 2 && ran.err.contains(hint) && ran.err.contains(arguments[0]),
                "{command:?} {arguments:?}: {} {}",
                ran.code,
                ran.err
            );
        }
    }
}

#[test]
fn text_filters_work_wherever_filters_do() {
    let case = stored(&[
        ("a.json", trail(&failures())),
        ("s3", request("203.0.113.5", "-", "cat.jpg", "1")),
        ("flows", flows()),
    ]);
    assert_eq!(sql(&case, "SELECT count(*) AS n FROM events", &["--match", "ConsoleLogin"]), json!([{ "n": 3 }]));
    assert_eq!(sql(&case, "SELECT count(*) AS n FROM events", &["-F", "--match", "cat.jpg"]), json!([{ "n": 1 }]));
    let timeline = case.sawq(&["timeline", "--expand", "--match", "!ConsoleLogin", "--log", "cloudtrail"]);
    assert!(timeline.text().contains("CheckMfa") && !timeline.text().contains("ConsoleLogin"), "{}", timeline.text());
    let report = case.sawq(&["report", "--out", "page.html", "--match", "eni-2"]);
    assert!(report.code == 0 && report.err.contains("3 records"), "{}", report.err);
    assert_eq!(count(&case, &["--source-file", "*/s3"]) + count(&case, &["--source-file", "s3"]), 1);
}

#[test]
fn keys_are_found_by_name_encoding_and_url() {
    let lines = request("203.0.113.5", "-", "photos/My%2520Photo%252B1.jpg", "1")
        + &request("203.0.113.5", "-", "plain.txt", "1");
    let put = event(
        0,
        json!({ "eventName": "PutObject", "eventSource": "s3.amazonaws.com", "requestParameters": { "bucketName": "bucket-a", "key": "photos/My Photo+1.jpg" } }),
    );
    let case = stored(&[("s3", lines), ("a.json", trail(&[put, event(1, json!({}))]))]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        for key in [
            "photos/My Photo+1.jpg",
            "photos/My%20Photo%2B1.jpg",
            "photos/My%2520Photo%252B1.jpg",
            "photos/My Photo*",
            "s3://bucket-a/photos/My Photo+1.jpg",
            "arn:aws:s3:::bucket-a/photos/My Photo+1.jpg",
            "https://bucket-a.s3.amazonaws.com/photos/My%20Photo%2B1.jpg",
            "https://bucket-a.s3.eu-west-1.amazonaws.com/photos/My%20Photo%2B1.jpg?versionId=1",
            "https://s3.eu-west-1.amazonaws.com/bucket-a/photos/My%20Photo%2B1.jpg",
        ] {
            assert_eq!(count(&case, &["--key", key, "--log", "s3"]), 1, "{key}");
            assert_eq!(count(&case, &["--key", key]), 2, "{key}");
            let not = format!("--key=!{key}");
            assert_eq!(count(&case, &[&not, "--log", "s3"]), 1, "{key}");
            if !key.contains('*') {
                let profile = case.sawq(&["who", key, "--json"]).json();
                assert_eq!((&profile["kind"], &profile["records"]), (&json!("object"), &json!(2)), "{key}");
            }
        }
        assert_eq!(count(&case, &["--key", "s3://bucket-b/photos/My Photo+1.jpg"]), 0);
        assert_eq!(count(&case, &["--key", "plain.txt"]), 1);
    }
}

/// An event that two accounts got, in which the role was assumed whose key was then used.
#[test]
fn a_session_leads_back_to_who_began_it() {
    let assume = |id: &str, account: &str, minute: usize| {
        event(
            minute,
            json!({ "eventName": "AssumeRole", "eventSource": "sts.amazonaws.com", "eventID": id, "sharedEventID": "shared-1", "recipientAccountId": account,
            "requestParameters": { "roleArn": "arn:aws:iam::111122223333:role/admin", "roleSessionName": "dev" },
            "responseElements": { "credentials": { "accessKeyId": "ASIAIOSFODNN7EXAMPLE" } } }),
        )
    };
    let used = event(
        5,
        json!({ "eventName": "DeleteDBInstance", "eventSource": "rds.amazonaws.com", "readOnly": false,
        "userIdentity": { "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/admin/dev", "accessKeyId": "ASIAIOSFODNN7EXAMPLE" },
        "requestParameters": { "dBInstanceIdentifier": "prod-primary", "skipFinalSnapshot": true } }),
    );
    let again = event(
        6,
        json!({ "eventName": "GetSessionToken", "eventSource": "sts.amazonaws.com",
        "userIdentity": { "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/admin/dev", "accessKeyId": "ASIAIOSFODNN7EXAMPLE" },
        "responseElements": { "credentials": { "accessKeyId": "ASIAI44QH8DHBEXAMPLE" } } }),
    );
    let case = stored(&[
        ("a.json", trail(&[assume("id-a", "444455556666", 0)])),
        ("b.json", trail(&[assume("id-b", "111122223333", 0), used])),
        ("c.json", trail(&[assume("id-b", "111122223333", 0), again])),
    ]);
    assert_eq!(count(&case, &["--operation", "AssumeRole"]), 3);
    assert_eq!(count(&case, &["--operation", "AssumeRole", "--distinct"]), 1);
    let profile = case.sawq(&["who", "ASIAIOSFODNN7EXAMPLE", "--json"]).json();
    let issue = &profile["issued"][0];
    assert_eq!(
        (&issue["operation"], &issue["actor"], &issue["signed_by"]),
        (&json!("AssumeRole"), &json!("ann"), &json!("AKIAIOSFODNN7EXAMPLE"))
    );
    assert_eq!(profile["issued"].as_array().unwrap().len(), 1, "{profile}");
    // Of a key that was never used, the way back is known all the same.
    let screen = case.sawq(&["who", "ASIAI44QH8DHBEXAMPLE"]);
    let (first, second) = (screen.text().find("GetSessionToken by arn:"), screen.text().find("AssumeRole by ann"));
    assert!(first.is_some() && first < second, "{}", screen.text());
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        let resource = case.sawq(&["who", "prod-primary", "--json"]).json();
        assert_eq!((&resource["kind"], &resource["records"]), (&json!("resource"), &json!(1)), "{resource}");
        assert_eq!(resource["facets"]["operations"][0]["value"], "DeleteDBInstance");
        assert_eq!(count(&case, &["--resource", "prod-*"]), 1);
        assert_eq!(count(&case, &["--resource", "admin"]), 3);
    }
}

/// The account of a role records a call of another account's without the key that signed it.
#[test]
fn a_key_leads_back_through_other_accounts() {
    let assume = |minute: usize, identity: Value, issued: &str, shared: &str| {
        event(
            minute,
            json!({ "eventName": "AssumeRole", "eventSource": "sts.amazonaws.com", "sharedEventID": shared, "userIdentity": identity,
            "requestParameters": { "roleArn": "arn:aws:iam::444455556666:role/prod", "roleSessionName": "s" },
            "responseElements": { "credentials": { "accessKeyId": issued } } }),
        )
    };
    let ann = json!({ "type": "IAMUser", "userName": "ann", "accessKeyId": "AKIAIOSFODNN7EXAMPLE" });
    let jump = json!({ "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/jump/s", "accessKeyId": "ASIAJUMP000EXAMPLE" });
    let outside = json!({ "type": "AWSAccount", "principalId": "AROAJUMP:s" });
    let events = [
        assume(0, ann, "ASIAJUMP000EXAMPLE", "shared-1"),
        assume(5, jump, "ASIAPROD000EXAMPLE", "shared-2"),
        assume(5, outside, "ASIAPROD000EXAMPLE", "shared-2"),
    ];
    let case = stored(&[("a.json", trail(&events))]);
    let profile = case.sawq(&["who", "ASIAPROD000EXAMPLE", "--json"]).json();
    let issued: Vec<(&str, &str)> = profile["issued"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| (issue["access_key"].as_str().unwrap(), issue["signed_by"].as_str().unwrap()))
        .collect();
    assert_eq!(
        issued,
        [("ASIAPROD000EXAMPLE", "ASIAJUMP000EXAMPLE"), ("ASIAJUMP000EXAMPLE", "AKIAIOSFODNN7EXAMPLE")],
        "{profile}"
    );
}

/// Older records, and exports of some columns, do not say `readOnly`.
#[test]
fn a_record_without_read_only_is_told_by_its_verb() {
    let call = |minute: usize, name: &str, read_only: Value| {
        event(minute, json!({ "eventName": name, "readOnly": read_only }))
    };
    let events = [
        call(0, "CreateUser", Value::Null),
        call(1, "TerminateInstances", Value::Null),
        call(2, "DescribeInstances", Value::Null),
        call(3, "GetObject", Value::Null),
        call(4, "ConsoleLogin", Value::Null),
        call(5, "GetThing", json!(false)),
        call(6, "PutThing", json!(true)),
        call(7, "AttachUserPolicy", json!("false")),
    ];
    let case = stored(&[("a.json", trail(&events))]);
    let ran = case.sawq(&["find", "--changes", "--columns", "event_name", "--format", "tsv", "--no-header", "-q"]);
    assert_eq!(
        ran.text().lines().collect::<Vec<_>>(),
        ["CreateUser", "TerminateInstances", "GetThing", "AttachUserPolicy"]
    );
    let changes = sql(&case, "SELECT count(*) AS n FROM events WHERE changes", &[]);
    assert_eq!(changes, json!([{ "n": 4 }]));
}

/// Every command says the same of what was tried and refused. The timeline still tells each thing that was tried.
#[test]
fn what_failed_changed_nothing() {
    let create = |minute: usize, user: &str, error: Value| {
        let parameters = json!({ "userName": user });
        event(
            minute,
            json!({ "eventName": "CreateUser", "readOnly": false, "requestParameters": parameters, "errorCode": error }),
        )
    };
    let refused = json!("EntityAlreadyExists");
    let mut put = request("203.0.113.66", "arn:aws:iam::111122223333:user/ann", "k", "1");
    put = put.replace("REST.GET.OBJECT", "REST.PUT.OBJECT");
    let events = [
        create(0, "new", Value::Null),
        create(30, "same", refused.clone()),
        create(30, "same", refused.clone()),
        create(30, "other", refused),
    ];
    let log = put.clone() + &put.replace(" 200 -", " 403 AccessDenied");
    let case = stored(&[("a.json", trail(&events)), ("s3", log)]);
    assert_eq!(count(&case, &["--changes"]), 2);
    assert_eq!(count(&case, &["--failed", "--operation", "CreateUser"]), 3);
    let said = sql(&case, "SELECT outcome, changes, count(*) AS n FROM events GROUP BY 1, 2 ORDER BY 1", &[]);
    let expected = json!([
        { "outcome": "failure", "changes": false, "n": 4 },
        { "outcome": "success", "changes": true, "n": 2 },
    ]);
    assert_eq!(said, expected);
    let who = case.sawq(&["who", "203.0.113.66", "--json"]).json();
    let changed: u64 =
        who["changes"].as_array().unwrap().iter().map(|change| change["records"].as_u64().unwrap()).sum();
    assert_eq!(changed, 2, "{who}");
    let ran = case.sawq(&["report", "-o", "case.html"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page = fs::read_to_string(case.path("case.html")).unwrap();
    assert!(page.contains("<b>2</b>changed something"));
    let timeline = case.sawq(&["timeline"]);
    let lines: Vec<&str> = timeline.text().lines().filter(|line| line.contains("CreateUser")).collect();
    let marked = |line: &str| (line[9..11].to_owned(), line.contains("2 × CreateUser same"));
    let expected = [(" +", false), ("! ", true), ("! ", false)].map(|(marks, is_two)| (marks.to_owned(), is_two));
    assert_eq!(lines.iter().map(|line| marked(line)).collect::<Vec<_>>(), expected, "{}", timeline.text());
}

/// A copy is two records, of which one only reads.
#[test]
fn reading_what_is_copied_changes_nothing() {
    let read = request("203.0.113.5", "-", "k", "1");
    let copy = |operation: &str| read.replace("REST.GET.OBJECT", operation);
    let log = ["REST.COPY.OBJECT_GET", "REST.COPY.PART_GET", "REST.COPY.OBJECT", "REST.COPY.PART"].map(copy).concat();
    let case = stored(&[("s3", log)]);
    assert_eq!(count(&case, &["--changes"]), 2);
    assert_eq!(count(&case, &["--changes", "--operation", "*_GET"]), 0);
    let who = case.sawq(&["who", "203.0.113.5", "--json"]).json();
    let operations: Vec<&str> =
        who["changes"].as_array().unwrap().iter().map(|change| change["operation"].as_str().unwrap()).collect();
    assert_eq!(operations.len(), 2, "{who}");
    assert!(operations.iter().all(|operation| !operation.ends_with("_GET")), "{operations:?}");
}

#[test]
fn times_around_several_moments_are_any_of_them() {
    let events: Vec<Value> = (0..30).map(|minute| event(minute, json!({}))).collect();
    let case = stored(&[("a.json", trail(&events)), ("s3", request("203.0.113.5", "-", "k", "1"))]);
    let (first, second) = (["--around", "2024-05-01T12:05", "1m"], ["--around", "2024-05-01T12:20", "2m"]);
    assert_eq!(count(&case, &first), 3);
    assert_eq!(count(&case, &[first, second].concat()), 8);
    assert_eq!(count(&case, &[&first[..], &second, &["--until", "2024-05-01T12:19"]].concat()), 5);
    assert_eq!(top(&case, "operation", "count", &[first, second].concat()).values().sum::<u64>(), 8);
    assert_eq!(count(&case, &["--around", "12:50", "1m", "--around", "12:55", "1m"]), 0);
}

/// What only the answer of a call names, since AWS makes its id, is known with the call that made it.
#[test]
fn what_a_call_made_leads_to_the_call() {
    let run = event(
        0,
        json!({ "eventName": "RunInstances", "eventSource": "ec2.amazonaws.com", "readOnly": false,
            "requestParameters": { "instancesSet": { "items": [{ "imageId": "ami-1" }] } },
            "responseElements": { "instancesSet": { "items": [{ "instanceId": "i-0123456789abcdef0" }] } } }),
    );
    let stop = event(
        5,
        json!({ "eventName": "TerminateInstances", "eventSource": "ec2.amazonaws.com", "readOnly": false,
            "userIdentity": { "type": "IAMUser", "userName": "bob" },
            "requestParameters": { "instancesSet": { "items": [{ "instanceId": "i-0123456789abcdef0" }] } } }),
    );
    let case = stored(&[("a.json", trail(&[run, stop, event(7, json!({}))]))]);
    let profile = case.sawq(&["who", "i-0123456789abcdef0", "--json"]).json();
    assert_eq!(profile["records"], 2, "{profile}");
    assert_eq!(count(&case, &["--resource", "i-0123456789abcdef0"]), 2);
    assert_eq!(count(&case, &["--resource", "i-0123456789abcdef0", "--user", "ann"]), 1);
}

#[test]
fn whoever_is_shown_as_the_actor_is_found_by_that_name() {
    let anonymous = json!({ "type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL" });
    let lone_id = json!({ "type": "Unknown", "principalId": "some id" });
    let events = [
        event(0, json!({ "userIdentity": anonymous })),
        event(1, json!({ "userIdentity": lone_id })),
        event(2, json!({})),
    ];
    let case = stored(&[("a.json", trail(&events))]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        for (actor, records) in top(&case, "user", "count", &[]) {
            assert_eq!(count(&case, &["--user", &actor]), usize::try_from(records).unwrap(), "{actor}");
            assert_eq!(count(&case, &["--user", &format!("!{actor}")]), 2, "{actor}");
        }
    }
}

/// Anonymous requests are nobody's, which can be asked for, as any field that a record does not have.
#[test]
fn records_without_a_value_are_found() {
    let lines = [request("203.0.113.5", "-", "k", "1"), request("203.0.113.5", "ann", "k", "-")].concat();
    let case =
        stored(&[("s3", lines), ("flows", flows()), ("a.json", trail(&[event(0, json!({ "errorCode": "Denied" }))]))]);
    let all = count(&case, &[]);
    for (filter, log, expected) in [
        (["--user", "-"], "s3", 1),
        (["--where", "requester="], "s3", 1),
        (["--where", "bytes_sent="], "s3", 1),
        (["--where", "http_status="], "s3", 0),
        (["--where", "source_file!="], "s3", 2),
        (["--where", "request_parameters.userName="], "cloudtrail", 1),
    ] {
        assert_eq!(count(&case, &[&filter[..], &["--log", log]].concat()), expected, "{filter:?}");
    }
    // A log without the field has none in any record.
    for (field, filled) in [("bytes_sent", 1), ("error_code", 1), ("requester", 1), ("interface_id", all - 3)] {
        assert_eq!(count(&case, &["--where", &format!("{field}!=")]), filled, "{field}");
        assert_eq!(count(&case, &["--where", &format!("{field}=")]), all - filled, "{field}");
    }
    assert_eq!(count(&case, &["--log", "s3", "--user", "!-"]), 1);
}

/// Such text is no address; and it is no pattern either.
#[test]
fn an_address_in_brackets_is_found_as_it_is_shown() {
    let of = |minute: usize, ip: &str| event(minute, json!({ "sourceIPAddress": ip }));
    let case = stored(&[("a.json", trail(&[of(0, "[2001:db8::1]"), of(1, "2001:db8::1")]))]);
    assert_eq!(count(&case, &["--ip", "[2001:db8::1]"]), 1);
    assert_eq!(count(&case, &["--ip", "2001:db8::1"]), 1);
}

#[test]
fn one_name_means_one_thing_in_all_logs() {
    let case = stored(&[
        ("a.json", trail(&[event(0, json!({}))])),
        ("s3", request("203.0.113.66", "arn:aws:iam::111122223333:user/ann", "k", "1")),
    ]);
    for (names, value) in [(&["user", "actor", "principal"][..], "ann"), (&["ip", "src_ip", "address"], "203.0.113.66")]
    {
        for name in names {
            assert_eq!(top(&case, name, "count", &[])[value], 2, "{name}");
            let rows = case.sawq(&["find", "--columns", name, "--format", "csv"]);
            assert_eq!(rows.text(), format!("{name}\n{value}\n{value}\n"), "{}", rows.err);
        }
    }
    for name in ["agent", "useragent", "user_agent"] {
        assert_eq!(top(&case, name, "count", &[]).len(), 2, "{name}");
    }
    // A log's own column is the log's own.
    assert_eq!(top(&case, "requester", "count", &[]).len(), 1);
    for option in ["--user", "--actor", "--principal"] {
        assert_eq!(count(&case, &[option, "ann"]), 2, "{option}");
    }
    assert_eq!(count(&case, &["--user-agent", "test/*"]), 1);
}
