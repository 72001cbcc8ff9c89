//! One replication in sections of equal length, of which an interval within it is made.
//!
//! It hears nothing but the ends of windows, so that no fact costs more than without it; a section
//! is some whole windows after the warm-up. It refuses to know names, and what intervals are.

use crate::figures::LatencyFigures;
use crate::plan::Plan;
use crate::recorder::EdgeMeasured;
use crate::windows::ServiceTotals;
use clock::{Duration, Instant};
use stats::{BATCHES, FINER, Histogram};

/// Makes sections while a replication runs.
pub(crate) struct Sections {
    cut: Cut,
    windows: usize,
    fine: Open,
    coarse: Open,
    done: Sectioned,
}

/// A replication in sections, in their order.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sectioned {
    /// Of one of `coarse`.
    pub(crate) seconds: f64,
    pub(crate) coarse: Vec<Section>,
    /// The same in shorter ones; as many of them make one of `coarse`.
    pub(crate) finer: Vec<Section>,
}

/// What ended in a section, of calls that were started after warm-up; what services did in it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Section {
    pub(crate) seconds: f64,
    pub(crate) edges: Vec<EdgeMeasured>,
    /// By workload.
    pub(crate) latencies: Vec<Option<LatencyFigures>>,
    pub(crate) services: Vec<ServiceTotals>,
}

/// Counters that only rise.
#[derive(Clone, Default)]
pub(crate) struct Totals {
    pub(crate) edges: Vec<EdgeMeasured>,
    pub(crate) services: Vec<ServiceTotals>,
}

/// Where sections lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cut {
    begin: Instant,
    /// Of the last whole window; what is left of the run is in none.
    end: Instant,
    /// Windows of a finer section.
    per_fine: usize,
    /// Finer sections of a section.
    per_coarse: usize,
    /// How many sections.
    sections: usize,
    window: Duration,
}

/// A section in hand.
struct Open {
    since: Totals,
    latencies: Vec<Histogram>,
}

impl Cut {
    /// Of the windows that are whole and after the warm-up; what is left over is cut off the front,
    /// as in [`stats::batch_means`]. `None` where there are fewer windows than two for each section:
    /// of a run of 96 windows or more, when nearly all of it is warm-up.
    fn of(plan: &Plan) -> Option<Self> {
        let window = plan.window.as_nanos();
        let first = plan.warmup_end.as_nanos().div_ceil(window);
        let windows = (plan.end.as_nanos() / window).saturating_sub(first) as usize;
        if windows < 2 * BATCHES {
            return None;
        }
        let per_fine = (windows / (BATCHES * FINER)).max(1);
        let fine = windows / per_fine;
        let per_coarse = fine / BATCHES;
        let sections = fine / per_coarse;
        let over = windows - sections * per_coarse * per_fine;
        Some(Self {
            begin: Instant::from_nanos((first + over as u64) * window),
            end: Instant::from_nanos((first + windows as u64) * window),
            per_fine,
            per_coarse,
            sections,
            window: plan.window,
        })
    }

    fn seconds(&self, windows: usize) -> f64 {
        self.window.as_secs_f64() * windows as f64
    }
}

impl Sections {
    /// `None` where the plan has no room for them.
    pub(crate) fn of(plan: &Plan, workloads: usize) -> Option<Self> {
        let cut = Cut::of(plan)?;
        let open = || Open {
            since: Totals::default(),
            latencies: vec![Histogram::default(); workloads],
        };
        Some(Self {
            cut,
            windows: 0,
            fine: open(),
            coarse: open(),
            done: Sectioned {
                seconds: cut.seconds(cut.per_fine * cut.per_coarse),
                coarse: Vec::with_capacity(cut.sections),
                finer: Vec::with_capacity(cut.sections * cut.per_coarse),
            },
        })
    }

    /// A window has ended: the totals by now, and the latencies of the successes that ended in it.
    pub(crate) fn pass<'h>(
        &mut self,
        end: Instant,
        now: impl FnOnce() -> Totals,
        latencies: impl Iterator<Item = &'h Histogram>,
    ) {
        if end <= self.cut.begin {
            if end == self.cut.begin {
                let now = now();
                self.coarse.since.clone_from(&now);
                self.fine.since = now;
            }
            return;
        }
        if end > self.cut.end {
            return;
        }
        for (mine, heard) in self.fine.latencies.iter_mut().zip(latencies) {
            mine.merge(heard);
        }
        self.windows += 1;
        if self.windows.is_multiple_of(self.cut.per_fine) {
            let now = now();
            let seconds = self.cut.seconds(self.cut.per_fine);
            let both = self.coarse.latencies.iter_mut().zip(&self.fine.latencies);
            both.for_each(|(coarse, fine)| coarse.merge(fine));
            self.done.finer.push(self.fine.close(seconds, &now));
            if self.done.finer.len().is_multiple_of(self.cut.per_coarse) {
                let section = self.coarse.close(self.done.seconds, &now);
                self.done.coarse.push(section);
            }
        }
    }

    /// `None` when the replication ended before its time.
    pub(crate) fn finish(self) -> Option<Sectioned> {
        (self.done.coarse.len() == self.cut.sections).then_some(self.done)
    }
}

