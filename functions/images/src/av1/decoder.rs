//! rav1d, in one safe function.
//!
//! Its interface is that of dav1d, in C; this is the only unsafe code of the
//! function, and all of it. Nothing here starts a thread: with one thread and a
//! delay of one frame the decoder works within the calls.

use crate::av1::planes::Planes;
use crate::av1::sequence::Sequence;
use crate::problem::Problem;

/// Whether this build has a decoder. rav1d needs the types of a C library, which there
/// are none of on `wasm32-unknown-unknown`.
pub(crate) const IS_THERE: bool = cfg!(not(all(target_arch = "wasm32", target_os = "unknown")));

/// What a source of AVIF is answered with where there is none.
pub(crate) const fn missing() -> Problem {
    Problem::Unsupported("this build has no decoder of AVIF")
}

/// Decodes the picture in `data`, whose sequence header is `sequence`, and
/// hands its planes to `take`.
///
/// # Errors
/// [`Problem::Damaged`] where it cannot be decoded, or is of another size or
/// kind than `sequence` says.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub(crate) fn decode<R>(
    data: &[u8],
    operating_point: u8,
    sequence: &Sequence,
    take: impl FnOnce(&Planes<'_>) -> R,
) -> Result<R, Problem> {
    use foreign::{Decoder, planes};

    let damaged = |what: &str| Problem::Damaged(what.to_owned());
    let refused = || damaged("its AV1 data cannot be decoded");
    let mut decoder = Decoder::open(operating_point, sequence.size).ok_or_else(refused)?;
    let picture = decoder.decode(data).ok_or_else(refused)?;
    let planes =
        planes(&picture, sequence).ok_or_else(|| damaged("its pixels contradict its header"))?;
    Ok(take(&planes))
}

