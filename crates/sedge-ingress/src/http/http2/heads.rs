//! The heads of HTTP/2 frames (RFC 9113 §4.1), read from bytes as they pass.

/// What a client sends before its first frame (RFC 9113 §3.4).
pub const PREFACE_BYTES: usize = 24;

/// The bytes of a frame's head.
const HEAD_BYTES: usize = 9;

/// Frame types (RFC 9113 §6).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// Of SETTINGS and PING: an answer to the other side's.
pub(crate) const ACK: u8 = 1;
/// Of DATA and HEADERS: the stream's last frame in this direction.
pub(crate) const END_STREAM: u8 = 1;
/// Of HEADERS and CONTINUATION: the head's last frame.
pub(crate) const END_HEADERS: u8 = 4;

/// A frame's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the payload, below 2^24.
    pub length: u32,
    /// The frame's type; what is not known is passed over, so any is possible.
    pub kind: u8,
    /// What they mean depends on the type.
    pub flags: u8,
    /// The stream, without the reserved bit; 0 for the connection.
    pub stream: u32,
    /// Why, if the frame is `RST_STREAM` or `GOAWAY` and long enough to say.
    pub code: Option<u32>,
}

/// Finds the heads in a stream of bytes that is fed piece by piece. It holds some 30
/// bytes and believes every length: it does not judge, the server's own parser does.
pub struct Heads {
    /// Bytes until a frame begins: the preface, or what is left of a payload.
    skip: usize,
    /// The head, and behind it the beginning of a payload that has a code.
    bytes: [u8; HEAD_BYTES + 8],
    have: usize,
}

impl Heads {
    /// Begins with this many bytes that are no frame.
    pub fn new(skip: usize) -> Self {
        Heads { skip, bytes: [0; HEAD_BYTES + 8], have: 0 }
    }

    /// Whether the last frame has ended and no other has begun.
    pub fn is_between(&self) -> bool {
        self.skip == 0 && self.have == 0
    }

    /// Takes the next bytes, and calls `each` for every head that they complete, with
    /// its code if it has one.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Head)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let wanted = self.wanted();
            let taken = (wanted - self.have).min(bytes.len());
            self.bytes[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            // The head may say that its code is wanted too.
            if self.have < self.wanted() {
                continue;
            }
            let head = self.head();
            self.skip = head.length as usize - (self.have - HEAD_BYTES);
            self.have = 0;
            each(head);
        }
    }

    /// How many bytes of a frame must be there before it is told of.
    fn wanted(&self) -> usize {
        if self.have < HEAD_BYTES {
            return HEAD_BYTES;
        }
        let length = self.length() as usize;
        match self.bytes[3] {
            kind::RST_STREAM => HEAD_BYTES + length.min(4),
            kind::GOAWAY => HEAD_BYTES + length.min(8),
            _ => HEAD_BYTES,
        }
    }

    fn length(&self) -> u32 {
        u32::from_be_bytes([0, self.bytes[0], self.bytes[1], self.bytes[2]])
    }

    fn word(&self, at: usize) -> u32 {
        let [a, b, c, d] = [at, at + 1, at + 2, at + 3].map(|index| self.bytes[index]);
        u32::from_be_bytes([a, b, c, d])
    }

    fn head(&self) -> Head {
        let kind = self.bytes[3];
        // Of GOAWAY, the last stream stands before the code.
        let at = if kind == kind::GOAWAY { HEAD_BYTES + 4 } else { HEAD_BYTES };
        let has_code = matches!(kind, kind::RST_STREAM | kind::GOAWAY) && self.have >= at + 4;
        Head {
            length: self.length(),
            kind,
            flags: self.bytes[4],
            stream: self.word(5) & 0x7fff_ffff,
            code: has_code.then(|| self.word(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        [&head, payload].concat()
    }

    fn heads(skip: usize, pieces: &[&[u8]]) -> Vec<Head> {
        let (mut heads, mut found) = (Heads::new(skip), Vec::new());
        pieces.iter().for_each(|piece| heads.feed(piece, |head| found.push(head)));
        found
    }

    #[test]
    fn a_code_that_is_cut_short_is_none() {
        for (kind, payload, code) in [
            (kind::RST_STREAM, &[0, 0, 0][..], None),
            (kind::RST_STREAM, &[0, 0, 0, 8], Some(8)),
            (kind::RST_STREAM, &[0, 0, 0, 8, 9, 9, 9, 9], Some(8)),
            (kind::GOAWAY, &[0, 0, 0, 1, 0, 0, 0], None),
            (kind::GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 11], Some(11)),
            (kind::GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 11, b'c', b'a', b'l', b'm'], Some(11)),
            (kind::PING, &[1; 8], None),
        ] {
            let bytes = [frame(kind, 0, 1, payload), frame(kind::SETTINGS, 0, 0, &[])].concat();
            let found = heads(0, &[&bytes]);
            assert_eq!(found.len(), 2, "{kind} {payload:?}");
            assert_eq!((found[0].code, found[1].kind), (code, kind::SETTINGS), "{payload:?}");
        }
    }

    #[test]
    fn the_reserved_bit_is_no_part_of_a_stream() {
        let found = heads(0, &[&frame(200, 255, u32::MAX, b"x")]);
        let stream = 0x7fff_ffff;
        assert_eq!(found, [Head { length: 1, kind: 200, flags: 255, stream, code: None }]);
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(
            frames in prop::collection::vec(
                (0..12u8, any::<u8>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40)),
                0..10,
            ),
            cut in 1..30usize,
        ) {
            let mut bytes = vec![0; PREFACE_BYTES];
            for (kind, flags, stream, payload) in &frames {
                bytes.extend(frame(*kind, *flags, *stream, payload));
            }
            let whole = heads(PREFACE_BYTES, &[&bytes]);
            prop_assert_eq!(whole.len(), frames.len());
            for (head, (kind, flags, _, payload)) in whole.iter().zip(&frames) {
                prop_assert_eq!((head.kind, head.flags), (*kind, *flags));
                prop_assert_eq!(head.length as usize, payload.len());
            }
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
            prop_assert_eq!(heads(PREFACE_BYTES, &pieces), whole);
        }
    }
}
