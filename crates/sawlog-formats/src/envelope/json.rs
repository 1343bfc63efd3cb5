//! JSON documents that hold records: one after the other, of any shape, read as a stream.

use super::line_end;
use super::opener::Step;
use super::target::Target;
use super::walk::{End, Token, Walk, string_end};
use crate::json_log::Open;
use crate::origin::{MAX_GAP, MAX_LINE};
use crate::reject::RejectReason;
use crate::wrapping::Layer;

/// Where records are in documents: below which names, and in what.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The names of the members that lead to them.
    pub(super) path: Vec<Vec<u8>>,
    /// Whether they are objects; else strings.
    pub(super) is_object: bool,
    /// What the member "field" beside them says, if they are in "value".
    pub(super) field: Option<Vec<u8>>,
}

/// Finds what may be a record in a stream of documents.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    walk: Walk,
    place: Place,
    under_way: Option<Value>,
}

/// A value of which the end was not found yet.
#[derive(Clone, Copy, Debug)]
enum Value {
    /// A string that is no record.
    Passed,
    /// A string that begins here, and whether it is in the place where records are.
    String(usize, bool),
    Object(usize, Open),
}

impl Documents {
    pub(super) fn new(place: Place) -> Self {
        Self { walk: Walk::default(), place, under_way: None }
    }

    /// Whether a document has not come to its end.
    pub(super) fn is_open(&self) -> bool {
        self.walk.is_open() || self.under_way.is_some()
    }

    /// Moves all places to where they are once `taken` bytes are gone.
    pub(super) fn take(&mut self, taken: usize) {
        self.walk.at = self.walk.at.saturating_sub(taken);
        match &mut self.under_way {
            Some(Value::String(start, _)) => *start = start.saturating_sub(taken),
            Some(Value::Object(start, open)) => {
                *start = start.saturating_sub(taken);
                open.take(taken);
            }
            Some(Value::Passed) | None => {}
        }
    }

    /// The next step; what was not taken yet begins at `gap`.
    pub(super) fn step(&mut self, bytes: &[u8], at_end: bool, gap: usize, target: &Target) -> Step {
        loop {
            if let Some(value) = self.under_way {
                if let Some(step) = self.go_on(value, bytes, at_end, gap) {
                    return step;
                }
                continue;
            }
            match self.walk.next(bytes, at_end, gap) {
                Token::Object => {
                    let is_here = self.place.is_object && self.walk.path == self.place.path;
                    let may_be = !is_here && self.may_be_record(target);
                    let near = self.walk.at + MAX_GAP;
                    if may_be && bytes.len() < near && !at_end {
                        return Step::Need;
                    }
                    if is_here || may_be && target.is_object(&bytes[self.walk.at..bytes.len().min(near)]) {
                        self.under_way = Some(Value::Object(self.walk.at, Open::at(self.walk.at)));
                    } else {
                        self.walk.enter();
                    }
                }
                Token::String => {
                    let is_wanted = !self.place.is_object && self.is_name();
                    let start = self.walk.at + 1;
                    let value = if is_wanted { Value::String(start, self.is_place()) } else { Value::Passed };
                    self.begin_string(value, bytes, start);
                }
                Token::Other => {
                    let start = self.walk.at;
                    match line_end(bytes, start, at_end) {
                        Some(end) => {
                            // A document may begin in the line.
                            let document = memchr::memmem::find(&bytes[start..end], b"{\"");
                            let end = document.map_or(end, |run| start + run);
                            self.walk.pass(end);
                            return Self::other(bytes, start, end, target);
                        }
                        None => return Step::Need,
                    }
                }
                Token::Pause if self.walk.at - gap > MAX_GAP => return Step::Gap,
                Token::Pause => return Step::Need,
            }
        }
    }

    /// Begins a string. What "field" says is kept, if it is there as a whole.
    fn begin_string(&mut self, value: Value, bytes: &[u8], start: usize) {
        if self.walk.name_here() == b"field"
            && let End::At(end) = string_end(bytes, start)
        {
            return self.walk.pass_string(&bytes[start..end], end + 1);
        }
        self.walk.at = start;
        self.under_way = Some(value);
    }

    /// Whether the object that begins here may be a record, although it is not in the place where records are: if it has the same
    /// name, or is a document by itself.
    fn may_be_record(&self, target: &Target) -> bool {
        let is_log = target.format.framing.is_json() && !target.is_named;
        let is_document = self.walk.path.is_empty() || self.walk.name_here() == b"Records";
        is_log && is_document || self.place.is_object && self.is_name()
    }

    /// The step that text between documents is: of a log that comes in lines it may be one.
    fn other(bytes: &[u8], start: usize, end: usize, target: &Target) -> Step {
        if target.format.framing.is_json() || target.is_named {
            return Step::Problem(start, end, RejectReason::NoRecord);
        }
        let end = end - usize::from(end > start + 1 && bytes[end - 1] == b'\r');
        Step::Text { start, end, layer: None, is_sure: true }
    }

    /// Whether the member under way has the name of the one where records are.
    fn is_name(&self) -> bool {
        self.place.path.last().map_or(b"".as_slice(), Vec::as_slice) == self.walk.name_here()
    }

