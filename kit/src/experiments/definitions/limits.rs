//! How large a payload may be.

/// Bytes of a payload, as text.
pub const PAYLOAD_BYTES_MAX: usize = 8 << 20;
/// Features of a payload.
pub const FEATURES_MAX: usize = 10_000;
/// Rules of all features together, and so the rules that one evaluation may walk through.
pub const RULES_MAX: usize = 50_000;
/// Experiments on URLs.
pub const EXPERIMENTS_MAX: usize = 1_000;
/// Variations of an experiment.
pub const VARIATIONS_MAX: usize = 100;
/// Bytes of a key, a name, a seed or an attribute's name.
pub const TEXT_BYTES_MAX: usize = 1_000;

/// Items of the lists of a rule that have no other limit: prerequisites, filters, ranges,
/// tracks, URL targets.
pub(super) const ITEMS_MAX: usize = 200;
