"""Questions of one store of S3 access logs and CloudTrail: what sawq is asked, and the same in SQL."""
import dataclasses

import answers
import columns

TOP = 20
# What an S3 access log's line has.
LINE = ", ".join(name for name in columns.S3 if name != "zone")
# Where DuckDB's and Polars' own files have what sawlog calls so.
OWN_NAMES = {
    "event_time": '"eventTime"', "source_ip_address": '"sourceIPAddress"', "user_agent": '"userAgent"', "event_name": '"eventName"',
    "aws_region": '"awsRegion"', "error_code": '"errorCode"', "error_message": '"errorMessage"', "event_id": '"eventID"',
    "arn": '"userIdentity".arn', "access_key_id": '"userIdentity"."accessKeyId"', "user_name": '"userIdentity"."userName"',
}
STORE_NAMES = {name: name for name in OWN_NAMES} | {
    name: f"user_identity.{name}" for name in ("arn", "access_key_id", "user_name")}


@dataclasses.dataclass
class Question:
    """A question, as sawq and in SQL, and how their answers are compared."""

    name: str
    sawq: list
    sql: list
    # How sawq is asked where its answer is compared, if otherwise; how that is read; and the query, if it is another one.
    checked: list | None = None
    read: object = answers.counted
    checked_sql: list | None = None
    limit: int | None = None
    # What grep looks for in the logs, and in which.
    grep: tuple | None = None


def summary(name, column, what, where):
    return Question(f"s3logparse {name}", ["s3logparse", name],
                    [f"SELECT {column}, {what} AS n FROM s3 WHERE {where} GROUP BY {column} ORDER BY n DESC"],
                    ["s3logparse", name, "--format", "csv"])


# What `sawq top` says of each value beside its number.
SUMS = ("sum(bytes_sent), "
        "sum(CASE WHEN operation IN ('REST.PUT.OBJECT', 'REST.POST.OBJECT', 'REST.PUT.PART', 'REST.POST.PART') THEN object_size END), "
        "sum(CASE WHEN error_code IS NOT NULL OR http_status >= 400 THEN 1 ELSE 0 END), min(time), max(time)")


def top(column, where=None, filters=(), sums=f", {SUMS}"):
    """The most frequent values. sawq always adds up `sums`, too; without them a peer has less to do."""
    asked = ["top", column, "--log", "s3", *filters]
    condition = f" WHERE {where}" if where else ""
    def query(more):
        return [f"SELECT {column}, count(*) AS n{more} FROM s3{condition} GROUP BY {column} ORDER BY n DESC LIMIT {TOP}"]
    name = " ".join(["top", column, *filters])
    return Question(name if sums else f"{name}, where the peers only count", asked, query(sums), [*asked, "--format", "csv"],
                    checked_sql=query(""), limit=TOP)


def who(name, address):
    """Everything about an address: its values of each kind, with their numbers."""
    def counts(facet, value, source):
        return (f"SELECT '{facet}' AS facet, {value} AS value, count(*) AS n FROM {source} WHERE {value} IS NOT NULL GROUP BY {value}")
    lines = (("requester", "requester"), ("key", "key"), ("operations", "operation"), ("errors", "error_code"), ("buckets", "bucket"))
    calls = (("arn", "arn"), ("access_key", "access_key_id"), ("operations", "event_name"), ("errors", "error_code"), ("regions", "aws_region"))
    both = "(SELECT user_agent FROM lines UNION ALL SELECT user_agent FROM calls) AS agents"
    found = (f"WITH lines AS (SELECT requester, key, operation, error_code, bucket, user_agent FROM s3 WHERE remote_ip = '{address}'), "
             "calls AS (SELECT arn, access_key_id, event_name, error_code, aws_region, user_agent "
             f"FROM trail WHERE source_ip_address = '{address}') ")
    parts = [*(counts(facet, value, "lines") for facet, value in lines), *(counts(facet, value, "calls") for facet, value in calls),
             counts("user_agents", "user_agent", both)]
    compared = [part for part in parts if any(f"'{facet}'" in part for facet in answers.FACETS)]
    return Question(f"who, {name}", ["who", address], [found + " UNION ALL ".join(parts)],
                    ["who", address, "--format", "json", "-n", "0"], answers.facets, [found + " UNION ALL ".join(compared)],
                    grep=(address, "s3", "cloudtrail"))


def ctsummarize(address, folder):
    """What a caller did. The queries leave out the fifth file, the records' own text."""
    found = f"FROM trail WHERE source_ip_address = '{address}'"
    listed = f"SELECT event_time, user_name, access_key_id, event_name, user_agent, error_message {found} ORDER BY event_time"
    compared = listed.replace("event_time,", "strftime(event_time, '%Y-%m-%dT%H:%M:%SZ') AS time,", 1)
    agents = f"SELECT user_agent, count(*) AS n {found} GROUP BY user_agent ORDER BY n DESC"
    keys = f"SELECT access_key_id, count(*) AS n {found} GROUP BY access_key_id ORDER BY n DESC"
    return Question("ctsummarize, the commonest address", ["ctsummarize", address, "-o", folder, "--force"], [listed, agents, keys],
                    read=lambda _: answers.events(folder), checked_sql=[compared, agents])


def questions(rare, common, caller, folder):
    """All questions. `rare` and `common` are addresses of S3 records, `caller` the commonest one of CloudTrail."""
    find = ["find", "--log", "s3", "--ip", rare]
    return [
        summary("toptalkers", "remote_ip", "sum(bytes_sent)", "bytes_sent IS NOT NULL"),
        summary("topdownloaders", "remote_ip", "sum(bytes_sent)", "request_uri LIKE 'GET%' AND bytes_sent IS NOT NULL"),
        summary("topuploaders", "remote_ip", "sum(bytes_sent)", "request_uri LIKE 'POST%' AND bytes_sent IS NOT NULL"),
        summary("topfiles", "key", "count(*)", "key IS NOT NULL"),
        summary("useragent", "user_agent", "count(*)", "user_agent IS NOT NULL"),
        top("remote_ip"),
        top("http_status"),
        top("http_status", sums=""),
        top("referer"),
        dataclasses.replace(top("user_agent", f"remote_ip = '{common}'", ("--ip", common)), name="top user_agent --ip, the commonest address"),
        who("a rare address", rare),
        who("the commonest address", common),
        Question("find --ip, a rare address", find, [f"SELECT {LINE} FROM s3 WHERE remote_ip = '{rare}'"],
                 [*find, "--columns", "request_id", "--format", "csv"], answers.column, [f"SELECT request_id FROM s3 WHERE remote_ip = '{rare}'"],
                 grep=(rare, "s3")),
        Question("find, all records", ["find", "--log", "s3"], [f"SELECT {LINE} FROM s3"],
                 ["find", "--log", "s3", "--columns", "request_id", "--format", "csv"], answers.column, ["SELECT request_id FROM s3"]),
        ctsummarize(caller, folder),
    ]
