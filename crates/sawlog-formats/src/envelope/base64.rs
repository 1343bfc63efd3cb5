//! Documents that have logs in base64: what AWS hands to a Lambda function of `CloudWatch` Logs (`awslogs.data`),
//! Kinesis (`kinesis.data`) and Firehose (`records[].data`), what Firehose sends to HTTP endpoints (`records[].data`,
//! too; see "Understand HTTP endpoint delivery request and response specifications"), what `aws kinesis get-records`
//! prints (`Records[].Data`), and what Firehose could not process (`rawData`; see "Handle failure in data
//! transformation").
//!
//! Such a document is like an archive: each text in base64 is a file of its own, mostly a gzip file.

use std::borrow::Cow;
use std::fmt::Write;

use memchr::memmem;

use super::cells::Pair;
use super::target::is_short;
use super::walk::{End, Token, Walk, string_end};
use crate::format::Format;
use crate::formats;
use crate::members::{members, value};
use crate::wrapping::Layer;

/// The longest data that is read. A Lambda function gets up to 6 MB, and a record of Kinesis has up to 10 MiB.
const MOST_TEXT: usize = 16 << 20;
/// How often a byte is looked at before a document counts as damaged. Sound documents are not nested that deep.
const MOST_LOOKS: usize = 32;
/// Data has at least this many letters to decide what a document is.
const LEAST_LETTERS: usize = 8;
/// How many bytes of a file are searched to recognise such a document.
const HEAD: usize = 64 << 10;
/// How many of them are searched first.
const NEAR: usize = 4 << 10;
/// The most bytes of each part of a text's name.
const MAX_NAME: usize = 256;

/// A text in base64.
#[derive(Debug, PartialEq, Eq)]
pub struct Base64Text<'a> {
    /// Its path, as jq writes it: `Records[2].kinesis.data`.
    pub name: String,
    /// The text, without escapes.
    pub text: Cow<'a, [u8]>,
    /// Whether all of it is there.
    pub is_whole: bool,
}

/// Whether a file that begins with `head` is such a document.
pub(crate) fn is_base64(head: &[u8]) -> bool {
    let head = crate::without_mark(&head[..head.len().min(HEAD)]);
    if !matches!(head.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return false;
    }
    // Most files have no such name, and a search is faster than a walk through the members.
    if [b"\"data\"", b"\"Data\"", b"\"rawData\"" as &[u8]].iter().all(|name| memmem::find(head, name).is_none()) {
        return false;
    }
    // A record or data usually begins near the beginning.
    let near = first_is_data(&head[..head.len().min(NEAR)]);
    near.or_else(|| first_is_data(head)).unwrap_or_default()
}

/// Whether the first text that decides it is data in base64; `None` if no text decides it.
fn first_is_data(head: &[u8]) -> Option<bool> {
    let mut texts = Texts::default();
    loop {
        match texts.next(head) {
            // A few letters can be a word as well.
            Piece::Text(text) if is_alphabet(&text.text) && text.is_whole && text.text.len() < LEAST_LETTERS => {}
            Piece::Text(text) if is_alphabet(beginning(&text)) && beginning(&text).len() >= LEAST_LETTERS => {
                return Some(true);
            }
            // The rest may decide it.
            Piece::Text(text) => return text.is_whole.then_some(false),
            Piece::Document(_) => {}
            Piece::Record | Piece::Words => return Some(false),
            Piece::Long | Piece::Torn | Piece::Other | Piece::End => return None,
        }
    }
}

/// Calls `take` with each text in base64 until it returns `false`. Returns what is wrong with the documents.
///
/// # Errors
///
/// Those of `take`.
pub fn base64_texts<'a, E>(
    bytes: &'a [u8],
    mut take: impl FnMut(Base64Text<'a>) -> Result<bool, E>,
) -> Result<Option<String>, E> {
    let (mut texts, mut problem) = (Texts::default(), None);
    loop {
        let piece = texts.next(bytes);
        let is_last = matches!(piece, Piece::Torn | Piece::End);
        let what = match piece {
            Piece::Text(text) => {
                if !take(text)? {
                    return Ok(problem);
                }
                continue;
            }
            Piece::Document(None) => continue,
            Piece::Words => format!("the text at byte {} is not in base64, and was not read", texts.last),
            Piece::Long => {
                format!("the text at byte {} is longer than {MOST_TEXT} bytes, and was not read", texts.last)
            }
            Piece::Torn => "it has too many brackets that are not closed; the rest was not read".to_owned(),
            Piece::Document(Some(start)) => format!("the document at byte {start} has no data in base64"),
            Piece::Record => format!("the record at byte {} is not in base64, and was not read", texts.last),
            Piece::Other => format!("the text at byte {} is not JSON, and was not read", texts.last),
            Piece::End if texts.walk.is_open() => "it ends before all its brackets are closed".to_owned(),
            Piece::End => return Ok(problem),
        };
        // The first problem causes the others.
        problem.get_or_insert(what);
        if is_last {
            return Ok(problem);
        }
    }
}

