//! The decoder: blocks of JSON objects in, columns by date and rejects out.
//!
//! A block's records are copied one after another into an array that the parser may overwrite, and parsed in one go.
//! The parser returns a tape: a flat list of nodes, in which a string is a piece of that copy. A string has the same
//! place in the copy as in the record. So the text of a value that stays JSON is found between the strings around it,
//! without looking at its inside.

use std::ops::Range;

use simd_json::{Buffers, ErrorType, INPUT_PADDING, Node, StaticNode, Tape};

use super::athena::is_json;
use super::keys::{Key, Level};
use super::skeleton::{MOST, Skeleton};
use super::write::{is_usual_time, len_of_text};
use super::{Content, EXTRA, GAP, JsonLog, RAW, SKELETON, SOURCE_FILE, SOURCE_LINE, WRAPPED, WRAPPING};
use crate::block::{Block, Item, USUAL_GAP};
use crate::calendar::{day_of, read_any_iso8601, read_iso8601, within_times};
use crate::column::ColumnBuilder;
use crate::decoder::{Carry, Decoded, count_name};
use crate::field::print_number;
use crate::members::{ValueEnd, string_end, value_end};
use crate::origin::Origin;
use crate::partitions::Partitions;
use crate::reject::{RejectReason, not_text};

/// JSON that is nested deeper than this is not a record.
const MAX_DEPTH: usize = 128;

