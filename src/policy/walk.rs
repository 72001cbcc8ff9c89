//! The walk through layers that stand one behind the other: inwards until something stops it,
//! outwards with an outcome.
//!
//! It refuses to know what lies beyond its two ends: the caller and the network, or a hedge that
//! has several such paths behind it.

use crate::driver::{Action, Env, Sink, TimerId, Token};
use crate::frame::{Frame, Root};
use crate::layer::{Ascend, Descend, Fired, Layer};
use crate::outcome::Outcome;
use clock::Instant;

/// Layers, and what one call remembers of them.
pub(crate) struct Path<'a> {
    pub(crate) layers: &'a mut [Layer],
    /// One for each layer.
    pub(crate) frames: &'a mut [Frame],
    pub(crate) root: Root<'a>,
    /// The slot of the first layer; those of the others follow.
    pub(crate) first: usize,
}

/// From where a walk goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Inwards, at this layer.
    Down(usize),
    /// Outwards with an outcome, from just inside of the layer below this number.
    Up(usize, Outcome),
}

/// Where a walk has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reached {
    /// All layers have let the call pass.
    Bottom,
    /// All layers are done with it.
    Top(Outcome),
    /// It waits in one of them.
    Rest,
}

// The arguments are the walk's whole context; a struct for them costs the optimiser its sight. What most
// calls go through is put where it is asked for, what few go through is there once.
#[allow(clippy::too_many_arguments)]
impl Path<'_> {
    /// Inwards, from the layer `at`.
    #[inline(always)]
    pub(crate) fn down(
        &mut self,
        now: Instant,
        token: Token,
        mut at: usize,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Reached {
        // A refusal may end at a retry that goes down again at once: a loop, not a recursion.
        loop {
            loop {
                let (Some(layer), Some(frame)) = (self.layers.get_mut(at), self.frames.get_mut(at))
                else {
                    return Reached::Bottom;
                };
                let id = (self.first + at) as TimerId;
                match layer.admit(id, now, token, &mut self.root, frame, env, out) {
                    Descend::Pass => at += 1,
                    Descend::Wait => {
                        out.rests(id);
                        return Reached::Rest;
                    }
                    Descend::Refuse => break,
                }
            }
            // Lent anew, so that the path itself need not be in memory for the others.
            match self.lend().refused(now, at, env, out) {
                Ok(next) => at = next,
                Err(reached) => return reached,
            }
        }
    }

    /// Outwards with an outcome, from just inside of the layer below `at`. Answers the layer from
    /// which the call goes inwards again at once, or where it has come to.
    #[inline(always)]
    pub(crate) fn ascend(
        &mut self,
        now: Instant,
        at: usize,
        mut outcome: Outcome,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Result<usize, Reached> {
        let inside = self.layers[..at].iter_mut().zip(&mut self.frames[..at]);
        for (at, (layer, frame)) in inside.enumerate().rev() {
            let id = (self.first + at) as TimerId;
            match layer.record(id, now, outcome, &mut self.root, frame, env, out) {
                Ascend::Pass(next) => outcome = next,
                Ascend::Again => return Ok(at + 1),
                Ascend::Wait => {
                    out.rests(id);
                    return Err(Reached::Rest);
                }
            }
        }
        Err(Reached::Top(outcome))
    }

    #[inline(never)]
    fn refused(
        &mut self,
        now: Instant,
        at: usize,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Result<usize, Reached> {
        out.turned_back((self.first + at) as TimerId);
        self.ascend(now, at, Outcome::Rejected, env, out)
    }

    fn lend(&mut self) -> Path<'_> {
        Path {
            layers: &mut *self.layers,
            frames: &mut *self.frames,
            root: Root(&mut *self.root.0),
            first: self.first,
        }
    }

    /// One of them, then the other where that is asked for.
    #[inline(never)]
    pub(crate) fn walk(
        &mut self,
        now: Instant,
        token: Token,
        step: Step,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Reached {
        let at = match step {
            Step::Down(at) => at,
            Step::Up(at, outcome) => match self.ascend(now, at, outcome, env, out) {
                Ok(next) => next,
                Err(reached) => return reached,
            },
        };
        self.down(now, token, at, env, out)
    }

    /// The end of a walk where the bottom is the network: sends an attempt there, or answers the
    /// outcome with which the call came out at the top.
    #[inline(always)]
    pub(crate) fn end(
        &mut self,
        now: Instant,
        reached: Reached,
        out: &mut impl Sink,
    ) -> Option<Outcome> {
        match reached {
            Reached::Bottom if self.root.can_send() => {
                out.push(Action::Send(self.root.send()));
                None
            }
            // Other paths have used up the numbers while this one was on its way.
            Reached::Bottom => {
                self.give_up(now, 0, out);
                Some(Outcome::Rejected)
            }
            Reached::Top(outcome) => Some(outcome),
            Reached::Rest => None,
        }
    }

    pub(crate) fn fire(&mut self, now: Instant, at: usize, out: &mut impl Sink) -> Fired {
        let id = (self.first + at) as TimerId;
        self.layers[at].fire(id, now, &mut self.root, &mut self.frames[at], out)
    }

    /// The layer in which the call waited, and now waits no more.
    pub(crate) fn wake(&mut self, out: &mut impl Sink) -> Option<usize> {
        let mut layers = self.layers.iter_mut().zip(&mut *self.frames).enumerate();
        layers.find_map(|(at, (layer, frame))| {
            let id = (self.first + at) as TimerId;
            layer.wake(id, frame, out).then_some(at)
        })
    }

    /// Releases everything from the layer `from` inwards, innermost first.
    pub(crate) fn give_up(&mut self, now: Instant, from: usize, out: &mut impl Sink) {
        if let Some(attempt) = self.root.give_up() {
            out.push(Action::Cancel(attempt));
        }
        for at in (from..self.layers.len()).rev() {
            let id = (self.first + at) as TimerId;
            self.layers[at].release(id, now, &mut self.frames[at], out);
        }
    }
}
