//! What must hold for any bytes at all: an archive is taken apart within its limits, and the same way each time; a
//! decoder does not panic, keeps everything, and does not depend on how the bytes come in pieces; a path stays what it
//! is; a filter is an error or leaves what it says.
#![forbid(unsafe_code)]

mod archives;
mod filters;
mod paths;

use std::convert::Infallible;
use std::io::{Read, Write};

pub use archives::archives;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
pub use filters::{choices, filters};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
pub use paths::paths;
use sawlog_formats::{
    Block, Carry, Cutter, Decoded, Decoder, Format, LineEnding, Origin, REJECTS, RejectReason, Remainder, TIMES, Table,
    TextColumn, TimeSpan, WrappedColumns, date_name, decode_opened, inflate, is_gzip, open, rebuild, reject_opened,
};

/// Where a block begins of a file whose name has a time or none.
fn origin(content: &[u8], decoded: &Decoded, offset: usize, file_time: Option<i64>) -> Origin<'static> {
    Origin {
        source_file: "file",
        first_line: 1 + decoded.lines,
        byte_offset: i64::try_from(offset).expect("a short file"),
        ending: LineEnding::of(content),
        file_time,
    }
}

/// The records and rejects that a decoder holds.
fn batches(format: &Format, decoder: &mut dyn Decoder) -> Vec<(&'static Table, RecordBatch)> {
    let (batches, rejects) = decoder.waiting_mut().finish();
    for (day, _) in &batches {
        // A partition has a name that every reader of the store takes for a date, or none.
        let is_date = |name: String| name.len() == 10 && name.as_str() >= "0001-01-01" && name.as_str() <= "9999-12-31";
        assert!(day.map(date_name).is_none_or(is_date), "{day:?} is no date");
    }
    let records = batches.into_iter().map(|(_, batch)| (format.table, batch));
    records.chain(rejects.map(|batch| (&REJECTS, batch))).collect()
}

