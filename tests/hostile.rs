//! A store that was damaged, or made to lead its readers astray; and logs whose strings want to be more than strings.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use sawlog_tests::{Case, Numbers, Ran, cases, evidence, has_terminal, in_parallel, random_log};

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// What an investigator asks, and what each says of the store as it was.
const QUESTIONS: [&[&str]; 7] = [
    &["find", "-c"],
    &["find", "--sort", "time"],
    &["top", "ip", "-n", "0"],
    &["top", "operation", "--ips", "-n", "0"],
    &["who", "3.238.12.183", "--json"],
    &["timeline", "--error", "*"],
    &["s3logparse", "toptalkers"],
];

fn fits(ran: &Ran, what: &str) {
    assert!(ran.code == 0 || ran.code == 1, "{what}: status {}, {}", ran.code, ran.err);
    assert!(!ran.err.contains("panicked"), "{what}: {}", ran.err);
    let says = ran.err.lines().any(|line| line.starts_with("sawq: ") || line.starts_with("sawlog: "));
    assert!(ran.code == 0 || says, "{what}: an error says what is wrong: {}", ran.err);
}

#[test]
fn a_damaged_store_is_an_error_that_names_the_file_and_never_another_answer() {
    let whole = Case::with(&evidence());
    // A second run and compaction, so that there is something of every kind in the logs.
    whole.write("more/log", random_log(&mut Numbers::new(3), 50));
    assert_eq!(whole.sawlog(&["convert", "more", "-q"]).code, 0);
    let expected: Vec<Ran> = QUESTIONS.iter().map(|question| whole.sawq(question)).collect();
    let files = walk(&whole.path("sawlog-store"));
    let errors = AtomicUsize::new(0);
    in_parallel(cases(1000, 40), |seed| {
        let mut numbers = Numbers::new(seed as u64 + 17);
        let case = Case::new();
        copy(&whole.path("sawlog-store"), &case.path("sawlog-store"));
        let file = &files[usize::try_from(numbers.below(files.len() as u64)).unwrap()];
        let name = file.strip_prefix(whole.path("sawlog-store")).unwrap();
        let path = case.path("sawlog-store").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let at = usize::try_from(numbers.below(bytes.len().max(1) as u64)).unwrap();
        let damage = match numbers.below(4) {
            _ if bytes.is_empty() => return,
            0 => {
                bytes.truncate(at);
                "cut"
            }
            1 => {
                let end = (at + 512).min(bytes.len());
                bytes[at..end].fill(0);
                "zeros"
            }
            _ => {
                bytes[at] ^= 1 << numbers.below(8);
                "a flipped bit"
            }
        };
        fs::write(&path, bytes).unwrap();
        let what = format!("seed {seed}: {damage} at {at} of {}", name.display());
        for (question, expected) in QUESTIONS.iter().zip(&expected) {
            let ran = case.sawq(question);
            fits(&ran, &what);
            if ran.code == 0 {
                assert_eq!(ran.text(), expected.text(), "{what}: {question:?} has another answer");
            } else {
                let table = name.components().next().unwrap().as_os_str().to_string_lossy();
                assert!(ran.err.contains(&*table), "{what}: {question:?} does not name it: {}", ran.err);
                errors.fetch_add(1, Ordering::Relaxed);
            }
        }
        for arguments in [["status"], ["verify"]] {
            fits(&case.sawlog(&arguments), &what);
        }
    });
    let errors = errors.into_inner();
    assert!(errors > 0);
    println!("{errors} errors");
}

