//! What fields mean, and what filters by them leave. Every command says the same.

use std::collections::BTreeMap;

use sawlog_tests::meaning::{count, event, failures, flows, request, sql, top, trail, without_index};
use sawlog_tests::stored;
use serde_json::{Value, json};

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
        (&["--ip", "192.0.2.1,192.0.2.2"], "has a comma: give each address by itself"),
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
