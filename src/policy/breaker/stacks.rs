//! The breakers of other stacks against models of them, written from their sources for reading:
//! each keeps every call that it ever heard of and counts anew at each question.

use super::*;
use crate::config::Window as WindowConfig;
use proptest::prelude::*;

/// A stack's breaker, told what happens in nanoseconds.
trait Stack {
    /// Whether a call may pass.
    fn admit(&mut self, now: u64) -> bool;
    /// A call that was let through ended.
    fn end(&mut self, now: u64, failed: bool, slow: bool);
    /// It went away. `changed`: since it was let through, the state has changed.
    fn gone(&mut self, now: u64, changed: bool);
    /// The state after the last word, and how often it has changed.
    fn state(&self) -> (BreakerState, u32);
}

struct Resilience4j {
    config: BreakerConfig,
    /// All that ended in the present state.
    ended: Vec<(u64, bool, bool)>,
    state: BreakerState,
    changes: u32,
    wait_until: u64,
    permitted: u32,
}

impl Resilience4j {
    fn to(&mut self, state: BreakerState) {
        self.state = state;
        self.changes += 1;
        self.ended.clear();
    }

    fn thresholds(&self, now: u64) -> Option<bool> {
        let minimum = self.config.minimum_calls as usize;
        let half_open = self.config.half_open_calls as usize;
        let (size, minimum) = match (self.state, self.config.window) {
            (BreakerState::HalfOpen, _) => (half_open, minimum.min(half_open)),
            (_, WindowConfig::Count(n)) => (n as usize, minimum.min(n as usize)),
            _ => (usize::MAX, minimum),
        };
        let in_time = |t: u64| match (self.state, self.config.window) {
            (BreakerState::Closed, WindowConfig::Time { length, buckets }) => {
                let second = length.as_nanos() / u64::from(buckets);
                t / second + u64::from(buckets) > now / second
            }
            _ => true,
        };
        let last: Vec<_> = self
            .ended
            .iter()
            .rev()
            .take(size)
            .filter(|c| in_time(c.0))
            .collect();
        if last.len() < minimum {
            return None;
        }
        let percent = |n: usize| 100.0 * n as f64 / last.len() as f64;
        let failed = percent(last.iter().filter(|c| c.1).count());
        let slow = percent(last.iter().filter(|c| c.2).count());
        let slow_threshold = self.config.slow_call.map_or(101.0, |s| s.rate * 100.0);
        Some(failed >= self.config.failure_rate * 100.0 || slow >= slow_threshold)
    }
}

impl Stack for Resilience4j {
    fn admit(&mut self, now: u64) -> bool {
        if self.state == BreakerState::Open && now > self.wait_until {
            self.to(BreakerState::HalfOpen);
            self.permitted = self.config.half_open_calls;
        }
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open => false,
            BreakerState::HalfOpen if self.permitted == 0 => false,
            BreakerState::HalfOpen => {
                self.permitted -= 1;
                true
            }
        }
    }

    fn end(&mut self, now: u64, failed: bool, slow: bool) {
        self.ended.push((now, failed, slow));
        match (self.state, self.thresholds(now)) {
            (BreakerState::Closed | BreakerState::HalfOpen, Some(true)) => {
                self.to(BreakerState::Open);
                self.wait_until = now + self.config.open_for.as_nanos();
            }
            (BreakerState::HalfOpen, Some(false)) => self.to(BreakerState::Closed),
            _ => {}
        }
    }

    fn gone(&mut self, _: u64, changed: bool) {
        if !changed {
            self.permitted += 1;
        }
    }

    fn state(&self) -> (BreakerState, u32) {
        (self.state, self.changes)
    }
}

struct Polly {
    config: BreakerConfig,
    /// All that ended since the metrics were reset.
    ended: Vec<(u64, bool)>,
    state: BreakerState,
    changes: u32,
    blocked_until: u64,
}

impl Polly {
    fn to(&mut self, state: BreakerState) {
        self.state = state;
        self.changes += 1;
    }

    /// Throughput and failures of the windows that have not run out.
    fn health(&self, now: u64) -> (usize, usize) {
        let WindowConfig::Time { length, buckets } = self.config.window else {
            panic!("it samples over time")
        };
        let (sampling, windows) = (length.as_nanos(), u64::from(buckets));
        let mut began = None;
        let mut alive = Vec::new();
        for &(t, failed) in &self.ended {
            let window = match began {
                Some(began) if t - began < sampling / windows => began,
                _ => t,
            };
            began = Some(window);
            if now - window < sampling {
                alive.push(failed);
            }
        }
        (alive.len(), alive.iter().filter(|failed| **failed).count())
    }
}

