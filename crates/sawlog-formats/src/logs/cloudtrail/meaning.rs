//! What the fields of a record mean: who acted, what was done, and whether it failed.

use std::borrow::Cow;

use crate::entity::Source;
use crate::meaning::{EventId, Issuing};
use crate::role::{Role, Value};

/// What the fields mean.
pub(super) const ROLES: &[(Role, Value)] = &[
    (Role::Address, Value::Field("source_ip_address")),
    (Role::Source, Value::Field("source_ip_address")),
    (Role::Actor, Value::Field("actor")),
    (Role::ActorType, Value::Field("user_identity.type")),
    (Role::ActorArn, Value::Any(&["user_identity.arn", "user_identity.session_context.session_issuer.arn"])),
    (
        Role::ActorName,
        Value::Any(&[
            "user_identity.user_name",
            "user_identity.principal_id",
            "user_identity.session_context.session_issuer.user_name",
        ]),
    ),
    (Role::Parameters, Value::Field("request_parameters")),
    (Role::Response, Value::Field("response_elements")),
    (Role::Resource, Value::Each("resources", "arn")),
    (Role::AccessKey, Value::Field("user_identity.access_key_id")),
    (Role::UserAgent, Value::Field("user_agent")),
    (Role::Operation, Value::Field("event_name")),
    (Role::Target, Value::First(&[INSIGHT, Value::Field("resources.0.arn"), Value::Field("event_source")])),
    (Role::Error, Value::Field("error")),
    (Role::Service, Value::Field("event_source")),
    (Role::Region, Value::Field("aws_region")),
    (Role::Account, Value::Any(&["recipient_account_id", "user_identity.account_id"])),
];

/// The type of an Insights event.
const INSIGHT: Value = Value::Made("insight_details", |details| insight_kind(details).map(Cow::Owned));

/// Who acted: the first of these that a record has. So every record that says anything about its caller has an actor.
pub const ACTOR: &[Source] = &[
    // Some records have a blank in place of a name.
    Source::text("user_identity.user_name").but(&[" "]),
    Source::text("user_identity.arn"),
    Source::text("user_identity.session_context.session_issuer.arn"),
    Source::text("user_identity.invoked_by"),
    Source::within("source_ip_address", service),
    Source::text("user_identity.principal_id"),
    Source::text("user_identity.account_id"),
    Source::text("recipient_account_id"),
];

/// The key that signed the request. Sign-ins have an empty key, which counts as none.
pub(super) const ACCESS_KEY: &[Source] = &[Source::text("user_identity.access_key_id")];

/// What was done; for an Insights event, the action that it is about.
pub(super) const OPERATION: &[Source] = &[Source::text("event_name"), Source::within("insight_details", insight_name)];

/// The service of the action.
pub(super) const SERVICE: &[Source] =
    &[Source::text("event_source"), Source::within("insight_details", insight_source)];

/// Why a record failed (it failed if this is not empty): the error's code, else its message, else what a sign-in or
/// an Insights event says in its own way.
pub const ERROR: &[Source] = &[
    // Some tools that write records say so where there is no error.
    Source::text("error_code").but(&["false"]),
    Source::within("insight_details", insight_error),
    Source::text("error_message"),
    Source::within("service_event_details", failure).only(SIGN_IN),
    Source::within("response_elements", failure).only(SIGN_IN),
];

/// How the names of calls that change nothing begin. Older records, and exports of some columns, do not say
/// `readOnly`. See the AWS CloudTrail user guide, "CloudTrail record contents for management, data, and network
/// activity events".
pub(super) const READS: &[&str] = &[
    "AssumeRole",
    "BatchCheck",
    "BatchDescribe",
    "BatchGet",
    "BatchList",
    "Check",
    "Decrypt",
    "Describe",
    "Detect",
    "Discover",
    "Download",
    "Encrypt",
    "Estimate",
    "Filter",
    "GenerateDataKey",
    "GenerateMac",
    "GenerateRandom",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Preview",
    "Query",
    "ReEncrypt",
    "Read",
    "Retrieve",
    "Scan",
    "Search",
    "Select",
    "Sign",
    "Simulate",
    "TestEventPattern",
    "TestMetricFilter",
    "Validate",
    "Verify",
    "View",
];

/// Which records are sign-ins. See the AWS CloudTrail user guide, "AWS Management Console sign-in events", and the IAM
/// Identity Center user guide, "Understanding IAM Identity Center sign-in events".
pub const SIGN_IN: &[(&str, &[&str])] = &[
    ("event_type", &["AwsConsoleSignIn"]),
    ("event_source", &["signin.amazonaws.com"]),
    (
        "event_name",
        &[
            "Authenticate",
            "CheckMfa",
            "ConsoleLogin",
            "CredentialChallenge",
            "CredentialVerification",
            "ExitRole",
            "Federate",
            "RenewRole",
            "SwitchRole",
            "UserAuthentication",
        ],
    ),
];

/// What identifies an event: the id that accounts share, else its own id. The beginning and the end of an Insights
/// event have the same shared id, so it identifies nothing. See the AWS CloudTrail user guide, "CloudTrail record
/// contents".
pub(super) const EVENT_ID: EventId = EventId {
    columns: &["event_id", "shared_event_id", "event_type"],
    tell: |texts| {
        let text = |place: usize| texts.get(place).copied().flatten();
        let is_shared = text(2) != Some("AwsCloudTrailInsight");
        text(1).filter(|id| is_shared && !id.is_empty()).or(text(0))
    },
};

