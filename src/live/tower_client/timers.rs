//! The timers of one call: several deadlines, one entry in tokio's wheel.
//!
//! A pipeline sets few timers for a call and cancels most. Only the earliest is armed.

use clock::Instant;
use policy::TimerId;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant as TokioInstant, Sleep, sleep_until};

/// Deadlines by the pipeline's clock, of which `origin` is the beginning.
pub(crate) struct Timers {
    origin: TokioInstant,
    /// In the order in which they were set.
    running: Vec<(TimerId, Instant)>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// What `sleep` is armed for.
    armed: Option<Instant>,
}

impl Timers {
    pub(crate) fn new(origin: TokioInstant) -> Self {
        Self {
            origin,
            running: Vec::new(),
            sleep: None,
            armed: None,
        }
    }

    /// Sets a timer, in place of the one of the same name.
    pub(crate) fn set(&mut self, id: TimerId, at: Instant) {
        self.cancel(id);
        self.running.push((id, at));
    }

    pub(crate) fn cancel(&mut self, id: TimerId) {
        self.running.retain(|(other, _)| *other != id);
    }

    /// The next timer that is due, the earliest first, then the one that was set first. It runs no
    /// longer then.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(TimerId, Instant)> {
        let Some(next) = (0..self.running.len()).min_by_key(|&n| self.running[n].1) else {
            return Poll::Pending;
        };
        let (id, at) = self.running[next];
        // A deadline that no clock reaches needs no timer.
        let Some(deadline) = self.origin.checked_add(at.since(Instant::ZERO).into()) else {
            return Poll::Pending;
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if self.armed.is_some_and(|armed| armed != at) {
            sleep.as_mut().reset(deadline);
        }
        self.armed = Some(at);
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.running.remove(next);
        Poll::Ready((id, at))
    }
}
