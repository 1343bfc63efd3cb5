"""Runs whole processes and says what they cost."""
import dataclasses
import fcntl
import os
import subprocess
import sys
import tempfile

from setting import HERE

PIPE_BYTES = 1 << 20


@dataclasses.dataclass
class Cost:
    """The least time and the most memory of some runs, and how much a run printed."""

    cpu: float
    wall: float
    peak: float
    printed: int

    def and_also(self, other):
        return Cost(min(self.cpu, other.cpu), min(self.wall, other.wall), max(self.peak, other.peak), other.printed)


def run(command, *, keep=False):
    """Runs a command with its output in a pipe; gives its cost, and its output if that is to be kept."""
    kept, printed = [], 0
    said, says = os.pipe()
    with tempfile.TemporaryFile() as errors, os.fdopen(said) as report:
        starter = [sys.executable, "-S", "-E", HERE / "once.py", str(says), *command]
        process = subprocess.Popen(starter, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, pass_fds=[says])
        os.close(says)
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        while piece := os.read(process.stdout.fileno(), PIPE_BYTES):
            printed += len(piece)
            if keep:
                kept.append(piece)
        process.communicate()
        cpu, wall, peak, status = report.read().split() or (0, 0, 0, "1")
        if status != "0":
            errors.seek(0)
            sys.exit(f"failed with {status}: {' '.join(map(str, command))}\n{errors.read().decode(errors='replace')}")
    return Cost(float(cpu), float(wall), int(peak) / 1024, printed), b"".join(kept)


def in_turns(commands, rounds, prepare=lambda _: None):
    """The costs of named commands. Each round runs all of them, so that what else the machine does meets all alike."""
    costs = {}
    for number in range(rounds):
        names = list(commands)
        for name in names[number % len(names):] + names[:number % len(names)]:
            prepare(name)
            cost, _ = run(commands[name])
            costs[name] = costs[name].and_also(cost) if name in costs else cost
    return {name: costs[name] for name in commands}
