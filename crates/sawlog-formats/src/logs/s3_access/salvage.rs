//! The patient reading of a line that differs from the user guide.
//!
//! Fields may contain characters that they should not: blanks in the requester or the host id, quotes in the request,
//! referer or agent, two blanks between fields. The first reading in which all later fields are valid is taken. If
//! there is none, one number may be too large; then one, and at last two, may not be numbers at all. Everything else
//! must be right.

use memchr::{memchr_iter, memrchr};

use super::column::{
    BUCKET, BUCKET_OWNER, ERROR_CODE, FIELDS, HOST_ID, KEY, NUMBERS, OPERATION, REFERER, REMOTE_IP, REQUEST_ID,
    REQUEST_URI, REQUESTER, SIGNATURE_VERSION, USER_AGENT, VERSION_ID,
};
use super::line::{Line, Span, is_operation, is_owner, is_signature_version, number};
use super::time::{TIME_LEN, TimeReader};
use super::{MIN_FIELDS, TABLE, print};
use crate::calendar::within_times;
use crate::reject::RejectReason;

/// The most blanks in a requester.
const MAX_REQUESTER_WORDS: usize = 16;
/// The most words in a host id.
const MAX_HOST_ID_WORDS: usize = 4;
/// The most closing quotes that are tried for one field, so that a line full of quotes costs only a few readings.
const MAX_CLOSING_QUOTES: usize = 64;

/// The most numbers of a record that may be invalid.
const MAX_ODD_NUMBERS: usize = 2;

/// The text in the place of a number.
#[derive(Clone, Copy)]
enum Numbers {
    /// A number that fits.
    Fit,
    /// A number, or, in a limited number of places, something else.
    But(usize),
}

/// Reads `line`, or says why it is not a record.
pub(super) fn read(line: &[u8], times: &mut TimeReader) -> Result<Line, RejectReason<'static>> {
    let reader = Reader { line, numbers: Numbers::Fit };
    let mut out = Line::EMPTY;
    let Some((owner, bucket)) = reader.word(0).and_then(|owner| Some((owner, reader.word(owner.end)?))) else {
        return Err(if owner_only_blanks(line) { RejectReason::OnlyBlanks } else { RejectReason::NoTimeInBrackets });
    };
    out.fields[BUCKET_OWNER] = owner.span(line);
    out.fields[BUCKET] = bucket.span(line);
    let at = reader.skip_blanks(bucket.end);
    let time = line.get(at..).and_then(|rest| rest.first_chunk::<TIME_LEN>()).and_then(|time| times.read(time));
    let Some((time, _)) = time else { return Err(RejectReason::NoTimeInBrackets) };
    if line.get(at + TIME_LEN) != Some(&b' ') {
        return Err(RejectReason::CutOff);
    }
    reader.read_head(at + TIME_LEN, &mut out).or_else(|reason| {
        let mut patient = (0..=MAX_ODD_NUMBERS).map(|others| Reader { line, numbers: Numbers::But(others) });
        patient.find_map(|reader| reader.read_head(at + TIME_LEN, &mut out).ok()).ok_or(reason)
    })?;
    if !is_owner(reader.text(owner)) {
        return Err(RejectReason::BehindText);
    }
    out.time = within_times(time).ok_or(RejectReason::Never)?;
    let mut printed = Vec::with_capacity(line.len());
    print::print_line(&out, line, &mut printed);
    out.canonical = printed == line;
    Ok(out)
}

fn owner_only_blanks(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// A word of the line: `start..end`.
#[derive(Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
}

impl Word {
    fn span(self, line: &[u8]) -> Span {
        Span::new(line, self.start, self.end)
    }
}

struct Reader<'a> {
    line: &'a [u8],
    numbers: Numbers,
}

