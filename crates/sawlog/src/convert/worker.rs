//! Does one unit of work: reads its inputs, decodes them, encodes row groups, and reports what each input held.

use std::fs::File;
use std::ops::Range;
use std::sync::mpsc::SyncSender;

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::RecordBatch;
use memchr::{memchr, memchr_iter};
use sawlog_formats::s3_access::{Decoded, Decoder};
use sawlog_formats::{LineEnding, Origin, REJECTS, Table, date_name};
use sawlog_store::parquet::{EncodedRowGroup, Encoder};
use sha2::{Digest, Sha256};

use super::content::{Block, Cutter, FileBytes, inflate, is_gzip};
use super::order::Running;
use super::plan::{Piece, Unit, hex};
use super::{Job, Settings, scraps};
use crate::discover::Found;
use crate::interrupt::Interrupted;

/// A row group is closed when it has so many rows.
pub(crate) const ROW_GROUP_ROWS: usize = 256 << 10;
/// No part is as large as this, unless a line is.
const LARGE_PART: usize = 80 << 20;
/// After so many bytes of a file have been decoded, their pages are given back.
const RELEASE: usize = 8 << 20;
/// How much of a file is looked at to tell its format.
const HEAD: usize = 64 << 10;

/// What a worker hands to the writer.
#[derive(Debug)]
pub(crate) enum Output {
    /// A row group of a table, in the partition of a date where it has any.
    RowGroup(&'static Table, Option<String>, EncodedRowGroup),
    /// Rows of a day, of which the unit has few, in the form of [`scraps`].
    Scraps(i32, Vec<u8>),
    /// What a unit's inputs, by number, or its parts of them held. They come in one message: waking the writer for each
    /// small file would cost more than reading it.
    Reports(Vec<(usize, Report)>),
}

/// What an input held. Of a large input each part reports its share.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) decoded: Decoded,
    pub(crate) content_size: i64,
    /// SHA-256 of the file; empty until the last part.
    pub(crate) sha256: String,
    /// SHA-256 of what was inflated.
    pub(crate) content_sha256: Option<String>,
    pub(crate) gzip: bool,
    pub(crate) ending: LineEnding,
    pub(crate) format: Option<&'static Table>,
    /// The file with the same content that was read instead.
    pub(crate) duplicate_of: Option<String>,
    /// Why the file could not be read, or not to its end.
    pub(crate) problem: Option<String>,
    /// Whether the file could not be read at all.
    pub(crate) unreadable: bool,
}

