//! Flow logs in any order of fields are decoded, and printed again as they were.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;

use super::*;
use crate::decoder::{Block, Decoded};
use crate::origin::{LineEnding, Origin};
use crate::{Decoder as _, Printer as _, TextColumn};

struct Read {
    batches: Vec<RecordBatch>,
    rejects: Option<RecordBatch>,
    decoded: Decoded,
    carry: Carry,
}

/// Decodes lines in blocks of `per_block`.
fn read_in_blocks(content: &str, per_block: usize) -> Read {
    let mut decoder = super::decode::Decoder::default();
    let (mut decoded, mut carry) = (Decoded::default(), Carry::default());
    let lines: Vec<&str> = content.split_inclusive('\n').collect();
    for block in lines.chunks(per_block) {
        let origin = Origin {
            source_file: "file",
            first_line: 1 + decoded.lines,
            byte_offset: 0,
            ending: LineEnding::of(content.as_bytes()),
        };
        decoded.add(&decoder.decode(Block::Lines(block.concat().as_bytes()), &origin, &mut carry));
    }
    let (batches, rejects) = decoder.waiting_mut().finish();
    Read { batches: batches.into_iter().map(|(_, batch)| batch).collect(), rejects, decoded, carry }
}

fn read(content: &str) -> Read {
    read_in_blocks(content, usize::MAX)
}

impl Read {
    /// The lines, by number, each with what stands before it.
    fn lines(&self) -> Vec<(i64, String)> {
        let mut lines = Vec::new();
        for batch in &self.batches {
            let printer = LinePrinter::new(batch).unwrap();
            let numbers = batch["source_line"].as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                let mut line = printer.gap(row).unwrap_or_default().as_bytes().to_vec();
                printer.print(row, &mut line);
                lines.push((numbers.value(row), String::from_utf8(line).unwrap()));
            }
        }
        lines.sort();
        lines
    }
}

const V2: &str = "2 123456789010 eni-1 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";

#[test]
fn the_default_fields_without_a_header() {
    let nodata = "2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA";
    let read = read(&format!("{V2}\n{nodata}\n"));
    assert_eq!((read.decoded.records, read.decoded.rejects), (2, 0));
    assert_eq!(read.lines(), [(1, V2.to_owned()), (2, nodata.to_owned())]);
    let batch = &read.batches[0];
    assert_eq!(batch["srcport"].as_primitive::<Int32Type>().value(0), 20641);
    assert_eq!(batch["bytes"].as_primitive::<Int64Type>().value(0), 4249);
    assert_eq!(batch["start"].as_primitive::<TimestampMicrosecondType>().value(0), 1_418_530_010_000_000);
    assert_eq!(TextColumn::new(&batch["srcaddr"]).unwrap().get(0), Some("172.31.16.139"));
    assert_eq!(TextColumn::new(&read.batches[1]["log_status"]).unwrap().get(0), Some("NODATA"));
    assert!(detect(V2.as_bytes()));
}

#[test]
fn a_header_gives_the_order_and_may_come_again() {
    let header = "dstaddr new-field srcaddr start version other";
    let content = format!("{header}\n::1 x ::2 1418530010 12 -\n\n{header}\n\n::3 y z 1418530011 12 q\n{header}\n");
    for per_block in [1, 2, 100] {
        let read = read_in_blocks(&content, per_block);
        assert_eq!((read.decoded.records, read.decoded.rejects, read.decoded.lines), (2, 0, 7));
        let lines = read.lines();
        assert_eq!(lines[0], (2, format!("{header}\n::1 x ::2 1418530010 12 -")));
        assert_eq!(lines[1], (6, format!("{header}\n\n::3 y z 1418530011 12 q")));
        assert_eq!(read.carry.gap, format!("{header}\n"));
        let batch = &read.batches[0];
        assert_eq!(TextColumn::new(&batch["dstaddr"]).unwrap().get(0), Some("::1"));
        assert_eq!(TextColumn::new(&batch["extra"]).unwrap().get(1), Some("y q"));
    }
}

