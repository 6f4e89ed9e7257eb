//! Memory that a host fills. Each block that was given out is known, so that a pointer
//! from a host is never believed: it leads into one of them, as far as it is said to, or
//! the call is refused.

use crate::fault::{self, Code, Fault};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ptr::null_mut;

/// Alignment of blocks: enough for every type that crosses, and for vectors.
pub const ALIGN: usize = 16;
/// Bytes of the largest block.
pub const BLOCK_BYTES_MAX: usize = 256 << 20;
/// Blocks at the same time.
pub const BLOCKS_MAX: usize = 4096;

/// Whose memory a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// The host's, until it is given to [`deallocate`].
    Allocated,
    /// Someone's within the module who lends it.
    Lent,
}

thread_local! {
    /// Lengths and owners of blocks by their address. A core module has one thread;
    /// elsewhere each has blocks of its own.
    static BLOCKS: RefCell<BTreeMap<usize, (usize, Owner)>> = const { RefCell::new(BTreeMap::new()) };
}

/// `len` bytes of zeroed memory, aligned to 16; null if `len` is 0 or more than
/// [`BLOCK_BYTES_MAX`], there are [`BLOCKS_MAX`] already, or there is not as much.
#[unsafe(no_mangle)]
pub extern "C" fn allocate(len: usize) -> *mut u8 {
    fault::answer(take(len), null_mut())
}

fn take(len: usize) -> Result<*mut u8, Fault> {
    let refused = |message: &str| Fault::new(Code::Memory, message);
    if len == 0 || len > BLOCK_BYTES_MAX {
        return Err(refused("a block has 1 to 268435456 bytes"));
    }
    if BLOCKS.with_borrow(|blocks| blocks.len()) >= BLOCKS_MAX {
        return Err(refused("4096 blocks are given out already"));
    }
    let layout = Layout::from_size_align(len, ALIGN);
    let layout = layout.map_err(|_| refused("a block of this length cannot be"))?;
    // SAFETY: the layout is not of size zero.
    let block = unsafe { alloc_zeroed(layout) };
    if block.is_null() {
        return Err(refused("there is no more memory"));
    }
    BLOCKS.with_borrow_mut(|blocks| blocks.insert(block as usize, (len, Owner::Allocated)));
    Ok(block)
}

/// Gives a block back: what [`allocate`] returned, with the same length. Null does nothing.
/// Anything else, such as a block that was given back before, is refused
/// ([`Code::Pointer`]).
#[unsafe(no_mangle)]
pub extern "C" fn deallocate(ptr: *mut u8, len: usize) -> i32 {
    fault::status(give_back(ptr, len))
}

/// [`deallocate`] for the module itself.
///
/// # Errors
/// [`Code::Pointer`].
#[expect(clippy::not_unsafe_ptr_arg_deref, reason = "only what is known is freed")]
pub fn give_back(ptr: *mut u8, len: usize) -> Result<(), Fault> {
    if ptr.is_null() {
        return Ok(());
    }
    BLOCKS.with_borrow_mut(|blocks| match blocks.get(&(ptr as usize)) {
        Some((own, Owner::Allocated)) if *own == len => {
            blocks.remove(&(ptr as usize));
            Ok(())
        }
        _ => Err(Fault::new(Code::Pointer, "no block of this address and length is given out")),
    })?;
    if let Ok(layout) = Layout::from_size_align(len, ALIGN) {
        // SAFETY: the block was known, so it was allocated with this very layout, and it is
        // not known any more.
        unsafe { dealloc(ptr, layout) }
    }
    Ok(())
}

/// Makes memory of the module's own known as a block, which a host may point into.
///
/// # Safety
///
/// The memory must stay where it is, initialized and used by nobody else, until it is
/// [`unlend`]ed, and must not overlap another block.
pub unsafe fn lend(ptr: *mut u8, len: usize) {
    BLOCKS.with_borrow_mut(|blocks| blocks.insert(ptr as usize, (len, Owner::Lent)));
}

/// Takes back what was lent; `false` if it was not.
pub fn unlend(ptr: *mut u8) -> bool {
    BLOCKS.with_borrow_mut(|blocks| match blocks.get(&(ptr as usize)) {
        Some((_, Owner::Lent)) => blocks.remove(&(ptr as usize)).is_some(),
        _ => false,
    })
}

