//! The order in which an engine runs its events, with and without timers.

use clock::{Duration, Instant};
use proptest::prelude::*;
use stormglass_engine::random::{Bits, Keyed};
use stormglass_engine::{Engine, Payload, Stamp, TimerClass};

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
struct Event(u32);

impl Payload for Event {
    fn pack(self) -> u32 {
        self.0
    }
    fn unpack(bits: u32) -> Self {
        Self(bits)
    }
}

fn at(ns: u64) -> Instant {
    Instant::from_nanos(ns)
}

/// What is left, in order, with the times.
fn drain(engine: &mut Engine<Event>) -> Vec<(u64, u32)> {
    let mut seen = Vec::new();
    while let Some((event, _)) = engine.next(Instant::NEVER, |_, _| true) {
        seen.push((engine.now().as_nanos(), event.0));
    }
    seen
}

#[test]
fn equal_times_run_in_order_of_scheduling() {
    let mut engine = Engine::new();
    let class = engine.timer_class(Duration::from_nanos(5));
    engine.schedule(at(5), Event(1));
    engine.arm(class, Event(2));
    engine.schedule(at(5), Event(3));
    engine.arm(class, Event(4));
    engine.schedule(at(4), Event(0));
    assert_eq!(drain(&mut engine), [(4, 0), (5, 1), (5, 2), (5, 3), (5, 4)]);
}

#[test]
fn an_event_at_now_runs_after_those_already_there() {
    let mut engine = Engine::new();
    engine.schedule(at(1), Event(0));
    engine.schedule(at(1), Event(1));
    engine.next(Instant::NEVER, |_, _| true);
    engine.schedule(engine.now(), Event(2));
    assert_eq!(drain(&mut engine), [(1, 1), (1, 2)]);
}

#[test]
fn until_is_included_and_time_moves_there() {
    let mut engine = Engine::new();
    engine.schedule(at(10), Event(1));
    engine.schedule(at(11), Event(2));
    assert_eq!(
        engine.next(at(10), |_, _| true).map(|e| e.0),
        Some(Event(1))
    );
    assert_eq!(engine.next(at(10), |_, _| true), None);
    assert_eq!(engine.now(), at(10));
    assert_eq!(engine.pending(), 1);
    assert_eq!(drain(&mut engine), [(11, 2)]);
    assert_eq!(engine.next(at(50), |_, _| true), None);
    assert_eq!(engine.now(), at(50));
    assert_eq!(engine.next(Instant::NEVER, |_, _| true), None);
    assert_eq!(engine.now(), at(50));
}

#[test]
fn what_never_comes_is_not_kept() {
    let mut engine = Engine::new();
    let class = engine.timer_class(Duration::MAX);
    let a = engine.schedule(Instant::NEVER, Event(1));
    let b = engine.arm(class, Event(2));
    assert!(a != b && a != Stamp::NONE && b != Stamp::NONE);
    engine.schedule(at((1 << 60) - 1), Event(3));
    engine.schedule(at(1 << 60), Event(4));
    assert_eq!(engine.pending(), 1);
    assert_eq!(drain(&mut engine), [((1 << 60) - 1, 3)]);
}

#[test]
fn one_timeout_is_one_class() {
    let mut engine = Engine::<Event>::new();
    let a = engine.timer_class(Duration::from_millis(1));
    let b = engine.timer_class(Duration::from_millis(2));
    assert_eq!(a, engine.timer_class(Duration::from_millis(1)));
    assert_ne!(a, b);
}

#[test]
fn a_cancelled_timer_is_dropped_unseen() {
    let mut engine = Engine::new();
    let class = engine.timer_class(Duration::from_nanos(10));
    let kept: Vec<Stamp> = (0..6).map(|i| engine.arm(class, Event(i))).collect();
    let live = |event: Event, stamp| event.0 % 3 == 1 && kept[event.0 as usize] == stamp;
    assert_eq!(engine.pending(), 6);
    let first = engine.next(Instant::NEVER, live);
    assert_eq!(first, Some((Event(1), kept[1])));
    let second = engine.next(Instant::NEVER, live);
    assert_eq!(second, Some((Event(4), kept[4])));
    assert_eq!(engine.next(Instant::NEVER, live), None);
    assert_eq!((engine.events(), engine.pending()), (2, 0));
}

