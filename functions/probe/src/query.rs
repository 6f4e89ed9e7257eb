//! The query of a request's target.

/// Parameters in their order, decoded.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Splits a target into its path and its query.
    pub fn split(target: &str) -> (String, Self) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        (path.to_string(), Query(pairs))
    }

    /// A parameter; empty if it is absent.
    pub fn text_of(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A number; `default` if it is absent or no number.
    pub fn number_of(&self, name: &str, default: u64) -> u64 {
        self.text_of(name).parse().unwrap_or(default)
    }
}

/// Undoes percent-encoding; what is malformed is taken literally.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (bytes[at], hex.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
