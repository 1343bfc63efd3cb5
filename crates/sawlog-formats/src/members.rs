//! Walks the members of a JSON object without parsing their values, to find out what the object is.

use memchr::memchr3;

/// The result of looking at a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member<'a> {
    /// A key, as it is written between its quotes, and where its value begins.
    Value(&'a [u8], usize),
    /// The object ends; the place after its brace.
    End(usize),
    /// The bytes end first.
    Short,
    /// This is not JSON.
    Broken,
}

/// Where a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueEnd {
    /// The place after its last byte.
    At(usize),
    /// The bytes end first.
    Short,
    /// This is not JSON.
    Broken,
}

/// The next member of an object, from `at` on, which is after the object's brace or after a value.
pub(crate) fn member(bytes: &[u8], at: usize) -> Member<'_> {
    let start = skip(bytes, at, |byte| byte.is_ascii_whitespace() || byte == b',');
    match bytes.get(start) {
        None => return Member::Short,
        Some(b'}') => return Member::End(start + 1),
        Some(b'"') => {}
        Some(_) => return Member::Broken,
    }
    let key_end = match string_end(bytes, start) {
        ValueEnd::At(end) => end,
        ValueEnd::Short => return Member::Short,
        ValueEnd::Broken => return Member::Broken,
    };
    let colon = skip(bytes, key_end, |byte| byte.is_ascii_whitespace());
    match bytes.get(colon) {
        None => return Member::Short,
        Some(b':') => {}
        Some(_) => return Member::Broken,
    }
    let value = skip(bytes, colon + 1, |byte| byte.is_ascii_whitespace());
    if value < bytes.len() { Member::Value(&bytes[start + 1..key_end - 1], value) } else { Member::Short }
}

/// Where the value ends that begins at `start`.
pub(crate) fn value_end(bytes: &[u8], start: usize) -> ValueEnd {
    match bytes.get(start) {
        None => ValueEnd::Short,
        Some(b'"') => string_end(bytes, start),
        Some(b'{' | b'[') => brackets_end(bytes, start),
        Some(_) => {
            let is_scalar = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
            match skip(bytes, start, is_scalar) {
                end if end == bytes.len() => ValueEnd::Short,
                end if end == start => ValueEnd::Broken,
                end => ValueEnd::At(end),
            }
        }
    }
}

/// The members of the object at the beginning of `text`, as far as the text goes: keys, and the text from their
/// values on.
pub(crate) fn members(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    // The position where the object or the last value begins. The end of a value is found only when the next member
    // is asked for.
    let (mut first, mut last) = (text.starts_with(b"{").then_some(1), None);
    std::iter::from_fn(move || {
        let at = match (first.take(), last) {
            (Some(at), _) => at,
            (None, Some(value)) => match value_end(text, value) {
                ValueEnd::At(end) => end,
                _ => return None,
            },
            (None, None) => return None,
        };
        let Member::Value(key, value) = member(text, at) else {
            last = None;
            return None;
        };
        last = Some(value);
        Some((key, &text[value..]))
    })
}

/// A value at the beginning of `text`, as far as the text goes.
pub(crate) fn value(text: &[u8]) -> &[u8] {
    if let ValueEnd::At(end) = value_end(text, 0) { &text[..end] } else { text }
}

fn skip(bytes: &[u8], at: usize, which: impl Fn(u8) -> bool) -> usize {
    at + bytes[at.min(bytes.len())..].iter().take_while(|byte| which(**byte)).count()
}

/// The end of the string whose quote is at `start`.
pub(crate) fn string_end(bytes: &[u8], start: usize) -> ValueEnd {
    let mut at = start + 1;
    while let Some(more) = memchr3(b'"', b'\\', b'\n', bytes.get(at..).unwrap_or_default()) {
        at += more + 1;
        match bytes[at - 1] {
            b'"' => return ValueEnd::At(at),
            b'\\' => at += 1,
            // JSON does not allow a line break within a string.
            _ => return ValueEnd::Broken,
        }
    }
    ValueEnd::Short
}

fn brackets_end(bytes: &[u8], start: usize) -> ValueEnd {
    let (mut at, mut depth) = (start, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => match string_end(bytes, at) {
                ValueEnd::At(end) => {
                    at = end;
                    continue;
                }
                other => return other,
            },
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return ValueEnd::At(at);
        }
    }
    ValueEnd::Short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_those_of_the_outer_object() {
        let text = br#"{ "a" : {"x":"}"} , "b\"" :[1,{"a":2}],"c":-1.5e3,"d":"s","e":true}tail"#;
        let keys: Vec<&[u8]> = members(text).map(|(key, _)| key).collect();
        assert_eq!(keys, [b"a".as_slice(), b"b\\\"", b"c", b"d", b"e"]);
        assert_eq!(members(text).nth(2).map(|(_, text)| value(text)), Some(b"-1.5e3".as_slice()));
        // For text that breaks off, the answer is about the part that is there.
        assert_eq!(members(&text[..30]).count(), 2);
        assert_eq!(members(b"[1]").count(), 0);
        assert_eq!(value_end(b"{\"a\":\"x\ny\"}", 0), ValueEnd::Broken);
        assert_eq!(value_end(b"[[1]", 0), ValueEnd::Short);
        assert_eq!(member(b"1:2", 0), Member::Broken);
        assert_eq!(member(b" }", 0), Member::End(2));
    }
}
