//! Bulkhead: at most so many calls at the same time, and so many more that wait their turn.
//!
//! A place that becomes free goes straight to the first that waits: nobody who comes in between
//! can take it.

use crate::config::BulkheadConfig;
use crate::driver::{Action, Env, Sink, TimerId, Token};
use crate::frame::{Frame, Root};
use crate::layer::{Descend, Fired};
use crate::outcome::Outcome;
use crate::scoped::Scoped;
use clock::{Duration, Instant};
use std::collections::VecDeque;

/// A bulkhead with its queue, first come, first served.
///
/// Whoever [`admit`](Self::admit) let in gives the place back with [`release`](Self::release);
/// whoever waits either is named by a `release`, and then has a place, or goes away with
/// [`leave`](Self::leave).
#[derive(Clone, Debug)]
pub struct Bulkhead {
    max_concurrent: u32,
    capacity: u32,
    running: u32,
    waiting: u32,
    /// In order of arrival; `None` has left. The first is always still there.
    queue: VecDeque<Option<Token>>,
    /// The ticket of the queue's first place; tickets count up.
    first: u64,
}

/// What a bulkhead answers.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a place must be given back, and a queue left"]
pub enum BulkheadAdmission {
    /// Go on; the place is held until it is released.
    Granted,
    /// Wait until named by a release.
    Queued(BulkheadTicket),
    /// All places are taken, and so is the queue.
    Rejected,
}

/// A place in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BulkheadTicket(u64);

/// What one who leaves the queue leaves behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// It was still waiting; nothing more to do.
    Waiting,
    /// It had been named already and holds a place, which it must now release.
    Granted,
}

impl Bulkhead {
    /// An empty bulkhead of `max_concurrent` places (at least 1) and a queue for `queue` more.
    pub fn new(max_concurrent: u32, queue: u32) -> Self {
        Self {
            max_concurrent: max_concurrent.max(1),
            capacity: queue,
            running: 0,
            waiting: 0,
            queue: VecDeque::new(),
            first: 0,
        }
    }

    /// Asks for a place, or for one in the queue.
    #[inline]
    pub fn admit(&mut self, token: Token) -> BulkheadAdmission {
        if self.running < self.max_concurrent {
            self.running += 1;
            BulkheadAdmission::Granted
        } else if self.waiting < self.capacity {
            self.waiting += 1;
            self.queue.push_back(Some(token));
            BulkheadAdmission::Queued(BulkheadTicket(self.first + self.queue.len() as u64 - 1))
        } else {
            BulkheadAdmission::Rejected
        }
    }

    /// Gives a place back; names the waiting one who now has it.
    #[inline]
    pub fn release(&mut self) -> Option<Token> {
        let next = self.queue.pop_front().flatten();
        if next.is_some() {
            self.first += 1;
            self.waiting -= 1;
            self.drop_left();
        } else {
            debug_assert!(self.running > 0, "released more often than admitted");
            self.running = self.running.saturating_sub(1);
        }
        next
    }

    /// Goes away from the queue.
    pub fn leave(&mut self, ticket: BulkheadTicket) -> Left {
        if self.granted(ticket) {
            return Left::Granted;
        }
        let place = self.queue.get_mut((ticket.0 - self.first) as usize);
        if place.and_then(Option::take).is_some() {
            self.waiting -= 1;
            self.drop_left();
        }
        Left::Waiting
    }

    /// Whether the holder of a ticket has been named.
    pub fn granted(&self, ticket: BulkheadTicket) -> bool {
        ticket.0 < self.first
    }

    /// Calls that hold a place.
    pub fn running(&self) -> u32 {
        self.running
    }

    /// Calls that wait for one.
    pub fn waiting(&self) -> u32 {
        self.waiting
    }

    fn drop_left(&mut self) {
        while let Some(None) = self.queue.front() {
            self.queue.pop_front();
            self.first += 1;
        }
    }
}

const HELD: u32 = 1;
/// Waits; the frame's word is the ticket.
const QUEUED: u32 = 2;
/// Waits, with a timer running.
const TIMED: u32 = 3;

/// The bulkheads of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct BulkheadLayer {
    bulkheads: Scoped<Bulkhead>,
    max_wait: Option<Duration>,
}

