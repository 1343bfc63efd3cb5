#!/usr/bin/env python3
"""Writes VPC flow logs in gzip files: lines of the default fields of version 2, after a header line."""
import gzip

from generating import DAY, START, address, drawn, hexadecimal, options, seeded, utc

HEADER = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n"


def lines(rng, size, days):
    """Lines forever, of which the first `size` bytes are of so many days."""
    interfaces = [f"eni-{hexadecimal(rng, 17)}" for _ in range(300)]
    inside = [f"10.{n % 4}.{n // 4 % 256}.{n % 253 + 1}" for n in rng.sample(range(1 << 20), 600)]
    outside = drawn(rng, address, 40_000)
    uniform, integer, choice = rng.random, rng.randint, rng.choice
    written = 0
    while True:
        second = START + int(written / size * days * DAY)
        interface = choice(interfaces)
        if uniform() < 0.02:
            line = f"2 111122223333 {interface} - - - - - - - {second} {second + 60} - NODATA\n"
        else:
            here, there = choice(inside), next(outside)
            ports = (integer(32_768, 60_999), choice((443, 443, 443, 80, 22, 53, 5432)))
            if uniform() < 0.5:
                here, there, ports = there, here, ports[::-1]
            packets = int(rng.expovariate(0.05)) + 1
            line = (f"2 111122223333 {interface} {here} {there} {ports[0]} {ports[1]} {6 if uniform() < 0.9 else 17} {packets} "
                    f"{packets * integer(40, 1500)} {second} {second + integer(1, 60)} {'ACCEPT' if uniform() < 0.9 else 'REJECT'} OK\n")
        written += len(line)
        yield second, line


def main():
    given = options(__doc__, files=98).parse_args()
    rng = seeded(given.seed)
    given.folder.mkdir(parents=True, exist_ok=True)
    source = lines(rng, given.bytes, given.days)
    for number in range(given.files):
        left, content = given.bytes // given.files, [HEADER]
        while left > 0:
            second, line = next(source)
            content.append(line)
            left -= len(line)
        name = f"111122223333_vpcflowlogs_us-west-1_fl-0f3c2d1e_{utc('%Y%m%dT%H%MZ', second)}_{number:06d}.log.gz"
        (given.folder / name).write_bytes(gzip.compress("".join(content).encode(), 6, mtime=0))


if __name__ == "__main__":
    main()
