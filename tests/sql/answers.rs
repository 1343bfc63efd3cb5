//! Questions that the engine by itself answers wrongly. The right values are DuckDB's, and what the SQL standard says.

use super::*;

/// Tables of a few rows, one value of which is null.
const TABLES: &str = "WITH a(x, y) AS (VALUES (1, 'a'), (2, 'b'), (3, NULL)), b(x, z) AS (VALUES (2, 'b'), (4, 'd')), \
                      n(v) AS (VALUES ('a'), (NULL)), ";

fn answers(case: &Case, query: &str) -> Vec<String> {
    rows(case, &format!("{TABLES} none(v) AS (SELECT 'a' WHERE 1 = 2) {query}"))
}

#[test]
fn a_subquery_may_have_the_name_of_what_it_is_compared_with() {
    let case = trail_case();
    for (condition, expected) in [
        ("x = ANY (SELECT x FROM b)", "2"),
        ("x = SOME (SELECT x FROM b WHERE z = 'd')", ""),
        ("x <> ALL (SELECT x FROM b)", "1 3"),
        ("x > ALL (SELECT x FROM a WHERE y IS NOT NULL)", "3"),
        ("x >= ANY (SELECT x FROM b)", "2 3"),
        ("x < ALL (SELECT x FROM b WHERE b.x > a.x)", "1 2 3"),
        ("x < ANY (SELECT x FROM b UNION SELECT 3)", "1 2 3"),
        ("x = 3 OR x <> ALL (SELECT x FROM b)", "1 3"),
        ("x IN (SELECT x FROM a WHERE x > ANY (SELECT x FROM a WHERE x > 1))", "3"),
    ] {
        let found = answers(&case, &format!("SELECT x FROM a WHERE {condition} ORDER BY x")).join(" ");
        assert_eq!(found, expected, "{condition}");
    }
}

#[test]
fn what_is_not_known_to_be_outside_a_list_is_not_left() {
    let case = trail_case();
    for (condition, expected) in [
        ("x = 1 OR y NOT IN (SELECT z FROM b)", "1"),
        ("x = 9 OR y NOT IN (SELECT z FROM b)", "1"),
        ("x = 9 OR y <> ALL (SELECT z FROM b)", "1"),
        ("x = 9 OR y NOT IN (SELECT v FROM n)", ""),
        ("x = 9 OR y NOT IN (SELECT v FROM n WHERE v = y)", "2 3"),
        ("x = 9 OR y NOT IN (SELECT v FROM none)", "1 2 3"),
        ("x = 9 OR y NOT IN (SELECT max(v) FROM n)", "2"),
        ("NOT (x = 1 AND y IN (SELECT z FROM b))", "1 2 3"),
        ("NOT (x = 3 AND y IN (SELECT z FROM b))", "1 2"),
        ("(y IN (SELECT z FROM b)) IS NULL", "3"),
        ("y NOT IN (SELECT z FROM b) AND x < 3", "1"),
        // The null of the subquery is only there for some rows.
        ("y NOT IN (SELECT v FROM n WHERE v >= a.y)", "2 3"),
        ("y NOT IN (SELECT v FROM n WHERE v >= y)", "2 3"),
        ("y NOT IN (SELECT v FROM n WHERE v = 'c')", "1 2 3"),
        ("y NOT IN (SELECT v FROM n WHERE v IS NOT NULL)", "2"),
        ("NOT (y IN (SELECT v FROM n WHERE v >= a.y))", "2 3"),
        ("NOT y IN (SELECT z FROM b)", "1"),
        ("x = 3 OR y IN (SELECT v FROM n)", "1 3"),
    ] {
        let found = answers(&case, &format!("SELECT x FROM a WHERE {condition} ORDER BY x")).join(" ");
        assert_eq!(found, expected, "{condition}");
    }
    let joined = "SELECT a.x FROM a JOIN b ON a.x = b.x OR a.y NOT IN (SELECT v FROM n) ORDER BY 1";
    assert_eq!(answers(&case, joined), ["2"]);
    let having = "SELECT y FROM a GROUP BY y HAVING count(*) > 1 OR y NOT IN (SELECT z FROM b)";
    assert_eq!(answers(&case, having), ["a"]);
}

