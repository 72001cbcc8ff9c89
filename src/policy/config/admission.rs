//! What a server does with a request before it queues it, and when it does without what is not
//! essential.

use super::limit::{ConcurrencyAlgorithm, RateAlgorithm};
use clock::Duration;

/// The layers that a request passes on its way into an instance, in order. When one refuses, places
/// under concurrency limits before it are given back; a rate limit's token is spent.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AdmissionConfig {
    /// First to last; empty lets everything in.
    pub layers: Vec<AdmissionLayer>,
}

/// One layer of admission.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AdmissionLayer {
    /// Bounds the rate; over `keys` states when there are keys.
    RateLimit {
        /// Which algorithm, with its numbers. Nothing waits here.
        algorithm: RateAlgorithm,
        /// One state for each of so many keys; `None`: one for all.
        keys: Option<u32>,
    },
    /// Bounds the requests in the instance, waiting or served.
    ConcurrencyLimit(ConcurrencyAlgorithm),
    /// Sheds the least important first while requests wait too long.
    PriorityShedding(PriorityConfig),
    /// Sheds a share of the requests while many fail (Envoy's admission control filter).
    AdmissionControl(AdmissionControlConfig),
}

/// DAGOR (Zhou et al., "Overload Control for Scaling WeChat Microservices", 2018).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PriorityConfig {
    /// Overloaded when the mean wait in the queue over a window exceeds this; 20 ms.
    pub queue_wait: Duration,
    /// A window ends after this long, or after `window_requests`; 1 s.
    pub window: Duration,
    /// 2000.
    pub window_requests: u32,
    /// How much fewer requests to admit after an overloaded window, 0..1; 0.05.
    pub decrease: f64,
    /// How much more after a good one, 0..1; 0.01.
    pub increase: f64,
    /// Levels within one priority, told apart by the request's key, at most 100 000; 128.
    pub user_levels: u32,
}

impl Default for PriorityConfig {
    fn default() -> Self {
        Self {
            queue_wait: Duration::from_millis(20),
            window: Duration::from_secs(1),
            window_requests: 2000,
            decrease: 0.05,
            increase: 0.01,
            user_levels: 128,
        }
    }
}

/// Envoy's admission control filter: refuses with probability
/// `((n - s / threshold) / (n + 1)) ^ (1 / aggression)`, at most `max_rejection`, where `s` of the
/// `n` requests of the last `window` succeeded.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdmissionControlConfig {
    /// Above 0, at most 1; 0.95.
    pub success_threshold: f64,
    /// At least 1; 1.
    pub aggression: f64,
    /// 30 s.
    pub window: Duration,
    /// Requests a second below which nothing is refused; 0.
    pub rps_threshold: f64,
    /// 0..=1; 0.8.
    pub max_rejection: f64,
}

impl Default for AdmissionControlConfig {
    fn default() -> Self {
        Self {
            success_threshold: 0.95,
            aggression: 1.0,
            window: Duration::from_secs(30),
            rps_threshold: 0.0,
            max_rejection: 0.8,
        }
    }
}

/// When an instance does without its optional steps: from the moment that one of the bounds is
/// exceeded until none has been for `recover_after`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DegradeConfig {
    /// More than so many requests wait.
    pub queue_length: Option<u32>,
    /// A request waited longer than this.
    pub queue_wait: Option<Duration>,
    /// 1 s.
    pub recover_after: Duration,
}
