//! Flow logs in any order of fields are decoded, and printed again as they were, whatever is wrong with some of them.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;

use super::*;
use crate::block::Block;
use crate::decoder::Decoded;
use crate::identify::partitions;
use crate::origin::{LineEnding, Origin};
use crate::table::Kind;
use crate::{Decoder as _, Printer as _, TextColumn, TimeSpan};

struct Read {
    days: Vec<Option<i32>>,
    batches: Vec<RecordBatch>,
    rejects: Option<RecordBatch>,
    decoded: Decoded,
    carry: Carry,
}

/// Decodes lines in blocks of `per_block`, of a file whose name has no time.
fn read_in_blocks(content: &str, per_block: usize) -> Read {
    read_file(content, per_block, None)
}

fn read_file(content: &str, per_block: usize, file_time: Option<i64>) -> Read {
    let mut decoder = super::decode::Decoder::new(partitions(&TABLE));
    let (mut decoded, mut carry) = (Decoded::default(), Carry::default());
    let lines: Vec<&str> = content.split_inclusive('\n').collect();
    for block in lines.chunks(per_block) {
        let origin = Origin {
            source_file: "file",
            first_line: 1 + decoded.lines,
            byte_offset: 0,
            ending: LineEnding::of(content.as_bytes()),
            file_time,
        };
        decoded.add(&decoder.decode(Block::Lines(block.concat().as_bytes()), &origin, &mut carry));
    }
    let (batches, rejects) = decoder.waiting_mut().finish();
    let (days, batches) = batches.into_iter().unzip();
    Read { days, batches, rejects, decoded, carry }
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
fn a_byte_order_mark_makes_no_difference() {
    let content = "\u{feff}dstaddr srcaddr start\n::1 ::2 1418530010\n\u{feff}srcaddr dstaddr start\n\u{feff}::2 ::1 1418530010\n";
    for per_block in [1, 2, 100] {
        let read = read_in_blocks(content, per_block);
        assert_eq!((read.decoded.records, read.decoded.rejects), (2, 0));
        let addresses = |row: usize| {
            let batches = &read.batches;
            let (batch, row) = if batches.len() > 1 { (&batches[row], 0) } else { (&batches[0], row) };
            TextColumn::new(&batch["srcaddr"]).unwrap().get(row).map(str::to_owned)
        };
        assert_eq!((addresses(0).as_deref(), addresses(1).as_deref()), (Some("::2"), Some("::2")));
        let lines: String = read.lines().into_iter().map(|(_, line)| line + "\n").collect();
        assert_eq!(lines, content);
    }
    let mut carry = Carry::default();
    skim(content.as_bytes(), &mut carry);
    assert_eq!(carry.fields.as_deref(), Some("srcaddr dstaddr start"));
    assert!(detect(content.as_bytes()));
    let headerless = read(&format!("\u{feff}{V2}\n"));
    assert_eq!((headerless.decoded.records, headerless.batches[0]["version"].is_empty()), (1, false));
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
        (V2.replace(" OK", ""), "has 13 fields where 14 are named"),
        (format!("{V2} OK"), "has 15 fields where 14 are named"),
        (format!("{} ", V2.replace(" 6 20", "")), "has 12 fields where 14 are named"),
        (["word"; 14].join(" "), "most of its fields are not what they are named"),
        ("2 a b c d e f g h i 1418530010 1418530070 j k".to_owned(), "most of its fields are not what they are named"),
    ] {
        let read = read(&format!("{V2}\n{line}\n{V2}\n"));
        assert_eq!((read.decoded.records, read.decoded.rejects), (2, 1));
        assert_eq!(TextColumn::new(&read.rejects.unwrap()["reason"]).unwrap().get(0), Some(reason));
    }
}

