//! Tells by its beginning whether a text is a document that holds records of a log, and where in it these are.

use super::json::{Documents, Place};
use super::named::name_record;
use super::opener::{Kind, Opener};
use super::rows::{Row, Table, behind_time};
use super::target::{Target, has_names, is_short};
use super::walk::{End, Token, Walk, string_end};
use crate::encoding::without_mark;
use crate::format::Format;
use crate::members::value;
use crate::wrapping::{Layer, MOST_STRINGS};
use crate::{formats, vpc_flow};

/// So many rows or lines are looked at.
const ROWS: usize = 32;

/// A kind of document that holds records of a log.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// The log.
    pub format: &'static Format,
    /// What the document is, as the ledger has it.
    pub name: &'static str,
}

/// Opens the documents that begin with `head`, if they are of a kind that holds records of a log. `fields` names those of flow logs
/// without a header line, if they are known.
#[must_use]
pub fn open(head: &[u8], fields: Option<&str>) -> Option<(Envelope, Opener)> {
    let known = Known { fields: fields.map(|fields| fields.split(' ').count()) };
    let text = without_mark(head);
    let first = *text.trim_ascii_start().first()?;
    // So nearly all logs of CloudTrail begin, which is told fast.
    if text.starts_with(b"{\"Records\":[{\"eventVersion\"") {
        return None;
    }
    let (name, target, documents) = match first {
        b'{' | b'[' => known.json(text)?,
        b'"' => known.table(text).or_else(|| known.json(text))?,
        b'0'..=b'9' => known.timed_lines(text).or_else(|| known.table(text))?,
        b'@' | b'_' | b'a'..=b'z' | b'A'..=b'Z' => known.table(text)?,
        _ => return None,
    };
    Some((Envelope { format: target.format, name }, Opener::new(target, documents)))
}

/// What is known of the logs that may be in a document.
struct Known {
    /// How many fields the lines of flow logs have, if that was said.
    fields: Option<usize>,
}

