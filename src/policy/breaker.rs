//! Circuit breaker: closed, open, half-open, with the semantics of Resilience4j.
//!
//! Closed, it records calls into a window and opens when too many failed or were slow. Open, it
//! refuses until strictly after its time is up. Half-open, it lets a fixed number of probes through
//! and judges when they have all ended. It does not know what it protects.

use crate::config::BreakerConfig;
use crate::frame::{Frame, Root};
use crate::layer::Descend;
use crate::outcome::Outcome;
use crate::pipeline::Env;
use crate::rejected::Rejected;
use crate::scoped::Scoped;
use crate::window::{Limits, Tally, Window};
use clock::{Duration, Instant};

/// A circuit breaker.
///
/// Every permit goes back, by [`record`](Self::record) with how the call ended, or by
/// [`release`](Self::release) when that will never be known. What comes back from before the last
/// change of state is ignored.
///
/// With a window of `n` consecutive failures, `n` slow calls in a row open as well when
/// `slow_call` is set; probes are judged by `failure_rate` and the slow rate, as everywhere.
#[derive(Clone, Debug)]
pub struct CircuitBreaker {
    limits: Limits,
    slow_from: Duration,
    open_for: Duration,
    probes: u32,
    window: Window,
    state: State,
    /// Counts the changes of state, skipping 0; a permit carries the epoch that it was given in.
    epoch: u32,
}

/// What a circuit breaker does with a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BreakerState {
    /// Lets it through.
    Closed,
    /// Refuses it.
    Open,
    /// Lets it through as a probe, as long as there are probes left.
    HalfOpen,
}

/// The right to make one call, to be given back.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a permit must be recorded or released"]
pub struct Permit {
    epoch: u32,
    admitted: Instant,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { admitted: u32, ended: Tally },
}

impl CircuitBreaker {
    /// A closed breaker with an empty window. `config.scope` is the caller's affair.
    pub fn new(config: &BreakerConfig) -> Self {
        Self {
            limits: Limits {
                failure_rate: config.failure_rate,
                slow_rate: config.slow_call.map(|slow| slow.rate),
            },
            slow_from: config
                .slow_call
                .map_or(Duration::MAX, |slow| slow.longer_than),
            open_for: config.open_for,
            probes: config.half_open_calls.max(1),
            window: Window::new(config.window, config.minimum_calls),
            state: State::Closed,
            epoch: 1,
        }
    }

    /// Asks for the right to make a call.
    ///
    /// # Errors
    /// [`Rejected`] while the breaker is open (it says until when), and while it is half-open with
    /// no probe left (the end of a probe decides).
    #[inline]
    pub fn admit(&mut self, now: Instant) -> Result<Permit, Rejected> {
        match &mut self.state {
            State::Closed => {}
            State::Open { until } => {
                if now <= *until {
                    let retry_at = until.checked_add(Duration::from_nanos(1));
                    return Err(Rejected { retry_at });
                }
                self.turn(State::HalfOpen {
                    admitted: 1,
                    ended: Tally::default(),
                });
            }
            State::HalfOpen { admitted, .. } => {
                if *admitted >= self.probes {
                    return Err(Rejected { retry_at: None });
                }
                *admitted += 1;
            }
        }
        Ok(Permit {
            epoch: self.epoch,
            admitted: now,
        })
    }

    /// The call ended. It is slow when strictly more than `longer_than` passed since it was
    /// admitted; success and degraded are successes, everything else is a failure.
    #[inline]
    pub fn record(&mut self, now: Instant, permit: Permit, outcome: Outcome) {
        if permit.epoch != self.epoch {
            return;
        }
        let failed = !outcome.is_success();
        let slow = now.since(permit.admitted) > self.slow_from;
        match &mut self.state {
            State::Closed => {
                if self.window.record(now, failed, slow, self.limits) {
                    self.turn(State::Open {
                        until: now + self.open_for,
                    });
                }
            }
            State::HalfOpen { ended, .. } => {
                *ended += Tally::one(failed, slow);
                if ended.total >= self.probes {
                    if ended.exceeds(self.limits) {
                        self.turn(State::Open {
                            until: now + self.open_for,
                        });
                    } else {
                        self.window.clear();
                        self.turn(State::Closed);
                    }
                }
            }
            // No permit is given in the epoch of an open breaker.
            State::Open { .. } => {}
        }
    }