/// Whether `len` bytes from `start` on lie within one block.
fn is_known(start: usize, len: usize) -> bool {
    BLOCKS.with_borrow(|blocks| {
        let block = blocks.range(..=start).next_back();
        block.is_some_and(|(first, (bytes, _))| {
            let before = start - first;
            before <= *bytes && len <= bytes - before
        })
    })
}

/// Bytes of `count` elements, if they are where a host says.
fn check<T>(ptr: *const T, count: usize) -> Result<(), Fault> {
    let bytes = count.checked_mul(size_of::<T>());
    match bytes {
        Some(bytes) if ptr.is_aligned() && is_known(ptr as usize, bytes) => Ok(()),
        _ => Err(Fault::new(
            Code::Pointer,
            "a pointer is null or misaligned, or leads out of its block",
        )),
    }
}

/// Numbers for which every pattern of bits is a value.
pub trait Plain: Copy {}

impl Plain for u8 {}
impl Plain for u32 {}
impl Plain for i32 {}
impl Plain for f32 {}
impl Plain for usize {}

/// The `count` elements at `ptr`, for one call; none of them at null is nothing.
///
/// # Errors
/// [`Code::Pointer`].
///
/// # Safety
///
/// Nothing that overlaps them may be written or given back for `'a`: an export uses what it
/// gets from here before it writes, and nobody else runs meanwhile.
pub unsafe fn slice<'a, T: Plain>(ptr: *const T, count: usize) -> Result<&'a [T], Fault> {
    if count == 0 && ptr.is_null() {
        return Ok(&[]);
    }
    check(ptr, count)?;
    // SAFETY: aligned and within a block, which is initialized and at most 256 MiB; every
    // pattern of bits is a value. That nobody writes is promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts(ptr, count) })
}

/// The same to be written.
///
/// # Errors
/// [`Code::Pointer`].
///
/// # Safety
///
/// Nothing else that overlaps them may be used for `'a`.
pub unsafe fn slice_mut<'a, T: Plain>(ptr: *mut T, count: usize) -> Result<&'a mut [T], Fault> {
    if count == 0 && ptr.is_null() {
        return Ok(&mut []);
    }
    check(ptr.cast_const(), count)?;
    // SAFETY: as above; that nobody else uses them is promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts_mut(ptr, count) })
}

/// Whether two ranges of bytes have one in common.
pub fn overlap(a: *const u8, b: *const u8, len: usize) -> bool {
    (a as usize).abs_diff(b as usize) < len
}

/// A new block with these bytes, for the host to give back; of none it is null.
///
/// # Errors
/// [`Code::Memory`].
pub fn block(bytes: &[u8]) -> Result<*mut u8, Fault> {
    if bytes.is_empty() {
        return Ok(null_mut());
    }
    let block = take(bytes.len())?;
    // SAFETY: the block was just made with this length, and nothing overlaps it.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), block, bytes.len()) };
    Ok(block)
}

/// Gives bytes to the host as a block of its own: its address is written to `ptr_at`, its
/// length to `len_at`. Nothing of the host's may be borrowed now.
///
/// # Errors
/// [`Code::Pointer`] where either does not lead into a block, [`Code::Memory`]; then nothing
/// is written.
#[expect(clippy::not_unsafe_ptr_arg_deref, reason = "they are checked before")]
pub fn give(bytes: Vec<u8>, ptr_at: *mut *mut u8, len_at: *mut usize) -> Result<(), Fault> {
    check_places(ptr_at, len_at)?;
    let block = block(&bytes)?;
    // SAFETY: both were checked, and nothing is borrowed: `bytes` is the module's own.
    unsafe {
        ptr_at.write(block);
        len_at.write(bytes.len());
    }
    Ok(())
}

/// Checks where [`give`] is to write, before much work is done.
///
/// # Errors
/// [`Code::Pointer`].
pub fn check_places(ptr_at: *mut *mut u8, len_at: *mut usize) -> Result<(), Fault> {
    check(ptr_at.cast_const(), 1)?;
    check(len_at.cast_const(), 1)
}

/// How many blocks are given out, for tests that look for leaks.
pub fn blocks() -> usize {
    BLOCKS.with_borrow(|blocks| blocks.len())
}

#[cfg(test)]
mod tests;
