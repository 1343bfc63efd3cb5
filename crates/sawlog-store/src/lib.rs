#![doc = include_str!("../README.md")]
//!
//! # How it is made up
//!
//! [`Store`] says where things are and what each table holds now; [`Run`] adds to it, all or nothing; [`Source`] is a row
//! of the ledger; [`parquet`] writes data files.
#![forbid(unsafe_code)]

mod batches;
mod damage;
mod delta;
mod durable;
mod entities;
mod error;
mod inside;
mod intent;
mod lacking;
mod ledger;
pub mod parquet;
mod read;
mod run;
mod store;
mod tail;
mod vacuum;
mod version;
mod waiting;

pub use batches::Batches;
pub use damage::{caught, check_file, damaged_file};
pub use delta::{DataFileEntry, Snapshot};
pub use durable::{DurableFiles, location};
pub use entities::{
    ENTITIES, FIELDS, INDEX_FILE_ROWS, IndexRow, IndexedField, Said, StandingSum, StandingSums, each_index_row,
    index_differences, positions, reindex, standing_sums,
};
pub use error::{Result, StoreError};
pub use inside::checked_path;
pub use lacking::{columns_checksum, stored_fields};
pub use ledger::{SOURCES, SharedText, Source, SourceState, file_name};
pub use read::{TableReader, read_file};
pub use run::{Run, StagedFile};
pub use store::{Store, TABLES, UndoneRun, table};
pub use tail::{Tail, open_checked};
pub use vacuum::{Vacuumed, vacuum};
pub use version::FORMAT_VERSION;
