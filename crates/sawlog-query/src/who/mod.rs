//! All that the logs know of one entity.

mod collect;
mod facet;
mod issues;
mod kind;
mod pivots;
mod profile;

use anyhow::Result;

use crate::filter::Filters;
use crate::query::Query;
use crate::records::Records;

pub use facet::{Facet, PerFacet};
pub use issues::Issue;
pub use kind::Kind;
pub use profile::{Change, FacetValue, LogProfile, Profile};

impl Records {
    /// What is known of an entity, whose kind is guessed if it is not given, in the records that the filters leave of these; these have no
    /// filters of their own. Gives the records that it was looked for in, too.
    ///
    /// # Errors
    ///
    /// A [`WrongValue`](crate::WrongValue) if a value is not what its filter takes; else if data files can't be read.
    pub fn who(&self, filters: &Filters, entity: &str, kind: Option<Kind>) -> Result<(Self, Profile)> {
        let queries = self.queries();
        let guess = match kind {
            Some(kind) => kind::Guess { kind, value: kind.value(entity), also: Vec::new() },
            None => kind::guess(queries, entity)?,
        };
        let about = Query::narrowed(queries, &guess.kind.filters(&guess.value, filters))?;
        let mut profile = Profile::collect(&about, guess)?;
        pivots::mark(queries, &mut profile)?;
        if profile.kind == Kind::AccessKey && !profile.entity.contains(['*', '?', '[']) {
            profile.issues = issues::of_key(queries, &profile.entity)?;
        }
        Ok((about.into(), profile))
    }
}