/// Readers of a table's log skip lines that they can't read, and so data files. So each commit says what it leaves.
#[test]
fn a_changed_line_of_a_log_is_never_another_answer() {
    let case = Case::new();
    for run in 0..3 {
        case.write(&format!("logs/{run}"), random_log(&mut Numbers::new(run), 20));
        assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    }
    let changes: [fn(&str) -> String; 3] = [
        |line| " ".repeat(line.len()),
        |line| line.replace("numRecords", "numRecorde"),
        |line| line.replace("date=2", "date=3"),
    ];
    for table in ["s3_access", "sources", "entities"] {
        for version in 1..=3 {
            let log = case.path(&format!("sawlog-store/{table}/_delta_log/{version:020}.json"));
            let text = fs::read_to_string(&log).unwrap();
            for line in text.lines().filter(|line| line.starts_with("{\"add\":")) {
                for change in changes.iter().map(|change| change(line)).filter(|changed| changed != line) {
                    fs::write(&log, text.replace(line, &change)).unwrap();
                    let ran = case.sawlog(&["verify"]);
                    assert!(ran.code == 1 && ran.err.contains(table), "{change}: {} {}", ran.text(), ran.err);
                    let ran = case.sawq(&["find", "-c", "--ip", "10.0.0.0/8"]);
                    assert!(table == "sources" || ran.code == 1 && ran.err.contains(table), "{change}: {}", ran.err);
                }
            }
            fs::write(&log, text).unwrap();
        }
    }
    assert_eq!(case.sawq(&["find", "-c"]).text(), "60\n");
}

/// A store with one data file, whose place in the log is told by `path`.
fn with_path_in_log(path: &str) -> Case {
    let case = Case::new();
    case.write("logs/log", random_log(&mut Numbers::new(1), 20));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let log = case.path("sawlog-store/s3_access/_delta_log/00000000000000000001.json");
    let text = fs::read_to_string(&log).unwrap();
    let at = text.find("\"path\":\"").unwrap() + 8;
    let end = at + text[at..].find('"').unwrap();
    // What is outside is a data file that could be read.
    fs::rename(case.path("sawlog-store/s3_access").join(&text[at..end]), case.path("outside.parquet")).unwrap();
    fs::write(&log, format!("{}{path}{}", &text[..at], &text[end..])).unwrap();
    case
}

#[test]
fn paths_in_the_log_do_not_lead_out_of_the_store() {
    let outside = |case: &Case| case.path("outside.parquet").display().to_string();
    for path in [
        "../../outside.parquet",
        "date=2021-07-29/../../../outside.parquet",
        "%2e%2e/%2e%2e/outside.parquet",
        "..%2F..%2Foutside.parquet",
    ] {
        let case = with_path_in_log(path);
        for question in QUESTIONS {
            let ran = case.sawq(question);
            assert_eq!(ran.code, 1, "{path} {question:?}: {}", ran.text());
            fits(&ran, path);
        }
        assert_eq!(case.sawlog(&["verify"]).code, 1);
        assert_eq!(case.sawlog(&["compact"]).code, 1);
    }
    let case = with_path_in_log("nothing.parquet");
    let log = case.path("sawlog-store/s3_access/_delta_log/00000000000000000001.json");
    for absolute in [outside(&case), format!("file://{}", outside(&case))] {
        let text = fs::read_to_string(&log).unwrap();
        let at = text.find("\"path\":\"").unwrap() + 8;
        let end = at + text[at..].find('"').unwrap();
        fs::write(&log, format!("{}{absolute}{}", &text[..at], &text[end..])).unwrap();
        assert_eq!(case.sawq(&["find", "-c"]).code, 1, "{absolute}");
    }
}

