//! Rate limits, of callers and of servers: which algorithm, with which numbers.

use super::ScopeWord;
use super::custom::{SettingsShape, resolve_custom};
use crate::quantity::{Count, Number, PositiveDuration, PositiveRate};
use crate::reader::{At, Keyed, Reader};
use crate::shape::{choice, record};
use clock::Duration;
use policy::config::{AdmissionLayer, LayerConfig, RateAlgorithm, RateLimitConfig, Role};

/// How many calls a log may remember, over all its keys.
const MOST_LOGGED: u64 = 10_000_000;

record! {
    /// Bounds the rate of calls; one of the algorithms.
    RateLimitShape {
        /// Tokens flow in steadily, and a call takes one.
        optional token_bucket: TokenBucketShape,
        /// The generic cell rate algorithm: even gaps, with a burst after a pause.
        optional gcra: GcraShape,
        /// So many calls in each window; windows begin at multiples of their length.
        optional fixed_window: FixedWindowShape,
        /// So many calls in any stretch of the window's length.
        optional sliding_window: SlidingWindowShape,
        /// A queue that lets one call go at a time, at even gaps.
        optional leaky_bucket: LeakyBucketShape,
        /// Resilience4j's: so many permissions in each cycle; a call may wait for a later one.
        optional cycles: CyclesShape,
        /// How long a call may wait for its turn; 0 refuses at once, but leaves the waiting in a
        /// `leaky_bucket` to its capacity.
        default max_wait: Duration = "0s",
        /// Whose state it keeps.
        default scope: ScopeWord = "service",
        /// Also one state for each of so many keys of requests; one for all when absent.
        optional keys: Count<1, 100_000>,
        /// The name of a rate limiter that somebody else wrote.
        optional implementation: String,
        /// Settings that only this implementation knows.
        optional with: Keyed<SettingsShape>,
    }
    one_of { "token_bucket", "gcra", "fixed_window", "sliding_window", "leaky_bucket", "cycles" }
    needs { "with" => "implementation" }
}

record! {
    /// Bounds the rate of requests that one instance lets in; one of the algorithms. Nothing waits
    /// here.
    AdmissionRateShape {
        /// Tokens flow in steadily, and a request takes one.
        optional token_bucket: TokenBucketShape,
        /// The generic cell rate algorithm: even gaps, with a burst after a pause.
        optional gcra: GcraShape,
        /// So many requests in each window; windows begin at multiples of their length.
        optional fixed_window: FixedWindowShape,
        /// So many requests in any stretch of the window's length.
        optional sliding_window: SlidingWindowShape,
        /// So many requests in each cycle, counted from the start.
        optional cycles: CyclesShape,
        /// One state for each of so many keys of requests; one for all when absent.
        optional keys: Count<1, 100_000>,
    }
    one_of { "token_bucket", "gcra", "fixed_window", "sliding_window", "cycles" }
}

record! {
    /// A bucket that holds up to `burst` tokens and starts full.
    TokenBucketShape {
        /// How fast tokens flow in.
        required rate: PositiveRate,
        /// The most that the bucket holds.
        default burst: Number<1> = "1",
    }
}

record! {
    /// Even gaps, and up to `burst` at once after a pause.
    GcraShape {
        /// How many in the long run.
        required rate: PositiveRate,
        /// How many at once after a pause.
        default burst: Count<1, 1_000_000> = "1",
    }
}

record! {
    /// So many in each window.
    FixedWindowShape {
        /// How many.
        required limit: Count<1, 1_000_000_000>,
        /// The length of a window.
        required window: PositiveDuration,
    }
}

record! {
    /// So many in any stretch of time.
    SlidingWindowShape {
        /// How many.
        required limit: Count<1, 1_000_000_000>,
        /// The length of the stretch.
        required window: PositiveDuration,
        /// How it is known how many there were.
        default kind: SlidingKind = "log",
    }
}

choice! {
    /// How a sliding window knows what was in it.
    "a kind of sliding window": SlidingKind {
        /// By the times of the last `limit` calls: exact.
        "log" => Log,
        /// By the counts of the running window and of the part of the last one that still overlaps.
        "counter" => Counter,
    }
}

record! {
    /// A queue that lets one call go every `1/rate`.
    LeakyBucketShape {
        /// How fast it leaks.
        required rate: PositiveRate,
        /// How many may wait.
        required capacity: Count<0, 10_000_000>,
    }
}

