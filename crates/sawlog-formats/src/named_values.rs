//! Named values: records as objects or rows that use the names of a table's columns instead of the log's own text;
//! and how a log reads them.

use std::borrow::Cow;

use crate::calendar::{read_iso8601, within_times};
use crate::members::{members, value};
use crate::wrapping::Layer;

/// How to find and read records of a log inside other documents.
#[derive(Debug)]
pub struct Inside {
    /// Whether a line is a record; for a JSON log, whether the available part of an object is the beginning of one.
    pub is_record: fn(&[u8]) -> bool,
    /// Whether only this log's records have this name, so that an object with it can't be anything else.
    pub is_own: fn(&[u8]) -> bool,
    /// Other names of a column, and its own name; `-`, `_`, blanks and capitals make no difference.
    pub aliases: &'static [(&'static str, &'static str)],
    /// The columns that named values must have to be a record.
    pub required: &'static [&'static str],
    /// Writes named values as the log would; `None` if they are not a record. A line may follow a header line and a
    /// line feed.
    pub write: fn(&NamedValues<'_>) -> Option<Vec<u8>>,
}

/// A value that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedValue<'a> {
    /// Text, without quotes and escapes.
    Text(Cow<'a, [u8]>),
    /// JSON that is not a string: a number, a boolean, an object, an array.
    Json(&'a [u8]),
}

/// The names and values of a record.
#[derive(Debug)]
pub struct NamedValues<'a> {
    /// Each name in the form of [`plain`], with the values that are not null or empty.
    entries: Vec<(Vec<u8>, NamedValue<'a>)>,
    aliases: &'static [(&'static str, &'static str)],
}

/// A name without the characters that make no difference: `-`, `_`, `.`, blanks and capitals.
#[must_use]
pub(crate) fn plain(name: &[u8]) -> Vec<u8> {
    letters(name).collect()
}

fn letters(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().filter(|byte| !b"-_ .".contains(byte)).map(u8::to_ascii_lowercase)
}

/// Whether [`plain`] makes the same of two names.
#[must_use]
pub(crate) fn is_same_name(one: &[u8], other: &[u8]) -> bool {
    letters(one).eq(letters(other))
}

impl<'a> NamedValues<'a> {
    /// The members of a JSON object.
    pub(crate) fn of_object(object: &'a [u8], inside: &Inside) -> Self {
        Self::of_members(members(object).map(|(name, text)| (name, value(text))), inside)
    }

    /// Names, and values as they stand in JSON.
    pub(crate) fn of_members<'n>(members: impl Iterator<Item = (&'n [u8], &'a [u8])>, inside: &Inside) -> Self {
        let entries = members.filter_map(|(name, text)| {
            let value = match text {
                b"null" | b"\"\"" | b"" => return None,
                [b'"', string @ .., b'"'] => NamedValue::Text(Layer::Json.unwrap(string)),
                json => NamedValue::Json(json),
            };
            Some((plain(name), value))
        });
        Self { entries: entries.collect(), aliases: inside.aliases }
    }

    /// The fields of a row, each with its name.
    pub(crate) fn of_row<'n>(
        names: impl Iterator<Item = &'n [u8]>,
        fields: impl Iterator<Item = Cow<'a, [u8]>>,
        inside: &Inside,
    ) -> Self {
        // Kibana writes - for what a record does not have.
        let entries = names.zip(fields).filter(|(_, value)| !value.is_empty() && **value != *b"-");
        let entries = entries.map(|(name, value)| (plain(name), NamedValue::Text(value)));
        Self { entries: entries.collect(), aliases: inside.aliases }
    }

    /// The value of a column, by its own name or another one, if there is any.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&NamedValue<'a>> {
        let find = |name: &str| {
            let name = plain(name.as_bytes());
            self.entries.iter().find(|(of, _)| *of == name).map(|(_, value)| value)
        };
        let others = || self.aliases.iter().filter(|(_, of)| *of == column).find_map(|(name, _)| find(name));
        find(column).or_else(others)
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&[u8]> {
        self.get(column).map(NamedValue::text)
    }
}

impl NamedValue<'_> {
    /// The value as text.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::Json(json) => json,
        }
    }
}

/// A value as a word of a line: `-` for none. Characters that would end the word are marked, see [`unmarked`].
#[must_use]
pub(crate) fn word(value: Option<&[u8]>) -> Cow<'_, [u8]> {
    marked(value, |byte| byte.is_ascii_whitespace() || byte < b' ')
}

/// A value as the text between quotes: `-` for none. Characters that would end the line or the quotes are marked, see
/// [`unmarked`].
#[must_use]
pub(crate) fn quoted(value: Option<&[u8]>) -> Cow<'_, [u8]> {
    marked(value, |byte| matches!(byte, b'"' | b'\n' | b'\r'))
}

/// The first bytes of the private-use characters from U+10FF00 on; the last byte is the marked one.
const MARK: &[u8] = &[0xf4, 0x8f, 0xbc];
/// In the last byte: one of these characters itself follows.
const ITSELF: u8 = 0xbf;

