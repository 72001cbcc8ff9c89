//! The policies of a model around the calls of a live service.
//!
//! The simulated world and this crate drive the same [`policy::Pipeline`]: what was tried in a
//! simulation is what runs here, setting for setting and decision for decision. This crate owns
//! what a live service has and a simulated one has not: tokio's clock and timers, futures that are
//! dropped, callers on many threads. It refuses to decide anything.
//!
//! [`PolicyLayer`] puts the layers of a policy around a [`tower`] service:
//!
//! ```
//! use clock::Duration;
//! use policy::config::{Backoff, BreakerConfig, Jitter, LayerConfig, PolicyConfig, RetryConfig, Span, Window};
//! use stormglass_live::{Error, PolicyLayer, Results};
//! use tower::{Layer, Service, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let config = PolicyConfig {
//!     // Outermost first: a retry around a breaker around a timeout.
//!     layers: vec![
//!         LayerConfig::Retry(RetryConfig {
//!             attempts: 3,
//!             backoff: Backoff::Exponential {
//!                 initial: Duration::from_millis(50),
//!                 factor: 2.0,
//!                 max: Duration::from_secs(1),
//!             },
//!             jitter: Jitter::Full,
//!             ..RetryConfig::default()
//!         }),
//!         LayerConfig::CircuitBreaker(BreakerConfig {
//!             window: Window::Consecutive(5),
//!             open_for: Duration::from_secs(10),
//!             ..BreakerConfig::default()
//!         }),
//!         LayerConfig::Timeout(Span::Constant(Duration::from_millis(300))),
//!     ],
//! };
//! let layer = PolicyLayer::builder(config).build(Results).expect("the policy can run here");
//!
//! // A callee that never answers.
//! let callee = service_fn(|_: u32| std::future::pending::<Result<u32, std::io::Error>>());
//! let mut service = layer.layer(callee);
//! assert!(matches!(service.call(1).await, Err(Error::Timeout)));
//! // Five attempts in a row have failed once the second call has made two: the breaker is open.
//! assert!(matches!(service.call(2).await, Err(Error::Rejected)));
//! assert_eq!(service.breakers(), Some((1, 0)));
//! # }
//! ```
//!
//! [`AdmissionLayer`] is the server's side: it lets requests in, or refuses them.
//!
//! # What a driver adds
//! A decision is made at the time at which the driver is awake. tokio's timers fall due at whole
//! milliseconds since the runtime's start, never early: a back-off of 12.3 ms ends after 13 ms.
//! Under tokio's paused time, that rounding is the only difference between this driver and one of
//! exact timers.

mod classify;
mod error;
mod random;
#[cfg(feature = "tower")]
mod tower_client;
#[cfg(feature = "tower")]
mod tower_server;

pub use classify::{Classify, Results};
pub use error::Error;
pub use random::{Draws, Sampler};
#[cfg(feature = "tower")]
pub use tower_client::{
    BuildError, Builder, Decision, Observer, Policy, PolicyLayer, ResponseFuture,
};
#[cfg(feature = "tower")]
pub use tower_server::{AdmissionLayer, Admit, AdmitFuture, Triage, Unserved};
