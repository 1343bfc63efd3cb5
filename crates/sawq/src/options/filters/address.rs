//! Addresses and ports, and what became of flows.

use clap::Args;
use sawlog_query::Filters;

/// Addresses and ports, and what became of flows.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct AddressArgs {
    /// The caller's address, or a network such as 10.0.0.0/8; for flow logs, source or destination
    #[arg(long, global = true, value_name = "IP|CIDR")]
    ip: Vec<String>,
    /// The source address: like --ip, but for flow logs only where they came from
    #[arg(long, global = true, value_name = "IP|CIDR")]
    src: Vec<String>,
    /// The destination address of flows; for load balancers, the target's
    #[arg(long, global = true, value_name = "IP|CIDR")]
    dst: Vec<String>,
    /// The other end of flows with --ip; without --ip, either end
    #[arg(long, global = true, value_name = "IP|CIDR")]
    peer: Vec<String>,
    /// The port at either end
    #[arg(long, global = true, value_name = "PORT")]
    port: Vec<String>,
    /// The source port
    #[arg(long, global = true, value_name = "PORT")]
    sport: Vec<String>,
    /// The destination port
    #[arg(long, global = true, value_name = "PORT")]
    dport: Vec<String>,
    /// What became of a flow: ACCEPT or REJECT
    #[arg(long, global = true, value_name = "ACTION")]
    action: Vec<String>,
}

impl AddressArgs {
    /// Sets the filters that these are.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { ip, src, dst, peer, port, sport, dport, action } = self.clone();
        *filters = Filters { ip, src, dst, peer, port, sport, dport, action, ..std::mem::take(filters) };
    }
}
