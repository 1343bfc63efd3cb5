//! Facets: the sides of an entity's records, and a container with one value per facet.

use std::ops::{Index, IndexMut};

use super::kind::Kind;

/// One side of an entity's records, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Facet {
    /// Addresses that called.
    Addresses,
    /// Other ends of flows.
    Peers,
    /// Destination ports of an address's flows.
    Ports,
    /// Who called.
    Principals,
    /// Access keys.
    AccessKeys,
    /// User agents.
    UserAgents,
    /// Operations.
    Operations,
    /// Why records failed.
    Errors,
    /// AWS services.
    Services,
    /// Buckets.
    Buckets,
    /// Objects: bucket and key.
    Objects,
    /// Hosts that requests name.
    Hosts,
    /// URLs.
    Urls,
    /// Regions.
    Regions,
    /// Accounts.
    Accounts,
}

/// How many facets there are.
const COUNT: usize = 15;

impl Facet {
    /// All of them, in order.
    pub(super) const ALL: [Self; COUNT] = [
        Self::Addresses,
        Self::Peers,
        Self::Ports,
        Self::Principals,
        Self::AccessKeys,
        Self::UserAgents,
        Self::Operations,
        Self::Errors,
        Self::Services,
        Self::Buckets,
        Self::Objects,
        Self::Hosts,
        Self::Urls,
        Self::Regions,
        Self::Accounts,
    ];

    /// Its heading.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Addresses => "addresses",
            Self::Peers => "peers on the network",
            Self::Ports => "destination ports",
            Self::Principals => "principals",
            Self::AccessKeys => "access keys",
            Self::UserAgents => "user agents",
            Self::Operations => "operations",
            Self::Errors => "errors",
            Self::Services => "services",
            Self::Buckets => "buckets",
            Self::Objects => "objects",
            Self::Hosts => "hosts",
            Self::Urls => "URLs",
            Self::Regions => "regions",
            Self::Accounts => "accounts",
        }
    }

    /// What its values are.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Addresses | Self::Peers => Kind::Ip,
            Self::Ports => Kind::Port,
            Self::Principals => Kind::Principal,
            Self::AccessKeys => Kind::AccessKey,
            Self::UserAgents => Kind::UserAgent,
            Self::Operations => Kind::Operation,
            Self::Errors => Kind::Error,
            Self::Services => Kind::EventSource,
            Self::Buckets => Kind::Bucket,
            Self::Objects => Kind::Object,
            Self::Hosts => Kind::Host,
            Self::Urls => Kind::Url,
            Self::Regions => Kind::Region,
            Self::Accounts => Kind::Account,
        }
    }

    /// The name of its values in every log, as in `top`; `None` for values that are made in another way.
    pub(super) fn column(self) -> Option<&'static str> {
        match self {
            Self::Peers | Self::Ports | Self::Objects => None,
            Self::Addresses => Some("ip"),
            Self::Principals => Some("user"),
            Self::AccessKeys => Some("access_key"),
            Self::UserAgents => Some("user_agent"),
            Self::Operations => Some("operation"),
            Self::Errors => Some("error"),
            Self::Services => Some("service"),
            Self::Buckets => Some("bucket"),
            Self::Hosts => Some("host"),
            Self::Urls => Some("url"),
            Self::Regions => Some("region"),
            Self::Accounts => Some("account"),
        }
    }

    /// Whether a value leads to other records.
    pub(super) fn is_pivot(self) -> bool {
        match self {
            Self::Addresses
            | Self::Principals
            | Self::AccessKeys
            | Self::UserAgents
            | Self::Buckets
            | Self::Objects
            | Self::Urls => true,
            Self::Peers
            | Self::Ports
            | Self::Operations
            | Self::Errors
            | Self::Services
            | Self::Hosts
            | Self::Regions
            | Self::Accounts => false,
        }
    }
}

/// A value for each facet.
#[derive(Debug, Default)]
pub struct PerFacet<T>([T; COUNT]);

impl<T> PerFacet<T> {
    /// What a function makes of each facet.
    pub(super) fn of(make: impl FnMut(Facet) -> T) -> Self {
        Self(Facet::ALL.map(make))
    }

    /// The facets and their values.
    pub fn iter(&self) -> impl Iterator<Item = (Facet, &T)> {
        Facet::ALL.into_iter().zip(&self.0)
    }

    /// The same, to change the values.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Facet, &mut T)> {
        Facet::ALL.into_iter().zip(&mut self.0)
    }

    /// The facets with the values themselves.
    pub(super) fn into_iter(self) -> impl Iterator<Item = (Facet, T)> {
        Facet::ALL.into_iter().zip(self.0)
    }
}

impl<T> Index<Facet> for PerFacet<T> {
    type Output = T;

    fn index(&self, facet: Facet) -> &T {
        &self.0[facet as usize]
    }
}

impl<T> IndexMut<Facet> for PerFacet<T> {
    fn index_mut(&mut self, facet: Facet) -> &mut T {
        &mut self.0[facet as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_facet_has_a_place_and_a_name_of_its_own() {
        let mut names = PerFacet::of(Facet::name);
        assert!(names.iter().all(|(facet, name)| *name == facet.name() && names[facet] == facet.name()));
        names[Facet::Urls] = "x";
        assert_eq!(
            names.into_iter().filter(|(_, name)| *name == "x").map(|(facet, _)| facet).collect::<Vec<_>>(),
            [Facet::Urls]
        );
        let different: std::collections::HashSet<_> = Facet::ALL.into_iter().map(Facet::name).collect();
        assert_eq!(different.len(), COUNT);
    }
}
