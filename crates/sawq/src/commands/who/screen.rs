//! A profile on the screen.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;
use sawlog_formats::visible;
use sawlog_query::Sums;
use sawlog_query::who::{AsTarget, Change, Facet, FacetValue, Issue, LogProfile, Profile};

use super::bars::sparkline;
use crate::moment::moment;
use crate::output::{Style, units};

/// The widths of the columns for values and for numbers.
const VALUE: usize = 64;

/// Prints a profile for people; up to `number` lines of each list, or all if it is 0.
pub(super) fn print(profile: &Profile, number: usize, coloured: bool, out: &mut impl Write) -> Result<()> {
    let mut text = String::new();
    let heading = |text: &str| Style::Heading.paint_if(coloured, text);
    let place = profile.place.as_ref().map(|place| format!(" · {place}")).unwrap_or_default();
    let name = heading(&visible(&profile.name()));
    writeln!(text, "{name} ({}){place}", profile.kind.name().replace('_', " "))?;
    if !profile.also.is_empty() {
        let also: Vec<&str> = profile.also.iter().map(|kind| kind.name()).collect();
        writeln!(text, "also seen as {}; choose with --kind", also.join(", "))?;
    }
    if profile.logs.is_empty() {
        writeln!(text, "not seen")?;
        print_targets(profile, coloured, &mut text)?;
        print_issues(&profile.issues, coloured, &mut text)?;
        return Ok(out.write_all(text.as_bytes())?);
    }
    let times = profile.times();
    match times {
        Some((first, last)) => writeln!(text, "seen {} to {} UTC\n", moment(first), moment(last))?,
        None => writeln!(text, "seen in records without a time\n")?,
    }
    let line = |log: &LogProfile| times.map(|times| sparkline(&log.hours, times)).unwrap_or_default();
    let by = times.map(|_| format!("  by {}", line(&profile.logs[0]).1)).unwrap_or_default();
    let has_flows = profile.logs.iter().any(|log| log.sums.flow_bytes.is_some());
    let flows = |text: &str| if has_flows { format!(" {text:>10}") } else { String::new() };
    let names = format!("{:<12} {:>10} {:>8} {:>10} {:>10}", "log", "records", "failed", "sent", "received");
    writeln!(text, "{}", heading(&format!("{names}{}{by}", flows("in flows"))))?;
    for log in &profile.logs {
        let Sums { count, errors, bytes_sent, bytes_received, flow_bytes, .. } = log.sums;
        let (bars, _) = line(log);
        let failed = Style::Failure.paint_if(coloured && errors > 0, &format!("{errors:>8}"));
        writeln!(
            text,
            "{:<12} {count:>10} {failed} {:>10} {:>10}{}  {bars}",
            log.log,
            size(bytes_sent.unwrap_or_default()),
            size(bytes_received),
            flows(&size(flow_bytes.unwrap_or_default()))
        )?;
    }
    print_targets(profile, coloured, &mut text)?;
    print_issues(&profile.issues, coloured, &mut text)?;
    // It says nothing that an address was seen with itself.
    let is_itself = |values: &[FacetValue]| matches!(values, [only] if only.value == profile.entity);
    for (facet, values) in profile.facets.iter().filter(|(_, values)| !values.is_empty() && !is_itself(values)) {
        print_facet(facet, values, number, coloured, &mut text)?;
    }
    print_changes(&profile.changes, number, coloured, &mut text)?;
    print_pivots(profile, number, coloured, &mut text)?;
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Records with an address as the target.
fn print_targets(profile: &Profile, coloured: bool, text: &mut String) -> Result<()> {
    if !profile.as_target.is_empty() {
        writeln!(text, "\n{}", Style::Heading.paint_if(coloured, "as the target of others, not counted above"))?;
    }
    for AsTarget { log, records } in &profile.as_target {
        writeln!(text, "  {log:<VALUE$} {records:>9}")?;
    }
    Ok(())
}

/// Where an access key comes from.
fn print_issues(issues: &[Issue], coloured: bool, text: &mut String) -> Result<()> {
    if !issues.is_empty() {
        writeln!(text, "\n{}", Style::Heading.paint_if(coloured, "issued by"))?;
    }
    for Issue { time, key, operation, actor, src_ip, target, .. } in issues {
        let target = if target.is_empty() { String::new() } else { format!(" for {}", visible(target)) };
        writeln!(
            text,
            "  {}  {} by {} from {}{target}: {}",
            moment(*time),
            visible(operation),
            visible(actor),
            visible(src_ip),
            visible(key)
        )?;
    }
    Ok(())
}

fn print_facet(facet: Facet, values: &[FacetValue], number: usize, coloured: bool, text: &mut String) -> Result<()> {
    let all = values.len();
    let shown = if number == 0 { all } else { number.min(all) };
    let of = if shown < all { format!(" ({shown} of {all})") } else { String::new() };
    writeln!(text, "\n{}{of}", Style::Heading.paint_if(coloured, facet.name()))?;
    for value in &values[..shown] {
        let mut line = format!("  {:<VALUE$} {:>9}", shortened(&value.value, VALUE), value.records);
        if value.sums.errors > 0 {
            let failed = format!("{} failed", value.sums.errors);
            write!(line, "  {}", Style::Failure.paint_if(coloured, &failed))?;
        }
        if let Some(place) = &value.place {
            write!(line, "  {}", visible(place))?;
        }
        if value.only_here {
            line += "  only here";
        }
        writeln!(text, "{line}")?;
    }
    Ok(())
}

fn print_changes(changes: &[Change], number: usize, coloured: bool, text: &mut String) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let shown = if number == 0 { changes.len() } else { (number * 2).min(changes.len()) };
    let of = if shown < changes.len() { format!(" ({shown} of {})", changes.len()) } else { String::new() };
    writeln!(text, "\n{}{of}", Style::Heading.paint_if(coloured, "created or changed"))?;
    for change in &changes[..shown] {
        let first = change.sums.times().map(|(first, _)| moment(first)).unwrap_or_default();
        let times = if change.sums.count > 1 { format!("{} × ", change.sums.count) } else { String::new() };
        writeln!(text, "  {first}  {times}{} {}", visible(&change.operation), shortened(&change.target, 90))?;
    }
    Ok(())
}

