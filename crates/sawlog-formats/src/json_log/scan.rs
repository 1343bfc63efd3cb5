//! Finds the JSON objects in a stream of bytes without parsing them: where each begins and ends, and the text before
//! it.
//!
//! Records come in `{"Records":[…]}` (with any other members in that object), in a bare array, one per line, or
//! alone. Several such documents may follow each other. Inside an object only quotes and braces count, 64 bytes at a
//! time; the parser finds out later whether it is valid JSON.

use memchr::{memchr, memchr3};
use wide::u8x16;

use super::{JsonLog, has_field};
use crate::block::{Block, Item};
use crate::encoding::MARK;
use crate::members::{Member, ValueEnd, member, members, string_end, value_end};
use crate::origin::{MAX_GAP, MAX_LINE};
use crate::reject::RejectReason;

/// Blocks are about this large.
const BLOCK: usize = 256 << 10;
/// The most brackets that may be open around records.
const MAX_OUTER: usize = 16;

/// Cuts a stream into blocks of whole objects.
#[derive(Clone, Debug)]
pub struct Scanner {
    /// The log whose records are told from the objects around them.
    log: &'static JsonLog,
    /// The brackets that are open around records.
    outer: Vec<u8>,
    /// How far the bytes that were not taken yet have been looked at.
    at: usize,
    /// The object under way.
    open: Option<Open>,
    /// Whether the current object is too long, and its beginning was taken already.
    in_long: bool,
    items: Vec<Item>,
}

/// An object under way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Open {
    start: usize,
    /// Braces that are open at [`Scanner::at`].
    depth: u32,
    in_string: bool,
    /// Whether the byte at [`Scanner::at`] is escaped by a backslash before it.
    escaped: bool,
    /// Whether the byte before [`Scanner::at`] is a line feed.
    after_feed: bool,
    /// Its end, once that was found, and what ends there.
    end: Option<(usize, Ends)>,
}

/// How an object ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// With its last brace.
    Whole,
    /// The object has a line break within a string.
    InString,
    /// The object lacks its last braces: it ends before a line that begins another object, where none is allowed.
    Torn,
}

impl Ends {
    /// What is wrong with the object, if anything is.
    pub(crate) fn problem(self) -> Option<RejectReason<'static>> {
        match self {
            Self::Whole => None,
            Self::InString => Some(RejectReason::LineInString),
            Self::Torn => Some(RejectReason::LineWithin),
        }
    }
}

/// The result of looking at the bytes outside objects.
enum Outside {
    Object(usize),
    /// Text that is not an object, a bracket or a comma: where it begins and ends.
    Other(usize, usize),
    /// The bytes end here.
    End,
}

impl Scanner {
    /// A scanner of content that holds records of a log.
    #[must_use]
    pub fn new(log: &'static JsonLog) -> Self {
        Self { log, outer: Vec::new(), at: 0, open: None, in_long: false, items: Vec::new() }
    }

