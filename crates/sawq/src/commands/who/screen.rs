//! A profile on the screen.

use std::io::Write;

use anyhow::Result;
use sawlog_formats::{counted, visible};
use sawlog_query::Sums;
use sawlog_query::who::{AsTarget, Change, Facet, FacetValue, Issue, LogProfile, Profile};
use unicode_width::UnicodeWidthStr;

use super::bars::{MAX_BARS, MIN_BARS, sparkline};
use crate::moment::moment;
use crate::output::{Layout, Style, fit, hanging, units};

/// The widest column of values, and the narrowest.
const VALUE: (usize, usize) = (64, 24);
/// What else stands on the line of a value: blanks, its records, failures, and whether it is only here.
const BESIDE: usize = 38;
/// The longest target of a change, and what stands before it: its time and blanks.
const TARGET: usize = 90;
const BEFORE: usize = 23;

/// How a profile is shown, and its text so far.
struct Screen {
    layout: Layout,
    /// The most lines of each list; 0 for all.
    number: usize,
    /// The width of the column of values.
    value: usize,
    text: String,
}

/// Prints a profile for people; up to `number` lines of each list, or all if it is 0.
pub(super) fn print(profile: &Profile, number: usize, layout: Layout, out: &mut impl Write) -> Result<()> {
    let value = layout.width.map_or(VALUE.0, |width| width.saturating_sub(BESIDE).clamp(VALUE.1, VALUE.0));
    let mut screen = Screen { layout, number, value, text: String::new() };
    screen.profile(profile);
    out.write_all(screen.text.as_bytes())?;
    Ok(out.flush()?)
}

impl Screen {
    fn profile(&mut self, profile: &Profile) {
        let place = profile.place.as_ref().map(|place| format!(" · {place}")).unwrap_or_default();
        let kind = format!("({}){place}", profile.kind.name().replace('_', " "));
        self.title(&visible(&profile.name()), &kind);
        if !profile.also.is_empty() {
            let also: Vec<&str> = profile.also.iter().map(|kind| kind.name()).collect();
            self.lines("", &format!("also seen as {}; choose with --kind", also.join(", ")), 2);
        }
        if profile.logs.is_empty() {
            self.lines("", "not seen", 0);
            self.targets(&profile.as_target);
            return self.issues(&profile.issues);
        }
        self.logs(profile);
        self.targets(&profile.as_target);
        self.issues(&profile.issues);
        // It says nothing that an address was seen with itself.
        let is_itself = |values: &[FacetValue]| matches!(values, [only] if only.value == profile.entity);
        for (facet, values) in profile.facets.iter().filter(|(_, values)| !values.is_empty() && !is_itself(values)) {
            self.facet(facet, values);
        }
        self.changes(&profile.changes);
        self.pivots(profile);
    }

