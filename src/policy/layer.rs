//! The closed set of layers, and what the walk through them may ask of each.
//!
//! A new policy is one more variant here and one file of its own. It answers five questions:
//! may the call pass inwards (`admit`), what becomes of an outcome on its way out (`record`), what
//! does its timer mean (`fire`), was it this layer that the call waited at (`wake`), and what must
//! be given back when the call goes away (`release`).

use crate::breaker::BreakerLayer;
use crate::bulkhead::BulkheadLayer;
use crate::client_throttle::ClientThrottleLayer;
use crate::concurrency::ConcurrencyLayer;
use crate::config::LayerConfig;
use crate::custom::CustomLayer;
use crate::driver::{Env, Sink, TimerId, Token};
use crate::fallback::FallbackLayer;
use crate::frame::{Frame, Root};
use crate::outcome::Outcome;
use crate::rate_limit::RateLimitLayer;
use crate::retry::RetryLayer;
use crate::timeout::TimeoutLayer;
use clock::Instant;

#[derive(Clone, Debug)]
pub(crate) enum Layer {
    Fallback(FallbackLayer),
    Retry(RetryLayer),
    CircuitBreaker(BreakerLayer),
    RateLimit(RateLimitLayer),
    Bulkhead(BulkheadLayer),
    ConcurrencyLimit(ConcurrencyLayer),
    ClientThrottle(ClientThrottleLayer),
    Timeout(TimeoutLayer),
    Custom(CustomLayer),
}

/// What a layer says to a call on its way in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Descend {
    /// Go on to the next layer.
    Pass,
    /// Stay here, until this layer's timer fires or it wakes the call.
    Wait,
    /// Turn back with [`Outcome::Rejected`]; the layer holds nothing for the call.
    Refuse,
}

/// What a layer makes of an outcome on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ascend {
    /// The layer is done with the call; this goes on to the next one.
    Pass(Outcome),
    /// Run what is inside once more, at once.
    Again,
    /// The same, when this layer's timer fires.
    Wait,
}

/// What it means that a layer's timer fired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fired {
    /// Nothing: the timer belongs to something that is over.
    Stale,
    /// The call may go on inwards.
    Descend,
    /// The call stays here, until this layer's timer fires again.
    Wait,
    /// What is inside is given up, and this outcome goes outwards.
    GiveUp(Outcome),
}

impl Layer {
    pub(crate) fn new(config: &LayerConfig, instances: u32) -> Self {
        match config {
            LayerConfig::Fallback(c) => Self::Fallback(FallbackLayer::new(*c)),
            LayerConfig::Retry(c) => Self::Retry(RetryLayer::new(c)),
            LayerConfig::CircuitBreaker(c) => Self::CircuitBreaker(BreakerLayer::new(c, instances)),
            LayerConfig::RateLimit(c) => Self::RateLimit(RateLimitLayer::new(c, instances)),
            LayerConfig::Bulkhead(c) => Self::Bulkhead(BulkheadLayer::new(c, instances)),
            LayerConfig::Timeout(span) => Self::Timeout(TimeoutLayer::new(*span)),
            LayerConfig::Hedge(_) => unreachable!("a hedge is not a layer of one path"),
            LayerConfig::ConcurrencyLimit(c) => {
                Self::ConcurrencyLimit(ConcurrencyLayer::new(c, instances))
            }
            LayerConfig::ClientThrottle(c) => {
                Self::ClientThrottle(ClientThrottleLayer::new(c, instances))
            }
            LayerConfig::Custom(c) => Self::Custom(CustomLayer::new(c, instances)),
        }
    }

