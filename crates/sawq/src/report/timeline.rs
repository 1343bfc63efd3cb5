//! The timeline on the page: the chosen lines, and the data of the charts.

use std::collections::HashMap;

use maud::{Markup, html};
use sawlog_query::report::{Facts, Line};
use sawlog_query::timeline::Burst;
use serde_json::{Value, json};

use super::text::{broken, count, number};
use crate::moment::{day_and_clock, moment};

/// The data that the script draws and filters by: the logs; records by time over the whole case; and for each line
/// its time, its end, the position of its log, its records, and whether it failed (1) and changed something (2).
pub(super) fn data(facts: &Facts) -> Value {
    let place = |name: &str| facts.logs.iter().position(|log| log.name == name);
    let seconds = |micros: i64| micros.div_euclid(1_000_000);
    let lines = facts.timeline.lines.iter().map(|Line { burst, .. }| {
        let flags = i64::from(burst.is_failure()) + 2 * i64::from(burst.changes);
        let (first, last) = (burst.times.map(|(first, _)| seconds(first)), burst.times.map(|(_, last)| seconds(last)));
        json!([first, last, place(&burst.kind.log), burst.count, flags])
    });
    let bars = facts.counts.bars.iter();
    let bars = bars.map(|bar| json!([place(&bar.log), bar.place, bar.records, bar.failed, bar.changed]));
    json!({
        "logs": facts.logs.iter().map(|log| log.name).collect::<Vec<_>>(),
        "length": facts.counts.length,
        "bars": bars.collect::<Vec<_>>(),
        "lines": lines.collect::<Vec<_>>(),
    })
}

/// The section; `command` prints all lines.
pub(super) fn section(facts: &Facts, command: &str) -> Markup {
    let chosen = &facts.timeline;
    html! {
        section id="time" {
            h2 { "Timeline" }
            p.soft {
                "Each line is a record, or a burst of records of the same kind within a minute. Times are UTC. "
                span.screen {
                    "Drag over the chart to zoom, double-click to see everything; the table follows. The chart counts the records of \
                     the whole case, or only of the lines found while you search for text. Bar heights are logarithmic."
                }
            }
            (left_out(facts, command))
            @if facts.counts.without_time > 0 {
                p { (count(facts.counts.without_time, "record has", "records have")) " no time: last in the table, and not in the chart." }
            }
            form #filter aria-label="Filter of the timeline" {
                label.find { "Find " input type="search" name="text" placeholder="user, address, action, name" size="30"; }
                @for log in &facts.logs {
                    label { input type="checkbox" name="log" value=(log.name) checked; " " (log.name) }
                }
                label { input type="checkbox" name="failed"; " failed only" }
                label { input type="checkbox" name="changes"; " changes only" }
                button type="reset" { "Show all" }
            }
            div #timeline .chart role="img" aria-label="Records by time and log; the table below has them as text" {}
            p #shown .soft role="status" {}
            @if chosen.lines.is_empty() { p { "There are no records." } }
            @else { (table(facts)) }
        }
    }
}

/// Says which lines are not on the page, or not on paper, and how to get them.
fn left_out(facts: &Facts, command: &str) -> Markup {
    let chosen = &facts.timeline;
    let is_marked = |line: &&Line| line.burst.changes || line.burst.is_failure();
    let on_page = chosen.lines.len();
    let marked = chosen.lines.iter().filter(is_marked).count();
    let on_paper = chosen.lines.iter().filter(|line| line.on_paper).count();
    html! {
        @if on_page < chosen.all {
            p.screen {
                "The page shows " (number(on_page as u64)) " of " (count(chosen.all as u64, "line", "lines")) ": "
                (of_all(marked, chosen.marked)) " that failed or changed something, and "
                (of_all(on_page - marked, chosen.all - chosen.marked)) " others; of each kind the first lines, and fewer and \
                 fewer of those that follow. All lines: " code { (broken(command)) }
            }
        }
        @if on_paper < chosen.all {
            p.paper {
                "On paper: " (of_all(on_paper, chosen.marked)) (if chosen.marked == 1 { " line" } else { " lines" }) " that failed or changed something"
                @if on_paper < chosen.marked { "; of each kind the first lines, and fewer and fewer of those that follow" }
                ". All " (count(chosen.all as u64, "line", "lines")) ": " code { (broken(command)) }
            }
        }
    }
}

/// How many are shown of how many: `1`, `all 67`, `300 of the 601`.
fn of_all(some: usize, all: usize) -> String {
    let (shown, of) = (number(some as u64), number(all as u64));
    match all {
        _ if some < all => format!("{shown} of the {of}"),
        0 | 1 => of,
        _ => format!("all {of}"),
    }
}

fn table(facts: &Facts) -> Markup {
    let sources = facts.sources.listed.iter().enumerate();
    let places: HashMap<&str, usize> = sources.map(|(place, source)| (source.path.as_str(), place + 1)).collect();
    html! {
        div.tall tabindex="0" aria-label="Timeline" {
            table #bursts {
                thead { tr {
                    th { "Time" } th { "Log" } th { "Who" } th { "From" } th.num { "Records" } th { "What" }
                    th { "On what, and where in the evidence" } th { "Outcome" }
                } }
                tbody { @for line in &facts.timeline.lines { (row(line, &places)) } }
            }
        }
    }
}

fn row(line: &Line, places: &HashMap<&str, usize>) -> Markup {
    let burst = &line.burst;
    let kind = &burst.kind;
    let class = match (burst.is_failure(), burst.changes) {
        (true, _) => "failed",
        (false, true) => "change",
        (false, false) => "",
    };
    let class = format!("{class}{}", if line.on_paper { " on-paper" } else { "" });
    html! {
        tr class=(class.trim_start()) {
            td.time { (times(burst)) }
            td.short { (kind.log) } td.who { (broken(&kind.actor)) } td.from { (broken(&kind.src_ip)) }
            td.num { (number(burst.count)) } td.what { (broken(&kind.operation)) }
            td.mono.about {
                (broken(&burst.about()))
                div.place { (place(burst, places)) }
            }
            td.outcome {
                @if burst.is_failure() { span.bad { "failed" } " " (broken(&kind.error)) }
                @else if burst.changes { span.changed { "changed" } }
            }
        }
    }
}

/// When the first record was, and the last one if its time differs.
fn times(burst: &Burst) -> Markup {
    let Some((first, last)) = burst.times else { return html! { "no time" } };
    let ((day, _), (last_day, clock)) = (day_and_clock(first), day_and_clock(last));
    let last = if day == last_day { clock } else { moment(last) };
    html! {
        (moment(first))
        @if !moment(first).ends_with(&last) { " " div.until { "to " (last) } }
    }
}

/// The evidence place of the first record of a line, with the source's number in the list of sources.
fn place(burst: &Burst, places: &HashMap<&str, usize>) -> Markup {
    let file = html! { (broken(&burst.source_file)) };
    html! {
        @match places.get(&*burst.source_file) {
            Some(place) => a href={ "#source-" (place) } { (file) },
            None => (file),
        }
        ", " span.line { "line " (number(burst.source_line)) }
    }
}
