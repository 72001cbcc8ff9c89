//! Envoy's retry budget (`RetryBudgetImpl` in `resource_manager_impl.h`): the retries in flight stay
//! below a share of the requests in flight, or a minimum.
//!
//! As in `retry_state_impl.cc`, a retry is in flight from the decision to make it, back-off
//! included, until its own failure is judged or the call ends; it gives its place back before it
//! asks for the next. A call that backs off has no request in flight.

use super::Drawn;

#[derive(Clone, Debug)]
pub(super) struct Envoy {
    share: f64,
    min_concurrency: u64,
    /// Calls with an attempt out, or waiting to be sent; the one that has just failed included.
    active: u64,
    /// Calls of which a further attempt is in flight.
    retries: u64,
}

impl Envoy {
    pub(super) fn new(share: f64, min_concurrency: u32) -> Self {
        Self {
            share,
            min_concurrency: u64::from(min_concurrency),
            active: 0,
            retries: 0,
        }
    }

    #[inline]
    pub(super) fn call_started(&mut self) {
        self.active += 1;
    }

    pub(super) fn withdraw(&mut self, drawn: &mut Drawn) -> bool {
        self.give_back(drawn);
        let granted = self.retries < self.most();
        if granted {
            self.retries += 1;
            drawn.set(Drawn::RETRYING);
        }
        granted
    }

    pub(super) fn pause(&mut self, drawn: &mut Drawn) {
        if drawn.set(Drawn::PAUSED) {
            self.active -= 1;
        }
    }

    pub(super) fn resume(&mut self, drawn: &mut Drawn) {
        if drawn.clear(Drawn::PAUSED) {
            self.active += 1;
        }
    }

    #[inline]
    pub(super) fn call_ended(&mut self, mut drawn: Drawn) {
        self.resume(&mut drawn);
        self.give_back(&mut drawn);
        self.active -= 1;
    }

    #[inline]
    fn give_back(&mut self, drawn: &mut Drawn) {
        if drawn.clear(Drawn::RETRYING) {
            self.retries -= 1;
        }
    }

    /// The first number of retries in flight that is too many.
    fn most(&self) -> u64 {
        // Truncated, as there.
        ((self.share * self.active as f64) as u64).max(self.min_concurrency)
    }

    pub(super) fn balance(&self) -> f64 {
        self.most().saturating_sub(self.retries) as f64
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.active == 0 && self.retries == 0
    }
}
