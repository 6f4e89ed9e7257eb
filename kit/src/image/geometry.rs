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

/// How a picture is fitted into a box. Names as in sharp and Cloudflare
/// Images. Where one side of the box is automatic there is nothing to crop or
/// pad, and all fits but [`Fit::ScaleDown`] do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Fills the box, keeps the ratio, cuts off what stands out (centered).
    Cover,
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
    pub const NAMES: [(&'static str, Self); 6] = [
        ("cover", Self::Cover),
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

/// Plans how `source` (as displayed) is fitted into `bounds`.
///
/// All sides of the plan are at least 1 pixel; scaled sides are rounded to
/// the nearest pixel, and saturate at `u32::MAX` where an extreme ratio would
/// ask for more: the caller checks its limits on the plan.
pub fn plan(source: Size, bounds: Bounds, fit: Fit) -> Plan {
    let wanted = match (bounds.width, bounds.height) {
        (None, None) => return plain(source, source),
        (Some(width), None) => Size { width, height: scale(source.height, width, source.width) },
        (None, Some(height)) => Size { width: scale(source.width, height, source.height), height },
        (Some(width), Some(height)) => Size { width, height },
    };
    let is_enlarged = wanted.width >= source.width && wanted.height >= source.height;
    if fit == Fit::ScaleDown && is_enlarged {
        return plain(source, source);
    }
    if bounds.width.is_none() || bounds.height.is_none() {
        return plain(source, wanted);
    }
    match fit {
        Fit::Cover => Plan { crop: center(source, wanted), scaled: wanted, canvas: wanted },
        Fit::Contain => Plan { canvas: wanted, ..plain(source, inside(source, wanted)) },
        Fit::Inside | Fit::ScaleDown => plain(source, inside(source, wanted)),
        Fit::Outside => plain(source, outside(source, wanted)),
        Fit::Fill => plain(source, wanted),
    }
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

/// The largest centered part of the source with the ratio of the box.
fn center(source: Size, wanted: Size) -> Crop {
    let (width, height) = (f64::from(source.width), f64::from(source.height));
    let ratio = f64::from(wanted.width) / f64::from(wanted.height);
    let (cut_width, cut_height) = if is_wider(source, wanted) {
        ((height * ratio).min(width), height)
    } else {
        (width, (width / ratio).min(height))
    };
    Crop {
        left: (width - cut_width) / 2.0,
        top: (height - cut_height) / 2.0,
        width: cut_width,
        height: cut_height,
    }
}

#[cfg(test)]
mod tests;
