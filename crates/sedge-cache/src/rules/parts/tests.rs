use super::{Part, apart};
use crate::rules::range::Span;
use proptest::prelude::*;

fn span(first: u64, last: u64) -> Span {
    Span { first, last }
}

#[test]
fn what_cannot_be_parts_is_not_restored() {
    let restored = |total, spans: &[Span]| Part::restored(total, spans.to_vec(), None);
    assert_eq!(restored(None, &[]), None);
    assert_eq!(restored(Some(5), &[span(0, 5)]), None);
    assert_eq!(restored(None, &[span(0, 1), span(2, 3)]), None, "these are one");
    assert_eq!(restored(None, &[span(4, 5), span(0, 1)]), None);
    assert_eq!(restored(None, &[span(0, u64::MAX)]), None);
    let many: Vec<_> = (0..65).map(|number| span(number * 3, number * 3)).collect();
    assert_eq!(restored(None, &many), None);
    assert!(restored(None, &many[..64]).is_some_and(|part| part.with(span(1000, 1000)).is_none()));
}

#[test]
fn gaps() {
    let part = Part::restored(Some(20), vec![span(4, 6), span(10, 12)], None).unwrap();
    for (wanted, gap) in [
        (span(4, 6), None),
        (span(4, 7), Some(span(7, 7))),
        (span(0, 5), Some(span(0, 3))),
        (span(5, 11), Some(span(7, 9))),
        (span(0, 11), None),
        (span(0, 3), Some(span(0, 3))),
        (span(13, 19), Some(span(13, 19))),
        (span(8, 8), Some(span(8, 8))),
    ] {
        assert_eq!(part.gap(wanted), gap, "{wanted:?}");
    }
}

proptest! {
    /// Against a bitmap: what is stored, in order, is what the bitmap has.
    #[test]
    fn joining_is_a_union(adds in proptest::collection::vec((0u64..60, 0u64..12), 1..12)) {
        let mut held = [false; 80];
        let first = span(adds[0].0, adds[0].0 + adds[0].1);
        let mut part = Part::restored(Some(80), vec![first], None).unwrap();
        let mut bytes: Vec<u64> = (first.first..=first.last).collect();
        held[first.first as usize..=first.last as usize].fill(true);
        for (from, more) in &adds[1..] {
            let wanted = span(*from, from + more);
            let Some(gap) = part.gap(wanted) else { continue };
            let (joined, at) = part.with(gap).unwrap();
            part = joined;
            let at = at as usize;
            bytes.splice(at..at, gap.first..=gap.last);
            held[gap.first as usize..=gap.last as usize].fill(true);
            prop_assert!(part.has(wanted));
        }
        let wanted: Vec<u64> = (0..80).filter(|position| held[*position as usize]).collect();
        prop_assert_eq!(&bytes, &wanted);
        prop_assert_eq!(part.bytes(), wanted.len() as u64);
        for (at, position) in wanted.iter().enumerate() {
            prop_assert_eq!(part.bytes_before(*position), at as u64);
        }
        prop_assert_eq!(part.is_whole(), wanted.len() == 80);
    }

    #[test]
    fn no_byte_is_sent_twice(spans in proptest::collection::vec((0u64..60, 0u64..12), 1..12)) {
        let mut spans: Vec<_> = spans.into_iter().map(|(from, more)| span(from, from + more)).collect();
        let mut wanted: Vec<u64> = spans.iter().flat_map(|span| span.first..=span.last).collect();
        wanted.sort_unstable();
        wanted.dedup();
        apart(&mut spans);
        let mut sent: Vec<u64> = spans.iter().flat_map(|span| span.first..=span.last).collect();
        sent.sort_unstable();
        prop_assert_eq!(sent, wanted);
    }
}
