//! What each export asks of the code of `images`.

use images::header;
use images::limits::Limits;
use images::problem::Problem;
use images::service::{prepare, render};
use portable::Fault;
use portable::fault::Code;
use sedge_kit::image::accept::Format;
use sedge_kit::image::grammar::ImageRequest;
use std::ops::RangeInclusive;

/// The quality of what is made without a word about it, as in the article.
const QUALITY: u8 = 85;

/// UTF-8 as text.
pub fn text(bytes: &[u8]) -> Result<&str, Fault> {
    str::from_utf8(bytes).map_err(|_| Fault::new(Code::Utf8, "a text is not UTF-8"))
}

pub fn resize(source: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Fault> {
    let side = |side: u32| if side == 0 { "auto".to_owned() } else { side.to_string() };
    let (width, height) = (side(width), side(height));
    transform(source, &format!("/img/{width}x{height}/inside?format=jpeg&quality={QUALITY}"), "")
}

pub fn crop(source: &[u8], aspect_ratio: f32) -> Result<Vec<u8>, Fault> {
    // NaN is in no range.
    if !RATIOS.contains(&aspect_ratio) {
        let message = "the ratio of width to height is not from 0.01 to 100";
        return Err(Fault::new(Code::Argument, message));
    }
    let limits = Limits::default();
    check_length(source, &limits)?;
    let header = header::read(source).map_err(fault)?;
    let displayed = header.orientation.turn(header.size);
    let ratio = f64::from(aspect_ratio);
    let (width, height) = (f64::from(displayed.width), f64::from(displayed.height));
    // The largest box of this ratio within the picture; no side is 0.
    let side = |side: f64| side.round().max(1.0) as u32;
    let (width, height) = if width > height * ratio {
        (side(height * ratio), displayed.height)
    } else {
        (displayed.width, side(width / ratio))
    };
    let format = match header.format {
        // Nothing here writes it.
        Format::Avif => Format::Webp,
        other => other,
    };
    let format = format.subtype();
    let target =
        format!("/img/{width}x{height}/cover?gravity=auto&format={format}&quality={QUALITY}");
    transform(source, &target, "")
}

/// Ratios of width to height.
const RATIOS: RangeInclusive<f32> = 0.01..=100.0;

pub fn transform(source: &[u8], target: &str, accept: &str) -> Result<Vec<u8>, Fault> {
    let limits = Limits::default();
    check_length(source, &limits)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = ImageRequest::parse(path, query);
    let request = request.map_err(|error| fault(Problem::Url(error)))?;
    if request.src.is_some() {
        return Err(fault(Problem::Source));
    }
    let prepared = prepare(&request, accept, source, &limits).map_err(fault)?;
    let mut own = Vec::new();
    own.try_reserve_exact(source.len()).map_err(|_| fault(Problem::OutOfMemory))?;
    own.extend_from_slice(source);
    render(&request, &prepared, own).map_err(fault)
}

fn check_length(source: &[u8], limits: &Limits) -> Result<(), Fault> {
    if source.len() as u64 > limits.source_bytes_max {
        return Err(fault(Problem::SourceBytes(limits.source_bytes_max)));
    }
    Ok(())
}

/// A problem of the function as a code of the module.
fn fault(problem: Problem) -> Fault {
    let code = match problem {
        Problem::Empty | Problem::Unsupported(_) => Code::Unsupported,
        Problem::Damaged(_) => Code::Damaged,
        Problem::SourceBytes(_)
        | Problem::SourcePixels { .. }
        | Problem::OutputSize { .. }
        | Problem::Memory { .. }
        | Problem::WebpPixels(_) => Code::TooLarge,
        Problem::OutOfMemory => Code::Memory,
        Problem::Encoding(_) => Code::Internal,
        // What is asked for is wrong, or cannot be had here.
        _ => Code::Argument,
    };
    Fault::new(code, problem.to_string())
}
