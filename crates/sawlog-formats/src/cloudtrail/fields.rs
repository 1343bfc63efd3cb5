//! The fields of a record: which key goes to which column.
//!
//! They are those of the AWS CloudTrail user guide, "CloudTrail record contents for management, data, and network activity
//! events", "CloudTrail record contents for Insights events" and "CloudTrail `userIdentity` element", up to event version
//! 1.11.

use crate::table::{Column, Kind, Layout};

/// A key of a JSON object and its column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) column: Column,
    pub(super) content: Content,
}

/// What a field's value must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    Text,
    /// Anything; the column holds it as JSON text, as it stands.
    Json,
    Bool,
    /// Text that is a time.
    Time,
    Object(&'static [Field]),
    Array(&'static [Field]),
}

const fn text(key: &'static str, name: &'static str, doc: &'static str) -> Field {
    Field { key, column: Column::text(name, doc), content: Content::Text }
}

const fn json(key: &'static str, name: &'static str, doc: &'static str) -> Field {
    Field { key, column: Column::text(name, doc).json(), content: Content::Json }
}

const fn boolean(key: &'static str, name: &'static str, doc: &'static str) -> Field {
    Field { key, column: Column::text(name, doc).kind(Kind::Bool), content: Content::Bool }
}

const fn time(key: &'static str, name: &'static str, doc: &'static str) -> Field {
    Field { key, column: Column::text(name, doc).kind(Kind::Time), content: Content::Time }
}

const fn object(
    key: &'static str,
    name: &'static str,
    doc: &'static str,
    columns: &'static [Column],
    fields: &'static [Field],
) -> Field {
    Field { key, column: Column::group(name, doc, columns), content: Content::Object(fields) }
}

impl Field {
    const fn lookup(self) -> Self {
        Self { column: self.column.lookup(), ..self }
    }

    const fn plain(self) -> Self {
        Self { column: self.column.layout(Layout::Plain), ..self }
    }
}

/// The columns of fields.
pub(super) const fn columns<const N: usize>(fields: &[Field]) -> [Column; N] {
    assert!(fields.len() == N, "a column for each field");
    let mut columns = [fields[0].column; N];
    let mut place = 0;
    while place < N {
        columns[place] = fields[place].column;
        place += 1;
    }
    columns
}

const SESSION_ISSUER: &[Field] = &[
    text("type", "type", "The source of the credentials: Root, IAMUser, Role"),
    text("principalId", "principal_id", "The issuer's id"),
    text("arn", "arn", "The issuer's ARN"),
    text("accountId", "account_id", "The issuer's account"),
    text("userName", "user_name", "The issuer's name: of a role, the role's"),
];

const WEB_ID_FEDERATION_DATA: &[Field] = &[
    text("federatedProvider", "federated_provider", "The identity provider"),
    json("attributes", "attributes", "What the provider said, as JSON"),
];

const SESSION_ATTRIBUTES: &[Field] = &[
    time("creationDate", "creation_date", "When the credentials were issued, UTC"),
    text("mfaAuthenticated", "mfa_authenticated", "Whether the user proved a second factor: true or false"),
];

const SESSION_CONTEXT: &[Field] = &[
    object(
        "sessionIssuer",
        "session_issuer",
        "Who issued the credentials",
        &columns::<5>(SESSION_ISSUER),
        SESSION_ISSUER,
    ),
    object(
        "webIdFederationData",
        "web_id_federation_data",
        "The web identity behind the session",
        &columns::<2>(WEB_ID_FEDERATION_DATA),
        WEB_ID_FEDERATION_DATA,
    ),
    object(
        "attributes",
        "attributes",
        "Attributes of the session",
        &columns::<2>(SESSION_ATTRIBUTES),
        SESSION_ATTRIBUTES,
    ),
    text("sourceIdentity", "source_identity", "The identity given when the role was assumed"),
    text(
        "ec2RoleDelivery",
        "ec2_role_delivery",
        "The version of the instance metadata service that gave the credentials",
    ),
    text("assumedRoot", "assumed_root", "Whether a management account took root's place"),
];

const ON_BEHALF_OF: &[Field] = &[
    text("userId", "user_id", "The user in the identity store"),
    text("identityStoreArn", "identity_store_arn", "The identity store"),
];

const IN_SCOPE_OF: &[Field] = &[
    text("sourceArn", "source_arn", "The resource that called"),
    text("sourceAccount", "source_account", "Its account"),
    text("issuerType", "issuer_type", "Its type"),
    text("credentialsIssuedTo", "credentials_issued_to", "The resource that the credentials were issued to"),
];

const INVOKED_BY_DELEGATE: &[Field] = &[text("accountId", "account_id", "The account that was delegated to")];

const USER_IDENTITY: &[Field] = &[
    text("type", "type", "Root, IAMUser, AssumedRole, FederatedUser, AWSService, AWSAccount and more"),
    text("principalId", "principal_id", "The caller's id, of an assumed role with the session's name"),
    text("arn", "arn", "The caller's ARN"),
    text("accountId", "account_id", "The caller's account"),
    text("accessKeyId", "access_key_id", "The access key that signed the request").lookup(),
    text("userName", "user_name", "The caller's friendly name"),
    text("invokedBy", "invoked_by", "The AWS service that called in the user's name"),
    text("identityProvider", "identity_provider", "The external identity provider"),
    text("credentialId", "credential_id", "The bearer token's id"),
    object(
        "sessionContext",
        "session_context",
        "The session of temporary credentials",
        &columns::<6>(SESSION_CONTEXT),
        SESSION_CONTEXT,
    ),
    object(
        "onBehalfOf",
        "on_behalf_of",
        "The IAM Identity Center user behind the call",
        &columns::<2>(ON_BEHALF_OF),
        ON_BEHALF_OF,
    ),
    object("inScopeOf", "in_scope_of", "The resource behind the call", &columns::<4>(IN_SCOPE_OF), IN_SCOPE_OF),
    object(
        "invokedByDelegate",
        "invoked_by_delegate",
        "The delegate behind the call",
        &columns::<1>(INVOKED_BY_DELEGATE),
        INVOKED_BY_DELEGATE,
    ),
];

const RESOURCES: &[Field] = &[
    text("ARN", "arn", "The resource's ARN"),
    text("ARNPrefix", "arn_prefix", "The beginning of its ARN, where that is all there is"),
    text("accountId", "account_id", "Its owner's account"),
    text("type", "type", "Its type, AWS::S3::Bucket"),
];

const TLS_DETAILS: &[Field] = &[
    text("tlsVersion", "tls_version", "The TLS version"),
    text("cipherSuite", "cipher_suite", "The cipher suite"),
    text("clientProvidedHostHeader", "client_provided_host_header", "The host that the client addressed"),
    text("keyExchange", "key_exchange", "The group of the key exchange"),
];

/// The fields of a record.
pub(super) const RECORD: &[Field] = &[
    text("eventVersion", "event_version", "The version of the record's format"),
    object("userIdentity", "user_identity", "Who called", &columns::<13>(USER_IDENTITY), USER_IDENTITY),
    Field {
        key: "eventTime",
        column: Column::text("event_time", "When the request was completed, UTC").kind(Kind::Time).skip_files(),
        content: Content::Time,
    },
    text("eventSource", "event_source", "The service that was called, such as iam.amazonaws.com"),
    text("eventName", "event_name", "The API action").lookup(),
    text("awsRegion", "aws_region", "The region that was called"),
    text("sourceIPAddress", "source_ip_address", "The caller's address, or the AWS service that called").lookup(),
    text("userAgent", "user_agent", "The caller's user agent"),
    text("errorCode", "error_code", "AWS's error code, if the request failed"),
    text("errorMessage", "error_message", "What the error says"),
    json("requestParameters", "request_parameters", "The request's parameters, as JSON"),
    json("responseElements", "response_elements", "What a change answered, as JSON"),
    json("additionalEventData", "additional_event_data", "More about the event, as JSON"),
    json("serviceEventDetails", "service_event_details", "About an event of the service itself, as JSON"),
    json("insightDetails", "insight_details", "About unusual activity, as JSON"),
    text("requestID", "request_id", "The service's own id of the request").lookup(),
    text("eventID", "event_id", "CloudTrail's id of the event").plain().lookup(),
    boolean("readOnly", "read_only", "Whether the action changes nothing"),
    Field {
        key: "resources",
        column: Column::text("resources", "The resources that the event is about")
            .kind(Kind::List(&columns::<4>(RESOURCES))),
        content: Content::Array(RESOURCES),
    },
    text("eventType", "event_type", "AwsApiCall, AwsServiceEvent, AwsConsoleSignIn and more"),
    text("eventCategory", "event_category", "Management, Data, NetworkActivity or Insight"),
    text("apiVersion", "api_version", "The version of the API"),
    boolean("managementEvent", "management_event", "Whether it is a management event"),
    text("recipientAccountId", "recipient_account_id", "The account that got the event"),
    text("sharedEventID", "shared_event_id", "The id that the event has in all accounts that got it"),
    text("vpcEndpointId", "vpc_endpoint_id", "The VPC endpoint that the request went through"),
    text("vpcEndpointAccountId", "vpc_endpoint_account_id", "The account of the VPC endpoint"),
    object("tlsDetails", "tls_details", "The TLS connection", &columns::<4>(TLS_DETAILS), TLS_DETAILS),
    text("sessionCredentialFromConsole", "session_credential_from_console", "true if the console made the request"),
    json("edgeDeviceDetails", "edge_device_details", "About the edge device, as JSON"),
    json("addendum", "addendum", "Why a delayed or changed event was delivered, as JSON"),
    json("eventContext", "event_context", "Tags and conditions added to the event, as JSON"),
];

/// Positions of columns.
pub(super) mod column {
    pub(crate) const RECORD: usize = super::RECORD.len();
    pub(crate) const GAP: usize = RECORD;
    pub(crate) const RAW: usize = RECORD + 1;
    pub(crate) const SOURCE_FILE: usize = RECORD + 2;
    pub(crate) const SOURCE_LINE: usize = RECORD + 3;
    pub(crate) const WRAPPING: usize = RECORD + 4;
    pub(crate) const WRAPPED: usize = RECORD + 5;
    pub(crate) const COUNT: usize = RECORD + 6;
}

/// The columns of the table.
pub(super) const COLUMNS: [Column; column::COUNT] = {
    let mut all =
        [Column::text("gap", "What stands before the record in its file, where that is not a comma"); column::COUNT];
    let fields = columns::<{ column::RECORD }>(RECORD);
    let mut place = 0;
    while place < column::RECORD {
        all[place] = fields[place];
        place += 1;
    }
    all[column::RAW] = Column::text("raw", "The record's own JSON text, byte for byte").layout(Layout::Plain);
    all[column::SOURCE_FILE] = Column::SOURCE_FILE;
    all[column::SOURCE_LINE] =
        Column::int64("source_line", "The number of the record in its file, from 1").layout(Layout::Delta);
    all[column::WRAPPING] = Column::WRAPPING;
    all[column::WRAPPED] = Column::WRAPPED;
    all
};
