//! Walks through a stream of JSON documents from value to value, with the path to each. It goes on after broken JSON.

use memchr::{memchr, memchr3, memmem};

use super::lead::is_heading;
use crate::encoding::MARK;
use crate::origin::MAX_GAP;
use crate::wrapping::Layer;

/// Brackets nested deeper than this are skipped.
const MAX_DEPTH: usize = 128;

/// No line that is only a time and the name of a stream is longer: names have up to 512 characters.
const MAX_HEADING: usize = 4096;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An object, which begins at [`Walk::at`]. The caller enters or passes it.
    Object,
    /// A list, which begins at [`Walk::at`]. The caller enters or passes it.
    List,
    /// A string that is a value and begins at [`Walk::at`]. The caller passes it.
    String,
    /// Something other than JSON outside all brackets, which begins at [`Walk::at`]. The caller passes it.
    Other,
    /// The bytes end, or so many were passed that the caller should check whether the gap is too wide.
    Pause,
}

/// The current place of a walk.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk {
    /// The byte that it has reached.
    pub(super) at: usize,
    /// The open brackets, and how many more are open that are too deep.
    open: Vec<u8>,
    too_deep: usize,
    /// For each open object, the name of the current member.
    pub(super) path: Vec<Vec<u8>>,
    /// For each open object, the value of its member "field". Some documents use it to name what is in "value".
    fields: Vec<Option<Vec<u8>>>,
    after_colon: bool,
    /// How many objects were entered, and the numbers of the open ones.
    entered: u64,
    objects: Vec<u64>,
    torn: Torn,
}

/// The next object that begins a line and can't be within another one, as far as it was searched for.
#[derive(Clone, Copy, Debug, Default)]
struct Torn {
    /// No such object is before this place.
    looked: usize,
    /// Where one begins.
    at: Option<usize>,
}

/// Whether an object after these bytes may be within another one.
fn is_within(before: &[u8]) -> bool {
    before.trim_ascii_end().last().is_some_and(|byte| b":,[{".contains(byte))
}

