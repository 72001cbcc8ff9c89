//! Processor sharing: jobs on an instance share its cores evenly, none faster than one core.
//!
//! Attained service is kept as one number for all jobs (virtual time): every job present gains the
//! same, so that a job ends when that number reaches what it was at the job's start plus the
//! job's demand. The time of cores that a job uses is kept in the same way: it differs from the
//! service that it gets where the cores are slow, or stand still.

use clock::{Duration, Instant};
use core::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// The jobs of one instance.
#[derive(Debug)]
pub(crate) struct Shared {
    cores: f64,
    /// 1 at the normal speed, 0 while paused.
    speed: f64,
    /// Attained service of a job that was there from the beginning, in nanoseconds.
    attained: f64,
    /// Time of cores that such a job has used, in nanoseconds.
    used: f64,
    at: Instant,
    jobs: BinaryHeap<Reverse<Job>>,
    started: u64,
    /// By strand: the time used when the caller of a job gave up, as long as the job lasts.
    given_up: BTreeMap<u32, f64>,
}

/// A job that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ended {
    pub(crate) strand: u32,
    /// Time of cores since its begin, or since its caller gave up in the meantime.
    pub(crate) used: Duration,
}

/// Ordered by its end in virtual time, then by its start.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Job {
    end: f64,
    number: u64,
    strand: u32,
    used: f64,
}

impl Eq for Job {}

impl Ord for Job {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.end
            .total_cmp(&other.end)
            .then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Shared {
    pub(crate) fn new(cores: u32) -> Self {
        Self {
            cores: f64::from(cores),
            speed: 1.0,
            attained: 0.0,
            used: 0.0,
            at: Instant::ZERO,
            jobs: BinaryHeap::new(),
            started: 0,
            given_up: BTreeMap::new(),
        }
    }

    /// How many cores there are.
    pub(crate) fn cores(&self) -> f64 {
        self.cores
    }

    /// How many cores are at work.
    pub(crate) fn busy(&self) -> u32 {
        (self.jobs.len() as f64).min(self.cores) as u32
    }

    /// How many jobs there are.
    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Cores per job.
    fn share(&self) -> f64 {
        (self.cores / self.jobs.len().max(1) as f64).min(1.0)
    }

    /// Service per job and nanosecond.
    fn rate(&self) -> f64 {
        self.speed * self.share()
    }

    fn advance(&mut self, now: Instant) {
        let passed = now.since(self.at).as_nanos() as f64;
        self.attained += passed * self.rate();
        self.used += passed * self.share();
        self.at = now;
    }

    pub(crate) fn add(&mut self, now: Instant, strand: u32, demand: Duration) {
        self.advance(now);
        let end = self.attained + demand.as_nanos() as f64;
        self.jobs.push(Reverse(Job {
            end,
            number: self.started,
            strand,
            used: self.used,
        }));
        self.started += 1;
    }

    /// When the next job is done as things are; `None`: none is, or all stand still.
    pub(crate) fn due(&self) -> Option<Instant> {
        let Reverse(next) = self.jobs.peek()?;
        let rate = self.rate();
        if rate <= 0.0 {
            return None;
        }
        Some(self.at + Duration::from_nanos_f64(((next.end - self.attained) / rate).max(0.0)))
    }

    /// Takes the job that [`Self::due`] spoke of.
    pub(crate) fn finish(&mut self, now: Instant) -> Option<Ended> {
        self.advance(now);
        let Reverse(job) = self.jobs.pop()?;
        self.attained = self.attained.max(job.end);
        Some(self.close(job))
    }

    pub(crate) fn remove(&mut self, now: Instant, strand: u32) -> Option<Ended> {
        self.advance(now);
        let job = self.jobs.iter().find(|Reverse(job)| job.strand == strand);
        let job = job.map(|Reverse(job)| *job)?;
        self.jobs.retain(|Reverse(job)| job.strand != strand);
        Some(self.close(job))
    }

    fn close(&mut self, job: Job) -> Ended {
        let since = self.given_up.remove(&job.strand).unwrap_or(job.used);
        let used = Duration::from_nanos_f64(self.used - since);
        if self.jobs.is_empty() {
            // Begin anew while nobody is there, so that the numbers never lose their small digits.
            (self.attained, self.used) = (0.0, 0.0);
        }
        Ended {
            strand: job.strand,
            used,
        }
    }

    /// The callers of these jobs have given up.
    pub(crate) fn give_up(&mut self, now: Instant, theirs: impl Fn(u32) -> bool) {
        self.advance(now);
        let jobs = self.jobs.iter().map(|Reverse(job)| job.strand);
        let used = self.used;
        self.given_up.extend(
            jobs.filter(|strand| theirs(*strand))
                .map(|strand| (strand, used)),
        );
    }

    /// 0 stands still.
    pub(crate) fn set_speed(&mut self, now: Instant, speed: f64) {
        self.advance(now);
        self.speed = speed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ns: u64) -> Instant {
        Instant::from_nanos(ns)
    }

    /// Who ends, and how much core time it used.
    fn finish(shared: &mut Shared, ns: u64) -> Option<(u32, u64)> {
        let ended = shared.finish(at(ns))?;
        Some((ended.strand, ended.used.as_nanos()))
    }

    #[test]
    fn the_time_of_cores_counts_from_when_the_caller_gave_up() {
        let mut shared = Shared::new(1);
        (1..=2).for_each(|strand| shared.add(at(0), strand, Duration::from_nanos(100)));
        shared.give_up(at(120), |strand| strand == 1);
        shared.set_speed(at(160), 0.5);
        // 80 each by 160; 20 each at a quarter of the speed: 80 more. Half a core all the time.
        assert_eq!(shared.due(), Some(at(240)));
        assert_eq!(finish(&mut shared, 240), Some((1, 60)));
        assert_eq!(finish(&mut shared, 240), Some((2, 120)));
    }

    #[test]
    fn two_jobs_on_one_core_run_at_half_speed() {
        let mut shared = Shared::new(1);
        shared.add(at(0), 1, Duration::from_nanos(100));
        shared.add(at(50), 2, Duration::from_nanos(100));
        // Job 1 has 50 left, at half speed: done at 150; job 2 then has 50 left: done at 200.
        assert_eq!(shared.due(), Some(at(150)));
        assert_eq!(finish(&mut shared, 150), Some((1, 100)));
        assert_eq!(shared.due(), Some(at(200)));
        assert_eq!(finish(&mut shared, 200), Some((2, 100)));
        assert_eq!(shared.due(), None);
    }

    #[test]
    fn jobs_beyond_the_cores_share_them_and_a_pause_adds_its_length() {
        let mut shared = Shared::new(2);
        for strand in 0..4 {
            shared.add(at(0), strand, Duration::from_nanos(100));
        }
        assert_eq!(shared.busy(), 2);
        assert_eq!(shared.due(), Some(at(200)));
        shared.set_speed(at(100), 0.0);
        assert_eq!(shared.due(), None);
        shared.set_speed(at(1000), 1.0);
        assert_eq!(shared.due(), Some(at(1100)));
    }
}
