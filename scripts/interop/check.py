"""Reads a store with other tools and compares counts and sums: check.py [--only-delta] STORE SAWQ.

Each table is asked the same by all: as SQL by sawq, DuckDB and Spark (where there is Java), and as Arrow data that pyarrow,
deltalake and Polars give.
"""
import json
import shutil
import subprocess
import sys

import deltalake
import duckdb
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

*OPTIONS, STORE, SAWQ = sys.argv[1:]
# Plain readers see what is out of use as well.
ONLY_DELTA = OPTIONS == ["--only-delta"]

# For each table what is asked: a name, the SQL (LENGTH_OF is the tool's own function for lists), and the same over Arrow.
total = lambda name: lambda table: pc.sum(table[name]).as_py()
count = lambda name: lambda table: pc.count(table[name]).as_py()
distinct = lambda name: lambda table: pc.count_distinct(table[name], mode="only_valid").as_py()


def nested(path):
    """The column of a group, of a group in it, and so on."""
    def column(table):
        first, *rest = path.split(".")
        array = table[first]
        for name in rest:
            array = pc.struct_field(array, name)
        return pc.count(array).as_py()
    return column


COMMON = [("rows", "count(*)", lambda table: table.num_rows), ("lines", "sum(source_line)", total("source_line")),
          ("days", "count(DISTINCT date)", distinct("date"))]
TABLES = {
    "s3_access": COMMON + [
        ("bytes_sent", "sum(bytes_sent)", total("bytes_sent")), ("object_size", "sum(object_size)", total("object_size")),
        ("keys", "count(key)", count("key")), ("distinct_keys", "count(DISTINCT key)", distinct("key")),
        ("seconds", "sum(total_time)", total("total_time"))],
    "cloudtrail": COMMON + [
        ("arns", "count(user_identity.arn)", nested("user_identity.arn")),
        ("issuers", "count(user_identity.session_context.session_issuer.arn)", nested("user_identity.session_context.session_issuer.arn")),
        ("sessions", "count(user_identity.session_context)", nested("user_identity.session_context")),
        ("resources", "sum(LENGTH_OF(resources))", lambda table: pc.sum(pc.list_value_length(table["resources"])).as_py()),
        ("reads", "sum(CASE WHEN read_only THEN 1 ELSE 0 END)", total("read_only")),
        ("events", "count(DISTINCT event_id)", distinct("event_id")), ("requests", "count(request_parameters)", count("request_parameters")),
        ("text", "sum(length(raw))", lambda table: pc.sum(pc.utf8_length(table["raw"])).as_py())],
    "vpc_flow": COMMON + [
        ("bytes", "sum(bytes)", total("bytes")), ("sources", "count(DISTINCT srcaddr)", distinct("srcaddr")),
        ("ports", "sum(dstport)", total("dstport")), ("headers", "count(gap)", count("gap")),
        ("interfaces", "count(DISTINCT interface_id)", distinct("interface_id"))],
}


def query(table, source, length_of):
    columns = ", ".join(f"{sql} AS {name}" for name, sql, _ in TABLES[table])
    return f"SELECT {columns} FROM {source}".replace("LENGTH_OF", length_of)


def sawq(table):
    out = subprocess.run([SAWQ, "sql", query(table, table, "array_length"), "--json", "--store", STORE], check=True, capture_output=True)
    row = json.loads(out.stdout)[0]
    return tuple(row[name] for name, _, _ in TABLES[table])


def with_duckdb(table):
    source = f"read_parquet('{STORE}/{table}/date=*/*.parquet', hive_partitioning = true)"
    row = duckdb.connect().execute(query(table, source, "len")).fetchone()
    return tuple(int(value) for value in row)


def with_arrow(table, data):
    # Views and large strings are as good as strings, but not every function takes them.
    plain = lambda kind: pa.string() if pa.types.is_string_view(kind) or pa.types.is_large_string(kind) else kind
    for place, field in enumerate(data.schema):
        if plain(field.type) != field.type:
            data = data.set_column(place, field.name, data[field.name].cast(plain(field.type)))
    return tuple(int(measure(data)) for _, _, measure in TABLES[table])


def with_polars(table):
    frame = polars.scan_parquet(f"{STORE}/{table}/date=*/*.parquet", hive_partitioning=True).collect()
    return with_arrow(table, frame.to_arrow(compat_level=polars.CompatLevel.oldest()))


def with_pyarrow(table):
    # It is the one that looks at the pages' checksums.
    checked = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True))
    dataset = ds.dataset(f"{STORE}/{table}", format=checked, partitioning="hive", exclude_invalid_files=True)
    return with_arrow(table, dataset.to_table())


def with_deltalake(table):
    return with_arrow(table, deltalake.DeltaTable(f"{STORE}/{table}").to_pyarrow_table())


def spark():
    """A reader, where there is Java and pyspark."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        return None
    session = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
               .config("spark.ui.showConsoleProgress", "false")
               .config("spark.sql.session.timeZone", "UTC").config("spark.log.level", "ERROR").getOrCreate())

    def read(table):
        session.read.parquet(f"{STORE}/{table}").createOrReplaceTempView(table)
        return tuple(int(value) for value in session.sql(query(table, table, "array_size")).collect()[0])
    return read


def wrong_by_glob():
    """What DuckDB finds otherwise by the documented patterns: one line by value, and the tables that are not of records."""
    def ask(files, condition="true"):
        return duckdb.connect().execute(f"SELECT count(*) FROM read_parquet('{STORE}/{files}') WHERE {condition}").fetchone()[0]

    # By dictionary, statistics and Bloom filter.
    wrong = ask("s3_access/date=*/*.parquet", "request_id = 'T7X3D7QX7X6GZ0NN'") != 1
    wrong += ask("cloudtrail/date=*/*.parquet", "user_identity.access_key_id = 'AKIAU7JNXC7K7XNL3F6J'") != 37
    for table in ["sources", "entities"]:
        out = subprocess.run([SAWQ, "sql", f"SELECT count(*) AS n FROM {table}", "--json", "--store", STORE], check=True, capture_output=True)
        found, expected = ask(f"{table}/part-*.parquet"), json.loads(out.stdout)[0]["n"]
        print(f"{table}\n  duckdb    {'agrees' if found == expected else (found, expected)}")
        wrong += found != expected
    return wrong


def main():
    plain = {"duckdb": with_duckdb, "polars": with_polars, "pyarrow": with_pyarrow}
    readers = {**({} if ONLY_DELTA else plain), "deltalake": with_deltalake}
    with_spark = spark() if shutil.which("java") and not ONLY_DELTA else None
    if with_spark:
        readers["spark"] = with_spark
    else:
        print("interop: Spark is skipped, there is no Java or no pyspark")
    wrong = 0
    for table in TABLES:
        expected = sawq(table)
        print(f"{table}\n  sawq      {dict(zip((name for name, _, _ in TABLES[table]), expected))}")
        for name, read in readers.items():
            found = read(table)
            print(f"  {name:<9} {'agrees' if found == expected else found}")
            wrong += found != expected
    if not ONLY_DELTA:
        wrong += wrong_by_glob()
    if wrong:
        sys.exit(f"interop: {wrong} readings differ from sawq's")
    print(f"interop: {len(readers)} readers agree with sawq on {len(TABLES)} tables")


main()
