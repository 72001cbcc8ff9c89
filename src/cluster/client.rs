//! The caller's side of a call: its policy decides, the balancer picks, attempts go out, answers
//! come back, and the call ends, once.
//!
//! What follows at the same instant is called a few levels deep and put on the agenda beyond, so that a chain of
//! calls that answer at once needs no stack.

use crate::event::Event;
use crate::observer::Observer;
use crate::place::Location;
use crate::slab::NONE;
use crate::state::{Call, Channel, Course, Doing, ONLY, Peers, Strand};
use crate::world::{Todo, World};
use clock::{Duration, Instant};
use engine::{Bits, Engine, Keyed, Sampler, Stamp, TimerClass};
use model::Abandoned;
use policy::{Action, Env, Frame, Outcome, Sink, Usable};

/// A workload's request that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) site: u32,
    pub(crate) key: u64,
}

/// Separates what is drawn from one key.
mod purpose {
    pub(super) const BALANCER: u64 = 0x6261_6c61_6e63_6572;
    pub(super) const POLICY: u64 = 0x706f_6c69_6379;
    pub(super) const REQUEST: u64 = 0x7265_7175_6573_7400;
    pub(super) const ANSWER: u64 = 0x616e_7377_6572_0000;
}

/// What a policy may ask while it decides about one call.
struct CallEnv<'a> {
    now: Instant,
    key: u64,
    draws: &'a mut u32,
    spans: &'a [Sampler],
    peers: &'a mut Peers,
    /// The instance of the attempt that the policy prepares, once it asked.
    picked: u32,
}

impl CallEnv<'_> {
    fn bits(&mut self) -> Keyed {
        let key = Keyed::child(self.key ^ purpose::POLICY, u64::from(*self.draws));
        *self.draws += 1;
        Keyed::new(key)
    }
}

impl Env for CallEnv<'_> {
    fn random(&mut self) -> u64 {
        self.bits().next_u64()
    }

    fn sample(&mut self, source: u32) -> Duration {
        let mut bits = self.bits();
        self.spans[source as usize].sample(&mut bits)
    }

    fn target(&mut self) -> u32 {
        let mut bits = self.bits();
        self.picked = pick(self.peers, self.now, bits.next_u64());
        self.picked
    }
}

/// The instance that the balancer picks, by its number within the service.
#[inline]
fn pick(peers: &mut Peers, now: Instant, key: u64) -> u32 {
    let mut bits = Keyed::new(key ^ purpose::BALANCER);
    peers
        .balancer
        .pick(now, Usable::All, key, &mut || bits.next_u64())
        .unwrap_or(NONE)
}

/// Does what a policy asks for: timers on the spot, the rest once the policy has returned.
struct Hands<'a> {
    engine: &'a mut Engine<Event>,
    /// Those of the call, and the classes of those that are always set to the same span.
    timers: &'a mut [Stamp],
    classes: &'a [Option<TimerClass>],
    /// The number of the first timer.
    first: u32,
    send: Option<u8>,
    finish: Option<Outcome>,
    /// What is asked for less often.
    rest: &'a mut Vec<Action>,
}

impl Sink for Hands<'_> {
    #[inline(always)]
    fn push(&mut self, action: Action) {
        match action {
            Action::Send(attempt) if self.send.is_none() => self.send = Some(attempt),
            Action::SetTimer(timer, at) => {
                let event = Event::Timer(self.first + u32::from(timer));
                self.timers[timer as usize] = match self.classes[timer as usize] {
                    Some(class) => self.engine.arm(class, event),
                    None => self.engine.schedule(at, event),
                };
            }
            Action::CancelTimer(timer) => self.timers[timer as usize] = Stamp::NONE,
            Action::Finish(outcome) => self.finish = Some(outcome),
            Action::Send(_) | Action::Cancel(_) | Action::Wake(_) => self.rest.push(action),
        }
    }
}

