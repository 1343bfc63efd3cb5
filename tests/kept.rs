//! No evidence is lost and none is made up: what is replaced, in odd places, or damaged, and what is said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use sawlog_store::parquet::Codec;
use sawlog_store::{Run, SOURCES, SortedSources, Source, SourceState, Store};
use sawlog_tests::{Case, Numbers, Ran, cases, evidence, in_parallel, peak_of, random_log};
use serde_json::json;
use sha2::{Digest, Sha256};

const FLOW: &str = "2 111122223333 eni-1 192.0.2.1 198.51.100.2 443 49152 6 10 840 1627560000 1627560060 ACCEPT OK";

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn verified(case: &Case, what: &str) {
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 0, "{what}: {}", ran.err);
}

fn sql(case: &Case, query: &str) -> String {
    let ran = case.sawq(&["sql", query, "--format", "csv"]);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.text().lines().skip(1).fold(String::new(), |all, line| all + line + "\n")
}

/// A CloudTrail event.
fn event(number: u64) -> String {
    format!(
        r#"{{"eventTime":"2021-07-{:02}T00:00:{:02}Z","eventName":"Get{number}","eventSource":"s3.amazonaws.com","userIdentity":{{"type":"IAMUser","userName":"u{}"}},"resources":[{{"ARN":"arn:aws:s3:::b{number}"}},{{"type":"t"}}],"requestParameters":{{"n":{number}}}}}"#,
        29 + number % 3,
        number % 60,
        number % 4
    )
}

/// Content of some format, with records of several days and with what is no record; how many there are of each.
fn content(number: u64) -> (Vec<u8>, u64, u64) {
    let mut numbers = Numbers::new(number);
    let lines = 3 + numbers.below(20);
    match number % 4 {
        0 => {
            let log = random_log(&mut numbers, usize::try_from(lines).unwrap());
            (format!("{log}no record {number}\n").into_bytes(), lines, 1)
        }
        1 => {
            let events: Vec<String> = (0..lines).map(|n| event(number * 100 + n)).collect();
            (format!("{{\"Records\":[{},{{\"n\":{number}}}]}}", events.join(",")).into_bytes(), lines, 1)
        }
        2 => (
            format!("{FLOW} {number}\n{}", format!("{FLOW}\n").repeat(usize::try_from(lines).unwrap())).into_bytes(),
            lines,
            1,
        ),
        _ => (gzip(random_log(&mut numbers, usize::try_from(lines).unwrap()).as_bytes()), lines, 0),
    }
}

/// Files come, change their content for new or for each other's, and go from the disk, in any order; whatever content a
/// file of the ledger had last is there, once.
#[test]
fn replacing_files_keeps_what_others_have() {
    in_parallel(cases(120, 10), |seed| {
        let case = Case::new();
        let mut numbers = Numbers::new(seed as u64 + 5);
        let mut model: BTreeMap<String, u64> = BTreeMap::new();
        fs::create_dir(case.path("in")).unwrap();
        for step in 0..7 {
            for _ in 0..=numbers.below(4) {
                let name = numbers.pick(&["a", "b", "c/d", "e", "f", "g"]).to_owned();
                if numbers.below(6) == 0 {
                    let _ = fs::remove_file(case.path("in").join(&name));
                } else {
                    let number = numbers.below(7);
                    // Another size, so that a change is seen however fast it comes.
                    case.write(&format!("in/{name}"), content(number).0);
                    model.insert(name, number);
                }
            }
            if step == 4 {
                assert_eq!(case.sawlog(&["compact", "--retain", "0", "-q"]).code, 0);
            }
            let ran = case.sawlog(&["convert", "in", "--replace", "-q"]);
            assert!([0, 3].contains(&ran.code), "{}", ran.err);
            // A file that went before it was converted is not known.
            let ledger = sql(&case, "SELECT path, sha256 FROM sources");
            let ledger: BTreeMap<&str, &str> = ledger.lines().map(|line| line.split_once(',').unwrap()).collect();
            model.retain(|name, _| ledger.contains_key(name.as_str()));
            for (name, number) in &model {
                let on_disk = fs::read(case.path("in").join(name));
                if on_disk.is_ok_and(|bytes| bytes == content(*number).0) {
                    assert_eq!(ledger[name.as_str()], sha256(&content(*number).0), "seed {seed}, step {step}: {name}");
                }
            }
            // What the ledger has of a file that is gone may be older than what it was last.
            let numbers: BTreeSet<u64> =
                ledger.values().map(|hash| (0..7).find(|n| sha256(&content(*n).0) == **hash).unwrap()).collect();
            let expected = numbers.iter().map(|n| content(*n)).fold((0, 0), |sum, (_, a, b)| (sum.0 + a, sum.1 + b));
            let what = format!("seed {seed}, step {step}: {model:?}");
            let found = case.sawq(&["find", "-c", "-q"]).text().trim().to_owned();
            let rejects = sql(&case, "SELECT count(*) FROM rejects").trim().to_owned();
            assert_eq!((found, rejects), (expected.0.to_string(), expected.1.to_string()), "{what}");
            verified(&case, &what);
            let orphans =
                "SELECT count(*) FROM (SELECT source_file FROM s3_access UNION SELECT source_file FROM cloudtrail
                UNION SELECT source_file FROM vpc_flow UNION SELECT source_file FROM rejects) r
                LEFT ANTI JOIN sources s ON r.source_file = s.path AND s.state = 'converted'";
            assert_eq!(sql(&case, orphans), "0\n", "{what}");
        }
    });
}

