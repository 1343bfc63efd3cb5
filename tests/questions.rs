//! What a question means: the same words count the same records in every command.

use std::fs;

use sawlog_tests::{Case, Ran, repository, stored};
use serde_json::{Value, json};

/// A CloudTrail event with fields of its own.
fn event(id: &str, mut more: Value) -> Value {
    let mut event = json!({
        "eventVersion": "1.09",
        "eventTime": "2025-03-04T10:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "DeleteObject",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "203.0.113.77",
        "userAgent": "test/1",
        "eventID": id,
        "readOnly": false,
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "userIdentity": { "type": "IAMUser", "userName": "ann", "accountId": "111122223333" },
    });
    event.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    event
}

fn trail(events: &[Value]) -> String {
    json!({ "Records": events }).to_string()
}

/// A line of an S3 log.
fn request(ip: &str, sent: &str) -> String {
    format!(
        "aaaa bucket-a [01/May/2024:12:00:00 +0000] {ip} - R1 REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - {sent} 1 1 1 \"-\" \"c\" - H SigV4 C A h TLSv1.2 -\n"
    )
}

/// Flows between addresses.
fn flows(ends: &[(&str, &str)]) -> String {
    let line = |(from, to): &(&str, &str)| {
        format!("2 111122223333 eni-1 {from} {to} 50000 443 6 1 40 1714564800 1714564860 ACCEPT OK\n")
    };
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n"
        .to_owned()
        + &ends.iter().map(line).collect::<String>()
}

fn good(ran: Ran) -> Ran {
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

fn count(case: &Case, filters: &[&str]) -> u64 {
    good(case.sawq(&[&["find", "-c", "-q"], filters].concat())).text().trim().parse().unwrap()
}

/// How many records `top` has for a value, `""` for none.
fn in_top(case: &Case, column: &str, value: &str, more: &[&str]) -> u64 {
    let rows = good(case.sawq(&[&["top", column, "--json", "-n", "0", "-q"], more].concat())).json();
    let found = rows.as_array().unwrap().iter().find(|row| row[column].as_str().unwrap_or_default() == value);
    found.map_or(0, |row| row["count"].as_u64().unwrap())
}

fn who(case: &Case, arguments: &[&str]) -> Value {
    good(case.sawq(&[&["who"], arguments, &["--json", "-q"]].concat())).json()
}

fn without_index(case: &Case) {
    fs::remove_dir_all(case.path("sawlog-store/entities")).unwrap();
}

/// Asserts that a command line is refused, with these words.
fn refused(case: &Case, arguments: &[&str], told: &str) {
    let ran = case.sawq(arguments);
    assert!(ran.code == 2 && ran.err.contains(told), "{arguments:?}: {} {}", ran.code, ran.err);
}

/// An event that the bucket's account and the caller's account got: only the second knows who called.
fn shared() -> Case {
    let owner = event(
        "x1",
        json!({ "sharedEventID": "sh-1", "userIdentity": { "type": "AWSAccount", "principalId": "AIDAALICE", "accountId": "222222222222" } }),
    );
    let caller = event(
        "x2",
        json!({ "sharedEventID": "sh-1", "errorCode": "AccessDenied", "recipientAccountId": "222222222222",
        "userIdentity": { "type": "IAMUser", "userName": "alice", "arn": "arn:aws:iam::222222222222:user/alice",
            "principalId": "AIDAALICE", "accountId": "222222222222", "accessKeyId": "AKIAIOSFODNN7EXAMPLE" } }),
    );
    stored(&[("a-owner.json", trail(&[owner])), ("b-caller.json", trail(&[caller.clone(), caller]))])
}

#[test]
fn an_event_counts_once_among_the_records_that_filters_leave() {
    let case = shared();
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        assert_eq!((count(&case, &[]), count(&case, &["--distinct"])), (3, 1));
        for filter in [
            &["--user", "alice"][..],
            &["--failed"],
            &["--error", "AccessDenied"],
            &["--access-key", "AKIAIOSFODNN7EXAMPLE"],
            &["--where", "event_id=x2"],
            &["--source-file", "*b-caller.json"],
            &["--match", "alice"],
            &["--match", "!\"x1\""],
            &["--account", "222222222222", "--user", "alice"],
        ] {
            let once = [filter, &["--distinct"]].concat();
            assert_eq!((count(&case, filter), count(&case, &once)), (2, 1), "{filter:?}");
            assert_eq!(in_top(&case, "operation", "DeleteObject", &once), 1, "{filter:?}");
            let line = good(case.sawq(&[&["find", "-q"], &once[..]].concat()));
            assert!(line.text().contains("alice") && line.text().lines().count() == 1, "{}", line.text());
        }
        assert_eq!(who(&case, &["alice", "--distinct"])["records"], 1);
        let lines = good(case.sawq(&["timeline", "--user", "alice", "--distinct", "--json", "-q"])).json();
        assert_eq!((lines.as_array().unwrap().len(), &lines[0]["count"]), (1, &json!(1)));
        let rows = good(case.sawq(&["sql", "SELECT actor FROM events", "--user", "alice", "--distinct", "--json"]));
        assert_eq!(rows.json(), json!([{ "actor": "alice" }]));
    }
    good(case.sawq(&["ctsummarize", "--user", "alice", "--distinct", "--out", "once"]));
    let summary = fs::read_to_string(case.path("once/eventsummary.txt")).unwrap();
    assert!(summary.contains("alice"), "{summary}");
}

