//! The door of a replica: a request is served here, sent on to the leader, or waits until there is one.

use super::{Alarm, Moved, On, Wait};
use crate::event::Event;
use crate::observer::{GroupFact, Observer};
use crate::post::{self, Party};
use crate::program::Op;
use crate::slab::NONE;
use crate::span;
use crate::state::Doing;
use crate::world::{Todo, World};
use clock::{Duration, Instant};
use engine::Stamp;
use policy::Outcome;
use protocol::replication::Node;

/// Sets what the network draws for a request that is sent on apart from its other draws.
const ON: u64 = 0x666f_7277_6172_6400;

/// Who may serve an endpoint of a replicated service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Demand {
    /// Whoever is asked: it only reads, and may see less than was acknowledged.
    Anyone,
    /// The leader.
    Leader,
    /// The leader, once one entry is committed that stands for the handler as a whole.
    Command,
}

/// Where a request belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Here,
    There(Node),
    /// Nobody is known to lead.
    Nowhere,
}

impl World {
    /// Whether a request at a replica's door comes in there; else it is on its way to the leader,
    /// waits for one, or is answered.
    #[cold]
    pub(crate) fn comes_in<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32) -> bool {
        let strand = &self.strands[root];
        let instance = &self.instances[strand.instance as usize];
        let member = instance.member;
        let entry = match instance.edition {
            NONE => strand.pc,
            edition => self.editions.entry(edition, strand.pc),
        };
        let demand = match self.program.ops[entry as usize] {
            // The outcome of an errand is heard where it was run.
            Op::Enter { demand } if !strand.is_errand => demand,
            _ => return true,
        };
        if demand == Demand::Anyone {
            return true;
        }
        if strand.moved {
            self.hear_of_refusal(root, member);
        }
        match self.belongs(member) {
            Place::Here => return true,
            Place::There(node) => self.send_on(now, root, member, node),
            Place::Nowhere => self.hold(now, obs, root, member),
        }
        false
    }

    fn belongs(&self, member: u32) -> Place {
        let replica = &self.groups.members[member as usize];
        if replica.serves() {
            return Place::Here;
        }
        match replica.leader() {
            Some(node) => Place::There(node),
            // Perhaps it is about to lead itself, and not ready yet.
            None => Place::Nowhere,
        }
    }

    /// A request travels on to the replica that is said to lead. Where nobody who is said to lead does,
    /// it does not go round for ever.
    fn send_on(&mut self, now: Instant, root: u32, member: u32, to: Node) {
        let group = self.groups.group(member);
        let (leader, most) = (group.first_instance + to.0, 2 * group.size);
        let strand = &mut self.strands[root];
        let from = strand.instance;
        let moved = &mut self.groups.moved;
        if moved.len() <= root as usize {
            moved.resize(root as usize + 1, Moved::default());
        }
        let moved = &mut moved[root as usize];
        if !strand.moved {
            strand.moved = true;
            *moved = Moved {
                asked: from,
                ..Moved::default()
            };
        }
        moved.by = from;
        moved.hops += 1;
        let hops = moved.hops;
        if hops > most {
            self.blame_leaderless(root);
            self.send_answer(now, root, Outcome::Unavailable);
            return;
        }
        self.travel(now, root, leader, ON + 2 * u64::from(hops));
    }

    /// A request was sent on to a machine that is down: it goes back to who sent it, unless that is
    /// down as well.
    #[cold]
    pub(crate) fn send_back(&mut self, now: Instant, root: u32) {
        let moved = &mut self.groups.moved[root as usize];
        if moved.refused_at.is_some() {
            self.blame_leaderless(root);
            self.send_answer(now, root, Outcome::Unavailable);
            return;
        }
        moved.refused_at = Some(self.strands[root].instance);
        let (by, hops) = (moved.by, moved.hops);
        self.travel(now, root, by, ON + 2 * u64::from(hops) + 1);
    }

    /// Who has sent a request on to a machine that is down does not do so again.
    fn hear_of_refusal(&mut self, root: u32, member: u32) {
        let moved = &mut self.groups.moved[root as usize];
        let Some(refused_at) = moved.refused_at.take() else {
            return;
        };
        let refused_by = Node(self.instances[refused_at as usize].local);
        let replica = &mut self.groups.members[member as usize];
        if replica.replica.leader() == Some(refused_by) {
            replica.dropped = Some((replica.role, refused_by));
        }
    }

    fn travel(&mut self, now: Instant, root: u32, to: u32, purpose: u64) {
        let strand = &mut self.strands[root];
        let from = core::mem::replace(&mut strand.instance, to);
        strand.doing = Doing::Travelling;
        strand.stamp = Stamp::NONE;
        let key = strand.key ^ purpose;
        let (from, to) = (
            self.instances[from as usize].location,
            self.instances[to as usize].location,
        );
        match self.network.carry(from, to, key) {
            Some(Duration::ZERO) => self.agenda.push(Todo::Deliver(root)),
            Some(time) => {
                self.strands[root].stamp = self.engine.schedule(now + time, Event::Deliver(root));
            }
            None => self.lose_on_the_way(root),
        }
    }

    /// A request waits until somebody leads, if there is room.
    fn hold<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32, member: u32) {
        let group = self.groups.group(member);
        let (service, buffer) = (group.service as usize, group.buffer);
        let held = self.groups.members[member as usize].buffer.len();
        if held >= buffer.capacity as usize {
            obs.group(now, service, GroupFact::Refused);
            self.blame_leaderless(root);
            self.send_answer(now, root, Outcome::Unavailable);
            return;
        }
        obs.group(now, service, GroupFact::Buffered);
        let wait = self.groups.waits.insert(Wait {
            strand: root,
            member,
            on: On::Entry(0),
            since: now,
            floor: 0,
        });
        let whose = Party::Instance(self.strands[root].instance);
        let alarm = post::Alarm::Group(Alarm::Patience(wait));
        let bell = self.set_alarm(now + buffer.wait, whose, alarm);
        self.groups.waits[wait].on = On::Leader(bell);
        self.groups.members[member as usize].buffer.push_back(wait);
        let strand = &mut self.strands[root];
        strand.doing = Doing::Agreeing;
        strand.awaits = wait;
        strand.stamp = Stamp::NONE;
        if O::SPANS {
            span::does(now, obs, root, span::Doing::AwaitingLeader);
        }
    }

    /// A request has waited as long as it may.
    pub(super) fn waited_in_vain<O: Observer>(&mut self, now: Instant, obs: &mut O, wait: u32) {
        let Wait { strand, member, .. } = self.groups.waits[wait];
        self.groups.waits.remove(wait);
        let replica = &mut self.groups.members[member as usize];
        replica.buffer.retain(|held| *held != wait);
        let service = self.groups.group(member).service as usize;
        obs.group(now, service, GroupFact::Refused);
        self.blame_leaderless(strand);
        self.send_answer(now, strand, Outcome::Unavailable);
    }

    /// Whoever waited for a leader knocks again, in the order of their coming, once there is one.
    pub(super) fn open_door(&mut self, member: u32) {
        if self.groups.members[member as usize].buffer.is_empty()
            || self.belongs(member) == Place::Nowhere
        {
            return;
        }
        let held = core::mem::take(&mut self.groups.members[member as usize].buffer);
        // The agenda hands out last what was put on it first.
        for wait in held.into_iter().rev() {
            let Wait { strand, on, .. } = self.groups.waits[wait];
            self.groups.waits.remove(wait);
            if let On::Leader(bell) = on {
                self.silence(bell);
            }
            self.strands[strand].doing = Doing::Travelling;
            self.agenda.push(Todo::Deliver(strand));
        }
    }
}
