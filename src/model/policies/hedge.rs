//! Hedging: further copies of a call while the first is still out.

use super::budget::{BudgetShape, resolve_budget};
use super::{Failure, outcomes};
use crate::quantity::{Count, OpenRatio};
use crate::reader::{List, OrNone, Reader, Value};
use crate::schema::Defs;
use crate::shape::{choice, record};
use crate::tree::{Kind, Node};
use clock::Duration;
use policy::config::{AllFailed, HedgeConfig, HedgeDelay, default_retry_on};
use serde_json::{Value as Json, json};

record! {
    /// Sends further copies while the first is still out; the first success is the answer.
    HedgeShape {
        /// Whose hedging it is; other keys override what it says.
        optional preset: HedgePreset,
        /// Copies in all, the first included.
        usual attempts: Count<1, 16> = "2",
        /// When the next copy is sent though none has failed: a duration after the last one was,
        /// `{quantile, initial}` of the times that calls took lately, or `on_failure`.
        optional delay: DelayShape,
        /// The kinds of failure that send the next copy at once; any other is the answer. All but
        /// `rejected` when absent.
        optional hedge_on: List<Failure>,
        /// Whose failure is the answer when all copies have failed.
        usual all_failed: AllFailedWord = "last",
        /// Whether a server's word on when to come back moves the next copy, or forbids it.
        usual heed_pushback: bool = "true",
        /// What bounds the further copies over all calls.
        usual budget: OrNone<BudgetShape> = "none",
    }
    some_of { "preset", "delay" }
}

choice! {
    /// Whose hedging.
    "a preset": HedgePreset {
        /// gRPC's hedging policy: five copies, all at once; every failure is the answer.
        "grpc" => Grpc,
        /// Polly's of version 8, with its defaults: a second copy after 2 s, or after any failure.
        "polly" => Polly,
    }
}

choice! {
    /// Whose failure is the answer when all copies have failed.
    "whose failure": AllFailedWord {
        /// Of the copy that failed last (gRPC).
        "last" => Last,
        /// Of the copy that was sent first (Polly).
        "first" => First,
    }
}

/// When the next copy is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DelayShape(HedgeDelay);

choice! {
    /// When the next copy is sent though there is no time for it.
    "a delay": DelayWord {
        /// Only a failure sends it.
        "on_failure" => OnFailure,
    }
}

record! {
    /// The time that this share of the calls took lately.
    QuantileDelay {
        /// The share, such as 95%.
        required quantile: OpenRatio,
        /// Until there are calls to look back on.
        required initial: Duration,
    }
}

impl Value for DelayShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => QuantileDelay::read(node, cx).map(|delay| {
                Self(HedgeDelay::Quantile {
                    quantile: delay.quantile.0,
                    initial: *delay.initial,
                })
            }),
            Kind::Scalar(scalar) if scalar.text.starts_with(char::is_alphabetic) => {
                DelayWord::read(node, cx).map(|DelayWord::OnFailure| Self(HedgeDelay::OnFailure))
            }
            _ => Duration::read(node, cx).map(|after| Self(HedgeDelay::After(after))),
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [Duration::schema(defs), QuantileDelay::schema(defs), DelayWord::schema(defs)]})
    }
}

/// What the hedge of a policy is given.
pub(super) fn resolve_hedge(shape: &HedgeShape, cx: &mut Reader<'_>) -> Option<HedgeConfig> {
    let mut config = match shape.preset.as_ref().map(|preset| &preset.value) {
        None => HedgeConfig {
            attempts: 2,
            delay: shape.delay?.0,
            hedge_on: default_retry_on(),
            ..HedgeConfig::default()
        },
        Some(HedgePreset::Grpc) => HedgeConfig::grpc(),
        Some(HedgePreset::Polly) => HedgeConfig::polly(),
    };
    if let Some(attempts) = shape.attempts {
        config.attempts = attempts.0;
    }
    if let Some(delay) = shape.delay {
        config.delay = delay.0;
    }
    if let Some(kinds) = &shape.hedge_on {
        config.hedge_on = outcomes(&kinds.value);
    }
    if let Some(whose) = &shape.all_failed {
        config.all_failed = match whose.value {
            AllFailedWord::Last => AllFailed::Last,
            AllFailedWord::First => AllFailed::First,
        };
    }
    if let Some(heed) = shape.heed_pushback {
        config.heed_pushback = *heed;
    }
    if let Some(budget) = &shape.budget {
        config.budget = budget.0.as_ref().and_then(|b| resolve_budget(b, cx));
    }
    Some(config)
}
