//! The section about one entity.

use maud::{Markup, html};
use sawlog_query::who::{Facet, FacetValue, Kind, Profile};

use super::page::part;
use super::text::{broken, heading, number, shown};
use crate::moment::moment;

/// This many values of each list are shown.
const MAX_VALUES: usize = 15;
/// The most changes shown on the page, and on paper.
const MAX_CHANGES: usize = 200;
const CHANGES_ON_PAPER: usize = 60;

/// The section; `place` is the number of the entity.
pub(super) fn section(place: usize, profile: &Profile) -> Markup {
    let range = profile.times().map(|(first, last)| format!("Seen {} to {} UTC", moment(first), moment(last)));
    html! {
        section id={ "entity-" (place) } {
            h2 { (shown(&profile.name())) " " span.soft { "(" (kind_name(profile.kind)) ")" } }
            @match profile.records {
                0 if !profile.as_target.is_empty() => {},
                0 => p { "Not seen in these records." },
                seen => p {
                    (range.unwrap_or_else(|| "Seen without a time".to_owned())) ", " (records(seen))
                    @if let Some(place) = &profile.place { ", " (shown(place)) }
                    span.screen.find { " · " a href="#time" data-find=(profile.entity) { "find in the timeline" } }
                },
            }
            @for target in &profile.as_target {
                p { "As the target of others in " span.mono { (target.log) } ", not counted here: " (records(target.records)) }
            }
            div.pair { @for (facet, found) in profile.facets.iter() { (values(facet, found, profile)) } }
            (changes(profile))
        }
    }
}

fn kind_name(kind: Kind) -> String {
    match kind {
        Kind::Ip => "address".to_owned(),
        Kind::EventSource => "service".to_owned(),
        Kind::Url => "URL".to_owned(),
        kind => kind.name().replace('_', " "),
    }
}

fn records(records: u64) -> String {
    format!("{} {}", number(records), if records == 1 { "record" } else { "records" })
}

fn values(facet: Facet, values: &[FacetValue], profile: &Profile) -> Markup {
    // It says nothing that an entity was seen with itself.
    let is_other = |value: &str| facet.kind() != profile.kind || value != profile.entity;
    let values: Vec<_> = values.iter().filter(|value| is_other(&value.value)).collect();
    html! {
        @if !values.is_empty() {
            div.scroll.list {
                h3 { (heading(facet.name())) (part(values.len().min(MAX_VALUES), values.len())) }
                table {
                    thead { tr { th { (heading(&kind_name(facet.kind()))) } th.num { "Records" } th.num { "Failed" } th {} } }
                    tbody { @for value in values.iter().take(MAX_VALUES) { tr {
                        td.mono {
                            (broken(&value.value))
                            @if let Some(place) = &value.place { " " span.soft { (shown(place)) } }
                        }
                        td.num { (number(value.records)) } td.num { (number(value.sums.errors)) }
                        td.short { @if value.only_here { span.changed { "only here" } } }
                    } } }
                }
            }
        }
    }
}

fn changes(profile: &Profile) -> Markup {
    let changes = &profile.changes;
    html! {
        @if !changes.is_empty() {
            div.scroll {
                h3 {
                    "Created or changed"
                    span.screen { (part(changes.len().min(MAX_CHANGES), changes.len())) }
                    span.paper { (part(changes.len().min(CHANGES_ON_PAPER), changes.len())) }
                }
                table {
                    thead { tr { th { "First" } th.num { "Times" } th { "What" } th { "On what" } } }
                    tbody { @for (place, change) in changes.iter().take(MAX_CHANGES).enumerate() {
                        tr class=(if place < CHANGES_ON_PAPER { "" } else { "screen" }) {
                            td.time { (change.sums.times().map(|(first, _)| moment(first)).unwrap_or_default()) }
                            td.num { (number(change.sums.count)) } td.what { (broken(&change.operation)) }
                            td.mono { (broken(&change.target)) }
                        }
                    } }
                }
            }
        }
    }
}
