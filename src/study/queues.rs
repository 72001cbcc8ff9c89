//! Message queues: what a recorder counts of them, the figures of one replication, and their part of the
//! record of a run.
//!
//! A message counts when it was published after the warm-up, with all that happens to it. It refuses
//! to know of several groups of consumers: what happens to a message in each of them is counted.

use crate::combine::{Combined, Range};
use crate::figures::{LatencyFigures, per};
use crate::metrics::{Better, Unit};
use crate::record::{Depth, QueueRecord};
use clock::Instant;
use cluster::MessageFact;
use model::{LatencyQuantile, MessageQueue};
use stats::{Gauge, Histogram};
use std::collections::BTreeMap;

/// What was heard of one queue.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct QueueFacts {
    counts: Counts,
    /// Acknowledged messages: since they were published.
    times: Histogram,
    depth: Gauge,
    /// Up to the end of the warm-up.
    depth_before: u128,
    /// Whatever was published when.
    totals: QueueTotals,
    window: QueueTotals,
}

/// How often things happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Counts {
    published: u64,
    refused: u64,
    delivered: u64,
    redelivered: u64,
    acknowledged: u64,
    duplicates: u64,
    recognized: u64,
    dead_lettered: u64,
    dropped: u64,
    replayed: u64,
}

/// What went in and out; running totals, or their difference over a span.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct QueueTotals {
    pub(crate) published: u64,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    /// Messages × nanoseconds.
    pub(crate) depth: u128,
}

impl QueueTotals {
    pub(crate) fn add(&mut self, other: &Self) {
        self.published += other.published;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.depth += other.depth;
    }
}

impl QueueFacts {
    /// Something happened to a message.
    pub(crate) fn hear(
        &mut self,
        now: Instant,
        warmup_end: Instant,
        published: Instant,
        fact: MessageFact,
    ) {
        let totals = &mut self.totals;
        match fact {
            MessageFact::Published => totals.published += 1,
            MessageFact::Acknowledged => totals.acknowledged += 1,
            MessageFact::Refused => totals.refused += 1,
            _ => {}
        }
        if published < warmup_end {
            return;
        }
        let counts = &mut self.counts;
        match fact {
            MessageFact::Published => counts.published += 1,
            MessageFact::Refused => counts.refused += 1,
            MessageFact::Delivered { again } => {
                counts.delivered += 1;
                counts.redelivered += u64::from(again);
            }
            MessageFact::Acknowledged => {
                counts.acknowledged += 1;
                self.times.record(now.since(published).as_nanos());
            }
            MessageFact::Duplicate => counts.duplicates += 1,
            MessageFact::Recognized => counts.recognized += 1,
            MessageFact::DeadLettered => counts.dead_lettered += 1,
            MessageFact::Dropped => counts.dropped += 1,
            MessageFact::Replayed => counts.replayed += 1,
        }
    }

    pub(crate) fn set_depth(&mut self, now: Instant, depth: u64) {
        self.depth.set(now.as_nanos(), depth);
    }

    pub(crate) fn end_warmup(&mut self, at: Instant) {
        self.depth_before = self.depth.integral(at.as_nanos());
        self.depth.restart_max();
    }

    /// What was added since the last window's end.
    pub(crate) fn close_window(&mut self, end: Instant) -> QueueTotals {
        let totals = QueueTotals {
            depth: self.depth.integral(end.as_nanos()),
            ..self.totals
        };
        let before = core::mem::replace(&mut self.window, totals);
        QueueTotals {
            published: totals.published - before.published,
            acknowledged: totals.acknowledged - before.acknowledged,
            refused: totals.refused - before.refused,
            depth: totals.depth - before.depth,
        }
    }

    /// The figures of the replication, of which so much was after the warm-up.
    pub(crate) fn figures(&self, end: Instant, seconds: f64) -> QueueFigures {
        let depth = self.depth.integral(end.as_nanos()) - self.depth_before;
        let measured = seconds > 0.0;
        QueueFigures {
            counts: self.counts,
            time: LatencyFigures::of(&self.times),
            depth_mean: per(depth as f64 / 1e9, seconds),
            depth_max: measured.then(|| self.depth.max() as f64),
            depth_end: measured.then(|| self.depth.level() as f64),
        }
    }
}

/// A queue in one replication. Times are milliseconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct QueueFigures {
    counts: Counts,
    time: Option<LatencyFigures>,
    depth_mean: Option<f64>,
    depth_max: Option<f64>,
    depth_end: Option<f64>,
}

/// A figure of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum QueueMetric {
    Published,
    Refused,
    Delivered,
    Acknowledged,
    Redelivered,
    Duplicates,
    Recognized,
    DeadLettered,
    Dropped,
    Replayed,
    DepthMean,
    DepthMax,
    DepthEnd,
    TimeMean,
    Time(usize),
    TimeMax,
}

