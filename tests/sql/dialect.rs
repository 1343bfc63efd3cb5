//! SQL as people write it: as in DuckDB, mostly.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use parquet::file::reader::{FileReader, SerializedFileReader};
use sawlog_tests::{Case, evidence, repository};
use serde_json::json;

use super::*;

#[test]
fn arrows_work_bare_wherever_a_value_does() {
    let case = trail_case();
    for (condition, expected) in [
        ("event_name = 'ConsoleLogin' AND additional_event_data->>'MFAUsed'='No'", 1),
        ("response_elements->>'ConsoleLogin'='Failure'", 1),
        ("response_elements->>'ConsoleLogin' <> 'Failure'", 1),
        ("'Failure' = response_elements->>'ConsoleLogin'", 1),
        ("request_parameters->>'userName' LIKE 'bo%'", 1),
        ("request_parameters->>'userName' NOT ILIKE 'BO%'", 1),
        ("request_parameters->>'userName' IN ('bob', 'carol')", 2),
        ("request_parameters->>'userName' NOT IN ('bob')", 1),
        ("request_parameters->>'userName' IS NOT NULL", 2),
        ("request_parameters->>'userName' IS NULL", 4),
        ("NOT request_parameters->>'userName' = 'bob'", 1),
        ("request_parameters->>'userName' = 'bob' OR response_elements->>'ConsoleLogin' = 'Success'", 2),
        ("upper(request_parameters->>'userName') = 'CAROL'", 1),
        ("coalesce(request_parameters->>'userName', response_elements->>'ConsoleLogin', '-') = '-'", 2),
        ("request_parameters->'deep'->'er'->>'est' = 'x'", 1),
        ("request_parameters->>'$.deep.er.est' = 'x' AND request_parameters->>'/deep/er/est' = 'x'", 1),
        ("request_parameters->>'a.b' = 'dotted' AND request_parameters->>'$.\"a.b\"' = 'dotted'", 1),
        ("request_parameters->'list'->>1 = 'b' AND request_parameters->>'$.list[2]' = 'c'", 1),
        ("request_parameters->'list'->>-1 = 'c'", 1),
        ("request_parameters->>'none' IS NULL AND request_parameters->>'userName' = 'bob'", 1),
        // Numbers are compared as numbers: 100 is more than 21, whatever their letters are.
        ("request_parameters->>'size' > 20", 2),
        ("20 < request_parameters->'size'", 2),
        ("request_parameters->>'size' BETWEEN 5 AND 50", 2),
        ("request_parameters->>'size' IN (9, 100)", 2),
        ("(request_parameters->'size')::int > 20", 2),
        ("CAST(request_parameters->>'size' AS BIGINT) + 1 = 22", 1),
        ("request_parameters->'on' = true AND request_parameters->'off' = false", 1),
        ("(request_parameters->'userName') = 'bob'", 1),
        ("request_parameters->'userName' = '\"bob\"'", 1),
        ("request_parameters->>'userName' || '!' = 'bob!'", 1),
        // AND and OR bind less than IS DISTINCT FROM.
        ("request_parameters->>'userName' IS DISTINCT FROM 'bob' AND request_parameters->>'userName' IS NOT NULL", 1),
        ("request_parameters->>'userName' IS DISTINCT FROM 'bob' AND 1 = 2 OR request_parameters->>'size' = 21", 1),
        ("user_identity->>'user_name' = 'alice' AND user_identity->>'accountId' IS NULL", 6),
        ("resources->0->>'arn' LIKE '%user/bob'", 6),
    ] {
        let found = rows(&case, &format!("SELECT count(*) FROM cloudtrail WHERE {condition}"));
        assert_eq!(found, [expected.to_string()], "{condition}");
    }
    let grouped = rows(
        &case,
        "SELECT request_parameters->>'userName' AS who, count(*) FROM cloudtrail \
         WHERE request_parameters->>'userName' IS NOT NULL GROUP BY request_parameters->>'userName' \
         HAVING count(*) > 0 ORDER BY request_parameters->>'userName' DESC",
    );
    assert_eq!(grouped, ["carol,1", "bob,1"]);
}

