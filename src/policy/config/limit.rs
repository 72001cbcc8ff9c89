//! What bounds calls: their rate, or how many there are at the same time.

use super::Scope;
use clock::Duration;

/// Rate limiter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RateLimitConfig {
    /// Which algorithm, with its numbers.
    pub algorithm: RateAlgorithm,
    /// How long a call may wait for its turn before it is refused; zero refuses at once, but with a
    /// leaky bucket leaves the waiting to its capacity alone (see [`RateLimitConfig::patience`]).
    pub max_wait: Duration,
    /// Whose state it keeps.
    pub scope: Scope,
    /// Also one state for each of so many keys (customers): a call counts for the key
    /// [`crate::Env::key`] modulo this. `None`: one for all.
    pub keys: Option<u32>,
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
    /// Generic cell rate algorithm (ATM Forum): the theoretical arrival time moves on by `1/rate`
    /// with each call and may run ahead of now by `(burst - 1)/rate`.
    Gcra {
        /// Calls a second, above 0.
        rate: f64,
        /// Calls at once after a pause, at least 1.
        burst: u32,
    },
    /// `limit` calls in each window; windows begin at multiples of their length.
    FixedWindow {
        /// At least 1.
        limit: u32,
        /// Above 0.
        window: Duration,
    },
    /// At most `limit` calls in any stretch of `window`, by the times of the last `limit` calls.
    SlidingLog {
        /// At least 1.
        limit: u32,
        /// Above 0.
        window: Duration,
    },
    /// The running fixed window's count and the share of the one before that still overlaps.
    SlidingCounter {
        /// At least 1.
        limit: u32,
        /// Above 0.
        window: Duration,
    },
    /// A queue that leaks one call every `1/rate`: calls wait for their turn, or are refused when
    /// `capacity` wait (a meter that smooths, unlike a token bucket).
    LeakyBucket {
        /// Calls a second, above 0.
        rate: f64,
        /// How many may wait.
        capacity: u32,
    },
    /// Resilience4j's: `limit` permissions in each cycle counted from the start; a call may take
    /// one of a later cycle and wait for it.
    Cycles {
        /// At least 1; 50.
        limit: u32,
        /// Above 0; 500 ns.
        period: Duration,
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

/// Bounds calls at the same time by a limit that is found from latency and losses.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ConcurrencyConfig {
    /// How the limit moves.
    pub algorithm: ConcurrencyAlgorithm,
    /// Whose state it keeps; a server's limit has no use for it.
    pub scope: Scope,
}

/// How a limit of concurrency moves. Names and defaults of Netflix's concurrency-limits and of
/// Envoy's adaptive concurrency filter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ConcurrencyAlgorithm {
    /// It stays.
    Fixed(u32),
    /// One more after a success while more than half is used, `backoff` times as much after a
    /// loss or an answer slower than `timeout`.
    Aimd {
        /// 20.
        initial: u32,
        /// 20.
        min: u32,
        /// 200.
        max: u32,
        /// 0.5..1; 0.9.
        backoff: f64,
        /// 5 s.
        timeout: Duration,
    },
    /// TCP Vegas: by the queue that the excess of latency over the least one tells of.
    Vegas {
        /// 20.
        initial: u32,
        /// 1000.
        max: u32,
        /// The queue below which the limit grows, `None`: 3 times the limit's logarithm.
        alpha: Option<u32>,
        /// The queue above which it shrinks, `None`: 6 times.
        beta: Option<u32>,
        /// The part of each change that is made, 0..=1; 1. Every answer changes the limit, also those
        /// of calls that began under another one: where many are in at once, 1 makes it swing widely
        /// around what 0.03 finds.
        smoothing: f64,
    },
    /// By the ratio of the long-term latency to the last one.
    Gradient2 {
        /// 20.
        initial: u32,
        /// 20.
        min: u32,
        /// 200.
        max: u32,
        /// Calls that may queue; 4.
        queue: u32,
        /// 0..=1; 0.2.
        smoothing: f64,
        /// Samples of the long-term average; 600.
        long_window: u32,
        /// At least 1; 1.5.
        tolerance: f64,
    },
    /// Envoy's gradient controller.
    Gradient {
        /// Between two updates; 100 ms.
        sample_interval: Duration,
        /// Between two measurements of the least latency; 60 s.
        min_rtt_interval: Duration,
        /// Calls that measure it; 50.
        min_rtt_requests: u32,
        /// The limit meanwhile, and the least; 3.
        min_concurrency: u32,
        /// The most; 1000.
        max_concurrency: u32,
        /// How much worse than the least is fine, 0..=1; 0.25.
        buffer: f64,
        /// The quantile of the samples that is looked at, 0..=1; 0.5.
        quantile: f64,
    },
}

impl ConcurrencyAlgorithm {
    /// AIMD with its defaults.
    pub const AIMD: Self = Self::Aimd {
        initial: 20,
        min: 20,
        max: 200,
        backoff: 0.9,
        timeout: Duration::from_secs(5),
    };
    /// Vegas with its defaults; the one that Netflix's limiters take when none is named.
    pub const VEGAS: Self = Self::Vegas {
        initial: 20,
        max: 1000,
        alpha: None,
        beta: None,
        smoothing: 1.0,
    };
    /// Gradient2 with its defaults.
    pub const GRADIENT2: Self = Self::Gradient2 {
        initial: 20,
        min: 20,
        max: 200,
        queue: 4,
        smoothing: 0.2,
        long_window: 600,
        tolerance: 1.5,
    };
    /// Envoy's gradient controller with its defaults. Envoy has none for its two intervals; these
    /// are those of the example in its documentation.
    pub const GRADIENT: Self = Self::Gradient {
        sample_interval: Duration::from_millis(100),
        min_rtt_interval: Duration::from_secs(60),
        min_rtt_requests: 50,
        min_concurrency: 3,
        max_concurrency: 1000,
        buffer: 0.25,
        quantile: 0.5,
    };
}

/// Client-side throttling (Google SRE book, ch. 21): a call is refused with probability
/// `max(0, (requests - k * accepts) / (requests + 1))` over the last `window`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClientThrottleConfig {
    /// How many requests for one accepted are still sent; 2.
    pub k: f64,
    /// 2 minutes.
    pub window: Duration,
    /// Whose state it keeps.
    pub scope: Scope,
}

impl Default for ClientThrottleConfig {
    fn default() -> Self {
        Self {
            k: 2.0,
            window: Duration::from_secs(120),
            scope: Scope::Service,
        }
    }
}
