//! What a crate cannot do is refused, in words that begin with the setting's name.

use crate::driver::config;
use clock::Duration;
use policy::config::*;
use policy::custom::Setting;

#[track_caller]
fn refused(name: &str, role: Role, with: &[(&str, Setting)], word: &str) {
    if stormglass_adapters::registry().get(name).is_none() {
        return;
    }
    let config = config(name, role, with);
    let why = config.maker.make(&config).expect_err("it is refused");
    let first = why.split('`').nth(1);
    assert_eq!(first, Some(word), "{name}: {why}");
}

#[test]
fn what_governor_cannot_do() {
    let limit = RateLimitConfig {
        algorithm: RateAlgorithm::Gcra {
            rate: 1.0,
            burst: 1,
        },
        max_wait: Duration::ZERO,
        scope: Scope::Service,
        keys: None,
    };
    let keyed = RateLimitConfig {
        keys: Some(3),
        ..limit
    };
    refused("governor", Role::RateLimit(keyed), &[], "keys");
    let half = RateLimitConfig {
        algorithm: RateAlgorithm::TokenBucket {
            rate: 1.0,
            burst: 1.5,
        },
        ..limit
    };
    refused("governor", Role::RateLimit(half), &[], "burst");
    let fixed = RateLimitConfig {
        algorithm: RateAlgorithm::FixedWindow {
            limit: 3,
            window: Duration::from_secs(1),
        },
        ..limit
    };
    refused("governor", Role::RateLimit(fixed), &[], "fixed_window");
    let slow = RateLimitConfig {
        algorithm: RateAlgorithm::Gcra {
            rate: 1e-9,
            burst: 1_000_000,
        },
        ..limit
    };
    refused("governor", Role::RateLimit(slow), &[], "rate");
    let with = [("jitter", Setting::Flag(true))];
    refused("governor", Role::RateLimit(limit), &with, "jitter");
    let retry = Role::Retry(RetryConfig::default());
    refused("governor", retry, &[], "rate_limit");
}

#[test]
fn what_failsafe_cannot_do() {
    let breaker = || BreakerConfig {
        window: Window::Consecutive(5),
        ..BreakerConfig::default()
    };
    let mut wrong = Vec::new();
    let mut add = |word, change: fn(&mut BreakerConfig)| {
        let mut config = breaker();
        change(&mut config);
        wrong.push((word, config));
    };
    add("window", |c| c.window = Window::Count(100));
    add("window", |c| {
        c.window = Window::Time {
            length: Duration::from_millis(1500),
            buckets: 10,
        };
    });
    add("window", |c| {
        c.window = Window::Time {
            length: Duration::from_secs(10),
            buckets: 3,
        };
    });
    add("slow_call", |c| {
        c.slow_call = Some(SlowCall {
            longer_than: Duration::from_secs(1),
            rate: 1.0,
        });
    });
    add("half_open_calls", |c| c.half_open_calls = 1);
    add("half_open_minimum", |c| c.half_open_minimum = Some(1));
    add("end_of_open", |c| c.end_of_open = EndOfOpen::At);
    add("judged", |c| {
        c.judged = Judged::Every(Duration::from_secs(1))
    });
    add("alignment", |c| c.alignment = Alignment::FirstCall);
    add("late", |c| c.late = Late::Ignored);
    add("released", |c| c.released = Released::Reopens);
    add("open_for", |c| c.open_for = Duration::MAX);
    for (word, config) in wrong {
        refused("failsafe", Role::CircuitBreaker(config), &[], word);
    }
    let role = || Role::CircuitBreaker(breaker());
    let text = |word: &str| Setting::Text(word.into());
    refused(
        "failsafe",
        role(),
        &[("backoff", text("full_jittered"))],
        "backoff",
    );
    let most = ("max_open_for", Setting::Duration(Duration::from_secs(9)));
    refused(
        "failsafe",
        role(),
        std::slice::from_ref(&most),
        "max_open_for",
    );
    let growing = ("backoff", text("exponential"));
    refused("failsafe", role(), &[growing, most], "max_open_for");
}

#[test]
fn what_retries_cannot_do() {
    let doubling = Backoff::Exponential {
        initial: Duration::from_secs(1),
        factor: 2.0,
        max: Duration::from_secs(20),
    };
    let ratio = |ratio, min_per_second, ttl| RetryBudget::Ratio {
        ratio,
        min_per_second,
        ttl: Duration::from_millis(ttl),
    };
    let retry = || RetryConfig {
        backoff: doubling,
        ..RetryConfig::default()
    };
    let budgeted = |budget| RetryConfig {
        budget: Some(budget),
        ..retry()
    };
    let jittered = |jitter| RetryConfig { jitter, ..retry() };
    let backed_off = |backoff| RetryConfig { backoff, ..retry() };
    let tripling = Backoff::Exponential {
        initial: Duration::from_secs(1),
        factor: 3.0,
        max: Duration::from_secs(20),
    };
    let linear = Backoff::Linear {
        initial: Duration::from_secs(1),
        increment: Duration::from_secs(1),
        max: Duration::from_secs(20),
    };
    for (name, word, config) in [
        ("backon", "budget", budgeted(ratio(0.2, 10.0, 10_000))),
        ("backon", "jitter", jittered(Jitter::Full)),
        ("backon", "backoff", backed_off(linear)),
        ("tower_budget", "budget", retry()),
        ("tower_budget", "ttl", budgeted(ratio(0.2, 10.0, 500))),
        ("tower_budget", "ttl", budgeted(ratio(0.2, 10.0, 1_500))),
        ("tower_budget", "ttl", budgeted(ratio(0.2, 10.0, 61_000))),
        (
            "tower_budget",
            "min_per_second",
            budgeted(ratio(0.2, 0.5, 10_000)),
        ),
        ("tower_budget", "ratio", budgeted(ratio(1e-9, 0.0, 10_000))),
        ("tower_budget", "jitter", jittered(Jitter::Decorrelated)),
        ("aws_smithy", "budget", budgeted(ratio(0.2, 10.0, 10_000))),
        ("aws_smithy", "jitter", jittered(Jitter::Equal)),
        ("aws_smithy", "factor", backed_off(tripling)),
        ("aws_smithy", "backoff", backed_off(linear)),
    ] {
        refused(name, Role::Retry(config), &[], word);
    }
    let fibonacci = [("fibonacci", Setting::Flag(true))];
    let role = Role::Retry(backed_off(tripling));
    refused("backon", role, &fibonacci, "factor");
    for name in ["backon", "tower_budget", "aws_smithy"] {
        let heeding = RetryConfig {
            heed: Heed::Replace,
            ..retry()
        };
        refused(name, Role::Retry(heeding), &[], "heed");
        let adaptive = RetryConfig {
            adaptive: Some(AdaptiveRate::default()),
            ..retry()
        };
        refused(name, Role::Retry(adaptive), &[], "adaptive");
        let other = Role::CircuitBreaker(BreakerConfig::default());
        refused(name, other, &[], "retry");
    }
}
