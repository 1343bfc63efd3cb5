#!/usr/bin/env python3
"""Compares what sawq says of random logs with what DuckDB says of their raw text.

check.py [--stores N] [--seed S] [--parsers]: each store is made of 20 random logs (8 of S3, 6 of CloudTrail, 6 of flows).
Every summary, `top` in every dimension, random filters and the view of events are compared; the seed of a store that differs
is printed, and `--seed S --stores 1` runs it again. With --parsers, S3 lines that are as odd as they come are compared field
by field with other parsers of S3 logs from PyPI as well; where these differ and why is counted and printed.
"""
import argparse
import collections
import concurrent.futures
import csv
import gzip
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import duckdb

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path(__file__).resolve().parents[2] / "target"))
SAWLOG, SAWQ = TARGET / "release/sawlog", TARGET / "release/sawq"

IPS = ["192.0.2.1", "192.0.2.77", "198.51.100.7", "10.1.2.3", "2001:db8::1", "-"]
AGENTS = ["curl/8.0", "aws-cli/2.2 (x)", "Boto3/1.18.1 Python/3.9", "Mozilla/5.0 (100%; like_x)", "ä/ö [b]", "-"]
KEYS = ["a.jpg", "b/c.jpg", "b/%2520d.gpg", "e_f%25.TXT", "%E4%BD%A0.jpg", "x*y?z", "-"]
USERS = ["-", "arn:aws:iam::1:user/ann", "arn:aws:sts::2:assumed-role/Admin/bob", "svc:logs.amazonaws.com", "79a5"]
S3_OPERATIONS = ["REST.GET.OBJECT", "REST.PUT.OBJECT", "REST.POST.OBJECT", "BATCH.DELETE.OBJECT", "S3.EXPIRE.OBJECT", "REST.HEAD.BUCKET"]
EVENTS = [("iam", "PutUserPolicy"), ("iam", "ListUsers"), ("s3", "ListBuckets"), ("sts", "GetCallerIdentity"), ("ec2", "RunInstances")]


def day(rng):
    return rng.choice([27, 28, 29, 30]), rng.randrange(24), rng.randrange(60), rng.randrange(60)


def number(rng, most=1 << 31):
    return rng.choice(["-", "0", "113", str(rng.randrange(most)), str(rng.randrange(most))])


def s3_log(rng):
    lines = []
    for _ in range(rng.randrange(1, 30)):
        date, hour, minute, second = day(rng)
        quoted = lambda text: rng.choice(['"-"', f'"{text}"', f'"{text}"', f'"{text}"'])
        key, operation = rng.choice(KEYS), rng.choice(S3_OPERATIONS)
        uri = quoted(f"{rng.choice(['GET', 'PUT', 'POST'])} /{key} HTTP/1.1")
        fields = ["owner", rng.choice(["bucket-a", "bucket-b"]), f"[{date}/Jul/2021:{hour:02}:{minute:02}:{second:02} +0000]", rng.choice(IPS),
                  rng.choice(USERS), f"{rng.getrandbits(64):016X}", operation, key, uri, rng.choice(["200", "204", "404", "503", "-"]),
                  rng.choice(["-", "-", "NoSuchKey", "AccessDenied"]), number(rng, 1 << 40), number(rng), number(rng, 9999), number(rng, 999),
                  quoted("http://x/?y=z"), quoted(rng.choice(AGENTS)), rng.choice(["-", "v1"])]
        tail = ["host=", "SigV4", "cipher", "AuthHeader", "h.s3", "TLSv1.2", rng.choice(["-", "arn:ap"]), rng.choice(["-", "Yes"]), rng.choice(["-", "eu-west-1"])]
        lines.append(" ".join(fields + tail[:rng.choice([0, 6, 8, 9, 9, 9])]))
    ending = rng.choice(["\n", "\n", "\r\n"])
    text = ending.join(lines) + rng.choice(["", ending])
    return text.encode()


