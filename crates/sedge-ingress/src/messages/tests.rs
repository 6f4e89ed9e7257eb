use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

type Told = Vec<u64>;

fn dispatcher(options: DispatchOptions) -> Dispatcher<u64> {
    Dispatcher::new(options, 0)
}

fn offer(to: &mut Dispatcher<u64>, position: u64, lane: u64, now_ms: u64) {
    to.offer(Offered { position, lane, bytes: 10, message: lane }, now_ms);
}

fn positions(work: &Work<u64>) -> Told {
    work.messages.iter().map(|tried| tried.position).collect()
}

fn failed(index: usize, permanent: bool) -> Verdict {
    Verdict::Failed(vec![Failure { index, reason: "it is red".to_owned(), permanent }])
}

#[test]
fn what_nobody_knows_is_ignored() {
    let mut idle = dispatcher(DispatchOptions::default());
    assert_eq!(idle.take(0), None);
    let settled = idle.settle(7, Verdict::Handled, 0);
    assert_eq!((settled.takes_effect, settled.dead.len()), (false, 0));
    offer(&mut idle, 5, 1, 0);
    offer(&mut idle, 5, 1, 0);
    offer(&mut idle, 4, 1, 0);
    let work = idle.take(0).expect("one");
    assert_eq!(positions(&work), [5], "what lies before what was offered is ignored");
    let beyond =
        Verdict::Failed(vec![Failure { index: 9, reason: String::new(), permanent: true }]);
    assert_eq!(idle.settle(work.id, beyond, 0).dead, []);
    assert_eq!(idle.open(), 1, "a failure that names nobody gives up nobody");
}

#[test]
fn a_batch_has_its_bounds_but_never_none() {
    let options = DispatchOptions {
        batch_messages_max: 3,
        batch_bytes_max: 25,
        concurrency_max: 2,
        ..DispatchOptions::default()
    };
    let mut bounded = dispatcher(options);
    (0..6).for_each(|position| offer(&mut bounded, position, position, 0));
    assert_eq!(positions(&bounded.take(0).expect("two of 10 bytes")), [0, 1]);
    assert_eq!(positions(&bounded.take(0).expect("two")), [2, 3]);
    assert_eq!(bounded.take(0), None, "two at one time");
    let mut large = dispatcher(options);
    large.offer(Offered { position: 0, lane: 0, bytes: 1_000, message: 0 }, 0);
    assert_eq!(positions(&large.take(0).expect("larger than the bound")), [0]);
}

#[test]
fn the_window_has_its_bounds() {
    let options = DispatchOptions {
        window_messages_max: 3,
        window_bytes_max: 25,
        ..DispatchOptions::default()
    };
    let mut bounded = dispatcher(options);
    for position in 0..3 {
        assert!(bounded.has_room());
        offer(&mut bounded, position, 0, 0);
    }
    assert!(!bounded.has_room());
    let work = bounded.take(0).expect("all");
    bounded.settle(work.id, Verdict::Handled, 0);
    assert!(bounded.has_room());
}

#[test]
fn a_batch_waits_for_more_but_not_for_long() {
    let options = DispatchOptions {
        batch_messages_max: 2,
        batch_wait: Duration::from_millis(50),
        ..DispatchOptions::default()
    };
    let mut patient = dispatcher(options);
    offer(&mut patient, 0, 0, 100);
    assert_eq!(patient.take(149), None);
    assert_eq!(patient.look_again_ms(), Some(150));
    assert_eq!(positions(&patient.take(150).expect("it has waited")), [0]);
    offer(&mut patient, 1, 1, 200);
    offer(&mut patient, 2, 2, 201);
    assert_eq!(positions(&patient.take(201).expect("a whole batch")), [1, 2]);
    assert_eq!(patient.look_again_ms(), None);
}

