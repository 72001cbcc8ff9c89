//! Changes of the running system: what a recorder hears of deployments and pushes, the figures of one
//! replication, and their part of the record of a run.
//!
//! A change counts whenever it comes, the warm-up included: it comes once.

use crate::combine::{Combined, Range};
use crate::metrics::{Better, Unit};
use crate::record::{DeploymentRecord, FaultSpan};
use clock::Instant;
use cluster::DeploymentFact;
use model::Model;

/// What was heard of one change in one replication.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct DeploymentFigures {
    began: Option<Instant>,
    alarm: Option<Instant>,
    acts: Option<Instant>,
    put_back: Option<Instant>,
    over: Option<Instant>,
    verified: bool,
    /// How often something happened, in the order of [`Count`].
    counts: [u64; 7],
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Count {
    FalseAlarms,
    FailedProbes,
    GivenUp,
    HeldBack,
    Wrong,
    Undone,
    UndoneWrong,
}

impl DeploymentFigures {
    pub(crate) fn hear(&mut self, now: Instant, fact: DeploymentFact) {
        let mut add = |what: Count, n: u64| self.counts[what as usize] += n;
        match fact {
            DeploymentFact::Began => self.began = Some(now),
            DeploymentFact::HeldBack => add(Count::HeldBack, 1),
            DeploymentFact::Everywhere => {}
            DeploymentFact::Alarm { harmless } => {
                add(Count::FalseAlarms, u64::from(harmless));
                self.alarm = Some(now);
            }
            DeploymentFact::Acts => self.acts = Some(now),
            DeploymentFact::PutBack => self.put_back = Some(now),
            DeploymentFact::Unproven => add(Count::FailedProbes, 1),
            DeploymentFact::Back { verified } => {
                (self.over, self.verified) = (Some(now), verified);
            }
            DeploymentFact::GivenUp => {
                add(Count::GivenUp, 1);
                self.over = Some(now);
            }
            DeploymentFact::WroteWrong => add(Count::Wrong, 1),
            DeploymentFact::Restored { undone, wrong } => {
                add(Count::Undone, undone);
                add(Count::UndoneWrong, wrong);
            }
        }
    }

    fn count(&self, what: Count) -> u64 {
        self.counts[what as usize]
    }
}

/// A figure of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DeploymentMetric {
    /// From its beginning to the alarm.
    Detect,
    /// From the alarm to the first step back.
    React,
    /// From there until what was before is at all instances.
    Execute,
    /// From there until the way back is over.
    Verify,
    /// From its beginning until the way back is over.
    Total,
    FailedProbes,
    FalseAlarms,
    WrongWrites,
    UndoneWrites,
    LostWrites,
    WrongWritesLeft,
}

impl DeploymentMetric {
    /// All, with the last part of their names.
    pub(crate) const ALL: [(&'static str, Unit, Self); 11] = [
        ("detect", Unit::Milliseconds, Self::Detect),
        ("react", Unit::Milliseconds, Self::React),
        ("execute", Unit::Milliseconds, Self::Execute),
        ("verify", Unit::Milliseconds, Self::Verify),
        ("total", Unit::Milliseconds, Self::Total),
        ("failed_probes", Unit::Count, Self::FailedProbes),
        ("false_alarms", Unit::Count, Self::FalseAlarms),
        ("wrong_writes", Unit::Count, Self::WrongWrites),
        ("undone_writes", Unit::Count, Self::UndoneWrites),
        ("lost_writes", Unit::Count, Self::LostWrites),
        ("wrong_writes_left", Unit::Count, Self::WrongWritesLeft),
    ];

    /// Less of all of them is better.
    pub(crate) const BETTER: Better = Better::Less;

    /// The value in one replication; `None` where it did not come to that.
    pub(crate) fn value(self, change: &DeploymentFigures) -> Option<f64> {
        let span =
            |from: Option<Instant>, to: Option<Instant>| Some(to?.since(from?).as_millis_f64());
        let n = |what: Count| change.count(what) as f64;
        match self {
            Self::Detect => span(change.began, change.alarm),
            Self::React => span(change.alarm, change.acts),
            Self::Execute => span(change.acts, change.put_back),
            Self::Verify => span(change.put_back, change.over),
            Self::Total => span(change.began, change.over),
            Self::FailedProbes => Some(n(Count::FailedProbes)),
            Self::FalseAlarms => Some(n(Count::FalseAlarms)),
            Self::WrongWrites => Some(n(Count::Wrong)),
            Self::UndoneWrites => Some(n(Count::Undone)),
            Self::LostWrites => Some(n(Count::Undone) - n(Count::UndoneWrong)),
            Self::WrongWritesLeft => Some(n(Count::Wrong) - n(Count::UndoneWrong)),
        }
    }
}

/// The changes of a model in the order in which the world counts them: of which service (`config`: of
/// the configuration), and the number of the version.
pub(crate) fn changes(model: &Model) -> Vec<(String, u32)> {
    let versions = model.deployments.iter();
    let versions = versions.map(|d| (model.services[d.service].name.clone(), d.version));
    let pushes = model.config.iter().flat_map(|centre| &centre.pushes);
    let pushes = pushes.filter(|push| push.rollback.is_some());
    versions
        .chain(pushes.map(|push| ("config".to_owned(), push.config)))
        .collect()
}

impl Combined<'_> {
    pub(crate) fn deployments(&self) -> Vec<DeploymentRecord> {
        let changes = changes(self.model).into_iter().enumerate();
        changes
            .map(|(number, (service, version))| self.deployment(number, service, version))
            .collect()
    }

