//! The decoder: blocks of lines in, columns by date and rejects out.

use std::ops::Range;
use std::sync::Arc;

use super::column::{END, EXTRA, FILE_TIME, GAP, NAMES, RAW, SOURCE_FILE, SOURCE_LINE, START};
use super::layout::{Layout, Slot, header_fields, is_transit_record};
use super::plausible::{has_text_before, is_plausible};
use super::{DEFAULT_FIELDS, TABLE, TRANSIT_FIELDS};
use crate::block::Block;
use crate::builder::ColumnSet;
use crate::calendar::{day_of, within_times};
use crate::decoder::{Carry, Decoded, count_name};
use crate::encoding::without_mark;
use crate::field::{self, Span, number};
use crate::lines::{LinePlace, ROWS_AT_ONCE};
use crate::origin::{MAX_GAP, Origin};
use crate::partitions::Partitions;
use crate::reject::{RejectReason, not_text};

/// Times from here on are in milliseconds: as seconds they would be in the year 5138, as milliseconds in 1973.
const MILLIS_FROM: i64 = 100_000_000_000;

/// Takes lines apart and fills columns.
#[derive(Debug)]
pub(super) struct Decoder {
    partitions: Partitions,
    /// The layout of the pending lines, and of the next line unless it says otherwise.
    layout: Arc<Layout>,
    /// Whether the layout is that of transit gateways without a header that says so.
    is_transit: bool,
    pending: Pending,
    /// The columns whose numbers and times are invalid in the line.
    odd: Vec<usize>,
    /// Where the block's blanks and line feeds are.
    separators: Vec<u32>,
}

/// Lines that are split, but whose fields are not in the columns yet; they all have the decoder's layout.
#[derive(Debug, Default)]
struct Pending {
    rows: Vec<Row>,
    /// For each row its fields of text, in the layout's order.
    texts: Vec<Span>,
    /// For each row its numbers and times, in the layout's order.
    numbers: Vec<Option<i64>>,
    /// The values of fields without a column, row after row.
    extras: Vec<u8>,
}

#[derive(Debug)]
struct Row {
    number: i64,
    day: Option<i32>,
    /// Whether its time is the file's.
    is_by_file: bool,
    /// Where its part of `extras` ends.
    extras_end: usize,
    gap: Option<Box<str>>,
    /// The line itself, if the columns don't give it back.
    raw: Span,
}

impl crate::Decoder for Decoder {
    fn decode(&mut self, block: Block<'_>, origin: &Origin<'_>, carry: &mut Carry) -> Decoded {
        let Block::Lines(block) = block else { panic!("flow logs come in lines") };
        let mut decoded = Decoded::default();
        self.use_layout(carry, block, origin);
        let mut separators = std::mem::take(&mut self.separators);
        separators.clear();
        field::separators(block, &mut separators);
        let is_text = block.is_ascii() || std::str::from_utf8(block).is_ok();
        let (mut start, mut at) = (0, 0);
        while start < block.len() {
            let blanks = separators[at..].iter().take_while(|place| block[**place as usize] == b' ').count();
            let end = separators.get(at + blanks).map_or(block.len(), |end| *end as usize);
            let next = block.len().min(end + 1);
            let number = origin.first_line + decoded.lines;
            let line = LinePlace::new(block, (start, end), next > end, origin.ending, number);
            let place = Place { line, next, blanks: &separators[at..at + blanks], is_text };
            decoded.lines += 1;
            self.line(block, &place, origin, carry, &mut decoded);
            (start, at) = (next, at + blanks + 1);
        }
        self.separators = separators;
        self.append_pending(block, origin);
        decoded
    }

    fn reject(&mut self, reason: RejectReason<'_>, raw: &[u8], origin: &Origin<'_>, carry: &mut Carry) {
        let gap = take_gap(carry);
        self.partitions.rejects.push_after(gap.as_deref(), origin, reason, raw);
    }

    fn waiting(&self) -> &Partitions {
        &self.partitions
    }