#[test]
fn a_position_in_a_list_is_written_in_one_way_everywhere() {
    let permissions = json!({ "ipPermissions": { "items": [
        { "ipProtocol": "-1", "ipRanges": { "items": [{ "cidrIp": "0.0.0.0/0" }, { "cidrIp": "10.0.0.0/8" }] } },
        { "ipProtocol": "tcp", "only": null, "ipRanges": {} },
    ] } });
    let resources = json!([{ "ARN": "arn:aws:s3:::a" }, { "ARN": "arn:aws:s3:::b" }]);
    let opened = event("x1", json!({ "requestParameters": permissions, "resources": resources }));
    let case = stored(&[("a.json", trail(&[opened, event("x2", json!({}))]))]);
    let items = "request_parameters.ipPermissions.items";
    for (path, value) in [
        (format!("{items}[0].ipProtocol"), "-1"),
        (format!("{items}.0.ipProtocol"), "-1"),
        (format!("{items}[1].ipProtocol"), "tcp"),
        (format!("{items}[0].ipRanges.items[1].cidrIp"), "10.0.0.0/8"),
        ("resources[0].arn".to_owned(), "arn:aws:s3:::a"),
        ("resources.1.arn".to_owned(), "arn:aws:s3:::b"),
        // Without a position, the first value counts.
        (format!("{items}.ipProtocol"), "-1"),
        (format!("{items}[*].ipRanges.items[].cidrIp"), "0.0.0.0/0"),
        (format!("{items}.ipRanges.items.cidrIp"), "0.0.0.0/0"),
    ] {
        assert_eq!((in_top(&case, &path, value, &[]), in_top(&case, &path, "", &[])), (1, 1), "{path}");
        let rows = good(case.sawq(&["find", "--columns", &path, "--format", "ndjson", "--where", "event_id=x1"]));
        assert_eq!(rows.json()[&path], value, "{path}");
        assert_eq!(count(&case, &["--where", &format!("{path}={value}")]), 1, "{path}");
    }
    for path in [format!("{items}[2].ipProtocol"), format!("{items}.only")] {
        assert_eq!(in_top(&case, &path, "", &[]), 2, "{path}");
    }
    refused(&case, &["top", "resources.arn"], "resources[0].arn");
    refused(&case, &["find", "--columns", "resources.arn"], "resources[0].arn");
}

