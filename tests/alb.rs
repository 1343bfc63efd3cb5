//! Access logs of Application Load Balancers through every command, against a parser of the test's own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::MultiGzDecoder;
use sawlog_tests::{Case, Ran, evidence, repository};
use serde_json::{Value, json};

/// A line, taken apart where a reader would: at blanks outside of quotes.
struct Line {
    file: String,
    number: u64,
    text: String,
    words: Vec<String>,
}

impl Line {
    fn new(file: &str, number: u64, text: &str) -> Self {
        let mut words = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let quoted = rest.strip_prefix('"').map(|inside| inside.split_once('"').expect("a closing quote"));
            let (word, after) = quoted.unwrap_or_else(|| rest.split_once(' ').unwrap_or((rest, "")));
            words.push(word.to_owned());
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
        Self { file: file.to_owned(), number, text: text.to_owned(), words }
    }

    fn word(&self, place: usize) -> Option<&str> {
        self.words.get(place).map(String::as_str).filter(|word| *word != "-")
    }

    fn endpoint(&self, place: usize) -> (Option<&str>, Option<u64>) {
        self.word(place).map_or((None, None), |word| {
            let (address, port) = word.rsplit_once(':').expect("a port");
            (Some(address), port.parse().ok())
        })
    }

    /// Method, URL and version.
    fn request(&self) -> [Option<&str>; 3] {
        let request = &self.words[12];
        let (method, rest) = request.split_once(' ').expect("a request");
        let (url, version) = rest.rsplit_once(' ').expect("a request");
        [method, url, version].map(|part| Some(part).filter(|part| *part != "-"))
    }

    fn status(&self) -> u64 {
        self.words[8].parse().expect("a status")
    }

    fn error(&self) -> Option<String> {
        let status = Some(self.words[8].clone()).filter(|_| self.status() >= 400);
        self.word(24).map(str::to_owned).or(status)
    }

    fn host(&self) -> Option<&str> {
        self.request()[1].and_then(|url| url.split("://").nth(1)?.split([':', '/']).next())
    }

    fn arn_part(&self, place: usize) -> Option<&str> {
        let arn = self.word(16).or(self.word(19).filter(|arn| arn.starts_with("arn:")));
        arn.and_then(|arn| arn.split(':').nth(place))
    }

    fn bytes(&self, place: usize) -> u64 {
        self.words[place].parse().expect("bytes")
    }

    fn is_change(&self) -> bool {
        matches!(self.request()[0], Some("POST" | "PUT" | "PATCH" | "DELETE")) && self.error().is_none()
    }
}

fn fixture() -> PathBuf {
    repository().join("fixtures/alb")
}

/// All lines of the fixture, in evidence order.
fn lines() -> Vec<Line> {
    let listed = Command::new("find").arg(fixture()).args(["-type", "f"]).output().unwrap().stdout;
    let mut paths: Vec<String> = String::from_utf8(listed).unwrap().lines().map(str::to_owned).collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let mut text = String::new();
        MultiGzDecoder::new(fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
        let label = Path::new(&path).strip_prefix(fixture()).unwrap().display().to_string();
        all.extend((1..).zip(text.lines()).map(|(number, line)| Line::new(&label, number, line)));
    }
    assert_eq!(all.len(), 910);
    all
}

fn case() -> Case {
    Case::with(&fixture())
}

