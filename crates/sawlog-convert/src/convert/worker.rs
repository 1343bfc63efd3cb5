//! Does units of work: reads their inputs, decodes them into columns, and reports what each input held.

use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use anyhow::{Context, Result, anyhow, bail};
use sawlog_formats::{
    Block, Compression, Decoded, Encoding, LineEnding, MAX_LAYERS, NotOpened, RejectReason, decode_opened, not_opened,
    other_parquet, reject_opened, vpc_flow,
};
use sha2::{Digest, Sha256};

use super::Job;
use super::columns::{Columns, Flush, Output};
use super::content::{Cutter, FileBytes, is_parquet};
use super::flow_parquet::FlowParquet;
use super::options::Options;
use super::order::{Hash, Running, content_of};
use super::plan::{Piece, Unit, hex};
use super::reading::{Reading, pass_over};
use super::stream::{Inside, Limit, Stop, Stream, compression, look_inside};
use super::tell::{HEAD, MAX_DIGEST, Told};
use crate::found::{Found, mtime};
use crate::watch::Interrupted;

/// After this many bytes of a file have been decoded, their pages are given back.
const RELEASE: usize = 8 << 20;
/// This many bytes of header lines, brackets or white space may follow the last record.
const MAX_AFTER: usize = 64 << 10;

/// What an input held. Each part of a large input reports its share.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) decoded: Decoded,
    pub(crate) content_size: i64,
    /// SHA-256 of the file; empty until the last part.
    pub(crate) sha256: String,
    /// SHA-256 of the inflated content.
    pub(crate) content_sha256: Option<String>,
    pub(crate) compression: Option<Cow<'static, str>>,
    /// The layers of compression around an archive.
    pub(crate) layers: Vec<Compression>,
    /// The encoding of the text, if it was converted to UTF-8.
    pub(crate) encoding: Option<&'static str>,
    /// The options that mattered; set by the first part.
    pub(crate) options: Options,
    pub(crate) ending: LineEnding,
    pub(crate) told: Told,
    /// The text after the last record.
    pub(crate) after: String,
    /// For a digest: the file itself.
    pub(crate) content: Option<String>,
    /// The file with the same content that was read instead.
    pub(crate) duplicate_of: Option<String>,
    /// Why the file could not be read, or not to its end.
    pub(crate) problem: Option<String>,
    /// Whether the file could not be read at all.
    pub(crate) unreadable: bool,
}

/// Reads units of work, one after the other.
pub(crate) struct Worker<'a> {
    job: &'a Job<'a>,
    columns: Columns<'a>,
    /// For small files and for inflated content.
    buffers: [Vec<u8>; 2],
}

impl<'a> Worker<'a> {
    /// The worker of this number.
    pub(crate) fn new(job: &'a Job<'a>, number: usize, output: SyncSender<Output>) -> Result<Self> {
        let columns = Columns::new(job.settings, number, output)?;
        Ok(Self { job, columns, buffers: [Vec::new(), Vec::new()] })
    }

    /// Reads unit `number`.
    pub(crate) fn unit(&mut self, number: usize, unit: &Unit) -> Result<()> {
        let mut reports = Vec::with_capacity(unit.pieces.len());
        let mut checked = self.check_repeats(number, unit)?.into_iter().peekable();
        for piece in &unit.pieces {
            let report = match checked.next_if(|(input, _)| *input == piece.input) {
                Some((_, Checked::Duplicate(sha256, first))) => {
                    Report { sha256: hex(&sha256), duplicate_of: Some(first), ..Report::default() }
                }
                Some((_, Checked::New(bytes, sha256))) => self.whole(piece.input, &bytes, Some(hex(&sha256)))?,
                Some((_, Checked::Unreadable(problem))) => unreadable(&problem),
                None => self.open_and_read(piece)?,
            };
            if piece.part + 1 == piece.parts {
                self.job.watch.file();
            }
            reports.push((piece.input, report));
        }
        self.columns.send(Output::Reports(number, reports));
        Ok(())
    }

