//! Resizes, crops and converts images.
//!
//! In the order in which a request travels: the URL's [`signature`] is checked
//! if the [`config`] asks for one, it is parsed and the format agreed on
//! ([`sedge_kit::image`]), the source is fetched ([`source`] and [`allow`] say
//! from where), its header is read ([`header`]) and held against the
//! [`limits`], then it is decoded ([`decode`]), its subject
//! looked for ([`focus`]), scaled and turned ([`scale`]),
//! converted to sRGB ([`color`]), given its [`effects`] and encoded ([`encode`]). Where many
//! samples are computed with alike that is by the vectors of `lanes`. [`service`] joins the
//! steps; `component` is the thin adapter to `wasi:http`, compiled only for WebAssembly.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod component;
pub mod config;
pub mod signature;

pub mod allow;
pub mod caching;
pub mod service;
pub mod source;

mod av1;
pub mod header;
mod heif;
pub mod limits;

mod lanes;

pub mod color;
pub mod decode;
pub mod effects;
pub mod focus;
pub mod picture;
pub mod scale;

pub mod encode;

pub mod problem;

pub mod golden;

#[cfg(test)]
mod samples;
