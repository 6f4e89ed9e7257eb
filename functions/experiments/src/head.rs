//! Header fields as they are read and changed here.

/// The fields of a message: names as they came, values as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, Vec<u8>)>);

impl Fields {
    /// The lines of a field that are UTF-8; others say nothing here.
    pub fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        let own = self.0.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        own.filter_map(|(_, value)| str::from_utf8(value).ok())
    }

    /// The only line of a field. Of several nobody knows which one is meant.
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut own = self.0.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        let (_, value) = own.next()?;
        own.next().is_none().then(|| str::from_utf8(value).ok()).flatten()
    }

    /// Whether there is a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    /// Adds a line.
    pub fn add(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// One line instead of all that there are.
    pub fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.remove(name);
        self.add(name, value);
    }

    /// Takes out all lines of a field; whether there were any.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self.0.len() < before
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Fields {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.as_bytes().to_vec());
        Fields(pairs.into_iter().map(owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_lines_none_is_the_one() {
        let mut fields = Fields::from([("X-A", "1"), ("x-a", "2"), ("b", "3")]);
        fields.add("c", b"\xff".to_vec());
        assert_eq!((fields.one("x-a"), fields.one("B"), fields.one("c")), (None, Some("3"), None));
        assert_eq!(fields.lines("X-a").collect::<Vec<_>>(), ["1", "2"]);
        assert!(fields.has("C") && fields.remove("x-A") && !fields.remove("x-a"));
        fields.set("b", "4");
        assert_eq!(fields.one("b"), Some("4"));
    }
}
