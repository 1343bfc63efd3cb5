//! Splits one line. A field ends at a blank. A field in quotes ends at the first quote before a blank after which all
//! later fields are valid. So a URL or user agent may contain quotes and blanks.
//!
//! If there is no such reading, a request line may lack its method or version. Failing that, one number may be too
//! large; then one, and at last two, may not be numbers at all. Everything else must be right.

use memchr::{memchr, memchr_iter};

use super::Shape;
use super::layout::{LineLayout, Slot};
use super::time::TimeReader;
use super::value::{Endpoint, Request, seconds};
use crate::calendar::within_times;
use crate::field::{Span, number};
use crate::reject::RejectReason;

/// The most numbers of a record that may be invalid.
const MAX_ODD: usize = 2;
/// The most ends of quoted fields that are tried in addition to the first ones, so that a line full of quotes costs
/// only a few readings.
const MAX_TRIES: usize = 64;

/// A line taken apart.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Its texts and numbers, by their places in the layout; for floating-point numbers, the bits.
    pub(super) texts: Vec<Span>,
    pub(super) numbers: Vec<Option<i64>>,
    /// The record's time.
    pub(super) time: i64,
    pub(super) field_count: i64,
    /// The text after the last field that has a column.
    pub(super) extra: Option<(usize, usize)>,
    /// The columns that are null because the line has no number there, or one that does not fit.
    pub(super) odd: Vec<usize>,
    /// Whether printing the fields gives the line back.
    pub(super) is_plain: bool,
    /// Whether labels are only letters and digits.
    is_label: bool,
}

/// The state of a reading, to go back to it.
#[derive(Clone, Copy)]
struct Mark {
    texts: usize,
    numbers: usize,
    odd: usize,
    odd_left: Option<usize>,
    is_plain: bool,
}

