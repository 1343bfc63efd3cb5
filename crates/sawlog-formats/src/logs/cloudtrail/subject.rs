//! What an API call was about: the things that it created, changed or deleted, by the names in its parameters and its
//! response. `PutUserPolicy` with a user and a policy is about `zlj9i0k83o on jmerckle`.

use serde_json::{Map, Value};

use crate::meaning::Subject;

/// Longer subjects are cut, and end with `…`.
const MAX_CHARS: usize = 1000;
/// The most values of one parameter that are named, and the most further parameters.
const MAX_VALUES: usize = 10;
const MAX_DETAILS: usize = 3;
/// A text longer than this is not a name.
const MAX_NAME: usize = 1024;
/// Parameters are looked into this deep.
const MAX_DEPTH: usize = 8;

/// The endings of parameter names whose value is a name.
const NAMING: [&str; 13] = [
    "Identifiers",
    "Identifier",
    "SerialNumber",
    "serialNumber",
    "Names",
    "Name",
    "Arns",
    "Arn",
    "ARN",
    "Ids",
    "Id",
    "Urls",
    "Url",
];
/// Parameters that name the thing itself, whatever the operation is about.
const ITSELF: [&str; 9] = ["name", "Name", "id", "Id", "arn", "resource", "key", "Key", "family"];
/// Parameters that name what is changed, if the operation is not about them.
const OWNERS: [&str; 11] =
    ["user", "role", "group", "instance", "cluster", "function", "bucket", "resource", "routetable", "subnet", "vpc"];
/// Parameters that name nothing, but describe the action.
const DETAILS: [&str; 38] = [
    "principal",
    "status",
    "valuesToAdd",
    "valuesToRemove",
    "userId",
    "group",
    "cidrBlock",
    "destinationCidrBlock",
    "ruleAction",
    "role",
    "protocol",
    "endpoint",
    "action",
    "x-amz-copy-source",
    "x-amz-acl",
    "attribute",
    "newUserName",
    "newPath",
    "instanceType",
    "imageId",
    "granteePrincipal",
    "permissionsBoundary",
    "Bucket",
    "Status",
    "authType",
    "cIDRIP",
    "enable",
    "setAsDefault",
    "publiclyAccessible",
    "deletionProtection",
    "disableApiTermination",
    "httpTokens",
    "httpEndpoint",
    "HttpTokens",
    "HttpEndpoint",
    "ruleNumber",
    "value",
    "egress",
];
/// Parameters that say nothing about the action, with everything in them.
const NOISE: [&str; 22] = [
    "Host",
    "tags",
    "Tags",
    "tagSet",
    "tagSpecificationSet",
    "TagSpecification",
    "clientToken",
    "ClientToken",
    "clientRequestToken",
    "nextToken",
    "marker",
    "fullyQualifiedArn",
    "requestId",
    "roleSessionName",
    "statementId",
    "encryptionAlgorithm",
    "encryptionContext",
    "agentName",
    "agentVersion",
    "computerName",
    "platformName",
    "containerDefinitions",
];

/// What a record is about.
pub(super) const SUBJECT: Subject = Subject {
    columns: &[
        "event_name",
        "request_parameters",
        "response_elements",
        "additional_event_data",
        "insight_details",
        "service_event_details",
    ],
    tell: |texts| {
        let text = |place: usize| texts.get(place).copied().flatten();
        Call {
            operation: text(0),
            parameters: text(1),
            response: text(2),
            additional: text(3),
            insight: text(4),
            service_details: text(5),
        }
        .subject()
    },
    alike: "read_only",
    differ: &["aws_region", "recipient_account_id", "request_parameters"],
};

/// The parts of a record that say what it is about, as JSON text.
#[derive(Clone, Copy, Debug, Default)]
struct Call<'a> {
    operation: Option<&'a str>,
    parameters: Option<&'a str>,
    response: Option<&'a str>,
    additional: Option<&'a str>,
    insight: Option<&'a str>,
    service_details: Option<&'a str>,
}

