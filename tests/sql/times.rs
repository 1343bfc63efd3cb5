//! Times in SQL: of every year, and in every form.

use sawlog_tests::Case;
use serde_json::json;

use super::*;

/// A store may have records of any year that a calendar has.
#[test]
fn every_function_of_times_is_of_every_year() {
    let case = Case::new();
    let event = |time: &str| {
        json!({ "eventVersion": "1.08", "eventTime": time, "eventSource": "iam.amazonaws.com", "eventName": "GetUser",
                "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.10", "eventID": time })
    };
    let events = ["0001-01-01T00:30:00Z", "2021-07-29T13:06:49Z", "9999-12-31T23:59:59Z"].map(event);
    case.write("logs/trail.json", json!({ "Records": events }).to_string());
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    for (query, expected) in [
        (
            "SELECT date_trunc('hour', time) FROM events",
            ["0001-01-01T00:00:00Z", "2021-07-29T13:00:00Z", "9999-12-31T23:00:00Z"],
        ),
        (
            "SELECT date_trunc('week', time) FROM events",
            ["0001-01-01T00:00:00Z", "2021-07-26T00:00:00Z", "9999-12-27T00:00:00Z"],
        ),
        ("SELECT date_trunc('quarter', time)::date FROM events", ["0001-01-01", "2021-07-01", "9999-10-01"]),
        (
            "SELECT time_bucket(INTERVAL '15 minutes', time) FROM events",
            ["0001-01-01T00:30:00Z", "2021-07-29T13:00:00Z", "9999-12-31T23:45:00Z"],
        ),
        (
            "SELECT date_bin(INTERVAL '1 year', time) FROM events",
            ["0001-01-01T00:00:00Z", "2021-01-01T00:00:00Z", "9999-01-01T00:00:00Z"],
        ),
        (
            "SELECT strftime(time, '%d/%m/%Y %H:%M') FROM events",
            ["01/01/0001 00:30", "29/07/2021 13:06", "31/12/9999 23:59"],
        ),
        ("SELECT to_char(time, '%Y') FROM events", ["0001", "2021", "9999"]),
        ("SELECT date_format(time, '%H') FROM events", ["00", "13", "23"]),
        ("SELECT date_diff('hour', TIME '10:30', time::time) FROM events", ["-10", "3", "13"]),
        ("SELECT date_diff('year', TIMESTAMP '2021-01-01', time) FROM events", ["-2020", "0", "7978"]),
        ("SELECT epoch(time - TIMESTAMP '2021-07-29') / 60 > 0 FROM events", ["false", "true", "true"]),
        ("SELECT time >= TIMESTAMP '2300-01-01' FROM events", ["false", "false", "true"]),
        ("SELECT time >= '2300-01-01' FROM events", ["false", "false", "true"]),
        ("SELECT time BETWEEN '2000-01-01' AND '9999-12-31' FROM events", ["false", "true", "false"]),
        ("SELECT time NOT BETWEEN '0001-01-01' AND '2021-07-29' FROM events", ["false", "true", "true"]),
        ("SELECT time = '9999-12-31T23:59:59Z' FROM events", ["false", "false", "true"]),
        ("SELECT time IN ('0001-01-01 00:30', '9999-12-31 23:59:59') FROM events", ["true", "false", "true"]),
        ("SELECT time NOT IN ('9999-12-31 23:59:59') FROM events", ["true", "true", "false"]),
        ("SELECT time > DATE '2300-01-01' FROM events", ["false", "false", "true"]),
        ("SELECT time > to_timestamp(1627564000) FROM events", ["false", "true", "true"]),
        ("SELECT time > CAST('1600-01-01' AS TIMESTAMP) FROM events", ["false", "true", "true"]),
        ("SELECT time > now() FROM events", ["false", "false", "true"]),
        ("SELECT date_sub('month', TIMESTAMP '2021-06-30', time) > 0 FROM events", ["false", "false", "true"]),
        ("SELECT dayname(time) FROM events", ["Monday", "Thursday", "Friday"]),
        ("SELECT isodow(time) FROM events", ["1", "4", "5"]),
        ("SELECT epoch_ms(time) FROM events", ["-62135595000000", "1627564009000", "253402300799000"]),
    ] {
        assert_eq!(rows(&case, &format!("{query} ORDER BY time")), expected, "{query}");
    }
    let grouped = rows(&case, "SELECT date_trunc('day', time) AS day, count(*) FROM events GROUP BY 1 ORDER BY 1");
    assert_eq!(grouped, ["0001-01-01T00:00:00Z,1", "2021-07-29T00:00:00Z,1", "9999-12-31T00:00:00Z,1"]);
}

