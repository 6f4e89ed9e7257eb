//! Time zones by their names.

use crate::document::{Invalid, suggest};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fmt;

/// A time zone of the IANA database, in the release that the binary contains.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: Box<str>,
    pub(super) zone: TimeZone,
}

impl Zone {
    /// Finds a time zone by its name, such as `Europe/Berlin`, in any case.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let database = TimeZoneDatabase::bundled();
        let known = |zone: &TimeZone| !zone.is_unknown();
        if let Some(zone) = database.get(name).ok().filter(known) {
            let name = zone.iana_name().unwrap_or(name).into();
            return Ok(Zone { name, zone });
        }
        let message = format!("`{}` is not a time zone", name.escape_debug());
        let names: Vec<String> = database.available().map(|one| one.as_str().to_owned()).collect();
        let wanted = name.replace(' ', "_");
        let city = |one: &&String| {
            one.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(&wanted))
        };
        let near = names.iter().find(city).map(String::as_str);
        let near = near.or_else(|| suggest::nearest(&wanted, names.iter().map(String::as_str)));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a name of the IANA database, for example \"Europe/Berlin\"".to_owned(),
        };
        Err(Invalid::new(message, hint))
    }

    /// Coordinated universal time.
    pub fn utc() -> Self {
        Zone { name: "UTC".into(), zone: TimeZone::UTC }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.name, f)
    }
}
