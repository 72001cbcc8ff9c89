//! Breakers as other stacks make them when nobody sets anything: what a caller gets by taking the
//! stack. Names and edges were read in each stack's source.

use super::{Alignment, BreakerConfig, EndOfOpen, Judged, Late, Released, SlowCall, Window};
use clock::Duration;

impl BreakerConfig {
    /// Resilience4j 2: 50 % of the last 100 calls, or all of them slower than 60 s; 60 s open, then
    /// ten probes. Defaults of `CircuitBreakerConfig.java`, edges of
    /// `internal/CircuitBreakerStateMachine.java` and `internal/CircuitBreakerMetrics.java`.
    ///
    /// Its `TIME_BASED` window of N seconds is [`Window::Time`] in N buckets. Left out:
    /// `maxWaitDurationInHalfOpenState` (by default 0: half-open waits for its probes for ever),
    /// the automatic transition to half-open, and the states that are set by hand.
    pub fn resilience4j() -> Self {
        Self {
            window: Window::Count(100),
            failure_rate: 0.5,
            minimum_calls: 100,
            slow_call: Some(SlowCall {
                longer_than: Duration::from_secs(60),
                rate: 1.0,
            }),
            open_for: Duration::from_secs(60),
            half_open_calls: 10,
            half_open_minimum: Some(100),
            end_of_open: EndOfOpen::After,
            judged: Judged::EveryCall,
            alignment: Alignment::Epoch,
            late: Late::Counts,
            released: Released::GivesBack,
            ..Self::default()
        }
    }

    /// Polly v8: 10 % of at least 100 calls in 30 s; 5 s open, then one probe. Defaults of
    /// `CircuitBreakerConstants.cs`, edges of `Controller/CircuitStateController.cs`,
    /// `Controller/AdvancedCircuitBehavior.cs` and `Health/RollingHealthMetrics.cs` in
    /// `src/Polly.Core/CircuitBreaker`.
    ///
    /// A probe that neither ends nor goes away keeps it half-open for ever. Left out: the generator
    /// of break durations, and the single bucket of sampling durations below 200 ms, which its own
    /// validation (at least 500 ms) keeps out.
    pub fn polly() -> Self {
        Self {
            window: Window::Time {
                length: Duration::from_secs(30),
                buckets: 10,
            },
            failure_rate: 0.1,
            minimum_calls: 100,
            slow_call: None,
            open_for: Duration::from_secs(5),
            half_open_calls: 1,
            half_open_minimum: None,
            end_of_open: EndOfOpen::At,
            judged: Judged::OnFailure,
            alignment: Alignment::FirstCall,
            late: Late::Counts,
            released: Released::Succeeds,
            ..Self::default()
        }
    }

    /// Hystrix: 50 % of at least 20 calls in 10 s, looked at each 500 ms; 5 s open, then one probe.
    /// Defaults of `HystrixCommandProperties.java`, edges of `HystrixCircuitBreaker.java`,
    /// `metric/consumer/HealthCountsStream.java` (whose buckets are as long as the time between two
    /// looks, and of which only full ones are looked at) and `AbstractCommand.java`.
    ///
    /// Its looks count from the first command, and from each time it closes; here they are multiples
    /// of 500 ms. Its refusals by a full thread pool are failures, as here; those by a full semaphore
    /// leave it half-open for ever there, which is not repeated.
    pub fn hystrix() -> Self {
        Self {
            window: Window::Time {
                length: Duration::from_secs(10),
                buckets: 20,
            },
            failure_rate: 0.5,
            minimum_calls: 20,
            slow_call: None,
            open_for: Duration::from_secs(5),
            half_open_calls: 1,
            half_open_minimum: None,
            end_of_open: EndOfOpen::After,
            judged: Judged::Every(Duration::from_millis(500)),
            alignment: Alignment::Epoch,
            late: Late::Counts,
            released: Released::Reopens,
            ..Self::default()
        }
    }
}
