//! Rate limit: lets calls pass at the rate of a bucket, at once, after a short wait, or not at all.

use crate::config::{RateAlgorithm, RateLimitConfig};
use crate::frame::{Frame, Root};
use crate::layer::{Descend, Fired};
use crate::pipeline::{Action, Env, Sink, TimerId};
use crate::scoped::Scoped;
use crate::token_bucket::TokenBucket;
use clock::{Duration, Instant};

const WAITING: u32 = 1;

#[derive(Clone, Debug)]
pub(crate) struct RateLimitLayer {
    buckets: Scoped<TokenBucket>,
    max_wait: Duration,
}

impl RateLimitLayer {
    pub(crate) fn new(config: &RateLimitConfig, instances: u32) -> Self {
        let RateAlgorithm::TokenBucket { rate, burst } = config.algorithm else {
            unreachable!("wired with its policy")
        };
        let buckets = Scoped::new(config.scope, instances, TokenBucket::new(rate, burst));
        Self {
            buckets,
            max_wait: config.max_wait,
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
        let Some(index) = self.buckets.select(root, env) else {
            return Descend::Pass;
        };
        match self.buckets.get(index).reserve(now, self.max_wait) {
            Ok(at) if at <= now => Descend::Pass,
            Ok(at) => {
                frame.state = WAITING;
                out.push(Action::SetTimer(id, at));
                Descend::Wait
            }
            Err(_) => Descend::Refuse,
        }
    }

    pub(crate) fn fire(&self, frame: &mut Frame) -> Fired {
        if frame.state != WAITING {
            return Fired::Stale;
        }
        frame.state = 0;
        Fired::Descend
    }

    /// The token of a waiting call is lost; see [`TokenBucket::reserve`].
    pub(crate) fn release(&self, id: TimerId, frame: &mut Frame, out: &mut impl Sink) {
        if frame.state == WAITING {
            frame.state = 0;
            out.push(Action::CancelTimer(id));
        }
    }
}
