//! Opens documents that hold records of a log: cuts them into blocks of records with the text before and around each.

use super::json::Documents;
use super::lead::Lead;
use super::named::no_record;
use super::place::Standing;
use super::rows::Table;
use super::target::{Found, Target};
use crate::block::{Block, Item, Wrapped};
use crate::named_values::NamedValues;
use crate::origin::{MAX_GAP, MAX_LINE};
use crate::reject::RejectReason;
use crate::wrapping::{Layer, Places, Wrapping};

/// Blocks are about this large.
const BLOCK: usize = 256 << 10;

/// Cuts a stream of documents into blocks of records.
#[derive(Clone, Debug)]
pub struct Opener {
    pub(super) target: Target,
    pub(super) documents: Kind,
    /// The names that lead to the records in the texts that hold them.
    inner: Vec<Vec<u8>>,
    /// Whether records are items of a list, so that a document has many.
    is_list: bool,
    /// How far a text of lines or rows has been looked at.
    at: usize,
    /// Whether the current record is too long, and its beginning was taken already.
    in_long: bool,
    /// The document in which records were found last, the standing of their text, and the text.
    last: (Option<u64>, Standing, Vec<u8>),
    block: Records,
}

/// The kind of the documents.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Json(Box<Documents>),
    Csv(Table),
    /// Lines with other text before the record.
    Lines(Lead),
}

/// What a look at the stream found.
#[derive(Debug)]
pub(super) enum Step {
    /// More bytes are needed.
    Need,
    /// A text that is a record or holds records, its standing, and its document, if that is known.
    Text { start: usize, end: usize, layer: Option<Layer>, standing: Standing, document: Option<u64> },
    /// An object that is a record.
    Object(usize, usize),
    /// A row of named values, and how the log would write it.
    Row { start: usize, end: usize, reading: Vec<u8> },
    /// Something in the place of a record, and what is wrong with it.
    Problem(usize, usize, RejectReason<'static>),
    /// More than [`MAX_GAP`] bytes are between records.
    Gap,
    /// Where a record begins that is too long, and where its first part ends.
    Long(usize, usize),
}

impl Step {
    /// The same step, moved by this many bytes.
    pub(super) fn moved(mut self, by: usize) -> Self {
        match &mut self {
            Self::Text { start, end, .. }
            | Self::Row { start, end, .. }
            | Self::Object(start, end)
            | Self::Problem(start, end, _)
            | Self::Long(start, end) => (*start, *end) = (*start + by, *end + by),
            Self::Need | Self::Gap => {}
        }
        self
    }
}

impl Opener {
    pub(super) fn new(target: Target, documents: Kind) -> Self {
        let (inner, is_list) = match &documents {
            Kind::Json(documents) => (documents.place.inner.clone(), documents.place.in_list),
            Kind::Csv(Table { columns, .. }) => (columns.inner.clone(), false),
            Kind::Lines(_) => (Vec::new(), false),
        };
        Self {
            target,
            documents,
            inner,
            is_list,
            at: 0,
            in_long: false,
            last: (None, Standing::Here, Vec::new()),
            block: Records::default(),
        }
    }

    /// Whether the current document has not ended yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(&self.documents, Kind::Json(documents) if documents.is_open())
    }

