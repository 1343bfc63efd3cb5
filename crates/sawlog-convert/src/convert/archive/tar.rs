//! The members of a tar archive, one after the other, from a stream.
//!
//! POSIX (pax), GNU and older tars. See POSIX.1-2017, pax, "EXTENDED DESCRIPTION"; GNU tar, "Basic Tar Format".

use std::io::{self, Read};

use sawlog_formats::Container;
use tar::{EntryType, GnuHeader, Header};

/// Everything in a tar comes in blocks of this size.
const BLOCK: usize = 512;
/// The most bytes of long names and other records about a member.
const MAX_RECORDS: u64 = 1 << 20;

/// A member.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    /// Microseconds since 1970.
    pub(super) mtime: Option<i64>,
    /// The size of its content, and where the content begins.
    pub(super) size: u64,
    pub(super) at: u64,
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// A link to another file.
    Link,
    /// A file with holes, which are left out.
    Sparse,
    /// Something without content: a folder, a device, a label.
    Other,
}

/// Reads a tar: its members and, as [`Read`], the content of the last one.
pub(super) struct Tar<'a> {
    reader: Box<dyn Read + 'a>,
    /// How many bytes were read.
    at: u64,
    /// How many bytes of the last member were not read, and how many pad them to a block.
    left: u64,
    padding: u64,
    has_end: bool,
    /// What is wrong with it.
    pub(super) problem: Option<String>,
}

/// What records before a header say about the member.
#[derive(Default)]
struct Records {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

impl<'a> Tar<'a> {
    pub(super) fn new(reader: Box<dyn Read + 'a>) -> Self {
        Self { reader, at: 0, left: 0, padding: 0, has_end: false, problem: None }
    }

    /// The next member; `None` at the end, or if nothing more can be read.
    pub(super) fn next_entry(&mut self) -> Option<Entry> {
        match self.try_next() {
            Ok(entry) => entry,
            Err(error) => {
                self.trouble(error.to_string());
                None
            }
        }
    }

    /// How many bytes of the last member's content were not read.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    fn trouble(&mut self, what: String) {
        // The first one is what the others come of.
        self.problem.get_or_insert(what);
    }