#[test]
fn a_lane_keeps_its_order_and_others_do_not_wait_for_it() {
    let mut one = dispatcher(DispatchOptions::default());
    offer(&mut one, 0, 1, 0);
    let first = one.take(0).expect("one");
    offer(&mut one, 1, 1, 0);
    offer(&mut one, 2, 2, 0);
    let second = one.take(0).expect("another lane");
    assert_eq!((positions(&first), positions(&second)), (vec![0], vec![2]));
    assert_eq!(one.take(0), None, "lane 1 is in flight");
    one.settle(second.id, Verdict::Handled, 0);
    assert_eq!(one.progress(), Progress { horizon: 3, open: vec![0, 1] });
    one.settle(first.id, Verdict::Handled, 0);
    assert_eq!(positions(&one.take(0).expect("the next of lane 1")), [1]);
}

#[test]
fn a_failure_is_tried_again_alone_and_given_up_in_the_end() {
    let backoff =
        Backoff { first: Duration::from_millis(100), longest: Duration::from_millis(150) };
    let options = DispatchOptions { retries_max: 2, backoff, ..DispatchOptions::default() };
    let mut one = dispatcher(options);
    for (position, lane) in [(0, 1), (1, 2), (2, 1)] {
        offer(&mut one, position, lane, 0);
    }
    let work = one.take(0).expect("all");
    assert_eq!(positions(&work), [0, 2, 1], "lane by lane");
    let settled = one.settle(work.id, failed(0, false), 0);
    assert_eq!((settled.takes_effect, settled.retried), (false, 1));
    let others = one.take(0).expect("lane 2 goes on at once");
    assert_eq!(positions(&others), [1]);
    one.settle(others.id, Verdict::Handled, 0);
    let mut now_ms = 0;
    for failures in 1..=2 {
        assert_eq!(one.take(now_ms), None, "a pause");
        now_ms = one.look_again_ms().expect("its end");
        let again = one.take(now_ms).expect("another try");
        assert_eq!((positions(&again), again.messages[0].failures), (vec![0], failures));
        let settled = one.settle(again.id, Verdict::Broken("a trap".to_owned()), now_ms);
        assert_eq!(settled.dead.len(), usize::from(failures == 2));
    }
    assert_eq!(positions(&one.take(now_ms).expect("what was behind it")), [2]);
}

#[test]
fn a_permanent_failure_is_given_up_at_once() {
    let mut one = dispatcher(DispatchOptions::default());
    offer(&mut one, 0, 1, 0);
    offer(&mut one, 1, 1, 0);
    let work = one.take(0).expect("both");
    let settled = one.settle(work.id, failed(0, true), 0);
    let [(dead, reason)] = &settled.dead[..] else { panic!("one") };
    assert_eq!((dead.position, dead.failures, &**reason), (0, 1, "it is red"));
    assert!(!settled.takes_effect, "what it did for the other one is done again");
    assert_eq!(positions(&one.take(0).expect("at once")), [1]);
}

#[test]
fn of_a_batch_that_broke_each_is_tried_alone() {
    let mut one = dispatcher(DispatchOptions { concurrency_max: 9, ..DispatchOptions::default() });
    (0..3).for_each(|position| offer(&mut one, position, position, 0));
    let work = one.take(0).expect("all");
    let settled = one.settle(work.id, Verdict::Broken("a trap".to_owned()), 0);
    assert_eq!((settled.retried, settled.dead.len()), (0, 0), "nobody has failed yet");
    let alone: Vec<Told> = (0..3).map(|_| positions(&one.take(0).expect("one"))).collect();
    assert_eq!(alone, [[0], [1], [2]]);
    assert_eq!(one.take(0), None);
}

#[test]
fn what_cannot_be_tried_waits_and_does_not_count() {
    let mut one = dispatcher(DispatchOptions { retries_max: 0, ..DispatchOptions::default() });
    offer(&mut one, 0, 1, 0);
    let mut now_ms = 0;
    for _ in 0..10 {
        let work = one.take(now_ms).expect("it is tried");
        assert_eq!(work.messages[0].failures, 0);
        one.settle(work.id, Verdict::Again { pause: true }, now_ms);
        assert_eq!(one.take(now_ms), None);
        now_ms = one.look_again_ms().expect("later");
    }
    let work = one.take(now_ms).expect("it is tried");
    one.settle(work.id, Verdict::Again { pause: false }, now_ms);
    let work = one.take(now_ms).expect("at once");
    assert!(one.settle(work.id, Verdict::Handled, now_ms).takes_effect);
    assert_eq!(one.progress(), Progress::all_below(1));
}

