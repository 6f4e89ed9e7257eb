//! What a file says before its scan (ITU-T T.81, annex B).

use sedge_kit::image::geometry::Size;

use super::block::ZIGZAG;
use super::huffman::Table;
use crate::decode::damaged;
use crate::header::jpeg::next_segment;
use crate::problem::Problem;

/// A sequential file whose components come in one scan, interleaved.
pub(super) struct Sequential<'a> {
    pub(super) size: Size,
    pub(super) components: Vec<Component>,
    /// The largest sampling factors, across and down.
    pub(super) sampling_max: (usize, usize),
    /// Units between restarts; 0: none.
    pub(super) restart: usize,
    /// What is compressed, and all that follows.
    pub(super) data: &'a [u8],
    /// The pieces of a color profile, by their number.
    icc: Vec<(u8, &'a [u8])>,
}

/// One component of the frame and the scan.
pub(super) struct Component {
    /// Blocks of a unit, across and down.
    pub(super) sampling: (usize, usize),
    /// The quantization table, row by row, as the lowest 16 bits of products need it.
    pub(super) steps: [i16; 64],
    pub(super) dc: Table,
    pub(super) ac: Table,
}

impl Sequential<'_> {
    /// The color profile (ICC.1:2022 §B.4), if all of its pieces are there.
    pub(super) fn icc(&self) -> Option<Vec<u8>> {
        let mut pieces = self.icc.clone();
        pieces.sort_by_key(|(number, _)| *number);
        let is_whole = pieces.iter().zip(1..).all(|((number, piece), expected)| {
            // The second byte says how many there are.
            (*number, usize::from(piece[0])) == (expected, pieces.len())
        });
        let profile: Vec<u8> = pieces.iter().flat_map(|(_, piece)| &piece[1..]).copied().collect();
        (is_whole && !profile.is_empty()).then_some(profile)
    }
}

