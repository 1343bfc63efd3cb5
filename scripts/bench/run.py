#!/usr/bin/env python3
"""Compares sawlog and sawq with DuckDB, side by side in one run: run.py [--only LOG] [--mb N] [--small N] [--rounds N].

Logs are generated once into target/bench. Each job is a whole process; CPU seconds are user and system time of it and its
children, memory is its peak resident size. DuckDB comes from PyPI (pip install duckdb). Of several rounds the best is
shown for each tool, since what else the machine does can only add.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

import duckdb_jobs

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BENCH = TARGET / "bench"


def installed(name):
    """A binary as it is when it has been installed: a copy. The linker's own file lies in the page cache in small pieces, out
    of which a process takes some 4 ms longer to start."""
    path = BENCH / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", TARGET / "release" / name, path], check=True)
    return path


SAWLOG, SAWQ = installed("sawlog"), installed("sawq")

COLUMNS = ("bucket_owner bucket time1 time2 remote_ip requester request_id operation key request_uri http_status error_code "
           "bytes_sent object_size total_time turn_around_time referer user_agent version_id host_id signature_version "
           "cipher_suite authentication_type host_header tls_version access_point_arn acl_required").split()
NUMBERS = {"http_status": "INTEGER", "bytes_sent": "BIGINT", "object_size": "BIGINT", "total_time": "BIGINT",
           "turn_around_time": "BIGINT"}


def duckdb_convert(logs, out):
    types = ", ".join(f"'{name}': '{NUMBERS.get(name, 'VARCHAR')}'" for name in COLUMNS)
    rest = ", ".join(name for name in COLUMNS if not name.startswith("time"))
    return f"""
import duckdb
c = duckdb.connect()
c.execute("SET threads = 2")
c.execute("SET preserve_insertion_order = false")
c.execute('''COPY (
  SELECT strptime(time1 || ' ' || time2, '[%d/%b/%Y:%H:%M:%S %z]') AS time, {rest.replace("total_time", "total_time")}, filename AS source_file,
         strftime(strptime(time1, '[%d/%b/%Y:%H:%M:%S'), '%Y-%m-%d') AS date
  FROM read_csv('{logs}/*', delim = ' ', header = false, quote = '"', escape = '', nullstr = '-', columns = {{{types}}},
                auto_detect = false, null_padding = true, filename = true)
) TO '{out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARTITION_BY (date))''')
"""


SUMMARIES = {
    "useragent": "SELECT user_agent, count(*) n FROM t WHERE user_agent IS NOT NULL GROUP BY 1 ORDER BY n DESC",
    "toptalkers": "SELECT remote_ip, sum(bytes_sent) n FROM t WHERE bytes_sent IS NOT NULL GROUP BY 1 ORDER BY n DESC",
    "topuploaders": "SELECT remote_ip, sum(bytes_sent) n FROM t WHERE request_uri LIKE 'POST%' AND bytes_sent IS NOT NULL GROUP BY 1 ORDER BY n DESC",
    "topdownloaders": "SELECT remote_ip, sum(bytes_sent) n FROM t WHERE request_uri LIKE 'GET%' AND bytes_sent IS NOT NULL GROUP BY 1 ORDER BY n DESC",
    "topfiles": "SELECT key, count(*) n FROM t WHERE key IS NOT NULL GROUP BY 1 ORDER BY n DESC",
}


def duckdb_summary(store, query):
    table = f"read_parquet('{store}/s3_access/date=*/*.parquet')"
    return f"""
import duckdb
c = duckdb.connect()
c.execute("SET threads = 2")
import sys
for row in c.execute('''{query.replace("FROM t", "FROM " + table)}''').fetchall():
    print(row[1], "-", row[0])
