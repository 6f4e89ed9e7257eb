//! Pure algorithms: no IO, clock, thread or global state
