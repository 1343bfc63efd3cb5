#![doc = include_str!("../README.md")]

mod compact;
mod convert;
mod digests;
mod discover;
mod evidence;
mod found;
mod manifest;
mod mapping;
mod merge;
mod remove;
mod row_groups;
mod upgrade;
mod verify;
mod watch;

pub use compact::{CompactedTable, Compaction, compact, worth_it};
pub use convert::{ArchiveMember, Changed, Misfit, OpenedArchive, Settings, Summary, Unread, convert, open_archive};
pub use digests::{Validation, validate};
pub use discover::NOT_FOLLOWED;
pub use manifest::Manifest;
pub use remove::{Removal, RemovedFile, remove};
pub use upgrade::{Upgrade, upgrade};
pub use verify::{Verification, verify};
pub use watch::{Interrupted, Watch, begin_run};
