//! Recognises by its beginning whether a text is a document that holds records of a log, and where these are.

use super::cells::{cells, column_names, is_row, pairs};
use super::json::Documents;
use super::lead::{Lead, is_heading};
use super::named::name_record;
use super::opener::{Kind, Opener};
use super::place::{Form, Place, WITHIN, containers, is_chosen, is_known, is_known_name, is_of_caller};
use super::rows::{Columns, Field, Row, Table};
use super::target::{Given, Target, has_names, is_short};
use super::walk::{End, Token, Walk, string_end};
use crate::encoding::without_mark;
use crate::format::Format;
use crate::members::value;
use crate::named_values::plain;
use crate::table::Column;
use crate::wrapping::{Layer, MOST_STRINGS};
use crate::{formats, vpc_flow};

/// How many lines of a text in a document are examined.
const ROWS: usize = 32;
/// How many bytes after the first record are searched for the places of others.
const LOOK: usize = 64 << 10;
/// How many bytes of an object or a list are examined to decide whether it is a record.
const MOST_OF_VALUE: usize = 1 << 20;

/// A kind of document that holds records of a log.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// The log.
    pub format: &'static Format,
    /// What the document is, as written in the ledger.
    pub name: &'static str,
}

/// Opens the documents that begin with `head`, if they are of a kind that holds records of a log. `fields` names those
/// of flow logs without a header line, if they are known.
#[must_use]
pub fn open(head: &[u8], fields: Option<&str>) -> Option<(Envelope, Opener)> {
    let known = Known { fields: fields.map(|fields| Given::new(fields, vpc_flow::fits)) };
    let text = without_mark(head);
    let first = *text.trim_ascii_start().first()?;
    // Nearly all CloudTrail logs begin like this, so they are recognised fast.
    if text.starts_with(b"{\"Records\":[{\"eventVersion\"") {
        return None;
    }
    let (name, target, documents) = match first {
        b'{' | b'[' => known.json(text)?,
        b'"' => known.nameless(text).or_else(|| known.table(text)).or_else(|| known.json(text))?,
        b'@' | b'_' | b'.' | b'/' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
            let lines = || known.lines(text).or_else(|| known.under_headings(text));
            known.nameless(text).or_else(lines).or_else(|| known.table(text))?
        }
        _ => return None,
    };
    Some((Envelope { format: target.format, name }, Opener::new(target, documents)))
}

/// Whether a file that begins with `head` has the shape of documents that hold records, so that records may follow
/// later: it has members or columns that are known to hold records, or lines with a time or a tag before the record.
///
/// ```
/// use sawlog_formats::may_hold_records;
/// assert!(may_hold_records(br#"{"logEvents":[{"message":"INFO of something else"}]}"#));
/// assert!(may_hold_records(b"timestamp,message\n1,x\n") && !may_hold_records(b"name,value\n1,2\n"));
/// ```
#[must_use]
pub fn may_hold_records(head: &[u8]) -> bool {
    let text = without_mark(head).trim_ascii_start();
    match text.first() {
        Some(b'{' | b'[') => !text.starts_with(b"{\"Records\"") && has_known_place(text),
        _ if Lead::ALL.iter().any(|(lead, _)| lead.end(first_line(text), |_| false).is_some()) => true,
        _ => {
            let line = first_line(text);
            let names = |separator| Row::read(line, 0, separator, true);
            let is_known = |field: &Field| is_known_name(line[field.start..field.end].trim_ascii());
            separator(line).and_then(names).is_some_and(|row| row.fields.iter().any(is_known))
        }
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// Whether documents have a member below which documents are known to have records.
fn has_known_place(text: &[u8]) -> bool {
    let mut walk = Walk::default();
    loop {
        let before = walk.at;
        let token = walk.next(text, true, before);
        if let Token::Object | Token::String = token
            && containers(&walk.path) < walk.path.len()
            && is_known(&walk.path, walk.field_here())
        {
            return true;
        }
        match token {
            // The names of the cells may come after the last row.
            Token::Object if is_row(here_on(&mut walk, text)) => return true,
            Token::Object => walk.enter(),
            Token::List => walk.enter_list(),
            Token::String => match string_end(text, walk.at + 1) {
                End::At(end) => walk.pass_string(&text[walk.at + 1..end], end + 1),
                End::Broken(end) | End::Not(end) => walk.pass(end),
            },
            Token::Pause if walk.at > before && walk.at < text.len() => {}
            Token::Other | Token::Pause => return false,
        }
    }
}

/// The value at the place of a walk, up to the limit for examining values.
fn here_on<'a>(walk: &mut Walk, text: &'a [u8]) -> &'a [u8] {
    &text[walk.at..walk.extent(text, MOST_OF_VALUE)]
}

