//! A broker in a small simulated network: by hand what each setting does, against a naive model that
//! keeps everything, through every kind of failure; and that the checker sees when a rule is broken.

mod broken;
mod hand;
mod naive;
mod random;
mod swarm;
mod world;
