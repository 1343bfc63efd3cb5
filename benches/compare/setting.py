"""What a comparison runs with: options, folders, and the programs that it compares."""
import dataclasses
import importlib.metadata
import pathlib
import shutil
import subprocess
import sys

import duckdb_cli

HERE = pathlib.Path(__file__).resolve().parent
PEERS = ("duckdb", "duckdb-cli", "polars", "chdb", "pyarrow")


@dataclasses.dataclass
class Setting:
    """The options of a run."""

    work: pathlib.Path
    scale: float
    rounds: int
    threads: int
    # Whether there are other binaries of ours to compare with.
    before: bool = False

    @property
    def ours(self):
        """The folders of our binaries, by what the tables call them."""
        return {"": self.work / "bin"} | ({", before": self.work / "bin" / "before"} if self.before else {})

    # The program itself. The command of this name that pip installs is a Python program that starts it.
    duckdb = pathlib.Path(duckdb_cli.__file__).parent / "duckdb"

    def install(self, *sources):
        """Takes the binaries as they are when they have been installed: copies. The linker's own files lie in the page cache in
        small pieces, out of which a process takes some 4 ms longer to start."""
        for binaries, folder in zip(sources, self.ours.values(), strict=True):
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("sawlog", "sawq"):
                shutil.copy(binaries / name, folder / name)

    def convert(self, store, *inputs, threads=None, which=""):
        """The command that converts logs with sawlog."""
        limits = ["--threads", str(threads or self.threads), "--memory", "512MiB"]
        return [self.ours[which] / "sawlog", "convert", "--quiet", *limits, "--store", store, *inputs]

    def ask(self, store, arguments, which=""):
        """The command that asks a store with sawq."""
        return [self.ours[which] / "sawq", *arguments, "--store", store, "--quiet"]

    def peer(self, name, log, folder, out):
        """The command that converts a log with a peer."""
        return [sys.executable, HERE / f"peer_{name}.py", log, folder, out, str(self.threads)]

    def versions(self):
        ours = subprocess.run([self.ours[""] / "sawlog", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        return ", ".join([ours, *(f"{name} {importlib.metadata.version(name)}" for name in PEERS)])
