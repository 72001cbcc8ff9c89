//! Outlier ejection: which instances a caller leaves out for a while because they fail while the
//! others don't (Envoy's outlier detection).
//!
//! The semantics are those of Envoy's `source/common/upstream/outlier_detection_impl.cc`, with
//! `always_eject_one_host` set, and the panic of its balancers
//! (`source/extensions/load_balancing_policies/common/load_balancer_impl.cc`,
//! `healthy_panic_threshold` 50 %). What is detected is always enforced. An instance that both
//! rates condemn is ejected once (there, it would be counted twice). Left out: the separate counters
//! for gateway errors and for errors of local origin (here every failure is of one kind), the jitter
//! of the ejection time (0 by default), active health checks that end an ejection, and monitors from
//! extensions.
//!
//! It knows instances by their index. Who exists, and who is chosen, are others' affairs.

use crate::balance::Usable;
use crate::config::{OutlierConfig, SuccessRate};
use crate::outcome::Outcome;
use clock::{Duration, Instant};

/// Instances below this number are not judged by their share of failures (Envoy's
/// `failure_percentage_minimum_hosts`).
const FAILURE_MINIMUM_HOSTS: usize = 5;
/// Nor is one with fewer requests in an interval (Envoy's `failure_percentage_request_volume`).
const FAILURE_REQUEST_VOLUME: u32 = 50;

/// What one caller holds against the instances of one service.
///
/// Rates are judged, and ejected instances come back, at multiples of `interval` from the clock's
/// origin; there is no timer: the next word finds out what those moments brought. A word at such a
/// moment comes after it.
#[derive(Clone, Debug)]
pub struct OutlierDetector {
    config: OutlierConfig,
    /// Nanoseconds, at least 1.
    interval: u64,
    /// The next moment to judge at; none when the clock ends before.
    next: Option<u64>,
    hosts: Box<[Host]>,
    /// Those that are not ejected, ascending; only kept while somebody is.
    usable: Vec<u32>,
    ejected: u32,
    /// Whether the running interval has seen a request.
    counted: bool,
    rates: Vec<(u32, f64)>,
    among: Vec<u32>,
}

/// What is known of one instance.
#[derive(Clone, Copy, Debug, Default)]
struct Host {
    failures_in_row: u32,
    /// Requests of the running interval, and how many of them succeeded.
    total: u32,
    succeeded: u32,
    /// How many times `base_ejection_time` an ejection lasts; falls again with each interval that
    /// is passed in health.
    multiplier: u32,
    is_ejected: bool,
    /// When it was ejected, while it is; when it last came back otherwise.
    since: u64,
}

impl OutlierDetector {
    /// Nobody is ejected. `instances` is the most there will ever be.
    pub fn new(config: &OutlierConfig, instances: u32) -> Self {
        let interval = config.interval.as_nanos().max(1);
        Self {
            config: *config,
            interval,
            next: Some(interval),
            hosts: vec![Host::default(); instances as usize].into_boxed_slice(),
            usable: Vec::new(),
            ejected: 0,
            counted: false,
            rates: Vec::new(),
            among: Vec::new(),
        }
    }

    /// A request to `instance` ended. Failures are what Envoy sees as a 5xx: an error of the
    /// handler, a timeout, no connection. A refusal (`rejected`), a lost conditional write
    /// (`conflict`) and an aborted transaction are answers of an instance in good health.
    ///
    /// An instance that is not below the number given to [`new`](Self::new) is nobody's.
    #[inline]
    pub fn record(&mut self, now: Instant, instance: u32, outcome: Outcome) {
        self.advance(now);
        let Some(host) = self.hosts.get_mut(instance as usize) else {
            return;
        };
        self.counted = true;
        host.total = host.total.saturating_add(1);
        if !is_failure(outcome) {
            host.succeeded = host.succeeded.saturating_add(1);
            host.failures_in_row = 0;
            return;
        }
        host.failures_in_row = host.failures_in_row.saturating_add(1);
        // Only the failure that completes the run ejects; while an instance is out its failures
        // pile up beyond that, and its return sets them to 0.
        if Some(host.failures_in_row) == self.config.consecutive && !host.is_ejected {
            host.failures_in_row = 0;
            self.eject(instance, now.as_nanos());
        }
    }

