//! The bytes of an input file, cut into blocks of whole records.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use memchr::{memchr, memrchr};
use sawlog_formats::{Block, Framing, MAX_LINE, Opener};

use super::Settings;
use super::tell::{Told, opened};
use crate::mapping::Mapping;

/// Files at least this large are mapped into memory; smaller ones are read.
const MAP_FROM: u64 = 1 << 20;

/// The bytes of a file.
#[derive(Debug)]
pub(crate) enum FileBytes {
    Read(Vec<u8>),
    Mapped(Mapping),
}

impl FileBytes {
    /// Reads or maps `file`, which has `size` bytes; `buffer` is reused.
    pub(crate) fn open(mut file: &File, size: u64, mut buffer: Vec<u8>) -> std::io::Result<Self> {
        if size >= MAP_FROM {
            return Mapping::new(file).map(Self::Mapped);
        }
        // Reading one byte more than expected shows whether the file has grown, without another system call.
        let expected = usize::try_from(size).unwrap_or(usize::MAX);
        buffer.resize(expected + 1, 0);
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read(&mut buffer[filled..])? {
                0 => break,
                read => filled += read,
            }
            if filled == expected {
                break;
            }
        }
        buffer.truncate(filled);
        Ok(Self::Read(buffer))
    }

    /// Reads or maps `size` bytes of `file` from `offset` on.
    pub(crate) fn part(file: &File, offset: u64, size: u64) -> std::io::Result<Self> {
        let len = usize::try_from(size).map_err(std::io::Error::other)?;
        if size >= MAP_FROM {
            return Mapping::part(file, offset, len).map(Self::Mapped);
        }
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(Self::Read(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Mapped(mapping) => mapping.bytes(),
        }
    }

    /// The first offset at or after `at` where a line begins and a part of the file may end, as `ends_block` says of
    /// the line before it.
    pub(crate) fn line_start(&self, at: usize, ends_block: fn(&[u8]) -> bool) -> usize {
        let content = self.bytes();
        let mut from = at.saturating_sub(1);
        if at == 0 || at >= content.len() {
            return at.min(content.len());
        }
        while from < content.len() {
            let window = from..content.len().min(from + MAX_LINE);
            if let Some(more) = memchr(b'\n', &content[window.clone()]) {
                let end = from + more;
                let before = &content[end.saturating_sub(MAX_LINE)..end];
                let line = memrchr(b'\n', before).map_or(before, |start| &before[start + 1..]);
                if ends_block(line.strip_suffix(b"\r").unwrap_or(line)) {
                    return end + 1;
                }
                from = end + 1;
                continue;
            }
            // An endless line must not fill the memory.
            from = window.end;
            self.release(window);
        }
        content.len()
    }

    /// Whether the file became shorter while it was mapped.
    pub(crate) fn was_cut(&self) -> bool {
        matches!(self, Self::Mapped(mapping) if mapping.was_cut())
    }

    /// Gives pages that were read back to the system.
    pub(crate) fn release(&self, range: Range<usize>) {
        if let Self::Mapped(mapping) = self {
            mapping.release(range);
        }
    }
}

/// Whether the bytes are a Parquet file.
pub(crate) fn is_parquet(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PAR1")
}

/// Cuts bytes into blocks.
#[derive(Clone, Debug)]
pub(crate) enum Cutter {
    /// For lines or JSON objects.
    Plain(sawlog_formats::Cutter),
    /// For documents of another kind that hold records.
    Opened(Box<Opener>),
}

impl Cutter {
    /// A cutter for `content`, which was identified as `told`.
    pub(crate) fn of(settings: &Settings, told: Told, content: &[u8]) -> Self {
        if let Told::Opened(..) = told
            && let Some((_, opener)) = opened(settings, content)
        {
            return Self::Opened(Box::new(opener));
        }
        let framing = told.format().map_or(Framing::Lines, |format| format.framing);
        Self::Plain(sawlog_formats::Cutter::new(framing))
    }

    /// A cutter of lines.
    pub(crate) fn of_lines() -> Self {
        Self::Plain(sawlog_formats::Cutter::new(Framing::Lines))
    }

    /// Whether the cutter is in the middle of something.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Plain(cutter) => cutter.is_open(),
            Self::Opened(opener) => opener.is_open(),
        }
    }

    /// The next block of `bytes`, and how many bytes it takes; `None` if more bytes are needed. `at_end` says that
    /// there are no more. After the last block of JSON, brackets may be left.
    pub(crate) fn next<'a>(&'a mut self, bytes: &'a [u8], at_end: bool) -> Option<(Block<'a>, usize)> {
        match self {
            Self::Plain(cutter) => cutter.next(bytes, at_end),
            Self::Opened(opener) => opener.next(bytes, at_end),
        }
    }
}
