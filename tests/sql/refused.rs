//! What SQL refuses and what it says then, and hostile or large data.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sawlog_tests::{Case, Numbers, peak_of, random_log};

use super::*;

#[test]
fn errors_are_a_sentence_about_what_was_written() {
    let case = trail_case();
    for (query, expected) in [
        ("SELECT * FROM events PIVOT (count(*) FOR log IN ('a'))", "PIVOT is not supported"),
        (
            "PIVOT events ON log USING count(*)",
            "PIVOT is not supported; write a column for each value: count(*) FILTER",
        ),
        ("SELECT mode(log) FROM events", "there is no function mode; count the values: SELECT x, count(*)"),
        ("SELECT log FROM events USING SAMPLE 10%", "samples are not supported; write WHERE random() < 0.1"),
        ("SELECT log FROM events TABLESAMPLE 10%", "samples are not supported"),
        ("SELECT count(*) FROM events TABLESAMPLE (10 PERCENT)", "samples are not supported"),
        ("SELECT log FROM events LIMIT 10%", "LIMIT takes a number of rows"),
        ("SELECT 0x1F", "0x1F is not supported; numbers are decimal: 0x1F is 31"),
        ("SELECT log FROM events LIMIT 0x10", "0x10 is not supported; numbers are decimal"),
        ("SELECT log FROM events WHERE bytes > 0b101", "0b101 is not supported; numbers are decimal"),
        ("SELECT [-0o17, 0X1F]", "0o17 is not supported; numbers are decimal"),
        ("SELECT log FROM events EXCEPT ALL SELECT 's3_access'", "EXCEPT ALL and INTERSECT ALL are not supported"),
        ("SELECT * RENAME (nosuch AS q) FROM events", "RENAME: no column is called nosuch"),
        ("SELECT 2 ** 3", "write 2 ^ 10 or pow(2, 10)"),
        ("SELECT 1 % 0", "a number is divided by zero; nullif(x, 0) makes it null"),
        ("SELECT * FROM 'iocs.csv'", "queries read the store's tables only; a filter takes a list from a file"),
        ("SELECT * FROM '/tmp/list of.TXT' t", "queries read the store's tables only"),
        ("SELECT * FROM read_csv('iocs.csv')", "queries read the store's tables only"),
        ("SELECT 'text'[1:2]", "[…] is for lists; substr(text, start, length)"),
        ("SET TimeZone = 'America/New_York'", "time AT TIME ZONE 'America/New_York' converts one"),
        ("COPY (SELECT 1) TO 'x.csv'", "-o FILE writes a result to a file"),
        ("SELECT quantile(1, 0.5)", "quantile_cont interpolates"),
        ("SELECT [x + 1 for x in [1, 2]]", "write list_transform(l, x -> x + 1)"),
        ("SELECT src_ip::INET FROM events", "in_cidr(src_ip, '10.0.0.0/8') says whether"),
        ("SELECT src_ip << '10.0.0.0/8' FROM events", "in_cidr(src_ip, '10.0.0.0/8') says whether"),
        ("SELECT COLUMNS('nothing') FROM events", "no column has a name that matches 'nothing'"),
        ("SELECT COLUMNS(1) FROM events", "COLUMNS takes a pattern"),
        ("SELECT nothing AS a, a || 'x' AS b FROM events", "there is no column nothing in events"),
        ("SELECT log COLLATE nocase FROM events", "COLLATE is not supported"),
        (
            "SELECT * FROM events e, LATERAL (SELECT e.time AS t FROM cloudtrail c WHERE c.event_time = e.time) x",
            "LATERAL",
        ),
        (
            "SELECT * FROM events e ASOF JOIN cloudtrail c MATCH_CONDITION (e.time >= c.event_time) ON e.log = c.event_name",
            "ASOF JOIN is not supported",
        ),
        (
            "SELECT date_diff('fortnight', now(), now())",
            "'fortnight' is not a unit of time; the units are microsecond, ",
        ),
        ("SELECT * FROM other.events", "there is no schema other"),
        ("SELECT sum(log) FROM events", "the function sum does not take (Utf8View)"),
        ("SELECT round('a')", "the function round does not take (Utf8)"),
        ("SELECT date_trunc('day', 1)", "the function date_trunc takes a time, not Int64"),
        ("SELECT row_number() FROM events", "the function row_number needs OVER"),
        ("SELECT substr('abc')", "the function substr needs a start"),
        ("SELECT TOP 5 * FROM events", "TOP: this is not supported"),
        ("SELECT * FROM events POSITIONAL JOIN cloudtrail", "found: POSITIONAL"),
        ("SELECT CAST('x' AS VARCHAR[])", "'x' is not a list"),
        ("SELECT from_json('{}', '{\"a\":\"INT\"}')", "from_json makes lists of VARCHAR"),
        ("SELECT strptime('x', '%Y')", "'x' is not a time in the format '%Y'"),
    ] {
        let ran = sql(&case, query);
        assert_eq!(ran.code, 1, "{query}: {}", ran.text());
        let said = ran.err.trim_end().strip_prefix("sawq: ").unwrap_or_default();
        assert!(said.contains(expected), "{query}: {said}");
        let is_short = said.len() < 320 && said.lines().count() == 1;
        assert!(is_short && !said.contains("Internal error") && !said.contains("Span("), "{query}: {said}");
    }
    assert_eq!(rows(&case, "SELECT epoch_ms(1627564800000)"), ["2021-07-29T13:20:00"]);
}