def trail_log(rng):
    records = []
    for _ in range(rng.randrange(1, 20)):
        date, hour, minute, second = day(rng)
        service, name = rng.choice(EVENTS)
        identity = {"type": rng.choice(["IAMUser", "AssumedRole", "AWSService", "Root"])}
        user = rng.choice(["ann", "bob", None])
        if user:
            identity |= {"arn": f"arn:aws:iam::1:user/{user}", "userName": user, "principalId": f"AIDA{user.upper()}"}
        if rng.random() < 0.7:
            identity["accessKeyId"] = rng.choice(["AKIA1", "ASIA2", "AKIA3"])
        if rng.random() < 0.2:
            identity["invokedBy"] = "lambda.amazonaws.com"
        record = {"eventVersion": "1.08", "userIdentity": identity, "eventTime": f"2021-07-{date}T{hour:02}:{minute:02}:{second:02}Z",
                  "eventSource": f"{service}.amazonaws.com", "eventName": name, "awsRegion": rng.choice(["us-east-1", "eu-west-1"]),
                  "sourceIPAddress": rng.choice(IPS[:-1] + ["ec2.amazonaws.com"]), "readOnly": rng.choice([True, False]),
                  "eventID": f"{rng.getrandbits(64):x}", "recipientAccountId": rng.choice(["1", "2"])}
        if rng.random() < 0.9:
            record["userAgent"] = rng.choice(AGENTS[:-1])
        if rng.random() < 0.3:
            record |= {"errorCode": rng.choice(["AccessDenied", "NoSuchEntity"]), "errorMessage": "no, \"really\"\tno"}
        if rng.random() < 0.3:
            record["resources"] = [{"ARN": "arn:aws:s3:::bucket-a", "type": "AWS::S3::Bucket"}, {"ARN": "arn:other"}]
        record["requestParameters"] = rng.choice([None, {"bucketName": "bucket-a", "key": "a.jpg"}, {"userName": "é\u2028\"x"}])
        keys = list(record)
        rng.shuffle(keys)
        records.append({key: record[key] for key in keys})
    text = json.dumps({"Records": records}, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, None, 2])).encode()
    return gzip.compress(text, mtime=0) if rng.random() < 0.5 else text


def flow_log(rng):
    lines = []
    for _ in range(rng.randrange(1, 30)):
        date, hour, minute, second = day(rng)
        start = 1627344000 + (date - 27) * 86400 + hour * 3600 + minute * 60 + second
        if rng.random() < 0.1:
            lines.append(f"2 1 eni-{rng.randrange(3)} - - - - - - - {start} {start + 60} - {rng.choice(['NODATA', 'SKIPDATA'])}")
        else:
            lines.append(f"2 {rng.choice('12')} eni-{rng.randrange(3)} {rng.choice(IPS[:4])} {rng.choice(IPS[:5])} {rng.choice([22, 443, rng.randrange(65536)])} "
                         f"{rng.choice([22, 443, rng.randrange(65536)])} 6 {rng.randrange(1, 99)} {rng.randrange(1 << 34)} {start} {start + 60} {rng.choice(['ACCEPT', 'REJECT'])} OK")
    header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
    return ("\n".join(([header] if rng.random() < 0.5 else []) + lines) + "\n").encode()


S3_FIELDS = ("bucket_owner bucket time remote_ip requester request_id operation key request_uri http_status error_code bytes_sent object_size total_time "
             "turn_around referer user_agent version_id").split()


