//! Reads at copies of stores: how many saw less than had been written, and how old that was.

use crate::combine::Combined;
use crate::figures::millis;
use crate::metrics::{Better, Unit};
use crate::record::{Staleness, StoreRecord};
use clock::Duration;
use stats::Histogram;
use std::collections::BTreeMap;

/// Counts the reads of one store's copies after warm-up.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct StoreFacts {
    reads: u64,
    stale: u64,
    behind: Histogram,
}

impl StoreFacts {
    /// One more read, and by how much it was behind.
    pub(crate) fn hear(&mut self, behind: Option<Duration>) {
        self.reads += 1;
        if let Some(behind) = behind {
            self.stale += 1;
            self.behind.record(behind.as_nanos());
        }
    }
}

/// A figure of a store's copies.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum StoreMetric {
    StaleRatio,
    Mean,
    P99,
}

impl StoreMetric {
    /// With names behind `stores.STORE.`.
    pub(crate) const fn all() -> [(&'static str, Unit, Better, Self); 3] {
        use Better::Less;
        [
            ("stale_ratio", Unit::Ratio, Less, Self::StaleRatio),
            ("staleness.mean", Unit::Milliseconds, Less, Self::Mean),
            ("staleness.p99", Unit::Milliseconds, Less, Self::P99),
        ]
    }

    pub(crate) fn value(self, facts: &StoreFacts) -> Option<f64> {
        match self {
            Self::StaleRatio => (facts.reads > 0).then(|| facts.stale as f64 / facts.reads as f64),
            Self::Mean => facts.behind.mean().map(|ns| ns / 1e6),
            Self::P99 => facts.behind.quantile(0.99).map(millis),
        }
    }
}

impl Combined<'_> {
    /// Of stores that have copies: sums over replications.
    pub(crate) fn stores(&self) -> BTreeMap<String, StoreRecord> {
        let stores = self.model.stores.iter().enumerate();
        let copied = stores.filter(|(_, store)| store.replicas > 0);
        let records = copied.map(|(s, store)| {
            let mut all = StoreFacts::default();
            for replication in self.replications {
                let one = &replication.stores[s];
                all.reads += one.reads;
                all.stale += one.stale;
                all.behind.merge(&one.behind);
            }
            let record = StoreRecord {
                reads: all.reads,
                stale_reads: all.stale,
                staleness_ms: Staleness {
                    mean: all.behind.mean().map(|ns| ns / 1e6),
                    p99: all.behind.quantile(0.99).map(millis),
                    max: all.behind.max().map(millis),
                },
            };
            (store.name.clone(), record)
        });
        records.collect()
    }
}
