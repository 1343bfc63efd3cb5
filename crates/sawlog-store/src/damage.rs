//! Damaged data files: checks a file by its bytes, and finds the file that an error of the query engine is about.

use std::error::Error;
use std::path::{Path, PathBuf};

use ::parquet::errors::ParquetError;
use arrow::error::ArrowError;
use deltalake::logstore::object_store;
use sawlog_formats::Table;
use tokio::task::JoinError;

use crate::data_file::{DataFileEntry, open_checked};
use crate::error::StoreError;
use crate::panics::Panicked;
use crate::parquet::damaged_page;
use crate::read::read_file;
use crate::store::Store;
use crate::tables::TABLES;

/// Checks that a data file is what was written, to the last bit: its size, its footer and the bytes before it, and
/// every page of every column, whether or not a query would read it.
///
/// # Errors
///
/// If it differs, or can't be read.
pub fn check_file(table: &'static Table, folder: &Path, entry: &DataFileEntry) -> Result<(), StoreError> {
    let path = folder.join(&entry.path);
    let file = open_checked(folder, entry)?;
    if entry.tail.is_none() {
        // Written before footers had a checksum: the only check is to read it.
        return read_file(table, folder, entry, None)?.try_for_each(|batch| batch.map(|_| ()));
    }
    match damaged_page(&file).map_err(StoreError::parquet(&path))? {
        None => Ok(()),
        Some(what) => Err(StoreError::damaged(&path, format!("is damaged: {what}"))),
    }
}

/// An error from a reader of data files that does not name the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unnamed(String);

impl Unnamed {
    /// The message of the innermost reader, if the error or one of its causes comes from a reader and none of them
    /// names a file.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut found = None;
        let mut cause = Some(error);
        while let Some(error) = cause {
            if error.is::<StoreError>() || error.is::<object_store::Error>() {
                return None;
            }
            let is_of_reader = error.is::<Self>()
                || error.is::<Panicked>()
                || error.is::<ParquetError>()
                || matches!(error.downcast_ref(), Some(ArrowError::ParquetError(_)))
                || error.downcast_ref().is_some_and(JoinError::is_panic);
            if is_of_reader {
                found = Some(Self(error.to_string()));
            }
            cause = error.source();
        }
        found
    }
}

/// The data file of the store at `root` that an [`Unnamed`] error is about: the first one whose bytes are not what
/// was written. Of all readers, only the query engine does not name its file. The check takes a while, but runs only
/// after an error.
#[must_use]
pub fn damaged_file(root: &Path, error: &(dyn Error + 'static)) -> Option<PathBuf> {
    Unnamed::of(error)?;
    let store = Store::open(root).ok()?;
    TABLES().into_iter().filter_map(|table| store.snapshot(table).ok()).find_map(|snapshot| {
        let damaged = snapshot.files.iter().find(|file| check_file(snapshot.table, &snapshot.folder, file).is_err());
        damaged.map(|file| snapshot.folder.join(&file.path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error and its cause.
    #[derive(Debug, thiserror::Error)]
    #[error("the query failed")]
    struct Failed(#[source] Box<dyn Error + Send + Sync>);

    #[test]
    fn errors_of_readers_are_known_by_their_types() {
        let is_unnamed = |error: Box<dyn Error + Send + Sync>| Unnamed::of(&Failed(error)).is_some();
        assert!(is_unnamed(Box::new(ParquetError::General("a page".to_owned()))));
        assert!(is_unnamed(Box::new(Failed(Box::new(ArrowError::ParquetError("a page".to_owned()))))));
        // Other text makes no difference, and neither do mistakes in a query.
        assert!(!is_unnamed("Parquet error: Arrow: internal error".into()));
        assert!(!is_unnamed(Box::new(ArrowError::CastError("not a number".to_owned()))));
        // This one says where it is.
        let named = StoreError::damaged(Path::new("part.parquet"), "is damaged");
        assert!(!is_unnamed(Box::new(ParquetError::External(Box::new(named)))));
    }
}