def reference(folder):
    """DuckDB's tables over the raw text: s3, trail and flow, in the order of the evidence."""
    db = duckdb.connect()
    db.execute("SET threads = 1; SET TimeZone = 'UTC'")
    # DuckDB does not number the lines of a file; what they say is its own reading.
    db.execute("CREATE TABLE lines (kind VARCHAR, file VARCHAR, number INTEGER, line VARCHAR)")
    for kind in ("s3", "flow"):
        rows = [(kind, path.name, number, line) for path in sorted(pathlib.Path(folder, kind).iterdir())
                for number, line in enumerate(path.read_bytes().decode().replace("\r\n", "\n").split("\n")) if line]
        db.executemany("INSERT INTO lines VALUES (?, ?, ?, ?)", rows)
    word, quoted = r"(\S+)", '("[^"]*"|-)'
    regex = " ".join([word, word, r"\[([^\]]*)\]"] + [word] * 5 + [quoted] + [word] * 6 + [quoted, quoted, word])
    regex = "^" + regex.replace("'", "''") + r"(?: \S+ \S+ \S+ \S+ \S+ \S+)?(?: \S+ \S+)?(?: (\S+))?$"
    names = ", ".join(f"'{name}'" for name in S3_FIELDS + ["source_region"])
    db.execute(f"CREATE TABLE raw AS SELECT file, number, unnest(regexp_extract(line, '{regex}', [{names}])) FROM lines WHERE kind = 's3'")
    plain = ", ".join(f"CASE WHEN {name} IN ('-', '\"-\"', '') THEN NULL ELSE trim({name}, '\"') END AS {name}" for name in S3_FIELDS[3:] + ["source_region"])
    db.execute(f"CREATE TABLE s3 AS SELECT file, number, bucket_owner, bucket, strptime(time, '%d/%b/%Y:%H:%M:%S %z')::TIMESTAMP AS time, {plain} FROM raw")
    number = ", ".join(f"try_cast({name} AS BIGINT) AS {name}" for name in ("http_status", "bytes_sent", "object_size"))
    db.execute(f"CREATE OR REPLACE TABLE s3 AS SELECT * REPLACE ({number}) FROM s3")
    db.execute(f"""CREATE TABLE trail AS SELECT file, row_number() OVER (PARTITION BY file) AS number, r,
        CAST(r->>'eventTime' AS TIMESTAMP) AS time, r->>'sourceIPAddress' AS ip, r->>'eventName' AS operation, r->>'userAgent' AS agent,
        r->>'errorCode' AS error, r->>'awsRegion' AS region, r->>'recipientAccountId' AS account, r->>'eventSource' AS service,
        r->>'$.userIdentity.arn' AS arn, r->>'$.userIdentity.accessKeyId' AS access_key
        FROM (SELECT parse_filename(filename) AS file, unnest("Records") AS r FROM read_json('{folder}/trail/*', columns = {{Records: 'JSON[]'}}, filename = true))""")
    flow = "version account interface src dst srcport dstport protocol packets bytes start stop action status".split()
    values = ", ".join(f"CASE WHEN parts[{place}] <> '-' THEN parts[{place}] END AS {name}" for place, name in enumerate(flow, 1))
    db.execute(f"""CREATE TABLE flow AS SELECT file, number, {values} FROM
        (SELECT file, number, string_split(line, ' ') AS parts FROM lines WHERE kind = 'flow') WHERE parts[1] <> 'version'""")
    db.execute("ALTER TABLE flow ADD COLUMN time TIMESTAMP; UPDATE flow SET time = make_timestamp(start::BIGINT * 1000000)")
    return db


S3_FAILED = "(error_code IS NOT NULL OR http_status >= 400)"
STORED = "CASE WHEN operation IN ('REST.PUT.OBJECT', 'REST.POST.OBJECT', 'REST.PUT.PART', 'REST.POST.PART') THEN object_size END"
# Who acted: of S3 logs a user by name, a service by its own; of CloudTrail the first that is named.
S3_ACTOR = "CASE WHEN requester LIKE 'arn:%:user/%' THEN regexp_extract(requester, '[^/]*$') WHEN requester LIKE 'svc:%' THEN substr(requester, 5) ELSE requester END"
NAMED = ("$.userIdentity.userName", "$.userIdentity.arn", "$.userIdentity.sessionContext.sessionIssuer.arn", "$.userIdentity.invokedBy")
LAST = ("$.userIdentity.principalId", "$.userIdentity.accountId", "$.recipientAccountId")
field = lambda path: f"nullif(r->>'{path}', '')"
TRAIL_ACTOR = f"coalesce({', '.join(map(field, NAMED))}, CASE WHEN ip LIKE '%.amazonaws.com%' THEN ip END, {', '.join(map(field, LAST))})"
# An IPv6 address before a port is in brackets.
ENDPOINT = "CASE WHEN dstport IS NULL THEN dst WHEN dst LIKE '%:%' THEN '[' || dst || ']:' || dstport ELSE dst || ':' || dstport END"
REJECTED = "CASE WHEN action = 'REJECT' THEN action END"
VIEW = f"""
    SELECT time, 's3_access' AS log, {S3_ACTOR} AS actor, remote_ip AS src_ip, operation, CASE WHEN key IS NULL THEN bucket ELSE bucket || '/' || key END AS target,
        CASE WHEN coalesce({S3_FAILED}, false) THEN 'failure' ELSE 'success' END AS outcome, error_code AS error, user_agent, bytes_sent AS bytes, {STORED} AS bytes_received,
        bucket, key, 's3.amazonaws.com' AS service, source_region AS region, bucket_owner AS account FROM s3
    UNION ALL SELECT time, 'cloudtrail', {TRAIL_ACTOR}, ip, operation,
        coalesce(r->>'$.resources[0].ARN', service), CASE WHEN error IS NULL THEN 'success' ELSE 'failure' END, error, agent, NULL, NULL, NULL, NULL, service, region, account FROM trail
    UNION ALL SELECT time, 'vpc_flow', NULL, src, 'FLOW', {ENDPOINT},
        CASE action WHEN 'REJECT' THEN 'failure' WHEN 'ACCEPT' THEN 'success' END, {REJECTED}, NULL, bytes::BIGINT, NULL, NULL, NULL, NULL, NULL, account FROM flow"""
