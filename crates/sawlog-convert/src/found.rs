//! Input files, and members of archives, as they were found.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};
use sawlog_formats::Budget;
use sawlog_store::file_name;

use crate::evidence;

/// An input file.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The folder that `label` starts from, as it was given. Most files of a run share one.
    pub(crate) given: Arc<Path>,
    /// How to open it, if that is not `label` in that folder. There may be hundreds of thousands of these.
    pub(crate) path: Option<Box<Path>>,
    /// The folder that `label` starts from, as an absolute path.
    pub(crate) root: Arc<str>,
    /// Its path relative to the root, with `/`; bytes that are not UTF-8 as `\xNN`.
    pub(crate) label: Arc<str>,
    /// Bytes.
    pub(crate) size: u64,
    /// Microseconds since 1970.
    pub(crate) mtime: i64,
    /// Whether another file has the same size, so that it may have the same content; known once the run is planned.
    pub(crate) may_repeat: bool,
    /// Where its bytes are, if it is a member of an archive.
    pub(crate) member: Option<Box<Member>>,
}

impl Found {
    /// How to open it.
    pub(crate) fn path(&self) -> PathBuf {
        self.path.as_ref().map_or_else(|| self.given.join(&*self.label), |path| path.to_path_buf())
    }

    /// Opens it, or the file that has its bytes.
    pub(crate) fn open(&self) -> io::Result<Arc<File>> {
        match self.member.as_deref() {
            None => evidence::open(&self.path()).map(Arc::new),
            Some(member) => member.place.open(),
        }
    }

    /// The offset of its bytes in the file that is opened for it.
    pub(crate) fn offset(&self) -> u64 {
        self.member.as_ref().map_or(0, |member| member.offset)
    }

    /// The last part of its label.
    pub(crate) fn name(&self) -> &str {
        file_name(&self.label, self.member.as_ref().map(|member| &*member.archive))
    }

    /// A member of this archive.
    pub(crate) fn member(&self, label: Arc<str>, size: u64, mtime: Option<i64>, member: Member) -> Self {
        Self {
            given: Arc::clone(&self.given),
            path: None,
            root: Arc::clone(&self.root),
            label,
            size,
            mtime: mtime.unwrap_or(self.mtime),
            may_repeat: false,
            member: Some(Box::new(member)),
        }
    }

    /// Gives it another label, which starts from another folder.
    pub(crate) fn rename(&mut self, label: String, root: Arc<str>) {
        self.path = Some(self.path().into());
        (self.label, self.root) = (label.into(), root);
    }
}

/// Something that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) path: String,
    pub(crate) what: String,
}

/// Where the bytes of a member are, and what is known about it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) place: Place,
    pub(crate) offset: u64,
    pub(crate) sha256: [u8; 32],
    /// The label of the input file that it is in.
    pub(crate) archive: Arc<str>,
    /// Why it is incomplete, or differs from what was put into the archive.
    pub(crate) broken: Option<Box<str>>,
    /// How much the input file may expand to, and how much of that was used for this member.
    pub(crate) budget: Arc<Budget>,
    pub(crate) declared: u64,
}

/// A file that holds members of archives.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A temporary file.
    Spool(Arc<File>),
    /// An input file.
    Input(Arc<Input>),
}

/// An input file, as it was when it was found.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) mtime: i64,
}

impl Place {
    pub(crate) fn open(&self) -> io::Result<Arc<File>> {
        match self {
            Self::Spool(file) => Ok(Arc::clone(file)),
            Self::Input(input) => evidence::open(&input.path).map(Arc::new),
        }
    }

    /// Makes sure that the open file has not changed since it was found.
    pub(crate) fn check(&self, file: &File) -> Result<()> {
        let Self::Input(input) = self else { return Ok(()) };
        let metadata = file.metadata().with_context(|| input.path.display().to_string())?;
        if metadata.len() != input.size || mtime(&metadata) != input.mtime {
            bail!(
                "{} changed while it was being read; nothing was done. Run the command again when the file is complete",
                input.path.display()
            );
        }
        Ok(())
    }
}

/// When a file was last changed, in microseconds since 1970.
pub(crate) fn mtime(metadata: &Metadata) -> i64 {
    let since_1970 = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX)
}
