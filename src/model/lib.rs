//! The model language: YAML text to a checked [`Model`].
mod types;
pub use types::*;
