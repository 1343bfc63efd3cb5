//! The timeline: what was done to what, by name; what is folded and what is not; columns, gaps, any time a log may say.

use serde_json::{Value, json};

use sawlog_tests::Case;

/// An event of 29 July 2021, at a minute and second after ten.
fn event(clock: &str, operation: &str, read_only: bool, more: &Value) -> Value {
    let mut event = json!({
        "eventVersion": "1.08",
        "eventTime": format!("2021-07-29T10:{clock}Z"),
        "eventSource": "iam.amazonaws.com",
        "eventName": operation,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "aws-cli/2",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ann", "userName": "ann", "principalId": "AIDACKCEVSQ6C2EXAMPLE" },
        "readOnly": read_only,
        "recipientAccountId": "111122223333",
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

fn change(clock: &str, operation: &str, parameters: &Value, response: &Value) -> Value {
    event(clock, operation, false, &json!({ "requestParameters": parameters, "responseElements": response }))
}

/// A store of some events.
fn trail(events: &[Value]) -> Case {
    let case = Case::new();
    case.write("logs/trail.json", json!({ "Records": events }).to_string());
    let ran = case.sawlog(&["convert", "logs", "-q"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    case
}

/// The lines of the timeline without their first columns: from the operation on.
fn steps(case: &Case, options: &[&str]) -> Vec<String> {
    let ran = case.sawq(&[&["timeline"], options].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines = ran.text().lines().filter(|line| line.contains(" cloudtrail "));
    lines.map(|line| line.split("192.0.2.1").nth(1).unwrap_or(line).trim().to_owned()).collect()
}

#[test]
fn changes_are_told_by_what_they_changed() {
    let permissions = json!({ "items": [{ "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {}, "ipRanges": { "items": [{ "cidrIp": "0.0.0.0/0" }] } }] });
    let instances = json!({ "instancesSet": { "items": [{ "instanceId": "i-0123456789abcdef0", "imageId": "ami-0123456789abcdef0" }, { "instanceId": "i-0123456789abcdef1" }] } });
    let nothing = Value::Null;
    let case = trail(&[
        change(
            "00:01",
            "CreateUser",
            &json!({ "userName": "malicious-iam-user" }),
            &json!({ "user": { "userName": "malicious-iam-user", "userId": "AIDACKCEVSQ6C2EXAMPLE" } }),
        ),
        change(
            "00:02",
            "PutUserPolicy",
            &json!({ "userName": "jmerckle", "policyName": "zlj9i0k83o", "policyDocument": "{\"Version\":\"2012-10-17\"}" }),
            &nothing,
        ),
        change(
            "00:03",
            "CreateAccessKey",
            &json!({ "userName": "jmerckle" }),
            &json!({ "accessKey": { "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "status": "Active", "userName": "jmerckle" } }),
        ),
        change(
            "00:04",
            "AttachRolePolicy",
            &json!({ "roleName": "ops", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess" }),
            &nothing,
        ),
        change("00:05", "DeleteTrail", &json!({ "name": "audit" }), &nothing),
        change(
            "00:06",
            "AuthorizeSecurityGroupIngress",
            &json!({ "groupId": "sg-0123456789abcdef0", "ipPermissions": permissions }),
            &json!({ "_return": true }),
        ),
        change(
            "00:07",
            "RunInstances",
            &json!({ "instancesSet": { "items": [{ "minCount": 1 }] }, "instanceType": "t2.micro" }),
            &instances,
        ),
        change(
            "00:08",
            "PutBucketPolicy",
            &json!({ "bucketName": "evidence-bucket", "Host": "s3.amazonaws.com", "policy": "" }),
            &nothing,
        ),
        change("00:09", "UpdateAssumeRolePolicy", &json!({ "roleName": "ops", "policyDocument": "{}" }), &nothing),
        change("00:10", "DeleteSecret", &json!({ "secretId": "prod/database", "recoveryWindowInDays": 7 }), &nothing),
        change(
            "00:11",
            "ScheduleKeyDeletion",
            &json!({ "keyId": "11111111-2222-3333-4444-555555555555", "pendingWindowInDays": 7 }),
            &nothing,
        ),
    ]);
    assert_eq!(
        steps(&case, &[]),
        [
            "CreateUser malicious-iam-user",
            "PutUserPolicy zlj9i0k83o on jmerckle",
            "CreateAccessKey on jmerckle → AKIAIOSFODNN7EXAMPLE",
            "AttachRolePolicy AdministratorAccess on ops",
            "DeleteTrail audit",
            "AuthorizeSecurityGroupIngress sg-0123456789abcdef0 tcp/22 from 0.0.0.0/0",
            "RunInstances instanceType=t2.micro → i-0123456789abcdef0, i-0123456789abcdef1",
            "PutBucketPolicy evidence-bucket",
            "UpdateAssumeRolePolicy ops",
            "DeleteSecret prod/database",
            "ScheduleKeyDeletion 11111111-2222-3333-4444-555555555555",
        ]
    );
    let rows = case.sawq(&["timeline", "--json"]).json();
    let subjects: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects[2], "on jmerckle → AKIAIOSFODNN7EXAMPLE");
    assert_eq!(case.sawq(&["timeline", "-o", "t.csv"]).code, 0);
    let csv = std::fs::read_to_string(case.path("t.csv")).unwrap();
    assert!(subjects.iter().all(|subject| csv.contains(subject)), "{csv}");
}

#[test]
fn changes_of_different_things_stay_apart() {
    let user = |clock: &str, name: &str| change(clock, "CreateUser", &json!({ "userName": name }), &Value::Null);
    let policy =
        |clock: &str| change(clock, "PutUserPolicy", &json!({ "userName": "bob", "policyName": "p" }), &Value::Null);
    let read =
        |clock: &str, name: &str| event(clock, "GetUser", true, &json!({ "requestParameters": { "userName": name } }));
    let denied = |clock: &str, name: &str| {
        let parameters = json!({ "userName": name });
        event(clock, "DeleteUser", false, &json!({ "requestParameters": parameters, "errorCode": "AccessDenied" }))
    };
    let long = |clock: &str, last: &str| {
        let names: Vec<String> = (0..30).map(|number| format!("{number:0>100}")).chain([last.to_owned()]).collect();
        change(clock, "DeleteThings", &json!({ "thingNames": names }), &Value::Null)
    };
    let case = trail(&[
        user("00:01", "eve"),
        user("00:02", "mallory"),
        user("00:03", "trent"),
        policy("01:01"),
        policy("01:05"),
        read("02:01", "eve"),
        read("02:02", "bob"),
        read("03:10", "bob"),
        read("03:11", "bob"),
        denied("04:01", "eve"),
        denied("04:02", "trent"),
        denied("04:03", "trent"),
        long("06:01", "a"),
        long("06:02", "b"),
    ]);
    let steps = steps(&case, &[]);
    assert_eq!(
        steps[..8],
        [
            "CreateUser eve",
            "CreateUser mallory",
            "CreateUser trent",
            "2 × PutUserPolicy p on bob (in 4 s)",
            "2 × GetUser in iam.amazonaws.com (in 1 s)",
            "2 × GetUser bob (in 1 s)",
            "DeleteUser eve: AccessDenied",
            "2 × DeleteUser trent: AccessDenied (in 1 s)",
        ]
    );
    // What is too long to tell apart is not folded.
    assert_eq!(steps.len(), 10, "{steps:?}");
    let expanded = case.sawq(&["timeline", "--expand", "--json"]).json();
    assert_eq!(expanded.as_array().unwrap().len(), 14);
}

/// Changes that are told in the same words, but were made in other places or with other parameters.
#[test]
fn changes_elsewhere_or_of_other_values_stay_apart() {
    let of = |clock: &str, operation: &str, region: &str, account: &str, parameters: Value| {
        let more = json!({ "awsRegion": region, "recipientAccountId": account, "requestParameters": parameters });
        event(clock, operation, false, &more)
    };
    let (here, there) = ("us-east-1", "eu-west-1");
    let (one, two) = ("111122223333", "444455556666");
    let case = trail(&[
        of("00:01", "DeleteTrail", here, one, json!({ "name": "t" })),
        of("00:02", "DeleteTrail", there, one, json!({ "name": "t" })),
        of("01:01", "CreateUser", here, one, json!({ "userName": "x" })),
        of("01:02", "CreateUser", here, two, json!({ "userName": "x" })),
        of("02:01", "UpdateThing", here, one, json!({ "thingName": "x", "size": 1 })),
        of("02:02", "UpdateThing", here, one, json!({ "thingName": "x", "size": 2 })),
        of("02:03", "UpdateThing", here, one, json!({ "thingName": "x", "size": 2 })),
    ]);
    let steps = steps(&case, &[]);
    let expected = [
        "DeleteTrail t",
        "DeleteTrail t",
        "CreateUser x",
        "CreateUser x",
        "UpdateThing x",
        "2 × UpdateThing x (in 1 s)",
    ];
    assert_eq!(steps, expected);
}

/// The same call that changed something once and nothing the other time, by what the records say.
#[test]
fn changes_are_not_folded_into_what_changed_nothing() {
    let call = |clock: &str, read_only: bool| event(clock, "DoThing", read_only, &json!({}));
    let case = trail(&[call("00:01", true), call("00:02", false), call("00:03", true), call("00:04", true)]);
    let ran = case.sawq(&["timeline", "--format", "csv"]);
    let counted = |line: &str| (line.contains(",true,"), line.split(',').nth(2).unwrap().to_owned());
    let lines: Vec<(bool, String)> = ran.text().lines().skip(1).map(counted).collect();
    let expected = [(false, "3"), (true, "1")].map(|(changes, count)| (changes, count.to_owned()));
    assert_eq!(lines, expected, "{}", ran.text());
}

/// Characters that are two columns wide, and a name that is too long for its column.
#[test]
fn wide_characters_stand_below_each_other() {
    let by = |clock: &str, name: &str| {
        let identity = json!({ "type": "IAMUser", "userName": name, "principalId": "AIDACKCEVSQ6C2EXAMPLE" });
        event(clock, "ListUsers", true, &json!({ "userIdentity": identity }))
    };
    let case = trail(&[by("00:00", "山田太郎"), by("10:00", &"中".repeat(20)), by("20:00", "ann")]);
    let ran = case.sawq(&["timeline"]);
    for line in [
        "10:00:00    cloudtrail 山田太郎                 192.0.2.1       ListUsers iam.amazonaws.com",
        "10:10:00    cloudtrail 中中中中中中中中中中中…  192.0.2.1       ListUsers iam.amazonaws.com",
        "10:20:00    cloudtrail ann                      192.0.2.1       ListUsers iam.amazonaws.com",
    ] {
        assert!(ran.text().lines().any(|shown| shown == line), "{line:?} is not in {}", ran.text());
    }
    let ran = case.sawq(&["who", "192.0.2.1"]);
    let wide = format!("  山田太郎{}        1  only here", " ".repeat(64 - 8 + 1));
    let narrow = format!("  ann{}        1  only here", " ".repeat(64 - 3 + 1));
    for line in [wide, narrow] {
        assert!(ran.text().lines().any(|shown| shown == line), "{line:?} is not in {}", ran.text());
    }
}

/// What was put or deleted in S3 is named, each object by itself; what was only read stays one line.
#[test]
fn changes_of_different_objects_stay_apart() {
    let case = Case::new();
    let line = |second: usize, operation: &str, key: &str| {
        format!(
            "owner b [29/Jul/2021:10:00:{second:02} +0000] 192.0.2.9 - R{second} {operation} {key} \"X /k HTTP/1.1\" 200 - 5 5 1 1 - \"a\" -\n"
        )
    };
    let mut log = String::new();
    for (second, key) in ["k1", "k2", "k3", "k1"].iter().enumerate() {
        log += &line(second, "REST.GET.OBJECT", key);
        log += &line(10 + second, "REST.PUT.OBJECT", key);
        log += &line(20 + second, "BATCH.DELETE.OBJECT", key);
        log += &line(30 + second, "S3.EXPIRE.OBJECT", key);
    }
    case.write("logs/s3.log", log);
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let rows = case.sawq(&["timeline", "--json"]).json();
    let rows: Vec<(String, u64)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                format!("{} {}", row["operation"].as_str().unwrap(), row["target"].as_str().unwrap()),
                row["count"].as_u64().unwrap(),
            )
        })
        .collect();
    let mut expected = vec![("REST.GET.OBJECT b".to_owned(), 4)];
    for operation in ["REST.PUT.OBJECT", "BATCH.DELETE.OBJECT", "S3.EXPIRE.OBJECT"] {
        expected
            .extend([("b/k1", 2), ("b/k2", 1), ("b/k3", 1)].map(|(key, count)| (format!("{operation} {key}"), count)));
    }
    assert_eq!(rows, expected);
}

#[test]
fn sign_ins_and_insights_say_how_they_ended() {
    let login = |clock: &str, outcome: &str, factor: &str| {
        let more = json!({
            "eventSource": "signin.amazonaws.com",
            "eventType": "AwsConsoleSignIn",
            "responseElements": { "ConsoleLogin": outcome },
            "additionalEventData": { "MFAUsed": factor, "LoginTo": "https://console.aws.amazon.com/" },
        });
        event(clock, "ConsoleLogin", false, &more)
    };
    let insight = |clock: &str, state: &str| {
        json!({
            "eventVersion": "1.09", "eventTime": format!("2021-07-29T10:{clock}Z"), "awsRegion": "us-east-1",
            "eventType": "AwsCloudTrailInsight", "recipientAccountId": "111122223333", "eventCategory": "Insight",
            "insightDetails": { "state": state, "eventSource": "ec2.amazonaws.com", "eventName": "DescribeRegions", "insightType": "ApiErrorRateInsight" },
        })
    };
    let case = trail(&[
        login("00:01", "Failure", "No"),
        login("00:02", "Failure", "No"),
        login("00:03", "Success", "Yes"),
        insight("01:00", "Start"),
        insight("01:10", "End"),
    ]);
    let steps = steps(&case, &[]);
    assert_eq!(steps.len(), 4, "{steps:?}");
    assert!(steps[0].starts_with("2 × ConsoleLogin failure (No MFA)"), "{}", steps[0]);
    assert!(steps[1].starts_with("ConsoleLogin success (MFA)"), "{}", steps[1]);
    assert!(steps[2].contains("DescribeRegions ApiErrorRateInsight Start"), "{}", steps[2]);
    assert!(steps[3].contains("DescribeRegions ApiErrorRateInsight End"), "{}", steps[3]);
}

#[test]
fn lines_stand_below_each_other_and_gaps_are_told_in_days() {
    let by = |clock: &str, arn: &str| {
        let identity = json!({ "type": "IAMUser", "arn": arn, "userName": arn.rsplit('/').next(), "principalId": "AIDACKCEVSQ6C2EXAMPLE" });
        event(clock, "ListUsers", true, &json!({ "userIdentity": identity }))
    };
    let mut last = by("30:00", "arn:aws:iam::111122223333:user/bob");
    last["eventTime"] = json!("2027-02-24T22:30:00Z");
    let case = trail(&[
        by("00:00", "arn:aws:iam::111122223333:user/a-name-that-is-longer-than-any-column-should-be"),
        by("10:00", "arn:aws:iam::111122223333:user/twenty-characters-00"),
        by("20:00", "arn:aws:iam::111122223333:user/ann"),
        by("30:00", "arn:aws:iam::111122223333:user/bob"),
        last,
    ]);
    let ran = case.sawq(&["timeline"]);
    let column = |line: &str| line[..line.find("ListUsers").unwrap()].chars().count();
    let columns: Vec<usize> = ran.text().lines().filter(|line| line.contains("ListUsers")).map(column).collect();
    assert!(columns.len() == 5 && columns.iter().all(|of| *of == columns[0]), "{}", ran.text());
    assert!(ran.text().contains("… 2036 d 12 h without a record"), "{}", ran.text());
    assert!(ran.text().contains("twenty-characters-00 "), "{}", ran.text());
    assert!(!ran.err.contains("after a later record"), "{}", ran.err);
}

#[test]
fn the_order_of_the_evidence_is_explained_on_request() {
    let case = trail(&[event("10:00", "ListUsers", true, &json!({})), event("00:00", "ListRoles", true, &json!({}))]);
    for (options, told) in [(&["timeline"][..], false), (&["timeline", "--explain"], true)] {
        let ran = case.sawq(options);
        assert_eq!(ran.err.contains("1 record comes after a later record in the evidence"), told, "{}", ran.err);
    }
}

#[test]
fn match_and_number_hold_for_the_timeline() {
    let names = ["ListUsers", "ListRoles", "CreateUser", "ListGroups"];
    let events = names.iter().enumerate().map(|(place, name)| event(&format!("1{place}:00"), name, true, &json!({})));
    let case = trail(&events.collect::<Vec<_>>());
    case.write(
        "more/s3.log",
        "owner b [29/Jul/2021:10:00:00 +0000] 192.0.2.9 - R1 REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 5 5 1 1 - \"Roles/1\" -\n",
    );
    assert_eq!(case.sawlog(&["convert", "more", "-q"]).code, 0);
    let operations = |options: &[&str]| -> Vec<String> {
        let ran = case.sawq(&[&["timeline", "--json"], options].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.json().as_array().unwrap().iter().map(|row| row["operation"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(operations(&["--match", "Roles"]), ["REST.GET.OBJECT", "ListRoles"]);
    assert_eq!(operations(&["--match", "!List"]), ["REST.GET.OBJECT", "CreateUser"]);
    assert_eq!(operations(&["-F", "-i", "--match", "listusers"]), ["ListUsers"]);
    assert_eq!(operations(&["-n", "2"]), ["REST.GET.OBJECT", "ListUsers"]);
    assert_eq!(operations(&["-n", "3", "--expand"]), ["REST.GET.OBJECT", "ListUsers", "ListRoles"]);
    let none = case.sawq(&["timeline", "--match", "no such thing"]);
    assert!(none.code == 0 && none.out.is_empty() && none.err.contains("no record"), "{}", none.err);
}

/// Dates outside of those that 64 bits of nanoseconds hold, and those that clocks end with.
#[test]
fn any_date_is_on_the_timeline() {
    let case = Case::new();
    let s3 = |year: u32, key: &str| {
        format!(
            "owner b [01/Jan/{year}:10:00:00 +0000] 192.0.2.1 - R1 REST.PUT.OBJECT {key} \"PUT /k HTTP/1.1\" 200 - - 5 1 1 - \"a\" -\n"
        )
    };
    case.write("logs/s3.log", [s3(1500, "early"), s3(1677, "edge"), s3(2021, "now"), s3(2263, "late")].concat());
    let mut events = Vec::new();
    for time in ["0001-01-01T00:00:00Z", "2021-07-29T10:00:00Z", "9999-12-31T23:59:59Z"] {
        events.push(event(
            "00:00",
            "CreateUser",
            false,
            &json!({ "eventTime": time, "requestParameters": { "userName": format!("at-{time}") } }),
        ));
    }
    case.write("logs/trail.json", json!({ "Records": events }).to_string());
    let flow = |seconds: i64| {
        format!("2 111122223333 eni-1 192.0.2.1 198.51.100.1 40000 22 6 1 40 {seconds} {} ACCEPT OK\n", seconds + 1)
    };
    let header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";
    case.write(
        "logs/flows.log",
        [header.to_owned(), flow(9_300_000_000), flow(253_402_300_700), flow(1_627_552_800)].concat(),
    );
    let ran = case.sawlog(&["convert", "logs", "-q"]);
    assert!(ran.code == 0 || ran.code == 3, "{}", ran.err);
    let records: usize = case.sawq(&["find", "-c"]).text().trim().parse().unwrap();
    assert!(records >= 8, "{records}");
    let ran = case.sawq(&["timeline"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for text in ["1500-01-01 ", "2263-01-01 ", "0001-01-01 ", "9999-12-31 ", "23:59:59", "at-9999-12-31T23:59:59Z"] {
        assert!(ran.text().contains(text), "{text}: {}", ran.text());
    }
    for options in [&["--json"][..], &["--expand", "--format", "csv"], &["-o", "t.parquet"], &["-o", "t.ndjson"]] {
        let ran = case.sawq(&[&["timeline"], options].concat());
        assert_eq!(ran.code, 0, "{options:?}: {}", ran.err);
    }
    assert_eq!(case.sawq(&["timeline", "--json"]).json().as_array().unwrap().len(), records);
    for out in ["a.html", "b.html"] {
        let more: &[&str] = if out == "b.html" { &["--entity", "192.0.2.1"] } else { &[] };
        let ran = case.sawq(&[&["report", "--out", out], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let page = std::fs::read_to_string(case.path("a.html")).unwrap();
    assert!(
        page.contains("0001-01-01 00:00:00 to 9999-12-31 23:59:59 UTC"),
        "{}",
        &page[page.find("<dl>").unwrap()..][..600]
    );
}