/// What is known of the logs that may be in a document.
struct Known {
    /// The fields of the lines of flow logs, if they were given.
    fields: Option<Given>,
}

type Told = (&'static str, Target, Kind);

impl Known {
    fn target(&self, format: &'static Format, is_named: bool) -> Target {
        let fields = self.fields.as_ref().filter(|_| format.table.name == vpc_flow::TABLE.name);
        Target { format, is_named, fields: fields.cloned() }
    }

    /// Whether a text can't hold a record.
    fn is_short(&self, text: &[u8]) -> bool {
        is_short(text, self.fields.as_ref())
    }

    /// The log that an object is a record of.
    fn of_object(&self, object: &[u8]) -> Option<Target> {
        formats().iter().map(|format| self.target(format, false)).find(|target| target.is_object(object))
    }

    /// The log whose named values the members of an object are.
    fn by_names(&self, object: &[u8]) -> Option<Target> {
        formats().iter().find(|format| has_names(object, format)).map(|format| self.target(format, true))
    }

    /// The log whose records have these names.
    fn of_names<'n>(&self, names: &(impl Iterator<Item = &'n [u8]> + Clone)) -> Option<Target> {
        let format = formats().iter().find(|format| name_record(names.clone(), format))?;
        Some(self.target(format, true))
    }

    /// Adds what is found in the row of cells at the place of a walk. The first row names the columns.
    fn row(&self, text: &[u8], object: &[u8], walk: &Walk, names: &mut Option<Vec<Vec<u8>>>, found: &mut Places) {
        let Some(row) = cells(object) else { return };
        let cell = |field: &Field| Layer::Json.unwrap(&object[field.start..field.end]).into_owned();
        let cells: Vec<Vec<u8>> = row.fields.iter().map(cell).collect();
        let names = names.get_or_insert_with(|| names_of(text, &cells));
        if *names == cells {
            return;
        }
        let place = Place { names: names.clone(), ..here(walk, Form::Cells, Vec::new()) };
        for (name, cell) in names.iter().zip(&cells) {
            if let Some((target, inner)) = self.of_text(cell, 0) {
                let path = [&place.path[..], std::slice::from_ref(name)].concat();
                found.add(target, Place { path, inner, ..place.clone() });
            }
        }
        if let Some(target) = self.of_names(&names.iter().map(Vec::as_slice)) {
            found.add(target, place);
        }
    }

    /// The log that has records in a text, or in the available part of it, and the path to them.
    fn of_text(&self, text: &[u8], strings: u8) -> Option<(Target, Vec<Vec<u8>>)> {
        let text = text.trim_ascii_start();
        if self.is_short(text) || strings > MOST_STRINGS {
            return None;
        }
        if matches!(text.first(), Some(b'{' | b'[' | b'"')) {
            let (target, Place { mut path, inner, form, .. }) = self.place(text, strings + 1)?;
            if form == Form::Text {
                path.push(WITHIN.to_vec());
                path.extend(inner);
            }
            return Some((target, path));
        }
        let targets = || formats().iter().map(|format| self.target(format, false));
        let mut lines = text.split(|byte| *byte == b'\n').take(ROWS);
        let target = lines.find_map(|line| targets().find(|target| target.is_line(line)))?;
        Some((target, Vec::new()))
    }

    /// The place of the records in documents. If records are in several places, [`Places::best`] chooses one.
    fn place(&self, text: &[u8], strings: u8) -> Option<(Target, Place)> {
        let (mut walk, mut found) = (Walk::default(), Places::default());
        let (mut limit, mut names) = (text.len(), None);
        while walk.at < limit {
            let before = walk.at;
            match walk.next(text, true, before) {
                Token::Object => {
                    let object = here_on(&mut walk, text);
                    if strings == 0 && is_row(object) {
                        self.row(text, object, &walk, &mut names, &mut found);
                        walk.pass(before.max(walk.at) + value(object).len());
                        continue;
                    }
                    let is_object = |target| Some((target, here(&walk, Form::Object, Vec::new())));
                    if let Some((target, place)) = self.of_object(object).and_then(is_object) {
                        // Such a file is the log itself.
                        if found.is_empty() && is_log(&target, &place) {
                            return Some((target, place));
                        }
                        found.add(target, place);
                        walk.pass(before.max(walk.at) + value(object).len());
                    } else {
                        if let Some((target, place)) = self.by_names(object).and_then(is_object) {
                            found.add(target, place);
                        }
                        walk.enter();
                    }
                }
                Token::List => {
                    let pairs = if strings == 0 { pairs(here_on(&mut walk, text)) } else { Vec::new() };
                    if let Some(target) = self.of_names(&pairs.iter().map(|(name, _)| *name)) {
                        found.add(target, here(&walk, Form::Pairs, Vec::new()));
                    }
                    walk.enter_list();
                }
                Token::String => {
                    let start = walk.at + 1;
                    let (end, next) = match string_end(text, start) {
                        End::At(end) => (end, end + 1),
                        End::Broken(end) | End::Not(end) => (end, end),
                    };
                    let string = &text[start..end];
                    if !self.is_short(string)
                        && let Some((target, inner)) = self.of_text(&Layer::Json.unwrap(string), strings)
                    {
                        found.add(target, here(&walk, Form::Text, inner));
                    }
                    walk.pass_string(string, next);
                }
                Token::Pause if walk.at > before && walk.at < text.len() => {}
                Token::Other | Token::Pause => break,
            }
            if limit == text.len() && !found.is_empty() {
                limit = limit.min(walk.at + LOOK);
            }
        }
        found.best()
    }

    fn json(&self, text: &[u8]) -> Option<Told> {
        let (target, place) = self.place(text, 0)?;
        if is_log(&target, &place) {
            return None;
        }
        let is_named = target.is_named;
        Some((json_name(&place), target, Kind::Json(Box::new(Documents::new(place, is_named)))))
    }

    /// Documents below lines with a time, as `aws logs tail --format json` prints them.
    fn under_headings(&self, text: &[u8]) -> Option<Told> {
        let (target, place) = is_heading(first_line(text)).then(|| self.place(text, 0)).flatten()?;
        let is_named = target.is_named;
        Some(("CloudWatch Logs export", target, Kind::Json(Box::new(Documents::new(place, is_named)))))
    }

    /// Lines that have other text before the record.
    fn lines(&self, text: &[u8]) -> Option<Told> {
        let lines = || text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let begins = |text: &[u8]| formats().iter().any(|format| self.target(format, false).begins(text));
        let first = lines().next()?;
        // A line that is a record itself may begin with the record's own time.
        if !Lead::ALL.iter().any(|(lead, _)| lead.end(first, |_| true).is_some()) || begins(first) {
            return None;
        }
        let record = |line: &[u8], lead: Lead| self.of_text(&line[lead.end(line, begins)?..], 0);
        let with_lead = |line: &[u8]| {
            Lead::ALL.iter().find_map(|(lead, name)| Some((*name, record(line, *lead)?.0, Kind::Lines(*lead))))
        };
        lines().find_map(with_lead)
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
            let field = |field: &Field| Layer::Csv.unwrap(&text[field.start..field.end]).trim_ascii().to_vec();
            row.fields.iter().map(field).collect()
        };
        let names = unwrapped(&header);
        let table = |field, inner| {
            let names = names.clone();
            let columns = Columns { layer: Layer::Csv, names, field, inner };
            Kind::Csv(Table { separator, has_header: true, columns })
        };
        let named = self.of_names(&names.iter().map(Vec::as_slice));
        if named.is_none()
            && names.len() > 1
            && let Some(told) = self.flows_without_names(line, separator)
        {
            return Some(told);
        }
        let (mut at, mut limit, mut found) = (header.next, text.len(), Places::default());
        while at < limit {
            let Some(row) = Row::read(text, at, separator, true) else { break };
            for (name, field) in names.iter().zip(unwrapped(&row)) {
                if let Some((target, inner)) = self.of_text(&field, 0) {
                    found.add(target, Place::of_column(name, inner));
                }
            }
            if let Some(named) = &named {
                found.add(named.clone(), Place::of_row());
            } else if limit == text.len() && !found.is_empty() {
                limit = limit.min(row.next + LOOK);
            }
            at = row.next;
        }
        match found.best() {
            Some((target, Place { path, inner, form: Form::Text, .. })) => {
                let field = names.iter().position(|name| path.first() == Some(name));
                Some(("CSV of messages", target, table(field, inner)))
            }
            _ => named.map(|target| ("CSV", target, table(None, Vec::new()))),
        }
    }

    /// Rows of CSV that nothing names, if the first one has a record in a field.
    fn nameless(&self, text: &[u8]) -> Option<Told> {
        let begins = |line: &[u8]| formats().iter().any(|format| self.target(format, false).begins(line));
        let line = first_line(text);
        let separators = b",;\t".iter().filter(|separator| line.contains(separator));
        let mut separators: Vec<u8> = separators.copied().collect();
        if separators.is_empty() && line.starts_with(b"\"") {
            separators.push(b',');
        }
        if separators.is_empty() || begins(line) {
            return None;
        }
        let row = |separator: &u8| Row::read(text, 0, *separator, true).map(|row| (*separator, row));
        let (separator, row, place, target, inner) =
            separators.iter().filter_map(row).find_map(|(separator, row)| {
                let (place, target, inner) = self.record_of(text, &row, separator)?;
                let Field { start, end, is_quoted } = row.fields[place];
                // What writes CSV puts quotes around a text with quotes.
                let is_field = is_quoted || !text[start..end].contains(&b'"') && self.lines(text).is_none();
                is_field.then_some((separator, row, place, target, inner))
            })?;
        // A log that is not one of ours, or whose first line is broken, has callers' text in some fields.
        if text.split(|byte| *byte == b'\n').any(begins) || !self.is_column(text, separator, place) {
            return None;
        }
        let names = (0..row.fields.len()).map(nameless).collect();
        let columns = Columns { layer: Layer::Csv, names, field: Some(place), inner };
        Some(("CSV of messages", target, Kind::Csv(Table { separator, has_header: false, columns })))
    }

    /// Whether most of the first rows have a record in the field at `place`.
    fn is_column(&self, text: &[u8], separator: u8, place: usize) -> bool {
        let next = |at: usize| Row::read(text, at, separator, true).filter(|row| row.next > at);
        let rows = std::iter::successors(next(0), |row| next(row.next));
        let has_record = |row: &Row| {
            let field = row.fields.get(place)?;
            self.of_text(&Layer::Csv.unwrap(&text[field.start..field.end]), 0)
        };
        let (mut all, mut found) = (0, 0);
        for row in rows.filter(|row| row.end > row.fields[0].start).take(ROWS) {
            all += 1;
            found += usize::from(has_record(&row).is_some());
        }
        found * 2 > all
    }

    /// The field of a row that is a record, if the quotes are those of CSV. A JSON string is no such field, nor is a
    /// field with a name.
    fn record_of(&self, text: &[u8], row: &Row, separator: u8) -> Option<(usize, Target, Vec<Vec<u8>>)> {
        let is_quoted = |field: &Field| {
            let next = text.get(field.end + 1);
            next.is_none_or(|next| *next == separator || b"\r\n".contains(next))
        };
        let quoted = || row.fields.iter().filter(|field| field.is_quoted);
        let is_csv = row.fields.len() > 1 || quoted().any(|field| text[field.start..field.end].contains(&b'"'));
        if !is_csv || !quoted().all(is_quoted) {
            return None;
        }
        let record = |(place, field): (usize, &Field)| {
            let (target, inner) = self.of_text(&Layer::Csv.unwrap(&text[field.start..field.end]), 0)?;
            Some((place, target, inner))
        };
        row.fields.iter().enumerate().find_map(record)
    }

    /// Flows in AWS's default order, with a separator between the fields.
    fn flows_without_names(&self, line: &[u8], separator: u8) -> Option<Told> {
        let spaced: Vec<u8> = line.iter().map(|byte| if *byte == separator { b' ' } else { *byte }).collect();
        let is_flow = spaced.starts_with(b"2 ") && (vpc_flow::FORMAT.inside.is_record)(spaced.trim_ascii_end());
        let names = vpc_flow::DEFAULT_FIELDS.split(' ').map(|name| name.as_bytes().to_vec()).collect();
        let columns = Columns { layer: Layer::Csv, names, field: None, inner: Vec::new() };
        let table = Table { separator, has_header: false, columns };
        is_flow.then(|| ("CSV", self.target(&vpc_flow::FORMAT, true), Kind::Csv(table)))
    }
}

