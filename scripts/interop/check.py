"""Reads stores with other tools and compares counts and sums: check.py SAWQ STORE…

Each table is asked the same by all: as SQL by sawq, DuckDB and Spark (where there is Java), and as Arrow data that pyarrow,
deltalake and Polars give. Records of JSON logs are rebuilt by the function in docs/TABLES.md. A store behind `delta:` has data
files that are out of use, which plain readers would see as well: only deltalake reads it. One behind `two:` was written by two versions, so that some data files lack columns of their table.
"""
import json
import shutil
import subprocess
import sys
from pathlib import Path

import deltalake
import duckdb
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

SAWQ, *STORES = sys.argv[1:]

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
        ("events", "count(DISTINCT event_id)", distinct("event_id")), ("requests", "count(request_parameters)", count("request_parameters"))],
    "vpc_flow": COMMON + [
        ("bytes", "sum(bytes)", total("bytes")), ("sources", "count(DISTINCT srcaddr)", distinct("srcaddr")),
        ("ports", "sum(dstport)", total("dstport")), ("headers", "count(gap)", count("gap")),
        ("interfaces", "count(DISTINCT interface_id)", distinct("interface_id"))],
}


def query(table, source, length_of):
    columns = ", ".join(f"{sql} AS {name}" for name, sql, _ in TABLES[table])
    return f"SELECT {columns} FROM {source}".replace("LENGTH_OF", length_of)


def asked(store, sql):
    out = subprocess.run([SAWQ, "sql", sql, "--json", "--store", store], check=True, capture_output=True)
    return tuple(json.loads(out.stdout)[0].values())


def sawq(store, table):
    return asked(store, query(table, table, "array_length"))


def with_duckdb(store, table):
    source = f"read_parquet('{store}/{table}/date=*/*.parquet', hive_partitioning = true)"
    row = duckdb.connect().execute(query(table, source, "len")).fetchone()
    return tuple(int(value) for value in row)


def with_arrow(table, data):
    # Views and large strings are as good as strings, but not every function takes them.
    plain = lambda kind: pa.string() if pa.types.is_string_view(kind) or pa.types.is_large_string(kind) else kind
    for place, field in enumerate(data.schema):
        if plain(field.type) != field.type:
            data = data.set_column(place, field.name, data[field.name].cast(plain(field.type)))
    return tuple(int(measure(data)) for _, _, measure in TABLES[table])


def with_polars(store, table):
    frame = polars.scan_parquet(f"{store}/{table}/date=*/*.parquet", hive_partitioning=True).collect()
    return with_arrow(table, frame.to_arrow(compat_level=polars.CompatLevel.oldest()))


def with_pyarrow(store, table):
    # It is the one that looks at the pages' checksums.
    checked = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True))
    dataset = ds.dataset(f"{store}/{table}", format=checked, partitioning="hive", exclude_invalid_files=True)
    return with_arrow(table, dataset.to_table())


def with_deltalake(store, table):
    return with_arrow(table, deltalake.DeltaTable(f"{store}/{table}").to_pyarrow_table())


def spark():
    """A reader, where there is Java and pyspark."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        return None
    session = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
               .config("spark.ui.showConsoleProgress", "false").config("spark.sql.shuffle.partitions", "2")
               .config("spark.sql.session.timeZone", "UTC").config("spark.log.level", "ERROR").getOrCreate())

    def read(store, table):
        session.read.parquet(f"{store}/{table}").createOrReplaceTempView(table)
        return tuple(int(value) for value in session.sql(query(table, table, "array_size")).collect()[0])
    return read


def count_in(store, files, condition="true"):
    return duckdb.connect().execute(f"SELECT count(*) FROM read_parquet('{store}/{files}') WHERE {condition}").fetchone()[0]


def documented():
    """The function of docs/TABLES.md that rebuilds a record, as it stands there."""
    text = (Path(__file__).parents[2] / "docs/TABLES.md").read_text()
    names = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    return names["record"]


def wrong_texts(store):
    """How many readers' records of JSON logs are not those that sawq finds."""
    record = documented()
    find = subprocess.run([SAWQ, "find", "--log", "cloudtrail", "--store", store], check=True, capture_output=True, text=True)
    data = ds.dataset(f"{store}/cloudtrail", partitioning="hive", exclude_invalid_files=True).to_table()
    kept = data.num_rows - data["skeleton"].null_count
    print(f"records   {data.num_rows}, {kept} of them from skeletons")
    place = lambda row: (row["source_file"].encode(), row["source_line"])
    text = lambda rows: "".join(record(row) + "\n" for row in sorted(rows, key=place))
    wrong = compared("pyarrow", hash(text(data.to_pylist())), hash(find.stdout)) + (kept < 0.99 * data.num_rows)
    files = duckdb.connect().execute("SET timezone = 'UTC'").sql(f"FROM read_parquet('{store}/cloudtrail/date=*/*.parquet')")
    return wrong + compared("duckdb", hash(text(files.to_arrow_table().to_pylist())), hash(find.stdout))


