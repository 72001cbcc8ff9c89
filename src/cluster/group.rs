//! Replicated services: each is a group of replicas that keep one log.
//!
//! The protocol is the real one, behind `protocol::replication::Replica`; this station gives it messages,
//! timers, a disk and a link, and tells it nothing of what an entry means. `door` says which replica
//! serves a request, `steps` what a handler has replicated, `member` and `drive` host one replica, `log`
//! knows what entries stand for, `lead` watches from outside who leads.

#[cfg(test)]
mod broken;
mod door;
mod drive;
mod lead;
mod log;
mod member;
mod steps;

pub(crate) use door::Demand;

use crate::observer::Observer;
use crate::post::Party;
use crate::sampler;
use crate::slab::{NONE, Slab};
use crate::world::World;
use clock::{Duration, Instant};
use drive::Word;
use engine::{Sampler, Stream, stream_key};
use lead::Leadership;
use log::Log;
use member::{Member, Setting};
use model::{FailoverBuffer, Model};
use protocol::replication::{Action, Checker, GroupConfig, Message, Node, Timer};

/// What replicas write to each other.
#[derive(Debug)]
pub(crate) struct Letter(Message);

/// What a replica waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {
    /// The beginning of time.
    Start,
    /// A timer of its protocol.
    Timer(Timer),
    /// The write to stable storage that is under way has ended.
    Disk,
    /// The message on the link has left.
    Link,
    /// An entry that it had missed is made up for.
    CaughtUp,
    /// A request, by its wait, has waited long enough for a leader.
    Patience(u32),
}

/// All groups.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: Vec<Group>,
    /// Those of the first group, then those of the second, …
    members: Vec<Member>,
    /// What strands wait for.
    waits: Slab<Wait>,
    /// By slot of the strand: how a request came to where it is, where that was not straight.
    moved: Vec<Moved>,
    /// A buffer, empty between events.
    out: Vec<Action>,
}

/// A replicated service.
#[derive(Debug)]
struct Group {
    service: u32,
    name: String,
    /// The world's number of its instance 0.
    first_instance: u32,
    first_member: u32,
    size: u32,
    buffer: FailoverBuffer,
    staleness: Option<Duration>,
    force: Sampler,
    send: Sampler,
    catch_up: Sampler,
    log: Log,
    lead: Leadership,
    checker: Checker,
    /// How much of what the checker has found was told.
    told: usize,
}

/// What a strand waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Wait {
    strand: u32,
    member: u32,
    on: On,
    since: Instant,
    /// How much of the log was acknowledged when it began to wait.
    floor: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum On {
    /// Any leader.
    Leader(crate::post::Bell),
    /// The commitment of an entry.
    Entry(u64),
}

/// How a request was sent on.
#[derive(Clone, Copy, Default, Debug)]
struct Moved {
    /// The instance that its caller had asked.
    asked: u32,
    /// The instance that has sent it on last.
    by: u32,
    /// The instance whose machine was down, while the request goes back to who sent it on.
    refused_at: Option<u32>,
    hops: u32,
}

impl Groups {
    pub(crate) fn new(model: &Model, seed: u64, replication: u32) -> Self {
        let mut groups = Self::default();
        let mut first_instance = 0;
        for (number, service) in model.services.iter().enumerate() {
            if let Some(told) = &service.replication {
                let first_member = groups.members.len() as u32;
                let least = told.election_timeout.least_ns();
                let config = GroupConfig {
                    size: service.instances,
                    heartbeat: told.heartbeat,
                    least_election_timeout: Duration::from_nanos_f64(least),
                };
                for node in 0..service.instances {
                    let path = format!("services.{}.{node}", service.name);
                    let stream = |of| Stream::new(stream_key(seed, replication, &path, of));
                    groups.members.push(Member::new(Setting {
                        group: groups.groups.len() as u32,
                        node: Node(node),
                        protocol: told.protocol,
                        pre_vote: told.pre_vote,
                        config,
                        timeout: sampler::lower(&told.election_timeout),
                        streams: [stream("election"), stream("replication")],
                    }));
                }
                groups.groups.push(Group {
                    service: number as u32,
                    name: service.name.clone(),
                    first_instance,
                    first_member,
                    size: service.instances,
                    buffer: told.failover_buffer,
                    staleness: told.staleness,
                    force: sampler::lower(&told.force),
                    send: sampler::lower(&told.send),
                    catch_up: sampler::lower(&told.catch_up),
                    log: Log::default(),
                    lead: Leadership::default(),
                    // Staleness is held to by record, which the checker does not know.
                    checker: Checker::new(service.instances, None),
                    told: 0,
                });
            }
            first_instance += model.slots(number);
        }
        groups
    }

