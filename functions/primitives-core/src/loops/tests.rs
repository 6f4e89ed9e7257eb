use super::*;
use portable::fault::last_status;
use portable::memory::{ALIGN, allocate, blocks, deallocate};
use proptest::prelude::*;
use std::ptr::{null, null_mut};

/// A block with these elements, as a host would make it; given back at the end.
struct Block<T> {
    ptr: *mut T,
    count: usize,
}

impl<T: Copy> Block<T> {
    fn of(elements: &[T]) -> Self {
        let ptr = allocate((size_of_val(elements)).max(1)).cast::<T>();
        assert!(!ptr.is_null() && ptr.is_aligned());
        // SAFETY: the block has room for them, and was just made.
        unsafe { ptr.copy_from(elements.as_ptr(), elements.len()) };
        Block { ptr, count: elements.len() }
    }

    fn elements(&self) -> Vec<T> {
        // SAFETY: the block has these elements.
        (0..self.count).map(|at| unsafe { self.ptr.add(at).read() }).collect()
    }
}

impl<T> Drop for Block<T> {
    fn drop(&mut self) {
        assert_eq!(deallocate(self.ptr.cast(), (self.count * size_of::<T>()).max(1)), 0);
    }
}

#[test]
fn what_leads_nowhere_is_refused_by_all() {
    let block = Block::of(&[1u8; 64]);
    let at = block.ptr;
    let (pointer, wild) = (Code::Pointer as i32, 24 as *mut u8);
    for (ptr, len) in [(null_mut(), 1), (at, 65), (at, usize::MAX), (wild, 1), (wild, 0)] {
        assert_eq!((fast_crc32(ptr, len), last_status()), (0, pointer));
        assert_eq!((crc32_continue(7, ptr, len), last_status()), (0, pointer));
        assert!(vectorized_sum(ptr.cast(), len).is_nan() && last_status() == pointer);
        assert_eq!((keep_above(ptr, len, 1), last_status()), (0, pointer));
        assert_eq!((max_of(ptr.cast(), len), last_status()), (0, pointer));
        assert_eq!(clamp_all(ptr.cast(), len, 0, 1), pointer);
        assert_eq!(in_place_string_reverse(ptr, len), pointer);
        assert_eq!(cache_optimized_filter(ptr, ptr, len, 1), pointer);
        let apart = Block::of(&[0u8; 64]);
        assert_eq!(cache_optimized_filter(ptr, apart.ptr, len, 1), pointer, "{ptr:?} {len}");
        assert_eq!(cache_optimized_filter(apart.ptr, ptr, len, 1), pointer, "{ptr:?} {len}");
    }
    assert!(vectorized_sum(at.wrapping_add(2).cast(), 1).is_nan() && last_status() == pointer);
    assert_eq!(clamp_all(at.wrapping_add(1).cast(), 1, 0, 1), pointer);
    assert_eq!(block.elements(), [1; 64]);
}

#[test]
fn arguments_out_of_range_are_refused() {
    let block = Block::of(&[1u8; 64]);
    let argument = Code::Argument as i32;
    assert_eq!(cache_optimized_filter(block.ptr, block.ptr, 64, 256), argument);
    assert_eq!((keep_above(block.ptr, 64, u32::MAX), last_status()), (0, argument));
    assert_eq!((max_of(null(), 0), last_status()), (0, argument));
    let (input, output) = (block.ptr, block.ptr.wrapping_add(ALIGN));
    assert_eq!(cache_optimized_filter(input, output, 32, 0), argument);
    assert_eq!(cache_optimized_filter(output, input, 32, 0), argument);
    assert_eq!(cache_optimized_filter(input, output, 16, 0), 0, "beside each other");
    let text = Block::of(b"ab\xffc");
    assert_eq!(in_place_string_reverse(text.ptr, 4), Code::Utf8 as i32);
    assert_eq!(text.elements(), b"ab\xffc");
}

#[test]
fn nothing_is_something_too() {
    assert_eq!((fast_crc32(null(), 0), last_status()), (0, 0));
    assert_eq!(vectorized_sum(null(), 0), 0.0);
    assert_eq!(cache_optimized_filter(null(), null_mut(), 0, 0), 0);
    assert_eq!(in_place_string_reverse(null_mut(), 0), 0);
    assert_eq!(clamp_all(null_mut(), 0, 0, 0), 0);
    assert_eq!((keep_above(null_mut(), 0, 0), last_status()), (0, 0));
}

#[test]
fn the_exports_do_what_they_are_called() {
    let text = Block::of("123456789".as_bytes());
    assert_eq!(fast_crc32(text.ptr, 9), 0xCBF4_3926);
    assert_eq!(crc32_continue(fast_crc32(text.ptr, 4), text.ptr.wrapping_add(4), 5), 0xCBF4_3926);
    assert_eq!(in_place_string_reverse(text.ptr, 9), 0);
    assert_eq!(text.elements(), b"987654321");
    assert_eq!(keep_above(text.ptr, 9, u32::from(b'6')), 3);
    assert_eq!(vectorized_sum(Block::of(&[0.5f32; 7]).ptr, 7), 3.5);
    let numbers = Block::of(&[i32::MIN, -1, 0, i32::MAX]);
    assert_eq!(max_of(numbers.ptr, 4), i32::MAX);
    assert_eq!(clamp_all(numbers.ptr, 4, -5, 5), 0);
    assert_eq!(numbers.elements(), [-5, -1, 0, 5]);
    // By the article's own code these overflow.
    assert_eq!(branchless_max(i32::MIN, i32::MAX), i32::MAX);
    assert_eq!(branchless_clamp(i32::MAX, i32::MIN, 0), 0);
    assert_eq!(branchless_clamp(i32::MIN, 5, i32::MAX), 5);
    assert_eq!(branchless_clamp(3, 9, 1), 9);
}

proptest! {
    #[test]
    fn filters_agree_in_place_and_apart(
        bytes in proptest::collection::vec(any::<u8>(), 1..200),
        threshold in any::<u8>(),
    ) {
        let (within, output) = (Block::of(&bytes), Block::of(&vec![9; bytes.len()]));
        let (len, threshold) = (bytes.len(), u32::from(threshold));
        prop_assert_eq!(cache_optimized_filter(within.ptr, output.ptr, len, threshold), 0);
        prop_assert_eq!(cache_optimized_filter(within.ptr, within.ptr, len, threshold), 0);
        prop_assert_eq!(within.elements(), output.elements());
        drop((within, output));
        prop_assert_eq!(blocks(), 0);
    }
}
