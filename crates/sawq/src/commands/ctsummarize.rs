//! `sawq ctsummarize`: the five files of the tool of that name, about one caller's events.

use std::collections::HashMap;
use std::io::Write;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use icu_collator::options::{AlternateHandling, CollatorOptions, Strength};
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};
use sawlog_formats::{cloudtrail, counted};
use sawlog_query::Records;
use sawlog_query::ctsummarize::Event;

use super::Context;
use crate::options::expand;
use crate::output::{Existing, Form, NewFile, hint, without_formula};
use crate::usage::{BadCommand, BadValue};

pub(super) const HELP: &str = "\
Examples:
  sawq ctsummarize 3.238.12.183 -o case
  sawq ctsummarize --user jmerckle --since 2021-07-29 -o case --force
  sawq ctsummarize --access-key AKIAIOSFODNN7EXAMPLE --all-write --no-formulas -o case";
/// The user agent is cut to this many characters in the summary.
const AGENT_LEN: usize = 20;
const FILES: [&str; 5] =
    ["accesskeys.txt", "eventsummary.csv", "eventsummary.txt", "useragent.txt", "writeevents.json"];
const HEADER: [&str; 6] = ["EventTime", "UserName", "AccessKeyId", "EventName", "UserAgent", "ErrorMessage"];
/// The text for a field that an event lacks.
const ABSENT: &str = "null";

/// What `ctsummarize` writes.
#[derive(Debug, Args)]
pub(crate) struct Ctsummarize {
    /// The caller's address, or @FILE with a list of them; or use any filter instead
    address: Option<String>,
    /// The folder for the files
    #[arg(id = "output", long = "output", short = 'o', alias = "out", default_value = ".", value_name = "DIR")]
    out: PathBuf,
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
    /// Count every event that is not read-only as a write event, not only Put… and Create…
    #[arg(long)]
    all_write: bool,
}

impl Ctsummarize {
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        context.takes_no_form("ctsummarize")?;
        check_folder(&self.out)?;
        let mut filters = context.filters.clone();
        let mut addresses: Vec<String> = self.address.iter().cloned().collect();
        expand("ADDRESS", &mut addresses)?;
        filters.ip.extend(addresses);
        let records = context.only(&cloudtrail::TABLE, &filters)?;
        let any = self.write(&records, context)?;
        context.explain(&records, any)
    }

    /// Writes the files. Says whether there was any event.
    fn write(&self, records: &Records, context: &Context<'_>) -> Result<bool> {
        if !records.are_filtered() {
            bail!(BadCommand(
                "whose events? Give an address (sawq ctsummarize 3.238.12.183) or a filter (--user jmerckle)"
                    .to_owned()
            ));
        }
        std::fs::create_dir_all(&self.out).with_context(|| format!("can't make the folder {}", self.out.display()))?;
        let paths = FILES.map(|name| self.out.join(name));
        if let (false, Some(there)) = (self.force, paths.iter().find(|path| path.symlink_metadata().is_ok())) {
            bail!(
                "{} exists; nothing was written. Use --force to overwrite it, or -o for another folder",
                there.display()
            );
        }
        let events = records.events()?;
        let existing = if self.force { Existing::Replace } else { Existing::Keep };
        let [mut keys, mut csv, mut text, mut agents, mut writes] = files(&paths, existing)?;
        let no_formulas = context.global.no_formulas;
        let written = thread::scope(|scope| {
            let lists = [&mut keys, &mut csv, &mut text, &mut agents];
            // The text of write events is read meanwhile.
            let listing = scope.spawn(|| list(&events, lists, no_formulas));
            let written = records.write_events(self.all_write, |text| Ok(writes.write_all(text)?));
            listing.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            written
        })?;
        // All five files are complete before the first one gets its name.
        [keys, csv, text, agents, writes].into_iter().try_for_each(NewFile::finish)?;
        if !context.global.quiet {
            let kind = if written == 1 { "a write event" } else { "write events" };
            let events = counted(events.len(), "event");
            hint(&format!("{events}, {written} of them {kind}: {}", FILES.join(" ")));
        }
        Ok(!events.is_empty())
    }
}

