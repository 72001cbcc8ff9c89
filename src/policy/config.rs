//! What a user sets on each layer of a pipeline: plain, checked values.
//!
//! Reading them from a file, and refusing bad ones with a line and a column, belongs to whoever
//! reads the file; this module only says what there is, in which unit, and the default.

use crate::outcome::{Outcome, OutcomeSet};
use clock::Duration;

/// A span that is fixed, or drawn anew each time from a distribution that the driver owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Span {
    /// Always the same.
    Constant(Duration),
    /// Drawn by [`crate::Env::sample`] with this index.
    Sampled(u32),
}

/// The layers of a pipeline, outermost first.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PolicyConfig {
    /// Outermost first; empty means that the call is sent as it is.
    pub layers: Vec<LayerConfig>,
}

/// One layer of a pipeline.
#[derive(Clone, PartialEq, Debug)]
pub enum LayerConfig {
    /// Turns a failure of what is inside into a degraded success.
    Fallback(FallbackConfig),
    /// Runs what is inside again when it fails.
    Retry(RetryConfig),
    /// Refuses at once while what is inside is failing.
    CircuitBreaker(BreakerConfig),
    /// Bounds the rate of calls.
    RateLimit(RateLimitConfig),
    /// Bounds the number of calls at the same time.
    Bulkhead(BulkheadConfig),
    /// Gives up on what is inside after a time.
    Timeout(Span),
}

/// Which failures a fallback answers for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FallbackConfig {
    /// The failures that become a degraded success; default all.
    pub on: OutcomeSet,
}

impl Default for FallbackConfig {
    fn default() -> Self {
        Self {
            on: Outcome::FAILURES.into_iter().collect(),
        }
    }
}

/// Retry: attempts, the time between them, and what bounds their number over all calls.
#[derive(Clone, PartialEq, Debug)]
pub struct RetryConfig {
    /// Attempts in all, the first included; at least 1.
    pub attempts: u32,
    /// The time between the end of one attempt and the start of the next, before jitter.
    pub backoff: Backoff,
    /// How the back-off is spread.
    pub jitter: Jitter,
    /// The failures after which another attempt is made.
    pub retry_on: OutcomeSet,
    /// What bounds the retries over all calls of one scope; none by default.
    pub budget: Option<RetryBudget>,
}

/// The default of `retry_on`: every failure but `rejected`, which says "not now".
pub fn default_retry_on() -> OutcomeSet {
    Outcome::FAILURES
        .into_iter()
        .collect::<OutcomeSet>()
        .without(Outcome::Rejected)
}

/// The time before the n-th retry (n counts from 1), before jitter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Backoff {
    /// Always the same (zero: at once).
    Constant(Duration),
    /// `initial + (n-1) * increment`, at most `max`.
    Linear {
        /// Before the first retry.
        initial: Duration,
        /// What each further retry adds.
        increment: Duration,
        /// The most.
        max: Duration,
    },
    /// `initial * factor^(n-1)`, at most `max`.
    Exponential {
        /// Before the first retry.
        initial: Duration,
        /// What each further retry multiplies by; at least 1.
        factor: f64,
        /// The most.
        max: Duration,
    },
}

/// How a back-off `b` is spread at random (names of the AWS Architecture Blog, 2015).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Jitter {
    /// `b` itself.
    #[default]
    None,
    /// Uniform on `[0, b]`.
    Full,
    /// `b/2` plus uniform on `[0, b/2]`.
    Equal,
    /// `min(max, uniform on [initial, 3 * previous])`; the first previous is `initial`.
    Decorrelated,
    /// Uniform on `[b(1-r), b(1+r)]`, `r` in 0..=1.
    Ratio(f64),
}

/// What bounds the retries over all calls of one scope.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum RetryBudget {
    /// Finagle's and tower's: each call deposits `ratio` of a retry, deposits expire after `ttl`
    /// (10 s), and `min_per_second` retries a second are free.
    Ratio {
        /// Retries per call, 0..=1 (0.2: one retry for five calls).
        ratio: f64,
        /// Retries a second that need no deposit; Finagle's default is 10.
        min_per_second: f64,
        /// How long a deposit is good; Finagle's default is 10 s.
        ttl: Duration,
    },
    /// A bucket of tokens: a retry takes `cost`, a success gives back `refund` (AWS SDKs: capacity
    /// 500, cost 5, refund 1).
    Tokens {
        /// The most that the bucket holds; it starts full.
        capacity: f64,
        /// What a retry takes.
        cost: f64,
        /// What a success gives back.
        refund: f64,
    },
}