/// There is none here.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(crate) fn decode<R>(
    _data: &[u8],
    _operating_point: u8,
    _sequence: &Sequence,
    _take: impl FnOnce(&Planes<'_>) -> R,
) -> Result<R, Problem> {
    Err(missing())
}

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod foreign {
    use std::ffi::c_void;
    use std::marker::PhantomData;
    use std::mem::MaybeUninit;
    use std::ptr::NonNull;

    use rav1d::include::dav1d::data::Dav1dData;
    use rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dLogger, Dav1dSettings};
    use rav1d::include::dav1d::headers::{
        DAV1D_PIXEL_LAYOUT_I400, DAV1D_PIXEL_LAYOUT_I420, DAV1D_PIXEL_LAYOUT_I422,
        DAV1D_PIXEL_LAYOUT_I444,
    };
    use rav1d::include::dav1d::picture::Dav1dPicture;
    use rav1d::src::lib::{
        dav1d_close, dav1d_data_unref, dav1d_data_wrap, dav1d_default_settings, dav1d_get_picture,
        dav1d_open, dav1d_picture_unref, dav1d_send_data,
    };
    use rav1d::src::send_sync_non_null::SendSyncNonNull;
    use sedge_kit::image::geometry::Size;

    use crate::av1::planes::{Plane, Planes};
    use crate::av1::sequence::{Layout, Sequence};

    /// An open decoder, closed when it is dropped.
    pub(super) struct Decoder(Option<Dav1dContext>);

    /// A decoded picture, which holds its samples itself.
    pub(super) struct Picture<'a>(Dav1dPicture, PhantomData<&'a Decoder>);

    impl Decoder {
        /// A decoder of pictures of up to `size`.
        pub(super) fn open(operating_point: u8, size: Size) -> Option<Self> {
            let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
            let place = NonNull::new(settings.as_mut_ptr())?;
            // SAFETY: `place` is ours to write to.
            unsafe { dav1d_default_settings(place) };
            // SAFETY: it was written to just now. What it holds needs no drop:
            // the decoder takes a copy of it.
            let of = unsafe { settings.assume_init_mut() };
            of.n_threads = 1;
            of.max_frame_delay = 1;
            of.apply_grain = 1;
            of.all_layers = 0;
            of.operating_point = i32::from(operating_point.min(31));
            of.frame_size_limit = u32::try_from(size.pixels()).ok()?;
            // SAFETY: without a callback nothing is ever called.
            of.logger = unsafe { Dav1dLogger::new(None, None) };
            let mut context = None;
            // SAFETY: both point to what lives and is initialized.
            let result = unsafe { dav1d_open(Some(NonNull::from(&mut context)), Some(place)) };
            (result.0 == 0 && context.is_some()).then_some(Self(context))
        }

        /// The first picture that the data show.
        pub(super) fn decode(&mut self, data: &[u8]) -> Option<Picture<'_>> {
            let mut unit = Dav1dData::default();
            let start = NonNull::from(data).cast::<u8>();
            // SAFETY: `start` and the length are those of `data`, which outlives
            // what the decoder keeps of it: that is let go of below, where it is
            // closed, before `data` ends. What frees it does nothing, as it is
            // only borrowed.
            let result = unsafe {
                dav1d_data_wrap(
                    Some(NonNull::from(&mut unit)),
                    Some(start),
                    data.len(),
                    Some(keep),
                    None,
                )
            };
            if result.0 != 0 {
                return None;
            }
            let mut picture = Dav1dPicture::default();
            // SAFETY: the context is open; `unit` and `picture` are ours.
            let sent = unsafe { dav1d_send_data(self.0, Some(NonNull::from(&mut unit))) };
            let mut is_there = false;
            if sent.0 == 0 {
                // SAFETY: as above.
                let got = unsafe { dav1d_get_picture(self.0, Some(NonNull::from(&mut picture))) };
                is_there = got.0 == 0;
            }
            // SAFETY: `unit` is ours, and empty where it was taken.
            unsafe { dav1d_data_unref(Some(NonNull::from(&mut unit))) };
            // What is left of the data is not decoded, and let go of.
            self.close();
            is_there.then_some(Picture(picture, PhantomData))
        }

        fn close(&mut self) {
            // SAFETY: the context is from `dav1d_open`, and `None` once closed,
            // which is no mistake.
            unsafe { dav1d_close(Some(NonNull::from(&mut self.0))) };
        }
    }

    impl Drop for Decoder {
        fn drop(&mut self) {
            self.close();
        }
    }

    impl Drop for Picture<'_> {
        fn drop(&mut self) {
            // SAFETY: it was filled by `dav1d_get_picture`.
            unsafe { dav1d_picture_unref(Some(NonNull::from(&mut self.0))) };
        }
    }

    /// For data that are borrowed.
    unsafe extern "C" fn keep(_data: *const u8, _cookie: Option<SendSyncNonNull<c_void>>) {}

    /// The planes of a picture, if it is of the size, depth and kind that its
    /// header announced.
    pub(super) fn planes<'a>(picture: &'a Picture<'_>, sequence: &Sequence) -> Option<Planes<'a>> {
        let of = &picture.0;
        let layout = match of.p.layout {
            DAV1D_PIXEL_LAYOUT_I400 => Layout::Gray,
            DAV1D_PIXEL_LAYOUT_I420 => Layout::Quartered,
            DAV1D_PIXEL_LAYOUT_I422 => Layout::Halved,
            DAV1D_PIXEL_LAYOUT_I444 => Layout::Full,
            _ => return None,
        };
        let side = |side: i32| u32::try_from(side).ok();
        let size = Size { width: side(of.p.w)?, height: side(of.p.h)? };
        let is_as_announced =
            (size, layout, of.p.bpc) == (sequence.size, sequence.layout, i32::from(sequence.depth));
        is_as_announced.then_some(())?;
        let chroma = layout.chroma(size);
        Some(if sequence.depth > 8 {
            Planes::Deep([
                plane(picture, 0, size)?,
                plane(picture, 1, chroma)?,
                plane(picture, 2, chroma)?,
            ])
        } else {
            Planes::Shallow([
                plane(picture, 0, size)?,
                plane(picture, 1, chroma)?,
                plane(picture, 2, chroma)?,
            ])
        })
    }

    /// A plane of samples of the type that belongs to the depth of the picture.
    fn plane<'a, T>(picture: &'a Picture<'_>, at: usize, size: Size) -> Option<Plane<'a, T>> {
        if size.pixels() == 0 {
            return Plane::new(&[], 0, size);
        }
        let start = picture.0.data[at]?.cast::<T>();
        // Rows lie one after the other: the decoder's own memory never has them
        // upside down.
        let stride = usize::try_from(picture.0.stride[at.min(1)]).ok()? / size_of::<T>();
        let rows = usize::try_from(size.height).ok()?.checked_sub(1)?;
        let length = rows.checked_mul(stride)?.checked_add(usize::try_from(size.width).ok()?)?;
        (start.is_aligned() && size.width as usize <= stride).then_some(())?;
        // SAFETY: the decoder has written so many rows of so many samples, from
        // the first on, to memory that is the picture's and that the picture
        // holds as long as `'a`; nothing writes to it any more.
        let samples = unsafe { std::slice::from_raw_parts(start.as_ptr(), length) };
        Plane::new(samples, stride, size)
    }
}
