//! What is believed of proxies before this node, and what is told to servers behind
//! it.

/// How requests are passed on in the name of their clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// Proxies before this node that add themselves to `X-Forwarded-For`. With 0,
    /// what a client sends of the fields below, `Via` apart, is thrown away.
    pub trusted_hops: u8,
    /// Whether servers are sent `X-Forwarded-For`, `-Proto` and, where the host is
    /// rewritten, `-Host`.
    pub x_forwarded: bool,
    /// Whether servers are sent `Forwarded` (RFC 7239).
    pub forwarded: bool,
    /// Whether servers are sent `Via` (RFC 9110 §7.6.3).
    pub via: bool,
}

impl Default for Forwarding {
    fn default() -> Self {
        Forwarding { trusted_hops: 0, x_forwarded: true, forwarded: false, via: true }
    }
}