    fn deployment(&self, number: usize, service: String, version: u32) -> DeploymentRecord {
        let of = |r: &crate::figures::Figures| r.deployments[number];
        let sum = |what: Count| -> u64 {
            let replications = self.replications.iter();
            replications.map(|r| of(r).count(what)).sum()
        };
        let number_of = |is: fn(&DeploymentFigures) -> bool| {
            let replications = self.replications.iter();
            replications.filter(|r| is(&of(r))).count() as u64
        };
        let at = |when: fn(&DeploymentFigures) -> Option<Instant>| {
            self.estimate(Range::NotNegative, |r| Some(when(&of(r))?.as_secs_f64()))
        };
        let span = |metric: DeploymentMetric| {
            self.estimate(Range::NotNegative, |r| Some(metric.value(&of(r))? / 1e3))
        };
        use DeploymentMetric as M;
        DeploymentRecord {
            service,
            version,
            began: number_of(|d| d.began.is_some()),
            detected: number_of(|d| d.alarm.is_some()),
            false_alarms: sum(Count::FalseAlarms),
            rolled_back: number_of(|d| d.over.is_some()),
            given_up: sum(Count::GivenUp),
            held_back: sum(Count::HeldBack),
            failed_probes: sum(Count::FailedProbes),
            detected_s: at(|d| d.alarm),
            rolled_back_s: at(|d| d.put_back.filter(|_| d.over.is_some())),
            verified_s: at(|d| d.over.filter(|_| d.verified)),
            detect_s: span(M::Detect),
            react_s: span(M::React),
            execute_s: span(M::Execute),
            verify_s: span(M::Verify),
            wrong_writes: sum(Count::Wrong),
            undone_writes: sum(Count::Undone),
            lost_writes: sum(Count::Undone) - sum(Count::UndoneWrong),
        }
    }

    /// The changes of the first replication, until they were taken back, for the charts.
    pub(crate) fn changes_over_time(&self, end: f64) -> Vec<FaultSpan> {
        let first = self.replications.first().into_iter();
        let changes = changes(self.model).into_iter();
        let of = first.flat_map(|first| &first.deployments).zip(changes);
        of.filter_map(|(change, (service, version))| {
            Some(FaultSpan {
                label: format!("{service} version {version}"),
                from_s: change.began?.as_secs_f64(),
                to_s: change.over.map_or(end, Instant::as_secs_f64),
            })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clock::Duration;

    #[test]
    fn the_times_of_a_way_back_add_up() {
        let mut change = DeploymentFigures::default();
        let at = |s| Instant::ZERO + Duration::from_secs(s);
        change.hear(at(10), DeploymentFact::Began);
        assert_eq!(DeploymentMetric::Detect.value(&change), None);
        change.hear(at(13), DeploymentFact::Alarm { harmless: false });
        change.hear(at(20), DeploymentFact::Acts);
        let (undone, wrong) = (7, 3);
        for _ in 0..5 {
            change.hear(at(20), DeploymentFact::WroteWrong);
        }
        change.hear(at(21), DeploymentFact::Restored { undone, wrong });
        change.hear(at(25), DeploymentFact::PutBack);
        change.hear(at(31), DeploymentFact::Back { verified: true });
        use DeploymentMetric as M;
        let value = |metric: M| metric.value(&change);
        let parts = [M::Detect, M::React, M::Execute, M::Verify].map(value);
        assert_eq!(parts, [3e3, 7e3, 5e3, 6e3].map(Some));
        assert_eq!(value(M::Total), Some(21e3));
        assert_eq!(value(M::LostWrites), Some(4.0));
        assert_eq!(value(M::WrongWritesLeft), Some(2.0));
    }
}
