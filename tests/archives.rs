//! Archives: each member is a source of its own, rebuilt byte for byte; what can't be read is named.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use sawlog_tests::{Case, Numbers, Ran, cases, in_parallel, peak_of, random_flows, random_log, random_trail, start};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// By the tool; `None` if there is none.
fn xz(content: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("xz").args(["-c", "-0"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let (mut input, content) = (child.stdin.take()?, content.to_vec());
    let writer = std::thread::spawn(move || input.write_all(&content));
    let output = child.wait_with_output().ok()?;
    writer.join().ok()?.ok()?;
    Some(output.stdout)
}

/// A member of a zip archive, as it is to be written.
struct Zipped<'a> {
    name: &'a [u8],
    content: &'a [u8],
    method: u16,
    /// 1 says that it is encrypted, 8 that its sizes follow it.
    flags: u16,
    /// Added to the size that is told.
    lie: i64,
    zip64: bool,
    mode: u32,
}

impl<'a> Zipped<'a> {
    fn new(name: &'a str, content: &'a [u8], method: u16) -> Self {
        Self { name: name.as_bytes(), content, method, flags: 0, lie: 0, zip64: false, mode: 0o100_644 }
    }

    fn data(&self) -> Vec<u8> {
        match self.method {
            8 => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(self.content).unwrap();
                encoder.finish().unwrap()
            }
            // Blocks that are only stored are the same in Deflate and Deflate64.
            9 => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::none());
                encoder.write_all(self.content).unwrap();
                encoder.finish().unwrap()
            }
            12 => bzip2(self.content),
            93 => zstd(self.content),
            _ => self.content.to_vec(),
        }
    }
}

fn crc32(content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum()
}

/// A zip archive, as APPNOTE.TXT describes it.
fn zip(members: &[Zipped<'_>]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let (data, start) = (member.data(), out.len());
        let crc = crc32(member.content).to_le_bytes();
        let size = u32::try_from(i64::try_from(member.content.len()).unwrap() + member.lie).unwrap();
        let packed = u32::try_from(data.len()).unwrap();
        let follows = member.flags & 8 != 0;
        let wide = [
            &1u16.to_le_bytes()[..],
            &16u16.to_le_bytes(),
            &u64::from(size).to_le_bytes(),
            &u64::from(packed).to_le_bytes(),
        ]
        .concat();
        let extra: &[u8] = if member.zip64 { &wide } else { b"" };
        let sizes = |told: bool| match (told, member.zip64) {
            (false, _) => [0; 12].to_vec(),
            (true, true) => [&crc[..], &[0xff; 8]].concat(),
            (true, false) => [&crc[..], &packed.to_le_bytes(), &size.to_le_bytes()].concat(),
        };
        let common = |told: bool| {
            let name = u16::try_from(member.name.len()).unwrap().to_le_bytes();
            let extra = u16::try_from(extra.len()).unwrap().to_le_bytes();
            let head = [
                &45u16.to_le_bytes()[..],
                &member.flags.to_le_bytes(),
                &member.method.to_le_bytes(),
                &[0, 0, 0x21, 0x58],
            ];
            [&head.concat()[..], &sizes(told), &name, &extra].concat()
        };
        out.extend([&b"PK\x03\x04"[..], &common(!follows), member.name, extra, &data].concat());
        if follows {
            out.extend([&b"PK\x07\x08"[..], &crc, &packed.to_le_bytes(), &size.to_le_bytes()].concat());
        }
        let offset = u32::try_from(start).unwrap().to_le_bytes();
        let mode = (member.mode << 16).to_le_bytes();
        directory
            .extend([&b"PK\x01\x02\x2d\x03"[..], &common(true), &[0; 6], &mode, &offset, member.name, extra].concat());
    }
    let number = u16::try_from(members.len()).unwrap().to_le_bytes();
    let (size, at) = (u32::try_from(directory.len()).unwrap(), u32::try_from(out.len()).unwrap());
    out.extend(&directory);
    out.extend(
        [&b"PK\x05\x06\0\0\0\0"[..], &number, &number, &size.to_le_bytes(), &at.to_le_bytes(), &[0; 2]].concat(),
    );
    out
}

