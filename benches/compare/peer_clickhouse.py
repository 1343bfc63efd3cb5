"""Converts a log with ClickHouse, as the library chDB: peer_clickhouse.py LOG FOLDER OUT THREADS."""
import pathlib
import sys

import chdb

import columns

SETTINGS = ("format_custom_field_delimiter = ' ', format_custom_escaping_rule = 'CSV', format_csv_null_representation = '-', "
            "input_format_custom_detect_header = 0, input_format_with_names_use_header = 0, "
            "output_format_parquet_compression_method = 'zstd', output_format_compression_level = 1")
NUMBERS = dict.fromkeys(columns.S3_NUMBERS + columns.FLOW_NUMBERS, "Nullable(Int64)") | {"http_status": "Nullable(Int32)"}


def structure(names, few):
    types = NUMBERS | dict.fromkeys(few, "LowCardinality(Nullable(String))")
    return ", ".join(f"`{name}` {types.get(name, 'Nullable(String)')}" for name in names)


def s3(folder):
    return (f"SELECT * EXCEPT zone REPLACE (parseDateTimeBestEffort(replaceOne(substring(time, 2), ':', ' '), 'UTC') AS time), _path AS source_file "
            f"FROM file('{folder}/*', 'CustomSeparated', '{structure(columns.S3, columns.S3_FEW)}')")


def flows(folder):
    return (f"SELECT * REPLACE (toDateTime(start, 'UTC') AS start, toDateTime(end, 'UTC') AS end), _path AS source_file "
            f"FROM file('{folder}/*.gz', 'CustomSeparatedWithNames', '{structure(columns.FLOWS, columns.FLOW_FEW)}')")


def shape():
    def group(fields):
        return f"Tuple({', '.join(f'`{name}` {kind}' for name, kind in fields.items())})"
    fields = columns.trail("Nullable(String)", "Nullable(String)", "Nullable(Bool)", "Nullable(String)", group, lambda kind: f"Array({kind})")
    return group(fields), ", ".join(f"record.{name} AS {name}" for name in fields if name != "eventTime")


def cloudtrail(folder):
    """Every record's fields in typed columns, and its JSON text."""
    record, names = shape()
    return (f"SELECT {names}, parseDateTimeBestEffort(record.eventTime, 'UTC') AS eventTime, raw, source_file FROM ("
            f"SELECT raw, JSONExtract(raw, '{record.replace(chr(39), chr(92) + chr(39))}') AS record, source_file FROM ("
            f"SELECT arrayJoin(Records) AS raw, _path AS source_file "
            f"FROM file('{folder}/**/*.json.gz', 'JSONEachRow', 'Records Array(String)')))")


def cloudtrail_fields(folder):
    """Every record's fields in typed columns."""
    record, names = shape()
    return (f"SELECT {names}, parseDateTimeBestEffort(record.eventTime, 'UTC') AS eventTime, source_file FROM ("
            f"SELECT arrayJoin(Records) AS record, _path AS source_file "
            f"FROM file('{folder}/**/*.json.gz', 'JSONEachRow', 'Records Array({record})'))")


def main():
    log, folder, out, threads = sys.argv[1:]
    pathlib.Path(out).mkdir()
    query = {"s3": s3, "flows": flows, "cloudtrail": cloudtrail, "cloudtrail-fields": cloudtrail_fields}[log](folder)
    chdb.query(f"INSERT INTO FUNCTION file('{out}/part.parquet', 'Parquet') {query} SETTINGS {SETTINGS}, max_threads = {threads}")


main()
