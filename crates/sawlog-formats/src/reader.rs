//! Reads one log as Arrow record batches: from a file, from bytes, or from anything else that gives bytes.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::block::Block;
use crate::compression::Compression;
use crate::container::Container;
use crate::cutter::Cutter;
use crate::decoder::{Carry, Decoded, Decoder};
use crate::encoding::{Encoding, Utf16, without_mark};
use crate::envelope::open;
use crate::format::Format;
use crate::gunzip::{Gunzip, is_of_content};
use crate::identify::{Unread, archive, behind_text, headerless, other_parquet, other_table, wrapper};
use crate::inflate::is_gzip;
use crate::label::label;
use crate::layouts::{TextLayout, in_layout};
use crate::origin::{LineEnding, Origin};
use crate::rebuild::Remainder;
use crate::reject::{REJECTS, RejectReason};
use crate::table::Table;

/// This much of a log is read to recognise its format.
const HEAD: u64 = 64 << 10;
/// This much is read at a time.
const PIECE: u64 = 256 << 10;
/// This many bytes of header lines, brackets or white space may follow the last record.
const MAX_AFTER: usize = 64 << 10;

/// How a [`Reader`] reads.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// The value of the column `source_file`; the path if `None`.
    pub source_file: Option<String>,
    /// The format; recognised by content if `None`.
    pub format: Option<&'static Format>,
    /// The names of the fields of a log that has no header line, written as in a header line. For VPC flow logs only.
    pub fields: Option<String>,
    /// The time of records without one, in microseconds since 1970.
    pub file_time: Option<i64>,
    /// How text comes.
    pub text: TextLayout,
    /// The most rows in a batch, about.
    pub batch_rows: usize,
    /// The most bytes of rows that wait for their batch, about.
    pub batch_bytes: usize,
    /// Larger gzip content is an error.
    pub max_inflated: u64,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self {
            source_file: None,
            format: None,
            fields: None,
            file_time: None,
            text: TextLayout::Plain,
            batch_rows: 64 << 10,
            batch_bytes: 64 << 20,
            max_inflated: 4 << 30,
        }
    }
}

/// Rows of one table: records of the log, or rejects.
#[derive(Clone, Debug)]
pub struct LogBatch {
    /// The log's own table, or [`REJECTS`].
    pub table: &'static Table,
    /// The rows. All batches of a table have the same schema.
    pub rows: RecordBatch,
}

/// Why a log can't be read, or not to its end.
#[derive(Debug)]
pub enum ReadError {
    /// The bytes can't be read.
    Io(io::Error),
    /// The format is not one that is read; what it is, if that is known.
    NotALog(Option<String>),
    /// The content breaks off. Everything before was returned, and the last piece as a reject.
    Broken(String),
    /// A decoder returned columns of another type than its table has.
    Columns(ArrowError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(out, "the log can't be read: {error}"),
            Self::NotALog(Some(what)) => write!(out, "not a log that can be read: {what}"),
            Self::NotALog(None) => write!(out, "not a log of a known format"),
            Self::Broken(why) => write!(out, "{why}"),
            Self::Columns(error) => write!(out, "the decoder's columns do not fit their table: {error}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        if is_of_content(&error) { Self::Broken(error.to_string()) } else { Self::Io(error) }
    }
}

/// Reads one log: an iterator over its batches, in the order of the log's lines with one exception. Among rows that
/// wait together, rows of one day (UTC) come before rows of the next, and rejects come last. `source_line` has the
/// order.
///
/// It reads plain text and gzip, in UTF-8 or UTF-16, and recognises the format by content. It does not open archives
/// and wrappers. It takes a few MiB of memory in addition to [`ReaderOptions::batch_bytes`].
///
/// ```
/// use sawlog_formats::{Reader, ReaderOptions};
/// let log = b"2 111122223333 eni-0a1b 192.0.2.1 198.51.100.7 49152 443 6 10 8000 1627563600 1627563660 ACCEPT OK\n";
/// let mut reader = Reader::new(&log[..], ReaderOptions::default())?;
/// let batch = reader.next().unwrap()?;
/// assert_eq!((batch.table.name, batch.rows.num_rows()), ("vpc_flow", 1));
/// assert!(reader.next().is_none());
/// # Ok::<(), sawlog_formats::ReadError>(())
/// ```
pub struct Reader<'a> {
    input: Box<dyn Read + 'a>,
    /// Bytes that were read and not yet decoded.
    content: Vec<u8>,
    cutter: Cutter,
    decoding: Decoding,
    ready: VecDeque<LogBatch>,
    /// The error to return once all batches were returned.
    error: Option<ReadError>,
    is_done: bool,
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Reader").field("decoding", &self.decoding).field("is_done", &self.is_done).finish()
    }
}