/// Refuses a name that looks like a single file.
fn check_folder(out: &Path) -> Result<(), BadValue> {
    if out.is_dir() || Form::of(out) == (Form { format: None, is_gzip: false }) {
        return Ok(());
    }
    Err(BadValue::new("--output", &out.display().to_string(), "ctsummarize writes five files: give a folder"))
}

/// Begins the five files.
fn files(paths: &[PathBuf; 5], existing: Existing) -> Result<[NewFile; 5]> {
    let files: Vec<NewFile> = paths.iter().map(|path| NewFile::create(path, false, existing)).collect::<Result<_>>()?;
    files.try_into().ok().context("five files")
}

/// Writes all files but the one of write events.
fn list(events: &[Event], [keys, csv, text, agents]: [&mut NewFile; 4], no_formulas: bool) -> Result<()> {
    counts(agents, events.iter().map(|event| event.user_agent.as_deref().unwrap_or(ABSENT)))?;
    summary(text, events)?;
    write_csv(csv, events, no_formulas)?;
    // A sign-in has an empty key, which counts as none.
    let used = events.iter().filter_map(|event| event.access_key_id.as_deref());
    counts(keys, used.filter(|key| !key.is_empty()))?;
    counts(keys, events.iter().flat_map(|event| &event.new_keys).map(String::as_str))
}

/// What `sort | uniq -c` prints in the locale `en_US`.
fn counts<'a>(out: &mut impl Write, values: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let collator = collator()?;
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by(|(a, _), (b, _)| collator.compare(a, b).then_with(|| a.cmp(b)));
    for (value, count) in counts {
        writeln!(out, "{count:>7} {}", one_line(value))?;
    }
    Ok(())
}

/// A collator that compares letters and digits first, and punctuation only if those are equal.
fn collator() -> Result<CollatorBorrowed<'static>> {
    let mut options = CollatorOptions::default();
    options.alternate_handling = Some(AlternateHandling::Shifted);
    options.strength = Some(Strength::Quaternary);
    // English sorts like the root of all locales.
    Ok(Collator::try_new(CollatorPreferences::default(), options)?)
}

/// Text without line breaks: a log may contain anything.
fn one_line(text: &str) -> String {
    text.replace('\n', "\\n").replace('\r', "\\r")
}

fn summary(out: &mut impl Write, events: &[Event]) -> Result<()> {
    let [time, user, key, name, agent, error] = HEADER;
    writeln!(out, "{time} {user} {key} {name} \"{agent}\" \"{error}\"")?;
    let or_null = |text: &Option<String>| text.as_deref().unwrap_or(ABSENT).to_owned();
    let mut lines: Vec<String> = events
        .iter()
        .map(|event| {
            let agent: String = or_null(&event.user_agent).chars().take(AGENT_LEN).collect();
            let line = [&event.time, &or_null(&event.user_name), &or_null(&event.access_key_id), &or_null(&event.name)]
                .map(String::as_str)
                .join(" ");
            one_line(&format!("{line} \"{agent}\" \"{}\"", or_null(&event.error_message)))
        })
        .collect();
    lines.sort();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn write_csv(out: &mut impl Write, events: &[Event], no_formulas: bool) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(HEADER)?;
    let mut rows: Vec<[&str; 6]> = events
        .iter()
        .map(|event| {
            [
                event.time.as_str(),
                event.user_name.as_deref().unwrap_or_default(),
                event.access_key_id.as_deref().unwrap_or_default(),
                event.name.as_deref().unwrap_or_default(),
                event.user_agent.as_deref().unwrap_or_default(),
                event.error_message.as_deref().unwrap_or_default(),
            ]
        })
        .collect();
    rows.sort_unstable();
    for row in rows {
        let plain = |cell| if no_formulas { without_formula(cell) } else { cell.into() };
        csv.write_record(row.map(plain).iter().map(|cell| cell.as_bytes()))?;
    }
    Ok(csv.flush()?)
}
