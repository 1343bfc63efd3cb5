//! Times and spans of time on the command line.

use sawlog_tests::meaning::{count, event, request, top, trail};
use sawlog_tests::stored;
use serde_json::{Value, json};

#[test]
fn times_are_taken_in_every_form() {
    let case = stored(&[("a.json", trail(&(0..30).map(|minute| event(minute, json!({}))).collect::<Vec<_>>()))]);
    for (filter, expected) in [
        (&["--since", "12:20"][..], 10),
        (&["--until", "12:05:00"], 6),
        (&["--since", "01/May/2024:12:20:00 +0000"], 10),
        (&["--since", "[01/May/2024:14:20:00 +0200]"], 10),
        (&["--since", "1714566000"], 10),
        (&["--since", "1714566000000"], 10),
        (&["--around", "12:10", "3m"], 7),
        (&["--around", "2024-05-01T12:10:00Z", "180s", "--since", "12:09"], 5),
        (&["--around", "12:00", "1h"], 30),
    ] {
        assert_eq!(count(&case, filter), expected, "{filter:?}");
    }
    case.write("logs/b.json", trail(&[event(30, json!({ "eventTime": "2024-05-02T00:00:00Z" }))]));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let ran = case.sawq(&["find", "--since", "12:20"]);
    assert!(ran.code == 2 && ran.err.contains("2024-05-01 to 2024-05-02"), "{}", ran.err);
}

/// What the last year that a calendar has says, and what a second, a minute and a day include.
#[test]
fn the_time_that_is_named_is_included_whole() {
    let case = stored(&[("a.json", trail(&(0..30).map(|minute| event(minute, json!({}))).collect::<Vec<_>>()))]);
    for (filter, expected) in [
        (&["--since", "2024-05-01T12:05:00Z", "--until", "2024-05-01T12:05:00Z"][..], 1),
        (&["--since", "2024-05-01T12:05:00", "--until", "2024-05-01T12:05:00"], 1),
        (&["--since", "2024-05-01T14:05:00+02:00", "--until", "2024-05-01T14:06:00+02:00"], 2),
        (&["--since", "2024-05-01T12:05Z", "--until", "2024-05-01T12:07Z"], 3),
        (&["--until", "2024-05-01T12:05:00.5Z"], 6),
        (&["--until", "2024-05-01T12:04:59.999999Z"], 5),
        (&["--until", "9999-12-31"], 30),
        (&["--until", "9999-12-31T23:59:59Z"], 30),
        (&["--until", "31/Dec/9999"], 30),
        (&["--since", "9999-12-31"], 0),
        (&["--since", "0001-01-01", "--until", "2024-05-01"], 30),
    ] {
        assert_eq!(count(&case, filter), expected, "{filter:?}");
    }
}

#[test]
fn times_around_several_moments_are_any_of_them() {
    let events: Vec<Value> = (0..30).map(|minute| event(minute, json!({}))).collect();
    let case = stored(&[("a.json", trail(&events)), ("s3", request("203.0.113.5", "-", "k", "1"))]);
    let (first, second) = (["--around", "2024-05-01T12:05", "1m"], ["--around", "2024-05-01T12:20", "2m"]);
    assert_eq!(count(&case, &first), 3);
    assert_eq!(count(&case, &[first, second].concat()), 8);
    assert_eq!(count(&case, &[&first[..], &second, &["--until", "2024-05-01T12:19"]].concat()), 5);
    assert_eq!(top(&case, "operation", "count", &[first, second].concat()).values().sum::<u64>(), 8);
    assert_eq!(count(&case, &["--around", "12:50", "1m", "--around", "12:55", "1m"]), 0);
}
