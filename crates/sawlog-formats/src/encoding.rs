//! Text that is not UTF-8: byte order marks, UTF-16 and UTF-32, and converting UTF-16 to UTF-8.

use std::io::{self, Read};

/// The byte order mark in UTF-8.
pub(crate) const MARK: &[u8] = b"\xef\xbb\xbf";

/// This many characters at the beginning of a text without a byte order mark show its encoding.
const SHOWN: usize = 16;
/// This many bytes are converted to UTF-8 at a time: few enough to stay in the processor's cache from one step to the
/// next.
const PIECE: usize = 128 << 10;

/// How text is encoded, other than in UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-16, the lower byte first.
    Utf16Le,
    /// UTF-16, the higher byte first.
    Utf16Be,
    /// UTF-32 of either byte order.
    Utf32,
}

impl Encoding {
    /// The encoding of a text, by its byte order mark, or by the zeros among the ASCII characters that every log begins
    /// with. `None` if it may be UTF-8.
    ///
    /// ```
    /// use sawlog_formats::Encoding;
    /// assert_eq!(Encoding::of(b"\xff\xfea\0"), Some(Encoding::Utf16Le));
    /// assert_eq!(Encoding::of(b"abc"), None);
    /// ```
    #[must_use]
    pub fn of(text: &[u8]) -> Option<Self> {
        match text {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some(Self::Utf32),
            [0xff, 0xfe, ..] => return Some(Self::Utf16Le),
            [0xfe, 0xff, ..] => return Some(Self::Utf16Be),
            // Nearly all files: their first two bytes are not zero.
            [first, second, ..] if *first != 0 && *second != 0 => return None,
            _ => {}
        }
        let is_ascii = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        let alike = |width: usize, place: usize| {
            let shown = text.get(..width * SHOWN);
            shown.is_some_and(|shown| {
                shown.chunks_exact(width).all(|unit| {
                    unit.iter().enumerate().all(|(at, byte)| if at == place { is_ascii(*byte) } else { *byte == 0 })
                })
            })
        };
        if alike(4, 0) || alike(4, 3) {
            Some(Self::Utf32)
        } else if alike(2, 0) {
            Some(Self::Utf16Le)
        } else {
            alike(2, 1).then_some(Self::Utf16Be)
        }
    }

    /// Its name in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Utf32 => "utf-32",
        }
    }

    /// How many of `bytes` are not part of an incomplete character at the end.
    fn whole_characters(self, bytes: &[u8]) -> usize {
        let end = bytes.len() / 2 * 2;
        // A surrogate pair must not be split.
        let is_torn = self.units(&bytes[end.saturating_sub(2)..end]).any(|unit| (0xd800..0xdc00).contains(&unit));
        if is_torn { end - 2 } else { end }
    }

    /// Converts the complete characters of `bytes` from UTF-16 to UTF-8, and appends them to `text`. Returns how many
    /// bytes it converted. Half of a surrogate pair becomes the three bytes that UTF-8 would have for its number, which
    /// are not valid text. So invalid UTF-16 can be converted back to the same bytes, too, and a reader sees where it
    /// is broken.
    ///
    /// ```
    /// let mut text = Vec::new();
    /// assert_eq!(sawlog_formats::Encoding::Utf16Le.append_utf8(b"a\0\x00\xd8b\0c", &mut text), 6);
    /// assert_eq!(text, b"a\xed\xa0\x80b");
    /// ```
    pub fn append_utf8(self, bytes: &[u8], text: &mut Vec<u8>) -> usize {
        let end = self.whole_characters(bytes);
        self.append_units(&bytes[..end], text);
        end
    }

    /// Converts all of `bytes`, the end of a text, in the same way. A byte that is left over follows the byte 255.
    pub fn append_end(self, bytes: &[u8], text: &mut Vec<u8>) {
        let (pairs, odd) = bytes.split_at(bytes.len() / 2 * 2);
        self.append_units(pairs, text);
        if let [odd] = odd {
            text.extend_from_slice(&[0xff, *odd]);
        }
    }

    fn append_units(self, bytes: &[u8], text: &mut Vec<u8>) {
        for char in char::decode_utf16(self.units(bytes)) {
            match char {
                Ok(char) => text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(half) => {
                    let [high, low] = half.unpaired_surrogate().to_be_bytes();
                    let middle = 0x80 | high << 2 & 0x3c | low >> 6;
                    text.extend_from_slice(&[0xe0 | high >> 4, middle, 0x80 | low & 0x3f]);
                }
            }
        }
    }

    /// Converts `bytes` from UTF-16 to UTF-8, piece by piece into `buffer`. `take` receives all text that is not
    /// taken yet, and whether it is the end. It returns how many bytes it took.
    ///
    /// # Errors
    ///
    /// Those of `take`.
    pub fn transcode<E>(
        self,
        bytes: &[u8],
        buffer: &mut Vec<u8>,
        mut take: impl FnMut(&[u8], bool) -> Result<usize, E>,
    ) -> Result<(), E> {
        buffer.clear();
        let mut at = 0;
        while at < bytes.len() {
            let whole = self.append_utf8(&bytes[at..bytes.len().min(at + PIECE)], buffer);
            if whole == 0 {
                break;
            }
            at += whole;
            let taken = take(buffer, false)?;
            buffer.drain(..taken);
        }
        self.append_end(&bytes[at..], buffer);
        take(buffer, true).map(|_| ())
    }

    fn units(self, bytes: &[u8]) -> impl Iterator<Item = u16> {
        let (pairs, _) = bytes.as_chunks::<2>();
        pairs.iter().map(move |pair| match self {
            Self::Utf16Be => u16::from_be_bytes(*pair),
            Self::Utf16Le | Self::Utf32 => u16::from_le_bytes(*pair),
        })
    }
}

