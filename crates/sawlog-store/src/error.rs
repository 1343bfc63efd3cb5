//! What can go wrong with a store.

use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use deltalake::logstore::object_store;

use crate::version::FORMAT_VERSION;

/// A result of a store's operation.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What went wrong, and where. The text includes the cause, so that printing the chain of causes repeats nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no folder of that name.
    #[error("there is no store at {0}; make one with 'sawlog convert PATH --store {0}'")]
    Missing(PathBuf),
    /// It is a file, or inside one.
    #[error("{0} is a file, but a store is a folder; give another --store")]
    NotAFolder(PathBuf),
    /// The folder holds other things.
    #[error("{0} is not a sawlog store: it has no ledger in sources/_delta_log; check --store")]
    NotAStore(PathBuf),
    /// A newer sawlog wrote it, in a format that this one does not know.
    #[error(
        "{store} has format {format}, written by a newer sawlog; this version reads formats up to {FORMAT_VERSION}: use the newer sawlog"
    )]
    Newer {
        /// The store's folder.
        store: PathBuf,
        /// The version of its format.
        format: u64,
    },
    /// A file or folder could not be read or written.
    #[error("{path}: {cause}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A data file could not be read or written.
    #[error("{path}: {cause}")]
    Parquet {
        /// The data file.
        path: PathBuf,
        /// What is wrong with it.
        cause: ::parquet::errors::ParquetError,
    },
    /// A data file could be opened, but its content can't be decoded.
    #[error("{path} is damaged: {cause}")]
    Decode {
        /// The data file.
        path: PathBuf,
        /// What its reader says.
        cause: ArrowError,
    },
    /// A table's log could not be read or written.
    #[error("table {table} of the store: {cause}")]
    Delta {
        /// The table.
        table: &'static str,
        /// What the log's reader or writer says.
        cause: Box<deltalake::DeltaTableError>,
    },
    /// What a run committed could not be read back, so the run was undone.
    #[error("the run was undone, and the store is as it was before: {cause}")]
    Undone {
        /// Why it could not be read.
        cause: Box<StoreError>,
    },
    /// A table's log or an intent has wrong content.
    #[error("{path}: {what}")]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl StoreError {
    /// Adds the path to an I/O error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |cause| Self::Io { path: path.to_owned(), cause }
    }

    /// Adds the path to a Parquet error.
    pub(crate) fn parquet(path: &Path) -> impl FnOnce(::parquet::errors::ParquetError) -> Self + '_ {
        move |cause| Self::Parquet { path: path.to_owned(), cause }
    }

    /// Names the data file that can't be decoded.
    pub(crate) fn decode(path: &Path) -> impl FnOnce(ArrowError) -> Self + '_ {
        move |cause| Self::Decode { path: path.to_owned(), cause }
    }

    /// Names the table of a log's error.
    pub(crate) fn delta(table: &'static str) -> impl FnOnce(deltalake::DeltaTableError) -> Self {
        move |cause| Self::Delta { table, cause: Box::new(cause) }
    }

    /// Whether the system could not read or write, so that trying again may help.
    pub(crate) fn is_of_disk(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = match self {
            Self::Io { .. } => return true,
            Self::Delta { cause, .. } => Some(cause.as_ref()),
            Self::Parquet { cause, .. } => Some(cause),
            Self::Decode { cause, .. } => Some(cause),
            _ => None,
        };
        while let Some(error) = cause {
            if error.is::<std::io::Error>() || error.is::<object_store::Error>() {
                return true;
            }
            cause = error.source();
        }
        false
    }

    pub(crate) fn damaged(path: &Path, what: impl std::fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.to_string() }
    }
}
