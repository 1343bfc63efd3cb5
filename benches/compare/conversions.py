"""The conversion jobs: sawlog beside the peers, each with the same log to typed columns in Parquet files with zstd."""
import dataclasses
import shutil
import sys

import inputs
from fingerprints import fingerprint
from measure import Cost, in_turns, run

# The log of each input, sawlog's table, and the peers: name, the program, and the log as this calls it.
S3_PEERS = (("Polars", "polars", "s3"), ("ClickHouse", "clickhouse", "s3"), ("DuckDB", "duckdb", "s3"), ("pyarrow", "pyarrow", "s3"))
JOBS = {
    "s3": ("s3", "s3_access", S3_PEERS),
    "s3-few": ("s3", "s3_access", S3_PEERS),
    "s3-unique": ("s3", "s3_access", S3_PEERS),
    "s3-small": ("s3", "s3_access", (("Polars, files joined in Python", "polars", "s3-joined"), *S3_PEERS)),
    "cloudtrail": ("cloudtrail", "cloudtrail", (
        ("ClickHouse, with the record's text", "clickhouse", "cloudtrail"), ("DuckDB, with the record's text", "duckdb", "cloudtrail"),
        ("Polars", "polars", "cloudtrail-fields"), ("ClickHouse", "clickhouse", "cloudtrail-fields"), ("DuckDB", "duckdb", "cloudtrail-fields"))),
    "flows": ("flows", "vpc_flow", (("Polars", "polars", "flows"), ("ClickHouse", "clickhouse", "flows"), ("DuckDB", "duckdb", "flows"),
                                    ("pyarrow", "pyarrow", "flows"))),
}


@dataclasses.dataclass
class Conversion:
    """A tool's cost of a conversion, and its result."""

    tool: str
    cost: Cost
    size: int
    index: int
    files: int
    days: int


def compare(job, setting):
    """Checks that all tools convert the log alike, then measures them in turns."""
    log, table, peers = JOBS[job]
    folder = inputs.made(job, setting)
    results = {f"sawlog{which}": setting.work / "results" / f"sawlog{which}" for which in setting.ours}
    commands = {f"sawlog{which}": setting.convert(results[f"sawlog{which}"], folder, which=which) for which in setting.ours}
    for name, program, spelled in peers:
        results[name] = setting.work / "results" / f"{program}-{spelled}"
        commands[name] = setting.peer(program, spelled, folder, results[name])

    check(log, table, commands, results)
    return measured(commands, results, setting)


def regions(setting):
    """sawlog on the same files in folders by region and by day."""
    folder = inputs.made("regions", setting)
    folders = {"sawlog": folder, "sawlog, folders by day": inputs.by_day(folder)}
    results = {name: setting.work / "results" / place.name for name, place in folders.items()}
    commands = {name: setting.convert(results[name], place) for name, place in folders.items()}
    check("cloudtrail", "cloudtrail", commands, results)
    return measured(commands, results, setting)


def emptied(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)


def check(log, table, commands, results):
    """Converts once with each tool. All must have the same rows."""
    prints = {}
    for name, command in commands.items():
        emptied(results[name])
        run(command)
        ours = name.startswith("sawlog")
        prints[name] = fingerprint(log, results[name] / (f"{table}/date=*/*.parquet" if ours else "*.parquet"), ours)
    if len(set(prints.values())) > 1:
        sys.exit(f"the tools do not agree on {log}: {prints}")


def measured(commands, results, setting):
    costs = in_turns(commands, setting.rounds, lambda name: emptied(results[name]))
    return [found(name, costs[name], results[name]) for name in commands]


def found(name, cost, folder):
    """What a tool has written, and what that cost it."""
    files = list(folder.rglob("*.parquet"))
    records = [path for path in files if path.parent.name.startswith("date=")] or files
    index = sum(path.stat().st_size for path in folder.glob("entities/*.parquet"))
    days = len({path.parent for path in records})
    return Conversion(name, cost, sum(path.stat().st_size for path in files), index, len(records), days)
