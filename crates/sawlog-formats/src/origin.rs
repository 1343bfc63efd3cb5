//! Where a block of lines comes from, and how its lines end: what a decoder must know besides the bytes.

/// The longest line that is read as a record. A longer one is stored in parts among the rejects.
pub const MAX_LINE: usize = 8 << 20;

/// Up to this many bytes between records stay with the record that they precede: header lines, brackets, white space.
/// More become a reject of their own.
pub(crate) const MAX_GAP: usize = 64 << 10;

/// How the lines of a source end, by its first line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnding {
    /// A line feed.
    #[default]
    Lf,
    /// A carriage return and a line feed.
    CrLf,
}

impl LineEnding {
    /// The ending of the first line of `text`; [`LineEnding::Lf`] if there is none in its first [`MAX_LINE`] bytes.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        match memchr::memchr(b'\n', &text[..text.len().min(MAX_LINE)]) {
            Some(at) if at > 0 && text[at - 1] == b'\r' => Self::CrLf,
            _ => Self::Lf,
        }
    }

    /// The bytes themselves.
    #[must_use]
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }

    /// Its name in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lf => "lf",
            Self::CrLf => "crlf",
        }
    }

    /// The ending with the given name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Lf, Self::CrLf].into_iter().find(|ending| ending.name() == name)
    }
}

/// The place of a block of lines in its source.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The source's path, relative to the root.
    pub source_file: &'a str,
    /// The number of the block's first line; lines count from 1.
    pub first_line: i64,
    /// The offset of the block's first byte in the (decompressed) source.
    pub byte_offset: i64,
    /// How the source's lines end.
    pub ending: LineEnding,
    /// The time in the source's name, in microseconds since 1970, if there is one: the time of records without
    /// another.
    pub file_time: Option<i64>,
}
