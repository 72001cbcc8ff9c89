//! Circuit breakers: every key, and whose they are.

use crate::{layer, ms};
use policy::config::{
    Alignment, BreakerConfig, EndOfOpen, Judged, Late, LayerConfig, Released, Scope, SlowCall,
    Window,
};
use policy::{Outcome, OutcomeSet};

fn breaker(text: &str) -> BreakerConfig {
    match layer(&format!("circuit_breaker: {{{text}}}")) {
        LayerConfig::CircuitBreaker(breaker) => breaker,
        other => panic!("{other:?}"),
    }
}

#[test]
fn presets_are_the_policies_own() {
    assert_eq!(breaker(""), BreakerConfig::default());
    assert_eq!(breaker("preset: polly"), BreakerConfig::polly());
    assert_eq!(breaker("preset: hystrix"), BreakerConfig::hystrix());
    assert_eq!(
        breaker("preset: resilience4j"),
        BreakerConfig::resilience4j()
    );
}

#[test]
fn keys_override_a_preset() {
    let time = |secs: u64, buckets| Window::Time {
        length: ms(1000 * secs),
        buckets,
    };
    assert_eq!(
        breaker("preset: hystrix, open_for: 1s, window: {time: 4s}"),
        BreakerConfig {
            open_for: ms(1000),
            window: time(4, 10),
            ..BreakerConfig::hystrix()
        }
    );
    assert_eq!(
        breaker(
            "preset: polly, failure_rate: 20%, minimum_calls: 7, half_open_calls: 3, \
             half_open_minimum: 2, slow_call: {longer_than: 1s}, end_of_open: after, \
             judged: every_call, alignment: epoch, failure_on: [timeout, error], late: ignored, \
             released: reopens, scope: instance"
        ),
        BreakerConfig {
            window: time(30, 10),
            failure_rate: 0.2,
            minimum_calls: 7,
            slow_call: Some(SlowCall {
                longer_than: ms(1000),
                rate: 1.0
            }),
            open_for: ms(5000),
            half_open_calls: 3,
            half_open_minimum: Some(2),
            end_of_open: EndOfOpen::After,
            judged: Judged::EveryCall,
            alignment: Alignment::Epoch,
            failure_on: OutcomeSet::NONE.with(Outcome::Timeout).with(Outcome::Error),
            late: Late::Ignored,
            released: Released::Reopens,
            scope: Scope::Instance,
        }
    );
    let other = breaker(
        "end_of_open: at, judged: {every: 250ms}, alignment: first_call, late: counts, \
         released: succeeds",
    );
    assert_eq!(other.end_of_open, EndOfOpen::At);
    assert_eq!(other.judged, Judged::Every(ms(250)));
    assert_eq!(other.alignment, Alignment::FirstCall);
    assert_eq!(other.released, Released::Succeeds);
    assert_eq!(breaker("judged: on_failure").judged, Judged::OnFailure);
    assert_eq!(
        breaker("preset: resilience4j, slow_call: none").slow_call,
        None
    );
}

/// Resilience4j has one number for both windows; a short one only bounds the closed one's.
#[test]
fn the_minimum_of_resilience4j_holds_half_open_too() {
    let small = breaker("preset: resilience4j, minimum_calls: 4, window: {count: 3}");
    assert_eq!(small.minimum_calls, 3);
    assert_eq!(small.half_open_minimum, Some(4));
    assert_eq!(breaker("minimum_calls: 4").half_open_minimum, None);
}
