//! `aws-smithy-runtime`: the standard retry strategy of the AWS SDKs for Rust.
//!
//! The strategy is asked after each attempt, as the SDK's orchestrator does it, with the outcome as
//! an error of the kind that the SDK would have found. One strategy serves all calls of a layer, as
//! one serves all operations of a client there. Its token bucket is the layer's own, not the
//! process's. The jitter comes from the thread's `fastrand`, which is seeded from the call's
//! randomness before each word.

use crate::settings::{refuse_if, retry};
use aws_smithy_runtime::client::retries::TokenBucket;
use aws_smithy_runtime::client::retries::strategy::StandardRetryStrategy;
use aws_smithy_runtime_api::client::interceptors::context::{
    Error, Input, InterceptorContext, Output,
};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::retries::{RequestAttempts, RetryStrategy, ShouldAttempt};
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use aws_smithy_types::retry::{ErrorKind, RetryConfig, RetrySpec};
use clock::{Duration, Instant};
use policy::config::{Backoff, CustomConfig, Jitter, RetryBudget};
use policy::custom::{Admit, Custom, Record};
use policy::{Outcome, OutcomeSet};
use std::fmt;

/// `retry` with an exponential back-off of factor 2, full jitter or none, and the `aws` budget or
/// none; `throttled_initial` makes it that of the SDKs of 2026.
pub(crate) fn make(config: &CustomConfig) -> Result<Box<dyn Custom>, String> {
    let retry = retry(config)?;
    config.settings.only(&[])?;
    let Backoff::Exponential {
        initial,
        factor,
        max,
    } = retry.backoff
    else {
        return Err("`backoff`: it is exponential".into());
    };
    refuse_if(factor != 2.0, "`factor`: its back-off doubles")?;
    refuse_if(
        !matches!(retry.jitter, Jitter::Full | Jitter::None),
        "`jitter`: it is `full`, or `none`",
    )?;
    let mut settings = RetryConfig::standard()
        .with_max_attempts(retry.attempts.max(1))
        .with_initial_backoff(retry.throttled_initial.unwrap_or(initial).into())
        .with_max_backoff(max.into())
        .with_use_static_exponential_base(retry.jitter == Jitter::None);
    if retry.throttled_initial.is_some() {
        let spec = RetrySpec::v2_1().with_non_throttling_initial_backoff(initial.into());
        settings = settings.with_retry_spec(spec);
    }
    Ok(Box::new(Retry::new(
        settings,
        Quota::read(retry.budget)?,
        retry.retry_on,
    )?))
}

/// What retries cost, in whole tokens.
#[derive(Clone, Copy, Debug)]
struct Quota {
    capacity: u32,
    cost: u32,
    timeout_cost: u32,
    throttled_cost: u32,
}

impl Quota {
    fn read(budget: Option<RetryBudget>) -> Result<Option<Self>, String> {
        let whole = |name: &str, tokens: f64| {
            let whole = tokens as u32;
            refuse_if(
                f64::from(whole) != tokens || whole > MOST_TOKENS,
                &format!("`{name}` is a whole number of tokens, at most {MOST_TOKENS}"),
            )?;
            Ok::<_, String>(whole)
        };
        match budget {
            None => Ok(None),
            Some(RetryBudget::Aws {
                capacity,
                cost,
                timeout_cost,
                throttled_cost,
            }) => Ok(Some(Self {
                capacity: whole("capacity", capacity)?,
                cost: whole("cost", cost)?,
                timeout_cost: whole("timeout_cost", timeout_cost)?,
                throttled_cost: whole("throttled_cost", throttled_cost)?,
            })),
            Some(_) => Err("`budget`: it knows the quota of the AWS SDKs only, `aws`".into()),
        }
    }

