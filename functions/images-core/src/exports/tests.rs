use super::*;
use images::golden::{TABLE, answer_digest};
use images::header;
use images::service::digest;
use portable::fault::{Code, last_message_len, last_status};
use portable::memory::{allocate, blocks, deallocate};
use std::ptr::{null, null_mut};

const ROCKET: &[u8] = include_bytes!("../../../../examples/images/rocket.jpg");
const COFFEE: &[u8] = include_bytes!("../../../../examples/images/coffee.png");
const BALL: &[u8] = include_bytes!("../../../../examples/images/ball.gif");

/// Places for a pointer and a length.
struct Places(*mut usize);

impl Places {
    fn new() -> Self {
        let places = allocate(2 * size_of::<usize>()).cast();
        Places(places)
    }

    fn both(&self) -> (*mut *mut u8, *mut usize) {
        (self.0.cast(), self.0.wrapping_add(1))
    }

    /// What was made, given back.
    fn take(&self) -> Vec<u8> {
        // SAFETY: both were written by an export, or are 0.
        let (ptr, len) = unsafe { (self.0.cast::<*mut u8>().read(), self.0.add(1).read()) };
        // SAFETY: nothing is written meanwhile.
        let bytes = unsafe { slice(ptr.cast_const(), len) }.expect("a block").to_vec();
        assert_eq!(deallocate(ptr, len), 0);
        bytes
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        assert_eq!(deallocate(self.0.cast(), 2 * size_of::<usize>()), 0);
    }
}

/// Calls with a source in a block; gives the status and what was made.
fn call(
    source: &[u8],
    export: impl FnOnce(*const u8, usize, *mut *mut u8, *mut usize) -> i32,
) -> Result<Vec<u8>, i32> {
    let block = allocate(source.len().max(1));
    // SAFETY: the block has room for it, and was just made.
    unsafe { block.copy_from(source.as_ptr(), source.len()) };
    let places = Places::new();
    let (output, output_len) = places.both();
    let status = export(block, source.len(), output, output_len);
    assert_eq!(status, last_status());
    assert_eq!(status == 0, last_message_len() == 0);
    let made = if status == 0 { Ok(places.take()) } else { Err(status) };
    assert_eq!(deallocate(block, source.len().max(1)), 0);
    drop(places);
    assert_eq!(blocks(), 0, "nothing is left over");
    made
}

fn resize(source: &[u8], width: u32, height: u32) -> Result<Vec<u8>, i32> {
    call(source, |input, len, output, output_len| {
        resize_image(input, len, width, height, output, output_len)
    })
}

fn crop(source: &[u8], ratio: f32) -> Result<Vec<u8>, i32> {
    call(source, |input, len, output, output_len| smart_crop(input, len, ratio, output, output_len))
}

fn transform(source: &[u8], target: &str, accept: &str) -> Result<Vec<u8>, i32> {
    let texts = allocate((target.len() + accept.len()).max(1));
    // SAFETY: the block has room for both, and was just made.
    unsafe {
        texts.copy_from(target.as_ptr(), target.len());
        texts.add(target.len()).copy_from(accept.as_ptr(), accept.len());
    }
    let block = allocate(source.len().max(1));
    // SAFETY: as above.
    unsafe { block.copy_from(source.as_ptr(), source.len()) };
    let places = Places::new();
    let (output, output_len) = places.both();
    let second = texts.wrapping_add(target.len());
    let (first, second) = ((texts, target.len()), (second, accept.len()));
    let status = transform_image(
        first.0,
        first.1,
        second.0,
        second.1,
        block,
        source.len(),
        output,
        output_len,
    );
    let made = if status == 0 { Ok(places.take()) } else { Err(status) };
    deallocate(texts, (target.len() + accept.len()).max(1));
    deallocate(block, source.len().max(1));
    made
}