    fn waiting_mut(&mut self) -> &mut Partitions {
        &mut self.partitions
    }
}

/// The place of a line in its block.
struct Place<'a> {
    line: LinePlace,
    /// Where the next one begins.
    next: usize,
    /// Where its blanks are.
    blanks: &'a [u32],
    /// Whether the whole block is UTF-8.
    is_text: bool,
}

fn take_gap(carry: &mut Carry) -> Option<Box<str>> {
    (!carry.gap.is_empty()).then(|| std::mem::take(&mut carry.gap).into_boxed_str())
}

/// A line that is a record.
struct Taken {
    /// Its own time.
    time: Option<i64>,
    /// Whether printing its fields gives the same line.
    canonical: bool,
}

impl Decoder {
    /// A decoder that fills these columns.
    pub(super) fn new(partitions: Partitions) -> Self {
        Self {
            partitions,
            layout: Arc::new(Layout::new(DEFAULT_FIELDS.into())),
            is_transit: false,
            pending: Pending::default(),
            odd: Vec::new(),
            separators: Vec::new(),
        }
    }

    /// Takes the layout of the coming lines from `carry`.
    fn use_layout(&mut self, carry: &mut Carry, block: &[u8], origin: &Origin<'_>) {
        let fields = carry.fields.get_or_insert_with(|| DEFAULT_FIELDS.into());
        if self.layout.text != *fields {
            self.append_pending(block, origin);
            self.layout = Arc::new(Layout::new(Arc::clone(fields)));
        }
        self.is_transit = false;
    }

    /// Chooses the layout for a line with an unexpected number of fields: without a header, it may be a transit
    /// gateway's line, or again a VPC's.
    fn choose_layout(&mut self, text: &[u8], block: &[u8], origin: &Origin<'_>, carry: &mut Carry) {
        let is_unnamed = carry.fields.as_deref().is_none_or(|fields| fields == DEFAULT_FIELDS);
        if !(is_unnamed && is_transit_record(text)) {
            self.use_layout(carry, block, origin);
        } else if !self.is_transit {
            self.append_pending(block, origin);
            self.layout = Arc::new(Layout::new(TRANSIT_FIELDS.into()));
            self.is_transit = true;
        }
    }

    fn line(&mut self, block: &[u8], place: &Place<'_>, origin: &Origin<'_>, carry: &mut Carry, decoded: &mut Decoded) {
        let text = place.line.text(block);
        let with_line_feed = &block[place.line.start..place.next];
        if place.line.is_blank(block) {
            decoded.blank_lines += 1;
            // A blank line after a header line stays in its place; others are found again by the line numbers.
            if !carry.gap.is_empty() && carry.gap.len() < MAX_GAP {
                carry.gap.push_str(&String::from_utf8_lossy(with_line_feed));
            }
            return;
        }
        // A byte order mark makes no difference to what follows it.
        if carry.gap.len() < MAX_GAP
            && let Some(fields) = header_fields(without_mark(text))
        {
            carry.fields = Some(fields);
            carry.gap.push_str(&String::from_utf8_lossy(with_line_feed));
            return self.use_layout(carry, block, origin);
        }
        if self.is_transit || place.blanks.len() + 1 != self.layout.slots.len() {
            self.choose_layout(without_mark(text), block, origin, carry);
        }
        self.odd.clear();
        match self.read(block, place, text, origin) {
            Ok(time) => {
                decoded.record_at(time);
                self.odd.iter().for_each(|column| count_name(&mut decoded.other_types, TABLE.columns[*column].name, 1));
                if let Some(row) = self.pending.rows.last_mut() {
                    row.gap = take_gap(carry);
                }
                if self.pending.rows.len() == ROWS_AT_ONCE {
                    self.append_pending(block, origin);
                }
            }
            Err(reason) => {
                decoded.rejects += 1;
                let origin = place.line.origin(origin);
                let reason = self.partitions.rejects.recognised(text, reason);
                crate::Decoder::reject(self, reason, place.line.whole(block), &origin, carry);
            }
        }
    }

