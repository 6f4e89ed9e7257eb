//! The steps of a request, joined: everything but the network.

use sedge_kit::image::accept::{Accept, Cost, Format, Suits, choose};
use sedge_kit::image::geometry::{Gravity, Plan, plan};
use sedge_kit::image::grammar::ImageRequest;
use sedge_kit::image::view::View;

use crate::color::to_srgb;
use crate::decode::decode;
use crate::effects;
use crate::encode::node::NodeEncoders;
use crate::encode::{Settings, cost, encode};
use crate::focus;
use crate::header::{self, Header};
use crate::limits::Limits;
use crate::problem::Problem;
use crate::scale::{drop_opaque_alpha, paint, scale};

/// What is known about the answer before the first pixel is decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The header of the source.
    pub header: Header,
    /// What is seen of the source, and how it is turned.
    pub view: View,
    /// The sizes, of what is seen.
    pub plan: Plan,
    /// By how much the source is reduced while it is decoded.
    pub reduction: u32,
    /// The format of the answer.
    pub format: Format,
    /// The node's encoders, if it encodes for this function.
    pub node: Option<NodeEncoders>,
    /// A strong entity tag, quoted (RFC 9110 §8.8.3): same source, same
    /// request and same program give the same bytes.
    pub etag: String,
}

/// Reads the header, checks the limits, plans the sizes, chooses the format.
///
/// `accept` is the value of `Accept`, empty where there is none.
///
/// # Errors
/// Whatever is wrong with the source's header, the sizes or `accept`.
pub fn prepare(
    request: &ImageRequest,
    accept: &str,
    source: &[u8],
    limits: &Limits,
) -> Result<Prepared, Problem> {
    let header = header::read(source)?;
    limits.check_source(header.size)?;
    let view = View::new(header.size, header.orientation, request.trim, request.turn)
        .ok_or(Problem::Trim)?;
    let plan = plan(view.size(), request.bounds, request.fit, request.gravity);
    let reduction = limits.check_plan(&header, source.len() as u64, &plan)?;
    let cost = |format: Format| match cost(format, plan.canvas.pixels(), limits.node) {
        Cost::Cheap if request.is_fast => Cost::Costly,
        cost => cost,
    };
    let suits = Suits {
        source: header.format,
        has_alpha: header.model.has_alpha(),
        is_lossless: header.is_lossless,
        webp: cost(Format::Webp),
        avif: cost(Format::Avif),
    };
    // Speed goes before a format that is slow to write.
    let is_slow = |format: &Format| !matches!(format, Format::Jpeg | Format::Png);
    let format = match request.format.filter(|format| !request.is_fast || !is_slow(format)) {
        Some(format) => format,
        None => choose(&Accept::parse(accept), suits).ok_or(Problem::NotAcceptable)?,
    };
    let etag = etag(request, format, limits.node, source);
    Ok(Prepared { header, view, plan, reduction, format, node: limits.node, etag })
}

/// Makes the picture. Takes the source so as to free it once it is decoded.
///
/// # Errors
/// [`Problem::Damaged`] where decoding fails, [`Problem::OutOfMemory`],
/// [`Problem::WebpPixels`], [`Problem::Encoding`].
pub fn render(
    request: &ImageRequest,
    prepared: &Prepared,
    source: Vec<u8>,
) -> Result<Vec<u8>, Problem> {
    let Prepared { header, view, plan, reduction, format, .. } = prepared;
    let picture = decode(&source, header, *reduction)?;
    drop(source);
    let crop = match request.gravity {
        Gravity::Auto => view.stored_crop(focus::on_subject(&picture, view, plan.crop)),
        Gravity::Focus(..) => view.stored_crop(plan.crop),
    };
    let picture = scale(picture, header.size, crop, plan.scaled, view.orientation())?;
    // What is scaled already is less to convert; the filter's own curve is near
    // enough to that of every usual profile.
    let picture = to_srgb(drop_opaque_alpha(picture));
    let picture = effects::apply(picture, &request.effects)?;
    let picture = paint(picture, plan, request.background, *format != Format::Jpeg)?;
    let settings = Settings {
        format: *format,
        quality: request.quality,
        may_be_lossless: header.is_lossless,
        is_baseline: request.is_baseline,
        node: prepared.node,
    };
    encode(picture, settings)
}

/// Whether `Accept` had a say in the format.
pub fn is_negotiated(request: &ImageRequest) -> bool {
    request.format.is_none() || request.is_fast
}

/// Whether `If-None-Match` names the tag (RFC 9110 §13.1.2, weak comparison).
pub fn is_known(if_none_match: &str, etag: &str) -> bool {
    if_none_match
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']))
        .any(|member| member == "*" || member.strip_prefix("W/").unwrap_or(member) == etag)
}

fn etag(
    request: &ImageRequest,
    format: Format,
    node: Option<NodeEncoders>,
    source: &[u8],
) -> String {
    let request = ImageRequest { src: None, expires_s: None, ..request.clone() };
    let made_how = format!("{} {request:?} {format:?} {node:?}", env!("CARGO_PKG_VERSION"));
    format!("\"{:016x}{:016x}\"", digest_of_many(source), digest(made_how.as_bytes()))
}

/// As [`digest`], of eight bytes at a time, for sources of megabytes: what a product moves up
/// is moved down again, so that all bits count for all.
fn digest_of_many(bytes: &[u8]) -> u64 {
    let (words, left) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(bytes.len() as u64, |hash, word| {
        let product = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ product >> 32
    });
    hash ^ digest(left)
}

/// 64-bit FNV-1a. Not against forgery: who can forge a source can replace it.
pub fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
