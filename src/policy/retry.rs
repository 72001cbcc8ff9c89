//! Retry: runs what is inside again after a failure, later, and not too often.
//!
//! How long later is [`crate::backoff`]'s and the server's, what "too often" means over all calls is
//! [`RetryBudget`]'s and [`AdaptiveRateLimiter`]'s; this file bounds the runs of one call.

use crate::adaptive::AdaptiveRateLimiter;
use crate::backoff;
use crate::config::{Heed, RetryConfig};
use crate::driver::{Action, Attempt, Env, Pushback, Sink, TimerId};
use crate::frame::{Frame, Root};
use crate::layer::{Ascend, Descend, Fired};
use crate::outcome::Outcome;
use crate::retry_budget::{Drawn, RetryBudget};
use clock::{Duration, Instant};

/// How much longer than the back-off a server's word may make the wait (`retryAfterMaxOvershoot` of
/// smithy-kotlin's `ExponentialBackoffWithJitter.kt`).
const MAX_OVERSHOOT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) struct RetryLayer {
    config: RetryConfig,
    /// Also what keeps a call that is refused again and again without delay from going on for ever:
    /// no call has more runs than there are numbers for attempts.
    runs: u32,
    budget: Option<RetryBudget>,
    /// Rare and large.
    limiter: Option<Box<AdaptiveRateLimiter>>,
}

impl RetryLayer {
    pub(crate) fn new(config: &RetryConfig) -> Self {
        Self {
            runs: config.attempts.min(u32::from(Attempt::MAX) + 1),
            budget: config.budget.map(RetryBudget::new),
            limiter: config
                .adaptive
                .map(|config| Box::new(AdaptiveRateLimiter::new(config))),
            config: config.clone(),
        }
    }

    #[inline]
    pub(crate) fn admit(
        &mut self,
        id: TimerId,
        now: Instant,
        root: &Root<'_>,
        frame: &mut Frame,
        out: &mut impl Sink,
    ) -> Descend {
        if let Some(budget) = &mut self.budget {
            budget.call_started(now);
        }
        *frame = Frame::default();
        let mut call = CallMut(frame);
        call.begin_run(root.sent());
        if self.take_token(id, now, &mut call, out) {
            Descend::Pass
        } else {
            Descend::Wait
        }
    }