/// A header of a tar, and what follows it.
fn tar_member(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[136..148].copy_from_slice(b"14614437100\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    header[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    [&header, content, &vec![0; content.len().next_multiple_of(512) - content.len()]].concat()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<u8> =
        members.iter().flat_map(|(name, content)| tar_member(name.as_bytes(), b'0', content)).collect();
    [members, vec![0; 1024]].concat()
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let record = |(key, value): &(&str, &str)| {
        let rest = format!(" {key}={value}\n");
        let len =
            (1..9).map(|digits| rest.len() + digits).find(|len| len.to_string().len() + rest.len() == *len).unwrap();
        format!("{len}{rest}")
    };
    tar_member(b"PaxHeaders/x", b'x', records.iter().map(record).collect::<String>().as_bytes())
}

fn converted(case: &Case, arguments: &[&str], code: i32) -> Ran {
    let ran = case.sawlog(&[&["convert"], arguments].concat());
    assert_eq!(ran.code, code, "{arguments:?}: {} {}", ran.text(), ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

fn summary(case: &Case, arguments: &[&str], code: i32) -> Value {
    converted(case, &[arguments, &["--json"]].concat(), code).json()
}

fn verified(case: &Case) {
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 0, "{} {}", ran.text(), ran.err);
}

fn sql(case: &Case, query: &str) -> Value {
    let ran = case.sawq(&["sql", query, "--json", "-q"]);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.json()
}

/// One column of a query.
fn texts(case: &Case, query: &str) -> Vec<String> {
    let rows = sql(case, query);
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row.as_object().unwrap().values().next().unwrap().as_str().unwrap_or("null").to_owned()).collect()
}

fn count(case: &Case, table: &str) -> u64 {
    sql(case, &format!("SELECT count(*) AS n FROM {table}"))[0]["n"].as_u64().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The rows of a source, but for its name.
fn rows(case: &Case, table: &str, source: &str) -> Value {
    let columns = match table {
        "s3_access" => "source_line, request_id, key, bytes_sent, time, remote_ip",
        "cloudtrail" => "source_line, event_id, event_name, event_time",
        _ => "source_line, srcaddr, dstaddr, bytes, start",
    };
    sql(case, &format!("SELECT {columns} FROM {table} WHERE source_file = '{source}' ORDER BY source_line"))
}

fn log(seed: u64, lines: usize) -> Vec<u8> {
    random_log(&mut Numbers::new(seed), lines).into_bytes()
}

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
fn a_tar_without_its_end_is_named() {
    let case = Case::new();
    let whole = tar(&[("a.log", &log(50, 10)), ("b.log", &log(51, 10))]);
    case.write("in/a.tar", &whole[..whole.len() - 1024]);
    let told = summary(&case, &["in"], 3);
    assert_eq!(told["records"], json!(20));
    assert!(told["unreadable"][0][1].as_str().unwrap().contains("without an end mark"), "{told}");
    // It is still in the ledger, and no news.
    assert_eq!(summary(&case, &["in"], 0)["unchanged"], json!(2));
    // A member whose header is damaged is passed over; the others are read.
    let mut damaged = tar(&[("c.log", &log(52, 10)), ("d.log", &log(53, 10)), ("e.log", &log(54, 10))]);
    let second = log(52, 10).len().next_multiple_of(512) + 512;
    damaged[second + 5] ^= 1;
    case.write("more/b.tar", damaged);
    let told = summary(&case, &["more"], 3);
    assert_eq!((&told["records"], &told["unreadable"][0][0]), (&json!(20), &json!("b.tar")), "{told}");
    verified(&case);
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
fn archives_within_too_many_others_are_named() {
    let case = Case::new();
    let deep = |levels: usize| (0..levels).fold(log(110, 10), |inside, level| tar(&[(&format!("{level}"), &inside)]));
    case.write("in/four.tar", deep(4));
    assert_eq!(summary(&case, &["in"], 0)["records"], json!(10));
    assert_eq!(texts(&case, "SELECT DISTINCT source_file FROM s3_access"), ["four.tar!3!2!1!0"]);
    case.write("in/five.tar", deep(5));
    let told = summary(&case, &["in"], 3);
    assert_eq!(told["looks_like"]["archive in 4 others"]["files"], json!(["five.tar!4!3!2!1"]));
    verified(&case);
    assert_eq!(summary(&case, &["in"], 3)["unknown"], json!(["five.tar!4!3!2!1"]));
}

#[test]
fn encrypted_members_and_unknown_methods_are_named_one_by_one() {
    let case = Case::new();
    let content = log(120, 10);
    let mut members = vec![Zipped::new("good.log", &content, 8)];
    let names: Vec<String> = (0..15).map(|number| format!("secret{number:02}.log")).collect();
    members.extend(names.iter().map(|name| Zipped { flags: 1, ..Zipped::new(name, b"?????????????", 8) }));
    members.push(Zipped::new("aes.log", b"???", 99));
    members.push(Zipped::new("odd.log", b"???", 97));
    case.write("in/a.zip", zip(&members));
    let told = summary(&case, &["in"], 3);
    assert_eq!(told["records"], json!(10));
    let encrypted = told["looks_like"]["encrypted member of a zip archive"]["files"].as_array().unwrap();
    assert_eq!((encrypted.len(), &encrypted[0]), (15, &json!("a.zip!secret00.log")));
    let other = told["looks_like"]["member of a zip archive compressed by another method"]["files"].clone();
    assert_eq!(other, json!(["a.zip!aes.log", "a.zip!odd.log"]));
    let ran = converted(&case, &["in"], 3);
    assert!(ran.err.contains("a.zip!secret00.log") && ran.err.contains("… and 5 more"), "{}", ran.err);
    verified(&case);
    assert!(case.sawlog(&["status"]).text().contains("15 × encrypted member of a zip archive; unpack"));
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
fn broken_members_are_kept_as_far_as_they_go_and_named() {
    let case = Case::new();
    let content = log(150, 200);
    let mut flipped = zip(&[Zipped::new("a.log", &content, 0), Zipped::new("b.log", &log(151, 10), 8)]);
    flipped[30 + 5 + 100] ^= 1;
    case.write("in/crc.zip", &flipped);
    let told = summary(&case, &["in"], 3);
    assert_eq!(told["unreadable"][0][0], "crc.zip!a.log", "{told}");
    assert!(told["unreadable"][0][1].as_str().unwrap().contains("CRC-32"));
    assert!(told["records"].as_u64() >= Some(209), "{told}");
    let problems = texts(&case, "SELECT problem FROM sources WHERE path = 'crc.zip!a.log'");
    assert!(problems[0].contains("CRC-32"));
    verified(&case);
    // Sizes that are not true.
    let case = Case::new();
    let (more, right) = (log(152, 10), log(153, 10));
    let lies = [
        Zipped { lie: -50, ..Zipped::new("less.log", &content, 8) },
        Zipped { lie: 1 << 30, ..Zipped::new("more.log", &more, 8) },
        Zipped::new("true.log", &right, 8),
    ];
    case.write("in/lies.zip", zip(&lies));
    let told = summary(&case, &["in"], 3);
    let named: Vec<&str> =
        told["unreadable"].as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap()).collect();
    assert_eq!(named, ["lies.zip!less.log", "lies.zip!more.log"]);
    // All that came out is there, with a reject where each is said to break off.
    assert_eq!((&told["records"], &told["rejects"]), (&json!(220), &json!(2)));
    verified(&case);
    // Two headers that do not agree; a member that the directory does not list.
    let case = Case::new();
    let mut renamed = zip(&[Zipped::new("a.log", &content, 8)]);
    renamed[30] = b'x';
    case.write("in/renamed.zip", renamed);
    let both = zip(&[Zipped::new("a.log", &log(154, 10), 8), Zipped::new("b.log", &log(155, 10), 8)]);
    let end = both.len() - 22;
    let (first, second) = (end - 2 * 51, end - 51);
    let mut hidden = [&both[..first], &both[second..]].concat();
    let place = hidden.len() - 22;
    hidden[place + 8..place + 12].copy_from_slice(&[1, 0, 1, 0]);
    hidden[place + 12..place + 16].copy_from_slice(&51u32.to_le_bytes());
    case.write("in/hidden.zip", hidden);
    let told = summary(&case, &["in"], 3);
    assert!(told["unreadable"][0][1].as_str().unwrap().contains("does not list"), "{told}");
    assert_eq!(told["unreadable"][1][0], "renamed.zip!a.log");
    verified(&case);
}

/// Archives with 80 records in 4 members, and streams of 20.
fn samples() -> Vec<(&'static str, Vec<u8>, u64)> {
    let contents: Vec<Vec<u8>> = (160..164).map(|seed| log(seed, 20)).collect();
    let packed = gzip(&contents[3]);
    let members: [(&str, &[u8]); 4] =
        [("z.log", &contents[0]), ("b/a.log", &contents[1]), ("c.log", &contents[2]), ("d.gz", &packed)];
    let zipped: Vec<Zipped<'_>> =
        members.iter().zip([0, 8, 93, 0]).map(|((name, content), method)| Zipped::new(name, content, method)).collect();
    let mut streamed: Vec<Zipped<'_>> = members.iter().map(|(name, content)| Zipped::new(name, content, 8)).collect();
    streamed.iter_mut().for_each(|member| member.flags = 8);
    let (zipped, tarred) = (zip(&zipped), tar(&members));
    let mut samples = vec![
        ("s.zip", zip(&streamed), 80),
        ("n.zip", zip(&[Zipped::new("in.zip", &zipped, 0), Zipped::new("in.tar", &gzip(&tarred), 0)]), 80),
        ("a.zip", zipped, 80),
        ("a.tgz", gzip(&tarred), 80),
        ("a.tar.zst", zstd(&tarred), 80),
        ("a.tar", tarred, 80),
        ("a.zst", zstd(&contents[0]), 20),
        ("a.bz2", bzip2(&contents[0]), 20),
        ("a.gz", gzip(&gzip(&contents[0])), 20),
    ];
    samples.extend(xz(&contents[0]).map(|packed| ("a.xz", packed, 20)));
    samples
}

/// Converts one file; gives the exit status and the summary.
fn convert_one(name: &str, bytes: &[u8]) -> (i32, Value) {
    let case = Case::new();
    case.write(&format!("in/{name}"), bytes);
    let ran = case.sawlog(&["convert", "in", "--json", "--threads", "1"]);
    assert!(matches!(ran.code, 0 | 1 | 3), "{name}: {} {}", ran.code, ran.err);
    assert!(!ran.err.contains("panicked") && !ran.err.contains("internal error"), "{name}: {}", ran.err);
    if ran.code == 1 {
        assert!(ran.err.contains(name), "{}", ran.err);
        return (1, Value::Null);
    }
    verified(&case);
    (ran.code, ran.json())
}

#[test]
fn what_breaks_off_is_read_up_to_there_and_named() {
    let cuts: Vec<_> = samples()
        .into_iter()
        .flat_map(|(name, bytes, records)| {
            (1..20).map(move |part| (name, bytes[..bytes.len() * part / 20].to_vec(), records, part))
        })
        .collect();
    in_parallel(cuts, |(name, bytes, records, part)| {
        let (code, told) = convert_one(name, &bytes);
        // The blocks at the end of a tar hold nothing; half of them are a mark of its end, too.
        if code == 0 {
            assert!(name == "a.tar" && told["records"] == json!(records), "{name} {part}: {told}");
            return;
        }
        assert!(told["unreadable"].as_array().is_some_and(|named| !named.is_empty()), "{name} {part}: {told}");
        assert!(told["records"].as_u64() <= Some(records));
        // Archives whose members stand in them as they are give those that are whole.
        if matches!(name, "a.zip" | "s.zip" | "a.tar" | "n.zip") && part == 15 {
            assert!(told["records"].as_u64() > Some(20), "{name}: {told}");
        }
    });
}

#[test]
fn a_bit_that_flips_is_found_or_makes_no_difference() {
    let mut numbers = Numbers::new(7);
    let mut flips = Vec::new();
    for (name, bytes, records) in samples() {
        for _ in cases(200, 12) {
            let mut flipped = bytes.clone();
            let at = usize::try_from(numbers.below(bytes.len() as u64)).unwrap();
            flipped[at] ^= 1 << numbers.below(8);
            flips.push((name, flipped, records, at));
        }
    }
    in_parallel(flips, |(name, bytes, records, at)| {
        let (code, told) = convert_one(name, &bytes);
        if code == 0 {
            assert_eq!(told["records"], json!(records), "{name}, byte {at}: {told}");
        } else if code == 3 {
            let named = |what: &str| !told[what].as_array().unwrap().is_empty();
            assert!(
                named("unreadable") || named("unknown") || told["rejects"] != json!(0),
                "{name}, byte {at}: {told}"
            );
        }
    });
}

#[test]
fn bombs_are_bounded() {
    let zeros = vec![0; 300 << 20];
    let stored = log(170, 20_000);
    let names: Vec<String> = (0..60_000).map(|number| format!("{number}")).collect();
    // Many members in the same place: each record of the directory names the first one's data.
    let mut overlapping = zip(&[Zipped::new("x", &stored, 0)]);
    let directory = overlapping.len() - 22 - 47;
    let record = overlapping[directory..directory + 47].to_vec();
    overlapping.truncate(directory);
    (0..20_000).for_each(|_| overlapping.extend(&record));
    let size = u32::try_from(47 * 20_000).unwrap().to_le_bytes();
    let at = u32::try_from(directory).unwrap().to_le_bytes();
    overlapping.extend([&b"PK\x05\x06\0\0\0\0\x20\x4e\x20\x4e"[..], &size, &at, &[0; 2]].concat());
    let inner = zip(&[Zipped::new("zeros", &zeros, 8)]);
    let layers: Vec<Zipped<'_>> = names[..16].iter().map(|name| Zipped::new(name, &inner, 8)).collect();
    let many: Vec<Zipped<'_>> = names.iter().map(|name| Zipped::new(name, b"", 0)).collect();
    let packed = gzip(&zeros);
    let gz_members: Vec<Zipped<'_>> = names[..40].iter().map(|name| Zipped::new(name, &packed, 0)).collect();
    let bombs = [
        ("a zip of zeros", zip(&[Zipped { lie: -(300 << 20) + 10, ..Zipped::new("zeros", &zeros, 8) }]), true),
        ("zips of zeros in a zip", zip(&layers), true),
        ("members in the same place", overlapping, true),
        ("gzip files of zeros in a zip", zip(&gz_members), true),
        ("a gzip file in one", gzip(&packed), true),
        ("a tar of zeros", gzip(&tar(&[("zeros", &zeros)])), true),
        ("zstd of zeros", zstd(&zeros), true),
        ("bzip2 of zeros", bzip2(&zeros), true),
        ("many members", zip(&many), false),
    ];
    for (what, bytes, is_too_large) in bombs {
        let case = Case::new();
        case.write("logs/bomb", &bytes);
        case.write("logs/log", log(171, 100));
        let mut child = start(
            &case,
            &["convert", "logs", "--json", "--memory", "256MiB", "--max-inflate", "64MiB", "--threads", "2"],
        );
        let output = std::thread::scope(|scope| {
            let out = child.stdout.take().unwrap();
            let reader = scope.spawn(move || std::io::read_to_string(out).unwrap());
            let peak = peak_of(&mut child);
            assert!(peak <= 256 * 12 / 10, "{what}: {peak} MiB were used of 256");
            println!("{what}: {} bytes, {peak} MiB", bytes.len());
            reader.join().unwrap()
        });
        let status = child.wait().unwrap();
        let told: Value = serde_json::from_str(&output).unwrap();
        assert_eq!(status.code(), Some(if is_too_large { 3 } else { 0 }), "{what}: {told}");
        let reasons = told["unreadable"].to_string();
        assert_eq!(reasons.contains("--max-inflate"), is_too_large, "{what}: {reasons}");
        assert_eq!(count(&case, "s3_access WHERE source_file = 'log'"), 100);
        assert!(count(&case, "s3_access") < 64 << 20);
        verified(&case);
    }
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
fn memory_does_not_grow_with_an_archive() {
    let case = Case::new();
    // 128 MiB of log in a member that is read in parts, and many small ones.
    let large = log(190, 100_000).repeat(4);
    let small: Vec<Vec<u8>> = (0..3000).map(|seed| gzip(&log(1000 + seed, 5))).collect();
    let names: Vec<String> = (0..3000).map(|number| format!("small/{number}.gz")).collect();
    let mut members: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(small.iter().map(Vec::as_slice)).collect();
    members.push(("large.log", &large));
    case.write("logs/a.tar.gz", gzip(&tar(&members)));
    let mut child = start(&case, &["convert", "logs", "-q", "--memory", "128MiB", "--threads", "2"]);
    let peak = peak_of(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(peak <= 128 * 12 / 10, "{peak} MiB were used of 128");
    assert_eq!(count(&case, "s3_access"), 400_000 + 15_000);
    verified(&case);
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

#[test]
fn no_more_members_are_read_than_fit_into_memory() {
    let case = Case::new();
    let header = |number: usize| tar_member(format!("{number}").as_bytes(), b'0', b"");
    let tarred: Vec<u8> = (0..60_000).flat_map(header).chain(vec![0; 1024]).collect();
    case.write("logs/a.tar.gz", gzip(&tarred));
    let mut child = start(&case, &["convert", "logs", "-q", "--memory", "128MiB", "--threads", "1"]);
    let peak = peak_of(&mut child);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("a.tar.gz: it has more than 50000 members") && said.contains("--memory"), "{said}");
    assert!(peak <= 128 * 12 / 10, "{peak} MiB were used of 128");
    let n = count(&case, "sources WHERE archive = 'a.tar.gz' AND state = 'empty'");
    assert_eq!(n, 50_000);
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
