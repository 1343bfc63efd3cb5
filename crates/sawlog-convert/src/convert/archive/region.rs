//! Bytes within a file: an archive, or a member of one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::found::{Found, Place};

/// How many bytes are read at a time.
const BUFFER: usize = 64 << 10;
const HEAD: usize = 2 << 10;

/// Some of the bytes of a file.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) place: Place,
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl Region {
    /// A part of it, from `at` on.
    pub(super) fn part(&self, at: u64, len: u64) -> Self {
        Self { place: self.place.clone(), offset: self.offset + at, len }
    }

    pub(super) fn reader(&self) -> io::Result<Box<dyn BufRead>> {
        self.buffered(BUFFER)
    }

    /// The same, if only the beginning is read.
    pub(super) fn reader_of_head(&self) -> io::Result<Box<dyn BufRead>> {
        self.buffered(HEAD)
    }

    fn buffered(&self, capacity: usize) -> io::Result<Box<dyn BufRead>> {
        let reader = RegionReader { file: self.place.open()?, at: self.offset, end: self.offset + self.len };
        Ok(Box::new(BufReader::with_capacity(capacity, reader)))
    }

    /// Its last bytes.
    pub(super) fn tail<const N: usize>(&self) -> io::Result<Option<[u8; N]>> {
        let Some(at) = self.len.checked_sub(N as u64) else { return Ok(None) };
        let mut tail = [0; N];
        self.place.open()?.read_exact_at(&mut tail, self.offset + at)?;
        Ok(Some(tail))
    }
}

/// The bytes of an input file, or of a member of an archive.
pub(crate) fn reader(found: &Found) -> io::Result<Box<dyn BufRead>> {
    let at = found.offset();
    Ok(Box::new(BufReader::new(RegionReader { file: found.open()?, at, end: at + found.size })))
}

struct RegionReader {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for RegionReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..left], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A temporary file without a name, for what comes out of archives.
#[derive(Debug)]
pub(crate) struct Spool {
    file: Arc<File>,
    end: u64,
}

impl Spool {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).context("can't make a temporary file")?;
        Ok(Self { file: Arc::new(file), end: 0 })
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        self.end
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        (&*self.file).write_all(bytes).context("can't write an archive's content to a temporary file in the store")?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// What was appended since it had `from` bytes.
    pub(super) fn since(&self, from: u64) -> Region {
        Region { place: Place::Spool(Arc::clone(&self.file)), offset: from, len: self.end - from }
    }
}
