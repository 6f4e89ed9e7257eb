//! The sizes: how a picture of one size fits a box of another.

/// A size in pixels; both sides are at least 1 wherever it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// The number of pixels; cannot overflow.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

/// The box that was asked for, in pixels; a side that is `None` follows from
/// the aspect ratio of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Width of the box.
    pub width: Option<u32>,
    /// Height of the box.
    pub height: Option<u32>,
}

/// How a picture is fitted into a box. Where one side of the box is automatic
/// there is nothing to crop or pad: then some never enlarge, the others do the
/// same. Names as in sharp; Cloudflare's are in its [grammar](super::grammar).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Fills the box, keeps the ratio, cuts off what stands out.
    Cover,
    /// As `Cover`, but never enlarged: what the source is too small for is
    /// left out of the box.
    Crop,
    /// As `Cover`, but never enlarged: where the source is too small, the
    /// answer is the largest part of it that has the ratio of the box.
    AspectCrop,
    /// All of it inside the box, keeps the ratio, pads to the box (centered).
    Contain,
    /// As large as possible inside the box, keeps the ratio, no padding.
    Inside,
    /// As `Inside`, but never enlarged.
    ScaleDown,
    /// As small as possible around the box, keeps the ratio, no cropping.
    Outside,
    /// Exactly the box, ignoring the ratio.
    Fill,
}

impl Fit {
    /// Every fit with its name in URLs.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("cover", Self::Cover),
        ("crop", Self::Crop),
        ("aspect-crop", Self::AspectCrop),
        ("contain", Self::Contain),
        ("inside", Self::Inside),
        ("scale-down", Self::ScaleDown),
        ("outside", Self::Outside),
        ("fill", Self::Fill),
    ];

    /// The fit of a name in a URL.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, fit)| *fit)
    }

    /// The name in URLs.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, fit)| *fit == self).map_or("", |(name, _)| name)
    }
}

/// What a crop keeps, where it has to choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gravity {
    /// The surroundings of a point, as parts of width and height, 0 to 1: the
    /// point is in the middle of what is kept, unless an edge is in the way.
    Focus(f64, f64),
    /// What the picture is about, by its content.
    Auto,
}

impl Gravity {
    /// The middle.
    pub const CENTER: Self = Self::Focus(0.5, 0.5);
}

/// Pixels that are cut off a displayed picture before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Trim {
    /// Rows off the top.
    pub top: u32,
    /// Columns off the right.
    pub right: u32,
    /// Rows off the bottom.
    pub bottom: u32,
    /// Columns off the left.
    pub left: u32,
    /// Columns that are kept at most, from the left.
    pub width: Option<u32>,
    /// Rows that are kept at most, from the top.
    pub height: Option<u32>,
}

impl Trim {
    /// Left, top and size of what is kept; `None` for nothing.
    pub fn of(self, size: Size) -> Option<(u32, u32, Size)> {
        let kept = |whole: u32, before: u32, after: u32, most: Option<u32>| {
            let rest = whole.checked_sub(before.checked_add(after)?)?;
            Some(rest.min(most.unwrap_or(rest))).filter(|kept| *kept > 0)
        };
        let width = kept(size.width, self.left, self.right, self.width)?;
        let height = kept(size.height, self.top, self.bottom, self.height)?;
        Some((self.left, self.top, Size { width, height }))
    }
}

/// A rectangle of the source in pixels; fractions of a pixel are meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    /// Distance from the left edge.
    pub left: f64,
    /// Distance from the top edge.
    pub top: f64,
    /// Width, above 0.
    pub width: f64,
    /// Height, above 0.
    pub height: f64,
}

impl Crop {
    /// The crop that leaves everything.
    pub const fn whole(size: Size) -> Self {
        Self { left: 0.0, top: 0.0, width: size.width as f64, height: size.height as f64 }
    }

    /// The same rectangle, moved so that `(x, y)`, in pixels, is as near to its
    /// middle as the picture's edges allow.
    pub fn around(self, x: f64, y: f64, size: Size) -> Self {
        let start = |middle: f64, length: f64, whole: u32| {
            (middle - length / 2.0).clamp(0.0, (f64::from(whole) - length).max(0.0))
        };
        Self {
            left: start(x, self.width, size.width),
            top: start(y, self.height, size.height),
            ..self
        }
    }

    /// The same rectangle of a picture from which so much was cut off.
    pub fn shifted(self, left: u32, top: u32) -> Self {
        Self { left: self.left + f64::from(left), top: self.top + f64::from(top), ..self }
    }
}

/// What is to be done with the displayed picture: crop, scale, pad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// The part of the source that is used.
    pub crop: Crop,
    /// What the part is scaled to.
    pub scaled: Size,
    /// The size of the answer: `scaled`, or more with [`Fit::Contain`].
    pub canvas: Size,
}

