//! What one caller instance knows of the instances of one service, and how it picks one of them.
//!
//! Balancing and ejection are the policies' own; this file says who stands where, and what they
//! hear.

use crate::observer::Observer;
use crate::place::Location;
use crate::slab::NONE;
use crate::state::{Instance, NO_KEY, Origin};
use clock::Instant;
use engine::{Bits, Keyed};
use model::Model;
use policy::balance::{Balancer, Zones};
use policy::config::{BalancerConfig, OutlierConfig};
use policy::{Outcome, OutlierDetector, Usable};

/// Sets what a balancer draws apart from the other draws of an attempt.
const BALANCER: u64 = 0x6261_6c61_6e63_6572;

/// One caller instance towards one service.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) balancer: Balancer,
    /// Leaves instances out that fail.
    pub(crate) detector: Option<Box<OutlierDetector>>,
    /// The instances that it knows of and that are in the rotation, ascending, by their numbers in the
    /// service; `None`: all.
    known: Option<Vec<u32>>,
    /// The same, of what it knows alone, and of the rotation alone.
    believed: Option<Vec<u32>>,
    serving: Option<Vec<u32>>,
    /// Not all instances may be picked: there is a detector, or it does not know them all.
    choosy: bool,
    /// Instances left out, as last stated.
    ejected: u32,
    /// Where the balancer hashes: among how many keys those requests are spread that have none.
    hashed: Option<u64>,
    /// How many instances there are; one needs no balancing.
    pub(crate) instances: u32,
    pub(crate) service: u32,
    /// The calling instance, or [`NONE`] for a workload's clients.
    caller: u32,
    /// Differs from caller to caller.
    pub(crate) salt: u64,
    /// The instance that led when it was heard of last, where the service is replicated.
    pub(crate) leader: u32,
}

/// How the callers of a service choose among its instances.
#[derive(Debug)]
pub(crate) struct Choice {
    balancer: BalancerConfig,
    hashed: Option<u64>,
    ejection: Option<OutlierConfig>,
}

impl Choice {
    /// By service.
    pub(crate) fn of(model: &Model) -> Vec<Self> {
        let services = model.services.iter().map(|service| Self {
            balancer: with_every_key(&service.balancer),
            hashed: hashed(&service.balancer),
            // Where there is one instance, nobody could take its place.
            ejection: (service.outlier_ejection).filter(|_| service.most_instances() > 1),
        });
        services.collect()
    }
}

impl Peers {
    /// Not yet as the service's [`Choice`] says: see [`Self::begin`].
    pub(crate) fn new(service: u32, instances: u32, caller: u32) -> Self {
        Self {
            balancer: Balancer::new(&BalancerConfig::Random, instances, 0),
            detector: None,
            known: None,
            believed: None,
            serving: None,
            choosy: false,
            ejected: 0,
            hashed: None,
            instances,
            service,
            caller,
            salt: 0,
            leader: NONE,
        }
    }

    /// In their first state; answers how many instances were left out before.
    pub(crate) fn begin(&mut self, choice: &Choice, world: &[Instance]) -> u32 {
        self.leader = NONE;
        self.hashed = choice.hashed;
        self.balancer = match &choice.balancer {
            config @ BalancerConfig::ZoneAware { .. } => self.zone_aware(config, world),
            config => Balancer::new(config, self.instances, self.salt),
        };
        self.detector = choice
            .ejection
            .as_ref()
            .map(|config| Box::new(OutlierDetector::new(config, self.instances)));
        self.choosy = self.detector.is_some() || self.known.is_some();
        core::mem::take(&mut self.ejected)
    }

    /// From now on it knows of these instances only, by their numbers in the service, ascending;
    /// `None`: of all.
    pub(crate) fn know(&mut self, known: Option<Vec<u32>>) {
        self.believed = known;
        self.narrow();
    }

    /// From now on these instances are in the rotation; `None`: all.
    pub(crate) fn rotate(&mut self, serving: Option<Vec<u32>>) {
        self.serving = serving;
        self.narrow();
    }

    fn narrow(&mut self) {
        let known = match (&self.believed, &self.serving) {
            (Some(believed), Some(serving)) => {
                let both = believed.iter().filter(|local| serving.contains(local));
                Some(both.copied().collect())
            }
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        };
        if known
            .as_ref()
            .is_some_and(|known| !known.contains(&self.leader))
        {
            self.leader = NONE;
        }
        self.known = known;
        self.choosy = self.detector.is_some() || self.known.is_some();
    }

    /// The calling instance, or [`NONE`] for a workload's clients.
    pub(crate) fn caller(&self) -> u32 {
        self.caller
    }