#[test]
fn headers_are_not_mistaken() {
    for line in [
        "version account-id",
        "srcaddr start",
        "type region newest-field az-id",
        "account_id version",
        "Version Account-ID",
        "SRCADDR\tDSTADDR",
        "version  account-id \t ",
        TRANSIT_FIELDS,
    ] {
        assert!(is_header(line.as_bytes()), "{line}");
    }
    for line in ["", "version", "2 eni-1", "start of a text", "version 2", "action: end", " version end", V2] {
        assert!(!is_header(line.as_bytes()), "{line}");
    }
}

/// The numbers and times of a column, by line.
fn values(read: &Read, name: &str) -> Vec<Option<i64>> {
    let mut values = Vec::new();
    for batch in &read.batches {
        let column = crate::columns::NumberColumn::new(batch, name).unwrap();
        let lines = batch["source_line"].as_primitive::<Int64Type>();
        values.extend((0..batch.num_rows()).map(|row| (lines.value(row), column.get(row))));
    }
    values.sort_unstable();
    values.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn a_number_or_time_that_is_none_is_null_and_counted() {
    let many = "9".repeat(30);
    for (from, to, name) in [
        ("20641", "http", "srcport"),
        ("20641", "99999999999", "srcport"),
        (" 4249 ", " 9223372036854775808 ", "bytes"),
        (" 20 ", &format!(" {many} "), "packets"),
        ("1418530010", "today", "start"),
        ("1418530010", "253402300800000", "start"),
        ("1418530010", &many, "start"),
        ("1418530070", "253402300800000", "end"),
        ("2 1234", "two 1234", "version"),
    ] {
        let line = V2.replacen(from, to, 1);
        let read = read(&format!("{V2}\n{line}\n"));
        assert_eq!((read.decoded.records, read.decoded.rejects), (2, 0), "{line}");
        assert_eq!(read.lines()[1], (2, line.clone()));
        assert_eq!(values(&read, name)[1], None, "{line}");
        let counts: Vec<(&str, i64)> = read.decoded.other_types.iter().map(|(name, count)| (&**name, *count)).collect();
        assert_eq!(counts, [(name, 1)], "{line}");
        assert_eq!(read.days, [Some(16_418)], "the other time says the day: {line}");
    }
}

#[test]
fn records_without_a_time_have_that_of_their_file_or_none() {
    let custom = "bytes az-id srcaddr dstaddr log-status\n100 use1-az1 10.0.0.1 - OK\n9 use1-az1 - ::1 NODATA\n";
    let never = V2.replace("1418530010 1418530070", "253402300800000 -");
    for content in [custom.to_owned(), format!("{never}\n{}\n", V2.replace("1418530010 1418530070", "- -"))] {
        for per_block in [1, 100] {
            let read = read_file(&content, per_block, None);
            assert_eq!((read.decoded.records, read.decoded.rejects, read.decoded.times), (2, 0, None));
            assert_eq!((&*read.days, values(&read, "file_time")), (&[None][..], vec![None, None]));
            let read = read_file(&content, per_block, Some(1_714_565_100_000_000));
            assert_eq!((read.decoded.records, read.decoded.rejects), (2, 0));
            assert_eq!(read.decoded.times, Some(TimeSpan::at(1_714_565_100_000_000)));
            assert_eq!(read.days, [Some(19_844)]);
            assert_eq!(values(&read, "file_time"), [Some(1_714_565_100_000_000); 2]);
            let whole: Vec<String> = read.lines().into_iter().map(|(_, line)| line).collect();
            assert_eq!(whole.join("\n") + "\n", content);
        }
        // A time that no store can hold is none.
        assert_eq!(read_file(&content, 100, Some(i64::MAX)).days, [None]);
    }
    // A record with a time of its own needs no other.
    let read = read_file(V2, 1, Some(1_714_565_100_000_000));
    assert_eq!((&*read.days, values(&read, "file_time")), (&[Some(16_418)][..], vec![None]));
    // A line of other things than the names say is none.
    let garbage = read_file("srcaddr dstaddr action\nfoo bar baz\n", 1, None);
    assert_eq!((garbage.decoded.records, garbage.decoded.rejects), (0, 1));
}

const TRANSIT: &str = "6 TransitGateway 111122223333 tgw-0a tgw-attach-0b 111122223333 444455556666 vpc-0c vpc-0d subnet-0e \
                       subnet-0f eni-01 eni-02 use1-az4 use1-az6 tgw-attach-03 192.0.2.164 198.51.100.7 45678 443 6 10 \
                       8400 1714564800 1714564860 OK IPv4 1 2 3 4 2 us-east-1 egress - S3";

#[test]
fn transit_gateways_are_known_without_a_header() {
    assert!(detect(TRANSIT.as_bytes()) && !detect(TRANSIT.replace("TransitGateway", "Other").as_bytes()));
    let attachment = TRANSIT.replace("TransitGateway ", "TransitGatewayAttachment ");
    // Lines of both kinds, in any blocks, with and without the header.
    let content = format!("{TRANSIT}\n{V2}\n{attachment}\n{attachment}\n{V2}\n{TRANSIT_FIELDS}\n{TRANSIT}\n");
    for per_block in [1, 2, 3, 100] {
        let read = read_in_blocks(&content, per_block);
        assert_eq!((read.decoded.records, read.decoded.rejects), (6, 0));
        assert!(read.decoded.other_types.is_empty());
        assert_eq!(read.lines().iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 7]);
        let lost = [
            "packets_lost_no_route",
            "packets_lost_blackhole",
            "packets_lost_mtu_exceeded",
            "packets_lost_ttl_expired",
        ];
        for (name, lost) in lost.into_iter().zip(1..) {
            let lost = Some(lost);
            assert_eq!(values(&read, name), [lost, None, lost, lost, None, lost], "{name}");
        }
        let texts = |name: &str| {
            let found = read.batches.iter().flat_map(|batch| {
                let column = TextColumn::new(&batch[name]).unwrap();
                (0..batch.num_rows()).filter_map(move |row| column.get(row).map(str::to_owned)).collect::<Vec<_>>()
            });
            found.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(texts("resource_type"), ["TransitGateway", "TransitGatewayAttachment"]);
        assert_eq!(
            (texts("tgw_dst_eni"), texts("pkt_dst_aws_service")),
            (vec!["eni-02".to_owned()], vec!["S3".to_owned()])
        );
        assert_eq!(texts("srcaddr"), ["172.31.16.139", "192.0.2.164"]);
    }
    // Where a header says otherwise they are what it says.
    let named = read(&format!("srcaddr dstaddr start\n{TRANSIT}\n"));
    assert_eq!((named.decoded.records, named.decoded.rejects), (0, 1));
}

#[test]
fn tabs_and_more_blanks_stand_between_fields_too() {
    for (header, line) in [
        ("DstAddr\tLog_Status\tSTART\t", "192.0.2.2\tOK\t1418530010"),
        ("DSTADDR  Log-Status   start", "192.0.2.2   OK 1418530010 \t"),
        ("dstaddr log_status start ", "192.0.2.2 OK 1418530010"),
    ] {
        let content = format!("{header}\n{line}\n{line}\n");
        for per_block in [1, 100] {
            let read = read_in_blocks(&content, per_block);
            assert_eq!((read.decoded.records, read.decoded.rejects), (2, 0), "{header}");
            assert_eq!(read.lines(), [(2, format!("{header}\n{line}")), (3, line.to_owned())]);
            let batch = &read.batches[0];
            assert_eq!(TextColumn::new(&batch["dstaddr"]).unwrap().get(1), Some("192.0.2.2"));
            assert_eq!(values(&read, "start"), [Some(1_418_530_010_000_000); 2]);
            let mut skimmed = Carry::default();
            skim(content.as_bytes(), &mut skimmed);
            assert_eq!(skimmed.fields, read.carry.fields, "what is passed over names the same fields");
        }
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
