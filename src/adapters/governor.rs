//! `governor`: its GCRA, at the pipeline's time.
//!
//! The limiter is asked by `check`. A call that may wait is asked for at the time at which governor
//! says it would pass, and passes then: the cell is its own, and those who come later see it taken.
//! One who goes away meanwhile does not give it back; governor has no way to.

use crate::settings::{rate_limit, refuse_if};
use clock::{Duration, Instant};
use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use policy::Outcome;
use policy::config::{CustomConfig, RateAlgorithm};
use policy::custom::{Admit, Custom, Record};
use std::cell::Cell;
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// `rate_limit` with `token_bucket` or `gcra`, which are the same to governor.
pub(crate) fn make(config: &CustomConfig) -> Result<Box<dyn Custom>, String> {
    let limit = rate_limit(config)?;
    config.settings.only(&[])?;
    refuse_if(
        limit.keys.is_some(),
        "`keys`: the key of a request does not reach it",
    )?;
    let (rate, burst) = match limit.algorithm {
        RateAlgorithm::Gcra { rate, burst } => (rate, f64::from(burst)),
        RateAlgorithm::TokenBucket { rate, burst } => (rate, burst),
        RateAlgorithm::FixedWindow { .. } => return other("fixed_window"),
        RateAlgorithm::SlidingLog { .. } | RateAlgorithm::SlidingCounter { .. } => {
            return other("sliding_window");
        }
        RateAlgorithm::LeakyBucket { .. } => return other("leaky_bucket"),
        RateAlgorithm::Cycles { .. } => return other("cycles"),
    };
    let whole = NonZeroU32::new(burst as u32).filter(|whole| f64::from(whole.get()) == burst);
    let Some(burst) = whole else {
        return Err(format!("`burst` is a whole number of cells, not {burst}"));
    };
    let quota = Quota::with_period(Duration::from_secs_f64(1.0 / rate).into())
        .ok_or("`rate` is more than one a nanosecond")?
        .allow_burst(burst);
    let tau = u128::from(burst.get()) * quota.replenish_interval().as_nanos();
    refuse_if(
        tau > u128::from(u64::MAX) / 2,
        "`rate` is so low that a whole burst takes three centuries",
    )?;
    Ok(Box::new(Limiter::new(
        quota,
        limit.max_wait,
        Kept::default(),
    )))
}

fn other<T>(name: &str) -> Result<T, String> {
    Err(format!(
        "`{name}`: it knows the generic cell rate algorithm only, `gcra` or `token_bucket`"
    ))
}

/// Wide enough that sums of governor's, which panic when they overflow, do not.
const LONGEST_WAIT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[derive(Debug)]
struct Limiter {
    cells: RateLimiter<NotKeyed, Kept, Now, NoOpMiddleware<At>>,
    /// The limiter's state; it has no way to say it itself.
    kept: Kept,
    quota: Quota,
    max_wait: Duration,
}

impl Limiter {
    fn new(quota: Quota, max_wait: Duration, kept: Kept) -> Self {
        Self {
            // Its origin is the clock's.
            cells: RateLimiter::new(quota, kept.clone(), Now::default()),
            kept,
            quota,
            max_wait,
        }
    }

    /// From when on there is a turn; `None` when there is one at this time, and it is taken.
    fn ask(&self, at: Instant) -> Option<Instant> {
        self.cells.clock().0.set(At(at.as_nanos()));
        let turn = self.cells.check().err()?.earliest_possible();
        Some(Instant::from_nanos(turn.0))
    }
}

impl Custom for Limiter {
    fn admit(&mut self, now: Instant, _: &mut u64, _: &mut dyn FnMut() -> u64) -> Admit {
        let Some(turn) = self.ask(now) else {
            return Admit::Pass;
        };
        let wait = turn.since(now);
        match wait <= self.max_wait.min(LONGEST_WAIT) && self.ask(turn).is_none() {
            true => Admit::Wait(wait),
            false => Admit::Refuse,
        }
    }

    fn record(
        &mut self,
        _: Instant,
        _: &mut u64,
        outcome: Outcome,
        _: &mut dyn FnMut() -> u64,
    ) -> Record {
        Record::End(outcome)
    }

    fn boxed_clone(&self) -> Box<dyn Custom> {
        let kept = Kept(Arc::new(AtomicU64::new(self.kept.0.load(Relaxed))));
        Box::new(Self::new(self.quota, self.max_wait, kept))
    }
}

/// A time of the pipeline's clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
struct At(u64);

impl Add<Nanos> for At {
    type Output = Self;

    fn add(self, span: Nanos) -> Self {
        Self(self.0.saturating_add(span.as_u64()))
    }
}

impl Reference for At {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, span: Nanos) -> Self {
        self.0.checked_sub(span.as_u64()).map_or(*self, Self)
    }
}

/// The clock that governor reads: the time of the word that is being said.
#[derive(Debug, Default)]
struct Now(Cell<At>);

impl Clock for Now {
    type Instant = At;

    fn now(&self) -> At {
        self.0.get()
    }
}

/// The theoretical arrival time, in nanoseconds; `u64::MAX` before the first call.
#[derive(Clone, Debug)]
struct Kept(Arc<AtomicU64>);

impl Default for Kept {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl StateStore for Kept {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // A pipeline says one word at a time: nobody comes between the two.
        let before = self.0.load(Relaxed);
        let (answer, after) = decide((before != u64::MAX).then(|| before.into()))?;
        self.0.store(after.as_u64(), Relaxed);
        Ok(answer)
    }
}