/// A value in which bytes are replaced by characters that have no meaning in a line.
fn marked(value: Option<&[u8]>, which: fn(u8) -> bool) -> Cow<'_, [u8]> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Cow::Borrowed(b"-") };
    let is_plain = !value.iter().any(|byte| which(*byte)) && memchr::memmem::find(value, MARK).is_none();
    if is_plain {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len() + 16);
    for (at, byte) in value.iter().enumerate() {
        if which(*byte) {
            out.extend_from_slice(MARK);
            out.push(0x80 | byte);
            continue;
        }
        if value[at..].starts_with(MARK) {
            out.extend_from_slice(MARK);
            out.push(ITSELF);
        }
        out.push(*byte);
    }
    Cow::Owned(out)
}

/// The value that [`word`] or [`quoted`] turned into this text; `None` if it is the text itself.
#[must_use]
pub(crate) fn unmarked(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(text, MARK)?;
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(byte) = text.get(at) {
        match text[at..].strip_prefix(MARK).and_then(<[u8]>::first) {
            Some(&ITSELF) => {
                let end = text.len().min(at + 2 * (MARK.len() + 1));
                out.extend_from_slice(&text[at + MARK.len() + 1..end]);
                at = end;
            }
            Some(mark) => {
                out.push(mark & 0x7f);
                at += MARK.len() + 1;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    Some(out)
}

/// A number as a log would write it: some tools turn integers into numbers with a fraction of zeros, others part their
/// thousands.
#[must_use]
pub(crate) fn whole(value: &[u8]) -> Cow<'_, [u8]> {
    let (number, fraction) = match memchr::memchr(b'.', value) {
        Some(point) => (&value[..point], Some(&value[point + 1..])),
        None => (value, None),
    };
    let is_zero = |fraction: &[u8]| !fraction.is_empty() && fraction.iter().all(|byte| *byte == b'0');
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    if !fraction.is_none_or(is_zero) {
        return Cow::Borrowed(value);
    }
    if are_thousands(digits) {
        return number.iter().copied().filter(|byte| *byte != b',').collect();
    }
    let is_whole = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    Cow::Borrowed(if is_whole { number } else { value })
}

/// Whether digits are in groups of three, as in `1,234,567`.
fn are_thousands(digits: &[u8]) -> bool {
    let mut groups = digits.split(|byte| *byte == b',');
    let first = groups.next().unwrap_or_default();
    let is_group = |group: &[u8]| group.iter().all(u8::is_ascii_digit);
    digits.contains(&b',')
        && (1..=3).contains(&first.len())
        && is_group(first)
        && groups.all(|group| group.len() == 3 && is_group(group))
}

/// A time as microseconds since 1970, from ISO 8601, or from seconds or milliseconds as a number.
#[must_use]
pub(crate) fn micros(value: &[u8]) -> Option<i64> {
    /// As in flow logs: times from here on are in milliseconds.
    const MILLIS_FROM: f64 = 1e11;
    if let Some(time) = read_iso8601(value) {
        return Some(time);
    }
    let number: f64 = std::str::from_utf8(value).ok()?.parse().ok().filter(|number: &f64| number.is_finite())?;
    let micros = if number.abs() < MILLIS_FROM { number * 1e6 } else { number * 1e3 };
    #[expect(clippy::cast_possible_truncation, reason = "times beyond the calendar are refused")]
    within_times(micros.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_word_comes_back() {
        for value in ["a b+c%20d.jpg", "M \"q\"", "a\tb\r\nc", "\u{10ff20} \u{10ff3f}", "\u{10ff00}", "plain"] {
            for written in [word(Some(value.as_bytes())), quoted(Some(value.as_bytes()))] {
                let back = unmarked(&written).unwrap_or(written.to_vec());
                assert_eq!(String::from_utf8(back).unwrap(), value);
            }
        }
        assert!(word(Some(b"a b\"")).iter().all(|byte| *byte != b' '));
        assert_eq!((&*word(None), &*quoted(Some(b""))), (&b"-"[..], &b"-"[..]));
    }

    #[test]
    fn numbers_are_as_a_log_writes_them() {
        let whole = |text: &str| String::from_utf8(whole(text.as_bytes()).to_vec()).unwrap();
        for (text, wanted) in [
            ("51000.0", "51000"),
            ("-1.00", "-1"),
            ("1.5", "1.5"),
            ("1.", "1."),
            (".0", ".0"),
            ("7", "7"),
            ("4,249", "4249"),
            ("-1,234,567.0", "-1234567"),
            ("1,234.5", "1,234.5"),
            ("1,23", "1,23"),
            ("1234,567", "1234,567"),
            (",123", ",123"),
            ("1,", "1,"),
            ("1,abc", "1,abc"),
        ] {
            assert_eq!(whole(text), wanted);
        }
    }
}
