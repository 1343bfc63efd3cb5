"""Checks that a converted log holds what the log has: the same rows with the same values, whatever their order and layout."""
import duckdb

import columns

# What is compared of each log. Names are found whether they are written as AWS does or as sawlog does.
COMPARED = {
    "s3": [name for name in columns.S3 if name not in ("time", "zone")],
    "flows": [name for name in columns.FLOWS if name not in ("start", "end")],
    "cloudtrail": ["eventName", "eventSource", "awsRegion", "sourceIPAddress", "userAgent", "errorCode", "errorMessage", "eventID", "requestID",
                   "readOnly", "userIdentity.arn", "userIdentity.accessKeyId", "userIdentity.sessionContext.sessionIssuer.arn",
                   "tlsDetails.clientProvidedHostHeader"],
}
TIMES = {"s3": ["time"], "flows": ["start", "end"], "cloudtrail": ["eventTime"]}


def snake(name):
    """`sourceIPAddress` as `source_ip_address`."""
    for acronym in ("IP", "ID"):
        name = name.replace(acronym, acronym.capitalize())
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def quoted(name):
    return ".".join(f'"{part}"' for part in name.split("."))


def fingerprint(log, files, ours):
    """The number of rows and a hash over all values."""
    spelled = (lambda name: quoted(snake(name))) if ours else quoted
    values = [f"coalesce({spelled(name)}::VARCHAR, '-')" for name in COMPARED[log]]
    values += [f"coalesce(epoch_ms({spelled(name)}), 0)" for name in TIMES[log]]
    query = f"SELECT count(*), sum(hash({', '.join(values)})) FROM read_parquet('{files}')"
    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
    return connection.execute(query).fetchone()
