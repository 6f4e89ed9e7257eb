//! Sessions as bytes: a restart keeps them.

use alloc::vec::Vec;

use super::{Open, Session, SessionOptions, Sessions, Totals, USERS_MAX};
use crate::sketch::moments::Moments;
use crate::sketch::quantiles::Quantiles;
use crate::state::{Reader, StateError, Writer, seal, unseal};

/// What written sessions begin with, and their version.
const KIND: [u8; 4] = *b"sess";
const VERSION: u8 = 1;

impl Totals {
    fn write(&self, out: &mut Writer) {
        [self.sessions, self.events, self.failed, self.views]
            .iter()
            .for_each(|count| out.varint(*count));
        self.duration_s.write(out);
        self.durations_s.write(out);
    }

    fn read(input: &mut Reader) -> Result<Self, StateError> {
        let totals = Totals {
            sessions: input.varint()?,
            events: input.varint()?,
            failed: input.varint()?,
            views: input.varint()?,
            duration_s: Moments::read(input)?,
            durations_s: Quantiles::read(input)?,
        };
        let fits = totals.durations_s.accuracy() == Totals::default().durations_s.accuracy();
        if fits { Ok(totals) } else { Err(StateError::Value) }
    }
}

impl Sessions {
    /// The sessions as bytes, for [`Sessions::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(KIND, VERSION, |out| self.write(out))
    }

    /// What [`Sessions::to_bytes`] gave. If fewer users may be here now, the sessions of the
    /// others end as more events come.
    ///
    /// # Errors
    ///
    /// If the bytes are not such sessions.
    pub fn from_bytes(bytes: &[u8], options: SessionOptions) -> Result<Self, StateError> {
        unseal(bytes, KIND, VERSION, |input| Sessions::read(input, options))
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.u8(u8::from(self.clock_ms.is_some()));
        out.signed(self.clock_ms.unwrap_or(0));
        out.varint(self.late);
        out.varint(self.future);
        self.totals.iter().for_each(|totals| totals.write(out));
        out.varint(self.open.len() as u64);
        let now_ms = self.clock_ms.unwrap_or(0);
        for Open { session, heard_ms } in self.open.values() {
            out.u64(session.user);
            // Small numbers are short: times are told by their distance from the clock.
            out.signed(now_ms.wrapping_sub(*heard_ms));
            out.signed(now_ms.wrapping_sub(session.last_ms));
            out.varint(session.last_ms.wrapping_sub(session.first_ms) as u64);
            [session.events, session.failed, session.views]
                .iter()
                .for_each(|count| out.varint(u64::from(*count)));
            out.u64(session.pages);
        }
    }

    pub(crate) fn read(input: &mut Reader, options: SessionOptions) -> Result<Self, StateError> {
        let mut sessions = Sessions::new(options);
        let known = input.bool()?;
        let now_ms = input.signed()?;
        sessions.clock_ms = known.then_some(now_ms);
        sessions.late = input.varint()?;
        sessions.future = input.varint()?;
        for totals in &mut sessions.totals {
            *totals = Totals::read(input)?;
        }
        let count = input.varcount(USERS_MAX)?;
        if !known && (count > 0 || now_ms != 0) {
            return Err(StateError::Value);
        }
        for _ in 0..count {
            let open = read_open(input, now_ms)?;
            let user = open.session.user;
            if sessions.open.last_key_value().is_some_and(|(last, _)| *last >= user) {
                return Err(StateError::Value);
            }
            sessions.idle.insert((open.heard_ms, user));
            sessions.open.insert(user, open);
        }
        Ok(sessions)
    }
}

fn read_open(input: &mut Reader, now_ms: i64) -> Result<Open, StateError> {
    let user = input.u64()?;
    let heard_ms = now_ms.checked_sub(input.signed()?).ok_or(StateError::Value)?;
    let last_ms = now_ms.checked_sub(input.signed()?).ok_or(StateError::Value)?;
    let length_ms = i64::try_from(input.varint()?).map_err(|_| StateError::Value)?;
    let first_ms = last_ms.checked_sub(length_ms).ok_or(StateError::Value)?;
    let mut count = || u32::try_from(input.varint()?).map_err(|_| StateError::Value);
    let (events, failed, views) = (count()?, count()?, count()?);
    let pages = input.u64()?;
    if events == 0 || failed > events || views > events || pages.count_ones() > views {
        return Err(StateError::Value);
    }
    Ok(Open {
        session: Session { user, first_ms, last_ms, events, failed, views, pages },
        heard_ms,
    })
}
