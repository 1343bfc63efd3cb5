//! The tables of the page other than the timeline: the summary, top values, sources, rejects.

use maud::{Markup, html};
use sawlog_query::report::{Facts, Log, MAX_LISTED, Sources, Top};
use sawlog_store::Source;

use super::page::List;
use super::text::{broken, count, number, shown, size};
use crate::moment::moment;

/// A longer list of sources is collapsed at first.
const MAX_OPEN: usize = 300;
/// A longer list is not printed on paper.
const MAX_ON_PAPER: usize = 150;

pub(super) fn summary(facts: &Facts) -> Markup {
    let failed: u64 = facts.logs.iter().map(|log| log.failed).sum();
    let changed: i64 = facts.logs.iter().map(|log| facts.counts.changed(log.name)).sum();
    let (sources, rejected) = (facts.sources.count, facts.sources.rejects_in_all);
    let tiles = [
        (number(facts.records()), if facts.records() == 1 { "record" } else { "records" }),
        (number(failed), "failed"),
        (number(changed), "changed something"),
        (number(sources), if sources == 1 { "source file" } else { "source files" }),
        (number(rejected), if rejected == 1 { "line rejected" } else { "lines rejected" }),
    ];
    html! {
        section id="summary" {
            h2 { "Summary" }
            div.cards { @for (value, name) in tiles { div.card { b { (value) } (name) } } }
            div.scroll { table {
                thead { tr {
                    th { "Log" } th.num { "Records" } th.num { "Failed" } th.num { "Changed" } th { "First, UTC" } th { "Last, UTC" }
                } }
                tbody { @for log in &facts.logs { (log_row(log, facts)) } }
            } }
            div.charted {
                h3 { "Records over time, UTC" }
                div #hours .chart role="img" aria-label="Records over time for each log; the table above has their numbers" {}
            }
        }
    }
}

fn log_row(log: &Log, facts: &Facts) -> Markup {
    let time = |get: fn((i64, i64)) -> i64| log.times.map_or_else(|| "no time".to_owned(), |times| moment(get(times)));
    html! {
        tr {
            td { (log.title) } td.num { (number(log.records)) } td.num { (number(log.failed)) }
            td.num { (number(facts.counts.changed(log.name))) }
            td.time { (time(|(first, _)| first)) } td.time { (time(|(_, last)| last)) }
        }
    }
}

pub(super) fn tops(facts: &Facts) -> Markup {
    html! {
        section.screen id="top" {
            h2 { "Top values" }
            div.pair { @for top in &facts.tops { (top_table(top)) } }
        }
    }
}

fn top_table(top: &Top) -> Markup {
    html! {
        div.scroll.list {
            h3 { (top.title) }
            table {
                thead { tr {
                    th { (top.heading) } th.num { "Records" } th.num { "Failed" }
                    @if let Some(bytes) = top.bytes { th.num { (bytes.heading) } }
                } }
                tbody { @for group in &top.groups { tr {
                    td.mono { (broken(group.values[0].as_deref().unwrap_or("-"))) } td.num { (number(group.sums.count)) }
                    td.num { (number(group.sums.errors)) }
                    @if let Some(bytes) = top.bytes { td.num { (size((bytes.of)(&group.sums))) } }
                } } }
            }
        }
    }
}

pub(super) fn sources(facts: &Facts, list: Option<&List>) -> Markup {
    let sources = &facts.sources;
    let listed = sources.listed.len();
    let table = sources_table(&sources.listed);
    html! {
        section id="sources" {
            h2 { "Sources" }
            p {
                "SHA-256 of the ledger as text, a line for each of " (count(sources.count, "file", "files"))
                ", sorted by path: its SHA-256, two spaces, its path as below, a line feed: "
                code { (broken(&sources.ledger_sha256)) }
            }
            @if let Some(List { name, sha256 }) = list {
                p {
                    "All sources with their hashes are in the file " a href={ "./" (encoded(name)) } { (shown(name)) } " beside this page, SHA-256 "
                    code { (broken(sha256)) }
                    @if sources.count > MAX_LISTED as u64 { ". The first " (number(MAX_LISTED as u64)) " are below" }
                    "."
                }
            }
            (states(sources))
            div class=(if listed > MAX_ON_PAPER { "screen" } else { "" }) {
                @if listed > MAX_OPEN {
                    details { summary { "List of " (count(listed as u64, "source", "sources")) } (table) }
                } @else { (table) }
            }
        }
    }
}

/// The sources by folder, state and format.
fn states(sources: &Sources) -> Markup {
    html! {
        div.scroll.keep { table {
            thead { tr {
                th { "Folder" } th { "State" } th { "Log" } th.num { "Files" } th.num { "Size" } th.num { "Records" } th.num { "Rejects" }
            } }
            tbody { @for ((root, state, format), sums) in &sources.sums { tr {
                td.mono { (broken(root)) } td { (state) } td { (format) } td.num { (number(sums.files)) }
                td.num { (size(sums.bytes)) } td.num { (number(sums.records)) } td.num { (number(sums.rejects)) }
            } } }
        } }
    }
}

fn sources_table(sources: &[Source]) -> Markup {
    html! {
        div.tall tabindex="0" aria-label="Sources" { table #files {
            thead { tr {
                th.num { "No." } th { "File" } th { "State" } th.num { "Size" } th.num { "Records" } th.num { "Rejects" } th { "SHA-256" }
            } }
            tbody { @for (place, source) in sources.iter().enumerate() { tr id={ "source-" (place + 1) } {
                td.num { (number((place + 1) as u64)) } td.mono { (broken(&source.path)) } td { (source.state.name()) }
                td.num { (size(u128::from(source.size.unsigned_abs()))) } td.num { (number(source.records)) }
                td.num { (number(source.rejects)) } td.mono.hash { (broken(&source.sha256)) }
            } } }
        } }
    }
}

/// A file's name as a part of a link.
fn encoded(name: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}

pub(super) fn rejects(facts: &Facts) -> Markup {
    let sources = &facts.sources;
    let all = sources.rejects_in_all;
    html! {
        section id="rejects" {
            h2 { "Rejects" }
            @if sources.rejects.is_empty() { p { "No line of the sources was rejected." } }
            @else {
                p {
                    (count(all, "line is not a record; the store keeps it whole.", "lines are not records; the store keeps them whole."))
                    @if (sources.rejects.len() as u64) < all { span.screen { " The first " (number(sources.rejects.len() as u64)) ":" } }
                }
                div.scroll.screen { table {
                    thead { tr { th { "File" } th.num { "Line" } th { "Reason" } th { "Line, cut to 200 characters" } } }
                    tbody { @for reject in &sources.rejects { tr {
                        td.mono { (broken(&reject.file)) } td.num { (number(reject.line)) } td { (shown(&reject.reason)) }
                        td.mono { (broken(&reject.raw)) }
                    } } }
                } }
            }
        }
    }
}
