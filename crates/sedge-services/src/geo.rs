//! Where an address is, and whose network it belongs to.
//!
//! The databases of a node lie in a folder, in MaxMind's format. They are mapped, not read:
//! all functions share the pages of them that are used. [`GeoDatabases`] are those of a node,
//! [`Geo`] is what one function was granted of them. What the files mean is in `record`, for
//! the layout of GeoIP2 and for flat ones.

mod database;
mod folder;
mod record;

pub use database::{DatabaseInfo, GeoError, check};
pub use folder::{GeoDatabases, put};

use std::net::IpAddr;
use std::sync::Arc;
use thiserror::Error;

/// What is known of an address. What no database says is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// `AF`, `AN`, `AS`, `EU`, `NA`, `OC` or `SA`.
    pub continent: Option<String>,
    /// ISO 3166-1, two capitals.
    pub country: Option<String>,
    /// ISO 3166-2 without the country; of flat databases, the name.
    pub subdivision: Option<String>,
    /// In English.
    pub city: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Of the IANA database.
    pub time_zone: Option<String>,
    /// A point.
    pub coordinates: Option<Coordinates>,
    /// The number of the autonomous system.
    pub autonomous_system: Option<u32>,
    /// Who runs it.
    pub organization: Option<String>,
    /// What is known of those who use the address.
    pub traits: Traits,
}

/// A point on Earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinates {
    /// Degrees, -90 to 90.
    pub latitude: f64,
    /// Degrees, -180 to 180.
    pub longitude: f64,
    /// Within how many kilometers the address probably is.
    pub accuracy_km: Option<u16>,
}

/// How those who use an address hide, or where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// In one of the ways below, or another one.
    pub anonymous: bool,
    /// A virtual private network.
    pub vpn: bool,
    /// A data center.
    pub hosting: bool,
    /// A proxy that anybody may use.
    pub public_proxy: bool,
    /// One in a home.
    pub residential_proxy: bool,
    /// Where traffic leaves Tor.
    pub tor_exit: bool,
}

impl Traits {
    fn or(self, other: Traits) -> Traits {
        Traits {
            anonymous: self.anonymous || other.anonymous,
            vpn: self.vpn || other.vpn,
            hosting: self.hosting || other.hosting,
            public_proxy: self.public_proxy || other.public_proxy,
            residential_proxy: self.residential_proxy || other.residential_proxy,
            tor_exit: self.tor_exit || other.tor_exit,
        }
    }
}

/// Why an address was not looked up. The texts are fit for guests.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LocateError {
    /// The manifest does not grant it.
    #[error("the manifest does not grant `geo`; hint: capabilities.geo = true")]
    AccessDenied,
    /// The text is none.
    #[error("{0:?} is no address")]
    NotAnAddress(String),
    /// There is none.
    #[error("the node has no database of addresses; hint: sedge geo update")]
    NoDatabase,
    /// What lies there cannot be read.
    #[error("the database {name} cannot be read at {address}: {detail}")]
    Damaged {
        /// The file's name.
        name: String,
        /// The address.
        address: IpAddr,
        /// What is wrong.
        detail: String,
    },
}

/// What one function was granted. Cheap to clone; by default nothing.
#[derive(Clone, Default)]
pub struct Geo(Option<Arc<GeoDatabases>>);

impl Geo {
    /// All that the node has.
    pub fn new(databases: &Arc<GeoDatabases>) -> Self {
        Geo(Some(Arc::clone(databases)))
    }

    /// Looks up an address; `None`: no database has it.
    ///
    /// # Errors
    /// Nothing was granted, the text is no address, there is no database, or what lies there
    /// cannot be read.
    pub fn locate(&self, address: &str) -> Result<Option<Facts>, LocateError> {
        let databases = self.0.as_ref().ok_or(LocateError::AccessDenied)?;
        let parsed = address.parse().map_err(|_| {
            // Of a hostile text, no more than shows what was meant.
            LocateError::NotAnAddress(address.chars().take(64).collect())
        })?;
        databases.locate(parsed)
    }
}

#[cfg(test)]
mod tests;
