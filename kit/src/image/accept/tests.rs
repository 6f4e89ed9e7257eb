//! Fields seen in the wild and in attacks, and the properties of weights.

use super::*;
use alloc::format;
use alloc::string::String;
use proptest::prelude::*;

const PHOTO: Suits = Suits {
    source: Format::Jpeg,
    has_alpha: false,
    is_lossless: false,
    webp: Cost::Cheap,
    avif: Cost::Impossible,
};
const WITH_AVIF: Suits = Suits { avif: Cost::Cheap, ..PHOTO };
const LOGO: Suits = Suits { source: Format::Png, has_alpha: true, is_lossless: true, ..PHOTO };
const WEBP: Suits = Suits { source: Format::Webp, ..PHOTO };

fn check(accept: &str, suits: Suits, expected: Option<Format>) {
    assert_eq!(choose(&Accept::parse(accept), suits), expected, "{accept:?}");
}

#[test]
fn malformed_members_are_skipped() {
    for junk in ["", ",", "image", "/", "image/", "*/png", "image/png;q=2", "image/png;q=0.1234"] {
        check(junk, PHOTO, Some(Format::Jpeg));
    }
    for junk in ["image/webp;q=", "image/webp;q=x", "image/webp;q=-1", "image/webp;q=1.5", "\"a,b"]
    {
        check(
            &format!("{junk}, image/png"),
            PHOTO,
            (junk != "\"a,b").then_some(Format::Png).or(Some(Format::Jpeg)),
        );
    }
}

#[test]
fn what_is_not_accepted_is_not_sent() {
    check("text/html", PHOTO, None);
    check("image/avif", PHOTO, None);
    check("image/*;q=0", PHOTO, None);
    check("*/*;q=0", PHOTO, None);
    check("*/*;q=0, image/png", PHOTO, Some(Format::Png));
    check("image/*, image/jpeg;q=0, image/webp;q=0", PHOTO, Some(Format::Png));
    check("image/jpeg;q=0.000, */*", PHOTO, Some(Format::Png));
}

#[test]
fn a_range_with_parameters_does_not_match_the_plain_type() {
    check("image/webp;level=1, image/png", PHOTO, Some(Format::Png));
    check("image/webp;a=\"x,y;q=0\", image/png;q=0.1", PHOTO, Some(Format::Png));
    check("image/webp;level=1", PHOTO, None);
}

#[test]
fn the_most_specific_range_decides() {
    check("image/*;q=0.9, image/jpeg;q=0.1, */*;q=1", PHOTO, Some(Format::Png));
    check("*/*;q=0.1, image/webp;q=0.2", PHOTO, Some(Format::Webp));
    check("image/png;q=0.5, image/png;q=0.9, image/jpeg;q=0.7", PHOTO, Some(Format::Png));
}

#[test]
fn browsers_get_webp_and_others_what_they_can_show() {
    let chrome = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
    for suits in [PHOTO, LOGO, WEBP] {
        check(chrome, suits, Some(Format::Webp));
    }
    for anything in ["", "*/*", "image/*", "image/*;q=0.8, */*;q=0.5"] {
        check(anything, PHOTO, Some(Format::Jpeg));
        check(anything, LOGO, Some(Format::Png));
        check(anything, WEBP, Some(Format::Jpeg));
        check(anything, Suits { is_lossless: true, ..WEBP }, Some(Format::Png));
    }
    check("IMAGE/WebP ; Q=1.000", PHOTO, Some(Format::Webp));
    check("image/webp;q=0.5, image/jpeg", PHOTO, Some(Format::Jpeg));
    check("image/jpeg", LOGO, Some(Format::Jpeg));
}

#[test]
fn costly_webp_is_the_last_resort() {
    let huge = Suits { webp: Cost::Costly, ..PHOTO };
    check("image/webp,*/*;q=0.8", huge, Some(Format::Jpeg));
    check("image/webp, image/png;q=0.1", huge, Some(Format::Png));
    check("image/webp", huge, Some(Format::Webp));
    check("image/webp, */*;q=0", huge, Some(Format::Webp));
}

#[test]
fn avif_goes_to_who_names_it_where_it_can_be_written() {
    let chrome = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
    check(chrome, PHOTO, Some(Format::Webp));
    check(chrome, WITH_AVIF, Some(Format::Avif));
    check(chrome, Suits { avif: Cost::Costly, ..PHOTO }, Some(Format::Webp));
    check("image/avif;q=0.9, image/webp", WITH_AVIF, Some(Format::Webp));
    check("image/avif", WITH_AVIF, Some(Format::Avif));
    check("image/avif", Suits { avif: Cost::Costly, ..PHOTO }, Some(Format::Avif));
    check(
        "image/avif, image/jpeg;q=0.1",
        Suits { avif: Cost::Costly, ..PHOTO },
        Some(Format::Jpeg),
    );
    for anything in ["", "*/*", "image/*"] {
        check(anything, WITH_AVIF, Some(Format::Jpeg));
        check(anything, Suits { source: Format::Avif, ..WITH_AVIF }, Some(Format::Jpeg));
    }
    check("image/jpeg;q=0, image/png;q=0, image/*", WITH_AVIF, Some(Format::Webp));
    let rest = "image/jpeg;q=0, image/png;q=0, image/webp;q=0, image/*";
    check(rest, WITH_AVIF, Some(Format::Avif));
    check(rest, PHOTO, None);
}

fn members() -> impl Strategy<Value = Vec<(usize, u16)>> {
    proptest::collection::vec((0usize..6, 0u16..=1000), 0..6)
}

const TYPES: [&str; 6] =
    ["image/webp", "image/jpeg", "image/png", "image/*", "*/*", "text/html;charset=\"a,b\""];

fn field(members: &[(usize, u16)]) -> String {
    let mut out = String::new();
    for (kind, q) in members {
        out += &format!(" {} ;q={}.{:03} ,", TYPES[*kind], q / 1000, q % 1000);
    }
    out
}

proptest! {
    #[test]
    fn no_field_panics(value in ".{0,80}", suits in prop::sample::select(&[PHOTO, LOGO, WEBP])) {
        choose(&Accept::parse(&value), suits);
    }

    #[test]
    fn the_choice_has_the_highest_weight(members in members()) {
        let accept = Accept::parse(&field(&members));
        // The weight by the definition: exact type, then image/*, then */*.
        let weight = |at: usize| {
            [at, 3, 4].into_iter().find_map(|kind| {
                members.iter().filter(|member| member.0 == kind).map(|member| member.1).max()
            }).unwrap_or(if members.is_empty() { 1000 } else { 0 })
        };
        for (at, format) in [Format::Webp, Format::Jpeg, Format::Png].into_iter().enumerate() {
            prop_assert_eq!(accept.weigh(format).thousandths, weight(at));
        }
        let best = (0..3).map(weight).max().unwrap();
        match choose(&accept, PHOTO) {
            None => prop_assert_eq!(best, 0),
            Some(format) => prop_assert_eq!(accept.weigh(format).thousandths, best),
        }
    }

    #[test]
    fn the_order_of_members_does_not_matter(members in members()) {
        let mut reversed = members.clone();
        reversed.reverse();
        let (one, other) = (Accept::parse(&field(&members)), Accept::parse(&field(&reversed)));
        prop_assert_eq!(choose(&one, LOGO), choose(&other, LOGO));
    }
}
