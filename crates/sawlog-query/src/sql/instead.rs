//! What to write instead of what neither the parser nor the engine has.

use std::path::Path;

use regex::RegexBuilder;

/// The endings of files that people would read as tables.
const FILES: [&str; 7] = ["csv", "gz", "json", "jsonl", "parquet", "tsv", "txt"];

/// Advice for a text that is not SQL here.
pub(super) fn of_text(text: &str) -> Option<&'static str> {
    const ADVICE: [(&str, &str); 4] = [
        (r"\busing\s+sample\b|\btablesample\b", OF_SAMPLES),
        (r"\blimit\s+[\d.]+\s*%", "LIMIT takes a number of rows, not a share of them"),
        (r"\*\*", "** is not supported; write 2 ^ 10 or pow(2, 10)"),
        (
            r"\[[^\[\]]*\sfor\s+\w+\s+in\b",
            "FOR in a list is not supported; write list_transform(l, x -> x + 1) or list_filter(l, x -> x > 1)",
        ),
    ];
    let matches = |pattern: &str, text: &str| {
        RegexBuilder::new(pattern).case_insensitive(true).build().is_ok_and(|pattern| pattern.is_match(text))
    };
    // What is quoted is not SQL.
    let bare: String = text.split('\'').step_by(2).collect::<Vec<_>>().join("''");
    ADVICE.iter().find(|(pattern, _)| matches(pattern, &bare)).map(|(_, advice)| *advice)
}

/// Advice for a function that does not exist.
pub(super) fn of_function(name: &str) -> Option<&'static str> {
    Some(match name {
        "mode" | "histogram" => "count the values: SELECT x, count(*) AS n FROM … GROUP BY x ORDER BY n DESC",
        "quantile_disc" | "quantile" | "percentile_disc" => {
            "quantile_cont interpolates between two values, and quantile_cont(x, 0.5) is the median"
        }
        "regexp_split_to_array" => "string_split(text, ',') splits at a text",
        "age" => "a - b is the time between, date_diff('day', b, a) the number of days",
        _ => return None,
    })
}

/// What to add to the error that a part of SQL is not supported.
pub(super) fn of_part(name: &str) -> &'static str {
    match name {
        "PIVOT" => "; write a column for each value: count(*) FILTER (outcome = 'failure') AS failures",
        number if number.starts_with('0') => "; numbers are decimal: 0x1F is 31",
        "UNPIVOT" => "; write a SELECT for each column, and UNION ALL between them",
        _ => "",
    }
}

/// Advice for a table that is a file, or is read from one.
pub(super) fn of_file(table: &str) -> Option<&'static str> {
    const READERS: [&str; 5] = ["read_csv", "read_csv_auto", "read_json", "read_json_auto", "read_parquet"];
    let is_file = table.contains('/')
        || Path::new(table)
            .extension()
            .is_some_and(|ending| FILES.iter().any(|file| ending.eq_ignore_ascii_case(file)));
    (is_file || READERS.contains(&table)).then_some(
        "queries read the store's tables only; a filter takes a list from a file (--ip @iocs.txt), and a query one from \
         VALUES: WHERE src_ip IN (VALUES ('192.0.2.1'), ('192.0.2.2'))",
    )
}

/// Advice for a statement that would change or write something.
pub(super) fn of_statement(word: &str) -> &'static str {
    match word {
        "COPY" | "EXPORT" => "; sawq sql 'SELECT …' -o FILE writes a result to a file",
        "SET" => "; times are in UTC, and time AT TIME ZONE 'America/New_York' converts one",
        "PRAGMA" => "; DESCRIBE events shows the columns of a table",
        _ => "",
    }
}

/// The advice for samples of a table.
pub(super) const OF_SAMPLES: &str =
    "samples are not supported; write WHERE random() < 0.1, or ORDER BY random() LIMIT 100";

/// The advice for operations that count rows.
pub(super) const OF_MULTISETS: &str =
    "EXCEPT ALL and INTERSECT ALL are not supported; leave out ALL, or count the rows with GROUP BY ALL";

/// The advice for types and operators of addresses.
pub(super) const OF_ADDRESSES: &str = "in_cidr(src_ip, '10.0.0.0/8') says whether an address is in a network";
