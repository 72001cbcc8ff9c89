//! The loop itself: the clock, the future event list and the timers, joined into one order.
//!
//! It refuses to call anybody: the user asks for the next event and does with it what it means.

use std::marker::PhantomData;

use clock::{Duration, Instant};

use crate::event::{Payload, Stamp};
use crate::fel::FutureEventList;
use crate::key::{self, RESERVED, SEQ_END, TIME_END};
use crate::ladder::Ladder;
use crate::random::mix;
use crate::timers::{self, Fifo, TimerClass};

/// Fewer sequence numbers than this left: the run is at its end.
const SEQ_RESERVE: u64 = 1 << 20;

/// Odd, its bits without pattern (2^64 divided by the golden ratio), for the fingerprint.
const FINGERPRINT_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
/// As above (the second constant of `SplitMix64`), for the payload.
const PAYLOAD_FACTOR: u64 = 0xBF58_476D_1CE4_E5B9;

/// Greater than every key.
const NOTHING: u128 = u128::MAX;

/// Scheduled events and the time. Events run in the order of their times, and those of equal times in
/// the order in which they were scheduled or armed.
pub struct Engine<E: Payload> {
    list: Ladder,
    /// The key of an event that is kept beside the list; `NOTHING` without one.
    aside: u128,
    now: u64,
    seq: u64,
    events: u64,
    trajectory: u64,
    fifos: Vec<Fifo>,
    event: PhantomData<fn(E) -> E>,
}

impl<E: Payload> Engine<E> {
    /// An engine at time zero in which nothing is scheduled.
    pub fn new() -> Self {
        Self {
            list: Ladder::default(),
            aside: NOTHING,
            now: 0,
            seq: 0,
            events: 0,
            trajectory: 0,
            fifos: Vec::new(),
            event: PhantomData,
        }
    }

    /// The time of the event that was dispatched last, or the `until` up to which [`next`](Self::next)
    /// found nothing more.
    #[inline]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    /// Schedules `event` for `at`, which must not lie in the past (there it runs at once). What is
    /// later than 2^60 ns (36.5 years), [`Instant::NEVER`] included, never runs.
    #[inline]
    pub fn schedule(&mut self, at: Instant, event: E) -> Stamp {
        debug_assert!(at.as_nanos() >= self.now, "scheduled in the past");
        let bits = event.pack();
        debug_assert!(bits < RESERVED, "kind 15 belongs to the engine");
        let seq = self.take_number();
        let time = at.as_nanos().max(self.now);
        if time < TIME_END {
            self.list.push(key::pack(time, seq, bits));
        }
        Stamp(seq)
    }

    /// As [`schedule`](Self::schedule), for events that follow one another, such as the arrivals of
    /// one source: one of them is kept beside the list, which spares the list its commonest guest.
    #[inline]
    pub fn schedule_aside(&mut self, at: Instant, event: E) -> Stamp {
        if self.aside != NOTHING || at.as_nanos() >= TIME_END {
            return self.schedule(at, event);
        }
        debug_assert!(at.as_nanos() >= self.now, "scheduled in the past");
        let seq = self.take_number();
        self.aside = key::pack(at.as_nanos().max(self.now), seq, event.pack());
        Stamp(seq)
    }

    /// The class of the timers that fall due `timeout` after they were armed; the same timeout gives
    /// the same class. For set-up: it searches the classes there are (at most 2^28).
    pub fn timer_class(&mut self, timeout: Duration) -> TimerClass {
        let known = self.fifos.iter().position(|f| f.timeout == timeout);
        let class = known.unwrap_or_else(|| {
            self.fifos.push(Fifo::new(timeout));
            self.fifos.len() - 1
        });
        assert!(class < 1 << 28, "more than 2^28 distinct timeouts");
        TimerClass(class as u32)
    }

    /// Schedules `event` for `now` plus the timeout of the class, in constant time. To cancel it,
    /// forget the stamp: see `live` in [`next`](Self::next).
    #[inline]
    pub fn arm(&mut self, class: TimerClass, event: E) -> Stamp {
        let bits = event.pack();
        debug_assert!(bits < RESERVED, "kind 15 belongs to the engine");
        let seq = self.take_number();
        let fifo = &mut self.fifos[class.0 as usize];
        let due = self.now.saturating_add(fifo.timeout.as_nanos());
        if due < TIME_END {
            let key = key::pack(due, seq, bits);
            if fifo.keys.is_empty() {
                self.list.push(timers::sentinel(key, class.0));
            }
            fifo.keys.push_back(key);
        }
        Stamp(seq)
    }

