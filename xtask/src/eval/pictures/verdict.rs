//! How a picture was read beside sharp.

use crate::json;
use anyhow::Result;
use serde_json::Value;
use std::fmt;

/// Of a channel's 255 levels: how far pixels may be apart on average, and one of them at most,
/// for a picture to be read alike. Readers round, and make chroma larger, in several ways.
const MEAN_MAX: f64 = 1.0;
const MOST_MAX: f64 = 40.0;

const HDR: &str = "HDR is refused; sharp takes its curve for the one of sRGB";
const CHROMA: &str = "chroma is made larger smoothly here, by repetition in sharp";
const NO_PROFILE: &str =
    "CMYK without a profile: taken as browsers do, by a press's profile in sharp";

/// Endings of paths, and why pictures are read otherwise than by sharp, or not at all.
const KNOWN: [(&str, &str); 28] = [
    ("data/abc_color_irot_alpha_NOirot.avif", "alpha is turned as its picture is, here"),
    ("data/alpha_noispe.avif", "alpha does not say its size; libavif refuses it, too"),
    ("data/clap_irot_imir_non_essential.avif", "cuts and turns have to be essential (HEIF)"),
    ("data/clop_irot_imor.avif", "alpha is turned as its picture is, here"),
    ("data/color_grid_alpha_grid_gainmap_nogrid.avif", HDR),
    ("data/color_grid_gainmap_different_grid.avif", HDR),
    ("data/color_nogrid_alpha_nogrid_gainmap_grid.avif", HDR),
    ("data/colors_hdr_p3.avif", HDR),
    ("data/colors_hdr_rec2020.avif", HDR),
    ("data/colors_hdr_srgb.avif", HDR),
    ("data/colors_text_hdr_p3.avif", HDR),
    ("data/colors_text_hdr_rec2020.avif", HDR),
    ("data/colors_text_hdr_srgb.avif", HDR),
    ("data/colors_text_wcg_hdr_rec2020.avif", HDR),
    ("data/colors_text_wcg_sdr_rec2020.avif", "its primaries count here, and not in sharp"),
    ("data/colors_wcg_hdr_rec2020.avif", HDR),
    ("data/extended_pixi.avif", CHROMA),
    ("data/io/cosmos1650_yuv444_10bpc_p3pq.avif", HDR),
    ("data/io/kodim23_yuv420_8bpc.avif", CHROMA),
    ("data/sofa_grid1x5_420_reversed_dimg_order.avif", CHROMA),
    ("gif/anim/border_touching_layers.gif", "what no frame covers is clear here, black in sharp"),
    ("fixtures/Channel_digital_image_CMYK_color_no_profile.jpg", NO_PROFILE),
    ("fixtures/expected/icc-cmyk.jpg", "another rendering of blacks; Chromium is between both"),
    ("fixtures/expected/joinChannel-cmyk.jpg", NO_PROFILE),
    ("fixtures/pitm.avif", CHROMA),
    ("fixtures/testimgl.jpg", "lossless JPEG is refused"),
    ("gainmap_version.avif", HDR),
    ("gainmap_minimum_version.avif", HDR),
];

/// Beginnings of names of HDR pictures in `data/`.
const HDR_NAMES: [&str; 3] =
    ["seine_hdr_", "supported_gainmap_writer", "unsupported_gainmap_writer"];

/// What became of one picture.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    /// Both have read the same.
    Alike,
    /// Neither reads it.
    Neither,
    /// Only the function reads it; what sharp says.
    OnlyHere(String),
    /// Only sharp reads it; the status and what the function says.
    OnlyThere(f64, String),
    /// The mean and largest difference of a channel.
    Apart(f64, f64),
    /// Sizes.
    OtherSize([f64; 2], [f64; 2]),
    /// No answer, or one that is the function's own fault.
    Failed(f64, String),
}

/// A picture, and how it was read.
pub(super) struct Verdict {
    file: String,
    pub(super) reading: Reading,
}

impl Verdict {
    /// From what the script has written.
    pub(super) fn read(one: &Value) -> Result<Self> {
        let status = json::number(one, "status")?;
        let detail = json::text(one, "detail")?.to_owned();
        let refused = one["refused"].as_str();
        let reading = match (status, refused) {
            (0.0 | 500.0.., _) => Reading::Failed(status, detail),
            (200.0, None) => Self::apart(one)?,
            (200.0, Some(why)) => Reading::OnlyHere(why.to_owned()),
            (_, None) => Reading::OnlyThere(status, detail),
            (_, Some(_)) => Reading::Neither,
        };
        Ok(Verdict { file: json::text(one, "file")?.to_owned(), reading })
    }

