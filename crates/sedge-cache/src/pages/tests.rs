use super::*;
use proptest::prelude::*;

fn pages() -> Arc<Pages> {
    Pages::new(1 << 20).expect("a file in memory")
}

/// Bytes of memory that the file takes.
fn taken(pages: &Pages) -> u64 {
    use std::os::unix::fs::MetadataExt;
    512 * pages.file.metadata().expect("is open").blocks()
}

#[test]
fn nothing_and_too_much_have_no_place() {
    let pages = pages();
    let largest = (PLACE_BYTES_MIN as usize) << (CLASSES - 1);
    assert!(pages.lay(&[]).is_none());
    assert!(pages.lay(&[Bytes::new(), Bytes::new()]).is_none());
    assert!(pages.lay(&[vec![0; largest].into(), Bytes::from_static(b"x")]).is_none());
    assert_eq!(taken(&pages), 0);
    assert_eq!(pages.lay(&[vec![7; largest].into()]).expect("fits"), vec![7; largest]);
}

#[test]
fn a_full_file_is_no_error_and_has_room_again() {
    let pages = pages();
    let mut laid = Vec::new();
    let body: [Bytes; 1] = [vec![1; 8 << 20].into()];
    // Only what is written takes memory, so that this is a lot of places and few bytes.
    let mut count = 0;
    while let Some(place) = pages.take(CLASSES - 1) {
        laid.push(place);
        count += 1;
        assert!(count < 1_000);
    }
    assert!(pages.lay(&body).is_none());
    let one = laid.pop().expect("there is room for some");
    pages.clear(one);
    assert_eq!(pages.lay(&body).expect("there is room"), body[0]);
}

#[test]
fn what_is_dropped_takes_no_memory_and_is_never_overwritten() {
    let pages = pages();
    let one = pages.lay(&[vec![1; 100_000].into()]).expect("fits");
    assert_eq!(taken(&pages), 25 * 4096);
    let address = one.as_ptr();
    // Who was given the pages by the kernel before holds them still: here a pipe.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut offset = (address.addr() - pages.addresses().start) as i64;
    // SAFETY: descriptors that are open, and an offset that is ours.
    let moved = unsafe {
        let (from, to) = (pages.file.as_raw_fd(), writer.as_raw_fd());
        libc::splice(from, &raw mut offset, to, std::ptr::null_mut(), 50_000, 0)
    };
    assert!(moved > 10_000, "{}", io::Error::last_os_error());
    drop((one, writer));
    assert_eq!(taken(&pages), 0);
    let other = pages.lay(&[vec![2; 100_000].into()]).expect("fits");
    assert_eq!(other.as_ptr(), address, "the same place");
    assert!(other.iter().all(|byte| *byte == 2));
    let mut held = Vec::new();
    io::Read::read_to_end(&mut { reader }, &mut held).expect("reads");
    assert!(held.len() == moved as usize && held.iter().all(|byte| *byte == 1));
}

#[test]
fn the_file_keeps_its_length_and_lives_as_long_as_a_body() {
    let pages = pages();
    assert!(pages.file.set_len(0).is_err() && pages.file.set_len(1 << 40).is_err());
    let body = pages.lay(&[vec![3; 40_000].into()]).expect("fits");
    drop(pages);
    let part = body.slice(39_000..);
    drop(body);
    assert_eq!(part, vec![3; 1_000]);
}

proptest! {
    #[test]
    fn bodies_do_not_touch_each_other(
        steps in proptest::collection::vec((0_usize..12, 1_usize..90_000, 0_u8..255), 1..40),
    ) {
        let pages = pages();
        let mut bodies: Vec<Option<(Bytes, Vec<u8>)>> = vec![None; 12];
        for (slot, bytes, fill) in steps {
            let body: Vec<u8> = (0..bytes).map(|at| fill ^ at as u8).collect();
            let (one, two) = body.split_at(bytes / 3);
            let parts = [Bytes::copy_from_slice(one), Bytes::copy_from_slice(two)];
            bodies[slot] = pages.lay(&parts).map(|laid| (laid, body));
            prop_assert!(bodies[slot].is_some());
            for (laid, body) in bodies.iter().flatten() {
                prop_assert_eq!(laid, body);
            }
        }
        let least: u64 = bodies.iter().flatten().map(|(laid, _)| laid.len() as u64).sum();
        prop_assert!((least..least + 12 * 4096).contains(&taken(&pages)));
        drop(bodies);
        prop_assert_eq!(taken(&pages), 0);
    }
}