    /// The member that an instance is, if it is one.
    pub(crate) fn member_at(&self, service: u32, local: u32) -> u32 {
        let group = self.groups.iter().find(|group| group.service == service);
        group.map_or(NONE, |group| group.first_member + local)
    }

    fn group(&self, member: u32) -> &Group {
        &self.groups[self.members[member as usize].group as usize]
    }

    /// The instance of a replica.
    fn instance(&self, member: u32) -> u32 {
        let group = self.group(member);
        group.first_instance + member - group.first_member
    }

    /// Where the caller of a request had sent it, if it was sent on since.
    pub(crate) fn asked(&self, root: u32) -> u32 {
        self.moved[root as usize].asked
    }
}

impl World {
    /// Who leads the group of a service, as the outside sees it.
    pub(crate) fn leader_of(&self, service: usize) -> Option<u32> {
        let mut groups = self.groups.groups.iter();
        let group = groups.find(|group| group.service as usize == service)?;
        let member = group.lead.leader()?;
        Some(self.groups.instance(member))
    }

    /// Every replica begins with the first event of all, when there is somebody to hear of it.
    pub(crate) fn start_groups(&mut self) {
        for member in 0..self.groups.members.len() as u32 {
            let instance = Party::Instance(self.groups.instance(member));
            self.set_alarm(
                Instant::ZERO,
                instance,
                crate::post::Alarm::Group(Alarm::Start),
            );
        }
    }

    #[cold]
    pub(crate) fn group_mail<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        from: Party,
        to: Party,
        letter: Letter,
    ) {
        let (Party::Instance(from), Party::Instance(to)) = (from, to) else {
            return;
        };
        let from = Node(self.instances[from as usize].local);
        let member = self.instances[to as usize].member;
        self.tell_replica(now, obs, member, Word::Message(from, letter.0));
    }

    #[cold]
    pub(crate) fn group_alarm<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        whose: Party,
        alarm: Alarm,
    ) {
        let Party::Instance(instance) = whose else {
            return;
        };
        let member = self.instances[instance as usize].member;
        match alarm {
            Alarm::Start => self.tell_replica(now, obs, member, Word::Start),
            Alarm::Timer(timer) => {
                self.groups.members[member as usize].timers.rang(timer);
                self.tell_replica(now, obs, member, Word::Timer(timer));
            }
            Alarm::Disk => self.group_forced(now, obs, member),
            Alarm::Link => self.link_free(now, obs, member),
            Alarm::CaughtUp => self.caught_up(now, obs, member),
            Alarm::Patience(wait) => self.waited_in_vain(now, obs, wait),
        }
    }

    /// A replica's machine has crashed: it has what it forced, and nothing else.
    pub(crate) fn group_down<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let member = self.instances[id as usize].member;
        // It may have crashed again while it started.
        if member == NONE || !self.groups.members[member as usize].running {
            return;
        }
        let bells = self.groups.members[member as usize].crash();
        for bell in bells {
            self.silence(bell);
        }
        let replica = &self.groups.members[member as usize];
        let (group, node) = (replica.group, replica.node);
        self.groups.groups[group as usize].checker.crashed(node);
        self.look_who_leads(now, obs, member);
    }

    /// A replica's machine runs again.
    pub(crate) fn group_up<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let member = self.instances[id as usize].member;
        if member == NONE {
            return;
        }
        let log = &self.groups.group(member).log;
        let (applied, committed) = (log.base().clone(), log.last());
        self.groups.members[member as usize].begin_again(applied, committed);
        self.tell_replica(now, obs, member, Word::Start);
    }

    /// A replica's machine stands still, or goes on: who stands still leads nobody.
    pub(crate) fn group_paused<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let member = self.instances[id as usize].member;
        if member != NONE {
            self.look_who_leads(now, obs, member);
        }
    }

    /// A strand no longer waits.
    pub(crate) fn group_unheard(&mut self, wait: u32) {
        let Wait { member, on, .. } = self.groups.waits[wait];
        self.groups.waits.remove(wait);
        let member = &mut self.groups.members[member as usize];
        match on {
            On::Leader(bell) => {
                member.buffer.retain(|held| *held != wait);
                self.silence(bell);
            }
            On::Entry(entry) => drop(member.proposed.remove(&entry)),
        }
    }

    /// Whether a strand waits for something that knows it.
    pub(crate) fn group_knows(&self, strand: u32, wait: u32) -> bool {
        if wait >= self.groups.waits.slots() || self.groups.waits.free_slots().contains(&wait) {
            return false;
        }
        let known = &self.groups.waits[wait];
        let member = &self.groups.members[known.member as usize];
        known.strand == strand
            && match known.on {
                On::Leader(_) => member.buffer.contains(&wait),
                On::Entry(entry) => member.proposed.get(&entry) == Some(&wait),
            }
    }
}
