//! Active health checks of one instance by one caller: probes at a steady pace, and a count of
//! failures or successes in a row. It refuses to know what a probe asks, and of other callers.

use super::{ConfigError, positive};
use clock::{Duration, Instant};

/// When to probe, and how many outcomes in a row count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HealthCheckConfig {
    /// From the start of a probe to that of the next one; above 0.
    pub interval: Duration,
    /// How long an answer may take; above 0, at most `interval`, so that one probe is out at a time.
    pub timeout: Duration,
    /// Failures in a row after which a healthy instance is not any more; at least 1.
    pub unhealthy: u32,
    /// Successes in a row after which it is again; at least 1.
    pub healthy: u32,
}

/// What the host must do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HealthAction {
    /// Send a probe with this number; its answer goes to [`HealthChecker::on_answer`].
    Probe(u64),
    /// Call [`HealthChecker::on_timer`] at this time.
    SetTimer(HealthTimer, Instant),
    /// From now on the instance counts as healthy, or does not.
    Changed(bool),
}

/// What a checker waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HealthTimer {
    /// The next probe.
    Probe,
    /// The answer to the probe of this number.
    Timeout(u64),
}

/// One caller's opinion of one instance.
///
/// A new checker has none, and counts the instance as healthy; the first outcome alone decides then,
/// as in Envoy. From there on it takes as many in a row as the configuration says.
#[derive(Clone, Debug)]
pub struct HealthChecker {
    config: HealthCheckConfig,
    is_healthy: bool,
    /// Whether an outcome, or the host, has confirmed that.
    is_sure: bool,
    /// Outcomes in a row that speak against the present opinion.
    streak: u32,
    /// Of the last probe.
    number: u64,
    is_waiting: bool,
}

impl HealthChecker {
    /// A checker without an opinion. Its probes have numbers from `first_number` + 1 on.
    ///
    /// # Errors
    /// A span or a count is zero, or the timeout is longer than the interval.
    pub fn new(config: HealthCheckConfig, first_number: u64) -> Result<Self, ConfigError> {
        positive("interval", config.interval.is_zero())?;
        positive("timeout", config.timeout.is_zero())?;
        positive("unhealthy", config.unhealthy == 0)?;
        positive("healthy", config.healthy == 0)?;
        if config.timeout > config.interval {
            return Err(ConfigError::TooLong("timeout", "interval"));
        }
        Ok(Self {
            config,
            is_healthy: true,
            is_sure: false,
            streak: 0,
            number: first_number,
            is_waiting: false,
        })
    }

    /// The same, sure that the instance is healthy: as after a long time of good answers.
    #[must_use]
    pub fn assured(mut self) -> Self {
        self.is_sure = true;
        self
    }

    /// What it was made with.
    pub fn config(&self) -> HealthCheckConfig {
        self.config
    }

    /// Whether the instance counts as healthy.
    pub fn is_healthy(&self) -> bool {
        self.is_healthy
    }

    /// Begins. The first probe is due after `first`: callers that begin together draw it from
    /// 0..`interval`, so that their probes do not come in bursts.
    pub fn start(&mut self, now: Instant, first: Duration, out: &mut Vec<HealthAction>) {
        out.push(HealthAction::SetTimer(HealthTimer::Probe, now + first));
    }

    /// A timer has fired.
    pub fn on_timer(&mut self, now: Instant, timer: HealthTimer, out: &mut Vec<HealthAction>) {
        match timer {
            HealthTimer::Probe => {
                if self.is_waiting {
                    // The machine stood still until both timers were due.
                    self.conclude(false, out);
                }
                self.number += 1;
                self.is_waiting = true;
                out.push(HealthAction::Probe(self.number));
                // The timeout first: where both fall due at once, the old probe ends before the new.
                let timeout = HealthTimer::Timeout(self.number);
                out.push(HealthAction::SetTimer(timeout, now + self.config.timeout));
                let next = now + self.config.interval;
                out.push(HealthAction::SetTimer(HealthTimer::Probe, next));
            }
            HealthTimer::Timeout(number) => self.on_answer(number, false, out),
        }
    }

    /// The probe of this number was answered, well or badly (a refused connection is a bad answer).
    /// An answer that comes too late says nothing.
    pub fn on_answer(&mut self, number: u64, is_good: bool, out: &mut Vec<HealthAction>) {
        if self.is_waiting && number == self.number {
            self.conclude(is_good, out);
        }
    }

    fn conclude(&mut self, is_good: bool, out: &mut Vec<HealthAction>) {
        self.is_waiting = false;
        let was_sure = core::mem::replace(&mut self.is_sure, true);
        if is_good == self.is_healthy {
            self.streak = 0;
            return;
        }
        self.streak += 1;
        let needed = if is_good {
            self.config.healthy
        } else {
            self.config.unhealthy
        };
        if self.streak >= needed || !was_sure {
            self.streak = 0;
            self.is_healthy = is_good;
            out.push(HealthAction::Changed(is_good));
        }
    }
}
