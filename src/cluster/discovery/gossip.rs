//! Gossip: the instances of a service and its callers are one group, and each is a member once.

use super::view::Source;
use super::{Directory, Letter, What, purpose};
use crate::observer::Observer;
use crate::post::Party;
use crate::world::World;
use clock::Instant;
use engine::Keyed;
use protocol::discovery::{Gossip, GossipAction, GossipConfig, GossipTimer};

/// One member of the group of a service.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) party: Party,
    pub(super) service: u32,
    /// The first member of the group, and how many there are; instances come first, so that an
    /// address below their number is an instance's number in the service.
    pub(super) group: (u32, u32),
    pub(super) config: GossipConfig,
    /// `None` while it is down.
    pub(super) machine: Option<Gossip>,
    /// It has found the others, so that its view is the machine's.
    pub(super) has_joined: bool,
    /// Its view, where it calls the service.
    pub(super) watch: Option<u32>,
}

impl Directory {
    /// The members at an instance are gone.
    pub(super) fn silence(&mut self, id: u32) {
        let mine = |member: &&mut Member| member.party == Party::Instance(id);
        for member in self.members.iter_mut().filter(mine) {
            member.machine = None;
        }
    }

    fn new_member(&mut self, now: Instant, number: u32) {
        let life = self.life(self.members[number as usize].party);
        let key = Keyed::child(Keyed::child(self.key, purpose::MEMBER), number.into());
        let member = &mut self.members[number as usize];
        let (first, count) = member.group;
        let address = number - first;
        // Each begins to look behind itself, so that not all ask the same one.
        let seeds: Vec<u32> = (1..count).map(|step| (address + step) % count).collect();
        let seed = Keyed::child(key, life.into());
        let machine = Gossip::new(&member.config, address, &seeds, now, seed);
        member.machine = Some(machine.expect("a model states spans that fit"));
    }
}

impl World {
    pub(super) fn start_gossip(&mut self) {
        for member in 0..self.directory.members.len() as u32 {
            self.directory.new_member(Instant::ZERO, member);
            let mine = &mut self.directory.members[member as usize];
            mine.has_joined = true;
            let (party, period) = (mine.party, mine.config.probe_interval);
            let first = self.directory.span(purpose::BEGIN, member.into(), period);
            self.remind(Instant::ZERO + first, party, What::Begin { member });
        }
    }

    /// A member begins, among the others, as if it had done so for long.
    pub(super) fn begins_gossip<O: Observer>(&mut self, now: Instant, obs: &mut O, member: u32) {
        self.with_member(now, obs, member, |machine, out| {
            machine.start_among(now, out)
        });
    }

    /// The members at an instance that starts again look for the others.
    pub(super) fn join_gossip<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        for member in 0..self.directory.members.len() as u32 {
            if self.directory.members[member as usize].party != Party::Instance(id) {
                continue;
            }
            self.directory.new_member(now, member);
            self.directory.members[member as usize].has_joined = false;
            self.with_member(now, obs, member, |machine, out| machine.start(now, out));
        }
    }

    pub(super) fn gossip_is_due<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        member: u32,
        timer: GossipTimer,
    ) {
        self.with_member(now, obs, member, |machine, out| {
            machine.on_timer(now, timer, out);
        });
    }

    pub(super) fn hears_gossip<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        member: u32,
        bytes: &[u8],
    ) {
        self.with_member(now, obs, member, |machine, out| {
            machine.on_message(now, bytes, out);
        });
    }

    /// A member does something, and the world what it asks for.
    fn with_member<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        number: u32,
        act: impl FnOnce(&mut Gossip, &mut Vec<GossipAction>),
    ) {
        let member = &mut self.directory.members[number as usize];
        let Some(machine) = &mut member.machine else {
            return;
        };
        let mut actions = Vec::new();
        act(machine, &mut actions);
        let (party, service, first) = (member.party, member.service, member.group.0);
        let mut finds_others = false;
        for action in actions {
            match action {
                GossipAction::Send(address, bytes) => {
                    let to = first + address;
                    let way = (party, self.directory.members[to as usize].party);
                    let letter = Letter::Gossip { member: to, bytes };
                    self.tell(now, obs, service, way, letter);
                }
                GossipAction::SetTimer(timer, at) => {
                    let member = number;
                    self.remind(at, party, What::Gossip { member, timer });
                }
                GossipAction::Changed { address, alive } => {
                    let member = &mut self.directory.members[number as usize];
                    finds_others |= !core::mem::replace(&mut member.has_joined, true);
                    if let Some(watch) = member.watch {
                        self.hears_of(now, obs, watch, address, alive);
                    }
                }
            }
        }
        if finds_others {
            self.believe_machine(now, obs, number);
        }
    }

    fn hears_of<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        watch: u32,
        address: u32,
        alive: bool,
    ) {
        // Others of the group are callers, whom nobody calls.
        if (address as usize) < self.directory.watches[watch as usize].known.len() {
            self.believe(now, obs, watch, address, alive);
        }
    }

    /// A member that has just found the others knows those who are alive, and itself.
    fn believe_machine<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32) {
        let member = &self.directory.members[number as usize];
        let (Some(watch), Some(machine)) = (member.watch, &member.machine) else {
            return;
        };
        let view = &self.directory.watches[watch as usize];
        debug_assert!(matches!(view.source, Source::Gossip(own) if own == number));
        let mut alive = vec![false; view.known.len()];
        let own = number - member.group.0;
        for address in machine.alive().chain([own]) {
            if let Some(alive) = alive.get_mut(address as usize) {
                *alive = true;
            }
        }
        for (local, alive) in (0..).zip(alive) {
            self.believe(now, obs, watch, local, alive);
        }
    }
}
