//! Tables of sizes, and the properties that hold for all of them.

use super::*;
use proptest::prelude::*;

const fn size(width: u32, height: u32) -> Size {
    Size { width, height }
}

fn check(source: (u32, u32), bounds: (u32, u32), fit: Fit, scaled: (u32, u32), canvas: (u32, u32)) {
    let side = |value: u32| (value > 0).then_some(value);
    let bounds = Bounds { width: side(bounds.0), height: side(bounds.1) };
    let plan = plan(size(source.0, source.1), bounds, fit, Gravity::CENTER);
    assert_eq!(
        (plan.scaled, plan.canvas),
        (size(scaled.0, scaled.1), size(canvas.0, canvas.1)),
        "{source:?} {fit:?} {bounds:?}"
    );
}

#[test]
fn extreme_ratios_keep_one_pixel_and_never_overflow() {
    check((30_000, 1), (10, 10), Fit::Inside, (10, 1), (10, 1));
    check((1, 30_000), (10, 10), Fit::Contain, (1, 10), (10, 10));
    check((30_000, 1), (0, 10), Fit::Cover, (300_000, 10), (300_000, 10));
    check((u32::MAX, 1), (0, u32::MAX), Fit::Fill, (u32::MAX, u32::MAX), (u32::MAX, u32::MAX));
    check((1, 1), (0, 0), Fit::Fill, (1, 1), (1, 1));
}

#[test]
fn a_photograph_fits_as_the_names_promise() {
    let photo = (640, 427);
    check(photo, (320, 214), Fit::Cover, (320, 214), (320, 214));
    check(photo, (100, 100), Fit::Cover, (100, 100), (100, 100));
    check(photo, (100, 100), Fit::Contain, (100, 67), (100, 100));
    check(photo, (100, 100), Fit::Inside, (100, 67), (100, 67));
    check(photo, (100, 100), Fit::ScaleDown, (100, 67), (100, 67));
    check(photo, (100, 100), Fit::Outside, (150, 100), (150, 100));
    check(photo, (100, 100), Fit::Fill, (100, 100), (100, 100));
}

#[test]
fn crops_that_never_enlarge_keep_what_there_is() {
    check((1080, 720), (500, 500), Fit::Crop, (500, 500), (500, 500));
    check((1080, 720), (1296, 1296), Fit::Crop, (1080, 720), (1080, 720));
    check((1000, 300), (500, 500), Fit::Crop, (500, 300), (500, 300));
    check((1080, 720), (500, 500), Fit::AspectCrop, (500, 500), (500, 500));
    check((612, 613), (1920, 1120), Fit::AspectCrop, (612, 357), (612, 357));
    check((1000, 300), (500, 500), Fit::AspectCrop, (300, 300), (300, 300));
    check((3, 1), (5000, 10), Fit::AspectCrop, (3, 1), (3, 1));
}

#[test]
fn a_crop_goes_where_gravity_pulls_and_not_over_the_edge() {
    let bounds = Bounds { width: Some(100), height: Some(100) };
    for (x, left) in [(0.0, 0.0), (0.2, 0.0), (0.3, 20.0), (0.5, 100.0), (0.9, 200.0), (1.0, 200.0)]
    {
        let planned = plan(size(400, 200), bounds, Fit::Cover, Gravity::Focus(x, 0.1));
        assert!((planned.crop.left - left).abs() < 1e-9, "{x}: {:?}", planned.crop);
        assert_eq!((planned.crop.top, planned.crop.width), (0.0, 200.0));
    }
}

#[test]
fn an_automatic_side_follows_the_ratio_for_every_fit() {
    for (_, fit) in Fit::NAMES {
        check((640, 427), (320, 0), fit, (320, 214), (320, 214));
        check((640, 427), (0, 214), fit, (321, 214), (321, 214));
        check((640, 427), (0, 0), fit, (640, 427), (640, 427));
    }
}

#[test]
fn only_scale_down_refuses_to_enlarge() {
    check((40, 20), (100, 100), Fit::Inside, (100, 50), (100, 50));
    check((40, 20), (100, 100), Fit::ScaleDown, (40, 20), (40, 20));
    check((40, 20), (100, 0), Fit::ScaleDown, (40, 20), (40, 20));
    check((40, 200), (100, 100), Fit::ScaleDown, (20, 100), (20, 100));
}

#[test]
fn cover_cuts_the_middle_out() {
    let bounds = Bounds { width: Some(50), height: Some(100) };
    let planned = plan(size(400, 200), bounds, Fit::Cover, Gravity::CENTER);
    assert_eq!(planned.crop, Crop { left: 150.0, top: 0.0, width: 100.0, height: 200.0 });
    assert_eq!(planned.offset(), (0, 0));
    let contained = plan(size(400, 200), bounds, Fit::Contain, Gravity::Auto);
    assert_eq!((contained.scaled, contained.offset()), (size(50, 25), (0, 37)));
}

#[test]
fn every_fit_has_one_name() {
    for (name, fit) in Fit::NAMES {
        assert_eq!(Fit::from_name(name), Some(fit));
        assert_eq!(fit.name(), name);
    }
    assert_eq!(Fit::from_name("Cover"), None);
}

prop_compose! {
    fn any_size()(width in 1u32..40_000, height in 1u32..40_000) -> Size { Size { width, height } }
}

proptest! {
    #[test]
    fn plans_stay_in_their_bounds(source in any_size(), wanted in any_size(), at in 0usize..8, x in -0.5f64..1.5, y in 0.0f64..=1.0) {
        let fit = Fit::NAMES[at].1;
        let bounds = Bounds { width: Some(wanted.width), height: Some(wanted.height) };
        let planned = plan(source, bounds, fit, Gravity::Focus(x, y));
        let crop = planned.crop;
        prop_assert!(crop.left >= 0.0 && crop.top >= 0.0 && crop.width > 0.0 && crop.height > 0.0);
        prop_assert!(crop.left + crop.width <= f64::from(source.width) + 1e-6);
        prop_assert!(crop.top + crop.height <= f64::from(source.height) + 1e-6);
        prop_assert!(planned.scaled.width >= 1 && planned.scaled.height >= 1);
        prop_assert!(planned.canvas.width >= planned.scaled.width);
        prop_assert!(planned.canvas.height >= planned.scaled.height);
        match fit {
            Fit::Cover | Fit::Contain | Fit::Fill => prop_assert_eq!(planned.canvas, wanted),
            Fit::Inside | Fit::ScaleDown | Fit::Crop | Fit::AspectCrop => prop_assert!(
                planned.canvas.width <= wanted.width && planned.canvas.height <= wanted.height
            ),
            Fit::Outside => prop_assert!(
                planned.canvas.width >= wanted.width && planned.canvas.height >= wanted.height
            ),
        }
    }
}
