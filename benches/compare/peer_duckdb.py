"""Converts a log with DuckDB: peer_duckdb.py LOG FOLDER OUT THREADS."""
import json
import sys

import duckdb

import columns

NUMBERS = dict.fromkeys(columns.S3_NUMBERS + columns.FLOW_NUMBERS, "BIGINT") | {"http_status": "INTEGER"}


def csv(pattern, names, options):
    types = {name: NUMBERS.get(name, "VARCHAR") for name in names}
    return (f"read_csv('{pattern}', delim = ' ', escape = '', nullstr = '-', columns = {types}, auto_detect = false, filename = true, "
            f"{options})")


def s3(folder):
    lines = csv(f"{folder}/*", columns.S3, "quote = '\"', header = false, null_padding = true")
    return (f"SELECT * EXCLUDE (zone, filename) REPLACE (strptime(time, '[%d/%b/%Y:%H:%M:%S') AS time), filename AS source_file FROM {lines}")


def flows(folder):
    times = ", ".join(f'make_timestamp("{name}" * 1000000) AS "{name}"' for name in ("start", "end"))
    lines = csv(f"{folder}/*.gz", columns.FLOWS, "quote = '', header = true")
    return f"SELECT * EXCLUDE (filename) REPLACE ({times}), filename AS source_file FROM {lines}"


def records(folder):
    return f"read_json('{folder}/**/*.json.gz', columns = {{Records: 'JSON[]'}}, filename = true, maximum_object_size = 100000000)"


def cloudtrail(folder, *, text=True):
    """Every record's fields in typed columns, and, if `text`, its JSON text."""
    shape = columns.trail("VARCHAR", "JSON", "BOOLEAN", "TIMESTAMP", dict, lambda kind: [kind])
    return (f"SELECT unnest(from_json(raw, '{json.dumps(shape)}')), {'raw, ' if text else ''}source_file "
            f"FROM (SELECT unnest(Records) AS raw, filename AS source_file FROM {records(folder)})")


def main():
    log, folder, out, threads = sys.argv[1:]
    queries = {"s3": s3, "flows": flows, "cloudtrail": cloudtrail, "cloudtrail-fields": lambda of: cloudtrail(of, text=False)}
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"COPY ({queries[log](folder)}) TO '{out}' "
                       "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PER_THREAD_OUTPUT true)")


main()
