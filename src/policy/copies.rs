//! The copies of a call inside a hedge: where each has its frames, and how the walks through them and
//! through the layers outside join.
//!
//! A call's frames are its own, those of the layers outside, the hedge's, and then for each copy its
//! own and those of the layers inside. All but the first have a slot: the number of the frame less
//! one. When to send a copy is the hedge's to know.

use crate::config::HedgeConfig;
use crate::driver::{Action, Attempt, Env, Sink, TimerId, Token};
use crate::frame::{Frame, Root};
use crate::hedge::{CopyEnd, Hedge, Verdict};
use crate::outcome::Outcome;
use crate::pipeline::Pipeline;
use crate::walk::{Path, Reached, Step};
use clock::Instant;

/// Where a slot is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// A layer outside of the hedge.
    Outside(usize),
    /// The hedge.
    Hedge,
    /// In this copy, this one of the layers inside.
    Inside(usize, usize),
}

#[allow(clippy::too_many_arguments)] // the context of a walk: see there
impl Pipeline {
    /// The layers outside of the hedge; all where there is none.
    #[inline]
    pub(crate) fn outside<'a>(&'a mut self, call: &'a mut [Frame]) -> Path<'a> {
        let (root, frames) = call.split_first_mut().expect("a call has frames");
        Path {
            layers: &mut self.layers[..self.outside],
            frames: &mut frames[..self.outside],
            root: Root(root),
            first: 0,
        }
    }

    /// The layers inside, for one copy.
    pub(crate) fn inside<'a>(&'a mut self, call: &'a mut [Frame], copy: usize) -> Path<'a> {
        let first = self.root_of(copy);
        let (outer, inner) = call.split_at_mut(first);
        let (root, frames) = inner.split_first_mut().expect("a copy has frames");
        let mut root = Root(root);
        root.count_from(&outer[0]);
        Path {
            layers: &mut self.layers[self.outside..],
            frames,
            root,
            first,
        }
    }

    /// How many frames a copy has.
    fn width(&self) -> usize {
        self.layers.len() - self.outside + 1
    }

    /// How many slots there are with this many copies.
    pub(crate) fn slots_of(&self, copies: usize) -> usize {
        self.outside + 1 + copies * self.width()
    }

    /// The frame at which a copy begins.
    pub(crate) fn root_of(&self, copy: usize) -> usize {
        1 + self.slots_of(copy)
    }

    /// The copy of which this attempt is out.
    pub(crate) fn copy_of(&self, call: &[Frame], attempt: Attempt) -> Option<usize> {
        self.live(call)
            .find(|&copy| call[self.root_of(copy)].has_out(attempt))
    }

    /// The copies that have set out and not ended, in order.
    pub(crate) fn live(&self, call: &[Frame]) -> impl Iterator<Item = usize> + use<> {
        let live = match self.hedge {
            Some(_) => Hedge::live(&call[1 + self.outside]),
            None => 0,
        };
        (0..HedgeConfig::MOST_ATTEMPTS as usize).filter(move |copy| live >> copy & 1 != 0)
    }

    pub(crate) fn place(&self, slot: TimerId) -> Option<Place> {
        let slot = usize::from(slot);
        if slot < self.outside {
            return Some(Place::Outside(slot));
        }
        let copies = self.hedge.as_ref()?.copies();
        let Some(inside) = slot.checked_sub(self.outside + 1) else {
            return Some(Place::Hedge);
        };
        let (copy, at) = (inside / self.width(), inside % self.width());
        // A copy's own slot has no timer.
        (copy < copies && at > 0).then(|| Place::Inside(copy, at - 1))
    }

    /// An attempt of one of the copies has ended.
    pub(crate) fn copy_ended(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        attempt: Attempt,
        outcome: Outcome,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        let Some(copy) = self.copy_of(call, attempt) else {
            return;
        };
        let mut path = self.inside(call, copy);
        path.root.end(attempt);
        let step = Step::Up(path.layers.len(), outcome);
        self.walk_inside(now, token, call, copy, step, env, out);
    }

