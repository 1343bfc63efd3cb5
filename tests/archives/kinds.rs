//! Archives and streams of all kinds, and what is in them.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use sawlog_tests::{Case, Numbers, random_flows, random_trail};
use serde_json::{Value, json};

use super::packing::*;
use super::*;

#[test]
fn every_kind_gives_the_rows_of_the_plain_files_and_is_rebuilt() {
    let case = Case::new();
    // The members' contents differ from the plain files in the order of their lines only, so that none is a duplicate.
    let (s3, trail) = (log(1, 40), random_trail(&mut Numbers::new(2), 5).into_bytes());
    let flows = random_flows(&mut Numbers::new(3), 30).into_bytes();
    let plain = [("s3.log", &s3, "s3_access"), ("trail.json", &trail, "cloudtrail"), ("flow.log", &flows, "vpc_flow")];
    for (name, content, _) in plain {
        case.write(&format!("plain/{name}"), content);
    }
    let trail_gz = gzip(&trail);
    let members: [(&str, &[u8]); 4] =
        [("z/s3.log", &s3), ("a/trail.json", &trail), ("a/trail.json.gz", &trail_gz), ("flow.log", &flows)];
    let zipped: Vec<Zipped<'_>> =
        members.iter().zip([0, 8, 0, 12]).map(|((name, content), method)| Zipped::new(name, content, method)).collect();
    let (zipped, tarred) = (zip(&zipped), tar(&members));
    let inner = tar(&[("deep/er.tar.gz", &gzip(&tarred)), ("x.zip", &zipped)]);
    let mut files = vec![
        ("a.zip", zipped.clone()),
        ("a.tar", tarred.clone()),
        ("a.tar.gz", gzip(&tarred)),
        ("named-tgz", gzip(&tarred)),
        ("a.tar.zst", zstd(&tarred)),
        ("a.tar.bz2", bzip2(&tarred)),
        ("twice.tar.gz.zst", zstd(&gzip(&tarred))),
        ("a.zip.gz", gzip(&zipped)),
        ("nested.zip", zip(&[Zipped::new("in.tar", &inner, 8)])),
    ];
    files.extend(xz(&tarred).map(|packed| ("a.tar.xz", packed)));
    let mut sources = 0;
    for (name, content) in &files {
        // A store for each, since equal members of others would be duplicates.
        let store = ["--store", &format!("store-{name}")].map(str::to_owned);
        let store: Vec<&str> = store.iter().map(String::as_str).collect();
        case.write(&format!("in-{name}/{name}"), content);
        let folder = format!("in-{name}");
        let told = summary(&case, &[&[folder.as_str(), "--threads", "2"], &store[..]].concat(), 0);
        let prefixes: &[&str] = match *name {
            "nested.zip" => &["nested.zip!in.tar!deep/er.tar.gz", "nested.zip!in.tar!x.zip"],
            _ => &[name],
        };
        let found = case.sawq(&[&["sql", "SELECT path, state, sha256, size, archive, content_sha256, compression FROM sources ORDER BY path", "--json"], &store[..]].concat()).json();
        let find = |path: &str| {
            let found = found.as_array().unwrap().iter().find(|row| row["path"] == path);
            found.unwrap_or_else(|| panic!("{path}: {found:?}")).clone()
        };
        for prefix in prefixes {
            let states: Vec<Value> =
                members.iter().map(|(member, _)| find(&format!("{prefix}!{member}"))["state"].clone()).collect();
            for ((member, content), state) in members.iter().zip(&states) {
                let row = find(&format!("{prefix}!{member}"));
                assert_eq!(row["sha256"], hex(content), "{name}: {member}");
                assert_eq!((&row["size"], &row["archive"]), (&json!(content.len()), &json!(name)));
                if member.ends_with(".gz") && state == "converted" {
                    assert_eq!((&row["content_sha256"], &row["compression"]), (&json!(hex(&trail)), &json!("gzip")));
                }
                sources += 1;
            }
            assert_eq!(find(name)["state"], "archive");
        }
        assert_eq!(told["records"], json!(40 + 5 + 5 + 30), "{name}: {told}");
        let verify = case.sawlog(&[&["verify"], &store[..]].concat());
        assert_eq!(verify.code, 0, "{name}: {}", verify.err);
        let again = summary(&case, &[&[folder.as_str()], &store[..]].concat(), 0);
        assert_eq!((&again["converted"], &again["committed"]), (&json!(0), &json!(false)), "{name}");
        assert_eq!(again["unchanged"], json!(4 * prefixes.len()), "{name}: {again}");
    }
    assert_eq!(sources, 4 * (files.len() + 1));
    // Row by row, in a store with the plain files first.
    converted(&case, &["plain"], 0);
    let expected: Vec<Value> = plain.iter().map(|(name, _, table)| rows(&case, table, name)).collect();
    for name in ["a.zip", "a.tar.gz"] {
        for ((_, _, table), member) in plain.iter().zip(["z/s3.log", "a/trail.json", "flow.log"]) {
            let source = format!("{name}!{member}");
            let query = format!("SELECT count(*) AS n FROM {table} WHERE source_file = '{source}'");
            let n = case.sawq(&["sql", &query, "--json", "-q", "--store", &format!("store-{name}")]).json();
            assert!(n[0]["n"].as_u64() > Some(0), "{source}");
        }
    }
    let other = Case::new();
    other.write("in/a.zip", &zipped);
    converted(&other, &["in"], 0);
    for ((expected, (_, _, table)), member) in expected.iter().zip(&plain).zip(["z/s3.log", "a/trail.json", "flow.log"])
    {
        assert_eq!(&rows(&other, table, &format!("a.zip!{member}")), expected, "{member}");
    }
}

