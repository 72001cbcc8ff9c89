//! The concurrency limit as a layer of a pipeline.

use super::{ConcurrencyLimit, Held};
use crate::config::ConcurrencyConfig;
use crate::driver::Env;
use crate::frame::{Frame, Root};
use crate::layer::Descend;
use crate::outcome::Outcome;
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

#[cfg(test)]
mod tests {
    use crate::config::{ConcurrencyAlgorithm, ConcurrencyConfig, LayerConfig, Scope, Span};
    use crate::{Action, Actions, Env, Frame, Outcome, Pipeline};
    use clock::{Duration, Instant};

    /// The n-th call goes to the instance n mod 2.
    struct Turns(u32);

    impl Env for Turns {
        fn random(&mut self) -> u64 {
            unreachable!("nothing is left to chance")
        }
        fn sample(&mut self, _source: u32) -> Duration {
            unreachable!("nothing is drawn")
        }
        fn target(&mut self) -> u32 {
            self.0 += 1;
            self.0 % 2
        }
    }

    /// Halves with each drop, from 8.
    fn limit(scope: Scope) -> LayerConfig {
        LayerConfig::ConcurrencyLimit(ConcurrencyConfig {
            algorithm: ConcurrencyAlgorithm::Aimd {
                initial: 8,
                min: 1,
                max: 8,
                backoff: 0.5,
                timeout: Duration::MAX,
            },
            scope,
        })
    }

    const TIMEOUT: LayerConfig = LayerConfig::Timeout(Span::Constant(Duration::from_secs(1)));

    struct Driver {
        pipeline: Pipeline,
        env: Turns,
        out: Actions,
        calls: Vec<[Frame; 3]>,
    }

    impl Driver {
        fn new(layers: [LayerConfig; 2]) -> Self {
            let layers = layers.into();
            Self {
                pipeline: Pipeline::new(&crate::config::PolicyConfig { layers }, 2),
                env: Turns(0),
                out: Actions::new(),
                calls: Vec::new(),
            }
        }

        /// How many of ten calls are sent, all of them together.
        fn start_ten(&mut self) -> usize {
            let begun = self.calls.len();
            for _ in 0..10 {
                let mut frames = [Frame::default(); 3];
                self.out.clear();
                let (env, out) = (&mut self.env, &mut self.out);
                self.pipeline.start(Instant::ZERO, 0, &mut frames, env, out);
                match out.as_slice().last() {
                    Some(Action::Send(0)) => self.calls.push(frames),
                    other => assert_eq!(other, Some(&Action::Finish(Outcome::Rejected))),
                }
            }
            self.calls.len() - begun
        }

        fn end(&mut self, outcome: Outcome) {
            let mut frames = self.calls.pop().expect("a call");
            let (env, out) = (&mut self.env, &mut self.out);
            let now = Instant::ZERO;
            self.pipeline
                .on_attempt_end(now, 0, &mut frames, 0, outcome, env, out);
        }

        /// The timeout is the layer `id`.
        fn time_out(&mut self, id: u8) {
            let mut frames = self.calls.pop().expect("a call");
            let (env, out) = (&mut self.env, &mut self.out);
            let now = Instant::ZERO + Duration::from_secs(1);
            self.pipeline.on_timer(now, 0, &mut frames, id, env, out);
            assert_eq!(
                out.as_slice().last(),
                Some(&Action::Finish(Outcome::Timeout))
            );
        }
    }

    #[test]
    fn a_timeout_further_in_is_a_drop_and_one_further_out_tells_nothing() {
        let mut inside = Driver::new([limit(Scope::Service), TIMEOUT]);
        assert_eq!(inside.start_ten(), 8);
        inside.time_out(1);
        inside.time_out(1);
        // Six are in, and two may be.
        assert_eq!(inside.start_ten(), 0);
        while !inside.calls.is_empty() {
            inside.end(Outcome::Error);
        }
        assert_eq!(inside.start_ten(), 2);

        let mut outside = Driver::new([TIMEOUT, limit(Scope::Service)]);
        assert_eq!(outside.start_ten(), 8);
        outside.time_out(0);
        outside.time_out(0);
        assert_eq!(outside.start_ten(), 2);
        let mut abandoned = outside.calls.pop().expect("a call");
        let out = &mut outside.out;
        outside
            .pipeline
            .abandon(Instant::ZERO, 0, &mut abandoned, out);
        assert_eq!(outside.start_ten(), 1);
    }

    #[test]
    fn instances_have_limits_of_their_own() {
        let mut each = Driver::new([limit(Scope::Instance), TIMEOUT]);
        // Five of ten to each.
        assert_eq!(each.start_ten(), 10);
        assert_eq!(each.start_ten(), 6);
        // One drop, and so one of the two halves its limit.
        each.end(Outcome::Rejected);
        while !each.calls.is_empty() {
            each.end(Outcome::Error);
        }
        assert_eq!(each.start_ten() + each.start_ten(), 4 + 8);
    }
}
