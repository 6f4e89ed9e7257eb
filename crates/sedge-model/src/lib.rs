//! The words of Sedge, without IO.
//!
//! In reading order: what a person writes ([`manifest`], [`node_config`], or
//! for a mesh, [`mesh`]) and
//! how its mistakes are found ([`document`]), what it grants and bounds
//! ([`limits`], [`capability`]), how content is named
//! ([`digest`]), where a request goes ([`route`], and further than one
//! function, [`routing`]), what else starts a function ([`trigger`], [`topic`], [`cron`]), what is
//! computed of messages ([`window`]), what
//! answers ([`handler`]), and what can go wrong ([`failure`]).

pub mod capability;
pub mod cron;
pub mod digest;
pub mod document;
pub mod failure;
pub mod handler;
pub mod limits;
pub mod manifest;
pub mod mesh;
pub mod metrics;
pub mod node_config;
pub mod route;
pub mod routing;
pub mod topic;
pub mod trace;
pub mod trigger;
pub mod window;
