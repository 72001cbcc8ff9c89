//! Finds the end of the warm-up: a first pass that keeps nothing but the series of latencies.

use crate::progress::Progress;
use clock::{Duration, Instant};
use cluster::{EdgeId, Observer, Tick};
use policy::Outcome;
use stats::{BoundedSeries, Truncation, mser};

/// Hears a whole replication and keeps the latencies of each workload's successes, in the order in
/// which they ended, as batch means.
pub(crate) struct Pilot<'a> {
    series: Vec<BoundedSeries>,
    progress: &'a Progress,
    end: Instant,
    look: Duration,
    told: Instant,
}

/// MSER-5 begins with batches of five.
const BATCH: u64 = 5;
/// So many batches are enough to place a cut within a thousandth of the run.
const MOST_BATCHES: usize = 2000;
/// With fewer there is nothing to tell.
const FEWEST_BATCHES: usize = 10;
/// How often it looks whether it should stop.
const LOOKS: u64 = 2000;

/// What the pilot found.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Warmup {
    /// The longest of all workloads.
    pub(crate) length: Duration,
    /// Where it is not to be relied upon.
    pub(crate) warnings: Vec<String>,
}

impl<'a> Pilot<'a> {
    pub(crate) fn new(workloads: usize, duration: Duration, progress: &'a Progress) -> Self {
        Self {
            series: vec![BoundedSeries::new(BATCH, MOST_BATCHES); workloads],
            progress,
            end: Instant::ZERO + duration,
            look: Duration::from_nanos((duration.as_nanos() / LOOKS).max(1)),
            told: Instant::ZERO,
        }
    }

    /// The warm-up of a run that lasted until `end`, by MSER-5 on each of the named workloads.
    ///
    /// A series that has not settled by the half of the run costs the half, and a warning; one too
    /// short to judge costs nothing, and a warning.
    pub(crate) fn finish<'n>(
        self,
        end: Instant,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Warmup {
        // What is left when a run ends early is done, too.
        self.progress.advance(self.end.since(self.told));
        let mut warmup = Warmup {
            length: Duration::ZERO,
            warnings: Vec::new(),
        };
        for (series, name) in self.series.iter().zip(names) {
            let batches = series.batches();
            if batches.len() < FEWEST_BATCHES {
                warmup.warnings.push(format!(
                    "workload `{name}` has too few answers to tell its warm-up from (fewer than {}); give `run.warmup` a duration",
                    FEWEST_BATCHES as u64 * BATCH
                ));
                continue;
            }
            let means: Vec<f64> = batches.iter().map(|batch| batch.mean).collect();
            let cut = match mser(&means) {
                Truncation::At(0) => Instant::ZERO,
                // Later than the last batch that is dropped.
                Truncation::At(cut) => Instant::from_nanos(batches[cut - 1].end + 1),
                Truncation::TooShort => {
                    warmup.warnings.push(format!(
                        "the latency of workload `{name}` had not settled by the half of the run, which is cut off as its warm-up; give `run.duration` more time, or `run.warmup` a duration"
                    ));
                    Instant::from_nanos(end.as_nanos() / 2)
                }
            };
            warmup.length = warmup.length.max(cut.since(Instant::ZERO));
        }
        warmup
    }
}

impl Observer for Pilot<'_> {
    fn tick(&mut self, now: Instant) -> Tick {
        self.progress.advance(now.since(self.told));
        self.told = now;
        if self.progress.is_stopped() {
            Tick::Stop
        } else {
            Tick::At(now + self.look)
        }
    }

    #[inline]
    fn call_ended(&mut self, now: Instant, edge: EdgeId, started: Instant, outcome: Outcome) {
        if outcome.is_success()
            && let Some(series) = self.series.get_mut(edge)
        {
            series.push(now.as_nanos(), now.since(started).as_nanos() as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request a millisecond whose latency is `latency(i)` nanoseconds.
    fn found(requests: u64, latency: impl Fn(u64) -> u64) -> Warmup {
        let progress = Progress::new();
        let end = Instant::from_nanos(requests * 1_000_000);
        let mut pilot = Pilot::new(1, end.since(Instant::ZERO), &progress);
        for i in 0..requests {
            let started = Instant::from_nanos(i * 1_000_000);
            let ended = started + Duration::from_nanos(latency(i));
            pilot.call_ended(ended, 0, started, Outcome::Success);
            pilot.call_ended(ended, 1, started, Outcome::Success);
        }
        pilot.finish(end, ["shoppers"])
    }

    /// Noise of 0..1000 ns.
    fn noise(i: u64) -> u64 {
        i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54
    }

    #[test]
    fn the_transient_is_cut_where_it_ends() {
        let warmup = found(10_000, |i| {
            noise(i) + if i < 2_000 { 500_000 } else { 1_000 }
        });
        assert_eq!(warmup.warnings, [] as [String; 0]);
        let ms = warmup.length.as_millis_f64();
        assert!((1999.0..2050.0).contains(&ms), "cut at {ms} ms");
    }

    #[test]
    fn a_long_series_is_cut_as_exactly_as_its_batches_allow() {
        let warmup = found(400_000, |i| {
            noise(i) + if i < 100_000 { 500_000 } else { 1_000 }
        });
        let seconds = warmup.length.as_secs_f64();
        assert!((99.99..100.5).contains(&seconds), "cut at {seconds} s");
    }

    #[test]
    fn what_never_settles_is_said() {
        let warmup = found(1_000, |i| i * 1_000);
        assert_eq!(warmup.length, Duration::from_nanos(500_000_000));
        assert!(warmup.warnings[0].contains("`shoppers` had not settled"));
    }

    #[test]
    fn a_handful_of_requests_is_not_judged() {
        let warmup = found(40, |i| i * 1_000);
        assert_eq!(warmup.length, Duration::ZERO);
        assert!(warmup.warnings[0].contains("too few answers"));
    }
}