impl Reader<'static> {
    /// Opens a file with the default options.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or is not a log.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        Self::open_with(path, ReaderOptions::default())
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or is not a log.
    pub fn open_with(path: impl AsRef<Path>, mut options: ReaderOptions) -> Result<Self, ReadError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(ReadError::Io)?;
        options.source_file.get_or_insert_with(|| label(path));
        Reader::new(file, options)
    }
}

impl<'a> Reader<'a> {
    /// Reads from `input`: bytes (`&[u8]`), a socket, an object of a store.
    ///
    /// # Errors
    ///
    /// If it can't be read, or is not a log.
    pub fn new(input: impl Read + 'a, options: ReaderOptions) -> Result<Self, ReadError> {
        let (content, mut input) = plain_text(Box::new(input), options.max_inflated).map_err(ReadError::Io)?;
        let format = match options.format {
            Some(format) => format,
            None => recognise(&content, options.fields.is_some()).or_else(|other| {
                // Content that breaks off in its beginning may have been a log.
                input.by_ref().take(1).read_to_end(&mut Vec::new())?;
                Err(other)
            })?,
        };
        let ending = LineEnding::of(&content);
        let cutter = Cutter::new(format.framing);
        let decoding = Decoding::new(format, options, ending);
        Ok(Self { input, content, cutter, decoding, ready: VecDeque::new(), error: None, is_done: false })
    }

    /// The format of the log.
    #[must_use]
    pub fn format(&self) -> &'static Format {
        self.decoding.format
    }

    /// What was read so far.
    #[must_use]
    pub fn decoded(&self) -> &Decoded {
        &self.decoding.decoded
    }

    /// What the log has in addition to its rows, so that [`crate::rebuild`] can rebuild it. It is complete after the
    /// last batch.
    #[must_use]
    pub fn remainder(&self) -> Remainder {
        Remainder {
            in_lines: !self.decoding.format.framing.is_json(),
            ending: self.decoding.ending,
            lines: self.decoding.decoded.lines,
            after: self.decoding.after.clone(),
            size: self.decoding.offset,
        }
    }

    /// Reads a piece and decodes the whole records in it.
    fn step(&mut self) -> Result<(), ReadError> {
        let read = self.input.by_ref().take(PIECE).read_to_end(&mut self.content);
        let (at_end, broken) = match read {
            Ok(read) => (read == 0, None),
            Err(error) => match ReadError::from(error) {
                ReadError::Broken(why) => (false, Some(why)),
                error => return Err(error),
            },
        };
        let mut taken = 0;
        while let Some((block, length)) = self.cutter.next(&self.content[taken..], at_end) {
            self.decoding.block(block, length);
            taken += length;
            if self.decoding.is_full() {
                self.decoding.flush(&mut self.ready).map_err(ReadError::Columns)?;
            }
        }
        self.content.drain(..taken);
        if at_end || broken.is_some() {
            self.is_done = true;
            match &broken {
                Some(why) => self.decoding.reject(RejectReason::BrokenOff(why), &self.content),
                None => self.decoding.end(&self.content, self.cutter.is_open()),
            }
            self.decoding.flush(&mut self.ready).map_err(ReadError::Columns)?;
            self.error = broken.map(ReadError::Broken);
        }
        Ok(())
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<LogBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(Ok(batch));
            }
            if self.is_done {
                return self.error.take().map(Err);
            }
            if let Err(error) = self.step() {
                self.is_done = true;
                return Some(Err(error));
            }
        }
    }
}

/// The decoder of a log, and its place in the log.
#[derive(Debug)]
struct Decoding {
    format: &'static Format,
    decoder: Box<dyn Decoder>,
    source_file: String,
    file_time: Option<i64>,
    text: TextLayout,
    batch_rows: usize,
    batch_bytes: usize,
    ending: LineEnding,
    carry: Carry,
    decoded: Decoded,
    offset: i64,
    after: String,
}

impl Decoding {
    fn new(format: &'static Format, options: ReaderOptions, ending: LineEnding) -> Self {
        Self {
            format,
            decoder: format.new_decoder(),
            source_file: options.source_file.unwrap_or_default(),
            file_time: options.file_time,
            text: options.text,
            batch_rows: options.batch_rows,
            batch_bytes: options.batch_bytes,
            ending,
            carry: Carry { fields: options.fields.map(Arc::from), gap: String::new() },
            decoded: Decoded::default(),
            offset: 0,
            after: String::new(),
        }
    }

    fn block(&mut self, block: Block<'_>, length: usize) {
        if let Block::Long(part, last) = block {
            self.put_reject(RejectReason::TooLong, part, last);
        } else {
            let origin = origin(&self.source_file, &self.decoded, self.offset, self.ending, self.file_time);
            let decoded = self.decoder.decode(block, &origin, &mut self.carry);
            self.decoded.add(&decoded);
        }
        self.passed(length);
    }