"""


def measure(command, rounds):
    """CPU seconds, wall seconds and peak MiB of the best of some runs."""
    best = None
    for prepare, arguments in [command] * rounds:
        prepare()
        begun = time.monotonic()
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        if status:
            sys.exit(f"{arguments} failed with {status}")
        found = (usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)
        best = found if best is None else tuple(map(min, best, found))
    return best


def size_of(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*.parquet"))


def generate(name, size, files, seed, script="generate.py"):
    folder = BENCH / f"{name}-{size}-{files}"
    if not folder.exists():
        print(f"generating {folder}", file=sys.stderr)
        draft = BENCH / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        subprocess.run([sys.executable, HERE / script, draft, str(size), str(files), str(seed)], check=True)
        draft.rename(folder)
    return folder


def compare_convert(title, logs, rounds, duckdb=duckdb_convert):
    files = sorted(str(path) for path in logs.rglob("*") if path.is_file())
    for start in range(0, len(files), 1000):
        subprocess.run(["cat", *files[start:start + 1000]], stdout=subprocess.DEVNULL, check=True)
    ours, theirs = BENCH / "store", BENCH / "duckdb"
    clean = lambda folder: (lambda: shutil.rmtree(folder, ignore_errors=True))
    duck = measure((clean(theirs), [sys.executable, "-c", duckdb(logs, theirs)]), rounds)
    saw = measure((clean(ours), [SAWLOG, "convert", "--quiet", "--threads", "2", "--memory", "512MiB", "--store", ours, logs]), rounds)
    input_size = sum(os.path.getsize(path) for path in files) / 1e6
    print(f"\n{title}\n{'':<12}{'CPU s':>9}{'wall s':>9}{'peak MiB':>10}{'result MB':>11}")
    for name, (cpu, wall, peak), result in (("duckdb", duck, theirs), ("sawlog", saw, ours)):
        print(f"{name:<12}{cpu:>9.2f}{wall:>9.2f}{peak:>10.0f}{size_of(result) / 1e6:>11.1f}")
    print(f"{'ratio':<12}{duck[0] / saw[0]:>8.1f}×{duck[1] / saw[1]:>8.1f}×{duck[2] / saw[2]:>9.1f}×"
          f"{size_of(theirs) / size_of(ours):>10.2f}×", flush=True)
    print(f"{'input':<12}{input_size:>39.1f}", flush=True)
    return ours


def compare_summaries(store, rounds):
    print(f"\nsummaries of the large store, whole processes\n{'':<16}{'sawq ms':>9}{'CPU ms':>9}{'duckdb ms':>11}{'ratio':>8}")
    for name, query in SUMMARIES.items():
        saw = measure((lambda: None, [SAWQ, "s3logparse", name, "--quiet", "--store", store]), rounds * 3)
        duck = measure((lambda: None, [sys.executable, "-c", duckdb_summary(store, query)]), rounds * 3)
        print(f"{name:<16}{saw[1] * 1000:>9.0f}{saw[0] * 1000:>9.0f}{duck[1] * 1000:>11.0f}{duck[1] / saw[1]:>7.1f}×", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["s3", "cloudtrail", "vpc"], help="only these logs")
    parser.add_argument("--mb", type=int, default=1000, help="megabytes of the large S3 logs, in 64 files, and of CloudTrail")
    parser.add_argument("--small", type=int, default=50_000, help="number of small files of 2 kB")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    BENCH.mkdir(parents=True, exist_ok=True)
    megabytes, rounds = arguments.mb, arguments.rounds
    if arguments.only in (None, "cloudtrail"):
        trail = generate("cloudtrail", megabytes * 1_000_000, megabytes * 6, 1, "generate_cloudtrail.py")
        compare_convert(f"CloudTrail, {megabytes} MB in gzip files of 5 to 500 records", trail, max(1, rounds - 1), duckdb_jobs.cloudtrail)
    if arguments.only in (None, "vpc"):
        flows = generate("flows", megabytes * 500_000, 288, 1, "generate_flows.py")
        compare_convert(f"VPC flow logs, {megabytes // 2} MB in gzip files", flows, rounds, duckdb_jobs.flows)
    if arguments.only in (None, "s3"):
        small = generate("small", arguments.small * 2000, arguments.small, 2)
        compare_convert(f"{arguments.small} files of 2 kB", small, max(1, rounds - 2))
        large = generate("large", megabytes * 1_000_000, 64, 1)
        store = compare_convert(f"{megabytes} MB in 64 files", large, rounds)
        compare_summaries(store, rounds)


if __name__ == "__main__":
    main()
