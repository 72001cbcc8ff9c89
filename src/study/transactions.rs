//! Transactions: what a recorder counts of them, the figures of one replication, and their part of
//! the record of a run.
//!
//! A transaction counts when its step was reached after the warm-up, with all that happens to it.

use crate::combine::{Combined, Range};
use crate::figures::{LatencyFigures, millis, per};
use crate::metrics::{Better, Unit};
use crate::record::{InDoubtRecord, LockRecord, TransactionRecord};
use clock::{Duration, Instant};
use cluster::{TransactionFact, TransactionStep};
use model::LatencyQuantile;
use stats::Histogram;
use std::collections::BTreeMap;

/// What was heard of the transactions of one step.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct TransactionFacts {
    counts: Counts,
    /// Votes for it whose outcome was not learned.
    in_doubt: u64,
    /// Of committed ones, until the step knew.
    latency: Histogram,
    doubt: Histogram,
    locked: Histogram,
}

/// How often things happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Counts {
    started: u64,
    committed: u64,
    aborted: u64,
    lost: u64,
    messages: u64,
    forced_writes: u64,
    compensations: u64,
    anomalies: u64,
}

impl TransactionFacts {
    /// Something happened to a transaction that counts.
    pub(crate) fn hear(&mut self, now: Instant, started: Instant, fact: TransactionFact) {
        let record = |histogram: &mut Histogram, time: Duration| histogram.record(time.as_nanos());
        let counts = &mut self.counts;
        match fact {
            TransactionFact::Started => counts.started += 1,
            TransactionFact::Ended { committed: true } => {
                counts.committed += 1;
                record(&mut self.latency, now.since(started));
            }
            TransactionFact::Ended { committed: false } => counts.aborted += 1,
            TransactionFact::Lost => counts.lost += 1,
            TransactionFact::Prepared => self.in_doubt += 1,
            TransactionFact::InDoubt(time) => {
                self.in_doubt = self.in_doubt.saturating_sub(1);
                record(&mut self.doubt, time);
            }
            TransactionFact::Locked(time) => record(&mut self.locked, time),
            TransactionFact::Message => counts.messages += 1,
            TransactionFact::Forced => counts.forced_writes += 1,
            TransactionFact::Compensated => counts.compensations += 1,
            TransactionFact::Anomaly => counts.anomalies += 1,
        }
    }

    /// The figures of the replication.
    pub(crate) fn figures(&self) -> TransactionFigures {
        let doubt = LatencyFigures::of(&self.doubt);
        let lock = self.locked.mean().zip(self.locked.quantile(0.99));
        TransactionFigures {
            counts: self.counts,
            in_doubt: self.in_doubt,
            latency: LatencyFigures::of(&self.latency),
            doubt: doubt.map(|doubt| [doubt.mean, doubt.quantiles[P99], doubt.max]),
            lock: lock.map(|(mean, p99)| [mean / 1e6, millis(p99)]),
        }
    }
}

/// Where the 99 % quantile stands.
const P99: usize = LatencyQuantile::P99 as usize;

/// The transactions of one step in one replication. Times are milliseconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct TransactionFigures {
    counts: Counts,
    in_doubt: u64,
    latency: Option<LatencyFigures>,
    /// Mean, 99 %, and the longest.
    doubt: Option<[f64; 3]>,
    /// Mean and 99 %.
    lock: Option<[f64; 2]>,
}

impl TransactionFigures {
    fn commit_rate(&self) -> Option<f64> {
        let Counts {
            committed, aborted, ..
        } = self.counts;
        per(committed as f64, (committed + aborted) as f64)
    }
}

/// A figure of the transactions of one step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TransactionMetric {
    CommitRate,
    Committed,
    Aborted,
    InDoubt,
    DoubtMean,
    DoubtP99,
    DoubtMax,
    LockMean,
    LockP99,
    LatencyMean,
    Latency(usize),
    LatencyMax,
    Messages,
    ForcedWrites,
    Compensations,
    Anomalies,
}

impl TransactionMetric {
    /// All, with the last part of their names.
    pub(crate) fn all() -> Vec<(String, Unit, Better, Self)> {
        use Better::{Less, More};
        use TransactionMetric as M;
        use Unit::{Count, Milliseconds, Ratio};
        let mut all = vec![
            ("commit_rate".to_owned(), Ratio, More, M::CommitRate),
            ("committed".to_owned(), Count, More, M::Committed),
            ("aborted".to_owned(), Count, Less, M::Aborted),
            ("in_doubt".to_owned(), Count, Less, M::InDoubt),
            ("in_doubt.mean".to_owned(), Milliseconds, Less, M::DoubtMean),
            ("in_doubt.p99".to_owned(), Milliseconds, Less, M::DoubtP99),
            ("in_doubt.max".to_owned(), Milliseconds, Less, M::DoubtMax),
            ("lock.mean".to_owned(), Milliseconds, Less, M::LockMean),
            ("lock.p99".to_owned(), Milliseconds, Less, M::LockP99),
            (
                "latency.mean".to_owned(),
                Milliseconds,
                Less,
                M::LatencyMean,
            ),
        ];
        for (i, quantile) in LatencyQuantile::ALL.into_iter().enumerate() {
            let name = format!("latency.{}", quantile.name());
            all.push((name, Milliseconds, Less, M::Latency(i)));
        }
        all.extend([
            ("latency.max".to_owned(), Milliseconds, Less, M::LatencyMax),
            ("messages".to_owned(), Count, Less, M::Messages),
            ("forced_writes".to_owned(), Count, Less, M::ForcedWrites),
            ("compensations".to_owned(), Count, Less, M::Compensations),
            ("anomalies".to_owned(), Count, Less, M::Anomalies),
        ]);
        all
    }

