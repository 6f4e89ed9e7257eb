//! What a text answer is, and who asked for it: the head of a request and of an
//! answer, read for whoever changes the content on its way.

pub(crate) mod list;

pub mod coding;
pub mod dictionary;

pub mod hints;

pub mod media;

pub mod tag;

pub mod directives;

pub mod json;

pub mod picture;
