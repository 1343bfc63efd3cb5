//! Who acted, with which key, and where that came from. Every command says the same.

use std::collections::BTreeMap;
use std::fs;

use sawlog_tests::meaning::{count, event, failures, request, sql, top, trail, without_index};
use sawlog_tests::stored;
use serde_json::{Value, json};

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