impl World {
    /// Begins a call from `site` by the caller's instance number `local`.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // the parts of a call, each used once
    pub(crate) fn start_call<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        site: u32,
        local: u32,
        key: u64,
        parent: u32,
        priority: u32,
    ) {
        let place = &self.sites[site as usize];
        obs.call_started(now, place.edge as usize);
        let channel = place.channels + local;
        let Channel {
            course,
            peers,
            only,
            ..
        } = self.channels[channel as usize];
        let call = self.calls.insert(Call {
            key,
            started: now,
            parent,
            site,
            channel,
            peers: if only { ONLY } else { peers },
            attempts: NONE,
            draws: 0,
            priority,
            course,
        });
        if parent != NONE {
            self.strands[parent].awaits = call;
        }
        match course {
            Course::Bare => {}
            Course::Timeout(class) => {
                self.fit_timers(call);
                let slot = call * self.stride as u32;
                self.timers[slot as usize] = self.engine.arm(class, Event::Timer(slot));
            }
            Course::Policy => {
                self.clean_frames(call, channel);
                self.decide(now, obs, call, Word::Start);
                return;
            }
        }
        self.send(now, obs, call, 0, NONE, true);
    }

    /// Says a word about a call to its policy, and does what the policy answers.
    #[inline(always)]
    fn decide<O: Observer>(&mut self, now: Instant, obs: &mut O, call: u32, word: Word) {
        let record = &mut self.calls[call];
        let channel = &mut self.channels[record.channel as usize];
        let first = call as usize * self.stride;
        let frames = &mut self.frames[first..first + channel.pipeline.frames()];
        let mut env = CallEnv {
            now,
            key: record.key,
            draws: &mut record.draws,
            spans: &self.spans,
            peers: &mut self.peers[channel.peers as usize],
            picked: NONE,
        };
        let mut hands = Hands {
            engine: &mut self.engine,
            timers: &mut self.timers[first..first + channel.timers.len()],
            classes: &channel.timers,
            first: first as u32,
            rest: &mut self.rest,
            send: None,
            finish: None,
        };
        let pipeline = &mut channel.pipeline;
        match word {
            Word::Start => pipeline.start(now, call, frames, &mut env, &mut hands),
            Word::Ended(attempt, outcome) => {
                pipeline.on_attempt_end(now, call, frames, attempt, outcome, &mut env, &mut hands);
            }
            Word::Timer(timer) => pipeline.on_timer(now, call, frames, timer, &mut env, &mut hands),
            Word::Wake => pipeline.on_wake(now, call, frames, &mut env, &mut hands),
            Word::Abandon => pipeline.abandon(now, call, frames, &mut hands),
        }
        let (send, finish, picked) = (hands.send, hands.finish, env.picked);
        if channel.breakers {
            let state = channel.pipeline.breaker_state().unwrap_or_default();
            if state != channel.stated {
                obs.breakers(now, channel.edge as usize, channel.stated, state);
                channel.stated = state;
            }
        }
        let rare = !self.rest.is_empty();
        if rare {
            self.give_up_attempts(now, obs, call);
        }
        if let Some(attempt) = send {
            self.policy_sends(now, obs, call, attempt, picked, !rare);
        }
        if let Some(outcome) = finish {
            self.policy_ends(now, obs, call, outcome);
        }
        if rare {
            self.wake_others();
        }
    }

    // The two ways out of a policy, apart from the common ones only for the size of the code.

    #[inline(never)]
    #[allow(clippy::too_many_arguments)] // as above
    fn policy_sends<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        call: u32,
        attempt: u8,
        picked: u32,
        at_once: bool,
    ) {
        self.send(now, obs, call, attempt, picked, at_once);
    }

    #[inline(never)]
    fn policy_ends<O: Observer>(&mut self, now: Instant, obs: &mut O, call: u32, outcome: Outcome) {
        self.end_call(now, obs, call, outcome);
    }

    /// Gives up the attempts that the policy no longer wants.
    #[cold]
    fn give_up_attempts<O: Observer>(&mut self, now: Instant, obs: &mut O, call: u32) {
        let mut rest = core::mem::take(&mut self.rest);
        rest.retain(|&action| match action {
            Action::Cancel(attempt) => {
                self.give_up(now, obs, call, attempt);
                false
            }
            Action::Send(attempt) => {
                // One more than is sent by the common way: parallel attempts.
                self.policy_sends(now, obs, call, attempt, NONE, false);
                false
            }
            _ => true,
        });
        self.rest = rest;
    }

    /// Others may have been let in by what was given back: they hear of it at this instant.
    #[cold]
    fn wake_others(&mut self) {
        for action in self.rest.drain(..) {
            if let Action::Wake(other) = action {
                self.woken.push_back(other);
                self.urgent = true;
            }
        }
    }

    /// Lets those go on who waited for what another call gave back.
    pub(crate) fn wake<O: Observer>(&mut self, now: Instant, obs: &mut O) {
        while let Some(call) = self.woken.pop_front() {
            self.decide(now, obs, call, Word::Wake);
        }
    }

    /// Sends an attempt to the instance that the balancer picks, or that the policy asked for. It is
    /// delivered `at_once` only where nothing of what led here is still to be done.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // as above
    fn send<O: Observer>(
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
                let picked = if picked == NONE {
                    pick(peers, now, key)
                } else {
                    picked
                };
                if picked < peers.instances {
                    peers.balancer.sent(now, picked);
                    picked
                } else {
                    NONE
                }
            }
        };
        obs.attempt_sent(now, site.edge as usize, record.started);

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
        strand.priority = record.priority;
        strand.next = others;
        if picked == NONE {
            // Nobody to send it to: the caller knows at once.
            strand.instance = NONE;
            strand.doing = Doing::Answering;
            strand.outcome = Outcome::Unavailable;
            self.agenda.push(Todo::Answer(slot));
            return;
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
            None => self.lose(slot),
        }
    }

    /// Where the caller of a call stands.
    fn caller_location(&self, call: u32) -> Location {
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
            None => self.lose(root),
        }
    }

    /// The message that a root strand stands for is lost. Its caller does not know, and waits on.
    pub(crate) fn lose(&mut self, root: u32) {
        let strand = &mut self.strands[root];
        if strand.owner == NONE {
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
        self.detach(now, root, outcome);
        self.answered(root);
        match self.calls[call].course {
            Course::Bare => {}
            Course::Timeout(_) => self.timers[call as usize * self.stride] = Stamp::NONE,
            Course::Policy => {
                self.decide(now, obs, call, Word::Ended(attempt, outcome));
                return;
            }
        }
        self.end_call(now, obs, call, outcome);
    }

    /// An attempt has ended for its caller: the balancer hears of it, and the call forgets it.
    #[inline(always)]
    fn detach(&mut self, now: Instant, root: u32, outcome: Outcome) {
        let strand = &mut self.strands[root];
        let (next, prev) = (strand.next, strand.prev);
        let call = &mut self.calls[core::mem::replace(&mut strand.owner, NONE)];
        if call.peers != ONLY && strand.instance != NONE {
            let local = self.instances[strand.instance as usize].local;
            let peers = &mut self.peers[call.peers as usize];
            peers
                .balancer
                .ended(now, local, now.since(strand.sent), outcome);
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
    fn give_up<O: Observer>(&mut self, now: Instant, obs: &mut O, call: u32, attempt: u8) {
        let mut root = self.calls[call].attempts;
        while root != NONE && self.strands[root].attempt != attempt {
            root = self.strands[root].next;
        }
        if root == NONE {
            debug_assert!(false, "a policy cancels attempts that are out");
            return;
        }
        self.detach(now, root, Outcome::Timeout);
        let strand = &mut self.strands[root];
        strand.gave_up = now;
        match strand.doing {
            // Whoever carries it finds that nobody waits.
            Doing::Travelling | Doing::Answering => {}
            Doing::Lost => self.answered(root),
            _ => {
                if self.instances[strand.instance as usize].abandoned == Abandoned::Cancel {
                    self.stop_request(now, obs, root);
                }
            }
        }
    }

    /// A timer of a call's policy has come due.
    #[inline]
    pub(crate) fn timer<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        slot: u32,
        stamp: Stamp,
    ) {
        if self.timers[slot as usize] != stamp {
            return;
        }
        let call = slot / self.stride as u32;
        if self.paused != 0 && self.put_off_call(call, Event::Timer(slot), stamp) {
            return;
        }
        self.timers[slot as usize] = Stamp::NONE;
        if let Course::Timeout(_) = self.calls[call].course {
            self.give_up(now, obs, call, 0);
            self.policy_ends(now, obs, call, Outcome::Timeout);
            return;
        }
        let timer = (slot % self.stride as u32) as u8;
        self.decide(now, obs, call, Word::Timer(timer));
    }

    /// The caller itself is gone: so is its call.
    pub(crate) fn abandon_call<O: Observer>(&mut self, now: Instant, obs: &mut O, call: u32) {
        let record = &self.calls[call];
        let edge = self.sites[record.site as usize].edge;
        obs.call_lost(now, edge as usize, record.started);
        self.abandoning.push(call);
        self.urgent = true;
    }

    /// Ends the calls whose callers are gone. Put off, because giving up may stop further callers.
    pub(crate) fn abandon_calls<O: Observer>(&mut self, now: Instant, obs: &mut O) {
        while let Some(call) = self.abandoning.pop() {
            match self.calls[call].course {
                Course::Bare => self.give_up(now, obs, call, 0),
                Course::Timeout(_) => {
                    self.timers[call as usize * self.stride] = Stamp::NONE;
                    self.give_up(now, obs, call, 0);
                }
                Course::Policy => self.decide(now, obs, call, Word::Abandon),
            }
            self.calls.remove(call);
        }
    }

    #[inline(always)]
    fn end_call<O: Observer>(&mut self, now: Instant, obs: &mut O, call: u32, outcome: Outcome) {
        let record = &self.calls[call];
        let site = record.site;
        let (parent, key) = (record.parent, record.key);
        obs.call_ended(
            now,
            self.sites[site as usize].edge as usize,
            record.started,
            outcome,
        );
        self.calls.remove(call);
        if parent == NONE {
            self.request_ended(now, Done { site, key });
            return;
        }
        let strand = &mut self.strands[parent];
        strand.doing = Doing::Pending;
        strand.pc += 1;
        // Whatever the call failed of, it is an error of the handler that made it.
        let outcome = if outcome.is_success() {
            Outcome::Success
        } else {
            Outcome::Error
        };
        if self.may_go_deeper() {
            self.depth += 1;
            self.go_on(now, obs, parent, outcome);
            self.depth -= 1;
        } else {
            self.strands[parent].outcome = outcome;
            self.agenda.push(Todo::Resume(parent));
        }
    }

    /// Whether what follows may be done by calling it, rather than by way of the agenda: a chain of
    /// calls that take no time must not climb the stack, and what is urgent comes first.
    #[inline]
    pub(crate) fn may_go_deeper(&self) -> bool {
        self.depth < DEPTH_MOST && !self.urgent
    }

    /// Room for the timers of a call.
    #[inline(always)]
    fn fit_timers(&mut self, call: u32) {
        let end = (call as usize + 1) * self.stride;
        if self.timers.len() < end {
            self.timers.resize(end, Stamp::NONE);
        }
    }

    /// Fresh frames for a call, in a slot that another may have used.
    #[inline(always)]
    fn clean_frames(&mut self, call: u32, channel: u32) {
        self.fit_timers(call);
        let first = call as usize * self.stride;
        if self.frames.len() < first + self.stride {
            self.frames.resize(first + self.stride, Frame::default());
        }
        let frames = self.channels[channel as usize].pipeline.frames();
        self.frames[first..first + frames].fill(Frame::default());
    }
}

/// How deep the stack may grow with what follows from one event.
const DEPTH_MOST: u32 = 12;

/// What a policy is told about a call.
#[derive(Clone, Copy, Debug)]
enum Word {
    Start,
    Ended(u8, Outcome),
    Timer(u8),
    Wake,
    Abandon,
}
