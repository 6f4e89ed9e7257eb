//! The same windows as directly as can be: every window keeps all its events, every event goes
//! into each of its windows, and everything is looked through at each step. It is Flink's
//! `WindowOperator` with an `EventTimeTrigger`, and shares no code with the operator.

use super::*;

/// A result, owned.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Result {
    pub(super) key: String,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) late: bool,
    pub(super) count: u64,
    pub(super) values: Vec<Option<f64>>,
}

impl Result {
    pub(super) fn of(fired: &Fired) -> Self {
        let Fired { key, start_ms, end_ms, late, count, values, .. } = *fired;
        Result { key: key.into(), start_ms, end_ms, late, count, values: values.to_vec() }
    }
}

/// A window that is told: its key, start and end, whether it is late, and its events.
type Told = (String, i64, i64, bool, Vec<(i64, f64)>);

/// Results of windows, in the order of the windows' ends and then of the keys.
fn results(windows: &[Told]) -> Vec<Result> {
    let mut sorted = windows.to_vec();
    sorted.sort_by(|one, two| (one.2, &one.0).cmp(&(two.2, &two.0)));
    sorted
        .iter()
        .map(|(key, start, end, late, events)| result(key, *start, *end, *late, events))
        .collect()
}

fn result(key: &str, start_ms: i64, end_ms: i64, late: bool, events: &[(i64, f64)]) -> Result {
    let numbers: Vec<f64> = events.iter().map(|(_, value)| *value).collect();
    let mut ordered = events.to_vec();
    ordered.sort_by(|one, two| one.0.cmp(&two.0).then(one.1.total_cmp(&two.1)));
    let sum: f64 = numbers.iter().sum();
    let values = [
        numbers.len() as f64,
        sum,
        numbers.iter().copied().fold(f64::INFINITY, f64::min),
        numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ordered[0].1,
        ordered[ordered.len() - 1].1,
        sum / numbers.len() as f64,
    ];
    let (key, count) = (key.into(), events.len() as u64);
    Result { key, start_ms, end_ms, late, count, values: values.map(Some).to_vec() }
}

#[derive(Clone)]
struct Window {
    start_ms: i64,
    end_ms: i64,
    events: Vec<(i64, f64)>,
}

/// The windows of a time that begin together.
fn steps(time_ms: i64, size_ms: i64, step_ms: i64, offset_ms: i64) -> Vec<(i64, i64)> {
    let start = (time_ms - offset_ms).div_euclid(size_ms) * size_ms + offset_ms;
    let ends = (1..=size_ms / step_ms).map(|step| start + step * step_ms);
    ends.filter(|end| *end > time_ms).map(|end| (start, end)).collect()
}

/// The clocks of a scope: of each device the latest time and when it was heard.
#[derive(Default)]
struct Devices(BTreeMap<String, (i64, i64)>);

pub(super) struct Oracle {
    plan: Plan,
    devices: BTreeMap<String, Devices>,
    watermarks: BTreeMap<String, i64>,
    windows: BTreeMap<String, Vec<Window>>,
    /// Of windows by number: all events.
    counted: BTreeMap<String, Vec<(i64, f64)>>,
}

impl Oracle {
    pub(super) fn new(plan: Plan) -> Self {
        Oracle {
            plan,
            devices: BTreeMap::new(),
            watermarks: BTreeMap::new(),
            windows: BTreeMap::new(),
            counted: BTreeMap::new(),
        }
    }

    fn scope(&self, key: &str) -> String {
        if self.plan.scope == Scope::Stream { String::new() } else { key.to_owned() }
    }

    pub(super) fn observe(
        &mut self,
        now_ms: i64,
        key: &str,
        device: &str,
        time_ms: i64,
        value: f64,
    ) -> (bool, Vec<Result>) {
        let scope = self.scope(key);
        let watermark = self.watermarks.get(&scope).copied().unwrap_or(i64::MIN);
        let mut fired = Vec::new();
        let added = self.add(key, watermark, time_ms, value, &mut fired);
        let devices = self.devices.entry(scope.clone()).or_default();
        let known = devices.0.entry(device.to_owned()).or_insert((time_ms, now_ms));
        *known = (known.0.max(time_ms), now_ms);
        self.settle(&scope, now_ms, &mut fired);
        (added, fired)
    }

    pub(super) fn advance(&mut self, now_ms: i64) -> Vec<Result> {
        let mut fired = Vec::new();
        if self.plan.idle_ms.is_some() {
            let scopes: Vec<String> = self.devices.keys().cloned().collect();
            scopes.iter().for_each(|scope| self.settle(scope, now_ms, &mut fired));
        }
        fired
    }