    /// The next block of `bytes`, and how many bytes it takes; `None` if more bytes are needed, or if only brackets
    /// and white space are left. `at_end` says that there are no more bytes.
    pub fn next<'a>(&'a mut self, bytes: &'a [u8], at_end: bool) -> Option<(Block<'a>, usize)> {
        self.items.clear();
        if self.in_long {
            return self.next_part(bytes, at_end);
        }
        let mut gap = 0;
        while gap < BLOCK
            && let Some(end) = self.find_item(bytes, at_end, gap)
        {
            gap = end;
        }
        if gap == 0 {
            gap = self.cut_open(bytes, at_end)?;
        }
        self.take(gap);
        Some((Block::Json(&bytes[..gap], &self.items), gap))
    }

    /// Moves all positions back by the `taken` bytes.
    fn take(&mut self, taken: usize) {
        self.at = self.at.saturating_sub(taken);
        if let Some(open) = &mut self.open {
            open.start = open.start.saturating_sub(taken);
            open.end = open.end.map(|(end, ends)| (end - taken, ends));
        }
    }

    /// Finds the next item, with the text before it beginning at `gap`. Returns its end.
    fn find_item(&mut self, bytes: &[u8], at_end: bool, gap: usize) -> Option<usize> {
        if self.open.is_none() {
            match self.outside(bytes, at_end, gap) {
                Outside::End => return None,
                Outside::Other(start, end) => {
                    let problem = if start == gap && end - gap > MAX_GAP {
                        RejectReason::WideBrackets
                    } else {
                        RejectReason::NoRecord
                    };
                    self.items.push(Item { gap, start, end, problem: Some(problem), continues: false, wrapped: None });
                    self.at = end;
                    return Some(end);
                }
                Outside::Object(start) => self.open = Some(Open { start, ..Open::default() }),
            }
        }
        let open = self.open.as_mut()?;
        let (mut end, ends) = open.find_end(bytes, &mut self.at)?;
        if end - open.start > MAX_LINE {
            return None;
        }
        if ends == Ends::InString {
            match broken_end(self.log, bytes, end, open.start + MAX_LINE) {
                Broken::Before(next) => end = next,
                // Only closing brackets follow: the rest of the file is no part of it.
                Broken::ToTheEnd(rest) if at_end && rest > end => {
                    end = rest;
                    self.outer.clear();
                }
                Broken::ToTheEnd(_) if !at_end => return None,
                Broken::ToTheEnd(_) | Broken::Here => {}
            }
        }
        let problem = ends.problem();
        self.items.push(Item { gap, start: open.start, end, problem, continues: false, wrapped: None });
        self.open = None;
        self.at = end;
        Some(end)
    }

    /// Makes an item of the beginning of an object that is too long, or that the end of the bytes cuts off.
    fn cut_open(&mut self, bytes: &[u8], at_end: bool) -> Option<usize> {
        let open = self.open?;
        let (end, problem) = if bytes.len() - open.start > MAX_LINE {
            self.in_long = true;
            // Bytes that were not looked at are not taken.
            (open.end.map_or(self.at, |(end, _)| end).min(open.start + MAX_LINE), RejectReason::TooLong)
        } else if at_end {
            // That is enough: the brackets around it need not be reported as missing, too.
            self.open = None;
            self.outer.clear();
            (bytes.len(), RejectReason::EndsWithin)
        } else {
            return None;
        };
        let continues = self.in_long;
        self.items.push(Item { gap: 0, start: open.start, end, problem: Some(problem), continues, wrapped: None });
        Some(end)
    }

    /// The next part of an object that is too long.
    fn next_part<'a>(&mut self, bytes: &'a [u8], at_end: bool) -> Option<(Block<'a>, usize)> {
        let open = self.open.as_mut()?;
        let (end, last) = match open.find_end(bytes, &mut self.at) {
            Some((end, _)) if end <= MAX_LINE => (end, true),
            Some(_) => (MAX_LINE, false),
            None if bytes.len() > MAX_LINE => (self.at.min(MAX_LINE), false),
            None if at_end => (bytes.len(), true),
            None => return None,
        };
        if last {
            (self.in_long, self.open, self.at) = (false, None, end);
        }
        self.take(end);
        Some((Block::Long(&bytes[..end], last), end))
    }

    /// Looks for the next object from [`Scanner::at`] on; the text before it begins at `gap`.
    fn outside(&mut self, bytes: &[u8], at_end: bool, gap: usize) -> Outside {
        loop {
            if self.at - gap > MAX_GAP {
                return Outside::Other(gap, self.at);
            }
            let Some(byte) = bytes.get(self.at) else { return Outside::End };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => self.at += 1,
                b'[' if self.outer.len() < MAX_OUTER => match self.array(&bytes[self.at..]) {
                    Begins::Yes => {
                        self.outer.push(b'[');
                        self.at += 1;
                    }
                    Begins::Unknown if !at_end => return Outside::End,
                    _ => return self.other(bytes, at_end),
                },
                b']' if self.outer.last() == Some(&b'[') => {
                    self.outer.pop();
                    self.at += 1;
                }
                b'}' if self.outer.last() == Some(&b'{') => {
                    self.outer.pop();
                    self.at += 1;
                }
                b'{' => match wrapper(self.log, &bytes[self.at..]) {
                    Wrapper::Opens(len) if self.outer.len() < MAX_OUTER - 1 => {
                        self.outer.extend_from_slice(b"{[");
                        self.at += len;
                    }
                    Wrapper::Holds(len) if self.outer.len() < MAX_OUTER => {
                        self.outer.push(b'{');
                        self.at += len;
                    }
                    Wrapper::Unknown if !at_end => return Outside::End,
                    _ => return Outside::Object(self.at),
                },
                b'"' if self.outer.last() == Some(&b'{') => match other_member(self.log, bytes, self.at) {
                    Beside::Records(len) if self.outer.len() < MAX_OUTER => {
                        self.outer.push(b'[');
                        self.at = len;
                    }
                    Beside::Holds(value) => self.at = value,
                    Beside::Other(end) => self.at = end,
                    Beside::Unknown if !at_end => return Outside::End,
                    _ => return self.other(bytes, at_end),
                },
                0xef if bytes[self.at..].starts_with(MARK) => self.at += MARK.len(),
                _ => return self.other(bytes, at_end),
            }
        }
    }

    /// Text that is not an object, from [`Scanner::at`] on.
    fn other(&self, bytes: &[u8], at_end: bool) -> Outside {
        let end = if self.outer.is_empty() { text_end(bytes, self.at) } else { other_end(bytes, self.at, at_end) };
        let all_there = end < bytes.len() || at_end || end - self.at >= MAX_LINE;
        if all_there { Outside::Other(self.at, end) } else { Outside::End }
    }

    /// Whether the bracket at the beginning of `bytes` opens an array. Outside other brackets, a line of text may
    /// begin with one.
    fn array(&self, bytes: &[u8]) -> Begins {
        if self.outer.is_empty() { begins(bytes, b"{[]\"") } else { Begins::Yes }
    }

    /// Whether brackets around records are still open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.outer.is_empty()
    }
}