#[test]
fn pointers_that_lead_nowhere_are_refused() {
    let pointer = Code::Pointer as i32;
    let places = Places::new();
    let (output, output_len) = places.both();
    let wild = 4096 as *const u8;
    for (input, len) in [(null(), 1), (wild, 10), (wild, usize::MAX)] {
        assert_eq!(resize_image(input, len, 10, 10, output, output_len), pointer);
        assert_eq!(smart_crop(input, len, 1.0, output, output_len), pointer);
        assert_eq!(transform_image(null(), 0, null(), 0, input, len, output, output_len), pointer);
        assert_eq!(transform_image(input, len, null(), 0, null(), 0, output, output_len), pointer);
    }
    for (output, output_len) in [(null_mut(), output_len), (output, null_mut())] {
        assert_eq!(resize_image(null(), 0, 10, 10, output, output_len), pointer);
    }
    drop(places);
    assert_eq!(
        call(ROCKET, |input, len, output, output_len| {
            resize_image(input, len + 1, 10, 10, output, output_len)
        }),
        Err(pointer)
    );
}

#[test]
fn hostile_pictures_have_codes() {
    let code = |code: Code| Err(code as i32);
    assert_eq!(resize(b"", 10, 10), code(Code::Unsupported));
    assert_eq!(resize(b"plain text", 10, 10), code(Code::Unsupported));
    assert_eq!(resize(&COFFEE[..COFFEE.len() / 2], 10, 10), code(Code::Damaged));
    assert_eq!(crop(&COFFEE[..40], 1.0), code(Code::Damaged));
    let mut bomb = COFFEE.to_vec();
    // Width and height in the first chunk of a PNG.
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    assert_eq!(resize(&bomb, 10, 10), code(Code::TooLarge));
    assert_eq!(crop(&bomb, 1.0), code(Code::TooLarge));
    assert_eq!(resize(ROCKET, 8193, 8193), code(Code::TooLarge));
    assert_eq!(resize(ROCKET, u32::MAX, 1), code(Code::Argument));
}

#[test]
fn parameters_out_of_range_have_codes() {
    for ratio in [f32::NAN, 0.0, -1.0, 0.009, 101.0, f32::INFINITY] {
        assert_eq!(crop(ROCKET, ratio), Err(Code::Argument as i32), "{ratio}");
    }
    for target in ["", "/", "/img/", "/img/10x10/wrong", "/img/10x10/cover?src=https://a.example/"]
    {
        assert_eq!(transform(ROCKET, target, ""), Err(Code::Argument as i32), "{target}");
    }
    let refused = transform(ROCKET, "/img/10x10/cover", "text/html");
    assert_eq!(refused, Err(Code::Argument as i32), "nothing acceptable");
}

#[test]
fn sizes_fit_the_box_with_the_ratio_of_the_picture() {
    for (width, height, expected) in
        [(320, 320, (320, 214)), (0, 100, (150, 100)), (64, 0, (64, 43)), (0, 0, (640, 427))]
    {
        let made = resize(ROCKET, width, height).expect("a picture");
        let header = header::read(&made).expect("a header");
        assert_eq!((header.size.width, header.size.height), expected, "{width}x{height}");
    }
}

#[test]
fn crops_have_the_ratio_and_the_format_of_the_source() {
    for (source, ratio, expected) in [
        (ROCKET, 1.0, ("jpeg", 427, 427)),
        (ROCKET, 0.5, ("jpeg", 214, 427)),
        (COFFEE, 2.0, ("png", 600, 300)),
        (COFFEE, 100.0, ("png", 600, 6)),
        (BALL, 0.01, ("png", 1, 64)),
    ] {
        let made = crop(source, ratio).expect("a picture");
        let header = header::read(&made).expect("a header");
        let got = (header.format.subtype(), header.size.width, header.size.height);
        assert_eq!(got, expected, "{ratio}");
    }
}

#[test]
fn targets_give_what_the_function_gives() {
    let line = TABLE.lines().find(|line| line.contains("rocket.jpg")).expect("a line");
    let columns: Vec<&str> = line.split('\t').collect();
    let made = transform(ROCKET, columns[0], columns[1]).expect("a picture");
    let expected = answer_digest(columns[0], columns[1], ROCKET).expect("a picture");
    assert_eq!(digest(&made), expected);
    assert_eq!(format!("{expected:016x}"), columns[3]);
}
