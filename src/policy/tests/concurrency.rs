//! Limits that find themselves, in front of a server whose answer is known beforehand.
//!
//! The server has some workers and serves first come, first served, each request in 10 ms, 5 % more or
//! less. By Little's law it does all that it can with as many requests in it as it has workers (its
//! throughput times the time of a request that need not wait); a limit of `L` on more only makes them
//! wait: each then takes `10 ms * L / workers`.

use clock::Instant;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use stormglass_policy::config::ConcurrencyAlgorithm;
use stormglass_policy::{ConcurrencyLimit, Held, Outcome};

/// A request takes 9.5 to 10.5 ms.
const SERVICE: u64 = 10_000_000;
const SPREAD: u64 = 500_000;

const WORKERS: [u32; 4] = [25, 50, 100, 200];

/// The server with a limit in front of it; times are nanoseconds.
struct Server {
    limit: ConcurrencyLimit,
    now: u64,
    workers: u32,
    /// When each worker is free.
    free: BinaryHeap<Reverse<u64>>,
    /// Ends of requests, with their numbers.
    ends: BinaryHeap<Reverse<(u64, u64)>>,
    held: VecDeque<Option<Held>>,
    first: u64,
    dice: u64,
    served: u32,
}

impl Server {
    fn new(algorithm: ConcurrencyAlgorithm, workers: u32) -> Self {
        Self {
            limit: ConcurrencyLimit::new(&algorithm),
            now: 0,
            workers,
            free: (0..workers).map(|_| Reverse(0)).collect(),
            ends: BinaryHeap::new(),
            held: VecDeque::new(),
            first: 0,
            dice: 1,
            served: 0,
        }
    }

    /// Requests at `load` times what the server can do, for so many milliseconds.
    fn run(&mut self, load: f64, millis: u64) {
        let until = self.now + millis * 1_000_000;
        let interval = (SERVICE as f64 / f64::from(self.workers) / load) as u64;
        while self.now < until {
            self.now += interval;
            self.end_all();
            if let Ok(held) = self.limit.acquire(Instant::from_nanos(self.now)) {
                let Reverse(free) = self.free.pop().expect("there are workers");
                let end = free.max(self.now) + self.draw();
                self.free.push(Reverse(end));
                let number = self.first + self.held.len() as u64;
                self.ends.push(Reverse((end, number)));
                self.held.push_back(Some(held));
            }
        }
    }

    /// Ends what is done by now.
    fn end_all(&mut self) {
        while let Some(&Reverse((end, number))) = self.ends.peek()
            && end <= self.now
        {
            self.ends.pop();
            let held = self.held[(number - self.first) as usize].take();
            let held = held.expect("it ends once");
            self.limit
                .record(Instant::from_nanos(end), held, Outcome::Success);
            self.served += 1;
            while let Some(None) = self.held.front() {
                self.held.pop_front();
                self.first += 1;
            }
        }
    }

    /// The time of one request.
    fn draw(&mut self) -> u64 {
        const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
        self.dice = self.dice.wrapping_mul(MULTIPLIER).wrapping_add(1);
        SERVICE - SPREAD + (self.dice >> 33) % (2 * SPREAD)
    }
}

/// Vegas holds a queue of `limit - workers` between alpha and beta, which are 3 and 6 times the
/// limit's logarithm. What it takes for the time without a queue is up to 5 % too little, as the
/// shortest request is; and, after a probe, too much by the queue that the probe met. Each busy
/// stretch is so short that there is one probe at most, before a lull shows the truth again.
///
/// With Netflix's smoothing of 1 the limit moves with each of the answers that it did not shape yet,
/// a limit's worth of them in a row, and swings far to both sides; so it moves by little here.
#[test]
fn vegas_finds_what_the_server_can_do() {
    for (workers, initial) in WORKERS.into_iter().flat_map(|n| [(n, 20), (n, 500)]) {
        let mut server = Server::new(
            ConcurrencyAlgorithm::Vegas {
                initial,
                max: 1_000,
                alpha: None,
                beta: None,
                smoothing: 0.03,
            },
            workers,
        );
        let log = f64::from(workers.ilog10());
        let least = 0.95 * f64::from(workers) + 3.0 * log;
        let most = f64::from(workers) + 2.0 * 6.0 * log;
        for _ in 0..20 {
            server.run(0.5, 100);
            server.run(2.0, 150);
        }
        for _ in 0..20 {
            server.run(0.5, 100);
            for _ in 0..15 {
                server.run(2.0, 10);
                let limit = f64::from(server.limit.limit());
                assert!(
                    (least.floor()..=most).contains(&limit),
                    "{workers} workers from {initial}: {limit}"
                );
            }
        }
    }
}

/// A limit of `L` makes a latency of `10 ms * L / workers`, so that `L` times the gradient is always
/// 1.25 times the workers, and the next limit that and its root, whatever it was before.
#[test]
fn gradient_finds_what_the_server_can_do_and_its_buffer() {
    for workers in WORKERS {
        let mut server = Server::new(ConcurrencyAlgorithm::GRADIENT, workers);
        server.run(2.0, 4_000);
        server.served = 0;
        let busy = 1.25 * f64::from(workers);
        let expected = busy + busy.sqrt();
        for _ in 0..100 {
            server.run(2.0, 50);
            let limit = f64::from(server.limit.limit());
            // The medians are of times that are 5 % more or less.
            assert!(
                (limit / expected - 1.0).abs() <= 0.05,
                "{workers} workers: {limit} for {expected}"
            );
        }
        let share = f64::from(server.served) / f64::from(workers) / 500.0;
        assert!((share - 1.0).abs() < 0.01, "busy for {share} of the time");
    }
}

/// Every minute it measures with three requests at a time, and goes back to what it was.
#[test]
fn gradient_measures_for_as_long_as_it_must() {
    let mut server = Server::new(ConcurrencyAlgorithm::GRADIENT, 50);
    server.run(2.0, 59_500);
    let before = server.limit.limit();
    let mut pinned = 0;
    for _ in 0..1_500 {
        server.run(2.0, 1);
        pinned += u32::from(server.limit.limit() == 3);
    }
    // What was in must go, some 14 ms; then 50 requests in 17 rounds of 10 ms; 5 % more or less.
    assert!((170..=200).contains(&pinned), "{pinned} ms");
    let after = server.limit.limit();
    assert!(after.abs_diff(before) <= 4, "{before}, {after}");
}

/// A server that is not busy is not limited: half of its workers do.
#[test]
fn nobody_is_refused_where_there_is_no_queue() {
    for algorithm in [
        ConcurrencyAlgorithm::VEGAS,
        ConcurrencyAlgorithm::GRADIENT2,
        ConcurrencyAlgorithm::AIMD,
        ConcurrencyAlgorithm::GRADIENT,
    ] {
        let mut server = Server::new(algorithm, 50);
        server.run(0.5, 5_000);
        server.served = 0;
        server.run(0.5, 20_000);
        // 2.5 a millisecond; those at both ends may have come before or go after.
        assert!(
            server.served.abs_diff(50_000) <= 5,
            "{algorithm:?}: {}",
            server.served
        );
    }
}
