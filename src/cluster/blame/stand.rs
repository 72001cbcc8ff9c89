//! Where a request stands: from its root strand down to what it waits for.

use super::Blame;
use crate::cause::{ChainId, Link, Why};
use crate::program::Op;
use crate::slab::NONE;
use crate::state::Doing;
use crate::world::World;
use policy::Outcome;

/// How many queues and limits one behind the other are looked through.
pub(super) const QUEUES: u32 = 4;
/// How many strands one below the other are looked at: a model can make them as deep as it likes.
const DEEPEST: u32 = 64;

impl Blame {
    /// Where a strand stands now. `queues` is how many queues and limits lead to it.
    pub(super) fn stand(&mut self, world: &World, id: u32, queues: u32) -> ChainId {
        if self.depth == DEEPEST {
            return ChainId::EMPTY;
        }
        self.depth += 1;
        let chain = self.stand_at(world, id, queues);
        self.depth -= 1;
        chain
    }

    fn stand_at(&mut self, world: &World, id: u32, queues: u32) -> ChainId {
        let strand = &world.strands[id];
        let root = &world.strands[strand.root];
        if strand.instance == NONE {
            return self.of_strand(world, id);
        }
        let instance = &world.instances[strand.instance as usize];
        let service = instance.service;
        let on_the_way = matches!(strand.doing, Doing::Travelling | Doing::Answering);
        if instance.pauses > 0 && strand.doing != Doing::Lost {
            let why = world.paused_by(strand.instance);
            return self.one(Link::Paused { service, why });
        }
        if on_the_way || strand.doing == Doing::Lost {
            return match self.of_strand(world, id) {
                ChainId::EMPTY if root.owner == NONE => self.one(Link::Unknown),
                ChainId::EMPTY => {
                    let (edge, why) = (world.edge_of(root.owner), world.disturbed(id, false));
                    self.one(Link::Travelling { edge, why })
                }
                chain => chain,
            };
        }
        let chain = match strand.doing {
            Doing::Queued => {
                if queues == QUEUES {
                    return ChainId::EMPTY;
                }
                let why = self.why_down_at(world, world.first_instances[service as usize]);
                let work = self.work_at(world, strand.instance, queues);
                return self.chains.push(Link::Queued { service, why }, work);
            }
            Doing::Calling => self.call_stands(world, strand.awaits, queues),
            Doing::Agreeing => {
                let link = self.agreement(world, id, false);
                self.one(link)
            }
            Doing::Forked => match world.forks[strand.awaits].branches {
                NONE => self.one(Link::Unknown),
                branch => self.stand(world, last_of(world, branch), queues),
            },
            Doing::Waiting => {
                let why = world.worse_edition(strand.instance);
                self.one(Link::Sleeping { service, why })
            }
            _ => {
                let why = world.slowed_by(strand.instance);
                self.one(Link::Computing { service, why })
            }
        };
        if world.is_miss(strand.pc) {
            return self.chains.push(Link::Missed { service }, chain);
        }
        chain
    }

    /// Where a call stands that a handler waits for.
    fn call_stands(&mut self, world: &World, call: u32, queues: u32) -> ChainId {
        if call == NONE {
            return self.one(Link::Unknown);
        }
        let record = &world.calls[call];
        let mut chain = match record.attempts {
            NONE => self.between_attempts(world, call, queues),
            attempt => self.stand(world, last_of(world, attempt), queues),
        };
        let instance = world.strands[record.parent].instance;
        let why = world.worse_edition(instance);
        if why != Why::Nothing {
            let service = world.instances[instance as usize].service;
            chain = self.chains.push(Link::Changed { service, why }, chain);
        }
        let edge = world.edge_of(call);
        self.chains.push(Link::Waiting { edge }, chain)
    }

    /// A call without an attempt under way waits to be tried again, or for a limit.
    pub(super) fn between_attempts(&mut self, world: &World, call: u32, queues: u32) -> ChainId {
        let edge = world.edge_of(call);
        match self.of_call(world, call) {
            ChainId::EMPTY => {
                let work = self.work_behind(world, world.calls[call].channel, queues);
                self.chains.push(Link::Held { edge }, work)
            }
            before => self.chains.push(Link::BackingOff { edge }, before),
        }
    }

    /// What a strand waits for while protocols agree, or waited for in vain.
    pub(super) fn agreement(&self, world: &World, id: u32, over: bool) -> Link {
        let strand = &world.strands[id];
        let service = world.instances[strand.instance as usize].service;
        let first = world.first_instances[service as usize];
        let why = || self.why_apart(world, first);
        match world.program.ops[strand.pc as usize] {
            _ if over && strand.outcome == Outcome::Conflict => Link::Conflict { service },
            Op::Transaction { .. } => Link::Transaction {
                service,
                aborted: over,
            },
            Op::Publish { queue } => Link::Publishing { queue, full: over },
            _ if world.leader_of(service as usize).is_none() => Link::Leaderless {
                service,
                why: why(),
            },
            _ => Link::Replicating {
                service,
                why: why(),
            },
        }
    }

    /// What has taken an instance down that is still down, of the service whose first one this is.
    pub(super) fn why_down_at(&self, world: &World, first: u32) -> Why {
        let service = world.instances[first as usize].service;
        let mut own = first..first + world.services[service as usize].instances;
        let down = own.find_map(|id| {
            let instance = &world.instances[id as usize];
            let down = !instance.is_up() && !instance.stands_by;
            let why = if down {
                self.why_down(world, id)
            } else {
                Why::Nothing
            };
            (why != Why::Nothing).then_some(why)
        });
        down.unwrap_or(Why::Nothing)
    }

    /// The same for what a group of replicas needs, which a divided network takes away, too.
    pub(super) fn why_apart(&self, world: &World, first: u32) -> Why {
        match (self.why_down_at(world, first), world.network.divided_by()) {
            (Why::Nothing, Some(fault)) => Why::Fault(fault),
            (why, _) => why,
        }
    }

    /// Why an instance is down: a fault, or the version that it is to get.
    fn why_down(&self, world: &World, instance: u32) -> Why {
        match self.crashed_by.get(instance as usize) {
            Some(&fault) if fault != NONE => Why::Fault(fault),
            _ => match world.editions.version(instance) {
                0 => Why::Nothing,
                version => Why::Version(version),
            },
        }
    }
}

/// The last of a list of strands: the first attempt of a call, the first branch of a fork.
fn last_of(world: &World, mut id: u32) -> u32 {
    while world.strands[id].next != NONE {
        id = world.strands[id].next;
    }
    id
}

impl World {
    pub(super) fn edge_of(&self, call: u32) -> usize {
        self.sites[self.calls[call].site as usize].edge as usize
    }

    /// Whether a place in the program is between the miss of a cache and the keeping of what was fetched.
    pub(super) fn is_miss(&self, pc: u32) -> bool {
        self.program.misses.iter().any(|miss| miss.contains(&pc))
    }

    /// A down instance's link.
    pub(super) fn down(&self, blame: &Blame, root: u32) -> Link {
        let instance = self.strands[root].instance;
        let service = self.instances[instance as usize].service;
        let why = blame.why_down(self, instance);
        Link::Down { service, why }
    }
}
