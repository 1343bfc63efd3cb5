//! What must hold for any path: its label can be printed and says what it is, and one out of a log stays in its folder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sawlog_formats::label;
use sawlog_store::checked_path;

/// Takes bytes as the name of an input file and as a path that a table's log names.
///
/// # Panics
///
/// If the label has control characters or is of another path, or if a path that leads out of its folder is taken.
pub fn paths(bytes: &[u8]) {
    let text = label(Path::new(OsStr::from_bytes(bytes)));
    assert!(!text.contains(char::is_control), "{text:?}");
    // A name may have in it what looks like an escape.
    if !bytes.contains(&b'\\') {
        assert_eq!(unescaped(&text), without_dots(bytes), "{text:?}");
    }
    if let Ok(path) = str::from_utf8(bytes) {
        let folder = Path::new("/store/table");
        let taken = checked_path(folder, path);
        assert_eq!(taken.is_ok(), stays_inside(path), "{path:?}");
        assert!(taken.is_err() || taken.is_ok_and(|taken| folder.join(taken).starts_with(folder)));
    }
}

/// A path with its empty parts left out, and those that are `.`.
fn without_dots(bytes: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> =
        bytes.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    let root: &[u8] = if bytes.starts_with(b"/") { b"/" } else { b"" };
    [root, &parts.join(&b'/')].concat()
}

/// A label's bytes, with each `\xNN` as the byte that it is.
fn unescaped(label: &str) -> Vec<u8> {
    let mut parts = label.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two digits of an escape"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

/// Whether a path names something below the folder in which it begins, in the one way in which it can be written.
fn stays_inside(path: &str) -> bool {
    path.split('/').all(|part| !["", ".", ".."].contains(&part))
}
