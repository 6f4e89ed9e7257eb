//! Harness for black-box scenarios.
