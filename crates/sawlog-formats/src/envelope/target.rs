//! What is searched for in documents: the records of one log, and where they are in a text that may hold other things.

use std::borrow::Cow;
use std::sync::Arc;

use super::named::{name_record, object_as_record, only_values};
use super::place::{WITHIN, is_chosen, is_known, is_known_name};
use crate::format::{Format, Framing};
use crate::formats;
use crate::json_log;
use crate::members::{Member, ValueEnd, member, members, value, value_end};
use crate::reject::RejectReason;
use crate::wrapping::{Layer, MOST_STRINGS, Places};

/// The deepest nesting that is searched.
const MAX_DEPTH: usize = 32;
/// Every line of a log has at least so many fields, unless other ones were given.
const FIELDS: usize = 5;

/// The records of one log, in one form.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) format: &'static Format,
    /// Whether they are named values.
    pub(super) is_named: bool,
    /// The fields of the log's lines, if they were given.
    pub(super) fields: Option<Given>,
}

/// The fields of a log's lines, as they were given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    names: Arc<str>,
    count: usize,
    /// Whether each field of a line can be what its name says.
    fits: fn(&str, &[u8]) -> bool,
}

impl Given {
    pub(super) fn new(names: &str, fits: fn(&str, &[u8]) -> bool) -> Self {
        Self { names: names.into(), count: names.split(' ').count(), fits }
    }

    /// Whether a line has these fields. Other texts can have as few words as a line of few fields.
    fn is_line(&self, line: &[u8]) -> bool {
        let count = line.split(|byte| *byte == b' ').count();
        // A single word can be anything.
        count == self.count && count > 1 && (count >= FIELDS || (self.fits)(&self.names, line))
    }

    /// Whether a line has these fields, and each of them can be what its name says.
    fn fit(&self, line: &[u8]) -> bool {
        line.split(|byte| *byte == b' ').count() == self.count && (self.fits)(&self.names, line)
    }
}

/// A record in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// Its place.
    pub(super) start: usize,
    pub(super) end: usize,
    /// How many JSON strings it is nested in.
    pub(super) strings: u8,
    /// Whether it is in a place for records.
    pub(super) is_sure: bool,
    /// The record itself.
    pub(super) record: Cow<'a, [u8]>,
}

impl Target {
    /// Whether `object`, the beginning of a JSON object, is a record.
    pub(super) fn is_object(&self, object: &[u8]) -> bool {
        if self.is_named {
            return has_names(object, self.format);
        }
        let is_other = || members(object).any(|(name, value)| is_list_or_record(name, value));
        self.format.framing.is_json() && (self.format.inside.is_record)(object) && !is_other()
    }

    /// Whether `object`, a record of a JSON log, would count as one in any place.
    pub(super) fn is_beyond_doubt(&self, object: &[u8]) -> bool {
        let Framing::Json(log) = self.format.framing else { return false };
        let names = members(object).map(|(name, _)| name).filter(|name| json_log::has_field(log, name)).take(200);
        let (mut count, mut has_time) = (0, false);
        for name in names {
            count += 1;
            has_time |= name == log.time.as_bytes();
        }
        has_time && count > 3
    }

    /// The reason to reject an object that is a record of another log.
    pub(super) fn other_object(&self, object: &[u8]) -> Option<RejectReason<'static>> {
        let is_it = |other: &Self| other.is_object(object) && other.is_beyond_doubt(object);
        self.others().find(is_it).map(|other| RejectReason::Is(other.format.record))
    }

    /// The reason to reject a text that holds a record of another log.
    pub(super) fn other_text(&self, text: &[u8]) -> Option<RejectReason<'static>> {
        let is_it = |other: &Self| other.find(text, &[]).iter().any(|found| other.is_certain(&found.record));
        let other = self.others().find(is_it).map(|other| RejectReason::Is(other.format.record));
        other.or_else(|| only_values(&members(text.trim_ascii_start()).take(200).collect::<Vec<_>>()))
    }

    fn others(&self) -> impl Iterator<Item = Self> {
        // In a file of named values, whole records are different, too.
        let is_other = |format: &&&Format| format.table.name != self.format.table.name || self.is_named;
        let others = formats().iter().filter(is_other);
        others.map(|format| Self { format, is_named: false, fields: None })
    }

    /// Whether a record that was found would count as one in any place.
    pub(super) fn is_certain(&self, record: &[u8]) -> bool {
        if self.is_named {
            return false;
        }
        let line = record.strip_suffix(b"\r").unwrap_or(record);
        if self.format.framing.is_json() { self.is_beyond_doubt(record) } else { (self.format.inside.is_record)(line) }
    }

    /// Whether a line is a record.
    pub(super) fn is_line(&self, line: &[u8]) -> bool {
        if self.is_named || self.format.framing.is_json() || self.is_short(line) {
            return false;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        (self.format.inside.is_record)(line) || self.fields.as_ref().is_some_and(|fields| fields.is_line(line))
    }

    /// Whether a line is a record or the beginning of a document, even if other text may be before these.
    pub(super) fn begins(&self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.starts_with(b"{") || self.is_certain(line) || self.fields.as_ref().is_some_and(|fields| fields.fit(line))
    }

    /// Whether a text can't hold a record.
    pub(super) fn is_short(&self, text: &[u8]) -> bool {
        is_short(text, self.fields.as_ref())
    }

    /// The records in a text: the text itself, its lines, or the records in it if it is a document. Empty if it has
    /// none. `inner` is the path to the expected place.
    pub(super) fn find<'a>(&self, text: &'a [u8], inner: &[Vec<u8>]) -> Vec<Found<'a>> {
        let mut search = Search { target: self, inner, path: Vec::new() };
        search.find_in(text, 0)
    }

    /// What the decoder reads in place of a record of named values.
    pub(super) fn reading(&self, record: &[u8]) -> Option<Vec<u8>> {
        if self.is_named { object_as_record(record, self.format) } else { None }
    }
}

