//! The grammar line by line, and the promises that hold for any line: no panic, nothing lost, one reading.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use proptest::prelude::*;

use super::line::Line;
use super::time::TimeReader;
use super::{Decoder, LinePrinter, TABLE, column, salvage, strict};
use crate::block::Block;
use crate::decoder::Carry;
use crate::identify::partitions;
use crate::{Decoder as _, Printer as _};
use crate::{LineEnding, Origin, TextColumn};

const HEAD: &str =
    "owner bucket [29/Jul/2021:13:09:55 +0000] 192.0.2.3 arn:aws:iam::1:user/u T7X3D7QX7X6GZ0NN REST.GET.OBJECT";
const OLD: &str = r#"owner bucket [29/Jul/2021:13:09:55 +0000] 192.0.2.3 - T7X3D7QX7X6GZ0NN REST.GET.OBJECT k "GET /k HTTP/1.1" 200 - 113 - 7 - "-" "agent" -"#;

fn origin(ending: LineEnding) -> Origin<'static> {
    Origin { source_file: "log", first_line: 1, byte_offset: 0, ending, file_time: None }
}

fn decode(text: &[u8]) -> (Vec<RecordBatch>, Option<RecordBatch>) {
    let mut decoder = Decoder::new(partitions(&TABLE));
    decoder.decode(Block::Lines(text), &origin(LineEnding::of(text)), &mut Carry::default());
    let (batches, rejects) = decoder.waiting_mut().finish();
    (batches.into_iter().map(|(_, batch)| batch).collect(), rejects)
}

/// The fields of the only record in `line`, null ones as `∅`.
fn fields(line: &str) -> Vec<String> {
    let (batches, rejects) = decode(line.as_bytes());
    if let Some(rejects) = rejects {
        let reason = TextColumn::new(rejects.column(4)).unwrap();
        return vec![format!("reject: {}", reason.get(0).unwrap())];
    }
    let batch = &batches[0];
    assert_eq!(batch.num_rows(), 1);
    let show = |column: usize| match TextColumn::new(batch.column(column)) {
        Ok(text) => text.get(0).unwrap_or("∅").to_owned(),
        Err(_) => match batch.column(column) {
            array if array.is_null(0) => "∅".to_owned(),
            array => array
                .as_primitive_opt::<Int64Type>()
                .map(|array| array.value(0).to_string())
                .or_else(|| array.as_primitive_opt::<Int32Type>().map(|array| array.value(0).to_string()))
                .unwrap_or_else(|| "time".to_owned()),
        },
    };
    (0..=column::EXTRA).map(show).collect()
}

fn field(line: &str, column: usize) -> String {
    let fields = fields(line);
    fields.get(column).unwrap_or(&fields[0]).clone()
}

fn has_raw(line: &str) -> bool {
    let (batches, _) = decode(line.as_bytes());
    batches[0].column(column::RAW).is_valid(0)
}

#[test]
fn a_byte_order_mark_makes_no_difference() {
    for line in [OLD.to_owned(), OLD.replace("agent", "\u{e4}gent")] {
        let marked = format!("\u{feff}{line}");
        assert_eq!(fields(&marked), fields(&line));
        assert!(has_raw(&marked) && !has_raw(&line));
        let (batches, _) = decode(marked.as_bytes());
        let mut printed = Vec::new();
        LinePrinter::new(&batches[0]).unwrap().print(0, &mut printed);
        assert_eq!(String::from_utf8(printed).unwrap(), marked);
    }
    // One that is not UTF-8 elsewhere has its columns all the same.
    let broken = [b"\xef\xbb\xbf", OLD.replace("agent", "\u{1}").as_bytes()].concat();
    let broken: Vec<u8> = broken.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    let (batches, rejects) = decode(&broken);
    assert!(rejects.is_none() && TextColumn::new(batches[0].column(0)).unwrap().get(0) == Some("owner"));
}

