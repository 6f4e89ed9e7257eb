//! Compression of bytes as they come.

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use flate2::write::GzEncoder;
use sedge_kit::content::coding::Coding;
use std::io::{self, Write};
use structured_zstd::encoding::{CompressionLevel, StreamingEncoder};

/// How much is spent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For a fast connection: little.
    Light,
    /// For one of the third generation.
    Balanced,
    /// For a slow one, or a client that saves data.
    Aggressive,
    /// What is stored for others is compressed once.
    Stored,
}

impl Level {
    /// What it is called in `Server-Timing`.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Light => "light_compression",
            Level::Balanced => "balanced_compression",
            Level::Aggressive | Level::Stored => "aggressive_compression",
        }
    }

    /// The codecs' own levels: gzip, brotli, zstd. The test `bench` tells
    /// what each costs.
    pub(crate) const fn of(self, coding: Coding) -> u32 {
        let [gzip, brotli, zstd] = match self {
            Level::Light => [4, 4, 3],
            Level::Balanced => [6, 5, 6],
            Level::Aggressive => [9, 7, 9],
            Level::Stored => [9, 9, 12],
        };
        match coding {
            Coding::Gzip => gzip,
            Coding::Brotli => brotli,
            Coding::Zstd | Coding::DictionaryZstd => zstd,
        }
    }
}

/// An encoder with what it has written.
pub enum Encoder {
    /// RFC 1952.
    Gzip(Box<GzEncoder<Vec<u8>>>),
    /// RFC 7932.
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    /// RFC 8878.
    Zstd(Box<StreamingEncoder<Vec<u8>>>),
}

/// Bits of brotli's window where the length is not known: 4 MiB, as browsers and
/// servers have it.
const WINDOW_BITS: i32 = 22;

impl Encoder {
    /// `length` is how many bytes there are, if that is known; it saves memory.
    pub fn new(coding: Coding, level: Level, length: Option<u64>) -> Self {
        let own = level.of(coding);
        match coding {
            Coding::Gzip => {
                Encoder::Gzip(Box::new(GzEncoder::new(Vec::new(), flate2::Compression::new(own))))
            }
            Coding::Brotli => {
                let window = length.map_or(WINDOW_BITS, |length| {
                    let bits = u64::BITS - length.saturating_add(16).leading_zeros();
                    (bits as i32).clamp(10, WINDOW_BITS)
                });
                let params = BrotliEncoderParams {
                    quality: own as i32,
                    size_hint: length.and_then(|length| length.try_into().ok()).unwrap_or(0),
                    lgwin: window,
                    ..BrotliEncoderParams::default()
                };
                let writer = CompressorWriter::with_params(Vec::new(), 16 << 10, &params);
                Encoder::Brotli(Box::new(writer))
            }
            Coding::Zstd | Coding::DictionaryZstd => {
                let level = CompressionLevel::from_level(own as i32);
                let mut encoder = StreamingEncoder::new(Vec::new(), level);
                if let Some(length) = length {
                    // Only what is set too late is refused.
                    let _ = encoder.set_source_size_hint(length);
                }
                Encoder::Zstd(Box::new(encoder))
            }
        }
    }

    /// Takes bytes.
    ///
    /// # Errors
    /// None of the encoders has one to tell; what is behind would be cut off then.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer().write_all(bytes)
    }

    /// Writes all that was taken so that it can be read.
    ///
    /// # Errors
    /// As for [`Encoder::push`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }

    /// What was written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        match self {
            Encoder::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Encoder::Brotli(encoder) => std::mem::take(encoder.get_mut()),
            Encoder::Zstd(encoder) => std::mem::take(encoder.get_mut()),
        }
    }

    /// The end.
    ///
    /// # Errors
    /// As for [`Encoder::push`].
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Brotli(encoder) => Ok(encoder.into_inner()),
            Encoder::Zstd(encoder) => encoder.finish().map_err(io::Error::other),
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Encoder::Gzip(encoder) => encoder,
            Encoder::Brotli(encoder) => encoder,
            Encoder::Zstd(encoder) => encoder,
        }
    }
}

/// All of it at once.
///
/// # Errors
/// As for [`Encoder::push`].
pub fn encode(coding: Coding, level: Level, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = Encoder::new(coding, level, Some(bytes.len() as u64));
    encoder.push(bytes)?;
    encoder.finish()
}

#[cfg(test)]
pub(crate) mod tests;