    /// Whether this is the place where records are.
    fn is_place(&self) -> bool {
        let is_field = self.place.path.last().is_none_or(|name| name != b"value")
            || self.place.field.is_some() && self.place.field.as_deref() == self.walk.field_here();
        self.walk.path == self.place.path && is_field
    }

    /// Looks for the end of the value under way; `None` if it was passed.
    fn go_on(&mut self, value: Value, bytes: &[u8], at_end: bool, gap: usize) -> Option<Step> {
        match value {
            Value::Object(start, mut open) => {
                let found = open.find_end(bytes, &mut self.walk.at);
                self.under_way = Some(Value::Object(start, open));
                match found {
                    Some((end, _)) if end - start > MAX_LINE => Some(Step::Long(start, start + MAX_LINE)),
                    None if bytes.len() - start > MAX_LINE => {
                        Some(Step::Long(start, self.walk.at.min(start + MAX_LINE)))
                    }
                    None if at_end => Some(self.cut_off(start, bytes.len())),
                    None => Some(Step::Need),
                    Some((end, is_broken)) => {
                        self.under_way = None;
                        self.walk.pass(end);
                        if !is_broken {
                            return Some(Step::Object(start, end));
                        }
                        self.begin_anew(bytes, end);
                        Some(Step::Problem(start, end, RejectReason::LineInString))
                    }
                }
            }
            Value::String(start, is_sure) => match string_end(bytes, self.walk.at) {
                End::At(end) | End::Broken(end) if end - start > MAX_LINE => {
                    Some(Step::Long(start, safe_cut(bytes, start, start + MAX_LINE)))
                }
                End::At(end) => {
                    self.under_way = None;
                    self.walk.pass(end + 1);
                    Some(Step::Text { start, end, layer: Some(Layer::Json), is_sure })
                }
                End::Broken(end) => {
                    self.under_way = None;
                    self.walk.pass(end);
                    self.begin_anew(bytes, end);
                    Some(Step::Problem(start, end, RejectReason::LineWithin))
                }
                End::Not(at) => {
                    self.walk.at = at;
                    if bytes.len() - start > MAX_LINE {
                        return Some(Step::Long(start, at.min(start + MAX_LINE)));
                    }
                    Some(if at_end { self.cut_off(start, bytes.len()) } else { Step::Need })
                }
            },
            Value::Passed => {
                let end = string_end(bytes, self.walk.at);
                match end {
                    End::At(end) => self.walk.pass(end + 1),
                    End::Broken(end) => {
                        self.walk.pass(end);
                        self.begin_anew(bytes, end);
                    }
                    End::Not(at) => {
                        self.walk.at = at;
                        return Some(if at - gap > MAX_GAP { Step::Gap } else { Step::Need });
                    }
                }
                self.under_way = None;
                None
            }
        }
    }

    /// The bytes end within a value: that says it, and what is open around it need not be missed as well.
    fn cut_off(&mut self, start: usize, end: usize) -> Step {
        self.under_way = None;
        self.walk.pass(end);
        self.walk.forget();
        Step::Problem(start, end, RejectReason::EndsWithin)
    }

    /// After a broken value: if an object begins the next line, it is a document of its own.
    fn begin_anew(&mut self, bytes: &[u8], end: usize) {
        if bytes.get(end..).is_some_and(|rest| rest.starts_with(b"\n{") || rest.starts_with(b"\r\n{")) {
            self.walk.forget();
        }
    }

    /// The end of a value that is too long, whose beginning was taken already, and whether that is its last byte.
    pub(super) fn long_part(&mut self, bytes: &[u8], at_end: bool) -> Option<(usize, bool)> {
        let found = match &mut self.under_way {
            Some(Value::Object(_, open)) => open.find_end(bytes, &mut self.walk.at).map(|(end, _)| (end, end)),
            _ => match string_end(bytes, self.walk.at) {
                End::At(end) => Some((end, end + 1)),
                End::Broken(end) => Some((end, end)),
                End::Not(at) => {
                    self.walk.at = at;
                    None
                }
            },
        };
        match found {
            Some((end, next)) if end <= MAX_LINE => {
                self.under_way = None;
                self.walk.pass(next);
                Some((end, true))
            }
            Some(_) if matches!(self.under_way, Some(Value::Object(..))) => Some((MAX_LINE, false)),
            Some(_) => Some((safe_cut(bytes, 0, MAX_LINE), false)),
            None if bytes.len() > MAX_LINE => Some((self.walk.at.min(MAX_LINE), false)),
            None if at_end => {
                self.under_way = None;
                self.walk.pass(bytes.len());
                self.walk.forget();
                Some((bytes.len(), true))
            }
            None => None,
        }
    }
}

/// A place to cut a string at, near `cut`: what a backslash escapes stays with it.
fn safe_cut(bytes: &[u8], start: usize, cut: usize) -> usize {
    let backslashes = bytes[start..cut].iter().rev().take_while(|byte| **byte == b'\\').count();
    cut - backslashes % 2
}