    /// Splits a line and keeps it pending. Returns its time, if it has any, or why it is not a record.
    fn read(
        &mut self,
        block: &[u8],
        place: &Place<'_>,
        text: &[u8],
        origin: &Origin<'_>,
    ) -> Result<Option<i64>, RejectReason<'static>> {
        let kept = (self.pending.texts.len(), self.pending.numbers.len(), self.pending.extras.len());
        let LinePlace { start, end, ends_alike, number } = place.line;
        let (_, mark) = place.line.unmarked(block);
        let read = if place.is_text || std::str::from_utf8(text).is_ok() {
            self.fields(block, place, start + mark..start + text.len())
        } else {
            Err(not_text(text))
        };
        match read {
            Ok(Taken { time, canonical }) => {
                let as_it_is = canonical && ends_alike && mark == 0;
                let raw = if as_it_is { Span::NULL } else { Span::new(block, start, end) };
                let extras_end = self.pending.extras.len();
                let of_file = if time.is_none() { origin.file_time.and_then(within_times) } else { None };
                let (time, is_by_file) = (time.or(of_file), of_file.is_some());
                let row = Row { number, day: day_of(time), is_by_file, extras_end, gap: None, raw };
                self.pending.rows.push(row);
                Ok(time)
            }
            Err(reason) => {
                self.pending.texts.truncate(kept.0);
                self.pending.numbers.truncate(kept.1);
                self.pending.extras.truncate(kept.2);
                Err(reason)
            }
        }
    }

    /// Reads the line's fields, with one blank between two fields; or with any number of blanks and tabs, if only
    /// that gives as many fields as there are names.
    fn fields(&mut self, block: &[u8], place: &Place<'_>, text: Range<usize>) -> Result<Taken, RejectReason<'static>> {
        let named = self.layout.slots.len();
        let Range { start, end } = text;
        if place.blanks.len() + 1 == named && !block[start..end].ends_with(b"\t") {
            let mut start = start;
            let ends = place.blanks.iter().map(|blank| *blank as usize).chain([end]);
            return self.values(block, ends.map(move |end| (std::mem::replace(&mut start, end + 1), end)), true);
        }
        let is_between = |place: &usize| matches!(block[*place], b' ' | b'\t');
        let mut words: Vec<(usize, usize)> = Vec::new();
        let mut at = start;
        while at < end {
            let word_end = (at..end).find(is_between).unwrap_or(end);
            if word_end > at {
                words.push((at, word_end));
            }
            at = word_end + 1;
        }
        if words.len() != named {
            return Err(RejectReason::OtherCount { found: words.len(), named });
        }
        self.values(block, words.into_iter(), false)
    }

    /// Takes fields that stand at some places, as many as the layout has.
    fn values(
        &mut self,
        block: &[u8],
        places: impl Iterator<Item = (usize, usize)> + Clone,
        mut canonical: bool,
    ) -> Result<Taken, RejectReason<'static>> {
        let (mut starts, mut ends, first) = (None, None, places.clone());
        for (slot, (start, end)) in self.layout.slots.iter().zip(places.clone()) {
            let value = &block[start..end];
            match *slot {
                Slot::Text(_) => self.pending.texts.push(Span::new(block, start, end)),
                Slot::Number(column, narrow) => {
                    let fits = |value: &Option<i64>| !narrow || value.is_none_or(|value| i32::try_from(value).is_ok());
                    let (value, plain) = number(value).filter(|(value, _)| fits(value)).unwrap_or_else(|| {
                        self.odd.push(column);
                        (None, false)
                    });
                    canonical &= plain;
                    self.pending.numbers.push(value);
                }
                Slot::Time(column) => {
                    let (value, plain) = time(value).unwrap_or_else(|| {
                        self.odd.push(column);
                        (None, false)
                    });
                    canonical &= plain;
                    self.pending.numbers.push(value);
                    match column {
                        START => starts = value,
                        END => ends = value,
                        _ => {}
                    }
                }
                Slot::Extra => {
                    self.pending.extras.extend_from_slice(value);
                    self.pending.extras.push(b' ');
                }
            }
        }
        let time = starts.or(ends);
        if time.is_none() || !self.odd.is_empty() {
            let values = places.map(|(start, end)| &block[start..end]);
            if !is_plausible(self.layout.slots.iter().zip(values)) {
                return Err(RejectReason::Implausible);
            }
        }
        let first = self.layout.slots.iter().zip(first).next();
        if first.is_some_and(|(slot, (start, end))| has_text_before(*slot, &block[start..end])) {
            return Err(RejectReason::BehindText);
        }
        Ok(Taken { time, canonical })
    }

    /// Moves the pending lines to the columns of their dates.
    fn append_pending(&mut self, block: &[u8], origin: &Origin<'_>) {
        let pending = std::mem::take(&mut self.pending);
        let mut first = 0;
        for rows in pending.rows.chunk_by(|a, b| a.day == b.day) {
            let columns = self.partitions.day(rows[0].day);
            append_rows(columns, &self.layout, &pending, first, rows, block, origin);
            first += rows.len();
        }
        self.pending = pending;
        self.pending.rows.clear();
        self.pending.texts.clear();
        self.pending.numbers.clear();
        self.pending.extras.clear();
    }
}

