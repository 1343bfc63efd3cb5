//! The fields of a record: which key goes to which column.
//!
//! They are those of the AWS CloudTrail user guide, "CloudTrail record contents for management, data, and network activity
//! events", "CloudTrail record contents for Insights events" and "CloudTrail `userIdentity` element", up to event version
//! 1.11.

use crate::json_log::{self, Field, group};
use crate::table::Column;

const SESSION_ISSUER: &[Field] = &[
    Field::text("type", "type", "The source of the credentials: Root, IAMUser, Role"),
    Field::text("principalId", "principal_id", "The issuer's id"),
    Field::text("arn", "arn", "The issuer's ARN"),
    Field::text("accountId", "account_id", "The issuer's account"),
    Field::text("userName", "user_name", "The issuer's name: of a role, the role's"),
];

const WEB_ID_FEDERATION_DATA: &[Field] = &[
    Field::text("federatedProvider", "federated_provider", "The identity provider"),
    Field::json("attributes", "attributes", "What the provider said, as JSON"),
];

const SESSION_ATTRIBUTES: &[Field] = &[
    Field::time("creationDate", "creation_date", "When the credentials were issued, UTC"),
    Field::text("mfaAuthenticated", "mfa_authenticated", "Whether the user proved a second factor: true or false"),
];

const SESSION_CONTEXT: &[Field] = &[
    Field::object(
        "sessionIssuer",
        "session_issuer",
        "Who issued the credentials",
        &group::<5>(SESSION_ISSUER),
        SESSION_ISSUER,
    ),
    Field::object(
        "webIdFederationData",
        "web_id_federation_data",
        "The web identity behind the session",
        &group::<2>(WEB_ID_FEDERATION_DATA),
        WEB_ID_FEDERATION_DATA,
    ),
    Field::object(
        "attributes",
        "attributes",
        "Attributes of the session",
        &group::<2>(SESSION_ATTRIBUTES),
        SESSION_ATTRIBUTES,
    ),
    Field::text("sourceIdentity", "source_identity", "The identity given when the role was assumed"),
    Field::text(
        "ec2RoleDelivery",
        "ec2_role_delivery",
        "The version of the instance metadata service that gave the credentials",
    ),
    Field::text("assumedRoot", "assumed_root", "Whether a management account took root's place"),
];

const ON_BEHALF_OF: &[Field] = &[
    Field::text("userId", "user_id", "The user in the identity store"),
    Field::text("identityStoreArn", "identity_store_arn", "The identity store"),
];

const IN_SCOPE_OF: &[Field] = &[
    Field::text("sourceArn", "source_arn", "The resource that called"),
    Field::text("sourceAccount", "source_account", "Its account"),
    Field::text("issuerType", "issuer_type", "Its type"),
    Field::text("credentialsIssuedTo", "credentials_issued_to", "The resource that the credentials were issued to"),
];

const INVOKED_BY_DELEGATE: &[Field] = &[Field::text("accountId", "account_id", "The account that was delegated to")];

const USER_IDENTITY: &[Field] = &[
    Field::text("type", "type", "Root, IAMUser, AssumedRole, FederatedUser, AWSService, AWSAccount and more"),
    Field::text("principalId", "principal_id", "The caller's id, of an assumed role with the session's name"),
    Field::text("arn", "arn", "The caller's ARN"),
    Field::text("accountId", "account_id", "The caller's account"),
    Field::text("accessKeyId", "access_key_id", "The access key that signed the request").lookup(),
    Field::text("userName", "user_name", "The caller's friendly name"),
    Field::text("invokedBy", "invoked_by", "The AWS service that called in the user's name"),
    Field::text("identityProvider", "identity_provider", "The external identity provider"),
    Field::text("credentialId", "credential_id", "The bearer token's id"),
    Field::object(
        "sessionContext",
        "session_context",
        "The session of temporary credentials",
        &group::<6>(SESSION_CONTEXT),
        SESSION_CONTEXT,
    ),
    Field::object(
        "onBehalfOf",
        "on_behalf_of",
        "The IAM Identity Center user behind the call",
        &group::<2>(ON_BEHALF_OF),
        ON_BEHALF_OF,
    ),
    Field::object("inScopeOf", "in_scope_of", "The resource behind the call", &group::<4>(IN_SCOPE_OF), IN_SCOPE_OF),
    Field::object(
        "invokedByDelegate",
        "invoked_by_delegate",
        "The delegate behind the call",
        &group::<1>(INVOKED_BY_DELEGATE),
        INVOKED_BY_DELEGATE,
    ),
];