    #[allow(clippy::too_many_arguments)]
    #[inline]
    pub(crate) fn record(
        &mut self,
        id: TimerId,
        now: Instant,
        outcome: Outcome,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Ascend {
        if let Some(limiter) = &mut self.limiter
            && CallMut(frame).was_sent(root.sent())
        {
            limiter.record(now, outcome);
        }
        if outcome.is_success() {
            return self.end(outcome, frame);
        }
        self.failed(id, now, outcome, root, frame, env, out)
    }

    #[allow(clippy::too_many_arguments)]
    fn failed(
        &mut self,
        id: TimerId,
        now: Instant,
        outcome: Outcome,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Ascend {
        let mut call = CallMut(frame);
        // A refusal by a layer inside says nothing about the callee.
        let answer = call.was_sent(root.sent()).then_some(outcome);
        let heed = self.config.heed;
        let pushback = if heed != Heed::Ignore && answer.is_some() {
            env.pushback()
        } else {
            Pushback::None
        };
        let never = heed == Heed::Replace && pushback == Pushback::Never;
        let retryable = self.config.retry_on.contains(outcome);
        if let Some(budget) = &mut self.budget
            && (retryable || never)
        {
            budget.attempt_failed(now);
        }
        if !retryable || never || call.runs() >= self.runs || !root.can_send() {
            return self.end(outcome, frame);
        }
        // Asked last: a budget is only charged for a retry that will be made.
        let mut drawn = call.drawn();
        let granted = self
            .budget
            .as_mut()
            .is_none_or(|budget| budget.withdraw(now, answer, &mut drawn));
        call.keep(drawn);
        if !granted && !self.config.pause_when_exhausted {
            return self.end(outcome, frame);
        }
        let delay = self.delay(answer, pushback, &mut call, env);
        if !delay.is_zero() {
            self.budget_of(&mut call, RetryBudget::pause);
            if granted {
                call.wait(Waiting::Backoff);
            } else {
                call.wait(Waiting::Failure(outcome));
            }
            out.push(Action::SetTimer(id, now + delay));
            Ascend::Wait
        } else if !granted {
            self.end(outcome, frame)
        } else if self.run_again(id, now, root, &mut call, out) {
            Ascend::Again
        } else {
            Ascend::Wait
        }
    }

    /// The time until the next run, and what is remembered for the one after it.
    fn delay(
        &self,
        answer: Option<Outcome>,
        pushback: Pushback,
        call: &mut CallMut<'_>,
        env: &mut impl Env,
    ) -> Duration {
        if let (Heed::Replace, Pushback::After(delay)) = (self.config.heed, pushback) {
            call.restart_backoff();
            return delay;
        }
        let backoff = match self.config.throttled_initial {
            Some(first) if answer == Some(Outcome::Rejected) => {
                backoff::starting_at(self.config.backoff, first)
            }
            _ => self.config.backoff,
        };
        let n = call.next_step();
        let memory = call.memory();
        let delay = backoff::delay(backoff, self.config.jitter, n, memory, &mut || env.random());
        match (self.config.heed, pushback) {
            (Heed::Clamp, Pushback::After(wish)) => {
                wish.clamp(delay, delay.saturating_add(MAX_OVERSHOOT))
            }
            _ => delay,
        }
    }

    /// Begins the next run; false when it waits for a token.
    fn run_again(
        &mut self,
        id: TimerId,
        now: Instant,
        root: &mut Root<'_>,
        call: &mut CallMut<'_>,
        out: &mut impl Sink,
    ) -> bool {
        self.budget_of(call, RetryBudget::resume);
        root.forget_target();
        call.begin_run(root.sent());
        self.take_token(id, now, call, out)
    }

    #[inline]
    fn take_token(
        &mut self,
        id: TimerId,
        now: Instant,
        call: &mut CallMut<'_>,
        out: &mut impl Sink,
    ) -> bool {
        let Some(limiter) = &mut self.limiter else {
            return true;
        };
        let Err(rejected) = limiter.try_take(now) else {
            return true;
        };
        call.wait(Waiting::Token);
        let at = rejected.retry_at.unwrap_or(Instant::NEVER);
        out.push(Action::SetTimer(id, at));
        false
    }

    #[inline]
    fn end(&mut self, outcome: Outcome, frame: &mut Frame) -> Ascend {
        if let Some(budget) = &mut self.budget {
            budget.call_ended(outcome, CallMut(frame).drawn());
        }
        *frame = Frame::default();
        Ascend::Pass(outcome)
    }

    pub(crate) fn fire(
        &mut self,
        id: TimerId,
        now: Instant,
        root: &mut Root<'_>,
        frame: &mut Frame,
        out: &mut impl Sink,
    ) -> Fired {
        let mut call = CallMut(frame);
        let goes_on = match call.stop_waiting() {
            None => return Fired::Stale,
            Some(Waiting::Failure(outcome)) => {
                self.end(outcome, frame);
                return Fired::GiveUp(outcome);
            }
            Some(Waiting::Backoff) => self.run_again(id, now, root, &mut call, out),
            Some(Waiting::Token) => self.take_token(id, now, &mut call, out),
        };
        if goes_on { Fired::Descend } else { Fired::Wait }
    }

    pub(crate) fn release(&mut self, id: TimerId, frame: &mut Frame, out: &mut impl Sink) {
        let mut call = CallMut(frame);
        if call.runs() == 0 {
            return;
        }
        if call.stop_waiting().is_some() {
            out.push(Action::CancelTimer(id));
        }
        if let Some(budget) = &mut self.budget {
            budget.call_given_up(call.drawn());
        }
        *frame = Frame::default();
    }

    fn budget_of(&mut self, call: &mut CallMut<'_>, word: fn(&mut RetryBudget, &mut Drawn)) {
        if let Some(budget) = &mut self.budget {
            let mut drawn = call.drawn();
            word(budget, &mut drawn);
            call.keep(drawn);
        }
    }

    #[cfg(test)]
    pub(crate) fn budget(&mut self) -> Option<&mut RetryBudget> {
        self.budget.as_mut()
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
            && self
                .limiter
                .as_ref()
                .is_none_or(|limiter| limiter.is_sound())
    }
}

/// What a call's timer is for.
#[derive(Clone, Copy)]
enum Waiting {
    /// Its next run.
    Backoff,
    /// A token of the adaptive rate, for the run that has begun.
    Token,
    /// Its end with this outcome.
    Failure(Outcome),
}

/// The memory of one call. The state counts the runs begun in its low bits and says what the timer is
/// for in its high ones; the index has the step of the back-off, what is drawn of the budget, and how
/// many attempts had been sent when the run began; the word is the jitter's.
struct CallMut<'a>(&'a mut Frame);

const RUNS: u32 = 0xffff;
const WAITS_SHIFT: u32 = 16;
const WAITS_FOR_BACKOFF: u32 = 1;
const WAITS_FOR_TOKEN: u32 = 2;
/// And the outcome's number.
const WAITS_FOR_FAILURE: u32 = 3;

const STEP: u32 = 0xff;
const DRAWN_SHIFT: u32 = 8;
const DRAWN: u32 = 0xff << DRAWN_SHIFT;
const SENT_SHIFT: u32 = 16;

impl CallMut<'_> {
    #[inline]
    fn runs(&self) -> u32 {
        self.0.state & RUNS
    }

