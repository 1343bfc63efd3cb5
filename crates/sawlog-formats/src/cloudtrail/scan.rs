//! Finds the JSON objects in a stream of bytes without parsing them: where each begins and ends, and what stands before it.
//!
//! Records come in `{"Records":[…]}`, in a bare array, one a line, or alone; several such documents may follow each other.
//! Inside an object only quotes and braces count, 64 bytes at a time; whether it is valid JSON the parser says later.

use memchr::memchr2;
use wide::u8x16;

use crate::decoder::Block;
use crate::origin::MAX_LINE;

/// Blocks are about this large.
const BLOCK: usize = 256 << 10;
/// So many bytes of brackets and white space stay with the record that they precede; more is a reject of its own.
const MAX_GAP: usize = 64 << 10;
/// So many brackets may be open around records.
const MAX_OUTER: usize = 16;

/// A JSON object in a block, or what stands where one should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where what stands before it begins: where the item before ends.
    pub gap: usize,
    /// Where it begins and ends.
    pub start: usize,
    /// The byte after its last one.
    pub end: usize,
    /// Why it can't be a record, if that is known already.
    pub problem: Option<&'static str>,
    /// Whether more of it follows, as [`Block::Long`].
    pub continues: bool,
}

/// Cuts a stream into blocks of whole objects.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    /// The brackets that are open around records.
    outer: Vec<u8>,
    /// How far the bytes that were not taken yet have been looked at.
    at: usize,
    /// The object under way.
    open: Option<Open>,
    /// Whether the object under way is too long, and its beginning was taken already.
    in_long: bool,
    items: Vec<Item>,
}

/// An object under way.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    start: usize,
    /// Braces that are open at [`Scanner::at`].
    depth: u32,
    in_string: bool,
    /// Whether the byte at [`Scanner::at`] is escaped by a backslash before it.
    escaped: bool,
    /// Its end, once that was found, and what is wrong with it.
    end: Option<(usize, Option<&'static str>)>,
}

/// What a look at the bytes outside of objects found.
enum Outside {
    Object(usize),
    /// What is no object, and no bracket or comma either: where it begins and ends.
    Other(usize, usize),
    /// The bytes end here.
    End,
}

impl Scanner {
    /// The next block of `bytes` and how many bytes it takes; `None` if more bytes are needed, or if there are only
    /// brackets and white space left. `at_end` says that there are no more bytes.
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

    /// Moves all positions to where they are once `taken` bytes are gone.
    fn take(&mut self, taken: usize) {
        self.at = self.at.saturating_sub(taken);
        if let Some(open) = &mut self.open {
            open.start = open.start.saturating_sub(taken);
            open.end = open.end.map(|(end, problem)| (end - taken, problem));
        }
    }

    /// Finds the next item, before which what begins at `gap` stands, and gives its end.
    fn find_item(&mut self, bytes: &[u8], at_end: bool, gap: usize) -> Option<usize> {
        if self.open.is_none() {
            match self.outside(bytes, at_end, gap) {
                Outside::End => return None,
                Outside::Other(start, end) => {
                    let problem = if start == gap && end - gap > MAX_GAP { TOO_WIDE } else { "text that is no record" };
                    self.items.push(Item { gap, start, end, problem: Some(problem), continues: false });
                    self.at = end;
                    return Some(end);
                }
                Outside::Object(start) => self.open = Some(Open { start, ..Open::default() }),
            }
        }
        let open = self.open.as_mut()?;
        let (end, problem) = open.find_end(bytes, &mut self.at)?;
        if end - open.start > MAX_LINE {
            return None;
        }
        self.items.push(Item { gap, start: open.start, end, problem, continues: false });
        self.open = None;
        self.at = end;
        Some(end)
    }

