//! More or fewer instances: what an autoscaler has decided is done.
//!
//! One that is added has stood by, and starts with the version that the others have. One that goes is
//! left out by all callers at once, and serves what it has.

use super::swap::Fate;
use super::{Deployments, Phase, What};
use crate::observer::Observer;
use crate::world::World;
use clock::Instant;
use core::cmp::Reverse;

impl Deployments {
    /// The instances that serve a service, or will when they are ready.
    pub(crate) fn serves(&self, service: u32) -> &[u32] {
        &self.home[service as usize]
    }
}

impl World {
    /// Whether a version of a service goes out or is taken back, so that its instances are spoken for.
    pub(crate) fn is_changing(&self, service: u32) -> bool {
        let mut changes = self.deployments.list.iter();
        changes.any(|change| {
            let of_service =
                matches!(change.what, What::Version { service: s, .. } if s == service);
            let busy = match change.phase {
                Phase::Out => change.roll.is_some(),
                Phase::Alarmed | Phase::Returning => true,
                Phase::Ahead | Phase::Over => false,
            };
            of_service && busy
        })
    }

    /// So many instances of a service serve it from now on, those included that are to start first.
    pub(crate) fn set_number<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        service: u32,
        number: u32,
    ) {
        let there = self.deployments.home[service as usize].len() as u32;
        for _ in there..number {
            self.add_instance(now, obs, service);
        }
        for _ in number..there {
            self.drop_instance(now, obs, service);
        }
    }

    /// Starts an instance that stands by; if there is none, one that is about to stop comes back when it
    /// has stopped.
    fn add_instance<O: Observer>(&mut self, now: Instant, obs: &mut O, service: u32) {
        let beside = self.beside(service).into_iter();
        let next = beside.min_by_key(|&id| (self.fate(id) != Some(Fate::Down), id));
        if let Some(id) = next {
            let home = &mut self.deployments.home[service as usize];
            home.push(id);
            home.sort_unstable();
            let version = self.deployments.stable[service as usize];
            self.swap(now, obs, id, version);
        }
    }

    /// Stops an instance: one that is not ready, if there is one, else the last.
    fn drop_instance<O: Observer>(&mut self, now: Instant, obs: &mut O, service: u32) {
        let home = self.deployments.home[service as usize].iter().copied();
        let next = home.min_by_key(|&id| (self.instances[id as usize].is_up(), Reverse(id)));
        if let Some(id) = next {
            self.deployments.home[service as usize].retain(|&one| one != id);
            self.shut_down(now, obs, id);
        }
    }
}
