//! The fields of a record: which key goes to which column.
//!
//! They are from the AWS CloudTrail user guide, "CloudTrail record contents for management, data, and network
//! activity events", "CloudTrail record contents for Insights events" and "CloudTrail `userIdentity` element", up to
//! event version 1.11.

use crate::json_log::{self, Field, group};
use crate::table::Column;

const SESSION_ISSUER: &[Field] = &[
    Field::new("type", Column::text("type", "The source of the credentials: Root, IAMUser, Role")),
    Field::new("principalId", Column::text("principal_id", "The issuer's id")),
    Field::new("arn", Column::text("arn", "The issuer's ARN")),
    Field::new("accountId", Column::text("account_id", "The issuer's account")),
    Field::new("userName", Column::text("user_name", "The issuer's name; for a role, the name of the role")),
];

const WEB_ID_FEDERATION_DATA: &[Field] = &[
    Field::new("federatedProvider", Column::text("federated_provider", "The identity provider")),
    Field::new("attributes", Column::text("attributes", "What the provider said, as JSON").json()),
];

const SESSION_ATTRIBUTES: &[Field] = &[
    Field::new("creationDate", Column::time("creation_date", "When the credentials were issued, UTC")),
    Field::new(
        "mfaAuthenticated",
        Column::text("mfa_authenticated", "Whether the user signed in with a second factor: true or false"),
    ),
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
    Field::new("sourceIdentity", Column::text("source_identity", "The identity given when the role was assumed")),
    Field::new(
        "ec2RoleDelivery",
        Column::text("ec2_role_delivery", "The version of the instance metadata service that gave the credentials"),
    ),
    Field::new("assumedRoot", Column::text("assumed_root", "Whether a management account took root's place")),
];

const ON_BEHALF_OF: &[Field] = &[
    Field::new("userId", Column::text("user_id", "The user in the identity store")),
    Field::new("identityStoreArn", Column::text("identity_store_arn", "The identity store")),
];

const IN_SCOPE_OF: &[Field] = &[
    Field::new("sourceArn", Column::text("source_arn", "The resource that called")),
    Field::new("sourceAccount", Column::text("source_account", "Its account")),
    Field::new("issuerType", Column::text("issuer_type", "Its type")),
    Field::new(
        "credentialsIssuedTo",
        Column::text("credentials_issued_to", "The resource that the credentials were issued to"),
    ),
];

const INVOKED_BY_DELEGATE: &[Field] =
    &[Field::new("accountId", Column::text("account_id", "The account that was delegated to"))];

const USER_IDENTITY: &[Field] = &[
    Field::new(
        "type",
        Column::text("type", "Root, IAMUser, AssumedRole, FederatedUser, AWSService, AWSAccount and more"),
    ),
    Field::new(
        "principalId",
        Column::text("principal_id", "The caller's id; for an assumed role it includes the session's name"),
    ),
    Field::new("arn", Column::text("arn", "The caller's ARN")),
    Field::new("accountId", Column::text("account_id", "The caller's account")),
    Field::new("accessKeyId", Column::text("access_key_id", "The access key that signed the request").lookup()),
    Field::new("userName", Column::text("user_name", "The caller's friendly name")),
    Field::new("invokedBy", Column::text("invoked_by", "The AWS service that called on the user's behalf")),
    Field::new("identityProvider", Column::text("identity_provider", "The external identity provider")),
    Field::new("credentialId", Column::text("credential_id", "The bearer token's id")),
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
    Field::new("ARN", Column::text("arn", "The resource's ARN")).or("arn"),
    Field::new("ARNPrefix", Column::text("arn_prefix", "The prefix of its ARN, if the event has only that")),
    Field::new("accountId", Column::text("account_id", "Its owner's account")),
    Field::new("type", Column::text("type", "Its type, AWS::S3::Bucket")),
];