#[test]
fn shared_columns_have_the_value_of_the_side_that_has_one() {
    let case = trail_case();
    for (query, expected) in [
        ("SELECT x, y, z FROM a FULL JOIN b USING (x) ORDER BY x", "1,a, 2,b,b 3,, 4,,d"),
        ("SELECT * FROM a FULL OUTER JOIN b USING (x) ORDER BY x", "1,a, 2,b,b 3,, 4,,d"),
        ("SELECT * FROM a RIGHT JOIN b USING (x) ORDER BY x", "2,b,b 4,,d"),
        ("SELECT x FROM (a FULL JOIN b USING (x)) ORDER BY x", "1 2 3 4"),
        ("SELECT x, a.x, b.x FROM a RIGHT JOIN b USING (x) ORDER BY x", "2,2,2 4,,4"),
        ("SELECT x, count(*) FROM a FULL JOIN b USING (x) WHERE x > 2 GROUP BY x HAVING x < 9 ORDER BY x", "3,1 4,1"),
        ("SELECT x % 2 AS odd, count(*) FROM a FULL JOIN b USING (x) GROUP BY ALL ORDER BY odd", "0,2 1,2"),
        (
            "SELECT x, y, z, w FROM a FULL JOIN b USING (x) FULL JOIN (SELECT 5 AS x, 'e' AS w) USING (x) ORDER BY x",
            "1,a,, 2,b,b, 3,,, 4,,d, 5,,,e",
        ),
        ("SELECT x FROM a FULL JOIN b USING (x) WHERE x IN (SELECT x FROM b) ORDER BY x", "2 4"),
        ("SELECT count(x), count(a.x), count(b.x) FROM a FULL JOIN b USING (x)", "4,3,2"),
        ("SELECT x, z FROM a LEFT JOIN b USING (x) ORDER BY x", "1, 2,b 3,"),
        ("SELECT x, z FROM a LEFT JOIN b USING (x) WHERE x < 3 ORDER BY x", "1, 2,b"),
        ("SELECT * FROM a JOIN b USING (x) WHERE x IN (1, 2)", "2,b,b"),
        ("SELECT x, count(*) FROM a JOIN b USING (x) JOIN a AS c USING (x) WHERE x > 0 GROUP BY x", "2,1"),
        // Neither query has a name.
        (
            "SELECT x, n FROM (SELECT x FROM a) LEFT JOIN (SELECT x, count(*) AS n FROM b GROUP BY x) USING (x) ORDER BY x",
            "1, 2,1 3,",
        ),
        ("SELECT count(*) FROM a NATURAL JOIN (SELECT DISTINCT x FROM b)", "1"),
    ] {
        assert_eq!(answers(&case, query).join(" "), expected, "{query}");
    }
}

#[test]
fn shares_of_sums_are_not_cut() {
    let case = trail_case();
    for (query, expected) in [
        ("SELECT sum(x) / 30000 FROM a", "0.0002"),
        ("SELECT sum(x) / 600000 FROM a", "0.00001"),
        ("SELECT round(sum(x) FILTER (x = 1) / sum(x) * 1e6) FROM a", "166667.0"),
        (
            "SELECT x, round(100 * sum(x) / sum(sum(x)) OVER (), 3) FROM a GROUP BY x ORDER BY x",
            "1,16.667 2,33.333 3,50.0",
        ),
        ("SELECT sum(x) // 4, sum(x) % 4, 7 / 2 FROM a", "1,2,3"),
    ] {
        let found: Vec<String> = answers(&case, query).iter().map(|row| row.replace("1e-5", "0.00001")).collect();
        assert_eq!(found.join(" "), expected, "{query}");
    }
}