    /// Adds lines that fit the screen: a text after a lead. Lines after the first one are indented.
    fn lines(&mut self, lead: &str, text: &str, indent: usize) {
        for line in hanging(lead, text, indent, self.layout.width) {
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// Adds the name of the entity, whole so that it can be copied, and what it is.
    fn title(&mut self, name: &str, kind: &str) {
        let lines = hanging(&format!("{name} "), kind, 2, self.layout.width).join("\n");
        let rest = lines.strip_prefix(name).unwrap_or_default();
        self.text += &format!("{}{rest}\n", self.heading(name));
    }

    /// Adds the heading of a list, after an empty line: how many of its items are shown, if not all.
    fn list(&mut self, name: &str, shown: usize, all: usize) {
        let count = |count: usize| self.layout.count(count as u64);
        let of = if shown < all { format!(" ({} of {})", count(shown), count(all)) } else { String::new() };
        self.text += &format!("\n{}{of}\n", self.heading(name));
    }

    fn heading(&self, text: &str) -> String {
        Style::Heading.paint_if(self.layout.coloured, text)
    }

    /// How many items of a list are shown.
    fn shown(&self, all: usize) -> usize {
        if self.number == 0 { all } else { self.number.min(all) }
    }

    /// The logs that name the entity: their sums, and their records by time.
    fn logs(&mut self, profile: &Profile) {
        let times = profile.times();
        match times {
            Some((first, last)) => self.lines("", &format!("seen {} to {} UTC", moment(first), moment(last)), 2),
            None => self.lines("", "seen in records without a time", 2),
        }
        self.text.push('\n');
        let has_flows = profile.logs.iter().any(|log| log.sums.flow_bytes.is_some());
        let flows = |text: &str| if has_flows { format!(" {text:>10}") } else { String::new() };
        let names = format!("{:<12} {:>10} {:>8} {:>10} {:>10}", "log", "records", "failed", "sent", "received");
        let names = names + &flows("in flows");
        if self.layout.width.is_some_and(|width| width < names.len() + 4 + MIN_BARS) {
            return profile.logs.iter().for_each(|log| self.sums(log));
        }
        let left = self.layout.width.map_or(MAX_BARS, |width| width.saturating_sub(names.len() + 4));
        let line = |log: &LogProfile| times.map(|times| sparkline(&log.hours, times, left)).unwrap_or_default();
        let by = times.map(|_| format!("  by {}", line(&profile.logs[0]).1)).unwrap_or_default();
        self.text += &format!("{}\n", self.heading(&format!("{names}{by}")));
        for log in &profile.logs {
            let Sums { count, errors, bytes_sent, bytes_received, flow_bytes, .. } = log.sums;
            let (bars, _) = line(log);
            let is_failure = self.layout.coloured && errors > 0;
            let failed = Style::Failure.paint_if(is_failure, &format!("{:>8}", self.layout.count(errors)));
            self.text += &format!(
                "{:<12} {:>10} {failed} {:>10} {:>10}{}  {bars}\n",
                log.log,
                self.layout.count(count),
                size(bytes_sent.unwrap_or_default()),
                size(bytes_received),
                flows(&size(flow_bytes.unwrap_or_default()))
            );
        }
    }

    /// A log's sums in words, for a screen that is too narrow for columns.
    fn sums(&mut self, log: &LogProfile) {
        let Sums { count, errors, bytes_sent, bytes_received, flow_bytes, .. } = log.sums;
        let mut said = format!("{}, {} failed", counted(count, "record"), self.layout.count(errors));
        for (bytes, what) in [(bytes_sent, "sent"), (Some(bytes_received), "received"), (flow_bytes, "in flows")] {
            if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
                said += &format!(", {} {what}", units::size(bytes));
            }
        }
        self.lines(&format!("{}  ", log.log), &said, 2);
    }

    /// Records with an address as the target.
    fn targets(&mut self, targets: &[AsTarget]) {
        if !targets.is_empty() {
            self.list("as the target of others, not counted above", 0, 0);
        }
        for AsTarget { log, records } in targets {
            let width = self.value;
            self.text += &format!("  {log:<width$} {:>9}\n", self.layout.count(*records));
        }
    }

    /// Where an access key comes from.
    fn issues(&mut self, issues: &[Issue]) {
        if !issues.is_empty() {
            self.list("issued by", 0, 0);
        }
        for Issue { time, key, operation, actor, src_ip, target, .. } in issues {
            let target = if target.is_empty() { String::new() } else { format!(" for {}", visible(target)) };
            let (operation, actor, src_ip) = (visible(operation), visible(actor), visible(src_ip));
            let said = format!("{operation} by {actor} from {src_ip}{target}: {}", visible(key));
            self.lines(&format!("  {}  ", moment(*time)), &said, 4);
        }
    }

    fn facet(&mut self, facet: Facet, values: &[FacetValue]) {
        let shown = self.shown(values.len());
        self.list(facet.name(), shown, values.len());
        for value in &values[..shown] {
            self.value(value);
        }
    }

    /// A value of a facet. What is known of it goes on further lines if it does not fit.
    fn value(&mut self, value: &FacetValue) {
        let name = fit::padded(&shortened(&value.value, self.value), self.value);
        let mut line = format!("  {name} {:>9}", self.layout.count(value.records));
        let mut used = line.width();
        let failed = value.sums.errors;
        let failed = (failed > 0).then(|| (format!("{} failed", self.layout.count(failed)), Some(Style::Failure)));
        let place = value.place.as_ref().map(|place| (visible(place).into_owned(), None));
        let alone = value.only_here.then(|| ("only here".to_owned(), None));
        for (said, style) in [failed, place, alone].into_iter().flatten() {
            let columns = said.width() + 2;
            if self.layout.width.is_some_and(|width| used + columns > width) {
                line += "\n  ";
                used = 2;
            }
            used += columns;
            let is_coloured = self.layout.coloured;
            line += "  ";
            line += &style.map_or_else(|| said.clone(), |style| style.paint_if(is_coloured, &said));
        }
        self.text += &line;
        self.text.push('\n');
    }

    fn changes(&mut self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let shown = if self.number == 0 { changes.len() } else { (self.number * 2).min(changes.len()) };
        self.list("created or changed", shown, changes.len());
        let target = self.layout.width.map_or(TARGET, |width| width.saturating_sub(BEFORE).clamp(VALUE.1, TARGET));
        for change in &changes[..shown] {
            let lead = format!("  {}  ", change.sums.times().map(|(first, _)| moment(first)).unwrap_or_default());
            let count = change.sums.count;
            let times = if count > 1 { format!("{} × ", self.layout.count(count)) } else { String::new() };
            let said = format!("{times}{} {}", visible(&change.operation), shortened(&change.target, target));
            self.lines(&lead, &said, lead.len());
        }
    }

    /// Values that were seen with this entity alone: where to look next.
    fn pivots(&mut self, profile: &Profile) {
        let facets = profile.facets.iter().map(|(facet, values)| (facet, only_here(values)));
        let facets: Vec<(Facet, Vec<&FacetValue>)> = facets.filter(|(_, values)| !values.is_empty()).collect();
        if facets.is_empty() {
            return;
        }
        self.list(&format!("pivots: seen only with {}", shortened(&profile.entity, self.value)), 0, 0);
        for (facet, values) in facets {
            let (all, shown) = (values.len(), self.shown(values.len()));
            let names: Vec<String> = values[..shown].iter().map(|value| shortened(&value.value, self.value)).collect();
            let count = |count: usize| self.layout.count(count as u64);
            let more = if shown < all { format!(" and {} more", count(all - shown)) } else { String::new() };
            let name = if all == 1 { singular(facet.name()) } else { facet.name() };
            self.lines("  ", &format!("{} {name}: {}{more}", count(all), names.join(", ")), 4);
        }
    }
}

/// The name of a facet in the singular.
fn singular(name: &str) -> &str {
    name.strip_suffix("sses").map_or_else(|| name.strip_suffix('s').unwrap_or(name), |stem| &name[..stem.len() + 2])
}

fn only_here(values: &[FacetValue]) -> Vec<&FacetValue> {
    values.iter().filter(|value| value.only_here).collect()
}

/// Text of at most `width`, safe for a terminal.
fn shortened(text: &str, width: usize) -> String {
    fit::shortened(&visible(text), width)
}

fn size(bytes: u128) -> String {
    if bytes == 0 { "-".to_owned() } else { units::size(bytes) }
}
