//! `sedge:codec`: one picture per request, errors as status and words.

use crate::call::Call;
use crate::services::bindings::sedge::codec::encoder::{
    self, Encoded, Error, Format, Layout, Options, Picture, Quality,
};
use serde_json::{Value, json};

/// Answers `/codec/granted`, `/codec/encode` and `/codec/leave` (a picture is sent in
/// part, and dropped).
pub fn answer(call: Call) {
    let value = match call.path.trim_start_matches("/codec/") {
        "granted" => Ok(encoder::granted().map_or(Value::Null, |limits| {
            json!({ "pixels_max": limits.pixels_max, "avif_pixels_max": limits.avif_pixels_max })
        })),
        "encode" => encode(&call).map(|encoded| shown(&encoded)),
        "leave" => send(&call).map(|_| json!("left")),
        other => Err(Error::Failed(format!("the probe has no operation {other}"))),
    };
    match value {
        Ok(value) => call.json(&value),
        Err(error) => {
            let (status, words) = told(error);
            call.text(status, &format!("{words}\n"));
        }
    }
}

fn told(error: Error) -> (u16, String) {
    match error {
        Error::AccessDenied => (403, "access-denied".into()),
        Error::InvalidSize => (400, "invalid-size".into()),
        Error::TooManyPixels(limit) => (413, format!("too-many-pixels: {limit}")),
        Error::WrongLength => (400, "wrong-length".into()),
        Error::InvalidOptions(why) => (400, format!("invalid-options: {why}")),
        Error::Busy => (503, "busy".into()),
        Error::TimedOut => (504, "timed-out".into()),
        Error::TooLarge => (413, "too-large".into()),
        Error::Failed(why) => (500, format!("failed: {why}")),
    }
}

fn encode(call: &Call) -> Result<Encoded, Error> {
    let quality = match call.text_of("score").parse() {
        Ok(score) => Quality::Score(score),
        Err(_) => Quality::Number(call.number_of("quality", 80) as u8),
    };
    let options = Options {
        format: match call.text_of("format") {
            "webp" => Format::Webp,
            "avif" => Format::Avif,
            _ => Format::Jpeg,
        },
        quality,
        progressive: call.text_of("progressive") == "true",
        effort: call.text_of("effort").parse().ok(),
    };
    Picture::encode(send(call)?, options)
}

/// A picture of `width × height` pixels in pieces of `piece` bytes; `bytes` are sent, all
/// that it needs if that is not said. With `alpha`, that is half of what it could be.
fn send(call: &Call) -> Result<Picture, Error> {
    let (width, height) = (call.number_of("width", 64), call.number_of("height", 48));
    let has_alpha = call.text_of("alpha") == "true";
    let (layout, channels) = if has_alpha { (Layout::Rgba8, 4) } else { (Layout::Rgb8, 3) };
    let picture = Picture::open(width as u32, height as u32, layout)?;
    let pixel = |at: u64| {
        let (x, y) = (at % width.max(1), at / width.max(1));
        [(x * 3 % 256) as u8, (y * 5 % 256) as u8, ((x + y) * 2 % 256) as u8, 128]
    };
    let pixels = (0..width * height).flat_map(|at| pixel(at).into_iter().take(channels));
    let mut bytes: Vec<u8> = pixels.collect();
    bytes.resize(call.number_of("bytes", bytes.len() as u64) as usize, 7);
    for piece in bytes.chunks(call.number_of("piece", 1 << 20).max(1) as usize) {
        picture.write(piece)?;
    }
    Ok(picture)
}

fn shown(encoded: &Encoded) -> Value {
    json!({
        "start": encoded.data.iter().take(12).map(|byte| format!("{byte:02x}")).collect::<String>(),
        "bytes": encoded.data.len(),
        "quality": encoded.quality,
        "score": encoded.score,
        "encodings": encoded.encodings,
    })
}
