//! Files that are converted again, changed or elsewhere: nothing is lost or told wrongly, and each advice works.

use std::fs;
use std::io::{Cursor, Write};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_tests::{Case, Numbers, Ran, random_log};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A tar archive of these members.
fn tar(case: &Case, name: &str, members: &[(&str, &[u8])]) {
    let mut bytes = Cursor::new(Vec::new());
    for (member, content) in members {
        let mut header = [0; 512];
        header[..member.len()].copy_from_slice(member.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.write_all(&header).unwrap();
        bytes.write_all(content).unwrap();
        bytes.write_all(&vec![0; content.len().next_multiple_of(512) - content.len()]).unwrap();
    }
    bytes.write_all(&[0; 1024]).unwrap();
    case.write(name, bytes.into_inner());
}

fn convert(case: &Case, arguments: &[&str], code: i32) -> Ran {
    let ran = case.sawlog(&[&["convert"], arguments].concat());
    assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
    ran
}

/// The first two columns of a query, and that the store is sound.
fn sound(case: &Case, query: &str) -> Vec<String> {
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = case.sawq(&["sql", query, "--format", "csv"]);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.text().lines().skip(1).map(str::to_owned).collect()
}

/// The rows of the ledger.
fn ledger(case: &Case) -> Vec<String> {
    let first = "coalesce(duplicate_of, remove_reason, CAST(records AS VARCHAR))";
    sound(case, &format!("SELECT path || ' ' || state || ' ' || {first} FROM sources ORDER BY path"))
}

/// Flows of three fields, each from an address of its own.
fn flows(addresses: &[u8]) -> String {
    addresses.iter().fold(String::new(), |all, last| all + &format!("192.0.2.{last} 10.0.0.5 1627560000\n"))
}

const FIELDS: [&str; 2] = ["--vpc-fields", "srcaddr dstaddr start"];
const SWAPPED: [&str; 2] = ["--vpc-fields", "dstaddr srcaddr start"];

#[test]
fn the_reason_of_a_removal_stays_when_another_folder_has_the_same_file() {
    let case = Case::new();
    let log = random_log(&mut Numbers::new(1), 5);
    case.write("one/log", &log);
    tar(&case, "one/a.tar", &[("m", random_log(&mut Numbers::new(2), 7).as_bytes()), ("n", b"notes")]);
    assert!(Command::new("cp").arg("-r").args([case.path("one"), case.path("two")]).status().unwrap().success());
    convert(&case, &["one"], 3);
    assert_eq!(case.sawlog(&["remove", "one/log", "a.tar!m", "--reason", "sealed"]).code, 0);
    for _ in 0..2 {
        convert(&case, &["two"], 3);
        let expected = [
            "a.tar archive 0",
            "a.tar!m removed sealed",
            "a.tar!n unknown 0",
            "log removed sealed",
            "two/a.tar archive 0",
            "two/a.tar!m converted 7",
            "two/a.tar!n unknown 0",
            "two/log converted 5",
        ];
        assert_eq!(ledger(&case), expected);
    }
}

/// Where a limit cut the first file, or it breaks off, its copies are not whole, either.
#[test]
fn a_copy_of_what_was_not_read_whole_is_named() {
    let case = Case::new();
    let whole = gzip(random_log(&mut Numbers::new(3), 3).repeat(300).as_bytes());
    case.write("one/a.gz", &whole);
    case.write("two/b.gz", &whole);
    let limit = ["--max-inflate", "50KB"];
    convert(&case, &[&["one"], &limit[..]].concat(), 3);
    let cut = convert(&case, &[&["two"], &limit[..]].concat(), 3).err;
    let past = "b.gz: gzip content grows past 50000 bytes; see --max-inflate (it is a copy of a.gz)";
    assert!(cut.contains(past), "{cut}");
    convert(&case, &[&["two"], &limit[..]].concat(), 0);
    let first = case.path("one/a.gz").canonicalize().unwrap();
    let first = first.to_str().unwrap();
    let told = convert(&case, &["two"], 3).err;
    assert!(told.contains("convert those again with --replace"), "{told}");
    assert!(told.contains(&format!("b.gz: was read with --max-inflate 50000 as a copy of {first}\n")), "{told}");
    // The advice, to the letter.
    convert(&case, &[first, "--replace"], 0);
    convert(&case, &["two"], 0);
    assert_eq!(ledger(&case), ["a.gz converted 900", "b.gz duplicate a.gz"]);

    let case = Case::new();
    case.write("one/a.gz", &whole[..whole.len() / 2]);
    case.write("two/b.gz", &whole[..whole.len() / 2]);
    convert(&case, &["one"], 3);
    let told = convert(&case, &["two"], 3).err;
    assert!(told.contains("b.gz: gzip stream is broken") && told.contains("(it is a copy of a.gz)"), "{told}");
}

#[test]
fn a_copy_has_its_own_reading_once_the_first_file_is_removed() {
    let case = Case::new();
    let whole = gzip(random_log(&mut Numbers::new(4), 3).repeat(300).as_bytes());
    case.write("one/a.gz", &whole);
    case.write("two/b.gz", &whole);
    convert(&case, &["one", "--max-inflate", "50KB"], 3);
    fs::remove_file(case.path("one/a.gz")).unwrap();
    let told = convert(&case, &["two"], 3).err;
    assert!(told.contains("remove them with 'sawlog remove' if they are gone"), "{told}");
    assert_eq!(case.sawlog(&["remove", "a.gz", "--reason", "gone"]).code, 0);
    convert(&case, &["two"], 0);
    assert_eq!(ledger(&case), ["a.gz removed gone", "b.gz converted 900"]);
}

/// The file that has the records of a content may become a copy, or get another name. Its copies follow.
#[test]
fn copies_of_what_is_read_again_follow_it() {
    let case = Case::new();
    let (one, two) = (flows(&[1, 2]), flows(&[3]));
    tar(&case, "in/z.tar", &[("a.log", one.as_bytes()), ("b.log", two.as_bytes())]);
    convert(&case, &[&["in"], &SWAPPED[..]].concat(), 0);
    case.write("in/c.log", &one);
    convert(&case, &[&["in"], &SWAPPED[..]].concat(), 0);
    // A new file that comes first.
    case.write("in/a0", &one);
    convert(&case, &[&["in", "--replace"], &FIELDS[..]].concat(), 0);
    let expected = [
        "a0 converted 2",
        "c.log duplicate a0",
        "z.tar archive 0",
        "z.tar!a.log duplicate a0",
        "z.tar!b.log converted 1",
    ];
    assert_eq!(ledger(&case), expected);
    let sources = sound(&case, "SELECT srcaddr FROM vpc_flow ORDER BY 1");
    assert_eq!(sources, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    // A file with the name of a member, which gives its own name to the member.
    let case = Case::new();
    tar(&case, "in/z.tar", &[("a.log", one.as_bytes())]);
    case.write("in/z.tar!a.log", &two);
    convert(&case, &[&["in"], &SWAPPED[..]].concat(), 0);
    case.write("in/zz", &one);
    convert(&case, &[&["in"], &SWAPPED[..]].concat(), 0);
    assert_eq!(ledger(&case)[3], "zz duplicate z.tar!a.log#2");
    convert(&case, &[&["in/z.tar", "--replace"], &FIELDS[..]].concat(), 0);
    assert_eq!(ledger(&case)[2..], ["z.tar!a.log#2 converted 2", "zz duplicate z.tar!a.log#2"]);
}

#[test]
fn a_member_that_is_a_copy_of_a_file_that_was_read_differently_is_named() {
    let case = Case::new();
    case.write("in/a.log", flows(&[1]));
    tar(&case, "in/z.tar", &[("m", flows(&[1]).as_bytes())]);
    convert(&case, &[&["in"], &SWAPPED[..]].concat(), 0);
    let told = convert(&case, &[&["in/z.tar", "--replace"], &FIELDS[..]].concat(), 3).err;
    assert!(told.contains("z.tar!m: was read with --vpc-fields 'dstaddr srcaddr start' as a copy of /"), "{told}");
    let first = case.path("in/a.log");
    convert(&case, &[&[first.to_str().unwrap(), "--replace"], &FIELDS[..]].concat(), 0);
    convert(&case, &[&["in", "--replace"], &FIELDS[..]].concat(), 0);
    assert_eq!(ledger(&case), ["a.log converted 1", "z.tar archive 0", "z.tar!m duplicate a.log"]);
}

/// A log that has grown may be given by any of its folders.
#[test]
fn a_file_is_the_same_by_whichever_folder_it_is_given() {
    let case = Case::new();
    let log = random_log(&mut Numbers::new(5), 9);
    let half = log.lines().take(4).fold(String::new(), |all, line| all + line + "\n");
    case.write("in/sub/a.log", &half);
    convert(&case, &["in"], 0);
    for given in ["in/sub", "in/sub/a.log", ".", "in/*/a.log"] {
        let ran = convert(&case, &[given], 0);
        assert!(ran.err.contains("nothing new; 1 already in the store"), "{given}: {}", ran.err);
    }
    case.write("in/sub/a.log", &log);
    for given in ["in", "in/sub", "in/sub/a.log", "."] {
        let ran = convert(&case, &[given], 1);
        assert!(ran.err.contains("have changed") && ran.err.contains("Use --replace"), "{given}: {}", ran.err);
    }
    convert(&case, &["in/sub/a.log", "--replace"], 0);
    assert_eq!(ledger(&case), ["sub/a.log converted 9"]);
    case.write("in/sub/a.log", &half);
    convert(&case, &[".", "--replace"], 0);
    assert_eq!(ledger(&case), ["sub/a.log converted 4"]);
}

/// Without the options that it was read with, a changed file could become other records unnoticed.
#[test]
fn a_changed_file_is_read_with_the_options_that_it_was_read_with() {
    for in_archive in [false, true] {
        let case = Case::new();
        let write = |addresses: &[u8]| {
            let flows = flows(addresses);
            if in_archive {
                tar(&case, "in/sub/a", &[("m", flows.as_bytes())]);
            } else {
                case.write("in/sub/a", flows);
            }
        };
        write(&[1]);
        convert(&case, &[&["in"], &FIELDS[..]].concat(), 0);
        case.write(
            "in/b",
            "2 111122223333 eni-1 192.0.2.9 10.0.0.5 443 49152 6 10 840 1627560000 1627560060 ACCEPT OK\n",
        );
        convert(&case, &["in"], 0);
        write(&[1, 2]);
        for arguments in [&["in"][..], &["in", "--replace"]] {
            let told = convert(&case, arguments, 1).err;
            assert!(told.contains("now; read with --vpc-fields 'srcaddr dstaddr start'\n"), "{told}");
            assert!(told.contains("by itself, with the same options"), "{told}");
        }
        convert(&case, &[&["in/sub/a", "--replace"], &FIELDS[..]].concat(), 0);
        let sources = sound(&case, "SELECT srcaddr FROM vpc_flow ORDER BY 1");
        assert_eq!(sources, ["192.0.2.1", "192.0.2.2", "192.0.2.9"]);
        convert(&case, &["in"], 0);
    }
    // Its content may decide.
    let case = Case::new();
    case.write("in/a", random_log(&mut Numbers::new(6), 2));
    convert(&case, &["in", "--format", "vpc-flow"], 3);
    case.write("in/a", random_log(&mut Numbers::new(7), 3));
    assert!(convert(&case, &["in", "--replace"], 1).err.contains("read with --format vpc-flow"));
    convert(&case, &["in", "--replace", "--format", "auto"], 0);
    assert_eq!(ledger(&case), ["a converted 3"]);
}

/// A copy keeps the records of the file that was replaced, and how they were read is told.
#[test]
fn a_copy_that_takes_over_records_is_named_if_they_were_read_differently() {
    let case = Case::new();
    case.write("in/a", flows(&[1]));
    case.write("in/b", flows(&[1]));
    convert(&case, &[&["in"], &SWAPPED[..]].concat(), 0);
    case.write("in/a", flows(&[2, 3]));
    let told = convert(&case, &[&["in", "--replace"], &FIELDS[..]].concat(), 3).err;
    assert!(told.contains("--replace reads them again:\n  b: was read with --vpc-fields 'dstaddr"), "{told}");
    convert(&case, &[&["in", "--replace"], &FIELDS[..]].concat(), 0);
    assert_eq!(sound(&case, "SELECT srcaddr FROM vpc_flow ORDER BY 1"), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
}
