//! What is remembered of failures while a world runs, so that a failed request can tell where it stood.
//!
//! Nothing is remembered unless an observer asks for causes, and nothing that is remembered is asked by
//! any other station: a world with it goes the same way as one without.
//! What has gone wrong is noted at the place that knows why (a full queue, a machine that is down); who
//! waits in vain is looked at while it still waits, in `stand`. What the workers of a service do, for those
//! who wait for one, is looked up in `look`.

mod look;
mod stand;
mod why;

use crate::cause::{ChainId, Chains, Link, Why};
use crate::decision::Word;
use crate::observer::Observer;
use crate::slab::NONE;
use crate::world::World;
use clock::Instant;
use look::Looks;
use policy::{Outcome, TimerId};

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Blame {
    pub(crate) chains: Chains,
    /// By slot: why what is there has failed.
    strands: Vec<Noted>,
    /// By slot: why the last attempt of the call has failed, or is waited for in vain.
    calls: Vec<Noted>,
    /// By channel: why the last attempt has failed.
    channels: Vec<ChainId>,
    /// By instance: the fault that took it down last.
    crashed_by: Vec<u32>,
    looks: Looks,
    /// Of strands that are being looked at, one below the other.
    depth: u32,
}

/// The key tells whether it speaks of who has the slot now, so that nobody need clear up.
#[derive(Clone, Copy, Debug)]
struct Noted {
    key: u64,
    chain: ChainId,
}

impl Default for Noted {
    fn default() -> Self {
        Self {
            key: 0,
            chain: ChainId::EMPTY,
        }
    }
}

/// Sets an entry of a list that is as long as it needs to be.
fn set<T: Clone>(list: &mut Vec<T>, slot: u32, value: T, none: T) {
    let slot = slot as usize;
    if list.len() <= slot {
        list.resize(slot + 1, none);
    }
    list[slot] = value;
}

/// What was noted of the slot whose owner has this key now.
fn noted(list: &[Noted], slot: u32, key: u64) -> ChainId {
    match list.get(slot as usize) {
        Some(noted) if noted.key == key => noted.chain,
        _ => ChainId::EMPTY,
    }
}

impl Blame {
    fn one(&mut self, link: Link) -> ChainId {
        self.chains.push(link, ChainId::EMPTY)
    }

    fn of_strand(&self, world: &World, id: u32) -> ChainId {
        noted(&self.strands, id, world.strands[id].key)
    }

    fn of_call(&self, world: &World, call: u32) -> ChainId {
        noted(&self.calls, call, world.calls[call].key)
    }

    fn of_channel(&self, channel: u32) -> ChainId {
        let noted = self.channels.get(channel as usize);
        noted.copied().unwrap_or(ChainId::EMPTY)
    }

    fn note_strand(&mut self, world: &World, id: u32, chain: ChainId) {
        let key = world.strands[id].key;
        set(
            &mut self.strands,
            id,
            Noted { key, chain },
            Noted::default(),
        );
    }

    fn note_call(&mut self, world: &World, call: u32, chain: ChainId) {
        let key = world.calls[call].key;
        set(
            &mut self.calls,
            call,
            Noted { key, chain },
            Noted::default(),
        );
    }
}

impl World {
    /// An observer wants to hear causes: they are remembered from now on.
    pub(crate) fn remember_causes(&mut self) {
        if self.blame.is_none() {
            self.blame = Some(Box::default());
        }
    }

    /// The chains of causes that [`Observer::blamed`] has named, if any observer has listened to it.
    pub fn chains(&self) -> Option<&Chains> {
        self.blame.as_ref().map(|blame| &blame.chains)
    }

    /// Notes something, where anybody wants to know.
    #[cold]
    #[inline(never)]
    fn note(&mut self, note: impl FnOnce(&mut Blame, &Self)) {
        if let Some(mut blame) = self.blame.take() {
            note(&mut blame, self);
            self.blame = Some(blame);
        }
    }

