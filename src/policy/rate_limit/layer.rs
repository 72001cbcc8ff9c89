//! The rate limit as a layer of a pipeline.

use super::KeyedRateLimiter;
use crate::config::RateLimitConfig;
use crate::driver::{Action, Env, Sink, TimerId};
use crate::frame::{Frame, Root};
use crate::layer::{Descend, Fired};
use crate::scoped::Scoped;
use clock::{Duration, Instant};

/// A frame's state while its call waits is this and the lane; its word is the turn.
const WAITING: u32 = 1;

#[derive(Clone, Debug)]
pub(crate) struct RateLimitLayer {
    limiters: Scoped<KeyedRateLimiter>,
    keys: Option<u32>,
    patience: Duration,
}

impl RateLimitLayer {
    pub(crate) fn new(config: &RateLimitConfig, instances: u32) -> Self {
        let fresh = KeyedRateLimiter::new(&config.algorithm, config.keys.unwrap_or(1));
        Self {
            limiters: Scoped::new(config.scope, instances, fresh),
            keys: config.keys,
            patience: config.patience(),
        }
    }

    #[inline]
    pub(crate) fn admit(
        &mut self,
        id: TimerId,
        now: Instant,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
        out: &mut impl Sink,
    ) -> Descend {
        let Some(index) = self.limiters.select(root, env) else {
            return Descend::Pass;
        };
        let key = match self.keys {
            Some(keys) => env.key() % u64::from(keys.max(1)),
            None => 0,
        };
        match self.limiters.get(index).reserve(key, now, self.patience) {
            Ok(turn) if turn <= now => Descend::Pass,
            Ok(turn) => {
                *frame = Frame {
                    // Below the number of keys, so that one more fits.
                    state: WAITING + key as u32,
                    index,
                    word: turn.as_nanos(),
                };
                out.push(Action::SetTimer(id, turn));
                Descend::Wait
            }
            Err(_) => Descend::Refuse,
        }
    }

    pub(crate) fn fire(&self, frame: &mut Frame) -> Fired {
        if frame.state < WAITING {
            return Fired::Stale;
        }
        *frame = Frame::default();
        Fired::Descend
    }

    /// The turn of a waiting call goes to another one.
    pub(crate) fn release(&mut self, id: TimerId, frame: &mut Frame, out: &mut impl Sink) {
        let Frame { state, index, word } = core::mem::take(frame);
        if state < WAITING {
            return;
        }
        let key = u64::from(state - WAITING);
        let turn = Instant::from_nanos(word);
        self.limiters.get(index).give_back(key, turn);
        out.push(Action::CancelTimer(id));
    }
}
