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
    /// The user agent
    #[arg(long, global = true, value_name = "GLOB", visible_alias = "user-agent")]
    agent: Vec<String>,
    /// The error code, or what else says that it failed: for flow logs REJECT, for load balancers also the status; '*' for all that
    /// failed, like --failed
    #[arg(long, global = true, value_name = "GLOB")]
    error: Vec<String>,
    /// The region that was called; in S3 logs that of the caller
    #[arg(long, global = true, value_name = "GLOB")]
    region: Vec<String>,
    /// An account number, or the bucket owner's canonical id
    #[arg(long, global = true, value_name = "ID")]
    account: Vec<String>,
    /// The service that was called, such as iam.amazonaws.com; of S3 logs it is s3.amazonaws.com
    #[arg(long, global = true, value_name = "GLOB")]
    service: Vec<String>,
    /// The network interface
    #[arg(long, global = true, value_name = "GLOB")]
    interface: Vec<String>,
    /// The file that the record is from, as in source_file
    #[arg(long, global = true, value_name = "GLOB")]
    source_file: Vec<String>,
    /// Any field, in groups and JSON with dots: request_parameters.userName=ann, http_status!=200; globs work. Of a list any
    /// value will do, or the one at a place, counted from 0: resources.arn=*bucket, resources[0].arn=*bucket. Without a value:
    /// records that have none
    #[arg(long = "where", global = true, value_name = "FIELD=VALUE")]
    condition: Vec<String>,
}

impl CallArgs {
    /// Sets the filters that these are.
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