/// Parses records and fills columns.
pub(super) struct JsonDecoder {
    log: &'static JsonLog,
    partitions: Partitions,
    record: Level,
    skeleton: Skeleton,
    copy: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl std::fmt::Debug for JsonDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonDecoder").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

impl JsonDecoder {
    /// A decoder of a log.
    pub(super) fn new(log: &'static JsonLog, partitions: Partitions) -> Self {
        Self {
            log,
            partitions,
            record: Level::new(log.fields),
            skeleton: Skeleton::default(),
            copy: Vec::new(),
            // The array around the records counts as a level.
            buffers: Buffers::with_max_depth(0, MAX_DEPTH + 1),
            tape: Tape(Vec::new()),
        }
    }
}

impl crate::Decoder for JsonDecoder {
    fn decode(&mut self, block: Block<'_>, origin: &Origin<'_>, _carry: &mut Carry) -> Decoded {
        let Block::Json(bytes, items) = block else { panic!("the log comes in JSON objects") };
        let mut decoded = Decoded::default();
        let context = Context { bytes, origin };
        // All at once; if one is broken, one after another.
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

    fn reject(&mut self, reason: RejectReason<'_>, raw: &[u8], origin: &Origin<'_>, _carry: &mut Carry) {
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
    /// The text before an item, if it is not a comma.
    fn gap(&self, item: &Item) -> Option<&str> {
        // Only text is passed over.
        let gap = std::str::from_utf8(&self.bytes[item.gap..item.start]).unwrap_or_default();
        (gap != USUAL_GAP).then_some(gap)
    }

    fn reject(&self, partitions: &mut Partitions, item: &Item, number: i64, reason: RejectReason<'_>) {
        let offset = self.origin.byte_offset + i64::try_from(item.place()).unwrap_or(i64::MAX);
        let origin = Origin { first_line: number, byte_offset: offset, ..*self.origin };
        partitions.rejects.push_after(self.gap(item), &origin, reason, item.verbatim(self.bytes));
    }
}

impl JsonDecoder {
    /// Decodes one item by itself.
    fn one(&mut self, context: &Context<'_>, item: &Item, decoded: &mut Decoded) {
        let number = context.origin.first_line + decoded.lines;
        let reason = if let Some(problem) = item.problem {
            let is_text = problem == RejectReason::NoRecord;
            let text = &context.bytes[item.start..item.end];
            if is_text { self.partitions.rejects.recognised(text, problem) } else { problem }
        } else {
            let parsed = self.parse(context, std::slice::from_ref(item), number, decoded);
            let Err(error) = parsed.or_else(|_| self.parse_repaired(context, item, number, decoded)) else { return };
            problem(&error, &context.bytes[item.start..item.end])
        };
        context.reject(&mut self.partitions, item, number, reason);
        decoded.lines += i64::from(!item.continues);
        decoded.rejects += i64::from(!item.continues);
    }

    /// Decodes complete items. If they are not JSON, says why, and has changed nothing.
    fn parse(
        &mut self,
        context: &Context<'_>,
        items: &[Item],
        first: i64,
        decoded: &mut Decoded,
    ) -> Result<(), simd_json::Error> {
        self.copy.clear();
        let mut starts = Vec::with_capacity(items.len());
        for item in items {
            self.copy.push(if starts.is_empty() { b'[' } else { b',' });
            starts.push(self.copy.len());
            self.copy.extend_from_slice(&context.bytes[item.start..item.end]);
        }
        self.copy.push(b']');
        self.parse_copy(context, items, &starts, true, first, decoded)
    }

    /// Decodes an item whose strings contain half of a UTF-16 pair, which no text can hold: columns get U+FFFD for
    /// it. Also an item with numbers that the parser can't hold; columns of JSON keep their text.
    fn parse_repaired(
        &mut self,
        context: &Context<'_>,
        item: &Item,
        number: i64,
        decoded: &mut Decoded,
    ) -> Result<(), simd_json::Error> {
        self.copy.clear();
        self.copy.push(b'[');
        self.copy.extend_from_slice(&context.bytes[item.start..item.end]);
        self.copy.push(b']');
        replace_lone_surrogates(&mut self.copy);
        replace_numbers(&mut self.copy);
        self.parse_copy(context, std::slice::from_ref(item), &[1], false, number, decoded)
    }

    /// Parses the copy of items, each of which begins at one of `starts`. Returns whether the copy is identical to
    /// them.
    fn parse_copy(
        &mut self,
        context: &Context<'_>,
        items: &[Item],
        starts: &[usize],
        is_as_parsed: bool,
        first: i64,
        decoded: &mut Decoded,
    ) -> Result<(), simd_json::Error> {
        let mut copy = std::mem::take(&mut self.copy);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let len = copy.len();
        copy.resize(len + INPUT_PADDING, b' ');
        let copy_at = copy.as_ptr().addr();
        let parsed = simd_json::fill_tape_padded(&mut copy, len, &mut self.buffers, &mut tape);
        if parsed.is_ok() {
            let mut node = 1;
            for ((item, start), number) in items.iter().zip(starts).zip(first..) {
                // The parser has checked that this is UTF-8.
                let text = &context.bytes[item.start..item.end];
                let source = Source { text, at: copy_at + start, is_as_parsed };
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
    ) -> Result<(), RejectReason<'static>> {
        let log = self.log;
        let time = record_time(log, tape, node);
        let time = time.map_err(|reason| self.partitions.rejects.recognised(source.text, reason))?;
        let columns = self.partitions.day(day_of(Some(time)));
        let row = columns.rows();
        let set = columns.columns();
        let skeleton = &mut self.skeleton;
        skeleton.begin(source.is_as_parsed);
        let mut walk = Walk { tape, source, row, path: String::new(), item: None, skeleton, decoded };
        walk.object(&self.record, node, source.text.len(), set);
        let others = &mut set[log.fields.len()..];
        // For named values, the decoded text is not the record's own.
        let own = if item.wrapped.is_some() { item.record(context.bytes) } else { source.text };
        let skeleton = self.skeleton.end(source.text).filter(|_| item.wrapped.is_none() || own == source.text);
        let is_printed = skeleton.is_some_and(|it| others[SKELETON].set_text_within(row, it, MOST));
        if !is_printed {
            others[RAW].set_text(row, own);
        }
        if let Some(extra) = self.skeleton.extra() {
            others[EXTRA].set_text(row, extra);
        }
        if let Some(gap) = context.gap(item) {
            others[GAP].set_text(row, gap.as_bytes());
        }
        if item.wrapped.is_some() {
            item.wrapping().iter().for_each(|name| others[WRAPPING].set_text(row, name.as_bytes()));
            item.unusual(context.bytes).iter().for_each(|text| others[WRAPPED].set_text(row, text));
        }
        others[SOURCE_FILE].set_text(row, context.origin.source_file.as_bytes());
        others[SOURCE_LINE].set_number(row, number);
        columns.rows_set(1);
        decoded.record_at(Some(time));
        Ok(())
    }
}

/// What is wrong with an object that the parser refused, in words that don't depend on where that is.
fn problem(error: &simd_json::Error, object: &[u8]) -> RejectReason<'static> {
    let at = error.character();
    RejectReason::InvalidJson(match error.error() {
        ErrorType::DepthLimitExceeded => return RejectReason::TooDeep(MAX_DEPTH),
        ErrorType::InvalidUtf8 => return not_text(object),
        ErrorType::Syntax => "a string has a control character in it, or does not end",
        ErrorType::InvalidEscape | ErrorType::InvalidUnicodeEscape | ErrorType::InvalidUnicodeCodepoint => {
            "a malformed escape in a string"
        }
        ErrorType::ExpectedObjectColon => "no colon follows a name",
        ErrorType::ExpectedArrayContent => "no comma between the items of a list",
        ErrorType::ExpectedObjectContent if at == Some('"') => "no comma between the members of an object",
        ErrorType::ExpectedObjectContent | ErrorType::ExpectedObjectKey
            if at.is_some_and(|byte| byte.is_alphanumeric() || "_'".contains(byte)) =>
        {
            "a name is not in quotes"
        }
        ErrorType::ExpectedTrue | ErrorType::ExpectedFalse | ErrorType::ExpectedNull => {
            "a word that is not true, false or null"
        }
        ErrorType::InvalidNumber | ErrorType::InvalidExponent | ErrorType::Overflow => "a malformed number",
        _ => "a character that can't stand where it does",
    })
}

/// How many nodes of the tape a value takes.
fn size(node: Node<'_>) -> usize {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        _ => 1,
    }
}

/// The time of a record; if there are several, the last one counts, as everywhere. Says why there is none.
fn record_time(log: &JsonLog, tape: &[Node<'_>], node: usize) -> Result<i64, RejectReason<'static>> {
    let no_time = RejectReason::NoTimeOf(log.time);
    let Node::Object { len, .. } = tape[node] else { return Err(no_time) };
    let (mut at, mut time) = (node + 1, None);
    for _ in 0..len {
        match (tape[at], tape[at + 1]) {
            (Node::String(key), value) if key == log.time => {
                time = if let Node::String(text) = value { read_any_iso8601(text.as_bytes()) } else { None };
            }
            (Node::String(key), Node::Object { .. }) => {
                if let Some((_, what)) = log.others.iter().find(|(other, _)| *other == key) {
                    return Err(RejectReason::Is(what));
                }
            }
            _ => {}
        }
        at += 1 + size(tape[at + 1]);
    }
    let time = time.ok_or(no_time)?;
    within_times(time).ok_or(RejectReason::NeverOf(log.time))
}

/// `true` or `false` as text, in letters of any size.
fn truth_in(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

/// The text of a record, and the address where the parser's copy of it begins.
struct Source<'a> {
    text: &'a [u8],
    at: usize,
    /// Whether the copy is identical to the record.
    is_as_parsed: bool,
}

impl Source<'_> {
    /// Where a string of the tape begins in the record, after its quote.
    fn place(&self, string: &str) -> usize {
        string.as_ptr().addr() - self.at
    }

    /// The range of a key, without its quotes.
    fn key(&self, key: &str) -> Range<usize> {
        let (bytes, start) = (self.text, self.place(key));
        if let Some(len) = len_of_text(key.as_bytes(), &bytes[start..]) {
            return start..start + len;
        }
        let mut end = start;
        while bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        start..end
    }

    /// Where the value of the key that ends at `end` begins.
    fn value_start(&self, end: usize) -> usize {
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b':';
        end + 1 + self.text[end + 1..].iter().take_while(|byte| is_between(byte)).count()
    }

    /// The end of the value before `limit`, with only separators between.
    fn value_end(&self, limit: usize, separator: u8) -> usize {
        let before = self.text[..limit].trim_ascii_end();
        let before = before.strip_suffix(&[separator]).unwrap_or(before);
        before.trim_ascii_end().len()
    }
}

/// A member of an object.
#[derive(Clone, Copy)]
struct Member<'t> {
    key: &'t str,
    /// The place of its value on the tape, and the place after the value.
    value: usize,
    next: usize,
    /// Whether it is the last one of its object.
    is_last: bool,
    /// The end of the object, as a byte of the record.
    end: usize,
}

/// A walk over a record's nodes.
struct Walk<'a, 'tape> {
    tape: &'a [Node<'tape>],
    source: &'a Source<'a>,
    row: usize,
    /// The keys that lead to the object, each with a dot.
    path: String,
    /// For a list, the position of the item.
    item: Option<usize>,
    skeleton: &'a mut Skeleton,
    decoded: &'a mut Decoded,
}

impl<'tape> Walk<'_, 'tape> {
    /// Fills `columns` with the object at `node`, which ends before byte `end` of the record.
    fn object(&mut self, level: &Level, node: usize, end: usize, columns: &mut [ColumnBuilder]) {
        let Node::Object { len, .. } = self.tape[node] else { return };
        let mut at = node + 1;
        for member in 0..len {
            let Node::String(key) = self.tape[at] else { return };
            let value = at + 1;
            at = value + size(self.tape[value]);
            let member = Member { key, value, next: at, is_last: member + 1 == len, end };
            match level.find(key) {
                Some(field) => self.field(field, member, &mut columns[field.column]),
                None => self.unknown(member),
            }
        }
    }