/// A search for records in a text, with the path to the current place.
struct Search<'s> {
    target: &'s Target,
    inner: &'s [Vec<u8>],
    path: Vec<Vec<u8>>,
}

impl Search<'_> {
    fn is_sure(&self) -> bool {
        self.path == self.inner || is_known(&self.path, None) && !is_chosen(&self.path)
    }

    fn find_in<'a>(&mut self, text: &'a [u8], strings: u8) -> Vec<Found<'a>> {
        let mut found = Vec::new();
        let start = text.len() - text.trim_ascii_start().len();
        match text.get(start) {
            Some(b'{' | b'[' | b'"') => {
                let mut at = start;
                // Several documents may follow each other.
                while let Some(end) = self.value(text, at, 0, strings, &mut found) {
                    at = end
                        + text[end..].iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b',').count();
                    if !matches!(text.get(at), Some(b'{' | b'[' | b'"')) {
                        break;
                    }
                }
            }
            Some(_) if lines(text).any(|line| self.target.is_line(line)) => {
                let (mut start, is_sure) = (0, self.is_sure());
                for line in lines(text) {
                    if !line.trim_ascii().is_empty() {
                        let end = start + line.len();
                        found.push(Found { start, end, strings: 0, is_sure, record: Cow::Borrowed(line) });
                    }
                    start += line.len() + 1;
                }
            }
            _ => {}
        }
        found
    }

    /// Looks for records in the value at `at`. Returns the end of the value, if it is there.
    fn value<'a>(
        &mut self,
        text: &'a [u8],
        at: usize,
        depth: usize,
        strings: u8,
        found: &mut Vec<Found<'a>>,
    ) -> Option<usize> {
        let end_of = |at: usize| if let ValueEnd::At(end) = value_end(text, at) { Some(end) } else { None };
        match text.get(at)? {
            b'{' if self.target.is_object(&text[at..]) => {
                let end = end_of(at)?;
                let record = Cow::Borrowed(&text[at..end]);
                found.push(Found { start: at, end, strings: 0, is_sure: self.is_sure(), record });
                Some(end)
            }
            b'{' | b'[' if depth >= MAX_DEPTH => end_of(at),
            b'{' => {
                let mut at = at + 1;
                loop {
                    match member(text, at) {
                        Member::Value(name, value) => {
                            self.path.push(Layer::Json.unwrap(name).into_owned());
                            let end = self.value(text, value, depth + 1, strings, found);
                            self.path.pop();
                            at = end?;
                        }
                        Member::End(end) => return Some(end),
                        Member::Short | Member::Broken => return None,
                    }
                }
            }
            b'[' => {
                let mut at = at + 1;
                loop {
                    at += text[at..].iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b',').count();
                    if text.get(at)? == &b']' {
                        return Some(at + 1);
                    }
                    at = self.value(text, at, depth + 1, strings, found)?;
                }
            }
            b'"' => {
                let end = end_of(at)?;
                if strings + 1 < MOST_STRINGS && !self.target.is_short(&text[at + 1..end - 1]) {
                    self.string(&text[at + 1..end - 1], at + 1, strings, found);
                }
                Some(end)
            }
            _ => end_of(at),
        }
    }

    /// Looks for records in the JSON string at `at`.
    fn string(&mut self, wrapped: &[u8], at: usize, strings: u8, found: &mut Vec<Found<'_>>) {
        let text = Layer::Json.unwrap(wrapped);
        let mut places = Places::new(Layer::Json, wrapped);
        self.path.push(WITHIN.to_vec());
        let inner = self.find_in(&text, strings + 1);
        self.path.pop();
        // The same record again: some documents also have it as text in their message.
        if let ([one], Some(last)) = (inner.as_slice(), found.last())
            && one.record == last.record
        {
            return;
        }
        for inner in inner {
            let start = at + places.find(inner.start);
            let end = at + places.find(inner.end);
            let record = Cow::Owned(inner.record.into_owned());
            found.push(Found { start, end, strings: inner.strings + 1, is_sure: inner.is_sure, record });
        }
    }
}

/// Whether a member shows that an object with a record's names is not a record itself: the member is a list of records,
/// or it is the whole record, and the object has copies of its fields.
fn is_list_or_record(name: &[u8], text: &[u8]) -> bool {
    let is_whole = || memchr::memmem::find(value(text), b"eventVersion").is_some();
    match text.first() {
        Some(b'[') => name == b"Records",
        Some(b'"') => is_known_name(name) && is_whole(),
        _ => false,
    }
}

/// Whether an object has the names of a log's columns.
pub(super) fn has_names(object: &[u8], format: &Format) -> bool {
    // Values are skipped to see the names. A record does not have many.
    let names: Vec<&[u8]> = members(object).take(200).map(|(name, _)| name).collect();
    !names.iter().any(|name| (format.inside.is_own)(name)) && name_record(names.into_iter(), format)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// Whether a text can't hold a record of any log, if lines of one have these fields.
pub(super) fn is_short(text: &[u8], fields: Option<&Given>) -> bool {
    let blanks = fields.map_or(FIELDS, |fields| fields.count.min(FIELDS)) - 1;
    text.iter().filter(|byte| **byte == b' ').take(blanks).count() < blanks && memchr::memchr(b'{', text).is_none()
}
