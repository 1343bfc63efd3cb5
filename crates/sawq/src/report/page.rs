//! A report as HTML. The page loads nothing and runs only its own script, whose hash is in its
//! Content-Security-Policy. All text from logs is escaped; characters that could turn its direction are shown as
//! escapes. Without its script, the page still has all tables.

use anyhow::Result;
use base64::Engine;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sawlog_query::report::{Facts, Others, Verified};
use sawlog_query::who::Profile;
use sha2::{Digest, Sha256};

use super::text::{broken, count, number, shown, size};
use super::{entity, tables, timeline};
use crate::moment::moment;

/// Charts: uPlot 1.6.32, MIT licence, see `assets/uplot/LICENSE`.
const UPLOT: &str = include_str!("../../assets/uplot/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("../../assets/uplot/uPlot.min.css");
const SCRIPT: &str = include_str!("../../assets/report.js");
const STYLE: &str = include_str!("../../assets/report.css");

/// What the user says about the page, and the command lines that the page quotes.
pub(crate) struct Head {
    pub(crate) title: String,
    pub(crate) case_number: Option<String>,
    pub(crate) examiner: Option<String>,
    pub(crate) evidence: Option<String>,
    /// The filters; empty if there are none.
    pub(crate) filters: String,
    /// Prints the whole timeline of the same records.
    pub(crate) timeline: String,
    /// Made the page.
    pub(crate) command_line: String,
}

/// A file beside the page with all sources.
pub(crate) struct List {
    pub(crate) name: String,
    pub(crate) sha256: String,
}

/// The parts of a page.
pub(crate) struct Page<'a> {
    pub(crate) head: &'a Head,
    pub(crate) facts: &'a Facts,
    pub(crate) entities: &'a [Profile],
    pub(crate) verified: Option<&'a Verified>,
    pub(crate) list: Option<&'a List>,
}