#[test]
fn streams_are_one_source_whatever_their_layers() {
    let case = Case::new();
    let text = log(4, 400);
    let utf16: Vec<u8> = String::from_utf8(log(5, 20)).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut files = vec![
        ("a.zst", zstd(&text), "zstd"),
        ("b.bz2", bzip2(&text[..text.len() - 1]), "bzip2"),
        ("c.gz", gzip(&gzip(&text[..text.len() - 2])), "gzip+gzip"),
        ("d", gzip(&zstd(&bzip2(&gzip(&text[..text.len() - 3])))), "gzip+zstd+bzip2+gzip"),
        ("e.zst", [zstd(&text[..500]), zstd(&text[500..text.len() - 4])].concat(), "zstd"),
        ("f.gz", gzip(&gzip(&utf16)), "gzip+gzip"),
    ];
    files.extend(xz(&text[..text.len() - 5]).map(|packed| ("g.xz", packed, "xz")));
    for (name, content, _) in &files {
        case.write(&format!("in/{name}"), content);
    }
    let told = summary(&case, &["in"], 0);
    assert_eq!((&told["converted"], &told["archives"]), (&json!(files.len()), &json!(0)));
    let found = sql(&case, "SELECT path, sha256, compression, content_sha256, archive FROM sources ORDER BY path");
    for ((name, content, compression), row) in files.iter().zip(found.as_array().unwrap()) {
        assert_eq!((&row["path"], &row["compression"]), (&json!(name), &json!(compression)));
        assert_eq!((&row["sha256"], &row["archive"]), (&json!(hex(content)), &Value::Null));
    }
    assert_eq!(found[0]["content_sha256"], hex(&text));
    assert_eq!(found[2]["content_sha256"], hex(&text[..text.len() - 2]));
    assert_eq!(count(&case, "s3_access WHERE source_file = 'f.gz'"), 20);
    verified(&case);
    // More than four are named.
    let case = Case::new();
    case.write("in/five.gz", gzip(&gzip(&gzip(&gzip(&gzip(&text))))));
    let told = summary(&case, &["in"], 3);
    assert_eq!(told["looks_like"]["file compressed more than 4 times"]["files"], json!(["five.gz"]));
}