impl Call<'_> {
    /// What the call was about; empty if nothing says it.
    fn subject(&self) -> String {
        let subject = if let Some(insight) = object(self.insight) { self.insight(&insight) } else { self.of_call() };
        match subject.char_indices().nth(MAX_CHARS) {
            Some((end, _)) => format!("{}…", &subject[..end]),
            None => subject,
        }
    }

    /// An Insights event: its type, and whether the unusual activity began or ended.
    fn insight(&self, insight: &Map<String, Value>) -> String {
        let part = |name: &str| insight.get(name).and_then(Value::as_str);
        // A record without an action has the insight's action as its operation.
        let operation = part("eventName").filter(|name| self.operation.is_some_and(|operation| operation != *name));
        [operation, part("insightType"), part("state")].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn of_call(&self) -> String {
        let operation = Operation::new(self.operation.unwrap_or_default());
        // Only parts of a response that can be used are read.
        let tells = |response: &&str| {
            ["Id\"", "publicIp", "roleName", operation.name].iter().any(|name| response.contains(*name))
        };
        let response = object(self.response.filter(tells));
        if let Some(outcome) = self.sign_in(response.as_ref()) {
            return outcome;
        }
        let parameters = object(self.parameters).or_else(|| object(self.service_details));
        let mut found = Found::default();
        if let Some(parameters) = &parameters {
            found.collect(parameters);
        }
        let mut subject = found.phrase(&operation);
        let made = response.map(|response| found.made(&response, &operation)).unwrap_or_default();
        if !made.is_empty() {
            subject += &format!(" → {}", listed(&made));
        }
        subject.trim_start().to_owned()
    }

    /// How a sign-in ended, which only its response says: `{"ConsoleLogin":"Failure"}`.
    fn sign_in(&self, response: Option<&Map<String, Value>>) -> Option<String> {
        let outcome = response?.get(self.operation?)?.as_str()?.to_lowercase();
        let additional = object(self.additional);
        let factor = additional.as_ref().and_then(|more| more.get("MFAUsed")).and_then(Value::as_str);
        Some(match factor {
            Some("Yes") => format!("{outcome} (MFA)"),
            Some("No") => format!("{outcome} (No MFA)"),
            _ => outcome,
        })
    }
}

