//! What bounds retries and hedges over all calls.

use crate::quantity::{Count, Number, PositiveDuration, PositiveNumber, Rate, Ratio};
use crate::reader::{Reader, Value};
use crate::schema::Defs;
use crate::shape::record;
use crate::tree::{Kind, Node};
use clock::Duration;
use policy::config::RetryBudget;
use serde_json::{Value as Json, json};

/// How long a deposit of a retry budget is good (Finagle).
const DEPOSIT_TTL: Duration = Duration::from_secs(10);

/// How many retries a second need no deposit (Finagle).
const FREE_RETRIES: f64 = 10.0;

record! {
    /// What bounds the retries over all calls: one of `ratio`, `tokens`, `grpc`, `aws`, `envoy` and
    /// `failure_rate`.
    BudgetShape {
        /// Retries for each call (0.2: one retry for five calls), as Finagle keeps it.
        optional ratio: Ratio,
        /// Retries a second that are free, as a number or a rate (Finagle: 10).
        usual min_per_second: FreeRetries = "10",
        /// How long a deposit is good.
        usual ttl: PositiveDuration = "10s",
        /// A bucket of tokens: a retry takes some, a success gives some back.
        optional tokens: TokensShape,
        /// gRPC's throttling: a failure takes a token, and only above half of them are retries made.
        optional grpc: GrpcShape,
        /// The quota of the AWS SDKs' standard mode.
        optional aws: AwsShape,
        /// Envoy's: a share of the calls in flight.
        optional envoy: EnvoyShape,
        /// No retries while failed attempts are more than this share of the calls.
        optional failure_rate: Ratio,
        /// The time over which the failure rate is taken; since the beginning when absent.
        optional window: PositiveDuration,
    }
    one_of { "ratio", "tokens", "grpc", "aws", "envoy", "failure_rate" }
    needs { "min_per_second" => "ratio", "ttl" => "ratio", "window" => "failure_rate" }
}

record! {
    /// A bucket of tokens that retries empty and successes fill.
    TokensShape {
        /// The most that the bucket holds; it starts full.
        default capacity: PositiveNumber = "500",
        /// What a retry takes.
        default cost: PositiveNumber = "5",
        /// What a success gives back.
        default refund: Number = "1",
        /// What every call pays in when it starts.
        default deposit: Number = "0",
    }
}

record! {
    /// gRPC's `retryThrottling`.
    GrpcShape {
        /// The most tokens, at most 1000; it starts full.
        required max_tokens: PositiveNumber,
        /// What a success gives back; a failure takes 1.
        required token_ratio: PositiveNumber,
    }
}

record! {
    /// A quota from which a retry takes what its failure costs, and into which a success puts what
    /// its last retry took, or 1.
    AwsShape {
        /// The most; it starts full.
        default capacity: PositiveNumber = "500",
        /// What a retry takes.
        default cost: Number = "5",
        /// What a retry after a timeout takes.
        default timeout_cost: Number = "10",
        /// What a retry after a callee's `rejected` takes.
        default throttled_cost: Number = "5",
    }
}

record! {
    /// Retries in flight stay below a share of the calls in flight.
    EnvoyShape {
        /// The share.
        default share: Ratio = "20%",
        /// As many are always allowed.
        default min_concurrency: Count<0, 1_000_000> = "3",
    }
}

/// Retries a second: a plain number or a rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FreeRetries(f64);

impl Value for FreeRetries {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.text.contains('/') => {
                Rate::read(node, cx).map(|rate| Self(rate.0))
            }
            _ => <Number>::read(node, cx).map(|number| Self(number.0)),
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [<Number>::schema(defs), Rate::schema(defs)]})
    }
}

/// The budget that was written.
pub(super) fn resolve_budget(budget: &BudgetShape, cx: &mut Reader<'_>) -> Option<RetryBudget> {
    if let Some(tokens) = &budget.tokens {
        return Some(RetryBudget::Tokens {
            capacity: tokens.capacity.0,
            cost: tokens.cost.0,
            refund: tokens.refund.0,
            deposit: tokens.deposit.0,
        });
    }
    if let Some(grpc) = &budget.grpc {
        if grpc.max_tokens.0 > 1000.0 {
            cx.problem(grpc.max_tokens.span, "gRPC allows at most 1000 tokens");
        }
        return Some(RetryBudget::Grpc {
            max_tokens: grpc.max_tokens.0,
            token_ratio: grpc.token_ratio.0,
        });
    }
    if let Some(aws) = &budget.aws {
        return Some(RetryBudget::Aws {
            capacity: aws.capacity.0,
            cost: aws.cost.0,
            timeout_cost: aws.timeout_cost.0,
            throttled_cost: aws.throttled_cost.0,
        });
    }
    if let Some(envoy) = &budget.envoy {
        return Some(RetryBudget::Envoy {
            share: envoy.share.0,
            min_concurrency: envoy.min_concurrency.0,
        });
    }
    if let Some(most) = &budget.failure_rate {
        return Some(RetryBudget::FailureRate {
            most: most.0,
            window: budget.window.map(|window| window.0),
        });
    }
    Some(RetryBudget::Ratio {
        ratio: budget.ratio?.0,
        min_per_second: budget.min_per_second.map_or(FREE_RETRIES, |free| free.0),
        ttl: budget.ttl.map_or(DEPOSIT_TTL, |ttl| ttl.0),
    })
}