    /// Fills a column with a field's value.
    fn field(&mut self, field: &Key, member: Member<'tape>, column: &mut ColumnBuilder) {
        let row = self.row;
        if column.len() > row {
            // If a key comes twice, the last value counts, as everywhere.
            self.skeleton.give_up();
        }
        match (field.content, self.tape[member.value]) {
            (_, Node::Static(StaticNode::Null)) => column.unset(row),
            (Content::Text, Node::String(text)) => {
                self.quoted(field, text);
                column.set_text(row, text.as_bytes());
            }
            (Content::Text, Node::Static(StaticNode::Bool(truth))) => {
                self.bare(field, member);
                column.set_text(row, if truth { b"true" } else { b"false" });
            }
            // A number is taken as it is written, too.
            // Some exports have JSON as text.
            (Content::Json, Node::String(text)) if is_json(text.as_bytes()) => {
                self.skeleton.give_up();
                column.set_text(row, text.as_bytes());
            }
            (Content::Json, _) | (Content::Text, Node::Static(_)) => {
                let range = self.range(member);
                column.set_text(row, &self.source.text[range.clone()]);
                self.skeleton.value(self.source.text, range, &field.slot);
            }
            (Content::Bool, Node::Static(StaticNode::Bool(truth))) => {
                self.bare(field, member);
                column.set_number(row, i64::from(truth));
            }
            (Content::Bool, Node::String(text)) => match truth_in(text) {
                Some(truth) => {
                    self.quoted_if(field, text, ["false", "true"][usize::from(truth)] == text);
                    column.set_number(row, i64::from(truth));
                }
                None => self.other_type(member.key, column),
            },
            (Content::Number, Node::Static(number)) => match whole(number) {
                Some(number) => {
                    self.number(field, member, number);
                    column.set_number(row, number);
                }
                None => self.other_type(member.key, column),
            },
            (Content::Time, Node::String(text)) => match read_iso8601(text.as_bytes()) {
                Some(time) => {
                    self.quoted_if(field, text, is_usual_time(text.as_bytes()));
                    column.set_number(row, time);
                }
                None => self.other_type(member.key, column),
            },
            (Content::Object(_), Node::Object { .. }) => {
                let end = if self.item.is_some() { member.end } else { self.range_end(member) };
                let columns = column.set_struct(row);
                self.below(field, member.key, |walk, level| walk.object(level, member.value, end, columns));
            }
            (Content::Array(_), Node::Array { len, .. }) => {
                let (columns, first) = column.set_list(row, len);
                self.below(field, member.key, |walk, level| walk.list(field, level, member.value, first, columns));
            }
            _ => self.other_type(member.key, column),
        }
    }