    /// The call's end will never be known: nothing is recorded, and a probe may be made instead.
    #[inline]
    pub fn release(&mut self, permit: Permit) {
        if let State::HalfOpen { admitted, .. } = &mut self.state
            && permit.epoch == self.epoch
        {
            *admitted -= 1;
        }
    }

    /// What a call now would meet: an open breaker whose time is up is half-open.
    pub fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Open { until } if now > until => BreakerState::HalfOpen,
            _ => self.last_state(),
        }
    }

    /// The state that the last call left.
    #[inline]
    fn last_state(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
    }
}

/// The breakers of a pipeline. A call's permit lies in its frame: the epoch as the state (0 is no
/// permit), and when it was admitted.
#[derive(Clone, Debug)]
pub(crate) struct BreakerLayer {
    breakers: Scoped<CircuitBreaker>,
    open: u32,
    half_open: u32,
}

impl BreakerLayer {
    pub(crate) fn new(config: &BreakerConfig, instances: u32) -> Self {
        let breakers = Scoped::new(config.scope, instances, CircuitBreaker::new(config));
        Self {
            breakers,
            open: 0,
            half_open: 0,
        }
    }

    /// How many are open, and half-open.
    #[inline]
    pub(crate) fn counts(&self) -> (u32, u32) {
        (self.open, self.half_open)
    }

    /// Whether the counts are right and no probe is out.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        let count = |state| {
            self.breakers
                .iter()
                .filter(|b| b.last_state() == state)
                .count()
        };
        let no_probe_is_out = |b: &CircuitBreaker| match b.state {
            State::HalfOpen { admitted, ended } => admitted == ended.total,
            _ => true,
        };
        count(BreakerState::Open) == self.open as usize
            && count(BreakerState::HalfOpen) == self.half_open as usize
            && self.breakers.iter().all(no_probe_is_out)
    }

    #[inline]
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
    ) -> Descend {
        let index = self.breakers.select(root, env);
        let Ok(permit) = self.watch(index, |breaker| breaker.admit(now)) else {
            return Descend::Refuse;
        };
        *frame = Frame {
            state: permit.epoch,
            index,
            word: permit.admitted.as_nanos(),
        };
        Descend::Pass
    }

    #[inline]
    pub(crate) fn record(&mut self, now: Instant, outcome: Outcome, frame: &mut Frame) {
        if let Some((index, permit)) = take(frame) {
            self.watch(index, |breaker| breaker.record(now, permit, outcome));
        }
    }

    pub(crate) fn release(&mut self, frame: &mut Frame) {
        if let Some((index, permit)) = take(frame) {
            self.breakers.get(index).release(permit);
        }
    }

    /// Does something with a breaker and keeps the counts.
    #[inline]
    fn watch<R>(&mut self, index: u32, f: impl FnOnce(&mut CircuitBreaker) -> R) -> R {
        let breaker = self.breakers.get(index);
        let before = breaker.last_state();
        let result = f(breaker);
        let after = breaker.last_state();
        if before != after {
            self.open = self.open + u32::from(after == BreakerState::Open)
                - u32::from(before == BreakerState::Open);
            self.half_open = self.half_open + u32::from(after == BreakerState::HalfOpen)
                - u32::from(before == BreakerState::HalfOpen);
        }
        result
    }
}

