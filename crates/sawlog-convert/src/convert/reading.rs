//! The state of reading one input, and what the parts of a large input pass on.

use memchr::memchr_iter;
use sawlog_formats::{Block, Carry, LineEnding, Origin};
use sha2::{Digest, Sha256};

use super::Settings;
use super::content::{Cutter, FileBytes};
use super::options::Options;
use super::order::Running;
use super::tell::{FURTHER, FileName, MAX_DIGEST, Told, head_of};
use super::worker::Report;
use crate::found::Found;

/// No part is as large as this, unless a line is.
const LARGE_PART: usize = 80 << 20;

/// Hashes and counts the bytes between the end of the last part and the place where the next one may begin, at or
/// after `nominal_end`. Returns that place.
pub(super) fn pass_over(running: &mut Running, bytes: &FileBytes, nominal_end: usize) -> usize {
    let content = bytes.bytes();
    let format = running.told.and_then(Told::format);
    let (start, mut end) = (running.at, nominal_end.max(running.at));
    if let Some(Cutter::Plain(sawlog_formats::Cutter::Json(scanner))) = &mut running.cutter {
        let mut at = start;
        let mut in_long = false;
        while at < end || in_long {
            let Some((block, len)) = scanner.next(&content[at..], true) else { break };
            at += len;
            match block {
                Block::Json(_, items) => {
                    let whole = items.iter().filter(|item| !item.continues).count();
                    running.lines += i64::try_from(whole).unwrap_or(i64::MAX);
                    in_long = items.last().is_some_and(|item| item.continues);
                }
                Block::Long(_, last) => {
                    running.lines += i64::from(last);
                    in_long = !last;
                }
                Block::Lines(_) => {}
            }
        }
        end = if nominal_end == content.len() { content.len() } else { at };
    } else {
        end = bytes.line_start(end, format.map_or(|_| true, |format| format.ends_block));
    }
    let mut at = start;
    let lines = format.is_none_or(|format| !format.framing.is_json());
    for block in content[start..end].chunks(256 << 10) {
        running.hasher.update(block);
        if lines {
            running.lines += i64::try_from(memchr_iter(b'\n', block).count()).unwrap_or(i64::MAX);
        }
        // A part is cleared soon, unless an endless line has made it much larger than intended.
        if end - start > LARGE_PART {
            bytes.release(at..at + block.len());
        }
        at += block.len();
    }
    if let Some(format) = format {
        (format.skim)(&content[start..end], &mut running.carry);
    }
    running.at = end;
    end
}

/// The state of reading one input.
pub(super) struct Reading {
    /// Whether the content is hashed while it is read.
    pub(super) hash: bool,
    pub(super) hasher: Sha256,
    pub(super) first_line: i64,
    pub(super) offset: i64,
    pub(super) carry: Carry,
    /// Whether it may turn out to be a document that holds records.
    pub(super) may_open: bool,
    pub(super) report: Report,
}

impl Reading {
    pub(super) fn new(settings: &Settings, content: &[u8], hash: bool) -> Self {
        let told = Told::of(settings, content);
        let options = Options::of(settings, content, told);
        let report = Report { ending: LineEnding::of(content), told, options, ..Report::default() };
        let may_open = content.len() < FURTHER && told.may_open(settings, head_of(content));
        let carry = Carry { fields: settings.vpc_fields.clone(), gap: String::new() };
        Self { hash, hasher: Sha256::new(), first_line: 1, offset: 0, carry, may_open, report }
    }

    /// How much of the content may still change what the file is identified as; `None` if that is settled.
    pub(super) fn is_open_to(&self) -> Option<usize> {
        match self.report.told {
            _ if self.report.content_size > 0 => None,
            Told::Digest => Some(MAX_DIGEST),
            _ => self.may_open.then_some(FURTHER),
        }
    }

    pub(super) fn hash(&mut self, content: &[u8]) {
        if self.hash {
            self.hasher.update(content);
        }
    }

    pub(super) fn origin<'a>(&self, found: &'a Found) -> Origin<'a> {
        Origin {
            source_file: &found.label,
            first_line: self.first_line + self.report.decoded.lines,
            byte_offset: self.offset,
            ending: self.report.ending,
            file_time: FileName::of(found.name()).time,
        }
    }
}