    /// Makes an item of the beginning of an object that is too long, or of one that the end of the bytes cuts off.
    fn cut_open(&mut self, bytes: &[u8], at_end: bool) -> Option<usize> {
        let open = self.open?;
        let (end, problem) = if bytes.len() - open.start > MAX_LINE {
            self.in_long = true;
            // What has not been looked at is not taken.
            (open.end.map_or(self.at, |(end, _)| end).min(open.start + MAX_LINE), TOO_LONG)
        } else if at_end {
            // That says it: the brackets around it need not be missed as well.
            self.open = None;
            self.outer.clear();
            (bytes.len(), "the JSON ends within it")
        } else {
            return None;
        };
        self.items.push(Item { gap: 0, start: open.start, end, problem: Some(problem), continues: self.in_long });
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

    /// Looks for the next object from [`Scanner::at`] on; what stands before it begins at `gap`.
    fn outside(&mut self, bytes: &[u8], at_end: bool, gap: usize) -> Outside {
        loop {
            if self.at - gap > MAX_GAP {
                return Outside::Other(gap, self.at);
            }
            let Some(byte) = bytes.get(self.at) else { return Outside::End };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => self.at += 1,
                b'[' if self.outer.len() < MAX_OUTER => {
                    self.outer.push(b'[');
                    self.at += 1;
                }
                b']' if self.outer.last() == Some(&b'[') => {
                    self.outer.pop();
                    self.at += 1;
                }
                b'}' if self.outer.last() == Some(&b'{') => {
                    self.outer.pop();
                    self.at += 1;
                }
                b'{' => match wrapper(&bytes[self.at..]) {
                    Wrapper::Opens(len) if self.outer.len() < MAX_OUTER - 1 => {
                        self.outer.extend_from_slice(b"{[");
                        self.at += len;
                    }
                    Wrapper::Unknown if !at_end => return Outside::End,
                    _ => return Outside::Object(self.at),
                },
                0xef if bytes[self.at..].starts_with(BYTE_ORDER_MARK) => self.at += BYTE_ORDER_MARK.len(),
                _ => {
                    let end = other_end(bytes, self.at);
                    let all_there = end < bytes.len() || at_end || end - self.at >= MAX_LINE;
                    return if all_there { Outside::Other(self.at, end) } else { Outside::End };
                }
            }
        }
    }

    /// Whether brackets are still open that stand around records.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.outer.is_empty()
    }
}

const TOO_LONG: &str = "longer than 8 MiB";
const TOO_WIDE: &str = "64 KiB of white space or brackets";

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether bytes begin with `{"Records":[`.
enum Wrapper {
    Opens(usize),
    No,
    /// They end before it can be told.
    Unknown,
}

fn wrapper(bytes: &[u8]) -> Wrapper {
    let mut at = 0;
    for token in [b"{".as_slice(), b"\"Records\"", b":", b"["] {
        at += bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let here = &bytes[at..bytes.len().min(at + token.len())];
        if here != &token[..here.len()] {
            return Wrapper::No;
        }
        if here.len() < token.len() {
            return Wrapper::Unknown;
        }
        at += token.len();
    }
    Wrapper::Opens(at)
}

/// Where what is no JSON object ends: before the next bracket, comma or line feed outside of a string.
fn other_end(bytes: &[u8], start: usize) -> usize {
    let limit = bytes.len().min(start + MAX_LINE);
    let mut at = start;
    while at < limit {
        match bytes[at] {
            b'"' => {
                at += 1;
                while let Some(more) = memchr2(b'"', b'\\', &bytes[at..limit]) {
                    at += more + 1;
                    if bytes[at - 1] == b'"' {
                        break;
                    }
                    at = limit.min(at + 1);
                }
                if at == limit || bytes[at - 1] != b'"' {
                    return limit;
                }
            }
            b'{' | b'[' | b']' | b'}' | b',' | b'\n' if at > start => return at,
            _ => at += 1,
        }
    }
    limit
}

impl Open {
    /// The object's end and what is wrong with it, if that is among `bytes`: looks at those from `at` on, in steps of 64.
    fn find_end(&mut self, bytes: &[u8], at: &mut usize) -> Option<(usize, Option<&'static str>)> {
        while self.end.is_none()
            && let Some(block) = bytes.get(*at..).and_then(<[u8]>::first_chunk::<64>)
        {
            self.end = self.step(block, *at);
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
        self.end = tried.step(&block, *at);
        self.end
    }

    /// Looks at 64 bytes, which begin at `at`.
    fn step(&mut self, block: &[u8; 64], at: usize) -> Option<(usize, Option<&'static str>)> {
        let masks = Masks::of(block);
        let quotes = masks.quotes & !self.escapes(masks.backslashes);
        let strings = prefix_xor(quotes) ^ if self.in_string { u64::MAX } else { 0 };
        self.in_string = strings >> 63 == 1;
        let broken = masks.line_feeds & strings;
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
                    return Some((at + place as usize + 1, None));
                }
            }
        }
        // JSON forbids a line to end within a string: the object is broken here.
        (broken != 0).then(|| (at + broken.trailing_zeros() as usize, Some("a line ends within a string")))
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

/// For each bit, whether an odd number of bits up to it are set: from an opening quote to before the closing one.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
