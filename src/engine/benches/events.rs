//! What an event costs: future event lists under the hold model, and the loop with its timers.

// The list and its oracle are no part of the interface: the bench reads them as modules of its own.
#![allow(dead_code, unused_imports)]

use std::hint::black_box;

use clock::{Duration, Instant};
use divan::{Bencher, counter::ItemsCount};
use stormglass_engine::random::{Bits, Stream};
use stormglass_engine::{Engine, Payload, Sampler, Stamp};

#[path = "../buckets.rs"]
mod buckets;
#[path = "../fel.rs"]
mod fel;
#[path = "../heap.rs"]
mod heap;
#[path = "../key.rs"]
mod key;
#[path = "../ladder.rs"]
mod ladder;
#[path = "../rung.rs"]
mod rung;

use fel::FutureEventList;
use heap::Heap;
use ladder::Ladder;

/// Operations per sample.
const TURNS: usize = 100_000;

fn main() {
    divan::main();
}

/// Exponential increments, their mean in proportion to the population.
fn increments(pending: usize) -> Vec<u64> {
    let mut bits = Stream::new(7);
    let mean = 100.0 * pending as f64;
    let sampler = Sampler::Exponential { mean };
    (0..1 << 16)
        .map(|_| sampler.sample(&mut bits).as_nanos())
        .collect()
}

/// The hold model: take the next out, put one in a random time later.
#[divan::bench(types = [Heap, Ladder], args = [3, 10, 100, 1_000, 10_000, 100_000, 1_000_000])]
fn hold<L: FutureEventList>(bencher: Bencher<'_, '_>, pending: usize) {
    let later = increments(pending);
    let mut list = L::default();
    let mut seq = 0;
    let mut push = move |list: &mut L, now: u64| {
        let delay = later[seq as usize & (later.len() - 1)];
        list.push(key::pack(now + delay, seq, 0));
        seq += 1;
    };
    for _ in 0..pending {
        push(&mut list, 0);
    }
    let mut turn = move || {
        if let Some(key) = list.pop_before(u128::MAX) {
            push(&mut list, key::time(key));
        }
    };
    (0..2 * pending).for_each(|_| turn());
    bencher
        .counter(ItemsCount::new(TURNS))
        .bench_local(|| (0..TURNS).for_each(|_| turn()));
}

/// Two to twenty pending: an event has no successor or two.
#[divan::bench(types = [Heap, Ladder])]
fn few<L: FutureEventList>(bencher: Bencher<'_, '_>) {
    let later = increments(10);
    let mut list = L::default();
    let (mut turns, mut seq, mut now) = (0, 0, 0);
    let mut turn = move || {
        if let Some(key) = list.pop_before(u128::MAX) {
            now = key::time(key);
        }
        let successors = match list.len() {
            0..2 => 2,
            2..20 => later[(turns * 5) & (later.len() - 1)] & 1,
            _ => 0,
        };
        for _ in 0..2 * successors {
            let delay = later[seq as usize & (later.len() - 1)];
            list.push(key::pack(now + delay, seq, 0));
            seq += 1;
        }
        turns += 1;
    };
    bencher
        .counter(ItemsCount::new(TURNS))
        .bench_local(|| (0..TURNS).for_each(|_| turn()));
}

#[derive(Copy, Clone)]
struct Event(u32);

impl Payload for Event {
    #[inline]
    fn pack(self) -> u32 {
        self.0
    }
    #[inline]
    fn unpack(bits: u32) -> Self {
        Self(bits)
    }
}

/// `next` and `schedule`: all that the loop does for an event.
#[divan::bench(args = [3, 10, 1_000, 100_000])]
fn event_loop(bencher: Bencher<'_, '_>, pending: usize) {
    let later = increments(pending);
    let mut engine = Engine::new();
    for (i, &delay) in (0..pending).zip(later.iter().cycle()) {
        engine.schedule(Instant::from_nanos(delay), Event(i as u32));
    }
    let mut i = 0;
    bencher.counter(ItemsCount::new(TURNS)).bench_local(|| {
        for _ in 0..TURNS {
            if let Some((event, _)) = engine.next(Instant::NEVER, |_, _| true) {
                let delay = Duration::from_nanos(later[i & (later.len() - 1)]);
                engine.schedule(engine.now() + delay, event);
                i += 1;
            }
        }
    });
}

/// One event in which a timer is armed and the one before cancelled.
#[divan::bench]
fn timer_cancelled(bencher: Bencher<'_, '_>) {
    let later = increments(10);
    let mut engine = Engine::new();
    let class = engine.timer_class(Duration::from_nanos(100_000));
    for (i, &delay) in (0..10).zip(&later) {
        engine.schedule(Instant::from_nanos(delay), Event(i));
    }
    let mut armed = [Stamp::NONE; 16];
    let mut i = 0;
    bencher.counter(ItemsCount::new(TURNS)).bench_local(|| {
        for _ in 0..TURNS {
            let live = |event: Event, stamp| armed[event.0 as usize & 15] == stamp;
            if let Some((event, _)) = engine.next(Instant::NEVER, live) {
                let delay = Duration::from_nanos(later[i & (later.len() - 1)]);
                engine.schedule(engine.now() + delay, event);
                armed[event.0 as usize & 15] = engine.arm(class, event);
                i += 1;
            }
        }
    });
    black_box(armed);
}

/// An arrival and a departure per customer, with their draws, at 80 % load.
#[divan::bench]
fn single_server_queue(bencher: Bencher<'_, '_>) {
    let arrival = Sampler::Exponential { mean: 1.25e6 };
    let service = Sampler::Exponential { mean: 1e6 };
    let mut bits = Stream::new(7);
    let mut engine = Engine::new();
    let mut waiting = 0_u32;
    engine.schedule(Instant::ZERO, Event(0));
    bencher.counter(ItemsCount::new(TURNS)).bench_local(|| {
        for _ in 0..TURNS {
            let Some((event, _)) = engine.next(Instant::NEVER, |_, _| true) else {
                break;
            };
            let now = engine.now();
            if event.0 == 0 {
                waiting += 1;
                engine.schedule(now + arrival.sample(&mut bits), Event(0));
                if waiting == 1 {
                    engine.schedule(now + service.sample(&mut bits), Event(1));
                }
            } else {
                waiting -= 1;
                if waiting > 0 {
                    engine.schedule(now + service.sample(&mut bits), Event(1));
                }
            }
        }
    });
    black_box(bits.next_u64());
}
