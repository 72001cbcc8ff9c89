//! Deployments: the order in which instances get a version, what tells that it goes wrong, and the
//! way back; and how many instances there should be.
//!
//! Four machines that know nothing of each other. [`Roll`] says which instances are replaced next;
//! [`Watch`] hears how requests ended and says when that is too bad; [`Rollback`] goes through the
//! steps of a way back, with the pauses that people need between them; [`Autoscaler`] says how many
//! instances a load needs. They refuse to know how an
//! instance is replaced, what a request is, and how long a person takes: the driver draws that.

mod detect;
mod roll;
mod rollback;
mod scale;

pub use detect::{Signal, Watch};
pub use roll::{Roll, Stage, canaries};
pub use rollback::{Delay, End, Next, Plan, Rollback, Task};
pub use scale::{Autoscaler, Load, Terms};