    fn zone_aware(&self, config: &BalancerConfig, world: &[Instance]) -> Balancer {
        let zones_of = |service: u32| {
            let theirs = world.iter().filter(move |i| i.service == service);
            theirs.map(|instance| zone(instance.location))
        };
        let instances: Vec<u16> = zones_of(self.service).collect();
        let mut callers = Vec::new();
        let mut own = None;
        if self.caller != NONE {
            let caller = &world[self.caller as usize];
            own = Some(zone(caller.location));
            for zone in zones_of(caller.service) {
                let zone = usize::from(zone);
                callers.resize(callers.len().max(zone + 1), 0);
                callers[zone] += 1;
            }
        }
        let zones = Zones {
            own,
            instances: &instances,
            callers: &callers,
        };
        Balancer::with_zones(config, self.instances, self.salt, &zones)
    }

    /// The instance that the balancer picks, by its number within the service; [`NONE`]: nobody.
    /// `key` belongs to the attempt.
    #[inline]
    pub(crate) fn pick(&mut self, now: Instant, key: u64, origin: Origin) -> u32 {
        let usable = if self.choosy {
            usable(&mut self.detector, &self.known, now)
        } else {
            Usable::All
        };
        let key = Hashed(self.hashed, key, origin);
        balance(&mut self.balancer, now, usable, key)
    }

    /// The same, none of those taken if there is another one.
    #[cold]
    pub(crate) fn pick_apart(
        &mut self,
        now: Instant,
        taken: &[u32],
        key: u64,
        origin: Origin,
    ) -> u32 {
        let mut others: Vec<u32> = match usable(&mut self.detector, &self.known, now) {
            Usable::Some(usable) => usable.to_vec(),
            Usable::All => (0..self.instances).collect(),
        };
        others.retain(|instance| !taken.contains(instance));
        let hashed = Hashed(self.hashed, key, origin);
        let picked = match &others[..] {
            [] => NONE,
            others => balance(&mut self.balancer, now, Usable::Some(others), hashed),
        };
        match picked {
            // All are taken, or those that are left have no weight.
            NONE => self.pick(now, key, origin),
            picked => picked,
        }
    }

    /// An answer that only a leader gives came from one instance, after another one was asked; or it
    /// did not come. Who did not answer is not taken for the leader any more.
    pub(crate) fn learn(&mut self, asked: u32, answered: u32, outcome: Outcome) {
        match outcome {
            Outcome::Unavailable | Outcome::Timeout if self.leader == asked => self.leader = NONE,
            Outcome::Unavailable | Outcome::Timeout => {}
            _ => self.leader = answered,
        }
    }

    /// Whoever leaves out instances that fail hears how an attempt ended.
    #[inline(never)]
    pub(crate) fn judge<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        instance: u32,
        outcome: Outcome,
    ) {
        let Some(detector) = &mut self.detector else {
            return;
        };
        detector.record(now, instance, outcome);
        let before = core::mem::replace(&mut self.ejected, detector.ejected());
        if before != self.ejected {
            obs.ejected(now, self.service as usize, before, self.ejected);
        }
    }
}

/// Of those that are known, those that are not ejected.
#[inline]
fn usable<'a>(
    detector: &'a mut Option<Box<OutlierDetector>>,
    known: &'a Option<Vec<u32>>,
    now: Instant,
) -> Usable<'a> {
    let known = known.as_deref().map_or(Usable::All, Usable::Some);
    match detector {
        None => known,
        Some(detector) => detector.usable_among(now, known),
    }
}

/// By what a hashing balancer picks: among how many keys requests without one are spread, bits of the
/// attempt, and whose request it is.
#[derive(Clone, Copy)]
struct Hashed(Option<u64>, u64, Origin);

#[inline]
fn balance(balancer: &mut Balancer, now: Instant, usable: Usable<'_>, by: Hashed) -> u32 {
    let Hashed(hashed, bits, origin) = by;
    let key = match hashed {
        None => bits,
        Some(_) if origin.key != NO_KEY => u64::from(origin.key),
        Some(keys) => bits % keys,
    };
    let mut random = Keyed::new(bits ^ BALANCER);
    balancer
        .pick(now, usable, key, &mut || random.next_u64())
        .unwrap_or(NONE)
}

fn zone(location: Location) -> u16 {
    match location {
        Location::Client(_) => unreachable!("an instance is no client"),
        Location::Instance { zone, .. } => zone as u16,
    }
}

/// Among how many keys a balancer that hashes spreads the requests that have none.
fn hashed(config: &BalancerConfig) -> Option<u64> {
    match config {
        BalancerConfig::ConsistentHash { keys } | BalancerConfig::Maglev { keys, .. } => {
            Some((*keys).max(1))
        }
        BalancerConfig::ZoneAware { within, .. } => hashed(within),
        _ => None,
    }
}

/// The same balancer for any number of keys: it is handed the keys of requests as they are.
fn with_every_key(config: &BalancerConfig) -> BalancerConfig {
    let mut config = config.clone();
    let mut inner = &mut config;
    while let BalancerConfig::ZoneAware { within, .. } = inner {
        inner = within;
    }
    if let BalancerConfig::ConsistentHash { keys } | BalancerConfig::Maglev { keys, .. } = inner {
        *keys = u64::MAX;
    }
    config
}