/// The text. If it is cut off within an escape, without that escape.
fn beginning<'a>(text: &'a Base64Text<'_>) -> &'a [u8] {
    const LONGEST: usize = r"\u002".len();
    let end = text.text.len();
    let cut = memchr::memrchr(b'\\', &text.text).filter(|at| !text.is_whole && end - at <= LONGEST);
    &text.text[..cut.unwrap_or(end)]
}

/// Whether a text consists of base64 letters only, also on several lines.
fn is_alphabet(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(byte))
}

/// Whether the members of an object say that one of them is data in base64.
pub(super) fn holds_base64(members: &[Pair<'_>]) -> bool {
    Says::of(members.iter().copied()).holds_data()
}

/// Names of members that are data in base64, each with names of which one is in the same object.
const DATA: [(&[u8], [&[u8]; 3]); 3] = [
    (b"data", [b"recordId", b"partitionKey", b"kinesisSchemaVersion"]),
    (b"Data", [b"PartitionKey", b"SequenceNumber", b"ApproximateArrivalTimestamp"]),
    (b"rawData", [b"attemptsMade", b"arrivalTimestamp", b"attemptEndingTimestamp"]),
];

/// Members of the requests that Firehose sends to HTTP endpoints: their list has data in base64, and nothing beside it.
const REQUEST: [&[u8]; 3] = [b"requestId", b"timestamp", b"records"];

/// What the members of an object say about data in base64.
#[derive(Default)]
struct Says {
    /// For each pair of [`DATA`], whether its two sides are there.
    data: [(bool, bool); DATA.len()],
    /// Which members of a request of Firehose are there.
    request: [bool; REQUEST.len()],
    /// Whether a member leads to data, and whether such a member is empty.
    leads_to_data: bool,
    is_empty: bool,
}

impl Says {
    fn of<'a>(members: impl Iterator<Item = Pair<'a>>) -> Self {
        let mut says = Self::default();
        for (name, value) in members {
            for ((is_data, is_beside), (data, beside)) in says.data.iter_mut().zip(DATA) {
                *is_data |= name == data;
                *is_beside |= beside.contains(&name);
            }
            for (is_there, wanted) in says.request.iter_mut().zip(REQUEST) {
                *is_there |= name == wanted;
            }
            says.leads_to_data |= leads_to_data(name);
            says.is_empty |= leads_to_data(name) && is_nothing(value);
        }
        says
    }

    fn holds_data(&self) -> bool {
        self.data.contains(&(true, true))
    }

    fn is_request(&self) -> bool {
        !self.request.contains(&false)
    }
}

/// Whether a member of this name leads to data in base64.
fn leads_to_data(name: &[u8]) -> bool {
    matches!(name, b"awslogs" | b"kinesis" | b"records" | b"Records")
}

/// Whether the value at the beginning of `text` is empty or null.
fn is_nothing(text: &[u8]) -> bool {
    match text {
        [b'{' | b'[', rest @ ..] => matches!(rest.trim_ascii_start().first(), Some(b'}' | b']')),
        text => text.starts_with(b"null"),
    }
}

/// Whether a text may hold records as it is.
fn may_hold_records(text: &[u8]) -> bool {
    let is_line = |format: &&Format| !format.framing.is_json() && (format.inside.is_record)(text);
    memchr::memchr(b'{', text).is_some() || !is_short(text, None) && formats().iter().any(is_line)
}

/// What comes next in documents.
enum Piece<'a> {
    Text(Base64Text<'a>),
    /// A document ended. Where it began, if it has neither data nor an empty list for data.
    Document(Option<usize>),
    /// A record of a log, at [`Texts::last`].
    Record,
    /// A text that may hold a record, at [`Texts::last`].
    Words,
    /// Data that is longer than [`MOST_TEXT`], at [`Texts::last`].
    Long,
    /// Brackets are not closed, so the same objects would be searched again and again.
    Torn,
    /// What is not JSON, at [`Texts::last`].
    Other,
    End,
}

