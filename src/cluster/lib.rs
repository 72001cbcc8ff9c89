//! The simulated world.
mod observer;
pub use observer::{EdgeId, Observer, Tick};
