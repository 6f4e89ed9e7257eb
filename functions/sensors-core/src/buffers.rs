//! Memory that a host fills, and arrays in it.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::null_mut;

/// Alignment of what [`allocate`] returns: enough for every type here.
const ALIGN: usize = 8;

/// Readings or history values past this are refused by a trap: a host that
/// passes more has passed a wrong number.
pub(crate) const COUNT_MAX: usize = 1 << 20;

/// `len` bytes of zeroed memory, aligned to 8; null if `len` is 0 or there is
/// not as much.
#[unsafe(no_mangle)]
pub extern "C" fn allocate(len: usize) -> *mut u8 {
    match Layout::from_size_align(len, ALIGN) {
        // SAFETY: the layout is not of size zero.
        Ok(layout) if len > 0 => unsafe { alloc_zeroed(layout) },
        _ => null_mut(),
    }
}

/// Gives back memory. Null and a `len` of 0 do nothing.
///
/// # Safety
///
/// `ptr` and `len` must be those of one earlier [`allocate`], not given back
/// since.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deallocate(ptr: *mut u8, len: usize) {
    if let Ok(layout) = Layout::from_size_align(len, ALIGN)
        && !ptr.is_null()
        && len > 0
    {
        // SAFETY: by contract allocated with this very layout.
        unsafe { dealloc(ptr, layout) }
    }
}

/// The array of `count` elements at `ptr`, for one call; null with a count of
/// 0 is the empty array. Panics (a trap, in WebAssembly) on null with another
/// count, misalignment, more than [`COUNT_MAX`] elements, and in WebAssembly on
/// an array that leaves the memory.
///
/// # Safety
///
/// If none of these hold, `ptr` must point to `count` initialized elements that
/// nobody writes for `'a`. In WebAssembly a host that is single-threaded can
/// only break this by passing memory that the module itself uses, and then
/// reads nonsense, not beyond it.
pub(crate) unsafe fn array<'a, T: Copy>(ptr: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    assert!(count <= COUNT_MAX, "{count} elements are more than {COUNT_MAX}");
    assert!(!ptr.is_null() && ptr.is_aligned(), "the array is null or misaligned");
    #[cfg(target_arch = "wasm32")]
    {
        let end = (ptr as usize).checked_add(count * size_of::<T>());
        let pages = core::arch::wasm32::memory_size::<0>();
        // A full memory of 65,536 pages has 2^32 bytes; every address is in it.
        let inside = end.is_some_and(|end| end.div_ceil(65_536) <= pages);
        assert!(inside, "the array leaves the memory");
    }
    // SAFETY: aligned, not null, in bounds (checked in WebAssembly, promised by
    // the caller elsewhere), at most 2^20 small elements; every bit pattern is
    // a value of the plain number structs that this is used with.
    unsafe { core::slice::from_raw_parts(ptr, count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_allocated_for_nothing_or_too_much() {
        assert!(allocate(0).is_null());
        assert!(allocate(usize::MAX).is_null());
        // SAFETY: null and zero are documented to do nothing.
        unsafe { deallocate(null_mut(), 8) };
    }

    #[test]
    fn memory_is_aligned_zeroed_and_given_back() {
        for len in [1, 7, 24, 4096] {
            let ptr = allocate(len);
            assert!(!ptr.is_null() && (ptr as usize).is_multiple_of(ALIGN));
            // SAFETY: just allocated with this length, and zeroed.
            assert!(unsafe { array(ptr.cast_const(), len) }.iter().all(|byte| *byte == 0));
            // SAFETY: allocated above with this length, given back once.
            unsafe { deallocate(ptr, len) };
        }
    }

    #[test]
    fn arrays_that_can_not_be_are_refused() {
        let numbers = [1.0f32; 4];
        let base = numbers.as_ptr();
        for (ptr, count) in
            [(core::ptr::null(), 1), (base.wrapping_byte_add(1), 1), (base, COUNT_MAX + 1)]
        {
            // SAFETY: each is refused before anything is read.
            let refused = std::panic::catch_unwind(|| unsafe { array(ptr, count) }.len());
            assert!(refused.is_err(), "{count}");
        }
        // SAFETY: a count of zero reads nothing.
        assert!(unsafe { array::<f32>(core::ptr::null(), 0) }.is_empty());
    }
}
