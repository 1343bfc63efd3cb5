//! The records that a question is about: those of a store's logs that filters leave.

use std::sync::Arc;

use anyhow::{Context, Result};
use sawlog_formats::Format;
use sawlog_store::Store;

use crate::filter::Filters;
use crate::query::Query;

/// The records of a store's logs that filters leave. Its methods answer questions about them; data files that can't hold what is asked
/// for are passed over, and what the entity index knows is not read.
#[derive(Clone)]
pub struct Records(Vec<Query>);

impl Records {
    /// The records that the filters leave, of the logs that hold any, or of those that the filters name.
    ///
    /// # Errors
    ///
    /// A [`WrongValue`](crate::WrongValue) if a value is not what its filter takes; else if the store can't be read.
    pub fn open(store: Store, filters: &Filters) -> Result<Self> {
        Ok(Self(Query::open(store, filters)?))
    }

    /// The records that other filters leave of the same logs, whatever the filters of these are.
    ///
    /// # Errors
    ///
    /// As [`Records::open`] has them.
    pub fn narrowed(&self, filters: &Filters) -> Result<Self> {
        Ok(Self(Query::narrowed(&self.0, filters)?))
    }

    /// The formats of the logs.
    pub fn formats(&self) -> impl Iterator<Item = &'static Format> {
        self.0.iter().map(|query| query.format)
    }

    /// Whether there is any filter.
    #[must_use]
    pub fn are_filtered(&self) -> bool {
        self.0.iter().any(|query| query.filters.any())
    }

    /// How the answers so far came about, and what was read for them: a line for each note.
    #[must_use]
    pub fn explanation(&self) -> Vec<String> {
        self.0.first().map(|query| query.explain.lines()).unwrap_or_default()
    }

    /// Runs a future of these records on the store's own threads, and waits for it: for those who have no tokio runtime. It works within one,
    /// too, but then the thread is not there for others meanwhile.
    ///
    /// # Errors
    ///
    /// If there is no log.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output> {
        Ok(self.store()?.block_on(future))
    }

    /// The store.
    pub(crate) fn store(&self) -> Result<&Arc<Store>> {
        Ok(&self.0.first().context("there is no log to ask")?.store)
    }

    /// Those of each log.
    pub(crate) fn queries(&self) -> &[Query] {
        &self.0
    }
}

impl From<Vec<Query>> for Records {
    fn from(queries: Vec<Query>) -> Self {
        Self(queries)
    }
}