#[test]
fn times_have_the_functions_that_duckdb_has() {
    let case = trail_case();
    for (query, expected) in [
        (
            "SELECT date_diff('week', DATE '2021-08-01', DATE '2021-08-02'), date_diff('month', DATE '2021-01-31', DATE '2021-02-01'), date_diff('quarters', DATE '2021-03-31', DATE '2021-04-01')",
            "1,1,1",
        ),
        (
            "SELECT date_sub('month', DATE '2021-01-31', DATE '2021-03-01'), date_sub('hour', TIMESTAMP '2021-07-29 12:59', TIMESTAMP '2021-07-29 13:01')",
            "1,0",
        ),
        (
            "SELECT TIMESTAMP '2021-07-29' + to_days(3), TIMESTAMP '2021-07-29' - to_minutes(5), TIMESTAMP '2021-07-29' + to_hours(1)",
            "2021-08-01T00:00:00,2021-07-28T23:55:00,2021-07-29T01:00:00",
        ),
        (
            "SELECT date_add(DATE '2021-01-31', INTERVAL '1 month')::date, date_add('day', 3, TIMESTAMP '2021-01-01')",
            "2021-02-28,2021-01-04T00:00:00",
        ),
        (
            "SELECT last_day(DATE '2024-02-10'), isodow(DATE '2021-08-01'), extract(isodow FROM DATE '2021-08-02')",
            "2024-02-29,7,1",
        ),
        (
            "SELECT try_strptime('x', '%Y') IS NULL, strptime('29/07/2021', ['%Y-%m-%d', '%d/%m/%Y'])::date, strptime('2021-02', '%Y-%m')",
            "true,2021-07-29,2021-02-01T00:00:00",
        ),
        (
            "SELECT time_bucket(INTERVAL '1 week', TIMESTAMP '2021-07-29'), date_bin(INTERVAL '1 hour', TIMESTAMP '2021-07-29 13:10', TIMESTAMP '2021-01-01 00:30')",
            "2021-07-26T00:00:00,2021-07-29T12:30:00",
        ),
        ("SELECT epoch(max(event_time) - min(event_time)), epoch(INTERVAL '1 day') FROM cloudtrail", "5.0,86400.0"),
        (
            "SELECT date_trunc('day', '2021-07-29 13:00'), date_trunc('day', event_time AT TIME ZONE 'America/New_York') FROM cloudtrail LIMIT 1",
            "2021-07-29T00:00:00,2024-03-01T00:00:00-05:00",
        ),
    ] {
        assert_eq!(rows(&case, query), [expected], "{query}");
    }
}

/// A time to the minute, as clocks are read off, is one wherever times are.
#[test]
fn times_to_the_minute_are_times() {
    let case = trail_case();
    for (condition, expected) in [
        ("event_time > '2024-03-01 21:59'", "6"),
        ("event_time < '2024-03-01T22:00'", "0"),
        ("'2024-03-01 22:01' > event_time", "6"),
        ("event_time >= '2024-03-01 22:00' AND event_time < '2024-03-01 22:01'", "6"),
        ("event_time BETWEEN '2024-03-01 22:00' AND '2024-03-01 22:01'", "6"),
        ("event_time > TIMESTAMP '2024-03-01 22:00'", "6"),
        ("event_time > '2024-03-01 22:00'::timestamp", "6"),
        ("'2024-03-01 22:00' = '2024-03-01 22:00'", "6"),
        ("'{\"t\":\"2024-03-01 22:00\"}'->>'t' = '2024-03-01 22:00'", "6"),
    ] {
        assert_eq!(
            rows(&case, &format!("SELECT count(*) FROM cloudtrail WHERE {condition}")),
            [expected],
            "{condition}"
        );
    }
}

/// A `Z` says UTC: a time of another zone has its distance from UTC, and one without a zone has nothing.
#[test]
fn only_times_in_utc_end_with_z() {
    let case = trail_case();
    let query = "SELECT event_time AS u, event_time AT TIME ZONE 'America/New_York' AS n, event_time AT TIME ZONE 'Asia/Kolkata' AS k, \
                 TIMESTAMP '2021-07-29 13:06:49.5' AS t, CAST('2021-07-29' AS TIMESTAMP) AS d, strptime('2021', '%Y') AS p \
                 FROM cloudtrail WHERE event_name = 'CreateUser'";
    let times = [
        "2024-03-01T22:00:03Z",
        "2024-03-01T17:00:03-05:00",
        "2024-03-02T03:30:03+05:30",
        "2021-07-29T13:06:49.500",
        "2021-07-29T00:00:00",
        "2021-01-01T00:00:00",
    ];
    for form in ["csv", "tsv", "table", "line"] {
        let ran = case.sawq(&["sql", query, "--format", form]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let text = ran.text();
        let printed: Vec<&str> = text.split([',', '\t', ' ', '\n']).filter(|word| word.starts_with("20")).collect();
        assert_eq!(printed, times, "{form}");
    }
    let json = case.sawq(&["sql", query, "--json"]).json();
    for (name, time) in ["u", "n", "k", "t", "d", "p"].iter().zip(times) {
        let printed = json[0][name].as_str().unwrap();
        assert_eq!(printed.ends_with('Z'), time.ends_with('Z'), "{name}: {printed}");
    }
}