    /// The next block of `bytes` and how many bytes it takes; `None` if more bytes are needed, or if no records are
    /// left. `at_end` says that there are no more bytes.
    pub fn next<'a>(&'a mut self, bytes: &'a [u8], at_end: bool) -> Option<(Block<'a>, usize)> {
        self.block.clear();
        if self.in_long {
            let (end, last) = self.long_part(bytes, at_end)?;
            self.in_long = !last;
            self.take(end);
            return Some((Block::Long(&bytes[..end], last), end));
        }
        let mut gap = 0;
        while gap < BLOCK && self.block.bytes.len() < BLOCK {
            match self.step(bytes, at_end, gap) {
                Step::Need => break,
                Step::Gap => {
                    self.block.problem(bytes, gap, (gap, gap + MAX_GAP), RejectReason::WideText);
                    gap += MAX_GAP;
                }
                Step::Problem(start, end, problem) => {
                    self.block.problem(bytes, gap, (start, end), problem);
                    gap = end;
                }
                Step::Long(start, cut) => {
                    if self.block.items.is_empty() {
                        self.block.problem(bytes, 0, (start, cut), RejectReason::TooLong);
                        self.block.continues();
                        self.in_long = true;
                        gap = cut;
                    }
                    break;
                }
                step => gap = self.records(bytes, gap, &step),
            }
        }
        if self.block.items.is_empty() {
            return None;
        }
        self.take(gap);
        Some((Block::Json(&self.block.bytes, &self.block.items), gap))
    }

    fn step(&mut self, bytes: &[u8], at_end: bool, gap: usize) -> Step {
        let step = match &mut self.documents {
            Kind::Json(documents) => return documents.step(bytes, at_end, gap, &self.target),
            Kind::Csv(table) => table.step(bytes, &mut self.at, at_end, &self.target),
            Kind::Lines(lead) => lead.step(bytes, &mut self.at, at_end, &self.target),
        };
        match step {
            Step::Need if self.at - gap > MAX_GAP => Step::Gap,
            step => step,
        }
    }

    /// Adjusts all places after `taken` bytes were removed from the front.
    fn take(&mut self, taken: usize) {
        self.at = self.at.saturating_sub(taken);
        if let Kind::Json(documents) = &mut self.documents {
            documents.take(taken);
        }
    }

    /// The next part of a record that is too long, and whether it is the last one.
    fn long_part(&mut self, bytes: &[u8], at_end: bool) -> Option<(usize, bool)> {
        if let Kind::Json(documents) = &mut self.documents {
            return documents.long_part(bytes, at_end);
        }
        let part = &bytes[..bytes.len().min(MAX_LINE)];
        match memchr::memchr(b'\n', part) {
            Some(end) => {
                self.at = end;
                Some((end, true))
            }
            None if bytes.len() > MAX_LINE => Some((MAX_LINE, false)),
            None if at_end => {
                self.at = bytes.len();
                Some((bytes.len(), true))
            }
            None => None,
        }
    }

    /// Takes the records of a step; the text before them begins at `gap`. Returns where the bytes begin that are left.
    fn records(&mut self, bytes: &[u8], gap: usize, step: &Step) -> usize {
        let plain = Wrapping::default();
        match step {
            Step::Object(start, end) => {
                self.one(bytes, gap, (*start, *end), plain, &bytes[*start..*end]);
                *end
            }
            Step::Row { start, end, reading } => {
                let record = &bytes[*start..*end];
                self.block.record(bytes, gap, (*start, *end), plain, record, Some(reading));
                *end
            }
            Step::Text { start, end, layer, standing, document } => {
                self.text(bytes, gap, (*start, *end), *layer, *standing, *document)
            }
            _ => gap,
        }
    }

    /// Takes the records in a text.
    fn text(
        &mut self,
        bytes: &[u8],
        gap: usize,
        at: (usize, usize),
        layer: Option<Layer>,
        standing: Standing,
        document: Option<u64>,
    ) -> usize {
        let (start, end) = at;
        let wrapped = &bytes[start..end];
        let is_here = standing == Standing::Here;
        if !is_here && self.target.is_short(wrapped) {
            return gap;
        }
        let text = layer.map_or(std::borrow::Cow::Borrowed(wrapped), |layer| layer.unwrap(wrapped));
        if text.trim_ascii().is_empty() || is_control_message(&text) {
            return gap;
        }
        let in_same = document.is_some() && self.last.0 == document;
        // Some documents have a record twice: as an object, and again as text in their message.
        if in_same && self.last.1 != standing && *self.last.2 == *text {
            return gap;
        }
        let outer = Wrapping { in_csv: layer == Some(Layer::Csv), strings: u8::from(layer == Some(Layer::Json)) };
        let line = text.strip_suffix(b"\n").map_or(&*text, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let is_line = !self.target.format.framing.is_json()
            && !self.target.is_named
            && memchr::memchr(b'\n', line).is_none()
            && !matches!(text.first(), Some(b'{' | b'[' | b'"'));
        // A single line is always decoded: the decoder finds out what it is.
        let whole = || Found { start: 0, end: line.len(), strings: 0, is_sure: true, record: line.into() };
        let found = if is_here && is_line { vec![whole()] } else { self.target.find(&text, &self.inner) };
        if standing == Standing::Elsewhere || in_same && standing == Standing::Likely && !self.is_list {
            if !found.iter().any(|found| self.target.is_certain(&found.record)) {
                return gap;
            }
            self.block.problem(bytes, gap, at, RejectReason::Elsewhere);
            return end;
        }
        if found.is_empty()
            && standing == Standing::Likely
            && let Some(other) = self.target.other_text(&text)
        {
            self.block.problem(bytes, gap, at, other);
            return end;
        }
        if found.is_empty() && is_here {
            if self.target.format.framing.is_json() && text.trim_ascii_start().starts_with(b"{") {
                self.block.record(bytes, gap, at, outer, &text, None);
            } else {
                self.block.problem(bytes, gap, at, RejectReason::NoRecord);
            }
            return end;
        }
        if !found.is_empty() && document.is_some() {
            (self.last.0, self.last.1) = (document, standing);
            self.last.2.clear();
            self.last.2.extend_from_slice(&text);
        }
        let mut gap = gap;
        let mut places = Places::new(layer.unwrap_or(Layer::Json), wrapped);
        for found in found {
            let (from, to) = match layer {
                None => (found.start, found.end),
                Some(_) if (found.start, found.end) == (0, text.len()) => (0, wrapped.len()),
                Some(_) => (places.find(found.start), places.find(found.end)),
            };
            let wrapping = Wrapping { strings: outer.strings + found.strings, ..outer };
            let at = (start + from, start + to);
            if found.is_sure {
                self.one(bytes, gap, at, wrapping, &found.record);
            } else if self.target.is_certain(&found.record) {
                self.block.problem(bytes, gap, at, RejectReason::Elsewhere);
            } else {
                continue;
            }
            gap = at.1;
        }
        gap
    }

    /// Takes one record.
    fn one(&mut self, bytes: &[u8], gap: usize, at: (usize, usize), wrapping: Wrapping, record: &[u8]) {
        match self.target.reading(record) {
            None if self.target.is_named => {
                let format = self.target.format;
                let why = no_record(&NamedValues::of_object(record, &format.inside), format);
                self.block.problem(bytes, gap, at, why);
            }
            reading => self.block.record(bytes, gap, at, wrapping, record, reading.as_deref()),
        }
    }
}

