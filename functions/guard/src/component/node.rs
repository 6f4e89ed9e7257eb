//! What the node offers: configuration, places of addresses, kinds of clients, a store.

#[allow(missing_docs)]
pub(super) mod bindings {
    wasip3::wit_bindgen::generate!({
        inline: "
            package sedge:guard;
            world guard {
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:config/store@0.2.0-rc.1;
                import sedge:keyvalue/expiry@0.1.0;
                import sedge:geo/lookup@0.1.0;
                import sedge:client/connection@0.1.0;
                import sedge:client/agent@0.1.0;
                import sedge:secrets/store@0.1.0;
                export sedge:lifecycle/initialization@0.1.0;
                export sedge:link/filter@0.1.0;
            }
        ",
        path: "../../wit",
        world: "sedge:guard/guard",
        runtime_path: "wasip3::wit_bindgen::rt",
        generate_all,
    });
}

use crate::judge::{Host, Located};
use crate::settings::Settings;
use bindings::sedge::client::agent::{self, Kind};
use bindings::sedge::client::connection;
use bindings::sedge::geo::lookup::{self, Error, Facts, Traits as HostTraits};
use bindings::sedge::keyvalue::expiry;
use bindings::sedge::secrets;
use bindings::wasi::config;
use bindings::wasi::keyvalue::store::{self, Bucket};
use sedge_kit::guard::facts::{Agent, Place, Point, Traits};
use sedge_kit::guard::travel::ACCURACY_KM_MAX;
use std::net::IpAddr;

/// A value of the configuration. What cannot be read is as if it were wrong, not as if it were
/// not there.
pub(super) fn config(name: &str) -> Option<String> {
    config::store::get(name).unwrap_or_else(|error| Some(format!("unreadable: {error:?}")))
}

/// A secret, if it is granted and can be read.
pub(super) fn secret(name: &str) -> Option<String> {
    secrets::store::get(name).unwrap_or_else(|error| {
        eprintln!("guard: the secret {name}: {error:?}");
        None
    })
}

/// The client's address, as far as the node believes it.
pub(super) fn address() -> Option<IpAddr> {
    read_address(&connection::address()?)
}

/// An address as the node writes it.
pub(super) fn read_address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    Some(address.to_canonical())
}

/// The node, with the namespace that the settings name.
pub(super) struct Node {
    bucket: Option<Result<Bucket, ()>>,
}

impl Node {
    pub(super) fn of(settings: &Settings) -> Self {
        let name = settings.store.as_deref();
        Node { bucket: name.map(|name| store::open(name).map_err(|_| ())) }
    }

    fn bucket(&self) -> Result<&Bucket, &'static str> {
        self.bucket.as_ref().and_then(|it| it.as_ref().ok()).ok_or("store")
    }
}

impl Host for Node {
    fn locate(&self, address: &str) -> Result<Option<Located>, &'static str> {
        match lookup::locate(address) {
            Ok(facts) => Ok(facts.map(located)),
            // That there is nothing to ask is no failure: nothing is known then.
            Err(Error::AccessDenied | Error::NoDatabase) => Ok(None),
            Err(Error::NotAnAddress(_)) => Err("address"),
            Err(Error::Damaged(_)) => Err("geo"),
        }
    }

    fn agent(&self, user_agent: &str) -> Option<Agent> {
        Some(match agent::parse(user_agent).ok()?.kind {
            Kind::Desktop => Agent::Desktop,
            Kind::Mobile => Agent::Mobile,
            Kind::Tablet => Agent::Tablet,
            Kind::Tv => Agent::Tv,
            Kind::Bot => Agent::Bot,
            Kind::Other => Agent::Other,
        })
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, &'static str> {
        self.bucket()?.get(key).map_err(|_| "store")
    }

    fn set(&self, key: &str, value: &[u8], ttl_ms: u64) -> Result<(), &'static str> {
        expiry::set(self.bucket()?, key, value, ttl_ms).map_err(|_| "store")
    }
}

fn located(facts: Facts) -> Located {
    let Facts { place, network, traits } = facts;
    let point = place.coordinates.map(|it| Point {
        latitude: it.latitude,
        longitude: it.longitude,
        // A database that does not say how exact it is may mean the middle of a country.
        accuracy_km: it.accuracy_km.map_or(ACCURACY_KM_MAX, f64::from),
    });
    let text = |text: Option<String>| text.map(Into::into);
    Located {
        place: Place {
            continent: text(place.continent),
            country: text(place.country),
            region: text(place.subdivision),
            city: text(place.city),
            point,
        },
        autonomous_system: network.autonomous_system,
        traits: Traits {
            anonymous: traits.contains(HostTraits::ANONYMOUS),
            vpn: traits.contains(HostTraits::VPN),
            hosting: traits.contains(HostTraits::HOSTING),
            public_proxy: traits.contains(HostTraits::PUBLIC_PROXY),
            residential_proxy: traits.contains(HostTraits::RESIDENTIAL_PROXY),
            tor_exit: traits.contains(HostTraits::TOR_EXIT),
        },
    }
}