impl QueueMetric {
    /// All, with the last part of their names.
    pub(crate) fn all() -> Vec<(String, Unit, Better, Self)> {
        use Better::{Less, Neither};
        use QueueMetric as M;
        use Unit::{Count, Milliseconds};
        let counts = [
            ("published", Neither, M::Published),
            ("refused", Less, M::Refused),
            ("delivered", Neither, M::Delivered),
            ("acknowledged", Neither, M::Acknowledged),
            ("redelivered", Less, M::Redelivered),
            ("duplicates", Less, M::Duplicates),
            ("recognized", Neither, M::Recognized),
            ("dead_lettered", Less, M::DeadLettered),
            ("dropped", Less, M::Dropped),
            ("replayed", Neither, M::Replayed),
            ("depth.mean", Less, M::DepthMean),
            ("depth.max", Less, M::DepthMax),
            ("depth.end", Less, M::DepthEnd),
        ];
        let counts = counts.into_iter();
        let mut all: Vec<_> = counts
            .map(|(name, better, metric)| (name.to_owned(), Count, better, metric))
            .collect();
        let mut time = |name: &str, metric| {
            all.push((format!("time.{name}"), Milliseconds, Less, metric));
        };
        time("mean", M::TimeMean);
        for (i, quantile) in LatencyQuantile::ALL.into_iter().enumerate() {
            time(quantile.name(), M::Time(i));
        }
        time("max", M::TimeMax);
        all
    }

    /// The value in one replication; `None` where nothing was measured.
    pub(crate) fn value(self, figures: &QueueFigures) -> Option<f64> {
        let counts = &figures.counts;
        let count = |n: u64| Some(n as f64);
        match self {
            Self::Published => count(counts.published),
            Self::Refused => count(counts.refused),
            Self::Delivered => count(counts.delivered),
            Self::Acknowledged => count(counts.acknowledged),
            Self::Redelivered => count(counts.redelivered),
            Self::Duplicates => count(counts.duplicates),
            Self::Recognized => count(counts.recognized),
            Self::DeadLettered => count(counts.dead_lettered),
            Self::Dropped => count(counts.dropped),
            Self::Replayed => count(counts.replayed),
            Self::DepthMean => figures.depth_mean,
            Self::DepthMax => figures.depth_max,
            Self::DepthEnd => figures.depth_end,
            Self::TimeMean => figures.time.map(|time| time.mean),
            Self::Time(i) => figures.time.map(|time| time.quantiles[i]),
            Self::TimeMax => figures.time.map(|time| time.max),
        }
    }
}

impl Combined<'_> {
    pub(crate) fn queues(&self) -> BTreeMap<String, QueueRecord> {
        let queues = self.model.queues.iter().enumerate();
        queues
            .map(|(number, queue)| (queue.name.clone(), self.queue(number, queue)))
            .collect()
    }

    fn queue(&self, number: usize, queue: &MessageQueue) -> QueueRecord {
        use QueueMetric as M;
        let sum = |count: fn(&Counts) -> u64| -> u64 {
            let replications = self.replications.iter();
            replications.map(|r| count(&r.queues[number].counts)).sum()
        };
        let depth = |metric: QueueMetric| {
            self.estimate(Range::NotNegative, |r| metric.value(&r.queues[number]))
        };
        let published = sum(|c| c.published);
        let [acknowledged, dead_lettered, dropped, replayed] = [
            sum(|c| c.acknowledged),
            sum(|c| c.dead_lettered),
            sum(|c| c.dropped),
            sum(|c| c.replayed),
        ];
        let all = published * queue.consumers.len() as u64 + replayed;
        QueueRecord {
            published,
            refused: sum(|c| c.refused),
            delivered: sum(|c| c.delivered),
            acknowledged,
            redelivered: sum(|c| c.redelivered),
            duplicates: sum(|c| c.duplicates),
            recognized: sum(|c| c.recognized),
            dead_lettered,
            dropped,
            replayed,
            in_queue: all.saturating_sub(acknowledged + dead_lettered + dropped),
            depth: Depth {
                mean: depth(M::DepthMean),
                max: depth(M::DepthMax),
                end: depth(M::DepthEnd),
            },
            time_ms: self.latency_record(|r| r.queues[number].time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clock::Duration;

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn figures_by_hand() {
        use MessageFact::*;
        let mut facts = QueueFacts::default();
        let warm = at(10);
        let heard = [
            (5, 5, Published),
            (12, 12, Published),
            (12, 12, Delivered { again: false }),
            (13, 13, Published),
            // Published before the warm-up's end: seen in the windows alone.
            (14, 5, Acknowledged),
            (16, 12, Delivered { again: true }),
            (18, 12, Acknowledged),
            (19, 13, DeadLettered),
        ];
        for (now, published, fact) in heard {
            facts.hear(at(now), warm, at(published), fact);
        }
        facts.set_depth(at(5), 1);
        facts.end_warmup(warm);
        facts.set_depth(at(12), 3);
        facts.set_depth(at(16), 0);
        let window = facts.close_window(at(20));
        assert_eq!((window.published, window.acknowledged), (3, 2));
        let figures = facts.figures(at(20), 0.01);
        let value = |metric: QueueMetric| metric.value(&figures);
        assert_eq!(value(QueueMetric::Published), Some(2.0));
        assert_eq!(value(QueueMetric::Acknowledged), Some(1.0));
        assert_eq!(value(QueueMetric::Delivered), Some(2.0));
        assert_eq!(value(QueueMetric::Redelivered), Some(1.0));
        assert_eq!(value(QueueMetric::DeadLettered), Some(1.0));
        assert_eq!(value(QueueMetric::TimeMean), Some(6.0));
        // 2 ms of 1 and 4 ms of 3, over 10 ms.
        assert_eq!(value(QueueMetric::DepthMean), Some(1.4));
        assert_eq!(value(QueueMetric::DepthMax), Some(3.0));
        assert_eq!(value(QueueMetric::DepthEnd), Some(0.0));
    }
}