/// Values that were seen with this entity alone: where to look next.
fn print_pivots(profile: &Profile, number: usize, coloured: bool, text: &mut String) -> Result<()> {
    let facets = profile.facets.iter().map(|(facet, values)| (facet, only_here(values)));
    let facets: Vec<(Facet, Vec<&FacetValue>)> = facets.filter(|(_, values)| !values.is_empty()).collect();
    if facets.is_empty() {
        return Ok(());
    }
    let headline = format!("pivots: seen only with {}", shortened(&profile.entity, VALUE));
    writeln!(text, "\n{}", Style::Heading.paint_if(coloured, &headline))?;
    for (facet, values) in facets {
        let shown = if number == 0 { values.len() } else { number.min(values.len()) };
        let names: Vec<String> = values[..shown].iter().map(|value| shortened(&value.value, VALUE)).collect();
        let more = if shown < values.len() { format!(" and {} more", values.len() - shown) } else { String::new() };
        let name = if values.len() == 1 { singular(facet.name()) } else { facet.name() };
        writeln!(text, "  {} {name}: {}{more}", values.len(), names.join(", "))?;
    }
    Ok(())
}

/// The name of a facet in the singular.
fn singular(name: &str) -> &str {
    name.strip_suffix("sses").map_or_else(|| name.strip_suffix('s').unwrap_or(name), |stem| &name[..stem.len() + 2])
}

fn only_here(values: &[FacetValue]) -> Vec<&FacetValue> {
    values.iter().filter(|value| value.only_here).collect()
}

/// Text in at most `width` characters, safe for a terminal.
fn shortened(text: &str, width: usize) -> String {
    let text = visible(text);
    if text.chars().count() <= width {
        return text.into_owned();
    }
    // The end of an ARN or key says more than its middle.
    let chars: Vec<char> = text.chars().collect();
    let (head, tail) = (width / 3, width - width / 3 - 1);
    chars[..head].iter().chain(['…'].iter()).chain(&chars[chars.len() - tail..]).collect()
}

fn size(bytes: u128) -> String {
    if bytes == 0 { "-".to_owned() } else { units::size(bytes) }
}
