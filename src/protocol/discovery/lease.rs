//! The two ends that speak to registries: an instance that keeps its lease alive, and a caller that
//! fetches the list. Neither knows what a registry does with it.

use super::{ConfigError, positive};
use clock::{Duration, Instant};

/// What a holder of a lease asks of its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeaseAction {
    /// Ask the registry for a lease.
    Register,
    /// Renew the lease; the answer *unknown* goes to [`LeaseHolder::on_unknown`].
    Renew,
    /// Call [`LeaseHolder::on_timer`] at this time.
    SetTimer(Instant),
}

/// One instance towards one registry. A renewal that is lost is not repeated: the next one comes at
/// its time.
#[derive(Clone, Debug)]
pub struct LeaseHolder {
    heartbeat: Duration,
}

impl LeaseHolder {
    /// # Errors
    /// The heartbeat is zero.
    pub fn new(heartbeat: Duration) -> Result<Self, ConfigError> {
        positive("heartbeat", heartbeat.is_zero())?;
        Ok(Self { heartbeat })
    }

    /// The instance has started: it registers at once.
    pub fn start(&self, now: Instant, out: &mut Vec<LeaseAction>) {
        out.push(LeaseAction::Register);
        out.push(LeaseAction::SetTimer(now + self.heartbeat));
    }

    /// The instance has been registered for long; its next renewal is due after `first`.
    pub fn go_on(&self, now: Instant, first: Duration, out: &mut Vec<LeaseAction>) {
        out.push(LeaseAction::SetTimer(now + first));
    }

    /// A renewal is due.
    pub fn on_timer(&self, now: Instant, out: &mut Vec<LeaseAction>) {
        out.push(LeaseAction::Renew);
        out.push(LeaseAction::SetTimer(now + self.heartbeat));
    }

    /// The registry does not know the instance: it was evicted, or the registry has lost its memory.
    pub fn on_unknown(&self, out: &mut Vec<LeaseAction>) {
        out.push(LeaseAction::Register);
    }
}

/// How a caller fetches the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubscriberConfig {
    /// From one fetch to the next; above 0.
    pub refresh: Duration,
    /// How long a registry may take to answer; above 0, at most `refresh`.
    pub timeout: Duration,
    /// How many registries there are; at least 1.
    pub registries: u32,
}

/// What a subscriber asks of its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubscriberAction {
    /// Ask a registry for its list; the answer carries the number of the fetch.
    Fetch {
        /// Its number, below [`SubscriberConfig::registries`].
        registry: u32,
        /// Of the fetch.
        number: u64,
    },
    /// Call [`Subscriber::on_timer`] at this time.
    SetTimer(SubscriberTimer, Instant),
}

/// What a subscriber waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubscriberTimer {
    /// The next fetch.
    Refresh,
    /// The answer to the fetch of this number.
    Timeout(u64),
}

/// One caller towards the registries. It asks the one that answered last; where that fails, the
/// others in turn, each once. When none answers, the caller keeps the list that it has.
#[derive(Clone, Debug)]
pub struct Subscriber {
    config: SubscriberConfig,
    favourite: u32,
    /// Registries that have failed since the refresh began.
    failed: u32,
    number: u64,
    is_waiting: bool,
}

impl Subscriber {
    /// A caller that begins with the first registry. Its fetches have numbers from `first_number` + 1
    /// on.
    ///
    /// # Errors
    /// A span or the number of registries is zero, or the timeout is longer than the refresh.
    pub fn new(config: SubscriberConfig, first_number: u64) -> Result<Self, ConfigError> {
        positive("refresh", config.refresh.is_zero())?;
        positive("timeout", config.timeout.is_zero())?;
        positive("registries", config.registries == 0)?;
        if config.timeout > config.refresh {
            return Err(ConfigError::TooLong("timeout", "refresh"));
        }
        Ok(Self {
            config,
            favourite: 0,
            failed: 0,
            number: first_number,
            is_waiting: false,
        })
    }

    /// What it was made with.
    pub fn config(&self) -> SubscriberConfig {
        self.config
    }

    /// Begins: the first fetch is due after `first`.
    pub fn start(&mut self, now: Instant, first: Duration, out: &mut Vec<SubscriberAction>) {
        let at = now + first;
        out.push(SubscriberAction::SetTimer(SubscriberTimer::Refresh, at));
    }

    /// A timer has fired.
    pub fn on_timer(
        &mut self,
        now: Instant,
        timer: SubscriberTimer,
        out: &mut Vec<SubscriberAction>,
    ) {
        match timer {
            SubscriberTimer::Refresh => {
                let next = now + self.config.refresh;
                self.failed = 0;
                self.fetch(now, out);
                out.push(SubscriberAction::SetTimer(SubscriberTimer::Refresh, next));
            }
            SubscriberTimer::Timeout(number) => self.on_failed(now, number, out),
        }
    }

    /// A registry has answered the fetch of this number with its list; whether that counts. One that
    /// comes too late does not.
    #[must_use]
    pub fn on_list(&mut self, number: u64) -> bool {
        let counts = self.is_waiting && number == self.number;
        self.is_waiting &= !counts;
        counts
    }

    /// A registry has refused, or not answered in time: the next one is asked, if there is one that
    /// has not been.
    pub fn on_failed(&mut self, now: Instant, number: u64, out: &mut Vec<SubscriberAction>) {
        if !self.is_waiting || number != self.number {
            return;
        }
        self.is_waiting = false;
        self.favourite = (self.favourite + 1) % self.config.registries;
        self.failed += 1;
        if self.failed < self.config.registries {
            self.fetch(now, out);
        }
    }

    fn fetch(&mut self, now: Instant, out: &mut Vec<SubscriberAction>) {
        self.number += 1;
        self.is_waiting = true;
        let (registry, number) = (self.favourite, self.number);
        out.push(SubscriberAction::Fetch { registry, number });
        let at = now + self.config.timeout;
        let timer = SubscriberTimer::Timeout(number);
        out.push(SubscriberAction::SetTimer(timer, at));
    }
}