const TLS_DETAILS: &[Field] = &[
    Field::new("tlsVersion", Column::text("tls_version", "The TLS version")),
    Field::new("cipherSuite", Column::text("cipher_suite", "The cipher suite")),
    Field::new(
        "clientProvidedHostHeader",
        Column::text("client_provided_host_header", "The host that the client addressed"),
    ),
    Field::new("keyExchange", Column::text("key_exchange", "The group of the key exchange")),
];

/// The fields of a record.
pub(super) const RECORD: &[Field] = &[
    Field::new("eventVersion", Column::text("event_version", "The version of the record's format")),
    Field::object("userIdentity", "user_identity", "Who called", &group::<13>(USER_IDENTITY), USER_IDENTITY),
    Field::new("eventTime", Column::time("event_time", "When the request was completed, UTC").skip_files()),
    Field::new("eventSource", Column::text("event_source", "The service that was called, such as iam.amazonaws.com")),
    Field::new("eventName", Column::text("event_name", "The API action").lookup()),
    Field::new("awsRegion", Column::text("aws_region", "The region that was called")),
    Field::new(
        "sourceIPAddress",
        Column::text("source_ip_address", "The caller's address, or the AWS service that called").lookup(),
    ),
    Field::new("userAgent", Column::text("user_agent", "The caller's user agent")),
    Field::new("errorCode", Column::text("error_code", "AWS's error code, if the request failed")),
    Field::new("errorMessage", Column::text("error_message", "What the error says")),
    Field::new("requestParameters", Column::text("request_parameters", "The request's parameters, as JSON").json()),
    Field::new(
        "responseElements",
        Column::text("response_elements", "The response to a request that changes something, as JSON").json(),
    ),
    Field::new("additionalEventData", Column::text("additional_event_data", "More about the event, as JSON").json()),
    Field::new(
        "serviceEventDetails",
        Column::text("service_event_details", "About an event of the service itself, as JSON").json(),
    ),
    Field::new("insightDetails", Column::text("insight_details", "About unusual activity, as JSON").json()),
    Field::new("requestID", Column::text("request_id", "The service's own id of the request").lookup()),
    Field::new("eventID", Column::text("event_id", "CloudTrail's id of the event").plain().lookup()),
    Field::new("readOnly", Column::boolean("read_only", "Whether the action changes nothing")),
    Field::list("resources", "resources", "The resources that the event is about", &group::<4>(RESOURCES), RESOURCES),
    Field::new("eventType", Column::text("event_type", "AwsApiCall, AwsServiceEvent, AwsConsoleSignIn and more")),
    Field::new("eventCategory", Column::text("event_category", "Management, Data, NetworkActivity or Insight")),
    Field::new("apiVersion", Column::text("api_version", "The version of the API")),
    Field::new("managementEvent", Column::boolean("management_event", "Whether it is a management event")),
    Field::new("recipientAccountId", Column::text("recipient_account_id", "The account that received the event")),
    Field::new(
        "sharedEventID",
        Column::text("shared_event_id", "The id that the event has in all accounts that received it"),
    ),
    Field::new("vpcEndpointId", Column::text("vpc_endpoint_id", "The VPC endpoint that the request went through")),
    Field::new("vpcEndpointAccountId", Column::text("vpc_endpoint_account_id", "The account of the VPC endpoint")),
    Field::object("tlsDetails", "tls_details", "The TLS connection", &group::<4>(TLS_DETAILS), TLS_DETAILS),
    Field::new(
        "sessionCredentialFromConsole",
        Column::text("session_credential_from_console", "true if the console made the request"),
    ),
    Field::new("edgeDeviceDetails", Column::text("edge_device_details", "About the edge device, as JSON").json()),
    Field::new("addendum", Column::text("addendum", "Why a delayed or changed event was delivered, as JSON").json()),
    Field::new("eventContext", Column::text("event_context", "Tags and conditions added to the event, as JSON").json()),
];

/// The columns of the table.
pub(super) const COLUMNS: [Column; json_log::count(RECORD)] = json_log::columns(RECORD);