    /// The name in the model language.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Fallback(_) => "fallback",
            Self::Retry(_) => "retry",
            Self::CircuitBreaker(_) => "circuit_breaker",
            Self::RateLimit(_) => "rate_limit",
            Self::Bulkhead(_) => "bulkhead",
            Self::ConcurrencyLimit(_) => "concurrency_limit",
            Self::ClientThrottle(_) => "client_throttle",
            Self::Timeout(_) => "timeout",
            Self::Custom(layer) => layer.name(),
        }
    }

    // The arguments are the walk's whole context; a struct for them costs the optimiser its sight.
    #[allow(clippy::too_many_arguments)]
    #[inline(always)]
    pub(crate) fn admit(
        &mut self,
        id: TimerId,
        now: Instant,
        token: Token,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Descend {
        match self {
            Self::Fallback(_) => Descend::Pass,
            Self::Retry(layer) => layer.admit(id, now, root, frame, out),
            Self::CircuitBreaker(layer) => layer.admit(now, root, frame, env),
            Self::RateLimit(layer) => layer.admit(id, now, root, frame, env, out),
            Self::Bulkhead(layer) => layer.admit(id, now, token, root, frame, env, out),
            Self::ConcurrencyLimit(layer) => layer.admit(now, root, frame, env),
            Self::ClientThrottle(layer) => layer.admit(now, root, frame, env),
            Self::Timeout(layer) => {
                layer.admit(id, now, frame, env, out);
                Descend::Pass
            }
            Self::Custom(layer) => layer.admit(id, now, root, frame, env, out),
        }
    }

    #[allow(clippy::too_many_arguments)]
    #[inline(always)]
    pub(crate) fn record(
        &mut self,
        id: TimerId,
        now: Instant,
        outcome: Outcome,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Ascend {
        match self {
            Self::Fallback(layer) => Ascend::Pass(layer.record(outcome)),
            Self::Retry(layer) => layer.record(id, now, outcome, root, frame, env, out),
            Self::CircuitBreaker(layer) => {
                layer.record(now, outcome, frame);
                Ascend::Pass(outcome)
            }
            Self::RateLimit(_) => Ascend::Pass(outcome),
            Self::Bulkhead(layer) => {
                layer.release(id, frame, out);
                Ascend::Pass(outcome)
            }
            Self::ConcurrencyLimit(layer) => {
                layer.record(now, outcome, frame);
                Ascend::Pass(outcome)
            }
            Self::ClientThrottle(layer) => {
                layer.record(now, outcome, frame);
                Ascend::Pass(outcome)
            }
            Self::Timeout(layer) => {
                layer.disarm(id, frame, out);
                Ascend::Pass(outcome)
            }
            Self::Custom(layer) => layer.record(id, now, outcome, root, frame, env, out),
        }
    }

    #[inline]
    pub(crate) fn fire(
        &mut self,
        id: TimerId,
        now: Instant,
        root: &mut Root<'_>,
        frame: &mut Frame,
        out: &mut impl Sink,
    ) -> Fired {
        match self {
            Self::Fallback(_)
            | Self::CircuitBreaker(_)
            | Self::ConcurrencyLimit(_)
            | Self::ClientThrottle(_) => Fired::Stale,
            Self::Retry(layer) => layer.fire(id, now, root, frame, out),
            Self::RateLimit(layer) => layer.fire(frame),
            Self::Bulkhead(layer) => layer.fire(frame),
            Self::Timeout(layer) => layer.fire(frame),
            Self::Custom(layer) => layer.fire(root, frame),
        }
    }

    /// Whether the call waited here and may now go on inwards.
    pub(crate) fn wake(&mut self, id: TimerId, frame: &mut Frame, out: &mut impl Sink) -> bool {
        match self {
            Self::Bulkhead(layer) => layer.wake(id, frame, out),
            _ => false,
        }
    }

    /// The call goes away without an outcome for this layer: gives back what it holds.
    pub(crate) fn release(
        &mut self,
        id: TimerId,
        now: Instant,
        frame: &mut Frame,
        out: &mut impl Sink,
    ) {
        match self {
            Self::Fallback(_) => {}
            Self::Retry(layer) => layer.release(id, frame, out),
            Self::CircuitBreaker(layer) => layer.release(now, frame),
            Self::RateLimit(layer) => layer.release(id, frame, out),
            Self::Bulkhead(layer) => layer.release(id, frame, out),
            Self::ConcurrencyLimit(layer) => layer.release(frame),
            Self::ClientThrottle(layer) => layer.release(frame),
            Self::Timeout(layer) => layer.disarm(id, frame, out),
            Self::Custom(layer) => layer.release(id, now, frame, out),
        }
    }
}
