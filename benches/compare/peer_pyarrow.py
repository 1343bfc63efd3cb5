"""Converts a log with pyarrow: peer_pyarrow.py LOG FOLDER OUT THREADS."""
import sys

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import csv

import columns

SECONDS = pa.timestamp("s")


def s3(folder):
    """The lines, and the types of columns."""
    types = dict.fromkeys(columns.S3, pa.string()) | dict.fromkeys(columns.S3_NUMBERS, pa.int64()) | {"time": SECONDS}
    convert = csv.ConvertOptions(column_types=types, null_values=["-"], strings_can_be_null=True, quoted_strings_can_be_null=True,
                                 timestamp_parsers=["[%d/%b/%Y:%H:%M:%S"])
    form = ds.CsvFileFormat(parse_options=csv.ParseOptions(delimiter=" "), read_options=csv.ReadOptions(column_names=columns.S3),
                            convert_options=convert)
    return ds.dataset(folder, format=form, schema=pa.schema(types)), {name: kind for name, kind in types.items() if name != "zone"}


def flows(folder):
    """The lines, and the types of columns."""
    types = dict.fromkeys(columns.FLOWS, pa.string()) | dict.fromkeys(columns.FLOW_NUMBERS, pa.int64())
    convert = csv.ConvertOptions(column_types=types, null_values=["-"], strings_can_be_null=True)
    form = ds.CsvFileFormat(parse_options=csv.ParseOptions(delimiter=" ", quote_char=False),
                            read_options=csv.ReadOptions(column_names=columns.FLOWS, skip_rows=1), convert_options=convert)
    return ds.dataset(folder, format=form, schema=pa.schema(types)), types | {"start": SECONDS, "end": SECONDS}


def main():
    log, folder, out, threads = sys.argv[1:]
    pa.set_cpu_count(int(threads))
    lines, types = {"s3": s3, "flows": flows}[log](folder)
    schema = pa.schema(types | {"source_file": pa.string()})
    batches = lines.scanner(columns=[*types, "__filename"]).to_batches()
    rows = (pa.RecordBatch.from_arrays([column.cast(kind) for column, kind in zip(batch.columns, schema.types, strict=True)], schema=schema)
            for batch in batches)
    parquet = ds.ParquetFileFormat()
    ds.write_dataset(rows, out, schema=schema, format=parquet,
                     file_options=parquet.make_write_options(compression="zstd", compression_level=1),
                     max_rows_per_group=1_000_000, min_rows_per_group=100_000)


main()