    fn apart(one: &Value) -> Result<Reading> {
        let size = |key| -> Result<[f64; 2]> {
            let sides: Vec<f64> = json::list(one, key)?.iter().filter_map(Value::as_f64).collect();
            Ok([sides.first(), sides.get(1)].map(|side| side.copied().unwrap_or_default()))
        };
        let (own, other) = (size("own")?, size("reference")?);
        if own != other {
            return Ok(Reading::OtherSize(own, other));
        }
        let (mean, most) = (json::number(one, "mean")?, json::number(one, "most")?);
        let is_alike = mean <= MEAN_MAX && most <= MOST_MAX;
        Ok(if is_alike { Reading::Alike } else { Reading::Apart(mean, most) })
    }

    /// Whether there is nothing to say of it.
    pub(super) fn is_alike(&self) -> bool {
        matches!(self.reading, Reading::Alike | Reading::Neither)
    }

    /// The file's name, with the folder that it lies in.
    pub(super) fn name(&self) -> &str {
        let folders = self.file.rmatch_indices('/').nth(1);
        folders.map_or(&self.file, |(at, _)| &self.file[at + 1..])
    }

    /// Why it is read otherwise, where that is known.
    pub(super) fn why(&self) -> Option<&'static str> {
        if matches!(self.reading, Reading::OnlyHere(_)) {
            return Some("it can be read");
        }
        let known = KNOWN.iter().find(|(ending, _)| self.file.ends_with(ending));
        let name = self.name().strip_prefix("data/");
        let is_hdr = name.is_some_and(|name| HDR_NAMES.iter().any(|one| name.starts_with(one)));
        known.map(|(_, why)| *why).or(is_hdr.then_some(HDR))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reading {
            Reading::Alike => f.write_str("alike"),
            Reading::Neither => f.write_str("read by neither"),
            Reading::OnlyHere(why) => write!(f, "read only here: {why}"),
            Reading::OnlyThere(status, why) => write!(f, "{status}: {why}"),
            Reading::Apart(mean, most) => write!(f, "apart by {mean:.1}, at most {most:.0}"),
            Reading::OtherSize([width, height], [w, h]) => {
                write!(f, "{width}×{height}, not {w}×{h}")
            }
            Reading::Failed(status, why) => write!(f, "FAILED with {status}: {why}"),
        }
    }
}

/// How many pictures were read how.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    alike: usize,
    neither: usize,
    only_here: usize,
    explained: usize,
    pub(super) unexplained: usize,
    pub(super) failed: usize,
}

impl Tally {
    pub(super) fn of(verdicts: &[Verdict]) -> Self {
        let mut tally = Tally::default();
        for one in verdicts {
            let count = match one.reading {
                Reading::Alike => &mut tally.alike,
                Reading::Neither => &mut tally.neither,
                Reading::OnlyHere(_) => &mut tally.only_here,
                Reading::Failed(..) => &mut tally.failed,
                _ if one.why().is_some() => &mut tally.explained,
                _ => &mut tally.unexplained,
            };
            *count += 1;
        }
        tally
    }

    /// Each with what it counts.
    pub(super) fn counts(&self) -> [(&'static str, usize); 6] {
        [
            ("read alike", self.alike),
            ("read by neither", self.neither),
            ("read only here", self.only_here),
            ("read otherwise, or not, for a reason", self.explained),
            ("read otherwise, or not, without one", self.unexplained),
            ("failed", self.failed),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(mut one: Value, file: &str) -> Verdict {
        one["file"] = json!(file);
        if one["detail"].is_null() {
            one["detail"] = json!("");
        }
        Verdict::read(&one).expect("valid")
    }

    #[test]
    fn what_lacks_something_is_an_error() {
        for bad in [
            json!({}),
            json!({ "status": 200, "detail": "" }),
            json!({ "status": 200, "detail": "", "own": [1, 1], "reference": [1, 1] }),
        ] {
            assert!(Verdict::read(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_reading_is_counted_once() {
        let sized = |own: u32| json!({ "status": 200, "own": [own, 9], "reference": [9, 9], "mean": 0.5, "most": 7 });
        let apart =
            json!({ "status": 200, "own": [9, 9], "reference": [9, 9], "mean": 0.5, "most": 41 });
        let all = [
            verdict(sized(9), "/a/b/c.png"),
            verdict(sized(8), "/a/b/c.png"),
            verdict(apart.clone(), "/a/b/c.png"),
            verdict(apart, "/x/fixtures/pitm.avif"),
            verdict(json!({ "status": 415 }), "/x/data/seine_hdr_srgb.avif"),
            verdict(json!({ "status": 422 }), "/x/data/new.avif"),
            verdict(json!({ "status": 422, "refused": "no" }), "/x/data/bad.avif"),
            verdict(json!({ "status": 200, "refused": "no" }), "/x/data/good.avif"),
            verdict(json!({ "status": 500, "refused": "no" }), "/x/data/worse.avif"),
            verdict(json!({ "status": 0 }), "/x/data/silent.avif"),
        ];
        let wanted =
            Tally { alike: 1, neither: 1, only_here: 1, explained: 2, unexplained: 3, failed: 2 };
        assert_eq!(Tally::of(&all), wanted);
        assert_eq!(all[0].name(), "b/c.png");
        assert_eq!(all[1].to_string(), "8×9, not 9×9");
    }
}