#[test]
fn a_field_with_an_address_is_compared_as_an_address() {
    let of = |id: &str, ip: &str| event(id, json!({ "sourceIPAddress": ip }));
    let case = stored(&[
        (
            "a.json",
            trail(&[
                of("1", "198.51.100.23"),
                of("2", "::ffff:198.51.100.23"),
                of("3", "ec2.amazonaws.com"),
                of("4", "x"),
            ]),
        ),
        ("s3", request("::FFFF:c633:6417", "1") + &request("198.51.100.23", "1")),
        ("flows", flows(&[("::ffff:198.51.100.23", "10.0.0.1"), ("10.0.0.1", "198.51.100.23")])),
    ]);
    for (condition, expected) in [
        ("source_ip_address=198.51.100.23", 2),
        ("sourceIPAddress=::ffff:198.51.100.23", 2),
        ("source_ip_address=198.51.100.0/24", 2),
        ("source_ip_address=198.51.100.*", 2),
        ("source_ip_address!=198.51.100.23", 6),
        ("source_ip_address=*.amazonaws.com", 1),
        ("source_ip_address=ec2.amazonaws.com", 1),
        ("source_ip_address=x", 1),
        ("remote_ip=198.51.100.23", 2),
        ("srcaddr=198.51.100.23", 1),
        ("dstaddr=::ffff:198.51.100.23", 1),
        ("ip=198.51.100.23", 6),
        ("src_ip=198.51.100.23", 5),
    ] {
        assert_eq!(count(&case, &["--where", condition]), expected, "{condition}");
    }
    refused(&case, &["find", "-c", "--where", "http_status>=400"], "compares with = and != only; 'sawq sql'");
    refused(&case, &["find", "-c", "--where", "http_status<400"], "compares with = and != only; 'sawq sql'");
}

#[test]
fn the_source_of_flows_is_told_from_their_ends() {
    let ends = [("192.0.2.1", "10.0.0.1"), ("192.0.2.1", "10.0.0.2"), ("10.0.0.1", "::ffff:192.0.2.1")];
    let case = stored(&[("flows", flows(&ends)), ("s3", request("192.0.2.1", "1"))]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        let top = |column: &str, value: &str| in_top(&case, column, value, &[]);
        assert_eq!((top("ip", "192.0.2.1"), top("ip", "10.0.0.1")), (4, 2));
        assert_eq!((top("src_ip", "192.0.2.1"), top("src_ip", "10.0.0.1")), (3, 1));
        assert_eq!(top("src", "192.0.2.1"), 3);
        assert_eq!(top("dst", "192.0.2.1"), 1);
        let rows = good(case.sawq(&["sql", "SELECT count(*) AS n FROM events WHERE src_ip = '192.0.2.1'", "--json"]));
        assert_eq!(rows.json()[0]["n"], 3);
    }
}

#[test]
fn a_window_ends_with_the_last_time() {
    let at = |id: &str, time: &str| event(id, json!({ "eventTime": time }));
    let case = stored(&[(
        "a.json",
        trail(&[at("1", "0001-01-01T00:00:00Z"), at("2", "2025-03-04T10:00:00Z"), at("3", "9999-12-31T23:59:59Z")]),
    )]);
    for (filter, expected) in [
        (&["--around", "9999-12-31T23:59:59", "10d"][..], 1),
        (&["--around", "9999-12-31", "999999w"], 3),
        (&["--around", "0001-01-01", "10d"], 1),
        (&["--since", "30/Dec/9999:23:59:59 +0000"], 1),
        (&["--since", "31/Dec/9999:23:59:59 +0000"], 1),
        (&["--until", "9999-12-31T23:59:59-05:00"], 3),
        (&["--since", "9999-12-31T19:00:00-05:00"], 0),
    ] {
        assert_eq!(count(&case, filter), expected, "{filter:?}");
        let in_top = in_top(&case, "operation", "DeleteObject", filter);
        assert_eq!(in_top, expected, "{filter:?}");
    }
}