/// A consumer in a world where handlers fail, trap, and the node stops: what has been
/// committed, and what took effect with it.
#[derive(Default)]
struct World {
    effects: Vec<u64>,
    dead: Vec<u64>,
    committed: Progress,
}

impl World {
    /// Whether each message has taken effect or was given up, once, and each lane in order.
    fn check(&self, lanes: &[u64]) -> Result<(), TestCaseError> {
        let mut times: BTreeMap<u64, u32> = BTreeMap::new();
        for position in self.effects.iter().chain(&self.dead) {
            *times.entry(*position).or_default() += 1;
        }
        prop_assert!(times.values().all(|times| *times == 1), "{times:?}");
        prop_assert_eq!(times.len(), lanes.len());
        let mut last: HashMap<u64, u64> = HashMap::new();
        for &position in &self.effects {
            let before = last.insert(lanes[position as usize], position);
            prop_assert!(before.is_none_or(|before| before < position));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn each_message_takes_effect_once_in_the_order_of_its_lane(
        lanes in prop::collection::vec(0_u64..5, 1..40),
        poison in prop::collection::vec(any::<bool>(), 40),
        steps in prop::collection::vec((0_u8..10, any::<prop::sample::Index>()), 0..200),
        messages_max in 1_usize..6, concurrency_max in 1_usize..4, window in 1_usize..12,
    ) {
        let options = DispatchOptions {
            batch_messages_max: messages_max,
            concurrency_max,
            window_messages_max: window,
            retries_max: 2,
            backoff: Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(4) },
            ..DispatchOptions::default()
        };
        let is_poison = |position: u64| poison[position as usize % 40] && position.is_multiple_of(3);
        let (mut world, mut now_ms) = (World::default(), 0);
        let mut consumer = Dispatcher::new(options, 0);
        let (mut next, mut flying): (u64, Vec<Work<u64>>) = (0, Vec::new());
        // In the end nothing disturbs it any more.
        let closing = (0..4_000).map(|_| (0, None));
        let all = steps.into_iter().map(|(kind, index)| (kind, Some(index)));
        for (kind, index) in all.chain(closing) {
            now_ms += 1;
            if kind == 9 {
                // The node stops and starts again.
                let bytes = world.committed.encode();
                let read = Progress::decode(&bytes, window).expect("what was committed");
                flying.clear();
                next = read.low();
                consumer = Dispatcher::new(options, read.low());
            }
            while consumer.has_room() && (next as usize) < lanes.len() {
                if world.committed.is_done(next) {
                    consumer.pass(next + 1);
                } else {
                    let lane = lanes[next as usize];
                    consumer.offer(Offered { position: next, lane, bytes: 1, message: lane }, now_ms);
                }
                next += 1;
            }
            flying.extend(consumer.take(now_ms));
            prop_assert!(flying.len() <= concurrency_max);
            if flying.is_empty() {
                continue;
            }
            let chosen = index.map_or(0, |index| index.index(flying.len()));
            let work = flying.swap_remove(chosen);
            let told = positions(&work);
            let bad = told.iter().position(|one| is_poison(*one));
            let verdict = match (kind, bad) {
                (1, _) => Verdict::Again { pause: true },
                (2, _) => Verdict::Again { pause: false },
                (3, _) if told.len() > 1 => Verdict::Broken("a trap".to_owned()),
                (4, Some(_)) => Verdict::Broken("a trap".to_owned()),
                (_, Some(index)) => failed(index, false),
                (_, None) => Verdict::Handled,
            };
            let settled = consumer.settle(work.id, verdict, now_ms);
            if settled.takes_effect {
                world.effects.extend(told);
            }
            world.dead.extend(settled.dead.iter().map(|(tried, _)| tried.position));
            world.committed = consumer.progress();
        }
        prop_assert_eq!(consumer.open(), 0, "all is done with in the end");
        prop_assert!(world.dead.iter().all(|position| is_poison(*position)));
        world.check(&lanes)?;
    }
}
