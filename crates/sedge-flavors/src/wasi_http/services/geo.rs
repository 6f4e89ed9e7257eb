//! `sedge:geo/lookup`.

use super::bindings::sedge::geo::lookup;
use crate::wasi_http::state::State;
use sedge_services::geo::{Facts, LocateError, Traits};
use wasmtime::Result;

impl lookup::Host for State {
    fn locate(&mut self, address: String) -> Result<Result<Option<lookup::Facts>, lookup::Error>> {
        let found = self.spec.services.geo.locate(&address);
        Ok(found.map(|facts| facts.map(lowered)).map_err(told))
    }
}

fn told(error: LocateError) -> lookup::Error {
    match error {
        LocateError::AccessDenied => lookup::Error::AccessDenied,
        LocateError::NotAnAddress(_) => lookup::Error::NotAnAddress(error.to_string()),
        LocateError::NoDatabase => lookup::Error::NoDatabase,
        LocateError::Damaged { .. } => lookup::Error::Damaged(error.to_string()),
    }
}

fn lowered(facts: Facts) -> lookup::Facts {
    let coordinates = facts.coordinates.map(|point| lookup::Coordinates {
        latitude: point.latitude,
        longitude: point.longitude,
        accuracy_km: point.accuracy_km,
    });
    let traits = lowered_traits(facts.traits);
    lookup::Facts {
        place: lookup::Place {
            continent: facts.continent,
            country: facts.country,
            subdivision: facts.subdivision,
            city: facts.city,
            postal_code: facts.postal_code,
            time_zone: facts.time_zone,
            coordinates,
        },
        network: lookup::Network {
            autonomous_system: facts.autonomous_system,
            organization: facts.organization,
        },
        traits,
    }
}

fn lowered_traits(traits: Traits) -> lookup::Traits {
    let known = [
        (lookup::Traits::ANONYMOUS, traits.anonymous),
        (lookup::Traits::VPN, traits.vpn),
        (lookup::Traits::HOSTING, traits.hosting),
        (lookup::Traits::PUBLIC_PROXY, traits.public_proxy),
        (lookup::Traits::RESIDENTIAL_PROXY, traits.residential_proxy),
        (lookup::Traits::TOR_EXIT, traits.tor_exit),
    ];
    let set = known.into_iter().filter(|(_, is_set)| *is_set);
    set.fold(lookup::Traits::empty(), |all, (one, _)| all | one)
}