const RESOURCES: &[Field] = &[
    Field::text("ARN", "arn", "The resource's ARN").or("arn"),
    Field::text("ARNPrefix", "arn_prefix", "The beginning of its ARN, where that is all there is"),
    Field::text("accountId", "account_id", "Its owner's account"),
    Field::text("type", "type", "Its type, AWS::S3::Bucket"),
];

const TLS_DETAILS: &[Field] = &[
    Field::text("tlsVersion", "tls_version", "The TLS version"),
    Field::text("cipherSuite", "cipher_suite", "The cipher suite"),
    Field::text("clientProvidedHostHeader", "client_provided_host_header", "The host that the client addressed"),
    Field::text("keyExchange", "key_exchange", "The group of the key exchange"),
];

/// The fields of a record.
pub(super) const RECORD: &[Field] = &[
    Field::text("eventVersion", "event_version", "The version of the record's format"),
    Field::object("userIdentity", "user_identity", "Who called", &group::<13>(USER_IDENTITY), USER_IDENTITY),
    Field::time("eventTime", "event_time", "When the request was completed, UTC").skip_files(),
    Field::text("eventSource", "event_source", "The service that was called, such as iam.amazonaws.com"),
    Field::text("eventName", "event_name", "The API action").lookup(),
    Field::text("awsRegion", "aws_region", "The region that was called"),
    Field::text("sourceIPAddress", "source_ip_address", "The caller's address, or the AWS service that called")
        .lookup(),
    Field::text("userAgent", "user_agent", "The caller's user agent"),
    Field::text("errorCode", "error_code", "AWS's error code, if the request failed"),
    Field::text("errorMessage", "error_message", "What the error says"),
    Field::json("requestParameters", "request_parameters", "The request's parameters, as JSON"),
    Field::json("responseElements", "response_elements", "What a change answered, as JSON"),
    Field::json("additionalEventData", "additional_event_data", "More about the event, as JSON"),
    Field::json("serviceEventDetails", "service_event_details", "About an event of the service itself, as JSON"),
    Field::json("insightDetails", "insight_details", "About unusual activity, as JSON"),
    Field::text("requestID", "request_id", "The service's own id of the request").lookup(),
    Field::text("eventID", "event_id", "CloudTrail's id of the event").plain().lookup(),
    Field::boolean("readOnly", "read_only", "Whether the action changes nothing"),
    Field::list("resources", "resources", "The resources that the event is about", &group::<4>(RESOURCES), RESOURCES),
    Field::text("eventType", "event_type", "AwsApiCall, AwsServiceEvent, AwsConsoleSignIn and more"),
    Field::text("eventCategory", "event_category", "Management, Data, NetworkActivity or Insight"),
    Field::text("apiVersion", "api_version", "The version of the API"),
    Field::boolean("managementEvent", "management_event", "Whether it is a management event"),
    Field::text("recipientAccountId", "recipient_account_id", "The account that got the event"),
    Field::text("sharedEventID", "shared_event_id", "The id that the event has in all accounts that got it"),
    Field::text("vpcEndpointId", "vpc_endpoint_id", "The VPC endpoint that the request went through"),
    Field::text("vpcEndpointAccountId", "vpc_endpoint_account_id", "The account of the VPC endpoint"),
    Field::object("tlsDetails", "tls_details", "The TLS connection", &group::<4>(TLS_DETAILS), TLS_DETAILS),
    Field::text(
        "sessionCredentialFromConsole",
        "session_credential_from_console",
        "true if the console made the request",
    ),
    Field::json("edgeDeviceDetails", "edge_device_details", "About the edge device, as JSON"),
    Field::json("addendum", "addendum", "Why a delayed or changed event was delivered, as JSON"),
    Field::json("eventContext", "event_context", "Tags and conditions added to the event, as JSON"),
];

/// The columns of the table.
pub(super) const COLUMNS: [Column; json_log::count(RECORD)] = json_log::columns(RECORD);
