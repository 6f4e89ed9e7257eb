//! Assembles a node and reconciles wanted against actual
