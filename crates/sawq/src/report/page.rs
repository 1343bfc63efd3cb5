//! A report as HTML. The page loads nothing and runs nothing but its own script, which its Content-Security-Policy says by
//! hash; all text out of logs is escaped, and what could turn its direction is shown as an escape.

use std::collections::BTreeSet;

use anyhow::Result;
use base64::Engine;
use bytesize::ByteSize;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sawlog_formats::visible;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::facts::{Facts, Log, Top};
use crate::timeline::Burst;
use crate::who::Profile;

/// Charts: uPlot 1.6.32, MIT licence, see `assets/uplot/LICENSE`.
const UPLOT: &str = include_str!("../../assets/uplot/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("../../assets/uplot/uPlot.min.css");
const SCRIPT: &str = include_str!("../../assets/report.js");
const STYLE: &str = include_str!("../../assets/report.css");
/// So many sources are listed; the ledger's hash is over all of them.
const MAX_SOURCES: usize = 1000;
/// So many values of each list of an entity are shown.
const MAX_VALUES: usize = 15;
/// So many of its changes.
const MAX_CHANGES: usize = 200;

/// The page.
pub(crate) fn page(title: &str, facts: &Facts, entities: &[Profile]) -> Result<String> {
    let script = format!("{UPLOT}\n{SCRIPT}");
    let style = format!("{UPLOT_STYLE}\n{STYLE}");
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        sha256(&script),
        sha256(&style)
    );
    // Inside of a script element only this character could end it.
    let data = serde_json::to_string(&data(facts))?.replace('<', "\\u003c");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(concat!("sawq ", env!("CARGO_PKG_VERSION")));
                title { (shown(title)) }
                style { (PreEscaped(&style)) }
            }
            body {
                (header(title, facts, entities))
                main {
                    (summary(facts))
                    (timeline(facts))
                    section id="top" { h2 { "Top values" } div.pair { @for top in &facts.tops { (top_table(top)) } } }
                    @for (number, profile) in entities.iter().enumerate() { (entity(number, profile)) }
                    (sources(facts))
                    (rejects(facts))
                    (method())
                }
                script type="application/json" id="data" { (PreEscaped(&data)) }
                script { (PreEscaped(&script)) }
            }
        }
    };
    Ok(page.into_string())
}

fn sha256(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text))
}

/// Text from a log, without what could steer its reader.
fn shown(text: &str) -> String {
    visible(text).into_owned()
}

fn moment(micros: i64) -> String {
    let time = Timestamp::from_microsecond(micros).map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string());
    time.unwrap_or_default()
}

fn size(bytes: u128) -> String {
    ByteSize(u64::try_from(bytes).unwrap_or(u64::MAX)).display().si().to_string()
}

/// What stands for the span of records of which none has a time.
fn without_times(records: u64) -> String {
    if records == 0 { "no records" } else { "no record has a time" }.to_owned()
}

fn is_failure(burst: &Burst) -> bool {
    burst.kind.outcome == "failure"
}

/// What the script draws and filters by.
fn data(facts: &Facts) -> Value {
    let seconds = |micros: i64| micros / 1_000_000;
    let bursts = facts.bursts.iter().map(|burst| {
        let kind = &burst.kind;
        let text = [&kind.actor, &kind.src_ip, &kind.operation, &burst.target, &kind.error];
        json!({
            "time": burst.first.map(seconds),
            "until": burst.last.map(seconds),
            "log": kind.log,
            "failed": is_failure(burst),
            "change": burst.changes,
            "text": text.map(|text| shown(text).to_lowercase()).join(" "),
        })
    });
    let logs: BTreeSet<&String> = facts.hours.values().flat_map(|logs| logs.keys()).collect();
    // Hours without a record are hours with none.
    let hours = facts.hours.keys().next().zip(facts.hours.keys().next_back()).map(|(first, last)| *first..=*last + 1);
    let hours: Vec<i64> = hours.into_iter().flatten().take(100_000).collect();
    let of_log = |log: &String| -> Vec<i64> {
        let count = |hour| facts.hours.get(hour).and_then(|logs| logs.get(log)).copied().unwrap_or_default();
        hours.iter().map(count).collect()
    };
    let series: serde_json::Map<String, Value> = logs.iter().map(|log| ((*log).clone(), json!(of_log(log)))).collect();
    let times: Vec<i64> = hours.iter().map(|hour| hour * 3600).collect();
    json!({ "bursts": bursts.collect::<Vec<_>>(), "hours": { "time": times, "series": series } })
}

