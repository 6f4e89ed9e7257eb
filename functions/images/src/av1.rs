//! AV1 (the AV1 Bitstream & Decoding Process Specification 1.0.0 with errata 1):
//! what of it can be known before it is decoded, and the way to the decoder.

pub(crate) mod decoder;
mod obu;
pub(crate) mod planes;
pub(crate) mod sequence;

use crate::problem::Problem;
use sequence::Sequence;

/// The most frames of one picture. A still one has one; of layers there are at
/// most four.
pub(crate) const FRAMES_MAX: u32 = 8;

/// What the data of one coded picture say of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coded {
    /// The only sequence header, or the last of equal ones.
    pub(crate) sequence: Sequence,
    /// Frames, hidden ones included: 1 to [`FRAMES_MAX`].
    pub(crate) frames: u32,
}

impl Coded {
    /// Walks through the data of a coded picture.
    ///
    /// # Errors
    /// [`Problem::Damaged`]; [`Problem::Unsupported`] where it has more frames
    /// than a picture has.
    pub(crate) fn read(data: &[u8]) -> Result<Self, Problem> {
        let damaged = |what: &str| Problem::Damaged(what.to_owned());
        let mut sequence: Option<Sequence> = None;
        let mut frames = 0;
        for unit in obu::units(data) {
            let unit = unit.ok_or_else(|| damaged("a unit of its AV1 data is cut off"))?;
            match unit.kind {
                obu::SEQUENCE_HEADER => {
                    let read = Sequence::read(unit.payload)
                        .ok_or_else(|| damaged("the header of its AV1 data is malformed"))?;
                    if sequence.is_some_and(|before| before != read) {
                        return Err(damaged("its AV1 data have two headers that differ"));
                    }
                    sequence = Some(read);
                }
                obu::FRAME_HEADER | obu::FRAME => frames += 1,
                _ => {}
            }
        }
        if frames > FRAMES_MAX {
            return Err(Problem::Unsupported("a picture in it is coded in too many frames"));
        }
        match sequence {
            Some(sequence) if frames > 0 => Ok(Self { sequence, frames }),
            _ => Err(damaged("its AV1 data hold no frame")),
        }
    }
}

#[cfg(test)]
mod tests;
