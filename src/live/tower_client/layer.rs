//! Making policies for tower's stacks.

use super::service::Policy;
use super::shared::{Observer, Shared};
use crate::Sampler;
use crate::random::entropy;
use policy::config::{LayerConfig, PolicyConfig, Span};
use policy::{Pipeline, TimerId};
use std::fmt;
use std::sync::Arc;
use tower::Layer;

/// Puts a policy around services. Each service that it makes has a state of its own, which that
/// service's clones share.
#[derive(Clone)]
pub struct PolicyLayer<C> {
    builder: Builder,
    classify: C,
}

/// What a policy needs to run, beside its configuration.
#[derive(Clone)]
pub struct Builder {
    config: PolicyConfig,
    seed: Option<u64>,
    instances: u32,
    sampler: Option<Arc<Sampler>>,
    observer: Option<Arc<Observer>>,
}

/// Why a configuration cannot run here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A timeout is drawn from a distribution, and nobody has said how.
    #[error("a timeout is drawn from distribution {0}, and there is no sampler")]
    NoSampler(u32),
    /// A pipeline has at most 255 layers.
    #[error("{0} layers are more than 255")]
    Layers(usize),
    /// There must be an instance to call.
    #[error("there are no instances to call")]
    NoInstances,
}

impl PolicyLayer<()> {
    /// Begins with a configuration; `build` ends it.
    pub fn builder(config: PolicyConfig) -> Builder {
        Builder {
            config,
            seed: None,
            instances: 1,
            sampler: None,
            observer: None,
        }
    }
}

impl Builder {
    /// Makes the random numbers repeatable. By default they differ from process to process, so that
    /// clients that fail together do not come back together.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How many instances [`crate::Classify::pick`] chooses from; 1. Layers of `scope: instance`
    /// keep a state for each.
    #[must_use]
    pub fn instances(mut self, instances: u32) -> Self {
        self.instances = instances;
        self
    }

    /// Draws from the distributions of [`Span::Sampled`], by their index.
    #[must_use]
    pub fn sampler(mut self, sampler: Arc<Sampler>) -> Self {
        self.sampler = Some(sampler);
        self
    }

    /// Hears every decision.
    #[must_use]
    pub fn observer(mut self, observer: Arc<Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// When something is missing that the configuration asks for.
    pub fn build<C>(self, classify: C) -> Result<PolicyLayer<C>, BuildError> {
        if self.instances == 0 {
            return Err(BuildError::NoInstances);
        }
        let layers = &self.config.layers;
        if layers.len() > usize::from(TimerId::MAX) {
            return Err(BuildError::Layers(layers.len()));
        }
        for layer in layers {
            if let (LayerConfig::Timeout(Span::Sampled(source)), None) = (layer, &self.sampler) {
                return Err(BuildError::NoSampler(*source));
            }
        }
        Ok(PolicyLayer {
            builder: self,
            classify,
        })
    }
}

impl<S, C: Clone> Layer<S> for PolicyLayer<C> {
    type Service = Policy<S, C>;

    fn layer(&self, inner: S) -> Policy<S, C> {
        let Builder {
            config,
            seed,
            instances,
            sampler,
            observer,
        } = &self.builder;
        let shared = Shared::new(
            Pipeline::new(config, *instances),
            self.classify.clone(),
            seed.unwrap_or_else(entropy),
            *instances,
            sampler.clone(),
            observer.clone(),
        );
        Policy::new(inner, shared)
    }
}

impl<C> fmt::Debug for PolicyLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyLayer")
            .field("builder", &self.builder)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .field("seed", &self.seed)
            .field("instances", &self.instances)
            .finish_non_exhaustive()
    }
}
