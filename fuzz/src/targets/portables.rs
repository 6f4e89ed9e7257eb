//! What hosts may pass to core modules: pointers, lengths and requests.

use super::texts;
use optimizer_core::optimize::optimize;
use primitives_core::portable::fault::{last_message_len, last_status};
use primitives_core::portable::memory::{allocate, blocks, deallocate};
use primitives_core::{
    branchless_clamp, cache_optimized_filter, clamp_all, fast_crc32, get_buffer,
    in_place_string_reverse, keep_above, max_of, release_buffer, vectorized_sum,
};

/// Blocks that are given out, as the target itself keeps them.
#[derive(Default)]
struct Host {
    blocks: Vec<(usize, usize)>,
    buffers: Vec<usize>,
}

/// Blocks at the same time: few, so that pointers often meet one.
const BLOCKS: usize = 4;
const BUFFER_BYTES: usize = 1024 + 16;

impl Host {
    /// Whether an export may follow a pointer so far.
    fn owns(&self, start: usize, bytes: usize) -> bool {
        let lent = self.buffers.iter().map(|start| (*start, BUFFER_BYTES));
        let mut all = self.blocks.iter().copied().chain(lent);
        all.any(|(first, len)| start >= first && bytes <= len && start - first <= len - bytes)
    }

    /// An address near a block, or any.
    fn address(&self, which: u8, offset: i8) -> usize {
        let bases: Vec<usize> =
            self.blocks.iter().map(|(first, _)| *first).chain(self.buffers.clone()).collect();
        let base = bases.get(usize::from(which) % (bases.len() + 2)).copied();
        // Beyond the list: null, and what is nobody's.
        let none = if which.is_multiple_of(2) { 0 } else { usize::MAX / 2 };
        base.unwrap_or(none).wrapping_add_signed(isize::from(offset))
    }
}

pub(super) fn calls() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![0, 0, 0, 64, 2, 0, 0, 64, 3, 0, 0, 16, 5, 0, 0, 64, 1, 0, 0, 0],
        vec![8, 0, 0, 0, 2, 0, 0, 255, 9, 0, 0, 0, 9, 0, 0, 0],
        vec![0, 0, 0, 9, 4, 0, 0, 9, 6, 0, 0, 9, 7, 0, 1, 8, 2, 0, 246, 9, 1, 0, 0, 0],
    ]
}

/// Calls of four bytes each: which, of which block, how far from its start, how many. A call
/// goes well exactly if what it is given lies within one block, and else does nothing.
pub(super) fn call(data: &[u8]) {
    let mut host = Host::default();
    for (index, call) in data.as_chunks::<4>().0.iter().take(200).enumerate() {
        let [what, which, offset, count] = *call;
        let (at, count) = (host.address(which, offset.cast_signed()), usize::from(count));
        // Sometimes a length that no block has.
        let len = if count == 255 { usize::MAX - 3 } else { count };
        if !memory(&mut host, what % 12, at, len) {
            compute(&host, what % 12, at, len, index as u32);
        }
        assert_eq!(blocks(), host.blocks.len() + host.buffers.len());
        assert_eq!(last_status() == 0, last_message_len() == 0);
    }
    for (start, len) in host.blocks {
        assert_eq!(deallocate(start as *mut u8, len), 0);
    }
    for buffer in host.buffers {
        assert_eq!(release_buffer(buffer as *mut _), 0);
    }
    assert_eq!(blocks(), 0);
}

/// The calls that give out and take back; `false` if it is none of them.
fn memory(host: &mut Host, what: u8, at: usize, len: usize) -> bool {
    match what {
        0 if host.blocks.len() < BLOCKS => {
            let block = allocate(len);
            assert_eq!(block.is_null(), len == 0 || len > 255, "{len}");
            if !block.is_null() {
                host.blocks.push((block as usize, len));
            }
        }
        1 => {
            // Half of the time with the right length.
            let known = host.blocks.iter().position(|(start, _)| *start == at);
            let len = known.filter(|_| len.is_multiple_of(2)).map_or(len, |at| host.blocks[at].1);
            let given = host.blocks.iter().position(|block| *block == (at, len));
            let is_well = deallocate(at as *mut u8, len) == 0;
            assert_eq!(is_well, at == 0 || given.is_some());
            given.map(|at| host.blocks.swap_remove(at));
        }
        8 => {
            let buffer = get_buffer() as usize;
            assert_eq!(buffer == 0, host.buffers.len() == 16);
            host.buffers.extend((buffer != 0).then_some(buffer));
        }
        9 => {
            let given = host.buffers.iter().position(|buffer| *buffer == at);
            assert_eq!(release_buffer(at as *mut _) == 0, at == 0 || given.is_some());
            given.map(|at| host.buffers.swap_remove(at));
        }
        _ => return false,
    }
    true
}

/// The calls that read and write.
fn compute(host: &Host, what: u8, at: usize, len: usize, number: u32) {
    let is_nothing = at == 0 && len == 0;
    let fits = |size: usize| {
        is_nothing
            || at.is_multiple_of(size)
                && len.checked_mul(size).is_some_and(|bytes| host.owns(at, bytes))
    };
    let is_well = match what {
        2 => {
            fast_crc32(at as *const u8, len);
            fits(1)
        }
        3 => {
            let sum = vectorized_sum(at as *const f32, len);
            assert!(fits(4) || sum.is_nan());
            fits(4)
        }
        4 => {
            let kept = keep_above(at as *mut u8, len, number);
            assert!(kept <= len && (last_status() == 0 || kept == 0));
            fits(1) && number < 256
        }
        5 => {
            assert_eq!(in_place_string_reverse(at as *mut u8, len), last_status());
            // What lies there need not be UTF-8.
            fits(1) && last_status() != -3
        }
        6 => {
            cache_optimized_filter(at as *const u8, at as *mut u8, len, number);
            fits(1) && number < 256
        }
        7 => {
            clamp_all(at as *mut i32, len, 5, number.cast_signed());
            fits(4)
        }
        10 => {
            max_of(at as *const i32, len);
            fits(4) && len > 0
        }
        _ => {
            let value = branchless_clamp(len as i32, at as i32, number.cast_signed());
            assert!(value >= at as i32);
            true
        }
    };
    assert_eq!(last_status() == 0, is_well, "{what} {at} {len} {number}");
}

pub(super) const REQUESTS: &[&str] = &[
    "\"content_type\"",
    "\"accept_encoding\"",
    "\"client_hints\"",
    "\"settings\"",
    "\"OPTIMIZER_MINIFY\"",
    "text/html",
    "application/json",
    "zstd",
    "br",
    "gzip",
    "2g",
    "\n",
];

pub(super) fn requests() -> Vec<Vec<u8>> {
    texts(&[
        "{\"content_type\":\"text/html\",\"accept_encoding\":\"gzip\"}\n<p>\n  a <!-- b c -->\n</p>",
        "{\"content_type\":\"application/json\",\"settings\":{\"OPTIMIZER_BYTES_MIN\":\"0\"}}\n[ 1 , 2 ]",
        "{\"content_type\":\"text/plain\",\"client_hints\":{\"connection\":\"2g\"},\"target\":\"/\"}\naaaa",
        "{}\n",
    ])
}

/// A request in JSON, and from the next line on content: what comes out is never larger, and
/// the same if nothing was done.
pub(super) fn request(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (request, content) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let Ok((answer, made)) = optimize(request, content) else { return };
    assert!(made.len() <= content.len());
    assert_eq!(answer.optimizations_applied.is_empty(), *made == *content);
    assert!(matches!(answer.cache_ttl, 1800 | 3600));
}
