//! CSV as in RFC 4180; and TSV that is never quoted, so that each line is a row and each tab separates two values.

use std::borrow::Cow;
use std::io::Write;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use sawlog_formats::visible;

use super::batches::Writer;
use super::cells::Flat;
use super::target::{Out, Target};

/// How values are parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimiter {
    /// Commas: values with commas, quotes or line ends are quoted.
    Comma,
    /// Tabs: tabs, line ends and backslashes get a backslash, as in `ClickHouse` and `PostgreSQL`. An absent value is
    /// empty.
    Tab,
}

/// How the values are changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) delimiter: Delimiter,
    /// Whether the first line has the names of the columns.
    pub(super) header: bool,
    /// Whether text that a spreadsheet would take for a formula gets a ' before it.
    pub(super) no_formulas: bool,
    /// Whether it is shown on a terminal, which characters could control. Elsewhere values are data, and stay as they
    /// are.
    pub(super) is_terminal: bool,
}

/// Lines of values.
pub(super) struct Delimited {
    out: Out,
    options: Options,
    begun: bool,
}

impl Delimited {
    pub(super) fn new(target: &Target, delimiter: Delimiter) -> Result<Self> {
        Ok(Self { out: target.open()?, options: target.delimited(delimiter), begun: false })
    }

    /// A value as it is shown.
    fn shown<'a>(&self, value: &'a str, is_text: bool) -> Cow<'a, str> {
        let value = if self.options.no_formulas && is_text { without_formula(value) } else { value.into() };
        let value = match self.options.delimiter {
            Delimiter::Tab => escaped(value),
            Delimiter::Comma => value,
        };
        if self.options.is_terminal { visible(&value).into_owned().into() } else { value }
    }
}

impl Writer for Delimited {
    /// Writes a batch, with the header before the first one.
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let flat = Flat::of(batch)?;
        let columns = flat.schema().fields().len();
        let mut lines = Lines::new(self.options.delimiter);
        if self.options.header && !self.begun {
            flat.schema().fields().iter().for_each(|field| lines.add(&self.shown(field.name(), true)));
            lines.end()?;
        }
        self.begun = true;
        let cells = flat.cells("")?;
        let mut text = String::new();
        for row in 0..cells.rows() {
            for column in 0..columns {
                cells.put(row, column, &mut text)?;
                lines.add(&self.shown(&text, flat.is_text(column)));
            }
            lines.end()?;
        }
        Ok(self.out.write_all(&lines.done()?)?)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.out.flush()?)
    }
}

/// Lines of a batch, as they are made.
enum Lines {
    Csv(Box<csv::Writer<Vec<u8>>>),
    Tsv { text: Vec<u8>, is_first: bool },
}

impl Lines {
    fn new(delimiter: Delimiter) -> Self {
        match delimiter {
            Delimiter::Comma => Self::Csv(Box::new(csv::Writer::from_writer(Vec::new()))),
            Delimiter::Tab => Self::Tsv { text: Vec::new(), is_first: true },
        }
    }

    fn add(&mut self, value: &str) {
        match self {
            // Writing to memory never fails.
            Self::Csv(csv) => drop(csv.write_field(value)),
            Self::Tsv { text, is_first } => {
                if !std::mem::take(is_first) {
                    text.push(b'\t');
                }
                text.extend_from_slice(value.as_bytes());
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        match self {
            Self::Csv(csv) => csv.write_record(None::<&[u8]>)?,
            Self::Tsv { text, is_first } => {
                text.push(b'\n');
                *is_first = true;
            }
        }
        Ok(())
    }

    fn done(self) -> Result<Vec<u8>> {
        match self {
            Self::Csv(csv) => csv.into_inner().ok().context("memory takes all that is written to it"),
            Self::Tsv { text, .. } => Ok(text),
        }
    }
}

/// Text with ' before it if a spreadsheet would take it for a formula. See OWASP, "CSV Injection".
pub(crate) fn without_formula(text: &str) -> Cow<'_, str> {
    if is_formula(text) { format!("'{text}").into() } else { text.into() }
}

/// Whether a spreadsheet would take text for a formula. Some skip blanks before it, and accept full-width characters.
fn is_formula(text: &str) -> bool {
    let is_blank = |char: char| char.is_whitespace() || char.is_control() || matches!(char, '\u{200b}' | '\u{feff}');
    let begins = [
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\u{2212}', '\u{fe62}', '\u{fe63}',
        '\u{fe66}', '\u{fe6b}',
    ];
    text.starts_with(['\t', '\r', '\n']) || text.trim_start_matches(is_blank).starts_with(begins)
}

/// A value of TSV.
fn escaped(value: Cow<'_, str>) -> Cow<'_, str> {
    if !value.contains(['\t', '\n', '\r', '\\']) {
        return value;
    }
    let mut text = String::with_capacity(value.len() + 8);
    for char in value.chars() {
        match char {
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\\' => text.push_str("\\\\"),
            _ => text.push(char),
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_told_from_text() {
        for formula in
            ["=1", "+1", "-1", "@a", "\t=1", "\r", " =1", "\u{a0}\u{200b}=1", "\u{ff1d}1", "\u{ff0b}1", "\u{ff20}"]
        {
            assert_eq!(without_formula(formula), format!("'{formula}"));
        }
        for text in ["", "a=1", "1-1", " a", "'=1", "中"] {
            assert_eq!(without_formula(text), text);
        }
    }

    #[test]
    fn a_value_of_tsv_has_no_tab_and_no_line_end() {
        assert_eq!(escaped("a\tb\\n\r\nc\"".into()), "a\\tb\\\\n\\r\\nc\"");
    }
}