/// A thread's decoder and encoders, used for one unit after the other.
pub(crate) struct Worker<'a> {
    job: &'a Job<'a>,
    decoder: Decoder,
    records: Encoder,
    rejects: Encoder,
    /// For small files and for inflated content.
    buffers: [Vec<u8>; 2],
    output: Option<SyncSender<Result<Output>>>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(job: &'a Job<'a>) -> Result<Self> {
        let codec = job.settings.codec;
        Ok(Self {
            job,
            decoder: Decoder::default(),
            records: Encoder::new(&sawlog_formats::s3_access::TABLE, codec)?,
            rejects: Encoder::new(&REJECTS, codec)?,
            buffers: [Vec::new(), Vec::new()],
            output: None,
        })
    }

    /// Does unit `number` and hands what comes of it to `output`.
    pub(crate) fn run(&mut self, number: usize, unit: &Unit, output: SyncSender<Result<Output>>) {
        self.output = Some(output);
        if let Err(error) = self.unit(number, unit) {
            self.job.abort.set();
            self.send(Err(error));
        }
        self.output = None;
    }

    fn send(&self, output: Result<Output>) {
        if let Some(sender) = &self.output {
            // The writer hangs up only when it has failed, and then says why itself.
            let _ = sender.send(output);
        }
    }

    fn unit(&mut self, number: usize, unit: &Unit) -> Result<()> {
        let mut reports = Vec::with_capacity(unit.pieces.len());
        let mut checked = self.check_repeats(number, unit)?.into_iter().peekable();
        for piece in &unit.pieces {
            let report = match checked.next_if(|(input, _)| *input == piece.input) {
                Some((_, Checked::Duplicate(sha256, first))) => {
                    Report { sha256, duplicate_of: Some(first), ..Report::default() }
                }
                Some((_, Checked::New(bytes, sha256))) => self.whole(piece.input, &bytes, Some(sha256))?,
                Some((_, Checked::Unreadable(problem))) => unreadable(&problem),
                None => self.open_and_read(piece)?,
            };
            self.job.progress.file(piece);
            reports.push((piece.input, report));
        }
        self.flush()?;
        self.send(Ok(Output::Reports(reports)));
        Ok(())
    }

    /// Reads and registers the unit's files whose content may be that of another.
    fn check_repeats(&mut self, number: usize, unit: &Unit) -> Result<Vec<(usize, Checked)>> {
        let inputs = &self.job.plan.inputs;
        let mut read = Vec::new();
        for piece in unit.pieces.iter().filter(|piece| inputs[piece.input].may_repeat) {
            let found = &inputs[piece.input].found;
            let checked = match open(found, Vec::new()) {
                Ok((file, bytes)) => {
                    unchanged(found, &file, &bytes)?;
                    let sha256 = hex(&Sha256::digest(bytes.bytes()));
                    Checked::New(bytes, sha256)
                }
                Err(error) => Checked::Unreadable(error),
            };
            read.push((piece.input, checked));
        }
        let registered = self.job.contents.take(number, &self.job.abort, |contents| {
            for (input, checked) in &mut read {
                let Checked::New(_, sha256) = checked else { continue };
                if let Some(first) = contents.get(sha256) {
                    *checked = Checked::Duplicate(std::mem::take(sha256), first.clone());
                } else {
                    contents.insert(sha256.clone(), inputs[*input].found.label.clone());
                }
            }
        });
        registered.ok_or_else(|| anyhow!("another thread failed"))?;
        Ok(read)
    }

    fn open_and_read(&mut self, piece: &Piece) -> Result<Report> {
        let found = &self.job.plan.inputs[piece.input].found;
        let (file, bytes) = match open(found, std::mem::take(&mut self.buffers[0])) {
            Ok(opened) => opened,
            Err(error) if piece.parts == 1 => return Ok(unreadable(&error)),
            Err(error) => return Err(error).with_context(|| found.path.display().to_string()),
        };
        let report = if piece.parts == 1 { self.whole(piece.input, &bytes, None) } else { self.part(piece, &bytes) };
        unchanged(found, &file, &bytes)?;
        if let FileBytes::Read(buffer) = bytes {
            self.buffers[0] = buffer;
        }
        report
    }

    /// Reads a whole file.
    fn whole(&mut self, input: usize, bytes: &FileBytes, sha256: Option<String>) -> Result<Report> {
        if is_gzip(bytes.bytes()) {
            return self.whole_gzip(input, bytes, sha256);
        }
        let content = bytes.bytes();
        let mut reading = Reading::new(self.job.settings, content, sha256.is_none());
        self.lines(input, bytes, 0..content.len(), true, &mut reading)?;
        let mut report = reading.report;
        report.sha256 = sha256.unwrap_or_else(|| hex(&reading.hasher.finalize()));
        if bytes.was_cut() {
            bail!(cut_short(&self.job.plan.inputs[input].found));
        }
        Ok(report)
    }

    fn whole_gzip(&mut self, input: usize, bytes: &FileBytes, sha256: Option<String>) -> Result<Report> {
        let mut buffer = std::mem::take(&mut self.buffers[1]);
        let mut cutter = Cutter::default();
        let mut reading: Option<Reading> = None;
        let broken = inflate(bytes.bytes(), self.job.settings.max_inflate, &mut buffer, |content, at_end| {
            if reading.is_none() {
                if content.len() < HEAD && !at_end {
                    return Ok(0);
                }
                reading = Some(Reading::new(self.job.settings, content, true));
            }
            let reading = reading.as_mut().expect("made above");
            let mut taken = 0;
            while let Some((block, len)) = cutter.next(&content[taken..], at_end) {
                reading.hasher.update(&content[taken..taken + len]);
                self.block(input, block, len, reading)?;
                taken += len;
            }
            anyhow::Ok(taken)
        })?;
        let mut reading = reading.unwrap_or_else(|| Reading::new(self.job.settings, &buffer, true));
        if let Some(broken) = broken {
            self.break_off(input, &broken, &buffer, &mut reading)?;
        }
        buffer.shrink_to(4 << 20);
        self.buffers[1] = buffer;
        self.job.progress.bytes(bytes.bytes().len());
        let mut report = reading.report;
        report.gzip = true;
        report.content_sha256 = Some(hex(&reading.hasher.finalize()));
        report.sha256 = sha256.unwrap_or_else(|| hex(&Sha256::digest(bytes.bytes())));
        if bytes.was_cut() {
            bail!(cut_short(&self.job.plan.inputs[input].found));
        }
        Ok(report)
    }

    /// Records that the content breaks off, with what there is of the line at which it does.
    fn break_off(&mut self, input: usize, why: &str, rest: &[u8], reading: &mut Reading) -> Result<()> {
        let mut rest = rest;
        // What was inflated before the format could be told may hold whole lines.
        while let Some(end) = memchr(b'\n', rest) {
            reading.hasher.update(&rest[..=end]);
            self.block(input, Block::Lines(&rest[..=end]), end + 1, reading)?;
            rest = &rest[end + 1..];
        }
        reading.hasher.update(rest);
        let found = &self.job.plan.inputs[input].found;
        let origin = reading.origin(&found.label);
        self.decoder.reject(why, rest, &origin);
        let report = &mut reading.report;
        report.format = report.format.or(Some(&sawlog_formats::s3_access::TABLE));
        report.decoded.add(&Decoded { lines: 1, rejects: 1, ..Decoded::default() });
        report.content_size += i64::try_from(rest.len())?;
        report.problem = Some(why.to_owned());
        Ok(())
    }

    /// Reads one part of a large file.
    fn part(&mut self, piece: &Piece, bytes: &FileBytes) -> Result<Report> {
        let content = bytes.bytes();
        let start = bytes.line_start(usize::try_from(piece.range.start)?);
        let end = bytes.line_start(usize::try_from(piece.range.end)?);
        let running = &self.job.running[&piece.input];
        let settings = &self.job.settings;
        let turn = running.take(piece.part, &self.job.abort, |running: &mut Running| {
            if piece.part == 0 {
                running.ending = LineEnding::of(content);
                running.format = format_of(settings, content);
            }
            let first_line = running.lines + 1;
            let mut at = start;
            for block in content[start..end].chunks(256 << 10) {
                running.hasher.update(block);
                running.lines += i64::try_from(memchr_iter(b'\n', block).count()).unwrap_or(i64::MAX);
                // A part is read again soon, unless an endless line has made it much larger than it was meant to be.
                if end - start > LARGE_PART {
                    bytes.release(at..at + block.len());
                }
                at += block.len();
            }
            let sha256 = (piece.part + 1 == piece.parts).then(|| hex(&running.hasher.clone().finalize()));
            (first_line, running.ending, running.format, sha256)
        });
        let (first_line, ending, format, sha256) = turn.ok_or_else(|| anyhow!("another thread failed"))?;
        let mut reading = Reading {
            hash: false,
            hasher: Sha256::new(),
            first_line,
            offset: i64::try_from(start)?,
            report: Report { ending, format, ..Report::default() },
        };
        self.lines(piece.input, bytes, start..end, end == content.len(), &mut reading)?;
        let mut report = reading.report;
        report.sha256 = sha256.unwrap_or_default();
        Ok(report)
    }

    /// Decodes the whole lines in `range`.
    fn lines(
        &mut self,
        input: usize,
        bytes: &FileBytes,
        range: Range<usize>,
        last: bool,
        reading: &mut Reading,
    ) -> Result<()> {
        let content = &bytes.bytes()[range.clone()];
        let (mut cutter, mut at, mut released) = (Cutter::default(), 0, 0);
        // Only the file's last line can lack its line feed, so every range is complete in itself.
        debug_assert!(last || content.is_empty() || content.ends_with(b"\n"));
        while let Some((block, len)) = cutter.next(&content[at..], true) {
            if reading.hash {
                reading.hasher.update(&content[at..at + len]);
            }
            self.block(input, block, len, reading)?;
            self.job.progress.bytes(len);
            at += len;
            if at - released >= RELEASE {
                bytes.release(range.start + released..range.start + at);
                released = at;
            }
        }
        bytes.release(range.start + released..range.end);
        Ok(())
    }

    fn block(&mut self, input: usize, block: Block<'_>, len: usize, reading: &mut Reading) -> Result<()> {
        if self.job.interrupt.requested() {
            return Err(Interrupted.into());
        }
        if self.job.abort.is_set() {
            bail!("another thread failed");
        }
        if reading.report.format.is_some() {
            let origin = reading.origin(&self.job.plan.inputs[input].found.label);
            let decoded = match block {
                Block::Lines(lines) => self.decoder.decode(lines, &origin),
                Block::LongLine(part, last) => {
                    self.decoder.reject("longer than 8 MiB", part, &origin);
                    let one = i64::from(last);
                    Decoded { lines: one, rejects: one, ..Decoded::default() }
                }
            };
            reading.report.decoded.add(&decoded);
            self.job.progress.records(decoded.records);
        }
        let len = i64::try_from(len)?;
        reading.report.content_size += len;
        reading.offset += len;
        if self.decoder.rows() >= ROW_GROUP_ROWS || self.decoder.memory() >= self.job.settings.columns_memory {
            self.flush()?;
        }
        Ok(())
    }

    /// Encodes the columns so far, and hands them on.
    fn flush(&mut self) -> Result<()> {
        let (days, rejects) = self.decoder.finish();
        let many_days = days.len() > scraps::MANY_DAYS;
        for (day, batch) in days {
            if many_days && batch.num_rows() < scraps::FEW_ROWS {
                self.send(Ok(Output::Scraps(day, scraps::encode(&batch)?)));
                continue;
            }
            let row_group = self.records.encode(&batch)?;
            drop(batch);
            self.send(Ok(Output::RowGroup(&sawlog_formats::s3_access::TABLE, Some(date_name(day)), row_group)));
        }
        if let Some(rejects) = rejects {
            self.flush_rejects(&rejects)?;
        }
        Ok(())
    }

    fn flush_rejects(&mut self, rejects: &RecordBatch) -> Result<()> {
        let row_group = self.rejects.encode(rejects)?;
        self.send(Ok(Output::RowGroup(&REJECTS, None, row_group)));
        Ok(())
    }
}

