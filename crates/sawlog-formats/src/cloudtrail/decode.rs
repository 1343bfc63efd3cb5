//! The decoder: blocks of JSON objects in, columns by date and rejects out.
//!
//! A block's records are copied one after the other into an array that the parser may write to, and parsed in one go. The
//! parser gives a tape: a flat list of nodes, in which a string is a piece of that copy. Where a string stands in the copy
//! it stands in the record, so the text of a value that is to stay JSON is found between the strings around it, without a
//! look at what is inside.

use simd_json::{Buffers, INPUT_PADDING, Node, StaticNode, Tape};

use super::TABLE;
use super::fields::column::{GAP, RAW, SOURCE_FILE, SOURCE_LINE, WRAPPED, WRAPPING};
use super::fields::{Content, Field, RECORD};
use super::scan::{Item, NO_OBJECT};
use crate::calendar::{day_of, read_any_iso8601, read_iso8601, within_times};
use crate::column::ColumnBuilder;
use crate::decoder::{Block, Carry, Decoded, count_name};
use crate::identify::rejected;
use crate::origin::Origin;
use crate::partitions::Partitions;

/// JSON that is nested deeper than this is no record.
const MAX_DEPTH: usize = 128;

/// What stands before a record where nothing else is said.
const USUAL_GAP: &str = ",";

/// Parses records and fills columns.
pub(super) struct Decoder {
    partitions: Partitions,
    record: Level,
    copy: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            partitions: Partitions::new(&TABLE),
            record: Level::new(RECORD),
            copy: Vec::new(),
            // The array around the records is a level, too.
            buffers: Buffers::with_max_depth(0, MAX_DEPTH + 1),
            tape: Tape(Vec::new()),
        }
    }
}

impl crate::Decoder for Decoder {
    fn decode(&mut self, block: Block<'_>, origin: &Origin<'_>, _carry: &mut Carry) -> Decoded {
        let Block::Json(bytes, items) = block else { panic!("CloudTrail logs come in JSON objects") };
        let mut decoded = Decoded::default();
        let context = Context { bytes, origin };
        // All at once; if one is broken, one after the other.
        if items.iter().any(|item| item.problem.is_some())
            || self.parse(&context, items, origin.first_line, &mut decoded).is_err()
        {
            decoded = Decoded::default();
            for item in items {
                self.one(&context, item, &mut decoded);
            }
        }
        self.partitions.settle();
        decoded
    }

    fn reject(&mut self, reason: &str, raw: &[u8], origin: &Origin<'_>, _carry: &mut Carry) {
        self.partitions.rejects.push_after(Some(""), origin, reason, raw);
    }

    fn waiting(&self) -> &Partitions {
        &self.partitions
    }

    fn waiting_mut(&mut self) -> &mut Partitions {
        &mut self.partitions
    }
}

/// A block and where it comes from.
struct Context<'a> {
    bytes: &'a [u8],
    origin: &'a Origin<'a>,
}

impl Context<'_> {
    /// What stands before an item, if it is not a comma.
    fn gap(&self, item: &Item) -> Option<&str> {
        // Only text is passed over.
        let gap = std::str::from_utf8(&self.bytes[item.gap..item.start]).unwrap_or_default();
        (gap != USUAL_GAP).then_some(gap)
    }

    fn reject(&self, partitions: &mut Partitions, item: &Item, number: i64, reason: &str) {
        let offset = self.origin.byte_offset + i64::try_from(item.place()).unwrap_or(i64::MAX);
        let origin = Origin { first_line: number, byte_offset: offset, ..*self.origin };
        partitions.rejects.push_after(self.gap(item), &origin, reason, item.verbatim(self.bytes));
    }
}

impl Decoder {
    /// Decodes one item by itself.
    fn one(&mut self, context: &Context<'_>, item: &Item, decoded: &mut Decoded) {
        let number = context.origin.first_line + decoded.lines;
        let parsed = match item.problem {
            Some(problem) => Err(problem.to_owned()),
            None => self.parse(context, std::slice::from_ref(item), number, decoded),
        };
        let parsed = match parsed {
            Err(_) if item.problem.is_none() => self.parse_repaired(context, item, number, decoded),
            parsed => parsed,
        };
        if let Err(reason) = parsed {
            let is_text = item.problem == Some(NO_OBJECT);
            let what = is_text.then(|| rejected(&context.bytes[item.start..item.end], &TABLE)).flatten();
            context.reject(&mut self.partitions, item, number, what.unwrap_or(&reason));
            decoded.lines += i64::from(!item.continues);
            decoded.rejects += i64::from(!item.continues);
        }
    }

