//! A file of results that appears only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempPath;

use super::unfinished;

/// Whether an existing file may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It may not.
    Keep,
    /// It may.
    Replace,
}

/// A file that is written under a temporary name in the same folder. [`NewFile::finish`] gives it its name; otherwise
/// it is deleted.
pub(crate) struct NewFile {
    path: PathBuf,
    existing: Existing,
    content: Content,
    /// The name until then. Errors don't show it: nobody has heard of it.
    temporary: TempPath,
}

enum Content {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl NewFile {
    /// Begins a file.
    pub(crate) fn create(path: &Path, is_gzip: bool, existing: Existing) -> Result<Self> {
        if existing == Existing::Keep && fs::symlink_metadata(path).is_ok() {
            return Err(there_is(path));
        }
        // Replacing a device or a pipe would remove it for good.
        if existing == Existing::Replace && fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return Err(anyhow!("{} is not a regular file; give another one", path.display()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Like any new file: the umask of the process decides who may read it.
        let make = |path: &Path| File::options().write(true).create_new(true).mode(0o666).open(path);
        let made = tempfile::Builder::new()
            .prefix(&format!(".{}.", name.chars().take(32).collect::<String>()))
            .suffix(".part")
            .make_in(folder, make)
            .with_context(|| wrong(path))?;
        let (file, temporary) = made.into_parts();
        unfinished::begin(&temporary);
        let file = BufWriter::new(file);
        let content = if is_gzip {
            Content::Gzip(Box::new(GzEncoder::new(file, Compression::default())))
        } else {
            Content::Plain(file)
        };
        Ok(Self { path: path.to_owned(), existing, content, temporary })
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> Result<()> {
        let path = &self.path;
        let file = match self.content {
            Content::Plain(file) => file,
            Content::Gzip(file) => file.finish().with_context(|| wrong(path))?,
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error).with_context(|| wrong(path))?;
        drop(file);
        let named = match self.existing {
            Existing::Keep => self.temporary.persist_noclobber(path),
            Existing::Replace => self.temporary.persist(path),
        };
        match named {
            Ok(()) => Ok(()),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Err(there_is(path)),
            Err(error) => Err(error.error).with_context(|| wrong(path)),
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::Plain(file) => file.write(bytes),
            Content::Gzip(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.content {
            Content::Plain(file) => file.flush(),
            // Flushing here would make the output readable now, but the file larger. Nobody reads it before its end.
            Content::Gzip(_) => Ok(()),
        }
    }
}

fn wrong(path: &Path) -> String {
    format!("can't write {}", path.display())
}

fn there_is(path: &Path) -> anyhow::Error {
    anyhow!("{} exists; remove it, or give another file", path.display())
}
