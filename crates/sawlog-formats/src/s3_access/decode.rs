//! The decoder: blocks of lines in, columns by date and rejects out.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use memchr::memchr;

use super::column::{EXTRA, FIELD_COUNT, FIELDS, NUMBERS, RAW, SOURCE_FILE, SOURCE_LINE, TIME};
use super::line::{Line, Span};
use super::time::TimeReader;
use super::{TABLE, salvage, strict};
use crate::builder::{ColumnSet, Sizes};
use crate::origin::{LineEnding, Origin};
use crate::reject::RejectBuilder;

/// How many lines are taken apart before their fields go to the columns, one column after the other: enough that a
/// column's dictionary is in the processor's cache while it is used, few enough that the lines are still there too.
const ROWS_AT_ONCE: usize = 512;

const MICROS_A_DAY: i64 = 86_400_000_000;

/// What a block of lines held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// All lines, blank ones too.
    pub lines: i64,
    /// Lines that are records.
    pub records: i64,
    /// Lines that are none.
    pub rejects: i64,
    /// Lines with nothing on them, which are skipped.
    pub blank_lines: i64,
    /// The earliest and the latest time of a record, in microseconds since 1970.
    pub times: Option<(i64, i64)>,
}

impl Decoded {
    /// Adds what a later block held.
    pub fn add(&mut self, later: &Self) {
        self.lines += later.lines;
        self.records += later.records;
        self.rejects += later.rejects;
        self.blank_lines += later.blank_lines;
        self.times = match (self.times, later.times) {
            (Some((first, last)), Some((begin, end))) => Some((first.min(begin), last.max(end))),
            (times, None) | (None, times) => times,
        };
    }
}

/// Takes lines apart and fills columns.
#[derive(Debug)]
pub struct Decoder {
    partitions: HashMap<i32, ColumnSet>,
    rejects: RejectBuilder,
    /// The sizes of the largest columns before these: the next ones will be like them.
    sizes: Sizes,
    times: TimeReader,
    /// Lines taken apart whose fields are not in the columns yet.
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    line: Line,
    number: i64,
    /// The line itself, where the columns don't give it back.
    raw: Span,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            partitions: HashMap::new(),
            rejects: RejectBuilder::new(TABLE.name),
            sizes: Sizes::default(),
            times: TimeReader::default(),
            pending: Vec::with_capacity(ROWS_AT_ONCE),
        }
    }
}

impl Decoder {
    /// Decodes a block of whole lines, of which the last may lack its line feed. A block must be shorter than 2 GiB.
    pub fn decode(&mut self, block: &[u8], origin: &Origin<'_>) -> Decoded {
        let mut decoded = Decoded::default();
        let valid = block.is_ascii() || std::str::from_utf8(block).is_ok();
        let mut start = 0;
        while start < block.len() {
            let (end, terminated) = match memchr(b'\n', &block[start..]) {
                Some(len) => (start + len, true),
                None => (block.len(), false),
            };
            let place = Place {
                start,
                end,
                ends_alike: block[start..end].ends_with(b"\r") == (terminated && origin.ending == LineEnding::CrLf),
                number: origin.first_line + decoded.lines,
            };
            decoded.lines += 1;
            self.decode_line(block, valid, &place, origin, &mut decoded);
            start = end + 1;
        }
        self.append_pending(block, origin);
        decoded
    }

    fn decode_line(&mut self, block: &[u8], valid: bool, place: &Place, origin: &Origin<'_>, decoded: &mut Decoded) {
        let with_end = &block[place.start..place.end];
        let text = with_end.strip_suffix(b"\r").unwrap_or(with_end);
        if text.is_empty() && place.ends_alike {
            decoded.blank_lines += 1;
            return;
        }
        if !valid && std::str::from_utf8(text).is_err() {
            return self.decode_lossy(block, text, place, origin, decoded);
        }
        match self.read(text) {
            Err(reason) => self.reject_line(with_end, place, reason, origin, decoded),
            Ok(mut line) => {
                let keep_raw = !line.canonical || !place.ends_alike;
                line.move_by(place.start);
                let raw = if keep_raw { Span::new(block, place.start, place.end) } else { Span::NULL };
                self.accept(Pending { line, number: place.number, raw }, block, origin, decoded);
            }
        }
    }

