//! Where addresses are, according to the user's `mmdb` databases.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use maxminddb::{Reader, geoip2};

/// The databases of a folder.
pub(crate) struct Geo {
    readers: Vec<Reader<Vec<u8>>>,
}

impl Geo {
    /// Opens all databases (`*.mmdb`) in a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let wrong = || format!("--geoip {}", folder.display());
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).with_context(wrong)? {
            let path = entry.with_context(wrong)?.path();
            if path.extension().is_some_and(|extension| extension == "mmdb") {
                paths.push(path);
            }
        }
        paths.sort();
        if paths.is_empty() {
            bail!("{} has no MaxMind database (*.mmdb)", folder.display());
        }
        let readers = paths.iter().map(|path| Reader::open_readfile(path).with_context(|| path.display().to_string()));
        Ok(Self { readers: readers.collect::<Result<_>>()? })
    }

    /// Country and network of an address: `US, AS14618 AMAZON-AES`; empty if no database has it.
    pub(crate) fn place(&self, address: &str) -> Option<String> {
        let address: IpAddr = address.parse().ok()?;
        let mut parts: Vec<String> = Vec::new();
        for reader in &self.readers {
            // A damaged record counts as absent.
            let Ok(found) = reader.lookup(address) else { continue };
            let what = reader.metadata().database_type.as_str();
            if what.contains("ASN") || what.contains("ISP") {
                let Ok(Some(asn)) = found.decode::<geoip2::Asn>() else { continue };
                let number = asn.autonomous_system_number.map(|number| format!("AS{number}"));
                let name = asn.autonomous_system_organization.map(str::to_owned);
                parts.extend(number.into_iter().chain(name).reduce(|number, name| format!("{number} {name}")));
            } else if let Ok(Some(country)) = found.decode::<geoip2::Country>() {
                // The country first, whatever the files are called.
                if let Some(code) = country.country.iso_code {
                    parts.insert(0, code.to_owned());
                }
            }
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
