//! Load balancers: which instance of a service a caller sends to.
//!
//! A balancer belongs to one caller and knows what that caller has sent and heard, nothing else. Who
//! is usable is discovery's word, and comes in with each pick.

mod consistent_hash;
mod least_requests;
mod maglev;
mod peak_ewma;
mod random;
mod round_robin;
mod weighted;
mod zone_aware;

use crate::config::BalancerConfig;
use crate::outcome::Outcome;
use clock::{Duration, Instant};
pub use consistent_hash::ConsistentHash;
pub use least_requests::LeastRequests;
pub use maglev::Maglev;
pub use peak_ewma::PeakEwma;
pub use random::Random;
pub use round_robin::RoundRobin;
pub use weighted::Weighted;
pub use zone_aware::ZoneAware;

/// Who may be picked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usable<'a> {
    /// Every instance there is.
    All,
    /// These, by index, ascending.
    Some(&'a [u32]),
}

/// One caller's way of choosing among the instances of one service.
#[derive(Clone, Debug)]
pub enum Balancer {
    /// See [`BalancerConfig::Random`].
    Random(Random),
    /// See [`BalancerConfig::RoundRobin`].
    RoundRobin(RoundRobin),
    /// See [`BalancerConfig::LeastRequests`].
    LeastRequests(LeastRequests),
    /// See [`BalancerConfig::PeakEwma`].
    PeakEwma(PeakEwma),
    /// See [`BalancerConfig::ConsistentHash`].
    ConsistentHash(ConsistentHash),
    /// See [`BalancerConfig::Weighted`].
    Weighted(Weighted),
    /// See [`BalancerConfig::Maglev`].
    Maglev(Maglev),
    /// See [`BalancerConfig::ZoneAware`].
    ZoneAware(Box<ZoneAware>),
}

/// Where the callers and the instances of a service are; zones by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zones<'a> {
    /// The caller's zone, if it is in one.
    pub own: Option<u16>,
    /// By instance, its zone.
    pub instances: &'a [u16],
    /// By zone, how many instances the calling service has there, this one included.
    pub callers: &'a [u32],
}

impl Balancer {
    /// A balancer over the instances `0..instances`, the most there will ever be. `salt` differs
    /// from caller to caller, so that they do not all begin with the same instance; a hash ring and
    /// a Maglev table take no notice of it, since there the callers must agree. Without zones a
    /// zone-aware one chooses among all as it would within a zone.
    pub fn new(config: &BalancerConfig, instances: u32, salt: u64) -> Self {
        match config {
            BalancerConfig::Random => Self::Random(Random::new(instances)),
            BalancerConfig::RoundRobin => Self::RoundRobin(RoundRobin::new(instances, salt)),
            BalancerConfig::LeastRequests {
                choices,
                with_replacement,
            } => Self::LeastRequests(LeastRequests::new(instances, *choices, *with_replacement)),
            BalancerConfig::PeakEwma { decay } => Self::PeakEwma(PeakEwma::new(instances, *decay)),
            BalancerConfig::ConsistentHash { keys } => {
                Self::ConsistentHash(ConsistentHash::new(instances, *keys))
            }
            BalancerConfig::Maglev { keys, table_size } => {
                Self::Maglev(Maglev::new(instances, *keys, *table_size))
            }
            BalancerConfig::ZoneAware { within, .. } => Self::new(within, instances, salt),
            BalancerConfig::Weighted { weights } => {
                Self::Weighted(Weighted::new(instances, weights))
            }
        }
    }

    /// The same for a caller that knows where everybody is; only zone-aware balancers ask.
    pub fn with_zones(
        config: &BalancerConfig,
        instances: u32,
        salt: u64,
        zones: &Zones<'_>,
    ) -> Self {
        let BalancerConfig::ZoneAware {
            min_cluster_size,
            within,
        } = config
        else {
            return Self::new(config, instances, salt);
        };
        let fresh = || Self::new(within, instances, salt);
        match ZoneAware::new(*min_cluster_size, fresh, instances, zones) {
            Some(balancer) => Self::ZoneAware(Box::new(balancer)),
            None => fresh(),
        }
    }

    /// The instance for a request; `None` when nobody is usable (or nobody with a weight). `key` is
    /// 64 uniform bits that belong to the request; `random` draws more.
    #[inline]
    pub fn pick(
        &mut self,
        now: Instant,
        usable: Usable<'_>,
        key: u64,
        random: &mut impl FnMut() -> u64,
    ) -> Option<u32> {
        match self {
            Self::Random(b) => b.pick(usable, random),
            Self::RoundRobin(b) => b.pick(usable),
            Self::LeastRequests(b) => b.pick(usable, random),
            Self::PeakEwma(b) => b.pick(now, usable, random),
            Self::ConsistentHash(b) => b.pick(usable, key),
            Self::Weighted(b) => b.pick(usable),
            Self::Maglev(b) => b.pick(usable, key),
            Self::ZoneAware(b) => b.pick(now, usable, key, random),
        }
    }

    /// A request went to `instance`.
    #[inline]
    pub fn sent(&mut self, now: Instant, instance: u32) {
        match self {
            Self::ZoneAware(b) => b.sent(now, instance),
            Self::LeastRequests(b) => b.sent(instance),
            Self::PeakEwma(b) => b.sent(instance),
            _ => {}
        }
    }

    /// A request to `instance` ended, or was given up, after `latency`. Every `sent` has one.
    #[inline]
    pub fn ended(&mut self, now: Instant, instance: u32, latency: Duration, outcome: Outcome) {
        match self {
            Self::ZoneAware(b) => b.ended(now, instance, latency, outcome),
            Self::LeastRequests(b) => b.ended(instance),
            Self::PeakEwma(b) => b.ended(now, instance, latency),
            _ => {}
        }
    }
}

impl Usable<'_> {
    /// How many there are, out of `instances`.
    #[inline]
    fn len(self, instances: u32) -> u32 {
        match self {
            Self::All => instances,
            Self::Some(list) => list.len() as u32,
        }
    }

    /// The instance at a position below `len`.
    #[inline]
    fn at(self, position: u32) -> u32 {
        match self {
            Self::All => position,
            Self::Some(list) => list[position as usize],
        }
    }

    #[inline]
    fn contains(self, instance: u32) -> bool {
        match self {
            Self::All => true,
            Self::Some(list) => list.binary_search(&instance).is_ok(),
        }
    }
}

/// Uniform below `n` (Lemire's multiplication; its bias is below `n` in 2^64).
#[inline]
fn below(n: u32, random: &mut impl FnMut() -> u64) -> u32 {
    ((u128::from(random()) * u128::from(n)) >> 64) as u32
}

/// Two different positions below `n`, which is at least 2, each ordered pair as likely as any.
#[inline]
fn two_below(n: u32, random: &mut impl FnMut() -> u64) -> (u32, u32) {
    let first = below(n, random);
    let second = below(n - 1, random);
    (first, second + u32::from(second >= first))
}

/// A bijection that spreads every bit over all (the finaliser of SplitMix64).
#[inline]
pub(crate) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
