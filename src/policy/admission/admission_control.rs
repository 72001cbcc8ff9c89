//! Sheds a share of the requests while many fail: Envoy's admission control filter.
//!
//! After `admission_control.cc` and `thread_local_controller.cc`. What is refused is not counted, or
//! the share could never come down again. One thing differs: Envoy compares the share with a random
//! number of four digits, here all of its bits count.

use crate::config::AdmissionControlConfig;
use crate::rejected::Rejected;
use clock::{Duration, Instant};
use std::collections::VecDeque;

#[derive(Clone, Debug)]
pub(super) struct AdmissionControl {
    config: AdmissionControlConfig,
    /// Oldest first; each begins with the first request after the one before it was full.
    buckets: VecDeque<Bucket>,
    sum: Counts,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    since: Instant,
    counts: Counts,
}

#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    requests: u32,
    successes: u32,
}

/// The length of a bucket.
const GRANULARITY: Duration = Duration::from_secs(1);

impl AdmissionControl {
    pub(super) fn new(config: &AdmissionControlConfig) -> Self {
        Self {
            config: *config,
            buckets: VecDeque::new(),
            sum: Counts::default(),
        }
    }

    #[inline]
    pub(super) fn admit(
        &mut self,
        now: Instant,
        random: &mut impl FnMut() -> u64,
    ) -> Result<(), Rejected> {
        let threshold = self.config.rps_threshold;
        if threshold > 0.0 && self.rate(now) < threshold {
            return Ok(());
        }
        let share = self.rejection_share(now);
        if share > 0.0 && unit(random()) < share {
            return Err(Rejected { retry_at: None });
        }
        Ok(())
    }

    /// The end of a request that was admitted.
    #[inline]
    pub(super) fn record(&mut self, now: Instant, success: bool) {
        self.forget(now);
        let full = |bucket: &Bucket| now.since(bucket.since) >= GRANULARITY;
        if self.buckets.back().is_none_or(full) {
            self.buckets.push_back(Bucket {
                since: now,
                counts: Counts::default(),
            });
        }
        let bucket = self.buckets.back_mut().expect("one was there or pushed");
        bucket.counts.add(success);
        self.sum.add(success);
    }

    /// The share of the requests that is refused.
    fn rejection_share(&mut self, now: Instant) -> f64 {
        self.forget(now);
        let requests = f64::from(self.sum.requests);
        let successes = f64::from(self.sum.successes);
        let excess = requests - successes / self.config.success_threshold;
        if excess <= 0.0 {
            return 0.0;
        }
        let share = excess / (requests + 1.0);
        let aggression = self.config.aggression.max(1.0);
        let share = if aggression == 1.0 {
            share
        } else {
            libm::pow(share, 1.0 / aggression)
        };
        share.min(self.config.max_rejection)
    }

    /// Requests a second, over the whole window also where it is not full yet. As in Envoy, old
    /// buckets count as long as nothing has swept them out.
    #[inline]
    fn rate(&self, now: Instant) -> f64 {
        let Some(oldest) = self.buckets.front() else {
            return 0.0;
        };
        let window = self.config.window.max(now.since(oldest.since));
        f64::from(self.sum.requests) / window.as_secs_f64()
    }

    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.buckets.front()
            && now.since(oldest.since) >= self.config.window
        {
            self.sum.requests -= oldest.counts.requests;
            self.sum.successes -= oldest.counts.successes;
            self.buckets.pop_front();
        }
    }
}

impl Counts {
    #[inline]
    fn add(&mut self, success: bool) {
        self.requests += 1;
        self.successes += u32::from(success);
    }
}

/// Uniform on 0..1.
#[inline]
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
