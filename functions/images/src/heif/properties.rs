//! What is said of an item (ISO/IEC 23008-12 §6.5, AVIF 1.1 §2.2, §2.3).

use sedge_kit::image::geometry::Size;
use sedge_kit::image::orientation::Orientation;

use super::boxes::{Boxed, Reader};
use super::items::Meta;
use crate::av1::sequence::{Colors, Layout};
use crate::problem::Problem;

/// The most associations of one item.
const ASSOCIATIONS_MAX: usize = 255;

/// A property that belongs to an item.
#[derive(Clone, Copy)]
pub(super) struct Association {
    /// Its place among the properties, from 1 on.
    pub(super) index: u16,
    /// Who does not know it must not show the item.
    pub(super) is_essential: bool,
}

/// The body of `ipma`: up to `items_max` items and their associations
/// (ISO/IEC 14496-12 §8.11.14).
pub(super) fn associations(body: &[u8], items_max: usize) -> Option<Vec<(u32, Vec<Association>)>> {
    let mut reader = Reader::new(body);
    let (version, flags) = reader.version()?;
    let count = usize::try_from(reader.u32()?).ok()?;
    if count > items_max {
        return None;
    }
    let mut all = Vec::new();
    for _ in 0..count {
        let item = reader.id(version > 0)?;
        let count = usize::from(reader.u8()?).min(ASSOCIATIONS_MAX);
        let mut one = || {
            let index_bits = if flags & 1 == 1 { 15 } else { 7 };
            let word = if flags & 1 == 1 { reader.u16()? } else { u16::from(reader.u8()?) };
            let is_essential = word >> index_bits == 1;
            Some(Association { index: word & ((1 << index_bits) - 1), is_essential })
        };
        all.push((item, (0..count).map(|_| one()).collect::<Option<_>>()?));
    }
    Some(all)
}

/// A part of a picture, in whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Pixels left of it.
    pub(crate) left: u32,
    /// Pixels above it.
    pub(crate) top: u32,
    /// Its size; no side is 0.
    pub(crate) size: Size,
}

/// The properties of one item that matter here.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties<'a> {
    /// `ispe`: the size before it is cut and turned.
    pub(super) size: Option<Size>,
    /// `av1C`: bits of a sample, and the kinds of samples.
    pub(super) coding: Option<(u8, Layout)>,
    /// `colr` of type `nclx`.
    pub(super) colors: Option<Colors>,
    /// `colr` of type `prof` or `rICC`.
    pub(super) icc: Option<&'a [u8]>,
    /// `auxC` says that it is alpha.
    pub(super) is_alpha: bool,
    /// `irot` and `imir`, in their order.
    pub(super) orientation: Orientation,
    /// `clap`.
    pub(super) cut: Option<CleanAperture>,
    /// `a1op`.
    pub(super) operating_point: u8,
}

impl<'a> Properties<'a> {
    /// Reads the properties of `item`.
    ///
    /// # Errors
    /// [`Problem::Unsupported`] where one is essential that is not known here;
    /// [`Problem::Damaged`] where one is malformed or given twice.
    pub(super) fn read(meta: &Meta<'a>, item: u32) -> Result<Self, Problem> {
        let mut properties = Self::default();
        for property in meta.properties_of(item) {
            let (property, is_essential) = property?;
            properties.add(property, is_essential)?;
        }
        Ok(properties)
    }

    fn add(&mut self, property: Boxed<'a>, is_essential: bool) -> Result<(), Problem> {
        let malformed = || property.malformed();
        let body = property.body;
        match &property.name {
            b"ispe" => once(&mut self.size, size(body)).ok_or_else(malformed),
            b"av1C" => once(&mut self.coding, coding(body)).ok_or_else(malformed),
            b"colr" => self.add_colors(body).ok_or_else(malformed),
            b"auxC" => {
                self.is_alpha |= is_alpha(body);
                Ok(())
            }
            b"irot" => {
                let turns = body.first().ok_or_else(malformed)? & 3;
                // Against the clock; the orientations of Exif are with it.
                let turn = Orientation::from_exif([1, 8, 3, 6][usize::from(turns)]);
                self.orientation = self.orientation.then(turn.unwrap_or_default());
                Ok(())
            }
            b"imir" => {
                let axis = body.first().ok_or_else(malformed)? & 1;
                // 0 exchanges top and bottom.
                let mirror = Orientation::from_exif([4, 2][usize::from(axis)]);
                self.orientation = self.orientation.then(mirror.unwrap_or_default());
                Ok(())
            }
            b"clap" => once(&mut self.cut, CleanAperture::read(body)).ok_or_else(malformed),
            b"a1op" => {
                self.operating_point = *body.first().ok_or_else(malformed)? & 31;
                Ok(())
            }
            // All layers, one after the other: the last is the picture.
            b"lsel" if body == [0xff, 0xff] => Ok(()),
            b"pixi" | b"pasp" => Ok(()),
            _ if is_essential => Err(Problem::Unsupported("it needs a property that is not known")),
            _ => Ok(()),
        }
    }

