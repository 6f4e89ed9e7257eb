//! A picture that a guest hands over, and what it may hand over at all.

use super::metrics::Outcome;
use super::picture::Picture;
use super::pool::{CodecPool, Held, Owner};
use super::{CodecError, Encoded, Format, Layout, PIECE_BYTES_MAX, SIDE_MAX, Wanted};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The codec of one function. Cheap to clone.
#[derive(Clone, Default)]
pub struct Codec {
    granted: Option<(Arc<CodecPool>, Arc<Owner>)>,
}

impl Codec {
    /// For a function that was granted it.
    pub fn new(pool: &Arc<CodecPool>) -> Self {
        Codec { granted: Some((pool.clone(), Arc::default())) }
    }

    /// Pixels that a picture may have, of JPEG and WebP, and of AVIF; `None` without the
    /// grant.
    pub fn pixels_max(&self) -> Option<(u64, u64)> {
        let (pool, _) = self.granted.as_ref()?;
        Some((pool.options().pixels_max, pool.options().avif_pixels_max))
    }

    /// Begins a picture of `width × height` pixels.
    ///
    /// # Errors
    /// [`CodecError::AccessDenied`], [`CodecError::Size`],
    /// [`CodecError::TooManyPixels`], [`CodecError::Busy`].
    pub fn open(&self, width: u32, height: u32, layout: Layout) -> Result<Handover, CodecError> {
        let (pool, owner) = self.granted.as_ref().ok_or(CodecError::AccessDenied)?;
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || width.max(height) > SIDE_MAX {
            return Err(CodecError::Size);
        }
        let pixels_max = pool.options().pixels_max;
        if pixels > pixels_max {
            return Err(CodecError::TooManyPixels(pixels_max));
        }
        let bytes = pixels.saturating_mul(layout.channels() as u64);
        let Some(held) = Held::take(pool, owner, bytes) else {
            pool.metrics().memory_full.fetch_add(1, Relaxed);
            return Err(CodecError::Busy);
        };
        let bytes = usize::try_from(bytes).map_err(|_| CodecError::Busy)?;
        let mut data = Vec::new();
        data.try_reserve_exact(bytes).map_err(|_| CodecError::Busy)?;
        let picture = Picture { width, height, channels: layout.channels(), data };
        Ok(Handover { pool: pool.clone(), owner: owner.clone(), picture, bytes, held })
    }
}

/// A picture that is on its way. Dropping it gives its memory back.
pub struct Handover {
    pool: Arc<CodecPool>,
    owner: Arc<Owner>,
    picture: Picture,
    /// Bytes that it must come to.
    bytes: usize,
    held: Held,
}

impl Handover {
    /// Adds the next bytes; a piece may end anywhere.
    ///
    /// # Errors
    /// [`CodecError::Length`] if they are more than are left, or than a piece may have.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        if bytes.len() > PIECE_BYTES_MAX || bytes.len() > self.bytes - self.picture.data.len() {
            return Err(CodecError::Length);
        }
        self.picture.data.extend_from_slice(bytes);
        Ok(())
    }

    /// Encodes it, on a thread of the pool. Dropping the future cancels that.
    ///
    /// # Errors
    /// Every kind but those of [`Codec::open`].
    pub async fn encode(self, wanted: Wanted) -> Result<Encoded, CodecError> {
        if let Err(error) = self.check(&wanted) {
            self.pool.metrics().count(wanted.format, Outcome::Refused);
            return Err(error);
        }
        let Handover { pool, owner, picture, held, .. } = self;
        let asked = pool.submit(owner, picture, wanted, held)?;
        // Who waits does not keep the pool.
        drop(pool);
        match asked.await {
            Ok(result) => result,
            Err(_) => Err(CodecError::Failed("the node stops".to_owned())),
        }
    }

    fn check(&self, wanted: &Wanted) -> Result<(), CodecError> {
        wanted.check()?;
        let Picture { width, height, ref data, .. } = self.picture;
        if data.len() != self.bytes {
            return Err(CodecError::Length);
        }
        if width.max(height) > wanted.format.side_max() {
            return Err(CodecError::Size);
        }
        let avif_pixels_max = self.pool.options().avif_pixels_max;
        if wanted.format == Format::Avif && self.picture.pixels() > avif_pixels_max {
            return Err(CodecError::TooManyPixels(avif_pixels_max));
        }
        Ok(())
    }
}