/// The current place of a walk.
fn here(walk: &Walk, form: Form, inner: Vec<Vec<u8>>) -> Place {
    let field = walk.field_here().map(<[u8]>::to_vec);
    Place { path: walk.path.clone(), form, in_list: walk.in_list(), field, inner, names: Vec::new() }
}

/// The names of the columns of rows: the names that the document lists, or else the first row, if all of it can be
/// names, or else Athena's names for unnamed columns.
fn names_of(text: &[u8], first: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let is_name = |cell: &Vec<u8>| {
        cell.first().is_some_and(|byte| b"@_".contains(byte) || byte.is_ascii_alphabetic())
            && cell.iter().all(|byte| b"@_.-".contains(byte) || byte.is_ascii_alphanumeric())
    };
    if let Some(names) = column_names(text).filter(|names| names.len() == first.len()) {
        return names;
    }
    if first.iter().all(is_name) {
        return first.to_vec();
    }
    (0..first.len()).map(nameless).collect()
}

/// Athena's name for a column without one.
fn nameless(place: usize) -> Vec<u8> {
    format!("_col{place}").into_bytes()
}

/// Whether documents with records at this place are the log itself.
fn is_log(target: &Target, place: &Place) -> bool {
    let is_log = target.format.framing.is_json() && !target.is_named && place.form == Form::Object;
    is_log && (place.path.is_empty() || place.path == [b"Records"])
}

