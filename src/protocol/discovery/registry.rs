//! A registry of leases after Netflix Eureka: who has a lease, when it ends, and when no lease ends
//! because too many would. It refuses to know its peers: each registry has heard what it has heard.
//!
//! What is Eureka's own, to the letter of its source (`Lease`, `AbstractInstanceRegistry`,
//! `PeerAwareInstanceRegistryImpl`):
//!
//! * **A renewed lease lives twice as long as it says.** A renewal notes the present time *plus* the
//!   duration as the last update, and a lease has expired when the present time is past the last
//!   update plus the duration. A lease that was registered and never renewed lives once as long. Its
//!   authors know, and keep it, because clients rely on it.
//! * **Eviction is periodic** (once a minute unless configured). A run that comes late gives every
//!   lease the delay as a bonus.
//! * **Self-preservation**: nothing expires unless the renewals of the last full minute are *more*
//!   than ⌊expected renewals a minute × share⌋. With 30 s and 85 %, a registry of fewer than seven
//!   instances never evicts one.
//! * **One run evicts at most** n − ⌊n × share⌋ of n leases, chosen at random among the expired.
//! * **A registry that starts empty keeps silent** for a while (five minutes in Eureka) before it
//!   hands out its list, so that callers do not take its ignorance for the truth.
//!
//! What is not: the number of renewals to expect is that of the leases held, exactly, where Eureka
//! counts registrations and corrects itself every quarter of an hour; and there is no cache of
//! responses, which adds up to 30 s to what callers see.

use super::{ConfigError, positive};
use clock::{Duration, Instant};
use std::collections::BTreeMap;

/// Over which renewals are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// How a registry ends leases.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RegistryConfig {
    /// The share of expected renewals that must be exceeded for leases to expire, 0..=1; 0: they
    /// always may.
    pub self_preservation: f64,
    /// Between two runs of the eviction; above 0.
    pub eviction: Duration,
    /// How long a registry that starts without leases hands out no list.
    pub silence: Duration,
}

/// What an instance has asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// It will renew this often; above 0.
    pub heartbeat: Duration,
    /// The lease ends so long after it would have been renewed; see [`Registry`].
    pub expiry: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    terms: Terms,
    /// As in Eureka: in the future by one `expiry`, once it was renewed.
    updated: Instant,
}

/// One registry. Instances are known by the numbers that the host gives them.
///
/// A lease that was renewed ends **twice** its `expiry` after the last renewal, at the next eviction,
/// unless self-preservation holds it: Eureka's own arithmetic, which the module's source explains.
#[derive(Clone, Debug)]
pub struct Registry {
    config: RegistryConfig,
    leases: BTreeMap<u32, Lease>,
    speaks_at: Instant,
    /// When the present minute of counting ends.
    minute_ends: Instant,
    renewals: u64,
    renewals_before: u64,
    /// When an eviction is due.
    due: Instant,
}

impl Registry {
    /// A registry that starts, without leases. Its first eviction is due after `first`, at most one
    /// period.
    ///
    /// # Errors
    /// The period of the eviction is zero, or the share is none.
    pub fn new(config: RegistryConfig, now: Instant, first: Duration) -> Result<Self, ConfigError> {
        positive("eviction", config.eviction.is_zero())?;
        if !(0.0..=1.0).contains(&config.self_preservation) {
            return Err(ConfigError::NoShare("self_preservation"));
        }
        let due = now + first.min(config.eviction);
        Ok(Self {
            config,
            leases: BTreeMap::new(),
            speaks_at: now + config.silence,
            minute_ends: due,
            renewals: 0,
            renewals_before: 0,
            due,
        })
    }

    /// The same, not silent: as after a long time.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.speaks_at = Instant::ZERO;
        self
    }

    /// When the next eviction is due.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// An instance asks for a lease; one that it has begins anew.
    pub fn register(&mut self, now: Instant, instance: u32, terms: Terms) {
        let updated = now;
        self.leases.insert(instance, Lease { terms, updated });
    }

    /// An instance renews its lease; `false`: it has none, and must register.
    #[must_use]
    pub fn renew(&mut self, now: Instant, instance: u32) -> bool {
        self.turn_minutes(now);
        let Some(lease) = self.leases.get_mut(&instance) else {
            return false;
        };
        self.renewals += 1;
        lease.updated = now + lease.terms.expiry;
        true
    }

    /// Whether it hands out its list.
    pub fn speaks(&self, now: Instant) -> bool {
        now >= self.speaks_at
    }

    /// Those that have a lease, ascending.
    pub fn instances(&self) -> impl Iterator<Item = u32> + '_ {
        self.leases.keys().copied()
    }

    /// The eviction runs: those who lose their lease are appended to `out`. [`Self::due`] says when
    /// it runs again.
    pub fn evict(&mut self, now: Instant, chance: &mut impl FnMut() -> u64, out: &mut Vec<u32>) {
        let late = now.since(self.due);
        self.due = now + self.config.eviction;
        self.turn_minutes(now);
        if self.is_preserving() {
            return;
        }
        let is_over = |lease: &Lease| now > lease.updated + lease.terms.expiry + late;
        let mut over: Vec<u32> = self
            .leases
            .iter()
            .filter(|(_, lease)| is_over(lease))
            .map(|(instance, _)| *instance)
            .collect();
        let held = self.leases.len();
        let most = held - (held as f64 * self.config.self_preservation) as usize;
        for place in 0..over.len().min(most) {
            let left = (over.len() - place) as u64;
            over.swap(place, place + (chance() % left) as usize);
            self.leases.remove(&over[place]);
            out.push(over[place]);
        }
    }

    /// Whether no lease ends at present, as too few were renewed in the last full minute.
    pub fn is_preserving(&self) -> bool {
        if self.config.self_preservation == 0.0 {
            return false;
        }
        let a_minute = |lease: &Lease| MINUTE.as_secs_f64() / lease.terms.heartbeat.as_secs_f64();
        let expected: f64 = self.leases.values().map(a_minute).sum();
        let threshold = (expected * self.config.self_preservation) as u64;
        threshold == 0 || self.renewals_before <= threshold
    }

    fn turn_minutes(&mut self, now: Instant) {
        if now < self.minute_ends {
            return;
        }
        self.renewals_before = core::mem::take(&mut self.renewals);
        self.minute_ends += MINUTE;
        if now >= self.minute_ends {
            // A whole minute without a word.
            self.renewals_before = 0;
            let minutes = now.since(self.minute_ends).as_nanos() / MINUTE.as_nanos() + 1;
            self.minute_ends += MINUTE.saturating_mul(minutes);
        }
    }
}
