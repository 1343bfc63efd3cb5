"""What the generators of logs share: their options, made-up values, and how often each value occurs."""
import argparse
import base64
import itertools
import pathlib
import random
import time

START = 1627516800  # 2021-07-29
DAY = 86_400


def options(description, files):
    """The command line of a generator. The same options give the same bytes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="where to write; made if it is not there")
    parser.add_argument("--bytes", type=int, default=10_000_000, help="size of all logs before compression [%(default)s]")
    parser.add_argument("--files", type=int, default=files, help="number of files [%(default)s]")
    parser.add_argument("--days", type=int, default=30, help="number of days that the records are of [%(default)s]")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def zipf(rng, values):
    """Draws forever: the first value most often, the k-th one k-th as often."""
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(values) + 1)))
    while True:
        yield from rng.choices(values, cum_weights=weights, k=4096)


def drawn(rng, make, count):
    """Draws forever from `count` made-up values by Zipf's law; if that is None, each value is a new one."""
    if count is None:
        return iter(lambda: make(rng), None)
    return zipf(rng, [make(rng) for _ in range(count)])


def address(rng):
    a, b, c, d = rng.getrandbits(32).to_bytes(4, "big")
    if a < 4:
        return f"2001:db8:{b:x}::{c << 8 | d | 1:x}"
    return f"{a % 223 + 1}.{b}.{c}.{d}"


def hexadecimal(rng, digits):
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def base64_text(rng, size):
    return base64.b64encode(rng.getrandbits(8 * size).to_bytes(size, "big")).decode()


def utc(form, second):
    return time.strftime(form, time.gmtime(second))


def seeded(seed):
    return random.Random(seed)