    /// Passes on what waits in the columns, after the last unit.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.columns.flush(Flush::All)
    }

    /// Reads and registers the unit's files whose content may be the same as another file's.
    fn check_repeats(&mut self, number: usize, unit: &Unit) -> Result<Vec<(usize, Checked)>> {
        let inputs = &self.job.plan.inputs;
        let mut read = Vec::new();
        for piece in unit.pieces.iter().filter(|piece| inputs[piece.input].may_repeat) {
            let found = &inputs[piece.input];
            let checked = match open(found, Vec::new()) {
                Ok((file, bytes)) => {
                    unchanged(found, &file, &bytes)?;
                    let sha256 = Sha256::digest(bytes.bytes()).into();
                    Checked::New(bytes, sha256)
                }
                Err(error) => Checked::Unreadable(error),
            };
            read.push((piece.input, checked));
        }
        let registered = self.job.contents.take(number, &self.job.abort, |contents| {
            for (input, checked) in &mut read {
                let Checked::New(_, sha256) = checked else { continue };
                let content = content_of(*sha256, inputs[*input].name());
                if let Some(first) = contents.before(content, *input, |input| &inputs[input].label) {
                    *checked = Checked::Duplicate(*sha256, first.to_owned());
                }
            }
        });
        registered.ok_or_else(|| anyhow!("another thread failed"))?;
        Ok(read)
    }

    fn open_and_read(&mut self, piece: &Piece) -> Result<Report> {
        let found = &self.job.plan.inputs[piece.input];
        let (file, bytes) = match open(found, std::mem::take(&mut self.buffers[0])) {
            Ok(opened) => opened,
            Err(error) if piece.parts == 1 => return Ok(unreadable(&error)),
            Err(error) => return Err(error).with_context(|| found.path().display().to_string()),
        };
        // Another part of the file was read before; the file may have become too short for this part.
        unchanged(found, &file, &bytes)?;
        let sha256 = found.member.as_ref().map(|member| hex(&member.sha256));
        let report = if piece.parts == 1 { self.whole(piece.input, &bytes, sha256) } else { self.part(piece, &bytes) };
        unchanged(found, &file, &bytes)?;
        if let FileBytes::Read(buffer) = bytes {
            self.buffers[0] = buffer;
        }
        report
    }

    /// Reads a whole file.
    fn whole(&mut self, input: usize, bytes: &FileBytes, sha256: Option<String>) -> Result<Report> {
        let mut report = self.whole_content(input, bytes, sha256)?;
        let member = self.job.plan.inputs[input].member.as_deref();
        if let Some(broken) = member.and_then(|member| member.broken.as_deref()) {
            report.problem.get_or_insert_with(|| broken.to_owned());
        }
        Ok(report)
    }

    fn whole_content(&mut self, input: usize, bytes: &FileBytes, sha256: Option<String>) -> Result<Report> {
        if let Some(compression) = Compression::of(bytes.bytes()) {
            let layers = vec![compression];
            return self.whole_stream(input, bytes, sha256, Stream::Packed(layers));
        }
        if let Some(encoding) = Encoding::of(bytes.bytes())
            && encoding != Encoding::Utf32
        {
            return self.whole_stream(input, bytes, sha256, Stream::Text(encoding));
        }
        if is_parquet(bytes.bytes()) {
            return self.whole_parquet(input, bytes, sha256);
        }
        let content = bytes.bytes();
        let mut reading = Reading::new(self.job.settings, content, sha256.is_none());
        if let Told::Archive(_) = reading.report.told {
            let sha256 = sha256.unwrap_or_else(|| digest(bytes));
            return self.archive(input, bytes, &sha256, &[], reading.report.told);
        }
        let mut cutter = Cutter::of(self.job.settings, reading.report.told, content);
        let member = self.job.plan.inputs[input].member.as_deref();
        match member.and_then(|member| member.broken.as_deref()) {
            // What was to follow is lost.
            Some(broken) => self.break_off(input, broken, content, &mut cutter, &mut reading)?,
            None => self.content(input, bytes, 0..content.len(), true, &mut reading, &mut cutter)?,
        }
        if let (Told::Digest, 0..=MAX_DIGEST) = (reading.report.told, content.len()) {
            reading.report.content = std::str::from_utf8(content).ok().map(str::to_owned);
        }
        let mut report = reading.report;
        report.sha256 = sha256.unwrap_or_else(|| hex(&reading.hasher.finalize()));
        if bytes.was_cut() {
            bail!(cut_short(&self.job.plan.inputs[input]));
        }
        Ok(report)
    }

    /// Reads a whole file whose content is derived from its bytes, piece by piece.
    fn whole_stream(
        &mut self,
        input: usize,
        bytes: &FileBytes,
        sha256: Option<String>,
        stream: Stream,
    ) -> Result<Report> {
        let (mut buffer, mut text) = (std::mem::take(&mut self.buffers[1]), Vec::new());
        let mut begun: Option<(Reading, Cutter)> = None;
        let limit = Limit::of(&self.job.plan.inputs[input], self.job.settings.max_inflate);
        let inflated = match &stream {
            Stream::Packed(layers) => limit.unpack(bytes.bytes(), layers, &mut buffer, |content, at_end| {
                if begun.is_none() && (at_end || content.len() >= HEAD) {
                    look_inside(content)?;
                }
                Ok(self.next_content(input, content, at_end, &mut begun)?)
            }),
            Stream::PackedText(layers, encoding) => {
                limit.unpack(bytes.bytes(), layers, &mut buffer, |content, at_end| {
                    let mut taken = encoding.append_utf8(content, &mut text);
                    if at_end {
                        encoding.append_end(&content[taken..], &mut text);
                        taken = content.len();
                    }
                    let read = self.next_content(input, &text, at_end, &mut begun)?;
                    text.drain(..read);
                    is_no_archive(begun.as_ref()).map(|()| taken)
                })
            }
            Stream::Text(encoding) => {
                let read = |content: &[u8], at_end: bool| {
                    let read = self.next_content(input, content, at_end, &mut begun)?;
                    is_no_archive(begun.as_ref()).map(|()| read)
                };
                encoding.transcode(bytes.bytes(), &mut buffer, read).map(|()| None)
            }
        };
        // If the stream breaks off early, the beginning was not looked at yet.
        let inflated = inflated.and_then(|broken| match &stream {
            Stream::Packed(_) if begun.is_none() => look_inside(&buffer).map(|()| broken),
            _ => Ok(broken),
        });
        let broken = match inflated {
            Ok(broken) => broken,
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Inside(inside)) => {
                buffer.clear();
                self.buffers[1] = buffer;
                return self.inside(input, bytes, sha256, stream, inside);
            }
        };
        let rest = match &stream {
            Stream::PackedText(_, encoding) if broken.is_some() => {
                encoding.append_end(&buffer, &mut text);
                &text
            }
            Stream::PackedText(..) => &text,
            _ => &buffer,
        };
        let begun = begun.filter(|(reading, _)| broken.is_none() || reading.is_open_to().is_none());
        let (mut reading, mut cutter) = begun.unwrap_or_else(|| self.begin_content(rest));
        if let Told::Archive(container) = reading.report.told {
            buffer.clear();
            self.buffers[1] = buffer;
            return self.inside(input, bytes, sha256, stream, Inside::Archive(container));
        }
        if let Some(broken) = broken {
            self.break_off(input, &broken, rest, &mut cutter, &mut reading)?;
            if limit.is_bound(reading.report.content_size) {
                reading.report.options = reading.report.options.past(self.job.settings.max_inflate);
            }
        }
        buffer.shrink_to(4 << 20);
        self.buffers[1] = buffer;
        self.job.watch.bytes(bytes.bytes().len());
        let mut report = reading.report;
        (report.compression, report.encoding) = match &stream {
            Stream::Packed(layers) => (Some(compression(layers)), None),
            Stream::PackedText(layers, encoding) => (Some(compression(layers)), Some(encoding.name())),
            Stream::Text(encoding) => (None, Some(encoding.name())),
        };
        report.content_sha256 = Some(hex(&reading.hasher.finalize()));
        report.sha256 = sha256.unwrap_or_else(|| digest(bytes));
        if bytes.was_cut() {
            bail!(cut_short(&self.job.plan.inputs[input]));
        }
        Ok(report)
    }

    /// Reads a compressed file again, now that its content is known.
    fn inside(
        &mut self,
        input: usize,
        bytes: &FileBytes,
        sha256: Option<String>,
        stream: Stream,
        inside: Inside,
    ) -> Result<Report> {
        let mut layers = match stream {
            Stream::Packed(layers) | Stream::PackedText(layers, _) => layers,
            Stream::Text(_) => Vec::new(),
        };
        let told = match inside {
            Inside::Utf16(encoding) => {
                return self.whole_stream(input, bytes, sha256, Stream::PackedText(layers, encoding));
            }
            Inside::Compressed(layer) if layers.len() < MAX_LAYERS => {
                layers.push(layer);
                return self.whole_stream(input, bytes, sha256, Stream::Packed(layers));
            }
            Inside::Compressed(_) => Told::Unknown(Some(not_opened(NotOpened::InnerStream))),
            Inside::Archive(container) => Told::Archive(container),
        };
        let sha256 = sha256.unwrap_or_else(|| digest(bytes));
        self.archive(input, bytes, &sha256, &layers, told)
    }

    /// Reports a file that is not read further here: an archive, or a file compressed too many times.
    fn archive(
        &self,
        input: usize,
        bytes: &FileBytes,
        sha256: &str,
        layers: &[Compression],
        told: Told,
    ) -> Result<Report> {
        if bytes.was_cut() {
            bail!(cut_short(&self.job.plan.inputs[input]));
        }
        self.job.watch.bytes(bytes.bytes().len());
        Ok(Report { sha256: sha256.to_owned(), told, layers: layers.to_vec(), ..Report::default() })
    }

    fn begin_content(&self, content: &[u8]) -> (Reading, Cutter) {
        let reading = Reading::new(self.job.settings, content, true);
        let cutter = Cutter::of(self.job.settings, reading.report.told, content);
        (reading, cutter)
    }

    /// Decodes as much of the new content as possible. Returns the number of bytes.
    fn next_content(
        &mut self,
        input: usize,
        content: &[u8],
        at_end: bool,
        begun: &mut Option<(Reading, Cutter)>,
    ) -> Result<usize> {
        if begun.is_none() && content.len() < HEAD && !at_end {
            return Ok(0);
        }
        if let Some(most) = begun.as_ref().and_then(|(reading, _)| reading.is_open_to()) {
            if !at_end && content.len() <= most {
                return Ok(0);
            }
            // Now there is more content to identify it by.
            *begun = Some(self.begin_content(content));
        }
        let is_new = begun.is_none();
        let (reading, cutter) = begun.get_or_insert_with(|| self.begin_content(content));
        if is_new && !at_end && reading.is_open_to().is_some() {
            return Ok(0);
        }
        if let (Told::Digest, true, 0) = (reading.report.told, at_end, reading.report.content_size) {
            reading.report.content = std::str::from_utf8(content).ok().map(str::to_owned);
        }
        let mut taken = 0;
        while let Some((block, len)) = cutter.next(&content[taken..], at_end) {
            reading.hash(&content[taken..taken + len]);
            self.block(input, block, len, reading)?;
            taken += len;
        }
        if at_end {
            self.end(input, &content[taken..], cutter, reading)?;
            taken = content.len();
        }
        Ok(taken)
    }

    /// Reads a Parquet file of flow logs as lines. The hash of the lines is the hash of its content.
    fn whole_parquet(&mut self, input: usize, bytes: &FileBytes, sha256: Option<String>) -> Result<Report> {
        let sha256 = sha256.unwrap_or_else(|| digest(bytes));
        let mut lines = match FlowParquet::open(&self.job.plan.inputs[input]) {
            Ok(Some(lines)) => lines,
            Ok(None) => {
                let told = Told::Unknown(Some(other_parquet()));
                return Ok(Report { sha256, told, ..Report::default() });
            }
            Err(error) => return Ok(Report { sha256, ..unreadable(&error) }),
        };
        let mut reading = Reading::new(self.job.settings, b"", true);
        reading.report.told = Told::Log(&vpc_flow::FORMAT);
        let mut text = format!("{}\n", lines.header).into_bytes();
        loop {
            reading.hash(&text);
            self.block(input, Block::Lines(&text), text.len(), &mut reading)?;
            match lines.next_lines(&mut text) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    reading.report.problem = Some(format!("{error:#}"));
                    break;
                }
            }
        }
        self.end(input, b"", &Cutter::of_lines(), &mut reading)?;
        self.job.watch.bytes(bytes.bytes().len());
        let mut report = reading.report;
        report.compression = Some("parquet".into());
        report.content_sha256 = Some(hex(&reading.hasher.finalize()));
        report.sha256 = sha256;
        Ok(report)
    }

    /// Records that the content breaks off, with the text of the incomplete record.
    fn break_off(
        &mut self,
        input: usize,
        why: &str,
        rest: &[u8],
        cutter: &mut Cutter,
        reading: &mut Reading,
    ) -> Result<()> {
        let mut rest = rest;
        reading.report.problem = Some(why.to_owned());
        // The content inflated before the format was known may hold whole records.
        while let Some((block, len)) = cutter.next(rest, false) {
            reading.hash(&rest[..len]);
            self.block(input, block, len, reading)?;
            rest = &rest[len..];
        }
        reading.hash(rest);
        self.reject(input, RejectReason::BrokenOff(why), rest, reading)?;
        reading.report.content_size += i64::try_from(rest.len())?;
        Ok(())
    }

    /// Stores a reject and counts it; does nothing for files of unknown format.
    fn reject(&mut self, input: usize, why: RejectReason<'_>, raw: &[u8], reading: &mut Reading) -> Result<()> {
        let Some(format) = reading.report.told.format() else { return Ok(()) };
        let origin = reading.origin(&self.job.plan.inputs[input]);
        let decoder = self.columns.decoder(format)?;
        match reading.report.told {
            Told::Opened(_) => reject_opened(decoder, why, raw, &origin, &mut reading.carry),
            _ => decoder.reject(why, raw, &origin, &mut reading.carry),
        }
        reading.report.decoded.add(&Decoded { lines: 1, rejects: 1, ..Decoded::default() });
        Ok(())
    }

    /// Takes the text after the last record.
    fn end(&mut self, input: usize, rest: &[u8], cutter: &Cutter, reading: &mut Reading) -> Result<()> {
        reading.hash(rest);
        let unclosed = cutter.is_open();
        match std::str::from_utf8(rest) {
            _ if unclosed => self.reject(input, RejectReason::EndsOpen, rest, reading)?,
            Ok(rest) if rest.len() <= MAX_AFTER => {
                reading.report.after = std::mem::take(&mut reading.carry.gap);
                reading.report.after.push_str(rest);
            }
            _ => self.reject(input, RejectReason::WideEnd, rest, reading)?,
        }
        reading.report.content_size += i64::try_from(rest.len())?;
        Ok(())
    }

    /// Reads one part of a large file.
    fn part(&mut self, piece: &Piece, bytes: &FileBytes) -> Result<Report> {
        let content = bytes.bytes();
        let last = piece.part + 1 == piece.parts;
        let nominal_end = usize::try_from(piece.range.end)?;
        let settings = self.job.settings;
        let turn = self.job.running[&piece.input].take(piece.part, &self.job.abort, |running: &mut Running| {
            let mut options = Options::default();
            if piece.part == 0 {
                let first = Reading::new(settings, content, true);
                options = first.report.options;
                (running.ending, running.told, running.carry) =
                    (first.report.ending, Some(first.report.told), first.carry);
                running.cutter = Some(Cutter::of(settings, first.report.told, content));
            }
            let told = running.told.unwrap_or_default();
            let cutter = running.cutter.clone().unwrap_or_else(Cutter::of_lines);
            let start = running.at;
            let report = Report { ending: running.ending, told, options, ..Report::default() };
            let mut reading = Reading { report, ..Reading::new(settings, b"", false) };
            (reading.first_line, reading.carry) = (running.lines + 1, running.carry.clone());
            let end = pass_over(running, bytes, if last { content.len() } else { nominal_end });
            let sha256 = last.then(|| hex(&running.hasher.clone().finalize()));
            (start..end, cutter, reading, sha256)
        });
        let (range, mut cutter, mut reading, sha256) = turn.ok_or_else(|| anyhow!("another thread failed"))?;
        reading.offset = i64::try_from(range.start)?;
        self.content(piece.input, bytes, range, last, &mut reading, &mut cutter)?;
        let mut report = reading.report;
        report.sha256 = sha256.unwrap_or_default();
        Ok(report)
    }

    /// Decodes the whole records in `range`, which ends with one. At the end of the file, more may follow.
    fn content(
        &mut self,
        input: usize,
        bytes: &FileBytes,
        range: Range<usize>,
        last: bool,
        reading: &mut Reading,
        cutter: &mut Cutter,
    ) -> Result<()> {
        let content = &bytes.bytes()[range.clone()];
        let (mut at, mut released) = (0, 0);
        // A range ends with a whole record or reject, so that it is complete in itself.
        while let Some((block, len)) = cutter.next(&content[at..], true) {
            reading.hash(&content[at..at + len]);
            self.block(input, block, len, reading)?;
            self.job.watch.bytes(len);
            at += len;
            if at - released >= RELEASE {
                bytes.release(range.start + released..range.start + at);
                released = at;
            }
        }
        if last {
            self.end(input, &content[at..], cutter, reading)?;
        } else if at < content.len() {
            bail!("{} was not read to the end of a part", self.job.plan.inputs[input].path().display());
        }
        bytes.release(range.start + released..range.end);
        Ok(())
    }

    fn block(&mut self, input: usize, block: Block<'_>, len: usize, reading: &mut Reading) -> Result<()> {
        if self.job.watch.wants_to_stop() {
            return Err(Interrupted.into());
        }
        if self.job.abort.is_set() {
            bail!("another thread failed");
        }
        if let Some(format) = reading.report.told.format() {
            let origin = reading.origin(&self.job.plan.inputs[input]);
            let decoder = self.columns.decoder(format)?;
            let decoded = if let Block::Long(part, last) = block {
                decoder.reject(RejectReason::TooLong, part, &origin, &mut reading.carry);
                let one = i64::from(last);
                Decoded { lines: one, rejects: one, ..Decoded::default() }
            } else if let Told::Opened(_) = reading.report.told {
                decode_opened(format, decoder, block, &origin, &mut reading.carry)
            } else {
                decoder.decode(block, &origin, &mut reading.carry)
            };
            reading.report.decoded.add(&decoded);
            self.job.watch.records(decoded.records);
        }
        let len = i64::try_from(len)?;
        reading.report.content_size += len;
        reading.offset += len;
        self.columns.flush_if_full()
    }
}

