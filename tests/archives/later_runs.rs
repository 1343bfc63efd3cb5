//! Archives that the store has: they are read again, changed, replaced and removed.

use std::fs;
use std::time::{Duration, SystemTime};

use sawlog_tests::{Case, Numbers, random_log};
use serde_json::json;

use super::packing::*;
use super::*;

#[test]
fn a_second_run_does_not_open_an_archive() {
    let case = Case::new();
    let bytes = zip(&[Zipped::new("a.log", &log(80, 10), 0)]);
    case.write("in/a.zip", &bytes);
    converted(&case, &["in"], 0);
    let path = case.path("in/a.zip");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, vec![0; bytes.len()]).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let told = summary(&case, &["in"], 0);
    assert_eq!((&told["unchanged"], &told["committed"]), (&json!(1), &json!(false)));
}

#[test]
fn a_file_that_is_to_be_replaced_and_breaks_off_keeps_its_records() {
    let log = random_log(&mut Numbers::new(3), 300);
    let member = log.replace("bucket-a", "bucket-z");
    let whole =
        [("in/a.log.gz", gzip(log.as_bytes())), ("in/b.zip", zip(&[Zipped::new("m.log", member.as_bytes(), 8)]))];
    let case = Case::new();
    whole.iter().for_each(|(name, content)| case.write(name, content));
    assert_eq!(case.sawlog(&["convert", "in"]).code, 0);
    assert_eq!(case.sawq(&["find", "-c"]).text(), "600\n");
    for (name, content) in &whole {
        case.write(name, &content[..300]);
        let ran = case.sawlog(&["convert", "in", "--replace"]);
        assert_eq!(ran.code, 1, "{name}: {}", ran.err);
        let file = name.trim_start_matches("in/");
        assert!(ran.err.contains(&format!("{file} can't be read whole, so it can't be replaced")), "{}", ran.err);
        assert!(ran.err.contains("instead of 300; nothing was done"), "{}", ran.err);
        assert_eq!(case.sawq(&["find", "-c"]).text(), "600\n");
        case.write(name, content);
    }
    // A member that is no log does not stop a smaller archive from taking the place of a larger one.
    let readme = Zipped::new("README.txt", b"what this is", 0);
    case.write("in/b.zip", zip(&[Zipped::new("m.log", member.as_bytes(), 8), readme]));
    assert_eq!(case.sawlog(&["convert", "in", "--replace"]).code, 3);
    let half = &member[..=member[..member.len() / 2].rfind('\n').unwrap()];
    let readme = Zipped::new("README.txt", b"what this is", 0);
    case.write("in/b.zip", zip(&[Zipped::new("m.log", half.as_bytes(), 8), readme]));
    let ran = case.sawlog(&["convert", "in", "--replace"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    let left = (300 + half.lines().count()).to_string() + "\n";
    assert_eq!(case.sawq(&["find", "-c"]).text(), left);
    // More of another member does not make up for a broken one.
    let other = log.replace("bucket-a", "bucket-y").repeat(2);
    let mut broken = zip(&[Zipped::new("m.log", half.as_bytes(), 8), Zipped::new("n.log", other.as_bytes(), 8)]);
    broken[60] ^= 0xff;
    case.write("in/b.zip", &broken);
    let ran = case.sawlog(&["convert", "in", "--replace"]);
    assert!(ran.code == 1 && ran.err.contains("b.zip!m.log can't be read whole"), "{}", ran.err);
    assert_eq!(case.sawq(&["find", "-c"]).text(), left);
    // The copy of a member is read again with it.
    case.write("in/b.zip", zip(&[Zipped::new("m.log", half.as_bytes(), 8)]));
    assert_eq!(case.sawlog(&["convert", "in", "--replace"]).code, 0);
    // Who wants to give them up can do so.
    case.write("in/a.log.gz", &whole[0].1[..300]);
    assert_eq!(case.sawlog(&["remove", "a.log.gz"]).code, 0);
    assert_eq!(case.sawlog(&["convert", "in"]).code, 3);
    let verified = case.sawlog(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
}

/// A member that was removed is read again with its archive, beside a new file with the content of another member.
#[test]
fn members_that_another_file_has_now_are_not_lost() {
    let case = Case::new();
    let (a, b) = (log(31, 20), log(32, 10));
    case.write("in/z.zip", zip(&[Zipped::new("a.log", &a, 8), Zipped::new("b.log", &b, 8)]));
    assert_eq!(case.sawlog(&["convert", "in"]).code, 0);
    assert_eq!(case.sawlog(&["remove", "z.zip!b.log"]).code, 0);
    case.write("in/a0", &a);
    let ran = case.sawlog(&["convert", "in"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(case.sawq(&["find", "-c"]).text(), "30\n");
    let verified = case.sawlog(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
}

#[test]
fn a_changed_archive_is_refused_or_replaced_with_all_of_its_members() {
    let case = Case::new();
    let (first, second, third) = (log(81, 10), log(82, 10), log(83, 10));
    let inner = tar(&[("x.log", &third)]);
    case.write(
        "in/a.zip",
        zip(&[Zipped::new("a.log", &first, 0), Zipped::new("b.log", &second, 8), Zipped::new("t.tar", &inner, 8)]),
    );
    // It has one of the members' content, and keeps that when the member goes.
    case.write("in/copy.log", &second);
    converted(&case, &["in/a.zip"], 0);
    assert_eq!(summary(&case, &["in"], 0)["duplicates"], json!([["copy.log", "a.zip!b.log"]]));
    let later = SystemTime::now() + Duration::from_secs(5);
    case.write("in/a.zip", zip(&[Zipped::new("a.log", &first, 8), Zipped::new("new.log", &log(84, 7), 8)]));
    fs::File::options().write(true).open(case.path("in/a.zip")).unwrap().set_modified(later).unwrap();
    let refused = converted(&case, &["in"], 1);
    assert!(refused.err.contains("in/a.zip") && refused.err.contains("--replace"), "{}", refused.err);
    let told = summary(&case, &["in", "--replace"], 0);
    assert_eq!((&told["replaced"], &told["records"]), (&json!(3), &json!(17)), "{told}");
    let paths = texts(&case, "SELECT path || ' ' || state FROM sources ORDER BY path");
    assert_eq!(paths, ["a.zip archive", "a.zip!a.log converted", "a.zip!new.log converted", "copy.log converted"]);
    assert_eq!((count(&case, "s3_access"), count(&case, "s3_access WHERE source_file = 'copy.log'")), (27, 10));
    verified(&case);
    assert_eq!(summary(&case, &["in"], 0)["converted"], json!(0));
    // It may become a file that is none.
    case.write("in/a.zip", log(85, 4));
    assert_eq!(summary(&case, &["in", "--replace"], 0)["records"], json!(4));
    assert_eq!(texts(&case, "SELECT path FROM sources ORDER BY path"), ["a.zip", "copy.log"]);
    verified(&case);
}

#[test]
fn the_same_member_is_converted_once() {
    let case = Case::new();
    let (one, two) = (log(90, 10), log(91, 10));
    case.write("in/plain.log", &one);
    let archive = zip(&[Zipped::new("b.log", &one, 8), Zipped::new("c.log", &two, 8), Zipped::new("d.log", &two, 0)]);
    case.write("in/a.zip", &archive);
    case.write("in/copy of a.zip", &archive);
    case.write("in/t.tar.gz", gzip(&tar(&[("c.log", &two)])));
    let told = summary(&case, &["in"], 0);
    assert_eq!(told["records"], json!(20));
    assert_eq!(
        told["duplicates"],
        json!([
            ["a.zip!b.log", "plain.log"],
            ["a.zip!d.log", "a.zip!c.log"],
            ["copy of a.zip!b.log", "plain.log"],
            ["copy of a.zip!c.log", "a.zip!c.log"],
            ["copy of a.zip!d.log", "a.zip!c.log"],
            ["t.tar.gz!c.log", "a.zip!c.log"],
        ])
    );
    assert_eq!(told["archives"], 3);
    verified(&case);
    assert_eq!(summary(&case, &["in"], 0)["unchanged"], json!(8));
    // Another copy, later.
    case.write("more/again.zip", &archive);
    assert_eq!(summary(&case, &["more"], 0)["duplicates"].as_array().unwrap().len(), 3);
    // Where the first archive goes, a copy has its records.
    assert_eq!(case.sawlog(&["remove", "a.zip", "plain.log"]).code, 0);
    verified(&case);
    let left = texts(&case, "SELECT DISTINCT source_file FROM s3_access ORDER BY 1");
    assert_eq!(left, ["again.zip!b.log", "again.zip!c.log"]);
    assert_eq!(count(&case, "s3_access"), 20);
}

#[test]
fn removing_an_archive_removes_what_it_held() {
    let case = Case::new();
    let inner = tar(&[("x.log", &log(100, 10)), ("y.log", &log(101, 10))]);
    let archive = zip(&[Zipped::new("a.log", &log(102, 10), 8), Zipped::new("in.tar", &inner, 8)]);
    case.write("in/a.zip", &archive);
    case.write("in/a.zip.log", log(103, 10));
    converted(&case, &["in"], 0);
    let removed = |arguments: &[&str]| -> Vec<String> {
        let ran = case.sawlog(&[&["remove", "--json", "--dry-run"], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.json()["removed"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["a.zip", "a.zip!a.log", "a.zip!in.tar", "a.zip!in.tar!x.log", "a.zip!in.tar!y.log"];
    assert_eq!(removed(&["a.zip"]), all);
    assert_eq!(removed(&["*.zip"]), all);
    assert_eq!(removed(&[case.path("in/a.zip").to_str().unwrap()]), all);
    assert_eq!(removed(&["a.zip!in.tar"]), all[2..]);
    assert_eq!(removed(&["*!*x.log"]), ["a.zip!in.tar!x.log"]);
    assert_eq!(case.sawlog(&["remove", "a.zip!in.tar!x.log", "--reason", "r"]).code, 0);
    assert_eq!(count(&case, "s3_access"), 30);
    verified(&case);
    // A member that was removed comes back with its archive, as a file does.
    assert_eq!(summary(&case, &["in"], 0)["records"], json!(30));
    assert_eq!(case.sawlog(&["remove", "a.zip"]).code, 0);
    assert_eq!(count(&case, "s3_access"), 10);
    assert_eq!(summary(&case, &["in"], 0)["records"], json!(30));
    assert_eq!(texts(&case, "SELECT path FROM sources WHERE archive IS NOT NULL ORDER BY path"), all[1..]);
    verified(&case);
}

#[test]
fn a_wider_limit_reads_an_archive_again() {
    let case = Case::new();
    let contents: Vec<Vec<u8>> = (180..186).map(|seed| log(seed, 500)).collect();
    let names: Vec<String> = (0..6).map(|number| format!("{number}.gz")).collect();
    let packed: Vec<Vec<u8>> = contents.iter().map(|content| gzip(content)).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(packed.iter().map(Vec::as_slice)).collect();
    case.write("in/a.tar", tar(&members));
    let limit = (contents[0].len() * 3).to_string();
    for store in ["one", "four"] {
        // Which members fit does not depend on the threads.
        let threads = if store == "one" { "1" } else { "4" };
        let told = summary(&case, &["in", "--max-inflate", &limit, "--store", store, "--threads", threads], 3);
        assert!(told["records"].as_u64() < Some(3000) && told["records"].as_u64() >= Some(1000), "{told}");
        let large = &told["looks_like"]["member past the limit of what comes out of an archive"];
        assert!(large["files"].as_array().unwrap().len() >= 3, "{told}");
        assert_eq!(summary(&case, &["in", "--max-inflate", &limit, "--store", store], 3)["converted"], 0);
    }
    let rows = |store| case.sawq(&["find", "--json", "--store", store, "-q"]).out;
    assert!(rows("one") == rows("four"));
    let told = summary(&case, &["in", "--store", "one"], 0);
    assert_eq!(told["records"], json!(3000), "{told}");
    assert_eq!(case.sawlog(&["verify", "--store", "one"]).code, 0);
}

#[test]
fn an_archive_that_an_earlier_version_named_is_read() {
    let case = Case::new();
    // Such a ledger calls it unknown; this one does so for an archive of which nothing can be read.
    case.write("in/a.zip", b"PK\x03\x04 and nothing else");
    let told = summary(&case, &["in"], 3);
    assert_eq!((&told["unknown"], &told["unreadable"][0][0]), (&json!(["a.zip"]), &json!("a.zip")), "{told}");
    assert_eq!(summary(&case, &["in"], 3)["unknown"], json!(["a.zip"]));
    verified(&case);
}