/// The calls that issue access keys.
pub(super) const ISSUING: Issuing = Issuing {
    operations: &[
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "AssumeRoot",
        "CreateAccessKey",
        "GetFederationToken",
        "GetSessionToken",
        "GetCredentialsForIdentity",
        "GetRoleCredentials",
        "CreateToken",
    ],
    response: "response_elements",
    holder: |parameters| {
        let parameters: serde_json::Value = serde_json::from_str(parameters).ok()?;
        let named = ["roleArn", "userName", "name", "roleName"].iter().find_map(|name| parameters[*name].as_str());
        named.map(str::to_owned)
    },
};

/// The AWS service that called, if it is in place of an address.
fn service(address: &str) -> Option<&str> {
    Some(address).filter(|address| address.contains(".amazonaws.com") || *address == "AWS Internal")
}

/// `Failure`, if that is a value. Some exports have the JSON as a text.
fn failure(json: &str) -> Option<&str> {
    let is_failure = if json.starts_with('"') {
        serde_json::from_str::<String>(json).is_ok_and(|json| has_failure(&json))
    } else {
        has_failure(json)
    };
    is_failure.then_some("Failure")
}

fn has_failure(json: &str) -> bool {
    const VALUE: &[u8] = b"failure\"";
    let bytes = json.as_bytes();
    let is_value = |at: usize| {
        let text = bytes[at + 1..].get(..VALUE.len());
        text.is_some_and(|text| text.eq_ignore_ascii_case(VALUE)) && bytes[..at].trim_ascii_end().ends_with(b":")
    };
    memchr::memchr_iter(b'"', bytes).any(is_value)
}

fn insight_name(details: &str) -> Option<&str> {
    text_of(details, "eventName")
}

fn insight_source(details: &str) -> Option<&str> {
    text_of(details, "eventSource")
}

fn insight_error(details: &str) -> Option<&str> {
    text_of(details, "errorCode").filter(|code| *code != "null")
}

/// What kind of Insights event it is, and whether it begins or ends: `ApiErrorRateInsight Start`.
///
/// ```
/// use sawlog_formats::cloudtrail::insight_kind;
/// let details = r#"{"state":"Start","insightType":"ApiErrorRateInsight","insightContext":{"state":"no"}}"#;
/// assert_eq!(insight_kind(details).as_deref(), Some("ApiErrorRateInsight Start"));
/// ```
#[must_use]
pub fn insight_kind(details: &str) -> Option<String> {
    let parts = [text_of(details, "insightType"), text_of(details, "state")];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The text of a field of a JSON object, as it is written; not of nested objects. CloudTrail Lake has names in small
/// letters.
fn text_of<'a>(json: &'a str, field: &str) -> Option<&'a str> {
    let mut depth = 0;
    let mut at = 0;
    let bytes = json.as_bytes();
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let (name, end) = string(json, at)?;
                at = end;
                let rest = json.get(at..)?.trim_ascii_start();
                if let (1, true, Some(value)) = (depth, name.eq_ignore_ascii_case(field), rest.strip_prefix(':')) {
                    let start = json.len() - value.trim_ascii_start().len();
                    return if bytes.get(start) == Some(&b'"') { Some(string(json, start + 1)?.0) } else { None };
                }
            }
            _ => {}
        }
    }
    None
}

/// The string that begins at a position, and the text after its closing quote.
fn string(json: &str, start: usize) -> Option<(&str, usize)> {
    let mut escaped = false;
    let ends = |byte: &u8| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    };
    let end = start + json.as_bytes().get(start..)?.iter().position(ends)?;
    Some((json.get(start..end)?, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_a_value() {
        assert_eq!(failure(r#"{"ConsoleLogin":"Failure"}"#), Some("Failure"));
        assert_eq!(failure("{\"CheckMfa\" :\n \"Failure\"}"), Some("Failure"));
        assert_eq!(failure(r#"{"ConsoleLogin":"failure"}"#), Some("Failure"));
        assert_eq!(failure(r#""{\"ConsoleLogin\":\"FAILURE\"}""#), Some("Failure"));
        for other in [
            r#"{"ConsoleLogin":"Success"}"#,
            r#"{"Failure":"x"}"#,
            r#"{"a":"say: \"Failure\""}"#,
            r#""{\"a\":\"say: \\\"Failure\\\"\"}""#,
            r#"{"a":"Failures"}"#,
            "\"Failure\"",
            "\"",
            "null",
            "",
        ] {
            assert_eq!(failure(other), None, "{other}");
        }
    }

    #[test]
    fn fields_of_an_object_are_those_of_no_other() {
        let json = r#"{"a":{"b":"inner"},"c":["b","b"],"d\"":"e", "b" : "x\"y","f":1}"#;
        assert_eq!(text_of(json, "b"), Some(r#"x\"y"#));
        assert_eq!(text_of(json, "a"), None);
        assert_eq!(text_of(json, "f"), None);
        assert_eq!(text_of(json, "inner"), None);
        assert_eq!(text_of(r#"{"b"#, "b"), None);
        assert_eq!(text_of(r#"{"insighttype":"x"}"#, "insightType"), Some("x"));
    }
}
