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

    @property
    def sawlog(self):
        return self.work / "bin" / "sawlog"

    @property
    def sawq(self):
        return self.work / "bin" / "sawq"

    # The program itself. The command of this name that pip installs is a Python program that starts it.
    duckdb = pathlib.Path(duckdb_cli.__file__).parent / "duckdb"

    def install(self, binaries):
        """Takes the binaries as they are when they have been installed: copies. The linker's own files lie in the page cache in
        small pieces, out of which a process takes some 4 ms longer to start."""
        (self.work / "bin").mkdir(parents=True, exist_ok=True)
        for name in ("sawlog", "sawq"):
            shutil.copy(binaries / name, self.work / "bin" / name)

    def convert(self, store, *inputs, threads=None):
        """The command that converts logs with sawlog."""
        return [self.sawlog, "convert", "--quiet", "--threads", str(threads or self.threads), "--memory", "512MiB", "--store", store, *inputs]

    def peer(self, name, log, folder, out):
        """The command that converts a log with a peer."""
        return [sys.executable, HERE / f"peer_{name}.py", log, folder, out, str(self.threads)]

    def versions(self):
        ours = subprocess.run([self.sawlog, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        return ", ".join([ours, *(f"{name} {importlib.metadata.version(name)}" for name in PEERS)])
