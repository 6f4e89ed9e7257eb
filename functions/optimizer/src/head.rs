//! Header fields as the functions here read and change them.

/// The fields of a message: names as they came, values as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, Vec<u8>)>);

impl Fields {
    /// Whether there is a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.lines(name).next().is_some()
    }

    /// The lines of a field, joined (RFC 9110 §5.3). A line that is not UTF-8 is
    /// taken for what it is in Latin-1, so that it is never taken for absent.
    pub fn get(&self, name: &str) -> Option<String> {
        let mut lines = self.lines(name).map(|line| match str::from_utf8(line) {
            Ok(text) => text.to_string(),
            Err(_) => line.iter().map(|byte| char::from(*byte)).collect(),
        });
        let first = lines.next()?;
        Some(lines.fold(first, |all, line| all + ", " + &line))
    }

    /// The field in one line instead of all that there are.
    pub fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.remove(name);
        self.0.push((name.to_string(), value.into()));
    }

    /// Takes out all lines of a field.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    }

    fn lines(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let own = self.0.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        own.map(|(_, value)| &value[..])
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Fields {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_string(), value.as_bytes().to_vec());
        Fields(pairs.into_iter().map(owned).collect())
    }
}

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The fields.
    pub fields: Fields,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_none_is_lost() {
        let mut fields = Fields::from([("Vary", "a"), ("x", "1"), ("vary", "b")]);
        assert_eq!(fields.get("VARY").as_deref(), Some("a, b"));
        fields.0.push(("etag".into(), b"\"\xff\"".to_vec()));
        assert_eq!(fields.get("etag").as_deref(), Some("\"ÿ\""));
        fields.set("vary", "c");
        assert_eq!(fields.get("vary").as_deref(), Some("c"));
        fields.remove("X");
        assert!(!fields.has("x") && fields.get("x").is_none());
    }
}