impl Reader<'_> {
    fn skip_blanks(&self, at: usize) -> usize {
        at + self.line[at..].iter().take_while(|byte| **byte == b' ').count()
    }

    /// The next word at or after `at`.
    fn word(&self, at: usize) -> Option<Word> {
        let start = self.skip_blanks(at);
        let end = start + self.line[start..].iter().take_while(|byte| **byte != b' ').count();
        (end > start).then_some(Word { start, end })
    }

    fn text(&self, word: Word) -> &[u8] {
        &self.line[word.start..word.end]
    }

    /// Reads from the remote address on, trying requesters of one word, of two, and so on.
    fn read_head(&self, at: usize, out: &mut Line) -> Result<(), RejectReason<'static>> {
        let words: Vec<Word> =
            std::iter::successors(self.word(at), |word| self.word(word.end)).take(MAX_REQUESTER_WORDS + 4).collect();
        let mut first_failure = None;
        for requester_words in 1..=words.len().saturating_sub(4) {
            let [request_id, operation, key] = [1, 2, 3].map(|after| words[requester_words + after]);
            let dash = requester_words == 1 && self.text(operation) == b"-";
            if !dash && !is_operation(self.text(operation)) {
                continue;
            }
            out.fields[REMOTE_IP] = words[0].span(self.line);
            out.fields[REQUESTER] = Span::new(self.line, words[1].start, words[requester_words].end);
            out.fields[REQUEST_ID] = request_id.span(self.line);
            out.fields[OPERATION] = operation.span(self.line);
            out.fields[KEY] = key.span(self.line);
            match self.read_request(key.end, out) {
                Ok(()) => return Ok(()),
                Err(reason) => first_failure = first_failure.or(Some(reason)),
            }
        }
        Err(first_failure.unwrap_or(if words.len() < 5 {
            RejectReason::Few(MIN_FIELDS)
        } else {
            RejectReason::NoOperation
        }))
    }

    /// The places where a quoted field that begins at `at` may end: each quote before a blank or the line's end.
    fn closing_quotes(&self, at: usize) -> impl Iterator<Item = usize> {
        let after = at + 1;
        memchr_iter(b'"', self.line.get(after..).unwrap_or_default())
            .map(move |quote| after + quote)
            .filter(|quote| matches!(self.line.get(quote + 1), None | Some(b' ')))
            .take(MAX_CLOSING_QUOTES)
    }

    fn is_bare_dash(&self, at: usize) -> bool {
        self.line.get(at) == Some(&b'-') && matches!(self.line.get(at + 1), None | Some(b' '))
    }

    /// Reads from the request-URI on.
    fn read_request(&self, at: usize, out: &mut Line) -> Result<(), RejectReason<'static>> {
        let at = self.skip_blanks(at);
        if self.is_bare_dash(at) {
            out.fields[REQUEST_URI] = Span::NULL;
            return self.read_numbers(at + 1, out);
        }
        if self.line.get(at) != Some(&b'"') {
            return Err(if at >= self.line.len() {
                RejectReason::Few(MIN_FIELDS)
            } else {
                RejectReason::NoQuotes("request_uri")
            });
        }
        let mut first_failure = None;
        for close in self.closing_quotes(at) {
            out.fields[REQUEST_URI] = Span::new(self.line, at + 1, close);
            match self.read_numbers(close + 1, out) {
                Ok(()) => return Ok(()),
                Err(reason) => first_failure = first_failure.or(Some(reason)),
            }
        }
        Err(first_failure.unwrap_or(RejectReason::Unclosed("request_uri")))
    }

    /// Reads the HTTP status, the error code and the four numbers, and what follows.
    fn read_numbers(&self, mut at: usize, out: &mut Line) -> Result<(), RejectReason<'static>> {
        let mut left = if let Numbers::But(others) = self.numbers { others } else { 0 };
        for (slot, field) in NUMBERS.into_iter().enumerate() {
            let reason = RejectReason::NotANumber(TABLE.columns[field].name);
            let word = self.word(at).ok_or(RejectReason::Few(MIN_FIELDS))?;
            let text = self.text(word);
            let value = number(text).filter(|(value, _)| slot > 0 || value.is_none_or(|v| v < 1 << 31));
            out.odd[slot] = value.is_none();
            out.numbers[slot] = match (value, self.numbers) {
                (Some((value, _)), _) => value,
                (None, Numbers::Fit) => return Err(reason),
                (None, Numbers::But(_)) if text.iter().all(u8::is_ascii_digit) => None,
                // A quote is a sign that the fields were split wrongly.
                (None, Numbers::But(_)) if left == 0 || text.contains(&b'"') => return Err(reason),
                (None, Numbers::But(_)) => {
                    left -= 1;
                    None
                }
            };
            at = word.end;
            if slot == 0 {
                let error_code = self.word(at).ok_or(RejectReason::Few(MIN_FIELDS))?;
                out.fields[ERROR_CODE] = error_code.span(self.line);
                at = error_code.end;
            }
        }
        self.read_referer(at, out)
    }

    /// Reads the referer and what follows. It ends where a user agent can begin after it.
    fn read_referer(&self, at: usize, out: &mut Line) -> Result<(), RejectReason<'static>> {
        let at = self.skip_blanks(at);
        if self.is_bare_dash(at) {
            out.fields[REFERER] = Span::NULL;
            return self.read_agent(at + 1, out);
        }
        if self.line.get(at) != Some(&b'"') {
            return Err(if at >= self.line.len() {
                RejectReason::Few(MIN_FIELDS)
            } else {
                RejectReason::NoQuotes("referer")
            });
        }
        let mut first_failure = None;
        for close in self.closing_quotes(at) {
            out.fields[REFERER] = Span::new(self.line, at + 1, close);
            match self.read_agent(close + 1, out) {
                Ok(()) => return Ok(()),
                Err(reason) => first_failure = first_failure.or(Some(reason)),
            }
        }
        Err(first_failure.unwrap_or(RejectReason::Unclosed("referer")))
    }

    /// Reads the user agent and what follows. No later field is quoted, so it ends at the line's last quote. If that
    /// can't be (a future field may have quotes), it ends at the first quote that closes.
    fn read_agent(&self, at: usize, out: &mut Line) -> Result<(), RejectReason<'static>> {
        let at = self.skip_blanks(at);
        if self.is_bare_dash(at) {
            out.fields[USER_AGENT] = Span::NULL;
            return self.read_tail(at + 1, out);
        }
        if self.line.get(at) != Some(&b'"') {
            return Err(if at >= self.line.len() {
                RejectReason::Few(MIN_FIELDS)
            } else {
                RejectReason::NoQuotes("user_agent")
            });
        }
        let last = memrchr(b'"', &self.line[at + 1..])
            .map(|quote| at + 1 + quote)
            .filter(|quote| matches!(self.line.get(quote + 1), None | Some(b' ')));
        let close = last.or_else(|| self.closing_quotes(at).next()).ok_or(RejectReason::Unclosed("user_agent"))?;
        out.fields[USER_AGENT] = Span::new(self.line, at + 1, close);
        self.read_tail(close + 1, out)
    }

    /// Reads the version id, the host id (which has two words in lifecycle records) and the fields after them.
    fn read_tail(&self, at: usize, out: &mut Line) -> Result<(), RejectReason<'static>> {
        let mut words: Vec<Word> =
            std::iter::successors(self.word(at), |word| self.word(word.end)).take(FIELDS + MAX_HOST_ID_WORDS).collect();
        if words.is_empty() {
            return Err(RejectReason::Few(MIN_FIELDS));
        }
        let is_signature = |word: &Word| is_signature_version(self.text(*word));
        let (host_id, signature) = (HOST_ID - VERSION_ID, SIGNATURE_VERSION - VERSION_ID);
        if words.get(signature).is_some_and(|word| !is_signature(word)) {
            let last = (words.len() - 1).min(signature + MAX_HOST_ID_WORDS - 1);
            if let Some(found) = (signature + 1..=last).find(|place| is_signature(&words[*place])) {
                words[host_id].end = words[found - 1].end;
                words.drain(host_id + 1..found);
            }
        }
        let known = words.len().min(FIELDS - VERSION_ID);
        for (place, word) in words[..known].iter().enumerate() {
            out.fields[VERSION_ID + place] = word.span(self.line);
        }
        out.fields[VERSION_ID + known..].fill(Span::NULL);
        let end = words[known - 1].end;
        let extra: Vec<Word> = std::iter::successors(self.word(end), |word| self.word(word.end)).collect();
        out.extra = match (extra.first(), extra.last()) {
            (Some(first), Some(last)) => Span::new(self.line, first.start, last.end),
            _ => Span::NULL,
        };
        let count = VERSION_ID + known + extra.len();
        out.field_count = i64::try_from(count).unwrap_or(i64::MAX);
        if count < MIN_FIELDS { Err(RejectReason::Few(MIN_FIELDS)) } else { Ok(()) }
    }
}
