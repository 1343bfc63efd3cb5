//! A report as HTML. The page loads nothing and runs nothing but its own script, which its Content-Security-Policy says by
//! hash; all text out of logs is escaped, and what could turn its direction is shown as an escape. Without its script the
//! page has all tables.

use anyhow::Result;
use base64::Engine;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::facts::Facts;
use super::text::{broken, number, shown, size};
use super::verified::Verified;
use super::{entity, tables, timeline};
use crate::cli::ReportArgs;
use crate::moment::moment;
use crate::who::Profile;

/// Charts: uPlot 1.6.32, MIT licence, see `assets/uplot/LICENSE`.
const UPLOT: &str = include_str!("../../assets/uplot/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("../../assets/uplot/uPlot.min.css");
const SCRIPT: &str = include_str!("../../assets/report.js");
const STYLE: &str = include_str!("../../assets/report.css");
/// Options of the report that its timeline's command has not, and whether a value follows.
const OWN_OPTIONS: [(&str, bool); 12] = [
    ("--out", true),
    ("--output", true),
    ("-o", true),
    ("--entity", true),
    ("--title", true),
    ("--case-number", true),
    ("--examiner", true),
    ("--evidence", true),
    ("--verified", true),
    ("--geoip", true),
    ("-n", true),
    ("--force", false),
];

/// All that a page is made of.
pub(super) struct Page<'a> {
    pub(super) args: &'a ReportArgs,
    pub(super) facts: &'a Facts,
    pub(super) entities: &'a [Profile],
    pub(super) verified: Option<&'a Verified>,
}

impl Page<'_> {
    /// The page.
    pub(super) fn html(&self) -> Result<String> {
        let script = format!("{UPLOT}\n{SCRIPT}");
        let style = format!("{UPLOT_STYLE}\n{STYLE}\n{}", self.paper());
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            sha256(&script),
            sha256(&style)
        );
        // Inside of a script element only this character could end it.
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
                    title { (shown(&self.args.title)) }
                    style { (PreEscaped(&style)) }
                }
                body {
                    (self.header())
                    main {
                        (tables::summary(facts))
                        (timeline::section(facts, &timeline_command()))
                        (tables::tops(facts))
                        @for (place, profile) in self.entities.iter().enumerate() { (entity::section(place, profile)) }
                        (tables::sources(facts))
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

    /// What stands on the edge of each sheet of paper.
    fn paper(&self) -> String {
        let case = self.args.case_number.as_ref().map(|case| format!("{case} · ")).unwrap_or_default();
        let text = css_string(&shown(&format!("{case}{}", self.args.title)));
        format!("@page {{ @bottom-left {{ content: {text}; }} }}")
    }

    fn header(&self) -> Markup {
        let (args, facts) = (self.args, self.facts);
        let range = facts.times().map(|(first, last)| format!("{} to {} UTC", moment(first), moment(last)));
        let given = [("Case number", &args.case_number), ("Examiner", &args.examiner), ("Evidence", &args.evidence)];
        html! {
            header {
                h1 { (shown(&args.title)) }
                dl {
                    @for (name, value) in given {
                        @if let Some(value) = value { dt { (name) } dd { (shown(value)) } }
                    }
                    dt { "Period" } dd { (range.unwrap_or_else(|| "no records".to_owned())) }
                    dt { "Made" }
                    dd {
                        (moment(Timestamp::now().as_microsecond())) " UTC by sawq " (env!("CARGO_PKG_VERSION"))
                    }
                    dt { "Store" } dd { (broken(&facts.store)) }
                    dt { "Verification" } dd { (self.verification()) }
                }
                nav aria-label="Sections" {
                    a href="#summary" { "Summary" } a href="#time" { "Timeline" } a href="#top" { "Top values" }
                    @for (place, profile) in self.entities.iter().enumerate() {
                        a href={ "#entity-" (place) } { (shown(&profile.entity)) }
                    }
                    a href="#sources" { "Sources" } a href="#rejects" { "Rejects" } a href="#method" { "Method" }
                }
            }
        }
    }

    /// The result of `sawlog verify`, in a line.
    fn verification(&self) -> Markup {
        let Some(verified) = self.verified else {
            return html! { "not verified on this page; run " code { "sawlog verify" } };
        };
        let ledger = self.facts.sources.all.len() as u64;
        let written = verified.written.map(|time| format!("{} UTC: ", moment(time))).unwrap_or_default();
        html! {
            (written) (number(verified.rebuilt)) " of " (number(verified.rebuilt + verified.failed))
            " sources rebuilt byte for byte (" (size(verified.bytes.into())) "); " (number(verified.without_records))
            " hold no records"
            @if let Some((signed, digests)) = verified.digests {
                "; " (number(signed)) " of " (number(digests)) " CloudTrail digests have the right signature"
            }
            @for problem in &verified.problems { "; " span.bad { (shown(problem)) } }
            @if verified.sources() != ledger {
                "; " span.bad {
                    "the result is about " (number(verified.sources())) " sources, the store has " (number(ledger))
                }
            }
        }
    }

    fn method(&self) -> Markup {
        html! {
            section id="method" {
                h2 { "Method" }
                p { "Command line, with the filters used: " code { (broken(&command_line(words()))) } }
                p {
                    "Sources and rejects are those of the whole store; everything else is about the records that the filters leave. \
                     Times are those in the records, in UTC. An evidence place is a source file and the number of the line, or of \
                     the JSON object, in it; of a line that stands for several records it is that of the first one. “Only here” marks a value that no \
                     other record of the store has."
                }
                @if let Some(verified) = self.verified {
                    p {
                        "The result of the verification is quoted from " code { (broken(&verified.file)) } ", SHA-256 "
                        code { (broken(&verified.sha256)) } "."
                    }
                }
            }
        }
    }
}

fn sha256(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text))
}

/// Text as a string of CSS, which nothing in it can end: all but letters and digits are escapes.
fn css_string(text: &str) -> String {
    let escaped = text.chars().map(|char| match char {
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' => char.to_string(),
        // One blank belongs to the escape.
        _ => format!("\\{:06x} ", u32::from(char)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// The words that the process was started with, behind its name.
fn words() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The command that prints the whole timeline of the same records.
fn timeline_command() -> String {
    let mut kept = Vec::new();
    let mut words = words().into_iter();
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or_default();
        let is_joined = word.len() > 2 && (word.starts_with("-n") || word.starts_with("-o"));
        if let Some((_, has_value)) = OWN_OPTIONS.iter().find(|(own, _)| *own == name) {
            if *has_value && name == word {
                words.next();
            }
        } else if word == "report" && !kept.contains(&"timeline".to_owned()) {
            kept.push("timeline".to_owned());
        } else if !is_joined {
            kept.push(word);
        }
    }
    command_line(kept)
}

/// A command line of sawq as a shell takes it.
fn command_line(words: Vec<String>) -> String {
    let quoted = words.into_iter().map(|word| {
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=@%+,".contains(char);
        if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
    });
    ["sawq".to_owned()].into_iter().chain(quoted).collect::<Vec<_>>().join(" ")
}

/// Behind the heading of a list that is cut: how much of it is shown.
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
