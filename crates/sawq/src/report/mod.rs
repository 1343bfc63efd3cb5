//! `sawq report`: one self-contained page for a case file.

mod facts;
mod page;

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result, bail};

use crate::cli::{FilterArgs, ReportArgs};
use crate::query::Query;
use crate::who::{Geo, look_up};
use facts::Facts;

/// Writes the page. `queries` are all records; the filters say which ones the page is about.
pub(crate) fn write(queries: &[Query], filters: &FilterArgs, args: &ReportArgs, quiet: bool) -> Result<()> {
    if !args.force && args.out.symlink_metadata().is_ok() {
        bail!("{} exists; nothing was written. Use --force to overwrite it", args.out.display());
    }
    let about = Query::narrowed(queries, filters)?;
    let geo = args.geoip.as_deref().map(Geo::open).transpose()?;
    let mut entities = Vec::new();
    for entity in &args.entity {
        let (_, profile) = look_up(queries, filters, entity, None)?;
        entities.push(if let Some(geo) = &geo { profile.located(geo) } else { profile });
    }
    let facts = Facts::collect(&about, queries)?;
    let html = page::page(&args.title, &facts, &entities)?;
    let wrong = || format!("can't write {}", args.out.display());
    let mut file = File::create(&args.out).with_context(wrong)?;
    file.write_all(html.as_bytes()).with_context(wrong)?;
    if !quiet {
        eprintln!("sawq: {} records on {}", facts.records(), args.out.display());
    }
    Ok(())
}
