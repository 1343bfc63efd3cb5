//! `sawq sql`: SQL as people write it, what it refuses, what it says when it is wrong, and its prompt.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use parquet::file::reader::{FileReader, SerializedFileReader};
use sawlog_tests::{Case, Numbers, Ran, binary, evidence, has_terminal, peak_of, random_log, repository};
use serde_json::{Value, json};

/// A trail of six events, whose parameters have values of every kind.
fn trail() -> String {
    let event = |second: u32, source: &str, name: &str, parameters: &Value, response: &Value| {
        json!({
            "eventVersion": "1.08",
            "userIdentity": {
                "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/alice",
                "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "alice"
            },
            "eventTime": format!("2024-03-01T22:00:{second:02}Z"),
            "eventSource": source, "eventName": name, "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.10",
            "userAgent": "aws-cli/2.0", "requestParameters": parameters, "responseElements": response,
            "additionalEventData": { "MFAUsed": if second == 1 { "No" } else { "Yes" } },
            "resources": [
                { "ARN": "arn:aws:iam::111122223333:user/bob", "accountId": "111122223333", "type": "AWS::IAM::User" },
                { "ARN": "arn:aws:s3:::bucket" }
            ],
            "requestID": format!("r{second}"), "eventID": format!("00000000-0000-0000-0000-0000000000{second:02}"),
            "readOnly": false, "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
            "eventCategory": "Management", "managementEvent": true
        })
    };
    let policy = r#"{"Statement":[{"Effect":"Allow","Principal":"*"},{"Effect":"Deny","Principal":{"AWS":"x"}}]}"#;
    let rules = json!({ "groupId": "sg-1", "ipPermissions": { "items": [
        { "ipProtocol": "tcp", "ipRanges": { "items": [{ "cidrIp": "0.0.0.0/0" }, { "cidrIp": "10.0.0.0/8" }] } },
        { "ipProtocol": "udp", "ipRanges": { "items": [{ "cidrIp": "0.0.0.0/0" }] } }
    ] } });
    let kinds = json!({ "userName": "bob", "size": 9, "on": true, "off": false, "none": null, "list": ["a", "b", "c"],
        "deep": { "er": { "est": "x" } }, "a.b": "dotted" });
    let events = [
        event(1, "signin.amazonaws.com", "ConsoleLogin", &Value::Null, &json!({ "ConsoleLogin": "Failure" })),
        event(2, "signin.amazonaws.com", "ConsoleLogin", &Value::Null, &json!({ "ConsoleLogin": "Success" })),
        event(3, "iam.amazonaws.com", "CreateUser", &kinds, &Value::Null),
        event(4, "s3.amazonaws.com", "PutBucketPolicy", &json!({ "bucketPolicy": policy, "size": 100 }), &Value::Null),
        event(5, "ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", &rules, &json!({ "_return": true })),
        event(6, "iam.amazonaws.com", "DeleteUser", &json!({ "userName": "carol", "size": 21 }), &Value::Null),
    ];
    json!({ "Records": events }).to_string()
}

