//! What one caller believes of one service, and what becomes known when it changes its mind.

use crate::observer::{DiscoveryFact, Observer};
use crate::post::Party;
use crate::world::World;
use clock::Instant;
use protocol::discovery::{HealthChecker, Subscriber};

/// A caller's view of a service.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) party: Party,
    pub(super) service: u32,
    /// Where it balances.
    pub(super) peers: u32,
    pub(super) source: Source,
    /// By instance of the service: whether it is believed to be alive.
    pub(super) known: Box<[bool]>,
    /// By instance: it went down while this caller knew it, and the caller has not noticed yet.
    pub(super) overlooked: Box<[bool]>,
}

/// Where a view comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// By instance.
    Checks(Box<[HealthChecker]>),
    /// From a registry of these books (the first one, and how many).
    Leases {
        subscriber: Subscriber,
        books: (u32, u32),
    },
    /// As a member of the group, by the number of the member.
    Gossip(u32),
}

impl Watch {
    fn left_out(&self) -> u32 {
        self.known.iter().filter(|known| !**known).count() as u32
    }
}

impl World {
    /// A caller believes from now on that an instance, by its number in the service, is alive, or is
    /// not.
    pub(super) fn believe<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        watch: u32,
        local: u32,
        alive: bool,
    ) {
        let view = &mut self.directory.watches[watch as usize];
        if view.known[local as usize] == alive {
            return;
        }
        let before = view.left_out();
        view.known[local as usize] = alive;
        let after = view.left_out();
        let service = view.service as usize;
        let overlooked = core::mem::take(&mut view.overlooked[local as usize]);
        obs.discovery(now, service, DiscoveryFact::LeftOut { before, after });
        if !alive {
            let id = (self.first_instances[service] + local) as usize;
            if self.instances[id].is_up() {
                obs.discovery(now, service, DiscoveryFact::FalseAlarm);
            } else if overlooked {
                let after = now.since(self.directory.down_since[id]);
                obs.discovery(now, service, DiscoveryFact::Noticed { after });
            }
        }
        self.show(watch);
    }

    /// The balancer of a caller sees its view.
    fn show(&mut self, watch: u32) {
        let view = &self.directory.watches[watch as usize];
        let known = (0..).zip(&view.known).filter(|(_, known)| **known);
        let known: Vec<u32> = known.map(|(local, _)| local).collect();
        let all = known.len() == view.known.len();
        self.peers[view.peers as usize].know((!all).then_some(known));
    }

    /// An instance is down: those who know it overlook that, and what it knew itself is gone.
    pub(super) fn goes_out_of_sight<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let (service, local) = {
            let instance = &self.instances[id as usize];
            (instance.service, instance.local as usize)
        };
        for watch in 0..self.directory.watches.len() {
            let view = &mut self.directory.watches[watch];
            if view.party == Party::Instance(id) {
                let before = view.left_out();
                view.known.fill(true);
                view.overlooked.fill(false);
                if before > 0 {
                    let fact = DiscoveryFact::LeftOut { before, after: 0 };
                    obs.discovery(now, view.service as usize, fact);
                    self.show(watch as u32);
                }
                continue;
            }
            if view.service == service {
                let is_there = match view.party {
                    Party::Instance(id) => self.instances[id as usize].is_up(),
                    Party::Clients(_) | Party::Nobody => true,
                };
                view.overlooked[local] = view.known[local] && is_there;
            }
        }
    }

    /// An instance is up: there is nothing to be noticed any more.
    pub(super) fn comes_into_sight(&mut self, id: u32) {
        let instance = &self.instances[id as usize];
        for view in &mut self.directory.watches {
            if view.service == instance.service {
                view.overlooked[instance.local as usize] = false;
            }
        }
    }
}
