//! Converts AWS logs into a sawlog store, and keeps the store in order: what `sawlog` does, without its command line.
//!
//! ```no_run
//! use sawlog_convert::{Settings, convert};
//! use sawlog_store::Store;
//!
//! # fn main() -> anyhow::Result<()> {
//! let store = Store::open_or_create("store".as_ref())?;
//! let summary = convert(&store, &Settings::new(["evidence"]), &())?;
//! println!("{} files, {} records", summary.converted, summary.records);
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here prints, reads the command line or catches signals. What wants to be told how far a command is, or to stop it,
//! implements [`Watch`]; who does not care gives `&()`.

mod archive;
mod compact;
mod convert;
mod digests;
mod discover;
mod evidence;
mod manifest;
mod mapping;
mod merge;
mod remove;
mod row_groups;
mod upgrade;
mod verify;
mod watch;

pub use compact::{CompactedTable, Compaction, compact, worth_it};
pub use convert::{Changed, Misfit, Settings, Summary, Unread, convert};
pub use digests::{Validation, validate};
pub use discover::NOT_FOLLOWED;
pub use manifest::Manifest;
pub use remove::{Removal, RemovedFile, remove};
pub use upgrade::{Upgrade, upgrade};
pub use verify::{Verification, verify};
pub use watch::{Interrupted, Watch, begin_run};
