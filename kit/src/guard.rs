//! Whether a request may pass: what is known of it, which risks that is, and what follows.
//!
//! In reading order: [`facts`] are what is known, and may be read from the JSON of a
//! [`context`], which says everything once ([`json`]). Where a user was seen before tells how fast somebody would have had to
//! [`travel`]; what a device has done tells its [`reputation`]; how often somebody comes tells a
//! [`rate`]. [`rules`] are data: each has a score and a [`condition`] over the facts. The scores
//! of those that hold are joined to one risk, and thresholds make a [`decision`] of it.
//!
//! Nothing here has a clock or keeps anything: times come with each call, and states are values
//! with a stable form as bytes. Everything is bounded, by constants beside what they bound.
//!
//! What is not known is not taken for good: a condition over an unknown fact neither holds nor
//! fails, so that neither it nor its opposite is counted, and the decision says what share of
//! the rules could be judged.

pub mod facts;

pub mod context;

pub mod json;

pub mod travel;

pub mod reputation;

pub mod rate;

pub mod condition;

pub mod rules;

pub mod decision;
