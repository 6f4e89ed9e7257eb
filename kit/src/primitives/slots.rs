//! Which of a few places are taken.

/// Up to 32 places, of which the first that is free is given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots<const COUNT: usize> {
    taken: u32,
}

impl<const COUNT: usize> Slots<COUNT> {
    /// All are free.
    pub const fn new() -> Self {
        assert!(COUNT <= 32, "a place for each bit");
        Slots { taken: 0 }
    }

    /// Takes a place; `None` if all are taken. What is taken is never given out again
    /// before it is given back.
    pub fn take(&mut self) -> Option<usize> {
        let free = self.taken.trailing_ones() as usize;
        if free >= COUNT {
            return None;
        }
        self.taken |= 1 << free;
        Some(free)
    }

    /// Gives a place back; `false` if it was not taken, or there is none of this number.
    pub fn give_back(&mut self, place: usize) -> bool {
        let is_taken = self.is_taken(place);
        if is_taken {
            self.taken &= !(1 << place);
        }
        is_taken
    }

    /// Whether a place is taken.
    pub fn is_taken(&self, place: usize) -> bool {
        place < COUNT && self.taken & (1 << place) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_is_not_given_back() {
        let mut slots = Slots::<3>::new();
        for place in [0, 2, 3, 31, 32, usize::MAX] {
            assert!(!slots.give_back(place), "{place}");
        }
        assert_eq!(slots.take(), Some(0));
        assert!(slots.give_back(0) && !slots.give_back(0));
    }

    #[test]
    fn the_first_free_place_is_given_and_no_more_than_there_are() {
        let mut slots = Slots::<3>::new();
        assert_eq!([(); 5].map(|()| slots.take()), [Some(0), Some(1), Some(2), None, None]);
        assert!(slots.give_back(1));
        assert_eq!([(); 2].map(|()| slots.take()), [Some(1), None]);
        let mut all = Slots::<32>::new();
        assert!((0..32).all(|place| all.take() == Some(place)) && all.take().is_none());
    }
}
