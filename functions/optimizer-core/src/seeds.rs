//! What crates get that ask for random bytes (`getrandom`'s custom backend; its
//! configuration is `functions/.cargo/config.toml`). A core module imports nothing that has
//! any. Only tables ask, to be spread by a seed that nobody can guess; with one that is always
//! the same, who writes a style sheet can choose names that meet in one place of a table. What
//! that costs is bounded by the length of content, and borne by who gave it.

use getrandom::Error;

/// Fills with a fixed sequence.
///
/// # Safety
///
/// `dest` must point to `len` bytes that may be written.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(dest: *mut u8, len: usize) -> Result<(), Error> {
    let mut state = 0x9E37_79B9u32;
    for at in 0..len {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // SAFETY: promised by the caller.
        unsafe { dest.add(at).write(state.to_le_bytes()[0]) };
    }
    Ok(())
}
