//! Lossy WebP by libwebp.

use super::Wanted;
use super::curve;
use super::picture::{Coded, Picture};
use super::work::{Ended, Stop, failed};
use libwebp_sys::{
    WebPConfig, WebPDecodeRGBInto, WebPEncode, WebPPicture, WebPPictureFree, WebPPictureImportRGB,
    WebPPictureImportRGBA,
};
use std::ffi::c_int;
use std::slice;

/// libwebp's own scale, 0 (fast) to 6, for efforts 1 to 9.
const METHODS: [c_int; 9] = [0, 1, 2, 3, 4, 4, 5, 6, 6];

/// Encodes a picture. `is_shown`: what a decoder shows is wanted, too.
pub(super) fn encode(
    picture: &Picture,
    number: u8,
    wanted: &Wanted,
    is_shown: bool,
    stop: Stop<'_>,
) -> Result<Coded, Ended> {
    let mut config = WebPConfig::new().map_err(|()| failed("libwebp is another version"))?;
    config.quality = scale(number);
    config.method = METHODS[usize::from(wanted.effort().clamp(1, 9)) - 1];
    let mut call = Call { data: Vec::new(), stop, ended: None };
    let mut pixels = Pixels::import(picture)?;
    pixels.0.writer = Some(write);
    pixels.0.custom_ptr = (&raw mut call).cast();
    pixels.0.progress_hook = Some(progress);
    pixels.0.user_data = (&raw mut call).cast();
    // SAFETY: both structs were made by libwebp. `call` outlives this call of it, and
    // nothing else touches it meanwhile; the two hooks run one at a time, because
    // `thread_level` is 0, and keep no reference.
    let done = unsafe { WebPEncode(&raw const config, &raw mut pixels.0) };
    let error = pixels.0.error_code;
    drop(pixels);
    if let Some(ended) = call.ended {
        return Err(ended);
    }
    if done == 0 {
        return Err(failed(format!("libwebp says {error:?}")));
    }
    let shown = if is_shown { Some(decode(&call.data, picture)?) } else { None };
    Ok(Coded { data: call.data, shown })
}

/// What the hooks of one encoding work on.
struct Call<'a> {
    data: Vec<u8>,
    stop: Stop<'a>,
    ended: Option<Ended>,
}

/// libwebp's picture, with memory of its own.
struct Pixels(WebPPicture);

impl Pixels {
    fn import(picture: &Picture) -> Result<Self, Ended> {
        let side = |side: u32| c_int::try_from(side).map_err(failed);
        let (width, height) = (side(picture.width)?, side(picture.height)?);
        let stride = c_int::try_from(picture.width as usize * picture.channels).map_err(failed)?;
        let new = WebPPicture::new().map_err(|()| failed("libwebp is another version"))?;
        let mut pixels = Pixels(new);
        (pixels.0.width, pixels.0.height) = (width, height);
        let import = if picture.has_alpha() { WebPPictureImportRGBA } else { WebPPictureImportRGB };
        // SAFETY: the picture was made by libwebp and has its size. It reads `height` rows
        // of `stride` bytes, which is what `data` holds: a `Picture` has width × height ×
        // channels bytes.
        let done = unsafe { import(&raw mut pixels.0, picture.data.as_ptr(), stride) };
        if done == 0 { Err(failed("no more memory")) } else { Ok(pixels) }
    }
}

impl Drop for Pixels {
    fn drop(&mut self) {
        // SAFETY: made by libwebp, freed once; it allows for a picture without memory.
        unsafe { WebPPictureFree(&raw mut self.0) };
    }
}

/// Takes what libwebp has written.
unsafe extern "C" fn write(data: *const u8, bytes: usize, picture: *const WebPPicture) -> c_int {
    // SAFETY: libwebp hands over the picture that it was given, whose `custom_ptr` is the
    // `Call` of an encoding that still runs, and `bytes` bytes that it has initialized.
    let (call, data) = unsafe {
        (&mut *(*picture).custom_ptr.cast::<Call<'_>>(), slice::from_raw_parts(data, bytes))
    };
    call.data.extend_from_slice(data);
    1
}

/// Says whether to go on.
unsafe extern "C" fn progress(_percent: c_int, picture: *const WebPPicture) -> c_int {
    // SAFETY: as in `write`, with `user_data`.
    let call = unsafe { &mut *(*picture).user_data.cast::<Call<'_>>() };
    match (call.stop)() {
        Ok(()) => 1,
        Err(ended) => {
            call.ended = Some(ended);
            0
        }
    }
}

/// What this encoder has just written.
fn decode(data: &[u8], picture: &Picture) -> Result<Vec<u8>, Ended> {
    let row_bytes = picture.width as usize * 3;
    let mut shown = vec![0; row_bytes * picture.height as usize];
    let stride = c_int::try_from(row_bytes).map_err(failed)?;
    // SAFETY: libwebp reads within `data`, and writes at most as many bytes as it is told
    // that `shown` has; it fails if the picture needs more.
    let written = unsafe {
        WebPDecodeRGBInto(data.as_ptr(), data.len(), shown.as_mut_ptr(), shown.len(), stride)
    };
    if written.is_null() { Err(failed("its own output cannot be read")) } else { Ok(shown) }
}

/// libwebp's quality that looks as JPEG does at `number`: at equal scores of
/// SSIMULACRA2 over photographs, effort 5.
fn scale(number: u8) -> f32 {
    const POINTS: [(f64, f64); 11] = [
        (1.0, 0.0),
        (15.0, 5.0),
        (25.0, 15.0),
        (35.0, 29.0),
        (45.0, 39.0),
        (55.0, 49.0),
        (65.0, 61.0),
        (75.0, 75.0),
        (85.0, 83.0),
        (90.0, 90.0),
        (100.0, 100.0),
    ];
    curve::at(&POINTS, f64::from(number)).clamp(0.0, 100.0) as f32
}