/// Puts the batches together again, and checks that they are the content.
fn compare(batches: &[(&'static Table, RecordBatch)], remainder: &Remainder, rest: &[u8], content: &[u8]) {
    let rebuilt = rebuild(batches.iter().map(|(table, batch)| (*table, batch)), remainder);
    let mut rebuilt = rebuilt.expect("a batch of the format has its columns");
    rebuilt.extend_from_slice(rest);
    assert_eq!(String::from_utf8_lossy(&rebuilt), String::from_utf8_lossy(content));
    assert!(rebuilt == content, "the bytes differ where they are not UTF-8");
}

/// Decodes lines, so many to a block, and checks that they are printed as they were, with or without a file's time.
///
/// # Panics
///
/// If they can't.
pub fn lines(format: &Format, content: &[u8], per_block: usize) {
    let [without, with] = [None, Some(1_627_563_900_000_000)].map(|time| lines_of(format, content, per_block, time));
    assert_eq!((without.records, without.rejects), (with.records, with.rejects), "a time makes no record");
}

fn lines_of(format: &Format, content: &[u8], per_block: usize, file_time: Option<i64>) -> Decoded {
    let mut decoder = format.new_decoder();
    let (mut decoded, mut carry, mut offset) = (Decoded::default(), Carry::default(), 0);
    let all: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
    for lines in all.chunks(per_block.max(1)) {
        let block = lines.concat();
        let origin = origin(content, &decoded, offset, file_time);
        decoded.add(&decoder.decode(Block::Lines(&block), &origin, &mut carry));
        offset += block.len();
    }
    assert_eq!(decoded.lines, i64::try_from(all.len()).expect("a short file"));
    let batches = batches(format, decoder.as_mut());
    let rows: usize = batches.iter().map(|(_, batch)| batch.num_rows()).sum();
    let counted = decoded.records + decoded.rejects;
    assert_eq!(counted, i64::try_from(rows).expect("a short file"), "records and rejects are counted");
    let remainder = Remainder {
        in_lines: true,
        ending: LineEnding::of(content),
        lines: decoded.lines,
        after: carry.gap,
        size: i64::try_from(content.len()).expect("a short file"),
    };
    compare(&batches, &remainder, b"", content);
    let is_held = |span: TimeSpan| TIMES.contains(&span.first) && TIMES.contains(&span.last);
    assert!(decoded.times.is_none_or(is_held), "{:?}", decoded.times);
    decoded
}

/// Decodes JSON that comes in pieces of so many bytes, and checks that it can be put together again as it was.
///
/// # Panics
///
/// If it can't.
pub fn json(format: &Format, content: &[u8], step: usize) {
    let (mut cutter, mut decoder) = (Cutter::new(format.framing), format.new_decoder());
    let (mut decoded, mut carry, mut start) = (Decoded::default(), Carry::default(), 0);
    for end in (0..content.len()).step_by(step.max(1)).skip(1).chain([content.len()]) {
        while let Some((block, taken)) = cutter.next(&content[start..end], end == content.len()) {
            let origin = origin(content, &decoded, start, None);
            match block {
                Block::Long(part, last) => {
                    decoder.reject(RejectReason::TooLong, part, &origin, &mut carry);
                    decoded.add(&Decoded { lines: i64::from(last), ..Decoded::default() });
                }
                block => decoded.add(&decoder.decode(block, &origin, &mut carry)),
            }
            start += taken;
        }
    }
    let remainder = Remainder {
        in_lines: false,
        ending: LineEnding::of(content),
        lines: decoded.lines,
        after: String::new(),
        size: i64::try_from(content.len()).expect("a short file"),
    };
    // What follows the last record need not be text here.
    compare(&batches(format, decoder.as_mut()), &remainder, &content[start..], content);
}

/// So much of a document is looked at to tell what it is.
const HEAD: usize = 64 << 10;

/// Opens documents that come in pieces of so many bytes, if they hold records, decodes these, and checks that the
/// documents can be put together again as they were; and that the pieces make no difference.
///
/// # Panics
///
/// If they can't, or do.
pub fn documents(content: &[u8], step: usize) {
    if let Some(whole) = documents_in(content, usize::MAX) {
        assert_eq!(Some(whole), documents_in(content, step), "the pieces make a difference");
    }
}

/// The records and rejects of documents that come in pieces: line, gap, and what stands in the file.
fn documents_in(content: &[u8], step: usize) -> Option<Vec<(i64, String, Vec<u8>)>> {
    let (envelope, mut opener) = open(&content[..content.len().min(HEAD)], None)?;
    let format = envelope.format;
    let (mut decoder, mut carry) = (format.new_decoder(), Carry::default());
    let (mut decoded, mut start, mut long) = (Decoded::default(), 0, Vec::new());
    let ends = (0..content.len()).step_by(step.min(content.len()).max(1)).skip(1).chain([content.len()]);
    for end in ends {
        while let Some((block, taken)) = opener.next(&content[start..end], end == content.len()) {
            let origin = origin(content, &decoded, start, None);
            match block {
                Block::Long(part, last) => {
                    long.extend_from_slice(part);
                    decoded.add(&Decoded { lines: i64::from(last), ..Decoded::default() });
                }
                block => decoded.add(&decode_opened(format, decoder.as_mut(), block, &origin, &mut carry)),
            }
            start += taken;
        }
    }
    assert!(long.is_empty(), "no input is that long");
    let rest = &content[start..];
    if opener.is_open() || std::str::from_utf8(rest).is_err() {
        let origin = origin(content, &decoded, start, None);
        reject_opened(decoder.as_mut(), RejectReason::Other("the rest"), rest, &origin, &mut carry);
        decoded.lines += 1;
    } else {
        carry.gap.push_str(std::str::from_utf8(rest).unwrap_or_default());
    }
    let mut rows = opened_rows(format, decoder.as_mut());
    rows.sort();
    assert!(rows.len() <= usize::try_from(decoded.lines).expect("a short file"), "every row has a number of its own");
    let rebuilt: Vec<u8> = rows.iter().flat_map(|(_, gap, text)| [gap.as_bytes(), text].concat()).collect();
    let rebuilt = [&rebuilt, carry.gap.as_bytes()].concat();
    assert_eq!(String::from_utf8_lossy(&rebuilt), String::from_utf8_lossy(content));
    assert!(rebuilt == content, "the bytes differ where they are not UTF-8");
    Some(rows)
}

/// The number of a row's line or object.
fn line(batch: &arrow_array::RecordBatch, row: usize) -> i64 {
    batch["source_line"].as_primitive::<Int64Type>().value(row)
}

/// What a decoder holds of documents.
fn opened_rows(format: &Format, decoder: &mut dyn Decoder) -> Vec<(i64, String, Vec<u8>)> {
    let (batches, rejects) = decoder.waiting_mut().finish();
    let mut rows = Vec::new();
    for (_, batch) in &batches {
        let printer = (format.printer)(batch).expect("a batch of the format has its columns");
        let wrapped = WrappedColumns::of(batch).expect("columns of text").expect("all records come out of documents");
        for row in 0..batch.num_rows() {
            let mut text = Vec::new();
            printer.print(row, &mut text);
            let (gap, text) = wrapped.wrap(row, &text);
            rows.push((line(batch, row), gap.unwrap_or(",").to_owned(), text.into_owned()));
        }
    }
    if let Some(batch) = &rejects {
        let gaps = TextColumn::new(&batch["gap"]).expect("a gap is text");
        for row in 0..batch.num_rows() {
            let text = batch["raw"].as_binary::<i32>().value(row).to_vec();
            rows.push((line(batch, row), gaps.get(row).unwrap_or(",").to_owned(), text));
        }
    }
    rows
}

/// Inflates any bytes as a gzip file, so many bytes taken at a time, and checks that what comes is what another way of
/// reading gives; then that compressed bytes come back, within a limit.
///
/// # Panics
///
/// If they don't.
pub fn gzip(content: &[u8], step: usize) {
    let inflated = |bytes: &[u8], limit: u64| {
        let (mut all, mut buffer, mut ended) = (Vec::new(), Vec::new(), false);
        let broken = inflate(bytes, limit, &mut buffer, |piece, at_end| {
            let taken = if at_end { piece.len() } else { piece.len().min(step) };
            all.extend_from_slice(&piece[..taken]);
            ended = at_end;
            Ok::<usize, Infallible>(taken)
        });
        let Ok(broken) = broken;
        assert_eq!(ended, broken.is_none());
        if !ended {
            all.extend_from_slice(&buffer);
        }
        (all, broken)
    };
    let (all, broken) = inflated(content, u64::MAX);
    let other = |bytes: &[u8]| {
        let (mut reader, mut all, mut piece) = (MultiGzDecoder::new(bytes), Vec::new(), [0; 1000]);
        loop {
            match reader.read(&mut piece) {
                Ok(0) => break (all, Ok(())),
                Ok(read) => all.extend_from_slice(&piece[..read]),
                Err(error) => break (all, Err(error)),
            }
        }
    };
    // Zeros may follow, of which the other way knows nothing.
    let zeros = content.iter().rev().take_while(|byte| **byte == 0).count();
    let without = (0..=zeros).map(|zeros| other(&content[..content.len() - zeros])).find(|(_, end)| end.is_ok());
    let (other, end) = without.unwrap_or_else(|| other(content));
    assert_eq!(broken.is_some(), end.is_err(), "{broken:?}, {end:?}");
    let same = all.len().min(other.len());
    assert!(all[..same] == other[..same] && (end.is_err() || all.len() == other.len()));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("memory takes all");
    let compressed = encoder.finish().expect("memory takes all");
    assert!(is_gzip(&compressed));
    assert!(inflated(&compressed, u64::MAX) == (content.to_vec(), None));
    let limit = content.len() as u64 / 2;
    assert_eq!(inflated(&compressed, limit).1.is_some(), content.len() as u64 > limit);
}

/// Takes the first byte as a size of pieces: small ones, and all at once.
#[must_use]
pub fn split(data: &[u8]) -> (usize, &[u8]) {
    match data.split_first() {
        None => (1, data),
        Some((0, rest)) => (usize::MAX, rest),
        Some((step, rest)) => (usize::from(*step), rest),
    }
}
