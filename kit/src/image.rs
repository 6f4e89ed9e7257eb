//! What a request for an image means, before any pixel is touched: the URL
//! grammar, the geometry of the fits, the choice of a format, the orientation.
//!
//! In reading order: a URL is parsed ([`grammar`]), the header of the source
//! says how it is turned ([`exif`], [`orientation`]), the sizes are planned
//! ([`geometry`], [`view`]) and the format is agreed on ([`accept`]); what
//! [`effects`] ask for is done to the scaled picture.

pub mod accept;
pub mod effects;
pub mod exif;
pub mod geometry;
pub mod grammar;
pub mod orientation;
pub mod saliency;
pub mod view;
