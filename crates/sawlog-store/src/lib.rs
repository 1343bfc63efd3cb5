#![doc = include_str!("../README.md")]
//!
//! # How it is built
//!
//! [`Store`] says where things are and what each table holds now; [`Run`] adds to it, all or nothing; [`Source`] is a
//! row of the ledger; [`parquet`] writes data files.
#![forbid(unsafe_code)]

mod batches;
mod commit;
mod confine;
mod damage;
mod data_file;
mod delta;
mod durable;
mod entities;
mod error;
mod folders;
mod intent;
mod lacking;
mod ledger;
mod log;
mod panics;
pub mod parquet;
mod read;
mod recount;
mod recovery;
mod reindex;
mod run;
mod snapshot;
mod source;
mod store;
mod tables;
mod tail_checksum;
mod vacuum;
mod version;
mod waiting;

pub use batches::Batches;
pub use confine::checked_path;
pub use damage::{Unnamed, check_file, damaged_file};
pub use data_file::{DataFileEntry, open_checked};
pub use durable::{DurableFiles, location};
pub use entities::{
    ENTITIES, FieldId, INDEX_FILE_ROWS, IndexRow, PackedFirst, PackedSum, ValueSums, packed_sums, positions,
};
pub use error::{Result, StoreError};
pub use lacking::{columns_checksum, stored_fields};
pub use ledger::SortedSources;
pub use panics::{Panicked, caught};
pub use read::{TableReader, read_file};
pub use recovery::UndoneRun;
pub use reindex::{Doubtful, doubtful, each_index_row, index_differences, reindex};
pub use run::{Run, StagedFile};
pub use snapshot::Snapshot;
pub use source::{SOURCES, SharedText, Source, SourceState, file_name};
pub use store::Store;
pub use tables::{TABLES, table};
pub use tail_checksum::Tail;
pub use vacuum::{Vacuumed, vacuum};
pub use version::FORMAT_VERSION;
