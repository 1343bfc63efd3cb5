//! The fast reading of a line: every field where the user guide has it, one blank between fields, quotes that close
//! once.
//!
//! It gives up on anything else; [`super::salvage`] then takes its time. If both can read a line, they read the same.

use memchr::memchr;

use super::MIN_FIELDS;
use super::column::{
    BUCKET, BUCKET_OWNER, ERROR_CODE, FIELDS, KEY, NUMBERS, OPERATION, REFERER, REMOTE_IP, REQUEST_ID, REQUEST_URI,
    REQUESTER, SIGNATURE_VERSION, USER_AGENT, VERSION_ID,
};
use super::line::{Line, Span, has_bare_dashes, is_operation, is_signature_version, is_usual_owner, number};
use super::time::{TIME_LEN, TimeReader};
use crate::calendar::within_times;
use crate::field::find;

/// Reads `line` into `out`, whose fields must be null; `None` if it differs from the user guide.
#[inline]
pub(super) fn read(line: &[u8], times: &mut TimeReader, out: &mut Line) -> Option<()> {
    let mut cursor = Cursor { line, at: 0 };
    out.fields[BUCKET_OWNER] = cursor.word()?;
    if !out.fields[BUCKET_OWNER].of(line).is_none_or(is_usual_owner) {
        return None;
    }
    out.fields[BUCKET] = cursor.word()?;
    let (time, utc) = times.read(line.get(cursor.at..)?.first_chunk::<TIME_LEN>()?)?;
    out.time = within_times(time)?;
    out.canonical = utc;
    cursor.skip(TIME_LEN)?;
    for field in [REMOTE_IP, REQUESTER, REQUEST_ID, OPERATION, KEY] {
        out.fields[field] = cursor.word()?;
    }
    let operation = out.fields[OPERATION].of(line);
    if !operation.is_none_or(is_operation) {
        return None;
    }
    let bare = has_bare_dashes(operation);
    out.fields[REQUEST_URI] = cursor.quoted(bare, &mut out.canonical)?;
    cursor.number(&mut out.numbers[0], &mut out.canonical)?;
    if out.numbers[0].is_some_and(|status| i32::try_from(status).is_err()) {
        return None;
    }
    out.fields[ERROR_CODE] = cursor.word()?;
    for slot in 1..NUMBERS.len() {
        cursor.number(&mut out.numbers[slot], &mut out.canonical)?;
    }
    out.fields[REFERER] = cursor.quoted(bare, &mut out.canonical)?;
    out.fields[USER_AGENT] = cursor.quoted(bare, &mut out.canonical)?;
    read_tail(cursor, out)
}

/// Reads the fields after the user agent, which are never quoted.
#[inline]
fn read_tail(mut cursor: Cursor<'_>, out: &mut Line) -> Option<()> {
    if memchr(b'"', cursor.line.get(cursor.at..)?).is_some() {
        return None;
    }
    let mut count = VERSION_ID;
    while count < FIELDS {
        let (span, end) = cursor.last_word()?;
        if count == SIGNATURE_VERSION && !span.of(cursor.line).is_none_or(is_signature_version) {
            return None;
        }
        out.fields[count] = span;
        count += 1;
        if end {
            out.field_count = i64::try_from(count).ok()?;
            return (count >= MIN_FIELDS).then_some(());
        }
    }
    let extra = cursor.line.get(cursor.at..)?;
    if extra == b"-" || extra.split(|byte| *byte == b' ').any(<[u8]>::is_empty) {
        return None;
    }
    out.extra = Span::new(cursor.line, cursor.at, cursor.line.len());
    out.field_count = i64::try_from(count + extra.split(|byte| *byte == b' ').count()).ok()?;
    Some(())
}

/// A position in a line, at the first byte of a field.
struct Cursor<'a> {
    line: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// Steps over a field of known length and the blank after it.
    #[inline]
    fn skip(&mut self, len: usize) -> Option<()> {
        if *self.line.get(self.at + len)? != b' ' {
            return None;
        }
        self.at += len + 1;
        Some(())
    }

    /// Takes a field that ends at a blank.
    #[inline]
    fn word(&mut self) -> Option<Span> {
        let start = self.at;
        let end = start + find(b' ', self.line.get(start..)?)?;
        self.at = end + 1;
        (end > start).then(|| Span::new(self.line, start, end))
    }

    /// Takes a field that ends at a blank or with the line. Returns whether the line ended.
    #[inline]
    fn last_word(&mut self) -> Option<(Span, bool)> {
        let start = self.at;
        let rest = self.line.get(start..)?;
        let len = find(b' ', rest).unwrap_or(rest.len());
        self.at = start + len + 1;
        (len > 0).then(|| (Span::new(self.line, start, start + len), len == rest.len()))
    }

    #[inline]
    fn number(&mut self, into: &mut Option<i64>, canonical: &mut bool) -> Option<()> {
        let start = self.at;
        let end = start + find(b' ', self.line.get(start..)?)?;
        self.at = end + 1;
        let (value, as_printed) = number(&self.line[start..end])?;
        *canonical &= as_printed;
        *into = value;
        Some(())
    }

    /// Takes a quoted field, which ends at the first quote before a blank, or a bare `-`.
    #[inline]
    fn quoted(&mut self, bare: bool, canonical: &mut bool) -> Option<Span> {
        if *self.line.get(self.at)? != b'"' {
            *canonical &= bare;
            let span = self.word()?;
            return (span == Span::NULL).then_some(span);
        }
        let start = self.at + 1;
        let mut end = start;
        loop {
            end += memchr(b'"', self.line.get(end..)?)?;
            if *self.line.get(end + 1)? == b' ' {
                break;
            }
            end += 1;
        }
        self.at = end + 2;
        let span = Span::new(self.line, start, end);
        *canonical &= !bare || span != Span::NULL;
        Some(span)
    }
}
