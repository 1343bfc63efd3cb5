//! What sawlog makes of folders of files: which are found, what is converted once, what is reported, what comes back.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_tests::{Case, Numbers, Ran, fixture, random_log, repository, skipped};
use serde_json::json;

fn log(seed: u64, lines: usize) -> String {
    random_log(&mut Numbers::new(seed), lines)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn convert(case: &Case, arguments: &[&str]) -> Ran {
    case.sawlog(&[&["convert", "--json"], arguments].concat())
}

fn verify(case: &Case) {
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 0, "{}{}", ran.text(), ran.err);
}

#[test]
fn a_second_run_converts_only_what_is_new() {
    let case = Case::new();
    case.write("logs/a", log(1, 10));
    assert_eq!(convert(&case, &["logs"]).json()["records"], 10);
    case.write("logs/b", log(2, 5));
    let second = convert(&case, &["logs"]).json();
    assert_eq!((&second["records"], &second["unchanged"]), (&5.into(), &1.into()));
    let third = convert(&case, &["logs"]).json();
    assert_eq!((&third["converted"], &third["unchanged"], &third["committed"]), (&0.into(), &2.into(), &false.into()));
    assert_eq!(case.sawq(&["find"]).text(), log(1, 10) + &log(2, 5));
    let said = case.sawlog(&["convert", "logs"]).err;
    assert!(said.contains("nothing new; 2 already in the store"), "{said}");
    verify(&case);
}

