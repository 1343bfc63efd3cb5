//! The store's files for the query engine and the Delta logs: written so that a visible file is complete and survives
//! a power cut, and read on the calling thread.
//!
//! The stock store of local files does not wait until bytes are on the disk, so after a power cut a commit could
//! exist with nothing in it. Here bytes are synced before the file gets its name, and its folder after. The stock
//! store also hands each read to another thread, which takes longer than most reads do.
//!
//! Locations are paths below a folder, with each part percent-encoded as [`location`] does it. So a folder may have
//! any name that the system allows; the engine and the Delta library would not take all of them.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::future::ready;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use deltalake::logstore::object_store::local::LocalFileSystem;
use deltalake::logstore::object_store::path::{Path as Location, PathPart};
use deltalake::logstore::object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use futures::stream::{self, BoxStream, StreamExt};
use percent_encoding::percent_decode_str;
use rustix::buffer::spare_capacity;
use rustix::io::{pread, retry_on_intr};
use uuid::Uuid;

use crate::folders::{make_folder, sync};

/// The name of this store in errors.
const STORE: &str = "local files";

/// Local files below a folder; see the module.
#[derive(Clone, Debug)]
pub struct DurableFiles {
    root: PathBuf,
    /// For operations that are not done here. The Delta library needs only to list files.
    files: Arc<LocalFileSystem>,
}

/// The location of a file for [`DurableFiles`] of the root folder.
///
/// # Errors
///
/// If the path has no absolute form, since a parent folder is missing.
pub fn location(path: &Path) -> io::Result<Location> {
    let whole = path.canonicalize()?;
    let parts = whole.components().filter_map(|part| match part {
        Component::Normal(name) => Some(PathPart::from(name.as_bytes())),
        _ => None,
    });
    Ok(parts.collect())
}

impl fmt::Display for DurableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}

impl Default for DurableFiles {
    fn default() -> Self {
        Self { root: PathBuf::from("/"), files: Arc::default() }
    }
}

impl DurableFiles {
    /// The files below a folder, which must exist.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn below(folder: &Path) -> io::Result<Self> {
        let root = folder.canonicalize()?;
        let files = LocalFileSystem::new_with_prefix(&root).map_err(io::Error::other)?;
        Ok(Self { root, files: Arc::new(files) })
    }

    /// Where a file is.
    fn path(&self, location: &Location) -> PathBuf {
        let mut path = self.root.clone();
        for part in location.parts() {
            let name: Vec<u8> = percent_decode_str(part.as_ref()).collect();
            path.push(OsStr::from_bytes(&name));
        }
        path
    }

    fn put(&self, location: &Location, payload: &PutPayload, overwrite: bool) -> Result<PutResult> {
        let path = self.path(location);
        match write(&path, payload, overwrite) {
            Ok(()) => Ok(PutResult { e_tag: None, version: None }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::AlreadyExists { path: path.display().to_string(), source: Box::new(error) })
            }
            Err(error) => Err(failed(&path, error)),
        }
    }
}

/// An error about a file, with its name.
fn failed(path: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return Error::NotFound { path: path.display().to_string(), source: Box::new(error) };
    }
    let source = Box::new(io::Error::new(error.kind(), format!("{}: {error}", path.display())));
    Error::Generic { store: STORE, source }
}

/// The bytes of a part of a file. The part must exist: a damaged footer may ask for more than memory can hold.
fn read(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let ends = || io::Error::new(io::ErrorKind::UnexpectedEof, format!("ends before byte {}", range.end));
    if range.end > file.metadata()?.len() {
        return Err(ends());
    }
    let size = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(size);
    // Memory is not filled with zeros first.
    while bytes.len() < size {
        let at = range.start + bytes.len() as u64;
        if retry_on_intr(|| pread(file, spare_capacity(&mut bytes), at))? == 0 {
            return Err(ends());
        }
    }
    bytes.truncate(size);
    Ok(bytes.into())
}