fn object(json: Option<&str>) -> Option<Map<String, Value>> {
    match serde_json::from_str(json?) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// The parts of an operation's name: `AddUserToGroup` is about a user, and changes a group.
struct Operation<'a> {
    name: &'a str,
    /// The whole name without its version, in lower case.
    whole: String,
    /// What the operation is about, without the verb.
    about: String,
    /// The text after `To`, `From` or `With`.
    other: Option<(&'static str, String)>,
}

impl<'a> Operation<'a> {
    fn new(name: &'a str) -> Self {
        let whole = name;
        // CreateFunction20150331, UpdateFunctionCode20150331v2.
        let digits = name.find(|char: char| char.is_ascii_digit());
        let name = match digits.map(|at| name.split_at(at)) {
            Some((before, version)) if version.len() >= 8 => before,
            _ => name,
        };
        let verb =
            name.char_indices().skip(1).find(|(_, char)| char.is_ascii_uppercase()).map_or(name.len(), |at| at.0);
        let nouns = &name[verb..];
        let split = ["To", "From", "With"].into_iter().find_map(|word| {
            let (about, other) = nouns.split_once(word)?;
            let is_word = !about.is_empty() && other.starts_with(|char: char| char.is_ascii_uppercase());
            let preposition = if word == "From" { "from" } else { "to" };
            is_word.then(|| (about, preposition, other.to_lowercase()))
        });
        let (about, other) = match split {
            Some((about, preposition, other)) => (about, Some((preposition, other))),
            None => (nouns, None),
        };
        Self { name: whole, whole: name.to_lowercase(), about: about.to_lowercase(), other }
    }

    /// Whether a parameter names what the operation is about.
    fn is_about(&self, stem: &str) -> bool {
        stem.is_empty() || ends_with(&self.about, stem)
    }

    /// Whether the operation's name contains the parameter's.
    fn mentions(&self, stem: &str) -> bool {
        self.whole.contains(stem)
    }
}

/// Whether a name ends with another, in the singular or plural.
fn ends_with(name: &str, stem: &str) -> bool {
    let singular = name.strip_suffix('s').unwrap_or(name);
    let of_y = name.strip_suffix("ies").is_some_and(|name| format!("{name}y").ends_with(stem));
    name.ends_with(stem) || singular.ends_with(stem) || of_y
}

/// A parameter and its values.
#[derive(Clone, Debug)]
struct Parameter {
    name: String,
    values: Vec<String>,
}

impl Parameter {
    /// What kind of thing a parameter names: `policy` for `policyArn`, empty for `name`; `None` if it names nothing.
    fn stem(&self) -> Option<String> {
        if ITSELF.contains(&self.name.as_str()) {
            return Some(String::new());
        }
        let stem = NAMING.iter().find_map(|end| self.name.strip_suffix(end))?;
        Some(stem.to_lowercase())
    }
}

/// What was found in a call's parameters.
#[derive(Default)]
struct Found {
    parameters: Vec<Parameter>,
    /// Rules of security groups: `tcp/22 from 0.0.0.0/0`.
    rules: Vec<String>,
}

impl Found {
    fn collect(&mut self, parameters: &Map<String, Value>) {
        let part = |name: &str| parameters.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let (Some(bucket), Some(key)) = (part("bucketName"), part("key")) {
            self.add("objectName", &format!("{bucket}/{key}"));
            let others = parameters.iter().filter(|(name, _)| !matches!(name.as_str(), "bucketName" | "key"));
            return others.for_each(|(name, value)| self.look_into(name, value, 0));
        }
        if parameters.contains_key("ipProtocol") {
            self.rules.extend(rule(parameters));
        }
        parameters.iter().for_each(|(name, value)| self.look_into(name, value, 0));
    }

    fn look_into(&mut self, name: &str, value: &Value, depth: usize) {
        if NOISE.contains(&name) || depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::String(text) => self.add(name, text),
            Value::Array(values) => values.iter().for_each(|value| self.look_into(name, value, depth + 1)),
            Value::Object(object) if object.contains_key("ipProtocol") => self.rules.extend(rule(object)),
            Value::Object(object) => object.iter().for_each(|(name, value)| self.look_into(name, value, depth + 1)),
            Value::Bool(_) | Value::Number(_) if DETAILS.contains(&name) => self.add(name, &value.to_string()),
            _ => {}
        }
    }

    fn add(&mut self, name: &str, text: &str) {
        let is_name = !text.is_empty() && text.len() <= MAX_NAME && !text.starts_with(['{', '[']);
        if !is_name || text.starts_with("HIDDEN_") || text.contains('\n') {
            return;
        }
        match self.parameters.iter_mut().find(|parameter| parameter.name == name) {
            Some(known) if known.values.iter().any(|value| value == text) => {}
            Some(known) => known.values.push(text.to_owned()),
            None => self.parameters.push(Parameter { name: name.to_owned(), values: vec![text.to_owned()] }),
        }
    }

    /// The names in a sensible order: what the operation is about, what was affected, and details.
    fn phrase(&self, operation: &Operation<'_>) -> String {
        let is_detail = |parameter: &Parameter| {
            let is_about = parameter.stem().is_some_and(|stem| operation.is_about(&stem));
            DETAILS.contains(&parameter.name.as_str()) && !is_about
        };
        let named = self.parameters.iter().filter(|parameter| !is_detail(parameter));
        let named = named.filter_map(|parameter| Some((parameter.stem()?, parameter)));
        let (mut about, mut others): (Vec<_>, Vec<_>) = named.partition(|(stem, _)| operation.is_about(stem));
        if let (true, Some(first)) = (about.is_empty(), others.iter().position(|(stem, _)| operation.mentions(stem))) {
            about.push(others.remove(first));
        }
        let is_owner = |stem: &str| operation.mentions(stem) || OWNERS.contains(&stem);
        others.sort_by_key(|(stem, _)| !is_owner(stem));
        let mut words: Vec<String> = about.iter().map(|(_, parameter)| listed(&parameter.values)).collect();
        words.extend(self.rules.iter().cloned());
        let mut details = Vec::new();
        for (place, (stem, parameter)) in others.iter().enumerate() {
            let to = operation.other.as_ref().filter(|(_, other)| ends_with(other, stem)).map(|(word, _)| *word);
            if to.is_some() || place == 0 && (about.is_empty() || is_owner(stem)) {
                words.push(format!("{} {}", to.unwrap_or("on"), listed(&parameter.values)));
            } else {
                details.push(*parameter);
            }
        }
        details.extend(self.parameters.iter().filter(|parameter| is_detail(parameter)));
        if words.is_empty() && details.is_empty() {
            details.extend(self.parameters.iter().filter(|parameter| parameter.stem().is_none()));
        }
        let more = details.iter().take(MAX_DETAILS);
        words.extend(more.map(|parameter| format!("{}={}", parameter.name, listed(&parameter.values))));
        words.join(" ")
    }

    /// What the call created, from its response: new access keys, and ids of what the operation is about.
    fn made(&self, response: &Map<String, Value>, operation: &Operation<'_>) -> Vec<String> {
        let mut answer = Self::default();
        answer.collect(response);
        let is_known = |value: &String| {
            self.parameters.iter().any(|parameter| parameter.values.iter().any(|known| known == value))
        };
        let is_made = |parameter: &&Parameter, value: &String| match parameter.name.as_str() {
            "accessKeyId" | "serviceSpecificCredentialId" | "sSHPublicKeyId" => true,
            "versionId" => operation.whole == "createpolicyversion",
            "roleName" => operation.whole == "createservicelinkedrole",
            "publicIp" => operation.whole.starts_with("allocate"),
            _ => {
                is_resource_id(value)
                    && parameter.stem().is_some_and(|stem| !stem.is_empty() && operation.is_about(&stem))
            }
        };
        let values =
            answer.parameters.iter().flat_map(|parameter| parameter.values.iter().map(move |value| (parameter, value)));
        let made = values.filter(|(parameter, value)| is_made(parameter, value) && !is_known(value));
        made.map(|(_, value)| value.clone()).collect()
    }
}