#[test]
fn another_header_changes_the_order() {
    let content = format!("srcaddr start\na 1\nstart srcaddr\n2 b\n{V2}\n");
    let read = read(&content);
    assert_eq!(read.lines(), [(2, "srcaddr start\na 1".to_owned()), (4, "start srcaddr\n2 b".to_owned())]);
    let rejects = read.rejects.unwrap();
    assert_eq!(TextColumn::new(&rejects["reason"]).unwrap().get(0), Some("has 14 fields where 2 are named"));
}

#[test]
fn milliseconds_are_told_from_seconds() {
    let line = V2.replace("1418530010", "1418530010123");
    let read = read(&line);
    let start = read.batches[0]["start"].as_primitive::<TimestampMicrosecondType>();
    assert_eq!(start.value(0), 1_418_530_010_123_000);
    assert_eq!(read.lines(), [(1, line)]);
}

#[test]
fn lines_that_are_none_say_why() {
    for (line, reason) in [
        (V2.replace("20641", "http"), "srcport is no number that fits"),
        (V2.replace("20641", "99999999999"), "srcport is no number that fits"),
        (V2.replace("1418530010", "today"), "start is no time"),
        (V2.replace("1418530010 1418530070", "- -"), "has neither start nor end"),
        (V2.replace(" OK", ""), "has 13 fields where 14 are named"),
        (format!("{V2} OK"), "has 15 fields where 14 are named"),
    ] {
        let read = read(&format!("{V2}\n{line}\n{V2}\n"));
        assert_eq!((read.decoded.records, read.decoded.rejects), (2, 1));
        assert_eq!(TextColumn::new(&read.rejects.unwrap()["reason"]).unwrap().get(0), Some(reason));
    }
}

#[test]
fn headers_are_not_mistaken() {
    for line in ["version account-id", "srcaddr start", "type region newest-field az-id", "account_id version"] {
        assert!(is_header(line.as_bytes()), "{line}");
    }
    for line in ["", "version", "2 eni-1", "start of a text", "version 2", "action: end", V2] {
        assert!(!is_header(line.as_bytes()), "{line}");
    }
}

proptest! {
    #[test]
    fn any_line_comes_back(
        order in Just((0..column::FIELDS).collect::<Vec<_>>()).prop_shuffle(),
        count in 2usize..column::FIELDS,
        rows in prop::collection::vec(prop::collection::vec((0u32..4_000_000_000, any::<bool>()), column::FIELDS), 1..20),
        crlf: bool,
        per_block in 1usize..10,
    ) {
        let mut columns = order[..count].to_vec();
        if !columns.contains(&column::START) {
            columns[0] = column::START;
        }
        let mut lines = vec![columns.iter().map(|column| TABLE.columns[*column].name.replace('_', "-")).collect::<Vec<_>>().join(" ")];
        for row in &rows {
            let value = |column: &usize| match TABLE.columns[*column].kind {
                Kind::Text if row[*column].1 => "-".to_owned(),
                Kind::Text => format!("value-{}", row[*column].0),
                Kind::Int32 => (row[*column].0 / 2).to_string(),
                _ => row[*column].0.to_string(),
            };
            lines.push(columns.iter().map(value).collect::<Vec<_>>().join(" "));
        }
        let ending = if crlf { "\r\n" } else { "\n" };
        let read = read_in_blocks(&(lines.join(ending) + ending), per_block);
        prop_assert_eq!(read.decoded.rejects, 0);
        let printed = read.lines();
        prop_assert_eq!(&printed[0].1, &(lines[0].clone() + ending + &lines[1]));
        prop_assert_eq!(printed[1..].iter().map(|(_, line)| line).collect::<Vec<_>>(), lines[2..].iter().collect::<Vec<_>>());
    }
}
