//! Turns: what all rate limiters have in common.
//!
//! A limiter is asked at a time and answers with a turn: now, or later, when the call is ready to
//! wait that long. A [`Meter`] says when the next turn is; a [`Lane`] is one meter's state together
//! with the turns that are waited for, so that one who goes away leaves a turn that others can take.
//! Nothing here knows how a rate is bounded.

use crate::rejected::Rejected;
use clock::{Duration, Instant};
use core::fmt::Debug;
use std::collections::VecDeque;

/// One way of bounding a rate. Times never go back, and turns are taken in order.
pub(crate) trait Meter: Clone + Debug {
    /// What it remembers of the turns that were taken.
    type State: Clone + Debug;

    /// Whether a turn that was given back goes to somebody else.
    const GIVES_BACK: bool = true;

    /// Before the first call.
    fn fresh(&self) -> Self::State;

    /// The first turn that is left, `now` or later; [`Instant::NEVER`] when there is none any more.
    fn turn(&self, state: &Self::State, now: Instant) -> Instant;

    /// Takes that turn.
    fn take(&self, state: &mut Self::State, now: Instant, turn: Instant);

    /// Takes back the last turn that was taken, or answers that it cannot.
    fn take_back(&self, state: &mut Self::State, turn: Instant) -> bool;

    /// From when on one may wait for the next turn at all.
    fn opens(&self, _state: &Self::State) -> Instant {
        Instant::ZERO
    }

    /// How long a turn that was waited for, and given back, can be used once it has come.
    fn lasts(&self) -> Duration {
        Duration::ZERO
    }
}

/// One meter's state, and who waits.
#[derive(Clone, Debug)]
pub(super) struct Lane<S> {
    state: S,
    /// Only while there is something in it, or was: most lanes never see anybody wait.
    waiting: Option<Box<Waiting>>,
}

/// Turns that were not there yet when they were taken.
#[derive(Clone, Debug, Default)]
struct Waiting {
    /// All that are to come, in order.
    taken: VecDeque<Instant>,
    /// Those among them that were given back, in order.
    free: VecDeque<Instant>,
}

impl<S> Lane<S> {
    pub(super) fn new(state: S) -> Self {
        Self {
            state,
            waiting: None,
        }
    }

    /// Takes a turn at most `max_wait` from now.
    #[inline]
    pub(super) fn reserve<M: Meter<State = S>>(
        &mut self,
        meter: &M,
        now: Instant,
        max_wait: Duration,
    ) -> Result<Instant, Rejected> {
        let latest = now + max_wait;
        if let Some(waiting) = &mut self.waiting
            && let Some(turn) = waiting.first_free(now, meter.lasts())
        {
            // Every turn of the meter comes after it.
            return if turn <= latest {
                waiting.free.pop_front();
                Ok(turn.max(now))
            } else {
                Err(refusal(turn, max_wait, Instant::ZERO))
            };
        }
        let turn = meter.turn(&self.state, now);
        let opens = meter.opens(&self.state);
        if turn > latest || now < opens || turn == Instant::NEVER {
            return Err(refusal(turn, max_wait, opens));
        }
        meter.take(&mut self.state, now, turn);
        if M::GIVES_BACK && turn > now {
            self.waiting.get_or_insert_default().taken.push_back(turn);
        }
        Ok(turn)
    }

    /// The turn of one who waited goes to the next who asks.
    pub(super) fn give_back<M: Meter<State = S>>(&mut self, meter: &M, turn: Instant) {
        let Some(waiting) = &mut self.waiting else {
            return;
        };
        if waiting.taken.binary_search(&turn).is_err() {
            return;
        }
        let place = waiting.free.partition_point(|&free| free <= turn);
        waiting.free.insert(place, turn);
        // At the end of the queue there is nobody behind who was told a time: as if never taken.
        while let (Some(&last), Some(&free)) = (waiting.taken.back(), waiting.free.back())
            && last == free
            && meter.take_back(&mut self.state, last)
        {
            waiting.taken.pop_back();
            waiting.free.pop_back();
        }
    }
}

impl Waiting {
    /// The first turn that was given back and can still be used; forgets what is past.
    #[inline]
    fn first_free(&mut self, now: Instant, lasts: Duration) -> Option<Instant> {
        let past = |turn: &Instant| *turn < now && *turn + lasts <= now;
        while self.taken.front().is_some_and(past) {
            self.taken.pop_front();
        }
        while self.free.front().is_some_and(past) {
            self.free.pop_front();
        }
        self.free.front().copied()
    }
}

/// Who would wait at most `max_wait` for `turn` may ask that much before it.
pub(crate) fn refusal(turn: Instant, max_wait: Duration, opens: Instant) -> Rejected {
    Rejected {
        retry_at: (turn != Instant::NEVER).then(|| (turn - max_wait).max(opens)),
    }
}
