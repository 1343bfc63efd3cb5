//! The format of a file, by the extension of its name.

use std::path::Path;

use crate::options::Format;

/// The extensions that set a format.
const ENDINGS: [(&str, Format); 11] = [
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("json", Format::Json),
    ("jsonl", Format::Ndjson),
    ("ndjson", Format::Ndjson),
    ("parquet", Format::Parquet),
    ("arrow", Format::Arrow),
    ("arrows", Format::Arrows),
    ("txt", Format::Text),
    ("log", Format::Text),
    ("text", Format::Text),
];

/// The message for an unknown extension.
pub(crate) const KNOWN: &str = "the extensions are .csv .tsv .json .jsonl .ndjson .parquet .arrow .arrows .txt and .log, each also with .gz; \
     or give --format";

/// The format for a name's extension, and whether `.gz` follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) format: Option<Format>,
    pub(crate) is_gzip: bool,
}

impl Form {
    /// The format of the file at `path`.
    pub(crate) fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let (name, is_gzip) = name.strip_suffix(".gz").map_or((name.as_str(), false), |name| (name, true));
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let format = ENDINGS.iter().find(|(known, _)| *known == ending).map(|(_, format)| *format);
        Self { format, is_gzip }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_say_the_form() {
        let of = |name: &str| Form::of(Path::new(name));
        assert_eq!(of("a/b.CSV"), Form { format: Some(Format::Csv), is_gzip: false });
        assert_eq!(of("b.jsonl.gz"), Form { format: Some(Format::Ndjson), is_gzip: true });
        assert_eq!(of("b.gz"), Form { format: None, is_gzip: true });
        assert_eq!(of("a.csv/b.xlsx"), Form { format: None, is_gzip: false });
        assert_eq!(of("csv"), Form { format: None, is_gzip: false });
    }
}
