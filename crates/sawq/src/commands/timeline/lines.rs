//! The timeline for people: marks days, gaps, failures (!) and changes (+).

use std::io::Write;

use anyhow::Result;
use sawlog_formats::visible;
use sawlog_query::timeline::Burst;
use unicode_width::UnicodeWidthStr;

use crate::moment::{day_and_clock, length, weekday};
use crate::output::fit::{cut, padded};
use crate::output::{Layout, Out, Style, hanging};

/// A gap of this many seconds without records is shown.
const GAP_SECONDS: i64 = 3600;
/// The columns are as wide as the first lines need.
const LOOK_AHEAD: usize = 1000;
/// The smallest and largest width of the columns for actors and addresses.
const ACTOR: (usize, usize) = (14, 24);
const ADDRESS: (usize, usize) = (15, 39);
/// What happened is told beside the other columns if so much of the screen is left, else below them.
const TOLD: usize = 40;

/// Lines of text.
pub(super) struct Lines {
    out: Out,
    layout: Layout,
    /// The first bursts, which wait until the widths are known.
    ahead: Vec<Burst>,
    widths: Option<(usize, usize)>,
    day: String,
    last: Option<i64>,
}

impl Lines {
    pub(super) fn new(out: Out, layout: Layout) -> Self {
        Self { out, layout, ahead: Vec::new(), widths: None, day: String::new(), last: None }
    }

    /// Prints the first bursts once there are enough of them to choose the widths.
    fn begin(&mut self) -> Result<()> {
        let widest = |get: &dyn Fn(&Burst) -> usize| self.ahead.iter().map(get).max().unwrap_or_default();
        let actor = widest(&|burst| who(burst).width()).clamp(ACTOR.0, ACTOR.1);
        let address = widest(&|burst| visible(&burst.kind.src_ip).width()).clamp(ADDRESS.0, ADDRESS.1);
        let widths = *self.widths.get_or_insert((actor, address));
        std::mem::take(&mut self.ahead).iter().try_for_each(|burst| self.line(burst, widths))
    }

    fn line(&mut self, burst: &Burst, (actor, address): (usize, usize)) -> Result<()> {
        let clock = self.clock(burst)?;
        let kind = &burst.kind;
        let marks = [if burst.is_failure() { '!' } else { ' ' }, if burst.changes { '+' } else { ' ' }];
        let log = kind.log.split('_').next().unwrap_or_default();
        let (who, from) = (cut(&who(burst), actor), cut(&visible(&kind.src_ip), address));
        let lead = format!("{clock} {}{} {log:<10} ", marks[0], marks[1]);
        let (lead, text) =
            self.beside(lead, format!("{} {} ", padded(&who, actor), padded(&from, address)), self.told(burst));
        let style = match (burst.is_failure(), burst.changes) {
            (true, _) => Some(Style::Failure),
            (false, true) => Some(Style::Change),
            (false, false) => None,
        };
        for line in hanging(&lead, visible(&text).trim_end(), lead.width(), self.layout.width) {
            match style.filter(|_| self.layout.coloured) {
                Some(style) => writeln!(self.out, "{}", style.paint(line.trim_end()))?,
                None => writeln!(self.out, "{}", line.trim_end())?,
            }
        }
        Ok(())
    }

    /// The part of a line that is never broken, and the part that is if it does not fit the screen: on a narrow one
    /// also who it was, and from where.
    fn beside(&self, lead: String, columns: String, told: String) -> (String, String) {
        match self.layout.width {
            Some(width) if lead.width() + columns.width() + TOLD > width => (lead, columns + &told),
            _ => (lead + &columns, told),
        }
    }

    /// What happened, and how it ended.
    fn told(&self, burst: &Burst) -> String {
        let kind = &burst.kind;
        let mut told = String::new();
        if burst.count > 1 {
            told += &format!("{} × ", self.layout.count(burst.count));
        }
        let about = burst.about();
        told += &[&*kind.operation, &about].join(" ");
        // The outcome of a sign-in is also its subject.
        let is_said = about.to_lowercase().starts_with(&kind.error.to_lowercase());
        if !is_said {
            told += &format!(": {}", kind.error);
        }
        let seconds = burst.times.map_or(0, |(first, last)| last.saturating_sub(first) / 1_000_000);
        if seconds > 0 {
            told += &format!(" (in {} s)", self.layout.count(seconds.unsigned_abs()));
        }
        told
    }

    /// The time of day, after a line for a new day and one for a gap.
    fn clock(&mut self, burst: &Burst) -> Result<String> {
        let Some((first, last)) = burst.times else {
            self.headline("no time")?;
            return Ok("--:--:--".to_owned());
        };
        let (day, clock) = day_and_clock(first);
        let gap = self.last.map(|last| first.saturating_sub(last) / 1_000_000);
        if let Some(seconds) = gap.filter(|gap| *gap >= GAP_SECONDS) {
            writeln!(self.out, "          … {} without a record", length(seconds))?;
        }
        self.headline(&format!("{day} {}", weekday(first)))?;
        self.last = self.last.max(Some(last));
        Ok(clock)
    }

    fn headline(&mut self, day: &str) -> Result<()> {
        if day != self.day {
            let (before, zone) =
                (if self.day.is_empty() { "" } else { "\n" }, if day == "no time" { "" } else { ", UTC" });
            let headline = format!("{}{zone}", day.trim_end());
            writeln!(self.out, "{before}{}", Style::Heading.paint_if(self.layout.coloured, &headline))?;
            day.clone_into(&mut self.day);
        }
        Ok(())
    }
}

impl Lines {
    /// Prints a burst.
    pub(super) fn burst(&mut self, burst: Burst) -> Result<()> {
        if let Some(widths) = self.widths {
            return self.line(&burst, widths);
        }
        self.ahead.push(burst);
        if self.ahead.len() == LOOK_AHEAD { self.begin() } else { Ok(()) }
    }

    /// Prints the remaining lines.
    pub(super) fn finish(mut self) -> Result<()> {
        self.begin()?;
        Ok(self.out.flush()?)
    }
}

/// The actor's short name: the last part of an ARN; for a service with a long name, the name without its common
/// ending.
fn who(burst: &Burst) -> String {
    let name = burst.kind.actor.rsplit([':', '/']).next().unwrap_or_default();
    let short = name.strip_suffix(".amazonaws.com").filter(|_| name.len() > ACTOR.1);
    visible(short.unwrap_or(name)).into_owned()
}