#[test]
fn fingerprints_tell_runs_apart() {
    let print = |events: &[(u64, u32)]| {
        let mut engine = Engine::new();
        for &(time, event) in events {
            engine.schedule(at(time), Event(event));
        }
        drain(&mut engine);
        engine.fingerprint()
    };
    let base = print(&[(1, 1), (2, 2), (3, 3)]);
    assert_eq!(base, print(&[(3, 3), (2, 2), (1, 1)]));
    let others = [
        print(&[]),
        print(&[(0, 0)]),
        print(&[(1, 1), (2, 2)]),
        print(&[(1, 1), (2, 3), (3, 2)]),
        print(&[(1, 2), (2, 1), (3, 3)]),
        print(&[(1, 1), (2, 2), (4, 3)]),
        print(&[(2, 1), (2, 2), (3, 3)]),
    ];
    for (i, other) in others.iter().enumerate() {
        assert_ne!(base, *other);
        assert!(!others[..i].contains(other));
    }
}

/// A small world: every event may start timers, schedule events and cancel timers, by a draw that
/// depends only on how many events it has seen.
struct World {
    engine: Engine<Event>,
    classes: Vec<(TimerClass, Duration)>,
    /// For each timer slot, the timer that is wanted.
    armed: Vec<Stamp>,
    /// Timers as ordinary events.
    plain: bool,
    choices: Keyed,
    seen: Vec<(u64, u32)>,
}

const SLOTS: u32 = 40;
/// Follows itself, so that no world dies out.
const PULSE: Event = Event(2 * SLOTS);

impl World {
    fn new(seed: u64, timeouts: &[u64], plain: bool) -> Self {
        let mut engine = Engine::new();
        let classes = timeouts
            .iter()
            .map(|&ns| {
                let timeout = Duration::from_nanos(ns);
                (engine.timer_class(timeout), timeout)
            })
            .collect();
        for i in 0..8 {
            engine.schedule(at(i / 3), Event(SLOTS + i as u32));
        }
        engine.schedule(at(0), PULSE);
        Self {
            engine,
            classes,
            armed: vec![Stamp::NONE; SLOTS as usize],
            plain,
            choices: Keyed::new(seed),
            seen: Vec::new(),
        }
    }

    fn run(mut self, events: usize) -> Vec<(u64, u32)> {
        while self.seen.len() < events {
            let armed = &self.armed;
            let live = |event: Event, stamp| armed[event.0 as usize] == stamp;
            let Some((event, stamp)) = self.engine.next(Instant::NEVER, live) else {
                break;
            };
            if let Some(slot) = self.armed.get_mut(event.0 as usize) {
                if *slot != stamp {
                    // Stale: only ordinary events get here unasked.
                    assert!(self.plain, "a dead timer was dispatched");
                    continue;
                }
                *slot = Stamp::NONE;
            }
            self.seen.push((self.engine.now().as_nanos(), event.0));
            if event == PULSE {
                let when = self.engine.now() + Duration::from_nanos(7);
                // Beside the list it must take its turn as in the list.
                if self.plain {
                    self.engine.schedule(when, PULSE);
                } else {
                    self.engine.schedule_aside(when, PULSE);
                }
            }
            self.react();
        }
        self.seen
    }

    fn react(&mut self) {
        for _ in 0..self.choices.below(6) {
            let slot = self.choices.below(SLOTS);
            match self.choices.below(5) {
                0 => self.armed[slot as usize] = Stamp::NONE,
                1 => {
                    let delay = Duration::from_nanos(u64::from(self.choices.below(30)));
                    let when = self.engine.now() + delay;
                    self.engine.schedule(when, Event(SLOTS + slot));
                }
                _ => {
                    let which = self.choices.below(self.classes.len() as u32) as usize;
                    let (class, timeout) = self.classes[which];
                    self.armed[slot as usize] = if self.plain {
                        self.engine
                            .schedule(self.engine.now() + timeout, Event(slot))
                    } else {
                        self.engine.arm(class, Event(slot))
                    };
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn timers_run_as_if_each_were_an_event(
        seed: u64,
        timeouts in prop::collection::vec(0..60_u64, 1..5),
    ) {
        let queued = World::new(seed, &timeouts, false).run(2_000);
        prop_assert_eq!(queued.len(), 2_000);
        let plain = World::new(seed, &timeouts, true).run(2_000);
        prop_assert_eq!(queued, plain);
    }
}

#[test]
fn a_long_run_with_timers_is_the_run_without() {
    let timeouts = [5, 20, 35, 1_000];
    let queued = World::new(3, &timeouts, false).run(100_000);
    assert_eq!(queued.len(), 100_000);
    assert_eq!(queued, World::new(3, &timeouts, true).run(100_000));
}
