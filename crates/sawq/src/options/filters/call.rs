//! What was called, where, and any other field.
#![expect(clippy::doc_markdown, reason = "help is shown as it is written")]

use clap::Args;
use sawlog_query::Filters;

/// What was called, where, and any other field.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct CallArgs {
    /// The operation, such as REST.GET.OBJECT, PutUserPolicy or POST
    #[arg(long, global = true, value_name = "GLOB")]
    operation: Vec<String>,
    /// The user agent, such as 'aws-cli/*'
    #[arg(long, global = true, value_name = "GLOB", visible_alias = "user-agent")]
    agent: Vec<String>,
    /// The error code, such as AccessDenied; in flow logs REJECT, in load balancer logs also the status, such as 403;
    /// '*' for all failures, like --failed
    #[arg(long, global = true, value_name = "GLOB")]
    error: Vec<String>,
    /// The region that was called; in S3 logs, the region of the caller
    #[arg(long, global = true, value_name = "GLOB")]
    region: Vec<String>,
    /// An account number, or a bucket owner's canonical id
    #[arg(long, global = true, value_name = "ID")]
    account: Vec<String>,
    /// The service that was called, such as iam.amazonaws.com; in S3 logs always s3.amazonaws.com
    #[arg(long, global = true, value_name = "GLOB")]
    service: Vec<String>,
    /// The network interface, such as eni-0a1b2c3d4e5f60718
    #[arg(long, global = true, value_name = "GLOB")]
    interface: Vec<String>,
    /// The log file that holds the record, as in the column source_file
    #[arg(long, global = true, value_name = "GLOB")]
    source_file: Vec<String>,
    /// Any field, with dots into groups and JSON: request_parameters.userName=ann, http_status!=200; globs work. In a
    /// list any element may match, or one by its position from 0: resources.arn=*bucket, resources[0].arn=*bucket.
    /// Addresses are compared as in --ip. FIELD= matches records without a value
    #[arg(long = "where", global = true, value_name = "FIELD=VALUE")]
    condition: Vec<String>,
}

impl CallArgs {
    /// Copies these options into `filters`.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { operation, agent, error, region, account, service, interface, source_file, condition } =
            self.clone();
        *filters = Filters {
            operation,
            agent,
            error,
            region,
            account,
            service,
            interface,
            source_file,
            condition,
            ..std::mem::take(filters)
        };
    }
}