#[inline]
fn take(frame: &mut Frame) -> Option<(u32, Permit)> {
    let Frame {
        state: epoch,
        index,
        word,
    } = core::mem::take(frame);
    (epoch != 0).then(|| {
        (
            index,
            Permit {
                epoch,
                admitted: Instant::from_nanos(word),
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Scope, SlowCall, Window as WindowConfig};
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn config(window: WindowConfig) -> BreakerConfig {
        BreakerConfig {
            window,
            failure_rate: 0.5,
            minimum_calls: 4,
            slow_call: None,
            open_for: Duration::from_nanos(100),
            half_open_calls: 2,
            scope: Scope::Service,
        }
    }

    fn ns(n: u64) -> Instant {
        Instant::from_nanos(n)
    }

    fn call(breaker: &mut CircuitBreaker, t: u64, outcome: Outcome) -> bool {
        let permit = breaker.admit(ns(t));
        permit
            .map(|permit| breaker.record(ns(t), permit, outcome))
            .is_ok()
    }

    fn opened() -> CircuitBreaker {
        let mut breaker = CircuitBreaker::new(&config(WindowConfig::Count(4)));
        for _ in 0..4 {
            assert!(call(&mut breaker, 0, Outcome::Error));
        }
        breaker
    }

    #[test]
    fn it_opens_at_the_threshold_but_not_below_the_minimum() {
        let mut breaker = CircuitBreaker::new(&config(WindowConfig::Count(10)));
        for outcome in [Outcome::Error, Outcome::Timeout, Outcome::Success] {
            call(&mut breaker, 0, outcome);
            assert_eq!(breaker.state(ns(0)), BreakerState::Closed);
        }
        call(&mut breaker, 0, Outcome::Degraded);
        assert_eq!(breaker.state(ns(0)), BreakerState::Open);
    }

    #[test]
    fn a_count_window_smaller_than_the_minimum_judges_when_it_is_full() {
        let mut breaker = CircuitBreaker::new(&config(WindowConfig::Count(2)));
        call(&mut breaker, 0, Outcome::Error);
        assert_eq!(breaker.state(ns(0)), BreakerState::Closed);
        call(&mut breaker, 0, Outcome::Error);
        assert_eq!(breaker.state(ns(0)), BreakerState::Open);
    }

    #[test]
    fn three_failures_of_ten_reach_thirty_percent() {
        let exact = BreakerConfig {
            failure_rate: 0.3,
            minimum_calls: 10,
            ..config(WindowConfig::Count(10))
        };
        let mut breaker = CircuitBreaker::new(&exact);
        for i in 0..10 {
            call(
                &mut breaker,
                0,
                if i < 3 {
                    Outcome::Error
                } else {
                    Outcome::Success
                },
            );
        }
        assert_eq!(breaker.state(ns(0)), BreakerState::Open);
    }

    #[test]
    fn it_stays_open_up_to_and_including_its_time() {
        let mut breaker = opened();
        assert_eq!(
            breaker.admit(ns(100)),
            Err(Rejected {
                retry_at: Some(ns(101))
            })
        );
        assert_eq!(breaker.state(ns(100)), BreakerState::Open);
        assert_eq!(breaker.state(ns(101)), BreakerState::HalfOpen);
        assert!(breaker.admit(ns(101)).is_ok());
    }

    #[test]
    fn probes_are_judged_when_all_have_ended() {
        // One failure of two reaches the threshold, whatever the other one is.
        for second in [Outcome::Success, Outcome::Error] {
            let mut breaker = opened();
            let (a, b) = (breaker.admit(ns(200)), breaker.admit(ns(200)));
            assert_eq!(breaker.admit(ns(200)), Err(Rejected { retry_at: None }));
            breaker.record(ns(201), a.expect("a probe"), Outcome::Error);
            assert_eq!(breaker.state(ns(201)), BreakerState::HalfOpen);
            breaker.record(ns(202), b.expect("a probe"), second);
            assert_eq!(breaker.state(ns(202)), BreakerState::Open);
        }
        let mut breaker = opened();
        assert!(call(&mut breaker, 200, Outcome::Success));
        assert!(call(&mut breaker, 200, Outcome::Success));
        assert_eq!(breaker.state(ns(200)), BreakerState::Closed);
        // With a fresh window: one more failure is far from four.
        call(&mut breaker, 201, Outcome::Error);
        assert_eq!(breaker.state(ns(201)), BreakerState::Closed);
    }

    #[test]
    fn a_released_probe_can_be_made_again() {
        let mut breaker = opened();
        let probes = [breaker.admit(ns(200)), breaker.admit(ns(200))];
        for probe in probes {
            breaker.release(probe.expect("a probe"));
        }
        assert!(breaker.admit(ns(201)).is_ok() && breaker.admit(ns(201)).is_ok());
        assert!(breaker.admit(ns(201)).is_err());
    }

    #[test]
    fn a_permit_of_another_epoch_counts_nowhere() {
        let mut breaker = CircuitBreaker::new(&config(WindowConfig::Count(4)));
        let late: Vec<_> = (0..4)
            .map(|_| breaker.admit(ns(0)).expect("closed"))
            .collect();
        for _ in 0..4 {
            call(&mut breaker, 0, Outcome::Error);
        }
        let probe = breaker.admit(ns(200)).expect("half-open");
        for (i, permit) in late.into_iter().enumerate() {
            if i % 2 == 0 {
                breaker.record(ns(201), permit, Outcome::Error);
            } else {
                breaker.release(permit);
            }
        }
        assert_eq!(breaker.state(ns(201)), BreakerState::HalfOpen);
        assert!(breaker.admit(ns(201)).is_ok(), "the second probe");
        assert!(breaker.admit(ns(201)).is_err(), "no third one was won");
        breaker.release(probe);
    }

    #[test]
    fn slow_is_strictly_longer_and_opens_by_its_own_rate() {
        let slow_call = Some(SlowCall {
            longer_than: Duration::from_nanos(10),
            rate: 1.0,
        });
        let slow = BreakerConfig {
            slow_call,
            ..config(WindowConfig::Count(4))
        };
        for (took, then) in [(10, BreakerState::Closed), (11, BreakerState::Open)] {
            let mut breaker = CircuitBreaker::new(&slow);
            for _ in 0..4 {
                let permit = breaker.admit(ns(0)).expect("closed");
                breaker.record(ns(took), permit, Outcome::Success);
            }
            assert_eq!(breaker.state(ns(took)), then);
        }
    }

    #[test]
    fn a_consecutive_window_forgets_at_a_success() {
        let mut breaker = CircuitBreaker::new(&config(WindowConfig::Consecutive(3)));
        for outcome in [
            Outcome::Error,
            Outcome::Error,
            Outcome::Success,
            Outcome::Error,
        ] {
            call(&mut breaker, 0, outcome);
        }
        call(&mut breaker, 0, Outcome::Error);
        assert_eq!(breaker.state(ns(0)), BreakerState::Closed);
        call(&mut breaker, 0, Outcome::Rejected);
        assert_eq!(breaker.state(ns(0)), BreakerState::Open);
    }

    #[test]
    fn a_breaker_that_never_closes_again_says_so() {
        let forever = BreakerConfig {
            open_for: Duration::MAX,
            ..config(WindowConfig::Count(4))
        };
        let mut breaker = CircuitBreaker::new(&forever);
        for _ in 0..4 {
            call(&mut breaker, 5, Outcome::Error);
        }
        assert_eq!(
            breaker.admit(ns(u64::MAX)),
            Err(Rejected { retry_at: None })
        );
    }

    /// The breaker as one would write it for reading: a history of all that counts.
    struct Plain {
        config: BreakerConfig,
        open_until: Option<u64>,
        half_open: Option<(u32, Vec<(bool, bool)>)>,
        history: VecDeque<(u64, bool, bool)>,
        epoch: u32,
    }

    impl Plain {
        fn admit(&mut self, now: u64) -> Option<u32> {
            if let Some(until) = self.open_until {
                if now <= until {
                    return None;
                }
                self.open_until = None;
                self.half_open = Some((0, Vec::new()));
                self.epoch += 1;
            }
            if let Some((admitted, _)) = &mut self.half_open {
                if *admitted == self.config.half_open_calls {
                    return None;
                }
                *admitted += 1;
            }
            Some(self.epoch)
        }

        fn record(&mut self, now: u64, epoch: u32, failed: bool, slow: bool) {
            if epoch != self.epoch {
                return;
            }
            if let Some((_, ended)) = &mut self.half_open {
                ended.push((failed, slow));
                if ended.len() == self.config.half_open_calls as usize {
                    let bad = self.bad(&self.half_open.clone().expect("half-open").1);
                    self.half_open = None;
                    self.history.clear();
                    self.epoch += 1;
                    self.open_until = bad.then_some(now + 100);
                }
                return;
            }
            self.history.push_back((now, failed, slow));
            let (kept, minimum): (Vec<_>, u32) = match self.config.window {
                WindowConfig::Count(n) => (
                    self.history
                        .iter()
                        .rev()
                        .take(n as usize)
                        .copied()
                        .collect(),
                    self.config.minimum_calls.min(n),
                ),
                WindowConfig::Time { length, buckets } => {
                    let width = length.as_nanos() / u64::from(buckets);
                    let oldest = (now / width).saturating_sub(u64::from(buckets) - 1) * width;
                    let kept = self.history.iter().filter(|(t, ..)| *t >= oldest).copied();
                    (kept.collect(), self.config.minimum_calls)
                }
                WindowConfig::Consecutive(n) => {
                    let n = n as usize;
                    let last: Vec<_> = self.history.iter().rev().take(n).collect();
                    let run =
                        last.len() == n && (last.iter().all(|c| c.1) || last.iter().all(|c| c.2));
                    self.trip(run, now);
                    return;
                }
            };
            let calls: Vec<_> = kept
                .iter()
                .map(|&(_, failed, slow)| (failed, slow))
                .collect();
            self.trip(calls.len() >= minimum as usize && self.bad(&calls), now);
        }

        fn trip(&mut self, trip: bool, now: u64) {
            if trip {
                self.open_until = Some(now + 100);
                self.history.clear();
                self.epoch += 1;
            }
        }

        fn release(&mut self, epoch: u32) {
            if let Some((admitted, _)) = &mut self.half_open
                && epoch == self.epoch
            {
                *admitted -= 1;
            }
        }

        fn bad(&self, calls: &[(bool, bool)]) -> bool {
            let share = |n: usize| n as f64 / calls.len() as f64;
            let failed = calls.iter().filter(|c| c.0).count();
            let slow = calls.iter().filter(|c| c.1).count();
            (failed > 0 && share(failed) >= self.config.failure_rate)
                || self
                    .config
                    .slow_call
                    .is_some_and(|s| slow > 0 && share(slow) >= s.rate)
        }
    }

    fn windows() -> impl Strategy<Value = WindowConfig> {
        prop_oneof![
            (1u32..8).prop_map(WindowConfig::Count),
            (1u64..9, 1u32..5).prop_map(|(width, buckets)| WindowConfig::Time {
                length: Duration::from_nanos(width * 10 * u64::from(buckets)),
                buckets,
            }),
            (1u32..5).prop_map(WindowConfig::Consecutive),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn it_decides_as_a_plain_breaker_with_all_its_history(
            window in windows(),
            failure_rate in prop::sample::select(vec![0.25, 0.3, 0.5, 1.0]),
            slow_rate in prop::option::of(prop::sample::select(vec![0.5, 1.0])),
            minimum_calls in 1u32..6,
            half_open_calls in 1u32..4,
            steps in prop::collection::vec((0u64..40, 0u8..8, any::<usize>()), 1..200),
        ) {
            let slow_call =
                slow_rate.map(|rate| SlowCall { longer_than: Duration::from_nanos(30), rate });
            let config = BreakerConfig {
                failure_rate,
                minimum_calls,
                half_open_calls,
                slow_call,
                ..config(window)
            };
            let mut breaker = CircuitBreaker::new(&config);
            let (half_open, history) = (None, VecDeque::new());
            let mut plain = Plain { config, open_until: None, half_open, history, epoch: 0 };
            let mut out = Vec::new();
            let mut now = 0;
            for (pause, what, which) in steps {
                now += pause;
                if what < 4 || out.is_empty() {
                    let (ours, theirs) = (breaker.admit(ns(now)), plain.admit(now));
                    prop_assert_eq!(ours.is_ok(), theirs.is_some());
                    out.extend(ours.ok().zip(theirs).map(|(permit, epoch)| (permit, epoch, now)));
                    continue;
                }
                let (permit, epoch, since) = out.swap_remove(which % out.len());
                if what == 4 {
                    breaker.release(permit);
                    plain.release(epoch);
                } else {
                    let failed = what < 7;
                    let outcome = if failed { Outcome::Unavailable } else { Outcome::Success };
                    breaker.record(ns(now), permit, outcome);
                    plain.record(now, epoch, failed, slow_call.is_some() && now - since > 30);
                }
                let state = match (&plain.half_open, plain.open_until) {
                    (Some(_), _) => BreakerState::HalfOpen,
                    (None, Some(_)) => BreakerState::Open,
                    (None, None) => BreakerState::Closed,
                };
                prop_assert_eq!(breaker.last_state(), state);
            }
        }
    }
}