COLUMNS = "time log actor src_ip operation target outcome error user_agent bytes bytes_received bucket key service region account".split()

# A dimension: its name, and the column of S3 logs, CloudTrail and flow logs.
FLOW_IPS = "unnest(CASE WHEN src IS NULL AND dst IS NULL THEN [NULL] ELSE list_distinct([src, dst]) END)"
DIMENSIONS = {"ip": ("remote_ip", "ip", FLOW_IPS), "user": (S3_ACTOR, TRAIL_ACTOR, None), "agent": ("user_agent", "agent", None),
              "operation": ("operation", "operation", "'FLOW'"), "error": ("error_code", "error", REJECTED), "region": ("source_region", "region", "NULL"),
              "account": ("bucket_owner", "account", "account"), "key": ("key", None, None), "bucket": ("bucket", None, None),
              "event_source": (None, "service", None), "interface_id": (None, None, "interface"), "dstport": (None, None, "dstport")}
SUMS = {"s3": ("bytes_sent", STORED, S3_FAILED), "trail": ("NULL", "NULL", "error IS NOT NULL"), "flow": ("bytes::BIGINT", "NULL", "action = 'REJECT'")}


def run(*arguments, json_out=True):
    ran = subprocess.run([SAWQ, *arguments], capture_output=True)
    if ran.returncode != 0:
        raise AssertionError(f"sawq {arguments}: {ran.stderr.decode()}")
    return json.loads(ran.stdout or "[]") if json_out else ran.stdout.decode()


def expect(what, ours, theirs):
    if ours != theirs:
        only = lambda a, b: (list((collections.Counter(map(repr, a)) - collections.Counter(map(repr, b))).elements())[:3]
                             or [one for one, other in zip(a, b) if one != other][:3]) if isinstance(a, list) else a
        raise AssertionError(f"{what} differs\n  sawq alone: {only(ours, theirs)}\n  DuckDB alone: {only(theirs, ours)}")


