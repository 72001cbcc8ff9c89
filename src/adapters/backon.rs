//! `backon`: its back-offs, between the attempts of a call.
//!
//! backon is a family of iterators over delays. Each call has an iterator of its own: how many
//! delays it has given and the seed of its jitter fit into the call's 64 bits, and the iterator is
//! made anew from them when the next delay is asked for.

use crate::settings::{flag, refuse_if, retry};
use backon::{BackoffBuilder, ConstantBuilder, ExponentialBuilder, FibonacciBuilder};
use clock::{Duration, Instant};
use policy::config::{Backoff, CustomConfig, Jitter};
use policy::custom::{Admit, Custom, Record};
use policy::{Outcome, OutcomeSet};

/// `retry` with a constant or an exponential back-off; `with: {jitter: true}` for backon's jitter,
/// `with: {fibonacci: true}` for its Fibonacci back-off from `initial` to `max`.
pub(crate) fn make(config: &CustomConfig) -> Result<Box<dyn Custom>, String> {
    let retry = retry(config)?;
    config.settings.only(&["jitter", "fibonacci"])?;
    refuse_if(
        retry.budget.is_some(),
        "`budget`: it counts the attempts of one call only",
    )?;
    refuse_if(
        retry.throttled_initial.is_some(),
        "`throttled_initial`: its delays do not depend on the failure",
    )?;
    refuse_if(
        retry.jitter != Jitter::None,
        "`jitter`: it knows one jitter only, which adds up to the delay itself: \
         say `with: {jitter: true}`",
    )?;
    let fibonacci = flag(&config.settings, "fibonacci")?;
    let delays = match retry.backoff {
        Backoff::Constant(delay) if !fibonacci => Delays::Constant(delay),
        Backoff::Exponential {
            initial,
            factor,
            max,
        } if fibonacci => {
            refuse_if(factor != 2.0, "`factor`: a Fibonacci back-off has none")?;
            Delays::Fibonacci(initial, max)
        }
        Backoff::Exponential {
            initial,
            factor,
            max,
        } => Delays::Exponential(initial, factor as f32, max),
        Backoff::Constant(_) => {
            return Err("`fibonacci` takes `initial` and `max` from `backoff.exponential`".into());
        }
        Backoff::Linear { .. } => {
            return Err("`backoff`: it has no linear one".into());
        }
    };
    Ok(Box::new(Retry {
        // As many as there are numbers for attempts.
        retries: retry.attempts.clamp(1, 256) as usize - 1,
        retry_on: retry.retry_on,
        delays,
        jitter: flag(&config.settings, "jitter")?,
    }))
}

#[derive(Clone, Copy, Debug)]
enum Delays {
    Constant(Duration),
    Exponential(Duration, f32, Duration),
    Fibonacci(Duration, Duration),
}

#[derive(Clone, Debug)]
struct Retry {
    retries: usize,
    retry_on: OutcomeSet,
    delays: Delays,
    jitter: bool,
}

/// The low bits of a call's word count its retries, the others are the seed of its jitter.
const COUNT: u64 = 0xff;

impl Retry {
    /// The delay before retry `n`, from 0; `None` when there is none.
    fn delay(&self, n: usize, seed: u64) -> Option<Duration> {
        macro_rules! nth {
            ($builder:expr) => {{
                let builder = $builder.with_max_times(self.retries).with_jitter_seed(seed);
                let builder = if self.jitter {
                    builder.with_jitter()
                } else {
                    builder
                };
                builder.build().nth(n)
            }};
        }
        let delay = match self.delays {
            Delays::Constant(delay) => nth!(ConstantBuilder::new().with_delay(delay.into())),
            Delays::Exponential(initial, factor, max) => nth!(
                ExponentialBuilder::new()
                    .with_min_delay(initial.into())
                    .with_factor(factor)
                    .with_max_delay(max.into())
            ),
            Delays::Fibonacci(initial, max) => nth!(
                FibonacciBuilder::new()
                    .with_min_delay(initial.into())
                    .with_max_delay(max.into())
            ),
        };
        delay.map(Duration::from)
    }
}

impl Custom for Retry {
    fn admit(&mut self, _: Instant, call: &mut u64, random: &mut dyn FnMut() -> u64) -> Admit {
        *call = if self.jitter { random() & !COUNT } else { 0 };
        Admit::Pass
    }

    fn record(
        &mut self,
        _: Instant,
        call: &mut u64,
        outcome: Outcome,
        _: &mut dyn FnMut() -> u64,
    ) -> Record {
        if outcome.is_success() || !self.retry_on.contains(outcome) {
            return Record::End(outcome);
        }
        match self.delay((*call & COUNT) as usize, *call & !COUNT) {
            None => Record::End(outcome),
            Some(delay) => {
                *call += 1;
                Record::Again(delay)
            }
        }
    }

    fn boxed_clone(&self) -> Box<dyn Custom> {
        Box::new(self.clone())
    }
}
