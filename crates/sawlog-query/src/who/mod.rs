//! What the logs know about one entity.

mod collect;
mod facet;
mod issues;
mod kind;
mod pivots;
mod profile;
mod targets;

use anyhow::Result;

use crate::filter::Filters;
use crate::query::Query;
use crate::records::Records;

pub use facet::{Facet, PerFacet};
pub use issues::Issue;
use kind::Guess;
pub use kind::Kind;
pub use profile::{Change, FacetValue, LogProfile, Profile};
pub use targets::AsTarget;

impl Records {
    /// What the records say about an entity, in those that match the filters. Its kind is guessed if it is not given.
    /// These records must have no filters of their own. Also returns the records that were searched.
    ///
    /// # Errors
    ///
    /// A [`WrongValue`](crate::WrongValue) if a value does not fit its filter. Also if data files can't be read.
    pub fn who(&self, filters: &Filters, entity: &str, kind: Option<Kind>) -> Result<(Self, Profile)> {
        let queries = self.queries();
        let guess = match kind {
            Some(kind) => Guess::of(kind, entity),
            None => kind::guess(queries, entity)?,
        };
        let mut about = Query::narrowed(queries, &guess.filters(filters))?;
        let mut profile = Profile::collect(&about, guess.clone())?;
        if kind.is_none()
            && profile.records == 0
            && let Some(other) = kind::guess_again(queries, &guess, entity)?
        {
            about = Query::narrowed(queries, &other.filters(filters))?;
            profile = Profile::collect(&about, other)?;
        }
        profile.as_target = targets::of(queries, filters, &guess)?;
        pivots::mark(queries, &mut profile)?;
        if profile.kind == Kind::AccessKey && !profile.entity.contains(['*', '?', '[']) {
            profile.issues = issues::of_key(queries, &profile.entity)?;
        }
        Ok((about.into(), profile))
    }
}
