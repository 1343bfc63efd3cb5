#!/usr/bin/env python3
"""Converts, asks and compacts one store for a long time, with several readers and two writers at once.

soak.py [--minutes N]: each round adds logs (every tenth by two writers at the same time) and every twentieth compacts; all the
while two readers count the records. No process may fail, a reader may see nothing but whole runs, and fewer records never
follow more. Latency, CPU time, peaks of memory and numbers of files are shown for each tenth of the time; the last tenth is
compared with the second one: CPU time, memory and the number of data files may not have grown by half, nor latency by the
double, since other processes make it longer. A compaction takes what the days take that it writes anew.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path(__file__).resolve().parents[1] / "target"))
SAWLOG, SAWQ = TARGET / "release/sawlog", TARGET / "release/sawq"
LINES = 50
FAULTS = []


def run(*command):
    """Standard output of a process that must succeed, and its wall and CPU milliseconds and peak memory in MiB."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close(), process.stderr.close()
    if status:
        FAULTS.append(f"{command}: status {status}, {err.decode()[:500]}")
    cpu = (usage.ru_utime + usage.ru_stime) * 1000
    return out.decode(), {"ms": (time.monotonic() - begun) * 1000, "CPU ms": cpu, "MiB": usage.ru_maxrss / 1024}


def named(name, figures):
    return {f"{name} {unit}": figure for unit, figure in figures.items()}


def log(rng):
    ip = lambda: f"192.0.2.{rng.randrange(200)}"
    line = lambda: (f"owner bucket [{rng.randrange(1, 5):02}/Jul/2021:{rng.randrange(24):02}:00:00 +0000] {ip()} - R{rng.getrandbits(40):X} REST.GET.OBJECT "
                    f"key{rng.randrange(500)} \"GET /k HTTP/1.1\" 200 - {rng.randrange(9999)} 1 1 1 \"-\" \"agent {rng.randrange(20)}\" -\n")
    return "".join(line() for _ in range(LINES))


def median(values):
    return sorted(values)[len(values) // 2]


class Readers:
    """Two readers that count records until they are told to stop."""

    def __init__(self, store):
        self.store, self.stop, self.counted, self.figures = store, False, 0, []
        self.threads = [threading.Thread(target=self.read) for _ in range(2)]
        [thread.start() for thread in self.threads]

    def read(self):
        before = 0
        while not self.stop:
            out, figures = run(SAWQ, "find", "-c", "-q", "--store", self.store)
            self.figures.append(figures)
            self.counted += 1
            count = int(out or -1)
            if count < before or count % LINES:
                FAULTS.append(f"a reader saw {count} records after {before}")
            before = count

    def join(self):
        self.stop = True
        [thread.join() for thread in self.threads]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=1)
    given = arguments.parse_args()
    rng, begun, end = random.Random(1), time.monotonic(), time.monotonic() + given.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        store, logs = f"{folder}/store", pathlib.Path(folder, "logs")
        written, rounds, tenths, numbers = 0, 0, [[] for _ in range(10)], threading.Lock()

        def convert():
            nonlocal written
            with numbers:
                name = logs / f"{written:06}"
                written += 1
                name.mkdir(parents=True)
                (name / "log").write_text(log(rng))
            return run(SAWLOG, "convert", name, "-q", "--store", store)[1]

        convert()
        readers = Readers(store)
        while time.monotonic() < end:
            rounds += 1
            sample = {}
            if rounds % 10 == 0:
                two = [threading.Thread(target=convert) for _ in range(2)]
                [thread.start() for thread in two]
                [thread.join() for thread in two]
            sample |= named("convert", convert())
            sample |= named("top", run(SAWQ, "top", "ip", "--store", store)[1])
            sample |= named("who", run(SAWQ, "who", f"192.0.2.{rng.randrange(200)}", "--store", store)[1])
            if rounds % 20 == 0:
                sample |= named("compact", run(SAWLOG, "compact", "-q", "--retain", "20s", "--store", store)[1])
            files = [path for path in pathlib.Path(store).rglob("*") if path.is_file()] if rounds % 20 == 0 else []
            if files:
                sample["data files"] = sum(path.suffix == ".parquet" and path.parent.name != "_delta_log" for path in files)
                sample["log files"] = sum(path.parent.name == "_delta_log" for path in files)
            place = min(9, int((time.monotonic() - begun) / (given.minutes * 6)))
            read, readers.figures = readers.figures, []
            sample |= {f"reader {unit}": median([figures[unit] for figures in read]) for unit in ("ms", "CPU ms", "MiB") if read}
            tenths[place].append(sample)
        readers.join()
        out, *_ = run(SAWQ, "find", "-c", "-q", "--store", store)
        if int(out) != written * LINES:
            FAULTS.append(f"{out.strip()} records of {written * LINES} are there")
        run(SAWLOG, "verify", "--store", store)
        # The figures of a tenth are medians.
        medians = [{key: median([sample[key] for sample in tenth if key in sample]) for key in tenth_keys(tenth)} for tenth in tenths]
        names = sorted({key for tenth in medians for key in tenth})
        print("| tenth | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
        for place, tenth in enumerate(medians):
            print(f"| {place + 1} | " + " | ".join(f"{tenth[name]:.0f}" if name in tenth else "" for name in names) + " |")
        for name in names if given.minutes >= 1 else []:
            if name in medians[1] and name in medians[9] and name != "log files" and not name.startswith("compact"):
                limit = 2 if name.endswith(" ms") and not name.endswith("CPU ms") else 1.5
                if medians[9][name] > medians[1][name] * limit + 5:
                    FAULTS.append(f"{name} grew from {medians[1][name]:.0f} to {medians[9][name]:.0f}")
        print(json.dumps({"minutes": given.minutes, "runs": written, "rounds": rounds, "readings": readers.counted, "records": written * LINES, "faults": len(FAULTS)}))
    for fault in FAULTS[:20]:
        print("fault:", fault)
    sys.exit(1 if FAULTS else 0)


def tenth_keys(tenth):
    return sorted({key for sample in tenth for key in sample})


if __name__ == "__main__":
    main()
