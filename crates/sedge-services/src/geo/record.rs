//! What a record means. Databases of one format have different layouts: those of GeoIP2
//! (`country.iso_code`, `city.names.en`) and flat ones (`country_code`, `city`); a name that
//! both have is a text in one and a table in the other. So a record is read as it is, and what
//! is wanted is looked for where either layout has it.

use super::{Coordinates, Facts, Traits};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Longest text that is taken, bytes; of a longer one nothing is.
const TEXT_BYTES_MAX: usize = 256;

/// A value of a record; names and texts lie in the database.
pub(super) enum Value<'a> {
    Text(&'a str),
    Integer(u64),
    Number(f64),
    Flag(bool),
    Table(Vec<(&'a str, Value<'a>)>),
    /// A list, of which only the first is of interest: the largest subdivision.
    First(Option<Box<Value<'a>>>),
    /// Bytes, negative and very large numbers, of which no layout has any that matter.
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a record")
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(value))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Flag(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value))
    }
    fn visit_u128<E>(self, _: u128) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value))
    }
    fn visit_bytes<E>(self, _: &[u8]) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut table = Vec::new();
        while let Some(entry) = map.next_entry()? {
            table.push(entry);
        }
        Ok(Value::Table(table))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::First(first.map(Box::new)))
    }
}

impl Value<'_> {
    /// What lies at the end of a path of names.
    fn at(&self, path: &[&str]) -> Option<&Self> {
        let Some((name, rest)) = path.split_first() else { return Some(self) };
        match self {
            Value::Table(table) => table.iter().find(|(key, _)| key == name)?.1.at(rest),
            Value::First(first) => first.as_ref()?.at(path),
            _ => None,
        }
    }

    /// The first of these places that has a text which can be shown.
    fn text(&self, places: &[&[&str]]) -> Option<String> {
        places.iter().find_map(|path| match self.at(path)? {
            Value::Text(text) => {
                let is_fit = !text.is_empty() && text.len() <= TEXT_BYTES_MAX;
                let is_plain = is_fit && !text.chars().any(char::is_control);
                is_plain.then(|| (*text).to_owned())
            }
            Value::Integer(number) => Some(number.to_string()),
            _ => None,
        })
    }

    /// The first that has the code of a country or continent: two capitals.
    fn code(&self, places: &[&[&str]]) -> Option<String> {
        places.iter().find_map(|path| {
            let code = self.text(&[path])?;
            let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
            is_code.then_some(code)
        })
    }

    /// The first that has a whole number, also as `AS64496`.
    fn integer(&self, places: &[&[&str]]) -> Option<u32> {
        places.iter().find_map(|path| match self.at(path)? {
            Value::Integer(number) => u32::try_from(*number).ok(),
            Value::Text(text) => text.strip_prefix("AS").unwrap_or(text).parse().ok(),
            _ => None,
        })
    }

    /// The first that has a number of this range, also as text.
    fn degrees(&self, places: &[&[&str]], max: f64) -> Option<f64> {
        let number = places.iter().find_map(|path| match self.at(path)? {
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        });
        number.filter(|number| (-max..=max).contains(number))
    }

    fn flag(&self, names: &[&str]) -> bool {
        names.iter().any(|name| {
            let places: [&[&str]; 2] = [&[name], &["traits", name]];
            places.iter().any(|path| matches!(self.at(path), Some(Value::Flag(true))))
        })
    }

    fn coordinates(&self) -> Option<Coordinates> {
        let accuracy_km = self.integer(&[&["location", "accuracy_radius"], &["accuracy_radius"]]);
        Some(Coordinates {
            latitude: self.degrees(&[&["location", "latitude"], &["latitude"]], 90.0)?,
            longitude: self.degrees(&[&["location", "longitude"], &["longitude"]], 180.0)?,
            accuracy_km: accuracy_km.and_then(|km| u16::try_from(km).ok()),
        })
    }

    fn traits(&self) -> Traits {
        let vpn = self.flag(&["is_anonymous_vpn"]);
        let public_proxy = self.flag(&["is_public_proxy"]);
        let residential_proxy = self.flag(&["is_residential_proxy"]);
        let tor_exit = self.flag(&["is_tor_exit_node"]);
        let hides = vpn || public_proxy || residential_proxy || tor_exit;
        Traits {
            anonymous: hides || self.flag(&["is_anonymous", "is_anonymous_proxy"]),
            vpn,
            hosting: self.flag(&["is_hosting_provider"]),
            public_proxy,
            residential_proxy,
            tor_exit,
        }
    }

    /// What the record says.
    pub(super) fn facts(&self) -> Facts {
        let number = "autonomous_system_number";
        let organization = "autonomous_system_organization";
        Facts {
            continent: self.code(&[&["continent", "code"], &["continent_code"], &["continent"]]),
            country: self.code(&[
                &["country", "iso_code"],
                &["country_code"],
                &["country"],
                &["registered_country", "iso_code"],
            ]),
            subdivision: self.text(&[&["subdivisions", "iso_code"], &["state1"], &["region"]]),
            city: self.text(&[&["city", "names", "en"], &["city"]]),
            postal_code: self.text(&[&["postal", "code"], &["postcode"], &["postal_code"]]),
            time_zone: self.text(&[&["location", "time_zone"], &["timezone"]]),
            coordinates: self.coordinates(),
            autonomous_system: self.integer(&[&[number], &["traits", number], &["asn"]]),
            organization: self.text(&[&[organization], &["traits", organization], &["as_name"]]),
            traits: self.traits(),
        }
    }
}
