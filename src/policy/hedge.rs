//! Hedging: when the next copy is sent, and which outcome of a copy is the answer.
//!
//! It refuses to know what is inside a copy, and how a copy is released: the pipeline keeps the
//! copies and does what is decided here.

use crate::config::{AllFailed, HedgeConfig, HedgeDelay};
use crate::driver::{Action, Env, Pushback, Sink, TimerId};
use crate::frame::Frame;
use crate::outcome::Outcome;

use crate::quantile::RecentQuantile;
use crate::retry_budget::{Drawn, RetryBudget};
use clock::{Duration, Instant};

/// The hedge of a pipeline: what its calls share.
#[derive(Clone, Debug)]
pub(crate) struct Hedge {
    config: HedgeConfig,
    latencies: Option<RecentQuantile>,
    budget: Option<RetryBudget>,
    /// Its slot, which is that of its timer.
    slot: TimerId,
}

/// What becomes of a call now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The copy of this number sets out.
    Send(usize),
    /// Nothing, until a copy ends or the timer fires.
    Wait,
    /// This is the outcome of all copies; those that are still live are given up.
    Answer(Outcome),
}

/// The end of a copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CopyEnd {
    pub(crate) copy: usize,
    pub(crate) outcome: Outcome,
    /// It has sent an attempt.
    pub(crate) answered: bool,
}

// The frame's state says, from the lowest bit on: which copies are live, how many have set out, and
// what follows. Its index has the first copy's failure, the last one of all, and what is drawn of
// the budget; its word is when the call came in.
const STARTED_SHIFT: u32 = HedgeConfig::MOST_ATTEMPTS;
const STARTED: u32 = 0x1f << STARTED_SHIFT;
/// The timer runs.
const TIMED: u32 = 1 << 24;
/// The next copy sets out as soon as the one before rests.
const AT_ONCE: u32 = 1 << 25;
/// There are no more copies.
const FROZEN: u32 = 1 << 26;
/// The answer is known.
const ENDED: u32 = 1 << 27;

const FIRST: u32 = 0xff;
const LAST_SHIFT: u32 = 8;
const LAST: u32 = 0xff << LAST_SHIFT;
const DRAWN_SHIFT: u32 = 16;

impl Hedge {
    pub(crate) fn new(config: &HedgeConfig, slot: TimerId) -> Self {
        Self {
            config: *config,
            latencies: match config.delay {
                HedgeDelay::Quantile { quantile, .. } => Some(RecentQuantile::new(quantile)),
                _ => None,
            },
            budget: config.budget.map(RetryBudget::new),
            slot,
        }
    }

    pub(crate) fn copies(&self) -> usize {
        self.config.copies()
    }

    /// The span to which its timer is always set.
    pub(crate) fn constant(&self) -> Option<Duration> {
        match self.config.delay {
            HedgeDelay::After(delay) if !self.config.heed_pushback => Some(delay),
            _ => None,
        }
    }

    /// The copies of a call that are live: one bit for each.
    pub(crate) fn live(frame: &Frame) -> u32 {
        frame.state & ((1 << STARTED_SHIFT) - 1)
    }

