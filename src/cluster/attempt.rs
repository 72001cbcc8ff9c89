//! A single attempt of a call: the balancer picks, the request sets out, the answer comes back or
//! is no longer waited for.

use crate::decision::Word;
use crate::event::Event;
use crate::observer::Observer;
use crate::place::Location;
use crate::slab::{NONE, Slab};
use crate::span::SpanFact;
use crate::state::{Course, Doing, Instance, ONLY, Strand};
use crate::world::{Todo, World};
use clock::{Duration, Instant};
use engine::{Keyed, Stamp};
use model::Abandoned;
use policy::Outcome;

/// Separates what is drawn from one key.
mod purpose {
    pub(super) const REQUEST: u64 = 0x7265_7175_6573_7400;
    pub(super) const ANSWER: u64 = 0x616e_7377_6572_0000;
}

impl World {
    /// Sends an attempt to the instance that the balancer picks, or that the policy asked for. It is
    /// delivered `at_once` only where nothing of what led here is still to be done.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // as above
    pub(crate) fn send<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        call: u32,
        attempt: u8,
        picked: u32,
        at_once: bool,
    ) {
        let record = &mut self.calls[call];
        let site = &self.sites[record.site as usize];
        // The first attempt is the call itself: one mixing less on the longest chain of every hop.
        let key = match attempt {
            0 => record.key,
            again => Keyed::child(record.key, u64::from(again)),
        };
        let picked = match record.peers {
            ONLY => 0,
            peers => {
                let peers = &mut self.peers[peers as usize];
                let picked = match picked {
                    NONE if site.led && peers.leader != NONE && record.attempts == NONE => {
                        peers.leader
                    }
                    NONE if record.attempts != NONE => {
                        // Not where others of the call are out already.
                        let taken = &mut self.taken;
                        note_taken(taken, record.attempts, &self.strands, &self.instances);
                        peers.pick_apart(now, taken, key, record.origin)
                    }
                    NONE => peers.pick(now, key, record.origin),
                    picked => picked,
                };
                if picked < peers.instances {
                    peers.balancer.sent(now, picked);
                    picked
                } else {
                    NONE
                }
            }
        };
        let started = record.started;
        let slot = self.strands.take(Strand::blank);
        let others = core::mem::replace(&mut record.attempts, slot);
        if others != NONE {
            self.strands[others].prev = slot;
        }
        let strand = &mut self.strands[slot];
        strand.begin(
            key,
            site.first_instance.wrapping_add(picked),
            site.entry,
            call,
        );
        strand.doing = Doing::Travelling;
        strand.root = slot;
        strand.sent = now;
        strand.attempt = attempt;
        strand.origin = record.origin;
        strand.next = others;
        if O::SPANS {
            let sent = &self.strands[slot];
            let to = (picked != NONE).then(|| self.instances[sent.instance as usize].at());
            let fact = SpanFact::Sent {
                strand: slot,
                call,
                attempt,
                to,
            };
            obs.span(now, fact);
        }
        let strand = &mut self.strands[slot];
        if picked == NONE {
            // Nobody to send it to: the caller knows at once.
            strand.instance = NONE;
            strand.doing = Doing::Answering;
            strand.outcome = Outcome::Unavailable;
            self.agenda.push(Todo::Answer(slot));
            if self.blame.is_some() {
                self.blame_nobody(call, slot);
            }
            return;
        }
        obs.attempt_sent(now, site.edge as usize, started);
        if self.down != 0 && !self.instances[strand.instance as usize].is_up() {
            obs.sent_to_dead(now, site.edge as usize);
        }
        if self.network.is_instant() {
            if at_once && self.may_go_deeper() {
                self.depth += 1;
                self.deliver(now, obs, slot);
                self.depth -= 1;
            } else {
                self.agenda.push(Todo::Deliver(slot));
            }
        } else {
            self.carry_request(now, call, slot);
            if O::SPANS {
                self.tell_if_lost(now, obs, slot);
            }
        }
    }

    /// States that a message of an attempt was lost, if it was.
    pub(crate) fn tell_if_lost<O: Observer>(&self, now: Instant, obs: &mut O, root: u32) {
        if self.strands[root].doing == Doing::Lost {
            obs.span(now, SpanFact::Vanished { strand: root });
        }
    }

    /// The network takes a request to its instance, or loses it.
    fn carry_request(&mut self, now: Instant, call: u32, slot: u32) {
        let strand = &self.strands[slot];
        let from = self.caller_location(call);
        let to = self.instances[strand.instance as usize].location;
        match self.network.carry(from, to, strand.key ^ purpose::REQUEST) {
            Some(Duration::ZERO) => self.agenda.push(Todo::Deliver(slot)),
            Some(time) => {
                self.strands[slot].stamp = self.engine.schedule(now + time, Event::Deliver(slot));
            }
            None => self.lose_on_the_way(slot),
        }
    }

    /// The network loses a message.
    pub(crate) fn lose_on_the_way(&mut self, root: u32) {
        if self.blame.is_some() {
            self.blame_loss(root);
        }
        self.lose(root);
    }

    /// Where the caller of a call stands.
    pub(crate) fn caller_location(&self, call: u32) -> Location {
        let record = &self.calls[call];
        match record.parent {
            NONE => Location::Client(record.site),
            parent => self.instances[self.strands[parent].instance as usize].location,
        }
    }

    /// The handler of a request has ended with `outcome`, or the request was refused: the answer
    /// sets out. Nobody's answer goes nowhere.
    pub(crate) fn send_answer(&mut self, now: Instant, root: u32, outcome: Outcome) {
        let strand = &mut self.strands[root];
        if strand.owner == NONE {
            if strand.is_errand {
                self.errand_served(root, outcome);
            }
            self.answered(root);
            return;
        }
        strand.doing = Doing::Answering;
        strand.outcome = outcome;
        if self.network.is_instant() {
            self.agenda.push(Todo::Answer(root));
            return;
        }
        self.carry_answer(now, root);
    }

    /// The network takes an answer to the caller, or loses it.
    fn carry_answer(&mut self, now: Instant, root: u32) {
        let strand = &self.strands[root];
        let from = self.instances[strand.instance as usize].location;
        let to = self.caller_location(strand.owner);
        match self.network.carry(from, to, strand.key ^ purpose::ANSWER) {
            Some(Duration::ZERO) => self.agenda.push(Todo::Answer(root)),
            Some(time) => {
                self.strands[root].stamp = self.engine.schedule(now + time, Event::Answer(root));
            }
            None => self.lose_on_the_way(root),
        }
    }

    /// The message that a root strand stands for is lost. Its caller does not know, and waits on.
    pub(crate) fn lose(&mut self, root: u32) {
        let strand = &mut self.strands[root];
        if strand.owner == NONE {
            self.drop_errand(root);
            self.answered(root);
        } else {
            strand.doing = Doing::Lost;
        }
    }

    /// An answer reaches its caller.
    #[inline(always)]
    pub(crate) fn receive<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32) {
        let Strand {
            owner,
            stamp,
            outcome,
            ..
        } = self.strands[root];
        if owner == NONE {
            self.answered(root);
            return;
        }
        if self.paused != 0 && self.put_off_call(owner, Event::Answer(root), stamp) {
            return;
        }
        self.hear(now, obs, root, outcome);
    }

    /// The caller of an attempt, which still waits for it, hears its outcome.
    #[inline(always)]
    pub(crate) fn hear<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        root: u32,
        outcome: Outcome,
    ) {
        let strand = &self.strands[root];
        let (call, attempt) = (strand.owner, strand.attempt);
        if O::SPANS {
            let strand = root;
            obs.span(now, SpanFact::Heard { strand, outcome });
        }
        if !outcome.is_success() && self.blame.is_some() {
            self.blame_answer(root);
        }
        self.detach(now, obs, root, outcome, true);
        self.answered(root);
        match self.calls[call].course {
            Course::Bare => {}
            Course::Timeout(_) => self.timers[call as usize * self.stride] = Stamp::NONE,
            Course::Policy => {
                if outcome == Outcome::Rejected {
                    self.pushback = self.pushback_of(root);
                }
                self.decide(now, obs, call, Word::Ended(attempt, outcome));
                return;
            }
        }
        self.end_call(now, obs, call, outcome);
    }

    /// An attempt has ended for its caller: the balancer hears of it, and the call forgets it. What
    /// its end says of the instance is `judged` unless the caller had reasons of its own.
    #[inline(always)]
    fn detach<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        root: u32,
        outcome: Outcome,
        judged: bool,
    ) {
        let strand = &mut self.strands[root];
        let (next, prev) = (strand.next, strand.prev);
        let call = &mut self.calls[core::mem::replace(&mut strand.owner, NONE)];
        if call.peers != ONLY && strand.instance != NONE {
            let mut local = self.instances[strand.instance as usize].local;
            let peers = &mut self.peers[call.peers as usize];
            if self.sites[call.site as usize].led {
                let answered = local;
                if strand.moved {
                    local = self.instances[self.groups.asked(root) as usize].local;
                }
                if judged {
                    peers.learn(local, answered, outcome);
                }
            }
            peers
                .balancer
                .ended(now, local, now.since(strand.sent), outcome);
            if judged && peers.detector.is_some() {
                peers.judge(now, obs, local, outcome);
            }
        }
        if prev == NONE {
            call.attempts = next;
        } else {
            self.strands[prev].next = next;
        }
        if next != NONE {
            self.strands[next].prev = prev;
        }
    }

    /// The caller no longer waits for an attempt.
    pub(crate) fn give_up<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        call: u32,
        attempt: u8,
        why: GivenUp,
    ) {
        let mut root = self.calls[call].attempts;
        while root != NONE && self.strands[root].attempt != attempt {
            root = self.strands[root].next;
        }
        if root == NONE {
            debug_assert!(false, "a policy cancels attempts that are out");
            return;
        }
        if O::SPANS {
            let (strand, too_slow) = (root, why == GivenUp::TooSlow);
            obs.span(now, SpanFact::GivenUp { strand, too_slow });
        }
        if why == GivenUp::TooSlow && self.blame.is_some() {
            self.blame_wait(root);
        }
        self.detach(now, obs, root, Outcome::Timeout, why == GivenUp::TooSlow);
        let strand = &mut self.strands[root];
        strand.gave_up = now;
        match strand.doing {
            // Whoever carries it finds that nobody waits.
            Doing::Travelling | Doing::Answering => {}
            Doing::Lost => self.answered(root),
            _ => {
                let instance = &self.instances[strand.instance as usize];
                let cancels = instance.abandoned == Abandoned::Cancel;
                if instance.shared.is_some() {
                    self.give_up_shares(now, root);
                }
                if cancels {
                    self.stop_request(now, obs, root);
                }
            }
        }
    }
}

/// Why a caller no longer waits for an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GivenUp {
    /// Its time is up, which speaks against the instance.
    TooSlow,
    /// Another attempt has won, or the caller is gone.
    Unwanted,
}

/// Notes the instances at which attempts are out, by their numbers within the service. The attempts
/// are a list that begins at `root`.
#[cold]
pub(crate) fn note_taken(
    taken: &mut Vec<u32>,
    mut root: u32,
    strands: &Slab<Strand>,
    instances: &[Instance],
) {
    taken.clear();
    while root != NONE {
        let strand = &strands[root];
        if let Some(instance) = instances.get(strand.instance as usize) {
            taken.push(instance.local);
        }
        root = strand.next;
    }
}