impl Stack for Polly {
    fn admit(&mut self, now: u64) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open if now >= self.blocked_until => {
                self.to(BreakerState::HalfOpen);
                true
            }
            _ => false,
        }
    }

    fn end(&mut self, now: u64, failed: bool, _: bool) {
        let before = self.state;
        if !failed || before != BreakerState::HalfOpen {
            self.ended.push((now, failed));
        }
        let (throughput, failures) = self.health(now);
        let broken = throughput >= self.config.minimum_calls as usize
            && failures as f64 / throughput as f64 >= self.config.failure_rate;
        match (before, failed) {
            (BreakerState::HalfOpen, false) => {
                self.to(BreakerState::Closed);
                self.ended.clear();
            }
            (BreakerState::HalfOpen, true) => {
                self.to(BreakerState::Open);
                self.blocked_until = now + self.config.open_for.as_nanos();
            }
            (BreakerState::Closed, true) if broken => {
                self.to(BreakerState::Open);
                self.blocked_until = now + self.config.open_for.as_nanos();
            }
            _ => {}
        }
    }

    fn gone(&mut self, now: u64, _: bool) {
        // A cancellation is an outcome that is not handled.
        self.end(now, false, false);
    }

    fn state(&self) -> (BreakerState, u32) {
        (self.state, self.changes)
    }
}

struct Hystrix {
    config: BreakerConfig,
    /// All that ended since the stream was reset.
    ended: Vec<(u64, bool)>,
    state: BreakerState,
    changes: u32,
    opened: u64,
    /// The last emission of the stream.
    emitted: u64,
}

impl Hystrix {
    fn to(&mut self, state: BreakerState) {
        self.state = state;
        self.changes += 1;
    }

    /// Every emission up to `now`, one by one.
    fn emit(&mut self, now: u64) {
        let (Judged::Every(span), WindowConfig::Time { length, .. }) =
            (self.config.judged, self.config.window)
        else {
            panic!("it is judged at times")
        };
        while self.emitted + span.as_nanos() <= now {
            self.emitted += span.as_nanos();
            let full = self.emitted.saturating_sub(length.as_nanos())..self.emitted;
            let in_window = self.ended.iter().filter(|c| full.contains(&c.0));
            let (total, errors) = in_window.fold((0, 0), |(n, e), c| (n + 1, e + usize::from(c.1)));
            let threshold = (self.config.failure_rate * 100.0) as usize;
            if self.state == BreakerState::Closed
                && total >= self.config.minimum_calls as usize
                && 100 * errors / total >= threshold
            {
                self.to(BreakerState::Open);
                self.opened = self.emitted;
            }
        }
    }
}

impl Stack for Hystrix {
    fn admit(&mut self, now: u64) -> bool {
        self.emit(now);
        let wakes = now > self.opened + self.config.open_for.as_nanos();
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open if wakes => {
                self.to(BreakerState::HalfOpen);
                true
            }
            _ => false,
        }
    }

    fn end(&mut self, now: u64, failed: bool, _: bool) {
        self.emit(now);
        self.ended.push((now, failed));
        if self.state != BreakerState::HalfOpen {
            return;
        }
        if failed {
            self.to(BreakerState::Open);
            self.opened = now;
        } else {
            self.to(BreakerState::Closed);
            self.ended.clear();
        }
    }

    fn gone(&mut self, now: u64, _: bool) {
        self.emit(now);
        if self.state == BreakerState::HalfOpen {
            self.to(BreakerState::Open);
            self.opened = now;
        }
    }

    fn state(&self) -> (BreakerState, u32) {
        (self.state, self.changes)
    }
}

fn stack(which: usize, config: BreakerConfig) -> Box<dyn Stack> {
    let state = BreakerState::Closed;
    match which {
        0 => Box::new(Resilience4j {
            config,
            ended: Vec::new(),
            state,
            changes: 0,
            wait_until: 0,
            permitted: 0,
        }),
        1 => Box::new(Polly {
            config,
            ended: Vec::new(),
            state,
            changes: 0,
            blocked_until: 0,
        }),
        _ => Box::new(Hystrix {
            config,
            ended: Vec::new(),
            state,
            changes: 0,
            opened: 0,
            emitted: 0,
        }),
    }
}

/// A preset with smaller numbers, so that a short trace meets every edge.
fn small(which: usize, shape: (u32, u32, u32, bool), rate: f64) -> BreakerConfig {
    let (size, minimum_calls, half_open_calls, in_time) = shape;
    let ns = Duration::from_nanos;
    match which {
        0 => {
            let window = match in_time {
                true => WindowConfig::Time {
                    length: ns(u64::from(size) * 20),
                    buckets: size,
                },
                false => WindowConfig::Count(size),
            };
            BreakerConfig {
                window,
                failure_rate: rate,
                minimum_calls,
                slow_call: Some(crate::config::SlowCall {
                    longer_than: ns(60),
                    rate: 1.0,
                }),
                open_for: ns(60),
                half_open_calls,
                half_open_minimum: Some(minimum_calls),
                ..BreakerConfig::resilience4j()
            }
        }
        1 => BreakerConfig {
            window: WindowConfig::Time {
                length: ns(u64::from(size) * 17),
                buckets: size,
            },
            failure_rate: rate,
            minimum_calls,
            open_for: ns(50),
            ..BreakerConfig::polly()
        },
        _ => BreakerConfig {
            window: WindowConfig::Time {
                length: ns(u64::from(size) * 25),
                buckets: size,
            },
            failure_rate: rate,
            minimum_calls,
            open_for: ns(50),
            judged: Judged::Every(ns(25)),
            ..BreakerConfig::hystrix()
        },
    }
}