#[test]
fn the_first_duplicate_takes_over_the_records_of_a_replaced_file() {
    let case = Case::new();
    let (old, new) = (random_log(&mut Numbers::new(1), 8) + "no record\n", random_log(&mut Numbers::new(2), 2));
    for name in ["x", "b/y", "c"] {
        case.write(&format!("in/{name}"), &old);
    }
    // The first one by path is converted, the others are duplicates of it.
    assert_eq!(case.sawlog(&["convert", "in", "-q"]).code, 3);
    assert_eq!(sql(&case, "SELECT duplicate_of FROM sources WHERE state = 'duplicate'"), "b/y\nb/y\n");
    let asked = ["who", "192.0.2.1", "--json"];
    let before = case.sawq(&asked).text().to_owned();
    case.write("in/b/y", &new);
    // The heirs need not be there any more.
    fs::remove_file(case.path("in/c")).unwrap();
    fs::remove_file(case.path("in/x")).unwrap();
    assert_eq!(case.sawlog(&["convert", "in", "--replace", "-q"]).code, 0);
    let ledger = "SELECT path, state, duplicate_of, records, rejects FROM sources ORDER BY path";
    assert_eq!(sql(&case, ledger), "b/y,converted,,2,0\nc,converted,,8,1\nx,duplicate,c,0,0\n");
    assert_eq!(sql(&case, "SELECT count(*) FROM s3_access WHERE source_file = 'c'"), "8\n");
    assert_eq!(sql(&case, "SELECT source_file, source_line FROM rejects"), "c,9\n");
    verified(&case, "an heir");
    // The index has the heir's rows: what it says is what the records say, under the new name.
    case.write("in/b/y", "");
    assert_eq!(case.sawlog(&["convert", "in", "--replace", "-q"]).code, 0);
    let after = case.sawq(&asked).text().to_owned();
    assert_eq!(after.replace("\"c\"", "\"b/y\""), before.replace("\"c\"", "\"b/y\""));
    // An heir has heirs.
    case.write("in/c", random_log(&mut Numbers::new(3), 4));
    assert_eq!(case.sawlog(&["convert", "in", "--replace", "-q"]).code, 0);
    assert_eq!(sql(&case, "SELECT path, records FROM sources WHERE state = 'converted' ORDER BY 1"), "c,4\nx,8\n");
    assert_eq!(sql(&case, "SELECT DISTINCT source_file FROM s3_access ORDER BY 1"), "c\nx\n");
    verified(&case, "an heir's heir");
    // The old content once more: it is that of x.
    case.write("in/c", &old);
    assert_eq!(case.sawlog(&["convert", "in", "--replace", "-q"]).code, 0);
    assert_eq!(sql(&case, "SELECT path, duplicate_of FROM sources WHERE state = 'duplicate'"), "c,x\n");
    assert_eq!(sql(&case, "SELECT count(*) FROM s3_access"), "8\n");
    verified(&case, "back again");
}

