//! The flow with an origin that does what a test says, tasks that run when it says, and
//! its own clock.

mod collapse;
mod disk;
mod parts;
mod scope;
mod stage;
mod stale;
mod steer;
mod store;
