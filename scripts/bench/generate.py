#!/usr/bin/env python3
"""Writes skewed S3 access logs: generate.py FOLDER BYTES FILES [SEED].

Popular keys, addresses and agents are far more frequent than others, as in real logs; request and host ids are random.
The lines are made by us; the same arguments give the same bytes.
"""
import base64
import os
import random
import sys


def skewed(rng, values, shape=1.2):
    """Draws from `values`, the first ones most often (Pareto)."""
    n = len(values)
    while True:
        i = int(rng.paretovariate(shape)) - 1
        if i < n:
            return values[i]


def lines(rng):
    buckets = [f"falsimentis-{name}" for name in ("w3", "eng", "ai", "cats")]
    owner = "".join(rng.choices("0123456789abcdef", k=64))
    ips = [f"{rng.randint(1, 223)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}" for _ in range(20000)]
    ips += [f"2001:db8:{rng.randint(0, 65535):x}::{rng.randint(1, 65535):x}" for _ in range(500)]
    keys = [f"images/{rng.choice(('2020', '2021'))}/{rng.randint(1, 12):02d}/img_{rng.randint(10000, 99999)}.{rng.choice(('jpg', 'png', 'webp'))}" for _ in range(40000)]
    sizes = {key: rng.randint(200, 5_000_000) for key in keys}
    agents = [f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.{rng.randint(1000, 9999)}.{rng.randint(1, 200)} Safari/537.36" for major in range(60, 100) for _ in range(12)]
    agents += [f"aws-cli/2.{m}.{p} Python/3.8.8 Linux/4.14.{rng.randint(100, 300)}-182.422.amzn2.x86_64 exe/x86_64.amzn.2 prompt/off command/s3.{c}" for m in range(1, 6) for p in range(0, 30, 3) for c in ("cp", "sync", "ls")]
    agents += [f"Boto3/1.18.{p} Python/3.7.10 Linux/4.14.238 Botocore/1.21.{p} Resource" for p in range(40)]
    rng.shuffle(agents)
    requesters = ["-"] * 3 + [f"arn:aws:iam::342082656213:user/user{i}" for i in range(300)]
    ciphers = ["ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"]
    second = 1627516800
    import time

    uniform, choice, bits = rng.random, rng.choice, rng.getrandbits
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    while True:
        if uniform() < 0.03:
            second += 1
        t = time.strftime("%d/%b/%Y:%H:%M:%S", time.gmtime(second - (int(uniform() * 90) if uniform() < 0.2 else 0)))
        key = skewed(rng, keys, 0.6)
        ip = skewed(rng, ips, 0.6)
        agent = skewed(rng, agents, 0.7)
        requester = skewed(rng, requesters, 1.0)
        bucket = skewed(rng, buckets, 1.5)
        b = bits(80)
        rid = "".join([alphabet[(b >> s) & 31] for s in range(0, 80, 5)])
        hid = base64.b64encode(bits(8 * 56).to_bytes(56, "big")).decode()
        op = uniform()
        total = int(rng.expovariate(0.02)) + 1
        size = sizes[key]
        if op < 0.86:
            ok = uniform() < 0.95
            sent = size if uniform() < 0.9 else size // 3
            mid = f'REST.GET.OBJECT {key} "GET /{key} HTTP/1.1" ' + (f"200 - {sent} {size} {total} {max(1, total - 3)}" if ok else f"404 NoSuchKey 310 - {total} -")
        elif op < 0.93:
            mid = f'REST.PUT.OBJECT {key} "PUT /{key} HTTP/1.1" 200 - - {size} {total} {max(1, total - 3)}'
        elif op < 0.98:
            mid = f'REST.HEAD.OBJECT {key} "HEAD /{key} HTTP/1.1" 200 - - {size} {total} {max(1, total - 1)}'
        else:
            mid = f'REST.GET.BUCKET - "GET /?list-type=2&prefix=images%2F&delimiter=%2F&encoding-type=url HTTP/1.1" 200 - {4000 + int(uniform() * 8000)} - {total} {total}'
        referer = "-" if uniform() < 0.7 else f"https://www.falsimentis.example/{choice(('gallery', 'news', 'team'))}/{int(uniform() * 400)}"
        sig = "- " + ciphers[uniform() < 0.3] + " -" if requester == "-" else "SigV4 " + ciphers[uniform() < 0.3] + " AuthHeader"
        yield (f'{owner} {bucket} [{t} +0000] {ip} {requester} {rid} {mid} "{referer}" "{agent}" - {hid} {sig} '
               f"{bucket}.s3.us-west-1.amazonaws.com TLSv1.2 - -\n")


def main():
    folder, size, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    os.makedirs(folder, exist_ok=True)
    source = lines(rng)
    for number in range(files):
        left = size // files
        with open(os.path.join(folder, f"2021-07-29-{number:06d}-{rng.getrandbits(64):016X}"), "w") as out:
            while left > 0:
                line = next(source)
                out.write(line)
                left -= len(line)


main()
