//! Fallback: a substitute where what is inside failed. It keeps nothing, neither per call nor
//! between calls, and does not know where the substitute comes from.

use crate::config::FallbackConfig;
use crate::outcome::Outcome;

#[derive(Clone, Copy, Debug)]
pub(crate) struct FallbackLayer {
    config: FallbackConfig,
}

impl FallbackLayer {
    pub(crate) fn new(config: FallbackConfig) -> Self {
        Self { config }
    }

    #[inline]
    pub(crate) fn record(&self, outcome: Outcome) -> Outcome {
        if !outcome.is_success() && self.config.on.contains(outcome) {
            Outcome::Degraded
        } else {
            outcome
        }
    }
}
