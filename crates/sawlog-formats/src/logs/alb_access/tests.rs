//! The grammar line by line, and the promises that hold for any line: no panic, nothing lost.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use proptest::prelude::*;

use super::{FORMAT, TABLE};
use crate::block::Block;
use crate::decoder::Carry;
use crate::{LineEnding, Origin, TextColumn};

/// A line of today, with all fields that have a column.
const LINE: &str = r#"https 2018-07-02T22:23:00.186641Z app/web/50dc6c495c0c9188 192.0.2.7:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/?a=b HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:111122223333:targetgroup/web/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:111122223333:certificate/1234" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90 "m.example.com" "-" "TransformSuccess" 203.0.113.80"#;

fn decode(text: &[u8]) -> (Vec<RecordBatch>, Option<RecordBatch>) {
    let mut decoder = FORMAT.new_decoder();
    let origin =
        Origin { source_file: "log", first_line: 1, byte_offset: 0, ending: LineEnding::of(text), file_time: None };
    decoder.decode(Block::Lines(text), &origin, &mut Carry::default());
    let (batches, rejects) = decoder.waiting_mut().finish();
    (batches.into_iter().map(|(_, batch)| batch).collect(), rejects)
}

/// The value of a column in a row as text, null ones as `∅`.
fn shown(batch: &RecordBatch, name: &str, row: usize) -> String {
    let column = batch.column(TABLE.position(name).unwrap());
    if let Ok(text) = TextColumn::new(column) {
        return text.get(row).unwrap_or("∅").to_owned();
    }
    if column.is_null(row) {
        return "∅".to_owned();
    }
    let int32 = || column.as_primitive_opt::<Int32Type>().map(|array| array.value(row).to_string());
    let int64 = || column.as_primitive_opt::<Int64Type>().map(|array| array.value(row).to_string());
    let float64 = || column.as_primitive_opt::<Float64Type>().map(|array| array.value(row).to_string());
    let time = || column.as_primitive_opt::<TimestampMicrosecondType>().map(|array| array.value(row).to_string());
    int32().or_else(int64).or_else(float64).or_else(time).unwrap_or_else(|| "bytes".to_owned())
}

/// Some columns of the only record in `line`, or why it is none.
fn fields<const N: usize>(line: &str, names: [&str; N]) -> [String; N] {
    let (batches, rejects) = decode(line.as_bytes());
    if let Some(rejects) = rejects {
        let reason = TextColumn::new(&rejects["reason"]).unwrap();
        return names.map(|_| format!("reject: {}", reason.get(0).unwrap()));
    }
    assert_eq!((batches.len(), batches[0].num_rows()), (1, 1));
    names.map(|name| shown(&batches[0], name, 0))
}

fn field(line: &str, name: &str) -> String {
    let [value] = fields(line, [name]);
    value
}

fn has_raw(line: &str) -> bool {
    field(line, "raw") != "∅"
}

