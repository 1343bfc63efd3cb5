//! How a record is wrapped in its file: as a JSON string, in a quoted field of CSV, or in several of these; and back.

use std::borrow::Cow;

/// The most JSON strings that a record can be nested in.
pub(crate) const MOST_STRINGS: u8 = 4;

/// The layers around a record, from the outside: a quoted field of CSV, then JSON strings. The quotes themselves are
/// not part of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wrapping {
    pub(crate) in_csv: bool,
    pub(crate) strings: u8,
}

/// The names of all wrappings, by the number of JSON strings: without CSV and with it.
const NAMES: [[&str; 2]; MOST_STRINGS as usize + 1] = [
    ["plain", "csv"],
    ["json", "csv json"],
    ["json json", "csv json json"],
    ["json json json", "csv json json json"],
    ["json json json json", "csv json json json json"],
];

impl Wrapping {
    /// Its name in the column `wrapping`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.strings.min(MOST_STRINGS))][usize::from(self.in_csv)]
    }

    /// The wrapping that has a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = (0..=MOST_STRINGS).flat_map(|strings| [false, true].map(|in_csv| Self { in_csv, strings }));
        all.into_iter().find(|wrapping| wrapping.name() == name)
    }

    /// The record as it is in its file, if it is wrapped in the usual way.
    #[must_use]
    pub fn wrap(self, record: &[u8]) -> Cow<'_, [u8]> {
        let mut text = Cow::Borrowed(record);
        for layer in
            std::iter::repeat_n(Layer::Json, usize::from(self.strings)).chain(self.in_csv.then_some(Layer::Csv))
        {
            text = Cow::Owned(layer.wrap(&text));
        }
        text
    }
}

/// One layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// A JSON string.
    Json,
    /// A quoted field of CSV.
    Csv,
}

/// A text as it is in a JSON string.
pub(crate) fn wrap_json(text: &[u8]) -> Vec<u8> {
    Layer::Json.wrap(text)
}

/// The meaning of some bytes of wrapped text: how many they are, and their unwrapped form.
struct Unit {
    taken: usize,
    bytes: [u8; 4],
    len: usize,
}

impl Unit {
    fn byte(taken: usize, byte: u8) -> Self {
        Self { taken, bytes: [byte, 0, 0, 0], len: 1 }
    }
}

impl Layer {
    /// The byte that begins an escape.
    fn mark(self) -> u8 {
        if self == Self::Json { b'\\' } else { b'"' }
    }

    /// Wraps a text, in the way of AWS, Python and jq.
    pub(crate) fn wrap(self, text: &[u8]) -> Vec<u8> {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut out = Vec::with_capacity(text.len() + text.len() / 8);
        for byte in text {
            match (self, *byte) {
                (Self::Csv, b'"') => out.extend_from_slice(b"\"\""),
                (Self::Json, b'"') => out.extend_from_slice(b"\\\""),
                (Self::Json, b'\\') => out.extend_from_slice(b"\\\\"),
                (Self::Json, b'\n') => out.extend_from_slice(b"\\n"),
                (Self::Json, b'\t') => out.extend_from_slice(b"\\t"),
                (Self::Json, b'\r') => out.extend_from_slice(b"\\r"),
                (Self::Json, 8) => out.extend_from_slice(b"\\b"),
                (Self::Json, 12) => out.extend_from_slice(b"\\f"),
                (Self::Json, byte @ 0..32) => {
                    let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                    out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digits[0], digits[1]]);
                }
                (_, byte) => out.push(byte),
            }
        }
        out
    }

    /// Unwraps a text from the layer. Anything that is not an escape stands for itself.
    pub(crate) fn unwrap(self, wrapped: &[u8]) -> Cow<'_, [u8]> {
        if memchr::memchr(self.mark(), wrapped).is_none() {
            return Cow::Borrowed(wrapped);
        }
        let (mut out, mut at) = (Vec::with_capacity(wrapped.len()), 0);
        while let Some(run) = memchr::memchr(self.mark(), &wrapped[at..]) {
            out.extend_from_slice(&wrapped[at..at + run]);
            let unit = self.unit(&wrapped[at + run..]);
            out.extend_from_slice(&unit.bytes[..unit.len]);
            at += run + unit.taken;
        }
        out.extend_from_slice(&wrapped[at..]);
        Cow::Owned(out)
    }

    /// The meaning of the bytes from a [`Layer::mark`] on.
    fn unit(self, bytes: &[u8]) -> Unit {
        match (self, bytes) {
            (Self::Csv, [b'"', b'"', ..]) => Unit::byte(2, b'"'),
            (Self::Json, [_, b'u', ..]) => escaped_char(bytes).unwrap_or(Unit::byte(1, b'\\')),
            (Self::Json, [_, escaped, ..]) => match escaped {
                b'n' => Unit::byte(2, b'\n'),
                b't' => Unit::byte(2, b'\t'),
                b'r' => Unit::byte(2, b'\r'),
                b'b' => Unit::byte(2, 8),
                b'f' => Unit::byte(2, 12),
                b'"' | b'\\' | b'/' => Unit::byte(2, *escaped),
                _ => Unit::byte(1, b'\\'),
            },
            _ => Unit::byte(1, self.mark()),
        }
    }
}