#[test]
fn a_line_of_the_user_guide_needs_no_raw() {
    let line = format!(
        r#"{HEAD} s3-dg.pdf "PUT /s3-dg.pdf HTTP/1.1" 200 - - 4406583 41754 28 "-" "S3Console/0.4" - 10S62Zv8= SigV4 ECDHE AuthHeader b.s3.amazonaws.com TLSV1.1 arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP Yes us-east-1"#
    );
    let expected = [
        "owner",
        "bucket",
        "time",
        "192.0.2.3",
        "arn:aws:iam::1:user/u",
        "T7X3D7QX7X6GZ0NN",
        "REST.GET.OBJECT",
        "s3-dg.pdf",
        "PUT /s3-dg.pdf HTTP/1.1",
        "200",
        "∅",
        "∅",
        "4406583",
        "41754",
        "28",
        "∅",
        "S3Console/0.4",
        "∅",
        "10S62Zv8=",
        "SigV4",
        "ECDHE",
        "AuthHeader",
        "b.s3.amazonaws.com",
        "TLSV1.1",
        "arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP",
        "Yes",
        "us-east-1",
        "27",
        "∅",
    ];
    assert_eq!(fields(&line), expected);
    assert!(!has_raw(&line));
}

#[test]
fn lines_of_18_fields_and_of_more_than_27() {
    assert_eq!(field(OLD, column::FIELD_COUNT), "18");
    let tail = " h SigV4 c AuthHeader host TLSv1.2 - Yes eu-west-1";
    assert_eq!(field(&format!("{OLD}{tail} f28 f29"), column::EXTRA), "f28 f29");
    assert_eq!(field(&format!("{OLD}{tail} f28 f29"), column::FIELD_COUNT), "29");
    for line in
        [OLD.to_owned(), format!("{OLD}{tail}"), format!("{OLD}{tail} f28"), format!("{OLD} -"), format!("{OLD} - -")]
    {
        assert!(!has_raw(&line), "{line}");
    }
    assert_eq!(field(&format!("{OLD}{tail} -"), column::FIELD_COUNT), "28");
    assert_eq!(fields(OLD.strip_suffix(" -").unwrap()), ["reject: fewer than 18 fields"]);
}

