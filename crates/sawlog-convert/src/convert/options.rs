//! The options that decide how a file is read, as the ledger keeps them. They are compared with the options given
//! now.

use std::io::Read;

use anyhow::{Context, Result};
use sawlog_formats::{Budget, Encoding, Peeler, decompressed, vpc_flow, without_mark};
use sawlog_store::{Source, SourceState};

use super::archive::reader;
use super::tell::{HEAD, Told};
use super::{Misfit, Settings};
use crate::found::Found;

/// The options that changed how a file was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// `--format`, if the content says something else.
    format: Option<String>,
    /// `--vpc-fields`, if the file has no header line.
    vpc_fields: Option<String>,
    /// `--max-inflate`, where the content is larger.
    max_inflate: Option<u64>,
    /// What the content looks like, if `format` says something else. It is not in the ledger.
    looks_like: Option<String>,
}

impl Options {
    /// The options that mattered for a file that begins with `head` and was identified as `told`.
    pub(crate) fn of(settings: &Settings, content: &[u8], told: Told) -> Self {
        let head = &content[..content.len().min(HEAD)];
        let Some(format) = told.format() else { return Self::default() };
        let by_content = settings.format.map(|_| Told::by_content(settings, head));
        let other = by_content.filter(|told| told.format().map(|by| by.table.name) != Some(format.table.name));
        let is_flow = format.table.name == vpc_flow::TABLE.name;
        let vpc_fields = settings.vpc_fields.as_deref().filter(|_| is_flow && !has_header(head));
        Self {
            format: other.map(|_| format.table.name.replace('_', "-")),
            vpc_fields: vpc_fields.map(str::to_owned),
            max_inflate: None,
            looks_like: other.and_then(Told::name),
        }
    }

    /// The report for a file that has no record of the format that `--format` names and looks different.
    pub(crate) fn misfit(&self, path: &str) -> Option<Misfit> {
        let looks_like = self.looks_like.clone();
        self.format.as_ref().map(|_| Misfit { path: path.to_owned(), looks_like })
    }

    /// The same options, for a file whose content grew past `--max-inflate`.
    pub(crate) fn past(self, max_inflate: u64) -> Self {
        Self { max_inflate: Some(max_inflate), ..self }
    }

    /// The same options, but for `--max-inflate`.
    pub(crate) fn without_limit(self) -> Self {
        Self { max_inflate: None, ..self }
    }

    /// The text for the ledger: the options as they were given. `None` if there are none.
    pub(crate) fn text(&self) -> Option<String> {
        let format = self.format.iter().map(|format| format!("--format {format}"));
        let vpc_fields = self.vpc_fields.iter().map(|fields| format!("--vpc-fields '{fields}'"));
        let max_inflate = self.max_inflate.iter().map(|size| format!("--max-inflate {size}"));
        let text = format.chain(vpc_fields).chain(max_inflate).collect::<Vec<_>>().join(" ");
        Some(text).filter(|text| !text.is_empty())
    }

    /// Reads what [`Options::text`] gives.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default();
        // Names of fields and formats have no blanks or quotes in them.
        let after = |name: &str, end: char| {
            let value = text.split_once(name)?.1;
            value.split(end).next().map(str::to_owned)
        };
        Self {
            format: after("--format ", ' '),
            vpc_fields: after("--vpc-fields '", '\''),
            max_inflate: after("--max-inflate ", ' ').and_then(|size| size.parse().ok()),
            looks_like: None,
        }
    }

    /// How a file was read, if the options given now would read it differently. `None` if they mean the same, or none
    /// is given.
    pub(crate) fn differ(&self, now: &Self, settings: &Settings) -> Option<String> {
        let format = settings.format_named && self.format != now.format;
        let vpc_fields = settings.vpc_fields.is_some() && self.vpc_fields != now.vpc_fields;
        if !format && !vpc_fields {
            return None;
        }
        let told = |name: &str, value: Option<&str>| match value {
            Some(value) => format!("with {name} {value}"),
            None => format!("without {name}"),
        };
        let fields = self.vpc_fields.as_ref().map(|fields| format!("'{fields}'"));
        let format = format.then(|| told("--format", self.format.as_deref()));
        let vpc_fields = vpc_fields.then(|| told("--vpc-fields", fields.as_deref()));
        Some(format.into_iter().chain(vpc_fields).collect::<Vec<_>>().join(" and "))
    }

    /// Whether the limit that the content exceeded is wider now.
    pub(crate) fn limit_is_wider(&self, settings: &Settings) -> bool {
        self.max_inflate.is_some_and(|limit| limit < settings.max_inflate)
    }
}