/// Seconds or milliseconds since 1970 as microseconds, and whether they are seconds, written plainly. An error if it
/// is not a time, or one that no store can hold.
fn time(text: &[u8]) -> Option<(Option<i64>, bool)> {
    let (value, plain) = number(text)?;
    let Some(value) = value else { return Some((None, plain)) };
    let seconds = value < MILLIS_FROM;
    let micros = value.checked_mul(if seconds { 1_000_000 } else { 1000 })?;
    Some((Some(within_times(micros)?), plain && seconds))
}

fn append_rows(
    columns: &mut ColumnSet,
    layout: &Layout,
    pending: &Pending,
    first: usize,
    rows: &[Row],
    block: &[u8],
    origin: &Origin<'_>,
) {
    let all = first..first + rows.len();
    let (mut text, mut number) = (0, 0);
    for slot in &layout.slots {
        match *slot {
            Slot::Text(column) => {
                let spans = all.clone().map(|row| pending.texts[row * layout.texts + text].of(block));
                columns.texts(column, spans);
                text += 1;
            }
            Slot::Number(column, _) | Slot::Time(column) => {
                columns.numbers(column, all.clone().map(|row| pending.numbers[row * layout.numbers + number]));
                number += 1;
            }
            Slot::Extra => {}
        }
    }
    if layout.extras > 0 {
        let start = |row: usize| if row == 0 { 0 } else { pending.rows[row - 1].extras_end };
        // The character after a row's last value is not part of it.
        let extras = all.clone().map(|row| Some(&pending.extras[start(row)..pending.rows[row].extras_end - 1]));
        columns.texts(EXTRA, extras);
    }
    columns.repeat_text(NAMES, layout.text.as_bytes(), rows.len());
    // Columns that no row has are null without a look at each row.
    if rows.iter().any(|row| row.is_by_file) {
        columns.numbers(FILE_TIME, rows.iter().map(|row| origin.file_time.filter(|_| row.is_by_file)));
    }
    if rows.iter().any(|row| row.gap.is_some()) {
        columns.texts(GAP, rows.iter().map(|row| row.gap.as_ref().map(|gap| gap.as_bytes())));
    }
    if rows.iter().any(|row| row.raw != Span::NULL) {
        columns.texts(RAW, rows.iter().map(|row| row.raw.of(block)));
    }
    columns.repeat_text(SOURCE_FILE, origin.source_file.as_bytes(), rows.len());
    columns.numbers(SOURCE_LINE, rows.iter().map(|row| Some(row.number)));
    columns.rows_set(rows.len());
}