#[test]
fn links_do_not_lead_out_of_the_store() {
    let with = |link: &str| {
        let case = Case::with(&evidence().join("s3-eng"));
        let data = walk(&case.path("sawlog-store/s3_access"))
            .into_iter()
            .find(|path| path.extension().is_some_and(|e| e == "parquet"))
            .unwrap();
        let place = match link {
            "file" => data,
            "partition" => data.parent().unwrap().to_owned(),
            name => case.path("sawlog-store").join(name),
        };
        fs::create_dir(case.path("outside")).unwrap();
        if place.exists() {
            fs::rename(&place, case.path("outside/it")).unwrap();
        } else {
            fs::create_dir(case.path("outside/it")).unwrap();
            fs::write(case.path("outside/it/precious"), "precious").unwrap();
        }
        symlink(case.path("outside/it"), &place).unwrap();
        case
    };
    for link in ["file", "partition", "s3_access", "sources", "_staging", "entities/_delta_log"] {
        let case = with(link);
        let before = walk(&case.path("outside"));
        let mut commands: Vec<Ran> = QUESTIONS.iter().map(|question| case.sawq(question)).collect();
        commands.push(case.sawlog(&["status"]));
        commands.push(case.sawlog(&["verify"]));
        commands.push(case.sawlog(&["compact", "--retain", "0"]));
        commands.push(case.sawlog(&["reindex"]));
        case.write("more/log", random_log(&mut Numbers::new(1), 20));
        commands.push(case.sawlog(&["convert", "more"]));
        for ran in &commands {
            assert!(ran.code == 0 || ran.code == 1, "{link}: {}", ran.err);
        }
        assert!(commands.iter().any(|ran| ran.err.contains("out of the store")), "{link}: {}", commands[0].err);
        assert_eq!(walk(&case.path("outside")), before, "{link}");
    }
    // The store itself may be a link: whoever asks names it.
    let case = Case::with(&evidence().join("s3-eng"));
    symlink(case.path("sawlog-store"), case.path("link")).unwrap();
    assert_eq!(case.sawq(&["find", "-c", "--store", "link"]).code, 0);
}

