//! All that is known, as bytes: a restart keeps it. Alerts that nobody took are not kept.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Analytics, AnalyticsOptions, Series};
use crate::sessions::Sessions;
use crate::sketch::frequent::{Frequent, NAME_BYTES_MAX};
use crate::state::{Reader, StateError, Writer, seal, unseal};

/// What a written state begins with, and its version.
const KIND: [u8; 4] = *b"anal";
const VERSION: u8 = 2;

impl Series {
    fn write(&self, out: &mut Writer) {
        self.minutes.write(out);
        self.hours.write(out);
        self.watch.write(out);
    }

    fn read(input: &mut Reader, options: &AnalyticsOptions) -> Result<Self, StateError> {
        let mut series = Series::new(options);
        series.minutes.read(input)?;
        series.hours.read(input)?;
        series.watch = super::Watch::read(input)?;
        Ok(series)
    }
}

impl Analytics {
    /// The state as bytes, for [`Analytics::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(KIND, VERSION, |out| self.write(out))
    }

    /// What [`Analytics::to_bytes`] gave, to the bit but for the alerts: who reads it and takes
    /// the same requests comes to the same state. Minutes that have passed meanwhile are judged
    /// as any others in which nobody called.
    ///
    /// # Errors
    ///
    /// If the bytes are not such a state, or were written with other numbers of routes, minutes
    /// or hours.
    pub fn from_bytes(bytes: &[u8], options: AnalyticsOptions) -> Result<Self, StateError> {
        unseal(bytes, KIND, VERSION, |input| Analytics::read(input, options))
    }

    fn write(&self, out: &mut Writer) {
        let AnalyticsOptions { routes_max, minutes, hours, .. } = self.options;
        [routes_max, minutes, hours].iter().for_each(|bound| out.varint(*bound as u64));
        out.varint(self.late);
        out.varint(self.future);
        out.varint(self.alerts_dropped);
        out.u8(u8::from(self.minute.is_some()));
        self.minute.iter().for_each(|minute| out.signed(*minute));
        out.u8(u8::from(self.whole));
        self.node.write(out);
        self.others.write(out);
        out.varint(self.routes.len() as u64);
        for (name, series) in &self.routes {
            out.blob(name.as_bytes());
            series.write(out);
        }
        self.events.write(out);
        self.sessions.write(out);
        self.users.write(out);
    }

    fn read(input: &mut Reader, options: AnalyticsOptions) -> Result<Self, StateError> {
        let mut analytics = Analytics::new(options);
        let options = analytics.options;
        for bound in [options.routes_max, options.minutes, options.hours] {
            if input.varint()? != bound as u64 {
                return Err(StateError::Version);
            }
        }
        analytics.late = input.varint()?;
        analytics.future = input.varint()?;
        analytics.alerts_dropped = input.varint()?;
        analytics.minute = if input.bool()? { Some(input.signed()?) } else { None };
        analytics.whole = input.bool()?;
        if analytics.whole && analytics.minute.is_none() {
            return Err(StateError::Value);
        }
        analytics.node = Series::read(input, &options)?;
        analytics.others = Series::read(input, &options)?;
        analytics.routes = read_routes(input, &options)?;
        analytics.events = Frequent::read(input)?;
        analytics.sessions = Sessions::read(input, options.sessions)?;
        analytics.users = super::Users::read(input)?;
        // A user is forgotten with his session; without one he would stay for ever.
        let sessions = &analytics.sessions;
        let known = analytics.users.names().all(|user| sessions.is_open(user));
        if known { Ok(analytics) } else { Err(StateError::Value) }
    }
}

fn read_routes(
    input: &mut Reader,
    options: &AnalyticsOptions,
) -> Result<BTreeMap<alloc::string::String, Series>, StateError> {
    let mut routes = BTreeMap::<alloc::string::String, Series>::new();
    for _ in 0..input.varcount(options.routes_max)? {
        let name = input.blob(NAME_BYTES_MAX)?;
        let name = core::str::from_utf8(name).map_err(|_| StateError::Value)?;
        if routes.last_key_value().is_some_and(|(last, _)| last.as_str() >= name) {
            return Err(StateError::Value);
        }
        routes.insert(name.into(), Series::read(input, options)?);
    }
    Ok(routes)
}
