//! The client's side: a policy around a tower service.
//!
//! [`Policy`] is the service, [`PolicyLayer`] makes it. The state that all calls share is in
//! `shared`, what one call needs is in `future` and `timers`.

mod future;
mod layer;
mod service;
mod shared;
mod timers;

pub use future::ResponseFuture;
pub use layer::{BuildError, Builder, PolicyLayer};
pub use service::Policy;
pub use shared::{Decision, Observer};