impl Walk {
    /// The next value of `bytes`. The text before it is counted from `gap`.
    pub(super) fn next(&mut self, bytes: &[u8], at_end: bool, gap: usize) -> Token {
        while let Some(byte) = bytes.get(self.at) {
            if self.at - gap > MAX_GAP {
                return Token::Pause;
            }
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b',' => {
                    self.after_colon = false;
                    self.at += 1;
                }
                b':' => {
                    self.after_colon = true;
                    self.at += 1;
                }
                b'{' if self.is_torn(bytes) => self.forget(),
                b'{' if self.open.len() < MAX_DEPTH => return Token::Object,
                b'[' if self.open.len() < MAX_DEPTH => return Token::List,
                b'{' | b'[' => {
                    self.too_deep += 1;
                    self.at += 1;
                }
                b'}' | b']' => self.close(*byte),
                b'"' if self.open.last() == Some(&b'{') && !self.after_colon => match string_end(bytes, self.at + 1) {
                    End::At(end) => {
                        self.name(&bytes[self.at + 1..end]);
                        self.at = end + 1;
                    }
                    End::Broken(end) => self.at = end,
                    // Text of this length is not a name.
                    End::Not(end) if end - self.at > MAX_GAP => self.at += MAX_GAP,
                    End::Not(end) if at_end => self.at = end,
                    End::Not(_) => return Token::Pause,
                },
                b'"' => return Token::String,
                b'0'..=b'9' if self.open.is_empty() => match heading_end(&bytes[self.at..], at_end) {
                    Some(0) => return Token::Other,
                    Some(end) => self.at += end,
                    None => return Token::Pause,
                },
                0xef if bytes[self.at..].starts_with(MARK) => self.at += MARK.len(),
                _ if self.open.is_empty() => return Token::Other,
                _ => self.at += 1,
            }
        }
        Token::Pause
    }

    /// Whether an object begins a line here that can't be within another one. Then what is open lacks its end.
    fn is_torn(&self, bytes: &[u8]) -> bool {
        let before = &bytes[..self.at];
        !self.open.is_empty() && before.ends_with(b"\n") && !is_within(before)
    }

    /// The latest end of the value that begins here, if it has up to `most` bytes: before an object that begins a line
    /// and can't be within it. So a value without an end is not searched again and again.
    pub(super) fn extent(&mut self, bytes: &[u8], most: usize) -> usize {
        let end = bytes.len().min(self.at.saturating_add(most));
        if self.torn.at.is_none_or(|at| at <= self.at) {
            let from = self.torn.looked.clamp(self.at, end);
            let mut begins = memmem::find_iter(&bytes[from..end], b"\n{").map(|at| from + at + 1);
            self.torn.at = begins.find(|at| !is_within(&bytes[..*at]));
            // The last of these bytes may be the line feed before such an object.
            self.torn.looked = self.torn.at.unwrap_or_else(|| end.saturating_sub(1).max(from));
        }
        self.torn.at.map_or(end, |at| at.min(end))
    }

    /// Adjusts all places after `taken` bytes were removed from the front.
    pub(super) fn take(&mut self, taken: usize) {
        self.at = self.at.saturating_sub(taken);
        self.torn = Torn {
            looked: self.torn.looked.saturating_sub(taken),
            at: self.torn.at.and_then(|at| at.checked_sub(taken)),
        };
    }

    /// Enters the object that begins here.
    pub(super) fn enter(&mut self) {
        self.open.push(b'{');
        self.path.push(Vec::new());
        self.fields.push(None);
        self.entered += 1;
        self.objects.push(self.entered);
        self.after_colon = false;
        self.at += 1;
    }

    /// Enters the list that begins here.
    pub(super) fn enter_list(&mut self) {
        self.open.push(b'[');
        self.after_colon = false;
        self.at += 1;
    }

    /// Moves to the end of a value.
    pub(super) fn pass(&mut self, end: usize) {
        self.at = end;
        self.after_colon = false;
    }

    /// The same, for a string whose value is `text`.
    pub(super) fn pass_string(&mut self, text: &[u8], end: usize) {
        if self.name_here() == b"field"
            && let Some(field) = self.fields.last_mut()
        {
            *field = Some(Layer::Json.unwrap(text).into_owned());
        }
        self.pass(end);
    }

    /// Starts again: what was open counts as closed.
    pub(super) fn forget(&mut self) {
        *self = Self { at: self.at, entered: self.entered, torn: self.torn, ..Self::default() };
    }

    /// The name of the current member.
    pub(super) fn name_here(&self) -> &[u8] {
        self.path.last().map_or(b"", Vec::as_slice)
    }

    /// The value of the member "field" of the current object.
    pub(super) fn field_here(&self) -> Option<&[u8]> {
        self.fields.last()?.as_deref()
    }

    /// The number of the object that is open at this depth. Each object has a number of its own.
    pub(super) fn object(&self, depth: usize) -> u64 {
        self.objects.get(depth).or(self.objects.last()).copied().unwrap_or_default()
    }

    /// Whether the current value is an item of a list.
    pub(super) fn in_list(&self) -> bool {
        self.open.last() == Some(&b'[')
    }

    /// Whether brackets are open.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    fn name(&mut self, name: &[u8]) {
        if let Some(last) = self.path.last_mut() {
            last.clear();
            last.extend_from_slice(&Layer::Json.unwrap(name));
        }
    }

    fn close(&mut self, bracket: u8) {
        self.at += 1;
        self.after_colon = false;
        let opened = if bracket == b'}' { b'{' } else { b'[' };
        if self.too_deep > 0 {
            self.too_deep -= 1;
        } else if self.open.last() == Some(&opened) {
            self.open.pop();
            if opened == b'{' {
                self.path.pop();
                self.fields.pop();
                self.objects.pop();
            }
        }
    }
}

/// Where a line with a time before a document ends: 0 if there is none, `None` if more bytes are needed.
fn heading_end(bytes: &[u8], at_end: bool) -> Option<usize> {
    let near = &bytes[..bytes.len().min(MAX_HEADING)];
    match memchr(b'\n', near) {
        None if near.len() < MAX_HEADING && !at_end => None,
        Some(end) if end + 1 == bytes.len() && !at_end => None,
        Some(end) if bytes.get(end + 1) == Some(&b'{') && is_heading(&near[..end]) => Some(end + 1),
        _ => Some(0),
    }
}

/// Where a string ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At this quote.
    At(usize),
    /// At this line feed, which JSON forbids within it.
    Broken(usize),
    /// Not among the bytes. The search goes on from here.
    Not(usize),
}