    /// Decodes items that are whole; says why not, if they are no JSON, and has changed nothing then.
    fn parse(
        &mut self,
        context: &Context<'_>,
        items: &[Item],
        first: i64,
        decoded: &mut Decoded,
    ) -> Result<(), String> {
        self.copy.clear();
        let mut starts = Vec::with_capacity(items.len());
        for item in items {
            self.copy.push(if starts.is_empty() { b'[' } else { b',' });
            starts.push(self.copy.len());
            self.copy.extend_from_slice(&context.bytes[item.start..item.end]);
        }
        self.copy.push(b']');
        self.parse_copy(context, items, &starts, first, decoded)
    }

    /// Decodes an item whose strings name half of a UTF-16 pair, which no text can hold: columns get U+FFFD for it.
    fn parse_repaired(
        &mut self,
        context: &Context<'_>,
        item: &Item,
        number: i64,
        decoded: &mut Decoded,
    ) -> Result<(), String> {
        self.copy.clear();
        self.copy.push(b'[');
        self.copy.extend_from_slice(&context.bytes[item.start..item.end]);
        self.copy.push(b']');
        replace_lone_surrogates(&mut self.copy);
        self.parse_copy(context, std::slice::from_ref(item), &[1], number, decoded)
    }

    fn parse_copy(
        &mut self,
        context: &Context<'_>,
        items: &[Item],
        starts: &[usize],
        first: i64,
        decoded: &mut Decoded,
    ) -> Result<(), String> {
        let mut copy = std::mem::take(&mut self.copy);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let len = copy.len();
        copy.resize(len + INPUT_PADDING, b' ');
        let copy_at = copy.as_ptr().addr();
        let parsed = simd_json::fill_tape_padded(&mut copy, len, &mut self.buffers, &mut tape);
        let parsed = parsed.map_err(|error| format!("not valid JSON: {}", error_name(&error)));
        if parsed.is_ok() {
            let mut node = 1;
            for ((item, start), number) in items.iter().zip(starts).zip(first..) {
                // The parser has checked that it is UTF-8.
                let source = Source { text: &context.bytes[item.start..item.end], at: copy_at + start };
                if let Err(reason) = self.record(context, item, &tape.0, node, &source, number, decoded) {
                    context.reject(&mut self.partitions, item, number, reason);
                    decoded.rejects += 1;
                }
                decoded.lines += 1;
                node += size(tape.0[node]);
            }
        }
        self.tape = tape.reset();
        self.copy = copy;
        parsed
    }

    /// Fills the columns with a record, the object at `node` of the tape.
    #[expect(clippy::too_many_arguments, reason = "they are what a record is")]
    fn record(
        &mut self,
        context: &Context<'_>,
        item: &Item,
        tape: &[Node<'_>],
        node: usize,
        source: &Source<'_>,
        number: i64,
        decoded: &mut Decoded,
    ) -> Result<(), &'static str> {
        let time = event_time(tape, node).map_err(|reason| rejected(source.text, &TABLE).unwrap_or(reason))?;
        let columns = self.partitions.day(day_of(Some(time)));
        let row = columns.rows();
        let set = columns.columns();
        let mut walk = Walk { tape, source, row, path: String::new(), decoded };
        walk.object(&self.record, node, source.text.len(), set);
        if let Some(gap) = context.gap(item) {
            set[GAP].set_text(row, gap.as_bytes());
        }
        if item.wrapped.is_some() {
            set[RAW].set_text(row, item.record(context.bytes));
            item.wrapping().iter().for_each(|name| set[WRAPPING].set_text(row, name.as_bytes()));
            item.unusual(context.bytes).iter().for_each(|text| set[WRAPPED].set_text(row, text));
        } else {
            set[RAW].set_text(row, source.text);
        }
        set[SOURCE_FILE].set_text(row, context.origin.source_file.as_bytes());
        set[SOURCE_LINE].set_number(row, number);
        columns.rows_set(1);
        decoded.record_at(Some(time));
        Ok(())
    }
}

/// What the parser says of broken JSON, in words that don't depend on where it is.
fn error_name(error: &simd_json::Error) -> String {
    let name = format!("{:?}", error.error());
    // Some kinds name the character or the types as well.
    name.split(['(', '{', ' ']).next().unwrap_or_default().to_owned()
}

