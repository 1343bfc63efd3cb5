//! What to write instead of what neither the parser nor the engine has.

use regex::RegexBuilder;

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
        "quantile_disc" => "quantile_cont interpolates between two values, and quantile_cont(x, 0.5) is the median",
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

/// The advice for samples of a table.
pub(super) const OF_SAMPLES: &str =
    "samples are not supported; write WHERE random() < 0.1, or ORDER BY random() LIMIT 100";

/// The advice for types and operators of addresses.
pub(super) const OF_ADDRESSES: &str = "in_cidr(src_ip, '10.0.0.0/8') says whether an address is in a network";
