//! What a request for an image means, before any pixel is touched: the URL
//! grammar, the geometry of the fits, the choice of a format, the orientation.
//!
//! In reading order: a URL is parsed ([`grammar`]), the header of the source
//! says how it is turned ([`exif`], [`orientation`]), the sizes are planned
//! ([`geometry`]) and the format is agreed on ([`accept`]).

pub mod accept;
pub mod exif;
pub mod geometry;
pub mod grammar;
pub mod orientation;