/// Takes lines apart.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    layout: &'a LineLayout,
    pub(super) taken: Taken,
    times: TimeReader,
    /// How many numbers may still be invalid; `None` if not even one may be too large.
    odd_left: Option<usize>,
    tries_left: usize,
    /// Whether quotes after a backslash do not end a field.
    skips_escaped: bool,
    /// Whether request lines must be whole.
    wants_requests: bool,
    /// Whether any word is accepted as the record's time.
    takes_any_time: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layout: &'a LineLayout) -> Self {
        Self {
            layout,
            taken: Taken::default(),
            times: TimeReader::default(),
            odd_left: None,
            tries_left: 0,
            skips_escaped: false,
            wants_requests: false,
            takes_any_time: false,
        }
    }

    /// The same, whatever the line has in place of the record's time.
    pub(super) fn with_any_time(self) -> Self {
        Self { takes_any_time: true, ..self }
    }

    /// Whether a line is certainly a record. A number may be too large for its column.
    pub(super) fn is_plain_record(&mut self, line: &[u8]) -> bool {
        self.pass(line, None, true).or_else(|_| self.pass(line, Some(0), false)).is_ok()
    }

    /// Takes a line apart, into `taken`.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<(), RejectReason<'static>> {
        let first = self.pass(line, None, true);
        let is_decided = |problem: &RejectReason<'_>| {
            use RejectReason::{BehindText, Never, NoTime, OnlyBlanks};
            matches!(problem, NoTime | Never | OnlyBlanks | BehindText)
        };
        if first.as_ref().err().is_none_or(is_decided) {
            return first;
        }
        let Err(problem) = self.pass(line, None, false) else { return Ok(()) };
        (0..=MAX_ODD).map(Some).find_map(|odd| self.pass(line, odd, false).ok()).ok_or(problem)
    }

    /// Reads the fields. If there were too many ends of quoted fields to try, quotes after a backslash don't count as
    /// ends.
    fn pass(
        &mut self,
        line: &[u8],
        odd_left: Option<usize>,
        wants_requests: bool,
    ) -> Result<(), RejectReason<'static>> {
        let first = self.try_pass(line, odd_left, wants_requests);
        if first.is_ok() || self.tries_left > 0 {
            return first;
        }
        self.skips_escaped = true;
        let again = self.try_pass(line, odd_left, wants_requests);
        self.skips_escaped = false;
        again
    }

    fn try_pass(
        &mut self,
        line: &[u8],
        odd_left: Option<usize>,
        wants_requests: bool,
    ) -> Result<(), RejectReason<'static>> {
        self.taken.texts.clear();
        self.taken.numbers.clear();
        self.taken.odd.clear();
        (self.taken.is_plain, self.taken.is_label, self.taken.extra) = (true, true, None);
        (self.odd_left, self.tries_left, self.wants_requests) = (odd_left, MAX_TRIES, wants_requests);
        self.fields(line, 0, 0)
    }

    /// Reads the fields from one on, which begins at `at`.
    fn fields(&mut self, line: &[u8], mut field: usize, mut at: usize) -> Result<(), RejectReason<'static>> {
        while let Some(slot) = self.layout.slots.get(field).copied() {
            if line.get(at) == Some(&b' ') {
                let start = at;
                at += line[at..].iter().take_while(|byte| **byte == b' ').count();
                // Blanks at the end of the line do not separate fields.
                if at == line.len() {
                    return self.end(line, field, start);
                }
                self.taken.is_plain = false;
            }
            if at >= line.len() {
                return self.end(line, field, at);
            }
            if slot.is_quoted && line[at] == b'"' {
                return self.quoted(line, slot, field, at);
            }
            let end = memchr(b' ', &line[at..]).map_or(line.len(), |len| at + len);
            self.word(line, slot, at, end)?;
            (field, at) = (field + 1, end + 1);
        }
        self.end(line, field, at)
    }

    /// Reads a field in quotes, and the fields after it.
    fn quoted(&mut self, line: &[u8], slot: Slot, field: usize, at: usize) -> Result<(), RejectReason<'static>> {
        let start = at + 1;
        let closing = memchr_iter(b'"', &line[start..]).map(|quote| start + quote);
        let skips_escaped = self.skips_escaped;
        let closing = closing.filter(|quote| {
            matches!(line.get(quote + 1), None | Some(b' ')) && !(skips_escaped && is_escaped(&line[start..*quote]))
        });
        let (mark, mut first) = (self.mark(), None);
        for end in closing {
            if first.is_some() {
                let Some(left) = self.tries_left.checked_sub(1) else { break };
                self.tries_left = left;
                self.go_back(mark);
            }
            match self.value(line, slot, start, end).and_then(|()| self.fields(line, field + 1, end + 2)) {
                Ok(()) => return Ok(()),
                Err(problem) => first = first.or(Some(problem)),
            }
        }
        Err(first.unwrap_or(RejectReason::Unclosed(self.name(slot))))
    }

    /// Takes a field without quotes.
    fn word(&mut self, line: &[u8], slot: Slot, start: usize, end: usize) -> Result<(), RejectReason<'static>> {
        if slot.is_quoted {
            // A bare dash counts as odd, like an invalid number.
            let left = self.odd_left.filter(|_| &line[start..end] == b"-").and_then(|left| left.checked_sub(1));
            self.odd_left = Some(left.ok_or(RejectReason::NoQuotes(self.name(slot)))?);
            self.taken.is_plain = false;
        } else if line[start] == b'"' {
            return Err(RejectReason::Quotes(self.name(slot)));
        }
        self.value(line, slot, start, end)
    }

    /// Reads the values of a field.
    fn value(&mut self, line: &[u8], slot: Slot, start: usize, end: usize) -> Result<(), RejectReason<'static>> {
        let text = &line[start..end];
        match slot.shape {
            Shape::Label => {
                self.taken.is_label &= text == b"-" || text.iter().all(u8::is_ascii_alphanumeric);
                self.taken.texts.push(Span::new(line, start, end));
            }
            Shape::Text => self.taken.texts.push(Span::new(line, start, end)),
            Shape::Number { can_be_negative } => self.number(text, slot, can_be_negative)?,
            Shape::Seconds { decimals } => match (text, seconds(text, decimals)) {
                (b"-1", _) => self.taken.numbers.push(None),
                (_, Some((seconds, is_plain))) => {
                    self.taken.is_plain &= is_plain;
                    self.taken.numbers.push(Some(seconds.to_bits().cast_signed()));
                }
                (_, None) => self.odd(text, slot)?,
            },
            Shape::Time => self.time(text, slot)?,
            Shape::Endpoint => {
                let Endpoint { address, port, in_brackets } = Endpoint::of(text);
                let from = start + usize::from(in_brackets);
                self.taken.is_plain &= !in_brackets;
                self.taken.texts.push(Span::new(line, from, from + address.len()));
                self.taken.numbers.push(port.map(i64::from));
            }
            Shape::Request => {
                let Request { method, url, version, is_plain } = Request::of(text);
                if self.wants_requests && !is_plain {
                    return Err(RejectReason::NoRequest(self.name(slot)));
                }
                self.taken.is_plain &= is_plain;
                // They come in this order, with blanks between them.
                let at_url = start + method.map_or(1, <[u8]>::len) + 1;
                let is_all = method.is_none() && url == Some(text);
                let at_url = if is_all { start } else { at_url };
                let span = |part: Option<&[u8]>, at: usize| {
                    part.map_or(Span::NULL, |part| Span::new(line, at, at + part.len()))
                };
                self.taken.texts.push(span(method, start));
                self.taken.texts.push(span(url, at_url));
                self.taken.texts.push(version.map_or(Span::NULL, |version| Span::new(line, end - version.len(), end)));
            }
        }
        Ok(())
    }

    fn number(&mut self, text: &[u8], slot: Slot, can_be_negative: bool) -> Result<(), RejectReason<'static>> {
        let digits = text.strip_prefix(b"-").filter(|digits| can_be_negative && !digits.is_empty());
        let read = number(digits.unwrap_or(text)).map(|(value, is_plain)| match (digits, value) {
            (None, value) => (value, is_plain),
            (Some(_), value) => (value.map(|value| -value), is_plain && value != Some(0)),
        });
        let fits = |(value, _): &(Option<i64>, bool)| {
            !slot.is_narrow || value.is_none_or(|value| i32::try_from(value).is_ok())
        };
        match read.filter(fits) {
            Some((value, is_plain)) if digits.is_none() || value.is_some() => {
                self.taken.is_plain &= is_plain;
                self.taken.numbers.push(value);
                Ok(())
            }
            // A value that was not measured is null.
            None if text == b"-1" => {
                self.taken.is_plain = false;
                self.taken.numbers.push(None);
                Ok(())
            }
            _ => self.odd(text, slot),
        }
    }

    fn time(&mut self, text: &[u8], slot: Slot) -> Result<(), RejectReason<'static>> {
        let read = self.times.read(text);
        if slot.is_record_time {
            let never = |(micros, is_plain)| Some((within_times(micros)?, is_plain));
            let time = match read {
                Some(time) => never(time).ok_or(RejectReason::Never),
                None => Err(RejectReason::NoTime),
            };
            let time = if self.takes_any_time { time.or(Ok((0, false))) } else { time };
            let (micros, is_plain) = time?;
            (self.taken.time, self.taken.is_plain) = (micros, self.taken.is_plain && is_plain);
            self.taken.numbers.push(Some(micros));
            return Ok(());
        }
        match read.and_then(|(micros, is_plain)| Some((within_times(micros)?, is_plain))) {
            Some((micros, is_plain)) => {
                self.taken.is_plain &= is_plain;
                self.taken.numbers.push(Some(micros));
                Ok(())
            }
            None if text == b"-" => {
                self.taken.numbers.push(None);
                Ok(())
            }
            None => self.odd(text, slot),
        }
    }

    /// Treats an invalid number as null, if that is still allowed.
    fn odd(&mut self, text: &[u8], slot: Slot) -> Result<(), RejectReason<'static>> {
        let is_large = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        // A quote is a sign that the fields were split wrongly.
        let left = self.odd_left.filter(|_| !text.contains(&b'"'));
        let left = left.and_then(|left| if is_large { Some(left) } else { left.checked_sub(1) });
        let Some(left) = left else { return Err(RejectReason::NoNumber(self.name(slot))) };
        self.odd_left = Some(left);
        self.taken.is_plain = false;
        self.taken.odd.push(slot.column);
        self.taken.numbers.push(None);
        Ok(())
    }

    /// Ends the line after this many fields. The text from `at` on has no column; `at` is past the line if there is
    /// none.
    fn end(&mut self, line: &[u8], fields: usize, at: usize) -> Result<(), RejectReason<'static>> {
        if fields < self.layout.least {
            let is_blank = line.iter().all(u8::is_ascii_whitespace);
            return Err(if is_blank { RejectReason::OnlyBlanks } else { RejectReason::Few(self.layout.least) });
        }
        if !self.taken.is_label {
            return Err(RejectReason::BehindText);
        }
        let rest = line.get(at..);
        self.taken.extra = rest.map(|_| (at, line.len()));
        self.taken.field_count = i64::try_from(fields + rest.map_or(0, words)).unwrap_or(i64::MAX);
        self.taken.texts.resize(self.layout.texts.len(), Span::NULL);
        self.taken.numbers.resize(self.layout.numbers.len(), None);
        Ok(())
    }

    fn name(&self, slot: Slot) -> &'static str {
        self.layout.name(slot.column)
    }

    fn mark(&self) -> Mark {
        Mark {
            texts: self.taken.texts.len(),
            numbers: self.taken.numbers.len(),
            odd: self.taken.odd.len(),
            odd_left: self.odd_left,
            is_plain: self.taken.is_plain,
        }
    }

    fn go_back(&mut self, mark: Mark) {
        self.taken.texts.truncate(mark.texts);
        self.taken.numbers.truncate(mark.numbers);
        self.taken.odd.truncate(mark.odd);
        self.odd_left = mark.odd_left;
        self.taken.is_plain = mark.is_plain;
    }
}

/// Whether the next character of a text is escaped by a backslash.
fn is_escaped(text: &[u8]) -> bool {
    text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The number of fields in a text; fields in quotes can contain blanks.
fn words(text: &[u8]) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < text.len() {
        let closing = || {
            let quotes = memchr_iter(b'"', &text[at + 1..]).map(|quote| at + 2 + quote);
            quotes.into_iter().find(|end| matches!(text.get(*end), None | Some(b' ')))
        };
        let quoted = if text[at] == b'"' { closing() } else { None };
        let end = quoted.or_else(|| memchr(b' ', &text[at..]).map(|len| at + len)).unwrap_or(text.len());
        count += usize::from(end > at);
        at = end + 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_in_quotes_are_one() {
        for (text, count) in
            [("", 0), (" ", 0), ("-", 1), ("a \"b c\" d", 3), ("\"a b", 2), ("\"a\"b c\" d", 2), ("a  b ", 2)]
        {
            assert_eq!(words(text.as_bytes()), count, "{text}");
        }
    }
}