fn header(title: &str, facts: &Facts, entities: &[Profile]) -> Markup {
    let range = facts.times().map(|(first, last)| format!("{} to {} UTC", moment(first), moment(last)));
    html! {
        header {
            h1 { (shown(title)) }
            p.soft {
                (range.unwrap_or_else(|| without_times(facts.records()))) " · made " (moment(Timestamp::now().as_microsecond()))
                " UTC by sawq " (env!("CARGO_PKG_VERSION"))
            }
            nav aria-label="Sections" {
                a href="#summary" { "Summary" } a href="#time" { "Timeline" } a href="#top" { "Top values" }
                @for (number, profile) in entities.iter().enumerate() {
                    a href={ "#entity-" (number) } { (shown(&profile.entity)) }
                }
                a href="#sources" { "Sources" } a href="#rejects" { "Rejects" } a href="#method" { "Method" }
            }
        }
    }
}

fn summary(facts: &Facts) -> Markup {
    let failed: u64 = facts.logs.iter().map(|log| log.failed).sum();
    html! {
        section id="summary" {
            h2 { "Summary" }
            div.cards {
                div.card { b { (facts.records()) } "records" }
                div.card { b { (failed) } "failed" }
                div.card { b { (facts.sources.len()) } "source files" }
                div.card { b { (facts.rejects_in_all) } "lines rejected" }
            }
            div.scroll { table {
                caption { "Records by log" }
                thead { tr { th { "Log" } th.num { "Records" } th.num { "Failed" } th { "First" } th { "Last" } } }
                tbody { @for log in &facts.logs { (log_row(log)) } }
            } }
            h3 { "Records by hour, UTC" }
            div #hours .chart role="img" aria-label="Records by hour for each log; the numbers of a day are in the table above" {}
        }
    }
}

fn log_row(log: &Log) -> Markup {
    let time = |get: fn((i64, i64)) -> i64| log.times.map(|times| moment(get(times))).unwrap_or_default();
    html! {
        tr {
            td { (log.name) } td.num { (log.records) } td.num { (log.failed) }
            td.time { (time(|(first, _)| first)) } td.time { (time(|(_, last)| last)) }
        }
    }
}

fn timeline(facts: &Facts) -> Markup {
    html! {
        section id="time" {
            h2 { "Timeline" }
            p.soft {
                "A line is a record, or a burst of records of the same kind. Times are UTC. "
                span.screen { "Drag over the picture to zoom, double-click to see all; the table follows." }
            }
            @if facts.bursts_left_out > 0 {
                p.bad { (facts.bursts_left_out) " further lines are not on this page: sawq timeline has them all" }
            }
            @for (log, late) in &facts.late {
                p.soft { (late) " records of " (log) " stand in the evidence after one that is later by time." }
            }
            form #filter aria-label="Filter of the timeline" {
                label { "Find " input type="search" name="text" placeholder="address, user, operation, object"; }
                @for log in &facts.logs {
                    label { input type="checkbox" name="log" value=(log.name) checked; " " (log.name) }
                }
                label { input type="checkbox" name="failed"; " failed only" }
                label { input type="checkbox" name="changes"; " changes only" }
                button type="reset" { "Show all" }
            }
            div #timeline .chart role="img" aria-label="The lines of the timeline by time and log; the table below has them as text" {}
            p #shown .soft role="status" {}
            div.tall tabindex="0" aria-label="Timeline" {
                table #bursts {
                    thead { tr {
                        th { "Time" } th { "Log" } th { "Who" } th { "From" } th.num { "Records" } th { "What" } th { "On what" }
                        th { "Outcome" }
                    } }
                    tbody { @for burst in &facts.bursts { (burst_row(burst)) } }
                }
            }
        }
    }
}

fn burst_row(burst: &Burst) -> Markup {
    let kind = &burst.kind;
    let class = if is_failure(burst) {
        "failed"
    } else if burst.changes {
        "change"
    } else {
        ""
    };
    html! {
        tr class=(class) {
            td.time { (burst.first.map(moment).unwrap_or_default()) } td.short { (kind.log) } td { (shown(&kind.actor)) } td.short { (shown(&kind.src_ip)) }
            td.num { (burst.count) } td { (shown(&kind.operation)) } td.mono { (shown(&burst.target)) }
            td {
                @if is_failure(burst) { span.bad { "failed" } " " (shown(&kind.error)) }
                @else if burst.changes { span.changed { "changed" } }
            }
        }
    }
}

fn top_table(top: &Top) -> Markup {
    html! {
        div.scroll { table {
            caption { (top.title) }
            thead { tr { th { (top.dimension) } th.num { "Records" } th.num { "Sent" } th.num { "Received" } th.num { "Failed" } } }
            tbody {
                @for group in &top.groups { tr {
                    td.mono { (shown(group.values[0].as_deref().unwrap_or("-"))) } td.num { (group.sums.count) }
                    td.num { (size(group.sums.bytes_sent.or(group.sums.flow_bytes).unwrap_or_default())) }
                    td.num { (size(group.sums.bytes_received)) }
                    td.num { (group.sums.errors) }
                } }
                @if top.groups.is_empty() { tr { td.soft colspan="5" { "none" } } }
            }
        } }
    }
}