#[test]
fn an_address_has_the_same_records_in_every_command() {
    let case = Case::with(&repository().join("fixtures/alb"));
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        for address in ["203.0.113.99", "10.0.2.11"] {
            let records = count(&case, &["--ip", address]);
            assert_eq!(in_top(&case, "ip", address, &[]), records, "{address}");
            assert_eq!(who(&case, &[address])["records"].as_u64(), Some(records), "{address}");
        }
        // What a load balancer sent to it is counted by itself.
        let target = who(&case, &["10.0.2.11"]);
        assert_eq!(target["as_target"], json!([{ "log": "alb_access", "records": 428 }]));
        assert_eq!((count(&case, &["--peer", "10.0.2.11"]), count(&case, &["--dst", "10.0.2.11"])), (428, 428));
        assert_eq!(who(&case, &["203.0.113.99"])["as_target"], json!([]));
    }
    let screen = good(case.sawq(&["who", "10.0.2.11"]));
    assert!(screen.text().contains("as the target of others") && !screen.err.contains("matches no"), "{}", screen.err);
    let zoned = ["2001:db8:ab::9", "2001:DB8:ab::9%eth0", "2001:db8:ab::9%eth1"];
    let case =
        stored(&[("s3", zoned.map(|ip| request(ip, "1")).concat()), ("flows", flows(&[(zoned[1], "10.0.0.1")]))]);
    for address in [zoned[0], zoned[1], "2001:db8:ab::9/128"] {
        assert_eq!(count(&case, &["--ip", address]), 4, "{address}");
        assert_eq!(who(&case, &[address])["records"], 4, "{address}");
    }
    assert_eq!(in_top(&case, "ip", zoned[0], &[]), 4);
}

#[test]
fn a_value_is_not_empty() {
    let case = stored(&[("s3", request("192.0.2.1", "1"))]);
    for entity in ["", "  "] {
        refused(&case, &["who", entity], "is empty");
        refused(&case, &["report", "-o", "r.html", "--entity", entity], "is empty");
    }
    for filter in ["--user", "--bucket", "--key", "--operation", "--account", "--source-file", "--agent"] {
        refused(&case, &["find", "-c", filter, ""], "is empty");
        refused(&case, &["find", "-c", filter, "!"], "is empty");
    }
    refused(&case, &["find", "-c", "--ip", ""], "--ip");
    assert_eq!(count(&case, &["--where", "error_code="]), 1);
}

#[test]
fn an_error_is_the_first_that_a_record_tells() {
    let failed = |id: &str, more: Value| {
        let mut all = json!({ "eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com", "eventType": "AwsConsoleSignIn",
            "responseElements": { "ConsoleLogin": "Failure" } });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event(id, all)
    };
    let case = stored(&[(
        "a.json",
        trail(&[
            failed("1", json!({})),
            failed("2", json!({ "errorCode": "AccessDenied" })),
            failed("3", json!({ "errorMessage": "Failed authentication" })),
        ]),
    )]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        for (error, expected) in [("Failure", 1), ("AccessDenied", 1), ("Failed authentication", 1)] {
            assert_eq!((count(&case, &["--error", error]), in_top(&case, "error", error, &[])), (expected, expected));
            assert_eq!(who(&case, &[error, "--kind", "error"])["records"], expected, "{error}");
        }
        assert_eq!((count(&case, &["--error", "*"]), count(&case, &["--error", "F*"])), (3, 2));
        assert_eq!((count(&case, &["--error", "!Failure"]), count(&case, &["--error", "!*"])), (2, 0));
    }
}

#[test]
fn sums_of_any_size_are_numbers_in_json() {
    let case = stored(&[("s3", request("203.0.113.5", "9223372036854775807").repeat(5))]);
    for question in [["top", "ip"], ["who", "203.0.113.5"]] {
        let ran = good(case.sawq(&[&question[..], &["--json"]].concat()));
        assert!(ran.text().contains("46116860184273879035"), "{}", ran.text());
        assert!(!ran.text().contains("\"46116860184273879035"), "{}", ran.text());
    }
}

/// A range in brackets, beside letters of several bytes.
#[test]
fn globs_with_brackets_match_any_letters() {
    let case = stored(&[("ü1.log", request("192.0.2.1", "5")), ("[x].log", request("192.0.2.2", "6"))]);
    for (glob, records) in [
        ("ü[0-9]*", "1"),
        ("[ü]1.log", "1"),
        ("[!a-z]1.log", "1"),
        ("[[]x*", "1"),
        ("ü[^1].log", "0"),
        ("[a-zü]?.l[o]g", "1"),
    ] {
        let ran = case.sawq(&["find", "-c", "--source-file", glob]);
        assert_eq!(ran.text().trim(), records, "{glob}: {}", ran.err);
    }
}