    fn read(&mut self, text: &[u8]) -> Result<Line, &'static str> {
        let mut line = Line::EMPTY;
        match strict::read(text, &mut self.times, &mut line) {
            Some(()) => Ok(line),
            None if text.is_empty() => Err("blank, but ends unlike the first line"),
            None => salvage::read(text, &mut self.times),
        }
    }

    /// A line that is not UTF-8: its columns hold U+FFFD for what is not, and `raw` holds the line.
    fn decode_lossy(&mut self, block: &[u8], text: &[u8], place: &Place, origin: &Origin<'_>, decoded: &mut Decoded) {
        let with_end = &block[place.start..place.end];
        let lossy = String::from_utf8_lossy(text);
        match self.read(lossy.as_bytes()) {
            Err(reason) => self.reject_line(with_end, place, reason, origin, decoded),
            Ok(mut line) => {
                self.append_pending(block, origin);
                // The line and what it was made from stand in a block of their own.
                let own: Vec<u8> = [with_end, lossy.as_bytes()].concat();
                line.move_by(with_end.len());
                let raw = Span::new(&own, 0, with_end.len());
                self.accept(Pending { line, number: place.number, raw }, &own, origin, decoded);
                self.append_pending(&own, origin);
            }
        }
    }

    fn accept(&mut self, row: Pending, block: &[u8], origin: &Origin<'_>, decoded: &mut Decoded) {
        decoded.records += 1;
        let time = row.line.time;
        decoded.times = match decoded.times {
            None => Some((time, time)),
            Some((first, last)) => Some((first.min(time), last.max(time))),
        };
        self.pending.push(row);
        if self.pending.len() == ROWS_AT_ONCE {
            self.append_pending(block, origin);
        }
    }

    fn reject_line(&mut self, raw: &[u8], place: &Place, reason: &str, origin: &Origin<'_>, decoded: &mut Decoded) {
        decoded.rejects += 1;
        let offset = origin.byte_offset + i64::try_from(place.start).unwrap_or(i64::MAX);
        let origin = Origin { first_line: place.number, byte_offset: offset, ..*origin };
        self.rejects.push(&origin, reason, raw);
    }

    /// Stores what is no record for a reason that only the caller knows. `origin` is that of `raw`; parts of one line
    /// have the same number.
    pub fn reject(&mut self, reason: &str, raw: &[u8], origin: &Origin<'_>) {
        self.rejects.push(origin, reason, raw);
    }

    /// Moves the pending lines to the columns of their dates.
    fn append_pending(&mut self, block: &[u8], origin: &Origin<'_>) {
        let day = |row: &Pending| i32::try_from(row.line.time.div_euclid(MICROS_A_DAY)).unwrap_or(i32::MAX);
        let pending = std::mem::take(&mut self.pending);
        for rows in pending.chunk_by(|a, b| day(a) == day(b)) {
            let first = self.partitions.is_empty();
            let partition = self.partitions.entry(day(&rows[0])).or_insert_with(|| {
                if first { ColumnSet::sized_like(&TABLE, &self.sizes) } else { ColumnSet::new(&TABLE) }
            });
            append_rows(partition, rows, block, origin);
        }
        self.pending = pending;
        self.pending.clear();
    }

    /// How many rows, rejects included, wait in the columns.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.partitions.values().map(ColumnSet::rows).sum::<usize>() + self.rejects.rows()
    }

    /// The memory that the columns hold, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.partitions.values().map(ColumnSet::memory).sum::<usize>() + self.rejects.memory()
    }

    /// The records so far by date (in days since 1970, ascending), and the rejects; the decoder is empty after it.
    pub fn finish(&mut self) -> (Vec<(i32, RecordBatch)>, Option<RecordBatch>) {
        let mut days: Vec<(i32, ColumnSet)> = self.partitions.drain().collect();
        days.sort_unstable_by_key(|(day, _)| *day);
        if let Some((_, largest)) = days.iter().max_by_key(|(_, columns)| columns.rows()) {
            self.sizes = largest.sizes();
        }
        let batches = days.into_iter().map(|(day, columns)| (day, columns.finish())).collect();
        (batches, self.rejects.finish())
    }
}

/// Where a line stands in its block.
struct Place {
    start: usize,
    /// Before the line feed.
    end: usize,
    /// Whether the line ends as the source's first one does.
    ends_alike: bool,
    number: i64,
}

fn append_rows(columns: &mut ColumnSet, rows: &[Pending], block: &[u8], origin: &Origin<'_>) {
    for field in (0..FIELDS).filter(|field| *field != TIME && !NUMBERS.contains(field)) {
        columns.texts(field, rows.iter().map(|row| row.line.fields[field].of(block)));
    }
    columns.numbers(TIME, rows.iter().map(|row| Some(row.line.time)));
    for (slot, field) in NUMBERS.into_iter().enumerate() {
        columns.numbers(field, rows.iter().map(|row| row.line.numbers[slot]));
    }
    columns.numbers(FIELD_COUNT, rows.iter().map(|row| Some(row.line.field_count)));
    columns.texts(EXTRA, rows.iter().map(|row| row.line.extra.of(block)));
    columns.texts(RAW, rows.iter().map(|row| row.raw.of(block)));
    columns.repeat_text(SOURCE_FILE, origin.source_file.as_bytes(), rows.len());
    columns.numbers(SOURCE_LINE, rows.iter().map(|row| Some(row.number)));
    columns.rows_appended(rows.len());
}
