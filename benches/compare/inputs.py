"""The logs that are compared on. Each is made once for each scale, and kept."""
import os
import shutil
import subprocess
import sys

from setting import HERE

# The generator, its options, and bytes and files at scale 1.
INPUTS = {
    "s3": ("s3", ["--values=zipf", "--seed=1"], 1_000_000_000, 64),
    "s3-few": ("s3", ["--values=few", "--seed=4"], 1_000_000_000, 64),
    "s3-unique": ("s3", ["--values=unique", "--seed=5"], 1_000_000_000, 64),
    "s3-small": ("s3", ["--values=zipf", "--seed=2"], 112_000_000, 50_000),
    "cloudtrail": ("cloudtrail", ["--seed=3"], 1_000_000_000, 5755),
    "flows": ("flows", ["--days=2", "--seed=1"], 500_000_000, 98),
    "regions": ("cloudtrail", ["--regions=8", "--even", "--seed=6"], 880_000_000, 800),
}
WHAT = {
    "s3": "S3 access logs in 64 files, Zipf over 10⁴ to 10⁶ values",
    "s3-few": "S3 access logs in 64 files, few values",
    "s3-unique": "S3 access logs in 64 files, nearly unique values",
    "s3-small": "S3 access logs in many small files",
    "cloudtrail": "CloudTrail in gzip files of 5 to 500 records",
    "flows": "VPC flow logs in gzip files",
    "regions": "CloudTrail of 8 regions, a gzip file for each region and day",
}


def options(name, scale):
    """The generator and its options at a scale."""
    generator, more, size, files = INPUTS[name]
    files = 64 if files == 64 else max(2, round(files * scale))
    if name == "regions":
        days = max(1, round(100 * scale))
        files, more = 8 * days, [*more, f"--days={days}"]
    return generator, [f"--bytes={round(size * scale)}", f"--files={files}", *more]


def made(name, setting, scale=None):
    """The folder of an input, in the page cache."""
    scale = scale or setting.scale
    folder = setting.work / "inputs" / f"{name}-{scale:g}"
    if not folder.exists():
        generator, more = options(name, scale)
        print(f"generating {folder}", file=sys.stderr, flush=True)
        draft = folder.with_name(f"{folder.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        subprocess.run([sys.executable, HERE / f"generate_{generator}.py", draft, *more], check=True)
        draft.rename(folder)
    for path in files_of(folder):
        path.read_bytes()
    return folder


def by_day(folder):
    """The same files in folders by day instead of by region."""
    other = folder.with_name(f"{folder.name}-by-day")
    if not other.exists():
        for path in files_of(folder):
            *_, year, month, day, name = path.parts
            place = other / year / month / day
            place.mkdir(parents=True, exist_ok=True)
            os.link(path, place / name)
    return other


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def size_of(folder):
    return sum(path.stat().st_size for path in files_of(folder))
