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
            config::RetryBudget::Grpc { .. }
            | config::RetryBudget::Aws { .. }
            | config::RetryBudget::Envoy { .. } => unreachable!("wired with its policy"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use clock::Duration;
    use proptest::prelude::*;

    fn ratio(ratio: f64, min_per_second: f64) -> RetryBudget {
        let ttl = Duration::from_secs(10);
        RetryBudget::new(config::RetryBudget::Ratio {
            ratio,
            min_per_second,
            ttl,
        })
    }

    fn at(s: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(s)
    }

    #[test]
    fn five_calls_pay_for_one_retry_at_a_fifth() {
        let mut budget = ratio(0.2, 0.0);
        assert!(!budget.withdraw(at(0)));
        for _ in 0..5 {
            assert!(!budget.withdraw(at(0)));
            budget.deposit(at(0));
        }
        assert!(budget.withdraw(at(0)));
        assert!(!budget.withdraw(at(0)));
    }

    #[test]
    fn deposits_expire() {
        let mut budget = ratio(1.0, 0.0);
        budget.deposit(at(0));
        assert_eq!(budget.balance(at(9)), 1.0);
        assert_eq!(budget.balance(at(10)), 0.0);
        assert!(!budget.withdraw(at(10)));
    }

    #[test]
    fn the_reserve_is_there_without_calls_and_comes_back() {
        let mut budget = ratio(0.0, 0.5);
        assert_eq!((0..9).filter(|_| budget.withdraw(at(0))).count(), 5);
        assert!(!budget.withdraw(at(9)));
        assert_eq!((0..9).filter(|_| budget.withdraw(at(10))).count(), 5);
    }

    #[test]
    fn tokens_start_full_and_successes_pay_back_up_to_the_capacity() {
        let mut budget = RetryBudget::new(config::RetryBudget::Tokens {
            capacity: 12.0,
            cost: 5.0,
            refund: 1.0,
        });
        budget.success();
        assert_eq!(budget.balance(at(0)), 12.0);
        assert!(budget.withdraw(at(0)) && budget.withdraw(at(0)));
        assert!(!budget.withdraw(at(0)));
        assert_eq!(budget.balance(at(0)), 2.0);
        (0..3).for_each(|_| budget.success());
        assert!(budget.withdraw(at(0)));
        assert_eq!(budget.balance(at(0)), 0.0);
    }

    proptest! {
        /// However calls and failures are spread: at most one ratio of a retry for each call, and
        /// one reserve for each time-to-live that began.
        #[test]
        fn amplification_is_bounded(
            share in 0.0..1.0f64,
            min_per_second in 0.0..2.0f64,
            bursts in prop::collection::vec((0u64..4_000, 0u32..20, 0u32..20), 1..80),
        ) {
            let mut budget = ratio(share, min_per_second);
            let (mut now, mut calls, mut retries) = (Instant::ZERO, 0, 0);
            for (pause, more, wanted) in bursts {
                now += Duration::from_millis(pause);
                for _ in 0..more {
                    budget.deposit(now);
                }
                calls += more;
                retries += (0..wanted).filter(|_| budget.withdraw(now)).count();
            }
            let lifetimes = (now.as_nanos() / 10_000_000_000 + 1) as f64;
            let most = share * f64::from(calls) + lifetimes * min_per_second * 10.0;
            prop_assert!(retries as f64 <= most + 1e-3, "{retries} of {most}");
        }
    }
}