/// Whether a text is `CloudWatch` Logs' own message to check that a subscription works. It is not a log message.
fn is_control_message(text: &[u8]) -> bool {
    text.starts_with(b"CWL CONTROL MESSAGE: ")
}

/// A block's bytes and items. Each item's bytes follow its gap; before the gap are the other texts of the item.
#[derive(Clone, Debug, Default)]
struct Records {
    bytes: Vec<u8>,
    items: Vec<Item>,
}

impl Records {
    fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }

    fn put(&mut self, bytes: &[u8]) -> (usize, usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        (start, self.bytes.len())
    }

    /// Notes that more of the last item follows.
    fn continues(&mut self) {
        if let Some(last) = self.items.last_mut() {
            last.continues = true;
        }
    }

    /// Adds the bytes at `at` as a reject.
    fn problem(&mut self, bytes: &[u8], gap: usize, at: (usize, usize), problem: RejectReason<'static>) {
        let gap = self.gap(bytes, gap, at.0);
        let (start, end) = self.put(&bytes[at.0..at.1]);
        let wrapped = Wrapped { wrapping: Wrapping::default(), verbatim: None, is_usual: true, record: None, at: at.0 };
        self.items.push(Item { gap, start, end, problem: Some(problem), continues: false, wrapped: Some(wrapped) });
    }

    /// Adds a record, whose wrapped form is at `at`. If `reading` is given, it is decoded in place of the record.
    fn record(
        &mut self,
        bytes: &[u8],
        gap: usize,
        at: (usize, usize),
        wrapping: Wrapping,
        record: &[u8],
        reading: Option<&[u8]>,
    ) {
        let stands = &bytes[at.0..at.1];
        // What is kept of the record in addition to its columns must be text.
        if reading.is_some() && std::str::from_utf8(record).is_err() {
            return self.problem(bytes, gap, at, RejectReason::NotText);
        }
        let is_wrapped = wrapping != Wrapping::default();
        let is_usual = !is_wrapped || *wrapping.wrap(record) == *stands;
        let made_from = reading.is_some().then(|| self.put(record));
        let verbatim = if is_wrapped { Some(self.put(stands)) } else { made_from };
        let gap = self.gap(bytes, gap, at.0);
        let (start, end) = self.put(reading.unwrap_or(record));
        let wrapped = Wrapped { wrapping, verbatim, is_usual, record: made_from, at: at.0 };
        self.items.push(Item { gap, start, end, problem: None, continues: false, wrapped: Some(wrapped) });
    }

    /// Adds the text before an item, and returns where it begins. If it is too long or not text, it is an item itself.
    fn gap(&mut self, bytes: &[u8], mut start: usize, end: usize) -> usize {
        // The pieces are the same, however the bytes arrive.
        while end - start > MAX_GAP {
            self.problem(bytes, start, (start, start + MAX_GAP), RejectReason::WideText);
            start += MAX_GAP;
        }
        if std::str::from_utf8(&bytes[start..end]).is_err() {
            self.problem(bytes, start, (start, end), RejectReason::NotText);
            start = end;
        }
        self.put(&bytes[start..end]).0
    }
}
