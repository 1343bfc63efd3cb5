"""The fields of the three logs, by the names and types of sawlog's columns."""

# Fields of an S3 access log between blanks; the time is two of them, and always UTC.
S3 = ("bucket_owner bucket time zone remote_ip requester request_id operation key request_uri http_status error_code bytes_sent "
      "object_size total_time turn_around_time referer user_agent version_id host_id signature_version cipher_suite "
      "authentication_type host_header tls_version access_point_arn acl_required").split()
S3_NUMBERS = ("http_status", "bytes_sent", "object_size", "total_time", "turn_around_time")
# Those that have few values.
S3_FEW = ("bucket_owner bucket requester operation error_code referer user_agent version_id signature_version cipher_suite "
          "authentication_type host_header tls_version access_point_arn acl_required").split()

# Fields of a flow log, version 2.
FLOWS = "version account_id interface_id srcaddr dstaddr srcport dstport protocol packets bytes start end action log_status".split()
FLOW_NUMBERS = ("version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end")
FLOW_FEW = ("account_id", "interface_id", "srcaddr", "dstaddr", "action", "log_status")

# Fields of a CloudTrail record: text, JSON as it stands, and groups.
TRAIL_TEXT = ("eventVersion eventSource eventName awsRegion sourceIPAddress userAgent errorCode errorMessage requestID eventID eventType "
              "eventCategory apiVersion recipientAccountId sharedEventID vpcEndpointId vpcEndpointAccountId "
              "sessionCredentialFromConsole").split()
TRAIL_JSON = ("requestParameters responseElements additionalEventData serviceEventDetails insightDetails edgeDeviceDetails addendum "
              "eventContext").split()
TRAIL_TRUTHS = ("readOnly", "managementEvent")
IDENTITY_TEXT = "type principalId arn accountId accessKeyId userName invokedBy identityProvider credentialId".split()
ISSUER_TEXT = "type principalId arn accountId userName".split()
RESOURCE_TEXT = ("ARN", "ARNPrefix", "accountId", "type")
TLS_TEXT = ("tlsVersion", "cipherSuite", "clientProvidedHostHeader")


def trail(text, json, truth, moment, group, array):
    """The fields of a record as a peer writes types: `group` of names and types, `array` of a type."""
    issuer = group(dict.fromkeys(ISSUER_TEXT, text))
    session = group({
        "sessionIssuer": issuer,
        "webIdFederationData": group({"federatedProvider": text, "attributes": json}),
        "attributes": group({"creationDate": moment, "mfaAuthenticated": text}),
        "sourceIdentity": text,
        "ec2RoleDelivery": text,
    })
    fields = dict.fromkeys(TRAIL_TEXT, text) | dict.fromkeys(TRAIL_JSON, json) | dict.fromkeys(TRAIL_TRUTHS, truth)
    return fields | {
        "eventTime": moment,
        "userIdentity": group(dict.fromkeys(IDENTITY_TEXT, text) | {"sessionContext": session}),
        "resources": array(group(dict.fromkeys(RESOURCE_TEXT, text))),
        "tlsDetails": group(dict.fromkeys(TLS_TEXT, text)),
    }
