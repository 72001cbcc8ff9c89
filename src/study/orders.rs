//! What became of orders: counts of one replication, and their record.

use crate::combine::Combined;
use crate::metrics::{Better, Unit};
use crate::record::OrdersRecord;
use cluster::OrderState;

/// How many orders of a replication are in each state, in the order of [`OrderState::ALL`].
pub(crate) type States = [u64; OrderState::ALL.len()];

/// A figure of a replication's orders.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum OrderMetric {
    /// All of them.
    Placed,
    /// Those in a state.
    State(usize),
    /// The share that is confirmed.
    ConfirmedRatio,
}

impl OrderMetric {
    /// With names behind `orders.`.
    pub(crate) fn all() -> impl Iterator<Item = (&'static str, Unit, Better, Self)> {
        let states = OrderState::ALL.into_iter().enumerate().map(|(s, state)| {
            let better = match state {
                OrderState::Confirmed => Better::More,
                OrderState::Open | OrderState::Refused | OrderState::Compensated => Better::Neither,
                _ => Better::Less,
            };
            (state.name(), Unit::Count, better, Self::State(s))
        });
        [
            ("placed", Unit::Count, Better::Neither, Self::Placed),
            (
                "confirmed_ratio",
                Unit::Ratio,
                Better::More,
                Self::ConfirmedRatio,
            ),
        ]
        .into_iter()
        .chain(states)
    }

    pub(crate) fn value(self, states: &States) -> Option<f64> {
        let placed = states.iter().sum::<u64>() as f64;
        match self {
            Self::Placed => Some(placed),
            Self::State(state) => Some(states[state] as f64),
            Self::ConfirmedRatio => {
                (placed > 0.0).then(|| states[OrderState::Confirmed as usize] as f64 / placed)
            }
        }
    }
}

impl Combined<'_> {
    /// Sums over replications; `None` where nobody follows orders.
    pub(crate) fn orders(&self) -> Option<OrdersRecord> {
        let workload = self.model.orders.as_ref()?.workload;
        let mut sums = [0; OrderState::ALL.len()];
        for replication in self.replications {
            let states = replication.orders.iter().flatten();
            for (sum, n) in sums.iter_mut().zip(states) {
                *sum += n;
            }
        }
        let of = |state: OrderState| sums[state as usize];
        Some(OrdersRecord {
            workload: self.model.workloads[workload].name.clone(),
            placed: sums.iter().sum(),
            confirmed: of(OrderState::Confirmed),
            unacknowledged: of(OrderState::Unacknowledged),
            duplicated: of(OrderState::Duplicated),
            corrupt: of(OrderState::Corrupt),
            lost: of(OrderState::Lost),
            stuck: of(OrderState::Stuck),
            compensated: of(OrderState::Compensated),
            refused: of(OrderState::Refused),
            open: of(OrderState::Open),
        })
    }
}