/// The character of `\u` and four digits, or of two such halves; U+FFFD for a half alone.
fn escaped_char(bytes: &[u8]) -> Option<Unit> {
    let half = |at: usize| {
        let [b'\\', b'u', digits @ ..] = bytes.get(at..at + 6)? else { return None };
        let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
        std::str::from_utf8(digits).ok().filter(|_| is_hex).and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    let first = half(0)?;
    let (code, taken) = match (first, half(6)) {
        (0xd800..=0xdbff, Some(second @ 0xdc00..=0xdfff)) => {
            (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12)
        }
        _ => (first, 6),
    };
    let mut bytes = [0; 4];
    let len = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut bytes).len();
    Some(Unit { taken, bytes, len })
}

/// Finds the place in a wrapped text for a place in the unwrapped one. Places must be asked for in ascending order.
pub(crate) struct Places<'a> {
    layer: Layer,
    wrapped: &'a [u8],
    at: usize,
    unwrapped_at: usize,
}

impl<'a> Places<'a> {
    pub(crate) fn new(layer: Layer, wrapped: &'a [u8]) -> Self {
        Self { layer, wrapped, at: 0, unwrapped_at: 0 }
    }

    /// The place in the wrapped text.
    pub(crate) fn find(&mut self, place: usize) -> usize {
        while self.unwrapped_at < place {
            let rest = &self.wrapped[self.at..];
            let wanted = place - self.unwrapped_at;
            let run = memchr::memchr(self.layer.mark(), &rest[..rest.len().min(wanted)]);
            match run {
                None => {
                    let run = wanted.min(rest.len());
                    self.at += run;
                    self.unwrapped_at = place;
                }
                Some(run) => {
                    let unit = self.layer.unit(&rest[run..]);
                    self.at += run + unit.taken;
                    self.unwrapped_at += run + unit.len;
                }
            }
        }
        self.at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_come_back() {
        for strings in 0..=MOST_STRINGS {
            for in_csv in [false, true] {
                let wrapping = Wrapping { in_csv, strings };
                assert_eq!(Wrapping::named(wrapping.name()), Some(wrapping));
            }
        }
        for name in ["", "xml", "json csv", "csvjson", "json json json json json"] {
            assert_eq!(Wrapping::named(name), None, "{name}");
        }
    }

    #[test]
    fn escapes_of_json_stand_for_what_they_say() {
        let wrapped = br#"a\/\"\\\n\t\r\b\f\u0041\u00e9\ud83d\ude00\ud83d\q\u12"#;
        let plain = "a/\"\\\n\t\r\u{8}\u{c}A\u{e9}\u{1f600}\u{fffd}\\q\\u12";
        assert_eq!(String::from_utf8_lossy(&Layer::Json.unwrap(wrapped)), plain);
        assert_eq!(Layer::Json.wrap(b"\x01\x1f\x7f\"/"), b"\\u0001\\u001f\x7f\\\"/");
        assert_eq!(*Layer::Csv.unwrap(b"a\"\"b\"c"), *b"a\"b\"c");
    }

    proptest! {
        #[test]
        fn what_is_wrapped_comes_back(text in prop::collection::vec(any::<u8>(), 0..80), strings in 0u8..=4, in_csv: bool) {
            let wrapping = Wrapping { in_csv, strings };
            let mut wrapped = wrapping.wrap(&text).into_owned();
            if in_csv {
                wrapped = Layer::Csv.unwrap(&wrapped).into_owned();
            }
            for _ in 0..strings {
                wrapped = Layer::Json.unwrap(&wrapped).into_owned();
            }
            prop_assert_eq!(wrapped, text);
        }

        #[test]
        fn places_are_those_of_the_wrapped_text(wrapped in "([a-z]|\\\\[nu\"/q]|\\\\u00e9|\\\\ud83d\\\\ude00|\u{e9}){0,12}") {
            let plain = Layer::Json.unwrap(wrapped.as_bytes()).into_owned();
            let mut places = Places::new(Layer::Json, wrapped.as_bytes());
            for place in 0..=plain.len() {
                if std::str::from_utf8(&plain[..place]).is_err() {
                    continue;
                }
                let at = places.find(place);
                prop_assert_eq!(&*Layer::Json.unwrap(&wrapped.as_bytes()[..at]), &plain[..place]);
            }
        }
    }
}
