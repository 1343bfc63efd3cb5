#!/usr/bin/env python3
"""Writes VPC flow logs: generate_flows.py FOLDER BYTES FILES [SEED].

BYTES is the size of the text before it is compressed. Lines have the default fields of version 2, after a header line.
"""
import gzip
import os
import random
import sys

HEADER = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n"


def main():
    folder, size, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    os.makedirs(folder, exist_ok=True)
    interfaces = [f"eni-{rng.getrandbits(68):017x}" for _ in range(300)]
    inside = [f"10.{rng.randint(0, 3)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}" for _ in range(600)]
    outside = [f"{rng.randint(1, 223)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}" for _ in range(40_000)]
    second, uniform, integer, choice = 1627516800, rng.random, rng.randint, rng.choice
    for number in range(files):
        left, lines = size // files, [HEADER]
        while left > 0:
            second += uniform() < 0.02
            interface = choice(interfaces)
            if uniform() < 0.02:
                line = f"2 342082656213 {interface} - - - - - - - {second} {second + 60} - NODATA\n"
            else:
                here, there = choice(inside), outside[min(int(rng.paretovariate(0.5)) - 1, 39_999)]
                ports = (integer(32_768, 60_999), choice((443, 443, 443, 80, 22, 53, 5432)))
                if uniform() < 0.5:
                    here, there, ports = there, here, ports[::-1]
                packets = int(rng.expovariate(0.05)) + 1
                line = (f"2 342082656213 {interface} {here} {there} {ports[0]} {ports[1]} {6 if uniform() < 0.9 else 17} {packets} "
                        f"{packets * integer(40, 1500)} {second} {second + integer(1, 60)} {'ACCEPT' if uniform() < 0.9 else 'REJECT'} OK\n")
            lines.append(line)
            left -= len(line)
        name = f"342082656213_vpcflowlogs_us-west-1_fl-0f3c2d1e_20210729T{number // 12 % 24:02d}{number % 12 * 5:02d}Z_{number:06d}.log.gz"
        with open(os.path.join(folder, name), "wb") as out:
            out.write(gzip.compress("".join(lines).encode(), 6, mtime=0))


main()
