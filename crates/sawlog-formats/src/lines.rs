//! The lines of a block: their places, and which part of each is its text.

use memchr::memchr;

use crate::encoding::without_mark;
use crate::origin::{LineEnding, Origin};

/// How many lines are split before their fields go to the columns, one column after another: enough that a column's
/// dictionary stays in the processor's cache while it is used, few enough that the lines do, too.
pub(crate) const ROWS_AT_ONCE: usize = 512;

/// The place of a line in its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinePlace {
    pub(crate) start: usize,
    /// Before the line feed.
    pub(crate) end: usize,
    /// Whether the line ends like the source's first line.
    pub(crate) ends_alike: bool,
    pub(crate) number: i64,
}

/// The lines of a block. The last line may lack its line feed.
pub(crate) fn lines(block: &[u8], origin: &Origin<'_>) -> impl Iterator<Item = LinePlace> {
    let (ending, mut number, mut start) = (origin.ending, origin.first_line, 0);
    std::iter::from_fn(move || {
        let rest = block.get(start..).filter(|rest| !rest.is_empty())?;
        let len = memchr(b'\n', rest);
        let end = start + len.unwrap_or(rest.len());
        let place = LinePlace::new(block, (start, end), len.is_some(), ending, number);
        (start, number) = (end + 1, number + 1);
        Some(place)
    })
}

impl LinePlace {
    /// The place of a line, from its first byte to its line feed, if it has one.
    #[inline]
    pub(crate) fn new(
        block: &[u8],
        (start, end): (usize, usize),
        has_line_feed: bool,
        ending: LineEnding,
        number: i64,
    ) -> Self {
        let ends_alike = block[start..end].ends_with(b"\r") == (has_line_feed && ending == LineEnding::CrLf);
        Self { start, end, ends_alike, number }
    }

    /// The line, with the carriage return before its line feed.
    #[inline]
    pub(crate) fn whole<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        &block[self.start..self.end]
    }

    /// The line without it.
    #[inline]
    pub(crate) fn text<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        let whole = self.whole(block);
        whole.strip_suffix(b"\r").unwrap_or(whole)
    }

    /// Whether it is a blank line, which needs no trace but its number.
    #[inline]
    pub(crate) fn is_blank(&self, block: &[u8]) -> bool {
        self.ends_alike && self.text(block).is_empty()
    }

    /// The line's text without a byte order mark, which is not part of the first field; and the length of the mark.
    #[inline]
    pub(crate) fn unmarked<'a>(&self, block: &'a [u8]) -> (&'a [u8], usize) {
        let text = self.text(block);
        let unmarked = without_mark(text);
        (unmarked, text.len() - unmarked.len())
    }

    /// The line's own origin, from the block's.
    pub(crate) fn origin<'a>(&self, of_block: &Origin<'a>) -> Origin<'a> {
        let offset = of_block.byte_offset + i64::try_from(self.start).unwrap_or(i64::MAX);
        Origin { first_line: self.number, byte_offset: offset, ..*of_block }
    }
}
