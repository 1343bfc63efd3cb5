"""API calls as CloudTrail records them: parameters, responses, and what else a record of such a call has."""
import json
import uuid

from generating import base64_text, hexadecimal, zipf

ACCOUNT = "111122223333"


class Calls:
    """Draws calls; often the same ones about the same resources, as programs make them."""

    def __init__(self, rng):
        self.rng = rng
        self.roles = zipf(rng, [f"arn:aws:iam::{ACCOUNT}:role/role-{n}" for n in range(160)])
        self.buckets = zipf(rng, [f"falsimentis-{n}" for n in range(60)])
        self.groups = zipf(rng, [f"sg-{hexadecimal(rng, 17)}" for _ in range(500)])
        self.instances = zipf(rng, [f"i-{hexadecimal(rng, 17)}" for _ in range(2000)])
        self.functions = zipf(rng, [f"fn-{n}" for n in range(90)])
        self.tables = zipf(rng, [f"table-{n}" for n in range(50)])
        self.keys = zipf(rng, [f"arn:aws:kms:us-west-1:{ACCOUNT}:key/{self.uuid()}" for _ in range(40)])
        self.names = zipf(rng, [f"/prod/service-{n % 60}/parameter-{n}" for n in range(400)])
        self.made = zipf(rng, [
            self.describe_groups, self.decrypt, self.get_parameter, self.describe_instances, self.describe_table, self.get_role,
            self.get_caller, self.get_object, self.assume_role, self.get_secret, self.list_tags, self.generate_data_key,
            self.describe_volumes, self.get_function, self.describe_alarms, self.create_log_stream, self.list_objects, self.put_object,
            self.put_alarm, self.allow_ingress, self.register_target, self.run_instances, self.put_policy,
            self.create_key])

    def id(self, prefix, length):
        return prefix + "".join(self.rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=length))

    def uuid(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128)))

    def draw(self):
        """Service, action, whether it only reads, parameters, response, and other fields of the record."""
        return next(self.made)()

    def assume_role(self):
        role, session = next(self.roles), next(self.instances)
        response = {"credentials": {"accessKeyId": self.id("ASIA", 16), "sessionToken": base64_text(self.rng, 180),
                                    "expiration": f"Jul 29, 2021 {self.rng.randrange(1, 13)}:06:49 PM"},
                    "assumedRoleUser": {"assumedRoleId": f"AROAEXAMPLEEXAMPLE234:{session}",
                                        "arn": f"{role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{session}"}}
        return ("sts", "AssumeRole", True, {"roleArn": role, "roleSessionName": session, "durationSeconds": 3600}, response,
                {"resources": [{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": role}], "sharedEventID": self.uuid()})

    def object(self, name, reads):
        rng, bucket = self.rng, next(self.buckets)
        key = f"data/{rng.randrange(2019, 2022)}/{rng.randrange(1, 13):02d}/part-{hexadecimal(rng, 8)}.parquet"
        extra = {"SignatureVersion": "SigV4", "CipherSuite": "ECDHE-RSA-AES128-GCM-SHA256", "bytesTransferredIn": 0,
                 "AuthenticationMethod": "AuthHeader", "x-amz-id-2": base64_text(rng, 56), "bytesTransferredOut": rng.randrange(100_000)}
        response = None if reads else {"x-amz-server-side-encryption": "AES256"}
        return ("s3", name, reads, {"bucketName": bucket, "Host": f"{bucket}.s3.us-west-1.amazonaws.com", "key": key}, response,
                {"additionalEventData": extra,
                 "resources": [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"},
                               {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}]})

    def get_object(self):
        return self.object("GetObject", True)

    def put_object(self):
        return self.object("PutObject", False)

    def list_objects(self):
        bucket = next(self.buckets)
        return ("s3", "ListObjects", True,
                {"list-type": "2", "bucketName": bucket, "prefix": "data/", "Host": f"{bucket}.s3.us-west-1.amazonaws.com"}, None,
                {"additionalEventData": {"SignatureVersion": "SigV4", "x-amz-id-2": base64_text(self.rng, 56), "bytesTransferredOut": 4211},
                 "resources": [{"type": "AWS::S3::Object", "ARNPrefix": f"arn:aws:s3:::{bucket}/data/"},
                               {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}]})

    def describe_instances(self):
        items = [{"instanceId": next(self.instances)} for _ in range(self.rng.randrange(1, 6))]
        filters = {"items": [{"name": "tag:Name", "valueSet": {"items": [{"value": "eng-*"}]}}]}
        return "ec2", "DescribeInstances", True, {"maxResults": 100, "instancesSet": {"items": items}, "filterSet": filters}, None, {}

    def describe_volumes(self):
        return "ec2", "DescribeVolumes", True, {"volumeSet": {}, "filterSet": {}}, None, {}

    def describe_groups(self):
        return ("ec2", "DescribeSecurityGroups", True,
                {"securityGroupSet": {}, "securityGroupIdSet": {"items": [{"groupId": next(self.groups)}]}, "filterSet": {}}, None, {})

    def decrypt(self):
        key = next(self.keys)
        function = f"arn:aws:lambda:us-west-1:{ACCOUNT}:function:{next(self.functions)}"
        return ("kms", "Decrypt", True,
                {"encryptionContext": {"aws:lambda:FunctionArn": function}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}, None,
                {"resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key}]})

    def generate_data_key(self):
        key = next(self.keys)
        return ("kms", "GenerateDataKey", True,
                {"keyId": key, "keySpec": "AES_256", "encryptionContext": {"aws:s3:arn": f"arn:aws:s3:::{next(self.buckets)}"}}, None,
                {"resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key}]})

    def create_log_stream(self):
        return ("logs", "CreateLogStream", False,
                {"logGroupName": f"/aws/lambda/{next(self.functions)}", "logStreamName": f"2021/07/29/[$LATEST]{hexadecimal(self.rng, 32)}"}, None,
                {"apiVersion": "20140328"})

    def get_parameter(self):
        return "ssm", "GetParameter", True, {"name": next(self.names), "withDecryption": True}, None, {}

    def get_secret(self):
        return "secretsmanager", "GetSecretValue", True, {"secretId": next(self.names)}, None, {}

    def describe_table(self):
        table = next(self.tables)
        return ("dynamodb", "DescribeTable", True, {"tableName": table}, None,
                {"resources": [{"accountId": ACCOUNT, "type": "AWS::DynamoDB::Table", "ARN": f"arn:aws:dynamodb:us-west-1:{ACCOUNT}:table/{table}"}],
                 "apiVersion": "2012-08-10"})

    def get_caller(self):
        return "sts", "GetCallerIdentity", True, None, None, {}

    def get_function(self):
        return ("lambda", "GetFunction20150331v2", True,
                {"functionName": f"arn:aws:lambda:us-west-1:{ACCOUNT}:function:{next(self.functions)}"}, None, {"apiVersion": "2015-03-31"})

    def get_role(self):
        return "iam", "GetRole", True, {"roleName": next(self.roles).rpartition("/")[2]}, None, {}

    def list_tags(self):
        return "tagging", "GetResources", True, {"resourcesPerPage": 100, "tagFilters": [{"key": "team", "values": ["eng"]}]}, None, {}

    def allow_ingress(self):
        group = next(self.groups)
        rules = [{"ipProtocol": "tcp", "fromPort": port, "toPort": port, "groups": {}, "ipRanges": {"items": [
            {"cidrIp": f"198.51.100.{self.rng.randrange(256)}/32", "description": 'rule "x"'}]}, "ipv6Ranges": {}, "prefixListIds": {}}
            for port in (22, 443)]
        answers = [{"groupOwnerId": ACCOUNT, "groupId": group, "securityGroupRuleId": f"sgr-{hexadecimal(self.rng, 17)}", "isEgress": False,
                    "ipProtocol": "tcp", "fromPort": port, "toPort": port} for port in (22, 443)]
        return ("ec2", "AuthorizeSecurityGroupIngress", False, {"groupId": group, "ipPermissions": {"items": rules}},
                {"requestId": self.uuid(), "_return": True, "securityGroupRuleSet": {"items": answers}}, {})

    def put_alarm(self):
        return ("monitoring", "PutMetricAlarm", False,
                {"alarmName": f"cpu-{next(self.instances)}", "namespace": "AWS/EC2", "metricName": "CPUUtilization", "threshold": 80.0,
                 "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 2, "period": 300, "statistic": "Average"}, None, {})

    def describe_alarms(self):
        return "monitoring", "DescribeAlarms", True, {"alarmNamePrefix": "cpu-", "maxRecords": 100}, None, {"apiVersion": "2010-08-01"}

    def register_target(self):
        group = f"arn:aws:elasticloadbalancing:us-west-1:{ACCOUNT}:targetgroup/web/{hexadecimal(self.rng, 16)}"
        return ("elasticloadbalancing", "RegisterTargets", False, {"targetGroupArn": group, "targets": [{"id": next(self.instances)}]}, None,
                {"apiVersion": "2015-12-01"})

    def run_instances(self):
        instance = {"instanceId": f"i-{hexadecimal(self.rng, 17)}", "imageId": "ami-0c2d06d50ce30b442", "instanceType": "t3.large",
                    "instanceState": {"code": 0, "name": "pending"}, "placement": {"availabilityZone": "us-west-1b", "tenancy": "default"},
                    "privateIpAddress": f"10.0.{self.rng.randrange(256)}.{self.rng.randrange(1, 255)}", "ebsOptimized": False,
                    "groupSet": {"items": [{"groupId": next(self.groups), "groupName": "web"}]}}
        return ("ec2", "RunInstances", False,
                {"instancesSet": {"items": [{"imageId": "ami-0c2d06d50ce30b442", "minCount": 1, "maxCount": 1}]}, "instanceType": "t3.large",
                 "blockDeviceMapping": {}, "monitoring": {"enabled": False}, "disableApiTermination": False},
                {"requestId": self.uuid(), "reservationId": f"r-{hexadecimal(self.rng, 17)}", "ownerId": ACCOUNT, "groupSet": {},
                 "instancesSet": {"items": [instance]}}, {})

    def put_policy(self):
        statement = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{next(self.buckets)}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
        return ("iam", "PutRolePolicy", False,
                {"roleName": next(self.roles).rpartition("/")[2], "policyName": "access", "policyDocument": policy}, None, {})

    def create_key(self):
        user, key = f"user{self.rng.randrange(200)}", self.id("AKIA", 16)
        return ("iam", "CreateAccessKey", False, {"userName": user},
                {"accessKey": {"userName": user, "accessKeyId": key, "status": "Active", "createDate": "Jul 29, 2021 1:06:49 PM"}}, {})
