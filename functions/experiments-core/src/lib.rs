//! What experiments need of `sedge-kit`, as a core WebAssembly module without imports: any
//! host can load it. Names and parameters are those of the article that Sedge is made after.
//!
//! | export | in C |
//! |---|---|
//! | `calculate_user_hash` | `uint32_t calculate_user_hash(const uint8_t *text, size_t len)` |
//! | `detect_device_type` | `uint32_t detect_device_type(const uint8_t *user_agent, size_t len)` |
//!
//! Beside them are the exports of [`portable`]: `allocate` and its kin.
//!
//! **Contract.** Texts are UTF-8. Pointers lead into blocks of `allocate`; null with a `len`
//! of 0 is the empty text. Whatever a host passes instead, the call is refused: it returns 0,
//! or the score of what is not known, and `last_status` tells after each call of either kind.

#![allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "a pointer is only followed into blocks that are known to be there"
)]

pub use portable;

use portable::Fault;
use portable::fault::{Code, answer};
use portable::memory::slice;
use sedge_kit::device::Kind;
use sedge_kit::experiments::bucket::user_hash;

/// The hash of a visitor in an experiment: of the experiment's seed and the visitor's id, one
/// after the other. Its remainder by 10,000 is the visitor's bucket in ten-thousandths, as
/// hash version 2 of GrowthBook has it.
#[unsafe(no_mangle)]
pub extern "C" fn calculate_user_hash(text: *const u8, len: usize) -> u32 {
    answer(read(text, len).map(|text| user_hash(&text)), 0)
}

/// How large the screen of a device probably is, by its `User-Agent`: below 30 it is a phone,
/// below 70 a tablet, else neither; see [`Kind`].
#[unsafe(no_mangle)]
pub extern "C" fn detect_device_type(user_agent: *const u8, len: usize) -> u32 {
    let score = |agent: String| u32::from(Kind::of_user_agent(&agent).score());
    answer(read(user_agent, len).map(score), u32::from(Kind::Other.score()))
}

/// A text of the host.
fn read(text: *const u8, len: usize) -> Result<String, Fault> {
    // SAFETY: nothing is written while the bytes are read.
    let bytes = unsafe { slice(text, len) }?;
    let wrong = |error: core::str::Utf8Error| {
        Fault::new(Code::Utf8, format!("the text is not UTF-8 at byte {}", error.valid_up_to()))
    };
    str::from_utf8(bytes).map(ToOwned::to_owned).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portable::fault::last_status;
    use portable::memory::{block, give_back};

    fn with(bytes: &[u8], call: extern "C" fn(*const u8, usize) -> u32) -> (u32, i32) {
        let Ok(at) = block(bytes) else { return (call(std::ptr::null(), 0), last_status()) };
        let result = (call(at, bytes.len()), last_status());
        let _ = give_back(at, bytes.len());
        result
    }

    #[test]
    fn what_is_no_text_or_leads_nowhere_is_refused() {
        let calls: [(extern "C" fn(*const u8, usize) -> u32, u32); 2] =
            [(calculate_user_hash, 0), (detect_device_type, 90)];
        for (call, value) in calls {
            assert_eq!(with(b"\xff", call), (value, -3));
            let wild = std::ptr::without_provenance(16);
            assert_eq!((call(wild, 4), last_status()), (value, -1));
            assert_eq!((call(std::ptr::null(), 1), last_status()), (value, -1));
        }
    }

    #[test]
    fn devices_by_their_scores() {
        let phone = b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) Mobile/15E148";
        let tablet = b"Mozilla/5.0 (Android 15; Tablet; rv:145.0) Gecko/145.0 Firefox/145.0";
        let desktop = b"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
        assert!(with(phone, detect_device_type).0 < 30);
        assert!((30..70).contains(&with(tablet, detect_device_type).0));
        assert!(with(desktop, detect_device_type).0 >= 70);
        assert_eq!((detect_device_type(std::ptr::null(), 0), last_status()), (90, 0));
    }

    #[test]
    fn hashes_are_buckets_of_the_format() {
        let (hash, status) = with("seedümlaut".as_bytes(), calculate_user_hash);
        assert_eq!((hash, status), (user_hash("seedümlaut"), 0));
        let bucket = sedge_kit::experiments::bucket::bucket("seed", "ümlaut", 2);
        assert_eq!(bucket, Some(f64::from(hash % 10_000) / 10_000.0));
    }
}