impl Open {
    /// Makes a section of what was added, and begins the next one.
    fn close(&mut self, seconds: f64, now: &Totals) -> Section {
        let edges = now.edges.iter().enumerate();
        let services = now.services.iter().enumerate();
        let section = Section {
            seconds,
            edges: edges
                .map(|(e, edge)| edge.since(self.since.edges.get(e)))
                .collect(),
            latencies: self.latencies.iter().map(LatencyFigures::of).collect(),
            services: services
                .map(|(s, service)| match self.since.services.get(s) {
                    Some(mark) => service.since(mark),
                    None => *service,
                })
                .collect(),
        };
        self.latencies.iter_mut().for_each(Histogram::clear);
        self.since.clone_from(now);
        section
    }
}

impl EdgeMeasured {
    /// What was added to the totals since a mark; all of it without one.
    fn since(&self, mark: Option<&Self>) -> Self {
        let Some(mark) = mark else { return *self };
        Self {
            calls: self.calls - mark.calls,
            attempts: self.attempts - mark.attempts,
            sent_to_dead: self.sent_to_dead - mark.sent_to_dead,
            ended: std::array::from_fn(|i| self.ended[i] - mark.ended[i]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(seconds: u64, warmup_ms: u64) -> Plan {
        Plan::new(
            Duration::from_secs(seconds),
            Duration::from_nanos(warmup_ms * 1_000_000),
        )
    }

    /// Runs the windows of a plan; in the i-th, i calls are made and one of i ns succeeds.
    fn heard(plan: &Plan) -> Option<Sectioned> {
        let mut sections = Sections::of(plan, 1)?;
        let mut edge = EdgeMeasured::default();
        for i in 1..=plan.windows() as u64 {
            edge.calls += i;
            let mut histogram = Histogram::default();
            histogram.record(i);
            let totals = || Totals {
                edges: vec![edge],
                services: vec![],
            };
            let end = Instant::from_nanos(i * plan.window.as_nanos()).min(plan.end);
            sections.pass(end, totals, [&histogram].into_iter());
        }
        sections.finish()
    }

    #[test]
    fn sections_by_hand() {
        // 120 windows of 500 ms, 20 of them warm-up: 100 fine ones, five of which make a section.
        let found = heard(&plan(60, 10_000)).unwrap();
        assert_eq!((found.coarse.len(), found.finer.len()), (20, 100));
        assert_eq!((found.seconds, found.finer[0].seconds), (2.5, 0.5));
        let first = &found.coarse[0];
        assert_eq!(first.edges[0].calls, 21 + 22 + 23 + 24 + 25);
        assert_eq!(first.latencies[0].unwrap().max, 25e-6);
        assert_eq!(found.coarse[19].latencies[0].unwrap().mean, 118e-6);
        assert_eq!(found.finer[99].edges[0].calls, 120);
    }

    #[test]
    fn without_room_there_are_none() {
        assert!(heard(&plan(60, 40_000)).is_some());
        assert_eq!(heard(&plan(60, 40_001)), None);
    }

    #[test]
    fn a_run_that_is_cut_short_has_none() {
        let plan = plan(60, 0);
        let mut sections = Sections::of(&plan, 0).unwrap();
        for i in 1..100 {
            let end = Instant::from_nanos(i * plan.window.as_nanos());
            sections.pass(end, Totals::default, std::iter::empty());
        }
        assert_eq!(sections.finish(), None);
    }

    proptest! {
        #[test]
        fn they_are_alike_and_end_with_the_last_whole_window(seconds in 1..5000u64, share in 0..600u64) {
            let plan = plan(seconds, seconds * share);
            let Some(found) = heard(&plan) else {
                let length = plan.end.as_nanos() - plan.warmup_end.as_nanos();
                prop_assert!(length < (2 * BATCHES as u64 + 1) * plan.window.as_nanos());
                return Ok(());
            };
            let (coarse, finer) = (found.coarse.len(), found.finer.len());
            prop_assert!((BATCHES..2 * BATCHES).contains(&coarse), "{coarse}");
            prop_assert!(finer % coarse == 0 && finer >= 2 * coarse, "{finer}");
            let last = plan.end.as_nanos() / plan.window.as_nanos();
            let calls = |sections: &[Section]| sections.iter().map(|s| s.edges[0].calls).sum::<u64>();
            let all = calls(&found.coarse);
            prop_assert_eq!(all, calls(&found.finer));
            // Windows first..=last have first + … + last calls.
            let windows = (found.seconds / plan.window.as_secs_f64()).round() as u64 * coarse as u64;
            let first = last + 1 - windows;
            prop_assert_eq!(all, (first + last) * windows / 2);
            let begin = (first - 1) * plan.window.as_nanos();
            prop_assert!(begin >= plan.warmup_end.as_nanos());
            let cut_off = (begin - plan.warmup_end.as_nanos()) as f64 / 1e9;
            prop_assert!(cut_off < 2.0 * found.seconds, "{cut_off}");
        }
    }
}
