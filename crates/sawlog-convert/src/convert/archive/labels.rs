//! Labels of members: unique, whatever the members' names are.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use sawlog_formats::label;

/// Names are cut to this many bytes. No path can be longer.
const MAX_NAME: usize = 4096;
/// The most bytes of the labels of one input file's members.
const MAX_BYTES: usize = 128 << 20;

/// The labels that are taken.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// Each label, and the number of the last member that had the same name.
    taken: HashMap<Arc<str>, usize>,
    bytes: usize,
}

impl Labels {
    /// The label of a member of the archive labelled `archive`. The second member with the same name is `NAME#2`.
    pub(super) fn of(&mut self, archive: &str, name: &[u8]) -> Arc<str> {
        let cut = &name[..name.len().min(MAX_NAME)];
        let mut text = format!("{archive}!{}", label(Path::new(OsStr::from_bytes(cut))));
        if cut.len() < name.len() {
            text.push('…');
        }
        let label = match self.taken.get(&*text).copied() {
            None => text.into(),
            Some(last) => self.numbered(&text, last),
        };
        self.bytes += label.len();
        self.taken.insert(Arc::clone(&label), 1);
        label
    }

    fn numbered(&mut self, text: &str, last: usize) -> Arc<str> {
        let mut number = last + 1;
        let mut label = format!("{text}#{number}");
        while self.taken.contains_key(&*label) {
            number += 1;
            label = format!("{text}#{number}");
        }
        self.taken.insert(text.into(), number);
        label.into()
    }

    /// Whether the labels take as much memory as they may.
    pub(super) fn are_full(&self) -> bool {
        self.bytes > MAX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_text_and_never_the_same() {
        let mut labels = Labels::default();
        for (name, label) in [
            (&b"a/b.log"[..], "x.zip!a/b.log"),
            (b"./a//b.log", "x.zip!a/b.log#2"),
            (b"a/b.log#3", "x.zip!a/b.log#3"),
            (b"a/b.log", "x.zip!a/b.log#4"),
            (b"a/b.log#3", "x.zip!a/b.log#3#2"),
            (b"../../etc/passwd", "x.zip!../../etc/passwd"),
            (b"/etc/passwd", "x.zip!/etc/passwd"),
            (b"a\n\x1b[2J\xff", "x.zip!a\\x0a\\x1b[2J\\xff"),
            (b"", "x.zip!"),
            (b"", "x.zip!#2"),
        ] {
            assert_eq!(&*labels.of("x.zip", name), label);
        }
        assert_eq!(labels.of("x.zip", &[b'a'; 5000]).len(), 6 + MAX_NAME + 3);
    }
}