#[test]
fn rows_without_a_value_come_last() {
    let case = trail_case();
    for (query, expected) in [
        ("SELECT y FROM a ORDER BY y DESC", "b a \"\""),
        ("SELECT y FROM a ORDER BY y", "a b \"\""),
        ("SELECT y FROM a ORDER BY y NULLS FIRST LIMIT 2", "\"\" a"),
        ("SELECT x FROM (SELECT x, row_number() OVER (ORDER BY y DESC) AS r FROM a) WHERE r = 1", "2"),
        ("SELECT array_agg(y ORDER BY y DESC)[1] FROM a", "b"),
        ("SELECT first(y ORDER BY y DESC) FROM a", "b"),
        ("SELECT y, sum(x) FILTER (y IS NOT NULL) AS s FROM a GROUP BY y ORDER BY s DESC", "b,2 a,1 ,"),
    ] {
        assert_eq!(answers(&case, query).join(" "), expected, "{query}");
    }
}

#[test]
fn a_pattern_is_like_the_whole_text() {
    let case = trail_case();
    for (condition, expected) in [
        ("event_name SIMILAR TO '(Create|Delete).*'", 2),
        ("event_name SIMILAR TO '(Create|Delete)%'", 2),
        ("event_name SIMILAR TO '(Create|Delete)'", 0),
        ("event_name SIMILAR TO 'User'", 0),
        ("event_name SIMILAR TO '%User'", 2),
        ("event_name SIMILAR TO 'PutBucketPolicy|DeleteUser' AND true", 2),
        ("event_name NOT SIMILAR TO '.*User'", 4),
        ("NOT event_name SIMILAR TO 'Console.*' OR false", 4),
        ("request_parameters->>'userName' SIMILAR TO 'bo[a-z]'", 1),
        ("event_name ~ 'User$'", 2),
    ] {
        let found = rows(&case, &format!("SELECT count(*) FROM cloudtrail WHERE {condition}"));
        assert_eq!(found, [expected.to_string()], "{condition}");
    }
}

#[test]
fn series_fill_gaps_and_windows_have_spans() {
    let case = trail_case();
    for (query, expected) in [
        ("SELECT generate_series FROM generate_series(1, 5, 2)", "1 3 5"),
        ("SELECT range FROM range(2)", "0 1"),
        ("SELECT t.* FROM range(2) t", "0 1"),
        ("SELECT i FROM range(2) AS t(i)", "0 1"),
        (
            "SELECT h, count(event_time) FROM generate_series(TIMESTAMP '2024-03-01 21:00', TIMESTAMP '2024-03-01 23:00', \
             INTERVAL 1 HOUR) t(h) LEFT JOIN cloudtrail ON date_trunc('hour', event_time) = h GROUP BY h ORDER BY h",
            "2024-03-01T21:00:00,0 2024-03-01T22:00:00,6 2024-03-01T23:00:00,0",
        ),
        (
            "SELECT count(*) OVER (ORDER BY event_time RANGE BETWEEN INTERVAL 2 SECONDS PRECEDING AND CURRENT ROW) \
             FROM cloudtrail ORDER BY event_time",
            "1 2 3 3 3 3",
        ),
        ("SELECT DATE '2021-07-29' + INTERVAL (1 + 1) DAY = TIMESTAMP '2021-07-31'", "true"),
        ("SELECT 'a' || chr(10) || 'b' SIMILAR TO 'a%b'", "true"),
        ("SELECT x FROM a ORDER BY x FETCH FIRST 2 ROWS ONLY", "1 2"),
        ("SELECT x FROM a ORDER BY x OFFSET 1 ROW FETCH NEXT ROW ONLY", "2"),
        ("SELECT [1, 2, 3][:2][2], [1, 2, 3][2:][1], [1, 2, 3][-2:][1]", "2,2,2"),
        ("SELECT count(*) FILTER (y NOTNULL) FROM a", "2"),
        ("SELECT list_apply([1], lambda x: x + 1)[1], argmax(y, x), round(variance(x)) FROM a", "2,b,1.0"),
    ] {
        assert_eq!(answers(&case, query).join(" "), expected, "{query}");
    }
    assert_eq!(
        names(&case, "SELECT * EXCLUDE (extra) RENAME (source_ip_address AS ip, event_time AS at) FROM cloudtrail")
            .split(',')
            .filter(|name| ["ip", "at", "source_ip_address", "event_time", "extra"].contains(name))
            .collect::<Vec<_>>(),
        ["at", "ip"]
    );
}
