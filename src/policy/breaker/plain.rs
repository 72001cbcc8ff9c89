//! The breaker over every window, against one that keeps all its history; where a call that ends late
//! counts nowhere.

use super::tests::{config, ns};
use super::*;
use crate::config::{SlowCall, Window as WindowConfig};
use proptest::prelude::*;
use std::collections::VecDeque;

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
                let run = last.len() == n && (last.iter().all(|c| c.1) || last.iter().all(|c| c.2));
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
                breaker.release(ns(now), permit);
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