#[test]
fn an_intent_does_not_lead_out_of_the_store() {
    let file =
        |path: &str| format!(r#"{{"path":"{path}","size":8,"rows":1,"date":"2021-07-29","stats":"{{}}","written":1}}"#);
    let intent = |table: &str, path: &str| {
        format!(r#"{{"run":"x","number":9,"changes":[{{"table":"{table}","adds":[{}],"removes":[]}}]}}"#, file(path))
    };
    for (table, path) in [
        ("s3_access", "../../outside"),
        ("s3_access", "/tmp/outside-of-the-store"),
        ("../..", "outside"),
        ("s3_access", "date=2021-07-29/../../../outside"),
        ("s3_access", ""),
    ] {
        let case = Case::with(&evidence().join("s3-eng"));
        case.write("sawlog-store/_staging/x/intent.json", intent(table, path));
        case.write("sawlog-store/_staging/x/s3_access/outside", "precious");
        for arguments in [&["convert", "nothing"][..], &["compact"], &["reindex"]] {
            fs::create_dir_all(case.path("nothing")).unwrap();
            let ran = case.sawlog(arguments);
            assert_eq!(ran.code, 1, "{table} {path}: {}", ran.err);
            fits(&ran, path);
        }
        assert!(!case.path("outside").exists() && !Path::new("/tmp/outside-of-the-store").exists());
        assert_eq!(case.sawq(&["find", "-c"]).code, 0, "readers have nothing to do with it");
    }
    for damaged in ["", "{", "[]", "{\"run\":1}", "\u{0}\u{0}"] {
        let case = Case::with(&evidence().join("s3-eng"));
        case.write("sawlog-store/_staging/x/intent.json", damaged);
        let ran = case.sawlog(&["compact"]);
        assert_eq!(ran.code, 1, "{damaged}");
        assert!(ran.err.contains("intent.json"), "{damaged}: {}", ran.err);
    }
}

/// A store of records whose strings want to be terminal commands, text that turns round, formulas, HTML and JSON.
fn with_hostile_strings() -> Case {
    const STRINGS: [&str; 8] = [
        "=cmd|' /C calc'!A0",
        "@SUM(1+1)",
        "+1",
        "-1+1",
        "\u{1b}]0;owned\u{7}\u{1b}[2J",
        "\u{202e}gpj.exe\u{2066}",
        "</script><script>alert(1)</script>\"'&",
        "a%2f..%2f../=b\u{2028}c",
    ];
    let case = Case::new();
    let mut log = String::new();
    for (number, text) in STRINGS.iter().enumerate() {
        let key = text.replace(' ', "%20").replace('"', "%22");
        let agent = text.replace('"', "");
        log += &format!(
            "owner bucket [29/Jul/2021:10:00:0{number} +0000] 192.0.2.{number} arn:aws:iam::1:user/ann R{number} REST.GET.OBJECT {key} \"GET /x HTTP/1.1\" 404 NoSuchKey 5 5 1 1 \"-\" \"{agent}\" -\n"
        );
    }
    case.write("logs/log", log);
    let records: Vec<serde_json::Value> = STRINGS
        .iter()
        .map(|text| {
            serde_json::json!({format!("x{text}"): 1, "eventVersion": "1.08", "eventTime": "2021-07-29T10:00:00Z", "eventSource": "iam.amazonaws.com",
                "eventName": "PutUserPolicy", "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.9", "userAgent": format!("{text}\n2"),
                "userIdentity": {"type": "IAMUser", "userName": text, "arn": format!("arn:aws:iam::1:user/{text}")},
                "requestParameters": {"userName": text}, "readOnly": false})
        })
        .collect();
    case.write("logs/trail.json", serde_json::json!({ "Records": records }).to_string());
    case.write("logs/\u{202e}gpj.unknown", "");
    // A digest, which is validated, not converted; and a manifest.
    let name = "\u{1b}]0;owned\u{7}\u{202e}_CloudTrail-Digest_";
    let digest = serde_json::json!({"awsAccountId": "1", "digestStartTime": "x", "digestEndTime": "x", "digestS3Bucket": name,
        "digestS3Object": name, "digestPublicKeyFingerprint": name, "digestSignatureAlgorithm": name, "previousDigestS3Bucket": name,
        "previousDigestS3Object": name, "logFiles": [{"s3Object": name, "hashValue": name, "hashAlgorithm": name}]});
    case.write("digests/digest.json", digest.to_string());
    fs::copy(sawlog_tests::repository().join("fixtures/digests/public-key.pem"), case.path("key.pem")).unwrap();
    let ran = case.sawlog(&["convert", "logs", "-q"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let manifest = String::from_utf8(case.sawlog(&["manifest"]).out).unwrap();
    case.write("manifest.json", manifest.replacen("\"trail.json\"", "\"\u{202e}\\u001b]0;owned\"", 1));
    case
}

#[test]
fn a_terminal_gets_no_commands_out_of_logs() {
    if !has_terminal() {
        return;
    }
    let case = with_hostile_strings();
    let sawq = sawlog_tests::binary("sawq").display().to_string();
    let sawlog = sawlog_tests::binary("sawlog").display().to_string();
    for command in [
        format!("{sawq} find"),
        format!("{sawq} find --columns time,agent,user"),
        format!("{sawq} top agent"),
        format!("{sawq} top bucket/key"),
        format!("{sawq} timeline"),
        format!("{sawq} timeline --expand"),
        format!("{sawq} who 192.0.2.9 -n 0"),
        format!("{sawq} who arn:aws:iam::1:user/ann -n 0"),
        format!("{sawq} s3logparse useragent"),
        format!("{sawq} s3logparse topfiles"),
        format!("{sawq} sql 'SELECT user_agent FROM events'"),
        format!("{sawlog} status"),
        // On a terminal its progress bar moves the cursor.
        format!("{sawlog} convert logs --store other 2>&1 | cat"),
        format!("{sawlog} verify --manifest manifest.json || true"),
        format!("{sawlog} verify --cloudtrail-digests digests --public-key key.pem || true"),
        format!("{sawlog} convert $'logs/\\e]0;owned\\a\\u202e' || true"),
    ] {
        // script gives the command a terminal.
        let ran = Command::new("script")
            .env("SHELL", "/bin/bash")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(case.path(""))
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{command}: {shown}");
        // Commands for colours are ours; they are no more than these.
        let plain = regex_free_of_colours(&shown);
        let steers = |char: char| {
            (char.is_control() && !matches!(char, '\n' | '\r' | '\t'))
                || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
        };
        assert!(!plain.contains(steers), "{command} prints {:?}", plain.chars().find(|char| steers(*char)));
    }
}

/// Without the escapes that set colours and styles: `ESC [ digits ; … m`.
fn regex_free_of_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|char: char| !char.is_ascii_digit() && char != ';');
        match end.filter(|end| part[*end..].starts_with('m')) {
            Some(end) => plain += &part[end + 1..],
            None => plain = format!("{plain}\u{1b}[{part}"),
        }
    }
    plain
}

#[test]
fn spreadsheets_get_no_formulas_if_asked_for() {
    let case = with_hostile_strings();
    let cells = |arguments: &[&str]| -> Vec<String> {
        let ran = case.sawq(arguments);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.text().lines().skip(1).map(|line| line.trim_matches('"').to_owned()).collect()
    };
    let query = "SELECT user_agent FROM s3_access ORDER BY time";
    let plain = cells(&["sql", query, "--format", "csv"]);
    assert!(plain[0].starts_with("=cmd") && plain[1].starts_with('@'), "as it is by default: {plain:?}");
    for format in ["csv", "tsv"] {
        let safe = cells(&["sql", query, "--format", format, "--no-formulas"]);
        for cell in &safe {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
        assert!(safe[0].starts_with("'=cmd") && safe[2] == "'+1", "{safe:?}");
    }
    // Numbers stay numbers.
    assert_eq!(cells(&["sql", "SELECT -5 AS n", "--format", "csv", "--no-formulas"]), ["-5"]);
}

/// Documents that are torn over and over again, in the shapes of documents that hold records. Each took minutes once,
/// since the end of every value was looked for in all that follows.
#[test]
fn torn_documents_are_read_once() {
    const FLOW: &str = "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 1 1627344000 1627344060 ACCEPT OK";
    const EVENT: &str =
        r#"{"eventTime":"2021-07-29T12:00:01Z","eventName":"ListUsers","eventSource":"iam.amazonaws.com"}"#;
    let shapes = [
        (r#"{"message":"some words"}"#.to_owned(), r#"{"a":{"b":1"#, 0),
        (r#"{"message":"some words"}"#.to_owned(), r#"[{"b":[1"#, 0),
        (format!(r#"{{"message":"{FLOW}"}}"#), r#"{"message":{"b":"x""#, 1),
        (format!(r#"{{"logEvents":[{{"message":"{FLOW}"}}]}}"#), r#"{"logEvents":[{"id":"1""#, 1),
        (format!(r#"[{{"field":"@message","value":"{FLOW}"}}]"#), r#"[{"field":"@message","value":"x""#, 1),
        (format!(r#"{{"columns":["message"],"rows":[["{FLOW}"]]}}"#), r#"{"columns":["message"],"rows":[["x""#, 1),
        (format!(r#"{{"Records":[{EVENT}]}}"#), r#"{"Records":[{"eventName":"x""#, 1),
    ];
    for (first, torn, records) in shapes {
        for between in ["\n", "\r\n", ",\n", ""] {
            let case = Case::new();
            case.write("logs/file.json", format!("{first}{between}{}", vec![torn; 20_000].join(between)));
            let ran = case.sawlog(&["convert", "logs"]);
            assert!(ran.code == 3 || ran.code == 0, "{torn} {between:?}: {}", ran.err);
            if records > 0 {
                assert_eq!(
                    case.sawq(&["find", "-c"]).text(),
                    format!("{records}\n"),
                    "{torn} {between:?}: {}",
                    ran.err
                );
                assert_eq!(case.sawlog(&["verify"]).code, 0, "{torn} {between:?}");
            }
        }
    }
}