impl BulkheadLayer {
    pub(crate) fn new(config: &BulkheadConfig, instances: u32) -> Self {
        // A wait of no time is none: the queue could only refuse a moment later.
        let queue = if config.max_wait == Some(Duration::ZERO) {
            0
        } else {
            config.queue
        };
        let fresh = Bulkhead::new(config.max_concurrent, queue);
        Self {
            bulkheads: Scoped::new(config.scope, instances, fresh),
            max_wait: config.max_wait,
        }
    }

    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.bulkheads
            .iter()
            .all(|b| b.running == 0 && b.waiting == 0 && b.queue.is_empty())
    }

    #[allow(clippy::too_many_arguments)]
    #[inline]
    pub(crate) fn admit(
        &mut self,
        id: TimerId,
        now: Instant,
        token: Token,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Descend {
        let Some(index) = self.bulkheads.select(root, env) else {
            return Descend::Pass;
        };
        match self.bulkheads.get(index).admit(token) {
            BulkheadAdmission::Granted => {
                *frame = Frame {
                    state: HELD,
                    index,
                    word: 0,
                };
                Descend::Pass
            }
            BulkheadAdmission::Queued(ticket) => {
                *frame = Frame {
                    state: QUEUED,
                    index,
                    word: ticket.0,
                };
                if let Some(wait) = self.max_wait {
                    frame.state = TIMED;
                    out.push(Action::SetTimer(id, now + wait));
                }
                Descend::Wait
            }
            BulkheadAdmission::Rejected => Descend::Refuse,
        }
    }

    /// Waited as long as it may.
    pub(crate) fn fire(&mut self, frame: &mut Frame) -> Fired {
        if frame.state != TIMED {
            return Fired::Stale;
        }
        match self
            .bulkheads
            .get(frame.index)
            .leave(BulkheadTicket(frame.word))
        {
            Left::Waiting => {
                *frame = Frame::default();
                Fired::GiveUp(Outcome::Rejected)
            }
            // Its wake is on the way.
            Left::Granted => {
                frame.state = QUEUED;
                Fired::Stale
            }
        }
    }

    pub(crate) fn wake(&mut self, id: TimerId, frame: &mut Frame, out: &mut impl Sink) -> bool {
        let waits = frame.state == QUEUED || frame.state == TIMED;
        if !waits
            || !self
                .bulkheads
                .get(frame.index)
                .granted(BulkheadTicket(frame.word))
        {
            return false;
        }
        if frame.state == TIMED {
            out.push(Action::CancelTimer(id));
        }
        frame.state = HELD;
        true
    }

    /// Done with the place, or with waiting for it.
    #[inline]
    pub(crate) fn release(&mut self, id: TimerId, frame: &mut Frame, out: &mut impl Sink) {
        let Frame { state, index, word } = core::mem::take(frame);
        if state == 0 {
            return;
        }
        let bulkhead = self.bulkheads.get(index);
        if state == TIMED {
            out.push(Action::CancelTimer(id));
        }
        let holds = state == HELD || bulkhead.leave(BulkheadTicket(word)) == Left::Granted;
        if holds && let Some(next) = bulkhead.release() {
            out.push(Action::Wake(next));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(admission: BulkheadAdmission) -> BulkheadTicket {
        match admission {
            BulkheadAdmission::Queued(ticket) => ticket,
            other => panic!("{other:?} instead of a place in the queue"),
        }
    }

    #[test]
    fn places_then_the_queue_then_nothing() {
        let mut bulkhead = Bulkhead::new(1, 1);
        assert_eq!(bulkhead.admit(1), BulkheadAdmission::Granted);
        let second = ticket(bulkhead.admit(2));
        assert_eq!(bulkhead.admit(3), BulkheadAdmission::Rejected);
        assert!(!bulkhead.granted(second));
        assert_eq!(bulkhead.release(), Some(2));
        assert!(bulkhead.granted(second));
        assert_eq!((bulkhead.running(), bulkhead.waiting()), (1, 0));
        assert_eq!(bulkhead.release(), None);
        assert_eq!(bulkhead.running(), 0);
    }

    #[test]
    fn who_left_is_passed_over_and_its_place_in_the_queue_is_free() {
        let mut bulkhead = Bulkhead::new(1, 3);
        assert_eq!(bulkhead.admit(1), BulkheadAdmission::Granted);
        let tickets = [2, 3, 4].map(|token| ticket(bulkhead.admit(token)));
        assert_eq!(bulkhead.leave(tickets[1]), Left::Waiting);
        assert_eq!(bulkhead.waiting(), 2);
        let fifth = ticket(bulkhead.admit(5));
        assert_eq!(bulkhead.leave(tickets[0]), Left::Waiting);
        assert_eq!(bulkhead.release(), Some(4));
        assert_eq!(bulkhead.leave(tickets[2]), Left::Granted);
        assert_eq!(bulkhead.release(), Some(5));
        assert!(bulkhead.granted(fifth));
    }
}
