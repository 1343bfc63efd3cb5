"""Asks Parquet files with Polars: ask_polars.py S3-FILES TRAIL-FILES NAMES THREADS SQL…, and prints answers as CSV.

NAMES is a JSON object: sawlog's names of CloudTrail's columns and where the files have them.
"""
import json
import os
import sys

s3_files, trail_files, names, threads, *queries = sys.argv[1:]
os.environ["POLARS_MAX_THREADS"] = threads

import polars as pl

trail = pl.scan_parquet(trail_files)
if json.loads(names):
    trail = pl.SQLContext(files=trail).execute(
        f"SELECT {', '.join(f'{place} AS {name}' for name, place in json.loads(names).items())} FROM files")
context = pl.SQLContext(s3=pl.scan_parquet(s3_files), trail=trail)
for query in queries:
    context.execute(query).sink_csv(sys.stdout.buffer, include_header=False)