/// Whether a text is an id that AWS makes for things without a name: `i-0123456789abcdef0`, or a UUID.
fn is_resource_id(text: &str) -> bool {
    let Some((_, digits)) = text.rsplit_once('-') else { return false };
    digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && !text.contains([':', '/'])
}

/// A rule of a security group, such as `tcp/22 from 0.0.0.0/0`.
fn rule(object: &Map<String, Value>) -> Option<String> {
    let protocol = object.get("ipProtocol")?.as_str()?;
    let port = |name: &str| object.get(name).and_then(Value::as_i64).filter(|port| *port >= 0);
    let mut rule = if protocol == "-1" { "all traffic".to_owned() } else { protocol.to_owned() };
    match (port("fromPort"), port("toPort")) {
        (Some(from), Some(to)) if from != to => rule += &format!("/{from}-{to}"),
        (Some(port), _) | (None, Some(port)) => rule += &format!("/{port}"),
        (None, None) => {}
    }
    let mut ends = Found::default();
    object.iter().for_each(|(name, value)| ends.look_into(name, value, 0));
    const ENDS: [&str; 5] = ["cidrIp", "cidrIpv6", "groupId", "groupName", "prefixListId"];
    // In the flat form, the group is the one that is changed.
    let is_end = |name: &str| ENDS.contains(&name) && !(name.starts_with("group") && object.contains_key(name));
    let ends: Vec<String> = ends
        .parameters
        .into_iter()
        .filter(|parameter| is_end(&parameter.name))
        .flat_map(|parameter| parameter.values)
        .collect();
    if !ends.is_empty() {
        rule += &format!(" from {}", listed(&ends));
    }
    Some(rule)
}