#[test]
fn zip_archives_of_all_kinds_are_read() {
    let case = Case::new();
    let contents: Vec<Vec<u8>> = (10..22).map(|seed| log(seed, 15)).collect();
    let names: Vec<String> = (10..22).map(|number| format!("m{number}.log")).collect();
    let mut members: Vec<Zipped<'_>> = [0, 8, 9, 12, 93, 0, 8, 8, 0, 8]
        .into_iter()
        .enumerate()
        .map(|(place, method)| Zipped::new(&names[place], &contents[place], method))
        .collect();
    (members[5].flags, members[6].flags) = (8, 8);
    (members[7].zip64, members[8].zip64) = (true, true);
    case.write("in/a.zip", zip(&members));
    // An empty member is a source without content; a folder is none.
    case.write("in/b.zip", zip(&[Zipped::new("folder/", b"", 0), Zipped::new("empty.log", b"", 8)]));
    case.write("in/none.zip", zip(&[]));
    let told = summary(&case, &["in"], 0);
    assert_eq!((&told["converted"], &told["records"]), (&json!(10), &json!(150)), "{told}");
    assert_eq!((&told["empty"], &told["archives"]), (&json!(["b.zip!empty.log"]), &json!(3)));
    verified(&case);
    assert_eq!(summary(&case, &["in"], 0)["unchanged"], json!(12));
    // What other programs write.
    let packed = xz(&contents[10]);
    if let Some(packed) = packed {
        let mut bytes = zip(&[Zipped::new("x.log", &packed, 95)]);
        // The size and CRC-32 of the content, in both headers.
        let crc = crc32(&contents[10]).to_le_bytes();
        let size = u32::try_from(contents[10].len()).unwrap().to_le_bytes();
        let directory = bytes.len() - 22 - 46 - 5;
        for (crc_at, size_at) in [(14, 22), (directory + 16, directory + 24)] {
            bytes[crc_at..crc_at + 4].copy_from_slice(&crc);
            bytes[size_at..size_at + 4].copy_from_slice(&size);
        }
        case.write("more/x.zip", bytes);
        assert_eq!(summary(&case, &["more"], 0)["records"], json!(15));
    }
    let script = "import zipfile,sys\nz=zipfile.ZipFile(sys.argv[1],'w',zipfile.ZIP_LZMA)\nz.writestr('l.log',open(sys.argv[2],'rb').read())\nz.close()";
    case.write("content", &contents[11]);
    let made =
        Command::new("python3").args(["-c", script]).args([case.path("lzma.zip"), case.path("content")]).status();
    if made.is_ok_and(|made| made.success()) {
        assert_eq!(summary(&case, &["lzma.zip"], 0)["records"], json!(15));
    }
    verified(&case);
}

