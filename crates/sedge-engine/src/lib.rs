//! Runs WebAssembly: compile, cache, pool, limits, call, trap