    #[inline]
    fn begin_run(&mut self, sent: u16) {
        self.0.state += 1;
        self.0.index = self.0.index & (STEP | DRAWN) | u32::from(sent) << SENT_SHIFT;
    }

    /// Whether this run has sent an attempt.
    #[inline]
    fn was_sent(&self, sent: u16) -> bool {
        self.0.index >> SENT_SHIFT != u32::from(sent)
    }

    fn wait(&mut self, waiting: Waiting) {
        let code = match waiting {
            Waiting::Backoff => WAITS_FOR_BACKOFF,
            Waiting::Token => WAITS_FOR_TOKEN,
            Waiting::Failure(outcome) => WAITS_FOR_FAILURE + outcome as u32,
        };
        self.0.state |= code << WAITS_SHIFT;
    }

    fn stop_waiting(&mut self) -> Option<Waiting> {
        let code = self.0.state >> WAITS_SHIFT;
        self.0.state &= RUNS;
        match code {
            0 => None,
            WAITS_FOR_BACKOFF => Some(Waiting::Backoff),
            WAITS_FOR_TOKEN => Some(Waiting::Token),
            _ => Some(Waiting::Failure(
                Outcome::ALL[(code - WAITS_FOR_FAILURE) as usize],
            )),
        }
    }

    /// The number of the back-off that comes now, from 1: that of the retry, unless a server's word
    /// came between. There are fewer than 256.
    fn next_step(&mut self) -> u32 {
        let step = (self.0.index & STEP) + 1;
        self.0.index = self.0.index & !STEP | step & STEP;
        step
    }

    fn restart_backoff(&mut self) {
        self.0.index &= !STEP;
    }

    fn memory(&mut self) -> &mut u64 {
        &mut self.0.word
    }

    #[inline]
    fn drawn(&self) -> Drawn {
        Drawn::from_bits(((self.0.index & DRAWN) >> DRAWN_SHIFT) as u8)
    }

    fn keep(&mut self, drawn: Drawn) {
        self.0.index = self.0.index & !DRAWN | u32::from(drawn.bits()) << DRAWN_SHIFT;
    }
}