/// Whether an object holds records.
enum Wrapper {
    /// Where its records begin.
    Opens(usize),
    /// A member that is a record, or has some, begins here.
    Holds(usize),
    No,
    /// The bytes end before it can be told.
    Unknown,
}

/// Whether bytes begin with `{"Records":[`, or with such an object that has other members first.
fn wrapper(log: &JsonLog, bytes: &[u8]) -> Wrapper {
    // Nearly all records begin like this, which is quick to recognise.
    if bytes.starts_with(log.beginning) {
        return Wrapper::No;
    }
    let near = &bytes[..bytes.len().min(MAX_GAP)];
    let mut at = 1;
    loop {
        let ends = match member(near, at) {
            Member::Value(b"Records", value) if near[value] == b'[' => {
                let is_text = at == 1 || std::str::from_utf8(&near[..value]).is_ok();
                return if is_text { Wrapper::Opens(value + 1) } else { Wrapper::No };
            }
            // As a rule, the first key tells a record.
            Member::Value(key, _) if has_field(log, key) => return Wrapper::No,
            Member::Value(_, value) => match value_end(near, value) {
                // Text before records is kept.
                ValueEnd::At(_)
                    if std::str::from_utf8(&near[..value]).is_ok() && holds_records(log, &near[value..]) =>
                {
                    return Wrapper::Holds(value);
                }
                end => end,
            },
            Member::Short => ValueEnd::Short,
            Member::End(_) | Member::Broken => ValueEnd::Broken,
        };
        match ends {
            ValueEnd::At(end) => at = end,
            ValueEnd::Short if bytes.len() < MAX_GAP => return Wrapper::Unknown,
            ValueEnd::Short | ValueEnd::Broken => return Wrapper::No,
        }
    }
}

/// Whether a value is certainly a record, a list of records, or an object with such a list. Objects beside records
/// may hold anything.
fn holds_records(log: &JsonLog, value: &[u8]) -> bool {
    let first = match value {
        [b'[', items @ ..] => items.trim_ascii_start(),
        object => object,
    };
    let (mut count, mut has_time) = (0, false);
    for (name, value) in members(first) {
        if name == b"Records" && value.starts_with(b"[") && holds_records(log, value) {
            return true;
        }
        count += usize::from(has_field(log, name));
        has_time |= name == log.time.as_bytes();
        if has_time && count > 3 {
            return true;
        }
    }
    false
}

/// A member of an object of records, other than the records.
enum Beside {
    /// Other records begin here.
    Records(usize),
    /// A list of records, or an object that is or holds some, begins here.
    Holds(usize),
    /// It ends here.
    Other(usize),
    /// It is broken, or too long.
    No,
    /// The bytes end before it can be told.
    Unknown,
}

/// The member at `at`.
fn other_member(log: &JsonLog, bytes: &[u8], at: usize) -> Beside {
    let near = &bytes[..bytes.len().min(at + MAX_GAP)];
    let found = match member(near, at) {
        Member::Value(b"Records", value) if near[value] == b'[' => return Beside::Records(value + 1),
        Member::Value(_, value) => match value_end(near, value) {
            // Text between records is kept.
            ValueEnd::At(end) if std::str::from_utf8(&near[at..end]).is_err() => ValueEnd::Broken,
            ValueEnd::At(_) if holds_records(log, &near[value..]) => return Beside::Holds(value),
            end => end,
        },
        Member::Short => ValueEnd::Short,
        Member::End(_) | Member::Broken => ValueEnd::Broken,
    };
    match found {
        ValueEnd::At(end) => Beside::Other(end),
        ValueEnd::Short if near.len() == bytes.len() => Beside::Unknown,
        ValueEnd::Short | ValueEnd::Broken => Beside::No,
    }
}