/// Stops where the content that was begun is an archive, which is to be taken apart: in UTF-16 that shows only now.
fn is_no_archive(begun: Option<&(Reading, Cutter)>) -> Result<(), Stop> {
    match begun {
        Some((Reading { report: Report { told: Told::Archive(container), .. }, .. }, _)) => {
            Err(Stop::Inside(Inside::Archive(*container)))
        }
        _ => Ok(()),
    }
}

/// A file whose content may be the same as another file's.
enum Checked {
    New(FileBytes, Hash),
    /// Its SHA-256, and the file with the same.
    Duplicate(Hash, String),
    Unreadable(anyhow::Error),
}

fn open(found: &Found, buffer: Vec<u8>) -> Result<(Arc<File>, FileBytes)> {
    let file = found.open()?;
    let bytes = match found.member {
        None => FileBytes::open(&file, found.size, buffer)?,
        Some(_) => FileBytes::part(&file, found.offset(), found.size)?,
    };
    Ok((file, bytes))
}

/// SHA-256 of a file that is not read again, in hexadecimal digits.
fn digest(bytes: &FileBytes) -> String {
    let mut hasher = Sha256::new();
    for (place, piece) in bytes.bytes().chunks(RELEASE).enumerate() {
        hasher.update(piece);
        bytes.release(place * RELEASE..place * RELEASE + piece.len());
    }
    hex(&hasher.finalize())
}

/// Makes sure that the file has not changed since it was found.
fn unchanged(found: &Found, file: &File, bytes: &FileBytes) -> Result<()> {
    if let Some(member) = &found.member {
        return member.place.check(file);
    }
    let (size, mtime) = match bytes {
        // It was read at once.
        FileBytes::Read(bytes) => (bytes.len() as u64, found.mtime),
        FileBytes::Mapped(_) => {
            let metadata = file.metadata().with_context(|| found.path().display().to_string())?;
            (metadata.len(), mtime(&metadata))
        }
    };
    if bytes.was_cut() || size < found.size {
        bail!(cut_short(found));
    }
    if size != found.size || bytes.bytes().len() as u64 != found.size || mtime != found.mtime {
        bail!(
            "{} changed while it was being read; nothing was done. Run the command again when the file is complete",
            found.path().display()
        );
    }
    Ok(())
}

fn cut_short(found: &Found) -> String {
    format!(
        "{} was cut short while it was being read; nothing was done. Run the command again when the file is complete",
        found.path().display()
    )
}

fn unreadable(error: &anyhow::Error) -> Report {
    Report { problem: Some(format!("{error:#}")), unreadable: true, ..Report::default() }
}
