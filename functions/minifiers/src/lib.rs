//! Style sheets and scripts in fewer bytes, for the link `optimizer`.
//!
//! Apart from it, because a package is what a level of optimization can be said for:
//! here size counts, and how long a node takes to compile it. What is hostile ends as
//! `None` and never in a stack that overflows: before anything is parsed, it is bounded
//! how deep it nests.

pub mod css;
pub mod js;