impl Page<'_> {
    /// The page.
    pub(crate) fn html(&self) -> Result<String> {
        let script = format!("{UPLOT}\n{SCRIPT}");
        let style = format!("{UPLOT_STYLE}\n{STYLE}\n{}", self.paper());
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            sha256(&script),
            sha256(&style)
        );
        // Only this character could end a script element.
        let data = serde_json::to_string(&timeline::data(self.facts))?.replace('<', "\\u003c");
        let facts = self.facts;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="generator" content=(concat!("sawq ", env!("CARGO_PKG_VERSION")));
                    title { (shown(&self.head.title)) }
                    style { (PreEscaped(&style)) }
                }
                body {
                    (self.header())
                    main {
                        (tables::summary(facts))
                        (timeline::section(facts, &self.head.timeline))
                        (tables::tops(facts))
                        @for (place, profile) in self.entities.iter().enumerate() { (entity::section(place, profile)) }
                        (tables::sources(facts, self.list))
                        (tables::rejects(facts))
                        (self.method())
                    }
                    script type="application/json" id="data" { (PreEscaped(&data)) }
                    script { (PreEscaped(&script)) }
                }
            }
        };
        Ok(page.into_string())
    }

    /// The text on the edge of each sheet of paper.
    fn paper(&self) -> String {
        let case = self.head.case_number.as_ref().map(|case| format!("{case} · ")).unwrap_or_default();
        let text = css_string(&shown(&format!("{case}{}", self.head.title)));
        format!("@page {{ @bottom-left {{ content: {text}; }} }}")
    }

    fn header(&self) -> Markup {
        let (head, facts) = (self.head, self.facts);
        let range = facts.times().map(|(first, last)| format!("{} to {} UTC", moment(first), moment(last)));
        let given = [("Case number", &head.case_number), ("Examiner", &head.examiner), ("Evidence", &head.evidence)];
        html! {
            header {
                h1 { (shown(&head.title)) }
                dl {
                    @for (name, value) in given {
                        @if let Some(value) = value { dt { (name) } dd { (shown(value)) } }
                    }
                    @if !head.filters.is_empty() { dt { "Filters" } dd { "only records that match " code { (broken(&head.filters)) } } }
                    dt { "Period" } dd { (range.unwrap_or_else(|| "no records with a time".to_owned())) }
                    dt { "Created" }
                    dd {
                        (moment(Timestamp::now().as_microsecond())) " UTC by sawq " (env!("CARGO_PKG_VERSION"))
                    }
                    dt { "Store" } dd { (broken(&facts.store)) }
                    dt { "Verification" } dd { (self.verification()) }
                }
                nav aria-label="Sections" {
                    a href="#summary" { "Summary" } a href="#time" { "Timeline" } a href="#top" { "Top values" }
                    @for (place, profile) in self.entities.iter().enumerate() {
                        a href={ "#entity-" (place) } { (shown(&profile.name())) }
                    }
                    a href="#sources" { "Sources" } a href="#rejects" { "Rejects" } a href="#method" { "Method" }
                }
            }
        }
    }

    /// The result of `sawlog verify`, in a line.
    fn verification(&self) -> Markup {
        let Some(verified) = self.verified else {
            return html! { "no result of a verification was given; run " code { "sawlog verify" } };
        };
        let time = verified.time.map(|time| format!("{} UTC: ", moment(time))).unwrap_or_default();
        let without = verified.without_records;
        html! {
            (time) (number(verified.rebuilt)) " of " (count(verified.rebuilt + verified.failed, "source", "sources"))
            " rebuilt byte for byte (" (size(verified.bytes.into())) ")"
            @if without > 0 { "; " (count(without, "other source holds no records", "other sources hold no records")) }
            @if let Some((signed, digests)) = verified.digests {
                "; " (number(signed)) " of " (count(digests, "CloudTrail digest", "CloudTrail digests")) " with the right signature"
            }
            @for problem in &verified.problems { "; " span.bad { (shown(problem)) } }
            @if let Some(others) = verified.is_about_others(&self.facts.sources) { "; " span.bad { (told(others)) } }
        }
    }

    fn method(&self) -> Markup {
        html! {
            section id="method" {
                h2 { "Method" }
                p { "Command line: " code { (broken(&self.head.command_line)) } }
                p {
                    "Sources and rejects are those of the whole store; everything else covers only the records that the filters select. \
                     Times are the records' own, in UTC. The place in the evidence is a source file and a line in it; in a JSON \
                     file the line is the number of the record. A line of the timeline that stands for several records gives the place of \
                     the first one. “Only here” marks a value that no other record of the store has."
                }
                @if let Some(verified) = self.verified {
                    p {
                        "The result of the verification is quoted from the file " code { (broken(&verified.file)) } ", SHA-256 "
                        code { (broken(&verified.sha256)) } "."
                    }
                }
            }
        }
    }
}

/// The other sources that a verification is about.
fn told(others: Others) -> String {
    match others {
        Others::Number { about, there } => {
            format!("the result covers {}, but the store has {}", count(about, "source", "sources"), number(there))
        }
        Others::Sources => "the result covers sources that differ from those in the store".to_owned(),
    }
}

fn sha256(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text))
}

/// Text as a CSS string. Everything but letters and digits is escaped, so nothing in the text can end the string.
fn css_string(text: &str) -> String {
    let escaped = text.chars().map(|char| match char {
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' => char.to_string(),
        // One blank belongs to the escape.
        _ => format!("\\{:06x} ", u32::from(char)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// Follows the heading of a list that is cut: how much of it is shown.
pub(super) fn part(shown: usize, all: usize) -> Markup {
    html! { @if shown < all { span.soft { " (" (number(shown as u64)) " of " (number(all as u64)) ")" } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_string_of_css() {
        assert_eq!(css_string("a\"</style>é"), "\"a\\000022 \\00003c \\00002f style\\00003e \\0000e9 \"");
    }
}
