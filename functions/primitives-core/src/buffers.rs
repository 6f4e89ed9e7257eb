//! A pool of small buffers, for hosts that call so often that `allocate` would show.

use portable::fault::{Code, answer, status};
use portable::{Fault, memory};
use sedge_kit::primitives::slots::Slots;
use std::cell::UnsafeCell;
use std::ptr::null_mut;

/// How many there are.
pub const BUFFERS: usize = 16;
/// Bytes of each.
pub const BUFFER_BYTES: usize = 1024;

/// A buffer: 1,024 bytes, and behind them, at offset 1,024, how many of them count, which
/// is for the host to keep (`u32` in WebAssembly). Aligned to 16.
#[repr(C, align(16))]
pub struct Buffer {
    /// The bytes.
    pub data: [u8; BUFFER_BYTES],
    /// How many of them count.
    pub len: usize,
}

const _: () = {
    assert!(std::mem::offset_of!(Buffer, len) == BUFFER_BYTES);
    assert!(align_of::<Buffer>() == memory::ALIGN);
};

struct Pool {
    slots: Slots<BUFFERS>,
    buffers: [Buffer; BUFFERS],
}

thread_local! {
    static POOL: UnsafeCell<Pool> = const {
        UnsafeCell::new(Pool {
            slots: Slots::new(),
            buffers: [const { Buffer { data: [0; BUFFER_BYTES], len: 0 } }; BUFFERS],
        })
    };
}

/// Runs with the pool's places and the address of its first buffer.
fn with_pool<T>(run: impl FnOnce(&mut Slots<BUFFERS>, *mut Buffer) -> T) -> T {
    POOL.with(|pool| {
        let pool = pool.get();
        // SAFETY: one thread, and `run` calls nothing that comes here again. The reference is
        // to the places alone; buffers are only named by their address.
        unsafe { run(&mut (*pool).slots, (&raw mut (*pool).buffers).cast()) }
    })
}

/// A buffer that nobody has, with `len` 0 and what was in its bytes before; null if all 16
/// are given out.
#[unsafe(no_mangle)]
pub extern "C" fn get_buffer() -> *mut Buffer {
    let buffer = with_pool(|slots, first| {
        let all_taken = || Fault::new(Code::Memory, "all 16 buffers are given out");
        let place = slots.take().ok_or_else(all_taken)?;
        let buffer = first.wrapping_add(place);
        // SAFETY: the place is one of the pool's; nobody has it, so nothing borrows it. It
        // stays there for as long as the thread does, and is lent once.
        unsafe {
            (&raw mut (*buffer).len).write(0);
            memory::lend(buffer.cast(), size_of::<Buffer>());
        }
        Ok(buffer)
    });
    answer(buffer, null_mut())
}

/// Gives a buffer back. Null does nothing; what is no buffer, or was given back before, is
/// refused.
#[unsafe(no_mangle)]
pub extern "C" fn release_buffer(buffer: *mut Buffer) -> i32 {
    let outcome = with_pool(|slots, first| {
        let offset = (buffer as usize).wrapping_sub(first as usize);
        let is_one = offset.is_multiple_of(size_of::<Buffer>());
        let is_given_back =
            buffer.is_null() || is_one && slots.give_back(offset / size_of::<Buffer>());
        let none = || Fault::new(Code::Pointer, "no buffer of this address is given out");
        is_given_back.then_some(()).ok_or_else(none)
    });
    if outcome.is_ok() {
        memory::unlend(buffer.cast());
    }
    status(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fast_crc32;
    use portable::fault::last_status;
    use portable::memory::deallocate;

    #[test]
    fn what_is_no_buffer_is_not_taken_back() {
        let buffer = get_buffer();
        let wrong = Code::Pointer as i32;
        for other in [buffer.wrapping_byte_add(16), buffer.wrapping_add(1), 32 as *mut Buffer] {
            assert_eq!(release_buffer(other), wrong);
        }
        assert_eq!(deallocate(buffer.cast(), size_of::<Buffer>()), wrong);
        assert_eq!(release_buffer(null_mut()), 0);
        assert_eq!(release_buffer(buffer), 0);
        assert_eq!(release_buffer(buffer), wrong, "a second time");
    }

    #[test]
    fn no_buffer_is_given_out_twice() {
        let all: Vec<*mut Buffer> = (0..BUFFERS).map(|_| get_buffer()).collect();
        let mut apart = all.clone();
        apart.sort_unstable();
        apart.dedup();
        assert!(apart.len() == BUFFERS && !apart.contains(&null_mut()));
        assert!(get_buffer().is_null() && last_status() == Code::Memory as i32);
        assert_eq!(release_buffer(all[5]), 0);
        assert_eq!(get_buffer(), all[5]);
        assert!(all.into_iter().all(|buffer| release_buffer(buffer) == 0));
    }

    #[test]
    fn a_buffer_can_be_worked_on_while_it_is_given_out() {
        let buffer = get_buffer();
        // SAFETY: it is ours until it is given back.
        unsafe {
            assert_eq!((*buffer).len, 0);
            (&raw mut (*buffer).data).cast::<[u8; 9]>().write(*b"123456789");
        }
        assert_eq!(fast_crc32(buffer.cast(), 9), 0xCBF4_3926);
        assert_eq!(release_buffer(buffer), 0);
        assert_eq!((fast_crc32(buffer.cast(), 9), last_status()), (0, Code::Pointer as i32));
    }
}