def compared(name, found, expected):
    print(f"  {name:<9} {'agrees' if found == expected else (found, expected)}")
    return found != expected


def wrong_in(store, readers):
    wrong = 0
    for table in TABLES:
        expected = sawq(store, table)
        print(f"{table}\n  sawq      {dict(zip((name for name, _, _ in TABLES[table]), expected))}")
        for name, read in readers.items():
            wrong += compared(name, read(store, table), expected)
    return wrong


def wrong_by_glob(store):
    """What DuckDB finds otherwise by the documented patterns: one line by value, and the tables that are not of records."""
    # By dictionary, statistics and Bloom filter.
    wrong = count_in(store, "s3_access/date=*/*.parquet", "request_id = 'T7X3D7QX7X6GZ0NN'") != 1
    wrong += count_in(store, "cloudtrail/date=*/*.parquet", "user_identity.access_key_id = 'AKIAU7JNXC7K7XNL3F6J'") != 37
    for table in ["sources", "entities"]:
        print(table)
        wrong += compared("duckdb", count_in(store, f"{table}/part-*.parquet"), asked(store, f"SELECT count(*) AS n FROM {table}")[0])
    return wrong


def wrong_of_two_versions(store):
    """What readers find otherwise where only the newer data files have a column. Plain readers need the settings that README names."""
    sql = "SELECT count(*) AS n, sum(bytes) AS bytes, count(tgw_id) AS gateways FROM "
    expected = asked(store, f"{sql} vpc_flow")
    print(f"vpc_flow, of two versions\n  sawq      {expected}")
    files = f"{store}/vpc_flow/date=*/*.parquet"
    row = duckdb.connect().execute(f"{sql} read_parquet('{files}', hive_partitioning = true, union_by_name = true)").fetchone()
    wrong = compared("duckdb", tuple(int(value) for value in row), expected)
    delta = deltalake.DeltaTable(f"{store}/vpc_flow").to_pyarrow_table()
    wrong += compared("deltalake", (delta.num_rows, total("bytes")(delta), count("tgw_id")(delta)), expected)
    # These read the columns of the first file.
    frame = polars.scan_parquet(files, hive_partitioning=True, missing_columns="insert", extra_columns="ignore").collect()
    wrong += compared("polars", (frame.height, frame["bytes"].sum()), expected[:2])
    plain = ds.dataset(f"{store}/vpc_flow", partitioning="hive", exclude_invalid_files=True).to_table()
    wrong += compared("pyarrow", (plain.num_rows, total("bytes")(plain)), expected[:2])
    if expected[2] == 0 or "tgw_id" in plain.column_names:
        print("  the store is not one of two versions")
        wrong += 1
    return wrong


def main():
    readers = {"duckdb": with_duckdb, "polars": with_polars, "pyarrow": with_pyarrow, "deltalake": with_deltalake}
    with_spark = spark() if shutil.which("java") else None
    if with_spark:
        readers["spark"] = with_spark
    else:
        print("interop: Spark is skipped, there is no Java or no pyspark")
    wrong = 0
    for store in STORES:
        kind, _, path = store.rpartition(":")
        print(f"== {path.rpartition('/')[2]}")
        if kind == "two":
            wrong += wrong_of_two_versions(path)
        elif kind == "delta":
            wrong += wrong_in(path, {"deltalake": with_deltalake})
        else:
            wrong += wrong_in(path, readers) + wrong_by_glob(path) + wrong_texts(path)
    if wrong:
        sys.exit(f"interop: {wrong} readings differ from sawq's")
    print(f"interop: {len(readers)} readers agree with sawq on {len(STORES)} stores")


main()
