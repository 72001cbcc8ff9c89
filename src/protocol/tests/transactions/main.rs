//! Sagas and TCC in a small simulated network: what they cost without failures, that they keep their
//! rules through every kind of failure, and that their checkers see when they do not.
//!
//! `STORMGLASS_SWARM_SEEDS=10000` runs as many seeds of each swarm.

mod costs;
mod net;
mod properties;
#[path = "../two_phase_commit/random.rs"]
mod random;
mod saga;
mod saga_machines;
mod swarm;
mod tcc;
mod tcc_machines;