    /// Of each kind, the first counts (MIAF §7.3.6.4 wants but one).
    fn add_colors(&mut self, body: &'a [u8]) -> Option<()> {
        let mut reader = Reader::new(body);
        match &reader.name()? {
            b"nclx" => {
                let (primaries, transfer) = (reader.u16()?, reader.u16()?);
                let (matrix, is_full) = (reader.u16()?, reader.u8()? >> 7 == 1);
                self.colors.get_or_insert(Colors { primaries, transfer, matrix, is_full });
            }
            b"prof" | b"rICC" => {
                self.icc.get_or_insert(reader.rest);
            }
            _ => {}
        }
        Some(())
    }
}

fn once<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    place.is_none().then_some(())?;
    *place = Some(value?);
    Some(())
}

fn size(body: &[u8]) -> Option<Size> {
    let mut reader = Reader::new(body);
    reader.version()?;
    let size = Size { width: reader.u32()?, height: reader.u32()? };
    (size.width > 0 && size.height > 0).then_some(size)
}

/// AV1-ISOBMFF §2.3.3: marker and version, then profile, depth and sampling.
fn coding(body: &[u8]) -> Option<(u8, Layout)> {
    let flags = *body.get(2)?;
    let is = |bit: u8| flags >> bit & 1 == 1;
    if *body.first()? != 0x81 {
        return None;
    }
    let depth = match (is(6), is(5)) {
        (false, false) => 8,
        (true, false) => 10,
        (true, true) => 12,
        (false, true) => return None,
    };
    let layout = match (is(4), is(3), is(2)) {
        (true, ..) => Layout::Gray,
        (false, true, true) => Layout::Quartered,
        (false, true, false) => Layout::Halved,
        (false, false, false) => Layout::Full,
        (false, false, true) => return None,
    };
    Some((depth, layout))
}

/// The name ends with a zero byte.
fn is_alpha(body: &[u8]) -> bool {
    let name = body.get(4..).unwrap_or_default();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    name == b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha" || name == b"urn:mpeg:hevc:2015:auxid:1"
}

/// The box `clap` (ISO/IEC 14496-12 §12.1.4): size, and how far the middle is
/// off, each as a fraction.
#[derive(Clone, Copy, Debug)]
pub(super) struct CleanAperture([(i64, i64); 4]);

impl CleanAperture {
    fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let mut fractions = [(0, 1); 4];
        for fraction in &mut fractions {
            let (above, below) = (reader.u32()?, reader.u32()?);
            *fraction = (i64::from(above.cast_signed()), i64::from(below));
            // What is off may be negative, a size may not.
            (below > 0 && i32::try_from(below).is_ok()).then_some(())?;
        }
        Some(Self(fractions))
    }

    /// The part of a picture of this size, if it is one of whole pixels that
    /// lies within.
    pub(super) fn of(&self, size: Size) -> Option<Cut> {
        let [width, height, across, down] = self.0;
        let (left, width) = span(size.width, width, across)?;
        let (top, height) = span(size.height, height, down)?;
        Some(Cut { left, top, size: Size { width, height } })
    }
}

/// First pixel and number of pixels.
fn span(side: u32, length: (i64, i64), off: (i64, i64)) -> Option<(u32, u32)> {
    (length.0 % length.1 == 0).then_some(())?;
    let length = length.0 / length.1;
    // The middle of the part is that of the picture and what it is off; twice
    // the denominator makes all of it whole, and 128 bits hold it.
    let slack = i128::from(i64::from(side) - length);
    let (above, below) = (i128::from(off.0), i128::from(off.1));
    let (first, scale) = (slack * below + 2 * above, 2 * below);
    (first % scale == 0 && length > 0).then_some(())?;
    let first = u32::try_from(first / scale).ok()?;
    let length = u32::try_from(length).ok()?;
    (first.checked_add(length)? <= side).then_some((first, length))
}
