//! Small loops that programs spend their time in, written so that a compiler can turn
//! them into vectors. Every result is the same on every machine, to the bit: what is
//! added is added in a fixed order, however wide the vectors are.
//!
//! On WebAssembly the functions are compiled for SIMD128, without any compiler flag.

pub mod bounds;

pub mod crc32;

pub mod filter;

pub mod reverse;

pub mod slots;

pub mod sum;
