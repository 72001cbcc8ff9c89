//! What bounds the retries over all calls, so that a failing callee is not hit with many times the
//! load that made it fail.
//!
//! Two budgets of the field. The ratio is Finagle's `RetryBudget` (and tower's `TpsBudget`): calls
//! pay in, retries draw out, both are forgotten after a while, and a reserve is always there. The
//! tokens are those of the AWS SDKs: retries draw out, successes pay back.

use crate::config;
use crate::slices::Slices;
use clock::Instant;

/// Bounds retries over many calls. Stand-alone: [`deposit`](Self::deposit) when a call starts,
/// [`withdraw`](Self::withdraw) before each retry, [`success`](Self::success) when a call succeeds.
#[derive(Clone, Debug)]
pub struct RetryBudget(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Ratio {
        /// Paid in by each call, in fractions of [`ONE`] retry.
        deposit: i64,
        /// What may be drawn beyond what was paid in.
        reserve: i64,
        /// Paid in less drawn out, over the last time-to-live.
        balance: Slices<i64>,
    },
    Tokens {
        capacity: f64,
        cost: f64,
        refund: f64,
        tokens: f64,
    },
}

/// One retry in fixed point: the sums stay exact whatever the order, and hold the deposits of half a
/// million million calls.
const ONE: i64 = 1 << 24;

/// The steps in which deposits are forgotten, as many as in Finagle.
const STEPS: u32 = 10;

impl RetryBudget {
    /// A budget in its first state: nothing paid in, or all tokens there.
    pub fn new(config: config::RetryBudget) -> Self {
        Self(match config {
            config::RetryBudget::Ratio {
                ratio,
                min_per_second,
                ttl,
            } => Kind::Ratio {
                // Upwards, so that ten calls at 0.1 are worth one retry; more by 2^-24 at most.
                deposit: (ratio.max(0.0) * ONE as f64).ceil() as i64,
                // Half the range at most: sums can't overflow.
                reserve: ((min_per_second.max(0.0) * ttl.as_secs_f64() * ONE as f64) as i64)
                    .min(i64::MAX / 2),
                balance: Slices::new(ttl, STEPS),
            },
            config::RetryBudget::Tokens {
                capacity,
                cost,
                refund,
            } => Kind::Tokens {
                capacity,
                cost,
                refund,
                tokens: capacity,
            },
        })
    }

    /// A call starts.
    #[inline]
    pub fn deposit(&mut self, now: Instant) {
        if let Kind::Ratio {
            deposit, balance, ..
        } = &mut self.0
        {
            balance.add(now, *deposit);
        }
    }

    /// Draws one retry; false, and nothing drawn, when there is none left.
    pub fn withdraw(&mut self, now: Instant) -> bool {
        match &mut self.0 {
            Kind::Ratio {
                reserve, balance, ..
            } => {
                let enough = balance.sum(now) + *reserve >= ONE;
                if enough {
                    balance.add(now, -ONE);
                }
                enough
            }
            Kind::Tokens { cost, tokens, .. } => {
                let enough = *tokens >= *cost;
                if enough {
                    *tokens -= *cost;
                }
                enough
            }
        }
    }

    /// A call succeeded.
    #[inline]
    pub fn success(&mut self) {
        if let Kind::Tokens {
            capacity,
            refund,
            tokens,
            ..
        } = &mut self.0
        {
            *tokens = (*tokens + *refund).min(*capacity);
        }
    }

    /// What is left: retries of a ratio budget (its reserve included), tokens of a token budget.
    pub fn balance(&mut self, now: Instant) -> f64 {
        match &mut self.0 {
            Kind::Ratio {
                reserve, balance, ..
            } => (balance.sum(now) + *reserve) as f64 / ONE as f64,
            Kind::Tokens { tokens, .. } => *tokens,
        }
    }
}