#[test]
fn quotes_inside_quoted_fields() {
    let line = |request: &str, referer: &str, agent: &str| {
        format!(r#"{HEAD} k "{request}" 404 NoSuchKey 113 - 7 - "{referer}" "{agent}" - host= SigV4"#)
    };
    for (request, referer, agent) in [
        (r#"GET /?a="b" HTTP/1.1"#, r#"x"y"#, r#""Mozilla/5.0"#),
        (r#"GET /?a="b" c HTTP/1.1"#, r#"say "hi" there"#, r#"a "quoted" agent"#),
        (r#"GET /x" 200 y" HTTP/1.1"#, "", r#"<?php "x"; ?>"#),
        (r#""" ""#, r#"" "#, r#"" ""#),
    ] {
        let line = line(request, referer, agent);
        let found = fields(&line);
        assert_eq!(found.get(column::REQUEST_URI), Some(&request.to_owned()), "{line}");
        assert_eq!(found[column::USER_AGENT].is_empty(), agent.is_empty());
        assert_eq!(found[column::VERSION_ID..=column::SIGNATURE_VERSION], ["∅", "host=", "SigV4"], "{line}");
        assert!(!has_raw(&line), "{line}");
    }
    let found = fields(&line(r#"GET /?a="b" c HTTP/1.1"#, "ref", r#"a "b" c"#));
    assert_eq!((&*found[column::REFERER], &*found[column::USER_AGENT]), ("ref", r#"a "b" c"#));
}

#[test]
fn batch_and_lifecycle_records() {
    let batch = HEAD.replace("REST.GET", "BATCH.DELETE") + " k - 204 - - 7983 - - - - - host= SigV4 - AuthHeader - -";
    assert_eq!(field(&batch, column::USER_AGENT), "∅");
    assert!(!has_raw(&batch));
    let lifecycle = r#"owner bucket [29/Jul/2021:13:09:55 +0000] - AmazonS3 T7X3D7QX7X6GZ0NN S3.EXPIRE.OBJECT k "-" - - - 113 - - "-" "-" version two words - - - - - - - -"#;
    let found = fields(lifecycle);
    assert_eq!(found[column::HOST_ID], "two words");
    assert_eq!((&*found[column::REMOTE_IP], &*found[column::FIELD_COUNT]), ("∅", "27"));
    assert!(!has_raw(lifecycle));
    // The other way of writing a null is kept as it is.
    assert!(has_raw(&lifecycle.replace(r#""-" "-""#, r#"- "-""#)));
}

#[test]
fn odd_heads() {
    let spaced = OLD.replace("192.0.2.3 -", "2001:db8::1 arn:aws:sts::1:assumed-role/My Role/Jane Doe");
    assert_eq!(field(&spaced, column::REQUESTER), "arn:aws:sts::1:assumed-role/My Role/Jane Doe");
    assert_eq!(field(&spaced, column::REMOTE_IP), "2001:db8::1");
    assert!(!has_raw(&spaced));
    let service = OLD.replace("192.0.2.3 -", "- svc:logging.s3.amazonaws.com");
    assert_eq!(field(&service, column::REQUESTER), "svc:logging.s3.amazonaws.com");
    let doubled = OLD.replace(" 200 ", "  200 ");
    assert_eq!(field(&doubled, 9), "200");
    assert!(has_raw(&doubled));
    assert!(has_raw(&OLD.replace("+0000", "+0200")));
    assert!(has_raw(&OLD.replace(" 113 ", " 0113 ")));
}

#[test]
fn what_is_no_record_says_why() {
    for (line, reason) in [
        ("   ", "only white space"),
        ("hello", "no time in brackets after two fields"),
        (&*OLD.replace("Jul", "Jux"), "no time in brackets after two fields"),
        (&OLD.replace("REST.GET.OBJECT", "what"), "no operation, such as REST.GET.OBJECT, as the seventh field"),
        (&OLD.replace("2021", "0000"), "the time is not of the years 1 to 9999"),
        (
            &OLD.replace("29/Jul/2021:13", "31/Dec/9999:23").replace("+0000", "-0900"),
            "the time is not of the years 1 to 9999",
        ),
        (
            &OLD.replace("29/Jul/2021:13", "01/Jan/0001:00").replace("+0000", "+0030"),
            "the time is not of the years 1 to 9999",
        ),
        (&OLD.replace(" 200 - 113 - 7 -", " OK - many - few -"), "http_status is not a number"),
        (&OLD.replace(" 113 ", " \"113\" "), "bytes_sent is not a number"),
        (&OLD.replace("\"GET", "GET"), "request_uri is not in quotes"),
        (&OLD[..OLD.len() - 12], "the quote of referer does not close"),
        (&OLD[..100], "the quote of request_uri does not close"),
    ] {
        assert_eq!(fields(line), [format!("reject: {reason}")], "{line}");
    }
}

#[test]
fn a_number_that_is_none_is_null_and_counted() {
    let many = "9".repeat(30);
    for (from, to, expected) in [
        (" 200 ", format!(" {many} "), vec!["http_status"]),
        (" 200 ", " 2147483648 ".to_owned(), vec!["http_status"]),
        (" 200 ", " OK ".to_owned(), vec!["http_status"]),
        (" 113 ", " 9223372036854775808 ".to_owned(), vec!["bytes_sent"]),
        (
            " 113 - 7 -",
            format!(" {many} {many} {many} {many}"),
            vec!["bytes_sent", "object_size", "total_time", "turn_around_time"],
        ),
        (" 113 - 7 ", format!(" -1 {many} 7.5 "), vec!["bytes_sent", "object_size", "total_time"]),
    ] {
        let line = OLD.replace(from, &to);
        let mut decoder = Decoder::new(partitions(&TABLE));
        let block = Block::Lines(line.as_bytes());
        let decoded = decoder.decode(block, &origin(LineEnding::Lf), &mut Carry::default());
        let (batches, rejects) = decoder.waiting_mut().finish();
        assert!(rejects.is_none() && has_raw(&line), "{line}");
        let batch = &batches[0].1;
        for name in ["http_status", "bytes_sent", "object_size", "total_time", "turn_around_time"] {
            assert_eq!(decoded.other_types.contains_key(name), expected.contains(&name), "{name} of {line}");
            assert!(batch[name].is_null(0) || !expected.contains(&name), "{name} of {line}");
        }
        assert_eq!(field(&line, column::USER_AGENT), "agent");
        assert_eq!(rebuild(std::slice::from_ref(batch), None, line.as_bytes(), 1), line.as_bytes());
    }
    // The reading in which all numbers are some goes before one in which they are not.
    let quoted = format!(r#"{HEAD} k "GET /x" 200 - y z" 200 - 113 - 7 - "-" "agent" -"#);
    assert_eq!(field(&quoted, column::REQUEST_URI), r#"GET /x" 200 - y z"#);
}

#[test]
fn a_line_of_quotes_is_read_in_bounded_time() {
    let quotes = r#"" 200 - 1 1 1 1 "x" "#.repeat(50_000);
    assert!(quotes.len() > 900_000);
    fields(&format!("{HEAD} k \"{quotes}"));
}

/// Prints a source again, as `sawlog verify` does.
fn rebuild(batches: &[RecordBatch], rejects: Option<&RecordBatch>, text: &[u8], lines: usize) -> Vec<u8> {
    let ending = LineEnding::of(text);
    let mut printed: Vec<Option<(Vec<u8>, bool)>> = vec![None; lines];
    let number = |batch: &RecordBatch, column: usize, row: usize| {
        usize::try_from(batch.column(column).as_primitive::<Int64Type>().value(row)).unwrap() - 1
    };
    for batch in batches {
        let printer = LinePrinter::new(batch).unwrap();
        for row in 0..batch.num_rows() {
            let mut out = Vec::new();
            printer.print(row, &mut out);
            printed[number(batch, column::SOURCE_LINE, row)] = Some((out, printer.as_it_was(row)));
        }
    }
    if let Some(batch) = rejects {
        for row in 0..batch.num_rows() {
            let raw = batch["raw"].as_binary::<i32>().value(row).to_vec();
            printed[number(batch, 2, row)] = Some((raw, true));
        }
    }
    let mut out = Vec::new();
    let terminated = text.ends_with(b"\n");
    for (index, line) in printed.iter().enumerate() {
        let (content, raw) = line.clone().unwrap_or_default();
        out.extend_from_slice(&content);
        if index + 1 < lines || terminated {
            out.extend_from_slice(if raw { b"\n" } else { ending.bytes() });
        }
    }
    out
}

/// Pieces of lines that strain the grammar.
fn nasty_line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => Just(" ".to_owned()), 3 => Just("\"".to_owned()), 3 => Just("-".to_owned()), 1 => Just("\\".to_owned()),
        2 => Just("[29/Jul/2021:13:09:55 +0000]".to_owned()), 1 => Just("REST.GET.OBJECT".to_owned()),
        1 => Just("BATCH.DELETE.OBJECT".to_owned()), 2 => "[0-9]{1,4}", 2 => "[a-z%\u{e4}\u{1F600}]{1,8}", 1 => Just("\r".to_owned()),
        1 => Just("\0".to_owned()),
    ];
    let free = prop::collection::vec(piece.clone(), 0..30).prop_map(|pieces| pieces.concat().into_bytes());
    let inner = prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat());
    let word = prop_oneof![4 => "[a-zA-Z0-9/=+.%]{1,12}", 3 => Just("-".to_owned())];
    let number = prop_oneof![3 => "[1-9][0-9]{0,6}", 1 => Just("-".to_owned()), 1 => "[0-9]{1,3}"];
    let quoted = prop_oneof![
        4 => "[a-zA-Z0-9/ .()]{0,20}".prop_map(|s| format!("\"{s}\"")), 2 => inner.prop_map(|s| format!("\"{s}\"")),
        1 => Just("-".to_owned()), 2 => Just("\"-\"".to_owned())
    ];
    let operation =
        prop_oneof![Just("REST.PUT.OBJECT"), Just("BATCH.DELETE.OBJECT"), Just("S3.EXPIRE.OBJECT"), Just("-")];
    let head = (word.clone(), word.clone(), word.clone(), word.clone(), word.clone(), operation, word.clone());
    let middle =
        (quoted.clone(), number.clone(), word.clone(), prop::collection::vec(number, 4), quoted.clone(), quoted);
    let record = (head, middle, prop::collection::vec(word, 0..14)).prop_map(|(h, m, tail)| {
        let head = format!("{} {} [29/Jul/2021:13:09:55 +0000] {} {} {} {} {}", h.0, h.1, h.2, h.3, h.4, h.5, h.6);
        let middle = format!("{} {} {} {} {} {}", m.0, m.1, m.2, m.3.join(" "), m.4, m.5);
        format!("{head} {middle} {}", tail.join(" ")).into_bytes()
    });
    let cut = (record.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut line, at, byte)| {
        let at = at.index(line.len());
        line[at] = if byte == b'\n' { b' ' } else { byte };
        line
    });
    prop_oneof![1 => free, 5 => record, 3 => cut]
}

fn nasty_text() -> impl Strategy<Value = Vec<u8>> {
    let ending = prop_oneof![20 => Just("\n"), 3 => Just("\r\n"), 1 => Just("\n\n")];
    (prop::collection::vec((nasty_line(), ending), 0..20), any::<bool>(), any::<bool>()).prop_map(
        |(lines, crlf, cut)| {
            let mut text = Vec::new();
            for (line, ending) in lines {
                text.extend(line);
                text.extend_from_slice(if crlf { b"\r\n" } else { ending.as_bytes() });
            }
            if cut {
                text.pop();
            }
            text
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_decoded_prints_as_it_was(text in nasty_text()) {
        let mut decoder = Decoder::new(partitions(&TABLE));
        let decoded = decoder.decode(Block::Lines(&text), &origin(LineEnding::of(&text)), &mut Carry::default());
        let (batches, rejects) = decoder.waiting_mut().finish();
        let batches: Vec<RecordBatch> = batches.into_iter().map(|(_, batch)| batch).collect();
        let lines = usize::try_from(decoded.lines).unwrap();
        prop_assert_eq!(decoded.lines, decoded.records + decoded.rejects + decoded.blank_lines);
        prop_assert_eq!(rebuild(&batches, rejects.as_ref(), &text, lines), text);
    }

    #[test]
    fn the_strict_reading_is_the_patient_one(line in nasty_line()) {
        let mut times = TimeReader::default();
        let mut line_out = Line::EMPTY;
        if strict::read(&line, &mut times, &mut line_out).is_some() {
            prop_assert_eq!(salvage::read(&line, &mut times), Ok(line_out));
        }
    }

    #[test]
    fn any_split_gives_the_same_rows(text in nasty_text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let whole = decode(&text);
        let mut ends: Vec<usize> = cuts.iter().filter_map(|cut| {
            let at = cut.index(text.len().max(1));
            memchr::memchr(b'\n', text.get(at..)?).map(|more| at + more + 1)
        }).collect();
        ends.push(text.len());
        ends.sort_unstable();
        let mut decoder = Decoder::new(partitions(&TABLE));
        let mut origin = origin(LineEnding::of(&text));
        let mut start = 0;
        for end in ends {
            let decoded = decoder.decode(Block::Lines(&text[start..end]), &origin, &mut Carry::default());
            origin.first_line += decoded.lines;
            origin.byte_offset += i64::try_from(end - start).unwrap();
            start = end;
        }
        let (batches, rejects) = decoder.waiting_mut().finish();
        let batches: Vec<RecordBatch> = batches.into_iter().map(|(_, batch)| batch).collect();
        prop_assert_eq!((batches, rejects), whole);
    }
}
