//! Rows in JSON, as results of queries have them: lists of named values (`CloudTrail` Lake, `CloudWatch` Logs
//! Insights), or lists of cells, whose names are in the first row or after the last one (Athena).

use super::rows::{Field, Row};
use crate::members::{Member, ValueEnd, member, members, value, value_end};
use crate::wrapping::Layer;

/// A name, and the text of its value.
pub(super) type Pair<'a> = (&'a [u8], &'a [u8]);

/// The names and values of the list at the beginning of `bytes`, as far as it is there. Each of its objects must name a
/// value: `{"eventName":"x"}`, or `{"field":"eventName","value":"x"}`. For other lists, nothing.
pub(super) fn pairs(bytes: &[u8]) -> Vec<Pair<'_>> {
    let mut pairs = Vec::new();
    let mut items = Items::of(bytes);
    while let Some(at) = items.next() {
        let item = &bytes[at..];
        // Other objects are not read to their end.
        let mut some = members(item).take(3);
        let pair = match (some.next(), some.next(), some.next()) {
            (Some((b"field", name)), Some((b"value", text)), None)
            | (Some((b"value", text)), Some((b"field", name)), None) => (unquoted(value(name)), value(text)),
            (Some((name, text)), None, None) => (name, value(text)),
            (None, ..) if item.starts_with(b"{") => continue,
            _ => return Vec::new(),
        };
        pairs.push(pair);
    }
    pairs
}

/// Whether an object is a row of cells. At least its beginning must be there.
pub(super) fn is_row(object: &[u8]) -> bool {
    let Member::Value(b"Data", list) = member(object, 1) else { return false };
    let list = &object[list..];
    let mut items = Items::of(list);
    let is_cell = |at: usize| match member(list, at + 1) {
        Member::Value(name, _) => name == b"VarCharValue",
        Member::End(_) | Member::Short => true,
        Member::Broken => false,
    };
    list.starts_with(b"[") && items.next().is_none_or(|at| list[at] == b'{' && is_cell(at))
}

/// The cells of a complete row: the texts between quotes, or other values as they are.
pub(super) fn cells(object: &[u8]) -> Option<Row> {
    let Member::Value(b"Data", start) = member(object, 1) else { return None };
    let ValueEnd::At(end) = value_end(object, 0) else { return None };
    let list = &object[start..end];
    let (mut row, mut items) = (Row { end, next: end, ..Row::default() }, Items::of(list));
    while let Some(at) = items.next() {
        row.fields.push(match member(list, at + 1) {
            Member::Value(_, text) => cell(start + text, value(&list[text..])),
            _ => cell(start + at, b""),
        });
    }
    Some(row)
}

/// The field that a value at `start` is.
fn cell(start: usize, text: &[u8]) -> Field {
    match text {
        [b'"', text @ .., b'"'] => Field { start: start + 1, end: start + 1 + text.len(), is_quoted: true },
        b"null" => Field { start, end: start, is_quoted: false },
        text => Field { start, end: start + text.len(), is_quoted: false },
    }
}

/// The names of the columns, if a document of Athena lists them in `text`.
pub(super) fn column_names(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    memchr::memmem::find_iter(text, b"\"ColumnInfo\"").find_map(|at| {
        let rest =
            text[at..].strip_prefix(b"\"ColumnInfo\"")?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (mut names, mut items) = (Vec::new(), Items::of(rest));
        while let Some(at) = items.next() {
            let (_, name) = members(&rest[at..]).find(|(key, _)| *key == b"Name")?;
            names.push(Layer::Json.unwrap(unquoted(value(name))).into_owned());
        }
        (!names.is_empty()).then_some(names)
    })
}

fn unquoted(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or_default()
}

/// Walks through the items of a list, as far as it is there.
struct Items<'a> {
    list: &'a [u8],
    at: usize,
}

impl<'a> Items<'a> {
    /// The items of the list at the beginning of `list`; none if it does not begin with a list.
    fn of(list: &'a [u8]) -> Self {
        let at = if list.starts_with(b"[") { 1 } else { list.len() };
        Self { list, at }
    }

    /// Where the next item begins.
    fn next(&mut self) -> Option<usize> {
        let is_between = |byte: &&u8| byte.is_ascii_whitespace() || **byte == b',';
        let start = self.at + self.list[self.at..].iter().take_while(is_between).count();
        if matches!(self.list.get(start), None | Some(b']')) {
            return None;
        }
        self.at = match value_end(self.list, start) {
            ValueEnd::At(end) => end,
            ValueEnd::Short | ValueEnd::Broken => self.list.len(),
        };
        Some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_named_values_are_told() {
        let names = |text: &str| pairs(text.as_bytes()).iter().map(|(name, _)| name.to_vec()).collect::<Vec<_>>();
        assert_eq!(names(r#"[ {"a":"x"}, {} ,{"b":null}]"#), [b"a", b"b"]);
        assert_eq!(names(r#"[{"field":"a","value":"x"},{"value":"y","field":"b"}]"#), [b"a", b"b"]);
        for other in [r#"[{"a":1,"b":2}]"#, r#"["a"]"#, r#"[[{"a":1}]]"#, r#"{"a":1}"#, "[]", "["] {
            assert_eq!(names(other), Vec::<Vec<u8>>::new(), "{other}");
        }
        assert_eq!(pairs(br#"[{"a":{"b":[1]}}]"#), [(b"a".as_slice(), br#"{"b":[1]}"#.as_slice())]);
    }

    #[test]
    fn cells_are_the_texts_of_a_row() {
        let text = br#"{ "Data" : [ {"VarCharValue":"a\"b"}, {}, {"VarCharValue":null},{"VarCharValue":7} ] }"#;
        let row = cells(text).unwrap();
        let fields: Vec<&[u8]> = row.fields.iter().map(|field| &text[field.start..field.end]).collect();
        assert_eq!(fields, [br#"a\"b"#.as_slice(), b"", b"", b"7"]);
        assert!(is_row(text) && is_row(&text[..14]) && !is_row(br#"{"Data":["x"]}"#) && !is_row(br#"{"a":[]}"#));
        assert!(cells(&text[..60]).is_none());
        let names = column_names(br#"{"x":"\"ColumnInfo\":","ColumnInfo": [{"Type":"v","Name":"a"},{"Name":"b"}]}"#);
        assert_eq!(names, Some(vec![b"a".to_vec(), b"b".to_vec()]));
    }
}