    /// Keeps a reject, unless it is empty.
    fn reject(&mut self, why: RejectReason<'_>, raw: &[u8]) {
        self.put_reject(why, raw, true);
        self.passed(raw.len());
    }

    fn put_reject(&mut self, why: RejectReason<'_>, raw: &[u8], is_last: bool) {
        let origin = origin(&self.source_file, &self.decoded, self.offset, self.ending, self.file_time);
        self.decoder.reject(why, raw, &origin, &mut self.carry);
        let one = i64::from(is_last);
        self.decoded.add(&Decoded { lines: one, rejects: one, ..Decoded::default() });
    }

    /// Takes the text after the last record.
    fn end(&mut self, rest: &[u8], is_open: bool) {
        match std::str::from_utf8(rest) {
            _ if is_open => self.reject(RejectReason::EndsOpen, rest),
            Ok(text) if text.len() <= MAX_AFTER => {
                self.after = std::mem::take(&mut self.carry.gap);
                self.after.push_str(text);
                self.passed(rest.len());
            }
            _ => self.reject(RejectReason::WideEnd, rest),
        }
    }

    fn passed(&mut self, length: usize) {
        self.offset += i64::try_from(length).unwrap_or(i64::MAX);
    }

    fn is_full(&self) -> bool {
        let waiting = self.decoder.waiting();
        waiting.rows() >= self.batch_rows || waiting.memory() >= self.batch_bytes
    }

    /// Makes batches of the waiting rows.
    fn flush(&mut self, ready: &mut VecDeque<LogBatch>) -> Result<(), ArrowError> {
        let (days, rejects) = self.decoder.waiting_mut().finish();
        let records = days.into_iter().map(|(_, batch)| (self.format.table, batch));
        for (table, batch) in records.chain(rejects.map(|batch| (&REJECTS, batch))) {
            ready.push_back(LogBatch { table, rows: in_layout(table, &batch, self.text)? });
        }
        Ok(())
    }
}

fn origin<'a>(
    source_file: &'a str,
    decoded: &Decoded,
    offset: i64,
    ending: LineEnding,
    file_time: Option<i64>,
) -> Origin<'a> {
    Origin { source_file, first_line: 1 + decoded.lines, byte_offset: offset, ending, file_time }
}

/// The beginning of the content of `input`, inflated and in UTF-8, and the rest.
fn plain_text<'a>(input: Box<dyn Read + 'a>, max_inflated: u64) -> io::Result<(Vec<u8>, Box<dyn Read + 'a>)> {
    let (mut head, mut rest) = begin(input)?;
    if is_gzip(&head) {
        let whole = BufReader::with_capacity(64 << 10, Cursor::new(head).chain(rest));
        (head, rest) = begin(Box::new(Gunzip::new(whole, max_inflated)))?;
    }
    match Encoding::of(&head) {
        Some(encoding) if encoding != Encoding::Utf32 => {
            begin(Box::new(Utf16::new(encoding, Cursor::new(head).chain(rest))))
        }
        _ => Ok((head, rest)),
    }
}

/// The beginning of the input, and the rest. If the content breaks off in the beginning, reading the rest returns the
/// error.
fn begin<'a>(mut input: Box<dyn Read + 'a>) -> io::Result<(Vec<u8>, Box<dyn Read + 'a>)> {
    let mut head = Vec::new();
    match input.by_ref().take(HEAD).read_to_end(&mut head) {
        Err(error) if !is_of_content(&error) => Err(error),
        _ => Ok((head, input)),
    }
}

/// The format of content that begins like this. If names of fields are given, lines without a header may be a flow
/// log.
fn recognise(head: &[u8], has_fields: bool) -> Result<&'static Format, ReadError> {
    let head = without_mark(head);
    let not_read = |what: String| Err(ReadError::NotALog(Some(what)));
    if head.starts_with(b"PAR1") {
        return not_read(other_parquet().name());
    }
    if let Some(container) = Container::of(head) {
        return not_read(container.kind().to_owned());
    }
    if let Some(compression) = Compression::of(head) {
        return not_read(format!("{}-compressed file", compression.name()));
    }
    if let Some(other) = archive(head) {
        return not_read(other.name());
    }
    if crate::cloudtrail::is_only_digest(head) {
        return not_read("CloudTrail digest".to_owned());
    }
    if let Some((envelope, _)) = open(head, None) {
        return not_read(format!("{}, a document that holds records", envelope.name));
    }
    if let Some(other) = wrapper(head) {
        return not_read(other.name());
    }
    match crate::detect(head) {
        Some(format) => Ok(format),
        None if has_fields => Ok(&crate::vpc_flow::FORMAT),
        None => Err(ReadError::NotALog(
            headerless(head).or_else(|| behind_text(head)).or_else(|| other_table(head)).map(Unread::name),
        )),
    }
}