/// Text in UTF-16, as UTF-8 while it is read.
#[derive(Debug)]
pub(crate) struct Utf16<R> {
    encoding: Encoding,
    input: R,
    /// Bytes that were read and not yet converted.
    bytes: Vec<u8>,
    /// Converted text that was not yet returned, and how much of it was.
    text: Vec<u8>,
    given: usize,
}

impl<R: Read> Utf16<R> {
    /// Reads `input`, which is in UTF-16.
    pub(crate) fn new(encoding: Encoding, input: R) -> Self {
        Self { encoding, input, bytes: Vec::new(), text: Vec::new(), given: 0 }
    }

    /// Converts the next piece.
    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.given = 0;
        while self.text.is_empty() {
            let read = self.input.by_ref().take(PIECE as u64).read_to_end(&mut self.bytes)?;
            if read == 0 {
                self.encoding.append_end(&std::mem::take(&mut self.bytes), &mut self.text);
                break;
            }
            let taken = self.encoding.append_utf8(&self.bytes, &mut self.text);
            self.bytes.drain(..taken);
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            self.fill()?;
        }
        let read = (&self.text[self.given..]).read(out)?;
        self.given += read;
        Ok(read)
    }
}

/// The text after its byte order mark, if it has one.
///
/// ```
/// assert_eq!(sawlog_formats::without_mark("\u{feff}a".as_bytes()), b"a");
/// ```
#[must_use]
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
        let bytes = |unit: u16| if encoding == Encoding::Utf16Le { unit.to_le_bytes() } else { unit.to_be_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn encodings_are_told_with_and_without_a_mark() {
        let text = "{\"Records\":[{\"eventVersion\":\"1.08\"}]}";
        for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
            assert_eq!(Encoding::of(&encode(text, encoding)), Some(encoding));
            assert_eq!(Encoding::of(&encode("\u{feff}x", encoding)), Some(encoding));
        }
        let wide: Vec<u8> = text.chars().flat_map(|char| u32::from(char).to_be_bytes()).collect();
        assert_eq!(Encoding::of(&wide), Some(Encoding::Utf32));
        for other in [text.as_bytes(), b"", b"\0", b"a\0", &[0; 100], b"\x1f\x8b\x08\0\0\0\0\0"] {
            assert_eq!(Encoding::of(other), None);
        }
    }

    #[test]
    fn what_is_no_character_leaves_its_bytes() {
        let made = |bytes: &[u8]| {
            let mut text = Vec::new();
            let taken = Encoding::Utf16Be.append_utf8(bytes, &mut text);
            Encoding::Utf16Be.append_end(&bytes[taken..], &mut text);
            text
        };
        assert_eq!(made(b"\0a\0"), b"a\xff\0");
        assert_eq!(made(b"\xdf\xff\0a"), b"\xed\xbf\xbfa");
        assert_eq!(made(b"\0a\xd8\x3d"), b"a\xed\xa0\xbd");
        assert_eq!(made(b"\0a\xd8\x3d\xde"), b"a\xed\xa0\xbd\xff\xde");
        assert_eq!(made(b"\xd8\x3d\xde\x00"), "\u{1f600}".as_bytes());
    }

    proptest! {
        #[test]
        fn what_is_transcoded_is_the_text(text: String, times in 1usize..6000, step in 1usize..4) {
            let text = text.repeat(if text.len() < 50 { times } else { 1 });
            for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
                let bytes = encode(&text, encoding);
                let (mut buffer, mut out) = (Vec::new(), Vec::new());
                let taken: Result<(), ()> = encoding.transcode(&bytes, &mut buffer, |content, at_end| {
                    let taken = if at_end { content.len() } else { content.len() / step };
                    out.extend_from_slice(&content[..taken]);
                    Ok(taken)
                });
                prop_assert!(taken.is_ok() && out == text.as_bytes());
            }
        }
    }
}
