//! Paths of input files as text, for `source_file` and messages.

use std::fmt::Write;
use std::path::{Component, Path};

/// A path as text: parts joined with `/`, bytes that are not UTF-8 and control characters as `\xNN`.
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
                text.push_str(plain);
                escape(&piece.as_bytes()[plain.len()..], &mut text);
            }
            escape(chunk.invalid(), &mut text);
        }
    }
    if text.is_empty() && path.is_absolute() { "/".to_owned() } else { text }
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
}
