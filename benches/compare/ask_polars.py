"""Asks Parquet files with Polars: ask_polars.py TABLES THREADS SQL…, and prints answers as CSV.

TABLES is a JSON object: the names of tables, for each its files and what is selected of them.
"""
import json
import os
import sys

tables, threads, *queries = sys.argv[1:]
os.environ["POLARS_MAX_THREADS"] = threads

import polars as pl


def table(files, selected):
    frame = pl.scan_parquet(files)
    return frame if selected == "*" else frame.sql(f"SELECT {selected} FROM self")


context = pl.SQLContext({name: table(*place) for name, place in json.loads(tables).items()})
for query in queries:
    context.execute(query).sink_csv(sys.stdout.buffer, include_header=False)
