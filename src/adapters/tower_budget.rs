//! `tower`: its retry budget, around retries with our back-offs.
//!
//! `TpsBudget` reads tokio's clock. Each layer has a runtime of its own, paused, which runs nothing:
//! it is entered so that its clock is the one that is read, and that clock is moved to the
//! pipeline's time first.

use crate::settings::{refuse_if, retry, word};
use clock::{Duration, Instant};
use policy::Outcome;
use policy::config::{CustomConfig, Jitter, RetryBudget, RetryConfig};
use policy::custom::{Admit, Custom, Record};
use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use tokio::runtime::{Builder, Runtime};
use tower::retry::budget::{Budget, TpsBudget};

/// `retry` with a budget of a `ratio`; `with: {deposit: call}` deposits for every call rather than
/// for every success.
pub(crate) fn make(config: &CustomConfig) -> Result<Box<dyn Custom>, String> {
    let retry = retry(config)?;
    config.settings.only(&["deposit"])?;
    refuse_if(
        retry.throttled_initial.is_some(),
        "`throttled_initial`: its delays do not depend on the failure",
    )?;
    refuse_if(
        matches!(retry.jitter, Jitter::Decorrelated | Jitter::Polly),
        "`jitter`: one that remembers the last delay has no place beside it",
    )?;
    let Some(RetryBudget::Ratio {
        ratio,
        min_per_second,
        ttl,
    }) = retry.budget
    else {
        return Err("`budget`: it is a budget of a `ratio`".into());
    };
    let seconds = Duration::from_secs(1)..=Duration::from_secs(60);
    refuse_if(
        !seconds.contains(&ttl) || !ttl.as_nanos().is_multiple_of(clock::SECOND),
        "`ttl` is 1 to 60 whole seconds",
    )?;
    let reserve = min_per_second as u32;
    refuse_if(
        f64::from(reserve) != min_per_second || reserve > MOST_PER_SECOND,
        "`min_per_second` is a whole number, at most a million",
    )?;
    refuse_if(
        ratio > 0.0 && ratio < LEAST_RATIO,
        "`ratio` is 0 or at least one in a million",
    )?;
    let deposits = match word(&config.settings, "deposit", &["success", "call"])? {
        "call" => Deposits::Call,
        _ => Deposits::Success,
    };
    let settings = Settings {
        retry: retry.clone(),
        ttl,
        reserve,
        ratio: ratio as f32,
        deposits,
    };
    Ok(Box::new(Retry::new(settings)?))
}

/// tower allows more, but multiplies without looking.
const MOST_PER_SECOND: u32 = 1_000_000;
const LEAST_RATIO: f64 = 1e-6;

#[derive(Clone, Debug)]
struct Settings {
    retry: RetryConfig,
    ttl: Duration,
    reserve: u32,
    ratio: f32,
    deposits: Deposits,
}

/// What puts something into the budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deposits {
    /// Each call that ends well, as tower's documentation does it.
    Success,
    /// Each call, as Finagle does it.
    Call,
}

#[derive(Debug)]
struct Retry {
    settings: Settings,
    budget: TpsBudget,
    clock: Paused,
}

impl Retry {
    fn new(settings: Settings) -> Result<Self, String> {
        let clock = Paused::new()?;
        let budget = clock.at(Instant::ZERO, || {
            TpsBudget::new(settings.ttl.into(), settings.reserve, settings.ratio)
        });
        Ok(Self {
            settings,
            budget,
            clock,
        })
    }

    fn deposit(&self, now: Instant, when: Deposits) {
        if self.settings.deposits == when {
            self.clock.at(now, || self.budget.deposit());
        }
    }
}

impl Custom for Retry {
    fn admit(&mut self, now: Instant, _: &mut u64, _: &mut dyn FnMut() -> u64) -> Admit {
        self.deposit(now, Deposits::Call);
        Admit::Pass
    }

    /// The call's word counts its retries.
    fn record(
        &mut self,
        now: Instant,
        call: &mut u64,
        outcome: Outcome,
        mut random: &mut dyn FnMut() -> u64,
    ) -> Record {
        if outcome.is_success() {
            self.deposit(now, Deposits::Success);
            return Record::End(outcome);
        }
        let RetryConfig {
            attempts, retry_on, ..
        } = self.settings.retry;
        let again = retry_on.contains(outcome) && *call + 1 < u64::from(attempts);
        if !again || !self.clock.at(now, || self.budget.withdraw()) {
            return Record::End(outcome);
        }
        *call += 1;
        let n = *call as u32;
        Record::Again(self.settings.retry.delay(n, &mut 0, &mut random))
    }

    /// In its first state: the crate's budget cannot be copied.
    fn boxed_clone(&self) -> Box<dyn Custom> {
        let copy = Self::new(self.settings.clone());
        Box::new(copy.expect("there was a runtime before"))
    }
}

/// A clock of tokio's that only moves when it is told to.
struct Paused {
    /// Always there; taken when it is dropped.
    runtime: Option<Runtime>,
    now: Cell<Instant>,
}

impl Paused {
    fn new() -> Result<Self, String> {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| format!("a runtime for its clock cannot be made: {error}"))?;
        Ok(Self {
            runtime: Some(runtime),
            now: Cell::new(Instant::ZERO),
        })
    }

    /// Says a word to the crate at a time of the pipeline's.
    fn at<R>(&self, now: Instant, word: impl FnOnce() -> R) -> R {
        let _entered = self.runtime.as_ref().map(Runtime::enter);
        let ahead = now.since(self.now.get());
        if !ahead.is_zero() {
            self.now.set(now);
            // The clock moves when this is first polled; what follows would let tasks run, and
            // there are none.
            let moved = pin!(tokio::time::advance(ahead.into()));
            let _ = moved.poll(&mut Context::from_waker(Waker::noop()));
        }
        word()
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        // Waiting for a runtime to end is not allowed within another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.now.get())
    }
}
