//! Samples as they come from the decoder, or as tiles are put together.

use super::sequence::Layout;
use crate::picture::fallible;
use crate::problem::Problem;
use sedge_kit::image::geometry::Size;

/// One kind of samples, row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane<'a, T> {
    samples: &'a [T],
    /// Samples from one row to the next.
    stride: usize,
    size: Size,
}

impl<'a, T> Plane<'a, T> {
    /// A plane of `size`; `None` where the samples are too few for it.
    pub(crate) fn new(samples: &'a [T], stride: usize, size: Size) -> Option<Self> {
        let (width, height) = (size.width as usize, size.height as usize);
        let needed = match height.checked_sub(1) {
            Some(rows) => rows.checked_mul(stride)?.checked_add(width)?,
            None => 0,
        };
        (width <= stride && needed <= samples.len()).then_some(Self { samples, stride, size })
    }

    /// The samples of row `y`, or of the last one.
    pub(crate) fn row(&self, y: u32) -> &'a [T] {
        let Some(last) = self.size.height.checked_sub(1) else { return &[] };
        let from = y.min(last) as usize * self.stride;
        // Within the samples, as `new` has seen.
        &self.samples[from..from + self.size.width as usize]
    }

    /// Its size.
    pub(crate) const fn size(&self) -> Size {
        self.size
    }
}

/// Luma and two kinds of chroma, which are empty where there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Planes<'a> {
    /// Of 8 bits.
    Shallow([Plane<'a, u8>; 3]),
    /// Of 10 or 12 bits.
    Deep([Plane<'a, u16>; 3]),
}

/// Planes of a whole picture, put together from tiles.
pub(crate) enum Canvas {
    /// Of 8 bits.
    Shallow(Sheets<u8>),
    /// Of 10 or 12 bits.
    Deep(Sheets<u16>),
}

/// Planes without padding, and their sizes.
pub(crate) struct Sheets<T>([(Vec<T>, Size); 3]);

impl Canvas {
    /// Planes for a picture of `size`.
    ///
    /// # Errors
    /// [`Problem::OutOfMemory`].
    pub(crate) fn new(size: Size, layout: Layout, is_deep: bool) -> Result<Self, Problem> {
        Ok(if is_deep {
            Self::Deep(Sheets::new(size, layout)?)
        } else {
            Self::Shallow(Sheets::new(size, layout)?)
        })
    }

    /// Puts a tile to its place, `left` and `top` of which are luma's; what
    /// reaches past the edge is left out. `None` where it is of another depth.
    pub(crate) fn put(&mut self, tile: &Planes<'_>, left: u32, top: u32) -> Option<()> {
        match (self, tile) {
            (Self::Shallow(sheets), Planes::Shallow(planes)) => sheets.put(planes, left, top),
            (Self::Deep(sheets), Planes::Deep(planes)) => sheets.put(planes, left, top),
            _ => return None,
        }
        Some(())
    }

    /// What was put together.
    pub(crate) fn planes(&self) -> Option<Planes<'_>> {
        Some(match self {
            Self::Shallow(sheets) => Planes::Shallow(sheets.planes()?),
            Self::Deep(sheets) => Planes::Deep(sheets.planes()?),
        })
    }
}

impl<T: Copy + Default> Sheets<T> {
    fn new(size: Size, layout: Layout) -> Result<Self, Problem> {
        let chroma = layout.chroma(size);
        let sheet = |size: Size| Ok((fallible(size.pixels(), T::default())?, size));
        Ok(Self([sheet(size)?, sheet(chroma)?, sheet(chroma)?]))
    }

    fn put(&mut self, planes: &[Plane<'_, T>; 3], left: u32, top: u32) {
        let whole = self.0[0].1;
        for ((sheet, size), plane) in self.0.iter_mut().zip(planes) {
            // Tiles begin at even places where chroma is halved.
            let halved = |at: u32, chroma: u32, luma: u32| if chroma < luma { at / 2 } else { at };
            let left = halved(left, size.width, whole.width) as usize;
            let top = halved(top, size.height, whole.height) as usize;
            if size.width == 0 {
                continue;
            }
            let rows = sheet.chunks_exact_mut(size.width as usize).skip(top);
            for (row, y) in rows.zip(0..plane.size().height) {
                let Some(place) = row.get_mut(left..) else { return };
                let from = plane.row(y);
                let width = place.len().min(from.len());
                place[..width].copy_from_slice(&from[..width]);
            }
        }
    }

    fn planes(&self) -> Option<[Plane<'_, T>; 3]> {
        let plane = |at: usize| {
            let (sheet, size) = &self.0[at];
            Plane::new(sheet, size.width as usize, *size)
        };
        Some([plane(0)?, plane(1)?, plane(2)?])
    }
}
