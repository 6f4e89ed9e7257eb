//! Sizes and times: a plain integer is in the unit that ends the key's name; a
//! string carries its own unit (`"128 MiB"`, `"30 s"`).

use super::Invalid;
use schemars::{Schema, SchemaGenerator, json_schema};

/// The schema keyword that tells the unit of a plain integer.
pub(crate) const KEYWORD: &str = "x-unit";

/// What a quantity is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    Milliseconds,
    Seconds,
}

const SIZES: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];
/// In milliseconds.
const TIMES: &[(&str, u64)] = &[("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

impl Unit {
    /// The unit that a schema names.
    pub(crate) fn of(schema: &serde_json::Value) -> Option<Unit> {
        match schema.get(KEYWORD)?.as_str()? {
            "bytes" => Some(Unit::Bytes),
            "ms" => Some(Unit::Milliseconds),
            "s" => Some(Unit::Seconds),
            _ => None,
        }
    }

    /// What a person calls a value of this unit.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Unit::Bytes => "size",
            Unit::Milliseconds | Unit::Seconds => "duration",
        }
    }

    fn table(self) -> (&'static [(&'static str, u64)], u64) {
        match self {
            Unit::Bytes => (SIZES, 1),
            Unit::Milliseconds => (TIMES, 1),
            Unit::Seconds => (TIMES, 1_000),
        }
    }

    /// The number of units that `text` says: digits, at most one space, unit.
    pub(crate) fn parse(self, text: &str) -> Result<u64, Invalid> {
        let (table, per_unit) = self.table();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let suffix = text[digits..].strip_prefix(' ').unwrap_or(&text[digits..]);
        let scale = table.iter().find(|(name, _)| *name == suffix).map(|(_, scale)| *scale);
        let number = text[..digits].parse::<u64>().ok();
        let total = number.zip(scale).and_then(|(number, scale)| number.checked_mul(scale));
        match total {
            Some(total) if total % per_unit == 0 => Ok(total / per_unit),
            Some(_) => Err(Invalid::new(
                format!("`{text}` is not a whole number of seconds"),
                "the resolution of this key is one second",
            )),
            None => Err(Invalid::new(
                format!("`{text}` is not a {}", self.noun()),
                match self {
                    Unit::Bytes => {
                        "write whole bytes, or a whole number with one of B, kB, MB, GB, TB, KiB, \
                         MiB, GiB, TiB, for example \"64 MiB\""
                    }
                    Unit::Milliseconds => {
                        "write whole milliseconds, or a whole number with one of ms, s, min, h, \
                         for example \"30 s\""
                    }
                    Unit::Seconds => {
                        "write whole seconds, or a whole number with one of s, min, h, for \
                         example \"30 s\""
                    }
                },
            )),
        }
    }

    /// `value` in the largest unit that says it exactly.
    pub(crate) fn show(self, value: u64) -> String {
        let (table, per_unit) = self.table();
        let total = value.saturating_mul(per_unit);
        let binary = table.iter().find(|(_, scale)| total > 0 && total % scale == 0);
        match binary {
            Some((name, scale)) => format!("{} {name}", total / scale),
            None => "0".to_owned(),
        }
    }
}

fn quantity(unit: &str, units: &str) -> Schema {
    json_schema!({
        "type": ["integer", "string"],
        "pattern": format!("^[0-9]+ ?({units})$"),
        "maxLength": 32,
        KEYWORD: unit,
    })
}

/// Schema of a size in bytes.
pub(crate) fn bytes(_: &mut SchemaGenerator) -> Schema {
    quantity("bytes", "B|[kMGT]B|[KMGT]iB")
}

/// Schema of a time in milliseconds.
pub(crate) fn ms(_: &mut SchemaGenerator) -> Schema {
    quantity("ms", "ms|s|min|h")
}

/// Schema of a time in seconds.
pub(crate) fn seconds(_: &mut SchemaGenerator) -> Schema {
    quantity("s", "ms|s|min|h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_a_quantity() {
        for bad in ["", "1", "MiB", "1.5 MiB", "-1 B", "1  B", "1 mb", "1 s", "99999999999 TiB"] {
            assert!(Unit::Bytes.parse(bad).is_err(), "{bad}");
        }
        for bad in ["1500 ms", "1 MiB", "1 S"] {
            assert!(Unit::Seconds.parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for unit in [Unit::Bytes, Unit::Milliseconds, Unit::Seconds] {
            for value in [1, 59, 60, 1_000, 1_024, 90_000, 1 << 20, 134_217_728, 86_400_000] {
                let shown = unit.show(value);
                assert_eq!(unit.parse(&shown), Ok(value), "{shown}");
            }
        }
        assert_eq!(Unit::Bytes.show(128 << 20), "128 MiB");
        assert_eq!(Unit::Milliseconds.show(30_000), "30 s");
        assert_eq!(Unit::Bytes.parse("64KiB"), Ok(65_536));
    }
}
