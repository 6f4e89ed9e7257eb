//! What a node offers to functions
