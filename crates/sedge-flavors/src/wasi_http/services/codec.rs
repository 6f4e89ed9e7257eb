//! `sedge:codec/encoder`.

use super::bindings::sedge::codec::encoder;
use crate::wasi_http::state::State;
use sedge_services::codec::{CodecError, Format, Handover, Layout, Quality, Wanted};
use wasmtime::Result;
use wasmtime::component::Resource;

/// What the guest is told. Nothing of it is a trap: a picture that cannot be encoded now
/// may be sent as it came.
fn told(error: CodecError) -> encoder::Error {
    match error {
        CodecError::AccessDenied => encoder::Error::AccessDenied,
        CodecError::Size => encoder::Error::InvalidSize,
        CodecError::TooManyPixels(limit) => encoder::Error::TooManyPixels(limit),
        CodecError::Length => encoder::Error::WrongLength,
        CodecError::Options(why) => encoder::Error::InvalidOptions(why.to_owned()),
        CodecError::Busy => encoder::Error::Busy,
        CodecError::TimedOut => encoder::Error::TimedOut,
        CodecError::TooLarge => encoder::Error::TooLarge,
        CodecError::Failed(why) => encoder::Error::Failed(why),
    }
}

fn wanted(options: &encoder::Options) -> Wanted {
    Wanted {
        format: match options.format {
            encoder::Format::Jpeg => Format::Jpeg,
            encoder::Format::Webp => Format::Webp,
            encoder::Format::Avif => Format::Avif,
        },
        quality: match options.quality {
            encoder::Quality::Number(number) => Quality::Number(number),
            encoder::Quality::Score(score) => Quality::Score(score),
        },
        progressive: options.progressive,
        effort: options.effort,
    }
}

impl encoder::Host for State {
    fn granted(&mut self) -> Result<Option<encoder::Limits>> {
        let limits = self.spec.services.codec.pixels_max();
        Ok(limits
            .map(|(pixels_max, avif_pixels_max)| encoder::Limits { pixels_max, avif_pixels_max }))
    }
}

impl encoder::HostPicture for State {
    fn open(
        &mut self,
        width: u32,
        height: u32,
        layout: encoder::Layout,
    ) -> Result<Result<Resource<Handover>, encoder::Error>> {
        let layout = match layout {
            encoder::Layout::Rgb8 => Layout::Rgb8,
            encoder::Layout::Rgba8 => Layout::Rgba8,
        };
        match self.spec.services.codec.open(width, height, layout) {
            Ok(picture) => Ok(Ok(self.table.push(picture)?)),
            Err(error) => Ok(Err(told(error))),
        }
    }

    fn write(
        &mut self,
        picture: Resource<Handover>,
        bytes: Vec<u8>,
    ) -> Result<Result<(), encoder::Error>> {
        Ok(self.table.get_mut(&picture)?.write(&bytes).map_err(told))
    }

    async fn encode(
        &mut self,
        picture: Resource<Handover>,
        options: encoder::Options,
    ) -> Result<Result<encoder::Encoded, encoder::Error>> {
        let picture = self.table.delete(picture)?;
        // Nothing of the store is borrowed while the picture waits for its turn. Should the
        // guest end meanwhile, this future is dropped, and the encoding with it.
        let encoded = picture.encode(wanted(&options)).await.map_err(told);
        Ok(encoded.map(|encoded| encoder::Encoded {
            data: encoded.data,
            quality: encoded.quality,
            score: encoded.score,
            encodings: encoded.encodings,
        }))
    }

    fn drop(&mut self, picture: Resource<Handover>) -> Result<()> {
        self.table.delete(picture)?;
        Ok(())
    }
}
