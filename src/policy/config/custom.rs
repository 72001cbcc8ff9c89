//! A layer by an implementation that somebody else wrote.

use super::{BreakerConfig, RateLimitConfig, RetryConfig};
use crate::custom::{Maker, Settings};

/// A layer of an implementation that is found in a [`crate::custom::Registry`].
#[derive(Clone, PartialEq, Debug)]
pub struct CustomConfig {
    /// What it stands for, with the settings that every implementation of that kind knows.
    pub role: Role,
    /// What only this implementation knows.
    pub settings: Settings,
    /// Makes the layer. Two are equal when their names are.
    pub maker: Maker,
}

/// What a custom layer stands for.
#[derive(Clone, PartialEq, Debug)]
pub enum Role {
    /// A circuit breaker.
    CircuitBreaker(BreakerConfig),
    /// A rate limiter.
    RateLimit(RateLimitConfig),
    /// A retry.
    Retry(RetryConfig),
    /// Something else.
    Other,
}
