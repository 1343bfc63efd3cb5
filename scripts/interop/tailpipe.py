"""Runs queries over Tailpipe's tables with DuckDB and with `sawq sql` and compares the rows: tailpipe.py STORE SAWQ FOLDER.

The queries are the .sql files below FOLDER, the ```sql blocks of its .md files, and the queries of its .pp files (Powerpipe),
whose ${local.…} stand for what the .pp files of the same mod say. tailpipe_views.sql has the tables as views over a store.
"""
import datetime
import decimal
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

STORE, SAWQ, FOLDER = sys.argv[1:]
TABLES = ("aws_cloudtrail_log", "aws_s3_server_access_log", "aws_vpc_flow_log")
VIEWS = Path(__file__).with_name("tailpipe_views.sql").read_text()


def views(table):
    return re.sub(r"\{(\w+)\}(?=;)", lambda found: table(found[1]), VIEWS)


HEREDOC = r'(\w+)\s*=\s*<<-?(\w+)\n(.*?)\n\s*\2\b'
REPLACED = r'(\w+)\s*=\s*replace\(local\.(\w+),\s*"([^"]*)",\s*"((?:[^"\\]|\\.)*)"\)'


def of_mod(files):
    """The queries of a mod's files, with what their locals stand for."""
    texts = {path: path.read_text() for path in files}
    every = "\n".join(texts.values())
    known = {name: text for name, _, text in re.findall(HEREDOC, every, re.S) if name != "sql"}
    for _ in range(3):
        for name, base, old, new in re.findall(REPLACED, every):
            if base in known:
                known[name] = known[base].replace(old, new.replace('\\"', '"'))
    for path, text in texts.items():
        for name, body in re.findall(r'query\s+"(\w+)"\s*\{(.*?)\n\}', text, re.S):
            found = re.search(HEREDOC, body, re.S)
            if found and found[1] == "sql":
                yield f"{path.name}:{name}", re.sub(r"\$\{local\.(\w+)\}", lambda local: known.get(local[1], local[0]), found[3])


def queries():
    folder = Path(FOLDER)
    for path in sorted(folder.rglob("*.sql")):
        yield path.name, path.read_text()
    for path in sorted(folder.rglob("*.md")):
        for number, text in enumerate(re.findall(r"```sql\n(.*?)```", path.read_text(), re.S)):
            yield f"{path.parent.name}/{path.name}:{number}", text
    mods = {}
    for path in sorted(folder.rglob("*.pp")):
        mods.setdefault(path.relative_to(folder).parts[0], []).append(path)
    for files in mods.values():
        yield from of_mod(files)


def plain(value):
    """A value as both tools give it: times as text, JSON as its value, groups without what they lack."""
    if isinstance(value, dict):
        return tuple(sorted((name, plain(one)) for name, one in value.items() if one is not None))
    if isinstance(value, list):
        return tuple(plain(one) for one in value)
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral() else float(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, 9)
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return plain(json.loads(value))
        except ValueError:
            return value
    return value


def rows(found):
    return Counter(repr(tuple(plain(value) for value in row)) for row in found)


def by_sawq(query):
    with tempfile.TemporaryDirectory() as folder:
        text, out = Path(folder) / "query.sql", Path(folder) / "result.parquet"
        text.write_text(views(lambda table: table) + query)
        ran = subprocess.run([SAWQ, "sql", "--file", text, "--store", STORE, "-q", "-o", out], capture_output=True, text=True)
        if ran.returncode:
            raise RuntimeError(ran.stderr.strip())
        if not out.exists() or not out.stat().st_size:
            return rows([])
        table = pq.read_table(out)
        return rows(zip(*(column.to_pylist() for column in table.columns)))


def main():
    context = duckdb.connect()
    context.execute("SET timezone = 'UTC'")
    context.execute(views(lambda table: f"read_parquet('{STORE}/{table}/date=*/*.parquet', hive_partitioning = true)"))
    ran = {"asked": 0, "duckdb": 0, "sawq": 0, "same": 0, "ties": 0}
    wrong = 0
    for name, query in queries():
        if not any(table in query for table in TABLES):
            continue
        ran["asked"] += 1
        try:
            expected = rows(context.execute(query).fetchall())
            ran["duckdb"] += 1
        except duckdb.Error as error:
            expected = None
            print(f"{name}: not by DuckDB: {str(error).splitlines()[0]}")
        try:
            found = by_sawq(query)
            ran["sawq"] += 1
        except RuntimeError as error:
            found = None
            # What DuckDB can't do either is no difference.
            wrong += expected is not None
            print(f"{name}: not by sawq: {error}")
        if expected is None or found is None:
            continue
        if found == expected:
            ran["same"] += 1
        elif re.search(r"\blimit\b", query, re.I) and found.total() == expected.total():
            # Which of equal groups are the last ones is up to the tool.
            ran["ties"] += 1
        else:
            wrong += 1
            print(f"{name}: {found.total()} rows by sawq, {expected.total()} by DuckDB")
            print(f"  only sawq:   {next(iter((found - expected)), None)}\n  only DuckDB: {next(iter((expected - found)), None)}")
    print("tailpipe: {asked} queries; DuckDB runs {duckdb}, sawq {sawq}; the same rows in {same}, ties at LIMIT in {ties}".format(**ran))
    if wrong:
        sys.exit(f"tailpipe: {wrong} queries differ")


main()
