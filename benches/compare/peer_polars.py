"""Converts a log with Polars: peer_polars.py LOG FOLDER OUT THREADS."""
import os
import pathlib
import sys

os.environ["POLARS_MAX_THREADS"] = sys.argv[4]

import polars as pl

import columns

NUMBERS = dict.fromkeys(columns.S3_NUMBERS + columns.FLOW_NUMBERS, pl.Int64) | {"http_status": pl.Int32}

TIME = pl.col("time").str.to_datetime("[%d/%b/%Y:%H:%M:%S", time_unit="us")


def csv(pattern, names, *, header):
    return pl.scan_csv(pattern, separator=" ", has_header=False, skip_rows=int(header), schema={name: NUMBERS.get(name, pl.String) for name in names},
                       null_values="-", include_file_paths="source_file", quote_char=None if header else '"')


def s3(folder):
    return csv(f"{folder}/*", columns.S3, header=False).with_columns(TIME).drop("zone")


def s3_joined(folder):
    """Small files as one: opening each costs Polars more than reading it."""
    paths = [entry.path for entry in os.scandir(folder)]
    texts = [pathlib.Path(path).read_bytes() for path in paths]
    lines = pl.read_csv(b"".join(texts), separator=" ", has_header=False, null_values="-",
                        schema={name: NUMBERS.get(name, pl.String) for name in columns.S3})
    counts = pl.Series([text.count(b"\n") for text in texts])
    return lines.lazy().with_columns(TIME, source_file=pl.Series(paths).repeat_by(counts).explode()).drop("zone")


def flows(folder):
    times = [pl.from_epoch(name, "s").alias(name) for name in ("start", "end")]
    return csv(f"{folder}/*.gz", columns.FLOWS, header=True).with_columns(times)


def cloudtrail(folder):
    """Every record's fields in typed columns; Polars does not give the record's own text beside them."""
    schema = pl.Struct(columns.trail(pl.String, pl.String, pl.Boolean, pl.String, pl.Struct, pl.List))
    frame = pl.scan_ndjson(f"{folder}/**/*.json.gz", schema={"Records": pl.List(schema)}, include_file_paths="source_file")
    return frame.explode("Records").unnest("Records").with_columns(pl.col("eventTime").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us"))


def main():
    log, folder, out, _ = sys.argv[1:]
    pathlib.Path(out).mkdir()
    frame = {"s3": s3, "s3-joined": s3_joined, "flows": flows, "cloudtrail-fields": cloudtrail}[log](folder)
    frame.sink_parquet(f"{out}/part.parquet", compression="zstd", compression_level=1, maintain_order=False)


main()