/// How many nodes of the tape a value takes.
fn size(node: Node<'_>) -> usize {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        _ => 1,
    }
}

/// The time of a record; of several the last, as everywhere. Says why there is none.
fn event_time(tape: &[Node<'_>], node: usize) -> Result<i64, &'static str> {
    const NO_TIME: &str = "has no eventTime that is a time";
    let Node::Object { len, .. } = tape[node] else { return Err(NO_TIME) };
    let (mut at, mut time) = (node + 1, None);
    for _ in 0..len {
        match (tape[at], tape[at + 1]) {
            (Node::String("eventTime"), value) => {
                time = if let Node::String(text) = value { read_any_iso8601(text.as_bytes()) } else { None };
            }
            // Of S3's notifications, whose other fields are named as a record's.
            (Node::String("s3"), Node::Object { .. }) => return Err("S3 event notification"),
            _ => {}
        }
        at += 1 + size(tape[at + 1]);
    }
    within_times(time.ok_or(NO_TIME)?).ok_or("has an eventTime that is not of the years 1 to 9999")
}

/// `true` or `false` as text, in letters of any size.
fn truth_in(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

/// The fields of an object, to be found by key.
#[derive(Debug)]
struct Level {
    keys: Vec<Key>,
    /// For each hash the place of a key, plus one; 0 where there is none. A key whose place is taken has the next free one.
    places: [u8; PLACES],
}

#[derive(Debug)]
struct Key {
    name: &'static str,
    /// The place of its column among those of the object.
    column: usize,
    content: Content,
    /// The fields of the objects in it.
    below: Option<Level>,
}

/// More places than any object has fields, so that few share one.
const PLACES: usize = 128;

/// A hash that differs for most keys of one object: they differ in length, or at one of their ends.
fn hash(key: &[u8]) -> usize {
    let [first, .., last] = key else { return 0 };
    (key.len() * 7 + usize::from(*first) * 5 + usize::from(*last) * 11) % PLACES
}

impl Level {
    fn new(fields: &[Field]) -> Self {
        let mut level = Self { keys: Vec::new(), places: [0; PLACES] };
        for (column, field) in fields.iter().enumerate() {
            level.add(field.key, column, field.content);
            // Resources have their ARN under either name.
            if field.key == "ARN" {
                level.add("arn", column, field.content);
            }
        }
        level
    }

    fn add(&mut self, name: &'static str, column: usize, content: Content) {
        let below = match content {
            Content::Object(fields) | Content::Array(fields) => Some(Self::new(fields)),
            _ => None,
        };
        self.keys.push(Key { name, column, content, below });
        let mut place = hash(name.as_bytes());
        while self.places[place] != 0 {
            place = (place + 1) % PLACES;
        }
        self.places[place] = u8::try_from(self.keys.len()).expect("an object has few fields");
    }

    fn find(&self, key: &str) -> Option<&Key> {
        let mut place = hash(key.as_bytes());
        while self.places[place] != 0 {
            let known = &self.keys[usize::from(self.places[place]) - 1];
            if known.name == key {
                return Some(known);
            }
            place = (place + 1) % PLACES;
        }
        None
    }
}

/// The text of a record, and the address at which the parser's copy of it begins.
struct Source<'a> {
    text: &'a [u8],
    at: usize,
}

impl Source<'_> {
    /// Where a string of the tape begins in the record, after its quote.
    fn place(&self, string: &str) -> usize {
        string.as_ptr().addr() - self.at
    }

    /// Where the value begins whose key is `key`.
    fn value_start(&self, key: &str) -> usize {
        let bytes = self.text;
        let mut at = self.place(key);
        while bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        at += 1;
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b':';
        at + bytes[at..].iter().take_while(|byte| is_between(byte)).count()
    }

    /// Where the value ends that `limit` follows, with nothing between but what separates them.
    fn value_end(&self, limit: usize, separator: u8) -> usize {
        let before = self.text[..limit].trim_ascii_end();
        let before = before.strip_suffix(&[separator]).unwrap_or(before);
        before.trim_ascii_end().len()
    }
}

/// A walk over a record's nodes.
struct Walk<'a, 'tape> {
    tape: &'a [Node<'tape>],
    source: &'a Source<'a>,
    row: usize,
    /// The keys that lead to the object, each with a dot.
    path: String,
    decoded: &'a mut Decoded,
}