/// A file whose content may be that of another.
enum Checked {
    New(FileBytes, String),
    /// Its SHA-256, and the file with the same.
    Duplicate(String, String),
    Unreadable(anyhow::Error),
}

/// The state of reading one input.
struct Reading {
    /// Whether the content is hashed on the way.
    hash: bool,
    hasher: Sha256,
    first_line: i64,
    offset: i64,
    report: Report,
}

impl Reading {
    fn new(settings: &Settings, content: &[u8], hash: bool) -> Self {
        let report =
            Report { ending: LineEnding::of(content), format: format_of(settings, content), ..Report::default() };
        Self { hash, hasher: Sha256::new(), first_line: 1, offset: 0, report }
    }

    fn origin<'a>(&self, source_file: &'a str) -> Origin<'a> {
        Origin {
            source_file,
            first_line: self.first_line + self.report.decoded.lines,
            byte_offset: self.offset,
            ending: self.report.ending,
        }
    }
}

fn format_of(settings: &Settings, content: &[u8]) -> Option<&'static Table> {
    settings.format.or_else(|| sawlog_formats::detect(&content[..content.len().min(HEAD)]))
}

fn open(found: &Found, buffer: Vec<u8>) -> Result<(File, FileBytes)> {
    let file = File::open(&found.path)?;
    let bytes = FileBytes::open(&file, found.size, buffer)?;
    Ok((file, bytes))
}

/// Makes sure that the file is what it was when it was found.
fn unchanged(found: &Found, file: &File, bytes: &FileBytes) -> Result<()> {
    let size = match bytes {
        FileBytes::Read(bytes) => bytes.len() as u64,
        FileBytes::Mapped(_) => file.metadata().with_context(|| found.path.display().to_string())?.len(),
    };
    if bytes.was_cut() || size < found.size {
        bail!(cut_short(found));
    }
    if size != found.size || bytes.bytes().len() as u64 != found.size {
        bail!(
            "{} was changed while it was read; nothing was done. Run it again when the file is complete",
            found.path.display()
        );
    }
    Ok(())
}

fn cut_short(found: &Found) -> String {
    format!(
        "{} was cut short while it was read; nothing was done. Run it again when the file is complete",
        found.path.display()
    )
}

fn unreadable(error: &anyhow::Error) -> Report {
    Report { problem: Some(format!("{error:#}")), unreadable: true, ..Report::default() }
}