/// The values in a row; AWS's own policies by their names.
fn listed(values: &[String]) -> String {
    let short = |value: &String| match value.split_once(":iam::aws:policy/") {
        Some((_, path)) => path.rsplit('/').next().unwrap_or(path).to_owned(),
        None => value.clone(),
    };
    let more = values.len().saturating_sub(MAX_VALUES);
    let listed = values.iter().take(MAX_VALUES).map(short).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{listed} and {more} more…") } else { listed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(operation: &str, parameters: &str, response: &str) -> String {
        let (operation, parameters, response) = (Some(operation), Some(parameters), Some(response));
        Call { operation, parameters, response, ..Call::default() }.subject()
    }

    #[test]
    fn a_call_is_about_what_its_parameters_name() {
        for (operation, parameters, expected) in [
            ("CreateUser", r#"{"userName":"mallory"}"#, "mallory"),
            ("PutUserPolicy", r#"{"userName":"bob","policyName":"p","policyDocument":"{}"}"#, "p on bob"),
            ("CreateAccessKey", r#"{"userName":"bob"}"#, "on bob"),
            (
                "DeleteAccessKey",
                r#"{"userName":"bob","accessKeyId":"AKIAIOSFODNN7EXAMPLE"}"#,
                "AKIAIOSFODNN7EXAMPLE on bob",
            ),
            (
                "AttachRolePolicy",
                r#"{"roleName":"ops","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}"#,
                "AdministratorAccess on ops",
            ),
            ("UpdateAssumeRolePolicy", r#"{"policyDocument":"{}","roleName":"ops"}"#, "ops"),
            ("AddUserToGroup", r#"{"groupName":"admins","userName":"bob"}"#, "bob to admins"),
            ("RemoveUserFromGroup", r#"{"groupName":"admins","userName":"bob"}"#, "bob from admins"),
            ("DeleteTrail", r#"{"name":"audit"}"#, "audit"),
            ("StopLogging", r#"{"name":"audit"}"#, "audit"),
            ("CreateTrail", r#"{"name":"audit","s3BucketName":"b"}"#, "audit s3BucketName=b"),
            ("PutBucketPolicy", r#"{"bucketName":"b","Host":"b.s3.amazonaws.com","policy":""}"#, "b"),
            ("PutObject", r#"{"bucketName":"b","key":"a/k.txt"}"#, "b/a/k.txt"),
            ("AttachVolume", r#"{"volumeId":"vol-1","instanceId":"i-1","device":"/dev/sdf"}"#, "vol-1 on i-1"),
            (
                "TerminateInstances",
                r#"{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]}}"#,
                "i-1, i-2",
            ),
            ("DeletePolicies", r#"{"policyNames":["p","q"]}"#, "p, q"),
            ("DeleteDBInstance", r#"{"dBInstanceIdentifier":"prod","skipFinalSnapshot":true}"#, "prod"),
            ("UpdateFunctionCode20150331v2", r#"{"functionName":"f","dryRun":false}"#, "f"),
            (
                "AddPermission20150331v2",
                r#"{"functionName":"f","principal":"*","statementId":"s"}"#,
                "on f principal=*",
            ),
            (
                "ModifySnapshotAttribute",
                r#"{"snapshotId":"snap-1","createVolumePermission":{"add":{"items":[{"userId":"111122223333"}]}}}"#,
                "snap-1 userId=111122223333",
            ),
            (
                "CreateTags",
                r#"{"resourcesSet":{"items":[{"resourceId":"i-1"}]},"tagSet":{"items":[{"key":"Name"}]}}"#,
                "on i-1",
            ),
            ("UpdateAccountSettings", r#"{"mode":"open"}"#, "mode=open"),
            ("RegisterTaskDefinition", r#"{"family":"web","containerDefinitions":[{"name":"c","image":"i"}]}"#, "web"),
            (
                "CreateGrant",
                r#"{"keyId":"k","granteePrincipal":"arn:aws:iam::111122223333:root"}"#,
                "on k granteePrincipal=arn:aws:iam::111122223333:root",
            ),
            (
                "PutBucketVersioning",
                r#"{"bucketName":"b","VersioningConfiguration":{"Status":"Suspended"}}"#,
                "b Status=Suspended",
            ),
            ("UpdateDetector", r#"{"detectorId":"d","enable":false}"#, "d enable=false"),
            (
                "PutRolePermissionsBoundary",
                r#"{"roleName":"r","permissionsBoundary":"arn:aws:iam::aws:policy/ReadOnlyAccess"}"#,
                "r permissionsBoundary=ReadOnlyAccess",
            ),
            (
                "ModifyInstanceMetadataOptions",
                r#"{"ModifyInstanceMetadataOptionsRequest":{"InstanceId":"i-1","HttpTokens":"optional"}}"#,
                "i-1 HttpTokens=optional",
            ),
            ("ListUsers", "{}", ""),
            ("ListUsers", "null", ""),
            ("ListUsers", "[broken", ""),
        ] {
            assert_eq!(subject(operation, parameters, "null"), expected, "{operation}");
        }
    }

    #[test]
    fn rules_are_told_in_both_forms() {
        let nested = r#"{"groupId":"sg-1","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,
            "groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}"#;
        assert_eq!(subject("AuthorizeSecurityGroupIngress", nested, "null"), "sg-1 tcp/22 from 0.0.0.0/0");
        let flat = r#"{"groupId":"sg-1","ipProtocol":"-1","cidrIp":"198.51.100.0/24"}"#;
        assert_eq!(subject("AuthorizeSecurityGroupIngress", flat, "null"), "sg-1 all traffic from 198.51.100.0/24");
    }

    #[test]
    fn what_a_call_made_is_in_its_response() {
        let key = r#"{"accessKey":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"bob"}}"#;
        assert_eq!(subject("CreateAccessKey", r#"{"userName":"bob"}"#, key), "on bob → AKIAIOSFODNN7EXAMPLE");
        let instances = r#"{"instancesSet":{"items":[{"instanceId":"i-0123456789abcdef0","subnetId":"subnet-0123456789abcdef0"},
            {"instanceId":"i-0123456789abcdef1"}]}}"#;
        let run = subject("RunInstances", r#"{"instancesSet":{"items":[{"imageId":"ami-1"}]}}"#, instances);
        assert_eq!(run, "imageId=ami-1 → i-0123456789abcdef0, i-0123456789abcdef1");
        let user = r#"{"user":{"userName":"eve","userId":"AIDACKCEVSQ6C2EXAMPLE"}}"#;
        assert_eq!(subject("CreateUser", r#"{"userName":"eve"}"#, user), "eve");
        assert_eq!(
            subject("StopInstances", r#"{"instanceId":"i-0123456789abcdef0"}"#, instances),
            "i-0123456789abcdef0 → i-0123456789abcdef1"
        );
    }

    #[test]
    fn sign_ins_and_insights_tell_how_they_ended() {
        let login = Call {
            operation: Some("ConsoleLogin"),
            response: Some(r#"{"ConsoleLogin":"Failure"}"#),
            additional: Some(r#"{"MFAUsed":"No"}"#),
            ..Call::default()
        };
        assert_eq!(login.subject(), "failure (No MFA)");
        let details = Some(r#"{"state":"Start","eventName":"DescribeRegions","insightType":"ApiErrorRateInsight"}"#);
        for (operation, told) in [
            (None, "ApiErrorRateInsight Start"),
            (Some("DescribeRegions"), "ApiErrorRateInsight Start"),
            (Some("Insight"), "DescribeRegions ApiErrorRateInsight Start"),
        ] {
            assert_eq!(Call { operation, insight: details, ..Call::default() }.subject(), told);
        }
    }

    #[test]
    fn many_names_are_cut_and_say_so() {
        let ids: Vec<String> = (0..5000).map(|number| format!("\"{number:0>200}\"")).collect();
        let cut = subject("DeleteThings", &format!("{{\"thingIds\":[{}]}}", ids.join(",")), "null");
        assert!(cut.ends_with('…') && cut.chars().count() == MAX_CHARS + 1, "{cut}");
        assert!(subject("DeleteThings", &"[".repeat(100_000), "null").is_empty());
    }
}
