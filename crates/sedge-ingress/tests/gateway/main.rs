//! The gateway from outside: bytes in, bytes out, over loopback.

mod drain;
mod h2;
mod malformed;
mod observe;
mod overload;
mod reload;
mod semantics;
mod slow;
mod world;
