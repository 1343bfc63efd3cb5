#!/usr/bin/env python3
"""Asks one store of S3 access logs and CloudTrail the same questions with sawq, DuckDB and grep, and shows how each grows.

questions.py [--mb N,N] [--rounds N] [--no-grep]: for each size, in MB, so much of each log is generated once into target/bench and
converted. Each answer is a whole process; of several rounds the best wall time is shown. DuckDB reads the same Parquet
files; grep the logs themselves, once, since it takes long. DuckDB comes from PyPI (pip install duckdb).
"""
import argparse
import shutil
import subprocess
import sys
import time

import duckdb
from run import SAWLOG, SAWQ, BENCH, generate

S3, TRAIL = "s3_access/date=*/*.parquet", "cloudtrail/date=*/*.parquet"


def wall(arguments, rounds=3):
    """The best wall time in milliseconds."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.monotonic()
        ran = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        best = min(best, (time.monotonic() - begun) * 1000)
        if ran.returncode > 1:
            sys.exit(f"{arguments} failed with {ran.returncode}")
    return best


def by_duckdb(query):
    return [sys.executable, "-c", f"import duckdb; c = duckdb.connect(); c.execute('SET threads = 2'); c.sql('''{query}''').fetchall()"]


def questions(store, logs):
    """Name, sawq's arguments, DuckDB's query, and grep's shell command, where there is one."""
    s3, trail = f"read_parquet('{store}/{S3}')", f"read_parquet('{store}/{TRAIL}')"
    counts = f"SELECT remote_ip, count(*) AS n FROM {s3} GROUP BY 1"
    rare = duckdb.sql(f"SELECT min(remote_ip) FROM ({counts}) WHERE n = (SELECT min(n) FROM ({counts}))").fetchall()[0][0]
    common = duckdb.sql(f"{counts} ORDER BY n DESC LIMIT 1").fetchall()[0][0]

    def who(ip):
        sums = ", ".join(f"(SELECT histogram({column}) FROM {s3} WHERE remote_ip = '{ip}')"
                         for column in ("requester", "user_agent", "operation", "bucket", "key", "error_code"))
        others = ", ".join(f"(SELECT histogram({column}) FROM {trail} WHERE source_ip_address = '{ip}')"
                           for column in ("user_identity.arn", "user_identity.access_key_id", "user_agent", "event_name", "aws_region"))
        return f"SELECT {sums}, {others}"

    grep = f"grep -rhF -- '{{}}' {logs[0]} > /dev/null; find {logs[1]} -name '*.gz' -print0 | xargs -0 zgrep -hF -- '{{}}' > /dev/null; true"
    top = lambda column, table: f"SELECT {column}, count(*) AS n FROM {table} GROUP BY 1 ORDER BY n DESC LIMIT 20"
    return [
        ("who, a rare address", ["who", rare], who(rare), grep.format(rare, rare)),
        ("who, the commonest address", ["who", common], who(common), grep.format(common, common)),
        ("find, a rare address", ["find", "--ip", rare],
         f"SELECT count(*) FROM (SELECT * FROM {s3} WHERE remote_ip = '{rare}')", grep.format(rare, rare)),
        ("top ip", ["top", "ip"], top("ip", f"(SELECT remote_ip AS ip FROM {s3} UNION ALL SELECT source_ip_address FROM {trail})"), None),
        ("top user_agent", ["top", "user_agent"],
         top("user_agent", f"(SELECT user_agent FROM {s3} UNION ALL SELECT user_agent FROM {trail})"), None),
        ("top operation", ["top", "operation"],
         top("o", f"(SELECT operation AS o FROM {s3} UNION ALL SELECT event_name FROM {trail})"), None),
        ("top bucket/key", ["top", "bucket/key"], top("bucket || key", s3), None),
        ("top access_key", ["top", "access_key"], top("user_identity.access_key_id", trail), None),
        ("top event_source", ["top", "event_source"], top("event_source", trail), None),
    ]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--mb", default="100,1000")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--no-grep", action="store_true")
    given = arguments.parse_args()
    for size in [int(mb) * 1_000_000 for mb in given.mb.split(",")]:
        logs = [generate("large", size, 64, 1), generate("cloudtrail", size, size * 6 // 1_000_000, 3, "generate_cloudtrail.py")]
        store = BENCH / "questions"
        shutil.rmtree(store, ignore_errors=True)
        begun = time.monotonic()
        subprocess.run([SAWLOG, "convert", *logs, "--store", store, "-q"], check=True)
        index = sum(path.stat().st_size for path in (store / "entities").glob("*.parquet"))
        whole = sum(path.stat().st_size for path in store.rglob("*.parquet"))
        print(f"\n{size / 1e9:g} GB of each log, converted in {time.monotonic() - begun:.1f} s, the index is {index / whole:.1%} of the store\n")
        print("| question | sawq ms | DuckDB ms | grep ms |\n|---|---|---|---|", flush=True)
        for name, sawq, query, grep in questions(store, logs):
            ours = wall([SAWQ, *sawq, "--store", store], given.rounds)
            theirs = wall(by_duckdb(query), given.rounds)
            text = f"{wall(['bash', '-c', grep], 1):,.0f}" if grep and not given.no_grep else ""
            print(f"| {name} | {ours:.0f} | {theirs:.0f} | {text} |", flush=True)


if __name__ == "__main__":
    main()
