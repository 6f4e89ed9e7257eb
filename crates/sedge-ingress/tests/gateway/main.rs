//! The gateway from outside: bytes in, bytes out, over loopback.

#[expect(unreachable_pub, reason = "it is public in the library of the scenarios")]
#[path = "../../../../tests/src/collector.rs"]
mod collector;
mod drain;
mod h2;
mod malformed;
mod mutual;
mod observe;
mod overload;
mod reload;
mod secure;
mod semantics;
mod slow;
mod smuggling;
mod tls;
mod traces;
mod upgrade;
mod upstream;
mod world;
