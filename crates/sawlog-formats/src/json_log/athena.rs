//! Objects and lists as Athena and CloudTrail Lake write them, `{type=IAMUser, arn=…}`, turned into JSON.
//!
//! This form has no quotes and no escapes. A value ends where the next name or the closing bracket seems to be, so a
//! value that contains such text is cut there. What can't be read to its end stays text.

use std::borrow::Cow;

use crate::members::{ValueEnd, value_end};
use crate::wrapping::wrap_json;

/// Objects and lists are no deeper than this.
const MAX_DEPTH: usize = 16;

/// So many values of an object may begin with a bracket and be text, such as `[draft] a.txt`. Each is read twice.
const MAX_BRACKETS: usize = 8;

/// An object, a list or null as JSON: the text itself if it is JSON, or what it says in the form of Athena.
pub(super) fn as_json(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if is_json(text) || text == b"null" {
        return Some(Cow::Borrowed(text));
    }
    let close = closing(*text.first()?)?;
    let mut reader = Reader { text, at: 0, json: Vec::new(), brackets: 0 };
    reader.group(close, 0)?;
    (reader.at == text.len()).then_some(Cow::Owned(reader.json))
}

/// Whether a text is a JSON object or array.
pub(super) fn is_json(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'{' | b'[')) && simd_json::to_tape(&mut text.to_vec()).is_ok()
}

/// The bracket that closes another one.
fn closing(open: u8) -> Option<u8> {
    match open {
        b'{' => Some(b'}'),
        b'[' => Some(b']'),
        _ => None,
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    json: Vec<u8>,
    /// How many values began with a bracket and were text.
    brackets: usize,
}

impl Reader<'_> {
    /// Reads an object or a list.
    fn group(&mut self, close: u8, depth: usize) -> Option<()> {
        if depth == MAX_DEPTH {
            return None;
        }
        self.json.push(*self.text.get(self.at)?);
        self.at += 1;
        let mut follows = false;
        while *self.text.get(self.at)? != close {
            if follows {
                self.at += self.text[self.at..].starts_with(b", ").then_some(2)?;
                self.json.push(b',');
            }
            if close == b'}' {
                self.name()?;
            }
            self.value(close, depth)?;
            follows = true;
        }
        self.json.push(close);
        self.at += 1;
        Some(())
    }

    /// Reads a name with its equals sign.
    fn name(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let len = rest.iter().position(|byte| b"=,{}[]\"".contains(byte))?;
        if len == 0 || rest[len] != b'=' {
            return None;
        }
        self.string(self.at + len);
        self.json.push(b':');
        self.at += 1;
        Some(())
    }

    /// Reads a value in a group that ends with `close`.
    fn value(&mut self, close: u8, depth: usize) -> Option<()> {
        if let Some(own) = self.text.get(self.at).copied().and_then(closing) {
            let (at, len) = (self.at, self.json.len());
            let read = if self.begins_json() { self.json() } else { self.group(own, depth + 1) };
            if read.is_some() || own == b'}' || depth > 0 || self.brackets == MAX_BRACKETS {
                return read;
            }
            self.brackets += 1;
            self.at = at;
            self.json.truncate(len);
        }
        let end = word_end(self.text, self.at, close);
        if &self.text[self.at..end] == b"null" {
            self.json.extend_from_slice(b"null");
            self.at = end;
        } else {
            self.string(end);
        }
        Some(())
    }

    /// Whether a quote follows the brackets here. The values of a map can be JSON, as text.
    fn begins_json(&self) -> bool {
        self.text[self.at..].iter().find(|byte| !b"{[ ".contains(byte)) == Some(&b'"')
    }

    /// Takes JSON as it is.
    fn json(&mut self) -> Option<()> {
        let ValueEnd::At(end) = value_end(self.text, self.at) else { return None };
        let json = &self.text[self.at..end];
        is_json(json).then(|| self.json.extend_from_slice(json))?;
        self.at = end;
        Some(())
    }

    /// Writes the text up to `end` as a JSON string.
    fn string(&mut self, end: usize) {
        self.json.push(b'"');
        self.json.extend_from_slice(&wrap_json(&self.text[self.at..end]));
        self.json.push(b'"');
        self.at = end;
    }
}

/// Where a text in a group ends: before the bracket `close`, the next name, or the next item of a list.
fn word_end(text: &[u8], start: usize, close: u8) -> usize {
    let is_end = |at: &usize| match text[*at..].split_first() {
        Some((b',', [b' ', next @ ..])) => close == b']' || begins_with_name(next),
        // A bracket in the middle of a word closes nothing.
        Some((byte, next)) if *byte == close => {
            matches!(next.first(), None | Some(b'}' | b']')) || next.starts_with(b", ")
        }
        _ => false,
    };
    (start..text.len()).find(is_end).unwrap_or(text.len())
}

/// Whether a name and an equals sign follow.
fn begins_with_name(text: &[u8]) -> bool {
    let is_in_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(*byte);
    let len = text.iter().take_while(is_in_name).count();
    len > 0 && text.get(len) == Some(&b'=')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> Option<String> {
        as_json(text.as_bytes()).map(|json| String::from_utf8(json.into_owned()).unwrap())
    }

    #[test]
    fn objects_in_the_text_of_athena_are_read() {
        let wanted =
            r#"{"type":"IAMUser","arn":"arn:a, b=c","sessioncontext":{"attributes":null},"l":[{"a":"1"},{"a":"2"}]}"#;
        let text = "{type=IAMUser, arn=arn:a, b=c, sessioncontext={attributes=null}, l=[{a=1}, {a=2}]}";
        // Whether a comma belongs to a text is not always clear.
        assert_eq!(json(text), Some(wanted.replace("a, b=c\"", "a\",\"b\":\"c\"")));
        for (text, wanted) in [
            ("{}", "{}"),
            ("null", "null"),
            ("{ConsoleLogin=Failure}", r#"{"ConsoleLogin":"Failure"}"#),
            ("{Host=b.s3.amazonaws.com, x-amz-acl=private}", r#"{"Host":"b.s3.amazonaws.com","x-amz-acl":"private"}"#),
            ("{bucketName=b, key=[draft] a.txt, n=1}", r#"{"bucketName":"b","key":"[draft] a.txt","n":"1"}"#),
            ("{a=, b=one, two; three, c=x=y==}", r#"{"a":"","b":"one, two; three","c":"x=y=="}"#),
            ("{key=a[1].jpg, path=/x/{id}/y, l=[a, b], none=[], m={}}", {
                r#"{"key":"a[1].jpg","path":"/x/{id}/y","l":["a","b"],"none":[],"m":{}}"#
            }),
            (r#"{doc={"Statement":[{"a":"b=c, d=e}"}]}, list=["x", "y"], n=say "hi"}"#, {
                r#"{"doc":{"Statement":[{"a":"b=c, d=e}"}]},"list":["x", "y"],"n":"say \"hi\""}"#
            }),
        ] {
            assert_eq!(json(text).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_can_not_be_read_to_its_end_stays_text() {
        for text in ["", "x", "a=b", "{type=IAMUser", "{a=b} c", "{a}", "{=a}", "{a, b=c}", "{a={b=c}x}", r#"{a={"b}"#]
        {
            assert_eq!(json(text), None, "{text}");
        }
        assert_eq!(json(&("{a=".repeat(MAX_DEPTH + 1) + &"}".repeat(MAX_DEPTH + 1))), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_json(text in "[{\\[][a-c=,:\"\\\\ {}\\[\\]]{0,30}") {
            if let Some(json) = as_json(text.as_bytes()) {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok(), "{text}");
            }
        }
    }
}