impl Plan {
    /// Where the scaled picture lies on the canvas, centered: `(left, top)`.
    pub const fn offset(&self) -> (u32, u32) {
        ((self.canvas.width - self.scaled.width) / 2, (self.canvas.height - self.scaled.height) / 2)
    }
}

/// Plans how `source` (as displayed) is fitted into `bounds`. With
/// [`Gravity::Auto`] the crop is the middle, to be moved once the pixels are
/// known; the sizes do not depend on it.
///
/// All sides of the plan are at least 1 pixel; scaled sides are rounded to
/// the nearest pixel, and saturate at `u32::MAX` where an extreme ratio would
/// ask for more: the caller checks its limits on the plan.
pub fn plan(source: Size, bounds: Bounds, fit: Fit, gravity: Gravity) -> Plan {
    let wanted = match (bounds.width, bounds.height) {
        (None, None) => return plain(source, source),
        (Some(width), None) => Size { width, height: scale(source.height, width, source.width) },
        (None, Some(height)) => Size { width: scale(source.width, height, source.height), height },
        (Some(width), Some(height)) => Size { width, height },
    };
    let is_enlarged = wanted.width >= source.width && wanted.height >= source.height;
    if matches!(fit, Fit::ScaleDown | Fit::Crop) && is_enlarged {
        return plain(source, source);
    }
    if bounds.width.is_none() || bounds.height.is_none() {
        let is_kept = fit == Fit::AspectCrop && is_enlarged;
        return plain(source, if is_kept { source } else { wanted });
    }
    match fit {
        Fit::Cover => cut(source, largest_part(source, wanted), wanted, gravity),
        Fit::Crop => {
            // Where the box is larger than the source along one side, that side
            // stays whole and nothing is scaled.
            let part = if wanted.width > source.width || wanted.height > source.height {
                Size {
                    width: wanted.width.min(source.width),
                    height: wanted.height.min(source.height),
                }
            } else {
                return plan(source, bounds, Fit::Cover, gravity);
            };
            cut(source, (f64::from(part.width), f64::from(part.height)), part, gravity)
        }
        Fit::AspectCrop => {
            let (width, height) = largest_part(source, wanted);
            let whole = |side: f64, wanted: u32| (libm::round(side) as u32).clamp(1, wanted);
            let target =
                Size { width: whole(width, wanted.width), height: whole(height, wanted.height) };
            cut(source, (width, height), target, gravity)
        }
        Fit::Contain => Plan { canvas: wanted, ..plain(source, inside(source, wanted)) },
        Fit::Inside | Fit::ScaleDown => plain(source, inside(source, wanted)),
        Fit::Outside => plain(source, outside(source, wanted)),
        Fit::Fill => plain(source, wanted),
    }
}

/// The plan that cuts a part of this width and height out and scales it.
fn cut(source: Size, (width, height): (f64, f64), target: Size, gravity: Gravity) -> Plan {
    let (x, y) = match gravity {
        Gravity::Focus(x, y) => (x, y),
        Gravity::Auto => (0.5, 0.5),
    };
    let crop = Crop { left: 0.0, top: 0.0, width, height };
    let crop = crop.around(x * f64::from(source.width), y * f64::from(source.height), source);
    Plan { crop, scaled: target, canvas: target }
}

fn plain(source: Size, scaled: Size) -> Plan {
    Plan { crop: Crop::whole(source), scaled, canvas: scaled }
}

/// `side × numerator ÷ denominator`, rounded, at least 1.
fn scale(side: u32, numerator: u32, denominator: u32) -> u32 {
    let denominator = u64::from(denominator.max(1));
    let scaled = (u64::from(side) * u64::from(numerator) + denominator / 2) / denominator;
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

/// Whether the source is wider, in proportion, than the box.
fn is_wider(source: Size, wanted: Size) -> bool {
    u64::from(source.width) * u64::from(wanted.height)
        > u64::from(source.height) * u64::from(wanted.width)
}

fn inside(source: Size, wanted: Size) -> Size {
    if is_wider(source, wanted) {
        to_width(source, wanted.width)
    } else {
        to_height(source, wanted.height)
    }
}

fn outside(source: Size, wanted: Size) -> Size {
    if is_wider(source, wanted) {
        to_height(source, wanted.height)
    } else {
        to_width(source, wanted.width)
    }
}

fn to_width(source: Size, width: u32) -> Size {
    Size { width, height: scale(source.height, width, source.width) }
}

fn to_height(source: Size, height: u32) -> Size {
    Size { width: scale(source.width, height, source.height), height }
}

/// Width and height of the largest part of the source with the ratio of the box.
fn largest_part(source: Size, wanted: Size) -> (f64, f64) {
    let (width, height) = (f64::from(source.width), f64::from(source.height));
    let ratio = f64::from(wanted.width) / f64::from(wanted.height);
    if is_wider(source, wanted) {
        ((height * ratio).min(width), height)
    } else {
        (width, (width / ratio).min(height))
    }
}

#[cfg(test)]
mod tests;
