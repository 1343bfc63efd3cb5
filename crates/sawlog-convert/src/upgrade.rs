//! `sawlog upgrade`: brings a store of an earlier version to the current format.

use anyhow::Result;
use sawlog_store::parquet::Codec;
use sawlog_store::{FORMAT_VERSION, Store, reindex};
use serde::Serialize;

use crate::watch::{Watch, begin_run};

/// What an upgrade did.
#[derive(Debug, Serialize)]
pub struct Upgrade {
    /// The version of the store's format before the upgrade.
    pub from: u64,
    /// The one that it has now.
    pub to: u64,
    /// Data files whose entities were indexed again; 0 if there was nothing to do.
    pub data_files: usize,
}

/// Upgrades a store to the current format. sawlog and sawq do not need this. It adds the columns that tables lack, so
/// that other tools see them, and rebuilds the entity index, which can then answer all that a new store's index
/// answers.
///
/// # Errors
///
/// If the store can't be read or written. The store is then as it was before.
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