    /// The value in one replication; `None` where nothing was measured.
    pub(crate) fn value(self, figures: &TransactionFigures) -> Option<f64> {
        let counts = &figures.counts;
        let count = |n: u64| Some(n as f64);
        match self {
            Self::CommitRate => figures.commit_rate(),
            Self::Committed => count(counts.committed),
            Self::Aborted => count(counts.aborted),
            Self::InDoubt => count(figures.in_doubt),
            Self::DoubtMean => figures.doubt.map(|doubt| doubt[0]),
            Self::DoubtP99 => figures.doubt.map(|doubt| doubt[1]),
            Self::DoubtMax => figures.doubt.map(|doubt| doubt[2]),
            Self::LockMean => figures.lock.map(|lock| lock[0]),
            Self::LockP99 => figures.lock.map(|lock| lock[1]),
            Self::LatencyMean => figures.latency.map(|latency| latency.mean),
            Self::Latency(i) => figures.latency.map(|latency| latency.quantiles[i]),
            Self::LatencyMax => figures.latency.map(|latency| latency.max),
            Self::Messages => count(counts.messages),
            Self::ForcedWrites => count(counts.forced_writes),
            Self::Compensations => count(counts.compensations),
            Self::Anomalies => count(counts.anomalies),
        }
    }
}

impl Combined<'_> {
    pub(crate) fn transactions(&self) -> BTreeMap<String, TransactionRecord> {
        let steps = self.transactions.iter().enumerate();
        steps
            .map(|(number, step)| (step.name.clone(), self.transaction(number, step)))
            .collect()
    }

    fn transaction(&self, number: usize, step: &TransactionStep) -> TransactionRecord {
        use TransactionMetric as M;
        let sum = |count: fn(&TransactionFigures) -> u64| -> u64 {
            let replications = self.replications.iter();
            replications.map(|r| count(&r.transactions[number])).sum()
        };
        let estimate = |range: Range, metric: TransactionMetric| {
            self.estimate(range, |r| metric.value(&r.transactions[number]))
        };
        let time = |metric| estimate(Range::NotNegative, metric);
        let started = sum(|t| t.counts.started);
        let [committed, aborted, lost] = [
            sum(|t| t.counts.committed),
            sum(|t| t.counts.aborted),
            sum(|t| t.counts.lost),
        ];
        // Only who does work for good before the outcome is known undoes it, or lets it be seen.
        let undoes = step.protocol != "two_phase_commit";
        TransactionRecord {
            protocol: step.protocol.into(),
            started,
            committed,
            aborted,
            lost,
            in_flight: started.saturating_sub(committed + aborted + lost),
            commit_rate: estimate(Range::Ratio, M::CommitRate),
            latency_ms: self.latency_record(|r| r.transactions[number].latency),
            in_doubt: sum(|t| t.in_doubt),
            in_doubt_ms: InDoubtRecord {
                mean: time(M::DoubtMean),
                p99: time(M::DoubtP99),
                max: time(M::DoubtMax),
            },
            lock_ms: LockRecord {
                mean: time(M::LockMean),
                p99: time(M::LockP99),
            },
            messages: sum(|t| t.counts.messages),
            forced_writes: sum(|t| t.counts.forced_writes),
            compensations: undoes.then(|| sum(|t| t.counts.compensations)),
            anomalies: undoes.then(|| sum(|t| t.counts.anomalies)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(facts: &[(u64, u64, TransactionFact)]) -> TransactionFigures {
        let mut all = TransactionFacts::default();
        let at = |ms: u64| Instant::ZERO + Duration::from_millis(ms);
        for &(now, started, fact) in facts {
            all.hear(at(now), at(started), fact);
        }
        all.figures()
    }

    #[test]
    fn figures_by_hand() {
        use TransactionFact::*;
        let ms = Duration::from_millis;
        let figures = heard(&[
            (1, 1, Started),
            (1, 1, Message),
            (2, 2, Started),
            (5, 1, Prepared),
            (5, 2, Prepared),
            (8, 1, Ended { committed: true }),
            (9, 1, InDoubt(ms(4))),
            (9, 1, Locked(ms(7))),
            (9, 1, Locked(ms(3))),
            (10, 2, Ended { committed: false }),
            (11, 11, Started),
            (12, 11, Lost),
        ]);
        let value = |metric: TransactionMetric| metric.value(&figures);
        assert_eq!(value(TransactionMetric::CommitRate), Some(0.5));
        assert_eq!(value(TransactionMetric::LatencyMean), Some(7.0));
        assert_eq!(value(TransactionMetric::DoubtMean), Some(4.0));
        assert_eq!(value(TransactionMetric::LockMean), Some(5.0));
        // One who voted has not heard.
        assert_eq!(value(TransactionMetric::InDoubt), Some(1.0));
        assert_eq!(value(TransactionMetric::Messages), Some(1.0));
        assert_eq!((figures.counts.started, figures.counts.lost), (3, 1));
    }

    #[test]
    fn what_did_not_happen_has_no_figures() {
        let figures = heard(&[(1, 1, TransactionFact::Started)]);
        for (name, unit, _, metric) in TransactionMetric::all() {
            let measured = metric.value(&figures).is_some();
            assert_eq!(measured, unit == Unit::Count, "{name}");
        }
    }
}
