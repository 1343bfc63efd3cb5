"""The questions part: sawq beside the DuckDB command line and Polars, on the same store and on files that these wrote."""
import dataclasses
import hashlib
import json
import sys

import answers
import inputs
from conversions import emptied
from measure import Cost, in_turns, run
from questions import OWN_NAMES, STORE_NAMES, questions
from setting import HERE


@dataclasses.dataclass
class Answered:
    """What the answer to a question costs each tool."""

    question: str
    costs: dict[str, Cost]


@dataclasses.dataclass
class Peer:
    """A peer, and the files that it reads."""

    name: str
    s3: str
    trail: str
    names: dict

    def tables(self, queries):
        """The tables that queries ask for, since opening others would cost time: files, and what is selected of them."""
        renamed = ", ".join(f"{place} AS {name}" for name, place in self.names.items())
        tables = {"s3": (str(self.s3), "*"), "trail": (str(self.trail), renamed)}
        return {name: table for name, table in tables.items() if any(f"FROM {name}" in query for query in queries)}

    def command(self, queries, setting):
        tables = self.tables(queries)
        if self.name.startswith("Polars"):
            return [sys.executable, HERE / "ask_polars.py", json.dumps(tables), str(setting.threads), *queries]
        views = [f"CREATE VIEW {name} AS SELECT {selected} FROM read_parquet('{files}')" for name, (files, selected) in tables.items()]
        settings = [f"SET threads = {setting.threads}", "SET TimeZone = 'UTC'"]
        return [setting.duckdb, "-csv", "-noheader", "-nullvalue", "", "-c", "; ".join([*settings, *views, *queries])]


def compare(lines, setting):
    """Checks that all tools answer alike, then measures the answers in turns. `lines` names the S3 access logs."""
    logs = {"s3": inputs.made(lines, setting), "cloudtrail": inputs.made("cloudtrail", setting)}
    results = setting.work / "results"
    stores = {which: results / f"questions{which}" for which in setting.ours}
    for which, store in stores.items():
        emptied(store)
        run(setting.convert(store, *logs.values(), which=which))
    store, files = stores[""], results / "questions-of"
    peers = [Peer(f"{name}, {whose}", *places, names) for name in ("DuckDB", "Polars")
             for whose, places, names in (("the store", (store / "s3_access/date=*/*.parquet", store / "cloudtrail/date=*/*.parquet"), STORE_NAMES),
                                          ("its own files", own_files(name.lower(), logs, files, setting), OWN_NAMES))]
    check_lines(run(setting.ask(store, ["find", "--log", "s3"]), keep=True)[1], logs["s3"])
    folder = results / "ctsummarize"
    return [answered(question, stores, logs, peers, setting) for question in questions(*addresses(store, setting), folder)]


def own_files(name, logs, folder, setting):
    """Files that a peer wrote of the two logs, each in its own way."""
    places = []
    for log, spelled in (("s3", "s3"), ("cloudtrail", "cloudtrail-fields")):
        out = folder / f"{name}-{log}"
        emptied(out)
        run(setting.peer(name, spelled, logs[log], out))
        places.append(out / "*.parquet")
    return places


def addresses(store, setting):
    """A rare address of S3 records, the commonest one, and the commonest one of CloudTrail."""
    def ordered(table, column):
        query = f"SELECT {column}, count(*) FROM {table} WHERE {column} LIKE '%.%.%.%' AND {column} NOT LIKE '%amazonaws%' GROUP BY 1 ORDER BY 2, 1"
        printed = run(setting.ask(store, ["sql", query, "--format", "csv"]), keep=True)[1]
        return [line.split(",")[0] for line in printed.decode().splitlines()[1:]]

    by_number = ordered("s3_access", "remote_ip")
    return by_number[0], by_number[-1], ordered("cloudtrail", "source_ip_address")[-1]


def check_lines(found, folder):
    """`sawq find` prints every line as it was."""
    there = hashlib.sha256()
    for path in inputs.files_of(folder):
        there.update(path.read_bytes())
    if hashlib.sha256(found).digest() != there.digest():
        sys.exit("sawq find does not print the lines that the logs have")


def grep(logs, text, *names):
    """Looks for a text in logs, plain or gzip."""
    searches = {"s3": "grep -rhF -e {} {}", "cloudtrail": "find {1} -name '*.gz' -print0 | xargs -0 zcat | grep -F -e {0}"}
    return ["/bin/sh", "-c", "; ".join([*(searches[name].format(text, logs[name]) for name in names), "true"])]


def answered(question, stores, logs, peers, setting):
    commands = {f"sawq{which}": setting.ask(store, question.sawq, which) for which, store in stores.items()}
    commands |= {peer.name: peer.command(question.sql, setting) for peer in peers}
    ours = question.read(run(setting.ask(stores[""], question.checked or question.sawq), keep=True)[1])
    for peer in peers:
        theirs = answers.rows(run(peer.command(question.checked_sql or question.sql, setting), keep=True)[1])
        if not answers.same(ours, theirs, question.limit):
            differ = sorted(set(ours) ^ set(theirs))[:6]
            sys.exit(f"{peer.name} answers otherwise to {question.name}: {len(ours)} rows here, {len(theirs)} there, such as {differ}")
    costs = in_turns(commands, setting.rounds * 3)
    if question.grep:
        costs |= in_turns({"grep": grep(logs, *question.grep)}, 1)
    return Answered(question.name, costs)