/// What is known at some point of the file.
#[derive(Default)]
struct Known<'a> {
    steps: [Option<[i16; 64]>; 4],
    /// Of lengths and values, as they stand there; direct current, alternating.
    codes: [[Option<&'a [u8]>; 4]; 2],
    frame: Option<Frame>,
    restart: usize,
    /// The transform that Adobe's segment names.
    adobe: Option<u8>,
    is_jfif: bool,
    icc: Vec<(u8, &'a [u8])>,
}

struct Frame {
    size: Size,
    /// Identifier, sampling factors, table of quantization.
    components: Vec<(u8, (usize, usize), usize)>,
}

/// Reads up to the scan; `None` for what is not of this kind.
///
/// # Errors
/// [`Problem::Damaged`].
pub(super) fn read(source: &[u8]) -> Result<Option<Sequential<'_>>, Problem> {
    let mut known = Known::default();
    let mut at = 2;
    loop {
        let (marker, segment, next) =
            next_segment(source, at).ok_or_else(|| damaged("it ends before its first scan"))?;
        match marker {
            0xc0 | 0xc1 => match frame(segment) {
                Some(frame) if known.frame.is_none() => known.frame = Some(frame),
                _ => return Ok(None),
            },
            0xc4 => known.codes(segment)?,
            0xc2..=0xcf => return Ok(None),
            0xdb => known.steps(segment)?,
            0xdd => match segment {
                [high, low] => known.restart = usize::from(u16::from_be_bytes([*high, *low])),
                _ => return Err(damaged("its restart interval has no length")),
            },
            0xe0 if segment.starts_with(b"JFIF\0") => known.is_jfif = true,
            0xe2 => known.icc(segment),
            0xee if segment.starts_with(b"Adobe") => known.adobe = segment.get(11).copied(),
            0xda => return known.scan(segment, &source[next..]),
            _ => {}
        }
        at = next;
    }
}

fn frame(segment: &[u8]) -> Option<Frame> {
    let [8, height_high, height_low, width_high, width_low, count, components @ ..] = segment
    else {
        return None;
    };
    let side = |high: &u8, low: &u8| u32::from(u16::from_be_bytes([*high, *low]));
    let size = Size { width: side(width_high, width_low), height: side(height_high, height_low) };
    let components: Vec<_> = components
        .as_chunks::<3>()
        .0
        .iter()
        .map(|[id, sampling, table]| {
            let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            (*id, (across, down), usize::from(*table))
        })
        .collect();
    let is_counted = components.len() == usize::from(*count) && matches!(count, 1 | 3);
    (is_counted && size.pixels() > 0).then_some(Frame { size, components })
}

impl<'a> Known<'a> {
    /// A segment of quantization tables.
    fn steps(&mut self, mut segment: &[u8]) -> Result<(), Problem> {
        let wrong = || damaged("a quantization table is cut off");
        while let [kind, rest @ ..] = segment {
            let bytes = if kind >> 4 == 0 { 64 } else { 128 };
            let (values, rest) = rest.split_at_checked(bytes).ok_or_else(wrong)?;
            let mut steps = [0; 64];
            for (at, place) in ZIGZAG.into_iter().enumerate() {
                steps[usize::from(place)] = match kind >> 4 {
                    0 => values[at].into(),
                    _ => i16::from_be_bytes([values[2 * at], values[2 * at + 1]]),
                };
            }
            let table = self.steps.get_mut(usize::from(kind & 15)).ok_or_else(wrong)?;
            *table = Some(steps);
            segment = rest;
        }
        Ok(())
    }

    /// A segment of Huffman tables.
    fn codes(&mut self, mut segment: &'a [u8]) -> Result<(), Problem> {
        let wrong = || damaged("a Huffman table is cut off");
        while let [kind, rest @ ..] = segment {
            let lengths = rest.get(..16).ok_or_else(wrong)?;
            let count = lengths.iter().map(|count| usize::from(*count)).sum::<usize>();
            let (table, rest) = rest.split_at_checked(16 + count).ok_or_else(wrong)?;
            let place = self.codes.get_mut(usize::from(kind >> 4));
            let place = place.and_then(|places| places.get_mut(usize::from(kind & 15)));
            *place.ok_or_else(wrong)? = Some(table);
            segment = rest;
        }
        Ok(())
    }

    fn icc(&mut self, segment: &'a [u8]) {
        if let Some([number, piece @ ..]) = segment.strip_prefix(b"ICC_PROFILE\0")
            && !piece.is_empty()
        {
            self.icc.push((*number, piece));
        }
    }

    /// The header of the scan, and what follows.
    fn scan(mut self, segment: &[u8], data: &'a [u8]) -> Result<Option<Sequential<'a>>, Problem> {
        let frame = self.frame.take().ok_or_else(|| damaged("it has no frame header"))?;
        let Some((count, rest)) = segment.split_first() else { return Ok(None) };
        let chosen = rest.as_chunks::<2>().0;
        let is_whole =
            usize::from(*count) == frame.components.len() && chosen.len() > frame.components.len();
        if !is_whole || !is_luma_and_chroma(&frame, &self) {
            return Ok(None);
        }
        let mut components = Vec::with_capacity(frame.components.len());
        for ((id, sampling, table), [scan_id, tables]) in frame.components.iter().zip(chosen) {
            let code = |kind: usize, at: u8| {
                let table = self.codes[kind].get(usize::from(at)).copied().flatten();
                Table::new(table.ok_or_else(|| damaged("it has no such Huffman table"))?)
            };
            let steps = self.steps.get(*table).copied().flatten();
            let steps = steps.ok_or_else(|| damaged("it has no such quantization table"))?;
            if id != scan_id {
                return Ok(None);
            }
            let (dc, ac) = (code(0, tables >> 4)?, code(1, tables & 15)?);
            // One component alone has blocks one by one, whatever its factors say.
            let sampling = if *count == 1 { (1, 1) } else { *sampling };
            components.push(Component { sampling, steps, dc, ac });
        }
        let most = |side: fn(&Component) -> usize| components.iter().map(side).max().unwrap_or(1);
        let sampling_max = (most(|c| c.sampling.0), most(|c| c.sampling.1));
        let divides = |factor: usize, most: usize| {
            matches!((factor, most), (1, 1 | 2 | 4) | (2, 2 | 4) | (4, 4))
        };
        let is_usual = components.iter().all(|component| {
            divides(component.sampling.0, sampling_max.0)
                && divides(component.sampling.1, sampling_max.1)
        });
        let (size, restart, icc) = (frame.size, self.restart, self.icc);
        Ok(is_usual.then_some(Sequential { size, components, sampling_max, restart, data, icc }))
    }
}

/// Whether three components are luma and chroma, as nearly always, or one is gray.
fn is_luma_and_chroma(frame: &Frame, known: &Known) -> bool {
    let is_called_rgb = || frame.components.iter().map(|(id, ..)| *id).eq(*b"RGB");
    match known.adobe {
        _ if frame.components.len() == 1 => true,
        Some(transform) => transform == 1,
        None => known.is_jfif || !is_called_rgb(),
    }
}
