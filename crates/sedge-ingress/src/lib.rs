//! What starts work on a node: the HTTP gateway
