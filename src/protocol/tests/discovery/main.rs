//! Discovery in a small simulated network: what the machines do step by step, how long they take by
//! closed forms, and that in the end everyone believes what is true.

mod checks;
mod gossip;
mod leases;
mod machines;
mod net;
mod random;
mod swarm;