/// Walks through documents.
#[derive(Default)]
struct Texts {
    walk: Walk,
    /// Where the current document began, and whether it has data or an empty list for data.
    document: Option<(usize, bool)>,
    /// The open objects that have data: how many names lead to each, and its number.
    holders: Vec<(usize, u64)>,
    /// The number of the last request of Firehose.
    request: Option<u64>,
    /// How many bytes were searched for the members of objects.
    looked_at: usize,
    /// How many names lead to the current list, and which of its items is read.
    item: Option<(usize, usize)>,
    last: usize,
}

impl Texts {
    fn next<'a>(&mut self, bytes: &'a [u8]) -> Piece<'a> {
        loop {
            let before = self.walk.at;
            let token = self.walk.next(bytes, true, before);
            if !self.walk.is_open()
                && (token != Token::Pause || self.walk.at >= bytes.len())
                && let Some((start, has_data)) = self.document.take()
            {
                return Piece::Document((!has_data).then_some(start));
            }
            self.last = self.walk.at;
            match token {
                Token::Object if self.looked_at / MOST_LOOKS > bytes.len() => return Piece::Torn,
                Token::Object => {
                    if self.object(&bytes[self.walk.at..]) {
                        self.walk.pass(self.last + value(&bytes[self.last..]).len());
                        return Piece::Record;
                    }
                }
                Token::List => {
                    self.begin(&bytes[self.walk.at..], false);
                    self.item = Some((self.walk.path.len(), 0));
                    self.walk.enter_list();
                }
                Token::String => {
                    if let Some(piece) = self.string(bytes) {
                        return piece;
                    }
                }
                Token::Other => {
                    let end = bytes[self.last..].iter().position(|byte| *byte == b'\n');
                    self.walk.pass(end.map_or(bytes.len(), |run| self.last + run));
                    return Piece::Other;
                }
                Token::Pause if self.walk.at > before && self.walk.at < bytes.len() => {}
                Token::Pause => return Piece::End,
            }
        }
    }

    /// Notes where a document begins, and whether it is empty where others have data.
    fn begin(&mut self, value: &[u8], is_empty: bool) {
        let (_, has_data) = self.document.get_or_insert((self.walk.at, false));
        *has_data |= is_empty || self.walk.path.is_empty() && is_nothing(value);
    }

    /// Enters the object that begins here, unless it is a record of a log. Returns whether it is one.
    fn object(&mut self, object: &[u8]) -> bool {
        let says = Says::of(members(object));
        self.looked_at += value(object).len();
        self.begin(object, says.is_empty);
        let is_record = |format: &&Format| format.framing.is_json() && (format.inside.is_record)(object);
        // What surrounds data in Kinesis has the names of an event.
        if !says.leads_to_data && !says.holds_data() && formats().iter().any(is_record) {
            return true;
        }
        let depth = self.walk.path.len();
        match &mut self.item {
            Some((of, count)) if *of == depth && self.walk.in_list() => *count += 1,
            Some((of, _)) if *of == depth => self.item = None,
            _ => {}
        }
        self.walk.enter();
        self.holders.retain(|(of, _)| *of < depth);
        if says.holds_data() {
            self.holders.push((depth, self.walk.object(depth)));
        }
        if depth == 0 && says.is_request() {
            self.request = Some(self.walk.object(depth));
        }
        false
    }

    /// Passes a string. Returns what it is, if the caller must know.
    fn string<'a>(&mut self, bytes: &'a [u8]) -> Option<Piece<'a>> {
        let start = self.walk.at + 1;
        let (end, next, is_whole) = match string_end(bytes, start) {
            End::At(end) => (end, end + 1, true),
            End::Broken(end) | End::Not(end) => (end, end, false),
        };
        let text = &bytes[start..end];
        let is_data = self.is_data();
        let name = if is_data { self.name() } else { String::new() };
        self.walk.pass(next);
        if !is_data {
            return may_hold_records(text).then_some(Piece::Words);
        }
        if let Some((_, has_data)) = &mut self.document {
            *has_data = true;
        }
        if text.len() > MOST_TEXT {
            return Some(Piece::Long);
        }
        // Empty data is not a file.
        (!text.is_empty()).then(|| Piece::Text(Base64Text { name, text: Layer::Json.unwrap(text), is_whole }))
    }

    /// Whether the current string is data.
    fn is_data(&self) -> bool {
        let path: Vec<&[u8]> = self.walk.path.iter().map(Vec::as_slice).collect();
        match path[..] {
            [.., b"awslogs" | b"kinesis", b"data"] => true,
            [b"records", b"data"] if self.request == Some(self.walk.object(0)) => true,
            [.., name] if DATA.iter().any(|(data, _)| *data == name) => {
                self.holders.contains(&(path.len() - 1, self.walk.object(path.len() - 1)))
            }
            _ => false,
        }
    }

    /// The path of the current value, as jq writes it.
    fn name(&self) -> String {
        let mut name = String::new();
        for (place, part) in self.walk.path.iter().enumerate() {
            self.item_of(place, &mut name);
            let part = String::from_utf8_lossy(&part[..part.len().min(MAX_NAME)]);
            let dot = if name.is_empty() { "" } else { "." };
            name.push_str(dot);
            name.push_str(&part);
        }
        name
    }

    /// Writes the item's position in the list at this place of the path, if there is a list.
    fn item_of(&self, place: usize, name: &mut String) {
        if let Some((_, count)) = self.item.filter(|(depth, count)| *depth == place && *count > 0) {
            // Writing to a string can't fail.
            let _ = write!(name, "[{}]", count - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(document: &str) -> (Vec<String>, Option<String>) {
        let mut found = Vec::new();
        let problem = base64_texts::<()>(document.as_bytes(), |text| {
            let whole = if text.is_whole { "" } else { "…" };
            found.push(format!("{}={}{whole}", text.name, String::from_utf8_lossy(&text.text)));
            Ok(true)
        });
        (found, problem.unwrap())
    }

    #[test]
    fn texts_are_told_by_what_is_around_them() {
        for (document, wanted) in [
            (r#"{"awslogs":{"data":"H4sIAAAA\/A=="}}"#, vec!["awslogs.data=H4sIAAAA/A=="]),
            (
                r#"{"Records":[{"eventVersion":"1.0","kinesis":{"data":"QUFBQUFB"},"eventName":"n","eventSource":"s"},{"kinesis":{"x":1,"data":"QkJCQkJC"}}]}"#,
                vec!["Records[0].kinesis.data=QUFBQUFB", "Records[1].kinesis.data=QkJCQkJC"],
            ),
            (
                r#"{"invocationId":"i","records":[{"data":"QUFBQUFB","recordId":"1"},{"recordId":"2","data":""}]}"#,
                vec!["records[0].data=QUFBQUFB"],
            ),
            (
                r#"{"a":"a line of some words","Records":[{"SequenceNumber":"1","Data":"QUFBQUFB"}]}"#,
                vec!["Records[0].Data=QUFBQUFB"],
            ),
            (
                r#"{"attemptsMade":4,"errorCode":"Lambda.FunctionError","errorMessage":"the function failed","rawData":"QUFBQUFB"}"#,
                vec!["rawData=QUFBQUFB"],
            ),
            (
                r#"{"Records":[{"recordId":"1","data":"QUFBQUFB"}],"awslogs":{"data":"QkJCQkJC"}}"#,
                vec!["Records[0].data=QUFBQUFB", "awslogs.data=QkJCQkJC"],
            ),
            (
                r#"{"requestId":"ed4a","timestamp":1578090901599,"records":[{"data":"QUFBQUFB"},{"data":"QkI="}]}"#,
                vec!["records[0].data=QUFBQUFB", "records[1].data=QkI="],
            ),
            (
                r#"{"Records":[{"kinesis":{"data":"eA=="}},{"kinesis":{"data":"QkJCQkJC"}}]}"#,
                vec!["Records[0].kinesis.data=eA==", "Records[1].kinesis.data=QkJCQkJC"],
            ),
            (
                "[{\"kinesis\":{\"data\":\"QUFBQUFB\"}}]\n{\"kinesis\":{\"data\":\"QkJCQkJC\"}}",
                vec!["[0].kinesis.data=QUFBQUFB", "kinesis.data=QkJCQkJC"],
            ),
        ] {
            assert_eq!(texts(document), (wanted.iter().map(|&text| text.to_owned()).collect(), None), "{document}");
            assert!(is_base64(document.as_bytes()), "{document}");
        }
        for other in [
            r#"{"data":"QUFBQUFB"}"#,
            r#"{"records":[{"data":"QUFBQUFB"}]}"#,
            r#"{"requestId":"a","timestamp":1}{"records":[{"data":"QUFBQUFB"}]}"#,
            r#"{"requestId":"a","timestamp":1,"records":[{"data":"word"},{"data":"a few words"}]}"#,
            r#"{"awslogs":{"data":"word"}}"#,
            r#"{"Records":[{"eventVersion":"1.08","eventTime":"t","eventName":"n","requestParameters":{"awslogs":{"data":"QUFBQUFB"}}}]}"#,
            r#"{"message":"{\"a\":1}","awslogs":{"data":"QUFBQUFB"}}"#,
            r#"{"message":"2 111122223333 eni-1 203.0.113.12 10.0.0.5 51000 22 6 3 180 1714564800 1714564860 REJECT OK","awslogs":{"data":"QUFBQUFB"}}"#,
            r#"{"awslogs":{"data":"no base64, this"}}"#,
            "[]",
            "{",
        ] {
            assert!(!is_base64(other.as_bytes()), "{other}");
        }
    }

    /// Wherever the bytes that are looked at first end.
    #[test]
    fn data_is_known_by_any_beginning() {
        for letter in ["Q", r"\/", r"\u002B"] {
            for before in NEAR - 60..NEAR + 4 {
                let blanks = " ".repeat(before);
                let document = format!("{blanks}{{\"awslogs\":{{\"data\":\"{}\"}}}}", letter.repeat(20_000));
                assert!(is_base64(document.as_bytes()), "{letter} after {before}");
            }
        }
    }

    #[test]
    fn what_is_beside_data_is_told() {
        let data = r#"{"awslogs":{"data":"QUFBQUFB"}}"#;
        let record = r#"{"eventVersion":"1.08","eventTime":"t","eventName":"n","eventSource":"s"}"#;
        for (document, wanted) in [
            (format!("{data}{{\"Records\":[]}}\n{{\"a\":1,\"awslogs\":null}}{{}}[ ]"), None),
            (format!("{data}{{\"a\":1}}"), Some("the document at byte 31 has no data in base64")),
            (format!("{data}\n{record}"), Some("the record at byte 32 is not in base64, and was not read")),
            (
                format!("{data}{{\"Records\":[{record}]}}"),
                Some("the record at byte 43 is not in base64, and was not read"),
            ),
            (format!("{data}\nsome text\n"), Some("the text at byte 32 is not JSON, and was not read")),
            (data[..data.len() - 1].to_owned(), Some("it ends before all its brackets are closed")),
        ] {
            let (found, problem) = texts(&document);
            assert_eq!((found.len(), problem.as_deref()), (1, wanted), "{document}");
        }
        assert_eq!(texts(&data[..26]).0, ["awslogs.data=QUFBQU…"]);
    }

    #[test]
    fn what_is_not_read_is_told() {
        let data = "{\"awslogs\":{\"data\":\"QUFBQUFB\"}}";
        let many: String = (0..100).map(|number| format!("\"m{number}\":1,")).collect();
        let long = "Q".repeat(MOST_TEXT + 1);
        let torn = format!("{data}\n{}", "{\"a\":{\"b\":1\n".repeat(2000));
        for (document, wanted, problem) in [
            (format!("{data}{{\"message\":\"{{}}\"}}"), vec!["awslogs.data=QUFBQUFB"], "not in base64"),
            (format!("[{data},{{\"message\":\"{{}}\"}}]"), vec!["[0].awslogs.data=QUFBQUFB"], "not in base64"),
            (format!("{data}{{\"awslogs\":{{\"data\":\"{long}\"}}}}"), vec!["awslogs.data=QUFBQUFB"], "is longer than"),
            (torn, vec!["awslogs.data=QUFBQUFB"], "has no data in base64"),
            (format!("{{\"records\":[{{{many}\"recordId\":\"1\",\"data\":\"QUFBQUFB\"}}]}}"), vec!["records[0].data=QUFBQUFB"], ""),
            (
                "{\"records\":[{\"recordId\":\"1\",\"meta\":{\"partitionKey\":\"x\",\"data\":\"QkJCQkJC\"},\"data\":\"QUFBQUFB\"}]}".to_owned(),
                vec!["records[0].meta.data=QkJCQkJC", "records[0].data=QUFBQUFB"],
                "",
            ),
        ] {
            let (found, told) = texts(&document);
            assert_eq!(found, wanted, "{problem}");
            assert!(told.unwrap_or_default().contains(problem), "{problem}");
        }
    }
}
