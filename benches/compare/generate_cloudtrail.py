#!/usr/bin/env python3
"""Writes CloudTrail log files: `{"Records":[…]}`, minified, in gzip files, in folders by region and day, as AWS delivers them.

--regions spreads them over so many regions. Without --even files hold from 5 to 500 records; with it all files have the same
size, and each region has as many files a day.
"""
import gzip
import json

from cloudtrail_calls import ACCOUNT, Calls
from generating import DAY, START, address, drawn, hexadecimal, options, seeded, utc, zipf

REGIONS = ("us-west-1", "us-east-1", "us-west-2", "eu-central-1", "eu-west-1", "ap-northeast-1", "sa-east-1", "ap-south-1")
STAMP = "%Y-%m-%dT%H:%M:%SZ"


def user_agent(rng):
    number = rng.getrandbits(32)
    if number % 3 == 0:
        return f"aws-sdk-go/1.{30 + number // 3 % 14}.{number // 42 % 90} (go1.15; linux; amd64) exec-env/AWS_ECS_FARGATE"
    if number % 3 == 1:
        return f"Boto3/1.18.{number // 3 % 90} Python/3.9.{number // 270 % 9} Linux/4.14.238-182.422.amzn2.x86_64 Botocore/1.21.{number // 3 % 90}"
    return (f"aws-cli/2.{number // 3 % 9}.{number // 27 % 30} Python/3.8.8 Linux/4.14.{number // 810 % 300}-182.422.amzn2.x86_64 "
            f"exe/x86_64.amzn.2 prompt/off command/ec2.describe-instances")


class Callers:
    """Users, roles and services, few of which make most calls."""

    def __init__(self, rng, calls):
        self.rng, self.uniform, self.calls = rng, rng.random, calls
        self.users = zipf(rng, [(f"user{n}", calls.id("AIDA", 17), calls.id("AKIA", 16)) for n in range(200)])
        self.roles = zipf(rng, [(f"role-{n}", calls.id("AROA", 17)) for n in range(160)])
        self.sessions = zipf(rng, [(f"session-{n}", calls.id("ASIA", 16)) for n in range(5000)])
        self.services = zipf(rng, [f"{name}.amazonaws.com" for name in ("config", "autoscaling", "lambda", "cloudformation")])
        self.addresses = drawn(rng, address, 3000)
        self.gateway = address(rng)
        self.agents = drawn(rng, user_agent, 500)

    def draw(self, second):
        """Who calls, from where and with what."""
        kind = self.uniform()
        if kind < 0.12:
            service = next(self.services)
            return {"type": "AWSService", "invokedBy": service}, service, service
        place = self.gateway if self.uniform() < 0.3 else next(self.addresses)
        if kind < 0.35:
            name, principal, key = next(self.users)
            identity = {"type": "IAMUser", "principalId": principal, "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}", "accountId": ACCOUNT,
                        "accessKeyId": key, "userName": name}
            if kind < 0.18:
                identity["sessionContext"] = {"attributes": self.attributes(second, kind < 0.15)}
            return identity, place, next(self.agents)
        (role, principal), (session, key) = next(self.roles), next(self.sessions)
        identity = {"type": "AssumedRole", "principalId": f"{principal}:{session}",
                    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}", "accountId": ACCOUNT, "accessKeyId": key,
                    "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": principal,
                                                         "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "accountId": ACCOUNT, "userName": role},
                                       "webIdFederationData": {}, "attributes": self.attributes(second, False)}}
        return identity, place, next(self.agents)

    def attributes(self, second, with_mfa):
        return {"creationDate": utc(STAMP, second // 3600 * 3600), "mfaAuthenticated": "true" if with_mfa else "false"}


def record(calls, callers, region, second):
    service, name, reads, parameters, response, more = calls.draw()
    identity, place, agent = callers.draw(second)
    found = {"eventVersion": "1.08", "userIdentity": identity, "eventTime": utc(STAMP, second), "eventSource": f"{service}.amazonaws.com",
             "eventName": name, "awsRegion": region, "sourceIPAddress": place, "userAgent": f"[{agent}]" if service == "s3" else agent}
    if calls.rng.random() < 0.06:
        found |= {"errorCode": "AccessDenied",
                  "errorMessage": f"User: {identity.get('arn', identity['type'])} is not authorized to perform: {service}:{name}"}
        response = None
    found |= {"requestParameters": parameters, "responseElements": response}
    if "additionalEventData" in more:
        found["additionalEventData"] = more.pop("additionalEventData")
    found |= {"requestID": calls.uuid(), "eventID": calls.uuid(), "readOnly": reads} | more
    found |= {"eventType": "AwsApiCall", "managementEvent": service != "s3", "recipientAccountId": ACCOUNT,
              "eventCategory": "Data" if service == "s3" else "Management"}
    if identity["type"] != "AWSService":
        found["tlsDetails"] = {"tlsVersion": "TLSv1.2", "cipherSuite": "ECDHE-RSA-AES128-GCM-SHA256",
                               "clientProvidedHostHeader": f"{service}.{region}.amazonaws.com"}
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


def main():
    parser = options(__doc__, files=5755)
    parser.add_argument("--regions", type=int, choices=range(1, 9), default=6, help="number of regions [%(default)s]")
    parser.add_argument("--even", action="store_true", help="files of one size, as many for each region and day")
    given = parser.parse_args()
    rng = seeded(given.seed)
    calls = Calls(rng)
    callers = Callers(rng, calls)
    regions = zipf(rng, REGIONS[:given.regions])
    for number in range(given.files):
        region = REGIONS[number % given.regions] if given.even else next(regions)
        place = number // given.regions * given.regions if given.even else number
        begun = START + place * given.days * DAY // given.files
        left, content = given.bytes // given.files, []
        if not given.even:
            left = min(750_000, max(7000, rng.expovariate(1 / left)))
        while left > 0:
            content.append(record(calls, callers, region, begun + rng.randrange(300)))
            left -= len(content[-1])
        folder = given.folder / "AWSLogs" / ACCOUNT / "CloudTrail" / region / utc("%Y/%m/%d", begun)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{ACCOUNT}_CloudTrail_{region}_{utc('%Y%m%dT%H%MZ', begun)}_{number:06d}{hexadecimal(rng, 10)}.json.gz"
        (folder / name).write_bytes(gzip.compress(f'{{"Records":[{",".join(content)}]}}'.encode(), 6, mtime=0))


if __name__ == "__main__":
    main()