/// The places where records were found, and how many at each.
#[derive(Default)]
struct Places(Vec<(Target, Place, usize)>);

/// The most places that are distinguished.
const MOST_PLACES: usize = 64;

impl Places {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, target: Target, place: Place) {
        let same = |(other, at, _): &(Target, Place, usize)| {
            other.format.table.name == target.format.table.name && other.is_named == target.is_named && *at == place
        };
        match self.0.iter().position(same) {
            Some(at) => self.0[at].2 += 1,
            None if self.0.len() < MOST_PLACES => self.0.push((target, place, 1)),
            None => {}
        }
    }

    /// The place that is known to hold records; else the place with the most records, unless it is named like a
    /// record's field, since callers choose the content of fields. No place that callers fill counts, such as a header.
    /// Whole records go before named values, unless there are more of the latter.
    fn best(self) -> Option<(Target, Place)> {
        let best = |is_named: bool| {
            let of_kind = self.0.iter().filter(|(target, place, _)| {
                let is_forged = is_of_caller(&place.path) || is_of_caller(&place.inner);
                target.is_named == is_named && !is_forged
            });
            // Of several equal ones, the first.
            of_kind.rev().max_by_key(|(_, place, count)| (std::cmp::Reverse(rank(place)), *count))
        };
        let best = match (best(false), best(true)) {
            (Some(whole), Some(named)) if rank(&whole.1) == 1 && whole.2 < named.2 || rank(&whole.1) == 2 => named,
            (Some(best), _) | (None, Some(best)) => best,
            (None, None) => return None,
        };
        Some((best.0.clone(), best.1.clone()))
    }
}

