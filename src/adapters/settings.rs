//! What the adapters ask of a configuration, and the words in which they refuse it.
//!
//! An adapter cannot see whether a setting was written or is the default. It refuses what differs
//! from the default and has no counterpart in the crate. The first name in backquotes is that of
//! the setting, so that a reader of models can point at it.

use policy::config::{BreakerConfig, CustomConfig, RateLimitConfig, RetryConfig, Role};
use policy::custom::{Setting, Settings};

/// `Err` with `why` where a crate cannot do something.
pub(crate) fn refuse_if(condition: bool, why: &str) -> Result<(), String> {
    if condition {
        Err(why.to_owned())
    } else {
        Ok(())
    }
}

#[cfg_attr(not(feature = "governor"), allow(dead_code))]
pub(crate) fn rate_limit(config: &CustomConfig) -> Result<&RateLimitConfig, String> {
    match &config.role {
        Role::RateLimit(limit) => Ok(limit),
        _ => Err("it is a rate limiter, for a `rate_limit` layer".to_owned()),
    }
}

#[cfg_attr(not(feature = "failsafe"), allow(dead_code))]
pub(crate) fn breaker(config: &CustomConfig) -> Result<&BreakerConfig, String> {
    match &config.role {
        Role::CircuitBreaker(breaker) => Ok(breaker),
        _ => Err("it is a circuit breaker, for a `circuit_breaker` layer".to_owned()),
    }
}

/// The settings of a retry, without those that only our own retry has.
#[cfg_attr(
    not(any(feature = "aws", feature = "backon", feature = "tower")),
    allow(dead_code)
)]
pub(crate) fn retry(config: &CustomConfig) -> Result<&RetryConfig, String> {
    let Role::Retry(retry) = &config.role else {
        return Err("it is a retry, for a `retry` layer".to_owned());
    };
    let usual = RetryConfig::default();
    refuse_if(
        retry.heed != usual.heed,
        "`heed`: a server's word on when to come back does not reach it",
    )?;
    refuse_if(
        retry.pause_when_exhausted,
        "`pause_when_exhausted`: it ends a call at once when the budget refuses",
    )?;
    refuse_if(
        retry.adaptive.is_some(),
        "`adaptive`: it has no rate of attempts",
    )?;
    Ok(retry)
}

/// The flag of this name, or `false` where there is none.
#[cfg_attr(not(feature = "backon"), allow(dead_code))]
pub(crate) fn flag(settings: &Settings, name: &str) -> Result<bool, String> {
    match settings.get(name) {
        None => Ok(false),
        Some(Setting::Flag(flag)) => Ok(*flag),
        Some(_) => Err(format!("`{name}` is `true` or `false`")),
    }
}

/// Which of the `words` the setting of this name is; the first where there is none.
#[cfg_attr(not(any(feature = "failsafe", feature = "tower")), allow(dead_code))]
pub(crate) fn word<'a>(
    settings: &Settings,
    name: &str,
    words: &[&'a str],
) -> Result<&'a str, String> {
    let found = match settings.get(name) {
        None => return Ok(words[0]),
        Some(Setting::Text(text)) => words.iter().find(|word| *word == text),
        Some(_) => None,
    };
    found
        .copied()
        .ok_or_else(|| format!("`{name}` is one of `{}`", words.join("`, `")))
}
