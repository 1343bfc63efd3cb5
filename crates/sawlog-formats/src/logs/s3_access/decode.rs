//! The decoder: blocks of lines in, columns by date and rejects out.

use super::column::{EXTRA, FIELD_COUNT, FIELDS, NUMBERS, RAW, SOURCE_FILE, SOURCE_LINE, TIME};
use super::line::{Line, Span};
use super::time::TimeReader;
use super::{TABLE, salvage, strict};
use crate::block::Block;
use crate::builder::ColumnSet;
use crate::calendar::day_of;
use crate::decoder::{Carry, Decoded, count_name};
use crate::lines::{LinePlace, ROWS_AT_ONCE, lines};
use crate::origin::Origin;
use crate::partitions::Partitions;
use crate::reject::RejectReason;

/// Takes lines apart and fills columns.
#[derive(Debug)]
pub(super) struct Decoder {
    partitions: Partitions,
    times: TimeReader,
    /// Lines that are split, but whose fields are not in the columns yet.
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    line: Line,
    number: i64,
    /// The line itself, if the columns don't give it back.
    raw: Span,
}

impl Decoder {
    /// A decoder that fills these columns.
    pub(super) fn new(partitions: Partitions) -> Self {
        Self { partitions, times: TimeReader::default(), pending: Vec::with_capacity(ROWS_AT_ONCE) }
    }

    /// Decodes a block of whole lines. The last line may lack its line feed. A block must be shorter than 2 GiB.
    fn lines(&mut self, block: &[u8], origin: &Origin<'_>) -> Decoded {
        let mut decoded = Decoded::default();
        let valid = block.is_ascii() || std::str::from_utf8(block).is_ok();
        for place in lines(block, origin) {
            decoded.lines += 1;
            self.decode_line(block, valid, &place, origin, &mut decoded);
        }
        self.append_pending(block, origin);
        decoded
    }

    fn decode_line(
        &mut self,
        block: &[u8],
        valid: bool,
        place: &LinePlace,
        origin: &Origin<'_>,
        decoded: &mut Decoded,
    ) {
        if place.is_blank(block) {
            decoded.blank_lines += 1;
            return;
        }
        let (text, mark) = place.unmarked(block);
        if !valid && std::str::from_utf8(text).is_err() {
            return self.decode_lossy(block, text, place, origin, decoded);
        }
        match self.read(text) {
            Err(reason) => self.reject_line(block, place, reason, origin, decoded),
            Ok(mut line) => {
                let keep_raw = !line.canonical || !place.ends_alike || mark > 0;
                line.move_by(place.start + mark);
                let raw = if keep_raw { Span::new(block, place.start, place.end) } else { Span::NULL };
                self.accept(Pending { line, number: place.number, raw }, block, origin, decoded);
            }
        }
    }

    fn read(&mut self, text: &[u8]) -> Result<Line, RejectReason<'static>> {
        let mut line = Line::EMPTY;
        match strict::read(text, &mut self.times, &mut line) {
            Some(()) => Ok(line),
            None if text.is_empty() => Err(RejectReason::OddBlank),
            None => salvage::read(text, &mut self.times),
        }
    }

    /// A line that is not UTF-8: its columns hold U+FFFD for invalid bytes, and `raw` holds the line.
    fn decode_lossy(
        &mut self,
        block: &[u8],
        text: &[u8],
        place: &LinePlace,
        origin: &Origin<'_>,
        decoded: &mut Decoded,
    ) {
        let lossy = String::from_utf8_lossy(text);
        match self.read(lossy.as_bytes()) {
            Err(reason) => self.reject_line(block, place, reason, origin, decoded),
            Ok(mut line) => {
                let with_end = place.whole(block);
                self.append_pending(block, origin);
                // The line and the text it was made from are in a block of their own.
                let own: Vec<u8> = [with_end, lossy.as_bytes()].concat();
                line.move_by(with_end.len());
                let raw = Span::new(&own, 0, with_end.len());
                self.accept(Pending { line, number: place.number, raw }, &own, origin, decoded);
                self.append_pending(&own, origin);
            }
        }
    }

    fn accept(&mut self, row: Pending, block: &[u8], origin: &Origin<'_>, decoded: &mut Decoded) {
        decoded.record_at(Some(row.line.time));
        if row.line.odd.contains(&true) {
            let odd = NUMBERS.iter().zip(row.line.odd).filter(|(_, odd)| *odd);
            odd.for_each(|(field, _)| count_name(&mut decoded.other_types, TABLE.columns[*field].name, 1));
        }
        self.pending.push(row);
        if self.pending.len() == ROWS_AT_ONCE {
            self.append_pending(block, origin);
        }
    }

    fn reject_line(
        &mut self,
        block: &[u8],
        place: &LinePlace,
        reason: RejectReason<'static>,
        origin: &Origin<'_>,
        decoded: &mut Decoded,
    ) {
        decoded.rejects += 1;
        let raw = place.whole(block);
        let reason = self.partitions.rejects.recognised(raw, reason);
        self.partitions.rejects.push(&place.origin(origin), reason, raw);
    }

    /// Moves the pending lines to the columns of their dates.
    fn append_pending(&mut self, block: &[u8], origin: &Origin<'_>) {
        let day = |row: &Pending| day_of(Some(row.line.time));
        let pending = std::mem::take(&mut self.pending);
        for rows in pending.chunk_by(|a, b| day(a) == day(b)) {
            append_rows(self.partitions.day(day(&rows[0])), rows, block, origin);
        }
        self.pending = pending;
        self.pending.clear();
    }
}

impl crate::Decoder for Decoder {
    fn decode(&mut self, block: Block<'_>, origin: &Origin<'_>, _carry: &mut Carry) -> Decoded {
        let Block::Lines(lines) = block else { panic!("S3 logs come in lines") };
        self.lines(lines, origin)
    }

    fn waiting(&self) -> &Partitions {
        &self.partitions
    }

    fn waiting_mut(&mut self) -> &mut Partitions {
        &mut self.partitions
    }
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
    columns.rows_set(rows.len());
}
