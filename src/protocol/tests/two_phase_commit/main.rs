//! Two-phase commit in a small simulated network: what it costs without failures, that it keeps its
//! rules through every kind of failure, and that the checker sees when it does not.

mod broken;
mod costs;
mod machines;
mod properties;
mod random;
mod swarm;
mod world;