/// What the records and rejects print, in the order of their lines.
fn printed(text: &[u8]) -> Vec<Vec<u8>> {
    let (batches, rejects) = decode(text);
    let mut lines: Vec<(i64, Vec<u8>)> = Vec::new();
    for batch in &batches {
        let printer = (FORMAT.printer)(batch).unwrap();
        let numbers = batch["source_line"].as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let mut line = Vec::new();
            printer.print(row, &mut line);
            lines.push((numbers.value(row), line));
        }
    }
    if let Some(rejects) = rejects {
        let numbers = rejects["source_line"].as_primitive::<Int64Type>();
        let raw = rejects["raw"].as_binary::<i32>();
        lines.extend((0..rejects.num_rows()).map(|row| (numbers.value(row), raw.value(row).to_vec())));
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

#[test]
fn every_field_of_a_line_has_its_column() {
    let (batches, rejects) = decode(LINE.as_bytes());
    assert!(rejects.is_none());
    let found: Vec<String> = TABLE.columns.iter().map(|column| shown(&batches[0], column.name, 0)).collect();
    let expected = [
        "https",
        "1530570180186641",
        "app/web/50dc6c495c0c9188",
        "192.0.2.7",
        "2817",
        "10.0.0.1",
        "80",
        "0.086",
        "0.048",
        "0.037",
        "200",
        "200",
        "0",
        "57",
        "GET",
        "https://www.example.com:443/?a=b",
        "HTTP/1.1",
        "curl/7.46.0",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLSv1.2",
        "arn:aws:elasticloadbalancing:us-east-2:111122223333:targetgroup/web/73e2d6bc24d8a067",
        "Root=1-58337281-1d84f3d73c47ec4e58577259",
        "www.example.com",
        "arn:aws:acm:us-east-2:111122223333:certificate/1234",
        "1",
        "1530570168364000",
        "authenticate,forward",
        "∅",
        "∅",
        "10.0.0.1:80",
        "200",
        "∅",
        "∅",
        "TID_1234abcd5678ef90",
        "m.example.com",
        "∅",
        "TransformSuccess",
        "203.0.113.80",
        "34",
        "∅",
        "∅",
        "log",
        "1",
        "∅",
        "∅",
        "∅",
    ];
    assert_eq!(found, expected);
}

#[test]
fn lines_of_all_years_need_no_raw() {
    let words: Vec<&str> = LINE.split(' ').collect();
    // The request has three words.
    for count in [18, 20, 23, 25, 29, 30, 33, 34] {
        let line = words[..count + 2].join(" ");
        assert_eq!(fields(&line, ["field_count", "extra", "raw"]), [&*count.to_string(), "∅", "∅"], "{line}");
        // Some years' lines end with a blank.
        let blank = format!("{line} ");
        assert_eq!(fields(&blank, ["field_count", "extra", "raw"]), [&*count.to_string(), "", "∅"], "{line}");
        assert_eq!(printed(blank.as_bytes()), [blank.as_bytes()]);
    }
    let later = format!("{LINE} \"-\" \"a b\" -");
    assert_eq!(fields(&later, ["field_count", "extra", "raw"]), ["37", "\"-\" \"a b\" -", "∅"]);
    assert_eq!(field(&words[..18].join(" "), "raw"), "reject: fewer than 17 fields");
}

#[test]
fn what_was_not_measured_is_null() {
    let line = LINE.replace("10.0.0.1:80 0.086 0.048 0.037 200 200 0", "- -1 -1 -1 460 - 0");
    let names =
        ["target_ip", "target_port", "request_processing_time", "response_processing_time", "target_status_code"];
    assert_eq!(fields(&line, names), ["∅"; 5]);
    assert!(!has_raw(&line));
    // Written so they are nothing, too, but not printed so.
    for (from, to) in [
        (" 0.086 ", " - "),
        (" 0 57 ", " -1 57 "),
        (" 1 2018", " 01 2018"),
        ("0.048", "0.0480"),
        ("\"curl/7.46.0\"", "-"),
    ] {
        let odd = LINE.replacen(from, to, 1);
        assert!(has_raw(&odd), "{to}");
        assert_eq!(printed(odd.as_bytes()), [odd.as_bytes()]);
    }
    assert_eq!(field(&LINE.replace(" 1 2018", " -1 2018"), "matched_rule_priority"), "-1");
    assert!(!has_raw(&LINE.replace(" 1 2018", " -1 2018")));
}

#[test]
fn targets_and_clients_of_every_kind() {
    let client = |text: &str| {
        let line = LINE.replace("192.0.2.7:2817", text);
        assert_eq!(printed(line.as_bytes()), [line.as_bytes()]);
        let [address, port, raw] = fields(&line, ["client_ip", "client_port", "raw"]);
        (address, port, raw != "∅")
    };
    let found = |address: &str, port: &str, has_raw| (address.to_owned(), port.to_owned(), has_raw);
    assert_eq!(client("2001:db8::1:443"), found("2001:db8::1", "443", false));
    assert_eq!(client("[2001:db8::1]:443"), found("2001:db8::1", "443", true));
    assert_eq!(client("192.0.2.7"), found("192.0.2.7", "∅", false));
    assert_eq!(client("-"), found("∅", "∅", false));
    assert_eq!(client("192.0.2.7:99999"), found("192.0.2.7:99999", "∅", false));
}

#[test]
fn requests_of_every_kind() {
    let request = |text: &str| {
        let line = LINE.replace("GET https://www.example.com:443/?a=b HTTP/1.1", text);
        assert_eq!(printed(line.as_bytes()), [line.as_bytes()]);
        let [verb, url, version, raw] = fields(&line, ["request_verb", "request_url", "request_proto", "raw"]);
        (verb, url, version, raw != "∅")
    };
    let found =
        |verb: &str, url: &str, version: &str, has_raw| (verb.to_owned(), url.to_owned(), version.to_owned(), has_raw);
    assert_eq!(request("- http://a:80- -"), found("∅", "http://a:80-", "∅", false));
    assert_eq!(request("- http://a:80- - "), found("∅", "http://a:80-", "∅", true));
    assert_eq!(request("- http://a:80- "), found("∅", "http://a:80-", "∅", true));
    assert_eq!(request("GET http://a:80/b c?d=e f HTTP/1.1"), found("GET", "http://a:80/b c?d=e f", "HTTP/1.1", false));
    assert_eq!(
        request(r"GET http://a:80/\x22 OR 1=1 HTTP/1.1"),
        found("GET", r"http://a:80/\x22 OR 1=1", "HTTP/1.1", false)
    );
    // A quote before a blank ends the field only if all that follows is as it should be.
    assert_eq!(request("GET http://a:80/\" OR 1=1 HTTP/1.1"), found("GET", "http://a:80/\" OR 1=1", "HTTP/1.1", false));
    assert_eq!(
        request("GET http://a:80/?a=\" b\" \"c HTTP/1.1"),
        found("GET", "http://a:80/?a=\" b\" \"c", "HTTP/1.1", false)
    );
    assert_eq!(request("-"), found("∅", "∅", "∅", false));
    assert_eq!(request("- - -"), found("∅", "∅", "∅", true));
    assert_eq!(request(""), found("∅", "", "∅", true));
    let agent = LINE.replace("curl/7.46.0", "a \" \"b\" c");
    assert_eq!((field(&agent, "user_agent"), has_raw(&agent)), ("a \" \"b\" c".to_owned(), false));
}

#[test]
fn what_is_no_record_says_why() {
    for (from, to, reason) in [
        ("2018-07-02T22:23:00.186641Z", "2018-02-30T22:23:00.186641Z", "the record's time is missing or malformed"),
        ("2018-07-02T22:23:00.186641Z", "0000-07-02T22:23:00.186641Z", "the time is not of the years 1 to 9999"),
        ("0.086 0.048 0.037", "a b c", "request_processing_time is no number"),
        ("\"curl/7.46.0\"", "curl/7.46.0", "user_agent is not in quotes"),
        ("\"GET https", "GET https", "request_verb is not in quotes"),
        ("TransformSuccess\" 203.0.113.80", "TransformSuccess", "the quote of request_transform_status does not close"),
        (" TLSv1.2 ", " \"TLSv1.2 ", "ssl_protocol begins with a quote"),
    ] {
        assert_eq!(field(&LINE.replacen(from, to, 1), "raw"), format!("reject: {reason}"), "{to}");
    }
    // One or two numbers may be none.
    assert_eq!(fields(&LINE.replace("200 200 0 57", "x 200 0 y"), ["elb_status_code", "sent_bytes"]), ["∅", "∅"]);
    assert_eq!(field(&LINE.replace("0 57", "0 99999999999999999999"), "sent_bytes"), "∅");
    // So a file of nothing else is recognised.
    assert!((FORMAT.detect)(LINE.replace("0 57", "0 9223372036854775808").as_bytes()));
    assert_eq!(field("   ", "raw"), "reject: only white space");
}

#[test]
fn bytes_that_are_no_text_and_marks_are_kept() {
    let broken: Vec<u8> =
        LINE.replace("curl", "\u{1}").bytes().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    let marked = format!("\u{feff}{LINE}").into_bytes();
    let text = [broken.as_slice(), b"\n", LINE.as_bytes(), b"\n\n", &marked, b"\n\xff\xfe\n\0\0"].concat();
    let (batches, rejects) = decode(&text);
    assert_eq!((batches[0].num_rows(), rejects.unwrap().num_rows()), (3, 2));
    assert_eq!(shown(&batches[0], "user_agent", 0), "\u{fffd}/7.46.0");
    assert_eq!((shown(&batches[0], "type", 2), shown(&batches[0], "raw", 1)), ("https".to_owned(), "∅".to_owned()));
    assert_eq!(printed(&text), [broken.as_slice(), LINE.as_bytes(), &marked, b"\xff\xfe", b"\0\0"]);
}

#[test]
fn lines_that_end_alike_need_no_raw() {
    let text = format!("{LINE}\r\n{LINE}\n{LINE}\r\n\r\n\n{LINE}");
    let (batches, rejects) = decode(text.as_bytes());
    let has_raw: Vec<bool> = (0..4).map(|row| shown(&batches[0], "raw", row) != "∅").collect();
    // What ends with the file has no ending that could be another one.
    assert_eq!(has_raw, [false, true, false, false]);
    assert_eq!(rejects.unwrap().num_rows(), 1);
}

/// A field of a line: as it should be, or anything.
fn word(usual: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        20 => usual,
        1 => "-|-1|\"|\"-\"|[a-z:.\" ]{0,6}|[0-9]{1,22}|\\PC{0,4}",
    ]
}

