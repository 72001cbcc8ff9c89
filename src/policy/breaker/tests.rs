//! The breaker at its edges.

use super::*;
use crate::config::{Scope, SlowCall, Window as WindowConfig};

pub(super) fn config(window: WindowConfig) -> BreakerConfig {
    BreakerConfig {
        window,
        failure_rate: 0.5,
        minimum_calls: 4,
        slow_call: None,
        open_for: Duration::from_nanos(100),
        half_open_calls: 2,
        late: Late::Ignored,
        scope: Scope::Service,
        ..BreakerConfig::default()
    }
}

pub(super) fn ns(n: u64) -> Instant {
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
        breaker.release(ns(200), probe.expect("a probe"));
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
            breaker.release(ns(201), permit);
        }
    }
    assert_eq!(breaker.state(ns(201)), BreakerState::HalfOpen);
    assert!(breaker.admit(ns(201)).is_ok(), "the second probe");
    assert!(breaker.admit(ns(201)).is_err(), "no third one was won");
    breaker.release(ns(201), probe);
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

#[test]
fn a_call_that_ends_late_is_judged_with_the_probes_where_that_counts() {
    for (late, then) in [
        (Late::Counts, BreakerState::Open),
        (Late::Ignored, BreakerState::HalfOpen),
    ] {
        let mut breaker = CircuitBreaker::new(&BreakerConfig {
            late,
            ..config(WindowConfig::Count(4))
        });
        let early: Vec<_> = (0..2)
            .map(|_| breaker.admit(ns(0)).expect("closed"))
            .collect();
        for _ in 0..4 {
            call(&mut breaker, 0, Outcome::Error);
        }
        let probe = breaker.admit(ns(200)).expect("half-open");
        for permit in early {
            breaker.record(ns(201), permit, Outcome::Error);
        }
        assert_eq!(breaker.state(ns(201)), then);
        breaker.record(ns(202), probe, Outcome::Success);
    }
}

#[test]
fn half_open_is_judged_by_the_first_calls_that_end_where_fewer_will_do() {
    let few = BreakerConfig {
        half_open_calls: 5,
        half_open_minimum: Some(2),
        ..config(WindowConfig::Count(4))
    };
    let mut breaker = CircuitBreaker::new(&few);
    for _ in 0..4 {
        call(&mut breaker, 0, Outcome::Error);
    }
    let mut probes: Vec<_> = (0..5)
        .map(|_| breaker.admit(ns(200)).expect("a probe"))
        .collect();
    assert!(breaker.admit(ns(200)).is_err());
    let mut end = |breaker: &mut CircuitBreaker| {
        breaker.record(ns(201), probes.pop().expect("one is out"), Outcome::Success);
        breaker.state(ns(201))
    };
    assert_eq!(end(&mut breaker), BreakerState::HalfOpen);
    assert_eq!(end(&mut breaker), BreakerState::Closed);
}

#[test]
fn outcomes_that_are_no_failures_count_as_successes() {
    let picky = BreakerConfig {
        failure_on: [Outcome::Timeout].into_iter().collect(),
        ..config(WindowConfig::Count(4))
    };
    let mut breaker = CircuitBreaker::new(&picky);
    for outcome in [
        Outcome::Error,
        Outcome::Rejected,
        Outcome::Conflict,
        Outcome::Timeout,
    ] {
        call(&mut breaker, 0, outcome);
    }
    assert_eq!(breaker.state(ns(0)), BreakerState::Closed);
    // The window holds two timeouts of four now.
    call(&mut breaker, 0, Outcome::Timeout);
    assert_eq!(breaker.state(ns(0)), BreakerState::Open);
}

#[test]
fn the_end_of_open_belongs_to_half_open_where_that_is_said() {
    let at = BreakerConfig {
        end_of_open: EndOfOpen::At,
        ..config(WindowConfig::Count(4))
    };
    let mut breaker = CircuitBreaker::new(&at);
    for _ in 0..4 {
        call(&mut breaker, 0, Outcome::Error);
    }
    let retry_at = Some(ns(100));
    assert_eq!(breaker.admit(ns(99)), Err(Rejected { retry_at }));
    assert_eq!(breaker.state(ns(100)), BreakerState::HalfOpen);
    assert!(breaker.admit(ns(100)).is_ok());
}

#[test]
fn a_look_at_a_fixed_time_sees_the_full_buckets_before_it() {
    let looks = BreakerConfig {
        judged: Judged::Every(Duration::from_nanos(50)),
        ..config(WindowConfig::Time {
            length: Duration::from_nanos(200),
            buckets: 4,
        })
    };
    let mut breaker = CircuitBreaker::new(&looks);
    // Four good calls hide four bad ones until they are forgotten, which nobody is there to see.
    for _ in 0..5 {
        call(&mut breaker, 10, Outcome::Success);
    }
    for _ in 0..4 {
        call(&mut breaker, 60, Outcome::Error);
    }
    assert_eq!(breaker.clone().state(ns(100)), BreakerState::Closed);
    // Those at 10 fall out at 200: the look at 250 is the first without them, and opens.
    assert_eq!(breaker.clone().state(ns(249)), BreakerState::Closed);
    let mut at_once = breaker.clone();
    assert_eq!(at_once.state(ns(250)), BreakerState::Open);
    assert_eq!(
        at_once.admit(ns(250)),
        Err(Rejected {
            retry_at: Some(ns(351))
        })
    );
    // Found out late, it opened then all the same.
    assert_eq!(
        breaker.admit(ns(320)),
        Err(Rejected {
            retry_at: Some(ns(351))
        })
    );
}

#[test]
fn a_bucket_too_long_for_the_clock_is_looked_at_in_finite_time() {
    let forever = BreakerConfig {
        judged: Judged::Every(Duration::from_nanos(1)),
        minimum_calls: 100,
        ..config(WindowConfig::Time {
            length: Duration::MAX,
            buckets: 3,
        })
    };
    let mut breaker = CircuitBreaker::new(&forever);
    call(&mut breaker, 0, Outcome::Error);
    assert_eq!(breaker.state(ns(u64::MAX)), BreakerState::Closed);
    assert!(breaker.admit(ns(u64::MAX)).is_ok());
}