/// The ledger's text for a file from which a wider limit would read more.
pub(crate) fn past_limit(max_inflate: u64) -> Option<String> {
    Options::default().past(max_inflate).text()
}

/// Whether a member of an archive was read differently from what the options say now, as far as the ledger alone
/// shows.
pub(crate) fn member_read_otherwise(source: &Source, settings: &Settings) -> bool {
    let Some(table) = source.format.as_deref().filter(|_| source.state == SourceState::Converted) else { return false };
    let was = Options::parse(source.options.as_deref());
    let format =
        settings.format_named && settings.format.map_or(was.format.is_some(), |format| format.table.name != table);
    let fields = |now: &str| was.vpc_fields.as_deref().is_some_and(|fields| fields != now);
    format || settings.vpc_fields.as_deref().is_some_and(fields)
}

/// How a file in the ledger was read, if it would be read differently now. `file` is the file, or a copy of it.
pub(crate) fn read_otherwise(source: &Source, file: &Found, settings: &Settings) -> Result<Option<String>> {
    // Ledgers of earlier versions do not say which options a file was read with.
    let unknown = source.read_by.is_none() && !settings.replace;
    if unknown || !settings.names_options() || source.compression.as_deref() == Some("parquet") {
        return Ok(None);
    }
    let head = head(file).with_context(|| format!("can't read {}", file.path().display()))?;
    let told = Told::of(settings, &head);
    // A reading that finds no records at all can't lose any.
    if told.format().is_none() {
        return Ok(None);
    }
    let now = Options::of(settings, &head, told);
    Ok(Options::parse(source.options.as_deref()).differ(&now, settings))
}

/// How the file that `copy` is a copy of was read, if it would be read differently now.
pub(crate) fn copy_read_otherwise(first: &Source, copy: &Found, settings: &Settings) -> Result<Option<String>> {
    if first.state != SourceState::Converted {
        return Ok(None);
    }
    let was = Options::parse(first.options.as_deref());
    let limit = was.max_inflate.filter(|_| was.limit_is_wider(settings));
    let limit = limit.map(|limit| format!("with --max-inflate {limit}"));
    let how: Vec<String> = read_otherwise(first, copy, settings)?.into_iter().chain(limit).collect();
    Ok((!how.is_empty()).then(|| format!("{} as a copy of {}", how.join(" and "), place(&first.root, &first.path))))
}

/// The path on disk of a file with this label in the folder `root`.
pub(crate) fn place(root: &str, label: &str) -> String {
    format!("{}/{label}", root.trim_end_matches('/'))
}

/// The beginning of a file's content.
fn head(file: &Found) -> Result<Vec<u8>> {
    let open = || reader(file);
    let (layers, _) = Peeler::default().peel(open)?;
    let (mut head, limit) = (Vec::new(), u64::try_from(HEAD)?);
    let budget = Budget::of(limit, u64::MAX);
    // If the stream is broken, the intact part is used, as it was when the file was read.
    let _ = decompressed(open()?, &layers, &budget)?.take(limit).read_to_end(&mut head);
    if let Some(encoding) = Encoding::of(&head).filter(|encoding| *encoding != Encoding::Utf32) {
        let mut text = Vec::new();
        encoding.append_utf8(&head, &mut text);
        return Ok(text);
    }
    Ok(head)
}

/// Whether the first line of a flow log names its fields.
fn has_header(head: &[u8]) -> bool {
    let lines = without_mark(head).split(|byte| *byte == b'\n');
    let mut lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty());
    lines.next().is_some_and(vpc_flow::is_header)
}

/// Whether a version of sawlog is older than this one; unknown versions are.
pub(crate) fn is_older(version: Option<&str>) -> bool {
    let numbers =
        |version: &str| -> Vec<u64> { version.split(['.', '-']).map_while(|part| part.parse().ok()).collect() };
    version.is_none_or(|version| numbers(version) < numbers(VERSION))
}

/// This version of sawlog.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_back_from_their_text() {
        let options = Options {
            format: Some("vpc-flow".to_owned()),
            vpc_fields: Some("start srcaddr".to_owned()),
            max_inflate: Some(17),
            looks_like: None,
        };
        let text = options.text();
        assert_eq!(text.as_deref(), Some("--format vpc-flow --vpc-fields 'start srcaddr' --max-inflate 17"));
        assert_eq!(Options::parse(text.as_deref()), options);
        assert_eq!(Options::parse(Options::default().text().as_deref()), Options::default());
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(is_older(None) && is_older(Some("0.0.9")) && !is_older(Some(VERSION)) && !is_older(Some("10.0.0")));
    }
}