type Told = (&'static str, Target, Kind);

impl Known {
    fn target(&self, format: &'static Format, is_named: bool) -> Target {
        let fields = self.fields.filter(|_| format.table.name == vpc_flow::TABLE.name);
        Target { format, is_named, fields }
    }

    /// The log of which an object is a record.
    fn of_object(&self, object: &[u8]) -> Option<Target> {
        formats().iter().map(|format| self.target(format, false)).find(|target| target.is_object(object))
    }

    /// The log of which the members of an object are named values.
    fn by_names(&self, object: &[u8]) -> Option<Target> {
        formats().iter().find(|format| has_names(object, format)).map(|format| self.target(format, true))
    }

    /// The log of which there are records in a text, or in what there is of it.
    fn of_text(&self, text: &[u8], strings: u8) -> Option<Target> {
        let text = text.trim_ascii_start();
        if is_short(text) || strings > MOST_STRINGS {
            return None;
        }
        if matches!(text.first(), Some(b'{' | b'[' | b'"')) {
            return self.place(text, strings + 1).map(|(target, _)| target);
        }
        let targets = || formats().iter().map(|format| self.target(format, false));
        text.split(|byte| *byte == b'\n').take(ROWS).find_map(|line| targets().find(|target| target.is_line(line)))
    }

    /// The first record in documents, and its place there.
    fn place(&self, text: &[u8], strings: u8) -> Option<(Target, Place)> {
        let mut walk = Walk::default();
        // Named values, unless there is a record in the same object, and where that ends.
        let mut named: Option<(Target, Place, usize)> = None;
        loop {
            let before = walk.at;
            if let Some((target, place, _)) = named.take_if(|(.., end)| before >= *end) {
                return Some((target, place));
            }
            let found = match walk.next(text, true, before) {
                Token::Object => {
                    let object = &text[walk.at..];
                    let target = self.of_object(object);
                    if target.is_none() {
                        if named.is_none() {
                            let end = walk.at + value(object).len();
                            let place =
                                |target| (target, Place { path: walk.path.clone(), is_object: true, field: None }, end);
                            named = self.by_names(object).map(place);
                        }
                        walk.enter();
                    }
                    target.map(|target| (target, true))
                }
                Token::String => {
                    let start = walk.at + 1;
                    let (end, next) = match string_end(text, start) {
                        End::At(end) => (end, end + 1),
                        End::Broken(end) | End::Not(end) => (end, end),
                    };
                    let string = &text[start..end];
                    let target =
                        if is_short(string) { None } else { self.of_text(&Layer::Json.unwrap(string), strings) };
                    if target.is_none() {
                        walk.pass_string(string, next);
                    }
                    target.map(|target| (target, false))
                }
                Token::Pause if walk.at > before && walk.at < text.len() => None,
                Token::Other | Token::Pause => return named.map(|(target, place, _)| (target, place)),
            };
            if let Some((target, is_object)) = found {
                let field = walk.field_here().map(<[u8]>::to_vec);
                return Some((target, Place { path: walk.path, is_object, field }));
            }
        }
    }

    fn json(&self, text: &[u8]) -> Option<Told> {
        let (target, place) = self.place(text, 0)?;
        // Such documents are the log itself.
        let is_log = target.format.framing.is_json() && !target.is_named && place.is_object;
        if is_log && (place.path.is_empty() || place.path == [b"Records"]) {
            return None;
        }
        Some((json_name(&place), target, Kind::Json(Documents::new(place))))
    }

    /// Lines of which each has a time before its record, and maybe the name of a stream.
    fn timed_lines(&self, text: &[u8]) -> Option<Told> {
        let lines = || text.split(|byte| *byte == b'\n').take(ROWS);
        let first = lines().next()?;
        behind_time(first, 1)?;
        // A line that is a record as it is begins with a time of its own.
        if formats().iter().any(|format| !format.framing.is_json() && (format.inside.is_record)(first)) {
            return None;
        }
        let record = |line: &[u8], words: usize| {
            self.of_text(&line[behind_time(line, words)?..], 0).map(|target| (target, words))
        };
        let (target, words) = lines().find_map(|line| record(line, 1).or_else(|| record(line, 2)))?;
        Some(("CloudWatch Logs export", target, Kind::TimedLines(words)))
    }

    /// Rows of CSV.
    fn table(&self, text: &[u8]) -> Option<Told> {
        let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
        let separator = separator(&text[..end])?;
        let line = &text[..end];
        if separator == b'\t' && vpc_flow::is_header(line) {
            return None;
        }
        let header = Row::read(text, 0, separator, true)?;
        let unwrapped = |row: &Row| -> Vec<Vec<u8>> {
            let field =
                |field: &super::rows::Field| Layer::Csv.unwrap(&text[field.start..field.end]).trim_ascii().to_vec();
            row.fields.iter().map(field).collect()
        };
        let names = unwrapped(&header);
        let table = |field| Kind::Csv(Table { separator, names: names.clone(), has_header: true, field });
        let named = |format: &&&'static Format| name_record(names.iter().map(Vec::as_slice), format);
        if let Some(format) = formats().iter().find(named) {
            return Some(("CSV", self.target(format, true), table(None)));
        }
        if names.len() > 1
            && let Some(told) = self.flows_without_names(line, separator)
        {
            return Some(told);
        }
        let mut at = header.next;
        for _ in 0..ROWS {
            let Some(row) = (at < text.len()).then(|| Row::read(text, at, separator, true)).flatten() else { break };
            let found =
                unwrapped(&row).iter().enumerate().find_map(|(place, field)| Some((place, self.of_text(field, 0)?)));
            if let Some((place, target)) = found.filter(|(place, _)| *place < names.len()) {
                return Some(("CSV of messages", target, table(Some(place))));
            }
            at = row.next;
        }
        None
    }

    /// Flows in AWS's default order, with a separator between the fields.
    fn flows_without_names(&self, line: &[u8], separator: u8) -> Option<Told> {
        let spaced: Vec<u8> = line.iter().map(|byte| if *byte == separator { b' ' } else { *byte }).collect();
        let is_flow = spaced.starts_with(b"2 ") && (vpc_flow::FORMAT.inside.is_record)(spaced.trim_ascii_end());
        let names = vpc_flow::DEFAULT_FIELDS.split(' ').map(|name| name.as_bytes().to_vec()).collect();
        let table = Table { separator, names, has_header: false, field: None };
        is_flow.then(|| ("CSV", self.target(&vpc_flow::FORMAT, true), Kind::Csv(table)))
    }
}

/// A name in a table has no more blanks.
const MOST_BLANKS: usize = 4;

/// What stands between the names in the first line of a table, if it is one. Lines of logs are told from it fast.
fn separator(line: &[u8]) -> Option<u8> {
    let (mut separator, mut blanks) = (None, 0);
    for byte in line {
        match byte {
            b',' | b';' | b'\t' => {
                separator = separator.or(Some(*byte));
                blanks = 0;
            }
            b' ' if blanks < MOST_BLANKS => blanks += 1,
            b'"' | b'\r' | b'_' | b'.' | b'@' | b'$' | b'-' | b'/' | b'(' | b')' | b'#' | b':' => {}
            byte if byte.is_ascii_alphanumeric() => {}
            _ => return None,
        }
    }
    // A table of one column has none.
    let only = line.trim_ascii().to_ascii_lowercase();
    let is_column = || matches!(unquoted(&only), b"message" | b"@message" | b"_raw");
    separator.or_else(|| is_column().then_some(b','))
}

/// A name without quotes around it.
fn unquoted(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name)
}

/// What documents are, by the names that lead to the records in them.
fn json_name(place: &Place) -> &'static str {
    let has = |wanted: &str| place.path.iter().any(|name| name == wanted.as_bytes());
    let kinds = [
        ("CloudTrailEvent", "lookup-events"),
        ("logEvents", "CloudWatch Logs subscription"),
        ("detail", "EventBridge event"),
        ("@message", "CloudWatch Logs Insights"),
        ("value", "CloudWatch Logs Insights"),
        ("_source", "Elasticsearch export"),
        ("_raw", "Splunk export"),
        ("Message", "SNS notification"),
        ("Body", "SQS message"),
        ("body", "SQS message"),
        ("events", "CloudWatch Logs events"),
        ("message", "JSON with messages"),
    ];
    let kind = kinds.iter().find(|(name, _)| has(name)).map(|(_, kind)| *kind);
    kind.unwrap_or(if place.path.is_empty() { "JSON" } else { "JSON with records" })
}