#[test]
fn a_file_that_changed_is_named_and_replaced_only_if_asked() {
    let case = Case::new();
    case.write("logs/a", log(1, 10));
    case.write("logs/b", log(2, 10) + "nonsense\n");
    assert_eq!(convert(&case, &["logs"]).code, 3);
    case.write("logs/b", log(3, 7));
    case.write("logs/c", log(4, 1));
    let refused = case.sawlog(&["convert", "logs"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("logs/b") && refused.err.contains("--replace"), "{}", refused.err);
    assert_eq!(case.sawq(&["find", "-c"]).text(), "20\n");
    let replaced = convert(&case, &["logs", "--replace"]).json();
    assert_eq!(
        (&replaced["replaced"], &replaced["converted"], &replaced["rejects"]),
        (&1.into(), &2.into(), &0.into())
    );
    assert_eq!(case.sawq(&["find"]).text(), log(1, 10) + &log(3, 7) + &log(4, 1));
    assert_eq!(case.sawlog(&["status", "--json"]).json()["sources"]["rejects"], 0);
    verify(&case);
    // Touched, but the same.
    case.write("logs/a", log(1, 10));
    assert_eq!(convert(&case, &["logs"]).json()["unchanged"], 3);
}

#[test]
fn the_same_content_under_two_names_is_converted_once() {
    let case = Case::new();
    case.write("logs/a", log(1, 10));
    case.write("logs/b", log(1, 10));
    case.write("logs/sub/c", log(1, 10));
    let first = convert(&case, &["logs"]).json();
    assert_eq!(first["records"], 10);
    assert_eq!(first["duplicates"], serde_json::json!([["b", "a"], ["sub/c", "a"]]));
    case.write("more/d", log(1, 10));
    let second = convert(&case, &["more"]).json();
    assert_eq!((&second["records"], &second["duplicates"]), (&0.into(), &serde_json::json!([["d", "a"]])));
    // Other content under a name that is taken gets a longer name.
    case.write("more/a", log(5, 3));
    assert_eq!(convert(&case, &["more"]).json()["records"], 3);
    assert_eq!(convert(&case, &["more"]).json()["unchanged"], 2);
    let names = case.sawq(&["sql", "SELECT DISTINCT source_file FROM s3_access ORDER BY 1", "--format", "csv"]);
    assert_eq!(names.text(), "source_file\na\nmore/a\n");
    verify(&case);
}

#[test]
fn large_files_of_one_size_are_told_apart() {
    let case = Case::new();
    let text = log(1, 60_000);
    case.write("logs/a", &text);
    case.write("logs/b", text.replace("bucket-a", "bucket-c"));
    case.write("logs/c", &text);
    // Each is read in several parts.
    let summary = convert(&case, &["logs", "--memory", "128MiB"]).json();
    assert_eq!((&summary["records"], &summary["duplicates"]), (&120_000.into(), &serde_json::json!([["c", "a"]])));
    verify(&case);
}

#[test]
fn inputs_are_files_folders_patterns_and_lists() {
    let case = Case::new();
    for name in ["x/1.log", "x/2.log", "y/1.txt", "y/z/2.txt"] {
        case.write(name, log(name.bytes().map(u64::from).sum(), 3));
    }
    let found = |store: &str| {
        let query = "SELECT path FROM sources WHERE state = 'converted' ORDER BY path";
        let ran = case.sawq(&["sql", query, "--format", "csv", "--store", store]);
        ran.text().lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    convert(&case, &["x/1.log", "y", "--store", "s1"]);
    assert_eq!(found("s1"), ["1.log", "1.txt", "z/2.txt"]);
    convert(&case, &["*/*.log", "--store", "s2"]);
    assert_eq!(found("s2"), ["x/1.log", "x/2.log"]);
    case.write("list", "x/2.log\ny/z\n\n");
    convert(&case, &["@list", "--store", "s3"]);
    assert_eq!(found("s3"), ["2.txt", "x/2.log"]);
    let mut command = case.command("sawlog", &["convert", "-", "--store", "s4"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"y/1.txt\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(found("s4"), ["y/1.txt"]);
    // Names in a list need not be text; patterns of what is on disk name what is in the store.
    fs::write(case.path("x").join(OsStr::from_bytes(b"w\xff")), log(9, 3)).unwrap();
    case.write("raw", b"x/w\xff\r\nx/1.log\n");
    convert(&case, &["@raw", "--store", "s5"]);
    assert_eq!(found("s5"), ["x/1.log", "x/w\\xff"]);
    let on_disk = case.path("x").canonicalize().unwrap().join("*.log");
    assert_eq!(case.sawlog(&["remove", on_disk.to_str().unwrap(), "--store", "s5"]).code, 0);
    assert_eq!(found("s5"), ["x/w\\xff"]);
    // The store in the folder that is converted is no input.
    assert_eq!(
        convert(&case, &[".", "--store", "s4"]).json()["unknown"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|name| name.as_str().unwrap().starts_with("s4"))
            .count(),
        0
    );
    for (input, hint) in [("nowhere", "nowhere"), ("*.none", "no file matches"), ("@nowhere", "can't read the list")] {
        let ran = case.sawlog(&["convert", input]);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
}

#[test]
fn what_can_not_be_read_is_reported() {
    let case = Case::new();
    case.write("logs/good", log(1, 10));
    case.write("logs/empty", "");
    case.write("logs/picture", b"\x89PNG\r\n\x1a\n");
    symlink(".", case.path("logs/loop")).unwrap();
    symlink("nowhere", case.path("logs/dangling")).unwrap();
    let _socket = UnixListener::bind(case.path("logs/socket")).unwrap();
    let ran = convert(&case, &["logs"]);
    assert_eq!(ran.code, 3);
    let summary = ran.json();
    assert_eq!(summary["records"], 10);
    assert_eq!(summary["empty"], serde_json::json!(["empty"]));
    assert_eq!(summary["unknown"], serde_json::json!(["picture"]));
    let unreadable = summary["unreadable"].to_string();
    for name in ["loop", "dangling", "socket"] {
        assert!(unreadable.contains(name), "{unreadable}");
    }
    let strict = Case::new();
    strict.write("logs/good", log(1, 10) + "nonsense\n");
    assert_eq!(strict.sawlog(&["convert", "logs", "--strict"]).code, 1);
    assert_eq!(strict.sawq(&["find", "-c"]).text(), "0\n");
    assert_eq!(strict.sawlog(&["convert", "logs"]).code, 3);
    let status = strict.sawlog(&["status"]);
    assert!(status.text().contains("1 × no time in brackets after two fields"), "{}", status.text());
    verify(&strict);
}

#[test]
fn a_file_of_unknown_format_is_reported_each_time_until_its_format_is_given() {
    let case = Case::new();
    case.write("logs/x", "half a record\n");
    for _ in 0..2 {
        let ran = convert(&case, &["logs"]);
        assert_eq!((ran.code, &ran.json()["unknown"]), (3, &serde_json::json!(["x"])));
        assert_eq!(ran.json()["unchanged"], 0);
    }
    let forced = convert(&case, &["logs", "--format", "s3-access"]);
    assert_eq!((forced.code, &forced.json()["rejects"]), (3, &1.into()));
    assert_eq!(convert(&case, &["logs"]).json()["unchanged"], 1);
    verify(&case);
}

#[test]
fn gzip_is_told_by_content_and_read_as_far_as_it_goes() {
    let case = Case::new();
    case.write("logs/a.log", gzip(&log(1, 500)));
    case.write("logs/b.gz", log(2, 10));
    case.write("logs/c.gz", [gzip(&log(3, 20)), gzip(&log(4, 20))].concat());
    assert_eq!(convert(&case, &["logs"]).json()["records"], 550);
    verify(&case);
    assert_eq!(case.sawq(&["find"]).text(), log(1, 500) + &log(2, 10) + &log(3, 20) + &log(4, 20));

    let broken = Case::new();
    let whole = gzip(&log(5, 5000));
    broken.write("logs/cut.gz", &whole[..whole.len() / 2]);
    let ran = convert(&broken, &["logs"]);
    assert_eq!(ran.code, 3);
    let records = ran.json()["records"].as_u64().unwrap();
    assert!(records > 1000 && records < 4000, "{records}");
    assert_eq!(ran.json()["rejects"], 1);
    let lines: String =
        log(5, 5000).lines().take(usize::try_from(records).unwrap()).map(|line| format!("{line}\n")).collect();
    assert_eq!(broken.sawq(&["find"]).text(), lines);
    let reasons = broken.sawlog(&["status"]);
    assert!(reasons.text().contains("gzip stream is broken after"), "{}", reasons.text());
    verify(&broken);

    let bomb = Case::new();
    bomb.write("logs/bomb.gz", gzip(&log(6, 20_000)));
    let ran = convert(&bomb, &["logs", "--max-inflate", "1MiB"]);
    assert_eq!(ran.code, 3);
    assert!(ran.json()["unreadable"].to_string().contains("grows past 1048576 bytes"));
    verify(&bomb);
}

#[test]
fn nasty_lines_come_back_byte_for_byte() {
    let good = log(1, 1);
    let line = good.trim_end();
    let mut text: Vec<u8> = Vec::new();
    for piece in [
        line.replace("owner", "o\0wner").into_bytes(),
        Vec::new(),
        [line.as_bytes(), b"\r"].concat(),
        b"\r".to_vec(),
        line.replace("agent", "\u{202e}agent").into_bytes(),
        [line.as_bytes(), b" caf\xe9"].concat(),
        vec![b'x'; 1_000_000],
        line.replace("owner", &"o".repeat(1_000_000)).into_bytes(),
        vec![b'y'; 20_000_000],
        b"  ".to_vec(),
    ] {
        text.extend(piece);
        text.push(b'\n');
    }
    text.extend_from_slice(line.as_bytes());
    let case = Case::new();
    case.write("logs/nasty", &text);
    case.write("logs/crlf", log(3, 20).replace('\n', "\r\n"));
    let ran = convert(&case, &["logs"]);
    assert_eq!(ran.code, 3);
    let summary = ran.json();
    assert_eq!((&summary["records"], &summary["rejects"], &summary["blank_lines"]), (&26.into(), &4.into(), &1.into()));
    verify(&case);
}

#[test]
fn the_samples_come_back_byte_for_byte() {
    let samples = repository().join("../shared/samples/s3_access");
    if !samples.is_dir() {
        skipped("there is no folder of samples beside the repository");
        return;
    }
    let case = Case::new();
    let ran = convert(&case, &[samples.to_str().unwrap()]);
    assert_eq!(ran.json()["rejects"], 1, "one line is cut in mid-record");
    assert!(ran.json()["unknown"].as_array().unwrap().is_empty());
    verify(&case);
}

/// All rows, in a form in which any difference shows.
fn rows(case: &Case, store: &str) -> String {
    let query = "SELECT * FROM s3_access ORDER BY source_file, source_line";
    let ran = case.sawq(&["sql", query, "--format", "ndjson", "--store", store]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.text().to_owned()
}

#[test]
fn threads_memory_and_compression_change_no_row() {
    let case = Case::new();
    // One file of several parts, some small ones, some of the same content.
    case.write("logs/large", log(1, 60_000));
    for number in 0..20 {
        case.write(&format!("logs/small-{number}"), log(number % 15 + 10, 50));
    }
    case.write("logs/packed.gz", gzip(&log(99, 10_000)));
    let runs: [&[&str]; 4] = [
        &["--threads", "1"],
        &["--threads", "3", "--memory", "128MiB"],
        &["--threads", "8", "--memory", "150MiB", "--compression", "snappy"],
        &["--threads", "2", "--compression", "lz4"],
    ];
    let mut expected = None;
    for (number, arguments) in runs.iter().enumerate() {
        let store = format!("store-{number}");
        let ran = convert(&case, &[&["logs", "--store", &store], *arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let found = rows(&case, &store);
        assert_eq!(found.lines().count(), 60_000 + 15 * 50 + 10_000);
        assert!(*expected.get_or_insert_with(|| found.clone()) == found, "{arguments:?} gives other rows");
        assert_eq!(case.sawlog(&["verify", "--store", &store]).code, 0);
    }
}

#[test]
fn lines_of_many_days_in_any_order_make_one_data_file_a_day() {
    let mut numbers = Numbers::new(8);
    let case = Case::new();
    for (name, ending) in [("a", "\n"), ("b", "\r\n")] {
        let mut text = String::new();
        for line in log(numbers.below(1000), 5000).lines() {
            let (before, after) = line.split_once('[').unwrap();
            let day = format!(
                "{:02}/{}/2021",
                1 + numbers.below(28),
                numbers.pick(&["Jan", "Feb", "Mar", "Apr", "May", "Jun"])
            );
            // Some lines have what keeps them from being printed from their columns, some end unlike the others.
            let double = if numbers.below(10) == 0 { " " } else { "" };
            let ending = if numbers.below(10) == 0 { if ending == "\n" { "\r\n" } else { "\n" } } else { ending };
            text += &format!("{before}[{day}{}{double}{ending}", &after[11..]);
        }
        case.write(&format!("logs/{name}"), text.trim_end_matches('\n'));
    }
    assert_eq!(convert(&case, &["logs"]).json()["records"], 10_000);
    assert_eq!(fs::read_dir(case.path("sawlog-store/s3_access")).unwrap().count(), 28 * 6 + 1);
    let status = case.sawlog(&["status", "--json"]).json();
    assert_eq!(status["tables"][0]["files"], 28 * 6);
    verify(&case);
    // The same rows as without so many days at once: from files of one day each.
    let whole = rows(&case, "sawlog-store");
    assert_eq!(whole.lines().count(), 10_000);
    assert_eq!(
        whole.matches("\"raw\":").count(),
        case.sawq(&["sql", "SELECT source_line FROM s3_access WHERE raw IS NOT NULL", "--format", "ndjson"])
            .text()
            .lines()
            .count()
    );
}

/// AWS delivers logs in folders by region, and files hold records from before midnight.
#[test]
fn folders_of_the_same_days_make_few_data_files_a_day_each_in_order() {
    let case = Case::new();
    let (mut all, mut rejects) = (String::new(), 0);
    for region in ["ap-south-1", "eu-west-1", "us-east-1"] {
        for day in 10..15 {
            for hour in ["00", "12"] {
                let mut text = String::new();
                for (place, line) in log(2000 + rejects, 2500).lines().enumerate() {
                    let (before, after) = line.split_once('[').unwrap();
                    let day = if hour == "00" && place < 100 { day - 1 } else { day };
                    text += &format!("{before}[{day:02}/Jul/2021{}\n", &after[11..]);
                }
                all += &text;
                rejects += 1;
                case.write(&format!("logs/{region}/2021-07-{day}-{hour}-01-00-A"), text + "no record\n");
            }
        }
    }
    let mut expected = None;
    for (store, arguments) in [("one", ["--threads", "1"]), ("three", ["--threads", "3"])] {
        let ran = convert(&case, &[&["logs", "--store", store], &arguments[..]].concat()).json();
        assert_eq!((&ran["records"], &ran["rejects"]), (&json!(all.lines().count()), &json!(rejects)));
        assert_eq!(case.sawlog(&["verify", "--store", store]).err, "");
        // Printed by merging data files, which must be in order for that.
        assert!(case.sawq(&["find", "--store", store]).text() == all, "{store}");
        let found = rows(&case, store);
        assert!(*expected.get_or_insert_with(|| found.clone()) == found, "{store} has other rows");
        let status = case.sawlog(&["status", "--json", "--store", store]).json();
        // Six days, the first of which is there by its last records only.
        assert!(status["tables"][0]["files"].as_u64().unwrap() <= 12, "{status}");
    }
}

/// The ledger is read in order of path, by merging its data files: one for each portion of a run's files.
#[test]
fn a_run_of_many_files_leaves_a_ledger_in_order() {
    let case = Case::new();
    for (region, day) in [("b", 1), ("b", 2), ("a", 1), ("a", 2)] {
        for number in 0..10_000 {
            let line = format!(
                "o b [0{day}/Jul/2021:12:00:00 +0000] 192.0.2.1 - I REST.GET.OBJECT k{number} \"GET /{region}\" 200 - 5 - 7 - - - -\n"
            );
            case.write(&format!("logs/{region}/2021-07-0{day}-12-00-00-{number:05}"), line);
        }
    }
    assert_eq!(convert(&case, &["logs"]).json()["records"], 40_000);
    let store = sawlog_store::Store::open(&case.path("sawlog-store")).unwrap();
    assert_eq!(store.snapshot(&sawlog_store::SOURCES).unwrap().files.len(), 2);
    let paths = sawlog_store::SortedSources::open(&store).unwrap().map(|source| source.unwrap().path);
    let paths: Vec<String> = paths.collect();
    assert!(paths.len() == 40_000 && paths.is_sorted());
    verify(&case);
    // All are known, which is told in one pass over the ledger.
    assert_eq!(convert(&case, &["logs"]).json()["unchanged"], 40_000);
}

/// Whatever size makes a unit of work, and whatever the copies are called.
#[test]
fn of_files_with_the_same_content_the_first_that_aws_named_keeps_the_records() {
    let case = Case::new();
    let text = log(5, 20_000);
    let names = ["a/2021-07-30-01-00-00-A", "b/2021-07-29-01-00-00-A", "a/copy.log"];
    for name in names {
        case.write(&format!("logs/{name}"), &text);
    }
    case.write("logs/other", log(6, 60_000));
    for (threads, memory) in [("1", "512MiB"), ("3", "512MiB"), ("3", "128MiB")] {
        let store = format!("store-{threads}-{memory}");
        let options = ["logs", "--threads", threads, "--memory", memory, "--store", &store];
        let ran = convert(&case, &options).json();
        assert_eq!(ran["duplicates"], json!([[names[0], names[1]], [names[2], names[1]]]), "{threads} {memory}");
        assert_eq!(case.sawlog(&["verify", "--store", &store]).err, "");
    }
}

#[test]
fn any_split_into_files_gives_the_same_records() {
    let text = log(12, 3000);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for files in [1, 7, 500] {
        let case = Case::new();
        for (number, part) in lines.chunks(lines.len().div_ceil(files)).enumerate() {
            case.write(&format!("logs/{number:04}"), part.concat());
        }
        assert_eq!(convert(&case, &["logs"]).json()["records"], 3000);
        assert_eq!(case.sawq(&["find"]).text(), text);
        verify(&case);
    }
}

#[test]
fn verify_notices_what_is_not_as_it_was() {
    let case = Case::with(&fixture());
    let folder = case.path("sawlog-store/s3_access/date=2021-07-29");
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 3;
    for byte in &mut bytes[middle..middle + 64] {
        *byte ^= 0xff;
    }
    fs::write(&file, bytes).unwrap();
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 1, "{}", ran.text());
    assert!(!ran.err.is_empty());
}

#[test]
fn a_folder_with_other_things_does_not_become_a_store() {
    let case = Case::new();
    case.write("home/letter.txt", "dear");
    case.write("logs/a", log(1, 1));
    let ran = case.sawlog(&["convert", "logs", "--store", "home"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("is not a sawlog store"), "{}", ran.err);
    assert!(Path::new(&case.path("home/letter.txt")).exists());
}
