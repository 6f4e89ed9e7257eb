//! Writes small databases in MaxMind's format (specification 2.0): enough of it for tests.

use std::net::IpAddr;

/// A value of a record.
#[derive(Clone)]
pub enum Written {
    /// UTF-8.
    Text(String),
    /// 64 bits.
    Double(f64),
    /// 16 bits, unsigned.
    Short(u16),
    /// 32 bits, unsigned.
    Integer(u32),
    /// 64 bits, unsigned.
    Long(u64),
    /// A boolean.
    Flag(bool),
    /// An array.
    List(Vec<Written>),
    /// A map, in this order.
    Map(Vec<(String, Written)>),
}

impl From<&str> for Written {
    fn from(text: &str) -> Self {
        Written::Text(text.to_owned())
    }
}

/// A table.
pub fn map<const N: usize, V: Into<Written>>(entries: [(&str, V); N]) -> Written {
    let entries = entries.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
    Written::Map(entries.collect())
}

/// A list.
pub fn list<const N: usize>(values: [Written; N]) -> Written {
    Written::List(values.into())
}

impl Written {
    /// Appends the value: a byte of type and size, a longer size, and what it is.
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Written::Text(text) => {
                head(bytes, 2, text.len());
                bytes.extend(text.as_bytes());
            }
            Written::Double(number) => {
                head(bytes, 3, 8);
                bytes.extend(number.to_be_bytes());
            }
            Written::Short(number) => {
                head(bytes, 5, 2);
                bytes.extend(number.to_be_bytes());
            }
            Written::Long(number) => {
                head(bytes, 9, 8);
                bytes.extend(number.to_be_bytes());
            }
            Written::Integer(number) => {
                head(bytes, 6, 4);
                bytes.extend(number.to_be_bytes());
            }
            Written::Flag(flag) => head(bytes, 14, usize::from(*flag)),
            Written::List(values) => {
                head(bytes, 11, values.len());
                values.iter().for_each(|value| value.write(bytes));
            }
            Written::Map(entries) => {
                head(bytes, 7, entries.len());
                for (name, value) in entries {
                    Written::from(name.as_str()).write(bytes);
                    value.write(bytes);
                }
            }
        }
    }
}

fn head(bytes: &mut Vec<u8>, kind: u8, size: usize) {
    let (first, more) = match size {
        0..29 => (size as u8, vec![]),
        29..285 => (29, vec![(size - 29) as u8]),
        _ => (30, ((size - 285) as u16).to_be_bytes().to_vec()),
    };
    // Types above 7 say 0 and then how much above.
    if kind > 7 {
        bytes.extend([first, kind - 7]);
    } else {
        bytes.push(kind << 5 | first);
    }
    bytes.extend(more);
}

/// A tree of networks and their records.
pub struct Database {
    kind: String,
    /// Each has two places: another node, a record, or nothing.
    nodes: Vec<[Place; 2]>,
    data: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Place {
    Nothing,
    Node(usize),
    Record(usize),
}

impl Database {
    /// One without networks, of this type.
    pub fn new(kind: &str) -> Self {
        Database { kind: kind.to_owned(), nodes: vec![[Place::Nothing; 2]], data: Vec::new() }
    }

    /// Adds a network that overlaps none. IPv4 lies at `::`, as the format has it.
    pub fn add(&mut self, network: IpAddr, prefix: u32, record: Written) {
        let (bits, prefix) = match network {
            IpAddr::V4(address) => (u128::from(u32::from(address)), prefix + 96),
            IpAddr::V6(address) => (u128::from(address), prefix),
        };
        let begin = self.data.len();
        record.write(&mut self.data);
        let mut node = 0;
        for depth in 0..prefix {
            let side = (bits >> (127 - depth) & 1) as usize;
            if depth + 1 == prefix {
                self.nodes[node][side] = Place::Record(begin);
                return;
            }
            node = match self.nodes[node][side] {
                Place::Node(next) => next,
                _ => {
                    self.nodes.push([Place::Nothing; 2]);
                    let next = self.nodes.len() - 1;
                    self.nodes[node][side] = Place::Node(next);
                    next
                }
            };
        }
    }

    /// The file: tree, separator, records, marker, and what it says of itself.
    pub fn bytes(&self) -> Vec<u8> {
        let count = self.nodes.len();
        let mut bytes = Vec::new();
        for place in self.nodes.iter().flatten() {
            let value = match place {
                Place::Nothing => count,
                Place::Node(node) => *node,
                Place::Record(at) => count + 16 + at,
            };
            bytes.extend((value as u32).to_be_bytes());
        }
        bytes.extend([0; 16]);
        bytes.extend(&self.data);
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        let metadata = map([
            ("binary_format_major_version", Written::Short(2)),
            ("binary_format_minor_version", Written::Short(0)),
            ("build_epoch", Written::Long(1_790_000_000)),
            ("database_type", Written::from(self.kind.as_str())),
            ("description", map([("en", "for a test")])),
            ("ip_version", Written::Short(6)),
            ("languages", list([Written::from("en")])),
            ("node_count", Written::Integer(count as u32)),
            ("record_size", Written::Short(32)),
        ]);
        metadata.write(&mut bytes);
        bytes
    }
}
