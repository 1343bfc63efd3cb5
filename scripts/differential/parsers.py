"""S3 lines as odd as they come, field by field, beside the parser s3-log-parser from PyPI: check.py --parsers."""
import collections
import json
import pathlib
import random
import subprocess
import tempfile

FORMAT = '%BO %B %t %a %r %si %o %k "%R" %s %e %b %y %m %n "%{Referer}i" "%{User-Agent}i" %v'
# Our columns, and the parser's names for them.
NAMES = {"bucket_owner": "bucket_owner", "bucket": "bucket", "remote_ip": "remote_ip", "requester": "requester_id", "request_id": "s3_request_id",
         "operation": "operation", "key": "key", "request_uri": "request_first_line", "http_status": "status", "error_code": "error", "bytes_sent": "bytes",
         "object_size": "total_bytes", "total_time": "total_time", "turn_around_time": "turnaround_time", "referer": "request_header_referer",
         "user_agent": "request_header_user_agent", "version_id": "version_id"}
PIECES = ['"', '" "', '" 200 ', " ", "\\", '\\"', "-", "a", "curl/8", "(x; y)", "ä", "%20", "[", "] ", "- "]


def odd(rng):
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(0, 6)))


def line(rng):
    number = lambda: rng.choice(["-", str(rng.randrange(1 << 33))])
    fields = [f"{rng.getrandbits(256):064x}", rng.choice(["bucket-a", "b2"]), f"[{rng.randrange(1, 29):02}/Jul/2021:{rng.randrange(24):02}:00:00 +0000]",
              rng.choice(["192.0.2.1", "2001:db8::1"]), rng.choice(["-", "arn:aws:iam::1:user/ann", "Anonymous"]), f"{rng.getrandbits(64):016X}",
              rng.choice(["REST.GET.OBJECT", "BATCH.DELETE.OBJECT"]), rng.choice(["-", "a.jpg", "b%2Fc", "x+y"]),
              f'"GET /{odd(rng) if rng.random() < 0.3 else "k"} HTTP/1.1"', rng.choice(["200", "404"]), rng.choice(["-", "NoSuchKey"]), number(), number(), number(), number(),
              f'"{odd(rng) if rng.random() < 0.3 else "-"}"', f'"{odd(rng) if rng.random() < 0.5 else "agent/1"}"', rng.choice(["-", "v1"])]
    return " ".join(fields)


def reason(text, match):
    """Why a field differs; None if there is no good reason."""
    if match is None:
        return "the parser takes no line whose key has a +" if " x+y " in text else "the parser does not take the line"
    # What is in quotes may hold quotes and look like the fields after it: then there is more than one reading.
    if text.count('"') > 6:
        return "more quotes than fields have: several readings are possible"
    return None


def check(sawlog, sawq, seed):
    from s3_log_parser import Parser

    regex, rng = Parser(FORMAT).log_line_regex, random.Random(seed)
    lines = [line(rng) for _ in range(10_000)]
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "log").write_text("\n".join(lines) + "\n")
        ran = subprocess.run([sawlog, "convert", f"{folder}/log", "--store", f"{folder}/store", "--format", "s3-access", "-q"])
        out = subprocess.run([sawq, "sql", f"SELECT source_line, {', '.join(NAMES)} FROM s3_access", "--format", "ndjson", "--store", f"{folder}/store"],
                             capture_output=True, check=True).stdout
    ours = {row["source_line"]: row for row in map(json.loads, out.splitlines())}
    reasons, faults, equal = collections.Counter(), 0, 0
    for number, text in enumerate(lines, 1):
        match, row = regex.fullmatch(text), ours.get(number)
        plain = lambda value: None if value in (None, "-", "") else str(value)
        differing = [name for name, theirs in NAMES.items()
                     if row is None or match is None or plain(row.get(name)) != plain(match.group(theirs))]
        if not differing:
            equal += 1
            continue
        why = reason(text, match)
        if why is None:
            faults += 1
            print(f"line {number} differs in {differing}: {text}")
        else:
            reasons[why] += 1
    print(f"s3-log-parser: {equal} of {len(lines)} odd lines read alike; {dict(reasons)}; {faults} without a reason; {len(lines) - len(ours)} rejected by sawlog")
    return faults
