//! Embedded durable state of a node
