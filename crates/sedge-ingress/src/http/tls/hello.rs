//! The first message of a TLS client, read from the raw bytes: rustls keeps
//! neither the order nor the numbers of its extensions, and a fingerprint needs
//! both.
//!
//! This parser decides nothing. rustls reads the same bytes after it, and what
//! rustls refuses is refused.

/// Bytes of records in which a ClientHello must fit; browsers send two
/// kilobytes.
pub const BYTES_MAX: usize = 32 * 1024;

/// No record has more (RFC 5246 §6.2.3); plaintext ones have 2 kB less, which
/// rustls does not insist on.
const RECORD_BYTES_MAX: usize = (1 << 14) + 2048;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Numbers of extensions (IANA, TLS ExtensionType Values).
pub(super) const SERVER_NAME: u16 = 0x0000;
const SIGNATURE_ALGORITHMS: u16 = 0x000d;
pub(super) const ALPN: u16 = 0x0010;
const SUPPORTED_VERSIONS: u16 = 0x002b;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a ClientHello.
    Incomplete,
    /// A whole ClientHello.
    Hello(ClientHello),
    /// A TLS record that holds no valid ClientHello, or one that does not fit
    /// into [`BYTES_MAX`].
    Malformed,
    /// The beginning of a request without TLS.
    PlainHttp,
    /// None of these.
    Foreign,
}

/// What a client offers (RFC 8446 §4.1.2), all lists in its order and with its
/// GREASE values (RFC 8701).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The field `legacy_version`.
    pub legacy_version: u16,
    /// Cipher suites.
    pub ciphers: Vec<u16>,
    /// The numbers of all extensions.
    pub extensions: Vec<u16>,
    /// From the extension `supported_versions`.
    pub versions: Vec<u16>,
    /// From the extension `signature_algorithms`.
    pub signature_schemes: Vec<u16>,
    /// From the extension `application_layer_protocol_negotiation`.
    pub protocols: Vec<Vec<u8>>,
}

/// Reads the bytes that a client has sent so far.
pub fn parse(bytes: &[u8]) -> Parsed {
    match bytes.first() {
        None => return Parsed::Incomplete,
        Some(&HANDSHAKE) => {}
        // Every method begins so, and no record of TLS does.
        Some(b'A'..=b'Z') => return Parsed::PlainHttp,
        Some(_) => return Parsed::Foreign,
    }
    match message(bytes) {
        Ok(None) if bytes.len() < BYTES_MAX => Parsed::Incomplete,
        Ok(None) | Err(NotAHello) => Parsed::Malformed,
        Ok(Some(message)) => client_hello(&message).map_or(Parsed::Malformed, Parsed::Hello),
    }
}

struct NotAHello;

/// The body of the first handshake message, joined from its records; `None` if
/// some of it has not arrived.
fn message(bytes: &[u8]) -> Result<Option<Vec<u8>>, NotAHello> {
    // First count, so that bytes that arrive one by one are not copied again
    // and again.
    let mut arrived = 0;
    let mut head = [0; 4];
    for fragment in Records(bytes) {
        let fragment = fragment?;
        for (to, from) in head.iter_mut().skip(arrived).zip(fragment) {
            *to = *from;
        }
        arrived += fragment.len();
        if head[0] != CLIENT_HELLO && arrived > 0 {
            return Err(NotAHello);
        }
        let wanted = 4 + u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
        if arrived >= 4 && wanted > BYTES_MAX {
            return Err(NotAHello);
        }
        if arrived >= 4 && arrived >= wanted {
            let parts = Records(bytes).map_while(Result::ok).flatten();
            return Ok(Some(parts.take(wanted).skip(4).copied().collect()));
        }
    }
    Ok(None)
}

/// The fragments in the records of handshake messages, the last one as far as
/// it has arrived.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Result<&'a [u8], NotAHello>;

    fn next(&mut self) -> Option<Self::Item> {
        let [kind, rest @ ..] = self.0 else { return None };
        // The second byte of the version differs between versions, for the sake
        // of old middleboxes.
        if *kind != HANDSHAKE || rest.first().is_some_and(|&major| major != 3) {
            return Some(Err(NotAHello));
        }
        let [_, _, high, low, rest @ ..] = rest else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length == 0 || length > RECORD_BYTES_MAX {
            return Some(Err(NotAHello));
        }
        let (fragment, rest) = rest.split_at(length.min(rest.len()));
        self.0 = rest;
        Some(Ok(fragment))
    }
}

/// Reads the body of a ClientHello; `None` if it is not one to its last byte.
fn client_hello(body: &[u8]) -> Option<ClientHello> {
    let mut body = Reader(body);
    let mut hello = ClientHello { legacy_version: body.u16()?, ..ClientHello::default() };
    let _random = body.take(32)?;
    let _session = body.short()?;
    hello.ciphers = body.long()?.numbers()?;
    let _compression = body.short()?;
    if body.is_empty() {
        // Before TLS 1.2 there were no extensions.
        return Some(hello);
    }
    let mut extensions = body.long()?;
    while !extensions.is_empty() {
        let number = extensions.u16()?;
        let mut value = extensions.long()?;
        hello.extensions.push(number);
        match number {
            SIGNATURE_ALGORITHMS => hello.signature_schemes = value.long()?.numbers()?,
            SUPPORTED_VERSIONS => hello.versions = value.short()?.numbers()?,
            ALPN => {
                let mut list = value.long()?;
                hello.protocols.clear();
                while !list.is_empty() {
                    hello.protocols.push(list.short()?.0.to_vec());
                }
            }
            _ => continue,
        }
        if !value.is_empty() {
            return None;
        }
    }
    body.is_empty().then_some(hello)
}

/// Takes bytes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, bytes: usize) -> Option<Reader<'a>> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(Reader(taken))
    }

    fn u16(&mut self) -> Option<u16> {
        let taken = self.take(2)?;
        Some(u16::from_be_bytes([taken.0[0], taken.0[1]]))
    }

    /// What one byte of length announces.
    fn short(&mut self) -> Option<Reader<'a>> {
        let length = self.take(1)?.0[0];
        self.take(usize::from(length))
    }

    /// What two bytes of length announce.
    fn long(&mut self) -> Option<Reader<'a>> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// All of it as numbers of two bytes.
    fn numbers(self) -> Option<Vec<u16>> {
        let (pairs, rest) = self.0.as_chunks::<2>();
        rest.is_empty().then(|| pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect())
    }
}

#[cfg(test)]
pub(crate) mod tests;
