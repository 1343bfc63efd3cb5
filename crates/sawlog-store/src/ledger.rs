//! The ledger: a row for each input file that was ever read. It makes conversion incremental and verification
//! possible.

use crate::error::{Result, StoreError};
use crate::read::read_file;
use crate::source::{NO_LEDGER, SOURCES, SharedTexts, Source};
use crate::store::Store;

/// Memory is reserved for at most this many rows before they are read.
const MOST_RESERVED: u64 = 1 << 20;

impl Source {
    /// Calls `take` with each row of the ledger, in any order.
    ///
    /// # Errors
    ///
    /// If the table can't be read.
    pub fn for_each(store: &Store, mut take: impl FnMut(Self)) -> Result<()> {
        let snapshot = store.snapshot(&SOURCES)?;
        let mut shared = SharedTexts::default();
        for file in &snapshot.files {
            for batch in read_file(&SOURCES, &snapshot.folder, file, None)? {
                let wrong = || StoreError::damaged(&snapshot.folder.join(&file.path), NO_LEDGER);
                Self::read_each(&batch?, &mut shared, &mut take).ok_or_else(wrong)?;
            }
        }
        Ok(())
    }

    /// The whole ledger, sorted by path.
    ///
    /// # Errors
    ///
    /// If the table can't be read.
    pub fn load_all(store: &Store) -> Result<Vec<Self>> {
        // The count from the log only decides how often the memory grows.
        let rows = store.snapshot(&SOURCES)?.rows().min(MOST_RESERVED);
        let mut sources = Vec::with_capacity(usize::try_from(rows).unwrap_or_default());
        Self::for_each(store, |source| sources.push(source))?;
        // The rows of one run are sorted already. A stable sort would take half as much memory again.
        if !sources.is_sorted_by(|a, b| a.path <= b.path) {
            sources.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        }
        Ok(sources)
    }
}