#[test]
fn nothing_can_be_changed() {
    let case = trail_case();
    let before = files(&case.path("."));
    for query in [
        "DROP TABLE cloudtrail",
        "DELETE FROM cloudtrail",
        "INSERT INTO cloudtrail SELECT * FROM cloudtrail",
        "UPDATE cloudtrail SET event_name = 'x'",
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY (SELECT 1) TO 'out.csv'",
        "COPY cloudtrail TO 'out.parquet' STORED AS PARQUET",
        "SET datafusion.execution.batch_size = 1",
        "CREATE SCHEMA s",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "TRUNCATE TABLE cloudtrail",
        "EXPLAIN ANALYZE INSERT INTO cloudtrail SELECT * FROM cloudtrail",
        "SELECT 1; DROP TABLE cloudtrail",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
    ] {
        let ran = sql(&case, query);
        assert_eq!(ran.code, 1, "{query}: {}", ran.text());
        assert!(ran.err.starts_with("sawq: ") && ran.err.lines().count() == 1, "{query}: {}", ran.err);
    }
    assert_eq!(files(&case.path(".")), before);
    for query in ["SELECT * FROM '/etc/passwd'", "SELECT * FROM \"q.csv\"", "SELECT * FROM read_parquet('x')"] {
        assert_eq!(sql(&case, query).code, 1, "{query}");
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, data) = (entry.path(), entry.metadata().unwrap());
            found.push(format!("{} {}", path.display(), if data.is_file() { data.len() } else { 0 }));
            if data.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_wrong_is_said_once() {
    let case = trail_case();
    for (query, expected) in [
        ("SELECT evnt_name FROM cloudtrail", "there is no column evnt_name in cloudtrail; did you mean event_name?"),
        ("SELECT foo FROM events", "there is no column foo in events"),
        ("SELECT geoip(src_ip) FROM events", "there is no function geoip"),
        ("SELECT cuont(*) FROM events", "there is no function cuont; did you mean count?"),
        ("SELECT * FROM cloudtrial", "there is no table cloudtrial; did you mean cloudtrail?"),
        ("SELECT * FROM nothing_like_it", "there is no table nothing_like_it; the tables are s3_access,"),
        ("SELECT count(*) FROM events WHERE time > '2021-07-32'", "'2021-07-32' is not a time; write one as"),
        ("SELECT 1 FROM (", "this is not SQL: "),
        ("SELEC 1", "this is not SQL: "),
        ("SELECT 'x", "this is not SQL: Unterminated"),
        (
            "SELECT a.event_name FROM cloudtrail a JOIN cloudtrail b ON true WHERE event_name = 'x'",
            "several tables have a column event_name",
        ),
        ("SELECT request_parameters->>'$.a[*]' FROM cloudtrail", "is not a path such as"),
        ("SELECT ('x'::text)::int", "'x'"),
    ] {
        let ran = sql(&case, query);
        assert_eq!(ran.code, 1, "{query}: {}", ran.text());
        assert!(ran.err.contains(expected), "{query}: {}", ran.err);
        assert!(ran.err.lines().count() == 1 && ran.err.len() < 240, "{query}: {}", ran.err);
        for noise in
            ["caused by", "Optimizer rule", "type_coercion", "Error during planning", "valid fields", "DataFusion"]
        {
            assert!(!ran.err.to_lowercase().contains(&noise.to_lowercase()), "{query}: {}", ran.err);
        }
    }
}

#[test]
fn sums_of_forged_sizes_are_exact() {
    let case = Case::new();
    let mut log = String::new();
    for line in 0..3 {
        writeln!(
            log,
            "owner bucket [29/Jul/2021:13:00:0{line} +0000] 192.0.2.1 - R{line:08} REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - \
             9223372036854775807 9223372036854775807 1 1 \"-\" \"curl\" - h= SigV4 c AuthHeader h TLSv1.2 -"
        )
        .unwrap();
    }
    case.write("logs/a", log);
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    assert_eq!(
        rows(
            &case,
            "SELECT sum(bytes_sent), avg(bytes_sent) > 9e18, sum(bytes_sent) / 3 = 9223372036854775807, sum(http_status) FROM s3_access"
        ),
        ["27670116110564327421,true,true,600"]
    );
    assert_eq!(
        rows(&case, "SELECT remote_ip, sum(bytes) FROM events JOIN s3_access USING (source_line) GROUP BY 1"),
        ["192.0.2.1,27670116110564327421"]
    );
    assert_eq!(rows(&case, "SELECT sum(bytes) OVER (ORDER BY time) FROM events ORDER BY 1")[2], "27670116110564327421");
    let json = case.sawq(&["sql", "SELECT sum(bytes) AS n, sum(DISTINCT bytes) AS d FROM events", "--json"]);
    assert_eq!(json.text().trim(), r#"[{"n":27670116110564327421,"d":9223372036854775807}]"#);
    // What two numbers come to is exact, or an error that says how to make it so; never what wraps round.
    for wraps in [
        "bytes_sent + 1",
        "1 + bytes_sent",
        "bytes_sent + object_size",
        "-2 - bytes_sent",
        "bytes_sent * 2",
        "sum(bytes_sent * http_status)",
        "9223372036854775807 + 1",
    ] {
        let ran = sql(&case, &format!("SELECT {wraps} FROM s3_access"));
        assert!(ran.code == 1 && ran.err.contains("does not fit into 64 bits"), "{wraps}: {} {}", ran.text(), ran.err);
    }
    for (fits, expected) in [
        ("bytes_sent - 1", "9223372036854775806"),
        ("bytes_sent - object_size", "0"),
        ("CAST(bytes_sent AS DECIMAL(38, 0)) + object_size", "18446744073709551614"),
        ("http_status * 10000000", "2000000000"),
        ("http_status * http_status * http_status * http_status * http_status", "320000000000"),
        ("bytes_sent + NULL", "\"\""),
        ("(bytes_sent + 1.5) > 9e18", "true"),
        ("row_number() OVER (ORDER BY time) - row_number() OVER (ORDER BY time) - 1", "-1"),
        ("array_max([1, 2]) + 1", "3"),
        ("list_transform([1, 2], lambda x: x + 1)[1]", "2"),
        ("time + INTERVAL '1 day' > time", "true"),
    ] {
        assert_eq!(rows(&case, &format!("SELECT {fits} AS x FROM s3_access LIMIT 1 + 0")), [expected], "{fits}");
    }
    let grouped =
        "SELECT http_status + 1 AS s, count(*) AS n FROM s3_access GROUP BY http_status + 1 HAVING http_status + 1 > 0";
    assert_eq!(rows(&case, grouped), ["201,3"]);
}

#[test]
fn hostile_json_neither_stops_nor_hangs() {
    let case = trail_case();
    for json in [
        "repeat('[', 100000)",
        "repeat('{\"a\":', 100000)",
        "concat(repeat('[', 100000), repeat(']', 100000))",
        "'{\"a\":'",
        "'{\"a\" 1}'",
        "''",
        "'nul'",
        "'{\"a\":1e999999,\"b\":-0}'",
        "'{\"a\":\"\\ud800\"}'",
        "concat('{\"a\":', repeat('9', 100000), '}')",
        "concat('{', repeat('\"a\":1,', 50000), '\"a\":2}')",
    ] {
        let begun = Instant::now();
        let query = format!(
            "SELECT j->'a', j->>'a', j->'a'->'b'->>0, j->>'$.a[0].b', json_contains(j, '{{\"a\":1}}'), json_valid(j), \
             json_array_length(j), json_extract_string(j, 'a'), try_cast(j->>'a' AS int), j->'a' = 1, j->>'a' > 2, \
             json_contains(j, j) FROM (SELECT {json} AS j)"
        );
        let ran = sql(&case, &query);
        assert_eq!(ran.code, 0, "{json}: {}", ran.err);
        assert!(begun.elapsed() < Duration::from_secs(20), "{json} took {:?}", begun.elapsed());
        let apart = sql(&case, &format!("SELECT unnest(from_json({json}, '[\"JSON\"]')) LIMIT 3"));
        assert!(apart.code <= 1 && !apart.err.contains("internal error"), "{json}: {}", apart.err);
    }
}

#[test]
fn sorts_that_do_not_fit_go_to_disk() {
    let case = Case::new();
    case.write("logs/a", random_log(&mut Numbers::new(3), 150_000));
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    let query = "SELECT *, concat(request_uri, request_id, user_agent, key, operation) AS c FROM s3_access ORDER BY request_id, c";
    let ask = |memory: &str, out: &str| {
        let mut child = case.command("sawq", &["sql", query, "--memory", memory, "-o", out]).spawn().unwrap();
        let peak = peak_of(&mut child);
        assert!(child.wait().unwrap().success());
        (peak, fs::read(case.path(out)).unwrap())
    };
    let (large, all) = ask("4GiB", "a.csv");
    let (small, spilled) = ask("64MiB", "b.csv");
    assert_eq!(all.len(), spilled.len());
    assert!(small + 60 < large, "{small} MiB with a limit, {large} without");
    let mut child =
        case.command("sawq", &["find", "--sort", "time", "--memory", "64MiB", "-o", "c.log"]).spawn().unwrap();
    let peak = peak_of(&mut child);
    assert!(child.wait().unwrap().success() && peak < large, "{peak} MiB");
    let wrong = case.sawq(&["sql", "SELECT 1", "--memory", "1MiB"]);
    assert_eq!(wrong.code, 2, "{}", wrong.err);
}
