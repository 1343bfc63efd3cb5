//! The records that a question is about: records of a store's logs that match the filters.

use std::sync::Arc;

use anyhow::{Context, Result};
use sawlog_formats::Format;
use sawlog_store::Store;

use crate::filter::Filters;
use crate::query::Query;

/// The records of a store's logs that match filters. Its methods answer questions about them. Data files that can't
/// hold matching records are skipped, and what the entity index knows is not read.
#[derive(Clone)]
pub struct Records(Vec<Query>);

impl Records {
    /// The records that match the filters, in the logs that the filters name, or in all logs that have records.
    ///
    /// # Errors
    ///
    /// A [`WrongValue`](crate::WrongValue) if a value does not fit its filter. Also if the store can't be read.
    pub fn open(store: Store, filters: &Filters) -> Result<Self> {
        Ok(Self(Query::open(store, filters)?))
    }

    /// The records of the same logs that match other filters; this object's filters are ignored.
    ///
    /// # Errors
    ///
    /// The same as for [`Records::open`].
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

    /// How the answers so far were found, and what was read for them: one line per note.
    #[must_use]
    pub fn explanation(&self) -> Vec<String> {
        self.0.first().map(|query| query.explain.lines()).unwrap_or_default()
    }

    /// Runs a future of these records on the store's own threads, and waits for it. For callers without a tokio
    /// runtime. It works inside one, too, but blocks the calling thread.
    ///
    /// # Errors
    ///
    /// If there is no log.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output> {
        Ok(self.store()?.block_on(future))
    }

    /// The store.
    ///
    /// # Errors
    ///
    /// If there are no logs to ask.
    pub fn store(&self) -> Result<&Arc<Store>> {
        Ok(&self.0.first().context("there are no logs to query")?.store)
    }

    /// One query for each log.
    pub(crate) fn queries(&self) -> &[Query] {
        &self.0
    }
}

impl From<Vec<Query>> for Records {
    fn from(queries: Vec<Query>) -> Self {
        Self(queries)
    }
}