    /// A call comes in: its first copy sets out. `more` says whether another attempt would still
    /// have a number, here and below.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        more: bool,
        frame: &mut Frame,
        out: &mut impl Sink,
    ) -> Verdict {
        *frame = Frame {
            word: now.as_nanos(),
            ..Frame::default()
        };
        if let Some(budget) = &mut self.budget {
            budget.call_started(now);
        }
        self.launch(now, more, frame, out)
    }

    /// A copy waits, or its attempt is out.
    pub(crate) fn rested(
        &mut self,
        now: Instant,
        more: bool,
        frame: &mut Frame,
        out: &mut impl Sink,
    ) -> Verdict {
        if frame.state & AT_ONCE == 0 {
            return Verdict::Wait;
        }
        self.next(now, None, more, frame, out)
    }

    /// The timer fired: the copies that are out have taken long enough.
    pub(crate) fn fire(
        &mut self,
        now: Instant,
        more: bool,
        frame: &mut Frame,
        out: &mut impl Sink,
    ) -> Verdict {
        if frame.state & TIMED == 0 {
            return Verdict::Wait;
        }
        frame.state &= !TIMED;
        if Self::live(frame) == 0 {
            self.told(frame, RetryBudget::resume);
        }
        self.next(now, None, more, frame, out)
    }

    /// A copy has ended.
    pub(crate) fn record(
        &mut self,
        now: Instant,
        end: CopyEnd,
        more: bool,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Verdict {
        let CopyEnd { copy, outcome, .. } = end;
        frame.state &= !(1 << copy);
        if outcome.is_success() {
            if let Some(latencies) = &mut self.latencies {
                latencies.add(now.since(Instant::from_nanos(frame.word)));
            }
            return self.answer(outcome, frame, out);
        }
        let pushback = if self.config.heed_pushback && end.answered {
            env.pushback()
        } else {
            Pushback::None
        };
        let hedgeable = self.config.hedge_on.contains(outcome);
        if let Some(budget) = &mut self.budget
            && (hedgeable || pushback == Pushback::Never)
        {
            budget.attempt_failed(now);
        }
        if !hedgeable {
            return self.answer(outcome, frame, out);
        }
        note_failure(frame, copy, outcome);
        match pushback {
            Pushback::None | Pushback::After(Duration::ZERO) => {
                self.next(now, end.answered.then_some(outcome), more, frame, out)
            }
            Pushback::After(delay) if self.may_send(more, frame) => {
                self.disarm(frame, out);
                self.arm(now, delay, frame, out);
                if Self::live(frame) == 0 {
                    self.told(frame, RetryBudget::pause);
                }
                Verdict::Wait
            }
            Pushback::After(_) | Pushback::Never => self.freeze(frame, out),
        }
    }

    /// What is kept for the call is forgotten; it ends without an outcome unless there was one.
    pub(crate) fn release(&mut self, frame: &mut Frame, out: &mut impl Sink) {
        self.disarm(frame, out);
        if let Some(budget) = &mut self.budget
            && started(frame) > 0
            && frame.state & ENDED == 0
        {
            budget.call_given_up(drawn(frame));
        }
        *frame = Frame::default();
    }

    /// The next copy sets out, if there is one: for the callee's answer to one before, if any.
    fn next(
        &mut self,
        now: Instant,
        failure: Option<Outcome>,
        more: bool,
        frame: &mut Frame,
        out: &mut impl Sink,
    ) -> Verdict {
        // Asked last: a budget is only charged for a copy that will be sent.
        if !self.may_send(more, frame) || !self.withdraw(now, failure, frame) {
            return self.freeze(frame, out);
        }
        self.disarm(frame, out);
        self.launch(now, more, frame, out)
    }

    fn withdraw(&mut self, now: Instant, failure: Option<Outcome>, frame: &mut Frame) -> bool {
        let mut granted = true;
        self.told(frame, |budget, drawn| {
            granted = budget.withdraw(now, failure, drawn);
        });
        granted
    }

    /// Says a word about the call to the budget.
    fn told(&mut self, frame: &mut Frame, word: impl FnOnce(&mut RetryBudget, &mut Drawn)) {
        if let Some(budget) = &mut self.budget {
            let mut drawn = drawn(frame);
            word(budget, &mut drawn);
            frame.index = frame.index & (FIRST | LAST) | u32::from(drawn.bits()) << DRAWN_SHIFT;
        }
    }

    fn may_send(&self, more: bool, frame: &Frame) -> bool {
        more && frame.state & FROZEN == 0 && started(frame) < self.copies()
    }

    /// A copy sets out, and the delay before the next one begins.
    fn launch(
        &mut self,
        now: Instant,
        more: bool,
        frame: &mut Frame,
        out: &mut impl Sink,
    ) -> Verdict {
        let copy = started(frame);
        frame.state += 1 << STARTED_SHIFT;
        frame.state |= 1 << copy;
        if self.may_send(more, frame)
            && let Some(delay) = self.delay()
        {
            self.arm(now, delay, frame, out);
        }
        Verdict::Send(copy)
    }

    fn delay(&self) -> Option<Duration> {
        match self.config.delay {
            HedgeDelay::After(delay) => Some(delay),
            HedgeDelay::OnFailure => None,
            HedgeDelay::Quantile { initial, .. } => {
                let latencies = self.latencies.as_ref()?;
                Some(latencies.value().unwrap_or(initial))
            }
        }
    }

    fn arm(&self, now: Instant, delay: Duration, frame: &mut Frame, out: &mut impl Sink) {
        if delay.is_zero() {
            frame.state |= AT_ONCE;
        } else {
            frame.state |= TIMED;
            out.push(Action::SetTimer(self.slot, now + delay));
        }
    }

    fn disarm(&self, frame: &mut Frame, out: &mut impl Sink) {
        if frame.state & TIMED != 0 {
            out.push(Action::CancelTimer(self.slot));
        }
        frame.state &= !(TIMED | AT_ONCE);
    }

    /// There are no more copies than have set out: the last one's failure is the call's.
    fn freeze(&mut self, frame: &mut Frame, out: &mut impl Sink) -> Verdict {
        self.disarm(frame, out);
        frame.state |= FROZEN;
        if Self::live(frame) != 0 {
            return Verdict::Wait;
        }
        let failure = match self.config.all_failed {
            AllFailed::First => frame.index & FIRST,
            AllFailed::Last => (frame.index & LAST) >> LAST_SHIFT,
        };
        self.answer(Outcome::ALL[failure as usize], frame, out)
    }

    fn answer(&mut self, outcome: Outcome, frame: &mut Frame, out: &mut impl Sink) -> Verdict {
        self.disarm(frame, out);
        if let Some(budget) = &mut self.budget {
            budget.call_ended(outcome, drawn(frame));
        }
        frame.state |= ENDED;
        Verdict::Answer(outcome)
    }

    /// Whether no call has drawn anything any more.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.budget.as_ref().is_none_or(RetryBudget::is_idle)
    }

    /// Whether what is kept for all calls is within its bounds.
    #[cfg(test)]
    pub(crate) fn is_sound(&self) -> bool {
        self.budget.as_ref().is_none_or(RetryBudget::is_sound)
    }
}

fn note_failure(frame: &mut Frame, copy: usize, outcome: Outcome) {
    let failure = outcome as u32;
    if copy == 0 {
        frame.index = frame.index & !FIRST | failure;
    }
    frame.index = frame.index & !LAST | failure << LAST_SHIFT;
}

fn drawn(frame: &Frame) -> Drawn {
    Drawn::from_bits((frame.index >> DRAWN_SHIFT) as u8)
}

/// How many copies have set out.
fn started(frame: &Frame) -> usize {
    ((frame.state & STARTED) >> STARTED_SHIFT) as usize
}
