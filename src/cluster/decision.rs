//! The policy of a call as it is asked in the simulated world: what it may ask back, and how what
//! it wants is done.
//!
//! The policy is the real one. This file refuses to know what any layer does.

use crate::attempt::{GivenUp, note_taken};
use crate::event::Event;
use crate::observer::Observer;
use crate::peers::Peers;
use crate::slab::NONE;
use crate::span::SpanFact;
use crate::state::Origin;
use crate::world::World;
use clock::{Duration, Instant};
use engine::{Bits, Engine, Keyed, Sampler, Stamp, TimerClass};
use policy::{Action, Env, Outcome, Pushback, Sink, TimerId};

/// Sets what a policy draws apart from the other draws of its call.
const POLICY: u64 = 0x706f_6c69_6379;

/// What a policy is told about a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    Start,
    Ended(u8, Outcome),
    Timer(u8),
    Wake,
    Abandon,
}

/// What a policy may ask while it decides about one call.
struct CallEnv<'a> {
    now: Instant,
    key: u64,
    origin: Origin,
    draws: &'a mut u32,
    spans: &'a [Sampler],
    peers: &'a mut Peers,
    /// Where other attempts of the call are out, or are about to be; `None` where that can not be.
    taken: Option<&'a mut Vec<u32>>,
    /// The call is for the leader of a group.
    led: bool,
    /// What the failure said that the policy hears of.
    pushback: Pushback,
}

impl CallEnv<'_> {
    fn bits(&mut self) -> Keyed {
        let key = Keyed::child(self.key ^ POLICY, u64::from(*self.draws));
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
        let key = bits.next_u64();
        let leader = self.peers.leader;
        if self.led && leader != NONE && self.taken.as_ref().is_none_or(|t| !t.contains(&leader)) {
            if let Some(taken) = &mut self.taken {
                taken.push(leader);
            }
            return leader;
        }
        match &mut self.taken {
            None => self.peers.pick(self.now, key, self.origin),
            Some(taken) => {
                let picked = self.peers.pick_apart(self.now, taken, key, self.origin);
                taken.push(picked);
                picked
            }
        }
    }

    fn pushback(&mut self) -> Pushback {
        self.pushback
    }

    fn key(&mut self) -> u64 {
        u64::from(self.origin.record())
    }
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
    /// The layer that turned the call back last, and the one in which it waits.
    turned_back: Option<TimerId>,
    rests: Option<TimerId>,
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
            Action::Cancel(attempt) => self.cancel(attempt),
            Action::Send(_) | Action::Wake(_) => self.rest.push(action),
        }
    }

    #[inline(always)]
    fn rests(&mut self, layer: TimerId) {
        self.rests = Some(layer);
    }

    #[inline(always)]
    fn turned_back(&mut self, layer: TimerId) {
        self.turned_back = Some(layer);
    }
}

impl Hands<'_> {
    /// What was to be sent at this very instant is not sent at all.
    #[cold]
    fn cancel(&mut self, attempt: u8) {
        if self.send == Some(attempt) {
            self.send = None;
            return;
        }
        let sent = Action::Send(attempt);
        match self.rest.iter().position(|&action| action == sent) {
            Some(place) => drop(self.rest.remove(place)),
            None => self.rest.push(Action::Cancel(attempt)),
        }
    }
}

impl World {
    /// Says a word about a call to its policy, and does what the policy answers.
    #[inline(always)]
    pub(crate) fn decide<O: Observer>(&mut self, now: Instant, obs: &mut O, call: u32, word: Word) {
        let record = &mut self.calls[call];
        let channel = &mut self.channels[record.channel as usize];
        let taken = if channel.hedged {
            let taken = &mut self.taken;
            note_taken(taken, record.attempts, &self.strands, &self.instances);
            Some(taken)
        } else {
            None
        };
        let first = call as usize * self.stride;
        let frames = &mut self.frames[first..first + channel.pipeline.frames()];
        let mut env = CallEnv {
            now,
            key: record.key,
            origin: record.origin,
            draws: &mut record.draws,
            spans: &self.spans,
            peers: &mut self.peers[channel.peers as usize],
            taken,
            led: self.sites[record.site as usize].led,
            pushback: match word {
                Word::Ended(_, Outcome::Rejected) => core::mem::take(&mut self.pushback),
                _ => Pushback::None,
            },
        };
        let mut hands = Hands {
            engine: &mut self.engine,
            timers: &mut self.timers[first..first + channel.timers.len()],
            classes: &channel.timers,
            first: first as u32,
            rest: &mut self.rest,
            send: None,
            finish: None,
            turned_back: None,
            rests: None,
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
        let (send, finish, turned_back) = (hands.send, hands.finish, hands.turned_back);
        if O::SPANS {
            let name = |layer| channel.pipeline.layer_name(layer);
            if let Some(layer) = hands.turned_back.and_then(name) {
                obs.span(now, SpanFact::CallRefused { call, layer });
            }
            if let Some(layer) = hands.rests.and_then(name) {
                obs.span(now, SpanFact::CallRests { call, layer });
            }
        }
        let picked = send.and_then(|attempt| channel.pipeline.target(frames, attempt));
        if channel.breakers {
            let state = channel.pipeline.breaker_state().unwrap_or_default();
            if state != channel.stated {
                obs.breakers(now, channel.edge as usize, channel.stated, state);
                channel.stated = state;
            }
        }
        let fails = finish.is_some_and(|outcome| !outcome.is_success());
        if (fails || turned_back.is_some()) && self.blame.is_some() {
            self.blame_decision(call, word, turned_back, fails);
        }
        let rare = !self.rest.is_empty();
        if rare {
            let why = match word {
                Word::Timer(_) => GivenUp::TooSlow,
                _ => GivenUp::Unwanted,
            };
            self.give_up_attempts(now, obs, call, why);
        }
        let first = self.agenda.len();
        if let Some(attempt) = send {
            self.policy_sends(now, obs, call, attempt, picked.unwrap_or(NONE), !rare);
        }
        if rare {
            self.send_more(now, obs, call);
            // Of what is to be done, the last is done first: here that is the first attempt.
            self.agenda[first..].reverse();
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
    pub(crate) fn policy_sends<O: Observer>(
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
    pub(crate) fn policy_ends<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        call: u32,
        outcome: Outcome,
    ) {
        self.end_call(now, obs, call, outcome);
    }

    /// Gives up the attempts that the policy no longer wants.
    #[cold]
    fn give_up_attempts<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        call: u32,
        why: GivenUp,
    ) {
        let mut rest = core::mem::take(&mut self.rest);
        rest.retain(|&action| match action {
            Action::Cancel(attempt) => {
                self.give_up(now, obs, call, attempt, why);
                false
            }
            _ => true,
        });
        self.rest = rest;
    }

    /// Sends the attempts that set out together with another one.
    #[cold]
    fn send_more<O: Observer>(&mut self, now: Instant, obs: &mut O, call: u32) {
        let mut rest = core::mem::take(&mut self.rest);
        rest.retain(|&action| match action {
            Action::Send(attempt) => {
                let channel = &self.channels[self.calls[call].channel as usize];
                let frames = &self.frames[call as usize * self.stride..];
                let picked = channel.pipeline.target(frames, attempt).unwrap_or(NONE);
                self.policy_sends(now, obs, call, attempt, picked, false);
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
}
