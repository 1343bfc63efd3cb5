//! Blocks: pieces of content for decoders, and the records in blocks that are not made of lines.

use crate::reject::RejectReason;
use crate::wrapping::Wrapping;

/// The text before a record that is not in a line, unless the item says otherwise.
pub(crate) const USUAL_GAP: &str = ",";

/// A piece of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block<'a> {
    /// Whole lines. The last line of a file may lack its line feed.
    Lines(&'a [u8]),
    /// Whole JSON objects, and the text before each.
    Json(&'a [u8], &'a [Item]),
    /// A part of a record that is too long, and whether it is the last part. A line's line feed is not in it.
    Long(&'a [u8], bool),
}

/// A JSON object in a block, or other text in the place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where the text before it begins: at the end of the item before.
    pub gap: usize,
    /// Where it begins and ends.
    pub start: usize,
    /// The byte after its last one.
    pub end: usize,
    /// Why it can't be a record, if that is known already.
    pub problem: Option<RejectReason<'static>>,
    /// Whether more of it follows, as [`Block::Long`].
    pub continues: bool,
    /// How it is wrapped in its file, if it comes from a document of another kind.
    pub wrapped: Option<Wrapped>,
}

/// How an item of a block is wrapped in its file. See [`Item`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrapped {
    pub(crate) wrapping: Wrapping,
    /// Where the block has the text in the file, if that differs from the decoded text.
    pub(crate) verbatim: Option<(usize, usize)>,
    /// Whether wrapping the record in the usual way gives that.
    pub(crate) is_usual: bool,
    /// Where the block has the record itself, if the decoded text was made from it.
    pub(crate) record: Option<(usize, usize)>,
    /// Its range in the bytes that the block takes.
    pub(crate) at: usize,
}

impl Item {
    /// The item as it is in its file.
    #[must_use]
    pub fn verbatim<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        let (start, end) = self.wrapped.and_then(|wrapped| wrapped.verbatim).unwrap_or((self.start, self.end));
        &block[start..end]
    }

    /// The item's own text, without its wrapping.
    #[must_use]
    pub fn record<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        let (start, end) = self.made_from().unwrap_or((self.start, self.end));
        &block[start..end]
    }

    /// The record that the decoded text was made from.
    pub(crate) fn made_from(&self) -> Option<(usize, usize)> {
        self.wrapped?.record
    }

    /// The name of its wrapping, if it comes from a document of another kind.
    #[must_use]
    pub fn wrapping(&self) -> Option<&'static str> {
        self.wrapped.map(|wrapped| wrapped.wrapping.name())
    }

    /// The text in the file, if wrapping the record in the usual way does not give it.
    #[must_use]
    pub fn unusual<'a>(&self, block: &'a [u8]) -> Option<&'a [u8]> {
        self.wrapped.filter(|wrapped| !wrapped.is_usual).map(|_| self.verbatim(block))
    }

    /// Its place, counted from the block's first byte in the file.
    #[must_use]
    pub fn place(&self) -> usize {
        self.wrapped.map_or(self.start, |wrapped| wrapped.at)
    }
}
