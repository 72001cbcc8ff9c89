//! Timeout: gives up on what is inside after a span. It keeps nothing between calls.

use crate::config::Span;
use crate::driver::{Action, Env, Sink, TimerId};
use crate::frame::Frame;
use crate::layer::Fired;
use crate::outcome::Outcome;
use clock::{Duration, Instant};

const ARMED: u32 = 1;

#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeoutLayer {
    span: Span,
}

impl TimeoutLayer {
    pub(crate) fn new(span: Span) -> Self {
        Self { span }
    }

    pub(crate) fn constant(&self) -> Option<Duration> {
        match self.span {
            Span::Constant(span) => Some(span),
            Span::Sampled(_) => None,
        }
    }

    #[inline]
    pub(crate) fn admit(
        &self,
        id: TimerId,
        now: Instant,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) {
        let span = match self.span {
            Span::Constant(span) => span,
            Span::Sampled(source) => env.sample(source),
        };
        frame.state = ARMED;
        out.push(Action::SetTimer(id, now + span));
    }

    /// What is inside ended, or is given up.
    #[inline]
    pub(crate) fn disarm(&self, id: TimerId, frame: &mut Frame, out: &mut impl Sink) {
        if frame.state == ARMED {
            frame.state = 0;
            out.push(Action::CancelTimer(id));
        }
    }

    #[inline]
    pub(crate) fn fire(&self, frame: &mut Frame) -> Fired {
        if frame.state != ARMED {
            return Fired::Stale;
        }
        frame.state = 0;
        Fired::GiveUp(Outcome::Timeout)
    }
}