    /// Who may be chosen: everybody while nobody is ejected, and everybody again in a panic, when
    /// fewer than half of the instances are left.
    #[inline]
    pub fn usable(&mut self, now: Instant) -> Usable<'_> {
        self.advance(now);
        if self.ejected == 0 || self.panics(self.ejected as usize, self.hosts.len()) {
            return Usable::All;
        }
        Usable::Some(&self.usable)
    }

    /// The same for a caller that knows only of `known`; the panic is over those. Costs a look at
    /// each of them while somebody is ejected, nothing otherwise.
    #[inline]
    pub fn usable_among<'a>(&'a mut self, now: Instant, known: Usable<'a>) -> Usable<'a> {
        self.advance(now);
        let Usable::Some(list) = known else {
            return self.usable(now);
        };
        if self.ejected == 0 {
            return known;
        }
        let mut among = core::mem::take(&mut self.among);
        among.clear();
        among.extend(list.iter().copied().filter(|&i| !self.is_ejected(i)));
        self.among = among;
        if self.panics(list.len() - self.among.len(), list.len()) {
            return known;
        }
        Usable::Some(&self.among)
    }

    /// Whether an instance is ejected, as of the last word.
    #[inline]
    pub fn is_ejected(&self, instance: u32) -> bool {
        self.hosts
            .get(instance as usize)
            .is_some_and(|host| host.is_ejected)
    }

    /// How many instances are ejected, as of the last word.
    #[inline]
    pub fn ejected(&self) -> u32 {
        self.ejected
    }

    /// Envoy's panic: fewer than half are healthy.
    #[inline]
    fn panics(&self, ejected: usize, of: usize) -> bool {
        2 * (of - ejected) < of
    }

    /// Brings about what the moments up to `now` bring.
    #[inline]
    fn advance(&mut self, now: Instant) {
        if let Some(next) = self.next
            && now.as_nanos() >= next
        {
            self.judge_up_to(next, now.as_nanos());
        }
    }

    /// The moments from `first` to the last one not after `now`. Only the first of them has
    /// requests to judge by; what the others do to an instance doesn't depend on the rest.
    #[cold]
    fn judge_up_to(&mut self, first: u64, now: u64) {
        let last = now - now % self.interval;
        self.come_back(first, first);
        if self.counted {
            self.counted = false;
            self.judge(first);
        }
        self.calm_down(first, first);
        if last > first {
            let second = first + self.interval;
            self.come_back(second, last);
            self.calm_down(second, last);
        }
        self.next = last.checked_add(self.interval);
    }

    /// Ends the ejections whose time is up at one of the moments `first..=last`.
    fn come_back(&mut self, first: u64, last: u64) {
        if self.ejected == 0 {
            return;
        }
        for instance in 0..self.hosts.len() {
            let host = &self.hosts[instance];
            if !host.is_ejected {
                continue;
            }
            let lasts = self.ejection_time(host.multiplier);
            let due = host
                .since
                .checked_add(lasts.as_nanos())
                .and_then(|due| due.max(first).checked_next_multiple_of(self.interval));
            if let Some(at) = due.filter(|&at| at <= last) {
                let host = &mut self.hosts[instance];
                host.is_ejected = false;
                host.since = at;
                host.failures_in_row = 0;
                self.ejected -= 1;
            }
        }
        self.list();
    }

    /// Lowers the multiplier of everybody in health once for each of the moments `first..=last`
    /// that is at least an interval after the return.
    fn calm_down(&mut self, first: u64, last: u64) {
        for host in &mut self.hosts {
            if host.is_ejected || host.multiplier == 0 {
                continue;
            }
            // The return was at such a moment, so that this is one too.
            let from = host.since.saturating_add(self.interval).max(first);
            if from <= last {
                let times = (last - from) / self.interval + 1;
                let times = u32::try_from(times).unwrap_or(u32::MAX);
                host.multiplier = host.multiplier.saturating_sub(times);
            }
        }
    }

    /// Ejects by the rates of the interval that ends at `at`, and begins the next one.
    fn judge(&mut self, at: u64) {
        let mut rates = core::mem::take(&mut self.rates);
        if let Some(SuccessRate {
            factor,
            minimum_hosts,
            request_volume,
        }) = self.config.success_rate
        {
            self.rates_from(request_volume, &mut rates);
            if rates.len() >= minimum_hosts as usize
                && let Some((_, threshold)) = threshold(rates.iter().map(|r| r.1), factor)
            {
                for &(instance, rate) in &rates {
                    if rate < threshold {
                        self.eject(instance, at);
                    }
                }
            }
        }
        if let Some(share) = self.config.failure_percentage {
            self.rates_from(FAILURE_REQUEST_VOLUME, &mut rates);
            if rates.len() >= FAILURE_MINIMUM_HOSTS {
                for &(instance, _) in &rates {
                    let Host {
                        total, succeeded, ..
                    } = self.hosts[instance as usize];
                    // A quotient of whole numbers is rounded correctly: 85 of 100 is 0.85.
                    if f64::from(total - succeeded) / f64::from(total) >= share {
                        self.eject(instance, at);
                    }
                }
            }
        }
        self.rates = rates;
        for host in &mut self.hosts {
            host.total = 0;
            host.succeeded = 0;
        }
    }

    /// The success rates, in percent as Envoy takes them, of those with enough requests that are
    /// not ejected.
    fn rates_from(&self, request_volume: u32, rates: &mut Vec<(u32, f64)>) {
        rates.clear();
        let hosts = (0..).zip(&self.hosts);
        rates.extend(
            hosts
                .filter(|(_, host)| !host.is_ejected && host.total >= request_volume.max(1))
                .map(|(i, host)| (i, f64::from(host.succeeded) * 100.0 / f64::from(host.total))),
        );
    }

    /// Ejects unless too many are already; one always may be.
    fn eject(&mut self, instance: u32, at: u64) {
        let share = f64::from(self.ejected + 1) / self.hosts.len() as f64;
        if self.ejected > 0 && share > self.config.max_ejection {
            return;
        }
        let multiplier = self.hosts[instance as usize].multiplier;
        // The product may pass the maximum once, as in Envoy: the way down is one step longer.
        let limit = self
            .config
            .max_ejection_time
            .saturating_add(self.config.base_ejection_time);
        let grows = self
            .config
            .base_ejection_time
            .saturating_mul(u64::from(multiplier))
            < limit;
        let host = &mut self.hosts[instance as usize];
        host.is_ejected = true;
        host.since = at;
        host.multiplier += u32::from(grows);
        self.ejected += 1;
        self.list();
    }

    /// How long an ejection lasts.
    fn ejection_time(&self, multiplier: u32) -> Duration {
        self.config
            .base_ejection_time
            .saturating_mul(u64::from(multiplier))
            .min(self.config.max_ejection_time)
    }

    fn list(&mut self) {
        self.usable.clear();
        let hosts = (0..).zip(&self.hosts);
        self.usable
            .extend(hosts.filter(|(_, host)| !host.is_ejected).map(|(i, _)| i));
    }
}

fn is_failure(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Error | Outcome::Timeout | Outcome::Unavailable
    )
}

/// The mean of the rates, and the one below which an instance is an outlier: the mean less `factor`
/// standard deviations of the whole population. `None` without rates.
pub(crate) fn threshold(
    rates: impl ExactSizeIterator<Item = f64> + Clone,
    factor: f64,
) -> Option<(f64, f64)> {
    if rates.len() == 0 {
        return None;
    }
    let n = rates.len() as f64;
    let mean = rates.clone().sum::<f64>() / n;
    let variance = rates.map(|rate| (rate - mean) * (rate - mean)).sum::<f64>() / n;
    Some((mean, mean - factor * libm::sqrt(variance)))
}

#[cfg(test)]
mod tests;
