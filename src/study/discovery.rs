//! What was learnt of a service's instances, in one replication: facts counted after warm-up.
//!
//! It refuses to know how anybody learnt it.

use clock::Instant;
use cluster::DiscoveryFact;
use model::{Discovery, FaultKind, Model};
use stats::Gauge;

/// Counts the facts about one service.
#[derive(Clone, Default)]
pub(crate) struct DiscoveryFacts {
    /// How many callers have a view of their own; 0: the service is not discovered.
    watchers: u32,
    measured: DiscoveryMeasured,
    /// Instances that callers leave out, over all callers.
    left_out: Gauge,
    left_out_before: u128,
}

/// A service's discovery after warm-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct DiscoveryMeasured {
    pub(crate) messages: u64,
    pub(crate) false_positives: u64,
    /// Crashes that a caller has noticed: how many, and after how many nanoseconds.
    pub(crate) detected: u64,
    pub(crate) detected_ns: u128,
    pub(crate) slowest_ns: u64,
    /// Instances × callers × nanoseconds.
    pub(crate) left_out: u128,
    pub(crate) watchers: u32,
}

impl DiscoveryFacts {
    pub(crate) fn new(watchers: u32) -> Self {
        Self {
            watchers,
            ..Self::default()
        }
    }

    pub(crate) fn hear(&mut self, now: Instant, is_warm: bool, fact: DiscoveryFact) {
        if let DiscoveryFact::LeftOut { before, after } = fact {
            let others = self.left_out.level() - u64::from(before);
            self.left_out.set(now.as_nanos(), others + u64::from(after));
            return;
        }
        if !is_warm {
            return;
        }
        let measured = &mut self.measured;
        match fact {
            DiscoveryFact::Message => measured.messages += 1,
            DiscoveryFact::FalseAlarm => measured.false_positives += 1,
            DiscoveryFact::Noticed { after } => {
                let ns = after.as_nanos();
                measured.detected += 1;
                measured.detected_ns += u128::from(ns);
                measured.slowest_ns = measured.slowest_ns.max(ns);
            }
            DiscoveryFact::LeftOut { .. } => {}
        }
    }

    pub(crate) fn end_warmup(&mut self, at: Instant) {
        self.left_out_before = self.left_out.integral(at.as_nanos());
    }

    pub(crate) fn finish(&self, end: Instant, is_warm: bool) -> DiscoveryMeasured {
        let left_out = if is_warm {
            self.left_out.integral(end.as_nanos()) - self.left_out_before
        } else {
            0
        };
        DiscoveryMeasured {
            left_out,
            watchers: self.watchers,
            ..self.measured
        }
    }
}

impl DiscoveryMeasured {
    /// Instances, of so many, that a caller knew of; the mean over time and callers.
    pub(crate) fn known(&self, instances: u32, seconds: f64) -> Option<f64> {
        let whole = f64::from(self.watchers) * seconds;
        (whole > 0.0).then(|| f64::from(instances) - self.left_out as f64 / 1e9 / whole)
    }

    /// Milliseconds from a crash until a caller noticed, in the mean.
    pub(crate) fn mean_detection(&self) -> Option<f64> {
        (self.detected > 0).then(|| self.detected_ns as f64 / self.detected as f64 / 1e6)
    }

    /// The longest one.
    pub(crate) fn slowest_detection(&self) -> Option<f64> {
        (self.detected > 0).then(|| self.slowest_ns as f64 / 1e6)
    }
}

/// What a service's discovery is called; `None` where callers always know all instances.
pub(crate) const fn kind(discovery: &Discovery) -> Option<&'static str> {
    match discovery {
        Discovery::Static => None,
        Discovery::HealthCheck(_) => Some("health_check"),
        Discovery::Lease(_) => Some("lease"),
        Discovery::Gossip(_) => Some("gossip"),
    }
}

/// Whether instances can be down at all, so that something may be sent to them.
pub(crate) fn can_crash(model: &Model) -> bool {
    let crashes = |kind: &FaultKind| {
        matches!(
            kind,
            FaultKind::Crash { .. } | FaultKind::CrashLeader { .. }
        )
    };
    model.faults.iter().any(|fault| crashes(&fault.kind))
}