def iso(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else None


def size(value):
    value = float(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value /= 1024
    return f"{value:.2f} {unit}"


def check_summaries(db, store):
    where = {"toptalkers": "true", "topuploaders": "request_uri LIKE 'POST%'", "topdownloaders": "request_uri LIKE 'GET%'"}
    for function, column in (("useragent", "user_agent"), ("topfiles", "key")):
        rows = db.sql(f"SELECT count(*) AS n, {column} FROM s3 WHERE {column} IS NOT NULL GROUP BY 2 ORDER BY 1 DESC, min((file, number))").fetchall()
        expect(function, run("s3logparse", function, "--store", store, json_out=False).splitlines(), [f"{n} - {name}" for n, name in rows])
    for function, condition in where.items():
        rows = db.sql(f"SELECT sum(bytes_sent) AS n, coalesce(remote_ip, '-') FROM s3 WHERE {condition} AND bytes_sent IS NOT NULL GROUP BY 2 "
                      "ORDER BY 1 DESC, min((file, number))").fetchall()
        expect(function, run("s3logparse", function, "--store", store, json_out=False).splitlines(), [f"{size(n)} - {name}" for n, name in rows])


def documents(text):
    """The JSON documents in a text, one after the other."""
    found, at = [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = json.JSONDecoder().raw_decode(text, at)
        found.append(document)
    return found


def check_ctsummarize(db, store, out, rng):
    ip = rng.choice(IPS[:4])
    if not db.sql(f"SELECT count(*) FROM trail WHERE ip = '{ip}'").fetchall()[0][0]:
        return
    run("ctsummarize", ip, "--out", out, "--store", store, "-q", json_out=False)
    rows = list(csv.reader(io.StringIO((pathlib.Path(out) / "eventsummary.csv").read_text())))[1:]
    theirs = db.sql("SELECT r->>'eventTime', coalesce(r->>'$.userIdentity.userName', ''), coalesce(access_key, ''), operation, coalesce(agent, ''), "
                    f"coalesce(r->>'errorMessage', '') FROM trail WHERE ip = '{ip}'").fetchall()
    expect("eventsummary.csv", sorted(map(tuple, rows)), sorted(theirs))
    written = documents((pathlib.Path(out) / "writeevents.json").read_text())
    theirs = db.sql(f"SELECT r FROM trail WHERE ip = '{ip}' AND (operation LIKE 'Put%' OR operation LIKE 'Create%')").fetchall()
    key = lambda event: event["eventID"]
    expect("writeevents.json", sorted(written, key=key), sorted((json.loads(event) for event, in theirs), key=key))


def check_tops(db, store, rng):
    for name, columns in DIMENSIONS.items():
        by = rng.choice(["count", "bytes-sent", "flow-bytes", "errors"])
        ours = run("top", name, "-n", "0", "--by", by, "--json", "--store", store)
        sent = lambda table, flows: SUMS[table][0] if (table == "flow") == flows else "NULL"
        parts = [f"SELECT {column} AS v, time, {sent(table, False)} AS sent, {sent(table, True)} AS flows, {SUMS[table][1]} AS received, coalesce({SUMS[table][2]}, false) AS failed FROM {table}"
                 for table, column in zip(("s3", "trail", "flow"), columns) if column]
        theirs = db.sql("SELECT v::VARCHAR, count(*), coalesce(sum(sent), 0), coalesce(sum(flows), 0), coalesce(sum(received), 0), count(*) FILTER (failed), min(time), max(time) FROM "
                        f"({' UNION ALL '.join(parts)}) GROUP BY 1").fetchall()
        text = lambda value: None if value is None else str(value)
        ours = [(text(row.get(name)), row["count"], row.get("bytes_sent", 0), row.get("flow_bytes", 0), row.get("bytes_received", 0), row["errors"], row["first_seen"], row["last_seen"]) for row in ours]
        theirs = [(v, n, int(sent), int(flows), int(received), errors, iso(first), iso(last)) for v, n, sent, flows, received, errors, first, last in theirs]
        expect(f"top {name}", sorted(ours, key=repr), sorted(theirs, key=repr))


def random_filters(rng):
    """Options of sawq, and the condition on each table; None where the log does not have the field."""
    def glob(column, value):
        return f"{column} = '{value}'" if not set(value) & set("*?") else f"({column} GLOB '{value}' OR {column} = '{value}')"

    choices = {
        "--ip": (IPS[:5], lambda v: (f"remote_ip = '{v}'", f"ip = '{v}'", f"(src = '{v}' OR dst = '{v}')")),
        "--bucket": (["bucket-a", "bucket-?", "*b"], lambda v: (glob("bucket", v), None, None)),
        "--key": (["a.jpg", "b/*", "*.gpg", "e_f*", "x*y?z", "?.jpg"], lambda v: (glob("key", v), None, None)),
        "--operation": (["REST.*", "REST.GET.OBJECT", "*User*", "ListBuckets", "FLOW"], lambda v: (glob("operation", v), glob("operation", v), glob("'FLOW'", v))),
        "--agent": (["curl/8.0", "*100%*", "Boto3/*", "?/? *"], lambda v: (glob("user_agent", v), glob("agent", v), None)),
        "--error": (["AccessDenied", "No*", "REJECT", "R*"], lambda v: (glob("error_code", v), glob("error", v), glob(REJECTED, v))),
        "--region": (["eu-west-1", "us*"], lambda v: (glob("source_region", v), glob("region", v), "false")),
        "--account": (["1", "owner"], lambda v: (f"(bucket_owner = '{v}' OR requester LIKE 'arn:%:{v}:%')", f"account = '{v}'", f"account = '{v}'")),
        "--service": (["iam.amazonaws.com", "s*", "s3.amazonaws.com"], lambda v: (glob("'s3.amazonaws.com'", v), glob("service", v), None)),
        "--interface": (["eni-1", "eni-?"], lambda v: (None, None, glob("interface", v))),
        "--port": (["22", "443"], lambda v: (None, None, f"(srcport = '{v}' OR dstport = '{v}')")),
    }
    arguments, conditions = [], [[], [], []]
    for option in rng.sample(list(choices), rng.choice([1, 1, 2])):
        values, condition = choices[option]
        value = rng.choice(values)
        negate = rng.random() < 0.3
        arguments.append(f"{option}={'!' if negate else ''}{value}")
        for kept, one in zip(conditions, condition(value)):
            # A record without the field does not have the value.
            kept.append(f"NOT coalesce({one or 'false'}, false)" if negate else one or "false")
    if rng.random() < 0.4:
        date, hour, minute, _ = day(rng)
        arguments.append(f"--since=2021-07-{date}T{hour:02}:{minute:02}")
        [kept.append(f"time >= TIMESTAMP '2021-07-{date} {hour:02}:{minute:02}:00'") for kept in conditions]
    if rng.random() < 0.3:
        date = day(rng)[0]
        arguments.append(f"--until=2021-07-{date}")
        [kept.append(f"time < TIMESTAMP '2021-07-{date} 00:00:00' + INTERVAL 1 DAY") for kept in conditions]
    return arguments, [" AND ".join(kept) for kept in conditions]


def check_filters(db, store, rng):
    for _ in range(8):
        arguments, conditions = random_filters(rng)
        # In CloudTrail these are names among a request's parameters.
        if any(argument.startswith(("--bucket", "--key")) for argument in arguments):
            arguments.append("--log=s3")
            conditions[1:] = ["false", "false"]
        theirs = sum(db.sql(f"SELECT count(*) FROM {table} WHERE {condition}").fetchall()[0][0] for table, condition in zip(("s3", "trail", "flow"), conditions))
        arguments = list(dict.fromkeys(arguments))
        expect(f"find -c {arguments}", int(run("find", "-c", "-q", *arguments, "--store", store, json_out=False)), theirs)


def check_view(db, store):
    ours = run("sql", f"SELECT {', '.join(COLUMNS)} FROM events", "--json", "--store", store)
    theirs = [(iso(row[0]), *row[1:]) for row in db.sql(VIEW).fetchall()]
    expect("the view of events", sorted((tuple(row.get(name) for name in COLUMNS) for row in ours), key=repr), sorted(theirs, key=repr))


def check_store(seed):
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        for kind, logs, make in (("s3", 8, s3_log), ("trail", 6, trail_log), ("flow", 6, flow_log)):
            pathlib.Path(folder, kind).mkdir()
            for number in range(logs):
                content = make(rng)
                suffix = ".json.gz" if content[:2] == b"\x1f\x8b" else ".json" if kind == "trail" else ""
                pathlib.Path(folder, kind, f"{kind}-{number:02}{suffix}").write_bytes(content)
        store = f"{folder}/store"
        for part in rng.choice([[folder], [f"{folder}/s3", f"{folder}/trail", f"{folder}/flow"]]):
            ran = subprocess.run([SAWLOG, "convert", part, "--store", store, "-q"], capture_output=True)
            if ran.returncode:
                raise AssertionError(f"convert: {ran.stderr.decode()}")
        db = reference(folder)
        check_summaries(db, store)
        check_ctsummarize(db, store, f"{folder}/out", rng)
        check_tops(db, store, rng)
        check_filters(db, store, rng)
        check_view(db, store)


def difference_of(seed):
    """What differs in the store of a seed, in words."""
    try:
        check_store(seed)
    except AssertionError as error:
        return f"seed {seed}: {error}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--stores", type=int, default=5)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--parsers", action="store_true")
    given = arguments.parse_args()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for difference in pool.map(difference_of, range(given.seed, given.seed + given.stores)):
            if difference:
                failed += 1
                print(difference, flush=True)
    print(f"{given.stores} stores of {given.stores * 20} logs compared, from seed {given.seed}: {failed} differ", flush=True)
    if given.parsers:
        import parsers
        failed += parsers.check(SAWLOG, SAWQ, given.seed)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
