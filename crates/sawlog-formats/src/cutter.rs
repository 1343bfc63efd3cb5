//! Cuts content into blocks of whole records, however the bytes arrive.

use memchr::{memchr, memrchr};

use crate::block::Block;
use crate::format::Framing;
use crate::json_log::Scanner;
use crate::origin::MAX_LINE;

/// Blocks are about this large: small enough to stay in the processor's cache from one step to the next.
const BLOCK: usize = 256 << 10;

/// Cuts the content of one source.
#[derive(Clone, Debug)]
pub enum Cutter {
    /// Into lines.
    Lines {
        /// Whether the beginning of the current line was taken already, because the line is too long for one block.
        in_long_line: bool,
    },
    /// Into JSON objects.
    Json(Scanner),
}

impl Cutter {
    /// A cutter of content with this framing.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Json(log) => Self::Json(Scanner::new(log)),
            Framing::Lines => Self::Lines { in_long_line: false },
        }
    }

    /// The next block of `bytes` and how many bytes it takes; `None` if more bytes are needed. `at_end` says that there
    /// are no more. After the last block of JSON, brackets may be left.
    pub fn next<'a>(&'a mut self, bytes: &'a [u8], at_end: bool) -> Option<(Block<'a>, usize)> {
        match self {
            Self::Lines { in_long_line } => next_lines(in_long_line, bytes, at_end),
            Self::Json(scanner) => scanner.next(bytes, at_end),
        }
    }

    /// Whether the JSON so far has open brackets.
    #[must_use]
    pub fn is_open(&self) -> bool {
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

/// The next part of a line whose beginning was taken. Parts are as long as possible, however the bytes arrive.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8], step: usize) -> Vec<(Vec<u8>, &'static str)> {
        let (mut cutter, mut start, mut blocks) = (Cutter::new(Framing::Lines), 0, Vec::new());
        for end in (0..text.len()).step_by(step).skip(1).chain([text.len()]) {
            while let Some((block, taken)) = cutter.next(&text[start..end], end == text.len()) {
                start += taken;
                blocks.push(match block {
                    Block::Lines(lines) => (lines.to_vec(), "lines"),
                    Block::Long(part, false) => (part.to_vec(), "part"),
                    Block::Long(part, true) => (part.to_vec(), "last part"),
                    Block::Json(..) => unreachable!("these are lines"),
                });
            }
        }
        assert_eq!(start, text.len());
        blocks
    }

    #[test]
    fn blocks_end_with_lines_however_the_bytes_come() {
        let text: Vec<u8> = (0..40_000).flat_map(|n| format!("line {n}\n").into_bytes()).chain(*b"the end").collect();
        for step in [100, 70_000, 1 << 20] {
            let blocks = cut(&text, step);
            assert!(blocks.iter().all(|(lines, _)| lines.ends_with(b"\n") || lines.ends_with(b"the end")));
            assert_eq!(blocks.into_iter().flat_map(|(lines, _)| lines).collect::<Vec<u8>>(), text);
        }
    }

    #[test]
    fn a_line_that_is_too_long_comes_in_parts() {
        let long = vec![b'x'; 2 * MAX_LINE + 5];
        let text = [b"a\n".as_slice(), &long, b"\nb\n", &long].concat();
        for step in [1 << 20, text.len()] {
            let mut joined = Vec::new();
            for (part, kind) in cut(&text, step) {
                joined.extend_from_slice(&part);
                if kind == "last part" && joined.len() < text.len() {
                    joined.push(b'\n');
                }
            }
            assert!(joined == text, "step {step}");
        }
    }
}