    /// A strand fails, or the answer that it stands for says so, for this reason alone.
    pub(crate) fn blame(&mut self, id: u32, reason: impl FnOnce(&Self) -> Link) {
        self.note(|blame, world| {
            let chain = blame.one(reason(world));
            blame.note_strand(world, id, chain);
        });
    }

    /// A request meets an instance that is down, or is there when it goes down.
    pub(crate) fn blame_down(&mut self, root: u32) {
        self.note(|blame, world| {
            let link = world.down(blame, root);
            let chain = blame.one(link);
            blame.note_strand(world, root, chain);
        });
    }

    /// A request finds no place at its instance: its queue is full, it has waited too long, or the
    /// admission refuses it.
    pub(crate) fn blame_refusal(&mut self, id: u32, reason: impl FnOnce(u32, Why) -> Link) {
        self.note(|blame, world| {
            let instance = world.strands[id].instance;
            let service = world.instances[instance as usize].service;
            let why = blame.why_down_at(world, world.first_instances[service as usize]);
            let work = blame.work_at(world, instance, 0);
            let chain = blame.chains.push(reason(service, why), work);
            blame.note_strand(world, id, chain);
            let root = world.strands[id].root;
            blame.note_strand(world, root, chain);
        });
    }

    /// A handler fails by itself, or by a fault.
    pub(crate) fn blame_failure(&mut self, id: u32) {
        if self.blame.is_some() {
            self.blame(id, |world| {
                let instance = world.strands[id].instance;
                Link::Failing {
                    service: world.instances[instance as usize].service,
                    why: world.failed_by(instance),
                }
            });
        }
    }

    /// A write finds another one before it.
    pub(crate) fn blame_conflict(&mut self, id: u32) {
        if self.blame.is_some() {
            self.blame(id, |world| {
                let instance = world.strands[id].instance;
                Link::Conflict {
                    service: world.instances[instance as usize].service,
                }
            });
        }
    }

    /// A request finds nobody who leads.
    pub(crate) fn blame_leaderless(&mut self, id: u32) {
        self.note(|blame, world| {
            let instance = world.strands[id].instance;
            let service = world.instances[instance as usize].service;
            let first = world.first_instances[service as usize];
            let why = blame.why_apart(world, first);
            let chain = blame.one(Link::Leaderless { service, why });
            blame.note_strand(world, id, chain);
        });
    }

    /// A branch has failed: what it failed of, its parent may fail of.
    pub(crate) fn blame_branch(&mut self, parent: u32, branch: u32) {
        self.note(|blame, world| {
            let chain = blame.of_strand(world, branch);
            blame.note_strand(world, parent, chain);
        });
    }

    /// What a strand waited for while protocols agreed has failed.
    pub(crate) fn blame_agreement(&mut self, id: u32) {
        self.note(|blame, world| {
            let link = blame.agreement(world, id, true);
            let chain = blame.one(link);
            blame.note_strand(world, id, chain);
        });
    }

    /// An attempt has nobody to be sent to.
    pub(crate) fn blame_nobody(&mut self, call: u32, root: u32) {
        self.note(|blame, world| {
            let record = &world.calls[call];
            let site = &world.sites[record.site as usize];
            let link = Link::Nobody {
                edge: site.edge as usize,
                why: blame.why_down_at(world, site.first_instance),
            };
            let before = blame.of_channel(record.channel);
            let chain = blame.chains.push(link, before);
            blame.note_strand(world, root, chain);
        });
    }

    /// A message between the caller of a root strand and its instance is lost.
    pub(crate) fn blame_loss(&mut self, root: u32) {
        self.note(|blame, world| {
            let why = world.disturbed(root, true);
            let owner = world.strands[root].owner;
            if owner != NONE {
                let edge = world.edge_of(owner);
                let chain = blame.one(Link::Lost { edge, why });
                blame.note_strand(world, root, chain);
            }
        });
    }

    /// A fault takes an instance down.
    pub(crate) fn blame_crash(&mut self, instance: u32, fault: u32) {
        self.note(|blame, _| set(&mut blame.crashed_by, instance, fault, NONE));
    }

    /// An instance is up again.
    pub(crate) fn blame_ready(&mut self, instance: u32) {
        self.note(|blame, _| set(&mut blame.crashed_by, instance, NONE, NONE));
    }

