//! What the facts of a group of replicas add up to: in one replication, and over several.
//!
//! Counts begin after the warm-up. A time without a leader counts where it ended, as a whole; one that
//! lasts when the run ends counts as far as it came.

use crate::figures::millis;
use clock::{Duration, Instant};
use cluster::GroupFact;
use stats::Histogram;

/// Counts the facts of one group.
#[derive(Clone, Debug)]
pub(crate) struct GroupFacts {
    counts: GroupCounts,
    leaderless: Histogram,
    staleness: Histogram,
    /// Begin and end of the times without a leader, from the beginning of the run.
    spans: Vec<(Instant, Instant)>,
    since: Option<Instant>,
}

/// How often what happened after warm-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct GroupCounts {
    pub(crate) elections: u64,
    pub(crate) split_votes: u64,
    pub(crate) buffered: u64,
    pub(crate) refused: u64,
    pub(crate) stale_reads: u64,
    pub(crate) messages: u64,
    pub(crate) forced_writes: u64,
    pub(crate) acknowledged: u64,
    /// Nanoseconds without a leader.
    pub(crate) leaderless: u128,
}

/// What one replication leaves of a group.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct GroupMeasured {
    /// By the number of the service.
    pub(crate) service: usize,
    pub(crate) counts: GroupCounts,
    pub(crate) spans: Vec<(Instant, Instant)>,
    pub(crate) times: GroupTimes,
}

/// Times that may be added in any order.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct GroupTimes {
    pub(crate) leaderless: Histogram,
    pub(crate) staleness: Histogram,
}

/// A group in one replication.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct GroupFigures {
    pub(crate) service: usize,
    pub(crate) counts: GroupCounts,
    pub(crate) spans: Vec<(Instant, Instant)>,
    /// Milliseconds: mean and the most.
    pub(crate) leaderless: Option<[f64; 2]>,
    /// Milliseconds: mean and the most.
    pub(crate) staleness: Option<[f64; 2]>,
}

/// Spans that are kept for charts: nobody can tell more of them apart.
const SPANS_KEPT: usize = 1000;

impl GroupFacts {
    /// Nobody leads at the beginning.
    pub(crate) fn new() -> Self {
        Self {
            counts: GroupCounts::default(),
            leaderless: Histogram::default(),
            staleness: Histogram::default(),
            spans: Vec::new(),
            since: Some(Instant::ZERO),
        }
    }

    /// `counts`: the warm-up is over.
    pub(crate) fn hear(&mut self, now: Instant, fact: GroupFact, counts: bool) {
        match fact {
            GroupFact::Leads { .. } => self.led(now, counts),
            GroupFact::Leaderless => self.since = Some(now),
            _ => {}
        }
        if !counts {
            return;
        }
        let count = &mut self.counts;
        match fact {
            GroupFact::Leads { .. } => count.elections += 1,
            GroupFact::SplitVote => count.split_votes += 1,
            GroupFact::Buffered => count.buffered += 1,
            GroupFact::Refused => count.refused += 1,
            GroupFact::Message => count.messages += 1,
            GroupFact::Forced => count.forced_writes += 1,
            GroupFact::Acknowledged => count.acknowledged += 1,
            GroupFact::StaleRead(behind) => {
                count.stale_reads += 1;
                self.staleness.record(behind.as_nanos());
            }
            GroupFact::Candidate | GroupFact::Leaderless => {}
        }
    }

    /// A time without a leader, if there was one, is over.
    fn led(&mut self, now: Instant, counts: bool) {
        let Some(since) = self.since.take() else {
            return;
        };
        let time = now.since(since);
        if time == Duration::ZERO {
            return;
        }
        if self.spans.len() < SPANS_KEPT {
            self.spans.push((since, now));
        }
        if counts {
            self.counts.leaderless += u128::from(time.as_nanos());
            self.leaderless.record(time.as_nanos());
        }
    }

    pub(crate) fn finish(mut self, service: usize, end: Instant, counts: bool) -> GroupMeasured {
        self.led(end, counts);
        GroupMeasured {
            service,
            counts: self.counts,
            spans: self.spans,
            times: GroupTimes {
                leaderless: self.leaderless,
                staleness: self.staleness,
            },
        }
    }
}

impl GroupCounts {
    /// As results name them.
    pub(crate) const NAMES: [&str; 8] = [
        "elections",
        "split_votes",
        "buffered",
        "refused",
        "stale_reads",
        "messages",
        "forced_writes",
        "acknowledged",
    ];

    /// In the order of their names.
    pub(crate) const fn values(&self) -> [u64; 8] {
        [
            self.elections,
            self.split_votes,
            self.buffered,
            self.refused,
            self.stale_reads,
            self.messages,
            self.forced_writes,
            self.acknowledged,
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.elections += other.elections;
        self.split_votes += other.split_votes;
        self.buffered += other.buffered;
        self.refused += other.refused;
        self.stale_reads += other.stale_reads;
        self.messages += other.messages;
        self.forced_writes += other.forced_writes;
        self.acknowledged += other.acknowledged;
        self.leaderless += other.leaderless;
    }
}

impl GroupTimes {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.leaderless.merge(&other.leaderless);
        self.staleness.merge(&other.staleness);
    }
}

impl GroupMeasured {
    /// What stays the replication's own, and what is pooled.
    pub(crate) fn split(self) -> (GroupFigures, GroupTimes) {
        let of = |times: &Histogram| Some([times.mean()? / 1e6, millis(times.max()?)]);
        let figures = GroupFigures {
            service: self.service,
            counts: self.counts,
            spans: self.spans,
            leaderless: of(&self.times.leaderless),
            staleness: of(&self.times.staleness),
        };
        (figures, self.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn times_without_a_leader_are_those_between_the_facts() {
        let leads = |ms| GroupFact::Leads {
            leaderless: Duration::from_millis(ms),
        };
        let mut facts = GroupFacts::new();
        // The first is over before the warm-up is.
        facts.hear(at(200), leads(200), false);
        facts.hear(at(1000), GroupFact::Leaderless, true);
        facts.hear(at(1300), GroupFact::Candidate, true);
        facts.hear(at(1400), leads(400), true);
        // Somebody else leads without a time between.
        facts.hear(at(2000), leads(0), true);
        facts.hear(at(3000), GroupFact::Leaderless, true);
        let measured = facts.finish(3, at(3100), true);
        assert_eq!(measured.counts.elections, 2);
        assert_eq!(measured.counts.leaderless, 500_000_000);
        let spans = [(0, 200), (1000, 1400), (3000, 3100)];
        assert_eq!(measured.spans, spans.map(|(from, to)| (at(from), at(to))));
        let (figures, times) = measured.split();
        assert_eq!(times.leaderless.count(), 2);
        let [mean, most] = figures.leaderless.expect("two were measured");
        assert!((mean - 250.0).abs() < 0.25 && (most - 400.0).abs() < 0.4);
        assert_eq!(figures.staleness, None);
    }
}
