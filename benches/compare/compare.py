"""Compares whole jobs of sawlog and sawq with other tools, in turns, and writes tables.

Each job is a whole process; CPU seconds are user and system time, memory is the peak resident size. Of several rounds the least
time is shown, since what else the machine does can only add, and the most memory. Before anything is measured, results and
answers of all tools are compared; where they differ it ends.
"""
import argparse
import os
import pathlib
import shlex
import sys

import asking
import conversions
import growth
import inputs
import results
from setting import HERE, Setting

JOBS = [*conversions.JOBS, "regions", "questions", "questions-few", "questions-unique"]
ROOT = HERE.parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def chosen(text):
    jobs = text.split(",")
    for unknown in set(jobs) - set(JOBS):
        raise argparse.ArgumentTypeError(f"no job is called {unknown}; there are {', '.join(JOBS)}")
    return jobs


def arguments():
    parser = argparse.ArgumentParser(prog="benches/compare/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=chosen, default=JOBS, metavar="JOB,…", help=f"which: {', '.join(JOBS)} [all]")
    parser.add_argument("--scale", type=float, default=0.1, help="1 for 1 GB of S3 logs and of CloudTrail, 50,000 small files, … [%(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each tool does each job; questions three times as often [%(default)s]")
    parser.add_argument("--threads", type=int, default=2, help="for every tool [%(default)s]")
    parser.add_argument("--curve", metavar="SCALE,…", help="instead of jobs: how costs grow over these scales, with one thread and two")
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE", help="where to write tables (.md), figures (.json) and the curve (.svg)")
    parser.add_argument("--bin", type=pathlib.Path, default=TARGET / "release", metavar="DIR", help="where sawlog and sawq are [target/release]")
    parser.add_argument("--before", type=pathlib.Path, metavar="DIR", help="other binaries of ours to compare with, such as the last release's")
    parser.add_argument("--work", type=pathlib.Path, default=TARGET / "bench", metavar="DIR", help="for logs, results and copies [target/bench]")
    return parser.parse_args()


def compared(job, setting):
    """The table of one job and its figures."""
    if job.startswith("questions"):
        answered = asking.compare(job.replace("questions", "s3"), setting)
        return results.questions(job, answered), results.plain(answered)
    found = conversions.regions(setting) if job == "regions" else conversions.compare(job, setting)
    folder = inputs.made(job, setting)
    note = f"{inputs.WHAT[job]}: {inputs.size_of(folder) / 1e6:.0f} MB in {len(inputs.files_of(folder)):,} files."
    return results.conversions(job, found, note), results.plain(found)


def main():
    given = arguments()
    setting = Setting(given.work.resolve(), given.scale, given.rounds, given.threads, given.before is not None)
    setting.install(*filter(None, [given.bin, given.before]))
    command = shlex.join(["benches/compare/run", *sys.argv[1:]])
    head = f"`{command}`: {setting.versions()}"
    print(head)
    tables, figures = [], {}
    if given.curve:
        points = growth.measure([float(scale) for scale in given.curve.split(",")], setting)
        tables.append(results.curve(points))
        figures["growth"] = results.plain(points)
        print(tables[-1])
        if given.out:
            given.out.parent.mkdir(parents=True, exist_ok=True)
            growth.draw(points, given.out.with_suffix(".svg"))
    for job in [] if given.curve else given.jobs:
        table, figures[job] = compared(job, setting)
        tables.append(table)
        print(table, flush=True)
    if given.out:
        results.write(given.out, head, tables, {"command": command, "versions": setting.versions()} | figures)


if __name__ == "__main__":
    main()
