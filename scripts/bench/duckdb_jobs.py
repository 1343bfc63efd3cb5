"""The same conversions as DuckDB does them, each a Python program of its own."""
import json

# The fields of CloudTrail records as DuckDB is to shape them; what is JSON text in our columns is JSON there.
ISSUER = {name: "VARCHAR" for name in ("type", "principalId", "arn", "accountId", "userName")}
SESSION = {"sessionIssuer": ISSUER,
           "webIdFederationData": {"federatedProvider": "VARCHAR", "attributes": "JSON"},
           "attributes": {"creationDate": "TIMESTAMP", "mfaAuthenticated": "VARCHAR"},
           "sourceIdentity": "VARCHAR", "ec2RoleDelivery": "VARCHAR"}
IDENTITY = {name: "VARCHAR" for name in ("type principalId arn accountId accessKeyId userName invokedBy identityProvider "
                                         "credentialId").split()} | {"sessionContext": SESSION}
TRAIL = {name: "VARCHAR" for name in (
    "eventVersion eventSource eventName awsRegion sourceIPAddress userAgent errorCode errorMessage requestID eventID eventType "
    "eventCategory apiVersion recipientAccountId sharedEventID vpcEndpointId vpcEndpointAccountId sessionCredentialFromConsole").split()}
TRAIL |= {name: "JSON" for name in ("requestParameters responseElements additionalEventData serviceEventDetails insightDetails "
                                    "edgeDeviceDetails addendum eventContext").split()}
TRAIL |= {"userIdentity": IDENTITY, "eventTime": "TIMESTAMP", "readOnly": "BOOLEAN", "managementEvent": "BOOLEAN",
          "resources": [{"ARN": "VARCHAR", "accountId": "VARCHAR", "type": "VARCHAR"}],
          "tlsDetails": {name: "VARCHAR" for name in ("tlsVersion", "cipherSuite", "clientProvidedHostHeader")}}

FLOW = {name: "VARCHAR" for name in ("version account_id interface_id srcaddr dstaddr srcport dstport protocol packets bytes "
                                     "starts ends action log_status").split()}
FLOW |= {name: "INTEGER" for name in ("version", "srcport", "dstport", "protocol")}
FLOW |= {name: "BIGINT" for name in ("packets", "bytes", "starts", "ends")}

PROGRAM = """
import duckdb
c = duckdb.connect()
c.execute("SET threads = 2")
c.execute("SET preserve_insertion_order = false")
c.execute(%r)
"""


def copy(query, out):
    return PROGRAM % f"COPY ({query}) TO '{out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARTITION_BY (date))"


def cloudtrail(logs, out):
    """Every record as JSON text, and its fields in typed columns."""
    files = f"read_json('{logs}/**/*.json.gz', columns = {{Records: 'JSON[]'}}, filename = true, maximum_object_size = 100000000)"
    return copy(f"SELECT unnest(from_json(raw, '{json.dumps(TRAIL)}')), raw, source_file, "
                "strftime(CAST(raw->>'eventTime' AS TIMESTAMP), '%Y-%m-%d') AS date "
                f"FROM (SELECT unnest(Records) AS raw, filename AS source_file FROM {files})", out)


def flows(logs, out):
    """Flow logs in the default order of fields, with a header line."""
    files = (f"read_csv('{logs}/*.gz', delim = ' ', header = true, quote = '', escape = '', nullstr = '-', columns = {FLOW}, "
             "auto_detect = false, filename = true)")
    return copy('SELECT * EXCLUDE (starts, ends, filename), to_timestamp(starts) AS start, to_timestamp(ends) AS "end", '
                "filename AS source_file, strftime(to_timestamp(starts), '%Y-%m-%d') AS date "
                f"FROM {files}", out)