#[test]
fn functions_have_the_names_that_duckdb_gives_them() {
    let case = trail_case();
    let create = "FROM cloudtrail WHERE event_name = 'CreateUser'";
    for (query, expected) in [
        (format!("SELECT json_extract(request_parameters, 'deep') {create}"), r#""{""er"":{""est"":""x""}}""#),
        (format!("SELECT json_extract_string(request_parameters, '$.list[0]') {create}"), "a"),
        (format!("SELECT json_array_length(request_parameters->'list') {create}"), "3"),
        (format!("SELECT strftime(event_time, '%Y-%m-%d %H') {create}"), "2024-03-01 22"),
        (format!("SELECT dayname(event_time), hour(event_time), day(event_time) {create}"), "Friday,22,1"),
        (format!("SELECT extract('hour' FROM event_time), extract(minute FROM event_time) {create}"), "22,0"),
        (format!("SELECT epoch(event_time)::bigint {create}"), "1709330403"),
        (format!("SELECT resources[1].arn, resources[2]['arn'] {create}"), "arn:aws:iam::111122223333:user/bob,arn:aws:s3:::bucket"),
        (format!("SELECT len(resources), len('äöü') {create}"), "2,3"),
        (format!("SELECT list_transform(resources, lambda r: r.arn)[2] {create}"), "arn:aws:s3:::bucket"),
        (format!("SELECT resources::JSON->1->>'arn', user_identity::JSON->>'type' {create}"), "arn:aws:s3:::bucket,IAMUser"),
        (format!("SELECT event_time AT TIME ZONE 'UTC' = event_time {create}"), "true"),
        ("SELECT string_split('a.b.c', '.')[1], string_split('a.b', '.')[2], split('x', '.')[1]".to_owned(), "a,b,x"),
        ("SELECT len(list_filter([1, NULL, 3], lambda x: x IS NOT NULL))".to_owned(), "2"),
        ("SELECT list_contains([1, 2], 2), list_contains(['a'], 'b')".to_owned(), "true,false"),
        ("SELECT md5('a'), regexp_matches('abc', 'b.'), contains('abc', 'b')".to_owned(), "0cc175b9c0f1b6a831c399e269772661,true,true"),
        ("SELECT try_cast('x' AS int) IS NULL, '5'::int + 1".to_owned(), "true,6"),
        ("SELECT sum(x) // 2, -sum(x) // 2, 7 // count(*), sum(x) // sum(x), 11 // 3 FROM (VALUES (3), (4)) t(x)".to_owned(), "3,-3,3,1,3"),
        // As DuckDB and PostgreSQL round, and Athena.
        ("SELECT 3.7::bigint, CAST(-1.5 AS int), (7 * 1.0 / 2)::int, try_cast(2.4 AS smallint)".to_owned(), "4,-2,4,2"),
        ("SELECT CAST(2.50 AS DECIMAL(10, 2))::int, (SELECT sum(x) * 0.5 FROM (VALUES (1), (2)) t(x))::int".to_owned(), "3,2"),
        ("SELECT max(x::int), sum((x * 1.5)::int) FROM (VALUES (1.6), (3.0)) t(x)".to_owned(), "3,7"),
        ("SELECT strptime('29/07/2021', '%d/%m/%Y')::date".to_owned(), "2021-07-29"),
        ("SELECT json_valid('{'), json_valid('[1]')".to_owned(), "false,true"),
        ("SELECT if(1 = 2, 'a', 'b'), 7 // 2, typeof(1)".to_owned(), "b,3,Int64"),
        ("SELECT regexp_extract('key-123.jpg', '[0-9]+'), regexp_extract('a=b', '(.)=(.)', 2), regexp_extract('a', 'b') = ''".to_owned(), "123,b,true"),
        (
            "SELECT date_diff('hour', TIMESTAMP '2021-07-29 12:59', TIMESTAMP '2021-07-29 13:01'), \
             datediff('days', TIMESTAMP '2021-07-29 13:00', TIMESTAMP '2021-07-29 23:00'), \
             date_diff('minute', TIMESTAMP '2021-07-29 13:00', TIMESTAMP '2021-07-29 12:00')".to_owned(),
            "1,0,-60",
        ),
        ("SELECT epoch_ms(TIMESTAMP '2021-07-29T13:06:49')".to_owned(), "1627564009000"),
        ("SELECT from_base64('YWJj')::text, base64('abc')".to_owned(), "abc,YWJj"),
        (format!("SELECT request_parameters['userName'], request_parameters['deep']['er']['est'], request_parameters['list'][1] {create}"), "bob,x,b"),
        ("SELECT arg_max(event_name, event_time), arg_min(event_name, event_time), max_by(event_name, event_time) FROM cloudtrail".to_owned(), "DeleteUser,ConsoleLogin,DeleteUser"),
        ("SELECT count_if(event_name = 'ConsoleLogin'), count(*) FROM cloudtrail".to_owned(), "2,6"),
        ("SELECT count(*) FILTER (event_name = 'ConsoleLogin') + 1, count(*) FILTER (WHERE event_name GLOB 'Create*') FROM cloudtrail".to_owned(), "3,1"),
        ("SELECT count(*) FROM cloudtrail WHERE event_name GLOB 'Create*' OR event_name glob 'Delete*' AND true".to_owned(), "2"),
        ("SELECT strftime('%Y', event_time), strftime(event_time, '%m'), strftime('%H', TIMESTAMP '2021-07-29 13:06') FROM cloudtrail LIMIT 1".to_owned(), "2024,03,13"),
        ("SELECT string_split('aäb', '')[2], len(string_split('abc', '')), string_split('a,b', ',')[2]".to_owned(), "ä,3,b"),
        ("SELECT sign(-3), sign(2.5), sign(0), list_min([3, 1, 2]), list_max([3, 1, 2]), struct_extract({'a': 7}, 'a')".to_owned(), "-1,1,0,1,3,7"),
        ("SELECT list_aggregate([1, 2, 4], 'sum'), list_aggregate([1, NULL], 'count'), list_unique([1, 1, NULL]), mod(7, 3)".to_owned(), "7.0,1,1,1"),
        ("SELECT struct_pack(a := 7, b := 'x')['a'], 'a'::BLOB::TEXT".to_owned(), "7,a"),
        ("SELECT count(*) FILTER (event_name = 'ConsoleLogin') OVER () FROM cloudtrail LIMIT 1".to_owned(), "2"),
        ("SELECT group_concat(n), listagg(n, '/') FROM (VALUES ('a'), ('b')) AS t(n)".to_owned(), "\"a,b\",a/b"),
        ("SELECT user_identity.user_name AS u, list(event_name)[1] AS l, arg_max(event_name, event_time) AS m FROM cloudtrail GROUP BY ALL".to_owned(), "alice,ConsoleLogin,DeleteUser"),
        ("SELECT sum(item) FROM unnest([1, 2, 3]) AS item".to_owned(), "6"),
        ("SELECT time_bucket(interval '1 hour', timestamp '2021-07-29 13:06:49') = timestamp '2021-07-29 13:00:00'".to_owned(), "true"),
        (
            r#"SELECT json_contains('{"a":[{"b":1,"c":2}]}', '{"b": 1}'), json_contains('{"a":1}', '{"b":1}'), json_contains('{"a":1}', 'a')"#.to_owned(),
            "true,false,true",
        ),
    ] {
        assert_eq!(rows(&case, &query), [expected], "{query}");
    }
}

#[test]
fn lists_and_numbers_are_what_duckdb_makes_of_them() {
    let case = trail_case();
    let create = "FROM cloudtrail WHERE event_name = 'CreateUser'";
    for (query, expected) in [
        ("SELECT from_json('[1,\"a\",null]', '[\"VARCHAR\"]')[2], len(from_json('[1,2,3]', '[\"JSON\"]'))".to_owned(), "a,3"),
        ("SELECT from_json('[1,2]', '[\"BIGINT\"]')[2] + 1, from_json('[1.5]', '[\"DOUBLE\"]')[1], from_json('[true]', '[\"BOOLEAN\"]')[1]".to_owned(), "3,1.5,true"),
        ("SELECT from_json('{', '[\"VARCHAR\"]') IS NULL, from_json('[\"a\",{\"b\":1}]', '[\"json\"]')[2]->>'b'".to_owned(), "true,1"),
        (format!("SELECT list_contains(from_json(request_parameters->'list', '[\"VARCHAR\"]'), 'c') {create}"), "true"),
        (format!("SELECT length(resources), length([1, 2]), length('äöü'), len(request_parameters->>'userName') {create}"), "2,2,3,3"),
        (format!("SELECT json_extract_string(request_parameters, ['$.userName', '$.size'])[2], len(json_extract(request_parameters, ['$.on'])) {create}"), "9,1"),
        ("SELECT len(CAST('[\"a\",\"b\"]' AS VARCHAR[])), ('[1,2]'::INT[])[2], ([1, 2]::VARCHAR[])[1], TRY_CAST('x' AS VARCHAR[]) IS NULL".to_owned(), "2,2,1,true"),
        ("SELECT 2^3 = 8, 2^3+1 = 9, 2*3^2 = 18, 1_000 + 1, 1_0.5".to_owned(), "true,true,true,1001,10.5"),
        ("SELECT substr('abc', -2), substr('abc', -2, 1), substring('äöü', -1), substr('abc', 2), substr(s, n) FROM (SELECT 'abc' AS s, -1 AS n)".to_owned(), "bc,b,ü,bc,c"),
        ("SELECT regexp_extract('x', 'z') = '', regexp_extract(NULL, 'z') IS NULL, regexp_extract('x', '(z)', 1) = ''".to_owned(), "true,true,true"),
        ("SELECT list_transform([1, 2], x -> x + 1)[2], len(list_filter(['a', 'b'], x -> x = 'a' AND x <> 'c')), len(list_transform([1], (x) -> x))".to_owned(), "3,1,1"),
        (format!("SELECT json_type(request_parameters), json_type(request_parameters, '$.size'), json_type(request_parameters->'list'), json_exists(request_parameters, '$.none'), json_exists(request_parameters, 'no') {create}"), "OBJECT,UBIGINT,ARRAY,true,false"),
        ("SELECT regexp_full_match('abc', 'b'), regexp_full_match('abc', 'a.c'), regexp_extract_all('a1b22', '[0-9]+')[2], regexp_extract_all('a1b2', '([a-z])[0-9]', 1)[2]".to_owned(), "false,true,22,b"),
        ("SELECT url_decode('a%20b'), url_encode('a/b'), format('{} is {}', 'a', 1), printf('%s=%d', 'a', 1)".to_owned(), "a b,a%2Fb,a is 1,a=1"),
    ] {
        assert_eq!(rows(&case, &query), [expected], "{query}");
    }
}

#[test]
fn joins_of_one_side_and_the_schema_main_are_taken() {
    let case = trail_case();
    for (query, expected) in [
        ("SELECT count(*) FROM cloudtrail c SEMI JOIN (SELECT 'CreateUser' AS n) x ON c.event_name = x.n", "1"),
        ("SELECT count(*) FROM cloudtrail c ANTI JOIN (SELECT 'CreateUser' AS event_name) x USING (event_name)", "5"),
        ("SELECT count(*) FROM (cloudtrail c ANTI JOIN (SELECT 'CreateUser' AS n) x ON c.event_name = x.n)", "5"),
        ("SELECT count(*) FROM main.events", "6"),
        (
            "SELECT main.cloudtrail.event_name FROM main.cloudtrail WHERE main.cloudtrail.event_name = 'CreateUser'",
            "CreateUser",
        ),
    ] {
        assert_eq!(rows(&case, query), [expected], "{query}");
    }
    let tables = |filter: &str| -> Vec<String> {
        rows(&case, &format!("SHOW TABLES {filter}"))
            .iter()
            .map(|row| row.split(',').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(tables("LIKE 'v%'"), ["vpc_flow"]);
    assert_eq!(tables("WHERE rows = 6"), ["cloudtrail"]);
    assert!(tables("").len() > 5);
    let columns = rows(&case, "SHOW COLUMNS FROM cloudtrail LIKE 'request%'");
    assert!(columns.len() > 1 && columns.iter().all(|row| row.contains("request")), "{columns:?}");
}

#[test]
fn summarize_tells_what_columns_have_in_them() {
    let case = trail_case();
    let header = "column_name,column_type,min,max,approx_unique,avg,count,null_percentage";
    let query = "SUMMARIZE SELECT event_name, read_only, resources, CAST(request_parameters->>'size' AS BIGINT) AS size, event_time \
                 FROM cloudtrail";
    assert_eq!(names(&case, query), header);
    let found = rows(&case, query);
    assert_eq!(found[0], "event_name,VARCHAR,AuthorizeSecurityGroupIngress,PutBucketPolicy,5,,6,0.0");
    assert_eq!(found[1], "read_only,BOOLEAN,false,false,1,,6,0.0");
    assert!(found[2].starts_with("resources,") && found[2].ends_with(",,,,,6,0.0"), "{}", found[2]);
    assert_eq!(found[3], "size,BIGINT,9,100,3,43.333333333333336,6,50.0");
    assert!(found[4].contains("2024-03-01T22:00:01Z,2024-03-01T22:00:06Z,6,"), "{}", found[4]);
    assert!(rows(&case, "SUMMARIZE main.events").len() > 20);
    assert_eq!(rows(&case, "SUMMARIZE SELECT 1 AS a WHERE false"), ["a,BIGINT,,,0,,0,"]);
    assert!(sql(&case, "SUMMARIZE nothing").err.contains("there is no table nothing"));
}

/// Bytes that are no text have no least or largest one, and stop nothing.
#[test]
fn every_table_can_be_summarized_whatever_its_bytes_are() {
    let case = Case::new();
    let mut line =
        b"owner b [29/Jul/2021:10:00:00 +0000] 192.0.2.9 - R REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 5 5 1 1 - \""
            .to_vec();
    line.extend(b"\xff\xfe\" -\n\xff no record\n");
    case.write("logs/s3.log", line);
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 3);
    for table in ["s3_access", "cloudtrail", "vpc_flow", "alb_access", "rejects", "sources", "entities", "events"] {
        assert!(rows(&case, &format!("SUMMARIZE {table}")).len() > 3, "{table}");
    }
    let raw = rows(&case, "SUMMARIZE SELECT raw FROM s3_access");
    assert!(raw[0].starts_with("raw,BLOB") && raw[0].ends_with(",,,1,,1,0.0"), "{raw:?}");
}

#[test]
fn lists_within_json_are_taken_apart() {
    let case = trail_case();
    // As Powerpipe's detections do it: rules that let in everybody, and policies for everybody.
    let rules = "WITH rules AS (SELECT *, item AS rule FROM cloudtrail, \
                 unnest(from_json((request_parameters->'ipPermissions'->'items'), '[\"JSON\"]')) AS item \
                 WHERE event_source = 'ec2.amazonaws.com') \
                 SELECT rule->>'ipProtocol' AS protocol, item->>'cidrIp' AS cidr, * FROM rules, \
                 unnest(from_json(rule->'ipRanges'->'items', '[\"JSON\"]')) AS item WHERE item->>'cidrIp' = '0.0.0.0/0' ORDER BY 1";
    let found: Vec<String> =
        rows(&case, rules).iter().map(|row| row.split(',').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(found, ["tcp 0.0.0.0/0", "udp 0.0.0.0/0"]);
    let policies = "WITH statements AS (SELECT *, unnest(from_json((request_parameters->>'bucketPolicy'->'Statement'), '[\"JSON\"]')) \
                    AS statement FROM cloudtrail WHERE event_name = 'PutBucketPolicy') \
                    SELECT statement->>'Effect' AS effect FROM statements \
                    WHERE (statement->>'Principal') = '*' OR json_contains(statement->'Principal', '{\"AWS\":\"x\"}') ORDER BY 1";
    assert_eq!(rows(&case, policies), ["Allow", "Deny"]);
    let crossed = "SELECT t.event_name, n FROM cloudtrail t CROSS JOIN unnest([1, 2]) AS u(n) WHERE t.event_name = 'CreateUser' ORDER BY n";
    assert_eq!(rows(&case, crossed), ["CreateUser,1", "CreateUser,2"]);
}

#[test]
fn commas_stars_and_names_are_taken_as_duckdb_takes_them() {
    let case = trail_case();
    assert_eq!(
        rows(&case, "SELECT event_name, count(*), FROM cloudtrail GROUP BY event_name, ORDER BY 2 DESC, 1 LIMIT 1"),
        ["ConsoleLogin,2"]
    );
    assert_eq!(rows(&case, "SELECT count(*) FROM cloudtrail WHERE event_name IN ('CreateUser', 'DeleteUser',)"), ["2"]);
    assert_eq!(
        rows(&case, "SELECT count(*) FROM cloudtrail c, (SELECT 1 AS one) o, WHERE c.event_name = 'CreateUser'"),
        ["1"]
    );
    assert_eq!(rows(&case, "SELECT one, count(*) FROM cloudtrail, (SELECT 1 AS one), GROUP BY one,"), ["1,6"]);
    assert_eq!(rows(&case, "SELECT one FROM (SELECT 1 AS one FROM cloudtrail, LIMIT 1), ORDER BY one"), ["1"]);
    assert_eq!(rows(&case, "SELECT one FROM (SELECT 1 AS one),"), ["1"]);
    // A name twice, by alias and star; both are there, and each can be ordered by.
    let twice = "SELECT event_name AS aws_region, event_time AS t, * FROM cloudtrail WHERE aws_region = 'us-east-1' ORDER BY event_time DESC LIMIT 1";
    let header = names(&case, twice);
    assert_eq!(header.split(',').filter(|name| *name == "aws_region").count(), 2, "{header}");
    assert!(rows(&case, twice)[0].starts_with("DeleteUser,"));
    assert_eq!(
        names(&case, "SELECT event_name, event_name, event_name FROM cloudtrail"),
        "event_name,event_name,event_name"
    );
    assert_eq!(names(&case, "SELECT count(*), count(*) FROM cloudtrail"), "count(*),count(*)");
    // Where a form needs each name once, later ones are numbered.
    let json = case.sawq(&["sql", "SELECT 1 AS a, 2 AS a, 3 AS a", "--json"]).json();
    assert_eq!(json, json!([{ "a": 1, "a_1": 2, "a_2": 3 }]));
    // In tables within, too.
    let within = "SELECT actor, n FROM (SELECT user_identity.arn AS actor, *, 7 AS n FROM (SELECT *, 1 AS actor FROM cloudtrail)) LIMIT 1";
    assert_eq!(rows(&case, within), ["arn:aws:iam::111122223333:user/alice,7"]);
    let with = "SELECT n FROM (WITH c AS (SELECT count(*) AS n FROM cloudtrail) SELECT * FROM c)";
    assert_eq!(rows(&case, with), ["6"]);
    let all = "SELECT event_source, count(*) AS n FROM cloudtrail GROUP BY ALL ORDER BY ALL";
    assert_eq!(rows(&case, all)[0], "ec2.amazonaws.com,1");
    assert_eq!(rows(&case, "FROM cloudtrail SELECT count(*)"), ["6"]);
    assert_eq!(rows(&case, "FROM cloudtrail").len(), 6);
}

#[test]
fn names_of_results_can_be_used_again() {
    let case = trail_case();
    let values = "FROM (VALUES (1), (2)) AS t(n)";
    for (query, expected) in [
        (format!("SELECT n * 2 AS a, a + 1 AS b, a + b {values} WHERE b > 3"), "4,5,9"),
        // A column goes before a name.
        (format!("SELECT n + 1 AS n, n * 10 AS m, m + 1 AS o {values} WHERE n = 2"), "3,20,21"),
        ("SELECT count(*) AS n, n * 2 AS twice FROM cloudtrail".to_owned(), "6,12"),
        ("WITH t AS (SELECT 3 AS a, a + 1 AS b) SELECT b * 2 AS c, c + 1 AS d FROM t".to_owned(), "8,9"),
        ("SELECT upper(event_name) AS n FROM cloudtrail WHERE n = 'CREATEUSER'".to_owned(), "CREATEUSER"),
        (
            "SELECT event_name AS e, e || '!' AS f, count(*) AS c FROM cloudtrail GROUP BY ALL HAVING c > 1".to_owned(),
            "ConsoleLogin,ConsoleLogin!,2",
        ),
        // Names within another query are its own.
        (
            "SELECT upper(event_name) AS n FROM cloudtrail WHERE n IS NOT NULL AND event_name IN (SELECT n FROM (VALUES ('CreateUser')) AS v(n))".to_owned(),
            "CREATEUSER",
        ),
        (
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT max(n) AS a, a + 1 AS b FROM t".to_owned(),
            "3,4",
        ),
    ] {
        assert_eq!(rows(&case, &query), [expected], "{query}");
    }
    // Each name doubles the one before.
    let doubled: String = (1..40).map(|n| format!(", a{} + a{} AS a{n}", n - 1, n - 1)).collect();
    let ran = sql(&case, &format!("SELECT 1 AS a0{doubled}"));
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("an expression of more than 10000 parts"), "{}", ran.err);
}

#[test]
fn columns_are_chosen_by_pattern() {
    let case = trail_case();
    let from = "FROM (VALUES (1, 2, 9), (3, 1, 8)) AS t(a, b, other)";
    for (results, header, expected) in [
        ("max(COLUMNS('^[ab]$'))", "a,b", "3,2"),
        ("count(*) AS n, min(COLUMNS('the')) + 1", "n,other", "2,9"),
        ("sum(COLUMNS(*))", "a,b,other", "4,3,17"),
    ] {
        let query = format!("SELECT {results} {from}");
        assert_eq!(
            (names(&case, &query), rows(&case, &query)),
            (header.to_owned(), vec![expected.to_owned()]),
            "{results}"
        );
    }
    assert_eq!(names(&case, "SELECT COLUMNS('^src_ip$'), t.time FROM events AS t"), "src_ip,time");
}

#[test]
fn results_are_named_as_they_are_written() {
    let case = trail_case();
    for (results, expected) in [
        ("user_identity.arn, event_name", "user_identity.arn,event_name"),
        (
            "cloudtrail.user_identity.session_context.session_issuer.arn",
            "user_identity.session_context.session_issuer.arn",
        ),
        ("cloudtrail.event_name, 1, 'x'", "event_name,1,'x'"),
        ("request_parameters->>'userName'", "request_parameters ->> 'userName'"),
        ("resources[1].arn", "resources[1].arn"),
    ] {
        assert_eq!(names(&case, &format!("SELECT {results} FROM cloudtrail")), expected, "{results}");
    }
    assert_eq!(
        names(&case, "SELECT sum(source_line), COUNT(*), min(t.event_time) FROM cloudtrail t"),
        "sum(source_line),count(*),min(t.event_time)"
    );
    assert_eq!(names(&case, "SELECT e.actor, e.time FROM events e ORDER BY e.time"), "actor,time");
    let grouped =
        "SELECT user_identity.arn, count(*) FROM cloudtrail GROUP BY user_identity.arn ORDER BY user_identity.arn";
    assert_eq!(names(&case, grouped), "user_identity.arn,count(*)");
    let distinct = "SELECT DISTINCT user_identity.arn FROM cloudtrail ORDER BY user_identity.arn";
    assert_eq!(rows(&case, distinct), ["arn:aws:iam::111122223333:user/alice"]);
}

#[test]
fn tables_and_columns_are_shown() {
    let case = trail_case();
    let shown = rows(&case, "SHOW TABLES");
    for line in ["s3_access,0,", "cloudtrail,6,", "sources,1,", "events,,"] {
        assert!(shown.iter().any(|row| row.starts_with(line)), "{line} is not in {shown:?}");
    }
    for query in ["DESCRIBE events", "SHOW COLUMNS FROM events", "DESC events;", "SHOW events"] {
        let columns = rows(&case, query);
        assert!(columns.iter().any(|row| row.starts_with("actor,")), "{query}: {columns:?}");
    }
    assert!(rows(&case, "DESCRIBE SELECT count(*) AS n FROM cloudtrail")[0].starts_with("n,BIGINT"));
    let user = rows(&case, "DESCRIBE cloudtrail").into_iter().find(|row| row.starts_with("user_identity,"));
    assert!(user.is_some_and(|row| row.contains("\"STRUCT(type VARCHAR, principal_id VARCHAR, ")));
    assert!(rows(&case, "SELECT table_name FROM information_schema.tables WHERE table_name = 'vpc_flow'").len() == 1);
    assert!(sql(&case, "EXPLAIN SELECT * FROM events").text().contains("plan"));
}

#[test]
fn views_last_for_a_session() {
    let case = trail_case();
    let text = "CREATE VIEW logins AS SELECT event_time, response_elements->>'ConsoleLogin' AS outcome, user_identity.arn \
                FROM cloudtrail WHERE event_name = 'ConsoleLogin'; -- the sign-ins; all of them
                CREATE OR REPLACE TEMP VIEW failures (t, who) AS SELECT event_time, arn FROM logins WHERE outcome = 'Failure';
                SELECT count(*) AS n FROM logins; SELECT * FROM failures; SHOW TABLES; DROP VIEW failures; -- that is all";
    let ran = sql(&case, text);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.text().starts_with("n\n2\nt,who\n2024-03-01T22:00:01"), "{}", ran.text());
    assert!(ran.text().contains("logins,,") && ran.text().contains("failures,,"), "{}", ran.text());
    assert_eq!(sql(&case, "SELECT * FROM logins").code, 1);
    // From a file, and by a pipe that ends in a comment.
    case.write("q.sql", "SELECT 1 AS a; -- x; y");
    assert_eq!(case.sawq(&["sql", "--file", "q.sql"]).text(), "a\n1\n");
    let mut piped = case.command("sawq", &["sql"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"SELECT ';' AS a; /* ; */ SELECT 2 AS b; -- x; y\n").unwrap();
    assert_eq!(String::from_utf8(piped.wait_with_output().unwrap().stdout).unwrap(), "a\n;\nb\n2\n");
    for (query, expected) in [
        ("CREATE VIEW events AS SELECT 1", "there is already a table events"),
        ("CREATE VIEW v AS SELECT 1; CREATE VIEW v AS SELECT 2", "CREATE OR REPLACE VIEW"),
        ("DROP VIEW nothing", "no view nothing"),
        ("CREATE VIEW v AS SELECT nothing FROM cloudtrail", "no column nothing"),
    ] {
        let ran = sql(&case, query);
        assert!(ran.code == 1 && ran.err.contains(expected), "{query}: {}", ran.err);
    }
    let twice = case.sawq(&["sql", "SELECT 1; SELECT 2", "-o", "twice.csv"]);
    assert!(twice.code == 1 && twice.err.contains("one query"), "{}", twice.err);
}

#[test]
fn the_documented_patterns_read_what_is_in_the_tables() {
    // From the ninth run on tables have checkpoints, which are Parquet files, too.
    let case = Case::new();
    let mut sources: Vec<_> =
        fs::read_dir(evidence().join("s3-eng")).unwrap().map(|entry| entry.unwrap().path()).collect();
    sources.sort();
    for (run, source) in sources.iter().take(12).enumerate() {
        let ran = case.sawlog(&["convert", source.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{run}: {}", ran.err);
    }
    let store = case.path("sawlog-store");
    let count = |files: &[std::path::PathBuf]| -> i64 {
        let rows = |path| {
            SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap().metadata().file_metadata().num_rows()
        };
        files.iter().map(rows).sum()
    };
    let within = |folder: &Path, prefix: &str, is_folder: bool| -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let fits = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with(prefix) && (is_folder || name.ends_with(".parquet"))
        };
        entries.filter(fits).collect()
    };
    let by_date = || -> Vec<std::path::PathBuf> {
        within(&store.join("s3_access"), "date=", true).iter().flat_map(|day| within(day, "", false)).collect()
    };
    let by_sawq = |table: &str| -> i64 { rows(&case, &format!("SELECT count(*) FROM {table}"))[0].parse().unwrap() };
    assert!(
        !within(&store.join("s3_access/_delta_log"), "", false).is_empty(),
        "there is no checkpoint to be read by mistake"
    );
    assert_eq!(count(&by_date()), by_sawq("s3_access"));
    for table in ["sources", "entities"] {
        assert_eq!(count(&within(&store.join(table), "part-", false)), by_sawq(table), "{table}");
    }
    // What compact puts out of use stays for readers, until it is told not to.
    assert_eq!(case.sawlog(&["compact"]).code, 0);
    assert!(count(&by_date()) > by_sawq("s3_access"));
    assert_eq!(case.sawlog(&["compact", "--retain", "0"]).code, 0);
    assert_eq!(count(&by_date()), by_sawq("s3_access"));
    // And no document or script names the other pattern as one to read by.
    for path in ["README.md", "GUIDE.md", "docs", "scripts", "tests", "crates"] {
        let ran = Command::new("grep")
            .args(["-rn", "--include=*", r"/\*\*/\*\.parquet", path])
            .current_dir(repository())
            .output()
            .unwrap();
        let found = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(found.lines().all(|line| line.starts_with("tests/sql/dialect.rs:")), "{found}");
    }
}