#[test]
fn tars_of_all_kinds_are_read() {
    let case = Case::new();
    let contents: Vec<Vec<u8>> = (30..40).map(|seed| log(seed, 10)).collect();
    let long = "folder/".repeat(30) + "log";
    let whole = [
        tar_member(b"folder/", b'5', b""),
        tar_member(b"old", 0, &contents[0]),
        tar_member(b"././@LongLink", b'L', format!("{long}\0").as_bytes()),
        tar_member(&long.as_bytes()[..100], b'0', &contents[1]),
        pax(&[("path", "l\u{e4}ng\nname.log"), ("mtime", "1.5")]),
        tar_member(b"short", b'0', &contents[2]),
        pax(&[("size", &contents[3].len().to_string())]),
        // The size in the header is not the right one then.
        {
            let mut member = tar_member(b"sized", b'0', &contents[3]);
            member[124..136].copy_from_slice(b"00000000000\0");
            member[148..156].copy_from_slice(b"        ");
            let sum: u32 = member[..512].iter().map(|byte| u32::from(*byte)).sum();
            member[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            member
        },
        tar_member(b"device", b'3', b""),
        tar_member(b"strange", b'Q', &contents[4]),
        vec![0; 1024],
    ];
    case.write("in/a.tar", whole.concat());
    let told = summary(&case, &["in"], 0);
    assert_eq!(told["records"], json!(50), "{told}");
    let paths = texts(&case, "SELECT path FROM sources WHERE archive IS NOT NULL ORDER BY path");
    let wanted =
        [&format!("a.tar!{long}"), "a.tar!l\u{e4}ng\\x0aname.log", "a.tar!old", "a.tar!sized", "a.tar!strange"];
    assert_eq!(paths, wanted);
    verified(&case);
    // Links are named; sparse files are refused; tars that were put together are read to the end.
    let case = Case::new();
    let mut sparse = tar_member(b"holes", b'S', b"data");
    sparse[257..265].copy_from_slice(b"ustar  \0");
    sparse[148..156].copy_from_slice(b"        ");
    let sum: u32 = sparse[..512].iter().map(|byte| u32::from(*byte)).sum();
    sparse[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let links = [tar_member(b"hard", b'1', b""), tar_member(b"soft", b'2', b"")].concat();
    let pax_sparse = [
        pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.name", "s.log")]),
        tar_member(b"GNUSparseFile.0/s.log", b'0', b"1\n0\n"),
    ];
    let first = [links, sparse, pax_sparse.concat(), tar(&[("one", &contents[5])])].concat();
    case.write("in/b.tar", [first, tar(&[("two", &contents[6])])].concat());
    let told = summary(&case, &["in"], 3);
    assert_eq!((&told["records"], &told["links"]), (&json!(20), &json!(["b.tar!hard", "b.tar!soft"])), "{told}");
    assert_eq!(told["looks_like"]["sparse file in a tar archive"]["files"], json!(["b.tar!holes", "b.tar!s.log"]));
    assert_eq!(told["unreadable"], json!([]));
    verified(&case);
    // The tool's own.
    let case = Case::new();
    for (name, content) in [("logs/x.log", &contents[7]), (&*format!("logs/{}.log", "y".repeat(150)), &contents[8])] {
        case.write(name, content);
    }
    for format in ["gnu", "pax", "ustar", "oldgnu"] {
        let tool = Command::new("tar")
            .current_dir(case.path(""))
            .args(["-c", &format!("--format={format}"), "-f", &format!("{format}.tar"), "logs"])
            .output();
        if tool.is_ok_and(|tool| tool.status.success()) {
            let told = summary(&case, &[&format!("{format}.tar"), "--store", format], 0);
            assert_eq!(told["records"], json!(20), "{format}: {told}");
        }
    }
}

#[test]
fn members_stand_in_evidence_order_among_other_files() {
    let case = Case::new();
    let names = ["zz.log", "b/x.log", "a.log", "A.log", "b.log", "\u{e4}.log", "!.log"];
    let contents: Vec<Vec<u8>> = (60..67).map(|seed| log(seed, 300)).collect();
    let members: Vec<(&str, &[u8])> = names.iter().copied().zip(contents.iter().map(Vec::as_slice)).collect();
    case.write("in/m.tar.gz", gzip(&tar(&members)));
    case.write("in/m.zip", zip(&[Zipped::new("q", &log(68, 200), 8), Zipped::new("b", &log(69, 200), 0)]));
    for (seed, name) in [(70, "m.log"), (71, "a.log"), (72, "n/z.log"), (73, "m.tar.gz.log"), (74, "m.zip.log")] {
        case.write(&format!("in/{name}"), log(seed, 200));
    }
    for (store, threads) in [("one", "1"), ("four", "4")] {
        let told = summary(&case, &["in", "--store", store, "--threads", threads, "--memory", "128MiB"], 0);
        assert_eq!(told["records"], json!(7 * 300 + 2 * 200 + 5 * 200));
        let found =
            case.sawq(&["find", "--columns", "source_file,source_line", "--format", "csv", "--store", store, "-q"]);
        let mut places: Vec<(String, u64)> = Vec::new();
        for line in found.text().lines().skip(1) {
            let (file, number) = line.rsplit_once(',').unwrap();
            places.push((file.to_owned(), number.parse().unwrap()));
        }
        assert_eq!(places.len(), 3500);
        assert!(places.is_sorted());
        for command in ["verify", "compact", "verify"] {
            assert_eq!(case.sawlog(&[command, "--store", store]).code, 0, "{command}");
        }
    }
    let rows = |store| case.sawq(&["find", "--json", "--store", store, "-q"]).out;
    assert!(rows("one") == rows("four"));
}

#[test]
fn names_are_only_text() {
    let case = Case::new();
    let contents: Vec<Vec<u8>> = (130..140).map(|seed| log(seed, 5)).collect();
    let names: [&[u8]; 9] = [
        b"../../../etc/cron.d/x",
        b"/etc/passwd",
        b"a\n\x1b[31mb",
        b"\xff\xfe.log",
        b"same",
        b"same",
        b"same#2",
        b"C:\\x\\y.log",
        b"",
    ];
    let members: Vec<Zipped<'_>> =
        names.iter().zip(&contents).map(|(name, content)| Zipped { name, ..Zipped::new("", content, 8) }).collect();
    case.write("in/a.zip", zip(&members));
    // A file may have the name that a member would get.
    case.write("in/a.zip!same", log(140, 5));
    let told = summary(&case, &["in"], 0);
    assert_eq!((&told["converted"], &told["records"]), (&json!(10), &json!(50)), "{told}");
    let paths = texts(&case, "SELECT path FROM sources WHERE archive IS NOT NULL ORDER BY path");
    let wanted = [
        "a.zip!",
        "a.zip!../../../etc/cron.d/x",
        "a.zip!/etc/passwd",
        "a.zip!C:\\x\\y.log",
        "a.zip!\\xff\\xfe.log",
        "a.zip!a\\x0a\\x1b[31mb",
        "a.zip!same#2",
        "a.zip!same#2#2",
        "a.zip!same#3",
    ];
    let mut sorted = paths.clone();
    sorted.sort();
    assert_eq!(sorted.len(), wanted.len());
    assert!(sorted.iter().all(|path| path.starts_with("a.zip!") && !path.contains(char::is_control)), "{paths:?}");
    for path in &wanted[..6] {
        assert!(sorted.iter().any(|found| found == path), "{path}: {sorted:?}");
    }
    assert!(sorted.windows(2).all(|pair| pair[0] != pair[1]));
    verified(&case);
    assert_eq!(summary(&case, &["in"], 0)["converted"], json!(0));
    // Nothing but the store was written.
    let mut there: Vec<String> =
        fs::read_dir(case.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    assert_eq!(there, ["in", "sawlog-store"]);
}

#[test]
fn digests_junk_and_other_formats_are_in_archives_what_they_are_outside() {
    let case = Case::new();
    let digest = json!({
        "awsAccountId": "111122223333", "digestStartTime": "2024-05-01T12:00:00Z", "digestEndTime": "2024-05-01T13:00:00Z",
        "digestS3Bucket": "b", "digestS3Object": "AWSLogs/x.json.gz", "digestPublicKeyFingerprint": "f",
        "digestSignatureAlgorithm": "SHA256withRSA", "logFiles": [],
    });
    let trail = random_trail(&mut Numbers::new(200), 4);
    let utf16: Vec<u8> = trail.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let trail_name = "111122223333_CloudTrail_eu-west-1_20240501T1205Z_abc.json.gz";
    let (packed, packed_digest) = (gzip(trail.as_bytes()), gzip(digest.to_string().as_bytes()));
    case.write(
        "in/a.zip",
        zip(&[
            Zipped::new(trail_name, &packed, 0),
            Zipped::new("d/111122223333_CloudTrail-Digest_x.json.gz", &packed_digest, 8),
            Zipped::new("wide.json", &utf16, 8),
            Zipped::new("__MACOSX/._wide.json", b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ", 8),
            Zipped::new("notes.txt", b"notes\n", 8),
            Zipped::new("x.7z", b"7z\xbc\xaf\x27\x1c\0\x04....", 0),
            Zipped { mode: 0o120_777, ..Zipped::new("link", b"notes.txt", 0) },
        ]),
    );
    let told = summary(&case, &["in"], 3);
    assert_eq!(
        (&told["digests"], &told["records"], &told["links"]),
        (&json!(1), &json!(8), &json!(["a.zip!link"])),
        "{told}"
    );
    assert_eq!(told["unknown"], json!(["a.zip!__MACOSX/._wide.json", "a.zip!notes.txt", "a.zip!x.7z"]));
    assert_eq!(told["looks_like"]["7z archive"]["files"], json!(["a.zip!x.7z"]));
    let row =
        sql(&case, "SELECT account_id, region, file_time IS NOT NULL AS timed FROM sources WHERE path LIKE '%1205Z%'");
    assert_eq!(row, json!([{ "account_id": "111122223333", "region": "eu-west-1", "timed": true }]));
    verified(&case);
    let again = summary(&case, &["in"], 3);
    assert_eq!((again["unknown"].as_array().unwrap().len(), &again["unchanged"]), (3, &json!(3)));
    // What is not known may be with an option: the whole archive is read again.
    case.write("more/b.zip", zip(&[Zipped::new("odd", b"1714564800 203.0.113.12 10.0.0.5\n", 8)]));
    assert_eq!(summary(&case, &["more"], 3)["records"], json!(0));
    let told = summary(&case, &["more", "--vpc-fields", "start srcaddr dstaddr"], 0);
    assert_eq!(told["records"], json!(1), "{told}");
    verified(&case);
    // Where it was read, but otherwise than options say, that is told, and --replace reads it again.
    let swapped = ["--vpc-fields", "start dstaddr srcaddr"];
    let told = summary(&case, &[&["more"], &swapped[..]].concat(), 3);
    assert_eq!((&told["read_otherwise"][0][0], &told["converted"]), (&json!("b.zip"), &json!(0)), "{told}");
    summary(&case, &[&["more", "--replace"], &swapped[..]].concat(), 0);
    assert_eq!(texts(&case, "SELECT srcaddr FROM vpc_flow"), ["10.0.0.5"]);
    verified(&case);
    let manifest = case.sawlog(&["manifest"]).json();
    let states: Vec<&Value> = manifest["sources"].as_array().unwrap().iter().map(|source| &source["state"]).collect();
    assert_eq!(states.iter().filter(|state| **state == "archive").count(), 2);
    case.write("m.json", manifest.to_string());
    assert_eq!(case.sawlog(&["verify", "--manifest", "m.json"]).code, 0);
    // Nothing is committed if something is lost and that is not wanted.
    let ran = converted(&case, &["in", "--strict", "--store", "strict"], 1);
    assert!(ran.err.contains("nothing was committed"), "{}", ran.err);
}

#[test]
fn parquet_files_in_archives_are_read_as_they_are_outside() {
    let parquet = |columns: [(&str, ArrayRef); 3]| {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    };
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let start = || -> ArrayRef { Arc::new(Int64Array::from(vec![1_627_560_000])) };
    let flows = parquet([("srcaddr", text("10.0.0.1")), ("dstaddr", text("203.0.113.9")), ("start", start())]);
    let other = parquet([("a", text("x")), ("b", text("y")), ("c", start())]);
    let case = Case::new();
    let members = [
        Zipped::new("flows.parquet", &flows, 0),
        Zipped::new("other.parquet", &other, 8),
        Zipped::new("damaged.parquet", b"PAR1 and no more", 8),
    ];
    case.write("in/a.zip", zip(&members));
    let told = summary(&case, &["in"], 3);
    assert_eq!((&told["records"], &told["converted"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!(told["unreadable"][0][0], "a.zip!damaged.parquet");
    assert_eq!(told["unknown"], json!(["a.zip!damaged.parquet", "a.zip!other.parquet"]));
    assert_eq!(texts(&case, "SELECT dstaddr FROM vpc_flow"), ["203.0.113.9"]);
    verified(&case);
}
