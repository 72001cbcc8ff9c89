//! Envoy's zone-aware routing: stay in the own zone as far as that is fair.
//!
//! Callers are taken to be alike, and so are instances. A zone with no larger a share of the callers
//! than of the usable instances serves its own callers alone, and has room left. From any other zone
//! just the share leaves that its instances cannot take, and is spread over the zones with room, in
//! proportion to it. Then every instance bears the same load, and no more than needed crosses zones.
//! Shares are compared as whole numbers, where Envoy rounds them to a ten-thousandth. Envoy's panic
//! mode, which uses instances that are not usable, is not here.

use super::{Balancer, Usable, Zones};
use crate::outcome::Outcome;
use clock::{Duration, Instant};

/// Chooses a zone, then an instance in it.
#[derive(Clone, Debug)]
pub struct ZoneAware {
    min_cluster_size: u32,
    instances: u32,
    /// The caller's.
    own: usize,
    /// By zone, how many callers there are.
    callers: Box<[u32]>,
    /// By instance.
    zone_of: Box<[u16]>,
    /// When no zone is preferred.
    everywhere: Balancer,
    /// By zone.
    within: Box<[Balancer]>,
    routes: Routes,
}

/// What follows from who is usable.
#[derive(Clone, Debug, Default)]
struct Routes {
    /// Who was usable when this was found out; `None`: all.
    usable: Option<Vec<u32>>,
    /// By zone, in order; empty when no zone is preferred.
    zones: Vec<Vec<u32>>,
    /// The share that stays: `stays` out of `all`.
    stays: u64,
    all: u64,
    /// By zone, the room up to and with it.
    room: Vec<u64>,
}

impl ZoneAware {
    /// `None` when there is nothing to prefer: fewer than two zones have instances, or callers, or
    /// the own one is unknown or has no callers.
    pub(super) fn new(
        min_cluster_size: u32,
        within: impl Fn() -> Balancer,
        instances: u32,
        zones: &Zones<'_>,
    ) -> Option<Self> {
        let own = usize::from(zones.own?);
        let zone_of: Box<[u16]> = zones
            .instances
            .iter()
            .copied()
            .take(instances as usize)
            .collect();
        let inhabited = zones.callers.iter().filter(|&&n| n > 0).count();
        let elsewhere = zone_of.iter().any(|zone| Some(zone) != zone_of.first());
        let ours = zones.callers.get(own).is_some_and(|&n| n > 0);
        if inhabited < 2 || !elsewhere || !ours || zone_of.len() < instances as usize {
            return None;
        }
        let count = zone_of
            .iter()
            .map(|&zone| usize::from(zone) + 1)
            .max()
            .unwrap_or(0)
            .max(zones.callers.len());
        let mut callers = zones.callers.to_vec();
        callers.resize(count, 0);
        let mut balancer = Self {
            min_cluster_size,
            instances,
            own,
            callers: callers.into(),
            zone_of,
            everywhere: within(),
            within: (0..count).map(|_| within()).collect(),
            routes: Routes::default(),
        };
        balancer.find_routes(Usable::All);
        Some(balancer)
    }

    #[inline]
    pub(super) fn pick(
        &mut self,
        now: Instant,
        usable: Usable<'_>,
        key: u64,
        random: &mut impl FnMut() -> u64,
    ) -> Option<u32> {
        if !self.routes.are_for(usable) {
            self.find_routes(usable);
        }
        if self.routes.zones.is_empty() {
            return self.everywhere.pick(now, usable, key, random);
        }
        let zone = self.routes.zone(self.own, random);
        let there = Usable::Some(&self.routes.zones[zone]);
        self.within[zone].pick(now, there, key, random)
    }

    #[inline]
    pub(super) fn sent(&mut self, now: Instant, instance: u32) {
        self.everywhere.sent(now, instance);
        self.within[usize::from(self.zone_of[instance as usize])].sent(now, instance);
    }

    #[inline]
    pub(super) fn ended(
        &mut self,
        now: Instant,
        instance: u32,
        latency: Duration,
        outcome: Outcome,
    ) {
        self.everywhere.ended(now, instance, latency, outcome);
        let zone = usize::from(self.zone_of[instance as usize]);
        self.within[zone].ended(now, instance, latency, outcome);
    }

    fn find_routes(&mut self, usable: Usable<'_>) {
        let routes = &mut self.routes;
        routes.usable = match usable {
            Usable::All => None,
            Usable::Some(list) => Some(list.to_vec()),
        };
        routes.zones.clear();
        routes.room.clear();
        let count = usable.len(self.instances);
        if count < self.min_cluster_size.max(1) {
            return;
        }
        routes.zones.resize(self.callers.len(), Vec::new());
        for instance in (0..count).map(|position| usable.at(position)) {
            routes.zones[usize::from(self.zone_of[instance as usize])].push(instance);
        }
        // Both shares in parts of callers times instances: what a zone's instances can take, and
        // what its callers send.
        let callers: u64 = self.callers.iter().map(|&n| u64::from(n)).sum();
        let takes = |zone: usize| routes.zones[zone].len() as u64 * callers;
        let sends = |zone: usize| u64::from(self.callers[zone]) * u64::from(count);
        routes.all = sends(self.own);
        routes.stays = takes(self.own).min(routes.all);
        let mut sum = 0;
        for zone in 0..self.callers.len() {
            // What is full, the own zone among it, has no room.
            sum += takes(zone).saturating_sub(sends(zone));
            routes.room.push(sum);
        }
    }
}

impl Routes {
    #[inline]
    fn are_for(&self, usable: Usable<'_>) -> bool {
        match (usable, &self.usable) {
            (Usable::All, None) => true,
            (Usable::Some(list), Some(known)) => list == known,
            _ => false,
        }
    }

    /// The zone for a request; one that has usable instances.
    #[inline]
    fn zone(&self, own: usize, random: &mut impl FnMut() -> u64) -> usize {
        if self.stays == self.all || below(self.all, random) < self.stays {
            return own;
        }
        // What all zones take and what they send adds up to the same, so that there is room elsewhere.
        let place = below(self.room.last().copied().unwrap_or(0), random);
        self.room.partition_point(|&room| room <= place)
    }
}

/// Uniform below `n` (as for 32 bits; its bias is below `n` in 2^64).
#[inline]
fn below(n: u64, random: &mut impl FnMut() -> u64) -> u64 {
    ((u128::from(random()) * u128::from(n)) >> 64) as u64
}
