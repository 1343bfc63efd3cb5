//! Paths of input files as text, for `source_file` and messages.

use std::fmt::Write;
use std::path::{Component, Path};

/// A path as text: parts joined with `/`, bytes that are not UTF-8 and control characters as `\xNN`. A backslash that
/// begins what such an escape looks like is escaped, too, so that two paths never have the same text.
#[must_use]
pub fn label(path: &Path) -> String {
    let mut text = String::with_capacity(path.as_os_str().len());
    for part in path.components() {
        match part {
            Component::CurDir => continue,
            Component::RootDir => {}
            _ if text.is_empty() && !path.is_absolute() => {}
            _ => text.push('/'),
        }
        if matches!(part, Component::RootDir) {
            continue;
        }
        for chunk in part.as_os_str().as_encoded_bytes().utf8_chunks() {
            for piece in chunk.valid().split_inclusive(char::is_control) {
                let plain = piece.trim_end_matches(char::is_control);
                push_plain(plain, &mut text);
                escape(&piece.as_bytes()[plain.len()..], &mut text);
            }
            escape(chunk.invalid(), &mut text);
        }
    }
    if text.is_empty() && path.is_absolute() { "/".to_owned() } else { text }
}

/// Adds text without control characters.
fn push_plain(mut plain: &str, text: &mut String) {
    while let Some(at) = plain.find('\\') {
        let (before, rest) = plain.split_at(at);
        text.push_str(before);
        if looks_escaped(rest.as_bytes()) {
            escape(b"\\", text);
        } else {
            text.push('\\');
        }
        plain = &rest[1..];
    }
    text.push_str(plain);
}

/// Whether bytes begin like the escape of a byte that is escaped.
fn looks_escaped(bytes: &[u8]) -> bool {
    let hex = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let [b'\\', b'x', high, low, ..] = bytes else { return false };
    let byte = hex(high).zip(hex(low)).map(|(high, low)| high * 16 + low);
    byte.is_some_and(|byte| byte.is_ascii_control() || !byte.is_ascii() || byte == b'\\')
}

fn escape(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        write!(text, "\\x{byte:02x}").expect("a string takes every write");
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn labels_are_text_without_control_characters() {
        assert_eq!(label(Path::new("./a/b")), "a/b");
        assert_eq!(label(Path::new("/a/b")), "/a/b");
        assert_eq!(label(Path::new("/")), "/");
        assert_eq!(label(Path::new(OsStr::from_bytes(b"a\xff\n/\xc3\xa4"))), "a\\xff\\x0a/\u{e4}");
    }

    #[test]
    fn a_backslash_is_escaped_where_it_looks_like_an_escape() {
        let of = |bytes: &[u8]| label(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(of(b"a\xff"), r"a\xff");
        assert_eq!(of(br"a\xff"), r"a\x5cxff");
        assert_eq!(of(br"a\x5cxff"), r"a\x5cx5cxff");
        assert_eq!(of(br"a\x0a\x7f\xc2"), r"a\x5cx0a\x5cx7f\x5cxc2");
        // Nothing else is written like these.
        for name in [r"a\b", r"a\x41", r"a\xFF", r"a\xf", r"a\\", r"\x", r"C:\x20y"] {
            assert_eq!(of(name.as_bytes()), name);
        }
    }

    /// The bytes of a path, from its text.
    fn bytes(text: &str) -> Vec<u8> {
        let (mut found, mut rest) = (Vec::new(), text.as_bytes());
        while let Some((first, others)) = rest.split_first() {
            if looks_escaped(rest) {
                found.push(u8::from_str_radix(&String::from_utf8_lossy(&rest[2..4]), 16).unwrap());
                rest = &rest[4..];
            } else {
                found.push(*first);
                rest = others;
            }
        }
        found
    }

    proptest::proptest! {
        #[test]
        fn a_label_says_which_bytes_a_name_has(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    &b"\\"[..], b"x", b"5c", b"f", b"ff", b"\xff", b"0a", b"\n", b"a", b"\xc2", b"\x85", b"\xc3\xa4", b"7f",
                ]),
                1..12,
            ),
        ) {
            let name = parts.concat();
            proptest::prop_assert_eq!(bytes(&label(Path::new(OsStr::from_bytes(&name)))), name);
        }
    }
}
