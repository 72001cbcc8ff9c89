//! Making policies for tower's stacks.

use super::service::Policy;
use super::shared::{Observer, Shared};
use crate::Sampler;
use crate::random::entropy;
use policy::Pipeline;
use policy::config::{LayerConfig, PolicyConfig, Span};
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
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A timeout is drawn from a distribution, and nobody has said how.
    #[error("a timeout is drawn from distribution {0}, and there is no sampler")]
    NoSampler(u32),
    /// There is no such pipeline ([`PolicyConfig::slots`]).
    #[error("there are two hedges, or too many layers")]
    Layers,
    /// A layer of somebody else cannot do what is set.
    #[error("`{implementation}` refuses this: {why}")]
    Refused {
        /// The name of the implementation.
        implementation: String,
        /// Its words.
        why: String,
    },
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
        if self.config.slots().is_none() {
            return Err(BuildError::Layers);
        }
        for layer in &self.config.layers {
            match layer {
                LayerConfig::Timeout(Span::Sampled(source)) if self.sampler.is_none() => {
                    return Err(BuildError::NoSampler(*source));
                }
                LayerConfig::Custom(custom) => {
                    let refused = |why| BuildError::Refused {
                        implementation: custom.maker.name().to_owned(),
                        why,
                    };
                    custom.maker.make(custom).map_err(refused)?;
                }
                _ => {}
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
