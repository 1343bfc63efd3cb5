#!/usr/bin/env python3
"""Writes S3 access logs.

--values says how many different addresses, keys and user agents there are: a few; many, of which some occur far more often than
others, as in real logs; or ever new ones. Request ids and host ids are always new.
"""
import zlib

from generating import DAY, START, address, base64_text, drawn, hexadecimal, options, seeded, utc, zipf

# The number of addresses, of keys and of user agents.
VALUES = {"few": (40, 300, 25), "zipf": (100_000, 1_000_000, 10_000), "unique": (None, None, None)}
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CIPHERS = ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256")


def object_key(rng):
    number = rng.getrandbits(32)
    return f"images/{2018 + number % 4}/{number // 4 % 12 + 1:02d}/img_{number // 48}.{('jpg', 'png', 'webp')[number % 3]}"


def user_agent(rng):
    kind, number = rng.random(), rng.getrandbits(32)
    if kind < 0.7:
        return (f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                f"Chrome/{60 + number % 40}.0.{1000 + number // 40 % 9000}.{number // 360_000} Safari/537.36")
    if kind < 0.9:
        return (f"aws-cli/2.{number % 9}.{number // 9 % 30} Python/3.8.8 Linux/4.14.{number // 270 % 300}-182.{number // 81_000}.amzn2.x86_64 "
                f"exe/x86_64.amzn.2 prompt/off command/s3.{('cp', 'sync', 'ls')[number % 3]}")
    return f"Boto3/1.18.{number % 90} Python/3.7.{number // 90 % 20} Linux/4.14.{number // 1800} Botocore/1.21.{number % 90} Resource"


def request(draw, key, total):
    """Operation, key, request, status, error, sizes and times of one record."""
    size = zlib.crc32(key.encode()) % 5_000_000 + 200
    if draw < 0.04:
        return f'REST.GET.OBJECT {key} "GET /{key} HTTP/1.1" 404 NoSuchKey 310 - {total} -'
    if draw < 0.86:
        return f'REST.GET.OBJECT {key} "GET /{key} HTTP/1.1" 200 - {size if draw < 0.78 else size // 3} {size} {total} {max(1, total - 3)}'
    if draw < 0.92:
        return f'REST.PUT.OBJECT {key} "PUT /{key} HTTP/1.1" 200 - - {size} {total} {max(1, total - 3)}'
    if draw < 0.93:
        return f'REST.POST.UPLOADS {key} "POST /{key}?uploads HTTP/1.1" 200 - {300 + size % 90} - {total} {total}'
    if draw < 0.98:
        return f'REST.HEAD.OBJECT {key} "HEAD /{key} HTTP/1.1" 200 - - {size} {total} {max(1, total - 1)}'
    return f'REST.GET.BUCKET - "GET /?list-type=2&prefix=images%2F&encoding-type=url HTTP/1.1" 200 - {4000 + size % 8000} - {total} {total}'


def lines(rng, values, size, days):
    """Lines forever, of which the first `size` bytes are of so many days."""
    addresses, keys, agents = (drawn(rng, make, count) for make, count in zip((address, object_key, user_agent), VALUES[values], strict=True))
    buckets = zipf(rng, [f"falsimentis-{name}" for name in ("w3", "eng", "ai", "cats")])
    requesters = zipf(rng, ["-"] * 3 + [f"arn:aws:iam::111122223333:user/user{n}" for n in range(300)])
    owner, uniform, bits = hexadecimal(rng, 64), rng.random, rng.getrandbits
    written = 0
    while True:
        second = START + int(written / size * days * DAY) - int(uniform() * 90)
        bucket, requester, agent, number = next(buckets), next(requesters), next(agents), bits(80)
        request_id = "".join([ALPHABET[number >> shift & 31] for shift in range(0, 80, 5)])
        referer = "-" if uniform() < 0.7 else f"https://www.falsimentis.example/{('gallery', 'news', 'team')[number % 3]}/{number % 400}"
        cipher = CIPHERS[uniform() < 0.3]
        signed = f"- {cipher} -" if requester == "-" else f"SigV4 {cipher} AuthHeader"
        line = (f"{owner} {bucket} [{utc('%d/%b/%Y:%H:%M:%S', max(START, second))} +0000] {next(addresses)} {requester} {request_id} "
                f'{request(uniform(), next(keys), int(rng.expovariate(0.02)) + 1)} "{referer}" "{agent}" - {base64_text(rng, 56)} '
                f"{signed} {bucket}.s3.us-west-1.amazonaws.com TLSv1.2 - -\n")
        written += len(line)
        yield second, line


def main():
    parser = options(__doc__, files=64)
    parser.add_argument("--values", choices=VALUES, default="zipf")
    given = parser.parse_args()
    rng = seeded(given.seed)
    given.folder.mkdir(parents=True, exist_ok=True)
    source = lines(rng, given.values, given.bytes, given.days)
    for _ in range(given.files):
        second, line = next(source)
        content = [line]
        left = given.bytes // given.files - len(line)
        while left > 0:
            _, line = next(source)
            content.append(line)
            left -= len(line)
        name = f"{utc('%Y-%m-%d-%H-%M-%S', second + 90)}-{rng.getrandbits(64):016X}"
        (given.folder / name).write_text("".join(content))


if __name__ == "__main__":
    main()