record! {
    /// So many permissions in each cycle, counted from the start.
    CyclesShape {
        /// How many.
        default limit: Count<1, 1_000_000_000> = "50",
        /// The length of a cycle.
        default period: PositiveDuration = "500ns",
    }
}

/// What the rate limit of a policy is given.
pub(super) fn resolve_rate_limit(
    limit: Keyed<RateLimitShape>,
    cx: &mut Reader<'_>,
) -> Option<LayerConfig> {
    let Keyed { value: shape, keys } = limit;
    let config = configure(&shape, cx)?;
    match &shape.implementation {
        None => Some(LayerConfig::RateLimit(config)),
        Some(name) => resolve_custom(name, shape.with, Role::RateLimit(config), &keys, cx),
    }
}

fn configure(shape: &RateLimitShape, cx: &mut Reader<'_>) -> Option<RateLimitConfig> {
    let keys = shape.keys.map(|keys| keys.0);
    let algorithm = match &shape.leaky_bucket {
        Some(bucket) => RateAlgorithm::LeakyBucket {
            rate: bucket.rate.0,
            capacity: bucket.capacity.0,
        },
        None => {
            let meters = Meters {
                token_bucket: shape.token_bucket.as_ref(),
                gcra: shape.gcra.as_ref(),
                fixed_window: shape.fixed_window.as_ref(),
                sliding_window: shape.sliding_window.as_ref(),
                cycles: shape.cycles.as_ref(),
            };
            meters.resolve(keys, cx)?
        }
    };
    Some(RateLimitConfig {
        algorithm,
        max_wait: *shape.max_wait,
        scope: shape.scope.resolve(),
        keys,
    })
}

/// What the rate limit of a service is given.
pub(crate) fn resolve_admission_rate(
    shape: &AdmissionRateShape,
    cx: &mut Reader<'_>,
) -> Option<AdmissionLayer> {
    let keys = shape.keys.map(|keys| keys.0);
    let meters = Meters {
        token_bucket: shape.token_bucket.as_ref(),
        gcra: shape.gcra.as_ref(),
        fixed_window: shape.fixed_window.as_ref(),
        sliding_window: shape.sliding_window.as_ref(),
        cycles: shape.cycles.as_ref(),
    };
    let algorithm = meters.resolve(keys, cx)?;
    Some(AdmissionLayer::RateLimit { algorithm, keys })
}

/// The algorithms that callers and servers share; one of them is there.
struct Meters<'s> {
    token_bucket: Option<&'s At<TokenBucketShape>>,
    gcra: Option<&'s At<GcraShape>>,
    fixed_window: Option<&'s At<FixedWindowShape>>,
    sliding_window: Option<&'s At<SlidingWindowShape>>,
    cycles: Option<&'s At<CyclesShape>>,
}

impl Meters<'_> {
    fn resolve(&self, keys: Option<u32>, cx: &mut Reader<'_>) -> Option<RateAlgorithm> {
        if let Some(bucket) = self.token_bucket {
            return Some(RateAlgorithm::TokenBucket {
                rate: bucket.rate.0,
                burst: bucket.burst.0,
            });
        }
        if let Some(gcra) = self.gcra {
            return Some(RateAlgorithm::Gcra {
                rate: gcra.rate.0,
                burst: gcra.burst.0,
            });
        }
        if let Some(fixed) = self.fixed_window {
            return Some(RateAlgorithm::FixedWindow {
                limit: fixed.limit.0,
                window: fixed.window.0,
            });
        }
        if let Some(sliding) = self.sliding_window {
            return Some(resolve_sliding(sliding, keys, cx));
        }
        let cycles = self.cycles?;
        Some(RateAlgorithm::Cycles {
            limit: cycles.limit.0,
            period: cycles.period.0,
        })
    }
}

fn resolve_sliding(
    sliding: &SlidingWindowShape,
    keys: Option<u32>,
    cx: &mut Reader<'_>,
) -> RateAlgorithm {
    let (limit, window) = (sliding.limit.0, sliding.window.0);
    if matches!(sliding.kind.value, SlidingKind::Counter) {
        return RateAlgorithm::SlidingCounter { limit, window };
    }
    let logged = u64::from(limit) * u64::from(keys.unwrap_or(1));
    if logged > MOST_LOGGED {
        cx.problem(
            sliding.limit.span,
            format!("a log remembers every call of its window: {logged} are too many"),
        )
        .help(format!(
            "at most {MOST_LOGGED}, over all `keys`; write `kind: counter`"
        ));
    }
    RateAlgorithm::SlidingLog { limit, window }
}
