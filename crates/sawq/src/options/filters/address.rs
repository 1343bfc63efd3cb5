//! Addresses and ports, and whether flows were accepted.

use clap::Args;
use sawlog_query::Filters;

/// Addresses and ports, and whether flows were accepted.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct AddressArgs {
    /// The caller's address, or a network such as 10.0.0.0/8; in flow logs, source or destination
    #[arg(long, global = true, value_name = "IP|CIDR")]
    ip: Vec<String>,
    /// The source address: like --ip, but in flow logs the source only
    #[arg(long, global = true, value_name = "IP|CIDR")]
    src: Vec<String>,
    /// The destination address in flow logs; in load balancer logs, the target's address
    #[arg(long, global = true, value_name = "IP|CIDR")]
    dst: Vec<String>,
    /// With --ip: the other end of its flows; without --ip: either end
    #[arg(long, global = true, value_name = "IP|CIDR")]
    peer: Vec<String>,
    /// The source or destination port, such as 443
    #[arg(long, global = true, value_name = "PORT")]
    port: Vec<String>,
    /// The source port
    #[arg(long, global = true, value_name = "PORT")]
    sport: Vec<String>,
    /// The destination port
    #[arg(long, global = true, value_name = "PORT")]
    dport: Vec<String>,
    /// What happened to a flow: ACCEPT or REJECT
    #[arg(long, global = true, value_name = "ACTION")]
    action: Vec<String>,
}

impl AddressArgs {
    /// Copies these options into `filters`.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { ip, src, dst, peer, port, sport, dport, action } = self.clone();
        *filters = Filters { ip, src, dst, peer, port, sport, dport, action, ..std::mem::take(filters) };
    }
}
