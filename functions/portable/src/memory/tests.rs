use super::*;
use crate::fault::last_status;
use std::ptr::null;

#[test]
fn nothing_is_allocated_for_nothing_or_too_much() {
    for len in [0, BLOCK_BYTES_MAX + 1, usize::MAX] {
        assert!(allocate(len).is_null(), "{len}");
        assert_eq!(last_status(), Code::Memory as i32);
    }
    assert_eq!(blocks(), 0);
}

#[test]
fn blocks_are_counted_and_bounded() {
    let taken: Vec<*mut u8> = (0..BLOCKS_MAX).map(|_| allocate(1)).collect();
    assert!(taken.iter().all(|block| !block.is_null()));
    assert!(allocate(1).is_null());
    assert!(taken.iter().all(|block| deallocate(*block, 1) == 0));
    assert_eq!(blocks(), 0);
}

#[test]
fn only_what_is_given_out_is_taken_back() {
    let block = allocate(10);
    let wrong = Code::Pointer as i32;
    assert_eq!(deallocate(block, 9), wrong);
    assert_eq!(deallocate(block.wrapping_add(1), 9), wrong);
    assert_eq!(deallocate(16 as *mut u8, 1), wrong);
    assert_eq!(deallocate(block, 10), 0);
    assert_eq!(deallocate(block, 10), wrong, "a second time");
    assert_eq!(deallocate(null_mut(), 10), 0);
}

#[test]
fn pointers_that_lead_out_of_a_block_are_refused() {
    let block = allocate(64);
    let numbers = block.cast::<u32>();
    let refused = |ptr: *const u32, count: usize| {
        // SAFETY: nothing is written here.
        unsafe { slice(ptr, count) }.is_err()
    };
    for (ptr, count) in [
        (null(), 1),
        (numbers.cast_const(), 17),
        (numbers.cast_const(), usize::MAX),
        (numbers.cast_const(), usize::MAX / 4 + 1),
        (numbers.wrapping_add(16).cast_const(), 1),
        (numbers.wrapping_sub(1).cast_const(), 1),
        (block.wrapping_add(1).cast::<u32>().cast_const(), 1),
        (usize::MAX as *const u32, 1),
    ] {
        assert!(refused(ptr, count), "{ptr:?} {count}");
    }
    assert!(!refused(null(), 0) && !refused(numbers, 16) && !refused(numbers.wrapping_add(16), 0));
    assert_eq!(deallocate(block, 64), 0);
    assert!(refused(numbers, 16), "given back");
}

#[test]
fn what_is_given_belongs_to_the_host() {
    let places = allocate(2 * size_of::<usize>()).cast::<usize>();
    let (ptr_at, len_at) = (places.cast::<*mut u8>(), places.wrapping_add(1));
    assert!(
        give(vec![1], null_mut(), len_at).is_err() && give(vec![1], ptr_at, null_mut()).is_err()
    );
    for bytes in [&b"abc"[..], b""] {
        assert_eq!(give(bytes.to_vec(), ptr_at, len_at), Ok(()));
        // SAFETY: both places are initialized, and nothing writes to them meanwhile.
        let (ptr, len) = unsafe { (ptr_at.read(), len_at.read()) };
        assert_eq!(len, bytes.len());
        // SAFETY: nothing is written here.
        assert_eq!(unsafe { slice(ptr.cast_const(), len) }, Ok(bytes));
        assert_eq!(deallocate(ptr, len), 0);
    }
    assert_eq!(deallocate(places.cast(), 2 * size_of::<usize>()), 0);
    assert_eq!(blocks(), 0);
}

#[test]
fn what_is_lent_is_known_until_it_is_taken_back() {
    let mut own = [0u8; 8];
    let ptr = own.as_mut_ptr();
    // SAFETY: it stays here, and is only used through what is checked.
    unsafe { lend(ptr, 8) };
    assert_eq!(deallocate(ptr, 8), Code::Pointer as i32, "not the host's");
    // SAFETY: nothing is written here.
    assert!(unsafe { slice(ptr.cast_const(), 8) }.is_ok());
    assert!(unlend(ptr) && !unlend(ptr));
}
