"""Reads a store with other tools and compares counts and sums: check.py STORE SAWQ."""
import json
import subprocess
import sys

import deltalake
import duckdb
import polars
import pyarrow.compute as pc
import pyarrow.dataset as ds

STORE, SAWQ = sys.argv[1:]
TABLE = f"{STORE}/s3_access"
GLOB = f"{TABLE}/**/*.parquet"
MEASURES = ("rows", "bytes_sent", "object_size", "keys", "distinct_keys", "lines", "first", "last", "days")


def sawq():
    query = """SELECT count(*) AS rows, sum(bytes_sent) AS bytes_sent, sum(object_size) AS object_size,
        count(key) AS keys, count(DISTINCT key) AS distinct_keys, sum(source_line) AS lines,
        min(time) AS first, max(time) AS last, count(DISTINCT date) AS days FROM s3_access"""
    out = subprocess.run([SAWQ, "sql", query, "--json", "--store", STORE], check=True, capture_output=True).stdout
    row = json.loads(out)[0]
    return tuple(row[name][:19] if isinstance(row[name], str) else row[name] for name in MEASURES)


def with_duckdb(source):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    row = connection.execute(f"""SELECT count(*), sum(bytes_sent)::HUGEINT, sum(object_size)::HUGEINT, count(key),
        count(DISTINCT key), sum(source_line)::HUGEINT, strftime(min(time), '%Y-%m-%dT%H:%M:%S'),
        strftime(max(time), '%Y-%m-%dT%H:%M:%S'), count(DISTINCT date) FROM {source}""").fetchone()
    return row


def with_polars():
    column = polars.col
    frame = polars.scan_parquet(GLOB, hive_partitioning=True).select(
        polars.len(), column("bytes_sent").sum(), column("object_size").sum().alias("o"), column("key").count().alias("k"),
        column("key").drop_nulls().n_unique().alias("d"), column("source_line").sum(),
        column("time").min().dt.strftime("%Y-%m-%dT%H:%M:%S").alias("f"),
        column("time").max().dt.strftime("%Y-%m-%dT%H:%M:%S").alias("l"), column("date").n_unique())
    return frame.collect().row(0)


def with_arrow(dataset):
    table = dataset.to_table(columns=["bytes_sent", "object_size", "key", "source_line", "time", "date"])
    total = lambda name: pc.sum(table[name]).as_py()
    keys = table["key"]
    return (table.num_rows, total("bytes_sent"), total("object_size"), pc.count(keys).as_py(),
            pc.count_distinct(keys).as_py(), total("source_line"),
            pc.min(table["time"]).as_py().strftime("%Y-%m-%dT%H:%M:%S"),
            pc.max(table["time"]).as_py().strftime("%Y-%m-%dT%H:%M:%S"), pc.count_distinct(table["date"]).as_py())


def main():
    readings = {
        "duckdb": lambda: with_duckdb(f"read_parquet('{GLOB}', hive_partitioning = true)"),
        "polars": with_polars,
        "pyarrow": lambda: with_arrow(ds.dataset(TABLE, format="parquet", partitioning="hive", exclude_invalid_files=True)),
        "deltalake": lambda: with_arrow(deltalake.DeltaTable(TABLE).to_pyarrow_dataset()),
    }
    expected = sawq()
    print(f"sawq       {expected}")
    wrong = 0
    for name, read in readings.items():
        found = tuple(read())
        print(f"{name:<10} {found}")
        wrong += found != expected
    # One line that a search by value finds: by dictionary, statistics and Bloom filter.
    one = "SELECT count(*) FROM read_parquet('{}') WHERE request_id = 'T7X3D7QX7X6GZ0NN'".format(GLOB)
    wrong += duckdb.connect().execute(one).fetchone() != (1,)
    if wrong:
        sys.exit(f"interop: {wrong} readings differ from sawq's")
    print(f"interop: {len(readings)} readers agree with sawq")


main()
