//! CloudTrail's events are kept once, as skeleton and values, and come out byte for byte: by every command that prints
//! or searches their text, and from stores in which earlier builds kept the text itself.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::array::{Array, AsArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sawlog_tests::{Case, Ran, evidence, repository};
use serde_json::{Value, json};

/// An event that is written the usual way.
fn event(name: &str, more: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/jane","accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"jane"}},"eventTime":"2024-05-01T12:00:00Z","eventSource":"iam.amazonaws.com","eventName":"{name}","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2 \"quoted\" \\ tab\t","requestParameters":{{"userName":"x", "n":[1, 2.50]}},"responseElements":null,"readOnly":false{more}}}"#
    )
    .replace('\t', "\\t")
}

/// Events written in the usual way and in others, in an order that no command changes.
fn events() -> Vec<String> {
    let resources =
        r#","resources":[{"ARN":"arn:aws:s3:::a","type":"AWS::S3::Bucket"},{"ARN":"arn:aws:s3:::b","colour":"red"}]"#;
    vec![
        event("CreateUser", ""),
        event("PutUserPolicy", resources),
        event("GetUser", r#","newField":{ "x" : 1.50 },"tlsDetails":{"tlsVersion":"TLSv1.3","group":"x25519"}"#),
        event("CreateKey", r#","errorMessage":"a\u003db""#),
        event("PutKeyPolicy", r#","eventID":"1","eventID":"2""#),
        event("CreateAlias", r#","errorCode":404"#),
        event("PutAlias", r#","errorMessage":"half \ud800""#),
        event("DeleteUser", "").replace(':', " : ").replace("12 : 00 : 00", "12:00:00").replace(",\"", ",\n  \""),
    ]
}

/// How many of them skeleton and values don't give back.
const KEPT: usize = 3;

fn good(ran: &Ran) -> &Ran {
    assert_eq!(ran.code, 0, "{}{}", String::from_utf8_lossy(&ran.out), ran.err);
    ran
}

fn converted() -> Case {
    let case = Case::new();
    case.write("logs/trail.json", format!("{{\"Records\":[{}]}}", events().join(",")));
    good(&case.sawlog(&["convert", "logs", "-q"]));
    case
}

fn sql(case: &Case, query: &str) -> Value {
    good(&case.sawq(&["sql", query, "--format", "json"])).json()
}

/// The values of the only column of a result.
fn column(case: &Case, query: &str) -> Vec<Value> {
    let rows = sql(case, query);
    let value = |row: &Value| row.as_object().unwrap().values().next().unwrap().clone();
    rows.as_array().unwrap().iter().map(value).collect()
}

fn data_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            data_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "parquet")
            && !path.to_string_lossy().contains("_delta_log")
        {
            found.push(path);
        }
    }
}

/// How many events the data files hold, how many of them with `raw`, and the most skeletons in a data file.
fn stored(case: &Case) -> (usize, usize, usize) {
    let mut files = Vec::new();
    data_files(&case.path("sawlog-store/cloudtrail"), &mut files);
    let (mut rows, mut raw, mut skeletons) = (0, 0, 0);
    for path in files {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
        let mut seen = std::collections::HashSet::new();
        for batch in reader {
            let batch = batch.unwrap();
            rows += batch.num_rows();
            raw += batch.num_rows() - batch["raw"].null_count();
            let of_batch = batch.column_by_name("skeleton");
            let texts = of_batch.iter().flat_map(|column| column.as_string::<i32>().iter().flatten());
            seen.extend(texts.map(str::to_owned));
        }
        skeletons = skeletons.max(seen.len());
    }
    (rows, raw, skeletons)
}

#[test]
fn records_are_kept_once() {
    assert_eq!(stored(&converted()).1, KEPT);
    let case = Case::with(&evidence().join("CloudTrail"));
    let (rows, raw, skeletons) = stored(&case);
    assert!(rows > 200 && raw * 100 <= rows && skeletons < 100, "{raw} of {rows} have raw; {skeletons} skeletons");
}

#[test]
fn every_command_prints_them_as_they_were() {
    let (case, events) = (converted(), events());
    let all = events.join("\n") + "\n";
    good(&case.sawlog(&["verify"]));
    assert!(good(&case.sawq(&["find"])).text() == all, "other records are found");
    assert!(good(&case.sawq(&["find", "--sort", "time"])).text() == all, "other records are found");
    for text in ["quoted", "2.50", "colour", "x25519", "u003db", "ud800", " : ", "\"eventID\":\"1\"", "absent"] {
        let expected: String =
            events.iter().filter(|event| event.contains(text)).map(|event| event.clone() + "\n").collect();
        let ran = case.sawq(&["find", "--match", text]);
        assert_eq!(ran.text(), expected, "{text}: {}", ran.err);
        let count = expected.matches("\"eventVersion").count();
        assert_eq!(case.sawq(&["find", "--match", text, "-c"]).text(), format!("{count}\n"), "{text}");
        let found = column(&case, &format!("SELECT count(*) AS n FROM cloudtrail WHERE raw LIKE '%{text}%'"));
        assert_eq!(found, [json!(count)], "{text}");
        let top = case.sawq(&["top", "operation", "--match", text, "--format", "csv"]);
        assert_eq!(top.text().lines().count().saturating_sub(1), count, "{text}: {}{}", top.text(), top.err);
    }
    assert_eq!(good(&case.sawq(&["find", "--columns", "raw", "--format", "json"])).json()[2]["raw"], json!(events[2]));
    good(&case.sawq(&["ctsummarize", "192.0.2.7", "-o", "out", "-q"]));
    let writes: String = events
        .iter()
        .filter(|event| ["\"Put", "\"Create"].iter().any(|name| event.contains(&format!("\"eventName\":{name}"))))
        .map(|event| event.clone() + "\n")
        .collect();
    assert_eq!(fs::read_to_string(case.path("out/writeevents.json")).unwrap(), writes);
}

#[test]
fn sql_has_the_text() {
    let (case, events) = (converted(), events());
    assert_eq!(column(&case, "SELECT raw FROM cloudtrail ORDER BY source_line"), events);
    let agents = column(&case, "SELECT raw->>'userAgent' AS agent FROM cloudtrail WHERE raw->>'eventName' = 'GetUser'");
    assert_eq!(agents, [json!("aws-cli/2 \"quoted\" \\ tab\t")]);
    let length = events.iter().map(|event| event.chars().count()).sum::<usize>();
    assert_eq!(column(&case, "SELECT sum(length(raw)) AS n FROM cloudtrail"), [json!(length)]);
    assert_eq!(column(&case, "SELECT count(*) AS n FROM (SELECT DISTINCT raw FROM cloudtrail)"), [json!(events.len())]);
    let joined =
        "SELECT count(*) AS n FROM cloudtrail a JOIN cloudtrail b ON a.raw = b.raw AND a.event_name = b.event_name";
    assert_eq!(column(&case, joined), [json!(events.len())]);
    let all = sql(&case, "SELECT * FROM cloudtrail ORDER BY source_line LIMIT 3");
    assert_eq!(all[2]["raw"], json!(events[2]));
    assert!(all[0].get("skeleton").is_none(), "{}", all[0]);
    let extra = sql(
        &case,
        "SELECT extra->>'tlsDetails.group' AS g, extra->'newField'->>'x' AS x, extra FROM cloudtrail WHERE extra IS NOT NULL ORDER BY source_line",
    );
    assert_eq!(extra[0], json!({ "extra": r#"{"resources.1.colour":"red"}"# }));
    assert_eq!((&extra[1]["g"], &extra[1]["x"]), (&json!("x25519"), &json!("1.50")));
    assert!(
        good(&case.sawq(&["find", "-c", "--where", "extra.newField.x=1.50"])).text() == "1\n",
        "other records are found"
    );
    // Filters on the command line hold for it as well.
    let ran = case.sawq(&["sql", "SELECT raw FROM cloudtrail", "--operation", "GetUser", "--format", "json"]);
    assert_eq!(good(&ran).json(), json!([{ "raw": events[2] }]));
}

#[test]
fn other_commands_leave_them_as_they_are() {
    let (case, events) = (converted(), events());
    let others: Vec<String> =
        (0..30).map(|number| event(&format!("List{number}"), "").replace("05-01", "05-02")).collect();
    case.write("more/u.json", format!("[{}]", others[..15].join(", ")));
    good(&case.sawlog(&["convert", "more", "-q"]));
    case.write("more/v.json", others[15..].join("\n"));
    good(&case.sawlog(&["convert", "more", "-q"]));
    let all = [&events[..], &others[..]].concat().join("\n") + "\n";
    assert!(good(&case.sawq(&["find"])).text() == all, "other records are found");
    good(&case.sawlog(&["compact", "-q", "--retain", "0"]));
    assert!(good(&case.sawq(&["find"])).text() == all, "other records are found");
    good(&case.sawlog(&["verify"]));
    assert_eq!(stored(&case), (events.len() + 30, KEPT, 5));
    good(&case.sawlog(&["remove", "u.json", "-q"]));
    let left = [&events[..], &others[15..]].concat().join("\n") + "\n";
    assert!(good(&case.sawq(&["find"])).text() == left, "other records are found");
    good(&case.sawlog(&["verify"]));
    // Records of very many days are set aside as text, and decoded again.
    let day = |number: usize| {
        event("ListUsers", "").replace("2024-05-01", &format!("2024-{:02}-{:02}", number / 28 + 1, number % 28 + 1))
    };
    let days: Vec<String> = (0..100).map(day).collect();
    case.write("days/c.json", format!("[{}]", days.join(",")));
    good(&case.sawlog(&["convert", "days", "-q", "--store", "days-store"]));
    good(&case.sawlog(&["verify", "--store", "days-store"]));
    assert!(
        good(&case.sawq(&["find", "--store", "days-store"])).text() == days.join("\n") + "\n",
        "other records are found"
    );
}

#[test]
fn a_store_of_an_earlier_build_takes_new_events() {
    let case = Case::new();
    let old = repository().join("fixtures/stores/v1");
    let copied = Command::new("cp").arg("-a").arg(old.join("store")).arg(case.path("sawlog-store")).status();
    assert!(copied.unwrap().success());
    let (rows, raw, skeletons) = stored(&case);
    assert!(rows > 0 && raw == rows && skeletons == 0, "an earlier build kept the text of each event");
    let before = fs::read_to_string(old.join("expected/trail.ndjson")).unwrap();
    let text = column(&case, "SELECT raw FROM cloudtrail ORDER BY source_file, source_line");
    assert_eq!(text, before.lines().collect::<Vec<_>>());
    case.write("zz/zz.json", format!("{{\"Records\":[{}]}}", events().join(",")));
    good(&case.sawlog(&["convert", "zz", "-q"]));
    let check = |what: &str| {
        let after = before.clone() + &events().join("\n") + "\n";
        assert!(good(&case.sawq(&["find", "--log", "cloudtrail"])).text() == after, "{what}");
        good(&case.sawlog(&["verify"]));
        let found = column(&case, "SELECT raw FROM cloudtrail ORDER BY source_file, source_line");
        let expected = before.lines().map(str::to_owned).chain(events());
        assert_eq!(found, expected.collect::<Vec<_>>(), "{what}");
        assert!(good(&case.sawq(&["find", "-c", "--match", "colour"])).text() == "1\n", "{what}");
        let (rows, raw, _) = stored(&case);
        assert_eq!(raw + events().len() - KEPT, rows, "{what}");
    };
    check("converted");
    good(&case.sawlog(&["compact", "-q", "--retain", "0"]));
    check("compacted");
}
