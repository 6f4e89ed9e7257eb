//! A picture of the file: coded as one, or as a grid of tiles.

use std::borrow::Cow;

use sedge_kit::image::geometry::Size;

use super::boxes::malformed;
use super::items::Meta;
use super::properties::Properties;
use super::{alpha_item, grid};
use crate::av1::Coded;
use crate::av1::sequence::{Layout, Sequence};
use crate::problem::Problem;

/// The most tiles of a picture.
const TILES_MAX: u32 = 1_024;

/// A picture, and where its data lie.
#[derive(Clone, Debug)]
pub(crate) struct Image<'a> {
    /// The size of all of it; no side is 0.
    pub(crate) size: Size,
    /// Whether it is put together.
    pub(crate) is_grid: bool,
    /// Tiles side by side; one where it is no grid.
    pub(crate) columns: u32,
    /// The size of each tile. Those of the last row and column may reach past the
    /// picture, but not by their whole size.
    pub(crate) tile: Size,
    /// Row by row.
    pub(crate) tiles: Vec<Tile<'a>>,
    /// What the data of each tile say, but for its colors: those are the first's.
    pub(crate) sequence: Sequence,
}

/// A coded picture.
#[derive(Clone, Debug)]
pub(crate) struct Tile<'a> {
    parts: Vec<&'a [u8]>,
    /// Which of the layers of it are wanted.
    pub(crate) operating_point: u8,
    /// Frames in it.
    pub(crate) frames: u32,
}

impl<'a> Tile<'a> {
    /// The coded data.
    pub(crate) fn data(&self) -> Cow<'a, [u8]> {
        match self.parts[..] {
            [part] => Cow::Borrowed(part),
            ref parts => Cow::Owned(parts.concat()),
        }
    }

    /// Bytes of the coded data.
    pub(crate) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }
}

impl<'a> Image<'a> {
    /// Reads the picture that is an item, and its tiles.
    pub(super) fn read(meta: &Meta<'a>, item: u32, source: &'a [u8]) -> Result<Self, Problem> {
        match meta.kind(item).as_ref() {
            Some(b"av01") => Self::of_tiles(meta, &[item], source, None),
            Some(b"grid") => {
                let body = meta.parts(item, source)?.concat();
                let (rows, columns, size) = grid(&body).ok_or_else(|| malformed(*b"grid"))?;
                // References that lead to a grid again are refused below.
                let tiles = meta.references_from(b"dimg", item);
                if tiles.len() as u64 != u64::from(rows) * u64::from(columns) {
                    return Err(malformed(*b"dimg"));
                }
                let announced = Properties::read(meta, item)?.size;
                if announced.is_some_and(|announced| announced != size) {
                    return Err(malformed(*b"ispe"));
                }
                Self::of_tiles(meta, tiles, source, Some((columns, size)))
            }
            Some(_) => Err(Problem::Unsupported("its picture is not AV1")),
            None => Err(malformed(*b"iinf")),
        }
    }

    /// The picture that these items are; `grid` has its columns and its size.
    fn of_tiles(
        meta: &Meta<'a>,
        items: &[u32],
        source: &'a [u8],
        grid: Option<(u32, Size)>,
    ) -> Result<Self, Problem> {
        let contradiction = || Problem::Damaged("its tiles contradict each other".to_owned());
        if items.len() as u64 > u64::from(TILES_MAX) {
            return Err(Problem::Unsupported("it has too many tiles"));
        }
        let mut first: Option<Sequence> = None;
        let mut tiles = Vec::new();
        // What is used twice is not copied without a bound.
        let mut bytes_left = 2 * source.len() as u64;
        for item in items {
            let (tile, sequence) = tile(meta, *item, source, grid.is_some())?;
            let left = bytes_left.checked_sub(tile.bytes());
            bytes_left = left.ok_or(Problem::Unsupported("its tiles share their data"))?;
            let kind = |one: &Sequence| (one.size, one.depth, one.layout, one.siting);
            if first.is_some_and(|first| kind(&first) != kind(&sequence)) {
                return Err(contradiction());
            }
            first.get_or_insert(sequence);
            tiles.push(tile);
        }
        let sequence = first.ok_or_else(contradiction)?;
        let tile = sequence.size;
        let (columns, size) = grid.unwrap_or((1, tile));
        let image = Self { size, is_grid: grid.is_some(), columns, tile, tiles, sequence };
        image.fits().then_some(image).ok_or_else(contradiction)
    }

    /// Whether the tiles cover the picture, and the last ones are needed for it.
    fn fits(&self) -> bool {
        let rows = self.tiles.len() as u64 / u64::from(self.columns.max(1));
        let fits = |side: u32, tile: u32, count: u64| {
            let (side, tile) = (u64::from(side), u64::from(tile));
            // The tile is at most twice the picture, so that the limits of the
            // picture are nearly those of what is decoded.
            tile * count >= side && tile * count.saturating_sub(1) < side && tile <= 2 * side
        };
        // Chroma of two tiles is not to be mixed.
        let is_even = |tile: u32, count: u64| count < 2 || tile.is_multiple_of(2);
        let (across, down) = match self.sequence.layout {
            Layout::Quartered => (true, true),
            Layout::Halved => (true, false),
            Layout::Full | Layout::Gray => (false, false),
        };
        let columns = u64::from(self.columns);
        fits(self.size.width, self.tile.width, columns)
            && fits(self.size.height, self.tile.height, rows)
            && (!across || is_even(self.tile.width, columns))
            && (!down || is_even(self.tile.height, rows))
    }
}

/// A coded picture, alone or in a grid, and what it says of itself.
fn tile<'a>(
    meta: &Meta<'a>,
    item: u32,
    source: &'a [u8],
    is_in_grid: bool,
) -> Result<(Tile<'a>, Sequence), Problem> {
    if meta.kind(item) != Some(*b"av01") {
        return Err(Problem::Unsupported("a tile of it is not AV1"));
    }
    let properties = Properties::read(meta, item)?;
    let is_turned = properties.orientation != Default::default() || properties.cut.is_some();
    if is_in_grid && is_turned {
        return Err(Problem::Unsupported("a tile of it is cut or turned"));
    }
    let parts = meta.parts(item, source)?;
    let mut tile = Tile { parts, operating_point: properties.operating_point, frames: 0 };
    if tile.bytes() > source.len() as u64 {
        return Err(Problem::Damaged("an item of it is longer than all of it".to_owned()));
    }
    let Coded { sequence, frames } = Coded::read(&tile.data())?;
    tile.frames = frames;
    let announced = (properties.size, properties.coding);
    if announced != (Some(sequence.size), Some((sequence.depth, sequence.layout))) {
        return Err(Problem::Damaged("its AV1 data contradict its boxes".to_owned()));
    }
    Ok((tile, sequence))
}

/// The alpha of a grid that has none itself, but whose tiles have.
pub(super) fn alpha_of_tiles<'a>(
    meta: &Meta<'a>,
    item: u32,
    source: &'a [u8],
    image: &Image<'a>,
) -> Result<Option<Image<'a>>, Problem> {
    if !image.is_grid {
        return Ok(None);
    }
    let tiles = meta.references_from(b"dimg", item);
    let mut items = Vec::new();
    for tile in tiles {
        match alpha_item(meta, *tile)? {
            Some(alpha) => items.push(alpha),
            None if items.is_empty() => return Ok(None),
            None => return Err(malformed(*b"auxl")),
        }
    }
    Image::of_tiles(meta, &items, source, Some((image.columns, image.size))).map(Some)
}