    /// Notes text of a column.
    #[inline]
    fn quoted(&mut self, field: &Key, text: &str) {
        let start = self.source.place(text);
        match self.source.text.get(start..).and_then(|json| len_of_text(text.as_bytes(), json)) {
            Some(len) => self.skeleton.value(self.source.text, start..start + len, &field.slot),
            None => self.skeleton.give_up(),
        }
    }

    /// Notes text that is the usual way to write a column's value, or gives up.
    fn quoted_if(&mut self, field: &Key, text: &str, is_usual: bool) {
        if is_usual { self.quoted(field, text) } else { self.skeleton.give_up() }
    }

    /// Notes a value that is written without quotes.
    fn bare(&mut self, field: &Key, member: Member<'_>) {
        let range = self.range(member);
        self.skeleton.value(self.source.text, range, &field.slot);
    }

    /// Notes a number, if it is written the usual way.
    fn number(&mut self, field: &Key, member: Member<'_>, number: i64) {
        let (range, mut usual) = (self.range(member), Vec::new());
        print_number(number, &mut usual);
        if self.source.text[range.clone()] == usual {
            self.skeleton.value(self.source.text, range, &field.slot);
        } else {
            self.skeleton.give_up();
        }
    }

    /// The range of a member's value in the record.
    fn range(&self, member: Member<'_>) -> Range<usize> {
        let start = self.source.value_start(self.source.key(member.key).end);
        start..self.end_from(start, member)
    }

    /// The end of the member's value that begins at `start`.
    fn end_from(&self, start: usize, member: Member<'_>) -> usize {
        // The tape does not tell where an item of a list ends, so the value is walked over.
        match self.item.map(|_| value_end(self.source.text, start)) {
            Some(ValueEnd::At(end)) => end,
            _ => self.range_end(member),
        }
    }