/// What is told of a call: how much later, what, and of which one.
type Step = (u64, u8, usize);

fn traces() -> impl Strategy<Value = (usize, BreakerConfig, Vec<Step>)> {
    let shape = (1u32..7, 1u32..7, 1u32..5, any::<bool>());
    let rate = prop::sample::select(vec![0.1, 0.25, 0.5, 1.0]);
    let step = (
        prop_oneof![4 => 0u64..6, 2 => 0u64..40, 1 => 0u64..200],
        0u8..10,
        any::<usize>(),
    );
    (0..3usize, shape, rate, prop::collection::vec(step, 1..200))
        .prop_map(|(which, shape, rate, steps)| (which, small(which, shape, rate), steps))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn it_decides_as_the_stack_does(trace in traces()) {
        let (which, config, steps) = trace;
        let mut breaker = CircuitBreaker::new(&config);
        let mut theirs = stack(which, config);
        let slow_from = config.slow_call.map_or(u64::MAX, |slow| slow.longer_than.as_nanos());
        let mut out = Vec::new();
        let mut now = 0;
        for (pause, what, n) in steps {
            now += pause;
            let at = Instant::from_nanos(now);
            if what < 5 || out.is_empty() {
                let ours = breaker.admit(at);
                prop_assert_eq!(ours.is_ok(), theirs.admit(now));
                out.extend(ours.ok().map(|permit| (permit, theirs.state().1, now)));
            } else {
                let (permit, changes, since) = out.swap_remove(n % out.len());
                if what == 5 {
                    breaker.release(at, permit);
                    theirs.gone(now, changes != theirs.state().1);
                } else {
                    let failed = what < 8;
                    let outcome = if failed { Outcome::Timeout } else { Outcome::Success };
                    breaker.record(at, permit, outcome);
                    theirs.end(now, failed, now - since > slow_from);
                }
            }
            prop_assert_eq!(breaker.last_state(), theirs.state().0);
        }
    }

    #[test]
    fn its_promises_hold_for_every_stack(trace in traces()) {
        let (_, config, steps) = trace;
        let mut breaker = CircuitBreaker::new(&config);
        let minimum = match config.window {
            WindowConfig::Count(n) => config.minimum_calls.min(n),
            _ => config.minimum_calls,
        };
        let mut out = Vec::new();
        let mut now = 0;
        // Calls that ended since it closed; probes since it is half-open, less those given back.
        let (mut ended, mut probes) = (0, 0);
        for (pause, what, n) in steps {
            now += pause;
            let at = Instant::from_nanos(now);
            let (before, epoch) = (breaker.last_state(), breaker.epoch);
            let mut ends = 0;
            if what < 5 || out.is_empty() {
                match breaker.admit(at) {
                    Ok(permit) => {
                        if breaker.last_state() == BreakerState::HalfOpen {
                            probes = if breaker.epoch == epoch { probes + 1 } else { 1 };
                            prop_assert!(probes <= config.half_open_calls);
                        }
                        out.push(permit);
                    }
                    Err(Rejected { retry_at: Some(then) }) => {
                        prop_assert!(then > at);
                        let just_before = Instant::from_nanos(then.as_nanos() - 1);
                        prop_assert!(breaker.clone().admit(just_before).is_err());
                        prop_assert!(breaker.clone().admit(then).is_ok());
                    }
                    // Only the end of a call can help.
                    Err(Rejected { retry_at: None }) => {
                        prop_assert_eq!(breaker.last_state(), BreakerState::HalfOpen);
                        prop_assert!(!out.is_empty());
                    }
                }
            } else {
                let permit = out.swap_remove(n % out.len());
                if what == 5 {
                    let is_probe = permit.epoch == breaker.epoch;
                    breaker.release(at, permit);
                    ends = u32::from(config.released == Released::Succeeds);
                    probes -= u32::from(
                        is_probe
                            && before == BreakerState::HalfOpen
                            && breaker.last_state() == before,
                    );
                } else {
                    ends = 1;
                    let outcome = if what < 8 { Outcome::Error } else { Outcome::Success };
                    breaker.record(at, permit, outcome);
                }
            }
            if before == BreakerState::Closed {
                ended += ends;
                if breaker.last_state() != before {
                    prop_assert!(ended >= minimum, "{ended} of {minimum}");
                }
            }
            if breaker.last_state() == BreakerState::Closed && before != BreakerState::Closed {
                ended = 0;
            }
        }
    }
}