fn entity(number: usize, profile: &Profile) -> Markup {
    let range = profile.times().map(|(first, last)| format!("seen {} to {} UTC", moment(first), moment(last)));
    html! {
        section id={ "entity-" (number) } {
            h2 { (shown(&profile.entity)) " " span.soft { "(" (profile.kind.name().replace('_', " ")) ")" } }
            p {
                (range.unwrap_or_else(|| without_times(profile.records))) ", " (profile.records) " records"
                @if let Some(place) = &profile.place { ", " (shown(place)) }
            }
            div.pair {
                @for facet in profile.facets.iter().filter(|facet| !facet.values.is_empty()) {
                    div.scroll { table {
                        caption {
                            (facet.name)
                            @if facet.values.len() > MAX_VALUES { " (" (MAX_VALUES) " of " (facet.values.len()) ")" }
                        }
                        thead { tr { th { "Value" } th.num { "Records" } th.num { "Failed" } th { "Seen" } } }
                        tbody { @for value in facet.values.iter().take(MAX_VALUES) { tr {
                            td.mono {
                                (shown(&value.value))
                                @if let Some(place) = &value.place { " " span.soft { (shown(place)) } }
                            }
                            td.num { (value.records) } td.num { (value.sums.errors) }
                            td { @if value.only_here { span.changed { "only here" } } }
                        } } }
                    } }
                }
            }
            @if !profile.changes.is_empty() {
                div.scroll { table {
                    caption {
                        "Created or changed"
                        @if profile.changes.len() > MAX_CHANGES { " (" (MAX_CHANGES) " of " (profile.changes.len()) ")" }
                    }
                    thead { tr { th { "First" } th.num { "Times" } th { "Operation" } th { "On what" } } }
                    tbody { @for change in profile.changes.iter().take(MAX_CHANGES) { tr {
                        td.time { (change.sums.times().map(|(first, _)| moment(first)).unwrap_or_default()) }
                        td.num { (change.sums.count) } td { (shown(&change.operation)) } td.mono { (shown(&change.target)) }
                    } } }
                } }
            }
        }
    }
}

fn sources(facts: &Facts) -> Markup {
    html! {
        section id="sources" {
            h2 { "Sources" }
            p {
                "SHA-256 of the ledger, which is that of the lines that sha256sum prints of all " (facts.sources.len())
                " files, by path: " code { (facts.ledger_sha256) }
            }
            @if facts.sources.len() > MAX_SOURCES { p.soft { "The first " (MAX_SOURCES) " files:" } }
            div.tall tabindex="0" aria-label="Sources" { table {
                thead { tr { th { "File" } th { "State" } th.num { "Bytes" } th.num { "Records" } th.num { "Rejects" } th { "SHA-256" } } }
                tbody { @for source in facts.sources.iter().take(MAX_SOURCES) { tr {
                    td.mono { (shown(&source.path)) } td { (source.state.name()) } td.num { (source.size) }
                    td.num { (source.records) } td.num { (source.rejects) } td.mono { (source.sha256) }
                } } }
            } }
        }
    }
}

fn rejects(facts: &Facts) -> Markup {
    html! {
        section id="rejects" {
            h2 { "Rejects" }
            @if facts.rejects.is_empty() { p { "No line of the sources was rejected." } }
            @else {
                p { (facts.rejects_in_all) " lines are no records; the store has them whole. The first " (facts.rejects.len()) ":" }
                div.scroll { table {
                    thead { tr { th { "File" } th.num { "Line" } th { "Reason" } th { "Line, cut to 200 characters" } } }
                    tbody { @for reject in &facts.rejects { tr {
                        td.mono { (shown(&reject.file)) } td.num { (reject.line) } td { (shown(&reject.reason)) }
                        td.mono { (shown(&reject.raw)) }
                    } } }
                } }
            }
        }
    }
}

fn method() -> Markup {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let quoted = words.enumerate().map(|(place, word)| {
        let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=@%+,".contains(char);
        match place {
            0 => "sawq".to_owned(),
            _ if !word.is_empty() && word.chars().all(plain) => word,
            _ => format!("'{}'", word.replace('\'', r"'\''")),
        }
    });
    html! {
        section id="method" {
            h2 { "Method" }
            p { "Command line, with the filters used: " code { (shown(&quoted.collect::<Vec<_>>().join(" "))) } }
            p { "sawq " (env!("CARGO_PKG_VERSION")) ". Sources and rejects are those of the whole store; all else is of the records that the filters leave." }
            p { "‘Only here’: no other record of the store has the value." }
        }
    }
}