    /// The answer to an attempt says that it failed.
    pub(crate) fn blame_answer(&mut self, root: u32) {
        self.note(|blame, world| {
            let call = world.strands[root].owner;
            let chain = match blame.of_strand(world, root) {
                ChainId::EMPTY => blame.one(Link::Unknown),
                chain => chain,
            };
            blame.attempt_failed(world, call, chain);
        });
    }

    /// The caller of an attempt has waited long enough.
    pub(crate) fn blame_wait(&mut self, root: u32) {
        self.note(|blame, world| {
            let call = world.strands[root].owner;
            let chain = blame.stand(world, root, 0);
            blame.attempt_failed(world, call, chain);
        });
    }

    /// A policy has decided: what it has refused, or given up while no attempt was out, fails for that.
    pub(crate) fn blame_decision(
        &mut self,
        call: u32,
        word: Word,
        turned_back: Option<TimerId>,
        fails: bool,
    ) {
        let channel = &self.channels[self.calls[call].channel as usize];
        let refused = turned_back.and_then(|layer| channel.pipeline.layer_name(layer));
        match (refused, word) {
            (Some(layer), _) => self.blame_layer(call, layer),
            // Attempts that are out are given up after this, and say where they stand.
            (None, Word::Timer(timer)) if fails && self.calls[call].attempts == NONE => {
                match channel.pipeline.layer_name(timer) {
                    Some(layer @ ("bulkhead" | "rate_limit")) => self.blame_layer(call, layer),
                    _ => self.blame_pause(call),
                }
            }
            _ => {}
        }
    }

    /// A layer of a policy has refused a call.
    fn blame_layer(&mut self, call: u32, layer: &'static str) {
        self.note(|blame, world| {
            let channel = world.calls[call].channel;
            let edge = world.edge_of(call);
            let rest = match layer {
                "rate_limit" => ChainId::EMPTY,
                "bulkhead" | "concurrency_limit" => blame.work_behind(world, channel, 0),
                _ => blame.of_channel(channel),
            };
            let chain = blame.chains.push(Link::Refused { edge, layer }, rest);
            blame.note_call(world, call, chain);
        });
    }

    /// A call is given up while no attempt is out.
    fn blame_pause(&mut self, call: u32) {
        self.note(|blame, world| {
            let chain = blame.between_attempts(world, call, 0);
            blame.note_call(world, call, chain);
        });
    }

    /// A call has failed for its caller: the caller of a handler may fail by it, a workload's request has
    /// failed, which is stated.
    #[cold]
    #[inline(never)]
    pub(crate) fn blame_end<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        call: u32,
        outcome: Outcome,
    ) {
        let mut stated = None;
        self.note(|blame, world| {
            let mut chain = match blame.of_call(world, call) {
                ChainId::EMPTY => blame.one(Link::Unknown),
                chain => chain,
            };
            let record = &world.calls[call];
            let edge = world.edge_of(call);
            if record.parent == NONE {
                stated = Some((edge, record.started, chain));
                return;
            }
            let instance = world.strands[record.parent].instance;
            let why = world.worse_edition(instance);
            if why != Why::Nothing {
                let service = world.instances[instance as usize].service;
                chain = blame.chains.push(Link::Changed { service, why }, chain);
            }
            let mut chain = blame.chains.push(Link::Failed { edge, outcome }, chain);
            if world.is_miss(world.strands[record.parent].pc) {
                let service = world.instances[instance as usize].service;
                chain = blame.chains.push(Link::Missed { service }, chain);
            }
            blame.note_strand(world, record.parent, chain);
        });
        if let Some((edge, started, chain)) = stated {
            obs.blamed(now, edge, started, outcome, chain);
        }
    }
}

impl Blame {
    fn attempt_failed(&mut self, world: &World, call: u32, chain: ChainId) {
        if call == NONE {
            return;
        }
        self.note_call(world, call, chain);
        let channel = world.calls[call].channel;
        set(&mut self.channels, channel, chain, ChainId::EMPTY);
    }
}
