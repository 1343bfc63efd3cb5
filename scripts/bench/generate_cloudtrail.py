#!/usr/bin/env python3
"""Writes CloudTrail log files: generate_cloudtrail.py FOLDER BYTES FILES [SEED].

BYTES is the size of the JSON before it is compressed. Files hold from 5 to 500 records in `{"Records":[…]}`, minified and
gzipped, in folders of region and day. Few callers make most calls; ids are random; responses are nested as real ones are.
"""
import gzip
import json
import os
import random
import sys
import uuid

ACCOUNT = "342082656213"
REGIONS = ["us-west-1"] * 6 + ["us-east-1"] * 5 + ["us-west-2", "eu-central-1", "eu-west-1", "ap-northeast-1"]


def skewed(rng, values, shape):
    """Draws from `values`, the first ones most often (Pareto)."""
    while True:
        place = int(rng.paretovariate(shape)) - 1
        if place < len(values):
            return values[place]


class Maker:
    def __init__(self, seed):
        self.rng = rng = random.Random(seed)
        self.ips = [f"{rng.randint(1, 223)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}" for _ in range(3000)]
        self.agents = [f"aws-cli/2.{m}.{p} Python/3.8.8 Linux/4.14.{rng.randint(100, 300)}-182.422.amzn2.x86_64 exe/x86_64.amzn.2 "
                       f"prompt/off command/{c}" for m in range(1, 6) for p in range(0, 30, 5)
                       for c in ("s3.ls", "ec2.describe-instances", "iam.list-users", "sts.get-caller-identity")]
        self.agents += [f"Boto3/1.18.{p} Python/3.9.5 Linux/4.14.238-182.422.amzn2.x86_64 Botocore/1.21.{p}" for p in range(40)]
        self.agents += [f"aws-sdk-go/1.{m}.{p} (go1.15; linux; amd64) exec-env/AWS_ECS_FARGATE" for m in range(30, 44) for p in range(4)]
        rng.shuffle(self.agents)
        self.users = [f"user{n}" for n in range(200)]
        self.roles = [f"role-{name}-{n}" for name in ("build", "deploy", "lambda", "ecs") for n in range(40)]
        self.keys = {name: self.id("AKIA", 16) for name in self.users + self.roles}
        self.principals = {name: self.id("AIDA", 17) for name in self.users + self.roles}
        self.buckets = [f"falsimentis-{n}" for n in range(60)]
        self.groups = [f"sg-{self.hex(17)}" for _ in range(500)]
        self.instances = [f"i-{self.hex(17)}" for _ in range(2000)]
        self.second = 1627516800

    def hex(self, length):
        return f"{self.rng.getrandbits(4 * length):0{length}x}"

    def id(self, prefix, length):
        return prefix + "".join(self.rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=length))

    def uuid(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128)))

    def identity(self):
        rng, draw = self.rng, self.rng.random()
        if draw < 0.2:
            return {"type": "AWSService", "invokedBy": rng.choice(["config.amazonaws.com", "autoscaling.amazonaws.com", "lambda.amazonaws.com"])}
        if draw < 0.45:
            name = skewed(rng, self.users, 0.8)
            return {"type": "IAMUser", "principalId": self.principals[name], "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
                    "accountId": ACCOUNT, "accessKeyId": self.keys[name], "userName": name}
        name, session = skewed(rng, self.roles, 0.8), skewed(rng, self.instances, 0.6)
        return {"type": "AssumedRole", "principalId": f"{self.principals[name]}:{session}",
                "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}", "accountId": ACCOUNT,
                "accessKeyId": self.id("ASIA", 16) if draw < 0.55 else self.keys[name],
                "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": self.principals[name],
                                                     "arn": f"arn:aws:iam::{ACCOUNT}:role/{name}", "accountId": ACCOUNT, "userName": name},
                                   "webIdFederationData": {},
                                   "attributes": {"mfaAuthenticated": "false", "creationDate": self.time(-rng.randint(0, 3600))}}}

    def time(self, shift=0):
        import time
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.second + shift))

    def call(self):
        """Service, action, whether it only reads, parameters, response and what else there is."""
        rng, draw = self.rng, self.rng.random()
        if draw < 0.25:
            role = f"arn:aws:iam::{ACCOUNT}:role/{skewed(rng, self.roles, 0.8)}"
            return ("sts", "AssumeRole", True, {"roleArn": role, "roleSessionName": skewed(rng, self.instances, 0.6), "durationSeconds": 3600},
                    {"credentials": {"accessKeyId": self.id("ASIA", 16), "expiration": "Jul 29, 2021 3:06:49 PM", "sessionToken": self.hex(300)},
                     "assumedRoleUser": {"assumedRoleId": f"{self.id('AROA', 17)}:x", "arn": role.replace(":iam:", ":sts:")}},
                    {"resources": [{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": role}], "sharedEventID": self.uuid()})
        if draw < 0.5:
            bucket = skewed(rng, self.buckets, 0.8)
            key = f"data/{rng.randint(2019, 2021)}/{rng.randint(1, 12):02d}/part-{self.hex(8)}.parquet"
            return ("s3", rng.choice(["GetObject", "PutObject", "HeadObject", "ListObjects"]), True,
                    {"bucketName": bucket, "Host": f"{bucket}.s3.us-west-1.amazonaws.com", "key": key}, None,
                    {"additionalEventData": {"SignatureVersion": "SigV4", "CipherSuite": "ECDHE-RSA-AES128-GCM-SHA256", "bytesTransferredIn": 0,
                                             "AuthenticationMethod": "AuthHeader", "x-amz-id-2": self.hex(76), "bytesTransferredOut": rng.randint(0, 99_999)},
                     "resources": [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"},
                                   {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}]})
        if draw < 0.7:
            items = [{"instanceId": i} for i in rng.sample(self.instances, rng.randint(1, 12))]
            return ("ec2", rng.choice(["DescribeInstances", "DescribeTags", "DescribeVolumes"]), True,
                    {"instancesSet": {"items": items}, "filterSet": {"items": [{"name": "tag:Name", "valueSet": {"items": [{"value": "eng-*"}]}}]}}, None, {})
        if draw < 0.8:
            items = [{"ipProtocol": "tcp", "fromPort": port, "toPort": port, "groups": {}, "ipRanges": {"items": [
                {"cidrIp": skewed(rng, self.ips, 0.6) + "/32", "description": "rule \"x\""}]}, "ipv6Ranges": {}, "prefixListIds": {}}
                for port in rng.sample([22, 80, 443, 3306, 5432, 8080], 2)]
            return ("ec2", "AuthorizeSecurityGroupIngress", False, {"groupId": rng.choice(self.groups), "ipPermissions": {"items": items}},
                    {"requestId": self.uuid(), "_return": True, "securityGroupRuleSet": {"items": [
                        {"groupOwnerId": ACCOUNT, "groupId": rng.choice(self.groups), "securityGroupRuleId": f"sgr-{self.hex(17)}",
                         "isEgress": False, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "10.0.0.0/8"} for _ in range(4)]}}, {})
        if draw < 0.9:
            return ("logs", "CreateLogStream", False, {"logGroupName": f"/aws/lambda/fn-{rng.randint(1, 90)}",
                    "logStreamName": f"2021/07/29/[$LATEST]{self.hex(32)}"}, None, {"apiVersion": "20140328"})
        return ("iam", rng.choice(["ListUsers", "GetUser", "ListRoles", "GetRolePolicy"]), True, {"userName": rng.choice(self.users)}, None, {})

    def record(self, region):
        rng = self.rng
        if rng.random() < 0.3:
            self.second += 1
        source, name, reads, request, response, more = self.call()
        identity = self.identity()
        address = identity.get("invokedBy") or skewed(rng, self.ips, 0.6)
        agent = identity.get("invokedBy") or skewed(rng, self.agents, 0.7)
        record = {"eventVersion": "1.08", "userIdentity": identity, "eventTime": self.time(-rng.randint(0, 300)),
                  "eventSource": f"{source}.amazonaws.com", "eventName": name, "awsRegion": region, "sourceIPAddress": address,
                  "userAgent": f"[{agent}]" if source == "s3" else agent}
        if rng.random() < 0.06:
            record |= {"errorCode": "AccessDenied", "errorMessage": f"User: {identity.get('arn', 'x')} is not authorized to perform: {source}:{name}"}
            response = None
        record |= {"requestParameters": request, "responseElements": response, "requestID": self.uuid(), "eventID": self.uuid(),
                   "readOnly": reads, "eventType": "AwsApiCall", "managementEvent": source != "s3",
                   "eventCategory": "Data" if source == "s3" else "Management", "recipientAccountId": ACCOUNT} | more
        if rng.random() < 0.4:
            record["tlsDetails"] = {"tlsVersion": "TLSv1.2", "cipherSuite": "ECDHE-RSA-AES128-GCM-SHA256",
                                    "clientProvidedHostHeader": f"{source}.{region}.amazonaws.com"}
        return record


def main():
    folder, size, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    maker = Maker(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    written, mean = 0, size / files
    number = 0
    while written < size:
        region = maker.rng.choice(REGIONS)
        count = min(500, max(5, int(maker.rng.expovariate(1 / (mean / 1500)))))
        text = json.dumps({"Records": [maker.record(region) for _ in range(count)]}, separators=(",", ":")).encode()
        path = os.path.join(folder, region, maker.time()[:10].replace("-", "/"))
        os.makedirs(path, exist_ok=True)
        stamp = maker.time().replace("-", "").replace(":", "")[:13]
        with open(os.path.join(path, f"{ACCOUNT}_CloudTrail_{region}_{stamp}Z_{number:06d}{maker.hex(10)}.json.gz"), "wb") as out:
            out.write(gzip.compress(text, 6, mtime=0))
        written += len(text)
        number += 1


main()
