//! Circuit breaker: over which calls it judges, and what opens and closes it.

use super::ScopeWord;
use crate::quantity::{Count, PositiveDuration, PositiveRatio};
use crate::reader::Reader;
use crate::shape::record;
use clock::Duration;
use policy::config::{BreakerConfig, SlowCall, Window};

record! {
    /// A circuit breaker: closed, open, half-open. Defaults are those of Resilience4j.
    BreakerShape {
        /// Over which calls the rates are taken: `{count: N}`, `{time: D, buckets: N}` or
        /// `{consecutive: N}`; the last 100 calls when absent.
        optional window: WindowShape,
        /// It opens when this share of the window has failed.
        default failure_rate: PositiveRatio = "50%",
        /// No judgement before this many calls are in the window; never more than the window holds.
        default minimum_calls: Count<1, 1_000_000> = "100",
        /// It also opens when too many calls are slow.
        optional slow_call: SlowCallShape,
        /// How long it stays open before it lets probes through.
        default open_for: PositiveDuration = "60s",
        /// How many probes it lets through, and judges, when half open.
        default half_open_calls: Count<1, 1_000_000> = "10",
        /// Whose state it keeps.
        default scope: ScopeWord = "service",
    }
    later { "preset", "implementation" }
}

record! {
    /// The calls that a breaker looks back on; one of `count`, `time` and `consecutive`.
    WindowShape {
        /// The last N calls.
        optional count: Count<1, 1_000_000>,
        /// The calls of this last while.
        optional time: PositiveDuration,
        /// In how many steps the window of time moves; 10 when absent.
        optional buckets: Count<1, 1000>,
        /// Opens after this many failures in a row.
        optional consecutive: Count<1, 1_000_000>,
    }
    one_of { "count", "time", "consecutive" }
    needs { "buckets" => "time" }
}

record! {
    /// When a call is slow, and how many are too many.
    SlowCallShape {
        /// A call is slow when it takes longer than this.
        required longer_than: Duration,
        /// The breaker opens at this share of slow calls.
        default rate: PositiveRatio = "100%",
    }
}

/// What the breaker of a policy is given.
pub(super) fn resolve_breaker(breaker: BreakerShape, cx: &mut Reader<'_>) -> Option<BreakerConfig> {
    let window = match &breaker.window {
        Some(window) => resolve_window(window, cx)?,
        None => Window::Count(100),
    };
    let minimum_calls = match window {
        Window::Count(count) => breaker.minimum_calls.0.min(count),
        _ => breaker.minimum_calls.0,
    };
    let slow_call = breaker.slow_call.map(|slow| SlowCall {
        longer_than: *slow.longer_than,
        rate: slow.rate.0,
    });
    Some(BreakerConfig {
        window,
        failure_rate: breaker.failure_rate.0,
        minimum_calls,
        slow_call,
        open_for: breaker.open_for.0,
        half_open_calls: breaker.half_open_calls.0,
        scope: breaker.scope.resolve(),
        ..BreakerConfig::default()
    })
}

fn resolve_window(window: &WindowShape, cx: &mut Reader<'_>) -> Option<Window> {
    if let Some(count) = window.count {
        return Some(Window::Count(count.0));
    }
    if let Some(consecutive) = window.consecutive {
        return Some(Window::Consecutive(consecutive.0));
    }
    let time = window.time?;
    let buckets = window.buckets.map_or(10, |buckets| buckets.0);
    if time.0.as_nanos() < u64::from(buckets) {
        cx.problem(time.span, format!("too short for {buckets} buckets"));
    }
    Some(Window::Time {
        length: time.0,
        buckets,
    })
}
