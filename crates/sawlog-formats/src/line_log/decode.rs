//! The decoder: blocks of lines in, columns by date and rejects out.

use super::LineLog;
use super::layout::LineLayout;
use super::read::{Reader, Taken};
use crate::block::Block;
use crate::builder::ColumnSet;
use crate::calendar::day_of;
use crate::decoder::{Carry, Decoded, count_name};
use crate::field::Span;
use crate::lines::{LinePlace, ROWS_AT_ONCE, lines};
use crate::origin::Origin;
use crate::partitions::Partitions;
use crate::reject::RejectReason;

/// Takes lines apart and fills columns.
#[derive(Debug)]
pub struct Decoder {
    layout: LineLayout,
    partitions: Partitions,
    pending: Pending,
}

/// Lines that are split, but whose fields are not in the columns yet.
#[derive(Debug, Default)]
struct Pending {
    rows: Vec<Row>,
    /// For each row its texts, in the layout's order, and its numbers.
    texts: Vec<Span>,
    numbers: Vec<Option<i64>>,
}

#[derive(Debug)]
struct Row {
    number: i64,
    day: Option<i32>,
    field_count: i64,
    extra: Span,
    /// The line itself, if the columns don't give it back.
    raw: Span,
}

/// What lines are taken apart for.
struct Lines<'a> {
    block: &'a [u8],
    origin: &'a Origin<'a>,
    layout: &'a LineLayout,
    reader: Reader<'a>,
    pending: &'a mut Pending,
    partitions: &'a mut Partitions,
    decoded: Decoded,
}

impl Decoder {
    /// A decoder of a log, which fills these columns.
    #[must_use]
    pub fn new(log: &'static LineLog, partitions: Partitions) -> Self {
        Self { layout: LineLayout::new(log), partitions, pending: Pending::default() }
    }
}

impl crate::Decoder for Decoder {
    fn decode(&mut self, block: Block<'_>, origin: &Origin<'_>, _carry: &mut Carry) -> Decoded {
        let Block::Lines(block) = block else { panic!("the log comes in lines") };
        let (pending, partitions, layout) = (&mut self.pending, &mut self.partitions, &self.layout);
        let decoded = Decoded::default();
        let mut lines = Lines { block, origin, layout, reader: Reader::new(layout), pending, partitions, decoded };
        lines.decode();
        lines.decoded
    }

    fn waiting(&self) -> &Partitions {
        &self.partitions
    }

    fn waiting_mut(&mut self) -> &mut Partitions {
        &mut self.partitions
    }
}

impl Lines<'_> {
    /// Decodes the block's lines. The last line may lack its line feed.
    fn decode(&mut self) {
        let block = self.block;
        let is_text = block.is_ascii() || std::str::from_utf8(block).is_ok();
        for place in lines(block, self.origin) {
            self.decoded.lines += 1;
            self.line(&place, is_text);
        }
        append(self.pending, self.partitions, self.layout, block, self.origin);
    }

    fn line(&mut self, place: &LinePlace, is_text: bool) {
        if place.is_blank(self.block) {
            self.decoded.blank_lines += 1;
            return;
        }
        let (unmarked, mark) = place.unmarked(self.block);
        if !is_text && std::str::from_utf8(unmarked).is_err() {
            return self.line_of_other_bytes(unmarked, place);
        }
        if let Err(problem) = self.reader.read(unmarked) {
            return self.reject(place, problem);
        }
        let is_whole = self.reader.taken.is_plain && place.ends_alike && mark == 0;
        let raw = if is_whole { Span::NULL } else { Span::verbatim(place.start, place.end) };
        self.accept(place, place.start + mark, raw);
        if self.pending.rows.len() == ROWS_AT_ONCE {
            append(self.pending, self.partitions, self.layout, self.block, self.origin);
        }
    }

    /// A line that is not UTF-8: its columns hold U+FFFD for invalid bytes, and `raw` holds the line.
    fn line_of_other_bytes(&mut self, text: &[u8], place: &LinePlace) {
        let with_end = place.whole(self.block);
        let lossy = String::from_utf8_lossy(text);
        if let Err(problem) = self.reader.read(lossy.as_bytes()) {
            return self.reject(place, problem);
        }
        append(self.pending, self.partitions, self.layout, self.block, self.origin);
        // The line and the text it was made from are in a block of their own.
        let own: Vec<u8> = [with_end, lossy.as_bytes()].concat();
        self.accept(place, with_end.len(), Span::verbatim(0, with_end.len()));
        append(self.pending, self.partitions, self.layout, &own, self.origin);
    }

    /// Keeps the values of a line whose text begins at `base`.
    fn accept(&mut self, place: &LinePlace, base: usize, raw: Span) {
        let Taken { texts, numbers, time, field_count, extra, odd, .. } = &self.reader.taken;
        self.decoded.record_at(Some(*time));
        odd.iter().for_each(|column| count_name(&mut self.decoded.other_types, self.layout.name(*column), 1));
        self.pending.texts.extend(texts.iter().map(|text| text.moved(base)));
        self.pending.numbers.extend_from_slice(numbers);
        self.pending.rows.push(Row {
            number: place.number,
            day: day_of(Some(*time)),
            field_count: *field_count,
            extra: extra.map_or(Span::NULL, |(start, end)| Span::verbatim(base + start, base + end)),
            raw,
        });
    }

    fn reject(&mut self, place: &LinePlace, problem: RejectReason<'static>) {
        let raw = place.whole(self.block);
        self.decoded.rejects += 1;
        let own = if place.text(self.block).is_empty() { RejectReason::OddBlank } else { problem };
        let reason = self.partitions.rejects.recognised(raw, own);
        self.partitions.rejects.push(&place.origin(self.origin), reason, raw);
    }
}

/// Moves the pending lines to the columns of their dates.
fn append(pending: &mut Pending, partitions: &mut Partitions, layout: &LineLayout, block: &[u8], origin: &Origin<'_>) {
    let mut first = 0;
    for rows in pending.rows.chunk_by(|a, b| a.day == b.day) {
        append_rows(partitions.day(rows[0].day), layout, pending, first, rows, block, origin);
        first += rows.len();
    }
    pending.rows.clear();
    pending.texts.clear();
    pending.numbers.clear();
}

fn append_rows(
    columns: &mut ColumnSet,
    layout: &LineLayout,
    pending: &Pending,
    first: usize,
    rows: &[Row],
    block: &[u8],
    origin: &Origin<'_>,
) {
    let all = first..first + rows.len();
    for (place, column) in layout.texts.iter().enumerate() {
        let spans = all.clone().map(|row| pending.texts[row * layout.texts.len() + place].of(block));
        columns.texts(*column, spans);
    }
    for (place, column) in layout.numbers.iter().enumerate() {
        columns.numbers(*column, all.clone().map(|row| pending.numbers[row * layout.numbers.len() + place]));
    }
    columns.numbers(layout.field_count(), rows.iter().map(|row| Some(row.field_count)));
    // Columns that no row has are null without a look at each row.
    if rows.iter().any(|row| row.extra != Span::NULL) {
        columns.texts(layout.extra(), rows.iter().map(|row| row.extra.of(block)));
    }
    if rows.iter().any(|row| row.raw != Span::NULL) {
        columns.texts(layout.raw(), rows.iter().map(|row| row.raw.of(block)));
    }
    columns.repeat_text(layout.source_file(), origin.source_file.as_bytes(), rows.len());
    columns.numbers(layout.source_line(), rows.iter().map(|row| Some(row.number)));
    columns.rows_set(rows.len());
}
