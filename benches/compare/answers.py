"""Rows out of what the tools print, and whether two tools say the same."""
import csv
import io
import json
import sys

csv.field_size_limit(sys.maxsize)


def rows(printed):
    """The rows of CSV without a header, in an order of their own; what is null is empty."""
    return sorted(tuple(row) for row in csv.reader(io.StringIO(printed.decode())) if row)


def counted(printed):
    """The first two columns of CSV with a header: a value and its number."""
    return sorted(tuple(row[:2]) for row in list(csv.reader(io.StringIO(printed.decode())))[1:])


def column(printed):
    """CSV with a header and one column."""
    return sorted(tuple(row) for row in list(csv.reader(io.StringIO(printed.decode())))[1:])


# The facets of `sawq who` that the queries ask for, too.
FACETS = ("user_agents", "operations", "errors", "buckets", "regions")


def facets(printed):
    """The values of each facet with their numbers of records."""
    found = json.loads(printed)["facets"]
    return sorted((facet, value["value"], str(value["records"])) for facet in FACETS for value in found[facet])


def events(folder):
    """The events that ctsummarize lists, and their numbers by user agent and by access key."""
    with (folder / "eventsummary.csv").open(newline="") as file:
        listed = [tuple(row) for row in list(csv.reader(file))[1:]]
    agents = [line.strip().partition(" ") for line in (folder / "useragent.txt").read_text().splitlines()]
    return sorted(listed + [(agent, number) for number, _, agent in agents])


def same(ours, theirs, limit=None):
    """Whether answers are equal. Of the first so many groups the last ones may be others of the same size."""
    if limit is None or len(ours) < limit:
        return ours == theirs
    sizes = sorted(int(size) for _, size in ours)
    same_sizes = sizes == sorted(int(size) for _, size in theirs)
    ours, theirs = ([row for row in answer if int(row[1]) > sizes[0]] for answer in (ours, theirs))
    return same_sizes and ours == theirs
