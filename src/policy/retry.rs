//! Retry: runs what is inside again after a failure, later, and not too often.
//!
//! How long later is [`crate::backoff`]'s, and what "too often" means over all calls is
//! [`RetryBudget`]'s; this file bounds the runs of one call.

use crate::backoff;
use crate::config::RetryConfig;
use crate::frame::{Frame, Root};
use crate::layer::{Ascend, Fired};
use crate::outcome::Outcome;
use crate::pipeline::{Action, Attempt, Env, Sink, TimerId};
use crate::retry_budget::RetryBudget;
use clock::{Duration, Instant};

/// The frame's state counts the runs begun; this bit is set between two of them. Its word is the
/// delay before the latest run.
const WAITING: u32 = 1 << 31;

#[derive(Clone, Debug)]
pub(crate) struct RetryLayer {
    config: RetryConfig,
    /// Also what keeps a call that is refused again and again without delay from going on for ever:
    /// no call has more runs than there are numbers for attempts.
    runs: u32,
    budget: Option<RetryBudget>,
}

impl RetryLayer {
    pub(crate) fn new(config: &RetryConfig) -> Self {
        Self {
            runs: config.attempts.min(u32::from(Attempt::MAX) + 1),
            budget: config.budget.map(RetryBudget::new),
            config: config.clone(),
        }
    }

    /// What is left of the budget; 0 without one.
    #[cfg(test)]
    pub(crate) fn balance(&mut self, now: Instant) -> f64 {
        self.budget
            .as_mut()
            .map_or(0.0, |budget| budget.balance(now))
    }

    #[inline]
    pub(crate) fn admit(&mut self, now: Instant, frame: &mut Frame) {
        *frame = Frame {
            state: 1,
            ..Frame::default()
        };
        if let Some(budget) = &mut self.budget {
            budget.deposit(now);
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
        if outcome.is_success() {
            if let Some(budget) = &mut self.budget {
                budget.success();
            }
        } else if self.may_retry(now, outcome, root, frame) {
            return self.again(id, now, root, frame, env, out);
        }
        *frame = Frame::default();
        Ascend::Pass(outcome)
    }

    fn may_retry(
        &mut self,
        now: Instant,
        outcome: Outcome,
        root: &Root<'_>,
        frame: &Frame,
    ) -> bool {
        self.config.retry_on.contains(outcome)
            && frame.state < self.runs
            && root.can_send()
            // Asked last: a budget is only charged for a retry that will be made.
            && self.budget.as_mut().is_none_or(|budget| budget.withdraw(now))
    }

    fn again(
        &mut self,
        id: TimerId,
        now: Instant,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Ascend {
        let n = frame.state;
        let previous = (n > 1).then(|| Duration::from_nanos(frame.word));
        let RetryConfig {
            backoff, jitter, ..
        } = self.config;
        let delay = backoff::delay(backoff, jitter, n, previous, &mut || env.random());
        frame.word = delay.as_nanos();
        if delay.is_zero() {
            frame.state += 1;
            root.forget_target();
            return Ascend::Again;
        }
        frame.state |= WAITING;
        out.push(Action::SetTimer(id, now + delay));
        Ascend::Wait
    }

    pub(crate) fn fire(&self, root: &mut Root<'_>, frame: &mut Frame) -> Fired {
        if frame.state & WAITING == 0 {
            return Fired::Stale;
        }
        frame.state = (frame.state & !WAITING) + 1;
        root.forget_target();
        Fired::Descend
    }

    pub(crate) fn release(&self, id: TimerId, frame: &mut Frame, out: &mut impl Sink) {
        if frame.state & WAITING != 0 {
            out.push(Action::CancelTimer(id));
        }
        *frame = Frame::default();
    }
}