impl Walk<'_, '_> {
    /// Fills `columns` with the object at `node`, which ends before byte `end` of the record.
    fn object(&mut self, level: &Level, node: usize, end: usize, columns: &mut [ColumnBuilder]) {
        let Node::Object { len, .. } = self.tape[node] else { return };
        let mut at = node + 1;
        for member in 0..len {
            let Node::String(key) = self.tape[at] else { return };
            let value = at + 1;
            at = value + size(self.tape[value]);
            let Some(field) = level.find(key) else {
                self.unknown(key);
                continue;
            };
            let value_end = || match self.tape.get(at) {
                Some(Node::String(next)) if member + 1 < len => {
                    self.source.value_end(self.source.place(next) - 1, b',')
                }
                _ => self.source.value_end(end, b'}'),
            };
            let column = &mut columns[field.column];
            match (field.content, self.tape[value]) {
                (_, Node::Static(StaticNode::Null)) => column.unset(self.row),
                (Content::Text, Node::String(text)) => column.set_text(self.row, text.as_bytes()),
                (Content::Text, Node::Static(StaticNode::Bool(truth))) => {
                    column.set_text(self.row, if truth { b"true" } else { b"false" });
                }
                (Content::Json, _) => {
                    let text = &self.source.text[self.source.value_start(key)..value_end()];
                    column.set_text(self.row, text);
                }
                (Content::Bool, Node::Static(StaticNode::Bool(truth))) => {
                    column.set_number(self.row, i64::from(truth));
                }
                (Content::Bool, Node::String(text)) => match truth_in(text) {
                    Some(truth) => column.set_number(self.row, i64::from(truth)),
                    None => self.other_type(key, column),
                },
                (Content::Time, Node::String(text)) => match read_iso8601(text.as_bytes()) {
                    Some(time) => column.set_number(self.row, time),
                    None => self.other_type(key, column),
                },
                (Content::Object(_), Node::Object { .. }) => {
                    let end = value_end();
                    let columns = column.set_struct(self.row);
                    self.below(field, key, |walk, level| walk.object(level, value, end, columns));
                }
                (Content::Array(_), Node::Array { len, .. }) => {
                    let (columns, first) = column.set_list(self.row, len);
                    self.below(field, key, |walk, level| walk.list(level, value, first, columns));
                }
                _ => self.other_type(key, column),
            }
        }
    }

    /// Fills `columns`, from row `first` on, with the array at `node`. Its objects have no JSON text in their columns, so
    /// that it does not matter where they end.
    fn list(&mut self, level: &Level, node: usize, first: usize, columns: &mut [ColumnBuilder]) {
        let Node::Array { len, .. } = self.tape[node] else { return };
        let (row, mut at) = (self.row, node + 1);
        for item in 0..len {
            self.row = first + item;
            if matches!(self.tape[at], Node::Object { .. }) {
                self.object(level, at, self.source.text.len(), columns);
            } else {
                count_name(&mut self.decoded.other_types, self.path.trim_end_matches('.'), 1);
            }
            at += size(self.tape[at]);
        }
        self.row = row;
    }

    fn below(&mut self, field: &Key, key: &str, walk: impl FnOnce(&mut Self, &Level)) {
        let Some(level) = &field.below else { return };
        let len = self.path.len();
        self.path.push_str(key);
        self.path.push('.');
        walk(self, level);
        self.path.truncate(len);
    }

    fn unknown(&mut self, key: &str) {
        // A name is shown to people: it need not be longer than any that AWS would give.
        let name = format!("{}{}", self.path, key.chars().take(100).collect::<String>());
        count_name(&mut self.decoded.unknown_fields, &name, 1);
    }

    fn other_type(&mut self, key: &str, column: &mut ColumnBuilder) {
        column.unset(self.row);
        count_name(&mut self.decoded.other_types, &format!("{}{key}", self.path), 1);
    }
}

/// Writes `\ufffd` for every `\ud800` to `\udfff` that is not half of a pair.
fn replace_lone_surrogates(json: &mut [u8]) {
    let half = |json: &[u8], at: usize| -> Option<u16> {
        let [b'\\', b'u', digits @ ..] = json.get(at..at + 6)? else { return None };
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut at = 0;
    while let Some(more) = memchr::memchr(b'\\', &json[at..]) {
        at += more;
        match half(json, at) {
            Some(0xd800..=0xdbff) if matches!(half(json, at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                json[at..at + 6].copy_from_slice(b"\\ufffd");
                at += 6;
            }
            _ => at = json.len().min(at + 2),
        }
    }
}
