//! Archives that are broken, encrypted, nested too deeply or too large: what can be read is, and the rest is named.

use sawlog_tests::{Case, Numbers, cases, in_parallel, peak_of, start};
use serde_json::{Value, json};

use super::packing::*;
use super::*;

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