/// 0 for a place that is known to hold records, 2 for one that is named like a field of a record, 1 for others.
fn rank(place: &Place) -> usize {
    let is_column = |name: &[u8]| {
        let name = plain(name);
        let is_same = |column: &Column| plain(column.name.as_bytes()) == name;
        formats().iter().any(|format| format.table.columns.iter().any(is_same))
    };
    let Place { path, inner, field, .. } = place;
    if is_chosen(path) || is_chosen(inner) {
        2
    } else if is_known(path, field.as_deref()) && is_known(inner, None) {
        0
    } else {
        1 + usize::from(path.last().into_iter().chain(inner.last()).any(|name| is_column(name)))
    }
}

/// The most blanks in the name of a column.
const MOST_BLANKS: usize = 4;

/// The separator of the names in the first line of a table, if the line is one. Lines of logs are recognised fast.
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
    // A table of one column has no separator.
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
        ("QueryResultRows", "CloudTrail Lake results"),
        ("ResultSet", "Athena results"),
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
    let kind = kind.or(match place.form {
        Form::Cells => Some("Athena results"),
        Form::Pairs => Some("CloudWatch Logs Insights"),
        Form::Text | Form::Object => None,
    });
    kind.unwrap_or(if place.path.is_empty() { "JSON" } else { "JSON with records" })
}