/// Writes a file. Only with `overwrite` may it exist already.
fn write(path: &Path, payload: &PutPayload, overwrite: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_folder(folder)?;
    // Readers of the log skip names like this one.
    let draft = path.with_extension(format!("{}.tmp", Uuid::now_v7().simple()));
    let written = File::create_new(&draft).and_then(|mut file| {
        payload.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        if overwrite { fs::rename(&draft, path) } else { fs::hard_link(&draft, path) }
    });
    if !overwrite || written.is_err() {
        // If it can't be removed, it remains as a file that nobody reads.
        let _ = fs::remove_file(&draft);
    }
    written?;
    sync(folder)
}

#[async_trait]
impl ObjectStore for DurableFiles {
    async fn put_opts(&self, location: &Location, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.put(location, &payload, opts.mode == PutMode::Overwrite)
    }

    async fn put_multipart_opts(
        &self,
        location: &Location,
        _opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload { files: self.clone(), location: location.clone(), parts: Vec::new() }))
    }

    async fn get_opts(&self, location: &Location, options: GetOptions) -> Result<GetResult> {
        let path = self.path(location);
        let failed = |error| failed(&path, error);
        let file = File::open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: metadata.modified().map_err(failed)?.into(),
            size: metadata.len(),
            e_tag: None,
            version: None,
        };
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => {
                let wrong = |error| Error::Generic { store: STORE, source: Box::new(error) };
                range.as_range(meta.size).map_err(wrong)?
            }
            None => 0..meta.size,
        };
        let bytes = if options.head { Bytes::new() } else { read(&file, &range).map_err(failed)? };
        let payload = GetResultPayload::Stream(stream::once(ready(Ok(bytes))).boxed());
        Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
    }

    async fn get_ranges(&self, location: &Location, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let path = self.path(location);
        let failed = |error| failed(&path, error);
        let file = File::open(&path).map_err(failed)?;
        ranges.iter().map(|range| read(&file, range).map_err(failed)).collect()
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Location>>) -> BoxStream<'static, Result<Location>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Location>, offset: &Location) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }
}

/// A file that arrives in parts: a checkpoint, which is small enough to keep until it is complete.
#[derive(Debug)]
struct Upload {
    files: DurableFiles,
    location: Location,
    parts: Vec<PutPayload>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.push(data);
        Box::pin(std::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let whole: PutPayload = self.parts.drain(..).flatten().collect();
        self.files.put(&self.location, &whole, true)
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        fs::write(&path, "0123456789").unwrap();
        let location = location(&path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = |ranges: &[Range<u64>]| runtime.block_on(DurableFiles::default().get_ranges(&location, ranges));
        assert_eq!(read(&[2..4, 0..10, 10..10]).unwrap(), ["23", "0123456789", ""]);
        for beyond in [9..11, 0..u64::MAX, u64::MAX - 1..u64::MAX] {
            let error = read(&[0..1, beyond]).unwrap_err().to_string();
            assert!(error.contains("part.parquet") && error.contains("ends before byte"), "{error}");
        }
    }

    #[test]
    fn a_folder_may_have_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let whole = |name: &[u8]| -> Vec<Range<u64>> { std::iter::once(0..name.len() as u64).collect() };
        for name in
            [&b"p%20x"[..], b"%41", b"a b", b"\xff\xfe", b"new\nline", b"back\\slash", "\u{e4}".as_bytes(), b"#?*[1]"]
        {
            let below = folder.path().join(OsStr::from_bytes(name));
            fs::create_dir(&below).unwrap();
            fs::write(below.join("part"), name).unwrap();
            let location = location(&below.join("../").join(OsStr::from_bytes(name)).join("part")).unwrap();
            let read = runtime.block_on(DurableFiles::default().get_ranges(&location, &whole(name))).unwrap();
            assert_eq!(read[0], name);
            let rooted = DurableFiles::below(&below).unwrap();
            let read = runtime.block_on(rooted.get_ranges(&Location::from("part"), &whole(name))).unwrap();
            assert_eq!(read[0], name);
        }
    }
}
