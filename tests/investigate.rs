//! Who is who: the profile of an entity, and the functions and the view of `sawq sql`.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::process::Stdio;

use sawlog_tests::{Case, evidence, repository};

/// Compares with a snapshot; `UPDATE_SNAPSHOTS=1` writes it anew.
fn assert_snapshot(name: &str, text: &str) {
    let path = repository().join("tests/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
}

#[test]
fn who_tells_the_whole_story_of_an_address() {
    let case = Case::with(&evidence());
    let geoip = repository().join("fixtures/geoip");
    let ran = case.sawq(&["who", "3.238.12.183", "--geoip", geoip.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_snapshot("who-address.txt", ran.text());
    assert_snapshot("who-user.txt", case.sawq(&["who", "jmerckle", "-n", "2"]).text());
    assert_snapshot("timeline.txt", case.sawq(&["timeline", "--ip", "3.238.12.183"]).text());
}

#[test]
fn kinds_are_told_or_given() {
    let case = Case::with(&evidence());
    for (entity, kind) in [
        ("3.238.12.183", "ip"),
        ("3.238.0.0/16", "ip"),
        ("AKIAU7JNXC7K7XNL3F6J", "access_key"),
        ("jmerckle", "principal"),
        ("arn:aws:iam::342082656213:user/jmerckle", "principal"),
        ("Boto3/*", "user_agent"),
        ("falsimentis-eng/README-RANSOM.txt", "object"),
        ("s3://falsimentis-eng", "bucket"),
        ("falsimentis-eng", "bucket"),
        ("PutUserPolicy", "operation"),
        ("AccessDenied", "error"),
        ("us-west-1", "region"),
        ("342082656213", "account"),
        ("iam.amazonaws.com", "event_source"),
        ("22", "port"),
    ] {
        let profile = case.sawq(&["who", entity, "--json"]).json();
        assert_eq!(profile["kind"], kind, "{entity}");
        assert!(profile["records"].as_u64() > Some(0), "{entity}");
    }
    let given = case.sawq(&["who", "falsimentis-eng", "--kind", "user-agent"]);
    assert!(given.text().contains("not seen") && given.err.contains("matches no record"), "{}", given.err);
}

#[test]
fn who_is_told_of_the_records_that_filters_leave() {
    let case = Case::with(&evidence());
    let filters: [&[&str]; 4] = [
        &["--match", "DELETE"],
        &["--match", "iam.amazonaws.com"],
        &["--since", "2021-07-29T14:00", "--log", "s3"],
        &["--error", "*", "--match", "!DELETE"],
    ];
    for filter in filters {
        let profile = case.sawq(&[&["who", "3.238.12.183", "--json"], filter].concat()).json();
        let counted = case.sawq(&[&["find", "-c", "--ip", "3.238.12.183"], filter].concat());
        assert_eq!(profile["records"].to_string(), counted.text().trim(), "{filter:?}");
    }
}

/// Of more changes than are told apart, the first ones by evidence order are, whichever data file is read first.
#[test]
fn many_changes_are_the_same_ones_each_time() {
    let case = Case::new();
    for day in 28..30 {
        let event = |number: usize| {
            format!(
                r#"{{"eventTime":"2021-07-{day}T10:00:00Z","eventName":"CreateUser","eventSource":"iam.amazonaws.com","readOnly":false,"sourceIPAddress":"192.0.2.1","requestParameters":{{"userName":"u{day}-{number}"}}}}"#
            )
        };
        let events: Vec<String> = (0..6000).map(event).collect();
        case.write(&format!("logs/{day}.json"), format!("{{\"Records\":[{}]}}", events.join(",")));
    }
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let profile = case.sawq(&["who", "192.0.2.1", "--json"]).json();
    let changes = profile["changes"].as_array().unwrap();
    let of_day = |day: &str| changes.iter().filter(|change| change["target"].as_str().unwrap().contains(day)).count();
    assert_eq!((of_day("u28-"), of_day("u29-")), (6000, 4000));
    let others = changes.iter().find(|change| change["operation"] == "(others)").unwrap();
    assert_eq!(others["records"], 2000);
}

/// What is only here is only here: by the records of all other entities.
#[test]
fn pivots_are_seen_with_nothing_else() {
    let case = Case::with(&evidence());
    let scanned = Case::with(&evidence());
    fs::remove_dir_all(scanned.path("sawlog-store/entities")).unwrap();
    for entity in ["3.238.12.183", "jmerckle", "96.253.26.224", "falsimentis-eng"] {
        let ran = case.sawq(&["who", entity, "--json"]);
        assert_eq!(ran.text(), scanned.sawq(&["who", entity, "--json"]).text(), "{entity}");
        let profile = ran.json();
        let filter = if profile["kind"] == "bucket" {
            "--bucket"
        } else if profile["kind"] == "ip" {
            "--ip"
        } else {
            "--user"
        };
        let not = format!("{filter}=!{entity}");
        let others = case.sawq(&["sql", "SELECT DISTINCT user_agent FROM events", "--format", "ndjson", &not]);
        let others: HashSet<String> = others
            .text()
            .lines()
            .filter_map(|line| {
                serde_json::from_str::<serde_json::Value>(line).ok()?["user_agent"].as_str().map(str::to_owned)
            })
            .collect();
        for agent in profile["facets"]["user_agents"].as_array().unwrap() {
            let value = agent["value"].as_str().unwrap();
            assert_eq!(agent["only_here"], !others.contains(value), "{entity}: {value}");
        }
    }
}

/// What one log has only here may be elsewhere in another.
#[test]
fn pivots_are_those_of_the_whole_store() {
    let case = Case::new();
    let line = "owner b [29/Jul/2021:10:00:00 +0000] 192.0.2.1 - R1 REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 5 5 1 1 - \"tool/1\" -\n";
    case.write("logs/a", line);
    let event = r#"{"eventTime":"2021-07-29T10:00:00Z","eventName":"ListUsers","eventSource":"iam.amazonaws.com","sourceIPAddress":"192.0.2.2","userAgent":"tool/1"}"#;
    case.write("logs/b.json", format!("{{\"Records\":[{event}]}}"));
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    for log in [&[][..], &["--log", "s3"]] {
        let profile = case.sawq(&[&["who", "192.0.2.1", "--json"], log].concat()).json();
        assert_eq!(profile["records"], 1);
        assert_eq!(profile["facets"]["user_agents"][0]["only_here"], false, "{log:?}");
        assert_eq!(profile["facets"]["objects"][0]["only_here"], true, "{log:?}");
    }
}

#[test]
fn sql_reads_json_networks_and_globs() {
    let case = Case::with(&evidence());
    let query = "SELECT request_parameters->>'userName' AS user, request_parameters->'userName' AS json FROM cloudtrail \
                 WHERE glob(event_name, 'Put*Policy') AND in_cidr(source_ip_address, '3.0.0.0/8')";
    let rows = case.sawq(&["sql", query, "--json", "--time", "--explain"]);
    assert_eq!(rows.json(), serde_json::json!([{ "user": "jmerckle", "json": "\"jmerckle\"" }]));
    assert!(rows.err.contains("1 row in ") && rows.err.contains("the tables: read"), "{}", rows.err);
    let parquet = case.sawq(&["sql", query, "--output", "rows.parquet"]);
    assert_eq!(parquet.code, 0, "{}", parquet.err);
    let wrong = case.sawq(&["sql", "SELECT in_cidr(src_ip, 'nonsense') FROM events"]);
    assert!(wrong.code == 1 && wrong.err.contains("'nonsense' is not a network"), "{}", wrong.err);
    let mut piped = case.command("sawq", &["sql"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"SELECT count(*) AS n FROM events; SELECT ';' AS s").unwrap();
    let out = piped.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "n\n544\ns\n;\n");
}
