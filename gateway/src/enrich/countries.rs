//! The country of an address, from an MMDB file of whichever maker: `country_code` at the root, or
//! `country.iso_code` as in GeoLite2.

use maxminddb::Reader;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::Path;

#[derive(Default)]
pub struct Countries {
    reader: Option<Reader<Vec<u8>>>,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    country_code: Option<&'a str>,
    #[serde(borrow)]
    country: Option<Country<'a>>,
}

#[derive(Deserialize)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

impl Countries {
    pub fn open(path: &Path) -> Result<Countries, String> {
        let reader = Reader::open_readfile(path).map_err(|error| error.to_string())?;
        Ok(Countries {
            reader: Some(reader),
        })
    }

    /// Two letters, as ISO 3166 has them. Private addresses have none, even if the file lists them.
    pub fn look_up(&self, address: IpAddr) -> Option<String> {
        if is_private(address) {
            return None;
        }
        let found = self.reader.as_ref()?.lookup(address).ok()?;
        let place: Place = found.decode().ok()??;
        let code = place
            .country_code
            .or_else(|| place.country.and_then(|country| country.iso_code))?;
        Some(code.to_ascii_uppercase())
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    }
}