    fn bucket(quota: Option<Self>) -> TokenBucket {
        match quota {
            None => TokenBucket::unlimited(),
            Some(quota) => TokenBucket::builder()
                .capacity(quota.capacity as usize)
                .retry_cost(quota.cost)
                .timeout_retry_cost(quota.timeout_cost)
                .throttling_retry_cost(quota.throttled_cost)
                .build(),
        }
    }
}

/// The crate's own bound on a bucket.
const MOST_TOKENS: u32 = 500_000_000;

struct Retry {
    strategy: StandardRetryStrategy,
    components: RuntimeComponents,
    cfg: ConfigBag,
    settings: RetryConfig,
    quota: Option<Quota>,
    retry_on: OutcomeSet,
}

impl Retry {
    fn new(
        settings: RetryConfig,
        quota: Option<Quota>,
        retry_on: OutcomeSet,
    ) -> Result<Self, String> {
        // The components of a client that is never called: the strategy asks for the classifier.
        let components = RuntimeComponentsBuilder::for_tests()
            .with_retry_classifier(Classifier(retry_on))
            .build()
            .map_err(|error| format!("its parts cannot be made: {error}"))?;
        let mut layer = Layer::new("stormglass");
        layer.store_put(settings.clone());
        layer.store_put(Quota::bucket(quota));
        let mut cfg = ConfigBag::base();
        cfg.push_layer(layer);
        Ok(Self {
            strategy: StandardRetryStrategy::new(),
            components,
            cfg,
            settings,
            quota,
            retry_on,
        })
    }
}

impl Custom for Retry {
    fn admit(&mut self, _: Instant, _: &mut u64, _: &mut dyn FnMut() -> u64) -> Admit {
        Admit::Pass
    }

    /// The call's word counts its retries.
    fn record(
        &mut self,
        _: Instant,
        call: &mut u64,
        outcome: Outcome,
        random: &mut dyn FnMut() -> u64,
    ) -> Record {
        let mut ctx = InterceptorContext::new(Input::doesnt_matter());
        ctx.set_output_or_error(match outcome.is_success() {
            true => Ok(Output::doesnt_matter()),
            false => Err(OrchestratorError::operation(Error::erase(Failed(outcome)))),
        });
        let attempts = *call as u32 + 1;
        (self.cfg.interceptor_state()).store_put(RequestAttempts::new(attempts));
        if !outcome.is_success() {
            fastrand::seed(random());
        }
        let asked = (self.strategy).should_attempt_retry(&ctx, &self.components, &self.cfg);
        let delay = match asked {
            Ok(ShouldAttempt::YesAfterDelay(delay)) => delay.into(),
            Ok(ShouldAttempt::Yes) => Duration::ZERO,
            Ok(ShouldAttempt::No) | Err(_) => return Record::End(outcome),
        };
        *call += 1;
        Record::Again(delay)
    }

    /// In its first state: the crate's bucket cannot be copied.
    fn boxed_clone(&self) -> Box<dyn Custom> {
        let copy = Self::new(self.settings.clone(), self.quota, self.retry_on);
        Box::new(copy.expect("there were parts before"))
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("settings", &self.settings)
            .field("quota", &self.quota)
            .finish_non_exhaustive()
    }
}

/// The error of an attempt.
#[derive(Clone, Copy, Debug)]
struct Failed(Outcome);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {}

/// Says what the SDK's classifiers would: a timeout is transient, a refusal is throttling, any
/// other failure the server's.
#[derive(Debug)]
struct Classifier(OutcomeSet);

impl ClassifyRetry for Classifier {
    fn classify_retry(&self, ctx: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = ctx.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let failed = error
            .as_operation_error()
            .and_then(|error| error.downcast_ref::<Failed>());
        match failed {
            Some(Failed(outcome)) if self.0.contains(*outcome) => {
                RetryAction::retryable_error(match outcome {
                    Outcome::Timeout => ErrorKind::TransientError,
                    Outcome::Rejected => ErrorKind::ThrottlingError,
                    _ => ErrorKind::ServerError,
                })
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "outcome"
    }
}
