//! What changes while a model runs: configuration that is pushed, versions that are deployed.
//!
//! A change is a list of values at paths of the model. A service as it is with a change made is an
//! [`Edition`]: checked like the model itself, so that nothing can be pushed that could not have
//! been written.

use super::{Distribution, Policy, Rollback, Service, ServiceId};
use clock::{Duration, Instant};

/// Index into [`Model::editions`](super::Model::editions).
pub type EditionId = usize;

/// A service as it is under one version and one configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct Edition {
    /// Which service.
    pub service: ServiceId,
    /// Counts the deployments of the service, in their order; 0: the model's own.
    pub version: u32,
    /// Counts the configurations of the model, in their order; 0: the model's own.
    pub config: u32,
    /// The service. Only what a change may change differs from the model: see `docs/model.md`.
    pub shape: Service,
    /// All policies; names and order are those of the model.
    pub policies: Vec<Policy>,
    /// Its work takes so many times as long, above 0.
    pub slow: f64,
    /// The share of its requests that fail, once served, 0..=1.
    pub errors: f64,
    /// The share of its writes that are wrong, 0..=1: what a rollback must undo.
    pub corrupt: f64,
}

/// The configuration centre.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigCentre {
    /// How instances learn of a change.
    pub propagation: Propagation,
    /// In the order of their times.
    pub pushes: Vec<Push>,
    /// How many configurations there are, the model's own included.
    pub configs: u32,
}

/// How instances learn of a change of configuration. One that starts has the newest at once.
#[derive(Clone, PartialEq, Debug)]
pub enum Propagation {
    /// The centre tells each of them; how long that takes is drawn for each.
    Watch {
        /// From the push until an instance has it.
        latency: Distribution,
    },
    /// Each asks from time to time, beginning at a moment of its own.
    Poll {
        /// Between two asks; above 0.
        interval: Duration,
    },
}

/// A change of configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct Push {
    /// When it is pushed.
    pub at: Instant,
    /// Which configuration it makes the newest. A new one has all changes of those before it; that
    /// of an earlier push takes everything since back.
    pub config: u32,
    /// What it says, for people: `services.payment.workers = 2`, `back to 1`.
    pub label: String,
    /// The fault that it belongs to, by its number: such a push is a mistake, and its end takes it
    /// back.
    pub fault: Option<usize>,
    /// What is done when it goes wrong; `None`: nothing.
    pub rollback: Option<Rollback>,
}
