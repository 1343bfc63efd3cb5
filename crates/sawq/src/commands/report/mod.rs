//! `sawq report`: one self-contained page for a case file.
#![expect(clippy::doc_markdown, reason = "help is shown as it is written")]

mod list;
mod quoted;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use sawlog_query::report::{Facts, Verified};

use super::Context;
use super::context::explain_nothing;
use crate::geo::Geo;
use crate::output::{Existing, NewFile, hint};
use crate::report::{Head, Page, count};
use crate::usage::BadValue;

pub(super) const HELP: &str = "\
Examples:
  sawq report -o case.html
  sawq report -o case.html --entity 3.238.12.183 --entity jmerckle --title 'Case 7' --force
  sawq report -o day.html --since 2021-07-29 --until 2021-07-29
  sawlog verify --json > verified.json; sawq report -o case.html --verified verified.json";

/// What `report` writes.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The page. If there are more than 300 sources, a file beside it lists them: NAME.sources.csv
    #[arg(id = "output", long = "output", short = 'o', alias = "out", value_name = "FILE.html")]
    out: PathBuf,
    /// Add a section on this entity (see sawq who); may be repeated
    #[arg(value_parser = super::who::entity, long, value_name = "ENTITY")]
    entity: Vec<String>,
    /// The title
    #[arg(long, default_value = "AWS log report", value_name = "TEXT")]
    title: String,
    /// The case number, for the head of the page and each printed sheet
    #[arg(long, value_name = "TEXT")]
    case_number: Option<String>,
    /// Who examined the logs, for the head of the page
    #[arg(long, value_name = "NAME")]
    examiner: Option<String>,
    /// What the logs are and where they came from, for the head of the page
    #[arg(long, value_name = "TEXT")]
    evidence: Option<String>,
    /// Quote the result of 'sawlog verify --json > FILE.json'
    #[arg(long, value_name = "FILE.json")]
    verified: Option<PathBuf>,
    /// Show up to N lines of the timeline; failures and changes come before others; 0 for all
    #[arg(short = 'n', long, default_value_t = 4000, value_name = "N")]
    number: usize,
    /// Overwrite an existing page and its list of sources
    #[arg(long)]
    force: bool,
    /// Add the country and network of addresses, from the MaxMind databases (*.mmdb) in this folder
    #[arg(long, value_name = "DIR")]
    geoip: Option<PathBuf>,
}

impl Report {
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        context.takes_no_form("report")?;
        let is_html =
            |ending: &std::ffi::OsStr| ending.eq_ignore_ascii_case("html") || ending.eq_ignore_ascii_case("htm");
        if !self.out.extension().is_some_and(is_html) {
            let out = self.out.display().to_string();
            return Err(BadValue::new("--output", &out, "the page is HTML; give a name such as FILE.html").into());
        }
        self.write(context)
    }

    /// Writes the page.
    fn write(&self, context: &Context<'_>) -> Result<()> {
        let (all, quiet) = (context.all()?, context.global.quiet);
        let existing = if self.force { Existing::Replace } else { Existing::Keep };
        // Checked first, since the rest takes a while.
        let mut file = list::new_file(&self.out, existing)?;
        let verified = self.verified.as_deref().map(Verified::read).transpose()?;
        let about = all.narrowed(context.filters)?;
        let geo = self.geoip.as_deref().map(Geo::open).transpose()?;
        let mut entities = Vec::new();
        for entity in &self.entity {
            let (records, profile) = all.who(context.filters, entity, None)?;
            if profile.records == 0 && profile.as_target.is_empty() && !quiet {
                hint(&format!("--entity {entity} is not in the records"));
                explain_nothing(&records)?;
            }
            entities.push(if let Some(geo) = &geo { profile.located(|address| geo.place(address)) } else { profile });
        }
        let facts = Facts::collect(&about, &all, self.number)?;
        let (sources, no_formulas) = (&facts.sources, context.global.no_formulas);
        let list = list::is_needed(sources.count)
            .then(|| list::write(all.store()?, sources, &self.out, existing, no_formulas))
            .transpose()?;
        let (list, list_file) = list.unzip();
        let page = Page {
            head: &self.head(),
            facts: &facts,
            entities: &entities,
            verified: verified.as_ref(),
            list: list.as_ref(),
        };
        let html = page.html()?;
        file.write_all(html.as_bytes()).with_context(|| format!("can't write {}", self.out.display()))?;
        // The page has the checksum of the list, so the list comes first.
        list_file.map_or(Ok(()), NewFile::finish)?;
        file.finish()?;
        if !quiet {
            let records = count(facts.records(), "record", "records");
            let list = list.map(|list| format!("; {} lists all sources", list.name)).unwrap_or_default();
            hint(&format!("{} covers {records}{list}", self.out.display()));
        }
        Ok(())
    }

    /// The texts that the command line gives for the page.
    fn head(&self) -> Head {
        let words = quoted::words();
        Head {
            title: self.title.clone(),
            case_number: self.case_number.clone(),
            examiner: self.examiner.clone(),
            evidence: self.evidence.clone(),
            filters: quoted::filters(&words),
            timeline: quoted::for_timeline(&words),
            command_line: quoted::whole(&words),
        }
    }
}
