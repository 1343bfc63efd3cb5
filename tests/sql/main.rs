//! `sawq sql`: SQL as people write it, what it refuses, what it says when it is wrong, and its prompt.

mod answers;
mod dialect;
mod prompt;
mod refused;
mod times;

use sawlog_tests::{Case, Ran};
use serde_json::{Value, json};

/// A trail of six events, whose parameters have values of every kind.
fn trail() -> String {
    let event = |second: u32, source: &str, name: &str, parameters: &Value, response: &Value| {
        json!({
            "eventVersion": "1.08",
            "userIdentity": {
                "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/alice",
                "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "alice"
            },
            "eventTime": format!("2024-03-01T22:00:{second:02}Z"),
            "eventSource": source, "eventName": name, "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.10",
            "userAgent": "aws-cli/2.0", "requestParameters": parameters, "responseElements": response,
            "additionalEventData": { "MFAUsed": if second == 1 { "No" } else { "Yes" } },
            "resources": [
                { "ARN": "arn:aws:iam::111122223333:user/bob", "accountId": "111122223333", "type": "AWS::IAM::User" },
                { "ARN": "arn:aws:s3:::bucket" }
            ],
            "requestID": format!("r{second}"), "eventID": format!("00000000-0000-0000-0000-0000000000{second:02}"),
            "readOnly": false, "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
            "eventCategory": "Management", "managementEvent": true
        })
    };
    let policy = r#"{"Statement":[{"Effect":"Allow","Principal":"*"},{"Effect":"Deny","Principal":{"AWS":"x"}}]}"#;
    let rules = json!({ "groupId": "sg-1", "ipPermissions": { "items": [
        { "ipProtocol": "tcp", "ipRanges": { "items": [{ "cidrIp": "0.0.0.0/0" }, { "cidrIp": "10.0.0.0/8" }] } },
        { "ipProtocol": "udp", "ipRanges": { "items": [{ "cidrIp": "0.0.0.0/0" }] } }
    ] } });
    let kinds = json!({ "userName": "bob", "size": 9, "on": true, "off": false, "none": null, "list": ["a", "b", "c"],
        "deep": { "er": { "est": "x" } }, "a.b": "dotted" });
    let events = [
        event(1, "signin.amazonaws.com", "ConsoleLogin", &Value::Null, &json!({ "ConsoleLogin": "Failure" })),
        event(2, "signin.amazonaws.com", "ConsoleLogin", &Value::Null, &json!({ "ConsoleLogin": "Success" })),
        event(3, "iam.amazonaws.com", "CreateUser", &kinds, &Value::Null),
        event(4, "s3.amazonaws.com", "PutBucketPolicy", &json!({ "bucketPolicy": policy, "size": 100 }), &Value::Null),
        event(5, "ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", &rules, &json!({ "_return": true })),
        event(6, "iam.amazonaws.com", "DeleteUser", &json!({ "userName": "carol", "size": 21 }), &Value::Null),
    ];
    json!({ "Records": events }).to_string()
}

fn trail_case() -> Case {
    let case = Case::new();
    case.write("logs/trail.json", trail());
    let ran = case.sawlog(&["convert", "logs"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    case
}

fn sql(case: &Case, query: &str) -> Ran {
    case.sawq(&["sql", query, "--format", "csv"])
}

/// The lines of a result, without the names.
fn rows(case: &Case, query: &str) -> Vec<String> {
    let ran = sql(case, query);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.text().lines().skip(1).map(str::to_owned).collect()
}

/// The names of the results.
fn names(case: &Case, query: &str) -> String {
    let ran = sql(case, query);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.text().lines().next().unwrap_or_default().to_owned()
}
