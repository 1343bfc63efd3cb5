//! Cuts content into blocks of whole records, however the bytes come.

use memchr::{memchr, memrchr};

use crate::decoder::{Block, Framing};
use crate::json_log::Scanner;
use crate::origin::MAX_LINE;

/// Blocks are about this large: small enough to stay in the processor's cache from one step to the next.
const BLOCK: usize = 256 << 10;

/// Cuts the content of one source.
#[derive(Clone, Debug)]
pub(crate) enum Cutter {
    /// Into lines.
    Lines {
        /// Whether the beginning of the line under way was taken already, since the line is too long for one block.
        in_long_line: bool,
    },
    /// Into JSON objects.
    Json(Scanner),
}

impl Cutter {
    /// A cutter of content that is made up in this way.
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Json(_) => Self::Json(Scanner::default()),
            Framing::Lines => Self::Lines { in_long_line: false },
        }
    }

    /// The next block of `bytes` and how many bytes it takes; `None` if more bytes are needed. `at_end` says that there
    /// are no more. After the last block of JSON, brackets may be left.
    pub(crate) fn next<'a>(&'a mut self, bytes: &'a [u8], at_end: bool) -> Option<(Block<'a>, usize)> {
        match self {
            Self::Lines { in_long_line } => next_lines(in_long_line, bytes, at_end),
            Self::Json(scanner) => scanner.next(bytes, at_end),
        }
    }

    /// Whether the JSON so far has brackets that are not closed.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Json(scanner) if scanner.is_open())
    }
}

fn next_lines<'a>(in_long_line: &mut bool, bytes: &'a [u8], at_end: bool) -> Option<(Block<'a>, usize)> {
    if bytes.is_empty() {
        return None;
    }
    if *in_long_line {
        return part_of_line(in_long_line, bytes, at_end);
    }
    if at_end && bytes.len() <= BLOCK {
        return Some((Block::Lines(bytes), bytes.len()));
    }
    let window = bytes.len().min(BLOCK);
    let end = memrchr(b'\n', &bytes[..window])
        .or_else(|| memchr(b'\n', &bytes[window..bytes.len().min(MAX_LINE)]).map(|more| window + more));
    match end {
        Some(end) => Some((Block::Lines(&bytes[..=end]), end + 1)),
        None if bytes.len() > MAX_LINE => {
            *in_long_line = true;
            Some((Block::Long(&bytes[..MAX_LINE], false), MAX_LINE))
        }
        None => at_end.then_some((Block::Lines(bytes), bytes.len())),
    }
}

/// The next part of a line whose beginning was taken. Parts are as long as can be, however the bytes come.
fn part_of_line<'a>(in_long_line: &mut bool, bytes: &'a [u8], at_end: bool) -> Option<(Block<'a>, usize)> {
    let part = &bytes[..bytes.len().min(MAX_LINE)];
    if let Some(end) = memchr(b'\n', part) {
        *in_long_line = false;
        return Some((Block::Long(&part[..end], true), end + 1));
    }
    if part.len() < MAX_LINE && !at_end {
        return None;
    }
    let last = at_end && part.len() == bytes.len();
    *in_long_line = !last;
    Some((Block::Long(part, last), part.len()))
}