fn good(ran: Ran) -> Ran {
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

/// What a question gives, an object a row.
fn rows(case: &Case, arguments: &[&str]) -> Vec<Value> {
    let ran = good(case.sawq(&[arguments, &["--format", "ndjson"]].concat()));
    ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A time without zeros at its end, which say nothing.
fn time(text: &str) -> String {
    let text = text.trim_end_matches('Z');
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

/// The row that a line should be, but for where it comes from.
fn row(line: &Line) -> BTreeMap<&'static str, Value> {
    let number = |place: usize| line.word(place).map(|word| word.parse::<i64>().expect("a number"));
    let seconds =
        |place: usize| line.word(place).map(|word| word.parse::<f64>().unwrap()).filter(|seconds| *seconds >= 0.0);
    let ((client_ip, client_port), (target_ip, target_port)) = (line.endpoint(3), line.endpoint(4));
    let [request_verb, request_url, request_proto] = line.request();
    let mut row = BTreeMap::from([
        ("time", json!(time(&line.words[1]))),
        ("client_ip", json!(client_ip)),
        ("client_port", json!(client_port)),
        ("target_ip", json!(target_ip)),
        ("target_port", json!(target_port)),
        ("request_processing_time", json!(seconds(5))),
        ("target_processing_time", json!(seconds(6))),
        ("response_processing_time", json!(seconds(7))),
        ("elb_status_code", json!(number(8))),
        ("target_status_code", json!(number(9))),
        ("received_bytes", json!(number(10))),
        ("sent_bytes", json!(number(11))),
        ("request_verb", json!(request_verb)),
        ("request_url", json!(request_url)),
        ("request_proto", json!(request_proto)),
        ("matched_rule_priority", json!(number(20))),
        ("request_creation_time", json!(line.word(21).map(time))),
        ("field_count", json!(line.words.len())),
        ("extra", json!(null)),
        ("raw", json!(null)),
    ]);
    let texts = [
        (0, "type"),
        (2, "elb"),
        (13, "user_agent"),
        (14, "ssl_cipher"),
        (15, "ssl_protocol"),
        (16, "target_group_arn"),
        (17, "trace_id"),
        (18, "domain_name"),
        (19, "chosen_cert_arn"),
        (22, "actions_executed"),
        (23, "redirect_url"),
        (24, "error_reason"),
        (25, "target_port_list"),
        (26, "target_status_code_list"),
        (27, "classification"),
        (28, "classification_reason"),
        (29, "conn_trace_id"),
        (30, "transformed_host"),
        (31, "transformed_uri"),
        (32, "request_transform_status"),
        (33, "ip_address"),
    ];
    row.extend(texts.map(|(place, name)| (name, json!(line.word(place)))));
    row
}

#[test]
fn rows_are_what_the_lines_say() {
    let found = rows(&case(), &["sql", "SELECT * FROM alb_access ORDER BY source_file, source_line"]);
    let lines = lines();
    assert_eq!(found.len(), lines.len());
    for (found, line) in found.iter().zip(&lines) {
        for (name, expected) in row(line) {
            let found = match &found[name] {
                Value::String(text) if name.ends_with("time") => json!(time(text)),
                other => other.clone(),
            };
            assert_eq!(found, expected, "{name} of {}", line.text);
        }
        assert!(found["source_file"].as_str().unwrap().ends_with(&line.file));
        assert_eq!((&found["source_line"], &found["date"]), (&json!(line.number), &json!("2024-05-14")));
    }
}

#[test]
fn every_filter_leaves_what_it_says() {
    type Test = fn(&Line) -> bool;
    let filters: &[(&str, &str, Test)] = &[
        ("--ip", "198.51.100.23", |line| line.endpoint(3).0 == Some("198.51.100.23")),
        ("--ip", "2001:0DB8:12:0::7", |line| line.endpoint(3).0 == Some("2001:db8:12::7")),
        ("--ip", "192.0.2.0/24", |line| line.text.contains(" 192.0.2.")),
        ("--src", "203.0.113.99", |line| line.endpoint(3).0 == Some("203.0.113.99")),
        ("--dst", "10.0.1.10", |line| line.endpoint(4).0 == Some("10.0.1.10")),
        ("--peer", "10.0.2.11", |line| line.endpoint(4).0 == Some("10.0.2.11")),
        ("--dport", "8080", |line| line.endpoint(4).1 == Some(8080)),
        ("--port", "8080", |line| [3, 4].iter().any(|place| line.endpoint(*place).1 == Some(8080))),
        ("--operation", "POST", |line| line.request()[0] == Some("POST")),
        ("--operation", "P*", |line| line.request()[0].is_some_and(|verb| verb.starts_with('P'))),
        ("--agent", "sqlmap*", |line| line.words[13].starts_with("sqlmap")),
        ("--error", "401", |line| line.error().as_deref() == Some("401")),
        ("--error", "5*", |line| line.error().is_some_and(|error| error.starts_with('5'))),
        ("--error", "LambdaInvalidResponse", |line| line.word(24).is_some()),
        ("--error", "*", |line| line.error().is_some()),
        ("--region", "us-east-1", |line| line.arn_part(3) == Some("us-east-1")),
        ("--account", "111122223333", |line| line.arn_part(4) == Some("111122223333")),
        ("--service", "elasticloadbalancing.amazonaws.com", |_| true),
        ("--service", "s3.amazonaws.com", |_| false),
        ("--source-file", "*T0915Z*", |line| line.file.contains("T0915Z")),
        ("--where", "url=*/login", |line| line.request()[1].is_some_and(|url| url.ends_with("/login"))),
        ("--where", "host=203.0.113.80", |line| line.host() == Some("203.0.113.80")),
        ("--where", "status=404", |line| line.status() == 404),
        ("--where", "type=wss", |line| line.words[0] == "wss"),
        ("--where", "target_processing_time=60.0", |line| line.words[6] == "60.000"),
        ("--match", "UNION( |%20)SELECT", |line| {
            line.text.contains("UNION SELECT") || line.text.contains("UNION%20SELECT")
        }),
        ("--user", "ann", |_| false),
        ("--bucket", "b", |_| false),
    ];
    let (case, lines) = (case(), lines());
    let left = |arguments: &[&str]| good(case.sawq(&[&["find"], arguments].concat())).text().to_owned();
    let expected = |test: &dyn Fn(&Line) -> bool| -> String {
        lines.iter().filter(|line| test(line)).map(|line| format!("{}\n", line.text)).collect()
    };
    for (option, value, test) in filters {
        assert!(left(&[option, value]) == expected(test), "{option} {value}");
        let not = format!("!{value}");
        assert!(left(&[option, &not]) == expected(&|line| !test(line)), "{option} {not}");
    }
    assert!(left(&["--failed"]) == expected(&|line| line.error().is_some()));
    assert!(left(&["--changes"]) == expected(&Line::is_change));
    assert!(
        left(&["--log", "alb", "--since", "2024-05-14T09:33:00", "--until", "2024-05-14T09:33:15"]).lines().count() > 1
    );
    let since = expected(&|line| line.words[1].as_str() >= "2024-05-14T09:30");
    assert!(left(&["--since", "2024-05-14T09:30"]) == since);
    assert!(
        left(&["--ip", "203.0.113.99", "--peer", "10.0.1.10"])
            == expected(&|line| line.endpoint(3).0 == Some("203.0.113.99") && line.endpoint(4).0 == Some("10.0.1.10"))
    );
}

/// What is added up of some lines: how many, failures, bytes sent and received.
type Sums = (u64, u64, u64, u64);

#[test]
fn top_adds_up_by_every_dimension_with_the_index_and_without() {
    type Get = fn(&Line) -> Option<String>;
    let dimensions: &[(&str, Get)] = &[
        ("ip", |line| line.endpoint(3).0.map(str::to_owned)),
        ("src", |line| line.endpoint(3).0.map(str::to_owned)),
        ("dst", |line| line.endpoint(4).0.map(str::to_owned)),
        ("dport", |line| line.endpoint(4).1.map(|port| port.to_string())),
        ("operation", |line| line.request()[0].map(str::to_owned)),
        ("url", |line| line.request()[1].map(str::to_owned)),
        ("target", |line| line.request()[1].map(str::to_owned)),
        ("host", |line| line.host().map(str::to_owned)),
        ("agent", |line| line.word(13).map(str::to_owned)),
        ("error", Line::error),
        ("status", |line| line.word(8).map(str::to_owned)),
        ("region", |line| line.arn_part(3).map(str::to_owned)),
        ("account", |line| line.arn_part(4).map(str::to_owned)),
        ("service", |_| Some("elasticloadbalancing.amazonaws.com".to_owned())),
        ("outcome", |line| Some(if line.error().is_some() { "failure" } else { "success" }.to_owned())),
        ("log", |_| Some("alb_access".to_owned())),
        ("target_processing_time", |line| {
            line.word(6)
                .filter(|word| *word != "-1")
                .map(|word| word.parse::<f64>().map_or_else(|_| String::new(), |seconds| format!("{seconds:?}")))
        }),
    ];
    let (case, lines) = (case(), lines());
    for (name, get) in dimensions {
        let mut expected: BTreeMap<Option<String>, Sums> = BTreeMap::new();
        for line in &lines {
            let sums = expected.entry(get(line)).or_default();
            sums.0 += 1;
            sums.1 += u64::from(line.error().is_some());
            sums.2 += line.bytes(11);
            sums.3 += line.bytes(10);
        }
        // A filter over the text of records can't be answered by the index.
        for others in [&[][..], &["--match", "."]] {
            let found = rows(&case, &[&["top", name, "-n", "0"], others].concat());
            let sums = |row: &Value| {
                let number = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{name} of {row}"));
                (number("count"), number("errors"), number("bytes_sent"), number("bytes_received"))
            };
            let found: BTreeMap<Option<String>, Sums> =
                found.iter().map(|row| (row[name].as_str().map(str::to_owned), sums(row))).collect();
            assert_eq!(found, expected, "{name} {others:?}");
        }
    }
}

#[test]
fn the_view_of_events_has_every_role() {
    let found = rows(&case(), &["sql", "SELECT * FROM events ORDER BY source_file, source_line"]);
    for (found, line) in found.iter().zip(lines()) {
        let expected = json!({
            "log": "alb_access",
            "actor": null,
            "actor_type": null,
            "access_key": null,
            "src_ip": line.endpoint(3).0,
            "operation": line.request()[0],
            "target": line.request()[1],
            "outcome": if line.error().is_some() { "failure" } else { "success" },
            "error": line.error(),
            "changes": line.is_change(),
            "user_agent": line.word(13),
            "bytes": line.bytes(11),
            "bytes_received": line.bytes(10),
            "service": "elasticloadbalancing.amazonaws.com",
            "region": line.arn_part(3),
            "account": line.arn_part(4),
        });
        for (name, expected) in expected.as_object().unwrap() {
            // The method is null of a request that is none, and so is whether it changes something.
            let is_unknown = name == "changes" && line.request()[0].is_none();
            assert!(found[name] == *expected || is_unknown, "{name} of {}: {}", line.text, found[name]);
        }
    }
}

/// The values of a facet of a profile with their records.
fn facet(profile: &Value, name: &str) -> BTreeMap<String, u64> {
    let values = profile["facets"][name].as_array().unwrap_or_else(|| panic!("no facet {name}"));
    values
        .iter()
        .map(|value| (value["value"].as_str().unwrap().to_owned(), value["records"].as_u64().unwrap()))
        .collect()
}

#[test]
fn an_attack_is_seen_in_profiles() {
    let case = case();
    let who = |entity: &str| good(case.sawq(&["who", entity, "--json"])).json();
    let scanner = who("198.51.100.23");
    let own: Vec<Line> = lines().into_iter().filter(|line| line.endpoint(3).0 == Some("198.51.100.23")).collect();
    assert_eq!((&scanner["kind"], &scanner["records"]), (&json!("ip"), &json!(own.len())));
    let failed = own.iter().filter(|line| line.error().is_some()).count();
    assert_eq!(scanner["logs"][0]["errors"], json!(failed));
    let agents = facet(&scanner, "user_agents");
    assert_eq!((agents.len(), agents["sqlmap/1.8.4#stable (https://sqlmap.org)"]), (2, 70));
    let errors = facet(&scanner, "errors");
    assert_eq!(errors.keys().map(String::as_str).collect::<Vec<_>>(), ["400", "403", "404", "500", "504"]);
    let urls = own.iter().filter_map(|line| line.request()[1]).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(facet(&scanner, "urls").len(), urls.len());
    assert_eq!(facet(&scanner, "hosts").keys().collect::<Vec<_>>(), ["203.0.113.80", "www.example.com"]);
    let is_pivot = |profile: &Value, facet: &str, value: &str| {
        let values = profile["facets"][facet].as_array().unwrap();
        values.iter().any(|found| found["value"] == value && found["only_here"] == true)
    };
    assert!(is_pivot(&scanner, "urls", "https://www.example.com:443/shell.php.bak"));
    assert!(!is_pivot(&scanner, "urls", "http://203.0.113.80:80-"), "another address asked for it, too");
    let intruder = who("203.0.113.99");
    let changes: Vec<(String, String, u64)> = intruder["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let text = |name: &str| change[name].as_str().unwrap().to_owned();
            (text("operation"), text("target"), change["records"].as_u64().unwrap())
        })
        .collect();
    let change = |operation: &str, path: &str| (operation.to_owned(), format!("https://www.example.com:443{path}"), 1);
    assert_eq!(
        changes,
        [change("POST", "/login"), change("PUT", "/admin/users/7/role"), change("POST", "/admin/export")]
    );
    assert!(facet(&intruder, "peers_on_the_network").keys().eq(["10.0.1.10", "10.0.2.11"]));
    // Other entities are asked for by what they are.
    let url = who("https://www.example.com:443/admin/export");
    assert_eq!(
        (&url["kind"], &url["records"], facet(&url, "addresses")["203.0.113.99"]),
        (&json!("url"), &json!(1), 1)
    );
    let host = who("www.example.com");
    assert_eq!((&host["kind"], &host["records"]), (&json!("host"), &json!(908)));
    let screen = good(case.sawq(&["who", "198.51.100.23"]));
    assert!(screen.text().contains("alb_access") && screen.text().contains("URLs"), "{}", screen.text());
}

#[test]
fn an_attack_is_seen_on_the_timeline() {
    let case = case();
    let bursts = rows(&case, &["timeline", "--ip", "203.0.113.99", "-n", "0"]);
    let first = &bursts[0];
    let told = [&first["operation"], &first["target"], &first["error"], &first["outcome"], &first["log"]];
    assert_eq!(told, ["POST", "https://www.example.com:443/login", "401", "failure", "alb_access"]);
    assert_eq!((&first["count"], &first["changes"]), (&json!(180), &json!(false)), "what failed changed nothing");
    let scan = rows(&case, &["timeline", "--ip", "198.51.100.23", "--agent", "*Nikto*", "--error", "404", "-n", "0"]);
    assert_eq!((scan.len(), &scan[0]["count"], &scan[0]["target"]), (1, &json!(124), &json!("www.example.com")));
    let text = good(case.sawq(&["timeline", "--ip", "203.0.113.99"]));
    assert!(text.text().contains("180 × POST https://www.example.com:443/login: 401 (in "), "{}", text.text());
}

#[test]
fn the_report_and_the_summaries_have_the_log() {
    let case = case();
    good(case.sawq(&["report", "--entity", "198.51.100.23", "-o", "case.html"]));
    let page = fs::read_to_string(case.path("case.html")).unwrap();
    for text in
        ["Application Load Balancer access logs", "URLs by failures", "python-requests", "\"logs\":[\"alb_access\"]"]
    {
        assert!(page.contains(text), "{text}");
    }
    // Beside other logs it has a lane of its own.
    let all = Case::with(&fixture());
    good(all.sawlog(&["convert", evidence().to_str().unwrap()]));
    good(all.sawq(&["report", "-o", "all.html"]));
    let page = fs::read_to_string(all.path("all.html")).unwrap();
    assert!(page.contains("\"logs\":[\"s3_access\",\"cloudtrail\",\"vpc_flow\",\"alb_access\"]"));
    let bars = page.split_once("\"bars\":[").and_then(|(_, rest)| rest.split_once("]]")).map(|(bars, _)| bars).unwrap();
    assert!((0..4).all(|log| bars.contains(&format!("[{log},"))), "{bars}");
    let status = good(case.sawlog(&["status"]));
    assert!(status.text().contains("alb_access"), "{}", status.text());
    let tables = rows(&case, &["tables"]);
    let of_log = tables.iter().find(|table| table["table"] == "alb_access").unwrap_or_else(|| panic!("{tables:?}"));
    assert!(of_log.to_string().contains("910"), "{of_log}");
    let columns = good(case.sawq(&["tables", "alb_access"]));
    assert!(columns.text().contains("request_url") && columns.text().contains("Float64"), "{}", columns.text());
    good(case.sawlog(&["verify"]));
    good(case.sawlog(&["compact"]));
    good(case.sawlog(&["reindex"]));
    good(case.sawlog(&["verify"]));
    assert_eq!(good(case.sawq(&["find", "-c"])).text().trim(), "910");
    let average = rows(
        &case,
        &["sql", "SELECT max(target_processing_time) AS most, count(target_processing_time) AS n FROM alb_access"],
    );
    let measured = lines().iter().filter(|line| line.words[6] != "-1").count();
    assert_eq!(average[0], json!({ "most": 3000.123, "n": measured }));
}

#[test]
fn names_of_the_log_are_known_everywhere() {
    let case = Case::new();
    for binary in ["sawlog", "sawq"] {
        for shell in ["bash", "zsh"] {
            let ran: Ran = case.command(binary, &["completions", shell]).output().unwrap().into();
            let name = if binary == "sawlog" { "alb-access" } else { "alb_access" };
            assert!(ran.text().contains(name), "{binary} {shell}");
        }
    }
    let wrong = case.sawlog(&["convert", "x", "--format", "elb"]);
    assert!(
        wrong.code == 2 && wrong.err.contains("auto, s3-access, cloudtrail, vpc-flow, alb-access"),
        "{}",
        wrong.err
    );
    case.write("notes.txt", "no log at all\n");
    let rejected = case.sawlog(&["convert", "notes.txt", "--format", "alb-access"]);
    assert_eq!(rejected.code, 3, "{}", rejected.err);
    let reasons = rows(&case, &["sql", "SELECT log, reason FROM rejects"]);
    assert_eq!(reasons, [json!({ "log": "alb_access", "reason": "the record's time is missing or malformed" })]);
}

/// A line that AWS's user guide could have, with today's fields.
const LINE: &str = r#"https 2018-07-02T22:23:00.186641Z app/web/50dc6c495c0c9188 192.0.2.7:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/?a=b HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:111122223333:targetgroup/web/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:111122223333:certificate/1234" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90 "m.example.com" "-" "TransformSuccess" 203.0.113.80"#;

#[test]
fn odd_lines_are_rebuilt() {
    let case = Case::new();
    let words: Vec<&str> = LINE.split(' ').collect();
    let old = |fields: usize| words[..fields + 2].join(" ");
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("crlf.log", format!("{LINE}\r\n{LINE}\r\n\r\n{LINE}\n{LINE}\r\n").into_bytes()),
        ("mark.log", format!("\u{feff}{LINE}\n\u{feff}{LINE}\n").into_bytes()),
        ("old.log", format!("{}\n{} \n{}\n\n\n{}", old(18), old(20), old(25), old(29)).into_bytes()),
        ("new.log", format!("{LINE} \"-\" \"a b\" - 7\n{LINE} \n{LINE}  \n").into_bytes()),
        (
            "bytes.log",
            [
                LINE.as_bytes(),
                b"\n",
                &LINE
                    .replace("curl", "\u{1}")
                    .bytes()
                    .map(|byte| if byte == 1 { 0xfe } else { byte })
                    .collect::<Vec<u8>>(),
                b"\n\0\0\n\xff\n",
            ]
            .concat(),
        ),
        (
            "quotes.log",
            format!("{}\n{}\n", LINE.replace("?a=b", "?a=\" b\" \"c"), LINE.replace("curl/7.46.0", "a\" \"b"))
                .into_bytes(),
        ),
        (
            "odd.log",
            format!(
                "{}\n{}\n{}\n",
                LINE.replace("0.086", "-"),
                LINE.replace("200 200", "x y"),
                LINE.replacen("22:23:00.186641Z", "25:23:00.186641Z", 1)
            )
            .into_bytes(),
        ),
        ("blank.log", format!("\n\n  \n{LINE}\n").into_bytes()),
        ("long.log", format!("{LINE}\n{}\n", LINE.replace("?a=b", &"x".repeat(9 << 20))).into_bytes()),
        ("cut.log", LINE.as_bytes()[..LINE.len() - 300].to_vec()),
    ];
    for (name, content) in &files {
        case.write(&format!("in/{name}"), content);
    }
    let ran = case.sawlog(&["convert", "in"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    let verified = good(case.sawlog(&["verify", "--json"])).json();
    assert_eq!(verified["verified"], json!(files.len()), "{verified}");
    let with_raw = rows(
        &case,
        &[
            "sql",
            "SELECT source_file AS file, count(*) AS n FROM alb_access WHERE raw IS NOT NULL GROUP BY 1 ORDER BY 1",
        ],
    );
    let with_raw: Vec<(String, u64)> = with_raw
        .iter()
        .map(|row| {
            let file = row["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            (file, row["n"].as_u64().unwrap())
        })
        .collect();
    let expected = [("bytes.log", 1), ("crlf.log", 1), ("mark.log", 2), ("odd.log", 2)];
    assert_eq!(with_raw, expected.map(|(file, n)| (file.to_owned(), n)));
}

#[test]
fn other_logs_of_load_balancers_are_named() {
    let case = case();
    let time = "2023-10-04T17:05:15.514108Z";
    for (name, text, kind) in [
        (
            "conn_log.111122223333_elasticloadbalancing_us-east-1_app.web.50dc_20231004T1710Z_203.0.113.80_x.log",
            format!(
                "{time} 203.0.113.1 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 \"CN=a.example,O=b\" NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z FEF257372D5C14D4 Success TID_1\n"
            ),
            "Application Load Balancer connection log",
        ),
        (
            "health_check_log_111122223333.log",
            format!("http {time} 0.003366355 10.0.1.49:80 web PASS 200 -\n"),
            "Application Load Balancer health check log",
        ),
        (
            "net.log",
            format!("tls 2.0 {time} net/a/b c 192.0.2.1:1 10.0.0.1:443 5 2 98 246 - - - - - - - - - - -\n"),
            "Network Load Balancer access log",
        ),
        (
            "classic.log",
            format!(
                "{time} lb 192.0.2.1:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 \"GET http://a:80/ HTTP/1.1\" \"curl\" - -\n"
            ),
            "Classic Load Balancer access log",
        ),
    ] {
        case.write(&format!("more/{name}"), &text);
        let ran = case.sawlog(&["convert", &format!("more/{name}")]);
        assert!(
            ran.code == 3 && format!("{}{}", ran.text(), ran.err).contains(kind),
            "{kind}: {}{}",
            ran.text(),
            ran.err
        );
        // As lines of an access log they are rejects, named as well.
        case.write("forced.log", &text);
        let forced = case.sawlog(&["convert", "forced.log", "--format", "alb-access", "--replace"]);
        assert_eq!(forced.code, 3, "{}", forced.err);
        let reasons = rows(&case, &["sql", "SELECT reason FROM rejects WHERE source_file LIKE '%forced.log'"]);
        assert_eq!(reasons, [json!({ "reason": kind })]);
    }
    assert_eq!(good(case.sawq(&["find", "-c"])).text().trim(), "910");
}

#[test]
fn a_store_from_before_takes_the_log() {
    let stores = fs::read_dir(repository().join("fixtures/stores")).unwrap().map(|entry| entry.unwrap().path());
    let from_before: Vec<_> = stores.filter(|version| !version.join("store/alb_access").exists()).collect();
    assert!(!from_before.is_empty());
    for version in from_before {
        let case = Case::new();
        let copied = Command::new("cp").arg("-a").arg(version.join("store")).arg(case.path("sawlog-store")).status();
        assert!(copied.unwrap().success());
        let before: u64 = good(case.sawq(&["find", "-c"])).text().trim().parse().unwrap();
        good(case.sawq(&["top", "log"]));
        good(case.sawq(&["sql", "SELECT count(*) FROM alb_access"]));
        good(case.sawlog(&["convert", fixture().to_str().unwrap()]));
        assert_eq!(good(case.sawq(&["find", "-c"])).text().trim(), (before + 910).to_string());
        good(case.sawlog(&["verify"]));
    }
}