/// Whether a bracket begins JSON.
enum Begins {
    Yes,
    No,
    /// The bytes end before it can be told.
    Unknown,
}

/// Whether one of `wanted` follows the bracket at the beginning of `bytes`.
fn begins(bytes: &[u8], wanted: &[u8]) -> Begins {
    let near = &bytes[1..bytes.len().min(MAX_GAP)];
    match near.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(byte) if wanted.contains(byte) => Begins::Yes,
        None if near.len() + 1 < MAX_GAP => Begins::Unknown,
        // Endless white space is skipped, like white space between records.
        None => Begins::Yes,
        Some(_) => Begins::No,
    }
}

/// Where a line of text that is not JSON ends: at the line feed, or before objects that begin in it.
fn text_end(bytes: &[u8], start: usize) -> usize {
    let limit = bytes.len().min(start + MAX_LINE);
    let mut at = start + 1;
    while let Some(more) = bytes.get(at..limit).and_then(|rest| memchr3(b'\n', b'{', b'[', rest)) {
        at += more;
        let wanted: &[u8] = match bytes[at] {
            b'\n' => return at,
            b'{' => b"\"",
            _ => b"{",
        };
        match begins(&bytes[at..limit], wanted) {
            Begins::Yes => return at,
            Begins::No => at += 1,
            Begins::Unknown => return limit,
        }
    }
    limit
}

/// The end of an object that has a line break within a string.
enum Broken {
    /// Before the next object.
    Before(usize),
    /// No other object follows; the rest ends here, except for white space.
    ToTheEnd(usize),
    /// Where the line ends.
    Here,
}

/// Looks from `end` to `limit` for the next object that may be a record: one that begins a line without blanks before
/// it, or whose first key is a record's. Objects inside the broken one do neither.
fn broken_end(log: &JsonLog, bytes: &[u8], end: usize, limit: usize) -> Broken {
    let limit = bytes.len().min(limit);
    let closes_only = |rest: &[u8]| rest.iter().all(|byte| byte.is_ascii_whitespace() || b",]}".contains(byte));
    let mut at = end;
    while let Some(more) = memchr(b'{', &bytes[at..limit]) {
        at += more;
        let begins = bytes[at - 1] == b'\n'
            || matches!(member(&bytes[..limit], at + 1), Member::Value(key, _) if has_field(log, key));
        if begins {
            let before = bytes[end..at].trim_ascii_end();
            return if closes_only(before) { Broken::Here } else { Broken::Before(end + before.len()) };
        }
        at += 1;
    }
    let rest = bytes[end..limit].trim_ascii_end();
    if limit < bytes.len() {
        return Broken::Here;
    }
    Broken::ToTheEnd(if closes_only(rest) { end } else { end + rest.len() })
}

/// Where text that is not a JSON object ends: before the next bracket, comma or line feed outside a string.
fn other_end(bytes: &[u8], start: usize, at_end: bool) -> usize {
    let limit = bytes.len().min(start + MAX_LINE);
    let mut at = start;
    while at < limit {
        match bytes[at] {
            b'"' => match string_end(&bytes[..limit], at) {
                ValueEnd::At(end) => at = end,
                ValueEnd::Short if limit == bytes.len() && !at_end => return limit,
                // A string ends no later than its line, so this is not one.
                ValueEnd::Short | ValueEnd::Broken => at += 1,
            },
            b'{' | b'[' | b']' | b'}' | b',' | b'\n' if at > start => return at,
            _ => at += 1,
        }
    }
    limit
}

impl Open {
    /// An object that begins at `start`.
    pub(crate) fn at(start: usize) -> Self {
        Self { start, ..Self::default() }
    }

    /// Moves its end back by the `taken` bytes.
    pub(crate) fn take(&mut self, taken: usize) {
        self.end = self.end.map(|(end, ends)| (end.saturating_sub(taken), ends));
    }

