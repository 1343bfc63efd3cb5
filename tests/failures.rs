//! Which records failed, and which changed something. Every command says the same.

use std::fs;

use sawlog_tests::meaning::{count, event, failures, flows, request, sql, top, trail, without_index};
use sawlog_tests::stored;
use serde_json::{Value, json};

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