    /// The end of a member's value, found from what follows it.
    fn range_end(&self, member: Member<'_>) -> usize {
        match self.tape.get(member.next) {
            Some(Node::String(next)) if !member.is_last => self.source.value_end(self.source.place(next) - 1, b','),
            _ => self.source.value_end(member.end, b'}'),
        }
    }

    /// Fills `columns`, from row `first` on, with the array at `node`.
    fn list(&mut self, field: &Key, level: &Level, node: usize, first: usize, columns: &mut [ColumnBuilder]) {
        let Node::Array { len, .. } = self.tape[node] else { return };
        let (row, mut at) = (self.row, node + 1);
        for item in 0..len {
            self.row = first + item;
            if matches!(self.tape[at], Node::Object { .. }) {
                self.item = Some(item);
                self.skeleton.begin_item(&field.slot, item);
                self.object(level, at, self.source.text.len(), columns);
            } else {
                self.skeleton.give_up();
                count_name(&mut self.decoded.other_types, self.path.trim_end_matches('.'), 1);
            }
            at += size(self.tape[at]);
        }
        (self.row, self.item) = (row, None);
        self.skeleton.end_items();
    }

    fn below(&mut self, field: &Key, key: &str, walk: impl FnOnce(&mut Self, &Level)) {
        let Some(level) = &field.below else { return };
        let len = self.path.len();
        self.path.push_str(key);
        self.path.push('.');
        walk(self, level);
        self.path.truncate(len);
    }

    fn unknown(&mut self, member: Member<'_>) {
        let key = self.source.key(member.key);
        let start = self.source.value_start(key.end);
        let value = start..self.end_from(start, member);
        match self.item {
            None => self.skeleton.unknown(self.source.text, &self.path, key, value),
            Some(item) => self.skeleton.unknown(self.source.text, &format!("{}{item}.", self.path), key, value),
        }
        // The name is shown to people. It need not be longer than any name of AWS.
        let name = format!("{}{}", self.path, member.key.chars().take(100).collect::<String>());
        count_name(&mut self.decoded.unknown_fields, &name, 1);
    }

    fn other_type(&mut self, key: &str, column: &mut ColumnBuilder) {
        self.skeleton.give_up();
        column.unset(self.row);
        count_name(&mut self.decoded.other_types, &format!("{}{key}", self.path), 1);
    }
}

/// A whole number that fits.
fn whole(number: StaticNode) -> Option<i64> {
    match number {
        StaticNode::I64(number) => Some(number),
        StaticNode::U64(number) => i64::try_from(number).ok(),
        _ => None,
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

/// Replaces each number that is not a small integer by another one, padded with blanks: columns of text take it from
/// the record, others can't hold it.
fn replace_numbers(json: &mut [u8]) {
    /// Numbers with this many digits fit into 64 bits.
    const FIT: usize = 18;
    const OTHER: &[u8] = b"0.5";
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => match string_end(json, at) {
                ValueEnd::At(end) => at = end,
                ValueEnd::Short | ValueEnd::Broken => return,
            },
            b'-' | b'0'..=b'9' => {
                let len = json[at..].iter().take_while(|byte| b"+-.eE0123456789".contains(byte)).count();
                let number = &mut json[at..at + len];
                let is_whole = number.iter().skip(1).all(u8::is_ascii_digit);
                if len >= OTHER.len() && !(is_whole && len <= FIT) && is_number(number) {
                    number.fill(b' ');
                    number[..OTHER.len()].copy_from_slice(OTHER);
                }
                at += len;
            }
            _ => at += 1,
        }
    }
}

/// Whether a text is a number as JSON writes it.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || whole > 1 && rest[0] == b'0' {
        return false;
    }
    rest = &rest[whole..];
    if let [b'.', fraction @ ..] = rest {
        let len = digits(fraction);
        if len == 0 {
            return false;
        }
        rest = &fraction[len..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let len = digits(exponent);
        return len > 0 && len == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_of_a_column_are_replaced() {
        let mut json =
            br#"{"a":1E+400,"b":"1E+400","c":[123,-1.5e-999],"d":01e999,"e":123456789012345678901234567890}"#.to_vec();
        replace_numbers(&mut json);
        let wanted = r#"{"a":0.5   ,"b":"1E+400","c":[123,0.5      ],"d":01e999,"e":0.5                           }"#;
        assert_eq!(String::from_utf8(json).unwrap(), wanted);
    }
}