    /// Walks in a copy, and wherever that leads.
    pub(crate) fn walk_inside(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        copy: usize,
        step: Step,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        let verdict = self.run_copy(now, token, call, copy, step, env, out);
        self.follow(now, token, call, verdict, env, out);
    }

    /// The hedge's timer has fired.
    pub(crate) fn fire_hedge(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        let (hedge, frame, more) = self.hedge(call);
        let verdict = hedge.fire(now, more, frame, out);
        self.follow(now, token, call, verdict, env, out);
    }

    /// Releases everything from the layer `from` inwards, innermost first. It is outside of the
    /// hedge, if there is one.
    pub(crate) fn give_up(
        &mut self,
        now: Instant,
        call: &mut [Frame],
        from: usize,
        out: &mut impl Sink,
    ) {
        if self.hedge.is_some() {
            self.give_up_copies(now, call, out);
        }
        self.outside(call).give_up(now, from, out);
    }

    /// Walks outside of the hedge, and wherever that leads.
    #[inline(never)]
    pub(crate) fn walk_outside(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        step: Step,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        let verdict = self.enter(now, token, call, step, env, out);
        self.follow(now, token, call, verdict, env, out);
    }

    /// Does what the hedge says, until the call waits or has ended.
    fn follow(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        mut verdict: Verdict,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        loop {
            verdict = match verdict {
                Verdict::Wait => return,
                Verdict::Send(copy) => {
                    self.inside(call, copy).root.begin();
                    self.run_copy(now, token, call, copy, Step::Down(0), env, out)
                }
                Verdict::Answer(outcome) => {
                    self.give_up_copies(now, call, out);
                    let step = Step::Up(self.outside, outcome);
                    self.enter(now, token, call, step, env, out)
                }
            };
        }
    }

    /// Walks outside of the hedge; what becomes of the call when it comes to it.
    #[inline(never)]
    fn enter(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        step: Step,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Verdict {
        match self.outside(call).walk(now, token, step, env, out) {
            Reached::Bottom => {
                let (hedge, frame, more) = self.hedge(call);
                hedge.begin(now, more, frame, out)
            }
            Reached::Top(outcome) => {
                out.push(Action::Finish(outcome));
                Verdict::Wait
            }
            Reached::Rest => Verdict::Wait,
        }
    }

    /// Walks in a copy; what becomes of the call when it has ended, or rests.
    #[inline(never)]
    fn run_copy(
        &mut self,
        now: Instant,
        token: Token,
        call: &mut [Frame],
        copy: usize,
        step: Step,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Verdict {
        let mut path = self.inside(call, copy);
        let reached = path.walk(now, token, step, env, out);
        let ended = path.end(now, reached, out);
        // A refusal by a layer inside says nothing about the callee.
        let answered = path.root.sent() > 0;
        let root = self.root_of(copy);
        let (call_root, copies) = call.split_at_mut(root);
        Root(&mut copies[0]).count_into(&mut call_root[0]);
        let (hedge, frame, more) = self.hedge(call);
        match ended {
            Some(outcome) => {
                let end = CopyEnd {
                    copy,
                    outcome,
                    answered,
                };
                hedge.record(now, end, more, frame, env, out)
            }
            None => hedge.rested(now, more, frame, out),
        }
    }

    fn give_up_copies(&mut self, now: Instant, call: &mut [Frame], out: &mut impl Sink) {
        for copy in self.live(call) {
            self.inside(call, copy).give_up(now, 0, out);
        }
        let (hedge, frame, _) = self.hedge(call);
        hedge.release(frame, out);
    }

    /// The hedge, what the call remembers of it, and whether one more attempt has a number.
    fn hedge<'a>(&'a mut self, call: &'a mut [Frame]) -> (&'a mut Hedge, &'a mut Frame, bool) {
        let (root, frames) = call.split_first_mut().expect("a call has frames");
        let hedge = self
            .hedge
            .as_deref_mut()
            .expect("asked only where there is a hedge");
        (hedge, &mut frames[self.outside], Root(root).can_send())
    }
}