    /// The object's end, if it is in `bytes`, and what kind of end it is. Looks at the bytes from `at` on, in steps
    /// of 64.
    pub(crate) fn find_end(&mut self, bytes: &[u8], at: &mut usize) -> Option<(usize, Ends)> {
        while self.end.is_none()
            && let Some(block) = bytes.get(*at..).and_then(<[u8]>::first_chunk::<64>)
        {
            self.end = self.step(bytes, block, *at);
            *at += 64;
        }
        if self.end.is_some() {
            return self.end;
        }
        // The last few bytes are looked at again when there are more.
        let rest = bytes.get(*at..).unwrap_or_default();
        let mut block = [b' '; 64];
        block[..rest.len()].copy_from_slice(rest);
        let mut tried = *self;
        self.end = tried.step(bytes, &block, *at);
        self.end
    }

    /// Looks at 64 bytes, which begin at `at`.
    fn step(&mut self, bytes: &[u8], block: &[u8; 64], at: usize) -> Option<(usize, Ends)> {
        let masks = Masks::of(block);
        let quotes = masks.quotes & !self.escapes(masks.backslashes);
        let strings = prefix_xor(quotes) ^ if self.in_string { u64::MAX } else { 0 };
        self.in_string = strings >> 63 == 1;
        let mut broken = masks.line_feeds & strings;
        let first_of_lines = masks.opens & !strings & (masks.line_feeds << 1 | u64::from(self.after_feed));
        self.after_feed = masks.line_feeds >> 63 == 1;
        let mut torn = 0;
        if first_of_lines != 0 {
            torn = first_torn(bytes, at, first_of_lines);
            broken |= torn;
        }
        let before_break = if broken == 0 { u64::MAX } else { (1 << broken.trailing_zeros()) - 1 };
        let opens = masks.opens & !strings & before_break;
        let closes = masks.closes & !strings & before_break;
        if broken == 0 && closes.count_ones() < self.depth {
            // Even if all closing braces come first, one stays open.
            self.depth = self.depth + opens.count_ones() - closes.count_ones();
            return None;
        }
        let mut braces = opens | closes;
        while braces != 0 {
            let place = braces.trailing_zeros();
            braces &= braces - 1;
            if opens >> place & 1 == 1 {
                self.depth += 1;
            } else {
                self.depth -= 1;
                if self.depth == 0 {
                    return Some((at + place as usize + 1, Ends::Whole));
                }
            }
        }
        // JSON does not allow a line break within a string: the object is broken here.
        if broken == 0 {
            return None;
        }
        let end = at + broken.trailing_zeros() as usize;
        if torn.trailing_zeros() > broken.trailing_zeros() {
            return Some((end, Ends::InString));
        }
        Some((bytes[..end].trim_ascii_end().len(), Ends::Torn))
    }

    /// Which bytes are escaped, when these are backslashes.
    fn escapes(&mut self, mut backslashes: u64) -> u64 {
        let mut escaped = u64::from(self.escaped);
        backslashes &= !escaped;
        self.escaped = false;
        while backslashes != 0 {
            let place = backslashes.trailing_zeros();
            backslashes &= backslashes - 1;
            if place == 63 {
                self.escaped = true;
            } else {
                escaped |= 2 << place;
                backslashes &= !(2 << place);
            }
        }
        escaped
    }
}

/// In a mask of the bytes from `at` on, the first brace that begins a line where no object can be nested: after a
/// value.
#[cold]
fn first_torn(bytes: &[u8], at: usize, mut braces: u64) -> u64 {
    while braces != 0 {
        let place = braces.trailing_zeros();
        braces &= braces - 1;
        let before = bytes[..at + place as usize].trim_ascii_end().last();
        if !before.is_none_or(|byte| b":,[{".contains(byte)) {
            return 1 << place;
        }
    }
    0
}

/// Which of 64 bytes are what.
struct Masks {
    quotes: u64,
    backslashes: u64,
    opens: u64,
    closes: u64,
    line_feeds: u64,
}

impl Masks {
    fn of(block: &[u8; 64]) -> Self {
        let (vectors, _) = block.as_chunks::<16>();
        let mask = |byte: u8| {
            let wanted = u8x16::splat(byte);
            vectors.iter().enumerate().fold(0, |mask, (place, vector)| {
                mask | u64::from(u8x16::new(*vector).simd_eq(wanted).to_bitmask()) << (16 * place)
            })
        };
        Self {
            quotes: mask(b'"'),
            backslashes: mask(b'\\'),
            opens: mask(b'{'),
            closes: mask(b'}'),
            line_feeds: mask(b'\n'),
        }
    }
}

/// For each bit, whether an odd number of bits up to it are set: from an opening quote to just before the closing
/// one.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
