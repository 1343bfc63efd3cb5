//! `sawq report`: one self-contained page for a case file.

mod chosen;
mod command;
mod counts;
mod entity;
mod facts;
mod page;
mod sources;
mod tables;
mod text;
mod timeline;
mod verified;

use std::io::Write;

use anyhow::{Context, Result};

use crate::cli::{FilterArgs, ReportArgs};
use crate::query::Query;
use crate::render::file::{Existing, NewFile};
use crate::who::{Geo, look_up};
use facts::Facts;
use page::Page;
use verified::Verified;

/// Writes the page. `queries` are all records; the filters say which ones the page is about.
pub(crate) fn write(queries: &[Query], filters: &FilterArgs, args: &ReportArgs, quiet: bool) -> Result<()> {
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    // First of all, since what follows takes a while.
    let mut file = sources::new_file(&args.out, existing)?;
    let verified = args.verified.as_deref().map(Verified::read).transpose()?;
    let about = Query::narrowed(queries, filters)?;
    let geo = args.geoip.as_deref().map(Geo::open).transpose()?;
    let mut entities = Vec::new();
    for entity in &args.entity {
        let (records, profile) = look_up(queries, filters, entity, None)?;
        if profile.records == 0 && !quiet {
            eprintln!("sawq: --entity {} was not seen", sawlog_formats::visible(entity));
            crate::near::explain_nothing(&records)?;
        }
        entities.push(if let Some(geo) = &geo { profile.located(geo) } else { profile });
    }
    let mut facts = Facts::collect(&about, queries, args.number)?;
    let list = facts.sources.write_list(&args.out, existing)?;
    let html = Page { args, facts: &facts, entities: &entities, verified: verified.as_ref() }.html()?;
    file.write_all(html.as_bytes()).with_context(|| format!("can't write {}", args.out.display()))?;
    // The page says what is in the list, so that comes first.
    list.map_or(Ok(()), NewFile::finish)?;
    file.finish()?;
    if !quiet {
        let records = text::count(facts.records(), "record", "records");
        let list = facts.sources.list.as_ref().map(|(name, _)| format!(", all sources in {name}")).unwrap_or_default();
        eprintln!("sawq: {records} on {}{list}", args.out.display());
    }
    Ok(())
}