/// Flows without times of their own have that in the file's name, so that files with equal content are not the same.
#[test]
fn files_whose_names_date_their_records_are_no_duplicates() {
    let flow = "srcaddr dstaddr bytes action\n203.0.113.12 10.0.0.5 40 REJECT\n";
    let name = |time: &str| format!("in/111122223333_vpcflowlogs_us-east-1_fl-0123456789abcdef0_{time}_aaaa.log");
    let times = ["20250304T1000Z", "20250304T1010Z", "20250305T1000Z"];
    let case = Case::new();
    for time in times {
        case.write(&name(time), flow);
        // The same file in another folder is a duplicate.
        case.write(&name(time).replace("in/", "in/copy/"), flow);
    }
    let first = case.sawlog(&["convert", "in"]);
    assert_eq!(first.code, 0, "{}", first.err);
    let shown = |case: &Case| {
        case.sawq(&["find", "--columns", "time", "--format", "csv", "--no-header"]).text().trim_end().replace('\n', " ")
    };
    let expected = "2025-03-04T10:00:00Z 2025-03-04T10:10:00Z 2025-03-05T10:00:00Z";
    assert_eq!(shown(&case), expected);
    assert_eq!(case.sawlog(&["convert", "in"]).code, 0);
    assert_eq!(shown(&case), expected);
    // The duplicate takes over the records, and their time.
    assert_eq!(case.sawlog(&["remove", "copy/*T1010Z*"]).code, 0);
    assert_eq!(shown(&case), expected);
    let verified = case.sawlog(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
    // Large files are compared before any of them is read.
    let large = Case::new();
    let rows = format!("srcaddr dstaddr bytes action\n{}", "203.0.113.12 10.0.0.5 40 REJECT\n".repeat(200_000));
    times.iter().for_each(|time| large.write(&name(time), &rows));
    assert_eq!(large.sawlog(&["convert", "in", "--memory", "128MiB"]).code, 0);
    assert_eq!(large.sawq(&["find", "-c"]).text(), "600000\n");
    let day = large.sawq(&["find", "-c", "--since", "2025-03-05"]);
    assert_eq!(day.text(), "200000\n");
}

/// What is read again because more may be readable must not be read with other options by accident.
#[test]
fn records_are_not_lost_when_a_file_is_read_again_without_its_options() {
    let case = Case::new();
    let line = "5 192.0.2.1 10.0.0.5 1627560000 1627560060\n";
    case.write("in/f.gz", gzip(line.repeat(1000).as_bytes()));
    let fields = ["--vpc-fields", "version srcaddr dstaddr start end"];
    assert_eq!(case.sawlog(&[&["convert", "in", "--max-inflate", "10KiB"], &fields[..]].concat()).code, 3);
    let before = case.sawq(&["find", "-c"]).text().to_owned();
    // The limit is wider now, so the file is read again.
    let ran = case.sawlog(&["convert", "in"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("f.gz is read again, and would have 0 records instead of"), "{}", ran.err);
    assert!(ran.err.contains("It was read with --vpc-fields 'version srcaddr"), "{}", ran.err);
    assert_eq!(case.sawq(&["find", "-c"]).text(), before);
    assert_eq!(case.sawlog(&[&["convert", "in"], &fields[..]].concat()).code, 0);
    assert_eq!(case.sawq(&["find", "-c"]).text(), "1000\n");
    verified(&case, "with the options");
}

#[test]
fn a_broken_copy_of_a_broken_file_does_not_replace_a_whole_one() {
    let case = Case::new();
    let whole = gzip(random_log(&mut Numbers::new(5), 300).as_bytes());
    case.write("in/a.gz", &whole);
    case.write("in/b.gz", &whole[..whole.len() / 2]);
    assert_eq!(case.sawlog(&["convert", "in"]).code, 3);
    let before = case.sawq(&["find", "-c"]).text().to_owned();
    case.write("in/a.gz", &whole[..whole.len() / 2]);
    let ran = case.sawlog(&["convert", "in/a.gz", "--replace"]);
    assert!(ran.code == 1 && ran.err.contains("a.gz can't be read whole, so it can't be replaced"), "{}", ran.err);
    assert_eq!(case.sawq(&["find", "-c"]).text(), before);
}

/// A file may have the name and the content of one in another folder.
#[test]
fn what_another_folder_has_is_not_lost_when_a_file_is_replaced() {
    for given in [&["r2"][..], &["r1", "r2"]] {
        let case = Case::new();
        let (old, new) = (random_log(&mut Numbers::new(11), 100), random_log(&mut Numbers::new(12), 54));
        case.write("r1/x", &old);
        case.write("r2/x", &old);
        assert_eq!(case.sawlog(&["convert", "r2"]).code, 0);
        let ran = case.sawlog(&["convert", "r1", "r2", "--json"]).json();
        assert_eq!((&ran["records"], &ran["unchanged"]), (&json!(0), &json!(1)), "{ran}");
        assert_eq!(ran["duplicates"].as_array().unwrap().len(), 1, "{ran}");
        case.write("r2/x", &new);
        let ran = case.sawlog(&[&["convert", "--replace"], given].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(sql(&case, "SELECT count(*) FROM s3_access WHERE source_file = 'r1/x'"), "100\n");
        assert_eq!(case.sawq(&["find", "-c"]).text(), "154\n");
        let again = case.sawlog(&["convert", "r1", "r2"]);
        assert!(again.code == 0 && again.err.contains("nothing new; 2 already"), "{}", again.err);
        verified(&case, "both");
    }
}

/// Evidence that was moved is the same evidence.
#[test]
fn a_folder_that_was_moved_is_known_by_its_content() {
    let case = Case::new();
    case.write("one/x", random_log(&mut Numbers::new(11), 9));
    assert_eq!(case.sawlog(&["convert", "one"]).code, 0);
    fs::rename(case.path("one"), case.path("two")).unwrap();
    let again = case.sawlog(&["convert", "two"]);
    assert!(again.code == 0 && again.err.contains("nothing new; 1 already"), "{}", again.err);
}

#[test]
fn a_folder_has_one_name_however_it_is_given() {
    let case = Case::new();
    case.write("in/sub/b", random_log(&mut Numbers::new(6), 3));
    case.write("in/a", random_log(&mut Numbers::new(7), 3));
    assert_eq!(case.sawlog(&["convert", "in"]).code, 0);
    let again = case.sawlog(&["convert", "in/sub/.."]);
    assert!(again.code == 0 && again.err.contains("nothing new; 2 already"), "{}", again.err);
    case.write("in/a", random_log(&mut Numbers::new(8), 5));
    let changed = case.sawlog(&["convert", "in/sub/.."]);
    assert!(changed.code == 1 && changed.err.contains("have changed"), "{}", changed.err);
}

#[test]
fn a_copy_of_a_file_that_was_read_differently_is_named() {
    let case = Case::new();
    case.write("a/x.log", "192.0.2.1 10.0.0.5 443 50000 1627560000 1627560060 ACCEPT\n");
    case.write("b/y.log", "192.0.2.1 10.0.0.5 443 50000 1627560000 1627560060 ACCEPT\n");
    let (right, wrong) =
        ("srcaddr dstaddr srcport dstport start end action", "dstaddr srcaddr dstport srcport start end action");
    assert_eq!(case.sawlog(&["convert", "a", "--vpc-fields", wrong]).code, 0);
    for options in [&["convert", "b", "--vpc-fields", right][..], &["convert", "b", "--replace", "--vpc-fields", right]]
    {
        let ran = case.sawlog(options);
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.err.contains("y.log: was read with --vpc-fields 'dstaddr srcaddr"), "{}", ran.err);
        assert!(
            ran.err.contains("/a/x.log\n") && ran.err.contains("convert those again with --replace"),
            "{}",
            ran.err
        );
    }
    assert_eq!(case.sawlog(&["convert", "a", "--replace", "--vpc-fields", right]).code, 0);
    assert_eq!(case.sawlog(&["convert", "b", "--vpc-fields", right]).code, 0);
    assert_eq!(case.sawq(&["find", "-c", "--src", "192.0.2.1"]).text(), "1\n");
}

#[test]
fn a_file_that_is_to_be_replaced_and_cannot_be_read_keeps_its_records() {
    let case = Case::new();
    case.write("in/a", random_log(&mut Numbers::new(1), 8));
    case.write("in/b", random_log(&mut Numbers::new(2), 3));
    assert_eq!(case.sawlog(&["convert", "in", "-q"]).code, 0);
    case.write("in/a", random_log(&mut Numbers::new(3), 5));
    case.write("in/b", random_log(&mut Numbers::new(4), 7));
    fs::set_permissions(case.path("in/a"), fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(case.path("in/a")).is_ok() {
        println!("nothing is kept from root");
        return;
    }
    let ran = case.sawlog(&["convert", "in", "--replace"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(sql(&case, "SELECT count(*) FROM s3_access"), "15\n");
    verified(&case, "what could not be read");
}

/// Earlier versions forgot the duplicates of what they replaced. Converting again mends such a ledger.
#[test]
fn a_ledger_that_calls_a_file_a_duplicate_of_what_is_gone_is_found_and_healed() {
    let case = Case::new();
    let (old, new) = (random_log(&mut Numbers::new(1), 8), random_log(&mut Numbers::new(2), 2));
    case.write("in/x", &new);
    case.write("in/z", random_log(&mut Numbers::new(3), 5));
    assert_eq!(case.sawlog(&["convert", "in", "-q"]).code, 0);
    case.write("in/y", &old);
    {
        let store = Store::open(&case.path("sawlog-store")).unwrap();
        let first = Source::load_all(&store).unwrap().into_iter().next().unwrap();
        let mut run = Run::begin(&store, Codec::default(), || {}).unwrap();
        let stale = Source {
            path: "y".to_owned(),
            root: case.path("in").canonicalize().unwrap().to_str().unwrap().into(),
            size: i64::try_from(old.len()).unwrap(),
            sha256: sha256(old.as_bytes()),
            state: SourceState::Duplicate,
            duplicate_of: Some("x".to_owned()),
            run_id: first.run_id,
            ..Source::default()
        };
        run.add_batch(&SOURCES, None, &Source::batch(&[stale])).unwrap();
        run.commit().unwrap();
    }
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.lines().any(|line| line.contains("y is not in the store") && line.contains("duplicate of x")),
        "{}",
        ran.err
    );
    assert_eq!(case.sawlog(&["convert", "in", "-q"]).code, 0);
    assert_eq!(
        sql(&case, "SELECT path, state, records FROM sources ORDER BY path"),
        "x,converted,2\ny,converted,8\nz,converted,5\n"
    );
    verified(&case, "healed");
}

#[test]
fn a_time_of_nuls_is_no_time() {
    let whole = random_log(&mut Numbers::new(9), 1);
    let start = whole.find('[').unwrap();
    for (from, to) in [(start, start + 12), (start, start + 28), (start + 1, start + 12), (start + 12, start + 28)] {
        let mut line = whole.clone().into_bytes();
        line[from..to].fill(0);
        for (name, content) in [
            ("plain", line.clone()),
            ("gzip", gzip(&line)),
            ("followed", [&line[..], whole.as_bytes()].concat()),
            ("twice", line.repeat(2)),
        ] {
            let case = Case::new();
            case.write("in/log", &content);
            let ran = case.sawlog(&["convert", "in", "--format", "s3-access", "-q"]);
            let what = format!("{name}, {from}..{to}");
            assert_eq!(ran.code, 3, "{what}: {}", ran.err);
            assert_eq!(
                sql(&case, "SELECT count(*) FROM s3_access WHERE time < '1980-01-01T00:00:00Z'"),
                "0\n",
                "{what}"
            );
            assert!(sql(&case, "SELECT encode(raw, 'hex') FROM rejects").contains("0000000000"), "{what}");
            verified(&case, &what);
        }
    }
}

/// A unit of work in which lines of several formats are rejected, long ones in parts.
#[test]
fn parts_of_long_lines_stay_in_order() {
    const LONG: usize = 8 << 20;
    for seed in cases(40, 5) {
        let case = Case::new();
        let mut numbers = Numbers::new(seed as u64);
        for file in 0..3 + numbers.below(3) {
            let rejects = 20 + numbers.below(200);
            match numbers.below(3) {
                0 => {
                    let objects: Vec<String> = (0..rejects).map(|n| format!("{{\"n\":{n}}}")).collect();
                    case.write(&format!("in/{file}.json"), format!("{{\"Records\":[{}]}}", objects.join(",")));
                }
                kind => {
                    let record = if kind == 1 { random_log(&mut numbers, 1) } else { format!("{FLOW}\n") };
                    let mut text = record.clone();
                    (0..rejects).for_each(|n| writeln!(text, "no record {n}").unwrap());
                    for _ in 0..numbers.below(3) {
                        let parts = 1 + numbers.below(2);
                        (0..parts).for_each(|n| text.push_str(&n.to_string().repeat(LONG)));
                        writeln!(text, "the end").unwrap();
                        text.push_str(&record);
                    }
                    case.write(&format!("in/{file}.log"), text);
                }
            }
        }
        case.write("in/z.log", random_log(&mut numbers, 3));
        let threads = (1 + numbers.below(2)).to_string();
        assert_eq!(case.sawlog(&["convert", "in", "--threads", &threads, "-q"]).code, 3);
        verified(&case, &format!("seed {seed}"));
        // Another run with its own long line, and all of them in one data file.
        case.write("in/y.log", format!("{FLOW}\n{}{}\n", "a".repeat(LONG), "b".repeat(LONG)));
        case.write("more/z.log", fs::read(case.path("in/z.log")).unwrap());
        assert_eq!(case.sawlog(&["convert", "in", "more", "-q"]).code, 3);
        assert_eq!(case.sawlog(&["compact", "-q"]).code, 0);
        verified(&case, &format!("seed {seed}, compacted"));
        // A file that has long lines, of which another is a duplicate, is replaced.
        for name in files(&case.path("in")) {
            let copy = case.path("copies").join(format!("copy-{}", name.file_name().unwrap().to_str().unwrap()));
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(&name, copy).unwrap();
            fs::write(&name, FLOW).unwrap();
        }
        let copies = case.sawlog(&["convert", "copies", "--json"]);
        assert_eq!(copies.json()["records"], 0, "{}", copies.err);
        let ran = case.sawlog(&["convert", "in", "--replace", "-q"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        verified(&case, &format!("seed {seed}, replaced"));
    }
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn verify_names_the_data_file_whatever_column_of_it_is_damaged() {
    let case = Case::with(&evidence());
    case.write("more/bad", random_log(&mut Numbers::new(4), 300) + "no record\n");
    assert_eq!(case.sawlog(&["convert", "more", "-q"]).code, 3);
    assert_eq!(case.sawlog(&["compact", "--retain", "0", "-q"]).code, 0);
    verified(&case, "whole");
    let store = case.path("sawlog-store");
    let mut numbers = Numbers::new(11);
    let mut flips = 0;
    let is_data = |path: &PathBuf| {
        path.extension().is_some_and(|name| name == "parquet") && !path.iter().any(|part| part == "_delta_log")
    };
    let mut chunks = Vec::new();
    for path in files(&store).into_iter().filter(is_data) {
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let columns = reader.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
        chunks.extend(columns.map(ColumnChunkMetaData::byte_range).map(|range| (path.clone(), range)));
    }
    for number in cases(chunks.len(), 120) {
        let (path, (start, len)) = &chunks[number];
        // Somewhere in the chunk, or in the header of its first page.
        let at = start + numbers.below(if number.is_multiple_of(4) { (*len).min(20) } else { *len });
        let file = File::options().read(true).write(true).open(path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1 << numbers.below(8)], at).unwrap();
        let ran = case.sawlog(&["verify"]);
        let what = format!("byte {at} of {}: {}{}", path.display(), ran.text(), ran.err);
        assert_eq!(ran.code, 1, "{what}");
        assert!(ran.err.contains(path.file_name().unwrap().to_str().unwrap()), "{what}");
        assert!(!ran.err.contains("panicked"), "{what}");
        file.write_all_at(&byte, at).unwrap();
        flips += 1;
    }
    verified(&case, "whole again");
    assert!(flips > 60, "{flips}");
}

/// A damaged data file is one thing, what came from it another: the sources are named that it takes with it, no others.
#[test]
fn verify_names_the_sources_of_a_damaged_data_file() {
    let case = Case::new();
    for (name, seed) in [("a", 1), ("b", 2)] {
        case.write(&format!("{name}/{name}.log"), random_log(&mut Numbers::new(seed), 50));
        assert_eq!(case.sawlog(&["convert", name, "-q"]).code, 0);
    }
    let data = files(&case.path("sawlog-store/s3_access"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "parquet"));
    let first = data.min_by_key(|path| path.file_name().unwrap().to_owned()).unwrap();
    let file = File::options().write(true).open(&first).unwrap();
    file.write_all_at(&[0xff; 4], 40).unwrap();
    let ran = case.sawlog(&["verify", "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let found = ran.json();
    assert_eq!((&found["verified"], found["damaged"].as_array().unwrap().len()), (&1.into(), 1), "{found}");
    assert_eq!(found["failed"][0][0], "a.log", "{found}");
    fs::remove_file(&first).unwrap();
    let ran = case.sawlog(&["verify"]);
    assert!(ran.code == 1 && ran.err.contains(first.file_name().unwrap().to_str().unwrap()), "{}", ran.err);
}

fn peak(case: &Case, arguments: &[&str], code: i32) -> u64 {
    let mut child = case.command("sawlog", arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let peak = peak_of(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}");
    peak
}

#[test]
fn memory_is_bounded_whatever_the_size_of_records() {
    let case = Case::new();
    // Each one different, in a column that is printed; and a column with few texts, which are long.
    let mut log = String::new();
    for number in 0..80 {
        let parameters = char::from(b'a' + number % 26).to_string().repeat(3 << 20);
        let agent = char::from(b'a' + number / 40).to_string().repeat(3 << 20);
        let event = event(number.into()).replace("\"n\":", &format!("\"long\":\"{parameters}\",\"n\":"));
        writeln!(log, "{},\"userAgent\":\"{agent}\"}}", &event[..event.len() - 1]).unwrap();
    }
    case.write("in/log.json", log);
    assert_eq!(case.sawlog(&["convert", "in", "-q", "--memory", "256MiB"]).code, 0);
    let verified = peak(&case, &["verify", "--memory", "128MiB"], 0);
    case.write("more/small.json", event(3));
    assert_eq!(case.sawlog(&["convert", "more", "-q"]).code, 0);
    let compacted = peak(&case, &["compact"], 0);
    println!("verify {verified} MiB, compact {compacted} MiB");
    // More than was given: a record is 6 MiB. Runs of the same store differ by 30 MiB.
    assert!(verified < 256, "{verified} MiB");
    assert!(compacted < 400, "{compacted} MiB");
}

#[test]
fn many_small_files_fit_into_little_memory() {
    let case = Case::new();
    let line = random_log(&mut Numbers::new(1), 1);
    // Half as many take half of the time.
    let folders = cases(2, 1).count() * 100;
    for folder in 0..folders {
        let path = case.path(&format!("in/{folder:03}"));
        fs::create_dir_all(&path).unwrap();
        for file in 0..1000 {
            let name = format!("2021-07-29-14-35-{file:03}-{folder:03}ABCDEF0123");
            fs::write(path.join(name), line.replace("owner", &format!("owner{folder:03}{file:03}"))).unwrap();
        }
    }
    let first = peak(&case, &["convert", "in", "-q", "--memory", "128MiB"], 0);
    println!("{first} MiB");
    // Each file has an owner of its own, all of which are indexed: that takes a little more than what was given.
    let most = if folders == 200 { 180 } else { 150 };
    assert!(first < most, "{first} MiB");
    assert_eq!(case.sawq(&["find", "-c"]).text().trim(), (folders * 1000).to_string());
    // The ledger is read as a stream: it would take 80 MiB.
    let again = peak(&case, &["convert", "in", "-q", "--memory", "128MiB"], 0);
    println!("again {again} MiB");
    assert!(again < 100, "{again} MiB");
    let verified = peak(&case, &["verify", "--memory", "128MiB"], 0);
    println!("verified {verified} MiB");
    assert!(verified < 140, "{verified} MiB");
}

/// Runs whose files alternate by path, duplicates among them, and a data file of the ledger that is not sorted.
#[test]
fn the_ledger_comes_sorted_from_all_runs() {
    let (case, mut numbers) = (Case::new(), Numbers::new(17));
    for run in 0..5 {
        for file in 0..40 {
            let seed = if file % 9 == 0 { 1 } else { numbers.below(1 << 40) };
            case.write(&format!("in/{:03}-{run}", numbers.below(900)), random_log(&mut Numbers::new(seed), 2));
        }
        assert_eq!(case.sawlog(&["convert", "in", "-q", "--replace"]).code, 0);
        assert_eq!(case.sawlog(&["convert", "in"]).err.matches("nothing new").count(), 1, "run {run}");
    }
    let store = Store::open(&case.path("sawlog-store")).unwrap();
    let check = |what: &str| {
        let all = Source::load_all(&store).unwrap();
        let stream: Vec<Source> = SortedSources::open(&store).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(stream, all, "{what}");
        all
    };
    let all = check("sorted");
    assert!(all.len() > 100 && all.iter().any(|source| source.state == SourceState::Duplicate));
    let mut run = Run::begin(&store, Codec::default(), || {}).unwrap();
    let last = |path: &str| Source { path: path.to_owned(), state: SourceState::Empty, ..Source::default() };
    run.add_batch(&SOURCES, None, &Source::batch(&[last("z"), last("500"), last("0")])).unwrap();
    run.commit().unwrap();
    check("not sorted");
    verified(&case, "a ledger that is not sorted");
}

#[test]
fn gzip_files_that_are_padded_are_whole() {
    let (text, more) = (random_log(&mut Numbers::new(1), 40), random_log(&mut Numbers::new(2), 30));
    let trail = format!("{{\"Records\":[{},{}]}}", event(1), event(2));
    for zeros in [1, 511, 70_000] {
        let case = Case::new();
        let pad = |bytes: Vec<u8>| [bytes, vec![0; zeros]].concat();
        case.write("in/a.gz", pad(gzip(text.as_bytes())));
        case.write("in/b.gz", pad([gzip(more.as_bytes()), gzip(text.as_bytes())].concat()));
        case.write("in/c.json.gz", pad(gzip(trail.as_bytes())));
        let ran = case.sawlog(&["convert", "in"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(sql(&case, "SELECT sum(records), sum(rejects) FROM sources"), "112,0\n");
        for (path, bytes) in
            [("a.gz", fs::read(case.path("in/a.gz")).unwrap()), ("b.gz", fs::read(case.path("in/b.gz")).unwrap())]
        {
            assert_eq!(sql(&case, &format!("SELECT sha256 FROM sources WHERE path = '{path}'")).trim(), sha256(&bytes));
        }
        verified(&case, "padded");
    }
    for rest in [&b"garbage"[..], b"\0\0\0\0x", b"\x1f", b"\x1f\x8b\x08"] {
        let case = Case::new();
        case.write("in/a.gz", [gzip(text.as_bytes()), rest.to_vec()].concat());
        let ran = case.sawlog(&["convert", "in"]);
        assert!(ran.code == 3 && ran.err.contains("a.gz: gzip"), "{rest:?}: {}", ran.err);
        assert_eq!(case.sawq(&["find", "-c"]).text().trim(), "40", "{rest:?}");
        verified(&case, "followed by garbage");
    }
}

#[test]
fn links_that_lead_out_of_the_folder_are_named_and_not_followed() {
    let case = Case::new();
    case.write("evidence/a.log", random_log(&mut Numbers::new(1), 3));
    case.write("evidence/sub/b.log", random_log(&mut Numbers::new(2), 4));
    case.write("other/c.log", random_log(&mut Numbers::new(3), 5));
    case.write("other/deep/d.log", random_log(&mut Numbers::new(4), 6));
    symlink("sub/b.log", case.path("evidence/inside")).unwrap();
    symlink("sub", case.path("evidence/inside-folder")).unwrap();
    symlink("../other/c.log", case.path("evidence/file-out")).unwrap();
    symlink(case.path("other/deep"), case.path("evidence/sub/folder-out")).unwrap();
    // A link that stays inside, to one that does not.
    symlink("file-out", case.path("evidence/twice")).unwrap();
    symlink("evidence", case.path("link")).unwrap();
    let out = ["file-out", "sub/folder-out", "twice"];
    for (number, input) in ["evidence", "link", "evidence/"].into_iter().enumerate() {
        let store = format!("store{number}");
        let ran = case.sawlog(&["convert", input, "--store", &store]);
        assert_eq!(ran.code, 3, "{input}: {}", ran.err);
        for name in out {
            assert!(
                ran.err.lines().any(|line| line.contains(name) && line.contains("leads out of the folder")),
                "{name}: {}",
                ran.err
            );
        }
        assert_eq!(case.sawq(&["find", "-c", "--store", &store]).text().trim(), "7", "{input}");
    }
    let ran = case.sawlog(&["convert", "evidence", "--follow-links", "--store", "all"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(case.sawq(&["find", "-c", "--store", "all"]).text().trim(), "18");
    // Whoever names a link, or lists it, means what it leads to; a pattern means what is in its folder.
    let ran = case.sawlog(&["convert", "evidence/file-out", "evidence/sub/folder-out", "--store", "named"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(case.sawq(&["find", "-c", "--store", "named"]).text().trim(), "11");
    case.write("list", "evidence/file-out\n");
    assert_eq!(case.sawlog(&["convert", "@list", "--store", "listed"]).code, 0);
    let ran = case.sawlog(&["convert", "evidence/*", "--store", "pattern"]);
    assert!(ran.code == 3 && ran.err.contains("file-out") && ran.err.contains("folder-out"), "{}", ran.err);
    assert_eq!(case.sawq(&["find", "-c", "--store", "pattern"]).text().trim(), "7");
}

/// Every command that prints something, and its usual exit status.
const PRINTING: [(&[&str], i32); 14] = [
    (&["status"], 0),
    (&["status", "--json"], 0),
    (&["verify"], 0),
    (&["verify", "--json"], 0),
    (&["manifest"], 0),
    (&["man"], 0),
    (&["completions", "bash"], 0),
    (&["completions", "zsh"], 0),
    (&["compact", "--json"], 0),
    (&["reindex", "--json"], 0),
    (&["convert", "in", "--json"], 0),
    (&["--help"], 0),
    (&["convert", "--help"], 0),
    (&["--version"], 0),
];

#[test]
fn a_closed_pipe_ends_quietly_and_a_full_disk_is_an_error() {
    let case = Case::new();
    case.write("in/log", random_log(&mut Numbers::new(1), 20));
    assert_eq!(case.sawlog(&["convert", "in", "-q"]).code, 0);
    for (arguments, code) in PRINTING {
        let mut child =
            case.command("sawlog", arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let closed: Ran = child.wait_with_output().unwrap().into();
        assert_eq!((closed.code, closed.err.as_str()), (code, ""), "{arguments:?}");
        let full = File::options().write(true).open("/dev/full").unwrap();
        let full: Ran = case.command("sawlog", arguments).stdout(full).output().unwrap().into();
        assert_eq!(full.code, 1, "{arguments:?}: {}", full.err);
        assert!(
            full.err.starts_with("sawlog: ") && full.err.contains("No space left on device"),
            "{arguments:?}: {}",
            full.err
        );
        assert!(!full.err.contains("panicked"), "{arguments:?}: {}", full.err);
    }
    // Nobody is left to be told.
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let status = case.command("sawlog", &["convert", "in"]).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let status = case.command("sawlog", &["convert", "nothing"]).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn panics_of_threads_are_not_shown() {
    let case = Case::with(&evidence());
    let store = case.path("sawlog-store");
    let mut numbers = Numbers::new(2);
    let logs: Vec<PathBuf> =
        files(&store).into_iter().filter(|path| path.iter().any(|part| part == "_delta_log")).collect();
    for seed in cases(200, 30) {
        let path = &logs[usize::try_from(numbers.below(logs.len() as u64)).unwrap()];
        let bytes = fs::read(path).unwrap();
        let at = usize::try_from(numbers.below(bytes.len() as u64)).unwrap();
        let mut damaged = bytes.clone();
        if seed % 2 == 0 {
            damaged[at] ^= 0x20;
        } else {
            damaged.truncate(at);
        }
        fs::write(path, damaged).unwrap();
        for arguments in [["status"], ["verify"], ["manifest"]] {
            let ran = case.sawlog(&arguments);
            assert!(!ran.err.contains("panicked") && !ran.err.contains("RUST_BACKTRACE"), "{arguments:?}: {}", ran.err);
        }
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn nothing_that_steers_a_terminal_is_printed() {
    let case = Case::new();
    let nasty = "\u{202e}gol\u{2028}\u{9b}31m\u{85}\u{2066}x\u{61c}";
    case.write(&format!("in/{nasty}.log"), random_log(&mut Numbers::new(1), 3) + "no record\n");
    case.write(&format!("in/{nasty}-empty"), "");
    case.write(&format!("in/{nasty}-none"), "neither\u{1b}[31m");
    case.write(&format!("in/{nasty}-copy"), fs::read(case.path(&format!("in/{nasty}.log"))).unwrap());
    case.write(
        "in/fields.json",
        format!("{{\"Records\":[{}]}}", event(1).replace("\"eventName\"", &format!("\"{nasty}\":1,\"eventName\""))),
    );
    let store = "store";
    let steers = |text: &str| {
        text.chars().any(|char| char != '\n' && (char.is_control() || "\u{202e}\u{2028}\u{2066}\u{61c}".contains(char)))
    };
    for arguments in [
        &["convert", "in"][..],
        &["convert", "in", "--json"],
        &["status"],
        &["status", "--json"],
        &["verify"],
        &["verify", "--json"],
        &["manifest"],
        &["convert", "no\u{1b}[31msuch"],
        &["convert", "in", "--form\u{1b}[31mat"],
        &["compact"],
    ] {
        let ran = case.sawlog(&[arguments, &["--store", store]].concat());
        assert!(!steers(ran.text()), "{arguments:?}: {:?}", ran.text());
        assert!(!steers(&ran.err), "{arguments:?}: {:?}", ran.err);
    }
    // The manifest says the same as before to who reads it.
    let manifest = case.sawlog(&["manifest", "--store", store]);
    let sources = manifest.json()["sources"].clone();
    let paths: Vec<&str> = sources.as_array().unwrap().iter().map(|source| source["path"].as_str().unwrap()).collect();
    assert!(paths.iter().any(|path| path.starts_with("\u{202e}gol\u{2028}")), "{paths:?}");
    case.write("manifest.json", &manifest.out);
    assert_eq!(case.sawlog(&["verify", "--manifest", "manifest.json", "--store", store]).code, 0);
}
