//! Where a request goes when its way is more than one function: the rules of an
//! app, the upstream services and chains that they name, and what guards the
//! way. Resolved: every default is filled in, every reference is checked.
//!
//! In reading order: a [`rule`] says which requests it takes and what becomes of
//! them; its [`policy`] says how long, how often and how many; an [`upstream`]
//! says where they end; [`cors`] is what a rule says to browsers; [`cache`] is a
//! link that stores. A [`claim`] is what two rules cannot both have.

pub mod cache;
mod changes;
pub mod claim;
pub mod cors;
mod parse;
pub mod policy;
pub mod rule;
pub mod upstream;
