//! Several ranges in one answer (RFC 9110 §14.6).

use crate::rules::parts::Piece;
use crate::rules::range::{ContentRange, ascii};
use bytes::Bytes;
use http::HeaderValue;
use std::hash::{BuildHasher, RandomState};

/// Content of several stretches, with a head before each and a line at the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Multipart {
    pieces: Vec<MultipartPiece>,
    boundary: String,
}

/// What is sent next.
#[derive(Debug, PartialEq, Eq)]
pub enum MultipartPiece {
    /// These bytes.
    Text(Bytes),
    /// A stretch of what is stored.
    Slice {
        /// Where it begins in the stored bytes.
        offset: u64,
        /// How many bytes it has.
        len: u64,
    },
}

impl Multipart {
    pub(super) fn of(
        content_type: Option<&HeaderValue>,
        pieces: &[Piece],
        total: Option<u64>,
    ) -> Self {
        // Each `RandomState` has keys that nobody knows, so that nobody can write content
        // which has the boundary in it.
        let random = || RandomState::new().hash_one(pieces.len());
        let boundary = format!("{:016x}{:016x}", random(), random());
        let mut sent = Vec::with_capacity(2 * pieces.len() + 1);
        for piece in pieces {
            let head = head(&boundary, content_type, ContentRange { span: piece.span, total });
            sent.push(MultipartPiece::Text(head));
            sent.push(MultipartPiece::Slice { offset: piece.offset, len: piece.bytes });
        }
        sent.push(MultipartPiece::Text(format!("\r\n--{boundary}--\r\n").into()));
        Multipart { pieces: sent, boundary }
    }

    /// What to send, in this order.
    pub fn into_pieces(self) -> Vec<MultipartPiece> {
        self.pieces
    }

    /// How many bytes all of this has.
    pub fn bytes(&self) -> u64 {
        let bytes = |piece: &MultipartPiece| match piece {
            MultipartPiece::Text(text) => text.len() as u64,
            MultipartPiece::Slice { len, .. } => *len,
        };
        self.pieces.iter().map(bytes).fold(0, u64::saturating_add)
    }

    pub(super) fn content_type(&self) -> HeaderValue {
        ascii(format!("multipart/byteranges; boundary={}", self.boundary))
    }
}

/// What stands before a stretch.
fn head(boundary: &str, content_type: Option<&HeaderValue>, range: ContentRange) -> Bytes {
    let mut head = format!("\r\n--{boundary}\r\n").into_bytes();
    if let Some(content_type) = content_type {
        head.extend_from_slice(b"Content-Type: ");
        head.extend_from_slice(content_type.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"Content-Range: ");
    head.extend_from_slice(range.to_value().as_bytes());
    head.extend_from_slice(b"\r\n\r\n");
    head.into()
}
