//! Who may come into a server: the layers that a request passes before it is queued or served.
//!
//! The host (a simulated instance, or a live server) owns the queue, the workers and the answers. It
//! says who arrives, who leaves the queue and who has ended, and this module says whom to let in. It
//! refuses to know what a request does.

mod admission_control;
mod priority_shedding;
#[cfg(test)]
mod tests;

use crate::concurrency::{ConcurrencyLimit, Held};
use crate::config::{AdmissionConfig, AdmissionLayer};
use crate::outcome::Outcome;
use crate::rate_limit::KeyedRateLimiter;
use crate::rejected::Rejected;
use admission_control::AdmissionControl;
use clock::{Duration, Instant};
use core::num::NonZeroU32;
use priority_shedding::PriorityShedding;

/// The layers of one server's admission, with what they have learnt.
///
/// # The host's part
/// * [`admit`](Self::admit) for each request that arrives. Its token is kept with the request and
///   given back once, by [`ended`](Self::ended) or [`dropped`](Self::dropped).
/// * [`dequeued`](Self::dequeued) for each request that is about to be served, those that need not
///   wait included.
/// * A server that crashes starts with a new admission; the tokens of the old one are forgotten with
///   it.
///
/// # What a refusal costs
/// Layers are asked in order. When one refuses, places under the concurrency limits before it are given
/// back. What the others did is done: a rate limit's token is spent, and priority shedding has counted
/// the request among those that it let pass.
#[derive(Clone, Debug)]
pub struct Admission {
    layers: Box<[Layer]>,
}

/// A request that asks to be let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arriving {
    /// The smaller, the more important.
    pub priority: u32,
    /// Whose request it is (a customer, a session): the same key is treated alike.
    pub key: u64,
}

/// What a request that was let in must give back. Sixteen bytes, and so is an `Option` of it.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a request that was let in must be given back"]
pub struct Admitted {
    // All concurrency limits of an admission hold the same requests, so that one place says it for
    // each of them.
    held: Held,
}

#[derive(Clone, Debug)]
enum Layer {
    RateLimit(Box<KeyedRateLimiter>),
    ConcurrencyLimit(ConcurrencyLimit),
    PriorityShedding(PriorityShedding),
    AdmissionControl(AdmissionControl),
}

impl Admission {
    /// An admission that has seen nothing.
    pub fn new(config: &AdmissionConfig) -> Self {
        Self {
            layers: config.layers.iter().map(Layer::new).collect(),
        }
    }

    /// Whether everything is let in: a host may then leave it all out.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Lets a request in. `random` is asked by [`AdmissionLayer::AdmissionControl`] only, and only
    /// while it refuses a share of the requests.
    ///
    /// # Errors
    /// [`Rejected`] by the first layer that refuses; nothing is held for the request then.
    pub fn admit(
        &mut self,
        now: Instant,
        request: &Arriving,
        random: &mut impl FnMut() -> u64,
    ) -> Result<Admitted, Rejected> {
        let mut admitted = Admitted {
            held: Held {
                since: now,
                in_flight: NonZeroU32::MIN,
            },
        };
        for at in 0..self.layers.len() {
            let asked = match &mut self.layers[at] {
                Layer::RateLimit(limiter) => limiter.try_acquire(request.key, now),
                Layer::ConcurrencyLimit(limit) => {
                    limit.acquire(now).map(|held| admitted = Admitted { held })
                }
                Layer::PriorityShedding(shedding) => shedding.admit(now, request),
                Layer::AdmissionControl(control) => control.admit(now, random),
            };
            if let Err(rejected) = asked {
                for layer in &mut self.layers[..at] {
                    if let Layer::ConcurrencyLimit(limit) = layer {
                        limit.release(admitted.held.again());
                    }
                }
                return Err(rejected);
            }
        }
        Ok(admitted)
    }

    /// A request is about to be served after it `waited` in the queue (zero for one that need not).
    #[inline]
    pub fn dequeued(&mut self, now: Instant, waited: Duration) {
        for layer in &mut self.layers {
            if let Layer::PriorityShedding(shedding) = layer {
                shedding.dequeued(now, waited);
            }
        }
    }

    /// A request was answered, be it by a refusal: a full queue, or one that drops what waited too
    /// long, answers [`Outcome::Rejected`]. What the outcome tells a concurrency limit is said at
    /// [`ConcurrencyLimit`].
    pub fn ended(&mut self, now: Instant, admitted: Admitted, outcome: Outcome) {
        for layer in &mut self.layers {
            match layer {
                Layer::RateLimit(_) | Layer::PriorityShedding(_) => {}
                Layer::ConcurrencyLimit(limit) => {
                    limit.record(now, admitted.held.again(), outcome);
                }
                Layer::AdmissionControl(control) => control.record(now, outcome.is_success()),
            }
        }
    }

    /// A request went away without an answer: its caller has given up and it was cancelled, in the
    /// queue or at work. That is a drop for a concurrency limit of Netflix's (as its gRPC server takes
    /// it), nothing for Envoy's, and admission control does not count it (nor does Envoy).
    pub fn dropped(&mut self, now: Instant, admitted: Admitted) {
        for layer in &mut self.layers {
            if let Layer::ConcurrencyLimit(limit) = layer {
                limit.abandon(now, admitted.held.again());
            }
        }
    }

    /// The requests that each of the concurrency limits holds, in order.
    pub fn in_flight(&self) -> impl Iterator<Item = u32> + '_ {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::ConcurrencyLimit(limit) => Some(limit.in_flight()),
            _ => None,
        })
    }

    /// The least of the concurrency limits, as of the last word; `None` where there is none.
    pub fn concurrency_limit(&self) -> Option<u32> {
        self.layers
            .iter()
            .filter_map(|layer| match layer {
                Layer::ConcurrencyLimit(limit) => Some(limit.limit()),
                _ => None,
            })
            .min()
    }
}

impl Layer {
    fn new(config: &AdmissionLayer) -> Self {
        match config {
            AdmissionLayer::RateLimit { algorithm, keys } => {
                let limiter = KeyedRateLimiter::new(algorithm, keys.unwrap_or(1));
                Self::RateLimit(Box::new(limiter))
            }
            AdmissionLayer::ConcurrencyLimit(algorithm) => {
                Self::ConcurrencyLimit(ConcurrencyLimit::new(algorithm))
            }
            AdmissionLayer::PriorityShedding(config) => {
                Self::PriorityShedding(PriorityShedding::new(config))
            }
            AdmissionLayer::AdmissionControl(config) => {
                Self::AdmissionControl(AdmissionControl::new(config))
            }
        }
    }
}
