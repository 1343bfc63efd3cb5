//! `sawq who`: all that the logs know of one entity, on one screen.

mod collect;
mod facet;
mod geo;
mod issues;
mod kind;
mod pivots;
mod profile;
mod screen;

use anyhow::Result;

use crate::cli::{FilterArgs, WhoArgs};
use crate::output::{Output, Target};
use crate::query::Query;

pub(crate) use facet::Facet;
pub(crate) use geo::Geo;
pub(crate) use kind::Kind;
pub(crate) use profile::{FacetValue, Profile};

/// Prints what is known of the entity; says whether there is anything, and the records it was looked for in.
pub(crate) fn who(
    queries: &[Query],
    filters: &FilterArgs,
    args: &WhoArgs,
    target: &Target,
) -> Result<(Vec<Query>, bool)> {
    let geo = args.geoip.as_deref().map(Geo::open).transpose()?;
    let (about, profile) = look_up(queries, filters, &args.entity, args.kind)?;
    let profile = if let Some(geo) = &geo { profile.located(geo) } else { profile };
    match target.format {
        None => screen::print(&profile, args.number, target.is_coloured(), &mut target.open()?)?,
        Some(crate::cli::Format::Json) => screen::print_json(&profile, &mut target.open()?)?,
        Some(_) => {
            let mut output = Output::new(target)?;
            output.batch(&profile.table()?)?;
            output.finish()?;
        }
    }
    Ok((about, profile.records > 0))
}

/// Looks an entity up, whose kind is guessed if it is not given.
pub(crate) fn look_up(
    queries: &[Query],
    filters: &FilterArgs,
    entity: &str,
    kind: Option<Kind>,
) -> Result<(Vec<Query>, Profile)> {
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
    Ok((about, profile))
}