fn trail_case() -> Case {
    let case = Case::new();
    case.write("logs/trail.json", trail());
    let ran = case.sawlog(&["convert", "logs"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    case
}

fn sql(case: &Case, query: &str) -> Ran {
    case.sawq(&["sql", query, "--format", "csv"])
}

/// The lines of a result, without the names.
fn rows(case: &Case, query: &str) -> Vec<String> {
    let ran = sql(case, query);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.text().lines().skip(1).map(str::to_owned).collect()
}

/// The names of the results.
fn names(case: &Case, query: &str) -> String {
    let ran = sql(case, query);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.text().lines().next().unwrap_or_default().to_owned()
}

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
        ("SELECT 2 ** 3", "write 2 ^ 10 or pow(2, 10)"),
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

/// What a pipe into `sawq sql` gives.
fn piped(case: &Case, text: &str) -> (String, String, i32) {
    let mut command = case.command("sawq", &["sql"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

#[test]
fn a_pipe_and_a_file_take_the_commands_of_the_prompt() {
    let case = trail_case();
    for (script, expected) in [
        (".tables\n", "cloudtrail"),
        ("\\dt;\n", "vpc_flow"),
        ("\\d cloudtrail\n", "event_name"),
        ("SELECT 40 +\n2 AS n;\n\\d\n", "42"),
        ("SELECT 1;\n.schema events", "actor"),
        ("SELECT '\nexit\n' || 'still' AS a;", "still"),
    ] {
        let (out, err, code) = piped(&case, script);
        assert_eq!((code, err.as_str()), (0, ""), "{script:?}");
        assert!(out.contains(expected), "{script:?}: {out}");
        case.write("script.sql", script);
        assert_eq!(case.sawq(&["sql", "--file", "script.sql"]).text(), out, "{script:?}");
    }
    let (out, err, code) = piped(&case, "help\n");
    assert!(code == 0 && out.is_empty() && err.contains("\\timing") && err.contains("in_cidr"), "{err}");
    let (out, _, code) = piped(&case, "SELECT 1 AS a;\nexit\nSELECT 2 AS b;\n");
    assert_eq!((out.as_str(), code), ("a\n1\n", 0));
    let (out, _, code) = piped(&case, ".mode csv\nSELECT 1 AS a, 'b,c' AS d;\n");
    assert_eq!((out.as_str(), code), ("a,d\n1,\"b,c\"\n", 0));
    let (_, err, code) = piped(&case, "\\nonsense\n");
    assert!(code == 1 && err.contains("there is no command \\nonsense"), "{err}");
}

#[test]
fn forms_that_hold_one_result_take_no_second_one() {
    let case = trail_case();
    let two = "SELECT 1 AS a; SELECT 2 AS b";
    for form in ["json", "parquet", "arrow", "arrows"] {
        let ran = case.sawq(&["sql", "--format", form, two]);
        assert_eq!((ran.code, ran.out.len()), (2, 0), "{form}: {}", ran.err);
        assert!(ran.err.contains("can hold the results of one query, not of 2"), "{form}: {}", ran.err);
        let one = case.sawq(&["sql", "--format", form, "CREATE VIEW v AS SELECT 1 AS a; SELECT * FROM v"]);
        assert!(one.code == 0 && !one.out.is_empty(), "{form}: {}", one.err);
    }
    for form in ["csv", "tsv", "ndjson", "table", "line"] {
        let ran = case.sawq(&["sql", "--format", form, two]);
        assert!(ran.code == 0 && ran.text().contains('1') && ran.text().contains('2'), "{form}: {}", ran.err);
    }
    case.write("script.sql", ".tables\nSELECT 1;\n");
    let ran = case.sawq(&["sql", "--json", "--file", "script.sql"]);
    assert_eq!((ran.code, ran.out.len()), (2, 0), "{}", ran.err);
}

/// Types lines into the prompt, on a terminal of its own without a pager; what it shows.
fn prompt(case: &Case, typed: &[(&str, u64)]) -> Option<String> {
    prompt_with(case, "cat", typed)
}

/// The same with a pager.
fn prompt_with(case: &Case, pager: &str, typed: &[(&str, u64)]) -> Option<String> {
    if !has_terminal() {
        return None;
    }
    let mut command = Command::new("script");
    let sawq = format!("stty cols 160 rows 40; exec {} sql", binary("sawq").display());
    command.args(["--quiet", "--return", "--command", &sawq, "/dev/null"]).current_dir(case.path("."));
    command.env("XDG_STATE_HOME", case.path("state")).env("TERM", "xterm").env("NO_COLOR", "1");
    command.env_remove("SAWLOG_STORE").env("SAWLOG_PAGER", pager);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    // What is long would wait for a reader, and with it what is typed.
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        output.read_to_end(&mut shown).unwrap();
        shown
    });
    std::thread::sleep(Duration::from_millis(1500));
    for (line, wait) in typed {
        // It may have ended already.
        let _ = input.write_all(line.as_bytes());
        let _ = input.flush();
        std::thread::sleep(Duration::from_millis(*wait));
    }
    drop(input);
    child.wait().unwrap();
    Some(String::from_utf8_lossy(&reader.join().unwrap()).into_owned())
}

#[test]
fn the_prompt_does_what_people_expect() {
    let case = trail_case();
    let endless = "SELECT count(*) FROM cloudtrail a, cloudtrail b, generate_series(1, 100000000000);\r";
    let Some(shown) = prompt(
        &case,
        &[
            ("SELECT 40 +\r", 300),
            ("\\dt\r", 800),
            ("help\r", 500),
            ("2 AS answer;\r", 1000),
            ("CREATE VIEW mine AS SELECT count(*) AS n FROM cloudtrail; SELECT n + 100 FROM mine;\r", 1500),
            (endless, 2000),
            ("\u{3}", 1500),
            (".mode line\r", 300),
            ("SELECT 'still here' AS it, event_name FROM cloudtrail WHERE event_name = 'CreateUser';\r", 1500),
            ("SELECT nothing\r", 300),
            ("exit\r", 500),
        ],
    ) else {
        return;
    };
    for expected in
        ["cloudtrail", "in_cidr(", "42", "106", "the query was stopped", "it = still here", "event_name = CreateUser"]
    {
        assert!(shown.contains(expected), "{expected:?} is not in {shown}");
    }
    let history = fs::read_to_string(case.path("state/sawlog/sql_history")).unwrap();
    assert!(history.contains("2 AS answer") && history.contains("generate_series"), "{history}");
    // Only what was typed, not the query that a command stands for.
    assert!(history.contains("dt\n") && !history.contains("SHOW TABLES"), "{history}");
}

#[test]
fn a_result_that_is_printed_can_be_stopped() {
    let case = trail_case();
    let again = "SELECT 'still ' || 'here' AS it;\r";
    let long = [("SELECT * FROM range(1, 40000000);\r", 4000), ("\u{3}", 3000), (again, 1000), ("exit\r", 500)];
    let Some(shown) = prompt(&case, &long) else { return };
    let (_, after) = shown.split_once("the query was stopped").expect("it is stopped");
    assert!(after.contains("still here"), "{after}");
    assert!(!shown.contains("39999999"), "{} bytes were printed", shown.len());
}

/// A result that is longer than the screen goes to a pager, and the prompt comes back when it is left.
#[test]
fn the_prompt_has_a_pager() {
    let case = trail_case();
    let long = "SELECT * FROM range(100);\r";
    let (short, exit) = ("SELECT 'still ' || 'here' AS it;\r", ("exit\r", 500));
    let shown = prompt_with(&case, "sed 's/^/paged /'", &[(long, 1500), (short, 1000), (long, 1500), exit]);
    let Some(shown) = shown else { return };
    let lines = |shown: &str, text: &str| {
        shown.lines().filter(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == text).count()
    };
    let counts = ["paged 0", "paged 99", "still here", "paged still here"].map(|text| lines(&shown, text));
    assert_eq!(counts, [2, 2, 1, 0], "{shown}");
    // One that is left before the end is not an error.
    let left = "SELECT * FROM range(3000000);\r";
    let shown = prompt_with(&case, "head -n 3", &[(left, 2500), (short, 1000), exit]).unwrap();
    let counts = ["0", "1", "2", "still here"].map(|text| lines(&shown, text));
    assert!(counts == [1, 1, 0, 1] && !shown.contains("sawq: "), "{shown}");
}

#[test]
fn the_history_is_kept_when_the_prompt_is_killed() {
    let case = trail_case();
    let Some(_) = prompt(&case, &[("SELECT 'kept' AS a;\r", 1500), ("\\q\r", 300)]) else { return };
    let history = case.path("state/sawlog/sql_history");
    assert!(fs::read_to_string(&history).unwrap().contains("'kept'"));
    // Killed in the middle of a query.
    let endless = "SELECT count(*) FROM generate_series(1, 100000000000);\r";
    let killer = std::thread::spawn({
        let folder = case.path(".");
        move || {
            std::thread::sleep(Duration::from_millis(3500));
            // Only those that this test started, by the folder that they work in.
            for process in fs::read_dir("/proc").unwrap().flatten() {
                let works_here =
                    fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder.canonicalize().unwrap());
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                if works_here && name.trim() == "sawq" {
                    let _ = Command::new("kill").args(["-KILL", &process.file_name().to_string_lossy()]).status();
                }
            }
        }
    });
    let _ = prompt(&case, &[(endless, 4000)]);
    killer.join().unwrap();
    assert!(fs::read_to_string(&history).unwrap().contains("generate_series"));
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
        assert!(found.lines().all(|line| line.starts_with("tests/sql.rs:")), "{found}");
    }
}
