//! `sawq ctsummarize`: the five files of the tool of that name, about one caller's events.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::logical_expr::{ident, lit};
use icu_collator::options::{AlternateHandling, CollatorOptions, Strength};
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};
use sawlog_formats::TextColumn;

use crate::cli::{CtsummarizeArgs, Global};
use crate::logs::resolve;
use crate::query::{EVIDENCE_ORDER, Query};
use crate::render::delimited::without_formula;
use crate::render::file::{Existing, NewFile};
use crate::render::form::Form;
use crate::usage::{BadCommand, BadValue};

/// What the user agent is cut to in the summary, in characters.
const AGENT_LEN: usize = 20;
const FILES: [&str; 5] =
    ["accesskeys.txt", "eventsummary.csv", "eventsummary.txt", "useragent.txt", "writeevents.json"];
const HEADER: [&str; 6] = ["EventTime", "UserName", "AccessKeyId", "EventName", "UserAgent", "ErrorMessage"];
/// What stands for a field that an event has not.
const ABSENT: &str = "null";

/// An event, as the summary shows it.
struct Event {
    time: String,
    user_name: Option<String>,
    access_key_id: Option<String>,
    name: Option<String>,
    user_agent: Option<String>,
    error_message: Option<String>,
    /// Access keys in the response: created, or issued for a session.
    new_keys: Vec<String>,
}

/// Writes the files, and says whether there was any event.
pub(crate) fn write(query: &Query, args: &CtsummarizeArgs, global: &Global) -> Result<bool> {
    if !query.filters.any() {
        bail!(BadCommand(
            "whose events? Give an address (sawq ctsummarize 3.238.12.183) or a filter (--user jmerckle)".to_owned()
        ));
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("can't make the folder {}", args.out.display()))?;
    let paths = FILES.map(|name| args.out.join(name));
    if let (false, Some(there)) = (args.force, paths.iter().find(|path| path.symlink_metadata().is_ok())) {
        bail!("{} exists; nothing was written. Use --force to overwrite it, or -o for another folder", there.display());
    }
    let events = events(query)?;
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let [mut keys, mut csv, mut text, mut agents, mut writes] = files(&paths, existing)?;
    counts(&mut agents, events.iter().map(|event| event.user_agent.as_deref().unwrap_or(ABSENT)))?;
    summary(&mut text, &events)?;
    write_csv(&mut csv, &events, global.no_formulas)?;
    // A sign-in has an empty key, which is none.
    let used = events.iter().filter_map(|event| event.access_key_id.as_deref());
    counts(&mut keys, used.filter(|key| !key.is_empty()))?;
    counts(&mut keys, events.iter().flat_map(|event| &event.new_keys).map(String::as_str))?;
    let written = write_events(query, args.all_write, &mut writes)?;
    // All five are complete before the first one has its name.
    [keys, csv, text, agents, writes].into_iter().try_for_each(NewFile::finish)?;
    if !global.quiet {
        eprintln!("sawq: {} events, {written} of them write events: {}", events.len(), FILES.join(" "));
    }
    Ok(!events.is_empty())
}

/// Refuses what looks like the name of one file.
pub(crate) fn check_folder(out: &Path) -> Result<(), BadValue> {
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

/// Writes the records of write events, as they are, in evidence order; says how many.
fn write_events(query: &Query, all_write: bool, out: &mut impl Write) -> Result<usize> {
    let is_write = if all_write {
        ident("read_only").is_false()
    } else {
        ident("event_name").like(lit("Put%")).or(ident("event_name").like(lit("Create%")))
    };
    let wanted = (query.format.printed)().into_iter().chain(EVIDENCE_ORDER).map(ident).collect();
    let mut written = 0;
    query.for_each(query.in_order(Some(is_write), wanted, None)?, |batch| {
        let printer = (query.format.printer)(batch)?;
        let mut text = Vec::new();
        for row in 0..batch.num_rows() {
            printer.print(row, &mut text);
            text.push(b'\n');
        }
        written += batch.num_rows();
        out.write_all(&text)?;
        Ok(true)
    })?;
    Ok(written)
}

/// The events that the filters leave, in evidence order.
fn events(query: &Query) -> Result<Vec<Event>> {
    const FIELDS: [&str; 7] = [
        "event_time",
        "user_identity.user_name",
        "user_identity.access_key_id",
        "event_name",
        "user_agent",
        "error_message",
        "response_elements",
    ];
    let mut wanted = vec![ident("source_file"), ident("source_line")];
    for (place, name) in FIELDS.iter().enumerate() {
        wanted
            .push(resolve(query.format.table, name).with_context(|| format!("no column {name}"))?.alias(field(place)));
    }
    let mut events = Vec::new();
    query.for_each(query.in_order(None, wanted, None)?, |batch| {
        add_events(batch, &mut events)?;
        Ok(true)
    })?;
    Ok(events)
}

/// The name of a selected field in the engine's batches.
fn field(place: usize) -> String {
    format!("q_{place}")
}

fn add_events(batch: &RecordBatch, events: &mut Vec<Event>) -> Result<()> {
    let array = |place: usize| batch.column_by_name(&field(place)).context("a selected column is missing");
    let text = |place: usize| -> Result<TextColumn> {
        TextColumn::new(array(place)?).map_err(|found| anyhow::anyhow!("text is {found}"))
    };
    let times = array(0)?.as_primitive_opt::<TimestampMicrosecondType>().context("no times")?;
    let [user_names, keys, names, agents, errors] = [text(1)?, text(2)?, text(3)?, text(4)?, text(5)?];
    let responses = text(6)?;
    for row in 0..batch.num_rows() {
        let get = |column: &TextColumn| column.get(row).map(str::to_owned);
        events.push(Event {
            time: jiff::Timestamp::from_microsecond(times.value(row))?.to_string(),
            user_name: get(&user_names),
            access_key_id: get(&keys),
            name: get(&names),
            user_agent: get(&agents),
            error_message: get(&errors),
            new_keys: responses.get(row).map(new_keys).unwrap_or_default(),
        });
    }
    Ok(())
}

/// The access keys that a response names: those of `CreateAccessKey`, `AssumeRole` and the like.
fn new_keys(response: &str) -> Vec<String> {
    let response: serde_json::Value = serde_json::from_str(response).unwrap_or_default();
    let keys = ["accessKey", "credentials"].iter().map(|name| &response[*name]["accessKeyId"]);
    keys.filter_map(|key| key.as_str().map(str::to_owned)).collect()
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

/// A collator that looks at letters and digits first, and at punctuation only where those are the same.
fn collator() -> Result<CollatorBorrowed<'static>> {
    let mut options = CollatorOptions::default();
    options.alternate_handling = Some(AlternateHandling::Shifted);
    options.strength = Some(Strength::Quaternary);
    // English sorts as the root of all locales does.
    Ok(Collator::try_new(CollatorPreferences::default(), options)?)
}

/// Text without what would end the line: a log may hold anything.
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
