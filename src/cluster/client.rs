//! The caller's side of a call: it begins, its policy decides, and it ends, once.
//!
//! What follows at the same instant is called a few levels deep and put on the agenda beyond, so
//! that a chain of calls that answer at once needs no stack. How the policy is asked stands in
//! `decision`, what becomes of a single attempt in `attempt`.

use crate::attempt::GivenUp;
use crate::decision::Word;
use crate::event::Event;
use crate::observer::Observer;
use crate::program::Op;
use crate::slab::NONE;
use crate::span::SpanFact;
use crate::state::{Call, Channel, Course, Doing, NO_ORDER, ONLY, Origin};
use crate::world::{Todo, World};
use clock::Instant;
use engine::Stamp;
use policy::{Frame, Outcome};

/// A workload's request that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) site: u32,
    pub(crate) key: u64,
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
        origin: Origin,
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
        let call = self.calls.take(Call::blank);
        // Field by field: put together elsewhere and copied, it would wait for its own making.
        let record = &mut self.calls[call];
        record.key = key;
        record.started = now;
        record.parent = parent;
        record.site = site;
        record.channel = channel;
        record.peers = if only { ONLY } else { peers };
        record.course = course;
        record.attempts = NONE;
        record.draws = 0;
        record.origin = origin;
        if parent != NONE {
            self.strands[parent].awaits = call;
        }
        if O::SPANS {
            let by = (parent != NONE).then_some(parent);
            let edge = self.sites[site as usize].edge;
            let fact = SpanFact::CallBegins {
                call,
                by,
                edge,
                key,
            };
            obs.span(now, fact);
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
            self.give_up(now, obs, call, 0, GivenUp::TooSlow);
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
        if O::SPANS {
            obs.span(now, SpanFact::CallLost { call });
        }
        self.abandoning.push(call);
        self.urgent = true;
    }

    /// Ends the calls whose callers are gone. Put off, because giving up may stop further callers.
    pub(crate) fn abandon_calls<O: Observer>(&mut self, now: Instant, obs: &mut O) {
        while let Some(call) = self.abandoning.pop() {
            match self.calls[call].course {
                Course::Bare => self.give_up(now, obs, call, 0, GivenUp::Unwanted),
                Course::Timeout(_) => {
                    self.timers[call as usize * self.stride] = Stamp::NONE;
                    self.give_up(now, obs, call, 0, GivenUp::Unwanted);
                }
                Course::Policy => self.decide(now, obs, call, Word::Abandon),
            }
            self.calls.remove(call);
        }
    }

    #[inline(always)]
    pub(crate) fn end_call<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        call: u32,
        outcome: Outcome,
    ) {
        if !outcome.is_success() && self.blame.is_some() {
            self.blame_end(now, obs, call, outcome);
        }
        let record = &self.calls[call];
        let site = record.site;
        let (parent, key, order) = (record.parent, record.key, record.origin.order);
        obs.call_ended(
            now,
            self.sites[site as usize].edge as usize,
            record.started,
            outcome,
        );
        if O::SPANS {
            obs.span(now, SpanFact::CallEnds { call, outcome });
        }
        self.calls.remove(call);
        if parent == NONE {
            if order != NO_ORDER {
                self.orders.told(order, outcome);
            }
            self.request_ended(now, Done { site, key });
            return;
        }
        let outcome = if outcome == Outcome::Success {
            outcome
        } else {
            self.flawed(parent, outcome)
        };
        let strand = &mut self.strands[parent];
        strand.doing = Doing::Pending;
        strand.pc += 1;
        if self.may_go_deeper() {
            self.depth += 1;
            self.go_on(now, obs, parent, outcome);
            self.depth -= 1;
        } else {
            self.strands[parent].outcome = outcome;
            self.agenda.push(Todo::Resume(parent));
        }
    }

    /// What it means to a handler that a call of its own did not simply succeed.
    fn flawed(&mut self, parent: u32, outcome: Outcome) -> Outcome {
        let strand = &mut self.strands[parent];
        let op = self.program.ops[strand.pc as usize];
        if outcome.is_success() || matches!(op, Op::Call { optional: true, .. }) {
            strand.degraded = true;
            return Outcome::Success;
        }
        // Whatever the call failed of, it is an error of the handler that made it.
        Outcome::Error
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
