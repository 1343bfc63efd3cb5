//! JSON documents that hold records: one after the other, of any shape, read as a stream.

use super::base64::holds_base64;
use super::cells::{self, Pair, is_row};
use super::line_end;
use super::named::only_values;
use super::opener::Step;
use super::place::{Form, Place, Standing, containers, is_chosen, leads_on};
use super::rows::{Columns, named_step};
use super::target::Target;
use super::walk::{Brackets, End, Token, Walk, string_end};
use crate::identify::object_kind;
use crate::json_log::Open;
use crate::members::members;
use crate::named_values::NamedValues;
use crate::origin::{MAX_GAP, MAX_LINE};
use crate::reject::RejectReason;
use crate::wrapping::Layer;

/// The most members of a document that are examined to find out what it is.
const MOST_MEMBERS: usize = 60;

/// Finds what may be a record in a stream of documents.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    walk: Walk,
    pub(super) place: Place,
    /// The columns of rows, if the records are in their cells.
    columns: Option<Columns>,
    under_way: Option<Value>,
}

/// A value whose end was not found yet.
#[derive(Clone, Copy, Debug)]
enum Value {
    /// A string that is not expected to be a record, and where it begins, if its beginning was not taken yet.
    Passed(Option<usize>),
    /// A string that may be a record, where it begins, and what it is by its place.
    String(usize, Standing),
    /// An object, where it begins, and what is wrong with it, if that is known.
    Object(usize, Open, Option<RejectReason<'static>>),
    /// The same for a list of named values.
    List(usize, Brackets, Option<RejectReason<'static>>),
}

/// What becomes of an object, or of a list.
enum Enters {
    /// It is searched for records.
    Yes,
    /// It is a record, or it can't be one for this reason.
    No(Option<RejectReason<'static>>),
    /// More bytes are needed to decide.
    Need,
}

impl Documents {
    /// Finds records in a place. In tables, the rows themselves are records if `is_named` is true.
    pub(super) fn new(mut place: Place, is_named: bool) -> Self {
        let columns = (place.form == Form::Cells).then(|| {
            let column = if is_named { None } else { place.path.pop() };
            let field = column.and_then(|column| place.names.iter().position(|name| *name == column));
            Columns { layer: Layer::Json, names: place.names.clone(), field, inner: place.inner.clone() }
        });
        Self { walk: Walk::default(), place, columns, under_way: None }
    }

    /// Whether the current document has not ended yet.
    pub(super) fn is_open(&self) -> bool {
        self.walk.is_open() || self.under_way.is_some()
    }

    /// Adjusts all places after `taken` bytes were removed from the front.
    pub(super) fn take(&mut self, taken: usize) {
        self.walk.take(taken);
        match &mut self.under_way {
            Some(Value::String(start, _) | Value::List(start, ..)) => *start = start.saturating_sub(taken),
            Some(Value::Object(start, open, _)) => {
                *start = start.saturating_sub(taken);
                open.take(taken);
            }
            Some(Value::Passed(start)) => *start = start.and_then(|start| start.checked_sub(taken)),
            None => {}
        }
    }

    /// The next step. The bytes that were not taken yet begin at `gap`.
    pub(super) fn step(&mut self, bytes: &[u8], at_end: bool, gap: usize, target: &Target) -> Step {
        loop {
            if let Some(value) = self.under_way {
                if let Some(step) = self.go_on(value, bytes, at_end, gap, target) {
                    return step;
                }
                continue;
            }
            match self.walk.next(bytes, at_end, gap) {
                Token::Object => match self.object(bytes, at_end, target) {
                    Enters::Yes => self.walk.enter(),
                    Enters::No(problem) => {
                        self.under_way = Some(Value::Object(self.walk.at, Open::at(self.walk.at), problem));
                    }
                    Enters::Need => return Step::Need,
                },
                Token::List => match self.list(bytes, at_end) {
                    Enters::Yes => self.walk.enter_list(),
                    Enters::No(problem) => {
                        self.under_way = Some(Value::List(self.walk.at, Brackets::default(), problem));
                    }
                    Enters::Need => return Step::Need,
                },
                Token::String => {
                    let start = self.walk.at + 1;
                    let value = match self.standing(false) {
                        Standing::Elsewhere => Value::Passed(Some(start)),
                        standing => Value::String(start, standing),
                    };
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

    /// Begins a string. The value of a member "field" is kept if all of it is there.
    fn begin_string(&mut self, value: Value, bytes: &[u8], start: usize) {
        if self.walk.name_here() == b"field"
            && let End::At(end) = string_end(bytes, start)
        {
            return self.walk.pass_string(&bytes[start..end], end + 1);
        }
        self.walk.at = start;
        self.under_way = Some(value);
    }

    /// What the value that begins here is by its place.
    fn standing(&self, is_object: bool) -> Standing {
        self.place.standing(&self.walk.path, is_object, self.walk.in_list(), self.walk.field_here())
    }

    /// Whether the object that begins here is searched for records, or is one.
    fn object(&mut self, bytes: &[u8], at_end: bool, target: &Target) -> Enters {
        let standing = self.standing(true);
        if standing == Standing::Here && self.columns.is_none() {
            return Enters::No(None);
        }
        let is_log = target.format.framing.is_json() && !target.is_named;
        let may_be = is_log || target.is_named && self.place.form == Form::Object;
        // An object in a place where records of other logs can be is at least reported.
        let is_around = self.is_around();
        if !may_be && standing == Standing::Elsewhere && !is_around {
            return Enters::Yes;
        }
        if bytes.len() < self.walk.at + MAX_GAP && !at_end {
            return Enters::Need;
        }
        let end = self.walk.extent(bytes, MAX_GAP);
        let object = &bytes[self.walk.at..end];
        if standing == Standing::Here && is_row(object) {
            return Enters::No(None);
        }
        if !may_be || !target.is_object(object) {
            let other = match standing {
                Standing::Elsewhere if is_around => self.other_values(object),
                Standing::Elsewhere => None,
                _ => target.other_object(object).or_else(|| self.other_values(object)),
            };
            return other.map_or(Enters::Yes, |other| Enters::No(Some(other)));
        }
        match standing {
            Standing::Elsewhere if is_log && !target.is_beyond_doubt(object) => Enters::Yes,
            // If records are objects, no other records are among their fields.
            Standing::Elsewhere if self.place.form != Form::Object || is_chosen(&self.walk.path) => {
                Enters::No(Some(RejectReason::Elsewhere))
            }
            _ => Enters::No(None),
        }
    }

    /// Why an object is rejected that is in a place for records, or a document, and leads to no record.
    fn other_values(&self, object: &[u8]) -> Option<RejectReason<'static>> {
        let members: Vec<Pair<'_>> = members(object).take(MOST_MEMBERS).collect();
        if containers(&self.walk.path) == self.walk.path.len() {
            if is_row(object) {
                return Some(RejectReason::Is("row of an Athena result"));
            }
            if holds_base64(&members) || members.iter().any(|(name, _)| matches!(*name, b"awslogs" | b"kinesis")) {
                return Some(RejectReason::Is(object_kind(object).map_or("data in base64", |kind| kind.name)));
            }
        }
        if self.leads_on(&members) { None } else { only_values(&members) }
    }

    /// Whether the list that begins here is searched for records, or is one.
    fn list(&mut self, bytes: &[u8], at_end: bool) -> Enters {
        let is_here = self.place.form == Form::Pairs && self.place.path == self.walk.path;
        if !is_here && containers(&self.walk.path) < self.walk.path.len() {
            return Enters::Yes;
        }
        if bytes.len() < self.walk.at + MAX_GAP && !at_end {
            return Enters::Need;
        }
        let end = self.walk.extent(bytes, MAX_GAP);
        let pairs = cells::pairs(&bytes[self.walk.at..end]);
        if pairs.is_empty() {
            return Enters::Yes;
        }
        if is_here {
            return Enters::No(None);
        }
        let other = if self.leads_on(&pairs) { None } else { only_values(&pairs) };
        other.map_or(Enters::Yes, |other| Enters::No(Some(other)))
    }

    /// Whether the file's records are below the current path.
    fn is_around(&self) -> bool {
        self.place.path.starts_with(&self.walk.path) && !is_chosen(&self.walk.path)
    }

    /// Whether one of these members may lead to records.
    fn leads_on(&self, members: &[Pair<'_>]) -> bool {
        let path = &self.place.path;
        let depth = if self.is_around() { self.walk.path.len() } else { containers(path) };
        let below = path.get(depth).map_or(b"".as_slice(), Vec::as_slice);
        let holds = |text: &[u8]| match text {
            [b'"', next, ..] => *next != b'"',
            text => matches!(text.first(), Some(b'{' | b'[')),
        };
        members.iter().any(|(name, text)| holds(text) && (*name == below || leads_on(name)))
    }

    /// The number of the document that contains the value that begins here.
    fn document(&self) -> u64 {
        self.walk.object(containers(&self.walk.path))
    }

    /// The step for text between documents. If the log comes in lines, it may be a record.
    fn other(bytes: &[u8], start: usize, end: usize, target: &Target) -> Step {
        if target.format.framing.is_json() || target.is_named {
            return Step::Problem(start, end, RejectReason::NoRecord);
        }
        let end = end - usize::from(end > start + 1 && bytes[end - 1] == b'\r');
        Step::Text { start, end, layer: None, standing: Standing::Here, document: None }
    }

    /// Looks for the end of the current value; `None` if the value was passed.
    fn go_on(&mut self, value: Value, bytes: &[u8], at_end: bool, gap: usize, target: &Target) -> Option<Step> {
        match value {
            Value::Object(start, mut open, problem) => {
                let found = open.find_end(bytes, &mut self.walk.at).map(|(end, ends)| (end, ends.problem()));
                self.under_way = Some(Value::Object(start, open, problem));
                self.structure(start, found, problem, bytes, at_end, target)
            }
            Value::List(start, mut brackets, problem) => {
                let found = brackets.find_end(bytes, &mut self.walk.at);
                let found = found.map(|(end, is_whole)| (end, (!is_whole).then_some(RejectReason::LineInString)));
                self.under_way = Some(Value::List(start, brackets, problem));
                self.structure(start, found, problem, bytes, at_end, target)
            }
            Value::String(start, standing) => match string_end(bytes, self.walk.at) {
                End::At(end) | End::Broken(end) if end - start > MAX_LINE => {
                    Some(Step::Long(start, safe_cut(bytes, start, start + MAX_LINE)))
                }
                End::At(end) => {
                    self.under_way = None;
                    self.walk.pass(end + 1);
                    Some(self.text(start, end, standing))
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
            Value::Passed(start) => {
                match string_end(bytes, self.walk.at) {
                    End::At(end) => {
                        self.walk.pass(end + 1);
                        self.under_way = None;
                        // Longer strings don't fit between records, and become rejects in any case.
                        let start = start.filter(|start| end - start <= MAX_GAP)?;
                        return Some(self.text(start, end, Standing::Elsewhere));
                    }
                    End::Broken(end) => {
                        self.walk.pass(end);
                        self.begin_anew(bytes, end);
                    }
                    End::Not(at) => {
                        self.walk.at = at;
                        let may_fit = !at_end && start.is_some_and(|start| at - start <= MAX_GAP);
                        return Some(if at - gap > MAX_GAP && !may_fit { Step::Gap } else { Step::Need });
                    }
                }
                self.under_way = None;
                None
            }
        }
    }

    /// The step for an object or a list that begins at `start`. `found` is where it ends and what is wrong with its
    /// end, once that is known. `problem` says why it is not a record.
    fn structure(
        &mut self,
        start: usize,
        found: Option<(usize, Option<RejectReason<'static>>)>,
        problem: Option<RejectReason<'static>>,
        bytes: &[u8],
        at_end: bool,
        target: &Target,
    ) -> Option<Step> {
        match found {
            Some((end, _)) if end - start > MAX_LINE => Some(Step::Long(start, start + MAX_LINE)),
            None if bytes.len() - start > MAX_LINE => Some(Step::Long(start, self.walk.at.min(start + MAX_LINE))),
            None if at_end => Some(self.cut_off(start, bytes.len())),
            None => Some(Step::Need),
            Some((end, Some(broken))) => {
                self.under_way = None;
                self.walk.pass(end);
                self.begin_anew(bytes, end);
                Some(Step::Problem(start, end, broken))
            }
            Some((end, None)) => {
                self.under_way = None;
                self.walk.pass(end);
                match problem {
                    Some(problem) => Some(Step::Problem(start, end, problem)),
                    None => self.record(start, end, bytes, target),
                }
            }
        }
    }

    /// The step for a record; `None` for a row that names the columns.
    fn record(&mut self, start: usize, end: usize, bytes: &[u8], target: &Target) -> Option<Step> {
        if self.place.form == Form::Pairs {
            let pairs = cells::pairs(&bytes[start..end]).into_iter();
            return Some(named_step(start, end, &NamedValues::of_members(pairs, &target.format.inside), target));
        }
        let Some(columns) = &mut self.columns else { return Some(Step::Object(start, end)) };
        let object = &bytes[start..end];
        let Some(row) = cells::cells(object) else { return Some(Step::Problem(start, end, RejectReason::NoRecord)) };
        if columns.are_named_by(object, &row) || columns.is_header(object, &row) {
            return None;
        }
        Some(columns.step(object, 0, &row, target).moved(start))
    }

    /// The step for a string.
    fn text(&self, start: usize, end: usize, standing: Standing) -> Step {
        Step::Text { start, end, layer: Some(Layer::Json), standing, document: Some(self.document()) }
    }

    /// The step for a value that is cut off by the end of the bytes. What is open around it is not reported as well.
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

    /// Where the next part ends of a value that is too long and was begun, and whether it is the last part.
    pub(super) fn long_part(&mut self, bytes: &[u8], at_end: bool) -> Option<(usize, bool)> {
        let found = match &mut self.under_way {
            Some(Value::Object(_, open, _)) => open.find_end(bytes, &mut self.walk.at).map(|(end, _)| (end, end)),
            Some(Value::List(_, brackets, _)) => brackets.find_end(bytes, &mut self.walk.at).map(|(end, _)| (end, end)),
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
            Some(_) if matches!(self.under_way, Some(Value::Object(..) | Value::List(..))) => Some((MAX_LINE, false)),
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

/// A place near `cut` where a string can be cut, never between a backslash and what it escapes.
fn safe_cut(bytes: &[u8], start: usize, cut: usize) -> usize {
    let backslashes = bytes[start..cut].iter().rev().take_while(|byte| **byte == b'\\').count();
    cut - backslashes % 2
}
