//! libFuzzer drives the target of this file's name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sedge_fuzz::targets::run("window-state", data));
