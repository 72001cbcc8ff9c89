//! The concurrency limit as a layer of a pipeline.

use super::{ConcurrencyLimit, Held};
use crate::config::ConcurrencyConfig;
use crate::frame::{Frame, Root};
use crate::layer::Descend;
use crate::outcome::Outcome;
use crate::pipeline::Env;
use crate::scoped::Scoped;
use clock::Instant;
use core::num::NonZeroU32;

/// The limits of a pipeline. A call that a layer further out gives up on (a timeout) is released
/// without an outcome, which tells the limit nothing (so Netflix's gRPC client, when it cancels); a
/// timeout further in is a drop.
#[derive(Clone, Debug)]
pub(crate) struct ConcurrencyLayer {
    limits: Scoped<ConcurrencyLimit>,
}

impl ConcurrencyLayer {
    pub(crate) fn new(config: &ConcurrencyConfig, instances: u32) -> Self {
        let fresh = ConcurrencyLimit::new(&config.algorithm);
        Self {
            limits: Scoped::new(config.scope, instances, fresh),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.limits.iter().all(|limit| limit.in_flight() == 0)
    }

    #[inline]
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        root: &mut Root<'_>,
        frame: &mut Frame,
        env: &mut impl Env,
    ) -> Descend {
        let Some(index) = self.limits.select(root, env) else {
            return Descend::Pass;
        };
        match self.limits.get(index).acquire(now) {
            Ok(Held { since, in_flight }) => {
                *frame = Frame {
                    state: in_flight.get(),
                    index,
                    word: since.as_nanos(),
                };
                Descend::Pass
            }
            Err(_) => Descend::Refuse,
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, now: Instant, outcome: Outcome, frame: &mut Frame) {
        if let Some((limit, held)) = self.take(frame) {
            limit.record(now, held, outcome);
        }
    }

    #[inline]
    pub(crate) fn release(&mut self, frame: &mut Frame) {
        if let Some((limit, held)) = self.take(frame) {
            limit.release(held);
        }
    }

    #[inline]
    fn take(&mut self, frame: &mut Frame) -> Option<(&mut ConcurrencyLimit, Held)> {
        let Frame { state, index, word } = core::mem::take(frame);
        let held = Held {
            since: Instant::from_nanos(word),
            in_flight: NonZeroU32::new(state)?,
        };
        Some((self.limits.get(index), held))
    }
}
