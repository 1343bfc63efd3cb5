//! What filters take, as people write it.

/// Which records a question is about. Any value in a list may match; different filters must all match; a value that
/// begins with `!` excludes what it names. Texts can be globs with `*`, `?` and `[..]`.
///
/// ```
/// use sawlog_query::Filters;
///
/// let filters = Filters {
///     ip: vec!["192.0.2.0/24".to_owned(), "!192.0.2.1".to_owned()],
///     operation: vec!["Put*".to_owned()],
///     since: Some("2021-07-29T13:10".to_owned()),
///     ..Filters::default()
/// };
/// # let _ = filters;
/// ```
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a filter of its own")]
pub struct Filters {
    /// The caller's address, or a network such as 10.0.0.0/8; in flow logs, source or destination.
    pub ip: Vec<String>,
    /// An address as in `ip`; with a port (192.0.2.1:22), both at the same end.
    pub end: Vec<String>,
    /// The source address: like `ip`, but for flow logs the source only.
    pub src: Vec<String>,
    /// The destination address of flows; for load balancers, the target's.
    pub dst: Vec<String>,
    /// The other end of flows with `ip`; without `ip`, either end.
    pub peer: Vec<String>,
    /// The port at either end.
    pub port: Vec<String>,
    /// The source port.
    pub sport: Vec<String>,
    /// The destination port.
    pub dport: Vec<String>,
    /// What happened to a flow: ACCEPT or REJECT.
    pub action: Vec<String>,
    /// The caller: name of a user or role, ARN, AWS service or id; `-` for anonymous requests.
    pub user: Vec<String>,
    /// The access key that signed the request; S3 logs have it for presigned URLs only.
    pub access_key: Vec<String>,
    /// The bucket.
    pub bucket: Vec<String>,
    /// The object's key, or its URL.
    pub key: Vec<String>,
    /// A resource that the call names, by its name or ARN.
    pub resource: Vec<String>,
    /// The operation.
    pub operation: Vec<String>,
    /// The user agent.
    pub agent: Vec<String>,
    /// Why a record failed; `*` for any error.
    pub error: Vec<String>,
    /// The region.
    pub region: Vec<String>,
    /// The account.
    pub account: Vec<String>,
    /// The service, such as iam.amazonaws.com.
    pub service: Vec<String>,
    /// The network interface.
    pub interface: Vec<String>,
    /// The file that the record is from, as in `source_file`.
    pub source_file: Vec<String>,
    /// Any field: `request_parameters.userName=ann`, `http_status!=200`.
    pub condition: Vec<String>,
    /// Only failures: errors, failed sign-ins, rejected flows.
    pub failed: bool,
    /// Only actions that changed something: none that failed.
    pub changes: bool,
    /// From this time on: 2021-07-29, 2021-07, 2021-07-29T13:10, 13:10, 29/Jul/2021:13:10:05 +0000, seconds since 1970,
    /// or 2h: two hours before the last record.
    pub since: Option<String>,
    /// Up to this time; a month, a day, a minute or a second is included whole.
    pub until: Option<String>,
    /// Empty, or a time and a duration: only records within this duration before or after the time.
    pub around: Vec<String>,
    /// Only these logs, by name or the first part of it; all logs in the store if empty.
    pub log: Vec<String>,
    /// Count each event once, even if it was delivered more than once: the first of its records that all other filters
    /// leave.
    pub distinct: bool,
    /// Regular expressions over the record's own text.
    pub pattern: Vec<String>,
    /// Treat `pattern` as literal text.
    pub fixed: bool,
    /// Ignore case in `pattern`.
    pub ignore_case: bool,
}