    fn try_next(&mut self) -> io::Result<Option<Entry>> {
        let mut records = Records::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let kind = header.entry_type();
            let is_record = matches!(
                kind,
                EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
            );
            let size = match records.size.filter(|_| !is_record) {
                Some(size) => size,
                None => header.entry_size().map_err(|_| damaged(self.at))?,
            };
            let has_content = !matches!(
                kind,
                EntryType::Link
                    | EntryType::Symlink
                    | EntryType::Directory
                    | EntryType::Char
                    | EntryType::Block
                    | EntryType::Fifo
            );
            self.left = if has_content { size } else { 0 };
            self.padding = self.left.wrapping_neg() % BLOCK as u64;
            match kind {
                EntryType::GNULongName => {
                    let mut name = self.records()?;
                    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                    records.name = Some(name);
                }
                EntryType::XHeader => {
                    let text = self.records()?;
                    if read_pax(&text, &mut records).is_none() {
                        self.trouble(damaged(self.at).to_string());
                    }
                }
                EntryType::GNULongLink | EntryType::XGlobalHeader => {}
                kind => return self.entry(&header, kind, size, records).map(Some),
            }
        }
    }

    /// The member that a header describes.
    fn entry(&mut self, header: &Header, kind: EntryType, size: u64, records: Records) -> io::Result<Entry> {
        let name = records.name.unwrap_or_else(|| header.path_bytes().into_owned());
        if kind == EntryType::GNUSparse {
            // Where its holes are may go on in blocks of their own.
            let mut goes_on = header.as_gnu().is_some_and(GnuHeader::is_extended);
            while goes_on {
                let mut block = [0; BLOCK];
                if self.fill(&mut block)? < BLOCK {
                    return Err(io::Error::other("it ends within a member"));
                }
                goes_on = block[504] == 1;
            }
        }
        let kind = match kind {
            EntryType::GNUSparse => Kind::Sparse,
            _ if records.is_sparse => Kind::Sparse,
            EntryType::Link | EntryType::Symlink => Kind::Link,
            EntryType::Directory | EntryType::Char | EntryType::Block | EntryType::Fifo => Kind::Other,
            // The label of a volume; a list of files in a folder.
            kind if matches!(kind.as_byte(), b'V' | b'D') => Kind::Other,
            kind if kind.as_byte() == b'M' => {
                self.trouble("it continues a file from another volume".to_owned());
                Kind::File
            }
            _ if name.ends_with(b"/") && size == 0 => Kind::Other,
            // What is of no known type is to be taken for a file.
            _ => Kind::File,
        };
        let mtime = header.mtime().ok().and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000_000));
        Ok(Entry { name, kind, mtime, size: self.left, at: self.at })
    }

    /// The next header. Other blocks are skipped: in a damaged tar, members may follow them.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut passed = 0;
        loop {
            let mut header = Header::new_old();
            let read = self.fill(header.as_mut_bytes())?;
            if read == 0 {
                if !self.has_end {
                    self.trouble("it ends without an end mark, so members may be missing".to_owned());
                }
                return Ok(None);
            }
            let bytes = header.as_bytes();
            if bytes[..read].iter().all(|byte| *byte == 0) {
                self.has_end = true;
                continue;
            }
            if read == BLOCK && has_sum(bytes) && (passed == 0 || Container::of(bytes) == Some(Container::Tar)) {
                self.has_end = false;
                return Ok(Some(header));
            }
            let at = self.at - read as u64;
            if passed == 0 {
                let what = if self.has_end { "follow its end mark" } else { "are not a member's header" };
                self.trouble(format!("the bytes from {at} on {what}"));
            }
            passed += 1;
        }
    }

    /// The content of a member that is about the next one.
    fn records(&mut self) -> io::Result<Vec<u8>> {
        if self.left > MAX_RECORDS {
            return Err(io::Error::other(format!(
                "the record before byte {} is too long: {} bytes",
                self.at, self.left
            )));
        }
        let (mut text, size) = (Vec::new(), self.left);
        self.read_to_end(&mut text)?;
        if (text.len() as u64) < size { Err(io::Error::other("it ends within a record")) } else { Ok(text) }
    }

    /// Skips the rest of a member.
    fn skip(&mut self) -> io::Result<()> {
        let left = self.left + self.padding;
        let skipped = io::copy(&mut self.reader.by_ref().take(left), &mut io::sink())?;
        self.at += skipped;
        if skipped < self.left {
            return Err(io::Error::other("it ends within a member"));
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// Fills a block as far as bytes are left.
    fn fill(&mut self, block: &mut [u8; BLOCK]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < BLOCK {
            match self.reader.read(&mut block[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }
}

impl Read for Tar<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.reader.read(&mut buffer[..most])?;
        self.left -= read as u64;
        self.at += read as u64;
        Ok(read)
    }
}

fn damaged(at: u64) -> io::Error {
    io::Error::other(format!("the header before byte {at} is damaged"))
}

/// Whether a header has the checksum that it states. Old tars added up signed bytes.
fn has_sum(header: &[u8; BLOCK]) -> bool {
    let Ok(told) = Header::from_byte_slice(header).cksum() else { return false };
    let sum = |number: fn(&u8) -> i64| -> i64 {
        header[..148].iter().chain(&header[156..]).map(number).sum::<i64>() + 8 * i64::from(b' ')
    };
    [sum(|byte| i64::from(*byte)), sum(|byte| i64::from(byte.cast_signed()))].contains(&i64::from(told))
}

/// Reads pax records, each `LENGTH KEY=VALUE` and a line feed; `None` if the text is something else.
fn read_pax(mut text: &[u8], records: &mut Records) -> Option<()> {
    while !text.is_empty() {
        let blank = text.iter().position(|byte| *byte == b' ')?;
        let len: usize = std::str::from_utf8(&text[..blank]).ok()?.parse().ok()?;
        let record = text.get(blank + 1..len)?.strip_suffix(b"\n")?;
        text = &text[len..];
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => records.name = Some(value.to_vec()),
            b"size" => records.size = Some(std::str::from_utf8(value).ok()?.parse().ok()?),
            key if key.starts_with(b"GNU.sparse.") => {
                records.is_sparse = true;
                if key == b"GNU.sparse.name" {
                    records.name = Some(value.to_vec());
                }
            }
            _ => {}
        }
    }
    Some(())
}