/// A line whose fields are mostly as they should be.
fn line() -> impl Strategy<Value = String> {
    const FIELDS: [&str; 34] = [
        "https?|h2|grpcs|wss?",
        "(20[0-3][0-9]|0001|9999)-(0[1-9]|1[0-2])-[0-2][1-8]T[01][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}Z",
        "app/[a-z]{1,3}/[0-9a-f]{2}",
        "(192\\.0\\.2\\.[1-9]|2001:db8::[1-9a-f]|\\[2001:db8::1\\]):[1-9][0-9]{0,3}",
        "-|10\\.0\\.0\\.[1-9](:[1-9][0-9]{0,4})?",
        "-1|[0-9]{1,3}\\.[0-9]{3}",
        "-1|[0-9]{1,3}\\.[0-9]{3}",
        "-1|[0-9]{1,3}\\.[0-9]{3}",
        "[1-5][0-9]{2}|-",
        "[1-5][0-9]{2}|-",
        "[0-9]{1,9}",
        "[0-9]{1,9}",
        "\"((GET|POST|-) (https?://a:443/[a-z/?=&%\\\\ \"]{0,9}|-) (HTTP/1\\.1|-)|[ a-z-]{0,5})\"",
        "\"([ -~]{0,12}|-)\"",
        "-|ECDHE",
        "-|TLSv1\\.[0-3]",
        "-|arn:aws:elasticloadbalancing:us-east-2:111122223333:targetgroup/t/7",
        "\"(-|Root=1-[0-9a-f]{4})\"",
        "\"(-|[a-z]{1,3}\\.example)\"",
        "\"(-|session-reused)\"",
        "-1|-|[0-9]{1,5}",
        "-|2018-07-02T22:22:48\\.[0-9]{6}Z",
        "\"(-|waf,forward)\"",
        "\"-\"",
        "\"(-|LambdaInvalidResponse)\"",
        "\"(-|10\\.0\\.0\\.1:80( 10\\.0\\.0\\.2:80)?)\"",
        "\"(-|200( 502)?)\"",
        "\"(-|Ambiguous)\"",
        "\"(-|UndefinedContentLength)\"",
        "-|TID_[0-9a-f]{4}",
        "\"(-|a\\.example)\"",
        "\"-\"",
        "\"(-|TransformSuccess)\"",
        "203\\.0\\.113\\.[1-9]",
    ];
    let fields: Vec<_> = FIELDS.into_iter().map(word).collect();
    let count = prop_oneof![2 => Just(34), 1 => 16..35_usize];
    let extra = prop_oneof![4 => Just(String::new()), 1 => " (\"-\"|-|[a-z \"]{0,6}){0,3} ?"];
    (fields, count, extra).prop_map(|(fields, count, extra)| fields[..count].join(" ") + &extra)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever the line, it is printed as it was; and a record that needs no `raw` is printed from its columns, which
    /// are then read again as the same ones.
    #[test]
    fn lines_are_printed_as_they_were(lines in prop::collection::vec(line(), 1..6)) {
        let text = lines.join("\n");
        let expected: Vec<&[u8]> = lines.iter().map(String::as_bytes).filter(|line| !line.is_empty()).collect();
        prop_assert_eq!(printed(text.as_bytes()), expected);
    }

    /// Usual lines are records.
    #[test]
    fn usual_lines_are_records(
        agent in "[!-~ ]{0,20}", path in "[!-~]{0,20}", status in 100..600_i32, sent in 0..i64::MAX, micros in 0..999_999_i64,
        client in any::<std::net::IpAddr>(), port: u16,
    ) {
        // AWS writes quotes and backslashes as \x22 and \x5c.
        let escaped = |text: &str| text.replace('\\', "\\x5c").replace('"', "\\x22");
        let line = format!(
            "http 2024-05-01T00:00:00.{micros:06}Z app/a/b {client}:{port} - -1 -1 -1 {status} - 5 {sent} \"PUT http://a:80/{} HTTP/1.1\" \"{}\" - - - \"-\"",
            escaped(&path), escaped(&agent),
        );
        let names = ["client_ip", "client_port", "elb_status_code", "sent_bytes", "request_url", "time", "raw"];
        let agent_shown = if agent == "-" { "∅".to_owned() } else { escaped(&agent) };
        let [client, port, status, sent] = [client.to_string(), port.to_string(), status.to_string(), sent.to_string()];
        let time = (1_714_521_600_000_000 + micros).to_string();
        prop_assert_eq!(fields(&line, names), [client, port, status, sent, format!("http://a:80/{}", escaped(&path)), time, "∅".to_owned()]);
        prop_assert_eq!(field(&line, "user_agent"), agent_shown);
    }

    #[test]
    fn any_bytes_are_kept(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0..400_usize) {
        let mut text = LINE.as_bytes().to_vec();
        let at = at.min(text.len());
        text.splice(at..at, bytes.iter().copied().filter(|byte| *byte != b'\n'));
        prop_assert_eq!(printed(&text), [text.clone()]);
    }
}
