//! Lines that have other text before their record: a time, as exports of `CloudWatch` Logs and `aws logs tail` print
//! it; the name of a file or the number of a line, as grep prints them; a time and a tag, as Fluentd and Fluent Bit
//! write them.

use super::line_end;
use super::opener::Step;
use super::place::Standing;
use super::rows::mark;
use super::target::Target;
use crate::calendar::is_time;
use crate::origin::MAX_LINE;

/// The text before the record of each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// Words, the first of which is a time.
    Words(usize),
    /// The name of a file, the number of a line or both, with a colon after each; in grep's context lines, with a dash.
    Grep,
    /// A time and a tag, each with a tab or a comma after it. See "`out_file`" in Fluentd's list of formatters.
    Fluentd,
    /// A tag, and a list that begins with a time: `tag: [1714567890.123, {…}]`. The list holds the record. See "File"
    /// in Fluent Bit's list of outputs.
    FluentBit,
}

impl Lead {
    /// The leads that a file may have, and the name of such a file. The first that fits is taken.
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Words(1), "CloudWatch Logs export"),
        (Self::Words(2), "CloudWatch Logs export"),
        (Self::Fluentd, "Fluentd output"),
        (Self::FluentBit, "Fluent Bit output"),
        (Self::Grep, "grep output"),
    ];

    /// Where the record begins in a line with this lead. `is_record` says whether grep's ends: names have colons, too.
    pub(super) fn end(self, line: &[u8], is_record: impl Fn(&[u8]) -> bool) -> Option<usize> {
        match self {
            Self::Words(words) => behind_time(line, words),
            Self::Grep => behind_name(line).into_iter().flatten().find(|at| is_record(&line[*at..])),
            Self::Fluentd => behind_tag(line),
            Self::FluentBit => behind_bracket(line),
        }
    }

    /// The step for the line at `at`.
    pub(super) fn step(self, bytes: &[u8], at: &mut usize, at_end: bool, target: &Target) -> Step {
        loop {
            let start = *at + mark(&bytes[*at..]);
            if start >= bytes.len() {
                return Step::Need;
            }
            let end = match line_end(bytes, start, at_end) {
                Some(end) if end - start < MAX_LINE => end,
                Some(_) => return Step::Long(start, start + MAX_LINE),
                None => return Step::Need,
            };
            *at = bytes.len().min(end + 1);
            let line = &bytes[start..end];
            // grep has a line of dashes between groups of lines.
            if line.trim_ascii().is_empty() || self == Self::Grep && line == b"--" {
                continue;
            }
            // It prints the lines of a single file as they are.
            let is_whole = self == Self::Grep && target.begins(line);
            let lead = if is_whole { None } else { self.end(line, |text| target.begins(text)) };
            let record = start + lead.unwrap_or_default();
            let end = end - usize::from(line.ends_with(b"\r") && end > record);
            return Step::Text { start: record, end, layer: None, standing: Standing::Here, document: None };
        }
    }
}

/// Where the text begins after this many words of a line, if the first is a time.
fn behind_time(line: &[u8], words: usize) -> Option<usize> {
    let end = memchr::memchr(b' ', line).filter(|end| is_time(&line[..*end]))?;
    let more = memchr::memchr_iter(b' ', &line[end..]).nth(words - 1)?;
    Some(end + more + 1)
}

/// Whether `aws logs tail --format json` prints a line before a message in JSON: a time, a stream's name and a blank.
pub(super) fn is_heading(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    behind_time(line, 2) == Some(line.len())
}

/// Where the text may begin after what grep prints: after the last colon, or the last dash, of the first word, which
/// also ends where an object begins. Log messages of other programs begin with words like `error:`. grep prints a
/// number, or the name of a file.
fn behind_name(line: &[u8]) -> [Option<usize>; 2] {
    let word_end = line.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'"' | b'{')).unwrap_or(line.len());
    let word = &line[..word_end];
    let is_object = line.get(word_end) == Some(&b'{');
    [b':', b'-'].map(|mark| {
        let at = memchr::memrchr(mark, word)?;
        let is_name = word[..at].iter().any(|byte| byte.is_ascii_digit() || b"./".contains(byte));
        // Something follows it at once: a word, or an object.
        (is_name && (at + 1 < word_end) != is_object).then_some(at + 1)
    })
}

/// Where the text begins after a time and a tag.
fn behind_tag(line: &[u8]) -> Option<usize> {
    let end = memchr::memchr2(b'\t', b',', line).filter(|end| is_time(&line[..*end]))?;
    let tag = memchr::memchr(line[end], &line[end + 1..])?;
    Some(end + 1 + tag + 1)
}

/// Where the list begins after a tag.
fn behind_bracket(line: &[u8]) -> Option<usize> {
    let end = memchr::memmem::find(line, b": [").filter(|end| *end > 0 && !line[..*end].contains(&b' '))?;
    let list = end + b": ".len();
    line.get(list + 1).is_some_and(u8::is_ascii_digit).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stand_behind_words() {
        let line = b"2024-05-01T12:00:00.000Z stream a b";
        assert_eq!(behind_time(line, 1), Some(25));
        assert_eq!(behind_time(line, 2), Some(32));
        assert_eq!(behind_time(line, 5), None);
        assert_eq!(behind_time(b"stream a b", 1), None);
    }

    #[test]
    fn a_time_and_a_stream_are_a_heading() {
        assert!(is_heading(b"2024-05-01T12:00:00+00:00 stream ") && is_heading(b"2024-05-01T12:00:00Z a \r"));
        for other in ["2024-05-01T12:00:00Z stream", "2024-05-01T12:00:00Z ", "2024-05-01T12:00:00Z a b ", "a b "] {
            assert!(!is_heading(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn records_stand_behind_what_grep_prints() {
        let text = |line: &'static str| behind_name(line.as_bytes()).map(|at| at.map_or("", |at| &line[at..]));
        for (line, behind) in [
            ("web.log:a b", ["a b", ""]),
            ("12:a b", ["a b", ""]),
            ("web-1.log:12:a b", ["a b", ""]),
            ("2021-07-29-AB:a b", ["a b", "AB:a b"]),
            ("web-1.log-12-a b", ["", "a b"]),
            ("x/y.json:{\"a\": 1}", ["{\"a\": 1}", ""]),
            ("x/y.json-{\"a\": 1}", ["", "{\"a\": 1}"]),
            ("error:a b", ["", ""]),
            ("x.log: a b", ["", ""]),
            ("x.log:x{\"a\": 1}", ["", ""]),
            ("a b", ["", ""]),
        ] {
            assert_eq!(text(line), behind, "{line}");
        }
    }

    #[test]
    fn records_stand_behind_tags() {
        let text = |lead: Lead, line: &'static str| lead.end(line.as_bytes(), |_| true).map(|at| &line[at..]);
        let time = "2024-05-01T12:00:00+00:00";
        assert_eq!(text(Lead::Fluentd, "2024-05-01T12:00:00+00:00\ttag\t{}"), Some("{}"));
        assert_eq!(text(Lead::Fluentd, "2024-05-01T12:00:00+00:00,a b,{}"), Some("{}"));
        assert_eq!(text(Lead::Fluentd, time), None);
        assert_eq!(text(Lead::FluentBit, "tag.x: [1714567890.123000, {}]"), Some("[1714567890.123000, {}]"));
        for other in ["a message: [1, 2]", "tag: [a]", ": [1]", "tag: {}", "[0] tag: [1]"] {
            assert_eq!(text(Lead::FluentBit, other), None, "{other}");
        }
    }
}
