//! `sawlog upgrade`: brings a store of an earlier version to the format that is written now.

use anyhow::Result;
use sawlog_store::parquet::Codec;
use sawlog_store::{FORMAT_VERSION, Store, reindex};
use serde::Serialize;

use crate::watch::{Watch, begin_run};

/// What an upgrade did.
#[derive(Debug, Serialize)]
pub struct Upgrade {
    /// The version of the store's format before.
    pub from: u64,
    /// The one that it has now.
    pub to: u64,
    /// Data files whose entities were indexed anew; none if there was nothing to do.
    pub data_files: usize,
}

/// Brings a store to the format that is written now. Readers need no upgrade: it adds the columns that tables lack, for other
/// tools, and makes the entity index anew, so that all answers that can come from it do.
///
/// # Errors
///
/// If the store can't be read or written; it is as it was then.
pub fn upgrade(store: &Store, watch: &dyn Watch) -> Result<Upgrade> {
    let mut run = begin_run(store, Codec::default(), watch)?;
    let from = store.format()?;
    if from == FORMAT_VERSION {
        return Ok(Upgrade { from, to: from, data_files: 0 });
    }
    let (_, data_files) = reindex(&mut run)?;
    run.upgrade();
    run.commit()?;
    Ok(Upgrade { from, to: FORMAT_VERSION, data_files })
}