    /// The next event due at or before `until`, if there is one; the time moves to it. Without one the
    /// time moves to `until` (unless that is never), and nothing that was scheduled is lost.
    ///
    /// `live(event, stamp)` is asked of armed timers only: one for which it says no has been
    /// cancelled, and is dropped without being dispatched. A timer that was once cancelled must stay
    /// so; when its turn comes it may have been dropped already, or not.
    #[inline]
    pub fn next(
        &mut self,
        until: Instant,
        mut live: impl FnMut(E, Stamp) -> bool,
    ) -> Option<(E, Stamp)> {
        let bound = key::bound_after(until.as_nanos());
        loop {
            let Some(key) = self.list.pop_before(bound.min(self.aside)) else {
                if self.aside < bound {
                    let key = core::mem::replace(&mut self.aside, NOTHING);
                    return Some(self.dispatch(key));
                }
                if until.as_nanos() < TIME_END {
                    self.now = self.now.max(until.as_nanos());
                }
                return None;
            };
            let bits = key::payload(key);
            if bits < RESERVED {
                return Some(self.dispatch(key));
            }
            if let Some(head) = self.expire(key, &mut live) {
                return Some(self.dispatch(head));
            }
        }
    }

    /// Events dispatched so far.
    #[inline]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A hash of the trajectory: time and payload of every dispatched event, in order. Two runs that
    /// differ in one event only differ here too.
    pub fn fingerprint(&self) -> u64 {
        mix(self.trajectory ^ mix(self.events))
    }

    /// Events scheduled and timers armed that have been neither dispatched nor dropped; cancelled
    /// timers count until they are dropped.
    pub fn pending(&self) -> usize {
        let armed = self.fifos.iter().map(|f| f.keys.len().saturating_sub(1));
        self.list.len() + usize::from(self.aside != NOTHING) + armed.sum::<usize>()
    }

    /// Whether fewer than 2^20 of the 2^36 sequence numbers of a run are left. The owner should then
    /// stop the run: `next` goes on working, but at the last number `schedule` and `arm` panic.
    #[inline]
    pub fn exhausted(&self) -> bool {
        self.seq > SEQ_END - SEQ_RESERVE
    }

    #[inline]
    fn take_number(&mut self) -> u64 {
        let seq = self.seq;
        assert!(seq < SEQ_END, "2^36 events have been scheduled in one run");
        self.seq = seq + 1;
        seq
    }

    #[inline]
    fn dispatch(&mut self, key: u128) -> (E, Stamp) {
        let (time, bits) = (key::time(key), key::payload(key));
        debug_assert!(time >= self.now, "time runs backwards");
        self.now = time;
        self.events += 1;
        // Each step is a bijection of the old value, so that runs which once differ cannot meet
        // again by hearing the same events afterwards.
        let event = time.wrapping_add(u64::from(bits).wrapping_mul(PAYLOAD_FACTOR));
        let h = (self.trajectory ^ event).wrapping_mul(FINGERPRINT_FACTOR);
        self.trajectory = h ^ h >> 32;
        (E::unpack(bits), Stamp(key::seq(key)))
    }

    /// A sentinel has come up: takes the timer it stands for, if that is still wanted, and makes the
    /// sentinel of the next one that is.
    #[inline(never)]
    fn expire(&mut self, sentinel: u128, live: &mut impl FnMut(E, Stamp) -> bool) -> Option<u128> {
        let class = timers::class_of(key::payload(sentinel));
        let keys = &mut self.fifos[class].keys;
        let mut wanted = |k: u128| live(E::unpack(key::payload(k)), Stamp(key::seq(k)));
        // The sentinel was made for the front, and only here is the front taken away.
        let head = keys.pop_front().filter(|&head| wanted(head));
        while let Some(&next) = keys.front() {
            if wanted(next) {
                self.list.push(timers::sentinel(next, class as u32));
                break;
            }
            keys.pop_front();
        }
        head
    }
}

impl<E: Payload> Default for Engine<E> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Copy, Clone, PartialEq, Debug)]
    struct Event(u32);

    impl Payload for Event {
        fn pack(self) -> u32 {
            self.0
        }
        fn unpack(bits: u32) -> Self {
            Self(bits)
        }
    }

    #[test]
    fn the_end_of_the_numbers_is_announced_and_reached_in_order() {
        let mut engine = Engine::new();
        engine.seq = SEQ_END - SEQ_RESERVE;
        assert!(!engine.exhausted());
        engine.schedule(Instant::ZERO, Event(1));
        assert!(engine.exhausted());
        engine.seq = SEQ_END - 1;
        engine.schedule(Instant::ZERO, Event(2));
        let mut next = || engine.next(Instant::NEVER, |_, _| true).map(|e| e.0);
        assert_eq!(
            [next(), next(), next()],
            [Some(Event(1)), Some(Event(2)), None]
        );
    }

    #[test]
    #[should_panic(expected = "2^36 events")]
    fn a_number_is_never_given_twice() {
        let mut engine = Engine::new();
        engine.seq = SEQ_END;
        engine.schedule(Instant::ZERO, Event(1));
    }
}