/// Whose state a layer keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// One state per caller instance and target service.
    #[default]
    Service,
    /// One state per caller instance and target instance.
    Instance,
}

/// Circuit breaker: closed, open, half-open.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BreakerConfig {
    /// Over which calls the rates are taken.
    pub window: Window,
    /// Opens when failures reach this share of the window, 0..=1; 1.0 and `consecutive` windows
    /// open on an unbroken run of failures.
    pub failure_rate: f64,
    /// No judgement before this many calls are in the window.
    pub minimum_calls: u32,
    /// Also opens when slow calls reach a share of the window.
    pub slow_call: Option<SlowCall>,
    /// How long it stays open before it lets probes through.
    pub open_for: Duration,
    /// How many probes half-open lets through; judged when all have ended.
    pub half_open_calls: u32,
    /// Whose state it keeps.
    pub scope: Scope,
}

/// When a call counts as slow, and how many are too many.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SlowCall {
    /// Slow is strictly longer than this (Resilience4j).
    pub longer_than: Duration,
    /// Opens at this share of slow calls, 0..=1.
    pub rate: f64,
}

/// The calls that a breaker looks back on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// The last `n` calls.
    Count(u32),
    /// The calls of the last `length`, in `buckets` aligned steps.
    Time {
        /// The length of the window.
        length: Duration,
        /// In how many steps it moves.
        buckets: u32,
    },
    /// Opens after `n` failures in a row.
    Consecutive(u32),
}

/// Rate limiter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RateLimitConfig {
    /// Which algorithm, with its numbers.
    pub algorithm: RateAlgorithm,
    /// How long a call may wait for its turn before it is refused; zero refuses at once.
    pub max_wait: Duration,
    /// Whose state it keeps.
    pub scope: Scope,
}

/// How a rate is bounded.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum RateAlgorithm {
    /// Tokens flow in at `rate` a second up to `burst`; a call takes one. Starts full.
    TokenBucket {
        /// Tokens a second, above 0.
        rate: f64,
        /// The most that the bucket holds, at least 1.
        burst: f64,
    },
}

/// Bulkhead: at most so many calls at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BulkheadConfig {
    /// Calls at the same time, at least 1 (Resilience4j's default is 25).
    pub max_concurrent: u32,
    /// How many more may wait for a place; 0 refuses at once.
    pub queue: u32,
    /// How long one may wait; `None`: as long as it takes.
    pub max_wait: Option<Duration>,
    /// Whose state it keeps.
    pub scope: Scope,
}

/// How callers choose an instance.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum BalancerConfig {
    /// Uniformly at random.
    #[default]
    Random,
    /// One after the other.
    RoundRobin,
    /// The fewest outstanding requests, as this caller knows them.
    LeastRequests {
        /// How many are drawn and compared; `None`: all.
        choices: Option<u32>,
        /// Whether one instance may be drawn twice.
        with_replacement: bool,
    },
    /// The least of (exponentially weighted latency) x (outstanding + 1), peaks taken at once
    /// (Finagle, tower).
    PeakEwma {
        /// The time constant of the average.
        decay: Duration,
    },
    /// The request's key on a hash ring.
    ConsistentHash {
        /// How many keys there are; a request's key is uniform among them.
        keys: u64,
    },
    /// Smooth weighted round robin (nginx): shares proportional to the weights.
    Weighted {
        /// One weight per instance, repeated when there are more instances than weights.
        weights: Vec<u32>,
    },
}

/// In which order a server's queue is served.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Discipline {
    /// First come, first served.
    #[default]
    Fifo,
    /// Last come, first served.
    Lifo,
    /// The smallest priority number first, then first come; non-preemptive.
    Priority,
    /// FIFO while the queue keeps emptying, LIFO while it does not (folly).
    AdaptiveLifo(Codel),
    /// Drops what has waited too long while the queue does not empty (folly's server CoDel).
    Codel(Codel),
}

/// Controlled delay, as folly's servers use it: overloaded when the least wait of an `interval`
/// was above `target`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Codel {
    /// The wait that is fine; 5 ms.
    pub target: Duration,
    /// Over which the least wait is taken; 100 ms.
    pub interval: Duration,
}

impl Default for Codel {
    fn default() -> Self {
        Self {
            target: Duration::from_millis(5),
            interval: Duration::from_millis(100),
        }
    }
}
