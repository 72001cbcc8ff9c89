//! Every [`Replica`](stormglass_protocol::replication::Replica) in the same small worlds: a group of
//! them with clients, on a network that loses, doubles, delays and reorders messages, with links that
//! are cut in both directions or one, disks that take their time, crashes between any two actions,
//! pauses and power cuts; and the checker that hears it all.
//!
//! # To add a kind of replica
//!
//! A kind is a [`world::Make`]: a function from a `GroupConfig` and a `Node` to a `Box<dyn Replica>`.
//! Give it a file beside `primary_backup.rs` with three tests:
//!
//! * `swarm::survives(make)`: a few hundred seeds of a default number, each a whole scenario, without
//!   a violation, and with progress once faults have ceased. `STORMGLASS_SWARM_SEEDS=10000` before
//!   `cargo test --release -p stormglass-protocol --test replication swarm` runs that many instead:
//!   name the test so that the filter finds it.
//! * `swarm::repeats(make)`: the same seed gives the same run.
//! * `swarm::caught(make, seeds, kind)` for broken variants: a `Make` that wraps the replica and
//!   does one thing wrong (answers for others, forgets what was forced, …); it says in how many of the
//!   seeds the checker found a violation of this kind.
//!
//! A seed that fails is run again with its trace, of which the end is in the panic.

mod alone;
#[path = "../two_phase_commit/random.rs"]
mod random;
mod swarm;
mod world;