    fn add(
        &mut self,
        key: &str,
        watermark: i64,
        time_ms: i64,
        value: f64,
        fired: &mut Vec<Result>,
    ) -> bool {
        let over = |end: i64, lateness_ms: i64| end - 1 + lateness_ms <= watermark;
        let lateness_ms = self.plan.lateness_ms;
        let open = self.windows.entry(key.to_owned()).or_default();
        let spans: Vec<(i64, i64)> = match self.plan.kind {
            Kind::Count { size, slide } => {
                let all = self.counted.entry(key.to_owned()).or_default();
                all.push((time_ms, value));
                if all.len().is_multiple_of(slide as usize) {
                    let last = &all[all.len().saturating_sub(size as usize)..];
                    let times = last.iter().map(|(time_ms, _)| *time_ms);
                    let (start, end) = (times.clone().min().unwrap(), times.max().unwrap() + 1);
                    fired.push(result(key, start, end, false, last));
                }
                return true;
            }
            Kind::Session { gap_ms } => {
                let mut merged =
                    Window { start_ms: time_ms, end_ms: time_ms + gap_ms, events: vec![] };
                // Until nothing more meets it: a window that is added may meet another one.
                while let Some(at) = open
                    .iter()
                    .position(|one| one.start_ms <= merged.end_ms && one.end_ms >= merged.start_ms)
                {
                    let one = open.remove(at);
                    merged.start_ms = merged.start_ms.min(one.start_ms);
                    merged.end_ms = merged.end_ms.max(one.end_ms);
                    merged.events.extend(one.events);
                }
                let span = (merged.start_ms, merged.end_ms);
                if over(span.1, lateness_ms) {
                    return false;
                }
                open.push(merged);
                vec![span]
            }
            Kind::Sliding { size_ms, slide_ms, offset_ms } => (time_ms - size_ms + 1..=time_ms)
                .filter(|start| (start - offset_ms).rem_euclid(slide_ms) == 0)
                .map(|start| (start, start + size_ms))
                .collect(),
            Kind::Cumulative { size_ms, step_ms, offset_ms } => {
                steps(time_ms, size_ms, step_ms, offset_ms)
            }
        };
        let mut added = false;
        for (start_ms, end_ms) in spans {
            if over(end_ms, lateness_ms) {
                continue;
            }
            added = true;
            let found =
                open.iter().position(|one| (one.start_ms, one.end_ms) == (start_ms, end_ms));
            let at = found.unwrap_or_else(|| {
                open.push(Window { start_ms, end_ms, events: vec![] });
                open.len() - 1
            });
            open[at].events.push((time_ms, value));
            if over(end_ms, 0) {
                fired.push(result(key, start_ms, end_ms, true, &open[at].events));
            }
        }
        added
    }

    fn settle(&mut self, scope: &str, now_ms: i64, fired: &mut Vec<Result>) {
        let Plan { disorder_ms, lateness_ms, idle_ms, lag_ms_max, .. } = self.plan;
        let devices = &self.devices[scope].0;
        let active: Vec<i64> = devices
            .values()
            .filter(|(_, heard_ms)| idle_ms.is_none_or(|idle_ms| now_ms - heard_ms < idle_ms))
            .map(|(latest_ms, _)| *latest_ms)
            .collect();
        let highest = active.iter().max().copied();
        let near = active
            .iter()
            .filter(|ms| lag_ms_max.is_none_or(|lag_ms| **ms >= highest.unwrap() - lag_ms));
        let all = devices.values().map(|(latest_ms, _)| *latest_ms).max().unwrap();
        let allowed = near.min().copied().unwrap_or(all) - disorder_ms - 1;
        let before = self.watermarks.get(scope).copied().unwrap_or(i64::MIN);
        let after = before.max(allowed);
        self.watermarks.insert(scope.to_owned(), after);
        let mut closed = Vec::new();
        for (key, open) in &mut self.windows {
            if self.plan.scope == Scope::Key && key != scope {
                continue;
            }
            for one in open.iter().filter(|one| before < one.end_ms - 1 && one.end_ms - 1 <= after)
            {
                closed.push((key.clone(), one.start_ms, one.end_ms, false, one.events.clone()));
            }
            open.retain(|one| one.end_ms - 1 + lateness_ms > after);
        }
        fired.extend(results(&closed));
    }
}
