//! Made-up logs for the benchmarks: the same bytes each time.

use std::fmt::Write;

/// 2021-07-29, in seconds since 1970.
const START: u64 = 1_627_516_800;

/// The logs that there are, by the names of their tables.
pub const LOGS: [&str; 3] = ["s3_access", "cloudtrail", "vpc_flow"];

/// About so many bytes of a log of one day.
///
/// # Panics
///
/// If it is none of [`LOGS`].
#[must_use]
pub fn content(log: &str, bytes: usize) -> Vec<u8> {
    let mut random = Random(1);
    let mut text = String::with_capacity(bytes + 2000);
    let record = match log {
        "s3_access" => s3_access,
        "vpc_flow" => vpc_flow,
        "cloudtrail" => cloudtrail,
        other => panic!("there is no made-up log {other}"),
    };
    if log == "cloudtrail" {
        text.push_str("{\"Records\":[");
    }
    let mut second = 0;
    while text.len() < bytes {
        second = (second + u64::from(random.below(8) == 0)) % 86_400;
        record(&mut text, &mut random, second);
    }
    if log == "cloudtrail" {
        text.pop();
        text.push_str("]}");
    }
    text.into_bytes()
}

/// Pseudo-random numbers (xorshift).
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end
    }

    /// A number below `end`, small ones far more often than large ones.
    pub fn skewed(&mut self, end: u64) -> u64 {
        let width = self.below(u64::from(end.ilog2()) + 1);
        self.below(2 << width) % end
    }
}

fn clock(second: u64) -> String {
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

fn address(random: &mut Random) -> String {
    let number = random.skewed(1 << 14);
    format!("198.18.{}.{}", number >> 8, number & 255)
}

fn s3_access(text: &mut String, random: &mut Random, second: u64) {
    let (ip, key, size) = (address(random), random.skewed(1 << 16), random.below(1 << 22));
    let (agent, id, host) = (random.skewed(1 << 9), random.any(), random.any());
    let _ = writeln!(
        text,
        "{:064x} logs-{} [29/Jul/2021:{} +0000] {ip} - {id:016X} REST.GET.OBJECT images/img_{key}.jpg \
         \"GET /images/img_{key}.jpg HTTP/1.1\" 200 - {size} {size} {} {} \"-\" \
         \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{agent}.0 Safari/537.36\" - \
         {host:016x}{id:016x}{host:016x}/{id:016x}= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader \
         logs.s3.us-west-1.amazonaws.com TLSv1.2 - -",
        7,
        random.below(4),
        clock(second),
        id % 90,
        id % 80,
    );
}

fn vpc_flow(text: &mut String, random: &mut Random, second: u64) {
    let (here, there, start) = (random.below(600), address(random), START + second);
    let (packets, accepted) = (random.below(100) + 1, random.below(10) > 0);
    let _ = writeln!(
        text,
        "2 111122223333 eni-{:017x} 10.0.{}.{} {there} {} 443 6 {packets} {} {start} {} {} OK",
        random.below(300),
        here >> 8,
        here & 255,
        32_768 + random.below(28_000),
        packets * (40 + random.below(1400)),
        start + random.below(60),
        if accepted { "ACCEPT" } else { "REJECT" },
    );
}

/// A record with a comma behind it, as others follow.
fn cloudtrail(text: &mut String, random: &mut Random, second: u64) {
    let (role, session, id) = (random.skewed(160), random.skewed(1 << 12), random.any());
    let identity = format!(
        r#"{{"type":"AssumedRole","principalId":"AROA{role:017}:session-{session}","arn":"arn:aws:sts::111122223333:assumed-role/role-{role}/session-{session}","accountId":"111122223333","accessKeyId":"ASIA{session:016}"}}"#
    );
    let (service, name, parameters, response) = call(random);
    let _ = write!(
        text,
        r#"{{"eventVersion":"1.08","userIdentity":{identity},"eventTime":"2021-07-29T{}Z","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"us-west-1","sourceIPAddress":"{}","userAgent":"Boto3/1.18.{}","requestParameters":{parameters},"responseElements":{response},"requestID":"{id:032x}","eventID":"{:032x}","readOnly":{},"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}},"#,
        clock(second),
        address(random),
        random.skewed(90),
        random.any(),
        response == "null",
    );
}

/// Service, action, parameters and response.
fn call(random: &mut Random) -> (&'static str, &'static str, String, String) {
    let group = random.skewed(500);
    match random.below(4) {
        0 => (
            "ec2",
            "DescribeInstances",
            format!(r#"{{"instancesSet":{{"items":[{{"instanceId":"i-{group:017x}"}}]}}}}"#),
            "null".into(),
        ),
        1 => (
            "ssm",
            "GetParameter",
            format!(r#"{{"name":"/prod/parameter-{group}","withDecryption":true}}"#),
            "null".into(),
        ),
        2 => (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            format!(
                r#"{{"groupId":"sg-{group:017x}","ipPermissions":{{"items":[{{"fromPort":22,"toPort":22,"description":"a \"rule\""}}]}}}}"#
            ),
            format!(r#"{{"requestId":"{:032x}","_return":true}}"#, random.any()),
        ),
        _ => ("sts", "GetCallerIdentity", "null".into(), "null".into()),
    }
}