/// The open brackets of a list, as far as it was searched.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Brackets {
    open: u32,
    in_string: bool,
}

impl Brackets {
    /// Where the list ends, and whether it is whole: a line that ends within a string ends the list, too. The search
    /// begins at `at`, which moves along.
    pub(super) fn find_end(&mut self, bytes: &[u8], at: &mut usize) -> Option<(usize, bool)> {
        while let Some(byte) = bytes.get(*at) {
            if self.in_string {
                match string_end(bytes, *at) {
                    End::At(end) => (*at, self.in_string) = (end + 1, false),
                    End::Broken(end) => return Some((end, false)),
                    End::Not(end) => {
                        *at = end;
                        return None;
                    }
                }
                continue;
            }
            *at += 1;
            match byte {
                b'"' => self.in_string = true,
                b'[' | b'{' => self.open += 1,
                b']' | b'}' if self.open > 1 => self.open -= 1,
                b']' | b'}' => return Some((*at, true)),
                _ => {}
            }
        }
        None
    }
}

/// Where the string that contains `at` ends.
pub(super) fn string_end(bytes: &[u8], mut at: usize) -> End {
    while let Some(more) = memchr3(b'"', b'\\', b'\n', bytes.get(at..).unwrap_or_default()) {
        at += more;
        match bytes[at] {
            b'"' => return End::At(at),
            b'\n' => return End::Broken(at),
            // An escaped character belongs to the string.
            _ if at + 1 == bytes.len() => return End::Not(at),
            _ => at += 2,
        }
    }
    End::Not(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn walked(text: &str) -> Vec<(String, &'static str)> {
        let (bytes, mut walk, mut found) = (text.as_bytes(), Walk::default(), Vec::new());
        loop {
            let token = walk.next(bytes, true, walk.at);
            let path = walk.path.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>().join(".");
            match token {
                Token::Pause => return found,
                Token::Object => {
                    walk.enter();
                    found.push((path, "object"));
                    continue;
                }
                Token::List => {
                    walk.enter_list();
                    continue;
                }
                Token::String => found.push((path, "string")),
                Token::Other => found.push((path, "other")),
            }
            match string_end(bytes, walk.at + 1) {
                End::At(end) => walk.pass(end + 1),
                End::Broken(end) | End::Not(end) => walk.pass(end),
            }
        }
    }

    #[test]
    fn values_have_the_names_that_lead_to_them() {
        let found = walked(r#"{"a":{"b":["x",1,{"c":"}"}]},"d":"y"}[{"e":null,"f":"z"}]"#);
        let wanted = [
            ("", "object"),
            ("a", "object"),
            ("a.b", "string"),
            ("a.b", "object"),
            ("a.b.c", "string"),
            ("d", "string"),
            ("", "object"),
            ("f", "string"),
        ];
        assert_eq!(found, wanted.map(|(path, kind)| (path.to_owned(), kind)));
    }

    #[test]
    fn brackets_without_end_are_passed() {
        let deep = format!("{}\"x\"{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(walked(&deep).len(), 1);
        assert_eq!(walked("]]}}\"a\"").len(), 1);
        assert_eq!(walked("text\n\"").first().map(|found| found.1), Some("other"));
    }

    proptest! {
        /// What was looked for before changes nothing, nor does what was taken meanwhile.
        #[test]
        fn a_value_ends_before_a_document_that_begins_a_line(
            text in "(\\{|\"a\":|1|,|\n|\\[|\\}|\n\\{){0,60}",
            most in 1_usize..30,
            taken in 0_usize..20,
        ) {
            let (mut bytes, mut walk) = (text.as_bytes(), Walk::default());
            while walk.at < bytes.len() {
                if b"{[".contains(&bytes[walk.at]) {
                    let end = bytes.len().min(walk.at + most);
                    let begins = |at: &usize| bytes[*at] == b'{' && bytes[at - 1] == b'\n' && !is_within(&bytes[..*at]);
                    let expected = (walk.at + 1..end).find(begins).unwrap_or(end);
                    prop_assert_eq!(walk.extent(bytes, most), expected, "{} of {:?}", walk.at, bytes);
                }
                walk.at += 1;
                if walk.at == taken {
                    // The bytes before are not read again.
                    walk.take(taken - 1);
                    bytes = &bytes[taken - 1..];
                }
            }
        }
    }
}
